//! Reads the text of QR codes: `WIFI:` codes of networks and Espressif provisioning codes (JSON).
//!
//! Follows the barcode contents page of ZXing (fields, escapes, quoted literals) and Espressif's unified provisioning
//! (`ver`, `name`, `username`, `pop`, `transport`, `security`, `network`),
//! as JSON or in an address that carries it as `data=`. The text is untrusted: limited in size, shown only made
//! safe, and no error or note holds a passphrase.

use serde::Deserialize;
use zeroize::Zeroizing;

use crate::model::credentials::WifiDraft;
use crate::model::problem::{Explain, Problem};
use crate::model::qr::QrContent;
use crate::model::secret::Secret;
use crate::model::text::{hex, visible};

/// Longest text taken, in octets; the largest QR code holds 2953.
pub const MAX_OCTETS: usize = 4096;
/// Longest text of a provisioning code, in octets.
const MAX_ESP_OCTETS: usize = 1024;
/// The security level that a provisioning code means if it names none.
const NEWEST_SECURITY: u8 = 2;
/// Characters of a device's words in a note.
const SHOWN_CHARS: usize = 40;
/// Fields that count here.
const USED_FIELDS: [&str; 4] = ["T", "S", "P", "H"];
/// Fields that only enterprise networks have.
const ENTERPRISE_FIELDS: [&str; 4] = ["E", "A", "I", "PH2"];

/// Further fields of ZXing's page: transition disable, SAE public key.
const UNUSED_FIELDS: [&str; 2] = ["R", "K"];
/// Kinds of codes that people mistake for a network's.
const OTHER_SCHEMES: [&str; 9] = ["http", "https", "dpp", "mt", "mailto", "tel", "otpauth", "mecard", "begin"];

/// Why a text is no code we can use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QrError {
    /// Nothing in it.
    #[error("the code is empty")]
    Empty,
    /// Longer than any QR code.
    #[error("the text has {octets} bytes; a code has at most {MAX_OCTETS}")]
    TooLong {
        /// How many there are.
        octets: usize,
    },
    /// Longer than a provisioning code may be.
    #[error("the provisioning code has {octets} bytes; the limit is {MAX_ESP_OCTETS}")]
    EspTooLong {
        /// How many there are.
        octets: usize,
    },
    /// Something else than Wi-Fi or Espressif provisioning.
    #[error("the code is neither a Wi-Fi nor a provisioning code")]
    NotWifi {
        /// What it begins with, if that is the name of a kind of code.
        scheme: Option<String>,
    },
    /// A field without a colon, or with an impossible name.
    #[error("field {number} of the code cannot be read")]
    BadField {
        /// Which one, from 1.
        number: usize,
    },
    /// A `;` that is not marked stands in the name or the passphrase, and the value ends in front of it.
    #[error("the {what} in the code is cut at a `;`")]
    Cut {
        /// What is cut.
        what: &'static str,
    },
    /// A field stands there twice, and nobody knows which one counts.
    #[error("the code has the field {field} twice")]
    Duplicate {
        /// Its name.
        field: String,
    },
    /// No network name.
    #[error("the code names no network")]
    NoSsid,
    /// An enterprise network.
    #[error("the code is for an enterprise network")]
    Enterprise,
    /// A kind of protection nobody knows.
    #[error("the code names an unknown protection")]
    UnknownSecurity {
        /// Made safe to show.
        name: String,
    },
    /// Begins like Espressif's JSON but is none.
    #[error("the provisioning code cannot be read")]
    BadJson {
        /// Line and column.
        line: usize,
        /// Column of the line.
        column: usize,
    },
    /// A provisioning code without a device name.
    #[error("the provisioning code names no device")]
    NoDeviceName,
    /// A provisioning code for another kind of network.
    #[error("the provisioning code is for another kind of network")]
    OtherNetwork {
        /// Made safe to show.
        name: String,
    },
}

