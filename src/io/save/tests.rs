//! What is refused, what is replaced, what is written to, and what is never touched.

use super::*;
use crate::model::problem::Explain as _;

fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("export.csv");
    (folder, path)
}

fn code(result: Result<impl std::fmt::Debug, FilesError>) -> &'static str {
    result.unwrap_err().explain().code
}

#[test]
fn a_file_is_written_once_and_replaced_only_when_that_is_said() {
    let (folder, path) = place();
    let saved = save(&Destination::file(&path), b"one").unwrap();
    assert_eq!(saved, Saved { path: path.clone(), bytes: Some(3) });
    assert_eq!(code(save(&Destination::file(&path), b"two")), "files.exists");
    assert_eq!(code(grow(&Destination::file(&path))), "files.exists");
    assert_eq!(code(check(&Destination::file(&path))), "files.exists");
    assert_eq!(fs::read(&path).unwrap(), b"one");
    check(&Destination::replacing(&path)).unwrap();
    save(&Destination::replacing(&path), b"two").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"two");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "something was left behind");
}

#[test]
fn what_is_read_is_never_written_over_by_whatever_name() {
    let (folder, source) = place();
    fs::write(&source, "precious").unwrap();
    let named = |name: &str| folder.path().join(name);
    fs::hard_link(&source, named("hard")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(&source, named("soft")).unwrap();
    let dotted = folder.path().join(".").join("export.csv");
    let names = if cfg!(unix) {
        vec![source.clone(), dotted, named("hard"), named("soft")]
    } else {
        vec![source.clone(), dotted]
    };
    for name in names {
        for destination in [Destination::file(&name), Destination::replacing(&name)] {
            let destination = destination.made_from([source.clone()]);
            assert_eq!(code(save(&destination, b"x")), "files.same_file", "{name:?}");
            assert_eq!(code(grow(&destination)), "files.same_file", "{name:?}");
            assert_eq!(code(check(&destination)), "files.same_file", "{name:?}");
        }
    }
    assert_eq!(fs::read(&source).unwrap(), b"precious");
}

#[test]
fn folders_and_missing_folders_are_named() {
    let (folder, _) = place();
    let missing = folder.path().join("missing/x.csv");
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    for (path, expected) in [
        (folder.path().to_owned(), "files.not_a_file"),
        (folder.path().join("new/"), "files.not_a_file"),
        (PathBuf::new(), "files.not_a_file"),
        (missing, "files.no_folder"),
        (file.join("x.csv"), "files.not_a_folder"),
    ] {
        for destination in [Destination::file(&path), Destination::replacing(&path)] {
            assert_eq!(code(save(&destination, b"x")), expected, "{path:?}");
            assert_eq!(code(grow(&destination)), expected, "{path:?}");
            assert_eq!(code(check(&destination)), expected, "{path:?}");
        }
    }
}

#[test]
fn what_is_given_up_leaves_nothing_and_what_is_there_stays() {
    let (folder, path) = place();
    fs::write(&path, "old").unwrap();
    let mut writing = Writing::begin(&Destination::replacing(&path)).unwrap();
    writing.take().unwrap().write_all(b"half").unwrap();
    assert!(writing.take().is_err(), "taken twice");
    drop(writing);
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_file_that_came_meanwhile_is_not_written_over() {
    let (_folder, path) = place();
    let mut writing = Writing::begin(&Destination::file(&path)).unwrap();
    let file = writing.take().unwrap();
    fs::write(&path, "somebody else's").unwrap();
    assert_eq!(code(writing.keep(&file)), "files.exists");
    assert_eq!(fs::read(&path).unwrap(), b"somebody else's");
}

#[test]
fn a_growing_file_has_its_name_at_once() {
    let (_folder, path) = place();
    grow(&Destination::file(&path)).unwrap().file.write_all(b"a").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"a");
    append(&path).unwrap().write_all(b"b").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"ab");
}

#[test]
fn a_file_stays_until_the_one_that_grows_in_its_place_settles_its_claim() {
    let (folder, path) = place();
    fs::write(&path, b"old").unwrap();
    let names = || fs::read_dir(folder.path()).unwrap().count();
    let mut abandoned = grow(&Destination::replacing(&path)).unwrap();
    abandoned.file.write_all(b"head").unwrap();
    drop(abandoned);
    assert_eq!((fs::read(&path).unwrap(), names()), (b"old".to_vec(), 1));
    let mut kept = grow(&Destination::replacing(&path)).unwrap();
    kept.file.write_all(b"head").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"old");
    kept.claim.settle().unwrap();
    kept.file.write_all(b" and more").unwrap();
    kept.claim.settle().unwrap();
    drop(kept);
    assert_eq!((fs::read(&path).unwrap(), names()), (b"head and more".to_vec(), 1));
}

