use proptest::prelude::*;

use super::*;
use crate::model::text::{from_hex, hex};
use crate::proto::esp::messages::{ScanEntry, ScanResult, ScanStatus, read, status, write};

fn bytes(text: &str) -> Vec<u8> {
    from_hex(text).expect("hexadecimal digits")
}

/// A session in the clear, so that answers can be written as they are.
fn open(now: Instant) -> Session {
    let mut session = Session::default();
    let operation = Operation::Open { scheme: Scheme::Security0, private: [1; 32], proof: Proof::default() };
    session.start(operation, now).expect("no key is drawn");
    assert_eq!(asked(&mut session, now), ("prov-session".into(), "5203a20100".into()));
    session.handle_answer(&bytes("52050801aa0100"), now);
    assert_eq!(session.poll_event(), Some(Event::Finished(Ok(Answer::Open))));
    session
}

/// The endpoint and octets of the exchange that is due.
#[track_caller]
fn asked(session: &mut Session, now: Instant) -> (String, String) {
    match session.poll(now) {
        Due::Exchange(exchange) => (exchange.endpoint.name().to_owned(), hex(&exchange.body)),
        Due::Wait(until) => panic!("it waits for {:?}", until - now),
        Due::Nothing => panic!("nothing is due"),
    }
}

fn start(session: &mut Session, operation: Operation, now: Instant) {
    session.start(operation, now).expect("no key is drawn");
}

/// Asks, answers and returns how the operation ended.
fn outcome(operation: Operation, answer: &str) -> Result<Answer, Failure> {
    let now = Instant::now();
    let mut session = open(now);
    start(&mut session, operation, now);
    asked(&mut session, now);
    session.handle_answer(&bytes(answer), now);
    match session.poll_event() {
        Some(Event::Finished(outcome)) => outcome,
        other => panic!("{other:?}"),
    }
}

fn station(answer: &str) -> Result<Answer, Failure> {
    outcome(Operation::Status, answer)
}

fn unreadable() -> Result<Answer, Failure> {
    Err(Failure::Unreadable { label: "connection state", is_authenticated: false })
}

#[test]
fn credentials_are_set_and_applied_in_this_order() {
    let now = Instant::now();
    let mut session = open(now);
    let passphrase = Secret::new(b"mysecurepassword".to_vec());
    start(&mut session, Operation::Push { ssid: b"MyWirelessAP".into(), passphrase }, now);
    let set = "080262200a0c4d79576972656c657373415012106d7973656375726570617373776f7264";
    assert_eq!(asked(&mut session, now), ("prov-config".into(), set.into()));
    assert!(matches!(session.poll(now), Due::Nothing), "one exchange at a time");
    session.handle_answer(&bytes("08036a00"), now);
    assert_eq!(asked(&mut session, now), ("prov-config".into(), "08047200".into()));
    session.handle_answer(&bytes("08057a00"), now);
    assert_eq!(session.poll_event(), Some(Event::Finished(Ok(Answer::Applied))));
}

#[test]
fn a_refused_setting_is_not_applied_and_leaves_the_session_open() {
    let now = Instant::now();
    let mut session = open(now);
    let passphrase = Secret::new(b"x".to_vec());
    start(&mut session, Operation::Push { ssid: b"Site".into(), passphrase }, now);
    asked(&mut session, now);
    session.handle_answer(&bytes("08036a020804"), now);
    let refused = Failure::Status { label: "Wi-Fi settings", status: status::INVALID_ARGUMENT };
    assert_eq!(session.poll_event(), Some(Event::Finished(Err(refused))));
    start(&mut session, Operation::Reset, now);
    assert_eq!(asked(&mut session, now), ("prov-ctrl".into(), "08015a00".into()));
    session.handle_answer(&bytes("08026200"), now);
    assert_eq!(session.poll_event(), Some(Event::Finished(Ok(Answer::Done))));
}

#[test]
fn the_published_statuses_are_read() {
    let connected =
        station("08015a2a5a280a0c3139322e3136382e312e343210031a0c4d79576972656c65737341502206a0b1c2d3e4f52806");
    let joined = Joined {
        address: "192.168.1.42".into(),
        ssid: b"MyWirelessAP".into(),
        security: Some(Security::Wpa2),
        channel: Some(6),
        bssid: Some([0xa0, 0xb1, 0xc2, 0xd3, 0xe4, 0xf5]),
    };
    assert_eq!(connected, Ok(Answer::Station(Station::Joined(joined))));
    for (text, expected) in [
        ("08015a0410035000", Station::Failed(FailReason::Authentication)),
        ("08015a0410035001", Station::Failed(FailReason::NotFound)),
        ("08015a0410035009", Station::Failed(FailReason::Other(9))),
        ("08015a021003", Station::Failed(FailReason::Untold)),
        ("08015a06100162020802", Station::Connecting { attempts_left: Some(2) }),
        ("08015a021001", Station::Connecting { attempts_left: None }),
        ("08015a021002", Station::Disconnected),
        ("08015a021007", Station::Unknown(7)),
    ] {
        assert_eq!(station(text), Ok(Answer::Station(expected)), "{text}");
    }
}

