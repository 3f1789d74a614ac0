//! Table `human_ceilings`: how well one rater tells good from bad, beside the AUC of a human target.
//!
//! Reads ratings and the labels of the attribute `target`. Each rating of an image of the split is a score; good is what the
//! other raters' mean says at the experiment's own threshold. The target's aspect is the one whose mean ratings its scores are,
//! over all contexts or in one; then only the ratings of that context count.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use tables::{HumanCeiling, Label, OVERALL, Rating, Split};

use crate::clusters::Clusters;
use crate::inputs::Inputs;
use crate::metrics::{AVERAGE_PRECISION, Evaluation, JUDGED, ROC_AUC, TARGET, auc_with_replicates};
use crate::probability_scores::average_precision;
use crate::raters::{AgainstOthers, each_against_the_others};
use crate::resample::average_precisions;
use crate::roc::Presorted;
use crate::undefined::Undefined;

/// What an experiment's target is, if people rated it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HumanTarget<'a> {
    /// The aspect.
    pub aspect: &'a str,
    /// The one context whose ratings it is made of; `None` for all of them.
    pub context: Option<&'a str>,
    /// Good is a mean rating of at least this.
    pub threshold: f64,
}

/// The human target of every experiment that has one.
pub fn human_targets(inputs: &Inputs) -> BTreeMap<&str, HumanTarget<'_>> {
    let mut means: BTreeMap<(Option<&str>, &str), HashMap<&str, f64>> = BTreeMap::new();
    for preference in &inputs.preferences {
        let of_aspect = means.entry((None, &preference.aspect)).or_default();
        of_aspect.insert(&preference.image_id, preference.mean_rating);
    }
    means.extend(means_in_contexts(inputs));
    let mut targets: BTreeMap<&str, Vec<&Label>> = BTreeMap::new();
    for label in inputs.labels.iter().filter(|label| label.attribute == TARGET && label.score.is_some()) {
        targets.entry(&label.experiment).or_default().push(label);
    }
    let human = |labels: &Vec<&Label>| {
        let threshold = labels.iter().find_map(|label| label.threshold)?;
        let is = |means: &HashMap<&str, f64>| {
            labels.iter().all(|label| means.get(label.image_id.as_str()).copied() == label.score)
        };
        // Over all contexts before in one, and `overall` before others.
        let fitting = means.iter().filter(|(_, means)| is(means)).map(|(key, _)| *key);
        let (context, aspect) = fitting.min_by_key(|(context, aspect)| (context.is_some(), *aspect != OVERALL))?;
        Some(HumanTarget { aspect, context, threshold })
    };
    targets.into_iter().filter_map(|(experiment, labels)| Some((experiment, human(&labels)?))).collect()
}

/// The mean rating of each image by context and aspect, summed as `train` does: in the order of the ratings' values.
fn means_in_contexts(inputs: &Inputs) -> BTreeMap<(Option<&str>, &str), HashMap<&str, f64>> {
    let mut given: BTreeMap<(Option<&str>, &str), HashMap<&str, Vec<f64>>> = BTreeMap::new();
    for rating in inputs.ratings.iter().filter(|rating| rating.context.is_some()) {
        let of_image = given.entry((rating.context.as_deref(), &rating.aspect)).or_default();
        of_image.entry(&rating.image_id).or_default().push(rating.rating);
    }
    let mean = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values.iter().sum::<f64>() / values.len() as f64
    };
    let means = |of_images: HashMap<_, _>| of_images.into_iter().map(|(id, values)| (id, mean(values))).collect();
    given.into_iter().map(|(key, of_images)| (key, means(of_images))).collect()
}

