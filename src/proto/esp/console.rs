//! Provisioning over the device's serial console: one line an exchange, answers in hexadecimal digits.
//!
//! A request is `<endpoint> <session> <hex>` and a carriage return; the device echoes it, writes the answer on a line of its own
//! and then its prompt. A prompt without an answer means that the request failed. Other lines are the device's log.
//! Source: the console transport of protocomm. Its line holds 256 octets, so a request has at most about 120.

use super::session::Endpoint;
use crate::model::text::{from_hex, hex};

/// Baud rate of the console; 8 data bits, no parity, one stop bit.
pub const BAUD: u32 = 115_200;
/// Octets of the device's line, with the carriage return.
const LINE: usize = 256;
/// Octets of an answer's line that are kept: twice the longest message.
const MAX_ANSWER: usize = 2 * super::messages::MAX_MESSAGE;
/// What the device writes when it waits for a line.
const PROMPT: &[u8] = b">> ";
/// Octets of log that are kept until somebody takes them.
const MAX_LOG: usize = 64 * 1024;

/// The request does not fit into the device's line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request needs a line of {octets} bytes; the console takes {LINE}")]
pub struct LineTooLong {
    /// Octets of the line.
    pub octets: usize,
}

/// The line that carries a request.
pub fn encode_line(endpoint: &Endpoint, session: u16, body: &[u8]) -> Result<Vec<u8>, LineTooLong> {
    let line = format!("{} {session} {}\r", endpoint.name(), hex(body));
    if line.len() > LINE { Err(LineTooLong { octets: line.len() }) } else { Ok(line.into_bytes()) }
}

/// What came from the console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// The answer to the request.
    Answer(Vec<u8>),
    /// The prompt came without an answer: the request failed, or nothing was asked.
    Prompt,
}

/// Cuts what the console writes into answers, prompts and log.
#[derive(Default)]
pub struct Decoder {
    line: Vec<u8>,
    is_overlong: bool,
    answer: Option<Vec<u8>>,
    log: Vec<u8>,
}

impl Decoder {
    /// Forgets what stands half read: a request is about to be sent.
    pub fn clear(&mut self) {
        self.line.clear();
        self.is_overlong = false;
        self.answer = None;
    }

    /// Takes in what the device wrote.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Said> {
        let mut said = Vec::new();
        for &byte in bytes {
            if byte == b'\n' {
                self.end_line();
                continue;
            }
            if self.line.len() < MAX_ANSWER + 2 {
                self.line.push(byte);
            } else {
                self.is_overlong = true;
            }
            if self.line == PROMPT {
                self.line.clear();
                said.push(self.answer.take().map_or(Said::Prompt, Said::Answer));
            }
        }
        said
    }

    /// Lines that were neither prompt, echo nor answer.
    pub fn take_log(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.log)
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let is_overlong = std::mem::take(&mut self.is_overlong);
        let text = line.trim_ascii();
        if text.is_empty() {
            return;
        }
        let octets = (!is_overlong).then(|| std::str::from_utf8(text).ok().and_then(from_hex)).flatten();
        match octets {
            // Of several lines of digits the last one before the prompt is the answer.
            Some(octets) => self.answer = Some(octets),
            None if self.log.len() + line.len() < MAX_LOG => {
                self.log.extend_from_slice(&line);
                self.log.push(b'\n');
            }
            None => {}
        }
    }
}

/// A request line, taken apart: for simulators.
pub fn parse_line(line: &[u8]) -> Option<(String, u32, Vec<u8>)> {
    let text = std::str::from_utf8(line).ok()?;
    let mut words = text.split_ascii_whitespace();
    let (endpoint, session, digits) = (words.next()?, words.next()?, words.next()?);
    Some((endpoint.to_owned(), session.parse().ok()?, from_hex(digits)?))
}

/// The longest line a device takes, for simulators.
pub const fn max_line() -> usize {
    LINE
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(text: &str) -> Vec<Said> {
        Decoder::default().push(text.as_bytes())
    }

    #[test]
    fn an_exchange_reads_as_the_device_writes_it() {
        let line = encode_line(&Endpoint::Config, 7, &[0x52, 0]).expect("it fits");
        assert_eq!(line, b"prov-config 7 5200\r");
        assert_eq!(said("prov-config 7 5200\r\n\r\n08015a00\r\n\n>> "), [Said::Answer(vec![8, 1, 0x5a, 0])]);
        assert_eq!(said("prov-config 7 5200\r\n\n>> "), [Said::Prompt]);
        assert_eq!(parse_line(b"prov-config 7 5200"), Some(("prov-config".into(), 7, vec![0x52, 0])));
    }

    #[test]
    fn log_between_the_lines_is_log_and_the_last_digits_count() {
        let mut decoder = Decoder::default();
        let text = "prov-scan 1 00\r\nI (412) wifi: scan\r\nbeef\r\n\r\n0a0b\r\nI (433) done\r\n\n>> ";
        assert_eq!(decoder.push(text.as_bytes()), [Said::Answer(vec![10, 11])]);
        let log = String::from_utf8(decoder.take_log()).expect("text");
        assert!(log.contains("wifi: scan") && log.contains("done") && !log.contains("0a0b"), "{log}");
    }

    #[test]
    fn a_prompt_inside_a_line_is_none() {
        assert_eq!(said("log >> not a prompt\r\n"), []);
    }

    #[test]
    fn a_request_that_does_not_fit_is_refused_before_it_is_sent() {
        let most = (LINE - "prov-config 7 \r".len()) / 2;
        assert!(encode_line(&Endpoint::Config, 7, &vec![0; most]).is_ok());
        assert!(encode_line(&Endpoint::Config, 7, &vec![0; most + 1]).is_err());
        // The key of Security 2.
        assert!(encode_line(&Endpoint::Session, 7, &[0; 400]).is_err());
    }

    #[test]
    fn megabytes_without_a_line_end_cost_no_memory_and_give_no_answer() {
        let mut decoder = Decoder::default();
        for _ in 0..10_000 {
            assert_eq!(decoder.push(&[b'a'; 1024]), []);
        }
        assert!(decoder.line.len() <= MAX_ANSWER + 2);
        assert_eq!(decoder.push(b"\r\n\n>> "), [Said::Prompt]);
        for _ in 0..10_000 {
            decoder.push(&[&[b'x'; 1024][..], b"\n"].concat());
        }
        assert!(decoder.log.len() <= MAX_LOG);
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same(bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'>'), Just(b' '), any::<u8>()], 0..200), cut in 1..20_usize) {
            let mut whole = Decoder::default();
            let expected = whole.push(&bytes);
            let mut pieces = Decoder::default();
            let read: Vec<Said> = bytes.chunks(cut).flat_map(|piece| pieces.push(piece)).collect();
            prop_assert_eq!(read, expected);
            prop_assert_eq!(pieces.take_log(), whole.take_log());
        }

        #[test]
        fn lines_read_back(body in proptest::collection::vec(any::<u8>(), 1..100), session in any::<u16>()) {
            let line = encode_line(&Endpoint::Scan, session, &body).expect("it fits");
            prop_assert_eq!(parse_line(&line), Some(("prov-scan".into(), u32::from(session), body)));
        }
    }
}
