//! [`Expression`]: what is looked up or computed for each message. Plain paths such as `.data[0].value` are followed without
//! jq; everything else is jq, within limits.

use std::sync::OnceLock;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU32, AtomicU64};

use crate::model::problem::{Explain, Problem};
use crate::model::text::visible;
use crate::telemetry::decode::json;
use crate::telemetry::value::Value;

use super::jq::Program;
use super::{MAX_TEXT_BYTES, QueryError};

/// Why an expression gave no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunError {
    /// It does not fit the value: the message says how.
    Failed(String),
    /// It met a limit.
    Stopped(&'static str),
}

/// An expression that is ready to be run.
#[derive(Debug)]
pub struct Expression {
    source: String,
    form: Form,
    /// How often it met a limit, and which one first.
    stops: AtomicU32,
    limit: OnceLock<&'static str>,
    /// For how many values it gave nothing because of that.
    unasked: AtomicU64,
}

#[derive(Debug)]
enum Form {
    /// Steps into a value.
    Path(Vec<Step>),
    /// All else.
    Jq(Box<Program>),
}

/// How often an expression may be stopped before it is not asked any more: each time costs as long as a thousand messages.
const MAX_STOPS: u32 = 5;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Member(String),
    Item(i64),
}

impl Expression {
    /// Makes an expression ready.
    pub fn compile(expression: &str) -> Result<Self, Problem> {
        Self::parse(expression).map_err(|error| error.explain())
    }

    pub(super) fn parse(expression: &str) -> Result<Self, QueryError> {
        let expression = expression.trim();
        if expression.len() > MAX_TEXT_BYTES {
            return Err(QueryError::TooLong { bytes: expression.len() });
        }
        let form = match plain_path(expression) {
            Some(steps) => Form::Path(steps),
            None => Form::Jq(Box::new(Program::compile(expression)?)),
        };
        let (stops, unasked) = (AtomicU32::new(0), AtomicU64::new(0));
        Ok(Self { source: expression.into(), form, stops, limit: OnceLock::new(), unasked })
    }

    /// The expression as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Its first result.
    pub fn run(&self, value: &Value) -> Result<Option<Value>, RunError> {
        match &self.form {
            Form::Path(steps) => Ok(follow(value, steps).cloned()),
            Form::Jq(_) => Ok(self.all(value, 1)?.pop()),
        }
    }

    /// Its results, up to that many.
    pub fn all(&self, value: &Value, max_results: usize) -> Result<Vec<Value>, RunError> {
        let program = match &self.form {
            Form::Path(steps) => return Ok(follow(value, steps).cloned().into_iter().take(max_results).collect()),
            Form::Jq(program) => program,
        };
        if let Some(limit) = self.limit.get().filter(|_| self.stops.load(Relaxed) >= MAX_STOPS) {
            self.unasked.fetch_add(1, Relaxed);
            return Err(RunError::Stopped(limit));
        }
        let result = program.run(value, max_results);
        if let Err(RunError::Stopped(limit)) = &result {
            self.stops.fetch_add(1, Relaxed);
            self.unasked.fetch_add(1, Relaxed);
            let _ = self.limit.set(limit);
        }
        result
    }

    /// Whether its first result is neither `false` nor `null`.
    pub fn is_true(&self, value: &Value) -> bool {
        let is_true = |value: &Value| !matches!(value, Value::Null | Value::Bool(false));
        match &self.form {
            Form::Path(steps) => follow(value, steps).is_some_and(is_true),
            Form::Jq(_) => self.run(value).ok().flatten().is_some_and(|value| is_true(&value)),
        }
    }

    /// Its first result as a text for a column; empty where there is none.
    pub fn text(&self, value: &Value, max_chars: usize) -> String {
        match self.run(value) {
            Ok(None) | Err(RunError::Failed(_)) => String::new(),
            Ok(Some(Value::Text(text))) => visible(&text, max_chars),
            Ok(Some(value)) => visible(&json::to_json_within(&value, max_chars * 4), max_chars),
            Err(RunError::Stopped(limit)) => visible(limit, max_chars),
        }
    }

    /// For how many values it gave nothing because it met a limit.
    pub fn unasked(&self) -> u64 {
        self.unasked.load(Relaxed)
    }

    /// Why it gave nothing for some values: it met a limit. After a few times it is not asked any more.
    pub fn problem(&self) -> Option<Problem> {
        let limit = (*self.limit.get()?).to_owned();
        Some(QueryError::Stopped { expression: visible(&self.source, 60), limit }.explain())
    }
}

/// The steps of an expression that is nothing but a path: `.`, `.a.b`, `.a[0]["b c"]`.
fn plain_path(expression: &str) -> Option<Vec<Step>> {
    let mut rest = expression.strip_prefix('.')?;
    let mut steps = Vec::new();
    let mut may_name = true;
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let end = match inner.strip_prefix('"') {
                Some(name) => name.find('"')? + 2,
                None => inner.find(']')?,
            };
            let (key, behind) = inner.split_at(end);
            rest = behind.strip_prefix(']')?;
            steps.push(match key.strip_prefix('"').and_then(|key| key.strip_suffix('"')) {
                Some(name) if !name.contains('\\') => Step::Member(name.into()),
                Some(_) => return None,
                None => Step::Item(key.parse().ok()?),
            });
            may_name = false;
            continue;
        }
        if !may_name {
            rest = rest.strip_prefix('.')?;
        }
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let (name, behind) = rest.split_at(end);
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        steps.push(Step::Member(name.into()));
        rest = behind;
        may_name = false;
    }
    Some(steps)
}

fn follow<'a>(value: &'a Value, steps: &[Step]) -> Option<&'a Value> {
    steps.iter().try_fold(value, |value, step| match (step, value) {
        (Step::Member(name), value) => value.member(name),
        (Step::Item(place), Value::List(items)) => {
            let place = usize::try_from(*place).ok().or_else(|| {
                usize::try_from(place.unsigned_abs()).ok().and_then(|back| items.len().checked_sub(back))
            })?;
            items.get(place)
        }
        (Step::Item(_), _) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expression: &str, expected: &str) {
        let value = json::parse(br#"{"a":{"b c":[1,{"d":"x"}],"e":null},"7":1}"#).unwrap();
        let result = Expression::compile(expression).unwrap().run(&value).unwrap();
        assert_eq!(result.map_or("nothing".into(), |value| json::to_json(&value)), expected, "{expression}");
    }

    #[test]
    fn paths_are_followed() {
        check(".", r#"{"a":{"b c":[1,{"d":"x"}],"e":null},"7":1}"#);
        check(".a.e", "null");
        check(".a[\"b c\"][1].d", "\"x\"");
        check(" .a[\"b c\"][-2] ", "1");
        check(".[\"7\"]", "1");
        check(".a.x", "nothing");
        check(".a[0]", "nothing");
    }
}
