//! The scan: what each device advertises, told at most twice a second, and why the scan ended.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream, SelectAll};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::BleLinks;
use super::system::{Ear, News, Sign};
use crate::flow::port::{BleError, Radio, RadioEvent};
use crate::model::gateway::Advertisement;
use crate::model::ids::LinkAddress;

/// Room for what was heard and not taken yet. What does not fit is told with the next turn.
const CHANNEL: usize = 512;
/// How often what was heard is told.
const TURN: Duration = Duration::from_millis(250);
/// How often one device is told at most.
const DEVICE_TURN: Duration = Duration::from_millis(500);
/// How often everything is read of all devices at most.
const READING: Duration = Duration::from_secs(1);
/// How old what was read of a device may be.
const REREAD: Duration = Duration::from_secs(5);
/// How often the adapters are asked whether they are still there.
const PULSE: Duration = Duration::from_secs(2);
/// Devices kept in mind. The one heard longest ago goes first: it is one of the addresses that change every few minutes.
const KEPT: usize = 1000;
/// A strength no radio measures: "not known".
const NO_RSSI: i16 = 127;

/// A device, and the adapter that hears it.
type Key = (usize, String);

/// Switches the scan of all adapters on.
pub(super) async fn watch(links: &BleLinks) -> Result<Radio, BleError> {
    let (system, adapters) = links.adapters().await?;
    let (mut ears, mut signs, mut failed) = (Vec::new(), SelectAll::new(), None);
    for ready in &adapters {
        match Ear::open(&system, ready).await {
            Ok((ear, told)) => {
                let number = ears.len();
                let remembered = stream::iter(ear.remembered().await);
                ears.push(ear);
                signs.push(remembered.chain(told).map(move |sign| (number, sign)).boxed());
            }
            Err(error) => failed = Some(error),
        }
    }
    if let (true, Some(error)) = (ears.is_empty(), failed) {
        return Err(error);
    }
    let (sender, events) = mpsc::channel(CHANNEL);
    tokio::spawn(run(links.clone(), ears, signs, sender));
    Ok(Radio { events })
}

async fn run(
    links: BleLinks,
    ears: Vec<Ear>,
    mut signs: SelectAll<BoxStream<'static, (usize, Sign)>>,
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
            sign = signs.next() => match sign {
                Some((ear, Sign::Heard(device, news))) => air.take((ear, device), Some(news)),
                Some((ear, Sign::Known(device))) => air.take((ear, device), None),
                Some((_, Sign::Off)) => if let Err(error) = check(&links, &ears).await {
                    break error;
                },
                None => break BleError::NoService { detail: "its events ended".into() },
            },
            _ = turn.tick() => air.tell(&ears, &sender).await,
            _ = pulse.tick() => if let Err(error) = check(&links, &ears).await {
                break error;
            },
        }
    };
    tracing::info!(error = %stopped, "the scan ended");
    links.forget().await;
    drop(ears);
    // Whoever asked may have gone; then nobody needs to know.
    let _ = sender.send(RadioEvent::Stopped(stopped.into())).await;
}

/// Whether any adapter still scans; otherwise what became of them.
async fn check(links: &BleLinks, ears: &[Ear]) -> Result<(), BleError> {
    for ear in ears {
        if ear.is_on().await {
            return Ok(());
        }
    }
    // Also said of adapters that are gone, or of a service that is: ask for those that are there.
    links.adapters().await.and(Err(BleError::NoAdapter))
}

/// What was heard of each device.
#[derive(Default)]
struct Air {
    devices: HashMap<Key, Device>,
    read_at: Option<Instant>,
}

struct Device {
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
    /// Takes in what was told of a device; without news it is merely known.
    fn take(&mut self, key: Key, news: Option<News>) {
        let now = Instant::now();
        if !self.devices.contains_key(&key) {
            self.make_room();
        }
        let device = self.devices.entry(key).or_insert_with(|| Device::new(now));
        device.heard_at = now;
        device.is_fresh = true;
        let Some(news) = news else {
            device.is_stale = true;
            return;
        };
        device.is_remembered = false;
        device.is_stale |= news.is_more;
        let known = &mut device.advertisement;
        if let Some(rssi_dbm) = news.rssi_dbm.filter(|rssi| *rssi != NO_RSSI) {
            known.rssi_dbm = Some(rssi_dbm);
        }
        if let Some(mut companies) = news.companies {
            companies.sort_unstable();
            known.companies = companies;
        }
        if let Some(mut service_data) = news.service_data {
            service_data.sort();
            known.service_data = service_data;
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

    /// Tells of the devices that something came in from.
    async fn tell(&mut self, ears: &[Ear], sender: &mpsc::Sender<RadioEvent>) {
        let now = Instant::now();
        let is_unread = |device: &Device| device.is_fresh && (device.is_stale || is_over(device.read_at, REREAD, now));
        if is_over(self.read_at, READING, now) && self.devices.values().any(is_unread) {
            self.read_at = Some(now);
            for (number, ear) in ears.iter().enumerate() {
                self.read(number, ear.read().await, now);
            }
        }
        // Those not told for the longest time first: where not all find room, each has its turn.
        let mut fresh: Vec<_> = self.devices.iter_mut().filter(|(_, device)| device.is_fresh).collect();
        fresh.sort_by_key(|(_, device)| device.told_at);
        for ((_, id), device) in fresh {
            if device.is_remembered {
                // Read, and not heard: nothing to tell until it is.
                device.is_fresh = device.read_at.is_none();
                continue;
            }
            if device.read_at.is_none() || !is_over(device.told_at, DEVICE_TURN, now) {
                continue;
            }
            let link = LinkAddress::Ble(id.clone());
            if sender.try_send(RadioEvent::Heard { link, advertisement: device.advertisement.clone() }).is_err() {
                // It is full: the rest comes with the next turn.
                return;
            }
            device.is_fresh = false;
            device.told_at = Some(now);
        }
    }

    /// Takes in what the system knows of the devices of one adapter.
    fn read(&mut self, number: usize, mut known: HashMap<String, Advertisement>, now: Instant) {
        for ((ear, id), device) in self.devices.iter_mut().filter(|((ear, _), _)| *ear == number) {
            debug_assert_eq!(*ear, number);
            device.read_at = Some(now);
            device.is_stale = false;
            // One that is gone meanwhile keeps what was known.
            let Some(mut advertisement) = known.remove(id) else { continue };
            advertisement.services.sort();
            advertisement.service_data.sort();
            advertisement.companies.sort_unstable();
            let rssi_dbm = advertisement.rssi_dbm.filter(|rssi| *rssi != NO_RSSI);
            // The system forgets the strength of what it does not hear.
            device.is_remembered &= rssi_dbm.is_none();
            let name = advertisement.name.filter(|name| !name.is_empty());
            let rssi_dbm = rssi_dbm.or(device.advertisement.rssi_dbm);
            device.advertisement = Advertisement { name, rssi_dbm, ..advertisement };
        }
    }
}

fn is_over(then: Option<Instant>, limit: Duration, now: Instant) -> bool {
    then.is_none_or(|then| now.saturating_duration_since(then) >= limit)
}

impl Device {
    fn new(now: Instant) -> Self {
        Self {
            advertisement: Advertisement::default(),
            heard_at: now,
            read_at: None,
            told_at: None,
            is_fresh: true,
            is_remembered: true,
            is_stale: true,
        }
    }
}
