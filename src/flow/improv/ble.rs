//! The driver `improv` over Bluetooth LE: moves values between a connection and the protocol's state machine.
//!
//! It subscribes before the first command, reads what the link cut, sends in pieces what the device does not take at once,
//! waits for the button where the device wants it, and looks again where the link broke before a verdict. It never goes on
//! after a failed write: half a command may stand in the device's buffer, and only a disconnection clears it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};
use uuid::Uuid;

use super::{States, before, followed, look, observed, refusal, without_secrets};
use crate::flow::driver::{Driver, Followed, Limits, Name, Scan};
use crate::flow::error::SessionError;
use crate::flow::port::{BleError, Boxed, GattEvent, GattLink, LinkError, Links};
use crate::flow::report::Report;
use crate::flow::transcript::SharedTranscript;
use crate::model::credentials::WifiCredentials;
use crate::model::gateway::{Capabilities, DeviceInfo, Protection, ProvisioningState};
use crate::model::ids::{DriverId, LinkAddress};
use crate::model::problem::{Explain, Problem};
use crate::model::secret::Secret;
use crate::model::verdict::{Before, Observation, Seen};
use crate::model::wifi::Network;
use crate::msg::{Progress, Step};
use crate::proto::improv::ble::{
    BadFrame, CAPABILITIES, COMMAND, ERROR, NameForm, Offers, PIECE, RESULT, ResultFrame, STATE, encode_request, pieces,
};
use crate::proto::improv::session::{Answer, Event, Failure, Session, Timeouts};
use crate::proto::improv::{DeviceError, Message, Request, State};

/// The limits of each step, in total.
pub(super) const LIMITS: Limits = {
    let Timeouts { hello, rpc, scan, join, second_half, .. } = Timeouts::GATT;
    Limits {
        // The search, the connection, and a second one where a pairing swallowed the first question.
        connect: hello.saturating_mul(2),
        question: rpc.saturating_add(VALUE_LIMIT),
        scan,
        // What was begun before may have to end first, then somebody has to press the button.
        push: rpc.saturating_add(join).saturating_add(BUTTON_LIMIT),
        // A press that came too late is asked for again, and where the link broke the gateway is looked for again.
        join: join.saturating_mul(2).saturating_add(BUTTON_LIMIT).saturating_add(second_half),
    }
};
/// How long the system may take over a write.
const VALUE_LIMIT: Duration = Duration::from_secs(20);

/// How long the gateway may take over one attempt to join.
const JOIN_LIMIT: Duration = Timeouts::GATT.join;
/// How long a person has to press the button before we ask again.
const BUTTON_LIMIT: Duration = Duration::from_mins(1);

/// Why a step failed that only this driver has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImprovBleError {
    /// Its provisioning service is switched off.
    #[error("provisioning is switched off")]
    Stopped,
    /// It reports a state that the specification does not have.
    #[error("the device is in the unknown state {number}")]
    UnknownState {
        /// The state.
        number: u8,
    },
    /// It is busy with what another client began.
    #[error("another client is provisioning the device")]
    Occupied,
    /// Nobody pressed the button in time.
    #[error("nobody pressed the button")]
    NotPressed,
    /// It took the question and gave no answer.
    #[error("no reply at {step:?}")]
    NoReply {
        /// The step.
        step: Step,
    },
}

