//! The driver `esp-prov`: Espressif's unified provisioning over Bluetooth LE, the gateway's own access point, or its console.
//!
//! Order: what the device is, the session, then tokens, scan and credentials; a token goes before the network, since the
//! service ends with success. The address is kept from the one answer that says "connected": after it the device drops the
//! link, which is expected. A second attempt takes the first one back before.

mod carry;
mod error;

use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};
use uuid::Uuid;

pub use self::error::EspError;

use self::carry::{Carrier, CarryError, Characteristics, Console};
use super::driver::{Driver, Followed, Limits, NetworkTold, Scan, Taken};
use super::drivers::{Opening, Unit};
use super::error::SessionError;
use super::heard::Heard;
use super::log_lines::{LogLines, tells_of_a_start};
use super::port::{Boxed, GattLink, Http, HttpError, Link, LinkError};
use super::report::Report;
use super::transcript::SharedTranscript;
use super::wipe::{DriverWiper, Wiper};
use crate::model::access::Access;
use crate::model::credentials::{WifiCredentials, WifiKey};
use crate::model::gateway::{Capabilities, DeviceInfo, Protection, ProvisioningState};
use crate::model::ids::{DriverId, LinkKind};
use crate::model::outcome::EvidenceKind;
use crate::model::secret::Secret;
use crate::model::text::visible_octets;
use crate::model::verdict::{Look, Named, Observation, Refusal, RefusalKind, Seen, Station as Standing};
use crate::msg::{Progress, Step};
use crate::profile::{DriverSettings, PushWay, Template};
use crate::proto::esp::messages::status;
use crate::proto::esp::security::{DrawAgain, Proof};
use crate::proto::esp::session::{
    Answer, Due, Endpoint, Event, Exchange, FailReason, MAX_PASSPHRASE, Operation, Session, Station, Timeouts,
};
use crate::proto::esp::token::{status_of, wrap_json, wrap_protobuf, wrap_raw};
use crate::proto::esp::version::{NoScheme, Scheme, Version};

/// The driver for all of its links.
pub(super) const UNIT: Unit = Unit {
    id: DriverId::EspProv,
    limits: |link| if link == LinkKind::Ble { Limits { connect: CONNECT_OVER_BLE, ..LIMITS } } else { LIMITS },
    waits_for: |_| "the gateway to be reached",
    open: |opening| Box::pin(async move { Ok(Box::new(open(opening).await?) as Box<dyn Driver>) }),
    manage: None,
    shell: None,
    wipe: |opening| {
        Box::pin(async move {
            let driver = Box::new(open(opening).await?);
            Ok(Box::new(DriverWiper::greet(driver, opening).await?) as Box<dyn Wiper>)
        })
    },
};

async fn open(opening: &Opening) -> Result<Esp, SessionError> {
    let parts = Parts {
        access: opening.access.clone(),
        settings: opening.settings.clone(),
        place: opening.link.place().to_owned(),
        report: opening.report.clone(),
        transcript: opening.transcript.clone(),
    };
    Ok(match opening.link.kind() {
        LinkKind::Ble => Esp::over_ble(opening.radio().await?, parts),
        LinkKind::Http => Esp::over_http(opening.links.http(&opening.link).await?, parts),
        LinkKind::Serial | LinkKind::Udp => Esp::over_console(opening.port().await?, parts)?,
    })
}

/// The limits of each step, in total.
const LIMITS: Limits = {
    let Timeouts { exchange, scan, join, .. } = Timeouts::STANDARD;
    Limits {
        // Opening, waking the console, and asking what it is.
        connect: exchange.saturating_mul(4),
        // The longest handshake has three exchanges.
        question: exchange.saturating_mul(3),
        // Asked for, looked at and fetched.
        scan: scan.saturating_add(exchange.saturating_mul(2)),
        // An attempt before may have to be taken back, then credentials go out and are applied.
        push: exchange.saturating_mul(5),
        join: join.saturating_add(exchange),
    }
};
/// Finding and connecting come first.
const CONNECT_OVER_BLE: Duration = Duration::from_secs(75);
/// Draws of a private key; one in 256 does not do.
const DRAWS: usize = 64;
/// Entries of a scan asked for at once where a value holds 512 octets, and elsewhere.
const SMALL_BATCH: u32 = 4;
const BATCH: u32 = 10;
/// Channels scanned in a row while the device keeps its own access point up.
const GROUP_OVER_HTTP: u32 = 5;
/// Characters of an endpoint's answer that are shown.
const ANSWER_CHARS: usize = 80;

