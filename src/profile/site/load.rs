//! From the text of a site file to a [`Site`], or to all its mistakes.

use core::net::IpAddr;

use super::{ExpectedGateway, HostChoice, Site, schema};
use crate::model::endpoint::{HostPattern, NamedHost, is_host_name, is_kebab};
use crate::model::ids::ProfileId;
use crate::model::text::from_hex;
use crate::model::wifi::Ssid;
use crate::profile::error::{FileError, FileKind};
use crate::profile::read::{Table, Taken, Value, read_file, read_schema};

/// Reads a site file. `file` is only named in the mistakes.
pub fn parse_site(file: &str, text: &str) -> Result<Site, Vec<FileError>> {
    read_file(FileKind::Site, file, text, &schema::TOP, read)
}

fn read(top: &Table<'_>) -> Option<Site> {
    let is_known_schema = read_schema(top, schema::VERSION);
    let name = top.text("name");
    let network = top.table("network", &schema::NETWORK);
    let site = Site {
        name: name.clone().unwrap_or_default(),
        customer: top.text_opt("customer"),
        ssid: network.as_ref().and_then(read_ssid),
        subnet: network.as_ref().and_then(|table| table.parsed_with("subnet", parse_subnet)),
        gateways: read_gateways(top),
        hosts: read_hosts(top),
        overrides: top.text_opt("overrides"),
        notes: top.texts("notes"),
    };
    (is_known_schema && name.is_some()).then_some(site)
}

/// A network's name, as a manifest writes it: text, or `hex:` and its bytes.
fn read_ssid(table: &Table<'_>) -> Option<String> {
    table.parsed_with("ssid", |text| {
        let octets = match text.strip_prefix("hex:") {
            Some(digits) => {
                from_hex(digits).ok_or_else(|| "after hex: stand pairs of hexadecimal digits".to_owned())?
            }
            None => text.as_bytes().to_vec(),
        };
        Ssid::from_octets(octets).map(|_| text.to_owned()).map_err(|error| error.to_string())
    })
}

fn read_gateways(top: &Table<'_>) -> Vec<ExpectedGateway> {
    let (mut names, mut places, mut numbers) = (Taken::new(), Taken::new(), Taken::new());
    let read = |table: &Table<'_>| {
        let gateway = read_gateway(table);
        let taken = [
            ("name", gateway.as_ref().map(|gateway| gateway.name.clone()), &mut names),
            ("match", gateway.as_ref().and_then(|gateway| Some(gateway.place.as_ref()?.to_string())), &mut places),
            ("serial_number", gateway.as_ref().and_then(|gateway| gateway.serial_number.clone()), &mut numbers),
        ];
        for (key, value, taken) in taken {
            if let Some(value) = value {
                table.take(key, &value, taken);
            }
        }
        gateway
    };
    top.tables("gateway", &schema::GATEWAY).iter().filter_map(read).collect()
}

fn read_gateway(table: &Table<'_>) -> Option<ExpectedGateway> {
    let name = table.text("name");
    let gateway = ExpectedGateway {
        name: String::new(),
        place: table.parsed_opt("match"),
        profile: read_profile(table),
        driver: table.word_opt("driver"),
        ssid: read_ssid(table),
        serial_number: table.text_opt("serial_number"),
        firmware: table.text_opt("firmware"),
        address: table.parsed_with("address", parse_host),
        note: table.text_opt("note"),
    };
    Some(ExpectedGateway { name: name?, ..gateway })
}

fn read_profile(table: &Table<'_>) -> Option<ProfileId> {
    let parse = |text: &str| {
        if is_kebab(text) { Ok(ProfileId::new(text)) } else { Err("a profile is named by its id, as in my-gateway") }
    };
    table.parsed_with("profile", parse)
}

fn read_hosts(top: &Table<'_>) -> Vec<HostChoice> {
    let mut taken = Taken::new();
    let read = |table: &Table<'_>| {
        let word = table.text("for").and_then(|word| read_word(table, &word));
        let profile = read_profile(table);
        let names = read_names(table, word.as_ref());
        let (_, word) = word?;
        let whose = profile.as_ref().map_or_else(|| "all profiles".to_owned(), ToString::to_string);
        table.take("for", &format!("{word}, {whose}"), &mut taken);
        Some(HostChoice { word, profile, names })
    };
    top.tables("host", &schema::HOST).iter().filter_map(read).collect()
}

/// What a row leaves open: the wildcard, or the word in brackets or without them.
fn read_word(table: &Table<'_>, written: &str) -> Option<(Option<HostPattern>, String)> {
    let word = written.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or(written);
    if is_kebab(word) {
        return Some((None, word.to_owned()));
    }
    if let Ok(pattern @ HostPattern::Wildcard { .. }) = written.parse::<HostPattern>() {
        return Some((Some(pattern), written.to_owned()));
    }
    table.refuse("for", "it is the word that the profile has in <brackets>, or a wildcard such as *.parent.example");
    None
}

