//! What the labels of a model cost to collect (Fig. 2, right; Table 2).

use std::collections::BTreeMap;

use tables::OVERALL;

use crate::images::Images;
use crate::settings::{Feedback, Target};
use crate::validate::TARGET;

/// Cost when every label costs 1: N times d, with d = 1 for coarse feedback, and the target labels of `n_validation`
/// images if stage 2 was fitted on those. (Fitted in-sample, the paper counts no target labels.)
pub fn equal_cost(n_train: usize, n_validation: usize, feedback: &Feedback) -> f64 {
    (n_train * feedback.attributes().len().max(1) + n_validation) as f64
}

/// Rater seconds of the same labels; `None` if those of one are unknown.
///
/// The seconds of a label are measured where the ratings of the same aspect have answer times, else from the pipeline
/// file. The coarse label of a tree is what raters are asked for in its place: `overall`.
pub fn seconds_cost(
    n_train: usize,
    n_validation: usize,
    feedback: &Feedback,
    target: &Target,
    images: &Images,
    seconds_per_label: &BTreeMap<String, f64>,
) -> Option<f64> {
    let of_label = |aspect: &str, key: &str| seconds_of_label(aspect, key, images, seconds_per_label);
    let of_target = || match target {
        Target::Aspect { aspect, .. } => of_label(aspect, TARGET),
        Target::Tree(_) => of_label(OVERALL, TARGET),
    };
    let of_one_pair: Option<f64> = match feedback {
        Feedback::Coarse => of_target(),
        Feedback::Fine(attributes) => attributes.iter().map(|attribute| of_label(attribute, attribute)).sum(),
    };
    let of_validation = if n_validation > 0 { of_target()? * n_validation as f64 } else { 0.0 };
    of_one_pair.map(|seconds| n_train as f64 * seconds + of_validation)
}

/// Rater seconds of one label, measured or else stated; `key` is its name in the pipeline file.
pub fn seconds_of_label(
    aspect: &str,
    key: &str,
    images: &Images,
    seconds_per_label: &BTreeMap<String, f64>,
) -> Option<f64> {
    images.mean_seconds(aspect).or_else(|| seconds_per_label.get(key).copied())
}

#[cfg(test)]
mod tests {
    use tables::{Image, Rating, Split};

    use super::*;
    use crate::threshold::Policy;
    use crate::tree::Tree;

    fn images() -> Images {
        let image = |at: usize| Image {
            image_id: format!("i{at}"),
            prompt_id: "p".into(),
            generator: None,
            path: None,
            sha256: None,
            width: None,
            height: None,
            bytes: None,
            split: Split::Train,
        };
        let rating = |at: usize, rater: &str, aspect: &str, seconds: Option<f64>| Rating {
            image_id: format!("i{at}"),
            rater_id: rater.into(),
            aspect: aspect.into(),
            context: None,
            rating: 1.0,
            seconds,
        };
        // One image has two times, the other one: each rating counts once, not each image.
        let ratings = vec![
            rating(0, "a", OVERALL, Some(2.0)),
            rating(0, "b", OVERALL, Some(4.0)),
            rating(1, "a", OVERALL, Some(12.0)),
            rating(2, "a", OVERALL, None),
            rating(0, "a", "realism", Some(3.0)),
            rating(0, "a", "bright", None),
        ];
        Images::new((0..3).map(image).collect(), vec![], vec![], vec![]).with_ratings(ratings)
    }

    #[test]
    fn measured_seconds_come_before_stated_ones_and_one_unknown_makes_the_cost_unknown() {
        let stated =
            BTreeMap::from([("bright".to_owned(), 10.0), ("realism".to_owned(), 99.0), ("target".to_owned(), 50.0)]);
        let overall = Target::Aspect { aspect: OVERALL.into(), context: None, threshold: Policy::Median {} };
        let appeal = Target::Aspect { aspect: "appeal".into(), context: None, threshold: Policy::Median {} };
        let tree = Target::Tree(Tree::Leaf(true));
        let fine = |names: &[&str]| Feedback::Fine(names.iter().map(|&name| name.to_owned()).collect());
        let cost = |feedback: &Feedback, target: &Target| seconds_cost(10, 0, feedback, target, &images(), &stated);
        assert_eq!(cost(&Feedback::Coarse, &overall), Some(60.0), "the mean over the three ratings with a time");
        assert_eq!(cost(&Feedback::Coarse, &tree), Some(60.0));
        assert_eq!(cost(&Feedback::Coarse, &appeal), Some(500.0));
        assert_eq!(cost(&fine(&["realism", "bright"]), &overall), Some(10.0 * (3.0 + 10.0)));
        assert_eq!(cost(&fine(&["realism", "noun"]), &overall), None);
        let with_validation =
            |feedback: &Feedback, target: &Target| seconds_cost(10, 7, feedback, target, &images(), &stated);
        assert_eq!(with_validation(&fine(&["bright"]), &tree), Some(10.0 * 10.0 + 7.0 * 6.0));
        assert_eq!(equal_cost(10, 0, &Feedback::Coarse), 10.0);
        assert_eq!((equal_cost(10, 0, &fine(&["a", "b"])), equal_cost(10, 7, &fine(&["a", "b"]))), (20.0, 27.0));
    }
}
