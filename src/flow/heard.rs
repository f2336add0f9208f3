//! What came in while a question stayed without its answer, and what that points to.
//!
//! Everything that arrives counts, whether it can be decoded or not: a gateway that rejects or garbles every message is not
//! one that has no power.

use crate::model::problem::Problem;

/// Out of so many bytes one that no text holds makes noise of it.
const NOISE: u64 = 4;

/// What came in since a question was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Bytes, whatever they were.
    pub bytes: u64,
    /// Of these, bytes that no text holds.
    pub odd: u64,
    /// Messages of the protocol that answer nothing: rejections, or answers to something else.
    pub messages: u64,
}

/// What it sounds like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sound {
    Nothing,
    Protocol,
    Noise,
    Text,
}

/// Possible cause and next step.
pub(super) type Advice = (&'static str, &'static str);

impl Heard {
    /// Counts what came in.
    pub(super) fn note(&mut self, bytes: &[u8]) {
        let is_odd = |byte: &&u8| !(byte.is_ascii_graphic() || byte.is_ascii_whitespace() || **byte == 0x1b);
        self.bytes += bytes.len() as u64;
        self.odd += bytes.iter().filter(is_odd).count() as u64;
    }

    /// Counts messages that could be read.
    pub(super) const fn note_messages(&mut self, count: usize) {
        self.messages += count as u64;
    }

    const fn sound(self) -> Sound {
        match self {
            Self { messages: 1.., .. } => Sound::Protocol,
            Self { bytes: 0, .. } => Sound::Nothing,
            Self { bytes, odd, .. } if odd * NOISE >= bytes => Sound::Noise,
            Self { .. } => Sound::Text,
        }
    }

    /// The problem of a question without its answer. `silent` and `text` are the driver's own advice where nothing came, and
    /// where only text did.
    pub(super) fn explain(
        self,
        code: &'static str,
        what: String,
        protocol: &str,
        silent: Advice,
        text: Advice,
    ) -> Problem {
        let (cause, next) = match self.sound() {
            Sound::Nothing => (silent.0.to_owned(), silent.1),
            Sound::Text => (text.0.to_owned(), text.1),
            Sound::Protocol => (
                format!("It speaks {protocol} and rejects the requests, or the line damages them"),
                "Try another cable or USB port; if it happens again, export the transcript and send it to the vendor",
            ),
            Sound::Noise => (
                format!(
                    "What arrives is neither text nor {protocol}: another baud rate, another protocol, or a damaged line"
                ),
                "Check the baud rate in the profile, the cable and its ground, or choose another driver",
            ),
        };
        Problem::new(code, what, cause, next).with_detail(self.told())
    }

    /// What came in, in words.
    pub(super) fn told(self) -> String {
        match self {
            Self { bytes: 0, .. } => "nothing was received".into(),
            Self { bytes, messages: 0, .. } => format!("{bytes} bytes were received, no message among them"),
            Self { bytes, messages: 1, .. } => format!("{bytes} bytes were received, with 1 message"),
            Self { bytes, messages, .. } => format!("{bytes} bytes were received, with {messages} messages"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(chunks: &[&[u8]], messages: usize, expected: Sound) {
        let mut heard = Heard::default();
        for chunk in chunks {
            heard.note(chunk);
        }
        heard.note_messages(messages);
        assert_eq!(heard.sound(), expected, "{heard:?}");
    }

    #[test]
    fn whatever_arrives_counts_as_heard() {
        check(&[], 0, Sound::Nothing);
        check(&[b"I (312) boot: ESP-IDF\r\n", b"\x1b[0;32mI wifi\x1b[0m\n"], 0, Sound::Text);
        check(&[b"IMPROV\x01\x02\x01\x02\xE4"], 1, Sound::Protocol);
        // The same line at another speed, and every message damaged on its way.
        check(&[&[0xF8, 0x00, 0x9C, 0xFE, 0x41, 0x80]], 0, Sound::Noise);
        check(&[b"IMPROV\x01\x02\x81\x02\xE4"], 0, Sound::Noise);
        check(&[&[0]], 0, Sound::Noise);
    }

    #[test]
    fn a_gateway_that_was_heard_is_never_said_to_have_no_power() {
        let silent = ("It has no power", "Check the power");
        let text = ("Other firmware", "Read the log");
        for (bytes, messages) in [(&b"\xFF\x00\xFE"[..], 0), (b"IMPROV\x01", 1), (b"hello\n", 0)] {
            let mut heard = Heard::default();
            heard.note(bytes);
            heard.note_messages(messages);
            let problem = heard.explain("x.y", "It does not answer".into(), "Improv", silent, text);
            assert!(!problem.likely_cause.contains("no power"), "{}", problem.likely_cause);
            assert!(problem.detail.contains("bytes were received"));
        }
    }
}
