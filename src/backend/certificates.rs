//! The certificates of several removals: a file for each gateway, in one folder. Whatever would keep one from being written is
//! found before anything is removed, since a removal has no undo.

use std::path::{Path, PathBuf};

use crate::certificate::paths_in;
use crate::io::save::{check, prepare_folder};
use crate::model::destination::{Destination, Existing};
use crate::model::problem::{Explain as _, Problem};

/// Where the certificate of each row goes: its number and its listed serial number. Makes the folder where it is missing, and
/// says what speaks against writing there: one of the files that are read, say. Blocks.
pub fn prepare_certificates(
    folder: &Path,
    existing: Existing,
    rows: &[(u32, String)],
    read: &[PathBuf],
) -> Result<Vec<Destination>, Problem> {
    prepare_folder(folder).map_err(|error| error.explain())?;
    // What is told afterwards has to say where that was.
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let paths = paths_in(&folder, rows.iter().map(|(row, serial)| (*row, serial.as_str())));
    let destinations: Vec<_> = paths
        .into_iter()
        .map(|path| Destination { existing, sources: read.to_vec(), ..Destination::file(path) })
        .collect();
    destinations.iter().try_for_each(|destination| check(destination).map_err(|error| error.explain()))?;
    Ok(destinations)
}