impl Explain for ImprovBleError {
    fn explain(&self) -> Problem {
        match self {
            Self::Stopped => Problem::new(
                "improv.stopped",
                "Provisioning is switched off on the gateway",
                "It joined a network before and ended the service, or the service stops some minutes after the start",
                "Restart the gateway and connect within its first minutes, or put it into commissioning mode",
            ),
            Self::UnknownState { number } => Problem::new(
                "improv.unknown_state",
                "The gateway reports a state that Improv doesn't define",
                "Its firmware is newer than this version, or doesn't follow the specification",
                "Restart the gateway and try again; if it happens again, export the transcript and send it to the vendor",
            )
            .with_detail(format!("state {number:#04x}")),
            Self::Occupied => Problem::new(
                "improv.occupied",
                "The gateway is still busy with a network from before",
                "Someone else is setting it up, or it is stuck while joining",
                "Check that no phone is setting it up; otherwise restart the gateway and connect again",
            ),
            Self::NotPressed => Problem::new(
                "improv.not_pressed",
                "Nobody pressed the button on the gateway",
                "The gateway accepts credentials only within a minute after its button was pressed",
                "Go to the gateway, send again and press its button within a minute",
            ),
            Self::NoReply { step } => Problem::new(
                "improv.no_reply",
                format!("{}: the gateway does not answer", step.label()),
                "It received the query and sent no result: its firmware hangs or lacks this command",
                "Try again; if it happens again, restart the gateway and connect again",
            ),
        }
    }
}

/// A conversation in Improv over Bluetooth LE.
pub(super) struct ImprovBle {
    link: GattLink,
    address: LinkAddress,
    /// Where to connect a second time; a mere question does not.
    links: Option<Arc<dyn Links>>,
    /// Why the link ended.
    closed: Option<LinkError>,
    session: Session,
    offers: Offers,
    names: NameForm,
    report: Report,
    transcript: SharedTranscript,
    /// The push that runs, to be sent again if the device wants its button pressed after all.
    pushed: Option<Request>,
    /// The state before the push.
    before: Option<State>,
    /// What it said of its state since the last request.
    states: States,
    /// What happened and was not handed over yet.
    event: Option<Event>,
}

impl ImprovBle {
    /// Takes a connection over.
    pub(super) fn new(link: GattLink, address: LinkAddress, report: Report, transcript: SharedTranscript) -> Self {
        let payload = link.gatt.payload_octets();
        transcript.note(report.elapsed(), &format!("connected; a packet carries {payload} bytes"));
        Self {
            link,
            address,
            links: None,
            closed: None,
            session: Session::over_gatt(),
            offers: Offers::default(),
            names: NameForm::default(),
            report,
            transcript,
            pushed: None,
            before: None,
            states: States::default(),
            event: None,
        }
    }

    /// The same, with a way to connect again where the link breaks before a verdict.
    pub(super) fn reconnecting(self, links: Arc<dyn Links>) -> Self {
        Self { links: Some(links), ..self }
    }

    /// Subscribes to everything the device tells, then reads where it stands.
    async fn subscribe_and_read(&mut self) -> Result<State, SessionError> {
        let offered = self.link.gatt.characteristics();
        for characteristic in [STATE, ERROR, COMMAND, RESULT] {
            if !offered.iter().any(|known| known.uuid == characteristic) {
                let device = self.address.place().to_owned();
                return Err(LinkError::from(BleError::NoCharacteristic { device, characteristic }).into());
            }
        }
        for characteristic in [STATE, ERROR, RESULT] {
            self.link.gatt.subscribe(characteristic).await?;
        }
        // Devices of an early revision may lack it; then nothing beyond the settings is asked.
        if offered.iter().any(|known| known.uuid == CAPABILITIES) {
            let value = self.link.gatt.read(CAPABILITIES).await?;
            self.offers = Offers(value.first().copied().unwrap_or_default());
        }
        self.read_state().await
    }

    async fn read_state(&mut self) -> Result<State, SessionError> {
        let value = self.link.gatt.read(STATE).await?;
        let state = value.first().map(|octet| State::from_octet(*octet));
        let state = state.ok_or(SessionError::Malformed { step: Step::Connect })?;
        self.note_octet("state", state.octet());
        self.session.handle_message(Message::State(state), Instant::now().into_std());
        Ok(state)
    }

    fn note_octet(&self, what: &str, octet: u8) {
        self.transcript.note(self.report.elapsed(), &format!("{what} {octet:#04x}"));
    }

