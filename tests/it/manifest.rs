//! Manifests: every mistake with its row and column on one page, and the forms in which spreadsheets write a table.

use std::fmt::Write as _;

use linesman::io::manifest::{ManifestError, parse};
use linesman::model::batch::{Checked, ProfileFacts, Surroundings, Table, check};
use linesman::model::ids::{DriverId, LinkKind};
use linesman::model::secret::Secret;
use linesman::model::wifi::WifiRules;

/// A world with one profile, one file of each kind and one secret.
struct World;

impl Surroundings for World {
    fn profile(&self, id: &str) -> Option<ProfileFacts> {
        (id == "p").then(|| ProfileFacts {
            rules: WifiRules::standard(),
            drivers: vec![(LinkKind::Serial, DriverId::Improv), (LinkKind::Ble, DriverId::EspProv)],
            credentials: vec![("token".into(), vec![DriverId::Improv]), ("key".into(), vec![DriverId::Smp])],
        })
    }

    fn file(&mut self, path: &str) -> Result<Secret<Vec<u8>>, String> {
        match path {
            "wifi.txt" => Ok(Secret::new(b"correct horse battery\r\nsecond line".to_vec())),
            "short.txt" => Ok(Secret::new(b"short".to_vec())),
            "binary" => Ok(Secret::new(vec![0xff, 0xfe, 0x00])),
            _ => Err("There is no such file".into()),
        }
    }

    fn secret(&self, name: &str) -> Option<Secret<String>> {
        (name == "site").then(|| Secret::new("correct horse battery".into()))
    }
}

fn check_text(text: &str) -> Checked {
    check(&parse(text.as_bytes()).unwrap(), &mut World)
}

const HEADER: &str = "name,match,profile,ssid,password_file";

#[test]
fn mistakes_are_named_with_row_and_column() {
    let long = "x".repeat(1200);
    let wide = vec!["x"; 70].join(",");
    let cases = [
        ("nothing at all", String::new()),
        ("names of columns alone", HEADER.into()),
        ("missing columns, and the rest is looked at", "name,ssid\nA,Office\nA,".into()),
        (
            "unknown, doubled and secret columns",
            format!("{HEADER},colour,SSID,Passphrase,Wi-Fi password\nA,serial:x,p,Office,wifi.txt,a,b,c,d"),
        ),
        ("a cell under no name", format!("{HEADER},\nA,serial:x,p,Office,wifi.txt,what")),
        ("too many columns", wide),
        ("empty cells", format!("{HEADER}\n,,,,\n ,serial:x,,Office,\nB,,p,,wifi.txt\nC,serial:y,p,,")),
        (
            "the same name and the same gateway",
            format!(
                "{HEADER}\nA,serial:x,p,Office,wifi.txt\na,serial:y,p,Office,wifi.txt\nB,serial:x,p,Office,wifi.txt"
            ),
        ),
        (
            "ways that are none",
            format!(
                "{HEADER}\nA,ttyUSB0,p,Office,wifi.txt\nB,ble:,p,Office,wifi.txt\nC,serial-number:,p,Office,wifi.txt\nD,udp:host,p,Office,wifi.txt\nE,usb:1,p,Office,wifi.txt"
            ),
        ),
        (
            "unknown profile and driver",
            format!(
                "{HEADER},driver\nA,serial:x,q,Office,wifi.txt,\nB,serial:y,p,Office,wifi.txt,improve\nC,http:h,p,Office,wifi.txt,linux-console\nD,http:i,p,Office,wifi.txt,"
            ),
        ),
        (
            "files and secrets",
            format!(
                "{HEADER},pop_file\nA,serial:x,p,Office,missing.txt,\nB,serial:y,p,Office,binary,\nC,serial:z,p,Office,wifi.txt,gone\nD,serial:w,p,Office,short.txt,\nE,serial:v,p,A name of more than thirty-two octets,wifi.txt,"
            ),
        ),
        (
            "credentials",
            format!(
                "{HEADER},credential:token,credential:key,credential:other\nA,serial:x,p,Office,wifi.txt,gone,,\nB,serial:y,p,Office,wifi.txt,,wifi.txt,\nC,serial:z,p,Office,wifi.txt,,,wifi.txt"
            ),
        ),
        ("nothing to send", "name,match,profile,credential:token\nA,serial:x,p,".into()),
        ("neither yes nor no", format!("{HEADER},hidden\nA,serial:x,p,Office,wifi.txt,perhaps")),
        (
            "cells that are none",
            format!(
                "{HEADER}\n{long},serial:x,p,Office,wifi.txt\n\"two\nlines\",serial:y,p,Office,wifi.txt\nB,serial:z,p,#REF!,wifi.txt"
            ),
        ),
    ];
    let mut page = String::new();
    for (name, text) in cases {
        let checked = check_text(&text);
        writeln!(page, "{name}\n{}", "=".repeat(name.chars().count())).unwrap();
        for finding in &checked.findings {
            let problem = &finding.problem;
            writeln!(page, "{} [{}] {} | {}", finding.place(), problem.code, problem.what, problem.likely_cause)
                .unwrap();
        }
        assert!(!checked.findings.is_empty(), "{name}: no mistake found");
        page.push('\n');
    }
    insta::assert_snapshot!(page);
}

