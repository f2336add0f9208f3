//! Which boxes lie on the way: attempts over the row's own protocol and port whose packets live for 1, 2, … hops. Each box at
//! which one dies says so, even where it would drop the port later.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::future::join_all;
use socket2::{SockRef, Socket};
use tokio::net::TcpSocket;
use tokio::time::{Instant, timeout_at};

use super::{errors, not_run, sockets};
use crate::check::question::{Carrier, From};
use crate::check::seen::{Hop, NotRun, Seen, Trace};
use crate::proto::ntp;

/// How far is looked.
const MAX_HOPS: u8 = 24;
/// How many hops are asked for at once.
const AT_ONCE: u8 = 6;
/// How long one hop is waited for.
const HOP_LIMIT: Duration = Duration::from_secs(1);
/// After so many hops in a row that say nothing there is no use in more.
const MAX_SILENT: usize = 6;

/// Looks hop by hop until the far end, or until nothing more answers.
pub(super) async fn trace(from: &From, to: SocketAddr, by: Carrier, limit: Duration) -> Seen {
    if !cfg!(target_os = "linux") {
        return not_run(None, NotRun::NotOffered, "this operating system doesn't report which box answered");
    }
    let until = Instant::now() + limit;
    let mut hops: Vec<Hop> = Vec::new();
    let mut next = 1;
    while next <= MAX_HOPS && Instant::now() < until && !is_done(&hops) {
        let last = (next + AT_ONCE - 1).min(MAX_HOPS);
        let step = until.min(Instant::now() + HOP_LIMIT);
        hops.extend(join_all((next..=last).map(|ttl| hop(from, to, by, ttl, step))).await);
        next = last + 1;
    }
    let end =
        hops.iter().position(|hop| hop.is_reached || hop.icmp.is_some_and(|icmp| !is_expired(icmp.kind, icmp.from)));
    hops.truncate(end.map_or(hops.len(), |end| end + 1));
    while hops.len() > 1 && hops.ends_with(&[silent(hops[hops.len() - 2].ttl), silent(hops[hops.len() - 1].ttl)]) {
        hops.pop();
    }
    Seen::Trace(Trace { to, by, hops })
}

const fn silent(ttl: u8) -> Hop {
    Hop { ttl, icmp: None, is_reached: false }
}

fn is_done(hops: &[Hop]) -> bool {
    let is_end = |hop: &Hop| hop.is_reached || hop.icmp.is_some_and(|icmp| !is_expired(icmp.kind, icmp.from));
    let is_silent = |hop: &Hop| hop.icmp.is_none() && !hop.is_reached;
    hops.iter().any(is_end) || hops.iter().rev().take_while(|hop| is_silent(hop)).count() >= MAX_SILENT
}

/// Whether an ICMP error says that the packet died of age.
const fn is_expired(kind: u8, from: IpAddr) -> bool {
    kind == if from.is_ipv6() { 3 } else { 11 }
}

async fn hop(from: &From, to: SocketAddr, by: Carrier, ttl: u8, until: Instant) -> Hop {
    let looked = match by {
        Carrier::Tcp => by_tcp(from, to, ttl, until).await,
        Carrier::Udp => by_udp(from, to, ttl, until).await,
    };
    // What cannot be sent brings no answer.
    looked.unwrap_or(silent(ttl))
}

fn live_for(socket: &Socket, ttl: u8, is_ipv6: bool) -> Result<(), std::io::Error> {
    if is_ipv6 { socket.set_unicast_hops_v6(u32::from(ttl)) } else { socket.set_ttl_v4(u32::from(ttl)) }
}

async fn by_tcp(from: &From, to: SocketAddr, ttl: u8, until: Instant) -> Result<Hop, std::io::Error> {
    let socket = sockets::tcp(from, to)?;
    live_for(&socket, ttl, to.is_ipv6())?;
    let watched = socket.try_clone()?;
    let connected = timeout_at(until, TcpSocket::from_std_stream(socket.into()).connect(to)).await;
    let icmp = errors::icmp(&watched);
    // A reset comes from the far end, or from a box that speaks for it.
    let is_reset = |error: &std::io::Error| error.kind() == std::io::ErrorKind::ConnectionRefused && icmp.is_none();
    let is_reached = match &connected {
        Ok(Ok(_)) => true,
        Ok(Err(error)) => is_reset(error),
        Err(_) => false,
    };
    Ok(Hop { ttl, icmp, is_reached })
}

async fn by_udp(from: &From, to: SocketAddr, ttl: u8, until: Instant) -> Result<Hop, std::io::Error> {
    let socket = sockets::udp(from, to.ip())?;
    live_for(&SockRef::from(&socket), ttl, to.is_ipv6())?;
    socket.send_to(&ntp::request([ttl; 8]), to).await?;
    let mut buffer = [0; 512];
    let received = timeout_at(until, socket.recv_from(&mut buffer)).await;
    let is_reached = matches!(received, Ok(Ok(_)));
    Ok(Hop { ttl, icmp: errors::icmp(&socket), is_reached })
}
