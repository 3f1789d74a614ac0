//! Which models are trained, and on which pairs.
//!
//! All arms of one (experiment, seed, size) train on the same pairs, so that they are compared on equal data, and the
//! pairs of a smaller size are among those of a larger one.

use std::collections::BTreeMap;
use std::sync::Arc;

use tables::Split;

use crate::images::Images;
use crate::label::ExperimentLabels;
use crate::settings::{Experiment, Feedback, Settings, TrainSize};
use crate::variant::Variant;

/// One model to be.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedRun<'a> {
    /// `<experiment>/<arm>/n<n_train>/s<seed>`.
    pub run_id: String,
    /// The experiment's name.
    pub experiment: &'a str,
    /// The arm's name.
    pub arm: &'a str,
    /// What it learns from.
    pub feedback: &'a Feedback,
    /// What kind of model it is.
    pub variant: Variant<'a>,
    /// Seeds the draw of its pairs, its weights and its shuffles.
    pub seed: u32,
    /// Its training pairs, as rows of [`Images`], ascending.
    pub training_rows: Arc<Vec<usize>>,
}

/// Lays out all runs of all experiments, sorted by run id. A size above the number of pairs means all of them; sizes
/// that come out equal are one run.
pub fn plan<'a>(
    settings: &'a Settings,
    labels: &BTreeMap<String, ExperimentLabels>,
    images: &Images,
) -> Vec<PlannedRun<'a>> {
    let mut runs = BTreeMap::new();
    for (name, experiment) in &settings.experiments {
        let candidates = labels.get(name).map(|labels| candidates(experiment, labels, images));
        for &seed in &settings.seeds {
            let order = drawing_order(candidates.as_deref().unwrap_or_default(), seed, &images.ids);
            for size in &settings.n_train.0 {
                let n_train = match size {
                    TrainSize::Pairs(n) => (*n).min(order.len()),
                    TrainSize::All => order.len(),
                };
                let mut drawn = order[..n_train].to_vec();
                drawn.sort_unstable();
                let training_rows = Arc::new(drawn);
                for (arm_name, arm) in &experiment.arms {
                    let run_id = format!("{name}/{arm_name}/n{n_train}/s{seed}");
                    runs.entry(run_id.clone()).or_insert_with(|| PlannedRun {
                        run_id,
                        experiment: name,
                        arm: arm_name,
                        feedback: &arm.feedback,
                        variant: Variant::of(settings, experiment, arm),
                        seed,
                        training_rows: training_rows.clone(),
                    });
                }
            }
        }
    }
    runs.into_values().collect()
}

/// The pairs of the training split that every arm of an experiment can use: with a target label, and with the
/// embeddings that one of its arms reads.
fn candidates(experiment: &Experiment, labels: &ExperimentLabels, images: &Images) -> Vec<usize> {
    let usable = |&row: &usize| {
        images.splits[row] == Split::Train
            && labels.target.labels[row].is_some()
            && experiment.arms.values().all(|arm| images.has(row, experiment.inputs_of(arm)))
    };
    (0..images.len()).filter(usable).collect()
}

