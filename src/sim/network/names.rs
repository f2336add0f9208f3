//! The name server of the simulated network, over UDP and TCP on one port: it knows the names of the stand-ins and nothing else,
//! so that no look-up leaves this computer.

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{RData, Record, RecordType};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long an answer may be kept.
const TTL_SECS: u32 = 60;
/// How often another port is tried where one is taken for TCP.
const ATTEMPTS: usize = 20;
/// The largest question.
const MAX_QUESTION: usize = 4096;
/// How long a connection may stay without a question.
const LIMIT: Duration = Duration::from_secs(10);

/// Starts it, and says where it is.
pub(super) async fn start(names: BTreeSet<String>, tasks: &mut JoinSet<()>) -> io::Result<SocketAddr> {
    let (socket, listener) = both().await?;
    let address = socket.local_addr()?;
    let names = Arc::new(names);
    tasks.spawn(over_udp(socket, Arc::clone(&names)));
    tasks.spawn(super::accept(listener, move |stream| {
        let names = Arc::clone(&names);
        async move {
            // A client that breaks off has what it wanted.
            let _ = over_tcp(stream, &names).await;
        }
    }));
    Ok(address)
}

/// A socket and a listener on the same port.
async fn both() -> io::Result<(UdpSocket, TcpListener)> {
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..ATTEMPTS {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        match TcpListener::bind(socket.local_addr()?).await {
            Ok(listener) => return Ok((socket, listener)),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn over_udp(socket: UdpSocket, names: Arc<BTreeSet<String>>) {
    let mut question = vec![0; MAX_QUESTION];
    loop {
        // Where an earlier answer was refused the system says so here.
        let Ok((length, from)) = socket.recv_from(&mut question).await else { continue };
        if let Some(answer) = answer(&question[..length], &names) {
            let _ = socket.send_to(&answer, from).await;
        }
    }
}

async fn over_tcp(mut stream: TcpStream, names: &BTreeSet<String>) -> io::Result<()> {
    loop {
        let length = timeout(LIMIT, stream.read_u16()).await??;
        let mut question = vec![0; usize::from(length)];
        timeout(LIMIT, stream.read_exact(&mut question)).await??;
        let Some(answer) = answer(&question, names) else { return Ok(()) };
        let length = u16::try_from(answer.len()).map_err(io::Error::other)?;
        stream.write_all(&[&length.to_be_bytes()[..], &answer].concat()).await?;
    }
}

/// The answer to a question; none to what is no question.
fn answer(question: &[u8], names: &BTreeSet<String>) -> Option<Vec<u8>> {
    let question = Message::from_vec(question).ok().filter(|it| it.metadata.message_type == MessageType::Query)?;
    let asked = question.queries.first()?;
    let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
    answer.metadata.recursion_desired = question.metadata.recursion_desired;
    answer.metadata.recursion_available = true;
    answer.add_query(asked.clone());
    let name = asked.name.to_utf8().trim_end_matches('.').to_ascii_lowercase();
    if !names.contains(&name) {
        answer.metadata.response_code = ResponseCode::NXDomain;
    } else if asked.query_type == RecordType::A {
        let address = RData::A(A(Ipv4Addr::LOCALHOST));
        answer.add_answer(Record::from_rdata(asked.name.clone(), TTL_SECS, address));
    }
    answer.to_vec().ok()
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::Query;
    use hickory_proto::rr::Name;

    use super::*;

    fn asked(name: &str, kind: RecordType) -> (u16, usize) {
        let mut question = Message::query();
        question.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
        let names = BTreeSet::from(["api.example".to_owned()]);
        let answer = Message::from_vec(&answer(&question.to_vec().unwrap(), &names).unwrap()).unwrap();
        assert_eq!(answer.metadata.id, question.metadata.id);
        (answer.metadata.response_code.into(), answer.answers.len())
    }

    #[test]
    fn names_of_stand_ins_are_known_and_no_others() {
        assert_eq!(asked("api.example.", RecordType::A), (0, 1));
        assert_eq!(asked("API.example.", RecordType::A), (0, 1));
        assert_eq!(asked("api.example.", RecordType::AAAA), (0, 0));
        assert_eq!(asked("other.example.", RecordType::A), (3, 0));
        assert_eq!(answer(b"no question", &BTreeSet::new()), None);
    }
}
