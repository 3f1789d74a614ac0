//! What the labels of a model cost to collect (Fig. 2, right; Table 2).

use std::collections::BTreeMap;

use tables::OVERALL;

use crate::images::Images;
use crate::settings::{Feedback, Target};
use crate::validate::TARGET;

/// Cost when every label costs 1: N times d, with d = 1 for coarse feedback.
pub fn equal_cost(n_train: usize, feedback: &Feedback) -> f64 {
    n_train as f64 * feedback.attributes().len().max(1) as f64
}

/// Rater seconds of all labels: N times the seconds of each label of one pair; `None` if those of one are unknown.
///
/// The seconds of a label are measured where the ratings of the same aspect have answer times, else from the pipeline
/// file. The coarse label of a tree is what raters are asked for in its place: `overall`.
pub fn seconds_cost(
    n_train: usize,
    feedback: &Feedback,
    target: &Target,
    images: &Images,
    seconds_per_label: &BTreeMap<String, f64>,
) -> Option<f64> {
    let seconds = |aspect: &str, key: &str| images.mean_seconds(aspect).or_else(|| seconds_per_label.get(key).copied());
    let of_one_pair: Option<f64> = match feedback {
        Feedback::Coarse => match target {
            Target::Aspect { aspect, .. } => seconds(aspect, TARGET),
            Target::Tree(_) => seconds(OVERALL, TARGET),
        },
        Feedback::Fine(attributes) => attributes.iter().map(|attribute| seconds(attribute, attribute)).sum(),
    };
    of_one_pair.map(|seconds| n_train as f64 * seconds)
}
