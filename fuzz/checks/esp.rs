//! Everything a device sends in Espressif's provisioning: messages, version, console, tokens' answers, and the whole
//! conversation over a session that encrypts nothing. Nothing may panic; what is read stays bounded; the conversation
//! comes to an end whatever is answered; and a success needs the part that tells it.

use std::time::{Duration, Instant};

use linesman::model::secret::Secret;
use linesman::proto::esp::console::Decoder;
use linesman::proto::esp::messages::{
    ConfigPayload, ControlPayload, ScanPayload, SessionData, TokenPayload, config, read,
};
use linesman::proto::esp::security::Proof;
use linesman::proto::esp::security::device::{DeviceSession, Lock};
use linesman::proto::esp::session::{Answer, Due, Event, Operation, Session, Station};
use linesman::proto::esp::token::status_of;
use linesman::proto::esp::version::{Scheme, parse_version};

/// Good input to start from: a status, scan results, handshakes, a version and a console.
pub(crate) const SEEDS: &[&[u8]] = &[
    b"\x08\x01\x5a\x2a\x5a\x28\x0a\x0c192.168.1.42\x10\x03\x1a\x0cMyWirelessAP\x22\x06\xa0\xb1\xc2\xd3\xe4\xf5\x28\x06",
    b"\x08\x01\x5a\x04\x10\x03\x50\x01",
    b"\x08\x01\x5a\x06\x10\x01\x62\x02\x08\x02",
    b"\x08\x05\x7a\x12\x0a\x10\x0a\x04Site\x10\x06\x18\xcc\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\x52\x05\x08\x01\xaa\x01\x00",
    b"\x10\x01\x5a\x06\x08\x01\xaa\x01\x00\x00",
    b"\x10\x02\x62\x0c\x08\x01\xaa\x01\x07\x12\x02\x01\x02\x1a\x01\x03",
    br#"{"prov":{"ver":"netprov-v1.2","sec_ver":2,"sec_patch_ver":1,"cap":["wifi_prov","wifi_scan"]},"a":{"ver":"1"}}"#,
    b"prov-config 1 5200\r\n\r\n08015a00\r\n\n>> ",
];

/// Holds one input against the rules above.
pub(crate) fn check(piece: u8, bytes: &[u8]) {
    let _ = read::<ConfigPayload>(bytes);
    let _ = read::<ScanPayload>(bytes);
    let _ = read::<ControlPayload>(bytes);
    let _ = read::<SessionData>(bytes);
    let _ = read::<TokenPayload>(bytes);
    let _ = status_of(bytes);
    if let Ok(version) = parse_version(bytes) {
        assert!(version.version.chars().count() <= 60 && version.applications.len() <= 8);
    }
    check_console(piece, bytes);
    check_device(bytes);
    check_conversation(piece, bytes);
}

fn check_console(piece: u8, bytes: &[u8]) {
    let mut whole = Decoder::default();
    let expected = whole.push(bytes);
    let mut cut = Decoder::default();
    let read: Vec<_> = bytes.chunks(usize::from(piece).max(1)).flat_map(|piece| cut.push(piece)).collect();
    assert!(read == expected, "the cut makes a difference");
}

/// The simulated device's side of the handshake; Security 2 is left out, its arithmetic being slow.
fn check_device(bytes: &[u8]) {
    for scheme in [Scheme::Security0, Scheme::Security1 { is_without_proof: false }] {
        let lock = Lock { scheme, username: "u".into(), secret: "p".into() };
        let _ = DeviceSession::new(lock).handle(bytes, &[7; 64]);
    }
}

/// The same answer to everything, in every operation.
fn check_conversation(piece: u8, bytes: &[u8]) {
    let start = Instant::now();
    let mut session = Session::default();
    let open = Operation::Open { scheme: Scheme::Security0, private: [1; 32], proof: Proof::default() };
    assert!(session.start(open, start).is_ok(), "Security 0 draws no key");
    run(&mut session, b"\x52\x05\x08\x01\xaa\x01\x00", start);
    let operation = match piece % 8 {
        0 => Operation::Scan { batch: 4, group_channels: 0 },
        1 => Operation::Custom { endpoint: "custom".into(), body: Secret::new(vec![1]) },
        2 => Operation::Push { ssid: b"Site".into(), passphrase: Secret::new(b"passphrase".into()) },
        3 => Operation::Follow,
        4 => Operation::Status,
        5 => Operation::Reset,
        6 => Operation::Reprovision,
        _ => Operation::Open { scheme: Scheme::Security1 { is_without_proof: true }, private: [1; 32], proof: Proof::default() },
    };
    if session.start(operation, start).is_err() {
        return;
    }
    if let Some(Answer::Station(Station::Joined(_))) = run(&mut session, bytes, start) {
        let told = read::<ConfigPayload>(bytes).ok().filter(|told| told.msg == config::STATUS);
        let connected = told.and_then(|told| told.status?.connected);
        assert!(connected.is_some(), "joined, and nobody said so");
    }
}

/// Answers every exchange with the same octets until the operation is over.
fn run(session: &mut Session, answer: &[u8], start: Instant) -> Option<Answer> {
    let mut now = start;
    for _ in 0..2000 {
        while let Some(event) = session.poll_event() {
            match event {
                Event::Finished(outcome) => return outcome.ok(),
                Event::Networks(networks) => assert!(networks.len() <= 256),
                Event::Station(_) => {}
            }
        }
        match session.poll(now) {
            Due::Exchange(_) => session.handle_answer(answer, now),
            Due::Wait(until) => now = until,
            Due::Nothing => now += Duration::from_secs(1),
        }
    }
    panic!("the operation does not end");
}
