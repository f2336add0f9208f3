//! A device's log in lines that can be shown.

use super::transcript::SharedTranscript;
use crate::model::redact::Redactor;
use crate::model::text::visible_octets;

/// Longest line of device log that is shown; longer ones are broken.
const LOG_LINE: usize = 400;

/// What firmware writes when it starts: Espressif's boot loader, MCUboot, Zephyr, U-Boot, and what calls itself a boot.
const BOOT: [&str; 7] = ["rst:0x", "esp-rom:", "ets jul", "booting", "boot:", "u-boot", "mcuboot"];

/// Whether a line of log is written when a device starts.
pub(super) fn tells_of_a_start(line: &str) -> bool {
    let line = line.to_lowercase();
    BOOT.iter().any(|words| line.contains(words))
}

/// Cuts a device's log into lines, redacted and safe to show.
pub(super) struct LogLines {
    pub(super) redactor: Redactor,
    line: Vec<u8>,
}

impl LogLines {
    /// Cuts out what the transcript knows of secrets now.
    pub(super) fn new(transcript: &SharedTranscript) -> Self {
        Self { redactor: transcript.redactor(), line: Vec::new() }
    }

    /// Takes in octets and returns the lines that are whole.
    pub(super) fn push(&mut self, octets: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for octet in self.redactor.push(octets) {
            if octet == b'\n' || self.line.len() >= LOG_LINE {
                let line = std::mem::take(&mut self.line);
                let text = visible_octets(line.trim_ascii_end(), LOG_LINE);
                if !text.trim().is_empty() {
                    lines.push(text);
                }
            }
            if octet != b'\n' {
                self.line.push(octet);
            }
        }
        lines
    }
}
