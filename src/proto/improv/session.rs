//! The client's side of an Improv conversation as a state machine: no I/O, no clock.
//!
//! One request at a time. Start it with [`Session::start`], feed [`Session::handle_message`] and
//! [`Session::handle_timeout`], send what [`Session::poll_transmit`] gives, and read [`Session::poll_event`].
//! Rules and limits: Improv specification for serial and for Bluetooth LE; timeouts as the common tools use them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{
    DeviceError, Message, Request, State, command, parse_addresses, parse_device_info, parse_name, parse_network,
};
use crate::model::gateway::{DeviceInfo, ProvisioningState};
use crate::model::wifi::Network;

/// Networks of one scan that are kept; more are counted, not kept.
const MAX_NETWORKS: usize = 256;

/// How long to wait for what.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// Until a device that just rebooted answers at all.
    pub hello: Duration,
    /// Between two questions for the state while nothing answers.
    pub hello_interval: Duration,
    /// For an answer that needs no radio.
    pub rpc: Duration,
    /// After which a repeatable question is asked again, in case the answer was damaged.
    pub repeat: Duration,
    /// For the next entry of a scan.
    pub scan_entry: Duration,
    /// For all of a scan, however its entries drip in.
    pub scan: Duration,
    /// For the verdict on a network.
    pub join: Duration,
    /// For the second half of an answer that comes in two packets.
    pub second_half: Duration,
}

impl Timeouts {
    /// The limits over serial.
    pub const STANDARD: Self = Self {
        hello: Duration::from_secs(12),
        hello_interval: Duration::from_secs(1),
        rpc: Duration::from_secs(30),
        repeat: Duration::from_secs(10),
        scan_entry: Duration::from_secs(15),
        scan: Duration::from_mins(1),
        join: Duration::from_mins(1),
        second_half: Duration::from_secs(3),
    };

    /// The limits over Bluetooth LE, where nothing gets lost, so that nothing is asked twice.
    pub const GATT: Self = Self {
        hello: Duration::from_secs(50),
        hello_interval: Duration::from_mins(2),
        rpc: Duration::from_secs(10),
        repeat: Duration::from_mins(2),
        scan_entry: Duration::from_secs(15),
        scan: Duration::from_mins(1),
        join: Duration::from_mins(1),
        second_half: Duration::from_secs(3),
    };
}

impl Default for Timeouts {
    fn default() -> Self {
        Self::STANDARD
    }
}

/// What the device answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Its state, and its addresses if it has joined a network and tells them.
    State {
        /// The state.
        state: State,
        /// `http` and `https` addresses.
        addresses: Vec<String>,
    },
    /// What it is.
    Info(DeviceInfo),
    /// The networks it sees, strongest first, and how many entries were no network's name.
    Networks {
        /// The networks.
        networks: Vec<Network>,
        /// Entries left out: names longer than 32 octets, or more than we keep.
        ignored: usize,
    },
    /// Its host name or name.
    Name(String),
    /// How it is connected: flags and addresses.
    Network {
        /// Whether it says it is online.
        is_online: bool,
        /// `http` and `https` addresses.
        addresses: Vec<String>,
    },
    /// It joined.
    Joined {
        /// `http` and `https` addresses.
        addresses: Vec<String>,
        /// Whether it reported "provisioning" before.
        was_provisioning: bool,
        /// Whether it answered the request itself; else only its state changed, which names no network.
        is_answered: bool,
    },
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nothing at all came in time.
    NoReply,
    /// The device named an error.
    Device {
        /// The error.
        error: DeviceError,
        /// Whether it had begun to join; only then does "unable to connect" speak of the network.
        was_provisioning: bool,
    },
    /// The result had too few strings.
    Malformed,
    /// It began to join and is ready again without having named an error.
    FellBack,
    /// The device began to join, or took the request, and gave no verdict in time.
    NoVerdict {
        /// The last state it reported since the request.
        last_state: Option<State>,
    },
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The device's state changed.
    State(State),
    /// One more network of the scan that runs.
    Network(Network),
    /// The request that runs is over.
    Finished(Result<Answer, Failure>),
}

/// A conversation with one device.
#[derive(Default)]
pub struct Session {
    timeouts: Timeouts,
    state: Option<State>,
    exchange: Option<Exchange>,
    outbox: VecDeque<Request>,
    events: VecDeque<Event>,
    ignored_messages: u64,
    is_gatt: bool,
    /// Questions that were sent and may still be answered, although nobody waits for that any more.
    unanswered: usize,
}

