//! What the programs of a simulated gateway print when a network check runs them: what the simulated network does to the same
//! hosts and ports for a laptop, once the gateway has joined. TCP port 8883 a firewall drops for the gateway alone.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::sim::air::{LEASED, ROUTER};
use crate::sim::network::{Behind, Does, NetworkTable, portal_url};

/// The port that is silent.
const BLOCKED: &str = "8883";
/// Where time servers listen.
const NTP: u16 = 123;
/// The answer to the key that checks send (RFC 6455 section 1.3).
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// Which programs there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Programs {
    /// A curl that prints no chains, bash, getent and ntpdate.
    Usual,
    /// Those of busybox.
    Busybox,
}

impl Programs {
    /// Of small systems only busybox is known.
    pub(super) fn of(os: &str) -> Self {
        let is_small = ["busybox", "buildroot", "openwrt"].iter().any(|name| os.to_lowercase().contains(name));
        if is_small { Self::Busybox } else { Self::Usual }
    }

    const fn found(self) -> &'static str {
        match self {
            Self::Usual => {
                "has=curl /usr/bin/curl\nhas=bash /usr/bin/bash\nhas=getent /usr/bin/getent\nhas=ntpdate /usr/sbin/ntpdate\n\
                 has=ping /usr/bin/ping\nhas=timeout /usr/bin/timeout\nhas=ip /usr/sbin/ip\n"
            }
            Self::Busybox => {
                "has=nc /bin/busybox\nhas=nslookup /bin/busybox\nhas=ntpd /bin/busybox\nhas=ping /bin/busybox\n\
                 has=timeout /bin/busybox\nhas=ip /bin/busybox\nhas=busybox /bin/busybox\n"
            }
        }
    }

    const fn versions(self) -> &'static str {
        match self {
            Self::Usual => "curl=curl 7.68.0 (arm-unknown-linux-gnueabihf)\nopenssl=\nlimit=timeout\nsystem=Linux\n",
            Self::Busybox => "curl=\nopenssl=\nlimit=timeout\nruns=nc\nsystem=Linux\n",
        }
    }

    /// What a line of a check prints; `None` where it belongs to none. Without a network the gateway is in none.
    pub(super) fn answer(self, line: &str, network: Option<&NetworkTable>) -> Option<String> {
        if line.starts_with("for p in curl openssl") {
            return Some(self.found().into());
        }
        if line.starts_with("echo curl=$(curl") {
            return Some(self.versions().into());
        }
        let (command, rest) = line.strip_prefix("{ b=$({ { ")?.split_once("; } 2>&3;echo \"<")?;
        let (mark, _) = rest.split_once("=$?>")?;
        let Printed { err, code, out } = printed(command, mark, network);
        Some(format!("{err}<{mark}={code}>\n<{mark}+>{out}\n"))
    }
}

/// What a program did.
struct Printed {
    err: String,
    code: u8,
    out: String,
}

fn said(err: impl Into<String>, code: u8, out: impl Into<String>) -> Printed {
    Printed { err: err.into(), code, out: out.into() }
}

fn printed(command: &str, mark: &str, network: Option<&NetworkTable>) -> Printed {
    let has = |word: &str| command.contains(word);
    if has("date +clock=") {
        said("", 0, settings())
    } else if has("-o addr") {
        said("", 0, addresses(network.is_some()))
    } else if has("getent ahosts") || has("nslookup") {
        names(command, network)
    } else if has("curl -q") {
        curl(command, mark, network)
    } else if has("/dev/tcp/") || has("nc -w") {
        bare(command, network)
    } else if has("ntpdate -q") || has("ntpd ") {
        time(command, network)
    } else if has("ping ") {
        ping(network.is_some())
    } else {
        said("sh: command not found\n", 127, "")
    }
}

fn settings() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    format!("clock={now}\nnameserver {ROUTER}\n")
}

fn addresses(is_connected: bool) -> String {
    let own = if is_connected {
        format!("3: wlan0    inet {LEASED}/24 scope global wlan0\ndefault via {ROUTER} dev wlan0\n")
    } else {
        String::new()
    };
    format!("1: lo    inet 127.0.0.1/8 scope host lo\n{own}")
}

