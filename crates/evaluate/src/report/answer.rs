//! The report's opening: what the numbers say, in words.

use serde::Serialize;
use tables::{ArmDifference, ComparedAt, Split};

use super::Findings;
use super::budget;
use super::words::{count, counted, estimate, fixed, listed, rounded, times, with_interval};
use crate::arms::{ArmPoint, Comparison, Verdict, best_fine, comparisons, largest};

/// The answer of one experiment.
#[derive(Debug, Serialize)]
pub struct Answer {
    /// The experiment.
    pub experiment: String,
    /// In a few words.
    pub verdict: String,
    /// `ahead`, `unclear` or `lacking`: how it is shown.
    pub kind: &'static str,
    /// The sentences.
    pub sentences: Vec<String>,
}

/// What one experiment says about coarse against fine feedback.
pub fn answer(experiment: &str, points: &[ArmPoint], findings: &Findings) -> Answer {
    let comparisons = comparisons(points, findings.evaluation);
    let (verdict, kind, sentences) = match best_fine(&comparisons) {
        Some((comparison, chosen_on)) => {
            let n_coarse = largest(points).into_iter().filter(|point| point.is_coarse()).count();
            let (coarse, fine) = (comparison.coarse.arm, comparison.fine.arm);
            let differences = &findings.results.arm_differences;
            let same_size = budget::of_pair(experiment, coarse, fine, ComparedAt::NTrain, differences)
                .find(|row| row.at == Some(comparison.fine.n_train as f64));
            let doubt = same_size.and_then(doubt);
            let (verdict, kind, mut sentences) =
                compared(comparison, chosen_on, [n_coarse, comparisons.len()], doubt.as_deref());
            sentences.extend(budget::sentences(coarse, fine, points, differences));
            sentences.extend(cheaper(&comparison.fine, points, differences));
            (verdict, kind, sentences)
        }
        None => not_compared(points),
    };
    Answer { experiment: experiment.to_owned(), verdict, kind, sentences }
}

