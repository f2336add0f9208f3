//! What this build was proved on: real parts, simulated ones, or nothing yet. Said in Settings and by `linesman about`.
//!
//! A row is true of what the test command runs. Whoever adds a foreign part to the tests adds it here.

use serde::Serialize;

use super::word::words;

words! {
    /// What something was tried against.
    ProvedOn {
        /// A program or system that others wrote.
        Real = "real",
        /// A simulator of this project.
        Simulated = "simulated",
        /// Nothing yet.
        NeverTried = "never-tried",
    }
}

impl ProvedOn {
    /// The word as a person reads it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Real => "Real part",
            Self::Simulated => "Simulated",
            Self::NeverTried => "Never tried",
        }
    }
}

/// A part of the program, and what it was tried against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// The part.
    pub part: &'static str,
    /// What kind of thing it was tried against.
    pub on: ProvedOn,
    /// What that was.
    pub against: &'static str,
}

/// All parts.
pub const PROOFS: [Proof; 18] = [
    real("SMP (MCUmgr)", "Zephyr's SMP servers; smpclient accepts the simulated device"),
    real("Linux console", "agetty, bash, dash and BusyBox with nmcli and a mocked NetworkManager"),
    real(
        "Removal over a Linux console",
        "agetty and login as root, nmcli and a mocked NetworkManager, restarted by reboot(2)",
    ),
    real("MQTT", "mosquitto, Paho's interoperability suite, mqtt.js, an Azure IoT device SDK"),
    real("TLS", "OpenSSL's s_server, mitmproxy as a real interception"),
    real("Network checks", "chrony, unbound, dnsmasq, nginx, mosquitto, nftables in network namespaces"),
    real("Payloads and exports", "protobuf, CBOR, MessagePack and Sparkplug libraries of others, DuckDB"),
    real("Search of cards", "ext4 images by mkfs.ext4 and debugfs, flash by Espressif's NVS generator"),
    simulated("Improv over serial", "a device that the Improv SDK's own client accepts"),
    simulated("Improv over Bluetooth", "BlueZ with a virtual radio, and a device that py-improv-ble-client accepts"),
    simulated("Espressif provisioning", "a device that esp-rainmaker-cli accepts in Security 0, 1 and 2"),
    simulated(
        "The five vendors' gateways",
        "gateways played after the vendor documentation; no vendor's device was at hand",
    ),
    simulated("Removal", "gateways that obey, that lie, whose keys come back, and that are swapped in the middle"),
    simulated("Serial adapters", "pseudo-terminals; no USB adapter was at hand"),
    simulated("Wi-Fi access points", "an access point in memory: right and wrong passphrase, out of range, 5 GHz only"),
    never("A real Bluetooth or Wi-Fi radio", "the tests reach no radio"),
    never("Windows and macOS", "built for, not run"),
    never("A vendor's cloud", "nothing outside is contacted by the tests"),
];

const fn real(part: &'static str, against: &'static str) -> Proof {
    Proof { part, on: ProvedOn::Real, against }
}

const fn simulated(part: &'static str, against: &'static str) -> Proof {
    Proof { part, on: ProvedOn::Simulated, against }
}

const fn never(part: &'static str, against: &'static str) -> Proof {
    Proof { part, on: ProvedOn::NeverTried, against }
}
