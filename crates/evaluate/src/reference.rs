//! Every metric against scikit-learn, scipy and statsmodels, to 1e-12: `scripts/metric_fixtures.py` made the numbers.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::calibration::calibration_error;
use crate::holm;
use crate::kappa::kappa;
use crate::over_seeds::OverSeeds;
use crate::probability_scores::{average_precision, brier, log_loss};
use crate::ranks::{median, spearman};
use crate::roc::roc_auc;
use crate::undefined::Undefined;

#[derive(Deserialize)]
struct Fixtures {
    cases: Vec<Case>,
    holm: Vec<Holm>,
    two_sided_p: Vec<Tail>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    labels: Vec<bool>,
    rewards: Vec<f64>,
    ratings: Vec<f64>,
    roc_auc: Option<f64>,
    average_precision: Option<f64>,
    brier: f64,
    log_loss: f64,
    calibration_error: BTreeMap<String, f64>,
    spearman: Option<f64>,
    agreement: f64,
    kappa: Option<f64>,
}

#[derive(Deserialize)]
struct Holm {
    p: Vec<f64>,
    adjusted: Vec<f64>,
}

#[derive(Deserialize)]
struct Tail {
    z: f64,
    p: f64,
}

fn fixtures() -> Fixtures {
    serde_json::from_str(include_str!("metric_fixtures.json")).unwrap()
}

fn is(what: &str, found: Result<f64, Undefined>, expected: Option<f64>) {
    match (found, expected) {
        (Ok(found), Some(expected)) => assert!((found - expected).abs() < 1e-12, "{what}: {found} is not {expected}"),
        (Err(_), None) => {}
        (found, expected) => panic!("{what}: {found:?} is not {expected:?}"),
    }
}

#[test]
fn metrics_equal_scikit_learn_and_scipy() {
    for case in fixtures().cases {
        let (labels, rewards) = (&case.labels, &case.rewards);
        let named = |metric: &str| format!("{metric} of {}", case.name);
        is(&named("roc_auc"), roc_auc(labels, rewards), case.roc_auc);
        is(&named("average_precision"), average_precision(labels, rewards), case.average_precision);
        is(&named("brier"), brier(labels, rewards), Some(case.brier));
        is(&named("log_loss"), log_loss(labels, rewards), Some(case.log_loss));
        for (n_bins, expected) in &case.calibration_error {
            let found = calibration_error(labels, rewards, n_bins.parse().unwrap());
            is(&named(&format!("calibration_error of {n_bins} bins")), found, Some(*expected));
        }
        is(&named("spearman"), spearman(rewards, &case.ratings), case.spearman);
        let yes = |values: &[f64]| -> Vec<bool> { values.iter().map(|v| *v >= median(values).unwrap()).collect() };
        let both = kappa(&yes(rewards), &yes(&case.ratings));
        is(&named("agreement"), both.agreement.ok_or(Undefined::NoData), Some(case.agreement));
        is(&named("kappa"), both.kappa, case.kappa);
    }
}

#[test]
fn p_values_equal_statsmodels_and_scipy() {
    for case in fixtures().holm {
        for (found, expected) in holm::adjusted(&case.p).into_iter().zip(case.adjusted) {
            assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
        }
    }
    for tail in fixtures().two_sided_p {
        // Three replicates 0, 1, 2 have standard deviation 1.
        let found = OverSeeds::new(tail.z, vec![0.0, 1.0, 2.0], vec![]).p_value();
        assert!((found - tail.p).abs() < 1e-12, "{found} is not {}", tail.p);
    }
}
