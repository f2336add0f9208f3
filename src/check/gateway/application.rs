//! What is said once connected, as octets for a program that only carries them, and how the answer is read.

use core::net::SocketAddr;
use std::fmt::Write as _;

use super::{DETAIL_CHARS, Ran, Read};
use crate::check::question::Shape;
use crate::check::seen::{Broke, Http, HttpEnd, Mqtt, MqttEnd, Seen};
use crate::model::endpoint::ProbeKind;
use crate::model::text::visible;
use crate::proto::console::quote::{NotSendable, word};

/// Key and answer of RFC 6455 section 1.3: what is proven is that the far end knows WebSocket, and no secret hangs on it.
pub(super) const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
/// What we call ourselves, so that it can be found in a log.
pub(super) const AGENT: &str = concat!("linesman/", env!("CARGO_PKG_VERSION"));
/// How much of a page is shown, and of what came instead of an answer.
const BEGINS_CHARS: usize = 200;
const OTHER_CHARS: usize = 64;
/// First byte of CONNECT and of its answer, and the answer's length (MQTT 3.1.1, sections 3.1 and 3.2).
const CONNECT: u8 = 0x10;
const CONNACK: [u8; 2] = [0x20, 2];

/// First octet of a whole binary frame, the bit that says that it is masked, and the longest short length (RFC 6455 section 5.2).
const BINARY: u8 = 0x82;
const MASKED: u8 = 0x80;
const LENGTH: u8 = 125;
/// Lines of `od` that are read: 16 octets each, the head of an upgrade among them.
const LINES: usize = 120;

/// What is said.
#[derive(Clone, Debug)]
pub(super) enum Application {
    /// A page is asked for.
    Page { path: String },
    /// An upgrade to a WebSocket.
    Upgrade { path: String, protocol: String },
    /// MQTT's CONNECT without credentials.
    Mqtt { client_id: String },
    /// The same inside a WebSocket, which was granted before.
    MqttInside { path: String, protocol: String, client_id: String },
}

impl Application {
    pub(super) const fn step(&self) -> ProbeKind {
        match self {
            Self::Page { .. } => ProbeKind::Http,
            Self::Upgrade { .. } => ProbeKind::WebSocket,
            Self::Mqtt { .. } | Self::MqttInside { .. } => ProbeKind::Mqtt,
        }
    }

    pub(super) const fn path(&self) -> &str {
        match self {
            Self::Page { path } | Self::Upgrade { path, .. } | Self::MqttInside { path, .. } => path.as_str(),
            Self::Mqtt { .. } => "/",
        }
    }

    /// A command that writes it.
    pub(super) fn said(&self, host: &str) -> Result<String, NotSendable> {
        let (path, host) = (word(self.path().as_bytes())?, word(host.as_bytes())?);
        let head = format!("GET %s HTTP/1.1\\r\\nHost: %s\\r\\nUser-Agent: {AGENT}\\r\\n");
        Ok(match self {
            Self::Page { .. } => format!("printf '{head}Accept: */*\\r\\nConnection: close\\r\\n\\r\\n' {path} {host}"),
            Self::Upgrade { protocol, .. } | Self::MqttInside { protocol, .. } => format!(
                "printf '{head}Connection: Upgrade\\r\\nUpgrade: websocket\\r\\nSec-WebSocket-Version: 13\\r\\n\
                 Sec-WebSocket-Key: {KEY}\\r\\nSec-WebSocket-Protocol: %s\\r\\n\\r\\n' {path} {host} {}{}",
                word(protocol.as_bytes())?,
                self.inside()
            ),
            Self::Mqtt { client_id } => format!("printf '{}'", spelt(&connect_packet(client_id))),
        })
    }

    /// The program that carries it. Where the answer is no text it goes through a pipe, behind which its end would not show.
    pub(super) fn heard_by(&self, program: &str, is_limited: bool, mark: &str) -> String {
        match self {
            // What ends by itself in silence as well tells nothing by its end.
            Self::Mqtt { .. } | Self::MqttInside { .. } if !is_limited => {
                format!("{program}|od -An -v -tx1|head -n {LINES}")
            }
            Self::Page { .. } | Self::Upgrade { .. } => program.to_owned(),
            Self::Mqtt { .. } | Self::MqttInside { .. } => {
                format!("{{ {program};echo \"<{mark}e=$?>\" >&2; }}|od -An -v -tx1|head -n {LINES}")
            }
        }
    }

    pub(super) const fn needs_od(&self) -> bool {
        matches!(self, Self::Mqtt { .. } | Self::MqttInside { .. })
    }

    /// What is said once the WebSocket is granted: a frame whose mask changes nothing (RFC 6455 section 5.3).
    fn inside(&self) -> String {
        let Self::MqttInside { client_id, .. } = self else { return String::new() };
        let packet = connect_packet(client_id);
        let length = u8::try_from(packet.len()).unwrap_or_default() & LENGTH;
        format!(";sleep 1;printf '{}'", spelt(&[&[BINARY, MASKED | length, 0, 0, 0, 0], packet.as_slice()].concat()))
    }

    fn url(&self, host: &str, inside: &str) -> String {
        let secure = if inside == "tls" { "s" } else { "" };
        let scheme = if matches!(self, Self::Upgrade { .. }) { "ws" } else { "http" };
        visible(&format!("{scheme}{secure}://{host}{}", self.path()), DETAIL_CHARS)
    }

    /// The answer as an observation.
    pub(super) fn seen(&self, to: SocketAddr, host: &str, inside: &str, end: HttpEnd) -> Seen {
        let http = Http { to, url: self.url(host, inside), shape: Shape::Plain, end };
        match self {
            Self::Upgrade { .. } => Seen::WebSocket(http),
            Self::Page { .. } | Self::Mqtt { .. } | Self::MqttInside { .. } => Seen::Http(http),
        }
    }
}

