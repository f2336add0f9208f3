//! Checks who imports whom: reads `src/**/*.rs` and holds every import and every path against the table below.
//!
//! The table is ARCHITECTURE.md's, as data. A path counts wherever it stands: in `use` trees, written out in code, or
//! behind a `use … as …`. Comments and string contents do not count. Modules under `#[cfg(test)]` may name any
//! development dependency and build an `Instant`; everything else binds them too. `main.rs` and `lib.rs` are free.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What one module of `src/` may name. An entry covers itself and all below it: `tokio::time` covers `tokio::time::sleep`.
struct Layer {
    name: &'static str,
    ours: &'static [&'static str],
    /// Other people's crates, or parts of them; `std` is always allowed but for `never`.
    foreign: &'static [&'static str],
    never: &'static [&'static str],
}

/// Reading the clock or waiting for it: time is an argument.
const CLOCK: [&str; 6] = [
    "std::thread::sleep",
    "std::time::Instant::now",
    "std::time::SystemTime",
    "jiff::Timestamp::now",
    "jiff::Zoned::now",
    "tokio::time",
];
/// What `#[cfg(test)]` modules may do all the same: a state machine needs some instant to start from.
const CLOCK_IN_TESTS: &str = "std::time::Instant::now";
/// Layers for which [`CLOCK`] holds.
const WITHOUT_CLOCK: [&str; 9] =
    ["model", "ledger", "profile", "proto", "papers", "check", "certificate", "telemetry", "app"];

const FILES_AND_SOCKETS: &[&str] = &["std::fs", "std::net", "std::os", "std::process", "std::env", "std::thread"];

