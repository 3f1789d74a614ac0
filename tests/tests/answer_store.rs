//! The answer store through the program: kills, what it costs, and the commands that look after it.

#![allow(clippy::unwrap_used, reason = "helpers of tests: a panic names the failing line")]

use std::collections::HashMap;
use std::time::{Duration, Instant};

use finegrain_tests::Project;
use tables::{Answer, AnswerStatus};

/// `finegrain run` up to the answers, with a server of these further arguments.
fn asks(more: &str) -> Vec<String> {
    let serve = format!(
        "synth-feedback.endpoint.serve=[finegrain, demo-vlm, --data, data/demo, --port, '{{port}}', --log, asked.log, \
         --exit-with-parent{more}]"
    );
    let limits =
        ["timeout_seconds=2", "max_attempts=6", "concurrency=8"].map(|set| format!("synth-feedback.endpoint.{set}"));
    let sets = limits.into_iter().chain([serve]).flat_map(|set| ["--set".to_owned(), set]);
    ["run", "--until", "synth-feedback"].map(str::to_owned).into_iter().chain(sets).collect()
}

fn words(owned: &[String]) -> Vec<&str> {
    owned.iter().map(String::as_str).collect()
}

fn n_asked(project: &Project) -> usize {
    std::fs::read(project.folder().join("asked.log")).map_or(0, |log| log.iter().filter(|byte| **byte == b'\n').count())
}

type Key = (String, String, String);

fn by_key(answers: Vec<Answer>) -> HashMap<Key, Answer> {
    let key = |answer: &Answer| (answer.image_id.clone(), answer.kind.as_str().to_owned(), answer.question_id.clone());
    answers.into_iter().map(|answer| (key(&answer), answer)).collect()
}

#[test]
fn killed_under_faults_every_answer_is_the_undisturbed_one_or_says_why_it_is_none() {
    let (undisturbed, faulty) = (Project::new(5), Project::new(5));
    undisturbed.succeeds(&words(&asks("")));
    let expected = by_key(undisturbed.rows());
    let faults = ", --latency-ms, '5', --fault, 'http_500=0.1,http_503=0.1,half_json=0.1,drop_connection=0.1,wrong_type=0.1,\
                  no_logprobs=0.05,no_token=0.05'";
    let arguments = asks(faults);
    for due in [60, 150] {
        let mut running = faulty.start(&words(&arguments));
        let deadline = Instant::now() + Duration::from_secs(60);
        while n_asked(&faulty) < due {
            assert!(Instant::now() < deadline && running.try_wait().unwrap().is_none(), "{due}");
            std::thread::sleep(Duration::from_millis(2));
        }
        running.kill().unwrap();
        running.wait().unwrap();
    }
    faulty.succeeds(&words(&arguments));
    let answers = by_key(faulty.rows());
    assert_eq!(answers.len(), expected.len());
    for (key, answer) in &answers {
        let other = &expected[key];
        match answer.status {
            AnswerStatus::Ok => assert_eq!((answer.p_yes, answer.logit_no), (other.p_yes, other.logit_no), "{key:?}"),
            AnswerStatus::Error | AnswerStatus::NoYesNoToken => assert_eq!(answer.p_yes, None, "{key:?}"),
            status => panic!("{status} for {key:?}"),
        }
    }
    let n_ok = answers.values().filter(|answer| answer.status == AnswerStatus::Ok).count();
    assert!(n_ok * 10 > answers.len() * 7, "{n_ok} of {}", answers.len());

    let inspected = faulty.succeeds(&["answers", "inspect"]);
    assert!(inspected.contains(&format!("{} answers in ", answers.len())), "{inspected}");
    assert!(inspected.contains("`demo-vlm`") && inspected.contains(&format!("{n_ok} ok")), "{inspected}");
    // Merged, it has the same answers in one part; a run still asks only what failed.
    faulty.succeeds(&["answers", "compact"]);
    let merged = faulty.succeeds(&["answers", "inspect"]);
    assert!(merged.contains("in 1 parts") && merged.contains(&format!("{n_ok} ok")), "{merged}");
    let before = n_asked(&faulty);
    faulty.succeeds(&words(&asks("")));
    let n_failed = answers.values().filter(|answer| answer.status == AnswerStatus::Error).count();
    assert_eq!(n_asked(&faulty) - before, n_failed);
}

#[test]
fn a_plan_shows_the_cost_and_a_limit_stops_a_run_that_another_one_takes_up() {
    let project = Project::new(3);
    let whole = asks("");
    let free = words(&whole);
    let prices = "synth-feedback.endpoint.prices={ input_per_million_tokens: 1, per_request: 0.01, currency: EUR }";
    let tokens = "synth-feedback.endpoint.image_tokens=240";
    let plan = |more: &[&str]| project.succeeds(&[&["plan", "--until", "synth-feedback"], more].concat());
    project.succeeds(&["run", "--until", "vq2-parse"]);
    let shown = plan(&["--set", prices, "--set", tokens]);
    assert!(shown.contains("VLM calls to `demo-vlm`") && shown.contains("prompt tokens"), "{shown}");
    assert!(shown.contains("EUR without retries, at the prices of the pipeline file"), "{shown}");

    let limit = "synth-feedback.endpoint.max_requests=40";
    let stopped = project.finegrain(&[&free[..], &["--set", limit]].concat());
    assert_eq!(stopped.code(), Some(1), "{}", stopped.text());
    assert!(
        stopped.text().contains("`max_requests: 40`") && stopped.text().contains("resume with"),
        "{}",
        stopped.text()
    );
    assert_eq!(n_asked(&project), 40);
    let said = project.succeeds(&free);
    let counts = &project.record("synth-feedback")["counts"];
    assert_eq!(counts["reused"], 40, "{said}");
    assert_eq!(counts["requests"], counts["asked"], "nothing failed");
    let n = counts["ok"].as_u64().unwrap();
    assert_eq!(n_asked(&project) as u64, n);

    let again = project.succeeds(&["answers", "rescore"]);
    assert!(again.starts_with(&format!("{n} answers read anew: 0 come out otherwise")), "{again}");
    let would_go = project.succeeds(&["answers", "prune", "--unreferenced"]);
    assert!(would_go.contains("0 answers would go"), "{would_go}");
    let other = ["--set", "synth-feedback.quality.attributes=[bright]"];
    let unreferenced = [&["answers", "prune", "--unreferenced"], &other[..]].concat();
    let would_go = project.succeeds(&unreferenced);
    assert!(would_go.contains(&format!("{} answers would go", 7 * 12)), "{would_go}");
    project.succeeds(&[&unreferenced[..], &["--delete"]].concat());
    // The tables are as they were; another setting makes the stage run again, and then asks for what is gone.
    let wanted_again = plan(&["--set", tokens, "--set", "synth-feedback.missing_answer=no"]);
    assert!(wanted_again.contains("84 VLM calls"), "{wanted_again}");
    assert_eq!(project.finegrain(&["answers", "prune"]).code(), Some(2), "never everything by default");
}
