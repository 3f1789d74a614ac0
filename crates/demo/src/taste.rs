//! Nine pretended raters: what they like, how they use the scale, how long they take.
//!
//! A rater's feeling is linear in the true quality factors and alignment facts, plus what the context asks for, plus a
//! bias and noise; three cut points turn it into a rating from 1 to 4.

use rand::Rng;
use rand_distr::{Distribution, LogNormal, StandardNormal};
use serde::Serialize;

use crate::factors::{Factor, Factors};
use crate::scene::{AlignmentFacts, Scene};
use crate::seeded;
use crate::words::Kind;

/// What an image is to be used for (App. B.6).
pub const CONTEXTS: [&str; 3] = ["phone background", "graphic t-shirt", "slide deck"];

/// How many people rate every image.
pub const N_RATERS: usize = 9;

/// Attributes that people rate too, with the mean seconds that it takes (Table 2), by the first three raters.
pub const RATED_ATTRIBUTES: [(Factor, f64); 2] = [(Factor::Distorted, 56.1), (Factor::Bright, 18.4)];

/// Mean seconds of one overall rating (Table 2).
pub const OVERALL_SECONDS: f64 = 52.7;

const N_ATTRIBUTE_RATERS: usize = 3;

// Spread of answer times within a rater (log scale).
const TIME_SPREAD: f64 = 0.45;

/// The raters' true taste, as written to `truth/taste.json`.
#[derive(Debug, Clone, Serialize)]
pub struct Taste {
    /// Added per unit of a quality factor above one half.
    pub quality: Factors,
    /// Added per unit of an alignment fact above [`Self::alignment_centre`]; a fact that the prompt leaves open adds 0.
    pub alignment: Alignment,
    /// Where an alignment fact adds nothing.
    pub alignment_centre: f64,
    /// Kinds of subject that people are fond of: seen in the picture, but in none of the attributes.
    pub fondness: Vec<(Kind, f64)>,
    /// Standard deviation of what all raters see alike and nothing above explains.
    pub unexplained: f64,
    /// Subtracted from the sum, which is then divided by `scale`: goodness has about mean 0 and deviation 1.
    pub centre: f64,
    /// See `centre`.
    pub scale: f64,
    /// Goodness at which a rating goes from 1 to 2, from 2 to 3, from 3 to 4.
    pub cut_points: [f64; 3],
    /// Standard deviation of a single rating's noise.
    pub rating_noise: f64,
    /// What each context asks for, per unit of a quality factor above one half.
    pub contexts: Vec<(&'static str, Vec<(&'static str, f64)>)>,
    /// The people.
    pub raters: Vec<Rater>,
}

/// Weights of the alignment facts.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Alignment {
    /// Named objects and settings that are there.
    pub objects: f64,
    /// Right colours.
    pub colours: f64,
    /// Right numbers.
    pub counts: f64,
    /// The right action.
    pub actions: f64,
    /// The right relation.
    pub relations: f64,
}

/// One person.
#[derive(Debug, Clone, Serialize)]
pub struct Rater {
    /// `rater1`, …
    pub rater_id: String,
    /// Added to every feeling.
    pub bias: f64,
    /// Multiplies the answer times; 1 on average.
    pub pace: f64,
    /// Added to the common quality weights.
    pub own_taste: Factors,
}

/// One line of `ratings.csv`.
#[derive(Debug, Clone, PartialEq)]
pub struct RatingRow {
    /// The image.
    pub image_id: String,
    /// Who.
    pub rater_id: String,
    /// `overall` or an attribute.
    pub aspect: &'static str,
    /// What for; only `overall` is rated in a context.
    pub context: Option<&'static str>,
    /// 1 to 4.
    pub rating: u8,
    /// Answer time.
    pub seconds: f64,
}

impl Taste {
    /// The taste of a world. The common part is the same in every world; the people are drawn from the seed.
    pub fn new(seed: u64) -> Self {
        let mut rng = seeded::rng(seed, "raters");
        let mut raters: Vec<Rater> = (1..=N_RATERS)
            .map(|i| {
                let mut own_taste = Factors::all(0.0);
                for &factor in Factor::ALL {
                    own_taste.set(factor, 0.35 * rng.sample::<f64, _>(StandardNormal));
                }
                let bias = 0.3 * rng.sample::<f64, _>(StandardNormal);
                let pace = (0.25 * rng.sample::<f64, _>(StandardNormal)).exp();
                Rater { rater_id: format!("rater{i}"), bias, pace, own_taste }
            })
            .collect();
        let mean_pace = raters.iter().map(|rater| rater.pace).sum::<f64>() / N_RATERS as f64;
        let mean_bias = raters.iter().map(|rater| rater.bias).sum::<f64>() / N_RATERS as f64;
        for rater in &mut raters {
            rater.pace /= mean_pace;
            rater.bias -= mean_bias;
        }
        Self {
            quality: Factors {
                distorted: -1.5,
                photorealistic: 1.1,
                bright: 0.8,
                captivating: 1.0,
                chaotic: -1.1,
                visually_compelling: 1.2,
                disturbing: -1.6,
                funny: 0.5,
                blurry: -0.8,
            },
            alignment: Alignment { objects: 1.6, colours: 0.9, counts: 0.8, actions: 0.7, relations: 0.8 },
            alignment_centre: 0.75,
            fondness: vec![(Kind::Cat, 0.3), (Kind::Dog, 0.25), (Kind::Flower, 0.15), (Kind::Car, -0.2)],
            unexplained: 1.35,
            centre: 1.0,
            scale: 2.05,
            cut_points: [-0.9, 0.0, 0.9],
            rating_noise: 0.8,
            contexts: vec![
                (CONTEXTS[0], vec![("captivating", 0.5), ("chaotic", -0.5)]),
                (CONTEXTS[1], vec![("funny", 0.8), ("visually compelling", 0.4), ("photorealistic", -0.4)]),
                (CONTEXTS[2], vec![("bright", 0.5), ("disturbing", -0.6), ("distorted", -0.3)]),
            ],
            raters,
        }
    }

