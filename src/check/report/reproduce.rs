//! How an administrator sees the same with stock tools, and what a good answer looks like.
//!
//! Only hosts that are names or addresses go into a command: what stands in a file of evidence may be pasted into a shell.

use core::net::IpAddr;

use serde::Serialize;

use crate::check::plan::Target;
use crate::model::endpoint::{Endpoint, ProbeKind, Transport, is_host_name};

/// One way to look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Command {
    /// The system it runs on.
    pub system: &'static str,
    /// What is typed.
    pub command: String,
}

/// What to type, and what a good answer looks like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Recipe {
    /// What is typed on each system.
    pub commands: Vec<Command>,
    /// What a good answer looks like.
    pub good: String,
}

/// The recipes for a target of a row, from the lowest layer to the row's own protocol.
pub fn recipes(endpoint: &Endpoint, target: &Target) -> Vec<Recipe> {
    let host = target.host.as_str();
    let is_address = host.parse::<IpAddr>().is_ok();
    if !is_address && !is_host_name(host) {
        return Vec::new();
    }
    let mut found = Vec::new();
    if !is_address && endpoint.probes.contains(&ProbeKind::Dns) {
        found.push(dns(host));
    }
    let has = |probe| endpoint.probes.contains(&probe);
    let is_udp = endpoint.transport == Transport::Udp;
    match target.port {
        _ if has(ProbeKind::Ntp) => found.push(ntp(host)),
        _ if has(ProbeKind::Icmp) => found.push(ping(host)),
        0 => {}
        port if has(ProbeKind::Tls) => found.push(tls(host, port)),
        port if !is_udp && has(ProbeKind::Tcp) => found.push(tcp(host, port)),
        _ => {}
    }
    found
}

fn recipe(windows: String, macos: String, linux: String, good: &str) -> Recipe {
    let one = |(system, command)| Command { system, command };
    let commands = [("Windows", windows), ("macOS", macos), ("Linux", linux)].map(one).into();
    Recipe { commands, good: good.to_owned() }
}

fn dns(host: &str) -> Recipe {
    recipe(
        format!("Resolve-DnsName {host}"),
        format!("dig {host}"),
        format!("dig {host}"),
        "At least one address that is neither private nor 0.0.0.0. Further names in the answer (CNAME) may need a rule each",
    )
}

fn tcp(host: &str, port: u16) -> Recipe {
    recipe(
        format!("Test-NetConnection {host} -Port {port}"),
        format!("nc -vz -G 5 {host} {port}"),
        format!("nc -vz -w 5 {host} {port}"),
        "TcpTestSucceeded : True on Windows; \"succeeded\" or \"open\" elsewhere",
    )
}

fn tls(host: &str, port: u16) -> Recipe {
    let place = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let name = if host.parse::<IpAddr>().is_ok() { String::new() } else { format!(" -servername {host}") };
    recipe(
        format!("curl.exe -v --max-time 10 https://{place}/"),
        format!("openssl s_client -connect {place}{name} -showcerts </dev/null"),
        format!("openssl s_client -connect {place}{name} -showcerts </dev/null"),
        "A certificate for this name by a public issuer, not by the firewall. What comes after the handshake does not matter, not \
         even an error: the service expects the gateway's login",
    )
}

fn ntp(host: &str) -> Recipe {
    recipe(
        format!("w32tm /stripchart /computer:{host} /samples:2 /dataonly"),
        format!("sntp {host}"),
        format!("chronyd -Q -t 5 \"server {host} iburst\""),
        "An offset in seconds. No answer, or an error 0x800705B4 on Windows, means that UDP port 123 is blocked",
    )
}

fn ping(host: &str) -> Recipe {
    recipe(format!("ping -n 3 {host}"), format!("ping -c 3 {host}"), format!("ping -c 3 {host}"), "At least one reply")
}
