//! The words that people see: a short list of slips that must not come back. Codes, JSON fields and comments are no texts.

use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use regex::Regex;

/// A slip, and what to write instead.
const SLIPS: [(&str, &str); 15] = [
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
    (
        r"\b(?:[Gg]ateway|[Dd]evice|[Bb]roker) (?:says|hears|knows|tells|wants|(?:doesn't|does not|didn't|did not) (?:say|hear|know|tell|want))\b",
        "reports, receives, has, asks for",
    ),
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

#[test]
fn help_pages_and_documents_keep_to_them_too() {
    let slips: Vec<(Regex, &str)> = SLIPS.iter().map(|(slip, instead)| (Regex::new(slip).unwrap(), *instead)).collect();
    let mut pages = vec![("--help".to_owned(), help_of(&mut linesman::cli::args::Cli::command()))];
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in
        ["README.md", "docs/manifest.md", "docs/wipe.md", "docs/site.md", "docs/records.md", "docs/json-lines.md"]
    {
        pages.push((name.to_owned(), fs::read_to_string(root.join(name)).unwrap()));
    }
    let mut found = Vec::new();
    for (name, page) in pages {
        // Blocks of code are for programs.
        let prose: String = page.split("```").step_by(2).collect();
        for line in prose.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
            let judged = line.replace("here is no ", "");
            if let Some((_, instead)) = slips.iter().find(|(slip, _)| slip.is_match(&judged)) {
                found.push(format!("{name}: {line}; write: {instead}"));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// The help of a command and of all its subcommands.
fn help_of(command: &mut clap::Command) -> String {
    let own = command.render_long_help().to_string();
    command.get_subcommands_mut().map(help_of).fold(own, |pages, page| format!("{pages}\n{page}"))
}

/// Who speaks with both front ends: the command line alone names its options and subcommands.
const FOR_BOTH: [&str; 14] = [
    "app",
    "backend",
    "certificate.rs",
    "check",
    "flow",
    "io",
    "ledger",
    "model",
    "msg",
    "papers",
    "profile",
    "proto",
    "telemetry",
    "ui",
];

/// What names an option or a subcommand all the same, and why.
const NAMES_COMMANDS: [(&str, &str); 11] = [
    ("src/check/gateway/", "a command that a gateway runs"),
    ("src/proto/console/", "a command that a gateway runs"),
    ("src/io/laptop_wifi.rs", "a command that this computer runs"),
    ("src/io/probe/settings.rs", "a command that this computer runs"),
    ("src/io/records/tests/", "a test"),
    ("src/check/report/reproduce.rs", "another program, to see the same"),
    ("src/ui/run.rs", "the window can't be opened"),
    ("cargo build --release --features", "another program"),
    ("systemctl enable --now bluetooth", "another program"),
    ("linesman records sync --setup prints", "the command line alone has it"),
    ("linesman device files put", "the command line alone has it"),
];

#[test]
fn a_next_step_is_said_in_words_that_hold_for_the_window_as_well() {
    let command = Regex::new(r#"(?:^|[\s"`(])--[a-z]|\blinesman [a-z]{3}|\b(?:records (?:export|sync|verify)|(?:retained|profiles) (?:list|show))\b"#).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for path in sources(&root.join("src")) {
        let file = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        let is_for_both = FOR_BOTH.iter().any(|part| file.starts_with(&format!("src/{part}")));
        let text = fs::read_to_string(&path).unwrap();
        let shown = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        for (at, line) in shown.lines().enumerate().filter(|(_, line)| is_for_both && !is_apart(line)) {
            let is_allowed = NAMES_COMMANDS.iter().any(|(known, _)| file.starts_with(known) || line.contains(known));
            if !is_allowed && command.is_match(line) {
                found.push(format!("{file}:{}: {}", at + 1, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "say what to do; src/cli/advice.rs adds by which option:\n{}", found.join("\n"));
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
