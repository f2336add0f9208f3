//! The tokens and files that a profile wants on the gateway beside its network: what was chosen, and what came of it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::model::ids::{DriverId, JobId};
use crate::model::secret::Secret;
use crate::msg::{Command, Request};
use crate::profile::{CredentialRule, Profile};

/// Room for a pasted token from the start: a field that grows would leave copies behind in memory.
const PASTED_ROOM: usize = 4096;

/// One token or file that the driver can send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRow {
    /// Its id in the profile.
    pub id: String,
    /// What it is for.
    pub purpose: String,
    /// Where the driver puts it.
    pub place: String,
    /// Whether the profile only assumes that it goes there.
    pub is_assumed: bool,
}

impl TokenRow {
    fn of(rule: &CredentialRule, driver: DriverId) -> Option<Self> {
        let push = rule.push.iter().find(|push| push.driver == driver)?;
        Some(Self {
            id: rule.id.clone(),
            purpose: rule.purpose.clone(),
            place: push.way.place(),
            is_assumed: push.basis.is_assumed(),
        })
    }
}

/// The rows of a profile for a driver.
pub(super) fn rows(profile: Option<&Profile>, driver: DriverId) -> Vec<TokenRow> {
    let credentials = profile.map_or(&[][..], |profile| &profile.credentials);
    credentials.iter().filter_map(|rule| TokenRow::of(rule, driver)).collect()
}

/// What was chosen for one row.
pub struct TokenInput {
    /// Path of the file; edited in place.
    pub path: String,
    /// The pasted text; edited in place.
    pub pasted: Secret<String>,
    /// Whether it is pasted, not read from a file.
    pub is_pasted: bool,
}

impl Default for TokenInput {
    fn default() -> Self {
        Self { path: String::new(), pasted: Secret::new(String::with_capacity(PASTED_ROOM)), is_pasted: false }
    }
}

impl TokenInput {
    /// Whether there is something to send.
    pub fn is_filled(&self) -> bool {
        if self.is_pasted { !self.pasted.expose().trim().is_empty() } else { !self.path.trim().is_empty() }
    }

    fn command(&self, job: JobId, id: &str) -> Command {
        let id = id.to_owned();
        if self.is_pasted {
            // A line break at the end comes from the pasting.
            let content = Secret::new(self.pasted.expose().trim_end_matches(['\r', '\n']).as_bytes().to_vec());
            Command::Session { job, request: Request::PushCredential { id, content } }
        } else {
            Command::SendCredentialFile { job, id, path: PathBuf::from(self.path.trim()) }
        }
    }
}

/// What was chosen for all rows, by id.
#[derive(Default)]
pub struct Tokens(BTreeMap<String, TokenInput>);

impl Tokens {
    /// The fields of a row.
    pub fn input(&mut self, id: &str) -> &mut TokenInput {
        self.0.entry(id.to_owned()).or_default()
    }

    /// Whether a row has something to send.
    pub fn is_filled(&self, id: &str) -> bool {
        self.0.get(id).is_some_and(TokenInput::is_filled)
    }

    pub(super) fn command(&self, job: JobId, id: &str) -> Option<Command> {
        self.0.get(id).filter(|input| input.is_filled()).map(|input| input.command(job, id))
    }

    /// What belongs to one gateway alone is forgotten.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}