    /// One request, from sending to its answer.
    async fn ask(&mut self, request: Request, step: Step) -> Result<Answer, SessionError> {
        self.begin(request).await?;
        match self.wait().await? {
            Ok(answer) => Ok(answer),
            Err(Failure::Device { error, .. }) => Err(SessionError::Device { step, error }),
            Err(Failure::Malformed) => Err(SessionError::Malformed { step }),
            Err(Failure::NoReply | Failure::FellBack | Failure::NoVerdict { .. }) => {
                Err(ImprovBleError::NoReply { step }.into())
            }
        }
    }

    async fn begin(&mut self, request: Request) -> Result<(), SessionError> {
        // A request that does not fit is refused before anything is sent.
        encode_request(&request, self.names)?;
        self.states = States::default();
        self.before = self.session.state();
        self.session.start(request, Instant::now().into_std());
        Ok(self.transmit().await?)
    }

    async fn transmit(&mut self) -> Result<(), LinkError> {
        while let Some(request) = self.session.poll_transmit() {
            // `begin` has refused what cannot be encoded.
            let Ok(frame) = encode_request(&request, self.names) else { continue };
            self.transcript.sent(self.report.elapsed(), request.label(), &frame);
            self.write(&frame).await?;
        }
        Ok(())
    }

    /// Writes a command: at once, which the system does in parts where it must, or else in pieces of our own.
    async fn write(&mut self, frame: &[u8]) -> Result<(), LinkError> {
        match self.link.gatt.write(COMMAND, frame.to_vec()).await {
            Err(LinkError::Ble(BleError::TooLong { .. })) if frame.len() > PIECE => {
                self.transcript.note(self.report.elapsed(), "not taken at once; sent in pieces");
                for piece in pieces(frame) {
                    self.link.gatt.write(COMMAND, piece.to_vec()).await?;
                }
                Ok(())
            }
            written => written,
        }
    }

    async fn wait(&mut self) -> Result<Result<Answer, Failure>, LinkError> {
        let mut networks: Vec<Network> = Vec::new();
        loop {
            match self.step().await? {
                Some(Event::Finished(outcome)) => return Ok(outcome),
                Some(Event::Network(network)) => networks.push(network),
                Some(Event::State(_)) | None => {}
            }
        }
    }

