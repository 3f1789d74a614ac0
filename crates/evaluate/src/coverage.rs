//! Table `answer_coverage`: per attribute and model, what was asked and how the answers came out.

use std::collections::{BTreeMap, BTreeSet};

use tables::{AnswerCoverage, AnswerKind, AnswerStatus};

use crate::inputs::Inputs;
use crate::model_scores::Buckets;

/// Every row, by key.
pub fn coverage(inputs: &Inputs) -> Vec<AnswerCoverage> {
    let buckets = Buckets::new(inputs);
    let mut asked: BTreeMap<(AnswerKind, &str, &str), (BTreeSet<&str>, [i64; 5])> = BTreeMap::new();
    for answer in &inputs.answers {
        let attribute = match answer.kind {
            AnswerKind::Quality => answer.question_id.as_str(),
            AnswerKind::Alignment => buckets.of(answer).map_or("unknown", |bucket| bucket.as_str()),
        };
        let (images, counts) = asked.entry((answer.kind, attribute, &answer.model)).or_default();
        images.insert(&answer.image_id);
        let status = AnswerStatus::ALL.iter().position(|status| *status == answer.status).unwrap_or_default();
        counts[status] += 1;
    }
    let row = |((kind, attribute, model), (images, counts)): ((AnswerKind, &str, &str), (BTreeSet<&str>, [i64; 5]))| {
        let [n_ok, n_censored, n_no_yes_no_token, n_refused, n_error] = counts;
        let n_asked: i64 = counts.iter().sum();
        AnswerCoverage {
            kind,
            attribute: attribute.to_owned(),
            model: model.to_owned(),
            n_images: images.len() as i64,
            n_asked,
            n_ok,
            n_censored,
            n_no_yes_no_token,
            n_refused,
            n_error,
            share_answered: (n_asked > 0).then(|| (n_ok + n_censored) as f64 / n_asked as f64),
        }
    };
    asked.into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use tables::{Bucket, Split};

    use super::*;
    use crate::fixtures::{answer, image, question};

    #[test]
    fn every_status_is_counted_for_its_attribute_and_model() {
        use AnswerStatus::{Censored, Error, NoYesNoToken, Ok, Refused};
        let status = |image_id: &str, question_id: &str, kind, status, model: &str| {
            let p_yes = matches!(status, Ok | Censored).then_some(0.5);
            tables::Answer { status, kind, model: model.to_owned(), ..answer(image_id, question_id, p_yes) }
        };
        let (quality, alignment) = (AnswerKind::Quality, AnswerKind::Alignment);
        let inputs = Inputs {
            images: vec![image("p1-0", Split::Test), image("p1-1", Split::Test)],
            questions: vec![question("p1", "q1", Bucket::Noun, &[]), question("p1", "q2", Bucket::Noun, &[])],
            answers: vec![
                status("p1-0", "bright", quality, Ok, "m"),
                status("p1-1", "bright", quality, Error, "m"),
                status("p1-0", "q1", alignment, Refused, "m"),
                status("p1-0", "q2", alignment, Censored, "m"),
                status("p1-1", "q1", alignment, NoYesNoToken, "m"),
                status("p1-1", "q7", alignment, Ok, "m"),
                status("p1-0", "q1", alignment, Ok, "another"),
            ],
            ..Inputs::default()
        };
        let found: Vec<_> = coverage(&inputs)
            .into_iter()
            .map(|row| {
                let counts = [row.n_ok, row.n_censored, row.n_no_yes_no_token, row.n_refused, row.n_error];
                assert_eq!(row.n_asked, counts.iter().sum::<i64>());
                (row.attribute, row.model, row.n_images, counts, row.share_answered)
            })
            .collect();
        let row = |attribute: &str, model: &str, n_images, counts, share| {
            (attribute.to_owned(), model.to_owned(), n_images, counts, Some(share))
        };
        let expected = [
            row("bright", "m", 2, [1, 0, 0, 0, 1], 0.5),
            row("noun", "another", 1, [1, 0, 0, 0, 0], 1.0),
            row("noun", "m", 2, [0, 1, 1, 1, 0], 1.0 / 3.0),
            row("unknown", "m", 1, [1, 0, 0, 0, 0], 1.0),
        ];
        assert_eq!(found, expected);
    }
}
