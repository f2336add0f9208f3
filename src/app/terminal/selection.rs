//! What is selected on the screen of a terminal and in what has scrolled out of it.
//!
//! While something is selected nothing moves: what the device writes waits, within a bound, until the selection goes.

use std::num::NonZeroU16;

/// Octets that wait at most while something is selected.
const MAX_WAITING: usize = 1 << 20;

/// A place between two characters: its line, counted from the top of the screen, negative above it; and its column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    /// The line.
    pub line: i32,
    /// The column.
    pub column: u16,
}

/// How a key moves the end of the selection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// One character back.
    Left,
    /// One character on.
    Right,
    /// One line up.
    Up,
    /// One line down.
    Down,
    /// To the beginning of the line.
    LineStart,
    /// To the end of the line.
    LineEnd,
}

/// What is selected, and what waits meanwhile.
#[derive(Debug, Default)]
pub(super) struct Selection {
    ends: Option<(Spot, Spot)>,
    waiting: Vec<u8>,
}

impl Selection {
    /// From where to where, in order; nothing while no character is selected.
    pub(super) fn range(&self) -> Option<(Spot, Spot)> {
        let (anchor, head) = self.ends.filter(|(anchor, head)| anchor != head)?;
        Some((anchor.min(head), anchor.max(head)))
    }

    /// The end that moves.
    pub(super) fn head(&self) -> Option<Spot> {
        self.ends.map(|(_, head)| head)
    }

    /// Begins at a place.
    pub(super) const fn begin(&mut self, at: Spot) {
        self.ends = Some((at, at));
    }

    /// Selects from one place to another.
    pub(super) const fn select(&mut self, from: Spot, to: Spot) {
        self.ends = Some((from, to));
    }

    /// Moves its end.
    pub(super) fn extend(&mut self, to: Spot) {
        let anchor = self.ends.map_or(to, |(anchor, _)| anchor);
        self.ends = Some((anchor, to));
    }

    /// Octets that wait.
    pub(super) const fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Lets octets wait; hands them back where nothing is selected or too many wait already.
    pub(super) fn hold(&mut self, octets: Vec<u8>) -> Vec<u8> {
        if self.range().is_none() {
            return octets;
        }
        self.waiting.extend(octets);
        if self.waiting.len() > MAX_WAITING { self.clear() } else { Vec::new() }
    }

    /// Nothing is selected any more: what waited.
    pub(super) fn clear(&mut self) -> Vec<u8> {
        self.ends = None;
        std::mem::take(&mut self.waiting)
    }
}

/// The line of the screen's first row as it is shown.
pub(super) fn first_line(screen: &vt100::Screen) -> i32 {
    -i32::try_from(screen.scrollback()).unwrap_or(i32::MAX)
}

/// The place a key leads to.
pub(super) fn stepped(screen: &vt100::Screen, from: Spot, step: Step) -> Spot {
    let (rows, columns) = screen.size();
    let (first, last) = (-past(screen), i32::from(rows.get()) - 1);
    let columns = columns.get();
    let at = |line: i32, column: u16| Spot { line: line.clamp(first, last), column };
    match step {
        Step::Left if from.column == 0 && from.line > first => at(from.line - 1, columns),
        Step::Left => at(from.line, from.column.saturating_sub(1)),
        Step::Right if from.column >= columns && from.line < last => at(from.line + 1, 0),
        Step::Right => at(from.line, (from.column + 1).min(columns)),
        Step::Up => at(from.line - 1, from.column),
        Step::Down => at(from.line + 1, from.column),
        Step::LineStart => at(from.line, 0),
        Step::LineEnd => at(from.line, columns),
    }
}

/// Everything there is, from the oldest line kept to the end of the screen.
pub(super) fn everything(screen: &vt100::Screen) -> (Spot, Spot) {
    let (rows, columns) = screen.size();
    let end = Spot { line: i32::from(rows.get()) - 1, column: columns.get() };
    (Spot { line: -past(screen), column: 0 }, end)
}

/// The word at a place: letters, digits and what paths and addresses are written with.
pub(super) fn word(screen: &vt100::Screen, at: Spot) -> (Spot, Spot) {
    let line: Vec<char> = line_of(screen, at.line).0;
    let is_word = |column: usize| {
        line.get(column)
            .is_some_and(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | '@' | '~' | '%'))
    };
    let middle = usize::from(at.column);
    let from = (0..=middle).rev().take_while(|column| is_word(*column)).last().unwrap_or(middle);
    let to = (middle..line.len()).take_while(|column| is_word(*column)).last().map_or(middle, |column| column + 1);
    let spot = |column: usize| Spot { column: u16::try_from(column).unwrap_or(u16::MAX), ..at };
    (spot(from), spot(to))
}

/// The line at a place with those it was broken into, as it was written.
pub(super) fn whole_line(screen: &vt100::Screen, at: Spot) -> (Spot, Spot) {
    let (first, last) = (-past(screen), i32::from(screen.size().0.get()) - 1);
    let is_broken = |line: i32| line_of(screen, line).1;
    let from = (first..at.line).rev().take_while(|line| is_broken(*line)).last().unwrap_or(at.line);
    let to = (at.line..=last).find(|line| !is_broken(*line)).unwrap_or(last);
    (Spot { line: from, column: 0 }, Spot { line: to, column: screen.size().1.get() })
}

/// What is written between two places. A line that was only broken because the screen is narrow stays one.
pub(super) fn text(screen: &vt100::Screen, from: Spot, to: Spot) -> String {
    let mut text = String::new();
    let mut screen = screen.clone();
    for line in from.line..=to.line {
        let (characters, is_broken) = line_in(&mut screen, line);
        let begin = if line == from.line { usize::from(from.column) } else { 0 };
        let end = if line == to.line { usize::from(to.column) } else { characters.len() };
        let part: String = characters.iter().take(end).skip(begin).filter(|c| **c != CONTINUED).collect();
        let is_last = line == to.line;
        // Blanks at the end of a line were never written.
        text.push_str(if is_broken && !is_last { &part } else { part.trim_end() });
        if !is_last && !is_broken {
            text.push('\n');
        }
    }
    text
}

/// Stands for the second half of a wide character.
const CONTINUED: char = '\0';

fn past(screen: &vt100::Screen) -> i32 {
    i32::try_from(screen.scrollback_len()).unwrap_or(i32::MAX)
}

/// The characters of a line, one a column, and whether it goes on in the next one.
fn line_of(screen: &vt100::Screen, line: i32) -> (Vec<char>, bool) {
    line_in(&mut screen.clone(), line)
}

fn line_in(screen: &mut vt100::Screen, line: i32) -> (Vec<char>, bool) {
    let (rows, columns): (NonZeroU16, NonZeroU16) = screen.size();
    screen.set_scrollback(usize::try_from(-line).unwrap_or(0));
    let row = line - first_line(screen);
    let Some(row) = u16::try_from(row).ok().filter(|row| *row < rows.get()) else { return (Vec::new(), false) };
    let character = |column: u16| match screen.cell(row, column) {
        Some(cell) if cell.is_wide_continuation() => CONTINUED,
        Some(cell) if cell.has_contents() => cell.contents().chars().next().unwrap_or(' '),
        _ => ' ',
    };
    ((0..columns.get()).map(character).collect(), screen.row_wrapped(row))
}
