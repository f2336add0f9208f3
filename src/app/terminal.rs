//! The terminal as a view model: a screen of characters, what is typed into it, and a file on its way.
//!
//! The screen and what has scrolled out of it are bounded, however much the device writes. What is typed is not kept.

mod selection;

use std::num::NonZeroU16;

pub use self::selection::{Spot, Step};

use self::selection::Selection;
use super::Desk;
use super::jobs::JobKind;
use crate::model::act;
use crate::model::ids::{JobId, LinkAddress};
use crate::model::problem::Problem;
use crate::model::secret::Secret;
use crate::msg::terminal::{TerminalInput, TerminalOutput};
use crate::msg::{Command, JobEnd};

/// Speeds that are offered, in bits a second.
pub const SPEEDS: [u32; 8] = [9_600, 19_200, 38_400, 57_600, 115_200, 230_400, 460_800, 921_600];
/// Lines that have scrolled out and are kept.
const SCROLLBACK: usize = 2_000;

/// What the user did in the terminal.
pub enum TerminalAction {
    /// Opened it on that port, or opened it again.
    OpenedOn(LinkAddress),
    /// Closed it.
    Closed,
    /// Chose another speed.
    ChoseSpeed(u32),
    /// Pressed keys.
    Typed(Secret<Vec<u8>>),
    /// Pasted a text.
    Pasted(Secret<String>),
    /// Sends the pasted text of several lines all the same.
    ConfirmedPaste,
    /// Drops it.
    DroppedPaste,
    /// Looks back by so many lines; forward with a negative number.
    Scrolled(isize),
    /// The screen has room for so many rows and columns.
    Resized(u16, u16),
    /// Begins to select at that place.
    BeganSelecting(Spot),
    /// Selects from there to that place.
    SelectedTo(Spot),
    /// Selects the word there.
    SelectedWord(Spot),
    /// Selects the line there.
    SelectedLine(Spot),
    /// Selects everything.
    SelectedAll,
    /// Moves the end of the selection by a key.
    Stepped(Step),
    /// Selects nothing any more.
    DroppedSelection,
    /// Sends the file of the path.
    SentFile,
    /// Stops sending it.
    StoppedFile,
}

/// Whether the port is open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Port {
    /// It is not.
    #[default]
    Closed,
    /// It is being opened.
    Opening,
    /// It is.
    Open,
    /// It could not be opened, or went away.
    Failed(Problem),
}

/// A colour of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// The usual one.
    Usual,
    /// One of the 256 of a terminal.
    Indexed(u8),
    /// Red, green and blue.
    Mixed(u8, u8, u8),
}

/// Neighbouring characters of one look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The characters.
    pub text: String,
    /// Their colour.
    pub ink: Ink,
    /// The colour behind them.
    pub ground: Ink,
    /// Whether they stand out.
    pub is_bold: bool,
}

/// A file on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileOnItsWay {
    /// Octets on the line.
    pub sent: u64,
    /// Octets of the file, once known.
    pub total: u64,
}

/// The terminal.
pub struct Terminal {
    /// The path of the file to send.
    pub file_path: String,
    link: Option<LinkAddress>,
    baud: u32,
    port: Port,
    job: Option<JobId>,
    parser: vt100::Parser,
    paste: Option<Secret<String>>,
    file: Option<FileOnItsWay>,
    file_note: Option<String>,
    heard_octets: u64,
    selection: Selection,
}

impl Default for Terminal {
    fn default() -> Self {
        Self {
            file_path: String::new(),
            link: None,
            baud: 115_200,
            port: Port::Closed,
            job: None,
            parser: vt100::Parser::new(vt100::Parser::DEFAULT_ROWS, vt100::Parser::DEFAULT_COLS, SCROLLBACK),
            paste: None,
            file: None,
            file_note: None,
            heard_octets: 0,
            selection: Selection::default(),
        }
    }
}

impl Terminal {
    /// The port it is for.
    pub const fn link(&self) -> Option<&LinkAddress> {
        self.link.as_ref()
    }

    /// The speed.
    pub const fn baud(&self) -> u32 {
        self.baud
    }

    /// Whether the port is open.
    pub const fn port(&self) -> &Port {
        &self.port
    }

