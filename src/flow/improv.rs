//! The driver `improv` on a link: moves bytes between a link and the protocol's state machine, and reads answers into
//! words of the model. The commission flow knows only these words, so that another driver can stand in its place.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::driver::{Driver, Followed, Limits, Name, Scan};
use super::error::SessionError;
use super::port::{Boxed, Link, LinkCommand, LinkError, LinkEvent};
use super::report::Report;
use super::transcript::SharedTranscript;
use crate::model::credentials::WifiCredentials;
use crate::model::gateway::{Capabilities, DeviceInfo, Protection, ProvisioningState};
use crate::model::ids::DriverId;
use crate::model::redact::Redactor;
use crate::model::secret::Secret;
use crate::model::text::visible_octets;
use crate::model::verdict::{Before, Look, Named, Observation, Refusal, RefusalKind, Seen, Station};
use crate::model::wifi::Network;
use crate::msg::{Progress, Step};
use crate::proto::improv::serial::{Decoder, Packet, encode_request, parse_message};
use crate::proto::improv::session::{Answer, Event, Failure, Session, Timeouts};
use crate::proto::improv::{DeviceError, Message, Request, State, command};

/// Longest line of device log that is shown; longer ones are broken.
const LOG_LINE: usize = 400;

/// The limits of each step.
pub(super) const LIMITS: Limits = {
    let Timeouts { hello, rpc, scan_entry, join, .. } = Timeouts::STANDARD;
    Limits { hello, question: rpc, scan: scan_entry, join }
};

/// A conversation in Improv over a serial link.
pub(super) struct Improv {
    link: Link,
    decoder: Decoder,
    session: Session,
    report: Report,
    transcript: SharedTranscript,
    log: LogLines,
    heard_octets: u64,
    /// States since the last request, with the time each came.
    states: Vec<(Duration, State)>,
}

impl Improv {
    /// Takes an open link over.
    pub(super) fn new(link: Link, report: Report, transcript: SharedTranscript) -> Self {
        let log = LogLines::new(&transcript);
        Self {
            link,
            decoder: Decoder::default(),
            session: Session::new(Timeouts::STANDARD),
            report,
            transcript,
            log,
            heard_octets: 0,
            states: Vec::new(),
        }
    }

    fn last_word(&self) -> Option<String> {
        self.states.last().map(|(_, state)| said(*state))
    }

    /// One request, from sending to its answer.
    async fn ask(&mut self, request: Request, step: Step) -> Result<Answer, SessionError> {
        encode_request(&request)?;
        self.heard_octets = 0;
        self.states.clear();
        self.session.start(request, Instant::now().into_std());
        match self.wait().await? {
            Ok(answer) => Ok(answer),
            Err(Failure::Device { error, .. }) => Err(SessionError::Device { step, error }),
            Err(Failure::Malformed) => Err(SessionError::Malformed { step }),
            Err(Failure::NoReply | Failure::FellBack | Failure::NoVerdict { .. }) => {
                Err(SessionError::NoReply { step, heard_octets: self.heard_octets })
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
        if let Some(event) = self.session.poll_event() {
            if let Event::State(state) = event {
                self.states.push((self.report.elapsed(), state));
                if let State::Known(state) = state {
                    self.report.send(Progress::StateChanged(state)).await;
                }
            }
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
        for packet in packets {
            match parse_message(&packet) {
                Some(message) => self.session.handle_message(without_secrets(&self.transcript, message), now),
                None => self.transcript.note(self.report.elapsed(), "a packet of unknown form was ignored"),
            }
        }
        let log = self.decoder.take_log();
        self.heard_octets += log.len() as u64;
        let lines = self.log.push(&log);
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

    fn limits(&self) -> Limits {
        LIMITS
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { wifi: true, scan: true, rename: true, reset_line: true, ..Capabilities::default() }
    }

    fn protection(&self) -> Protection {
        Protection::Cable
    }

    fn why_no_identify(&self) -> &'static str {
        "Improv over serial has no such command; the cable tells which gateway it is"
    }

    fn hello(&mut self) -> Boxed<'_, Result<ProvisioningState, SessionError>> {
        Box::pin(async {
            // A line feed ends whatever text stood on the line before.
            self.write(b"\n".to_vec()).await?;
            match self.ask(Request::CurrentState, Step::Connect).await? {
                Answer::State { state: State::Known(state), .. } => Ok(state),
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
            self.states.clear();
            let ssid = credentials.ssid.octets().to_vec();
            let request = Request::WifiSettings { ssid, password: Secret::new(credentials.password().to_owned()) };
            // A request that does not fit is refused before anything is sent.
            encode_request(&request)?;
            self.session.start(request, Instant::now().into_std());
            self.transmit().await.map_err(SessionError::from)
        })
    }

    fn before(&mut self) -> Boxed<'_, Result<Before, SessionError>> {
        Box::pin(std::future::ready(Ok(before(self.session.state()))))
    }

    fn follow(&mut self) -> Boxed<'_, Followed> {
        Box::pin(async {
            let (observations, broken) = match self.wait().await {
                Err(error) => (vec![Observation::LinkLost], Some(error)),
                Ok(outcome) => (observed(outcome), None),
            };
            followed(observations, self.began_joining().is_some(), self.last_word(), broken)
        })
    }

    fn began_joining(&self) -> Option<Duration> {
        let joining = State::Known(ProvisioningState::Provisioning);
        self.states.iter().find(|(_, state)| *state == joining).map(|(at, _)| *at)
    }

    fn read_back(&mut self) -> Boxed<'_, Option<Result<Observation, SessionError>>> {
        Box::pin(async {
            Some(match self.ask(Request::CurrentState, Step::ReadBack).await {
                Ok(Answer::State { state, addresses }) => Ok(look(state, Seen::Question, addresses)),
                Ok(_) => Err(SessionError::Malformed { step: Step::ReadBack }),
                Err(error) => Err(error),
            })
        })
    }

