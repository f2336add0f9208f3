//! How each system tells what its radio hears and what becomes of a connection.
//!
//! On Linux this talks to BlueZ beside btleplug. btleplug asks the service anew for every advertisement; on a crowded
//! radio that is slower than what comes in, and what waits has no bound. Here an advertisement is taken as it is told,
//! and everything else is read for all devices in one question, once in a while.

use futures_util::stream::BoxStream;
use uuid::Uuid;

/// Descriptor that holds a characteristic's name.
pub(super) const USER_DESCRIPTION: Uuid = Uuid::from_u128(0x0000_2901_0000_1000_8000_0080_5f9b_34fb);

/// Something the radio reports.
pub(super) enum Sign {
    /// The system knows a device; that says not yet that it is heard.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only BlueZ lists devices out of range"))]
    Known(String),
    /// A device is heard; what is new about it, as far as that was told.
    Heard(String, News),
    /// An adapter was switched off.
    Off,
}

/// What an advertisement brought.
#[derive(Default)]
pub(super) struct News {
    pub(super) rssi_dbm: Option<i16>,
    pub(super) companies: Option<Vec<u16>>,
    pub(super) service_data: Option<Vec<(Uuid, Vec<u8>)>>,
    /// Something changed that was not told.
    pub(super) is_more: bool,
}

/// What becomes of a connection.
pub(super) enum Turn {
    /// It stands.
    Up,
    /// It is gone.
    Down,
    /// The adapter was switched off.
    #[cfg_attr(target_os = "linux", expect(dead_code, reason = "BlueZ reports that the connection is gone"))]
    Off,
}

/// A value that a device told by itself.
pub(super) struct Value {
    pub(super) uuid: Uuid,
    pub(super) value: Vec<u8>,
}

/// What the radio reports, for as long as this lives.
pub(super) type Signs = BoxStream<'static, Sign>;
/// What becomes of a connection.
pub(super) type Turns = BoxStream<'static, Turn>;

#[cfg(target_os = "linux")]
pub(super) use super::bluez::{Device, Offered};
#[cfg(not(target_os = "linux"))]
pub(super) use super::elsewhere::{Device, Offered};
#[cfg(target_os = "linux")]
pub(super) use linux::{Adapter, Ear, System, is_off, name_of, reach};
#[cfg(not(target_os = "linux"))]
pub(super) use others::{Adapter, Ear, System, is_off, name_of, reach};

/// BlueZ.
#[cfg(target_os = "linux")]
mod linux {
    use std::collections::HashMap;
    use std::sync::Arc;

    pub(in crate::io::ble) use bluez_async::AdapterInfo as Adapter;
    use bluez_async::{
        AdapterEvent, AdapterId, BluetoothError, BluetoothEvent, BluetoothSession, DeviceEvent, DeviceId, DeviceInfo,
        DiscoveryFilter, Transport,
    };
    use dbus::nonblock::SyncConnection;
    use futures_util::StreamExt as _;
    use tokio::time::timeout;

    use super::{Device, News, Sign, Signs};
    use crate::flow::port::BleError;
    use crate::io::ble::fault::{explain, hush_the_library};
    use crate::io::ble::{ReadyAdapter, SERVICE_LIMIT, within};
    use crate::model::gateway::Advertisement;

    /// Two lines to the service: the library's, and ours beside it.
    #[derive(Clone)]
    pub(in crate::io::ble) struct System {
        session: BluetoothSession,
        bus: Arc<SyncConnection>,
    }

    impl System {
        /// All adapters.
        pub(in crate::io::ble) async fn adapters(&self) -> btleplug::Result<Vec<Adapter>> {
            Ok(self.session.get_adapters().await?)
        }

        /// A device of an adapter, if it is known, and whether it is heard or connected.
        pub(in crate::io::ble) async fn look_up(
            &self,
            ready: &ReadyAdapter,
            device: &str,
        ) -> btleplug::Result<Option<(Device, bool)>> {
            Device::look_up(&self.session, &self.bus, &ready.name, device).await
        }
    }

