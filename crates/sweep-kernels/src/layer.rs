//! One dense layer and Adam's memory of it.

use crate::adam::{Adam, Moments, flush};
use crate::lines::{LANES, Lines};
use crate::rows::{Activations, Rows, round_to_bf16};
use crate::{PANEL, Then, portable};

/// `y = weight · x + bias`, and what Adam knows of it.
#[derive(Debug, Clone)]
pub struct Layer {
    n_in: usize,
    n_out: usize,
    /// `[panel of outputs][input][64]`, with inputs that stay zero to a whole line of them.
    w: Lines,
    m: Lines,
    v: Lines,
    bias: Lines,
    bias_moments: Moments,
    gradient_of_bias: Vec<f32>,
    trains_bias: bool,
    /// `[panel of inputs][output][64]`, with outputs that stay zero to a whole line of them, for the way back; not for a
    /// first layer.
    transposed: Option<Lines>,
    /// The weights rounded to bfloat16, if products are to read those.
    rounded: Option<Lines>,
    scratch: vector::Scratch,
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
        let mut w = Lines::zeros(size(n_in, n_out));
        for (j, row) in weight.chunks_exact(n_in.max(1)).enumerate() {
            for (k, x) in row.iter().enumerate() {
                w[place(n_in, j, k)] = *x;
            }
        }
        let mut padded_bias = Lines::zeros(n_out.next_multiple_of(PANEL));
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
            transposed: how.has_layer_before.then(|| Lines::zeros(size(n_out, n_in))),
            rounded: how.bf16.then(|| w.clone()),
            scratch: vector::Scratch::default(),
            portable: how.portable || !has_avx512(),
            w,
        };
        layer.refresh();
        layer
    }

    /// Its weights, `[n_out, n_in]`.
    pub fn weight(&self) -> Vec<f32> {
        (0..self.n_out).flat_map(|j| (0..self.n_in).map(move |k| self.w[place(self.n_in, j, k)])).collect()
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
        self.product(rows, weights, &self.bias, if relu { Then::Relu } else { Then::Nothing }, out);
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
        self.product(delta, transposed, &no_bias, Then::ZeroUnless(inputs), out);
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
            portable::gradient_step(rows, delta, state, adam, &mut portable::Scratch);
        } else {
            vector::gradient_step(rows, delta, state, adam, &mut self.scratch);
        }
        if self.trains_bias {
            delta.sum_rows(n, &mut self.gradient_of_bias);
            self.bias_moments.step(adam, &self.gradient_of_bias, &mut self.bias[..self.n_out]);
        }
        self.refresh();
    }

    fn product(&self, rows: &Rows, panels: &[f32], bias: &[f32], then: Then, out: &mut Activations) {
        if self.portable {
            portable::product(rows, panels, bias, then, out);
        } else {
            vector::product(rows, panels, bias, then, out);
        }
    }

    /// Drops moments that have become too small to matter. To be called once in some dozens of steps.
    pub fn flush(&mut self) {
        flush(&mut self.m);
        self.bias_moments.flush();
    }

    /// Copies what products read after the weights have changed.
    fn refresh(&mut self) {
        if let Some(rounded) = &mut self.rounded {
            rounded.iter_mut().zip(&*self.w).for_each(|(to, from)| *to = round_to_bf16(*from));
        }
        let Some(transposed) = &mut self.transposed else { return };
        let weights = self.rounded.as_ref().unwrap_or(&self.w);
        for from_j in (0..self.n_out).step_by(LANES) {
            for from_k in (0..self.n_in).step_by(LANES) {
                let from = &weights[place(self.n_in, from_j, from_k)..];
                let to = &mut transposed[place(self.n_out, from_k, from_j)..];
                if self.portable {
                    portable::transpose(from, to);
                } else {
                    vector::transpose(from, to);
                }
            }
        }
    }
}

/// How many numbers all panels of a layer hold.
fn size(n_in: usize, n_out: usize) -> usize {
    n_in.next_multiple_of(LANES) * n_out.next_multiple_of(PANEL)
}

