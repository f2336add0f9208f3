//! Moves the bytes of one connection between its stream and its [`Engine`], and hands over what comes of it.
//!
//! Nothing here wakes while nothing happens, but for the sign of life.

use std::io::{Error, ErrorKind};
use std::pin::Pin;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio::time::{Sleep, sleep_until, timeout};

use super::Clock;
use super::engine::Engine;
use super::error::MqttError;
use super::tls::{self, Asked};
use crate::flow::port::{BrokerRequest, ConnectionEnd, Delivery};
use crate::io::stream::Stream;
use crate::proto::mqtt::session::SessionError;

/// Room for what is read at once.
const BUFFER_BYTES: usize = 256 * 1024;
/// How long messages in flight and the farewell may take.
const GRACE: Duration = Duration::from_secs(2);
/// How long the last deliveries wait for being taken.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// A stream with the engine it feeds.
pub(super) struct Drive {
    reader: ReadHalf<Box<dyn Stream>>,
    writer: WriteHalf<Box<dyn Stream>>,
    buffer: Buffer,
    pub(super) engine: Engine,
    clock: Clock,
    is_unflushed: bool,
    /// Bytes lie in the buffer that the engine has not looked at.
    has_waiting: bool,
    write_began: Option<Instant>,
    write_limit: Duration,
    timer: Pin<Box<Sleep>>,
}

/// The two ends of what the front holds.
pub(super) struct Ports {
    pub(super) requests: mpsc::Receiver<BrokerRequest>,
    pub(super) deliveries: mpsc::Sender<Delivery>,
}

/// What was read and is not done with.
struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

/// What a turn brought.
pub(super) enum Turn {
    /// Bytes went or came, or something was handed over.
    Moved,
    /// The time was up.
    TimeUp,
    /// The front is gone, or has let go of the connection.
    LetGo,
}

