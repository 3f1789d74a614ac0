//! How much memory and time many predictions take: `many_predictions write DIR RUNS IMAGES` makes the tables of a run with RUNS
//! reward models (ten arms, five seeds) that each predict IMAGES images; `many_predictions run DIR` evaluates them and prints
//! the seconds and the process's peak resident memory.

#![allow(clippy::unwrap_used, clippy::cast_precision_loss, reason = "a benchmark: a panic names the failing line")]

use evaluate::{Advice, Bootstrap, Evaluate, Report, Settings};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tables::{
    AggregatorWeight, Answer, AttributeScore, Image, ImageFiles, Label, Location, Prediction, Preference,
    ProgressStyle, Prompt, Question, Rating, RewardModel, Split, Stage, StageName, StageRun, Staging, Storage,
};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let storage = Storage::open(&Location::new(arguments[1].as_str())).unwrap();
    match arguments[0].as_str() {
        "write" => write(&storage, arguments[2].parse().unwrap(), arguments[3].parse().unwrap()),
        _ => run(&storage),
    }
}

fn write(storage: &Storage, n_runs: usize, n_images: usize) {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let split = |prompt: usize| if prompt.is_multiple_of(2) { Split::Test } else { Split::Validation };
    let images: Vec<Image> = (0..n_images)
        .map(|at| Image {
            image_id: format!("image-{at:07}"),
            prompt_id: format!("prompt-{:06}", at / 4),
            generator: None,
            path: None,
            sha256: None,
            width: None,
            height: None,
            bytes: None,
            split: split(at / 4),
        })
        .collect();
    let prompts: Vec<Prompt> = (0..n_images.div_ceil(4))
        .map(|at| Prompt {
            prompt_id: format!("prompt-{at:06}"),
            prompt: "a dog".into(),
            category: None,
            challenge: None,
            split: split(at),
        })
        .collect();
    let labels: Vec<Label> = images
        .iter()
        .map(|image| Label {
            experiment: "e".into(),
            image_id: image.image_id.clone(),
            attribute: "target".into(),
            score: None,
            threshold: None,
            label: Some(rng.random_bool(0.5)),
        })
        .collect();
    let models: Vec<RewardModel> = (0..n_runs)
        .map(|at| RewardModel {
            run_id: format!("e/run-{at:05}"),
            experiment: "e".into(),
            arm: format!("arm {}", at % 10),
            attributes: vec!["a".into(); at % 10],
            inputs: "image".into(),
            bottleneck: None,
            labels: "hard".into(),
            loss: "pointwise".into(),
            hidden: None,
            stage2_on: None,
            class_weights: "none".into(),
            n_used: 25 * (1 + (at / 50) as i64),
            n_comparisons: None,
            degenerate: Vec::new(),
            epochs_run: None,
            n_train: 25 * (1 + (at / 50) as i64),
            seed: (at / 10 % 5) as i64,
            cost_equal: (25 * (1 + at / 50) * (at % 10).max(1)) as f64,
            cost_seconds: None,
            seconds: 1.0,
            device: "cpu".into(),
            reason: None,
        })
        .collect();
    let mut staging = Staging::new(storage.clone(), StageName::Train);
    let mut rows = |model: &RewardModel| -> Vec<Prediction> {
        let row = |(image, label): (&Image, &Label)| Prediction {
            run_id: model.run_id.clone(),
            image_id: image.image_id.clone(),
            split: image.split,
            reward: (rng.random::<f64>() + if label.label == Some(true) { 0.3 } else { 0.0 }) / 1.3,
        };
        images.iter().zip(&labels).map(row).collect()
    };
    let mut predictions = staging.writer(&[], &rows(&models[0])).unwrap();
    models[1..].iter().for_each(|model| predictions.append(&rows(model)).unwrap());
    staging.finish(predictions).unwrap();
    staging.write(&images, &[]).unwrap();
    staging.write(&prompts, &[]).unwrap();
    staging.write(&labels, &[]).unwrap();
    staging.write(&models, &[]).unwrap();
    staging.write::<Rating>(&[], &[]).unwrap();
    staging.write::<Preference>(&[], &[]).unwrap();
    staging.write::<Question>(&[], &[]).unwrap();
    staging.write::<Answer>(&[], &[]).unwrap();
    staging.write::<AttributeScore>(&[], &[]).unwrap();
    staging.write::<AggregatorWeight>(&[], &[]).unwrap();
    staging.commit("runs/train.json", "{}").unwrap();
}

fn run(storage: &Storage) {
    let settings = Settings {
        bootstrap: Bootstrap { replicates: 1_000, seed: 0 },
        calibration_bins: 10,
        advice: Advice { min_sizes: 4, furthest: 4.0 },
        report: Report { title: "ten million".into(), contact_sheets: None },
        sxs: None,
        seconds_per_label: std::collections::BTreeMap::new(),
    };
    let start = std::time::Instant::now();
    let images = ImageFiles::open(&Location::new("nowhere")).unwrap();
    let mut run = StageRun::new(storage.clone(), StageName::Evaluate, images, ProgressStyle::Silent);
    let counts = Evaluate::new(settings).unwrap().run(&mut run).unwrap();
    run.into_staging().commit("runs/evaluate.json", "{}").unwrap();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    println!("{:.1} s, {peak}, {counts:?}", start.elapsed().as_secs_f64());
}
