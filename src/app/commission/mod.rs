//! Commission: choose gateway, profile and driver; connect; fill in the network; send; read the outcome; next gateway.
//!
//! The network stays in the form from one gateway to the next, in memory only. Nothing dangerous happens by itself:
//! credentials go out on a click, or, for the next gateway, when the click that connected said so.

mod access;
mod choice;
mod form;
mod next;
mod session;
mod tokens;

use std::path::PathBuf;
use std::time::Duration;

pub use access::AccessForm;
pub use choice::{DriverOption, driver_options};
pub use form::{QrForm, WifiForm};
pub use next::Handled;
pub use session::{Button, Phase, ScanState, Session, StepLine, StepState, Target};
pub use tokens::{TokenInput, TokenRow, Tokens};

use super::Desk;
use super::discover::display_name;
use super::gateways::KeptNetwork;
use super::jobs::JobKind;
use crate::model::act;
use crate::model::agenda::{Agenda, Order, Todo};
use crate::model::credentials::check;
use crate::model::destination::Destination;
use crate::model::drivers::Wanted;
use crate::model::gateway::{ProvisioningState, Sighting};
use crate::model::ids::{DriverId, JobId, LinkAddress, ProfileId};
use crate::model::problem::Problem;
use crate::model::secret::Secret;
use crate::model::text::visible;
use crate::model::wifi::{LaptopScan, NearbyNetwork, Ssid, WifiRules, parse_ssid};
use crate::msg::{Command, JobEnd, Known, Progress, QrContent, QrSource, Request, Step};
use crate::profile::Catalog;

/// What the user did on Commission.
pub enum CommissionAction {
    /// Chose a profile, or none.
    ChoseProfile(Option<ProfileId>),
    /// Chose a driver.
    ChoseDriver(DriverId),
    /// Opened the session.
    Connected,
    /// Stopped whatever the session does.
    Cancelled,
    /// Ended the session in an orderly way.
    Closed,
    /// Put the ended session away.
    Dismissed,
    /// Changed something in the Wi-Fi form.
    FormChanged,
    /// Picked a network from the gateway's list.
    PickedNetwork(Ssid),
    /// Gave a QR code.
    GaveQr(QrGiven),
    /// Sent the network.
    Sent,
    /// Wants to correct the passphrase and try again.
    Corrected,
    /// Wants to type another login: the one filled in was refused.
    CorrectedLogin,
    /// Forgot the network and its passphrase.
    ForgotNetwork,
    /// Asked for a new scan.
    ScannedAgain,
    /// Let the gateway blink.
    Identified,
    /// Sent the host name typed.
    SetHostname,
    /// Sent the device name typed.
    SetDeviceName,
    /// Sent the token or file of that id.
    SentToken(String),
    /// Forgot what lets us in.
    ForgotAccess,
    /// Wants something done that cannot be taken back; is asked first.
    AskedFor(Question),
    /// Confirmed it.
    Confirmed,
    /// Thought better of it.
    Dropped,
    /// Exports the transcript to that path.
    ExportedTranscript(String),
}

/// What is asked before it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Pulse the reset line.
    Reset,
    /// Let the gateway forget its network.
    Reprovision,
}

/// Where a QR code is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QrGiven {
    /// In the text field.
    Text,
    /// In the file of the path field.
    File,
    /// On the clipboard, as a picture.
    Clipboard,
}

/// Why the network is sent as soon as the session is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Send {
    /// With a click for this gateway.
    Asked,
    /// Because the click that connected said so.
    ByItself,
}

/// What a session does by itself as soon as it is ready: credentials by their id, and the network of the form.
type Wishes = Agenda<String, Send>;

