//! One section for each experiment; then every model.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tables::{ArmDifference, ArmMetric, HumanCeiling, MetricValue, Split};

use super::curves::{Along, Curve, Point, SIZE, curves};
use super::figures::{Numbers, ends, exact};
use super::interventions;
use super::palette::{Mark, level, marks};
use super::sheet::{Legend, Panel, Section, Sheet};
use super::words::{count, counted, estimate, listed, nothing, optional, p_text, rounded, with_interval};
use super::{Findings, label_source};
use crate::arms::{ArmPoint, Estimate, comparisons};
use crate::bootstrap::Interval;
use crate::error::EvaluateError;
use crate::metrics::{AVERAGE_PRECISION, ROC_AUC, TARGET};
use crate::validity::ONE_RATER;

/// AUC against training pairs and against both costs (Fig. 2 and 3), with the numbers. The first section says how to read them.
///
/// # Errors
/// [`EvaluateError::Figure`].
pub fn section(points: &[ArmPoint], findings: &Findings, is_first: bool) -> Result<Section, EvaluateError> {
    let experiment = points[0].experiment;
    let marks = marks(points);
    let ceiling = ceiling(experiment, findings);
    // The paper's Experiment 2 has a target that a rule makes of other labels, and its figure is the third.
    let is_rule = is_made_by_a_rule(experiment, findings);
    let (mut panels, mut lacking) = (Vec::new(), Vec::new());
    for against in Against::ALL {
        let lines = against.lines(&marks, points);
        let heading = against.heading();
        let title = format!("{heading}, experiment {experiment}");
        match curves(&title, against.axis(), against.along(), &lines, ceiling.as_ref())? {
            Some(svg) => panels.push(Panel {
                heading: format!("{heading}, \u{201c}{experiment}\u{201d}"),
                paper: against.paper(is_rule),
                svg,
                size: SIZE,
                file: format!("{} auc by {} {experiment}", against.paper(is_rule), against.name()),
                with_legend: true,
                numbers: against.numbers(points, ceiling.as_ref()),
                ..Panel::default()
            }),
            None => lacking.push(format!(
                "No figure \u{201c}{heading}\u{201d}: no arm has both a test AUC and {} (tables `metrics` and `reward_models`).",
                against.lacks()
            )),
        }
    }
    if ceiling.is_none() {
        lacking.push(format!("No human ceiling: {}.", why_no_ceiling(experiment, is_rule, findings)));
    }
    let interventions = interventions::panels(points, &marks, &findings.inputs.interventions)?;
    let answered = (!interventions.is_empty()).then(|| {
        "\u{201c}With true labels put in\u{201d}: the largest models of each arm, when the labels of that image (a VLM\u{2019}s, or \
         people\u{2019}s: whoever gave the feedback) take the place of what their first stage says of it (table \
         `interventions`); small dots are single seeds, and no interval is drawn."
            .to_owned()
    });
    panels.extend(interventions);
    let timeless: BTreeSet<&str> =
        points.iter().filter(|point| point.cost_seconds().is_none()).map(|point| point.arm).collect();
    // Where no arm has seconds, the figure is not there, which is said above.
    if !timeless.is_empty() && points.iter().any(|point| point.cost_seconds().is_some()) {
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
    let level = ceiling.as_ref().map(|ceiling| Legend {
        mark: level(),
        name: format!("one rater: {}", estimate(Some(ceiling))),
        detail: "against the mean of the others".to_owned(),
    });
    let n_seeds = points.iter().map(|point| point.models.len()).max().unwrap_or(0);
    let target = findings.evaluation.targets.get(&(experiment, Split::Test));
    let (n_images, n_prompts) = target.map_or((0, 0), |target| (target.n_images(), target.n_prompts()));
    let mut lead = vec![format!(
        "How well each reward model tells good from bad on {} of {}.",
        counted(n_images, "test image"),
        counted(n_prompts, "prompt")
    )];
    if points.iter().any(|point| !point.is_coarse()) {
        let whose = match label_source(&findings.inputs.records, experiment) {
            Some("vlm") => Some("a VLM\u{2019}s answers"),
            Some("import") => Some("imported"),
            _ => None,
        };
        lead.extend(whose.map(|whose| {
            format!("The fine-grained labels are {whose}; their cost is what people would take to give them.")
        }));
    }
    if is_first {
        lead.push(format!(
            "ROC-AUC is the chance that, of a good and a bad image, the good one gets the higher reward: 0.5 is guessing \
             (dashed), 1 is perfect. Large marks are means over {}, small dots single seeds; marks of one size \
             stand side by side. Upright lines are 95 % intervals of the mean: {} resamples of prompts, each with all its \
             images{}.",
            counted(n_seeds, "seed"),
            count(findings.settings.bootstrap.replicates),
            if n_seeds > 1 { ", and Student\u{2019}s t for the seeds" } else { "; not of seeds, since there is one" },
        ));
    }
    lead.extend(answered);
    Ok(Section {
        heading: format!("Experiment: {experiment}"),
        lead,
        legend: legend.chain(level).collect(),
        panels,
        lacking,
        sheets: vec![against_coarse(points, findings), at_equal_cost(experiment, findings), arms(points, findings)],
    })
}

/// What a model's AUC is drawn against.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Against {
    Images,
    EqualCost,
    Seconds,
}

