//! Budget advice, from the demo's pictures to the sentence.

#![allow(clippy::unwrap_used, reason = "helpers of tests: a panic names the failing line")]

use finegrain_tests::{Project, SMALL};
use serde_json::Value;

const SIZES: &str = "train.n_train=[8,12,16,24]";

fn advise(project: &Project, words: &[&str]) -> String {
    project.succeeds(&[&["advise", "--set", SIZES, "--quiet"], words, SMALL].concat())
}

fn json(project: &Project, words: &[&str]) -> Vec<Value> {
    serde_json::from_str(&advise(project, &[words, &["--json"]].concat())).unwrap()
}

#[test]
fn a_budget_in_seconds_labels_or_money_becomes_an_arm_and_a_number_of_images() {
    let project = Project::new(16);
    project.runs(&["--set", SIZES]);

    let said = advise(&project, &["--budget", "2000"]);
    assert!(said.contains("experiment preferences, budget 2,000 s of raters' time"), "{said}");
    assert!(said.contains("only 4 test prompts"), "{said}");
    assert!(said.contains("not judged: the seconds of labels of `noun`"), "a word takes nobody's time: {said}");

    // What an arm is said to cost fits the budget, and its numbers fit each other.
    let in_seconds = json(&project, &["--budget", "2000", "--experiment", "preferences"]);
    let [advice] = &in_seconds[..] else { panic!("one experiment: {in_seconds:?}") };
    let judged: Vec<&Value> =
        advice["arms"].as_array().unwrap().iter().filter(|arm| !arm["expected_auc"].is_null()).collect();
    assert!(judged.len() >= 2, "{advice}");
    let number = |value: &Value| value.as_f64().unwrap();
    for arm in &judged {
        let (n, cost) = (number(&arm["n_images"]), number(&arm["cost"]));
        assert!((n * number(&arm["cost_per_image"]) - cost).abs() < 1e-6 && cost <= 2_000.0, "{arm}");
        let auc = &arm["expected_auc"];
        assert!(number(&auc["ci_low"]) <= number(&auc["ci_high"]), "{arm}");
    }
    let aucs: Vec<f64> = judged.iter().map(|arm| number(&arm["expected_auc"]["value"])).collect();
    assert!(aucs.is_sorted_by(|a, b| a >= b), "the best first: {aucs:?}");

    // Money is time: 10 at 18 an hour are 2,000 s.
    let in_money = ["--budget", "10", "--in", "money", "--per-hour", "18", "--experiment", "preferences"];
    assert_eq!(json(&project, &in_money), in_seconds);
    assert!(advise(&project, &in_money).starts_with("10 at 18 an hour are 2,000 s of raters' time\n"));
    let few = json(&project, &["--budget", "1e6", "--images", "10"]);
    let arms = few.iter().flat_map(|advice| advice["arms"].as_array().unwrap());
    for arm in arms.filter(|arm| !arm["expected_auc"].is_null()) {
        assert_eq!((&arm["n_images"], &arm["bounded_by"]), (&10.into(), &"images".into()), "{arm}");
    }
    let in_labels = json(&project, &["--budget", "200", "--in", "labels"]);
    assert!(
        in_labels
            .iter()
            .flat_map(|advice| advice["arms"].as_array().unwrap())
            .all(|arm| arm["cost_per_image"].is_number())
    );

    let little = advise(&project, &["--budget", "10"]);
    assert!(little.contains("no advice: no arm can be judged at this budget"), "{little}");
    let refused = |words: &[&str], code: i32, expect: &str| {
        let ended = project.finegrain(&[&["advise"], words, SMALL].concat());
        assert!(ended.code() == Some(code) && ended.text().contains(expect), "{}", ended.text());
    };
    refused(&["--budget", "0"], 2, "must be a plain number above 0");
    refused(&["--budget", "-5"], 2, "must be a plain number above 0");
    refused(&["--budget", "5", "--per-hour", "15"], 2, "--per-hour goes with --in money");
    refused(&["--budget", "20k"], 2, "must be a plain number above 0");
    refused(&["--budget", "5", "--experiment", "none"], 2, "there are: controlled, preferences");
    refused(&["--budget", "5", "--in", "money"], 2, "--per-hour");
    refused(&["--budget", "5", "--in", "money", "--per-hour", "0"], 2, "must be a plain number above 0");
}
