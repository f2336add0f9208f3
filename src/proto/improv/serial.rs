//! Improv over a serial line: packets, the resynchronising decoder, requests and messages as bytes.
//!
//! Source: improv-wifi.com, serial protocol version 1. A packet is `IMPROV`, version, type, length, data, sum modulo 256;
//! a line feed follows. Everything else on the line is the device's own log and never taken for an answer.

use std::time::{Duration, Instant};

use memchr::memmem;

use super::{DeviceError, Message, Request, State, command};
use crate::model::secret::Secret;

/// Baud rate of the protocol; 8 data bits, no parity, one stop bit, no flow control.
pub const BAUD: u32 = 115_200;

const MAGIC: &[u8; 7] = b"IMPROV\x01";
/// Magic with version, type, length.
const HEADER: usize = MAGIC.len() + 2;
/// Longest packet, without the line feed.
const MAX_PACKET: usize = HEADER + 255 + 1;
/// How long a packet may pause in the middle before its beginning counts as log noise.
const STALL: Duration = Duration::from_millis(500);
/// How many octets of device log the decoder keeps until somebody takes them.
const MAX_LOG: usize = 64 * 1024;

const TYPE_STATE: u8 = 1;
const TYPE_ERROR: u8 = 2;
const TYPE_COMMAND: u8 = 3;
const TYPE_RESULT: u8 = 4;

/// A packet whose sum was right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// State, error, command or result: 1 to 4.
    pub kind: u8,
    /// At most 255 octets.
    pub data: Vec<u8>,
}

/// Why a request cannot be sent over serial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSendable {
    /// The serial protocol has no such command.
    #[error("Improv over serial has no such command")]
    NoSuchCommand,
    /// Name and password together are too long for one packet.
    #[error("the request has {octets} bytes; a packet holds 255")]
    TooLong {
        /// Octets the request would need.
        octets: usize,
    },
}

impl Packet {
    /// The packet as it goes over the line, with the line feed that closes it. `data` beyond 255 octets is refused.
    fn to_bytes(&self) -> Result<Vec<u8>, NotSendable> {
        let length = u8::try_from(self.data.len()).map_err(|_| NotSendable::TooLong { octets: self.data.len() })?;
        let mut bytes = Vec::with_capacity(HEADER + self.data.len() + 2);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&[self.kind, length]);
        bytes.extend_from_slice(&self.data);
        bytes.push(sum(&bytes));
        bytes.push(b'\n');
        Ok(bytes)
    }
}

/// Sum of all octets modulo 256.
pub(super) fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

/// A client's request as bytes, to be written in one call.
pub fn encode_request(request: &Request) -> Result<Vec<u8>, NotSendable> {
    if matches!(request, Request::Identify) {
        return Err(NotSendable::NoSuchCommand);
    }
    let (command, arguments) = split_request(request)?;
    Packet { kind: TYPE_COMMAND, data: command_data(command, &arguments)? }.to_bytes()
}

/// A request's command and its arguments, the same on both transports.
pub(super) fn split_request(request: &Request) -> Result<(u8, Vec<u8>), NotSendable> {
    Ok(match request {
        Request::WifiSettings { ssid, password } => {
            (command::WIFI_SETTINGS, lengths_first(&[ssid, password.expose().as_bytes()])?)
        }
        // Over Bluetooth the number means "identify"; the state is read there.
        Request::CurrentState | Request::Identify => (command::CURRENT_STATE, Vec::new()),
        Request::DeviceInfo => (command::DEVICE_INFO, Vec::new()),
        Request::ScanNetworks => (command::SCAN, Vec::new()),
        Request::Hostname(name) => (command::HOSTNAME, name.clone().unwrap_or_default().into_bytes()),
        Request::DeviceName(name) => (command::DEVICE_NAME, name.clone().unwrap_or_default().into_bytes()),
        Request::NetworkState => (command::NETWORK_STATE, Vec::new()),
    })
}

