//! Who rated what, how long it took (Table 2), and what labels were made of it.

use std::collections::{BTreeMap, BTreeSet};

use super::Findings;
use super::sheet::{Section, Sheet};
use super::words::{count, optional, with_interval};
use crate::bootstrap::Interval;

/// Table `annotation_seconds` (Table 2).
fn seconds(findings: &Findings) -> Sheet {
    let columns = ["Label", "From", "#Mean seconds", "#Median seconds", "#Ratings", "#Raters", "Remark"];
    let rows = findings.results.annotation_seconds.iter().map(|row| {
        let interval = row.ci_low.zip(row.ci_high).map(|(low, high)| Interval { low, high });
        let number = |n: i64| count(usize::try_from(n).unwrap_or(0));
        vec![
            row.aspect.clone(),
            row.source.to_string(),
            with_interval(row.mean_seconds, interval, 1),
            optional(row.median_seconds, 1),
            number(row.n),
            number(row.n_raters),
            row.reason.clone().unwrap_or_default(),
        ]
    });
    let caption = "How long one label takes (Table 2 of the paper): measured where ratings have times, else as the pipeline file \
                   states it; 95 % intervals of the mean redraw raters and prompts";
    Sheet::new(caption, &columns).with_rows(rows)
}

/// Who rated what, how long it took, and what labels were made of it.
pub fn section(findings: &Findings) -> Section {
    #[derive(Default)]
    struct Rated<'a> {
        images: BTreeSet<&'a str>,
        raters: BTreeSet<&'a str>,
        contexts: BTreeSet<&'a str>,
        ratings: Vec<f64>,
    }
    let mut aspects: BTreeMap<&str, Rated> = BTreeMap::new();
    for rating in &findings.inputs.ratings {
        let rated = aspects.entry(&rating.aspect).or_default();
        rated.images.insert(&rating.image_id);
        rated.raters.insert(&rating.rater_id);
        rated.contexts.extend(rating.context.as_deref());
        rated.ratings.push(rating.rating);
    }
    let mean = |values: &[f64]| (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
    let columns = ["Aspect", "#Images", "#Ratings", "#Raters", "Contexts", "#Mean rating"];
    let ratings = aspects.iter().map(|(aspect, rated)| {
        vec![
            (*aspect).to_owned(),
            count(rated.images.len()),
            count(rated.ratings.len()),
            count(rated.raters.len()),
            rated.contexts.iter().copied().collect::<Vec<_>>().join(", "),
            optional(mean(&rated.ratings), 2),
        ]
    });
    let ratings = Sheet::new("What people rated", &columns).with_rows(ratings);
    let seconds = seconds(findings);

    let mut labels: BTreeMap<(&str, &str), (Option<f64>, [usize; 3])> = BTreeMap::new();
    for label in &findings.inputs.labels {
        let (threshold, counts) = labels.entry((&label.experiment, &label.attribute)).or_default();
        *threshold = threshold.or(label.threshold);
        counts[match label.label {
            Some(true) => 0,
            Some(false) => 1,
            None => 2,
        }] += 1;
    }
    let columns = ["Experiment", "Attribute", "#Threshold", "#Yes", "#No", "#Missing"];
    let labels = labels.iter().map(|((experiment, attribute), (threshold, [yes, no, missing]))| {
        let threshold = threshold.map_or_else(|| "by rule".to_owned(), |threshold| super::words::fixed(threshold, 3));
        let names = vec![(*experiment).to_owned(), (*attribute).to_owned(), threshold];
        names.into_iter().chain([yes, no, missing].map(|n| count(*n))).collect()
    });
    let labels = Sheet::new("Labels made of the scores, all splits together", &columns).with_rows(labels);
    let mut lacking = Vec::new();
    if ratings.rows.is_empty() {
        lacking.push("Nobody rated (table `ratings` is empty).".to_owned());
    }
    if labels.rows.is_empty() {
        lacking.push("There are no labels (table `labels` is empty).".to_owned());
    }
    Section {
        heading: "Ratings and labels".to_owned(),
        lacking,
        sheets: [ratings, seconds, labels].into_iter().filter(|sheet| !sheet.rows.is_empty()).collect(),
        ..Section::default()
    }
}
