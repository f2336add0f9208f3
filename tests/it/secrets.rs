//! Secrets as canaries through every path: nothing that is printed, logged, recorded, exported or kept holds them, in any
//! of the forms in which they could be read. The only place that may is the card of a simulated gateway.

use std::path::Path;
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use linesman::backend::{self, Config};
use linesman::model::access::Access;
use linesman::model::credentials::{WifiCredentials, WifiDraft, WifiKey, check};
use linesman::model::gateway::ProvisioningState;
use linesman::model::ids::{DriverId, JobId};
use linesman::model::problem::Explain as _;
use linesman::model::psk;
use linesman::model::qr::QrContent;
use linesman::model::secret::Secret;
use linesman::model::text::hex;
use linesman::model::wifi::{Ssid, WifiRules, parse_ssid};
use linesman::msg::{Command, Event, JobEnd, Known, Progress, QrSource, Request as Ask};
use linesman::proto::improv::{DeviceError, Message, Request};
use linesman::proto::wifi_qr;

use crate::cli::write_code;
use crate::gateway::{Act, Gateway, answer, state};
use crate::program::{Place, Ran, Running, text_of};

const SSID: &str = "Site-Office";
/// With signs that every encoding writes in its own way.
const PASSPHRASE: &str = "Kanari&\"Vogel\" <7/%x>+y?";
/// The proof of possession of a provisioning code stands for a token.
const TOKEN: &str = "canary-token-4711";

/// A form of a secret, with its name for messages.
struct Needle {
    name: String,
    octets: Vec<u8>,
}

/// Every form in which a secret could be read.
fn needles() -> Vec<Needle> {
    let ssid: Ssid = parse_ssid(SSID).unwrap();
    let key = psk::derive(PASSPHRASE.as_bytes(), &ssid);
    let mut needles = Vec::new();
    for (name, secret) in [("passphrase", PASSPHRASE.as_bytes()), ("key", key.as_ref()), ("token", TOKEN.as_bytes())] {
        let mut add = |form: &str, octets: Vec<u8>| needles.push(Needle { name: format!("{name}, {form}"), octets });
        add("plain", secret.to_vec());
        add("hexadecimal", hex(secret).into_bytes());
        add("upper hexadecimal", hex(secret).to_uppercase().into_bytes());
        for offset in 0..3 {
            let digits = base64_at(secret, offset);
            add("base64", digits.clone().into_bytes());
            add("base64 for addresses", digits.replace('+', "-").replace('/', "_").into_bytes());
        }
        add("UTF-16LE", secret.iter().flat_map(|&octet| [octet, 0]).collect());
        add("UTF-16BE", secret.iter().flat_map(|&octet| [0, octet]).collect());
        let percent = |is_all: bool| -> String {
            let plain = |octet: u8| octet.is_ascii_alphanumeric() && !is_all;
            secret.iter().map(|&o| if plain(o) { char::from(o).to_string() } else { format!("%{o:02X}") }).collect()
        };
        add("URL", percent(false).into_bytes());
        add("lower URL", percent(false).to_lowercase().into_bytes());
        add("URL throughout", percent(true).into_bytes());
        if let Ok(text) = std::str::from_utf8(secret) {
            add("JSON", serde_json::to_string(text).unwrap().trim_matches('"').as_bytes().to_vec());
            add("Rust", format!("{text:?}").trim_matches('"').as_bytes().to_vec());
        }
    }
    needles
}

/// The base64 digits of a secret that stands `offset` octets into a text, without those it shares with its neighbours.
fn base64_at(secret: &[u8], offset: usize) -> String {
    let digits = STANDARD.encode([&vec![0; offset], secret].concat());
    digits[(offset * 8).div_ceil(6)..(offset + secret.len()) * 8 / 6].to_owned()
}

/// Where a secret was looked for.
struct Hunt {
    needles: Vec<Needle>,
    places: usize,
}

impl Hunt {
    fn new() -> Self {
        Self { needles: needles(), places: 0 }
    }

    #[track_caller]
    fn check(&mut self, place: &str, octets: impl AsRef<[u8]>) {
        self.places += 1;
        let octets = octets.as_ref();
        for Needle { name, octets: needle } in &self.needles {
            if let Some(at) = memchr::memmem::find(octets, needle) {
                let around = &octets[at.saturating_sub(80)..(at + needle.len() + 20).min(octets.len())];
                panic!("{place} holds the {name}: …{}…", String::from_utf8_lossy(around));
            }
        }
    }

