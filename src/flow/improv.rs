//! The driver `improv` on a link: moves bytes between a link and the protocol's state machine, and reads answers into
//! words of the model. The commission flow knows only these words, so that another driver can stand in its place.

mod ble;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

pub use self::ble::ImprovBleError;

use self::ble::ImprovBle;
use super::driver::{Driver, Followed, Limits, Name, Scan};
use super::drivers::{Opening, Unit};
use super::error::SessionError;
use super::heard::Heard;
use super::log_lines::{LogLines, tells_of_a_start};
use super::port::{Boxed, Link, LinkCommand, LinkError, LinkEvent};
use super::report::Report;
use super::transcript::SharedTranscript;
use super::wipe::{DriverWiper, Wiper};
use crate::model::credentials::WifiCredentials;
use crate::model::gateway::{Capabilities, DeviceInfo, Protection, ProvisioningState};
use crate::model::ids::{DriverId, LinkKind};
use crate::model::secret::Secret;
use crate::model::verdict::{Before, Look, Named, Observation, Refusal, RefusalKind, Seen, Station};
use crate::model::wifi::Network;
use crate::msg::{Progress, Step};
use crate::proto::improv::serial::{Decoder, Packet, encode_request, parse_message};
use crate::proto::improv::session::{Answer, Event, Failure, Session, Timeouts};
use crate::proto::improv::{DeviceError, Message, Request, State, command};

/// The driver for both of its links.
pub(super) const UNIT: Unit = Unit {
    id: DriverId::Improv,
    limits: |link| if link == LinkKind::Ble { ble::LIMITS } else { LIMITS },
    waits_for: |link| match link {
        LinkKind::Ble => "the gateway to be heard and to take the connection",
        _ => "the gateway to answer; some restart when the port is opened",
    },
    open: |opening| Box::pin(open(opening)),
    manage: None,
    shell: None,
    wipe: |opening| {
        Box::pin(async move {
            let driver = open(opening).await?;
            Ok(Box::new(DriverWiper::greet(driver, opening).await?) as Box<dyn Wiper>)
        })
    },
};

async fn open(opening: &Opening) -> Result<Box<dyn Driver>, SessionError> {
    let Opening { link, links, report, transcript, .. } = opening;
    if link.kind() == LinkKind::Ble {
        let driver = ImprovBle::new(opening.radio().await?, link.clone(), report.clone(), transcript.clone());
        return Ok(Box::new(driver.reconnecting(Arc::clone(links))));
    }
    Ok(Box::new(Improv::new(opening.port().await?, report.clone(), transcript.clone())))
}

/// The limits of each step, in total.
const LIMITS: Limits = {
    let Timeouts { hello, rpc, scan, join, second_half, .. } = Timeouts::STANDARD;
    Limits {
        connect: Duration::from_secs(10).saturating_add(hello),
        question: rpc,
        scan,
        push: rpc,
        // The second half of a verdict that comes in the last moment.
        join: join.saturating_add(second_half),
    }
};

/// A conversation in Improv over a serial link.
struct Improv {
    link: Link,
    decoder: Decoder,
    session: Session,
    report: Report,
    transcript: SharedTranscript,
    log: LogLines,
    heard: Heard,
    /// What it said of its state since the last request.
    states: States,
    /// The addresses it told last.
    addresses: Vec<String>,
    /// It was heard starting.
    has_started: bool,
    /// What happened and was not handed over yet.
    event: Option<Event>,
}

impl Improv {
    /// Takes an open link over.
    fn new(link: Link, report: Report, transcript: SharedTranscript) -> Self {
        let log = LogLines::new(&transcript);
        Self {
            link,
            decoder: Decoder::default(),
            session: Session::new(Timeouts::STANDARD),
            report,
            transcript,
            log,
            heard: Heard::default(),
            states: States::default(),
            addresses: Vec::new(),
            has_started: false,
            event: None,
        }
    }

