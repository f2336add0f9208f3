//! Finds the QR code in a picture: a PNG or JPEG file, or what lies on the clipboard.
//!
//! Pictures are untrusted: size in bytes, dimensions and memory are limited before anything is decoded. The text found
//! may hold a passphrase and leaves as a [`Secret`]. Everything here blocks and belongs on a thread of its own.

use std::fs::File;
use std::io::{Cursor, Read as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use image::imageops::{self, FilterType};
use image::{GrayImage, ImageError, ImageReader, Limits, Luma, RgbaImage};
use zeroize::{Zeroize, Zeroizing};

use crate::model::problem::{Explain, Problem};
use crate::model::secret::Secret;
use crate::model::text::visible;
use crate::proto::wifi_qr;

/// Largest file read.
const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;
/// Largest width and height decoded.
const MAX_EDGE: u32 = 8192;
/// Most memory a decoder may take.
const MAX_DECODER_BYTES: u64 = 256 * 1024 * 1024;
/// Pictures are searched at this size first: enough for a code that fills a good part of the picture.
const SEARCH_EDGE: u32 = 1200;
/// Largest size searched, for small codes in large photographs.
const DETAIL_EDGE: u32 = 3000;
/// Pictures below this size are enlarged.
const SMALL_EDGE: u32 = 400;
/// White added around, for codes cut out without their margin.
const MARGIN: u32 = 24;

/// Why no text came out of a picture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QrImageError {
    /// The file cannot be read.
    #[error("the file {path} cannot be read")]
    NotRead {
        /// Its path.
        path: String,
        /// What the system said.
        detail: String,
    },
    /// The path leads to a folder, a device or the like.
    #[error("{path} isn't a file")]
    NotAFile {
        /// Its path.
        path: String,
    },
    /// Larger than we decode.
    #[error("the picture is too large")]
    TooLarge,
    /// Neither PNG nor JPEG, or damaged.
    #[error("the picture can't be read")]
    NotAnImage {
        /// What the decoder said.
        detail: String,
    },
    /// No code in it.
    #[error("no code was found in the picture")]
    NoCode,
    /// A code is there but cannot be read.
    #[error("the code in the picture cannot be read")]
    Unreadable,
    /// Several codes that say different things.
    #[error("the picture shows several codes")]
    Several {
        /// How many.
        count: usize,
    },
    /// The clipboard holds something else, or nothing.
    #[error("the clipboard holds no picture")]
    NoClipboardImage,
    /// The clipboard cannot be reached.
    #[error("the clipboard cannot be used")]
    NoClipboard {
        /// What the system said.
        detail: String,
    },
}

impl Explain for QrImageError {
    fn explain(&self) -> Problem {
        match self {
            Self::NotRead { path, detail } => Problem::new(
                "qr.file_not_read",
                format!("The file {} cannot be read", visible(path, 80)),
                "It was deleted, or your account has no permission to read it",
                "Choose the file again",
            )
            .with_detail(visible(detail, 300)),
            Self::NotAFile { path } => Problem::new(
                "qr.not_a_file",
                format!("{} isn't a file", visible(path, 80)),
                "The path leads to a folder or a device",
                "Choose a PNG or JPEG file",
            ),
            Self::TooLarge => Problem::new(
                "qr.image_too_large",
                "The picture is too large",
                format!("Pictures up to {} MiB and {MAX_EDGE} pixels a side are read", MAX_FILE_BYTES / 1024 / 1024),
                "Cut the code out of the picture and save it as a smaller one",
            ),
            Self::NotAnImage { detail } => Problem::new(
                "qr.not_an_image",
                "The picture can't be read",
                "It is neither PNG nor JPEG, or it is damaged",
                "Save the picture as PNG or JPEG, or take a screenshot of it",
            )
            .with_detail(visible(detail, 300)),
            Self::NoCode => Problem::new(
                "qr.no_code",
                "No code was found in the picture",
                "The code is cut off, blurred, too small or taken at a steep angle",
                "Take the picture straight from the front with the whole code and its white margin in it",
            ),
            Self::Unreadable => Problem::new(
                "qr.unreadable",
                "There is a code in the picture, but it cannot be read",
                "It is blurred, dirty or partly covered",
                "Take the picture again with more light, or type name and passphrase",
            ),
            Self::Several { count } => Problem::new(
                "qr.several",
                format!("The picture shows {count} different codes"),
                "Several codes hang side by side",
                "Cut the right one out of the picture",
            ),
            Self::NoClipboardImage => Problem::new(
                "qr.no_clipboard_image",
                "The clipboard holds no picture",
                "Nothing was copied, or text or a file instead of a picture",
                "Copy the picture itself, such as a screenshot of the code, then try again",
            ),
            Self::NoClipboard { detail } => Problem::new(
                "qr.no_clipboard",
                "The clipboard cannot be used",
                "There is no desktop session, or another program holds the clipboard",
                "Save the picture as a file and open that",
            )
            .with_detail(visible(detail, 300)),
        }
    }
}

