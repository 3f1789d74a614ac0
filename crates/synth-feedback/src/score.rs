//! Attribute scores: yes-probabilities of one quality question, or averaged per bucket and as `vq2` (App. B.5).
//!
//! Reads one row per (image, question); writes one row per (image, attribute). VQ² itself is Yarom et al. 2023.

use std::collections::{HashMap, HashSet};

use tables::{Answer, AnswerKind, AnswerStatus, AttributeScore, Bucket, Preference, ScoreSource, VQ2};

use crate::asked_image::AskedImage;
use crate::dependencies::ruled_out;
use crate::error::SynthFeedbackError;
use crate::question::{ImageQuestion, Questions};
use crate::settings::MissingAnswer;

/// The scores that one model's answers about an image give.
///
/// Only the kinds of question in `kinds` are scored, those that the model answered about any image at all: an import of
/// alignment answers alone gives no quality scores. With alignment come all four buckets and `vq2`, also for an image whose prompt
/// has no question in a bucket: `n_questions` is 0 there, and the score null. A question without a row in `answers` was
/// not asked of that image and counts nowhere; one that ended in an `error` was asked, but its answer is unknown, never
/// a "no". One that depends on a question whose answer is "no" counts as 0, whatever was answered to it.
pub fn scores_of_answers(
    image: &AskedImage,
    questions: &Questions,
    answers: &[Answer],
    kinds: &HashSet<AnswerKind>,
    source: ScoreSource,
    missing: MissingAnswer,
) -> Vec<AttributeScore> {
    let asked: HashMap<(AnswerKind, &str), &Answer> =
        answers.iter().map(|a| ((a.kind, a.question_id.as_str()), a)).collect();
    let mut scores = Vec::new();
    let answer_to = |q: &ImageQuestion| asked.get(&(q.kind, q.question_id.as_ref())).copied();
    let said_no = |q: &ImageQuestion| answer_to(q).is_some_and(|answer| is_no(answer, missing));
    let ruled_out = ruled_out(questions.alignment(&image.prompt_id), said_no);
    let mut score = |attribute: &str, questions: &mut dyn Iterator<Item = &ImageQuestion>| {
        let (mut n_questions, mut n_answered, mut p_yes) = (0, 0, Vec::new());
        for question in questions {
            let Some(answer) = answer_to(question) else { continue };
            n_questions += 1;
            n_answered += i64::from(answer.p_yes.is_some());
            if question.kind == AnswerKind::Alignment && ruled_out.contains(&*question.question_id) {
                p_yes.push(Some(0.0));
            } else if answer.status != AnswerStatus::Error {
                p_yes.push(answer.p_yes);
            }
        }
        scores.push(AttributeScore {
            image_id: image.image_id.to_string(),
            attribute: attribute.to_owned(),
            source,
            score: mean_p_yes(&p_yes, missing),
            n_questions,
            n_answered,
        });
    };
    if kinds.contains(&AnswerKind::Quality) {
        let of_prompt = questions.vqascore(&image.prompt_id);
        let quality = questions.quality().iter().chain(of_prompt);
        quality.for_each(|question| score(&question.question_id, &mut std::iter::once(question)));
    }
    if kinds.contains(&AnswerKind::Alignment) {
        let alignment = questions.alignment(&image.prompt_id);
        for bucket in Bucket::ALL {
            score(bucket.as_str(), &mut alignment.iter().filter(|question| question.bucket == Some(*bucket)));
        }
        score(VQ2, &mut alignment.iter());
    }
    scores
}

/// Whether an answer rules out the questions that depend on it: a "no" more likely than a "yes", or a missing answer where
/// that counts as a "no". A call that failed says nothing.
fn is_no(answer: &Answer, missing: MissingAnswer) -> bool {
    match answer.p_yes {
        Some(p_yes) => p_yes < 0.5,
        None => missing == MissingAnswer::No && answer.status != AnswerStatus::Error,
    }
}

/// Mean yes-probability of questions, one entry each; `None` was refused, or its answer was neither yes nor no.
///
/// `None` if there is no question, or (unless a missing answer counts as "no") no answer: never a default score.
pub fn mean_p_yes(p_yes: &[Option<f64>], missing: MissingAnswer) -> Option<f64> {
    // Not `sum`: of nothing it is -0.0.
    let sum = p_yes.iter().flatten().fold(0.0, |sum, p_yes| sum + p_yes);
    let n = match missing {
        MissingAnswer::Null => p_yes.iter().flatten().count(),
        MissingAnswer::No => p_yes.len(),
    };
    (n > 0).then(|| sum / n as f64)
}

