//! Pictures for the annotation page: upright, on white, no larger than they are shown, and without the file's metadata.
//!
//! Everything is encoded anew, so that neither side shows by its format, and no generator's settings travel with a file.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder, ImageReader, Limits, Rgb, RgbImage};

/// High enough that the encoding does not pass for a distortion of the image.
const JPEG_QUALITY: u8 = 92;
/// What decoding may take in memory.
const MAX_DECODED_BYTES: u64 = 1 << 30;

/// The picture as a JPEG whose longer side is at most `max_side` pixels; of an animation the first frame.
///
/// # Errors
/// Why it cannot be decoded.
pub fn jpeg(file: &[u8], max_side: u32) -> Result<Vec<u8>, String> {
    let said = |error: image::ImageError| error.to_string();
    let mut reader = ImageReader::new(Cursor::new(file)).with_guessed_format().map_err(|error| error.to_string())?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_DECODED_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(said)?;
    let orientation = decoder.orientation().map_err(said)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(said)?;
    picture.apply_orientation(orientation);
    let picture = scaled(on_white(&picture), max_side);
    let mut jpeg = Vec::new();
    picture.write_with_encoder(JpegEncoder::new_with_quality(&mut jpeg, JPEG_QUALITY)).map_err(said)?;
    Ok(jpeg)
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

fn scaled(picture: RgbImage, max_side: u32) -> RgbImage {
    let (width, height) = picture.dimensions();
    let longer = width.max(height);
    if longer <= max_side {
        return picture;
    }
    let scale = |length: u32| ((f64::from(length) * f64::from(max_side) / f64::from(longer)).round() as u32).max(1);
    image::imageops::resize(&picture, scale(width), scale(height), FilterType::Lanczos3)
}

#[cfg(test)]
mod tests {
    use image::{ImageFormat, Rgba, RgbaImage};

    use super::*;

    fn png(picture: &DynamicImage) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn large_pictures_are_made_smaller_small_ones_keep_their_size_and_clear_ones_lie_on_white() {
        let size = |width: u32, height: u32| {
            let file = png(&RgbaImage::from_pixel(width, height, Rgba([0, 0, 0, 0])).into());
            let shown = image::load_from_memory(&jpeg(&file, 64).unwrap()).unwrap().to_rgb8();
            assert!(shown.pixels().all(|pixel| pixel.0.iter().all(|value| *value > 250)));
            shown.dimensions()
        };
        assert_eq!((size(640, 320), size(20, 10), size(1000, 1)), ((64, 32), (20, 10), (64, 1)));
    }

    #[test]
    fn what_is_no_picture_is_an_error() {
        assert!(jpeg(b"<svg onload=alert(1)>", 64).is_err());
        assert!(jpeg(b"", 64).is_err());
    }
}
