//! Labels: the scores of an experiment's target and attributes against their thresholds (App. B.6).
//!
//! Thresholds, and the range that ratings are scaled by, are computed on the training split alone. A missing score makes
//! a missing label, never a "no", unless the settings say so (`missing`).

use std::collections::BTreeMap;

use tables::{Bucket, Label, ScoreSource, Split};

use crate::error::TrainError;
use crate::images::{Images, Score};
use crate::settings::{Experiment, NoQuestion, Settings, Target};
use crate::threshold::Policy;
use crate::validate::TARGET;

/// The labels of one attribute, or of the target; one entry an image.
#[derive(Debug, Clone, PartialEq)]
pub struct Labels {
    /// The score that was compared, if there is one.
    pub scores: Vec<Option<f64>>,
    /// What it was compared with; none where a tree made the label, or where the training split has no score.
    pub threshold: Option<f64>,
    /// `score >= threshold`, or what a rule says.
    pub labels: Vec<Option<bool>>,
    /// The score in `[0, 1]`, for models that learn scores; the label itself, as 0 or 1, where a rule made it.
    pub soft: Vec<Option<f64>>,
    /// The ratings that became 0 and 1; none for scores that are probabilities.
    pub soft_range: Option<(f64, f64)>,
}

/// The word for how a split's labels are useless.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Degenerate {
    /// None is known.
    AllMissing,
    /// All that are known are the same.
    OneClass(bool),
}

impl Labels {
    /// What is wrong with the labels of some rows, if anything.
    pub fn degenerate(&self, rows: impl IntoIterator<Item = usize>) -> Option<Degenerate> {
        let mut known = rows.into_iter().filter_map(|row| self.labels[row]);
        let Some(first) = known.next() else { return Some(Degenerate::AllMissing) };
        known.all(|label| label == first).then_some(Degenerate::OneClass(first))
    }
}

/// How scores become labels, beside their threshold.
#[derive(Debug, Clone, Copy)]
struct Reading {
    /// What an image without a question counts as.
    no_question: Option<bool>,
    /// What a score counts as that is missing.
    missing: Option<bool>,
    /// Whether scores are ratings, on a scale of their own.
    is_rating: bool,
}

/// All labels of one experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct ExperimentLabels {
    /// What good means.
    pub target: Labels,
    /// The attributes of its arms and of its tree.
    pub attributes: BTreeMap<String, Labels>,
}

/// Computes an experiment's labels.
///
/// # Errors
/// [`TrainError::UnknownAspect`] and [`TrainError::UnknownAttribute`] if the tables have no row of what it asks for.
pub fn label_experiment(
    name: &str,
    experiment: &Experiment,
    settings: &Settings,
    images: &Images,
) -> Result<ExperimentLabels, TrainError> {
    let mut attributes = BTreeMap::new();
    for attribute in experiment.attributes() {
        let scores = attribute_scores(name, attribute, experiment.source, images)?;
        let missing = settings.missing.label();
        let aligned = counts_as_aligned(attribute, settings.no_question);
        let no_question = if aligned { Some(true) } else { missing };
        let reading = Reading { no_question, missing, is_rating: experiment.source == ScoreSource::Human };
        let labels = label_scores(scores, settings.thresholds.of(attribute), &images.splits, reading);
        attributes.insert(attribute.to_owned(), labels);
    }
    let target = match &experiment.target {
        Target::Aspect { aspect, context, threshold } => {
            let ratings = target_ratings(name, aspect, context.as_deref(), images)?;
            let scores: Vec<Score> = ratings.iter().map(|rating| rating.map_or(Score::Missing, Score::Known)).collect();
            let reading = Reading { no_question: None, missing: None, is_rating: true };
            label_scores(&scores, *threshold, &images.splits, reading)
        }
        Target::Tree(tree) => {
            let label = |row: usize| tree.label(&|attribute| attributes[attribute].labels[row]);
            let labels: Vec<Option<bool>> = (0..images.len()).map(label).collect();
            let soft = labels.iter().map(|label| label.map(number)).collect();
            Labels { scores: vec![None; images.len()], threshold: None, labels, soft, soft_range: None }
        }
    };
    Ok(ExperimentLabels { target, attributes })
}