#[test]
fn a_cell_that_may_hold_a_secret_is_never_repeated() {
    let secret = "Tr0ub4dor&3-canary";
    for column in ["password_file", "pop_file", "credential:token"] {
        let text = if column == "password_file" {
            format!("{HEADER}\nA,serial:x,p,Office,{secret}\nB,serial:y,p,Office,@{secret}")
        } else {
            format!("{HEADER},{column}\nA,serial:x,p,Office,wifi.txt,{secret}")
        };
        let checked = check_text(&text);
        assert!(!checked.findings.is_empty(), "{column}");
        let all = format!("{:?} {:?} {:?}", checked.findings, checked.lacking, checked.wanted);
        assert!(!all.contains("Tr0ub4dor"), "{all}");
    }
}

#[test]
fn a_good_manifest_becomes_orders() {
    let text = format!(
        "{HEADER},driver,hidden,username,credential:token\n\
         Hall 1,serial:/dev/ttyUSB0,p,Office,wifi.txt,,,,wifi.txt\n\
         Hall 2,ble:c4:4f:33:00:12:af,p,Office,@site,,yes,admin,\n\
         \n\
         Hall 3,serial-number: A50285BI,p, Office ,open,improv,,,\n\
         Hall 4,serial:COM7,p,,,,,,wifi.txt\n"
    );
    let checked = check_text(&text);
    assert_eq!(checked.findings, []);
    let shown: Vec<String> = checked
        .plans
        .iter()
        .map(|plan| {
            let network = plan.network.as_ref().map(|draft| {
                format!("“{}” {} {} {}", draft.ssid, draft.passphrase.expose().len(), draft.is_open, draft.is_hidden)
            });
            let sent: Vec<&str> = plan.credentials.iter().map(|(id, _)| id.as_str()).collect();
            format!("{} {} {} {} {network:?} {sent:?}", plan.row, plan.name, plan.place, plan.driver)
        })
        .collect();
    assert_eq!(
        shown,
        [
            "2 Hall 1 serial:/dev/ttyUSB0 improv Some(\"“Office” 21 false false\") [\"token\"]",
            "3 Hall 2 ble:C4:4F:33:00:12:AF esp-prov Some(\"“Office” 21 false true\") []",
            "5 Hall 3 serial-number:A50285BI improv Some(\"“ Office ” 0 true false\") []",
            "6 Hall 4 serial:COM7 improv None [\"token\"]",
        ]
    );
    assert_eq!(checked.plans[1].access.username.as_deref(), Some("admin"));
    let contents: Vec<&str> = checked.plans.iter().map(|plan| plan.content.as_str()).collect();
    assert!(contents.iter().all(|content| !content.contains("horse")), "{contents:?}");
}

#[test]
fn a_secret_that_is_given_later_is_no_mistake_yet() {
    let checked = check_text(&format!("{HEADER}\nA,serial:x,p,Office,@other\nB,serial:y,p,Office,@site"));
    assert_eq!((checked.findings.len(), checked.lacking.len(), checked.plans.len()), (0, 1, 2));
    assert_eq!(checked.wanted.iter().map(String::as_str).collect::<Vec<_>>(), ["other"]);
    assert_eq!(checked.lacking[0].place(), "Row 2, column password_file");
}

#[test]
fn every_form_of_csv_reads_the_same() {
    let plain = "name,match\nHall 1,serial:x\n\n\"Hall, 2\",\"say \"\"hi\"\"\"\n";
    let expected = parse(plain.as_bytes()).unwrap();
    assert_eq!(expected.rows, [(2, cells(&["Hall 1", "serial:x"])), (4, cells(&["Hall, 2", "say \"hi\""]))]);
    let semicolons = "name;match\r\nHall 1;serial:x\r\n\r\n\"Hall, 2\";\"say \"\"hi\"\"\"\r\n";
    let tabs = "name\tmatch\nHall 1\tserial:x\n\nHall, 2\t\"say \"\"hi\"\"\"";
    let named = "sep=;\nname;match\nHall 1;serial:x\n\nHall, 2;\"say \"\"hi\"\"\"";
    for text in
        [plain.to_owned(), semicolons.into(), tabs.into(), format!("\u{FEFF}{plain}"), format!("\u{FEFF}{semicolons}")]
    {
        assert_eq!(parse(text.as_bytes()).unwrap(), expected, "{text:?}");
    }
    let Table { header, rows } = parse(named.as_bytes()).unwrap();
    assert_eq!(
        (header, rows),
        (expected.header, vec![(3, cells(&["Hall 1", "serial:x"])), (5, cells(&["Hall, 2", "say \"hi\""]))])
    );
}

