//! Simulated gateways behind in-process links: for tests on a paused clock, and for systems without pseudo-terminals.

use std::sync::Arc;

use tokio::net::UdpSocket;
use tokio::sync::{Mutex, mpsc};
use tokio::time::{Instant, sleep_until};

use super::device::{Emission, SimulatedDevice};
use crate::flow::port::{Boxed, Link, LinkCommand, LinkError, LinkEvent, Links};
use crate::model::gateway::PortFacts;
use crate::model::ids::LinkAddress;

/// Room in the channels of one link.
const CHANNEL: usize = 64;

/// A set of simulated gateways, each behind an address of its own.
#[derive(Default)]
pub struct SimulatedLinks {
    gateways: Vec<(LinkAddress, PortFacts, Arc<Mutex<Box<dyn SimulatedDevice>>>)>,
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
}

impl Links for SimulatedLinks {
    fn ports(&self) -> Boxed<'_, Result<Vec<(LinkAddress, PortFacts)>, LinkError>> {
        let ports = self.gateways.iter().map(|(address, facts, _)| (address.clone(), facts.clone())).collect();
        Box::pin(std::future::ready(Ok(ports)))
    }

    fn open<'a>(&'a self, address: &'a LinkAddress) -> Boxed<'a, Result<Link, LinkError>> {
        Box::pin(async move {
            let port = address.place().to_owned();
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
