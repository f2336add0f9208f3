//! The report as a PDF, read by foreign programs: pdftotext, pdffonts and pdfinfo of Debian's poppler-utils.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use linesman::check::evidence::{About, Evidence, VERSION};
use linesman::check::explain::Spoken;
use linesman::check::question::{Purpose, Shape};
use linesman::check::report::{Document, Input, pdf};
use linesman::check::seen::{
    Answer, Certificate, Connect, ConnectEnd, Interface, Lookup, Observation, Seen, Tls, TlsEnd, Trust,
};
use linesman::check::{Judged, Plan, judge};
use linesman::profile::parse_profile;

use crate::peers;

/// 2026-11-28T22:00:00.123Z.
const BEGAN: i64 = 1_795_903_200_123_000;
/// How much longer a paper of ten times the rows may take.
const GROWTH: u32 = 30;
/// Addresses of the made-up site.
const COMPUTER: &str = "10.20.30.40";
const ROUTER: &str = "10.20.30.1";

/// A run in which every other row found nobody, and whoever answered showed a certificate of that issuer.
struct Run {
    plan: Plan,
    evidence: Evidence,
    judged: Judged,
}

impl Run {
    fn new(rows: usize, host: impl Fn(usize) -> String, issuer: &str) -> Self {
        let mut text = "schema = 1\nid = 'made-up'\nname = 'Gerät für Prüfung'\nvendor = 'V'\nsummary = 'S'\n\
             [[document]]\nid = 'paper'\ntitle = 'Handbuch'\n[network]\nvantage = 'gateway'\n"
            .to_owned();
        for number in 1..=rows {
            let row = format!(
                "[[endpoint]]\nid = 'ABC-{number:03}'\nhosts = ['{}']\nport = 443\ntransport = 'tcp'\n\
                 purpose = 'Zählerstände Nr. {number}'\nlevel = 'required'\nprobes = ['dns', 'tcp', 'tls']\nsource = 'paper: 1'\n",
                host(number)
            );
            text.write_str(&row).unwrap();
        }
        let profile = parse_profile("made-up", &text).unwrap();
        let about = About {
            profile: Some(profile.id.clone()),
            site: "Halle 7 #strong[x] *x* $x$".into(),
            subnet: "10.20.30.0/24".into(),
            began_unix_micros: BEGAN,
            ..About::default()
        };
        let plan = Plan::new(&profile, about.clone());
        let observations = observations(rows, &host, issuer);
        let judged = judge(&plan, &observations);
        let evidence =
            Evidence { evidence: VERSION, program: "Linesman 0.0.0".into(), about, observations, beside: None };
        Self { plan, evidence, judged }
    }

    fn few() -> Self {
        Self::new(4, |number| format!("h{number}.cloud.example"), "Appliance CA")
    }

    fn input<T>(&self, is_masked: bool, with: impl FnOnce(&Input<'_>) -> T) -> T {
        let Self { plan, evidence, judged } = self;
        let words = Spoken { plan, judged, observations: &evidence.observations };
        with(&Input { plan, evidence, judged, beside: None, words: &words, records: None, is_masked })
    }

    fn paper(&self, is_masked: bool) -> Paper {
        Paper::new(&self.input(is_masked, pdf).unwrap_or_else(|problem| panic!("{problem:?}")))
    }
}

fn observations(rows: usize, host: &impl Fn(usize) -> String, issuer: &str) -> Vec<Observation> {
    let address = |text: &str| -> IpAddr { text.parse().unwrap() };
    let to: SocketAddr = "198.18.0.7:443".parse().unwrap();
    let from = Some(SocketAddr::new(address(COMPUTER), 50_123));
    let interface = Interface {
        name: "eth0".into(),
        addresses: vec![format!("{COMPUTER}/24")],
        routers: vec![address(ROUTER)],
        is_up: true,
        is_default: true,
        ..Interface::default()
    };
    let mut all = vec![(None, None, Seen::Interface(interface))];
    for number in 1..=rows {
        let (row, name) = (Some(format!("ABC-{number:03}")), host(number));
        let answer = Answer::Message {
            rcode: Some(0),
            addresses: vec![to.ip()],
            aliases: vec![format!("edge{number}.cdn.example")],
            ttl_secs: Some(60),
            extended: Vec::new(),
        };
        let lookup =
            Lookup { name: name.clone(), purpose: Purpose::Row, server: None, by: None, sent: 1, lost: 0, answer };
        let is_silent = number % 2 == 0;
        let end = if is_silent { ConnectEnd::TimedOut } else { ConnectEnd::Connected };
        all.push((None, Some(name.clone()), Seen::Lookup(lookup)));
        let connect = Connect { to, from: from.filter(|_| !is_silent), shape: Shape::Plain, attempt: 1, end };
        all.push((row.clone(), Some(name.clone()), Seen::Connect(connect)));
        if !is_silent {
            all.push((row, Some(name.clone()), Seen::Tls(intercepted(&name, to, issuer))));
        }
    }
    let observation = |(number, (row, host, seen)): (usize, (Option<String>, Option<String>, Seen))| Observation {
        number: u32::try_from(number).unwrap(),
        row: row.map(|row| row.parse().unwrap()),
        host,
        at_unix_micros: BEGAN + i64::try_from(number).unwrap() * 1000,
        took_micros: 4200,
        seen,
    };
    all.into_iter().enumerate().map(observation).collect()
}

fn intercepted(name: &str, to: SocketAddr, issuer: &str) -> Tls {
    let certificate = Certificate {
        sha256: "00".repeat(32),
        key_sha256: "00".repeat(32),
        subject: "CN=\"#panic()\"".into(),
        issuer: issuer.into(),
        names: vec![name.to_owned()],
        not_before: 0,
        not_after: 4_000_000_000,
        urls: Vec::new(),
    };
    let trust = Trust {
        name_matches: true,
        expected: None,
        mozilla: false,
        from_override: false,
        root: None,
        not_before: 0,
        not_after: 4_000_000_000,
        fault: String::new(),
    };
    let end = TlsEnd::Done { version: "TLSv1.3".into(), cipher: "x".into(), alpn: None, asked_certificate: false };
    Tls { to, name: name.to_owned(), shape: Shape::Plain, end, chain: vec![certificate], trust: Some(trust) }
}

/// A PDF on the disk.
pub(crate) struct Paper {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Paper {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.pdf");
        std::fs::write(&path, bytes).unwrap();
        Self { _folder: folder, path }
    }

