//! How much it matters what a missing answer counts as: the agreement of `vq2` with people under both policies.
//!
//! Reads answers to alignment questions and mean overall ratings; gives one comparison a model. Published numbers counted
//! a blank as a "no" (FIDELITY: PaLI-17B left 952 of 3,178 VQ2A answers empty).

use std::collections::{BTreeMap, HashMap};

use tables::{Answer, AnswerKind, AnswerStatus, OVERALL, Preference};

use crate::ranks::spearman;
use crate::undefined::Undefined;

/// The agreement with people under one policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Agreement {
    /// Rated images that have a score under it.
    pub n_images: usize,
    /// Spearman's rank correlation of the mean yes-probability with the mean rating, in [-1, 1].
    pub spearman: Result<f64, Undefined>,
}

/// One model's alignment answers, counted both ways.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison<'a> {
    /// The model, or the imported file's name.
    pub model: &'a str,
    /// Questions asked about rated images, without those whose call failed.
    pub n_asked: usize,
    /// Those without an answer.
    pub n_missing: usize,
    /// Missing answers are left out of the mean; an image without any answer has no score.
    pub as_null: Agreement,
    /// Missing answers count as a yes-probability of 0.
    pub as_no: Agreement,
}

/// Compares the policies for every model that answered alignment questions about rated images.
pub fn compare<'a>(answers: &'a [Answer], preferences: &[Preference]) -> Vec<Comparison<'a>> {
    let overall = preferences.iter().filter(|preference| preference.aspect == OVERALL);
    let ratings: HashMap<&str, f64> =
        overall.map(|preference| (preference.image_id.as_str(), preference.mean_rating)).collect();
    let mut asked: BTreeMap<&str, BTreeMap<&str, Vec<Option<f64>>>> = BTreeMap::new();
    // A call that failed is no answer under either policy; it is asked again.
    let heard = |answer: &&Answer| answer.kind == AnswerKind::Alignment && answer.status != AnswerStatus::Error;
    for answer in answers.iter().filter(heard) {
        if ratings.contains_key(answer.image_id.as_str()) {
            asked.entry(&answer.model).or_default().entry(&answer.image_id).or_default().push(answer.p_yes);
        }
    }
    asked.into_iter().map(|(model, images)| comparison(model, &images, &ratings)).collect()
}

fn comparison<'a>(
    model: &'a str,
    images: &BTreeMap<&str, Vec<Option<f64>>>,
    ratings: &HashMap<&str, f64>,
) -> Comparison<'a> {
    let agreement = |score: &dyn Fn(&[Option<f64>]) -> Option<f64>| {
        let rated = |(image_id, answers): (&&str, &Vec<Option<f64>>)| Some((score(answers)?, *ratings.get(image_id)?));
        let (scores, ratings): (Vec<f64>, Vec<f64>) = images.iter().filter_map(rated).unzip();
        Agreement { n_images: scores.len(), spearman: spearman(&scores, &ratings) }
    };
    Comparison {
        model,
        n_asked: images.values().map(Vec::len).sum(),
        n_missing: images.values().flatten().filter(|p_yes| p_yes.is_none()).count(),
        as_null: agreement(&|answers| {
            let answered: Vec<f64> = answers.iter().copied().flatten().collect();
            (!answered.is_empty()).then(|| answered.iter().sum::<f64>() / answered.len() as f64)
        }),
        as_no: agreement(&|answers| {
            // An empty `sum` is -0.0, which would rank below a "no" of 0.
            let total = answers.iter().copied().flatten().fold(0.0, |total, p_yes| total + p_yes);
            Some(total / answers.len() as f64)
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(image_id: &str, question_id: &str, p_yes: Option<f64>) -> Answer {
        Answer {
            image_id: image_id.into(),
            question_id: question_id.into(),
            kind: AnswerKind::Alignment,
            status: if p_yes.is_some() { AnswerStatus::Ok } else { AnswerStatus::Refused },
            p_yes,
            logit_yes: None,
            logit_no: None,
            label_mass: None,
            readout: tables::AnswerReadout::TopLogprobs,
            model: "m".into(),
            attempts: 0,
            seconds: None,
        }
    }

    fn rated(image_id: &str, mean_rating: f64) -> Preference {
        Preference {
            image_id: image_id.into(),
            aspect: OVERALL.into(),
            mean_rating,
            n_ratings: 1,
            std_rating: None,
            mean_seconds: None,
        }
    }

    #[test]
    fn a_blank_as_no_turns_a_good_image_into_a_bad_one() {
        let answers = [
            answer("good", "1", Some(1.0)),
            answer("good", "2", None),
            answer("good", "3", None),
            answer("middling", "1", Some(1.0)),
            answer("middling", "2", Some(0.0)),
            answer("bad", "1", Some(0.2)),
            answer("silent", "1", None),
            answer("not rated", "1", Some(1.0)),
        ];
        let ratings = [rated("good", 5.0), rated("middling", 3.0), rated("bad", 1.0), rated("silent", 4.0)];
        let compared = compare(&answers, &ratings);
        let [found] = &compared[..] else { panic!("one model: {compared:?}") };
        assert_eq!((found.model, found.n_asked, found.n_missing), ("m", 7, 3));
        // Left out: 1, .5, .2 against 5, 3, 1.
        assert_eq!(found.as_null, Agreement { n_images: 3, spearman: Ok(1.0) });
        // As no: 1/3, .5, .2, 0 against 5, 3, 1, 4: ranks 3 4 2 1 against 4 2 1 3, so 1 - 6·(1+4+1+4)/60.
        assert_eq!(found.as_no.n_images, 4);
        assert!(found.as_no.spearman.as_ref().is_ok_and(|rho| rho.abs() < 1e-12), "{:?}", found.as_no);
    }

    #[test]
    fn nobody_asked_or_nobody_rated_is_no_comparison() {
        assert_eq!(compare(&[], &[rated("a", 1.0)]), []);
        assert_eq!(compare(&[answer("a", "1", None)], &[]), []);
        let silent = [answer("a", "1", None)];
        let found = compare(&silent, &[rated("a", 1.0)]).remove(0);
        assert_eq!(found.as_null.n_images, 0);
        assert!(found.as_null.spearman.is_err() && found.as_no.spearman.is_err());
    }
}
