//! The profile format as an author meets it: built-in profiles, mistakes with their places, hostile files, the reference page.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use linesman::cli::profiles::{list, show, validate};
use linesman::model::gateway::PortFacts;
use linesman::model::ids::{LinkKind, ProfileId};
use linesman::model::problem::Explain;
use linesman::profile::{Catalog, parse_profile, schema};
use proptest::prelude::*;

const EVERY_KEY: &str = include_str!("../data/profiles/every-key.toml");
const REFERENCE: &str = include_str!("../../docs/profiles.md");

#[test]
fn each_built_in_profile_requires_what_its_snapshot_says() {
    for profile in Catalog::built_in().iter() {
        insta::assert_snapshot!(profile.id.to_string(), show(profile, false));
    }
}

#[test]
fn every_file_of_the_folder_is_built_in() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles");
    let files: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap().replace(".toml", ""))
        .collect();
    let built_in: BTreeSet<String> = Catalog::built_in().iter().map(|profile| profile.id.to_string()).collect();
    assert_eq!(files, built_in);
}

#[test]
fn the_list_is_aligned_and_marks_assumptions() {
    insta::assert_snapshot!("list", list(&Catalog::built_in(), false));
}

#[test]
fn every_row_of_the_vendors_is_there_and_no_other() {
    let catalog = Catalog::built_in();
    let check = |id: &str, prefix: &str, rows: usize| {
        let profile = catalog.get(&ProfileId::new(id)).unwrap();
        let found: BTreeSet<String> = profile.row_ids().map(ToString::to_string).collect();
        let expected: BTreeSet<String> = (1..=rows).map(|number| format!("{prefix}-{number:02}")).collect();
        assert_eq!(found, expected, "{id}");
    };
    check("casambi-cloud-gateway", "CAS", 14);
    check("kis-me", "KIS", 16);
    check("cloud-connector", "ASV", 8);
    check("biot", "BIO", 3);
    check("calms", "CAL", 5);
}

#[test]
fn json_lines_parse_and_end_with_a_summary() {
    let catalog = Catalog::built_in();
    let mut outputs = vec![list(&catalog, true), validate("bad.toml", "schema = 2", true).0];
    outputs.extend(catalog.iter().map(|profile| show(profile, true)));
    for output in outputs {
        let lines: Vec<serde_json::Value> =
            output.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect();
        lines.iter().for_each(crate::json_types::hold);
        assert_eq!(lines.last().unwrap()["kind"], "summary");
    }
    let biot = catalog.get(&ProfileId::new("biot")).unwrap();
    insta::assert_snapshot!("biot-json", show(biot, true));
}

#[test]
fn the_reference_page_mentions_every_key_and_its_example_is_good() {
    for shape in schema::all() {
        let heading = shape.name.trim_matches(|c| c == '[' || c == ']');
        let is_table = shape.name.starts_with('[');
        assert!(!is_table || REFERENCE.contains(&format!("`{}`", shape.name)), "no heading for {heading}");
        for key in shape.keys.iter() {
            assert!(REFERENCE.contains(&format!("`{key}`")), "{key} of {} is not on the page", shape.name);
        }
    }
    let example = REFERENCE.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    assert_eq!(
        validate("example", example, false),
        ("example: good. Profile acme-gateway, 1 drivers, 2 rows\n".into(), true)
    );
}

/// A key that the loader forgets to read would accept anything: a date fits no key.
#[test]
fn every_key_is_read_and_refuses_a_value_of_another_type() {
    let (shown, is_good) = validate("every-key.toml", EVERY_KEY, false);
    assert!(is_good, "{shown}");
    for shape in schema::all() {
        for key in shape.keys.iter() {
            assert!(
                EVERY_KEY.contains(&format!("{key} = "))
                    || EVERY_KEY.contains(&format!("{key}]"))
                    || EVERY_KEY.contains(&format!("[{key}.")),
                "{key}"
            );
        }
    }
    let lines: Vec<&str> = EVERY_KEY.lines().collect();
    for (number, line) in lines.iter().enumerate() {
        let Some((key, _)) = line.split_once(" = ") else { continue };
        let broken = format!("{key} = 1979-05-27");
        let text = lines.iter().enumerate().map(|(at, line)| if at == number { &broken } else { *line });
        let errors = parse_profile("f", &text.collect::<Vec<_>>().join("\n")).unwrap_err();
        assert!(errors.iter().any(|error| error.line == number + 1), "{line}: {errors:?}");
    }
}

