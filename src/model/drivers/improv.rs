//! What is known of the driver `improv`.

use super::{BAUD_RULE, DriverFacts, DriverOffers, WipeFacts, codes, store};
use crate::model::ids::LinkKind;

/// Improv Wi-Fi.
pub(super) const FACTS: DriverFacts = DriverFacts {
    name: "improv",
    label: "Improv Wi-Fi, as on ESPHome, Tasmota and WLED",
    links: &[LinkKind::Serial, LinkKind::Ble],
    settings: &[BAUD_RULE],
    wanted: None,
    takes: &[],
    offers: DriverOffers { wifi: true, management: false, asking: true },
    wipe: WipeFacts {
        removes: false,
        networks: &[store("state", "What the gateway reports of its network")],
        restarts: 1,
    },
    codes: codes!("improv"),
};
