//! Experiment 2 on synthetic embeddings: the paper's findings (§6.2, Fig. 3) by the numbers, in worlds of several seeds.

use super::*;

const ATTRIBUTES: [&str; 8] =
    ["photorealistic", "visually compelling", "chaotic", "distorted", "bright", "captivating", "disturbing", "funny"];
const DIM: usize = 32;

/// 480 images whose embeddings mix eight independent attributes with noise; the target is the paper's tree of the
/// first three.
fn world(seed: u32) -> World {
    let mut random = stream(seed, "controlled world");
    let mixing: Vec<f32> = (0..ATTRIBUTES.len() * DIM).map(|_| random.random::<f32>() - 0.5).collect();
    let mut world = World::new();
    let (image, score, preference) = (world.images[0].clone(), world.scores[0].clone(), world.preferences[0].clone());
    (world.images, world.scores, world.preferences) = (vec![], vec![], vec![preference]);
    let mut embeddings = Vec::new();
    for at in 0..480 {
        let (image_id, prompt_id) = (format!("i{at:03}"), format!("p{:03}", at / 4));
        let split = [Split::Train, Split::Train, Split::Validation, Split::Test][at / 4 % 4];
        world.images.push(Image { image_id: image_id.clone(), prompt_id, split, ..image.clone() });
        let shown: Vec<f64> = ATTRIBUTES.iter().map(|_| random.random()).collect();
        for (attribute, &shown) in ATTRIBUTES.iter().zip(&shown) {
            let (attribute, image_id) = ((*attribute).to_owned(), image_id.clone());
            world.scores.push(AttributeScore { image_id, attribute, score: Some(shown), ..score.clone() });
        }
        let mixed = |column: usize| -> f32 {
            let of = |(at, shown): (usize, &f64)| mixing[at * DIM + column] * (*shown as f32 - 0.5);
            shown.iter().enumerate().map(of).sum()
        };
        let vector = (0..DIM).map(|column| 3.0 * mixed(column) + 0.5 * (random.random::<f32>() - 0.5)).collect();
        embeddings.push(ImageEmbedding { image_id, image_embedding: Some(vector), text_embedding: None });
    }
    world.preferences[0].image_id = "i000".into();
    world.embeddings = Some(embeddings);
    world
}

const EXPERIMENT: &str = r"
device: cpu
mlp: { hidden: [32, 32], epochs: 60, batch_size: 32, learning_rate: 3.0e-3, init: kaiming_uniform }
seeds: [0, 1]
n_train: [60, 240]
aggregator_c: 1.0
thresholds: { default: { policy: median } }
no_question: aligned
experiments:
  controlled:
    target:
      tree:
        if: photorealistic
        yes: { if: visually compelling, yes: good, no: { if: chaotic, yes: bad, no: good } }
        no: bad
    inputs: image
    source: vlm
    arms:
      coarse: { feedback: coarse }
      tree: { attributes: [photorealistic, visually compelling, chaotic] }
      all: { attributes: [photorealistic, visually compelling, chaotic, distorted, bright, captivating, disturbing, funny] }
      not in tree: { attributes: [distorted, bright, captivating, disturbing, funny] }
";

