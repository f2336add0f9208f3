//! The fake service on the bus: answers the calls of BlueZ's interfaces, and sends its signals.

use std::collections::{BTreeMap, HashMap};
use std::ffi::CString;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use dbus::arg::{PropMap, RefArg, Variant};
use dbus::channel::{Channel, MatchingReceiver as _, Sender as _};
use dbus::message::MatchRule;
use dbus::message::SignalArgs as _;
use dbus::nonblock::stdintf::org_freedesktop_dbus::{
    ObjectManagerInterfacesAdded, ObjectManagerInterfacesRemoved, PropertiesPropertiesChanged,
};
use dbus::nonblock::{Proxy, SyncConnection};
use dbus::{Message, Path};
use uuid::Uuid;

use super::world::{Answer, FakeBluez, FakeCharacteristic, FakeDevice, Peer};

const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
const ADAPTER: &str = "org.bluez.Adapter1";
const DEVICE: &str = "org.bluez.Device1";
const SERVICE: &str = "org.bluez.GattService1";
const CHARACTERISTIC: &str = "org.bluez.GattCharacteristic1";
const DESCRIPTOR: &str = "org.bluez.GattDescriptor1";
const USER_DESCRIPTION: &str = "00002901-0000-1000-8000-00805f9b34fb";

/// The interfaces of one object.
type Object = HashMap<String, PropMap>;

/// The running service. Clones share it.
#[derive(Clone)]
pub(crate) struct Radio {
    connection: Arc<SyncConnection>,
    world: Arc<Mutex<World>>,
}

struct World {
    adapters: BTreeMap<String, Adapter>,
    devices: BTreeMap<String, Device>,
    heard_on_scan: Vec<FakeDevice>,
    on_scan: Option<Answer>,
    calls: Vec<String>,
}

struct Adapter {
    is_powered: bool,
    is_discovering: bool,
}

struct Device {
    plan: FakeDevice,
    is_connected: bool,
    is_paired: bool,
    is_resolved: bool,
}

/// Takes the name on the bus.
pub(super) fn start(plan: FakeBluez, address: &str) -> Radio {
    let mut channel = Channel::open_private(address).unwrap();
    channel.register().unwrap();
    let (resource, connection) = dbus_tokio::connection::from_channel::<SyncConnection>(channel).unwrap();
    tokio::spawn(async move {
        // Ends with the bus, which some tests take away.
        let _ = resource.await;
    });
    let adapter = |is_powered| Adapter { is_powered, is_discovering: false };
    let device = |plan: FakeDevice| {
        (plan.address.clone(), Device { plan, is_connected: false, is_paired: false, is_resolved: false })
    };
    let world = World {
        adapters: plan.adapters.into_iter().map(|(name, is_powered)| (name, adapter(is_powered))).collect(),
        devices: plan.devices.into_iter().map(device).collect(),
        heard_on_scan: plan.heard_on_scan,
        on_scan: plan.on_scan,
        calls: Vec::new(),
    };
    let radio = Radio { connection: Arc::clone(&connection), world: Arc::new(Mutex::new(world)) };
    let service = radio.clone();
    connection.start_receive(
        MatchRule::new_method_call(),
        Box::new(move |message, _| {
            service.clone().take(message);
            true
        }),
    );
    // The bus keeps the order of what one client sends: whoever calls after this finds the name taken.
    let naming = Message::method_call(
        &"org.freedesktop.DBus".into(),
        &"/org/freedesktop/DBus".into(),
        &"org.freedesktop.DBus".into(),
        &"RequestName".into(),
    );
    radio.connection.send(naming.append2("org.bluez", 4u32)).unwrap();
    radio
}

impl Radio {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// Waits until the name is taken: for clients on other connections.
    pub(crate) async fn ready(&self) {
        let bus = Proxy::new(
            "org.freedesktop.DBus",
            "/org/freedesktop/DBus",
            Duration::from_secs(10),
            Arc::clone(&self.connection),
        );
        let (has_owner,): (bool,) =
            bus.method_call("org.freedesktop.DBus", "NameHasOwner", ("org.bluez",)).await.unwrap();
        assert!(has_owner, "the name org.bluez is not ours");
    }