    /// What the average rater feels about a picture, in standard deviations, whatever the context.
    pub fn goodness(&self, seed: u64, image_id: &str, scene: &Scene, alignment: &AlignmentFacts) -> f64 {
        let quality: f64 = Factor::ALL.iter().map(|&f| self.quality.get(f) * (scene.factors.get(f) - 0.5)).sum();
        let weights = &self.alignment;
        let facts = [
            (weights.objects, alignment.objects),
            (weights.colours, alignment.colours),
            (weights.counts, alignment.counts),
            (weights.actions, alignment.actions),
            (weights.relations, alignment.relations),
        ];
        let aligned: f64 =
            facts.iter().map(|(w, fact)| fact.map_or(0.0, |fact| w * (fact - self.alignment_centre))).sum();
        let subject = scene.objects.first().map(|object| object.kind);
        let fond = self.fondness.iter().find(|(kind, _)| Some(*kind) == subject).map_or(0.0, |(_, fond)| *fond);
        let unexplained = self.unexplained * seeded::normal(seed, &[b"unexplained", image_id.as_bytes()]);
        (quality + aligned + fond + unexplained - self.centre) / self.scale
    }

    /// Every rating of one image: `overall` by all, the rated attributes by three.
    pub fn ratings(&self, seed: u64, image_id: &str, factors: &Factors, goodness: f64) -> Vec<RatingRow> {
        let mut rows = Vec::new();
        for rater in &self.raters {
            let mut rng = seeded::rng(seed, &format!("rating/{image_id}/{}", rater.rater_id));
            let (context, asks) = &self.contexts[rng.random_range(0..self.contexts.len())];
            let own: f64 = Factor::ALL.iter().map(|&f| rater.own_taste.get(f) * (factors.get(f) - 0.5)).sum();
            let asked: f64 = asks
                .iter()
                .filter_map(|(name, weight)| Factor::named(name).map(|f| weight * (factors.get(f) - 0.5)))
                .sum();
            let feeling = goodness
                + (own + asked) / self.scale
                + rater.bias
                + self.rating_noise * rng.sample::<f64, _>(StandardNormal);
            rows.push(RatingRow {
                image_id: image_id.to_owned(),
                rater_id: rater.rater_id.clone(),
                aspect: "overall",
                context: Some(context),
                rating: cut(feeling, &self.cut_points),
                seconds: seconds(OVERALL_SECONDS * rater.pace, &mut rng),
            });
        }
        for rater in &self.raters[..N_ATTRIBUTE_RATERS] {
            for (factor, mean_seconds) in RATED_ATTRIBUTES {
                let aspect = factor.name();
                let mut rng = seeded::rng(seed, &format!("rating/{image_id}/{}/{aspect}", rater.rater_id));
                let noise: f64 = rng.sample(StandardNormal);
                // In units of the scale's step: sure cases get a 1 or a 4.
                let feeling = factors.true_logit(factor) / 1.6 + 0.5 * rater.bias + 0.5 * noise;
                rows.push(RatingRow {
                    image_id: image_id.to_owned(),
                    rater_id: rater.rater_id.clone(),
                    aspect,
                    context: None,
                    rating: cut(feeling, &[-1.0, 0.0, 1.0]),
                    seconds: seconds(mean_seconds * rater.pace, &mut rng),
                });
            }
        }
        rows
    }
}

fn cut(feeling: f64, cut_points: &[f64; 3]) -> u8 {
    1 + cut_points.iter().map(|point| u8::from(feeling > *point)).sum::<u8>()
}

