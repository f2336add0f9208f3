//! The client's side of a provisioning conversation as a state machine: no I/O, no clock, no randomness.
//!
//! One operation at a time, one exchange at a time: [`Session::start`] begins, [`Session::poll`] says which endpoint gets which
//! octets or until when to wait, [`Session::handle_answer`] takes the answer in, [`Session::poll_event`] says what came of it.
//! Order and limits: documents of `network_provisioning`. An answer without the part it must have is never taken for a success.

mod read;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use prost::Message as _;
use zeroize::{Zeroize as _, Zeroizing};

pub use self::read::read_security;
use self::read::{Reader, take_entry};
use super::messages::{
    ConfigPayload, ControlPayload, Empty, GetScanResult, ScanPayload, ScanStart, SetConfig, config, control, scan,
};
use super::security::{Cipher, CipherError, DrawAgain, Handshake, HandshakeError, Proof, Turn};
use super::version::{BadVersion, Scheme, Version, parse_version};
use crate::model::secret::Secret;
use crate::model::wifi::{Network, Security};

/// Networks of one scan that are kept; more are counted, not kept.
const MAX_NETWORKS: usize = 256;
/// Longest Wi-Fi passphrase of the protocol, octets.
pub const MAX_PASSPHRASE: usize = 63;
/// Milliseconds on each channel of a scan.
const SCAN_PERIOD_MILLIS: u32 = 120;

/// How long to wait for what.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For an answer that needs no radio.
    pub exchange: Duration,
    /// For the answer to "scan", which comes when the scan is over.
    pub scan: Duration,
    /// Between two questions whether a scan is over.
    pub scan_interval: Duration,
    /// For the verdict on a network.
    pub join: Duration,
    /// Before the first question for the verdict, and the pauses after it; the last one goes on.
    pub follow_intervals: [Duration; 4],
}

impl Timeouts {
    /// The usual ones.
    pub const STANDARD: Self = Self {
        exchange: Duration::from_secs(10),
        scan: Duration::from_secs(20),
        scan_interval: Duration::from_millis(500),
        join: Duration::from_mins(1),
        follow_intervals: [
            Duration::from_millis(200),
            Duration::from_millis(500),
            Duration::from_secs(1),
            Duration::from_secs(2),
        ],
    };
}

impl Default for Timeouts {
    fn default() -> Self {
        Self::STANDARD
    }
}

/// Where an exchange goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `proto-ver`.
    Version,
    /// `prov-session`.
    Session,
    /// `prov-config`.
    Config,
    /// `prov-scan`.
    Scan,
    /// `prov-ctrl`.
    Control,
    /// One of the product's own.
    Custom(String),
}

impl Endpoint {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Version => "proto-ver",
            Self::Session => "prov-session",
            Self::Config => "prov-config",
            Self::Scan => "prov-scan",
            Self::Control => "prov-ctrl",
            Self::Custom(name) => name,
        }
    }

    /// The 16-bit part of its characteristic where the device tells no names. Custom ones are numbered in the order they were
    /// made, which nobody outside knows.
    pub const fn short_uuid(&self) -> Option<u16> {
        match self {
            Self::Control => Some(0xFF4F),
            Self::Scan => Some(0xFF50),
            Self::Session => Some(0xFF51),
            Self::Config => Some(0xFF52),
            Self::Version => Some(0xFF53),
            Self::Custom(_) => None,
        }
    }
}

/// Octets for an endpoint.
pub struct Exchange {
    /// Where they go.
    pub endpoint: Endpoint,
    /// What is asked, in words; never what is carried.
    pub label: &'static str,
    /// The octets as they cross the link.
    pub body: Zeroizing<Vec<u8>>,
    /// When an answer must be there.
    pub limit: Duration,
}

/// What is to be done.
pub enum Operation {
    /// Ask what the device is.
    Version,
    /// Open the session. `private` are 32 random octets.
    Open {
        /// How it is secured.
        scheme: Scheme,
        /// Random octets.
        private: [u8; 32],
        /// What lets us in.
        proof: Proof,
    },
    /// List networks.
    Scan {
        /// Entries asked for at once.
        batch: u32,
        /// Channels scanned in a row; 0 for all.
        group_channels: u32,
    },
    /// Send octets to one of the product's own endpoints.
    Custom {
        /// Name of the endpoint.
        endpoint: String,
        /// The octets.
        body: Secret<Vec<u8>>,
    },
    /// Send credentials and have them applied.
    Push {
        /// Octets of the network's name.
        ssid: Vec<u8>,
        /// The passphrase; empty for an open network.
        passphrase: Secret<Vec<u8>>,
    },
    /// Ask for the verdict until there is one.
    Follow,
    /// Ask once how it is connected.
    Status,
    /// Take a failed attempt back.
    Reset,
    /// Forget the network in memory and go back to the start.
    Reprovision,
}

