//! The driver `improv` on a link: moves bytes between a link and the protocol's state machine, and reads answers into
//! words of the model. The commission flow knows only these words, so that another driver can stand in its place.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::conclude::PushEnd;
use super::error::SessionError;
use super::port::{Link, LinkCommand, LinkError, LinkEvent};
use super::report::Report;
use super::transcript::SharedTranscript;
use crate::model::credentials::WifiCredentials;
use crate::model::gateway::{DeviceInfo, ProvisioningState};
use crate::model::redact::Redactor;
use crate::model::secret::Secret;
use crate::model::text::visible_octets;
use crate::model::wifi::Network;
use crate::msg::{Progress, Step};
use crate::proto::improv::serial::{Decoder, Packet, encode_request, parse_message};
use crate::proto::improv::session::{Answer, Event, Failure, Session, Timeouts};
use crate::proto::improv::{DeviceError, Message, Request, State, command};

/// Longest line of device log that is shown; longer ones are broken.
const LOG_LINE: usize = 400;

/// A conversation in Improv over a serial link.
pub(super) struct Improv {
    link: Link,
    decoder: Decoder,
    session: Session,
    timeouts: Timeouts,
    report: Report,
    transcript: SharedTranscript,
    log: LogLines,
    heard_octets: u64,
    /// States since the last request, with the time each came.
    states: Vec<(Duration, State)>,
}

/// What a gateway says when nobody asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unasked {
    /// Its state changed.
    State(State),
}

/// Reading back after a push.
pub(super) struct ReadBack {
    pub(super) state: ProvisioningState,
    pub(super) addresses: Vec<String>,
}

impl Improv {
    /// Takes an open link over.
    pub(super) fn new(link: Link, report: Report, transcript: SharedTranscript) -> Self {
        let timeouts = Timeouts::default();
        let log = LogLines { redactor: transcript.redactor(), line: Vec::new() };
        Self {
            link,
            decoder: Decoder::default(),
            session: Session::new(timeouts),
            timeouts,
            report,
            transcript,
            log,
            heard_octets: 0,
            states: Vec::new(),
        }
    }

    /// The limits in force.
    pub(super) const fn timeouts(&self) -> Timeouts {
        self.timeouts
    }

    /// Whether the gateway can be told to blink: the serial protocol has no such command.
    pub(super) const fn can_identify() -> bool {
        false
    }

    /// Asks for the state until something answers.
    pub(super) async fn hello(&mut self) -> Result<ProvisioningState, SessionError> {
        // A line feed ends whatever text stood on the line before.
        self.write(b"\n".to_vec()).await?;
        match self.ask(Request::CurrentState, Step::Connect).await? {
            Answer::State { state: State::Known(state), .. } => Ok(state),
            _ => Err(SessionError::Malformed { step: Step::Connect }),
        }
    }

    /// The state the gateway reported last.
    pub(super) fn state(&self) -> Option<ProvisioningState> {
        match self.session.state() {
            Some(State::Known(state)) => Some(state),
            Some(State::Unknown(_)) | None => None,
        }
    }

    /// Asks what it is.
    pub(super) async fn describe(&mut self) -> Result<DeviceInfo, SessionError> {
        match self.ask(Request::DeviceInfo, Step::Describe).await? {
            Answer::Info(info) => Ok(info),
            _ => Err(SessionError::Malformed { step: Step::Describe }),
        }
    }

    /// Lets it scan. The second value counts entries that were no network's name.
    pub(super) async fn scan(&mut self) -> Result<(Vec<Network>, usize), SessionError> {
        match self.ask(Request::ScanNetworks, Step::ScanNetworks).await? {
            Answer::Networks { networks, ignored } => Ok((networks, ignored)),
            _ => Err(SessionError::Malformed { step: Step::ScanNetworks }),
        }
    }

    /// Sets the host name or the device's name and returns what the gateway made of it.
    pub(super) async fn rename(&mut self, request: Request) -> Result<String, SessionError> {
        match self.ask(request, Step::Rename).await? {
            Answer::Name(name) => Ok(name),
            _ => Err(SessionError::Malformed { step: Step::Rename }),
        }
    }