    /// Waits for one thing: an event that is there already, a value, or a time limit. Safe to drop while it waits.
    async fn step(&mut self) -> Result<Option<Event>, LinkError> {
        if self.event.is_none() {
            self.event = self.session.poll_event();
            if let Some(Event::State(state)) = self.event {
                self.states.note(self.report.elapsed(), state);
            }
        }
        // Kept until it is handed over: whoever listens may stop while this is told.
        if let Some(Event::State(State::Known(state))) = self.event {
            self.report.send(Progress::StateChanged(state)).await;
        }
        if let Some(event) = self.event.take() {
            return Ok(Some(event));
        }
        if let Some(error) = &self.closed {
            return Err(error.clone());
        }
        let due = self.session.poll_timeout();
        let timer = async {
            match due {
                Some(due) => sleep_until(due.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            event = self.link.events.recv() => self.handle_link(event).await,
            () = timer => self.session.handle_timeout(Instant::now().into_std()),
        }
        Ok(None)
    }

    async fn handle_link(&mut self, event: Option<GattEvent>) {
        match event {
            Some(GattEvent::Notified { characteristic, value }) => self.handle_value(characteristic, value).await,
            Some(GattEvent::Closed(error)) => self.handle_closed(error),
            None => {
                let device = self.address.place().to_owned();
                self.handle_closed(BleError::Disconnected { device }.into());
            }
        }
    }

    fn handle_closed(&mut self, error: LinkError) {
        self.transcript.note(self.report.elapsed(), &format!("link closed: {error}"));
        // Half a verdict is one when the device ends the connection after it.
        self.session.handle_closed();
        self.closed = Some(error);
    }

    async fn handle_value(&mut self, characteristic: Uuid, value: Vec<u8>) {
        let now = Instant::now().into_std();
        match (characteristic, value.as_slice()) {
            (STATE, [octet]) => {
                self.note_octet("state", *octet);
                self.session.handle_message(Message::State(State::from_octet(*octet)), now);
            }
            (ERROR, [octet]) => {
                self.note_octet("error", *octet);
                self.session.handle_message(Message::Error(DeviceError::from_octet(*octet)), now);
            }
            (RESULT, _) => {
                self.transcript.received(self.report.elapsed(), &value);
                self.handle_result(value).await;
            }
            _ => self.ignore("a value of unknown form"),
        }
    }

    /// Takes a result in. One that the link cut is read as a whole, if it answers what was asked.
    async fn handle_result(&mut self, value: Vec<u8>) {
        let frame = match ResultFrame::parse(&value) {
            Err(BadFrame::Cut { held, wanted })
                if value.first().is_some_and(|command| self.session.expects(*command)) =>
            {
                let note = format!("{held} of {wanted} bytes came; the whole is read");
                self.transcript.note(self.report.elapsed(), &note);
                match self.link.gatt.read(RESULT).await {
                    Ok(whole) => {
                        self.transcript.received(self.report.elapsed(), &whole);
                        ResultFrame::parse(&whole)
                    }
                    // If the link broke, its end is told next.
                    Err(_) => Err(BadFrame::Cut { held, wanted }),
                }
            }
            parsed => parsed,
        };
        match frame {
            Ok(frame) => {
                let now = Instant::now().into_std();
                for message in frame.into_messages() {
                    self.session.handle_message(without_secrets(&self.transcript, message), now);
                }
            }
            Err(reason) => self.ignore(&format!("a result ({reason})")),
        }
    }

    fn ignore(&mut self, what: &str) {
        self.session.note_unreadable();
        self.transcript.note(self.report.elapsed(), &format!("{what} was ignored"));
    }

    /// Waits until the device can take a command that changes something.
    async fn become_ready(&mut self) -> Result<(), SessionError> {
        let busy = State::Known(ProvisioningState::Provisioning);
        if self.session.state() == Some(busy) {
            let waits_for = "the gateway to end what was begun before: it is joining a network";
            self.report.waits_for(Step::Push, waits_for).await;
            let limit = Instant::now() + JOIN_LIMIT;
            let ended = timeout_at(limit, self.until(|state| state != busy)).await;
            ended.map_err(|_| ImprovBleError::Occupied)??;
        }
        match self.session.state() {
            Some(State::Known(ProvisioningState::AuthorizationRequired)) => self.await_button().await,
            Some(State::Known(ProvisioningState::Stopped)) => Err(ImprovBleError::Stopped.into()),
            _ => Ok(()),
        }
    }

    /// Asks for the button and waits for it.
    async fn await_button(&mut self) -> Result<(), SessionError> {
        let limit = Instant::now() + BUTTON_LIMIT;
        self.report.send(Progress::AwaitingButton { limit: BUTTON_LIMIT }).await;
        let waits = State::Known(ProvisioningState::AuthorizationRequired);
        match timeout_at(limit, self.until(|state| state != waits)).await {
            Ok(pressed) => Ok(pressed?),
            Err(_) => Err(ImprovBleError::NotPressed.into()),
        }
    }

    async fn until(&mut self, is_it: impl Fn(State) -> bool) -> Result<(), LinkError> {
        if self.session.state().is_some_and(&is_it) {
            return Ok(());
        }
        loop {
            if let Some(Event::State(state)) = self.step().await?
                && is_it(state)
            {
                return Ok(());
            }
        }
    }

    /// Follows a push to its end.
    async fn verdict(&mut self) -> Followed {
        match self.wait().await {
            Err(error) => self.look_again(error).await,
            Ok(Err(Failure::Device { error: DeviceError::NotAuthorized, was_provisioning: false })) => {
                self.press_and_push_again().await
            }
            Ok(outcome) => self.followed(observed(outcome), None),
        }
    }

    fn followed(&self, observations: Vec<Observation>, broken: Option<LinkError>) -> Followed {
        followed(observations, &self.states, broken)
    }

    /// The time that a press counts for was over when the credentials came: asks once more, and sends them once more.
    async fn press_and_push_again(&mut self) -> Followed {
        let refused = || vec![Observation::Refused(refusal(DeviceError::NotAuthorized))];
        let Some(request) = self.pushed.take() else { return self.followed(refused(), None) };
        match self.await_button().await {
            Ok(()) => {}
            Err(SessionError::Link(error)) => return self.followed(vec![Observation::LinkLost], Some(error)),
            Err(_) => return self.followed(refused(), None),
        }
        self.report.waits_for(Step::Follow, "the gateway's verdict").await;
        match self.begin(request).await {
            Ok(()) => Box::pin(self.verdict()).await,
            Err(SessionError::Link(error)) => self.followed(vec![Observation::LinkLost], Some(error)),
            Err(_) => self.followed(refused(), None),
        }
    }

    /// The link broke before the verdict: connects once more and reads the state, where that can tell anything.
    async fn look_again(&mut self, error: LinkError) -> Followed {
        let lost = self.followed(vec![Observation::LinkLost], Some(error));
        let Some(links) = self.links.clone() else { return lost };
        if self.began_joining().is_none() && self.before != Some(State::Known(ProvisioningState::Ready)) {
            return lost;
        }
        let waits_for = "the gateway to be heard again: the link broke while it was joining";
        self.report.waits_for(Step::Follow, waits_for).await;
        let Ok(link) = links.connect(&self.address).await else { return lost };
        self.transcript.note(self.report.elapsed(), "connected again");
        self.link = link;
        self.closed = None;
        self.session = Session::over_gatt();
        if self.subscribe_and_read().await.is_err() {
            return lost;
        }
        let busy = State::Known(ProvisioningState::Provisioning);
        let limit = Instant::now() + JOIN_LIMIT;
        let _ = timeout_at(limit, self.until(|state| state != busy)).await;
        let Some(state) = self.session.state() else { return lost };
        let observations = [lost.observations, vec![look(state, Seen::Question, Vec::new())]].concat();
        Followed { observations, last_word: lost.last_word, broken: None, connection: None }
    }

    async fn set_name(&mut self, request: Request) -> Result<Answer, SessionError> {
        let first = self.ask(request.clone(), Step::Rename).await;
        match first {
            // Some devices want the length of the name before it.
            Err(SessionError::Device { error: DeviceError::InvalidPacket | DeviceError::BadHostname, .. })
                if self.names == NameForm::Raw =>
            {
                self.names = NameForm::WithLength;
                match self.ask(request, Step::Rename).await {
                    Err(SessionError::Device { .. }) => {
                        self.names = NameForm::Raw;
                        first
                    }
                    second => second,
                }
            }
            first => first,
        }
    }
}

impl Driver for ImprovBle {
    fn id(&self) -> DriverId {
        DriverId::Improv
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            identify: self.offers.identify(),
            wifi: true,
            scan: self.offers.scan(),
            rename: self.offers.rename(),
            ..Capabilities::default()
        }
    }

    fn protection(&self) -> Protection {
        Protection::ClearText
    }

    fn why_no_identify(&self) -> &'static str {
        "The gateway does not offer to blink"
    }

