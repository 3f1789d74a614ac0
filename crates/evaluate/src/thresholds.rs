//! The thresholds that labels were made with: what a "yes" of a score is, and what a good rating is.

use std::collections::{BTreeMap, HashMap};

use tables::{Label, ScoreSource};

use crate::ceiling::human_targets;
use crate::inputs::Inputs;

/// Of the first experiment that has one.
#[derive(Debug, Default)]
pub struct Thresholds<'a> {
    /// By attribute and who scored it.
    pub scores: HashMap<(&'a str, ScoreSource), f64>,
    /// By aspect: of a human target, else of an attribute that people scored.
    pub ratings: HashMap<&'a str, f64>,
}

impl<'a> Thresholds<'a> {
    /// Of the table `labels`, which does not say whose scores it was made of: a source is it whose scores are those of all
    /// labels of an experiment's attribute.
    pub fn new(inputs: &'a Inputs) -> Self {
        let mut thresholds = Self::default();
        for target in human_targets(inputs).into_values().filter(|target| target.context.is_none()) {
            thresholds.ratings.entry(target.aspect).or_insert(target.threshold);
        }
        let mut known: BTreeMap<(&str, ScoreSource), HashMap<&str, f64>> = BTreeMap::new();
        for score in &inputs.attribute_scores {
            let of_source = known.entry((&score.attribute, score.source)).or_default();
            of_source.extend(score.score.map(|value| (score.image_id.as_str(), value)));
        }
        let mut groups: BTreeMap<(&str, &str), Vec<&Label>> = BTreeMap::new();
        for label in inputs.labels.iter().filter(|label| label.score.is_some()) {
            groups.entry((&label.experiment, &label.attribute)).or_default().push(label);
        }
        for ((_, attribute), labels) in groups {
            let Some(threshold) = labels.iter().find_map(|label| label.threshold) else { continue };
            let is = |of_source: &HashMap<&str, f64>| {
                labels.iter().all(|label| of_source.get(label.image_id.as_str()).copied() == label.score)
            };
            for source in ScoreSource::ALL.iter().filter(|source| known.get(&(attribute, **source)).is_some_and(is)) {
                thresholds.scores.entry((attribute, *source)).or_insert(threshold);
                if *source == ScoreSource::Human {
                    thresholds.ratings.entry(attribute).or_insert(threshold);
                }
            }
        }
        thresholds
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{labelled, score};

    #[test]
    fn a_source_has_the_threshold_of_labels_that_are_all_of_its_scores() {
        let scored = |image_id: &str, value: f64, threshold: f64| Label {
            score: Some(value),
            threshold: Some(threshold),
            ..labelled("e", image_id, "bright", Some(value >= threshold))
        };
        // People and the VLM gave the first image the same score; the labels are people's.
        let inputs = Inputs {
            attribute_scores: vec![
                score("p1-0", "bright", ScoreSource::Human, Some(1.0)),
                score("p1-0", "bright", ScoreSource::Vlm, Some(1.0)),
                score("p1-1", "bright", ScoreSource::Human, Some(3.0)),
                score("p1-1", "bright", ScoreSource::Vlm, Some(0.4)),
            ],
            labels: vec![scored("p1-0", 1.0, 2.5), scored("p1-1", 3.0, 2.5), labelled("e", "p1-2", "bright", None)],
            ..Inputs::default()
        };
        let thresholds = Thresholds::new(&inputs);
        assert_eq!(thresholds.scores, HashMap::from([(("bright", ScoreSource::Human), 2.5)]));
        assert_eq!(thresholds.ratings, HashMap::from([("bright", 2.5)]));
    }
}
