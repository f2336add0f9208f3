//! How a command is put into one line of a POSIX shell, and how its three results are told apart: what it wrote on standard
//! error, how it ended, and the beginning of what it wrote on standard output.
//!
//! The marks begin with a word nobody on the network knows, so that no server can write one.

use crate::proto::console::quote::NotSendable;

/// How much of standard output is kept, octets.
const KEPT: usize = 16 * 1024;

/// What a program did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ran {
    /// Its exit code; `None` where it had to be interrupted, or wrote too much.
    pub code: Option<u8>,
    /// What it wrote on standard error.
    pub err: String,
    /// What it wrote on standard output, from its beginning.
    pub out: String,
    /// When it was begun, by this computer's clock.
    pub began_micros: i64,
    /// When it had ended.
    pub ended_micros: i64,
}

impl Ran {
    /// Whether `timeout` ended it: GNU says 124, busybox what a signal makes (128 and 15, or 9), old ones 0 or 1 without a word.
    pub(super) const fn is_timed_out(&self) -> bool {
        matches!(self.code, None | Some(124 | 137 | 143))
    }

    /// Everything it wrote.
    pub(super) fn text(&self) -> String {
        format!("{}\n{}", self.err, self.out)
    }
}

/// A command between its marks. It reads nothing, and of what it prints only characters pass.
pub(super) fn wrapped(command: &str, mark: &str) -> Result<String, NotSendable> {
    let line = format!(
        "{{ b=$({{ {{ {command}; }} 2>&3;echo \"<{mark}=$?>\" >&3; }} </dev/null|tr -cd '\\11\\12\\15\\40-\\176'|head -c {KEPT}); }} \
         3>&1;printf '<{mark}+>%s\\n' \"$b\""
    );
    if line.bytes().any(|octet| octet.is_ascii_control()) {
        return Err(NotSendable::ControlCharacter);
    }
    Ok(line)
}

/// Reads what a wrapped command printed.
pub(super) fn read(output: &[u8], mark: &str) -> Ran {
    let text = String::from_utf8_lossy(output);
    let text = text.replace('\r', "");
    let (err, out) = text.split_once(&format!("<{mark}+>")).unwrap_or((&text, ""));
    let ended = format!("<{mark}=");
    let Some((before, rest)) = err.split_once(&ended) else {
        return Ran { err: err.to_owned(), out: out.to_owned(), ..Ran::default() };
    };
    let (code, after) = rest.split_once('>').unwrap_or((rest, ""));
    let out = out.trim_end_matches('\n').to_owned();
    Ran { code: code.parse().ok(), err: format!("{before}{after}"), out, ..Ran::default() }
}
