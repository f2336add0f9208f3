//! The ledger: what makes records stand up. Entries form a chain of hashes, segments of them are signed, and each segment
//! is sealed with a key that is destroyed afterwards.
//!
//! Pure: rows, times and random bytes are arguments. `docs/records.md` describes the format for others; a verifier in
//! another language (`tests/peers/records`) is written from that page alone.

pub mod audit;
pub mod bundle;
pub mod canon;
pub mod chain;
pub mod seal;
mod told;

pub use audit::{Auditor, KnownHead};
pub use canon::Value;
pub use chain::{EntryRow, Genesis, JobRow};
pub use seal::{SealingKey, Segment, Signature};
