//! One model's attribute scores from its answers alone, under either policy for missing answers.
//!
//! The same as the table `attribute_scores` where only one model answered (App. B.5.2): the mean yes-probability of an image's
//! questions in a bucket, `vq2` over all of them; a question that depends on one whose answer is "no" counts as 0, whatever was
//! answered to it; else a call that failed counts nowhere. How many were asked and answered is counted apart from that.

use std::collections::{BTreeMap, HashMap, HashSet};

use tables::{Answer, AnswerKind, AnswerStatus, Bucket, MissingAnswerPolicy, Question, VQ2};

use crate::inputs::Inputs;

/// What each alignment question is about.
pub struct Buckets<'a> {
    prompts: HashMap<&'a str, &'a str>,
    questions: HashMap<(&'a str, &'a str), &'a Question>,
}

impl<'a> Buckets<'a> {
    /// Of all questions.
    pub fn new(inputs: &'a Inputs) -> Self {
        let prompts = inputs.images.iter().map(|image| (image.image_id.as_str(), image.prompt_id.as_str()));
        let named = |question: &'a Question| ((question.prompt_id.as_str(), question.question_id.as_str()), question);
        Self { prompts: prompts.collect(), questions: inputs.questions.iter().map(named).collect() }
    }

    /// The bucket of an answer's question, if the question is known.
    pub fn of(&self, answer: &Answer) -> Option<Bucket> {
        self.question(answer).map(|question| question.bucket)
    }

    fn question(&self, answer: &Answer) -> Option<&'a Question> {
        let prompt = self.prompts.get(answer.image_id.as_str())?;
        self.questions.get(&(*prompt, answer.question_id.as_str())).copied()
    }
}

/// One image's score of one attribute.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelScore<'a> {
    /// The image.
    pub image_id: &'a str,
    /// Under each policy (left out, as a "no"); `None` if nothing was answered.
    pub scores: [Option<f64>; 2],
    /// Questions asked, without those whose call failed.
    pub n_asked: usize,
    /// Those without an answer, whether or not another answer rules them out.
    pub n_missing: usize,
}

/// One question as it counts.
#[derive(Debug, Clone, Copy)]
struct Counted {
    /// Under each policy.
    p_yes: [Option<f64>; 2],
    is_failed: bool,
    is_answered: bool,
}

impl ModelScore<'_> {
    /// The score under a policy.
    pub fn under(&self, policy: MissingAnswerPolicy) -> Option<f64> {
        self.scores[usize::from(policy == MissingAnswerPolicy::No)]
    }
}

/// The scores of each model and attribute, images in the order of their ids.
pub fn model_scores(inputs: &Inputs) -> BTreeMap<(&str, &str), Vec<ModelScore<'_>>> {
    let buckets = Buckets::new(inputs);
    let mut asked: BTreeMap<(&str, &str), Vec<&Answer>> = BTreeMap::new();
    for answer in &inputs.answers {
        asked.entry((&answer.model, &answer.image_id)).or_default().push(answer);
    }
    let mut scores: BTreeMap<(&str, &str), Vec<ModelScore>> = BTreeMap::new();
    for ((model, image_id), answers) in asked {
        let mut of_attribute: BTreeMap<&str, Vec<Counted>> = BTreeMap::new();
        let noes = [MissingAnswerPolicy::Null, MissingAnswerPolicy::No].map(|policy| noes(&answers, policy));
        for answer in answers {
            let question = buckets.question(answer).filter(|_| answer.kind == AnswerKind::Alignment);
            let ruled_out = |noes: &HashSet<&str>| {
                question.is_some_and(|question| question.depends_on.iter().any(|on| noes.contains(on.as_str())))
            };
            let ruled_out = [ruled_out(&noes[0]), ruled_out(&noes[1])];
            if answer.status == AnswerStatus::Error && ruled_out == [false; 2] {
                continue;
            }
            let counted = Counted {
                p_yes: ruled_out.map(|ruled_out| if ruled_out { Some(0.0) } else { answer.p_yes }),
                is_failed: answer.status == AnswerStatus::Error,
                is_answered: answer.p_yes.is_some(),
            };
            if answer.kind == AnswerKind::Quality {
                of_attribute.entry(&answer.question_id).or_default().push(counted);
            } else {
                if let Some(question) = question {
                    of_attribute.entry(question.bucket.as_str()).or_default().push(counted);
                }
                of_attribute.entry(VQ2).or_default().push(counted);
            }
        }
        for (attribute, counted) in of_attribute {
            scores.entry((model, attribute)).or_default().push(score(image_id, &counted));
        }
    }
    scores
}

/// The questions that an answer says "no" to: more likely than "yes", or missing where that counts as one.
fn noes<'a>(answers: &[&'a Answer], policy: MissingAnswerPolicy) -> HashSet<&'a str> {
    let is_no = |answer: &Answer| match answer.p_yes {
        Some(p_yes) => p_yes < 0.5,
        None => policy == MissingAnswerPolicy::No && answer.status != AnswerStatus::Error,
    };
    let alignment = answers.iter().filter(|answer| answer.kind == AnswerKind::Alignment && is_no(answer));
    alignment.map(|answer| answer.question_id.as_str()).collect()
}

