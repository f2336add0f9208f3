//! What stands beside the looks of a wipe: files that show what a person did, and the watch whether a gateway comes back.

use serde::Serialize;

/// A file that shows what a person did, such as a photo. It stays where it is; its sum tells it from any other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EvidenceFile {
    /// Its name, without its folder.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: String,
}

impl EvidenceFile {
    /// It in a sentence.
    pub fn words(&self) -> String {
        format!("File {}, {} bytes, SHA-256 {}", self.name, self.bytes, self.sha256)
    }
}

/// A watch after the last look: whether the gateway comes back to its old network, or under a new name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Watched {
    /// How long, in seconds.
    pub seconds: u64,
    /// How often it answered.
    pub answers: u32,
    /// What was seen of it that should not be.
    pub finding: Option<String>,
}

impl Watched {
    /// It in a sentence.
    pub fn words(&self) -> String {
        let minutes = self.seconds / 60;
        match (&self.finding, self.answers) {
            (Some(finding), _) => format!("It came back: {finding}"),
            (None, 0) => format!("Watched for {minutes} min: it didn't answer, so nothing was seen"),
            (None, _) => format!("Watched for {minutes} min: it didn't come back"),
        }
    }
}
