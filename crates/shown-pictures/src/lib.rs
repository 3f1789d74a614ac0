//! Copies of pictures as people and VLMs are shown them: upright, on white, no larger than wanted, JPEG, without metadata.
//!
//! For looking at only. What an encoder sees is `embed`'s, and exact with Pillow.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder, ImageError, ImageReader, Limits, Rgb, RgbImage};

/// The most memory that one picture may decode to.
const MAX_DECODED_BYTES: u64 = 1 << 30;

/// A picture's file whose head was read.
pub struct Opened<'a>(Box<dyn ImageDecoder + 'a>);

impl<'a> Opened<'a> {
    /// Reads the head, of whatever format the first bytes say.
    ///
    /// # Errors
    /// [`ImageError`] if it is no picture.
    pub fn new(file: &'a [u8]) -> Result<Self, ImageError> {
        let mut reader = ImageReader::new(Cursor::new(file)).with_guessed_format()?;
        let mut limits = Limits::default();
        limits.max_alloc = Some(MAX_DECODED_BYTES);
        reader.limits(limits);
        Ok(Self(Box::new(reader.into_decoder()?)))
    }

    /// The longer side of the file's pixels.
    pub fn longer_side(&self) -> u32 {
        let (width, height) = self.0.dimensions();
        width.max(height)
    }

    /// Its pixels, turned as the EXIF orientation says and laid on white where they are transparent; of an animation the
    /// first frame.
    ///
    /// # Errors
    /// [`ImageError`] if it cannot be decoded, or would take more than 1 GiB.
    pub fn shown(mut self) -> Result<RgbImage, ImageError> {
        let orientation = self.0.orientation()?;
        let mut picture = DynamicImage::from_decoder(self.0)?;
        picture.apply_orientation(orientation);
        Ok(on_white(&picture))
    }
}

fn on_white(picture: &DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.to_rgb8();
    }
    let with_alpha = picture.to_rgba8();
    RgbImage::from_fn(with_alpha.width(), with_alpha.height(), |x, y| {
        let [red, green, blue, alpha] = with_alpha.get_pixel(x, y).0.map(u32::from);
        let over = |colour: u32| ((colour * alpha + 255 * (255 - alpha) + 127) / 255) as u8;
        Rgb([over(red), over(green), over(blue)])
    })
}

/// The picture with its longer side as given; never larger than it was.
pub fn scaled(picture: RgbImage, longer_side: u32) -> RgbImage {
    let (width, height) = picture.dimensions();
    let longer = width.max(height);
    if longer <= longer_side {
        return picture;
    }
    let scale = |length: u32| ((f64::from(length) * f64::from(longer_side) / f64::from(longer)).round() as u32).max(1);
    image::imageops::resize(&picture, scale(width), scale(height), FilterType::Lanczos3)
}

/// The picture as a JPEG; `quality` is from 1 to 100.
///
/// # Errors
/// [`ImageError`] for a picture of more than 65,535 pixels a side.
pub fn jpeg(picture: &RgbImage, quality: u8) -> Result<Vec<u8>, ImageError> {
    let mut jpeg = Vec::new();
    picture.write_with_encoder(JpegEncoder::new_with_quality(&mut jpeg, quality))?;
    Ok(jpeg)
}

#[cfg(test)]
mod tests {
    use image::{ImageFormat, Rgba, RgbaImage};

    use super::*;

    fn png(picture: &DynamicImage) -> Vec<u8> {
        let mut file = Cursor::new(Vec::new());
        picture.write_to(&mut file, ImageFormat::Png).unwrap();
        file.into_inner()
    }

    fn shown(file: &[u8]) -> RgbImage {
        Opened::new(file).unwrap().shown().unwrap()
    }

    #[test]
    fn what_is_clear_lies_on_white() {
        for (alpha, expected) in [(0, 255), (51, 204), (255, 0)] {
            let file = png(&RgbaImage::from_pixel(2, 1, Rgba([0, 0, 0, alpha])).into());
            assert!(shown(&file).pixels().all(|pixel| pixel.0 == [expected; 3]), "{alpha}");
        }
    }

    #[test]
    fn a_picture_stands_upright() {
        // EXIF orientation 6, "turn right", in the second segment of a JPEG.
        let plain = jpeg(&RgbImage::from_pixel(30, 10, Rgb([9; 3])), 90).unwrap();
        let mut exif =
            b"\xff\xe1\0\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0".to_vec();
        assert_eq!(exif.len(), 2 + 0x22);
        exif.splice(0..0, plain[..2].iter().copied());
        exif.extend_from_slice(&plain[2..]);
        assert_eq!(shown(&plain).dimensions(), (30, 10));
        assert_eq!(shown(&exif).dimensions(), (10, 30));
        assert_eq!(Opened::new(&exif).unwrap().longer_side(), 30);
    }

    #[test]
    fn large_pictures_are_made_smaller_and_small_ones_keep_their_size() {
        let size = |width, height| scaled(RgbImage::new(width, height), 64).dimensions();
        assert_eq!((size(640, 320), size(20, 10), size(1_000, 1)), ((64, 32), (20, 10), (64, 1)));
    }

    #[test]
    fn what_is_no_picture_is_an_error() {
        for file in [&b""[..], b"<svg onload=alert(1)>", b"\x89PNG\r\n\x1a\n and no more"] {
            assert!(Opened::new(file).is_err());
        }
    }
}