fn score<'a>(image_id: &'a str, counted: &[Counted]) -> ModelScore<'a> {
    let mean = |policy: usize, n: usize| {
        // An empty `sum` is -0.0, which would rank below a "no" of 0.
        let total = counted.iter().filter_map(|one| one.p_yes[policy]).fold(0.0, |total, p_yes| total + p_yes);
        (n > 0).then(|| total / n as f64)
    };
    let n_known = counted.iter().filter(|one| one.p_yes[0].is_some()).count();
    let asked = || counted.iter().filter(|one| !one.is_failed);
    ModelScore {
        image_id,
        scores: [mean(0, n_known), mean(1, counted.len())],
        n_asked: asked().count(),
        n_missing: asked().filter(|one| !one.is_answered).count(),
    }
}

#[cfg(test)]
mod tests {
    use tables::Split;

    use super::*;
    use crate::fixtures::{answer, image, question};

    fn inputs(answers: Vec<Answer>) -> Inputs {
        Inputs {
            images: vec![image("p1-0", Split::Test), image("p1-1", Split::Test)],
            questions: vec![
                question("p1", "dog", Bucket::Noun, &[]),
                question("p1", "cat", Bucket::Noun, &[]),
                question("p1", "green", Bucket::Adjective, &["dog"]),
            ],
            answers,
            ..Inputs::default()
        }
    }

    fn of<'a>(inputs: &'a Inputs, attribute: &str) -> Option<ModelScore<'a>> {
        model_scores(inputs).remove(&("m", attribute)).map(|mut scores| scores.remove(0))
    }

    #[test]
    fn a_blank_is_left_out_or_a_no() {
        let inputs = inputs(vec![answer("p1-0", "dog", Some(1.0)), answer("p1-0", "cat", None)]);
        let noun = of(&inputs, "noun").unwrap();
        assert_eq!((noun.scores, noun.n_asked, noun.n_missing), ([Some(1.0), Some(0.5)], 2, 1));
        assert_eq!(of(&inputs, VQ2).unwrap().scores, [Some(1.0), Some(0.5)]);
        assert_eq!(of(&inputs, "verb"), None, "nothing was asked");
    }

    #[test]
    fn a_question_that_hangs_on_a_no_is_a_no() {
        let inputs = inputs(vec![answer("p1-0", "dog", Some(0.25)), answer("p1-0", "green", Some(1.0))]);
        assert_eq!(of(&inputs, "adjective").unwrap().scores, [Some(0.0), Some(0.0)]);
        assert_eq!(of(&inputs, VQ2).unwrap().scores, [Some(0.125), Some(0.125)]);
        let blank = self::inputs(vec![answer("p1-0", "dog", None), answer("p1-0", "green", Some(1.0))]);
        assert_eq!(of(&blank, "adjective").unwrap().scores, [Some(1.0), Some(0.0)]);
    }

    #[test]
    fn a_call_that_failed_counts_nowhere() {
        let mut failed = answer("p1-0", "dog", None);
        failed.status = AnswerStatus::Error;
        let inputs = inputs(vec![failed, answer("p1-0", "cat", Some(0.75))]);
        let noun = of(&inputs, "noun").unwrap();
        assert_eq!((noun.scores, noun.n_asked, noun.n_missing), ([Some(0.75); 2], 1, 0));
    }

    #[test]
    fn what_was_asked_and_answered_is_counted_apart_from_what_a_no_rules_out() {
        // The dog is not there, so the refused question whether it is green scores 0; it stays a missing answer.
        let refused = inputs(vec![answer("p1-0", "dog", Some(0.25)), answer("p1-0", "green", None)]);
        let green = of(&refused, "adjective").unwrap();
        assert_eq!((green.scores, green.n_asked, green.n_missing), ([Some(0.0); 2], 1, 1));
        let mut failed = refused.clone();
        failed.answers[1].status = AnswerStatus::Error;
        let green = of(&failed, "adjective").unwrap();
        assert_eq!((green.scores, green.n_asked, green.n_missing), ([Some(0.0); 2], 0, 0));
        // Ruled out under one policy only: a failed call still counts nowhere under the other.
        failed.answers[0].p_yes = None;
        failed.answers[0].status = AnswerStatus::Refused;
        assert_eq!(of(&failed, "adjective").unwrap().scores, [None, Some(0.0)]);
        assert_eq!(of(&failed, VQ2).unwrap().scores, [None, Some(0.0)]);
    }

    #[test]
    fn an_image_without_any_answer_has_no_score_unless_a_blank_is_a_no() {
        let inputs = inputs(vec![answer("p1-0", "dog", None)]);
        assert_eq!(of(&inputs, "noun").unwrap().scores, [None, Some(0.0)]);
    }
}