/// Reads the code in a picture file.
pub fn read_file(path: &Path) -> Result<Secret<String>, QrImageError> {
    read_picture(&load(path)?)
}

/// Reads the code in the picture on the clipboard.
pub fn read_clipboard() -> Result<Secret<String>, QrImageError> {
    let picture = arboard::Clipboard::new().and_then(|mut clipboard| clipboard.get_image()).map_err(clipboard_error)?;
    read_rgba(picture.width, picture.height, picture.bytes.into_owned())
}

fn clipboard_error(error: arboard::Error) -> QrImageError {
    match error {
        arboard::Error::ContentNotAvailable | arboard::Error::ConversionFailure => QrImageError::NoClipboardImage,
        other => QrImageError::NoClipboard { detail: other.to_string() },
    }
}

/// Reads a file up to the limit. A pipe or device is refused before it is opened: it could block for ever.
fn load(path: &Path) -> Result<Vec<u8>, QrImageError> {
    let shown = || path.display().to_string();
    let not_read = |error: std::io::Error| QrImageError::NotRead { path: shown(), detail: error.to_string() };
    let facts = std::fs::metadata(path).map_err(not_read)?;
    if !facts.is_file() {
        return Err(QrImageError::NotAFile { path: shown() });
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)).map_err(not_read)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(QrImageError::TooLarge);
    }
    Ok(bytes)
}

fn read_picture(bytes: &[u8]) -> Result<Secret<String>, QrImageError> {
    let not_an_image = |error: &dyn std::fmt::Display| QrImageError::NotAnImage { detail: error.to_string() };
    let mut reader =
        ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|error| not_an_image(&error))?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_EDGE);
    limits.max_image_height = Some(MAX_EDGE);
    limits.max_alloc = Some(MAX_DECODER_BYTES);
    reader.limits(limits);
    let picture = reader.decode().map_err(|error| match error {
        ImageError::Limits(_) => QrImageError::TooLarge,
        error => not_an_image(&error),
    })?;
    find_text(&on_white(&picture.into_rgba8()))
}

fn read_rgba(width: usize, height: usize, bytes: Vec<u8>) -> Result<Secret<String>, QrImageError> {
    let too_large = |_| QrImageError::TooLarge;
    let (width, height) = (u32::try_from(width).map_err(too_large)?, u32::try_from(height).map_err(too_large)?);
    if width.max(height) > MAX_EDGE {
        return Err(QrImageError::TooLarge);
    }
    let picture = RgbaImage::from_raw(width, height, bytes).ok_or(QrImageError::NoClipboardImage)?;
    find_text(&on_white(&picture))
}

