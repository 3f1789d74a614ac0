//! Tables `sxs_summary` and `sxs_tests`: shares as in Table 1, with the intervals and tests that it lacks.
//!
//! Three raters see the same pair, so votes are not independent: intervals redraw pairs, each with all its votes.

use std::collections::{BTreeMap, BTreeSet};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use tables::{OVERALL, SxsChoice, SxsSummary, SxsTest, SxsVote};

use super::alpha::nominal_alpha;
use super::binomial::p_value_of_half;
use crate::bootstrap::{Interval, percentiles};
use crate::settings::Bootstrap;

/// Votes of one pair for each choice, in the order of [`SxsChoice::ALL`].
type Counts = [u64; 3];
const COARSE: usize = 0;
const FINE: usize = 1;

/// Both tables.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Summary {
    /// Table `sxs_summary`, `overall` first, then by aspect.
    pub shares: Vec<SxsSummary>,
    /// Table `sxs_tests`, in the same order.
    pub tests: Vec<SxsTest>,
}

/// What the votes say; nothing where nobody voted.
pub fn summary(votes: &[SxsVote], bootstrap: &Bootstrap) -> Summary {
    // Sorted with `overall` before all others.
    let mut by_aspect: BTreeMap<(bool, &str), Vec<&SxsVote>> = BTreeMap::new();
    for vote in votes {
        by_aspect.entry((vote.aspect != OVERALL, &vote.aspect)).or_default().push(vote);
    }
    let mut summary = Summary::default();
    for ((_, aspect), votes) in by_aspect {
        let mut by_pair: BTreeMap<&str, Counts> = BTreeMap::new();
        for vote in &votes {
            by_pair.entry(&vote.pair_id).or_default()[vote.choice as usize] += 1;
        }
        let pairs: Vec<Counts> = by_pair.into_values().collect();
        let resamples = resampled(&pairs, bootstrap);
        summary.shares.extend(shares(aspect, &pairs, &resamples));
        summary.tests.push(test(aspect, &votes, &pairs, &resamples));
    }
    summary
}

fn sums(pairs: &[Counts]) -> Counts {
    pairs.iter().fold([0; 3], |sum, pair| [0, 1, 2].map(|choice| sum[choice] + pair[choice]))
}

/// The sums of each resample of the pairs; none where there is one pair only.
fn resampled(pairs: &[Counts], bootstrap: &Bootstrap) -> Vec<Counts> {
    if pairs.len() < 2 {
        return Vec::new();
    }
    // Every replicate has a random stream of its own, so the draws do not depend on the number of threads.
    let replicate = |number: usize| {
        let mut rng = ChaCha8Rng::seed_from_u64(bootstrap.seed);
        rng.set_stream(number as u64);
        let drawn: Vec<Counts> = (0..pairs.len()).map(|_| pairs[rng.random_range(0..pairs.len())]).collect();
        sums(&drawn)
    };
    (0..bootstrap.replicates).into_par_iter().map(replicate).collect()
}

const ONE_PAIR: &str = "no interval: all votes are for one pair";
const MOSTLY_UNDECIDED: &str = "no interval: most resamples have no decided vote";

/// The 95 % interval of a share, over the resamples that have one.
fn interval(resamples: &[Counts], share: impl Fn(&Counts) -> Option<f64>) -> Result<(f64, f64), &'static str> {
    if resamples.is_empty() {
        return Err(ONE_PAIR);
    }
    let values: Vec<f64> = resamples.iter().map(|counts| share(counts).unwrap_or(f64::NAN)).collect();
    percentiles(&values).map(|Interval { low, high }| (low, high)).map_err(|_| MOSTLY_UNDECIDED)
}

fn share_of(counts: &Counts, choice: usize) -> Option<f64> {
    let all: u64 = counts.iter().sum();
    (all > 0).then(|| counts[choice] as f64 / all as f64)
}