/// The view model of Commission.
#[derive(Default)]
pub struct Commission {
    /// The Wi-Fi form.
    pub form: WifiForm,
    /// What the gateway asks for before a session; edited in place. It belongs to the chosen gateway.
    pub access: AccessForm,
    /// Tokens and files for this gateway; edited in place.
    pub tokens: Tokens,
    /// A host name for the gateway; edited in place.
    pub hostname: String,
    /// A name for the gateway; edited in place.
    pub device_name: String,
    gateway: Option<(LinkAddress, String)>,
    profile: Option<ProfileId>,
    driver: Option<DriverId>,
    /// A person chose profile or driver: what is recognised later changes nothing about it.
    is_chosen_by_hand: bool,
    session: Option<Session>,
    /// What this laptop sees, as it was asked last.
    laptop: Option<LaptopScan>,
    wishes: Wishes,
    question: Option<Question>,
    transcript_job: Option<JobId>,
}

impl Commission {
    /// The gateway chosen, by link and by name.
    pub fn gateway(&self) -> Option<(&LinkAddress, &str)> {
        self.gateway.as_ref().map(|(link, name)| (link, name.as_str()))
    }

    /// The profile chosen.
    pub const fn profile(&self) -> Option<&ProfileId> {
        self.profile.as_ref()
    }

    /// The driver chosen.
    pub const fn driver(&self) -> Option<DriverId> {
        self.driver
    }

    /// The session, open or ended.
    pub const fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// The session, while it is open.
    pub fn open_session(&self) -> Option<&Session> {
        self.session.as_ref().filter(|session| !session.is_ended())
    }

    /// Whether a job is its session.
    pub fn is_of(&self, job: JobId) -> bool {
        self.session.as_ref().is_some_and(|session| session.job == job)
    }

    pub(super) fn is_reading_qr(&self, job: JobId) -> bool {
        self.form.qr.job == Some(job)
    }

    pub(super) fn is_writing_transcript(&self, job: JobId) -> bool {
        self.transcript_job == Some(job)
    }

    /// What this laptop sees of the network in the form, in one sentence; nothing while that is not known.
    pub fn laptop_words(&self) -> Option<String> {
        self.laptop.as_ref()?.words(parse_ssid(&self.form.draft.ssid).ok().as_ref())
    }

    /// What is being asked, if a dialog is open.
    pub const fn question(&self) -> Option<Question> {
        self.question
    }

    /// What the chosen driver wants before it opens a session.
    pub fn wanted_access(&self) -> Option<Wanted> {
        self.driver.and_then(|driver| driver.facts().wanted)
    }

    /// The tokens and files that the profile names and the driver can send.
    pub fn token_rows(&self, catalog: &Catalog) -> Vec<TokenRow> {
        let profile = self.profile.as_ref().and_then(|id| catalog.get(id));
        self.driver.map_or_else(Vec::new, |driver| tokens::rows(profile, driver))
    }

    /// Whether the transcript is being written.
    pub const fn is_exporting_transcript(&self) -> bool {
        self.transcript_job.is_some()
    }

    /// The drivers to choose from for the chosen gateway and profile.
    pub fn drivers(&self, catalog: &Catalog) -> Vec<DriverOption> {
        let profile = self.profile.as_ref().and_then(|id| catalog.get(id));
        self.gateway.as_ref().map_or_else(Vec::new, |(link, _)| driver_options(profile, link.kind()))
    }

    /// The Wi-Fi rules that hold; `None` if the chosen profile has no Wi-Fi.
    pub fn rules(&self, catalog: &Catalog) -> Option<WifiRules> {
        match self.profile.as_ref().and_then(|id| catalog.get(id)) {
            Some(profile) => profile.wifi.clone(),
            None => Some(WifiRules::standard()),
        }
    }

    /// The gateway was selected, or more is known of it. What a person chose stays.
    pub(super) fn choose(&mut self, row: &Sighting, last: Option<&ProfileId>, kept: &KeptNetwork, catalog: &Catalog) {
        let is_known = self.gateway.as_ref().is_some_and(|(link, _)| *link == row.link);
        if is_known && (self.session.is_some() || self.is_chosen_by_hand) {
            return;
        }
        if !self.form.has_network() {
            self.form.take_kept(kept.draft());
        }
        self.take_gateway(row, last, catalog);
    }