/// How the device is connected, by its own word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Station {
    /// It joined, and told how.
    Joined(Joined),
    /// It tries, perhaps for another time.
    Connecting {
        /// Attempts it has left, if one failed.
        attempts_left: Option<u32>,
    },
    /// It does not try.
    Disconnected,
    /// It gave up.
    Failed(FailReason),
    /// A state nobody knows.
    Unknown(i32),
}

/// What a device tells of the network it joined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Joined {
    /// Its address, made safe to show.
    pub address: String,
    /// The network's name, as octets.
    pub ssid: Vec<u8>,
    /// How it is protected.
    pub security: Option<Security>,
    /// The channel, if it is told.
    pub channel: Option<u32>,
    /// Hardware address of the access point, if it is told.
    pub bssid: Option<[u8; 6]>,
}

/// Why a device gave up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailReason {
    /// The access point refused the key, or the handshake with it timed out.
    Authentication,
    /// The network was not heard.
    NotFound,
    /// It told no reason.
    Untold,
    /// A number nobody knows.
    Other(i32),
}

/// What the device answered.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// What it is.
    Version(Version),
    /// The session stands.
    Open,
    /// The networks it sees, strongest first, and how many entries were left out.
    Networks {
        /// The networks; of one name on several access points the strongest.
        networks: Vec<Network>,
        /// Entries without a proper name, and more than we keep.
        ignored: usize,
    },
    /// What a product's own endpoint answered.
    Custom(Vec<u8>),
    /// It took the credentials and tries them.
    Applied,
    /// How it is connected.
    Station(Station),
    /// No verdict in time; how it was connected last.
    NoVerdict(Option<Station>),
    /// It did as it was told.
    Done,
}

/// Why there is no answer. After all but [`Failure::Status`] and [`Failure::TooSlow`] the session is of no more use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It does not tell what it is.
    #[error("the answer of proto-ver cannot be read")]
    BadVersion,
    /// The handshake failed.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    /// The answer cannot be opened.
    #[error(transparent)]
    Cipher(#[from] CipherError),
    /// The answer is no message, or lacks the part it must have.
    #[error("the answer to `{label}` cannot be read")]
    Unreadable {
        /// What was asked.
        label: &'static str,
        /// Whether its octets came through a cipher that notices changes: then the firmware wrote it so.
        is_authenticated: bool,
    },
    /// The device named a status.
    #[error("the device reports status {status} for `{label}`")]
    Status {
        /// What was asked.
        label: &'static str,
        /// The status.
        status: i32,
    },
    /// It did not come to its end in time.
    #[error("`{label}` does not end")]
    TooSlow {
        /// What was asked.
        label: &'static str,
    },
    /// Nothing is open yet.
    #[error("no session is open")]
    NotOpen,
}

/// What happened.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// Networks of the scan that runs, as far as they have come.
    Networks(Vec<Network>),
    /// The device told how it is connected while the verdict is waited for.
    Station(Station),
    /// The operation is over.
    Finished(Result<Answer, Failure>),
}

/// What to do next.
pub enum Due {
    /// Bring these octets to their endpoint, and the answer to [`Session::handle_answer`].
    Exchange(Exchange),
    /// Call [`Session::poll`] again at that time.
    Wait(Instant),
    /// No operation runs, or its exchange is under way.
    Nothing,
}

/// A conversation with one device.
#[derive(Default)]
pub struct Session {
    timeouts: Timeouts,
    handshake: Option<Handshake>,
    cipher: Option<Cipher>,
    running: Option<Running>,
    events: VecDeque<Event>,
    last_station: Option<Station>,
}

/// The operation that runs.
struct Running {
    stage: Stage,
    /// Not before then.
    not_before: Instant,
    /// The operation ends then.
    deadline: Instant,
    is_under_way: bool,
}

/// What the exchange is called that makes the device join.
pub const APPLY: &str = "apply";