/// The smallest good profile; mistakes are planted in it.
const GOOD: &str = r#"schema = 1
id = "a-b"
name = "A"
vendor = "B"
summary = "S"
[[document]]
id = "paper"
title = "Paper"
[network]
vantage = "gateway"
"#;

fn errors_of(text: &str) -> String {
    validate("f.toml", text, false).0
}

#[test]
fn mistakes_are_shown_with_place_and_remedy() {
    assert_eq!(errors_of(GOOD), "f.toml: good. Profile a-b, 0 drivers, 0 rows\n");
    let row = "[[endpoint]]\nid = \"ABC-01\"\nhosts = [\"a.example\"]\nport = 443\ntransport = \"tcp\"\npurpose = \"p\"\nlevel = \"required\"\nsource = \"paper: 1\"\n";
    let with = |more: &str| format!("{GOOD}{more}");
    let in_row = |old: &str, new: &str| with(&row.replace(old, new));
    let cases: Vec<(&str, String)> = vec![
        ("empty file", String::new()),
        ("not TOML", "schema = 1\nid = \"a\nname = ".into()),
        ("a key twice", format!("id = \"x\"\n{GOOD}")),
        ("newer schema", GOOD.replace("schema = 1", "schema = 2")),
        ("mistyped key", in_row("purpose", "purpse")),
        ("unknown key", in_row("purpose = \"p\"", "purpose = \"p\"\ncolour = \"red\"")),
        ("unknown table", with("[wifii]\nbands = []\n")),
        ("mistyped word", in_row("\"tcp\"", "\"tpc\"")),
        ("wrong type", in_row("443", "\"443\"")),
        ("port out of range", in_row("443", "70000")),
        ("number in hexadecimal overflows", in_row("443", "0xffffffffffffffffffff")),
        ("no port", in_row("port = 443\n", "")),
        ("URL in hosts", in_row("a.example", "https://a.example/x")),
        ("upper case in hosts", in_row("a.example", "A.example")),
        ("sample outside the wildcard", in_row("port = 443", "port = 443\nsamples = [\"b.example\"]")),
        ("lower case row id", in_row("ABC-01", "abc-01")),
        ("row id twice", with(&format!("{row}{row}"))),
        ("no source", in_row("source = \"paper: 1\"\n", "")),
        ("unknown document", in_row("paper: 1", "papr: 1")),
        ("source without section", in_row("paper: 1", "paper")),
        ("assumed without reason", in_row("source = \"paper: 1\"", "basis = \"assumed\"")),
        ("assumed with source", in_row("source", "basis = \"assumed\"\nreason = \"r\"\nsource")),
        ("reason without basis", in_row("source = \"paper: 1\"", "reason = \"r\"")),
        ("unknown basis", in_row("source", "basis = \"guess\"\nsource")),
        ("unknown root", in_row("port = 443", "port = 443\nroots = [\"amazon-root-ca\"]\nroots_from = \"x\"")),
        ("roots without origin", in_row("port = 443", "port = 443\nroots = [\"gts-root-r4\"]")),
        ("bad profile id", GOOD.replace("a-b", "A_b")),
        ("control character", GOOD.replace("\"S\"", "\"S\\u0007\"")),
        ("direction override in value", GOOD.replace("\"S\"", "\"S\u{202E}x\"")),
        ("control character in key", with("\"a\\u001b[31mb\" = 1\n")),
        ("umlauts before the mistake", with("[wifi]\n\"ähem\" = 1\n")),
        ("column counts characters", GOOD.replace("id = \"paper\"\ntitle = \"Paper\"", "").replace("[[document]]", "document = [{ id = \"ä\", title = \"ö\", x = 1 }]")),
        ("bad hexadecimal", with("[[discovery.usb]]\nvid = \"10c\"\nmeans = \"chip\"\nsays = \"s\"\nsource = \"paper: 1\"\n")),
        ("driver over a link it has not", with("[[driver]]\ndriver = \"improv\"\nlink = \"udp\"\nsource = \"paper: 1\"\n")),
        ("setting of another driver", with("[[driver]]\ndriver = \"improv\"\nlink = \"ble\"\nsettings = { security = 2 }\nsource = \"paper: 1\"\n")),
        ("facts that contradict", with("[[network.rule]]\nid = \"ABC-01\"\nfact = \"proxy-supported\"\nsays = \"s\"\nsource = \"paper: 1\"\n[[network.rule]]\nid = \"ABC-02\"\nfact = \"proxy-unsupported\"\nsays = \"s\"\nsource = \"paper: 1\"\n")),
        ("cloud dialect without TLS", with("[mqtt]\ndialect = \"azure-iot-hub\"\ntls = \"none\"\nauthentication = \"token\"\nidentity = \"i\"\nsource = \"paper: 1\"\n")),
        ("bad topic filter", with("[mqtt]\ndialect = \"plain\"\ntls = \"none\"\nauthentication = \"token\"\ntopics = [\"a/#/b\", \"a+\"]\nidentity = \"i\"\nsource = \"paper: 1\"\n")),
        ("step removes what is not there", with("[[credential]]\nid = \"token\"\nkind = \"access-token\"\npurpose = \"p\"\npushed = \"driver\"\nkept = \"k\"\nat_rest = \"clear\"\nrevoked = \"r\"\nsource = \"paper: 1\"\n[wipe]\nguidance = \"g\"\n[[wipe.step]]\nid = \"s\"\ndoes = \"d\"\nby = \"person\"\nremoves = [\"tokn\"]\nevidence = [\"e\"]\notherwise = \"o\"\nsource = \"paper: 1\"\n")),
        ("several at once", "schema = 1\nid = \"A\"\nnmae = \"x\"\nvendor = 3\n[wifi]\nbands = [\"2.4Ghz\"]\nsecurity = [\"wpa2\", \"wpa2\"]\n".into()),
    ];
    let mut page = String::new();
    for (name, text) in &cases {
        let (shown, is_good) = validate("f.toml", text, false);
        assert!(!is_good, "{name} was accepted");
        let _ = write!(page, "## {name}\n{shown}\n");
    }
    insta::assert_snapshot!("mistakes", page);
}

