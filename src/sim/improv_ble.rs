//! The device side of Improv over Bluetooth LE, as a state machine: values and times in, values out.
//!
//! It follows the specification's device rules, and where makers differ it can be told to be one or the other.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::air::{Air, JoinResult};
use super::card::Card;
use super::gatt::{AttError, GattDevice, GattEmission};
use super::improv::addresses;
use crate::flow::port::Characteristic;
use crate::model::fault::Fault;
use crate::model::gateway::{Advertisement, DeviceInfo, ProvisioningState};
use crate::model::wifi::Security;
use crate::proto::improv::ble::{
    Advertised, CAPABILITIES, COMMAND, ERROR, Offers, RESULT, RequestBuffer, SERVICE, SERVICE_DATA, STATE,
    encode_result, encode_service_data,
};
use crate::proto::improv::{DeviceError, Request, State, command};

/// Longest name a device takes.
const MAX_NAME: usize = 63;
/// How long after a client came the button is pressed.
const PRESSED_AFTER: Duration = Duration::from_secs(5);
/// How long a press counts.
const AUTHORIZED_FOR: Duration = Duration::from_mins(1);
/// How long after a push the link breaks with [`Fault::DropLink`].
const DROP_AFTER: Duration = Duration::from_millis(800);
/// How long after success the device ends the connection.
const END_AFTER: Duration = Duration::from_secs(1);
/// Octets of data a result holds.
const MAX_RESULT: usize = 255;
/// It offers everything.
const OFFERS: Offers = Offers(0b1111);

/// What is due at a time.
enum Due {
    State(ProvisioningState),
    Error(DeviceError),
    Result(u8, Vec<Vec<u8>>),
    ButtonPressed,
    AuthorizationEnds,
    DropLink,
    /// The attempt to join is over. Its content is made up for the simulation and no secret.
    JoinEnds {
        result: JoinResult,
        ssid: Vec<u8>,
        password: String,
    },
}

/// A simulated gateway that speaks Improv over Bluetooth LE.
pub struct ImprovBle {
    info: DeviceInfo,
    hostname: String,
    air: Air,
    card: Card,
    faults: HashSet<Fault>,
    buffer: RequestBuffer,
    subscribed: HashSet<Uuid>,
    state: ProvisioningState,
    error: DeviceError,
    result: Vec<u8>,
    schedule: VecDeque<(Instant, Due)>,
    outbox: VecDeque<GattEmission>,
    damaged: HashSet<u8>,
    is_mute: bool,
    is_off_air: bool,
    identified: usize,
}

impl ImprovBle {
    /// A gateway with that identity, under that air.
    pub fn new(info: DeviceInfo, mut air: Air, card: Card, faults: &[Fault]) -> Self {
        for &fault in faults {
            air.apply(fault);
        }
        let faults: HashSet<Fault> = faults.iter().copied().collect();
        let state = if card.has_network() {
            ProvisioningState::Provisioned
        } else if faults.contains(&Fault::Authorization) || faults.contains(&Fault::NoButton) {
            ProvisioningState::AuthorizationRequired
        } else {
            ProvisioningState::Ready
        };
        Self {
            hostname: info.hostname.clone().unwrap_or_else(|| "sim-gateway".into()),
            info,
            air,
            card,
            is_mute: faults.contains(&Fault::Silent),
            faults,
            buffer: RequestBuffer::default(),
            subscribed: HashSet::new(),
            state,
            error: DeviceError::None,
            result: Vec::new(),
            schedule: VecDeque::new(),
            outbox: VecDeque::new(),
            damaged: HashSet::new(),
            is_off_air: false,
            identified: 0,
        }
    }

    /// The same gateway in another state, such as in the middle of what another client began.
    #[must_use]
    pub fn in_state(mut self, state: ProvisioningState) -> Self {
        self.state = state;
        self
    }

    /// Puts it into a state at a time: another client's doing.
    pub fn change_state_at(&mut self, at: Instant, state: ProvisioningState) {
        self.plan(at, Due::State(state));
    }

    /// How often it was told to blink.
    pub const fn identified(&self) -> usize {
        self.identified
    }

    fn has(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }

