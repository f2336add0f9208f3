//! The texts of a check as a page, and the rules of the voice that can be counted.

use std::fmt::Write as _;

use linesman::check::explain::texts;
use linesman::check::{Reason, RowState};
use linesman::model::endpoint::ProbeKind;
use linesman::model::word::Word;

/// The longest host of a built-in profile.
const LONGEST_HOST: usize = 62;

#[test]
fn the_texts_of_all_reasons() {
    let mut page = String::new();
    for state in RowState::ALL {
        writeln!(page, "{state}: {}", texts::state(*state)).unwrap();
    }
    writeln!(page).unwrap();
    for step in ProbeKind::ALL {
        writeln!(page, "{step}: {}", texts::answered(Some(*step), true)).unwrap();
    }
    for reason in Reason::ALL {
        let texts = texts::of(*reason);
        writeln!(page, "\n{reason}: {}\n  {}", texts.title, texts.what).unwrap();
        for cause in texts.causes {
            writeln!(page, "  ? {cause}").unwrap();
        }
        if !texts.next.is_empty() {
            writeln!(page, "  > {}", texts.next).unwrap();
        }
    }
    insta::assert_snapshot!("texts_of_all_reasons", page);
}

#[test]
fn texts_keep_to_the_voice() {
    for reason in Reason::ALL {
        let texts = texts::of(*reason);
        let next = texts.next.replace("{host}", "").replace("{port}", "65535").chars().count();
        let hosts = texts.next.matches("{host}").count() * LONGEST_HOST;
        assert!(next + hosts < 120, "{reason}: {}", texts.next);
        assert!(!texts.what.is_empty() && !texts.title.is_empty(), "{reason}");
        for text in [&[texts.title, texts.what, texts.next], texts.causes].concat() {
            assert!(!text.ends_with('.'), "{reason}: {text}");
            assert!(
                !text.contains(" is no ") && !text.contains(" us ") && !text.starts_with("We "),
                "{reason}: {text}"
            );
            assert!(
                text.is_empty()
                    || text.starts_with(|c: char| c.is_uppercase()
                        || c.is_numeric()
                        || c == '{'
                        || text.starts_with("macOS")),
                "{reason}: {text}"
            );
        }
    }
}
