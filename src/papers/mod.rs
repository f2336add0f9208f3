//! Papers: what is handed to somebody else, as a page for a browser, as a PDF, as text for a terminal.
//!
//! Pure: the same content gives the same bytes. A [`Sheet`] is what a person reads, whatever form it takes; every text in it
//! counts as a stranger's and is escaped by the form. [`commissioning`] makes one of what is on record of a gateway or a site.

pub mod commissioning;
mod forms;
pub mod plot;
mod sheet;
#[cfg(feature = "pdf")]
pub(crate) mod typeset;

pub use forms::{Form, can_write_pdf, html, no_pdf, pdf, text};
pub use sheet::{Block, Cell, Column, Fact, Part, Sheet, Tone};

/// Who writes papers.
pub const PROGRAM: &str = concat!("Linesman ", env!("CARGO_PKG_VERSION"));
