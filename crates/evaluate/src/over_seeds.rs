//! A mean over seeds, with the chance of prompts and of seeds in its interval and in its p-value.
//!
//! Prompts are many, and the bootstrap redraws them. Seeds are few, and a bootstrap of three is a third too narrow, since it
//! never looks beyond the three; so their part is Student's t. Part of their spread is the prompts' doing, which moves seeds
//! unlike each other: it stands in that t, and is taken out of the bootstrap. Both parts are put together as Zou and Donner
//! (2008) do ("MOVER"): by their squares, on either side. Seeds of two arms that have different numbers of them are not
//! paired, and have Welch and Satterthwaite's degrees of freedom. With one seed all this is the bootstrap of prompts alone.

use std::collections::BTreeMap;

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

use crate::bootstrap::{Interval, percentiles};
use crate::undefined::Undefined;

/// How often the interval between two p-values is halved.
const HALVINGS: usize = 40;

/// A mean over seeds, or what follows from such means.
#[derive(Debug, Clone, PartialEq)]
pub struct OverSeeds {
    /// The mean.
    pub value: f64,
    /// The mean on every replicate of the prompts; NaN where one seed has no value.
    pub replicates: Vec<f64>,
    // By the number of seeds that have a value, in their order: those of two arms are paired where both have equally many.
    seeds: BTreeMap<usize, Vec<Deviation>>,
}

/// By how much one seed lies above the mean of all.
#[derive(Debug, Clone, PartialEq)]
pub struct Deviation {
    /// On all prompts.
    pub value: f64,
    /// On every replicate of the prompts.
    pub replicates: Vec<f64>,
}

impl OverSeeds {
    /// The mean of what seeds reached, and reached on every replicate; `None` of no seeds.
    pub fn mean(values: &[f64], replicates: &[&[f64]]) -> Option<Self> {
        let mean = mean(values)?;
        let n_replicates = replicates.iter().map(|of_seed| of_seed.len()).min().unwrap_or(0);
        let at = |at: usize| replicates.iter().map(|of_seed| of_seed[at]).sum::<f64>() / replicates.len() as f64;
        let means: Vec<f64> = (0..n_replicates).map(at).collect();
        let deviation = |(value, of_seed): (&f64, &&[f64])| Deviation {
            value: value - mean,
            replicates: of_seed.iter().zip(&means).map(|(value, mean)| value - mean).collect(),
        };
        let seeds = values.iter().zip(replicates).map(deviation).collect();
        Some(Self::new(mean, means, seeds))
    }

    /// A value, its replicates, and by how much each seed moves it.
    pub fn new(value: f64, replicates: Vec<f64>, seeds: Vec<Deviation>) -> Self {
        let n = seeds.len();
        Self { value, replicates, seeds: if n > 1 { [(n, seeds)].into() } else { BTreeMap::new() } }
    }

    /// `a` times one and `b` times the other, seeds and replicates taken together.
    pub fn combined(a: f64, one: &Self, b: f64, other: &Self) -> Self {
        let scaled = |by: f64, of: &[f64]| of.iter().map(|x| by * x).collect::<Vec<f64>>();
        let add = |to: &mut [f64], by: f64, of: &[f64]| to.iter_mut().zip(of).for_each(|(to, x)| *to += by * x);
        let all = |by: f64, seeds: &[Deviation]| {
            let scale = |of: &Deviation| Deviation { value: by * of.value, replicates: scaled(by, &of.replicates) };
            seeds.iter().map(scale).collect::<Vec<_>>()
        };
        let mut sum = Self {
            value: a * one.value + b * other.value,
            replicates: scaled(a, &one.replicates),
            seeds: one.seeds.iter().map(|(n, seeds)| (*n, all(a, seeds))).collect(),
        };
        add(&mut sum.replicates, b, &other.replicates);
        for (n, seeds) in &other.seeds {
            match sum.seeds.get_mut(n) {
                None => drop(sum.seeds.insert(*n, all(b, seeds))),
                Some(known) => known.iter_mut().zip(seeds).for_each(|(known, more)| {
                    known.value += b * more.value;
                    add(&mut known.replicates, b, &more.replicates);
                }),
            }
        }
        sum
    }

    /// One less another.
    pub fn minus(&self, other: &Self) -> Self {
        Self::combined(1.0, self, -1.0, other)
    }

    /// How many seeds differ in it; 0 if they are not told apart.
    pub fn n_seeds(&self) -> usize {
        self.seeds.keys().copied().max().unwrap_or(0)
    }

    /// The mean without one of its seeds, where it has that one.
    pub fn without(&self, seed: Option<usize>) -> f64 {
        self.value - self.share(seed).map_or(0.0, |(share, seed)| share * seed.value)
    }

