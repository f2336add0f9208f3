//! A simulated site: gateways behind ports of their own. Real ports are not listed, so that nothing tried here reaches a
//! real gateway; one whose path is typed can be opened all the same.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::UdpSocket;
#[cfg(unix)]
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::air::Air;
use super::device::SimulatedDevice;
use super::drivers::{self, esp_device};
use super::esp::{self, EspPlan};
#[cfg(unix)]
use super::link::serve;
use super::link::{SimulatedLinks, serve_datagrams};
use super::network::NetworkTable;
#[cfg(unix)]
use super::pty::PseudoTerminal;
use crate::flow::port::{Boxed, GattLink, Http, Link, LinkError, Links, Radio};
use crate::model::fault::Fault;
use crate::model::gateway::{DeviceInfo, PortFacts};
use crate::model::ids::{DriverId, LinkAddress, LinkKind};
use crate::model::problem::{Explain, Problem};

/// A gateway to simulate.
#[derive(Clone, Debug)]
pub struct GatewayPlan {
    /// What it says about itself.
    pub info: DeviceInfo,
    /// What its port looks like to the system.
    pub facts: PortFacts,
    /// The driver it speaks.
    pub driver: DriverId,
    /// What is on the air around it.
    pub air: Air,
    /// What the network behind it lets it reach.
    pub network: Arc<NetworkTable>,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// The folder of its card; `None` keeps it in memory.
    pub card: Option<PathBuf>,
    /// What it is built with if it is an Espressif device.
    pub esp: EspPlan,
}

/// Why a simulated gateway could not be started.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// The folder of the card cannot be used.
    #[error("the card's folder {} cannot be used", folder.display())]
    Card {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No port on the loopback address could be had.
    #[error("no port on the loopback address could be opened")]
    NoSocket {
        /// What the system said.
        source: io::Error,
    },
    /// No port for a stand-in of the network could be had.
    #[error("no stand-in for a server could be started")]
    NoStandIn {
        /// What the system said.
        source: io::Error,
    },
    /// Nothing simulates the driver over that link.
    #[error("there is no simulator for {driver}")]
    NoSimulator {
        /// The driver.
        driver: DriverId,
        /// The link that was asked for.
        link: Option<LinkKind>,
    },
    /// There is no pseudo-terminal to be had.
    #[error("no pseudo-terminal could be opened")]
    NoTerminal {
        /// What the system said.
        source: io::Error,
    },
}

impl Explain for SimError {
    fn explain(&self) -> Problem {
        match self {
            Self::Card { folder, source } => Problem::new(
                "sim.card",
                "The simulated gateway's card cannot be used",
                "The folder is missing, read-only or belongs to another account",
                "Choose another folder with --state-dir",
            )
            .with_detail(format!("{}: {source}", folder.display())),
            Self::NoSocket { source } => Problem::new(
                "sim.no_socket",
                "The simulated gateway has no address",
                "No permission to listen on this computer's own address",
                "Allow programs to listen on 127.0.0.1, or use --via serial",
            )
            .with_detail(source.to_string()),
            Self::NoStandIn { source } => Problem::new(
                "sim.no_stand_in",
                "The simulated network could not start",
                "This account may not open ports on this computer's own address",
                "Allow programs to listen on 127.0.0.1, then try again",
            )
            .with_detail(source.to_string()),
            Self::NoSimulator { driver, link } => {
                let words = |(driver, links): (DriverId, Vec<LinkKind>)| {
                    let links: Vec<&str> = links.into_iter().map(LinkKind::as_str).collect();
                    format!("{driver} over {}", links.join(" and "))
                };
                let all: Vec<String> = drivers::all().map(words).collect();
                Problem::new(
                    "sim.no_driver",
                    match link {
                        Some(link) => format!("There is no simulator for the driver {driver} over {link}"),
                        None => format!("There is no simulator for the driver {driver}"),
                    },
                    format!("This version simulates {}", all.join(", ")),
                    "Use another --driver, or another link with --via",
                )
            }
            Self::NoTerminal { source } => Problem::new(
                "sim.no_terminal",
                "The simulated gateway has no port",
                "This system has no pseudo-terminals, or all of them are in use",
                "On Linux see that /dev/pts is mounted; on Windows use `linesman demo`, which needs none",
            )
            .with_detail(source.to_string()),
        }
    }
}

