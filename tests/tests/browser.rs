//! What people look at, in headless Chromium (`tests/browser/`). Where Debian's packages `chromium` and
//! `chromium-driver` are not installed, these tests say so and pass; `make test-browser` installs them.

#![allow(clippy::unwrap_used, reason = "helpers of tests: a panic names the failing line")]

use finegrain_tests::{Project, has_chromium, in_chromium};

#[test]
fn the_report_reads_well_on_a_desktop_on_a_phone_and_in_the_dark() {
    if !has_chromium() {
        return;
    }
    let project = Project::new(16);
    project.runs(&["--set", "train.seeds=[0,1]"]);
    let report = project.folder().join("data/run/report/index.html");
    in_chromium("check_report.py", &[report.to_str().unwrap()]);
}
