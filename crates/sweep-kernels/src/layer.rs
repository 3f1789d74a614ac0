//! One dense layer and Adam's memory of it.

use crate::PANEL;
use crate::adam::{Adam, Moments, flush};
use crate::lines::Lines;
use crate::portable;
use crate::rows::{Activations, Rows, round_to_bf16};

/// `y = weight · x + bias`, and what Adam knows of it.
#[derive(Debug, Clone)]
pub struct Layer {
    n_in: usize,
    n_out: usize,
    w: Lines,
    m: Lines,
    v: Lines,
    bias: Lines,
    bias_moments: Moments,
    gradient_of_bias: Vec<f32>,
    trains_bias: bool,
    /// `[panel of inputs][output][32]`, for the way back; not for a first layer.
    transposed: Option<Lines>,
    /// The weights rounded to bfloat16, if products are to read those.
    rounded: Option<Lines>,
    portable: bool,
}

/// How a layer is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Use {
    /// A layer before it needs to know how the loss changes with its inputs.
    pub has_layer_before: bool,
    /// The bias takes part; else it counts as 0 and stays.
    pub without_bias: bool,
    /// Products read weights rounded to bfloat16.
    pub bf16: bool,
    /// Not the vector instructions of this CPU: the slow twin.
    pub portable: bool,
}

impl Layer {
    /// A layer with these weights, `[n_out, n_in]`, and biases, `[n_out]`.
    ///
    /// # Panics
    /// If the sizes do not fit.
    pub fn new(weight: &[f32], bias: &[f32], n_in: usize, n_out: usize, how: Use) -> Self {
        assert!(weight.len() == n_in * n_out && bias.len() == n_out, "a layer of {n_in} to {n_out}");
        let n_panels = n_out.div_ceil(PANEL);
        let mut w = Lines::zeros(n_panels * n_in * PANEL);
        for (j, row) in weight.chunks_exact(n_in.max(1)).enumerate() {
            for (k, x) in row.iter().enumerate() {
                w[(j / PANEL * n_in + k) * PANEL + j % PANEL] = *x;
            }
        }
        let mut padded_bias = Lines::zeros(n_panels * PANEL);
        padded_bias[..n_out].copy_from_slice(bias);
        let zeros = Lines::zeros(w.len());
        let mut layer = Self {
            n_in,
            n_out,
            m: zeros.clone(),
            v: zeros,
            bias: if how.without_bias { Lines::zeros(padded_bias.len()) } else { padded_bias },
            bias_moments: Moments::zeros(n_out),
            gradient_of_bias: vec![0.0; n_out],
            trains_bias: !how.without_bias,
            transposed: how.has_layer_before.then(|| Lines::zeros(n_in.div_ceil(PANEL) * n_out * PANEL)),
            rounded: how.bf16.then(|| w.clone()),
            portable: how.portable || !has_avx512(),
            w,
        };
        layer.refresh();
        layer
    }

    /// Its weights, `[n_out, n_in]`.
    pub fn weight(&self) -> Vec<f32> {
        let weight = |j: usize, k: usize| self.w[(j / PANEL * self.n_in + k) * PANEL + j % PANEL];
        (0..self.n_out).flat_map(|j| (0..self.n_in).map(move |k| weight(j, k))).collect()
    }

    /// Its biases, `[n_out]`; zeros if they take no part.
    pub fn bias(&self) -> Vec<f32> {
        self.bias[..self.n_out].to_vec()
    }

    /// What it gives for each row, above zero only with `relu`, into the first rows of `out`.
    ///
    /// # Panics
    /// If the sizes do not fit.
    pub fn forward(&self, rows: &Rows, relu: bool, out: &mut Activations) {
        assert!(rows.width() == self.n_in && out.width() == self.n_out, "a layer of {} to {}", self.n_in, self.n_out);
        let weights = self.rounded.as_ref().unwrap_or(&self.w);
        product(rows, weights, &self.bias, relu, self.portable, out);
    }

