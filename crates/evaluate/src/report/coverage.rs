//! What was asked and answered, and what missing answers do.

use std::collections::BTreeMap;

use tables::{MissingAnswerEffect, MissingAnswerPolicy, ScoreSource, VQ2};

use super::Findings;
use super::feedback::source_name;
use super::sheet::{Section, Sheet};
use super::words::{count, nothing, optional, percent, with_interval};
use crate::bootstrap::Interval;

/// Tables `answer_coverage`, `attribute_scores` and `missing_answer_effects`.
pub fn section(findings: &Findings) -> Section {
    let columns = [
        "Attribute",
        "Model",
        "Kind",
        "#Images",
        "#Asked",
        "#Answered",
        "#One side only",
        "#Neither yes nor no",
        "#Refused",
        "#Failed",
    ];
    let number = |n: i64| count(usize::try_from(n).unwrap_or(0));
    let share = |part: i64, whole: i64| percent(part.max(0) as usize, whole.max(0) as usize);
    let answers = findings.results.coverage.iter().map(|row| {
        let answered = row.n_ok + row.n_censored;
        vec![
            row.attribute.clone(),
            row.model.clone(),
            row.kind.to_string(),
            number(row.n_images),
            number(row.n_asked),
            format!("{} ({})", number(answered), share(answered, row.n_asked)),
            number(row.n_censored),
            number(row.n_no_yes_no_token),
            number(row.n_refused),
            number(row.n_error),
        ]
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
    let columns =
        ["Attribute", "Model", "Missing answers are", "#Asked", "#Missing", "#Images", "#AUC", "#Spearman", "Remark"];
    let effect = |row: &MissingAnswerEffect| {
        let interval = row.ci_low.zip(row.ci_high).map(|(low, high)| Interval { low, high });
        vec![
            row.attribute.clone(),
            row.model.clone(),
            match row.policy {
                MissingAnswerPolicy::Null => "left out".to_owned(),
                MissingAnswerPolicy::No => "a no".to_owned(),
            },
            number(row.n_asked),
            format!("{} ({})", number(row.n_missing), share(row.n_missing, row.n_asked)),
            number(row.n_images),
            row.roc_auc.map_or_else(nothing, |auc| with_interval(auc, interval, 2)),
            optional(row.spearman, 3),
            row.reason.clone().unwrap_or_default(),
        ]
    };
    let (of_vq2, others): (Vec<_>, Vec<_>) =
        findings.results.missing_answer_effects.iter().partition(|row| row.attribute == VQ2);
    let title = "What a missing answer counts as: agreement of the mean yes (vq2) with the overall rating";
    let of_vq2 = Sheet::new(title, &columns).with_rows(of_vq2.into_iter().map(effect));
    let title = "How every other score\u{2019}s agreement with the overall rating moves with that";
    let others = Sheet::new(title, &columns).with_rows(others.into_iter().map(effect)).folded();
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
        sheets: [answers, scores, of_vq2, others].into_iter().filter(|sheet| !sheet.rows.is_empty()).collect(),
        ..Section::default()
    }
}
