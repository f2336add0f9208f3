//! The time of a server: one request, repeated once where a box refuses it.

use std::io::Error;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::net::UdpSocket;
use tokio::time::{Instant, sleep, timeout_at};

use super::{errors, sockets};
use crate::check::question::From;
use crate::check::seen::{Seen, SocketError, Time, TimeEnd};
use crate::proto::ntp::{self, Odd};

/// Before a request that was refused is repeated.
const PAUSE: Duration = Duration::from_millis(250);
/// More than this an answer does not have.
const MAX_ANSWER: usize = 2048;

/// Asks a server for the time.
pub(super) async fn ask(from: &From, server: SocketAddr, limit: Duration) -> Seen {
    let until = Instant::now() + limit;
    let refused = |error: &Error| TimeEnd::Refused { error: errors::word(error), icmp: None };
    let end = match sockets::udp(from, server.ip()) {
        Err(error) => refused(&error),
        Ok(socket) => match once(&socket, server, until).await {
            TimeEnd::Refused { .. } if Instant::now() + PAUSE < until => {
                sleep(PAUSE).await;
                once(&socket, server, until).await
            }
            end => end,
        },
    };
    Seen::Time(Time { server, end })
}

async fn once(socket: &UdpSocket, server: SocketAddr, until: Instant) -> TimeEnd {
    let refused = |error: &Error| TimeEnd::Refused { error: errors::word(error), icmp: errors::icmp(socket) };
    // An error that waits from before would fail the request.
    let _ = errors::icmp(socket);
    let _ = socket.take_error();
    let mut nonce = [0; 8];
    if getrandom(&mut nonce).is_err() {
        return TimeEnd::Refused { error: SocketError::Other, icmp: None };
    }
    let sent = now_micros();
    if let Err(error) = socket.send_to(&ntp::request(nonce), server).await {
        return refused(&error);
    }
    let mut odd = None;
    let mut buffer = [0; MAX_ANSWER];
    loop {
        let (length, from) = match timeout_at(until, socket.recv_from(&mut buffer)).await {
            // Whatever came that was no answer is told when no answer came.
            Err(_) => return odd.unwrap_or(TimeEnd::Silent),
            Ok(Err(error)) => return refused(&error),
            Ok(Ok(received)) => received,
        };
        match ntp::read(&buffer[..length], nonce, sent, now_micros()) {
            Ok(reply) => return told(from, reply),
            Err(why) => odd = Some(strange(from, why)),
        }
    }
}

fn told(from: SocketAddr, reply: ntp::Reply) -> TimeEnd {
    let ntp::Reply { leap, version, mode, stratum, reference, offset_micros, delay_micros } = reply;
    TimeEnd::Reply { from, leap, version, mode, stratum, reference, offset_micros, delay_micros }
}

fn strange(from: SocketAddr, why: Odd) -> TimeEnd {
    TimeEnd::Odd { from, why: why.to_string() }
}

fn getrandom(into: &mut [u8]) -> Result<(), rustls::crypto::GetRandomFailed> {
    rustls::crypto::ring::default_provider().secure_random.fill(into)
}

fn now_micros() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_micros()).unwrap_or(i64::MAX)
}
