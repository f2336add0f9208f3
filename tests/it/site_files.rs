//! Site and override files as their authors meet them: the reference pages, every key, mistakes with their places.

use linesman::backend::site_files::load_overrides;
use linesman::check::evidence::About;
use linesman::model::ids::ProfileId;
use linesman::profile::overrides::{self, parse_overrides};
use linesman::profile::schema::Shape;
use linesman::profile::site::{self, parse_site};

use crate::program::Place;

const SITE_PAGE: &str = include_str!("../../docs/site.md");
const OVERRIDES_PAGE: &str = include_str!("../../docs/overrides.md");

/// Each table has a heading, each key a row below it.
fn assert_page_has(page: &str, shapes: impl Iterator<Item = &'static Shape>) {
    for shape in shapes {
        let is_table = shape.name.starts_with('[');
        assert!(!is_table || page.contains(&format!("## `{}`", shape.name)), "no heading for {}", shape.name);
        let section = if is_table { page.split(&format!("## `{}`", shape.name)).nth(1).unwrap() } else { page };
        let section = if is_table { section.split("\n## ").next().unwrap() } else { section };
        for key in shape.keys.iter() {
            assert!(section.contains(&format!("\n| `{key}`")), "{key} of {} is not on the page", shape.name);
        }
    }
}

fn example(page: &str) -> &str {
    page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap()
}

/// A key that the loader forgets to read would accept anything: a date fits no key.
fn assert_every_key_is_read<T, E>(
    text: &str,
    parse: impl Fn(&str) -> Result<T, Vec<E>>,
    line_of: impl Fn(&E) -> usize,
) {
    let lines: Vec<&str> = text.lines().collect();
    for (number, line) in lines.iter().enumerate() {
        let Some((key, _)) = line.split_once(" = ") else { continue };
        let broken = format!("{key} = 1979-05-27");
        let text = lines.iter().enumerate().map(|(at, line)| if at == number { &broken } else { *line });
        let errors = parse(&text.collect::<Vec<_>>().join("\n")).err().unwrap_or_default();
        assert!(errors.iter().any(|error| line_of(error) == number + 1), "{line} is not read");
    }
}

#[test]
fn the_page_of_override_files_mentions_every_key_and_its_example_is_good() {
    assert_page_has(OVERRIDES_PAGE, overrides::all());
    let file = parse_overrides("example", example(OVERRIDES_PAGE)).unwrap();
    assert_eq!(file.lines().len(), 5);
    assert_every_key_is_read(example(OVERRIDES_PAGE), |text| parse_overrides("f", text), |error| error.line);
}

#[test]
fn roots_of_an_override_file_are_read_beside_it_and_every_missing_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("overrides.toml");
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap().self_signed(&key).unwrap();
    std::fs::write(folder.path().join("ca.pem"), certificate.pem()).unwrap();
    std::fs::write(&path, "[trust]\nroots = ['ca.pem']").unwrap();
    let (overrides, lines) = load_overrides(&path).unwrap();
    assert_eq!(overrides.roots, [certificate.der().to_vec()]);
    assert_eq!(lines, ["The root certificates of ca.pem are trusted"]);

    std::fs::write(&path, "[trust]\nroots = ['a.pem', 'ca.pem', 'b.pem']").unwrap();
    let codes: Vec<&str> = load_overrides(&path).unwrap_err().iter().map(|problem| problem.code).collect();
    assert_eq!(codes, ["files.not_found", "files.not_found"]);
    std::fs::write(&path, "[trust]\nroots = 1\n[dns]\nserver = 2").unwrap();
    let codes: Vec<&str> = load_overrides(&path).unwrap_err().iter().map(|problem| problem.code).collect();
    assert_eq!(codes, ["overrides.wrong_type", "overrides.missing_key", "overrides.unknown_key"]);
}

#[test]
fn the_page_of_site_files_mentions_every_key_and_its_example_is_good() {
    assert_page_has(SITE_PAGE, site::schema::all());
    let site = parse_site("example", example(SITE_PAGE)).unwrap();
    assert_eq!((site.name.as_str(), site.gateways.len(), site.hosts.len()), ("Hall 3", 1, 2));
    for shape in site::schema::all() {
        assert!(shape.keys.iter().all(|key| example(SITE_PAGE).contains(key)), "{} of the example", shape.name);
    }
    assert_every_key_is_read(example(SITE_PAGE), |text| parse_site("f", text), |error| error.line);
}

#[test]
fn a_site_fills_in_what_a_check_was_not_told() {
    let site = parse_site("example", example(SITE_PAGE)).unwrap();
    let named = |profile: &str| About { profile: Some(ProfileId::new(profile)), ..About::default() };
    let about = named("my-gateway").at_site(&site);
    assert_eq!(
        (about.site.as_str(), about.ssid.as_str(), about.subnet.as_str()),
        ("Hall 3", "Site-IoT", "192.0.2.0/24")
    );
    assert_eq!(about.gateway, "192.0.2.17");
    assert_eq!(about.hosts["broker"], ["broker.example:8883"]);
    assert_eq!(about.hosts["*.blob.core.windows.net"], ["customer0815.blob.core.windows.net"]);
    let other = named("another").at_site(&site);
    assert_eq!((other.hosts.len(), other.gateway.as_str()), (1, ""));
    let mut own = named("my-gateway");
    own.hosts.insert("broker".into(), vec!["mine.example".into()]);
    own.ssid = "Mine".into();
    let own = own.at_site(&site);
    assert_eq!((own.hosts["broker"].as_slice(), own.ssid.as_str()), (&["mine.example".to_owned()][..], "Mine"));
}

