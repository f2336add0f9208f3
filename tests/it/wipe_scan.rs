//! `linesman wipe scan` against images that the system's own tools make: deleted and overwritten files, an erased entry in
//! flash, a card with a partition table.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::peers;
use crate::program::{Place, Ran, text_of};

const PASSPHRASE: &str = "correct horse battery";
const SSID: &str = "Site-Office";

fn scan(place: &Place, image: &Path, arguments: &[&str]) -> Ran {
    let secret = place.write("wifi.txt", format!("{PASSPHRASE}\n"));
    let image = text_of(image);
    place.run_json(&[&["wipe", "scan", &image, "--secret-file", &secret], arguments].concat())
}

fn copies(ran: &Ran) -> Vec<Value> {
    ran.lines().into_iter().filter(|line| line["kind"] == "copy").collect()
}

/// Runs a tool of the system, found where administrators have theirs.
fn tool(name: &str, arguments: &[&str]) -> Option<()> {
    let path = ["/usr/sbin", "/sbin", "/usr/bin"].map(|folder| PathBuf::from(folder).join(name));
    let program = path.into_iter().find(|path| path.exists())?;
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{name} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(())
}

/// An ext4 image with a file in each of three folders, or nothing where the tools are missing.
fn ext4(place: &Place) -> Option<PathBuf> {
    let why = "images of cards are made with it (Debian: apt install e2fsprogs)";
    let tree = place.path("tree");
    for (folder, text) in [
        ("kept", format!("[wifi-security]\npsk={PASSPHRASE}\n")),
        ("deleted", format!("network:\n  password: \"{PASSPHRASE}\"\n")),
        ("overwritten", format!("psk={PASSPHRASE}\n")),
    ] {
        std::fs::create_dir_all(tree.join(folder)).unwrap();
        std::fs::write(tree.join(folder).join("wifi"), text).unwrap();
    }
    let image = place.path("card.img");
    std::fs::File::create(&image).unwrap().set_len(8 << 20).unwrap();
    let made = tool("mkfs.ext4", &["-q", "-F", "-d", &text_of(&tree), &text_of(&image)]);
    if !peers::require("e2fsprogs", made.is_some(), why) {
        return None;
    }
    // The name goes, and the block is free; its octets stay.
    tool("debugfs", &["-w", "-R", "rm /deleted/wifi", &text_of(&image)])?;
    Some(image)
}

/// Overwrites a file in its place, as a program does that opens it and writes.
fn overwrite(image: &Path, offset: u64) {
    use std::io::{Seek as _, SeekFrom, Write as _};
    let mut file = std::fs::File::options().write(true).open(image).unwrap();
    file.seek(SeekFrom::Start(offset)).unwrap();
    file.write_all(&[0; PASSPHRASE.len()]).unwrap();
}

fn held(copies: &[Value]) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut held: Vec<_> =
        copies.iter().map(|copy| (text(&copy["held"]["kind"]), text(&copy["held"]["name"]))).collect();
    held.sort();
    held
}

#[test]
fn a_deleted_file_is_found_and_an_overwritten_one_is_not() {
    let place = Place::new();
    let Some(image) = ext4(&place) else { return };
    let found = scan(&place, &image, &[]).expect(1);
    let expected = [("file", "/kept/wifi"), ("file", "/overwritten/wifi"), ("free", "")];
    assert_eq!(held(&copies(&found)), expected.map(|(kind, name)| (kind.to_owned(), name.to_owned())), "{found:#?}");
    let of = |name: &str| copies(&found).into_iter().find(|copy| copy["held"]["name"] == name).unwrap();
    assert_eq!(of("/kept/wifi")["setting"], "psk= of NetworkManager or wpa_supplicant");
    overwrite(&image, of("/overwritten/wifi")["offset"].as_u64().unwrap());
    let found = scan(&place, &image, &[]).expect(1);
    assert_eq!(held(&copies(&found)).len(), 2, "{found:#?}");
    assert!(!found.out.contains(PASSPHRASE) && !found.err.contains(PASSPHRASE));
    let records = place.run_json(&["records", "list"]).expect(0);
    assert_eq!(
        (&records.lines()[0]["action"], &records.lines()[0]["outcome"]),
        (&"card-scan".into(), &"findings".into())
    );
}

#[test]
fn a_file_system_in_a_partition_is_asked_as_well() {
    let place = Place::new();
    let Some(image) = ext4(&place) else { return };
    let start = 2048_u32;
    let mut card = vec![0_u8; start as usize * 512];
    card[446 + 4] = 0x83;
    card[446 + 8..446 + 12].copy_from_slice(&start.to_le_bytes());
    card[510..512].copy_from_slice(&[0x55, 0xAA]);
    card.extend(std::fs::read(&image).unwrap());
    let whole = place.path("whole.img");
    std::fs::write(&whole, card).unwrap();
    let found = scan(&place, &whole, &[]).expect(1);
    assert_eq!(held(&copies(&found))[0], ("file".to_owned(), "/kept/wifi".to_owned()), "{found:#?}");
}

