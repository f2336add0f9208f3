//! The ports flows need: links to gateways and the records. Implemented in `io` for real and in `sim` for simulators.

mod ble;
mod broker;
mod http;
mod inspection;
mod link;
mod neighbourhood;
mod probes;
mod recordings;
mod records;

use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;

pub use ble::{AdapterOff, BleError, Characteristic, Gatt, GattEvent, GattLink, Radio, RadioEvent};
pub use broker::{Broker, BrokerRequest, Connection, ConnectionEnd, Delivery, Retry};
pub use http::{Http, HttpError};
pub use inspection::{Bundle, Completed, ExportSink, InspectionFiles};
pub use link::{Link, LinkCommand, LinkError, LinkEvent};
pub use neighbourhood::{Neighbourhood, Sight};
pub use probes::{Chains, Probes, Witnessed};
pub use recordings::{Playback, Recorder, Recordings};
pub use records::{BatchRecords, Records, RecordsError};

use crate::model::gateway::PortFacts;
use crate::model::ids::{LinkAddress, LinkKind};

/// A future of a trait that is used as an object.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A way to list and open links. An implementation offers the kinds it has; the others are [`LinkError::NotOffered`].
pub trait Links: Send + Sync {
    /// The ports there are now, with what the system knows of each. Sends nothing to any of them.
    fn ports(&self) -> Boxed<'_, Result<Vec<(LinkAddress, PortFacts)>, LinkError>>;

    /// Whether a simulator of this program stands behind that link.
    fn is_played(&self, link: &LinkAddress) -> bool {
        let _ = link;
        false
    }

    /// Word that ports may have come or gone. `None` where there is none: then they are listed at intervals.
    fn port_news(&self) -> Option<tokio::sync::watch::Receiver<u64>> {
        None
    }

    /// Looks whether there is such a link, without opening it. What can only be found out by opening counts as there.
    fn look<'a>(&'a self, address: &'a LinkAddress) -> Boxed<'a, Result<(), LinkError>> {
        let _ = address;
        Box::pin(ready(Ok(())))
    }

    /// The way to look at gateways on the network from this computer; none where links are played.
    fn neighbourhood(&self) -> Option<&dyn Neighbourhood> {
        None
    }

    /// Opens a link that carries bytes in a way that does not reset the device behind it. Over UDP each write is one
    /// datagram, and so is each piece that comes in.
    fn open<'a>(&'a self, address: &'a LinkAddress) -> Boxed<'a, Result<Link, LinkError>>;

    /// As [`Links::open`], at another speed of the line than the usual. What has no speed is opened as it is.
    fn open_at<'a>(&'a self, address: &'a LinkAddress, baud: u32) -> Boxed<'a, Result<Link, LinkError>> {
        let _ = baud;
        self.open(address)
    }

    /// Switches the radio's scan on. It ends when the value is dropped.
    fn watch_radio(&self) -> Boxed<'_, Result<Radio, LinkError>> {
        Box::pin(ready(Err(LinkError::NotOffered { link: LinkKind::Ble })))
    }

    /// Connects to a Bluetooth device and finds out what it offers. Scans for it first if it was not heard yet.
    fn connect<'a>(&'a self, address: &'a LinkAddress) -> Boxed<'a, Result<GattLink, LinkError>> {
        Box::pin(ready(Err(LinkError::NotOffered { link: address.kind() })))
    }

    /// A client for the gateway's HTTP service. Nothing is sent yet.
    fn http<'a>(&'a self, address: &'a LinkAddress) -> Boxed<'a, Result<Arc<dyn Http>, LinkError>> {
        Box::pin(ready(Err(LinkError::NotOffered { link: address.kind() })))
    }
}