const LAYERS: &[Layer] = &[
    Layer {
        name: "model",
        ours: &[],
        foreign: &["base64", "jiff", "pbkdf2", "serde", "serde_json", "sha1", "thiserror", "uuid", "zeroize"],
        never: FILES_AND_SOCKETS,
    },
    Layer { name: "fonts", ours: &[], foreign: &[], never: FILES_AND_SOCKETS },
    Layer { name: "profile", ours: &["model"], foreign: &["serde", "thiserror", "toml"], never: FILES_AND_SOCKETS },
    Layer {
        name: "proto",
        ours: &["model"],
        foreign: &[
            "aes",
            "aes_gcm",
            "base64",
            "bytes",
            "crc",
            "ctr",
            "hmac",
            "memchr",
            "minicbor",
            "pbkdf2",
            "percent_encoding",
            "prost",
            "serde",
            "serde_json",
            "sha1",
            "sha2",
            "srp",
            "subtle",
            "thiserror",
            "uuid",
            "x25519_dalek",
            "zeroize",
        ],
        never: FILES_AND_SOCKETS,
    },
    // What signs and hashes: the bytes come from outside, the random ones too.
    Layer {
        name: "ledger",
        ours: &["model"],
        foreign: &["ring", "serde", "serde_json", "thiserror"],
        never: FILES_AND_SOCKETS,
    },
    // What is handed to somebody else. It draws what it is given.
    Layer {
        name: "papers",
        ours: &["model", "fonts", "profile"],
        foreign: &["askama", "jiff", "serde", "serde_json", "typst", "typst_pdf"],
        never: FILES_AND_SOCKETS,
    },
    Layer {
        name: "check",
        ours: &["model", "papers", "profile", "proto"],
        foreign: &["askama", "csv", "jiff", "serde", "serde_json", "sha2", "thiserror"],
        never: FILES_AND_SOCKETS,
    },
    Layer { name: "certificate", ours: &["model", "papers"], foreign: &["serde_json"], never: FILES_AND_SOCKETS },
    Layer {
        name: "telemetry",
        ours: &["model", "profile", "proto"],
        foreign: &[
            "base64",
            "bytes",
            "crc",
            "csv",
            "flate2",
            "image",
            "jaq_core",
            "jaq_json",
            "jaq_std",
            "jiff",
            "memchr",
            "minicbor",
            "parquet",
            "percent_encoding",
            "prost",
            "prost_reflect",
            "protox",
            "regex",
            "rustc_hash",
            "serde",
            "serde_json",
            "similar",
            "thiserror",
            "zstd",
        ],
        never: FILES_AND_SOCKETS,
    },
    Layer {
        name: "msg",
        ours: &["model", "papers", "profile", "certificate", "check", "telemetry"],
        foreign: &["serde"],
        never: FILES_AND_SOCKETS,
    },
    Layer {
        name: "flow",
        ours: &["model", "profile", "proto", "check", "telemetry", "msg"],
        foreign: &[
            "futures_util::stream",
            "getrandom",
            "serde_json",
            "thiserror",
            "tokio::join",
            "tokio::pin",
            "tokio::select",
            "tokio::sync",
            "tokio::time",
            "tokio::try_join",
            "tracing",
            "uuid",
        ],
        never: FILES_AND_SOCKETS,
    },
    Layer {
        name: "io",
        ours: &["model", "ledger", "proto", "check", "telemetry", "flow::port"],
        foreign: &[
            "aho_corasick",
            "arboard",
            "base64",
            "bluez_async",
            "btleplug",
            "bytes",
            "calamine",
            "csv",
            "dbus",
            "dbus_tokio",
            "directories",
            "futures_util",
            "hickory_proto",
            "http_body_util",
            "hyper",
            "hyper_util",
            "image",
            "jiff",
            "memchr",
            "netdev",
            "nix",
            "ping_async",
            "rcgen",
            "ring::rand",
            "rqrr",
            "rumqttc",
            "rusqlite",
            "rustix",
            "rustls",
            "rustls_native_certs",
            "serde",
            "serde_json",
            "serialport",
            "sha1",
            "sha2",
            "socket2",
            "thiserror",
            "tokio",
            "tokio_postgres",
            "tokio_rustls",
            "tokio_tungstenite",
            "tokio_util",
            "toml",
            "tracing",
            "tracing_appender",
            "tracing_subscriber",
            "uuid",
            "webpki_root_certs",
            "x509_parser",
            "zeroize",
            "zip",
        ],
        never: &[],
    },
    Layer {
        name: "sim",
        ours: &["model", "profile", "proto", "check", "telemetry", "flow::port", "io"],
        foreign: &[
            "base64",
            "bytes",
            "flate2",
            "futures_util",
            "minicbor",
            "rcgen",
            "rumqttc",
            "rustls",
            "tokio_rustls",
            "tokio_util",
            "getrandom",
            "hickory_proto",
            "http_body_util",
            "hyper",
            "hyper_util",
            "prost",
            "rustix",
            "serde",
            "serde_json",
            "sha2",
            "thiserror",
            "tokio",
            "tokio_tungstenite",
            "toml",
            "tracing",
            "uuid",
        ],
        never: &[],
    },
    Layer {
        name: "backend",
        ours: &["model", "papers", "profile", "proto", "certificate", "check", "telemetry", "flow", "io", "sim", "msg"],
        foreign: &["jiff", "thiserror", "tokio", "tracing"],
        never: &[],
    },
    Layer {
        name: "cli",
        ours: &[
            "model",
            "papers",
            "profile",
            "proto::mqtt::dialect",
            "proto::mqtt::guard",
            "certificate",
            "check",
            "msg",
            "telemetry",
            "backend::Handle",
            "backend::local",
        ],
        foreign: &[
            "clap",
            "clap_complete",
            "clap_mangen",
            "jiff",
            "rpassword",
            "rustix",
            "serde",
            "serde_json",
            "zeroize",
        ],
        never: &[],
    },
    Layer {
        name: "app",
        ours: &["model", "papers", "profile", "certificate", "check", "telemetry", "msg"],
        foreign: &["jiff", "uuid", "vt100"],
        never: FILES_AND_SOCKETS,
    },
    Layer {
        name: "ui",
        ours: &[
            "app",
            "model",
            "fonts",
            "papers",
            "profile::site",
            "certificate",
            "check",
            "telemetry",
            "msg",
            "backend::Handle",
        ],
        foreign: &["eframe", "egui", "egui_plot", "jiff", "pollster", "rfd", "serde_json"],
        never: &["std::fs", "std::net", "std::process", "std::thread::sleep", "eframe::egui_wgpu"],
    },
];

/// Where a driver may be named: what describes it, how it speaks, and its simulator. Everything else asks its facts.
const DRIVERS: [&str; 9] = [
    "flow/console",
    "flow/esp",
    "flow/improv",
    "flow/smp",
    "model/drivers",
    "sim/console",
    "sim/esp",
    "sim/improv",
    "sim/smp",
];

/// Names of vendors, which belong into `profiles/` only. Each is matched as a whole word, `CamelCase` taken apart.
const VENDORS: [&str; 6] = ["asavie", "biot", "calms", "casambi", "kis", "rafi"];

#[test]
fn sources_keep_to_the_table() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let crates = Crates::parse(&manifest);
    let mut files = Vec::new();
    collect_sources(&root.join("src"), &mut files);
    assert!(files.len() > 10, "only {} sources found under src/", files.len());

    let mut found = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let relative = file.strip_prefix(root.join("src")).unwrap();
        found.extend(check_source(relative, &text, &crates));
    }
    assert!(found.is_empty(), "against the table of tests/it/layers.rs:\n{}", found.join("\n"));
}

