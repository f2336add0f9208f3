//! MQTT 3.1.1 CONNECT without credentials, and what comes back.

use std::time::Duration;

use bytes::BytesMut;
use rumqttc::mqttbytes::v4::Connect;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use super::errors::{alert, broke, other};
use crate::check::seen::{Broke, MqttEnd};
use crate::io::stream::{Glimpse, Stream};
use crate::proto::mqtt::wire::{Head, kind};

/// Seconds without a sign of life after which the server may forget us.
const KEEP_ALIVE_SECS: u16 = 60;

/// Says CONNECT and reads the answer.
pub(super) async fn connect(stream: &mut Box<dyn Stream>, client_id: &str, glimpse: &Glimpse) -> MqttEnd {
    let mut connect = Connect::new(client_id);
    connect.keep_alive = KEEP_ALIVE_SECS;
    let mut packet = BytesMut::new();
    if connect.write(&mut packet).is_err() {
        return MqttEnd::Broken(Broke::Closed);
    }
    let exchange = async {
        stream.write_all(&packet).await?;
        stream.flush().await?;
        let mut answer = Vec::new();
        loop {
            let mut piece = [0; 256];
            let count = stream.read(&mut piece).await?;
            answer.extend_from_slice(&piece[..count]);
            if let Some(end) = read(&answer, count == 0, glimpse) {
                return Ok(end);
            }
        }
    };
    let ended: Result<MqttEnd, std::io::Error> = exchange.await;
    match ended {
        Ok(end) => end,
        Err(error) => match alert(&error) {
            Some(alert) => MqttEnd::Alert { alert },
            None => MqttEnd::Broken(broke(&error, glimpse)),
        },
    }
}

/// Whether the broker still answers on a session that was silent: a firewall that forgot it drops what is said without a word.
pub(super) async fn still_answers(stream: &mut Box<dyn Stream>, limit: Duration) -> Option<Broke> {
    let exchange = async {
        stream.write_all(&[kind::PINGREQ << 4, 0]).await?;
        stream.flush().await?;
        let mut buffer = [0; 1024];
        // Whatever the broker says, the session is alive.
        stream.read(&mut buffer).await
    };
    match timeout(limit, exchange).await {
        Ok(Ok(0)) => Some(Broke::Closed),
        Ok(Ok(_)) => None,
        Ok(Err(error)) => Some(broke(&error, &Glimpse::default())),
        Err(_) => Some(Broke::Silent),
    }
}

/// What an answer so far amounts to; `None` while more is needed.
fn read(answer: &[u8], is_over: bool, glimpse: &Glimpse) -> Option<MqttEnd> {
    if answer.is_empty() {
        return is_over.then_some(MqttEnd::Broken(Broke::Closed));
    }
    match Head::parse(answer) {
        Ok(Some(head)) if head.first == kind::CONNACK << 4 && head.body_bytes == 2 => {
            match answer.get(head.head_bytes + 1) {
                Some(code) => Some(MqttEnd::Connack { code: *code }),
                // A piece of an answer is none.
                None => is_over.then(|| MqttEnd::Broken(other(glimpse))),
            }
        }
        Ok(None) if !is_over && answer[0] == kind::CONNACK << 4 => None,
        _ => Some(MqttEnd::Broken(other(glimpse))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_silent_session_holds_only_if_the_broker_still_answers() {
        let limit = Duration::from_secs(5);
        let (near, mut far) = tokio::io::duplex(64);
        let mut stream: Box<dyn Stream> = Box::new(near);
        assert_eq!(still_answers(&mut stream, limit).await, Some(Broke::Silent), "a firewall forgot the session");
        far.write_all(&[kind::PINGRESP << 4, 0]).await.unwrap();
        assert_eq!(still_answers(&mut stream, limit).await, None);
        let mut asked = [0; 4];
        far.read_exact(&mut asked).await.unwrap();
        assert_eq!(asked, [kind::PINGREQ << 4, 0, kind::PINGREQ << 4, 0]);
        drop(far);
        assert!(still_answers(&mut stream, limit).await.is_some());
    }
}