    /// Every file below a folder.
    #[track_caller]
    fn check_folder(&mut self, folder: &Path) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                self.check_folder(&path);
            } else {
                self.check(&path.display().to_string(), std::fs::read(&path).unwrap());
            }
        }
    }

    #[track_caller]
    fn check_ran(&mut self, place: &str, ran: &Ran) {
        self.check(&format!("standard output of {place}"), &ran.out);
        self.check(&format!("standard error of {place}"), &ran.err);
        for line in ran.out.lines().filter(|line| line.starts_with('{')) {
            // As a reader of the JSON sees it.
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            self.check_value(place, &value);
        }
    }

    #[track_caller]
    fn check_value(&mut self, place: &str, value: &serde_json::Value) {
        match value {
            serde_json::Value::String(text) => self.check(place, text),
            serde_json::Value::Array(values) => values.iter().for_each(|value| self.check_value(place, value)),
            serde_json::Value::Object(fields) => fields.values().for_each(|value| self.check_value(place, value)),
            _ => {}
        }
    }
}

/// What a gateway does after it was told a network.
type End = fn() -> Vec<Act>;

/// A gateway that tells the passphrase in every way a careless firmware might, and then does as `end` says.
fn careless(end: End) -> Gateway {
    let mut has_joined = false;
    Gateway::start(move |request| {
        // One that is set up again says what it stored before it is sent anything.
        if matches!(request, Request::DeviceInfo) {
            let key = psk::derive_hex(PASSPHRASE.as_bytes(), &parse_ssid(SSID).unwrap());
            let stored = format!("[I] wifi: psk={PASSPHRASE} pmk={} stored\r\n", key.expose());
            let strings = ["fw", "1", "chip", &format!("Gateway {PASSPHRASE}")].map(|text| text.as_bytes().to_vec());
            return vec![
                Act::Log(stored.into_bytes()),
                Act::Say(Message::Result { command: 3, strings: strings.to_vec() }),
            ];
        }
        let Request::WifiSettings { password, .. } = request else {
            return if has_joined && matches!(request, Request::CurrentState) { joined() } else { answer(request) };
        };
        has_joined = std::ptr::fn_addr_eq(end, joined as End);
        let password = password.expose().as_bytes();
        let (left, right) = password.split_at(password.len() / 2);
        let log = |parts: &[&[u8]]| Act::Log(parts.concat());
        let mut acts = vec![
            log(&[b"\r\n[I] wifi: psk=", password, b"\r\n"]),
            log(&[b"[D] dump ", hex(password).as_bytes(), b"\r\n"]),
            log(&[b"[D] DUMP ", hex(password).to_uppercase().as_bytes(), b"\r\n"]),
            log(&[b"[D] blob ", STANDARD.encode(password).as_bytes(), b"\r\n"]),
            log(&[b"[D] blob ", STANDARD.encode([b"x", password].concat()).as_bytes(), b"\r\n"]),
            // In two halves, with a packet between them.
            log(&[b"[I] wifi: psk=", left]),
            Act::Say(Message::Error(DeviceError::None)),
            log(&[right, b"\r\n"]),
            state(ProvisioningState::Provisioning),
        ];
        acts.extend(end());
        acts
    })
}

fn joined() -> Vec<Act> {
    // Even the address carries it.
    let address = format!("http://198.51.100.17/?psk={PASSPHRASE}").into_bytes();
    let strings = vec![address];
    vec![
        state(ProvisioningState::Provisioned),
        Act::Say(Message::Result { command: 1, strings: strings.clone() }),
        Act::Say(Message::Result { command: 2, strings }),
    ]
}

fn refused() -> Vec<Act> {
    vec![Act::Say(Message::Error(DeviceError::UnableToConnect)), state(ProvisioningState::Ready)]
}

fn vanished() -> Vec<Act> {
    vec![Act::Vanish]
}

const fn silent() -> Vec<Act> {
    Vec::new()
}

/// Starts a commission of that gateway, with all logging there is.
fn start(place: &Place, gateway: &Gateway, transcript: &str) -> Running {
    let file = place.write("wifi.txt", format!("{PASSPHRASE}\n"));
    let transcript = text_of(&place.path(transcript));
    let mut command = place.linesman(&["commission", "--via", &gateway.link, "--ssid", SSID, "--password-file", &file]);
    command.args(["--transcript", &transcript, "--json", "--verbose"]).env("LINESMAN_LOG", "trace");
    Running::start(&mut command)
}

/// The log of what it does after it was sent the network.
fn has_dumped(line: &serde_json::Value) -> bool {
    line["kind"] == "device-log" && line.to_string().contains("DUMP")
}

