//! What the README and the other pages say: its commands are ones the program takes, its names stand in the window, its
//! table of drivers is the program's, and what it calls off at first is off.

use std::path::{Path, PathBuf};

use clap::Parser as _;
use linesman::cli::args::Cli;
use linesman::model::drivers::Place;
use linesman::model::ids::{DriverId, LinkKind};
use linesman::model::settings::Settings;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file below a folder with this ending.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.extension().is_some_and(|extension| extension == ending) {
            found.push(path);
        }
    }
    found
}

/// The commands in the fenced blocks of a page, each with its continued lines.
fn commands(page: &str) -> Vec<String> {
    let blocks = page.split("```").skip(1).step_by(2);
    let shells = blocks.filter_map(|block| block.strip_prefix("sh\n"));
    let joined: Vec<String> = shells.map(|block| block.replace("\\\n", " ")).collect();
    let lines = joined.iter().flat_map(|block| block.lines());
    lines.filter(|line| line.starts_with("linesman ")).map(str::to_owned).collect()
}

/// The words of a command as a shell splits it; whatever follows a `#` or a `>` is not for the program.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for letter in command.chars() {
        match (quote, letter) {
            (Some(open), _) if open == letter => quote = None,
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, '#' | '>' | '|') if word.is_none() => break,
            (None, ' ') => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

#[test]
fn every_command_of_the_pages_is_one_that_the_program_takes() {
    let mut count = 0;
    let pages = ["README.md", "CONTRIBUTING.md"].map(|page| root().join(page));
    for page in pages.into_iter().chain(files(&root().join("docs"), "md")).chain(files(&root().join("dist"), "md")) {
        for command in commands(&read(&page)) {
            count += 1;
            if let Err(error) = Cli::try_parse_from(words(&command)) {
                let is_an_answer = matches!(error.exit_code(), 0);
                assert!(is_an_answer, "{}: {command}\n{error}", page.display());
            }
        }
    }
    assert!(count > 10, "{count} commands were found");
}

#[test]
fn commands_are_split_as_a_shell_does() {
    let split = words(r#"linesman publish --topic 'a b' --payload "" x  # and a comment"#);
    assert_eq!(split, ["linesman", "publish", "--topic", "a b", "--payload", "", "x"]);
}

#[test]
fn what_the_readme_sets_in_bold_is_a_name_in_the_window() {
    const EMPHASIS: [&str; 6] = ["joined", "refused", "unknown", "assumes", "unencrypted", "over the air"];
    let sources: Vec<String> = files(&root().join("src/ui"), "rs").iter().map(read).collect();
    let screens: Vec<String> = files(&root().join("src/app"), "rs").iter().map(read).collect();
    let readme = read("README.md");
    let names: Vec<&str> = readme.split("**").skip(1).step_by(2).filter(|name| !EMPHASIS.contains(name)).collect();
    assert!(names.len() > 10, "{names:?}");
    for name in names {
        // A number stands there by what is set.
        let fixed = name.trim_end_matches(" 10 min");
        let is_there = |text: &String| text.contains(&format!("\"{fixed}")) || text.contains(&format!("{fixed}\""));
        assert!(sources.iter().chain(&screens).any(is_there), "{name} stands nowhere in the window");
    }
}

const LINKS: [(LinkKind, &str); 4] =
    [(LinkKind::Ble, "Bluetooth"), (LinkKind::Serial, "serial"), (LinkKind::Http, "HTTP"), (LinkKind::Udp, "UDP")];

#[test]
fn the_table_of_drivers_is_the_program_s() {
    let readme = read("README.md");
    let table = readme.lines().skip_while(|line| !line.starts_with("| Driver |")).skip(2);
    let rows: Vec<Vec<&str>> = table
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    assert_eq!(rows.len(), DriverId::ALL.len());
    for driver in DriverId::ALL.iter().copied() {
        let facts = driver.facts();
        let name = format!("`{}`", driver.as_str());
        let row = rows.iter().find(|row| row[0].starts_with(&name)).unwrap_or_else(|| panic!("no row for {name}"));
        for (link, word) in LINKS {
            assert_eq!(row[1].contains(word), facts.links.contains(&link), "{name} over {word}: {}", row[1]);
        }
        assert_eq!(row[2] != "no", facts.offers.wifi, "{name} gives Wi-Fi: {}", row[2]);
        assert_eq!(row[3] != "no", !facts.takes.is_empty(), "{name} gives tokens: {}", row[3]);
        for place in Place::ALL {
            let word = format!("{}s", place.key());
            assert_eq!(row[3].contains(&word), facts.takes.contains(&place), "{name} to {word}: {}", row[3]);
        }
    }
}

#[test]
fn what_the_readme_calls_off_at_first_is_off() {
    let settings = Settings::default();
    assert!(!settings.telemetry.is_starting_after_commissioning, "telemetry by itself: off at first");
    assert!(!settings.scan_bluetooth, "the radio is silent until somebody asks for a scan");
    assert_eq!(settings.telemetry.ring_minutes, 10, "keep the last 10 minutes");
}
