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
    let Table { header, rows, .. } = parse(named.as_bytes()).unwrap();
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

/// The codes of the mistakes with their places.
fn found(checked: &Checked) -> Vec<String> {
    checked.findings.iter().map(|finding| format!("{}: {}", finding.place(), finding.problem.code)).collect()
}

#[test]
fn a_row_with_more_cells_than_columns_is_a_mistake_with_its_row() {
    let ragged = "name,match,profile,password_file,ssid\nHall 1,serial:COM7,p,wifi.txt,Plant, Nord\n";
    assert_eq!(found(&check_text(ragged)), ["Row 2: manifest.more_cells"]);
    let trailing = "name,match,profile,password_file,ssid\nHall 1,serial:COM7,p,wifi.txt,Plant,, \n";
    assert_eq!(found(&check_text(trailing)), Vec::<String>::new(), "empty cells at the end say nothing");
    let fewer = format!("{HEADER},hidden\nHall 1,serial:COM7,p,Plant,wifi.txt");
    assert_eq!(found(&check_text(&fewer)), Vec::<String>::new());
}

#[test]
fn rows_are_numbered_as_a_spreadsheet_shows_them_whatever_ends_a_line() {
    let rows = ["A,serial:COM7,p,Plant,wifi.txt", "", "B,serial:COM8,nope,Plant,wifi.txt"].map(str::to_owned);
    for end in ["\r", "\n", "\r\n"] {
        let text = format!("{HEADER}{end}{}", rows.join(end));
        assert_eq!(found(&check_text(&text)), ["Row 4, column profile: manifest.profile_unknown"], "{end:?}");
    }
    // A line end inside quotes begins no row.
    let quoted = format!("{HEADER}\nA,serial:COM7,p,\"two\r\nlines\",wifi.txt\nB,serial:COM8,nope,Plant,wifi.txt");
    let expected = ["Row 2, column ssid: manifest.cell_control", "Row 3, column profile: manifest.profile_unknown"];
    assert_eq!(found(&check_text(&quoted)), expected);
}

#[test]
fn unicode_text_of_a_spreadsheet_is_read() {
    let text = "name\tmatch\r\nHalle Süd\tserial:x\r\n";
    for (mark, bytes) in [
        ([0xFF, 0xFE], text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>()),
        ([0xFE, 0xFF], text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
    ] {
        let table = parse(&[&mark[..], &bytes].concat()).unwrap();
        assert_eq!(table.rows, [(2, cells(&["Halle Süd", "serial:x"]))]);
    }
}

#[test]
fn one_gateway_in_two_spellings_stands_twice() {
    let twice = |one: &str, other: &str| {
        let text = format!("{HEADER}\nA,{one},p,Plant,wifi.txt\nB,{other},p,Plant,wifi.txt");
        found(&check_text(&text))
    };
    for (one, other) in [
        ("serial:COM7", "serial:com7"),
        ("serial:COM7", r"serial:\\.\COM7"),
        ("ble:C4:4F:33:00:12:AF", "ble:c4-4f-33-00-12-af"),
        ("ble:C4:4F:33:00:12:AF", "ble:c44f330012af"),
    ] {
        assert_eq!(twice(one, other), ["Row 3, column match: manifest.match_twice"], "{one} {other}");
    }
    assert_eq!(twice("serial:COM7", "serial:COM8"), Vec::<String>::new());
}

#[cfg(unix)]
#[test]
fn a_link_to_a_port_is_that_port() {
    let folder = tempfile::tempdir().unwrap();
    let (port, link) = (folder.path().join("ttyUSB0"), folder.path().join("by-id"));
    std::fs::write(&port, "").unwrap();
    std::os::unix::fs::symlink(&port, &link).unwrap();
    let real = |path: &std::path::Path| linesman::io::manifest::real_port(&path.display().to_string());
    assert_eq!(real(&link), real(&port));
    assert_eq!(linesman::io::manifest::real_port("COM7"), "COM7");
    assert_eq!(linesman::io::manifest::real_port("/dev/tty.usbserial-1"), "/dev/cu.usbserial-1");
}

/// A sheet with the usual columns; `edit` writes below them.
fn sheet_of(edit: impl FnOnce(&mut rust_xlsxwriter::Worksheet)) -> Table {
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    for (column, name) in (0..).zip(["name", "match", "profile", "ssid", "password_file", "hidden"]) {
        sheet.write(0, column, name).unwrap();
    }
    edit(sheet);
    parse(&book.save_to_buffer().unwrap()).unwrap()
}

fn write_row(sheet: &mut rust_xlsxwriter::Worksheet, row: u32, name: &str) {
    let place = format!("serial:{name}");
    for (column, text) in (0..).zip([name, place.as_str(), "p", "Plant", "wifi.txt"]) {
        sheet.write(row, column, text).unwrap();
    }
}

#[test]
fn a_cell_is_what_the_sheet_shows_or_a_mistake() {
    let check_cell = |write: &dyn Fn(&mut rust_xlsxwriter::Worksheet), expected: Result<&str, &str>| {
        let table = sheet_of(|sheet| {
            write_row(sheet, 1, "A");
            write(sheet);
        });
        let checked = check(&table, &mut World);
        match expected {
            Ok(ssid) => {
                assert_eq!(found(&checked), Vec::<String>::new());
                assert_eq!(checked.plans[0].network.as_ref().unwrap().ssid, ssid);
            }
            Err(code) => assert_eq!(found(&checked), [format!("Row 2, column ssid: {code}")]),
        }
    };
    let format = |code: &str| rust_xlsxwriter::Format::new().set_num_format(code);
    let number = |value: f64, code: &'static str| {
        move |sheet: &mut rust_xlsxwriter::Worksheet| {
            sheet.write_number_with_format(1, 3, value, &format(code)).unwrap();
        }
    };
    check_cell(
        &|sheet| {
            sheet.write_boolean(1, 3, true).unwrap();
        },
        Err("manifest.cell_not_text"),
    );
    check_cell(&number(12345.0, "00000000"), Ok("00012345"));
    check_cell(&number(12345.0, "General"), Ok("12345"));
    check_cell(&number(12345.0, "#,##0"), Err("manifest.cell_not_text"));
    check_cell(&number(0.5, "0%"), Err("manifest.cell_not_text"));
    check_cell(&number(45000.0, "yyyy-mm-dd"), Err("manifest.cell_not_text"));
    check_cell(&number(123_456_789_012.0, "General"), Err("manifest.cell_not_text"));
    check_cell(&number(2.0, "\"TRUE\";\"TRUE\";\"FALSE\""), Err("manifest.cell_not_text"));
    check_cell(
        &|sheet| {
            sheet.write(1, 3, "0050").unwrap();
        },
        Ok("0050"),
    );
    check_cell(
        &|sheet| {
            sheet.write(1, 3, " Plant ").unwrap();
        },
        Ok(" Plant "),
    );
    let formula = |text: &'static str| rust_xlsxwriter::Formula::new("=B9").set_result(text);
    check_cell(
        &|sheet| {
            sheet.write_formula(1, 3, formula("Plant 2")).unwrap();
        },
        Ok("Plant 2"),
    );
    check_cell(
        &|sheet| {
            sheet.write_formula(1, 3, formula("#REF!")).unwrap();
        },
        Err("manifest.cell_error"),
    );
}

