//! What is known of the driver `smp`.

use super::{
    BAUD_RULE, DriverFacts, DriverOffers, Place, SettingKind, SettingRule, StoreFacts, WipeFacts, codes, store,
};
use crate::model::ids::LinkKind;

/// MCUmgr.
pub(super) const FACTS: DriverFacts = DriverFacts {
    name: "smp",
    label: "MCUmgr on Zephyr and Mynewt",
    links: &[LinkKind::Serial, LinkKind::Ble, LinkKind::Udp],
    settings: &[
        BAUD_RULE,
        SettingRule { key: "broker_setting", kind: SettingKind::Text { usual: None }, says: "broker in {}" },
        SettingRule { key: "port_setting", kind: SettingKind::Text { usual: None }, says: "port in {}" },
    ],
    wanted: None,
    takes: &[Place::Setting, Place::File],
    offers: DriverOffers { wifi: false, management: true, asking: false },
    wipe: WipeFacts {
        removes: true,
        networks: &[StoreFacts { is_whole: false, ..store("settings", "The settings partition") }],
        restarts: 1,
    },
    codes: codes!("smp"),
};
