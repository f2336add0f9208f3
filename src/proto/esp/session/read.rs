//! What an opened answer says: the payload it has to be, the station's state, the entries of a scan.

use super::{Answer, FailReason, Failure, Joined, MAX_NETWORKS, Station};
use crate::model::text::visible_octets;
use crate::model::wifi::{Network, Security, Ssid};
use crate::proto::esp::messages::{
    ConfigPayload, ControlPayload, ScanEntry, ScanPayload, StationStatus, config, read, station, status,
};

/// An opened answer, and what it answers.
pub(super) struct Reader<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) label: &'static str,
    pub(super) is_authenticated: bool,
}

impl Reader<'_> {
    pub(super) const fn unreadable(&self) -> Failure {
        Failure::Unreadable { label: self.label, is_authenticated: self.is_authenticated }
    }

    pub(super) const fn check(&self, told: i32) -> Result<(), Failure> {
        if told == status::SUCCESS { Ok(()) } else { Err(Failure::Status { label: self.label, status: told }) }
    }

    pub(super) fn scan(&self, msg: i32) -> Result<ScanPayload, Failure> {
        let payload: ScanPayload = read(self.bytes).map_err(|_| self.unreadable())?;
        if payload.msg != msg {
            return Err(self.unreadable());
        }
        self.check(payload.status)?;
        Ok(payload)
    }

    pub(super) fn config(&self, msg: i32) -> Result<ConfigPayload, Failure> {
        let payload: ConfigPayload = read(self.bytes).map_err(|_| self.unreadable())?;
        if payload.msg == msg { Ok(payload) } else { Err(self.unreadable()) }
    }

    pub(super) fn control(&self, msg: i32) -> Result<Answer, Failure> {
        let payload: ControlPayload = read(self.bytes).map_err(|_| self.unreadable())?;
        if payload.msg != msg {
            return Err(self.unreadable());
        }
        self.check(payload.status)?;
        Ok(Answer::Done)
    }

    pub(super) fn station(&self) -> Result<Station, Failure> {
        let told = self.config(config::STATUS)?.status.ok_or_else(|| self.unreadable())?;
        self.check(told.status)?;
        read_station(told).ok_or_else(|| self.unreadable())
    }
}

/// `None` where the parts contradict each other, or "connected" comes without telling how: zero is what a missing state reads as.
fn read_station(told: StationStatus) -> Option<Station> {
    let is_only_connected = told.fail_reason.is_none() && told.attempt_failed.is_none();
    Some(match told.sta_state {
        station::CONNECTED => {
            let connected = told.connected.filter(|_| is_only_connected)?;
            Station::Joined(Joined {
                address: visible_octets(&connected.ip4_addr, 40),
                security: Some(read_security(connected.auth_mode)),
                channel: u32::try_from(connected.channel).ok().filter(|channel| *channel > 0),
                bssid: connected.bssid.try_into().ok(),
                ssid: connected.ssid,
            })
        }
        station::CONNECTING => {
            Station::Connecting { attempts_left: told.attempt_failed.map(|failed| failed.attempts_remaining) }
        }
        station::DISCONNECTED => Station::Disconnected,
        station::FAILED => Station::Failed(match told.fail_reason {
            Some(station::AUTHENTICATION) => FailReason::Authentication,
            Some(station::NOT_FOUND) => FailReason::NotFound,
            Some(other) => FailReason::Other(other),
            None => FailReason::Untold,
        }),
        other => Station::Unknown(other),
    })
}

/// The protection of a network as the device numbers it.
pub fn read_security(number: i32) -> Security {
    match number {
        0 => Security::Open,
        1 => Security::Wep,
        2 => Security::Wpa,
        3 => Security::Wpa2,
        4 => Security::WpaWpa2,
        5 => Security::Enterprise,
        6 => Security::Wpa3,
        7 => Security::Wpa2Wpa3,
        other => u8::try_from(other).map_or(Security::Protected, Security::Other),
    }
}

/// Keeps an entry of a scan; of one name the strongest.
pub(super) fn take_entry(entry: ScanEntry, networks: &mut Vec<Network>, ignored: &mut usize) {
    let Ok(ssid) = Ssid::from_octets(entry.ssid) else {
        *ignored += 1;
        return;
    };
    // Zero is what a missing level reads as; no radio hears that.
    let rssi_dbm = i16::try_from(entry.rssi).ok().filter(|level| *level < 0);
    let network = Network { ssid, rssi_dbm, security: read_security(entry.auth) };
    let known = networks.iter().position(|known| known.ssid == network.ssid && known.security == network.security);
    match known {
        Some(known) => networks[known].rssi_dbm = networks[known].rssi_dbm.max(network.rssi_dbm),
        None if networks.len() < MAX_NETWORKS => networks.push(network),
        None => *ignored += 1,
    }
}
