//! Table `missing_answer_effects`: how results move with what a missing answer counts as.
//!
//! Each model's scores (see [`model_scores`](crate::model_scores)) against the mean overall rating, once with missing answers left
//! out and once with each of them as a "no", as published numbers have it (FIDELITY: PaLI-17B left 952 of 3,178 VQ2A answers
//! empty). Good images are those of `attribute_validity`. Images of all splits count.

use std::collections::HashMap;

use tables::{Image, MissingAnswerEffect, MissingAnswerPolicy, OVERALL};

use crate::bootstrap::Draws;
use crate::clusters::Clusters;
use crate::inputs::Inputs;
use crate::metrics::auc_with_replicates;
use crate::model_scores::{ModelScore, model_scores};
use crate::ranks::{median, spearman};
use crate::settings::Bootstrap;
use crate::thresholds::Thresholds;

/// Every row, by key: attributes that were asked about images whose overall rating is known.
pub fn effects(inputs: &Inputs, bootstrap: &Bootstrap) -> Vec<MissingAnswerEffect> {
    let images = inputs.images_by_id();
    let overall = inputs.preferences.iter().filter(|preference| preference.aspect == OVERALL);
    let ratings: HashMap<&str, f64> =
        overall.map(|preference| (preference.image_id.as_str(), preference.mean_rating)).collect();
    let rated: Vec<&Image> = ratings.keys().filter_map(|image_id| images.get(image_id).copied()).collect();
    let clusters = Clusters::new(rated.into_iter());
    let draws = Draws::new(clusters.n_clusters(), bootstrap.replicates, bootstrap.seed);
    let threshold = Thresholds::new(inputs).ratings.get(OVERALL).copied();
    let people = People { ratings, threshold, clusters, draws };
    let mut rows = Vec::new();
    for ((model, attribute), scores) in model_scores(inputs) {
        let rated: Vec<&ModelScore> =
            scores.iter().filter(|score| people.ratings.contains_key(score.image_id)).collect();
        if rated.is_empty() {
            continue;
        }
        for &policy in MissingAnswerPolicy::ALL {
            rows.push(effect(model, attribute, policy, &rated, &people));
        }
    }
    rows.sort_by(|a, b| (&a.attribute, &a.model, a.policy).cmp(&(&b.attribute, &b.model, b.policy)));
    rows
}

/// What scores are compared with.
struct People<'a> {
    ratings: HashMap<&'a str, f64>,
    threshold: Option<f64>,
    clusters: Clusters<'a>,
    draws: Draws,
}

fn effect(
    model: &str,
    attribute: &str,
    policy: MissingAnswerPolicy,
    rated: &[&ModelScore],
    people: &People,
) -> MissingAnswerEffect {
    let People { ratings, threshold, clusters, draws } = people;
    let (mut scores, mut compared, mut of) = (Vec::new(), Vec::new(), Vec::new());
    for image in rated {
        if let (Some(score), Some(&rating), Some(cluster)) =
            (image.under(policy), ratings.get(image.image_id), clusters.of(image.image_id))
        {
            scores.push(score);
            compared.push(rating);
            of.push(cluster);
        }
    }
    // The same images are good under either policy.
    let of_all: Vec<f64> = rated.iter().filter_map(|image| ratings.get(image.image_id).copied()).collect();
    let threshold = threshold.or_else(|| median(&of_all)).unwrap_or_default();
    let labels: Vec<bool> = compared.iter().map(|rating| *rating >= threshold).collect();
    let rho = spearman(&scores, &compared);
    let (auc, replicates) = auc_with_replicates(&labels, &scores, &of, draws);
    let interval = auc.clone().and_then(|_| draws.interval(&replicates));
    let reason = rho.as_ref().err().or(interval.as_ref().err()).map(ToString::to_string);
    MissingAnswerEffect {
        attribute: attribute.to_owned(),
        model: model.to_owned(),
        policy,
        n_asked: rated.iter().map(|image| image.n_asked as i64).sum(),
        n_missing: rated.iter().map(|image| image.n_missing as i64).sum(),
        n_images: scores.len() as i64,
        spearman: rho.ok(),
        roc_auc: auc.ok(),
        ci_low: interval.as_ref().ok().map(|interval| interval.low),
        ci_high: interval.as_ref().ok().map(|interval| interval.high),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use tables::{Bucket, Split};

    use super::*;
    use crate::fixtures::{answer, image, preference, question, settings};

    #[test]
    fn a_blank_as_no_turns_a_good_image_into_a_bad_one() {
        let ids = ["good-0", "middling-0", "bad-0", "silent-0", "unrated-0"];
        let answers = vec![
            answer(ids[0], "1", Some(1.0)),
            answer(ids[0], "2", None),
            answer(ids[0], "3", None),
            answer(ids[1], "1", Some(1.0)),
            answer(ids[1], "2", Some(0.0)),
            answer(ids[2], "1", Some(0.2)),
            answer(ids[3], "1", None),
            answer(ids[4], "1", Some(1.0)),
        ];
        let prompts = ids.map(|id| id.split('-').next().unwrap_or_default());
        let inputs = Inputs {
            images: ids.map(|id| image(id, Split::Train)).to_vec(),
            questions: prompts
                .iter()
                .flat_map(|p| ["1", "2", "3"].map(|q| question(p, q, Bucket::Verb, &[])))
                .collect(),
            answers,
            preferences: ids.iter().zip([5.0, 3.0, 1.0, 4.0]).map(|(id, r)| preference(id, OVERALL, r)).collect(),
            ..Inputs::default()
        };
        let rows = effects(&inputs, &settings().bootstrap);
        let attributes: Vec<&str> = rows.iter().map(|row| row.attribute.as_str()).collect();
        assert_eq!(attributes, ["verb", "verb", "vq2", "vq2"]);
        let [left_out, as_no] = &rows[2..] else { panic!("{rows:?}") };
        assert_eq!((left_out.n_asked, left_out.n_missing, left_out.n_images), (7, 3, 3));
        // Left out: 1, .5, .2 against 5, 3, 1.
        assert_eq!((left_out.spearman, left_out.roc_auc), (Some(1.0), Some(1.0)));
        // As no: 1/3, .5, .2, 0 against 5, 3, 1, 4: ranks 3 4 2 1 against 4 2 1 3, so 1 - 6·(1+4+1+4)/60. Good are 5 and 4.
        assert_eq!(as_no.n_images, 4);
        assert!(as_no.spearman.unwrap().abs() < 1e-12 && as_no.roc_auc == Some(0.25), "{as_no:?}");
    }

    #[test]
    fn nobody_asked_or_nobody_rated_is_no_row() {
        assert_eq!(effects(&Inputs::default(), &settings().bootstrap), []);
        let unrated = Inputs {
            images: vec![image("p-0", Split::Test)],
            answers: vec![answer("p-0", "1", None)],
            ..Inputs::default()
        };
        assert_eq!(effects(&unrated, &settings().bootstrap), []);
        let rated = Inputs { preferences: vec![preference("p-0", OVERALL, 1.0)], ..unrated };
        let rows = effects(&rated, &settings().bootstrap);
        assert!(rows.len() == 2 && rows[0].n_images == 0 && rows.iter().all(|row| row.reason.is_some()), "{rows:?}");
    }
}