impl Explain for QrError {
    fn explain(&self) -> Problem {
        let scan_again = "Scan the code again, or type name and passphrase";
        match self {
            Self::Empty => Problem::new("qr.empty", "The code is empty", "Nothing was pasted or scanned", scan_again),
            Self::TooLong { octets } => Problem::new(
                "qr.too_long",
                format!("The text has {octets} bytes; a code has at most {MAX_OCTETS}"),
                "Something else than a code was pasted",
                scan_again,
            ),
            Self::EspTooLong { octets } => Problem::new(
                "qr.esp_too_long",
                format!("The provisioning code has {octets} bytes; the limit is {MAX_ESP_OCTETS}"),
                "It holds more than a device needs, or was generated wrongly",
                "Type the proof of possession from the device's label",
            ),
            Self::NotWifi { scheme } => Problem::new(
                "qr.not_wifi",
                "The code is neither a Wi-Fi nor a provisioning code",
                scheme.as_ref().map_or_else(
                    || "It holds something else, such as a serial number".to_owned(),
                    |scheme| format!("It begins with `{scheme}:`, which is another kind of code"),
                ),
                "Use the code of the network, often printed on the access point, or type name and passphrase",
            ),
            Self::BadField { number } => Problem::new(
                "qr.bad_field",
                format!("Field {number} of the code cannot be read"),
                "The program that made the code did not mark `;`, `:` or `\\` in the name or passphrase",
                "Type name and passphrase",
            ),
            Self::Cut { what } => Problem::new(
                "qr.cut",
                format!("The {what} in the code is cut at a `;`"),
                format!("The {what} holds `;`, and the program that made the code did not write `\\;`"),
                "Type name and passphrase, or generate the code again with `\\` in front of each `;`",
            ),
            Self::Duplicate { field } => Problem::new(
                "qr.duplicate",
                format!("The code has the field {field} twice"),
                "The code was generated wrongly, or altered; which value counts isn't certain",
                "Type name and passphrase, after asking the network's admin",
            ),
            Self::NoSsid => Problem::new(
                "qr.no_ssid",
                "The code names no network",
                "The field S is missing or empty",
                "Type name and passphrase",
            ),
            Self::Enterprise => Problem::new(
                "qr.enterprise",
                "The code is for an enterprise network (802.1X)",
                "Such a network needs an account or certificate for each device, which can't be sent to a gateway",
                "Ask the site's admin for a network with a passphrase",
            ),
            Self::UnknownSecurity { name } => Problem::new(
                "qr.unknown_security",
                format!("The code names the unknown protection `{name}`"),
                "The program that made it doesn't use the usual names",
                "Type name and passphrase",
            ),
            Self::BadJson { line, column } => Problem::new(
                "qr.bad_json",
                "The provisioning code cannot be read",
                "A part of it is missing",
                "Scan the code again",
            )
            .with_detail(format!("line {line}, column {column}")),
            Self::NoDeviceName => Problem::new(
                "qr.no_device_name",
                "The provisioning code names no device",
                "The field `name` is missing or empty",
                "Choose the gateway in the list of those found",
            ),
            Self::OtherNetwork { name } => Problem::new(
                "qr.other_network",
                format!("The provisioning code is for `{name}`, not for Wi-Fi"),
                "The device joins another kind of network",
                "Use the vendor's tool for this device",
            ),
        }
    }
}

/// Whether the text begins like the code of a network; to choose among several codes in a picture.
pub fn is_wifi(text: &str) -> bool {
    after_scheme(text.trim_start()).is_some()
}

/// Whether the text begins like a code [`parse`] reads.
pub fn is_known_kind(text: &str) -> bool {
    is_wifi(text) || text.trim_start().starts_with('{') || data_of_address(text.trim_start()).is_some()
}

/// Reads the text of a code.
pub fn parse(text: &str) -> Result<QrContent, QrError> {
    if text.len() > MAX_OCTETS {
        return Err(QrError::TooLong { octets: text.len() });
    }
    // Blanks at the end may belong to a passphrase; a line break there comes from pasting.
    let text = text.trim_start_matches(['\u{FEFF}', ' ', '\t', '\r', '\n']).trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(QrError::Empty);
    }
    if let Some(fields) = after_scheme(text) {
        return parse_wifi(fields);
    }
    if text.starts_with('{') {
        return parse_esp(text);
    }
    if let Some(data) = data_of_address(text) {
        return parse_esp(data.trim());
    }
    Err(QrError::NotWifi { scheme: scheme_of(text) })
}

/// What stands behind `WIFI:`, however it is spelled.
fn after_scheme(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_at_checked(5)?;
    scheme.eq_ignore_ascii_case("WIFI:").then_some(rest)
}

/// The kind of code, if it is a well-known one; any other text may be a passphrase and is not repeated.
fn scheme_of(text: &str) -> Option<String> {
    let (scheme, _) = text.split_once(':')?;
    let scheme = scheme.to_ascii_lowercase();
    OTHER_SCHEMES.contains(&scheme.as_str()).then_some(scheme)
}

