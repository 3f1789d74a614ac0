//! Which input pixels make up an output pixel, and how much of each: Pillow's bicubic weights, antialiased.
//!
//! Source: `precompute_coeffs` and `normalize_coeffs_8bpc` of Pillow's `src/libImaging/Resample.c`.

use std::ops::Range;

/// Fractional bits of a weight.
pub const PRECISION_BITS: u32 = 32 - 8 - 2;

/// One output pixel.
#[derive(Debug)]
pub struct Tap {
    /// The first input pixel that it reads.
    pub first: usize,
    /// Where its weights stand in [`Taps::weights`].
    pub weights: Range<usize>,
}

/// One output pixel after another.
#[derive(Debug)]
pub struct Taps {
    /// The output pixels.
    pub taps: Vec<Tap>,
    /// All weights, with [`PRECISION_BITS`] fractional bits. Those of a pixel sum to 1 and their magnitudes to little
    /// more, so that sums of weighted bytes fit into 32 bits.
    pub weights: Vec<i32>,
}

/// [`Taps`] for a reader of several neighbours at once.
#[derive(Debug)]
pub struct Grouped<G> {
    /// For each output pixel the first group of neighbours that it reads, and where its weights stand.
    pub taps: Vec<(usize, Range<usize>)>,
    /// The weights of each group.
    pub weights: Vec<G>,
}

impl Taps {
    /// Those of the wanted part of `n_out` pixels from `n_in`.
    pub fn of(n_in: usize, n_out: usize, wanted: Range<usize>) -> Self {
        let mut weights = Vec::new();
        let taps = exact_taps(n_in, n_out, wanted)
            .map(|(first, exact)| {
                let begin = weights.len();
                weights.extend(exact.into_iter().map(fixed_point));
                Tap { first, weights: begin..weights.len() }
            })
            .collect();
        Self { taps, weights }
    }

    /// Each output pixel's first input pixel, and its weights from there on.
    pub fn each(&self) -> impl Iterator<Item = (usize, &[i32])> {
        self.taps.iter().map(|tap| (tap.first, &self.weights[tap.weights.clone()]))
    }

    /// The same for a reader of `N` neighbours at once, counted from the pixel `base`: `group` makes one of the weights of
    /// neighbours, which are 0 where an output pixel does not read one.
    pub fn grouped<const N: usize, G>(&self, base: usize, group: impl Fn([i32; N]) -> G) -> Grouped<G> {
        let mut weights = Vec::with_capacity(self.weights.len().div_ceil(N) + self.taps.len());
        let taps = self.each().map(|(first, each)| {
            let begin = weights.len();
            let spare = (first - base) % N;
            let weight = |at: usize| at.checked_sub(spare).and_then(|at| each.get(at)).copied().unwrap_or(0);
            let groups = (0..spare + each.len()).step_by(N);
            weights.extend(groups.map(|at| group(std::array::from_fn(|next| weight(at + next)))));
            ((first - base) / N, begin..weights.len())
        });
        Grouped { taps: taps.collect(), weights }
    }

    /// The input pixels that are read at all.
    pub fn read(&self) -> Range<usize> {
        let first = self.taps.iter().map(|tap| tap.first).min().unwrap_or(0);
        first..self.taps.iter().map(|tap| tap.first + tap.weights.len()).max().unwrap_or(first)
    }
}

/// For each output pixel the first input pixel and the weights from there on, which sum to 1.
pub fn exact_taps(n_in: usize, n_out: usize, wanted: Range<usize>) -> impl Iterator<Item = (usize, Vec<f64>)> {
    let scale = n_in as f64 / n_out as f64;
    let widening = scale.max(1.0);
    let support = 2.0 * widening;
    wanted.map(move |at| {
        let center = (at as f64 + 0.5) * scale;
        // A float to integer cast truncates and saturates, as C's does here.
        let first = (center - support + 0.5) as usize;
        let end = ((center + support + 0.5) as usize).min(n_in);
        let weights: Vec<f64> = (first..end)
            // Multiplied, not divided: the last bit of a weight depends on it.
            .map(|x| keys_cubic((x as f64 - center + 0.5) * (1.0 / widening)))
            .collect();
        let sum: f64 = weights.iter().sum();
        (first, weights.into_iter().map(|weight| if sum == 0.0 { weight } else { weight / sum }).collect())
    })
}

/// Keys' cubic convolution kernel with a = −0.5.
fn keys_cubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

fn fixed_point(weight: f64) -> i32 {
    let scaled = weight * f64::from(1u32 << PRECISION_BITS);
    (if weight < 0.0 { scaled - 0.5 } else { scaled + 0.5 }) as i32
}