/// The request that runs.
struct Exchange {
    request: Request,
    /// How often it was sent.
    sent: usize,
    deadline: Instant,
    /// No answer moves the deadline beyond this.
    latest: Instant,
    repeat_at: Option<Instant>,
    /// State reported since the request.
    state: Option<State>,
    /// Whether that state was "provisioning" once.
    has_begun_to_join: bool,
    networks: Vec<Network>,
    ignored_networks: usize,
    /// Half of the answer is here; at this time it counts as whole.
    complete_at: Option<Instant>,
    /// An error that came before the device began to join: it may belong to the attempt before.
    early_error: Option<DeviceError>,
    /// The result of a push came before the state that belongs to it.
    joined: Option<Vec<String>>,
}

impl Session {
    /// A session with other timeouts than the usual.
    pub fn new(timeouts: Timeouts) -> Self {
        Self { timeouts, ..Self::default() }
    }

    /// A session over Bluetooth LE: a state that comes is a change, and both halves of a verdict are waited for, since the
    /// device ends the connection soon after them.
    pub fn over_gatt() -> Self {
        Self { timeouts: Timeouts::GATT, is_gatt: true, ..Self::default() }
    }

    /// The state the device reported last.
    pub const fn state(&self) -> Option<State> {
        self.state
    }

    /// Messages that belonged to nothing: late or doubled answers.
    pub const fn ignored_messages(&self) -> u64 {
        self.ignored_messages
    }

    /// Begins a request. One that still runs is given up without an event.
    pub fn start(&mut self, request: Request, now: Instant) {
        let (limit, repeat) = match &request {
            Request::CurrentState => (self.timeouts.hello, Some(self.timeouts.hello_interval)),
            Request::WifiSettings { .. } => (self.timeouts.join, None),
            Request::ScanNetworks => (self.timeouts.scan_entry, None),
            _ => (self.timeouts.rpc, Some(self.timeouts.repeat)),
        };
        self.give_up();
        self.outbox.push_back(request.clone());
        self.exchange = Some(Exchange {
            request,
            sent: 1,
            deadline: now + limit,
            latest: now + limit.max(self.timeouts.scan),
            repeat_at: repeat.map(|after| now + after),
            state: None,
            has_begun_to_join: false,
            networks: Vec::new(),
            ignored_networks: 0,
            complete_at: None,
            early_error: None,
            joined: None,
        });
    }

    /// Gives up the request that runs: what answers it later answers nothing.
    pub fn abandon(&mut self) {
        self.give_up();
        self.outbox.clear();
        self.events.retain(|event| matches!(event, Event::State(_)));
    }

    /// Whether a result of that command would answer the request that runs.
    pub fn expects(&self, command: u8) -> bool {
        self.exchange.as_ref().is_some_and(|exchange| exchange.expects(command))
    }

    /// The request to send now, if any.
    pub fn poll_transmit(&mut self) -> Option<Request> {
        self.outbox.pop_front()
    }

