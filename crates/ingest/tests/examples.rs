//! The pipeline files of `examples/` on the data sets they are for. On request, because the data are not shipped:
//! `AVT_DATA=… DSG_DATA=… cargo nextest run --workspace -E 'package(ingest)' --run-ignored all`.

#![allow(clippy::unwrap_used, reason = "helpers of tests: a panic names the failing line")]

use std::collections::BTreeSet;
use std::path::Path;

use ingest::{Ingest, Settings};
use sources::{Sources, WantedColumn};
use tables::{
    Counts, Image, ImageFiles, Location, Preference, ProgressStyle, Prompt, Rating, Split, Stage, StageName, StageRun,
    Storage, Tables,
};

/// The pipeline file of an example, its variables filled in.
fn example(name: &str, variables: &[(&str, &str)]) -> serde_yaml::Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name).join("pipeline.yaml");
    let mut text = std::fs::read_to_string(path).unwrap();
    for (variable, value) in variables {
        text = text.replace(&format!("${{{variable}}}"), value);
    }
    serde_yaml::from_str(&text).unwrap()
}

fn run(pipeline: &serde_yaml::Value, root: &Path) -> (Counts, Tables) {
    let settings: Settings = serde_yaml::from_value(pipeline["ingest"].clone()).unwrap();
    let storage = Storage::open(&root.into()).unwrap();
    let images = ImageFiles::open(&Location::new(pipeline["image_root"].as_str().unwrap())).unwrap();
    let mut run = StageRun::new(storage.clone(), StageName::Ingest, images, ProgressStyle::Silent);
    let counts = Ingest::new(settings).unwrap().run(&mut run).unwrap();
    run.into_staging().commit("runs/ingest.json", "{}").unwrap();
    (counts, Tables::new(storage))
}

#[test]
#[ignore = "needs AVT_DATA"]
fn avt_gives_60_images_three_aspects_and_plausible_seconds() {
    let data = std::env::var("AVT_DATA").expect("AVT_DATA is the folder with ratings.csv");
    let root = tempfile::tempdir().unwrap();
    let (counts, tables) = run(&example("avt", &[("AVT_DATA", &data)]), root.path());
    assert_eq!((counts["prompts"], counts["images"], counts["ratings"]), (12, 60, 3 * 1_385));
    let prompts: Vec<Prompt> = tables.read().unwrap();
    let of = |split: Split| prompts.iter().filter(|prompt| prompt.split == split).count();
    assert_eq!((of(Split::Train), of(Split::Validation), of(Split::Test)), (6, 3, 3));
    let images: Vec<Image> = tables.read().unwrap();
    assert!(images.iter().all(|image| image.width.is_some() && image.sha256.is_some()));
    assert_eq!(images.iter().filter_map(|image| image.generator.as_deref()).collect::<BTreeSet<_>>().len(), 5);
    assert_eq!((images[0].image_id.as_str(), images[0].prompt_id.as_str()), ("craiyon/p01", "p01"));
    let ratings: Vec<Rating> = tables.read().unwrap();
    let aspects: BTreeSet<&str> = ratings.iter().map(|rating| rating.aspect.as_str()).collect();
    assert_eq!(aspects.into_iter().collect::<Vec<_>>(), ["overall", "prompt matching", "realism"]);
    assert!(ratings.iter().all(|rating| (1.0..=5.0).contains(&rating.rating)));
    // Python: datetime.strptime of both stamps; of 1,385 screens 4 are negative and 8 take 10 minutes or more.
    let mut seconds: Vec<f64> = ratings.iter().filter_map(|rating| rating.seconds).collect();
    seconds.sort_by(f64::total_cmp);
    println!("{} seconds, median {}", seconds.len(), seconds[seconds.len() / 2]);
    assert_eq!(seconds.len(), 3 * (1_385 - 4 - 8));
    assert!((seconds[seconds.len() / 2] - 13.7).abs() < 0.2);
    let preferences: Vec<Preference> = tables.read().unwrap();
    assert_eq!(preferences.len(), 180);
    assert!(preferences.iter().all(|row| (20..=27).contains(&row.n_ratings)));
}