    fn hello(&mut self) -> Boxed<'_, Result<ProvisioningState, SessionError>> {
        Box::pin(async {
            match self.subscribe_and_read().await? {
                State::Known(ProvisioningState::Stopped) => Err(ImprovBleError::Stopped.into()),
                State::Known(state) => Ok(state),
                State::Unknown(number) => Err(ImprovBleError::UnknownState { number }.into()),
            }
        })
    }

    fn state(&self) -> Option<ProvisioningState> {
        match self.session.state() {
            Some(State::Known(state)) => Some(state),
            Some(State::Unknown(_)) | None => None,
        }
    }

    fn describe(&mut self) -> Boxed<'_, Result<DeviceInfo, SessionError>> {
        Box::pin(async {
            if !self.offers.device_info() {
                return Err(SessionError::NotOffered { step: Step::Describe, driver: DriverId::Improv });
            }
            match self.ask(Request::DeviceInfo, Step::Describe).await? {
                Answer::Info(info) => Ok(info),
                _ => Err(SessionError::Malformed { step: Step::Describe }),
            }
        })
    }

    fn identify(&mut self) -> Boxed<'_, Result<(), SessionError>> {
        Box::pin(async {
            let frame = encode_request(&Request::Identify, self.names)?;
            self.transcript.sent(self.report.elapsed(), Request::Identify.label(), &frame);
            // There is no other answer than the write's.
            Ok(self.write(&frame).await?)
        })
    }

    fn scan(&mut self) -> Boxed<'_, Result<Scan, SessionError>> {
        Box::pin(async {
            match self.ask(Request::ScanNetworks, Step::ScanNetworks).await? {
                Answer::Networks { networks, ignored } => Ok(Scan { networks, ignored }),
                _ => Err(SessionError::Malformed { step: Step::ScanNetworks }),
            }
        })
    }

    fn rename(&mut self, name: Name) -> Boxed<'_, Result<String, SessionError>> {
        Box::pin(async {
            let request = match name {
                Name::Host(name) => Request::Hostname(Some(name)),
                Name::Device(name) => Request::DeviceName(Some(name)),
            };
            self.become_ready().await?;
            match self.set_name(request).await? {
                Answer::Name(name) => Ok(name),
                _ => Err(SessionError::Malformed { step: Step::Rename }),
            }
        })
    }

    fn push<'a>(&'a mut self, credentials: &'a WifiCredentials) -> Boxed<'a, Result<(), SessionError>> {
        Box::pin(async {
            self.transcript.learn(credentials);
            let ssid = credentials.ssid.octets().to_vec();
            let request = Request::WifiSettings { ssid, password: Secret::new(credentials.password().to_owned()) };
            encode_request(&request, self.names)?;
            self.become_ready().await?;
            self.pushed = Some(request.clone());
            self.begin(request).await
        })
    }

    fn before(&mut self) -> Boxed<'_, Result<Before, SessionError>> {
        Box::pin(std::future::ready(Ok(before(self.session.state(), &[]))))
    }

    fn follow(&mut self) -> Boxed<'_, Followed> {
        Box::pin(async {
            let followed = self.verdict().await;
            self.pushed = None;
            followed
        })
    }

    fn abandon(&mut self) -> bool {
        // Half a command may stand in the device's buffer; only a disconnection clears it.
        false
    }

    fn began_joining(&self) -> Option<Duration> {
        self.states.began_joining
    }

    fn read_back(&mut self) -> Boxed<'_, Option<Result<Observation, SessionError>>> {
        Box::pin(async {
            match self.read_state().await {
                Ok(state) => Some(Ok(look(state, Seen::Question, Vec::new()))),
                // Many devices end the connection as soon as they have joined.
                Err(_) if self.state() == Some(ProvisioningState::Provisioned) => None,
                Err(error) => Some(Err(error)),
            }
        })
    }

    fn tells_unasked(&self) -> bool {
        true
    }

    fn listen(&mut self) -> Boxed<'_, Result<ProvisioningState, LinkError>> {
        Box::pin(async {
            loop {
                if let Some(Event::State(State::Known(state))) = self.step().await? {
                    return Ok(state);
                }
            }
        })
    }

    fn close(&mut self) -> Boxed<'_, ()> {
        self.link.gatt.disconnect()
    }
}
