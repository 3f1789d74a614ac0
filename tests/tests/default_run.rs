//! The default run on a small world: every table, nothing to do the second time, and only what depends on a change
//! runs again.

#![allow(clippy::unwrap_used, reason = "helpers of tests: a panic names the failing line")]

use std::collections::BTreeSet;

use finegrain_tests::Project;
use tables::{
    Answer, AnswerStatus, AttributeScore, Image, ImageEmbedding, MetricValue, Prediction, Preference, RewardModel,
    Split,
};

/// The stages that a run's own words say it ran.
fn ran(said: &str) -> BTreeSet<&str> {
    said.lines()
        .filter_map(|line| line.split_once(": running"))
        .map(|(before, _)| before.rsplit(' ').next().unwrap_or(""))
        .collect()
}

fn set<'a>(names: &[&'a str]) -> BTreeSet<&'a str> {
    names.iter().copied().collect()
}

#[test]
fn a_default_run_writes_every_table_and_a_second_one_has_nothing_to_do() {
    let project = Project::new(12);
    let said = project.runs(&[]);
    assert_eq!(ran(&said), set(&["ingest", "vq2-parse", "synth-feedback", "embed", "train", "evaluate"]), "{said}");
    let checked = project.succeeds(&["check"]);
    assert!(!checked.contains("not there yet"), "{checked}");

    let images = project.rows::<Image>();
    assert_eq!(images.len(), 48);
    let vectors = project.rows::<ImageEmbedding>();
    assert_eq!(vectors.len(), 48);
    assert!(vectors.iter().all(|row| row.image_embedding.as_ref().is_some_and(|vector| vector.len() == 1280)));
    assert!(vectors.iter().all(|row| row.text_embedding.as_ref().is_some_and(|vector| vector.len() == 384)));
    let answers = project.rows::<Answer>();
    assert!(answers.iter().all(|answer| answer.status == AnswerStatus::Ok && answer.p_yes.is_some()));
    let overall = project.rows::<Preference>().into_iter().filter(|preference| preference.aspect == "overall");
    assert!(overall.clone().count() == 48 && overall.into_iter().all(|preference| preference.n_ratings == 9));
    let models = project.rows::<RewardModel>();
    let trained = models.iter().filter(|model| model.reason.is_none());
    let predictions = project.rows::<Prediction>();
    assert_eq!(predictions.len(), trained.count() * 48);
    let metrics = project.rows::<MetricValue>();
    assert!(metrics.iter().any(|row| row.metric == "roc_auc" && row.split == Split::Test && row.value.is_some()));
    assert!(project.text("data/run/report/index.html").contains("<svg"));

    let said = project.runs(&[]);
    assert!(ran(&said).is_empty() && said.contains("nothing to do"), "{said}");
}

#[test]
fn only_what_depends_on_a_change_runs_again() {
    let mut project = Project::new(8);
    project.runs(&[]);

    // Another time, another place: the same content.
    for file in ["data/demo/ratings.csv", "data/demo/images.csv", "data/run/tables/images/images.parquet"] {
        project.write(file, std::fs::read(project.folder().join(file)).unwrap());
    }
    project.move_away();
    let said = project.runs(&[]);
    assert!(said.contains("nothing to do"), "{said}");

    let said = project.runs(&["--set", "train.seeds=[0,1]"]);
    assert_eq!(ran(&said), set(&["train", "evaluate"]), "{said}");
    assert!(said.contains("setting `seeds` went from [0] to [0,1]"), "{said}");
    project.runs(&[]);

    let ratings = project.text("data/demo/ratings.csv");
    let changed: String = ratings.lines().enumerate().map(|(at, line)| change_rating(at, line) + "\n").collect();
    assert_ne!(changed.trim_end(), ratings.trim_end());
    project.write("data/demo/ratings.csv", changed);
    let plan = project.succeeds(&[&["plan"], finegrain_tests::SMALL].concat());
    assert!(plan.contains("ingest          would run\n    because file `sources.ratings` changed"), "{plan}");
    let said = project.runs(&[]);
    assert_eq!(ran(&said), set(&["ingest", "train", "evaluate"]), "{said}");
}

/// The first data row's rating becomes another one of the scale.
fn change_rating(at: usize, line: &str) -> String {
    let mut cells: Vec<String> = line.split(',').map(str::to_owned).collect();
    if at == 1 {
        cells[4] = if cells[4].starts_with('4') { "1".into() } else { "4".into() };
    }
    cells.join(",")
}

