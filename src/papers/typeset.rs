//! Sets a document as a paper: typst, with a template, the document as data beside it, and our own fonts.
//!
//! The typesetter sees those and nothing else: no file system, no packages, no network, no clock. Texts reach the template as
//! data and never as markup. The same document gives the same bytes.

use serde::Serialize;

use typst::comemo;
use typst::diag::{FileError, FileResult, SourceDiagnostic};
use typst::foundations::{Bytes, Datetime, Duration, Smart};
use typst::syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot};
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;
use typst::{Library, LibraryExt as _, World};
use typst_pdf::{PdfOptions, Timestamp};

use crate::fonts;
use crate::model::problem::Problem;

/// What all papers share; a template imports it.
const SHARED: &str = include_str!("../../templates/paper.typ");
/// The name under which it does.
const SHARED_NAME: &str = "paper.typ";

/// How long results of the typesetter are kept for the next paper: not at all.
const KEPT: usize = 0;

/// A kind of paper.
pub(crate) struct Paper<'a> {
    /// How it is laid out.
    pub(crate) template: &'a str,
    /// What it is.
    pub(crate) title: &'a str,
    /// Who wrote it.
    pub(crate) program: &'a str,
}

impl Paper<'_> {
    /// The paper of a document that was made then.
    pub(crate) fn set(&self, document: &impl Serialize, at_unix_micros: i64) -> Result<Vec<u8>, Problem> {
        let paper = self.typeset(document, time_of(at_unix_micros));
        comemo::evict(KEPT);
        paper
    }

    fn typeset(&self, document: &impl Serialize, at: Option<Datetime>) -> Result<Vec<u8>, Problem> {
        let desk = Desk::new(self.template, document, at)?;
        let pages = typst::compile(&desk).output.map_err(|faults| not_set(&faults))?;
        let options = PdfOptions {
            ident: Smart::Custom(format!("{} {at:?}", self.title)),
            creator: Smart::Custom(Some(self.program.to_owned())),
            timestamp: at.map(Timestamp::new_utc),
            ..PdfOptions::default()
        };
        typst_pdf::pdf(&pages, &options).map_err(|faults| not_set(&faults))
    }
}

/// All that the typesetter may see.
struct Desk {
    library: LazyHash<Library>,
    book: LazyHash<FontBook>,
    fonts: Vec<Font>,
    template: Source,
    shared: Source,
    /// The document, and where the template finds it.
    data: (FileId, Bytes),
    today: Option<Datetime>,
}

impl Desk {
    fn new(template: &str, document: &impl Serialize, today: Option<Datetime>) -> Result<Self, Problem> {
        let json = serde_json::to_vec(document).map_err(|error| no_paper(error.to_string()))?;
        let files = [fonts::INTER, fonts::INTER_MEDIUM, fonts::JETBRAINS_MONO];
        let fonts: Vec<Font> = files.into_iter().flat_map(|file| Font::iter(Bytes::new(file))).collect();
        Ok(Self {
            library: LazyHash::new(Library::default()),
            book: LazyHash::new(FontBook::from_fonts(&fonts)),
            fonts,
            template: Source::new(file("report.typ")?, template.to_owned()),
            shared: Source::new(file(SHARED_NAME)?, SHARED.to_owned()),
            data: (file("report.json")?, Bytes::new(json)),
            today,
        })
    }
}

impl World for Desk {
    fn library(&self) -> &LazyHash<Library> {
        &self.library
    }

    fn book(&self) -> &LazyHash<FontBook> {
        &self.book
    }

    fn main(&self) -> FileId {
        self.template.id()
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        let own = [&self.template, &self.shared].into_iter().find(|source| source.id() == id);
        own.cloned().ok_or(FileError::AccessDenied)
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        let (own, bytes) = &self.data;
        if id == *own { Ok(bytes.clone()) } else { Err(FileError::AccessDenied) }
    }

    fn font(&self, index: usize) -> Option<Font> {
        self.fonts.get(index).cloned()
    }

    fn today(&self, _: Option<Duration>) -> Option<Datetime> {
        self.today
    }
}

fn file(name: &str) -> Result<FileId, Problem> {
    let path = VirtualPath::new(name).map_err(|error| no_paper(format!("{name}: {error:?}")))?;
    Ok(RootedPath::new(VirtualRoot::Project, path).intern())
}

fn time_of(unix_micros: i64) -> Option<Datetime> {
    let time = jiff::Timestamp::from_microsecond(unix_micros).ok()?.to_zoned(jiff::tz::TimeZone::UTC);
    let part = |number: i8| u8::try_from(number).ok();
    let (month, day) = (part(time.month())?, part(time.day())?);
    Datetime::from_ymd_hms(
        time.year().into(),
        month,
        day,
        part(time.hour())?,
        part(time.minute())?,
        part(time.second())?,
    )
}

fn not_set(faults: &[SourceDiagnostic]) -> Problem {
    no_paper(faults.first().map(|fault| fault.message.to_string()).unwrap_or_default())
}

/// The typesetter did not take the document.
fn no_paper(detail: String) -> Problem {
    let problem = Problem::new(
        "report.not_set",
        "The report can't be set as a PDF",
        "Something in it is more than the typesetter takes",
        "Write the report as HTML, open it in a browser and print it",
    );
    problem.with_detail(detail)
}
