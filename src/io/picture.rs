//! Writes a picture to a PNG file. Everything here blocks.

use std::io::Cursor;

use image::{ImageFormat, RgbaImage};

use super::files::FilesError;
use super::save;
use crate::model::destination::{Destination, Saved};
use crate::model::problem::{Explain, Problem};
use crate::model::text::visible;

/// Why a picture was not written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    /// There are not as many bytes as its size asks for, or it has no point at all.
    #[error("a picture of {width} × {height} points is not {bytes} bytes")]
    WrongSize {
        /// Points across.
        width: u32,
        /// Points down.
        height: u32,
        /// Bytes given.
        bytes: usize,
    },
    /// It could not be packed.
    #[error("the picture could not be packed")]
    NotEncoded {
        /// What the encoder said.
        detail: String,
    },
    /// The file could not be written.
    #[error(transparent)]
    File(#[from] FilesError),
}

impl Explain for PictureError {
    fn explain(&self) -> Problem {
        match self {
            Self::WrongSize { .. } => Problem::new(
                "files.picture_size",
                "The picture has no size",
                "The part to save was out of view",
                "Show all of it and try again",
            )
            .with_detail(self.to_string()),
            Self::NotEncoded { detail } => Problem::new(
                "files.picture_not_encoded",
                "The picture couldn't be saved as PNG",
                "It's too large for the free memory",
                "Make the window smaller and try again",
            )
            .with_detail(visible(detail, 300)),
            Self::File(error) => error.explain(),
        }
    }
}

/// Writes a picture of four bytes a point, red, green, blue and opacity, to a PNG file.
pub fn write_png(destination: &Destination, width: u32, height: u32, rgba: Vec<u8>) -> Result<Saved, PictureError> {
    let bytes = rgba.len();
    let wrong_size = || PictureError::WrongSize { width, height, bytes };
    let is_whole = u128::from(width) * u128::from(height) * 4 == bytes as u128 && bytes > 0;
    let picture = RgbaImage::from_raw(width, height, rgba).filter(|_| is_whole).ok_or_else(wrong_size)?;
    let mut packed = Cursor::new(Vec::new());
    let encoded = picture.write_to(&mut packed, ImageFormat::Png);
    encoded.map_err(|error| PictureError::NotEncoded { detail: error.to_string() })?;
    Ok(save::save(destination, packed.get_ref())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_reads_back_point_by_point() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plot.png");
        let rgba = vec![255, 0, 0, 255, 0, 255, 0, 255, 0, 0, 255, 255, 1, 2, 3, 255, 9, 9, 9, 255, 0, 0, 0, 255];
        write_png(&path.clone().into(), 3, 2, rgba.clone()).unwrap();
        let read = image::open(&path).unwrap().to_rgba8();
        assert_eq!((read.dimensions(), read.into_raw()), ((3, 2), rgba));
    }

    #[test]
    fn a_picture_without_its_points_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plot.png");
        for (width, height, bytes) in [(0, 0, 0), (2, 2, 15), (u32::MAX, u32::MAX, 4)] {
            let error = write_png(&path.clone().into(), width, height, vec![0; bytes]).unwrap_err();
            assert_eq!(error, PictureError::WrongSize { width, height, bytes });
        }
        assert!(!path.exists());
        let error = write_png(&folder.path().into(), 1, 1, vec![0; 4]).unwrap_err();
        assert!(matches!(error, PictureError::File(_)), "{error:?}");
    }
}
