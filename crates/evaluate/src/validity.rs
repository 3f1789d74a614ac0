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
