//! What people look at, in headless Chromium (`tests/browser/`). Where Debian's packages `chromium` and
//! `chromium-driver` are not installed, these tests say so and pass; `make test-browser` installs them.

#![allow(clippy::unwrap_used, reason = "helpers of tests: a panic names the failing line")]

use std::process::Command;

use finegrain_tests::{Ended, Project, repository};

/// Runs a script of `tests/browser/` with these words, unless there is no Chromium.
fn in_chromium(script: &str, words: &[&str]) {
    let found = |variable: &str, name: &str| {
        let folders = std::env::var_os("PATH").unwrap_or_default();
        std::env::var_os(variable).is_some() || std::env::split_paths(&folders).any(|folder| folder.join(name).exists())
    };
    if !found("CHROMIUM", "chromium") || !found("CHROMEDRIVER", "chromedriver") {
        println!("SKIPPED: no chromium and chromedriver here; `make test-browser` installs them");
        return;
    }
    let python = std::env::var_os("PYTHON").unwrap_or("python3".into());
    let mut command = Command::new(python);
    command.env("PYTHONDONTWRITEBYTECODE", "1").arg(repository().join("tests/browser").join(script)).args(words);
    let ended = Ended(command.output().unwrap());
    assert_eq!(ended.code(), Some(0), "{}", ended.text());
}

#[test]
fn the_report_reads_well_on_a_desktop_on_a_phone_and_in_the_dark() {
    let project = Project::new(16);
    project.runs(&["--set", "train.seeds=[0,1]"]);
    let report = project.folder().join("data/run/report/index.html");
    in_chromium("check_report.py", &[report.to_str().unwrap()]);
}