#[test]
fn a_driver_is_named_in_its_own_files_only() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect_sources(&root, &mut files);
    let mut found = Vec::new();
    for file in files {
        let relative = file.strip_prefix(&root).unwrap();
        found.extend(named_drivers(relative, &std::fs::read_to_string(&file).unwrap()));
    }
    assert!(found.is_empty(), "ask the driver's facts (model/drivers) instead:\n{}", found.join("\n"));
}

/// Where a source names one driver, outside of its tests and of the drivers' own files.
fn named_drivers(file: &Path, text: &str) -> Vec<String> {
    let name = file.with_extension("").display().to_string();
    let is_own =
        |own: &&str| name.strip_prefix(*own).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '_']));
    if DRIVERS.iter().any(is_own) {
        return Vec::new();
    }
    let module = module_path(file);
    let source = read_source(text, &module, module.iter().any(|name| name == "tests"));
    let is_variant = |word: &str| word.starts_with(char::is_uppercase) && word.contains(char::is_lowercase);
    let named = source.tokens.windows(3).filter(|tokens| {
        tokens[0].is_word("DriverId") && tokens[1].is_sign("::") && is_variant(&tokens[2].text) && !tokens[2].in_test
    });
    named.map(|tokens| format!("src/{}:{}: {}", file.display(), tokens[2].line, tokens[2].text)).collect()
}

/// The keyboard goes as widgets are added: a row laid out from the right sends it backwards.
#[test]
fn no_row_is_laid_out_from_the_right() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ui");
    let mut files = Vec::new();
    collect_sources(&root, &mut files);
    files.retain(|file| std::fs::read_to_string(file).unwrap().contains("right_to_left"));
    assert!(files.is_empty(), "use `widgets::RowEnd` instead: {files:?}");
}

#[test]
fn planted_names_of_drivers_are_found() {
    let planted = "fn f(d: DriverId) { if d == DriverId::Smp {} DriverId::ALL; }";
    assert_eq!(named_drivers(Path::new("backend/site.rs"), planted), ["src/backend/site.rs:1: Smp"]);
    assert!(named_drivers(Path::new("flow/smp.rs"), planted).is_empty());
    assert!(named_drivers(Path::new("flow/smp/manage.rs"), planted).is_empty());
    assert_eq!(named_drivers(Path::new("flow/smpx.rs"), planted).len(), 1);
    let in_test = "#[cfg(test)] mod tests { fn f() { DriverId::Smp; } }";
    assert!(named_drivers(Path::new("app/a.rs"), in_test).is_empty());
}