#[test]
fn connected_without_telling_how_is_no_success() {
    // Missing numbers read as zero, and zero is "connected": an empty answer must not pass for one.
    for text in
        ["0801", "08015a00", "08015a0408001000", "08015a025000", "08015a065a0062020801", "5a025a00", "", "08035a025a00"]
    {
        assert_eq!(station(text), unreadable(), "{text}");
    }
    let refused = Err(Failure::Status { label: "connection state", status: status::INTERNAL_ERROR });
    assert_eq!(station("08015a020805"), refused);
}

#[test]
fn the_verdict_is_waited_for_with_pauses_and_a_limit() {
    let start_at = Instant::now();
    let mut session = open(start_at);
    start(&mut session, Operation::Follow, start_at);
    let (mut now, mut asked_at) = (start_at, Vec::new());
    let end = loop {
        match session.poll(now) {
            Due::Exchange(_) => {
                asked_at.push(now - start_at);
                session.handle_answer(&bytes("08015a06100162020801"), now);
            }
            Due::Wait(until) => now = until,
            Due::Nothing => {}
        }
        match session.poll_event() {
            Some(Event::Finished(outcome)) => break outcome,
            Some(Event::Station(station)) => assert_eq!(station, Station::Connecting { attempts_left: Some(1) }),
            Some(Event::Networks(_)) | None => {}
        }
    };
    assert_eq!(end, Ok(Answer::NoVerdict(Some(Station::Connecting { attempts_left: Some(1) }))));
    assert_eq!(now - start_at, Timeouts::STANDARD.join);
    assert_eq!(asked_at[..4].iter().map(Duration::as_millis).collect::<Vec<_>>(), [200, 700, 1700, 3700]);
    assert!(asked_at.len() < 40, "{asked_at:?}");
}

/// The scan's answers for so many networks, by what is asked.
fn scan_answer(request: &str, networks: &[ScanEntry]) -> Vec<u8> {
    let request: ScanPayload = read(&bytes(request)).expect("our own request");
    write(&match request.msg {
        scan::START => ScanPayload { msg: scan::STARTED, started: Some(Empty {}), ..ScanPayload::default() },
        scan::GET_STATUS => {
            let result_count = u32::try_from(networks.len()).expect("few");
            let progress = Some(ScanStatus { scan_finished: true, result_count });
            ScanPayload { msg: scan::STATUS, progress, ..ScanPayload::default() }
        }
        _ => {
            let wanted = request.get_result.expect("a range");
            let (start, count) = (wanted.start_index as usize, wanted.count as usize);
            let entries = networks.iter().skip(start).take(count).cloned().collect();
            ScanPayload { msg: scan::RESULT, result: Some(ScanResult { entries }), ..ScanPayload::default() }
        }
    })
}

fn entry(ssid: &[u8], rssi: i32, auth: i32) -> ScanEntry {
    ScanEntry { ssid: ssid.to_vec(), rssi, auth, ..ScanEntry::default() }
}

fn scan_of(networks: &[ScanEntry]) -> (Vec<Network>, usize, Vec<String>) {
    let now = Instant::now();
    let mut session = open(now);
    start(&mut session, Operation::Scan { batch: 4, group_channels: 5 }, now);
    let mut requests = Vec::new();
    loop {
        while let Some(event) = session.poll_event() {
            if let Event::Finished(outcome) = event {
                let Ok(Answer::Networks { networks, ignored }) = outcome else { panic!("{outcome:?}") };
                return (networks, ignored, requests);
            }
        }
        let (endpoint, request) = asked(&mut session, now);
        assert_eq!(endpoint, "prov-scan");
        session.handle_answer(&scan_answer(&request, networks), now);
        requests.push(request);
    }
}

#[test]
fn a_scan_is_read_in_batches() {
    let networks: Vec<ScanEntry> = (0..10).map(|number| entry(&[b'a' + number], -40 - i32::from(number), 3)).collect();
    let (read, ignored, requests) = scan_of(&networks);
    assert_eq!((read.len(), ignored), (10, 0));
    // Start, status, and three batches of four, four and two.
    assert_eq!(requests, ["5206080118052078", "08026200", "080472021004", "0804720408041004", "0804720408081002"],);
}

