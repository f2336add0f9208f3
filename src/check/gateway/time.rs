//! Time servers by bash, ntpdate, sntp, busybox ntpd and chronyd; echo requests by ping.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::fmt::Write as _;

use super::talk::secs;
use super::{Ask, Gateway, Inquiry, Ran, Read, not_run};
use crate::check::seen::{ConnectEnd, NotRun, Ping, Seen, Time, TimeEnd};
use crate::model::endpoint::ProbeKind;
use crate::model::text::{from_hex, visible};
use crate::proto::console::quote::NotSendable;
use crate::proto::ntp;

/// Where time servers listen; some programs know no other port.
const NTP: u16 = 123;
const PINGS: u32 = 3;

/// The program, in the order in which it is taken: the one that shows most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Program {
    /// A packet of ours, by bash.
    Bash,
    Ntpdate,
    Sntp,
    Ntpd,
    Chronyd,
}

/// One request.
struct AskTime {
    server: SocketAddr,
    limit: Duration,
    program: Program,
    line: String,
    nonce: [u8; 8],
    /// How far the gateway's clock is ahead of this computer's.
    ahead_micros: i64,
}

/// The command that asks a server for the time.
pub(super) fn plan(server: SocketAddr, limit: Duration, gateway: &Gateway, inquiry: &mut Inquiry) {
    let nonce = gateway.nonce.to_be_bytes();
    match command(server, limit, gateway, nonce) {
        // Programs tell how far the gateway's clock is off; by this computer's clock it can be said only where both are known.
        Some((program, line)) if program == Program::Bash || gateway.ahead_micros.is_some() => {
            let ahead_micros = gateway.ahead_micros.unwrap_or_default();
            inquiry.ask(AskTime { server, limit, program, line, nonce, ahead_micros });
        }
        _ => inquiry.cannot(ProbeKind::Ntp, NotRun::NoProgram, "no program that asks a time server"),
    }
}

fn command(server: SocketAddr, limit: Duration, gateway: &Gateway, nonce: [u8; 8]) -> Option<(Program, String)> {
    let tools = &gateway.tools;
    let (ip, port, secs) = (server.ip(), server.port(), secs(limit));
    let within = tools.within(secs);
    if tools.has("bash") && tools.has("od") && !within.is_empty() {
        let spelt = ntp::request(nonce).iter().fold(String::new(), |mut text, octet| {
            let _ = match octet {
                0 => write!(text, "\\0"),
                octet => write!(text, "\\{octet:03o}"),
            };
            text
        });
        let script = format!("exec 4<>/dev/udp/{ip}/{port};printf \"{spelt}\" >&4;dd bs=99 count=1 <&4");
        return Some((Program::Bash, format!("{within}bash -c '{script}'|od -An -tx1")));
    }
    if tools.has("chronyd") && port != NTP {
        let line = format!("chronyd -Q -t {secs} 'server {ip} port {port} iburst maxsamples 1'");
        return Some((Program::Chronyd, line));
    }
    if port != NTP {
        return None;
    }
    let ntpd = || tools.call("ntpd").filter(|_| tools.is_busybox("ntpd") && !within.is_empty());
    if tools.has("ntpdate") {
        Some((Program::Ntpdate, format!("{within}ntpdate -q -p 1 {ip}")))
    } else if tools.has("sntp") {
        Some((Program::Sntp, format!("{within}sntp {ip}")))
    } else if let Some(ntpd) = ntpd() {
        Some((Program::Ntpd, format!("{within}{ntpd} -d -n -w -q -p {ip}")))
    } else {
        tools
            .has("chronyd")
            .then(|| (Program::Chronyd, format!("chronyd -Q -t {secs} 'server {ip} iburst maxsamples 1'")))
    }
}

impl Ask for AskTime {
    fn command(&self) -> Result<String, NotSendable> {
        Ok(self.line.clone())
    }

    fn limit(&self) -> Duration {
        self.limit
    }

    fn step(&self) -> ProbeKind {
        ProbeKind::Ntp
    }

    fn read(&self, ran: &Ran) -> Read {
        let mut read = Read::default();
        let end = match self.program {
            Program::Bash => Ok(self.packet(ran)),
            _ => self.told(ran),
        };
        read.seen(match end {
            Ok(end) => Seen::Time(Time { server: self.server, end }),
            Err(why) => not_run(ProbeKind::Ntp, NotRun::NotOffered, &why),
        });
        read
    }
}

impl AskTime {
    /// Our own packet came back, with the server's times; the gateway's clock has no part in it.
    fn packet(&self, ran: &Ran) -> TimeEnd {
        let digits: String = ran.out.split_whitespace().collect();
        let octets = from_hex(&digits).unwrap_or_default();
        if octets.is_empty() {
            return match super::socket::error_in(&ran.err) {
                Some(ConnectEnd::Failed { error, .. }) => TimeEnd::Refused { error, icmp: None },
                _ => TimeEnd::Silent,
            };
        }
        match ntp::read(&octets, self.nonce, ran.began_micros, ran.ended_micros) {
            Ok(reply) => TimeEnd::Reply {
                from: self.server,
                leap: reply.leap,
                version: reply.version,
                mode: reply.mode,
                stratum: reply.stratum,
                reference: visible(&reply.reference, 20),
                offset_micros: reply.offset_micros,
                delay_micros: reply.delay_micros,
            },
            Err(odd) => TimeEnd::Odd { from: self.server, why: odd.to_string() },
        }
    }