/// The value of a field.
struct Value {
    text: Zeroizing<String>,
    is_quoted: bool,
}

/// The fields of a `WIFI:` code.
#[derive(Default)]
struct Fields {
    list: Vec<(String, Value)>,
    notes: Vec<String>,
}

impl Fields {
    fn take(&mut self, name: &str) -> Option<Value> {
        let index = self.list.iter().position(|(field, _)| field == name)?;
        Some(self.list.swap_remove(index).1)
    }

    /// What cannot be read as a field follows: after the name or the passphrase, in which a `;` may have been meant, that
    /// means that the value is cut. A value in quotes is whole.
    fn refuse_if_cut(&self) -> Result<(), QrError> {
        let cut = self.list.last().filter(|(_, value)| !value.is_quoted).and_then(|(name, _)| match name.as_str() {
            "P" => Some("passphrase"),
            "S" => Some("network name"),
            _ => None,
        });
        cut.map_or(Ok(()), |what| Err(QrError::Cut { what }))
    }

    fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }
}

fn parse_wifi(text: &str) -> Result<QrContent, QrError> {
    let mut fields = read_fields(text)?;
    let protection = protection(&mut fields)?;
    let ssid = fields.take("S").filter(|value| !value.text.is_empty()).ok_or(QrError::NoSsid)?;
    let ssid = ssid_for_form(&ssid, &mut fields);
    let (is_open, passphrase) = key_for_form(protection, &mut fields);
    let is_hidden = is_hidden(&mut fields);
    note_the_rest(&mut fields);
    let draft = WifiDraft { ssid, passphrase, is_open, is_hidden, ..WifiDraft::default() };
    Ok(QrContent::Wifi { draft, notes: fields.notes })
}

fn read_fields(mut rest: &str) -> Result<Fields, QrError> {
    let mut fields = Fields::default();
    loop {
        if let Some(after) = rest.strip_prefix(';') {
            // More semicolons at the end are a habit of some generators.
            if !after.trim_matches(|c: char| c == ';' || c.is_whitespace()).is_empty() {
                fields.refuse_if_cut()?;
                fields.note("Text after the end of the code is ignored");
            }
            return Ok(fields);
        }
        let bad_field = QrError::BadField { number: fields.list.len() + 1 };
        let named = rest.split_once(':').filter(|(name, _)| is_field_name(name));
        let Some((name, behind)) = named else {
            fields.refuse_if_cut()?;
            return Err(bad_field);
        };
        let name = name.to_ascii_uppercase();
        if !is_known_field(&name) {
            fields.refuse_if_cut()?;
        }
        if USED_FIELDS.contains(&name.as_str()) && fields.list.iter().any(|(field, _)| *field == name) {
            return Err(QrError::Duplicate { field: name });
        }
        let (value, end) = read_value(behind).ok_or(bad_field)?;
        fields.list.push((name, value));
        rest = &behind[end..];
        if rest.is_empty() {
            fields.note("The code does not end as it should; a part of it may be missing");
            return Ok(fields);
        }
    }
}

fn is_field_name(name: &str) -> bool {
    (1..=8).contains(&name.len()) && name.bytes().all(|octet| octet.is_ascii_alphanumeric())
}

/// Whether ZXing's page lists a field of that name. What else stands behind a `;` may be the rest of a value.
fn is_known_field(name: &str) -> bool {
    [&USED_FIELDS[..], &ENTERPRISE_FIELDS, &UNUSED_FIELDS].iter().any(|fields| fields.contains(&name))
}

/// Reads a value and says where the next field begins. `None` if the text ends after a backslash.
fn read_value(text: &str) -> Option<(Value, usize)> {
    if let Some(quoted) = read_quoted(text) {
        return Some(quoted);
    }
    let (text, end) = read_until(text, ';')?;
    Some((Value { text, is_quoted: false }, end))
}

/// Reads a value in double quotes, if the second one stands at the end of the field.
fn read_quoted(text: &str) -> Option<(Value, usize)> {
    let inner = text.strip_prefix('"')?;
    let (value, end) = read_until(inner, '"')?;
    let is_closed = inner[..end].ends_with('"');
    let behind = &inner[end..];
    let separator = usize::from(behind.starts_with(';'));
    let is_whole = is_closed && (separator == 1 || behind.is_empty());
    is_whole.then_some((Value { text: value, is_quoted: true }, 1 + end + separator))
}

