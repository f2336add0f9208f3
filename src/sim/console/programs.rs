//! What the programs of a simulated gateway print when a network check runs them: a table, held against no network. Everything
//! answers once the gateway has joined, but TCP port 8883, which a firewall drops for this gateway alone.

use std::time::{SystemTime, UNIX_EPOCH};

/// The port that is silent.
const BLOCKED: &str = "8883";
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

    /// What a line of a check prints; `None` where it belongs to none.
    pub(super) fn answer(self, line: &str, is_connected: bool) -> Option<String> {
        if line.starts_with("for p in curl openssl") {
            return Some(self.found().into());
        }
        if line.starts_with("echo curl=$(curl") {
            return Some(self.versions().into());
        }
        let (command, rest) = line.strip_prefix("{ b=$({ { ")?.split_once("; } 2>&3;echo \"<")?;
        let (mark, _) = rest.split_once("=$?>")?;
        let Printed { err, code, out } = printed(command, mark, is_connected);
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

fn printed(command: &str, mark: &str, is_connected: bool) -> Printed {
    let has = |word: &str| command.contains(word);
    let is_blocked = has(&format!(":{BLOCKED}")) || has(&format!("/{BLOCKED}")) || has(&format!(" {BLOCKED} "));
    if has("date +clock=") {
        said("", 0, settings())
    } else if has("-o addr") {
        let address = if is_connected { "3: wlan0    inet 192.0.2.17/24 scope global wlan0\n" } else { "" };
        let route = if is_connected { "default via 192.0.2.1 dev wlan0\n" } else { "" };
        said("", 0, format!("1: lo    inet 127.0.0.1/8 scope host lo\n{address}{route}"))
    } else if has("getent ahosts") || has("nslookup") {
        names(command, is_connected)
    } else if has("curl -q") {
        curl(command, mark, is_connected, is_blocked)
    } else if has("/dev/tcp/") || has("nc -w") {
        bare(command, is_connected, is_blocked)
    } else if has("ntpdate -q") && is_connected {
        said("", 0, format!("server {}, stratum 2, offset 0.000100, delay 0.02563\n", last_word(command)))
    } else if has("ntpdate -q") {
        said("no server suitable for synchronization found\n", 1, "")
    } else if has("ntpd ") && is_connected {
        let reply = "reply from 20.50.1.1: offset:+0.000100 delay:0.012000 status:0x24 strat:2 refid:0x0a000001";
        said(format!("ntpd: {reply}\n"), 143, "")
    } else if has("ntpd ") {
        said("", 143, "")
    } else if has("ping ") && is_connected {
        said("", 0, "64 bytes from 20.50.1.1: seq=0 ttl=57 time=12.103 ms\n")
    } else if has("ping ") {
        said("ping: sendto: Network is unreachable\n", 1, "")
    } else {
        said("sh: command not found\n", 127, "")
    }
}

fn settings() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    format!("clock={now}\nnameserver 192.0.2.1\n")
}

fn last_word(command: &str) -> &str {
    command.split_whitespace().next_back().unwrap_or_default()
}

fn names(command: &str, is_connected: bool) -> Printed {
    let is_getent = command.contains("getent");
    let name = command.split('\'').nth(1).unwrap_or_default();
    match (is_connected, is_getent) {
        (true, true) => said("", 0, format!("20.50.1.1       STREAM {name}\n20.50.1.1       DGRAM\n")),
        (true, false) => {
            said("", 0, format!("Server:\t\t192.0.2.1\nAddress:\t192.0.2.1:53\n\nName:\t{name}\nAddress: 20.50.1.1\n"))
        }
        (false, true) => said("", 2, ""),
        (false, false) => said("", 1, ";; connection timed out; no servers could be reached\n"),
    }
}

fn curl(command: &str, mark: &str, is_connected: bool, is_blocked: bool) -> Printed {
    let figures = |connect: &str, appconnect: &str| format!("\n<{mark}w>{connect}|{appconnect}|192.0.2.17|40000|\n");
    if !is_connected {
        let words = "* Immediate connect fail: Network is unreachable\ncurl: (7) Couldn't connect to server\n";
        return said(format!("{words}{}", figures("0.000000", "0.000000")), 7, "");
    }
    if is_blocked {
        let words = "curl: (28) Connection timed out after 5001 milliseconds\n";
        return said(format!("{words}{}", figures("0.000000", "0.000000")), 28, "");
    }
    let secured =
        if command.contains("'https://") { "* SSL connection using TLSv1.3 / TLS_AES_256_GCM_SHA384\n" } else { "" };
    let appconnect = if secured.is_empty() { "0.000000" } else { "0.040" };
    if command.contains("Upgrade: websocket") {
        let head = format!(
            "< HTTP/1.1 101 Switching Protocols\n< Sec-WebSocket-Accept: {ACCEPT}\n< Sec-WebSocket-Protocol: mqtt\n"
        );
        return said(format!("* Connected to host\n{secured}{head}{}", figures("0.012", appconnect)), 28, "");
    }
    let head = "< HTTP/1.1 403 Forbidden\n< Server: simulated\n";
    said(format!("* Connected to host\n{secured}{head}{}", figures("0.012", appconnect)), 0, "")
}

fn bare(command: &str, is_connected: bool, is_blocked: bool) -> Printed {
    if !is_connected {
        return said("nc: can't connect to remote host: Network is unreachable\n", 1, "");
    }
    if is_blocked {
        return said("nc: timed out\n", 1, "");
    }
    let out = if command.contains("GET %s") { "HTTP/1.1 403 Forbidden\nServer: simulated\n\n" } else { "" };
    said("", 0, out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_systems_have_busybox_alone() {
        assert_eq!(Programs::of("Buildroot 2024.02"), Programs::Busybox);
        assert_eq!(Programs::of("Simulated Linux 12"), Programs::Usual);
        let asked = Programs::Busybox.answer("for p in curl openssl bash; do …", true).unwrap();
        assert!(asked.contains("has=nc /bin/busybox") && !asked.contains("curl"));
    }

    #[test]
    fn what_belongs_to_no_check_is_left_to_the_shell() {
        assert_eq!(Programs::Usual.answer("nmcli device", true), None);
        let line = "{ b=$({ { timeout 5 bash -c 'exec 4<>/dev/tcp/20.50.1.1/8883'; } 2>&3;echo \"<lm1=$?>\" >&3; } </dev/null); } 3>&1";
        assert_eq!(Programs::Usual.answer(line, true).unwrap(), "nc: timed out\n<lm1=1>\n<lm1+>\n");
    }
}
