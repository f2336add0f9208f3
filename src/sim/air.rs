//! The simulated air: access points, what a gateway hears of them and how an attempt to join ends.

use std::time::Duration;

use super::uplink::Uplink;
use crate::model::fault::Fault;
use crate::model::wifi::{Band, Security};

/// The address that a simulated network hands out. It belongs to examples (RFC 5737, TEST-NET-2), so that nobody who looks
/// whether the gateway answers there finds something else.
pub(in crate::sim) const LEASED: &str = "198.51.100.17";
/// Its router, which is also its resolver.
pub(in crate::sim) const ROUTER: &str = "198.51.100.1";

/// A simulated access point.
#[derive(Clone, Debug)]
pub struct AccessPoint {
    /// Its name; any octets.
    pub ssid: Vec<u8>,
    /// Its passphrase: made up for the simulation and no secret. Empty for an open one.
    pub passphrase: String,
    /// How it is protected.
    pub security: Security,
    /// The band it is on.
    pub band: Band,
    /// Its signal at the gateway, dBm.
    pub rssi_dbm: i16,
    /// Whether a DHCP server answers behind it.
    pub has_dhcp: bool,
    /// Whether it leaves its name out of its beacons.
    pub is_hidden: bool,
}

impl AccessPoint {
    /// A protected access point on 2.4 GHz, near by, with DHCP.
    pub fn near(ssid: &str, passphrase: &str) -> Self {
        Self {
            ssid: ssid.as_bytes().to_vec(),
            passphrase: passphrase.to_owned(),
            security: if passphrase.is_empty() { Security::Open } else { Security::Wpa2 },
            band: Band::Ghz2_4,
            rssi_dbm: -52,
            has_dhcp: true,
            is_hidden: false,
        }
    }
}

/// Everything that is on the air around a gateway. The first access point is the site's own.
#[derive(Clone, Debug)]
pub struct Air {
    /// The access points.
    pub access_points: Vec<AccessPoint>,
    /// How long a good join takes.
    pub join_after: Duration,
    /// Where a gateway tells that it is in its network. Each gateway has its own.
    pub uplink: Uplink,
}

/// How an attempt to join ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JoinResult {
    /// It works.
    Joined,
    /// The gateway gives up.
    Failed,
}

/// Below this level a handshake fails.
const LOST_DBM: i16 = -84;

impl Air {
    /// A site with its access point and some neighbours.
    pub fn site(ssid: &str, passphrase: &str) -> Self {
        let neighbour =
            |ssid: &str, passphrase: &str, rssi_dbm| AccessPoint { rssi_dbm, ..AccessPoint::near(ssid, passphrase) };
        Self {
            access_points: vec![
                AccessPoint::near(ssid, passphrase),
                neighbour("Guest", "", -58),
                neighbour("Warehouse 2", "another passphrase", -71),
                neighbour("Bäckerei Süd", "noch eine Passphrase", -83),
            ],
            join_after: Duration::from_millis(1200),
            uplink: Uplink::default(),
        }
    }

    /// Bends the site's own access point as a fault wants it.
    pub fn apply(&mut self, fault: Fault) {
        let Some(own) = self.access_points.first_mut() else { return };
        match fault {
            Fault::WrongPassphrase => own.passphrase.push_str("-changed"),
            Fault::NotFound => {
                self.access_points.remove(0);
            }
            Fault::FiveGhzOnly => own.band = Band::Ghz5,
            Fault::WeakSignal => own.rssi_dbm = -88,
            Fault::NoDhcp => own.has_dhcp = false,
            Fault::SlowJoin => self.join_after = Duration::from_secs(25),
            _ => {}
        }
    }

    /// What a 2.4 GHz radio lists.
    pub fn heard(&self) -> impl Iterator<Item = &AccessPoint> {
        self.access_points.iter().filter(|point| point.band == Band::Ghz2_4 && !point.is_hidden)
    }

    /// Whether a 2.4 GHz radio finds a network of that name, hidden or not.
    pub fn hears(&self, ssid: &[u8]) -> bool {
        self.access_points.iter().any(|point| point.ssid == ssid && point.band == Band::Ghz2_4)
    }

    /// Whether nothing hands out addresses in a network of that name.
    pub fn has_no_address(&self, ssid: &[u8]) -> bool {
        self.access_points.iter().any(|point| point.ssid == ssid && !point.has_dhcp)
    }

    /// How joining ends, and after how long.
    pub fn join(&self, ssid: &[u8], password: &str) -> (JoinResult, Duration) {
        let Some(point) = self.access_points.iter().find(|point| point.ssid == ssid && point.band == Band::Ghz2_4)
        else {
            return (JoinResult::Failed, self.join_after + Duration::from_secs(3));
        };
        if point.rssi_dbm < LOST_DBM {
            (JoinResult::Failed, self.join_after + Duration::from_secs(4))
        } else if point.passphrase != password {
            (JoinResult::Failed, self.join_after)
        } else if !point.has_dhcp {
            (JoinResult::Failed, Duration::from_secs(30))
        } else {
            (JoinResult::Joined, self.join_after)
        }
    }
}
