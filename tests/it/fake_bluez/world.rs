//! What is on the fake air: adapters, devices, and how each characteristic behaves.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::bus::Bus;
use super::service::{self, Radio};

/// What the service answers to a call.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// The value; for a write, any value means that it was taken.
    Value(Vec<u8>),
    /// An error by its name after `org.bluez.Error.` (a name with a dot is taken as it is), and its message.
    Error(&'static str, &'static str),
    /// Nothing, ever.
    Never,
    /// That, a while later.
    After(Duration, Box<Answer>),
}

impl Answer {
    /// What a write is answered with.
    pub(crate) fn taken() -> Self {
        Self::Value(Vec::new())
    }
}

/// A device as its own closures see it.
pub(crate) struct Peer<'a> {
    pub(crate) radio: &'a Radio,
    pub(crate) address: &'a str,
}

impl Peer<'_> {
    /// Sends a value by itself, cut to what the link carries.
    pub(crate) fn notify(&self, characteristic: Uuid, value: &[u8]) {
        self.radio.notify(self.address, characteristic, value);
    }

    /// The computer and the device are paired.
    pub(crate) fn pair(&self) {
        self.radio.pair(self.address);
    }

    /// Breaks the connection.
    pub(crate) fn drop_link(&self) {
        self.radio.drop_link(self.address);
    }
}