/// A conversation with an Espressif device.
struct Esp {
    carrier: Carrier,
    session: Session,
    access: Access,
    /// The least security the profile takes.
    least: Option<u8>,
    place: String,
    version: Option<Version>,
    /// How it is to be secured.
    chosen: Option<Scheme>,
    /// How it is secured.
    scheme: Option<Scheme>,
    has_pushed: bool,
    has_joined: bool,
    began_joining: Option<Duration>,
    ssid: Vec<u8>,
    report: Report,
    transcript: SharedTranscript,
    log: LogLines,
    /// Lines of its log that nobody was told yet.
    lines: Vec<String>,
    /// It was heard starting.
    has_started: bool,
}

/// What a conversation needs besides its link.
struct Parts {
    access: Access,
    settings: Option<DriverSettings>,
    /// Where the gateway is, which is the only name this protocol tells of it.
    place: String,
    report: Report,
    transcript: SharedTranscript,
}

impl Esp {
    /// Takes a Bluetooth connection over.
    fn over_ble(link: GattLink, parts: Parts) -> Self {
        let service = parts.settings.as_ref().and_then(|settings| settings.text("service")).and_then(full_uuid);
        Self::new(Carrier::Ble(Characteristics::new(link, service)), parts)
    }

    /// Talks to the service on the gateway's own access point.
    fn over_http(http: std::sync::Arc<dyn Http>, parts: Parts) -> Self {
        Self::new(Carrier::Http(http), parts)
    }

    /// Takes an open serial link over.
    fn over_console(link: Link, parts: Parts) -> Result<Self, EspError> {
        let mut session = [0; 2];
        getrandom::fill(&mut session).map_err(|_| EspError::NoRandom)?;
        let console = Console::new(link, u16::from_be_bytes(session));
        Ok(Self::new(Carrier::Console(Box::new(console)), parts))
    }

    fn new(carrier: Carrier, parts: Parts) -> Self {
        let Parts { access, settings, place, report, transcript } = parts;
        let least = settings.and_then(|settings| settings.number("security")?.try_into().ok());
        if let Some(secret) = &access.secret {
            transcript.learn_secret(secret.expose().as_bytes());
        }
        let log = LogLines::new(&transcript);
        Self {
            carrier,
            session: Session::new(Timeouts::STANDARD),
            access,
            least,
            place,
            version: None,
            chosen: None,
            scheme: None,
            has_pushed: false,
            has_joined: false,
            began_joining: None,
            ssid: Vec::new(),
            report,
            transcript,
            log,
            lines: Vec::new(),
            has_started: false,
        }
    }

    async fn greet(&mut self) -> Result<ProvisioningState, SessionError> {
        self.report.waits_for(Step::Connect, "the gateway to report how it is provisioned").await;
        let prepared = self.carrier.prepare().await;
        prepared.map_err(|error| self.explain(error, &Endpoint::Version, "prompt", false))?;
        let Answer::Version(version) = self.run(Operation::Version).await? else {
            return Err(EspError::NoVersion.into());
        };
        let scheme = self.choose(&version)?;
        self.version = Some(version);
        self.chosen = Some(scheme);
        Ok(ProvisioningState::Ready)
    }

