//! One device of BlueZ: its connection, what it offers, and its values.
//!
//! btleplug asks for each service, characteristic and descriptor by itself, some thirty questions one after the other, while
//! the installer waits. BlueZ tells all of them in one answer; that is what is asked here.

use std::collections::{BTreeMap, HashMap};
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use bluez_async::{BluetoothError, BluetoothEvent, BluetoothSession, CharacteristicEvent, DeviceEvent, DeviceId};
use btleplug::api::{CharPropFlags, DEFAULT_MTU_SIZE, WriteType};
use dbus::Path;
use dbus::arg::{AppendAll, PropMap, ReadAll, Variant, prop_cast};
use dbus::nonblock::stdintf::org_freedesktop_dbus::ObjectManager as _;
use dbus::nonblock::{Proxy, SyncConnection};
use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, future};
use uuid::Uuid;

use super::system::{Turn, Turns, USER_DESCRIPTION, Value};

const SERVICE: &str = "org.bluez";
const GATT_SERVICE: &str = "org.bluez.GattService1";
const CHARACTERISTIC: &str = "org.bluez.GattCharacteristic1";
const DESCRIPTOR: &str = "org.bluez.GattDescriptor1";
/// How long a question may take that nobody gave a shorter limit.
const LIMIT: Duration = Duration::from_secs(30);

/// What the service knows of the objects under it: their interfaces, and the properties of these.
type Objects = HashMap<Path<'static>, HashMap<String, PropMap>>;

/// A device.
#[derive(Clone)]
pub(super) struct Device {
    id: DeviceId,
    session: BluetoothSession,
    bus: Arc<SyncConnection>,
    /// How it stood when it was looked up.
    is_paired: bool,
}

/// What a characteristic is, and where.
#[derive(Clone)]
pub(super) struct Offered {
    pub(super) service: Uuid,
    pub(super) uuid: Uuid,
    pub(super) can: CharPropFlags,
    path: Path<'static>,
    /// Where its name is, if it has one.
    label: Option<Path<'static>>,
    mtu: Option<u16>,
}

impl Device {
    /// The device of this address on an adapter, if the service knows it, and whether it is heard or connected.
    pub(super) async fn look_up(
        session: &BluetoothSession,
        bus: &Arc<SyncConnection>,
        adapter: &str,
        address: &str,
    ) -> btleplug::Result<Option<(Self, bool)>> {
        let Ok(id) = DeviceId::from_str(&format!("{adapter}/dev_{}", address.replace(':', "_"))) else {
            return Ok(None);
        };
        let info = match session.get_device_info(&id).await {
            Ok(info) => info,
            Err(BluetoothError::DbusError(error)) if is_unknown(&error) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let device = Self { id, session: session.clone(), bus: Arc::clone(bus), is_paired: info.paired };
        Ok(Some((device, info.rssi.is_some() || info.connected)))
    }

    /// Connects; ends when the services are known to the system.
    pub(super) async fn connect(&self) -> btleplug::Result<()> {
        Ok(self.session.connect(&self.id).await?)
    }

    /// Ends the connection.
    pub(super) async fn disconnect(&self) -> btleplug::Result<()> {
        Ok(self.session.disconnect(&self.id).await?)
    }

    /// Whether the connection stands.
    pub(super) async fn is_connected(&self) -> btleplug::Result<bool> {
        Ok(self.session.get_device_info(&self.id).await?.connected)
    }

    /// Whether it was not paired when it was looked up, and is now.
    pub(super) async fn is_newly_paired(&self) -> btleplug::Result<bool> {
        Ok(!self.is_paired && self.session.get_device_info(&self.id).await?.paired)
    }

    /// What becomes of the connection.
    pub(super) async fn turns(&self) -> btleplug::Result<Turns> {
        let turn = |event| match event {
            BluetoothEvent::Device { event: DeviceEvent::Connected { connected }, .. } => {
                Some(if connected { Turn::Up } else { Turn::Down })
            }
            _ => None,
        };
        let events = self.session.device_event_stream(&self.id).await?;
        Ok(events.filter_map(move |event| future::ready(turn(event))).boxed())
    }

    /// The values it tells by itself.
    pub(super) async fn values(&self, offered: &[Offered]) -> btleplug::Result<BoxStream<'static, Value>> {
        let known: HashMap<Path<'static>, Uuid> = offered.iter().map(|one| (one.path.clone(), one.uuid)).collect();
        let value = move |event| match event {
            BluetoothEvent::Characteristic { id, event: CharacteristicEvent::Value { value } } => {
                known.get(&Path::from(id)).map(|uuid| Value { uuid: *uuid, value })
            }
            _ => None,
        };
        let events = self.session.device_event_stream(&self.id).await?;
        Ok(events.filter_map(move |event| future::ready(value(event))).boxed())
    }