    fn take_gateway(&mut self, row: &Sighting, last: Option<&ProfileId>, catalog: &Catalog) {
        let guess = row.profile.as_ref();
        self.profile = guess.map(|guess| &guess.profile).or(last).filter(|id| catalog.get(id).is_some()).cloned();
        if self.gateway.as_ref().is_none_or(|(link, _)| *link != row.link) {
            self.forget_what_is_the_gateways(Some(&row.link));
        }
        self.gateway = Some((row.link.clone(), display_name(row).into_owned()));
        self.driver = choice::preselect(&self.drivers(catalog), guess.map(|guess| guess.driver));
        self.recheck(catalog);
    }

    /// Another gateway: what was typed for the one before goes. The network stays, it is the site's.
    fn forget_what_is_the_gateways(&mut self, next: Option<&LinkAddress>) {
        self.access.gateway_changed(next);
        self.tokens.forget();
        self.hostname.clear();
        self.device_name.clear();
    }

    /// The port went away: what is plugged in there next is another gateway.
    pub(super) fn unplugged(&mut self) {
        self.forget_what_is_the_gateways(None);
        self.form.forget();
    }

    /// The click that chose this gateway said that it is to be connected, and sent the network that is kept.
    pub(super) fn go_on(&mut self, kept: &KeptNetwork, desk: &mut Desk<'_>) -> Vec<Command> {
        self.form.take_kept(kept.draft());
        self.recheck(desk.catalog);
        // A login or proof is this gateway's alone: it has to be typed first.
        if self.wanted_access().is_some() && !self.access.is_filled() {
            return Vec::new();
        }
        self.wishes = Agenda::of(Order {
            is_scanning: true,
            networks: kept.is_whole().then_some(Send::ByItself).into_iter().collect(),
            ..Order::default()
        });
        self.open(desk)
    }

    pub(super) fn act(&mut self, action: CommissionAction, desk: &mut Desk<'_>) -> Vec<Command> {
        match action {
            CommissionAction::ChoseProfile(profile) => self.choose_profile(profile, desk.catalog),
            CommissionAction::ChoseDriver(driver) => {
                self.driver = Some(driver);
                self.is_chosen_by_hand = true;
            }
            CommissionAction::Connected => {
                self.wishes = Agenda::of(Order { is_scanning: true, ..Order::default() });
                return self.open(desk);
            }
            CommissionAction::Cancelled => return self.cancel(),
            CommissionAction::Closed => return self.close(),
            CommissionAction::Dismissed => self.dismiss(),
            CommissionAction::FormChanged => {
                self.form.touch();
                self.recheck(desk.catalog);
            }
            CommissionAction::PickedNetwork(ssid) => self.pick(&ssid, desk.catalog),
            CommissionAction::GaveQr(given) => return self.read_qr(given, desk),
            CommissionAction::Sent => {
                let commands = self.send_all(desk.catalog);
                // Who typed too little types on.
                self.form.wants_passphrase_focus |= commands.is_empty() && !self.form.errors().is_empty();
                return commands;
            }
            CommissionAction::SentToken(id) => return self.send_token(&id),
            CommissionAction::ForgotAccess => self.access.forget(),
            CommissionAction::Corrected => self.correct(),
            CommissionAction::CorrectedLogin => self.access.wants_focus = true,
            CommissionAction::ForgotNetwork => self.form.forget(),
            CommissionAction::ScannedAgain => return self.request(Request::ScanNetworks),
            CommissionAction::Identified => return self.request(Request::Identify),
            CommissionAction::SetHostname => return self.rename(self.hostname.trim().to_owned(), Request::SetHostname),
            CommissionAction::SetDeviceName => {
                return self.rename(self.device_name.trim().to_owned(), Request::SetDeviceName);
            }
            CommissionAction::AskedFor(question) => self.question = self.is_ready().then_some(question),
            CommissionAction::Confirmed => return self.confirm(),
            CommissionAction::Dropped => self.question = None,
            CommissionAction::ExportedTranscript(path) => return self.export_transcript(&path, desk),
        }
        Vec::new()
    }