#[test]
#[ignore = "needs DSG_DATA"]
fn tifa160_gives_800_images_without_pixels() {
    let data = std::env::var("DSG_DATA").expect("DSG_DATA is the folder with dsg-1k-anns.csv");
    let root = tempfile::tempdir().unwrap();
    let (counts, tables) = run(&example("tifa160", &[("DSG_DATA", &data)]), root.path());
    assert_eq!((counts["prompts"], counts["images"], counts["ratings"]), (160, 800, 3_995));
    let images: Vec<Image> = tables.read().unwrap();
    assert!(images.iter().all(|image| image.path.is_none() && image.sha256.is_none()));
    assert_eq!(images[0].image_id, "tifa160_0/mini-dalle");
    let prompts: Vec<Prompt> = tables.read().unwrap();
    assert_eq!(prompts.iter().filter(|prompt| prompt.split == Split::Train).count(), 80);
    let categories: BTreeSet<&str> = prompts.iter().filter_map(|prompt| prompt.category.as_deref()).collect();
    assert_eq!(categories.into_iter().collect::<Vec<_>>(), ["coco", "drawbench", "paintskill", "partiprompt"]);
    let preferences: Vec<Preference> = tables.read().unwrap();
    assert_eq!(preferences.iter().map(|row| row.n_ratings).sum::<i64>(), 3_995);
}

/// The published Spearman correlations, from the SELECTs of the example alone.
#[test]
#[ignore = "needs DSG_DATA"]
fn tifa160_answers_give_the_published_correlations() {
    let data = std::env::var("DSG_DATA").expect("DSG_DATA is the folder with dsg-1k-anns.csv");
    for (answers, n, expect) in [
        ("pali17b_vq2a", 800, 0.207),
        ("mplug_vq2a", 800, 0.212),
        ("pali17b_dsg", 795, 0.566),
        ("mplug_dsg", 795, 0.457),
    ] {
        let variables = [("DSG_DATA", data.as_str()), ("ANSWERS:-pali17b_vq2a", answers)];
        let pipeline = example("tifa160", &variables);
        let root = tempfile::tempdir().unwrap();
        let (_, tables) = run(&pipeline, root.path());
        let preferences: Vec<Preference> = tables.read().unwrap();
        let select = |stage: &str, sql: &str, wanted: &[WantedColumn]| {
            let section = &pipeline[stage]["import"];
            let sources: Sources = serde_yaml::from_value(section["sources"].clone()).unwrap();
            sources.select(section[sql].as_str().unwrap(), "example", wanted).unwrap()
        };
        let text = WantedColumn::text;
        let wanted = [text("prompt_id"), text("question_id"), text("question"), text("answer"), text("query")];
        let questions = select("vq2-parse", "questions", &wanted);
        let keys: BTreeSet<(String, String)> =
            questions.required_text("prompt_id").into_iter().zip(questions.required_text("question_id")).collect();
        assert_eq!(keys.len(), questions.n_rows(), "every question once");
        let rows =
            select("synth-feedback", "answers", &[text("image_id"), text("question_id"), text("answer").optional()]);
        let mut scores: std::collections::BTreeMap<String, (f64, f64)> = std::collections::BTreeMap::new();
        let answered = rows.required_text("image_id").into_iter().zip(rows.text("answer"));
        for ((image_id, answer), question_id) in answered.zip(rows.required_text("question_id")) {
            let prompt_id = image_id.split('/').next().unwrap().to_owned();
            assert!(keys.contains(&(prompt_id, question_id)), "every answer has its question");
            let sums = scores.entry(image_id).or_default();
            sums.0 += f64::from(answer.as_deref() == Some("yes"));
            sums.1 += 1.0;
        }
        let pairs: Vec<(f64, f64)> = preferences
            .iter()
            .filter_map(|row| scores.get(&row.image_id).map(|(yes, asked)| (row.mean_rating, yes / asked)))
            .collect();
        let rho = spearman(&pairs);
        println!("{answers}: {rho:.4} on {} images, {} questions, {} answers", pairs.len(), keys.len(), rows.n_rows());
        assert_eq!(pairs.len(), n);
        assert!((rho - expect).abs() < 0.0005, "{answers}: {rho}");
    }
}

fn spearman(pairs: &[(f64, f64)]) -> f64 {
    let a = ranks(&pairs.iter().map(|pair| pair.0).collect::<Vec<_>>());
    let b = ranks(&pairs.iter().map(|pair| pair.1).collect::<Vec<_>>());
    let mean = (a.len() as f64 + 1.0) / 2.0;
    let product = |x: &[f64], y: &[f64]| -> f64 { x.iter().zip(y).map(|(x, y)| (x - mean) * (y - mean)).sum() };
    product(&a, &b) / (product(&a, &a) * product(&b, &b)).sqrt()
}

/// One more than the number of smaller values, and half of the equal ones.
fn ranks(values: &[f64]) -> Vec<f64> {
    let rank = |value: &f64| {
        let smaller = values.iter().filter(|other| *other < value).count() as f64;
        let equal = values.iter().filter(|other| *other == value).count() as f64;
        smaller + (equal + 1.0) / 2.0
    };
    values.iter().map(rank).collect()
}