fn collect_sources(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect_sources(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The crates of `Cargo.toml`, by the names code uses.
struct Crates {
    all: BTreeSet<String>,
    development: BTreeSet<String>,
}

impl Crates {
    fn parse(manifest: &str) -> Self {
        let manifest: toml::Table = manifest.parse().unwrap();
        let mut crates = Self { all: BTreeSet::new(), development: BTreeSet::new() };
        crates.add(&manifest);
        let targets = manifest.get("target").and_then(toml::Value::as_table);
        for target in targets.into_iter().flat_map(|targets| targets.values()).filter_map(toml::Value::as_table) {
            crates.add(target);
        }
        crates
    }

    fn add(&mut self, table: &toml::Table) {
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for name in table.get(section).and_then(toml::Value::as_table).into_iter().flat_map(|table| table.keys()) {
                let name = name.replace('-', "_");
                if section == "dev-dependencies" {
                    self.development.insert(name.clone());
                }
                self.all.insert(name);
            }
        }
    }
}

/// Everything in one source that the table does not allow, one line each.
fn check_source(file: &Path, text: &str, crates: &Crates) -> Vec<String> {
    let module = module_path(file);
    let in_test_file = module.iter().any(|name| name == "tests");
    let source = read_source(text, &module, in_test_file);
    let mut found = vendor_names(file, &source);

    let Some(first) = module.first() else { return found };
    let Some(layer) = LAYERS.iter().find(|layer| layer.name == *first) else {
        found.push(format!("src/{}: no layer called `{first}` in the table", file.display()));
        return found;
    };
    for path in &source.paths {
        if let Some(why) = refusal(layer, path, crates) {
            let line = format!("src/{}:{}: {}: {why}", file.display(), path.line, path.segments.join("::"));
            if !found.contains(&line) {
                found.push(line);
            }
        }
    }
    found
}

/// `flow/port.rs` is `flow::port`; `main.rs` and `lib.rs` are the root, which is free.
fn module_path(file: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        file.with_extension("").iter().map(|name| name.to_string_lossy().into_owned()).collect();
    if names.last().is_some_and(|last| last == "mod") || names == ["main"] || names == ["lib"] {
        names.pop();
    }
    names
}

/// Why the layer may not name this path; `None` when it may.
fn refusal(layer: &Layer, path: &FoundPath, crates: &Crates) -> Option<String> {
    let segments = &path.segments;
    let covers = |entry: &&str| is_prefix(entry, segments);
    let first = segments.first()?.as_str();
    if first == "crate" {
        let ours = &segments[1..];
        if ours.first().is_some_and(|module| module == layer.name) {
            return None;
        }
        // What the crate root exports (macros, re-exports) has no layer; only a glob takes in all of them.
        let is_module = ours.first().is_none_or(|module| LAYERS.iter().any(|layer| layer.name == module));
        let allowed = !is_module || layer.ours.iter().any(|entry| is_prefix(entry, ours));
        return (!allowed).then(|| format!("`{}` may use of ours only {:?}", layer.name, layer.ours));
    }
    let is_std = matches!(first, "std" | "core" | "alloc");
    if !is_std && !crates.all.contains(first) {
        return None;
    }
    if path.in_test && (crates.development.contains(first) || is_prefix(CLOCK_IN_TESTS, segments)) {
        return None;
    }
    if WITHOUT_CLOCK.contains(&layer.name) && CLOCK.iter().any(covers) {
        return Some(format!("`{}` reads no clock and never waits: time is an argument", layer.name));
    }
    if layer.never.iter().any(covers) {
        return Some(format!("`{}` never uses {:?}", layer.name, layer.never));
    }
    let allowed = is_std || layer.foreign.iter().any(covers);
    (!allowed).then(|| format!("`{}` may name of other crates only {:?}", layer.name, layer.foreign))
}

fn is_prefix(entry: &str, segments: &[String]) -> bool {
    let mut rest = segments.iter();
    entry.split("::").all(|name| rest.next().is_some_and(|segment| segment == name))
}

/// Vendor names outside comments. Free are tests, and the list of built-in files in `src/profile`.
fn vendor_names(file: &Path, source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    for (index, token) in source.tokens.iter().enumerate() {
        let statement =
            source.tokens[..index].iter().rev().take_while(|token| !token.is_sign(";") && !token.is_sign("}"));
        let is_built_in_file = file.starts_with("profile")
            && statement.into_iter().any(|token| token.is_word("include_str") || token.is_word("built_in"));
        if token.in_test || is_built_in_file {
            continue;
        }
        for word in words(&token.text) {
            if VENDORS.contains(&word.as_str()) {
                let place = format!("src/{}:{}", file.display(), token.line);
                found.push(format!("{place}: vendor name `{word}`: vendors are data, in profiles/"));
            }
        }
    }
    found
}

/// The words of an identifier or text in lower case: `CasambiGateway`, `casambi_gateway` and `casambi-gateway` alike.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut previous = ' ';
    for character in text.chars() {
        if !character.is_alphanumeric() || (previous.is_lowercase() && character.is_uppercase()) {
            words.push(String::new());
        }
        if character.is_alphanumeric() {
            words.last_mut().unwrap().extend(character.to_lowercase());
        }
        previous = character;
    }
    words
}

/// A path found in a source, with `self`, `super` and names from `use` written out.
struct FoundPath {
    segments: Vec<String>,
    line: usize,
    in_test: bool,
}

/// A source taken apart.
struct Source {
    tokens: Vec<Token>,
    paths: Vec<FoundPath>,
}

/// An identifier, `::`, the content of a string literal, or a single character.
struct Token {
    text: String,
    line: usize,
    kind: Kind,
    in_test: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Word,
    Text,
    Sign,
}

fn read_source(text: &str, module: &[String], in_test_file: bool) -> Source {
    let mut tokens = tokenize(text);
    let places = mark_blocks(&mut tokens, module, in_test_file);
    let (uses, in_use) = read_uses(&tokens, &places);

    // Names that a `use` or a `mod` of this file brings in: `time` after `use tokio::time`.
    let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, path) in &uses {
        if let Some(name) = name {
            names.insert(name.clone(), path.segments.clone());
        }
    }
    for pair in tokens.windows(2).filter(|pair| pair[0].is_word("mod") && pair[1].kind == Kind::Word) {
        let path = std::iter::once("crate").chain(module.iter().map(String::as_str)).chain([pair[1].text.as_str()]);
        names.entry(pair[1].text.clone()).or_insert_with(|| path.map(str::to_owned).collect());
    }

    let mut paths: Vec<FoundPath> = uses.into_iter().map(|(_, path)| path).collect();
    let mut at = 0;
    while at < tokens.len() {
        let start = at;
        let (segments, end) = read_path(&tokens, at);
        at = end.max(start + 1);
        let follows_path = start > 0 && tokens[start - 1].is_sign("::") && !begins_at_root(&tokens, start - 1);
        let is_field = start > 0 && tokens[start - 1].is_sign(".");
        if segments.len() < 2 || in_use[start] || follows_path || is_field {
            continue;
        }
        let is_rooted = start > 0 && tokens[start - 1].is_sign("::");
        let mut segments = resolve(segments, &places[start]);
        if !is_rooted && let Some(full) = names.get(&segments[0]) {
            segments.splice(..1, full.iter().cloned());
        }
        paths.push(FoundPath { segments, line: tokens[start].line, in_test: tokens[start].in_test });
    }
    Source { tokens, paths }
}