    /// The calls so far: `Connect C4:4F:33:00:12:AF`, `StartDiscovery hci0`.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.world().calls.clone()
    }

    /// Whether the adapter scans.
    pub(crate) fn is_scanning(&self) -> bool {
        self.world().adapters.values().any(|adapter| adapter.is_discovering)
    }

    /// The device is paired from here on.
    pub(crate) fn pair(&self, address: &str) {
        if let Some(device) = self.world().devices.get_mut(address) {
            device.is_paired = true;
        }
    }

    /// Whether the device is connected.
    pub(crate) fn is_connected(&self, address: &str) -> bool {
        self.world().devices.get(address).is_some_and(|device| device.is_connected)
    }

    /// A device comes into range, or is heard with other contents.
    pub(crate) fn hear(&self, plan: FakeDevice) {
        let address = plan.address.clone();
        let is_new = {
            let mut world = self.world();
            let is_new = !world.devices.contains_key(&address);
            let device = world.devices.entry(address.clone()).or_insert(Device {
                plan: plan.clone(),
                is_connected: false,
                is_paired: false,
                is_resolved: false,
            });
            device.plan = plan;
            is_new
        };
        if is_new {
            self.announce(&device_path(&address));
            return;
        }
        let changed = {
            let world = self.world();
            let mut properties = device_properties(&world.devices[&address]);
            properties.retain(|name, _| matches!(name.as_str(), "RSSI" | "ManufacturerData" | "ServiceData"));
            properties
        };
        self.changed(&device_path(&address), DEVICE, changed);
    }

    /// A device is heard again, this strongly.
    pub(crate) fn rssi(&self, address: &str, rssi: i16) {
        if let Some(device) = self.world().devices.get_mut(address) {
            device.plan.rssi = Some(rssi);
        }
        self.changed(&device_path(address), DEVICE, PropMap::from([property("RSSI", rssi)]));
    }

    /// The service forgets a device.
    pub(crate) fn forget(&self, address: &str) {
        self.world().devices.remove(address);
        self.removed(&device_path(address), &[DEVICE, PROPERTIES]);
    }

    /// The adapter is switched on or off.
    pub(crate) fn power(&self, is_powered: bool) {
        for (name, adapter) in &mut self.world().adapters {
            adapter.is_powered = is_powered;
            adapter.is_discovering &= is_powered;
            self.changed(&format!("/org/bluez/{name}"), ADAPTER, PropMap::from([property("Powered", is_powered)]));
        }
    }

    /// The adapter is unplugged: it and everything behind it is gone at once.
    pub(crate) fn unplug(&self) {
        let (adapters, devices) = {
            let mut world = self.world();
            (std::mem::take(&mut world.adapters), std::mem::take(&mut world.devices))
        };
        for address in devices.keys() {
            self.removed(&device_path(address), &[DEVICE, PROPERTIES]);
        }
        for name in adapters.keys() {
            self.removed(&format!("/org/bluez/{name}"), &[ADAPTER, PROPERTIES]);
        }
    }

    /// Breaks the connection to a device.
    pub(crate) fn drop_link(&self, address: &str) {
        self.set_connected(address, false);
    }

    /// A device sends a value by itself, cut to what the link carries.
    pub(crate) fn notify(&self, address: &str, characteristic: Uuid, value: &[u8]) {
        let found = {
            let world = self.world();
            let device = world.devices.get(address).filter(|device| device.is_connected);
            device.and_then(|device| {
                let room = usize::from(device.plan.mtu.unwrap_or(23)).saturating_sub(3);
                let path = objects_of(device).into_iter().find_map(|(path, object)| {
                    let properties = object.get(CHARACTERISTIC)?;
                    let uuid = properties.get("UUID")?.0.as_str()?.to_owned();
                    (uuid == characteristic.to_string()).then_some(path)
                })?;
                Some((path, value[..value.len().min(room)].to_vec()))
            })
        };
        if let Some((path, value)) = found {
            self.changed(&path, CHARACTERISTIC, PropMap::from([property("Value", value)]));
        }
    }

    fn set_connected(&self, address: &str, is_connected: bool) {
        let (told, is_first, objects) = {
            let mut world = self.world();
            let Some(device) = world.devices.get_mut(address) else { return };
            if device.is_connected == is_connected {
                return;
            }
            device.is_connected = is_connected;
            device.is_resolved = is_connected && device.plan.tells_services;
            let objects: Vec<String> = objects_of(device).into_iter().map(|(path, _)| path).collect();
            (device.plan.tells_services, device.plan.tells_services_first, objects)
        };
        let path = device_path(address);
        let connected = || self.changed(&path, DEVICE, PropMap::from([property("Connected", is_connected)]));
        if is_connected {
            if !is_first {
                connected();
            }
            for object in &objects {
                self.announce(object);
            }
            if told {
                self.changed(&path, DEVICE, PropMap::from([property("ServicesResolved", true)]));
            }
            if is_first {
                connected();
            }
        } else {
            self.changed(&path, DEVICE, PropMap::from([property("ServicesResolved", false)]));
            connected();
        }
    }

    fn announce(&self, path: &str) {
        let Some(interfaces) = self.world().object(path) else { return };
        let added = ObjectManagerInterfacesAdded { object: Path::from(path.to_owned()), interfaces };
        self.send(added.to_emit_message(&"/".into()));
    }

    fn removed(&self, path: &str, interfaces: &[&str]) {
        let interfaces = interfaces.iter().map(ToString::to_string).collect();
        let removed = ObjectManagerInterfacesRemoved { object: Path::from(path.to_owned()), interfaces };
        self.send(removed.to_emit_message(&"/".into()));
    }

    fn changed(&self, path: &str, interface: &str, changed_properties: PropMap) {
        let changed = PropertiesPropertiesChanged {
            interface_name: interface.to_owned(),
            changed_properties,
            invalidated_properties: Vec::new(),
        };
        self.send(changed.to_emit_message(&Path::from(path.to_owned())));
    }

    fn send(&self, message: Message) {
        // A bus that is gone takes nothing more.
        let _ = self.connection.send(message);
    }

    /// Answers one call.
    fn take(self, call: Message) {
        let text = |part: Option<String>| part.unwrap_or_default();
        let path = text(call.path().map(|path| path.to_string()));
        let interface = text(call.interface().map(|interface| interface.to_string()));
        let member = text(call.member().map(|member| member.to_string()));
        match (interface.as_str(), member.as_str()) {
            ("org.freedesktop.DBus.ObjectManager", "GetManagedObjects") => {
                let objects = self.world().objects();
                let objects: HashMap<Path<'static>, Object> =
                    objects.into_iter().map(|(path, object)| (Path::from(path), object)).collect();
                self.send(call.method_return().append1(objects));
            }
            ("org.freedesktop.DBus.Introspectable", "Introspect") => {
                let xml = self.world().introspection(&path);
                self.send(call.method_return().append1(xml));
            }
            (PROPERTIES, "GetAll") => {
                let wanted = call.read1::<&str>().unwrap_or_default().to_owned();
                match self.world().object(&path).and_then(|mut object| object.remove(&wanted)) {
                    Some(properties) => self.send(call.method_return().append1(properties)),
                    None => self.refuse(&call, "org.freedesktop.DBus.Error.UnknownObject", "no such object"),
                }
            }
            (PROPERTIES, "Get") => {
                let (wanted, name) = call.read2::<&str, &str>().unwrap_or_default();
                let properties = self.world().object(&path).and_then(|mut object| object.remove(wanted));
                match properties.and_then(|mut properties| properties.remove(name)) {
                    Some(value) => self.send(call.method_return().append1(value)),
                    None => self.refuse(&call, "org.freedesktop.DBus.Error.InvalidArgs", "no such property"),
                }
            }
            (PROPERTIES, "Set") | (ADAPTER, "SetDiscoveryFilter") => self.send(call.method_return()),
            (ADAPTER, "StartDiscovery" | "StopDiscovery") => self.scan(call, &path, &member),
            (DEVICE, "Connect" | "Disconnect") => self.connect(call, &path, &member),
            (CHARACTERISTIC | DESCRIPTOR, _) => self.value(call, &path, &member),
            _ => self.refuse(&call, "org.freedesktop.DBus.Error.UnknownMethod", "no such method"),
        }
    }

    fn refuse(&self, call: &Message, name: &str, message: &str) {
        self.send(call.error(&name.to_owned().into(), &CString::new(message).unwrap()));
    }

    fn scan(&self, call: Message, path: &str, member: &str) {
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        let (answer, heard) = {
            let mut world = self.world();
            world.calls.push(format!("{member} {name}"));
            let is_start = member == "StartDiscovery";
            let answer = world.on_scan.clone().filter(|_| is_start).unwrap_or_else(Answer::taken);
            if let Some(adapter) = world.adapters.get_mut(&name) {
                adapter.is_discovering = is_start && matches!(answer, Answer::Value(_));
            }
            (answer, if is_start { std::mem::take(&mut world.heard_on_scan) } else { Vec::new() })
        };
        self.answer(call, answer, |radio, call, _| radio.send(call.method_return()));
        for device in heard {
            self.hear(device);
        }
    }

    fn connect(&self, call: Message, path: &str, member: &str) {
        let address = address_of(path);
        let plan = {
            let mut world = self.world();
            world.calls.push(format!("{member} {address}"));
            world.devices.get(&address).map(|device| device.plan.clone())
        };
        let Some(plan) = plan else {
            return self.refuse(&call, "org.freedesktop.DBus.Error.UnknownObject", "no such device");
        };
        let is_connect = member == "Connect";
        let peer = Peer { radio: self, address: &address };
        let answer = if is_connect { (plan.on_connect)(&peer) } else { (plan.on_disconnect)(&peer) };
        let address = address.clone();
        self.answer(call, answer, move |radio, call, _| {
            radio.set_connected(&address, is_connect);
            radio.send(call.method_return());
        });
    }

    fn value(&self, call: Message, path: &str, member: &str) {
        let address = address_of(path);
        let found = {
            let mut world = self.world();
            let device = world.devices.get(&address).filter(|device| device.is_connected);
            let found = device.and_then(|device| characteristic_at(device, path));
            let what = found.as_ref().map(|found| found.uuid.to_string()).unwrap_or_default();
            world.calls.push(format!("{member} {what}"));
            found
        };
        let Some(characteristic) = found else {
            return self.refuse(&call, "org.bluez.Error.Failed", "Not connected");
        };
        let peer = Peer { radio: self, address: &address };
        let is_read = member == "ReadValue";
        let answer = match member {
            "ReadValue" if path.contains("/desc") => {
                Answer::Value(characteristic.label.clone().unwrap_or_default().into_bytes())
            }
            "ReadValue" => (characteristic.on_read)(&peer),
            "WriteValue" => {
                let value = call.read1::<Vec<u8>>().unwrap_or_default();
                (characteristic.on_write)(&peer, value)
            }
            "StartNotify" => (characteristic.on_subscribe)(&peer),
            _ => Answer::taken(),
        };
        self.answer(call, answer, move |radio, call, value| {
            let answer = call.method_return();
            radio.send(if is_read { answer.append1(value) } else { answer });
        });
    }

    /// Answers as planned; `good` is what a good answer does.
    fn answer(&self, call: Message, answer: Answer, good: impl FnOnce(&Self, &Message, Vec<u8>) + Send + 'static) {
        match answer {
            Answer::Value(value) => good(self, &call, value),
            Answer::Error(name, message) if name.contains('.') => self.refuse(&call, name, message),
            Answer::Error(name, message) => self.refuse(&call, &format!("org.bluez.Error.{name}"), message),
            Answer::Never => {}
            Answer::After(wait, answer) => {
                let radio = self.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(wait).await;
                    radio.answer(call, *answer, good);
                });
            }
        }
    }
}