    pub(super) fn progressed(
        &mut self,
        job: JobId,
        at: Duration,
        progress: Progress,
        desk: &mut Desk<'_>,
    ) -> Vec<Command> {
        let Some(session) = self.session.as_mut().filter(|session| session.job == job && !session.is_ended()) else {
            return Vec::new();
        };
        if matches!(progress, Progress::StepFailed { step: Step::Credential, .. }) {
            self.wishes.credential_failed();
        }
        let was_ready = session.is_ready();
        session.progressed(at, progress, desk.now);
        if session.is_ready() && !was_ready && session.outcome.is_none() && self.form.lacks_passphrase() {
            self.form.wants_passphrase_focus = true;
        }
        self.recheck(desk.catalog);
        self.follow_wishes(desk.catalog)
    }

    pub(super) fn session_finished(&mut self, job: JobId, end: JobEnd) {
        if let Some(session) = self.session.as_mut().filter(|session| session.job == job) {
            if matches!(&end, JobEnd::Failed(problem) if session.target.driver.facts().is_refusal(problem)) {
                self.access.refused();
            }
            session.ended(end);
        }
        self.question = None;
        self.wishes.clear();
    }

    /// A request could not be handed to the workers: the session is as ready as it was.
    pub(super) fn request_not_taken(&mut self, job: JobId) {
        if let Some(session) = self.session.as_mut().filter(|session| session.job == job && !session.is_ended()) {
            session.phase = Phase::Ready;
        }
    }

    pub(super) fn qr_read(&mut self, job: JobId, content: Result<QrContent, Problem>, catalog: &Catalog) {
        if self.form.qr.job == Some(job) {
            if let Ok(QrContent::EspProvisioning { name, username, proof_of_possession: Some(proof), .. }) = &content {
                let link = self.gateway.as_ref().map(|(link, _)| link.clone());
                self.access.take_over(visible(name, 64), username.as_deref(), proof, link);
            }
            self.form.qr_read(content);
            self.recheck(catalog);
        }
    }

    pub(super) fn laptop_scanned(&mut self, scan: LaptopScan, catalog: &Catalog) {
        self.laptop = Some(scan);
        self.recheck(catalog);
    }

    /// A QR job ended. Without an answer before it, the form is free again.
    pub(super) fn qr_finished(&mut self, job: JobId, end: JobEnd) {
        if self.form.qr.job.take_if(|running| *running == job).is_some()
            && let JobEnd::Failed(problem) = end
        {
            self.form.qr.problem = Some(problem);
        }
    }

    pub(super) const fn transcript_finished(&mut self) {
        self.transcript_job = None;
    }

    fn is_ready(&self) -> bool {
        self.session.as_ref().is_some_and(Session::is_ready)
    }

    fn choose_profile(&mut self, profile: Option<ProfileId>, catalog: &Catalog) {
        self.profile = profile;
        self.is_chosen_by_hand = true;
        self.driver = choice::preselect(&self.drivers(catalog), self.driver);
        self.recheck(catalog);
    }

    fn open(&mut self, desk: &mut Desk<'_>) -> Vec<Command> {
        let (Some((link, name)), Some(driver)) = (self.gateway.clone(), self.driver) else {
            return Vec::new();
        };
        if self.open_session().is_some() {
            return Vec::new();
        }
        let job = desk.jobs.start(JobKind::Session, act::named("commission", &name), desk.now);
        let target = Target { link: link.clone(), name, profile: self.profile.clone(), driver };
        self.session = Some(Session::new(job, target, desk.now));
        // Who types on while it connects types the passphrase.
        self.form.wants_passphrase_focus |= self.form.lacks_passphrase();
        let (profile, access) = (self.profile.clone(), self.access.given(driver));
        // What was typed for the gateway before is cut out from its first word on.
        let network = check(&self.form.draft, &WifiRules::standard(), None, None).0;
        let known = Known { network, ..Known::default() };
        vec![Command::OpenSession { job, link, profile, driver, access, known }, Command::ScanFromLaptop]
    }