/// Reads up to and over a mark, which a backslash disarms. `None` if the text ends after a backslash.
fn read_until(text: &str, mark: char) -> Option<(Zeroizing<String>, usize)> {
    let mut value = Zeroizing::new(String::with_capacity(text.len()));
    let mut chars = text.char_indices();
    while let Some((index, c)) = chars.next() {
        match c {
            '\\' => value.push(chars.next()?.1),
            c if c == mark => return Some((value, index + c.len_utf8())),
            c => value.push(c),
        }
    }
    Some((value, text.len()))
}

/// What the code says about protection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Protection {
    Unsaid,
    Open,
    Personal,
}

fn protection(fields: &mut Fields) -> Result<Protection, QrError> {
    let name = fields.take("T").map(|value| value.text.trim().to_ascii_uppercase()).unwrap_or_default();
    match name.as_str() {
        "" if fields.list.iter().any(|(field, _)| field == "E") => Err(QrError::Enterprise),
        "" => Ok(Protection::Unsaid),
        "NOPASS" | "NONE" | "OPEN" => Ok(Protection::Open),
        "WPA" | "WPA2" | "WPA/WPA2" | "WPA-PSK" | "WPA2-PSK" => Ok(Protection::Personal),
        "SAE" | "WPA3" | "WPA2/WPA3" => {
            fields.note("The code says WPA3 (SAE): the gateway has to support it");
            Ok(Protection::Personal)
        }
        "WEP" => {
            fields.note("The code says WEP, which few gateways still join and which protects nothing");
            Ok(Protection::Personal)
        }
        name if name.ends_with("EAP") => Err(QrError::Enterprise),
        name => Err(QrError::UnknownSecurity { name: visible(name, SHOWN_CHARS) }),
    }
}

/// The name as the form takes it; one that begins with `hex:` is spelled as octets so that it stays what it is.
fn ssid_for_form(ssid: &Value, fields: &mut Fields) -> String {
    let text = ssid.text.as_str();
    let looks_hex = text.len() >= 8 && text.len().is_multiple_of(2) && text.bytes().all(|c| c.is_ascii_hexdigit());
    if looks_hex && !ssid.is_quoted {
        fields.note("The network name looks like hexadecimal digits; it is taken as text. Put `hex:` before it if not");
    }
    if text.starts_with("hex:") { format!("hex:{}", hex(text.as_bytes())) } else { text.to_owned() }
}

fn key_for_form(protection: Protection, fields: &mut Fields) -> (bool, Secret<String>) {
    let passphrase = fields.take("P").map(|value| Secret::new(value.text.as_str().to_owned())).unwrap_or_default();
    let is_empty = passphrase.expose().is_empty();
    if has_percent_code(passphrase.expose()) {
        fields.note(
            "The passphrase holds `%` and two digits, taken as they are: some WPA3 codes write special characters so",
        );
    }
    match protection {
        Protection::Open if !is_empty => {
            fields.note("The code says that the network is open but has a passphrase too; it's ignored");
            (true, Secret::default())
        }
        Protection::Open => (true, passphrase),
        Protection::Unsaid if is_empty => {
            fields.note("The code names no protection, which means an open network");
            (true, passphrase)
        }
        Protection::Unsaid => {
            fields.note("The code names no protection but has a passphrase; the network is taken as protected");
            (false, passphrase)
        }
        Protection::Personal => {
            if is_empty {
                fields.note("The code has no passphrase; type it");
            }
            (false, passphrase)
        }
    }
}

/// Whether a text could be one in which characters are written as `%3B`: the WPA3 specification's way, which phones
/// do not follow.
fn has_percent_code(text: &str) -> bool {
    let is_code = |rest: &str| rest.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
    text.split('%').skip(1).any(is_code)
}

fn is_hidden(fields: &mut Fields) -> bool {
    let Some(value) = fields.take("H") else { return false };
    match value.text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" => true,
        "false" | "0" | "no" | "" => false,
        _ => {
            fields.note("The code does not say clearly whether the network is hidden; it is taken as visible");
            false
        }
    }
}

/// Says that fields were not read. An unknown name is not repeated: it may be a piece of a passphrase.
fn note_the_rest(fields: &mut Fields) {
    let rest: Vec<_> = fields.list.drain(..).map(|(name, _)| name).collect();
    let is_among = |names: &[&str]| rest.iter().any(|name| names.contains(&name.as_str()));
    if is_among(&ENTERPRISE_FIELDS) {
        fields.note("Fields of enterprise networks are ignored: the code is for a network without accounts");
    }
    let is_known = |name: &str| ENTERPRISE_FIELDS.contains(&name) || UNUSED_FIELDS.contains(&name);
    let unknown = rest.iter().filter(|name| !is_known(name)).count();
    if unknown > 0 {
        fields.note(format!("{unknown} unknown fields are ignored; check the passphrase if it holds `;`"));
    }
}