    /// The job, while it runs.
    pub const fn job(&self) -> Option<JobId> {
        self.job
    }

    /// The lines of a pasted text that waits for a word, if one does.
    pub fn waiting_paste(&self) -> Option<usize> {
        self.paste.as_ref().map(|text| text.expose().trim_end().lines().count())
    }

    /// The file on its way.
    pub const fn file(&self) -> Option<FileOnItsWay> {
        self.file
    }

    /// What came of the last file.
    pub fn file_note(&self) -> Option<&str> {
        self.file_note.as_deref()
    }

    /// Octets the device wrote.
    pub const fn heard_octets(&self) -> u64 {
        self.heard_octets
    }

    /// Rows and columns of the screen.
    pub fn size(&self) -> (u16, u16) {
        let (rows, columns) = self.parser.screen().size();
        (rows.get(), columns.get())
    }

    /// How many lines back the screen shows.
    pub fn scrolled_back(&self) -> usize {
        self.parser.screen().scrollback()
    }

    /// The characters on the screen, for the clipboard and for screen readers.
    pub fn contents(&self) -> String {
        let text = self.parser.screen().contents();
        text.trim_end().to_owned()
    }

    /// Where the next character goes, as row and column; nothing when it is hidden or out of sight.
    pub fn cursor(&self) -> Option<(u16, u16)> {
        let screen = self.parser.screen();
        (!screen.hide_cursor() && screen.scrollback() == 0).then(|| screen.cursor_position())
    }

    /// From where to where is selected, in order.
    pub fn selection(&self) -> Option<(Spot, Spot)> {
        self.selection.range()
    }

    /// What is selected.
    pub fn selected_text(&self) -> Option<String> {
        self.selection().map(|(from, to)| selection::text(self.parser.screen(), from, to))
    }

    /// Octets that the device wrote and that wait while something is selected.
    pub const fn waiting_octets(&self) -> usize {
        self.selection.waiting()
    }

    /// The line of the first row shown.
    pub fn first_line(&self) -> i32 {
        selection::first_line(self.parser.screen())
    }

    /// Whether arrow keys are sent in the way full-screen programs ask for.
    pub fn is_application_cursor(&self) -> bool {
        self.parser.screen().application_cursor()
    }

    /// The rows of the screen.
    pub fn rows(&self) -> Vec<Vec<Run>> {
        let screen = self.parser.screen();
        let (rows, columns) = screen.size();
        (0..rows.get()).map(|row| row_of(screen, row, columns.get())).collect()
    }

    /// Opens it on a port; one that is open on another port is closed first.
    fn open(&mut self, link: LinkAddress, desk: &mut Desk<'_>) -> Vec<Command> {
        if self.job.is_some() && self.link.as_ref() == Some(&link) {
            return Vec::new();
        }
        let mut commands = self.close();
        *self = Self { baud: self.baud, link: Some(link), ..Self::default() };
        commands.extend(self.begin(desk));
        commands
    }

    pub(super) fn act(&mut self, action: TerminalAction, desk: &mut Desk<'_>) -> Vec<Command> {
        match action {
            TerminalAction::OpenedOn(link) if self.link.as_ref() == Some(&link) && self.job.is_none() => {
                self.begin(desk)
            }
            TerminalAction::OpenedOn(link) => self.open(link, desk),
            TerminalAction::Closed => self.close(),
            TerminalAction::ChoseSpeed(baud) => {
                self.baud = baud;
                Vec::new()
            }
            TerminalAction::BeganSelecting(_)
            | TerminalAction::SelectedTo(_)
            | TerminalAction::SelectedWord(_)
            | TerminalAction::SelectedLine(_)
            | TerminalAction::SelectedAll
            | TerminalAction::Stepped(_)
            | TerminalAction::DroppedSelection => {
                self.select(&action);
                Vec::new()
            }
            TerminalAction::Typed(bytes) => {
                self.drop_selection();
                self.parser.screen_mut().set_scrollback(0);
                self.input(TerminalInput::Bytes(bytes))
            }
            TerminalAction::Pasted(text) if text.expose().trim_end().lines().count() > 1 => {
                self.paste = Some(text);
                Vec::new()
            }
            TerminalAction::Pasted(text) => self.send_text(&text),
            TerminalAction::ConfirmedPaste => self.paste.take().map_or_else(Vec::new, |text| self.send_text(&text)),
            TerminalAction::DroppedPaste => {
                self.paste = None;
                Vec::new()
            }
            TerminalAction::Scrolled(lines) => {
                let back = self.scrolled_back().saturating_add_signed(lines);
                self.parser.screen_mut().set_scrollback(back);
                Vec::new()
            }
            TerminalAction::Resized(rows, columns) => {
                self.drop_selection();
                if let (Some(rows), Some(columns)) = (NonZeroU16::new(rows), NonZeroU16::new(columns)) {
                    self.parser.screen_mut().set_size(rows, columns);
                }
                Vec::new()
            }
            TerminalAction::SentFile => {
                self.file = Some(FileOnItsWay { sent: 0, total: 0 });
                self.file_note = None;
                self.input(TerminalInput::SendFile(self.file_path.trim().into()))
            }
            TerminalAction::StoppedFile => self.input(TerminalInput::StopFile),
        }
    }