// Log-normal about a mean, to a tenth of a second, never 0.
fn seconds(mean: f64, rng: &mut impl Rng) -> f64 {
    let centre = mean.ln() - TIME_SPREAD * TIME_SPREAD / 2.0;
    let drawn = LogNormal::new(centre, TIME_SPREAD).map_or(mean, |times| times.sample(rng));
    ((drawn * 10.0).round() / 10.0).max(0.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generator::GENERATORS;
    use crate::prompt::prompts;

    struct Rated {
        explained: f64,
        goodness: f64,
        factors: Factors,
        rows: Vec<RatingRow>,
    }

    fn world(seed: u64) -> Vec<Rated> {
        let taste = Taste::new(seed);
        let unexplained = Taste { unexplained: 0.0, ..taste.clone() };
        let mut all = Vec::new();
        for prompt in prompts(200, seed).unwrap() {
            for generator in &GENERATORS {
                let id = format!("{}-{}", prompt.prompt_id, generator.name);
                let scene = generator.paint(&prompt, &mut seeded::rng(seed, &id));
                let (facts, _) = scene.compare(&prompt);
                let goodness = taste.goodness(seed, &id, &scene, &facts);
                let explained = unexplained.goodness(seed, &id, &scene, &facts);
                let rows = taste.ratings(seed, &id, &scene.factors, goodness);
                all.push(Rated { explained, goodness, factors: scene.factors, rows });
            }
        }
        all
    }

    fn mean_overall(rated: &Rated) -> f64 {
        let overall: Vec<f64> =
            rated.rows.iter().filter(|row| row.aspect == "overall").map(|row| f64::from(row.rating)).collect();
        overall.iter().sum::<f64>() / overall.len() as f64
    }

    fn auc(scores: &[(f64, bool)]) -> f64 {
        let (mut won, mut pairs) = (0.0, 0.0);
        for (a, _) in scores.iter().filter(|(_, good)| *good) {
            for (b, _) in scores.iter().filter(|(_, good)| !*good) {
                won += if a > b {
                    1.0
                } else if a == b {
                    0.5
                } else {
                    0.0
                };
                pairs += 1.0;
            }
        }
        won / pairs
    }

    fn mean(values: impl Iterator<Item = f64>) -> f64 {
        let values: Vec<f64> = values.collect();
        values.iter().sum::<f64>() / values.len() as f64
    }

    #[test]
    fn the_true_factors_predict_the_median_split_well_but_not_perfectly() {
        for seed in 0..3 {
            let all = world(seed);
            let mut means: Vec<f64> = all.iter().map(mean_overall).collect();
            means.sort_by(f64::total_cmp);
            let median = means[means.len() / 2];
            let scored: Vec<(f64, bool)> = all.iter().map(|r| (r.explained, mean_overall(r) > median)).collect();
            let auc = auc(&scored);
            let share = mean(scored.iter().map(|(_, good)| f64::from(u8::from(*good))));
            let goodness = mean(all.iter().map(|r| r.goodness));
            let deviation = mean(all.iter().map(|r| (r.goodness - goodness).powi(2))).sqrt();
            println!("auc {auc:.3} good {share:.2} goodness {goodness:.2} +- {deviation:.2} median {median:.2}");
            assert!((0.75..0.88).contains(&auc), "AUC {auc}");
            assert!((0.4..0.55).contains(&share), "{share} good");
            assert!(goodness.abs() < 0.25 && (deviation - 1.0).abs() < 0.15, "{goodness} {deviation}");
        }
    }

    #[test]
    fn the_whole_scale_is_used() {
        let all = world(0);
        let overall: Vec<u8> =
            all.iter().flat_map(|r| &r.rows).filter(|r| r.aspect == "overall").map(|r| r.rating).collect();
        for rating in 1..=4 {
            let share = overall.iter().filter(|&&r| r == rating).count() as f64 / overall.len() as f64;
            assert!(share > 0.1, "rating {rating}: {share}");
        }
        assert!(overall.iter().all(|rating| (1..=4).contains(rating)));
    }

    #[test]
    fn answer_times_have_the_means_of_table_2() {
        let all = world(0);
        for (aspect, expect) in [("overall", 52.7), ("distorted", 56.1), ("bright", 18.4)] {
            let rows = all.iter().flat_map(|r| &r.rows).filter(|row| row.aspect == aspect);
            let n_raters = if aspect == "overall" { N_RATERS } else { N_ATTRIBUTE_RATERS };
            // The three attribute raters have their own pace.
            let pace = mean(Taste::new(0).raters[..n_raters].iter().map(|rater| rater.pace));
            let seconds = mean(rows.map(|row| row.seconds));
            assert!((seconds / (expect * pace) - 1.0).abs() < 0.03, "{aspect}: {seconds}");
        }
    }

    #[test]
    fn every_image_has_nine_overall_and_three_ratings_of_each_rated_attribute() {
        for rated in world(1).iter().take(20) {
            assert_eq!(rated.rows.len(), 9 + 2 * 3);
            assert!(rated.rows.iter().all(|row| row.context.is_some() == (row.aspect == "overall")));
        }
    }

    #[test]
    fn attribute_ratings_follow_the_true_factor() {
        let rows =
            |rated: &Rated| mean(rated.rows.iter().filter(|r| r.aspect == "bright").map(|r| f64::from(r.rating)));
        let all = world(2);
        let scored: Vec<(f64, bool)> = all.iter().map(|r| (rows(r), r.factors.bright > 0.5)).collect();
        assert!(auc(&scored) > 0.9);
    }
}
