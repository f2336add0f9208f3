//! Questions to NetworkManager through nmcli, and how its terse answers are read.
//!
//! nmcli(1), 1.42: `-t -e yes` separates fields by `:` and puts `\` before `:` and `\` in a value; exit codes below. No
//! passphrase is ever part of a command: `--ask` makes nmcli ask for it, and the session answers.

use super::quote::{NotSendable, Script, word};
use crate::model::text::{from_hex, visible_octets};
use crate::model::verdict::Station;
use crate::model::wifi::{Band, Network, Security, Ssid};

/// Seconds nmcli waits for a join. Its own default is 90.
pub const JOIN_SECS: u64 = 60;
/// Most lines of an answer that are read.
const MAX_ROWS: usize = 512;
/// Longest text of a field that is kept, in characters.
const FIELD_CHARS: usize = 120;

/// What an exit code of nmcli means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0.
    Success,
    /// 2: the command is not understood, as by another version.
    BadInput,
    /// 3: the time given with `--wait` is over.
    TimedOut,
    /// 4: the connection could not be activated.
    ActivationFailed,
    /// 5, 6, 7: it could not be ended or deleted.
    NotEnded,
    /// 8: NetworkManager does not run.
    NotRunning,
    /// 10: no such connection, device or access point.
    NotFound,
    /// 126 and 127: the shell has no such program.
    NoProgram,
    /// Any other.
    Other(u8),
}

impl Exit {
    /// Reads the code.
    pub const fn from_code(code: u8) -> Self {
        match code {
            0 => Self::Success,
            2 | 65 => Self::BadInput,
            3 => Self::TimedOut,
            4 => Self::ActivationFailed,
            5..=7 => Self::NotEnded,
            8 => Self::NotRunning,
            10 => Self::NotFound,
            126 | 127 => Self::NoProgram,
            other => Self::Other(other),
        }
    }
}

/// State and reach: `nmcli general`.
pub fn general() -> Result<Script, NotSendable> {
    Script::line("nmcli -t -f STATE,CONNECTIVITY general")
}

/// The network devices.
pub fn devices() -> Result<Script, NotSendable> {
    Script::line("nmcli -t -e yes -f DEVICE,TYPE,STATE,CONNECTION device")
}

/// The networks it hears; with `is_fresh` it scans first.
pub fn scan(interface: &str, is_fresh: bool) -> Result<Script, NotSendable> {
    let rescan = if is_fresh { "yes" } else { "no" };
    let interface = word(interface.as_bytes())?;
    Script::line(format!(
        "nmcli -t -e yes -f IN-USE,SSID-HEX,FREQ,SIGNAL,SECURITY device wifi list ifname {interface} --rescan {rescan}"
    ))
}

/// Joins a network. The passphrase is asked for by nmcli; an open network asks for nothing.
///
/// nmcli shows its question only where the terminal echoes; it reads the answer without an echo all the same.
pub fn join(ssid: &Ssid, interface: &str, name: &str, is_hidden: bool, prefix: &str) -> Result<Script, NotSendable> {
    let ssid = word(ssid.octets())?;
    let (interface, name) = (word(interface.as_bytes())?, word(name.as_bytes())?);
    let hidden = if is_hidden { " hidden yes" } else { "" };
    Script::line(format!(
        "stty echo; {prefix}nmcli --ask --wait {JOIN_SECS} device wifi connect {ssid} ifname {interface} \
         name {name}{hidden}; r=$?; stty -echo; (exit $r)"
    ))
}

/// Asks NetworkManager to look whether it reaches the internet.
pub fn connectivity() -> Result<Script, NotSendable> {
    Script::line("nmcli networking connectivity check")
}

/// Where a device stands: its state, the connection in use, its addresses, and the name of the network it is on.
pub fn standing(interface: &str) -> Result<Script, NotSendable> {
    let interface = word(interface.as_bytes())?;
    Script::line(format!(
        "nmcli -t -e yes -f GENERAL.STATE,GENERAL.CONNECTION,GENERAL.CON-UUID,IP4.ADDRESS device show {interface}; \
         nmcli -t -e yes -f IN-USE,SSID-HEX device wifi list ifname {interface} --rescan no"
    ))
}

/// The name of the network that a stored connection is for.
pub fn network_of(uuid: &str) -> Result<Script, NotSendable> {
    Script::line(format!("nmcli -g 802-11-wireless.ssid connection show uuid {}", word(uuid.as_bytes())?))
}