/// Grey values on a white ground, with a white margin: many codes are transparent or cut out to the edge.
fn on_white(picture: &RgbaImage) -> GrayImage {
    let (width, height) = picture.dimensions();
    let mut grey = GrayImage::from_pixel(width + 2 * MARGIN, height + 2 * MARGIN, Luma([255]));
    for (x, y, pixel) in picture.enumerate_pixels() {
        let [red, green, blue, alpha] = pixel.0.map(u32::from);
        let luma = (red * 299 + green * 587 + blue * 114) / 1000;
        let blended = (luma * alpha + 255 * (255 - alpha)) / 255;
        grey.put_pixel(x + MARGIN, y + MARGIN, Luma([u8::try_from(blended).unwrap_or(u8::MAX)]));
    }
    grey
}

/// Tries the picture at several sizes and inverted until a code can be read.
fn find_text(grey: &GrayImage) -> Result<Secret<String>, QrImageError> {
    let mut is_code_seen = false;
    for attempt in Attempt::ALL {
        let Some(picture) = attempt.prepare(grey) else { continue };
        let (texts, is_seen) = decode_all(&picture);
        is_code_seen |= is_seen;
        if !texts.is_empty() {
            return choose(texts);
        }
    }
    Err(if is_code_seen { QrImageError::Unreadable } else { QrImageError::NoCode })
}

/// A way to look at the picture.
#[derive(Clone, Copy)]
enum Attempt {
    Plain,
    Enlarged,
    Detailed,
    Inverted,
}

impl Attempt {
    const ALL: [Self; 4] = [Self::Plain, Self::Enlarged, Self::Detailed, Self::Inverted];

    /// The picture for this attempt; `None` if it would show nothing new.
    fn prepare(self, grey: &GrayImage) -> Option<GrayImage> {
        let edge = grey.width().max(grey.height());
        match self {
            Self::Plain => Some(shrunk(grey, SEARCH_EDGE)),
            Self::Enlarged => (edge < SMALL_EDGE)
                .then(|| imageops::resize(grey, grey.width() * 4, grey.height() * 4, FilterType::Nearest)),
            Self::Detailed => (edge > SEARCH_EDGE).then(|| shrunk(grey, DETAIL_EDGE)),
            Self::Inverted => {
                let mut inverted = shrunk(grey, SEARCH_EDGE);
                imageops::invert(&mut inverted);
                // The margin added was white and is black now, which the search takes as part of the code.
                Some(recoloured_margin(inverted, grey.dimensions()))
            }
        }
    }
}

fn shrunk(grey: &GrayImage, max_edge: u32) -> GrayImage {
    let edge = grey.width().max(grey.height());
    if edge <= max_edge {
        return grey.clone();
    }
    let scaled = |length: u32| (u64::from(length) * u64::from(max_edge) / u64::from(edge)).max(1);
    let (width, height) = (scaled(grey.width()), scaled(grey.height()));
    // Both are at most `max_edge`.
    let narrow = |length: u64| u32::try_from(length).unwrap_or(max_edge);
    imageops::resize(grey, narrow(width), narrow(height), FilterType::Triangle)
}

fn recoloured_margin(mut picture: GrayImage, original: (u32, u32)) -> GrayImage {
    let (width, height) = picture.dimensions();
    let margin = MARGIN * width.max(height) / original.0.max(original.1);
    for (x, y, pixel) in picture.enumerate_pixels_mut() {
        if x < margin || y < margin || x >= width - margin || y >= height - margin {
            *pixel = Luma([255]);
        }
    }
    picture
}

/// The texts of all codes, and whether there was a code at all.
///
/// The search runs over bytes of strangers in foreign code: should it panic, the picture counts as one without a code.
fn decode_all(picture: &GrayImage) -> (Vec<Secret<String>>, bool) {
    let found = catch_unwind(AssertUnwindSafe(|| {
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        let raw = picture.as_raw();
        let mut prepared = rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| raw[y * width + x]);
        let grids = prepared.detect_grids();
        (grids.iter().filter_map(decode).collect::<Vec<_>>(), !grids.is_empty())
    }));
    found.unwrap_or_default()
}