    /// One request, from sending to its answer.
    async fn ask(&mut self, request: Request, step: Step) -> Result<Answer, SessionError> {
        encode_request(&request)?;
        self.heard = Heard::default();
        self.states = States::default();
        self.session.start(request, Instant::now().into_std());
        match self.wait().await? {
            Ok(answer) => Ok(answer),
            Err(Failure::Device { error, .. }) => Err(SessionError::Device { step, error }),
            Err(Failure::Malformed) => Err(SessionError::Malformed { step }),
            Err(Failure::NoReply | Failure::FellBack | Failure::NoVerdict { .. }) => {
                Err(SessionError::NoReply { step, heard: self.heard })
            }
        }
    }

    async fn wait(&mut self) -> Result<Result<Answer, Failure>, LinkError> {
        let mut networks: Vec<Network> = Vec::new();
        loop {
            match self.step().await? {
                Some(Event::Finished(outcome)) => return Ok(outcome),
                Some(Event::Network(network)) => {
                    networks.push(network);
                    networks.sort_by_key(|network| std::cmp::Reverse(network.rssi_dbm));
                    self.report.send(Progress::Networks { networks: networks.clone(), is_complete: false }).await;
                }
                Some(Event::State(_)) | None => {}
            }
        }
    }

    /// Sends what is due, then waits for one thing: an event that is there already, bytes, or a time limit.
    async fn step(&mut self) -> Result<Option<Event>, LinkError> {
        self.transmit().await?;
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
        let due = [self.session.poll_timeout(), self.decoder.poll_timeout()].into_iter().flatten().min();
        let timer = async {
            match due {
                Some(due) => sleep_until(due.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            event = self.link.incoming.recv() => self.handle_link(event).await?,
            () = timer => self.handle_timeout().await,
        }
        Ok(None)
    }

    async fn handle_link(&mut self, event: Option<LinkEvent>) -> Result<(), LinkError> {
        match event {
            Some(LinkEvent::Bytes(bytes)) => {
                self.transcript.received(self.report.elapsed(), &bytes);
                self.heard.note(&bytes);
                let packets = self.decoder.push(&bytes, Instant::now().into_std());
                self.handle_packets(packets).await;
                Ok(())
            }
            Some(LinkEvent::Closed(error)) => {
                self.transcript.note(self.report.elapsed(), &format!("link closed: {error}"));
                Err(error)
            }
            None => Err(LinkError::Vanished { port: "the port".into() }),
        }
    }

    async fn handle_timeout(&mut self) {
        let now = Instant::now().into_std();
        let packets = self.decoder.handle_timeout(now);
        self.handle_packets(packets).await;
        self.session.handle_timeout(now);
    }

    async fn handle_packets(&mut self, packets: Vec<Packet>) {
        let now = Instant::now().into_std();
        self.heard.note_messages(packets.len());
        for packet in packets {
            match parse_message(&packet) {
                Some(message) => self.session.handle_message(without_secrets(&self.transcript, message), now),
                None => self.transcript.note(self.report.elapsed(), "a packet of unknown form was ignored"),
            }
        }
        let log = self.decoder.take_log();
        let lines = self.log.push(&log);
        self.has_started |= lines.iter().any(|line| tells_of_a_start(line));
        if !lines.is_empty() {
            self.report.send(Progress::DeviceLog(lines)).await;
        }
    }

    async fn transmit(&mut self) -> Result<(), LinkError> {
        while let Some(request) = self.session.poll_transmit() {
            // `ask` and `push` have refused what cannot be encoded.
            let Ok(bytes) = encode_request(&request) else { continue };
            self.transcript.sent(self.report.elapsed(), request.label(), &bytes);
            self.write(bytes).await?;
        }
        Ok(())
    }

    async fn write(&mut self, bytes: Vec<u8>) -> Result<(), LinkError> {
        self.link.send(LinkCommand::Write(bytes)).await
    }
}

impl Driver for Improv {
    fn id(&self) -> DriverId {
        DriverId::Improv
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { wifi: true, scan: true, rename: true, reset_line: true, ..Capabilities::default() }
    }

    fn protection(&self) -> Protection {
        Protection::Cable
    }

    fn why_no_identify(&self) -> &'static str {
        "Improv over serial can't identify a device; follow the cable"
    }

    fn hello(&mut self) -> Boxed<'_, Result<ProvisioningState, SessionError>> {
        Box::pin(async {
            // A line feed ends whatever text stood on the line before.
            self.write(b"\n".to_vec()).await?;
            match self.ask(Request::CurrentState, Step::Connect).await? {
                Answer::State { state: State::Known(state), addresses } => {
                    self.addresses = addresses;
                    Ok(state)
                }
                _ => Err(SessionError::Malformed { step: Step::Connect }),
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
            match self.ask(Request::DeviceInfo, Step::Describe).await? {
                Answer::Info(info) => Ok(info),
                _ => Err(SessionError::Malformed { step: Step::Describe }),
            }
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
            match self.ask(request, Step::Rename).await? {
                Answer::Name(name) => Ok(name),
                _ => Err(SessionError::Malformed { step: Step::Rename }),
            }
        })
    }

    fn push<'a>(&'a mut self, credentials: &'a WifiCredentials) -> Boxed<'a, Result<(), SessionError>> {
        Box::pin(async {
            self.transcript.learn(credentials);
            self.log.redactor = self.transcript.redactor();
            self.states = States::default();
            self.has_started = false;
            let ssid = credentials.ssid.octets().to_vec();
            let request = Request::WifiSettings { ssid, password: Secret::new(credentials.password().to_owned()) };
            // A request that does not fit is refused before anything is sent.
            encode_request(&request)?;
            self.session.start(request, Instant::now().into_std());
            self.transmit().await.map_err(SessionError::from)
        })
    }

    fn before(&mut self) -> Boxed<'_, Result<Before, SessionError>> {
        Box::pin(std::future::ready(Ok(before(self.session.state(), &self.addresses))))
    }