    fn follow_wishes(&mut self, catalog: &Catalog) -> Vec<Command> {
        if !self.is_ready() {
            return Vec::new();
        }
        match self.wishes.take_next() {
            Some(Todo::Scan) if !self.can_scan() => self.follow_wishes(catalog),
            Some(Todo::Scan) => self.request(Request::ScanNetworks),
            Some(Todo::Credential(id)) => self.send_token(&id),
            Some(Todo::Hostname(name)) => self.rename(name, Request::SetHostname),
            Some(Todo::DeviceName(name)) => self.rename(name, Request::SetDeviceName),
            Some(Todo::Network(Send::Asked)) => self.send(catalog),
            Some(Todo::Network(Send::ByItself)) => self.send_by_itself(catalog),
            None => Vec::new(),
        }
    }

    /// Sends without a further click, but only to a gateway that says it waits for a network.
    fn send_by_itself(&mut self, catalog: &Catalog) -> Vec<Command> {
        let state = self.session.as_ref().and_then(|session| session.state);
        let protection = self.session.as_ref().and_then(|session| session.protection);
        let reason = match state {
            Some(ProvisioningState::Ready) if protection.is_some_and(|known| known.warning().is_some()) => {
                "others nearby may read along"
            }
            Some(ProvisioningState::Ready) => {
                let commands = self.send(catalog);
                if !commands.is_empty() {
                    return commands;
                }
                "the form has errors"
            }
            Some(ProvisioningState::Provisioned) => "this gateway already has a network",
            Some(ProvisioningState::AuthorizationRequired) => "someone has to press its button first",
            Some(ProvisioningState::Stopped | ProvisioningState::Provisioning) | None => "the gateway is not ready",
        };
        if let Some(session) = &mut self.session {
            session.held_back = Some(reason);
        }
        Vec::new()
    }

    fn send(&mut self, catalog: &Catalog) -> Vec<Command> {
        let (Some(rules), Some(session)) = (self.rules(catalog), self.session.as_mut()) else {
            return Vec::new();
        };
        if !session.is_ready() {
            return Vec::new();
        }
        let laptop = nearby(self.laptop.as_ref(), Some(session));
        let Some(credentials) = self.form.credentials(&rules, session.seen(), laptop) else {
            return Vec::new();
        };
        session.begin_push();
        self.form.is_revealed = false;
        vec![Command::Session { job: session.job, request: Request::Push(credentials) }]
    }