#[test]
fn sites_are_listed_shown_and_checked_by_name_and_by_path() {
    let place = Place::new();
    assert_eq!(place.run_json(&["site", "list"]).expect(0).result()["sites"], 0);
    std::fs::create_dir_all(place.data().join("sites")).unwrap();
    std::fs::write(place.data().join("sites/hall-3.toml"), example(SITE_PAGE)).unwrap();
    let listed = place.run_json(&["site", "list"]).expect(0).lines();
    assert_eq!((&listed[0]["name"], &listed[1]["sites"]), (&"Hall 3".into(), &1.into()));
    let shown = place.run_json(&["site", "show", "hall-3"]).expect(0).lines();
    let kinds: Vec<&str> = shown.iter().map(|line| line["kind"].as_str().unwrap()).collect();
    // No profile `my-gateway` is here, and none of the built-in ones asks for its broker.
    assert_eq!(kinds, ["site", "expected", "site-host", "site-host", "note", "note", "summary"]);
    let path = place.write("elsewhere.toml", example(SITE_PAGE));
    assert_eq!(place.run_json(&["site", "validate", &path]).expect(0).result()["valid"], true);
    assert!(place.run(&["site", "show", &path]).expect(0).out.contains("Behind the compressor"));
    let secret = place.write("bad.toml", "schema = 1\nname = 'S'\n[network]\npassword = 'hunter22'\n");
    let ran = place.run_json(&["site", "validate", &secret]).expect(1);
    assert_eq!((&ran.lines()[0]["code"], &ran.lines()[0]["line"]), (&"site.secret".into(), &4.into()));
    assert!(!ran.out.contains("hunter22"));
    assert_eq!(place.run_json(&["site", "show", &secret]).expect(2).result()["valid"], false);
    assert_eq!(place.run_json(&["site", "show", "nowhere"]).expect(2).result()["code"], "files.not_found");
}

#[test]
fn what_was_found_is_held_against_a_site() {
    let place = Place::new();
    let sim = place.sim(&[]);
    let file = |serial: &str, firmware: &str| {
        format!(
            "schema = 1\nname = 'S'\n[[gateway]]\nname = 'Here'\nmatch = '{}'\n{serial}{firmware}[[gateway]]\nname = 'Away'\n",
            sim.link
        )
    };
    let site = place.write("site.toml", file("serial_number = 'X1'\n", "firmware = '0.0.1'\n"));
    let search = ["discover", "--ask", "--port", &sim.port];
    let ran = place.run_json(&[&search[..], &["--site", &site]].concat()).expect(1);
    let compared: Vec<_> = ran.lines().into_iter().filter(|line| line["kind"] == "compared").collect();
    assert_eq!((&compared[0]["name"], &compared[0]["fit"]), (&"Here".into(), &"different".into()));
    assert_eq!(compared[0]["differences"][0]["fact"], "firmware");
    assert_eq!(compared[0]["not_checked"][0], "serial-number", "nobody told a serial number");
    assert_eq!((&compared[1]["name"], &compared[1]["fit"]), (&"Away".into(), &"missing".into()));

    let found = place.write("found.jsonl", place.run_json(&search).expect(0).out);
    let again = place.run_json(&["site", "compare", &site, "--found", &found]).expect(1);
    assert_eq!(again.result()["different"], 1);
    let only = place
        .write("only.toml", format!("schema = 1\nname = 'S'\n[[gateway]]\nname = 'Here'\nmatch = '{}'\n", sim.link));
    let whole = place.run_json(&["site", "compare", &only, "--found", &found]);
    assert_eq!(whole.result()["as_expected"], 1, "{whole:#?}");
    let none = place.run_json(&["site", "compare", &only, "--records"]).expect(1);
    assert_eq!(none.result()["missing"], 1);
}

#[cfg(unix)]
#[test]
fn records_of_a_site_are_those_of_its_name_and_gateways() {
    let place = Place::new();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let file = crate::check_cli::overrides(&place, closed, None);
    let site = place.write("site.toml", "schema = 1\nname = 'Hall 3'\n");
    let check = ["check", "--profile", "casambi-cloud-gateway", "--rows", crate::check_cli::ROW, "--override", &file];
    place.run_json(&check).expect(1);
    place.run_json(&[&check[..], &["--site", &site]].concat()).expect(1);
    let jobs = |more: &[&str]| {
        let lines = place.run_json(&[&["records", "list"], more].concat()).expect(0).lines();
        let jobs = lines.iter().filter(|line| line["kind"] == "job").map(|line| line["gateway"].to_string());
        jobs.collect::<Vec<_>>()
    };
    assert_eq!(jobs(&[]).len(), 2);
    assert_eq!(jobs(&["--site", &site]), ["\"Hall 3\""]);
    let other = place.write("other.toml", "schema = 1\nname = 'Hall 4'\n");
    assert_eq!(jobs(&["--site", &other]), [""; 0]);
}
