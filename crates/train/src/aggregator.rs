//! Stage 2, the aggregator g_ψ: attributes to the probability of good, by balanced logistic regression (§3, App. B.4).
//!
//! Minimises ½‖w‖² + C Σ cwᵢ·loglossᵢ with cwᵢ = n / (2·n_class), the intercept not penalised: scikit-learn's
//! `LogisticRegression(class_weight="balanced")`. Newton steps find the minimum itself, where scikit-learn's default
//! stops at a gradient of 1e-4, within about 1e-3 of it.

use nalgebra::{DMatrix, DVector};

/// A linear function of attributes, read through a sigmoid.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregator {
    /// One for each attribute.
    pub weights: Vec<f64>,
    /// The logit of an image that shows no attribute.
    pub intercept: f64,
}

impl Aggregator {
    /// Fits to features `[n, n_attributes]` and labels `[n]`; `None` if there is one class only.
    ///
    /// Columns may be constant or equal, classes separable: the penalty keeps the minimum unique and finite.
    pub fn fit(features: &[f64], labels: &[bool], inverse_strength: f64) -> Option<Self> {
        let n = labels.len();
        let n_good = labels.iter().filter(|&&good| good).count();
        if n_good == 0 || n_good == n {
            return None;
        }
        let class_weight = |good: bool| n as f64 / (2.0 * if good { n_good } else { n - n_good } as f64);
        let n_attributes = features.len() / n;
        // The intercept is the last column, of ones.
        let x = DMatrix::from_fn(n, n_attributes + 1, |row, column| {
            if column < n_attributes { features[row * n_attributes + column] } else { 1.0 }
        });
        let regression = Regression {
            penalty: DVector::from_fn(n_attributes + 1, |at, _| if at < n_attributes { 1.0 } else { 0.0 }),
            sign: labels.iter().map(|&good| if good { 1.0 } else { -1.0 }).collect(),
            strength: labels.iter().map(|&good| inverse_strength * class_weight(good)).collect(),
            x,
        };
        let solution = regression.minimise();
        let (intercept, weights) = solution.as_slice().split_last()?;
        Some(Self { weights: weights.to_vec(), intercept: *intercept })
    }

    /// Probability of good for each row of features `[n, n_attributes]`.
    pub fn predict(&self, features: &[f64]) -> Vec<f64> {
        let logit = |row: &[f64]| self.intercept + row.iter().zip(&self.weights).map(|(x, w)| x * w).sum::<f64>();
        features.chunks(self.weights.len()).map(|row| sigmoid(logit(row))).collect()
    }
}

struct Regression {
    x: DMatrix<f64>,
    /// 1 for good, -1 for bad.
    sign: Vec<f64>,
    /// C times the class weight.
    strength: Vec<f64>,
    /// 1 for a weight, 0 for the intercept.
    penalty: DVector<f64>,
}

impl Regression {
    fn minimise(&self) -> DVector<f64> {
        // A gradient below this is rounding: each of its sums has terms of this size.
        let largest = self.x.amax().max(1.0);
        let tolerance = 1e-13 * largest * self.strength.iter().sum::<f64>().max(1.0);
        let mut beta = DVector::zeros(self.x.ncols());
        let mut value = self.value(&beta);
        // Newton converges in about ten steps; the bound only ends a search that rounding keeps alive.
        for _ in 0..200 {
            let (gradient, hessian) = self.derivatives(&beta);
            if gradient.amax() <= tolerance {
                break;
            }
            let Some(step) = newton_step(hessian, &gradient) else { break };
            let slope = gradient.dot(&step);
            let mut length = 1.0;
            let next = loop {
                let candidate = &beta - length * &step;
                let candidate_value = self.value(&candidate);
                if candidate_value <= value - 1e-4 * length * slope {
                    break Some((candidate, candidate_value));
                }
                // Near the minimum the values differ by rounding alone; there the gradient decides.
                if length == 1.0
                    && candidate_value <= value + 1e-12 * value.abs()
                    && self.derivatives(&candidate).0.amax() < gradient.amax()
                {
                    break Some((candidate, candidate_value));
                }
                length /= 2.0;
                if length < 1e-10 {
                    break None;
                }
            };
            let Some((next, next_value)) = next else { break };
            (beta, value) = (next, next_value);
        }
        beta
    }

    fn value(&self, beta: &DVector<f64>) -> f64 {
        let margins = &self.x * beta;
        let loss = margins.iter().zip(&self.sign).zip(&self.strength).map(|((z, s), c)| c * log1p_exp(-s * z));
        0.5 * beta.component_mul(beta).dot(&self.penalty) + loss.sum::<f64>()
    }

    fn derivatives(&self, beta: &DVector<f64>) -> (DVector<f64>, DMatrix<f64>) {
        let margins = &self.x * beta;
        let mut gradient = beta.component_mul(&self.penalty);
        let mut hessian = DMatrix::from_diagonal(&self.penalty);
        for (row, x) in self.x.row_iter().enumerate() {
            let x = x.transpose();
            let p_wrong = sigmoid(-self.sign[row] * margins[row]);
            gradient.axpy(-self.strength[row] * self.sign[row] * p_wrong, &x, 1.0);
            hessian.ger(self.strength[row] * p_wrong * (1.0 - p_wrong), &x, &x, 1.0);
        }
        (gradient, hessian)
    }
}

/// Solves for the Newton step. Where all probabilities have saturated, the intercept has no curvature left; some is
/// added, which shortens the step and moves no minimum.
fn newton_step(hessian: DMatrix<f64>, gradient: &DVector<f64>) -> Option<DVector<f64>> {
    let scale = hessian.diagonal().amax().max(1.0);
    [0.0, 1e-12, 1e-9, 1e-6, 1e-3, 1.0].iter().find_map(|damping| {
        let n = hessian.nrows();
        let damped = &hessian + DMatrix::identity(n, n) * (damping * scale);
        damped.cholesky().map(|factor| factor.solve(gradient)).filter(|step| step.iter().all(|x| x.is_finite()))
    })
}

/// 1 / (1 + e⁻ᶻ), without overflow.
pub(crate) fn sigmoid(z: f64) -> f64 {
    if z >= 0.0 { 1.0 / (1.0 + (-z).exp()) } else { z.exp() / (1.0 + z.exp()) }
}

/// ln(1 + eᶻ), without overflow.
fn log1p_exp(z: f64) -> f64 {
    z.max(0.0) + (-z.abs()).exp().ln_1p()
}
