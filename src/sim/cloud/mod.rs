//! Stand-ins for the MQTT fronts of two clouds, on loopback, with a test CA: they close without a word where the clouds do, so
//! that what we say about it can be tried without a cloud. MQTT 3.1.1 on TLS.
//!
//! What a cloud answers is a value: packets in, effects out. Sockets stand here.

mod aws;
mod iot_hub;
mod tls;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use rumqttc::mqttbytes::v4::{Codec, Packet};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::codec::Framed;

pub use aws::IotCore;
pub use iot_hub::{IotHub, Telemetry};

/// Packets that may wait for a slow client.
const ROOM: usize = 1024;
/// The largest packet taken off the wire: more than any cloud takes, so that the rule is the cloud's.
const MAX_PACKET: usize = 1024 * 1024;
/// How often the cloud looks at its clock.
const TICK: Duration = Duration::from_millis(100);

/// What a cloud does about a packet.
#[derive(Default)]
pub struct Effects {
    /// Packets to sessions, in order.
    pub sends: Vec<(u64, Packet)>,
    /// Sessions to end without a word, after what was sent to them.
    pub closes: Vec<u64>,
}

impl Effects {
    /// Sends a packet.
    pub fn send(&mut self, session: u64, packet: Packet) {
        self.sends.push((session, packet));
    }

    /// Ends a session without a word.
    pub fn close(&mut self, session: u64) {
        self.closes.push(session);
    }
}

/// The rules of a cloud.
pub trait Cloud: Send + 'static {
    /// The protocols it takes in the handshake; with some, one of them has to be asked for.
    fn alpn(&self) -> Vec<Vec<u8>> {
        Vec::new()
    }

    /// A packet came.
    fn take(&mut self, session: u64, packet: Packet, effects: &mut Effects);

    /// A session ended.
    fn ended(&mut self, session: u64, effects: &mut Effects);

    /// Time has passed.
    fn tick(&mut self, effects: &mut Effects);
}

struct Shared<C> {
    cloud: C,
    /// How to reach the sessions; `None` ends one.
    sessions: HashMap<u64, mpsc::Sender<Option<Packet>>>,
}

impl<C: Cloud> Shared<C> {
    fn run<T>(&mut self, work: impl FnOnce(&mut C, &mut Effects) -> T) -> T {
        let mut effects = Effects::default();
        let result = work(&mut self.cloud, &mut effects);
        let sends = effects.sends.into_iter().map(|(session, packet)| (session, Some(packet)));
        for (session, packet) in sends.chain(effects.closes.into_iter().map(|session| (session, None))) {
            let Some(sender) = self.sessions.get(&session) else { continue };
            let is_end = packet.is_none();
            // A client that takes nothing any more is ended.
            if sender.try_send(packet).is_err() || is_end {
                self.sessions.remove(&session);
            }
        }
        result
    }
}

/// A stand-in that runs. It ends when this is dropped.
pub struct CloudServer<C> {
    /// Where it listens.
    pub address: SocketAddr,
    /// The test CA's certificate, as PEM.
    pub ca_pem: String,
    shared: Arc<Mutex<Shared<C>>>,
    tasks: Vec<JoinHandle<()>>,
}

impl<C: Cloud> CloudServer<C> {
    /// Starts it on any port of loopback.
    pub async fn start(cloud: C) -> io::Result<Self> {
        let alpn = cloud.alpn();
        let (ca_pem, acceptor) = tls::acceptor(alpn.clone())?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Mutex::new(Shared { cloud, sessions: HashMap::new() }));
        let ticking = Arc::clone(&shared);
        let tick = async move {
            let mut tick = interval(TICK);
            loop {
                tick.tick().await;
                locked(&ticking).run(Cloud::tick);
            }
        };
        let serve = serve(listener, acceptor, Arc::clone(&shared), !alpn.is_empty());
        Ok(Self { address, ca_pem, shared, tasks: vec![tokio::spawn(tick), tokio::spawn(serve)] })
    }

    /// Does something from the cloud's side, or looks at what it has seen.
    pub fn with<T>(&self, work: impl FnOnce(&mut C, &mut Effects) -> T) -> T {
        locked(&self.shared).run(work)
    }
}

impl<C> Drop for CloudServer<C> {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

fn locked<C>(shared: &Mutex<Shared<C>>) -> MutexGuard<'_, Shared<C>> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve<C: Cloud>(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    shared: Arc<Mutex<Shared<C>>>,
    needs_alpn: bool,
) {
    let mut session = 0;
    while let Ok((stream, _)) = listener.accept().await {
        session += 1;
        let (acceptor, shared) = (acceptor.clone(), Arc::clone(&shared));
        tokio::spawn(async move {
            // A handshake that fails is the client's to explain.
            let _ = talk(stream, &acceptor, &shared, session, needs_alpn).await;
            let mut shared = locked(&shared);
            shared.sessions.remove(&session);
            shared.run(|cloud, effects| cloud.ended(session, effects));
        });
    }
}

async fn talk<C: Cloud>(
    stream: TcpStream,
    acceptor: &TlsAcceptor,
    shared: &Mutex<Shared<C>>,
    session: u64,
    needs_alpn: bool,
) -> io::Result<()> {
    let stream = timeout(Duration::from_secs(20), acceptor.accept(stream)).await??;
    if needs_alpn && stream.get_ref().1.alpn_protocol().is_none() {
        return Ok(());
    }
    let mut framed = Framed::new(stream, Codec { max_incoming_size: MAX_PACKET, max_outgoing_size: MAX_PACKET });
    let (sender, mut packets) = mpsc::channel(ROOM);
    locked(shared).sessions.insert(session, sender);
    let (mut last, mut keep_alive) = (Instant::now(), Duration::from_secs(20));
    loop {
        tokio::select! {
            packet = framed.next() => {
                let Some(Ok(packet)) = packet else { return Ok(()) };
                last = Instant::now();
                match &packet {
                    Packet::Connect(connect) if connect.keep_alive == 0 => keep_alive = Duration::from_hours(24),
                    Packet::Connect(connect) => keep_alive = Duration::from_secs(connect.keep_alive.into()),
                    Packet::Disconnect => return Ok(()),
                    _ => {}
                }
                locked(shared).run(|cloud, effects| cloud.take(session, packet, effects));
            }
            packet = packets.recv() => match packet.flatten() {
                Some(packet) => framed.send(packet).await.map_err(io::Error::other)?,
                None => return Ok(()),
            },
            // Half as long again as was promised (MQTT 3.1.1, section 3.1.2.10).
            () = tokio::time::sleep_until(last + keep_alive + keep_alive / 2) => return Ok(()),
        }
    }
}
