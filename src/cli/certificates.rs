//! The certificates of several removals: a file for each gateway, in one folder. Whatever would keep one from being written is
//! found before anything is removed, since a removal has no undo.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::backend::local;
use crate::certificate::file_name_of;
use crate::model::destination::{Destination, Existing};
use crate::model::problem::{Explain as _, Problem};
use crate::model::wipe::list::Listed;
use crate::papers::Form;

/// Where the certificate of each row goes.
pub(super) struct Certificates {
    destinations: Vec<Destination>,
}

impl Certificates {
    /// Makes the folder where it is missing, and says what speaks against writing there.
    pub(super) fn prepare(folder: &Path, existing: Existing, rows: &[Listed]) -> Result<Self, Problem> {
        local::prepare_folder(folder).map_err(|error| error.explain())?;
        let destinations: Vec<Destination> =
            paths(folder, rows).into_iter().map(|path| Destination { existing, ..Destination::file(path) }).collect();
        for destination in &destinations {
            local::check(destination).map_err(|error| error.explain())?;
        }
        Ok(Self { destinations })
    }

    /// Where that of a row goes, counted from 0.
    pub(super) fn of(&self, index: usize) -> Option<&Destination> {
        self.destinations.get(index)
    }
}

/// A file for each, named by what the list says of the gateway: another one that answers there is not mistaken for it.
fn paths(folder: &Path, rows: &[Listed]) -> Vec<PathBuf> {
    let mut taken = HashSet::new();
    rows.iter()
        .map(|row| {
            let name = file_name_of(&row.serial, Form::Html);
            // Two that differ in a character that no file name has.
            let is_new = taken.insert(name.to_lowercase());
            let name = if is_new { name } else { file_name_of(&format!("{}-row{}", row.serial, row.row), Form::Html) };
            folder.join(name)
        })
        .collect()
}
