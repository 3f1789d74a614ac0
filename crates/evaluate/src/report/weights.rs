//! What the aggregators learned (Figs 6-8): the weight of each attribute in the largest models.

use std::collections::BTreeMap;

use plotters::style::RGBColor;

use super::Findings;
use super::dots::{Dot, Reference, Row, dots};
use super::drawing::INK;
use super::figures::{Numbers, ends};
use super::interval_of_seeds::mean_with_interval;
use super::palette::{Mark, Shape, marks};
use super::sheet::{Legend, Panel, Section, Sheet};
use super::words::{count, fixed, with_interval};
use crate::arms::{ArmPoint, largest};
use crate::bootstrap::Interval;
use crate::error::EvaluateError;

const INTERCEPT: &str = "intercept";

/// One panel for each fine arm of each experiment, at its largest size; and all of them in one table.
///
/// # Errors
/// [`EvaluateError::Figure`].
pub fn section(experiments: &[&[ArmPoint]], findings: &Findings) -> Result<Section, EvaluateError> {
    let mut of_run: BTreeMap<&str, Vec<(&str, f64)>> = BTreeMap::new();
    for weight in &findings.inputs.aggregator_weights {
        of_run.entry(&weight.run_id).or_default().push((&weight.attribute, weight.weight));
    }
    let (mut panels, mut rows) = (Vec::new(), Vec::new());
    for points in experiments {
        let marks = marks(points);
        for point in largest(points) {
            let weights = Weights::of(point, &of_run);
            rows.extend(weights.iter().map(|weights| weights.row(point)));
            let color = marks.iter().find(|(arm, _)| *arm == point.arm).map_or(INK, |(_, mark)| mark.color);
            panels.extend(panel(point, &weights, color)?);
        }
    }
    let columns = ["Experiment", "Arm", "#Images", "Attribute", "#Weight", "#Lowest seed", "#Highest seed", "#Seeds"];
    let caption = "Every weight: mean over seeds with its 95 % interval (Student\u{2019}s t)";
    let sheet = Sheet::new(caption, &columns).with_rows(rows).folded();
    let mut lacking = Vec::new();
    if panels.is_empty() {
        lacking.push("No fine-grained model with a test AUC has weights (table `aggregator_weights`).".to_owned());
    }
    let legend =
        |mark: Mark, name: &str| Legend { mark: mark.svg(false), name: name.to_owned(), detail: String::new() };
    let legend = if panels.is_empty() {
        Vec::new()
    } else {
        vec![
            legend(Mark::new(INK, Shape::Diamond), "mean over seeds, 95 % interval"),
            legend(Mark::new(INK, Shape::Circle).hollow(), "one seed"),
        ]
    };
    let lead = "The aggregator adds up the attributes with these weights: right of the dashed zero an attribute speaks for an \
                image, left of it against. Weights of attributes that say the same share what they know, so a small one need \
                not mean that the attribute does not matter.";
    Ok(Section {
        heading: "What the aggregators learned".to_owned(),
        lead: vec![lead.to_owned()],
        legend,
        panels,
        lacking,
        sheets: vec![sheet],
    })
}

/// The weights of one attribute in the models of one point.
struct Weights<'a> {
    attribute: &'a str,
    of_seeds: Vec<f64>,
    mean: f64,
    interval: Option<Interval>,
}

