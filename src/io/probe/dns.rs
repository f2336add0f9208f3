//! Names: by the operating system, and by one server directly with the whole message in hand.

use std::io::{Error, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{Edns, Message, MessageType, Query};
use hickory_proto::rr::rdata::opt::EdnsOption;
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, UdpSocket};
use tokio::time::{Instant, timeout_at};

use super::{DETAIL_CHARS, Teller, errors, sockets};
use crate::check::question::{Asked, Carrier, From, Lookup as Wanted};
use crate::check::seen::{Answer, Lookup, Seen};
use crate::model::text::{visible, visible_octets};

/// The largest message there can be.
const MAX_MESSAGE: usize = 65_535;
/// The largest answer we say may come in one datagram (as servers recommend since 2020).
const PAYLOAD: u16 = 1232;
/// Most addresses, names on the way and extended errors that are kept.
const MAX_KEPT: usize = 64;
/// How long an answer is waited for after something that could not be read.
const AFTER_NONSENSE: Duration = Duration::from_millis(500);
/// How often a query is sent at most.
const ATTEMPTS: u32 = 2;
/// Longest text of a name.
const NAME_CHARS: usize = 260;
/// The option of extended errors (RFC 8914).
const EXTENDED_ERROR: u16 = 15;

/// Looks a name up and tells what came.
pub(super) async fn look_up(from: &From, wanted: Wanted, teller: &Teller) {
    teller
        .time(async {
            let until = Instant::now() + wanted.limit;
            let (server, by, found) = match &wanted.asked {
                Asked::System => (None, None, by_system(&wanted.name, until).await),
                Asked::Server { address, by } => {
                    (Some(*address), Some(*by), by_server(from, &wanted.name, *address, *by, until).await)
                }
            };
            let (sent, lost, answer) = (found.sent, found.lost, found.answer);
            let name = visible(&wanted.name, NAME_CHARS);
            Seen::Lookup(Lookup { name, purpose: wanted.purpose, server, by, sent, lost, answer })
        })
        .await;
}

/// What became of a look-up.
struct Found {
    sent: u32,
    lost: u32,
    answer: Answer,
}

// By the operating system.

async fn by_system(name: &str, until: Instant) -> Found {
    // The system has its own mind about how long it tries, and cannot be called back.
    let answer = match timeout_at(until, tokio::net::lookup_host((name, 0))).await {
        Err(_) => Answer::TimedOut,
        Ok(Ok(found)) => {
            let mut addresses: Vec<IpAddr> = found.map(|address| address.ip()).collect();
            addresses.dedup();
            addresses.truncate(MAX_KEPT);
            Answer::Message { rcode: None, addresses, aliases: Vec::new(), ttl_secs: None, extended: Vec::new() }
        }
        Ok(Err(error)) => Answer::Failed { detail: visible(&error.to_string(), DETAIL_CHARS), error: None },
    };
    Found { sent: 1, lost: u32::from(answer == Answer::TimedOut), answer }
}

// By one server.

async fn by_server(from: &From, name: &str, server: SocketAddr, by: Carrier, until: Instant) -> Found {
    let parsed = Name::from_utf8(name.trim_end_matches('.')).map(|mut name| {
        name.set_fqdn(true);
        name
    });
    let Ok(name) = parsed else {
        return Found {
            sent: 0,
            lost: 0,
            answer: Answer::Failed { detail: "the name can't be asked for".into(), error: None },
        };
    };
    let (a, aaaa) = tokio::join!(
        ask(from, &name, RecordType::A, server, by, until),
        ask(from, &name, RecordType::AAAA, server, by, until)
    );
    Found { sent: a.sent + aaaa.sent, lost: a.lost + aaaa.lost, answer: both(a.answer, aaaa.answer) }
}

/// The answers for both families as one: what one of them brings counts, and a failure of one only where both failed.
fn both(a: Answer, aaaa: Answer) -> Answer {
    match (a, aaaa) {
        (
            Answer::Message { rcode, mut addresses, mut aliases, ttl_secs, mut extended },
            Answer::Message {
                rcode: other_rcode,
                addresses: more,
                aliases: other,
                ttl_secs: other_ttl,
                extended: told,
            },
        ) => {
            let rcode = if addresses.is_empty() && !more.is_empty() { other_rcode } else { rcode };
            addresses.extend(more);
            if aliases.is_empty() {
                aliases = other;
            }
            extended.extend(told.into_iter().filter(|one| !extended.contains(one)).collect::<Vec<_>>());
            let ttl_secs = [ttl_secs, other_ttl].into_iter().flatten().min();
            Answer::Message { rcode, addresses, aliases, ttl_secs, extended }
        }
        (Answer::Truncated, Answer::Message { addresses, .. })
        | (Answer::Message { addresses, .. }, Answer::Truncated)
            if addresses.is_empty() =>
        {
            Answer::Truncated
        }
        // That one family has no address says nothing of the other, of which nothing usable came.
        (Answer::Message { rcode: Some(0), addresses, extended, .. }, other)
        | (other, Answer::Message { rcode: Some(0), addresses, extended, .. })
            if addresses.is_empty() && extended.is_empty() =>
        {
            half(other)
        }
        (message @ Answer::Message { .. }, _) | (_, message @ Answer::Message { .. }) => message,
        (refused @ Answer::Refused { .. }, _) | (_, refused @ Answer::Refused { .. }) => refused,
        (Answer::Truncated, _) | (_, Answer::Truncated) => Answer::Truncated,
        (a, _) => a,
    }
}

