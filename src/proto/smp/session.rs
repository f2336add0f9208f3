//! The client's side of a conversation in SMP as a state machine: no I/O, no clock.
//!
//! One request at a time. Start it with [`Session::start`], feed [`Session::handle_frame`] and
//! [`Session::handle_timeout`], send what [`Session::poll_transmit`] gives, and read [`Session::poll_finished`].
//! An answer belongs to a request by group, command, sequence and direction; any other is ignored and counted.
//! Only questions are sent again by themselves. Version 2 is spoken first, version 1 where nothing else is understood.

use std::time::Instant;

use super::answer::Answer;
use super::cbor::{BadBody, Map};
use super::refusal::{Refusal, RefusalKind};
use super::request::Request;
use super::{Frame, HEADER, Version};

/// How often a question is sent in all.
const TRIES: u32 = 3;
/// Longest frame that is sent before the device told what it takes.
const ROOM: usize = 252;
/// A device that claims to take less than this is not believed: nothing could be asked of it.
const LEAST_ROOM: usize = 64;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nothing came in time.
    NoReply {
        /// How often it was sent.
        tries: u32,
    },
    /// The device said no.
    Refused(Refusal),
    /// The answer's body cannot be read.
    BadBody(BadBody),
    /// The answer lacks what it is asked for.
    Malformed,
}

/// Why a request cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSendable {
    /// The device's buffer is too small for it; the device would not even answer.
    #[error("the request has {octets} bytes; the device takes {room}")]
    TooLong {
        /// Octets of the frame.
        octets: usize,
        /// Octets that the device takes.
        room: usize,
    },
}

/// A conversation with one device.
pub struct Session {
    version: Version,
    /// Whether an answer has shown which version is right.
    is_version_settled: bool,
    sequence: u8,
    room: usize,
    exchange: Option<Exchange>,
    outbox: Option<Vec<u8>>,
    finished: Option<Result<Answer, Failure>>,
    ignored_frames: u64,
}

/// The request that runs.
struct Exchange {
    request: Request,
    deadline: Instant,
    tries: u32,
}

impl Default for Session {
    fn default() -> Self {
        Self {
            version: Version::V2,
            is_version_settled: false,
            sequence: 0,
            room: ROOM,
            exchange: None,
            outbox: None,
            finished: None,
            ignored_frames: 0,
        }
    }
}

impl Session {
    /// The version that is spoken.
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Longest frame that is sent.
    pub const fn room(&self) -> usize {
        self.room
    }

    /// Frames that belonged to nothing: late, doubled, another's, or no frames at all.
    pub const fn ignored_frames(&self) -> u64 {
        self.ignored_frames
    }

    /// Keeps frames within what the device told it can take, less what the transport adds.
    pub fn limit(&mut self, buffer_octets: u64, overhead: usize) {
        let buffer = usize::try_from(buffer_octets).unwrap_or(usize::MAX).min(HEADER + usize::from(u16::MAX));
        if buffer >= LEAST_ROOM + overhead {
            self.room = buffer - overhead;
        }
    }

    /// Begins a request. One that still runs is given up, and its answer will be ignored.
    pub fn start(&mut self, request: Request, now: Instant) -> Result<(), NotSendable> {
        let octets = HEADER + request.body().len();
        if octets > self.room {
            return Err(NotSendable::TooLong { octets, room: self.room });
        }
        self.sequence = self.sequence.wrapping_add(1);
        self.finished = None;
        self.exchange = Some(Exchange { deadline: now + request.limit(), request, tries: 0 });
        self.send(now);
        Ok(())
    }

    /// Gives up the request that runs: an answer to it is known by its number and ignored.
    pub fn abandon(&mut self) {
        self.exchange = None;
        self.outbox = None;
        self.finished = None;
    }

