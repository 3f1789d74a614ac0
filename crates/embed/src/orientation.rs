//! How a picture is to be turned before it is looked at, by its EXIF data: Pillow's `ImageOps.exif_transpose`.
//!
//! A camera stores rows as its sensor reads them and notes how it was held. Read are the EXIF data of JPEG, PNG (the chunk
//! `eXIf`) and WebP; a note that is broken, or that stands in XMP or in a PNG's text only, is none.

use std::io::Cursor;

use image::{ImageDecoder, ImageFormat, ImageReader, metadata};

use crate::resize::Pixels;

/// EXIF's number, 1 to 8: where the picture's first row and first column are to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Orientation(u8);

impl Orientation {
    /// As it is stored.
    pub const STORED: Self = Self(1);

    /// What a file says; as it is stored, if it says nothing.
    pub fn of(file: &[u8]) -> Self {
        let found = match image::guess_format(file) {
            Ok(ImageFormat::Png) => png_exif(file).and_then(metadata::Orientation::from_exif_chunk),
            Ok(format @ (ImageFormat::Jpeg | ImageFormat::WebP)) => {
                let decoder = ImageReader::with_format(Cursor::new(file), format).into_decoder();
                decoder.and_then(|mut decoder| decoder.orientation()).ok()
            }
            _ => None,
        };
        found.map_or(Self::STORED, |orientation| Self(orientation.to_exif()))
    }

    /// The picture turned.
    pub fn turned<const C: usize, T: Copy>(self, pixels: Pixels<C, T>) -> Pixels<C, T> {
        let (stored_width, stored_height) = (pixels.width, pixels.height);
        let is_on_its_side = self.0 >= 5;
        let (width, height) =
            if is_on_its_side { (stored_height, stored_width) } else { (stored_width, stored_height) };
        // Where in the stored picture the pixel at `x`, `y` is.
        let place = |x: usize, y: usize| match self.0 {
            2 => (stored_width - 1 - x, y),
            3 => (stored_width - 1 - x, stored_height - 1 - y),
            4 => (x, stored_height - 1 - y),
            5 => (y, x),
            6 => (y, stored_height - 1 - x),
            7 => (stored_width - 1 - y, stored_height - 1 - x),
            8 => (stored_width - 1 - y, x),
            _ => (x, y),
        };
        if self == Self::STORED {
            return pixels;
        }
        let stored = pixels.values.as_chunks::<C>().0;
        let mut values = Vec::with_capacity(pixels.values.len());
        for y in 0..height {
            for x in 0..width {
                let (x, y) = place(x, y);
                values.extend_from_slice(&stored[y * stored_width + x]);
            }
        }
        Pixels { width, height, values }
    }
}

/// A PNG's EXIF data, before its pixels or after them.
fn png_exif(file: &[u8]) -> Option<&[u8]> {
    let mut chunks = file.get(8..)?;
    loop {
        let length = u32::from_be_bytes(*chunks.first_chunk()?) as usize;
        if chunks.get(4..8)? == b"eXIf" {
            return chunks.get(8..8 + length);
        }
        // Length, name and checksum of 4 bytes each.
        chunks = chunks.get(length + 12..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_turns_as_its_definition_says() {
        // Two rows of three.
        let stored = Pixels::<1> { width: 3, height: 2, values: vec![1, 2, 3, 4, 5, 6] };
        for (number, width, values) in [
            (1, 3, [1, 2, 3, 4, 5, 6]),
            (2, 3, [3, 2, 1, 6, 5, 4]),
            (3, 3, [6, 5, 4, 3, 2, 1]),
            (4, 3, [4, 5, 6, 1, 2, 3]),
            (5, 2, [1, 4, 2, 5, 3, 6]),
            (6, 2, [4, 1, 5, 2, 6, 3]),
            (7, 2, [6, 3, 5, 2, 4, 1]),
            (8, 2, [3, 6, 2, 5, 1, 4]),
        ] {
            let turned = Orientation(number).turned(stored.clone());
            assert_eq!(turned, Pixels { width, height: 6 / width, values: values.to_vec() }, "{number}");
        }
    }

    #[test]
    fn what_says_nothing_or_nothing_sensible_is_as_stored() {
        let png = |chunks: &[u8]| [b"\x89PNG\r\n\x1a\n", chunks].concat();
        let exif = |number: u8| {
            let data = [&b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0"[..], &[number, 0, 0, 0], &[0; 4]].concat();
            [&(data.len() as u32).to_be_bytes()[..], b"eXIf", &data, &[0; 4]].concat()
        };
        assert_eq!(Orientation::of(&png(&exif(6))), Orientation(6));
        let cut = png(&exif(6));
        for file in [
            &b""[..],
            b"<html>",
            &png(b""),
            &png(&exif(0)),
            &png(&exif(9)),
            &cut[..cut.len() - 20],
            &png(b"\xff\xff\xff\xffeXIfII*\0"),
            &png(b"\xff\xff\xff\xffIDAT"),
            b"\xff\xd8\xff\xe1\0\x10Exif\0\0II*\0\x08",
        ] {
            assert_eq!(Orientation::of(file), Orientation::STORED);
        }
    }
}
