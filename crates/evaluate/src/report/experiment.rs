//! One section for each experiment; then every model.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tables::{MetricValue, Split};

use super::Findings;
use super::curves::{Along, Curve, Point, curves};
use super::palette::marks;
use super::sheet::{Legend, Panel, Section, Sheet};
use super::words::{count, counted, estimate, listed, nothing, optional, rounded, with_interval};
use crate::arms::{ArmPoint, comparisons};
use crate::bootstrap::Interval;
use crate::error::EvaluateError;
use crate::metrics::ROC_AUC;

/// AUC against training pairs and against both costs (Fig. 2 and 3), with the numbers. The first section says how to read them.
///
/// # Errors
/// [`EvaluateError::Figure`].
pub fn section(points: &[ArmPoint], findings: &Findings, is_first: bool) -> Result<Section, EvaluateError> {
    let experiment = points[0].experiment;
    let marks = marks(points);
    let lines = |x: fn(&ArmPoint) -> Option<f64>| -> Vec<Curve> {
        let curve = |(arm, mark): &(&str, _)| {
            let of_arm = points.iter().filter(|point| point.arm == *arm);
            let points = of_arm.filter_map(|point| {
                let test = point.test.as_ref()?;
                let x = x(point).filter(|x| *x > 0.0)?;
                Some(Point { x, value: test.value, interval: test.interval, seeds: point.test_of_seeds.clone() })
            });
            Curve { mark: *mark, points: points.collect() }
        };
        marks.iter().map(curve).collect()
    };
    let figures = [
        ("Test AUC by training images", "training images", Along::Pairs, lines(|point| Some(point.n_train as f64))),
        ("Test AUC by labels bought", "labels, each costing 1", Along::Cost, lines(|point| Some(point.cost_equal()))),
        (
            "Test AUC by raters\u{2019} time",
            "seconds of raters\u{2019} time",
            Along::Cost,
            lines(|point| point.cost_seconds()),
        ),
    ];
    let (mut panels, mut lacking) = (Vec::new(), Vec::new());
    for (heading, x_title, along, lines) in figures {
        match curves(&format!("{heading}, experiment {experiment}"), x_title, along, &lines)? {
            Some(svg) => panels.push(Panel { heading: heading.to_owned(), svg, wide: false }),
            None => lacking.push(format!(
                "No figure \u{201c}{heading}\u{201d}: no arm has both (tables `metrics` and `reward_models`)."
            )),
        }
    }
    let timeless: BTreeSet<&str> =
        points.iter().filter(|point| point.cost_seconds().is_none()).map(|point| point.arm).collect();
    if !timeless.is_empty() {
        let arms: Vec<String> = timeless.into_iter().map(|arm| format!("\u{201c}{arm}\u{201d}")).collect();
        let why = "the seconds of some label are not known (`reward_models.cost_seconds`)";
        lacking.push(format!("Not in the figure of raters\u{2019} time: {}; {why}.", listed(&arms)));
    }
    let legend = marks.iter().map(|(arm, mark)| {
        let models = points.iter().filter(|point| point.arm == *arm).flat_map(|point| &point.models);
        let attributes: BTreeSet<&str> = models.flat_map(|model| model.attributes.iter().map(String::as_str)).collect();
        let detail = match attributes.len() {
            0 => "the target itself".to_owned(),
            n => counted(n, "attribute"),
        };
        Legend { mark: mark.svg(true), name: (*arm).to_owned(), detail }
    });
    let n_seeds = points.iter().map(|point| point.models.len()).max().unwrap_or(0);
    let target = findings.evaluation.targets.get(&(experiment, Split::Test));
    let (n_images, n_prompts) = target.map_or((0, 0), |target| (target.n_images(), target.n_prompts()));
    let mut lead = vec![format!(
        "How well each reward model tells good from bad on {} of {}.",
        counted(n_images, "test image"),
        counted(n_prompts, "prompt")
    )];
    if is_first {
        lead.push(format!(
            "ROC-AUC is the chance that, of a good and a bad image, the good one gets the higher reward: 0.5 is guessing \
             (dashed), 1 is perfect. Large marks are means over {}, small dots single seeds; upright lines are 95 % \
             intervals of the mean ({} resamples of prompts, each with all its images, and of seeds).",
            counted(n_seeds, "seed"),
            count(findings.settings.bootstrap.replicates),
        ));
    }
    Ok(Section {
        heading: format!("Experiment: {experiment}"),
        lead,
        legend: legend.collect(),
        panels,
        lacking,
        sheets: vec![against_coarse(points, findings), arms(points, findings)],
    })
}