    /// The one problem that keeps every exchange from working, if there is one.
    fn admit(&self, characteristic: Uuid) -> Result<(), AttError> {
        if self.is_mute {
            Err(AttError::Silent)
        } else if self.has(Fault::Pairing) {
            Err(AttError::NotPaired)
        } else if [STATE, ERROR, COMMAND, RESULT, CAPABILITIES].contains(&characteristic) {
            Ok(())
        } else {
            Err(AttError::NotFound)
        }
    }

    fn handle_request(&mut self, request: Request, now: Instant) {
        self.plan(now, Due::Error(DeviceError::None));
        let is_authorized = self.state != ProvisioningState::AuthorizationRequired;
        match request {
            Request::WifiSettings { .. } | Request::Hostname(Some(_)) | Request::DeviceName(Some(_))
                if !is_authorized =>
            {
                self.say_error(DeviceError::NotAuthorized, now);
            }
            Request::WifiSettings { ssid, password } => self.join(ssid, password.expose(), now),
            // There is no answer: the write's own is all.
            Request::Identify => self.identified += 1,
            Request::DeviceInfo => self.say_result(command::DEVICE_INFO, self.identity(), now),
            Request::ScanNetworks => self.say_result(command::SCAN, self.heard(), now),
            Request::Hostname(name) => self.rename(command::HOSTNAME, name, now),
            Request::DeviceName(name) => self.rename(command::DEVICE_NAME, name, now),
            Request::CurrentState | Request::NetworkState => self.say_error(DeviceError::UnknownCommand, now),
        }
    }

    fn identity(&self) -> Vec<Vec<u8>> {
        let info = &self.info;
        let hostile = ["Firm\u{202E}eraw\u{7}\u{1b}[2J", "1.0\n\r\n", "\u{200F}board\u{0}", "gw\u{1b}]0;x\u{7}"];
        let own = [&info.firmware, &info.firmware_version, &info.hardware, &info.name];
        let texts = if self.has(Fault::HostileTexts) { hostile } else { own.map(String::as_str) };
        texts.map(|text| text.as_bytes().to_vec()).to_vec()
    }

    /// What it hears, as many entries as a result holds.
    fn heard(&self) -> Vec<Vec<u8>> {
        let mut strings: Vec<Vec<u8>> = Vec::new();
        if self.has(Fault::HostileTexts) {
            strings.extend([vec![b'L'; 60], b"-50".to_vec(), b"WPA2".to_vec()]);
            strings.extend(["Free\u{202E}ifiW\u{1b}[31m".into(), b"-49".to_vec(), b"NO".to_vec()]);
            strings.extend([vec![0xff, 0xfe, 0x00, 0x41], b"not a number".to_vec(), b"MAYBE".to_vec()]);
        }
        for point in self.air.heard() {
            let security = if point.security == Security::Open { "NO" } else { "WPA2" };
            let entry = [point.ssid.clone(), point.rssi_dbm.to_string().into_bytes(), security.into()];
            let octets: usize = strings.iter().chain(&entry).map(|string| string.len() + 1).sum();
            if octets > MAX_RESULT {
                break;
            }
            strings.extend(entry);
        }
        strings
    }

    fn join(&mut self, ssid: Vec<u8>, password: &str, now: Instant) {
        if ssid.is_empty() || ssid.len() > 32 {
            return self.say_error(DeviceError::InvalidPacket, now);
        }
        self.say_state(ProvisioningState::Provisioning, now);
        let (result, mut after) = self.air.join(&ssid, password);
        if self.has(Fault::DropLink) || self.has(Fault::Vanish) {
            self.plan(now + DROP_AFTER, Due::DropLink);
        }
        if self.has(Fault::Late) {
            after = Duration::from_secs(75);
        }
        self.plan(now + after, Due::JoinEnds { result, ssid, password: password.to_owned() });
    }

