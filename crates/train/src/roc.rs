//! ROC-AUC, for cards and interventions; what is reported comes from `evaluate`, with intervals.

/// Mann–Whitney: the share of (good, bad) pairs in which the good one's reward is higher, ties one half; in `[0, 1]`.
/// `None` if one class is not there.
pub fn roc_auc(rewards: &[f64], good: &[bool]) -> Option<f64> {
    let n_good = good.iter().filter(|&&good| good).count();
    let n_bad = good.len() - n_good;
    if n_good == 0 || n_bad == 0 {
        return None;
    }
    let mut order: Vec<usize> = (0..rewards.len()).collect();
    order.sort_by(|&a, &b| rewards[a].total_cmp(&rewards[b]));
    // Twice the sum of the good ones' ranks, so that every number is whole.
    let mut twice_ranks = 0;
    for tied in order.chunk_by(|&a, &b| rewards[a] == rewards[b]).scan(0, |start, tied| {
        let first = *start;
        *start += tied.len();
        Some((first, tied))
    }) {
        let (first, tied) = tied;
        let n_good_tied = tied.iter().filter(|&&at| good[at]).count();
        twice_ranks += n_good_tied * (2 * first + tied.len() + 1);
    }
    Some((twice_ranks - n_good * (n_good + 1)) as f64 / (2 * n_good * n_bad) as f64)
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;
    use crate::random::stream;

    #[test]
    fn it_is_the_share_of_pairs_in_order_with_ties_one_half() {
        let mut random = stream(0, "roc tests");
        for n in 1..60 {
            for levels in [2, 5, 1_000_000] {
                let rewards: Vec<f64> = (0..n).map(|_| f64::from(random.random_range(0..levels))).collect();
                let good: Vec<bool> = (0..n).map(|_| random.random()).collect();
                let of = |class: bool| rewards.iter().zip(&good).filter(move |(_, good)| **good == class);
                let pairs: Vec<f64> = of(true)
                    .flat_map(|(good, _)| {
                        of(false).map(move |(bad, _)| if good > bad { 1.0 } else { f64::from(good == bad) / 2.0 })
                    })
                    .collect();
                let slow = (!pairs.is_empty()).then(|| pairs.iter().sum::<f64>() / pairs.len() as f64);
                match (roc_auc(&rewards, &good), slow) {
                    (Some(fast), Some(slow)) => assert!((fast - slow).abs() < 1e-12, "{rewards:?} {good:?}"),
                    (fast, slow) => assert_eq!(fast, slow),
                }
            }
        }
        assert_eq!(roc_auc(&[0.0, 0.0], &[false, true]), Some(0.5));
        assert_eq!(roc_auc(&[], &[]), None);
    }
}