/// Whether the `::` at `at` opens a path (`::tokio`) and does not go on one (`a::tokio`, `<T>::tokio`).
fn begins_at_root(tokens: &[Token], at: usize) -> bool {
    at == 0 || !(tokens[at - 1].kind == Kind::Word || tokens[at - 1].is_sign(">"))
}

/// Reads `a::b::c` at `at`: its names, and where it ends.
fn read_path(tokens: &[Token], mut at: usize) -> (Vec<String>, usize) {
    let mut segments = Vec::new();
    while tokens.get(at).is_some_and(|token| token.kind == Kind::Word) {
        segments.push(tokens[at].text.clone());
        at += 1;
        let goes_on = tokens.get(at).is_some_and(|token| token.is_sign("::"))
            && tokens.get(at + 1).is_some_and(|token| token.kind == Kind::Word);
        if !goes_on {
            break;
        }
        at += 1;
    }
    (segments, at)
}

/// Writes `self`, `super` and our own crate's name out; the result begins with `crate` for what is ours.
fn resolve(segments: Vec<String>, place: &[String]) -> Vec<String> {
    let mut base: Vec<String> = std::iter::once("crate".to_owned()).chain(place.iter().cloned()).collect();
    let mut rest = segments.iter().peekable();
    match segments[0].as_str() {
        "crate" | "linesman" => {
            rest.next();
            base.truncate(1);
        }
        "self" => {
            rest.next();
        }
        "super" => {}
        _ => return segments,
    }
    while rest.next_if(|name| *name == "super").is_some() {
        base.pop();
    }
    base.extend(rest.cloned());
    base
}

/// Marks tokens inside `#[cfg(test)]` items, and gives each token the module it stands in.
fn mark_blocks(tokens: &mut [Token], module: &[String], in_test_file: bool) -> Vec<Vec<String>> {
    let mut places = Vec::with_capacity(tokens.len());
    let mut place = module.to_vec();
    // For each open brace: whether it opened an inline module, and whether the code around it is test code.
    let mut open: Vec<(bool, bool)> = Vec::new();
    let mut in_test = in_test_file;
    let mut next_is_test = false;
    let mut brackets = 0_usize;
    for at in 0..tokens.len() {
        if tokens[at].is_sign("#") && is_cfg_test(&tokens[at..]) {
            next_is_test = true;
        }
        let text = if tokens[at].kind == Kind::Sign { tokens[at].text.clone() } else { String::new() };
        tokens[at].in_test = in_test || next_is_test;
        match text.as_str() {
            "(" | "[" => brackets += 1,
            ")" | "]" => brackets = brackets.saturating_sub(1),
            ";" if brackets == 0 => next_is_test = false,
            "{" => {
                let is_module = at >= 2 && tokens[at - 2].is_word("mod");
                if is_module {
                    place.push(tokens[at - 1].text.clone());
                }
                open.push((is_module, in_test));
                in_test |= next_is_test;
                // The braces of a `use` tree belong to the item; any other brace is its body.
                next_is_test = false;
            }
            "}" => {
                if let Some((was_module, was_test)) = open.pop() {
                    if was_module {
                        place.pop();
                    }
                    in_test = was_test;
                }
            }
            _ => {}
        }
        places.push(place.clone());
    }
    places
}

/// Whether `#[cfg(…test…)]` begins here; `not(test)` does not count.
fn is_cfg_test(tokens: &[Token]) -> bool {
    if tokens.len() < 5 || !tokens[1].is_sign("[") || !tokens[2].is_word("cfg") {
        return false;
    }
    let inside: Vec<&Token> = tokens.iter().take_while(|token| !token.is_sign("]")).collect();
    inside.iter().any(|token| token.is_word("test")) && !inside.iter().any(|token| token.is_word("not"))
}

/// A path of a `use` tree with the name it binds; a glob binds none.
type UsedPath = (Option<String>, FoundPath);