    fn pulse_reset(&mut self) -> Boxed<'_, Result<(), SessionError>> {
        Box::pin(async {
            self.transcript.note(self.report.elapsed(), "pulse the reset line");
            self.link.send(LinkCommand::PulseReset).await.map_err(SessionError::from)
        })
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

/// What a state before the push says of the gateway's network.
pub(super) const fn before(state: Option<State>) -> Before {
    match state {
        None => Before::NotKnown,
        Some(State::Known(
            ProvisioningState::Ready | ProvisioningState::AuthorizationRequired | ProvisioningState::Stopped,
        )) => Before::NoNetwork,
        // One that it was joining is another one, too.
        Some(State::Known(ProvisioningState::Provisioned | ProvisioningState::Provisioning) | State::Unknown(_)) => {
            Before::SomeNetwork
        }
    }
}

/// What the end of a push says.
pub(super) fn observed(outcome: Result<Answer, Failure>) -> Vec<Observation> {
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

/// Puts in front that the gateway began to join.
pub(super) fn followed(
    mut observations: Vec<Observation>,
    has_begun: bool,
    last_word: Option<String>,
    broken: Option<LinkError>,
) -> Followed {
    if has_begun {
        observations.insert(0, Observation::Began);
    }
    Followed { observations, last_word, broken, connection: None }
}

/// A look at where the gateway stands. Improv names no network.
pub(super) fn look(state: State, seen: Seen, addresses: Vec<String>) -> Observation {
    let station = match state {
        State::Known(ProvisioningState::Provisioned) => Station::Connected,
        State::Known(ProvisioningState::Provisioning) => Station::Busy,
        State::Known(ProvisioningState::Ready | ProvisioningState::AuthorizationRequired) => Station::Apart,
        State::Known(ProvisioningState::Stopped) | State::Unknown(_) => Station::Unclear,
    };
    Observation::Look(Look { station, named: Named::NotSaid, seen, addresses })
}

/// A state as it is said of a gateway.
pub(super) fn said(state: State) -> String {
    match state {
        State::Known(state) => state.label().to_owned(),
        State::Unknown(number) => format!("is in the unknown state {number}"),
    }
}

/// Cuts the session's secrets out of what a gateway answers: some put them into the address or the name they tell.
pub(super) fn without_secrets(transcript: &SharedTranscript, message: Message) -> Message {
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
pub(super) fn refusal(error: DeviceError) -> Refusal {
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

/// Cuts a device's log into lines, redacted and safe to show.
pub(super) struct LogLines {
    redactor: Redactor,
    line: Vec<u8>,
}

impl LogLines {
    /// Cuts out what the transcript knows of secrets now.
    pub(super) fn new(transcript: &SharedTranscript) -> Self {
        Self { redactor: transcript.redactor(), line: Vec::new() }
    }

    /// Takes in octets and returns the lines that are whole.
    pub(super) fn push(&mut self, octets: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for octet in self.redactor.push(octets) {
            if octet == b'\n' || self.line.len() >= LOG_LINE {
                let line = std::mem::take(&mut self.line);
                let text = visible_octets(line.trim_ascii_end(), LOG_LINE);
                if !text.trim().is_empty() {
                    lines.push(text);
                }
            }
            if octet != b'\n' {
                self.line.push(octet);
            }
        }
        lines
    }
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

    /// What a gateway that says this after a push comes to; the state it reported before stands in front.
    fn verdict(mut session: Session, first: &Message, messages: &[Message]) -> Verdict {
        let mut now = Instant::now().into_std();
        session.handle_message(first.clone(), now);
        while session.poll_event().is_some() {}
        let before = before(session.state());
        let request = Request::WifiSettings { ssid: b"Site".to_vec(), password: Secret::new("long enough".into()) };
        session.start(request, now);
        let (mut has_begun, mut incoming) = (false, messages.iter());
        let outcome = loop {
            match session.poll_event() {
                Some(Event::Finished(outcome)) => break outcome,
                Some(Event::State(state)) => has_begun |= state == State::Known(ProvisioningState::Provisioning),
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
        let followed = followed(observed(outcome), has_begun, None, None);
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
    fn a_gateway_that_had_a_network_and_says_so_at_once_is_unknown() {
        for session in [Session::new(Timeouts::STANDARD), Session::over_gatt()] {
            assert_eq!(verdict(session, &PROVISIONED, &[PROVISIONED]), Verdict::Unknown);
        }
        let fell_back = [PROVISIONING, PROVISIONED];
        assert_eq!(verdict(Session::over_gatt(), &PROVISIONED, &fell_back), Verdict::Unknown);
        assert_eq!(verdict(Session::over_gatt(), &READY, &fell_back), Verdict::Joined);
    }
}