impl Against {
    const ALL: [Self; 3] = [Self::Images, Self::EqualCost, Self::Seconds];

    fn heading(self) -> &'static str {
        match self {
            Self::Images => "Test AUC by training images",
            Self::EqualCost => "Test AUC by labels bought",
            Self::Seconds => "Test AUC by raters\u{2019} time",
        }
    }

    /// In file names.
    fn name(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::EqualCost => "labels",
            Self::Seconds => "seconds",
        }
    }

    fn paper(self, is_rule: bool) -> &'static str {
        match (is_rule, self) {
            (true, _) => "Fig. 3",
            (false, Self::Images) => "Fig. 2, left",
            (false, Self::EqualCost) => "Fig. 2, right",
            (false, Self::Seconds) => "Fig. 2, right, measured",
        }
    }

    fn axis(self) -> &'static str {
        match self {
            Self::Images => "training images",
            Self::EqualCost => "labels, each costing 1",
            Self::Seconds => "seconds of raters\u{2019} time",
        }
    }

    fn along(self) -> Along {
        if self == Self::Images { Along::Pairs } else { Along::Cost }
    }

    /// What an arm has to have for a place on the axis.
    fn lacks(self) -> &'static str {
        match self {
            Self::Images => "training images",
            Self::EqualCost => "labels that cost anything",
            Self::Seconds => "known seconds for every label",
        }
    }

    fn of(self, point: &ArmPoint) -> Option<f64> {
        match self {
            Self::Images => Some(point.n_train as f64),
            Self::EqualCost => Some(point.cost_equal()),
            Self::Seconds => point.cost_seconds(),
        }
    }

    fn lines(self, marks: &[(&str, Mark)], points: &[ArmPoint]) -> Vec<Curve> {
        let curve = |(arm, mark): &(&str, Mark)| {
            let of_arm = points.iter().filter(|point| point.arm == *arm);
            let points = of_arm.filter_map(|point| {
                let test = point.test.as_ref()?;
                let x = self.of(point).filter(|x| *x > 0.0)?;
                Some(Point { x, value: test.value, interval: test.interval, seeds: point.test_of_seeds.clone() })
            });
            Curve { mark: *mark, points: points.collect() }
        };
        marks.iter().map(curve).collect()
    }

    /// A row for each point, then one for each of its seeds; the ceiling is a row without a place on the axis.
    fn numbers(self, points: &[ArmPoint], ceiling: Option<&Estimate>) -> Numbers {
        let mut numbers =
            Numbers::new(&["experiment", "arm", "n_train", self.axis_column(), "row", "auc", "ci_low", "ci_high"]);
        for point in points {
            let Some(test) = &point.test else { continue };
            let named = |row: &str| {
                let n_train = point.n_train.to_string();
                vec![point.experiment.to_owned(), point.arm.to_owned(), n_train, exact(self.of(point)), row.to_owned()]
            };
            let [low, high] = ends(test.interval);
            numbers.push([named("mean over seeds"), vec![test.value.to_string(), low, high]].concat());
            for seed in &point.test_of_seeds {
                numbers.push([named("one seed"), vec![seed.to_string(), String::new(), String::new()]].concat());
            }
        }
        if let (Some(ceiling), Some(point)) = (ceiling, points.first()) {
            let [low, high] = ends(ceiling.interval);
            let names = [point.experiment, ONE_RATER, "", "", "ceiling"].map(str::to_owned);
            numbers.push(names.into_iter().chain([ceiling.value.to_string(), low, high]).collect());
        }
        numbers
    }

    fn axis_column(self) -> &'static str {
        match self {
            Self::Images => "training_images",
            Self::EqualCost => "labels",
            Self::Seconds => "rater_seconds",
        }
    }
}

