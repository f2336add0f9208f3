//! Searches a card, an image or a flash dump for secrets: read-only, in one pass, with memory that does not grow.
//!
//! What is found is told with its place, its form, and where the file system can be asked, the file that holds it. Nothing
//! is ever written to the medium, and no secret is repeated.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use aho_corasick::{AhoCorasick, MatchKind};

use super::tool::{self, Ran};
use crate::model::card_scan::{Held, Hit, Scanned, Sought, order_of};
use crate::model::problem::{Explain, Problem};
use crate::model::redact::forms::Form;
use crate::model::text::visible;

/// How much is read at once.
const CHUNK: usize = 4 << 20;
/// How many places are told; the rest is counted.
const MOST_HITS: usize = 500;
/// How many places the file system is asked about.
const MOST_ASKED: usize = 64;
/// Bytes before a place that tell what kind of file it is.
const CONTEXT: usize = 64;
/// How long one question to the file system may take.
const ASK_LIMIT: Duration = Duration::from_mins(1);
/// How much of a medium that tells no size is read: a device such as /dev/zero has no end.
const MOST_WITHOUT_SIZE: u64 = 64 << 30;
/// Bytes of a sector of a partition table.
const SECTOR: u64 = 512;

/// Why a medium could not be searched.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// It is not there.
    #[error("there is no {}", path.display())]
    NotFound {
        /// Its path.
        path: PathBuf,
    },
    /// The account may not read it.
    #[error("{} may not be read", path.display())]
    NoPermission {
        /// Its path.
        path: PathBuf,
    },
    /// The system could not read it.
    #[error("{} could not be read", path.display())]
    Unreadable {
        /// Its path.
        path: PathBuf,
        /// How far it was read.
        at: u64,
        /// What the system said.
        detail: String,
    },
    /// It is a folder, or what a program writes into while it is read.
    #[error("{} is neither a card nor a file", path.display())]
    NoMedium {
        /// Its path.
        path: PathBuf,
    },
    /// There was nothing on it.
    #[error("{} is empty", path.display())]
    Empty {
        /// Its path.
        path: PathBuf,
    },
    /// It tells no size, and did not end.
    #[error("{} has no end", path.display())]
    Endless {
        /// Its path.
        path: PathBuf,
        /// How far it was read.
        at: u64,
    },
    /// There is nothing to look for.
    #[error("nothing to look for")]
    NothingSought,
    /// Somebody stopped it.
    #[error("stopped")]
    Stopped,
}

impl Explain for ScanError {
    fn explain(&self) -> Problem {
        match self {
            Self::NotFound { path } => Problem::new(
                "scan.not_found",
                format!("{} isn't there", visible(&path.display().to_string(), 120)),
                "The path is mistyped, or the card isn't in its reader",
                "Put the card in, and name its device, such as /dev/sdb, or an image of it",
            ),
            Self::NoPermission { path } => Problem::new(
                "scan.no_permission",
                format!("{} may not be read by this account", visible(&path.display().to_string(), 120)),
                "A device of a card may be read by administrators only",
                "Run it as an administrator, or read the card into an image first",
            ),
            Self::Unreadable { path, at, detail } => Problem::new(
                "scan.unreadable",
                format!("Reading stopped at byte {at}"),
                "The medium has a defect, or was taken out",
                "Put it in again and repeat; what lies behind that place was not searched",
            )
            .with_detail(format!("{}: {}", path.display(), visible(detail, 200))),
            Self::NoMedium { path } => Problem::new(
                "scan.no_medium",
                format!("{} isn't a card, an image or a file", visible(&path.display().to_string(), 120)),
                "It is a folder, a pipe or a socket",
                "Name the card's device, such as /dev/sdb, or an image of it",
            ),
            Self::Empty { path } => Problem::new(
                "scan.empty",
                format!("{} is empty: nothing was searched", visible(&path.display().to_string(), 120)),
                "The reader holds no card, or the image was not written",
                "Put the card in, or make the image again",
            ),
            Self::Endless { path, at } => Problem::new(
                "scan.endless",
                format!("{} did not end within {} GB", visible(&path.display().to_string(), 120), at >> 30),
                "It reports no size: a device that makes up what is read, not one that keeps it",
                "Name the card's device, such as /dev/sdb, or an image of it",
            ),
            Self::NothingSought => Problem::new(
                "scan.nothing_sought",
                "There is no secret to look for",
                "Each secret is shorter than 6 characters: it would be found by chance",
                "Give the passphrase, token or key in a file of its own",
            ),
            Self::Stopped => Problem::new(
                "scan.stopped",
                "The search was stopped before its end",
                "Somebody interrupted it",
                "Start it again: a part of the medium proves nothing",
            ),
        }
    }
}

