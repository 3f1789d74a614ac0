//! The feedback itself: does it measure what people see, do attributes agree, what was answered, who rated.

use std::collections::{BTreeMap, BTreeSet};

use plotters::style::RGBColor;
use tables::{AnswerKind, AnswerStatus, AttributeValidity, MissingAnswerPolicy, OVERALL, ScoreSource, Split};

use super::Findings;
use super::dots::{Dot, Reference, Row, dots};
use super::drawing::INK;
use super::figures::{Numbers, exact};
use super::heat_map::heat_map;
use super::palette::{BLUE, Mark, PURPLE, Shape, VERMILLION};
use super::sheet::{Legend, Panel, Section, Sheet};
use super::words::{count, fixed, nothing, optional, percent, with_interval};
use crate::bootstrap::Interval;
use crate::error::EvaluateError;
use crate::metrics::TARGET;
use crate::missing_answers::{Comparison, compare};
use crate::validity::{ALL, ONE_RATER};

/// Table `attribute_validity`, drawn with the ceiling beside it.
///
/// # Errors
/// [`EvaluateError::Figure`].
pub fn validity(findings: &Findings) -> Result<Section, EvaluateError> {
    // Rows of single models, where several answered, are in the table only.
    let all_rows = findings.validity;
    let of_all: Vec<AttributeValidity> = all_rows.iter().filter(|row| row.model == ALL).cloned().collect();
    let rows = of_all.as_slice();
    let is_ceiling = |row: &&AttributeValidity| row.attribute == ONE_RATER;
    let ceiling = |aspect: &str| rows.iter().filter(is_ceiling).find(|row| row.aspect == aspect);
    let mut against_overall: Vec<&AttributeValidity> =
        rows.iter().filter(|row| !is_ceiling(row) && row.aspect == OVERALL && row.roc_auc.is_some()).collect();
    against_overall.sort_by(|a, b| {
        let by_auc = b.roc_auc.unwrap_or(0.0).total_cmp(&a.roc_auc.unwrap_or(0.0));
        by_auc.then_with(|| a.attribute.cmp(&b.attribute))
    });
    let overall: Vec<Row> = against_overall.iter().map(|row| named(row, vec![dot(row)])).collect();
    let mut references = vec![Reference { value: 0.5, name: "chance".to_owned() }];
    if let Some(value) = ceiling(OVERALL).and_then(|row| row.roc_auc) {
        references.push(Reference { value, name: ONE_RATER.to_owned() });
    }
    let own: Vec<&AttributeValidity> =
        rows.iter().filter(|row| !is_ceiling(row) && row.aspect == row.attribute && row.roc_auc.is_some()).collect();
    let own: Vec<Row> = own
        .iter()
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
            numbers: validity_numbers(&mut rows.iter().filter(|row| row.aspect == OVERALL)),
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
            numbers: validity_numbers(&mut rows.iter().filter(|row| row.aspect != OVERALL)),
            ..Panel::default()
        }),
        None => lacking.push(
            "Nobody but people scored an attribute that people rated (tables `attribute_scores`, `preferences`)."
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
                rated above the median and one not, the former has the higher score. Below 0.5 the attribute speaks against \
                an image. \u{201c}One rater\u{201d} is the ceiling: one person\u{2019}s rating against the mean of the other \
                people\u{2019}s. Lines are 95 % intervals; all images count.";
    Ok(Section {
        heading: "Does the feedback measure what people see?".to_owned(),
        lead: vec![lead.to_owned()],
        legend,
        panels,
        lacking,
        sheets: vec![sheet],
    })
}

