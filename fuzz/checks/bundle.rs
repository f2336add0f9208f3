//! The reader of bundles, which also reads what a server of a team's records hands out: whatever the text is, it is read or
//! refused, audited without a panic, and what passes the audit is what was signed: written and read again, it still passes.

use linesman::ledger::bundle::{Bundle, name_of};
use linesman::model::audit::Digest;

/// A whole bundle of two jobs in two segments, its parts out of order, and a list of known keys.
pub(crate) const SEEDS: &[&[u8]] = &[
    include_bytes!("../../tests/data/records/two-jobs.bundle"),
    b"{\"kind\":\"linesman-bundle\",\"version\":1,\"nonce\":\"00\",\"began_at\":\"x\",\"adopted_to\":3,\"root_key\":\"00\"}\n",
    b"{\"kind\":\"head\",\"entry\":-1,\"hash\":\"\",\"at\":\"\",\"key\":\"\",\"signature\":\"\"}\n",
    b"# the team\n9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60 Kim\n",
];

/// The bundle of the seeds as it was exported: a bundle of that chain that passes is the same one, or a part of it.
const WHOLE: &str = include_str!("../../tests/data/records/two-jobs.bundle");

/// Holds one input against the rules above.
pub(crate) fn check(_piece: u8, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = name_of(&text, &Digest([7; 32]));
    let Ok(bundle) = Bundle::read(&text) else { return };
    let _ = bundle.last();
    let audit = bundle.audit_received();
    let _ = audit.verdict();
    let written = bundle.write().expect("what was read can be written");
    let again = Bundle::read(&written).expect("what was written can be read");
    assert_eq!(again, bundle, "written and read again");
    assert_eq!(again.audit_received(), audit);
    let whole = Bundle::read(WHOLE).expect("the seed is a bundle");
    if audit.is_intact() && bundle.genesis == whole.genesis {
        assert!(whole.entries.starts_with(&bundle.entries), "another entry of this chain passes");
    }
}
