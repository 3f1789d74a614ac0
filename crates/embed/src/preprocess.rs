//! From an image file's bytes to the square of RGB pixels that an encoder sees.
//!
//! As torchvision does with Pillow: resize (bicubic), centre crop, then RGB, so that pixels are equal to the last bit
//! (fixtures/pixels). Transparent images are resized with premultiplied alpha, and their alpha is dropped after the
//! crop; where no resize is needed they stay as they are. 16-bit grey is cut at 255, which makes most such pictures
//! white: that is what Pillow's conversion does. Not equal are JPEG files, by the decoders' own rounding.

use serde::{Deserialize, Serialize};

use crate::error::AnyError;
use crate::orientation::Orientation;
use crate::picture::{Picture, decode};
use crate::resize::{Part, Pixels, cropped, resize_bicubic, resize_deep, resize_nearest};

/// The square that an encoder sees, and how a picture is brought to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// Side of the square, in pixels.
    pub side: usize,
    /// How a picture that is no square becomes one.
    pub fit: Fit,
    /// What is done about the orientation that a file's EXIF data notes.
    pub exif_orientation: ExifOrientation,
}

/// How a picture that is no square becomes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// Its short side is resized to that many pixels (at least the square's), the long one in proportion; the centre
    /// stays.
    Crop(usize),
    /// Both sides are resized to the square's.
    Squash,
}

/// What is done about the orientation that a file's EXIF data notes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ExifOrientation {
    /// Nothing: pixels as they are stored, as Pillow's `Image.open` gives them and encoders' own preprocessing takes them.
    #[default]
    Ignore,
    /// The picture is turned first, as by Pillow's `ImageOps.exif_transpose`.
    Apply,
}

impl Frame {
    /// Short side to `side`, then the centre square: CLIP's and EfficientNet's.
    pub fn centre(side: usize) -> Self {
        Self { side, fit: Fit::Crop(side), exif_orientation: ExifOrientation::Ignore }
    }

    /// The resize of a picture, and the part of it that is the square.
    ///
    /// # Errors
    /// For sides that cannot be squashed in a sensible amount of memory.
    fn part<const C: usize, T>(&self, pixels: &Pixels<C, T>) -> Result<Part, AnyError> {
        let (side, width, height) = (self.side, pixels.width, pixels.height);
        let (width, height) = match self.fit {
            Fit::Squash if width.max(height) > LONGEST_SQUASHED || height.saturating_mul(side * C) > MOST_SQUASHED => {
                return Err(format!("{width} × {height} pixels are too long to be squashed to {side} × {side}").into());
            }
            Fit::Squash => (side, side),
            Fit::Crop(short) => {
                // torchvision: int(size * long / short).
                let scale = |length: usize| short * length / width.min(height);
                (scale(width), scale(height))
            }
        };
        let (left, top) = (centred(width, side), centred(height, side));
        Ok(Part { width, height, across: left..left + side, down: top..top + side })
    }
}

/// A longer side has more weights than memory should be spent on: 32 bytes a pixel of it.
const LONGEST_SQUASHED: usize = 1 << 24;

/// Values between the two passes of a resize: each row, as wide as the square.
const MOST_SQUASHED: usize = 1 << 30;

impl std::fmt::Display for Frame {
    /// What is done to the pixels, for the table's metadata.
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let side = self.side;
        if self.exif_orientation == ExifOrientation::Apply {
            write!(f, "EXIF orientation applied, ")?;
        }
        match self.fit {
            Fit::Crop(short) => {
                write!(f, "short side to {short} (Pillow bicubic; palettes nearest), centre crop {side}, RGB")
            }
            Fit::Squash => write!(f, "resized to {side} x {side} (Pillow bicubic; palettes nearest), RGB"),
        }
    }
}

