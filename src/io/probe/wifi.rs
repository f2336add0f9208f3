//! The networks in the air, as this computer's system lists them.

use super::{Began, Teller, not_run};
use crate::check::seen::{NotRun, Seen, Wifi};
use crate::io::laptop_wifi;
use crate::model::text::visible;
use crate::model::wifi::LaptopScan;

/// Most networks that are told.
const MAX_NETWORKS: usize = 64;

/// Tells of those with that name, or of all. Sends nothing: no scan is asked for.
pub(super) async fn look(ssid: Option<&str>, teller: &Teller) {
    let began = Began::now();
    match laptop_wifi::scan().await {
        LaptopScan::NotChecked { reason } => {
            teller.tell(began, not_run(None, NotRun::NotOffered, &reason)).await;
        }
        LaptopScan::Seen(networks) => {
            let named =
                networks.into_iter().filter(|network| ssid.is_none_or(|ssid| network.ssid.octets() == ssid.as_bytes()));
            for network in named.take(MAX_NETWORKS) {
                let seen = Wifi {
                    ssid: visible(&network.ssid.shown(), 64),
                    band: word(network.band),
                    security: word(network.security),
                    ciphers: Vec::new(),
                };
                teller.tell(began, Seen::Wifi(seen)).await;
            }
        }
    }
}

/// The word of profiles for it.
fn word(of: impl serde::Serialize) -> String {
    serde_json::to_value(of).ok().and_then(|word| word.as_str().map(ToOwned::to_owned)).unwrap_or_default()
}
