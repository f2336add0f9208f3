//! Bluetooth LE: the scan, and connections to one device each. Nothing here touches the radio before it is asked to.
//!
//! The library works through the system's own Bluetooth service, and that decides what has to be guarded against:
//! every call has a limit, since some never answer; a lost connection is followed through the adapter's events, since the
//! stream of values goes on in silence; and whether the service still lives is asked now and then, since nobody tells.

#[cfg(target_os = "linux")]
mod bluez;
mod connection;
#[cfg(not(target_os = "linux"))]
mod elsewhere;
mod fault;
mod radio;
mod system;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::timeout;

use self::fault::explain;
use self::system::{Adapter, System};
use crate::flow::port::{BleError, Boxed, GattLink, Link, LinkError, Links, Radio};
use crate::model::gateway::PortFacts;
use crate::model::ids::LinkAddress;

/// How long a question to the system's Bluetooth service may take.
const SERVICE_LIMIT: Duration = Duration::from_secs(10);
/// How long the connection before on the same device may take to end.
const ENDING_LIMIT: Duration = Duration::from_secs(10);

/// Bluetooth devices around this computer.
#[derive(Clone, Default)]
pub struct BleLinks {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Made when first asked for: one for all, since each holds a line to the system's service.
    reached: tokio::sync::Mutex<Option<Reached>>,
    /// Held by each connection until it has ended, so that the next one to the same device waits for that.
    devices: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

/// The way to the system's service, and the adapters where they have to be kept: elsewhere than on Linux they remember what
/// they heard.
#[derive(Clone)]
struct Reached {
    system: System,
    kept: Vec<Adapter>,
}

/// An adapter that is switched on.
#[derive(Clone)]
struct ReadyAdapter {
    adapter: Adapter,
    /// `hci0`
    name: String,
}

impl Links for BleLinks {
    fn ports(&self) -> Boxed<'_, Result<Vec<(LinkAddress, PortFacts)>, LinkError>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn open<'a>(&'a self, address: &'a LinkAddress) -> Boxed<'a, Result<Link, LinkError>> {
        Box::pin(std::future::ready(Err(LinkError::NotOffered { link: address.kind() })))
    }

    fn watch_radio(&self) -> Boxed<'_, Result<Radio, LinkError>> {
        Box::pin(async move { Ok(radio::watch(self).await?) })
    }

    fn connect<'a>(&'a self, address: &'a LinkAddress) -> Boxed<'a, Result<GattLink, LinkError>> {
        Box::pin(async move {
            let LinkAddress::Ble(device) = address else {
                return Err(LinkError::NotOffered { link: address.kind() });
            };
            Ok(connection::connect(self, device).await?)
        })
    }
}

impl BleLinks {
    /// The adapters that are switched on; why there is none otherwise.
    async fn adapters(&self) -> Result<(System, Vec<ReadyAdapter>), BleError> {
        let (system, adapters) = self.listed().await?;
        if adapters.is_empty() {
            return Err(BleError::NoAdapter);
        }
        let mut ready = Vec::new();
        for adapter in adapters {
            if system::is_off(&adapter).await? {
                continue;
            }
            let name = system::name_of(&adapter).await;
            ready.push(ReadyAdapter { adapter, name });
        }
        ready.sort_by(|one, other| one.name.cmp(&other.name));
        if ready.is_empty() {
            return Err(BleError::PoweredOff { off: fault::what_keeps_it_off() });
        }
        Ok((system, ready))
    }

    /// All adapters. A line to the service that broke is made anew.
    async fn listed(&self) -> Result<(System, Vec<Adapter>), BleError> {
        let mut reached = self.shared.reached.lock().await;
        let known = match &*reached {
            Some(known) => known.clone(),
            None => Reached { system: system::reach().await?, kept: Vec::new() },
        };
        let adapters = if known.kept.is_empty() {
            within(SERVICE_LIMIT, known.system.adapters()).await.map_err(|error| explain(&error, ""))
        } else {
            Ok(known.kept.clone())
        };
        match adapters {
            Ok(adapters) => {
                let kept = if cfg!(target_os = "linux") { Vec::new() } else { adapters.clone() };
                *reached = Some(Reached { system: known.system.clone(), kept });
                Ok((known.system, adapters))
            }
            Err(error) => {
                *reached = None;
                Err(error)
            }
        }
    }

    /// Forgets adapters that no longer answer, so that the next question finds those that are there then.
    async fn forget(&self) {
        if let Some(reached) = &mut *self.shared.reached.lock().await {
            reached.kept.clear();
        }
    }

    /// Waits until no other connection to the device is left, and keeps the next one waiting.
    async fn take(&self, device: &str) -> Result<tokio::sync::OwnedMutexGuard<()>, BleError> {
        let lock = {
            let mut devices = self.shared.devices.lock().unwrap_or_else(PoisonError::into_inner);
            devices.retain(|known, lock| known == device || Arc::strong_count(lock) > 1);
            Arc::clone(devices.entry(device.to_owned()).or_default())
        };
        let taken = timeout(ENDING_LIMIT, lock.lock_owned()).await;
        taken.map_err(|_| BleError::Failed { detail: "another connection to the device does not end".into() })
    }
}

/// A library call within a limit.
async fn within<T>(
    limit: Duration,
    call: impl Future<Output = btleplug::Result<T>> + Send,
) -> Result<T, btleplug::Error> {
    timeout(limit, call).await.unwrap_or(Err(btleplug::Error::TimedOut(limit)))
}