#[test]
fn hostile_files_end_in_a_short_clear_error() {
    let check = |text: &str, expected: &str| {
        let errors = parse_profile("f", text).unwrap_err();
        assert!(errors.len() <= 101, "{}", errors.len());
        let shown: Vec<String> = errors.iter().map(|error| format!("{error} {:?}", error.explain())).collect();
        let shown = shown.join("\n");
        assert!(shown.contains(expected), "{}", shown.chars().take(500).collect::<String>());
        assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{expected}");
    };
    check(&"x".repeat(schema::MAX_BYTES + 1), "1048577 bytes");
    check(&format!("a = {}", "[".repeat(500_000)), "recurs");
    check(&format!("a = {}", "{a=".repeat(300_000)), "recurs");
    check(&format!("{}z = 1", "a.".repeat(500_000)), "recursion");
    check(&format!("[{}z]", "a.".repeat(500_000)), "recursion");
    check(&(0..60_000).map(|n| format!("k{n} = 1")).collect::<Vec<_>>().join("\n"), "more mistakes");
    check(&"[[endpoint]]\n".repeat(70_000), "at most 500");
    check(&"[[endpoint]]\n".repeat(400), "more mistakes");
    check(&format!("[wifi]\nbands = [{}]", "\"2.4\",".repeat(100_000)), "at most 500");
    check("schema = 1\0", "TOML");
    check("\u{FEFF}\u{FEFF}id = 1", "TOML");
}

