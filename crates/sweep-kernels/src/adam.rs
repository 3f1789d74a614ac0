//! Adam's step (Kingma and Ba 2015; decoupled decay: Loshchilov and Hutter 2019).

/// One step's numbers. The moments that are kept are m / (1 − β1) and v / (1 − β2), which saves two products a weight;
/// the corrections for the first steps' bias are in `rate` and `epsilon`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adam {
    pub(crate) beta1: f32,
    pub(crate) beta2: f32,
    /// ε / c with c² = (1 − β2) / (1 − β2^t).
    pub(crate) epsilon: f32,
    /// learning rate · (1 − β1) / (1 − β1^t) / c.
    pub(crate) rate: f32,
    /// What weight decay takes of a weight; beside 1 it may be too small for an f32 to tell.
    pub(crate) decay: f32,
}

/// Added to the second moment at each step, so that it stays above zero, where there is an inverse root, and above the
/// denormal numbers, which are slow. In the long run that adds up to 1e-34, whose root is nothing beside epsilon.
pub(crate) const FLOOR: f32 = 1e-37;

/// A step's rate is this at least: one below it moves nothing that f32 could tell from 0 beside other weights, and its
/// inverse could overflow.
const LEAST_RATE: f64 = 1e-18;

impl Adam {
    /// Step `t`, from 1, with β = 0.9, 0.999 and ε = 1e-8.
    pub fn at(t: u64, learning_rate: f64, weight_decay: f64) -> Self {
        let (beta1, beta2, epsilon) = (0.9f64, 0.999f64, 1e-8f64);
        let t = t as f64;
        let c = ((1.0 - beta2) / (1.0 - beta2.powf(t))).sqrt();
        Self {
            beta1: beta1 as f32,
            beta2: beta2 as f32,
            epsilon: (epsilon / c) as f32,
            rate: (learning_rate * (1.0 - beta1) / (1.0 - beta1.powf(t)) / c).max(LEAST_RATE) as f32,
            decay: (learning_rate * weight_decay) as f32,
        }
    }

    /// The step on one number.
    pub(crate) fn step(&self, gradient: f32, w: &mut f32, m: &mut f32, v: &mut f32) {
        *m = self.beta1 * *m + gradient;
        *v = (self.beta2 * *v + FLOOR + gradient * gradient).min(f32::MAX);
        *w -= self.rate * *m / (v.sqrt() + self.epsilon) + self.decay * *w;
    }
}

/// Adam's memory of a few parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    m: Vec<f32>,
    v: Vec<f32>,
}

impl Moments {
    /// Of `n` parameters, before the first step.
    pub fn zeros(n: usize) -> Self {
        Self { m: vec![0.0; n], v: vec![0.0; n] }
    }

    /// One step on all of them.
    pub fn step(&mut self, adam: &Adam, gradient: &[f32], parameters: &mut [f32]) {
        for (((g, w), m), v) in gradient.iter().zip(parameters).zip(&mut self.m).zip(&mut self.v) {
            adam.step(*g, w, m, v);
        }
    }

    /// Drops moments that have become too small to matter. To be called once in some dozens of steps.
    pub fn flush(&mut self) {
        flush(&mut self.m);
    }
}

/// Below this a first moment no longer moves a weight. Left alone it would decay into denormal numbers, which are slow.
pub(crate) fn flush(m: &mut [f32]) {
    m.iter_mut().for_each(|x| *x = if x.abs() < 1e-30 { 0.0 } else { *x });
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Adam of one weight as it is written down, in f64.
    pub(crate) struct Definition {
        pub(crate) w: f64,
        /// What `w` would be if it had not decayed.
        pub(crate) undecayed: f64,
        m: f64,
        v: f64,
        t: i32,
    }

    impl Definition {
        pub(crate) fn new(w: f64) -> Self {
            Self { w, undecayed: w, m: 0.0, v: 0.0, t: 0 }
        }

        pub(crate) fn step(&mut self, g: f64, learning_rate: f64, weight_decay: f64) {
            self.t += 1;
            self.m = 0.9 * self.m + 0.1 * g;
            self.v = 0.999 * self.v + 0.001 * g * g;
            let m_hat = self.m / (1.0 - 0.9f64.powi(self.t));
            let v_hat = self.v / (1.0 - 0.999f64.powi(self.t));
            let step = learning_rate * m_hat / (v_hat.sqrt() + 1e-8);
            self.w -= step + learning_rate * weight_decay * self.w;
            self.undecayed -= step;
        }
    }

    #[test]
    fn steps_are_the_definition_s_with_gradients_of_every_size() {
        for scale in [1e-12, 1e-8, 1e-3, 1.0, 1e6] {
            let (mut w, mut moments) = ([0.5f32], Moments::zeros(1));
            let mut expect = Definition::new(0.5);
            for t in 1..=300u64 {
                let g = scale * (0.3 + (t as f64 * 0.7).sin());
                moments.step(&Adam::at(t, 1e-3, 0.1), &[g as f32], &mut w);
                expect.step(g, 1e-3, 0.1);
            }
            assert!((f64::from(w[0]) - expect.w).abs() < 1e-5, "{scale}: {} {}", w[0], expect.w);
        }
    }

    #[test]
    fn a_decay_too_small_to_see_beside_1_decays_all_the_same() {
        let (learning_rate, weight_decay) = (1e-4, 1e-4);
        let (mut w, mut moments) = ([2.0f32], Moments::zeros(1));
        let mut expect = Definition::new(2.0);
        for t in 1..=200_000 {
            let g = (t as f64 * 0.7).sin();
            moments.step(&Adam::at(t, learning_rate, weight_decay), &[g as f32], &mut w);
            expect.step(g, learning_rate, weight_decay);
        }
        assert!(expect.undecayed - expect.w > 3e-3, "{} {}", expect.undecayed, expect.w);
        assert!((f64::from(w[0]) - expect.w).abs() < 3e-4, "{} {}", w[0], expect.w);
    }

    #[test]
    fn a_square_beyond_f32_does_not_break_the_weight() {
        let (mut w, mut moments) = ([1.0f32], Moments::zeros(1));
        for t in 1..=5 {
            moments.step(&Adam::at(t, 1e-3, 0.0), &[3e20], &mut w);
            assert!(w[0].is_finite() && moments.v[0].is_finite(), "{w:?} {moments:?}");
        }
    }

    #[test]
    fn flushed_moments_hold_no_denormal() {
        let (mut w, mut moments) = ([1.0f32; 2], Moments::zeros(2));
        moments.step(&Adam::at(1, 1e-3, 0.0), &[1e-3, 1e-18], &mut w);
        for t in 2..=3000 {
            moments.step(&Adam::at(t, 1e-3, 0.0), &[0.0, 0.0], &mut w);
            if t % 64 == 0 {
                moments.flush();
                let all = || moments.m.iter().chain(&moments.v);
                assert!(all().all(|x| *x == 0.0 || x.is_normal()), "{t}: {moments:?}");
            }
        }
        assert_eq!(moments.m, [0.0, 0.0]);
    }

    #[test]
    fn without_any_gradient_a_weight_stays() {
        let mut w = [0.25f32];
        Moments::zeros(1).step(&Adam::at(1, 1e-3, 0.0), &[0.0], &mut w);
        assert_eq!(w, [0.25]);
    }
}