    /// Whether the adapter is switched off.
    pub(in crate::io::ble) async fn is_off(adapter: &Adapter) -> Result<bool, BleError> {
        std::future::ready(Ok(!adapter.powered)).await
    }

    /// `hci0`
    pub(in crate::io::ble) async fn name_of(adapter: &Adapter) -> String {
        std::future::ready(adapter.id.to_string()).await
    }

    /// Reaches the service. That blocks, so it has a thread to itself.
    pub(in crate::io::ble) async fn reach() -> Result<System, BleError> {
        hush_the_library();
        let runtime = tokio::runtime::Handle::current();
        let reached = tokio::task::spawn_blocking(move || {
            runtime.block_on(async {
                let (_, session) = BluetoothSession::new().await?;
                let (line, bus) = dbus_tokio::connection::new_system_sync().map_err(BluetoothError::from)?;
                // When it breaks, what is asked over it fails, and the line is made anew.
                tokio::spawn(line);
                Ok::<_, btleplug::Error>(System { session, bus })
            })
        });
        match timeout(SERVICE_LIMIT, reached).await {
            Ok(Ok(system)) => system.map_err(|error| explain(&error, "")),
            Ok(Err(error)) => Err(BleError::Failed { detail: error.to_string() }),
            Err(_) => Err(BleError::NoService { detail: "the system bus does not answer".into() }),
        }
    }

    /// The scan of one adapter. Dropped, it ends.
    pub(in crate::io::ble) struct Ear {
        session: BluetoothSession,
        adapter: AdapterId,
        name: String,
    }

    impl Ear {
        /// Begins to listen.
        pub(in crate::io::ble) async fn open(system: &System, ready: &ReadyAdapter) -> Result<(Self, Signs), BleError> {
            let (session, adapter) = (system.session.clone(), ready.adapter.id.clone());
            let events = asked(session.adapter_event_stream(&adapter)).await?;
            let signs = events.filter_map(|event| std::future::ready(sign(event)));
            // From here on whatever ends this ends the scan.
            let ear = Self { session, adapter, name: ready.name.clone() };
            let filter = DiscoveryFilter {
                duplicate_data: Some(true),
                transport: Some(Transport::Le),
                ..DiscoveryFilter::default()
            };
            asked(ear.session.start_discovery_on_adapter_with_filter(&ear.adapter, &filter)).await?;
            Ok((ear, signs.boxed()))
        }

        /// The devices that the service remembers.
        pub(in crate::io::ble) async fn remembered(&self) -> Vec<Sign> {
            let devices = asked(self.session.get_devices_on_adapter(&self.adapter)).await.unwrap_or_default();
            devices.into_iter().map(|info| Sign::Known(address_of(&info.id))).collect()
        }

        /// Everything that is known of every device, by its address.
        pub(in crate::io::ble) async fn read(&self) -> HashMap<String, Advertisement> {
            let devices = asked(self.session.get_devices_on_adapter(&self.adapter)).await.unwrap_or_default();
            devices.into_iter().map(|info| (address_of(&info.id), self.advertisement(info))).collect()
        }

        fn advertisement(&self, info: DeviceInfo) -> Advertisement {
            Advertisement {
                // Not the alias: BlueZ makes one up from the address where there is no name.
                name: info.name,
                rssi_dbm: info.rssi,
                services: info.services,
                service_data: info.service_data.into_iter().collect(),
                companies: info.manufacturer_data.into_keys().collect(),
                adapter: self.name.clone(),
                ..Advertisement::default()
            }
        }

        /// Whether the adapter still scans.
        pub(in crate::io::ble) async fn is_on(&self) -> bool {
            asked(self.session.get_adapter_info(&self.adapter)).await.is_ok_and(|info| info.powered)
        }
    }

