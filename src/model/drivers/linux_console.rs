//! What is known of the driver `linux-console`.

use super::{BAUD_RULE, DriverFacts, DriverOffers, Place, SettingKind, SettingRule, Wanted, WipeFacts, codes, store};
use crate::model::ids::LinkKind;

const fn text(key: &'static str, usual: &'static str, says: &'static str) -> SettingRule {
    SettingRule { key, kind: SettingKind::Text { usual: Some(usual) }, says }
}

/// A login on a console.
pub(super) const FACTS: DriverFacts = DriverFacts {
    name: "linux-console",
    label: "login on a serial console",
    links: &[LinkKind::Serial],
    settings: &[
        BAUD_RULE,
        text("login_prompt", "login:", "login prompt `{}`"),
        text("password_prompt", "Password:", "password prompt `{}`"),
        text("interface", "wlan0", "interface {}"),
    ],
    wanted: Some(Wanted {
        username: "User name",
        secret: "Password",
        hint: "The login of the console. Leave both empty where the console asks for none",
        may_be_unprotected: false,
        may_be_in_a_code: false,
        refusal: "console.refused",
    }),
    takes: &[Place::File],
    offers: DriverOffers { wifi: true, management: true, asking: false },
    wipe: WipeFacts {
        removes: true,
        networks: &[
            store("connections", "NetworkManager's list of connections"),
            store("network-manager", "/etc/NetworkManager and /run/NetworkManager"),
            store("network-manager-state", "/var/lib/NetworkManager"),
            store("netplan", "/etc/netplan and /run/netplan"),
            store("wpa-supplicant", "/etc/wpa_supplicant and /run/wpa_supplicant"),
            store("other-managers", "/var/lib/iwd, /var/lib/connman and /etc/network/interfaces"),
            store("boot", "First-run files under /boot"),
            store("history", "Histories of shells"),
            store("logs", "/var/log and the journal"),
        ],
        restarts: 1,
    },
    codes: codes!("console"),
};
