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

#[cfg(test)]
mod tests {
    use super::*;

    /// `data` of the Python below; the last of the `k + 1` columns is the noise.
    fn data(n: usize, k: usize) -> (Vec<Vec<f64>>, Vec<f64>) {
        let x = |i: usize, j: usize| ((i * 37 + j * 53 + i * i * (j + 1) * 7) % 97) as f64 / 97.0;
        let noise = (0..n).map(|i| ((i * 61 + 17) % 89) as f64 / 89.0).collect();
        ((0..n).map(|i| (0..k).map(|j| x(i, j)).collect()).collect(), noise)
    }

    fn case(name: &str) -> (Vec<f64>, Vec<bool>, f64) {
        let (mut x, noise) = data(60, 3);
        let good = |row: &Vec<f64>, noise: &f64| match name {
            "rare" => row[0] - row[1] + noise > 1.3,
            "separable" => row[0] > 0.5,
            _ => row[0] - row[1] + noise > 0.6,
        };
        let labels = x.iter().zip(&noise).map(|(row, noise)| good(row, noise)).collect();
        for row in &mut x {
            match name {
                "constant" => row[1] = 0.7,
                "twice" => row[1] = row[0],
                _ => {}
            }
        }
        let c = match name {
            "strong" => 100.0,
            "weak" => 0.01,
            "separable" => 1e4,
            _ => 1.0,
        };
        (x.concat(), labels, c)
    }

    fn solution(fit: &Aggregator) -> Vec<f64> {
        [&fit.weights[..], &[fit.intercept]].concat()
    }

    fn furthest(a: &[f64], b: &[f64]) -> f64 {
        assert_eq!(a.len(), b.len());
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    }

