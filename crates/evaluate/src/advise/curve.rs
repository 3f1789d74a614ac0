//! Learning curves: AUC(n) = a - b·n^(-c), the power law that test error follows over decades of n (Hestness et al. 2017).

use serde::Serialize;

/// A fitted curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Curve {
    /// What endless feedback would reach, at most 1.
    pub ceiling: f64,
    /// How far one image is below that, 0 or more.
    pub loss: f64,
    /// How fast the loss shrinks.
    pub exponent: f64,
}

/// The exponents that are tried: 0.05 to 2, each 10 % above the last.
const EXPONENTS: usize = 39;

fn exponent(step: usize) -> f64 {
    0.05 * 1.1_f64.powi(step as i32)
}

impl Curve {
    /// The curve of least weighted squares through (n, AUC, weight): for each exponent the other two numbers have a closed form.
    /// Neither a curve that falls nor one above 1 is allowed.
    pub fn fit(points: &[(f64, f64, f64)]) -> Self {
        let error = |curve: &Self| points.iter().map(|&(n, y, w)| w * (curve.at(n) - y).powi(2)).sum::<f64>();
        let curves = (0..EXPONENTS).map(|step| Self::with_exponent(exponent(step), points));
        let scored = curves.map(|curve| (error(&curve), curve));
        let best = scored.reduce(|best, next| if next.0 < best.0 { next } else { best });
        best.map_or(Self { ceiling: 0.5, loss: 0.0, exponent: 1.0 }, |(_, curve)| curve)
    }

    fn with_exponent(exponent: f64, points: &[(f64, f64, f64)]) -> Self {
        let sum =
            |of: &dyn Fn(f64, f64) -> f64| points.iter().map(|&(n, y, w)| w * of(n.powf(-exponent), y)).sum::<f64>();
        let (s1, sx, sy) = (sum(&|_, _| 1.0), sum(&|x, _| x), sum(&|_, y| y));
        let (sxx, sxy) = (sum(&|x, _| x * x), sum(&|x, y| x * y));
        let loss = (sx * sy - s1 * sxy) / (s1 * sxx - sx * sx);
        let ceiling = (sy + loss * sx) / s1;
        if loss.is_nan() || loss <= 0.0 {
            Self { ceiling: sy / s1, loss: 0.0, exponent }
        } else if ceiling > 1.0 {
            Self { ceiling: 1.0, loss: ((sx - sxy) / sxx).max(0.0), exponent }
        } else {
            Self { ceiling, loss, exponent }
        }
    }

    /// Expected AUC of `n` images.
    pub fn at(&self, n: f64) -> f64 {
        self.ceiling - self.loss * n.powf(-self.exponent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampled(truth: Curve, sizes: &[f64]) -> Vec<(f64, f64, f64)> {
        sizes.iter().map(|&n| (n, truth.at(n), 1.0)).collect()
    }

    #[test]
    fn a_curve_without_noise_is_found_again() {
        for (ceiling, loss, exponent) in [(0.9, 1.5, 0.5), (0.75, 0.6, 0.25), (1.0, 2.0, 1.0)] {
            let truth = Curve { ceiling, loss, exponent };
            let found = Curve::fit(&sampled(truth, &[25.0, 50.0, 100.0, 200.0, 400.0]));
            for n in [25.0, 400.0, 800.0, 1_600.0] {
                assert!((found.at(n) - truth.at(n)).abs() < 3e-3, "{found:?} at {n} is not {truth:?}");
            }
        }
    }

    #[test]
    fn a_falling_curve_is_flat_and_none_exceeds_one() {
        let falling = Curve::fit(&[(25.0, 0.9, 1.0), (50.0, 0.8, 1.0), (100.0, 0.7, 1.0)]);
        assert!((falling.at(25.0) - 0.8).abs() < 1e-12 && falling.at(25.0) == falling.at(1e6), "{falling:?}");
        let steep = Curve::fit(&[(25.0, 0.5, 1.0), (50.0, 0.75, 1.0), (100.0, 0.97, 1.0), (200.0, 1.0, 1.0)]);
        assert!(steep.at(1e9) <= 1.0, "{steep:?}");
    }

    #[test]
    fn a_point_with_more_weight_is_met_more_closely() {
        let miss = |weight: f64| {
            let points = [(25.0, 0.6, 1.0), (50.0, 0.7, weight), (100.0, 0.6, 1.0), (200.0, 0.7, 1.0)];
            (Curve::fit(&points).at(50.0) - 0.7).abs()
        };
        assert!(miss(100.0) < miss(1.0));
    }
}