fn against_coarse(points: &[ArmPoint], findings: &Findings) -> Sheet {
    let columns = [
        "Fine arm",
        "#Fine less coarse",
        "#Fine",
        "#Coarse",
        "#Images",
        "#Labels, times coarse",
        "#Time, times coarse",
    ];
    let caption = "Each fine-grained arm against coarse at the largest size: test AUC and paired difference \
                   (no correction for looking at several arms)";
    let comparisons = comparisons(points, findings.evaluation);
    let rows = comparisons.iter().map(|one| {
        let ratio = |fine: Option<f64>, coarse: Option<f64>| match (fine, coarse) {
            (Some(fine), Some(coarse)) if coarse > 0.0 => super::words::times(fine / coarse),
            _ => nothing(),
        };
        let n_train = |point: &ArmPoint| count(usize::try_from(point.n_train).unwrap_or(0));
        let sizes = match one.coarse.n_train == one.fine.n_train {
            true => n_train(&one.fine),
            false => format!("{} / {}", n_train(&one.coarse), n_train(&one.fine)),
        };
        vec![
            one.fine.arm.to_owned(),
            estimate(Some(&one.difference)),
            estimate(one.fine.test.as_ref()),
            estimate(one.coarse.test.as_ref()),
            sizes,
            ratio(Some(one.fine.cost_equal()), Some(one.coarse.cost_equal())),
            ratio(one.fine.cost_seconds(), one.coarse.cost_seconds()),
        ]
    });
    Sheet::new(caption, &columns).with_rows(rows)
}

fn arms(points: &[ArmPoint], findings: &Findings) -> Sheet {
    let columns = [
        "Arm",
        "#Images",
        "#Seeds",
        "#Test AUC",
        "#Validation AUC",
        "#Average precision",
        "#Brier",
        "#Log loss",
        "#Labels",
        "#Rater seconds",
    ];
    let values: HashMap<(&str, &str), f64> = findings
        .evaluation
        .rows
        .iter()
        .filter(|row| row.split == Split::Test)
        .filter_map(|row| Some(((row.run_id.as_str(), row.metric.as_str()), row.value?)))
        .collect();
    let rows = points.iter().map(|point| {
        let mean = |metric: &str| {
            let of_seeds: Vec<f64> =
                point.models.iter().filter_map(|model| values.get(&(model.run_id.as_str(), metric)).copied()).collect();
            (!of_seeds.is_empty()).then(|| of_seeds.iter().sum::<f64>() / of_seeds.len() as f64)
        };
        let (with_auc, all) = (point.test_of_seeds.len(), point.models.len());
        vec![
            point.arm.to_owned(),
            count(usize::try_from(point.n_train).unwrap_or(0)),
            if with_auc == all { count(all) } else { format!("{with_auc} of {all}") },
            estimate(point.test.as_ref()),
            estimate(point.validation.as_ref()),
            optional(mean("average_precision"), 2),
            optional(mean("brier"), 3),
            optional(mean("log_loss"), 3),
            rounded(point.cost_equal()),
            point.cost_seconds().map_or_else(nothing, rounded),
        ]
    });
    Sheet::new("Every arm at every size: means over seeds, on the test split unless named", &columns)
        .with_rows(rows)
        .folded()
}

/// Table `metrics` by model.
pub fn every_model(findings: &Findings) -> Section {
    let mut of_run: BTreeMap<(&str, Split), BTreeMap<&str, &MetricValue>> = BTreeMap::new();
    for row in &findings.evaluation.rows {
        of_run.entry((&row.run_id, row.split)).or_default().insert(&row.metric, row);
    }
    let columns = ["Model", "Split", "#AUC", "#Average precision", "#Brier", "#Log loss", "#Good", "#Bad", "Remark"];
    let rows = of_run.iter().filter_map(|((run_id, split), metrics)| {
        let auc = metrics.get(ROC_AUC)?;
        let interval = auc.ci_low.zip(auc.ci_high).map(|(low, high)| Interval { low, high });
        let value = |metric: &str, decimals| optional(metrics.get(metric).and_then(|row| row.value), decimals);
        let number = |n: i64| count(usize::try_from(n).unwrap_or(0));
        Some(vec![
            (*run_id).to_owned(),
            split.to_string(),
            auc.value.map_or_else(nothing, |value| with_interval(value, interval, 2)),
            value("average_precision", 2),
            value("brier", 3),
            value("log_loss", 3),
            number(auc.n_positive),
            number(auc.n_negative),
            auc.reason.clone().unwrap_or_default(),
        ])
    });
    let caption = format!("{} on validation and test", counted(findings.inputs.reward_models.len(), "model"));
    Section {
        heading: "Every model".to_owned(),
        lead: vec!["Intervals here are of one model: they redraw prompts, not seeds.".to_owned()],
        sheets: vec![Sheet::new(caption, &columns).with_rows(rows).folded()],
        ..Section::default()
    }
}