/// A device's message as bytes, for simulators.
pub fn encode_message(message: &Message) -> Result<Vec<u8>, NotSendable> {
    let (kind, data) = match message {
        Message::State(state) => (TYPE_STATE, vec![state.octet()]),
        Message::Error(error) => (TYPE_ERROR, vec![error.octet()]),
        Message::Result { command, strings } => {
            let strings: Vec<&[u8]> = strings.iter().map(Vec::as_slice).collect();
            (TYPE_RESULT, command_data(*command, &lengths_first(&strings)?)?)
        }
    };
    Packet { kind, data }.to_bytes()
}

/// Command, length, arguments. There is no inner sum over serial.
fn command_data(command: u8, arguments: &[u8]) -> Result<Vec<u8>, NotSendable> {
    let length = u8::try_from(arguments.len()).map_err(|_| NotSendable::TooLong { octets: arguments.len() })?;
    Ok([&[command, length], arguments].concat())
}

/// Each part with its length before it.
pub(super) fn lengths_first(parts: &[&[u8]]) -> Result<Vec<u8>, NotSendable> {
    let mut data = Vec::new();
    for part in parts {
        data.push(u8::try_from(part.len()).map_err(|_| NotSendable::TooLong { octets: part.len() })?);
        data.extend_from_slice(part);
    }
    Ok(data)
}

/// Reads a packet as a device's message; `None` when it is none or its lengths do not fit.
pub fn parse_message(packet: &Packet) -> Option<Message> {
    match (packet.kind, packet.data.as_slice()) {
        (TYPE_STATE, [octet]) => Some(Message::State(State::from_octet(*octet))),
        (TYPE_ERROR, [octet]) => Some(Message::Error(DeviceError::from_octet(*octet))),
        (TYPE_RESULT, data) => {
            let (command, arguments) = split_command(data)?;
            Some(Message::Result { command, strings: split_strings(arguments)? })
        }
        _ => None,
    }
}

/// Reads a packet as a client's request, for simulators.
pub fn parse_request(packet: &Packet) -> Result<Request, DeviceError> {
    match packet {
        Packet { kind: TYPE_COMMAND, data } => {
            let (command, arguments) = split_command(data).ok_or(DeviceError::InvalidPacket)?;
            join_request(command, arguments)
        }
        _ => Err(DeviceError::InvalidPacket),
    }
}

/// A request from its command and arguments; the other way round than [`split_request`].
pub(super) fn join_request(command: u8, arguments: &[u8]) -> Result<Request, DeviceError> {
    let name = || match std::str::from_utf8(arguments) {
        Ok("") => Ok(None),
        Ok(name) => Ok(Some(name.to_owned())),
        Err(_) => Err(DeviceError::BadHostname),
    };
    match command {
        command::WIFI_SETTINGS => match split_strings(arguments).as_deref() {
            Some([ssid, password]) => Ok(Request::WifiSettings {
                ssid: ssid.clone(),
                password: Secret::new(String::from_utf8_lossy(password).into_owned()),
            }),
            _ => Err(DeviceError::InvalidPacket),
        },
        command::CURRENT_STATE => Ok(Request::CurrentState),
        command::DEVICE_INFO => Ok(Request::DeviceInfo),
        command::SCAN => Ok(Request::ScanNetworks),
        command::HOSTNAME => name().map(Request::Hostname),
        command::DEVICE_NAME => name().map(Request::DeviceName),
        command::NETWORK_STATE => Ok(Request::NetworkState),
        _ => Err(DeviceError::UnknownCommand),
    }
}

fn split_command(data: &[u8]) -> Option<(u8, &[u8])> {
    let [command, length, arguments @ ..] = data else { return None };
    (arguments.len() == usize::from(*length)).then_some((*command, arguments))
}

/// Splits length-prefixed strings; `None` when one runs past the end.
pub(super) fn split_strings(mut data: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut strings = Vec::new();
    while let Some((&length, rest)) = data.split_first() {
        let (string, rest) = rest.split_at_checked(usize::from(length))?;
        strings.push(string.to_vec());
        data = rest;
    }
    Some(strings)
}