/// Decodes an image and gives the square of it that a frame shows, `side × side × 3` values in [0, 255], row by row.
///
/// # Errors
/// What the decoder says of a file that is no picture, or not a whole one; sides that cannot be squashed.
pub fn square(file: &[u8], frame: &Frame) -> Result<Vec<u8>, AnyError> {
    let orientation = match frame.exif_orientation {
        ExifOrientation::Ignore => Orientation::STORED,
        ExifOrientation::Apply => Orientation::of(file),
    };
    Ok(match decode(file)? {
        Picture::Grey(grey) => {
            let grey = orientation.turned(grey);
            tripled(&resize_bicubic(&grey, &frame.part(&grey)?).values)
        }
        Picture::Colour(rgb) => {
            let rgb = orientation.turned(rgb);
            resize_bicubic(&rgb, &frame.part(&rgb)?).values
        }
        Picture::Indexed(rgb) => {
            let rgb = orientation.turned(rgb);
            resize_nearest(&rgb, &frame.part(&rgb)?).values
        }
        Picture::Transparent(rgba) => {
            let mut rgba = orientation.turned(rgba);
            let part = frame.part(&rgba)?;
            if part.is_size_of(&rgba) {
                without_alpha(&cropped(&rgba, &part))
            } else {
                premultiply(&mut rgba);
                divided(&resize_bicubic(&rgba, &part))
            }
        }
        Picture::Cmyk(cmyk) => {
            let cmyk = orientation.turned(cmyk);
            rgb_of_cmyk(&resize_bicubic(&cmyk, &frame.part(&cmyk)?))
        }
        Picture::DeepGrey(grey) => {
            let grey = orientation.turned(grey);
            let deep = resize_deep(&grey, &frame.part(&grey)?).values;
            tripled(&deep.into_iter().map(|value| value.min(255) as u8).collect::<Vec<_>>())
        }
    })
}

fn tripled(grey: &[u8]) -> Vec<u8> {
    grey.iter().flat_map(|value| [*value; 3]).collect()
}

/// Pillow's MULDIV255: the product over 255, rounded.
fn product(a: u8, b: u8) -> u8 {
    let product = u32::from(a) * u32::from(b) + 128;
    (((product >> 8) + product) >> 8) as u8
}

fn premultiply(pixels: &mut Pixels<4>) {
    for [red, green, blue, alpha] in pixels.values.as_chunks_mut::<4>().0 {
        for channel in [red, green, blue] {
            *channel = product(*channel, *alpha);
        }
    }
}

fn without_alpha(pixels: &Pixels<4>) -> Vec<u8> {
    pixels.values.as_chunks::<4>().0.iter().flat_map(|[red, green, blue, _]| [*red, *green, *blue]).collect()
}

/// Pillow's `cmyk2rgb`.
fn rgb_of_cmyk(pixels: &Pixels<4>) -> Vec<u8> {
    let colours = pixels.values.as_chunks::<4>().0.iter().flat_map(|[cyan, magenta, yellow, black]| {
        let light = 255 - black;
        [cyan, magenta, yellow].map(|ink| light - product(*ink, light))
    });
    colours.collect()
}

/// The colours without their alpha: what was premultiplied is divided again, then alpha is dropped.
fn divided(pixels: &Pixels<4>) -> Vec<u8> {
    let colours = pixels.values.as_chunks::<4>().0.iter().flat_map(|[red, green, blue, alpha]| {
        [red, green, blue].map(|channel| match alpha {
            0 | 255 => *channel,
            alpha => (255 * u32::from(*channel) / u32::from(*alpha)).min(255) as u8,
        })
    });
    colours.collect()
}