    /// What happened, oldest first.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`Session::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let exchange = self.exchange.as_ref()?;
        [Some(exchange.deadline), exchange.repeat_at, exchange.complete_at].into_iter().flatten().min()
    }

    /// Takes in that time passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        let Some(exchange) = &mut self.exchange else { return };
        if exchange.complete_at.is_some_and(|due| due <= now) {
            self.complete_with_half();
        } else if exchange.deadline <= now {
            self.run_out_of_time();
        } else if exchange.repeat_at.is_some_and(|due| due <= now) {
            exchange.repeat_at = Some(now + self.timeouts.interval(&exchange.request));
            exchange.sent += 1;
            self.outbox.push_back(exchange.request.clone());
        }
    }

    /// Takes in what the device said.
    pub fn handle_message(&mut self, message: Message, now: Instant) {
        match message {
            Message::State(state) => self.handle_state(state, now),
            Message::Error(DeviceError::None) => {}
            Message::Error(error) => self.handle_error(error, now),
            Message::Result { command, strings } => self.handle_result(command, &strings, now),
        }
    }

    /// Takes in that the link is gone: half of a verdict is then all of it. Without one the request stays open, and
    /// nothing will answer it.
    pub fn handle_closed(&mut self) {
        if self.exchange.as_ref().is_some_and(Exchange::has_joined) {
            self.complete_with_half();
        }
    }

    /// Takes in that somebody counted a message that could not be read.
    pub const fn note_unreadable(&mut self) {
        self.ignored_messages += 1;
    }

    fn handle_state(&mut self, state: State, now: Instant) {
        let before = self.state.replace(state);
        if before != Some(state) {
            self.events.push_back(Event::State(state));
        }
        let is_joined_by_change = self.is_gatt
            && state == State::Known(ProvisioningState::Provisioned)
            && before == Some(State::Known(ProvisioningState::Ready));
        let Some(exchange) = &mut self.exchange else { return };
        exchange.state = Some(state);
        if exchange.joined.is_some() && state == State::Known(ProvisioningState::Provisioned) {
            return self.complete_with_half();
        }
        match (&exchange.request, state) {
            // A device that has joined sends its addresses right after; one that has not sends the state alone.
            (Request::CurrentState, State::Known(ProvisioningState::Provisioned)) => {
                exchange.complete_at.get_or_insert(now + self.timeouts.second_half.min(Duration::from_secs(1)));
                exchange.repeat_at = None;
            }
            (Request::CurrentState, _) => self.finish(Ok(Answer::State { state, addresses: Vec::new() })),
            (Request::WifiSettings { .. }, State::Known(ProvisioningState::Provisioning)) => {
                exchange.has_begun_to_join = true;
                exchange.early_error = None;
                exchange.complete_at = None;
            }
            // Without "provisioning" before it, either state may still speak of an earlier network.
            (Request::WifiSettings { .. }, State::Known(ProvisioningState::Provisioned | ProvisioningState::Ready))
                if exchange.has_begun_to_join || is_joined_by_change =>
            {
                exchange.complete_at.get_or_insert(now + self.timeouts.second_half);
            }
            _ => {}
        }
    }

    fn handle_error(&mut self, error: DeviceError, now: Instant) {
        let Some(exchange) = &mut self.exchange else {
            self.ignored_messages += 1;
            return;
        };
        let was_provisioning = exchange.has_begun_to_join;
        let is_about_joining = error == DeviceError::UnableToConnect;
        match exchange.request {
            // Asked while the device was starting, or an answer to what someone else asked before.
            Request::CurrentState => self.ignored_messages += 1,
            // An error names no command: this one may answer an earlier question.
            Request::WifiSettings { .. } if is_about_the_question(error) && self.unanswered > 0 => {
                self.unanswered -= 1;
                self.ignored_messages += 1;
            }
            Request::WifiSettings { .. } if is_about_joining && !was_provisioning => {
                exchange.early_error = Some(error);
                exchange.complete_at.get_or_insert(now + self.timeouts.second_half);
            }
            // A late verdict on a network says nothing about another question.
            ref request if is_about_joining && !matches!(request, Request::WifiSettings { .. }) => {
                self.ignored_messages += 1;
            }
            _ => self.finish(Err(Failure::Device { error, was_provisioning })),
        }
    }

    fn handle_result(&mut self, command: u8, strings: &[Vec<u8>], now: Instant) {
        let Some(exchange) = self.exchange.as_mut().filter(|exchange| exchange.expects(command)) else {
            self.unanswered = self.unanswered.saturating_sub(1);
            self.ignored_messages += 1;
            return;
        };
        match command {
            command::WIFI_SETTINGS => {
                let was_provisioning = exchange.has_begun_to_join;
                let is_whole = exchange.state == Some(State::Known(ProvisioningState::Provisioned));
                let addresses = parse_addresses(strings);
                if is_whole || !self.is_gatt {
                    return self.finish(Ok(Answer::Joined { addresses, was_provisioning, is_answered: true }));
                }
                exchange.joined = Some(addresses);
                exchange.complete_at = Some(now + self.timeouts.second_half);
            }
            command::CURRENT_STATE => {
                let state = exchange.state.unwrap_or(State::Known(ProvisioningState::Provisioned));
                self.finish(Ok(Answer::State { state, addresses: parse_addresses(strings) }));
            }
            command::DEVICE_INFO => self.finish(parse_device_info(strings).map(Answer::Info).ok_or(Failure::Malformed)),
            command::SCAN if strings.is_empty() => self.finish_scan(),
            command::SCAN => {
                exchange.deadline = (now + self.timeouts.scan_entry).min(exchange.latest);
                self.take_network(strings);
            }
            command::NETWORK_STATE => {
                let flags: u32 = parse_name(strings).and_then(|text| text.trim().parse().ok()).unwrap_or_default();
                self.finish(Ok(Answer::Network { is_online: flags & 1 == 1, addresses: parse_addresses(strings) }));
            }
            _ => self.finish(parse_name(strings).map(Answer::Name).ok_or(Failure::Malformed)),
        }
    }

    fn take_network(&mut self, strings: &[Vec<u8>]) {
        let Some(exchange) = &mut self.exchange else { return };
        let Some(network) = parse_network(strings).filter(|_| exchange.networks.len() < MAX_NETWORKS) else {
            // A hidden network shows up with an empty name: not worth counting.
            exchange.ignored_networks += usize::from(strings.first().is_some_and(|name| !name.is_empty()));
            return;
        };
        let twin =
            exchange.networks.iter_mut().find(|known| known.ssid == network.ssid && known.security == network.security);
        if let Some(known) = twin {
            known.rssi_dbm = known.rssi_dbm.max(network.rssi_dbm);
        } else {
            exchange.networks.push(network.clone());
            self.events.push_back(Event::Network(network));
        }
    }

    fn finish_scan(&mut self) {
        let Some(exchange) = &mut self.exchange else { return };
        let mut networks = std::mem::take(&mut exchange.networks);
        networks.sort_by_key(|network| std::cmp::Reverse(network.rssi_dbm));
        let ignored = exchange.ignored_networks;
        self.finish(Ok(Answer::Networks { networks, ignored }));
    }

    /// The second half did not come: the first is the answer.
    fn complete_with_half(&mut self) {
        let Some(exchange) = &mut self.exchange else { return };
        let was_provisioning = exchange.has_begun_to_join;
        if let Some(addresses) = exchange.joined.take() {
            return self.finish(Ok(Answer::Joined { addresses, was_provisioning, is_answered: true }));
        }
        let outcome = match (&exchange.request, exchange.early_error, exchange.state) {
            (Request::WifiSettings { .. }, Some(error), _) => Err(Failure::Device { error, was_provisioning }),
            (Request::WifiSettings { .. }, None, Some(State::Known(ProvisioningState::Ready))) => {
                Err(Failure::FellBack)
            }
            (Request::WifiSettings { .. }, None, Some(State::Known(ProvisioningState::Provisioned))) => {
                Ok(Answer::Joined { addresses: Vec::new(), was_provisioning, is_answered: false })
            }
            // It said something else since.
            (Request::WifiSettings { .. }, None, last_state) => Err(Failure::NoVerdict { last_state }),
            (_, _, Some(state)) => Ok(Answer::State { state, addresses: Vec::new() }),
            (_, _, None) => Err(Failure::NoReply),
        };
        self.finish(outcome);
    }

    fn run_out_of_time(&mut self) {
        let Some(exchange) = &self.exchange else { return };
        match exchange.request {
            // The end of the list got lost; what was seen was seen.
            Request::ScanNetworks if !exchange.networks.is_empty() => self.finish_scan(),
            Request::WifiSettings { .. } => {
                let last_state = exchange.state;
                self.finish(Err(Failure::NoVerdict { last_state }));
            }
            _ => self.finish(Err(Failure::NoReply)),
        }
    }

    /// Waits no longer for the request that runs. Only what a starting device is asked is never answered later.
    fn give_up(&mut self) {
        if let Some(exchange) =
            self.exchange.take().filter(|exchange| !matches!(exchange.request, Request::CurrentState))
        {
            self.unanswered += exchange.sent;
        }
    }

    fn finish(&mut self, outcome: Result<Answer, Failure>) {
        let is_answered = !matches!(outcome, Err(Failure::NoReply | Failure::NoVerdict { .. }));
        if is_answered {
            // Answers keep their order: what was asked before this is answered, or never will be.
            self.unanswered = 0;
        }
        self.give_up();
        self.unanswered -= usize::from(is_answered).min(self.unanswered);
        self.outbox.clear();
        self.events.push_back(Event::Finished(outcome));
    }
}