impl<'a> Weights<'a> {
    /// Every attribute's, the largest mean first; the intercept last.
    fn of(point: &ArmPoint, of_run: &BTreeMap<&str, Vec<(&'a str, f64)>>) -> Vec<Self> {
        let mut by_attribute: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        let of_models = point.models.iter().filter_map(|model| of_run.get(model.run_id.as_str())).flatten();
        of_models.for_each(|(attribute, weight)| by_attribute.entry(attribute).or_default().push(*weight));
        let weights = by_attribute.into_iter().filter_map(|(attribute, of_seeds)| {
            let (mean, interval) = mean_with_interval(&of_seeds)?;
            Some(Self { attribute, of_seeds, mean, interval })
        });
        let mut weights: Vec<Self> = weights.collect();
        weights.sort_by(|a, b| {
            let is_last = |one: &Self| one.attribute == INTERCEPT;
            let by_mean = b.mean.total_cmp(&a.mean);
            is_last(a).cmp(&is_last(b)).then(by_mean).then_with(|| a.attribute.cmp(b.attribute))
        });
        weights
    }

    fn ends(&self) -> (f64, f64) {
        let ends = |(low, high): (f64, f64), weight: &f64| (low.min(*weight), high.max(*weight));
        self.of_seeds.iter().fold((f64::INFINITY, f64::NEG_INFINITY), ends)
    }

    fn row(&self, point: &ArmPoint) -> Vec<String> {
        let (lowest, highest) = self.ends();
        vec![
            point.experiment.to_owned(),
            point.arm.to_owned(),
            count(usize::try_from(point.n_train).unwrap_or(0)),
            self.attribute.to_owned(),
            with_interval(self.mean, self.interval, 2),
            fixed(lowest, 2),
            fixed(highest, 2),
            count(self.of_seeds.len()),
        ]
    }
}

fn panel(point: &ArmPoint, weights: &[Weights], color: RGBColor) -> Result<Option<Panel>, EvaluateError> {
    let mut numbers = Numbers::new(&[
        "experiment",
        "arm",
        "n_train",
        "attribute",
        "weight_mean",
        "ci_low",
        "ci_high",
        "lowest_seed",
        "highest_seed",
        "n_seeds",
    ]);
    let mut rows = Vec::new();
    for one in weights {
        let (lowest, highest) = one.ends();
        let [low, high] = ends(one.interval);
        let names = [point.experiment.to_owned(), point.arm.to_owned(), point.n_train.to_string()];
        let values = [one.mean.to_string(), low, high, lowest.to_string(), highest.to_string()];
        let named = names.into_iter().chain([one.attribute.to_owned()]);
        numbers.push(named.chain(values).chain([one.of_seeds.len().to_string()]).collect());
        if one.attribute == INTERCEPT {
            continue;
        }
        let seed =
            |weight: &f64| Dot { value: *weight, interval: None, mark: Mark::new(color, Shape::Circle).hollow() };
        let middle = Dot { value: one.mean, interval: one.interval, mark: Mark::new(color, Shape::Diamond) };
        let seeds = if one.of_seeds.len() > 1 { one.of_seeds.as_slice() } else { &[] };
        rows.push(Row { name: one.attribute.to_owned(), dots: seeds.iter().map(seed).chain([middle]).collect() });
    }
    let title = format!("Weights of {}, experiment {}", point.arm, point.experiment);
    let zero = Reference { value: 0.0, name: String::new() };
    let drawn = dots(&title, "weight", &rows, &[zero])?;
    Ok(drawn.map(|(svg, size)| Panel {
        heading: format!("{}: \u{201c}{}\u{201d}, {} images", point.experiment, point.arm, point.n_train),
        paper: "Figs 6\u{2013}8",
        svg,
        size,
        file: format!("fig 6 to 8 weights {} {}", point.experiment, point.arm),
        with_legend: true,
        numbers,
        ..Panel::default()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::model;

    #[test]
    fn weights_are_sorted_by_their_means_over_seeds_and_the_intercept_comes_last() {
        let models = [model("e", "fine", &["a", "b"], 10, 0), model("e", "fine", &["a", "b"], 10, 1)];
        let point = ArmPoint {
            experiment: "e",
            arm: "fine",
            n_train: 10,
            models: models.iter().collect(),
            validation: None,
            test: None,
            test_of_seeds: Vec::new(),
        };
        let of_run = BTreeMap::from([
            ("e/fine/n10/s0", vec![("a", -1.0), ("b", 1.0), (INTERCEPT, 9.0)]),
            ("e/fine/n10/s1", vec![("a", -2.0), ("b", 3.0), (INTERCEPT, 9.0)]),
        ]);
        let weights = Weights::of(&point, &of_run);
        let found: Vec<_> = weights.iter().map(|one| (one.attribute, one.mean, one.ends())).collect();
        assert_eq!(found, [("b", 2.0, (1.0, 3.0)), ("a", -1.5, (-2.0, -1.0)), (INTERCEPT, 9.0, (9.0, 9.0))]);
        let panel = panel(&point, &weights, INK).unwrap().unwrap();
        assert!(!panel.svg.contains(INTERCEPT), "the intercept is in the table only");
    }
}
