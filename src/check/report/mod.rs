//! Reports for the administrator of a network: rules to add, what was seen, what was ruled out, how to see the same.
//!
//! Pure: the same run gives the same bytes. [`Document`] is what a person reads, whatever form it takes; [`html`] makes a page
//! of it and [`pdf`] a paper. [`csv`] holds the rules alone, [`json`] the evidence, to be judged again. Every text of a stranger
//! is cut, made safe and, if wanted, freed of addresses inside the site before a form sees it.

mod csv;
mod document;
mod html;
mod json;
mod mask;
mod pdf;
mod reproduce;
mod rules;
#[cfg(test)]
mod tests;
mod told;
mod words;

pub use csv::{Filter, csv};
pub use document::{Document, Group, RowPart, RuleLine, Side, Sight, Trouble, Untested};
pub use html::html;
pub use json::json;
pub use mask::{Instead, Mask};
pub use pdf::pdf;
pub use reproduce::{Command, Recipe, recipes};
pub use rules::{Rule, merged, rules};
pub use told::{Told, told};
pub use words::{Plain, Said, Words};

use super::beside::Beside;
use super::evidence::Evidence;
use super::plan::Plan;
use super::verdict::Judged;
use crate::model::audit::Head;
pub use crate::papers::{Fact, Tone, can_write_pdf, no_pdf};

/// What a report is made of.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// What was looked at.
    pub plan: &'a Plan,
    /// What was seen.
    pub evidence: &'a Evidence,
    /// What follows.
    pub judged: &'a Judged,
    /// The laptop's run beside the gateway's own.
    pub beside: Option<&'a Beside>,
    /// How it is said.
    pub words: &'a dyn Words,
    /// Where the chain of this computer's records stands: kept with the report, it witnesses all that is on record by now.
    pub records: Option<Head>,
    /// Whether addresses inside the site are left out.
    pub is_masked: bool,
}
