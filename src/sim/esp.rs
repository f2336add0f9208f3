//! The device side of Espressif's provisioning, as a state machine: requests to endpoints and times in, answers out.
//!
//! It behaves as the documents of `network_provisioning` say, the shortcomings included; foreign clients hold it to that
//! (`tests/it/esp_rainmaker.rs`). [`http`], [`console`] and [`gatt`] carry it.

pub(super) mod console;
pub(super) mod gatt;
pub(super) mod http;

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use serde_json::json;

use super::air::{Air, JoinResult, LEASED};
use super::card::Card;
use super::drivers::{Unit, esp_device};
use super::site::{start_esp_console, start_esp_http};
use crate::model::fault::Fault;
use crate::model::gateway::PortFacts;
use crate::model::ids::{DriverId, LinkKind};
use crate::model::wifi::Security;
use crate::proto::esp::messages::{
    AttemptFailed, ConfigPayload, Connected, ControlPayload, Empty, ScanEntry, ScanPayload, ScanResult, ScanStatus,
    SetConfig, StationStatus, StatusOnly, TokenPayload, TokenResponse, config, control, read, scan, station, status,
    write,
};
use crate::proto::esp::security::device::{DeviceSession, Lock};
use crate::proto::esp::version::Scheme;

/// The driver's simulator.
pub(super) const UNIT: Unit = Unit {
    id: DriverId::EspProv,
    device: None,
    links: &[
        (LinkKind::Http, |plan| Box::pin(start_esp_http(plan))),
        (LinkKind::Serial, |plan| Box::pin(async move { start_esp_console(plan) })),
    ],
    radio: Some(|links, address, plan| Ok(links.with_esp(address, PortFacts::default(), esp_device(plan)?, true))),
    access: |plan| Some((plan.esp.lock.username.clone(), plan.esp.lock.secret.clone())),
};

/// How long after it told that it joined the device ends its service.
const STOP_AFTER: Duration = Duration::from_secs(1);
/// How long after *apply* it begins to join.
const JOIN_DELAY: Duration = Duration::from_millis(100);
/// How long after that the link breaks with [`Fault::DropLink`].
const DROP_AFTER: Duration = Duration::from_millis(800);
/// Delay of every answer with [`Fault::Late`].
const LATE: Duration = Duration::from_secs(4);
/// Most networks a scan keeps.
const MAX_RESULTS: usize = 16;

/// What a device is built with.
#[derive(Clone, Debug)]
pub struct EspPlan {
    /// How its session is secured. Nothing in it is a secret: it is made up for the simulation.
    pub lock: Lock,
    /// The patch level it tells, where that is not the one it uses.
    pub told_patch: Option<u32>,
    /// The security level it tells, where that is not the one it uses.
    pub told_level: Option<u32>,
    /// Whether it has `prov-ctrl`; older firmware has not.
    pub has_control: bool,
    /// Attempts it makes before it gives up.
    pub attempts: u32,
    /// Its endpoints for tokens.
    pub custom: Vec<String>,
    /// Whether its service ends once it told that it joined.
    pub stops_after_success: bool,
    /// Whether over HTTP it hangs up where its handler fails, as much firmware does; else it answers with status 500.
    pub hangs_up: bool,
    /// Whether the answer to *apply* is lost although it joins.
    pub loses_apply: bool,
    /// Its own name, in its application's object.
    pub name: String,
}

impl Default for EspPlan {
    /// A current device.
    fn default() -> Self {
        Self::new(Scheme::Security2 { has_counter: true })
    }
}

impl EspPlan {
    /// A current device with that security.
    pub fn new(scheme: Scheme) -> Self {
        Self {
            lock: Lock { scheme, username: "installer".into(), secret: "simulated proof".into() },
            told_patch: None,
            told_level: None,
            has_control: true,
            attempts: 1,
            custom: vec!["custom-data".into(), "cloud_user_assoc".into()],
            stops_after_success: true,
            hangs_up: false,
            loses_apply: false,
            name: "Simulated gateway".into(),
        }
    }
}