    /// Whether the gateway has Wi-Fi at all; a scan it lacks is told as a step that was left out.
    fn can_scan(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.capabilities.wifi)
    }

    /// Sends the tokens that are filled in and not sent yet, then the network: the service may end with it.
    fn send_all(&mut self, catalog: &Catalog) -> Vec<Command> {
        let unsent: Vec<String> = self
            .token_rows(catalog)
            .into_iter()
            .filter(|row| self.tokens.is_filled(&row.id))
            .filter(|row| self.session.as_ref().is_some_and(|session| session.token(&row.id).is_none()))
            .map(|row| row.id)
            .collect();
        if unsent.is_empty() || !self.is_form_right(catalog) {
            return self.send(catalog);
        }
        self.wishes = Agenda::of(Order { credentials: unsent, networks: vec![Send::Asked], ..Order::default() });
        self.follow_wishes(catalog)
    }

    /// Whether the network in the form can be sent. Shows what is wrong with it.
    fn is_form_right(&mut self, catalog: &Catalog) -> bool {
        let Some(rules) = self.rules(catalog) else { return false };
        let session = self.session.as_ref();
        let laptop = nearby(self.laptop.as_ref(), session);
        self.form.credentials(&rules, session.and_then(Session::seen), laptop).is_some()
    }

    fn send_token(&mut self, id: &str) -> Vec<Command> {
        let Some(session) = self.session.as_mut().filter(|session| session.is_ready()) else {
            return Vec::new();
        };
        let command = self.tokens.command(session.job, id);
        if command.is_some() {
            session.begin_request();
        }
        command.into_iter().collect()
    }

    fn confirm(&mut self) -> Vec<Command> {
        match self.question.take() {
            Some(Question::Reset) => self.request(Request::ResetDevice),
            Some(Question::Reprovision) => self.request(Request::Reprovision),
            None => Vec::new(),
        }
    }

    fn request(&mut self, request: Request) -> Vec<Command> {
        let Some(session) = self.session.as_mut().filter(|session| session.is_ready()) else {
            return Vec::new();
        };
        session.begin_request();
        vec![Command::Session { job: session.job, request }]
    }

    fn rename(&mut self, name: String, request: fn(String) -> Request) -> Vec<Command> {
        if name.is_empty() { Vec::new() } else { self.request(request(name)) }
    }

    pub(super) fn cancel(&mut self) -> Vec<Command> {
        self.wishes.clear();
        self.open_session().map(|session| Command::Cancel { job: session.job }).into_iter().collect()
    }

    fn close(&mut self) -> Vec<Command> {
        match self.session.as_mut().filter(|session| !session.is_ended()) {
            Some(session) if session.is_ready() => {
                session.phase = Phase::Closing;
                vec![Command::Session { job: session.job, request: Request::Close }]
            }
            // A session at work cannot take the request: it is stopped instead.
            Some(session) => vec![Command::Cancel { job: session.job }],
            None => Vec::new(),
        }
    }

    fn dismiss(&mut self) {
        if self.open_session().is_none() {
            self.session = None;
        }
    }

    fn correct(&mut self) {
        if let Some(session) = &mut self.session {
            // What was done stays in the list of steps until something else is sent.
            session.outcome = None;
            session.problem = None;
        }
        self.form.wants_passphrase_focus = true;
    }

    fn pick(&mut self, ssid: &Ssid, catalog: &Catalog) {
        let networks = self.session.iter().flat_map(|session| &session.networks);
        if let Some(network) = networks.into_iter().find(|network| network.ssid == *ssid) {
            self.form.pick(network);
            self.recheck(catalog);
        }
    }

    fn recheck(&mut self, catalog: &Catalog) {
        if let Some(rules) = self.rules(catalog) {
            let session = self.session.as_ref();
            self.form.recheck(&rules, session.and_then(Session::seen), nearby(self.laptop.as_ref(), session));
        }
    }

    fn read_qr(&mut self, given: QrGiven, desk: &mut Desk<'_>) -> Vec<Command> {
        let qr = &mut self.form.qr;
        let source = match given {
            QrGiven::Text => QrSource::Text(Secret::new(std::mem::take(qr.text.expose_mut()))),
            QrGiven::File => QrSource::File(PathBuf::from(qr.path.trim())),
            QrGiven::Clipboard => QrSource::Clipboard,
        };
        let job = desk.jobs.start(JobKind::ReadQr, "Reading a QR code", desk.now);
        qr.begin(job);
        vec![Command::ReadQr { job, source }]
    }

    fn export_transcript(&mut self, path: &str, desk: &mut Desk<'_>) -> Vec<Command> {
        let Some(session) = self.session.as_ref() else { return Vec::new() };
        let job = desk.jobs.start(JobKind::ExportTranscript, "Exporting the transcript", desk.now);
        self.transcript_job = Some(job);
        vec![Command::ExportTranscript { job, session: session.job, destination: Destination::file(path) }]
    }
}

/// What the laptop sees, once the gateway had its say: its own ears come first.
fn nearby<'a>(laptop: Option<&'a LaptopScan>, session: Option<&Session>) -> Option<&'a [NearbyNetwork]> {
    let is_waiting = |session: &Session| matches!(session.scan, ScanState::NotAsked | ScanState::Scanning);
    laptop.filter(|_| !session.is_none_or(is_waiting)).and_then(LaptopScan::seen)
}