/// Finds packets in whatever a device writes.
///
/// Feed bytes with [`Decoder::push`] and drain with [`Decoder::poll`]. After a wrong sum the search goes on one octet
/// after the header's start, so a good packet inside a bad one is found. Memory is bounded whatever comes in.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    log: Vec<u8>,
    last_push: Option<Instant>,
    bad_packets: u64,
    lost_log_octets: u64,
}

impl Decoder {
    /// Takes bytes in and returns the packets they complete.
    pub fn push(&mut self, bytes: &[u8], now: Instant) -> Vec<Packet> {
        let mut packets = Vec::new();
        self.last_push = Some(now);
        // In pieces, so that the buffer stays small however much comes in one call.
        for piece in bytes.chunks(4096) {
            self.buffer.extend_from_slice(piece);
            while let Some(packet) = self.poll() {
                packets.push(packet);
            }
        }
        packets
    }

    /// When a half-received packet counts as noise, if there is one.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let last_push = self.last_push?;
        (self.buffer.len() >= MAGIC.len()).then_some(last_push + STALL)
    }

    /// Gives up a packet that stalled and returns the packets found behind its header.
    pub fn handle_timeout(&mut self, now: Instant) -> Vec<Packet> {
        let mut packets = Vec::new();
        while self.poll_timeout().is_some_and(|due| due <= now) && !self.buffer.is_empty() {
            self.bad_packets += 1;
            self.discard(1);
            while let Some(packet) = self.poll() {
                packets.push(packet);
            }
        }
        packets
    }

    /// Takes the device's log since the last call.
    pub fn take_log(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.log)
    }

    /// How many headers turned out to begin no good packet.
    pub const fn bad_packets(&self) -> u64 {
        self.bad_packets
    }

    /// How many octets of log were dropped because nobody took them in time.
    pub const fn lost_log_octets(&self) -> u64 {
        self.lost_log_octets
    }

    fn poll(&mut self) -> Option<Packet> {
        loop {
            self.discard(next_header(&self.buffer));
            let length = usize::from(*self.buffer.get(HEADER - 1)?);
            let end = HEADER + length;
            let expected = *self.buffer.get(end)?;
            if sum(&self.buffer[..end]) == expected {
                let packet = Packet { kind: self.buffer[MAGIC.len()], data: self.buffer[HEADER..end].to_vec() };
                let line_end = usize::from(self.buffer.get(end + 1) == Some(&b'\n'));
                self.buffer.drain(..=end + line_end);
                return Some(packet);
            }
            self.bad_packets += 1;
            self.discard(1);
        }
    }

    /// Moves octets from the front of the buffer to the log.
    fn discard(&mut self, count: usize) {
        if count == 0 {
            return;
        }
        self.log.extend(self.buffer.drain(..count));
        let excess = self.log.len().saturating_sub(MAX_LOG);
        if excess > 0 {
            self.log.drain(..excess);
            self.lost_log_octets += excess as u64;
        }
        debug_assert!(self.buffer.len() <= MAX_PACKET + 4096);
    }
}