/// Searches a medium from its first byte to its last. `tell` hears how far it is, and of how many bytes where the medium tells
/// its size; it says whether to go on.
pub fn scan(path: &Path, sought: &[Sought], tell: impl FnMut(u64, Option<u64>) -> bool) -> Result<Scanned, ScanError> {
    scan_up_to(MOST_WITHOUT_SIZE, path, sought, tell)
}

fn scan_up_to(
    most_without_size: u64,
    path: &Path,
    sought: &[Sought],
    mut tell: impl FnMut(u64, Option<u64>) -> bool,
) -> Result<Scanned, ScanError> {
    let automaton = automaton(sought)?;
    let overlap = sought.iter().map(|sought| sought.bytes.len()).max().unwrap_or(1) - 1 + CONTEXT;
    let mut medium = open(path)?;
    let size = size_of(&mut medium).map_err(|error| failed(path, 0, &error))?;
    let mut buffer = vec![0; overlap + CHUNK];
    let (mut kept, mut read_to) = (0, 0_u64);
    let mut scanned = Scanned { bytes: 0, total: 0, hits: Vec::new(), asked: None, left_out: Vec::new() };
    loop {
        let end = kept + read_full(&mut medium, &mut buffer[kept..]).map_err(|error| failed(path, read_to, &error))?;
        read_to += (end - kept) as u64;
        let first = read_to - end as u64;
        for found in automaton.find_iter(&buffer[..end]) {
            // What lies in the part that was kept was told before.
            if found.end() > kept {
                let before = &buffer[found.start().saturating_sub(CONTEXT)..found.start()];
                let sought = &sought[found.pattern().as_usize()];
                note(&mut scanned, sought, first + found.start() as u64, before);
            }
        }
        if !tell(read_to, size.filter(|size| *size >= read_to)) {
            return Err(ScanError::Stopped);
        }
        if end < buffer.len() {
            break;
        }
        if size.is_none() && read_to >= most_without_size {
            return Err(ScanError::Endless { path: path.to_owned(), at: read_to });
        }
        buffer.copy_within(end - overlap.., 0);
        kept = overlap;
    }
    buffer.fill(0);
    if read_to == 0 {
        return Err(ScanError::Empty { path: path.to_owned() });
    }
    // A card that is taken out ends like a short one.
    if size.is_some_and(|size| read_to < size) {
        let detail = "it ended before the size that it had at first".to_owned();
        return Err(ScanError::Unreadable { path: path.to_owned(), at: read_to, detail });
    }
    scanned.bytes = read_to;
    settle_orders(&mut medium, &mut scanned.hits, sought);
    ask_file_system(path, &mut scanned);
    Ok(scanned)
}

/// Between zero bytes a text in UTF-16 fits in either order, and the first that fits was noted: what stands around it tells
/// which it is.
fn settle_orders(medium: &mut File, hits: &mut [Hit], sought: &[Sought]) {
    for hit in hits.iter_mut().filter(|hit| hit.form == Form::Utf16Be) {
        let is_its = |one: &&Sought| one.secret == hit.secret && one.form == Form::Utf16Be;
        let lengths = sought.iter().filter(is_its).map(|one| one.bytes.len());
        for length in lengths {
            let from = hit.offset.saturating_sub(CONTEXT as u64);
            let Some(around) = bytes_around(medium, from, length + 2 * CONTEXT + 1) else { break };
            let at = usize::try_from(hit.offset - from).unwrap_or_default();
            let is_other = |one: &Sought| {
                let fits = || around.get(at + 1..at + 1 + length) == Some(one.bytes.as_slice());
                one.secret == hit.secret && one.form == Form::Utf16Le && one.bytes.len() == length && fits()
            };
            if sought.iter().any(is_other) {
                hit.form = order_of(&around[..at], around.get(at + length + 1..).unwrap_or_default());
                hit.offset += u64::from(hit.form == Form::Utf16Le);
                break;
            }
        }
    }
}

