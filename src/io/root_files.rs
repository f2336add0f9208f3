//! Root certificates from PEM files, for the override file of a test site.

use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::files;
use crate::model::problem::{Explain as _, Problem};
use crate::model::text::visible;

/// Largest file of certificates read.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// The most roots one file adds.
const MAX_ROOTS: usize = 500;

/// The certificates of a PEM file, in DER.
pub fn read(path: &Path) -> Result<Vec<Vec<u8>>, Problem> {
    let pem = files::read_bytes(path, MAX_BYTES).map_err(|error| error.explain())?;
    let shown = visible(&path.display().to_string(), 120);
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).take(MAX_ROOTS).collect();
    match certificates {
        Ok(certificates) if certificates.is_empty() => Err(Problem::new(
            "overrides.no_root",
            format!("{shown} holds no certificate"),
            "The file holds a key, or certificates in DER instead of PEM",
            "Name a PEM file that begins with -----BEGIN CERTIFICATE-----",
        )),
        Ok(certificates) => Ok(certificates.into_iter().map(|certificate| certificate.to_vec()).collect()),
        Err(error) => Err(Problem::new(
            "overrides.bad_root",
            format!("{shown} can't be read as PEM"),
            "The file was cut off or edited",
            "Export the certificate again, in PEM",
        )
        .with_detail(visible(&error.to_string(), 200))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_come_from_pem_files_and_other_files_are_explained() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let code = |content: &[u8]| {
            std::fs::write(&path, content).unwrap();
            read(&path).map(|roots| roots.len()).map_err(|problem| problem.code)
        };
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap().self_signed(&key).unwrap();
        assert_eq!(code(certificate.pem().repeat(2).as_bytes()), Ok(2));
        assert_eq!(code(key.serialize_pem().as_bytes()), Err("overrides.no_root"));
        assert_eq!(code(certificate.der()), Err("overrides.no_root"));
        assert_eq!(code(b"-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n"), Err("overrides.bad_root"));
        assert_eq!(read(&folder.path().join("none.pem")).unwrap_err().code, "files.not_found");
    }
}