/// Octets as `printf` takes them.
fn spelt(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "\\{octet:03o}");
        text
    })
}

fn connect_packet(client_id: &str) -> Vec<u8> {
    let id: Vec<u8> = client_id.bytes().take(100).collect();
    let length = u8::try_from(id.len()).unwrap_or_default();
    let head = [CONNECT, 12 + length, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 60, 0, length];
    [&head, id.as_slice()].concat()
}

/// An answer in HTTP.
#[derive(Default)]
pub(super) struct Head {
    pub status: Option<u16>,
    headers: Vec<(String, String)>,
}

impl Head {
    /// Takes in a line; that of a later answer begins anew.
    pub(super) fn take(&mut self, line: &str) {
        if let Some(rest) = line.strip_prefix("HTTP/") {
            self.status = rest.split(' ').nth(1).and_then(|status| status.trim().parse().ok());
            self.headers.clear();
        } else if let Some((name, value)) = line.split_once(':').filter(|_| self.headers.len() < 100) {
            self.headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// What came back, with the beginning of its page.
    pub(super) fn end(&self, application: &Application, page: &str) -> Option<HttpEnd> {
        let status = self.status?;
        let is_upgraded = match application {
            Application::Upgrade { protocol, .. } => {
                status == 101
                    && self.header("sec-websocket-accept") == Some(ACCEPT)
                    && self.header("sec-websocket-protocol") == Some(protocol)
            }
            Application::Page { .. } | Application::Mqtt { .. } | Application::MqttInside { .. } => false,
        };
        let shown = |name| self.header(name).map(|text| visible(text, DETAIL_CHARS));
        Some(HttpEnd::Status {
            status,
            server: shown("server"),
            location: shown("location"),
            date: self.header("date").and_then(date),
            begins: visible(page.trim_start(), BEGINS_CHARS),
            is_upgraded,
        })
    }
}

/// A date of a header, in seconds since 1970 UTC.
fn date(text: &str) -> Option<i64> {
    jiff::fmt::rfc2822::parse(text).ok().map(|time| time.timestamp().as_second())
}

/// What a program heard that only carries octets.
pub(super) fn heard(
    application: &Application,
    to: SocketAddr,
    host: &str,
    inside: &str,
    alert: Option<String>,
    mark: &str,
    ran: &Ran,
) -> Read {
    let mut read = Read::default();
    if application.needs_od() {
        let is_inside = matches!(application, Application::MqttInside { .. });
        let end = mqtt(alert, is_inside, mark, ran);
        let inside = if is_inside { "websocket" } else { inside };
        read.goes_on = matches!(end, MqttEnd::Connack { code: 0 });
        read.seen(Seen::Mqtt(Mqtt { to, inside: inside.into(), shape: Shape::Plain, end }));
        return read;
    }
    let (lines, page) = ran.out.split_once("\n\n").unwrap_or((&ran.out, ""));
    let mut head = Head::default();
    lines.lines().for_each(|line| head.take(line));
    let end = head.end(application, page).unwrap_or_else(|| HttpEnd::Broken(broke(ran)));
    read.goes_on = matches!(end, HttpEnd::Status { .. });
    read.seen(application.seen(to, host, inside, end));
    read
}

fn broke(ran: &Ran) -> Broke {
    if !ran.out.trim().is_empty() {
        Broke::Other { begins: visible(ran.out.trim(), OTHER_CHARS) }
    } else if ran.err.contains("reset by peer") || ran.err.contains("errno=104") {
        Broke::Reset
    } else if ran.is_timed_out() {
        Broke::Silent
    } else {
        Broke::Closed
    }
}

/// What the first frame holds behind the head of an upgrade; nothing where none came. Whatever came in place of a granted
/// upgrade stays as it is.
fn in_frame(octets: &[u8]) -> &[u8] {
    let Some(end) = octets.windows(4).position(|four| four == b"\r\n\r\n") else { return octets };
    if !octets.starts_with(b"HTTP/1.1 101") {
        return octets;
    }
    match &octets[end + 4..] {
        [BINARY, length, payload @ ..] if *length <= LENGTH => payload.get(..usize::from(*length)).unwrap_or(payload),
        other => other,
    }
}

/// Nothing came: the program says whether it was hung up on, or ended by `timeout`.
fn ended_without_a_byte(mark: &str, ran: &Ran) -> Broke {
    let code = ran.err.split_once(&format!("<{mark}e=")).and_then(|(_, rest)| rest.split_once('>')?.0.parse().ok());
    let carrier = Ran { code, ..Ran::default() };
    if ran.err.contains("reset by peer") || ran.err.contains("errno=104") {
        Broke::Reset
    } else if carrier.is_timed_out() {
        Broke::Silent
    } else {
        Broke::Closed
    }
}

/// The answer stands in hexadecimal digits.
fn mqtt(alert: Option<String>, is_inside: bool, mark: &str, ran: &Ran) -> MqttEnd {
    let octets: Vec<u8> = ran.out.split_whitespace().map_while(|digits| u8::from_str_radix(digits, 16).ok()).collect();
    let heard = if is_inside { in_frame(&octets) } else { &octets };
    match (heard, alert) {
        ([first, length, _, code, ..], _) if [*first, *length] == CONNACK => MqttEnd::Connack { code: *code },
        ([], Some(alert)) => MqttEnd::Alert { alert },
        ([], None) => MqttEnd::Broken(ended_without_a_byte(mark, ran)),
        (other, _) => MqttEnd::Broken(Broke::Other { begins: visible(&String::from_utf8_lossy(other), OTHER_CHARS) }),
    }
}