/// People's mean ratings of some aspects as scores, on the rating scale.
///
/// # Errors
/// [`SynthFeedbackError::UnknownAspect`] for an aspect that nobody rated.
pub fn scores_of_people(
    preferences: &[Preference],
    aspects: &[String],
) -> Result<Vec<AttributeScore>, SynthFeedbackError> {
    let rated: HashSet<&str> = preferences.iter().map(|preference| preference.aspect.as_str()).collect();
    if let Some(aspect) = aspects.iter().find(|aspect| !rated.contains(aspect.as_str())) {
        let mut known: Vec<String> = rated.iter().map(|aspect| format!("`{aspect}`")).collect();
        known.sort();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        return Err(SynthFeedbackError::UnknownAspect { aspect: aspect.clone(), known });
    }
    let score = |preference: &Preference| AttributeScore {
        image_id: preference.image_id.clone(),
        attribute: preference.aspect.clone(),
        source: ScoreSource::Human,
        score: Some(preference.mean_rating),
        n_questions: preference.n_ratings,
        n_answered: preference.n_ratings,
    };
    Ok(preferences.iter().filter(|preference| aspects.contains(&preference.aspect)).map(score).collect())
}

#[cfg(test)]
mod tests {
    use tables::Question;

    use super::*;
    use crate::question::tests::{image, quality, question};

    fn answer(image_id: &str, kind: AnswerKind, question_id: &str, p_yes: Option<f64>) -> Answer {
        Answer {
            image_id: image_id.into(),
            question_id: question_id.into(),
            kind,
            status: if p_yes.is_some() { AnswerStatus::Ok } else { AnswerStatus::Refused },
            p_yes,
            logit_yes: None,
            logit_no: None,
            label_mass: None,
            readout: tables::AnswerReadout::TopLogprobs,
            model: "m".into(),
            attempts: 1,
            seconds: None,
        }
    }

    /// The scores of all images.
    fn scores_of_all(
        images: &[AskedImage],
        questions: &Questions,
        answers: &[Answer],
        source: ScoreSource,
        missing: MissingAnswer,
    ) -> Vec<AttributeScore> {
        let kinds: HashSet<AnswerKind> = answers.iter().map(|answer| answer.kind).collect();
        let about = |image: &AskedImage| -> Vec<Answer> {
            answers.iter().filter(|answer| *answer.image_id == *image.image_id).cloned().collect()
        };
        let scores = |image| scores_of_answers(image, questions, &about(image), &kinds, source, missing);
        images.iter().flat_map(scores).collect()
    }