fn read_names(table: &Table<'_>, word: Option<&(Option<HostPattern>, String)>) -> Vec<String> {
    if !table.has("names") {
        table.missing("names", "a list of hosts, as in [\"broker.example:8883\"]");
    } else if table.is_empty_list("names") {
        table.inconsistent("names", "`names` needs at least one host");
    }
    let pattern = word.and_then(|(pattern, _)| pattern.as_ref());
    let read = |value: &Value<'_>| {
        let host: NamedHost = value.parse()?;
        if pattern.is_some_and(|pattern| !pattern.covers(&host.host)) {
            value.refuse("the wildcard doesn't cover this name");
        }
        value.text().map(str::to_owned)
    };
    table.list("names").iter().filter_map(read).collect()
}

fn parse_host(text: &str) -> Result<String, &'static str> {
    let is_host = text.parse::<IpAddr>().is_ok() || is_host_name(text);
    if is_host { Ok(text.to_owned()) } else { Err("it is an address, or a host name in lower case") }
}

/// A network as an address and the length of its prefix.
fn parse_subnet(text: &str) -> Result<String, &'static str> {
    const FORM: &str = "a network is written as in 192.0.2.0/24";
    let (address, length) = text.split_once('/').ok_or(FORM)?;
    let address: IpAddr = address.parse().map_err(|_| FORM)?;
    let length: u32 = length.parse().map_err(|_| FORM)?;
    let host_bits = match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()).unbounded_shl(96 + length),
        IpAddr::V6(v6) => v6.to_bits().unbounded_shl(length),
    };
    match (address, length) {
        (IpAddr::V4(_), 33..) | (IpAddr::V6(_), 129..) => Err("the length of the prefix is too large"),
        _ if host_bits != 0 => Err("this is an address in a network; write the network itself, as in 192.0.2.0/24"),
        _ => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_told_with_line_and_column() {
        let check = |text: &str, expected: &[&str]| {
            let text = format!("schema = 1\nname = 'S'\n{text}");
            let errors = parse_site("s.toml", &text).map(|_| ()).unwrap_err();
            let found: Vec<String> = errors.iter().map(ToString::to_string).collect();
            assert_eq!(found.len(), expected.len(), "{text}: {found:?}");
            for (found, expected) in found.iter().zip(expected) {
                assert!(found.contains(expected), "{found} lacks {expected}");
            }
        };
        check("[network]\npsk = 'secret'", &["s.toml:4:1: `psk` can't stand in a site file"]);
        check("[network]\nssid = 'a name of more than thirty-two bytes'", &["Wi-Fi allows 32"]);
        check("[network]\nssid = 'hex:0'", &["pairs of hexadecimal digits"]);
        check("[network]\nsubnet = '192.0.2.1/24'", &["write the network itself"]);
        check("[network]\nsubnet = '192.0.2.0/33'", &["too large"]);
        check("[network]\nsubnet = '192.0.2.0'", &["as in 192.0.2.0/24"]);
        check("[[gateway]]\nmatch = 'ttyUSB0'", &["[[gateway]] lacks `name`", "in front of a colon"]);
        check("[[gateway]]\nname = 'A'\ndriver = 'improve'", &["(`improv`?)"]);
        check("[[gateway]]\nname = 'A'\n[[gateway]]\nname = 'A'", &["already used in line 4"]);
        check("[[gateway]]\nname = 'A'\nprofile = 'My Gateway'", &["a profile is named by its id"]);
        check("[[gateway]]\nname = 'A'\naddress = 'http://x'", &["an address, or a host name"]);
        check("[[host]]\nfor = 'broker'", &["[[host]] lacks `names`"]);
        check("[[host]]\nfor = 'Broker!'\nnames = ['a.example']", &["in <brackets>"]);
        check("[[host]]\nfor = '*.a.example'\nnames = ['a.example']", &["doesn't cover this name"]);
        check("[[host]]\nfor = 'broker'\nnames = ['a.example:0']", &["a port from 1 to 65535"]);
        check("[[host]]\nfor = 'b'\nnames = ['a']\n[[host]]\nfor = '<b>'\nnames = ['c']", &["already used in line 4"]);
        assert!(parse_site("s", "name = 'S'").unwrap_err()[0].to_string().contains("lacks `schema`"));
        assert!(parse_site("s", "schema = 2\nname = 'S'").unwrap_err()[0].to_string().contains("schema 2"));
    }

    #[test]
    fn networks_of_both_families_are_read() {
        for good in ["192.0.2.0/24", "0.0.0.0/0", "192.0.2.7/32", "2001:db8::/32", "::/0", "fd00::1/128"] {
            assert_eq!(parse_subnet(good).as_deref(), Ok(good));
        }
        for bad in ["2001:db8::1/64", "192.0.2.0/x", "/24", "a/24", "2001:db8::/129"] {
            assert!(parse_subnet(bad).is_err(), "{bad}");
        }
    }
}
