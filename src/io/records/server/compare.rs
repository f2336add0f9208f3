//! Holds what the server has of a chain against what is here. Both sides hash their lines in blocks, so that a chain that is
//! as it should be costs some bytes; only a block that differs is looked at line by line.

use sha2::{Digest as _, Sha256};
use tokio_postgres::types::Type;

use super::local::Whose;
use super::{Server, Sync, SyncError, value};
use crate::ledger::bundle::Line;
use crate::model::audit::Digest;
use crate::model::sync::Fault;

/// Numbers in a block.
const BLOCK: i64 = 1000;

/// What a chain is made of on the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Its entries.
    Entries,
    /// Its signed segments.
    Segments,
}

impl Kind {
    /// Both, in the order in which they are sent.
    pub(super) const ALL: [Self; 2] = [Self::Entries, Self::Segments];

    /// The table.
    pub(super) const fn table(self) -> &'static str {
        match self {
            Self::Entries => "entries",
            Self::Segments => "segments",
        }
    }

    /// Some of them, as a sentence begins, and what they were.
    pub(super) fn named(self, run: Run) -> String {
        let (one, many) = match self {
            Self::Entries => ("Entry", "Entries"),
            Self::Segments => ("Segment", "Segments"),
        };
        if run.first == run.last {
            format!("{one} {}", run.first)
        } else {
            format!("{many} {} to {}", run.first, run.last)
        }
    }
}

/// A place at which the two sides aren't the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) number: i64,
    pub(super) is: Is,
}

/// Places behind each other at which the same is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) is: Is,
}

impl Run {
    /// The word for one or for several.
    pub(super) const fn verb(self, one: &'static str, several: &'static str) -> &'static str {
        if self.first == self.last { one } else { several }
    }
}

/// Differences in order as runs.
pub(super) fn runs(differences: &[Difference]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for Difference { number, is } in differences {
        match runs.last_mut() {
            Some(run) if run.last + 1 == *number && run.is == *is => run.last = *number,
            _ => runs.push(Run { first: *number, last: *number, is: *is }),
        }
    }
    runs
}

/// What is at that place on the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Is {
    /// Nothing.
    Missing,
    /// Something else.
    Different,
    /// Something, where there is nothing here.
    Extra,
}

/// A run of lines: how many, and their hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    at: i64,
    count: i64,
    hash: Vec<u8>,
}

/// Makes blocks of lines that come in order.
#[derive(Default)]
pub(super) struct Blocks {
    done: Vec<Block>,
    open: Option<(i64, i64, Sha256)>,
}

impl Blocks {
    pub(super) fn push(&mut self, number: i64, line: &str) {
        let at = (number - 1) / BLOCK;
        if self.open.as_ref().is_some_and(|(open, ..)| *open != at) {
            self.close();
        }
        let (_, count, hash) = self.open.get_or_insert_with(|| (at, 0, Sha256::new()));
        if *count > 0 {
            hash.update(b"\n");
        }
        hash.update(line.as_bytes());
        *count += 1;
    }

    pub(super) fn finish(mut self) -> Vec<Block> {
        self.close();
        self.done
    }

    fn close(&mut self) {
        if let Some((at, count, hash)) = self.open.take() {
            self.done.push(Block { at, count, hash: hash.finalize().to_vec() });
        }
    }
}

impl From<Is> for Fault {
    fn from(is: Is) -> Self {
        match is {
            Is::Missing => Self::Missing,
            Is::Different => Self::Different,
            Is::Extra => Self::Extra,
        }
    }
}

impl Sync<'_> {
    /// The places up to `to` at which the server has something else than this computer.
    pub(super) async fn compare(
        &self,
        chain: &Digest,
        whose: Whose,
        kind: Kind,
        to: i64,
    ) -> Result<Vec<Difference>, SyncError> {
        if to < 1 {
            return Ok(Vec::new());
        }
        let there = self.server.blocks(chain, kind, to).await?;
        let here = self.local.blocks(whose, kind, to).await?;
        let mut found = Vec::new();
        for at in differing(&here, &there) {
            let (from, to) = (at * BLOCK + 1, (at * BLOCK + BLOCK).min(to));
            let there = self.server.lines(chain, kind, from, to).await?;
            let here = self.local.lines(whose, kind, from, to).await?;
            found.extend(differences(&here, &there));
        }
        Ok(found)
    }
}