/// All paths of all `use` trees, and which tokens they are made of.
fn read_uses(tokens: &[Token], places: &[Vec<String>]) -> (Vec<UsedPath>, Vec<bool>) {
    let mut uses = Vec::new();
    let mut in_use = vec![false; tokens.len()];
    for at in 0..tokens.len() {
        let is_extern = tokens[at].is_word("crate") && at > 0 && tokens[at - 1].is_word("extern");
        // `use<'a>` in a return type is no import.
        let is_use = tokens[at].is_word("use") && !tokens.get(at + 1).is_some_and(|token| token.is_sign("<"));
        if !is_use && !is_extern {
            continue;
        }
        let length = tokens[at..].iter().take_while(|token| !token.is_sign(";")).count();
        in_use[at..at + length].fill(true);
        let mut leaves = Vec::new();
        read_use_tree(&tokens[at + 1..at + length], &[], &mut leaves);
        for (name, segments) in leaves.into_iter().filter(|(_, segments)| !segments.is_empty()) {
            let segments = resolve(segments, &places[at]);
            uses.push((name, FoundPath { segments, line: tokens[at].line, in_test: tokens[at].in_test }));
        }
    }
    (uses, in_use)
}

fn read_use_tree(tokens: &[Token], base: &[String], leaves: &mut Vec<(Option<String>, Vec<String>)>) {
    let tokens = if tokens.first().is_some_and(|token| token.is_sign("::")) { &tokens[1..] } else { tokens };
    let (mut segments, end) = read_path(tokens, 0);
    let mut path = base.to_vec();
    if segments == ["self"] && !base.is_empty() {
        segments.clear();
    }
    path.extend(segments);
    let rest = &tokens[end..];
    let rest = if rest.first().is_some_and(|token| token.is_sign("::")) { &rest[1..] } else { rest };
    match rest.first() {
        Some(token) if token.is_sign("{") => {
            for branch in split_branches(&rest[1..]) {
                read_use_tree(branch, &path, leaves);
            }
        }
        Some(token) if token.is_sign("*") => leaves.push((None, path)),
        Some(token) if token.is_word("as") => leaves.push((rest.get(1).map(|name| name.text.clone()), path)),
        _ => leaves.push((path.last().cloned(), path)),
    }
}

/// Splits `a, b::{c, d}}` at the commas of its own level.
fn split_branches(tokens: &[Token]) -> Vec<&[Token]> {
    let mut branches = Vec::new();
    let mut depth = 0_usize;
    let mut start = 0;
    for (at, token) in tokens.iter().enumerate() {
        if token.is_sign("{") {
            depth += 1;
        } else if token.is_sign("}") && depth > 0 {
            depth -= 1;
        } else if depth == 0 && (token.is_sign(",") || token.is_sign("}")) {
            branches.push(&tokens[start..at]);
            start = at + 1;
            if token.is_sign("}") {
                break;
            }
        }
    }
    branches.retain(|branch| !branch.is_empty());
    branches
}

impl Token {
    fn is_sign(&self, text: &str) -> bool {
        self.kind == Kind::Sign && self.text == text
    }

    fn is_word(&self, text: &str) -> bool {
        self.kind == Kind::Word && self.text == text
    }
}

fn tokenize(text: &str) -> Vec<Token> {
    let characters: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut line = 1;
    let mut at = 0;
    while at < characters.len() {
        let start = at;
        let (kind, word) = next_token(&characters, &mut at);
        if let Some(kind) = kind {
            tokens.push(Token { text: word, line, kind, in_test: false });
        }
        line += characters[start..at].iter().filter(|character| **character == '\n').count();
    }
    tokens
}

/// Takes the token at `at` and moves behind it; no kind for spaces, comments, characters and lifetimes.
fn next_token(characters: &[char], at: &mut usize) -> (Option<Kind>, String) {
    let peek = |offset: usize| characters.get(offset).copied().unwrap_or('\0');
    let start = *at;
    let first = characters[start];
    match (first, peek(start + 1)) {
        ('/', '/') => {
            *at += characters[start..].iter().take_while(|character| **character != '\n').count();
            (None, String::new())
        }
        ('/', '*') => {
            *at = end_of_block_comment(characters, start);
            (None, String::new())
        }
        ('"', _) => (Some(Kind::Text), take_string(characters, at)),
        ('\'', next) => {
            *at = end_of_quote(characters, start, next);
            (None, String::new())
        }
        (':', ':') => {
            *at += 2;
            (Some(Kind::Sign), "::".to_owned())
        }
        _ if first.is_alphanumeric() || first == '_' => {
            let length = characters[start..].iter().take_while(|c| c.is_alphanumeric() || **c == '_').count();
            let word: String = characters[start..start + length].iter().collect();
            let end = start + length;
            let is_prefix = matches!(word.as_str(), "r" | "b" | "c" | "br" | "cr");
            let hashes = characters[end..].iter().take_while(|character| **character == '#').count();
            if is_prefix && word != "b" && word != "c" && peek(end + hashes) == '"' {
                return (Some(Kind::Text), take_raw_string(characters, at, end, hashes));
            }
            *at = end;
            if is_prefix && peek(end) == '"' {
                return (Some(Kind::Text), take_string(characters, at));
            }
            if word == "b" && peek(end) == '\'' {
                *at = end_of_quote(characters, end, peek(end + 1));
                return (None, String::new());
            }
            if word == "r" && hashes == 1 {
                *at = end + 1;
                return next_token(characters, at);
            }
            (Some(Kind::Word), word)
        }
        _ => {
            *at += 1;
            (if first.is_whitespace() { None } else { Some(Kind::Sign) }, first.to_string())
        }
    }
}