    /// Everything it offers, in the order in which it does.
    pub(super) async fn offers(&self) -> btleplug::Result<Vec<Offered>> {
        let root = Proxy::new(SERVICE, "/", LIMIT, &*self.bus);
        let objects = root.get_managed_objects().await.map_err(BluetoothError::from)?;
        Ok(offered(&objects, &Path::from(self.id.clone())))
    }

    /// Octets of a packet; as far as the system tells, else what every device takes.
    #[expect(clippy::unused_self, reason = "elsewhere the device knows")]
    pub(super) fn mtu(&self, offered: &[Offered]) -> u16 {
        offered.iter().find_map(|one| one.mtu).unwrap_or(DEFAULT_MTU_SIZE)
    }

    /// Reads a value.
    pub(super) async fn read(&self, from: &Offered) -> btleplug::Result<Vec<u8>> {
        self.ask::<_, (Vec<u8>,)>(&from.path, CHARACTERISTIC, "ReadValue", (PropMap::new(),)).await.map(first)
    }

    /// Writes a value.
    pub(super) async fn write(&self, to: &Offered, value: &[u8], kind: WriteType) -> btleplug::Result<()> {
        let kind = match kind {
            WriteType::WithResponse => "request",
            WriteType::WithoutResponse => "command",
        };
        let options = PropMap::from([("type".to_owned(), Variant(Box::new(kind.to_owned()) as _))]);
        self.ask(&to.path, CHARACTERISTIC, "WriteValue", (value.to_vec(), options)).await
    }

    /// Has it tell a value by itself.
    pub(super) async fn subscribe(&self, to: &Offered) -> btleplug::Result<()> {
        self.ask(&to.path, CHARACTERISTIC, "StartNotify", ()).await
    }

    /// The name of a characteristic, if it has one.
    pub(super) async fn label(&self, of: &Offered) -> btleplug::Result<Option<Vec<u8>>> {
        let Some(label) = &of.label else { return Ok(None) };
        let asked = self.ask::<_, (Vec<u8>,)>(label, DESCRIPTOR, "ReadValue", (PropMap::new(),));
        asked.await.map(first).map(Some)
    }

    async fn ask<A: AppendAll, R: ReadAll + 'static>(
        &self,
        path: &Path<'static>,
        interface: &str,
        method: &str,
        arguments: A,
    ) -> btleplug::Result<R> {
        let object = Proxy::new(SERVICE, path.clone(), LIMIT, &*self.bus);
        Ok(object.method_call(interface, method, arguments).await.map_err(BluetoothError::from)?)
    }
}

fn first<T>((value,): (T,)) -> T {
    value
}

/// The service has no such object.
fn is_unknown(error: &dbus::Error) -> bool {
    let name = error.name().and_then(|name| name.strip_prefix("org.freedesktop.DBus.Error."));
    matches!(name, Some("UnknownObject" | "UnknownMethod" | "UnknownInterface"))
}