/// The stored connections.
pub fn connections() -> Result<Script, NotSendable> {
    Script::line("nmcli -t -e yes -f NAME,UUID,TYPE connection show")
}

/// Deletes a stored connection by its name or its id.
pub fn forget(id: Id<'_>, prefix: &str) -> Result<Script, NotSendable> {
    let (kind, value) = match id {
        Id::Name(name) => ("id", name),
        Id::Uuid(uuid) => ("uuid", uuid),
    };
    Script::line(format!("{prefix}nmcli --wait 20 connection delete {kind} {}", word(value.as_bytes())?))
}

/// What a stored connection is named by.
#[derive(Clone, Copy, Debug)]
pub enum Id<'a> {
    /// Its name, which need not be the only one of its kind.
    Name(&'a str),
    /// Its id.
    Uuid(&'a str),
}

/// Splits one terse line into its fields.
pub fn fields(line: &[u8]) -> Vec<Vec<u8>> {
    let (mut fields, mut field) = (Vec::new(), Vec::new());
    let mut octets = line.iter();
    while let Some(&octet) = octets.next() {
        match octet {
            b'\\' => field.push(octets.next().copied().unwrap_or(b'\\')),
            b':' => fields.push(std::mem::take(&mut field)),
            other => field.push(other),
        }
    }
    fields.push(field);
    fields
}

fn rows(output: &[u8]) -> impl Iterator<Item = Vec<Vec<u8>>> {
    output.split(|&octet| octet == b'\n').filter(|line| !line.is_empty()).take(MAX_ROWS).map(fields)
}

fn text(field: &[u8]) -> String {
    visible_octets(field, FIELD_CHARS)
}

/// What `nmcli general` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct General {
    /// `connected`, `disconnected`, `connecting` and the like.
    pub state: String,
    /// Whether it reaches the internet, as far as it knows.
    pub connectivity: Connectivity,
}

/// Whether a gateway reaches the internet, by its own check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connectivity {
    /// It does not.
    None,
    /// A portal wants something first.
    Portal,
    /// A network, but no internet.
    Limited,
    /// It does.
    Full,
    /// It does not know: the check is off, or it said something else.
    Unknown,
}

impl Connectivity {
    /// Reads the word.
    pub fn parse(word: &[u8]) -> Self {
        match word.trim_ascii() {
            b"none" => Self::None,
            b"portal" => Self::Portal,
            b"limited" => Self::Limited,
            b"full" => Self::Full,
            _ => Self::Unknown,
        }
    }

    /// It in words, as what the gateway says of its reach.
    pub const fn label(self) -> &'static str {
        match self {
            Self::None => "no internet",
            Self::Portal => "a portal wants something before it lets the gateway through",
            Self::Limited => "a network without internet",
            Self::Full => "internet",
            Self::Unknown => "that it does not know whether there is internet",
        }
    }
}

/// Reads `nmcli general`.
pub fn parse_general(output: &[u8]) -> Option<General> {
    let row = rows(output).find(|row| row.len() == 2)?;
    Some(General { state: text(&row[0]), connectivity: Connectivity::parse(&row[1]) })
}

/// A network device of the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its name: `wlan0`.
    pub name: String,
    /// `wifi`, `ethernet` and the like.
    pub kind: String,
    /// `connected`, `disconnected`, `unavailable`, `unmanaged` and the like.
    pub state: String,
    /// The connection in use, if any.
    pub connection: Option<String>,
}

/// Reads the network devices.
pub fn parse_devices(output: &[u8]) -> Vec<Device> {
    rows(output)
        .filter(|row| row.len() == 4)
        .map(|row| Device {
            name: text(&row[0]),
            kind: text(&row[1]),
            state: text(&row[2]),
            connection: Some(text(&row[3])).filter(|name| !name.is_empty() && name != "--"),
        })
        .collect()
}

/// Reads a scan: the networks, strongest first, each name once; and how many lines were no network.
pub fn parse_scan(output: &[u8]) -> (Vec<Network>, usize) {
    let (mut networks, mut ignored): (Vec<Network>, usize) = (Vec::new(), 0);
    for row in rows(output) {
        match parse_network(&row) {
            Parsed::Hidden => {}
            Parsed::Unreadable => ignored += 1,
            Parsed::Network(network) => match networks.iter_mut().find(|known| known.ssid == network.ssid) {
                Some(known) if known.rssi_dbm < network.rssi_dbm => *known = network,
                Some(_) => {}
                None => networks.push(network),
            },
        }
    }
    networks.sort_by_key(|network| std::cmp::Reverse(network.rssi_dbm));
    (networks, ignored)
}