    /// The same on one replicate of the prompts.
    pub fn replicate_without(&self, seed: Option<usize>, at: usize) -> f64 {
        self.replicates[at] - self.share(seed).map_or(0.0, |(share, seed)| share * seed.replicates[at])
    }

    /// A seed, and how much of its deviation the mean without it lacks.
    fn share(&self, seed: Option<usize>) -> Option<(f64, &Deviation)> {
        let (n, seeds) = self.seeds.last_key_value()?;
        Some((1.0 / (*n - 1) as f64, seeds.get(seed?)?))
    }

    /// The 95 % interval.
    ///
    /// # Errors
    /// As [`percentiles`].
    pub fn interval(&self) -> Result<Interval, Undefined> {
        let Interval { low, high } = percentiles(&self.replicates)?;
        let Some(seeds) = self.seeds() else { return Ok(Interval { low, high }) };
        let half = seeds.variance.sqrt() * upper_point(0.05, seeds.freedom);
        let all = variance(&self.replicates).filter(|all| *all > 0.0);
        let share = all.map_or(0.0, |all| (self.of_prompts(Some(&seeds)) / all).sqrt());
        let reach = |distance: f64| (distance.max(0.0) * share).hypot(half);
        Ok(Interval { low: self.value - reach(self.value - low), high: self.value + reach(high - self.value) })
    }

    /// Two-sided p of the value being 0: the level at which the interval's end is 0, if the bootstrap were normal. (A bootstrap's
    /// own share of replicates beyond 0 is never below 1/replicates, which no correction for many comparisons survives. Welch's
    /// p, whose degrees of freedom come from the same few seeds as its error, rejects up to seven times too often far out.)
    /// Without any spread a value of 0 has p 1, another one 1/(replicates + 1).
    pub fn p_value(&self) -> f64 {
        let distance = self.value.abs();
        let seeds = self.seeds();
        let of_prompts = self.of_prompts(seeds.as_ref()).sqrt();
        let (of_seeds, freedom) = seeds.map_or((0.0, 1.0), |seeds| (seeds.variance.sqrt(), seeds.freedom));
        if distance == 0.0 {
            return 1.0;
        }
        if of_prompts == 0.0 && of_seeds == 0.0 {
            return 1.0 / (self.replicates.iter().filter(|value| !value.is_nan()).count() as f64 + 1.0);
        }
        let by_prompts = libm::erfc(distance / of_prompts / std::f64::consts::SQRT_2);
        let by_seeds = if of_seeds == 0.0 { 0.0 } else { two_tails(distance / of_seeds, freedom) };
        let least = by_prompts.max(by_seeds);
        if of_prompts == 0.0 || of_seeds == 0.0 || least == 0.0 {
            return least.clamp(0.0, 1.0);
        }
        // Either part alone reaches 0 at `least`; both together farther in.
        let reach = |p: f64| (of_prompts * normal_point(p)).hypot(of_seeds * upper_point(p, freedom));
        let (mut below, mut above) = (least.ln(), 0.0);
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(below, above);
            if reach(middle.exp()) > distance { below = middle } else { above = middle }
        }
        f64::midpoint(below, above).exp()
    }

    /// Its variance by the chance of prompts and of seeds.
    pub fn variance(&self) -> f64 {
        let seeds = self.seeds();
        self.of_prompts(seeds.as_ref()) + seeds.map_or(0.0, |seeds| seeds.variance)
    }

    /// The same, or the bootstrap's own where that is more: a few seeds may lie close to each other by chance.
    pub fn cautious_variance(&self) -> f64 {
        self.variance().max(variance(&self.replicates).unwrap_or(0.0))
    }

    /// What the draw of prompts adds by moving all seeds alike.
    fn of_prompts(&self, seeds: Option<&OfSeeds>) -> f64 {
        let all = variance(&self.replicates).unwrap_or(0.0);
        (all - seeds.map_or(0.0, |seeds| seeds.of_prompts)).max(0.0)
    }

    /// The seeds' part; `None` if they do not differ, or if there is one alone.
    fn seeds(&self) -> Option<OfSeeds> {
        let mut sum = OfSeeds { variance: 0.0, of_prompts: 0.0, freedom: 0.0 };
        let mut squares = 0.0;
        for (n, seeds) in &self.seeds {
            let (n, others) = (*n as f64, (*n - 1) as f64);
            let part = variance(&seeds.iter().map(|seed| seed.value).collect::<Vec<_>>())? / n;
            sum.variance += part;
            sum.of_prompts += seeds.iter().filter_map(|seed| variance(&seed.replicates)).sum::<f64>() / others / n;
            squares += part * part / others;
        }
        sum.freedom = sum.variance * sum.variance / squares;
        (sum.variance > 0.0).then_some(sum)
    }
}

