//! How packets go over a stream of bytes and over a WebSocket.

use std::future::Future;
use std::io;

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error, Message};

/// Read in one go.
const BUFFER: usize = 64 * 1024;

/// Where bytes of a client come from.
pub(super) trait Source: Send {
    /// The next bytes; none at the end.
    fn read(&mut self) -> impl Future<Output = io::Result<&[u8]>> + Send;
}

/// Where packets for a client go.
pub(super) trait Sink: Send {
    /// Sends packets.
    fn send(&mut self, packets: Vec<Bytes>) -> impl Future<Output = io::Result<()>> + Send;

    /// Says that nothing follows.
    fn close(&mut self) -> impl Future<Output = ()> + Send;
}

/// The reading half of a stream.
pub(super) struct StreamSource<R> {
    stream: R,
    buffer: Vec<u8>,
}

impl<R> StreamSource<R> {
    pub(super) fn new(stream: R) -> Self {
        Self { stream, buffer: vec![0; BUFFER] }
    }
}

impl<R: AsyncRead + Unpin + Send> Source for StreamSource<R> {
    async fn read(&mut self) -> io::Result<&[u8]> {
        let length = self.stream.read(&mut self.buffer).await?;
        Ok(&self.buffer[..length])
    }
}

/// The writing half of a stream.
pub(super) struct StreamSink<W>(pub(super) W);

impl<W: AsyncWrite + Unpin + Send> Sink for StreamSink<W> {
    /// Small packets go together.
    async fn send(&mut self, packets: Vec<Bytes>) -> io::Result<()> {
        let mut together = Vec::new();
        for packet in packets {
            if !together.is_empty() && together.len() + packet.len() > BUFFER {
                self.0.write_all(&together).await?;
                together.clear();
            }
            if packet.len() > BUFFER {
                self.0.write_all(&packet).await?;
            } else {
                together.extend_from_slice(&packet);
            }
        }
        self.0.write_all(&together).await?;
        // Inside TLS what is written may wait to be sent.
        self.0.flush().await
    }

    async fn close(&mut self) {
        let _ = self.0.shutdown().await;
    }
}

/// The reading half of a WebSocket.
pub(super) struct SocketSource<S> {
    socket: SplitStream<WebSocketStream<S>>,
    message: Bytes,
}

impl<S> SocketSource<S> {
    pub(super) fn new(socket: SplitStream<WebSocketStream<S>>) -> Self {
        Self { socket, message: Bytes::new() }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Source for SocketSource<S> {
    async fn read(&mut self) -> io::Result<&[u8]> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Binary(bytes))) if bytes.is_empty() => {}
                Some(Ok(Message::Binary(bytes))) => {
                    self.message = bytes;
                    return Ok(&self.message);
                }
                // Signs of life answer themselves.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                // Text is not allowed (MQTT 5.0, section 6).
                Some(Ok(Message::Text(_))) => return Err(io::Error::other("it sent text over the WebSocket")),
                None | Some(Ok(Message::Close(_)) | Err(Error::ConnectionClosed | Error::AlreadyClosed)) => {
                    return Ok(&[]);
                }
                Some(Err(Error::Io(error))) => return Err(error),
                Some(Err(error)) => return Err(io::Error::other(error)),
            }
        }
    }
}

/// The writing half of a WebSocket.
pub(super) struct SocketSink<S>(pub(super) SplitSink<WebSocketStream<S>, Message>);

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Sink for SocketSink<S> {
    /// No two packets in one frame. It would be allowed, but there are clients that do not look at the second one until
    /// something else arrives.
    async fn send(&mut self, packets: Vec<Bytes>) -> io::Result<()> {
        for packet in packets {
            self.0.feed(Message::Binary(packet)).await.map_err(io::Error::other)?;
        }
        self.0.flush().await.map_err(io::Error::other)
    }

    async fn close(&mut self) {
        let _ = self.0.close().await;
    }
}
