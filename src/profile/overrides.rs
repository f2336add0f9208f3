//! Override files: where packets of a network check go instead of where they should, for test sites and the demo.
//!
//! Only addresses, ports and trusted roots change, never what is asked or how it is judged. `docs/overrides.md` is the page.

use core::net::{IpAddr, SocketAddr};

use super::error::{FileError, FileKind};
use super::read::{Table, Taken, Value, read_file};
use super::schema::shapes;
use crate::model::endpoint::is_host_name;

/// Ports a packet can go to.
const PORTS: std::ops::RangeInclusive<i64> = 1..=65535;

shapes! {
    TOP = "the top of the file" ["map" "dns" "ntp" "trust"]
    MAP = "[[map]]" ["host" "port" "to"]
    DNS = "[dns]" ["servers"]
    NTP = "[ntp]" ["port"]
    TRUST = "[trust]" ["roots"]
}

/// Every table of the format.
pub fn all() -> impl Iterator<Item = &'static super::schema::Shape> {
    TABLES.iter().copied()
}

/// What an override file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OverrideFile {
    /// Where hosts lead.
    pub map: Vec<Mapping>,
    /// Name servers to ask instead of the system's.
    pub name_servers: Vec<SocketAddr>,
    /// The port of time servers instead of 123.
    pub ntp_port: Option<u16>,
    /// Files with roots that are trusted beside those of the profile, as written: relative to the override file.
    pub root_files: Vec<String>,
}

/// Where a host leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The host, a name or an address.
    pub host: String,
    /// The port; `None` for all of them.
    pub port: Option<u16>,
    /// Where packets go.
    pub to: SocketAddr,
}

impl OverrideFile {
    /// Everything it changes, a line each, for reports.
    pub fn lines(&self) -> Vec<String> {
        let map = self.map.iter().map(|mapping| match mapping.port {
            Some(port) => format!("{} port {port} leads to {}", mapping.host, mapping.to),
            None => format!("{} leads to {}", mapping.host, mapping.to),
        });
        let servers = self.name_servers.iter().map(|server| format!("Names are asked of {server}"));
        let ntp = self.ntp_port.map(|port| format!("Time is asked on port {port}"));
        let roots = self.root_files.iter().map(|file| format!("The root certificates of {file} are trusted"));
        map.chain(servers).chain(ntp).chain(roots).collect()
    }
}

/// Reads an override file. `file` is only named in the mistakes.
pub fn parse_overrides(file: &str, text: &str) -> Result<OverrideFile, Vec<FileError>> {
    read_file(FileKind::Overrides, file, text, &TOP, read)
}

#[expect(clippy::unnecessary_wraps, reason = "readers of other files find tables without which nothing can be made")]
fn read(top: &Table<'_>) -> Option<OverrideFile> {
    if !["map", "dns", "ntp", "trust"].iter().any(|key| top.has(key)) {
        top.missing("map", "an override file changes something: [[map]], [dns], [ntp] or [trust]");
    }
    let mut taken = Taken::new();
    let map = top.tables("map", &MAP).iter().filter_map(|table| read_mapping(table, &mut taken)).collect();
    let dns = top.table("dns", &DNS);
    let ntp = top.table("ntp", &NTP);
    let trust = top.table("trust", &TRUST);
    Some(OverrideFile {
        map,
        name_servers: dns.map(|table| read_servers(&table)).unwrap_or_default(),
        ntp_port: ntp.and_then(|table| {
            need(&table, "port", "the port of time servers");
            table.integer_opt("port", &PORTS)
        }),
        root_files: trust.map(|table| read_roots(&table)).unwrap_or_default(),
    })
}

fn read_mapping(table: &Table<'_>, taken: &mut Taken) -> Option<Mapping> {
    let host = table.text("host").filter(|host| {
        let is_host = is_host_name(host) || host.parse::<IpAddr>().is_ok();
        if !is_host {
            table.refuse("host", "a host is a name in lower case or an address, without a port");
        }
        is_host
    });
    let port: Option<u16> = table.integer_opt("port", &PORTS);
    need(table, "to", "an address with its port in quotes, as in \"127.0.0.1:8443\"");
    let to = table.parsed_with("to", parse_address);
    if port.is_some() || !table.has("port") {
        let place = port.map_or_else(|| "all ports".to_owned(), |port| format!("port {port}"));
        table.take("host", &format!("{}, {place}", host.as_ref()?), taken);
    }
    Some(Mapping { host: host?, port, to: to? })
}