    fn find<'a>(scores: &'a [AttributeScore], image_id: &str, attribute: &str) -> &'a AttributeScore {
        scores.iter().find(|score| score.image_id == image_id && score.attribute == attribute).unwrap()
    }

    fn world() -> (Vec<AskedImage>, Questions, Vec<Answer>) {
        let images = vec![image("i1", "p1", None), image("i2", "p1", None), image("i3", "p2", None)];
        let asked = [
            question("p1", "q1", "dog?", Bucket::Noun),
            question("p1", "q2", "cat?", Bucket::Noun),
            question("p1", "q3", "red?", Bucket::Adjective),
        ];
        let (quality_kind, alignment) = (AnswerKind::Quality, AnswerKind::Alignment);
        let answers = vec![
            answer("i1", quality_kind, "bright", Some(0.75)),
            answer("i1", alignment, "q1", Some(0.5)),
            answer("i1", alignment, "q2", Some(1.0)),
            answer("i1", alignment, "q3", None),
            answer("i2", quality_kind, "bright", None),
            answer("i2", alignment, "q1", Some(0.25)),
            answer("i2", alignment, "q2", None),
            answer("i3", quality_kind, "bright", Some(0.0)),
        ];
        (images, Questions::new(Some(&quality(&["bright"])), &asked), answers)
    }

    #[test]
    fn scores_are_means_over_the_answered_questions() {
        let (images, questions, answers) = world();
        let scores = scores_of_all(&images, &questions, &answers, ScoreSource::Vlm, MissingAnswer::Null);
        let check = |image_id, attribute, score, n_questions, n_answered| {
            let found = find(&scores, image_id, attribute);
            assert_eq!(
                (found.score, found.n_questions, found.n_answered),
                (score, n_questions, n_answered),
                "{found:?}"
            );
        };
        check("i1", "bright", Some(0.75), 1, 1);
        check("i1", "noun", Some(0.75), 2, 2);
        check("i1", "adjective", None, 1, 0);
        check("i1", "verb", None, 0, 0);
        check("i1", "vq2", Some(0.75), 3, 2);
        check("i2", "bright", None, 1, 0);
        check("i2", "noun", Some(0.25), 2, 1);
        check("i2", "adjective", None, 0, 0);
        check("i2", "vq2", Some(0.25), 2, 1);
        check("i3", "bright", Some(0.0), 1, 1);
        check("i3", "noun", None, 0, 0);
        check("i3", "vq2", None, 0, 0);
        assert_eq!(scores.len(), 3 * 6);
    }

    #[test]
    fn a_missing_answer_may_count_as_no_but_a_missing_question_never_does() {
        let (images, questions, answers) = world();
        let scores = scores_of_all(&images, &questions, &answers, ScoreSource::Vlm, MissingAnswer::No);
        let score = |image_id, attribute| find(&scores, image_id, attribute).score;
        assert_eq!(score("i1", "vq2"), Some(0.5));
        assert_eq!(score("i1", "adjective"), Some(0.0));
        assert_eq!(score("i2", "bright"), Some(0.0));
        assert_eq!(score("i2", "noun"), Some(0.125));
        assert_eq!((score("i1", "verb"), score("i3", "vq2")), (None, None));
        assert_eq!(find(&scores, "i1", "vq2").n_answered, 2, "counts do not change");
    }

    #[test]
    fn a_question_that_a_no_rules_out_counts_as_zero_whatever_was_answered() {
        let depending = |id: &str, parent: &str, bucket| Question {
            depends_on: vec![parent.to_owned()],
            ..question("p1", id, "is it?", bucket)
        };
        let asked = [
            question("p1", "dog", "dog?", Bucket::Noun),
            depending("green", "dog", Bucket::Adjective),
            depending("runs", "dog", Bucket::Verb),
        ];
        let questions = Questions::new(None, &asked);
        let score = |dog: Option<f64>, missing| {
            let answers = [
                answer("i1", AnswerKind::Alignment, "dog", dog),
                answer("i1", AnswerKind::Alignment, "green", Some(0.75)),
                Answer { status: AnswerStatus::Error, ..answer("i1", AnswerKind::Alignment, "runs", None) },
            ];
            let images = [image("i1", "p1", None)];
            let scores = scores_of_all(&images, &questions, &answers, ScoreSource::Vlm, missing);
            let of = |attribute| find(&scores, "i1", attribute).score;
            assert_eq!(find(&scores, "i1", VQ2).n_answered, 1 + i64::from(dog.is_some()), "counts are of answers");
            (of("adjective"), of("verb"), of(VQ2))
        };
        let (null, no) = (MissingAnswer::Null, MissingAnswer::No);
        assert_eq!(score(Some(0.5), null), (Some(0.75), None, Some(0.625)), "a tie is no no");
        assert_eq!(score(Some(0.25), null), (Some(0.0), Some(0.0), Some(0.25 / 3.0)));
        assert_eq!(score(None, null), (Some(0.75), None, Some(0.75)), "a missing answer rules nothing out");
        assert_eq!(score(None, no), (Some(0.0), Some(0.0), Some(0.0)), "unless it counts as a no");
    }

    #[test]
    fn a_failed_call_is_never_a_no_and_a_question_that_was_not_asked_is_no_question() {
        let (images, questions, _) = world();
        let noun = |statuses: &[(&str, AnswerStatus)], missing| {
            let mut answers: Vec<Answer> = statuses
                .iter()
                .map(|(id, status)| {
                    let p_yes = (*status == AnswerStatus::Ok).then_some(1.0);
                    Answer { status: *status, ..answer("i1", AnswerKind::Alignment, id, p_yes) }
                })
                .collect();
            answers.push(answer("i2", AnswerKind::Alignment, "q3", Some(1.0)));
            let scores = scores_of_all(&images, &questions, &answers, ScoreSource::Import, missing);
            let found = find(&scores, "i1", "noun");
            (found.score, found.n_questions, found.n_answered)
        };
        let (null, no) = (MissingAnswer::Null, MissingAnswer::No);
        let (ok, error) = (AnswerStatus::Ok, AnswerStatus::Error);
        for missing in [null, no] {
            assert_eq!(noun(&[("q1", ok), ("q2", error)], missing), (Some(1.0), 2, 1), "not heard, not a no");
            assert_eq!(noun(&[("q1", error), ("q2", error)], missing), (None, 2, 0));
            assert_eq!(noun(&[("q1", ok)], missing), (Some(1.0), 1, 1), "one was asked");
            assert_eq!(noun(&[], missing), (None, 0, 0), "none was asked");
        }
        for said in [AnswerStatus::Refused, AnswerStatus::NoYesNoToken] {
            assert_eq!(noun(&[("q1", ok), ("q2", said)], no), (Some(0.5), 2, 1));
            assert_eq!(noun(&[("q1", said), ("q2", error)], no), (Some(0.0), 2, 0));
            assert_eq!(noun(&[("q1", said), ("q2", error)], null), (None, 2, 0));
        }
    }

    #[test]
    fn a_kind_that_nobody_answered_is_not_scored() {
        let (images, questions, answers) = world();
        let alignment: Vec<Answer> =
            answers.into_iter().filter(|answer| answer.kind == AnswerKind::Alignment).collect();
        let scores = scores_of_all(&images, &questions, &alignment, ScoreSource::Import, MissingAnswer::Null);
        assert!(scores.iter().all(|score| score.attribute != "bright" && score.source == ScoreSource::Import));
        assert_eq!(scores.len(), 3 * 5);
        assert!(scores_of_all(&images, &questions, &[], ScoreSource::Import, MissingAnswer::No).is_empty());
    }

    /// The same by the definition: for every image, attribute and answer, look whether it belongs.
    fn slow_score(
        image: &AskedImage,
        attribute: &str,
        questions: &Questions,
        answers: &[Answer],
        missing: MissingAnswer,
    ) -> Option<f64> {
        let (mut sum, mut n) = (0.0, 0.0);
        for question in questions.about(image) {
            let belongs = match question.bucket {
                None => question.question_id.as_ref() == attribute,
                Some(bucket) => attribute == VQ2 || bucket.as_str() == attribute,
            };
            if !belongs {
                continue;
            }
            let found = answers.iter().find(|answer| {
                *answer.image_id == *image.image_id
                    && answer.kind == question.kind
                    && answer.question_id == question.question_id.as_ref()
            });
            match found.and_then(|answer| answer.p_yes) {
                Some(p) => (sum, n) = (sum + p, n + 1.0),
                None if missing == MissingAnswer::No && found.is_some_and(|a| a.status != AnswerStatus::Error) => {
                    n += 1.0;
                }
                None => {}
            }
        }
        if n == 0.0 { None } else { Some(sum / n) }
    }

    #[test]
    fn scores_match_the_definition_on_many_small_worlds() {
        let mut state = 7u64;
        let mut draw = |n: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % n
        };
        for _ in 0..200 {
            let images: Vec<AskedImage> =
                (0..draw(5)).map(|i| image(&format!("i{i}"), &format!("p{}", draw(3)), None)).collect();
            let mut asked = Vec::new();
            for prompt in 0..3 {
                for at in 0..draw(6) {
                    let bucket = Bucket::ALL[draw(4) as usize];
                    asked.push(question(
                        &format!("p{prompt}"),
                        &format!("q{at}"),
                        &format!("text {}", draw(3)),
                        bucket,
                    ));
                }
            }
            let questions = Questions::new(Some(&quality(&["bright", "q1"])), &asked);
            let mut answers = Vec::new();
            for image in &images {
                for question in questions.about(image) {
                    let p = (draw(3) > 0).then(|| draw(101) as f64 / 100.0);
                    if draw(5) > 0 {
                        let mut answer = answer(&image.image_id, question.kind, &question.question_id, p);
                        if p.is_none() {
                            let statuses = [AnswerStatus::Refused, AnswerStatus::NoYesNoToken, AnswerStatus::Error];
                            answer.status = statuses[draw(3) as usize];
                        }
                        answers.push(answer);
                    }
                }
            }
            for missing in [MissingAnswer::Null, MissingAnswer::No] {
                for score in scores_of_all(&images, &questions, &answers, ScoreSource::Vlm, missing) {
                    let image = images.iter().find(|image| *image.image_id == *score.image_id).unwrap();
                    let slow = slow_score(image, &score.attribute, &questions, &answers, missing);
                    assert_eq!(score.score, slow, "{score:?}");
                }
            }
        }
    }

    #[test]
    fn peoples_mean_ratings_become_scores_on_their_own_scale() {
        let preference = |image_id: &str, aspect: &str, mean_rating, n_ratings| Preference {
            image_id: image_id.into(),
            aspect: aspect.into(),
            mean_rating,
            n_ratings,
            std_rating: None,
            mean_seconds: None,
        };
        let preferences = [
            preference("i1", "overall", 3.0, 9),
            preference("i1", "realism", 4.5, 8),
            preference("i2", "realism", 2.0, 7),
        ];
        let scores = scores_of_people(&preferences, &["realism".to_owned()]).unwrap();
        assert_eq!(scores.len(), 2);
        let first = &scores[0];
        assert_eq!((first.score, first.n_questions, first.n_answered), (Some(4.5), 8, 8));
        assert_eq!(first.source, ScoreSource::Human);
        let error = scores_of_people(&preferences, &["realsim".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("`realsim`") && error.contains("`overall`, `realism`"), "{error}");
    }
}