fn target_ratings<'a>(
    experiment: &str,
    aspect: &str,
    context: Option<&str>,
    images: &'a Images,
) -> Result<&'a [Option<f64>], TrainError> {
    let Some(context) = context else {
        return images.ratings(aspect).ok_or_else(|| TrainError::UnknownAspect {
            experiment: experiment.to_owned(),
            aspect: aspect.to_owned(),
            known: images.aspects().collect::<Vec<_>>().join(", "),
        });
    };
    images.ratings_in(aspect, context).ok_or_else(|| TrainError::UnknownContext {
        experiment: experiment.to_owned(),
        aspect: aspect.to_owned(),
        context: context.to_owned(),
        known: images.contexts(aspect).collect::<Vec<_>>().join(", "),
    })
}

/// The scores of an attribute that an experiment names.
pub(crate) fn attribute_scores<'a>(
    experiment: &str,
    attribute: &str,
    source: ScoreSource,
    images: &'a Images,
) -> Result<&'a [Score], TrainError> {
    images.scores(source, attribute).ok_or_else(|| TrainError::UnknownAttribute {
        experiment: experiment.to_owned(),
        attribute: attribute.to_owned(),
        source_name: source.as_str(),
        known: images.attributes(source).collect::<Vec<_>>().join(", "),
    })
}

/// Whether an image without a question about this attribute counts as aligned with its prompt: the paper's choice,
/// made for the four buckets alone, because misalignment is what their labels look for (App. B.5.2).
pub(crate) fn counts_as_aligned(attribute: &str, no_question: NoQuestion) -> bool {
    no_question == NoQuestion::Aligned && attribute.parse::<Bucket>().is_ok()
}

fn label_scores(scores: &[Score], policy: Policy, splits: &[Split], reading: Reading) -> Labels {
    let training = scores.iter().zip(splits).filter(|(_, split)| **split == Split::Train);
    let training_scores: Vec<f64> = training.filter_map(|(score, _)| score.known()).collect();
    let threshold = policy.threshold(&training_scores);
    let soft_range = if reading.is_rating { range(&training_scores) } else { None };
    let absent = |score: &Score| match score {
        Score::NoQuestion => reading.no_question,
        Score::Known(_) | Score::Missing => reading.missing,
    };
    let label = |score: &Score| match score {
        Score::Known(score) => threshold.map(|threshold| *score >= threshold),
        absent_score => absent(absent_score),
    };
    let soft = |score: &Score| match score {
        Score::Known(score) if reading.is_rating => soft_range.map(|range| scaled(*score, range)),
        Score::Known(score) => Some(score.clamp(0.0, 1.0)),
        absent_score => absent(absent_score).map(number),
    };
    Labels {
        scores: scores.iter().map(|score| score.known()).collect(),
        threshold,
        labels: scores.iter().map(label).collect(),
        soft: scores.iter().map(soft).collect(),
        soft_range,
    }
}

/// 1 for yes, 0 for no.
pub(crate) fn number(label: bool) -> f64 {
    if label { 1.0 } else { 0.0 }
}

/// The lowest and the highest of the finite scores; `None` if there is none.
fn range(scores: &[f64]) -> Option<(f64, f64)> {
    let finite = scores.iter().copied().filter(|score| score.is_finite());
    finite.fold(None, |range, x| Some(range.map_or((x, x), |(low, high): (f64, f64)| (low.min(x), high.max(x)))))
}

/// A rating's place between the lowest and the highest, in `[0, 1]`; ½ where all are equal.
fn scaled(score: f64, (low, high): (f64, f64)) -> f64 {
    if high > low { ((score - low) / (high - low)).clamp(0.0, 1.0) } else { 0.5 }
}