#[test]
fn a_port_is_matched_with_a_reason_that_claims_no_more_than_was_seen() {
    let catalog = Catalog::built_in();
    let usb = |vid, pid| PortFacts { vid: Some(vid), pid: Some(pid), ..PortFacts::default() };
    let text = |facts: PortFacts, product: &str| PortFacts { product: Some(product.into()), ..facts };
    let cases = [
        ("nothing known", PortFacts::default()),
        ("product text alone", text(PortFacts::default(), "KIS.BOX adapter")),
        ("product text over a bridge", text(usb(0x10c4, 0xea60), "KIS.BOX adapter")),
        ("CP210x", usb(0x10c4, 0xea60)),
        ("CH340", usb(0x1a86, 0x7523)),
        ("CH9102", usb(0x1a86, 0x55d4)),
        ("FT232R", usb(0x0403, 0x6001)),
        ("Espressif", usb(0x303a, 0x1001)),
        ("Zephyr sample", usb(0x2fe3, 0x0001)),
        ("Linux gadget", usb(0x0525, 0xa4a7)),
        ("unknown id", usb(0x1234, 0x5678)),
        ("hostile text", text(PortFacts::default(), "\u{202E}KIS.BOX\u{7}")),
    ];
    let mut page = String::new();
    for (name, facts) in cases {
        let _ = match catalog.match_port(&facts) {
            None => writeln!(page, "{name}: no profile"),
            Some(found) => writeln!(page, "{name}: {} by {}\n    {}", found.profile, found.driver, found.reason),
        };
    }
    insta::assert_snapshot!("ports", page);
}

#[test]
fn a_users_file_adds_or_replaces_and_a_bad_one_changes_nothing() {
    let file = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let own = GOOD.replace("a-b", "kis-me");
    let files =
        [file("new.toml", GOOD), file("kis.toml", &own), file("again.toml", GOOD), file("bad.toml", "schema = \"1\"")];
    let (catalog, problems) = Catalog::built_in().with_user_files(&files);
    assert_eq!(catalog.iter().count(), Catalog::built_in().iter().count() + 1);
    assert_eq!(catalog.get(&ProfileId::new("kis-me")).unwrap().name, "A");
    let shown: Vec<String> = problems.iter().map(|problem| format!("{}: {}", problem.code, problem.what)).collect();
    insta::assert_snapshot!("user-files", format!("{}\n\n{}", shown.join("\n"), list(&catalog, false)));
}

#[test]
fn the_driver_to_try_first_is_one_this_build_speaks() {
    let catalog = Catalog::built_in();
    let esp = catalog.get(&ProfileId::new("generic-esp")).unwrap();
    assert_eq!(esp.driver_for(LinkKind::Serial).unwrap().driver.as_str(), "improv");
    assert_eq!(esp.driver_for(LinkKind::Ble).unwrap().driver.as_str(), "esp-prov");
    assert!(esp.driver_for(LinkKind::Udp).is_none());
    assert_eq!(catalog.drivers_for(&esp.id, LinkKind::Serial).count(), 2);
    assert_eq!(catalog.drivers_for(&ProfileId::new("none"), LinkKind::Serial).count(), 0);
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in "\\PC*|[\\[\\]{}=\"'.a-z0-9\n ]*") {
        for error in parse_profile("f", &text).err().unwrap_or_default() {
            prop_assert!(error.line >= 1 && error.column >= 1);
            prop_assert!(error.line <= text.split('\n').count());
            error.explain();
        }
    }

    #[test]
    fn a_damaged_profile_never_panics(from in 0..5000usize, length in 0..200usize, with in "\\PC{0,8}") {
        let mut text: Vec<char> = EVERY_KEY.chars().collect();
        let from = from.min(text.len());
        let to = (from + length).min(text.len());
        text.splice(from..to, with.chars());
        let text: String = text.into_iter().collect();
        let (shown, is_good) = validate("f.toml", &text, false);
        prop_assert!(is_good || shown.contains("mistake"));
    }
}
