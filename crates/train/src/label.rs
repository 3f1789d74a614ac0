//! Labels: the scores of an experiment's target and attributes against their thresholds (App. B.6).
//!
//! Thresholds are computed on the training split alone. A missing score makes a missing label, never a "no".

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
        let aligned = counts_as_aligned(attribute, settings.no_question);
        let labels = label_scores(scores, settings.thresholds.of(attribute), &images.splits, aligned);
        attributes.insert(attribute.to_owned(), labels);
    }
    let target = match &experiment.target {
        Target::Aspect { aspect, threshold } => {
            let ratings = images.ratings(aspect).ok_or_else(|| TrainError::UnknownAspect {
                experiment: name.to_owned(),
                aspect: aspect.clone(),
                known: images.aspects().collect::<Vec<_>>().join(", "),
            })?;
            let scores: Vec<Score> = ratings.iter().map(|rating| rating.map_or(Score::Missing, Score::Known)).collect();
            label_scores(&scores, *threshold, &images.splits, false)
        }
        Target::Tree(tree) => {
            let labels = (0..images.len()).map(|row| tree.label(&|attribute| attributes[attribute].labels[row]));
            Labels { scores: vec![None; images.len()], threshold: None, labels: labels.collect() }
        }
    };
    Ok(ExperimentLabels { target, attributes })
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

fn label_scores(scores: &[Score], policy: Policy, splits: &[Split], no_question_is_aligned: bool) -> Labels {
    let training = scores.iter().zip(splits).filter(|(_, split)| **split == Split::Train);
    let training_scores: Vec<f64> = training.filter_map(|(score, _)| score.known()).collect();
    let threshold = policy.threshold(&training_scores);
    let label = |score: &Score| match score {
        Score::Known(score) => threshold.map(|threshold| *score >= threshold),
        Score::NoQuestion if no_question_is_aligned => Some(true),
        Score::NoQuestion | Score::Missing => None,
    };
    Labels {
        scores: scores.iter().map(|score| score.known()).collect(),
        threshold,
        labels: scores.iter().map(label).collect(),
    }
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