/// What is known where one family has no address and the other brought no usable answer.
fn half(other: Answer) -> Answer {
    match other {
        Answer::TimedOut => Answer::Failed {
            detail: "the answer for one family says that there is no address, and none came for the other".into(),
            error: None,
        },
        other => other,
    }
}

async fn ask(from: &From, name: &Name, kind: RecordType, server: SocketAddr, by: Carrier, until: Instant) -> Found {
    let Some(left) = until.checked_duration_since(Instant::now()) else {
        return Found { sent: 0, lost: 0, answer: Answer::TimedOut };
    };
    let mut found = Found { sent: 0, lost: 0, answer: Answer::TimedOut };
    for attempt in 1..=ATTEMPTS {
        let until = until.min(Instant::now() + left / ATTEMPTS);
        let query = query(name, kind);
        found.sent += 1;
        let answer = match by {
            Carrier::Udp => over_udp(from, &query, server, until).await,
            Carrier::Tcp => over_tcp(from, &query, server, until).await,
        };
        found.answer = match answer {
            Ok(message) if message.metadata.truncation && by == Carrier::Udp => {
                found.sent += 1;
                whole(&message, over_tcp(from, &query, server, until).await)
            }
            Ok(message) => read(&message),
            Err(answer) => answer,
        };
        found.lost += u32::from(found.answer == Answer::TimedOut);
        // A server that failed, or was too busy to answer, is asked once more.
        let is_passing = matches!(found.answer, Answer::TimedOut | Answer::Message { rcode: Some(2), .. });
        if !is_passing || attempt == ATTEMPTS {
            break;
        }
    }
    found
}

/// The answer by TCP; what a datagram could hold of it is better than nothing.
fn whole(cut_short: &Message, by_tcp: Result<Message, Answer>) -> Answer {
    match (by_tcp, read(cut_short)) {
        (Ok(whole), _) if !whole.metadata.truncation => read(&whole),
        (_, Answer::Message { addresses, .. }) if addresses.is_empty() => Answer::Truncated,
        (_, part) => part,
    }
}

fn query(name: &Name, kind: RecordType) -> Message {
    let mut message = Message::query();
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(name.clone(), kind));
    let mut edns = Edns::new();
    edns.set_max_payload(PAYLOAD);
    message.set_edns(edns);
    message
}

/// Whether it is the answer to our question.
fn answers(answer: &Message, query: &Message) -> bool {
    let is_same = || match (answer.queries.as_slice(), query.queries.first()) {
        ([asked, ..], Some(ours)) => asked.query_type == ours.query_type && asked.name.eq_ignore_root(&ours.name),
        // A server that understood nothing repeats nothing.
        ([], _) => true,
        _ => false,
    };
    answer.metadata.id == query.metadata.id && answer.metadata.message_type == MessageType::Response && is_same()
}

async fn over_udp(from: &From, query: &Message, server: SocketAddr, mut until: Instant) -> Result<Message, Answer> {
    let socket = sockets::udp(from, server.ip()).map_err(|error| failed(&error, None))?;
    let octets = query.to_vec().map_err(|error| Answer::Failed { detail: error.to_string(), error: None })?;
    socket.send_to(&octets, server).await.map_err(|error| failed(&error, Some(&socket)))?;
    let mut buffer = vec![0; MAX_MESSAGE];
    let mut nonsense = None;
    loop {
        let received = timeout_at(until, socket.recv_from(&mut buffer)).await;
        let received = received.map_err(|_| nonsense.take().unwrap_or(Answer::TimedOut))?;
        let (length, who) = received.map_err(|error| failed(&error, Some(&socket)))?;
        // What others send, and what answers something else, is not ours.
        if who.ip().to_canonical() != server.ip().to_canonical() || who.port() != server.port() {
            continue;
        }
        match Message::from_vec(&buffer[..length]) {
            Ok(message) if answers(&message, query) => return Ok(message),
            Ok(_) => {}
            // Whoever sent it, the answer may still come.
            Err(error) => {
                nonsense = Some(unreadable(&error.to_string()));
                until = until.min(Instant::now() + AFTER_NONSENSE);
            }
        }
    }
}

