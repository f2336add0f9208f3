//! Files a network check is given beside its profile: read, understood, and made into what the check takes.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::check::evidence::Overrides;
use crate::io::files::{self, DataDir};
use crate::io::root_files;
use crate::model::problem::{Explain, Problem};
use crate::model::text::visible;
use crate::profile::overrides::parse_overrides;
use crate::profile::schema::MAX_BYTES;
use crate::profile::site::{Site, parse_site};
use crate::profile::{Catalog, FileError};

/// The largest file of results that is held against a site.
const MAX_FOUND_BYTES: u64 = 64 * 1024 * 1024;

/// Why a site file is not used.
#[derive(Debug)]
pub enum NotLoaded {
    /// It cannot be read.
    Unread(Box<Problem>),
    /// It has mistakes.
    Mistakes(Vec<FileError>),
}

impl NotLoaded {
    /// What to tell of it.
    pub fn problems(&self) -> Vec<Problem> {
        match self {
            Self::Unread(problem) => vec![(**problem).clone()],
            Self::Mistakes(errors) => explain(errors),
        }
    }
}

/// An override file: what it changes, and each change as a line for reports. On mistakes, all of them.
pub fn load_overrides(path: &Path) -> Result<(Overrides, Vec<String>), Vec<Problem>> {
    let text = files::read_text(path, MAX_BYTES as u64).map_err(|error| vec![error.explain()])?;
    let file = parse_overrides(&path.display().to_string(), &text).map_err(|errors| explain(&errors))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let (mut roots, mut problems) = (Vec::new(), Vec::new());
    for name in &file.root_files {
        match root_files::read(&folder.join(name)) {
            Ok(more) => roots.extend(more),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok((Overrides::new(&file, roots), file.lines())) } else { Err(problems) }
}

/// A site, by the path of its file.
pub fn load_site(path: &Path) -> Result<Site, NotLoaded> {
    let unread = |error: files::FilesError| NotLoaded::Unread(Box::new(error.explain()));
    let text = files::read_text(path, MAX_BYTES as u64).map_err(unread)?;
    parse_site(&path.display().to_string(), &text).map_err(NotLoaded::Mistakes)
}

/// The override file that a site names, counted from the site's own file.
pub fn overrides_of(site: &Site, file: &Path) -> Option<PathBuf> {
    Some(file.parent().unwrap_or(Path::new("")).join(site.overrides.as_ref()?))
}

/// The file of a site as a person names it: by its name in the data folder, or by a path.
pub fn site_path(data: &DataDir, named: &Path) -> PathBuf {
    let is_path = named.components().count() != 1 || named.extension().is_some();
    if is_path { named.to_owned() } else { data.sites().join(named).with_extension("toml") }
}

/// As [`site_path`], with the data folder that was chosen or the platform's.
pub fn find_site(data_dir: Option<&Path>, named: &Path) -> Result<PathBuf, Problem> {
    Ok(site_path(&DataDir::open(data_dir).map_err(|error| error.explain())?, named))
}

/// The files of the sites in the data folder, by name.
pub fn list_sites(data_dir: Option<&Path>) -> Result<Vec<PathBuf>, Problem> {
    DataDir::open(data_dir).map_err(|error| error.explain())?.list_sites()
}

/// The profiles there are, to hold a site against.
pub fn profiles(data_dir: Option<&Path>) -> Result<Catalog, Problem> {
    let (texts, _) = DataDir::open(data_dir).map_err(|error| error.explain())?.load_profiles();
    let texts: Vec<(String, String)> =
        texts.into_iter().map(|profile| (profile.path.display().to_string(), profile.text)).collect();
    Ok(Catalog::built_in().with_user_files(&texts).0)
}

/// A file of results, `-` for standard input.
pub fn read_found(path: &Path) -> Result<String, Problem> {
    if path != Path::new("-") {
        return files::read_text(path, MAX_FOUND_BYTES).map_err(|error| error.explain());
    }
    let mut text = String::new();
    let read = std::io::stdin().take(MAX_FOUND_BYTES).read_to_string(&mut text);
    read.map(|_| text).map_err(|error| {
        Problem::new(
            "site.stdin",
            "Standard input can't be read",
            "It isn't text in UTF-8, or was closed",
            "Write the results to a file, and name that",
        )
        .with_detail(visible(&error.to_string(), 200))
    })
}

fn explain(errors: &[FileError]) -> Vec<Problem> {
    errors.iter().map(Explain::explain).collect()
}