/// The tree is no sum of its attributes, so that the linear aggregator can only come near it: with many labels coarse
/// feedback catches up. What was measured when the bounds were set, as the mean over the four worlds of tree less coarse:
/// +.011 at 60 pairs (−.026 to +.038), −.011 at 240 (−.025 to +.011); not in tree less tree: −.36 at least.
#[test]
fn the_tree_s_attributes_do_as_well_as_coarse_labels_and_better_with_few_and_those_not_in_it_far_worse() {
    let settings = parse(EXPERIMENT).unwrap();
    let mut with_few = Vec::new();
    for seed in 0..4 {
        let world = world(seed);
        let results = world.run(&settings).unwrap();
        let labels = results.rows::<Label>().into_iter().filter(|row| row.attribute == "target");
        let good: BTreeMap<String, bool> = labels.map(|row| (row.image_id, row.label.unwrap())).collect();
        let test: BTreeSet<&str> = world.of_split(Split::Test).map(|at| world.images[at].image_id.as_str()).collect();
        for n in [60, 240] {
            let auc = |arm: &str| {
                let of_seed = |s: u32| auc(&results.rewards(&format!("controlled/{arm}/n{n}/s{s}")), &good, &test);
                (of_seed(0) + of_seed(1)) / 2.0
            };
            let (coarse, tree, all, not_in_tree) = (auc("coarse"), auc("tree"), auc("all"), auc("not in tree"));
            println!("world {seed}, {n} pairs: coarse {coarse:.3}, tree {tree:.3}, all {all:.3}, not {not_in_tree:.3}");
            assert!(tree >= coarse - 0.05, "world {seed}, {n} pairs: tree {tree}, coarse {coarse}");
            assert!(not_in_tree <= tree.min(coarse) - 0.25, "world {seed}, {n} pairs: not in tree {not_in_tree}");
            assert!((all - tree).abs() < 0.1, "world {seed}, {n} pairs: all {all}, tree {tree}");
            if n == 60 {
                with_few.push(tree - coarse);
            }
        }
    }
    let mean = with_few.iter().sum::<f64>() / with_few.len() as f64;
    assert!(mean > 0.0, "{with_few:?}");
}

/// `cargo nextest run -p pipeline -p train --run-ignored only --no-capture -E 'test(paper_s_setting)'`, or `make paper-shape`
#[test]
#[ignore = "a measurement of minutes"]
fn the_paper_s_setting_runs_at_full_size_on_random_embeddings() {
    let yaml: serde_yaml::Value =
        serde_yaml::from_str(include_str!("../../../../examples/paper/pipeline.yaml")).unwrap();
    let settings: Settings = serde_yaml::from_value(yaml["train"].clone()).unwrap();
    let mut random = stream(0, "paper shape");
    let mut world = World::new();
    let (image, score, preference) = (world.images[0].clone(), world.scores[0].clone(), world.preferences[0].clone());
    (world.images, world.scores, world.preferences) = (vec![], vec![], vec![]);
    let attributes: Vec<String> =
        settings.experiments["preferences"].attributes().into_iter().map(str::to_owned).collect();
    let mut embeddings = Vec::new();
    for at in 0..5352 {
        let (image_id, prompt) = (format!("i{at:04}"), at / 4);
        let split = match prompt {
            0..669 => Split::Train,
            669..1003 => Split::Validation,
            _ => Split::Test,
        };
        let prompt_id = format!("p{prompt:04}");
        world.images.push(Image { image_id: image_id.clone(), prompt_id, split, ..image.clone() });
        world.scores.extend(attributes.iter().map(|attribute| AttributeScore {
            image_id: image_id.clone(),
            attribute: attribute.clone(),
            score: Some(random.random()),
            n_questions: 1,
            n_answered: 1,
            ..score.clone()
        }));
        let mean_rating = random.random();
        world.preferences.push(Preference { image_id: image_id.clone(), mean_rating, ..preference.clone() });
        let mut vector = |n: usize| Some((0..n).map(|_| random.random::<f32>() - 0.5).collect());
        embeddings.push(ImageEmbedding { image_id, image_embedding: vector(1024), text_embedding: vector(768) });
    }
    world.embeddings = Some(embeddings);
    let timed = |settings: &Settings| {
        let start = std::time::Instant::now();
        (world.run(settings).unwrap(), start.elapsed().as_secs_f64())
    };
    let (results, seconds) = timed(&settings);
    let (_, all_but_networks) = timed(&settings);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    println!("{:?}: {seconds:.1} s, with kept networks {all_but_networks:.1} s, {peak}", results.counts);
    // What comes after the networks does not depend on their epochs.
    let mut folded = Settings { stage2_on: crate::Stage2On::OutOfFold, folds: Some(5), ..settings.clone() };
    folded.mlp.epochs = 1;
    timed(&folded);
    println!("out of fold with kept networks {:.1} s", timed(&folded).1);
    assert_eq!(results.counts["models"], 8 * 7 * 5);
    let largest = results.model("preferences/all/n2676/s4");
    assert_eq!((largest.n_used, largest.cost_equal), (2676, 2676.0 * 12.0));
}
