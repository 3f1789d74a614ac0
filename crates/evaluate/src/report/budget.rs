//! Coarse against fine for the same money, in one sentence: at equal cost, and at equal time of raters.

use tables::{ArmDifference, ComparedAt, Split};

use super::words::{counted, fixed, rounded, with_interval};
use crate::arms::ArmPoint;
use crate::bootstrap::Interval;
use crate::metrics::ROC_AUC;

/// What two arms have in common, as a table says it.
pub fn in_words(compared_at: ComparedAt) -> &'static str {
    match compared_at {
        ComparedAt::NTrain => "training images",
        ComparedAt::CostEqual => "labels",
        ComparedAt::CostSeconds => "seconds",
    }
}

/// Both ways to count the cost, the one that is measured first.
const COSTS: [ComparedAt; 2] = [ComparedAt::CostSeconds, ComparedAt::CostEqual];

/// For each way to count the cost: the fine arm against the coarse one at the largest cost that both have; without a common
/// cost what either reaches for its own.
pub fn sentences(coarse: &str, fine: &str, points: &[ArmPoint], differences: &[ArmDifference]) -> Vec<String> {
    let Some(first) = points.first() else { return Vec::new() };
    let mut sentences = Vec::new();
    for compared_at in COSTS {
        let rows = || of_pair(first.experiment, coarse, fine, compared_at, differences);
        let known = rows().filter(|row| row.at.is_some() && row.difference.is_some());
        if let Some(row) = known.max_by(|a, b| a.at.unwrap_or(0.0).total_cmp(&b.at.unwrap_or(0.0))) {
            sentences.extend(sentence(row, fine));
        } else if let Some(reason) = rows().find_map(|row| row.reason.as_ref()) {
            let what = if compared_at == ComparedAt::CostSeconds { "raters\u{2019} time" } else { "number of labels" };
            sentences.push(format!("They cannot be compared at an equal {what}: {reason}."));
            sentences.extend(apart(&[coarse, fine], points, compared_at));
        }
    }
    sentences
}

/// The rows of a fine arm against a coarse one that say by how much their test AUCs differ.
pub fn of_pair<'d>(
    experiment: &str,
    coarse: &str,
    fine: &str,
    compared_at: ComparedAt,
    differences: &'d [ArmDifference],
) -> impl Iterator<Item = &'d ArmDifference> {
    differences.iter().filter(move |row| {
        row.experiment == experiment
            && row.split == Split::Test
            && row.metric == ROC_AUC
            && row.compared_at == compared_at
            && (row.arm_a.as_str(), row.arm_b.as_str()) == (fine, coarse)
    })
}

/// What arms that nobody can compare reach for their own costs, one sentence for each way to count them.
pub fn without_comparison(arms: &[&str], points: &[ArmPoint]) -> Vec<String> {
    COSTS.into_iter().filter_map(|compared_at| apart(arms, points, compared_at)).collect()
}

/// `For a budget in seconds: “coarse” reaches a test AUC of 0.61 for 1,318 and 0.70 for 21,080; “all” …`
fn apart(arms: &[&str], points: &[ArmPoint], compared_at: ComparedAt) -> Option<String> {
    let of_arm = |arm: &&str| {
        let of_arm = points.iter().filter(|point| point.arm == *arm);
        let mut tried: Vec<(f64, f64)> = of_arm
            .filter_map(|point| {
                let cost = if compared_at == ComparedAt::CostSeconds {
                    point.cost_seconds()
                } else {
                    Some(point.cost_equal())
                };
                Some((cost?, point.test.as_ref()?.value))
            })
            .collect();
        tried.sort_by(|a, b| a.0.total_cmp(&b.0));
        tried.dedup_by_key(|(cost, _)| *cost);
        let said = |(cost, auc): &(f64, f64)| format!("{} for {}", fixed(*auc, 2), rounded(*cost));
        let ends = match &tried[..] {
            [] => return None,
            [one] => said(one),
            [first, .., last] => format!("{} and {}", said(first), said(last)),
        };
        Some(format!("\u{201c}{arm}\u{201d} reaches a test AUC of {ends}"))
    };
    let said: Vec<String> = arms.iter().filter_map(of_arm).collect();
    (!said.is_empty()).then(|| format!("For a budget in {}: {}.", in_words(compared_at), said.join("; ")))
}

/// `At 2,000 s of annotation, coarse beats “all”: AUC difference 0.04 [0.01, 0.07].`
fn sentence(row: &ArmDifference, fine: &str) -> Option<String> {
    let (at, difference) = row.at.zip(row.difference)?;
    let budget = match row.compared_at {
        ComparedAt::CostSeconds => format!("At {} s of annotation,", rounded(at)),
        ComparedAt::CostEqual => format!("At {} labels that all cost the same,", rounded(at)),
        ComparedAt::NTrain => format!("At {} training images,", rounded(at)),
    };
    // The better one is named first, so the difference is its lead.
    let fine_leads = difference >= 0.0;
    let turned =
        |low: f64, high: f64| if fine_leads { Interval { low, high } } else { Interval { low: -high, high: -low } };
    let interval = row.ci_low.zip(row.ci_high).map(|(low, high)| turned(low, high));
    let by = with_interval(difference.abs(), interval, 2);
    let lead = format!("AUC difference {by}");
    let fine = format!("\u{201c}{fine}\u{201d}");
    let coarse =
        if row.arm_b == "coarse" { "coarse".to_owned() } else { format!("coarse (\u{201c}{}\u{201d})", row.arm_b) };
    let (first, second) = if fine_leads { (&fine, &coarse) } else { (&coarse, &fine) };
    let verdict = match interval {
        Some(interval) if interval.low > 0.0 && row.p_adjusted.is_some_and(|p| p < 0.05) => {
            format!("{first} beats {second}: {lead}")
        }
        Some(interval) if interval.low > 0.0 => {
            let n = usize::try_from(row.n_comparisons).unwrap_or(0);
            format!("{first} is ahead of {second}, but not after correction for {}: {lead}", counted(n, "comparison"))
        }
        Some(_) => format!("{first} and {second} cannot be told apart: {first} less {second} is {by}"),
        None => format!("{first} is above {second} by an unknown margin of doubt: {lead}"),
    };
    let corrected = row.p_adjusted.map_or_else(String::new, |p| match p < 0.001 {
        true => ", p < 0.001 after correction".to_owned(),
        false => format!(", p = {} after correction", fixed(p, 3)),
    });
    Some(format!("{budget} {verdict}{corrected}."))
}

