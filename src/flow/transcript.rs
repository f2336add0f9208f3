//! The byte transcript of a session: what went over the line and when, redacted as it is written and bounded.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::model::credentials::WifiCredentials;
use crate::model::redact::Redactor;
use crate::model::text::visible;

/// Octets of traffic kept; older traffic makes room and is counted.
const MAX_OCTETS: usize = 1024 * 1024;
/// Entries kept.
const MAX_ENTRIES: usize = 20_000;
/// Octets on one line of the printed transcript.
const LINE: usize = 32;

/// Which way octets went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Sent,
    Received,
    Note,
}

/// What was said on a link, without its secrets.
pub struct Transcript {
    title: String,
    entries: VecDeque<(Duration, Direction, Vec<u8>)>,
    held_octets: usize,
    dropped_entries: u64,
    redactor: Redactor,
    incoming: Redactor,
}

/// A transcript that a session writes and the backend exports.
#[derive(Clone)]
pub struct SharedTranscript(Arc<Mutex<Transcript>>);

impl SharedTranscript {
    /// An empty transcript with a heading.
    pub fn new(title: impl Into<String>) -> Self {
        Self(Arc::new(Mutex::new(Transcript {
            title: title.into(),
            entries: VecDeque::new(),
            held_octets: 0,
            dropped_entries: 0,
            redactor: Redactor::new([]),
            incoming: Redactor::new([]),
        })))
    }

    /// These credentials are cut out, in every form they may take: of what was noted before, too. Deriving their key takes some
    /// milliseconds.
    pub fn learn(&self, credentials: &WifiCredentials) {
        self.with(|transcript| {
            transcript.redactor.add_credentials(credentials);
            transcript.learnt();
        });
    }

    /// This secret is cut out, a long one line by line, since some drivers send a file so: of what was noted before, too.
    pub fn learn_secret(&self, secret: &[u8]) {
        self.with(|transcript| {
            transcript.redactor.add(secret);
            transcript.learnt();
        });
    }

    /// Notes what was sent.
    pub fn sent(&self, at: Duration, label: &str, octets: &[u8]) {
        self.with(|transcript| {
            transcript.add(at, Direction::Note, format!("send {label}, {} bytes", octets.len()).into_bytes());
            let mut redactor = transcript.redactor.fresh();
            let redacted = [redactor.push(octets), redactor.finish()].concat();
            transcript.add(at, Direction::Sent, redacted);
        });
    }

    /// Notes what was received.
    pub fn received(&self, at: Duration, octets: &[u8]) {
        self.with(|transcript| {
            let redacted = transcript.incoming.push(octets);
            transcript.add(at, Direction::Received, redacted);
        });
    }

    /// Notes an event in words.
    pub fn note(&self, at: Duration, text: &str) {
        self.with(|transcript| {
            let text = transcript.redactor.redact_text(text);
            transcript.add(at, Direction::Note, text.into_bytes());
        });
    }

    /// Cuts the session's secrets out of a text.
    pub fn redact(&self, text: &str) -> String {
        self.with(|transcript| transcript.redactor.redact_text(text))
    }

    /// Cuts the session's secrets out of octets that stand alone.
    pub(super) fn redact_octets(&self, octets: &[u8]) -> Vec<u8> {
        let mut redactor = self.redactor();
        [redactor.push(octets), redactor.finish()].concat()
    }

    /// A redactor for another stream of the same session.
    pub(super) fn redactor(&self) -> Redactor {
        self.with(|transcript| transcript.redactor.fresh())
    }

    /// The transcript as text: time, direction, octets in hexadecimal and as characters.
    pub fn render(&self) -> String {
        self.with(|transcript| transcript.render())
    }

