//! One image file: its digest, its size, and whether it really decodes.

use std::io::Cursor;

use image::{ImageFormat, ImageReader, Limits};
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use tables::{ImageError, ImageFiles, Progress};

use crate::jpeg;
use crate::raw_rows::RawImage;

/// How large an image may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageBounds {
    /// Bytes of the file.
    pub max_bytes: u64,
    /// Width times height.
    pub max_pixels: u64,
}

/// What is known of an image that decodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pixels {
    /// SHA-256 of the file, in lower-case hexadecimal digits.
    pub sha256: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Size of the file in bytes.
    pub bytes: u64,
}

/// Why an image cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadImage {
    /// It cannot be read: missing, escaping, too large.
    #[error(transparent)]
    Unreadable(#[from] ImageError),
    /// There is nothing in it.
    #[error("the file is empty")]
    Empty,
    /// It is a web page: what a download leaves behind when it fails.
    #[error("it is HTML and not an image (a download that failed?)")]
    Html,
    /// Its first bytes are those of no image.
    #[error("it is not an image: only PNG, JPEG, WebP, GIF and BMP are read")]
    NotAnImage,
    /// It would take too much memory.
    #[error("it has {width} × {height} pixels, more than the {max_pixels} that are allowed")]
    TooManyPixels {
        /// Its width.
        width: u32,
        /// Its height.
        height: u32,
        /// The bound.
        max_pixels: u64,
    },
    /// It starts like an image and is broken further on.
    #[error("it is broken: {0}")]
    Broken(String),
}

/// Checks a file's content: the format is told from the first bytes and not from the name, the pixels are counted
/// before any is decoded, then all of them are decoded.
///
/// # Errors
/// [`BadImage`].
pub fn check_pixels(bytes: &[u8], max_pixels: u64) -> Result<Pixels, BadImage> {
    let format = format_of(bytes)?;
    let mut limits = Limits::default();
    // Up to 8 bytes a pixel, twice because some decoders work on a copy, and room for metadata.
    limits.max_alloc = Some(max_pixels.saturating_mul(16).saturating_add(64 << 20));
    let reader = || {
        let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
        reader.limits(limits.clone());
        reader
    };
    let broken = |error: image::ImageError| BadImage::Broken(error.to_string());
    let (width, height) = reader().into_dimensions().map_err(broken)?;
    if u64::from(width) * u64::from(height) > max_pixels {
        return Err(BadImage::TooManyPixels { width, height, max_pixels });
    }
    reader().decode().map_err(broken)?;
    if format == ImageFormat::Jpeg && !jpeg::is_whole(bytes) {
        return Err(BadImage::Broken("the JPEG is cut off before its end".to_owned()));
    }
    Ok(Pixels { sha256: hex::encode(Sha256::digest(bytes)), width, height, bytes: bytes.len() as u64 })
}

fn format_of(bytes: &[u8]) -> Result<ImageFormat, BadImage> {
    let read = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Gif, ImageFormat::Bmp];
    match image::guess_format(bytes) {
        Ok(format) if read.contains(&format) => Ok(format),
        _ if bytes.is_empty() => Err(BadImage::Empty),
        _ if looks_like_html(bytes) => Err(BadImage::Html),
        _ => Err(BadImage::NotAnImage),
    }
}

fn looks_like_html(bytes: &[u8]) -> bool {
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(1_024)]).to_lowercase();
    let start = start.trim_start_matches('\u{feff}').trim_start();
    start.starts_with('<') && ["<!doctype html", "<html", "<head", "<body"].iter().any(|tag| start.contains(tag))
}

