//! Improv over Bluetooth LE: the characteristics, frames, the data of the advertisement, and what to do where
//! implementations differ: results cut by the link, names in two forms, commands too long for one packet.
//!
//! Source: improv-wifi.com, Bluetooth LE, revision 2.4. A frame is command, length, data, sum modulo 256. No fragments are
//! specified: a link cuts a notification that is too long for it, and the whole of it has to be read.

use uuid::Uuid;

use super::serial::{NotSendable, join_request, lengths_first, split_request, split_strings, sum};
use super::{DeviceError, Message, Request, State, command};

/// The service.
pub const SERVICE: Uuid = improv(0x8000);
/// One octet: the state.
pub const STATE: Uuid = improv(0x8001);
/// One octet: the error state.
pub const ERROR: Uuid = improv(0x8002);
/// Commands are written here.
pub const COMMAND: Uuid = improv(0x8003);
/// Results are told and can be read here.
pub const RESULT: Uuid = improv(0x8004);
/// One octet: what the device offers.
pub const CAPABILITIES: Uuid = improv(0x8005);
/// The 16-bit id 4677 under which an advertisement carries the state.
pub const SERVICE_DATA: Uuid = Uuid::from_u128(0x0000_4677_0000_1000_8000_0080_5f9b_34fb);

/// Octets of a command that fit into a packet on every link.
pub const PIECE: usize = 20;
/// Longest frame: command, length, 255 octets, sum.
pub const MAX_FRAME: usize = 258;
/// Command and length before the data, sum after it.
const AROUND: usize = 3;

const fn improv(suffix: u16) -> Uuid {
    Uuid::from_u128(0x0046_7768_6228_2272_4663_2774_7826_0000 | suffix as u128)
}

/// How a name is framed. The specification and most devices take it raw; some want its length before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NameForm {
    /// The name alone.
    #[default]
    Raw,
    /// Its length, then the name.
    WithLength,
}

/// What a device says it offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offers(pub u8);

impl Offers {
    /// It can blink or beep.
    pub const fn identify(self) -> bool {
        self.0 & 1 != 0
    }

    /// It tells what it is.
    pub const fn device_info(self) -> bool {
        self.0 & 2 != 0
    }

    /// It can scan for networks.
    pub const fn scan(self) -> bool {
        self.0 & 4 != 0
    }

    /// It can be given a name. Some implementations mean both names by it.
    pub const fn rename(self) -> bool {
        self.0 & 8 != 0
    }
}

/// What an advertisement tells before anyone connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advertised {
    /// The state.
    pub state: State,
    /// What is offered.
    pub offers: Offers,
}

/// Reads the data of service 4677: state, capabilities, four octets without a meaning yet.
pub fn parse_service_data(data: &[u8]) -> Option<Advertised> {
    let [state, offers, ..] = data else { return None };
    Some(Advertised { state: State::from_octet(*state), offers: Offers(*offers) })
}

/// The data of service 4677, for simulators.
pub const fn encode_service_data(advertised: Advertised) -> [u8; 6] {
    [advertised.state.octet(), advertised.offers.0, 0, 0, 0, 0]
}

/// A command as a frame. Whoever sends it takes care that no two of them mix.
pub fn encode_request(request: &Request, names: NameForm) -> Result<Vec<u8>, NotSendable> {
    if matches!(request, Request::CurrentState | Request::NetworkState) {
        return Err(NotSendable::NoSuchCommand);
    }
    let (command, mut data) = split_request(request)?;
    let is_name = matches!(request, Request::Hostname(Some(_)) | Request::DeviceName(Some(_)));
    if is_name && names == NameForm::WithLength {
        data = lengths_first(&[&data])?;
    }
    frame(command, &data)
}

/// A result as a frame, for simulators.
pub fn encode_result(command: u8, strings: &[Vec<u8>]) -> Result<Vec<u8>, NotSendable> {
    let strings: Vec<&[u8]> = strings.iter().map(Vec::as_slice).collect();
    frame(command, &lengths_first(&strings)?)
}

