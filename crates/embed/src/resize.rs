//! Resampling, bit for bit as Pillow does it: bicubic, and nearest where a picture has a palette.
//!
//! For bicubic, Pillow resamples in two passes, horizontal then vertical, with 8-bit pixels between them. The kernel is Keys'
//! cubic with a = −0.5; when the image gets smaller the kernel gets wider by the same factor (antialiasing). Weights
//! are rounded to 22 fractional bits. Encoders were trained on such pixels, and vectors move when a resampler
//! differs. Source: Pillow's `src/libImaging/Resample.c`, 3.3 to 12. (Pillow 13 takes the vertical pass first where the
//! height shrinks much more than the width, which no resize that keeps an image's proportions does.)

#[cfg(target_arch = "x86_64")]
mod avx2;
mod plain;
mod taps;
#[cfg(target_arch = "x86_64")]
mod vnni;

use std::ops::Range;

use taps::exact_taps;

/// Pixels of `C` interleaved channels, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pixels<const C: usize, T = u8> {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `height × width × C` values.
    pub values: Vec<T>,
}

/// The size of the whole result, and which part of it is wanted.
///
/// Only that part is computed, so a very long image costs no more than a square one. Both ranges must lie inside the
/// result, and neither image nor result may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Columns of the whole result.
    pub width: usize,
    /// Rows of the whole result.
    pub height: usize,
    /// The columns that are wanted.
    pub across: Range<usize>,
    /// The rows that are wanted.
    pub down: Range<usize>,
}

impl Part {
    /// Whether the whole result is as large as the picture: Pillow then copies it, whatever its kind.
    pub fn is_size_of<const C: usize, T>(&self, pixels: &Pixels<C, T>) -> bool {
        (self.width, self.height) == (pixels.width, pixels.height)
    }
}

/// The part of a picture that is not resized.
pub fn cropped<const C: usize>(pixels: &Pixels<C>, part: &Part) -> Pixels<C> {
    let rows = pixels.values.chunks_exact(pixels.width * C).skip(part.down.start).take(part.down.len());
    let values = rows.flat_map(|row| &row[part.across.start * C..part.across.end * C]).copied().collect();
    Pixels { width: part.across.len(), height: part.down.len(), values }
}

/// The nearest pixels.
pub fn resize_nearest(pixels: &Pixels<3>, part: &Part) -> Pixels<3> {
    let columns = nearest(pixels.width, part.width, part.across.clone());
    let mut values = Vec::with_capacity(part.across.len() * part.down.len() * 3);
    for y in nearest(pixels.height, part.height, part.down.clone()) {
        let row = &pixels.values[y * pixels.width * 3..][..pixels.width * 3];
        values.extend(columns.iter().flat_map(|x| [row[x * 3], row[x * 3 + 1], row[x * 3 + 2]]));
    }
    Pixels { width: part.across.len(), height: part.down.len(), values }
}

/// Steps that are taken one by one; Pillow has no room for a result so long.
const MOST_STEPS: usize = 1 << 24;

/// Which input pixel each output pixel is. Source: Pillow's `ImagingScaleAffine`, whose steps add up their rounding.
fn nearest(n_in: usize, n_out: usize, wanted: Range<usize>) -> Vec<usize> {
    let scale = n_in as f64 / n_out as f64;
    let first = if wanted.start > MOST_STEPS { wanted.start } else { 0 };
    let mut at = scale * (first as f64 + 0.5);
    let all = (first..wanted.end).map(|_| {
        let pixel = (at as usize).min(n_in - 1);
        at += scale;
        pixel
    });
    all.skip(wanted.start - first).collect()
}

/// The same for grey of 16 bits, which Pillow resamples with weights of double precision. A result beyond 16 bits wraps
/// in its low byte only, as it does there.
pub fn resize_deep(pixels: &Pixels<1, u16>, part: &Part) -> Pixels<1, u16> {
    let (width, height) = (part.across.len(), part.down.len());
    let columns: Vec<_> = exact_taps(pixels.width, part.width, part.across.clone()).collect();
    let rows: Vec<_> = exact_taps(pixels.height, part.height, part.down.clone()).collect();
    let mix = |values: &mut dyn Iterator<Item = (u16, &f64)>| {
        let sum: f64 = values.fold(0.0, |sum, (value, weight)| sum + f64::from(value) * weight);
        let rounded = (if sum >= 0.0 { sum + 0.5 } else { sum - 0.5 }) as i32;
        let [low, high] = [rounded % 256, rounded >> 8].map(|byte| byte.clamp(0, 255) as u8);
        u16::from_le_bytes([low, high])
    };
    // Only the input rows that the vertical pass will read go through the horizontal one.
    let top = rows.iter().map(|(first, _)| *first).min().unwrap_or(0);
    let bottom = rows.iter().map(|(first, weights)| first + weights.len()).max().unwrap_or(top);
    let mut squeezed = Vec::with_capacity((bottom - top) * width);
    for row in pixels.values.chunks_exact(pixels.width).take(bottom).skip(top) {
        let each = columns.iter().map(|(first, weights)| mix(&mut row[*first..].iter().copied().zip(weights)));
        squeezed.extend(each);
    }
    let mut values = Vec::with_capacity(width * height);
    for (first, weights) in &rows {
        for x in 0..width {
            values.push(mix(&mut squeezed[(first - top) * width + x..].iter().step_by(width).copied().zip(weights)));
        }
    }
    Pixels { width, height, values }
}

