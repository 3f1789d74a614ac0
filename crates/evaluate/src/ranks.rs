//! Ranks with ties, and Spearman's correlation of two columns by them.

use crate::undefined::Undefined;

/// Ranks from 1, every group of equal values getting the mean of the ranks it takes up.
///
/// # Errors
/// [`Undefined::NotANumber`] for a NaN; infinities have a place in the order.
pub fn mean_ranks(values: &[f64]) -> Result<Vec<f64>, Undefined> {
    let order = ascending(values)?;
    let mut ranks = vec![0.0; values.len()];
    let mut n_below = 0.0;
    for tied in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let n_tied = tied.len() as f64;
        tied.iter().for_each(|&row| ranks[row] = n_below + (n_tied + 1.0) / 2.0);
        n_below += n_tied;
    }
    Ok(ranks)
}

/// The rows in ascending order of their values; equal values in row order.
///
/// # Errors
/// [`Undefined::NotANumber`].
pub fn ascending(values: &[f64]) -> Result<Vec<usize>, Undefined> {
    if let Some(row) = values.iter().position(|value| value.is_nan()) {
        return Err(Undefined::NotANumber { row: row + 1 });
    }
    let mut order: Vec<usize> = (0..values.len()).collect();
    // Not total_cmp: -0.0 and 0.0 are the same score. Without NaN every comparison has an answer.
    order.sort_by(|&a, &b| values[a].partial_cmp(&values[b]).unwrap_or(std::cmp::Ordering::Equal));
    Ok(order)
}

/// Spearman's rank correlation: Pearson's of the mean ranks, in [-1, 1].
///
/// # Errors
/// [`Undefined`] without rows, with a side that does not vary, or with a NaN.
///
/// # Panics
/// If the two columns differ in length.
pub fn spearman(scores: &[f64], ratings: &[f64]) -> Result<f64, Undefined> {
    assert_eq!(scores.len(), ratings.len(), "one rating a score");
    if scores.is_empty() {
        return Err(Undefined::NoData);
    }
    let (x, y) = (mean_ranks(scores)?, mean_ranks(ratings)?);
    let middle = (scores.len() as f64 + 1.0) / 2.0;
    let (mut xy, mut xx, mut yy) = (0.0, 0.0, 0.0);
    for (x, y) in x.iter().zip(&y) {
        xy += (x - middle) * (y - middle);
        xx += (x - middle).powi(2);
        yy += (y - middle).powi(2);
    }
    for (side, spread) in [("scores", xx), ("ratings", yy)] {
        if spread == 0.0 {
            return Err(Undefined::Constant { side, n: scores.len() });
        }
    }
    Ok((xy / (xx * yy).sqrt()).clamp(-1.0, 1.0))
}

/// The middle value; between the two middle ones of an even number. `None` without values. NaN must not be among them.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        n if n % 2 == 1 => Some(sorted[middle]),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tied_values_share_the_mean_of_their_ranks() {
        assert_eq!(mean_ranks(&[3.0, 1.0, 3.0, 2.0, 3.0]), Ok(vec![4.0, 1.0, 4.0, 2.0, 4.0]));
        assert_eq!(mean_ranks(&[0.0, -0.0]), Ok(vec![1.5, 1.5]));
        assert_eq!(mean_ranks(&[f64::INFINITY, f64::NEG_INFINITY]), Ok(vec![2.0, 1.0]));
        assert_eq!(mean_ranks(&[]), Ok(vec![]));
        assert_eq!(mean_ranks(&[1.0, f64::NAN]), Err(Undefined::NotANumber { row: 2 }));
    }

    #[test]
    fn spearman_equals_scipy() {
        // Python 3.11, scipy 1.17.1, numpy 2.4.6:
        //   i = np.arange(97); p = (i * 37 % 101) / 101; tied = np.round(p, 1)
        //   spearmanr(p, i * i % 7), spearmanr(tied, i % 5), spearmanr(p, i * 13 % 89)
        let column = |value: fn(u32) -> f64| (0..97).map(value).collect::<Vec<_>>();
        let p = column(|i| f64::from(i * 37 % 101) / 101.0);
        let tied = column(|i| (f64::from(i * 37 % 101) / 101.0 * 10.0).round_ties_even() / 10.0);
        let check = |scores: &[f64], ratings: fn(u32) -> f64, expect: f64| {
            let rho = spearman(scores, &column(ratings)).unwrap();
            assert!((rho - expect).abs() < 1e-12, "{rho} is not {expect}");
        };
        check(&p, |i| f64::from(i * i % 7), 0.071_917_916_339_498_44);
        check(&tied, |i| f64::from(i % 5), 0.006_804_521_748_638_931);
        check(&p, |i| f64::from(i * 13 % 89), 0.015_359_124_745_600_597);
    }

    #[test]
    fn spearman_of_a_column_with_itself_is_one_and_with_its_negative_minus_one() {
        let values = [0.3, 0.1, 0.1, 0.9];
        assert_eq!(spearman(&values, &values), Ok(1.0));
        assert_eq!(spearman(&values, &values.map(|value| -value)), Ok(-1.0));
    }

    #[test]
    fn spearman_is_undefined_without_rows_or_spread() {
        assert_eq!(spearman(&[], &[]), Err(Undefined::NoData));
        assert_eq!(spearman(&[1.0], &[2.0]), Err(Undefined::Constant { side: "scores", n: 1 }));
        assert_eq!(spearman(&[1.0, 2.0], &[3.0, 3.0]), Err(Undefined::Constant { side: "ratings", n: 2 }));
    }

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }
}
