//! The stage against the simulated VLM in each dialect: every probability that comes out is the one that went in.

#![allow(clippy::unwrap_used, reason = "helpers of tests: a panic names the failing line")]

use std::collections::HashMap;

use finegrain_tests::Project;
use tables::{Answer, AnswerKind, AnswerReadout, AnswerStatus, Image, Question};

/// The setting that starts the simulated VLM with more arguments.
fn serving(arguments: &str) -> String {
    format!(
        "synth-feedback.endpoint.serve=[finegrain, demo-vlm, --data, data/demo, --port, '{{port}}', --exit-with-parent{arguments}]"
    )
}

fn ask(project: &Project, arguments: &str) -> String {
    project.runs(&["--set", &serving(arguments), "--until", "synth-feedback"])
}

/// Each answer with what the simulated VLM truly believes.
fn with_truth(project: &Project) -> Vec<(Answer, f64)> {
    let scenes: HashMap<String, demo::TrueScene> = project
        .text("data/demo/truth/scenes.jsonl")
        .lines()
        .map(|line| serde_json::from_str::<demo::TrueScene>(line).unwrap())
        .map(|scene| (scene.image_id.clone(), scene))
        .collect();
    let prompt_of: HashMap<String, String> =
        project.rows::<Image>().into_iter().map(|image| (image.image_id, image.prompt_id)).collect();
    let queries: HashMap<(String, String), String> =
        project.rows::<Question>().into_iter().map(|q| ((q.prompt_id, q.question_id), q.query)).collect();
    let truth = |answer: &Answer| {
        let query = match answer.kind {
            AnswerKind::Quality => format!("is the image {}", answer.question_id),
            AnswerKind::Alignment => {
                queries[&(prompt_of[&answer.image_id].clone(), answer.question_id.clone())].clone()
            }
        };
        let scene = &scenes[&answer.image_id];
        demo::true_p_yes(&scene.scene, &scene.sha256, &query, 0)
    };
    project.rows::<Answer>().into_iter().map(|answer| (answer.clone(), truth(&answer))).collect()
}

fn check_dialect(n_prompts: usize, dialect: &str, readout: AnswerReadout) -> usize {
    let project = Project::new(n_prompts);
    ask(&project, &format!(", --dialect, {dialect}"));
    let answers = with_truth(&project);
    let mut largest: f64 = 0.0;
    for (answer, truth) in &answers {
        assert_eq!((answer.status, answer.readout), (AnswerStatus::Ok, readout), "{dialect}: {answer:?}");
        assert!((answer.label_mass.unwrap() - demo::LABEL_MASS).abs() < 1e-6, "{dialect}: {answer:?}");
        largest = largest.max((answer.p_yes.unwrap() - truth).abs());
    }
    println!("{dialect}: {} answers, the largest difference is {largest:.1e}", answers.len());
    assert!(largest < 1e-6, "{dialect}: {largest}");
    answers.len()
}

const DIALECTS: [(&str, AnswerReadout); 3] = [
    ("openai", AnswerReadout::TopLogprobs),
    ("vllm", AnswerReadout::TokenIds),
    ("llama-server", AnswerReadout::TopLogprobs),
];

#[test]
fn answers_are_the_simulated_vlms_true_probabilities_in_every_dialect() {
    for (dialect, readout) in DIALECTS {
        assert!(check_dialect(3, dialect, readout) >= 12 * 8);
    }
}

/// On request: `cargo test --workspace --test dialects -- --ignored --nocapture`.
#[test]
#[ignore = "800 images, at least 12 questions each, in three dialects: minutes"]
fn so_they_are_for_800_images() {
    for (dialect, readout) in DIALECTS {
        assert!(check_dialect(200, dialect, readout) >= 800 * 8);
    }
}

#[test]
fn a_vendor_without_logprobs_is_voted_over_and_its_answers_are_marked() {
    let project = Project::new(2);
    ask(&project, ", --fault, no_logprobs");
    let answers = with_truth(&project);
    let mut sum_of_squares = 0.0;
    for (answer, truth) in &answers {
        assert_eq!(answer.readout, AnswerReadout::Sample);
        assert_eq!((answer.logit_yes, answer.logit_no), (None, None));
        sum_of_squares += answer.p_yes.map_or(0.0, |p| (p - truth).powi(2));
    }
    // Ten draws have a standard deviation of at most sqrt(.25 / 10) = .16.
    let deviation = (sum_of_squares / answers.len() as f64).sqrt();
    assert!(deviation < 0.2, "{deviation}");
    assert!(
        answers.iter().any(|(answer, truth)| answer.p_yes.is_some_and(|p| (p - truth).abs() > 1e-3)),
        "they are drawn"
    );

    // The same endpoint with log-probabilities: another readout, and nothing of the votes in its table.
    let said = project.finegrain(&["doctor", "--endpoint", "--set", &serving("")]).text();
    assert!(said.contains("top_logprobs/1") && said.contains("was sample:n10:t1:s0:m8/2 until now"), "{said}");
    let said = project.runs(&["--set", &serving(""), "--until", "synth-feedback", "--force"]);
    let answers = with_truth(&project);
    assert!(answers.iter().all(|(answer, _)| answer.readout == AnswerReadout::TopLogprobs), "{said}");
    assert_eq!(project.record("synth-feedback")["counts"]["reused"], 0);
}

#[test]
fn doctor_asks_one_real_question_and_says_what_kind_of_server_it_is() {
    let project = Project::new(1);
    for (dialect, server, found) in [
        ("openai", "a server of finegrain (simulated)", "no, there is no tokenizer page (status 404)"),
        ("vllm", "vLLM", "yes, 10 tokens spell yes or no"),
        ("llama-server", "llama-server", "no, its tokenizer page is another"),
    ] {
        let said = project.succeeds(&["doctor", "--endpoint", "--set", &serving(&format!(", --dialect, {dialect}"))]);
        for words in [server, found, "demo-vlm", "`is the image bright`", "ok, p_yes 0.9", "label mass 0.97"] {
            assert!(said.contains(words), "{dialect}: {words} in\n{said}");
        }
    }
    let ended = project.finegrain(&["doctor", "--endpoint", "http://127.0.0.1:9/v1", "--model", "m"]);
    assert_eq!(ended.code(), Some(75), "{}", ended.text());
    assert!(ended.text().contains("no connection"), "{}", ended.text());
}

#[test]
fn a_server_that_is_loading_or_wants_a_key_is_understood() {
    let project = Project::new(1);
    // The key's variable is there in every run, and its value is long enough to be looked for.
    let key = ", --dialect, vllm, --loading-ms, '700', --api-key-env, PATH";
    let denied = project.finegrain(&["run", "--set", &serving(key), "--until", "synth-feedback"]);
    assert_eq!(denied.code(), Some(1));
    assert!(denied.text().contains("401 (Unauthorized)") && denied.text().contains("api_key_env"), "{}", denied.text());
    let said = project.runs(&[
        "--set",
        &serving(key),
        "--set",
        "synth-feedback.endpoint.api_key_env=PATH",
        "--until",
        "synth-feedback",
    ]);
    assert!(!said.contains(&std::env::var("PATH").unwrap()), "the key shows nowhere");
    assert!(with_truth(&project).iter().all(|(answer, _)| answer.status == AnswerStatus::Ok));
}
