//! The results of a batch as CSV: a line for each row as it ends, on the disk at once; at the end the whole in order.
//!
//! A file that was cut off lacks its last line, which counts the outcomes. A row that was done again has a second line
//! until then; the later one counts. Cells are made safe to show and never begin a formula.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::files::{self, FilesError};
use super::records::export::cell;
use super::save::{self, Growing};
use crate::model::batch::{GO_ON, NO_RESULTS, RESULTS_ELSEWHERE, RowHead, RowOutcome, RowResult, Summary};
use crate::model::destination::Destination;
use crate::model::problem::Problem;

const HEADER: &str =
    "row,name,gateway,link,outcome,reason,evidence,took_seconds,match,profile,driver,ssid,summary,next_step";

/// Where a result file is when its batch ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whereabouts {
    /// At its path.
    InPlace,
    /// The file that it was to replace is there still.
    Beside,
    /// It was moved or deleted, and nothing is at its path.
    Gone,
    /// Another file is at its path.
    Replaced,
}

/// A result file that grows.
pub struct ResultFile {
    path: PathBuf,
    /// The results of an earlier run stay until a row of this one has ended.
    growing: Growing,
}

impl ResultFile {
    /// Begins the file, with the rows that have ended already.
    pub fn create<'a>(
        destination: &Destination,
        ended: impl Iterator<Item = (&'a RowHead, &'a RowResult)>,
    ) -> Result<Self, FilesError> {
        let lines: Vec<String> = ended.map(|(head, result)| line(head, Some(result))).collect();
        let path = destination.path();
        let mut growing = save::grow(destination)?;
        let written = growing.file.write_all(format!("{HEADER}\r\n{}", lines.concat()).as_bytes());
        let written = written.and_then(|()| synced(&growing.file));
        let settled = written.and_then(|()| if lines.is_empty() { Ok(()) } else { growing.claim.settle() });
        settled.map_err(|error| files::write_error(path, &error))?;
        Ok(Self { path: path.to_owned(), growing })
    }

    /// Where it is.
    pub fn whereabouts(&self, destination: &Destination) -> Whereabouts {
        let is_plain = || self.growing.file.metadata().is_ok_and(|found| found.is_file());
        if self.growing.claim.is_open() {
            return Whereabouts::Beside;
        }
        if destination.is_standard_output() || !is_plain() || save::leads_to(&self.path, &self.growing.file) {
            return Whereabouts::InPlace;
        }
        if std::fs::symlink_metadata(&self.path).is_ok() { Whereabouts::Replaced } else { Whereabouts::Gone }
    }

    /// Adds a row that ended. Returns once it is on the disk.
    pub fn add(&mut self, head: &RowHead, result: &RowResult) -> Result<(), FilesError> {
        let Growing { file, claim } = &mut self.growing;
        let written = file.write_all(line(head, Some(result)).as_bytes()).and_then(|()| synced(file));
        written.and_then(|()| claim.settle()).map_err(|error| files::write_error(&self.path, &error))
    }
}

/// Whether the file there holds results of these rows and nothing else: a run that goes on with them may replace it.
pub fn are_of(destination: &Destination, heads: &[RowHead]) -> bool {
    let by_row: BTreeMap<String, String> =
        heads.iter().map(|head| (head.row.to_string(), format!("{},{},", head.row, cell(&head.name)))).collect();
    let is_known = |line: &str| {
        let begins = line.split(',').next().and_then(|row| by_row.get(row));
        line.starts_with("total,") || begins.is_some_and(|begins| line.starts_with(begins.as_str()))
    };
    // What was cut off in the middle of a line ends like one of them began.
    let may_become_known =
        |line: &str| "total,".starts_with(line) || by_row.values().any(|begins| begins.starts_with(line));
    let are_known = |text: &str| {
        let (whole, cut) = text.rsplit_once('\n').unwrap_or((text, ""));
        whole.lines().skip(1).all(is_known) && (is_known(cut) || may_become_known(cut))
    };
    is_there(destination) && files::read_text(destination.path(), MOST_RESULTS).is_ok_and(|text| are_known(&text))
}

/// A result file that is larger is none.
const MOST_RESULTS: u64 = 64 << 20;

/// Whether the file there holds results.
pub fn is_there(destination: &Destination) -> bool {
    let path = destination.path();
    let mut beginning = vec![0; HEADER.len()];
    let is_file = !destination.is_standard_output() && std::fs::metadata(path).is_ok_and(|found| found.is_file());
    is_file
        && File::open(path).and_then(|mut file| file.read_exact(&mut beginning)).is_ok()
        && beginning == HEADER.as_bytes()
}

/// No row ended, so that the file that was to be replaced is as it was.
pub fn none(path: &Path) -> Problem {
    Problem::new(
        NO_RESULTS,
        format!("No results were written: {} is as it was", files::shown(path)),
        "The batch was stopped before its first gateway ended",
        "Start the batch again",
    )
}

