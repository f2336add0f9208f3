//! The driver `smp` on a link: a console, datagrams or Bluetooth. Moves frames between the link and the protocol's state
//! machine, and pushes tokens and files for a commissioning session. The Device operation asks it everything else.
//!
//! Bodies that may hold a secret never reach the transcript, in neither direction.

mod error;
mod manage;
mod wipe;

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};
use uuid::Uuid;

pub use self::error::SmpError;

use self::manage::SmpManagement;
use self::wipe::SmpWiper;
use super::check::Shell;
use super::device::Management;
use super::driver::{Driver, Limits, Taken};
use super::drivers::{Opening, Unit};
use super::error::SessionError;
use super::heard::Heard;
use super::log_lines::LogLines;
use super::port::{BleError, Boxed, GattEvent, GattLink, Link, LinkCommand, LinkError};
use super::report::Report;
use super::transcript::SharedTranscript;
use super::wipe::Wiper;
use crate::model::gateway::{Capabilities, DeviceInfo, Protection, ProvisioningState};
use crate::model::ids::{DriverId, LinkKind};
use crate::model::outcome::EvidenceKind;
use crate::model::secret::Secret;
use crate::model::text::{visible, without_line_end};
use crate::msg::{Progress, Step};
use crate::profile::PushWay;
use crate::proto::smp::answer::Answer;
use crate::proto::smp::refusal::RefusalKind;
use crate::proto::smp::request::{Request, upload_room};
use crate::proto::smp::session::{Failure, Session};
use crate::proto::smp::stream::{CHARACTERISTIC, DATAGRAM, Joiner, from_datagram};
use crate::proto::smp::{HEADER, console, sha256};

/// Between two lines of one request on a console: small UART buffers lose bytes that come faster.
const PACE: Duration = Duration::from_millis(10);
/// Most octets of a file that are read.
const MAX_FILE: usize = 4 * 1024 * 1024;
/// Lines of device log kept until somebody takes them.
const MAX_LOG_LINES: usize = 2000;

/// The driver for all of its links.
pub(super) const UNIT: Unit = Unit {
    id: DriverId::Smp,
    limits: |link| if link == LinkKind::Ble { Limits { connect: Duration::from_mins(1), ..LIMITS } } else { LIMITS },
    waits_for: |_| "the gateway to answer",
    open: |opening| {
        Box::pin(async move {
            let opened = Smp::open(opening).await?;
            Ok(Box::new(opened.reporting_to(opening.report.clone())) as Box<dyn Driver>)
        })
    },
    manage: Some(|opening| {
        Box::pin(async move { Ok(Box::new(SmpManagement::open(opening).await?) as Box<dyn Management>) })
    }),
    shell: Some(|opening| Box::pin(async move { Ok(Box::new(SmpManagement::open(opening).await?) as Box<dyn Shell>) })),
    wipe: |opening| Box::pin(async move { Ok(Box::new(SmpWiper::open(opening).await?) as Box<dyn Wiper>) }),
};

/// The limits of each step, in total.
const LIMITS: Limits = Limits {
    connect: Duration::from_secs(25),
    question: Duration::from_secs(30),
    scan: Duration::ZERO,
    push: Duration::ZERO,
    join: Duration::ZERO,
};

/// What carries the frames.
enum Wire {
    /// Lines on a console that is shared with the device's log.
    Console { link: Link, decoder: console::Decoder },
    /// One frame a datagram.
    Datagrams { link: Link },
    /// Pieces over Bluetooth.
    Gatt { link: GattLink, characteristic: Uuid, joiner: Joiner },
}

/// A conversation in SMP.
struct Smp {
    wire: Wire,
    session: Session,
    transcript: SharedTranscript,
    started: Instant,
    lines: LogLines,
    log: Vec<String>,
    heard: Heard,
    /// Where progress of a commissioning session goes; the Device operation takes the log itself.
    report: Option<Report>,
}

