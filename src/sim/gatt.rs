//! A simulated radio: devices that advertise, and connections to them that behave as a real link does. Notifications are
//! cut at the size of a packet, reads return the whole, a device that is connected falls silent on the air.
//!
//! A device is a state machine without I/O; this file gives it time and moves its values.

use std::sync::Arc;
use std::time::{Duration, Instant as StdInstant};

use tokio::sync::{Mutex, Notify, mpsc};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};
use uuid::Uuid;

use crate::flow::port::{BleError, Boxed, Characteristic, Gatt, GattEvent, GattLink, LinkError, Radio, RadioEvent};
use crate::model::gateway::Advertisement;
use crate::model::ids::LinkAddress;

/// Room in the channels of one link.
const CHANNEL: usize = 64;
/// How often each device is heard.
const HEARD_EVERY: Duration = Duration::from_millis(900);
/// How long one exchange with a device takes.
const EXCHANGE: Duration = Duration::from_millis(15);
/// How long a client looks for a device that is not there.
const LOOK_FOR: Duration = Duration::from_secs(20);
/// How long a client waits for an answer on the link before the link counts as broken.
const ATT_LIMIT: Duration = Duration::from_secs(10);
/// Octets of a value that a packet carries with the MTU that most systems agree on.
const USUAL_PAYLOAD: usize = 244;
/// Longest value a characteristic may have.
const LONGEST_VALUE: usize = 512;

/// What a simulated device does on a link by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GattEmission {
    /// It tells a value; the link cuts it.
    Notify {
        /// Whose value.
        characteristic: Uuid,
        /// The value.
        value: Vec<u8>,
    },
    /// It drops the link.
    Disconnect,
}

/// How a simulated device turns down an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttError {
    /// It has no such characteristic.
    NotFound,
    /// It wants to be paired first.
    NotPaired,
    /// It does not take a value of this length.
    TooLong,
    /// It refuses for a reason of its own.
    Refused,
    /// It does not answer; the link breaks after a while.
    Silent,
}

/// A simulated device with characteristics: values and times in, values out.
pub trait GattDevice: Send {
    /// What it advertises; `None` while it cannot be heard. The signal is made up by the radio.
    fn advertisement(&self) -> Option<Advertisement>;

    /// What it offers.
    fn characteristics(&self) -> Vec<Characteristic>;

    /// The name it gives a characteristic.
    fn label(&self, characteristic: Uuid) -> Option<String> {
        let _ = characteristic;
        None
    }

    /// Octets of a value that one packet carries: the MTU less three.
    fn payload_octets(&self) -> usize {
        USUAL_PAYLOAD
    }

    /// Whether it takes a value that is longer than a packet in one write.
    fn takes_long_writes(&self) -> bool {
        true
    }

    /// How long it takes to answer the write it took last.
    fn response_delay(&self) -> Duration {
        Duration::ZERO
    }

    /// A client connects. An error means that it cannot be reached.
    fn handle_connect(&mut self, now: StdInstant) -> Result<(), AttError> {
        let _ = now;
        Ok(())
    }

    /// The client is gone.
    fn handle_disconnect(&mut self, now: StdInstant) {
        let _ = now;
    }

    /// A client reads.
    fn handle_read(&mut self, characteristic: Uuid, now: StdInstant) -> Result<Vec<u8>, AttError>;

    /// A client writes.
    fn handle_write(&mut self, characteristic: Uuid, value: &[u8], now: StdInstant) -> Result<(), AttError>;

    /// A client wants to be told of changes.
    fn handle_subscribe(&mut self, characteristic: Uuid, now: StdInstant) -> Result<(), AttError> {
        let _ = (characteristic, now);
        Ok(())
    }

    /// When something is due next.
    fn poll_timeout(&self) -> Option<StdInstant>;

    /// What the device does by `now`, one thing a call.
    fn poll_emission(&mut self, now: StdInstant) -> Option<GattEmission>;
}

/// A device behind an address.
pub(super) struct GattPeer {
    pub(super) address: LinkAddress,
    slot: Arc<Mutex<Slot>>,
}

struct Slot {
    device: Box<dyn GattDevice>,
    /// Number of the connection that stands.
    connection: Option<u64>,
    /// Connections so far.
    count: u64,
}

impl GattPeer {
    pub(super) fn new(address: LinkAddress, device: Box<dyn GattDevice>) -> Self {
        Self { address, slot: Arc::new(Mutex::new(Slot { device, connection: None, count: 0 })) }
    }