async fn over_tcp(from: &From, query: &Message, server: SocketAddr, until: Instant) -> Result<Message, Answer> {
    let exchange = async {
        let socket = sockets::tcp(from, server)?;
        let watched = socket.try_clone()?;
        let connected = TcpSocket::from_std_stream(socket.into()).connect(server).await;
        let mut stream = match connected {
            Ok(stream) => stream,
            Err(error) => return Ok(Err(refused(&error, errors::icmp(&watched)))),
        };
        let octets = query.to_vec().map_err(Error::other)?;
        let mut framed = u16::try_from(octets.len()).map_err(Error::other)?.to_be_bytes().to_vec();
        framed.extend_from_slice(&octets);
        stream.write_all(&framed).await?;
        let length = stream.read_u16().await?;
        let mut answer = vec![0; usize::from(length)];
        stream.read_exact(&mut answer).await?;
        let message =
            Message::from_vec(&answer).map_err(|error| Error::new(ErrorKind::InvalidData, error.to_string()))?;
        if !answers(&message, query) {
            return Err(Error::new(ErrorKind::InvalidData, "the answer belongs to another question"));
        }
        Ok(Ok(message))
    };
    match timeout_at(until, exchange).await {
        Err(_) => Err(Answer::TimedOut),
        Ok(Ok(answered)) => answered,
        Ok(Err(error)) if error.kind() == ErrorKind::InvalidData => Err(unreadable(&error.to_string())),
        Ok(Err(error)) => Err(refused(&error, None)),
    }
}

fn failed(error: &Error, socket: Option<&UdpSocket>) -> Answer {
    refused(error, socket.and_then(errors::icmp))
}

fn refused(error: &Error, icmp: Option<crate::check::seen::Icmp>) -> Answer {
    if icmp.is_some() || matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset) {
        return Answer::Refused { icmp };
    }
    Answer::Failed { detail: visible(&error.to_string(), DETAIL_CHARS), error: Some(errors::word(error)) }
}

fn unreadable(detail: &str) -> Answer {
    Answer::Failed { detail: visible(&format!("the answer cannot be read: {detail}"), DETAIL_CHARS), error: None }
}

fn read(message: &Message) -> Answer {
    let mut addresses = Vec::new();
    let mut aliases = Vec::new();
    for record in message.answers.iter().take(4 * MAX_KEPT) {
        match &record.data {
            RData::A(address) if addresses.len() < MAX_KEPT => addresses.push(IpAddr::from(address.0)),
            RData::AAAA(address) if addresses.len() < MAX_KEPT => addresses.push(IpAddr::from(address.0)),
            RData::CNAME(name) if aliases.len() < MAX_KEPT => {
                let name = name.0.to_utf8();
                aliases.push(visible(name.trim_end_matches('.'), NAME_CHARS));
            }
            _ => {}
        }
    }
    let ttl_secs = message.answers.iter().map(|record| record.ttl).min();
    Answer::Message {
        rcode: Some(u16::from(message.metadata.response_code)),
        addresses,
        aliases,
        ttl_secs,
        extended: extended(message),
    }
}

/// Extended errors: code and text.
fn extended(message: &Message) -> Vec<(u16, String)> {
    let options = message.edns.iter().flat_map(|edns| &edns.options().options);
    let errors = options.filter_map(|(_, option)| match option {
        EdnsOption::Unknown(EXTENDED_ERROR, octets) if octets.len() >= 2 => {
            let code = u16::from_be_bytes([octets[0], octets[1]]);
            Some((code, visible_octets(&octets[2..], DETAIL_CHARS)))
        }
        _ => None,
    });
    errors.take(MAX_KEPT).collect()
}

/// Reads an answer as it came over the wire: what a fuzzer asks.
pub fn read_wire(octets: &[u8]) -> Option<Answer> {
    Message::from_vec(octets).ok().map(|message| read(&message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(rcode: u16, addresses: &[&str]) -> Answer {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        Answer::Message { rcode: Some(rcode), addresses, aliases: Vec::new(), ttl_secs: None, extended: Vec::new() }
    }

    #[test]
    fn no_address_of_one_family_says_nothing_of_the_other() {
        let none = || message(0, &[]);
        assert!(matches!(both(Answer::TimedOut, none()), Answer::Failed { .. }), "the answer for IPv4 was lost");
        assert!(matches!(both(unreadable("a loop"), none()), Answer::Failed { .. }), "it was broken");
        assert_eq!(both(none(), none()), none(), "the name has none");
        let some = || message(0, &["192.0.2.7"]);
        assert_eq!(both(some(), Answer::TimedOut), some());
        let no_such_name = || message(3, &[]);
        assert_eq!(both(Answer::TimedOut, no_such_name()), no_such_name(), "that holds for both");
    }
}
