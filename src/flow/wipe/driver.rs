//! Taking a gateway out of service by what its commissioning driver offers: whoever has no command that removes anything can
//! still say whether it has a network.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::{Done, Place, Removal, Restart, Wiper};
use crate::flow::device::DeviceError;
use crate::flow::driver::Driver;
use crate::flow::drivers::Opening;
use crate::flow::error::SessionError;
use crate::flow::port::Boxed;
use crate::model::gateway::{DeviceInfo, Protection, ProvisioningState};
use crate::model::problem::Explain as _;
use crate::model::secret::Secret;
use crate::model::text::visible;
use crate::model::wipe::{StoreState, Told};
use crate::profile::{PushWay, Template};

/// What is sent to an endpoint that wipes a device.
const FACTORY_RESET: &[u8] = b"factory-reset";
/// How long after its reset line was pulsed a gateway is listened to: it writes its first lines within a second or two.
const START_HEARD: Duration = Duration::from_secs(3);
/// Longest name of a gateway.
const NAME_CHARS: usize = 80;

/// A gateway that is spoken to in the driver of its commissioning.
pub(in crate::flow) struct DriverWiper {
    driver: Box<dyn Driver>,
    info: Option<DeviceInfo>,
    /// The only name of a gateway that tells none.
    place: String,
    /// The endpoint that wipes the device, as the profile says.
    endpoint: Option<String>,
}

impl DriverWiper {
    /// Begins the conversation and asks what the gateway is.
    pub(in crate::flow) async fn greet(mut driver: Box<dyn Driver>, opening: &Opening) -> Result<Self, DeviceError> {
        let greeted = async {
            driver.hello().await?;
            if driver.is_to_be_secured() {
                driver.secure().await?;
            }
            match driver.describe().await {
                Ok(info) => Ok(Some(info)),
                Err(error) if error.is_not_offered() || error.is_about_one_answer() => Ok(None),
                Err(error) => Err(error),
            }
        };
        let info = match greeted.await {
            Ok(info) => info,
            Err(error) => {
                driver.close().await;
                return Err(error.into());
            }
        };
        let endpoint = opening.settings.as_ref().and_then(|settings| settings.text("wipe_endpoint"));
        Ok(Self {
            driver,
            info,
            place: visible(opening.link.place(), NAME_CHARS),
            endpoint: endpoint.filter(|name| !name.is_empty()).map(str::to_owned),
        })
    }

    fn told(&self) -> Told {
        let text = |text: &String| Some(visible(text, NAME_CHARS)).filter(|text| !text.is_empty());
        let info = self.info.as_ref();
        Told {
            name: info.and_then(|info| text(&info.name)).or_else(|| Some(self.place.clone())),
            hardware: info.and_then(|info| text(&info.hardware)),
            firmware: info.and_then(|info| text(&info.firmware)),
            ..Told::default()
        }
    }

    async fn forget(&mut self) -> Result<Done, DeviceError> {
        let mut said = Vec::new();
        if let Some(name) = self.endpoint.clone() {
            let way = PushWay::Endpoint { name, template: Template::Raw, json: None, field: Vec::new() };
            let taken = self.driver.push_credential(&way, &Secret::new(FACTORY_RESET.to_vec())).await?;
            said.push(taken.text);
        }
        if self.driver.capabilities().reprovision {
            match self.driver.reprovision().await {
                Ok(()) => said.push("The gateway reports that it forgot its network".into()),
                Err(error) if said.is_empty() => return Err(error.into()),
                // What its own endpoint took stands: many restart with it, and the link is gone.
                Err(error) => said.push(format!("The protocol's own request failed: {}", error.explain().what)),
            }
        }
        Ok(match said.as_slice() {
            [] => Done::cannot("The protocol has no command that forgets a network"),
            said => Done::acknowledged(said.join(". ")),
        })
    }

    async fn look(&mut self) -> Result<(StoreState, String), DeviceError> {
        self.driver.hello().await?;
        let Some(state) = self.driver.state() else {
            let (has_network, says) = match self.driver.has_network().await {
                Some(told) => told?,
                None => (None, "The gateway doesn't report whether it has a network".into()),
            };
            let state = match has_network {
                Some(true) => StoreState::StillThere,
                Some(false) => StoreState::SeenEmpty,
                None => StoreState::NotReachable,
            };
            return Ok((state, says));
        };
        let says = format!("The gateway reports that it {}", state.label());
        Ok(match state {
            ProvisioningState::Provisioned | ProvisioningState::Provisioning => (StoreState::StillThere, says),
            ProvisioningState::Ready | ProvisioningState::AuthorizationRequired => (StoreState::SeenEmpty, says),
            ProvisioningState::Stopped => (StoreState::NotReachable, says),
        })
    }
}

impl Wiper for DriverWiper {
    fn protection(&self) -> Protection {
        self.driver.protection()
    }

    fn identity(&mut self) -> Boxed<'_, Result<Told, DeviceError>> {
        Box::pin(std::future::ready(Ok(self.told())))
    }

    fn remove<'a>(&'a mut self, what: &'a Removal) -> Boxed<'a, Result<Done, DeviceError>> {
        Box::pin(async move {
            match what {
                Removal::Networks => self.forget().await,
                Removal::Credential { .. } => Ok(Done::cannot("What went to an endpoint can't be deleted there")),
                Removal::File(_) | Removal::Command(_) => {
                    Ok(Done::cannot("The protocol has neither files nor commands"))
                }
            }
        })
    }

    fn look<'a>(&'a mut self, place: &'a Place) -> Boxed<'a, Result<(StoreState, String), DeviceError>> {
        Box::pin(async move {
            match place {
                Place::Networks { .. } => self.look().await,
                Place::Credential(_) => {
                    Ok((StoreState::NotReachable, "What went to an endpoint can't be read back".into()))
                }
            }
        })
    }

    fn tells_connection_only(&self) -> bool {
        self.driver.state().is_some()
    }

    fn restart(&mut self) -> Boxed<'_, Result<Restart, DeviceError>> {
        Box::pin(async {
            if !self.driver.capabilities().reset_line {
                return Ok(Restart::ByHand("Nothing on this link restarts the gateway: take its power away".into()));
            }
            self.driver.heard_start();
            self.driver.pulse_reset().await?;
            let until = Instant::now() + START_HEARD;
            while let Ok(heard) = timeout_at(until, self.driver.listen()).await {
                heard.map_err(SessionError::from)?;
            }
            // Many boards have no reset line on the cable, and the pulse goes nowhere.
            Ok(if self.driver.heard_start() {
                Restart::Seen
            } else {
                Restart::ByHand("Nothing shows that the reset line restarted it: take its power away".into())
            })
        })
    }

    fn abandon(&mut self) -> bool {
        self.driver.abandon()
    }

    fn close(&mut self) -> Boxed<'_, ()> {
        self.driver.close()
    }
}
