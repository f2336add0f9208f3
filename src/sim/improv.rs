//! The device side of Improv over serial, as a state machine: bytes and times in, bytes out.
//!
//! It follows the specification's device rules; `tests/it/improv_sdk.rs` holds it against a foreign client.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

use super::air::{Air, JoinResult, LEASED};
use super::card::Card;
use super::device::{Emission, SimulatedDevice};
use super::drivers::{Unit, card};
use super::improv_ble::ImprovBle;
use super::site::start_gateway;
use crate::model::fault::Fault;
use crate::model::gateway::{DeviceInfo, ProvisioningState};
use crate::model::ids::{DriverId, LinkKind};
use crate::model::wifi::Security;
use crate::proto::improv::serial::{Decoder, encode_message, parse_request};
use crate::proto::improv::{DeviceError, Message, Request, State, command};

/// The driver's simulator.
pub(super) const UNIT: Unit = Unit {
    id: DriverId::Improv,
    device: Some(|plan, _| {
        Ok(Box::new(ImprovDevice::new(plan.info.clone(), plan.air.clone(), card(plan)?, &plan.faults)))
    }),
    links: &[(LinkKind::Serial, |plan| Box::pin(async move { start_gateway(plan) }))],
    radio: Some(|links, address, plan| {
        let device = ImprovBle::new(plan.info.clone(), plan.air.clone(), card(plan)?, &plan.faults);
        Ok(links.with_gatt(address, device))
    }),
    access: |_| None,
};

/// Longest name a device takes.
const MAX_NAME: usize = 63;
/// How long after a push the link breaks with [`Fault::DropLink`].
const DROP_AFTER: Duration = Duration::from_millis(800);

/// What is due at a time.
enum Due {
    Message(Message),
    Log(String),
    DropLink,
    /// The attempt to join is over. Boxed content is made up for the simulation and no secret.
    JoinEnds {
        result: JoinResult,
        ssid: Vec<u8>,
        password: String,
    },
}

/// A simulated gateway that speaks Improv over serial.
pub struct ImprovDevice {
    info: DeviceInfo,
    hostname: String,
    air: Air,
    card: Card,
    faults: HashSet<Fault>,
    decoder: Decoder,
    state: ProvisioningState,
    schedule: VecDeque<(Instant, Due)>,
    damaged: HashSet<u8>,
    noise: u32,
    is_mute: bool,
    /// How often it got another address: one that is on a network and joins anew isn't where it was.
    moves: u8,
    /// Whether it has had one.
    has_address: bool,
}

impl ImprovDevice {
    /// A gateway with that identity, under that air.
    pub fn new(info: DeviceInfo, mut air: Air, card: Card, faults: &[Fault]) -> Self {
        for &fault in faults {
            air.apply(fault);
        }
        if card.has_network() {
            air.uplink.up();
        }
        let state = if card.has_network() { ProvisioningState::Provisioned } else { ProvisioningState::Ready };
        Self {
            hostname: info.hostname.clone().unwrap_or_else(|| "sim-gateway".into()),
            info,
            air,
            card,
            is_mute: faults.contains(&Fault::Silent),
            faults: faults.iter().copied().collect(),
            decoder: Decoder::default(),
            state,
            schedule: VecDeque::new(),
            damaged: HashSet::new(),
            noise: 0x2545_F491,
            moves: 0,
            has_address: state == ProvisioningState::Provisioned,
        }
    }
}

impl SimulatedDevice for ImprovDevice {
    fn handle_bytes(&mut self, bytes: &[u8], now: Instant) {
        for packet in self.decoder.push(bytes, now) {
            match parse_request(&packet) {
                Ok(request) => self.handle_request(request, now),
                Err(error) => self.say(Message::Error(error), now),
            }
        }
        self.decoder.take_log();
    }

    fn handle_reset(&mut self, now: Instant) {
        self.schedule.clear();
        self.air.uplink.restart(self.card.has_network());
        self.state = if self.card.has_network() { ProvisioningState::Provisioned } else { ProvisioningState::Ready };
        self.plan(
            now + Duration::from_millis(200),
            Due::Log("rst:0x1 (POWERON),boot:0xc (SPI_FAST_FLASH_BOOT)".into()),
        );
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.schedule.front().map(|(due, _)| *due)
    }

