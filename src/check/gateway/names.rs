//! Names by getent, nslookup (of bind and of busybox) and dig.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use super::socket::{error_in, is_host};
use super::{Ask, Gateway, Inquiry, Ran, Read};
use crate::check::question::{Asked, Carrier, Lookup};
use crate::check::seen::{self, Answer, ConnectEnd, NotRun, Seen};
use crate::model::endpoint::ProbeKind;
use crate::model::text::visible;
use crate::proto::console::quote::NotSendable;

/// Most addresses and other names of an answer, and longest text of one.
const MAX_ADDRESSES: usize = 32;
const MAX_ALIASES: usize = 16;
const TEXT_CHARS: usize = 253;
/// How long dig waits for an answer, seconds.
const DIG_SECS: u64 = 3;

/// Whose words are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Program {
    Getent,
    Nslookup,
    Dig,
}

/// One look-up.
struct LookUp {
    lookup: Lookup,
    program: Program,
    line: String,
}

/// The command of a look-up. What a server says itself is beside what the gateway's programs go by: where no program can ask
/// it, nothing is said.
pub(super) fn plan(lookup: &Lookup, gateway: &Gateway, inquiry: &mut Inquiry) {
    let tools = &gateway.tools;
    let name = &lookup.name;
    if !is_host(name) {
        return inquiry.cannot(
            ProbeKind::Dns,
            NotRun::NothingToAsk,
            "this is not the name of a host, so no command was made of it",
        );
    }
    let within = tools.within(super::talk::secs(lookup.limit));
    let nslookup = tools.call("nslookup");
    let found = match &lookup.asked {
        Asked::System if tools.has("getent") => Some((Program::Getent, format!("{within}getent ahosts '{name}'"))),
        Asked::System => nslookup.map(|call| (Program::Nslookup, format!("{within}{call} '{name}'"))),
        Asked::Server { address, by } if tools.has("dig") => {
            let tcp = if *by == Carrier::Tcp { "+tcp " } else { "" };
            let (ip, port) = (address.ip(), address.port());
            let asks = format!("'{name}' A '{name}' AAAA");
            Some((
                Program::Dig,
                format!("dig {tcp}+time={DIG_SECS} +tries=1 +noall +comments +answer @{ip} -p {port} {asks}"),
            ))
        }
        Asked::Server { address, by: Carrier::Udp } => nslookup.map(|call| {
            let line = match (address.port(), tools.is_busybox("nslookup")) {
                (53, _) => format!("{within}{call} '{name}' {}", address.ip()),
                (_, true) => format!("{within}{call} '{name}' {address}"),
                (port, false) => format!("{within}{call} -port={port} '{name}' {}", address.ip()),
            };
            (Program::Nslookup, line)
        }),
        Asked::Server { .. } => None,
    };
    match (found, &lookup.asked) {
        (Some((program, line)), _) => inquiry.ask(LookUp { lookup: lookup.clone(), program, line }),
        (None, Asked::System) => inquiry.cannot(ProbeKind::Dns, NotRun::NoProgram, "no program that looks names up"),
        (None, Asked::Server { .. }) => {}
    }
}

impl Ask for LookUp {
    fn command(&self) -> Result<String, NotSendable> {
        Ok(self.line.clone())
    }

    fn limit(&self) -> Duration {
        self.lookup.limit
    }

    fn step(&self) -> ProbeKind {
        ProbeKind::Dns
    }

    fn read(&self, ran: &Ran) -> Read {
        let mut read = Read::default();
        let text = ran.text();
        let (asked, by) = match self.lookup.asked {
            Asked::System => (None, None),
            Asked::Server { address, by } => (Some(address), Some(by)),
        };
        let mut told = match self.program {
            Program::Getent => getent(ran),
            Program::Nslookup => nslookup(ran, &text),
            Program::Dig => dig(&text),
        };
        // nslookup asks a server itself, even where nobody names one.
        let by_itself = told.server.filter(|_| asked.is_none());
        told.addresses.truncate(MAX_ADDRESSES);
        told.aliases.truncate(MAX_ALIASES);
        let answer = told.answer();
        let lost = u32::from(answer == Answer::TimedOut);
        read.seen(Seen::Lookup(seen::Lookup {
            name: visible(&self.lookup.name, TEXT_CHARS),
            purpose: self.lookup.purpose,
            server: asked.or(by_itself),
            by: by.or_else(|| by_itself.map(|_| Carrier::Udp)),
            sent: 1,
            lost,
            answer,
        }));
        read
    }
}

/// What a program said.
#[derive(Default)]
struct Told {
    server: Option<SocketAddr>,
    rcode: Option<u16>,
    addresses: Vec<IpAddr>,
    aliases: Vec<String>,
    ttl_secs: Option<u32>,
    extended: Vec<(u16, String)>,
    is_silent: bool,
    is_refused: bool,
    /// What the program says of itself, where it came to no answer.
    failed: Option<String>,
}

impl Told {
    fn add(&mut self, address: IpAddr) {
        if !self.addresses.contains(&address) {
            self.addresses.push(address);
        }
    }

