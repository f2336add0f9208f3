//! What carries an exchange to an endpoint and its answer back: characteristics, HTTP or the console. Nothing else.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;
use uuid::Uuid;

use crate::flow::heard::Heard;
use crate::flow::port::{
    BleError, Gatt, GattEvent, GattLink, Http, HttpError, Link, LinkCommand, LinkError, LinkEvent,
};
use crate::proto::esp::console::{Decoder, Said, encode_line};
use crate::proto::esp::session::Endpoint;

/// How often the console is asked for its prompt.
const PROMPT_TRIES: u32 = 4;
/// How long it may take to show it.
const PROMPT_LIMIT: Duration = Duration::from_secs(3);
/// Octets of a 128-bit id that the protocol replaces for each endpoint.
const SHORT_PART: std::ops::Range<usize> = 2..4;

/// Why an exchange did not come to its answer.
#[derive(Debug)]
pub(super) enum CarryError {
    /// The link.
    Link(LinkError),
    /// The device has no such endpoint.
    Missing,
    /// The device failed the request, and says no more.
    Failed,
    /// The request does not fit.
    TooLong,
    /// Nothing came.
    Silent,
}

impl From<LinkError> for CarryError {
    fn from(error: LinkError) -> Self {
        Self::Link(error)
    }
}

/// A link, as provisioning uses it.
pub(super) enum Carrier {
    Ble(Characteristics),
    Http(Arc<dyn Http>),
    Console(Box<Console>),
}

impl Carrier {
    /// Finds out what the device offers.
    pub(super) async fn prepare(&mut self) -> Result<(), CarryError> {
        match self {
            Self::Ble(characteristics) => characteristics.name_all().await,
            Self::Http(_) => Ok(()),
            Self::Console(console) => console.wake().await,
        }
    }

    /// Whether the endpoint is there; `None` where that shows only when it is used.
    pub(super) fn has(&self, endpoint: &Endpoint) -> Option<bool> {
        match self {
            Self::Ble(characteristics) => Some(characteristics.find(endpoint).is_some()),
            Self::Http(_) | Self::Console(_) => None,
        }
    }

    /// Brings octets to an endpoint and returns its answer. Whoever calls sets the limit.
    pub(super) async fn carry(&mut self, endpoint: &Endpoint, body: &[u8]) -> Result<Vec<u8>, CarryError> {
        match self {
            Self::Ble(characteristics) => characteristics.exchange(endpoint, body).await,
            Self::Http(http) => match http.post(&format!("/{}", endpoint.name()), body.to_vec()).await {
                Err(LinkError::Http(HttpError::Status { status: 404 | 405, .. })) => Err(CarryError::Missing),
                Err(LinkError::Http(HttpError::Status { .. })) => Err(CarryError::Failed),
                answer => Ok(answer?),
            },
            Self::Console(console) => console.exchange(endpoint, body).await,
        }
    }

    /// Waits until the link ends by itself. Safe to drop at any point.
    pub(super) async fn ended(&mut self) -> LinkError {
        match self {
            Self::Ble(characteristics) => closed(&mut characteristics.events).await,
            Self::Http(_) => std::future::pending().await,
            Self::Console(console) => loop {
                if let Err(error) = console.hear().await {
                    return error;
                }
            },
        }
    }

    /// What the device wrote beside its answers.
    pub(super) fn take_log(&mut self) -> Vec<u8> {
        if let Self::Console(console) = self { console.decoder.take_log() } else { Vec::new() }
    }

    /// Pulses the reset line, where there is one.
    pub(super) async fn pulse_reset(&mut self) -> Option<Result<(), LinkError>> {
        let Self::Console(console) = self else { return None };
        Some(console.link.send(LinkCommand::PulseReset).await)
    }

    /// Ends the link in an orderly way.
    pub(super) async fn close(&mut self) {
        if let Self::Ble(characteristics) = self {
            characteristics.gatt.disconnect().await;
        }
    }
}

/// Endpoints as characteristics of a Bluetooth device.
pub(super) struct Characteristics {
    gatt: Arc<dyn Gatt>,
    events: mpsc::Receiver<GattEvent>,
    service: Option<Uuid>,
    by_name: HashMap<String, Uuid>,
}

impl Characteristics {
    /// `service` is the one the profile names.
    pub(super) fn new(link: GattLink, service: Option<Uuid>) -> Self {
        Self { gatt: link.gatt, events: link.events, service, by_name: HashMap::new() }
    }