    /// How the session is to be secured, if that is enough for the profile and the operator.
    fn choose(&self, version: &Version) -> Result<Scheme, EspError> {
        let scheme = version.scheme().map_err(|reason| match reason {
            NoScheme::UnknownLevel { level } => EspError::UnknownLevel { level },
            NoScheme::NewerPatch { patch } => EspError::NewerPatch { patch },
        })?;
        let offered = level(scheme);
        let wanted = self.least.unwrap_or(1);
        if offered == 0 && wanted > 0 && !self.access.allows_unprotected {
            return Err(EspError::Unprotected);
        }
        if offered > 0 && offered < wanted {
            return Err(EspError::BelowMinimum { offered, wanted });
        }
        if offered == 2 && matches!(self.carrier, Carrier::Console(_)) {
            return Err(EspError::TooLongForConsole);
        }
        let has = |text: Option<&str>| text.is_some_and(|text| !text.is_empty());
        let needs_secret = matches!(scheme, Scheme::Security1 { is_without_proof: false } | Scheme::Security2 { .. });
        if needs_secret && !has(self.access.secret.as_ref().map(|secret| secret.expose().as_str())) {
            return Err(EspError::ProofMissing { level: offered });
        }
        if offered == 2 && !has(self.access.username.as_deref()) {
            return Err(EspError::UsernameMissing);
        }
        Ok(scheme)
    }

    async fn open(&mut self, scheme: Scheme) -> Result<(), SessionError> {
        for _ in 0..DRAWS {
            let mut private = [0; 32];
            getrandom::fill(&mut private).map_err(|_| EspError::NoRandom)?;
            let secret = self.access.secret.as_ref().map(|secret| secret.expose().as_bytes().to_vec());
            let proof = Proof {
                username: self.access.username.clone().unwrap_or_default().into_bytes(),
                secret: Secret::new(secret.unwrap_or_default()),
            };
            if self.session.start(Operation::Open { scheme, private, proof }, now()).is_ok() {
                self.finish().await?;
                return Ok(());
            }
        }
        Err(EspError::NoRandom.into())
    }

    /// One operation from its beginning to its answer.
    async fn run(&mut self, operation: Operation) -> Result<Answer, SessionError> {
        // Only the opening of a session draws, and it does so itself.
        self.session.start(operation, now()).map_err(|DrawAgain| EspError::NoRandom)?;
        self.finish().await
    }

    async fn finish(&mut self) -> Result<Answer, SessionError> {
        loop {
            while let Some(event) = self.session.poll_event() {
                match event {
                    Event::Finished(Ok(answer)) => return Ok(answer),
                    Event::Finished(Err(failure)) => return Err(EspError::from(failure).into()),
                    Event::Networks(networks) => {
                        self.report.send(Progress::Networks { networks, is_complete: false }).await;
                    }
                    Event::Station(station) => self.note_station(&station).await,
                }
            }
            match self.session.poll(now()) {
                Due::Exchange(exchange) => self.exchange(exchange).await?,
                Due::Wait(until) => self.wait(until.into()).await?,
                Due::Nothing => {}
            }
        }
    }

    async fn exchange(&mut self, exchange: Exchange) -> Result<(), SessionError> {
        let Exchange { endpoint, label, body, limit } = exchange;
        self.transcript.sent(self.report.elapsed(), &format!("{label} to {}", endpoint.name()), &body);
        let is_proving = self.session.is_proving();
        let answer = timeout(limit, self.carrier.carry(&endpoint, &body)).await.unwrap_or(Err(CarryError::Silent));
        self.tell_log().await;
        match answer {
            Ok(bytes) => {
                self.transcript.received(self.report.elapsed(), &bytes);
                self.session.handle_answer(&bytes, now());
                Ok(())
            }
            Err(error) => {
                self.session.abandon();
                Err(self.explain(error, &endpoint, label, is_proving))
            }
        }
    }

    /// What a failed exchange means. A device that does not like the proof of possession fails the exchange or hangs up.
    fn explain(&self, error: CarryError, endpoint: &Endpoint, label: &'static str, is_proving: bool) -> SessionError {
        let heard = if let Carrier::Console(console) = &self.carrier { console.heard() } else { Heard::default() };
        let level = self.version.as_ref().and_then(|version| version.scheme().ok()).map_or(1, level);
        match error {
            CarryError::Failed if is_proving => EspError::ProofRefused { level }.into(),
            CarryError::Link(LinkError::Ble(_) | LinkError::Http(HttpError::Broken { .. })) if is_proving => {
                EspError::ProofRefused { level }.into()
            }
            CarryError::Link(error) => error.into(),
            CarryError::Missing => EspError::NoEndpoint { name: endpoint.name().to_owned() }.into(),
            CarryError::Failed if *endpoint == Endpoint::Version => EspError::NoVersion.into(),
            CarryError::Failed => EspError::Failed { label }.into(),
            CarryError::TooLong => EspError::LineTooLong { label }.into(),
            CarryError::Silent => EspError::NoReply { label, heard }.into(),
        }
    }