    fn follow(&mut self) -> Boxed<'_, Followed> {
        Box::pin(async {
            let (observations, broken) = match self.wait().await {
                Err(error) => (vec![Observation::LinkLost], Some(error)),
                Ok(outcome) => (observed(outcome), None),
            };
            followed(observations, &self.states, broken)
        })
    }

    fn began_joining(&self) -> Option<Duration> {
        self.states.began_joining
    }

    fn read_back(&mut self) -> Boxed<'_, Option<Result<Observation, SessionError>>> {
        Box::pin(async {
            Some(match self.ask(Request::CurrentState, Step::ReadBack).await {
                Ok(Answer::State { state, addresses }) => {
                    self.addresses.clone_from(&addresses);
                    Ok(look(state, Seen::Question, addresses))
                }
                Ok(_) => Err(SessionError::Malformed { step: Step::ReadBack }),
                Err(error) => Err(error),
            })
        })
    }

    fn abandon(&mut self) -> bool {
        // What answers what was given up answers nothing that is asked later: results name their command, and errors are held
        // against what is still to be answered.
        self.session.abandon();
        true
    }

    fn pulse_reset(&mut self) -> Boxed<'_, Result<(), SessionError>> {
        Box::pin(async {
            self.transcript.note(self.report.elapsed(), "pulse the reset line");
            self.link.send(LinkCommand::PulseReset).await.map_err(SessionError::from)
        })
    }

    fn heard_start(&mut self) -> bool {
        std::mem::take(&mut self.has_started)
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
}

/// What a gateway said of its state since something was asked of it: however long it goes on, three facts are kept.
#[derive(Clone, Copy, Debug, Default)]
struct States {
    /// When it first said that it began to join.
    began_joining: Option<Duration>,
    /// Whether it then said that it is on a network.
    has_joined: bool,
    /// What it said last.
    last: Option<State>,
}

impl States {
    fn note(&mut self, at: Duration, state: State) {
        if state == State::Known(ProvisioningState::Provisioning) {
            self.began_joining.get_or_insert(at);
        }
        self.has_joined |= state == State::Known(ProvisioningState::Provisioned) && self.began_joining.is_some();
        self.last = Some(state);
    }
}

/// What a state before the push says of the gateway's network.
fn before(state: Option<State>, addresses: &[String]) -> Before {
    match state {
        None => Before::NotKnown,
        Some(State::Known(
            ProvisioningState::Ready | ProvisioningState::AuthorizationRequired | ProvisioningState::Stopped,
        )) => Before::NoNetwork,
        // One that it was joining is another one, too.
        Some(State::Known(ProvisioningState::Provisioned | ProvisioningState::Provisioning) | State::Unknown(_)) => {
            Before::SomeNetwork { addresses: addresses.to_vec() }
        }
    }
}

