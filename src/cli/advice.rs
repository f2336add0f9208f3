//! What the command line adds to a next step: the option or subcommand by which it is taken here. The texts below the front ends
//! say what to do in words that hold for the window, too.

use std::borrow::Cow;

use crate::model::problem::Problem;
use crate::model::wipe::{CLEAR_RETAINED, LIST_RETAINED, Remedy, WipeReport};

/// The codes of problems, and what is added to their next steps.
const BY_CODE: [(&str, &str); 32] = [
    ("batch.no_earlier", "without --resume and --retry"),
    ("batch.not_found", "--retry failed"),
    ("bundle.bad_key_line", "linesman records verify prints the key"),
    ("bundle.damaged", "linesman records verify"),
    ("bundle.incomplete", "linesman records export --bundle"),
    ("bundle.not_a_bundle", "linesman records export --bundle"),
    ("bundle.not_exported", "linesman records verify"),
    ("bundle.unknown_key", "linesman records verify prints it there"),
    ("check.no_profile", "linesman profiles list"),
    ("check.unknown_profile", "linesman profiles list"),
    ("check.unknown_rows", "linesman profiles show"),
    ("credential.no_way", "linesman profiles show"),
    ("driver.no_management", "--driver"),
    ("esp.proof_missing", "--pop-file"),
    ("esp.username_missing", "--username"),
    ("files.exists", "--overwrite"),
    ("files.no_data_folder", "--data-dir"),
    ("files.not_created", "--data-dir"),
    ("manifest.credential_unknown", "linesman profiles show"),
    ("manifest.profile_unknown", "linesman profiles list"),
    ("manifest.secret_missing", "--secret NAME=FILE"),
    ("manifest.step_unknown", "linesman wipe --plan"),
    ("mqtt.certificate_version", "--tls-checks nothing"),
    ("mqtt.own_identity", "--confirm-identity connects all the same"),
    ("profile.more", "linesman profiles validate"),
    ("records.not_opened", "--data-dir"),
    ("records.too_new", "--data-dir"),
    ("sync.damaged", "linesman records verify"),
    ("sync.no_password", "--password-file, or the variable LINESMAN_RECORDS_PASSWORD"),
    ("sync.no_server", "--server postgres://USER@HOST/DATABASE"),
    ("wipe.clears_too_much", "--clear-retained=N"),
    ("wipe.no_such_step", "--plan"),
];

/// A problem with what the command line has for its next step.
pub(super) fn advised(problem: &Problem) -> Cow<'_, Problem> {
    let next_step = with_option(problem.code, &problem.next_step);
    match next_step {
        Cow::Borrowed(_) => Cow::Borrowed(problem),
        Cow::Owned(next_step) => Cow::Owned(Problem { next_step, ..problem.clone() }),
    }
}

/// A next step with the option or subcommand that belongs to its code.
pub(super) fn with_option<'a>(code: &str, next_step: &'a str) -> Cow<'a, str> {
    let found = BY_CODE.iter().find(|(known, _)| *known == code);
    found.map_or(Cow::Borrowed(next_step), |(_, option)| Cow::Owned(format!("{next_step} ({option})")))
}

/// What is left to be done after a removal, with the option or subcommand for it.
pub(super) fn remedies(report: &WipeReport) -> Vec<Remedy> {
    let left = report.broker.as_ref().map_or(0, |seen| seen.left().count());
    let of = |remedy: &Remedy| {
        let option = match remedy.text.as_str() {
            CLEAR_RETAINED => format!(" (--clear-retained={left}, or linesman retained clear)"),
            LIST_RETAINED => " (linesman retained list)".to_owned(),
            _ => String::new(),
        };
        Remedy { text: format!("{}{option}", remedy.text), ..remedy.clone() }
    };
    report.assessment.remedies.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::args::Cli;

    /// The long options of a command and of all below it, and how they are called.
    fn known(command: &clap::Command, path: &str, into: &mut Vec<String>) {
        into.push(path.to_owned());
        into.extend(command.get_arguments().filter_map(|it| it.get_long()).map(|long| format!("--{long}")));
        command.get_subcommands().for_each(|below| known(below, &format!("{path} {}", below.get_name()), into));
    }

    #[test]
    fn every_option_named_beside_a_next_step_is_there() {
        let mut all = Vec::new();
        known(&Cli::command(), "linesman", &mut all);
        for (code, advice) in BY_CODE {
            for part in advice.split([' ', ',', '=']).filter(|part| part.starts_with("--")) {
                assert!(all.iter().any(|option| option == part), "{code}: {part}");
            }
            if let Some(words) = advice.strip_prefix("linesman ") {
                let called: Vec<&str> = words.split(' ').take(2).collect();
                assert!(
                    all.contains(&format!("linesman {}", called.join(" ").replace(" --plan", ""))),
                    "{code}: {advice}"
                );
            }
        }
    }

    #[test]
    fn the_command_line_adds_its_option_and_nothing_where_it_has_none() {
        let exists = Problem::new("files.exists", "a", "b", "Choose another name");
        assert_eq!(advised(&exists).next_step, "Choose another name (--overwrite)");
        let other = Problem::new("a.b", "a", "b", "Try again");
        assert_eq!(*advised(&other), other);
    }
}