    /// How the loss changes with its inputs, from how it changes with its outputs, into the first rows of `out`; none
    /// where `inputs`, which are those of a ReLU, are not above zero.
    ///
    /// # Panics
    /// If the sizes do not fit, or if it has no layer before it.
    pub fn back(&self, delta: &Rows, inputs: &Activations, out: &mut Activations) {
        let Some(transposed) = &self.transposed else { panic!("the first layer's inputs do not change") };
        assert!(delta.width() == self.n_out && out.width() == self.n_in && inputs.width() == self.n_in);
        let no_bias = Lines::zeros(self.n_in.next_multiple_of(PANEL));
        product(delta, transposed, &no_bias, false, self.portable, out);
        for at in 0..delta.n() {
            for (out, input) in out.row_mut(at).iter_mut().zip(inputs.row(at)) {
                *out = if *input > 0.0 { *out } else { 0.0 };
            }
        }
    }

    /// Adam's step, from the batch's inputs and how the loss changes with its outputs.
    ///
    /// # Panics
    /// If the sizes do not fit.
    pub fn step(&mut self, rows: &Rows, delta: &Activations, adam: &Adam) {
        let n = rows.n();
        assert!(rows.width() == self.n_in && delta.width() == self.n_out && n <= delta.n());
        let state = [&mut self.w[..], &mut self.m, &mut self.v];
        if self.portable {
            portable::gradient_step(rows, delta.values(), delta.stride(), self.n_out, state, adam);
        } else {
            vector::gradient_step(rows, delta.values(), delta.stride(), self.n_out, state, adam);
        }
        if self.trains_bias {
            self.gradient_of_bias.fill(0.0);
            for at in 0..n {
                self.gradient_of_bias.iter_mut().zip(delta.row(at)).for_each(|(sum, delta)| *sum += delta);
            }
            self.bias_moments.step(adam, &self.gradient_of_bias, &mut self.bias[..self.n_out]);
        }
        self.refresh();
    }

    /// Drops moments that have become too small to matter. To be called once in some dozens of steps.
    pub fn flush(&mut self) {
        flush(&mut self.m, 1e-30);
        flush(&mut self.v, 1e-34);
    }

    /// Copies what products read after the weights have changed.
    fn refresh(&mut self) {
        if let Some(rounded) = &mut self.rounded {
            rounded.iter_mut().zip(&*self.w).for_each(|(to, from)| *to = round_to_bf16(*from));
        }
        let Some(transposed) = &mut self.transposed else { return };
        let weights = self.rounded.as_ref().unwrap_or(&self.w);
        // Block by block of 16 by 16, so that both sides stay in the nearest cache.
        for panel in 0..self.n_out.div_ceil(PANEL) {
            for half in [0, PANEL / 2] {
                let from_j = panel * PANEL + half;
                let n_j = self.n_out.saturating_sub(from_j).min(PANEL / 2);
                if n_j == 0 {
                    continue;
                }
                for k in 0..self.n_in {
                    let from = &weights[(panel * self.n_in + k) * PANEL + half..][..n_j];
                    let to = &mut transposed[(k / PANEL * self.n_out + from_j) * PANEL + k % PANEL..];
                    for (to, x) in to.iter_mut().step_by(PANEL).zip(from) {
                        *to = *x;
                    }
                }
            }
        }
    }
}

/// Rows times panels, into the first rows of `out`.
fn product(rows: &Rows, panels: &[f32], bias: &[f32], relu: bool, portable: bool, out: &mut Activations) {
    assert!(rows.n() <= out.n());
    let (stride, width) = (out.stride(), out.width());
    let size = rows.width() * PANEL;
    for (at, from) in (0..width).step_by(PANEL).enumerate() {
        let panel = &panels[at * size..][..size];
        let bias = &bias[from..][..PANEL];
        let n_columns = (width - from).min(PANEL);
        let out = out.values_mut().get_mut(from..).unwrap_or_default();
        if portable {
            portable::forward(rows, panel, bias, relu, out, stride, n_columns);
        } else {
            vector::forward(rows, panel, bias, relu, out, stride, n_columns);
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f")
}

#[cfg(not(target_arch = "x86_64"))]
fn has_avx512() -> bool {
    false
}

#[cfg(target_arch = "x86_64")]
use crate::avx512 as vector;
#[cfg(not(target_arch = "x86_64"))]
use crate::portable as vector;
