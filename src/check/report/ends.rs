//! Where an observation was made from and to, with ports: by these a line in a firewall's log is found.

use core::net::SocketAddr;

use crate::check::seen::Seen;

/// From where and to where; empty where it is not known.
pub(super) fn ends(seen: &Seen) -> (String, String) {
    let to = |to: &SocketAddr| (String::new(), to.to_string());
    match seen {
        Seen::Connect(seen) => (seen.from.map(|from| from.to_string()).unwrap_or_default(), seen.to.to_string()),
        Seen::Lookup(seen) => seen.server.as_ref().map(to).unwrap_or_default(),
        Seen::Tls(seen) => to(&seen.to),
        Seen::Http(seen) | Seen::WebSocket(seen) => to(&seen.to),
        Seen::Mqtt(seen) => to(&seen.to),
        Seen::Idle(seen) => to(&seen.to),
        Seen::Time(seen) => to(&seen.server),
        Seen::Ping(seen) => (String::new(), seen.to.to_string()),
        Seen::Trace(seen) => to(&seen.to),
        Seen::System { .. }
        | Seen::Interface(_)
        | Seen::NameServer(_)
        | Seen::Proxy(_)
        | Seen::Lease(_)
        | Seen::Route(_)
        | Seen::Wifi(_)
        | Seen::SystemTrust(_)
        | Seen::Fetch(_)
        | Seen::GatewayClock { .. }
        | Seen::NotRun { .. } => (String::new(), String::new()),
    }
}