/// What is asked next, or being asked.
enum Stage {
    Version,
    Handshake(Vec<u8>),
    ScanStart(ScanPlan),
    ScanStatus(ScanPlan),
    ScanResult { plan: ScanPlan, total: u32, next: u32, networks: Vec<Network>, ignored: usize },
    Custom { endpoint: String, body: Secret<Vec<u8>> },
    Set { ssid: Vec<u8>, passphrase: Secret<Vec<u8>> },
    Apply,
    Follow { asked: usize },
    Status,
    Reset,
    Reprovision,
}

#[derive(Clone, Copy)]
struct ScanPlan {
    batch: u32,
    group_channels: u32,
}

impl Session {
    /// A session with other timeouts than the usual.
    pub fn new(timeouts: Timeouts) -> Self {
        Self { timeouts, ..Self::default() }
    }

    /// Whether the exchange under way decides over the proof of possession: a device that does not like it fails it.
    pub fn is_proving(&self) -> bool {
        self.handshake.as_ref().is_some_and(Handshake::is_proving)
    }

    /// How the device was connected by its last word.
    pub const fn last_station(&self) -> Option<&Station> {
        self.last_station.as_ref()
    }

    /// Begins an operation. One that still runs is given up without an event.
    pub fn start(&mut self, operation: Operation, now: Instant) -> Result<(), DrawAgain> {
        let mut limit = Duration::MAX;
        let mut pause = Duration::ZERO;
        let stage = match operation {
            Operation::Version => Stage::Version,
            Operation::Open { scheme, private, proof } => {
                let (handshake, first) = Handshake::start(scheme, private, &proof)?;
                (self.handshake, self.cipher) = (Some(handshake), None);
                Stage::Handshake(first)
            }
            Operation::Scan { batch, group_channels } => {
                limit = self.timeouts.scan * 2;
                Stage::ScanStart(ScanPlan { batch: batch.max(1), group_channels })
            }
            Operation::Custom { endpoint, body } => Stage::Custom { endpoint, body },
            Operation::Push { ssid, passphrase } => Stage::Set { ssid, passphrase },
            Operation::Follow => {
                (limit, pause) = (self.timeouts.join, self.timeouts.follow_intervals[0]);
                Stage::Follow { asked: 0 }
            }
            Operation::Status => Stage::Status,
            Operation::Reset => Stage::Reset,
            Operation::Reprovision => Stage::Reprovision,
        };
        let far = Duration::from_hours(1);
        self.running =
            Some(Running { stage, not_before: now + pause, deadline: now + limit.min(far), is_under_way: false });
        Ok(())
    }

    /// What to do now.
    pub fn poll(&mut self, now: Instant) -> Due {
        let Some(running) = &mut self.running else { return Due::Nothing };
        if running.is_under_way {
            return Due::Nothing;
        }
        if now >= running.deadline {
            let answer = match &running.stage {
                Stage::Follow { .. } => Ok(Answer::NoVerdict(self.last_station.clone())),
                _ => Err(Failure::TooSlow { label: running.stage.label() }),
            };
            self.finish(answer);
            return Due::Nothing;
        }
        if now < running.not_before {
            return Due::Wait(running.not_before.min(running.deadline));
        }
        running.is_under_way = true;
        let (label, plain) = (running.stage.label(), running.stage.request());
        let endpoint = running.stage.endpoint();
        let limit =
            if matches!(running.stage, Stage::ScanStart(_)) { self.timeouts.scan } else { self.timeouts.exchange };
        match self.seal(&endpoint, plain) {
            Ok(body) => Due::Exchange(Exchange { endpoint, label, body, limit }),
            Err(failure) => {
                self.finish(Err(failure));
                Due::Nothing
            }
        }
    }

    /// What happened, oldest first.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Gives the operation that runs up: its exchange failed on the way. A cipher that lost a message is of no more use.
    pub fn abandon(&mut self) {
        if self.running.take().is_some_and(|running| running.is_under_way) {
            self.cipher = None;
        }
        self.handshake = None;
    }

    /// Takes in what the endpoint answered.
    pub fn handle_answer(&mut self, bytes: &[u8], now: Instant) {
        let Some(mut running) = self.running.take() else { return };
        if !running.is_under_way {
            self.running = Some(running);
            return;
        }
        running.is_under_way = false;
        let bytes = match running.stage {
            Stage::Version => {
                return self
                    .finish(parse_version(bytes).map(Answer::Version).map_err(|BadVersion| Failure::BadVersion));
            }
            Stage::Handshake(_) => return self.handle_handshake(bytes, running),
            _ => self.open(bytes),
        };
        let next = bytes.and_then(|bytes| self.handle_plain(&bytes, &mut running, now));
        match next {
            Ok(Some(answer)) => self.finish(Ok(answer)),
            Ok(None) => self.running = Some(running),
            Err(failure) => self.finish(Err(failure)),
        }
    }

