//! [`reproduce`]: the same look with the tools each system has, and what a good answer looks like.

use crate::model::endpoint::ProbeKind;

/// One command for one system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reproduce {
    /// `Windows`, `macOS` or `Linux`.
    pub system: &'static str,
    /// What to type.
    pub command: String,
    /// What a good answer looks like.
    pub good: &'static str,
}

/// The commands for a step towards a host and port.
pub fn reproduce(step: ProbeKind, host: &str, port: u16, path: &str) -> Vec<Reproduce> {
    // A name from a file goes into a command that somebody copies: only what names and addresses consist of.
    let host: String =
        host.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '_')).collect();
    let path: String =
        path.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '.' | '_' | '$' | '~')).collect();
    let path = if path.is_empty() { "/".to_owned() } else { path };
    let (windows, macos, linux, good) = match step {
        ProbeKind::Dns => {
            let dig = format!("dig {host}");
            (format!("Resolve-DnsName {host}"), dig.clone(), dig, "status NOERROR and public addresses")
        }
        ProbeKind::Tcp => (
            format!("Test-NetConnection {host} -Port {port}"),
            format!("nc -vz -G 5 {host} {port}"),
            format!("nc -vz -w 5 {host} {port}"),
            "TcpTestSucceeded : True, or \"succeeded\"",
        ),
        ProbeKind::Tls | ProbeKind::Mqtt => {
            let openssl = format!("openssl s_client -connect {host}:{port} -servername {host} </dev/null");
            (
                format!("curl.exe -v --max-time 10 https://{host}:{port}/"),
                openssl.clone(),
                openssl,
                "a certificate from the vendor's authority, and \"Verify return code: 0 (ok)\"",
            )
        }
        ProbeKind::Http | ProbeKind::Idle => {
            let rest = format!("-sS -w '%{{http_code}}\\n' --noproxy '*' https://{host}:{port}{path}");
            (
                format!("curl.exe -sS -o NUL -w \"%{{http_code}}\" --noproxy * https://{host}:{port}{path}"),
                format!("curl -o /dev/null {rest}"),
                format!("curl -o /dev/null {rest}"),
                "a status such as 200, 401, 403 or 404; never 407 or 511",
            )
        }
        ProbeKind::WebSocket => {
            let rest = format!(
                "--http1.1 -H \"Connection: Upgrade\" -H \"Upgrade: websocket\" -H \"Sec-WebSocket-Version: 13\" -H \"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\" https://{host}:{port}{path}"
            );
            (
                format!("curl.exe -i {rest}"),
                format!("curl -i {rest}"),
                format!("curl -i {rest}"),
                "status 101, or a 4xx of the service",
            )
        }
        ProbeKind::Ntp => (
            format!("w32tm /stripchart /computer:{host} /samples:1 /dataonly"),
            format!("sntp {host}"),
            format!("chronyd -Q \"server {host} iburst\""),
            "an offset in seconds",
        ),
        ProbeKind::Icmp => {
            let ping = format!("ping -c 3 {host}");
            (format!("ping -n 3 {host}"), ping.clone(), ping, "a reply with a time")
        }
        ProbeKind::Revocation => {
            let curl = format!("curl -sS -I http://{host}/");
            (
                format!("curl.exe -sS -I http://{host}/"),
                curl.clone(),
                curl,
                "any status of the authority's server, not a page of the firewall",
            )
        }
    };
    [("Windows", windows), ("macOS", macos), ("Linux", linux)]
        .into_iter()
        .map(|(system, command)| Reproduce { system, command, good })
        .collect()
}