    fn poll_emission(&mut self, now: Instant) -> Option<Emission> {
        while self.schedule.front().is_some_and(|(due, _)| *due <= now) {
            let (at, due) = self.schedule.pop_front()?;
            match due {
                Due::Message(_) | Due::Log(_) | Due::DropLink if self.is_mute => {}
                Due::Message(message) => return Some(Emission::Bytes(self.bytes_of(&message))),
                Due::Log(line) => return Some(Emission::Bytes(format!("{line}\r\n").into_bytes())),
                Due::DropLink => return Some(Emission::DropLink),
                Due::JoinEnds { result, ssid, password } => self.end_join(&result, &ssid, &password, at),
            }
        }
        None
    }
}

impl ImprovDevice {
    fn has(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }

    fn addresses(&self) -> Vec<Vec<u8>> {
        addresses(self.moves % MOVES, self.has(Fault::HostileTexts))
    }

    fn handle_request(&mut self, request: Request, now: Instant) {
        match request {
            Request::CurrentState => {
                self.say(Message::State(State::Known(self.state)), now);
                if self.state == ProvisioningState::Provisioned {
                    self.say_result(command::CURRENT_STATE, &self.addresses(), now);
                }
            }
            Request::DeviceInfo => self.say_result(command::DEVICE_INFO, &self.identity(), now),
            Request::ScanNetworks => self.scan(now),
            Request::WifiSettings { ssid, password } => self.join(ssid, password.expose(), now),
            Request::Hostname(name) => self.rename(command::HOSTNAME, name, now),
            Request::DeviceName(name) => self.rename(command::DEVICE_NAME, name, now),
            Request::NetworkState => {
                // Addresses follow only while the gateway is online.
                let is_online = self.state == ProvisioningState::Provisioned;
                let flags = if is_online { "3" } else { "2" };
                let addresses = if is_online { self.addresses() } else { Vec::new() };
                let strings = [vec![flags.as_bytes().to_vec()], addresses].concat();
                self.say_result(command::NETWORK_STATE, &strings, now);
            }
            Request::Identify => self.say(Message::Error(DeviceError::UnknownCommand), now),
        }
    }

    fn identity(&self) -> Vec<Vec<u8>> {
        let info = &self.info;
        if self.has(Fault::HostileTexts) {
            let long = "N".repeat(120);
            return ["Firm\u{202E}eraw\u{7}\u{1b}[2J", "1.0\n\r\n", "\u{200F}board\u{0}", &format!("gw{long}")]
                .map(|text| text.as_bytes().to_vec())
                .to_vec();
        }
        [&info.firmware, &info.firmware_version, &info.hardware, &info.name]
            .map(|text| text.as_bytes().to_vec())
            .to_vec()
    }

    fn scan(&mut self, now: Instant) {
        let mut entries: Vec<Vec<Vec<u8>>> = self
            .air
            .heard()
            .map(|point| {
                let security = if point.security == Security::Open { "NO" } else { "YES" };
                vec![point.ssid.clone(), point.rssi_dbm.to_string().into_bytes(), security.into()]
            })
            .collect();
        if self.has(Fault::HostileTexts) {
            // As long as the packet can hold beside the other columns: 255 octets of data in all.
            entries.push(vec![vec![b'L'; 244], b"-50".to_vec(), b"YES".to_vec()]);
            entries.push(vec!["Free\u{202E}ifiW\u{1b}[31m".into(), b"-49".to_vec(), b"NO".to_vec()]);
            entries.push(vec![vec![0xff, 0xfe, 0x00, 0x41], b"not a number".to_vec(), b"MAYBE".to_vec()]);
        }
        for (index, entry) in entries.iter().enumerate() {
            let after = Duration::from_millis(20 * index as u64);
            self.say_result(command::SCAN, entry, now + after);
        }
        self.say_result(command::SCAN, &[], now + Duration::from_millis(20 * entries.len() as u64));
    }

    fn join(&mut self, ssid: Vec<u8>, password: &str, now: Instant) {
        if ssid.is_empty() || ssid.len() > 32 {
            return self.say(Message::Error(DeviceError::InvalidPacket), now);
        }
        self.state = ProvisioningState::Provisioning;
        // Careless firmware does log the passphrase; that is why our log view has to mask it.
        let shown = String::from_utf8_lossy(&ssid).into_owned();
        self.plan(now, Due::Log(format!("[I] wifi: connecting ssid={shown} psk={password}")));
        self.say(Message::Error(DeviceError::None), now);
        self.say(Message::State(State::Known(self.state)), now);
        let (result, mut after) = self.air.join(&ssid, password);
        if self.has(Fault::DropLink) {
            self.plan(now + DROP_AFTER, Due::DropLink);
        }
        if self.has(Fault::Late) {
            after = Duration::from_secs(75);
        }
        self.plan(now + after, Due::JoinEnds { result, ssid, password: password.to_owned() });
        if self.has(Fault::SilentJoin) {
            // What was planned for this moment still goes out; everything after it is lost.
            self.plan(now + Duration::from_millis(1), Due::Log("[I] wifi: task hangs".into()));
        }
    }