/// What the end of a push says.
fn observed(outcome: Result<Answer, Failure>) -> Vec<Observation> {
    let has_network = |seen, addresses| look(State::Known(ProvisioningState::Provisioned), seen, addresses);
    match outcome {
        Ok(Answer::Joined { addresses, is_answered: true, .. }) => {
            vec![Observation::Done, has_network(Seen::Answer, addresses)]
        }
        Ok(Answer::Joined { addresses, is_answered: false, .. }) => vec![has_network(Seen::Unasked, addresses)],
        Err(Failure::Device { error, .. }) => vec![Observation::Refused(refusal(error))],
        Err(Failure::FellBack) => vec![look(State::Known(ProvisioningState::Ready), Seen::Unasked, Vec::new())],
        Ok(_) | Err(Failure::NoReply | Failure::Malformed | Failure::NoVerdict { .. }) => vec![Observation::TimeOver],
    }
}

/// Puts what the gateway said of its state in front of the end of a push.
fn followed(end: Vec<Observation>, states: &States, broken: Option<LinkError>) -> Followed {
    let began = states.began_joining.map(|_| Observation::Began);
    // Taken back by what came after it, it still speaks against some causes. Where nothing did, it's in the end itself.
    let is_off = match end.as_slice() {
        [Observation::Refused(_)] => true,
        [Observation::Look(look)] => look.station == Station::Apart,
        _ => false,
    };
    let joined = Observation::Look(Look::unnamed(Station::Connected, Seen::Unasked));
    let joined = Some(joined).filter(|_| is_off && states.has_joined);
    let observations = began.into_iter().chain(joined).chain(end).collect();
    Followed { observations, last_word: states.last.map(said), broken, connection: None }
}

/// A look at where the gateway stands. Improv names no network.
fn look(state: State, seen: Seen, addresses: Vec<String>) -> Observation {
    let station = match state {
        State::Known(ProvisioningState::Provisioned) => Station::Connected,
        State::Known(ProvisioningState::Provisioning) => Station::Busy,
        State::Known(ProvisioningState::Ready | ProvisioningState::AuthorizationRequired) => Station::Apart,
        State::Known(ProvisioningState::Stopped) | State::Unknown(_) => Station::Unclear,
    };
    Observation::Look(Look { station, named: Named::NotSaid, seen, addresses })
}

/// A state as it is said of a gateway.
fn said(state: State) -> String {
    match state {
        State::Known(state) => state.label().to_owned(),
        State::Unknown(number) => format!("is in the unknown state {number}"),
    }
}

/// Cuts the session's secrets out of what a gateway answers: some put them into the address or the name they tell.
fn without_secrets(transcript: &SharedTranscript, message: Message) -> Message {
    match message {
        // Names of networks are compared octet by octet.
        Message::Result { command: command::SCAN, .. } | Message::State(_) | Message::Error(_) => message,
        Message::Result { command, strings } => {
            let strings = strings.iter().map(|octets| transcript.redact_octets(octets)).collect();
            Message::Result { command, strings }
        }
    }
}