/// Every row, by key.
pub fn ceilings(inputs: &Inputs, evaluation: &Evaluation) -> Vec<HumanCeiling> {
    let images = inputs.images_by_id();
    let mut rows = Vec::new();
    for (experiment, target) in human_targets(inputs) {
        let counts = |rating: &&Rating| {
            rating.aspect == target.aspect && (target.context.is_none() || rating.context.as_deref() == target.context)
        };
        let ratings = inputs.ratings.iter().filter(counts);
        let ratings: Vec<(&str, &str, f64)> =
            ratings.map(|rating| (rating.image_id.as_str(), rating.rater_id.as_str(), rating.rating)).collect();
        let judged: HashSet<&str> = inputs
            .labels
            .iter()
            .filter(|label| label.experiment == experiment && label.attribute == TARGET && label.label.is_some())
            .map(|label| label.image_id.as_str())
            .collect();
        let against = each_against_the_others(&ratings);
        for split in JUDGED {
            let of_split = |image_id: &str| images.get(image_id).is_some_and(|image| image.split == split);
            let counts = |row: &&AgainstOthers| judged.contains(row.image_id) && of_split(row.image_id);
            let of_split: Vec<&AgainstOthers> = against.iter().filter(counts).collect();
            let labelled = judged.iter().filter_map(|id| images.get(id).copied()).filter(|image| image.split == split);
            let clusters = Clusters::new(labelled.collect::<Vec<_>>().into_iter());
            rows.extend(of_metrics(experiment, split, target, &of_split, &clusters, evaluation));
        }
    }
    rows
}