    /// Connects to the device as a client would.
    pub(super) async fn connect(&self) -> Result<GattLink, LinkError> {
        let place = self.address.place().to_owned();
        let mut slot = self.slot.lock().await;
        if slot.connection.is_some() || slot.device.advertisement().is_none() {
            drop(slot);
            return Err(not_heard(place).await);
        }
        if slot.device.handle_connect(now()).is_err() {
            drop(slot);
            return Err(not_heard(place).await);
        }
        slot.count += 1;
        let number = slot.count;
        slot.connection = Some(number);
        let (characteristics, payload) = (slot.device.characteristics(), slot.device.payload_octets());
        drop(slot);
        sleep(EXCHANGE * 4).await;
        let (events_tx, events) = mpsc::channel(CHANNEL);
        let slot = Arc::clone(&self.slot);
        let wire = Arc::new(Wire { slot, number, changed: Notify::new(), over: Notify::new(), place });
        tokio::spawn(pump(Arc::clone(&wire), events_tx));
        Ok(GattLink { gatt: Arc::new(Connection { wire, characteristics, payload }), events })
    }
}

/// What a client is told after looking for a device in vain.
pub(super) async fn not_heard(device: String) -> LinkError {
    sleep(LOOK_FOR).await;
    BleError::NotHeard { device }.into()
}

fn now() -> StdInstant {
    Instant::now().into_std()
}

/// Both ends of one connection.
struct Wire {
    slot: Arc<Mutex<Slot>>,
    /// Which connection of the device this is.
    number: u64,
    /// The client did something: the device may want to answer.
    changed: Notify,
    /// The client ended the connection.
    over: Notify,
    place: String,
}

impl Wire {
    fn broken(&self) -> LinkError {
        BleError::Disconnected { device: self.place.clone() }.into()
    }

    async fn end(&self) {
        let mut slot = self.slot.lock().await;
        if slot.connection.take_if(|number| *number == self.number).is_some() {
            slot.device.handle_disconnect(now());
        }
    }

    /// One exchange: the time it takes, then what the device makes of it.
    async fn exchange<T>(
        &self,
        characteristic: Uuid,
        octets: usize,
        act: impl FnOnce(&mut dyn GattDevice) -> Result<T, AttError> + Send,
    ) -> Result<T, LinkError> {
        sleep(EXCHANGE).await;
        let result = {
            let mut slot = self.slot.lock().await;
            if slot.connection != Some(self.number) {
                return Err(self.broken());
            }
            act(slot.device.as_mut())
        };
        self.changed.notify_one();
        let device = self.place.clone();
        match result {
            Ok(value) => Ok(value),
            Err(AttError::NotFound) => Err(BleError::NoCharacteristic { device, characteristic }.into()),
            Err(AttError::NotPaired) => Err(BleError::NotPaired { device }.into()),
            Err(AttError::TooLong) => Err(BleError::TooLong { device, octets }.into()),
            Err(AttError::Refused) => Err(BleError::Failed { detail: "the device refused".into() }.into()),
            Err(AttError::Silent) => {
                sleep(ATT_LIMIT).await;
                self.end().await;
                self.changed.notify_one();
                Err(BleError::NoAnswer { device }.into())
            }
        }
    }
}