    /// Waits, and notices meanwhile when the link ends.
    async fn wait(&mut self, until: Instant) -> Result<(), LinkError> {
        let ended = tokio::select! {
            () = sleep_until(until) => Ok(()),
            error = self.carrier.ended() => Err(error),
        };
        self.tell_log().await;
        ended
    }

    async fn tell_log(&mut self) {
        self.take_log();
        if !self.lines.is_empty() {
            self.report.send(Progress::DeviceLog(std::mem::take(&mut self.lines))).await;
        }
    }

    fn take_log(&mut self) {
        let lines = self.log.push(&self.carrier.take_log());
        self.has_started |= lines.iter().any(|line| tells_of_a_start(line));
        self.lines.extend(lines);
    }

    async fn note_station(&mut self, station: &Station) {
        match station {
            Station::Connecting { attempts_left } => {
                if self.began_joining.is_none() {
                    self.began_joining = Some(self.report.elapsed());
                    self.report.send(Progress::StateChanged(ProvisioningState::Provisioning)).await;
                }
                if let Some(left) = attempts_left {
                    let waits_for = format!("the gateway's verdict; an attempt failed, it has {left} left");
                    self.report.waits_for(Step::Follow, &waits_for).await;
                }
            }
            Station::Disconnected | Station::Unknown(_) | Station::Joined(_) | Station::Failed(_) => {}
        }
    }

    async fn send(&mut self, credentials: &WifiCredentials) -> Result<(), SessionError> {
        let passphrase = match &credentials.key {
            WifiKey::RawPsk(_) => return Err(EspError::KeyNotCarried.into()),
            _ => credentials.password().as_bytes().to_vec(),
        };
        let passphrase = Secret::new(passphrase);
        if passphrase.expose().len() > MAX_PASSPHRASE {
            return Err(EspError::KeyNotCarried.into());
        }
        self.transcript.learn(credentials);
        self.log = LogLines::new(&self.transcript);
        (self.began_joining, self.has_joined) = (None, false);
        self.ssid = credentials.ssid.octets().to_vec();
        if self.has_pushed {
            self.take_back().await?;
        }
        let push = |esp: &Self| Operation::Push { ssid: esp.ssid.clone(), passphrase: passphrase.clone() };
        let operation = push(self);
        match self.run(operation).await {
            // Credentials of an earlier session may stand in the way.
            Err(SessionError::Esp(EspError::Status { status: status::INTERNAL_ERROR, .. })) if !self.has_pushed => {
                self.take_back().await?;
                let operation = push(self);
                self.run(operation).await?;
            }
            pushed => {
                pushed?;
            }
        }
        self.has_pushed = true;
        Ok(())
    }

    /// Takes a failed attempt back, so that the device takes credentials again.
    async fn take_back(&mut self) -> Result<(), SessionError> {
        if self.carrier.has(&Endpoint::Control) == Some(false) {
            return Err(EspError::NeedsReset.into());
        }
        match self.run(Operation::Reset).await {
            Ok(_) => Ok(()),
            Err(SessionError::Esp(EspError::NoEndpoint { .. } | EspError::Failed { .. })) => {
                Err(EspError::NeedsReset.into())
            }
            Err(error) => Err(error),
        }
    }

    async fn verdict(&mut self) -> Followed {
        // It is asked only once it took them.
        let taken = || Some("took the credentials".to_owned());
        let (seen, last_word, broken) = match self.run(Operation::Follow).await {
            Ok(Answer::Station(station)) => {
                self.has_joined = matches!(&station, Station::Joined(joined) if joined.ssid == self.ssid);
                (self.observed(station), self.last_word(), None)
            }
            Err(SessionError::Link(error)) => (Observation::LinkLost, self.last_word().or_else(taken), Some(error)),
            Ok(_) | Err(SessionError::Esp(EspError::NoReply { .. })) => {
                (Observation::TimeOver, self.last_word().or_else(taken), None)
            }
            Err(error) => {
                self.transcript.note(self.report.elapsed(), &error.to_string());
                (Observation::Garbled, Some("gave an answer that cannot be read".into()), None)
            }
        };
        // It names a reason only after it tried.
        let has_begun = self.began_joining.is_some() || matches!(seen, Observation::Refused(_));
        let began = has_begun.then_some(Observation::Began);
        Followed { observations: began.into_iter().chain([seen]).collect(), last_word, broken, connection: None }
    }

