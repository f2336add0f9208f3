//! A report as a PDF, where this build can make one: feature `pdf`.
//!
//! `typst` sets the same [`super::Document`] that the page for browsers shows. The texts reach it as data, so that none of them
//! is markup; fonts are those of the window, embedded; no file is read and no clock. Dates would make two papers of one run
//! differ, so that the only times in it are those of the run.

use super::Input;
use crate::model::problem::Problem;

/// The paper of a run, or why there is none.
#[cfg(feature = "pdf")]
pub fn pdf(input: &Input<'_>) -> Result<Vec<u8>, Problem> {
    typeset::paper(&super::Document::new(input)).map_err(|detail| {
        Problem::new(
            "report.pdf",
            "The PDF couldn't be made",
            "A text of the report can't be set",
            "Write the report as HTML, open it in a browser and print it",
        )
        .with_detail(crate::model::text::visible(&detail, 300))
    })
}

/// The paper of a run, or why there is none.
#[cfg(not(feature = "pdf"))]
pub fn pdf(_: &Input<'_>) -> Result<Vec<u8>, Problem> {
    Err(Problem::new(
        "report.no_pdf",
        "This build can't write PDF",
        "It was built without the feature `pdf`; packages have it",
        "Write the report as HTML, open it in a browser and print it",
    ))
}

/// Whether this build can write PDF.
pub const fn can_write_pdf() -> bool {
    cfg!(feature = "pdf")
}

#[cfg(feature = "pdf")]
mod typeset {
    use typst::diag::{FileError, FileResult, SourceDiagnostic};
    use typst::foundations::{Bytes, Datetime, Duration, Smart};
    use typst::syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot};
    use typst::text::{Font, FontBook};
    use typst::utils::LazyHash;
    use typst::{Library, LibraryExt as _, World};
    use typst_pdf::PdfOptions;

    use crate::check::report::Document;

    const TEMPLATE: &str = include_str!("../../../templates/check.typ");

    const FONTS: [&[u8]; 3] = [
        include_bytes!("../../../assets/fonts/Inter-Regular.otf"),
        include_bytes!("../../../assets/fonts/Inter-Medium.otf"),
        include_bytes!("../../../assets/fonts/JetBrainsMono-Regular.ttf"),
    ];

    /// Sets a report.
    pub(super) fn paper(report: &Document) -> Result<Vec<u8>, String> {
        let data = serde_json::to_vec(report).map_err(|error| error.to_string())?;
        let desk = Desk::new(data)?;
        let document = typst::compile(&desk).output.map_err(|errors| told(&errors))?;
        let options = PdfOptions {
            ident: Smart::Custom(report.title.clone()),
            creator: Smart::Custom(Some(report.program.clone())),
            ..PdfOptions::default()
        };
        typst_pdf::pdf(&document, &options).map_err(|errors| told(&errors))
    }

    fn told(errors: &[SourceDiagnostic]) -> String {
        errors.iter().map(|error| error.message.to_string()).collect::<Vec<_>>().join("; ")
    }

    /// All that the typesetter sees: the template, the report, the fonts.
    struct Desk {
        library: LazyHash<Library>,
        book: LazyHash<FontBook>,
        fonts: Vec<Font>,
        template: Source,
        data: (FileId, Bytes),
    }

    impl Desk {
        fn new(data: Vec<u8>) -> Result<Self, String> {
            let fonts: Vec<Font> = FONTS.iter().flat_map(|font| Font::iter(Bytes::new(*font))).collect();
            let id = |name: &str| {
                let path = VirtualPath::new(name).map_err(|error| format!("{error:?}"))?;
                Ok::<FileId, String>(RootedPath::new(VirtualRoot::Project, path).intern())
            };
            Ok(Self {
                library: LazyHash::new(Library::default()),
                book: LazyHash::new(FontBook::from_fonts(&fonts)),
                fonts,
                template: Source::new(id("/check.typ")?, TEMPLATE.to_owned()),
                data: (id("/report.json")?, Bytes::new(data)),
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
            if id == self.template.id() { Ok(self.template.clone()) } else { Err(FileError::AccessDenied) }
        }

        fn file(&self, id: FileId) -> FileResult<Bytes> {
            if id == self.data.0 { Ok(self.data.1.clone()) } else { Err(FileError::AccessDenied) }
        }

        fn font(&self, index: usize) -> Option<Font> {
            self.fonts.get(index).cloned()
        }

        fn today(&self, _: Option<Duration>) -> Option<Datetime> {
            None
        }
    }
}
