//! Krippendorff's alpha for nominal values: agreement of any number of raters beyond chance, with votes missing.
//!
//! Source: K. Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011).

/// Why there is no alpha.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoAlpha {
    /// Agreement needs two votes on one question.
    #[error("no alpha: no pair has two votes")]
    NothingToCompare,
    /// Nothing can be said of agreement beyond chance when chance alone would agree.
    #[error("no alpha: all votes that can be compared are equal")]
    OneValue,
}

/// Alpha of the votes on each unit, given as how many chose each of the `N` values; 1 is full agreement, 0 is chance.
///
/// Units with less than two votes take no part.
///
/// # Errors
/// [`NoAlpha`].
pub fn nominal_alpha<const N: usize>(units: &[[u64; N]]) -> Result<f64, NoAlpha> {
    let mut totals = [0_u64; N];
    let mut agreeing = 0.0;
    for unit in units {
        let n_votes: u64 = unit.iter().sum();
        if n_votes < 2 {
            continue;
        }
        for (total, &n) in totals.iter_mut().zip(unit) {
            *total += n;
            agreeing += (n * n.saturating_sub(1)) as f64 / (n_votes - 1) as f64;
        }
    }
    let n: u64 = totals.iter().sum();
    if n == 0 {
        return Err(NoAlpha::NothingToCompare);
    }
    let differing: u64 = totals.iter().map(|&total| total * (n - total)).sum();
    if differing == 0 {
        return Err(NoAlpha::OneValue);
    }
    let (observed, expected) = (n as f64 - agreeing, differing as f64 / (n - 1) as f64);
    Ok(1.0 - observed / expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: usize = 9;

    /// Rows of raters, columns of units, as the package takes them; 9 is no vote.
    fn alpha(raters: &[&[usize]]) -> Result<f64, NoAlpha> {
        let mut units = vec![[0_u64; 6]; raters[0].len()];
        for rater in raters {
            rater
                .iter()
                .enumerate()
                .filter(|(_, value)| **value != NONE)
                .for_each(|(unit, &value)| units[unit][value] += 1);
        }
        nominal_alpha(&units)
    }

    #[test]
    fn alphas_are_those_of_the_python_package() {
        // krippendorff 0.9.0, numpy 2.4.6; nan where a 9 stands:
        // krippendorff.alpha(reliability_data=np.array(raters), level_of_measurement="nominal")
        let textbook: [&[usize]; 3] = [
            &[9, 9, 9, 9, 9, 3, 4, 1, 2, 1, 1, 3, 3, 9, 3],
            &[1, 9, 2, 1, 3, 3, 4, 3, 9, 9, 9, 9, 9, 9, 9],
            &[9, 9, 2, 1, 3, 4, 4, 9, 2, 1, 1, 3, 3, 9, 4],
        ];
        let three: [&[usize]; 3] = [&[0, 1, 2, 0, 0, 1], &[0, 1, 2, 1, 0, 2], &[0, 2, 2, 0, 1, 9]];
        let unequal: [&[usize]; 4] = [&[0, 0, 1, 2, 9], &[0, 1, 1, 9, 2], &[9, 0, 1, 2, 9], &[1, 9, 9, 2, 9]];
        let of_package: [(&[&[usize]], f64); 5] = [
            (&textbook, 0.691358024691358),
            (&three, 0.3263157894736842),
            (&[&[0, 1], &[1, 0]], -0.5),
            (&[&[0, 1, 2], &[0, 1, 2]], 1.0),
            (&unequal, 0.5319148936170213),
        ];
        for (raters, expected) in of_package {
            let value = alpha(raters).unwrap();
            assert!((value - expected).abs() < 1e-12, "{value}, not {expected}");
        }
    }

    #[test]
    fn a_thousand_votes_of_five_raters_have_the_alpha_of_the_python_package() {
        // krippendorff 0.9.0, on the same values:
        // x = 12345; rows = [[nan] * 200 for _ in range(5)]
        // for p in range(200):
        //     for r in range(5):
        //         x = (x * 1103515245 + 12345) % 2**31; v = (x >> 16) % 5
        //         if v < 3: rows[r][p] = v
        //     if p % 2 == 0: rows[1][p] = rows[0][p]
        let mut x = 12_345_u64;
        let mut rows = vec![vec![NONE; 200]; 5];
        for unit in 0..200 {
            for row in &mut rows {
                x = (x * 1_103_515_245 + 12_345) % (1 << 31);
                let value = ((x >> 16) % 5) as usize;
                row[unit] = if value < 3 { value } else { NONE };
            }
            if unit % 2 == 0 {
                rows[1][unit] = rows[0][unit];
            }
        }
        let rows: Vec<&[usize]> = rows.iter().map(Vec::as_slice).collect();
        let value = alpha(&rows).unwrap();
        assert!((value - 0.05119572612192347).abs() < 1e-12, "{value}");
    }

    #[test]
    fn alpha_is_one_less_the_share_of_differing_pairs_over_that_of_all_pairs() {
        // The definition, pair of votes by pair of votes.
        let units = [vec![0, 0, 1], vec![2, 2], vec![1, 0, 1, 1], vec![2]];
        let counts: Vec<[u64; 3]> = units
            .iter()
            .map(|unit| [0, 1, 2].map(|value| unit.iter().filter(|vote| **vote == value).count() as u64))
            .collect();
        let compared: Vec<&Vec<usize>> = units.iter().filter(|unit| unit.len() > 1).collect();
        let mut observed = 0.0;
        for unit in &compared {
            for a in 0..unit.len() {
                for b in (0..unit.len()).filter(|b| *b != a) {
                    observed += f64::from(u8::from(unit[a] != unit[b])) / (unit.len() - 1) as f64;
                }
            }
        }
        let all: Vec<usize> = compared.into_iter().flatten().copied().collect();
        let differing = (0..all.len())
            .flat_map(|a| (0..all.len()).map(move |b| (a, b)))
            .filter(|(a, b)| all[*a] != all[*b])
            .count();
        let expected = differing as f64 / (all.len() - 1) as f64;
        assert!((nominal_alpha(&counts).unwrap() - (1.0 - observed / expected)).abs() < 1e-12);
    }

    #[test]
    fn without_two_votes_on_a_unit_or_two_values_there_is_no_alpha() {
        assert_eq!(nominal_alpha::<3>(&[]), Err(NoAlpha::NothingToCompare));
        assert_eq!(nominal_alpha(&[[1, 0, 0], [0, 1, 0]]), Err(NoAlpha::NothingToCompare));
        assert_eq!(nominal_alpha(&[[0, 0, 3], [0, 0, 2]]), Err(NoAlpha::OneValue));
        assert_eq!(nominal_alpha(&[[0, 0, 3], [1, 0, 0]]), Err(NoAlpha::OneValue));
    }
}
