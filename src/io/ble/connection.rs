//! One connection: standing it up, reading, writing, what comes in by itself, and its end.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use btleplug::api::{CharPropFlags, WriteType};
use futures_util::StreamExt as _;
use futures_util::stream::{BoxStream, SelectAll};
use tokio::runtime::Handle;
use tokio::sync::{OwnedMutexGuard, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, interval_at, sleep, sleep_until, timeout};
use uuid::Uuid;

use super::system::{Device, Ear, Offered, Sign, Signs, System, Turn, Turns, Value};
use super::{BleLinks, ReadyAdapter, SERVICE_LIMIT, explain, within};
use crate::flow::port::{BleError, Boxed, Characteristic, Gatt, GattEvent, GattLink, LinkError};

/// How long a device that is not known yet is listened for.
const HEAR_LIMIT: Duration = Duration::from_secs(10);
/// How often it is looked for meanwhile, whether or not it was heard.
const LOOK: Duration = Duration::from_secs(1);
/// How long the connection may take to stand.
const CONNECT_LIMIT: Duration = Duration::from_secs(20);
/// How long the device may take to tell what it offers, after that.
const SERVICES_LIMIT: Duration = Duration::from_secs(30);
/// How long a read or write may take.
const VALUE_LIMIT: Duration = Duration::from_secs(10);
/// How long the first one may take: it may begin a pairing, and somebody may have to agree to that.
const FIRST_LIMIT: Duration = Duration::from_secs(20);
/// How often the system is asked meanwhile whether the device is paired by now.
const PAIRING_LOOK: Duration = Duration::from_millis(500);
/// How long the answer may take once it is.
const AFTER_PAIRING: Duration = Duration::from_secs(3);
/// How long whoever ends a connection waits for it. The end itself takes two to four seconds and goes on behind.
const FAREWELL: Duration = Duration::from_millis(400);
/// How long the end may take before the next connection to the device is let through.
const END_LIMIT: Duration = Duration::from_secs(8);
/// How often the system is asked whether the connection still stands.
const PULSE: Duration = Duration::from_secs(3);
/// Room for what came in and was not taken yet.
const CHANNEL: usize = 64;
/// Octets of a write or notification that every device takes.
const LEAST_PAYLOAD: usize = 20;
/// What a packet carries beside the value.
const PACKET_HEAD: usize = 3;

/// Connects, and finds out what the device offers.
pub(super) async fn connect(links: &BleLinks, device: &str) -> Result<GattLink, BleError> {
    let guard = links.take(device).await?;
    let (system, adapters) = links.adapters().await?;
    let peripheral = find(&system, &adapters, device).await?;
    // Before the connection is asked for: what happens to it is told here and nowhere else.
    let mut turns = within(SERVICE_LIMIT, peripheral.turns()).await.map_err(|error| explain(&error, ""))?;
    let hold = Arc::new(Hold::new(device, peripheral.clone(), guard));
    let offered = stand_up(&peripheral, &mut turns, device).await?;
    let values = within(SERVICE_LIMIT, peripheral.values(&offered)).await.map_err(|error| explain(&error, device))?;
    let (closed, is_closed) = watch::channel(None);
    let (events, event_rx) = mpsc::channel(CHANNEL);
    let pump = Pump { hold: Arc::clone(&hold), turns, values, events, closed };
    tokio::spawn(pump.run());
    let gatt = Connection {
        hold,
        offered,
        is_closed,
        has_answered: AtomicBool::new(false),
        is_settled: AtomicBool::new(false),
    };
    Ok(GattLink { gatt: Arc::new(gatt), events: event_rx })
}

