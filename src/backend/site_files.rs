//! Files a network check is given beside its profile: read, understood, and made into what the check takes.

use std::path::Path;

use crate::check::evidence::Overrides;
use crate::io::{files, root_files};
use crate::model::problem::{Explain, Problem};
use crate::profile::FileError;
use crate::profile::overrides::parse_overrides;
use crate::profile::schema::MAX_BYTES;

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

fn explain(errors: &[FileError]) -> Vec<Problem> {
    errors.iter().map(Explain::explain).collect()
}
