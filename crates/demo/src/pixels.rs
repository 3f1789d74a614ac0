//! What happens to a picture after it is drawn: bending, blur, colour, light, grain.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::factors::Factors;
use crate::scene::SIDE;

const N: usize = SIDE as usize;

/// A picture as red, green, blue in `0..=255`, row by row.
pub type Pixels = Vec<[f32; 3]>;

/// Lays smooth texture over a backdrop; none if it is not photorealistic.
pub fn texture(pixels: &mut Pixels, photorealistic: f64, rng: &mut ChaCha8Rng) {
    const CELLS: usize = 24;
    let strength = 30.0 * (photorealistic as f32 - 0.15).max(0.0);
    let knots: Vec<f32> = (0..(CELLS + 1) * (CELLS + 1)).map(|_| rng.random_range(-1.0..1.0)).collect();
    for y in 0..N {
        for x in 0..N {
            let (u, v) = (x as f32 * CELLS as f32 / N as f32, y as f32 * CELLS as f32 / N as f32);
            let (i, j) = (u as usize, v as usize);
            let (s, t) = (u - i as f32, v - j as f32);
            let knot = |i: usize, j: usize| knots[j * (CELLS + 1) + i];
            let above = knot(i, j) * (1.0 - s) + knot(i + 1, j) * s;
            let below = knot(i, j + 1) * (1.0 - s) + knot(i + 1, j + 1) * s;
            let light = strength * (above * (1.0 - t) + below * t);
            for channel in &mut pixels[y * N + x] {
                *channel += light;
            }
        }
    }
}

/// Everything that acts on the finished drawing, in the order in which a camera would do it.
pub fn develop(pixels: Pixels, factors: &Factors, rng: &mut ChaCha8Rng) -> Pixels {
    let pixels = warp(&pixels, factors.distorted as f32, rng);
    let mut pixels = blur(pixels, factors.blurry as f32);
    composition(&mut pixels, factors.visually_compelling as f32);
    light(&mut pixels, factors.bright as f32);
    grain(&mut pixels, factors.photorealistic as f32, rng);
    pixels
}

// Waves along both axes and a swirl about the middle.
fn warp(pixels: &Pixels, distorted: f32, rng: &mut ChaCha8Rng) -> Pixels {
    let phase: [f32; 4] = std::array::from_fn(|_| rng.random_range(0.0..std::f32::consts::TAU));
    let turn = if rng.random_bool(0.5) { 1.0 } else { -1.0 };
    let amount = (distorted - 0.12).max(0.0);
    if amount == 0.0 {
        return pixels.clone();
    }
    let (reach, swirl) = (11.0 * amount, turn * 1.3 * amount * amount);
    let middle = N as f32 / 2.0;
    let mut bent = Vec::with_capacity(pixels.len());
    for y in 0..N {
        for x in 0..N {
            let (fx, fy) = (x as f32, y as f32);
            let (dx, dy) = (fx - middle, fy - middle);
            let angle = swirl * (1.0 - dx.hypot(dy) / middle).max(0.0);
            let (sin, cos) = angle.sin_cos();
            let u = middle + dx * cos - dy * sin
                + reach * ((fy / 11.0 + phase[0]).sin() + 0.5 * (fy / 5.0 + phase[1]).sin());
            let v = middle
                + dx * sin
                + dy * cos
                + reach * ((fx / 13.0 + phase[2]).sin() + 0.5 * (fx / 6.0 + phase[3]).sin());
            bent.push(sample(pixels, u, v));
        }
    }
    bent
}

// Bilinear, the edge repeated outwards.
fn sample(pixels: &Pixels, u: f32, v: f32) -> [f32; 3] {
    let (u, v) = (u.clamp(0.0, (N - 1) as f32), v.clamp(0.0, (N - 1) as f32));
    let (i, j) = (u as usize, v as usize);
    let (s, t) = (u - i as f32, v - j as f32);
    let (right, down) = ((i + 1).min(N - 1), (j + 1).min(N - 1));
    let (a, b) = (&pixels[j * N + i], &pixels[j * N + right]);
    let (c, d) = (&pixels[down * N + i], &pixels[down * N + right]);
    std::array::from_fn(|k| (a[k] * (1.0 - s) + b[k] * s) * (1.0 - t) + (c[k] * (1.0 - s) + d[k] * s) * t)
}

// Gaussian, up to about four pixels wide.
fn blur(pixels: Pixels, blurry: f32) -> Pixels {
    let sigma = 3.6 * blurry * blurry;
    if sigma < 0.2 {
        return pixels;
    }
    let radius = (2.5 * sigma).ceil() as usize;
    let mut weights: Vec<f32> = (0..=2 * radius)
        .map(|i| {
            let d = i as f32 - radius as f32;
            (-d * d / (2.0 * sigma * sigma)).exp()
        })
        .collect();
    let sum: f32 = weights.iter().sum();
    weights.iter_mut().for_each(|weight| *weight /= sum);
    let across = convolve(&pixels, &weights, radius, 1, N);
    convolve(&across, &weights, radius, N, 1)
}

// Along lines whose neighbours are `step` apart; the lines themselves are `line` apart.
fn convolve(pixels: &Pixels, weights: &[f32], radius: usize, step: usize, line: usize) -> Pixels {
    let mut out = vec![[0.0; 3]; pixels.len()];
    for start in (0..N).map(|i| i * line) {
        for i in 0..N {
            let mut sum = [0.0; 3];
            for (k, weight) in weights.iter().enumerate() {
                let at = (i + k).saturating_sub(radius).min(N - 1);
                let pixel = &pixels[start + at * step];
                for c in 0..3 {
                    sum[c] += weight * pixel[c];
                }
            }
            out[start + i * step] = sum;
        }
    }
    out
}

// Saturation, contrast, dark corners.
fn composition(pixels: &mut Pixels, compelling: f32) {
    let (saturation, contrast) = (0.45 + 1.0 * compelling, 0.8 + 0.45 * compelling);
    let corners = 0.75 * (compelling - 0.3).max(0.0);
    let middle = N as f32 / 2.0;
    for y in 0..N {
        for x in 0..N {
            let far = (x as f32 - middle).hypot(y as f32 - middle) / middle;
            let shade = 1.0 - corners * (far - 0.45).max(0.0).powi(2);
            let pixel = &mut pixels[y * N + x];
            let grey = luminance(pixel);
            for channel in pixel.iter_mut() {
                let coloured = grey + (*channel - grey) * saturation;
                *channel = (128.0 + (coloured - 128.0) * contrast) * shade;
            }
        }
    }
}

fn light(pixels: &mut Pixels, bright: f32) {
    let (gain, lift) = (0.42 + 0.78 * bright, 44.0 * (bright - 0.45));
    for channel in pixels.iter_mut().flatten() {
        *channel = channel.clamp(0.0, 255.0) * gain + lift;
    }
}

fn grain(pixels: &mut Pixels, photorealistic: f32, rng: &mut ChaCha8Rng) {
    let strength = 9.0 * (photorealistic - 0.3).max(0.0);
    for pixel in pixels.iter_mut() {
        let speck = strength * rng.random_range(-1.0..1.0_f32);
        for channel in pixel.iter_mut() {
            *channel = (*channel + speck).clamp(0.0, 255.0);
        }
    }
}

/// How light a pixel looks, in `0..=255` (Rec. 709).
pub fn luminance(pixel: &[f32; 3]) -> f32 {
    0.2126 * pixel[0] + 0.7152 * pixel[1] + 0.0722 * pixel[2]
}
