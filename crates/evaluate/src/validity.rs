//! Table `attribute_validity`: how far each attribute's score alone agrees with people, and how far people agree.
//!
//! A score is compared with the mean rating of `overall`, and of its own attribute where people rated that. No model
//! is involved, so all images count, whatever their split. The ceiling (attribute `one rater`) compares each rating
//! with the mean of the other raters of the same image. Where several models answered, each also has rows of its own.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tables::{AnswerReadout, AttributeValidity, Image, MissingAnswerPolicy, OVERALL, ScoreSource};

use crate::bootstrap::Draws;
use crate::clusters::Clusters;
use crate::inputs::Inputs;
use crate::kappa::kappa;
use crate::metrics::auc_with_replicates;
use crate::model_scores::model_scores;
use crate::ranks::{median, spearman};
use crate::raters::each_against_the_others;
use crate::settings::Bootstrap;
use crate::thresholds::Thresholds;

/// The attribute of the rows that say how far one rater agrees with the others.
pub const ONE_RATER: &str = "one rater";

/// The model of the rows whose scores stand in `attribute_scores`.
pub const ALL: &str = "all";

/// Every row, by key.
pub fn validity(inputs: &Inputs, bootstrap: &Bootstrap) -> Vec<AttributeValidity> {
    let images = inputs.images_by_id();
    let mut aspects: BTreeMap<&str, Aspect> = BTreeMap::new();
    aspects.insert(OVERALL, Aspect::default());
    for preference in &inputs.preferences {
        let aspect = aspects.entry(&preference.aspect).or_default();
        aspect.mean_ratings.insert(&preference.image_id, preference.mean_rating);
    }
    for rating in &inputs.ratings {
        aspects.entry(&rating.aspect).or_default().ratings.push((&rating.image_id, &rating.rater_id, rating.rating));
    }
    let scores = scores(inputs);
    let thresholds = Thresholds::new(inputs);

    let mut rows = Vec::new();
    for (&name, aspect) in &aspects {
        let rated = aspect.mean_ratings.keys().chain(aspect.ratings.iter().map(|(image_id, ..)| image_id));
        let rated: Vec<&Image> = rated.filter_map(|image_id| images.get(image_id).copied()).collect();
        let clusters = Clusters::new(rated.into_iter());
        let draws = Draws::new(clusters.n_clusters(), bootstrap.replicates, bootstrap.seed);
        let of_rating = thresholds.ratings.get(name).copied();
        for (&(attribute, source, model), scores) in &scores {
            // People's scores of an attribute are their own mean ratings of it: nothing to compare.
            let own = attribute == name;
            if (name == OVERALL && !own) || (own && source != ScoreSource::Human) {
                let columns = aspect.against_mean(scores, &clusters);
                let of_score = thresholds.scores.get(&(attribute, source)).copied();
                rows.push(columns.row([attribute, model, name], source, [of_score, of_rating], &draws));
            }
        }
        if !aspect.ratings.is_empty() {
            let columns = aspect.each_against_the_others(&clusters);
            rows.push(columns.row([ONE_RATER, ALL, name], ScoreSource::Human, [of_rating; 2], &draws));
        }
    }
    let key = |row: &AttributeValidity| (row.attribute.clone(), row.source, row.model.clone(), row.aspect.clone());
    rows.sort_by_key(key);
    rows
}

type Scores<'a> = BTreeMap<(&'a str, ScoreSource, &'a str), Vec<(&'a str, f64)>>;

/// The scores of `attribute_scores`, and those of each model where several answered, by attribute, source and model.
fn scores(inputs: &Inputs) -> Scores<'_> {
    let mut scores = Scores::new();
    for score in &inputs.attribute_scores {
        let of_attribute = scores.entry((&score.attribute, score.source, ALL)).or_default();
        of_attribute.extend(score.score.map(|value| (score.image_id.as_str(), value)));
    }
    let models: BTreeSet<&str> = inputs.answers.iter().map(|answer| answer.model.as_str()).collect();
    if models.len() > 1 {
        let imported: BTreeSet<&str> = inputs
            .answers
            .iter()
            .filter(|answer| answer.readout == AnswerReadout::Import)
            .map(|answer| answer.model.as_str())
            .collect();
        for ((model, attribute), of_model) in model_scores(inputs) {
            let source = if imported.contains(model) { ScoreSource::Import } else { ScoreSource::Vlm };
            let known = of_model.iter().filter_map(|one| Some((one.image_id, one.under(MissingAnswerPolicy::Null)?)));
            scores.insert((attribute, source, model), known.collect());
        }
    }
    scores
}

