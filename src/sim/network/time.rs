//! A time server of the simulated network.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::net::UdpSocket;
use tokio::task::JoinSet;

use crate::proto::ntp;

/// Starts one whose clock is ahead by that much; a silent one takes requests and answers none. Says where it is.
pub(super) async fn start(ahead_secs: i64, is_silent: bool, tasks: &mut JoinSet<()>) -> io::Result<SocketAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = socket.local_addr()?;
    tasks.spawn(async move {
        let mut request = [0; 512];
        loop {
            // Where an earlier answer was refused the system says so here.
            let Ok((length, from)) = socket.recv_from(&mut request).await else { continue };
            let now = now_micros().saturating_add(ahead_secs.saturating_mul(1_000_000));
            if let Some(answer) = ntp::answer(&request[..length], now).filter(|_| !is_silent) {
                let _ = socket.send_to(&answer, from).await;
            }
        }
    });
    Ok(address)
}

fn now_micros() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