#[test]
fn no_end_of_a_session_leaves_a_secret_behind() {
    let (place, mut hunt) = (Place::new(), Hunt::new());
    let ends: [(&str, End, i32); 3] = [("joined", joined, 0), ("refused", refused, 1), ("unknown", vanished, 4)];
    for (name, end, code) in ends {
        let gateway = careless(end);
        let mut running = start(&place, &gateway, &format!("{name}.transcript"));
        running.until(has_dumped);
        if code == 4 {
            gateway.unplug();
        }
        let ran = running.finish().expect(code);
        assert_eq!(ran.result()["outcome"], name);
        assert!(ran.out.contains("[redacted]"), "the log of the gateway was heard: {ran:#?}");
        hunt.check_ran(name, &ran);
        let transcript = std::fs::read(place.path(&format!("{name}.transcript"))).unwrap();
        assert!(memchr::memmem::find(&transcript, b"[redacted]").is_some());
        hunt.check(&format!("transcript of {name}"), transcript);
    }

    let gateway = careless(silent);
    let mut running = start(&place, &gateway, "cancelled.transcript");
    running.until(has_dumped);
    // While it runs, others on the computer see its arguments and surroundings.
    for file in ["cmdline", "environ"] {
        let path = format!("/proc/{}/{file}", running.pid());
        if let Ok(seen) = std::fs::read(&path) {
            hunt.check(&path, seen);
        }
    }
    hunt.check_folder(&place.data());
    running.interrupt();
    hunt.check_ran("cancelled", &running.finish().expect(4));
    hunt.check("transcript of cancelled", std::fs::read(place.path("cancelled.transcript")).unwrap());

    let gateway = careless(silent);
    let mut running = start(&place, &gateway, "crashed.transcript");
    running.until(has_dumped);
    running.kill();
    hunt.check_folder(&place.data());

    for arguments in [vec!["records", "list"], vec!["records", "show", "1"], vec!["records", "show", "4"]] {
        hunt.check_ran("records", &place.run(&arguments).expect(0));
        hunt.check_ran("records", &place.run_json(&arguments).expect(0));
    }
    for name in ["jobs.csv", "jobs.jsonl"] {
        place.run(&["records", "export", &text_of(&place.path(name))]).expect(0);
        hunt.check(name, std::fs::read(place.path(name)).unwrap());
    }
    hunt.check_folder(&place.data());
    assert!(place.data().join("logs").is_dir() && hunt.places > 50, "{} places", hunt.places);
}

#[test]
fn only_the_card_of_a_simulated_gateway_holds_the_passphrase() {
    let place = Place::new();
    let card = place.path("card");
    let sim = place.sim(&["--state-dir", &text_of(&card)]);
    let mut command = place.linesman(&["commission", "--via", &sim.link, "--ssid", &sim.ssid, "--password-file", "-"]);
    let ran = Ran::with_input(command.env("LINESMAN_LOG", "trace"), sim.password.as_bytes()).expect(0);
    let mut hunt =
        Hunt { needles: vec![Needle { name: "passphrase".into(), octets: sim.password.clone().into() }], places: 0 };
    hunt.check_ran("commission", &ran);
    hunt.check_folder(&place.data());
    assert!(std::fs::read_to_string(card.join("wifi.conf")).unwrap().contains(&sim.password));
}

