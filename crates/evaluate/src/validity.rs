//! Table `attribute_validity`: how far each attribute's score alone agrees with people, and how far people agree.
//!
//! A score is compared with the mean rating of `overall`, and of its own attribute where people rated that. No model
//! is involved, so all images count, whatever their split. The ceiling (attribute `one rater`) compares each rating
//! with the mean of the other raters of the same image.

use std::collections::{BTreeMap, HashMap};

use tables::{AttributeScore, AttributeValidity, Image, OVERALL, ScoreSource};

use crate::bootstrap::Draws;
use crate::clusters::Clusters;
use crate::inputs::Inputs;
use crate::metrics::auc_with_replicates;
use crate::ranks::{median, spearman};
use crate::settings::Bootstrap;

/// The attribute of the rows that say how far one rater agrees with the others.
pub const ONE_RATER: &str = "one rater";

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
    let mut scores: BTreeMap<(&str, ScoreSource), Vec<&AttributeScore>> = BTreeMap::new();
    for score in &inputs.attribute_scores {
        scores.entry((&score.attribute, score.source)).or_default().push(score);
    }

    let mut rows = Vec::new();
    for (&name, aspect) in &aspects {
        let rated = aspect.mean_ratings.keys().chain(aspect.ratings.iter().map(|(image_id, ..)| image_id));
        let rated: Vec<&Image> = rated.filter_map(|image_id| images.get(image_id).copied()).collect();
        let clusters = Clusters::new(rated.into_iter());
        let draws = Draws::new(clusters.n_clusters(), bootstrap.replicates, bootstrap.seed);
        let row = |attribute: &str, source, columns: Columns| columns.row(attribute, source, name, &draws);
        for (&(attribute, source), scores) in &scores {
            // People's scores of an attribute are their own mean ratings of it: nothing to compare.
            let own = attribute == name;
            if (name == OVERALL && !own) || (own && source != ScoreSource::Human) {
                rows.push(row(attribute, source, aspect.against_mean(scores, &clusters)));
            }
        }
        if !aspect.ratings.is_empty() {
            rows.push(row(ONE_RATER, ScoreSource::Human, aspect.each_against_the_others(&clusters)));
        }
    }
    rows.sort_by(|a, b| (&a.attribute, a.source, &a.aspect).cmp(&(&b.attribute, b.source, &b.aspect)));
    rows
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
    fn against_mean(&self, scores: &[&AttributeScore], clusters: &Clusters) -> Columns {
        let mut columns = Columns::default();
        for score in scores {
            let rating = self.mean_ratings.get(score.image_id.as_str());
            if let (Some(value), Some(&rating), Some(cluster)) = (score.score, rating, clusters.of(&score.image_id)) {
                columns.push(value, rating, cluster);
            }
        }
        columns
    }

    fn each_against_the_others(&self, clusters: &Clusters) -> Columns {
        let mut of_image: HashMap<&str, (f64, usize)> = HashMap::new();
        let mut of_rater: HashMap<(&str, &str), (f64, usize)> = HashMap::new();
        for &(image_id, rater_id, rating) in &self.ratings {
            for (sum, n) in [of_image.entry(image_id).or_default(), of_rater.entry((image_id, rater_id)).or_default()] {
                *sum += rating;
                *n += 1;
            }
        }
        let mut columns = Columns::default();
        for &(image_id, rater_id, rating) in &self.ratings {
            // One rater may rate an image in several contexts: all of those are left out of the others' mean.
            let ((sum, n), (own_sum, own_n)) = (of_image[image_id], of_rater[&(image_id, rater_id)]);
            if let Some(cluster) = clusters.of(image_id)
                && n > own_n
            {
                columns.push(rating, (sum - own_sum) / (n - own_n) as f64, cluster);
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

    fn row(&self, attribute: &str, source: ScoreSource, aspect: &str, draws: &Draws) -> AttributeValidity {
        let middle = median(&self.ratings).unwrap_or_default();
        let labels: Vec<bool> = self.ratings.iter().map(|rating| *rating > middle).collect();
        let rho = spearman(&self.scores, &self.ratings);
        let (auc, replicates) = auc_with_replicates(&labels, &self.scores, &self.clusters, Some(draws));
        let interval = auc.clone().and_then(|_| draws.interval(&replicates));
        let mut reasons: Vec<String> = Vec::new();
        for reason in [rho.as_ref().err(), interval.as_ref().err()].into_iter().flatten().map(ToString::to_string) {
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
        AttributeValidity {
            attribute: attribute.to_owned(),
            source,
            aspect: aspect.to_owned(),
            n: self.scores.len() as i64,
            spearman: rho.ok(),
            roc_auc: auc.ok(),
            ci_low: interval.as_ref().ok().map(|interval| interval.low),
            ci_high: interval.as_ref().ok().map(|interval| interval.high),
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
        let reason = "all 4 scores are equal; one class only: all 4 labels are negative";
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
        let labels: Vec<bool> = others_mean.iter().map(|mean| *mean > middle).collect();
        assert_eq!(row.spearman, spearman(&scores, &others_mean).ok());
        assert_eq!(row.roc_auc, roc_auc(&labels, &scores).ok());
    }
}