impl World {
    /// Every object there is, by its path.
    fn objects(&self) -> HashMap<String, Object> {
        let adapters = self.adapters.iter().map(|(name, adapter)| {
            let properties = PropMap::from([
                property("Address", "00:1A:7D:DA:71:13".to_owned()),
                property("AddressType", "public".to_owned()),
                property("Name", "bench".to_owned()),
                property("Alias", "bench".to_owned()),
                property("Modalias", "usb:v1D6Bp0246d0542".to_owned()),
                property("Powered", adapter.is_powered),
                property("Discovering", adapter.is_discovering),
                property("Discoverable", false),
                property("Roles", vec!["central".to_owned()]),
            ]);
            (format!("/org/bluez/{name}"), Object::from([(ADAPTER.to_owned(), properties)]))
        });
        let devices = self.devices.values().map(|device| {
            let object = Object::from([(DEVICE.to_owned(), device_properties(device))]);
            (device_path(&device.plan.address), object)
        });
        let values = self.devices.values().flat_map(objects_of);
        adapters.chain(devices).chain(values).collect()
    }

    /// The object at a path, without making all the others.
    fn object(&self, path: &str) -> Option<Object> {
        let Some(device) = self.devices.get(&address_of(path)) else { return self.objects().remove(path) };
        if path == device_path(&device.plan.address) {
            return Some(Object::from([(DEVICE.to_owned(), device_properties(device))]));
        }
        objects_of(device).into_iter().find_map(|(known, object)| (known == path).then_some(object))
    }