    fn end_join(&mut self, result: &JoinResult, ssid: &[u8], password: &str, now: Instant) {
        if self.has(Fault::SilentJoin) {
            self.is_mute = true;
            return;
        }
        match result {
            JoinResult::Joined => {
                // A card that cannot be written is the same as none: the gateway forgets when it is switched off.
                let _ = self.card.store(ssid, password);
                self.air.uplink.up();
                self.say_state(ProvisioningState::Provisioned, now);
                self.say_result(command::WIFI_SETTINGS, addresses(0, self.has(Fault::HostileTexts)), now);
                let end = if self.has(Fault::Late) { END_AFTER * 5 } else { END_AFTER };
                self.plan(now + end, Due::DropLink);
            }
            JoinResult::Failed => {
                self.say_state(ProvisioningState::Ready, now);
                self.say_error(DeviceError::UnableToConnect, now);
            }
        }
    }

    fn rename(&mut self, command: u8, name: Option<String>, now: Instant) {
        let is_host = command == command::HOSTNAME;
        if let Some(mut name) = name {
            if self.has(Fault::NamesWithLength) {
                let length = name.bytes().next().map(usize::from);
                if length != Some(name.len() - 1) {
                    return self.say_error(DeviceError::InvalidPacket, now);
                }
                name.remove(0);
            }
            let is_label = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
            if name.len() > MAX_NAME || (is_host && (!name.chars().all(is_label) || name.starts_with('-'))) {
                return self.say_error(DeviceError::BadHostname, now);
            }
            *(if is_host { &mut self.hostname } else { &mut self.info.name }) = name;
        }
        let current = if is_host { &self.hostname } else { &self.info.name };
        self.say_result(command, vec![current.clone().into_bytes()], now);
    }

    fn say_state(&mut self, state: ProvisioningState, now: Instant) {
        self.state = state;
        self.plan(self.late(now), Due::State(state));
    }

    fn say_error(&mut self, error: DeviceError, now: Instant) {
        self.plan(self.late(now), Due::Error(error));
    }

    fn say_result(&mut self, command: u8, strings: Vec<Vec<u8>>, now: Instant) {
        self.plan(self.late(now), Due::Result(command, strings));
    }

    fn late(&self, at: Instant) -> Instant {
        if self.has(Fault::Late) { at + Duration::from_secs(4) } else { at }
    }

    /// Keeps the schedule in order of time; things due at one time keep their order.
    fn plan(&mut self, at: Instant, due: Due) {
        let position = self.schedule.partition_point(|(earlier, _)| *earlier <= at);
        self.schedule.insert(position, (at, due));
    }

    fn advance(&mut self, now: Instant) {
        while self.schedule.front().is_some_and(|(due, _)| *due <= now) {
            let Some((at, due)) = self.schedule.pop_front() else { return };
            self.perform(due, at);
        }
    }

    fn perform(&mut self, due: Due, at: Instant) {
        match due {
            Due::State(state) => {
                self.state = state;
                self.notify(STATE, vec![State::Known(state).octet()]);
            }
            Due::Error(error) => {
                self.error = error;
                self.notify(ERROR, vec![error.octet()]);
            }
            Due::Result(command, strings) => self.tell_result(command, &strings),
            Due::ButtonPressed if self.state == ProvisioningState::AuthorizationRequired => {
                self.perform(Due::State(ProvisioningState::Ready), at);
                self.plan(at + AUTHORIZED_FOR, Due::AuthorizationEnds);
            }
            Due::AuthorizationEnds if self.state == ProvisioningState::Ready => {
                self.perform(Due::State(ProvisioningState::AuthorizationRequired), at);
                self.plan(at + PRESSED_AFTER * 4, Due::ButtonPressed);
            }
            Due::ButtonPressed | Due::AuthorizationEnds => {}
            Due::DropLink => {
                self.is_off_air = self.has(Fault::Vanish);
                self.outbox.push_back(GattEmission::Disconnect);
            }
            Due::JoinEnds { result, ssid, password } => self.end_join(&result, &ssid, &password, at),
        }
    }

    fn tell_result(&mut self, command: u8, strings: &[Vec<u8>]) {
        // Every result above is short enough; one that is not would be a mistake in this file and reads as an empty one.
        self.result = encode_result(command, strings).unwrap_or_default();
        let mut told = self.result.clone();
        let is_first = self.damaged.insert(command);
        if is_first && self.has(Fault::Truncated) {
            told.truncate(told.len() / 2);
        }
        if is_first
            && self.has(Fault::BadChecksum)
            && let Some(sum) = told.last_mut()
        {
            *sum = sum.wrapping_add(1);
        }
        if self.has(Fault::Noise) {
            // Octets without a meaning, a result nobody asked for, and an empty value.
            for noise in [&b"\xff\xfe\x00IMPROV\x01"[..], b"\x7f\x00\x7f", b""] {
                self.notify(RESULT, noise.to_vec());
            }
        }
        self.notify(RESULT, told);
    }