fn of_metrics(
    experiment: &str,
    split: Split,
    target: HumanTarget,
    rows: &[&AgainstOthers],
    clusters: &Clusters,
    evaluation: &Evaluation,
) -> Vec<HumanCeiling> {
    let labels: Vec<bool> = rows.iter().map(|row| row.others_mean >= target.threshold).collect();
    let scores: Vec<f64> = rows.iter().map(|row| row.rating).collect();
    let of: Vec<u32> = rows.iter().filter_map(|row| clusters.of(row.image_id)).collect();
    let draws = evaluation.targets.get(&(experiment, split)).map(|target| &target.draws);
    let distinct = |name: fn(&AgainstOthers) -> String| rows.iter().map(|row| name(row)).collect::<BTreeSet<_>>().len();
    let row = |metric: &str, found: (Result<f64, Undefined>, Vec<f64>)| {
        let (value, replicates) = found;
        let interval = match (&value, draws) {
            (Ok(_), Some(draws)) => draws.interval(&replicates),
            (Ok(_), None) => Err(Undefined::NoData),
            (Err(reason), _) => Err(reason.clone()),
        };
        HumanCeiling {
            experiment: experiment.to_owned(),
            split,
            metric: metric.to_owned(),
            aspect: target.aspect.to_owned(),
            context: target.context.map(str::to_owned),
            threshold: target.threshold,
            value: value.ok(),
            ci_low: interval.as_ref().ok().map(|interval| interval.low),
            ci_high: interval.as_ref().ok().map(|interval| interval.high),
            n_ratings: rows.len() as i64,
            n_images: distinct(|row| row.image_id.to_owned()) as i64,
            n_raters: distinct(|row| row.rater_id.to_owned()) as i64,
            reason: match interval {
                Err(Undefined::NoData) => Some("no data: no image of this split was rated by two people".to_owned()),
                Err(reason) => Some(reason.to_string()),
                Ok(_) => None,
            },
        }
    };
    let nothing = || (Err(Undefined::NoData), Vec::new());
    let precision = || {
        let draws = draws?;
        let sorted = Presorted::new(&labels, &scores, &of).ok()?;
        Some((average_precision(&labels, &scores), average_precisions(&sorted, draws)))
    };
    vec![
        row(AVERAGE_PRECISION, precision().unwrap_or_else(nothing)),
        row(ROC_AUC, draws.map_or_else(nothing, |draws| auc_with_replicates(&labels, &scores, &of, draws))),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{image, preference, rating, settings};
    use crate::metrics::evaluate;
    use crate::roc::roc_auc;
    use crate::thresholds::Thresholds;

    fn world() -> Inputs {
        let mut inputs = Inputs::default();
        for at in 0..12 {
            let image = image(&format!("p{}-{at}", at / 2), Split::Test);
            let mean = f64::from(at % 5);
            inputs.labels.push(Label {
                experiment: "e".to_owned(),
                image_id: image.image_id.clone(),
                attribute: TARGET.to_owned(),
                score: Some(mean),
                threshold: Some(2.0),
                label: Some(mean >= 2.0),
            });
            inputs.preferences.push(preference(&image.image_id, "appeal", mean));
            inputs.preferences.push(preference(&image.image_id, OVERALL, 1.0));
            for (rater, off) in [("a", 1.0), ("b", -1.0), ("c", f64::from(at % 3) - 1.0)] {
                inputs.ratings.push(rating(&image.image_id, rater, "appeal", mean + off));
            }
            inputs.images.push(image);
        }
        inputs
    }

    #[test]
    fn each_rating_is_judged_by_the_mean_of_the_others_at_the_targets_threshold() {
        let inputs = world();
        let rows = ceilings(&inputs, &evaluate(&inputs, &settings()));
        let test: Vec<&HumanCeiling> = rows.iter().filter(|row| row.split == Split::Test).collect();
        let (mut labels, mut scores) = (Vec::new(), Vec::new());
        for one in &inputs.ratings {
            let others: Vec<f64> = inputs
                .ratings
                .iter()
                .filter(|other| other.image_id == one.image_id && other.rater_id != one.rater_id)
                .map(|other| other.rating)
                .collect();
            labels.push(others.iter().sum::<f64>() / others.len() as f64 >= 2.0);
            scores.push(one.rating);
        }
        assert_eq!((test[1].metric.as_str(), test[1].aspect.as_str()), (ROC_AUC, "appeal"));
        assert_eq!(test[1].value, roc_auc(&labels, &scores).ok());
        assert_eq!(test[0].value, average_precision(&labels, &scores).ok());
        assert_eq!((test[1].n_ratings, test[1].n_images, test[1].n_raters), (36, 12, 3));
        assert!(test[1].ci_low < test[1].value && test[1].value < test[1].ci_high, "{test:?}");
        assert!(rows.iter().filter(|row| row.split == Split::Validation).all(|row| row.reason.is_some()));
    }

    #[test]
    fn a_target_in_one_context_is_compared_with_the_raters_of_that_context() {
        let whole = world();
        let mut inputs = world();
        inputs.preferences.clear();
        for rating in &mut inputs.ratings {
            rating.context = Some("poster".to_owned());
        }
        let means = means_in_contexts(&inputs).remove(&(Some("poster"), "appeal")).unwrap();
        let means: HashMap<String, f64> = means.into_iter().map(|(id, mean)| (id.to_owned(), mean)).collect();
        for label in &mut inputs.labels {
            label.score = Some(means[&label.image_id]);
        }
        // Another context, in which everybody says the opposite.
        for rating in &whole.ratings {
            let rating = Rating { context: Some("shirt".to_owned()), rating: -rating.rating, ..rating.clone() };
            inputs.ratings.push(rating);
        }
        let target = human_targets(&inputs)["e"];
        assert_eq!((target.aspect, target.context), ("appeal", Some("poster")));
        let of_test = |inputs: &Inputs| {
            let rows = ceilings(inputs, &evaluate(inputs, &settings()));
            rows.into_iter().filter(|row| row.split == Split::Test).collect::<Vec<_>>()
        };
        let in_context = of_test(&inputs);
        assert!(in_context.iter().all(|row| row.context.as_deref() == Some("poster") && row.n_ratings == 36));
        assert_eq!(in_context[1].value, of_test(&whole)[1].value);
        assert_eq!(
            Thresholds::new(&inputs).ratings.get("appeal"),
            None,
            "the threshold of one context is not the aspect's"
        );
    }

    #[test]
    fn a_target_that_a_rule_made_has_no_ceiling() {
        let mut inputs = world();
        inputs.labels.iter_mut().for_each(|label| label.threshold = None);
        assert_eq!(ceilings(&inputs, &evaluate(&inputs, &settings())), []);
        let mut inputs = world();
        inputs.labels[3].score = Some(9.0);
        assert_eq!(human_targets(&inputs), BTreeMap::new(), "its scores are nobody's ratings");
    }
}
