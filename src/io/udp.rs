//! UDP as a link: one write is one datagram, and so is each piece that comes in. Only answers of the host that was asked
//! are taken.

use std::io::{Error, ErrorKind};
use std::time::Duration;

use tokio::net::{UdpSocket, lookup_host};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::flow::port::{Link, LinkCommand, LinkError, LinkEvent};

/// Room in the channels of one link.
const CHANNEL: usize = 64;
/// The largest datagram there can be.
const MAX_DATAGRAM: usize = 65_535;
/// How long the system may take to find the host.
const LOOKUP_LIMIT: Duration = Duration::from_secs(5);

/// Opens a socket that talks to `host`, a name or address with its port. Nothing is sent yet.
pub(super) async fn open(host: String) -> Result<Link, LinkError> {
    let socket = connect(&host).await.map_err(|error| failed(&host, &error))?;
    let (outgoing, commands) = mpsc::channel(CHANNEL);
    let (events, incoming) = mpsc::channel(CHANNEL);
    tokio::spawn(serve(socket, host, commands, events));
    Ok(Link { outgoing, incoming })
}

async fn connect(host: &str) -> Result<UdpSocket, Error> {
    let found = timeout(LOOKUP_LIMIT, lookup_host(host)).await.map_err(|_| Error::from(ErrorKind::TimedOut))??;
    let mut last = Error::new(ErrorKind::NotFound, "the name has no address");
    for address in found {
        let own = if address.is_ipv6() { "[::]:0" } else { "0.0.0.0:0" };
        let socket = UdpSocket::bind(own).await?;
        match socket.connect(address).await {
            Ok(()) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn serve(
    socket: UdpSocket,
    host: String,
    mut commands: mpsc::Receiver<LinkCommand>,
    events: mpsc::Sender<LinkEvent>,
) {
    let mut buffer = vec![0; MAX_DATAGRAM];
    loop {
        let event = tokio::select! {
            command = commands.recv() => match command {
                Some(LinkCommand::Write(datagram)) => match socket.send(&datagram).await {
                    Ok(_) => continue,
                    Err(error) if is_passing(&error) => continue,
                    Err(error) => LinkEvent::Closed(failed(&host, &error)),
                },
                // There is no such line.
                Some(LinkCommand::PulseReset) => continue,
                None => return,
            },
            received = socket.recv(&mut buffer) => match received {
                Ok(count) => LinkEvent::Bytes(buffer[..count].to_vec()),
                Err(error) if is_passing(&error) => continue,
                Err(error) => LinkEvent::Closed(failed(&host, &error)),
            },
        };
        let is_last = matches!(event, LinkEvent::Closed(_));
        if events.send(event).await.is_err() || is_last {
            return;
        }
    }
}

/// Nobody listens there at this moment: a gateway that restarts looks like this, and silence is told by the one who asked.
fn is_passing(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset | ErrorKind::Interrupted)
}

fn failed(host: &str, error: &Error) -> LinkError {
    LinkError::Unreachable { host: host.to_owned(), detail: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_write_is_a_datagram_and_each_datagram_a_piece() {
        let far = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        let mut link = open(far.local_addr().expect("bound").to_string()).await.expect("opened");
        for text in [b"one".as_slice(), b"two"] {
            link.outgoing.send(LinkCommand::Write(text.to_vec())).await.expect("taken");
        }
        let mut buffer = [0; 100];
        let (count, client) = far.recv_from(&mut buffer).await.expect("received");
        assert_eq!(&buffer[..count], b"one");
        assert_eq!(far.recv(&mut buffer).await.expect("received"), 3);
        // Somebody else's datagram is not taken.
        let other = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        other.send_to(b"not asked", client).await.expect("sent");
        far.send_to(b"answer", client).await.expect("sent");
        let Some(LinkEvent::Bytes(bytes)) = link.incoming.recv().await else { panic!("no bytes") };
        assert_eq!(bytes, b"answer");
    }

    #[tokio::test]
    async fn a_host_that_refuses_does_not_end_the_link() {
        let gone = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        let address = gone.local_addr().expect("bound");
        drop(gone);
        let mut link = open(address.to_string()).await.expect("opened");
        for _ in 0..3 {
            link.outgoing.send(LinkCommand::Write(b"hello".to_vec())).await.expect("taken");
        }
        let back = UdpSocket::bind(address).await.expect("the port is free");
        link.outgoing.send(LinkCommand::Write(b"again".to_vec())).await.expect("taken");
        let mut buffer = [0; 100];
        // What was sent before may still have been on its way.
        let (_, client) = back.recv_from(&mut buffer).await.expect("received");
        back.send_to(b"here", client).await.expect("sent");
        assert!(matches!(link.incoming.recv().await, Some(LinkEvent::Bytes(bytes)) if bytes == b"here"));
    }

    #[tokio::test]
    async fn a_name_without_an_address_is_told() {
        let error = open("nobody.invalid:1337".into()).await.expect_err("there is no such host");
        assert!(matches!(error, LinkError::Unreachable { .. }), "{error}");
    }
}
