//! Answers that someone else collected: rows that the pipeline file's SELECT gives, to rows of `answers`.

use std::collections::{HashMap, HashSet};
use std::str::FromStr;

use sources::{Selected, WantedColumn};
use tables::{Answer, AnswerKind, AnswerStatus};

use crate::asked_image::AskedImage;
use crate::error::SynthFeedbackError;
use crate::question::Questions;

/// What the SELECT gives.
pub const COLUMNS: &[WantedColumn] = &[
    WantedColumn::text("image_id"),
    WantedColumn::text("question_id"),
    WantedColumn::text("answer").optional(),
    WantedColumn::number("p_yes").optional(),
    WantedColumn::text("kind").optional(),
];

/// One row of the SELECT.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportedRow {
    /// The image.
    pub image_id: String,
    /// The question of the image's prompt, or the attribute.
    pub question_id: String,
    /// `yes` or `no`, whatever the case; blank or null was not answered, any other word says neither.
    pub answer: Option<String>,
    /// Probability of "yes"; it takes precedence over `answer`.
    pub p_yes: Option<f64>,
    /// `alignment` (also if null) or `quality`.
    pub kind: Option<String>,
}

/// The rows that the SELECT gave, in its order.
pub fn rows_of(selected: &Selected) -> Vec<ImportedRow> {
    let image_ids = selected.required_text("image_id").into_iter();
    let question_ids = selected.required_text("question_id").into_iter();
    let rest = selected.text("answer").into_iter().zip(selected.number("p_yes")).zip(selected.text("kind"));
    image_ids
        .zip(question_ids)
        .zip(rest)
        .map(|((image_id, question_id), ((answer, p_yes), kind))| ImportedRow {
            image_id,
            question_id,
            answer,
            p_yes,
            kind,
        })
        .collect()
}

/// Imported rows as answers of `model`: yes is a yes-probability of 1, no of 0, blank has none (`refused`), nor has any other
/// word (`no_yes_no_token`), which is warned of.
///
/// # Errors
/// [`SynthFeedbackError::ImportedRow`], rows counted from 1: an unknown image or question, a probability outside
/// [0, 1], a question answered twice.
pub fn answers_of(
    rows: &[ImportedRow],
    model: &str,
    images: &[AskedImage],
    questions: &Questions,
) -> Result<Vec<Answer>, SynthFeedbackError> {
    let images: HashMap<&str, &AskedImage> = images.iter().map(|image| (&*image.image_id, image)).collect();
    let mut known: HashMap<(AnswerKind, &str), HashSet<&str>> = HashMap::new();
    let mut seen = HashSet::new();
    let mut answers = Vec::with_capacity(rows.len());
    let mut other_words = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        let wrong = |problem: String| SynthFeedbackError::ImportedRow { row: at + 1, problem };
        let Some(image) = images.get(row.image_id.as_str()) else {
            return Err(wrong(format!("`image_id` is `{}`, which is not in `images`", row.image_id)));
        };
        let kind = kind_of(row.kind.as_deref()).map_err(wrong)?;
        let group = if kind == AnswerKind::Quality { "" } else { &image.prompt_id };
        let asked = known.entry((kind, group)).or_insert_with(|| {
            let asked = match kind {
                AnswerKind::Quality => questions.quality(),
                AnswerKind::Alignment => questions.alignment(&image.prompt_id),
            };
            asked.iter().map(|question| question.question_id.as_ref()).collect()
        });
        if !asked.contains(row.question_id.as_str()) {
            return Err(wrong(unknown_question(row, kind, &image.prompt_id)));
        }
        if !seen.insert((row.image_id.as_str(), kind, row.question_id.as_str())) {
            return Err(wrong(format!(
                "question `{}` of image `{}` is answered a second time",
                row.question_id, row.image_id
            )));
        }
        let (status, p_yes) = outcome_of(row).map_err(wrong)?;
        if status == AnswerStatus::NoYesNoToken {
            other_words.push((at + 1, row.answer.as_deref().unwrap_or_default()));
        }
        answers.push(Answer {
            image_id: row.image_id.clone(),
            question_id: row.question_id.clone(),
            kind,
            status,
            p_yes,
            logit_yes: None,
            logit_no: None,
            label_mass: None,
            readout: tables::AnswerReadout::Import,
            model: model.to_owned(),
            attempts: 0,
            seconds: None,
        });
    }
    if let Some(&(row, word)) = other_words.first() {
        let (n_answers, word) = (other_words.len(), crate::completion::one_line(word));
        tracing::warn!(n_answers, first_row = row, first = word, "imported answers that are neither yes, no nor blank");
    }
    Ok(answers)
}

fn kind_of(word: Option<&str>) -> Result<AnswerKind, String> {
    let Some(word) = word.map(str::trim).filter(|word| !word.is_empty()) else { return Ok(AnswerKind::Alignment) };
    AnswerKind::from_str(word).map_err(|_| format!("`kind` is `{word}`, not `alignment` or `quality`"))
}

fn unknown_question(row: &ImportedRow, kind: AnswerKind, prompt_id: &str) -> String {
    let id = &row.question_id;
    match kind {
        AnswerKind::Alignment => format!(
            "`question_id` is `{id}`, which is no question of prompt `{prompt_id}` (image `{}`) in `questions`; is \
             `alignment` true, and did `vq2-parse` read the same questions?",
            row.image_id
        ),
        AnswerKind::Quality => format!("`question_id` is `{id}`, which is not among `quality.attributes`"),
    }
}