/// Bicubic, antialiased.
pub fn resize_bicubic<const C: usize>(pixels: &Pixels<C>, part: &Part) -> Pixels<C> {
    #[cfg(target_arch = "x86_64")]
    #[allow(unsafe_code, reason = "functions for some CPUs only")]
    if pixels.width <= WIDEST {
        if vnni::is_here() {
            // SAFETY: this CPU has what the function is compiled for.
            return unsafe { vnni::resize(pixels, part) };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: as above.
            return unsafe { avx2::resize(pixels, part) };
        }
    }
    plain::resize(pixels, part)
}

/// Wider pictures would need a block of rows that is larger than the processor's cache, and a hostile one more than the
/// memory.
#[cfg(target_arch = "x86_64")]
const WIDEST: usize = 1 << 15;

#[cfg(test)]
pub mod tests {
    use super::*;
    use proptest::prelude::*;
    use sha2::Digest;

    /// A gradient with noise and hard edges; `fixtures/reference.py` has the same formula.
    pub fn test_image<const C: usize>(width: usize, height: usize, mut seed: u32) -> Pixels<C> {
        let mut values = Vec::with_capacity(width * height * C);
        for y in 0..height {
            for x in 0..width {
                for channel in 0..C {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let value = if (x + y).is_multiple_of(3) {
                        255 * ((x / 7 + y / 5 + channel) % 2)
                    } else {
                        (x * 3 + y * 2 + channel * 40 + (seed >> 24) as usize / 4) % 256
                    };
                    values.push(value as u8);
                }
            }
        }
        Pixels { width, height, values }
    }

    fn part(width: usize, height: usize, across: Range<usize>, down: Range<usize>) -> Part {
        Part { width, height, across, down }
    }

