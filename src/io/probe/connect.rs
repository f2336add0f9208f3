//! TCP: one attempt an address, and what the system says of it.

use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use socket2::Socket;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, sleep, timeout_at};

use super::{Began, Teller, errors, sockets};
use crate::check::question::{From, Shape};
use crate::check::seen::{Connect, ConnectEnd, Seen};

/// Before an attempt that was refused is repeated.
const PAUSE: Duration = Duration::from_millis(250);
/// Payload of a segment where small ones are asked for, bytes.
const SMALL_SEGMENT: u32 = 900;

/// Connects and tells of each attempt. A refusal is repeated once: a single one may be a busy server. Silence is not: the
/// system has repeated its packets by then.
pub(super) async fn connect(
    from: &From,
    to: SocketAddr,
    shape: Shape,
    limit: Duration,
    teller: &Teller,
) -> Option<TcpStream> {
    let until = Instant::now() + limit;
    for attempt in 1..=2 {
        let began = Began::now();
        let (end, stream) = attempt_once(from, to, shape, until).await;
        let is_refused = matches!(end, ConnectEnd::Failed { .. });
        let own = stream.as_ref().and_then(|stream| stream.local_addr().ok());
        teller.tell(began, Seen::Connect(Connect { to, from: own, shape, attempt, end })).await;
        if stream.is_some() || !is_refused || Instant::now() + PAUSE >= until {
            return stream;
        }
        if attempt == 1 {
            sleep(PAUSE).await;
        }
    }
    None
}

async fn attempt_once(from: &From, to: SocketAddr, shape: Shape, until: Instant) -> (ConnectEnd, Option<TcpStream>) {
    let opened =
        open(from, to, shape).and_then(|socket| Ok((socket.try_clone()?, TcpSocket::from_std_stream(socket.into()))));
    let (watched, socket) = match opened {
        Ok(opened) => opened,
        Err(error) => return (failed(&error, None), None),
    };
    match timeout_at(until, socket.connect(to)).await {
        Ok(Ok(stream)) => (ConnectEnd::Connected, Some(stream)),
        // What the system gives up on by itself.
        Ok(Err(error)) if error.kind() == ErrorKind::TimedOut => (ConnectEnd::TimedOut, None),
        Ok(Err(error)) => (failed(&error, Some(&watched)), None),
        Err(_) => (ConnectEnd::TimedOut, None),
    }
}

fn open(from: &From, to: SocketAddr, shape: Shape) -> Result<Socket, Error> {
    let socket = sockets::tcp(from, to)?;
    #[cfg(unix)]
    if shape == Shape::SmallSegments {
        socket.set_tcp_mss(SMALL_SEGMENT)?;
    }
    #[cfg(not(unix))]
    if shape == Shape::SmallSegments {
        return Err(ErrorKind::Unsupported.into());
    }
    Ok(socket)
}

fn failed(error: &Error, socket: Option<&Socket>) -> ConnectEnd {
    let icmp = socket.and_then(errors::icmp);
    ConnectEnd::Failed { error: errors::word(error), number: error.raw_os_error(), icmp }
}
