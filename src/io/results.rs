//! The results of a batch as CSV: a line for each row as it ends, on the disk at once; at the end the whole in order.
//!
//! A file that was cut off lacks its last line, which counts the outcomes. A row that was done again has a second line
//! until then; the later one counts. Cells are made safe to show and never begin a formula.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::files::{self, FilesError};
use super::records::export::cell;
use super::save::{self, Growing};
use crate::model::batch::{GO_ON, NO_RESULTS, RowHead, RowOutcome, RowResult, Summary};
use crate::model::destination::Destination;
use crate::model::problem::Problem;

const HEADER: &str =
    "row,name,gateway,link,outcome,reason,evidence,took_seconds,match,profile,driver,ssid,summary,next_step";

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

    /// Whether it has its name: else the file that it is to replace has it still.
    pub const fn is_in_place(&self) -> bool {
        !self.growing.claim.is_open()
    }

    /// Adds a row that ended. Returns once it is on the disk.
    pub fn add(&mut self, head: &RowHead, result: &RowResult) -> Result<(), FilesError> {
        let Growing { file, claim } = &mut self.growing;
        let written = file.write_all(line(head, Some(result)).as_bytes()).and_then(|()| synced(file));
        written.and_then(|()| claim.settle()).map_err(|error| files::write_error(&self.path, &error))
    }
}

/// Whether the file there holds results of an earlier run, which one that goes on with it may replace.
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