#[test]
fn codes_that_cannot_be_read_do_not_repeat_what_they_hold() {
    let (place, mut hunt) = (Place::new(), Hunt::new());
    let escaped: String =
        PASSPHRASE.chars().flat_map(|c| if ";,:\"\\".contains(c) { vec!['\\', c] } else { vec![c] }).collect();
    let file = place.write("unused.txt", "");
    for text in [
        PASSPHRASE.to_owned(),
        format!("WIFI:T:WPA;P:{escaped};;"),
        format!("WIFI:S:Site;P:{escaped};P:{escaped};;"),
        format!("WIFI:S:Site;P{escaped};;"),
        format!("WIFI:S:Site;{escaped};;"),
        format!("WIFI:T:WPA2-EAP;S:Site;P:{escaped};E:PEAP;;"),
        format!("WIFI:S:Site;P:{}", "x".repeat(9000) + &escaped),
        format!("{{\"ver\":\"v1\",\"pop\":\"{TOKEN}\",\"transport\":\"ble\"}}"),
        format!("{{\"ver\":\"v1\",\"pop\":\"{TOKEN}"),
        format!(
            "{{\"ver\":\"v1\",\"name\":\"PROV_1\",\"pop\":\"{TOKEN}\",\"transport\":\"ble\",\"network\":\"thread\"}}"
        ),
        format!("{{\"name\":\"PROV_1\",\"pop\":\"{TOKEN}\",\"transport\":\"ble\"}}"),
        TOKEN.to_owned(),
    ] {
        match wifi_qr::parse(&text) {
            Err(error) => {
                hunt.check("error", format!("{error} {error:?} {:?}", error.explain()));
            }
            Ok(QrContent::Wifi { notes, .. } | QrContent::EspProvisioning { notes, .. }) => {
                hunt.check("notes", notes.join("\n"));
            }
        }
        if text.len() < 1000 {
            let picture = place.path("code.png");
            write_code(&picture, &text);
            let arguments = ["commission", "--via", "serial:/dev/linesman-none", "--qr-file", &text_of(&picture)];
            let ran = place.run_json(&arguments);
            assert_ne!(ran.code, Some(0));
            hunt.check_ran("commission with a code", &ran);
            let picture = place.path("two.png");
            // Damaged: the head of a picture and then the text.
            let head = std::fs::read(place.path("code.png")).unwrap()[..40].to_vec();
            std::fs::write(&picture, [head, text.into_bytes()].concat()).unwrap();
            let arguments = ["commission", "--via", "serial:/x", "--qr-file", &text_of(&picture)];
            hunt.check_ran("commission with a damaged picture", &place.run_json(&arguments).expect(2));
        }
    }
    drop(file);
    hunt.check_folder(&place.data());
}

#[test]
fn findings_do_not_repeat_the_passphrase() {
    for (passphrase, is_open) in [
        ("k4nari7", false),
        (&*"Kanarienvogel".repeat(5), false),
        ("Kanarienvögel im Käfig", false),
        (" Kanarienvogel ", false),
        ("Kanarienvogel\u{7}mit Ton", false),
        ("Kanarienvogel\r\n", false),
        ("Kanarienvogel", true),
        (&*"ab12".repeat(16), false),
        (&*"zz12".repeat(16), false),
    ] {
        for rules in
            [WifiRules::standard(), WifiRules { passphrase_min: 60, passphrase_max: 61, ..WifiRules::standard() }]
        {
            let passphrase = Secret::new(passphrase.to_owned());
            let draft =
                WifiDraft { ssid: SSID.into(), passphrase: passphrase.clone(), is_open, ..WifiDraft::default() };
            let (credentials, findings) = check(&draft, &rules, None, None);
            let said = format!("{findings:?} {:?}", credentials.map(|credentials| credentials.key_label()));
            assert!(!said.contains(passphrase.expose().trim()), "{said}");
            assert!(!said.contains("Kanari") && !said.contains("k4nari") && !said.contains("ab12ab"), "{said}");
        }
    }
}

/// What a front end can see of an event, as text.
fn words_of(event: &Event) -> String {
    match event {
        Event::SessionProgressed { progress, .. } => format!("{progress:?}"),
        Event::JobFinished { end, .. } => format!("{end:?}"),
        Event::QrRead { content: Err(problem), .. } | Event::Trouble(problem) => format!("{problem:?}"),
        Event::RecordsListed(jobs) => format!("{jobs:?}"),
        Event::RecordShown(job) => format!("{job:?}"),
        Event::DiagnosticsReady { text, .. } => text.clone(),
        Event::Started(startup) => format!("{:?}", startup.start_problems),
        _ => String::new(),
    }
}