fn read_servers(table: &Table<'_>) -> Vec<SocketAddr> {
    need_items(table, "servers", "a list of addresses with ports, as in [\"127.0.0.1:5353\"]");
    table.list("servers").iter().filter_map(|value| value.parsed(parse_address)).collect()
}

fn read_roots(table: &Table<'_>) -> Vec<String> {
    need_items(table, "roots", "a list of PEM files, as in [\"ca.pem\"]");
    table.list("roots").iter().filter_map(Value::text).map(str::to_owned).collect()
}

fn need(table: &Table<'_>, key: &'static str, expected: &str) {
    if !table.has(key) {
        table.missing(key, expected);
    }
}

fn need_items(table: &Table<'_>, key: &'static str, expected: &str) {
    need(table, key, expected);
    if table.is_empty_list(key) {
        table.inconsistent(key, format!("`{key}` needs at least one item"));
    }
}

/// An address with its port. Names are refused: nothing may be looked up to find out where a packet goes instead.
fn parse_address(text: &str) -> Result<SocketAddr, &'static str> {
    let address: SocketAddr = text
        .parse()
        .map_err(|_| "write an address with its port, as in 127.0.0.1:8443 or [::1]:8443; names aren't looked up")?;
    if address.port() == 0 { Err("port 0 can't be connected to") } else { Ok(address) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"
[[map]]
host = "broker.example"
port = 8883
to = "127.0.0.1:18883"

[[map]]
host = "broker.example"
to = "[::1]:9"

[[map]]
host = "192.0.2.7"
to = "127.0.0.1:10"

[dns]
servers = ["127.0.0.1:5353"]

[ntp]
port = 1123

[trust]
roots = ["ca.pem", "../other.pem"]
"#;

    #[test]
    fn a_whole_file_is_read_and_told_line_by_line() {
        let file = parse_overrides("o.toml", WHOLE).unwrap();
        assert_eq!(file.map[0].port, Some(8883));
        assert_eq!(
            file.lines(),
            [
                "broker.example port 8883 leads to 127.0.0.1:18883",
                "broker.example leads to [::1]:9",
                "192.0.2.7 leads to 127.0.0.1:10",
                "Names are asked of 127.0.0.1:5353",
                "Time is asked on port 1123",
                "The root certificates of ca.pem are trusted",
                "The root certificates of ../other.pem are trusted",
            ]
        );
    }

    #[test]
    fn mistakes_are_told_with_line_and_column() {
        let check = |text: &str, expected: &[&str]| {
            let errors = parse_overrides("o.toml", text).unwrap_err();
            let found: Vec<String> = errors.iter().map(ToString::to_string).collect();
            assert_eq!(found.len(), expected.len(), "{text}: {found:?}");
            for (found, expected) in found.iter().zip(expected) {
                assert!(found.contains(expected), "{found} lacks {expected}");
            }
        };
        check("", &["o.toml:1:1: the top of the file lacks `map`"]);
        check("[[map]]\nhost = 'A.example'\nto = '127.0.0.1:1'", &["o.toml:2:8: `host` cannot be `A.example`"]);
        check("[[map]]\nhost = 'a.example:1'\nto = '127.0.0.1:1'", &["without a port"]);
        check("[[map]]\nhost = 'a.example'\nto = 'b.example:1'", &["3:6: `to` cannot be `b.example:1`"]);
        check("[[map]]\nhost = 'a.example'\nto = '127.0.0.1:0'", &["port 0"]);
        check("[[map]]\nhost = 'a.example'\nport = 0\nto = '127.0.0.1:1'", &["3:8: `port` cannot be `0`"]);
        check("[[map]]\nport = 1", &["[[map]] lacks `host`", "[[map]] lacks `to`"]);
        let twice = "[[map]]\nhost = 'a'\nto = '127.0.0.1:1'\n[[map]]\nhost = 'a'\nto = '127.0.0.1:2'";
        check(twice, &["5:8: `host` `a, all ports` is already used in line 2"]);
        check("[dns]", &["[dns] lacks `servers`"]);
        check("[dns]\nservers = []", &["at least one item"]);
        check("[dns]\nserver = ['127.0.0.1:53']", &["[dns] lacks `servers`", "`servers`?"]);
        check("[ntp]", &["[ntp] lacks `port`"]);
        check("[trust]\nroots = 'ca.pem'", &["takes a list in brackets"]);
        check("[map]\nhost = 'a'", &["takes a list in brackets"]);
        check("[dns\n", &["not TOML"]);
    }
}
