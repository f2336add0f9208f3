//! Bare connections by bash or nc, what is said on them, and the words of errors that all programs share.

use core::net::SocketAddr;
use core::time::Duration;

use super::application::{Application, heard};
use super::talk::secs;
use super::tools::Tools;
use super::{Ask, Gateway, Ran, Read, not_run};
use crate::check::question::{Shape, Talk};
use crate::check::seen::{self, ConnectEnd, NotRun, Seen, SocketError};
use crate::model::endpoint::ProbeKind;
use crate::proto::console::quote::{NotSendable, word};

/// A connection attempt.
pub(super) struct Connect {
    to: SocketAddr,
    limit: Duration,
    line: String,
}

impl Connect {
    /// By the first program that can.
    pub(super) fn new(talk: &Talk, tools: &Tools) -> Option<Self> {
        let (ip, port, secs) = (talk.to.ip(), talk.to.port(), secs(talk.limit));
        let within = tools.within(secs);
        let line = if tools.has("bash") && !within.is_empty() {
            format!("{within}bash -c 'exec 4<>/dev/tcp/{ip}/{port}'")
        } else {
            let nc = tools.call("nc")?;
            match (tools.is_busybox("nc"), tools.nc_runs()) {
                (true, true) => format!("{nc} -w {secs} {ip} {port} -e true"),
                (true, false) => return None,
                (false, _) => format!("{nc} -v -z -w {secs} {ip} {port}"),
            }
        };
        Some(Self { to: talk.to, limit: talk.limit, line })
    }
}

impl Ask for Connect {
    fn command(&self) -> Result<String, NotSendable> {
        Ok(self.line.clone())
    }

    fn limit(&self) -> Duration {
        self.limit
    }

    fn step(&self) -> ProbeKind {
        ProbeKind::Tcp
    }

    fn read(&self, ran: &Ran) -> Read {
        let text = ran.text();
        let end = match (ran.code, error_in(&text)) {
            (Some(0), _) => ConnectEnd::Connected,
            (_, Some(end)) => end,
            _ if ran.is_timed_out() => ConnectEnd::TimedOut,
            _ => {
                let mut read = Read::default();
                read.seen(not_run(ProbeKind::Tcp, NotRun::NotOffered, text.trim()));
                return read;
            }
        };
        let mut read = Read { goes_on: end == ConnectEnd::Connected, ..Read::default() };
        read.seen(connect(self.to, None, end));
        read
    }
}

/// Something that is said on a bare connection. That there is one was seen before.
pub(super) struct Bare {
    to: SocketAddr,
    host: String,
    limit: Duration,
    application: Application,
    /// What stands before and behind what is said.
    program: Program,
    mark: String,
}

enum Program {
    Bash { within: String },
    Nc { call: String, within: String },
}

impl Bare {
    /// By the first program that can.
    pub(super) fn new(talk: &Talk, application: Application, gateway: &Gateway) -> Option<Self> {
        let tools = &gateway.tools;
        let within = tools.within(secs(talk.limit));
        let program = if tools.has("bash") && !within.is_empty() {
            Program::Bash { within }
        } else {
            Program::Nc { call: tools.call("nc")?, within }
        };
        if application.needs_od() && !tools.has("od") {
            return None;
        }
        Some(Self {
            to: talk.to,
            host: talk.host.clone(),
            limit: talk.limit,
            application,
            program,
            mark: gateway.mark.clone(),
        })
    }
}

impl Ask for Bare {
    fn command(&self) -> Result<String, NotSendable> {
        let (ip, port, secs) = (self.to.ip(), self.to.port(), secs(self.limit));
        let said = self.application.said(&self.host)?;
        let heard = |carrier: &str, within: &str| self.application.heard_by(carrier, !within.is_empty(), &self.mark);
        Ok(match &self.program {
            Program::Bash { within } => {
                let script = format!("exec 4<>/dev/tcp/{ip}/{port};{said} >&4;cat <&4");
                heard(&format!("{within}bash -c {}", word(script.as_bytes())?), within)
            }
            Program::Nc { call, within } => {
                // `timeout` ends it before it ends by itself, and before what it reads from ends.
                let longer = secs + 1;
                let carrier = heard(&format!("{within}{call} -w {longer} {ip} {port}"), within);
                format!("{{ {said};sleep {longer}; }}|{carrier}")
            }
        })
    }

    fn limit(&self) -> Duration {
        self.limit * 2
    }

    fn step(&self) -> ProbeKind {
        self.application.step()
    }

    fn read(&self, ran: &Ran) -> Read {
        heard(&self.application, self.to, &self.host, "tcp", None, &self.mark, ran)
    }
}

/// A connection attempt as an observation.
pub(super) const fn connect(to: SocketAddr, from: Option<SocketAddr>, end: ConnectEnd) -> Seen {
    Seen::Connect(seen::Connect { to, from, shape: Shape::Plain, attempt: 1, end })
}

/// The error of the system in a program's words: strerror(3) in English, by glibc and by musl. `None` where there is none.
pub(super) fn error_in(text: &str) -> Option<ConnectEnd> {
    let known = [
        ("Connection refused", SocketError::Refused, 111),
        ("Network is unreachable", SocketError::NetworkUnreachable, 101),
        ("Network unreachable", SocketError::NetworkUnreachable, 101),
        ("No route to host", SocketError::HostUnreachable, 113),
        ("Host is unreachable", SocketError::HostUnreachable, 113),
        ("Operation not permitted", SocketError::NotPermitted, 1),
        ("Permission denied", SocketError::NotPermitted, 13),
        ("Connection reset by peer", SocketError::Reset, 104),
        ("Protocol not available", SocketError::NoProtocol, 92),
        ("Cannot assign requested address", SocketError::NoSuchAddress, 99),
        ("Address not available", SocketError::NoSuchAddress, 99),
    ];
    if let Some((_, error, number)) = known.iter().find(|(words, ..)| text.contains(words)) {
        return Some(ConnectEnd::Failed { error: *error, number: Some(*number), icmp: None });
    }
    text.contains("timed out").then_some(ConnectEnd::TimedOut)
}

/// Whether a text is a name or an address and nothing else: letters, digits, dots, hyphens, colons, and no option.
pub(super) fn is_host(text: &str) -> bool {
    let is_fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    let is_address = text.parse::<core::net::IpAddr>().is_ok();
    is_address
        || (!text.is_empty() && text.len() <= 253 && text.chars().all(is_fit) && !text.starts_with(['-', '.', ':']))
}