/// A blank is no answer; any other word than yes and no is an answer that says neither.
fn outcome_of(row: &ImportedRow) -> Result<(AnswerStatus, Option<f64>), String> {
    if let Some(p) = row.p_yes {
        let valid = (0.0..=1.0).contains(&p);
        return if valid { Ok((AnswerStatus::Ok, Some(p))) } else { Err(format!("`p_yes` is {p}, outside [0, 1]")) };
    }
    Ok(match row.answer.as_deref().map(str::trim).unwrap_or_default() {
        "" => (AnswerStatus::Refused, None),
        word if word.eq_ignore_ascii_case("yes") => (AnswerStatus::Ok, Some(1.0)),
        word if word.eq_ignore_ascii_case("no") => (AnswerStatus::Ok, Some(0.0)),
        _ => (AnswerStatus::NoYesNoToken, None),
    })
}

#[cfg(test)]
mod tests {
    use tables::Bucket;

    use super::*;
    use crate::question::tests::{image, quality, question};

    fn row(image_id: &str, question_id: &str, answer: &str) -> ImportedRow {
        ImportedRow {
            image_id: image_id.into(),
            question_id: question_id.into(),
            answer: Some(answer.into()),
            p_yes: None,
            kind: None,
        }
    }

    fn imported(rows: &[ImportedRow]) -> Result<Vec<Answer>, String> {
        let images = [image("i1", "p1", None), image("i2", "p2", None)];
        let asked = [
            question("p1", "q1", "dog?", Bucket::Noun),
            question("p1", "q2", "dog?", Bucket::Noun),
            question("p2", "q9", "cat?", Bucket::Noun),
        ];
        let questions = Questions::new(Some(&quality(&["bright"])), &asked);
        answers_of(rows, "pali", &images, &questions).map_err(|error| error.to_string())
    }

    fn one(answer: &str) -> Result<(AnswerStatus, Option<f64>), String> {
        imported(&[row("i1", "q1", answer)]).map(|answers| (answers[0].status, answers[0].p_yes))
    }

    #[test]
    fn yes_no_and_blank_in_any_case_with_any_space() {
        for yes in ["yes", "Yes", "YES", " yes ", "yes\n"] {
            assert_eq!(one(yes), Ok((AnswerStatus::Ok, Some(1.0))), "{yes:?}");
        }
        for no in ["no", "No", "NO", "\tno"] {
            assert_eq!(one(no), Ok((AnswerStatus::Ok, Some(0.0))), "{no:?}");
        }
        for blank in ["", " ", "\n"] {
            assert_eq!(one(blank), Ok((AnswerStatus::Refused, None)), "{blank:?}");
        }
        let null = ImportedRow { answer: None, ..row("i1", "q1", "") };
        assert_eq!(imported(&[null]).unwrap()[0].status, AnswerStatus::Refused);
        for other in ["maybe", "yes.", "y", "1", "true", "ja", "no answer"] {
            assert_eq!(one(other), Ok((AnswerStatus::NoYesNoToken, None)), "{other}");
        }
    }

    #[test]
    fn a_probability_is_taken_as_it_is() {
        let with =
            |p| imported(&[ImportedRow { p_yes: Some(p), ..row("i1", "q1", "no") }]).map(|answers| answers[0].p_yes);
        assert_eq!(with(0.375), Ok(Some(0.375)));
        for outside in [-0.1, 1.5, f64::NAN, f64::INFINITY] {
            assert!(with(outside).unwrap_err().contains("outside [0, 1]"), "{outside}");
        }
    }

    #[test]
    fn questions_that_repeat_a_text_keep_their_own_answers() {
        let answers = imported(&[row("i1", "q2", "no"), row("i1", "q1", "yes")]).unwrap();
        let kept: Vec<_> = answers.iter().map(|a| (a.question_id.as_str(), a.p_yes)).collect();
        assert_eq!(kept, [("q2", Some(0.0)), ("q1", Some(1.0))]);
        assert!(answers.iter().all(|a| a.model == "pali" && a.attempts == 0 && a.kind == AnswerKind::Alignment));
    }

    #[test]
    fn quality_answers_name_their_attribute() {
        let quality = ImportedRow { kind: Some("quality".into()), ..row("i2", "bright", "yes") };
        assert_eq!(imported(&[quality]).unwrap()[0].kind, AnswerKind::Quality);
        let unknown = ImportedRow { kind: Some("quality".into()), ..row("i2", "funny", "yes") };
        assert!(imported(&[unknown]).unwrap_err().contains("`quality.attributes`"));
        let misspelt = ImportedRow { kind: Some("qualty".into()), ..row("i2", "bright", "yes") };
        assert!(imported(&[misspelt]).unwrap_err().contains("`qualty`"));
    }

    #[test]
    fn unknown_images_and_questions_and_second_answers_are_named_with_their_row() {
        let error = imported(&[row("i1", "q1", "yes"), row("i7", "q1", "yes")]).unwrap_err();
        assert!(error.contains("row 2") && error.contains("`i7`"), "{error}");
        let error = imported(&[row("i2", "q1", "yes")]).unwrap_err();
        assert!(error.contains("row 1") && error.contains("prompt `p2`"), "{error}");
        let error = imported(&[row("i1", "q1", "yes"), row("i1", "q2", "yes"), row("i1", "q1", "no")]).unwrap_err();
        assert!(error.contains("row 3") && error.contains("second time"), "{error}");
    }
}