/// The text of a code; octets that are no UTF-8 are read as Latin-1, the older default of QR codes.
fn decode<G: rqrr::BitGrid>(grid: &rqrr::Grid<G>) -> Option<Secret<String>> {
    let mut octets = Zeroizing::new(Vec::with_capacity(rqrr::MAX_PAYLOAD_SIZE));
    grid.decode_to(&mut *octets).ok()?;
    let text = std::str::from_utf8(&octets)
        .map_or_else(|_| octets.iter().map(|octet| char::from(*octet)).collect(), str::to_owned);
    octets.zeroize();
    (!text.is_empty()).then(|| Secret::new(text))
}

/// Of several codes, the one of a network, else a provisioning code, else any; different ones are not chosen between.
fn choose(mut texts: Vec<Secret<String>>) -> Result<Secret<String>, QrImageError> {
    for is_wanted in [wifi_qr::is_wifi, wifi_qr::is_known_kind] {
        if texts.iter().any(|text| is_wanted(text.expose())) {
            texts.retain(|text| is_wanted(text.expose()));
            break;
        }
    }
    texts.sort_unstable_by(|left, right| left.expose().cmp(right.expose()));
    texts.dedup();
    match texts.len() {
        0 | 1 => texts.pop().ok_or(QrImageError::NoCode),
        count => Err(QrImageError::Several { count }),
    }
}

#[cfg(test)]
mod tests {
    use image::imageops::{rotate90, rotate180};
    use image::{DynamicImage, ImageFormat};
    use qrcode::{Color, EcLevel, QrCode};

    use super::*;

    const TEXT: &str = "WIFI:T:WPA;S:MyWirelessAP;P:mysecurepassword;;";

    /// Draws a code with the given size of a module and margin in modules.
    fn draw(text: &[u8], module: u32, margin: u32) -> GrayImage {
        let code = QrCode::with_error_correction_level(text, EcLevel::M).unwrap();
        let colors = code.to_colors();
        let size = u32::try_from(code.width()).unwrap();
        GrayImage::from_fn((size + 2 * margin) * module, (size + 2 * margin) * module, |x, y| {
            let (x, y) = ((x / module).wrapping_sub(margin), (y / module).wrapping_sub(margin));
            let is_dark = x < size && y < size && colors[(y * size + x) as usize] == Color::Dark;
            Luma([if is_dark { 0 } else { 255 }])
        })
    }