/// Rows in the order in which a seed draws them: by a hash of the seed and the image, so that a pair more or less in
/// the data moves no other.
fn drawing_order(rows: &[usize], seed: u32, image_ids: &[String]) -> Vec<usize> {
    let mut order = rows.to_vec();
    order.sort_by_cached_key(|&row| {
        (*blake3::hash(format!("{seed}/draw/{}", image_ids[row]).as_bytes()).as_bytes(), row)
    });
    order
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tables::{Image, ImageEmbedding, OVERALL, Preference};

    use super::*;
    use crate::label::label_experiment;

    /// `n` images, every fourth for testing, and every fifth without a rating.
    fn images(n: usize) -> Images {
        let id = |at: usize| format!("i{at:03}");
        let image = |at: usize| Image {
            image_id: id(at),
            prompt_id: "p".into(),
            generator: None,
            path: None,
            sha256: None,
            width: None,
            height: None,
            bytes: None,
            split: if at % 4 == 3 { Split::Test } else { Split::Train },
        };
        let rating = |at: usize| Preference {
            image_id: id(at),
            aspect: OVERALL.into(),
            mean_rating: (at % 7) as f64,
            n_ratings: 1,
            std_rating: None,
            mean_seconds: None,
        };
        let vector = |at: usize| ImageEmbedding {
            image_id: id(at),
            image_embedding: Some(vec![1.0]),
            text_embedding: (at > 5).then(|| vec![2.0]),
        };
        Images::new(
            (0..n).rev().map(image).collect(),
            vec![],
            (0..n).filter(|at| at % 5 > 0).map(rating).collect(),
            (0..n).map(vector).collect(),
        )
    }

    fn settings(n_train: &str, arms: &str) -> Settings {
        let yaml = format!(
            "{{device: cpu, seeds: [0, 1], n_train: {n_train}, aggregator_c: 1, no_question: aligned,
              mlp: {{hidden: [2], epochs: 1, batch_size: 1, learning_rate: 1, init: lecun_normal}},
              thresholds: {{default: {{policy: median}}}},
              experiments: {{e: {{target: {{aspect: overall, threshold: {{policy: median}}}}, inputs: image,
                source: vlm, arms: {arms}}}}}}}"
        );
        serde_yaml::from_str(&yaml).unwrap()
    }

    fn planned(settings: &Settings, images: &Images) -> Vec<(String, Vec<usize>)> {
        let labels = label_experiment("e", &settings.experiments["e"], settings, images).unwrap();
        let runs = plan(settings, &BTreeMap::from([("e".to_owned(), labels)]), images);
        runs.into_iter().map(|run| (run.run_id, run.training_rows.to_vec())).collect()
    }

    const TWO_ARMS: &str = "{a: {feedback: coarse}, b: {feedback: coarse, inputs: image}}";

    #[test]
    fn pairs_are_drawn_among_rated_training_images_and_are_the_same_for_all_arms() {
        let images = images(100);
        let runs: BTreeMap<_, _> = planned(&settings("[10, 20, 40]", TWO_ARMS), &images).into_iter().collect();
        assert_eq!(runs.len(), 12);
        for (run_id, rows) in &runs {
            let n: usize = run_id.split('/').nth(2).unwrap()[1..].parse().unwrap();
            assert_eq!(rows.len(), n);
            assert!(rows.is_sorted() && rows.iter().all(|row| row % 4 != 3 && row % 5 != 0), "{run_id}: {rows:?}");
            assert_eq!(rows, &runs[&run_id.replace("/a/", "/b/")]);
        }
        assert_ne!(runs["e/a/n10/s0"], runs["e/a/n10/s1"], "seeds draw their own");
    }

    #[test]
    fn smaller_sets_are_part_of_larger_ones() {
        let runs: BTreeMap<_, _> = planned(&settings("[10, 20, all]", TWO_ARMS), &images(100)).into_iter().collect();
        let of = |n: usize| runs[&format!("e/a/n{n}/s0")].iter().collect::<BTreeSet<_>>();
        assert!(of(10).is_subset(&of(20)) && of(20).is_subset(&of(60)), "60 have a rating and are for training");
    }

    #[test]
    fn sizes_above_what_there_is_are_one_run_with_all() {
        let ids = |n_train: &str, arms: &str, n_images: usize| -> Vec<String> {
            planned(&settings(n_train, arms), &images(n_images)).into_iter().map(|run| run.0).collect()
        };
        let clamped = ids("[10, 60, 400, all, 10]", "{a: {feedback: coarse}}", 100);
        assert_eq!(clamped, ["e/a/n10/s0", "e/a/n10/s1", "e/a/n60/s0", "e/a/n60/s1"]);
        let none = ids("[10, all]", "{a: {feedback: coarse, inputs: text}}", 5);
        assert_eq!(none, ["e/a/n0/s0", "e/a/n0/s1"], "recorded with a reason, not left out");
    }

    #[test]
    fn an_image_more_in_the_data_moves_no_other_pair_but_the_last() {
        let (small, large) = (images(100), images(101));
        let settings = settings("[30]", "{a: {feedback: coarse}}");
        let of = |images: &Images| planned(&settings, images)[0].1.iter().copied().collect::<BTreeSet<_>>();
        assert!(of(&small).difference(&of(&large)).count() <= 1);
    }

    #[test]
    fn pairs_have_the_embeddings_that_any_arm_reads() {
        let arms = "{a: {feedback: coarse}, b: {feedback: coarse, inputs: image+text}}";
        let runs: BTreeMap<_, _> = planned(&settings("all", arms), &images(20)).into_iter().collect();
        let rows = runs.values().next().unwrap();
        assert!(!rows.is_empty() && rows.iter().all(|&row| row > 5), "the first six have no text: {rows:?}");
        assert_eq!(runs["e/a/n9/s0"], runs["e/b/n9/s0"]);
    }
}
