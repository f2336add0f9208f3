//! Short messages at the edge of the window: good news goes by itself, a problem stays until it is read.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::model::problem::Problem;

/// How long good news stays.
const NEWS_FOR: Duration = Duration::from_secs(6);
/// How long it stays that a file was saved: it can be shown and its path copied meanwhile.
const SAVED_FOR: Duration = Duration::from_secs(30);
/// Messages kept at a time; the oldest goes first.
const MAX: usize = 4;

/// What a saved file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// So many messages.
    Messages(u64),
    /// So many points of curves.
    Points(u64),
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToastText {
    /// Something went well.
    News(String),
    /// Something to know: why nothing was done.
    Note(String),
    /// A file was saved, and what it holds where that was counted.
    Saved(PathBuf, Option<Holds>),
    /// Something did not.
    Problem(Problem),
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toast {
    /// Tells messages apart.
    pub id: u64,
    /// What it says.
    pub text: ToastText,
    until: Option<Instant>,
}

/// The messages there are, oldest first.
#[derive(Debug, Default)]
pub struct Toasts {
    last: u64,
    list: Vec<Toast>,
}

impl Toasts {
    /// The messages, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Toast> {
        self.list.iter()
    }

    /// Whether a message waits to go by itself.
    pub fn is_any_timed(&self) -> bool {
        self.list.iter().any(|toast| toast.until.is_some())
    }

    /// Says that something went well.
    pub(super) fn tell(&mut self, news: impl Into<String>, now: Instant) {
        self.push(ToastText::News(news.into()), Some(now + NEWS_FOR));
    }

    /// Says why nothing was done.
    pub(super) fn note(&mut self, text: impl Into<String>, now: Instant) {
        let text = ToastText::Note(text.into());
        // Pressing the key again says it again, and not twice.
        self.list.retain(|toast| toast.text != text);
        self.push(text, Some(now + NEWS_FOR));
    }

    /// Says that a file was saved.
    pub(super) fn saved(&mut self, path: PathBuf, holds: Option<Holds>, now: Instant) {
        self.push(ToastText::Saved(path, holds), Some(now + SAVED_FOR));
    }

    /// Says that something failed. The same problem is not listed twice.
    pub(super) fn report(&mut self, problem: Problem) {
        let text = ToastText::Problem(problem);
        if !self.list.iter().any(|toast| toast.text == text) {
            self.push(text, None);
        }
    }

    /// A message was read.
    pub(super) fn dismiss(&mut self, id: u64) {
        self.list.retain(|toast| toast.id != id);
    }

    /// Lets messages go whose time is over.
    pub(super) fn expire(&mut self, now: Instant) {
        self.list.retain(|toast| toast.until.is_none_or(|until| until > now));
    }

    fn push(&mut self, text: ToastText, until: Option<Instant>) {
        self.last += 1;
        self.list.push(Toast { id: self.last, text, until });
        if self.list.len() > MAX {
            self.list.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_goes_by_itself_and_a_problem_stays() {
        let now = Instant::now();
        let mut toasts = Toasts::default();
        toasts.tell("Exported", now);
        toasts.report(Problem::new("a.b", "a", "b", "c"));
        toasts.report(Problem::new("a.b", "a", "b", "c"));
        assert_eq!(toasts.iter().count(), 2);
        toasts.expire(now + NEWS_FOR);
        assert!(matches!(toasts.iter().next().map(|toast| &toast.text), Some(ToastText::Problem(_))));
        assert!(!toasts.is_any_timed());
    }
}
