//! The recipes in `notebooks/`, executed on a small run.

#![allow(clippy::unwrap_used, reason = "helpers of tests: a panic names the failing line")]

use std::path::Path;
use std::process::Command;

use finegrain_tests::{Project, repository};

fn execute(notebook: &Path, project: &Project) {
    let python = repository().join("tests/.python");
    assert!(python.join("ready").exists(), "tests/.python is not there: run `make test`");
    let output = Command::new(std::env::var_os("PYTHON").unwrap_or("python3".into()))
        .arg(repository().join("tests/run_notebook.py"))
        .arg(notebook)
        .current_dir(project.folder())
        .env("PYTHONPATH", &python)
        .env("JUPYTER_PATH", python.join("share/jupyter"))
        .env("FINEGRAIN_DATA_ROOT", project.folder().join("data/run"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}\n{}", notebook.display(), String::from_utf8_lossy(&output.stderr));
}

#[test]
fn every_recipe_runs_on_the_tables_of_a_run() {
    let project = Project::new(8);
    project.runs(&[]);
    for entry in std::fs::read_dir(repository().join("notebooks")).unwrap() {
        let notebook = entry.unwrap().path();
        if notebook.extension().is_none_or(|extension| extension != "ipynb") {
            continue;
        }
        execute(&notebook, &project);
    }
    // Nobody says that a coarse arm is called so, or that there is one.
    let pipeline = project.text("pipeline.yaml");
    let (without_pairs, _) = pipeline.split_once("\n  sxs:").unwrap();
    for arm in ["liking: { feedback: coarse }", ""] {
        project.write("pipeline.yaml", without_pairs.replace("coarse: { feedback: coarse }", arm));
        project.runs(&[]);
        execute(&repository().join("notebooks/error_analysis.ipynb"), &project);
    }
}