impl Smp {
    /// Opens a link of any kind that carries SMP.
    async fn open(opening: &Opening) -> Result<Self, LinkError> {
        let transcript = opening.transcript.clone();
        match opening.link.kind() {
            LinkKind::Ble => match Self::over_gatt(opening.radio().await?, transcript.clone()).await {
                // The pairing swallowed the question that began it.
                Err(LinkError::Ble(BleError::LostToPairing { .. })) => {
                    Self::over_gatt(opening.radio().await?, transcript).await
                }
                opened => opened,
            },
            LinkKind::Udp => Ok(Self::over_datagrams(opening.port().await?, transcript)),
            _ => Ok(Self::over_console(opening.port().await?, transcript)),
        }
    }

    /// Takes an open console over.
    fn over_console(link: Link, transcript: SharedTranscript) -> Self {
        Self::new(Wire::Console { link, decoder: console::Decoder::default() }, transcript)
    }

    /// Takes a datagram link over.
    fn over_datagrams(link: Link, transcript: SharedTranscript) -> Self {
        Self::new(Wire::Datagrams { link }, transcript)
    }

    /// Takes a Bluetooth connection over and lets the device send its answers.
    async fn over_gatt(link: GattLink, transcript: SharedTranscript) -> Result<Self, LinkError> {
        // The constant is a UUID; a nil one would not be found on the device.
        let wanted = Uuid::parse_str(CHARACTERISTIC).unwrap_or_default();
        let found = link.gatt.characteristics().into_iter().find(|known| known.uuid == wanted);
        let Some(found) = found else {
            return Err(BleError::NoCharacteristic { device: "the gateway".into(), characteristic: wanted }.into());
        };
        link.gatt.subscribe(found.uuid).await?;
        Ok(Self::new(Wire::Gatt { link, characteristic: found.uuid, joiner: Joiner::default() }, transcript))
    }

    fn new(wire: Wire, transcript: SharedTranscript) -> Self {
        Self {
            wire,
            session: Session::default(),
            lines: LogLines::new(&transcript),
            transcript,
            started: Instant::now(),
            log: Vec::new(),
            heard: Heard::default(),
            report: None,
        }
    }

    /// Tells the device's log to a commissioning session.
    fn reporting_to(self, report: Report) -> Self {
        Self { report: Some(report), ..self }
    }

    /// How the wire is protected.
    const fn wire_protection(&self) -> Protection {
        match self.wire {
            Wire::Console { .. } => Protection::Cable,
            Wire::Datagrams { .. } | Wire::Gatt { .. } => Protection::ClearText,
        }
    }