    /// Asks for state and addresses again.
    pub(super) async fn read_back(&mut self) -> Result<ReadBack, SessionError> {
        match self.ask(Request::CurrentState, Step::ReadBack).await? {
            Answer::State { state: State::Known(state), addresses } => Ok(ReadBack { state, addresses }),
            _ => Err(SessionError::Malformed { step: Step::ReadBack }),
        }
    }

    /// Sends credentials; the gateway's verdict is waited for with [`Improv::follow`].
    pub(super) async fn push(&mut self, credentials: &WifiCredentials) -> Result<(), SessionError> {
        self.transcript.learn(credentials);
        self.log.redactor = self.transcript.redactor();
        self.states.clear();
        let ssid = credentials.ssid.octets().to_vec();
        let request = Request::WifiSettings { ssid, password: Secret::new(credentials.password().to_owned()) };
        // A request that does not fit is refused before anything is sent.
        encode_request(&request)?;
        self.session.start(request, Instant::now().into_std());
        self.transmit().await.map_err(SessionError::from)
    }

    /// Waits for the verdict on what was pushed.
    pub(super) async fn follow(&mut self) -> PushEnd {
        match self.wait().await {
            Err(error) => PushEnd::LinkLost { error, last_state: self.last_state() },
            Ok(Ok(Answer::Joined { addresses, was_provisioning })) => PushEnd::Joined { addresses, was_provisioning },
            Ok(Err(Failure::Device { error, was_provisioning })) => PushEnd::Refused { error, was_provisioning },
            Ok(Err(Failure::FellBack)) => PushEnd::FellBack,
            Ok(_) => PushEnd::NoVerdict { last_state: self.last_state() },
        }
    }

    /// The states since the last request, with their times.
    pub(super) fn states(&self) -> &[(Duration, State)] {
        &self.states
    }

    /// Pulses the reset line.
    pub(super) async fn pulse_reset(&mut self) -> Result<(), SessionError> {
        self.transcript.note(self.report.elapsed(), "pulse the reset line");
        self.command(LinkCommand::PulseReset).await.map_err(SessionError::from)
    }

    /// Waits until the gateway says something by itself. Safe to drop at any point.
    pub(super) async fn listen(&mut self) -> Result<Unasked, LinkError> {
        loop {
            if let Some(Event::State(state)) = self.step().await? {
                return Ok(Unasked::State(state));
            }
        }
    }

    fn last_state(&self) -> Option<State> {
        self.states.last().map(|(_, state)| *state)
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
                Some(message) => self.session.handle_message(self.without_secrets(message), now),
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

    /// Cuts the session's secrets out of what a gateway answers: some put them into the address or the name they tell.
    fn without_secrets(&self, message: Message) -> Message {
        match message {
            // Names of networks are compared octet by octet.
            Message::Result { command: command::SCAN, .. } | Message::State(_) | Message::Error(_) => message,
            Message::Result { command, strings } => {
                let strings = strings.iter().map(|octets| self.transcript.redact_octets(octets)).collect();
                Message::Result { command, strings }
            }
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
        self.command(LinkCommand::Write(bytes)).await
    }

    async fn command(&mut self, command: LinkCommand) -> Result<(), LinkError> {
        if self.link.outgoing.send(command).await.is_ok() {
            return Ok(());
        }
        // The link ended; its last event says why.
        while let Some(event) = self.link.incoming.recv().await {
            if let LinkEvent::Closed(error) = event {
                return Err(error);
            }
        }
        Err(LinkError::Vanished { port: "the port".into() })
    }
}

/// Cuts a device's log into lines, redacted and safe to show.
struct LogLines {
    redactor: Redactor,
    line: Vec<u8>,
}

impl LogLines {
    fn push(&mut self, octets: &[u8]) -> Vec<String> {
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

/// Whether an error means that the firmware simply lacks the command.
pub(super) fn is_missing_command(error: &SessionError) -> bool {
    matches!(error, SessionError::Device { error: DeviceError::UnknownCommand, .. })
}