    /// The frame to send now, if any.
    pub const fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.outbox.take()
    }

    /// How the request ended, once it has.
    pub const fn poll_finished(&mut self) -> Option<Result<Answer, Failure>> {
        self.finished.take()
    }

    /// When [`Session::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.exchange.as_ref().map(|exchange| exchange.deadline)
    }

    /// The name of the request that runs.
    pub fn running(&self) -> Option<&'static str> {
        self.exchange.as_ref().map(|exchange| exchange.request.label())
    }

    /// Takes in what the transport found.
    pub fn handle_frame(&mut self, bytes: &[u8], now: Instant) {
        let Some(exchange) = &self.exchange else {
            self.ignored_frames += 1;
            return;
        };
        let request = &exchange.request;
        let is_answer = |frame: &Frame| {
            frame.operation == request.operation().answered()
                && (frame.group, frame.command) == request.address()
                && frame.sequence == self.sequence
        };
        let Some(frame) = Frame::parse(bytes).filter(is_answer) else {
            self.ignored_frames += 1;
            return;
        };
        let outcome = match Map::parse(&frame.body) {
            Err(error) => Err(Failure::BadBody(error)),
            Ok(map) => match Refusal::of(&map) {
                // A shell of older firmware tells a command's own result where others tell errors.
                Some(refusal) if !(matches!(request, Request::Execute(_)) && map.get("o").is_some()) => {
                    Err(Failure::Refused(refusal))
                }
                _ => Answer::read(request, &map).ok_or(Failure::Malformed),
            },
        };
        if self.may_be_the_version(&frame, &outcome) {
            return self.fall_back(now);
        }
        if outcome.is_ok() || frame.version == self.version {
            self.is_version_settled = true;
        }
        self.finish(outcome);
    }

    /// Sends a question again, or gives the request up.
    pub fn handle_timeout(&mut self, now: Instant) {
        let Some(exchange) = self.exchange.as_ref().filter(|exchange| exchange.deadline <= now) else { return };
        let tries = exchange.tries;
        if !exchange.request.is_repeatable() || tries >= TRIES {
            return self.finish(Err(Failure::NoReply { tries }));
        }
        // The last try is in the older version, unless the device has shown that it knows the newer.
        if tries + 1 == TRIES && !self.is_version_settled {
            self.version = Version::V1;
        }
        self.send(now);
    }

    /// Whether a device that knows only the older version would answer like this. Nothing was done then, so that even
    /// a write may be sent again.
    fn may_be_the_version(&self, frame: &Frame, outcome: &Result<Answer, Failure>) -> bool {
        let Err(Failure::Refused(refusal)) = outcome else { return false };
        self.version == Version::V2
            && match refusal.kind() {
                RefusalKind::Version => true,
                RefusalKind::NotOffered => {
                    !self.is_version_settled && frame.version == Version::V1 && refusal.group.is_none()
                }
                _ => false,
            }
    }

    fn fall_back(&mut self, now: Instant) {
        self.version = Version::V1;
        // Another number, so that a doubled answer to the first does not count for the second.
        self.sequence = self.sequence.wrapping_add(1);
        self.send(now);
    }

    fn send(&mut self, now: Instant) {
        let Some(exchange) = &mut self.exchange else { return };
        exchange.tries += 1;
        exchange.deadline = now + exchange.request.limit();
        let (group, command) = exchange.request.address();
        let frame = Frame {
            operation: exchange.request.operation(),
            version: self.version,
            group,
            sequence: self.sequence,
            command,
            body: exchange.request.body(),
        };
        self.outbox = frame.to_bytes();
    }

    fn finish(&mut self, outcome: Result<Answer, Failure>) {
        // An attempt in the older version that brought nothing leaves the question open.
        if !self.is_version_settled && matches!(outcome, Err(Failure::NoReply { .. })) {
            self.version = Version::V2;
        }
        self.exchange = None;
        self.outbox = None;
        self.finished = Some(outcome);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::super::cbor::Body;
    use super::*;
    use crate::model::secret::Secret;
    use crate::model::text::from_hex;

    fn sent(session: &mut Session) -> Option<Frame> {
        session.poll_transmit().map(|bytes| Frame::parse(&bytes).expect("our own frame"))
    }

    /// The answer of a device that speaks `version`.
    fn answer(request: &Frame, version: Version, body: Body) -> Vec<u8> {
        let operation = request.operation.answered();
        Frame { operation, version, body: body.finish_with_end_mark(), ..request.clone() }.to_bytes().expect("short")
    }

    /// Asks and answers once.
    fn ask(request: Request, version: Version, body: Body) -> Result<Answer, Failure> {
        let mut session = Session::default();
        let now = Instant::now();
        session.start(request, now).expect("short");
        let frame = sent(&mut session).expect("it is sent");
        session.handle_frame(&answer(&frame, version, body), now);
        session.poll_finished().expect("it is over")
    }

    fn value() -> Secret<Vec<u8>> {
        Secret::new(b"token".to_vec())
    }

    #[test]
    fn captured_answers_are_understood() {
        let now = Instant::now();
        let mut session = Session::default();
        session.start(Request::Echo("hello".into()), now).expect("short");
        let expected = from_hex("0a00000900000100a161646568656c6c6f").expect("hexadecimal");
        assert_eq!(session.poll_transmit(), Some(expected));
        session.handle_frame(&from_hex("0b00000a00000100bf61726568656c6c6fff").expect("hexadecimal"), now);
        assert!(session.poll_finished() == Some(Ok(Answer::Text("hello".into()))));

        session.start(Request::Parameters, now).expect("short");
        assert_eq!(session.poll_transmit(), from_hex("0800000100000206a0"));
        let parameters = "0900001900000206bf686275665f73697a65190180696275665f636f756e7404ff";
        session.handle_frame(&from_hex(parameters).expect("hexadecimal"), now);
        assert!(session.poll_finished() == Some(Ok(Answer::Parameters { buffer_octets: 384, buffers: 4 })));
        assert_eq!(session.poll_timeout(), None, "nothing is waited for after the end");
    }

    #[test]
    fn a_question_is_sent_three_times_and_the_last_time_in_the_older_version() {
        let start = Instant::now();
        let mut session = Session::default();
        session.start(Request::Parameters, start).expect("short");
        let mut versions = Vec::new();
        let mut now = start;
        while let Some(due) = session.poll_timeout() {
            versions.extend(sent(&mut session).map(|frame| frame.version));
            now = due;
            session.handle_timeout(now);
        }
        assert_eq!(versions, [Version::V2, Version::V2, Version::V1]);
        assert_eq!(now - start, Duration::from_millis(7500));
        assert!(session.poll_finished() == Some(Err(Failure::NoReply { tries: 3 })));
        assert_eq!(session.version(), Version::V2);
    }

    #[test]
    fn what_changes_something_is_sent_once() {
        for request in [
            Request::Reset,
            Request::WriteSetting { name: "a".into(), value: value() },
            Request::Execute(vec!["reboot".into()]),
            Request::EraseStorage,
        ] {
            let start = Instant::now();
            let mut session = Session::default();
            let limit = request.limit();
            session.start(request, start).expect("short");
            assert!(sent(&mut session).is_some());
            session.handle_timeout(start + limit);
            assert!(sent(&mut session).is_none());
            assert!(session.poll_finished() == Some(Err(Failure::NoReply { tries: 1 })));
        }
    }

    #[test]
    fn an_answer_for_another_is_ignored() {
        let now = Instant::now();
        let mut session = Session::default();
        session.start(Request::DateTime, now).expect("short");
        let frame = sent(&mut session).expect("it is sent");
        let body = || Body::default().text("datetime", "2026-01-31T12:00:00");
        let wrong = [
            Frame { group: 1, ..frame.clone() },
            Frame { command: 3, ..frame.clone() },
            Frame { sequence: frame.sequence.wrapping_sub(1), ..frame.clone() },
            Frame { operation: super::super::Operation::Write, ..frame.clone() },
        ];
        for wrong in &wrong {
            session.handle_frame(&answer(wrong, Version::V2, body()), now);
        }
        // A question of its own, with our numbers, is no answer either.
        session.handle_frame(&frame.to_bytes().expect("short"), now);
        session.handle_frame(b"", now);
        assert!(session.poll_finished().is_none());
        assert_eq!(session.ignored_frames(), 6);
        session.handle_frame(&answer(&frame, Version::V2, body()), now);
        assert!(session.poll_finished() == Some(Ok(Answer::Text("2026-01-31T12:00:00".into()))));
        // A second copy.
        session.handle_frame(&answer(&frame, Version::V2, body()), now);
        assert!(session.poll_finished().is_none());
    }

    #[test]
    fn a_device_of_the_older_version_is_asked_again_in_its_own() {
        for code in [8, 12, 13] {
            let now = Instant::now();
            let mut session = Session::default();
            session.start(Request::WriteSetting { name: "a".into(), value: value() }, now).expect("short");
            let first = sent(&mut session).expect("it is sent");
            session.handle_frame(&answer(&first, Version::V1, Body::default().unsigned("rc", code)), now);
            let second = sent(&mut session).expect("it is sent again");
            assert_eq!((first.version, second.version), (Version::V2, Version::V1));
            assert_ne!(first.sequence, second.sequence);
            session.handle_frame(&answer(&second, Version::V1, Body::default().unsigned("rc", 0)), now);
            assert!(session.poll_finished() == Some(Ok(Answer::Done)));
            session.start(Request::Parameters, now).expect("short");
            assert_eq!(sent(&mut session).map(|frame| frame.version), Some(Version::V1), "it is remembered");
        }
    }

    #[test]
    fn a_missing_command_of_a_device_of_the_newer_version_is_missing_at_once() {
        let refused = ask(Request::Tasks, Version::V2, Body::default().unsigned("rc", 8));
        assert!(matches!(refused, Err(Failure::Refused(refusal)) if refusal.kind() == RefusalKind::NotOffered));
    }

    #[test]
    fn requests_longer_than_the_device_takes_are_not_sent() {
        let now = Instant::now();
        let mut session = Session::default();
        session.limit(96, 4);
        assert_eq!(session.room(), 92);
        let value = Secret::new(vec![0; 80]);
        let refused = session.start(Request::WriteSetting { name: "a/b".into(), value }, now);
        assert_eq!(refused, Err(NotSendable::TooLong { octets: 104, room: 92 }));
        assert!(session.poll_transmit().is_none());
        // Claims that cannot be true change nothing.
        session.limit(0, 4);
        session.limit(20, 4);
        assert_eq!(session.room(), 92);
        session.limit(u64::MAX, 4);
        assert_eq!(session.room(), 65_539);
    }

    #[test]
    fn answers_without_their_content_are_malformed() {
        for request in [
            Request::Echo("a".into()),
            Request::Parameters,
            Request::Info("a"),
            Request::Images,
            Request::StatisticsNames,
            Request::Statistics("a".into()),
            Request::ReadSetting("a".into()),
            Request::Download { name: "a".into(), offset: 0 },
            Request::Upload { name: "a".into(), offset: 0, length: 0, data: value() },
            Request::FileHash { name: "a".into(), kind: "sha256" },
            Request::Groups,
        ] {
            let label = request.label();
            assert!(ask(request.clone(), Version::V2, Body::default()) == Err(Failure::Malformed), "{label}");
            let other = Body::default().flag("r", true).text("buf_size", "1").unsigned("val", 3).text("off", "0");
            assert!(ask(request, Version::V2, other) == Err(Failure::Malformed), "{label}");
        }
    }

    #[test]
    fn a_shell_of_older_firmware_tells_its_result_as_an_error_number() {
        let body = || Body::default().text("o", "no such file\n").signed("rc", -2);
        let answer = ask(Request::Execute(vec!["cat".into()]), Version::V1, body());
        assert!(answer == Ok(Answer::Output { text: "no such file\n".into(), status: -2 }));
        let refused = ask(Request::Execute(vec!["cat".into()]), Version::V2, Body::default().unsigned("rc", 3));
        assert!(matches!(refused, Err(Failure::Refused(_))));
    }

    #[test]
    fn settings_say_whether_they_may_be_cut() {
        let read = |body| ask(Request::ReadSetting("a".into()), Version::V2, body);
        let cut = Body::default().octets("val", b"12345").unsigned("max_size", 5);
        assert!(read(cut) == Ok(Answer::Setting { value: b"12345".to_vec(), may_be_cut: true }));
        let whole = Body::default().octets("val", b"1234").unsigned("max_size", 5);
        assert!(read(whole) == Ok(Answer::Setting { value: b"1234".to_vec(), may_be_cut: false }));
    }

    #[test]
    fn tables_and_images_are_read_and_what_is_no_row_is_left_out() {
        let most = u64::MAX;
        let task = || Body::default().unsigned("prio", 3).signed("state", -1).unsigned("ticks", most).text("odd", "x");
        let body = Body::default().map("tasks", Body::default().map("main", task()).unsigned("odd", 1));
        let counts = [("prio", 3), ("state", -1), ("ticks", i128::from(most))];
        let rows = vec![("main".to_owned(), counts.map(|(name, count)| (name.to_owned(), count)).to_vec())];
        assert!(ask(Request::Tasks, Version::V2, body) == Ok(Answer::Tables(rows)));
        let image = Body::default().unsigned("slot", 1).text("version", "1.2.3").flag("active", true);
        let expected = Image { slot: 1, version: "1.2.3".into(), is_active: true, ..Image::default() };
        let images = ask(Request::Images, Version::V2, Body::default().maps("images", vec![image]));
        assert!(images == Ok(Answer::Images(vec![expected])));
    }

    use super::super::answer::Image;

    proptest! {
        #[test]
        fn arbitrary_bodies_end_in_an_outcome(
            body in prop::collection::vec(any::<u8>(), 0..200),
            which in 0usize..8,
        ) {
            let request = [
                Request::Tasks, Request::Parameters, Request::Bootloader(None), Request::Images, Request::Groups,
                Request::FileHash { name: "a".into(), kind: "crc32" }, Request::ReadSetting("a".into()),
                Request::Execute(vec!["a".into()]),
            ][which].clone();
            let now = Instant::now();
            let mut session = Session::default();
            session.start(request, now).expect("short");
            let frame = sent(&mut session).expect("it is sent");
            let frame = Frame { operation: frame.operation.answered(), body, ..frame };
            session.handle_frame(&frame.to_bytes().expect("short"), now);
            let is_over = session.poll_finished().is_some();
            prop_assert!(is_over != session.poll_timeout().is_some());
        }
    }
}
