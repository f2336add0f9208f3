//! Whether the records are what was written: a button, the verdict of the last check, and the head that witnesses it.

use egui::Ui;

use crate::app::records::{Records, RecordsAction};
use crate::model::audit::Audit;
use crate::ui::icon;
use crate::ui::pass::Pass;
use crate::ui::theme::palette;
use crate::ui::widgets::{Button, copyable, muted, notice, problem_card};

/// Findings that are shown; the rest is counted.
const SHOWN: usize = 3;

/// How much room it takes.
pub(super) fn found_height(records: &Records) -> f32 {
    let audit = match records.audit.value() {
        None => 0.0,
        Some(audit) => lines(audit).iter().fold(60.0, |height, _| height + 22.0),
    };
    let problem = if records.audit.problem().is_some() { 120.0 } else { 0.0 };
    audit + problem
}

/// Draws it in the detail of a record.
pub(super) fn integrity(ui: &mut Ui, records: &Records, pass: &mut Pass<'_>) {
    // Beside an open list there is little room: the words go on in the next line.
    ui.horizontal_wrapped(|ui| {
        verify(ui, records, pass);
        muted(ui, verify_words(records));
    });
    found(ui, records);
}

/// Draws the button that has them checked.
pub(super) fn verify(ui: &mut Ui, records: &Records, pass: &mut Pass<'_>) {
    let verify = Button::new("Verify").icon(icon::JOINED).named("Verify the records");
    if verify.enabled_if(!records.audit.is_pending(), "It is being checked").pressed(ui) {
        pass.did(RecordsAction::Verified);
    }
}

/// What stands beside it.
pub(super) const fn verify_words(records: &Records) -> &'static str {
    match (records.audit.is_pending(), records.audit.value()) {
        (true, _) => "Verifying\u{2026}",
        (false, None) => "Checks that nothing on record was changed, deleted or reordered",
        (false, Some(_)) => "As of the last check",
    }
}

/// Draws what the last check found.
pub(super) fn found(ui: &mut Ui, records: &Records) {
    if let Some(problem) = records.audit.problem() {
        problem_card(ui, problem);
    }
    let Some(audit) = records.audit.value() else { return };
    let palette = palette(ui);
    if audit.is_intact() {
        notice(ui, palette.ok, icon::JOINED, &audit.verdict());
    } else {
        notice(ui, palette.danger, icon::REFUSED, &audit.verdict());
    }
    for line in lines(audit) {
        muted(ui, &line);
    }
    if let Some(head) = &audit.head {
        copyable(ui, &format!("head {} (entry {})", head.hash, head.entry));
    }
}

/// What else is to be said: further findings, what is open, what the clock did.
fn lines(audit: &Audit) -> Vec<String> {
    let mut lines: Vec<String> =
        audit.findings.iter().skip(1).take(SHOWN).map(crate::model::audit::Finding::words).collect();
    let rest = audit.faults.saturating_sub(1 + SHOWN as u64);
    if rest > 0 {
        lines.push(format!("and {rest} more"));
    }
    if audit.open > 0 {
        lines.push(format!(
            "{} begun without an outcome on record",
            if audit.open == 1 { "1 act".into() } else { format!("{} acts", audit.open) }
        ));
    }
    if audit.set_back > 0 {
        lines.push(format!(
            "{} written while the clock was set back",
            if audit.set_back == 1 { "1 entry".into() } else { format!("{} entries", audit.set_back) }
        ));
    }
    lines
}
