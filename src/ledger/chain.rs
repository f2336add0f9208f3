//! The chain: what an entry's hash covers, and where the chain begins.

use super::canon::{self, Value};
use crate::model::audit::Digest;

/// Names the first row of a chain, and its version.
const GENESIS: &str = "linesman.chain.1";
/// Names an entry, and its version.
const ENTRY: &str = "linesman.entry.1";
/// The clock quality of an entry whose time nothing speaks against.
pub const UNCHECKED: &str = "unchecked";
/// The clock quality of an entry whose time lies before that of one written earlier.
pub const SET_BACK: &str = "set-back";
/// The step under which a job as a whole is entered.
pub const JOB_STEP: &str = "job";
/// The phase of an entry written before the act.
pub const INTENT: &str = "intent";

/// The beginning of a chain. Its hash is the chain's id, and the first entry follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Genesis {
    /// Random, so that no two chains are alike.
    pub nonce: Vec<u8>,
    /// When it began, RFC 3339 in UTC.
    pub began_at: String,
    /// The last entry that was written before there was a chain; 0 where there was none.
    pub adopted_to: i64,
    /// The public key that seals the first segment.
    pub root_key: Digest,
}

impl Genesis {
    /// The id of the chain.
    pub fn id(&self) -> Digest {
        canon::hash(&canon::bytes([
            GENESIS.into(),
            Value::Bytes(&self.nonce),
            self.began_at.as_str().into(),
            self.adopted_to.into(),
            (&self.root_key).into(),
        ]))
    }
}

/// The columns of an entry that its hash covers, beside its place in the chain.
#[derive(Clone, Copy, Debug)]
pub struct EntryRow<'a> {
    /// Its number.
    pub sequence: i64,
    /// Its job.
    pub job: i64,
    /// From `at` to `is_end` in the order of the schema: `at`, `clock_quality`, `step`, `phase`, `outcome`, `reason`,
    /// `summary`, `detail`, `is_end`.
    pub columns: [Value<'a>; 9],
    /// What the job set out to do, for the entry that begins it.
    pub begins: Option<JobRow<'a>>,
}

/// What the hash of the entry that begins a job covers too: the job's `instance`, `started_at`, `action`, `gateway`,
/// `link`, `profile`, `driver`, `operator`, `is_simulated`; then of its row in a batch, else nothing five times: `batch`,
/// `name`, `content`, and of the batch `started_at` and `source`.
pub type JobRow<'a> = [Value<'a>; 14];

impl EntryRow<'_> {
    /// Writes what is hashed: the chain, the place in it, and the columns.
    pub fn write(&self, chain: &Digest, previous: &Digest, out: &mut Vec<u8>) {
        let place = [ENTRY.into(), chain.into(), self.sequence.into(), previous.into(), self.job.into()];
        let begins = self.begins.iter().flatten().copied();
        canon::write(place.into_iter().chain(self.columns).chain(begins), out);
    }

    /// The hash of the entry behind `previous`. `memory` is used again.
    pub fn hash(&self, chain: &Digest, previous: &Digest, memory: &mut Vec<u8>) -> Digest {
        self.write(chain, previous, memory);
        canon::hash(memory)
    }
}

/// The clock quality of an entry: `latest` is the latest time that was written before.
pub fn clock_quality(at: &str, latest: &str) -> &'static str {
    if at < latest { SET_BACK } else { UNCHECKED }
}