/// The device, as an object that carries nothing over from connections before.
async fn find(system: &System, adapters: &[ReadyAdapter], device: &str) -> Result<Device, BleError> {
    if let Some(found) = among(system, adapters, device, Wanted::HeardOrConnected).await? {
        return Ok(found);
    }
    let (mut ears, mut signs) = (Vec::new(), SelectAll::new());
    for ready in adapters {
        let (ear, told) = Ear::open(system, ready).await?;
        ears.push(ear);
        signs.push(told);
    }
    let mut look = interval_at(Instant::now() + LOOK, LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let heard = timeout(HEAR_LIMIT, async {
        loop {
            tokio::select! {
                _ = look.tick() => {}
                // Looked up at once: on a slow computer each question to the service counts.
                () = heard(&mut signs, device) => {}
            }
            if let Some(found) = among(system, adapters, device, Wanted::HeardOrConnected).await? {
                return Ok(found);
            }
        }
    })
    .await;
    drop(ears);
    match heard {
        Ok(found) => found,
        // A system that tells no strength: what it knows is tried.
        Err(_) if cfg!(not(target_os = "linux")) => {
            let known = among(system, adapters, device, Wanted::Known).await?;
            known.ok_or_else(|| BleError::NotHeard { device: device.to_owned() })
        }
        Err(_) => Err(BleError::NotHeard { device: device.to_owned() }),
    }
}

/// Waits until a sign of the device comes.
async fn heard(signs: &mut SelectAll<Signs>, device: &str) {
    loop {
        match signs.next().await {
            Some(Sign::Known(id) | Sign::Heard(id, _)) if id == device => return,
            Some(_) => {}
            // The events ended; that it is gone shows when it is looked for.
            None => std::future::pending().await,
        }
    }
}

/// Which devices of the system's list count.
#[derive(Clone, Copy, PartialEq)]
enum Wanted {
    HeardOrConnected,
    Known,
}

async fn among(
    system: &System,
    adapters: &[ReadyAdapter],
    device: &str,
    wanted: Wanted,
) -> Result<Option<Device>, BleError> {
    for ready in adapters {
        let known = within(SERVICE_LIMIT, system.look_up(ready, device)).await.map_err(|error| explain(&error, ""))?;
        if let Some((found, is_there)) = known
            && (is_there || wanted == Wanted::Known)
        {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Waits until the connection stands and the services are known, or for the reason why not.
async fn stand_up(peripheral: &Device, turns: &mut Turns, device: &str) -> Result<Vec<Offered>, BleError> {
    let name = || device.to_owned();
    let mut deadline = Instant::now() + CONNECT_LIMIT;
    let mut has_stood = false;
    {
        // On Linux this waits for the services as well.
        let mut connecting = pin!(peripheral.connect());
        loop {
            tokio::select! {
                connected = &mut connecting => match connected {
                    Ok(()) => break,
                    Err(error) => return Err(not_connected(&error, device, has_stood)),
                },
                () = sleep_until(deadline) => {
                    return Err(if has_stood { BleError::NoServices { device: name() } } else { BleError::NotConnected { device: name() } });
                }
                turn = turns.next() => match turn {
                    Some(Turn::Up) if !has_stood => {
                        has_stood = true;
                        deadline = Instant::now() + SERVICES_LIMIT;
                    }
                    Some(Turn::Down) if has_stood => return Err(BleError::Disconnected { device: name() }),
                    Some(Turn::Off) => return Err(BleError::PoweredOff { off: super::fault::what_keeps_it_off() }),
                    Some(Turn::Up | Turn::Down) => {}
                    None => return Err(BleError::NoService { detail: "its events ended".into() }),
                },
            }
        }
    }
    match within(SERVICES_LIMIT, peripheral.offers()).await {
        Ok(offered) => Ok(offered),
        Err(btleplug::Error::TimedOut(_)) => Err(BleError::NoServices { device: name() }),
        Err(error) => Err(explain(&error, device)),
    }
}

/// What a refused connection means: services are asked for in the same call.
fn not_connected(error: &btleplug::Error, device: &str, has_stood: bool) -> BleError {
    match explain(error, device) {
        BleError::Disconnected { device } if !has_stood => BleError::NotHeard { device },
        BleError::NoAnswer { device } if has_stood => BleError::NoServices { device },
        BleError::NoAnswer { device } => BleError::NotConnected { device },
        // BlueZ names what ended the attempt in words of the kernel.
        BleError::Failed { detail } if detail.contains("abort") || detail.contains("timeout") => {
            BleError::NotConnected { device: device.to_owned() }
        }
        other => other,
    }
}

/// What keeps the connection: both parts of a link hold it, and the last one to go ends it.
struct Hold {
    device: String,
    peripheral: Device,
    runtime: Handle,
    /// Keeps the next connection to this device waiting. Taken when the end begins.
    guard: Mutex<Option<OwnedMutexGuard<()>>>,
}

impl Hold {
    fn new(device: &str, peripheral: Device, guard: OwnedMutexGuard<()>) -> Self {
        Self { device: device.to_owned(), peripheral, runtime: Handle::current(), guard: Mutex::new(Some(guard)) }
    }

    /// Begins the end, once.
    fn release(&self) -> Option<JoinHandle<()>> {
        let guard = self.guard.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let (peripheral, device) = (self.peripheral.clone(), self.device.clone());
        Some(self.runtime.spawn(async move {
            if let Err(error) = within(END_LIMIT, peripheral.disconnect()).await {
                tracing::debug!(device, %error, "the connection was not ended in an orderly way");
            }
            drop(guard);
        }))
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        // Its end goes on by itself.
        drop(self.release());
    }
}

/// Moves what comes in, and notices the end.
struct Pump {
    hold: Arc<Hold>,
    turns: Turns,
    values: BoxStream<'static, Value>,
    events: mpsc::Sender<GattEvent>,
    closed: watch::Sender<Option<BleError>>,
}

impl Pump {
    async fn run(mut self) {
        let Some(error) = self.until_closed().await else { return };
        tracing::info!(device = self.hold.device, %error, "connection ended");
        self.closed.send_replace(Some(error.clone()));
        // The next connection need not wait until whoever held this one lets go of what is left of it.
        drop(self.hold.release());
        // Whoever listened may have gone.
        let _ = self.events.send(GattEvent::Closed(error.into())).await;
    }

    /// Why the connection is gone; `None` when nobody listens any more.
    async fn until_closed(&mut self) -> Option<BleError> {
        let device = self.hold.device.clone();
        let gone = || BleError::Disconnected { device: device.clone() };
        let mut pulse = interval(PULSE);
        pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                // Values first: those that came before the end are still told.
                biased;
                value = self.values.next() => {
                    let Some(value) = value else { return Some(gone()) };
                    let notified = GattEvent::Notified { characteristic: value.uuid, value: value.value };
                    // A listener that does not keep up holds the stream back, not the adapter.
                    if self.events.send(notified).await.is_err() {
                        return None;
                    }
                }
                () = self.events.closed() => return None,
                turn = self.turns.next() => match turn {
                    Some(Turn::Up) => {}
                    Some(Turn::Off) => {
                        return Some(BleError::PoweredOff { off: super::fault::what_keeps_it_off() });
                    }
                    Some(Turn::Down) | None => return Some(gone()),
                },
                _ = pulse.tick() => {
                    // An adapter that is unplugged and a service that ends tell nobody.
                    match within(SERVICE_LIMIT, self.hold.peripheral.is_connected()).await {
                        Ok(true) => {}
                        Ok(false) => return Some(gone()),
                        Err(error) => return Some(match explain(&error, &device) {
                            BleError::NoAnswer { .. } => BleError::NoService { detail: error.to_string() },
                            other => other,
                        }),
                    }
                }
            }
        }
    }
}

/// What can be done on a connection.
struct Connection {
    hold: Arc<Hold>,
    offered: Vec<Offered>,
    is_closed: watch::Receiver<Option<BleError>>,
    /// A read or write was answered on this connection. Before that one may begin a pairing.
    has_answered: AtomicBool,
    /// An answer came after the pairing: it swallowed nothing.
    is_settled: AtomicBool,
}

impl Connection {
    fn find(&self, uuid: Uuid) -> Result<&Offered, BleError> {
        let found = self.offered.iter().find(|offered| offered.uuid == uuid);
        let device = || self.hold.device.clone();
        found.ok_or_else(|| BleError::NoCharacteristic { device: device(), characteristic: uuid })
    }

    /// A call within its limit. The end of the connection ends it at once, and so does a pairing that swallowed it.
    async fn call<T>(&self, call: impl Future<Output = btleplug::Result<T>> + Send) -> Result<T, BleError> {
        let mut is_closed = self.is_closed.clone();
        let limit = if self.has_answered.load(Ordering::Relaxed) { VALUE_LIMIT } else { FIRST_LIMIT };
        let began = Instant::now();
        let answer = tokio::select! {
            answer = within(limit, call) => answer.map_err(|error| explain(&error, &self.hold.device)),
            error = until_closed(&mut is_closed) => Err(error),
            () = self.until_swallowed(), if !self.is_settled.load(Ordering::Relaxed) => {
                Err(BleError::LostToPairing { device: self.hold.device.clone() })
            }
        };
        // An answer that took so long may have waited for a pairing: then no other one is to come.
        if answer.is_ok() && began.elapsed() >= PAIRING_LOOK && self.is_newly_paired().await {
            self.is_settled.store(true, Ordering::Relaxed);
        }
        answer
    }

    /// Waits until the device became paired on this connection and did not answer all the same. The system keeps the request
    /// that began the pairing, and joins every further one to it: only another connection asks anew.
    async fn until_swallowed(&self) {
        loop {
            sleep(PAIRING_LOOK).await;
            if self.is_newly_paired().await {
                return sleep(AFTER_PAIRING).await;
            }
        }
    }

    /// Whether the device was not paired before, and is now.
    async fn is_newly_paired(&self) -> bool {
        within(SERVICE_LIMIT, self.hold.peripheral.is_newly_paired()).await.unwrap_or_default()
    }

    async fn read_value(&self, uuid: Uuid) -> Result<Vec<u8>, BleError> {
        let characteristic = self.find(uuid)?;
        let answer = self.call(self.hold.peripheral.read(characteristic)).await;
        self.has_answered.fetch_or(answer.is_ok(), Ordering::Relaxed);
        answer
    }

    async fn write_value(&self, uuid: Uuid, value: Vec<u8>, kind: WriteType) -> Result<(), BleError> {
        let characteristic = self.find(uuid)?;
        let octets = value.len();
        let answer = self.call(self.hold.peripheral.write(characteristic, &value, kind)).await;
        self.has_answered.fetch_or(answer.is_ok(), Ordering::Relaxed);
        match answer {
            Err(BleError::TooLong { device, .. }) => Err(BleError::TooLong { device, octets }),
            answer => answer,
        }
    }

    async fn read_label(&self, uuid: Uuid) -> Result<Option<String>, BleError> {
        let Some(label) = self.call(self.hold.peripheral.label(self.find(uuid)?)).await? else { return Ok(None) };
        let label = String::from_utf8_lossy(&label).trim_end_matches('\0').to_owned();
        Ok(Some(label).filter(|label| !label.is_empty()))
    }
}

/// Waits for the end of the connection.
async fn until_closed(is_closed: &mut watch::Receiver<Option<BleError>>) -> BleError {
    match is_closed.wait_for(Option::is_some).await.map(|error| error.clone()) {
        Ok(Some(error)) => error,
        // Nobody listens to the connection any more: it still answers, and its limits hold.
        Ok(None) | Err(_) => std::future::pending().await,
    }
}

impl Gatt for Connection {
    fn characteristics(&self) -> Vec<Characteristic> {
        let can = |flags: CharPropFlags, wanted| flags.intersects(wanted);
        let describe = |found: &Offered| Characteristic {
            service: found.service,
            uuid: found.uuid,
            can_read: can(found.can, CharPropFlags::READ),
            can_write: can(found.can, CharPropFlags::WRITE),
            can_write_without_response: can(found.can, CharPropFlags::WRITE_WITHOUT_RESPONSE),
            can_notify: can(found.can, CharPropFlags::NOTIFY | CharPropFlags::INDICATE),
        };
        self.offered.iter().map(describe).collect()
    }

    fn label(&self, characteristic: Uuid) -> Boxed<'_, Result<Option<String>, LinkError>> {
        Box::pin(async move { Ok(self.read_label(characteristic).await?) })
    }

    fn read(&self, characteristic: Uuid) -> Boxed<'_, Result<Vec<u8>, LinkError>> {
        Box::pin(async move { Ok(self.read_value(characteristic).await?) })
    }

    fn write(&self, characteristic: Uuid, value: Vec<u8>) -> Boxed<'_, Result<(), LinkError>> {
        Box::pin(async move { Ok(self.write_value(characteristic, value, WriteType::WithResponse).await?) })
    }

    fn write_without_response(&self, characteristic: Uuid, value: Vec<u8>) -> Boxed<'_, Result<(), LinkError>> {
        Box::pin(async move { Ok(self.write_value(characteristic, value, WriteType::WithoutResponse).await?) })
    }

    fn subscribe(&self, characteristic: Uuid) -> Boxed<'_, Result<(), LinkError>> {
        Box::pin(async move {
            let found = self.find(characteristic)?;
            Ok(self.call(self.hold.peripheral.subscribe(found)).await?)
        })
    }

    fn payload_octets(&self) -> usize {
        usize::from(self.hold.peripheral.mtu(&self.offered)).saturating_sub(PACKET_HEAD).max(LEAST_PAYLOAD)
    }

    fn disconnect(&self) -> Boxed<'_, ()> {
        Box::pin(async move {
            if let Some(ending) = self.hold.release() {
                // What is not done by then goes on behind.
                let _ = timeout(FAREWELL, ending).await;
            }
        })
    }
}
