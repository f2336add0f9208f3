//! What is known of the driver `esp-prov`.

use super::{BAUD_RULE, DriverFacts, DriverOffers, Place, SettingKind, SettingRule, Wanted, WipeFacts, codes, store};
use crate::model::ids::LinkKind;

/// Espressif's unified provisioning.
pub(super) const FACTS: DriverFacts = DriverFacts {
    name: "esp-prov",
    label: "Espressif's provisioning",
    links: &[LinkKind::Ble, LinkKind::Http, LinkKind::Serial],
    settings: &[
        BAUD_RULE,
        SettingRule {
            key: "security",
            kind: SettingKind::Number { least: 0, most: 2, usual: 1 },
            says: "security {} at least",
        },
        SettingRule { key: "service", kind: SettingKind::Service, says: "service {}" },
        SettingRule { key: "wipe_endpoint", kind: SettingKind::Text { usual: None }, says: "wipe by {}" },
    ],
    wanted: Some(Wanted {
        username: "User name",
        secret: "Proof or password",
        hint: "Security 1 wants the proof of possession from the label, Security 2 a user name and its password",
        may_be_unprotected: true,
        may_be_in_a_code: true,
        refusal: "esp.proof_refused",
    }),
    takes: &[Place::Endpoint],
    offers: DriverOffers { wifi: true, management: false, asking: false },
    wipe: WipeFacts {
        removes: true,
        networks: &[store("state", "Flash, as the provisioning service reports it")],
        // What a reset clears in memory only comes back at the next start.
        restarts: 2,
    },
    codes: codes!("esp"),
};
