//! Takes the sum of a file that shows what a person did. The file stays where it is; nothing of what it holds is kept.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::files::{FilesError, read_error, shown};
use crate::model::text::{hex, visible};
use crate::model::wipe::EvidenceFile;

/// How much is read at once.
const CHUNK: usize = 256 * 1024;
/// Longest name that is kept.
const NAME_CHARS: usize = 120;

/// Reads a file to its end. A pipe or device is refused: it is no file that anybody can show again. Blocks.
pub fn of_file(path: &Path) -> Result<EvidenceFile, FilesError> {
    let failed = |error: std::io::Error| read_error(path, &error);
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(FilesError::NotAFile { path: shown(path) });
    }
    let mut file = File::open(path).map_err(failed)?;
    let (mut sum, mut bytes, mut buffer) = (Sha256::new(), 0_u64, vec![0; CHUNK]);
    loop {
        let count = file.read(&mut buffer).map_err(failed)?;
        if count == 0 {
            break;
        }
        sum.update(&buffer[..count]);
        bytes += count as u64;
    }
    let name = path.file_name().map(|name| visible(&name.to_string_lossy(), NAME_CHARS)).unwrap_or_default();
    Ok(EvidenceFile { name, bytes, sha256: hex(&sum.finalize()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_that_of_the_file_and_what_is_none_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("photo.jpg");
        std::fs::write(&path, "abc").unwrap();
        let file = of_file(&path).unwrap();
        // The example of FIPS 180-4.
        assert_eq!(file.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!((file.name.as_str(), file.bytes), ("photo.jpg", 3));
        assert!(of_file(folder.path()).is_err() && of_file(&folder.path().join("none")).is_err());
    }
}
