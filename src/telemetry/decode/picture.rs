//! Pictures: PNG and JPEG are read, within limits; others are named.

use std::io::Cursor;
use std::sync::Arc;

use image::{ImageFormat, ImageReader, Limits};

use crate::telemetry::value::{Body, DecodeFailure};

/// The most points of a picture: what a screen has four times over.
const MAX_POINTS: u64 = 32_000_000;
/// The most points across or down.
const MAX_SIDE: u32 = 16_384;

/// What kind of picture the bytes begin like.
pub(super) fn detect(bytes: &[u8]) -> Option<&'static str> {
    Some(match bytes {
        [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => "PNG",
        [0xff, 0xd8, 0xff, ..] => "JPEG",
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => "GIF",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "WebP",
        [b'I', b'I', 0x2a, 0, ..] | [b'M', b'M', 0, 0x2a, ..] => "TIFF",
        [0, 0, 0, _, b'f', b't', b'y', b'p', b'a', b'v', b'i', b'f', ..] => "AVIF",
        _ => return None,
    })
}

/// The picture, and facts beside it.
pub(super) fn read(bytes: &[u8]) -> Result<(Body, Vec<(String, String)>), DecodeFailure> {
    let fail = |what: String| DecodeFailure { offset: 0, what };
    let Some(name) = detect(bytes) else { return Err(fail("no picture begins so".into())) };
    let mut notes = vec![("format".to_owned(), name.to_owned())];
    let format = match name {
        "PNG" => ImageFormat::Png,
        "JPEG" => ImageFormat::Jpeg,
        _ => return Ok((Body::Bytes(bytes.into()), notes)),
    };
    // Errors of the library name what is wrong, and no place.
    let damaged = |error: image::ImageError| fail(format!("the {name} data is damaged or cut: {error}"));
    let sized = ImageReader::with_format(Cursor::new(bytes), format).into_dimensions().map_err(damaged)?;
    let (width, height) = sized;
    notes.push(("size".into(), format!("{width} × {height}")));
    if width > MAX_SIDE || height > MAX_SIDE || u64::from(width) * u64::from(height) > MAX_POINTS {
        return Err(fail(format!("{width} × {height} points are more than are drawn")));
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_POINTS * 8);
    reader.limits(limits);
    let picture = reader.decode().map_err(damaged)?.into_rgba8();
    let (width, height) = picture.dimensions();
    Ok((Body::Image { width, height, rgba: Arc::from(picture.into_raw()) }, notes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(format: ImageFormat, width: u32, height: u32) -> Vec<u8> {
        let picture =
            image::RgbImage::from_fn(width, height, |x, y| image::Rgb([x.to_le_bytes()[0], y.to_le_bytes()[0], 7]));
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn pictures_are_read() {
        for (format, name) in [(ImageFormat::Png, "PNG"), (ImageFormat::Jpeg, "JPEG")] {
            let (body, notes) = read(&encoded(format, 20, 10)).unwrap();
            assert!(matches!(&body, Body::Image { width: 20, height: 10, rgba } if rgba.len() == 800), "{name}");
            assert_eq!(notes, [("format".into(), name.into()), ("size".into(), "20 × 10".into())]);
        }
    }

    #[test]
    fn other_pictures_are_named() {
        let (body, notes) = read(b"GIF89a....").unwrap();
        assert_eq!(
            (body, notes),
            (Body::Bytes(b"GIF89a....".as_slice().into()), vec![("format".into(), "GIF".into())])
        );
        assert!(read(b"<svg").is_err());
    }

    #[test]
    fn a_picture_that_claims_to_be_huge_is_not_unpacked() {
        let mut bytes = encoded(ImageFormat::Png, 20, 10);
        bytes[16..24].copy_from_slice(&[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]);
        // The checksum over the changed header, so that nothing but the size is wrong with it.
        let mut crc = flate2::Crc::new();
        crc.update(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&crc.sum().to_be_bytes());
        assert_eq!(read(&bytes).unwrap_err().what, "65535 × 65535 points are more than are drawn");
    }

    proptest! {
        #[test]
        fn what_is_cut_or_changed_does_no_harm(cut in any::<prop::sample::Index>(), place in any::<prop::sample::Index>(), byte: u8) {
            for format in [ImageFormat::Png, ImageFormat::Jpeg] {
                let mut bytes = encoded(format, 20, 10);
                let _ = read(&bytes[..cut.index(bytes.len())]);
                let place = place.index(bytes.len());
                bytes[place] = byte;
                let _ = read(&bytes);
            }
        }
    }
}