fn frame(command: u8, data: &[u8]) -> Result<Vec<u8>, NotSendable> {
    let length = u8::try_from(data.len()).map_err(|_| NotSendable::TooLong { octets: data.len() })?;
    let mut bytes = [&[command, length], data].concat();
    bytes.push(sum(&bytes));
    Ok(bytes)
}

/// A command in pieces that fit on every link, in order.
pub fn pieces(frame: &[u8]) -> impl Iterator<Item = &[u8]> {
    frame.chunks(PIECE)
}

/// Why octets are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadFrame {
    /// It ends before its length is reached: the link cut it, and the whole can be read from [`RESULT`].
    #[error("{held} of {wanted} bytes")]
    Cut {
        /// Octets that are there.
        held: usize,
        /// Octets there should be.
        wanted: usize,
    },
    /// The sum is wrong, or something stands behind it.
    #[error("the sum does not fit")]
    Damaged,
    /// A string runs past the end of the data.
    #[error("a string runs past the end")]
    Overrun,
}

/// A result as the device told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultFrame {
    /// The command it answers.
    pub command: u8,
    /// Its strings, as octets.
    pub strings: Vec<Vec<u8>>,
}

impl ResultFrame {
    /// Reads a whole frame.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadFrame> {
        let (command, data) = split_frame(bytes)?;
        Ok(Self { command, strings: split_strings(data).ok_or(BadFrame::Overrun)? })
    }

    /// The result as a session reads it: here a scan comes in one frame, there an entry at a time with an empty one last.
    pub fn into_messages(self) -> Vec<Message> {
        let Self { command, strings } = self;
        if command != command::SCAN {
            return vec![Message::Result { command, strings }];
        }
        let entries = strings.chunks_exact(3).map(|entry| Message::Result { command, strings: entry.to_vec() });
        entries.chain([Message::Result { command, strings: Vec::new() }]).collect()
    }
}

fn split_frame(bytes: &[u8]) -> Result<(u8, &[u8]), BadFrame> {
    let wanted = AROUND + usize::from(bytes.get(1).copied().unwrap_or_default());
    if bytes.len() < wanted {
        return Err(BadFrame::Cut { held: bytes.len(), wanted });
    }
    let (head, last) = bytes.split_at(bytes.len() - 1);
    if bytes.len() > wanted || last != [sum(head)] {
        return Err(BadFrame::Damaged);
    }
    Ok((head[0], &head[2..]))
}

/// The device's side of a command that comes in several writes: collects until the length is reached, for simulators.
#[derive(Debug, Default)]
pub struct RequestBuffer {
    bytes: Vec<u8>,
}

impl RequestBuffer {
    /// Takes one write in; `None` while more is to come.
    pub fn push(&mut self, bytes: &[u8]) -> Option<Result<Request, DeviceError>> {
        // More than a frame holds is never kept.
        self.bytes.extend(bytes.iter().take(MAX_FRAME + 1 - self.bytes.len()));
        match split_frame(&self.bytes) {
            Err(BadFrame::Cut { .. }) => None,
            Err(BadFrame::Damaged | BadFrame::Overrun) => {
                self.bytes.clear();
                Some(Err(DeviceError::InvalidPacket))
            }
            Ok((command, data)) => {
                let request = parse_request(command, data);
                self.bytes.clear();
                Some(request)
            }
        }
    }

    /// Forgets what came so far: the client went away.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }
}

