//! Expected: how the expectations of a gateway's profile stand, and how long the first message took.

use std::time::Duration;

use crate::msg::telemetry::TelemetryEvent;
use crate::telemetry::view::{ExpectationState, ExpectationWord, Snapshot};

/// The view model of Expected.
#[derive(Debug, Default)]
pub struct Expect {
    rows: Vec<ExpectationState>,
    first_message: Option<Duration>,
}

impl Expect {
    /// The expectations, in the order of the profile.
    pub fn rows(&self) -> &[ExpectationState] {
        &self.rows
    }

    /// How long after the push of the credentials the first message came.
    pub const fn first_message(&self) -> Option<Duration> {
        self.first_message
    }

    /// How many stand so.
    pub fn count(&self, word: ExpectationWord) -> usize {
        self.rows.iter().filter(|row| row.word == word).count()
    }

    /// All of them in a sentence; empty without any.
    pub fn summary(&self) -> String {
        let (met, all) = (self.count(ExpectationWord::Met), self.rows.len());
        let (waiting, missing) = (self.count(ExpectationWord::Waiting), self.count(ExpectationWord::NotMet));
        match all {
            0 => String::new(),
            _ if met == all => format!("All {all} met"),
            _ => {
                let parts = [(met, "met"), (waiting, "waiting"), (missing, "not met")];
                let parts = parts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
                parts.collect::<Vec<_>>().join(", ")
            }
        }
    }

    pub(super) fn saw(&mut self, snapshot: &Snapshot) {
        if self.rows != snapshot.expectations {
            self.rows.clone_from(&snapshot.expectations);
        }
    }

    pub(super) fn told(&mut self, event: &TelemetryEvent) {
        if let TelemetryEvent::FirstMessage { after, .. } = event {
            self.first_message = Some(*after);
        }
    }

    /// Another inspection begins.
    pub(super) fn begun(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_names_what_is_not_met() {
        let row = |word| ExpectationState {
            id: "a".into(),
            topic: "a/#".parse().unwrap(),
            word,
            says: String::new(),
            first_after: None,
            messages: 0,
            is_assumed: false,
        };
        let mut expect = Expect::default();
        assert_eq!(expect.summary(), "");
        let words = [ExpectationWord::Met, ExpectationWord::Waiting, ExpectationWord::NotMet, ExpectationWord::Met];
        expect.saw(&Snapshot { expectations: words.map(row).to_vec(), ..Snapshot::default() });
        assert_eq!(expect.summary(), "2 met, 1 waiting, 1 not met");
        expect.saw(&Snapshot { expectations: vec![row(ExpectationWord::Met)], ..Snapshot::default() });
        assert_eq!(expect.summary(), "All 1 met");
        expect.told(&TelemetryEvent::FirstMessage {
            after: Duration::from_secs(7),
            topic: "site/a".into(),
            topic_id: None,
        });
        assert_eq!(expect.first_message(), Some(Duration::from_secs(7)));
    }
}