/// Where the first header, whole or cut off by the end, begins; the length if there is none.
fn next_header(buffer: &[u8]) -> usize {
    if let Some(position) = memmem::find(buffer, MAGIC) {
        return position;
    }
    let longest_tail = buffer.len().min(MAGIC.len() - 1);
    (1..=longest_tail)
        .rev()
        .find(|tail| MAGIC.starts_with(&buffer[buffer.len() - tail..]))
        .map_or(buffer.len(), |tail| buffer.len() - tail)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::gateway::ProvisioningState;
    use crate::model::text::{from_hex, hex};

    fn now() -> Instant {
        Instant::now()
    }

    fn settings() -> Request {
        Request::WifiSettings { ssid: b"MyWirelessAP".to_vec(), password: Secret::new("mysecurepassword".to_owned()) }
    }

    fn messages(bytes: &[u8]) -> Vec<Message> {
        Decoder::default().push(bytes, now()).iter().filter_map(parse_message).collect()
    }

    #[test]
    fn requests_match_the_published_vectors() {
        let check = |request: Request, expected: &str| {
            assert_eq!(
                encode_request(&request).map(|bytes| hex(&bytes)),
                Ok(expected.to_owned()),
                "{}",
                request.label()
            );
        };
        check(Request::CurrentState, "494d50524f560103020200e50a");
        check(Request::DeviceInfo, "494d50524f560103020300e60a");
        check(Request::ScanNetworks, "494d50524f560103020400e70a");
        check(Request::Hostname(None), "494d50524f560103020500e80a");
        check(Request::Hostname(Some("gw-7".into())), "494d50524f56010306050467772d37320a");
        check(settings(), "494d50524f56010320011e0c4d79576972656c6573734150106d7973656375726570617373776f7264c10a");
    }

    #[test]
    fn messages_match_the_published_vectors() {
        let check = |text: &str, expected: Message| {
            let bytes = from_hex(text).expect("vectors are hexadecimal");
            assert_eq!(messages(&bytes), vec![expected.clone()]);
            assert_eq!(encode_message(&expected), Ok(bytes));
        };
        check("494d50524f5601010102e20a", Message::State(State::Known(ProvisioningState::Ready)));
        check("494d50524f5601010103e30a", Message::State(State::Known(ProvisioningState::Provisioning)));
        check("494d50524f5601010104e40a", Message::State(State::Known(ProvisioningState::Provisioned)));
        check("494d50524f5601020100e10a", Message::Error(DeviceError::None));
        check("494d50524f5601020103e40a", Message::Error(DeviceError::UnableToConnect));
        check(
            "494d50524f56010416011413687474703a2f2f3139322e3136382e312e3432d40a",
            Message::Result { command: 1, strings: vec![b"http://192.168.1.42".to_vec()] },
        );
        check(
            "494d50524f56010411040f064f6666696365032d363103594553e30a",
            Message::Result { command: 4, strings: vec![b"Office".to_vec(), b"-61".to_vec(), b"YES".to_vec()] },
        );
        check("494d50524f560104020400e80a", Message::Result { command: 4, strings: vec![] });
    }

    #[test]
    fn identify_is_no_command_of_the_serial_protocol() {
        assert_eq!(encode_request(&Request::Identify), Err(NotSendable::NoSuchCommand));
    }

    #[test]
    fn credentials_too_long_for_a_packet_are_refused() {
        let password = Secret::new("p".repeat(240));
        let request = Request::WifiSettings { ssid: vec![b's'; 32], password };
        assert!(matches!(encode_request(&request), Err(NotSendable::TooLong { .. })));
    }

    const READY: &str = "494d50524f5601010102e20a";

    #[test]
    fn a_packet_is_found_wherever_it_is_split_and_whatever_surrounds_it() {
        let ready = from_hex(READY).expect("hexadecimal");
        let surroundings: [(&[u8], &[u8]); 6] = [
            (b"", b""),
            (b"IMPRO", b"log\n"),
            (b"[I][wifi] IMPROV\x01\x01\x09 starting\r\n", b"\r\n"),
            (b"IMPROV\x02\x01\x01\x02\x00", b""),
            (b"\n\n\xff\xfe", b"\n"),
            // A wrong sum, followed at once by a good packet.
            (b"IMPROV\x01\x01\x01\x02\x00", b""),
        ];
        for (before, after) in surroundings {
            let line = [before, ready.as_slice(), after].concat();
            for split in 0..line.len() {
                let mut decoder = Decoder::default();
                let start = now();
                let mut packets = decoder.push(&line[..split], start);
                packets.extend(decoder.push(&line[split..], start));
                packets.extend(decoder.handle_timeout(start + STALL));
                assert_eq!(packets, vec![Packet { kind: 1, data: vec![2] }], "{before:?} split at {split}");
            }
        }
    }

    #[test]
    fn a_length_larger_than_what_follows_ends_in_a_resynchronisation() {
        let start = now();
        let mut decoder = Decoder::default();
        let mut bytes = b"IMPROV\x01\x04\xff".to_vec();
        bytes.extend(from_hex(READY).expect("hexadecimal"));
        assert!(decoder.push(&bytes, start).is_empty(), "the packet may still be complete later");
        let due = decoder.poll_timeout().expect("a stalled packet has a deadline");
        assert!(decoder.handle_timeout(start).is_empty());
        assert_eq!(decoder.handle_timeout(due), vec![Packet { kind: 1, data: vec![2] }]);
        assert_eq!(decoder.poll_timeout(), None);
    }

    #[test]
    fn data_may_hold_line_feeds() {
        let message = Message::Result { command: 4, strings: vec![b"a\nb\n".to_vec(), b"-5".to_vec(), b"NO".to_vec()] };
        let bytes = encode_message(&message).expect("short");
        assert_eq!(messages(&bytes), vec![message]);
    }

    #[test]
    fn a_string_running_past_its_result_is_rejected() {
        assert_eq!(parse_message(&Packet { kind: 4, data: vec![1, 2, 9, b'x'] }), None);
        assert_eq!(parse_message(&Packet { kind: 4, data: vec![1, 9, 1, b'x'] }), None);
    }

    #[test]
    fn log_octets_come_out_in_order_and_bounded() {
        let mut decoder = Decoder::default();
        decoder.push(b"one ", now());
        decoder.push(&from_hex(READY).expect("hexadecimal"), now());
        decoder.push(b"two\n", now());
        assert_eq!(decoder.take_log(), b"one two\n");
        decoder.push(&vec![b'x'; 1_000_000], now());
        assert_eq!(decoder.take_log().len(), MAX_LOG);
        assert!(decoder.lost_log_octets() > 0);
    }

    fn arbitrary_message() -> impl Strategy<Value = Message> {
        prop_oneof![
            any::<u8>().prop_map(|octet| Message::State(State::from_octet(octet))),
            any::<u8>().prop_map(|octet| Message::Error(DeviceError::from_octet(octet))),
            (any::<u8>(), prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..4))
                .prop_map(|(command, strings)| Message::Result { command, strings }),
        ]
    }

    proptest! {
        #[test]
        fn messages_survive_the_round_trip_through_noise(
            message in arbitrary_message(),
            before in prop::collection::vec(any::<u8>(), 0..80),
        ) {
            // Noise that happens to hold a header may swallow what follows; that case has its own test.
            prop_assume!(memmem::find(&before, b"IMPROV").is_none());
            let mut line = before;
            line.push(b'\n');
            line.extend(encode_message(&message).expect("below 255 bytes"));
            prop_assert_eq!(messages(&line), vec![message]);
        }

        #[test]
        fn every_truncation_yields_nothing_and_recovers(message in arbitrary_message()) {
            let bytes = encode_message(&message).expect("below 255 bytes");
            let start = now();
            for cut in 0..bytes.len() - 1 {
                let mut decoder = Decoder::default();
                prop_assert!(decoder.push(&bytes[..cut], start).is_empty());
                decoder.handle_timeout(start + STALL);
                let packets = decoder.push(&bytes, start + STALL);
                prop_assert_eq!(packets.iter().filter_map(parse_message).collect::<Vec<_>>(), vec![message.clone()]);
            }
        }

        #[test]
        fn arbitrary_octets_never_panic_and_stay_bounded(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..700), 0..8),
        ) {
            let mut decoder = Decoder::default();
            let start = now();
            for piece in &pieces {
                for packet in decoder.push(piece, start) {
                    let _ = (parse_message(&packet), parse_request(&packet).is_ok());
                }
                prop_assert!(decoder.buffer.len() <= MAX_PACKET);
            }
            decoder.handle_timeout(start + STALL);
            prop_assert!(decoder.buffer.len() < MAGIC.len());
        }
    }
}