    /// Finds the device and learns how long messages may be, before anything longer is sent.
    async fn find(&mut self) -> Result<(), SmpError> {
        match self.ask(Request::Parameters).await {
            Ok(Answer::Parameters { buffer_octets, .. }) => {
                match self.wire {
                    Wire::Console { .. } => self.session.limit(buffer_octets, console::OVERHEAD),
                    Wire::Datagrams { .. } => self.session.limit(buffer_octets.min(DATAGRAM), 0),
                    Wire::Gatt { .. } => self.session.limit(buffer_octets, 0),
                }
                Ok(())
            }
            // Older firmware lacks the question.
            Err(SmpError::Refused { .. }) => Ok(()),
            // Or it drops what it does not know, or garbles it: an echo tells whether anybody is there who can be understood.
            Ok(_) | Err(SmpError::NoReply { .. } | SmpError::Malformed { .. }) => {
                match self.ask(Request::Echo("linesman".into())).await {
                    Ok(_) | Err(SmpError::Refused { .. }) => Ok(()),
                    Err(error) => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// One request, from sending to its answer.
    async fn ask(&mut self, request: Request) -> Result<Answer, SmpError> {
        let (label, is_repeatable) = (request.label(), request.is_repeatable());
        let is_secret = may_be_secret(&request);
        self.heard = Heard::default();
        self.session.start(request, now()).map_err(|reason| SmpError::TooLong { label, reason })?;
        loop {
            if let Some(frame) = self.session.poll_transmit() {
                self.note_sent(label, &frame, is_secret);
                self.write(&frame).await?;
            }
            match self.session.poll_finished() {
                Some(Ok(answer)) => return Ok(answer),
                Some(Err(Failure::NoReply { tries })) => {
                    return Err(SmpError::NoReply { label, tries, is_repeatable, heard: self.heard });
                }
                Some(Err(Failure::Refused(refusal))) => return Err(SmpError::Refused { label, refusal }),
                Some(Err(Failure::BadBody(_) | Failure::Malformed)) => return Err(SmpError::Malformed { label }),
                None => {}
            }
            let due = self.session.poll_timeout();
            let timer = async {
                match due {
                    Some(due) => sleep_until(due.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                frames = self.wire.next() => self.handle(frames?, is_secret),
                () = timer => self.session.handle_timeout(now()),
            }
            self.tell_log().await;
        }
    }

    /// Waits for log lines while nothing is asked. Safe to drop at any point.
    async fn hear(&mut self) -> Result<(), LinkError> {
        while self.log.is_empty() {
            let came = self.wire.next().await?;
            self.handle(came, false);
        }
        Ok(())
    }

    /// The device's log since the last call, a line each, without secrets and safe to show.
    fn take_log(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log)
    }

    /// From here on this secret is cut out of the log.
    fn learn(&mut self, secret: &[u8]) {
        self.transcript.learn_secret(secret);
        self.lines = LogLines::new(&self.transcript);
    }

    /// Cuts the session's secrets out of a text of the device.
    fn redact(&self, text: &str) -> String {
        self.transcript.redact(text)
    }

    /// A file's octets.
    async fn read_file(&mut self, path: &str) -> Result<Vec<u8>, SmpError> {
        let label = "read a file";
        let mut content = Vec::new();
        let mut expected: Option<u64> = None;
        loop {
            let request = Request::Download { name: path.to_owned(), offset: content.len() as u64 };
            let Answer::Piece { offset, data, length } = self.ask(request).await? else {
                return Err(SmpError::Malformed { label });
            };
            expected = expected.or(length);
            // A piece of another place, or one that never ends, is no file.
            if offset != content.len() as u64 || expected.is_none() || content.len() + data.len() > MAX_FILE {
                return Err(SmpError::Malformed { label });
            }
            content.extend_from_slice(&data);
            match expected {
                Some(length) if content.len() as u64 >= length => return Ok(content),
                _ if data.is_empty() => return Err(SmpError::Malformed { label }),
                _ => {}
            }
        }
    }

    /// Writes a file in pieces that fit the device's buffer.
    async fn write_file(&mut self, path: &str, content: &Secret<Vec<u8>>) -> Result<(), SmpError> {
        let label = "write a file";
        let length = content.expose().len() as u64;
        let mut offset = 0;
        loop {
            let room = upload_room(self.session.room(), path, offset as u64, length);
            let rest = content.expose().get(offset..).unwrap_or_default();
            if room == 0 && !rest.is_empty() {
                let reason = crate::proto::smp::session::NotSendable::TooLong {
                    octets: HEADER + path.len() + 1,
                    room: self.session.room(),
                };
                return Err(SmpError::TooLong { label, reason });
            }
            let data = Secret::new(rest[..rest.len().min(room)].to_vec());
            let sent = data.expose().len();
            let request = Request::Upload { name: path.to_owned(), offset: offset as u64, length, data };
            let Answer::Written { offset: next } = self.ask(request).await? else {
                return Err(SmpError::Malformed { label });
            };
            if next != (offset + sent) as u64 {
                return Err(SmpError::Malformed { label });
            }
            offset += sent;
            if offset as u64 >= length {
                break;
            }
        }
        // So that the content is on the flash before anybody reads it back; not all firmware has this.
        match self.ask(Request::CloseFile).await {
            Ok(_) | Err(SmpError::Refused { .. } | SmpError::Malformed { .. } | SmpError::NoReply { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Whether a file on the device has this content: by its checksum where the device has one, else by reading it.
    /// `None` when neither can be had.
    async fn has_file(&mut self, path: &str, content: &[u8]) -> Result<Option<bool>, SmpError> {
        match self.ask(Request::FileHash { name: path.to_owned(), kind: "sha256" }).await {
            Ok(Answer::Hash { length, octets }) => {
                return Ok(Some(length == content.len() as u64 && octets == sha256(content)));
            }
            Ok(_) | Err(SmpError::Refused { .. } | SmpError::Malformed { .. } | SmpError::NoReply { .. }) => {}
            Err(error) => return Err(error),
        }
        match self.read_file(path).await {
            Ok(found) => Ok(Some(found == content)),
            Err(SmpError::Refused { .. } | SmpError::Malformed { .. } | SmpError::NoReply { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether a setting has this value; `None` when the device does not let it be read, or cuts it.
    async fn has_setting(&mut self, key: &str, value: &[u8]) -> Result<Option<bool>, SmpError> {
        match self.ask(Request::ReadSetting(key.to_owned())).await {
            Ok(Answer::Setting { value: found, may_be_cut: false }) => Ok(Some(found == value)),
            Ok(Answer::Setting { value: found, may_be_cut: true }) => {
                Ok(if value.starts_with(&found) && found.len() < value.len() { None } else { Some(found == value) })
            }
            Err(SmpError::Refused { refusal, .. }) if refusal.kind() == RefusalKind::NotFound => Ok(Some(false)),
            Ok(_) | Err(SmpError::Refused { .. } | SmpError::Malformed { .. } | SmpError::NoReply { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes a setting, puts it to use and saves it, where the device has a command for that.
    /// Tells whether the device says that it saved.
    async fn write_setting(&mut self, key: &str, value: &Secret<Vec<u8>>) -> Result<bool, SmpError> {
        self.ask(Request::WriteSetting { name: key.to_owned(), value: value.clone() }).await?;
        self.ask_if_offered(Request::CommitSettings).await?;
        self.ask_if_offered(Request::SaveSettings).await
    }

    /// Gives up what runs. Messages are numbered: an answer that comes later answers nothing.
    fn give_up(&mut self) -> bool {
        self.session.abandon();
        true
    }

    /// Ends a Bluetooth connection in an orderly way; the other wires end with the value.
    async fn hang_up(&mut self) {
        if let Wire::Gatt { link, .. } = &self.wire {
            link.gatt.disconnect().await;
        }
    }

    async fn ask_if_offered(&mut self, request: Request) -> Result<bool, SmpError> {
        match self.ask(request).await {
            Ok(_) => Ok(true),
            Err(SmpError::Refused { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn handle(&mut self, came: Came, is_secret: bool) {
        let at = self.started.elapsed();
        self.heard.note(&came.bytes);
        self.heard.note_messages(came.frames.len());
        if !came.log.is_empty() {
            self.transcript.received(at, &came.log);
            self.log.extend(self.lines.push(&came.log));
            let excess = self.log.len().saturating_sub(MAX_LOG_LINES);
            self.log.drain(..excess);
        }
        for frame in came.frames {
            if is_secret {
                self.transcript.note(at, &format!("an answer of {} bytes, which may hold a secret", frame.len()));
            } else {
                self.transcript.received(at, &frame);
            }
            let before = self.session.ignored_frames();
            self.session.handle_frame(&frame, now());
            if self.session.ignored_frames() > before {
                self.transcript.note(at, "a message that answers nothing was ignored");
            }
        }
    }

    fn note_sent(&self, label: &str, frame: &[u8], is_secret: bool) {
        let at = self.started.elapsed();
        if is_secret {
            self.transcript.note(at, &format!("send {label}, {} bytes, which may hold a secret", frame.len()));
        } else {
            self.transcript.sent(at, label, frame);
        }
    }

    async fn write(&mut self, frame: &[u8]) -> Result<(), LinkError> {
        match &mut self.wire {
            Wire::Console { link, .. } => {
                // The session refuses what is longer than a packet can say.
                let lines = console::encode(frame).unwrap_or_default();
                for (number, line) in lines.into_iter().enumerate() {
                    if number > 0 {
                        sleep(PACE).await;
                    }
                    link.send(LinkCommand::Write(line)).await?;
                }
                Ok(())
            }
            Wire::Datagrams { link } => link.send(LinkCommand::Write(frame.to_vec())).await,
            Wire::Gatt { link, characteristic, joiner } => {
                joiner.reset();
                for piece in frame.chunks(link.gatt.payload_octets().max(1)) {
                    link.gatt.write_without_response(*characteristic, piece.to_vec()).await?;
                }
                Ok(())
            }
        }
    }

    async fn tell_log(&mut self) {
        if let Some(report) = &self.report
            && !self.log.is_empty()
        {
            report.send(Progress::DeviceLog(std::mem::take(&mut self.log))).await;
        }
    }
}

/// What came in at once.
#[derive(Default)]
struct Came {
    frames: Vec<Vec<u8>>,
    log: Vec<u8>,
    /// All of it, as it came.
    bytes: Vec<u8>,
}

impl Wire {
    /// Waits for what comes in. Safe to drop at any point.
    async fn next(&mut self) -> Result<Came, LinkError> {
        match self {
            Self::Console { link, decoder } => {
                let bytes = link.receive().await?;
                let frames = decoder.push(&bytes);
                Ok(Came { frames, log: decoder.take_log(), bytes })
            }
            Self::Datagrams { link } => {
                let datagram = link.receive().await?;
                let frames = from_datagram(&datagram).into_iter().collect();
                Ok(Came { frames, log: Vec::new(), bytes: datagram })
            }
            Self::Gatt { link, characteristic, joiner } => loop {
                match link.events.recv().await {
                    Some(GattEvent::Notified { characteristic: whose, value }) if whose == *characteristic => {
                        return Ok(Came { frames: joiner.push(&value), log: Vec::new(), bytes: value });
                    }
                    Some(GattEvent::Notified { .. }) => {}
                    Some(GattEvent::Closed(error)) => return Err(error),
                    None => return Err(BleError::Disconnected { device: "the gateway".into() }.into()),
                }
            },
        }
    }
}

/// The state machine's time is tokio's, so that tests can pause it.
fn now() -> std::time::Instant {
    Instant::now().into_std()
}

/// Whether request or answer may hold a token, a key or a file.
const fn may_be_secret(request: &Request) -> bool {
    matches!(
        request,
        Request::ReadSetting(_) | Request::WriteSetting { .. } | Request::Download { .. } | Request::Upload { .. }
    )
}

/// Longest field of a description.
const MAX_FIELD: usize = 80;

/// Reads the words that a device says of itself: one question a word, since a word may hold blanks.
async fn describe(smp: &mut Smp) -> Result<DeviceInfo, SmpError> {
    let mut words = Vec::new();
    for letter in ["n", "o", "v", "i"] {
        let text = match smp.ask(Request::Info(letter)).await {
            Ok(Answer::Text(text)) => visible(smp.transcript.redact(text.trim()).as_str(), MAX_FIELD),
            // One word that is missing does not hide the others.
            Err(SmpError::Refused { refusal, .. }) if refusal.group.is_some() => String::new(),
            Ok(_) => return Err(SmpError::Malformed { label: "information" }),
            Err(error) => return Err(error),
        };
        words.push(if text == "unknown" { String::new() } else { text });
    }
    let [name, firmware, firmware_version, hardware] = words.try_into().unwrap_or_default();
    Ok(DeviceInfo { firmware, firmware_version, hardware, name, ..DeviceInfo::default() })
}

impl Driver for Smp {
    fn id(&self) -> DriverId {
        DriverId::Smp
    }

    fn capabilities(&self) -> Capabilities {
        let reset_line = matches!(self.wire, Wire::Console { .. });
        Capabilities { credentials: true, reset_line, ..Capabilities::default() }
    }

    fn protection(&self) -> Protection {
        self.wire_protection()
    }

    fn hello(&mut self) -> Boxed<'_, Result<ProvisioningState, SessionError>> {
        Box::pin(async {
            self.find().await.map_err(|error| error.into_session(Step::Connect))?;
            // The protocol knows nothing of networks; the gateway listens, which is all that can be said.
            Ok(ProvisioningState::Ready)
        })
    }

    fn state(&self) -> Option<ProvisioningState> {
        None
    }

    fn describe(&mut self) -> Boxed<'_, Result<DeviceInfo, SessionError>> {
        Box::pin(async { describe(self).await.map_err(|error| error.into_session(Step::Describe)) })
    }

    fn push_credential<'a>(
        &'a mut self,
        way: &'a PushWay,
        content: &'a Secret<Vec<u8>>,
    ) -> Boxed<'a, Result<Taken, SessionError>> {
        Box::pin(async move {
            self.learn(content.expose());
            match way {
                PushWay::Setting { name } => {
                    let value = Secret::new(without_line_end(content.expose()).to_vec());
                    push_setting(self, name, &value).await
                }
                PushWay::File { path } => push_file(self, path, content).await,
                PushWay::Endpoint { .. } => {
                    return Err(SessionError::NotOffered { step: Step::Credential, driver: DriverId::Smp });
                }
            }
            .map_err(|error| error.into_session(Step::Credential))
        })
    }

    fn abandon(&mut self) -> bool {
        self.give_up()
    }

    fn close(&mut self) -> Boxed<'_, ()> {
        Box::pin(self.hang_up())
    }

    fn pulse_reset(&mut self) -> Boxed<'_, Result<(), SessionError>> {
        Box::pin(async {
            let Wire::Console { link, .. } = &mut self.wire else {
                return Err(SessionError::NotOffered { step: Step::Reset, driver: DriverId::Smp });
            };
            self.transcript.note(self.started.elapsed(), "pulse the reset line");
            link.send(LinkCommand::PulseReset).await.map_err(SessionError::from)
        })
    }

    fn listen(&mut self) -> Boxed<'_, Result<ProvisioningState, LinkError>> {
        Box::pin(async {
            loop {
                self.hear().await?;
                self.tell_log().await;
            }
        })
    }
}

/// Writes a setting and reads it back.
async fn push_setting(smp: &mut Smp, name: &str, value: &Secret<Vec<u8>>) -> Result<Taken, SmpError> {
    let is_saved = smp.write_setting(name, value).await?;
    let saved = if is_saved { " and saved" } else { "" };
    match smp.has_setting(name, value.expose()).await? {
        Some(true) => Ok(Taken {
            kind: EvidenceKind::Observed,
            text: format!("The setting {name} was written{saved}; it reads back equal"),
        }),
        Some(false) => Err(SmpError::NotKept { place: format!("the setting {name}") }),
        None => Ok(Taken {
            kind: EvidenceKind::Acknowledged,
            text: format!("The gateway reports that the setting {name} was written{saved}; it cannot be read back"),
        }),
    }
}

/// Writes a file and reads it back.
async fn push_file(smp: &mut Smp, path: &str, content: &Secret<Vec<u8>>) -> Result<Taken, SmpError> {
    smp.write_file(path, content).await?;
    match smp.has_file(path, content.expose()).await? {
        Some(true) => Ok(Taken {
            kind: EvidenceKind::Observed,
            text: format!("The file {path} was written; it reads back equal"),
        }),
        Some(false) => Err(SmpError::NotKept { place: format!("the file {path}") }),
        None => Ok(Taken {
            kind: EvidenceKind::Acknowledged,
            text: format!("The gateway reports that the file {path} was written; it cannot be read back"),
        }),
    }
}