#[test]
fn every_form_of_a_secret_is_found_and_a_clean_medium_says_no_more_than_that() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let place = Place::new();
    let image = place.path("image");
    std::fs::write(&image, vec![0x5A; 300_000]).unwrap();
    let clean = scan(&place, &image, &["--ssid", SSID]).expect(0);
    assert_eq!(clean.result()["copies"], 0);
    let text = place.run(&["wipe", "scan", &text_of(&image), "--secret-file", &place.write("w", PASSPHRASE)]).expect(0);
    assert!(text.out.contains("No copy found in the addressable area"), "{text:#?}");
    let hex: String = linesman::model::text::hex(PASSPHRASE.as_bytes());
    let wide: Vec<u8> = PASSPHRASE.encode_utf16().flat_map(u16::to_le_bytes).collect();
    // From wpa_passphrase of wpa_supplicant, for this network and passphrase.
    let derived = linesman::model::psk::derive_hex(
        PASSPHRASE.as_bytes(),
        &linesman::model::wifi::Ssid::from_octets(SSID).unwrap(),
    );
    let parts: [&[u8]; 6] = [
        b"correct%20horse%20battery",
        hex.as_bytes(),
        STANDARD.encode(format!("xx{PASSPHRASE}yy")).as_bytes(),
        &wide,
        derived.expose().as_bytes(),
        PASSPHRASE.as_bytes(),
    ]
    .map(|part| &*part.to_vec().leak());
    std::fs::write(&image, parts.join(&b"\n\xff\n"[..])).unwrap();
    let found = scan(&place, &image, &["--ssid", SSID]).expect(1);
    let forms: Vec<Value> = copies(&found).into_iter().map(|copy| copy["form"].clone()).collect();
    assert_eq!(forms, ["url", "hex", "base64", "utf-16-le", "text", "text"], "{found:#?}");
    assert!(copies(&found).iter().any(|copy| copy["secret"] == "key derived of wifi.txt"));
}

/// What Espressif's own generator writes: credentials as its Wi-Fi stack keeps them.
const NVS_CSV: &str = "key,type,encoding,value\nnvs.net80211,namespace,,\nsta.ssid,data,string,Site-Office\n\
                       sta.pswd,data,string,correct horse battery\n";

#[test]
fn an_erased_entry_is_found_in_a_dump_of_flash() {
    let place = Place::new();
    let Some(python) = crate::python::with_packages("esp-nvs") else { return };
    let (csv, partition) = (place.write("nvs.csv", NVS_CSV), place.path("nvs.bin"));
    let made = Command::new(python)
        .args(["-m", "esp_idf_nvs_partition_gen", "generate", &csv, &text_of(&partition), "0x6000"])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let mut nvs = std::fs::read(&partition).unwrap();
    // As nvs_erase_key does: the two bits of each entry go from written to erased, and the octets stay.
    nvs[32..64].fill(0);
    let mut flash = vec![0xFF; 4 << 20];
    flash[0x9000..0x9000 + nvs.len()].copy_from_slice(&nvs);
    let dump = place.path("flash.bin");
    std::fs::write(&dump, flash).unwrap();
    let found = scan(&place, &dump, &[]).expect(1);
    let copies = copies(&found);
    assert_eq!(copies.len(), 1, "{found:#?}");
    assert_eq!((&copies[0]["setting"], &copies[0]["form"]), (&"sta.pswd of NVS".into(), &"text".into()));
    let offset = copies[0]["offset"].as_u64().unwrap();
    assert!((0x9000..0xF000).contains(&offset), "{offset:#x}");
}

#[test]
fn what_cannot_be_read_is_never_clean() {
    let place = Place::new();
    scan(&place, &place.path("nothing"), &[]).expect_problem(3, "scan.not_found");
    let image = place.path("image");
    std::fs::write(&image, "x").unwrap();
    let short = place.write("short", "abc");
    place
        .run_json(&["wipe", "scan", &text_of(&image), "--secret-file", &short])
        .expect_problem(2, "scan.nothing_sought");
}

#[test]
fn what_holds_nothing_to_search_is_refused_and_not_called_clean() {
    let place = Place::new();
    let folder = place.path("folder");
    std::fs::create_dir(&folder).unwrap();
    scan(&place, &folder, &[]).expect_problem(3, "scan.no_medium");
    let empty = PathBuf::from(place.write("empty.img", ""));
    scan(&place, &empty, &[]).expect_problem(3, "scan.empty");
    // A pipe would be waited for, and no signal ends such a wait.
    #[cfg(unix)]
    if let Some(()) = tool("mkfifo", &[&text_of(&place.path("pipe"))]) {
        scan(&place, &place.path("pipe"), &[]).expect_problem(3, "scan.no_medium");
    }
}

#[test]
fn a_secret_that_is_too_short_is_named_and_nothing_is_claimed_of_it() {
    let place = Place::new();
    let image = place.path("image");
    std::fs::write(&image, vec![0x5A; 30_000]).unwrap();
    let pin = place.write("pin.txt", "12345");
    let ran = scan(&place, &image, &["--secret-file", &pin]).expect(4);
    let result = ran.result();
    assert_eq!((&result["copies"], &result["left_out"]), (&0.into(), &serde_json::json!(["pin.txt"])), "{ran:#?}");
    let wifi = place.write("wifi.txt", PASSPHRASE);
    let text = place.run(&["wipe", "scan", &text_of(&image), "--secret-file", &wifi, "--secret-file", &pin]).expect(4);
    assert!(text.out.contains("Not searched for: pin.txt"), "{}", text.out);
    assert!(!text.out.contains("12345") && !text.out.contains("area: "), "{}", text.out);
    let records = place.run_json(&["records", "list"]).expect(0);
    assert_eq!(records.lines()[0]["outcome"], "incomplete");
}