/// Lets a device talk until the client goes or the device drops the link.
async fn pump(wire: Arc<Wire>, events: mpsc::Sender<GattEvent>) {
    loop {
        let (emission, due) = {
            let mut slot = wire.slot.lock().await;
            if slot.connection != Some(wire.number) {
                drop(slot);
                // A client that is gone does not need to hear of it.
                let _ = events.send(GattEvent::Closed(wire.broken())).await;
                return;
            }
            let payload = slot.device.payload_octets();
            let emission = slot.device.poll_emission(now());
            (emission.map(|emission| cut(emission, payload)), slot.device.poll_timeout())
        };
        match emission {
            Some(GattEmission::Disconnect) => wire.end().await,
            Some(GattEmission::Notify { characteristic, value }) => {
                if events.send(GattEvent::Notified { characteristic, value }).await.is_err() {
                    return wire.end().await;
                }
            }
            None => {
                let timer = async {
                    match due {
                        Some(due) => sleep_until(due.into()).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    () = wire.changed.notified() => {}
                    () = wire.over.notified() => return wire.end().await,
                    () = events.closed() => return wire.end().await,
                    () = timer => {}
                }
            }
        }
    }
}

/// A link carries no more than a packet of what is told.
fn cut(emission: GattEmission, payload: usize) -> GattEmission {
    match emission {
        GattEmission::Notify { characteristic, mut value } => {
            value.truncate(payload);
            GattEmission::Notify { characteristic, value }
        }
        GattEmission::Disconnect => GattEmission::Disconnect,
    }
}

/// The client's end of a connection, with what was found out while it was set up.
struct Connection {
    wire: Arc<Wire>,
    characteristics: Vec<Characteristic>,
    payload: usize,
}

impl Gatt for Connection {
    fn characteristics(&self) -> Vec<Characteristic> {
        self.characteristics.clone()
    }

    fn label(&self, characteristic: Uuid) -> Boxed<'_, Result<Option<String>, LinkError>> {
        Box::pin(self.wire.exchange(characteristic, 0, move |device| Ok(device.label(characteristic))))
    }

    fn read(&self, characteristic: Uuid) -> Boxed<'_, Result<Vec<u8>, LinkError>> {
        Box::pin(self.wire.exchange(characteristic, 0, move |device| {
            let mut value = device.handle_read(characteristic, now())?;
            value.truncate(LONGEST_VALUE);
            Ok(value)
        }))
    }

    fn write(&self, characteristic: Uuid, value: Vec<u8>) -> Boxed<'_, Result<(), LinkError>> {
        let writing = self.wire.exchange(characteristic, value.len(), move |device| {
            let is_long = value.len() > device.payload_octets();
            if value.len() > LONGEST_VALUE || (is_long && !device.takes_long_writes()) {
                return Err(AttError::TooLong);
            }
            device.handle_write(characteristic, &value, now())?;
            Ok(device.response_delay())
        });
        Box::pin(async {
            sleep(writing.await?).await;
            Ok(())
        })
    }

    fn write_without_response(&self, characteristic: Uuid, value: Vec<u8>) -> Boxed<'_, Result<(), LinkError>> {
        Box::pin(self.wire.exchange(characteristic, value.len(), move |device| {
            if value.len() > device.payload_octets() {
                return Err(AttError::TooLong);
            }
            // Whatever the device makes of it, the client does not hear.
            let _ = device.handle_write(characteristic, &value, now());
            Ok(())
        }))
    }

    fn subscribe(&self, characteristic: Uuid) -> Boxed<'_, Result<(), LinkError>> {
        Box::pin(self.wire.exchange(characteristic, 0, move |device| device.handle_subscribe(characteristic, now())))
    }

    fn payload_octets(&self) -> usize {
        self.payload
    }

    fn disconnect(&self) -> Boxed<'_, ()> {
        Box::pin(async {
            self.wire.over.notify_one();
            self.wire.end().await;
        })
    }
}

/// Lets a radio hear devices until nobody listens.
pub(super) fn listen(peers: &[GattPeer]) -> Radio {
    let (events_tx, events) = mpsc::channel(CHANNEL.max(peers.len() * 2));
    let peers: Vec<_> = peers.iter().map(|peer| (peer.address.clone(), Arc::clone(&peer.slot))).collect();
    tokio::spawn(async move {
        let mut ticks = interval(HEARD_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut wander = Wander(0x9E37_79B9);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = events_tx.closed() => return,
            }
            for (number, (link, slot)) in peers.iter().enumerate() {
                let heard = {
                    let slot = slot.lock().await;
                    slot.device.advertisement().filter(|_| slot.connection.is_none())
                };
                let Some(heard) = heard else { continue };
                let rssi_dbm = Some(wander.around(number));
                let advertisement =
                    Advertisement { rssi_dbm, adapter: "simulated".into(), is_simulated: true, ..heard };
                if events_tx.send(RadioEvent::Heard { link: link.clone(), advertisement }).await.is_err() {
                    return;
                }
            }
        }
    });
    Radio { events }
}

/// Signals that wander as real ones do, the same in every run.
struct Wander(u32);

impl Wander {
    /// A signal of the device of that number: the first is nearest.
    fn around(&mut self, number: usize) -> i16 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        let sway = i16::try_from(self.0 % 11).unwrap_or_default() - 5;
        let place = i16::try_from(number.min(5)).unwrap_or_default() * 7;
        -48 - place + sway
    }
}