fn parse_request(command: u8, data: &[u8]) -> Result<Request, DeviceError> {
    match command {
        command::CURRENT_STATE => Ok(Request::Identify),
        command::NETWORK_STATE => Err(DeviceError::UnknownCommand),
        _ => join_request(command, data),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::gateway::ProvisioningState;
    use crate::model::secret::Secret;
    use crate::model::text::{from_hex, hex};

    fn settings(ssid: &str, password: &str) -> Request {
        Request::WifiSettings { ssid: ssid.into(), password: Secret::new(password.to_owned()) }
    }

    fn bytes(text: &str) -> Vec<u8> {
        from_hex(text).expect("vectors are hexadecimal")
    }

    fn ask_device(text: &str) -> Option<Result<Request, DeviceError>> {
        RequestBuffer::default().push(&bytes(text))
    }

    #[test]
    fn characteristics_are_numbered_as_published() {
        assert_eq!(SERVICE.to_string(), "00467768-6228-2272-4663-277478268000");
        assert_eq!(CAPABILITIES.to_string(), "00467768-6228-2272-4663-277478268005");
        assert_eq!(SERVICE_DATA.to_string(), "00004677-0000-1000-8000-00805f9b34fb");
    }

    #[test]
    fn commands_match_the_published_vectors() {
        let check = |request: Request, form, expected: &str| {
            let sent = encode_request(&request, form).map(|bytes| hex(&bytes));
            assert_eq!(sent, Ok(expected.to_owned()), "{}", request.label());
        };
        let raw = NameForm::Raw;
        check(
            settings("MyWirelessAP", "mysecurepassword"),
            raw,
            "011e0c4d79576972656c6573734150106d7973656375726570617373776f7264c0",
        );
        check(Request::Identify, raw, "020002");
        check(Request::DeviceInfo, raw, "030003");
        check(Request::ScanNetworks, raw, "040004");
        check(Request::Hostname(None), raw, "050005");
        check(Request::Hostname(Some("gw-7".into())), raw, "050467772d374b");
        check(Request::Hostname(Some("gw-7".into())), NameForm::WithLength, "05050467772d3750");
        check(Request::DeviceName(None), NameForm::WithLength, "060006");
    }

    #[test]
    fn results_match_the_published_vectors() {
        let check = |text: &str, command: u8, strings: &[&str]| {
            let strings: Vec<Vec<u8>> = strings.iter().map(|text| text.as_bytes().to_vec()).collect();
            assert_eq!(encode_result(command, &strings), Ok(bytes(text)));
            assert_eq!(ResultFrame::parse(&bytes(text)), Ok(ResultFrame { command, strings }));
        };
        check("011413687474703a2f2f3139322e3136382e312e3432dc", 1, &["http://192.168.1.42"]);
        check("010001", 1, &[]);
        check("0503026869db", 5, &["hi"]);
        check(
            "031c07455350486f6d6508323032342e362e300545535033320467772d37c1",
            3,
            &["ESPHome", "2024.6.0", "ESP32", "gw-7"],
        );
        check(
            "041d064f6666696365032d36310457504132054775657374032d3730024e4f6b",
            4,
            &["Office", "-61", "WPA2", "Guest", "-70", "NO"],
        );
    }

    #[test]
    fn a_scan_in_one_frame_reads_as_entries_and_an_end() {
        let frame = ResultFrame::parse(&bytes("041d064f6666696365032d36310457504132054775657374032d3730024e4f6b"));
        let messages = frame.expect("a whole frame").into_messages();
        let entry = |strings: &[&str]| Message::Result {
            command: 4,
            strings: strings.iter().map(|text| text.as_bytes().to_vec()).collect(),
        };
        assert_eq!(messages, [entry(&["Office", "-61", "WPA2"]), entry(&["Guest", "-70", "NO"]), entry(&[])]);
        let nothing = ResultFrame { command: 4, strings: Vec::new() };
        assert_eq!(nothing.into_messages(), [entry(&[])], "no strings mean that nothing was found");
        let torn = ResultFrame { command: 4, strings: vec![b"Office".to_vec(), b"-61".to_vec()] };
        assert_eq!(torn.into_messages(), [entry(&[])], "a torn entry is left out");
    }

    #[test]
    fn devices_turn_down_what_is_no_command() {
        let error = |text: &str| ask_device(text).map(Result::err);
        assert_eq!(error("020003"), Some(Some(DeviceError::InvalidPacket)), "sum off by one");
        assert_eq!(error("7f007f"), Some(Some(DeviceError::UnknownCommand)));
        // The name's length runs beyond the data: sum right, arguments not.
        let long = frame(1, &[9, b'a', b'b']).expect("short");
        assert_eq!(error(&hex(&long)), Some(Some(DeviceError::InvalidPacket)));
        assert_eq!(error("070007"), Some(Some(DeviceError::UnknownCommand)), "there is no such command here");
    }

    #[test]
    fn a_string_past_the_end_is_rejected() {
        assert_eq!(ResultFrame::parse(&frame(1, &[9, b'x']).expect("short")), Err(BadFrame::Overrun));
    }

    #[test]
    fn data_of_256_octets_cannot_be_sent() {
        let request = settings(&"s".repeat(32), &"p".repeat(222));
        assert_eq!(encode_request(&request, NameForm::Raw), Err(NotSendable::TooLong { octets: 256 }));
        let request = settings(&"s".repeat(32), &"p".repeat(221));
        assert_eq!(encode_request(&request, NameForm::Raw).map(|bytes| bytes.len()), Ok(MAX_FRAME));
    }

    #[test]
    fn serial_commands_are_none_here() {
        for request in [Request::CurrentState, Request::NetworkState] {
            assert_eq!(encode_request(&request, NameForm::Raw), Err(NotSendable::NoSuchCommand));
        }
    }

    #[test]
    fn a_command_in_pieces_is_put_together() {
        let frame = encode_request(&settings("MyWirelessAP", "mysecurepassword"), NameForm::Raw).expect("short");
        let mut buffer = RequestBuffer::default();
        let mut answers = pieces(&frame).map(|piece| buffer.push(piece));
        assert!(answers.next().is_some_and(|answer| answer.is_none()));
        assert!(matches!(answers.next(), Some(Some(Ok(Request::WifiSettings { .. })))));
        assert!(answers.next().is_none());
    }

    #[test]
    fn a_larger_write_than_the_length_clears_the_buffer() {
        let mut buffer = RequestBuffer::default();
        assert!(matches!(buffer.push(&bytes("02000202")), Some(Err(DeviceError::InvalidPacket))));
        assert!(matches!(buffer.push(&bytes("020002")), Some(Ok(Request::Identify))));
    }

    #[test]
    fn service_data_tells_state_and_offers() {
        let read = parse_service_data(&bytes("010500000000")).expect("six bytes");
        assert_eq!(read.state, State::Known(ProvisioningState::AuthorizationRequired));
        assert!(read.offers.identify() && read.offers.scan() && !read.offers.device_info() && !read.offers.rename());
        assert_eq!(encode_service_data(read).to_vec(), bytes("010500000000"));
        assert_eq!(parse_service_data(&[2]), None);
        assert!(parse_service_data(&[9, 0xff]).is_some(), "unknown states are shown by their number");
    }

    fn arbitrary_strings() -> impl Strategy<Value = Vec<Vec<u8>>> {
        prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..5)
    }

    proptest! {
        #[test]
        fn results_survive_the_round_trip(command in any::<u8>(), strings in arbitrary_strings()) {
            let frame = encode_result(command, &strings).expect("at most 255 bytes");
            prop_assert_eq!(ResultFrame::parse(&frame), Ok(ResultFrame { command, strings }));
        }

        #[test]
        fn every_truncation_is_told_as_a_cut(command in any::<u8>(), strings in arbitrary_strings()) {
            let frame = encode_result(command, &strings).expect("at most 255 bytes");
            for held in 0..frame.len() {
                let wanted = if held < 2 { AROUND } else { frame.len() };
                prop_assert_eq!(ResultFrame::parse(&frame[..held]), Err(BadFrame::Cut { held, wanted }));
            }
        }

        #[test]
        fn a_wrong_octet_is_never_a_result(strings in arbitrary_strings(), at in any::<prop::sample::Index>(), bit in 0..8u32) {
            let mut frame = encode_result(4, &strings).expect("at most 255 bytes");
            let at = at.index(frame.len());
            frame[at] ^= 1u8 << bit;
            prop_assert!(ResultFrame::parse(&frame).is_err());
        }

        #[test]
        fn arbitrary_octets_never_panic_and_stay_bounded(
            writes in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..600), 0..12),
        ) {
            let mut buffer = RequestBuffer::default();
            for write in &writes {
                let _ = ResultFrame::parse(write).map(ResultFrame::into_messages);
                let _ = parse_service_data(write);
                let _ = buffer.push(write);
                prop_assert!(buffer.bytes.len() <= MAX_FRAME);
            }
        }
    }
}
