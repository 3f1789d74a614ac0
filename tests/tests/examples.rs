//! The pipeline files of `examples/` are what the program understands, and slips in a pipeline file are found at once.

#![allow(clippy::unwrap_used, reason = "helpers of tests: a panic names the failing line")]

use std::path::PathBuf;

use finegrain_tests::{Project, repository};

/// Every whole pipeline file of the examples: those that say where their data root is.
fn examples() -> Vec<PathBuf> {
    let folders = std::fs::read_dir(repository().join("examples")).unwrap().map(|entry| entry.unwrap().path());
    let files = folders.filter(|path| path.is_dir()).flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let yaml =
        files.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "yaml"));
    yaml.filter(|path| std::fs::read_to_string(path).unwrap().contains("\ndata_root:")).collect()
}

#[test]
fn every_pipeline_file_of_the_examples_is_understood() {
    let project = Project::empty();
    let folder = project.folder().to_str().unwrap().to_owned();
    let examples = examples();
    assert!(examples.len() >= 6, "{examples:?}");
    for file in examples {
        let mut command =
            project.command(&["check", "--config", file.to_str().unwrap(), "--data-root", "data/example"]);
        for data in ["AVT_DATA", "GENEVAL_DATA", "DSG_DATA", "PAPER_DATA", "MODELS"] {
            command.env(data, &folder);
        }
        let checked = command.env("VLM_URL", "http://localhost:8000/v1").env("VLM_MODEL", "m").output().unwrap();
        let said = String::from_utf8_lossy(&checked.stdout).into_owned() + &String::from_utf8_lossy(&checked.stderr);
        assert!(said.contains("configuration: ") && checked.status.success(), "{}\n{said}", file.display());
    }
}

/// `check` with one setting changed must end with 2 and say this.
fn refused(setting: &str, parts: &[&str]) {
    let ended = Project::empty().finegrain(&["check", "--set", setting]);
    assert_eq!(ended.code(), Some(2), "{}", ended.text());
    parts.iter().for_each(|part| assert!(ended.text().contains(part), "{part} is not in {}", ended.text()));
}

#[test]
fn a_name_that_no_other_section_gives_is_found_before_anything_is_asked() {
    refused("train.experiments.preferences.arms.quality.attributes=[brightt]", &["`brightt`", "bright, captivating"]);
    refused("synth-feedback.alignment=false", &["`adjective`"]);
    refused("evaluate.sxs.fine=nope", &["`evaluate.sxs.fine`", "`nope`", "coarse"]);
    refused("evaluate.sxs.experiment=nope", &["`nope`", "preferences"]);
}

#[test]
fn stages_that_come_in_the_wrong_order_are_bad_usage() {
    for command in ["run", "plan"] {
        let ended = Project::empty().finegrain(&[command, "--from", "train", "--until", "embed"]);
        assert_eq!(ended.code(), Some(2), "{}", ended.text());
        assert!(ended.text().contains("`train` comes after `embed`"), "{}", ended.text());
    }
}

#[test]
fn a_plan_before_the_first_run_says_how_the_vlm_calls_come_to_be_known() {
    let plan = Project::new(1).succeeds(&["plan"]);
    assert!(plan.contains("VLM calls to `demo-vlm`: counted when `finegrain run --until vq2-parse` has run"), "{plan}");
}

#[test]
fn a_url_without_its_scheme_and_one_where_nobody_listens_are_told_apart() {
    let project = Project::empty();
    let said = |words: &[&str], code: i32| {
        let ended = project.finegrain(&[&["doctor", "--endpoint"], words].concat());
        assert_eq!(ended.code(), Some(code), "{}", ended.text());
        assert!(!ended.text().contains("panicked"), "{}", ended.text());
        ended.text()
    };
    assert!(said(&["127.0.0.1:9/v1"], 2).contains("`synth-feedback.endpoint.base_url`"));
    assert!(said(&["--set", "synth-feedback.endpoint.base_url=localhost:9/v1"], 2).contains("base_url"));
    assert!(said(&["http://127.0.0.1:9/v1"], 75).contains("no connection"));
}

#[test]
fn a_data_root_that_is_not_there_is_not_made_to_be_looked_into() {
    let project = Project::empty();
    let ended = project.finegrain(&["answers", "inspect", "--data-root", "data/rum"]);
    assert_eq!(ended.code(), Some(2), "{}", ended.text());
    assert!(ended.text().contains("is not there") && !project.folder().join("data/rum").exists());
}