    /// What a state says. The device names the network it is connected to.
    fn observed(&self, station: Station) -> Observation {
        let (standing, named, addresses) = match station {
            Station::Joined(joined) => {
                let is_address = !joined.address.is_empty() && joined.address != "0.0.0.0";
                let address = is_address.then(|| self.transcript.redact(&joined.address));
                let named = match joined.ssid {
                    ssid if ssid.is_empty() => Named::Unreadable,
                    ssid => Named::Network { ssid, connection: None },
                };
                (Standing::Connected, named, address.into_iter().collect())
            }
            Station::Failed(reason) => return Observation::Refused(refusal(reason)),
            Station::Connecting { .. } => (Standing::Busy, Named::NotSaid, Vec::new()),
            Station::Disconnected | Station::Unknown(_) => (Standing::Unclear, Named::NotSaid, Vec::new()),
        };
        Observation::Look(Look { station: standing, named, seen: Seen::Question, addresses })
    }

    fn last_word(&self) -> Option<String> {
        self.session.last_station().map(|station| match station {
            Station::Joined(_) => "has joined".into(),
            Station::Connecting { attempts_left: None } => "is joining a network".into(),
            Station::Connecting { attempts_left: Some(left) } => {
                format!("is joining a network, with {left} attempts left")
            }
            Station::Disconnected => "is not connected to a network".into(),
            Station::Failed(_) => "gave up".into(),
            Station::Unknown(number) => format!("is in the unknown state {number}"),
        })
    }

    async fn give(&mut self, way: &PushWay, content: &Secret<Vec<u8>>) -> Result<Taken, SessionError> {
        let PushWay::Endpoint { name, template, json, field } = way else {
            return Err(SessionError::NotOffered { step: Step::Credential, driver: DriverId::EspProv });
        };
        let wrapped = match template {
            Template::Raw => wrap_raw(content.expose()),
            Template::Json => wrap_json(json.as_deref().unwrap_or_default(), content.expose()),
            Template::Protobuf => wrap_protobuf(field, content.expose()),
        };
        let wrapped = wrapped.map_err(|reason| EspError::Token { reason })?;
        // In base64 and the like the token looks otherwise than in the file.
        self.transcript.learn_secret(&wrapped);
        let endpoint = Endpoint::Custom(name.clone());
        if self.carrier.has(&endpoint) == Some(false) {
            return Err(EspError::NoEndpoint { name: name.clone() }.into());
        }
        let octets = wrapped.len();
        let operation = Operation::Custom { endpoint: name.clone(), body: Secret::new(wrapped.to_vec()) };
        let Answer::Custom(answer) = self.run(operation).await? else {
            return Err(EspError::Nonsense { label: "credential" }.into());
        };
        if *template == Template::Protobuf
            && let Some(told @ 1..) = status_of(&answer)
        {
            return Err(EspError::Status { label: "credential", status: told }.into());
        }
        let answer = self.shown_answer(&answer);
        let text = format!("The endpoint {name} took {octets} bytes and {answer}");
        Ok(Taken { kind: EvidenceKind::Acknowledged, text })
    }

    /// An endpoint's answer in words. Octets that are no text may be a secret of the device and are only counted.
    fn shown_answer(&self, answer: &[u8]) -> String {
        let text = answer.strip_suffix(b"\0").unwrap_or(answer);
        let is_text = text.iter().all(|octet| octet.is_ascii_graphic() || *octet == b' ');
        match (text.len(), is_text) {
            (0, _) => "answered without content".into(),
            (_, true) => {
                format!("answered “{}”", self.transcript.redact(&visible_octets(text, ANSWER_CHARS)))
            }
            (octets, false) => format!("answered {octets} bytes"),
        }
    }
}

