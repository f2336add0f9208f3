//! One device on Windows and macOS, through btleplug: its connection, what it offers, and its values.

use btleplug::api::{
    Central as _, CentralEvent, CentralState, CharPropFlags, Characteristic, Peripheral as _, WriteType,
};
use btleplug::platform::{Adapter, Peripheral};
use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, future};
use uuid::Uuid;

use super::system::{Turn, Turns, USER_DESCRIPTION, Value};

/// A device, and the adapter that hears it.
#[derive(Clone)]
pub(super) struct Device {
    peripheral: Peripheral,
    adapter: Adapter,
}

/// What a characteristic is, and where.
#[derive(Clone)]
pub(super) struct Offered {
    pub(super) service: Uuid,
    pub(super) uuid: Uuid,
    pub(super) can: CharPropFlags,
    characteristic: Characteristic,
}

impl Device {
    /// The device of this address or id, if the adapter knows it, and whether it is heard or connected.
    pub(super) async fn look_up(adapter: &Adapter, device: &str) -> btleplug::Result<Option<(Self, bool)>> {
        let known = adapter.peripherals().await?;
        let Some(peripheral) = known.into_iter().find(|peripheral| id_of(peripheral) == device) else {
            return Ok(None);
        };
        let properties = peripheral.properties().await.ok().flatten();
        let is_heard = properties.is_some_and(|properties| properties.rssi.is_some());
        let is_there = is_heard || peripheral.is_connected().await.unwrap_or_default();
        Ok(Some((Self { peripheral, adapter: adapter.clone() }, is_there)))
    }

    /// Connects.
    pub(super) async fn connect(&self) -> btleplug::Result<()> {
        self.peripheral.connect().await
    }

    /// Ends the connection.
    pub(super) async fn disconnect(&self) -> btleplug::Result<()> {
        self.peripheral.disconnect().await
    }

    /// Whether the connection stands.
    pub(super) async fn is_connected(&self) -> btleplug::Result<bool> {
        self.peripheral.is_connected().await
    }

    /// Never told: these systems ask anew by themselves.
    pub(super) async fn is_newly_paired(&self) -> btleplug::Result<bool> {
        future::ready(Ok(false)).await
    }

    /// What becomes of the connection.
    pub(super) async fn turns(&self) -> btleplug::Result<Turns> {
        let ours = self.peripheral.id();
        let turn = move |event| match event {
            CentralEvent::DeviceConnected(id) if id == ours => Some(Turn::Up),
            CentralEvent::DeviceDisconnected(id) if id == ours => Some(Turn::Down),
            CentralEvent::StateUpdate(CentralState::PoweredOff) => Some(Turn::Off),
            _ => None,
        };
        Ok(self.adapter.events().await?.filter_map(move |event| future::ready(turn(event))).boxed())
    }

    /// The values it tells by itself.
    pub(super) async fn values(&self, _offered: &[Offered]) -> btleplug::Result<BoxStream<'static, Value>> {
        let told = self.peripheral.notifications().await?;
        Ok(told.map(|told| Value { uuid: told.uuid, value: told.value }).boxed())
    }

    /// Everything it offers.
    pub(super) async fn offers(&self) -> btleplug::Result<Vec<Offered>> {
        self.peripheral.discover_services().await?;
        let offered = |characteristic: Characteristic| Offered {
            service: characteristic.service_uuid,
            uuid: characteristic.uuid,
            can: characteristic.properties,
            characteristic,
        };
        Ok(self.peripheral.characteristics().into_iter().map(offered).collect())
    }

    /// Octets of a packet.
    pub(super) fn mtu(&self, _offered: &[Offered]) -> u16 {
        self.peripheral.mtu()
    }

    /// Reads a value.
    pub(super) async fn read(&self, from: &Offered) -> btleplug::Result<Vec<u8>> {
        self.peripheral.read(&from.characteristic).await
    }

    /// Writes a value.
    pub(super) async fn write(&self, to: &Offered, value: &[u8], kind: WriteType) -> btleplug::Result<()> {
        self.peripheral.write(&to.characteristic, value, kind).await
    }

    /// Has it tell a value by itself.
    pub(super) async fn subscribe(&self, to: &Offered) -> btleplug::Result<()> {
        self.peripheral.subscribe(&to.characteristic).await
    }

    /// The name of a characteristic, if it has one.
    pub(super) async fn label(&self, of: &Offered) -> btleplug::Result<Option<Vec<u8>>> {
        let known = &of.characteristic.descriptors;
        match known.iter().find(|descriptor| descriptor.uuid == USER_DESCRIPTION) {
            Some(descriptor) => self.peripheral.read_descriptor(descriptor).await.map(Some),
            None => Ok(None),
        }
    }
}

/// The address of a device, or the id that this computer gave it.
pub(super) fn id_of(peripheral: &Peripheral) -> String {
    if cfg!(target_os = "macos") {
        peripheral.id().to_string().to_ascii_uppercase()
    } else {
        peripheral.address().to_string().to_ascii_uppercase()
    }
}
