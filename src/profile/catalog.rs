//! The profiles that are built in and those of the user, by id; and which of them a serial port looks like.
//!
//! Nothing here reads a file: whoever starts the program hands over names and texts.

use super::error::FileError;
use super::load::parse_profile;
use super::recognise;
use super::rules::{DriverBinding, Origin, Profile};
use crate::model::gateway::{Advertisement, PortFacts, ProfileMatch};
use crate::model::ids::{LinkKind, ProfileId};
use crate::model::problem::{Explain, Problem};
use crate::model::text::visible;

/// The most mistakes of one user file that are reported at the start; `profiles validate` shows all.
const MAX_PROBLEMS_A_FILE: usize = 5;

macro_rules! built_in {
    ($($file:literal)+) => {
        /// The built-in profiles: name of the file and its text.
        pub(super) const BUILT_IN: &[(&str, &str)] = &[$(($file, include_str!(concat!("../../profiles/", $file))),)+];
    };
}

built_in! {
    "biot.toml"
    "calms.toml"
    "casambi-cloud-gateway.toml"
    "cloud-connector.toml"
    "generic-esp.toml"
    "generic-improv.toml"
    "generic-linux.toml"
    "generic-zephyr.toml"
    "kis-me.toml"
}

/// All profiles by id.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    profiles: Vec<Profile>,
}

impl Catalog {
    /// The built-in profiles. One that does not load is left out; a test sees to it that there is none.
    pub fn built_in() -> Self {
        let loaded = BUILT_IN.iter().filter_map(|(file, text)| parse_profile(file, text).ok());
        let mut catalog = Self { profiles: loaded.collect() };
        catalog.sort();
        catalog
    }

    /// Adds the user's files, given by name and text. A profile with the id of a built-in one takes its place.
    ///
    /// A file with mistakes changes nothing and is reported; of two files with the same id the first one counts.
    #[must_use]
    pub fn with_user_files(mut self, files: &[(String, String)]) -> (Self, Vec<Problem>) {
        let mut problems = Vec::new();
        for (file, text) in files {
            match parse_profile(file, text) {
                Ok(profile) => problems.extend(self.add_user_profile(file, profile)),
                Err(errors) => problems.extend(explain_some(file, &errors)),
            }
        }
        self.sort();
        (self, problems)
    }

    fn add_user_profile(&mut self, file: &str, mut profile: Profile) -> Option<Problem> {
        let same = self.profiles.iter().position(|known| known.id == profile.id);
        if let Some(Origin::UserFile { file: first, .. }) = same.map(|at| &self.profiles[at].origin) {
            return Some(taken_by_another(file, &profile.id, first));
        }
        profile.origin = Origin::UserFile { file: file.to_owned(), replaces_built_in: same.is_some() };
        match same {
            Some(at) => self.profiles[at] = profile,
            None => self.profiles.push(profile),
        }
        None
    }

    fn sort(&mut self) {
        self.profiles.sort_by_cached_key(|profile| (profile.name.to_lowercase(), profile.id.clone()));
    }

    /// The profile of that id.
    pub fn get(&self, id: &ProfileId) -> Option<&Profile> {
        self.profiles.iter().find(|profile| profile.id == *id)
    }

    /// The profile that a person named, or what to say if there is none.
    pub fn find(&self, id: &str) -> Result<&Profile, Problem> {
        self.get(&ProfileId::new(id)).ok_or_else(|| {
            let known: Vec<&str> = self.profiles.iter().map(|profile| profile.id.as_str()).collect();
            Problem::new(
                "profile.unknown",
                format!("There is no profile {}", visible(id, 60)),
                "The id is mistyped, or its file is not in the folder `profiles` of the data folder",
                format!("Use one of {}", known.join(", ")),
            )
        })
    }

    /// All profiles, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Profile> {
        self.profiles.iter()
    }

    /// The drivers a profile names for a kind of link, in order of preference; none for an unknown profile.
    pub fn drivers_for(&self, id: &ProfileId, link: LinkKind) -> impl Iterator<Item = &DriverBinding> {
        self.get(id).into_iter().flat_map(move |profile| profile.drivers_over(link))
    }

    /// The profile a serial port looks like, with the reason. A product beats a mere chip, more facts beat fewer.
    pub fn match_port(&self, facts: &PortFacts) -> Option<ProfileMatch> {
        recognise::match_port(&self.profiles, facts)
    }

    /// The profile a Bluetooth device looks like, with the reason. A service beats a maker, a maker beats a name.
    pub fn match_advertisement(&self, heard: &Advertisement) -> Option<ProfileMatch> {
        recognise::match_advertisement(&self.profiles, heard)
    }
}

/// The first mistakes of a file, and how many more there are.
fn explain_some(file: &str, errors: &[FileError]) -> Vec<Problem> {
    let mut problems: Vec<Problem> = errors.iter().take(MAX_PROBLEMS_A_FILE).map(FileError::explain).collect();
    if let Some(more) = errors.len().checked_sub(MAX_PROBLEMS_A_FILE).filter(|more| *more > 0) {
        problems.push(Problem::new(
            "profile.more",
            format!("{} has {more} more mistakes", visible(file, 120)),
            "The file has many mistakes",
            "Fix those shown; the others are shown after that",
        ));
    }
    problems
}

fn taken_by_another(file: &str, id: &ProfileId, first: &str) -> Problem {
    Problem::new(
        "profile.duplicate",
        format!("The profile `{id}` in {} is not used", visible(file, 120)),
        format!("The file {} holds a profile of the same id", visible(first, 120)),
        "Take one of the two files out of the folder, or give its profile another id",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_profile_loads_under_the_name_of_its_file() {
        for (file, text) in BUILT_IN {
            let profile = parse_profile(file, text).unwrap_or_else(|errors| {
                let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
                panic!("{}", errors.join("\n"))
            });
            assert_eq!(format!("{}.toml", profile.id), *file);
        }
        assert_eq!(Catalog::built_in().iter().count(), BUILT_IN.len());
    }
}
