//! Feeds arbitrary bytes to everything that reads what an SMP device writes: the console decoder (the cut must make no
//! difference), the joiner of pieces, the body reader, and a session that asked each kind of question.

#![no_main]

use std::time::Instant;

use libfuzzer_sys::fuzz_target;
use linesman::proto::smp::cbor::Map;
use linesman::proto::smp::console::{Decoder, encode};
use linesman::proto::smp::request::Request;
use linesman::proto::smp::session::Session;
use linesman::proto::smp::stream::{Joiner, from_datagram};
use linesman::proto::smp::Frame;

fuzz_target!(|input: (u8, u8, &[u8])| {
    let (piece, which, bytes) = input;
    let piece = usize::from(piece).max(1);

    let whole = Decoder::default().push(bytes);
    let mut cut = Decoder::default();
    let read: Vec<Vec<u8>> = bytes.chunks(piece).flat_map(|piece| cut.push(piece)).collect();
    assert!(read == whole, "the cut makes a difference");

    let mut joiner = Joiner::default();
    for piece in bytes.chunks(piece) {
        joiner.push(piece);
    }
    let _ = from_datagram(bytes);
    let _ = Map::parse(bytes);

    if let Some(lines) = encode(bytes) {
        assert!(Decoder::default().push(&lines.concat()) == vec![bytes.to_vec()], "the round trip fails");
    }

    let requests = [
        Request::Echo("x".into()),
        Request::Tasks,
        Request::MemoryPools,
        Request::Parameters,
        Request::Info("a"),
        Request::Bootloader(None),
        Request::Images,
        Request::StatisticsNames,
        Request::Statistics("x".into()),
        Request::ReadSetting("x".into()),
        Request::Download { name: "x".into(), offset: 0 },
        Request::FileHash { name: "x".into(), kind: "sha256" },
        Request::HashKinds,
        Request::Execute(vec!["x".into()]),
        Request::Groups,
        Request::Reset,
    ];
    let request = requests[usize::from(which) % requests.len()].clone();
    let now = Instant::now();
    let mut session = Session::default();
    session.start(request, now).expect("short");
    session.handle_frame(bytes, now);
    let sent = session.poll_transmit().and_then(|sent| Frame::parse(&sent)).expect("our own frame");
    let answer = Frame { operation: sent.operation.answered(), body: bytes.to_vec(), ..sent };
    if let Some(answer) = answer.to_bytes() {
        session.handle_frame(&answer, now);
    }
});