/// What a device offers, of all that the service knows. Of characteristics with the same name in a service, the first.
fn offered(objects: &Objects, device: &Path<'static>) -> Vec<Offered> {
    let below = format!("{}/", &**device);
    let ours: BTreeMap<&str, &HashMap<String, PropMap>> = objects
        .iter()
        .map(|(path, interfaces)| (&**path, interfaces))
        .filter(|(path, _)| path.starts_with(&below))
        .collect();
    let uuid_of = |path: &str, interface: &str| {
        let properties = ours.get(path)?.get(interface)?;
        Uuid::parse_str(prop_cast::<String>(properties, "UUID")?).ok()
    };
    let mut found: Vec<Offered> = Vec::new();
    for (path, interfaces) in &ours {
        let Some(properties) = interfaces.get(CHARACTERISTIC) else { continue };
        let service = path.rsplit_once('/').and_then(|(service, _)| uuid_of(service, GATT_SERVICE));
        let (Some(service), Some(uuid)) = (service, uuid_of(path, CHARACTERISTIC)) else { continue };
        if found.iter().any(|known| (known.service, known.uuid) == (service, uuid)) {
            continue;
        }
        let inside = format!("{path}/");
        let label = ours
            .keys()
            .filter(|path| path.starts_with(&inside))
            .find(|path| uuid_of(path, DESCRIPTOR) == Some(USER_DESCRIPTION));
        found.push(Offered {
            service,
            uuid,
            can: prop_cast::<Vec<String>>(properties, "Flags")
                .map_or(CharPropFlags::empty(), |flags| read_flags(flags)),
            path: Path::from((*path).to_owned()),
            label: label.map(|path| Path::from((*path).to_owned())),
            mtu: prop_cast(properties, "MTU").copied(),
        });
    }
    found
}

fn read_flags(flags: &[String]) -> CharPropFlags {
    let flag = |name: &String| match name.as_str() {
        "read" => CharPropFlags::READ,
        "write" => CharPropFlags::WRITE,
        "write-without-response" => CharPropFlags::WRITE_WITHOUT_RESPONSE,
        "notify" => CharPropFlags::NOTIFY,
        "indicate" => CharPropFlags::INDICATE,
        _ => CharPropFlags::empty(),
    };
    flags.iter().map(flag).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Properties = Vec<(&'static str, Variant<Box<dyn dbus::arg::RefArg>>)>;

    const DEVICE: &str = "/org/bluez/hci0/dev_C4_4F_33_00_12_AF";
    const WIFI: &str = "00467768-6228-2272-4663-277478268000";
    const STATE: &str = "00467768-6228-2272-4663-277478268001";

    fn object(path: &str, interface: &str, properties: Properties) -> (Path<'static>, HashMap<String, PropMap>) {
        let properties = properties.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        (Path::from(path.to_owned()), HashMap::from([(interface.to_owned(), properties)]))
    }

    fn uuid(text: &str) -> (&'static str, Variant<Box<dyn dbus::arg::RefArg>>) {
        ("UUID", Variant(Box::new(text.to_owned())))
    }

    fn flags(names: &[&str]) -> (&'static str, Variant<Box<dyn dbus::arg::RefArg>>) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        ("Flags", Variant(Box::new(names)))
    }

    #[test]
    fn one_answer_of_the_service_tells_all_that_a_device_offers_and_nothing_of_its_neighbours() {
        let path = |rest: &str| format!("{DEVICE}{rest}");
        let objects = Objects::from([
            object(&path("/service000e"), GATT_SERVICE, vec![uuid(WIFI)]),
            object(
                &path("/service000e/char000f"),
                CHARACTERISTIC,
                vec![uuid(STATE), flags(&["read", "notify", "new-in-2030"]), ("MTU", Variant(Box::new(185_u16)))],
            ),
            object(&path("/service000e/char000f/desc0011"), DESCRIPTOR, vec![uuid(&USER_DESCRIPTION.to_string())]),
            // A second one of the same name, one without a service, and one of another device.
            object(&path("/service000e/char0012"), CHARACTERISTIC, vec![uuid(STATE), flags(&["write"])]),
            object(&path("/service0020/char0021"), CHARACTERISTIC, vec![uuid(STATE), flags(&["write"])]),
            object(&format!("{DEVICE}F/service0001/char0002"), CHARACTERISTIC, vec![uuid(STATE), flags(&["write"])]),
        ]);
        let found = offered(&objects, &Path::from(DEVICE.to_owned()));
        let [one] = found.as_slice() else { unreachable!("{} found", found.len()) };
        assert_eq!((one.service.to_string(), one.uuid.to_string()), (WIFI.to_owned(), STATE.to_owned()));
        assert_eq!(one.can, CharPropFlags::READ | CharPropFlags::NOTIFY);
        assert_eq!(one.label.as_deref(), Some(&*path("/service000e/char000f/desc0011")));
        assert_eq!(one.mtu, Some(185));
    }
}