/// What a device does with a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Reply {
    /// It answers, after that time.
    Answer(Vec<u8>, Duration),
    /// Its handler fails: an error of the transport.
    Failed,
    /// It has no such endpoint.
    Missing,
    /// It says nothing.
    Silent,
}

/// A simulated Espressif device.
pub struct EspDevice {
    plan: EspPlan,
    air: Air,
    card: Card,
    faults: HashSet<Fault>,
    session: Option<(u32, DeviceSession)>,
    state: State,
    set: Option<SetConfig>,
    damaged: HashSet<String>,
    tokens: HashMap<String, Vec<u8>>,
    stops_at: Option<Instant>,
    drops_at: Option<Instant>,
    is_mute: bool,
    is_answer_lost: bool,
    /// Whether it started with a network in its flash, and tries that.
    is_from_flash: bool,
}

/// Where the device stands.
enum State {
    Start,
    /// It holds credentials that were not applied.
    Set,
    Joining {
        ends_at: Instant,
        result: JoinResult,
        each: Duration,
        left: u32,
    },
    Failed {
        reason: i32,
    },
    Joined,
}

impl EspDevice {
    /// A device under that air.
    pub fn new(plan: EspPlan, mut air: Air, card: Card, faults: &[Fault]) -> Self {
        for &fault in faults {
            air.apply(fault);
        }
        Self {
            is_from_flash: card.has_network(),
            plan,
            air,
            card,
            is_mute: faults.contains(&Fault::Silent),
            is_answer_lost: false,
            faults: faults.iter().copied().collect(),
            session: None,
            state: State::Start,
            set: None,
            damaged: HashSet::new(),
            tokens: HashMap::new(),
            stops_at: None,
            drops_at: None,
        }
    }

    /// Its own name.
    pub fn name(&self) -> &str {
        &self.plan.name
    }

    /// The endpoints it has.
    pub fn endpoints(&self) -> Vec<String> {
        let mut names = vec!["prov-scan", "prov-session", "prov-config", "proto-ver"];
        if self.plan.has_control {
            names.insert(0, "prov-ctrl");
        }
        names.into_iter().map(str::to_owned).chain(self.plan.custom.iter().cloned()).collect()
    }

    /// What an endpoint was given last, as it came.
    pub fn token(&self, endpoint: &str) -> Option<&[u8]> {
        self.tokens.get(endpoint).map(Vec::as_slice)
    }

    /// When its service ends, if it is going to.
    pub const fn stops_at(&self) -> Option<Instant> {
        self.stops_at
    }

    /// When its link breaks, if it is going to.
    pub const fn drops_at(&self) -> Option<Instant> {
        self.drops_at
    }

    /// The device goes on serving after it joined, as some products are built.
    pub const fn keep_serving(&mut self) {
        self.plan.stops_after_success = false;
    }

    /// The link broke: from now on it stands again.
    pub fn handle_drop(&mut self) {
        (self.drops_at, self.session) = (None, None);
    }

    /// The device starts anew; what it holds on its card stays.
    pub fn handle_reset(&mut self) {
        (self.state, self.set, self.session) = (State::Start, None, None);
        self.is_from_flash = self.card.has_network();
        self.air.uplink.restart(false);
        (self.stops_at, self.drops_at) = (None, None);
    }

    /// Takes in a request of a session. `random` is drawn anew for each.
    pub fn handle(&mut self, session: u32, endpoint: &str, body: &[u8], random: &[u8; 64], now: Instant) -> Reply {
        self.pass_time(now);
        if self.is_mute {
            return Reply::Silent;
        }
        if !self.endpoints().iter().any(|name| name == endpoint) {
            return Reply::Missing;
        }
        // A session of another client takes the place of the one before.
        if self.session.as_ref().is_none_or(|(open, _)| *open != session) {
            self.session = Some((session, DeviceSession::new(self.plan.lock.clone())));
        }
        let answer = match endpoint {
            "proto-ver" => Some(self.version()),
            "prov-session" => self.session.as_mut().and_then(|(_, open)| open.handle(body, random).ok()),
            _ => self.handle_sealed(endpoint, body, now),
        };
        let Some(mut answer) = answer else { return Reply::Failed };
        if std::mem::take(&mut self.is_answer_lost) {
            return Reply::Silent;
        }
        self.damage(endpoint, &mut answer);
        Reply::Answer(answer, if self.has(Fault::Late) { LATE } else { Duration::ZERO })
    }