impl ExperimentLabels {
    /// The rows of `labels`: every image with the target and each attribute, sorted by image and attribute.
    pub fn rows(&self, experiment: &str, images: &Images) -> Vec<Label> {
        let mut columns: BTreeMap<&str, &Labels> = self.attributes.iter().map(|(name, l)| (name.as_str(), l)).collect();
        columns.insert(TARGET, &self.target);
        let rows = images.ids.iter().enumerate().flat_map(|(row, image_id)| {
            columns.iter().map(move |(attribute, column)| Label {
                experiment: experiment.to_owned(),
                image_id: image_id.clone(),
                attribute: (*attribute).to_owned(),
                score: column.scores[row],
                threshold: column.threshold,
                label: column.labels[row],
            })
        });
        rows.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPLITS: [Split; 6] = [Split::Train, Split::Train, Split::Train, Split::Test, Split::Test, Split::Validation];

    fn labelled(scores: &[Score], reading: Reading) -> Labels {
        label_scores(scores, Policy::Fixed { value: 3.0 }, &SPLITS, reading)
    }

    #[test]
    fn ratings_are_scaled_by_the_training_split_and_clamped_elsewhere() {
        let reading = Reading { no_question: None, missing: None, is_rating: true };
        let scores = [2.0, 4.0, 3.0, 1.0, 5.0].map(Score::Known).into_iter().chain([Score::Missing]);
        let labels = labelled(&scores.collect::<Vec<_>>(), reading);
        assert_eq!(labels.soft_range, Some((2.0, 4.0)));
        assert_eq!(labels.soft, [Some(0.0), Some(1.0), Some(0.5), Some(0.0), Some(1.0), None]);
        assert_eq!(labels.labels, [Some(false), Some(true), Some(true), Some(false), Some(true), None]);
        let equal = labelled(&[Score::Known(3.0); 6], reading);
        assert_eq!(equal.soft, [Some(0.5); 6], "nothing to tell apart");
        let none = labelled(&[Score::Missing; 6], reading);
        assert_eq!((none.soft_range, &none.soft[..]), (None, &[None; 6][..]));
    }

    #[test]
    fn a_missing_score_is_what_the_settings_say_and_no_question_comes_first() {
        let scores = [Score::Known(0.25), Score::Missing, Score::NoQuestion, Score::Missing, Score::NoQuestion];
        let scores = [&scores[..], &[Score::Known(0.75)]].concat();
        let read = |no_question, missing| labelled(&scores, Reading { no_question, missing, is_rating: false });
        let dropped = read(Some(true), None);
        assert_eq!(dropped.labels[1..5], [None, Some(true), None, Some(true)]);
        assert_eq!(dropped.soft, [Some(0.25), None, Some(1.0), None, Some(1.0), Some(0.75)]);
        let negative = read(Some(true), Some(false));
        assert_eq!(negative.labels[1..5], [Some(false), Some(true), Some(false), Some(true)]);
        assert_eq!(negative.soft[1..3], [Some(0.0), Some(1.0)]);
        assert_eq!(negative.scores[1], None, "the table still says that there is no score");
    }

    #[test]
    fn degenerate_labels_are_told_from_useful_ones() {
        let reading = Reading { no_question: None, missing: None, is_rating: false };
        let [known, missing] = [Score::Known(9.0), Score::Missing];
        let labels = labelled(&[known, missing, missing, Score::Known(0.0), known, missing], reading);
        assert_eq!(labels.degenerate([1, 2, 5]), Some(Degenerate::AllMissing));
        assert_eq!(labels.degenerate([]), Some(Degenerate::AllMissing));
        assert_eq!(labels.degenerate([0, 1, 4]), Some(Degenerate::OneClass(true)));
        assert_eq!(labels.degenerate([3]), Some(Degenerate::OneClass(false)));
        assert_eq!(labels.degenerate(0..6), None);
    }
}
