//! The console of a simulated device: lines in, echo, answer and prompt out, over a pair of channels.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::mpsc;
use tokio::time::{Instant as Clock, sleep, sleep_until};

use super::{EspDevice, Reply};
use crate::flow::port::{LinkCommand, LinkError, LinkEvent};
use crate::model::fault::Fault;
use crate::model::text::hex;
use crate::proto::esp::console::{max_line, parse_line};

/// How often it looks whether the device ended its service.
const LOOK: std::time::Duration = std::time::Duration::from_millis(50);

/// What the chip writes when it starts, and how long after the pulse.
const STARTS: &[u8] = b"ESP-ROM:esp32c3-api1-20210207\r\nrst:0x1 (POWERON),boot:0xc (SPI_FAST_FLASH_BOOT)\r\n\n>> ";
const STARTS_AFTER: std::time::Duration = std::time::Duration::from_millis(200);

/// A device's console.
struct EspConsole {
    device: Arc<Mutex<EspDevice>>,
    line: Vec<u8>,
    due: VecDeque<(Instant, Vec<u8>)>,
}

/// Lets a device's console talk over a pair of channels until the client goes or the device ends.
pub(in crate::sim) async fn serve(
    device: Arc<Mutex<EspDevice>>,
    mut commands: mpsc::Receiver<LinkCommand>,
    events: mpsc::Sender<LinkEvent>,
    port: &str,
) {
    let mut console = EspConsole { device, line: Vec::new(), due: VecDeque::new() };
    loop {
        while let Some(bytes) = console.due_by(Clock::now().into_std()) {
            if events.send(LinkEvent::Bytes(bytes)).await.is_err() {
                return;
            }
        }
        if console.has_ended(Clock::now().into_std()) {
            console.device().handle_drop();
            let _ = events.send(LinkEvent::Closed(LinkError::Vanished { port: port.to_owned() })).await;
            return;
        }
        let due = console.due.front().map(|(at, _)| *at);
        let timer = async {
            match due {
                Some(due) => sleep_until(due.into()).await,
                None => sleep(LOOK).await,
            }
        };
        tokio::select! {
            command = commands.recv() => match command {
                Some(LinkCommand::Write(bytes)) => console.handle_bytes(&bytes, Clock::now().into_std()),
                Some(LinkCommand::PulseReset) => console.handle_reset(Clock::now().into_std()),
                None => return,
            },
            () = timer => {}
        }
    }
}

impl EspConsole {
    fn device(&self) -> MutexGuard<'_, EspDevice> {
        self.device.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handle_reset(&mut self, now: Instant) {
        self.device().handle_reset();
        self.line.clear();
        self.due = VecDeque::from([(now + STARTS_AFTER, STARTS.to_vec())]);
    }

    fn handle_bytes(&mut self, bytes: &[u8], now: Instant) {
        for &byte in bytes {
            self.line.push(byte);
            if byte == b'\r' || self.line.len() >= max_line() {
                let line = std::mem::take(&mut self.line);
                self.handle_line(&line, now);
            }
        }
    }

    fn handle_line(&mut self, line: &[u8], now: Instant) {
        let mut random = [0; 64];
        if getrandom::fill(&mut random).is_err() {
            return;
        }
        let text = line.trim_ascii();
        let mut out = [text, b"\r\n"].concat();
        let mut at = now;
        let mut device = self.device();
        if device.has(Fault::Noise) {
            out.extend_from_slice(b"I (4711) wifi: mode : sta\r\n\xff\xfe>> not a prompt\r\n");
        }
        match parse_line(text) {
            Some((endpoint, session, body)) => match device.handle(session, &endpoint, &body, &random, now) {
                Reply::Answer(bytes, after) => {
                    out.extend_from_slice(format!("\r\n{}\r\n", hex(&bytes)).as_bytes());
                    at += after;
                }
                Reply::Failed | Reply::Missing => {}
                Reply::Silent => return,
            },
            None if device.is_mute => return,
            None => {}
        }
        out.extend_from_slice(b"\n>> ");
        if device.has(Fault::Duplicates) {
            out.extend_from_slice(&out.clone());
        }
        drop(device);
        self.due.push_back((at, out));
    }

    fn due_by(&mut self, now: Instant) -> Option<Vec<u8>> {
        let is_due = self.due.front().is_some_and(|(at, _)| *at <= now);
        if is_due { self.due.pop_front().map(|(_, bytes)| bytes) } else { None }
    }

    fn has_ended(&self, now: Instant) -> bool {
        let device = self.device();
        [device.stops_at(), device.drops_at()].into_iter().flatten().any(|at| at <= now)
    }
}