/// What the gateway's error means for a push.
fn refusal(error: DeviceError) -> Refusal {
    let (kind, code, name) = match error {
        DeviceError::InvalidPacket => (RefusalKind::Unreadable, "improv.invalid_packet", "invalid packet"),
        DeviceError::UnknownCommand => (RefusalKind::NotOffered, "improv.unknown_command", "unknown command"),
        DeviceError::UnableToConnect => (RefusalKind::CouldNotJoin, "improv.unable_to_connect", "unable to connect"),
        DeviceError::NotAuthorized => (RefusalKind::NotAuthorized, "improv.not_authorized", "not authorised"),
        DeviceError::BadHostname => (RefusalKind::Other, "improv.device_error", "bad host name"),
        DeviceError::None => (RefusalKind::Other, "improv.device_error", "no error"),
        DeviceError::Unspecified => (RefusalKind::Other, "improv.device_error", "unspecified"),
        DeviceError::Other(_) => {
            (RefusalKind::Other, "improv.device_error", "a number the specification does not name")
        }
    };
    Refusal { kind, code, words: format!("error {:#04x} ({name})", error.octet()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::outcome::Verdict;
    use crate::model::verdict::{Asked, rule};
    use crate::model::wifi::Ssid;

    const READY: Message = Message::State(State::Known(ProvisioningState::Ready));
    const PROVISIONING: Message = Message::State(State::Known(ProvisioningState::Provisioning));
    const PROVISIONED: Message = Message::State(State::Known(ProvisioningState::Provisioned));
    /// States that say nothing of a network.
    const OTHERS: [Message; 3] = [
        Message::State(State::Known(ProvisioningState::AuthorizationRequired)),
        Message::State(State::Known(ProvisioningState::Stopped)),
        Message::State(State::Unknown(9)),
    ];

    /// What a gateway that says this after a push comes to; the state it reported before stands in front.
    fn verdict(mut session: Session, first: &Message, messages: &[Message]) -> Verdict {
        let mut now = Instant::now().into_std();
        session.handle_message(first.clone(), now);
        while session.poll_event().is_some() {}
        let before = before(session.state(), &[]);
        let request = Request::WifiSettings { ssid: b"Site".to_vec(), password: Secret::new("long enough".into()) };
        session.start(request, now);
        let (mut states, mut incoming) = (States::default(), messages.iter());
        let outcome = loop {
            match session.poll_event() {
                Some(Event::Finished(outcome)) => break outcome,
                Some(Event::State(state)) => states.note(Duration::ZERO, state),
                Some(Event::Network(_)) => {}
                None => match (incoming.next(), session.poll_timeout()) {
                    (Some(message), _) => session.handle_message(message.clone(), now),
                    (None, Some(due)) => {
                        now = due;
                        session.handle_timeout(now);
                    }
                    (None, None) => panic!("a request that runs has a limit"),
                },
            }
        };
        let followed = followed(observed(outcome), &states, None);
        let ssid = Ssid::from_octets(*b"Site").unwrap();
        rule(Asked { ssid: &ssid, connection: None }, &before, &followed.observations).verdict()
    }

    #[test]
    fn whatever_a_gateway_says_it_joined_only_if_that_can_speak_of_this_push() {
        let result = Message::Result { command: command::WIFI_SETTINGS, strings: vec![b"http://192.0.2.7".to_vec()] };
        let words = [READY, PROVISIONING, PROVISIONED, result.clone(), Message::Error(DeviceError::UnableToConnect)];
        let mut joined = 0;
        for number in 0..words.len().pow(4) {
            let said: Vec<_> =
                (0..4).map(|place| words[number / words.len().pow(place) % words.len()].clone()).collect();
            for (first, had_one) in [(READY, false), (PROVISIONED, true), (PROVISIONING, true)] {
                for session in [Session::new(Timeouts::STANDARD), Session::over_gatt()] {
                    if verdict(session, &first, &said) != Verdict::Joined {
                        continue;
                    }
                    joined += 1;
                    let (tried, answered) = (said.contains(&PROVISIONING), said.contains(&result));
                    assert!(tried && answered || !had_one, "{first:?} then {said:?}");
                    assert!(answered || said.contains(&PROVISIONED), "{first:?} then {said:?}");
                }
            }
        }
        assert!(joined > 100, "{joined}");
    }

    #[test]
    fn a_gateway_that_says_something_else_before_the_word_is_complete_did_not_join() {
        for other in OTHERS {
            for before in [READY, PROVISIONED] {
                let said = [PROVISIONING, before, other.clone()];
                for session in [Session::new(Timeouts::STANDARD), Session::over_gatt()] {
                    assert_ne!(verdict(session, &READY, &said), Verdict::Joined, "{said:?}");
                }
            }
        }
    }

    #[test]
    fn a_gateway_that_had_a_network_and_says_so_at_once_is_unknown() {
        for session in [Session::new(Timeouts::STANDARD), Session::over_gatt()] {
            assert_eq!(verdict(session, &PROVISIONED, &[PROVISIONED]), Verdict::Unknown);
        }
        let fell_back = [PROVISIONING, PROVISIONED];
        assert_eq!(verdict(Session::over_gatt(), &PROVISIONED, &fell_back), Verdict::Unknown);
        assert_eq!(verdict(Session::over_gatt(), &READY, &fell_back), Verdict::Joined);
    }
}
