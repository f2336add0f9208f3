//! Site and override files as their authors meet them: the reference pages, every key, mistakes with their places.

use linesman::backend::site_files::load_overrides;
use linesman::profile::overrides::{self, parse_overrides};
use linesman::profile::schema::Shape;

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
