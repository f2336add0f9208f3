//! The device side of SMP, as a state machine: bytes and times in, bytes out.
//!
//! It follows what Zephyr's own servers do; `tests/it/smp_client.rs` holds it against a foreign client.

mod answers;
mod store;

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

pub use store::Store;

use super::device::{Emission, SimulatedDevice};
use super::drivers::Unit;
use super::site::{SimError, start_datagram_gateway, start_gateway};
use crate::model::fault::Fault;
use crate::model::gateway::DeviceInfo;
use crate::model::ids::{DriverId, LinkKind};
use crate::proto::smp::cbor::Map;
use crate::proto::smp::{Frame, Operation, Version, console, stream};

/// The driver's simulator.
pub(super) const UNIT: Unit = Unit {
    id: DriverId::Smp,
    device: Some(|plan, link| {
        let no_card = |source| SimError::Card { folder: plan.card.clone().unwrap_or_default(), source };
        let store = plan.card.as_deref().map_or_else(|| Ok(Store::in_memory()), Store::at).map_err(no_card)?;
        let framing = if link == LinkKind::Udp { SmpFraming::Datagram } else { SmpFraming::Console };
        Ok(Box::new(SmpDevice::new(plan.info.clone(), framing, store, &plan.faults)))
    }),
    links: &[
        (LinkKind::Serial, |plan| Box::pin(async move { start_gateway(plan) })),
        (LinkKind::Udp, |plan| Box::pin(start_datagram_gateway(plan))),
    ],
    radio: None,
    access: |_| None,
};

/// Octets of one message buffer, as most devices have.
const BUFFER: usize = 384;
/// The same where messages come in datagrams.
const DATAGRAM_BUFFER: usize = 2048;
/// The same with [`Fault::SmallBuffer`].
const SMALL_BUFFER: usize = 96;
/// How long a restart takes.
const BOOT: Duration = Duration::from_millis(400);

/// How messages reach the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmpFraming {
    /// Lines on a console that is shared with logs.
    Console,
    /// One message a piece, as over UDP.
    Datagram,
    /// Messages cut into pieces, as over Bluetooth.
    Pieces,
}

/// What is due at a time.
enum Due {
    Bytes(Vec<u8>),
    Log(String),
    DropLink,
    Boot,
}

/// A simulated gateway that speaks SMP.
pub struct SmpDevice {
    info: DeviceInfo,
    framing: SmpFraming,
    store: Store,
    faults: HashSet<Fault>,
    decoder: console::Decoder,
    joiner: stream::Joiner,
    schedule: VecDeque<(Instant, Due)>,
    answered: u64,
    booted_at: Option<Instant>,
    clock: Option<String>,
    is_booting: bool,
}

impl SmpDevice {
    /// A gateway with that identity and flash.
    pub fn new(info: DeviceInfo, framing: SmpFraming, store: Store, faults: &[Fault]) -> Self {
        let mut device = Self {
            info,
            framing,
            store,
            faults: faults.iter().copied().collect(),
            decoder: console::Decoder::default(),
            joiner: stream::Joiner::default(),
            schedule: VecDeque::new(),
            answered: 0,
            booted_at: None,
            clock: None,
            is_booting: false,
        };
        device.start_clock();
        device.set_factory_settings();
        device
    }
}

impl SimulatedDevice for SmpDevice {
    fn handle_bytes(&mut self, bytes: &[u8], now: Instant) {
        self.booted_at.get_or_insert(now);
        let frames = match self.framing {
            SmpFraming::Console => self.decoder.push(bytes),
            SmpFraming::Datagram => stream::from_datagram(bytes).into_iter().collect(),
            SmpFraming::Pieces => self.joiner.push(bytes),
        };
        self.decoder.take_log();
        if self.is_booting || self.has(Fault::Silent) {
            return;
        }
        for frame in frames {
            // A message that does not fit into the buffer vanishes, as on a real device.
            if frame.len() + self.overhead() <= self.receivable()
                && let Some(request) = Frame::parse(&frame)
                && matches!(request.operation, Operation::Read | Operation::Write)
            {
                self.handle_request(&request, now);
            }
        }
    }

    fn handle_reset(&mut self, now: Instant) {
        self.restart(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.schedule.front().map(|(due, _)| *due)
    }

    fn poll_emission(&mut self, now: Instant) -> Option<Emission> {
        while self.schedule.front().is_some_and(|(due, _)| *due <= now) {
            let (at, due) = self.schedule.pop_front()?;
            match due {
                Due::Bytes(bytes) => return Some(Emission::Bytes(bytes)),
                Due::Log(line) if self.framing == SmpFraming::Console => {
                    return Some(Emission::Bytes(format!("[{}] <inf> {line}\r\n", self.uptime(at)).into_bytes()));
                }
                Due::Log(_) => {}
                Due::DropLink => return Some(Emission::DropLink),
                Due::Boot => {
                    self.is_booting = false;
                    self.booted_at = Some(at);
                    self.plan(at, Due::Log("*** Booting simulated gateway ***".into()));
                }
            }
        }
        None
    }
}

impl SmpDevice {
    fn has(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }

    fn buffer(&self) -> usize {
        match self.framing {
            _ if self.has(Fault::SmallBuffer) => SMALL_BUFFER,
            SmpFraming::Datagram => DATAGRAM_BUFFER,
            SmpFraming::Console | SmpFraming::Pieces => BUFFER,
        }
    }

    /// Longest message it takes in: the network's limit, too, where messages come in datagrams.
    fn receivable(&self) -> usize {
        let limit = usize::try_from(stream::DATAGRAM).unwrap_or(usize::MAX);
        if self.framing == SmpFraming::Datagram { self.buffer().min(limit) } else { self.buffer() }
    }

    fn overhead(&self) -> usize {
        if self.framing == SmpFraming::Console { console::OVERHEAD } else { 0 }
    }

    fn uptime(&self, now: Instant) -> String {
        let up = self.booted_at.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        format!(
            "{:02}:{:02}:{:02}.{:03}",
            up.as_secs() / 3600,
            up.as_secs() / 60 % 60,
            up.as_secs() % 60,
            up.subsec_millis()
        )
    }

    /// Without a battery a clock is not set after a start; one that is off begins in 1970.
    fn start_clock(&mut self) {
        self.clock = self.has(Fault::ClockOff).then(|| "1970-01-01T00:00:12".to_owned());
    }

    /// Loses what was not saved and answers nothing for a while.
    fn restart(&mut self, now: Instant) {
        self.schedule.clear();
        self.store.load();
        self.set_factory_settings();
        self.start_clock();
        self.is_booting = true;
        self.plan(now + BOOT, Due::Boot);
    }

    fn handle_request(&mut self, request: &Frame, now: Instant) {
        self.answered += 1;
        let body = match Map::parse(&request.body) {
            Ok(map) => self.answer(request, &map, now),
            Err(_) => Err(answers::Refused::general(3)),
        };
        let version = if self.has(Fault::OldVersion) { Version::V1 } else { request.version };
        let body = match body {
            Ok(body) if body.len() + crate::proto::smp::HEADER + self.overhead() > self.buffer() => {
                answers::Refused::general(7).body(version)
            }
            Ok(body) => body,
            Err(refused) => refused.body(version),
        };
        let answer = Frame { operation: request.operation.answered(), version, body, ..request.clone() };
        // Longer bodies than a frame can say were refused above.
        if let Some(frame) = answer.to_bytes() {
            self.send(frame, now);
        }
    }

    fn send(&mut self, frame: Vec<u8>, now: Instant) {
        let at = if self.has(Fault::Late) { now + Duration::from_secs(4) } else { now };
        if self.has(Fault::DropLink) && self.answered > 3 {
            return self.plan(at, Due::DropLink);
        }
        let mut pieces = match self.framing {
            SmpFraming::Console => console::encode(&frame).unwrap_or_default(),
            SmpFraming::Datagram => vec![frame],
            SmpFraming::Pieces => frame.chunks(20).map(<[u8]>::to_vec).collect(),
        };
        // Every second answer is damaged, so that asking again helps.
        if self.answered % 2 == 1
            && let Some(last) = pieces.last_mut()
        {
            if self.has(Fault::Truncated) {
                last.truncate(last.len() / 2);
            } else if self.has(Fault::BadChecksum) {
                let middle = last.len() / 2;
                last[middle] ^= 1;
            }
        }
        if self.has(Fault::Noise) && self.framing == SmpFraming::Console {
            pieces.insert(0, b"[00:00:01.000] <dbg> noise \x06\x09 \x04\x14AAAA uart:~$ ".to_vec());
            pieces.push(b"\x04\x14QUFB\n\x06\x09\xff\xfe\r\n".to_vec());
        }
        let times = if self.has(Fault::Duplicates) { 2 } else { 1 };
        for _ in 0..times {
            for piece in &pieces {
                self.plan(at, Due::Bytes(piece.clone()));
            }
        }
    }

    /// Keeps the schedule in order of time; things due at one time keep their order.
    fn plan(&mut self, at: Instant, due: Due) {
        let position = self.schedule.partition_point(|(earlier, _)| *earlier <= at);
        self.schedule.insert(position, (at, due));
    }
}
