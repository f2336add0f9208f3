//! The frames of Improv over Bluetooth LE: results and commands from arbitrary octets never panic, a result that reads is
//! the one that writes the same octets, and a command reads the same however it is cut.

use linesman::proto::improv::ble::{RequestBuffer, ResultFrame, encode_result, parse_service_data};

/// Good input to start from: a result with an address, a scan, Wi-Fi settings.
pub(crate) const SEEDS: &[&[u8]] = &[
    b"\x01\x14\x13http://192.168.1.42\xdc",
    b"\x04\x1d\x06Office\x03-61\x04WPA2\x05Guest\x03-70\x02NO\x6b",
    b"\x01\x1e\x0cMyWirelessAP\x10mysecurepassword\xc0",
    b"\x05\x04gw-7\x4b",
];

/// Holds one input against the rules above.
pub(crate) fn check(piece: u8, bytes: &[u8]) {
    let _ = parse_service_data(bytes);
    if let Ok(frame) = ResultFrame::parse(bytes) {
        assert!(encode_result(frame.command, &frame.strings).as_deref() == Ok(bytes), "a result reads as another");
        let _ = frame.into_messages();
    }
    // A device clears its buffer after each command, so only the first is told apart from its pieces.
    let label = |answers: &mut dyn Iterator<Item = Option<String>>| answers.flatten().next();
    let read = |buffer: &mut RequestBuffer, part: &[u8]| {
        buffer.push(part).map(|request| request.map_or_else(|error| format!("{error:?}"), |it| it.label().to_owned()))
    };
    let wanted = 3 + usize::from(bytes.get(1).copied().unwrap_or_default());
    let one = &bytes[..bytes.len().min(wanted)];
    let mut whole = RequestBuffer::default();
    let expected = label(&mut std::iter::once(read(&mut whole, one)));
    let mut cut = RequestBuffer::default();
    let found = label(&mut one.chunks(usize::from(piece).max(1)).map(|part| read(&mut cut, part)));
    assert!(found == expected, "the cut makes a difference");
}