impl Server {
    async fn blocks(&self, chain: &Digest, kind: Kind, to: i64) -> Result<Vec<Block>, SyncError> {
        let sql = format!(
            "SELECT (number - 1) / {BLOCK}, count(*),
                    sha256(string_agg(convert_to(line, 'UTF8'), convert_to(chr(10), 'UTF8') ORDER BY number))
             FROM linesman.{} WHERE chain = $1 AND number BETWEEN 1 AND $2 GROUP BY 1 ORDER BY 1",
            kind.table()
        );
        let rows = self.rows(&sql, &[(&chain.0.as_slice(), Type::BYTEA), (&to, Type::INT8)]).await?;
        let block = |row| Ok(Block { at: value(row, 0)?, count: value(row, 1)?, hash: value(row, 2)? });
        rows.iter().map(block).collect()
    }

    /// The lines numbered `from` to `to`, in order.
    pub(super) async fn lines(
        &self,
        chain: &Digest,
        kind: Kind,
        from: i64,
        to: i64,
    ) -> Result<Vec<(i64, String)>, SyncError> {
        let sql = format!(
            "SELECT number, line FROM linesman.{} WHERE chain = $1 AND number BETWEEN $2 AND $3 ORDER BY number",
            kind.table()
        );
        let parameters = [(&chain.0.as_slice() as _, Type::BYTEA), (&from as _, Type::INT8), (&to as _, Type::INT8)];
        let rows = self.rows(&sql, &parameters).await?;
        rows.iter().map(|row| Ok((value(row, 0)?, value(row, 1)?))).collect()
    }
}

/// Which blocks differ, or are on one side only.
fn differing(here: &[Block], there: &[Block]) -> Vec<i64> {
    let mut found: Vec<i64> = here.iter().filter(|block| !there.contains(block)).map(|block| block.at).collect();
    found.extend(there.iter().filter(|block| !here.contains(block)).map(|block| block.at));
    found.sort_unstable();
    found.dedup();
    found
}

/// Where two runs of lines differ. A line written with other blanks says the same.
fn differences(here: &[(i64, String)], there: &[(i64, String)]) -> Vec<Difference> {
    let mut found = Vec::new();
    let (mut here, mut there) = (here.iter().peekable(), there.iter().peekable());
    loop {
        let (own, other) = (here.peek().map(|line| line.0), there.peek().map(|line| line.0));
        let number = match (own, other) {
            (None, None) => return found,
            (Some(own), Some(other)) => own.min(other),
            (one, other) => one.or(other).unwrap_or_default(),
        };
        let own = here.next_if(|line| line.0 == number);
        let other = there.next_if(|line| line.0 == number);
        let is = match (own, other) {
            (Some((_, own)), Some((_, other))) if is_same(own, other) => continue,
            (Some(_), Some(_)) => Is::Different,
            (Some(_), None) => Is::Missing,
            (None, _) => Is::Extra,
        };
        found.push(Difference { number, is });
    }
}

fn is_same(own: &str, other: &str) -> bool {
    let read = |line: &str| serde_json::from_str::<Line>(line).ok();
    own == other || read(own).is_some_and(|own| read(other) == Some(own))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(lines: &[(i64, &str)]) -> Vec<(i64, String)> {
        lines.iter().map(|(number, line)| (*number, (*line).to_owned())).collect()
    }

    fn blocks(lines: &[(i64, String)]) -> Vec<Block> {
        let mut blocks = Blocks::default();
        for (number, line) in lines {
            blocks.push(*number, line);
        }
        blocks.finish()
    }

    #[test]
    fn each_place_at_which_two_sides_differ_is_found_once() {
        let here = lines(&[(1, "a"), (2, "b"), (4, "d")]);
        assert!(differences(&here, &here).is_empty());
        let there = lines(&[(1, "a"), (2, "x"), (3, "c")]);
        let found = |number, is| Difference { number, is };
        let expected = [found(2, Is::Different), found(3, Is::Extra), found(4, Is::Missing)];
        assert_eq!(differences(&here, &there), expected);
        let run = |first, last, is| Run { first, last, is };
        let many = [1, 2, 3, 7].map(|number| found(number, Is::Missing));
        assert_eq!(runs(&many), [run(1, 3, Is::Missing), run(7, 7, Is::Missing)]);
        assert_eq!(Kind::Entries.named(run(1, 3, Is::Missing)), "Entries 1 to 3");
    }

    #[test]
    fn blocks_differ_where_a_line_does_and_nowhere_else() {
        let many: Vec<(i64, String)> = (1..=2500).map(|number| (number, format!("line {number}"))).collect();
        let whole = blocks(&many);
        assert_eq!(whole.iter().map(|block| block.count).collect::<Vec<_>>(), [1000, 1000, 500]);
        let mut other = many.clone();
        other[1000].1.push('x');
        assert_eq!(differing(&whole, &blocks(&other)), [1]);
        other.remove(2400);
        assert_eq!(differing(&whole, &blocks(&other)), [1, 2]);
        assert_eq!(differing(&whole, &blocks(&many[..1000])), [1, 2]);
        assert!(differing(&whole, &whole).is_empty());
    }
}
