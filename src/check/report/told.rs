//! An observation as a line of a timeline: from where, to where, and what was seen, in words.

use core::net::SocketAddr;

use crate::check::judge::came;
use crate::check::seen::{
    Answer, Broke, Certificate, Connect, ConnectEnd, Fetch, Http, HttpEnd, Icmp, Idle, Interface, Lease, Lookup, Mqtt,
    MqttEnd, NameServer, Ping, Proxy, Route, Seen, SocketError, SystemTrust, Time, TimeEnd, Tls, TlsEnd, Trace, Wifi,
};

/// What is told of an observation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// From where, with its port; empty where it is not known.
    pub from: String,
    /// To where, with its port; empty where nothing was sent to one place.
    pub to: String,
    /// What was seen.
    pub text: String,
}

/// An observation in words.
pub fn told(seen: &Seen) -> Told {
    let (to, text) = match seen {
        Seen::System { name } => (None, format!("This computer runs {name}")),
        Seen::Interface(seen) => (None, interface(seen)),
        Seen::NameServer(seen) => (None, name_server(seen)),
        Seen::Proxy(seen) => (None, proxy(seen)),
        Seen::Lease(seen) => (None, lease(seen)),
        Seen::Route(seen) => (None, route(seen)),
        Seen::Wifi(seen) => (None, wifi(seen)),
        Seen::Lookup(seen) => (seen.server, lookup(seen)),
        Seen::Connect(seen) => return connect(seen),
        Seen::Tls(seen) => (Some(seen.to), tls(seen)),
        Seen::SystemTrust(seen) => (None, system_trust(seen)),
        Seen::Http(seen) => (Some(seen.to), http("HTTP", seen)),
        Seen::WebSocket(seen) => (Some(seen.to), http("WebSocket upgrade", seen)),
        Seen::Mqtt(seen) => (Some(seen.to), mqtt(seen)),
        Seen::Idle(seen) => (Some(seen.to), idle(seen)),
        Seen::Time(seen) => (Some(seen.server), time(seen)),
        Seen::Ping(seen) => return Told { to: seen.to.to_string(), text: ping(seen), ..Told::default() },
        Seen::Trace(seen) => (Some(seen.to), trace(seen)),
        Seen::Fetch(seen) => (None, fetch(seen)),
        Seen::GatewayClock { .. } => (None, "The gateway's clock was read".to_owned()),
        Seen::NotRun { what, why, detail } => {
            let what = what.map_or_else(|| "A probe".to_owned(), |what| format!("The probe {what}"));
            (None, format!("{what} was not run: {why}{}", tail(detail)))
        }
    };
    Told { from: String::new(), to: to.map(|to| to.to_string()).unwrap_or_default(), text }
}

/// A detail behind a colon, or nothing.
fn tail(detail: &str) -> String {
    if detail.is_empty() { String::new() } else { format!(": {detail}") }
}

fn list<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn interface(seen: &Interface) -> String {
    let state = if seen.is_up { "up" } else { "down" };
    let kind = if seen.is_tunnel {
        ", tunnel of a VPN"
    } else if seen.is_wifi {
        ", Wi-Fi"
    } else {
        ""
    };
    let routers = if seen.routers.is_empty() { String::new() } else { format!(", router {}", list(&seen.routers)) };
    let default = if seen.is_default { ", default route" } else { "" };
    format!("Interface {} is {state}{kind}, {}{routers}{default}", seen.name, list(&seen.addresses))
}

fn name_server(seen: &NameServer) -> String {
    let stub = if seen.is_stub { ", a stub on this computer" } else { "" };
    let ignored = if seen.ignored.is_empty() { String::new() } else { format!(", not asked: {}", seen.ignored) };
    format!("Name server {} from {}{stub}{ignored}", seen.entry, seen.from)
}

fn proxy(seen: &Proxy) -> String {
    format!("Proxy set by {}: {} {}", seen.source, seen.scheme, seen.address)
}

fn lease(seen: &Lease) -> String {
    let how = match seen.by_dhcp {
        Some(true) => "by DHCP",
        Some(false) => "by hand",
        None => "in a way the system doesn't report",
    };
    let server = seen.server.map(|server| format!(" from {server}")).unwrap_or_default();
    let portal = seen.portal.as_ref().map(|portal| format!(", captive portal {portal}")).unwrap_or_default();
    let address = seen.address.as_deref().unwrap_or("no address");
    format!("{} has {address}, set {how}{server}{portal}", seen.interface)
}