#[test]
fn no_event_and_no_diagnostics_hold_a_secret() {
    let (place, mut hunt) = (Place::new(), Hunt::new());
    let (mut handle, workers) =
        backend::start(Config { data_dir: Some(place.data()), is_verbose: false, demo: None }).unwrap();
    let gateway = careless(refused);
    let (session, transcript, diagnostics, code) = (JobId(1), JobId(2), JobId(3), JobId(4));
    let send = |handle: &backend::Handle, command| handle.try_send(command).unwrap();
    let ask = |handle: &backend::Handle, request| send(handle, Command::Session { job: session, request });
    let credentials = || {
        let key = WifiKey::Passphrase(Secret::new(PASSPHRASE.into()));
        WifiCredentials::new(parse_ssid(SSID).unwrap(), key, false)
    };
    let push = || Ask::Push(credentials());
    let link = gateway.link.parse().unwrap();
    send(
        &handle,
        Command::OpenSession {
            job: session,
            link,
            profile: None,
            driver: DriverId::Improv,
            access: access_by(PROOF),
            known: Known { network: Some(credentials()), ..Known::default() },
        },
    );
    let mut todo = vec![Ask::Close, Ask::SetDeviceName(PASSPHRASE.into()), Ask::ScanNetworks, push()];
    let mut is_log_heard = false;
    while let Some(event) = handle.recv_blocking() {
        hunt.check("an event", words_of(&event));
        match event {
            Event::SessionProgressed { progress: Progress::DeviceLog(_), .. } => is_log_heard = true,
            Event::SessionProgressed { progress: Progress::Ready, .. } => ask(&handle, todo.pop().unwrap()),
            Event::JobFinished { job, end } if job == session => {
                assert!(matches!(end, JobEnd::Done { .. }), "{end:?}");
                let path = place.path("transcript.txt");
                send(&handle, Command::ExportTranscript { job: transcript, session, destination: path.into() });
            }
            Event::JobFinished { job, .. } if job == transcript => {
                // As if something had written it into the log.
                let log = place.data().join("logs/linesman.2020-01-01.log");
                let line = format!("oops {PASSPHRASE} {}\nproof {PROOF}\n", hex(PASSPHRASE.as_bytes()));
                std::fs::write(log, line).unwrap();
                send(&handle, Command::CollectDiagnostics { job: diagnostics });
            }
            Event::DiagnosticsReady { text, .. } => {
                assert!(text.contains("oops [redacted]") && text.contains("proof [redacted]"), "{text}");
                std::fs::remove_file(place.data().join("logs/linesman.2020-01-01.log")).unwrap();
                let text = Secret::new(format!("WIFI:S:Site;P:{PASSPHRASE};P:{PASSPHRASE};;"));
                send(&handle, Command::ReadQr { job: code, source: QrSource::Text(text) });
            }
            Event::QrRead { content, .. } => {
                assert!(content.is_err());
                break;
            }
            _ => {}
        }
    }
    assert!(is_log_heard && todo.is_empty());
    drop(handle);
    workers.finish();
    hunt.check("transcript", std::fs::read(place.path("transcript.txt")).unwrap());
    hunt.check_folder(&place.data());
}

/// Whether a type has a trait: an inherent constant stands before one of a trait that every type has.
macro_rules! has {
    ($type:ty: $trait:path) => {{
        #[allow(dead_code)]
        trait Other {
            const HAS: bool = false;
        }
        impl<T: ?Sized> Other for T {}
        #[allow(dead_code)]
        struct Asked<T: ?Sized>(std::marker::PhantomData<T>);
        #[allow(dead_code)]
        impl<T: ?Sized + $trait> Asked<T> {
            const HAS: bool = true;
        }
        <Asked<$type>>::HAS
    }};
}

/// Holds at compile time that none of these types can be printed or stored.
macro_rules! cannot_be_shown {
    ($($type:ty),+ $(,)?) => {
        $(const _: () = {
            assert!(!has!($type: std::fmt::Debug));
            assert!(!has!($type: std::fmt::Display));
            assert!(!has!($type: std::fmt::LowerHex));
            assert!(!has!($type: serde::Serialize));
            assert!(!has!($type: ToString));
            assert!(!has!($type: AsRef<str>));
            assert!(!has!($type: std::ops::Deref));
        };)+
    };
}

cannot_be_shown!(
    Secret<String>,
    Secret<Vec<u8>>,
    WifiDraft,
    WifiKey,
    WifiCredentials,
    QrContent,
    QrSource,
    Ask,
    Command,
    Event,
    Request,
    linesman::model::redact::Redactor,
);
// The question itself works.
const _: () = assert!(has!(String: std::fmt::Debug) && has!(String: serde::Serialize));

#[test]
fn a_passphrase_on_standard_input_is_read_without_an_echo_of_it() {
    let (place, mut hunt) = (Place::new(), Hunt::new());
    let mut command = place.linesman(&["commission", "--via", "serial:/dev/linesman-none", "--ssid", SSID]);
    command.args(["--password-file", "-", "--verbose"]).env("LINESMAN_LOG", "trace").stdin(Stdio::piped());
    hunt.check_ran("standard input", &Ran::with_input(&mut command, PASSPHRASE.as_bytes()).expect(3));
    let wrong = [b"\xff", PASSPHRASE.as_bytes()].concat();
    let mut command = place.linesman(&["commission", "--via", "serial:/x", "--ssid", SSID, "--password-file", "-"]);
    hunt.check_ran("no text", &Ran::with_input(&mut command, &wrong).expect(2));
    hunt.check_folder(&place.data());
}

/// What lets us into a gateway, planted to be found wherever it must not be.
const PROOF: &str = "canary-proof-5150";

fn access_by(proof: &str) -> Access {
    Access { secret: Some(Secret::new(proof.into())), ..Access::default() }
}