/// Where the weight from input `k` to output `j` lies.
fn place(n_in: usize, j: usize, k: usize) -> usize {
    (j / PANEL * n_in.next_multiple_of(LANES) + k) * PANEL + j % PANEL
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RowStore;
    use crate::adam::tests::Definition;

    fn number(at: usize) -> f32 {
        (at * 37 % 101) as f32 / 101.0 - 0.5
    }

    /// A layer of 30 to 40 and a batch of 20, each element of the batch's gradient times `scale`.
    fn steps(portable: bool, scale: f32, weight_decay: f64, n_steps: u64) -> Layer {
        let weight: Vec<f32> = (0..30 * 40).map(number).collect();
        let mut layer = Layer::new(&weight, &[0.1; 40], 30, 40, Use { portable, ..Use::default() });
        let store = RowStore::new(&(0..20 * 30).map(number).collect::<Vec<_>>(), 30, |x| x);
        let mut delta = Activations::zeros(20, 40);
        (0..20)
            .for_each(|at| delta.row_mut(at).iter_mut().enumerate().for_each(|(j, x)| *x = scale * number(at + 7 * j)));
        for t in 1..=n_steps {
            layer.step(&store.rows(0..20), &delta, &Adam::at(t, 1e-3, weight_decay));
        }
        layer
    }

    fn furthest(a: &Layer, b: &Layer) -> f32 {
        let far = |a: Vec<f32>, b: Vec<f32>| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(a.weight().iter().chain(&b.weight()).all(|x| x.is_finite()));
        far(a.weight(), b.weight()).max(far(a.bias(), b.bias()))
    }

    #[test]
    fn vectors_step_as_the_plain_loops_with_decay_and_where_squares_overflow() {
        for (scale, weight_decay) in [(1.0, 0.0), (1.0, 0.3), (1e20, 0.0), (3e19, 0.1), (1e-20, 0.1)] {
            let far = furthest(&steps(false, scale, weight_decay, 5), &steps(true, scale, weight_decay, 5));
            assert!(far < 1e-5, "{scale} {weight_decay}: {far}");
        }
    }

    #[test]
    fn a_decay_too_small_to_see_beside_1_decays_all_the_same() {
        for portable in [false, true] {
            let mut layer = Layer::new(&[2.0; 16], &[0.0], 16, 1, Use { portable, ..Use::default() });
            let store = RowStore::new(&[1.0; 16], 16, |x| x);
            let mut delta = Activations::zeros(1, 1);
            let mut expect = Definition::new(2.0);
            for t in 1..=50_000u64 {
                let g = (t as f64 * 0.7).sin();
                delta.row_mut(0)[0] = g as f32;
                layer.step(&store.rows(0..1), &delta, &Adam::at(t, 1e-4, 1e-4));
                expect.step(g, 1e-4, 1e-4);
            }
            let Definition { w: expect, undecayed, .. } = expect;
            assert!(undecayed - expect > 9e-4, "{undecayed} {expect}");
            assert!(layer.weight().iter().all(|w| (f64::from(*w) - expect).abs() < 2e-4), "{portable}: {expect}");
        }
    }

    #[test]
    fn a_layer_of_no_inputs_gives_its_bias() {
        for portable in [false, true] {
            let layer = Layer::new(&[], &[0.5, -0.5], 0, 2, Use { portable, ..Use::default() });
            let (inputs, mut out) = (Activations::zeros(3, 0), Activations::zeros(3, 2));
            layer.forward(&inputs.rows(3), false, &mut out);
            assert!((0..3).all(|at| out.row(at) == [0.5, -0.5]), "{portable}");
        }
    }

    #[test]
    fn a_flushed_layer_holds_no_denormal() {
        let mut layer = steps(false, 1.0, 0.0, 1);
        let (still, store) = (Activations::zeros(20, 40), RowStore::new(&[1.0; 20 * 30], 30, |x| x));
        for t in 2..=1000 {
            layer.step(&store.rows(0..20), &still, &Adam::at(t, 1e-3, 0.0));
            if t % 64 == 0 {
                layer.flush();
                assert!(layer.m.iter().chain(&*layer.v).all(|x| *x == 0.0 || x.is_normal()), "{t}");
            }
        }
        let mut flushed = layer.bias_moments.clone();
        flushed.flush();
        assert!(layer.bias_moments == flushed && layer.m.iter().all(|m| *m == 0.0));
    }
}