fn route(seen: &Route) -> String {
    let interface = seen.interface.as_deref().unwrap_or("no interface");
    let source = seen.source.map(|source| format!(" from {source}")).unwrap_or_default();
    let tunnel = if seen.is_tunnel { ", a tunnel of a VPN" } else { "" };
    format!("The way to {} leads through {interface}{source}{tunnel}", seen.to)
}

fn wifi(seen: &Wifi) -> String {
    format!("Network {} on {}, {}", seen.ssid, seen.band, seen.security)
}

fn lookup(seen: &Lookup) -> String {
    let asked = match (seen.server, seen.by) {
        (Some(server), Some(by)) => format!("asked of {server} over {}", by.as_str().to_uppercase()),
        (Some(server), None) => format!("asked of {server}"),
        (None, _) => "asked of the operating system".to_owned(),
    };
    let lost = if seen.lost > 0 { format!(", {} of {} queries lost", seen.lost, seen.sent) } else { String::new() };
    format!("{} {asked}: {}{lost}", seen.name, answer(&seen.answer))
}

fn answer(answer: &Answer) -> String {
    match answer {
        Answer::Message { rcode, addresses, aliases, ttl_secs, extended } => {
            let what = match (rcode, addresses.as_slice()) {
                (Some(2), _) => "the server failed (SERVFAIL)".to_owned(),
                (Some(3), _) => "the name does not exist (NXDOMAIN)".to_owned(),
                (Some(5), _) => "refused (REFUSED)".to_owned(),
                (Some(code @ 1..), _) => format!("error {code}"),
                (_, []) => "no address".to_owned(),
                (_, addresses) => list(addresses),
            };
            let aliases = if aliases.is_empty() { String::new() } else { format!(", by way of {}", list(aliases)) };
            let ttl = ttl_secs.map(|ttl| format!(", TTL {ttl} s")).unwrap_or_default();
            let extended: Vec<String> =
                extended.iter().map(|(code, text)| format!(", EDE {code}{}", tail(text))).collect();
            let extended = extended.concat();
            format!("{what}{aliases}{ttl}{extended}")
        }
        Answer::Overridden { addresses } => format!("{}, by the override file", list(addresses)),
        Answer::TimedOut => "no answer in time".to_owned(),
        Answer::Refused { icmp } => format!("refused{}", by_box(icmp.as_ref())),
        Answer::Truncated => "cut short over UDP, and TCP brought no whole answer".to_owned(),
        Answer::Failed { detail, .. } => format!("failed{}", tail(detail)),
    }
}

fn by_box(icmp: Option<&Icmp>) -> String {
    icmp.map(|icmp| format!(", ICMP type {} code {} from {}", icmp.kind, icmp.code, icmp.from)).unwrap_or_default()
}

fn connect(seen: &Connect) -> Told {
    let what = match &seen.end {
        ConnectEnd::Connected => "TCP connected".to_owned(),
        ConnectEnd::TimedOut => "TCP got no answer in time".to_owned(),
        ConnectEnd::Failed { error, icmp, .. } => format!("TCP {}{}", socket_error(*error), by_box(icmp.as_ref())),
    };
    let shape = if seen.shape.is_plain() { String::new() } else { format!(" ({})", seen.shape) };
    let attempt = if seen.attempt > 1 { format!(", attempt {}", seen.attempt) } else { String::new() };
    Told {
        from: seen.from.as_ref().map(SocketAddr::to_string).unwrap_or_default(),
        to: seen.to.to_string(),
        text: format!("{what}{shape}{attempt}"),
    }
}

const fn socket_error(error: SocketError) -> &'static str {
    match error {
        SocketError::Refused => "refused",
        SocketError::Reset => "reset",
        SocketError::NetworkUnreachable => "failed: network unreachable",
        SocketError::HostUnreachable => "failed: host unreachable",
        SocketError::NoProtocol => "failed: protocol not offered",
        SocketError::NotPermitted => "failed: not permitted on this computer",
        SocketError::NoSuchAddress => "failed: no such source address",
        SocketError::Other => "failed",
    }
}

fn broke(broke: &Broke) -> String {
    match broke {
        Broke::Silent => "no answer in time".to_owned(),
        Broke::Unfinished { bytes } => format!("{} came and no end of them in time", came(*bytes)),
        Broke::Reset => "the connection was reset".to_owned(),
        Broke::Closed => "the far end closed the connection".to_owned(),
        Broke::Other { begins } => format!("something else answered, beginning with {begins}"),
        Broke::TooLong { bytes } => format!("more came than is read, after {bytes} bytes"),
    }
}