/// Bytes of a medium, fewer at its end.
fn bytes_around(medium: &mut File, from: u64, count: usize) -> Option<zeroize::Zeroizing<Vec<u8>>> {
    let mut bytes = zeroize::Zeroizing::new(vec![0; count]);
    medium.seek(SeekFrom::Start(from)).ok()?;
    let filled = read_full(medium, &mut bytes).ok()?;
    bytes.truncate(filled);
    Some(bytes)
}

fn automaton(sought: &[Sought]) -> Result<AhoCorasick, ScanError> {
    if sought.is_empty() {
        return Err(ScanError::NothingSought);
    }
    let patterns = sought.iter().map(|sought| sought.bytes.as_slice());
    let built = AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(patterns);
    // Only patterns of gigabytes cannot be built.
    built.map_err(|_| ScanError::NothingSought)
}

/// Opening a pipe would wait for whoever writes into it.
fn open(path: &Path) -> Result<File, ScanError> {
    let kind = std::fs::metadata(path).map_err(|error| failed(path, 0, &error))?.file_type();
    if kind.is_dir() || is_pipe(kind) {
        return Err(ScanError::NoMedium { path: path.to_owned() });
    }
    File::open(path).map_err(|error| failed(path, 0, &error))
}

#[cfg(unix)]
fn is_pipe(kind: std::fs::FileType) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    kind.is_fifo() || kind.is_socket()
}

#[cfg(not(unix))]
const fn is_pipe(_: std::fs::FileType) -> bool {
    false
}

fn failed(path: &Path, at: u64, error: &std::io::Error) -> ScanError {
    let path = path.to_owned();
    match error.kind() {
        ErrorKind::NotFound => ScanError::NotFound { path },
        ErrorKind::PermissionDenied => ScanError::NoPermission { path },
        _ => ScanError::Unreadable { path, at, detail: error.to_string() },
    }
}

/// The size of a file or a device; nothing for one that tells none.
fn size_of(medium: &mut File) -> std::io::Result<Option<u64>> {
    let size = medium.seek(SeekFrom::End(0))?;
    medium.seek(SeekFrom::Start(0))?;
    Ok(Some(size).filter(|size| *size > 0))
}

/// Reads until the buffer is full or the medium ends.
fn read_full(medium: &mut File, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match medium.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn note(scanned: &mut Scanned, sought: &Sought, offset: u64, before: &[u8]) {
    scanned.total += 1;
    if scanned.hits.len() < MOST_HITS {
        scanned.hits.push(Hit {
            secret: sought.secret.clone(),
            form: sought.form,
            offset,
            setting: setting_before(before).map(str::to_owned),
            held: Held::NotAsked,
        });
    }
}

/// What kind of setting stands before a secret, by how programs write it.
fn setting_before(before: &[u8]) -> Option<&'static str> {
    const KNOWN: [(&[u8], &str); 6] = [
        (b"psk=", "psk= of NetworkManager or wpa_supplicant"),
        (b"password:", "password: of netplan"),
        (b"Passphrase=", "Passphrase= of iwd or ConnMan"),
        (b"sta.pswd", "sta.pswd of NVS"),
        (b"password\":", "a field of JSON"),
        (b"password", "behind the word password"),
    ];
    let near = &before[before.len().saturating_sub(CONTEXT)..];
    KNOWN.iter().find(|(word, _)| near.windows(word.len()).any(|part| part == *word)).map(|(_, says)| *says)
}

/// Asks the file system which files hold the places, where it is one that can be asked.
fn ask_file_system(path: &Path, scanned: &mut Scanned) {
    if scanned.hits.is_empty() {
        return;
    }
    let systems = ext_file_systems(path);
    let mut names = BTreeMap::new();
    for hit in scanned.hits.iter_mut().take(MOST_ASKED) {
        let holds = |system: &&ExtFileSystem| (system.start..system.start + system.bytes).contains(&hit.offset);
        let Some(system) = systems.iter().find(holds) else {
            hit.held = Held::NoFileSystem;
            continue;
        };
        let block = (hit.offset - system.start) / system.block;
        let held = names.entry((system.start, block)).or_insert_with(|| system.file_at(path, block));
        hit.held = held.clone();
    }
    let is_missing = |hit: &Hit| hit.held == Held::NoTool;
    scanned.asked = Some(!scanned.hits.iter().any(is_missing));
}