fn end_of_block_comment(characters: &[char], start: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = start;
    while at < characters.len() {
        match (characters[at], characters.get(at + 1)) {
            ('/', Some('*')) => {
                depth += 1;
                at += 2;
            }
            ('*', Some('/')) => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    break;
                }
            }
            _ => at += 1,
        }
    }
    at
}

fn take_string(characters: &[char], at: &mut usize) -> String {
    let start = *at + 1;
    let mut end = start;
    while end < characters.len() && characters[end] != '"' {
        end += if characters[end] == '\\' { 2 } else { 1 };
    }
    let end = end.min(characters.len());
    *at = (end + 1).min(characters.len());
    characters[start..end].iter().collect()
}

fn take_raw_string(characters: &[char], at: &mut usize, quote: usize, hashes: usize) -> String {
    let start = quote + hashes + 1;
    let mut end = start;
    let closes = |end: usize| {
        characters[end] == '"'
            && characters[end + 1..].iter().take_while(|character| **character == '#').count() >= hashes
    };
    while end < characters.len() && !closes(end) {
        end += 1;
    }
    *at = (end + 1 + hashes).min(characters.len());
    characters[start..end].iter().collect()
}

/// The end of a character literal (`'x'`, `'\n'`) or of a lifetime (`'a`).
fn end_of_quote(characters: &[char], start: usize, next: char) -> usize {
    if next == '\\' {
        let rest = characters[start + 3..].iter().take_while(|character| **character != '\'').count();
        return (start + 4 + rest).min(characters.len());
    }
    if characters.get(start + 2) == Some(&'\'') {
        return start + 3;
    }
    start + 1 + characters[start + 1..].iter().take_while(|c| c.is_alphanumeric() || **c == '_').count()
}

/// Plants a source in a module and says how many findings name each of `expected`.
#[track_caller]
fn check(file: &str, text: &str, expected: &[&str]) {
    let manifest = "[dependencies]\ntokio = '1'\negui = '0'\nserde = '1'\nrfd = '0'\njiff = '0'\n\
                    [target.'cfg(unix)'.dependencies]\nrustix = '1'\n[dev-dependencies]\ninsta = '1'\ntokio = '1'\n";
    let found = check_source(Path::new(file), text, &Crates::parse(manifest));
    let matches =
        found.len() == expected.len() && expected.iter().all(|part| found.iter().any(|line| line.contains(part)));
    assert!(matches, "{file}: {text}\n  expected {expected:?}\n  found {found:#?}");
}

#[test]
fn planted_imports_are_found() {
    check("proto/a.rs", "use crate::model::Frame; use std::time::Instant;", &[]);
    check("proto/a.rs", "use crate::flow::port::Link;", &["proto/a.rs:1: crate::flow::port::Link"]);
    check("proto/a.rs", "\n\nuse crate::{model, ui::theme};", &["proto/a.rs:3: crate::ui::theme"]);
    check("proto/a.rs", "use crate::{model::{self, x}, io::{a, b as c}};", &["crate::io::a", "crate::io::b"]);
    check("proto/a.rs", "use crate::*;", &["a.rs:1: crate:"]);
    check("proto/a.rs", "fn f() { crate::backend::channels(); }", &["crate::backend::channels"]);
    check("proto/improv/mod.rs", "use super::super::ui::Theme;", &["crate::ui::Theme"]);
    check("proto/improv/mod.rs", "use super::frame; use self::serial::Decoder;", &[]);
    check("proto/improv/mod.rs", "mod inner { use super::super::frame; use super::super::super::io; }", &["crate::io"]);
    check("proto/a.rs", "fn f() { linesman::ui::run(); }", &["crate::ui::run"]);
    check("io/a.rs", "use crate::flow::port::Link;", &[]);
    check("io/a.rs", "use crate::flow::commission;", &["crate::flow::commission"]);
    check("io/a.rs", "use crate::flow; fn f(l: flow::port::Link) {}", &["crate::flow:"]);
    check(
        "ui/a.rs",
        "use crate::backend::Handle; use crate::backend::{Handle as H, Reporter};",
        &["backend::Reporter"],
    );
    check("ui/a.rs", "use crate::DATA;", &[]);
    check("gadgets/a.rs", "", &["no layer called `gadgets`"]);
    check("main.rs", "use egui::Ui; use linesman::ui;", &[]);
}

