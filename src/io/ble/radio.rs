//! The scan: what each device advertises, told at most twice a second, and why the scan ended.

use std::collections::HashMap;
use std::time::Duration;

use btleplug::api::{Central as _, CentralEvent, CentralState, Peripheral as _, ScanFilter};
use btleplug::platform::PeripheralId;
use futures_util::StreamExt as _;
use futures_util::stream::{BoxStream, SelectAll};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{BleLinks, ReadyAdapter, SERVICE_LIMIT, explain, id_of, state, within};
use crate::flow::port::{BleError, Radio, RadioEvent};
use crate::model::gateway::Advertisement;
use crate::model::ids::LinkAddress;

/// Room for what was heard and not taken yet. What does not fit is told with the next turn.
const CHANNEL: usize = 64;
/// How often what was heard is told.
const TURN: Duration = Duration::from_millis(250);
/// How often one device is told at most.
const DEVICE_TURN: Duration = Duration::from_millis(500);
/// How often everything a device advertises is read anew, where that is a question to the system's service.
const REREAD: Duration = if cfg!(target_os = "linux") { Duration::from_secs(5) } else { Duration::ZERO };
/// How often the adapters are asked whether they are still there.
const PULSE: Duration = Duration::from_secs(2);
/// Devices kept in mind. The one heard longest ago goes first: it is one of the addresses that change every few minutes.
const KEPT: usize = 1000;
/// A strength no radio measures: "not known".
const NO_RSSI: i16 = 127;

/// Something an adapter reports.
type Heard = (usize, CentralEvent);

/// Switches the scan of all adapters on.
pub(super) async fn watch(links: &BleLinks) -> Result<Radio, BleError> {
    let adapters = links.adapters().await?;
    let mut streams = SelectAll::new();
    for (number, ready) in adapters.iter().enumerate() {
        if cfg!(not(target_os = "linux")) {
            // What an earlier scan heard is not heard now. Failing only leaves more to be sorted out.
            let _ = within(SERVICE_LIMIT, ready.adapter.clear_peripherals()).await;
        }
        let events = within(SERVICE_LIMIT, ready.adapter.events()).await.map_err(|error| explain(&error, ""))?;
        streams.push(events.map(move |event| (number, event)).boxed());
    }
    // From here on whatever ends this ends the scans.
    let scans = Scans { adapters };
    let mut failed = None;
    let mut running = 0;
    for ready in &scans.adapters {
        match within(SERVICE_LIMIT, ready.adapter.start_scan(ScanFilter::default())).await {
            Ok(()) => running += 1,
            Err(error) => failed = Some(explain(&error, "")),
        }
    }
    if let (0, Some(error)) = (running, failed) {
        return Err(error);
    }
    let (sender, events) = mpsc::channel(CHANNEL);
    tokio::spawn(run(links.clone(), scans, streams, sender));
    Ok(Radio { events })
}

/// The scans under way. Dropped, they are stopped.
pub(super) struct Scans {
    pub(super) adapters: Vec<ReadyAdapter>,
}

impl Drop for Scans {
    fn drop(&mut self) {
        for ready in std::mem::take(&mut self.adapters) {
            // Without a runtime the program ends, and its scans with it.
            if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                runtime.spawn(async move {
                    if let Err(error) = within(SERVICE_LIMIT, ready.adapter.stop_scan()).await {
                        tracing::debug!(%error, adapter = ready.name, "the scan could not be stopped");
                    }
                });
            }
        }
    }
}

async fn run(
    links: BleLinks,
    scans: Scans,
    mut streams: SelectAll<BoxStream<'static, Heard>>,
    sender: mpsc::Sender<RadioEvent>,
) {
    let mut air = Air::default();
    let mut turn = interval(TURN);
    turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut pulse = interval(PULSE);
    pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let stopped = loop {
        tokio::select! {
            () = sender.closed() => return,
            event = streams.next() => match event {
                Some((_, CentralEvent::StateUpdate(CentralState::PoweredOff))) | None => {
                    if let Err(error) = check(&links, &scans).await {
                        break error;
                    }
                }
                Some((adapter, event)) => air.take(adapter, event),
            },
            _ = turn.tick() => air.tell(&scans.adapters, &sender).await,
            _ = pulse.tick() => if let Err(error) = check(&links, &scans).await {
                break error;
            },
        }
    };
    tracing::info!(error = %stopped, "the scan ended");
    links.forget().await;
    drop(scans);
    // Whoever asked may have gone; then nobody needs to know.
    let _ = sender.send(RadioEvent::Stopped(stopped.into())).await;
}

/// Whether any adapter still scans; otherwise what became of them.
async fn check(links: &BleLinks, scans: &Scans) -> Result<(), BleError> {
    for ready in &scans.adapters {
        if state(&ready.adapter).await? != CentralState::PoweredOff {
            return Ok(());
        }
    }
    // Also said of adapters that are gone, or of a service that is: ask for those that are there.
    links.adapters().await.and(Err(BleError::NoAdapter))
}

/// What was heard of each device.
#[derive(Default)]
struct Air {
    devices: HashMap<(usize, PeripheralId), Device>,
}