fn validity_numbers(rows: &mut dyn Iterator<Item = &AttributeValidity>) -> Numbers {
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

fn source_name(source: ScoreSource) -> &'static str {
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
    let rows_on_train = || findings.agreement.iter().filter(|row| row.split == Split::Train);
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

/// What was asked, what was answered, and why not.
pub fn coverage(findings: &Findings) -> Section {
    let mut asked: BTreeMap<(&str, AnswerKind, &str), BTreeMap<AnswerStatus, usize>> = BTreeMap::new();
    for answer in &findings.inputs.answers {
        // Quality questions have a name to show; alignment questions differ from prompt to prompt.
        let question = if answer.kind == AnswerKind::Quality { answer.question_id.as_str() } else { "(all questions)" };
        *asked.entry((&answer.model, answer.kind, question)).or_default().entry(answer.status).or_default() += 1;
    }
    let columns = [
        "Model",
        "Kind",
        "Question",
        "#Asked",
        "#Answered",
        "#One side only",
        "#Neither yes nor no",
        "#Refused",
        "#Failed",
    ];
    let answers = asked.iter().map(|((model, kind, question), by_status)| {
        let of = |status| by_status.get(&status).copied().unwrap_or(0);
        let total: usize = by_status.values().sum();
        let answered = of(AnswerStatus::Ok) + of(AnswerStatus::Censored);
        let mut row = vec![(*model).to_owned(), kind.to_string(), (*question).to_owned(), count(total)];
        row.push(format!("{} ({})", count(answered), percent(answered, total)));
        let missing = [AnswerStatus::Censored, AnswerStatus::NoYesNoToken, AnswerStatus::Refused, AnswerStatus::Error];
        row.extend(missing.map(|status| count(of(status))));
        row
    });
    let answers =
        Sheet::new("Questions asked of a VLM or imported; \u{201c}one side only\u{201d} counts as answered", &columns)
            .with_rows(answers);

    #[derive(Default)]
    struct Covered {
        images: usize,
        scored: usize,
        not_asked: usize,
        questions: i64,
        answered: i64,
    }
    let mut scores: BTreeMap<(&str, ScoreSource), Covered> = BTreeMap::new();
    for score in &findings.inputs.attribute_scores {
        let covered = scores.entry((&score.attribute, score.source)).or_default();
        covered.images += 1;
        covered.scored += usize::from(score.score.is_some());
        covered.not_asked += usize::from(score.n_questions == 0);
        covered.questions += score.n_questions;
        covered.answered += score.n_answered;
    }
    let columns = ["Attribute", "Given by", "#Images", "#With a score", "#No question", "#Questions", "#Answered"];
    let scores = scores.iter().map(|((attribute, source), covered)| {
        let (questions, answered) = (covered.questions.max(0) as usize, covered.answered.max(0) as usize);
        vec![
            (*attribute).to_owned(),
            source_name(*source).to_owned(),
            count(covered.images),
            format!("{} ({})", count(covered.scored), percent(covered.scored, covered.images)),
            count(covered.not_asked),
            count(questions),
            format!("{} ({})", count(answered), percent(answered, questions)),
        ]
    });
    let scores = Sheet::new("Scores made of them; \u{201c}no question\u{201d} is not the same as no answer", &columns)
        .with_rows(scores);
    let columns = ["Model", "#Asked", "#Missing", "#Left out", "#Images", "#As a no", "#Images"];
    let policies = compare(&findings.inputs.answers, &findings.inputs.preferences);
    let policies = policies.iter().map(|Comparison { model, n_asked, n_missing, as_null, as_no }| {
        let missing = format!("{} ({})", count(*n_missing), percent(*n_missing, *n_asked));
        let both = [as_null, as_no]
            .map(|policy| [optional(policy.spearman.as_ref().ok().copied(), 3), count(policy.n_images)]);
        [(*model).to_owned(), count(*n_asked), missing].into_iter().chain(both.into_iter().flatten()).collect()
    });
    let title = "What a missing answer counts as: Spearman of the mean yes (vq2) with the overall rating";
    let policies = Sheet::new(title, &columns).with_rows(policies);
    let columns = ["Attribute", "Model", "Missing answers are", "#Missing", "#Images", "#AUC", "#Spearman", "Remark"];
    let effects = findings.results.missing_answer_effects.iter().map(|row| {
        let number = |n: i64| count(usize::try_from(n).unwrap_or(0));
        let interval = row.ci_low.zip(row.ci_high).map(|(low, high)| Interval { low, high });
        vec![
            row.attribute.clone(),
            row.model.clone(),
            match row.policy {
                MissingAnswerPolicy::Null => "left out".to_owned(),
                MissingAnswerPolicy::No => "a no".to_owned(),
            },
            number(row.n_missing),
            number(row.n_images),
            row.roc_auc.map_or_else(nothing, |auc| with_interval(auc, interval, 2)),
            optional(row.spearman, 3),
            row.reason.clone().unwrap_or_default(),
        ]
    });
    let effects = Sheet::new("How every score\u{2019}s agreement with the overall rating moves with that", &columns)
        .with_rows(effects)
        .folded();
    let mut lacking = Vec::new();
    if answers.rows.is_empty() {
        lacking.push("No questions were asked (table `answers` is empty).".to_owned());
    }
    if scores.rows.is_empty() {
        lacking.push("There are no scores (table `attribute_scores` is empty).".to_owned());
    }
    Section {
        heading: "What was asked and answered".to_owned(),
        lead: vec![
            "A question without an answer is missing, not a \u{201c}no\u{201d}, unless `missing_answer: no` is set for \
             `synth-feedback`; the more are missing, the more that choice matters."
                .to_owned(),
        ],
        lacking,
        sheets: [answers, scores, policies, effects].into_iter().filter(|sheet| !sheet.rows.is_empty()).collect(),
        ..Section::default()
    }
}

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
pub fn people(findings: &Findings) -> Section {
    #[derive(Default)]
    struct Rated<'a> {
        images: BTreeSet<&'a str>,
        raters: BTreeSet<&'a str>,
        contexts: BTreeSet<&'a str>,
        ratings: Vec<f64>,
        seconds: Vec<f64>,
    }
    let mut aspects: BTreeMap<&str, Rated> = BTreeMap::new();
    for rating in &findings.inputs.ratings {
        let rated = aspects.entry(&rating.aspect).or_default();
        rated.images.insert(&rating.image_id);
        rated.raters.insert(&rating.rater_id);
        rated.contexts.extend(rating.context.as_deref());
        rated.ratings.push(rating.rating);
        rated.seconds.extend(rating.seconds);
    }
    let mean = |values: &[f64]| (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
    let columns =
        ["Aspect", "#Images", "#Ratings", "#Raters", "Contexts", "#Mean rating", "#Median seconds", "#Mean seconds"];
    let ratings = aspects.iter().map(|(aspect, rated)| {
        vec![
            (*aspect).to_owned(),
            count(rated.images.len()),
            count(rated.ratings.len()),
            count(rated.raters.len()),
            rated.contexts.iter().copied().collect::<Vec<_>>().join(", "),
            optional(mean(&rated.ratings), 2),
            optional(crate::ranks::median(&rated.seconds), 1),
            optional(mean(&rated.seconds), 1),
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