/// What people said of one aspect.
#[derive(Default)]
struct Aspect<'a> {
    mean_ratings: HashMap<&'a str, f64>,
    ratings: Vec<(&'a str, &'a str, f64)>,
}

/// Scores beside what they are compared with.
#[derive(Default)]
struct Columns {
    scores: Vec<f64>,
    ratings: Vec<f64>,
    clusters: Vec<u32>,
}

impl Aspect<'_> {
    fn against_mean(&self, scores: &[(&str, f64)], clusters: &Clusters) -> Columns {
        let mut columns = Columns::default();
        for &(image_id, value) in scores {
            if let (Some(&rating), Some(cluster)) = (self.mean_ratings.get(image_id), clusters.of(image_id)) {
                columns.push(value, rating, cluster);
            }
        }
        columns
    }

    fn each_against_the_others(&self, clusters: &Clusters) -> Columns {
        let mut columns = Columns::default();
        for against in each_against_the_others(&self.ratings) {
            if let Some(cluster) = clusters.of(against.image_id) {
                columns.push(against.rating, against.others_mean, cluster);
            }
        }
        columns
    }
}

impl Columns {
    fn push(&mut self, score: f64, rating: f64, cluster: u32) {
        self.scores.push(score);
        self.ratings.push(rating);
        self.clusters.push(cluster);
    }

