//! Files dropped on the window: what they are, as far as their names don't say it, and profiles among them put into use.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Workers, crashed};
use crate::backend::check::first_of;
use crate::backend::site_files::load_site;
use crate::io::files::{self, FilesError};
use crate::io::save;
use crate::model::destination::Destination;
use crate::model::ids::ProfileId;
use crate::model::problem::{Explain, Problem};
use crate::model::text::visible;
use crate::msg::{AddedProfile, Event, FoundFile};
use crate::profile::schema::MAX_BYTES;
use crate::profile::{Catalog, FileKind, kind_of, parse_profile};

impl Workers {
    pub(super) fn look_at_files(&self, paths: Vec<PathBuf>) {
        let reporter = self.reporter.clone();
        tokio::spawn(async move {
            let look_at = move || paths.into_iter().map(|path| (path.clone(), look(&path))).collect();
            match tokio::task::spawn_blocking(look_at).await {
                Ok(found) => reporter.report(Event::FilesLookedAt(found)).await,
                Err(error) => reporter.report(Event::Trouble(crashed(&error))).await,
            }
        });
    }

    /// From here on the profile counts for what is seen and asked anew.
    pub(super) async fn add_profile(&mut self, path: PathBuf) {
        let (folder, catalog) = (self.parts.data.profiles(), Arc::clone(&self.parts.catalog));
        let added = tokio::task::spawn_blocking(move || add(&path, &folder, &catalog)).await;
        let added = added.unwrap_or_else(|error| Err(crashed(&error)));
        if let Ok(added) = &added {
            self.parts.catalog = Arc::clone(&added.catalog);
        }
        self.reporter.report(Event::ProfileAdded(added)).await;
    }
}

/// What a path leads to. A site with mistakes is told at once: in its field it would only be told when a check starts.
fn look(path: &Path) -> Result<FoundFile, Problem> {
    if files::is_folder(path) {
        return Ok(FoundFile::Folder);
    }
    if !path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("toml")) {
        return Ok(FoundFile::Other);
    }
    let text = files::read_text(path, MAX_BYTES as u64).map_err(|error| error.explain())?;
    let kind = kind_of(&text).ok_or_else(|| no_kind(path))?;
    if kind == FileKind::Site {
        load_site(path).map_err(|error| first_of(error.problems()))?;
    }
    Ok(FoundFile::Toml(kind))
}

fn no_kind(path: &Path) -> Problem {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    Problem::new(
        "app.unknown_toml",
        format!("{} was not opened", visible(&name, 60)),
        "It's neither a site nor a profile nor an override file",
        "Drop a site (docs/site.md), a profile (docs/profiles.md) or an override file (docs/overrides.md)",
    )
}

/// Copies a profile into the folder of the user's profiles; a file there is never replaced.
fn add(path: &Path, folder: &Path, catalog: &Catalog) -> Result<AddedProfile, Problem> {
    let text = files::read_text(path, MAX_BYTES as u64).map_err(|error| error.explain())?;
    let explain = |errors: Vec<_>| first_of(errors.iter().map(Explain::explain).collect());
    let id: ProfileId = parse_profile(&path.display().to_string(), &text).map_err(explain)?.id;
    let place = folder.join(path.file_name().unwrap_or(path.as_os_str()));
    let (catalog, problems) = catalog.clone().with_user_files(&[(place.display().to_string(), text.clone())]);
    if !problems.is_empty() {
        return Err(first_of(problems));
    }
    files::make_private_folder(folder).map_err(|error| error.explain())?;
    let saved = save::save(&Destination::file(&place), text.as_bytes());
    saved.map_err(
        |error| if matches!(error, FilesError::Exists { .. }) { name_taken(&place) } else { error.explain() },
    )?;
    Ok(AddedProfile { catalog: Arc::new(catalog), id, path: place })
}

fn name_taken(place: &Path) -> Problem {
    let name = place.file_name().unwrap_or(place.as_os_str()).to_string_lossy();
    Problem::new(
        "profile.name_taken",
        format!("{} was not added", visible(&name, 60)),
        "The folder of profiles has a file of that name",
        "Rename the file, then drop it again",
    )
    .with_detail(visible(&place.display().to_string(), 160))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const PROFILE: &str = include_str!("../../../profiles/generic-improv.toml");

    fn put(folder: &Path, name: &str, text: &str) -> PathBuf {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn a_dropped_file_is_told_by_what_stands_in_it_where_its_name_says_too_little() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name, text| look(&put(folder.path(), name, text));
        assert_eq!(look(folder.path()), Ok(FoundFile::Folder));
        assert_eq!(at("walk.csv", "name\n"), Ok(FoundFile::Other));
        assert_eq!(at("hall.toml", "schema = 1\nname = \"Hall\"\n"), Ok(FoundFile::Toml(FileKind::Site)));
        assert_eq!(at("mine.TOML", PROFILE), Ok(FoundFile::Toml(FileKind::Profile)));
        assert_eq!(at("Cargo.toml", "[package]\n").unwrap_err().code, "app.unknown_toml");
        assert_eq!(at("bad.toml", "schema = 1\nname = \"Hall\"\ncolour = 1\n").unwrap_err().code, "site.unknown_key");
        assert_eq!(look(&folder.path().join("gone.toml")).unwrap_err().code, "files.not_found");
    }

    #[test]
    fn a_dropped_profile_is_in_use_and_stays_and_never_replaces_a_file() {
        let (from, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let folder = data.path().join("profiles");
        let path = put(from.path(), "mine.toml", &PROFILE.replace("id = \"generic-improv\"", "id = \"mine\""));
        let Ok(added) = add(&path, &folder, &Catalog::built_in()) else { panic!("the profile was not added") };
        assert_eq!(added.path, folder.join("mine.toml"));
        assert!(added.catalog.get(&added.id).is_some());
        assert_eq!(fs::read(&path).unwrap(), fs::read(&added.path).unwrap());

        let again = add(&path, &folder, &added.catalog).err().unwrap();
        assert_eq!(again.code, "profile.duplicate");
        let there = add(&path, &folder, &Catalog::built_in()).err().unwrap();
        assert_eq!(there.code, "profile.name_taken");
        let broken = put(from.path(), "broken.toml", &PROFILE.replace("summary = ", "sumary = "));
        assert!(add(&broken, &folder, &Catalog::built_in()).err().unwrap().code.starts_with("profile."));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    }
}
