//! curl: connection, handshake, page and upgrade in one command. Its exit codes (curl(1), EXIT CODES) are observations of the
//! step they prove; what it says of time tells which steps were over before.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use super::application::{AGENT, Application, Head, KEY};
use super::socket::{connect, error_in};
use super::talk::secs;
use super::{Ask, DETAIL_CHARS, Found, Gateway, Ran, Read, not_run};
use crate::check::question::{Shape, Talk};
use crate::check::seen::{Broke, ConnectEnd, HttpEnd, NotRun, Seen, SocketError, SystemTrust, Tls, TlsEnd};
use crate::model::endpoint::ProbeKind;
use crate::model::text::visible;
use crate::proto::console::quote::{NotSendable, word};
use crate::proto::pem;

/// What is asked about the transfer, in this order.
const FIGURES: &str = "%{time_connect}|%{time_appconnect}|%{local_ip}|%{local_port}|";

/// What of a run is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// All of it; the chain is printed, and we judge it.
    Whole,
    /// All of it; the chain is held against the list of the gateway, since it cannot be printed.
    Judged,
    /// What the list of the gateway says of the chain. The rest was told.
    Verdict,
    /// What came back. Connection and handshake were told.
    Answer,
}

/// One run of curl.
#[derive(Clone)]
pub(super) struct Curl {
    to: SocketAddr,
    host: String,
    limit: Duration,
    expected: Option<Vec<String>>,
    application: Application,
    part: Part,
    mark: String,
    /// Since 7.63 it can print on standard error, where a long page is not in the way.
    has_stderr: bool,
}

impl Curl {
    pub(super) fn new(
        talk: &Talk,
        expected: Option<&[String]>,
        application: Application,
        part: Part,
        gateway: &Gateway,
    ) -> Self {
        Self {
            to: talk.to,
            host: talk.host.clone(),
            limit: talk.limit,
            expected: expected.map(<[_]>::to_vec),
            application,
            part,
            mark: gateway.mark.clone(),
            has_stderr: gateway.tools.curl_since(7, 63),
        }
    }

    const fn is_tls(&self) -> bool {
        self.expected.is_some()
    }

    const fn inside(&self) -> &'static str {
        if self.is_tls() { "tls" } else { "tcp" }
    }

    const fn tells_below(&self) -> bool {
        matches!(self.part, Part::Whole | Part::Judged)
    }

    /// How it is led to the address that was looked up.
    fn way(&self) -> Result<String, NotSendable> {
        let (ip, port) = (bracketed(self.to.ip()), self.to.port());
        Ok(match self.host.parse::<IpAddr>() {
            Ok(own) if own == self.to.ip() => String::new(),
            Ok(_) => format!("--connect-to {} ", word(format!("::{ip}:{port}").as_bytes())?),
            Err(_) => format!("--resolve {} ", word(format!("{}:{port}:{ip}", self.host).as_bytes())?),
        })
    }

    fn upgrade(&self) -> Result<String, NotSendable> {
        let Application::Upgrade { protocol, .. } = &self.application else { return Ok(String::new()) };
        let protocol = word(format!("Sec-WebSocket-Protocol: {protocol}").as_bytes())?;
        Ok(format!(
            "-N -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' \
             -H 'Sec-WebSocket-Key: {KEY}' -H {protocol} "
        ))
    }

    fn figures(&self) -> String {
        let place = if self.has_stderr { "%{stderr}" } else { "" };
        let certs = if self.part == Part::Whole && self.is_tls() { "%{certs}" } else { "" };
        format!("'{place}\\n<{}w>{FIGURES}\\n{certs}\\n'", self.mark)
    }
}

