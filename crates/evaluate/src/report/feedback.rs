//! The feedback itself: does it measure what people see, and do attributes agree?

use std::collections::{BTreeMap, BTreeSet};

use plotters::style::RGBColor;
use tables::{AttributeValidity, OVERALL, ScoreSource, Split};

use super::Findings;
use super::dots::{Dot, Reference, Row, dots};
use super::drawing::INK;
use super::figures::{Numbers, exact};
use super::heat_map::heat_map;
use super::palette::{BLUE, Mark, PURPLE, Shape, VERMILLION};
use super::sheet::{Legend, Panel, Section, Sheet};
use super::words::{count, fixed, nothing, optional, with_interval};
use crate::bootstrap::Interval;
use crate::error::EvaluateError;
use crate::metrics::TARGET;
use crate::validity::{ALL, ONE_RATER};

/// Table `attribute_validity`, drawn with the ceiling beside it.
///
/// # Errors
/// [`EvaluateError::Figure`].
pub fn validity(findings: &Findings) -> Result<Section, EvaluateError> {
    // Rows of single models, where several answered, are in the table only.
    let all_rows = findings.results.validity.as_slice();
    let rows: Vec<&AttributeValidity> = all_rows.iter().filter(|row| row.model == ALL).collect();
    let is_ceiling = |row: &AttributeValidity| row.attribute == ONE_RATER;
    let ceiling = |aspect: &str| rows.iter().copied().find(|row| is_ceiling(row) && row.aspect == aspect);
    let with_auc = || rows.iter().copied().filter(|row| !is_ceiling(row) && row.roc_auc.is_some());
    let mut against_overall: Vec<&AttributeValidity> = with_auc().filter(|row| row.aspect == OVERALL).collect();
    against_overall.sort_by(|a, b| {
        let by_auc = b.roc_auc.unwrap_or(0.0).total_cmp(&a.roc_auc.unwrap_or(0.0));
        by_auc.then_with(|| a.attribute.cmp(&b.attribute))
    });
    let overall: Vec<Row> = against_overall.iter().map(|row| named(row, vec![dot(row)])).collect();
    let mut references = vec![Reference { value: 0.5, name: "chance".to_owned() }];
    if let Some(value) = ceiling(OVERALL).and_then(|row| row.roc_auc) {
        references.push(Reference { value, name: ONE_RATER.to_owned() });
    }
    let own: Vec<Row> = with_auc()
        .filter(|row| row.aspect == row.attribute)
        .map(|row| {
            let one_rater = ceiling(&row.aspect).filter(|row| row.roc_auc.is_some());
            named(row, [dot(row)].into_iter().chain(one_rater.map(dot)).collect())
        })
        .collect();

    let (mut panels, mut lacking) = (Vec::new(), Vec::new());
    let x_title = "AUC";
    let heading = "Each score against the overall rating";
    match dots(heading, x_title, &overall, &references)? {
        Some((svg, size)) => panels.push(Panel {
            heading: heading.to_owned(),
            svg,
            size,
            file: "validity against overall".to_owned(),
            with_legend: true,
            numbers: validity_numbers(rows.iter().filter(|row| row.aspect == OVERALL)),
            ..Panel::default()
        }),
        None => lacking.push(
            "No figure of scores against overall ratings: no image has both (tables `attribute_scores` and `preferences`)."
                .to_owned(),
        ),
    }
    let heading = "Each score against ratings of the same attribute";
    match dots(heading, x_title, &own, &references[..1])? {
        Some((svg, size)) => panels.push(Panel {
            heading: heading.to_owned(),
            svg,
            size,
            file: "validity against the same attribute".to_owned(),
            with_legend: true,
            numbers: validity_numbers(rows.iter().filter(|row| row.aspect != OVERALL)),
            ..Panel::default()
        }),
        None => lacking.push(
            "No figure of scores against ratings of the same attribute: no attribute has both a VLM\u{2019}s (or imported) scores and \
             people\u{2019}s ratings (tables `attribute_scores`, `preferences`)."
                .to_owned(),
        ),
    }
    let sources: BTreeSet<ScoreSource> = rows.iter().filter(|row| !is_ceiling(row)).map(|row| row.source).collect();
    let mut legend: Vec<Legend> = sources
        .into_iter()
        .map(|source| Legend {
            mark: mark(source).svg(true),
            name: source_name(source).to_owned(),
            detail: String::new(),
        })
        .collect();
    if !own.is_empty() {
        let detail = "against the mean of the others".to_owned();
        legend.push(Legend { mark: RATER.svg(true), name: ONE_RATER.to_owned(), detail });
    }
    let columns = [
        "Score",
        "Given by",
        "Model",
        "Against people\u{2019}s",
        "#AUC",
        "#Spearman",
        "#Same label",
        "#Kappa",
        "#n",
        "Remark",
    ];
    let sheet = Sheet::new("Agreement of each score with people", &columns).with_rows(all_rows.iter().map(|row| {
        vec![
            row.attribute.clone(),
            source_name(row.source).to_owned(),
            row.model.clone(),
            row.aspect.clone(),
            row.roc_auc.map_or_else(nothing, |auc| with_interval(auc, interval(row), 2)),
            optional(row.spearman, 3),
            row.agreement.map_or_else(nothing, |share| format!("{} %", fixed(100.0 * share, 0))),
            optional(row.kappa, 2),
            count(usize::try_from(row.n).unwrap_or(0)),
            row.reason.clone().unwrap_or_default(),
        ]
    }));
    let lead = "How far each score alone, without any training, agrees with people: the chance that of two images, one \
                good and one not, the former has the higher score. Good is a mean rating of at least the threshold that the \
                labels were made with, or of the median where there is none. Below 0.5 the attribute speaks against \
                an image. \u{201c}One rater\u{201d} is how far one person\u{2019}s rating agrees with the mean of the other \
                people\u{2019}s: a ceiling for one judge, above which a mean of several people can lie. Lines are 95 % intervals; all images count.";
    Ok(Section {
        heading: "Does the feedback measure what people see?".to_owned(),
        lead: vec![lead.to_owned()],
        legend,
        panels,
        lacking,
        sheets: vec![sheet],
    })
}