    /// What a program says of a server.
    fn told(&self, ran: &Ran) -> Result<TimeEnd, String> {
        let text = ran.text();
        let told = match self.program {
            Program::Ntpdate | Program::Sntp => ntpdate(&text),
            Program::Ntpd => ntpd(&text),
            Program::Chronyd | Program::Bash => chronyd(&text),
        };
        let Some((offset_secs, stratum)) = told else {
            let is_silent =
                ["no server suitable", "no eligible servers", "Timeout reached", "timed out", "no response"];
            let is_silent = ran.is_timed_out() || is_silent.iter().any(|words| text.contains(words));
            return if is_silent { Ok(TimeEnd::Silent) } else { Err(text.trim().to_owned()) };
        };
        Ok(TimeEnd::Told {
            program: format!("{:?}", self.program).to_lowercase(),
            offset_micros: micros(offset_secs).saturating_add(self.ahead_micros),
            stratum,
        })
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a float that is too large becomes the largest number")]
fn micros(secs: f64) -> i64 {
    (secs * 1e6) as i64
}

/// `server 192.0.2.1, stratum 2, offset -0.000123, delay 0.02563`; newer ones, and sntp:
/// `2026-11-29 02:00:00.1 (+0000) +0.000123 +/- 0.012 192.0.2.1 s2 no-leap`.
fn ntpdate(text: &str) -> Option<(f64, Option<u8>)> {
    text.lines().find_map(|line| {
        if let Some((_, rest)) = line.split_once(", stratum ") {
            let (stratum, rest) = rest.split_once(", offset ")?;
            let offset = rest.split(',').next()?.trim().parse().ok()?;
            return stratum.parse().ok().filter(|stratum| *stratum > 0).map(|stratum| (offset, Some(stratum)));
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let at = words.iter().position(|word| *word == "+/-")?;
        let offset = words.get(at.checked_sub(1)?)?.parse().ok()?;
        Some((offset, words.iter().find_map(|word| word.strip_prefix('s')?.parse().ok())))
    })
}

/// `ntpd: reply from 192.0.2.1: offset:-0.000123 delay:0.000345 status:0x24 strat:2 refid:…`.
fn ntpd(text: &str) -> Option<(f64, Option<u8>)> {
    let line = text.lines().find(|line| line.contains("reply from") && line.contains("offset:"))?;
    let value = |key| line.split_whitespace().find_map(|word| word.strip_prefix(key));
    Some((value("offset:")?.parse().ok()?, value("strat:").and_then(|stratum| stratum.parse().ok())))
}

/// `System clock wrong by 0.000123 seconds (ignored)`; it takes only servers that have the time, and does not say how good.
fn chronyd(text: &str) -> Option<(f64, Option<u8>)> {
    let (_, rest) = text.split_once("System clock wrong by ")?;
    Some((rest.split(' ').next()?.parse().ok()?, None))
}

/// Echo requests.
struct AskPing {
    to: IpAddr,
    limit: Duration,
    line: String,
}

/// The command that sends echo requests.
pub(super) fn ping(to: IpAddr, limit: Duration, gateway: &Gateway, inquiry: &mut Inquiry) {
    let Some(call) = gateway.tools.call("ping") else {
        return inquiry.cannot(ProbeKind::Icmp, NotRun::NoProgram, "no program that sends echo requests");
    };
    let line = format!("{}{call} -c {PINGS} -W 2 {to}", gateway.tools.within(secs(limit)));
    inquiry.ask(AskPing { to, limit, line });
}

impl Ask for AskPing {
    fn command(&self) -> Result<String, NotSendable> {
        Ok(self.line.clone())
    }

    fn limit(&self) -> Duration {
        self.limit
    }

    fn step(&self) -> ProbeKind {
        ProbeKind::Icmp
    }

    fn read(&self, ran: &Ran) -> Read {
        let mut read = Read::default();
        let text = ran.text();
        let millis = text.lines().filter_map(|line| line.split_once("time=")?.1.split(' ').next()?.parse::<f64>().ok());
        let replies_micros: Vec<u64> =
            millis.take(8).map(|millis| u64::try_from(micros(millis / 1000.0)).unwrap_or_default()).collect();
        let is_forbidden = text.contains("not permitted") || text.contains("permission denied");
        read.seen(if replies_micros.is_empty() && is_forbidden {
            not_run(ProbeKind::Icmp, NotRun::NoPermission, text.trim())
        } else {
            Seen::Ping(Ping { to: self.to, sent: PINGS, replies_micros })
        });
        read
    }
}