    fn encode(picture: GrayImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::ImageLuma8(picture).write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    #[track_caller]
    fn check(picture: GrayImage, expected: Result<&str, &str>) {
        let found = read_picture(&encode(picture, ImageFormat::Png));
        let found = found.as_ref().map(|text| text.expose().as_str()).map_err(|error| error.explain().code);
        assert_eq!(found, expected);
    }

    #[test]
    fn codes_are_read_however_they_were_taken() {
        let plain = draw(TEXT.as_bytes(), 6, 4);
        check(plain.clone(), Ok(TEXT));
        check(rotate90(&plain), Ok(TEXT));
        check(rotate180(&plain), Ok(TEXT));
        check(draw(TEXT.as_bytes(), 1, 4), Ok(TEXT));
        check(draw(TEXT.as_bytes(), 2, 0), Ok(TEXT));
        let mut inverted = plain.clone();
        imageops::invert(&mut inverted);
        check(inverted, Ok(TEXT));
        let mut photograph = GrayImage::from_pixel(1500, 700, Luma([200]));
        imageops::overlay(&mut photograph, &plain, 900, 300);
        check(photograph, Ok(TEXT));
        let jpeg = encode(plain, ImageFormat::Jpeg);
        assert!(read_picture(&jpeg).is_ok_and(|text| text.expose() == TEXT));
    }

    #[test]
    fn among_several_codes_the_network_is_chosen() {
        let beside = |left: &str, right: &str| {
            let (left, right) = (draw(left.as_bytes(), 5, 4), draw(right.as_bytes(), 5, 4));
            let mut wall = GrayImage::from_pixel(left.width() + right.width() + 40, 300, Luma([255]));
            imageops::overlay(&mut wall, &left, 0, 10);
            imageops::overlay(&mut wall, &right, i64::from(left.width()) + 40, 10);
            wall
        };
        check(beside("https://example.com/manual", TEXT), Ok(TEXT));
        check(beside(TEXT, TEXT), Ok(TEXT));
        check(beside(r#"{"name":"PROV_1"}"#, TEXT), Ok(TEXT));
        check(beside(r#"{"name":"PROV_1"}"#, "serial 12345"), Ok(r#"{"name":"PROV_1"}"#));
        check(beside("WIFI:T:WPA;S:Another;P:anotherpassword;;", TEXT), Err("qr.several"));
        check(draw(b"serial 12345", 5, 4), Ok("serial 12345"));
    }

    #[test]
    fn clipboard_pictures_may_be_transparent() {
        let grey = draw(TEXT.as_bytes(), 4, 2);
        let rgba: Vec<u8> = grey.pixels().flat_map(|pixel| [0, 0, 0, 255 - pixel.0[0]]).collect();
        let (width, height) = (grey.width() as usize, grey.height() as usize);
        assert!(read_rgba(width, height, rgba.clone()).is_ok_and(|text| text.expose() == TEXT));
        assert!(matches!(read_rgba(width + 1, height, rgba), Err(QrImageError::NoClipboardImage)));
        assert!(matches!(read_rgba(usize::MAX, 1, Vec::new()), Err(QrImageError::TooLarge)));
        assert!(matches!(read_rgba(0, 0, Vec::new()), Err(QrImageError::NoCode)));
    }

    #[test]
    fn pictures_without_a_code_and_other_files_are_told_apart() {
        check(GrayImage::from_pixel(300, 200, Luma([255])), Err("qr.no_code"));
        check(GrayImage::from_pixel(1, 1, Luma([0])), Err("qr.no_code"));
        let mut damaged = draw(TEXT.as_bytes(), 6, 4);
        imageops::overlay(&mut damaged, &GrayImage::from_pixel(100, 100, Luma([0])), 70, 70);
        check(damaged, Err("qr.unreadable"));

        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.png");
        let code = |path: &Path| read_file(path).err().map(|error| error.explain().code);
        assert_eq!(code(&file), Some("qr.file_not_read"));
        assert_eq!(code(folder.path()), Some("qr.not_a_file"));
        std::fs::write(&file, b"not a picture").unwrap();
        assert_eq!(code(&file), Some("qr.not_an_image"));
        std::fs::write(&file, &encode(draw(TEXT.as_bytes(), 3, 4), ImageFormat::Png)[..200]).unwrap();
        assert_eq!(code(&file), Some("qr.not_an_image"));
        File::create(&file).unwrap().set_len(MAX_FILE_BYTES + 1).unwrap();
        assert_eq!(code(&file), Some("qr.image_too_large"));
    }

    #[test]
    fn a_picture_that_unfolds_is_refused_before_it_is_decoded() {
        let mut bytes = encode(GrayImage::from_pixel(8, 8, Luma([0])), ImageFormat::Png);
        // Width and height of the PNG header, then its checksum.
        bytes[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]);
        let checksum = crc32(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&checksum.to_be_bytes());
        assert!(matches!(read_picture(&bytes), Err(QrImageError::TooLarge)));
    }

    fn crc32(octets: &[u8]) -> u32 {
        !octets.iter().fold(u32::MAX, |crc, octet| {
            (0..8)
                .fold(crc ^ u32::from(*octet), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 })
        })
    }
}