impl Drive {
    pub(super) fn new(stream: Box<dyn Stream>, engine: Engine, clock: Clock, write_limit: Duration) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        Self {
            reader,
            writer,
            buffer: Buffer { bytes: vec![0; BUFFER_BYTES], start: 0, end: 0 },
            engine,
            clock,
            is_unflushed: false,
            has_waiting: false,
            write_began: None,
            write_limit,
            timer: Box::pin(sleep_until(Instant::now().into())),
        }
    }

    /// Does whatever can be done first, and waits for it no longer than `until`.
    pub(super) async fn turn(
        &mut self,
        mut ports: Option<&mut Ports>,
        until: Option<Instant>,
    ) -> Result<Turn, MqttError> {
        if self.has_waiting && self.engine.takes_bytes() {
            return self.digest().map(|()| Turn::Moved);
        }
        let needed = self.engine.needed();
        let may_read = self.engine.takes_bytes();
        let takes_requests = self.engine.takes_requests();
        let has_delivery = self.engine.has_delivery();
        let writes = !self.engine.out().is_empty();
        let flushes = self.is_unflushed && !writes;
        if (writes || flushes) && self.write_began.is_none() {
            self.write_began = Some(Instant::now());
        }
        let write_end = self.write_began.map(|began| began + self.write_limit);
        let wake = [self.engine.deadline(), until, write_end].into_iter().flatten().min();
        if let Some(wake) = wake
            && self.timer.deadline() != wake.into()
        {
            self.timer.as_mut().reset(wake.into());
        }
        let (deliveries, mut requests) = match &mut ports {
            Some(ports) => (Some(&ports.deliveries), Some(&mut ports.requests)),
            None => (None, None),
        };
        let Self { reader, writer, buffer, engine, clock, is_unflushed, has_waiting, write_began, timer, .. } = self;
        tokio::select! {
            biased;
            pushed = push(writer, engine.out()), if writes || flushes => {
                let count = pushed.map_err(|error| broken(&error))?;
                engine.written(count, Instant::now());
                *write_began = None;
                *is_unflushed = count > 0;
            }
            permit = reserve(deliveries), if has_delivery && deliveries.is_some() => {
                let Some(permit) = permit else { return Ok(Turn::LetGo) };
                if let Some(delivery) = engine.take_delivery() {
                    permit.send(delivery);
                }
            }
            request = receive(&mut requests), if takes_requests && requests.is_some() => {
                let Some(request) = request else { return Ok(Turn::LetGo) };
                engine.request(request);
            }
            () = timer.as_mut(), if wake.is_some() => {
                let now = clock.now();
                if write_end.is_some_and(|end| now.instant >= end) {
                    return Err(SessionError::NotSent { secs: self.write_limit.as_secs() }.into());
                }
                engine.handle_time(now, may_read)?;
                if until.is_some_and(|until| now.instant >= until) {
                    return Ok(Turn::TimeUp);
                }
            }
            count = reader.read(buffer.room(may_read, needed)), if may_read => {
                let count = count.map_err(|error| broken(&error))?;
                if count == 0 {
                    return Err(MqttError::Closed { detail: buffer.remainder() });
                }
                buffer.end += count;
                *has_waiting = true;
                self.digest()?;
            }
        }
        Ok(Turn::Moved)
    }

    fn digest(&mut self) -> Result<(), MqttError> {
        let now = self.clock.now();
        let done = self.engine.take(&self.buffer.bytes[self.buffer.start..self.buffer.end], now)?;
        self.buffer.consume(done);
        // Stopped by a full batch: the rest is looked at when there is room, before more is read.
        self.has_waiting = !self.engine.takes_bytes() && self.buffer.start < self.buffer.end;
        Ok(())
    }

    /// Serves the front until the connection ends, and says so as its last word.
    pub(super) async fn run(mut self, mut ports: Ports, translate: impl Fn(MqttError, &Engine) -> ConnectionEnd) {
        let error = loop {
            match self.turn(Some(&mut ports), None).await {
                Ok(Turn::LetGo) => break self.leave(&mut ports).await,
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        let end = translate(error, &self.engine);
        self.end(ports, end).await;
    }

    /// Hands over what is left, and says how the connection ended as its last word.
    pub(super) async fn end(mut self, ports: Ports, end: ConnectionEnd) {
        self.engine.close();
        let Ports { requests, deliveries } = ports;
        // Whoever still asks learns at once that nobody answers.
        drop(requests);
        let last_words = async {
            while let Some(delivery) = self.engine.take_delivery() {
                if deliveries.send(delivery).await.is_err() {
                    return;
                }
            }
            // Nobody left to tell is all right.
            let _ = deliveries.send(Delivery::Ended(end)).await;
        };
        // A front that never takes them cannot hold this thread.
        let _ = timeout(LAST_WORDS, last_words).await;
    }

    /// Waits a little for messages in flight, then says farewell.
    async fn leave(&mut self, ports: &mut Ports) -> MqttError {
        let until = Instant::now() + GRACE;
        // The front has let go of its requests and may still take deliveries.
        let (_nobody, requests) = mpsc::channel(1);
        let mut rest = Ports { requests, deliveries: ports.deliveries.clone() };
        while self.engine.in_flight() > 0 || !self.engine.out().is_empty() {
            let is_listened_to = !rest.deliveries.is_closed();
            match self.turn(is_listened_to.then_some(&mut rest), Some(until)).await {
                Ok(Turn::Moved) => {}
                Ok(Turn::LetGo) if is_listened_to => {}
                Ok(_) => break,
                Err(error) => return error,
            }
        }
        self.farewell().await;
        MqttError::Left
    }

    /// Sends DISCONNECT and closes.
    pub(super) async fn farewell(&mut self) {
        self.engine.farewell();
        let close = async {
            let count = self.engine.out().len();
            self.writer.write_all(self.engine.out()).await?;
            self.engine.written(count, Instant::now());
            self.writer.shutdown().await
        };
        // Whoever is gone already needs no farewell.
        let _ = timeout(GRACE, close).await;
    }
}

/// Writes some of it, or flushes when there is nothing to write.
async fn push(writer: &mut WriteHalf<Box<dyn Stream>>, out: &[u8]) -> Result<usize, Error> {
    if out.is_empty() {
        return writer.flush().await.map(|()| 0);
    }
    match writer.write(out).await? {
        0 => Err(ErrorKind::WriteZero.into()),
        count => Ok(count),
    }
}

async fn reserve(deliveries: Option<&mpsc::Sender<Delivery>>) -> Option<mpsc::Permit<'_, Delivery>> {
    deliveries?.reserve().await.ok()
}

async fn receive(requests: &mut Option<&mut mpsc::Receiver<BrokerRequest>>) -> Option<BrokerRequest> {
    requests.as_mut()?.recv().await
}

fn broken(error: &Error) -> MqttError {
    if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        // What the handshake showed is added by those who know it.
        return tls::of_tls(error, Asked::default());
    }
    match error.kind() {
        ErrorKind::UnexpectedEof => MqttError::Closed { detail: error.to_string() },
        kind => {
            let is_reset = matches!(
                kind,
                ErrorKind::ConnectionReset
                    | ErrorKind::ConnectionAborted
                    | ErrorKind::BrokenPipe
                    | ErrorKind::NotConnected
            );
            MqttError::Broken { detail: error.to_string(), is_reset }
        }
    }
}

impl Buffer {
    /// Where more can be read to; grows with what comes, never with what is announced.
    fn room(&mut self, may_read: bool, needed: usize) -> &mut [u8] {
        if !may_read {
            return &mut [];
        }
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            if self.bytes.len() > BUFFER_BYTES {
                self.bytes = vec![0; BUFFER_BYTES];
            }
        }
        let is_small = self.bytes.len() - self.start < needed || self.bytes.len() - self.end < BUFFER_BYTES / 4;
        if self.start > 0 && is_small {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.bytes.len() {
            let length = (self.bytes.len() * 2).min(needed.max(self.bytes.len() + 1));
            self.bytes.resize(length, 0);
        }
        &mut self.bytes[self.end..]
    }

    fn consume(&mut self, bytes: usize) {
        self.start += bytes;
    }

    /// What is said of bytes that were left over at the end.
    fn remainder(&self) -> String {
        match self.end - self.start {
            0 => String::new(),
            bytes => format!("in the middle of a packet, {bytes} bytes into it"),
        }
    }
}