    fn read_by(&self, program: &str, options: &[&str], more: &[&str]) -> String {
        let out = Command::new(program).args(options).arg(&self.path).args(more).output().unwrap();
        assert!(out.status.success(), "{out:?}");
        String::from_utf8(out.stdout).unwrap()
    }

    fn text(&self) -> String {
        self.read_by("pdftotext", &["-layout"], &["-"])
    }

    /// All that is written on it, without the breaks of lines.
    pub(crate) fn letters(&self) -> String {
        without_spaces(&self.read_by("pdftotext", &["-raw"], &["-"]))
    }

    fn info(&self) -> String {
        self.read_by("pdfinfo", &["-isodates"], &[])
    }
}

pub(crate) fn without_spaces(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

pub(crate) fn has_poppler() -> bool {
    peers::require(
        "poppler-utils",
        peers::has_program("pdftotext"),
        "a foreign reader has to find the texts of the PDF",
    )
}

#[test]
fn a_foreign_reader_finds_every_rule_verdict_and_command() {
    if !has_poppler() {
        return;
    }
    let run = Run::few();
    let letters = run.paper(false).letters();
    let document = run.input(false, Document::new);
    let mut wanted = vec![document.title, document.verdict, "Rules the firewall needs".into(), "Good answer".into()];
    wanted.extend(document.never);
    wanted.extend(document.facts.into_iter().map(|fact| fact.value));
    wanted.extend(document.untested.into_iter().map(|row| row.why));
    for group in document.groups {
        wanted.push(group.title);
        wanted.extend(group.rules.into_iter().flat_map(|rule| [rule.destination, rule.aliases, rule.purpose]));
        for row in group.rows {
            wanted.extend([row.id, row.state.into(), row.what, row.next_step, row.code.into()]);
            wanted.extend(row.ruled_out);
            wanted.extend(row.sights.into_iter().flat_map(|sight| [sight.at, sight.from, sight.to, sight.text]));
            let commands = row.recipes.into_iter().flat_map(|recipe| recipe.commands);
            wanted.extend(commands.map(|command| command.command));
        }
    }
    assert!(wanted.iter().any(|text| text.contains("openssl s_client")), "{wanted:#?}");
    for text in wanted {
        // A word that is broken over lines keeps its letters in their order.
        assert!(letters.contains(&without_spaces(&text)), "no {text}: {letters}");
    }
}

#[test]
fn the_first_page_has_the_verdict_and_the_rules() {
    if !has_poppler() {
        return;
    }
    let paper = Run::few().paper(false);
    let first = paper.read_by("pdftotext", &["-layout", "-l", "1"], &["-"]);
    for wanted in ["Network check for Gerät für Prüfung", "required rows fail", "h4.cloud.example", "What not to open"]
    {
        assert!(first.contains(wanted), "no {wanted}: {first}");
    }
}

#[test]
fn every_font_is_ours_and_embedded() {
    if !has_poppler() {
        return;
    }
    let fonts = Run::few().paper(false).read_by("pdffonts", &[], &[]);
    let lines: Vec<&str> = fonts.lines().skip(2).collect();
    assert!(lines.len() >= 3, "{fonts}");
    for line in lines {
        assert!(line.contains("Inter") || line.contains("JetBrains"), "{fonts}");
        // The columns from the right: object and generation, uni, sub, emb.
        let columns: Vec<&str> = line.split_whitespace().rev().collect();
        assert_eq!((columns[2], columns[4]), ("yes", "yes"), "{fonts}");
    }
}

#[test]
fn title_author_and_date_are_those_of_the_run() {
    if !has_poppler() {
        return;
    }
    let info = Run::few().paper(false).info();
    for wanted in ["Network check for Gerät für Prüfung", "Linesman 0.0.0", "2026-11-28T22:00:00Z"] {
        assert!(info.contains(wanted), "no {wanted}: {info}");
    }
    assert!(!info.to_lowercase().contains("typst"), "{info}");
}

#[test]
fn the_same_run_gives_the_same_bytes() {
    let (one, two) = (Run::few().input(false, pdf).unwrap(), Run::few().input(false, pdf).unwrap());
    assert!(one.starts_with(b"%PDF-") && one == two);
}

#[test]
fn two_hundred_rows_take_little_more_than_ten_times_twenty_and_have_the_heading_on_every_page() {
    let timed = |rows| {
        let run = Run::new(rows, |number| format!("h{number}.cloud.example"), "CA");
        let began = Instant::now();
        (run.input(false, pdf).unwrap(), began.elapsed())
    };
    // Held against each other, both bear what else the machine does.
    let ((_, few), (bytes, many)) = (timed(20), timed(200));
    assert!(many < GROWTH * few, "{few:?}, {many:?}");
    if !has_poppler() {
        return;
    }
    let text = Paper::new(&bytes).text();
    assert!((1..=200).all(|number| text.contains(&format!("h{number}.cloud.example"))));
    let has_heading = |page: &&str| page.contains("Destination") && page.contains("Vendor documentation");
    let pages: Vec<&str> = text.split('\u{c}').collect();
    let last = pages.iter().position(|page| page.contains("What not to open")).unwrap();
    let with_rules = pages[..last].iter().filter(|page| page.contains(".cloud.example")).count();
    assert!(with_rules > 2, "{} pages", pages.len());
    assert!(pages[..with_rules].iter().all(has_heading));
}

#[test]
fn texts_of_strangers_stay_text() {
    if !has_poppler() {
        return;
    }
    let hostile = [
        "#read(\"/etc/passwd\")",
        "#import \"@preview/evil:1.0.0\"",
        "$sum_(i=0)$ *b* _i_ `c` <label> @ref // comment /* x */ -> ~ \\u{41}",
        "] [ #] ) ( } { = Heading",
        "Prüfstelle ñ Ω Ж",
    ];
    for issuer in hostile {
        let letters = Run::new(1, |_| "h1.cloud.example".into(), issuer).paper(false).letters();
        assert!(letters.contains(&without_spaces(issuer)), "no {issuer}: {letters}");
        assert!(letters.contains("Halle7#strong[x]*x*$x$"), "{letters}");
    }
    // What our fonts have no signs for is set all the same.
    for issuer in ["漢字 العربية 🦀", &"X".repeat(4096), "\u{0}\u{202e}\u{200b}"] {
        assert!(Run::new(1, |_| "h1.cloud.example".into(), issuer).paper(false).info().contains("Pages:"));
    }
}

#[test]
fn nothing_runs_off_the_page() {
    if !has_poppler() {
        return;
    }
    let label = "a".repeat(60);
    let host = format!("{label}.{label}.{label}.cloud.example");
    let run = Run::new(2, |_| host.clone(), &format!("CN={}", "W".repeat(380)));
    let boxes = run.paper(false).read_by("pdftotext", &["-bbox"], &["-"]);
    let value = |line: &str, name: &str| -> f64 {
        line.split(&format!("{name}=\"")).nth(1).and_then(|rest| rest.split('"').next()).unwrap().parse().unwrap()
    };
    let words: Vec<&str> = boxes.lines().filter(|line| line.trim_start().starts_with("<word")).collect();
    assert!(words.len() > 100, "{boxes}");
    // A4 is 595 points wide; its margins are 16 mm.
    for word in words {
        assert!(value(word, "xMin") > 44.0 && value(word, "xMax") < 551.0, "{word}");
    }
    assert!(run.paper(false).letters().contains(&host));
}

#[test]
fn masked_addresses_are_in_neither_text_nor_metadata() {
    if !has_poppler() {
        return;
    }
    let (open, masked) = (Run::few().paper(false), Run::few().paper(true));
    for inside in [COMPUTER, ROUTER] {
        assert!(open.letters().contains(inside), "it has something to mask");
        assert!(!masked.letters().contains(inside) && !masked.info().contains(inside));
        assert!(!masked.read_by("pdfinfo", &["-meta"], &[]).contains(inside));
    }
}
