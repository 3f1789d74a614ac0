//! How good the rewards are as rankings at the top, and as probabilities: average precision, Brier score, log loss.

use crate::ranks::ascending;
use crate::undefined::Undefined;

/// Average precision, in [0, 1]: precision at each distinct reward, weighed by the recall it adds (no interpolation).
///
/// # Errors
/// [`Undefined`] without rows, without a good image, or with a NaN.
pub fn average_precision(labels: &[bool], rewards: &[f64]) -> Result<f64, Undefined> {
    let order = ascending(rewards)?;
    let n_good = labels.iter().filter(|label| **label).count();
    match (labels.len(), n_good) {
        (0, _) => return Err(Undefined::NoData),
        (n, 0) => return Err(Undefined::OneClass { positive: false, n }),
        _ => {}
    }
    let (mut seen, mut seen_good, mut sum) = (0usize, 0usize, 0.0);
    for tied in order.chunk_by(|&a, &b| rewards[a] == rewards[b]).rev() {
        let good = tied.iter().filter(|&&row| labels[row]).count();
        seen += tied.len();
        seen_good += good;
        sum += good as f64 / n_good as f64 * (seen_good as f64 / seen as f64);
    }
    Ok(sum)
}

/// Brier score, in [0, 1]; lower is better: mean squared distance of the reward from what came true.
///
/// # Errors
/// [`Undefined`] without rows, or with a NaN.
pub fn brier(labels: &[bool], rewards: &[f64]) -> Result<f64, Undefined> {
    mean(labels, rewards, squared_error_of)
}

/// Squared distance of one reward from what came true.
pub fn squared_error_of(label: bool, reward: f64) -> f64 {
    (f64::from(u8::from(label)) - reward).powi(2)
}

/// Log loss in nats, 0 or more; lower is better. A reward of 0 or 1 counts as one ulp off, as in scikit-learn.
///
/// # Errors
/// [`Undefined`] without rows, or with a NaN.
pub fn log_loss(labels: &[bool], rewards: &[f64]) -> Result<f64, Undefined> {
    mean(labels, rewards, log_loss_of)
}

/// Log loss of one reward.
pub fn log_loss_of(label: bool, reward: f64) -> f64 {
    let reward = reward.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
    -(if label { reward } else { 1.0 - reward }).ln()
}

fn mean(labels: &[bool], rewards: &[f64], loss: impl Fn(bool, f64) -> f64) -> Result<f64, Undefined> {
    if let Some(row) = rewards.iter().position(|reward| reward.is_nan()) {
        return Err(Undefined::NotANumber { row: row + 1 });
    }
    if labels.is_empty() {
        return Err(Undefined::NoData);
    }
    let sum: f64 = labels.iter().zip(rewards).map(|(&label, &reward)| loss(label, reward)).sum();
    Ok(sum / labels.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_equal_scikit_learn() {
        // Python 3.11, scikit-learn 1.9.1, numpy 2.4.6:
        //   i = np.arange(97); y = i * i % 7 < 3; p = (i * 37 % 101) / 101; tied = np.round(p, 1)
        //   average_precision_score(y, s), brier_score_loss(y, s), log_loss(y, s) for s in (p, tied); tied has 0 and 1
        let labels: Vec<bool> = (0..97).map(|i| i * i % 7 < 3).collect();
        let p: Vec<f64> = (0..97).map(|i| f64::from(i * 37 % 101) / 101.0).collect();
        let tied: Vec<f64> = p.iter().map(|p| (p * 10.0).round_ties_even() / 10.0).collect();
        let expected = [
            (p, [0.682_431_187_133_777_9, 0.355_656_459_797_250_5, 1.408_274_994_330_326_8]),
            (tied, [0.685_315_808_404_813_4, 0.358_659_793_814_433, 3.396_376_122_891_122]),
        ];
        for (rewards, expected) in expected {
            for (metric, expect) in [average_precision, brier, log_loss].into_iter().zip(expected) {
                let value = metric(&labels, &rewards).unwrap();
                assert!((value - expect).abs() < 1e-12, "{value} is not {expect}");
            }
        }
    }

    #[test]
    fn average_precision_does_not_depend_on_the_order_of_ties() {
        let forward = average_precision(&[true, false, true, false], &[0.5, 0.5, 0.5, 0.1]);
        assert_eq!(forward, average_precision(&[false, true, true, false], &[0.5, 0.5, 0.5, 0.1]));
        assert_eq!(average_precision(&[true, true], &[0.3, 0.3]), Ok(1.0));
    }

    #[test]
    fn a_certain_and_wrong_reward_has_a_large_but_finite_log_loss() {
        let loss = log_loss(&[true], &[0.0]).unwrap();
        assert!((36.0..36.1).contains(&loss), "{loss}");
        assert_eq!(brier(&[true], &[0.0]), Ok(1.0));
    }

    #[test]
    fn they_say_what_they_lack() {
        for metric in [average_precision, brier, log_loss] {
            assert_eq!(metric(&[], &[]), Err(Undefined::NoData));
            assert_eq!(metric(&[true], &[f64::NAN]), Err(Undefined::NotANumber { row: 1 }));
        }
        assert_eq!(average_precision(&[false], &[0.5]), Err(Undefined::OneClass { positive: false, n: 1 }));
    }
}
