//! [`Sheet`]: a paper as parts and blocks, without a form.

use serde::Serialize;

/// Characters of a word that is never broken on a page.
const WHOLE: usize = 24;

/// How good news is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tone {
    /// Good.
    Good,
    /// Somebody has to act.
    Bad,
    /// Not known, or not to be judged.
    Open,
}

impl Tone {
    /// The word in style sheets.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Open => "open",
        }
    }
}

/// A name and a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
}

impl Fact {
    /// A name and its value.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}

/// A whole paper.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sheet {
    /// What it is.
    pub title: String,
    /// How the whole stands.
    pub verdict: String,
    /// How good that is.
    pub tone: Tone,
    /// What must be known before anything else.
    pub banners: Vec<String>,
    /// Who, when, where.
    pub facts: Vec<Fact>,
    /// The parts, in order.
    pub parts: Vec<Part>,
    /// What stands under it.
    pub footer: String,
    /// Who wrote it.
    pub program: &'static str,
}

/// A part with a heading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// 2 for a part, 3 for a part of it.
    pub level: u8,
    /// Its heading.
    pub title: String,
    /// Whether it begins on a page of its own where there are pages.
    pub is_fresh: bool,
    /// What stands in it.
    pub blocks: Vec<Block>,
}

impl Part {
    /// A part.
    pub fn new(title: impl Into<String>, blocks: Vec<Block>) -> Self {
        Self { level: 2, title: title.into(), is_fresh: false, blocks }
    }

    /// A part of the part before it.
    pub fn within(title: impl Into<String>, blocks: Vec<Block>) -> Self {
        Self { level: 3, ..Self::new(title, blocks) }
    }

    /// The same on a page of its own.
    #[must_use]
    pub fn fresh(self) -> Self {
        Self { is_fresh: true, ..self }
    }

    /// The same as a part of another.
    #[must_use]
    pub fn nested(self) -> Self {
        Self { level: 3, ..self }
    }
}

/// What stands in a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Block {
    /// A sentence, and how good it is.
    Text {
        /// The sentence.
        text: String,
        /// How good it is, where that is to be seen.
        tone: Option<Tone>,
    },
    /// A remark.
    Remark {
        /// The remark.
        text: String,
    },
    /// Names and values.
    Facts {
        /// The pairs.
        facts: Vec<Fact>,
    },
    /// A list.
    Lines {
        /// The lines.
        lines: Vec<String>,
    },
    /// A table.
    Table {
        /// The columns.
        columns: Vec<Column>,
        /// The rows, each with a cell for each column.
        rows: Vec<Vec<Cell>>,
    },
    /// A picture.
    Plot {
        /// An SVG of our own making, all texts in it escaped.
        svg: String,
        /// What it shows.
        says: String,
    },
}

impl Block {
    /// A sentence without a tone.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into(), tone: None }
    }

    /// A remark.
    pub fn remark(text: impl Into<String>) -> Self {
        Self::Remark { text: text.into() }
    }

    /// A table.
    pub fn table<const N: usize>(columns: [(&'static str, u8); N], rows: Vec<[Cell; N]>) -> Self {
        let columns = columns.map(|(title, share)| Column { title, share }).to_vec();
        Self::Table { columns, rows: rows.into_iter().map(Vec::from).collect() }
    }
}

/// A column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Column {
    /// Its heading.
    pub title: &'static str,
    /// Its share of the width; 0 for as wide as its content, in one line.
    pub share: u8,
}

/// A cell of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// What stands in it.
    pub text: String,
    /// How good it is, where that is to be seen.
    pub tone: Option<Tone>,
}

impl Cell {
    /// A cell.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), tone: None }
    }

    /// A cell with a tone.
    pub fn toned(tone: Tone, text: impl Into<String>) -> Self {
        Self { text: text.into(), tone: Some(tone) }
    }

    /// The styles of its text in a column: its tone, and whether its words may be broken.
    pub(super) fn classes(&self, column: &Column) -> String {
        let longest = self.text.split_whitespace().map(|word| word.chars().count()).max().unwrap_or(0);
        let is_short = column.share == 0 && self.text.chars().count() <= WHOLE;
        let wrap = match (is_short, longest <= WHOLE) {
            (true, _) => Some("nowrap"),
            (false, true) => Some("whole"),
            (false, false) => None,
        };
        [self.tone.map(Tone::as_str), wrap].into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}
