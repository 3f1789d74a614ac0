//! Pictures made smaller, when the pipeline file asks for it: by side, by bytes, or both.
//!
//! A picture within the limits is sent as it is. Another one is turned as its EXIF orientation says, laid on white where it
//! is transparent, scaled, and encoded as a JPEG; of an animation that is the first frame. The form is part of an answer's
//! name in the store, for a VLM may answer otherwise.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use shown_pictures::Opened;

/// How large a picture may be when it is sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ImageLimits {
    /// The most bytes of the file, before it is encoded for the request (which adds a third). None: any.
    pub max_bytes: Option<u64>,
    /// The longest side in pixels. None: any.
    pub max_side: Option<u32>,
}

/// The form of a picture that is sent as it is.
pub const ORIGINAL: &str = "original";
/// The least of `max_bytes`: a JPEG of a few pixels with its headers.
pub const LEAST_MAX_BYTES: u64 = 2_000;
/// The least of `max_side`: below, nothing is to be seen.
pub const LEAST_MAX_SIDE: u32 = 16;

/// What is tried before the picture is made smaller yet. High enough that a VLM sees no artefacts at first.
const QUALITIES: [u8; 4] = [90, 80, 70, 60];

impl ImageLimits {
    /// The name of what these limits do to pictures: `original`, or the method with its limits.
    pub fn form(&self) -> String {
        let side = self.max_side.map(|side| format!(" max_side={side}"));
        let bytes = self.max_bytes.map(|bytes| format!(" max_bytes={bytes}"));
        match (side, bytes) {
            (None, None) => ORIGINAL.to_owned(),
            // Raise the number when the method changes.
            (side, bytes) => format!("jpeg/1{}{}", side.unwrap_or_default(), bytes.unwrap_or_default()),
        }
    }

    /// A picture within the limits, or `None` if it is within them already.
    ///
    /// # Errors
    /// What keeps it from being made smaller: it cannot be decoded, or not be made small enough.
    pub fn fit(&self, file: &Bytes) -> Result<Option<Bytes>, String> {
        let max_bytes = usize::try_from(self.max_bytes.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
        if self.max_side.is_none() && file.len() <= max_bytes {
            return Ok(None);
        }
        let said = |error: image::ImageError| error.to_string();
        let opened = Opened::new(file).map_err(said)?;
        let longer_side = opened.longer_side();
        let max_side = self.max_side.unwrap_or(u32::MAX);
        if longer_side <= max_side && file.len() <= max_bytes {
            return Ok(None);
        }
        let mut picture = opened.shown().map_err(said)?;
        let mut side = longer_side.min(max_side);
        loop {
            picture = shown_pictures::scaled(picture, side);
            let mut smallest = usize::MAX;
            for quality in QUALITIES {
                let jpeg = shown_pictures::jpeg(&picture, quality).map_err(said)?;
                if jpeg.len() <= max_bytes {
                    return Ok(Some(jpeg.into()));
                }
                smallest = smallest.min(jpeg.len());
            }
            // Bytes go with the area, roughly: a little less than that says, and never a step that is too small to help.
            let factor = (max_bytes as f64 / smallest as f64).sqrt().clamp(0.3, 0.9);
            side = (f64::from(side) * factor) as u32;
            if side < LEAST_MAX_SIDE {
                return Err(format!("it cannot be made a JPEG of {max_bytes} bytes"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{DynamicImage, ImageFormat, Rgb, RgbImage, RgbaImage};

    use super::*;

    fn limits(max_bytes: Option<u64>, max_side: Option<u32>) -> ImageLimits {
        ImageLimits { max_bytes, max_side }
    }

    /// A picture that does not compress well.
    fn noisy(width: u32, height: u32) -> Bytes {
        let mut state = 1_u32;
        let picture = RgbImage::from_fn(width, height, |_, _| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            Rgb(state.to_be_bytes()[..3].try_into().unwrap())
        });
        png(&DynamicImage::from(picture))
    }

    fn png(picture: &DynamicImage) -> Bytes {
        let mut file = Cursor::new(Vec::new());
        picture.write_to(&mut file, ImageFormat::Png).unwrap();
        file.into_inner().into()
    }

    fn size(file: &Bytes) -> (u32, u32) {
        let picture = image::load_from_memory(file).unwrap();
        (picture.width(), picture.height())
    }

    #[test]
    fn a_picture_within_the_limits_is_sent_as_it_is() {
        let file = noisy(40, 30);
        for limits in [limits(None, None), limits(Some(file.len() as u64), Some(40)), limits(Some(1 << 20), None)] {
            assert_eq!(limits.fit(&file), Ok(None), "{limits:?}");
        }
        // What cannot be decoded is no matter as long as nothing is to be done.
        assert_eq!(limits(Some(100), None).fit(&Bytes::from_static(b"no picture")), Ok(None));
    }

    #[test]
    fn sides_keep_their_proportion_and_small_pictures_their_size() {
        for (width, height, expected) in [(400, 300, (100, 75)), (300, 400, (75, 100)), (1_000, 2, (100, 1))] {
            let small = limits(None, Some(100)).fit(&noisy(width, height)).unwrap().unwrap();
            assert_eq!(size(&small), expected);
            assert!(small.starts_with(b"\xff\xd8\xff"), "a JPEG");
        }
    }

    #[test]
    fn bytes_are_kept_below_the_limit_and_near_it() {
        let file = noisy(300, 200);
        for max_bytes in [100_000, 20_000, 4_000, LEAST_MAX_BYTES] {
            let small = limits(Some(max_bytes), None).fit(&file).unwrap().unwrap();
            assert!(small.len() as u64 <= max_bytes, "{max_bytes}: {}", small.len());
            assert!(small.len() as u64 * 3 > max_bytes.min(60_000), "{max_bytes}: {} wastes room", small.len());
        }
        let both = limits(Some(5_000), Some(64)).fit(&file).unwrap().unwrap();
        assert!(both.len() <= 5_000 && size(&both).0 <= 64);
    }

    #[test]
    fn the_same_picture_gives_the_same_bytes() {
        let (file, limits) = (noisy(300, 200), limits(Some(9_000), Some(128)));
        assert_eq!(limits.fit(&file), limits.fit(&file));
    }

    #[test]
    fn what_is_transparent_becomes_white() {
        let half = RgbaImage::from_fn(64, 64, |x, _| image::Rgba([0, 0, 0, if x < 32 { 0 } else { 255 }]));
        let small = limits(None, Some(32)).fit(&png(&half.into())).unwrap().unwrap();
        let small = image::load_from_memory(&small).unwrap().to_rgb8();
        assert!(small.get_pixel(4, 16).0.iter().all(|value| *value > 245));
        assert!(small.get_pixel(28, 16).0.iter().all(|value| *value < 10));
    }

    #[test]
    fn what_cannot_be_decoded_says_so() {
        let file = noisy(100, 100);
        assert!(limits(Some(2_000), None).fit(&file.slice(..file.len() / 2)).is_err());
        assert!(limits(None, Some(50)).fit(&Bytes::from_static(b"no picture")).is_err());
    }

    #[test]
    fn a_form_names_what_is_done() {
        assert_eq!(ImageLimits::default().form(), "original");
        assert_eq!(limits(Some(500_000), Some(1_024)).form(), "jpeg/1 max_side=1024 max_bytes=500000");
        assert_ne!(limits(Some(500), None).form(), limits(None, Some(500)).form());
    }
}
