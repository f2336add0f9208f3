//! Simulated gateways behind in-process links: for tests on a paused clock, for systems without pseudo-terminals, and for
//! a radio without an adapter.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex as SyncMutex};

use tokio::net::UdpSocket;
use tokio::sync::{Mutex, mpsc};
use tokio::time::{Instant, sleep_until};

use super::device::{Emission, SimulatedDevice};
use super::esp::gatt::EspRadio;
use super::esp::{self, EspDevice};
use super::gatt::{GattDevice, GattPeer, listen, not_heard};
use crate::flow::port::{Boxed, GattLink, Http, HttpError, Link, LinkCommand, LinkError, LinkEvent, Links, Radio};
use crate::model::gateway::PortFacts;
use crate::model::ids::{LinkAddress, LinkKind};

/// Room in the channels of one link.
const CHANNEL: usize = 64;

/// A gateway that one link at a time may hold.
type SharedDevice = Arc<Mutex<Box<dyn SimulatedDevice>>>;

/// A set of simulated gateways, each behind an address of its own.
#[derive(Default)]
pub struct SimulatedLinks {
    gateways: Vec<(LinkAddress, PortFacts, SharedDevice)>,
    peers: Vec<GattPeer>,
    esp: Vec<EspGateway>,
    sessions: AtomicU32,
}

/// An Espressif device behind an address: of the console or the access point.
struct EspGateway {
    address: LinkAddress,
    facts: PortFacts,
    device: Arc<SyncMutex<EspDevice>>,
}

impl SimulatedLinks {
    /// Puts a gateway behind an address.
    #[must_use]
    pub fn with(self, address: LinkAddress, facts: PortFacts, device: impl SimulatedDevice + 'static) -> Self {
        self.with_boxed(address, facts, Box::new(device))
    }

    /// The same for a gateway whose kind is not known here.
    #[must_use]
    pub(super) fn with_boxed(
        mut self,
        address: LinkAddress,
        facts: PortFacts,
        device: Box<dyn SimulatedDevice>,
    ) -> Self {
        self.gateways.push((address, facts, Arc::new(Mutex::new(device))));
        self
    }

    /// Puts a device with characteristics on the air.
    #[must_use]
    pub fn with_gatt(mut self, address: LinkAddress, device: impl GattDevice + 'static) -> Self {
        self.peers.push(GattPeer::new(address, Box::new(device)));
        self
    }

    /// Puts an Espressif device behind an address. Over the radio it tells the names of its endpoints only with `has_labels`.
    #[must_use]
    pub fn with_esp(
        mut self,
        address: LinkAddress,
        facts: PortFacts,
        device: Arc<SyncMutex<EspDevice>>,
        has_labels: bool,
    ) -> Self {
        if address.kind() == LinkKind::Ble {
            return self.with_gatt(address, EspRadio::new(device, has_labels));
        }
        self.esp.push(EspGateway { address, facts, device });
        self
    }

    fn esp(&self, address: &LinkAddress) -> Option<&EspGateway> {
        self.esp.iter().find(|gateway| gateway.address == *address)
    }

    fn next_session(&self) -> u32 {
        self.sessions.fetch_add(1, Ordering::Relaxed)
    }
}

