//! Records on their way between computers: both chains stay verifiable, and nothing is taken in twice or unseen.

use super::*;
use crate::ledger::bundle::BundleError;
use crate::model::audit::Imported;
use crate::model::record_filter::Filter;

/// A computer: its data folder, and what came of it.
struct Laptop {
    folder: tempfile::TempDir,
    data_dir: DataDir,
}

impl Laptop {
    fn new() -> Self {
        let (folder, data_dir) = data_dir();
        Self { folder, data_dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn work(&self, gateway: &str) {
        let store = RecordStore::open(&self.data_dir).unwrap();
        let job = store.begin(intent(gateway)).await.unwrap();
        store.step(job, push(Phase::Intent)).await.unwrap();
        store.end(job, "joined", String::new(), "It joined".into()).await.unwrap();
    }

    async fn export(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        let store = RecordStore::open(&self.data_dir).unwrap();
        store.export_bundle(Destination::replacing(&path)).await.unwrap();
        path
    }

    /// The list of known keys with this computer's in it.
    fn keys(&self) -> PathBuf {
        let root = audit(&self.data_dir, None).unwrap().root_key.unwrap();
        let path = self.path("keys.txt");
        std::fs::write(&path, format!("# the team\n{}  somebody\n\n{root} Kim's laptop # new\n", Digest([3; 32])))
            .unwrap();
        path
    }

    async fn import(&self, bundle: &Path, keys: &Path) -> Result<Imported, TransferError> {
        let store = RecordStore::open(&self.data_dir).unwrap();
        store.import_bundle(bundle.to_owned(), keys.to_owned(), "Jana".into()).await
    }
}

#[tokio::test]
async fn a_bundle_brings_the_other_chain_and_the_same_twice_changes_nothing() {
    let (kim, jana) = (Laptop::new(), Laptop::new());
    kim.work("gw 1").await;
    jana.work("gw 9").await;
    let (bundle, keys) = (kim.export("a.bundle").await, kim.keys());
    let imported = jana.import(&bundle, &keys).await.unwrap();
    assert_eq!((imported.name.as_str(), imported.entries, imported.head.entry), ("Kim's laptop", 3, 3));
    let audit_of = |laptop: &Laptop| audit(&laptop.data_dir, None).unwrap();
    let after = audit_of(&jana);
    assert!(after.is_intact(), "{after:?}");
    assert_eq!((after.entries, after.imported.len(), after.imported[0].entries), (6, 1, 3));

    let again = jana.import(&bundle, &keys).await.unwrap();
    assert_eq!((again.entries, again.head.entry), (0, 3));
    assert_eq!(audit_of(&jana), after, "the same bundle twice");

    kim.work("gw 2").await;
    let later = kim.export("b.bundle").await;
    assert_eq!(jana.import(&later, &keys).await.unwrap().entries, 3);
    assert_eq!(jana.import(&bundle, &keys).await.unwrap().entries, 0, "an older one after it");
    let after = audit_of(&jana);
    assert!(after.is_intact(), "{after:?}");
    assert_eq!(after.imported[0].entries, 6);
    // And back: the import itself is on Jana's record.
    let back = jana.export("c.bundle").await;
    assert_eq!(kim.import(&back, &jana.keys()).await.unwrap().entries, after.entries);
    assert!(audit_of(&kim).is_intact());
}

#[tokio::test]
async fn a_bundle_that_was_tampered_with_is_refused_whole() {
    let (kim, jana) = (Laptop::new(), Laptop::new());
    kim.work("gw 1").await;
    kim.work("gw 2").await;
    let (bundle, keys) = (kim.export("a.bundle").await, kim.keys());
    let text = std::fs::read_to_string(&bundle).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let without = |at: usize| {
        let mut lines = lines.clone();
        lines.remove(at);
        lines.join("\n")
    };
    let last = lines.len() - 1;
    let cut_at_a_segment = {
        let kept = |line: &&&str| {
            !["\"sequence\":4", "\"sequence\":5", "\"sequence\":6", "\"number\":2"]
                .iter()
                .any(|part| line.contains(part))
        };
        lines.iter().filter(kept).copied().collect::<Vec<_>>().join("\n")
    };
    for (what, text) in [
        ("an edit", text.replacen("joined", "refused", 1)),
        ("an entry gone", without(2)),
        ("a segment gone", without(last - 1)),
        ("the head gone", without(last)),
        ("cut at a segment", cut_at_a_segment),
    ] {
        let path = kim.path("forged.bundle");
        std::fs::write(&path, text).unwrap();
        let refused = jana.import(&path, &keys).await;
        assert!(matches!(refused, Err(TransferError::Bundle(BundleError::Damaged { .. }))), "{what}: {refused:?}");
    }
    let path = kim.path("forged.bundle");
    std::fs::write(&path, "id,name\n").unwrap();
    let refused = jana.import(&path, &keys).await;
    assert!(matches!(refused, Err(TransferError::Bundle(BundleError::NotABundle { .. }))), "another file: {refused:?}");
    for (what, text) in [
        ("two heads", format!("{text}{}\n", lines[last])),
        ("cut within a line", text[..text.len() / 2].to_owned()),
        ("cut within the first line", text[..40].to_owned()),
        ("cut within the first word", text[..12].to_owned()),
        ("nothing left", String::new()),
    ] {
        std::fs::write(&path, text).unwrap();
        let refused = jana.import(&path, &keys).await;
        assert!(matches!(refused, Err(TransferError::Bundle(BundleError::Incomplete { .. }))), "{what}: {refused:?}");
    }
    assert_eq!(audit(&jana.data_dir, None).unwrap().entries, 0);
}

#[tokio::test]
async fn imported_jobs_are_listed_and_shown_beside_ones_own_with_the_computer_they_came_from() {
    let (kim, jana) = (Laptop::new(), Laptop::new());
    kim.work("gw 1").await;
    jana.work("gw 9").await;
    jana.import(&kim.export("a.bundle").await, &kim.keys()).await.unwrap();
    let store = RecordStore::open(&jana.data_dir).unwrap();
    let listed = store.find(Filter::default(), 99).await.unwrap();
    let seen: Vec<_> = listed
        .iter()
        .map(|job| {
            (job.intent.gateway.as_str(), job.origin.as_ref().map(|origin| origin.computer.as_str()), &*job.outcome)
        })
        .collect();
    let kims = ("gw 1", Some("Kim's laptop"), "joined");
    assert_eq!(seen, [("Kim's laptop", None, "done"), ("gw 9", None, "joined"), kims]);
    assert_eq!(store.list(99).await.unwrap().len(), 2, "what this computer did is another question");
    let shown = store.show(listed[2].key()).await.unwrap();
    assert_eq!((shown.entries.len(), shown.entries[1].step.as_str()), (3, "push"));
    let with_gateway = Filter { gateway: Some("gw 1".into()), ..Filter::default() };
    assert_eq!(store.find(with_gateway, 99).await.unwrap(), [listed[2].clone()]);
    // More of the other computer is seen at once.
    kim.work("gw 2").await;
    drop(store);
    jana.import(&kim.export("b.bundle").await, &kim.keys()).await.unwrap();
    assert_eq!(RecordStore::open(&jana.data_dir).unwrap().find(Filter::default(), 99).await.unwrap().len(), 5);
}

#[tokio::test]
async fn keys_that_are_not_in_the_list_and_ones_own_bundle_are_refused() {
    let (kim, jana) = (Laptop::new(), Laptop::new());
    kim.work("gw 1").await;
    jana.work("gw 2").await;
    let bundle = kim.export("a.bundle").await;
    let refused = jana.import(&bundle, &jana.keys()).await;
    assert!(matches!(refused, Err(TransferError::Bundle(BundleError::UnknownKey { .. }))), "{refused:?}");
    let own = kim.import(&bundle, &kim.keys()).await;
    assert_eq!(own, Err(BundleError::Own.into()));
    std::fs::write(kim.path("keys.txt"), "Kim's laptop\n").unwrap();
    let refused = jana.import(&bundle, &kim.path("keys.txt")).await;
    assert_eq!(refused, Err(BundleError::BadKeyLine { line: 1 }.into()));
}

#[tokio::test]
async fn a_computer_that_went_back_and_wrote_otherwise_contradicts_itself() {
    let (kim, jana) = (Laptop::new(), Laptop::new());
    kim.work("gw 1").await;
    let copy = |from: &Path, to: &str| std::fs::copy(from, kim.path(to)).map(drop).unwrap();
    copy(&kim.data_dir.records(), "records.backup");
    copy(&kim.data_dir.records_key(), "key.backup");
    kim.work("gw 2").await;
    let keys = kim.keys();
    jana.import(&kim.export("a.bundle").await, &keys).await.unwrap();
    std::fs::rename(kim.path("records.backup"), kim.data_dir.records()).unwrap();
    std::fs::rename(kim.path("key.backup"), kim.data_dir.records_key()).unwrap();
    kim.work("gw 3").await;
    let refused = jana.import(&kim.export("b.bundle").await, &keys).await;
    assert_eq!(
        refused,
        Err(BundleError::Contradicts { entry: 4 }.into()),
        "with the old key back in place only others can tell"
    );
}

#[tokio::test]
async fn imported_records_that_are_changed_or_cut_later_are_found() {
    for sql in [
        "DROP TRIGGER imported_entries_stay; UPDATE imported_entries SET line = replace(line, 'gw 1', 'gw 7')",
        "DROP TRIGGER imported_entries_last; DELETE FROM imported_entries WHERE sequence = 3",
        "DROP TRIGGER imported_segments_last; DROP TRIGGER imported_entries_last; DROP TRIGGER imported_chains_last;
         DELETE FROM imported_segments; DELETE FROM imported_entries; DELETE FROM imported_chains",
        "DROP TRIGGER imported_chains_stay; UPDATE imported_chains SET began_at = 'x'",
    ] {
        let (kim, jana) = (Laptop::new(), Laptop::new());
        kim.work("gw 1").await;
        jana.import(&kim.export("a.bundle").await, &kim.keys()).await.unwrap();
        Connection::open(jana.data_dir.records()).unwrap().execute_batch(sql).unwrap();
        let audit = audit(&jana.data_dir, None).unwrap();
        assert!(!audit.is_intact() && audit.findings.is_empty(), "{sql}: {audit:?}");
        assert!(audit.verdict().starts_with("Imported from"), "{sql}: {}", audit.verdict());
    }
}

#[tokio::test]
async fn damaged_records_make_no_bundle() {
    let kim = Laptop::new();
    kim.work("gw 1").await;
    let connection = Connection::open(kim.data_dir.records()).unwrap();
    connection.execute_batch("DROP TRIGGER entries_stay; UPDATE entries SET detail = '1' WHERE sequence = 2").unwrap();
    let store = RecordStore::open(&kim.data_dir).unwrap();
    let refused = store.export_bundle(Destination::replacing(kim.path("a.bundle"))).await;
    assert!(matches!(refused, Err(TransferError::Damaged { .. })), "{refused:?}");
    assert!(!kim.path("a.bundle").exists());
}