/// How well one rater tells what the models are to tell; `None` if people gave no target.
fn ceiling(experiment: &str, findings: &Findings) -> Option<Estimate> {
    let is_wanted = |row: &&HumanCeiling| {
        row.experiment == experiment && row.split == Split::Test && row.metric == ROC_AUC && row.value.is_some()
    };
    let row = findings.results.human_ceilings.iter().find(is_wanted)?;
    let interval = row.ci_low.zip(row.ci_high).map(|(low, high)| Interval { low, high });
    row.value.map(|value| Estimate { value, interval })
}

fn why_no_ceiling(experiment: &str, is_rule: bool, findings: &Findings) -> String {
    let rows = || findings.results.human_ceilings.iter().filter(|row| row.experiment == experiment);
    let reason =
        rows().filter(|row| row.split == Split::Test && row.metric == ROC_AUC).find_map(|row| row.reason.clone());
    reason.unwrap_or_else(|| match is_rule {
        true => "a rule makes the target, no rater".to_owned(),
        false => {
            "the target\u{2019}s scores are nobody\u{2019}s mean ratings (tables `labels`, `preferences`, `ratings`)"
                .to_owned()
        }
    })
}

/// Whether the experiment's target is made of other labels, so that it has no threshold of its own.
fn is_made_by_a_rule(experiment: &str, findings: &Findings) -> bool {
    let labels = &findings.inputs.labels;
    let mut targets = labels.iter().filter(|label| label.experiment == experiment && label.attribute == TARGET);
    targets.next().is_some_and(|label| label.threshold.is_none() && label.score.is_none())
}

