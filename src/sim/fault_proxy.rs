//! A TCP proxy on loopback between a client and a broker, with faults that can be switched while it runs: latency, silence,
//! bytes in small pieces, a reset or a half-close after so many bytes. For tests.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// What is done to the bytes of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Each piece is held back for that long.
    pub latency: Duration,
    /// Nothing is passed on, and nothing is closed.
    pub is_silent: bool,
    /// Pieces have at most that many bytes.
    pub slice_bytes: Option<usize>,
    /// After that many bytes of a connection the whole connection is reset.
    pub reset_after_bytes: Option<u64>,
    /// After that many bytes of a connection this direction is closed; the other stays open.
    pub close_after_bytes: Option<u64>,
}

/// What is done in both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BothWays {
    /// From the client to the broker.
    pub up: Faults,
    /// From the broker to the client.
    pub down: Faults,
}

/// A proxy that runs. It and its connections end when this is dropped.
pub struct FaultProxy {
    /// Where a client connects.
    pub address: SocketAddr,
    faults: watch::Sender<BothWays>,
    kicks: watch::Sender<u64>,
    connections: Arc<AtomicU64>,
    accepting: JoinHandle<()>,
}

impl FaultProxy {
    /// Starts it before `broker`. Without faults it passes everything on.
    pub async fn start(broker: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (faults, kicks) = (watch::Sender::new(BothWays::default()), watch::Sender::new(0));
        let connections = Arc::new(AtomicU64::new(0));
        let (watched, kicked, count) = (faults.subscribe(), kicks.subscribe(), Arc::clone(&connections));
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                let (watched, mut kicked) = (watched.clone(), kicked.clone());
                kicked.mark_unchanged();
                tokio::spawn(async move {
                    let Ok(broker) = TcpStream::connect(broker).await else { return };
                    pass(client, broker, &watched, kicked).await;
                });
            }
        });
        Ok(Self { address, faults, kicks, connections, accepting })
    }

    /// Does this from now on, to open connections too.
    pub fn set(&self, faults: BothWays) {
        self.faults.send_replace(faults);
    }

    /// Resets all connections that are open.
    pub fn reset_all(&self) {
        self.kicks.send_modify(|kicks| *kicks += 1);
    }

    /// How many connections there have been.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.reset_all();
    }
}

/// How a direction ended.
enum End {
    Closed,
    Reset,
}

async fn pass(
    client: TcpStream,
    broker: TcpStream,
    faults: &watch::Receiver<BothWays>,
    mut kicked: watch::Receiver<u64>,
) {
    let _ = (client.set_nodelay(true), broker.set_nodelay(true));
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_broker, mut to_broker) = broker.into_split();
    let both = async {
        let up = carry(&mut from_client, &mut to_broker, faults.clone(), |both| both.up);
        let down = carry(&mut from_broker, &mut to_client, faults.clone(), |both| both.down);
        tokio::pin!(up, down);
        // A direction that is closed leaves the other open; a reset ends both.
        tokio::select! {
            end = &mut up => if matches!(end, End::Reset) { end } else { down.await },
            end = &mut down => if matches!(end, End::Reset) { end } else { up.await },
        }
    };
    let end = tokio::select! {
        end = both => end,
        _ = kicked.changed() => End::Reset,
    };
    if matches!(end, End::Reset) {
        // Closed so, the system sends a reset instead of an end.
        let _ = (to_client.as_ref().set_zero_linger(), to_broker.as_ref().set_zero_linger());
        // Dropped as they are, they would say an orderly end first.
        to_client.forget();
        to_broker.forget();
    }
}

/// Carries one direction.
async fn carry(
    from: &mut OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    mut faults: watch::Receiver<BothWays>,
    way: impl Fn(&BothWays) -> Faults,
) -> End {
    let mut buffer = vec![0; 64 * 1024];
    let mut carried = 0_u64;
    let end = 'carry: loop {
        let Ok(length @ 1..) = from.read(&mut buffer).await else { break End::Closed };
        let mut rest = &buffer[..length];
        while !rest.is_empty() {
            let Ok(now) = faults.wait_for(|both| !way(both).is_silent).await.map(|both| way(&both)) else {
                break 'carry End::Reset;
            };
            let limit = |after: Option<u64>| {
                after.map_or(usize::MAX, |after| usize::try_from(after.saturating_sub(carried)).unwrap_or(usize::MAX))
            };
            if limit(now.reset_after_bytes) == 0 {
                break 'carry End::Reset;
            }
            if limit(now.close_after_bytes) == 0 {
                break 'carry End::Closed;
            }
            let slice = now.slice_bytes.unwrap_or(usize::MAX).max(1);
            let (piece, later) = rest
                .split_at(rest.len().min(slice).min(limit(now.reset_after_bytes)).min(limit(now.close_after_bytes)));
            if !now.latency.is_zero() {
                sleep(now.latency).await;
            }
            if to.write_all(piece).await.is_err() {
                break 'carry End::Closed;
            }
            // Pieces must not be put together again on the way.
            tokio::task::yield_now().await;
            carried += piece.len() as u64;
            rest = later;
        }
    };
    if matches!(end, End::Closed) {
        let _ = to.shutdown().await;
    }
    end
}