/// A file system of the ext family on a medium.
struct ExtFileSystem {
    start: u64,
    bytes: u64,
    block: u64,
}

impl ExtFileSystem {
    /// The file that holds a block, by the tool of the file system.
    fn file_at(&self, path: &Path, block: u64) -> Held {
        let place = path.display().to_string();
        let place = if self.start == 0 { place } else { format!("{place}?offset={}", self.start) };
        let ask = |question: String| {
            let program = ["/usr/sbin/debugfs", "/sbin/debugfs"].into_iter().map(Path::new).find(|path| path.exists());
            let program = program.unwrap_or_else(|| Path::new("debugfs"));
            match tool::run(program, &["-R", &question, &place], ASK_LIMIT) {
                Ran::Ended { text, .. } => Ok(text),
                Ran::NotThere => Err(Held::NoTool),
                Ran::NotStarted | Ran::TooLong => Err(Held::NotAsked),
            }
        };
        // The answer is a heading and a line: block, then the number of the file, or that there is none.
        let answer = match ask(format!("icheck {block}")) {
            Ok(answer) => answer,
            Err(held) => return held,
        };
        let inode = answer.lines().nth(1).and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        let Some(inode) = inode else { return Held::Free };
        let answer = match ask(format!("ncheck {inode}")) {
            Ok(answer) => answer,
            Err(held) => return held,
        };
        let name = answer.lines().nth(1).and_then(|line| line.split_once('\t')).map(|(_, name)| name.trim());
        match name {
            Some(name) if !name.is_empty() => Held::File(visible(name, 200)),
            _ => Held::File(format!("inode {inode}")),
        }
    }
}

/// The file systems of the ext family: the whole medium, or its primary partitions.
fn ext_file_systems(path: &Path) -> Vec<ExtFileSystem> {
    let Ok(mut medium) = File::open(path) else { return Vec::new() };
    let mut starts = vec![0];
    starts.extend(partitions(&mut medium));
    starts.into_iter().filter_map(|start| ext_at(&mut medium, start)).collect()
}

/// Where the primary partitions of a table of the old kind begin, in bytes.
fn partitions(medium: &mut File) -> Vec<u64> {
    let Some(sector) = bytes_at::<512>(medium, 0) else { return Vec::new() };
    if sector[510..] != [0x55, 0xAA] {
        return Vec::new();
    }
    let first = |entry: &[u8]| u32::from_le_bytes([entry[8], entry[9], entry[10], entry[11]]);
    sector[446..510]
        .chunks_exact(16)
        .map(first)
        .filter(|start| *start > 0)
        .map(|start| u64::from(start) * SECTOR)
        .collect()
}

/// The superblock of the ext family: 1024 bytes behind the start, with its mark at 56.
fn ext_at(medium: &mut File, start: u64) -> Option<ExtFileSystem> {
    let block = bytes_at::<128>(medium, start + 1024)?;
    let word = |at: usize| u32::from_le_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]]);
    let log = word(24);
    if block[56..58] != [0x53, 0xEF] || log > 6 {
        return None;
    }
    let size = 1024_u64 << log;
    Some(ExtFileSystem { start, bytes: u64::from(word(4)) * size, block: size })
}