#[test]
fn true_in_a_column_of_yes_and_no_is_yes() {
    let table = sheet_of(|sheet| {
        write_row(sheet, 1, "A");
        sheet.write_boolean(1, 5, true).unwrap();
    });
    let checked = check(&table, &mut World);
    assert_eq!(found(&checked), Vec::<String>::new());
    assert!(checked.plans[0].network.as_ref().unwrap().is_hidden);
}

#[test]
fn merged_cells_are_a_mistake_where_they_hide_what_belongs_to_a_row() {
    let table = sheet_of(|sheet| {
        write_row(sheet, 1, "A");
        write_row(sheet, 2, "B");
        sheet.merge_range(1, 3, 2, 3, "Plant", &rust_xlsxwriter::Format::new()).unwrap();
    });
    assert_eq!(found(&check(&table, &mut World)), ["Row 3, column ssid: manifest.cell_not_text"]);
}

#[test]
fn hidden_and_filtered_rows_are_skipped_and_told() {
    let table = sheet_of(|sheet| {
        for (row, name) in (1..).zip(["A", "B", "C", "D"]) {
            write_row(sheet, row, name);
        }
        sheet.set_row_hidden(2).unwrap();
        sheet.autofilter(0, 0, 4, 5).unwrap();
        sheet.filter_column(0, &rust_xlsxwriter::FilterCondition::new().add_list_filter("A")).unwrap();
        sheet.set_column_hidden(2).unwrap();
    });
    let checked = check(&table, &mut World);
    assert_eq!(found(&checked), Vec::<String>::new());
    let planned: Vec<&str> = checked.plans.iter().map(|plan| plan.name.as_str()).collect();
    assert_eq!(planned, ["A"]);
    let skipped = "3 rows are hidden and skipped (3, 4, 5): only what you see counts. Show them to include them";
    assert_eq!(checked.notes, [skipped, "The column profile is hidden and read all the same"]);
}

#[test]
fn of_several_sheets_the_first_that_shows_is_read_and_named() {
    let mut book = rust_xlsxwriter::Workbook::new();
    book.add_worksheet().set_hidden(true).write(0, 0, "an old list").unwrap();
    let sheet = book.add_worksheet().set_name("Halls").unwrap();
    sheet.set_active(true);
    for (column, name) in (0..).zip(["name", "match", "profile", "ssid", "password_file"]) {
        sheet.write(0, column, name).unwrap();
    }
    write_row(sheet, 1, "A");
    let checked = check(&parse(&book.save_to_buffer().unwrap()).unwrap(), &mut World);
    assert_eq!(checked.plans.len(), 1, "{:?}", found(&checked));
    assert_eq!(checked.notes, ["The sheet Halls is read; 1 other sheet is not"]);
}

#[test]
fn what_may_be_meant_otherwise_in_a_network_name_is_told_and_sent_as_it_stands() {
    let note = |ssid: &str| {
        let checked = check_text(&format!("{HEADER}\nA,serial:x,p,{ssid},wifi.txt"));
        assert_eq!(found(&checked), Vec::<String>::new());
        assert_eq!(checked.plans[0].network.as_ref().unwrap().ssid, ssid);
        checked.notes.join("|")
    };
    assert_eq!(note("Plant"), "");
    assert!(note("“Plant”").contains("quotes"));
    assert!(note("Plant\u{A0}2").contains("no-break space"));
    assert!(note("Cafe\u{301}").contains("accent"));
    assert!(note("Plant ").starts_with("Row 2: "), "{}", note("Plant "));
}

#[test]
fn files_that_are_no_manifest_are_told_apart() {
    assert_eq!(parse(b"name,match\nHall \xe4,x").unwrap_err(), ManifestError::NotUtf8 { line: 2 });
    assert_eq!(parse(b"\xff\xfen\0a").unwrap_err(), ManifestError::NotUtf8 { line: 1 });
    assert_eq!(parse(b"\xff\xfe\x00\xd8").unwrap_err(), ManifestError::NotUtf8 { line: 1 }, "half a pair");
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