    pub(super) fn progressed(&mut self, job: JobId, output: TerminalOutput) {
        if self.job != Some(job) {
            return;
        }
        match output {
            TerminalOutput::Opened => self.port = Port::Open,
            TerminalOutput::Bytes(bytes) => {
                self.heard_octets += bytes.len() as u64;
                let bytes = self.selection.hold(bytes);
                self.parser.process(&bytes);
            }
            TerminalOutput::FileProgressed { sent, total } => self.file = Some(FileOnItsWay { sent, total }),
            TerminalOutput::FileEnded { sent, stopped } => {
                self.file = None;
                self.file_note = Some(match stopped {
                    None => format!("File sent: {sent} bytes"),
                    Some(why) => format!("Sending stopped after {sent} bytes: {why}"),
                });
            }
        }
    }

    pub(super) fn finished(&mut self, end: JobEnd) {
        self.job = None;
        self.file = None;
        self.paste = None;
        self.port = match end {
            JobEnd::Failed(problem) => Port::Failed(problem),
            JobEnd::Done { .. } | JobEnd::Cancelled => Port::Closed,
        };
    }

    fn select(&mut self, action: &TerminalAction) {
        let screen = self.parser.screen();
        match *action {
            TerminalAction::BeganSelecting(at) => {
                self.drop_selection();
                self.selection.begin(at);
            }
            TerminalAction::SelectedTo(to) => self.selection.extend(to),
            TerminalAction::SelectedWord(at) => {
                let (from, to) = selection::word(screen, at);
                self.selection.select(from, to);
            }
            TerminalAction::SelectedLine(at) => {
                let (from, to) = selection::whole_line(screen, at);
                self.selection.select(from, to);
            }
            TerminalAction::SelectedAll => {
                let (from, to) = selection::everything(screen);
                self.selection.select(from, to);
            }
            TerminalAction::Stepped(step) => self.step_selection(step),
            _ => self.drop_selection(),
        }
    }

    /// Moves the end of the selection, which begins at the cursor, and keeps it in sight.
    fn step_selection(&mut self, step: Step) {
        let screen = self.parser.screen();
        let from = self.selection.head().unwrap_or_else(|| {
            let (row, column) = screen.cursor_position();
            Spot { line: i32::from(row), column }
        });
        let to = selection::stepped(screen, from, step);
        if self.selection.head().is_none() {
            self.selection.begin(from);
        }
        self.selection.extend(to);
        let (first, rows) = (self.first_line(), i32::from(self.size().0));
        let above = first - to.line;
        let below = to.line - (first + rows - 1);
        let back = self.scrolled_back();
        let wanted = if above > 0 {
            back.saturating_add(usize::try_from(above).unwrap_or(0))
        } else {
            back.saturating_sub(usize::try_from(below.max(0)).unwrap_or(0))
        };
        self.parser.screen_mut().set_scrollback(wanted);
    }

    /// What waited while something was selected goes on the screen.
    fn drop_selection(&mut self) {
        let waited = self.selection.clear();
        self.parser.process(&waited);
    }