fn names(command: &str, network: Option<&NetworkTable>) -> Printed {
    let is_getent = command.contains("getent");
    let name = command.split('\'').nth(1).unwrap_or_default();
    match (network.map(|network| network.address(name)), is_getent) {
        (Some(Some(ip)), true) => said("", 0, format!("{ip}       STREAM {name}\n{ip}       DGRAM\n")),
        (Some(Some(ip)), false) => {
            said("", 0, format!("Server:\t\t{ROUTER}\nAddress:\t{ROUTER}:53\n\nName:\t{name}\nAddress: {ip}\n"))
        }
        (Some(None) | None, true) => said("", 2, ""),
        (Some(None), false) => said("", 1, format!("** server can't find {name}: NXDOMAIN\n")),
        (None, false) => said("", 1, ";; connection timed out; no servers could be reached\n"),
    }
}

/// What a gateway meets at a host and port.
enum Met {
    /// It has no network.
    NoNetwork,
    /// Nothing comes back.
    Dropped,
    /// The port is closed.
    Refused,
    /// A server, or a box that plays one.
    Server(Behind),
}

impl Met {
    fn at(host: &str, port: &str, network: Option<&NetworkTable>) -> Self {
        let Some(network) = network else { return Self::NoNetwork };
        if port == BLOCKED {
            return Self::Dropped;
        }
        let behind = network.behind(host, port.parse().unwrap_or_default());
        if behind.does == Does::Closed { Self::Refused } else { Self::Server(behind) }
    }
}

/// Host and port of the address that curl was given.
fn url(command: &str) -> Option<(bool, &str, &str)> {
    let (before, rest) = command.rsplit_once("://")?;
    let (host, port) = rest.split(['/', '\'']).next()?.rsplit_once(':')?;
    Some((before.ends_with("https"), host.trim_matches(['[', ']']), port))
}

fn curl(command: &str, mark: &str, network: Option<&NetworkTable>) -> Printed {
    let Some((is_tls, host, port)) = url(command) else { return said("curl: (3) URL malformed\n", 3, "") };
    let figures = |connect: &str, appconnect: &str| format!("\n<{mark}w>{connect}|{appconnect}|{LEASED}|40000|\n");
    let nothing = figures("0.000000", "0.000000");
    let server = match Met::at(host, port, network) {
        Met::NoNetwork => {
            let words = "* Immediate connect fail: Network is unreachable\ncurl: (7) Couldn't connect to server\n";
            return said(format!("{words}{nothing}"), 7, "");
        }
        Met::Dropped => {
            return said(format!("curl: (28) Connection timed out after 5001 milliseconds\n{nothing}"), 28, "");
        }
        Met::Refused => {
            let words = format!("curl: (7) Failed to connect to {host} port {port}: Connection refused\n");
            return said(format!("{words}{nothing}"), 7, "");
        }
        Met::Server(server) => server,
    };
    let is_judged = !command.contains("-gsSvk");
    if let Some((code, why)) = broken_handshake(server.does, is_judged).filter(|_| is_tls) {
        return said(format!("* Connected to host\ncurl: ({code}) {why}\n{}", figures("0.012", "0.000000")), code, "");
    }
    let (secured, appconnect) =
        if is_tls { ("* SSL connection using TLSv1.3 / TLS_AES_256_GCM_SHA384\n", "0.040") } else { ("", "0.000000") };
    let (code, head) = answered(server, command.contains("Upgrade: websocket"));
    said(format!("* Connected to host\n{secured}{head}{}", figures("0.012", appconnect)), code, "")
}

/// How a handshake ends where a box is in between, by curl's exit code and words.
const fn broken_handshake(does: Does, is_judged: bool) -> Option<(u8, &'static str)> {
    match does {
        Does::Filtered => Some((35, "OpenSSL SSL_connect: Connection reset by peer in connection to the server")),
        Does::Intercepted if is_judged => Some((60, "SSL certificate problem: unable to get local issuer certificate")),
        _ => None,
    }
}

/// The head of an answer as curl shows it, and how curl ends.
fn answered(server: Behind, is_upgrade: bool) -> (u8, String) {
    match server.does {
        Does::Silent => (28, "curl: (28) Operation timed out after 10001 milliseconds with 0 bytes received\n".into()),
        Does::Portal => (0, format!("< HTTP/1.1 302 Found\n< Location: {}\n", portal_url())),
        // A WebSocket stays open until the time is over.
        _ if is_upgrade => {
            let accept = format!("< Sec-WebSocket-Accept: {ACCEPT}\n< Sec-WebSocket-Protocol: mqtt\n");
            (28, format!("< HTTP/1.1 101 Switching Protocols\n{accept}"))
        }
        _ => (0, format!("< HTTP/1.1 {} Simulated\n< Server: simulated\n", server.status)),
    }
}