fn against_coarse(points: &[ArmPoint], findings: &Findings) -> Sheet {
    let columns = [
        "Fine arm",
        "Coarse arm",
        "#Fine less coarse",
        "#Fine",
        "#Coarse",
        "#Images",
        "#Labels, times coarse",
        "#Time, times coarse",
    ];
    let caption = "Each fine-grained arm against coarse at the largest size: test AUC and paired difference \
                   on the images that both predict (no correction for looking at several arms)";
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
            one.coarse.arm.to_owned(),
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

/// Table `arm_differences`: fine against coarse at every size and cost that both have.
fn at_equal_cost(experiment: &str, findings: &Findings) -> Sheet {
    let coarse: BTreeSet<&str> = findings
        .evaluation
        .points
        .iter()
        .filter(|point| point.experiment == experiment)
        .filter(|point| point.models.iter().all(|model| model.attributes.is_empty()))
        .map(|point| point.arm)
        .collect();
    let columns = [
        "Fine arm",
        "Compared at equal",
        "#At",
        "#Fine",
        "#Coarse",
        "#Fine less coarse",
        "#Sure of the sign",
        "#p (Holm)",
    ];
    let is_shown = |row: &&ArmDifference| {
        row.experiment == experiment
            && row.metric == ROC_AUC
            && row.split == Split::Test
            && coarse.contains(row.arm_b.as_str())
    };
    let rows = findings.results.arm_differences.iter().filter(is_shown).map(|row| {
        let interval = row.ci_low.zip(row.ci_high).map(|(low, high)| Interval { low, high });
        vec![
            row.arm_a.clone(),
            super::budget::in_words(row.compared_at).to_owned(),
            row.at.map_or_else(nothing, rounded),
            optional(row.value_a, 2),
            optional(row.value_b, 2),
            row.difference.map_or_else(nothing, |value| with_interval(value, interval, 2)),
            row.p_sign.map_or_else(nothing, |share| format!("{} %", super::words::fixed(100.0 * share, 0))),
            row.p_adjusted.map_or_else(nothing, p_text),
        ]
    });
    let caption = "Fine against coarse at equal size and at equal cost: paired differences of test AUC; p is corrected (Holm) for all \
                   comparisons of that kind";
    Sheet::new(caption, &columns).with_rows(rows).folded()
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
        "#Calibration error",
        "#Labels",
        "#Rater seconds",
    ];
    let of_experiment = |row: &&ArmMetric| points.first().is_some_and(|point| point.experiment == row.experiment);
    let metrics: HashMap<(&str, i64, Split, &str), &ArmMetric> = findings
        .results
        .arm_metrics
        .iter()
        .filter(of_experiment)
        .map(|row| ((row.arm.as_str(), row.n_train, row.split, row.metric.as_str()), row))
        .collect();
    let rows = points.iter().map(|point| {
        let cell = |split, metric, decimals| {
            let row = metrics.get(&(point.arm, point.n_train, split, metric))?;
            Some(with_ends(row.value?, row.ci_low.zip(row.ci_high), decimals))
        };
        let cell = |split, metric, decimals| cell(split, metric, decimals).unwrap_or_else(nothing);
        let (with_auc, all) = (point.test_of_seeds.len(), point.models.len());
        vec![
            point.arm.to_owned(),
            count(usize::try_from(point.n_train).unwrap_or(0)),
            if with_auc == all { count(all) } else { format!("{with_auc} of {all}") },
            cell(Split::Test, ROC_AUC, 2),
            cell(Split::Validation, ROC_AUC, 2),
            cell(Split::Test, AVERAGE_PRECISION, 2),
            cell(Split::Test, "brier", 3),
            cell(Split::Test, "log_loss", 3),
            cell(Split::Test, "calibration_error", 3),
            rounded(point.cost_equal()),
            point.cost_seconds().map_or_else(nothing, rounded),
        ]
    });
    Sheet::new("Every arm at every size: means over seeds, on the test split unless named", &columns)
        .with_rows(rows)
        .folded()
}

/// A value with the ends of its interval, where there are any.
fn with_ends(value: f64, ends: Option<(f64, f64)>, decimals: usize) -> String {
    with_interval(value, ends.map(|(low, high)| Interval { low, high }), decimals)
}

/// Table `metrics` by model.
pub fn every_model(findings: &Findings) -> Section {
    let mut of_run: BTreeMap<(&str, Split), BTreeMap<&str, &MetricValue>> = BTreeMap::new();
    for row in &findings.evaluation.rows {
        of_run.entry((&row.run_id, row.split)).or_default().insert(&row.metric, row);
    }
    let columns = [
        "Model",
        "Split",
        "#AUC",
        "#Average precision",
        "#Brier",
        "#Log loss",
        "#Calibration error",
        "#Good",
        "#Bad",
        "Remark",
    ];
    let rows = of_run.iter().filter_map(|((run_id, split), metrics)| {
        let auc = metrics.get(ROC_AUC)?;
        let value = |metric: &str, decimals| {
            let row = metrics.get(metric)?;
            Some(with_ends(row.value?, row.ci_low.zip(row.ci_high), decimals))
        };
        let value = |metric: &str, decimals| value(metric, decimals).unwrap_or_else(nothing);
        let number = |n: i64| count(usize::try_from(n).unwrap_or(0));
        Some(vec![
            (*run_id).to_owned(),
            split.to_string(),
            value(ROC_AUC, 2),
            value(AVERAGE_PRECISION, 2),
            value("brier", 3),
            value("log_loss", 3),
            value("calibration_error", 3),
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