#[test]
fn odd_entries_of_a_scan_are_left_out_and_counted() {
    let (read, ignored, _) = scan_of(&[
        entry(b"", -40, 0),
        entry(&[b'x'; 33], -41, 0),
        entry(&[0xff, 0xfe], -70, 99),
        entry(b"Site", -60, 3),
        entry(b"Site", -50, 3),
        entry(b"Site", -55, 0),
        entry(b"Far", 0, -1),
        entry(b"Odd", i32::MIN, 7),
    ]);
    assert_eq!(ignored, 2);
    let shown: Vec<_> = read.iter().map(|network| (network.ssid.shown(), network.rssi_dbm, network.security)).collect();
    assert_eq!(
        shown,
        [
            ("Site".into(), Some(-50), Security::Wpa2),
            ("Site".into(), Some(-55), Security::Open),
            ("hex:fffe".into(), Some(-70), Security::Other(99)),
            ("Far".into(), None, Security::Protected),
            ("Odd".into(), None, Security::Wpa2Wpa3),
        ]
    );
}

#[test]
fn a_scan_that_promises_more_than_it_gives_ends() {
    let now = Instant::now();
    let mut session = open(now);
    start(&mut session, Operation::Scan { batch: 4, group_channels: 0 }, now);
    for answer in ["08015a00", "08036a0708011094ebdc03", "08057a00"] {
        asked(&mut session, now);
        session.handle_answer(&bytes(answer), now);
    }
    let empty = Answer::Networks { networks: Vec::new(), ignored: 0 };
    assert_eq!(session.poll_event(), Some(Event::Finished(Ok(empty))));
}

#[test]
fn a_scan_that_never_finishes_is_given_up() {
    let start_at = Instant::now();
    let mut session = open(start_at);
    start(&mut session, Operation::Scan { batch: 4, group_channels: 0 }, start_at);
    let mut now = start_at;
    let end = loop {
        match session.poll(now) {
            // Started, then forever under way.
            Due::Exchange(exchange) if exchange.label == "start a scan" => {
                session.handle_answer(&bytes("08015a00"), now);
            }
            Due::Exchange(_) => session.handle_answer(&bytes("08036a00"), now),
            Due::Wait(until) => now = until,
            Due::Nothing => {}
        }
        if let Some(Event::Finished(outcome)) = session.poll_event() {
            break outcome;
        }
    };
    assert_eq!(end, Err(Failure::TooSlow { label: "state of the scan" }));
    assert!(now - start_at <= Timeouts::STANDARD.scan * 2);
}

#[test]
fn without_a_session_nothing_is_sent() {
    let now = Instant::now();
    let mut session = Session::default();
    start(&mut session, Operation::Status, now);
    assert!(matches!(session.poll(now), Due::Nothing));
    assert_eq!(session.poll_event(), Some(Event::Finished(Err(Failure::NotOpen))));
}

#[test]
fn a_lost_exchange_ends_the_session() {
    let now = Instant::now();
    let mut session = open(now);
    start(&mut session, Operation::Status, now);
    asked(&mut session, now);
    session.abandon();
    start(&mut session, Operation::Status, now);
    assert!(matches!(session.poll(now), Due::Nothing));
    assert_eq!(session.poll_event(), Some(Event::Finished(Err(Failure::NotOpen))));
}

#[test]
fn an_answer_nobody_asked_for_changes_nothing() {
    let now = Instant::now();
    let mut session = open(now);
    session.handle_answer(&bytes("08015a00"), now);
    assert_eq!(session.poll_event(), None);
    start(&mut session, Operation::Status, now);
    session.handle_answer(&bytes("08015a021001"), now);
    assert_eq!(session.poll_event(), None, "the question was not even sent");
}

#[test]
fn endpoints_have_the_numbers_of_the_protocol() {
    let endpoints = [Endpoint::Control, Endpoint::Scan, Endpoint::Session, Endpoint::Config, Endpoint::Version];
    let numbers: Vec<_> = endpoints.iter().map(Endpoint::short_uuid).collect();
    assert_eq!(numbers, [Some(0xFF4F), Some(0xFF50), Some(0xFF51), Some(0xFF52), Some(0xFF53)]);
    assert_eq!(Endpoint::Custom("custom-data".into()).short_uuid(), None);
}

proptest! {
    #[test]
    fn any_answer_ends_or_continues_an_operation(answer in proptest::collection::vec(any::<u8>(), 0..80), which in 0..6_u8) {
        let now = Instant::now();
        let mut session = open(now);
        let operation = match which {
            0 => Operation::Scan { batch: 4, group_channels: 0 },
            1 => Operation::Push { ssid: b"Site".into(), passphrase: Secret::default() },
            2 => Operation::Follow,
            3 => Operation::Status,
            4 => Operation::Reset,
            _ => Operation::Reprovision,
        };
        start(&mut session, operation, now);
        let later = now + Duration::from_secs(1);
        asked(&mut session, later);
        session.handle_answer(&answer, later);
        let is_over = matches!(session.poll_event(), Some(Event::Finished(_)));
        let goes_on = matches!(session.poll(later), Due::Exchange(_) | Due::Wait(_));
        prop_assert!(is_over || goes_on);
    }
}
