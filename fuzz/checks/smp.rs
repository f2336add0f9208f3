//! Everything that reads what an SMP device writes: the console decoder (the cut must make no difference), the joiner of
//! pieces, the body reader, and a session that asked each kind of question. None may panic.

use std::time::Instant;

use linesman::proto::smp::Frame;
use linesman::proto::smp::cbor::Map;
use linesman::proto::smp::console::{Decoder, encode};
use linesman::proto::smp::request::Request;
use linesman::proto::smp::session::Session;
use linesman::proto::smp::stream::{Joiner, from_datagram};

/// Good input to start from: console lines between log, a frame, bodies with and without lengths.
pub(crate) const SEEDS: &[&[u8]] = &[
    b"[I] boot\r\n\x06\x09ABQLAAAKAAABAL9hcmVoZWxsb//0JA==\nuart:~$ ",
    b"\x06\x09ACMJAAAZAAACBr9oYnVmX3NpemUZAYBpYnVmX2NvdW50BP9Vow==\n\x04\x14AAAA\n",
    b"\x0b\x00\x00\x0a\x00\x00\x01\x00\xbf\x61\x72\x65hello\xff",
    b"\xbf\x63err\xbf\x65group\x03\x62rc\x05\xff\xff",
    b"\xa1\x65tasks\xa1\x64main\xa3\x64prio\x03\x63tid\x01\x65state\x0c",
    b"\xa2\x61o\x6akernel 1.0\x63ret\x20",
];

/// Holds one input against the rules above.
pub(crate) fn check(piece: u8, bytes: &[u8]) {
    let which = usize::from(piece);
    let piece = which.max(1);

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
    let request = requests[which % requests.len()].clone();
    let now = Instant::now();
    let mut session = Session::default();
    session.start(request, now).expect("short");
    let sent = session.poll_transmit().and_then(|sent| Frame::parse(&sent)).expect("our own frame");
    session.handle_frame(bytes, now);
    let answer = Frame { operation: sent.operation.answered(), body: bytes.to_vec(), ..sent };
    if let Some(answer) = answer.to_bytes() {
        session.handle_frame(&answer, now);
    }
}
