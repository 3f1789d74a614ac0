//! Coarse against fine for the same money, in one sentence: at equal cost, and at equal time of raters.

use tables::{ArmDifference, ComparedAt, Split};

use super::words::{fixed, rounded, with_interval};
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

/// One sentence for each way to count the cost: the fine arm against the coarse one at the largest cost that both have.
pub fn sentences(experiment: &str, coarse: &str, fine: &str, differences: &[ArmDifference]) -> Vec<String> {
    let of_pair = |row: &&ArmDifference| {
        let is_pair = row.arm_a == fine && row.arm_b == coarse;
        row.experiment == experiment && row.split == Split::Test && row.metric == ROC_AUC && is_pair
    };
    let mut sentences = Vec::new();
    for compared_at in [ComparedAt::CostSeconds, ComparedAt::CostEqual] {
        let rows = || differences.iter().filter(of_pair).filter(|row| row.compared_at == compared_at);
        let known = rows().filter(|row| row.at.is_some() && row.difference.is_some());
        match known.max_by(|a, b| a.at.unwrap_or(0.0).total_cmp(&b.at.unwrap_or(0.0))) {
            Some(row) => sentences.extend(sentence(row, fine)),
            None => sentences.extend(rows().find_map(|row| row.reason.as_ref()).map(|reason| {
                let what =
                    if compared_at == ComparedAt::CostSeconds { "raters\u{2019} time" } else { "number of labels" };
                format!("They cannot be compared at an equal {what}: {reason}.")
            })),
        }
    }
    sentences
}

/// `At 2,000 s of annotation coarse beats “all”: AUC difference 0.04 [0.01, 0.07].`
fn sentence(row: &ArmDifference, fine: &str) -> Option<String> {
    let (at, difference) = row.at.zip(row.difference)?;
    let budget = match row.compared_at {
        ComparedAt::CostSeconds => format!("At {} s of annotation", rounded(at)),
        ComparedAt::CostEqual => format!("At {} labels that cost the same", rounded(at)),
        ComparedAt::NTrain => format!("At {} training images", rounded(at)),
    };
    // The better one is named first, so the difference is its lead.
    let fine_leads = difference >= 0.0;
    let turned =
        |low: f64, high: f64| if fine_leads { Interval { low, high } } else { Interval { low: -high, high: -low } };
    let interval = row.ci_low.zip(row.ci_high).map(|(low, high)| turned(low, high));
    let lead = format!("AUC difference {}", with_interval(difference.abs(), interval, 2));
    let fine = format!("\u{201c}{fine}\u{201d}");
    let (first, second) = if fine_leads { (fine.as_str(), "coarse") } else { ("coarse", fine.as_str()) };
    let verdict = match interval {
        Some(interval) if interval.low > 0.0 => format!("{first} beats {second}: {lead}"),
        Some(_) => format!("{first} and {second} cannot be told apart: {lead}"),
        None => format!("{first} is above {second} by an unknown margin of doubt: {lead}"),
    };
    let corrected = row.p_adjusted.map_or_else(String::new, |p| match p < 0.001 {
        true => ", p < 0.001 after correction".to_owned(),
        false => format!(", p = {} after correction", fixed(p, 3)),
    });
    Some(format!("{budget} {verdict}{corrected}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(compared_at: ComparedAt, at: Option<f64>, difference: f64, ends: Option<(f64, f64)>) -> ArmDifference {
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
        let found = sentences("e", "coarse", "all", &rows);
        assert_eq!(
            found,
            [
                "At 2,000 s of annotation coarse beats \u{201c}all\u{201d}: AUC difference 0.04 [0.01, 0.07], p = 0.012 after correction.",
                "At 800 labels that cost the same \u{201c}all\u{201d} and coarse cannot be told apart: AUC difference 0.01 [\u{2212}0.02, 0.03], \
                 p = 0.012 after correction."
            ]
        );
    }

    #[test]
    fn without_a_common_cost_the_reason_is_given() {
        let rows = [row(ComparedAt::CostSeconds, None, 0.0, None)];
        let found = sentences("e", "coarse", "all", &rows);
        assert_eq!(found, ["They cannot be compared at an equal raters\u{2019} time: no common cost."]);
        assert!(sentences("e", "coarse", "other", &rows).is_empty());
    }
}
