//! Table `interventions`, drawn: the test AUC of each fine-grained arm at its largest size when some of what its stage 1 says
//! of an image is replaced by true labels (Koh et al. 2020).

use std::collections::BTreeMap;

use tables::{Intervention, InterventionOrder, Split};

use super::curves::{Along, Curve, Point, SIZE, curves};
use super::figures::{Numbers, exact};
use super::palette::Mark;
use super::sheet::Panel;
use crate::arms::{ArmPoint, largest};
use crate::error::EvaluateError;

/// One panel for each order of replacing; none without rows.
///
/// # Errors
/// [`EvaluateError::Figure`].
pub fn panels(
    points: &[ArmPoint],
    marks: &[(&str, Mark)],
    interventions: &[Intervention],
) -> Result<Vec<Panel>, EvaluateError> {
    let mut panels = Vec::new();
    for (order, how) in
        [(InterventionOrder::Uncertainty, "the least certain first"), (InterventionOrder::Random, "in random order")]
    {
        let rows = interventions.iter().filter(|row| row.order == order && row.split == Split::Test);
        let mut of_run: BTreeMap<&str, Vec<(i64, f64)>> = BTreeMap::new();
        rows.filter_map(|row| Some((row, row.roc_auc?)))
            .for_each(|(row, auc)| of_run.entry(&row.run_id).or_default().push((row.n_replaced, auc)));
        let mut lines = Vec::new();
        let mut numbers = Numbers::new(&["experiment", "arm", "n_train", "order", "n_replaced", "row", "auc"]);
        for point in largest(points) {
            let Some((_, mark)) = marks.iter().find(|(arm, _)| *arm == point.arm) else { continue };
            let curve = curve(point, *mark, &of_run);
            for at in &curve.points {
                let means = [("mean over seeds", at.value)].into_iter();
                for (row, auc) in means.chain(at.seeds.iter().map(|auc| ("one seed", *auc))) {
                    let (n_train, n_replaced) = (point.n_train.to_string(), at.x.to_string());
                    let names = [point.experiment, point.arm, &n_train, order.as_str(), &n_replaced, row];
                    numbers.push(names.map(str::to_owned).into_iter().chain([exact(Some(auc))]).collect());
                }
            }
            lines.push(curve);
        }
        let Some(experiment) = points.first().map(|point| point.experiment) else { continue };
        let heading = format!("Test AUC with true labels put in, {how}");
        let title = format!("{heading}, experiment {experiment}");
        if let Some(svg) = curves(&title, "answers put right, per image", Along::Answers, &lines, None)? {
            panels.push(Panel {
                heading: format!("{heading}, \u{201c}{experiment}\u{201d}"),
                svg,
                size: SIZE,
                file: format!("interventions {} {experiment}", order.as_str()),
                with_legend: true,
                numbers,
                ..Panel::default()
            });
        }
    }
    Ok(panels)
}

fn curve(point: &ArmPoint, mark: Mark, of_run: &BTreeMap<&str, Vec<(i64, f64)>>) -> Curve {
    let mut by_number: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
    let of_models = point.models.iter().filter_map(|model| of_run.get(model.run_id.as_str())).flatten();
    of_models.for_each(|(n_replaced, auc)| by_number.entry(*n_replaced).or_default().push(*auc));
    let points = by_number.into_iter().map(|(n_replaced, seeds)| Point {
        x: n_replaced as f64,
        value: seeds.iter().sum::<f64>() / seeds.len() as f64,
        interval: None,
        seeds,
    });
    Curve { mark, points: points.collect() }
}

#[cfg(test)]
mod tests {
    use tables::RewardModel;

    use super::*;
    use crate::arms::Estimate;
    use crate::fixtures::model;
    use crate::report::palette::marks;

    fn row(run_id: &str, order: InterventionOrder, n_replaced: i64, roc_auc: Option<f64>) -> Intervention {
        Intervention {
            run_id: run_id.to_owned(),
            split: Split::Test,
            order,
            n_replaced,
            roc_auc,
            n_images: 4,
            labels_per_image: n_replaced as f64,
            seconds_per_image: None,
            reason: None,
        }
    }

    fn point(models: &[RewardModel]) -> ArmPoint<'_> {
        ArmPoint {
            experiment: "e",
            arm: &models[0].arm,
            n_train: 10,
            models: models.iter().collect(),
            validation: None,
            test: Some(Estimate { value: 0.5, interval: None }),
            test_of_seeds: Vec::new(),
        }
    }

    #[test]
    fn an_order_is_a_panel_with_the_means_over_seeds_of_the_largest_models() {
        let models =
            [model("e", "fine", &["a"], 10, 0), model("e", "fine", &["a"], 10, 1), model("e", "coarse", &[], 10, 0)];
        let points = [point(&models[2..]), point(&models[..2])];
        let (random, fine) = (InterventionOrder::Random, |seed: i64| format!("e/fine/n10/s{seed}"));
        let rows = [
            row(&fine(0), random, 0, Some(0.6)),
            row(&fine(0), random, 1, Some(0.8)),
            row(&fine(1), random, 0, Some(0.8)),
            row(&fine(1), random, 1, None),
            row("e/fine/n5/s0", random, 0, Some(0.1)),
        ];
        let of_run = rows.iter().filter_map(|row| Some((row.run_id.as_str(), (row.n_replaced, row.roc_auc?))));
        let mut by_run: BTreeMap<&str, Vec<(i64, f64)>> = BTreeMap::new();
        of_run.for_each(|(run_id, row)| by_run.entry(run_id).or_default().push(row));
        let drawn = curve(&points[1], marks(&points)[1].1, &by_run);
        let found: Vec<(f64, f64, usize)> =
            drawn.points.iter().map(|point| (point.x, point.value, point.seeds.len())).collect();
        assert_eq!(found, [(0.0, 0.7, 2), (1.0, 0.8, 1)]);
        let panels = panels(&points, &marks(&points), &rows).unwrap();
        assert_eq!(panels.len(), 1, "no row in the other order");
        assert!(panels[0].heading.contains("in random order"));
        assert!(super::panels(&points, &marks(&points), &[]).unwrap().is_empty());
    }
}
