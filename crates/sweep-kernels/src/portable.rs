//! The kernels for any CPU. The compiler makes vectors of the loops over a panel's columns.

use crate::adam::Adam;
use crate::lines::LANES;
use crate::rows::{Activations, Rows};
use crate::{PANEL, Then};

/// `out[i][j] = bias[j] + Σ_k rows[i][k] · panels[k][j]`, into the first rows of `out`.
pub fn product(rows: &Rows, panels: &[f32], bias: &[f32], then: Then, out: &mut Activations) {
    let size = rows.width().next_multiple_of(LANES) * PANEL;
    for i in 0..rows.n() {
        for (at, from) in (0..out.width()).step_by(PANEL).enumerate() {
            let panel = &panels[at * size..][..size];
            let mut sums = [0f32; PANEL];
            for (x, weights) in rows.row(i).iter().zip(panel.as_chunks::<PANEL>().0) {
                sums.iter_mut().zip(weights).for_each(|(sum, w)| *sum += x * w);
            }
            let columns = out.row_mut(i)[from..].iter_mut().zip(sums).zip(&bias[from..]);
            for (j, ((out, sum), bias)) in columns.enumerate() {
                let y = sum + bias;
                *out = match then {
                    Then::Nothing => y,
                    Then::Relu => y.max(0.0),
                    Then::ZeroUnless(gate) if gate.row(i)[from + j] > 0.0 => y,
                    Then::ZeroUnless(_) => 0.0,
                };
            }
        }
    }
}

/// What a layer's step needs for a moment: nothing.
#[derive(Debug, Clone, Default)]
pub struct Scratch;

/// Adam's step on the panels of a layer, whose gradient is `g[k][j] = Σ_i rows[i][k] · delta[i][j]`.
pub fn gradient_step(
    rows: &Rows,
    delta: &Activations,
    [w, m, v]: [&mut [f32]; 3],
    adam: &Adam,
    _scratch: &mut Scratch,
) {
    let n_panels = delta.width().div_ceil(PANEL);
    for panel in 0..n_panels {
        for k in 0..rows.width() {
            let mut sums = [0f32; PANEL];
            for i in 0..rows.n() {
                let x = rows.row(i)[k];
                let delta = &delta.values()[i * delta.stride() + panel * PANEL..][..PANEL];
                for (sum, delta) in sums.iter_mut().zip(delta) {
                    *sum += x * delta;
                }
            }
            let from = panel * w.len() / n_panels + k * PANEL;
            let tile = from..from + PANEL;
            let state = w[tile.clone()].iter_mut().zip(&mut m[tile.clone()]).zip(&mut v[tile]);
            for (((w, m), v), gradient) in state.zip(sums) {
                adam.step(gradient, w, m, v);
            }
        }
    }
}

/// Copies 16 by 16 numbers, rows to columns; rows lie a panel apart on both sides.
pub fn transpose(from: &[f32], to: &mut [f32]) {
    for (j, row) in from.chunks(PANEL).take(LANES).enumerate() {
        for (k, x) in row[..LANES].iter().enumerate() {
            to[k * PANEL + j] = *x;
        }
    }
}