fn tls(seen: &Tls) -> String {
    let end = match &seen.end {
        TlsEnd::Done { version, cipher, .. } => format!("{version}, {cipher}"),
        TlsEnd::Alert { alert, .. } => format!("the server ended it with the alert {alert}"),
        TlsEnd::Broken(end) => broke(end),
        TlsEnd::Failed { detail } => format!("the handshake failed{}", tail(detail)),
    };
    let shape = if seen.shape.is_plain() { String::new() } else { format!(" ({})", seen.shape) };
    let leaf = seen.chain.first().map(certificate).unwrap_or_default();
    format!("TLS for {}{shape}: {end}{leaf}", seen.name)
}

fn certificate(leaf: &Certificate) -> String {
    format!("; certificate for {}, issued by {}", leaf.subject, leaf.issuer)
}

fn system_trust(seen: &SystemTrust) -> String {
    let what = match seen.trusts {
        Some(true) => "trusts the certificate",
        Some(false) => "doesn't trust the certificate",
        None => "couldn't judge the certificate",
    };
    format!("The system's list of issuers {what}{}", tail(&seen.detail))
}

fn http(what: &str, seen: &Http) -> String {
    format!("{what} {}: {}", seen.url, http_end(&seen.end))
}

fn http_end(end: &HttpEnd) -> String {
    match end {
        HttpEnd::Status { status, server, location, .. } => {
            let server = server.as_ref().map(|server| format!(" from {server}")).unwrap_or_default();
            let location = location.as_ref().map(|to| format!(", sends on to {to}")).unwrap_or_default();
            format!("status {status}{server}{location}")
        }
        HttpEnd::Broken(end) => broke(end),
    }
}

fn mqtt(seen: &Mqtt) -> String {
    let end = match &seen.end {
        MqttEnd::Connack { code } => format!("CONNACK {code}"),
        MqttEnd::Alert { alert } => format!("TLS alert {alert}"),
        MqttEnd::Broken(end) => broke(end),
    };
    format!("MQTT CONNECT inside {}: {end}", seen.inside)
}

fn idle(seen: &Idle) -> String {
    match &seen.cut {
        None => format!("The idle connection still answered after {} s", seen.secs),
        Some((end, after)) => format!("Idle connection of {} s: {} after {after} s", seen.secs, broke(end)),
    }
}

fn time(seen: &Time) -> String {
    match &seen.end {
        TimeEnd::Reply { from, stratum, offset_micros, delay_micros, .. } => format!(
            "Time from {from}, stratum {stratum}: this computer is off by {} s, round trip {} ms",
            seconds(*offset_micros),
            delay_micros / 1000
        ),
        TimeEnd::Told { program, offset_micros, stratum } => {
            let stratum = stratum.map(|stratum| format!(", stratum {stratum}")).unwrap_or_default();
            format!(
                "{program} reports from {}{stratum}: this computer is off by {} s",
                seen.server,
                seconds(*offset_micros)
            )
        }
        TimeEnd::Odd { from, why } => format!("{from} answered with something else{}", tail(why)),
        TimeEnd::Refused { error, icmp } => format!("Time request {}{}", socket_error(*error), by_box(icmp.as_ref())),
        TimeEnd::Silent => "No time came".to_owned(),
    }
}

/// Microseconds as seconds with three places.
fn seconds(micros: i64) -> String {
    let millis = micros / 1000;
    let sign = if millis < 0 { "−" } else { "" };
    format!("{sign}{}.{:03}", millis.unsigned_abs() / 1000, millis.unsigned_abs() % 1000)
}

fn ping(seen: &Ping) -> String {
    let fastest = seen.replies_micros.iter().min().map(|micros| format!(", fastest {} ms", micros / 1000));
    format!("{} of {} echo requests answered{}", seen.replies_micros.len(), seen.sent, fastest.unwrap_or_default())
}

fn trace(seen: &Trace) -> String {
    let hops = seen.hops.iter().map(|hop| match (&hop.icmp, hop.is_reached) {
        (_, true) => format!("{} reached", hop.ttl),
        (Some(icmp), _) => format!("{} {}", hop.ttl, icmp.from),
        (None, _) => format!("{} silent", hop.ttl),
    });
    format!("The way over {}: {}", seen.by.as_str().to_uppercase(), hops.collect::<Vec<_>>().join(", "))
}

fn fetch(seen: &Fetch) -> String {
    let content =
        if seen.content.is_empty() { String::new() } else { format!(", {} of {} bytes", seen.content, seen.bytes) };
    format!("{}: {}{content}", seen.url, http_end(&seen.end))
}