    fn notify(&mut self, characteristic: Uuid, value: Vec<u8>) {
        if !self.subscribed.contains(&characteristic) || self.is_mute {
            return;
        }
        if self.has(Fault::Duplicates) {
            self.outbox.push_back(GattEmission::Notify { characteristic, value: value.clone() });
        }
        self.outbox.push_back(GattEmission::Notify { characteristic, value });
    }
}

impl GattDevice for ImprovBle {
    fn advertisement(&self) -> Option<Advertisement> {
        if self.is_off_air {
            return None;
        }
        let advertised = Advertised { state: State::Known(self.state), offers: OFFERS };
        Some(Advertisement {
            name: Some(self.info.name.clone()),
            services: vec![SERVICE],
            service_data: vec![(SERVICE_DATA, encode_service_data(advertised).to_vec())],
            ..Advertisement::default()
        })
    }

    fn characteristics(&self) -> Vec<Characteristic> {
        let characteristic = |uuid, can_read, can_write, can_notify| Characteristic {
            service: SERVICE,
            uuid,
            can_read,
            can_write,
            can_write_without_response: false,
            can_notify,
        };
        vec![
            characteristic(STATE, true, false, true),
            characteristic(ERROR, true, false, true),
            characteristic(COMMAND, false, true, false),
            characteristic(RESULT, true, false, true),
            characteristic(CAPABILITIES, true, false, false),
        ]
    }

    fn payload_octets(&self) -> usize {
        if self.has(Fault::SmallMtu) || self.has(Fault::NoLongWrites) { 20 } else { 244 }
    }

    fn takes_long_writes(&self) -> bool {
        !self.has(Fault::NoLongWrites)
    }

    fn handle_connect(&mut self, now: Instant) -> Result<(), AttError> {
        if self.has(Fault::Unreachable) {
            return Err(AttError::Silent);
        }
        // What happened while nobody was connected was told to nobody.
        self.advance(now);
        self.outbox.clear();
        if self.has(Fault::Authorization) && self.state == ProvisioningState::AuthorizationRequired {
            self.plan(now + PRESSED_AFTER, Due::ButtonPressed);
        }
        Ok(())
    }

    fn handle_disconnect(&mut self, now: Instant) {
        self.advance(now);
        self.buffer.clear();
        self.subscribed.clear();
        self.outbox.clear();
        self.schedule.retain(|(_, due)| !matches!(due, Due::DropLink));
    }

    fn handle_read(&mut self, characteristic: Uuid, now: Instant) -> Result<Vec<u8>, AttError> {
        self.admit(characteristic)?;
        self.advance(now);
        if characteristic == STATE {
            Ok(vec![State::Known(self.state).octet()])
        } else if characteristic == ERROR {
            Ok(vec![self.error.octet()])
        } else if characteristic == RESULT {
            Ok(self.result.clone())
        } else if characteristic == CAPABILITIES {
            Ok(vec![OFFERS.0])
        } else {
            Err(AttError::Refused)
        }
    }

    fn handle_write(&mut self, characteristic: Uuid, value: &[u8], now: Instant) -> Result<(), AttError> {
        self.admit(characteristic)?;
        if characteristic != COMMAND {
            return Err(AttError::Refused);
        }
        match self.buffer.push(value) {
            None => {}
            Some(Ok(request)) => self.handle_request(request, now),
            Some(Err(error)) => self.say_error(error, now),
        }
        Ok(())
    }

    fn handle_subscribe(&mut self, characteristic: Uuid, _now: Instant) -> Result<(), AttError> {
        self.admit(characteristic)?;
        self.subscribed.insert(characteristic);
        Ok(())
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.schedule.front().map(|(due, _)| *due)
    }

    fn poll_emission(&mut self, now: Instant) -> Option<GattEmission> {
        if self.outbox.is_empty() {
            self.advance(now);
        }
        self.outbox.pop_front()
    }
}