#[test]
fn planted_foreign_crates_are_found() {
    check("flow/a.rs", "use tokio::time::sleep; use tokio::{sync::mpsc, time};", &[]);
    check("flow/a.rs", "use tokio::{net, time};", &["tokio::net"]);
    check("flow/a.rs", "use tokio; ", &["a.rs:1: tokio:"]);
    check("flow/a.rs", "async fn f() { tokio::fs::read(p).await; tokio::select! {} }", &["tokio::fs::read"]);
    check("flow/a.rs", "async fn f() { ::tokio::net::lookup_host(p) }", &["tokio::net::lookup_host"]);
    check("flow/a.rs", "extern crate egui;", &["a.rs:1: egui"]);
    check("proto/a.rs", "use rustix::fs;", &["rustix::fs"]);
    check("app/a.rs", "fn f(ui: &mut egui::Ui) {}", &["egui::Ui"]);
    check("app/a.rs", "mod egui; fn f(ui: &mut egui::Ui) {}", &[]);
    check("app/a.rs", "fn f() { x.egui::<u8>(); a::egui::b(); }", &[]);
    check(
        "app/a.rs",
        "// use egui::Ui;\n/* egui::Ui /* egui::Ui */ */ const A: &str = \"egui::Ui\"; const B: char = '\"';",
        &[],
    );
    check("app/a.rs", "const A: &str = r#\"egui::Ui \" \"#; fn f<'a>(x: &'a str) -> egui::Ui {}", &["egui::Ui"]);
    check("model/a.rs", "use std::{fmt, fs};", &["std::fs"]);
    check("model/a.rs", "use std as s; fn f() { s::fs::read(p); }", &["std::fs::read"]);
}

#[test]
fn test_modules_may_use_development_crates_only() {
    check("proto/a.rs", "#[cfg(test)]\nmod tests { use insta::x; use super::*; #[tokio::test] async fn f() {} }", &[]);
    check("proto/a.rs", "#[cfg(test)] mod tests { use egui::Ui; }", &["egui::Ui"]);
    check("proto/a.rs", "#[cfg(test)] mod tests { use crate::io::x; }", &["crate::io::x"]);
    check("proto/a.rs", "#[cfg(test)] use insta::x; use insta::y;", &["insta::y"]);
    check("proto/a.rs", "#[cfg(not(test))] mod real { use insta::x; }", &["insta::x"]);
    check("proto/a.rs", "#[cfg(test)] mod tests { fn f() { g(\"}\", '{'); } } use insta::z;", &["insta::z"]);
    check("proto/tests.rs", "use insta::x;", &[]);
}

#[test]
fn planted_clocks_are_found() {
    check("proto/a.rs", "use std::time::{Duration, Instant}; fn f() -> Instant { Instant::now() }", &["Instant::now"]);
    check("app/a.rs", "use std::time::Instant as I; fn f() { I::now(); }", &["std::time::Instant::now"]);
    check("app/a.rs", "fn f() { std::time::Instant::now(); }", &["std::time::Instant::now"]);
    check("model/a.rs", "use std::time::SystemTime;", &["std::time::SystemTime"]);
    check("proto/a.rs", "use std::thread; fn f() { thread::sleep(d); }", &["std::thread:", "std::thread::sleep"]);
    check("app/a.rs", "fn f() { jiff::Zoned::now(); }", &["jiff::Zoned::now"]);
    check("proto/a.rs", "#[cfg(test)] mod tests { use std::time::Instant; fn f() { Instant::now(); } }", &[]);
    check("proto/a.rs", "#[cfg(test)] mod tests { fn f() { std::thread::sleep(d); } }", &["std::thread::sleep"]);
    check("io/a.rs", "use std::time::Instant; fn f() { Instant::now(); std::thread::sleep(d); }", &[]);
}

#[test]
fn planted_vendor_names_are_found() {
    check("sim/a.rs", "// the Casambi gateway removes its key\nfn f() {}", &[]);
    check("sim/a.rs", "fn f() { g(\"casambi-cloud-gateway\"); }", &["a.rs:1: vendor name `casambi`"]);
    check("sim/a.rs", "struct KisMe; fn rafi_banner() {}", &["`kis`", "`rafi`"]);
    check("sim/a.rs", "fn f() { g(\"kiss a calmsite biotope\"); }", &[]);
    check("sim/a.rs", "#[cfg(test)] mod tests { const ID: &str = \"kis-me\"; }", &[]);
    check("profile/a.rs", "const A: &str = include_str!(\"../../profiles/biot.toml\");", &[]);
    check("profile/a.rs", "built_in! {\n\"biot.toml\"\n\"kis-me.toml\" }", &[]);
    check("profile/a.rs", "const A: &str = \"biot\";", &["`biot`"]);
    check("main.rs", "fn main() { f(\"calms\"); }", &["`calms`"]);
}