/// A simulated gateway that runs behind a pseudo-terminal.
pub struct SimulatedGateway {
    /// Where a client reaches it.
    pub address: LinkAddress,
    /// Ends when the gateway dropped its link for good.
    pub running: JoinHandle<()>,
}

/// Starts a gateway behind a link, or the driver's usual one. Call it inside a tokio runtime.
pub async fn start(plan: &GatewayPlan, link: Option<LinkKind>) -> Result<SimulatedGateway, SimError> {
    let none = || SimError::NoSimulator { driver: plan.driver, link };
    let unit = drivers::unit(plan.driver).ok_or_else(none)?;
    let serve = unit.links.iter().find(|(known, _)| link.is_none_or(|link| link == *known));
    let (_, serve) = serve.ok_or_else(none)?;
    serve(plan).await
}

/// What lets a client into a gateway: user name and secret, where its driver asks for them.
pub fn access(plan: &GatewayPlan) -> Option<(String, String)> {
    drivers::unit(plan.driver).and_then(|unit| (unit.access)(plan))
}

/// Whether a driver's gateway can hang at a port of a simulated site.
pub fn is_on_ports(driver: DriverId) -> bool {
    drivers::unit(driver).is_some_and(|unit| unit.device.is_some())
}

fn device(plan: &GatewayPlan, link: LinkKind) -> Result<Box<dyn SimulatedDevice>, SimError> {
    let make = drivers::unit(plan.driver).and_then(|unit| unit.device);
    make.ok_or(SimError::NoSimulator { driver: plan.driver, link: Some(link) })?(plan, link)
}

/// Starts an Espressif device behind HTTP on the loopback address.
pub(super) async fn start_esp_http(plan: &GatewayPlan) -> Result<SimulatedGateway, SimError> {
    let served = esp::http::serve(esp_device(plan)?).await.map_err(|source| SimError::NoSocket { source })?;
    Ok(SimulatedGateway { address: LinkAddress::Http(served.address.to_string()), running: served.running })
}

/// Starts an Espressif device's console behind a pseudo-terminal. Call it inside a tokio runtime.
#[cfg(unix)]
pub(super) fn start_esp_console(plan: &GatewayPlan) -> Result<SimulatedGateway, SimError> {
    let device = esp_device(plan)?;
    let no_terminal = |source| SimError::NoTerminal { source };
    let terminal = PseudoTerminal::open().map_err(no_terminal)?;
    let path = terminal.path.clone();
    let (commands_tx, commands) = mpsc::channel(64);
    let (events, events_rx) = mpsc::channel(64);
    terminal.bridge(commands_tx, events_rx).map_err(no_terminal)?;
    let port = path.clone();
    let running = tokio::spawn(async move { esp::console::serve(device, commands, events, &port).await });
    Ok(SimulatedGateway { address: LinkAddress::Serial(path), running })
}

/// Starts an Espressif device's console behind a pseudo-terminal: there are none on this system.
#[cfg(not(unix))]
pub(super) fn start_esp_console(plan: &GatewayPlan) -> Result<SimulatedGateway, SimError> {
    let _ = esp_device(plan)?;
    Err(SimError::NoTerminal { source: io::Error::from(io::ErrorKind::Unsupported) })
}

/// Starts one gateway behind a pseudo-terminal. Call it inside a tokio runtime.
#[cfg(unix)]
pub fn start_gateway(plan: &GatewayPlan) -> Result<SimulatedGateway, SimError> {
    let mut device = device(plan, LinkKind::Serial)?;
    let no_terminal = |source| SimError::NoTerminal { source };
    let terminal = PseudoTerminal::open().map_err(no_terminal)?;
    let path = terminal.path.clone();
    let (commands_tx, commands) = mpsc::channel(64);
    let (events, events_rx) = mpsc::channel(64);
    terminal.bridge(commands_tx, events_rx).map_err(no_terminal)?;
    let port = path.clone();
    let running = tokio::spawn(async move { serve(device.as_mut(), commands, events, &port).await });
    Ok(SimulatedGateway { address: LinkAddress::Serial(path), running })
}

/// Starts one gateway behind a pseudo-terminal: there are none on this system.
#[cfg(not(unix))]
pub fn start_gateway(plan: &GatewayPlan) -> Result<SimulatedGateway, SimError> {
    let _ = device(plan, LinkKind::Serial)?;
    Err(SimError::NoTerminal { source: io::Error::from(io::ErrorKind::Unsupported) })
}