    /// Reads the names that the device gives its characteristics. They hold where the table of the protocol says otherwise.
    async fn name_all(&mut self) -> Result<(), CarryError> {
        let own: Vec<_> = self
            .gatt
            .characteristics()
            .into_iter()
            .filter(|own| self.service.is_none_or(|service| own.service == service) && own.can_read && own.can_write)
            .collect();
        for characteristic in &own {
            let label = match self.gatt.label(characteristic.uuid).await {
                Ok(label) => label,
                Err(error @ LinkError::Ble(BleError::Disconnected { .. } | BleError::LostToPairing { .. })) => {
                    return Err(error.into());
                }
                // A device that does not let its names be read is found by the table.
                Err(_) => None,
            };
            if let Some(label) = label {
                let name = label.trim_end_matches('\0').trim().to_owned();
                self.by_name.entry(name).or_insert(characteristic.uuid);
            }
        }
        for endpoint in [Endpoint::Version, Endpoint::Session, Endpoint::Config, Endpoint::Scan, Endpoint::Control] {
            let by_table = own.iter().find(|own| is_endpoint(own.uuid, own.service, &endpoint)).map(|own| own.uuid);
            if let Some(uuid) = by_table {
                self.by_name.entry(endpoint.name().to_owned()).or_insert(uuid);
            }
        }
        Ok(())
    }

    fn find(&self, endpoint: &Endpoint) -> Option<Uuid> {
        self.by_name.get(endpoint.name()).copied()
    }

    async fn exchange(&mut self, endpoint: &Endpoint, body: &[u8]) -> Result<Vec<u8>, CarryError> {
        let uuid = self.find(endpoint).ok_or(CarryError::Missing)?;
        let gatt = Arc::clone(&self.gatt);
        let write_and_read = async {
            gatt.write(uuid, body.to_vec()).await?;
            gatt.read(uuid).await
        };
        tokio::select! {
            biased;
            answer = write_and_read => Ok(answer?),
            error = closed(&mut self.events) => Err(error.into()),
        }
    }
}

/// Whether a characteristic's id is the service's with the endpoint's 16-bit part.
fn is_endpoint(uuid: Uuid, service: Uuid, endpoint: &Endpoint) -> bool {
    let Some(short) = endpoint.short_uuid() else { return false };
    let mut expected = *service.as_bytes();
    expected[SHORT_PART].copy_from_slice(&short.to_be_bytes());
    *uuid.as_bytes() == expected
}

async fn closed(events: &mut mpsc::Receiver<GattEvent>) -> LinkError {
    loop {
        match events.recv().await {
            Some(GattEvent::Closed(error)) => return error,
            // Some firmware sends what can be read as well.
            Some(GattEvent::Notified { .. }) => {}
            None => return BleError::Disconnected { device: "the gateway".into() }.into(),
        }
    }
}

/// Endpoints as commands of the console.
pub(super) struct Console {
    link: Link,
    decoder: Decoder,
    session: u16,
    heard: Vec<Said>,
    came: Heard,
}

impl Console {
    /// `session` tells this conversation from earlier ones.
    pub(super) fn new(link: Link, session: u16) -> Self {
        Self { link, decoder: Decoder::default(), session, heard: Vec::new(), came: Heard::default() }
    }

    /// Presses return until the prompt shows.
    async fn wake(&mut self) -> Result<(), CarryError> {
        for _ in 0..PROMPT_TRIES {
            self.heard.clear();
            self.link.send(LinkCommand::Write(b"\r".to_vec())).await?;
            if let Ok(said) = timeout(PROMPT_LIMIT, self.said()).await {
                said?;
                return Ok(());
            }
        }
        Err(CarryError::Silent)
    }

    async fn exchange(&mut self, endpoint: &Endpoint, body: &[u8]) -> Result<Vec<u8>, CarryError> {
        let line = encode_line(endpoint, self.session, body).map_err(|_| CarryError::TooLong)?;
        // Prompts that came late belong to what was before.
        while let Ok(event) = self.link.incoming.try_recv() {
            self.handle(event)?;
        }
        self.heard.clear();
        self.came = Heard::default();
        self.decoder.clear();
        self.link.send(LinkCommand::Write(line)).await?;
        match self.said().await? {
            Said::Answer(octets) => Ok(octets),
            Said::Prompt => Err(CarryError::Failed),
        }
    }

    /// The next answer or prompt.
    async fn said(&mut self) -> Result<Said, LinkError> {
        while self.heard.is_empty() {
            self.hear().await?;
        }
        Ok(self.heard.remove(0))
    }

    async fn hear(&mut self) -> Result<(), LinkError> {
        let bytes = self.link.receive().await?;
        self.handle(LinkEvent::Bytes(bytes))
    }

    fn handle(&mut self, event: LinkEvent) -> Result<(), LinkError> {
        match event {
            LinkEvent::Bytes(bytes) => {
                self.came.note(&bytes);
                self.heard.extend(self.decoder.push(&bytes));
                // Nobody asked for more than one.
                self.heard.truncate(8);
                Ok(())
            }
            LinkEvent::Closed(error) => Err(error),
        }
    }

    /// What came since the last exchange began.
    pub(super) const fn heard(&self) -> Heard {
        self.came
    }
}
