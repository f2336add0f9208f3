//! openssl s_client: the handshake with its chain, and what is said over it where no other program can.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use super::application::{Application, heard};
use super::socket::{connect, error_in};
use super::talk::secs;
use super::{Ask, DETAIL_CHARS, Found, Gateway, Ran, Read, not_run};
use crate::check::question::{Shape, Talk};
use crate::check::seen::{Broke, ConnectEnd, NotRun, Seen, Tls, TlsEnd};
use crate::model::endpoint::ProbeKind;
use crate::model::text::visible;
use crate::proto::console::quote::NotSendable;
use crate::proto::pem;

/// How long it stays after the handshake: with TLS 1.3 a server refuses only then.
const AFTERWARDS_SECS: u64 = 1;

/// The arguments that lead to the far end.
fn way(to: SocketAddr, host: &str) -> String {
    let name = if host.parse::<IpAddr>().is_ok() { String::new() } else { format!(" -servername '{host}'") };
    format!("openssl s_client -connect '{to}'{name}")
}

/// A handshake, and its chain.
pub(super) struct Handshake {
    to: SocketAddr,
    host: String,
    shape: Shape,
    limit: Duration,
    alpn: Vec<String>,
    expected: Vec<String>,
    within: String,
}

impl Handshake {
    pub(super) fn new(talk: &Talk, alpn: &[String], expected: &[String], gateway: &Gateway) -> Self {
        Self {
            to: talk.to,
            host: talk.host.clone(),
            shape: talk.shape,
            limit: talk.limit,
            alpn: alpn.to_vec(),
            expected: expected.to_vec(),
            within: gateway.tools.within(secs(talk.limit) + AFTERWARDS_SECS),
        }
    }

    fn tls(&self, end: TlsEnd) -> Tls {
        let name = visible(&self.host, DETAIL_CHARS);
        Tls { to: self.to, name, shape: self.shape, end, chain: Vec::new(), trust: None }
    }
}

impl Ask for Handshake {
    fn command(&self) -> Result<String, NotSendable> {
        let is_plain = |text: &&String| text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '/'));
        let alpn: Vec<&str> = self.alpn.iter().filter(is_plain).map(String::as_str).collect();
        let alpn = if alpn.is_empty() { String::new() } else { format!(" -alpn {}", alpn.join(",")) };
        Ok(format!("sleep {AFTERWARDS_SECS}|{}{} -showcerts{alpn}", self.within, way(self.to, &self.host)))
    }

    fn limit(&self) -> Duration {
        self.limit + Duration::from_secs(AFTERWARDS_SECS)
    }

    fn step(&self) -> ProbeKind {
        ProbeKind::Tcp
    }

    fn read(&self, ran: &Ran) -> Read {
        let mut read = Read::default();
        let is_plain = self.shape.is_plain();
        if !ran.out.contains("CONNECTED(") {
            let end = match error_in(&ran.err) {
                Some(end) => end,
                None if ran.is_timed_out() => ConnectEnd::TimedOut,
                None => {
                    read.seen(not_run(ProbeKind::Tcp, NotRun::NotOffered, ran.err.trim()));
                    return read;
                }
            };
            if is_plain {
                read.seen(connect(self.to, None, end));
            }
            return read;
        }
        if is_plain {
            read.seen(connect(self.to, None, ConnectEnd::Connected));
        }
        let end = TlsEnd::of_s_client(ran);
        let mut chain = pem::certificates(&ran.out);
        // Old versions print the first one twice.
        if chain.len() > 1 && chain.first() == chain.last() {
            chain.pop();
        }
        read.goes_on = matches!(end, TlsEnd::Done { .. });
        read.found.push(if chain.is_empty() {
            Found::Seen(Seen::Tls(self.tls(end)))
        } else {
            Found::Chain { tls: self.tls(end), chain, expected: self.expected.clone() }
        });
        read
    }
}