    fn has(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }

    /// Damages the first answer of each endpoint behind the session, as the faults want it.
    fn damage(&mut self, endpoint: &str, answer: &mut Vec<u8>) {
        if matches!(endpoint, "proto-ver" | "prov-session") || !self.damaged.insert(endpoint.to_owned()) {
            return;
        }
        if self.has(Fault::Truncated) {
            answer.truncate(answer.len() / 2);
        }
        if self.has(Fault::BadChecksum)
            && let Some(first) = answer.first_mut()
        {
            *first ^= 0x55;
        }
    }

    fn version(&self) -> Vec<u8> {
        let Lock { scheme, .. } = self.plan.lock;
        let (level, patch) = match scheme {
            Scheme::Security0 => (0, 0),
            Scheme::Security1 { .. } => (1, 0),
            Scheme::Security2 { has_counter } => (2, u32::from(has_counter)),
        };
        let mut abilities = vec!["wifi_prov", "wifi_scan"];
        match scheme {
            Scheme::Security0 => abilities.push("no_sec"),
            Scheme::Security1 { is_without_proof: true } => abilities.push("no_pop"),
            _ => {}
        }
        let told = self.plan.told_level.unwrap_or(level);
        let patch = self.plan.told_patch.unwrap_or(patch);
        let name = if self.has(Fault::HostileTexts) { "gw\u{202E}txt.exe\u{7}\u{1b}[2J" } else { &self.plan.name };
        json!({
            "prov": { "ver": "netprov-v1.2", "sec_ver": told, "sec_patch_ver": patch, "cap": abilities },
            name: { "ver": env!("CARGO_PKG_VERSION"), "cap": [] },
        })
        .to_string()
        .into_bytes()
    }

    fn handle_sealed(&mut self, endpoint: &str, body: &[u8], now: Instant) -> Option<Vec<u8>> {
        let plain = self.session.as_mut()?.1.cipher()?.open(body).ok()?;
        let answer = match endpoint {
            "prov-scan" => self.handle_scan(&plain),
            "prov-config" => self.handle_config(&plain, now),
            "prov-ctrl" => self.handle_control(&plain),
            _ => Some(self.handle_custom(endpoint, &plain)),
        }?;
        self.session.as_mut()?.1.cipher()?.seal(&answer).ok()
    }

    fn handle_scan(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let request: ScanPayload = read(plain).ok()?;
        let networks = self.networks();
        let answer = match request.msg {
            scan::START => ScanPayload { msg: scan::STARTED, started: Some(Empty {}), ..ScanPayload::default() },
            scan::GET_STATUS => {
                let result_count = u32::try_from(networks.len()).ok()?;
                let progress = Some(ScanStatus { scan_finished: true, result_count });
                ScanPayload { msg: scan::STATUS, progress, ..ScanPayload::default() }
            }
            scan::GET_RESULT => {
                let wanted = request.get_result.unwrap_or_default();
                let start = usize::try_from(wanted.start_index).ok()?;
                let count = usize::try_from(wanted.count).ok()?;
                let entries = networks.into_iter().skip(start).take(count).collect();
                ScanPayload { msg: scan::RESULT, result: Some(ScanResult { entries }), ..ScanPayload::default() }
            }
            _ => return None,
        };
        Some(write(&answer))
    }