/// Checks the files of all images in parallel, in the order given. `Ok(None)` has no path, so no pixels.
///
/// # Errors
/// The outer error is of the storage itself (a bucket that is down), which says nothing about an image.
pub(crate) fn check_all(
    images: &[RawImage],
    files: &ImageFiles,
    bounds: ImageBounds,
    progress: &Progress,
) -> Result<Vec<Result<Option<Pixels>, BadImage>>, ImageError> {
    let one = |image: &RawImage| {
        let checked = image.path.as_deref().map(|path| {
            let bytes = files.read(path, bounds.max_bytes)?;
            check_pixels(&bytes, bounds.max_pixels)
        });
        progress.add(1);
        match checked {
            Some(Err(BadImage::Unreadable(error @ ImageError::Storage(_)))) => Err(error),
            other => Ok(other.transpose()),
        }
    };
    images.par_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(format: ImageFormat) -> Vec<u8> {
        let mut bytes = Vec::new();
        let picture = image::RgbImage::from_fn(20, 10, |x, y| image::Rgb([(x * 12) as u8, (y * 25) as u8, 7]));
        picture.write_to(&mut Cursor::new(&mut bytes), format).unwrap();
        bytes
    }

    /// A valid PNG of one colour, which compresses a thousandfold: a decompression bomb when it is large.
    fn flat_png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        image::GrayImage::new(width, height).write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).unwrap();
        bytes
    }

    /// The same PNG with other dimensions in its header, the header's checksum renewed.
    fn with_dimensions(mut png: Vec<u8>, width: u32, height: u32) -> Vec<u8> {
        png[16..20].copy_from_slice(&width.to_be_bytes());
        png[20..24].copy_from_slice(&height.to_be_bytes());
        let checksum = crc32(&png[12..29]);
        png[29..33].copy_from_slice(&checksum.to_be_bytes());
        png
    }

    /// The checksum of PNG chunks, bit by bit (ISO 3309).
    fn crc32(bytes: &[u8]) -> u32 {
        let step = |crc: u32| if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 };
        !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
    }

    #[test]
    fn every_format_is_told_from_its_content_and_decoded() {
        for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Gif, ImageFormat::Bmp] {
            let bytes = encoded(format);
            let pixels = check_pixels(&bytes, 200).unwrap();
            assert_eq!((pixels.width, pixels.height, pixels.bytes), (20, 10, bytes.len() as u64), "{format:?}");
            let error = check_pixels(&bytes, 199).unwrap_err();
            assert!(matches!(error, BadImage::TooManyPixels { width: 20, height: 10, max_pixels: 199 }), "{error}");
        }
        // printf abc | sha256sum
        assert_eq!(
            hex::encode(Sha256::digest(b"abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn an_image_cut_anywhere_is_broken() {
        for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Gif, ImageFormat::Bmp] {
            let whole = encoded(format);
            for share in [2, 3, 10] {
                let cut = whole.len() - whole.len() / share;
                let error = check_pixels(&whole[..cut], 1_000).unwrap_err();
                assert!(matches!(error, BadImage::Broken(_)), "{format:?} {cut}: {error}");
            }
        }
    }

    #[test]
    fn html_text_nothing_and_other_formats_are_not_images() {
        for page in ["<!DOCTYPE html><title>404</title>", "\u{feff}\n <html lang=en>", "<!-- x --><HTML>"] {
            assert!(matches!(check_pixels(page.as_bytes(), 1_000), Err(BadImage::Html)), "{page}");
        }
        assert!(matches!(check_pixels(b"", 1_000), Err(BadImage::Empty)));
        for other in ["not an image", "<svg xmlns='http://www.w3.org/2000/svg'/>", "II*\0 a TIFF"] {
            assert!(matches!(check_pixels(other.as_bytes(), 1_000), Err(BadImage::NotAnImage)), "{other}");
        }
    }

    #[test]
    fn a_png_of_50_000_by_50_000_pixels_is_refused_before_it_is_decoded() {
        let bomb = with_dimensions(flat_png(64, 64), 50_000, 50_000);
        let started = std::time::Instant::now();
        let error = check_pixels(&bomb, 100_000_000).unwrap_err();
        assert_eq!(error.to_string(), "it has 50000 × 50000 pixels, more than the 100000000 that are allowed");
        assert!(started.elapsed().as_millis() < 500);
        // Where the bound lets it through, the body is found to be short.
        let short = with_dimensions(flat_png(64, 64), 300, 300);
        assert!(matches!(check_pixels(&short, 1_000_000), Err(BadImage::Broken(_))));
    }

    #[test]
    fn a_valid_bomb_is_refused_and_read_under_a_higher_bound() {
        let bomb = flat_png(3_000, 2_000);
        assert!(bomb.len() < 60_000, "{}", bomb.len());
        assert!(matches!(check_pixels(&bomb, 5_999_999), Err(BadImage::TooManyPixels { .. })));
        assert_eq!(check_pixels(&bomb, 6_000_000).unwrap().width, 3_000);
    }
}
