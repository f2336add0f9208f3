//! A report as a PDF: not in this build.

use super::Input;
use crate::model::problem::Problem;

/// The paper of a run, or why there is none.
pub fn pdf(_: &Input<'_>) -> Result<Vec<u8>, Problem> {
    Err(no_pdf())
}

/// Why this build cannot write PDF: told before a check begins that is to end in one.
pub fn no_pdf() -> Problem {
    Problem::new(
        "report.no_pdf",
        "This build can't write PDF",
        "It was built without the part that sets papers",
        "Write the report as HTML, open it in a browser and print it",
    )
}

/// Whether this build can write PDF.
pub const fn can_write_pdf() -> bool {
    false
}
