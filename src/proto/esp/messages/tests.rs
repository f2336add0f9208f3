use proptest::prelude::*;
use prost::Message as _;

use super::*;
use crate::model::text::{from_hex, hex};

fn bytes(text: &str) -> Vec<u8> {
    from_hex(text).expect("hexadecimal digits")
}

fn check<M: Message + Default + PartialEq>(message: &M, expected: &str) {
    assert_eq!(hex(&message.encode_to_vec()), expected);
    assert!(read::<M>(&bytes(expected)).is_ok_and(|read| read == *message), "{expected}");
}

#[test]
fn the_published_messages() {
    let set =
        SetConfig { ssid: b"MyWirelessAP".into(), passphrase: b"mysecurepassword".into(), ..SetConfig::default() };
    check(
        &ConfigPayload { msg: config::SET, set: Some(set), ..ConfigPayload::default() },
        "080262200a0c4d79576972656c657373415012106d7973656375726570617373776f7264",
    );
    let set_done = Some(StatusOnly::default());
    check(&ConfigPayload { msg: config::SET_DONE, set_done, ..ConfigPayload::default() }, "08036a00");
    check(&ConfigPayload { msg: config::APPLY, apply: Some(Empty {}), ..ConfigPayload::default() }, "08047200");
    check(&ConfigPayload { msg: config::APPLY, ..ConfigPayload::default() }, "0804");
    check(&ConfigPayload { get_status: Some(Empty {}), ..ConfigPayload::default() }, "5200");
    let start = Some(ScanStart { blocking: true, period_ms: 120, ..ScanStart::default() });
    check(&ScanPayload { start, ..ScanPayload::default() }, "520408012078");
    check(&ScanPayload { msg: scan::GET_STATUS, ..ScanPayload::default() }, "0802");
    let get_result = Some(GetScanResult { start_index: 0, count: 4 });
    check(&ScanPayload { msg: scan::GET_RESULT, get_result, ..ScanPayload::default() }, "080472021004");
    check(&ControlPayload { msg: control::RESET, reset: Some(Empty {}), ..ControlPayload::default() }, "08015a00");
    check(&ControlPayload { msg: control::REPROVISION, ..ControlPayload::default() }, "0803");
    let command = Some(Empty {});
    let sec0 = Some(Sec0Payload { command, ..Sec0Payload::default() });
    check(&SessionData { sec0, ..SessionData::default() }, "5203a20100");
    let sec0 = Some(Sec0Payload { msg: 1, response: Some(StatusOnly::default()), ..Sec0Payload::default() });
    check(&SessionData { sec0, ..SessionData::default() }, "52050801aa0100");
}

#[test]
fn the_published_statuses() {
    let status = |text: &str| read::<ConfigPayload>(&bytes(text)).expect("a status").status.expect("its content");
    let connected =
        status("08015a2a5a280a0c3139322e3136382e312e343210031a0c4d79576972656c65737341502206a0b1c2d3e4f52806");
    assert_eq!(connected.sta_state, station::CONNECTED);
    assert_eq!(
        connected.connected,
        Some(Connected {
            ip4_addr: b"192.168.1.42".into(),
            auth_mode: 3,
            ssid: b"MyWirelessAP".into(),
            bssid: bytes("a0b1c2d3e4f5"),
            channel: 6,
        })
    );
    let refused = status("08015a0410035000");
    assert_eq!((refused.sta_state, refused.fail_reason), (station::FAILED, Some(station::AUTHENTICATION)));
    let missing = status("08015a0410035001");
    assert_eq!((missing.sta_state, missing.fail_reason), (station::FAILED, Some(station::NOT_FOUND)));
    let failed = status("08015a06100162020802");
    assert_eq!(failed.attempt_failed.map(|failed| failed.attempts_remaining), Some(2));
    assert_eq!(failed.sta_state, station::CONNECTING);
}

#[test]
fn a_status_without_its_connected_part_has_none() {
    // Zero is not on the wire: an empty status says "connected" by its state alone.
    let status = read::<ConfigPayload>(&bytes("08015a00")).expect("a message").status.expect("a status");
    assert_eq!((status.sta_state, status.connected), (station::CONNECTED, None));
}

#[test]
fn messages_with_secrets_do_not_print_them() {
    let set = SetConfig { ssid: b"Site".into(), passphrase: b"horse battery".into(), ..SetConfig::default() };
    let shown = format!("{set:?} {:?}", ConfigPayload { set: Some(set.clone()), ..ConfigPayload::default() });
    assert!(!shown.contains("horse") && !shown.contains("104"), "{shown}");
}