impl Links for SimulatedLinks {
    fn ports(&self) -> Boxed<'_, Result<Vec<(LinkAddress, PortFacts)>, LinkError>> {
        let improv = self.gateways.iter().map(|(address, facts, _)| (address, facts));
        let is_serial = |gateway: &&EspGateway| matches!(gateway.address, LinkAddress::Serial(_));
        let esp = self.esp.iter().filter(is_serial).map(|gateway| (&gateway.address, &gateway.facts));
        let ports = improv.chain(esp).map(|(address, facts)| (address.clone(), facts.clone())).collect();
        Box::pin(std::future::ready(Ok(ports)))
    }

    fn is_played(&self, link: &LinkAddress) -> bool {
        let mut known =
            self.gateways.iter().map(|(address, ..)| address).chain(self.esp.iter().map(|one| &one.address));
        known.any(|known| known == link) || self.peers.iter().any(|peer| peer.address == *link)
    }

    fn open<'a>(&'a self, address: &'a LinkAddress) -> Boxed<'a, Result<Link, LinkError>> {
        Box::pin(async move {
            let port = address.place().to_owned();
            if let (LinkAddress::Serial(_), Some(gateway)) = (address, self.esp(address)) {
                let (outgoing, commands) = mpsc::channel(CHANNEL);
                let (events, incoming) = mpsc::channel(CHANNEL);
                let device = Arc::clone(&gateway.device);
                tokio::spawn(async move { esp::console::serve(device, commands, events, &port).await });
                return Ok(Link { outgoing, incoming });
            }
            let Some((_, _, device)) = self.gateways.iter().find(|(known, ..)| known == address) else {
                return Err(LinkError::NotFound { port });
            };
            let device = Arc::clone(device).try_lock_owned().map_err(|_| LinkError::Busy { port: port.clone() })?;
            let (outgoing, commands) = mpsc::channel(CHANNEL);
            let (events, incoming) = mpsc::channel(CHANNEL);
            tokio::spawn(async move {
                let mut device = device;
                serve(device.as_mut(), commands, events, &port).await;
            });
            Ok(Link { outgoing, incoming })
        })
    }

    fn watch_radio(&self) -> Boxed<'_, Result<Radio, LinkError>> {
        Box::pin(async {
            if self.peers.is_empty() {
                return Err(LinkError::NotOffered { link: LinkKind::Ble });
            }
            Ok(listen(&self.peers))
        })
    }

    fn connect<'a>(&'a self, address: &'a LinkAddress) -> Boxed<'a, Result<GattLink, LinkError>> {
        Box::pin(async move {
            let LinkAddress::Ble(id) = address else { return Err(LinkError::NotOffered { link: address.kind() }) };
            if let Some(peer) = self.peers.iter().find(|peer| peer.address == *address) {
                return peer.connect().await;
            }
            Err(not_heard(id.clone()).await)
        })
    }

    fn http<'a>(&'a self, address: &'a LinkAddress) -> Boxed<'a, Result<Arc<dyn Http>, LinkError>> {
        Box::pin(async move {
            let LinkAddress::Http(host) = address else { return Err(LinkError::NotOffered { link: address.kind() }) };
            let nobody = || HttpError::NotReached { host: host.clone(), detail: "no such simulated device".into() };
            let gateway = self.esp(address).ok_or_else(nobody)?;
            let device = Arc::clone(&gateway.device);
            let client = esp::http::InProcess { device, host: host.clone(), session: self.next_session() };
            Ok(Arc::new(client) as Arc<dyn Http>)
        })
    }
}

/// Lets a device talk over a pair of channels until the client goes or the device drops the link.
pub(super) async fn serve(
    device: &mut dyn SimulatedDevice,
    mut commands: mpsc::Receiver<LinkCommand>,
    events: mpsc::Sender<LinkEvent>,
    port: &str,
) {
    loop {
        while let Some(emission) = device.poll_emission(Instant::now().into_std()) {
            let (event, is_last) = match emission {
                Emission::Bytes(bytes) => (LinkEvent::Bytes(bytes), false),
                Emission::DropLink => (LinkEvent::Closed(LinkError::Vanished { port: port.to_owned() }), true),
            };
            if events.send(event).await.is_err() || is_last {
                return;
            }
        }
        let due = device.poll_timeout();
        let timer = async {
            match due {
                Some(due) => sleep_until(due.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            command = commands.recv() => match command {
                Some(LinkCommand::Write(bytes)) => device.handle_bytes(&bytes, Instant::now().into_std()),
                Some(LinkCommand::PulseReset) => device.handle_reset(Instant::now().into_std()),
                None => return,
            },
            () = timer => {}
        }
    }
}

/// Lets a device talk to whoever sent the last datagram, until it drops the link.
pub(super) async fn serve_datagrams(device: &mut dyn SimulatedDevice, socket: &UdpSocket) {
    let mut buffer = vec![0; 65_535];
    let mut client = None;
    loop {
        while let Some(emission) = device.poll_emission(Instant::now().into_std()) {
            match (emission, client) {
                (Emission::Bytes(datagram), Some(client)) => {
                    // A client that has gone does not hear it.
                    let _ = socket.send_to(&datagram, client).await;
                }
                (Emission::Bytes(_), None) => {}
                (Emission::DropLink, _) => return,
            }
        }
        let due = device.poll_timeout();
        let timer = async {
            match due {
                Some(due) => sleep_until(due.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            received = socket.recv_from(&mut buffer) => {
                // Where a client went away the system reports it here, once: that ends nothing.
                if let Ok((count, from)) = received {
                    client = Some(from);
                    device.handle_bytes(&buffer[..count], Instant::now().into_std());
                }
            }
            () = timer => {}
        }
    }
}
