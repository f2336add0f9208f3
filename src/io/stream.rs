//! Streams that carry a conversation, and what is wrapped around one: a look at what came first, a WebSocket.

use std::future::Future as _;
use std::io::{Error as IoError, ErrorKind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use futures_util::{Sink, Stream as _};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::Message;

use crate::model::text::visible;

/// The most that is put into one message.
const MAX_PIECE_BYTES: usize = 256 * 1024;
/// How many of the first bytes are kept.
const FIRST_BYTES: usize = 64;

/// Between two segments that are to stay apart.
const BETWEEN_SEGMENTS: Duration = Duration::from_millis(20);

/// What carries a conversation: TCP, TLS or a WebSocket.
pub(in crate::io) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// What came over a watched stream so far.
#[derive(Clone, Debug, Default)]
pub(in crate::io) struct Glimpse(Arc<Mutex<(Vec<u8>, u64)>>);

impl Glimpse {
    /// The first bytes that came: they tell who answers where not what was expected does.
    pub(in crate::io) fn first(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    /// How many came in all.
    pub(in crate::io) fn bytes(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1
    }

    fn note(&self, read: &[u8]) -> u64 {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = FIRST_BYTES.saturating_sub(seen.0.len()).min(read.len());
        seen.0.extend_from_slice(&read[..room]);
        seen.1 = seen.1.saturating_add(u64::try_from(read.len()).unwrap_or(u64::MAX));
        seen.1
    }
}

/// Remembers the first bytes that came, and ends what talks without end.
pub(in crate::io) struct Watched {
    stream: Box<dyn Stream>,
    glimpse: Glimpse,
    most: u64,
}

impl Watched {
    /// Watches a stream, and breaks it off when more than `most` bytes came.
    pub(in crate::io) fn new(stream: Box<dyn Stream>, most: u64) -> (Self, Glimpse) {
        let glimpse = Glimpse::default();
        (Self { stream, glimpse: glimpse.clone(), most }, glimpse)
    }
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        if polled.is_ready() && self.glimpse.note(&buf.filled()[before..]) > self.most {
            return Poll::Ready(Err(IoError::new(ErrorKind::FileTooLarge, "more came than may")));
        }
        polled
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A stream of which some was read already.
pub(in crate::io) struct Prefixed {
    first: Bytes,
    stream: Box<dyn Stream>,
}

impl Prefixed {
    /// Gives `first` before what the stream gives.
    pub(in crate::io) fn new(first: Vec<u8>, stream: Box<dyn Stream>) -> Self {
        Self { first: first.into(), stream }
    }
}

impl AsyncRead for Prefixed {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        if self.first.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let count = self.first.len().min(buf.remaining());
        buf.put_slice(&self.first[..count]);
        self.first.advance(count);
        Poll::Ready(Ok(()))
    }
}

/// A stream whose first piece goes out in two, a moment apart, so that they are two segments.
pub(in crate::io) struct Split {
    stream: Box<dyn Stream>,
    /// How much of the first piece goes out alone; `None` once it has.
    alone: Option<usize>,
    pause: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Split {
    /// Sends so many bytes alone.
    pub(in crate::io) fn new(stream: Box<dyn Stream>, alone: usize) -> Self {
        Self { stream, alone: Some(alone), pause: None }
    }
}

impl AsyncRead for Split {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Split {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        let Some(alone) = self.alone else { return Pin::new(&mut self.stream).poll_write(cx, buf) };
        let count = ready!(Pin::new(&mut self.stream).poll_write(cx, &buf[..alone.min(buf.len())]))?;
        self.alone = None;
        self.pause = Some(Box::pin(tokio::time::sleep(BETWEEN_SEGMENTS)));
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl AsyncWrite for Prefixed {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A WebSocket as a stream of octets.
pub(in crate::io) struct Carried {
    socket: WebSocketStream<Box<dyn Stream>>,
    /// What came and was not read yet.
    piece: Bytes,
}

impl Carried {
    pub(in crate::io) const fn new(socket: WebSocketStream<Box<dyn Stream>>) -> Self {
        Self { socket, piece: Bytes::new() }
    }
}

fn failed(error: Error) -> IoError {
    match error {
        Error::Io(error) => error,
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => ErrorKind::UnexpectedEof.into(),
        error => IoError::new(ErrorKind::InvalidData, visible(&error.to_string(), 200)),
    }
}

impl AsyncRead for Carried {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        loop {
            if !self.piece.is_empty() {
                let count = self.piece.len().min(buf.remaining());
                buf.put_slice(&self.piece[..count]);
                self.piece.advance(count);
                return Poll::Ready(Ok(()));
            }
            match ready!(Pin::new(&mut self.socket).poll_next(cx)) {
                None | Some(Ok(Message::Close(None))) => return Poll::Ready(Ok(())),
                Some(Ok(Message::Binary(piece))) => self.piece = piece,
                Some(Ok(Message::Close(Some(close)))) => {
                    let detail = format!("WebSocket closed: {} {}", close.code, visible(&close.reason, 200));
                    return Poll::Ready(Err(IoError::new(ErrorKind::UnexpectedEof, detail)));
                }
                Some(Ok(Message::Text(_))) => {
                    let detail = "text in the WebSocket, where MQTT has bytes";
                    return Poll::Ready(Err(IoError::new(ErrorKind::InvalidData, detail)));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(Err(failed(error))),
            }
        }
    }
}

impl AsyncWrite for Carried {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        ready!(Pin::new(&mut self.socket).poll_ready(cx)).map_err(failed)?;
        let piece = &buf[..buf.len().min(MAX_PIECE_BYTES)];
        let message = Message::Binary(Bytes::copy_from_slice(piece));
        Pin::new(&mut self.socket).start_send(message).map_err(failed)?;
        Poll::Ready(Ok(piece.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx).map_err(failed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.socket).poll_close(cx).map_err(failed)
    }
}