/// One message of each kind with every field filled.
fn filled() -> Vec<Vec<u8>> {
    let sec2 = Sec2Payload {
        msg: 1,
        response0: Some(Sec2Response0 { status: 1, device_pubkey: vec![7; 384], device_salt: vec![8; 16] }),
        ..Sec2Payload::default()
    };
    let sec1 = Sec1Payload {
        msg: 1,
        response0: Some(Sec1Response0 { status: 1, device_pubkey: vec![7; 32], device_random: vec![8; 16] }),
        ..Sec1Payload::default()
    };
    let connected =
        Connected { ip4_addr: b"192.0.2.17".into(), auth_mode: 3, ssid: b"Site".into(), bssid: vec![1; 6], channel: 6 };
    let status = StationStatus { status: 1, sta_state: 3, connected: Some(connected), ..StationStatus::default() };
    let entry = ScanEntry { ssid: vec![0xff; 32], channel: 6, rssi: -52, bssid: vec![1; 6], auth: 3 };
    vec![
        SessionData { sec_ver: 2, sec2: Some(sec2), ..SessionData::default() }.encode_to_vec(),
        SessionData { sec_ver: 1, sec1: Some(sec1), ..SessionData::default() }.encode_to_vec(),
        ConfigPayload { msg: 1, status: Some(status), ..ConfigPayload::default() }.encode_to_vec(),
        ScanPayload {
            msg: 5,
            status: 1,
            result: Some(ScanResult { entries: vec![entry; 4] }),
            ..ScanPayload::default()
        }
        .encode_to_vec(),
    ]
}

fn read_all(bytes: &[u8]) {
    let _ = read::<SessionData>(bytes);
    let _ = read::<ConfigPayload>(bytes);
    let _ = read::<ScanPayload>(bytes);
    let _ = read::<ControlPayload>(bytes);
    let _ = read::<TokenPayload>(bytes);
}

#[test]
fn a_message_cut_anywhere_is_read_or_refused_and_nothing_else() {
    for whole in filled() {
        for end in 0..whole.len() {
            read_all(&whole[..end]);
        }
    }
}

#[test]
fn nested_oversized_and_mistyped_fields_are_refused() {
    // Submessage in submessage, as deep as fits: field 11, wire type 2.
    let mut nested = Vec::new();
    for _ in 0..1000 {
        let mut outer = vec![0x5a];
        prost::encode_length_delimiter(nested.len(), &mut outer).expect("a Vec grows");
        outer.extend_from_slice(&nested);
        nested = outer;
    }
    // Below the fields we know it is one unknown field, whose length is checked and whose content is not looked at.
    assert!(nested.len() <= MAX_MESSAGE);
    read_all(&nested);
    // Groups opened and never closed, of a field nobody knows.
    let groups = vec![0xfb; MAX_MESSAGE];
    for bomb in [
        groups,
        // A length of 2^63, of 2^32 and one octet more than there is.
        bytes("0801da01ffffffffffffffff7f"),
        bytes("08015affffffff0f"),
        bytes("08015a0300"),
        // A number where a submessage stands, a submessage where a number stands, a number of eleven octets.
        bytes("08015801"),
        bytes("0a00"),
        bytes("08ffffffffffffffffffff01"),
        vec![0; MAX_MESSAGE + 1],
    ] {
        assert!(read::<ConfigPayload>(&bomb).is_err(), "{}", hex(&bomb[..16.min(bomb.len())]));
        read_all(&bomb);
    }
}

#[test]
fn unknown_fields_are_passed_over_and_of_repeated_ones_the_last_counts() {
    let unknown =
        read::<ConfigPayload>(&bytes("0803f8070162026869ea3f0461626364")).expect("unknown fields are allowed");
    assert_eq!(unknown.msg, 3);
    let twice = read::<ConfigPayload>(&bytes("080108036a0208056a020804")).expect("repeated fields are allowed");
    assert_eq!((twice.msg, twice.set_done.map(|done| done.status)), (3, Some(4)));
}

#[test]
fn many_entries_stay_within_the_message_that_brought_them() {
    let empty = bytes("0a00").repeat(2000);
    let mut message = bytes("08057a");
    prost::encode_length_delimiter(empty.len(), &mut message).expect("a Vec grows");
    message.extend(empty);
    let read = read::<ScanPayload>(&message).expect("it fits");
    assert_eq!(read.result.expect("results").entries.len(), 2000);
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        read_all(&bytes);
    }

    #[test]
    fn a_changed_octet_is_read_or_refused(which in 0..4_usize, at in any::<proptest::sample::Index>(), octet in any::<u8>()) {
        let mut bytes = filled().swap_remove(which);
        let at = at.index(bytes.len());
        bytes[at] = octet;
        read_all(&bytes);
    }

    #[test]
    fn credentials_read_back(ssid in proptest::collection::vec(any::<u8>(), 1..=32), passphrase in "[ -~]{8,63}") {
        let set = SetConfig { ssid, passphrase: passphrase.into_bytes(), ..SetConfig::default() };
        let payload = ConfigPayload { msg: config::SET, set: Some(set), ..ConfigPayload::default() };
        prop_assert!(read::<ConfigPayload>(&payload.encode_to_vec()).is_ok_and(|read| read == payload));
    }
}
