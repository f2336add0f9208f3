//! A device's log in lines that can be shown.

use super::transcript::SharedTranscript;
use crate::model::redact::Redactor;
use crate::model::text::visible_octets;

/// Longest line of device log that is shown; longer ones are broken.
const LOG_LINE: usize = 400;

/// How a line begins that firmware writes when it starts, and never later: the ROMs of Espressif's chips (`ets Jul 29 2019`,
/// `ESP-ROM:esp32c3`, `rst:0x1 (POWERON),boot:0xc`), Zephyr and MCUboot (`*** Booting Zephyr OS`), U-Boot, the Linux kernel.
const FIRST_WORDS: [&str; 9] = [
    "ets jan ",
    "ets jun ",
    "ets jul ",
    "esp-rom:esp",
    "rst:0x",
    "*** booting ",
    "u-boot ",
    "starting kernel ...",
    "booting linux on ",
];

/// What Espressif's second boot loader calls itself, behind a level and a time.
const SECOND_LOADER: &str = "2nd stage bootloader";

/// Whether a line of log is written when a device starts. A line that only speaks of a start is none.
pub(super) fn tells_of_a_start(line: &str) -> bool {
    let line = line.trim_start().to_lowercase();
    // The kernel's own lines begin with a time.
    let words = line.split_once("] ").filter(|_| line.starts_with('[')).map_or(line.as_str(), |(_, words)| words);
    FIRST_WORDS.iter().any(|first| words.starts_with(first)) || line.ends_with(SECOND_LOADER)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_told_by_what_only_a_start_writes() {
        for line in [
            "ets Jul 29 2019 12:21:46",
            " ets Jan  8 2013,rst cause:2, boot mode:(3,6)",
            "ESP-ROM:esp32c3-api1-20210207",
            "rst:0x1 (POWERON),boot:0xc (SPI_FAST_FLASH_BOOT)",
            "I (29) boot: ESP-IDF v5.1.2 2nd stage bootloader",
            "*** Booting Zephyr OS build v3.7.0 ***",
            "U-Boot 2023.01-armbian (Jan 01 2024 - 00:00:00 +0000)",
            "[    0.000000] Booting Linux on physical CPU 0x0",
        ] {
            assert!(tells_of_a_start(line), "{line}");
        }
        for line in [
            "[W][wifi:123]: rebooting in 10 s if no network comes",
            "[I][app:029]: last reset: rst:0x1 (POWERON)",
            "factory boot: disabled",
            "update: mcuboot image confirmed",
            "[D][main:042]: not booting from SD",
        ] {
            assert!(!tells_of_a_start(line), "{line}");
        }
    }
}