    /// The names of the objects right below a path, as introspection tells them.
    fn introspection(&self, path: &str) -> String {
        let mut nodes = String::new();
        for known in self.objects().into_keys() {
            let name = known.strip_prefix(path).and_then(|rest| rest.strip_prefix('/'));
            if let Some(name) = name.filter(|name| !name.contains('/')) {
                let _ = write!(nodes, "<node name=\"{name}\"/>");
            }
        }
        format!("<node>{nodes}</node>")
    }
}

fn property(name: &str, value: impl RefArg + 'static) -> (String, Variant<Box<dyn RefArg>>) {
    (name.to_owned(), Variant(Box::new(value)))
}

fn device_path(address: &str) -> String {
    format!("/org/bluez/hci0/dev_{}", address.replace(':', "_"))
}

/// The address of the device that the object at a path belongs to.
fn address_of(path: &str) -> String {
    let device = path.split('/').find_map(|part| part.strip_prefix("dev_")).unwrap_or_default();
    device.replace('_', ":")
}

fn device_properties(device: &Device) -> PropMap {
    let plan = &device.plan;
    let mut properties = PropMap::from([
        property("Address", plan.address.clone()),
        property("AddressType", "random".to_owned()),
        property("Alias", plan.name.clone().unwrap_or_else(|| plan.address.replace(':', "-"))),
        property("Adapter", Path::from("/org/bluez/hci0")),
        property("Paired", device.is_paired),
        property("Bonded", false),
        property("Trusted", false),
        property("Blocked", false),
        property("LegacyPairing", false),
        property("Connected", device.is_connected),
        property("ServicesResolved", device.is_resolved),
        property("UUIDs", plan.uuids.iter().map(ToString::to_string).collect::<Vec<_>>()),
    ]);
    properties.extend(plan.name.clone().map(|name| property("Name", name)));
    properties.extend(plan.rssi.map(|rssi| property("RSSI", rssi)));
    if !plan.service_data.is_empty() {
        let data: PropMap =
            plan.service_data.iter().map(|(id, data)| property(&id.to_string(), data.clone())).collect();
        properties.extend([property("ServiceData", data)]);
    }
    if !plan.manufacturer_data.is_empty() {
        let data: HashMap<u16, Variant<Box<dyn RefArg>>> = plan
            .manufacturer_data
            .iter()
            .map(|(company, data)| (*company, Variant(Box::new(data.clone()) as Box<dyn RefArg>)))
            .collect();
        properties.extend([property("ManufacturerData", data)]);
    }
    properties.retain(|name, _| !plan.missing.contains(&name.as_str()));
    properties
}