    impl Drop for Ear {
        fn drop(&mut self) {
            let (session, adapter) = (self.session.clone(), self.adapter.clone());
            // Without a runtime the program ends, and its scans with it.
            if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                runtime.spawn(async move {
                    if let Err(error) = asked(session.stop_discovery_on_adapter(&adapter)).await {
                        tracing::debug!(%error, %adapter, "the scan could not be stopped");
                    }
                });
            }
        }
    }

    fn sign(event: BluetoothEvent) -> Option<Sign> {
        let (id, event) = match event {
            BluetoothEvent::Adapter { event: AdapterEvent::Powered { powered: false }, .. } => return Some(Sign::Off),
            BluetoothEvent::Device { id, event } => (address_of(&id), event),
            BluetoothEvent::Adapter { .. } | BluetoothEvent::Characteristic { .. } => return None,
        };
        match event {
            DeviceEvent::Discovered | DeviceEvent::Services { .. } => Some(Sign::Known(id)),
            DeviceEvent::Rssi { rssi } => Some(Sign::Heard(id, News { rssi_dbm: Some(rssi), ..News::default() })),
            DeviceEvent::ManufacturerData { manufacturer_data } => {
                let companies = Some(manufacturer_data.into_keys().collect());
                Some(Sign::Heard(id, News { companies, ..News::default() }))
            }
            DeviceEvent::ServiceData { service_data } => {
                let service_data = Some(service_data.into_iter().collect());
                Some(Sign::Heard(id, News { service_data, ..News::default() }))
            }
            _ => None,
        }
    }

    /// `hci0/dev_C4_4F_33_00_12_AF` as `C4:4F:33:00:12:AF`.
    fn address_of(id: &DeviceId) -> String {
        let id = id.to_string();
        id.rsplit("dev_").next().unwrap_or_default().replace('_', ":").to_ascii_uppercase()
    }

    /// A question to the service, within a limit.
    async fn asked<T>(call: impl Future<Output = Result<T, BluetoothError>> + Send) -> Result<T, BleError> {
        let call = async { call.await.map_err(btleplug::Error::from) };
        within(SERVICE_LIMIT, call).await.map_err(|error| explain(&error, ""))
    }
}

/// Windows and macOS: btleplug keeps what it heard in this process, so asking it costs nothing, and its queues are bounded.
#[cfg(not(target_os = "linux"))]
mod others {
    use std::collections::HashMap;

    use btleplug::api::{Central as _, CentralEvent, CentralState, Manager as _, Peripheral as _, ScanFilter};
    pub(in crate::io::ble) use btleplug::platform::Adapter;
    use btleplug::platform::{Manager, PeripheralId};
    use futures_util::StreamExt as _;

    use super::{Device, News, Sign, Signs};
    use crate::flow::port::BleError;
    use crate::io::ble::elsewhere::id_of;
    use crate::io::ble::fault::explain;
    use crate::io::ble::{ReadyAdapter, SERVICE_LIMIT, within};
    use crate::model::gateway::Advertisement;

    /// The library.
    #[derive(Clone)]
    pub(in crate::io::ble) struct System {
        manager: Manager,
    }

    impl System {
        /// All adapters.
        pub(in crate::io::ble) async fn adapters(&self) -> btleplug::Result<Vec<Adapter>> {
            self.manager.adapters().await
        }

        /// A device of an adapter, if it is known, and whether it is heard or connected.
        pub(in crate::io::ble) async fn look_up(
            &self,
            ready: &ReadyAdapter,
            device: &str,
        ) -> btleplug::Result<Option<(Device, bool)>> {
            Device::look_up(&ready.adapter, device).await
        }
    }

    /// Whether the adapter is switched off.
    pub(in crate::io::ble) async fn is_off(adapter: &Adapter) -> Result<bool, BleError> {
        let state = within(SERVICE_LIMIT, adapter.adapter_state()).await.map_err(|error| explain(&error, ""))?;
        Ok(state == CentralState::PoweredOff)
    }

    /// What the system calls it.
    pub(in crate::io::ble) async fn name_of(adapter: &Adapter) -> String {
        let info = within(SERVICE_LIMIT, adapter.adapter_info()).await;
        info.ok().and_then(|info| info.split(' ').next().map(ToOwned::to_owned)).unwrap_or_default()
    }