    fn end_join(&mut self, result: &JoinResult, ssid: &[u8], password: &str, now: Instant) {
        if self.has(Fault::SilentJoin) {
            self.is_mute = true;
            return;
        }
        match result {
            JoinResult::Joined => {
                if self.card.store(ssid, password).is_err() {
                    self.plan(now, Due::Log("[I] card: cannot write".into()));
                }
                self.state = ProvisioningState::Provisioned;
                self.air.uplink.up();
                self.say(Message::State(State::Known(self.state)), now);
                self.moves = self.moves.wrapping_add(u8::from(std::mem::replace(&mut self.has_address, true)));
                self.say_result(command::WIFI_SETTINGS, &self.addresses(), now);
            }
            JoinResult::Failed => {
                self.state = ProvisioningState::Ready;
                self.say(Message::Error(DeviceError::UnableToConnect), now);
                self.say(Message::State(State::Known(self.state)), now);
            }
        }
    }

    fn rename(&mut self, command: u8, name: Option<String>, now: Instant) {
        let is_host = command == command::HOSTNAME;
        if let Some(name) = name {
            let is_label = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
            if name.len() > MAX_NAME || (is_host && (!name.chars().all(is_label) || name.starts_with('-'))) {
                return self.say(Message::Error(DeviceError::BadHostname), now);
            }
            *(if is_host { &mut self.hostname } else { &mut self.info.name }) = name;
        }
        let current = if is_host { &self.hostname } else { &self.info.name };
        self.say_result(command, &[current.clone().into_bytes()], now);
    }

    fn say_result(&mut self, command: u8, strings: &[Vec<u8>], at: Instant) {
        self.say(Message::Result { command, strings: strings.to_vec() }, at);
    }

    fn say(&mut self, message: Message, at: Instant) {
        let at = if self.has(Fault::Late) { at + Duration::from_secs(4) } else { at };
        if self.has(Fault::Duplicates) {
            self.plan(at, Due::Message(message.clone()));
        }
        self.plan(at, Due::Message(message));
    }

    /// Keeps the schedule in order of time; things due at one time keep their order.
    fn plan(&mut self, at: Instant, due: Due) {
        let position = self.schedule.partition_point(|(earlier, _)| *earlier <= at);
        self.schedule.insert(position, (at, due));
    }

    fn bytes_of(&mut self, message: &Message) -> Vec<u8> {
        // Every message above is short enough; one that is not would be a mistake in this file and is left out.
        let mut bytes = encode_message(message).unwrap_or_default();
        if let Message::Result { command, .. } = message
            && (self.has(Fault::Truncated) || self.has(Fault::BadChecksum))
            && self.damaged.insert(*command)
        {
            self.damage(&mut bytes);
        }
        if self.has(Fault::Noise) {
            bytes = [self.make_noise(), bytes, self.make_noise()].concat();
        }
        bytes
    }

    fn damage(&self, bytes: &mut Vec<u8>) {
        if self.has(Fault::Truncated) {
            bytes.truncate(bytes.len() / 2);
        } else if let Some(sum) = bytes.len().checked_sub(2).and_then(|index| bytes.get_mut(index)) {
            *sum = sum.wrapping_add(1);
        }
    }

    /// Pseudo-random octets, a cut header and a log line that speaks of the protocol; the same in every run.
    fn make_noise(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for _ in 0..12 {
            self.noise ^= self.noise << 13;
            self.noise ^= self.noise >> 17;
            self.noise ^= self.noise << 5;
            bytes.extend_from_slice(&self.noise.to_le_bytes());
        }
        bytes.extend_from_slice(b"\x00IMPRO\r\n[D] improv: got IMPROV\x01 header\r\n");
        bytes
    }
}

/// After so many other addresses a gateway is given its first one again.
const MOVES: u8 = 100;

/// What a gateway that joined tells of where it is, after it was given another address so many times.
pub(super) fn addresses(moves: u8, is_hostile: bool) -> Vec<Vec<u8>> {
    let own = match LEASED.rsplit_once('.') {
        Some((network, host)) => format!("http://{network}.{}", host.parse::<u8>().map_or(moves, |host| host + moves)),
        None => format!("http://{LEASED}"),
    };
    if !is_hostile {
        return vec![own.into_bytes()];
    }
    ["javascript:alert(1)".to_owned(), format!("{own}/\u{202E}moc"), "file:///etc/passwd".to_owned()]
        .map(String::into_bytes)
        .to_vec()
}
