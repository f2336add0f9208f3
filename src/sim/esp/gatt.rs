//! A simulated device's endpoints as characteristics: the device on the simulated radio.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::{EspDevice, Reply};
use crate::flow::port::Characteristic;
use crate::model::gateway::Advertisement;
use crate::sim::gatt::{AttError, GattDevice, GattEmission};

/// The protocol's own service.
const SERVICE: Uuid = Uuid::from_u128(0x1775_244d_6b43_439b_877c_060f_2d9b_ed07);
/// Octets a value holds on the commonest firmware.
const MAX_VALUE: usize = 512;
/// The 16-bit parts of the endpoints, in the protocol's order; custom ones follow.
const SHORT: [(&str, u16); 5] = [
    ("prov-ctrl", 0xFF4F),
    ("prov-scan", 0xFF50),
    ("prov-session", 0xFF51),
    ("prov-config", 0xFF52),
    ("proto-ver", 0xFF53),
];
const FIRST_CUSTOM: u16 = 0xFF54;

/// A device on the radio.
pub(in crate::sim) struct EspRadio {
    device: Arc<Mutex<EspDevice>>,
    endpoints: Vec<(Uuid, String)>,
    has_labels: bool,
    /// Tells this connection from earlier ones.
    session: u32,
    values: HashMap<Uuid, Vec<u8>>,
    /// How long the answer to the last write takes.
    after: Duration,
    /// It ended its service.
    is_over: bool,
}

impl EspRadio {
    /// Puts a device on the radio. It tells the names of its endpoints only with `has_labels`.
    pub(in crate::sim) fn new(device: Arc<Mutex<EspDevice>>, has_labels: bool) -> Self {
        let names = device.lock().unwrap_or_else(PoisonError::into_inner).endpoints();
        let mut custom = FIRST_CUSTOM..;
        let endpoints = names.into_iter().filter_map(|name| {
            let known = SHORT.iter().find(|(known, _)| *known == name).map(|(_, short)| *short);
            known.or_else(|| custom.next()).map(|short| (uuid(short), name))
        });
        let endpoints = endpoints.collect();
        let (values, after) = (HashMap::new(), Duration::ZERO);
        Self { device, endpoints, has_labels, session: 0, values, after, is_over: false }
    }

    fn device(&self) -> MutexGuard<'_, EspDevice> {
        self.device.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn endpoint(&self, characteristic: Uuid) -> Option<&str> {
        self.endpoints.iter().find(|(uuid, _)| *uuid == characteristic).map(|(_, name)| name.as_str())
    }
}

fn uuid(short: u16) -> Uuid {
    let mut octets = *SERVICE.as_bytes();
    octets[2..4].copy_from_slice(&short.to_be_bytes());
    Uuid::from_bytes(octets)
}

impl GattDevice for EspRadio {
    fn advertisement(&self) -> Option<Advertisement> {
        if self.is_over {
            return None;
        }
        let name = Some(self.device().name().to_owned());
        Some(Advertisement { name, services: vec![SERVICE], ..Advertisement::default() })
    }

    fn characteristics(&self) -> Vec<Characteristic> {
        let uuids = self.endpoints.iter().map(|(uuid, _)| *uuid);
        uuids
            .map(|uuid| Characteristic {
                service: SERVICE,
                uuid,
                can_read: true,
                can_write: true,
                can_write_without_response: false,
                can_notify: false,
            })
            .collect()
    }

    fn label(&self, characteristic: Uuid) -> Option<String> {
        self.endpoint(characteristic).filter(|_| self.has_labels).map(str::to_owned)
    }

    fn response_delay(&self) -> Duration {
        self.after
    }

    fn handle_connect(&mut self, _: Instant) -> Result<(), AttError> {
        self.session += 1;
        self.values.clear();
        Ok(())
    }

    fn handle_read(&mut self, characteristic: Uuid, _: Instant) -> Result<Vec<u8>, AttError> {
        self.endpoint(characteristic).ok_or(AttError::NotFound)?;
        Ok(self.values.remove(&characteristic).unwrap_or_default())
    }

    fn handle_write(&mut self, characteristic: Uuid, value: &[u8], now: Instant) -> Result<(), AttError> {
        let endpoint = self.endpoint(characteristic).ok_or(AttError::NotFound)?;
        let mut random = [0; 64];
        getrandom::fill(&mut random).map_err(|_| AttError::Refused)?;
        let reply = self.device().handle(self.session, endpoint, value, &random, now);
        match reply {
            Reply::Answer(bytes, _) if bytes.len() > MAX_VALUE => Err(AttError::Refused),
            Reply::Answer(bytes, after) => {
                self.after = after;
                self.values.insert(characteristic, bytes);
                Ok(())
            }
            Reply::Failed => Err(AttError::Refused),
            Reply::Missing => Err(AttError::NotFound),
            Reply::Silent => Err(AttError::Silent),
        }
    }

    fn handle_subscribe(&mut self, _: Uuid, _: Instant) -> Result<(), AttError> {
        Err(AttError::NotFound)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let device = self.device();
        [device.stops_at(), device.drops_at()].into_iter().flatten().min()
    }

    fn poll_emission(&mut self, now: Instant) -> Option<GattEmission> {
        if self.poll_timeout().is_none_or(|due| due > now) {
            return None;
        }
        let mut device = self.device();
        let is_over = device.stops_at().is_some_and(|due| due <= now);
        device.handle_drop();
        drop(device);
        self.is_over = is_over;
        Some(GattEmission::Disconnect)
    }
}