enum Parsed {
    Network(Network),
    /// It hides its name.
    Hidden,
    Unreadable,
}

fn parse_network(row: &[Vec<u8>]) -> Parsed {
    let [_, name, frequency, signal, security] = row else { return Parsed::Unreadable };
    if name.is_empty() || name == b"--" {
        return Parsed::Hidden;
    }
    let ssid = std::str::from_utf8(name).ok().and_then(from_hex).and_then(|octets| Ssid::from_octets(octets).ok());
    let (Some(ssid), Some(_)) = (ssid, parse_band(frequency)) else { return Parsed::Unreadable };
    // NetworkManager gives per cent: -100 dBm is 0, -40 dBm is 100.
    let percent = std::str::from_utf8(signal).ok().and_then(|text| text.trim().parse::<i16>().ok());
    let rssi_dbm = percent.filter(|percent| (0..=100).contains(percent)).map(|percent| percent * 3 / 5 - 100);
    Parsed::Network(Network { ssid, rssi_dbm, security: parse_security(security) })
}

/// `2437 MHz`.
fn parse_band(frequency: &[u8]) -> Option<Band> {
    let text = std::str::from_utf8(frequency).ok()?;
    Band::from_mhz(text.split_ascii_whitespace().next()?.parse().ok()?)
}

fn parse_security(column: &[u8]) -> Security {
    let words: Vec<_> = column.split(|&octet| octet == b' ').filter(|word| !word.is_empty()).collect();
    let has = |word: &[u8]| words.contains(&word);
    match words.as_slice() {
        [] | [b"--"] => Security::Open,
        _ if has(b"802.1X") => Security::Enterprise,
        _ if has(b"WPA3") && has(b"WPA2") => Security::Wpa2Wpa3,
        _ if has(b"WPA3") => Security::Wpa3,
        _ if has(b"WPA2") && has(b"WPA1") => Security::WpaWpa2,
        _ if has(b"WPA2") => Security::Wpa2,
        _ if has(b"WPA1") => Security::Wpa,
        _ if has(b"WEP") => Security::Wep,
        _ => Security::Protected,
    }
}

/// Where a device stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The number of its state (`NMDeviceState`); the words beside it are in the gateway's language.
    pub state: Option<u16>,
    /// Its state in words: `100 (connected)`.
    pub words: String,
    /// Name of the connection in use.
    pub connection: Option<String>,
    /// Id of the connection in use.
    pub uuid: Option<String>,
    /// The network whose access point it is on, as octets.
    pub ssid: Option<Vec<u8>>,
    /// Its IPv4 addresses without the length of the prefix.
    pub addresses: Vec<String>,
}

impl Standing {
    /// The state as the verdict counts it.
    pub const fn station(&self) -> Station {
        match self.state {
            Some(100) => Station::Connected,
            // Preparing, the handshake, waiting for secrets, for an address, for the check; leaving.
            Some(40..=99 | 110) => Station::Busy,
            // Disconnected, failed.
            Some(30 | 120) => Station::Apart,
            // Unmanaged, unavailable, unknown.
            Some(_) | None => Station::Unclear,
        }
    }
}

/// Reads the answer to [`standing`].
pub fn parse_standing(output: &[u8]) -> Standing {
    let mut standing = Standing::default();
    for row in rows(output) {
        let [key, value] = row.as_slice() else { continue };
        let is_told = !value.is_empty() && value != b"--";
        match key.as_slice() {
            b"GENERAL.STATE" => {
                let digits = value.iter().take_while(|octet| octet.is_ascii_digit()).count();
                standing.state = std::str::from_utf8(&value[..digits]).ok().and_then(|number| number.parse().ok());
                standing.words = text(value);
            }
            b"GENERAL.CONNECTION" if is_told => standing.connection = Some(text(value)),
            b"GENERAL.CON-UUID" if is_told => standing.uuid = Some(text(value)),
            b"*" => standing.ssid = std::str::from_utf8(value).ok().and_then(from_hex).filter(|ssid| !ssid.is_empty()),
            key if key.starts_with(b"IP4.ADDRESS") => {
                let address = value.split(|&octet| octet == b'/').next().unwrap_or_default();
                if is_ipv4(address) && standing.addresses.len() < 8 {
                    standing.addresses.push(text(address));
                }
            }
            _ => {}
        }
    }
    standing
}