/// The results went to a file that somebody moved or deleted meanwhile, and another one is at its path.
pub fn elsewhere(path: &Path) -> Problem {
    Problem::new(
        RESULTS_ELSEWHERE,
        format!("The results aren't in {}", files::shown(path)),
        "That file was moved or deleted while the batch ran, and another one is there now; it was not touched",
        "Export the results again under another name, from the records or from the window",
    )
}

/// Waits for the disk, where there is one: a pipe has none.
fn synced(file: &File) -> std::io::Result<()> {
    match file.sync_data() {
        Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(()),
        synced => synced,
    }
}

/// Writes all rows in order, and the counts below them.
pub fn write(destination: &Destination, rows: &[(RowHead, Option<RowResult>)]) -> Result<(), FilesError> {
    let lines: Vec<String> = rows.iter().map(|(head, result)| line(head, result.as_ref())).collect();
    let summary = Summary::of(rows.iter().map(|(_, result)| result.as_ref().map(|result| result.outcome)));
    let mut total = vec![String::new(); HEADER.split(',').count()];
    total[0] = "total".into();
    total[1] = summary.rows.to_string();
    total[4] = cell(&summary.words());
    let text = format!("{HEADER}\r\n{}{}\r\n", lines.concat(), total.join(","));
    save::save(destination, text.as_bytes()).map(drop)
}

fn line(head: &RowHead, result: Option<&RowResult>) -> String {
    let of = |get: fn(&RowResult) -> String| result.map(get).unwrap_or_default();
    let cells = [
        head.row.to_string(),
        head.name.clone(),
        of(|result| result.gateway.clone()),
        of(|result| result.link.clone()),
        result.map_or(RowOutcome::NotBegun, |result| result.outcome).as_str().to_owned(),
        of(|result| result.reason.clone()),
        of(|result| result.evidence.map(|kind| kind.label().to_owned()).unwrap_or_default()),
        of(|result| format!("{:.1}", result.took.as_secs_f64())),
        head.place.clone(),
        head.profile.as_ref().map(ToString::to_string).unwrap_or_default(),
        head.driver.to_string(),
        head.ssid.clone(),
        of(|result| result.summary.clone()),
        result.map_or_else(|| GO_ON.to_owned(), |result| result.next_step.clone()),
    ];
    format!("{}\r\n", cells.map(|text| cell(&text)).join(","))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::model::ids::DriverId;

    fn head(row: u32, name: &str) -> RowHead {
        RowHead {
            row,
            name: name.into(),
            place: format!("serial:/dev/ttyUSB{row}"),
            profile: None,
            driver: DriverId::Improv,
            ssid: "Office".into(),
            credentials: Vec::new(),
        }
    }

    fn stopped() -> RowResult {
        RowResult::without_session(RowOutcome::Stopped, "batch.stopped", "Stopped".into(), "Go on".into())
    }

    #[test]
    fn a_run_that_goes_on_replaces_the_results_of_its_own_rows_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let destination = Destination::file(folder.path().join("results.csv"));
        let heads = [head(2, "Hall, east"), head(3, "Yard")];
        let rows = [(heads[0].clone(), Some(stopped())), (heads[1].clone(), None)];
        write(&destination, &rows).unwrap();
        assert!(are_of(&destination, &heads));
        assert!(!are_of(&destination, &heads[..1]), "a row of another batch");
        assert!(!are_of(&destination, &[head(2, "Hall"), head(3, "Yard")]), "another gateway in that row");
        let whole = fs::read_to_string(destination.path()).unwrap();
        fs::write(destination.path(), format!("{whole}Yard: back on Monday\r\n")).unwrap();
        assert!(!are_of(&destination, &heads), "what a person added");
        fs::write(destination.path(), &whole[..whole.len() - 30]).unwrap();
        assert!(are_of(&destination, &heads), "one that was cut off");
    }

    #[test]
    #[cfg(unix)]
    fn results_that_somebody_moved_meanwhile_are_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let destination = Destination::file(folder.path().join("results.csv"));
        let mut file = ResultFile::create(&destination, std::iter::empty()).unwrap();
        file.add(&head(2, "Yard"), &stopped()).unwrap();
        assert_eq!(file.whereabouts(&destination), Whereabouts::InPlace);
        fs::rename(destination.path(), folder.path().join("moved.csv")).unwrap();
        assert_eq!(file.whereabouts(&destination), Whereabouts::Gone);
        fs::write(destination.path(), "somebody's").unwrap();
        assert_eq!(file.whereabouts(&destination), Whereabouts::Replaced);
        let waiting = ResultFile::create(&Destination::replacing(destination.path()), std::iter::empty()).unwrap();
        assert_eq!(waiting.whereabouts(&destination), Whereabouts::Beside);
    }
}
