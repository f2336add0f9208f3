//! What can be wrong with a manifest. No text repeats a cell that may hold a secret by mistake.

use super::MAX_ROWS;
use super::manifest::{Doubt, MAX_CELL_CHARS, MAX_COLUMNS};
use crate::model::problem::{Explain, Problem};
use crate::model::text::visible;

/// A mistake and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The row as a person sees it; `None` when it is about the whole file.
    pub row: Option<u32>,
    /// The column's name as written.
    pub column: Option<String>,
    /// What is wrong.
    pub problem: Problem,
}

impl Finding {
    /// Where it stands, in words: `Row 4, column ssid`.
    pub fn place(&self) -> String {
        match (self.row, &self.column) {
            (Some(row), Some(column)) => format!("Row {row}, column {column}"),
            (Some(row), None) => format!("Row {row}"),
            (None, Some(column)) => format!("Column {column}"),
            (None, None) => "The manifest".into(),
        }
    }
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{self:?}")]
#[expect(missing_docs, reason = "the sentence above a variant says what its fields carry")]
pub enum Mistake {
    /// There is nothing in the file, or only the names of columns.
    Empty,
    /// There are more rows than can be taken.
    TooManyRows,
    /// There are more columns than can be taken.
    TooManyColumns,
    /// A column that is needed is not there.
    ColumnMissing { column: &'static str },
    /// A column is none that is known.
    ColumnUnknown { column: String },
    /// A column stands twice.
    ColumnTwice { column: String },
    /// A column would hold secrets themselves.
    ColumnOfSecrets { column: String },
    /// A column has no name, though there are cells under it.
    ColumnUnnamed { number: usize },
    /// A cell that is needed is empty.
    CellEmpty,
    /// A cell is longer than any that makes sense.
    CellTooLong { chars: usize },
    /// A cell holds a line break or another control character.
    CellControl,
    /// A cell holds the error of a formula.
    CellError,
    /// What the sheet shows in a cell is not known.
    CellNotText { doubt: Doubt },
    /// A row holds more cells than there are columns.
    MoreCells { cells: usize, columns: usize },
    /// The name of a row was used before.
    NameTwice { name: String, first_row: u32 },
    /// Another row names the same gateway.
    MatchTwice { place: String, first_row: u32 },
    /// The way to find the gateway cannot be read.
    BadMatch { reason: String },
    /// No profile has that id.
    ProfileUnknown { id: String },
    /// No driver has that name.
    DriverUnknown { name: String },
    /// The driver cannot be spoken over the link of this row.
    DriverNotOverLink { driver: String, link: String },
    /// The profile knows no such credential.
    CredentialUnknown { id: String, profile: String },
    /// The driver has no way for that credential.
    CredentialNoWay { id: String, driver: String },
    /// The file that is referred to cannot be read.
    FileUnreadable { reason: String },
    /// The file that is referred to holds no usable text.
    FileNotText,
    /// A secret is referred to by a name under which none was given.
    SecretMissing { name: String },
    /// A row has neither a network nor anything else to send.
    NothingToSend,
    /// A network has a name but no reference to its passphrase, or the other way round.
    HalfANetwork { is_name_there: bool },
    /// A word that is neither yes nor no.
    NotYesOrNo,
    /// The serial number of a row was used before.
    SerialTwice { serial: String, first_row: u32 },
    /// The profile doesn't say how a gateway is removed.
    NoPlan { profile: String },
    /// The profile's plan has no such step.
    StepUnknown { step: String },
    /// What was attested is not written as a step and what was seen.
    BadAttest,
    /// More mistakes than are listed.
    Cut { more: usize },
}

impl Mistake {
    /// The mistake with its place.
    pub(in crate::model) fn at(self, row: Option<u32>, column: Option<&str>) -> Finding {
        Finding { row, column: column.map(|column| visible(column, 60)), problem: self.explain() }
    }
}

const COLUMNS: &str = "Columns are name, match, profile, driver, ssid, password_file, hidden, username, pop_file, \
allow_unprotected and credential:ID";

impl Explain for Mistake {
    fn explain(&self) -> Problem {
        match self {
            Self::Empty => Problem::new(
                "manifest.empty",
                "The manifest has no gateway",
                "The file or its first sheet is empty, or has only the column names",
                "Write one row for each gateway below the names of the columns",
            ),
            Self::TooManyRows => Problem::new(
                "manifest.too_many_rows",
                format!("The manifest has more than {MAX_ROWS} rows"),
                "One run holds at most 2000 gateways",
                "Split it into several files",
            ),
            Self::TooManyColumns => Problem::new(
                "manifest.too_many_columns",
                format!("The manifest has more than {MAX_COLUMNS} columns"),
                "This may be another table",
                "Keep only the columns the manifest needs",
            ),
            Self::ColumnMissing { column } => Problem::new(
                "manifest.column_missing",
                format!("The column {column} is missing"),
                "The first row holds the names of the columns, and this one is missing",
                format!("Add a column {column}, or correct the name of the one that is meant"),
            ),
            Self::ColumnUnknown { column } => Problem::new(
                "manifest.column_unknown",
                format!("There is no column {}", visible(column, 60)),
                "The name is mistyped, or the column belongs to another table",
                COLUMNS,
            ),
            Self::ColumnTwice { column } => Problem::new(
                "manifest.column_twice",
                format!("The column {} is there twice", visible(column, 60)),
                "It's unclear which of them counts",
                "Remove one of them",
            ),
            Self::ColumnOfSecrets { column } => Problem::new(
                "manifest.column_of_secrets",
                format!("The column {} would hold secrets", visible(column, 60)),
                "A manifest is mailed and printed, so it never holds a passphrase, key or token, only the file that does",
                "Name the file with the secret in password_file, pop_file or credential:ID, or write @NAME and give it once; \
                 remove this column and treat what was in it as known",
            ),
            Self::ColumnUnnamed { number } => Problem::new(
                "manifest.column_unnamed",
                format!("Column {number} has no name"),
                "The first row holds the names of the columns, and there are cells below this one",
                "Name the column, or empty it",
            ),
            Self::CellEmpty => Problem::new(
                "manifest.cell_empty",
                "The cell is empty",
                "Every gateway needs it",
                "Fill the cell in, or remove the row",
            ),
            Self::CellTooLong { chars } => Problem::new(
                "manifest.cell_too_long",
                format!("The cell holds {chars} characters"),
                format!("A cell holds at most {MAX_CELL_CHARS}; a quote that is not closed takes in what follows"),
                "Shorten it, or close the quote",
            ),
            Self::CellControl => Problem::new(
                "manifest.cell_control",
                "The cell holds a line break or another control character",
                "It was copied by mistake, or a quote isn't closed",
                "Type the cell again",
            ),
            Self::CellError => Problem::new(
                "manifest.cell_error",
                "The cell holds an error",
                "Its formula has no result",
                "Write the value itself",
            ),
            Self::CellNotText { doubt } => explain_doubt(*doubt),
            Self::MoreCells { cells, columns } => Problem::new(
                "manifest.more_cells",
                format!("The row has {cells} cells for {columns} columns"),
                "A cell holds the character that separates cells, so that what follows has moved",
                "Put that cell in double quotes, or remove the extra separator",
            ),
            Self::NameTwice { name, first_row } => Problem::new(
                "manifest.name_twice",
                format!("The name {} is used in row {first_row} already", visible(name, 60)),
                "Results and later runs are matched by name",
                "Give each gateway its own name",
            ),
            Self::MatchTwice { place, first_row } => Problem::new(
                "manifest.match_twice",
                format!("Row {first_row} is {} already", visible(place, 80)),
                "Two rows would set up the same gateway",
                "Remove one of them; for gateways plugged in one after the other use serial-number:",
            ),
            Self::BadMatch { reason } => Problem::new(
                "manifest.bad_match",
                "This doesn't identify a gateway",
                reason.clone(),
                "Write serial:PATH, ble:ADDRESS, http:HOST[:PORT], udp:HOST:PORT, serial-number:NUMBER or name:ANNOUNCED",
            ),
            Self::ProfileUnknown { id } => Problem::new(
                "manifest.profile_unknown",
                format!("There is no profile {}", visible(id, 60)),
                "The id is mistyped, or its file is not in the folder `profiles` of the data folder",
                "Use the id of a profile that is loaded",
            ),
            Self::DriverUnknown { name } => Problem::new(
                "manifest.driver_unknown",
                format!("There is no driver {}", visible(name, 60)),
                "The name is mistyped",
                "Write improv, esp-prov, smp or linux-console, or leave the cell empty for the profile's own",
            ),
            Self::DriverNotOverLink { driver, link } => Problem::new(
                "manifest.driver_not_over_link",
                format!("The driver {driver} doesn't work over {link}"),
                "The driver and the link don't match",
                "Change the driver or the match",
            ),
            Self::CredentialUnknown { id, profile } => Problem::new(
                "manifest.credential_unknown",
                format!("The profile {profile} has no credential {}", visible(id, 60)),
                "The id after `credential:` is mistyped, or belongs to another profile",
                "Use the id of one of its credentials, or leave the cell empty",
            ),
            Self::CredentialNoWay { id, driver } => Problem::new(
                "manifest.credential_no_way",
                format!("The credential {} cannot be sent with the driver {driver}", visible(id, 60)),
                "The profile doesn't say where this driver stores it",
                "Leave the cell empty, or add a [[credential.push]] to a profile of your own",
            ),
            Self::FileUnreadable { reason } => Problem::new(
                "manifest.file_unreadable",
                "The file named in the cell can't be used",
                reason.clone(),
                "Correct the path, which counts from the manifest's folder. If the cell holds the secret itself, remove it \
                 and treat it as known",
            ),
            Self::FileNotText => Problem::new(
                "manifest.file_not_text",
                "The file named in the cell isn't text",
                "It isn't UTF-8, or is another file",
                "Save the secret alone, as UTF-8, on the first line",
            ),
            Self::SecretMissing { name } => Problem::new(
                "manifest.secret_missing",
                format!("No secret was given as @{}", visible(name, 60)),
                "The manifest refers to a secret that is given once for the whole run",
                "Type it where it is asked for",
            ),
            Self::NothingToSend => Problem::new(
                "manifest.nothing_to_send",
                "There is nothing to send to this gateway",
                "Neither a network nor a credential is filled in",
                "Fill in ssid and password_file, or a credential, or remove the row",
            ),
            Self::HalfANetwork { is_name_there: true } => Problem::new(
                "manifest.half_a_network",
                "The network's passphrase is missing",
                "Only ssid is filled in, and password_file is not",
                "Name the file with the passphrase, or write open for a network without protection",
            ),
            Self::HalfANetwork { is_name_there: false } => Problem::new(
                "manifest.no_ssid",
                "The network's name is missing",
                "Only password_file is filled in, and ssid is not",
                "Fill in ssid, or empty password_file",
            ),
            Self::SerialTwice { serial, first_row } => Problem::new(
                "manifest.serial_twice",
                format!("The serial number {} is in row {first_row} already", visible(serial, 60)),
                "Two rows would remove the same gateway",
                "Correct the serial number, or remove one of the rows",
            ),
            Self::NoPlan { profile } => Problem::new(
                "manifest.no_plan",
                format!("The profile {} doesn't say how a gateway is wiped", visible(profile, 60)),
                "It has no [wipe] table",
                "Use another profile, or add a [wipe] table to one of your own",
            ),
            Self::StepUnknown { step } => Problem::new(
                "manifest.step_unknown",
                format!("The profile's plan has no step {}", visible(step, 60)),
                "The step is mistyped, or belongs to another profile",
                "Use the id of a step of this plan",
            ),
            Self::BadAttest => Problem::new(
                "manifest.bad_attest",
                "What was attested can't be read",
                "It isn't a step and what was seen",
                "Write STEP=TEXT, and several with a semicolon between them",
            ),
            Self::NotYesOrNo => Problem::new(
                "manifest.not_yes_or_no",
                "The cell is neither yes nor no",
                "The column takes yes, no or nothing, which means no",
                "Write yes or no",
            ),
            Self::Cut { more } => Problem::new(
                "manifest.more_mistakes",
                format!("There are {more} more mistakes"),
                "Only the first mistakes are listed",
                "Fix these and check again",
            ),
        }
    }
}

/// Why the text of a cell is not taken, and how to make it one.
fn explain_doubt(doubt: Doubt) -> Problem {
    const CODE: &str = "manifest.cell_not_text";
    const STEP: &str = "Format the cell as text, then type the value again";
    match doubt {
        Doubt::Truth => Problem::new(
            CODE,
            "The cell holds true or false instead of text",
            "The spreadsheet took the word for a truth value, and shows it in its own language",
            STEP,
        ),
        Doubt::Date => Problem::new(
            CODE,
            "The cell holds a date or time instead of text",
            "The spreadsheet took the value for a date, and shows it in its own way",
            STEP,
        ),
        Doubt::Number => Problem::new(
            CODE,
            "The cell holds a number that the sheet shows in another form",
            "Long numbers, fractions, percentages and number formats are shown differently from what is stored",
            STEP,
        ),
        Doubt::Merged => Problem::new(
            CODE,
            "The cell is merged with others",
            "Merged cells hold their text in the first one only",
            "Undo the merging and fill in each cell",
        ),
    }
}