/// The id of the connection that a join activated, as nmcli tells it: `… successfully activated with 'UUID'.`
pub fn parse_activated(output: &[u8]) -> Option<String> {
    let line =
        output.split(|&octet| octet == b'\n').rev().find(|line| line.windows(9).any(|part| part == b"activated"))?;
    let quoted = std::str::from_utf8(line).ok()?.trim_end().trim_end_matches('.').strip_suffix('\'')?;
    let uuid = quoted.rsplit('\'').next()?;
    let is_uuid = !uuid.is_empty() && uuid.bytes().all(|octet| octet.is_ascii_hexdigit() || octet == b'-');
    is_uuid.then(|| uuid.to_owned())
}

/// A name that no stored connection has: nmcli would change or use one that it finds under it.
pub fn free_name(wanted: &str, stored: &[Connection]) -> String {
    let is_free = |name: &str| stored.iter().all(|connection| connection.name != name);
    let numbered = (2..=stored.len() + 2).map(|number| format!("{wanted} {number}"));
    std::iter::once(wanted.to_owned()).chain(numbered).find(|name| is_free(name)).unwrap_or_else(|| wanted.to_owned())
}

fn is_ipv4(text: &[u8]) -> bool {
    let parts: Vec<_> = text.split(|&octet| octet == b'.').collect();
    let is_octet = |part: &&[u8]| {
        let has_digits = (1..=3).contains(&part.len()) && part.iter().all(u8::is_ascii_digit);
        has_digits && std::str::from_utf8(part).is_ok_and(|part| part.parse::<u8>().is_ok())
    };
    parts.len() == 4 && parts.iter().all(is_octet)
}

/// A stored connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Its name.
    pub name: String,
    /// Its id.
    pub uuid: String,
    /// Whether it is one for Wi-Fi.
    pub is_wifi: bool,
}