type OnRead = Arc<dyn Fn(&Peer<'_>) -> Answer + Send + Sync>;
type OnWrite = Arc<dyn Fn(&Peer<'_>, Vec<u8>) -> Answer + Send + Sync>;

/// A characteristic of a fake device.
#[derive(Clone)]
pub(crate) struct FakeCharacteristic {
    pub(super) uuid: Uuid,
    pub(super) flags: Vec<String>,
    pub(super) label: Option<String>,
    pub(super) on_read: OnRead,
    pub(super) on_write: OnWrite,
    pub(super) on_subscribe: OnRead,
}

impl FakeCharacteristic {
    /// One with these flags, in BlueZ's words: `read`, `write`, `write-without-response`, `notify`, `indicate`.
    pub(crate) fn new(uuid: Uuid, flags: &[&str]) -> Self {
        Self {
            uuid,
            flags: flags.iter().map(ToString::to_string).collect(),
            label: None,
            on_read: Arc::new(|_| Answer::Value(Vec::new())),
            on_write: Arc::new(|_, _| Answer::taken()),
            on_subscribe: Arc::new(|_| Answer::taken()),
        }
    }

    /// What it answers to a read.
    pub(crate) fn on_read(mut self, answer: impl Fn(&Peer<'_>) -> Answer + Send + Sync + 'static) -> Self {
        self.on_read = Arc::new(answer);
        self
    }

    /// What it does with a write.
    pub(crate) fn on_write(mut self, answer: impl Fn(&Peer<'_>, Vec<u8>) -> Answer + Send + Sync + 'static) -> Self {
        self.on_write = Arc::new(answer);
        self
    }

    /// What it answers when its values are asked for.
    pub(crate) fn on_subscribe(mut self, answer: impl Fn(&Peer<'_>) -> Answer + Send + Sync + 'static) -> Self {
        self.on_subscribe = Arc::new(answer);
        self
    }

    /// Its name (descriptor 2901).
    pub(crate) fn label(mut self, label: &str) -> Self {
        self.label = Some(label.to_owned());
        self
    }
}

/// A fake device.
#[derive(Clone)]
pub(crate) struct FakeDevice {
    pub(super) address: String,
    pub(super) name: Option<String>,
    pub(super) rssi: Option<i16>,
    pub(super) uuids: Vec<Uuid>,
    pub(super) service_data: BTreeMap<Uuid, Vec<u8>>,
    pub(super) manufacturer_data: BTreeMap<u16, Vec<u8>>,
    pub(super) services: Vec<(Uuid, Vec<FakeCharacteristic>)>,
    pub(super) mtu: Option<u16>,
    pub(super) missing: Vec<&'static str>,
    pub(super) on_connect: OnRead,
    pub(super) on_disconnect: OnRead,
    pub(super) tells_services: bool,
    pub(super) tells_services_first: bool,
}

impl FakeDevice {
    /// One that is heard at −60 dBm and offers nothing.
    pub(crate) fn new(address: &str) -> Self {
        Self {
            address: address.to_owned(),
            name: None,
            rssi: Some(-60),
            uuids: Vec::new(),
            service_data: BTreeMap::new(),
            manufacturer_data: BTreeMap::new(),
            services: Vec::new(),
            mtu: Some(247),
            missing: Vec::new(),
            on_connect: Arc::new(|_| Answer::taken()),
            on_disconnect: Arc::new(|_| Answer::taken()),
            tells_services: true,
            tells_services_first: false,
        }
    }

    /// The name it advertises.
    pub(crate) fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// How strongly it is heard.
    pub(crate) fn rssi(mut self, rssi: i16) -> Self {
        self.rssi = Some(rssi);
        self
    }

    /// It is remembered from earlier, and not heard.
    pub(crate) fn only_remembered(mut self) -> Self {
        self.rssi = None;
        self
    }

    /// A service it advertises.
    pub(crate) fn advertises(mut self, service: Uuid) -> Self {
        self.uuids.push(service);
        self
    }

    /// Data of a service it advertises.
    pub(crate) fn service_data(mut self, service: Uuid, data: &[u8]) -> Self {
        self.service_data.insert(service, data.to_vec());
        self
    }

    /// Manufacturer data it advertises.
    pub(crate) fn manufacturer_data(mut self, company: u16, data: &[u8]) -> Self {
        self.manufacturer_data.insert(company, data.to_vec());
        self
    }

    /// A service it has, once connected.
    pub(crate) fn service(
        mut self,
        service: Uuid,
        characteristics: impl IntoIterator<Item = FakeCharacteristic>,
    ) -> Self {
        self.services.push((service, characteristics.into_iter().collect()));
        self
    }

    /// The size of its packets; `None` is not told.
    pub(crate) fn mtu(mut self, mtu: impl Into<Option<u16>>) -> Self {
        self.mtu = mtu.into();
        self
    }

    /// A property that BlueZ would tell and this one does not.
    pub(crate) fn without(mut self, property: &'static str) -> Self {
        self.missing.push(property);
        self
    }

    /// What it answers to being connected. An error or silence leaves it unconnected.
    pub(crate) fn on_connect(mut self, answer: impl Fn(&Peer<'_>) -> Answer + Send + Sync + 'static) -> Self {
        self.on_connect = Arc::new(answer);
        self
    }

    /// What it answers to being disconnected.
    pub(crate) fn on_disconnect(mut self, answer: impl Fn(&Peer<'_>) -> Answer + Send + Sync + 'static) -> Self {
        self.on_disconnect = Arc::new(answer);
        self
    }

    /// It never tells its services.
    pub(crate) fn hides_services(mut self) -> Self {
        self.tells_services = false;
        self
    }

    /// `ServicesResolved` comes before `Connected`.
    pub(crate) fn tells_services_first(mut self) -> Self {
        self.tells_services_first = true;
        self
    }
}

/// What the fake service starts with.
pub(crate) struct FakeBluez {
    pub(super) adapters: Vec<(String, bool)>,
    pub(super) devices: Vec<FakeDevice>,
    pub(super) heard_on_scan: Vec<FakeDevice>,
    pub(super) on_scan: Option<Answer>,
}

impl FakeBluez {
    /// One adapter, `hci0`, switched on, and nothing on the air.
    pub(crate) fn new() -> Self {
        Self { adapters: vec![("hci0".into(), true)], devices: Vec::new(), heard_on_scan: Vec::new(), on_scan: None }
    }

    /// No adapter.
    pub(crate) fn without_adapter() -> Self {
        Self { adapters: Vec::new(), ..Self::new() }
    }

    /// The adapter is switched off.
    pub(crate) fn powered_off() -> Self {
        Self { adapters: vec![("hci0".into(), false)], ..Self::new() }
    }

    /// A device the service knows from the start.
    pub(crate) fn device(mut self, device: FakeDevice) -> Self {
        self.devices.push(device);
        self
    }

    /// A device that is heard once a scan runs.
    pub(crate) fn heard_on_scan(mut self, device: FakeDevice) -> Self {
        self.heard_on_scan.push(device);
        self
    }

    /// What is answered to a scan, instead of starting it.
    pub(crate) fn on_scan(mut self, answer: Answer) -> Self {
        self.on_scan = Some(answer);
        self
    }

    /// Takes the name `org.bluez` on the bus. Call it inside a tokio runtime.
    pub(crate) fn start(self, bus: &Bus) -> Radio {
        service::start(self, &bus.address)
    }
}