fn bytes_at<const COUNT: usize>(medium: &mut File, at: u64) -> Option<[u8; COUNT]> {
    let mut bytes = [0; COUNT];
    medium.seek(SeekFrom::Start(at)).ok()?;
    medium.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::card_scan::sought;

    const PASSPHRASE: &[u8] = b"correct horse battery";

    fn scanned(content: &[u8]) -> Scanned {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image");
        std::fs::write(&path, content).unwrap();
        scan(&path, &sought(&[("wifi".to_owned(), PASSPHRASE)], None), |_, _| true).unwrap()
    }

    #[test]
    fn a_secret_is_found_once_wherever_the_chunks_end() {
        for at in [0, 7, CHUNK - 10, CHUNK, CHUNK + 9, CHUNK + CONTEXT, 2 * CHUNK - 3] {
            let mut image = vec![0; 2 * CHUNK + 100];
            image[at..at + PASSPHRASE.len()].copy_from_slice(PASSPHRASE);
            let found = scanned(&image);
            let offsets: Vec<u64> = found.hits.iter().map(|hit| hit.offset).collect();
            assert_eq!(offsets, [at as u64]);
            assert_eq!(found.bytes, image.len() as u64);
        }
    }

    #[test]
    fn a_medium_that_ends_before_its_size_was_not_searched_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("card.img");
        std::fs::write(&path, vec![0; 3 * CHUNK]).unwrap();
        let cut = |_, _| {
            File::options().write(true).open(&path).unwrap().set_len(CHUNK as u64 + 512).unwrap();
            true
        };
        let ended = scan(&path, &sought(&[("wifi".to_owned(), PASSPHRASE)], None), cut);
        assert!(matches!(ended, Err(ScanError::Unreadable { at, .. }) if at < 3 * CHUNK as u64), "{ended:?}");
    }

    #[test]
    fn the_program_that_wrote_it_is_told_by_what_stands_before() {
        let found = scanned(b"network:\n  password: \"correct horse battery\"\n");
        assert_eq!(found.hits[0].setting.as_deref(), Some("password: of netplan"));
        let found = scanned(b"[wifi-security]\npsk=correct horse battery\n");
        assert_eq!(found.hits[0].setting.as_deref(), Some("psk= of NetworkManager or wpa_supplicant"));
    }

    #[test]
    fn utf_16_is_named_by_its_order_wherever_it_stands_and_never_by_the_wrong_one() {
        let little = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
        let big = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_be_bytes).collect() };
        let secret = std::str::from_utf8(PASSPHRASE).unwrap();
        let line = format!("key={secret}\n");
        for lead in [0, 1, 6, 7, CHUNK - 20, CHUNK - 21] {
            for filling in [0x00, 0xFF] {
                let image = |text: Vec<u8>| [vec![filling; lead], text, vec![filling; 40]].concat();
                let forms = |found: Scanned| -> Vec<(Form, u64)> {
                    found.hits.iter().map(|hit| (hit.form, hit.offset)).collect()
                };
                let found = forms(scanned(&image(little(secret))));
                assert_eq!(found.len(), 1, "{lead} {filling}");
                assert_ne!(found[0].0, Form::Utf16Be, "{lead} {filling}: {found:?}");
                let found = forms(scanned(&image(big(secret))));
                assert_ne!(found[0].0, Form::Utf16Le, "{lead} {filling}: {found:?}");
                if filling == 0xFF {
                    assert_eq!(forms(scanned(&image(little(&line)))), [(Form::Utf16Le, lead as u64 + 8)]);
                    assert_eq!(forms(scanned(&image(big(&line)))), [(Form::Utf16Be, lead as u64 + 8)]);
                }
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_device_without_an_end_tells_no_share_and_is_left() {
        let patterns = sought(&[("wifi".to_owned(), PASSPHRASE)], None);
        let mut told = Vec::new();
        let ended = scan_up_to(3 * CHUNK as u64, Path::new("/dev/zero"), &patterns, |_, total| {
            told.push(total);
            true
        });
        assert!(matches!(ended, Err(ScanError::Endless { .. })), "{ended:?}");
        assert!(told.len() > 1 && told.iter().all(Option::is_none), "{told:?}");
    }

    #[test]
    fn a_medium_without_the_secret_holds_nothing() {
        assert_eq!(scanned(&vec![0xA5; 3 * CHUNK]).total, 0);
    }

    #[test]
    fn what_cannot_be_read_is_an_error_and_no_clean_card() {
        let nothing = scan(Path::new("/nowhere/card"), &sought(&[("a".into(), PASSPHRASE)], None), |_, _| true);
        assert!(matches!(nothing, Err(ScanError::NotFound { .. })));
        assert!(matches!(scan(Path::new("/dev/null"), &[], |_, _| true), Err(ScanError::NothingSought)));
        let stopped = scan(Path::new("/dev/null"), &sought(&[("a".into(), PASSPHRASE)], None), |_, _| false);
        assert!(matches!(stopped, Err(ScanError::Stopped)));
    }
}
