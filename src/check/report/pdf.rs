//! A report as a PDF, in builds with the feature `pdf`; without it, why there is none.

use super::Input;
use crate::model::problem::Problem;

/// The paper of a run, or why there is none.
#[cfg(feature = "pdf")]
pub fn pdf(input: &Input<'_>) -> Result<Vec<u8>, Problem> {
    super::paper::set(&super::Document::new(input), input.evidence.about.began_unix_micros)
}

/// The paper of a run, or why there is none.
#[cfg(not(feature = "pdf"))]
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
    cfg!(feature = "pdf")
}
