//! The two products for any CPU, always of whole panels. The compiler makes vectors of the loops over a panel's columns.

use crate::PANEL;
use crate::adam::Adam;
use crate::rows::Rows;

/// `out[i][j] = bias[j] + Σ_k rows[i][k] · panel[k][j]`, rows of `out` a `stride` apart.
pub fn forward(
    rows: &Rows,
    panel: &[f32],
    bias: &[f32],
    relu: bool,
    out: &mut [f32],
    stride: usize,
    _n_columns: usize,
) {
    for i in 0..rows.n() {
        let mut sums = [0f32; PANEL];
        for (x, weights) in rows.row(i).iter().zip(panel.as_chunks::<PANEL>().0) {
            for (sum, w) in sums.iter_mut().zip(weights) {
                *sum += x * w;
            }
        }
        for ((out, sum), bias) in out[i * stride..].iter_mut().zip(sums).zip(bias) {
            let y = sum + bias;
            *out = if relu { y.max(0.0) } else { y };
        }
    }
}

/// Adam's step on the panels of a layer of `n_out`, whose gradient is `g[k][j] = Σ_i rows[i][k] · delta[i][j]`, rows
/// of `delta` a `stride` apart.
pub fn gradient_step(rows: &Rows, delta: &[f32], stride: usize, n_out: usize, [w, m, v]: [&mut [f32]; 3], adam: &Adam) {
    let n_panels = n_out.div_ceil(PANEL);
    for panel in 0..n_panels {
        for k in 0..rows.width() {
            let mut sums = [0f32; PANEL];
            for i in 0..rows.n() {
                let x = rows.row(i)[k];
                for (sum, delta) in sums.iter_mut().zip(&delta[i * stride + panel * PANEL..][..PANEL]) {
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