type Words = (String, &'static str, Vec<String>);

/// What the correction for many comparisons leaves of a lead, if that is not enough.
fn doubt(row: &ArmDifference) -> Option<String> {
    let p = row.p_adjusted.filter(|p| *p >= 0.05)?;
    let n = usize::try_from(row.n_comparisons).unwrap_or(0);
    Some(format!(
        "that interval does not hold 0, but it is one of {}: corrected for that, p = {}, so the lead may be chance.",
        counted(n, "comparison"),
        fixed(p, 3)
    ))
}

/// `doubt`: why a lead may be chance although its interval says otherwise.
fn compared(comparison: &Comparison, chosen_on: Split, [n_coarse, n_fine]: [usize; 2], doubt: Option<&str>) -> Words {
    let Comparison { coarse, fine, difference, n_common } = comparison;
    let given = |point: &ArmPoint| count(usize::try_from(point.n_train).unwrap_or(0));
    let start = if coarse.n_train == fine.n_train {
        format!("At the largest size, {} training images,", given(coarse))
    } else {
        format!("At the largest sizes ({} and {} training images),", given(coarse), given(fine))
    };
    let start = match n_common {
        Some(n) => format!("{start} and on the {} that both predict,", counted(*n, "test image")),
        None => start,
    };
    let chosen = match chosen_on {
        Split::Test => "(chosen on the test split itself, which flatters it)",
        _ => "(chosen on the validation split)",
    };
    let best_coarse = match n_coarse {
        1 => "the reward model trained on coarse feedback".to_owned(),
        n => format!("the best of {n} coarse arms, \u{201c}{}\u{201d} {chosen},", coarse.arm),
    };
    let best_fine = match n_fine {
        1 => format!("the fine-grained arm \u{201c}{}\u{201d}", fine.arm),
        n => format!("the best of {n} fine-grained arms, \u{201c}{}\u{201d} {chosen}", fine.arm),
    };
    let scores = format!(
        "{start} {best_coarse} reaches a test AUC of {}; {best_fine}, reaches {}.",
        estimate(coarse.test.as_ref()),
        estimate(fine.test.as_ref())
    );
    let by = with_interval(difference.value, difference.interval, 2);
    let (verdict, kind, meaning) = match (comparison.verdict(), doubt) {
        (Verdict::CoarseAhead, None) => (
            "Coarse feedback is ahead",
            "ahead",
            format!("Fine less coarse is {by}, an interval below 0: coarse is ahead."),
        ),
        (Verdict::FineAhead, None) => (
            "Fine-grained feedback is ahead",
            "ahead",
            format!("Fine less coarse is {by}, an interval above 0: fine-grained is ahead."),
        ),
        (Verdict::CoarseAhead, Some(doubt)) => {
            ("Coarse feedback looks better, perhaps by chance", "unclear", format!("Fine less coarse is {by}; {doubt}"))
        }
        (Verdict::FineAhead, Some(doubt)) => (
            "Fine-grained feedback looks better, perhaps by chance",
            "unclear",
            format!("Fine less coarse is {by}; {doubt}"),
        ),
        (Verdict::NoClearDifference, _) => (
            "No clear difference",
            "unclear",
            format!("Fine less coarse is {by}: no clear difference, since the interval holds 0."),
        ),
        (Verdict::Unknown, _) => (
            "Too little data to tell",
            "lacking",
            format!("Fine less coarse is {by}, without an interval: these data cannot tell whether that is chance."),
        ),
    };
    (verdict.to_owned(), kind, [scores, meaning].into_iter().chain(cost(coarse, fine)).collect())
}

/// The cheapest fine arm of the same size that cannot be told apart from the best one, if its labels cost less.
fn cheaper(best: &ArmPoint, points: &[ArmPoint], differences: &[ArmDifference]) -> Option<String> {
    let holds_0 =
        |row: &ArmDifference| row.ci_low.zip(row.ci_high).is_some_and(|(low, high)| low <= 0.0 && high >= 0.0);
    let is_alike = |other: &ArmPoint| {
        let pairs = [(best.arm, other.arm), (other.arm, best.arm)];
        pairs.iter().any(|(a, b)| {
            budget::of_pair(best.experiment, b, a, ComparedAt::NTrain, differences)
                .any(|row| row.at == Some(best.n_train as f64) && holds_0(row))
        })
    };
    let others = largest(points).into_iter().filter(|point| !point.is_coarse() && point.n_train == best.n_train);
    let cheaper = others.filter(|point| point.cost_equal() < best.cost_equal() && is_alike(point));
    let cheapest = cheaper.min_by(|a, b| a.cost_equal().total_cmp(&b.cost_equal()))?;
    Some(format!(
        "The cheaper fine-grained arm \u{201c}{}\u{201d}, with {} labels instead of {}, cannot be told apart from \
         \u{201c}{}\u{201d}: it reaches {}.",
        cheapest.arm,
        rounded(cheapest.cost_equal()),
        rounded(best.cost_equal()),
        best.arm,
        estimate(cheapest.test.as_ref())
    ))
}

/// What the fine arm's labels cost beside the coarse one's.
fn cost(coarse: &ArmPoint, fine: &ArmPoint) -> Option<String> {
    let ratio = |fine: f64, coarse: f64| (coarse > 0.0 && fine > 0.0).then(|| fine / coarse);
    let equal = ratio(fine.cost_equal(), coarse.cost_equal())?;
    let mut sentence = format!(
        "The labels of \u{201c}{}\u{201d} cost {} times as much as the coarse ones if every label costs the same",
        fine.arm,
        times(equal)
    );
    if let (Some(coarse), Some(fine)) = (coarse.cost_seconds(), fine.cost_seconds())
        && let Some(seconds) = ratio(fine, coarse)
    {
        let (fine, coarse) = (rounded(fine), rounded(coarse));
        sentence +=
            &format!(", and {} times as much in raters\u{2019} time ({fine} s against {coarse} s)", times(seconds));
    }
    Some(sentence + ".")
}

fn not_compared(points: &[ArmPoint]) -> Words {
    let with_auc = largest(points);
    let best = with_auc.iter().copied().reduce(|best, next| {
        let auc = |point: &ArmPoint| point.test.as_ref().map_or(0.0, |estimate| estimate.value);
        if auc(next) > auc(best) { next } else { best }
    });
    let Some(best) = best else {
        let reasons: std::collections::BTreeSet<&str> =
            points.iter().flat_map(|point| &point.models).filter_map(|model| model.reason.as_deref()).collect();
        let reasons: Vec<String> = reasons.into_iter().map(str::to_owned).collect();
        let why = if reasons.is_empty() {
            "The table `metrics` says why, model by model.".to_owned()
        } else {
            format!("Models could not be trained: {}.", listed(&reasons))
        };
        let sentences = vec!["No reward model has a test AUC, so there is nothing to compare.".to_owned(), why];
        return ("No result".to_owned(), "lacking", sentences);
    };
    let lacking = if best.is_coarse() { "fine-grained" } else { "coarse" };
    let auc = best.test.as_ref().map_or_else(String::new, |estimate| fixed(estimate.value, 2));
    let interval = best.test.as_ref().map_or(auc, |estimate| with_interval(estimate.value, estimate.interval, 2));
    let arms = counted(with_auc.len(), "arm");
    let mut sentences = vec![
        format!("No {lacking} arm has a test AUC, so coarse and fine-grained feedback cannot be compared here."),
        format!(
            "The best of {arms} is \u{201c}{}\u{201d} with {interval} (the best of several looks better than it is).",
            best.arm
        ),
    ];
    let cheapest =
        points.iter().filter(|point| point.test.is_some()).min_by(|a, b| a.cost_equal().total_cmp(&b.cost_equal()));
    let cheapest = cheapest.map(|point| point.arm).filter(|arm| *arm != best.arm);
    sentences.extend(budget::without_comparison(&[best.arm].into_iter().chain(cheapest).collect::<Vec<_>>(), points));
    ("Nothing to compare with".to_owned(), "lacking", sentences)
}

#[cfg(test)]
mod tests {
    use tables::RewardModel;

    use super::super::budget::tests::{point, row};
    use super::*;
    use crate::fixtures::model;

    #[test]
    fn the_cheapest_arm_that_does_as_well_is_named_and_no_dearer_or_worse_one() {
        let sized = |arm: &str, cost: f64| RewardModel { cost_equal: cost, ..model("e", arm, &["a"], 400, 0) };
        let models = [("dear", 3_200.0), ("best", 1_600.0), ("good", 1_200.0), ("least", 800.0), ("bad", 400.0)]
            .map(|(arm, cost)| sized(arm, cost));
        let points: Vec<ArmPoint> = models.iter().map(|model| point(model, 0.9)).collect();
        let against = |arm_a: &str, arm_b: &str, ends: (f64, f64)| ArmDifference {
            arm_a: arm_a.to_owned(),
            arm_b: arm_b.to_owned(),
            ..row(ComparedAt::NTrain, Some(400.0), 0.0, Some(ends))
        };
        let differences = [
            against("best", "dear", (-0.1, 0.1)),
            against("best", "good", (-0.1, 0.1)),
            // Whichever of the two comes first.
            against("least", "best", (-0.1, 0.1)),
            against("bad", "best", (-0.3, -0.1)),
        ];
        let said = cheaper(&points[1], &points, &differences).unwrap();
        assert!(said.contains("\u{201c}least\u{201d}, with 800 labels instead of 1,600"), "{said}");
        assert_eq!(cheaper(&points[4], &points, &differences), None);
    }

    #[test]
    fn a_lead_that_many_comparisons_may_explain_is_doubted() {
        let clear = row(ComparedAt::NTrain, Some(400.0), 0.1, Some((0.01, 0.2)));
        assert_eq!(doubt(&clear), None, "p is {:?}", clear.p_adjusted);
        let one_of_many = ArmDifference { p_adjusted: Some(0.31), n_comparisons: 50, ..clear.clone() };
        let said = doubt(&one_of_many).unwrap();
        assert_eq!(
            said,
            "that interval does not hold 0, but it is one of 50 comparisons: corrected for that, p = 0.310, so the lead \
             may be chance."
        );
        assert_eq!(doubt(&ArmDifference { p_adjusted: None, ..clear }), None);
    }
}