    fn begin(&mut self, desk: &mut Desk<'_>) -> Vec<Command> {
        let Some(link) = self.link.clone() else { return Vec::new() };
        let job = desk.jobs.start(JobKind::Terminal, act::named("terminal", link.place()), desk.now);
        self.job = Some(job);
        self.port = Port::Opening;
        vec![Command::OpenTerminal { job, link, baud: self.baud }]
    }

    fn close(&mut self) -> Vec<Command> {
        self.job.map(|job| Command::Cancel { job }).into_iter().collect()
    }

    fn send_text(&mut self, text: &Secret<String>) -> Vec<Command> {
        // The Enter key of a terminal is a carriage return.
        let bytes = text.expose().replace("\r\n", "\r").replace('\n', "\r").into_bytes();
        self.input(TerminalInput::Bytes(Secret::new(bytes)))
    }

    fn input(&self, input: TerminalInput) -> Vec<Command> {
        self.job.filter(|_| self.port == Port::Open).map(|job| Command::Terminal { job, input }).into_iter().collect()
    }
}

fn row_of(screen: &vt100::Screen, row: u16, columns: u16) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for cell in (0..columns).filter_map(|column| screen.cell(row, column)) {
        if cell.is_wide_continuation() {
            continue;
        }
        let text = if cell.has_contents() { cell.contents() } else { " " };
        let (mut ink, mut ground) = (ink_of(cell.fgcolor()), ink_of(cell.bgcolor()));
        if cell.inverse() {
            (ink, ground) = (
                if ground == Ink::Usual { Ink::Indexed(0) } else { ground },
                if ink == Ink::Usual { Ink::Indexed(7) } else { ink },
            );
        }
        match runs.last_mut() {
            Some(run) if run.ink == ink && run.ground == ground && run.is_bold == cell.bold() => {
                run.text.push_str(text);
            }
            _ => runs.push(Run { text: text.to_owned(), ink, ground, is_bold: cell.bold() }),
        }
    }
    while runs.last().is_some_and(|run| run.ground == Ink::Usual && run.text.trim().is_empty()) {
        runs.pop();
    }
    runs
}