    fn finish(&mut self, outcome: Result<Answer, Failure>) {
        self.running = None;
        if !matches!(outcome, Ok(_) | Err(Failure::Status { .. } | Failure::TooSlow { .. })) {
            (self.cipher, self.handshake) = (None, None);
        }
        self.events.push_back(Event::Finished(outcome));
    }

    fn seal(&mut self, endpoint: &Endpoint, mut plain: Zeroizing<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>, Failure> {
        if matches!(endpoint, Endpoint::Version | Endpoint::Session) {
            return Ok(plain);
        }
        let cipher = self.cipher.as_mut().ok_or(Failure::NotOpen)?;
        let sealed = cipher.seal(&plain)?;
        plain.zeroize();
        Ok(Zeroizing::new(sealed))
    }

    fn open(&mut self, bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, Failure> {
        Ok(self.cipher.as_mut().ok_or(Failure::NotOpen)?.open(bytes)?)
    }

    fn handle_handshake(&mut self, bytes: &[u8], mut running: Running) {
        let Some(handshake) = self.handshake.take() else { return self.finish(Err(Failure::NotOpen)) };
        match handshake.handle_answer(bytes) {
            Ok(Turn::Send(handshake, bytes)) => {
                self.handshake = Some(handshake);
                running.stage = Stage::Handshake(bytes);
                self.running = Some(running);
            }
            Ok(Turn::Done(cipher)) => {
                self.cipher = Some(cipher);
                self.finish(Ok(Answer::Open));
            }
            Err(error) => self.finish(Err(error.into())),
        }
    }

    /// Reads an opened answer: `Ok(None)` if the operation goes on.
    fn handle_plain(&mut self, bytes: &[u8], running: &mut Running, now: Instant) -> Result<Option<Answer>, Failure> {
        let is_authenticated = self.cipher.as_ref().is_some_and(Cipher::is_authenticated);
        let answer = Reader { bytes, label: running.stage.label(), is_authenticated };
        match &mut running.stage {
            Stage::Version | Stage::Handshake(_) => return Err(answer.unreadable()),
            Stage::Custom { .. } => return Ok(Some(Answer::Custom(bytes.to_vec()))),
            Stage::ScanStart(plan) => {
                answer.scan(scan::STARTED)?;
                running.stage = Stage::ScanStatus(*plan);
            }
            Stage::ScanStatus(plan) => {
                let told = answer.scan(scan::STATUS)?.progress.ok_or_else(|| answer.unreadable())?;
                if told.scan_finished {
                    let (plan, total) = (*plan, told.result_count);
                    running.stage = Stage::ScanResult { plan, total, next: 0, networks: Vec::new(), ignored: 0 };
                    if total == 0 {
                        return Ok(Some(Answer::Networks { networks: Vec::new(), ignored: 0 }));
                    }
                } else {
                    running.not_before = now + self.timeouts.scan_interval;
                }
            }
            Stage::ScanResult { plan, total, next, networks, ignored } => {
                let entries = answer.scan(scan::RESULT)?.result.ok_or_else(|| answer.unreadable())?.entries;
                let is_last = entries.is_empty();
                *next = next.saturating_add(plan.batch);
                for entry in entries {
                    take_entry(entry, networks, ignored);
                }
                networks.sort_by_key(|network| std::cmp::Reverse(network.rssi_dbm));
                let is_full = usize::try_from(*next).is_ok_and(|next| next >= MAX_NETWORKS);
                if is_last || *next >= *total || is_full {
                    let networks = std::mem::take(networks);
                    return Ok(Some(Answer::Networks { networks, ignored: *ignored }));
                }
                self.events.push_back(Event::Networks(networks.clone()));
            }
            Stage::Set { .. } => {
                let payload = answer.config(config::SET_DONE)?;
                answer.check(payload.set_done.ok_or_else(|| answer.unreadable())?.status)?;
                running.stage = Stage::Apply;
            }
            Stage::Apply => {
                let payload = answer.config(config::APPLY_DONE)?;
                answer.check(payload.apply_done.ok_or_else(|| answer.unreadable())?.status)?;
                self.last_station = None;
                return Ok(Some(Answer::Applied));
            }
            Stage::Follow { asked } => {
                *asked += 1;
                let intervals = self.timeouts.follow_intervals;
                running.not_before = now + intervals[(*asked).min(intervals.len() - 1)];
                let station = answer.station()?;
                self.last_station = Some(station.clone());
                if matches!(station, Station::Joined(_) | Station::Failed(_)) {
                    return Ok(Some(Answer::Station(station)));
                }
                self.events.push_back(Event::Station(station));
            }
            Stage::Status => {
                let station = answer.station()?;
                self.last_station = Some(station.clone());
                return Ok(Some(Answer::Station(station)));
            }
            Stage::Reset => return answer.control(control::RESET_DONE).map(Some),
            Stage::Reprovision => return answer.control(control::REPROVISION_DONE).map(Some),
        }
        Ok(None)
    }
}

impl Stage {
    fn endpoint(&self) -> Endpoint {
        match self {
            Self::Version => Endpoint::Version,
            Self::Handshake(_) => Endpoint::Session,
            Self::ScanStart(_) | Self::ScanStatus(_) | Self::ScanResult { .. } => Endpoint::Scan,
            Self::Custom { endpoint, .. } => Endpoint::Custom(endpoint.clone()),
            Self::Set { .. } | Self::Apply | Self::Follow { .. } | Self::Status => Endpoint::Config,
            Self::Reset | Self::Reprovision => Endpoint::Control,
        }
    }

    const fn label(&self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::Handshake(_) => "handshake",
            Self::ScanStart(_) => "start a scan",
            Self::ScanStatus(_) => "state of the scan",
            Self::ScanResult { .. } => "networks of the scan",
            Self::Custom { .. } => "credential",
            Self::Set { .. } => "Wi-Fi settings",
            Self::Apply => APPLY,
            Self::Follow { .. } | Self::Status => "connection state",
            Self::Reset => "reset",
            Self::Reprovision => "reprovision",
        }
    }

    /// The request in the clear.
    fn request(&mut self) -> Zeroizing<Vec<u8>> {
        let bytes = match self {
            // An empty request is passed over by some transports of the device.
            Self::Version => b"ESP".to_vec(),
            Self::Handshake(bytes) => std::mem::take(bytes),
            Self::ScanStart(plan) => {
                let start = ScanStart {
                    blocking: true,
                    passive: false,
                    group_channels: plan.group_channels,
                    period_ms: SCAN_PERIOD_MILLIS,
                };
                ScanPayload { msg: scan::START, start: Some(start), ..ScanPayload::default() }.encode_to_vec()
            }
            Self::ScanStatus(_) => {
                let get_status = Some(Empty {});
                ScanPayload { msg: scan::GET_STATUS, get_status, ..ScanPayload::default() }.encode_to_vec()
            }
            Self::ScanResult { plan, total, next, .. } => {
                let count = total.saturating_sub(*next).min(plan.batch);
                let get_result = Some(GetScanResult { start_index: *next, count });
                ScanPayload { msg: scan::GET_RESULT, get_result, ..ScanPayload::default() }.encode_to_vec()
            }
            Self::Custom { body, .. } => body.expose().clone(),
            Self::Set { ssid, passphrase } => {
                let mut passphrase = std::mem::take(passphrase);
                let octets = std::mem::take(passphrase.expose_mut());
                let set = SetConfig { ssid: std::mem::take(ssid), passphrase: octets, ..SetConfig::default() };
                let mut payload = ConfigPayload { msg: config::SET, set: Some(set), ..ConfigPayload::default() };
                let bytes = payload.encode_to_vec();
                if let Some(set) = &mut payload.set {
                    set.passphrase.zeroize();
                }
                bytes
            }
            Self::Apply => {
                ConfigPayload { msg: config::APPLY, apply: Some(Empty {}), ..ConfigPayload::default() }.encode_to_vec()
            }
            Self::Follow { .. } | Self::Status => {
                ConfigPayload { get_status: Some(Empty {}), ..ConfigPayload::default() }.encode_to_vec()
            }
            Self::Reset => {
                let reset = Some(Empty {});
                ControlPayload { msg: control::RESET, reset, ..ControlPayload::default() }.encode_to_vec()
            }
            Self::Reprovision => {
                let reprovision = Some(Empty {});
                ControlPayload { msg: control::REPROVISION, reprovision, ..ControlPayload::default() }.encode_to_vec()
            }
        };
        Zeroizing::new(bytes)
    }
}

#[cfg(test)]
mod tests;