    // scikit-learn 1.9.1:
    //
    // def data(n, k):
    //     x = np.array([[((i * 37 + j * 53 + i * i * (j + 1) * 7) % 97) / 97 for j in range(k)] for i in range(n)])
    //     noise = np.array([((i * 61 + 17) % 89) / 89 for i in range(n)])
    //     return x, noise
    // x, noise = data(60, 3)
    // y = x[:, 0] - x[:, 1] + noise > 0.6       # rare: > 1.3; separable: x[:, 0] > 0.5
    // constant: x[:, 1] = 0.7; twice: x[:, 1] = x[:, 0]
    // m = LogisticRegression(class_weight="balanced", C=c, solver="newton-cholesky", tol=1e-12, max_iter=10000)
    // d = LogisticRegression(class_weight="balanced", C=c)     # its own stop: lbfgs, tol 1e-4, 100 iterations
    // [*m.fit(x, y).coef_[0], m.intercept_[0]], [*d.fit(x, y).coef_[0], d.intercept_[0]]
    type Case = (&'static str, [f64; 4], [f64; 4]);
    const SCIKIT_LEARN: &[Case] = &[
        (
            "plain",
            [1.827411359, -2.102504009, -0.1982809705, 0.1301704514],
            [1.828321875, -2.10349886, -0.1981471176, 0.1300980243],
        ),
        (
            "rare",
            [2.537039878, -2.293055863, -0.3101980043, -0.9594679952],
            [2.5375414, -2.292357411, -0.3114795679, -0.9594636004],
        ),
        (
            "strong",
            [6.312047719, -6.888154452, -0.9656475407, 0.4216301902],
            [6.31353993, -6.888546662, -0.9657709084, 0.4207134689],
        ),
        (
            "weak",
            [0.03779780126, -0.04515131563, -0.003959288346, 0.003423833707],
            [0.03778726531, -0.04516030828, -0.003973066941, 0.003414606833],
        ),
        (
            "separable",
            [78.20349148, -1.704483912, 0.06329860021, -41.2131958],
            [77.14612435, -1.796011862, -0.007357919694, -40.59140801],
        ),
        (
            "constant",
            [1.675807333, -1.144917494e-15, -0.1283018421, -0.8533422131],
            [1.676092321, 0.0004287099226, -0.1278081542, -0.8540444819],
        ),
        (
            "twice",
            [1.091278352, 1.091278352, -0.1131742357, -1.137291791],
            [1.091466068, 1.091466068, -0.1133660749, -1.137640311],
        ),
    ];

    #[test]
    fn the_fit_is_scikit_learn_s_solution_to_1e_6_and_within_2e_3_of_its_own_stop() {
        for (name, converged, default_stop) in SCIKIT_LEARN {
            let (x, labels, c) = case(name);
            let fit = solution(&Aggregator::fit(&x, &labels, c).unwrap());
            let scale = converged.iter().fold(1.0, |max: f64, w| max.max(w.abs()));
            assert!(furthest(&fit, converged) < 1e-6 * scale, "{name}: {fit:?} is not {converged:?}");
            // At C = 10,000 scikit-learn stops further away.
            if *name != "separable" {
                assert!(furthest(&fit, default_stop) < 2e-3, "{name}: {fit:?} is not near {default_stop:?}");
            }
        }
    }

    #[test]
    fn the_fit_is_where_slow_gradient_descent_ends() {
        for name in ["plain", "rare", "twice"] {
            let (x, labels, c) = case(name);
            let n_good = labels.iter().filter(|&&good| good).count() as f64;
            let n = labels.len() as f64;
            let mut beta = [0.0; 4];
            for _ in 0..40_000 {
                let mut gradient = [beta[0], beta[1], beta[2], 0.0];
                for (row, &good) in x.chunks(3).zip(&labels) {
                    let z = beta[3] + row.iter().zip(&beta).map(|(x, b)| x * b).sum::<f64>();
                    let weight = n / (2.0 * if good { n_good } else { n - n_good });
                    let error = c * weight * (1.0 / (1.0 + (-z).exp()) - f64::from(good));
                    (0..3).for_each(|at| gradient[at] += error * row[at]);
                    gradient[3] += error;
                }
                (0..4).for_each(|at| beta[at] -= 0.03 * gradient[at]);
            }
            let fit = solution(&Aggregator::fit(&x, &labels, c).unwrap());
            assert!(furthest(&fit, &beta) < 1e-8, "{name}: {fit:?} is not {beta:?}");
        }
    }

    #[test]
    fn the_gradient_at_the_fit_is_zero_even_where_the_classes_separate() {
        for c in [1e-6, 1.0, 1e4, 1e8] {
            for name in ["plain", "separable", "constant", "twice", "rare"] {
                let (x, labels, _) = case(name);
                let fit = Aggregator::fit(&x, &labels, c).unwrap();
                let p = fit.predict(&x);
                let n_good = labels.iter().filter(|&&good| good).count() as f64;
                let n = labels.len() as f64;
                // The intercept's gradient: the weighted errors of both classes balance.
                let error = |(p, &good): (&f64, &bool)| {
                    n / (2.0 * if good { n_good } else { n - n_good }) * (p - f64::from(good))
                };
                let gradient: f64 = p.iter().zip(&labels).map(error).sum();
                assert!(gradient.abs() * c < 1e-9 * (1.0 + c * n), "{name}, C = {c}: {gradient}");
                assert!(solution(&fit).iter().all(|weight| weight.is_finite()));
            }
        }
    }

    #[test]
    fn a_constant_column_gets_no_weight_and_equal_columns_share_theirs() {
        let (x, labels, c) = case("constant");
        assert!(Aggregator::fit(&x, &labels, c).unwrap().weights[1].abs() < 1e-9);
        let (x, labels, c) = case("twice");
        let fit = Aggregator::fit(&x, &labels, c).unwrap();
        assert!((fit.weights[0] - fit.weights[1]).abs() < 1e-9);
    }

    #[test]
    fn one_class_or_no_row_gives_no_model() {
        assert_eq!(Aggregator::fit(&[0.1, 0.2], &[true, true], 1.0), None);
        assert_eq!(Aggregator::fit(&[0.1, 0.2], &[false, false], 1.0), None);
        assert_eq!(Aggregator::fit(&[], &[], 1.0), None);
        let two = Aggregator::fit(&[0.0, 1.0], &[false, true], 1.0).unwrap();
        assert!(two.weights[0] > 0.0 && (two.intercept + two.weights[0] / 2.0).abs() < 1e-9, "symmetric: {two:?}");
    }

    #[test]
    fn large_and_tiny_features_do_not_break_the_fit() {
        for scale in [1e-8, 1e6] {
            let (x, labels, c) = case("plain");
            let x: Vec<f64> = x.iter().map(|x| x * scale).collect();
            let fit = Aggregator::fit(&x, &labels, c).unwrap();
            assert!(fit.predict(&x).iter().all(|p| (0.0..=1.0).contains(p)), "{fit:?}");
        }
        let fit = Aggregator { weights: vec![1e308], intercept: 0.0 };
        assert_eq!(fit.predict(&[1.0, -1.0]), [1.0, 0.0]);
    }
}