/// The chance that a value's sign is right: 1 less half of its p-value; one half for a value of 0.
pub fn p_sign(p_value: f64) -> f64 {
    1.0 - p_value / 2.0
}

/// What the chance of seeds adds.
struct OfSeeds {
    /// All of it.
    variance: f64,
    /// What the draw of prompts adds to it.
    of_prompts: f64,
    freedom: f64,
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Sample variance of those that are numbers; `None` for fewer than two.
fn variance(values: &[f64]) -> Option<f64> {
    let known = || values.iter().filter(|value| !value.is_nan());
    let n = known().count();
    let mean = known().sum::<f64>() / n as f64;
    (n > 1).then(|| known().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1) as f64)
}

/// Where the normal distribution's two tails hold `p`.
fn normal_point(p: f64) -> f64 {
    -Normal::standard().inverse_cdf(p / 2.0)
}

/// Where Student's t's two tails hold `p`.
pub(crate) fn upper_point(p: f64, freedom: f64) -> f64 {
    StudentsT::new(0.0, 1.0, freedom).map_or(f64::NAN, |t| -t.inverse_cdf(p / 2.0))
}

/// The chance that Student's t lies above `t`, or below `-t`.
fn two_tails(t: f64, freedom: f64) -> f64 {
    StudentsT::new(0.0, 1.0, freedom).map_or(f64::NAN, |of| 2.0 * of.sf(t))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: [f64; 3] = [0.71, 0.74, 0.69];
    const B: [f64; 3] = [0.65, 0.70, 0.66];
    const C: [f64; 5] = [0.60, 0.64, 0.61, 0.67, 0.63];

    /// Seeds on prompts that leave no doubt.
    fn of(values: &[f64]) -> OverSeeds {
        let replicates: Vec<Vec<f64>> = values.iter().map(|value| vec![*value; 10]).collect();
        OverSeeds::mean(values, &replicates.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap()
    }

    fn seed(value: f64) -> Deviation {
        Deviation { value, replicates: vec![] }
    }

    fn is(found: &OverSeeds, low: f64, high: f64, p: f64) {
        let interval = found.interval().unwrap();
        assert!((interval.low - low).abs() < 1e-9 && (interval.high - high).abs() < 1e-9, "{interval:?}");
        assert!((found.p_value() - p).abs() < 1e-9, "{}", found.p_value());
    }

    #[test]
    fn where_prompts_leave_no_doubt_seeds_are_told_apart_as_scipys_t_tests_do() {
        // scipy 1.17.1: stats.t.interval(.95, 2, mean(a), sem(a)), ttest_1samp(a, .7)
        let mean = of(&A);
        is(
            &OverSeeds { value: mean.value - 0.7, replicates: vec![mean.value - 0.7; 10], ..mean.clone() },
            -0.049_182_761_460_424_6,
            0.075_849_428_127_091_1,
            0.455_668_946_048_182_6,
        );
        // ttest_rel(a, b)
        is(&mean.minus(&of(&B)), 0.005_387_502_997_365_699, 0.081_279_163_669_300_91, 0.039_012_347_759_055_384);
        // ttest_ind(a, c, equal_var=False)
        is(&mean.minus(&of(&C)), 0.033_436_345_781_924_42, 0.133_230_320_884_742_1, 0.008_323_318_975_391_108);
    }

    #[test]
    fn tails_are_scipys_to_the_far_end() {
        // scipy 1.17.1: 2 * stats.t.sf(3, 9999), 2 * stats.t.sf(40, 2.5)
        assert!((two_tails(3.0, 9_999.0) - 0.002_706_448_855_712_346_7).abs() < 1e-9, "{}", two_tails(3.0, 9_999.0));
        assert!((two_tails(40.0, 2.5) - 0.000_141_956_342_904_933_8).abs() < 1e-12, "{}", two_tails(40.0, 2.5));
        assert!((upper_point(0.002_706_448_855_712_346_7, 9_999.0) - 3.0).abs() < 1e-6);
    }

    #[test]
    fn one_seed_and_seeds_that_agree_have_the_prompts_interval() {
        let replicates = [0.3, 0.1, 0.9, 0.4, 0.8, f64::NAN, 0.2];
        let alone = OverSeeds::mean(&[0.5], &[&replicates]).unwrap();
        assert_eq!(alone.interval(), percentiles(&replicates));
        let agreeing = OverSeeds::mean(&[0.5; 4], &[&replicates[..]; 4]).unwrap();
        assert_eq!(agreeing.interval(), percentiles(&replicates));
        assert!(agreeing.replicates[5].is_nan() && agreeing.p_value() == alone.p_value());
        assert_eq!(OverSeeds::mean(&[], &[]), None);
        let none = OverSeeds::mean(&[0.5, 0.6], &[&[f64::NAN; 3][..]; 2]).unwrap();
        assert_eq!(none.interval(), Err(Undefined::TooFewResamples { dropped: 3, replicates: 3 }));
    }

    #[test]
    fn both_parts_add_up_by_their_squares_on_either_side() {
        // Ends 3 below and 1 above, and 4 to either side for the seeds: hypot(3, 4) = 5 and hypot(1, 4).
        let half = 4.0 / upper_point(0.05, 1.0);
        let both = OverSeeds::new(10.0, vec![7.0, 11.0], vec![seed(half), seed(-half)]);
        let of_prompts = percentiles(&[7.0, 11.0]).unwrap();
        let (below, above) = (10.0 - of_prompts.low, of_prompts.high - 10.0);
        let interval = both.interval().unwrap();
        assert!((10.0 - interval.low - below.hypot(4.0)).abs() < 1e-9, "{interval:?}");
        assert!((interval.high - 10.0 - above.hypot(4.0)).abs() < 1e-9, "{interval:?}");
        assert!((both.variance() - (8.0 + half * half)).abs() < 1e-12);
    }

    #[test]
    fn p_is_five_percent_where_the_interval_ends_at_zero() {
        let normal: Vec<f64> = (0..4_000).map(|at| normal_point(2.0 * (f64::from(at) + 0.5) / 4_000.0)).collect();
        for spread in [0.0, 0.1, 1.0, 10.0] {
            for sd in [0.0, 1.0] {
                let at = |value: f64| {
                    let replicates = normal.iter().map(|z| value + sd * z).collect();
                    OverSeeds::new(value, replicates, vec![seed(spread), seed(0.0), seed(-spread)])
                };
                let end = at(0.0).interval().unwrap().high;
                if end > 0.0 {
                    let (inside, outside) = (at(0.99 * end).p_value(), at(1.01 * end).p_value());
                    assert!(outside < 0.05 && 0.05 < inside && inside < 0.055, "{spread} {sd}: {inside} {outside}");
                    assert!(at(20.0 * end).p_value() < outside && at(1e-6).p_value() > 0.99);
                }
            }
        }
    }

    #[test]
    fn without_spread_nothing_is_certain_and_a_tie_is_a_tie() {
        let sure = OverSeeds::new(0.5, vec![0.5; 3], vec![]);
        assert_eq!((sure.p_value(), p_sign(sure.p_value())), (0.25, 0.875));
        let tie = OverSeeds::new(0.0, vec![0.1, -0.1], vec![]);
        assert_eq!((tie.p_value(), p_sign(tie.p_value())), (1.0, 0.5));
    }

    #[test]
    fn seeds_are_paired_so_that_what_moves_both_arms_alike_is_no_doubt() {
        let shifted: Vec<f64> = A.iter().map(|value| value - 0.1).collect();
        let difference = of(&A).minus(&of(&shifted)).interval().unwrap();
        assert!((difference.low - 0.1).abs() < 1e-12 && (difference.high - 0.1).abs() < 1e-12, "{difference:?}");
        let same = OverSeeds::combined(0.5, &of(&A), 0.5, &of(&A));
        for (found, expected) in same.seeds[&3].iter().zip(&of(&A).seeds[&3]) {
            assert!((found.value - expected.value).abs() < 1e-15);
        }
    }

    #[test]
    fn a_spread_that_the_prompts_make_is_not_counted_twice() {
        // Two seeds 0.2 apart, whose mean stands still while prompts move them against each other.
        let (one, other) = ([0.6, 0.8, 0.6, 0.8], [0.6, 0.4, 0.6, 0.4]);
        let still = OverSeeds::mean(&[0.7, 0.5], &[&one, &other]).unwrap();
        assert!((still.variance() - 0.01).abs() < 1e-12, "{}", still.variance());
        let half = 0.1 * upper_point(0.05, 1.0);
        assert!((still.interval().unwrap().high - 0.6 - half).abs() < 1e-9);
        // The second moves alone: all that the mean moves is in the spread of the two.
        let mean = OverSeeds::mean(&[0.7, 0.5], &[&[0.7; 4], &other]).unwrap();
        assert!(variance(&mean.replicates).unwrap() > 0.001 && (mean.variance() - 0.01).abs() < 1e-12);
        // Both move alike: nothing is taken out.
        let alike = OverSeeds::mean(&[0.7, 0.5], &[&one, &one.map(|x| x - 0.2)]).unwrap();
        assert!((alike.variance() - 0.01 - variance(&one).unwrap()).abs() < 1e-12, "{}", alike.variance());
    }
}