/// Espressif's code. Further fields are left out.
#[derive(Default, Deserialize)]
#[serde(default)]
struct EspCode {
    ver: String,
    name: String,
    username: Option<String>,
    pop: Option<SecretText>,
    password: Option<SecretText>,
    transport: String,
    security: Option<Level>,
    network: Option<String>,
}

/// A secret as it comes out of JSON.
#[derive(Deserialize)]
#[serde(transparent)]
struct SecretText(String);

impl SecretText {
    fn into_secret(self) -> Secret<String> {
        Secret::new(self.0)
    }
}

/// The security level, written as a number or as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Level {
    Number(u8),
    Text(String),
}

fn parse_esp(text: &str) -> Result<QrContent, QrError> {
    if text.len() > MAX_ESP_OCTETS {
        return Err(QrError::EspTooLong { octets: text.len() });
    }
    // The message of the JSON reader may quote the text, and with it a secret: only the place is kept.
    let code: EspCode =
        serde_json::from_str(text).map_err(|error| QrError::BadJson { line: error.line(), column: error.column() })?;
    if code.name.is_empty() {
        return Err(QrError::NoDeviceName);
    }
    if let Some(network) = code.network.as_deref().filter(|network| !network.eq_ignore_ascii_case("wifi")) {
        return Err(QrError::OtherNetwork { name: visible(network, SHOWN_CHARS) });
    }
    let notes = esp_notes(&code);
    Ok(QrContent::EspProvisioning {
        name: visible(&code.name, SHOWN_CHARS),
        transport: visible(&code.transport, SHOWN_CHARS),
        security: code.security.map_or(Some(NEWEST_SECURITY), Level::number),
        // It goes to the device as it is; whoever shows it makes it safe first.
        username: code.username.filter(|username| !username.is_empty()),
        notes,
        proof_of_possession: code.pop.map(SecretText::into_secret),
        access_point_passphrase: code.password.map(SecretText::into_secret),
    })
}

fn esp_notes(code: &EspCode) -> Vec<String> {
    let mut notes = Vec::new();
    if code.ver != "v1" {
        notes.push(format!("The code has version `{}`; version `v1` is known", visible(&code.ver, SHOWN_CHARS)));
    }
    if !matches!(code.transport.as_str(), "ble" | "softap") {
        notes.push("The code names no transport that is known (ble, softap)".to_owned());
    }
    if let Some(level) = &code.security {
        notes.push(match level {
            Level::Number(level) => format!("Security level {level}"),
            Level::Text(level) => format!("Security level {}", visible(level, SHOWN_CHARS)),
        });
    }
    if let Some(username) = &code.username {
        notes.push(format!("User name `{}`", visible(username, SHOWN_CHARS)));
    }
    if code.password.is_some() {
        notes.push("The code also holds the passphrase of the device's own access point".to_owned());
    }
    notes
}

impl Level {
    fn number(self) -> Option<u8> {
        match self {
            Self::Number(level) => Some(level),
            Self::Text(level) => level.trim().parse().ok(),
        }
        .filter(|level| *level <= NEWEST_SECURITY)
    }
}

/// The JSON of a provisioning code that stands in an address, as `data=` and percent-encoded.
fn data_of_address(text: &str) -> Option<Zeroizing<String>> {
    let (scheme, rest) = text.split_once("://")?;
    if !matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https") {
        return None;
    }
    let (_, query) = rest.split_once('?')?;
    let query = query.split('#').next().unwrap_or_default();
    let value = query.split('&').find_map(|pair| pair.strip_prefix("data="))?;
    let decoded = percent_decoded(value)?;
    decoded.trim_start().starts_with('{').then_some(decoded)
}

/// `None` where a percent sign stands before anything else than two digits, or the octets are no text.
fn percent_decoded(text: &str) -> Option<Zeroizing<String>> {
    let mut octets = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        octets.push(match octet {
            b'+' => b' ',
            b'%' => {
                let digit = |octet: Option<u8>| char::from(octet?).to_digit(16);
                u8::try_from(digit(rest.next())? * 16 + digit(rest.next())?).ok()?
            }
            octet => octet,
        });
    }
    std::str::from_utf8(&octets).ok().map(|text| Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests;
