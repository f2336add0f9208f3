//! All links of this computer as one.

use std::sync::Arc;

use super::ble::BleLinks;
use super::http;
use super::neighbourhood::OwnNetwork;
use super::port_news;
use super::serial::SerialLinks;
use super::udp;
use crate::flow::port::{Boxed, GattLink, Http, Link, LinkError, Links, Neighbourhood, Radio};
use crate::model::gateway::PortFacts;
use crate::model::ids::{LinkAddress, LinkKind};

/// Serial ports, Bluetooth devices and gateways in the network.
#[derive(Default)]
pub struct SystemLinks {
    serial: SerialLinks,
    ble: BleLinks,
}

impl Links for SystemLinks {
    fn ports(&self) -> Boxed<'_, Result<Vec<(LinkAddress, PortFacts)>, LinkError>> {
        self.serial.ports()
    }

    fn port_news(&self) -> Option<tokio::sync::watch::Receiver<u64>> {
        port_news::watch()
    }

    fn look<'a>(&'a self, address: &'a LinkAddress) -> Boxed<'a, Result<(), LinkError>> {
        match address.kind() {
            LinkKind::Serial => self.serial.look(address),
            LinkKind::Ble | LinkKind::Http | LinkKind::Udp => Box::pin(std::future::ready(Ok(()))),
        }
    }

    fn neighbourhood(&self) -> Option<&dyn Neighbourhood> {
        Some(&OwnNetwork)
    }

    fn open<'a>(&'a self, address: &'a LinkAddress) -> Boxed<'a, Result<Link, LinkError>> {
        match address.kind() {
            LinkKind::Serial => self.serial.open(address),
            LinkKind::Udp => Box::pin(udp::open(address.place().to_owned())),
            kind @ (LinkKind::Ble | LinkKind::Http) => {
                Box::pin(std::future::ready(Err(LinkError::NotOffered { link: kind })))
            }
        }
    }

    fn open_at<'a>(&'a self, address: &'a LinkAddress, baud: u32) -> Boxed<'a, Result<Link, LinkError>> {
        match address.kind() {
            LinkKind::Serial => self.serial.open_at(address, baud),
            LinkKind::Udp | LinkKind::Ble | LinkKind::Http => self.open(address),
        }
    }

    fn watch_radio(&self) -> Boxed<'_, Result<Radio, LinkError>> {
        self.ble.watch_radio()
    }

    fn connect<'a>(&'a self, address: &'a LinkAddress) -> Boxed<'a, Result<GattLink, LinkError>> {
        self.ble.connect(address)
    }

    fn http<'a>(&'a self, address: &'a LinkAddress) -> Boxed<'a, Result<Arc<dyn Http>, LinkError>> {
        Box::pin(std::future::ready(http::client(address)))
    }
}