/// Whether an error speaks of how the question was put, and not of what it asked for.
const fn is_about_the_question(error: DeviceError) -> bool {
    matches!(error, DeviceError::InvalidPacket | DeviceError::UnknownCommand)
}

impl Exchange {
    /// Whether the device gave at least one half of the word that it joined.
    fn has_joined(&self) -> bool {
        let is_joined = self.state == Some(State::Known(ProvisioningState::Provisioned));
        self.joined.is_some()
            || matches!(self.request, Request::WifiSettings { .. }) && is_joined && self.complete_at.is_some()
    }

    /// Whether a result of that command answers this request.
    const fn expects(&self, command: u8) -> bool {
        let expected = match self.request {
            Request::WifiSettings { .. } => command::WIFI_SETTINGS,
            Request::CurrentState => command::CURRENT_STATE,
            Request::DeviceInfo => command::DEVICE_INFO,
            Request::ScanNetworks => command::SCAN,
            Request::Hostname(_) => command::HOSTNAME,
            Request::DeviceName(_) => command::DEVICE_NAME,
            Request::NetworkState => command::NETWORK_STATE,
            Request::Identify => return false,
        };
        expected == command
    }
}

impl Timeouts {
    const fn interval(&self, request: &Request) -> Duration {
        match request {
            Request::CurrentState => self.hello_interval,
            _ => self.repeat,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::secret::Secret;

    const READY: Message = Message::State(State::Known(ProvisioningState::Ready));
    const PROVISIONING: Message = Message::State(State::Known(ProvisioningState::Provisioning));
    const PROVISIONED: Message = Message::State(State::Known(ProvisioningState::Provisioned));
    const UNABLE: Message = Message::Error(DeviceError::UnableToConnect);

    fn result(command: u8, strings: &[&str]) -> Message {
        Message::Result { command, strings: strings.iter().map(|text| text.as_bytes().to_vec()).collect() }
    }

    fn settings() -> Request {
        Request::WifiSettings { ssid: b"Site".to_vec(), password: Secret::new("long enough".into()) }
    }

    /// Runs one request: each message comes one millisecond after the one before, then time runs on to the end.
    fn ask(request: Request, messages: &[Message]) -> (Result<Answer, Failure>, Duration, usize) {
        let start = Instant::now();
        let mut now = start;
        let mut sent = 0;
        let mut session = Session::default();
        session.start(request, now);
        let mut incoming = messages.iter();
        loop {
            while session.poll_transmit().is_some() {
                sent += 1;
            }
            while let Some(event) = session.poll_event() {
                if let Event::Finished(outcome) = event {
                    assert_eq!(session.poll_timeout(), None, "nothing is waited for after the end");
                    return (outcome, now - start, sent);
                }
            }
            if let Some(message) = incoming.next() {
                now += Duration::from_millis(1);
                session.handle_message(message.clone(), now);
            } else {
                now = session.poll_timeout().expect("a request that runs has a limit");
                session.handle_timeout(now);
            }
        }
    }

    fn joined(addresses: &[&str]) -> Answer {
        let addresses = addresses.iter().map(|&address| address.to_owned()).collect();
        Answer::Joined { addresses, was_provisioning: true, is_answered: true }
    }

    /// It has a network since; no answer speaks of this one.
    fn has_a_network() -> Answer {
        Answer::Joined { addresses: Vec::new(), was_provisioning: true, is_answered: false }
    }

    #[test]
    fn a_silent_device_is_asked_every_second_for_twelve() {
        let (outcome, took, sent) = ask(Request::CurrentState, &[]);
        assert_eq!((outcome, took, sent), (Err(Failure::NoReply), Duration::from_secs(12), 12));
    }

    #[test]
    fn a_device_that_joined_before_tells_its_address_with_its_state() {
        let (outcome, took, _) = ask(Request::CurrentState, &[PROVISIONED, result(2, &["http://10.0.0.5"])]);
        let State::Known(state) = State::from_octet(4) else { unreachable!("4 is a known state") };
        assert_eq!(
            outcome,
            Ok(Answer::State { state: State::Known(state), addresses: vec!["http://10.0.0.5".into()] })
        );
        assert!(took < Duration::from_secs(1));
    }

    #[test]
    fn a_push_is_joined_whichever_half_of_the_answer_comes_first() {
        let url = result(1, &["http://192.168.1.42"]);
        assert_eq!(ask(settings(), &[PROVISIONING, PROVISIONED, url.clone()]).0, Ok(joined(&["http://192.168.1.42"])));
        assert_eq!(ask(settings(), &[PROVISIONING, url, PROVISIONED]).0, Ok(joined(&["http://192.168.1.42"])));
        assert_eq!(ask(settings(), &[PROVISIONING, result(1, &[])]).0, Ok(joined(&[])));
    }

    #[test]
    fn the_second_half_is_waited_for_three_seconds() {
        let (outcome, took, _) = ask(settings(), &[PROVISIONING, PROVISIONED]);
        assert_eq!(outcome, Ok(has_a_network()));
        assert!(took >= Duration::from_secs(3) && took < Duration::from_secs(4), "{took:?}");
    }

    #[test]
    fn a_refusal_counts_once_the_device_tried() {
        let refused = Err(Failure::Device { error: DeviceError::UnableToConnect, was_provisioning: true });
        let (outcome, took, _) = ask(settings(), &[PROVISIONING, UNABLE, READY]);
        assert_eq!(outcome, refused);
        assert!(took < Duration::from_secs(1));
    }

    #[test]
    fn a_doubled_refusal_of_the_attempt_before_does_not_end_this_one() {
        let late = [UNABLE, READY, PROVISIONING, PROVISIONED, result(1, &[])];
        assert_eq!(ask(settings(), &late).0, Ok(joined(&[])));
    }

    #[test]
    fn a_refusal_without_an_attempt_is_told_apart() {
        let refused = Err(Failure::Device { error: DeviceError::UnableToConnect, was_provisioning: false });
        assert_eq!(ask(settings(), &[UNABLE, READY]).0, refused);
    }

    #[test]
    fn an_error_that_answers_an_earlier_question_is_no_verdict_on_the_network() {
        let unknown = Message::Error(DeviceError::UnknownCommand);
        let refused = Some(Err(Failure::Device { error: DeviceError::UnknownCommand, was_provisioning: false }));
        let push = |is_answered: bool, messages: &[Message]| {
            let now = Instant::now();
            let mut session = Session::default();
            session.start(Request::Hostname(None), now);
            if is_answered {
                session.handle_message(unknown.clone(), now);
            } else {
                session.abandon();
            }
            let _ = finished(&mut session);
            session.start(settings(), now);
            for message in messages {
                session.handle_message(message.clone(), now);
            }
            finished(&mut session)
        };
        let late = [unknown.clone(), PROVISIONING, PROVISIONED, result(1, &[])];
        assert_eq!(push(false, &late), Some(Ok(joined(&[]))), "it answers what was asked before");
        assert_eq!(push(false, &[unknown.clone(), unknown.clone()]), refused, "one question has one answer");
        assert_eq!(push(true, std::slice::from_ref(&unknown)), refused);
        let too_late = [result(5, &["gw"]), unknown.clone()];
        assert_eq!(push(false, &too_late), refused, "the earlier question was answered meanwhile");
    }

    #[test]
    fn a_device_that_falls_back_without_an_error_is_no_success() {
        assert_eq!(ask(settings(), &[PROVISIONING, READY]).0, Err(Failure::FellBack));
    }

    #[test]
    fn no_verdict_within_a_minute_is_no_verdict() {
        let (outcome, took, sent) = ask(settings(), &[PROVISIONING]);
        let last_state = Some(State::Known(ProvisioningState::Provisioning));
        assert_eq!(outcome, Err(Failure::NoVerdict { last_state }));
        assert_eq!((took, sent), (Duration::from_mins(1), 1), "credentials are never sent twice by themselves");
    }

    #[test]
    fn a_state_of_an_earlier_network_is_no_success() {
        assert!(matches!(ask(settings(), &[PROVISIONED]).0, Err(Failure::NoVerdict { .. })));
    }

    #[test]
    fn a_damaged_answer_is_asked_for_again() {
        let (outcome, took, sent) = ask(Request::DeviceInfo, &[]);
        assert_eq!((outcome, took, sent), (Err(Failure::NoReply), Duration::from_secs(30), 3));
    }

    #[test]
    fn results_of_other_commands_and_taken_back_errors_are_no_answer() {
        let noise = [result(4, &[]), Message::Error(DeviceError::None), UNABLE, result(3, &["F", "1", "C3", "gw"])];
        assert!(matches!(ask(Request::DeviceInfo, &noise).0, Ok(Answer::Info(info)) if info.name == "gw"));
    }

    #[test]
    fn information_with_too_few_strings_is_malformed() {
        assert_eq!(ask(Request::DeviceInfo, &[result(3, &["F", "1"])]).0, Err(Failure::Malformed));
    }

    #[test]
    fn a_scan_is_sorted_by_signal_and_doubles_are_one() {
        let entries = [
            result(4, &["far", "-80", "YES"]),
            result(4, &["near", "-40", "NO"]),
            result(4, &["far", "-70", "YES"]),
            result(4, &["", "-50", "YES"]),
            result(4, &["x".repeat(33).as_str(), "-50", "YES"]),
            result(4, &[]),
        ];
        let (outcome, ..) = ask(Request::ScanNetworks, &entries);
        let Ok(Answer::Networks { networks, ignored }) = outcome else { panic!("{outcome:?}") };
        let shown: Vec<_> = networks.iter().map(|network| (network.ssid.shown(), network.rssi_dbm)).collect();
        assert_eq!(shown, [("near".to_owned(), Some(-40)), ("far".to_owned(), Some(-70))]);
        assert_eq!(ignored, 1);
    }

    #[test]
    fn a_scan_whose_end_got_lost_keeps_what_was_seen() {
        let (outcome, took, _) = ask(Request::ScanNetworks, &[result(4, &["near", "-40", "NO"])]);
        assert!(matches!(outcome, Ok(Answer::Networks { networks, .. }) if networks.len() == 1));
        assert!(took > Duration::from_secs(15) && took < Duration::from_secs(16));
        assert_eq!(ask(Request::ScanNetworks, &[]).0, Err(Failure::NoReply));
    }

    /// Lets a push over Bluetooth LE take these messages in at once, and tells its end after so many seconds.
    fn push_over_gatt(messages: &[Message], secs: u64) -> Option<Result<Answer, Failure>> {
        let start = Instant::now();
        let mut session = Session::over_gatt();
        session.handle_message(READY, start);
        session.start(settings(), start);
        for message in messages {
            session.handle_message(message.clone(), start);
        }
        session.handle_timeout(start + Duration::from_secs(secs));
        finished(&mut session)
    }

    fn finished(session: &mut Session) -> Option<Result<Answer, Failure>> {
        std::iter::from_fn(|| session.poll_event())
            .find_map(|event| if let Event::Finished(outcome) = event { Some(outcome) } else { None })
    }

    #[test]
    fn over_gatt_a_result_waits_three_seconds_for_its_state() {
        let url = result(1, &["http://192.168.1.42"]);
        let whole = Some(Ok(joined(&["http://192.168.1.42"])));
        assert_eq!(push_over_gatt(&[PROVISIONING, url.clone()], 2), None);
        assert_eq!(push_over_gatt(&[PROVISIONING, url.clone()], 3), whole);
        assert_eq!(push_over_gatt(&[PROVISIONING, url.clone(), PROVISIONED], 0), whole);
        assert_eq!(push_over_gatt(&[PROVISIONING, PROVISIONED, url], 0), whole);
        assert_eq!(push_over_gatt(&[PROVISIONING, PROVISIONED], 2), None);
        assert_eq!(push_over_gatt(&[PROVISIONING, PROVISIONED], 3), Some(Ok(has_a_network())));
    }

    #[test]
    fn over_gatt_a_change_to_provisioned_is_a_verdict_though_the_attempt_went_unseen() {
        let unseen = Answer::Joined { addresses: Vec::new(), was_provisioning: false, is_answered: false };
        assert_eq!(push_over_gatt(&[PROVISIONED], 3), Some(Ok(unseen)));
    }

    #[test]
    fn a_link_that_ends_after_half_a_verdict_ends_well_and_otherwise_open() {
        let closed = |messages: &[Message]| {
            let now = Instant::now();
            let mut session = Session::over_gatt();
            session.handle_message(READY, now);
            session.start(settings(), now);
            for message in messages {
                session.handle_message(message.clone(), now);
            }
            session.handle_closed();
            finished(&mut session)
        };
        assert_eq!(closed(&[PROVISIONING, PROVISIONED]), Some(Ok(has_a_network())));
        assert_eq!(closed(&[PROVISIONING, result(1, &[])]), Some(Ok(joined(&[]))));
        assert_eq!(closed(&[PROVISIONING]), None);
        assert_eq!(closed(&[]), None);
    }
}
