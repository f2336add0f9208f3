//! The words that people see: a short list of slips that must not come back. Codes, JSON fields and comments are no texts.

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

/// A slip, and what to write instead.
const SLIPS: [(&str, &str); 14] = [
    (
        r"(?i)\b(?:is|are) no (?:address|base64|certificate|file|hex|host|J[Ss]ON|picture|serial|text|PEM|broker|WebSocket|recording|regular|jq|port|number|proxy|schema|map|ring)\b",
        "isn't a …",
    ),
    (r"(?:[ }]|^)octets?\b", "bytes, or characters of a passphrase"),
    (r"\blets? (?:us|you|them|anyone|everyone|nobody) in\b|\bbe let in\b|\bnot let in\b", "log in, login refused"),
    (r"\b[Tt]hrow(?:s|n)? .*out\b|\b[Tt]hrown out\b", "disconnect"),
    (r"\b[Mm]end(?:ed|s)?\b", "fix"),
    (r"\b(?:vendor|maker)'s papers\b|\bits papers\b", "vendor documentation"),
    (r"\b[Kk]ept (?:messages?|connections?|by the broker)\b", "retained, saved"),
    (r"\b(?:[Ww]e|us|[Oo]ur|ours)\b", "the program is Linesman"),
    (r"\bvouch", "a CA issues and signs"),
    (r"\bsign of life\b", "nothing received"),
    (r"\bif it stays\b", "if it happens again"),
    (r"\b[Pp]ut away\b|\bgiven up\b", "close, cancelled"),
    (r"\b[Ww]hoever\b|\banew\b|\bwithout a word\b", "anyone, again, without a reason"),
    (r"\b(?:is|was) not heard\b|\b[Cc]heck .*\brights\b", "not in range, permissions"),
];

/// Texts that have such a word for a good reason.
const ALLOWED: [&str; 1] = [".azure-devices.us"];

#[test]
fn texts_keep_to_the_words_people_use() {
    let slips: Vec<(Regex, &str)> = SLIPS.iter().map(|(slip, instead)| (Regex::new(slip).unwrap(), *instead)).collect();
    let literal = Regex::new(r#""((?:[^"\\]|\\.)*)""#).unwrap();
    let mut found = Vec::new();
    for path in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let text = fs::read_to_string(&path).unwrap();
        let shown = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let lines = shown.lines().enumerate().filter(|(_, line)| !is_apart(line));
        for (at, line) in lines {
            for words in literal.captures_iter(line).filter_map(|found| found.get(1)).map(|found| found.as_str()) {
                let judged = words.replace("here is no ", "");
                let slip = slips.iter().find(|(slip, _)| slip.is_match(&judged));
                if let Some((_, instead)) = slip.filter(|_| words.contains(' ') && !ALLOWED.contains(&words)) {
                    found.push(format!("{}:{}: “{words}”; write: {instead}", path.display(), at + 1));
                }
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Comments, reasons for lints, and what only a programmer sees.
fn is_apart(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("//") || ["reason = ", "expect(", "assert", "unreachable!"].iter().any(|mark| line.contains(mark))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(sources(&entry));
        } else if entry.extension().is_some_and(|ending| ending == "rs") && !entry.ends_with("tests.rs") {
            found.push(entry);
        }
    }
    found.sort();
    found
}
