//! [`Loaded`]: a value that is fetched in the background, in its four states.
//!
//! The last value stays there while a new one is fetched and when fetching fails, so that a screen never goes blank.

use crate::model::problem::Problem;

/// A value that was not asked for, is on its way, is here, or could not be had.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Loaded<T> {
    /// Nobody asked for it.
    #[default]
    NotAsked,
    /// It is on its way; what was there before, if anything.
    Pending(Option<T>),
    /// It is here.
    Here(T),
    /// It could not be had; what was there before, if anything.
    Failed(Problem, Option<T>),
}

impl<T> Loaded<T> {
    /// The newest value there is, whatever the state.
    pub const fn value(&self) -> Option<&T> {
        match self {
            Self::NotAsked => None,
            Self::Pending(last) | Self::Failed(_, last) => last.as_ref(),
            Self::Here(value) => Some(value),
        }
    }

    /// Why it could not be had.
    pub const fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Failed(problem, _) => Some(problem),
            Self::NotAsked | Self::Pending(_) | Self::Here(_) => None,
        }
    }

    /// Whether it is on its way.
    pub const fn is_pending(&self) -> bool {
        matches!(self, Self::Pending(_))
    }

    /// It was asked for: keeps the last value.
    pub(super) fn ask(&mut self) {
        *self = Self::Pending(self.take());
    }

    /// The answer came.
    pub(super) fn settle(&mut self, answer: Result<T, Problem>) {
        *self = match answer {
            Ok(value) => Self::Here(value),
            Err(problem) => Self::Failed(problem, self.take()),
        };
    }

    fn take(&mut self) -> Option<T> {
        match std::mem::take(self) {
            Self::NotAsked => None,
            Self::Pending(last) | Self::Failed(_, last) => last,
            Self::Here(value) => Some(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_survives_asking_again_and_failing() {
        let mut loaded = Loaded::default();
        loaded.ask();
        assert!(loaded.value().is_none());
        loaded.settle(Ok(1));
        loaded.ask();
        assert_eq!((loaded.value(), loaded.is_pending()), (Some(&1), true));
        loaded.settle(Err(Problem::new("a.b", "a", "b", "c")));
        assert_eq!(loaded.value(), Some(&1));
        assert!(loaded.problem().is_some());
    }
}
