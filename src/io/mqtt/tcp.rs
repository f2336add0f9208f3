//! From a name to an open socket: all addresses are asked for, and tried a moment apart (RFC 8305), the first that answers
//! wins. What became of each is told.

use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{sleep, timeout};

use super::error::MqttError;

/// How long an address is waited for before the next is tried beside it.
const NEXT_AFTER: Duration = Duration::from_millis(250);
/// How many addresses of a name are tried.
const MAX_ADDRESSES: usize = 16;

/// Names and values that are shown.
pub(super) type Facts = Vec<(String, String)>;

/// All addresses of a name, those of the two families in turn.
pub(super) async fn resolve(host: &str, port: u16, limit: Duration) -> Result<Vec<SocketAddr>, MqttError> {
    let found = timeout(limit, lookup_host((host, port)))
        .await
        .map_err(|_| MqttError::ResolveSilent { host: host.into(), secs: limit.as_secs() })?
        .map_err(|error| MqttError::NotResolved { host: host.into(), detail: error.to_string() })?;
    let mut found: Vec<SocketAddr> = found.collect();
    found.dedup();
    if found.is_empty() {
        return Err(MqttError::NotResolved { host: host.into(), detail: String::new() });
    }
    let is_ipv6 = found[0].is_ipv6();
    let (mut first, mut second): (Vec<_>, Vec<_>) = found.into_iter().partition(|address| address.is_ipv6() == is_ipv6);
    let mut in_turn = Vec::new();
    first.reverse();
    second.reverse();
    while in_turn.len() < MAX_ADDRESSES {
        match (first.pop(), second.pop()) {
            (None, None) => break,
            (one, other) => in_turn.extend(one.into_iter().chain(other)),
        }
    }
    Ok(in_turn)
}

/// The first of the addresses that answers, and what became of each.
pub(super) async fn reach(
    addresses: &[SocketAddr],
    limit: Duration,
    facts: &mut Facts,
) -> Result<TcpStream, MqttError> {
    let began = Instant::now();
    let mut failed: Vec<(SocketAddr, Error)> = Vec::new();
    let mut waiting = addresses.iter().copied();
    let mut running = FuturesUnordered::new();
    let open = |address: SocketAddr| async move { (address, TcpStream::connect(address).await) };
    running.extend(waiting.next().map(open));
    let race = async {
        loop {
            tokio::select! {
                biased;
                outcome = running.next(), if !running.is_empty() => match outcome {
                    Some((address, Ok(stream))) => {
                        facts.insert(0, (address.to_string(), format!("answered after {}", shown(began.elapsed()))));
                        return Some(stream);
                    }
                    Some((address, Err(error))) => {
                        facts.push((address.to_string(), format!("{error}, after {}", shown(began.elapsed()))));
                        failed.push((address, error));
                        match waiting.next() {
                            Some(next) => running.push(open(next)),
                            None if running.is_empty() => return None,
                            None => {}
                        }
                    }
                    None => {}
                },
                () = sleep(NEXT_AFTER), if waiting.len() > 0 => running.extend(waiting.next().map(open)),
            }
        }
    };
    let reached = timeout(limit, race).await;
    let shown_address = addresses.first().map(ToString::to_string).unwrap_or_default();
    match reached {
        Ok(Some(stream)) => {
            // Small packets are answered at once; that it cannot be set does no harm.
            let _ = stream.set_nodelay(true);
            if let Ok(own) = stream.local_addr() {
                facts.push(("From".into(), own.ip().to_string()));
            }
            Ok(stream)
        }
        Ok(None) => Err(explain(&failed, shown_address)),
        Err(_) => {
            let silent = addresses.iter().filter(|address| !failed.iter().any(|(known, _)| known == *address));
            facts.extend(silent.map(|address| (address.to_string(), "no answer".to_owned())));
            let detail = failed.iter().map(|(address, error)| format!("{address}: {error}")).collect::<Vec<_>>();
            Err(MqttError::Silent { address: shown_address, secs: limit.as_secs(), detail: detail.join("; ") })
        }
    }
}

/// The most telling of the failures: a refusal says more than no way at all.
fn explain(failed: &[(SocketAddr, Error)], address: String) -> MqttError {
    let detail = failed.iter().map(|(address, error)| format!("{address}: {error}")).collect::<Vec<_>>().join("; ");
    let first_of = |kind: ErrorKind| failed.iter().find(|(_, error)| error.kind() == kind);
    if let Some((address, _)) = first_of(ErrorKind::ConnectionRefused) {
        return MqttError::Refused { address: address.to_string(), detail };
    }
    if let Some((address, _)) = first_of(ErrorKind::TimedOut) {
        return MqttError::Silent { address: address.to_string(), secs: 0, detail };
    }
    MqttError::Unreachable { address, detail }
}

/// A short time as people read it.
pub(super) fn shown(took: Duration) -> String {
    if took < Duration::from_millis(10) {
        format!("{:.1} ms", took.as_secs_f64() * 1000.0)
    } else if took < Duration::from_secs(10) {
        format!("{} ms", took.as_millis())
    } else {
        format!("{} s", took.as_secs())
    }
}