fn fine_share(counts: &Counts) -> Option<f64> {
    let decided = counts[COARSE] + counts[FINE];
    (decided > 0).then(|| counts[FINE] as f64 / decided as f64)
}

fn shares(aspect: &str, pairs: &[Counts], resamples: &[Counts]) -> Vec<SxsSummary> {
    let all = sums(pairs);
    let row = |&choice: &SxsChoice| {
        let interval = interval(resamples, |counts| share_of(counts, choice as usize));
        SxsSummary {
            aspect: aspect.to_owned(),
            choice,
            n_votes: all[choice as usize] as i64,
            share: share_of(&all, choice as usize).unwrap_or_else(|| unreachable!("an aspect has a vote")),
            ci_low: interval.ok().map(|(low, _)| low),
            ci_high: interval.ok().map(|(_, high)| high),
            reason: interval.err().map(str::to_owned),
        }
    };
    SxsChoice::ALL.iter().map(row).collect()
}

fn test(aspect: &str, votes: &[&SxsVote], pairs: &[Counts], resamples: &[Counts]) -> SxsTest {
    let all = sums(pairs);
    let n_decided = all[COARSE] + all[FINE];
    let mut reasons = Vec::new();
    let (ci_low, ci_high) = if n_decided == 0 {
        reasons.push("no test: every vote is unsure".to_owned());
        (None, None)
    } else {
        let interval = interval(resamples, fine_share).inspect_err(|&reason| reasons.push(reason.to_owned())).ok();
        interval.unzip()
    };
    let alpha = nominal_alpha(pairs).inspect_err(|reason| reasons.push(reason.to_string())).ok();
    let sided: Vec<bool> = votes
        .iter()
        .filter(|vote| vote.choice != SxsChoice::Unsure)
        .filter_map(|vote| vote.left.map(|left| left == vote.choice))
        .collect();
    let n_left = sided.iter().filter(|chose_left| **chose_left).count();
    let timed: Vec<f64> = votes.iter().filter_map(|vote| vote.seconds).collect();
    SxsTest {
        aspect: aspect.to_owned(),
        n_pairs: pairs.len() as i64,
        n_raters: votes.iter().map(|vote| vote.rater_id.as_str()).collect::<BTreeSet<_>>().len() as i64,
        n_votes: votes.len() as i64,
        n_decided: n_decided as i64,
        n_fine: all[FINE] as i64,
        fine_share: fine_share(&all),
        ci_low,
        ci_high,
        p_value: (n_decided > 0).then(|| p_value_of_half(all[FINE], n_decided)),
        alpha,
        left_share: (!sided.is_empty()).then(|| n_left as f64 / sided.len() as f64),
        mean_seconds: (!timed.is_empty()).then(|| timed.iter().sum::<f64>() / timed.len() as f64),
        reason: (!reasons.is_empty()).then(|| reasons.join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::sxs_vote;

    const BOOTSTRAP: Bootstrap = Bootstrap { replicates: 500, seed: 0 };

    /// Table 1's votes of 582 (194 pairs, three raters) and its printed shares, in percent (FIDELITY.md, "Evaluation").
    const TABLE_1: [(&str, Counts, [&str; 3]); 9] = [
        ("overall", [149, 145, 288], ["25.6", "24.9", "49.5"]),
        ("bright", [176, 152, 254], ["30.2", "26.1", "43.6"]),
        ("captivating", [107, 111, 364], ["18.4", "19.1", "62.5"]),
        ("chaotic", [80, 72, 430], ["13.7", "12.4", "73.9"]),
        ("distorted", [215, 185, 182], ["36.9", "31.8", "31.3"]),
        ("disturbing", [48, 50, 484], ["8.2", "8.6", "83.2"]),
        ("funny", [3, 5, 574], ["0.5", "0.9", "98.6"]),
        ("photorealistic", [181, 183, 218], ["31.1", "31.4", "37.5"]),
        ("visually compelling", [120, 92, 370], ["20.6", "15.8", "63.6"]),
    ];

    /// The votes, three a pair. Which rater gave which vote is not published: they are dealt out in order.
    fn table_1() -> Vec<SxsVote> {
        let of_aspect = |(aspect, counts, _): (&'static str, Counts, _)| {
            let choices = SxsChoice::ALL.iter().flat_map(move |&choice| vec![choice; counts[choice as usize] as usize]);
            choices
                .enumerate()
                .map(move |(at, choice)| sxs_vote(&format!("p{}", at / 3), &format!("r{}", at % 3), aspect, choice))
        };
        TABLE_1.into_iter().flat_map(of_aspect).collect()
    }

    #[test]
    fn table_1_comes_out_to_the_digit() {
        let summary = summary(&table_1(), &BOOTSTRAP);
        assert_eq!(summary.shares.len(), 27);
        for (rows, (aspect, counts, printed)) in summary.shares.chunks(3).zip(TABLE_1) {
            assert!(rows.iter().all(|row| row.aspect == aspect));
            assert_eq!([0, 1, 2].map(|at| rows[at].n_votes as u64), counts);
            assert_eq!(
                [0, 1, 2].map(|at| format!("{:.1}", 100.0 * rows[at].share)),
                printed.map(str::to_owned),
                "{aspect}"
            );
            assert!(rows.iter().all(|row| row.ci_low.unwrap() <= row.share && row.share <= row.ci_high.unwrap()));
        }
    }

    #[test]
    fn table_1_has_the_p_values_that_scipy_gives_it() {
        // scipy 1.17.1: scipy.stats.binomtest(fine, coarse + fine).pvalue
        let of_scipy = [
            ("overall", 0.8611462372900244),
            ("bright", 0.20402785144567598),
            ("captivating", 0.8390485361819623),
            ("chaotic", 0.5703330633303956),
            ("distorted", 0.14696573838544685),
            ("disturbing", 0.9196068309220428),
            ("funny", 0.7265625),
            ("photorealistic", 0.9582081986560359),
            ("visually compelling", 0.06343187528222906),
        ];
        let summary = summary(&table_1(), &BOOTSTRAP);
        for (row, (aspect, expected)) in summary.tests.iter().zip(of_scipy) {
            assert_eq!((row.aspect.as_str(), row.n_pairs, row.n_raters, row.n_votes), (aspect, 194, 3, 582));
            assert!((row.p_value.unwrap() - expected).abs() < 1e-12, "{aspect}: {:?}", row.p_value);
        }
    }

    #[test]
    fn no_votes_give_no_rows() {
        assert_eq!(summary(&[], &BOOTSTRAP), Summary::default());
    }

    #[test]
    fn if_all_are_unsure_there_are_shares_but_no_test() {
        let votes = ["p1", "p2"].map(|pair| sxs_vote(pair, "ann", "overall", SxsChoice::Unsure));
        let Summary { shares, tests } = summary(&votes, &BOOTSTRAP);
        assert_eq!(
            shares.iter().map(|row| (row.n_votes, row.share)).collect::<Vec<_>>(),
            [(0, 0.0), (0, 0.0), (2, 1.0)]
        );
        assert_eq!((tests[0].n_decided, tests[0].fine_share, tests[0].p_value, tests[0].alpha), (0, None, None, None));
        assert_eq!(tests[0].reason.as_deref(), Some("no test: every vote is unsure; no alpha: no pair has two votes"));
    }

    #[test]
    fn one_rater_on_one_pair_has_a_share_but_neither_interval_nor_agreement() {
        let Summary { shares, tests } = summary(&[sxs_vote("p1", "ann", "bright", SxsChoice::Fine)], &BOOTSTRAP);
        assert_eq!((shares[1].share, shares[1].ci_low, shares[1].reason.as_deref()), (1.0, None, Some(ONE_PAIR)));
        assert_eq!((tests[0].fine_share, tests[0].p_value, tests[0].ci_low), (Some(1.0), Some(1.0), None));
        assert_eq!(
            tests[0].reason.as_deref(),
            Some("no interval: all votes are for one pair; no alpha: no pair has two votes")
        );
    }

    #[test]
    fn a_tie_is_no_evidence() {
        let choices = [SxsChoice::Coarse, SxsChoice::Fine, SxsChoice::Fine, SxsChoice::Coarse];
        let votes = (0..4).map(|at| sxs_vote(&format!("p{at}"), "ann", "overall", choices[at]));
        let tests = summary(&votes.collect::<Vec<_>>(), &BOOTSTRAP).tests;
        assert_eq!((tests[0].fine_share, tests[0].p_value), (Some(0.5), Some(1.0)));
        assert!(tests[0].ci_low.unwrap() < 0.5 && tests[0].ci_high.unwrap() > 0.5);
    }

    #[test]
    fn intervals_redraw_pairs_and_not_votes() {
        // Ten pairs on which all of nine raters agree are ten facts, not ninety.
        let choice = |pair: usize| if pair < 5 { SxsChoice::Coarse } else { SxsChoice::Fine };
        let votes = |n_raters: usize| -> Vec<SxsVote> {
            let of_pair = |pair: usize| {
                (0..n_raters)
                    .map(move |rater| sxs_vote(&format!("p{pair}"), &format!("r{rater}"), "overall", choice(pair)))
            };
            (0..10).flat_map(of_pair).collect()
        };
        let of = |n_raters| summary(&votes(n_raters), &BOOTSTRAP).tests.remove(0);
        let (one, nine) = (of(1), of(9));
        assert_eq!((one.ci_low, one.ci_high), (nine.ci_low, nine.ci_high));
        assert!(one.ci_high.unwrap() - one.ci_low.unwrap() > 0.5);
        assert_eq!(nine.alpha, Some(1.0));
        let ends = |seed| {
            let shares = summary(&table_1(), &Bootstrap { replicates: 500, seed }).shares;
            shares.into_iter().map(|row| (row.ci_low, row.ci_high)).collect::<Vec<_>>()
        };
        assert_eq!(ends(1), ends(1));
        assert_ne!(ends(0), ends(1), "another seed draws other pairs");
    }

    #[test]
    fn the_interval_is_near_that_of_independent_draws_where_pairs_have_one_vote() {
        // 400 pairs, one vote each, 100 for fine: the normal interval is .25 +- 1.96 * sqrt(.25 * .75 / 400) = +- .0424.
        let choice = |at: usize| if at.is_multiple_of(4) { SxsChoice::Fine } else { SxsChoice::Coarse };
        let votes: Vec<SxsVote> =
            (0..400).map(|at| sxs_vote(&format!("p{at}"), "ann", "overall", choice(at))).collect();
        let tests = summary(&votes, &Bootstrap { replicates: 4_000, seed: 0 }).tests;
        let (low, high) = (tests[0].ci_low.unwrap(), tests[0].ci_high.unwrap());
        assert!((low - 0.2076).abs() < 0.006 && (high - 0.2924).abs() < 0.006, "{low} {high}");
    }

    #[test]
    fn sides_and_seconds_are_means_of_the_votes_that_have_them() {
        let mut votes = ["p1", "p2", "p3", "p4"].map(|pair| sxs_vote(pair, "ann", "overall", SxsChoice::Fine));
        votes[0].left = Some(SxsChoice::Fine);
        votes[1].left = Some(SxsChoice::Coarse);
        votes[2].left = Some(SxsChoice::Coarse);
        votes[3] =
            SxsVote { choice: SxsChoice::Unsure, left: Some(SxsChoice::Fine), seconds: Some(4.0), ..votes[3].clone() };
        votes[0].seconds = Some(1.0);
        let tests = summary(&votes, &BOOTSTRAP).tests;
        assert_eq!((tests[0].left_share, tests[0].mean_seconds), (Some(1.0 / 3.0), Some(2.5)));
    }
}
