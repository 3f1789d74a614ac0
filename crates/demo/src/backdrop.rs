//! What is behind and around the objects: the setting, its colours, the clutter.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use tiny_skia::{Pixmap, Transform};

use crate::factors::Factors;
use crate::scene::SIDE;
use crate::shapes::{Pen, Rgb, tone};
use crate::words::Setting;

// Sky above, sky at the horizon, ground: harmonious, for captivating pictures.
const PALETTES: [[Rgb; 3]; 4] = [
    [[0.2, 0.25, 0.55], [0.99, 0.62, 0.4], [0.45, 0.3, 0.5]],
    [[0.25, 0.55, 0.9], [0.78, 0.92, 0.99], [0.4, 0.72, 0.4]],
    [[0.4, 0.25, 0.6], [0.98, 0.7, 0.8], [0.35, 0.45, 0.75]],
    [[0.1, 0.45, 0.5], [0.98, 0.9, 0.65], [0.25, 0.6, 0.5]],
];
const DRAB: [Rgb; 3] = [[0.62, 0.61, 0.58], [0.68, 0.67, 0.64], [0.55, 0.54, 0.5]];

fn mix(a: Rgb, b: Rgb, share: f32) -> Rgb {
    [0, 1, 2].map(|i| a[i] + (b[i] - a[i]) * share)
}

/// Paints the backdrop over the whole picture.
pub fn backdrop(pixmap: &mut Pixmap, setting: Option<Setting>, factors: &Factors, rng: &mut ChaCha8Rng) {
    let captivating = factors.captivating as f32;
    let palette = PALETTES[rng.random_range(0..PALETTES.len())];
    let [top, horizon, ground] = [0, 1, 2].map(|i| mix(DRAB[i], palette[i], captivating.powf(0.8)));
    let side = SIDE as f32;
    let mut pen = Pen::new(pixmap, Transform::identity(), 0.0);
    let ground_from = 112.0_f32;
    let bands = 56;
    for band in 0..bands {
        let share = band as f32 / bands as f32;
        band_of(&mut pen, share * ground_from, ground_from / bands as f32, mix(top, horizon, share));
    }
    let floor = match setting {
        Some(Setting::Table) => mix([0.52, 0.36, 0.22], [0.66, 0.4, 0.18], captivating),
        Some(Setting::Field) => mix([0.5, 0.57, 0.38], [0.3, 0.66, 0.25], captivating),
        Some(Setting::Beach) => mix([0.76, 0.71, 0.58], [0.95, 0.83, 0.55], captivating),
        Some(Setting::Street) => [0.38, 0.38, 0.41],
        None => ground,
    };
    let rows = 40;
    for row in 0..rows {
        let share = row as f32 / rows as f32;
        let y = ground_from + share * (side - ground_from);
        band_of(&mut pen, y, (side - ground_from) / rows as f32, tone(floor, 0.12 - 0.24 * share));
    }
    glow(&mut pen, captivating, mix(horizon, [1.0, 0.95, 0.75], captivating), rng);
    furnish(&mut pen, setting, floor, rng);
}

// One row of a gradient; it overlaps the next, so that no seam shows.
fn band_of(pen: &mut Pen<'_>, y: f32, height: f32, colour: Rgb) {
    pen.line((0.0, y + height / 2.0), (SIDE as f32, y + height / 2.0), height + 1.5, colour);
}

fn glow(pen: &mut Pen<'_>, captivating: f32, colour: Rgb, rng: &mut ChaCha8Rng) {
    let (x, y) = (rng.random_range(30.0..160.0_f32), rng.random_range(24.0..60.0_f32));
    if captivating < 0.45 {
        return;
    }
    for i in 0..12 {
        let angle = std::f32::consts::TAU * i as f32 / 12.0;
        let (from, to) = (30.0, 30.0 + 34.0 * (captivating - 0.3));
        let at = |reach: f32| (x + reach * angle.cos(), y + reach * angle.sin());
        pen.line(at(from), at(to), 4.0, colour);
    }
    for (radius, share) in [(24.0, 0.25), (20.0, 0.5), (15.0, 0.85)] {
        pen.line((x, y), (x + 0.1, y), 2.0 * radius * captivating, tone(colour, 0.5 * share));
    }
}