const fn ink_of(colour: vt100::Color) -> Ink {
    match colour {
        vt100::Color::Default => Ink::Usual,
        vt100::Color::Idx(index) => Ink::Indexed(index),
        vt100::Color::Rgb(red, green, blue) => Ink::Mixed(red, green, blue),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open() -> Terminal {
        Terminal { job: Some(JobId(1)), port: Port::Open, ..Terminal::default() }
    }

    fn act(terminal: &mut Terminal, action: TerminalAction) -> Vec<Command> {
        let (catalog, mut jobs, mut toasts) = Default::default();
        terminal.act(
            action,
            &mut Desk { catalog: &catalog, jobs: &mut jobs, toasts: &mut toasts, now: std::time::Instant::now() },
        )
    }

    fn wrote(terminal: &mut Terminal, text: &str) {
        terminal.progressed(JobId(1), TerminalOutput::Bytes(text.as_bytes().to_vec()));
    }

    #[test]
    fn colours_and_positions_are_those_of_a_terminal() {
        let mut terminal = open();
        wrote(&mut terminal, "\x1b[2J\x1b[H\x1b[1;31mred\x1b[0m plain\x1b[2;5Hhere\x1b[7m!\x1b[0m");
        let rows = terminal.rows();
        assert_eq!(rows[0][0], Run { text: "red".into(), ink: Ink::Indexed(1), ground: Ink::Usual, is_bold: true });
        assert_eq!(rows[0][1].text.trim_end(), " plain");
        assert_eq!(rows[1][1], Run { text: "!".into(), ink: Ink::Indexed(0), ground: Ink::Indexed(7), is_bold: false });
        assert_eq!(terminal.cursor(), Some((1, 9)));
    }

    #[test]
    fn ten_megabytes_leave_a_screen_and_a_bounded_past() {
        let mut terminal = open();
        let line = format!("{}\r\n", "x".repeat(78)).repeat(100);
        for _ in 0..1250 {
            wrote(&mut terminal, &line);
        }
        assert_eq!(terminal.heard_octets(), 10_000_000);
        act(&mut terminal, TerminalAction::Scrolled(1_000_000));
        assert_eq!(terminal.scrolled_back(), SCROLLBACK);
        assert!(terminal.contents().len() < 4000);
        act(&mut terminal, TerminalAction::Typed(Secret::new(vec![b'x'])));
        assert_eq!(terminal.scrolled_back(), 0, "typing leads back to the end");
    }

    #[test]
    fn a_paste_of_several_lines_waits_for_a_word() {
        let mut terminal = open();
        let paste = |text: &str| TerminalAction::Pasted(Secret::new(text.into()));
        assert_eq!(act(&mut terminal, paste("one line\n")).len(), 1);
        assert!(act(&mut terminal, paste("two\nlines\n")).is_empty());
        assert_eq!(terminal.waiting_paste(), Some(2));
        let sent = act(&mut terminal, TerminalAction::ConfirmedPaste);
        let [Command::Terminal { input: TerminalInput::Bytes(bytes), .. }] = sent.as_slice() else { panic!() };
        assert_eq!(bytes.expose(), b"two\rlines\r");
        act(&mut terminal, paste("two\nlines"));
        assert!(act(&mut terminal, TerminalAction::DroppedPaste).is_empty());
        assert_eq!(terminal.waiting_paste(), None);
    }

    #[test]
    fn what_is_selected_is_copied_as_it_was_written_and_nothing_moves_meanwhile() {
        let mut terminal = open();
        act(&mut terminal, TerminalAction::Resized(4, 10));
        wrote(&mut terminal, "first\r\na line of twenty-one\r\n$ ");
        let spot = |line, column| Spot { line, column };
        act(&mut terminal, TerminalAction::BeganSelecting(spot(1, 2)));
        assert_eq!(terminal.selected_text(), None, "a click selects nothing");
        act(&mut terminal, TerminalAction::SelectedTo(spot(3, 1)));
        assert_eq!(terminal.selected_text().as_deref(), Some("line of twenty-one\n$"), "a broken line stays one");
        wrote(&mut terminal, "late\r\nlater\r\n");
        assert_eq!(terminal.waiting_octets(), 13);
        assert_eq!(terminal.selected_text().as_deref(), Some("line of twenty-one\n$"));
        act(&mut terminal, TerminalAction::DroppedSelection);
        assert!(terminal.contents().contains("later"), "what waited is shown: {}", terminal.contents());
        act(&mut terminal, TerminalAction::SelectedAll);
        assert!(terminal.selected_text().is_some_and(|text| text.starts_with("first\na line of twenty-one\n$ late")));
    }

    #[test]
    fn words_and_lines_are_selected_and_keys_go_from_the_cursor_into_the_past() {
        let mut terminal = open();
        act(&mut terminal, TerminalAction::Resized(3, 20));
        wrote(&mut terminal, "one\r\ntwo\r\nsee /etc/hosts now\r\nlast");
        let at = Spot { line: 1, column: 6 };
        act(&mut terminal, TerminalAction::SelectedWord(at));
        assert_eq!(terminal.selected_text().as_deref(), Some("/etc/hosts"));
        act(&mut terminal, TerminalAction::SelectedLine(at));
        assert_eq!(terminal.selected_text().as_deref(), Some("see /etc/hosts now"));
        act(&mut terminal, TerminalAction::DroppedSelection);
        for _ in 0..3 {
            act(&mut terminal, TerminalAction::Stepped(Step::Up));
        }
        act(&mut terminal, TerminalAction::Stepped(Step::LineStart));
        assert_eq!(terminal.selected_text().as_deref(), Some("one\ntwo\nsee /etc/hosts now\nlast"));
        assert_eq!(terminal.scrolled_back(), 1, "its end stays in sight");
        assert_eq!(act(&mut terminal, TerminalAction::Typed(Secret::new(vec![b'x']))).len(), 1);
        assert_eq!((terminal.selection(), terminal.scrolled_back()), (None, 0), "typing goes on where it was");
    }

    #[test]
    fn nothing_is_sent_to_a_port_that_is_not_open() {
        let mut terminal = open();
        terminal.finished(JobEnd::Cancelled);
        assert!(act(&mut terminal, TerminalAction::Typed(Secret::new(vec![b'x']))).is_empty());
        wrote(&mut terminal, "late");
        assert_eq!(terminal.contents(), "");
    }
}