#[test]
fn a_missing_answer_is_never_a_no_and_is_asked_for_again_only_if_it_was_an_error() {
    let project = Project::new(4);
    let faults = |faults: &str| {
        format!(
            "synth-feedback.endpoint.serve=[finegrain, demo-vlm, --data, data/demo, --port, '{{port}}', --fault, '{faults}']"
        )
    };
    let faulty = faults("no_token=0.2,no_logprobs=0.2");
    let missing_is_no = "synth-feedback.missing_answer=no";
    project.runs(&["--set", &faulty, "--set", missing_is_no, "--until", "synth-feedback"]);
    let answers = project.rows::<Answer>();
    let of = |status: AnswerStatus| answers.iter().filter(|answer| answer.status == status).count();
    let n_errors = of(AnswerStatus::Error);
    assert!(n_errors > 0 && of(AnswerStatus::NoYesNoToken) > 0 && of(AnswerStatus::Ok) > 0);
    assert!(answers.iter().all(|answer| answer.p_yes.is_some() == (answer.status == AnswerStatus::Ok)));
    for row in project.rows::<AttributeScore>() {
        let asked =
            answers.iter().find(|answer| answer.image_id == row.image_id && answer.question_id == row.attribute);
        let Some(asked) = asked else { continue };
        let as_no = asked.status == AnswerStatus::NoYesNoToken;
        assert_eq!(
            row.score,
            if as_no { Some(0.0) } else { asked.p_yes },
            "a failed call is no answer at all: {row:?}"
        );
        assert_eq!((row.n_questions, row.n_answered), (1, i64::from(asked.p_yes.is_some())));
    }
    let said = project.runs(&["--set", &faults("no_token=0.2"), "--set", missing_is_no, "--until", "synth-feedback"]);
    assert!(said.contains("asked again"), "{said}");
    assert_eq!(project.record("synth-feedback")["counts"]["asked"], n_errors, "{said}");
    let said = project.runs(&["--set", &faulty, "--set", missing_is_no, "--until", "synth-feedback"]);
    assert!(said.contains("nothing to do"), "{said}");
}

#[test]
fn a_report_or_model_that_is_gone_is_made_again() {
    let project = Project::new(8);
    project.runs(&[]);
    std::fs::remove_dir_all(project.folder().join("data/run/report")).unwrap();
    let said = project.runs(&[]);
    assert_eq!(ran(&said), set(&["evaluate"]), "{said}");
    project.runs(&["--set", "train.seeds=[1]"]);
    assert!(!project.folder().join("data/run/models/controlled/coarse/n16/s0/card.json").exists(), "seed 0 is gone");
    assert!(project.folder().join("data/run/models/controlled/coarse/n16/s1/card.json").exists());
}

#[test]
fn a_run_that_is_killed_loses_no_answer_and_the_next_one_ends_as_if_undisturbed() {
    let undisturbed = Project::new(6);
    undisturbed.runs(&[]);
    let project = Project::new(6);
    let log = "synth-feedback.endpoint.serve=[finegrain, demo-vlm, --data, data/demo, --port, '{port}', --latency-ms, '20', --log, data/asked.log, --exit-with-parent]";
    let words = [&["run", "--set", log], finegrain_tests::SMALL].concat();
    for milliseconds in [150, 700, 1500, 2500] {
        let mut run = project.start(&words);
        std::thread::sleep(std::time::Duration::from_millis(milliseconds));
        run.kill().unwrap();
        run.wait().unwrap();
        project.succeeds(&["check"]);
    }
    project.succeeds(&words);
    assert_eq!(project.contents(), undisturbed.contents());
    // What was answered before a kill was kept; only what was in flight then (32 at most) is asked again, by the next
    // run's own server: its number stands in its lines and does not count.
    let question = |line: &str| {
        let asked: serde_json::Value = serde_json::from_str(line).unwrap();
        (asked["sha256"].to_string(), asked["query"].to_string())
    };
    let asked: Vec<_> = project.text("data/asked.log").lines().map(question).collect();
    let answers = project.rows::<Answer>().len();
    assert!(!asked.is_empty(), "the log holds what was asked");
    let distinct = asked.iter().collect::<BTreeSet<_>>().len();
    let asked = asked.len();
    assert!(
        distinct <= answers && asked - distinct <= 4 * 32,
        "{asked} asked, {distinct} of them distinct, {answers} answers"
    );
}