#[test]
fn a_file_that_was_written_meanwhile_is_not_replaced_by_a_claim_from_before() {
    let (_folder, path) = place();
    fs::write(&path, b"old").unwrap();
    let mut growing = grow(&Destination::replacing(&path)).unwrap();
    growing.file.write_all(b"first").unwrap();
    fs::write(&path, b"precious").unwrap();
    growing.claim.settle().unwrap_err();
    drop(growing);
    assert_eq!(fs::read(&path).unwrap(), b"precious");

    let mut growing = grow(&Destination::replacing(&path)).unwrap();
    growing.file.write_all(b"first").unwrap();
    if cfg!(unix) {
        assert_eq!(code(grow(&Destination::replacing(&path))), "files.in_use", "two wait for one name");
        assert_eq!(code(check(&Destination::replacing(&path))), "files.in_use");
    }
    fs::remove_file(&path).unwrap();
    growing.claim.settle().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"first", "what is gone is in nobody's way");
}

#[test]
fn what_an_earlier_run_left_behind_is_in_nobodys_way() {
    let (folder, path) = place();
    for number in 0..40 {
        fs::write(folder.path().join(format!(".linesman-{}-{number}.part", std::process::id())), b"left").unwrap();
    }
    save(&Destination::file(&path), b"new").unwrap();
    save(&Destination::replacing(&path), b"newer").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"newer");
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_link_is_written_through_and_stays_a_link() {
        let (folder, path) = place();
        let link = folder.path().join("link");
        symlink("export.csv", &link).unwrap();
        save(&Destination::file(&link), b"through a link to nothing").unwrap();
        assert_eq!(code(save(&Destination::file(&link), b"x")), "files.exists");
        save(&Destination::replacing(&link), b"again").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"again");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        let circle = folder.path().join("circle");
        symlink("circle", &circle).unwrap();
        assert_eq!(code(save(&Destination::replacing(&circle), b"x")), "files.not_written");
    }

    #[test]
    fn a_new_file_is_private_and_a_replaced_one_keeps_its_permissions() {
        let (_folder, path) = place();
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        save(&Destination::file(&path), b"x").unwrap();
        assert_eq!(mode(), 0o600);
        for wanted in [0o644, 0o640] {
            fs::set_permissions(&path, fs::Permissions::from_mode(wanted)).unwrap();
            save(&Destination::replacing(&path), b"y").unwrap();
            assert_eq!(mode(), wanted);
            grow(&Destination::replacing(&path)).unwrap().claim.settle().unwrap();
            assert_eq!(mode(), wanted);
        }
    }

    #[test]
    fn devices_are_written_to_and_stay_what_they_are() {
        let (folder, _) = place();
        let link = folder.path().join("null");
        symlink("/dev/null", &link).unwrap();
        for path in [Path::new("/dev/null"), &link] {
            assert_eq!(save(&Destination::file(path), b"gone").unwrap().bytes, Some(4));
            check(&Destination::file(path)).unwrap();
        }
        assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
        assert_eq!(code(save(&Destination::file("/dev/full"), b"x")), "files.disk_full");
    }

    #[test]
    fn a_pipe_is_written_to_once_somebody_reads() {
        let (folder, path) = place();
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        check(&Destination::file(&path)).unwrap();
        let there = path.clone();
        let reader = std::thread::Builder::new().name("reader".into()).spawn(move || fs::read(there).unwrap()).unwrap();
        save(&Destination::file(&path), b"through").unwrap();
        assert_eq!(reader.join().unwrap(), b"through");
        assert!(fs::metadata(&path).unwrap().file_type().is_fifo());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_name_as_long_as_is_allowed_can_be_written() {
        let (folder, _) = place();
        let path = folder.path().join("x".repeat(255));
        save(&Destination::file(&path), b"x").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"x");
        assert_eq!(code(save(&Destination::file(folder.path().join("x".repeat(256))), b"x")), "files.not_written");
    }
}

#[test]
fn the_files_of_the_records_are_never_written_over_whatever_is_allowed() {
    let (folder, export) = place();
    let named = |name: &str| folder.path().join(name);
    fs::create_dir(named("running")).unwrap();
    let own = ["records.sqlite", "records.key", "records.reserve", "records.sync", "running/1"];
    for name in own {
        fs::write(named(name), "precious").unwrap();
    }
    // What SQLite makes when it needs it is as little anybody's to make.
    let others = ["records.sqlite-wal", "records.sqlite-shm", "records.sqlite-journal"];
    for name in own.iter().chain(&others) {
        let destination = Destination::replacing(named(name));
        assert_eq!(code(save(&destination, b"x")), "files.records", "{name}");
        assert_eq!(code(grow(&destination)), "files.records", "{name}");
        assert_eq!(code(check(&destination)), "files.records", "{name}");
        assert_eq!(code(append(&named(name))), "files.records", "{name}");
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(named("records.sqlite"), named("link.csv")).unwrap();
        assert_eq!(code(save(&Destination::replacing(named("link.csv")), b"x")), "files.records");
    }
    assert!(own.iter().all(|name| fs::read(named(name)).unwrap() == b"precious"));
    assert!(others.iter().all(|name| !named(name).exists()));
    // Beside them anything may lie.
    save(&Destination::file(&export), b"x").unwrap();
    save(&Destination::file(named("records.csv")), b"x").unwrap();
}
