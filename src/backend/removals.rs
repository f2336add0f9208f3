//! Reads the list of gateways that are taken out of service in one go, before the workers have anything to do with it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::io::manifest;
use crate::model::ids::{DriverId, LinkKind};
use crate::model::problem::{Explain as _, Problem};
use crate::model::secret::Secret;
use crate::model::wipe::Plan;
use crate::model::wipe::list::{Read, World, read};
use crate::profile::Catalog;

/// Reads a manifest as a list of removals, with the secrets that were given so far. Nothing is sent. Blocks.
pub fn read_removals(catalog: &Catalog, path: &Path, secrets: &[(String, Secret<String>)]) -> Result<Read, Problem> {
    let table = manifest::read(path).map_err(|error| error.explain())?;
    let folder = path.parent().map(Path::to_owned).unwrap_or_default();
    let mut around = Around { catalog, folder, secrets, read: BTreeMap::new() };
    let read = read(&table, &mut around);
    let files = around.read.into_keys().chain([path.to_owned()]).collect();
    Ok(Read { files, ..read })
}

/// The profiles, and the files around a manifest.
struct Around<'a> {
    catalog: &'a Catalog,
    folder: PathBuf,
    secrets: &'a [(String, Secret<String>)],
    /// What cells named so far: a pipe can be read once.
    read: BTreeMap<PathBuf, Result<Secret<Vec<u8>>, String>>,
}

impl World for Around<'_> {
    fn has_profile(&self, id: &str) -> bool {
        self.catalog.find(id).is_ok()
    }

    fn plan(&self, profile: &str, link: LinkKind, driver: Option<DriverId>) -> Option<(DriverId, Plan)> {
        let profile = self.catalog.find(profile).ok()?;
        let driver = driver.unwrap_or_else(|| profile.wiping_driver(link));
        Some((driver, profile.removal(driver)?))
    }

    fn file(&mut self, path: &str) -> Result<Secret<Vec<u8>>, String> {
        let path = self.folder.join(path);
        self.read.entry(path).or_insert_with_key(|path| manifest::read_reference(path)).clone()
    }

    fn secret(&self, name: &str) -> Option<Secret<String>> {
        self.secrets.iter().find(|(known, _)| known == name).map(|(_, secret)| secret.clone())
    }

    fn real_port(&self, path: &str) -> String {
        manifest::real_port(path)
    }
}
