//! Regression: a slice of questions in the manner of four kinds of prompts, written by us, with a floor under its figures.

use std::str::FromStr;

use tables::Bucket;

use super::bucket;

const SLICE: &[(&str, &str)] = &[
    ("photographs", include_str!("slice/photographs.tsv")),
    ("triples", include_str!("slice/triples.tsv")),
    ("odd scenes", include_str!("slice/odd_scenes.tsv")),
    ("styles", include_str!("slice/styles.tsv")),
];

/// The slice is easier than real questions: its gold follows the definitions, while DSG's has slips.
const LEAST_ACCURACY: f64 = 0.985;
const LEAST_MACRO_F1: f64 = 0.985;

/// (gold, chosen) for every row.
fn decisions() -> Vec<(Bucket, Bucket)> {
    let rows = SLICE.iter().flat_map(|(_, text)| text.lines()).filter(|line| !line.starts_with('#'));
    rows.map(|line| {
        let (question, gold) = line.split_once('\t').expect("question, tab, bucket");
        (Bucket::from_str(gold).expect("a bucket"), bucket(question, None).bucket)
    })
    .collect()
}

#[test]
fn the_slice_keeps_its_accuracy_and_macro_f1() {
    let decisions = decisions();
    assert!(decisions.len() >= 300, "{}", decisions.len());
    let share = |hits: usize, of: usize| hits as f64 / of as f64;
    let accuracy = share(decisions.iter().filter(|(gold, chosen)| gold == chosen).count(), decisions.len());
    let f1 = |bucket: Bucket| {
        let hits = decisions.iter().filter(|&&pair| pair == (bucket, bucket)).count();
        let gold = decisions.iter().filter(|(gold, _)| *gold == bucket).count();
        let chosen = decisions.iter().filter(|(_, chosen)| *chosen == bucket).count();
        share(2 * hits, gold + chosen)
    };
    let macro_f1 = Bucket::ALL.iter().map(|&b| f1(b)).sum::<f64>() / Bucket::ALL.len() as f64;
    assert!(accuracy >= LEAST_ACCURACY && macro_f1 >= LEAST_MACRO_F1, "accuracy {accuracy}, macro-F1 {macro_f1}");
}

#[test]
fn the_slice_asks_in_all_four_buckets() {
    let decisions = decisions();
    for &bucket in Bucket::ALL {
        assert!(decisions.iter().filter(|(gold, _)| *gold == bucket).count() >= 50, "{bucket}");
    }
}