/// Host and port of a connection by bash or nc.
fn endpoint(command: &str) -> Option<(&str, &str)> {
    let words = |text| str::split(text, [' ', ';', '\'', '|', '/']).filter(|word: &&str| !word.is_empty());
    let mut found = match command.split_once("/dev/tcp/") {
        Some((_, rest)) => words(rest),
        // Behind the option stands its number of seconds.
        None => words(command.rsplit_once("nc -w ")?.1.split_once(' ')?.1),
    };
    Some((found.next()?, found.next()?))
}

fn bare(command: &str, network: Option<&NetworkTable>) -> Printed {
    let Some((host, port)) = endpoint(command) else { return said("nc: bad arguments\n", 2, "") };
    let server = match Met::at(host, port, network) {
        Met::NoNetwork => return said("nc: can't connect to remote host: Network is unreachable\n", 1, ""),
        Met::Dropped => return said("nc: timed out\n", 1, ""),
        Met::Refused => return said(format!("nc: can't connect to remote host ({host}): Connection refused\n"), 1, ""),
        Met::Server(server) => server,
    };
    if !command.contains("GET %s") {
        return said("", 0, "");
    }
    match server.does {
        Does::Silent => said("", 143, ""),
        Does::Portal => said("", 0, format!("HTTP/1.1 302 Found\nLocation: {}\n\n", portal_url())),
        _ => said("", 0, format!("HTTP/1.1 {} Simulated\nServer: simulated\n\n", server.status)),
    }
}

fn time(command: &str, network: Option<&NetworkTable>) -> Printed {
    let is_ntpdate = command.contains("ntpdate -q");
    let server = command.split_whitespace().next_back().unwrap_or_default();
    let found = network.map(|network| network.behind(server, NTP));
    // Its own clock is a little behind.
    let ahead = found.filter(|found| !matches!(found.does, Does::Closed | Does::Silent)).map(|found| found.ahead_secs);
    match (ahead, is_ntpdate) {
        (Some(ahead), true) => {
            said("", 0, format!("server {server}, stratum 2, offset {ahead}.000100, delay 0.02563\n"))
        }
        (None, true) => said("no server suitable for synchronization found\n", 1, ""),
        (Some(ahead), false) => {
            let reply = format!(
                "reply from {server}: offset:{ahead:+}.000100 delay:0.012000 status:0x24 strat:2 refid:0x0a000001"
            );
            said(format!("ntpd: {reply}\n"), 143, "")
        }
        (None, false) => said("", 143, ""),
    }
}

fn ping(is_connected: bool) -> Printed {
    if is_connected {
        said("", 0, "64 bytes from 20.50.1.1: seq=0 ttl=57 time=12.103 ms\n")
    } else {
        said("ping: sendto: Network is unreachable\n", 1, "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Catalog;

    fn wrapped(command: &str) -> String {
        format!("{{ b=$({{ {{ {command}; }} 2>&3;echo \"<lm1=$?>\" >&3; }} </dev/null); }} 3>&1")
    }

    #[test]
    fn small_systems_have_busybox_alone() {
        assert_eq!(Programs::of("Buildroot 2024.02"), Programs::Busybox);
        assert_eq!(Programs::of("Simulated Linux 12"), Programs::Usual);
        let asked = Programs::Busybox.answer("for p in curl openssl bash; do …", None).unwrap();
        assert!(asked.contains("has=nc /bin/busybox") && !asked.contains("curl"));
    }

    #[test]
    fn what_belongs_to_no_check_is_left_to_the_shell() {
        let network = NetworkTable::default();
        assert_eq!(Programs::Usual.answer("nmcli device", Some(&network)), None);
        let line = wrapped("timeout 5 bash -c 'exec 4<>/dev/tcp/20.50.1.1/8883'");
        assert_eq!(Programs::Usual.answer(&line, Some(&network)).unwrap(), "nc: timed out\n<lm1=1>\n<lm1+>\n");
    }

    #[test]
    fn a_port_that_is_closed_for_the_laptop_is_closed_for_the_gateway() {
        let catalog = Catalog::built_in();
        let profile = catalog.find("casambi-cloud-gateway").unwrap();
        let network = NetworkTable::of(profile);
        let row = profile.endpoints.iter().find(|endpoint| endpoint.id.as_str() == "CAS-08").unwrap();
        let host = row.hosts[0].to_string();
        let at = network.address(&host).unwrap();
        let by_curl = wrapped(&format!("curl -q -gsSv --resolve 'x' 'https://{host}:443/'"));
        let by_nc = wrapped(&format!("nc -w 5 {at} 443 -e true"));
        for line in [by_curl, by_nc] {
            let printed = Programs::Usual.answer(&line, Some(&network)).unwrap();
            assert!(printed.contains("Connection refused"), "{printed}");
        }
    }
}