/// Where the crop begins. torchvision: int(round((length − side) / 2)), and Python rounds halves to even.
fn centred(length: usize, side: usize) -> usize {
    let spare = length - side;
    let half = spare / 2;
    if spare % 2 == 1 && half % 2 == 1 { half + 1 } else { half }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resize::tests::{sha256, test_image};
    use image::{DynamicImage, GrayImage, ImageFormat, RgbImage, RgbaImage};
    use std::collections::BTreeMap;
    use std::io::Cursor;

    const SIDE: usize = 224;

    fn centre_square(file: &[u8]) -> Result<Vec<u8>, AnyError> {
        square(file, &Frame::centre(SIDE))
    }

    #[test]
    fn odd_pictures_of_every_kind_are_pillows_to_the_last_bit() {
        let n_pictures = check_pillows("expected.json", ExifOrientation::Ignore);
        assert!(n_pictures >= 60);
    }

    #[test]
    fn pictures_are_turned_as_pillow_turns_them_where_that_is_asked() {
        let n_pictures = check_pillows("turned.json", ExifOrientation::Apply);
        assert!(n_pictures >= 12);
    }

    /// Compares with what scripts/pixel_fixtures.py wrote, with Pillow 12.3.0.
    fn check_pillows(expected: &str, exif_orientation: ExifOrientation) -> usize {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/pixels");
        let expected = std::fs::read_to_string(folder.join(expected)).unwrap();
        let expected: BTreeMap<String, String> = serde_json::from_str(&expected).unwrap();
        let n_pictures = expected.len();
        let mut wrong = Vec::new();
        for (name, pixels) in expected {
            let expected = hex::decode(pixels).unwrap();
            let file = std::fs::read(folder.join(&name)).unwrap();
            let frame = Frame { exif_orientation, ..Frame::centre(16) };
            let ours = square(&file, &frame).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(ours.len(), expected.len(), "{name}");
            let differences = ours.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b));
            let (worst, sum) = differences.fold((0, 0u32), |(worst, sum), d| (worst.max(d), sum + u32::from(d)));
            // The decoders' own rounding, measured.
            let allowed = match name.as_str() {
                "jpeg-444.jpg" | "jpeg-422.jpg" | "jpeg-grey.jpg" => 1,
                name if name.starts_with("jpeg-cmyk") || name.starts_with("jpeg-ycck") => 2,
                // Colours stored at half size: the decoders differ in how they enlarge them.
                name if name.starts_with("jpeg") => 3,
                _ => 0,
            };
            if worst > 0 {
                eprintln!("{name}: at most {worst} levels, {:.3} in the mean", f64::from(sum) / ours.len() as f64);
            }
            if worst > allowed || sum as usize * 2 > ours.len() {
                wrong.push(name);
            }
        }
        assert!(wrong.is_empty(), "{wrong:?}");
        n_pictures
    }

    /// `scripts/bench_embed.py` makes the pictures and measures Pillow on the same ones.
    #[test]
    #[ignore = "measures; needs BENCH_IMAGES, a folder of pictures"]
    fn speed_of_one_core() {
        let folder = std::env::var("BENCH_IMAGES").unwrap();
        let files: Vec<Vec<u8>> =
            std::fs::read_dir(folder).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect();
        // Seconds of this thread's own: other programs may run beside it.
        let seconds = || {
            let on_cpu = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
            on_cpu.split(' ').next().unwrap().parse::<f64>().unwrap() * 1e-9
        };
        // As each of the stage's workers.
        tch::set_num_threads(1);
        let measure = |what: &str, mut once: Box<dyn FnMut(&[u8])>| {
            files.iter().for_each(|file| once(file));
            let (start, mut n) = (seconds(), 0);
            while seconds() - start < 2.0 {
                files.iter().for_each(|file| once(file));
                n += files.len();
            }
            println!("{what}: {:.1} images/s", n as f64 / (seconds() - start));
        };
        measure("decode", Box::new(|file| drop(std::hint::black_box(decode(file).unwrap()))));
        measure("square", Box::new(|file| drop(std::hint::black_box(centre_square(file).unwrap()))));
        let tensor = |file: &[u8]| {
            let square = centre_square(file).unwrap();
            crate::network::pixels_of(&[&square], SIDE as i64, &crate::clip::SCALING, tch::Device::Cpu).unwrap()
        };
        measure("tensor", Box::new(move |file| drop(std::hint::black_box(tensor(file)))));
    }

    /// `scripts/bench_embed.py --only jpeg` writes what Pillow makes of each picture: all its pixels, and its square.
    #[test]
    #[ignore = "measures; needs BENCH_IMAGES, a folder of N.jpg, N.pixels and N.square"]
    fn difference_of_jpegs_from_pillow() {
        let folder = std::path::PathBuf::from(std::env::var("BENCH_IMAGES").unwrap());
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let files: Vec<_> = files.filter(|file| file.extension().is_some_and(|ending| ending == "jpg")).collect();
        for (what, ending) in [("decoded", "pixels"), ("shrunk", "square")] {
            let mut n_of_level = [0u64; 256];
            for file in &files {
                let bytes = std::fs::read(file).unwrap();
                let ours = match (ending, decode(&bytes).unwrap()) {
                    ("pixels", Picture::Colour(rgb)) => rgb.values,
                    _ => centre_square(&bytes).unwrap(),
                };
                let theirs = std::fs::read(file.with_extension(ending)).unwrap();
                assert_eq!(ours.len(), theirs.len());
                ours.iter().zip(&theirs).for_each(|(a, b)| n_of_level[usize::from(a.abs_diff(*b))] += 1);
            }
            let n: u64 = n_of_level.iter().sum();
            let worst = n_of_level.iter().rposition(|n| *n > 0).unwrap();
            let sum: u64 = n_of_level.iter().zip(0u64..).map(|(n, level)| n * level).sum();
            let equal = n_of_level[0] as f64 / n as f64;
            println!(
                "{what}: at most {worst} levels, {:.3} in the mean, {:.1} % equal",
                sum as f64 / n as f64,
                100.0 * equal
            );
        }
    }

    #[test]
    fn a_frame_may_keep_a_smaller_centre_or_squash() {
        let file = rgb_png(300, 200, 11);
        let frame = |side, fit| Frame { fit, ..Frame::centre(side) };
        let larger = square(&file, &frame(256, Fit::Crop(256))).unwrap();
        let inner = square(&file, &frame(224, Fit::Crop(256))).unwrap();
        for (y, row) in inner.chunks(224 * 3).enumerate() {
            assert_eq!(row, &larger[((y + 16) * 256 + 16) * 3..][..224 * 3]);
        }
        assert_eq!(square(&file, &frame(40, Fit::Squash)).unwrap().len(), 40 * 40 * 3);
    }

    #[test]
    fn a_picture_too_long_to_be_squashed_is_refused_before_it_takes_the_memory() {
        let squash = Frame { fit: Fit::Squash, ..Frame::centre(224) };
        for (width, height) in [(20_000_000, 1), (1, 10_000_000)] {
            let file = png(GrayImage::new(width, height));
            let error = square(&file, &squash).unwrap_err().to_string();
            assert_eq!(error, format!("{width} × {height} pixels are too long to be squashed to 224 × 224"));
            assert_eq!(square(&file, &Frame::centre(224)).unwrap(), vec![0; 224 * 224 * 3]);
        }
    }

    fn png(picture: impl Into<DynamicImage>) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        picture.into().write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    fn rgb_png(width: usize, height: usize, seed: u32) -> Vec<u8> {
        let values = test_image::<3>(width, height, seed).values;
        png(RgbImage::from_raw(width as u32, height as u32, values).unwrap())
    }

    #[test]
    fn the_centre_square_is_pillows_and_torchvisions() {
        // fixtures/reference.py, Pillow 11.3.0, 12.3.0 and 13.0.0: width, height, seed, sha256 of the cropped RGB pixels.
        for (width, height, seed, expected) in [
            (300, 200, 11, "42ab8108498c5504406829274bc727d6a2101cc60cdb27ffa03ea08cb93716df"),
            (200, 301, 12, "2b0897cea480289ac021af2e06033714c1954803d80d08bda5e65dce4e076b17"),
            (257, 256, 13, "16602ad5f47a6fa50deb2ab4b3bbfd57dcfbf22a32477019bf138b2516fee5c1"),
            (64, 64, 14, "be131400cec59c2542c8ce28a59724424d1c6fa721adbaf506117186e8931f48"),
            (1000, 30, 15, "c5889eab004c13bf9a3b76af3a1e4206e874e2121c21086c7f06e9a0a0b7ceec"),
            (224, 225, 16, "64516e49e7bd6487527a35e73883462fb2300d2f1a03f5a2a9665ee109815cbf"),
            (227, 224, 17, "0feedd8bae0049b3440f26183162dc0858551e7f8ee9a78c05fb81c5291d0d9d"),
        ] {
            let square = centre_square(&rgb_png(width, height, seed)).unwrap();
            assert_eq!(sha256(&square), expected, "{width}x{height}");
        }
    }

    #[test]
    fn transparency_is_premultiplied_for_the_resize_and_dropped_after_it() {
        for (width, height, seed, expected) in [
            (300, 200, 18, "7702893369a9389b181784cca40bf88d8c0aea1f7ea4f5bf9bfcd7d6a5e540a5"),
            (90, 131, 19, "176fee6c5f9b6c5911fd96413a7fd943ca956d3828867b72fe4b19b1222255ee"),
        ] {
            let values = test_image::<4>(width, height, seed).values;
            let file = png(RgbaImage::from_raw(width as u32, height as u32, values).unwrap());
            assert_eq!(sha256(&centre_square(&file).unwrap()), expected, "{width}x{height}");
        }
    }

    #[test]
    fn grey_is_rgb_of_three_equal_channels_and_16_bits_are_their_high_byte() {
        let values: Vec<u8> = test_image::<1>(260, 240, 1).values;
        let tripled: Vec<u8> = values.iter().flat_map(|value| [*value; 3]).collect();
        let wide: Vec<u16> = tripled.iter().map(|value| (u16::from(*value) << 8) | 0xf3).collect();
        let square = centre_square(&png(RgbImage::from_raw(260, 240, tripled).unwrap())).unwrap();
        let grey = centre_square(&png(GrayImage::from_raw(260, 240, values).unwrap())).unwrap();
        let of_16_bits = image::ImageBuffer::<image::Rgb<u16>, _>::from_raw(260, 240, wide).unwrap();
        assert!(square == grey);
        assert!(square == centre_square(&png(of_16_bits)).unwrap());
    }

    #[test]
    fn an_image_of_one_row_costs_no_more_than_its_square() {
        let square = centre_square(&rgb_png(60_000, 1, 1)).unwrap();
        assert_eq!(square.len(), SIDE * SIDE * 3);
    }

    #[test]
    fn what_is_no_picture_is_an_error() {
        let whole = rgb_png(300, 200, 1);
        for file in [&b""[..], b"<html><body>404</body></html>", &whole[..whole.len() / 2]] {
            assert!(centre_square(file).is_err());
        }
    }
}