    /// Reaches the system's Bluetooth.
    pub(in crate::io::ble) async fn reach() -> Result<System, BleError> {
        let manager = within(SERVICE_LIMIT, Manager::new()).await.map_err(|error| explain(&error, ""))?;
        Ok(System { manager })
    }

    /// The scan of one adapter. Dropped, it ends.
    pub(in crate::io::ble) struct Ear {
        adapter: Adapter,
        name: String,
    }

    impl Ear {
        /// Begins to listen.
        pub(in crate::io::ble) async fn open(
            _system: &System,
            ready: &ReadyAdapter,
        ) -> Result<(Self, Signs), BleError> {
            // What an earlier scan heard is not heard now. Failing only leaves more to be sorted out.
            let _ = within(SERVICE_LIMIT, ready.adapter.clear_peripherals()).await;
            let events = within(SERVICE_LIMIT, ready.adapter.events()).await.map_err(|error| explain(&error, ""))?;
            let ear = Self { adapter: ready.adapter.clone(), name: ready.name.clone() };
            let scan = within(SERVICE_LIMIT, ear.adapter.start_scan(ScanFilter::default())).await;
            scan.map_err(|error| explain(&error, ""))?;
            Ok((ear, events.filter_map(|event| std::future::ready(sign(event))).boxed()))
        }

        /// None: what was heard before is forgotten when the scan begins.
        pub(in crate::io::ble) async fn remembered(&self) -> Vec<Sign> {
            std::future::ready(Vec::new()).await
        }

        /// Everything that is known of every device, by its address or id.
        pub(in crate::io::ble) async fn read(&self) -> HashMap<String, Advertisement> {
            let mut heard = HashMap::new();
            for peripheral in within(SERVICE_LIMIT, self.adapter.peripherals()).await.unwrap_or_default() {
                let Ok(Some(properties)) = within(SERVICE_LIMIT, peripheral.properties()).await else { continue };
                let advertisement = Advertisement {
                    name: properties.advertisement_name.or(properties.local_name),
                    rssi_dbm: properties.rssi,
                    services: properties.services,
                    service_data: properties.service_data.into_iter().collect(),
                    companies: properties.manufacturer_data.into_keys().collect(),
                    adapter: self.name.clone(),
                    ..Advertisement::default()
                };
                heard.insert(id_of(&peripheral), advertisement);
            }
            heard
        }

        /// Whether the adapter still scans.
        pub(in crate::io::ble) async fn is_on(&self) -> bool {
            let state = within(SERVICE_LIMIT, self.adapter.adapter_state()).await;
            state.is_ok_and(|state| state != CentralState::PoweredOff)
        }
    }

    impl Drop for Ear {
        fn drop(&mut self) {
            let adapter = self.adapter.clone();
            if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                runtime.spawn(async move {
                    if let Err(error) = within(SERVICE_LIMIT, adapter.stop_scan()).await {
                        tracing::debug!(%error, "the scan could not be stopped");
                    }
                });
            }
        }
    }

    fn sign(event: CentralEvent) -> Option<Sign> {
        let name = |id: PeripheralId| id.to_string().to_ascii_uppercase();
        let more = || News { is_more: true, ..News::default() };
        match event {
            CentralEvent::DeviceDiscovered(id)
            | CentralEvent::DeviceUpdated(id)
            | CentralEvent::ManufacturerDataAdvertisement { id, .. }
            | CentralEvent::ServiceDataAdvertisement { id, .. }
            | CentralEvent::ServicesAdvertisement { id, .. } => Some(Sign::Heard(name(id), more())),
            CentralEvent::RssiUpdate { id, rssi } => {
                Some(Sign::Heard(name(id), News { rssi_dbm: Some(rssi), ..News::default() }))
            }
            CentralEvent::StateUpdate(CentralState::PoweredOff) => Some(Sign::Off),
            _ => None,
        }
    }
}
