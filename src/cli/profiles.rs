//! `linesman profiles list|show|validate`: what is printed. Takes texts and returns texts; reads and prints nothing itself.
//!
//! With `json` every line is one object with a `kind`; the last line is the summary.

mod json;
mod text;

use super::args::ProfilesCommand;
use super::output::{Exit, Output};
use crate::profile::rules::Origin;
use crate::profile::{Catalog, FileError, Profile, parse_profile};

/// Runs `list` or `show` on a catalog; `validate` needs a file and stands on its own.
pub fn list_or_show(catalog: &Catalog, command: &ProfilesCommand, out: &mut Output) -> Exit {
    match command {
        ProfilesCommand::List | ProfilesCommand::Validate { .. } => out.line(list(catalog, out.is_json())),
        ProfilesCommand::Show { id } => match catalog.find(id) {
            Ok(profile) => out.line(show(profile, out.is_json())),
            Err(problem) => {
                out.problem(&problem);
                return Exit::Usage;
            }
        },
    }
    Exit::Good
}

/// All profiles, a line each.
pub fn list(catalog: &Catalog, json: bool) -> String {
    if json { json::list(catalog) } else { text::list(catalog) }
}

/// Everything a profile says.
pub fn show(profile: &Profile, json: bool) -> String {
    if json { json::show(profile) } else { text::show(profile) }
}

/// The mistakes of a file that is read as profiles are.
pub(super) fn mistakes(file: &str, errors: &[FileError], json: bool) -> String {
    if json { json::bad(file, errors) } else { text::bad(file, errors) }
}

/// Checks the text of a profile file. The flag says whether it is good.
pub fn validate(file: &str, text: &str, json: bool) -> (String, bool) {
    match parse_profile(file, text) {
        Ok(mut profile) => {
            let is_built_in = Catalog::built_in().get(&profile.id).is_some();
            profile.origin = Origin::UserFile { file: file.to_owned(), replaces_built_in: is_built_in };
            (if json { json::good(file, &profile) } else { text::good(file, &profile) }, true)
        }
        Err(errors) => (mistakes(file, &errors, json), false),
    }
}