/// The services and characteristics of a connected device, with their paths.
fn objects_of(device: &Device) -> Vec<(String, Object)> {
    let mut objects = Vec::new();
    if !device.is_connected {
        return objects;
    }
    for (number, (service, characteristics)) in device.plan.services.iter().enumerate() {
        let path = format!("{}/service{number:04x}", device_path(&device.plan.address));
        let properties = PropMap::from([
            property("UUID", service.to_string()),
            property("Primary", true),
            property("Device", Path::from(device_path(&device.plan.address))),
        ]);
        objects.push((path.clone(), Object::from([(SERVICE.to_owned(), properties)])));
        for (number, characteristic) in characteristics.iter().enumerate() {
            let char_path = format!("{path}/char{number:04x}");
            let mut properties = PropMap::from([
                property("UUID", characteristic.uuid.to_string()),
                property("Service", Path::from(path.clone())),
                property("Flags", characteristic.flags.clone()),
                property("Value", Vec::<u8>::new()),
                property("Notifying", false),
            ]);
            properties.extend(device.plan.mtu.map(|mtu| property("MTU", mtu)));
            if characteristic.label.is_some() {
                let descriptor = PropMap::from([
                    property("UUID", USER_DESCRIPTION.to_owned()),
                    property("Characteristic", Path::from(char_path.clone())),
                ]);
                objects.push((format!("{char_path}/desc0000"), Object::from([(DESCRIPTOR.to_owned(), descriptor)])));
            }
            objects.push((char_path, Object::from([(CHARACTERISTIC.to_owned(), properties)])));
        }
    }
    objects
}

/// The characteristic at a path, or the one whose descriptor is there.
fn characteristic_at(device: &Device, path: &str) -> Option<FakeCharacteristic> {
    let number = |name: &str| {
        let part = path.split('/').find_map(|part| part.strip_prefix(name))?;
        usize::from_str_radix(part, 16).ok()
    };
    let (_, characteristics) = device.plan.services.get(number("service")?)?;
    characteristics.get(number("char")?).cloned()
}
