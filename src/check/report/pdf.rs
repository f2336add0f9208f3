//! A report as a PDF, in builds with the feature `pdf`; without it, why there is none.

use super::Input;
use crate::model::problem::Problem;

#[cfg(feature = "pdf")]
const TEMPLATE: &str = include_str!("../../../templates/report.typ");

/// The paper of a run, or why there is none.
#[cfg(feature = "pdf")]
pub fn pdf(input: &Input<'_>) -> Result<Vec<u8>, Problem> {
    let document = super::Document::new(input);
    let paper =
        crate::papers::typeset::Paper { template: TEMPLATE, title: &document.title, program: &document.program };
    paper.set(&document, input.evidence.about.began_unix_micros)
}

/// The paper of a run, or why there is none.
#[cfg(not(feature = "pdf"))]
pub fn pdf(_: &Input<'_>) -> Result<Vec<u8>, Problem> {
    Err(crate::papers::no_pdf())
}
