//! What stands beside the looks of a wipe: files that show what a person did, and the watch whether a gateway comes back.

use serde::Serialize;

use crate::model::word::words;

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

words! {
    /// What this computer saw of a gateway's old network.
    NetworkState {
        /// It stands in that network, and the gateway is there again.
        CameBack = "came-back",
        /// It stands in that network, and something answers at the gateway's address; whether it is the gateway can't be told.
        Answers = "answers",
        /// It stands in that network, and nothing of the gateway answered.
        Quiet = "quiet",
        /// It could not look.
        NotChecked = "not-checked",
    }
}

/// Whether a gateway shows again in its old network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OldNetwork {
    /// What was seen.
    pub state: NetworkState,
    /// Where, or why not.
    pub says: String,
}

impl OldNetwork {
    /// Nobody could look, and why.
    pub fn not_checked(why: impl Into<String>) -> Self {
        Self { state: NetworkState::NotChecked, says: why.into() }
    }

    fn words(&self) -> String {
        let says = &self.says;
        match self.state {
            NetworkState::CameBack => format!("Old network: it is there again, {says}"),
            NetworkState::Answers => format!("Old network: {says}; whether that is the gateway can't be told"),
            NetworkState::Quiet => format!("Old network: {says}"),
            NetworkState::NotChecked => format!("Old network: not checked, {says}"),
        }
    }
}

impl Default for OldNetwork {
    fn default() -> Self {
        Self::not_checked("nobody looked")
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
    /// What this computer saw of its old network.
    pub old_network: OldNetwork,
    /// Why nobody listened at the broker meanwhile, where that was asked for.
    pub not_listened: Option<String>,
}

impl Watched {
    /// It in a sentence.
    pub fn words(&self) -> String {
        let minutes = self.seconds / 60;
        let main = match (&self.finding, self.answers) {
            (Some(finding), _) => format!("It came back: {finding}"),
            (None, 0) => format!("Watched for {minutes} min: it didn't answer, so nothing was seen"),
            (None, _) => format!("Watched for {minutes} min: it didn't come back"),
        };
        let broker = self.not_listened.as_ref().map(|why| format!("Broker: not listened, {why}"));
        [Some(main), Some(self.old_network.words()), broker].into_iter().flatten().collect::<Vec<_>>().join(". ")
    }
}