fn furnish(pen: &mut Pen<'_>, setting: Option<Setting>, floor: Rgb, rng: &mut ChaCha8Rng) {
    let side = SIDE as f32;
    match setting {
        Some(Setting::Table) => {
            for y in [118.0, 136.0, 158.0, 182.0] {
                pen.line((0.0, y), (side, y), 1.2, tone(floor, -0.35));
            }
            pen.line((0.0, 112.0), (side, 112.0), 5.0, tone(floor, -0.45));
        }
        Some(Setting::Field) => {
            for _ in 0..60 {
                let (x, y) = (rng.random_range(0.0..side), rng.random_range(116.0..side));
                pen.line((x, y), (x + rng.random_range(-3.0..3.0), y - 7.0), 1.3, tone(floor, -0.3));
            }
        }
        Some(Setting::Beach) => {
            let sea = [0.2, 0.55, 0.75];
            for row in 0..9 {
                let y = 98.0 + 2.4 * row as f32;
                pen.line((0.0, y), (side, y), 3.5, tone(sea, 0.06 * row as f32));
            }
            for x in [10.0, 60.0, 110.0, 160.0] {
                pen.curve((x - 25.0, 120.0), (x, 113.0), (x + 25.0, 120.0), 2.5, [0.97, 0.98, 0.98]);
            }
        }
        Some(Setting::Street) => {
            pen.line((0.0, 114.0), (side, 114.0), 4.0, [0.72, 0.72, 0.72]);
            for i in 0..5 {
                let x = 6.0 + 42.0 * i as f32;
                pen.line((x, 165.0), (x + 20.0, 165.0), 4.0, [0.95, 0.9, 0.5]);
            }
        }
        None => {}
    }
}

/// Strews meaningless pieces over the picture; more of them the more chaotic it is.
pub fn clutter(pixmap: &mut Pixmap, chaotic: f64, rng: &mut ChaCha8Rng) {
    let pieces = (70.0 * (chaotic - 0.25).max(0.0)) as usize;
    let side = SIDE as f32;
    let mut pen = Pen::new(pixmap, Transform::identity(), 0.0);
    for _ in 0..pieces {
        let (x, y) = (rng.random_range(0.0..side), rng.random_range(0.0..side));
        let colour: Rgb = std::array::from_fn(|_| rng.random_range(0.05..0.95));
        let mut off = || rng.random_range(-17.0..17.0_f32);
        let (a, b) = ((x + off(), y + off()), (x + off(), y + off()));
        let (shape, width) = (rng.random_range(0..3), rng.random_range(1.0..3.5));
        match shape {
            0 => pen.polygon(&[(x, y), a, b], colour),
            1 => pen.line((x, y), a, width, colour),
            _ => pen.curve((x, y), a, b, width, colour),
        }
    }
}

/// Dark red drips from above, and scratches.
pub fn disturbing_marks(pixmap: &mut Pixmap, disturbing: f64, rng: &mut ChaCha8Rng) {
    if disturbing < 0.4 {
        return;
    }
    let side = SIDE as f32;
    let amount = disturbing as f32;
    let mut pen = Pen::new(pixmap, Transform::identity(), 0.3);
    let blood = [0.42, 0.02, 0.04];
    for _ in 0..(14.0 * amount) as usize {
        let (x, width) = (rng.random_range(0.0..side), rng.random_range(3.0..8.0_f32));
        let reach = rng.random_range(20.0..110.0_f32) * amount;
        pen.line((x, -4.0), (x, reach), width, blood);
        pen.line((x, reach), (x, reach + 0.1), width * 1.7, blood);
    }
    for _ in 0..(5.0 * amount) as usize {
        let (x, y) = (rng.random_range(20.0..170.0), rng.random_range(60.0..180.0));
        let size = rng.random_range(4.0..13.0_f32);
        pen.line((x, y), (x + 0.1, y), 2.0 * size, blood);
        for i in 0..3 {
            let dx = size * (i as f32 - 1.0);
            pen.line((x + dx - 9.0, y - 16.0), (x + dx + 9.0, y + 16.0), 1.6, [0.2, 0.0, 0.02]);
        }
    }
}