struct Device {
    link: Option<LinkAddress>,
    advertisement: Advertisement,
    heard_at: Instant,
    read_at: Option<Instant>,
    told_at: Option<Instant>,
    /// Something came in since it was told.
    is_fresh: bool,
    /// The system knew it before this scan; it counts once it is heard.
    is_remembered: bool,
    /// What was read last no longer holds.
    is_stale: bool,
}

impl Air {
    fn take(&mut self, adapter: usize, event: CentralEvent) {
        let now = Instant::now();
        let (id, is_heard) = match &event {
            CentralEvent::DeviceDiscovered(id) | CentralEvent::ServicesAdvertisement { id, .. } => (id.clone(), false),
            CentralEvent::DeviceUpdated(id)
            | CentralEvent::ManufacturerDataAdvertisement { id, .. }
            | CentralEvent::ServiceDataAdvertisement { id, .. }
            | CentralEvent::RssiUpdate { id, .. } => (id.clone(), true),
            CentralEvent::DeviceConnected(_)
            | CentralEvent::DeviceDisconnected(_)
            | CentralEvent::DeviceServicesModified(_)
            | CentralEvent::StateUpdate(_) => return,
        };
        let key = (adapter, id);
        if !self.devices.contains_key(&key) {
            self.make_room();
        }
        let device = self.devices.entry(key).or_insert_with(|| Device::new(now));
        device.heard_at = now;
        device.is_fresh = true;
        device.is_remembered &= !is_heard;
        let known = &mut device.advertisement;
        match event {
            CentralEvent::RssiUpdate { rssi, .. } => known.rssi_dbm = Some(rssi).filter(|rssi| *rssi != NO_RSSI),
            CentralEvent::ManufacturerDataAdvertisement { manufacturer_data, .. } => {
                known.companies = manufacturer_data.into_keys().collect();
                known.companies.sort_unstable();
            }
            CentralEvent::ServiceDataAdvertisement { service_data, .. } => {
                known.service_data = service_data.into_iter().collect();
                known.service_data.sort();
            }
            _ => device.is_stale = true,
        }
    }

    fn make_room(&mut self) {
        if self.devices.len() >= KEPT
            && let Some(oldest) = self.devices.iter().min_by_key(|(_, device)| device.heard_at)
        {
            let oldest = oldest.0.clone();
            self.devices.remove(&oldest);
        }
    }

    /// Tells of the devices that something came in from, those heard longest ago first.
    async fn tell(&mut self, adapters: &[ReadyAdapter], sender: &mpsc::Sender<RadioEvent>) {
        let now = Instant::now();
        let is_due = |device: &Device| {
            device.is_fresh && device.told_at.is_none_or(|told| now.saturating_duration_since(told) >= DEVICE_TURN)
        };
        for ((number, id), device) in self.devices.iter_mut().filter(|(_, device)| is_due(device)) {
            let Some(ready) = adapters.get(*number) else { continue };
            let is_unread = device.read_at.is_none_or(|read| now.saturating_duration_since(read) >= REREAD);
            if is_unread || device.is_stale {
                device.read(ready, id, now).await;
            }
            let Some(link) = device.link.clone().filter(|_| !device.is_remembered) else {
                device.is_fresh = false;
                continue;
            };
            let heard = RadioEvent::Heard { link, advertisement: device.advertisement.clone() };
            if sender.try_send(heard).is_err() {
                // It is full: the rest comes with the next turn.
                return;
            }
            device.is_fresh = false;
            device.told_at = Some(now);
        }
    }
}

impl Device {
    fn new(now: Instant) -> Self {
        Self {
            link: None,
            advertisement: Advertisement::default(),
            heard_at: now,
            read_at: None,
            told_at: None,
            is_fresh: true,
            is_remembered: true,
            is_stale: true,
        }
    }

    /// Reads all that the system knows of the device. One that is gone meanwhile keeps what was known.
    async fn read(&mut self, ready: &ReadyAdapter, id: &PeripheralId, now: Instant) {
        self.read_at = Some(now);
        self.is_stale = false;
        let reading = async {
            let peripheral = ready.adapter.peripheral(id).await?;
            let properties = peripheral.properties().await?;
            Ok((id_of(&peripheral), properties))
        };
        let Ok((address, Some(properties))) = within(SERVICE_LIMIT, reading).await else { return };
        self.link = Some(LinkAddress::Ble(address));
        let name = properties.advertisement_name;
        // BlueZ makes a name up from the address where there is none; the others have only this one.
        let name = if cfg!(target_os = "linux") { name } else { name.or(properties.local_name) };
        let mut companies: Vec<u16> = properties.manufacturer_data.into_keys().collect();
        companies.sort_unstable();
        let mut service_data: Vec<_> = properties.service_data.into_iter().collect();
        service_data.sort();
        let rssi_dbm = properties.rssi.filter(|rssi| *rssi != NO_RSSI);
        // The system forgets the strength of what it does not hear.
        self.is_remembered &= rssi_dbm.is_none();
        self.advertisement = Advertisement {
            name: name.filter(|name| !name.is_empty()),
            rssi_dbm: rssi_dbm.or(self.advertisement.rssi_dbm),
            services: properties.services,
            service_data,
            state: None,
            companies,
            adapter: ready.name.clone(),
            is_simulated: false,
        };
    }
}