impl Driver for Esp {
    fn id(&self) -> DriverId {
        DriverId::EspProv
    }

    fn capabilities(&self) -> Capabilities {
        let version = self.version.as_ref();
        let has = |endpoint| self.carrier.has(&endpoint) != Some(false);
        // A device that provisions other networks only says so; one that says nothing is an older one for Wi-Fi.
        let is_thread_only = version.is_some_and(|version| version.has("thread_prov") && !version.has("wifi_prov"));
        Capabilities {
            wifi: !is_thread_only && has(Endpoint::Config),
            scan: version.is_some_and(Version::can_scan) && has(Endpoint::Scan),
            reset_line: matches!(self.carrier, Carrier::Console(_)),
            reprovision: has(Endpoint::Control),
            credentials: true,
            ..Capabilities::default()
        }
    }

    fn protection(&self) -> Protection {
        self.scheme.map_or(Protection::Security0, protection)
    }

    fn hello(&mut self) -> Boxed<'_, Result<ProvisioningState, SessionError>> {
        Box::pin(self.greet())
    }

    fn is_to_be_secured(&self) -> bool {
        self.chosen.is_some() && self.scheme.is_none()
    }

    fn secure(&mut self) -> Boxed<'_, Result<(), SessionError>> {
        Box::pin(async move {
            if let Some(scheme) = self.chosen {
                self.open(scheme).await?;
                self.scheme = Some(scheme);
            }
            Ok(())
        })
    }

    fn state(&self) -> Option<ProvisioningState> {
        None
    }

    fn describe(&mut self) -> Boxed<'_, Result<DeviceInfo, SessionError>> {
        let version = self.version.clone().unwrap_or_default();
        // What the product calls itself stands beside the provisioning, if anywhere.
        let (firmware, firmware_version) = match version.applications.into_iter().next() {
            Some(application) => (application.label, application.version),
            None => ("provisioning".into(), version.version.clone()),
        };
        let redact = |text: String| self.transcript.redact(&text);
        let info = DeviceInfo {
            firmware: redact(firmware),
            firmware_version: redact(firmware_version),
            hardware: redact(format!("a device with provisioning {}", version.version)),
            name: self.place.clone(),
            ..DeviceInfo::default()
        };
        Box::pin(std::future::ready(Ok(info)))
    }

    fn why_no_identify(&self) -> &'static str {
        "Espressif provisioning can't identify a device; check its name or place"
    }

    fn scan(&mut self) -> Boxed<'_, Result<Scan, SessionError>> {
        let (batch, group_channels) = match self.carrier {
            Carrier::Ble(_) | Carrier::Console(_) => (SMALL_BATCH, 0),
            Carrier::Http(_) => (BATCH, GROUP_OVER_HTTP),
        };
        Box::pin(async move {
            match self.run(Operation::Scan { batch, group_channels }).await? {
                Answer::Networks { networks, ignored } => Ok(Scan { networks, ignored }),
                _ => Err(EspError::Nonsense { label: "networks of the scan" }.into()),
            }
        })
    }

    fn push_credential<'a>(
        &'a mut self,
        way: &'a PushWay,
        content: &'a Secret<Vec<u8>>,
    ) -> Boxed<'a, Result<Taken, SessionError>> {
        Box::pin(self.give(way, content))
    }

    fn push<'a>(&'a mut self, credentials: &'a WifiCredentials) -> Boxed<'a, Result<(), SessionError>> {
        Box::pin(self.send(credentials))
    }

    fn follow(&mut self) -> Boxed<'_, Followed> {
        Box::pin(self.verdict())
    }

    fn abandon(&mut self) -> bool {
        // A cipher that lost a message is out of step; without one an answer names no question.
        self.session.abandon();
        false
    }

    fn began_joining(&self) -> Option<Duration> {
        self.began_joining
    }

    fn read_back(&mut self) -> Boxed<'_, Option<Result<Observation, SessionError>>> {
        Box::pin(async move {
            if self.has_joined {
                return None;
            }
            match self.run(Operation::Status).await {
                Ok(Answer::Station(station)) => Some(Ok(self.observed(station))),
                Ok(_) => Some(Err(EspError::Nonsense { label: "connection state" }.into())),
                Err(error) => Some(Err(error)),
            }
        })
    }

    fn has_network(&mut self) -> Boxed<'_, NetworkTold> {
        Box::pin(async move {
            let station = match self.run(Operation::Status).await {
                Ok(Answer::Station(station)) => station,
                Ok(_) => return Some(Err(EspError::Nonsense { label: "connection state" }.into())),
                Err(error) => return Some(Err(error)),
            };
            Some(Ok(match station {
                Station::Joined(_) => (Some(true), "The gateway reports that it is on a network".to_owned()),
                Station::Connecting { .. } => (Some(true), "The gateway reports that it is joining a network".into()),
                Station::Failed(_) => (Some(true), "The gateway reports that it tried to join a network".into()),
                Station::Disconnected => (Some(false), "The gateway reports that it tries no network".into()),
                Station::Unknown(_) => (None, "The gateway reports a state that isn't known".into()),
            }))
        })
    }

    fn reprovision(&mut self) -> Boxed<'_, Result<(), SessionError>> {
        Box::pin(async move {
            if self.carrier.has(&Endpoint::Control) == Some(false) {
                return Err(EspError::NoEndpoint { name: Endpoint::Control.name().to_owned() }.into());
            }
            match self.run(Operation::Reprovision).await {
                // It joined nothing: then the other request brings it back to the start.
                Err(SessionError::Esp(EspError::Status { status: status::INTERNAL_ERROR, .. })) => {
                    self.run(Operation::Reset).await?;
                }
                answered => {
                    answered?;
                }
            }
            self.has_pushed = false;
            Ok(())
        })
    }

    fn pulse_reset(&mut self) -> Boxed<'_, Result<(), SessionError>> {
        Box::pin(async move {
            match self.carrier.pulse_reset().await {
                Some(pulsed) => Ok(pulsed?),
                None => Err(SessionError::NotOffered { step: Step::Reset, driver: DriverId::EspProv }),
            }
        })
    }

    fn heard_start(&mut self) -> bool {
        self.take_log();
        std::mem::take(&mut self.has_started)
    }

    fn listen(&mut self) -> Boxed<'_, Result<ProvisioningState, LinkError>> {
        Box::pin(async move { Err(self.carrier.ended().await) })
    }

    fn close(&mut self) -> Boxed<'_, ()> {
        Box::pin(self.carrier.close())
    }
}