/// Reads the stored connections.
pub fn parse_connections(output: &[u8]) -> Vec<Connection> {
    rows(output)
        .filter(|row| row.len() == 3)
        .map(|row| Connection { name: text(&row[0]), uuid: text(&row[1]), is_wifi: row[2] == b"802-11-wireless" })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line_of(script: Result<Script, NotSendable>) -> String {
        let lines = script.unwrap().lines_between("N");
        assert_eq!(lines.len(), 1);
        let line = String::from_utf8(lines[0].clone()).unwrap();
        line.strip_prefix("echo N-$((40+2)); ").unwrap().strip_suffix("; echo N:$?").unwrap().to_owned()
    }

    #[test]
    fn fields_are_read_with_their_escapes() {
        let check = |line: &str, expected: &[&str]| {
            let read: Vec<_> = fields(line.as_bytes()).into_iter().map(|f| String::from_utf8(f).unwrap()).collect();
            assert_eq!(read, expected, "{line}");
        };
        check(
            r" :00\:23\:F8\:7E\:12\:BB:Off\:ice:6:70:WPA1 WPA2",
            &[" ", "00:23:F8:7E:12:BB", "Off:ice", "6", "70", "WPA1 WPA2"],
        );
        check(r"a\\b:c", &[r"a\b", "c"]);
        check("", &[""]);
        check("::", &["", "", ""]);
        check(r"end\", &[r"end\"]);
    }

    #[test]
    fn a_scan_is_read_and_doubles_are_one() {
        let output = b" :4F66663A696365:2437 MHz:70:WPA1 WPA2\n\
            *:4F66663A696365:5180 MHz:90:WPA1 WPA2\n\
            *:4775657374:2412 MHz:100:\n\
             ::2412 MHz:50:WPA2\n\
             :FF00:2462 MHz:0:WPA3\n\
             :45:2462 MHz:x:WPA2 802.1X\n\
             :zz:2462 MHz:10:WPA2\nnonsense\n";
        let (networks, ignored) = parse_scan(output);
        let shown: Vec<_> = networks.iter().map(|n| (n.ssid.shown(), n.rssi_dbm, n.security)).collect();
        assert_eq!(
            shown,
            [
                ("Guest".into(), Some(-40), Security::Open),
                ("Off:ice".into(), Some(-46), Security::WpaWpa2),
                ("hex:ff00".into(), Some(-100), Security::Wpa3),
                ("E".into(), None, Security::Enterprise),
            ]
        );
        assert_eq!(ignored, 2);
    }

    #[test]
    fn state_devices_standing_and_connections_are_read() {
        let general = parse_general(b"disconnected:none\n").unwrap();
        assert_eq!((general.state.as_str(), general.connectivity), ("disconnected", Connectivity::None));
        assert_eq!(parse_general(b"Error\n"), None);
        let devices = parse_devices(b"eth0:ethernet:connected:Wired\nwlan0:wifi:disconnected:\nbad\n");
        assert_eq!(devices.len(), 2);
        assert_eq!(
            (devices[1].name.as_str(), devices[1].kind.as_str(), &devices[1].connection),
            ("wlan0", "wifi", &None)
        );
        let standing = parse_standing(
            b"GENERAL.STATE:100 (verbunden)\nGENERAL.CONNECTION:linesman\nGENERAL.CON-UUID:0a-1\n\
              IP4.ADDRESS[1]:192.0.2.17/24\nIP4.ADDRESS[2]:;reboot/24\nIP4.GATEWAY:192.0.2.1\n :477565\n*:53697465\n",
        );
        assert_eq!(standing.station(), Station::Connected);
        assert_eq!((standing.addresses, standing.connection), (vec!["192.0.2.17".into()], Some("linesman".into())));
        assert_eq!((standing.uuid.as_deref(), standing.ssid.as_deref()), (Some("0a-1"), Some(&b"Site"[..])));
        let stored = parse_connections(b"Site\\:1:0a-1:802-11-wireless\nWired:0b:802-3-ethernet\n");
        assert_eq!((stored[0].name.as_str(), stored[0].is_wifi, stored[1].is_wifi), ("Site:1", true, false));
    }

    #[test]
    fn a_state_is_read_by_its_number_whatever_its_words() {
        let check = |line: &str, expected| {
            assert_eq!(parse_standing(format!("GENERAL.STATE:{line}\n").as_bytes()).station(), expected, "{line}");
        };
        check("100 (verbunden)", Station::Connected);
        check("100 (connected (externally))", Station::Connected);
        check("70 (connecting (getting IP configuration))", Station::Busy);
        check("40 (connecting (prepare))", Station::Busy);
        check("110 (deactivating)", Station::Busy);
        check("30 (disconnected)", Station::Apart);
        check("120 (connection failed)", Station::Apart);
        check("20 (unavailable)", Station::Unclear);
        check("10 (unmanaged)", Station::Unclear);
        check("connected", Station::Unclear);
        check("1000 (connected)", Station::Unclear);
        check("", Station::Unclear);
        assert_eq!(parse_standing(b"").station(), Station::Unclear);
    }

    #[test]
    fn the_connection_of_a_join_is_read_and_its_name_is_free() {
        let line = b"Device 'wlan0' successfully activated with '0a1b-2'.\n";
        assert_eq!(parse_activated(line).as_deref(), Some("0a1b-2"));
        for bad in ["", "activated", "activated with 'x y'.", "Device successfully activated with ''.", "'0a'"] {
            assert_eq!(parse_activated(bad.as_bytes()), None, "{bad}");
        }
        let stored = |names: &[&str]| -> Vec<_> {
            let stored = |name: &&str| Connection { name: (*name).into(), uuid: "0".into(), is_wifi: true };
            names.iter().map(stored).collect()
        };
        assert_eq!(free_name("a", &stored(&[])), "a");
        assert_eq!(free_name("a", &stored(&["a", "b"])), "a 2");
        assert_eq!(free_name("a", &stored(&["a", "a 2", "a 3"])), "a 4");
    }

    #[test]
    fn commands_quote_what_comes_from_outside() {
        let ssid = Ssid::from_octets(*b"it's").unwrap();
        assert_eq!(
            line_of(join(&ssid, "wlan0", "linesman it's", true, "sudo -n ")),
            r"stty echo; sudo -n nmcli --ask --wait 60 device wifi connect 'it'\''s' ifname 'wlan0' \
              name 'linesman it'\''s' hidden yes; r=$?; stty -echo; (exit $r)"
                .replace("\\\n              ", "")
        );
        assert!(join(&Ssid::from_octets(*b"a\nb").unwrap(), "wlan0", "n", false, "").is_err());
        assert_eq!(line_of(forget(Id::Uuid("0a-1"), "")), "nmcli --wait 20 connection delete uuid '0a-1'");
        assert!(scan("wlan0\r", true).is_err());
    }

    #[test]
    fn exit_codes_have_their_meaning() {
        assert_eq!(Exit::from_code(0), Exit::Success);
        assert_eq!(Exit::from_code(4), Exit::ActivationFailed);
        assert_eq!(Exit::from_code(10), Exit::NotFound);
        assert_eq!(Exit::from_code(127), Exit::NoProgram);
        assert_eq!(Exit::from_code(1), Exit::Other(1));
    }
}
