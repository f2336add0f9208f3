//! The files of an inspection beside its recordings: certificates and keys for a connection, schemas, points of curves.

use std::path::{Path, PathBuf};

use tokio::task::spawn_blocking;
use x509_parser::extensions::GeneralName;
use x509_parser::pem::Pem;

use super::recordings::{bundle, export};
use super::{files, save};
use crate::flow::port::{Boxed, Bundle, Completed, ExportSink, InspectionFiles};
use crate::model::destination::Destination;
use crate::model::mqtt::connect::{ClientIdentity, ConnectPlan, TlsFiles, Trust};
use crate::model::problem::{Explain as _, Problem};
use crate::model::secret::Secret;
use crate::model::secret_text::content_of;
use crate::model::text::visible;
use crate::proto::key_file;
use crate::telemetry::export::ExportForm;
use crate::telemetry::recording::RecordingFacts;

/// The largest file of certificates: some lists of roots have that many.
const MAX_CERTIFICATES: u64 = 4 << 20;
/// The largest schema.
const MAX_SCHEMA: u64 = 4 << 20;
/// Names of a certificate that are of interest.
const MAX_NAMES: usize = 20;

/// Files on this computer's disks.
#[derive(Clone, Copy, Debug, Default)]
pub struct DiskFiles;

impl InspectionFiles for DiskFiles {
    fn export(
        &self,
        destination: Destination,
        form: ExportForm,
        about: RecordingFacts,
    ) -> Boxed<'_, Result<Box<dyn ExportSink>, Problem>> {
        Box::pin(async move { Ok(Box::new(export::begin(destination, form, about).await?) as Box<dyn ExportSink>) })
    }

    fn bundle(&self, destination: Destination, bundle: Bundle) -> Boxed<'_, Result<Box<dyn ExportSink>, Problem>> {
        Box::pin(async move { Ok(Box::new(bundle::begin(destination, bundle).await?) as Box<dyn ExportSink>) })
    }

    fn complete(&self, plan: Box<ConnectPlan>) -> Boxed<'_, Result<Completed, Problem>> {
        Box::pin(blocking(move || complete(plan)))
    }

    fn save(&self, destination: Destination, content: Vec<u8>) -> Boxed<'_, Result<(), Problem>> {
        Box::pin(blocking(move || save::save(&destination, &content).map(drop).map_err(|error| error.explain())))
    }

    fn read_schemas(&self, paths: Vec<PathBuf>) -> Boxed<'_, Result<Vec<(String, String)>, Problem>> {
        Box::pin(blocking(move || paths.iter().map(|path| read_schema(path)).collect()))
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Problem> + Send + 'static) -> Result<T, Problem> {
    match spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Problem::new(
            "app.crashed",
            "A file could not be read or written by a mistake in the program",
            "This is a fault of Linesman, not of the file",
            "Copy the diagnostics and send them to support",
        )
        .with_detail(error.to_string())),
    }
}

/// Reads what the plan names.
fn complete(mut plan: Box<ConnectPlan>) -> Result<Completed, Problem> {
    let TlsFiles { authorities, certificates, key } = plan.tls.files.clone();
    if let Some(path) = &authorities {
        let pem = read(path)?;
        plan.tls.trust = match plan.tls.trust {
            Trust::SystemAnd(_) => Trust::SystemAnd(pem),
            Trust::System | Trust::Only(_) => Trust::Only(pem),
        };
    }
    if let Some(path) = certificates.as_ref().or(key.as_ref()) {
        let key = Secret::new(read(key.as_ref().unwrap_or(path))?);
        let key = opened(key, plan.tls.key_password.as_ref())?;
        plan.tls.identity = Some(ClientIdentity { certificates: read(path)?, key });
    }
    let names = plan.tls.identity.as_ref().map(|identity| names_of(&identity.certificates)).unwrap_or_default();
    Ok((plan, names))
}

/// The key without its protection, if there is one and its password was given.
fn opened(key: Secret<Vec<u8>>, password: Option<&Secret<String>>) -> Result<Secret<Vec<u8>>, Problem> {
    match password.filter(|_| key_file::is_protected(key.expose())) {
        Some(password) => match key_file::open(key.expose(), password.expose().as_bytes()) {
            Ok(mut plain) => Ok(Secret::new(std::mem::take(&mut *plain))),
            Err(error) => Err(error.explain()),
        },
        None => Ok(key),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Problem> {
    files::read_bytes(path, MAX_CERTIFICATES).map(|read| content_of(&read)).map_err(|error| {
        let detail = error.explain().detail;
        Problem::new(
            "mqtt.tls_file",
            format!("The certificate or key {} cannot be read", visible(&path.display().to_string(), 120)),
            "The file is missing, isn't readable, or isn't a certificate",
            "Choose the file again; if it belongs to another account, copy it to a place of your own",
        )
        .with_detail(detail)
    })
}

/// The names in the first certificate of a file, the subject's common name first. None where it cannot be read: the
/// handshake will tell.
fn names_of(pem: &[u8]) -> Vec<String> {
    let first = Pem::iter_from_buffer(pem).filter_map(Result::ok).find(|pem| pem.label == "CERTIFICATE");
    let Some(first) = first else { return Vec::new() };
    let Ok(certificate) = first.parse_x509() else { return Vec::new() };
    let common = certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok());
    let mut names: Vec<String> = common.map(|name| visible(name, 200)).collect();
    if let Ok(Some(alternative)) = certificate.subject_alternative_name() {
        let dns = alternative.value.general_names.iter().filter_map(|name| match name {
            GeneralName::DNSName(name) | GeneralName::URI(name) | GeneralName::RFC822Name(name) => Some(*name),
            _ => None,
        });
        names.extend(dns.map(|name| visible(name, 200)));
    }
    names.truncate(MAX_NAMES);
    names
}

fn read_schema(path: &Path) -> Result<(String, String), Problem> {
    let text = files::read_text(path, MAX_SCHEMA).map_err(|error| error.explain())?;
    let name = path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    Ok((name, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificate_and_key_come_from_the_files_that_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let mut parameters = rcgen::CertificateParams::new(vec!["gw-07.example".to_owned()]).unwrap();
        parameters.distinguished_name.push(rcgen::DnType::CommonName, "gw-07");
        let certificate = parameters.self_signed(&key).unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("both.pem"), certificate.pem() + &key.serialize_pem()).unwrap();
        let mut plan = ConnectPlan::new("mqtts://h".parse().unwrap(), "me");
        plan.tls.files =
            TlsFiles { authorities: Some(path("both.pem")), certificates: Some(path("both.pem")), key: None };
        let (done, names) = complete(Box::new(plan.clone())).unwrap();
        assert_eq!(names, ["gw-07", "gw-07.example"]);
        assert!(matches!(&done.tls.trust, Trust::Only(pem) if pem.starts_with(b"-----BEGIN")));
        assert!(done.tls.identity.is_some_and(|identity| identity.key.expose().starts_with(b"-----BEGIN")));

        plan.tls.files.key = Some(path("absent.pem"));
        assert_eq!(complete(Box::new(plan)).err().unwrap().code, "mqtt.tls_file");
    }
}
