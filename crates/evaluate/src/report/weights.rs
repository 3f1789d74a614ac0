//! What the aggregators learned (Figs 6-8): the weight of each attribute in the largest models.

use std::collections::BTreeMap;

use super::Findings;
use super::dots::{Dot, Reference, Row, dots};
use super::drawing::INK;
use super::palette::{Mark, Shape, marks};
use super::sheet::{Legend, Panel, Section};
use crate::arms::{ArmPoint, largest};
use crate::error::EvaluateError;

const INTERCEPT: &str = "intercept";

/// One panel for each fine arm of each experiment, at its largest size.
///
/// # Errors
/// [`EvaluateError::Figure`].
pub fn section(experiments: &[&[ArmPoint]], findings: &Findings) -> Result<Section, EvaluateError> {
    let mut of_run: BTreeMap<&str, Vec<(&str, f64)>> = BTreeMap::new();
    for weight in &findings.inputs.aggregator_weights {
        of_run.entry(&weight.run_id).or_default().push((&weight.attribute, weight.weight));
    }
    let mut panels = Vec::new();
    for points in experiments {
        let marks = marks(points);
        for point in largest(points) {
            let mut by_attribute: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
            for (attribute, weight) in
                point.models.iter().filter_map(|model| of_run.get(model.run_id.as_str())).flatten()
            {
                if *attribute != INTERCEPT {
                    by_attribute.entry(attribute).or_default().push(*weight);
                }
            }
            let mean = |weights: &[f64]| weights.iter().sum::<f64>() / weights.len() as f64;
            let mut by_weight: Vec<(&str, Vec<f64>)> = by_attribute.into_iter().collect();
            by_weight.sort_by(|a, b| mean(&b.1).total_cmp(&mean(&a.1)).then_with(|| a.0.cmp(b.0)));
            let color = marks.iter().find(|(arm, _)| *arm == point.arm).map_or(INK, |(_, mark)| mark.color);
            let rows: Vec<Row> = by_weight
                .iter()
                .map(|(attribute, weights)| {
                    let seed = |weight: &f64| Dot {
                        value: *weight,
                        interval: None,
                        mark: Mark::new(color, Shape::Circle).hollow(),
                    };
                    let middle = Dot { value: mean(weights), interval: None, mark: Mark::new(color, Shape::Diamond) };
                    let seeds = if weights.len() > 1 { weights.as_slice() } else { &[] };
                    Row { name: (*attribute).to_owned(), dots: seeds.iter().map(seed).chain([middle]).collect() }
                })
                .collect();
            let title = format!("Weights of {}, experiment {}", point.arm, point.experiment);
            let zero = Reference { value: 0.0, name: String::new() };
            if let Some(svg) = dots(&title, "weight", &rows, &[zero])? {
                let heading = format!("{}: \u{201c}{}\u{201d}, {} images", point.experiment, point.arm, point.n_train);
                panels.push(Panel { heading, svg, wide: false });
            }
        }
    }
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
            legend(Mark::new(INK, Shape::Diamond), "mean over seeds"),
            legend(Mark::new(INK, Shape::Circle).hollow(), "one seed"),
        ]
    };
    let lead = "The aggregator adds up the attributes with these weights: right of the dashed zero an attribute speaks for an \
                image, left of it against. Weights of attributes that say the same share what they know, so a small one need \
                not mean that the attribute does not matter.";
    let heading = "What the aggregators learned".to_owned();
    Ok(Section { heading, lead: vec![lead.to_owned()], legend, panels, lacking, sheets: Vec::new() })
}