    fn networks(&self) -> Vec<ScanEntry> {
        let mut entries: Vec<ScanEntry> = self
            .air
            .heard()
            .enumerate()
            .map(|(number, point)| ScanEntry {
                ssid: point.ssid.clone(),
                channel: 6,
                rssi: i32::from(point.rssi_dbm),
                bssid: vec![0xa0, 0xb1, 0xc2, 0xd3, 0xe4, u8::try_from(number).unwrap_or(u8::MAX)],
                auth: auth_number(point.security),
            })
            .collect();
        if self.has(Fault::HostileTexts) {
            let odd = |ssid: &[u8], rssi| ScanEntry { ssid: ssid.to_vec(), rssi, auth: 99, ..ScanEntry::default() };
            entries.push(odd(&[b'L'; 200], -50));
            entries.push(odd("Free\u{202E}ifiW\u{1b}[31m".as_bytes(), -49));
            entries.push(odd(&[0xff, 0xfe, 0x00, 0x41], 90_000));
            entries.push(odd(b"", -40));
        }
        entries.truncate(MAX_RESULTS);
        entries
    }

    fn handle_config(&mut self, plain: &[u8], now: Instant) -> Option<Vec<u8>> {
        let request: ConfigPayload = read(plain).ok()?;
        let only = |status| Some(StatusOnly { status });
        let answer = match request.msg {
            config::GET_STATUS => {
                let status = Some(self.station(now));
                ConfigPayload { msg: config::STATUS, status, ..ConfigPayload::default() }
            }
            config::SET => {
                let set_done = only(self.set(request.set.unwrap_or_default()));
                ConfigPayload { msg: config::SET_DONE, set_done, ..ConfigPayload::default() }
            }
            config::APPLY => {
                let apply_done = only(self.apply(now));
                ConfigPayload { msg: config::APPLY_DONE, apply_done, ..ConfigPayload::default() }
            }
            _ => return None,
        };
        Some(write(&answer))
    }

    fn set(&mut self, mut set: SetConfig) -> i32 {
        if !matches!(self.state, State::Start | State::Set) {
            return status::INTERNAL_ERROR;
        }
        // A zero octet ends the name, as in the firmware.
        let end = set.ssid.iter().position(|octet| *octet == 0).unwrap_or(set.ssid.len());
        set.ssid.truncate(end);
        let is_good =
            (1..=32).contains(&set.ssid.len()) && set.passphrase.len() <= 63 && matches!(set.bssid.len(), 0 | 6);
        if !is_good {
            return status::INVALID_ARGUMENT;
        }
        self.set = Some(set);
        self.state = State::Set;
        status::SUCCESS
    }

    fn apply(&mut self, now: Instant) -> i32 {
        let (State::Set, Some(set)) = (&self.state, &self.set) else { return status::INTERNAL_ERROR };
        let (result, mut each) = self.air.join(&set.ssid, &String::from_utf8_lossy(&set.passphrase));
        if self.has(Fault::Late) {
            each = Duration::from_secs(75);
        }
        if self.has(Fault::DropLink) {
            self.drops_at = Some(now + DROP_AFTER);
        }
        let left = self.plan.attempts.saturating_sub(1);
        self.state = State::Joining { ends_at: now + JOIN_DELAY + each, result, each, left };
        self.is_mute = self.has(Fault::SilentJoin);
        self.is_answer_lost = self.plan.loses_apply;
        status::SUCCESS
    }

    /// Lets attempts end that are due.
    fn pass_time(&mut self, now: Instant) {
        while let State::Joining { ends_at, result, each, left } = &mut self.state {
            if *ends_at > now {
                return;
            }
            if *result == JoinResult::Joined {
                if let Some(set) = &self.set {
                    // A card that cannot be written keeps nothing, as a worn one.
                    let _ = self.card.store(&set.ssid, &String::from_utf8_lossy(&set.passphrase));
                }
                self.state = State::Joined;
                self.air.uplink.up();
            } else if *left > 0 {
                *left -= 1;
                *ends_at += *each;
            } else {
                let ssid = self.set.as_ref().map(|set| set.ssid.clone()).unwrap_or_default();
                // Without an address it tries for ever: only two reasons are failures.
                if self.air.has_no_address(&ssid) {
                    *ends_at += Duration::from_hours(1);
                    return;
                }
                let is_there = self.air.hears(&ssid);
                let reason = if is_there { station::AUTHENTICATION } else { station::NOT_FOUND };
                self.state = State::Failed { reason };
            }
        }
    }

