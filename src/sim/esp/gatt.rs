//! A simulated device's endpoints as characteristics, in this process: what a radio would carry, without one.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};
use uuid::Uuid;

use super::{EspDevice, Reply};
use crate::flow::port::{BleError, Boxed, Characteristic, Gatt, GattEvent, GattLink, LinkError};

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

/// A connection to the device.
struct EspGatt {
    device: Arc<Mutex<EspDevice>>,
    name: String,
    session: u32,
    endpoints: Vec<(Uuid, String)>,
    has_labels: bool,
    values: Mutex<Vec<(Uuid, Vec<u8>)>>,
}

/// Connects to a device. `session` tells this connection from earlier ones.
pub(in crate::sim) fn connect(device: Arc<Mutex<EspDevice>>, name: &str, session: u32, has_labels: bool) -> GattLink {
    let (events_tx, events) = mpsc::channel(8);
    let names = device.lock().unwrap_or_else(PoisonError::into_inner).endpoints();
    let mut next = FIRST_CUSTOM;
    let endpoints = names
        .into_iter()
        .map(|name| {
            let short = SHORT.iter().find(|(known, _)| *known == name).map_or_else(
                || {
                    next += 1;
                    next - 1
                },
                |(_, short)| *short,
            );
            (uuid(short), name)
        })
        .collect();
    let gatt = EspGatt {
        device: Arc::clone(&device),
        name: name.to_owned(),
        session,
        endpoints,
        has_labels,
        values: Mutex::default(),
    };
    let name = name.to_owned();
    tokio::spawn(async move { watch(&device, &events_tx, &name).await });
    GattLink { gatt: Arc::new(gatt), events }
}

fn uuid(short: u16) -> Uuid {
    let mut octets = *SERVICE.as_bytes();
    octets[2..4].copy_from_slice(&short.to_be_bytes());
    Uuid::from_bytes(octets)
}

/// Ends the connection when the device does.
async fn watch(device: &Mutex<EspDevice>, events: &mpsc::Sender<GattEvent>, name: &str) {
    loop {
        let due = {
            let device = device.lock().unwrap_or_else(PoisonError::into_inner);
            [device.stops_at(), device.drops_at()].into_iter().flatten().min()
        };
        match due {
            Some(due) => {
                sleep_until(Instant::from_std(due)).await;
                device.lock().unwrap_or_else(PoisonError::into_inner).handle_drop();
                let error = BleError::Disconnected { device: name.to_owned() };
                let _ = events.send(GattEvent::Closed(error.into())).await;
                return;
            }
            None if events.is_closed() => return,
            None => sleep(std::time::Duration::from_millis(100)).await,
        }
    }
}

impl EspGatt {
    fn missing(&self, characteristic: Uuid) -> LinkError {
        BleError::NoCharacteristic { device: self.name.clone(), characteristic }.into()
    }
}

impl Gatt for EspGatt {
    fn characteristics(&self) -> Vec<Characteristic> {
        self.endpoints
            .iter()
            .map(|(uuid, _)| Characteristic {
                service: SERVICE,
                uuid: *uuid,
                can_read: true,
                can_write: true,
                can_write_without_response: false,
                can_notify: false,
            })
            .collect()
    }

    fn label(&self, characteristic: Uuid) -> Boxed<'_, Result<Option<String>, LinkError>> {
        let known = self.endpoints.iter().find(|(uuid, _)| *uuid == characteristic);
        let label = known.filter(|_| self.has_labels).map(|(_, name)| name.clone());
        Box::pin(std::future::ready(Ok(label)))
    }

    fn read(&self, characteristic: Uuid) -> Boxed<'_, Result<Vec<u8>, LinkError>> {
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        let value = values.iter().position(|(uuid, _)| *uuid == characteristic).map(|at| values.swap_remove(at).1);
        Box::pin(std::future::ready(Ok(value.unwrap_or_default())))
    }

    fn write(&self, characteristic: Uuid, value: Vec<u8>) -> Boxed<'_, Result<(), LinkError>> {
        Box::pin(async move {
            let known = self.endpoints.iter().find(|(uuid, _)| *uuid == characteristic);
            let Some((_, endpoint)) = known else { return Err(self.missing(characteristic)) };
            let mut random = [0; 64];
            getrandom::fill(&mut random).map_err(|error| BleError::Failed { detail: error.to_string() })?;
            let reply = {
                let mut device = self.device.lock().unwrap_or_else(PoisonError::into_inner);
                device.handle(self.session, endpoint, &value, &random, Instant::now().into_std())
            };
            match reply {
                Reply::Answer(bytes, _) if bytes.len() > MAX_VALUE => {
                    Err(BleError::Failed { detail: "the value is too long".into() }.into())
                }
                Reply::Answer(bytes, after) => {
                    sleep(after).await;
                    self.values.lock().unwrap_or_else(PoisonError::into_inner).push((characteristic, bytes));
                    Ok(())
                }
                Reply::Failed => Err(BleError::Failed { detail: "ATT error 0x80".into() }.into()),
                Reply::Missing => Err(self.missing(characteristic)),
                Reply::Silent => std::future::pending().await,
            }
        })
    }

    fn write_without_response(&self, characteristic: Uuid, _: Vec<u8>) -> Boxed<'_, Result<(), LinkError>> {
        Box::pin(std::future::ready(Err(self.missing(characteristic))))
    }

    fn subscribe(&self, characteristic: Uuid) -> Boxed<'_, Result<(), LinkError>> {
        Box::pin(std::future::ready(Err(self.missing(characteristic))))
    }

    fn payload_octets(&self) -> usize {
        20
    }

    fn disconnect(&self) -> Boxed<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}
