//! A report as one page for a browser: no script, no file beside it, light and dark, made to be printed.

use askama::Template as _;

use super::{Document, Input};

#[derive(askama::Template)]
#[template(path = "check.html")]
struct Page<'a> {
    report: &'a Document,
}

/// The page of a run. Everything in it is escaped by the template.
pub fn html(input: &Input<'_>) -> String {
    let report = Document::new(input);
    // It is written to memory, which does not fail.
    Page { report: &report }.render().unwrap_or_default()
}