    fn with<T>(&self, act: impl FnOnce(&mut Transcript) -> T) -> T {
        // A panic elsewhere leaves at worst a cut entry: the transcript is still worth reading.
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Transcript {
    /// Another secret is known: a gateway that is set up again may have said it before it was sent.
    fn learnt(&mut self) {
        let waiting = self.incoming.take_waiting();
        for direction in [Direction::Sent, Direction::Note] {
            self.redact_again(direction);
        }
        // What comes in goes on behind it: a secret may have come by half.
        self.incoming = self.redact_again(Direction::Received);
        let at = self.entries.back().map_or(Duration::ZERO, |(at, ..)| *at);
        let rest = self.incoming.push(&waiting);
        self.add(at, Direction::Received, rest);
        self.entries.retain(|(_, _, octets)| !octets.is_empty());
        self.held_octets = self.entries.iter().map(|(_, _, octets)| octets.len()).sum();
    }

    /// What went one way is one stream, in which a secret may lie across two entries; each note stands alone. The stream goes on
    /// where it comes in.
    fn redact_again(&mut self, direction: Direction) -> Redactor {
        let mut stream = self.redactor.fresh();
        let mut entries = self.entries.iter_mut().filter(|(_, of, _)| *of == direction).peekable();
        while let Some((_, _, octets)) = entries.next() {
            *octets = stream.push(octets);
            let is_end = match direction {
                Direction::Note => true,
                Direction::Sent => entries.peek().is_none(),
                Direction::Received => false,
            };
            if is_end {
                octets.extend(stream.finish());
            }
        }
        stream
    }

    fn add(&mut self, at: Duration, direction: Direction, octets: Vec<u8>) {
        if octets.is_empty() {
            return;
        }
        self.held_octets += octets.len();
        self.entries.push_back((at, direction, octets));
        while self.held_octets > MAX_OCTETS || self.entries.len() > MAX_ENTRIES {
            let Some((_, _, oldest)) = self.entries.pop_front() else { return };
            self.held_octets -= oldest.len();
            self.dropped_entries += 1;
        }
    }

    fn render(&self) -> String {
        let mut text = format!(
            "{}\nSecrets are cut out. {} earlier entries were dropped.\n\n",
            visible(&self.title, 200),
            self.dropped_entries
        );
        for (at, direction, octets) in &self.entries {
            match direction {
                Direction::Note => {
                    // Writing to a String cannot fail, here and below.
                    let _ = writeln!(
                        text,
                        "{:>10.3} -- {}",
                        at.as_secs_f64(),
                        visible(&String::from_utf8_lossy(octets), 300)
                    );
                }
                Direction::Sent | Direction::Received => {
                    let arrow = if *direction == Direction::Sent { ">>" } else { "<<" };
                    octets.chunks(LINE).for_each(|line| render_line(&mut text, *at, arrow, line));
                }
            }
        }
        match self.incoming.waiting() {
            0 => {}
            count => {
                let bytes = if count == 1 { "1 byte".to_owned() } else { format!("{count} bytes") };
                let _ = writeln!(text, "\nLeft out: the last {bytes} received, in which a secret may begin");
            }
        }
        text
    }
}

fn render_line(text: &mut String, at: Duration, arrow: &str, octets: &[u8]) {
    let characters: String = octets
        .iter()
        .map(|&octet| if octet.is_ascii_graphic() || octet == b' ' { char::from(octet) } else { '.' })
        .collect();
    let hexadecimal = crate::model::text::hex(octets);
    let _ = writeln!(text, "{:>10.3} {arrow} {hexadecimal:<width$}  {characters}", at.as_secs_f64(), width = LINE * 2);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::credentials::WifiKey;
    use crate::model::secret::Secret;
    use crate::model::wifi::Ssid;

    fn credentials() -> WifiCredentials {
        WifiCredentials::new(
            Ssid::from_octets(*b"Site").expect("four bytes"),
            WifiKey::Passphrase(Secret::new("correct horse battery".into())),
            false,
        )
    }

    #[test]
    fn a_passphrase_split_over_two_reads_is_cut_out() {
        let transcript = SharedTranscript::new("test");
        transcript.learn(&credentials());
        transcript.sent(Duration::ZERO, "Wi-Fi settings", b"\x04Site\x15correct horse battery");
        transcript.received(Duration::from_millis(1), b"psk=correct hor");
        transcript.received(Duration::from_millis(2), b"se battery\n");
        let text = transcript.render();
        assert!(!text.contains("horse") && !text.contains("636f7272656374"), "{text}");
        assert_eq!(text.matches("[redacted]").count(), 2, "{text}");
    }

    #[test]
    fn a_secret_that_came_by_half_is_cut_out_whatever_happens_between_its_halves() {
        let transcript = SharedTranscript::new("test");
        transcript.learn(&credentials());
        transcript.received(Duration::from_millis(1), b"psk=correct hor");
        let early = transcript.render();
        assert!(
            early.contains("psk") && !early.contains("correct") && early.contains("in which a secret may begin"),
            "{early}"
        );
        transcript.learn_secret(b"another one");
        transcript.received(Duration::from_millis(2), b"se battery stored\nok\n");
        let text = transcript.render();
        assert!(!text.contains("correct") && !text.contains("battery") && text.contains("stored"), "{text}");
        assert_eq!(text.matches("[redacted]").count(), 1, "{text}");
    }

    #[test]
    fn what_a_gateway_said_before_the_secret_was_known_is_cut_out_too() {
        let transcript = SharedTranscript::new("test");
        transcript.received(Duration::from_millis(1), b"boot\npsk=correct hor");
        transcript.sent(Duration::from_millis(2), "a question", b"?");
        transcript.received(Duration::from_millis(3), b"se battery stored\nok\n");
        transcript.note(Duration::from_millis(4), "it calls itself correct horse battery");
        transcript.learn(&credentials());
        let text = transcript.render();
        assert!(!text.contains("horse") && !text.contains("636f7272656374") && !text.contains("battery"), "{text}");
        assert_eq!(text.matches("[redacted]").count(), 2, "{text}");
        assert!(text.contains("stored") && text.contains("boot"), "{text}");
    }

    #[test]
    fn the_oldest_traffic_makes_room_and_is_counted() {
        let transcript = SharedTranscript::new("test");
        for _ in 0..5 {
            transcript.received(Duration::ZERO, &vec![b'x'; MAX_OCTETS / 2]);
        }
        assert!(transcript.render().contains("3 earlier entries were dropped"));
    }
}
