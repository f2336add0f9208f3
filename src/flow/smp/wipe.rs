//! Taking a gateway out of service by SMP: settings are deleted, the storage is erased, and after a restart read again.
//!
//! Many settings keep their value in memory until the restart: one that still answers before it is no failure.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::manage::SmpManagement;
use crate::flow::device::{DeviceError, Management as _};
use crate::flow::drivers::Opening;
use crate::flow::port::Boxed;
use crate::flow::wipe::{Done, Place, Removal, Restart, Wiper};
use crate::model::gateway::Protection;
use crate::model::secret::Secret;
use crate::model::text::visible;
use crate::model::wipe::{StoreState, Told};
use crate::msg::device::{DeviceChange, DeviceProgress, DeviceRead};
use crate::profile::PushWay;

/// Longest name of a gateway.
const NAME_CHARS: usize = 80;
/// What stands in a file that cannot be deleted.
const NOTHING: &[u8] = b"\n";
/// How long after its answer a gateway may take to begin its restart.
const BEGINS_WITHIN: Duration = Duration::from_secs(1);

/// A gateway that is taken out of service by SMP.
pub(super) struct SmpWiper {
    management: SmpManagement,
    /// The only name of a gateway that tells none.
    place: String,
    /// Settings that the profile's driver names.
    settings: Vec<String>,
}

impl SmpWiper {
    /// Finds the gateway and asks what it has.
    pub(super) async fn open(opening: &Opening) -> Result<Self, DeviceError> {
        let named = |key| opening.settings.as_ref().and_then(|settings| settings.text(key)).map(str::to_owned);
        let settings = ["broker_setting", "port_setting"].into_iter().filter_map(named).collect();
        let place = visible(opening.link.place(), NAME_CHARS);
        Ok(Self { management: SmpManagement::open(opening).await?, place, settings })
    }

    async fn tell(&mut self) -> Result<Told, DeviceError> {
        let rows = match self.management.read(DeviceRead::Info).await? {
            DeviceProgress::Info(rows) => rows,
            _ => Vec::new(),
        };
        let row = |name: &str| rows.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        Ok(Told {
            name: self.management.name().or_else(|| Some(self.place.clone())),
            hardware: row("Hardware").or_else(|| row("Machine")),
            firmware: row("Version").or_else(|| row("Kernel")),
            ..Told::default()
        })
    }

    async fn change(&mut self, change: DeviceChange) -> Result<Done, DeviceError> {
        let (_, _, text) = self.management.change(change, None).await?;
        Ok(Done::acknowledged(text))
    }

    async fn erase(&mut self) -> Result<Done, DeviceError> {
        if !self.management.offers().erase {
            return Ok(Done::cannot("The gateway's firmware has no command that erases its storage"));
        }
        self.change(DeviceChange::EraseStorage).await
    }

    async fn has_setting(&mut self, key: &str) -> Result<bool, DeviceError> {
        let read = self.management.read(DeviceRead::Setting(key.to_owned())).await?;
        Ok(matches!(read, DeviceProgress::Setting { value: Some(value), .. } if !value.octets.expose().is_empty()))
    }

    async fn look_at_settings(&mut self, look_for: &[String]) -> Result<(StoreState, String), DeviceError> {
        let keys: Vec<String> = look_for.iter().chain(&self.settings).cloned().collect();
        if keys.is_empty() {
            let text = "No key of a setting is known to look for: name one that is there";
            return Ok((StoreState::NotReachable, text.into()));
        }
        let mut there = Vec::new();
        for key in &keys {
            if self.has_setting(key).await? {
                there.push(key.as_str());
            }
        }
        Ok(match there.as_slice() {
            [] => (StoreState::SeenEmpty, format!("Not found: {}", keys.join(", "))),
            there => (StoreState::StillThere, format!("Can be read: {}", there.join(", "))),
        })
    }

    async fn look_at(&mut self, way: &PushWay) -> Result<(StoreState, String), DeviceError> {
        match way {
            PushWay::Setting { name } => Ok(if self.has_setting(name).await? {
                (StoreState::StillThere, format!("The setting {name} can be read"))
            } else {
                (StoreState::SeenEmpty, format!("The setting {name} isn't found"))
            }),
            PushWay::File { path } => {
                let read = DeviceRead::File { path: path.clone(), wants_content: false };
                Ok(match self.management.read(read).await {
                    Ok(DeviceProgress::File { facts, .. }) if facts.length > NOTHING.len() as u64 => {
                        (StoreState::StillThere, format!("{path} has {} bytes", facts.length))
                    }
                    Ok(_) => (StoreState::SeenEmpty, format!("{path} is empty")),
                    Err(error) if error.is_refused() => (StoreState::SeenEmpty, format!("{path} isn't there")),
                    Err(error) => return Err(error),
                })
            }
            PushWay::Endpoint { .. } => Ok((StoreState::NotReachable, "SMP has no endpoints".into())),
        }
    }

    /// Empties a file: the protocol has no command that deletes one.
    async fn empty(&mut self, path: &str) -> Result<Done, DeviceError> {
        let content = Secret::new(NOTHING.to_vec());
        self.change(DeviceChange::WriteFile { path: path.to_owned(), content }).await
    }
}

impl Wiper for SmpWiper {
    fn protection(&self) -> Protection {
        self.management.protection()
    }

    fn identity(&mut self) -> Boxed<'_, Result<Told, DeviceError>> {
        Box::pin(self.tell())
    }

    fn remove<'a>(&'a mut self, what: &'a Removal) -> Boxed<'a, Result<Done, DeviceError>> {
        Box::pin(async move {
            match what {
                Removal::Networks => self.erase().await,
                Removal::Credential { way: PushWay::Setting { name }, .. } => {
                    self.change(DeviceChange::DeleteSetting(name.clone())).await
                }
                Removal::Credential { way: PushWay::File { path }, .. } | Removal::File(path) => self.empty(path).await,
                Removal::Credential { .. } => Ok(Done::cannot("SMP has no endpoints")),
                Removal::Command(command) => self.change(DeviceChange::Shell(command.clone())).await,
            }
        })
    }

    fn look<'a>(&'a mut self, place: &'a Place) -> Boxed<'a, Result<(StoreState, String), DeviceError>> {
        Box::pin(async move {
            match place {
                Place::Networks { look_for, .. } => self.look_at_settings(look_for).await,
                Place::Credential(way) => self.look_at(way).await,
            }
        })
    }

    fn restart(&mut self) -> Boxed<'_, Result<Restart, DeviceError>> {
        Box::pin(async {
            if !self.management.offers().reset {
                return Ok(Restart::ByHand("The gateway's firmware has no command that restarts it".into()));
            }
            let begun = Instant::now();
            self.management.change(DeviceChange::Reset, None).await?;
            // What answers at once has not begun to restart.
            sleep(BEGINS_WITHIN.saturating_sub(begun.elapsed())).await;
            Ok(Restart::Asked)
        })
    }

    fn abandon(&mut self) -> bool {
        self.management.abandon()
    }

    fn close(&mut self) -> Boxed<'_, ()> {
        self.management.close()
    }
}
