//! What the tests share: the encoders' weights, recorded references, the cosine.

use std::path::{Path, PathBuf};

/// A file of the encoders that `make setup` fetches. `make test` always has them; without, the test says so and skips.
pub fn weights(relative: &str) -> Option<PathBuf> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.deps/weights").join(relative);
    if !file.exists() {
        eprintln!("skipped: `{}` is not there; run `make setup`", file.display());
    }
    // Tests run side by side: threads inside an operation would only wait for each other.
    tch::set_num_threads(1);
    file.exists().then_some(file)
}

/// Numbers that `fixtures/reference.py` wrote: little-endian f32.
pub fn fixture(name: &str) -> Vec<f32> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
    let bytes = std::fs::read(file).unwrap();
    bytes.as_chunks::<4>().0.iter().map(|number| f32::from_le_bytes(*number)).collect()
}

/// Cosine of the angle between two vectors.
pub fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// A square of RGB pixels by a formula that the Python scripts share.
pub fn patterned_square(side: usize, shift: usize) -> Vec<u8> {
    let at = |y: usize, x: usize| (0..3).map(move |c| ((x * 7 + y * 13 + c * 29 + (x * y) % 31 + shift) % 256) as u8);
    (0..side).flat_map(|y| (0..side).flat_map(move |x| at(y, x))).collect()
}
