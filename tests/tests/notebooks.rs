//! The recipes in `notebooks/`, executed on a small run.

#![allow(clippy::unwrap_used, reason = "helpers of tests: a panic names the failing line")]

use std::process::Command;

use finegrain_tests::{Project, repository};

#[test]
fn every_recipe_runs_on_the_tables_of_a_run() {
    let python = repository().join("tests/.python");
    assert!(python.join("ready").exists(), "tests/.python is not there: run `make test`");
    let project = Project::new(8);
    project.runs(&[]);
    for entry in std::fs::read_dir(repository().join("notebooks")).unwrap() {
        let notebook = entry.unwrap().path();
        if notebook.extension().is_none_or(|extension| extension != "ipynb") {
            continue;
        }
        let output = Command::new(std::env::var_os("PYTHON").unwrap_or("python3".into()))
            .arg(repository().join("tests/run_notebook.py"))
            .arg(&notebook)
            .current_dir(project.folder())
            .env("PYTHONPATH", &python)
            .env("JUPYTER_PATH", python.join("share/jupyter"))
            .env("FINEGRAIN_DATA_ROOT", project.folder().join("data/run"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}\n{said}", notebook.display());
    }
}