fn bracketed(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

impl Ask for Curl {
    fn command(&self) -> Result<String, NotSendable> {
        let secs = secs(self.limit);
        let host = self.host.parse().map_or_else(|_| self.host.clone(), bracketed);
        let scheme = if self.is_tls() { "https" } else { "http" };
        let url = word(format!("{scheme}://{host}:{}{}", self.to.port(), self.application.path()).as_bytes())?;
        // What is sent over it is no secret, and the chain is judged apart.
        let insecure = if matches!(self.part, Part::Whole | Part::Answer) { "k" } else { "" };
        let page = if self.has_stderr { "" } else { "-o /dev/null " };
        Ok(format!(
            "curl -q -gsSv{insecure} --http1.1 --noproxy '*' --connect-timeout {secs} -m {} -A {AGENT} {}{}{page}-w {} {url}",
            2 * secs,
            self.way()?,
            self.upgrade()?,
            self.figures(),
        ))
    }

    fn limit(&self) -> Duration {
        2 * self.limit
    }

    fn step(&self) -> ProbeKind {
        ProbeKind::Tcp
    }

    fn read(&self, ran: &Ran) -> Read {
        let mut read = Read::default();
        // An old curl prints all of it at once, and no page.
        let text = if self.has_stderr { ran.err.clone() } else { ran.text() };
        let printed = Printed::of(&text, &self.mark);
        if self.tells_below() {
            if !printed.is_connected {
                read.seen(self.not_connected(ran, &printed));
                return read;
            }
            read.seen(connect(self.to, printed.from, ConnectEnd::Connected));
        }
        if self.is_tls() && self.part != Part::Answer && !self.handshake(ran, &printed, &mut read) {
            return read;
        }
        if self.part != Part::Verdict {
            let end = self.answer(ran, &printed);
            let wants_upgrade = matches!(self.application, Application::Upgrade { .. });
            read.goes_on = matches!(end, HttpEnd::Status { is_upgraded, .. } if is_upgraded || !wants_upgrade);
            read.seen(self.application.seen(self.to, &self.host, self.inside(), end));
        }
        read
    }
}

impl Curl {
    fn not_connected(&self, ran: &Ran, printed: &Printed) -> Seen {
        let unknown = ConnectEnd::Failed { error: SocketError::Other, number: None, icmp: None };
        let end = match ran.code {
            Some(7) => error_in(&printed.words).unwrap_or(unknown),
            Some(28) | None => ConnectEnd::TimedOut,
            // It did not come to a connection, for a reason that is none of the network's.
            Some(_) => return not_run(ProbeKind::Tcp, NotRun::NotOffered, &printed.complaint),
        };
        connect(self.to, None, end)
    }

    fn tls(&self, end: TlsEnd) -> Tls {
        let name = visible(&self.host, DETAIL_CHARS);
        Tls { to: self.to, name, shape: Shape::Plain, end, chain: Vec::new(), trust: None }
    }

    /// Tells of the handshake; whether there is something after it.
    fn handshake(&self, ran: &Ran, printed: &Printed, read: &mut Read) -> bool {
        if let Some(alert) = printed.wants_certificate() {
            read.seen(Seen::Tls(self.tls(TlsEnd::Alert { alert, asked_certificate: true })));
            return false;
        }
        if let Some((version, cipher)) = printed.suite() {
            let asked_certificate = printed.words.contains("TLS handshake, Request CERT");
            let done = self.tls(TlsEnd::Done { version, cipher, alpn: None, asked_certificate });
            self.shaken(done, printed, read);
            return true;
        }
        match ran.code {
            Some(51 | 60) => read.found.push(Found::Seen(trusts(false, &printed.complaint))),
            Some(28) | None => read.seen(Seen::Tls(self.tls(TlsEnd::Broken(Broke::Silent)))),
            Some(35) => read.seen(Seen::Tls(self.tls(printed.broken_handshake()))),
            Some(56) if printed.is_reset() => read.seen(Seen::Tls(self.tls(TlsEnd::Broken(Broke::Reset)))),
            Some(_) => read.seen(not_run(ProbeKind::Tls, NotRun::NotOffered, &printed.complaint)),
        }
        false
    }

    fn shaken(&self, done: Tls, printed: &Printed, read: &mut Read) {
        match self.part {
            Part::Whole => {
                let chain = pem::certificates(&printed.certificates);
                if chain.is_empty() {
                    // Not every build of curl prints chains: what its own list says is the next best.
                    read.then = Some(Box::new(Self { part: Part::Verdict, ..self.clone() }));
                }
                read.found.push(Found::Chain { tls: done, chain, expected: self.expected.clone().unwrap_or_default() });
            }
            Part::Judged => {
                read.seen(Seen::Tls(done));
                read.seen(trusts(true, ""));
            }
            Part::Verdict => read.seen(trusts(true, "")),
            Part::Answer => {}
        }
    }

    fn answer(&self, ran: &Ran, printed: &Printed) -> HttpEnd {
        let page = if self.has_stderr { ran.out.as_str() } else { "" };
        printed.head.end(&self.application, page).unwrap_or_else(|| {
            HttpEnd::Broken(match ran.code {
                Some(28) | None => Broke::Silent,
                _ if printed.is_reset() => Broke::Reset,
                Some(1 | 8) => Broke::Other { begins: visible(&printed.complaint, 64) },
                Some(_) => Broke::Closed,
            })
        })
    }
}

fn trusts(trusts: bool, detail: &str) -> Seen {
    Seen::SystemTrust(SystemTrust { trusts: Some(trusts), detail: visible(detail, DETAIL_CHARS) })
}

/// What curl printed on standard error.
#[derive(Default)]
struct Printed {
    is_connected: bool,
    is_encrypted: bool,
    from: Option<SocketAddr>,
    /// Its running commentary, without what servers said.
    words: String,
    /// Its last word, without its name and number.
    complaint: String,
    head: Head,
    certificates: String,
}

impl Printed {
    fn of(text: &str, mark: &str) -> Self {
        let (before, after) = text.split_once(&format!("<{mark}w>")).unwrap_or((text, ""));
        let (figures, rest) = after.split_once('\n').unwrap_or((after, ""));
        let figures: Vec<&str> = figures.split('|').collect();
        let figure = |at: usize| figures.get(at).copied().unwrap_or_default();
        let is_positive = |at| figure(at).parse::<f64>().is_ok_and(|secs| secs > 0.0);
        let from = figure(2).parse().ok().zip(figure(3).parse().ok());
        let mut printed = Self {
            is_connected: is_positive(0) || before.lines().any(|line| line.starts_with("* Connected to ")),
            is_encrypted: is_positive(1),
            from: from.map(|(ip, port)| SocketAddr::new(ip, port)),
            certificates: rest.to_owned(),
            ..Self::default()
        };
        text.lines().for_each(|line| printed.take(line));
        printed
    }

    fn take(&mut self, line: &str) {
        let mut say = |words: &str| {
            self.words.push_str(words);
            self.words.push('\n');
        };
        if let Some(said) = line.strip_prefix("< ") {
            self.head.take(said);
        } else if let Some(words) = line.strip_prefix("* ") {
            say(words);
        } else if let Some((_, complaint)) = line.strip_prefix("curl: (").and_then(|rest| rest.split_once(") ")) {
            say(complaint);
            complaint.clone_into(&mut self.complaint);
        }
    }

    /// Version and suite of a handshake that is over.
    fn suite(&self) -> Option<(String, String)> {
        let line = self.words.lines().find_map(|line| line.strip_prefix("SSL connection using "));
        if line.is_none() && !self.is_encrypted {
            return None;
        }
        let mut parts = line.unwrap_or_default().split(" / ").map(str::trim);
        let version = parts.next().unwrap_or_default();
        let version = if version.starts_with("TLS1") { version.replace("TLS", "TLSv") } else { version.to_owned() };
        Some((visible(&version, 20), visible(parts.next().unwrap_or_default(), 60)))
    }

    /// The alert of a server that wants a certificate of the client (RFC 8446 section 6.2).
    fn wants_certificate(&self) -> Option<String> {
        self.words.to_lowercase().contains("alert certificate required").then(|| "certificate required".to_owned())
    }

    fn is_reset(&self) -> bool {
        self.words.contains("Connection reset by peer") || self.words.contains("errno 104")
    }

    /// What stands behind exit code 35, by the words of the library.
    fn broken_handshake(&self) -> TlsEnd {
        let words = self.complaint.to_lowercase();
        if self.is_reset() {
            return TlsEnd::Broken(Broke::Reset);
        }
        if let Some((_, alert)) = words.split_once("alert ") {
            let alert = alert.split([',', ':', '(']).next().unwrap_or_default().trim();
            return TlsEnd::Alert { alert: visible(alert, 60), asked_certificate: false };
        }
        if words.contains("eof") || words.contains("ssl_error_syscall") {
            return TlsEnd::Broken(Broke::Closed);
        }
        TlsEnd::Failed { detail: visible(&self.complaint, DETAIL_CHARS) }
    }
}