    /// `names` are attribute, model and aspect; `thresholds` those of scores and ratings, medians where there is none.
    fn row(
        &self,
        [attribute, model, aspect]: [&str; 3],
        source: ScoreSource,
        [of_score, of_rating]: [Option<f64>; 2],
        draws: &Draws,
    ) -> AttributeValidity {
        let of_score = of_score.or_else(|| median(&self.scores));
        let of_rating = of_rating.or_else(|| median(&self.ratings));
        let yes = |values: &[f64], threshold: Option<f64>| -> Vec<bool> {
            values.iter().map(|value| threshold.is_some_and(|threshold| *value >= threshold)).collect()
        };
        let labels = yes(&self.ratings, of_rating);
        let rho = spearman(&self.scores, &self.ratings);
        let (auc, replicates) = auc_with_replicates(&labels, &self.scores, &self.clusters, draws);
        let interval = auc.clone().and_then(|_| draws.interval(&replicates));
        let kappa = kappa(&yes(&self.scores, of_score), &labels);
        let mut reasons: Vec<String> = Vec::new();
        let problems = [rho.as_ref().err(), interval.as_ref().err(), kappa.kappa.as_ref().err()];
        for reason in problems.into_iter().flatten().map(ToString::to_string) {
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
        AttributeValidity {
            attribute: attribute.to_owned(),
            source,
            model: model.to_owned(),
            aspect: aspect.to_owned(),
            n: self.scores.len() as i64,
            spearman: rho.ok(),
            roc_auc: auc.ok(),
            ci_low: interval.as_ref().ok().map(|interval| interval.low),
            ci_high: interval.as_ref().ok().map(|interval| interval.high),
            score_threshold: of_score,
            rating_threshold: of_rating,
            agreement: kappa.agreement,
            kappa: kappa.kappa.ok(),
            reason: (!reasons.is_empty()).then(|| reasons.join("; ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use tables::Split;

    use super::*;
    use crate::fixtures::{image, preference, rating, score, settings};
    use crate::roc::roc_auc;

    const IDS: [&str; 4] = ["p1-0", "p2-0", "p3-0", "p4-0"];

    fn inputs() -> Inputs {
        Inputs { images: IDS.map(|id| image(id, Split::Train)).to_vec(), ..Inputs::default() }
    }

    fn rows(inputs: &Inputs) -> Vec<AttributeValidity> {
        validity(inputs, &settings().bootstrap)
    }

    #[test]
    fn a_score_is_compared_with_overall_and_with_its_own_aspect() {
        let mut inputs = inputs();
        for (id, (p, overall, bright)) in
            IDS.iter().zip([(0.1, 1.0, 4.0), (0.4, 2.0, 3.0), (0.6, 3.0, 2.0), (0.9, 4.0, 1.0)])
        {
            inputs.attribute_scores.push(score(id, "bright", ScoreSource::Vlm, Some(p)));
            inputs.preferences.extend([preference(id, "overall", overall), preference(id, "bright", bright)]);
        }
        let rows = rows(&inputs);
        let found: Vec<_> = rows.iter().map(|row| (row.aspect.as_str(), row.spearman, row.roc_auc, row.n)).collect();
        assert_eq!(found, [("bright", Some(-1.0), Some(0.0), 4), ("overall", Some(1.0), Some(1.0), 4)]);
        assert!(rows.iter().all(|row| row.ci_low.is_some() && row.reason.is_none()), "{rows:?}");
    }

    #[test]
    fn good_is_what_the_experiment_calls_good_for_the_auc_as_for_kappa() {
        let mut inputs = inputs();
        for (id, (p, overall)) in IDS.iter().zip([(0.1, 1.0), (0.6, 2.0), (0.4, 3.0), (0.9, 4.0)]) {
            inputs.attribute_scores.push(score(id, "bright", ScoreSource::Vlm, Some(p)));
            inputs.preferences.push(preference(id, "overall", overall));
            inputs.labels.push(tables::Label {
                score: Some(overall),
                threshold: Some(4.0),
                ..crate::fixtures::target("e", id, Some(overall >= 4.0))
            });
        }
        let row = &rows(&inputs)[0];
        // Of four images one is good, and it has the highest score; above the median are two, and one pair is the wrong way round.
        assert_eq!((row.rating_threshold, row.roc_auc, row.agreement), (Some(4.0), Some(1.0), Some(0.75)));
        inputs.labels.clear();
        let row = &rows(&inputs)[0];
        assert_eq!((row.rating_threshold, row.roc_auc), (Some(2.5), Some(0.75)));
    }

    #[test]
    fn peoples_scores_are_not_compared_with_themselves() {
        let mut inputs = inputs();
        for (at, id) in IDS.iter().enumerate() {
            inputs.attribute_scores.push(score(id, "bright", ScoreSource::Human, Some(at as f64)));
            inputs.preferences.extend([preference(id, "overall", at as f64), preference(id, "bright", at as f64)]);
        }
        assert_eq!(rows(&inputs).iter().map(|row| row.aspect.as_str()).collect::<Vec<_>>(), ["overall"]);
    }

    #[test]
    fn missing_scores_and_missing_ratings_leave_a_row_with_a_reason() {
        let mut inputs = inputs();
        inputs.attribute_scores = IDS.map(|id| score(id, "bright", ScoreSource::Vlm, None)).to_vec();
        let nobody_rated = rows(&inputs);
        assert_eq!((nobody_rated.len(), nobody_rated[0].n), (1, 0));
        assert!(nobody_rated[0].reason.as_ref().unwrap().starts_with("no data"), "{nobody_rated:?}");
        inputs.preferences = IDS.map(|id| preference(id, "overall", 1.0)).to_vec();
        assert_eq!(rows(&inputs)[0].n, 0);
        inputs.attribute_scores = IDS.map(|id| score(id, "bright", ScoreSource::Vlm, Some(0.3))).to_vec();
        let constant = rows(&inputs);
        let reason = "all 4 scores are equal; one class only: all 4 labels are positive; \
                      no kappa: both say the same of every image";
        assert_eq!(constant[0].reason.as_deref(), Some(reason));
    }

    #[test]
    fn the_ceiling_is_each_rating_against_the_mean_of_the_other_raters() {
        let mut inputs = inputs();
        // One rater of the last image is alone; rater a rated the first image twice, in two contexts.
        let given = [
            ("p1-0", "a", 4.0),
            ("p1-0", "a", 2.0),
            ("p1-0", "b", 3.0),
            ("p1-0", "c", 5.0),
            ("p2-0", "a", 1.0),
            ("p2-0", "b", 2.0),
            ("p3-0", "b", 3.0),
            ("p3-0", "c", 1.0),
            ("p4-0", "a", 5.0),
        ];
        inputs.ratings = given.map(|(id, rater, value)| rating(id, rater, "overall", value)).to_vec();
        let row = rows(&inputs).pop().unwrap();
        assert_eq!(
            (row.attribute.as_str(), row.source, row.aspect.as_str(), row.n),
            (ONE_RATER, ScoreSource::Human, "overall", 8)
        );

        // The definition, rating by rating.
        let (mut scores, mut others_mean) = (Vec::new(), Vec::new());
        for (id, rater, value) in given {
            let others: Vec<f64> =
                given.iter().filter(|other| other.0 == id && other.1 != rater).map(|other| other.2).collect();
            if !others.is_empty() {
                scores.push(value);
                others_mean.push(others.iter().sum::<f64>() / others.len() as f64);
            }
        }
        let middle = median(&others_mean).unwrap();
        let labels: Vec<bool> = others_mean.iter().map(|mean| *mean >= middle).collect();
        assert_eq!(row.spearman, spearman(&scores, &others_mean).ok());
        assert_eq!(row.roc_auc, roc_auc(&labels, &scores).ok());
    }
}