    fn station(&mut self, now: Instant) -> StationStatus {
        match &self.state {
            State::Start if self.is_from_flash => {
                StationStatus { sta_state: station::CONNECTING, ..StationStatus::default() }
            }
            State::Start | State::Set => StationStatus { sta_state: station::DISCONNECTED, ..StationStatus::default() },
            State::Joining { left, .. } => {
                let has_failed = *left + 1 < self.plan.attempts;
                let attempt_failed = has_failed.then_some(AttemptFailed { attempts_remaining: *left + 1 });
                StationStatus { sta_state: station::CONNECTING, attempt_failed, ..StationStatus::default() }
            }
            State::Failed { reason } => {
                StationStatus { sta_state: station::FAILED, fail_reason: Some(*reason), ..StationStatus::default() }
            }
            State::Joined => {
                if self.plan.stops_after_success && self.stops_at.is_none() {
                    self.stops_at = Some(now + STOP_AFTER);
                }
                let connected = Connected {
                    ip4_addr: LEASED.as_bytes().into(),
                    auth_mode: 3,
                    ssid: self.set.as_ref().map(|set| set.ssid.clone()).unwrap_or_default(),
                    bssid: vec![0xa0, 0xb1, 0xc2, 0xd3, 0xe4, 0],
                    channel: 6,
                };
                StationStatus { connected: Some(connected), ..StationStatus::default() }
            }
        }
    }

    fn handle_control(&mut self, plain: &[u8]) -> Option<Vec<u8>> {
        let request: ControlPayload = read(plain).ok()?;
        let answer = match request.msg {
            control::RESET => {
                let is_allowed = matches!(self.state, State::Failed { .. } | State::Start);
                let status = self.back_to_start(is_allowed);
                let reset_done = Some(Empty {});
                ControlPayload { msg: control::RESET_DONE, status, reset_done, ..ControlPayload::default() }
            }
            control::REPROVISION => {
                let status = self.back_to_start(matches!(self.state, State::Joined));
                let reprovision_done = Some(Empty {});
                ControlPayload { msg: control::REPROVISION_DONE, status, reprovision_done, ..ControlPayload::default() }
            }
            _ => return None,
        };
        Some(write(&answer))
    }

    fn back_to_start(&mut self, is_allowed: bool) -> i32 {
        if !is_allowed {
            return status::INTERNAL_ERROR;
        }
        (self.state, self.set, self.stops_at) = (State::Start, None, None);
        self.is_from_flash = false;
        self.air.uplink.restart(false);
        status::SUCCESS
    }

    /// Keeps a token on the card. One in the message that several products share is answered in kind.
    fn handle_custom(&mut self, endpoint: &str, plain: &[u8]) -> Vec<u8> {
        let shared: Option<TokenPayload> = read(plain).ok().filter(|payload: &TokenPayload| payload.command.is_some());
        let is_kept = self.card.keep(&format!("token-{endpoint}"), plain).is_ok();
        self.tokens.insert(endpoint.to_owned(), plain.to_vec());
        if shared.is_some() {
            let status = if is_kept { status::SUCCESS } else { status::INTERNAL_ERROR };
            let response = Some(TokenResponse { status, device_secret: b"simulated-node".into() });
            return write(&TokenPayload { msg: 1, response, ..TokenPayload::default() });
        }
        if is_kept { b"SUCCESS".into() } else { b"FAILED".into() }
    }
}

const fn auth_number(security: Security) -> i32 {
    match security {
        Security::Open => 0,
        Security::Wep => 1,
        Security::Wpa => 2,
        Security::Wpa2 | Security::Protected | Security::Other(_) => 3,
        Security::WpaWpa2 => 4,
        Security::Enterprise => 5,
        Security::Wpa3 => 6,
        Security::Wpa2Wpa3 => 7,
    }
}