fn validity_numbers<'a>(rows: impl Iterator<Item = &'a &'a AttributeValidity>) -> Numbers {
    let mut numbers =
        Numbers::new(&["attribute", "source", "aspect", "n", "roc_auc", "ci_low", "ci_high", "spearman", "reason"]);
    for row in rows {
        numbers.push(vec![
            row.attribute.clone(),
            row.source.to_string(),
            row.aspect.clone(),
            row.n.to_string(),
            exact(row.roc_auc),
            exact(row.ci_low),
            exact(row.ci_high),
            exact(row.spearman),
            row.reason.clone().unwrap_or_default(),
        ]);
    }
    numbers
}

const RATER: Mark = Mark::new(INK, Shape::Diamond).hollow();

fn mark(source: ScoreSource) -> Mark {
    let (color, shape): (RGBColor, Shape) = match source {
        ScoreSource::Vlm => (BLUE, Shape::Circle),
        ScoreSource::Human => (VERMILLION, Shape::Square),
        ScoreSource::Import => (PURPLE, Shape::Triangle),
    };
    Mark::new(color, shape)
}

/// Who gave a score, in a word.
pub fn source_name(source: ScoreSource) -> &'static str {
    match source {
        ScoreSource::Vlm => "VLM",
        ScoreSource::Human => "people",
        ScoreSource::Import => "import",
    }
}

fn interval(row: &AttributeValidity) -> Option<Interval> {
    row.ci_low.zip(row.ci_high).map(|(low, high)| Interval { low, high })
}

fn dot(row: &AttributeValidity) -> Dot {
    let is_rater = row.attribute == ONE_RATER;
    let mark = if is_rater { RATER } else { mark(row.source) };
    Dot { value: row.roc_auc.unwrap_or(0.5), interval: interval(row), mark }
}

fn named(row: &AttributeValidity, dots: Vec<Dot>) -> Row {
    Row { name: row.attribute.clone(), dots }
}

/// Table `attribute_agreement` on the training split (Fig. 5).
///
/// # Errors
/// [`EvaluateError::Figure`].
pub fn agreement(findings: &Findings) -> Result<Section, EvaluateError> {
    let rows_on_train = || findings.results.agreement.iter().filter(|row| row.split == Split::Train);
    let mut experiments: BTreeMap<&str, BTreeMap<(&str, &str), Option<f64>>> = BTreeMap::new();
    for row in rows_on_train() {
        let of_experiment = experiments.entry(&row.experiment).or_default();
        of_experiment.insert((&row.attribute_a, &row.attribute_b), row.agreement);
    }
    let mut panels = Vec::new();
    for (experiment, shares) in &experiments {
        let names: BTreeSet<&str> = shares.keys().flat_map(|(a, b)| [*a, *b]).collect();
        // The target comes last: its row is the whole lower edge.
        let mut names: Vec<&str> = names.into_iter().collect();
        names.sort_by_key(|name| (*name == TARGET, *name));
        let share = |a: usize, b: usize| {
            let (a, b) = (names[a].min(names[b]), names[a].max(names[b]));
            shares.get(&(a, b)).copied().flatten()
        };
        let title = format!("Agreement of labels, experiment {experiment}");
        let of_experiment = rows_on_train().filter(|row| row.experiment == *experiment);
        let mut numbers = Numbers::new(&["experiment", "attribute_a", "attribute_b", "agreement", "n"]);
        for row in of_experiment {
            let names = [&row.experiment, &row.attribute_a, &row.attribute_b].map(Clone::clone);
            numbers.push(names.into_iter().chain([exact(row.agreement), row.n.to_string()]).collect());
        }
        if let Some((svg, size)) = heat_map(&title, &names, share)? {
            panels.push(Panel {
                heading: format!("Labels of \u{201c}{experiment}\u{201d} that agree, in percent"),
                paper: "Fig. 5",
                svg,
                size,
                wide: true,
                file: format!("fig 5 agreement {experiment}"),
                numbers,
                ..Panel::default()
            });
        }
    }
    let mut lacking = Vec::new();
    if panels.is_empty() {
        lacking.push("No training image has two labels (table `labels`).".to_owned());
    }
    let lead = "The share of training images on which the labels of two attributes are equal. Fifty percent, without colour, is what \
                unrelated balanced labels give; blue pairs say the same more often, orange ones the opposite. The lowest row is \
                the target.";
    let columns = ["Experiment", "Attribute", "Attribute", "#Agreement", "#Images"];
    let sheet =
        Sheet::new("Agreement of every pair on the training split", &columns).with_rows(rows_on_train().map(|row| {
            let agreement = row.agreement.map_or_else(nothing, |share| format!("{} %", fixed(100.0 * share, 1)));
            let n = count(usize::try_from(row.n).unwrap_or(0));
            vec![row.experiment.clone(), row.attribute_a.clone(), row.attribute_b.clone(), agreement, n]
        }));
    Ok(Section {
        heading: "Which attributes say the same?".to_owned(),
        lead: vec![lead.to_owned()],
        panels,
        lacking,
        sheets: vec![sheet.folded()],
        ..Section::default()
    })
}