impl TlsEnd {
    /// How a handshake of `openssl s_client` ended.
    fn of_s_client(ran: &Ran) -> Self {
        let asks =
            ["Requested Signature Algorithms", "Client Certificate Types", "Acceptable client certificate CA names"];
        let asked_certificate = asks.iter().any(|words| ran.out.contains(words));
        let alert = alert(&ran.err);
        if let Some(alert) = alert {
            let asked_certificate = asked_certificate || alert.contains("certificate required");
            return Self::Alert { alert, asked_certificate };
        }
        if let Some((version, cipher)) = suite(&ran.out) {
            return Self::Done { version, cipher, alpn: alpn(&ran.out), asked_certificate };
        }
        let text = ran.text();
        if text.contains("errno=104") || text.contains("Connection reset") {
            Self::Broken(Broke::Reset)
        } else if text.contains("wrong version number") || text.contains("packet length too long") {
            Self::Failed { detail: "what came is no TLS".into() }
        } else if text.contains("unexpected eof") || text.contains("errno=0") || text.contains("errno=32") {
            Self::Broken(Broke::Closed)
        } else if ran.is_timed_out() {
            Self::Broken(Broke::Silent)
        } else {
            Self::Failed { detail: visible(ran.err.lines().next_back().unwrap_or("no handshake"), DETAIL_CHARS) }
        }
    }
}

/// The alert in an error: `…:sslv3 alert handshake failure:../ssl/record/rec_layer_s3.c:1584:SSL alert number 40`.
pub(super) fn alert(err: &str) -> Option<String> {
    let line = err.lines().find(|line| line.contains("SSL alert number"))?;
    let (_, alert) = line.split_once("alert ")?;
    Some(visible(alert.split(':').next().unwrap_or_default(), 60))
}

/// Version and suite: `New, TLSv1.3, Cipher is …`; of old versions only the line `Protocol` is right about the first.
fn suite(out: &str) -> Option<(String, String)> {
    let line = out.lines().find_map(|line| line.strip_prefix("New, ").or_else(|| line.strip_prefix("Reused, ")))?;
    let (version, cipher) = line.split_once(", Cipher is ")?;
    if cipher.trim() == "(NONE)" {
        return None;
    }
    let protocol =
        out.lines().find_map(|line| line.trim().strip_prefix("Protocol")).map(|rest| rest.trim_matches([' ', ':']));
    Some((visible(protocol.unwrap_or(version), 20), visible(cipher.trim(), 60)))
}

fn alpn(out: &str) -> Option<String> {
    let chosen = out.lines().find_map(|line| line.strip_prefix("ALPN protocol: "))?;
    Some(visible(chosen.trim(), 60))
}

/// Something that is said over TLS: the answer alone is looked at, the handshake was before.
pub(super) struct Over {
    to: SocketAddr,
    host: String,
    limit: Duration,
    application: Application,
    within: String,
    mark: String,
}

impl Over {
    pub(super) fn new(talk: &Talk, application: Application, gateway: &Gateway) -> Self {
        let within = gateway.tools.within(secs(talk.limit));
        let mark = gateway.mark.clone();
        Self { to: talk.to, host: talk.host.clone(), limit: talk.limit, application, within, mark }
    }
}

impl Ask for Over {
    fn command(&self) -> Result<String, NotSendable> {
        let said = self.application.said(&self.host)?;
        // It is ended before what it reads from ends.
        let secs = secs(self.limit) + 2;
        let carrier = format!("{}{} -quiet", self.within, way(self.to, &self.host));
        Ok(format!(
            "{{ {said};sleep {secs}; }}|{}",
            self.application.heard_by(&carrier, !self.within.is_empty(), &self.mark)
        ))
    }

    fn limit(&self) -> Duration {
        self.limit * 2
    }

    fn step(&self) -> ProbeKind {
        self.application.step()
    }

    fn read(&self, ran: &Ran) -> Read {
        heard(&self.application, self.to, &self.host, "tls", alert(&ran.err), &self.mark, ran)
    }
}