    /// By the definition first, then in each way that this CPU has.
    #[allow(unsafe_code)]
    fn resized_in_every_way<const C: usize>(image: &Pixels<C>, part: &Part) -> Vec<Pixels<C>> {
        let mut ways = vec![plain::resize(image, part), resize_bicubic(image, part)];
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            // SAFETY: this CPU has what the function is compiled for.
            ways.push(unsafe { avx2::resize(image, part) });
        }
        #[cfg(target_arch = "x86_64")]
        if vnni::is_here() {
            // SAFETY: as above.
            ways.push(unsafe { vnni::resize(image, part) });
        }
        ways
    }

    fn all_equal<T: PartialEq>(values: &[T]) -> bool {
        values.windows(2).all(|two| two[0] == two[1])
    }

    pub fn sha256(values: &[u8]) -> String {
        hex::encode(sha2::Sha256::digest(values))
    }

    #[test]
    fn every_pixel_is_pillows() {
        // fixtures/reference.py, Pillow 11.3.0 and 12.3.0: width, height -> width, height, seed, sha256 of the result.
        for (width, height, new_width, new_height, seed, expected) in [
            (64, 48, 20, 15, 1, "15048103837896fed5c7df9988e2e81ab4e7ac47dfe5257edddc820352fd44c8"),
            (37, 53, 224, 224, 2, "e6f90a621f912e169f14ee11b560411d33490082d8841a29d791b9b7f8dc8c8b"),
            (300, 11, 7, 5, 3, "e7c170411ab61b8f136a25e7849be70b6bf9db762d8275844df2be34c39a3cf9"),
            (5, 200, 3, 90, 4, "92b65a11ea2d29dc354efbbad69b7750416e34e942c5d49f3c3950d0a842c8a6"),
            (224, 224, 224, 224, 5, "512059dcefa42dfb37c0e2b936ae34024102e71632f671dedbbc45885c2f55a4"),
            (101, 1, 10, 1, 6, "1824cc467cbaf60fed4e81ba2d14508fe1d4a0275969ebe29dbac8b1628ffa77"),
            (1, 1, 9, 4, 7, "b9edc74f1eb961bb111ad545fbbc515a7040892cbefb0bff93c6610ee8752dd4"),
            (513, 257, 224, 112, 8, "e4d23648c1803c4ee78f691db215e965fb998cfd8e0b5642fe4d4a9dad66053b"),
            (50, 40, 50, 13, 9, "c0f48fd3e77546c9beb257a644ebcec8601373340349d2836a17b3c326df7141"),
            (50, 40, 17, 40, 10, "6cb7b43ef85fd6adc7806cd30b2176b6e8e5a583b00ea3c933d069073821e7c2"),
        ] {
            let image = test_image::<3>(width, height, seed);
            let part = part(new_width, new_height, 0..new_width, 0..new_height);
            for resized in resized_in_every_way(&image, &part) {
                assert_eq!(sha256(&resized.values), expected, "{width}x{height} -> {new_width}x{new_height}");
            }
        }
    }

    proptest! {
        #[test]
        fn wide_registers_give_what_the_definition_gives(
            (width, height, new_width, new_height) in (1usize..150, 1usize..90, 1usize..150, 1usize..90),
            cut in 0usize..80,
            seed: u32,
        ) {
            let (left, top) = (cut.min(new_width - 1), cut.min(new_height - 1));
            let part = part(new_width, new_height, left..new_width, top / 2..new_height - top / 3);
            prop_assert!(all_equal(&resized_in_every_way(&test_image::<1>(width, height, seed), &part)));
            prop_assert!(all_equal(&resized_in_every_way(&test_image::<3>(width, height, seed), &part)));
            prop_assert!(all_equal(&resized_in_every_way(&test_image::<4>(width, height, seed), &part)));
        }
    }

    #[test]
    fn extremes_that_leave_the_range_of_a_byte_are_cut_alike() {
        // Black and white in blocks and lines: the kernel's negative lobes overshoot on both sides.
        for period in [1, 2, 3, 7, 16] {
            let value = |at: usize| if (at % 97 / period + at / 97 / period).is_multiple_of(2) { 255 } else { 0 };
            let image = Pixels::<1> { width: 97, height: 64, values: (0..97 * 64).map(value).collect() };
            for (width, height) in [(97, 64), (41, 29), (200, 150), (97, 1), (1, 64)] {
                let part = part(width, height, 0..width, 0..height);
                assert!(all_equal(&resized_in_every_way(&image, &part)));
            }
        }
    }

    #[test]
    fn a_picture_too_wide_for_the_wide_registers_is_resized_all_the_same() {
        let image = Pixels::<1> { width: 40_000, height: 3, values: vec![9; 120_000] };
        assert!(resize_bicubic(&image, &part(50, 3, 0..50, 0..3)).values.iter().all(|value| *value == 9));
    }

    #[test]
    fn a_hostile_length_costs_no_more_than_what_is_seen_of_it() {
        let started = std::time::Instant::now();
        // Pillow would step through all of these.
        let middle = 1usize << 39;
        assert_eq!(nearest(1_000, 2 * middle, middle - 1..middle + 1), [499, 500]);
        assert_eq!(nearest(1, 2 * middle, middle..middle + 2), [0, 0]);
        // One column of 16-bit grey, as a PNG may hold a hundred million of: a row for each would need gigabytes.
        let n_rows = 20_000_000;
        let column =
            Pixels::<1, u16> { width: 1, height: n_rows, values: (0..n_rows).map(|y| (y % 7) as u16).collect() };
        let middle = n_rows / 2 * 224;
        let square = resize_deep(&column, &part(224, n_rows * 224, 0..224, middle - 112..middle + 112));
        assert_eq!(square.values.len(), 224 * 224);
        assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
    }

    #[test]
    fn deep_grey_is_the_same_in_a_part_as_in_the_whole() {
        let values = test_image::<1>(31, 47, 3).values.into_iter().map(|value| u16::from(value) * 200).collect();
        let image = Pixels::<1, u16> { width: 31, height: 47, values };
        let whole = resize_deep(&image, &part(20, 30, 0..20, 0..30));
        let part = resize_deep(&image, &part(20, 30, 5..15, 8..20));
        for (y, row) in part.values.chunks(10).enumerate() {
            assert_eq!(row, &whole.values[(y + 8) * 20 + 5..][..10]);
        }
    }

    #[test]
    fn a_part_is_the_same_as_that_part_of_the_whole() {
        let image = test_image::<3>(90, 61, 1);
        let whole = resize_bicubic(&image, &part(50, 33, 0..50, 0..33));
        let part = resize_bicubic(&image, &part(50, 33, 7..31, 12..20));
        for (y, row) in part.values.chunks(24 * 3).enumerate() {
            let start = ((y + 12) * 50 + 7) * 3;
            assert_eq!(row, &whole.values[start..start + 24 * 3]);
        }
    }

    #[test]
    fn a_flat_image_stays_flat_at_every_size() {
        for size in [1, 2, 3, 17, 224, 500] {
            let flat = Pixels::<3> { width: 31, height: 77, values: vec![201; 31 * 77 * 3] };
            assert!(
                resize_bicubic(&flat, &part(size, size, 0..size, 0..size)).values.iter().all(|value| *value == 201)
            );
        }
    }
}