/// Tokio's time, which tests pause.
fn now() -> std::time::Instant {
    Instant::now().into_std()
}

/// A service id of 16 bits stands for one of 128.
fn full_uuid(text: &str) -> Option<Uuid> {
    let full = if text.len() == 4 { format!("0000{text}-0000-1000-8000-00805f9b34fb") } else { text.to_owned() };
    Uuid::try_parse(&full).ok()
}

const fn level(scheme: Scheme) -> u8 {
    match scheme {
        Scheme::Security0 => 0,
        Scheme::Security1 { .. } => 1,
        Scheme::Security2 { .. } => 2,
    }
}

const fn protection(scheme: Scheme) -> Protection {
    match scheme {
        Scheme::Security0 => Protection::Security0,
        Scheme::Security1 { is_without_proof: true } => Protection::Security1WithoutProof,
        Scheme::Security1 { is_without_proof: false } => Protection::Security1,
        Scheme::Security2 { has_counter: false } => Protection::Security2ConstantNonce,
        Scheme::Security2 { has_counter: true } => Protection::Security2,
    }
}

fn refusal(reason: FailReason) -> Refusal {
    let (kind, code, words) = match reason {
        FailReason::Authentication => {
            (RefusalKind::WrongKey, "esp.wrong_key", "that the network did not let it in".to_owned())
        }
        FailReason::NotFound => (RefusalKind::NotFound, "esp.not_found", "that it did not find the network".to_owned()),
        FailReason::Untold => (RefusalKind::CouldNotJoin, "esp.could_not_join", "that it could not join".to_owned()),
        FailReason::Other(number) => {
            (RefusalKind::CouldNotJoin, "esp.could_not_join", format!("that it could not join (reason {number})"))
        }
    };
    Refusal { kind, code, words }
}