/// Starts one gateway on a UDP port of this computer's own. Call it inside a tokio runtime.
pub(super) async fn start_datagram_gateway(plan: &GatewayPlan) -> Result<SimulatedGateway, SimError> {
    let mut device = device(plan, LinkKind::Udp)?;
    let no_port = |source| SimError::NoTerminal { source };
    let socket = UdpSocket::bind("127.0.0.1:0").await.map_err(no_port)?;
    let address = LinkAddress::Udp(socket.local_addr().map_err(no_port)?.to_string());
    let running = tokio::spawn(async move { serve_datagrams(device.as_mut(), &socket).await });
    Ok(SimulatedGateway { address, running })
}

/// Simulated gateways as a set of links.
pub struct Site {
    real: Arc<dyn Links>,
    terminals: Vec<(SimulatedGateway, PortFacts)>,
    in_process: SimulatedLinks,
}

impl Site {
    /// Starts the gateways: behind pseudo-terminals where the system has them, else in this process.
    pub fn start(real: Arc<dyn Links>, plans: Vec<GatewayPlan>) -> Result<Self, SimError> {
        let mut site = Self { real, terminals: Vec::new(), in_process: SimulatedLinks::default() };
        for (number, plan) in plans.into_iter().enumerate() {
            let facts = PortFacts { is_simulated: true, ..plan.facts.clone() };
            if cfg!(unix) {
                site.terminals.push((start_gateway(&plan)?, facts));
            } else {
                let address = LinkAddress::Serial(format!("SIM{}", number + 1));
                site.in_process = site.in_process.with_boxed(address, facts, device(&plan, LinkKind::Serial)?);
            }
        }
        Ok(site)
    }

    /// Puts a gateway on the simulated air.
    pub fn with_radio(mut self, address: LinkAddress, plan: &GatewayPlan) -> Result<Self, SimError> {
        let put = drivers::unit(plan.driver).and_then(|unit| unit.radio);
        let put = put.ok_or(SimError::NoSimulator { driver: plan.driver, link: Some(LinkKind::Ble) })?;
        self.in_process = put(self.in_process, address, plan)?;
        Ok(self)
    }

    /// Where the simulated gateways are.
    pub fn addresses(&self) -> impl Iterator<Item = &LinkAddress> {
        self.terminals.iter().map(|(gateway, _)| &gateway.address)
    }
}

impl Links for Site {
    fn ports(&self) -> Boxed<'_, Result<Vec<(LinkAddress, PortFacts)>, LinkError>> {
        Box::pin(async move {
            let running = self.terminals.iter().filter(|(gateway, _)| !gateway.running.is_finished());
            let mut ports: Vec<_> = running.map(|(gateway, facts)| (gateway.address.clone(), facts.clone())).collect();
            ports.extend(self.in_process.ports().await?);
            Ok(ports)
        })
    }

    fn is_played(&self, link: &LinkAddress) -> bool {
        self.addresses().any(|known| known == link) || self.in_process.is_played(link)
    }

    fn look<'a>(&'a self, address: &'a LinkAddress) -> Boxed<'a, Result<(), LinkError>> {
        Box::pin(async move {
            let is_simulated = self.ports().await?.iter().any(|(link, _)| link == address);
            if is_simulated { Ok(()) } else { self.real.look(address).await }
        })
    }

    fn open_at<'a>(&'a self, address: &'a LinkAddress, baud: u32) -> Boxed<'a, Result<Link, LinkError>> {
        Box::pin(async move {
            match self.in_process.open(address).await {
                Err(LinkError::NotFound { .. }) => self.real.open_at(address, baud).await,
                opened => opened,
            }
        })
    }

    fn open<'a>(&'a self, address: &'a LinkAddress) -> Boxed<'a, Result<Link, LinkError>> {
        Box::pin(async move {
            match self.in_process.open(address).await {
                Err(LinkError::NotFound { .. }) => self.real.open(address).await,
                opened => opened,
            }
        })
    }

    fn watch_radio(&self) -> Boxed<'_, Result<Radio, LinkError>> {
        // The air is simulated as a whole: no adapter is touched.
        self.in_process.watch_radio()
    }

    fn connect<'a>(&'a self, address: &'a LinkAddress) -> Boxed<'a, Result<GattLink, LinkError>> {
        self.in_process.connect(address)
    }

    fn http<'a>(&'a self, address: &'a LinkAddress) -> Boxed<'a, Result<Arc<dyn Http>, LinkError>> {
        self.real.http(address)
    }
}