    fn answer(self) -> Answer {
        if self.addresses.is_empty() && self.rcode.is_none() {
            if self.is_refused {
                return Answer::Refused { icmp: None };
            }
            if self.is_silent {
                return Answer::TimedOut;
            }
            if let Some(detail) = self.failed {
                return Answer::Failed { detail, error: None };
            }
        }
        let Self { rcode, addresses, aliases, ttl_secs, extended, .. } = self;
        Answer::Message { rcode, addresses, aliases, ttl_secs, extended }
    }
}

/// `192.0.2.1 STREAM name`, a line for each kind of socket; 2 where there is no such name, whyever.
fn getent(ran: &Ran) -> Told {
    let mut told = Told { is_silent: ran.is_timed_out(), ..Told::default() };
    for line in ran.out.lines() {
        let mut words = line.split_whitespace();
        if let Some(address) = words.next().and_then(|word| word.parse().ok()) {
            told.add(address);
        }
    }
    told
}

fn nslookup(ran: &Ran, text: &str) -> Told {
    let mut told = Told { is_silent: ran.is_timed_out(), ..Told::default() };
    let mut has_name = false;
    for line in text.lines() {
        let (key, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.trim();
        match key.trim() {
            "Name" => has_name = true,
            // Busybox numbers them and writes the name behind.
            key if key == "Address" || key.starts_with("Address ") => {
                let first = value.split_whitespace().next().unwrap_or_default();
                match first.parse() {
                    Ok(address) if has_name => told.add(address),
                    _ if !has_name => told.server = told.server.or_else(|| server(first)),
                    _ => {}
                }
            }
            _ => take_words(line, &mut told),
        }
    }
    if told.addresses.is_empty() {
        // What it says of itself, where it names no code of the server's.
        told.failed.get_or_insert_with(|| visible(text.trim(), 120));
    } else {
        told.rcode = Some(0);
    }
    told
}

/// Bind writes `192.0.2.1#53`, busybox `192.0.2.1:53` or the address alone.
fn server(text: &str) -> Option<SocketAddr> {
    let with_port = text.replace('#', ":");
    with_port.parse().ok().or_else(|| Some(SocketAddr::new(text.split('#').next()?.parse().ok()?, 53)))
}

fn take_words(line: &str, told: &mut Told) {
    if let Some((_, alias)) = line.split_once("canonical name = ") {
        told.aliases.push(visible(alias.trim().trim_end_matches('.'), TEXT_CHARS));
    } else if line.contains("NXDOMAIN") {
        told.rcode = told.rcode.or(Some(3));
    } else if line.contains("SERVFAIL") {
        told.rcode = told.rcode.or(Some(2));
    } else if line.contains("REFUSED") {
        told.rcode = told.rcode.or(Some(5));
    } else if line.contains("No answer") {
        told.rcode = told.rcode.or(Some(0));
    } else if line.contains("timed out") || line.contains("no servers could be reached") {
        told.is_silent = true;
    } else if let Some(ConnectEnd::Failed { .. }) = error_in(line) {
        told.is_refused |= line.contains("refused");
        told.failed.get_or_insert_with(|| visible(line.trim(), 120));
    }
}

fn dig(text: &str) -> Told {
    let mut told = Told::default();
    for line in text.lines() {
        if let Some((_, status)) = line.split_once("status: ") {
            let status = status.split(',').next().unwrap_or_default();
            let known =
                [("NOERROR", 0), ("FORMERR", 1), ("SERVFAIL", 2), ("NXDOMAIN", 3), ("NOTIMP", 4), ("REFUSED", 5)];
            told.rcode = told.rcode.or_else(|| known.iter().find(|(word, _)| *word == status).map(|(_, code)| *code));
        } else if let Some(ede) = line.strip_prefix("; EDE: ") {
            let (code, text) = ede.split_once(' ').unwrap_or((ede, ""));
            told.extended
                .extend(code.parse().ok().map(|code| (code, visible(text.trim_matches(['(', ')', ':', ' ']), 120))));
        } else if line.starts_with(';') {
            take_words(line, &mut told);
        } else {
            take_record(line, &mut told);
        }
    }
    told
}

/// `name. 300 IN A 192.0.2.1`.
fn take_record(line: &str, told: &mut Told) {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [_, ttl, _, kind, data, ..] = words.as_slice() else { return };
    let ttl: Option<u32> = ttl.parse().ok();
    match (*kind, data.parse::<IpAddr>()) {
        ("A" | "AAAA", Ok(address)) => told.add(address),
        ("CNAME", _) => {
            let alias = visible(data.trim_end_matches('.'), TEXT_CHARS);
            if !told.aliases.contains(&alias) {
                told.aliases.push(alias);
            }
        }
        _ => return,
    }
    told.ttl_secs = match (told.ttl_secs, ttl) {
        (Some(own), Some(ttl)) => Some(own.min(ttl)),
        (own, ttl) => own.or(ttl),
    };
}