#[cfg(test)]
pub(super) mod tests {
    use tables::RewardModel;

    use super::*;
    use crate::arms::Estimate;
    use crate::fixtures::model;

    pub(in super::super) fn point<'a>(model: &'a RewardModel, auc: f64) -> ArmPoint<'a> {
        ArmPoint {
            experiment: &model.experiment,
            arm: &model.arm,
            n_train: model.n_train,
            models: vec![model],
            validation: None,
            test: Some(Estimate { value: auc, interval: None }),
            test_of_seeds: vec![auc],
        }
    }

    /// The sentences of the arms `coarse` and `fine` of experiment `e`.
    fn said(coarse: &str, fine: &str, rows: &[ArmDifference]) -> Vec<String> {
        let models = [(coarse, 10), (coarse, 40), (fine, 100)].map(|(arm, n_train)| model("e", arm, &[], n_train, 0));
        let points: Vec<ArmPoint> = models.iter().zip([0.6, 0.7, 0.65]).map(|(model, auc)| point(model, auc)).collect();
        sentences(coarse, fine, &points, rows)
    }

    pub(in super::super) fn row(
        compared_at: ComparedAt,
        at: Option<f64>,
        difference: f64,
        ends: Option<(f64, f64)>,
    ) -> ArmDifference {
        ArmDifference {
            experiment: "e".to_owned(),
            split: Split::Test,
            metric: ROC_AUC.to_owned(),
            compared_at,
            arm_a: "all".to_owned(),
            arm_b: "coarse".to_owned(),
            at,
            n_train_a: None,
            n_train_b: None,
            value_a: None,
            value_b: None,
            difference: at.map(|_| difference),
            ci_low: ends.map(|(low, _)| low),
            ci_high: ends.map(|(_, high)| high),
            p_sign: None,
            p_value: None,
            p_adjusted: Some(0.0124),
            n_comparisons: 1,
            n_images: 1,
            reason: at.is_none().then(|| "no common cost".to_owned()),
        }
    }

    #[test]
    fn the_winner_comes_first_at_the_largest_common_cost() {
        let rows = [
            row(ComparedAt::CostSeconds, Some(500.0), 0.2, Some((0.1, 0.3))),
            row(ComparedAt::CostSeconds, Some(2_000.0), -0.04, Some((-0.07, -0.01))),
            row(ComparedAt::CostEqual, Some(800.0), 0.01, Some((-0.02, 0.03))),
        ];
        let found = said("coarse", "all", &rows);
        assert_eq!(
            found,
            [
                "At 2,000 s of annotation, coarse beats \u{201c}all\u{201d}: AUC difference 0.04 [0.01, 0.07], p = 0.012 after correction.",
                "At 800 labels that all cost the same, \u{201c}all\u{201d} and coarse cannot be told apart: \u{201c}all\u{201d} less coarse is \
                 0.01 [\u{2212}0.02, 0.03], p = 0.012 after correction."
            ]
        );
    }

    #[test]
    fn an_interval_above_zero_that_the_correction_does_not_survive_beats_nobody() {
        let uncorrected = ArmDifference {
            p_adjusted: Some(0.08),
            n_comparisons: 12,
            arm_b: "linear".to_owned(),
            ..row(ComparedAt::CostSeconds, Some(500.0), 0.2, Some((0.01, 0.3)))
        };
        assert_eq!(
            said("linear", "all", &[uncorrected]),
            [
                "At 500 s of annotation, \u{201c}all\u{201d} is ahead of coarse (\u{201c}linear\u{201d}), but not after correction for 12 \
                 comparisons: AUC difference 0.20 [0.01, 0.30], p = 0.080 after correction."
            ]
        );
    }

    #[test]
    fn without_a_common_cost_the_reason_is_given_and_what_either_reaches_for_its_own() {
        let rows = [row(ComparedAt::CostEqual, None, 0.0, None)];
        let expected = [
            "They cannot be compared at an equal number of labels: no common cost.",
            "For a budget in labels: \u{201c}coarse\u{201d} reaches a test AUC of 0.60 for 10 and 0.70 for 40; \u{201c}all\u{201d} reaches a \
             test AUC of 0.65 for 100.",
        ];
        assert_eq!(said("coarse", "all", &rows), expected);
        let seconds = [row(ComparedAt::CostSeconds, None, 0.0, None)];
        assert_eq!(
            said("coarse", "all", &seconds),
            ["They cannot be compared at an equal raters\u{2019} time: no common cost."]
        );
        assert!(said("coarse", "other", &rows).is_empty());
    }
}
