//! Interventions: what the reward would be if people answered some of the questions that stage 1 answers.
//!
//! For each test image, attributes one more at a time are replaced by their true labels, and the images are scored again
//! (Koh et al. 2020, §5): in a random order of each image's own, or the one first of which stage 1 is least sure. An
//! attribute without a score cannot be replaced (a label that the settings put in its place is no truth, and nobody was
//! paid for it); an image with fewer of them than are to be replaced has all that it has.

use std::collections::BTreeMap;

use tables::{Intervention, InterventionOrder, Split};

use crate::cost::seconds_of_label;
use crate::images::Images;
use crate::label::ExperimentLabels;
use crate::plan::PlannedRun;
use crate::reward_model::{RewardModel, true_concept};
use crate::roc::roc_auc;
use crate::settings::Loss;

/// One image of the test split.
struct Case {
    /// Stage 1's probabilities.
    concepts: Vec<f64>,
    /// The true ones.
    truth: Vec<Option<f64>>,
    /// Whether it is good.
    good: bool,
    /// What a random order sorts by.
    draws: Vec<[u8; 32]>,
}

/// The rows of one model, sorted by order and number; none for a model without stage 1 or stage 2, and none for one that
/// learnt from comparisons: what its stage 1 says is no probability that a label could take the place of.
pub fn interventions(
    run: &PlannedRun,
    model: &RewardModel,
    labels: &ExperimentLabels,
    images: &Images,
    seconds_per_label: &BTreeMap<String, f64>,
    seed: u32,
) -> Vec<Intervention> {
    let has_probabilities = !model.concepts.is_empty() && run.variant.loss == Loss::Pointwise;
    let Some(aggregator) = model.aggregator.as_ref().filter(|_| has_probabilities) else { return Vec::new() };
    let attributes = run.feedback.attributes();
    let seconds: Vec<Option<f64>> =
        attributes.iter().map(|name| seconds_of_label(name, name, images, seconds_per_label)).collect();
    let case = |(&row, concepts): (&usize, &[f64])| {
        let good = labels.target.labels[row].filter(|_| images.splits[row] == Split::Test)?;
        let truth = |name: &String| {
            let of_attribute = &labels.attributes[name];
            of_attribute.scores[row].and_then(|_| true_concept(of_attribute, row, run.variant.labels))
        };
        let draw = |name: &String| {
            *blake3::hash(format!("{seed}/intervention/{}/{name}", images.ids[row]).as_bytes()).as_bytes()
        };
        Some(Case {
            concepts: concepts.to_vec(),
            truth: attributes.iter().map(truth).collect(),
            good,
            draws: attributes.iter().map(draw).collect(),
        })
    };
    let cases: Vec<Case> = model.rows.iter().zip(model.concepts.chunks(attributes.len())).filter_map(case).collect();
    let good: Vec<bool> = cases.iter().map(|case| case.good).collect();
    let n_images = cases.len();
    let mut rows = Vec::new();
    for order in [InterventionOrder::Random, InterventionOrder::Uncertainty] {
        let orders: Vec<Vec<usize>> = cases.iter().map(|case| case.order(order)).collect();
        for n_replaced in 0..=attributes.len() {
            let mut features = Vec::with_capacity(n_images * attributes.len());
            let (mut n_labels, mut cost) = (0_usize, Some(0.0));
            for (case, order) in cases.iter().zip(&orders) {
                let mut concepts = case.concepts.clone();
                for &at in order.iter().take(n_replaced) {
                    concepts[at] = case.truth[at].unwrap_or(concepts[at]);
                    n_labels += 1;
                    cost = cost.zip(seconds[at]).map(|(cost, seconds): (f64, f64)| cost + seconds);
                }
                features.extend(concepts);
            }
            let roc_auc = roc_auc(&aggregator.predict(&features), &good);
            rows.push(Intervention {
                run_id: run.run_id.clone(),
                split: Split::Test,
                order,
                n_replaced: n_replaced as i64,
                roc_auc,
                n_images: n_images as i64,
                labels_per_image: per_image(n_labels as f64, n_images),
                seconds_per_image: cost.map(|cost| per_image(cost, n_images)),
                reason: roc_auc.is_none().then(|| reason(&good)),
            });
        }
    }
    rows
}

impl Case {
    /// The attributes that can be replaced, the first to be replaced first.
    fn order(&self, order: InterventionOrder) -> Vec<usize> {
        let mut known: Vec<usize> = (0..self.truth.len()).filter(|&at| self.truth[at].is_some()).collect();
        match order {
            InterventionOrder::Random => known.sort_by_key(|&at| self.draws[at]),
            InterventionOrder::Uncertainty => {
                let certainty = |at: usize| (self.concepts[at] - 0.5).abs();
                known.sort_by(|&a, &b| certainty(a).total_cmp(&certainty(b)));
            }
        }
        known
    }
}

fn per_image(total: f64, n_images: usize) -> f64 {
    if n_images == 0 { 0.0 } else { total / n_images as f64 }
}

fn reason(good: &[bool]) -> String {
    match good {
        [] => "no test image has a target label and what the model reads".to_owned(),
        [first, ..] => format!("all {} test images are {}", good.len(), if *first { "good" } else { "bad" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(concepts: &[f64], truth: &[Option<f64>]) -> Case {
        let draws = (0..concepts.len()).map(|at| [255 - at as u8; 32]).collect();
        Case { concepts: concepts.to_vec(), truth: truth.to_vec(), good: true, draws }
    }

    #[test]
    fn the_least_certain_comes_first_and_what_has_no_truth_never() {
        let case = case(&[0.9, 0.45, 0.2, 0.5], &[Some(1.0), Some(0.0), Some(1.0), None]);
        assert_eq!(case.order(InterventionOrder::Uncertainty), [1, 2, 0]);
        assert_eq!(case.order(InterventionOrder::Random), [2, 1, 0], "by its draws");
    }
}
