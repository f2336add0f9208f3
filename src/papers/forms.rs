//! The forms of a [`Sheet`]: a page, a PDF where this build can set one, and text.

use std::path::Path;

use askama::Template as _;

use super::{Block, Cell, Part, Sheet};
use crate::model::problem::Problem;
use crate::model::text::visible;
use crate::model::word::words;

/// The longest text of a cell on a terminal.
const LONGEST: usize = 400;

words! {
    /// In which form a paper is written.
    Form {
        /// A page for a browser, made to be printed.
        Html = "html",
        /// A paper.
        Pdf = "pdf",
        /// For programs.
        Json = "json",
        /// For a terminal.
        Text = "txt",
    }
}

impl Form {
    /// The form that belongs to the end of a file's name.
    pub fn of_path(path: impl AsRef<Path>) -> Result<Self, Problem> {
        let extension = path.as_ref().extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        match extension.as_str() {
            "html" | "htm" => Ok(Self::Html),
            "pdf" if can_write_pdf() => Ok(Self::Pdf),
            "pdf" => Err(no_pdf()),
            "json" => Ok(Self::Json),
            "txt" => Ok(Self::Text),
            _ => Err(Problem::new(
                "report.form",
                "A paper is written as .html, .pdf, .json or .txt",
                "The file's name ends in something else",
                "Name it .html for a browser, .pdf for paper",
            )),
        }
    }
}

/// Whether this build can write PDF.
pub const fn can_write_pdf() -> bool {
    cfg!(feature = "pdf")
}

/// Why this build cannot write PDF: told before anything begins that is to end in one.
pub fn no_pdf() -> Problem {
    Problem::new(
        "report.no_pdf",
        "This build can't write PDF",
        "It was built without the part that sets papers",
        "Write the report as HTML, open it in a browser and print it",
    )
}

#[derive(askama::Template)]
#[template(path = "sheet.html")]
struct Page<'a> {
    sheet: &'a Sheet,
}

/// The page of a sheet. Everything in it is escaped by the template.
pub fn html(sheet: &Sheet) -> String {
    // It is written to memory, which does not fail.
    Page { sheet }.render().unwrap_or_default()
}

/// The PDF of a sheet that was made then (RFC 3339), or why there is none.
#[cfg(feature = "pdf")]
pub fn pdf(sheet: &Sheet, at: &str) -> Result<Vec<u8>, Problem> {
    let at: Option<jiff::Timestamp> = at.parse().ok();
    let paper = super::typeset::Paper { template: TEMPLATE, title: &sheet.title, program: sheet.program };
    paper.set(sheet, at.map_or(0, jiff::Timestamp::as_microsecond))
}

#[cfg(feature = "pdf")]
const TEMPLATE: &str = include_str!("../../templates/sheet.typ");

/// The PDF of a sheet, or why there is none.
#[cfg(not(feature = "pdf"))]
pub fn pdf(_: &Sheet, _: &str) -> Result<Vec<u8>, Problem> {
    Err(no_pdf())
}

/// A sheet for a terminal.
pub fn text(sheet: &Sheet) -> String {
    let mut lines = vec![sheet.title.clone(), sheet.verdict.clone()];
    lines.extend(sheet.banners.iter().map(|banner| format!("! {banner}")));
    lines.extend(sheet.facts.iter().map(|fact| format!("{:<20} {}", fact.name, fact.value)));
    sheet.parts.iter().for_each(|part| part_lines(part, &mut lines));
    lines.extend([String::new(), sheet.footer.clone()]);
    let shown = lines.iter().map(|line| visible(line, LONGEST) + "\n");
    shown.collect()
}

fn part_lines(part: &Part, lines: &mut Vec<String>) {
    let mark = if part.level > 2 { "-- " } else { "== " };
    lines.extend([String::new(), format!("{mark}{}", part.title)]);
    for block in &part.blocks {
        match block {
            Block::Text { text, .. } | Block::Remark { text } => lines.push(text.clone()),
            Block::Facts { facts } => {
                lines.extend(facts.iter().map(|fact| format!("  {:<18} {}", fact.name, fact.value)));
            }
            Block::Lines { lines: listed } => lines.extend(listed.iter().map(|line| format!("  - {line}"))),
            Block::Table { rows, .. } => lines.extend(rows.iter().map(|row| format!("  {}", row_line(row)))),
            Block::Plot { says, .. } => lines.push(format!("  {says}")),
        }
    }
}

fn row_line(row: &[Cell]) -> String {
    let cells = row.iter().map(|cell| cell.text.as_str()).filter(|text| !text.is_empty());
    cells.collect::<Vec<_>>().join("  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_follows_from_the_path_and_an_ending_that_says_nothing_is_refused() {
        assert_eq!(Form::of_path("/tmp/a.b/Report.HTML"), Ok(Form::Html));
        assert_eq!(Form::of_path("r.pdf").is_ok(), can_write_pdf());
        for said_nothing in ["report", "/tmp/a.html/report", "report.docx"] {
            assert_eq!(Form::of_path(said_nothing).unwrap_err().code, "report.form");
        }
    }
}