fn cells(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn a_sheet_reads_with_the_rows_a_person_sees() {
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    for (column, name) in (0..).zip(["name", "match", "profile", "ssid", "password_file"]) {
        sheet.write(2, column, name).unwrap();
    }
    // A serial number typed as a number, a formula, a blank row between.
    for (column, text) in (0..).zip(["Hall 1", "serial:x", "p", "Office", "wifi.txt"]) {
        sheet.write(3, column, text).unwrap();
    }
    sheet.write_formula(5, 0, rust_xlsxwriter::Formula::new("=\"Hall \"&2").set_result("Hall 2")).unwrap();
    sheet.write(5, 1, "serial:y").unwrap();
    sheet.write(5, 2, "p").unwrap();
    sheet.write_number(5, 3, 4711.0).unwrap();
    sheet.write(5, 4, "wifi.txt").unwrap();
    book.add_worksheet().write(0, 0, "another sheet").unwrap();
    let table = parse(&book.save_to_buffer().unwrap()).unwrap();
    assert_eq!(
        table.rows,
        [
            (4, cells(&["Hall 1", "serial:x", "p", "Office", "wifi.txt"])),
            (6, cells(&["Hall 2", "serial:y", "p", "4711", "wifi.txt"]))
        ]
    );
    assert_eq!(check(&table, &mut World).findings, []);
}

#[test]
fn files_that_are_no_manifest_are_told_apart() {
    assert_eq!(parse(b"name,match\nHall \xe4,x").unwrap_err(), ManifestError::NotUtf8 { line: 2 });
    assert_eq!(parse(b"\xff\xfen\0a\0").unwrap_err(), ManifestError::NotUtf8 { line: 1 });
    assert_eq!(parse(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1").unwrap_err(), ManifestError::OldOrLocked);
    assert!(matches!(parse(b"PK\x03\x04 cut off").unwrap_err(), ManifestError::BadSheet { .. }));
    assert_eq!(parse(b"").unwrap(), Table::default());
}

#[test]
fn a_sheet_that_becomes_too_much_is_refused_before_it_does() {
    // A cell in the last corner: as a whole sheet it would be 17 thousand million cells.
    let mut book = rust_xlsxwriter::Workbook::new();
    book.add_worksheet().write(1_048_575, 16_383, "far").unwrap();
    assert_eq!(parse(&book.save_to_buffer().unwrap()).unwrap_err(), ManifestError::TooMuch);

    // A part that unpacks to 200 MB out of a few hundred kilobytes.
    let mut bomb = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    bomb.start_file("xl/sharedStrings.xml", options).unwrap();
    let zeros = vec![b' '; 1_000_000];
    for _ in 0..200 {
        std::io::Write::write_all(&mut bomb, &zeros).unwrap();
    }
    let bomb = bomb.finish().unwrap().into_inner();
    assert!(bomb.len() < 1_000_000, "{}", bomb.len());
    assert_eq!(parse(&bomb).unwrap_err(), ManifestError::TooMuch);
}

#[test]
fn rows_beyond_the_limit_are_counted_and_not_kept() {
    let mut text = format!("{HEADER}\n");
    for number in 0..100_000 {
        writeln!(text, "G{number},serial:{number},p,Office,wifi.txt").unwrap();
    }
    let table = parse(text.as_bytes()).unwrap();
    assert!(table.rows.len() <= 2001, "{}", table.rows.len());
    assert_eq!(check(&table, &mut World).findings[0].problem.code, "manifest.too_many_rows");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(256))]

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..600)) {
        if let Ok(table) = parse(&bytes) {
            let _ = check(&table, &mut World);
        }
        let mut zip = b"PK\x03\x04".to_vec();
        zip.extend(&bytes);
        let _ = parse(&zip);
    }

    #[test]
    fn no_cells_panic(text in "(name|match|profile|ssid|password_file|credential:token|[a-z:@;,\"\n= -]{0,12}|,|\n){0,40}") {
        if let Ok(table) = parse(text.as_bytes()) {
            let _ = check(&table, &mut World);
        }
    }
}

#[test]
fn the_page_and_its_sample_are_good() {
    /// A world in which every profile and file of the page is there.
    struct Page;

    impl Surroundings for Page {
        fn profile(&self, _id: &str) -> Option<ProfileFacts> {
            World.profile("p").map(|facts| ProfileFacts {
                credentials: vec![("registration-token".into(), vec![DriverId::Improv])],
                drivers: Vec::new(),
                ..facts
            })
        }

        fn file(&mut self, _path: &str) -> Result<Secret<Vec<u8>>, String> {
            World.file("wifi.txt")
        }

        fn secret(&self, name: &str) -> Option<Secret<String>> {
            World.secret(name)
        }
    }

    let page = include_str!("../../docs/manifest.md");
    let example = page.split("```csv\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    for text in [example, include_str!("../../docs/manifest-sample.csv")] {
        let checked = check(&parse(text.as_bytes()).unwrap(), &mut Page);
        assert_eq!((checked.findings, checked.plans.len()), (Vec::new(), 4), "{text}");
    }
    let columns =
        "name match profile ssid password_file driver hidden username pop_file allow_unprotected credential:ID";
    for column in columns.split(' ') {
        assert!(page.contains(&format!("| `{column}`")), "{column} is not described");
    }
}
