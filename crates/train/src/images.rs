//! What the tables say about each image, row by row in the order of `image_id`: splits, scores, ratings, embeddings.

use std::collections::{BTreeMap, HashMap};

use tables::{AttributeScore, Embedding, Image, ImageEmbedding, Preference, Rating, ScoreSource, Split};

use crate::settings::Inputs;

/// What is known of one attribute of one image. The two ways of not having a score are different facts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Score {
    /// Its mean yes-probability, or people's mean rating.
    Known(f64),
    /// The prompt has no question about it.
    NoQuestion,
    /// Asked and not answered, or not even in the table.
    Missing,
}

impl Score {
    /// The score, if there is one.
    pub fn known(self) -> Option<f64> {
        match self {
            Self::Known(score) => Some(score),
            Self::NoQuestion | Self::Missing => None,
        }
    }
}

/// All images, and for each what it was given. Every vector has one entry an image.
#[derive(Debug, Default)]
pub struct Images {
    /// Their names, sorted.
    pub ids: Vec<String>,
    /// Their parts of the data.
    pub splits: Vec<Split>,
    /// Their prompts.
    pub prompts: Vec<String>,
    scores: BTreeMap<(ScoreSource, String), Vec<Score>>,
    ratings: BTreeMap<String, Vec<Option<f64>>>,
    ratings_in_context: BTreeMap<(String, String), Vec<Option<f64>>>,
    mean_seconds: BTreeMap<String, f64>,
    image_embeddings: Vec<Option<Embedding>>,
    text_embeddings: Vec<Option<Embedding>>,
}

impl Images {
    /// Sorts the rows of the tables by image. Rows of images that are not in `images` are left out.
    pub fn new(
        mut images: Vec<Image>,
        scores: Vec<AttributeScore>,
        preferences: Vec<Preference>,
        embeddings: Vec<ImageEmbedding>,
    ) -> Self {
        images.sort_by(|a, b| a.image_id.cmp(&b.image_id));
        let n = images.len();
        let splits = images.iter().map(|image| image.split).collect();
        let (ids, prompts): (Vec<String>, Vec<String>) =
            images.into_iter().map(|image| (image.image_id, image.prompt_id)).unzip();
        let row_of = row_of(&ids);

        let mut by_attribute: BTreeMap<(ScoreSource, String), Vec<Score>> = BTreeMap::new();
        for score in scores {
            let Some(&row) = row_of.get(score.image_id.as_str()) else { continue };
            let column = by_attribute.entry((score.source, score.attribute)).or_insert_with(|| vec![Score::Missing; n]);
            column[row] = match score.score {
                Some(known) => Score::Known(known),
                None if score.n_questions == 0 => Score::NoQuestion,
                None => Score::Missing,
            };
        }

        let mut ratings: BTreeMap<String, Vec<Option<f64>>> = BTreeMap::new();
        for preference in preferences {
            let Some(&row) = row_of.get(preference.image_id.as_str()) else { continue };
            ratings.entry(preference.aspect).or_insert_with(|| vec![None; n])[row] = Some(preference.mean_rating);
        }

        let mut image_embeddings = vec![None; n];
        let mut text_embeddings = vec![None; n];
        for embedding in embeddings {
            let Some(&row) = row_of.get(embedding.image_id.as_str()) else { continue };
            image_embeddings[row] = embedding.image_embedding;
            text_embeddings[row] = embedding.text_embedding;
        }
        Self {
            ids,
            splits,
            prompts,
            scores: by_attribute,
            ratings,
            ratings_in_context: BTreeMap::new(),
            mean_seconds: BTreeMap::new(),
            image_embeddings,
            text_embeddings,
        }
    }

    /// Adds the seconds that one rating of each aspect takes, and its mean ratings in each context, every rating with equal
    /// weight (App. B.6). Ratings without a context are in none.
    #[must_use]
    pub fn with_ratings(mut self, ratings: Vec<Rating>) -> Self {
        let row_of = row_of(&self.ids);
        let mut values: BTreeMap<(String, String), BTreeMap<usize, Vec<f64>>> = BTreeMap::new();
        let mut seconds: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for rating in ratings {
            if let (Some(known), true) = (rating.seconds, row_of.contains_key(rating.image_id.as_str())) {
                seconds.entry(rating.aspect.clone()).or_default().push(known);
            }
            let (Some(&row), Some(context)) = (row_of.get(rating.image_id.as_str()), rating.context) else { continue };
            values.entry((rating.aspect, context)).or_default().entry(row).or_default().push(rating.rating);
        }
        let n = self.len();
        let averaged = values.into_iter().map(|(key, by_row)| {
            let mut column = vec![None; n];
            for (row, mut values) in by_row {
                // Sorted, so that the last digit does not depend on the order of the table's rows.
                values.sort_by(f64::total_cmp);
                column[row] = Some(values.iter().sum::<f64>() / values.len() as f64);
            }
            (key, column)
        });
        let averaged = averaged.collect();
        drop(row_of);
        self.ratings_in_context = averaged;
        let mean = |(aspect, mut seconds): (String, Vec<f64>)| {
            seconds.sort_by(f64::total_cmp);
            (aspect, seconds.iter().sum::<f64>() / seconds.len() as f64)
        };
        self.mean_seconds = seconds.into_iter().map(mean).collect();
        self
    }

    /// How many images there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// The scores of an attribute from a source; `None` if the table has no row of it.
    pub fn scores(&self, source: ScoreSource, attribute: &str) -> Option<&[Score]> {
        self.scores.get(&(source, attribute.to_owned())).map(Vec::as_slice)
    }

    /// The attributes that a source scored.
    pub fn attributes(&self, source: ScoreSource) -> impl Iterator<Item = &str> {
        self.scores.keys().filter(move |(of, _)| *of == source).map(|(_, attribute)| attribute.as_str())
    }

    /// The mean ratings of an aspect; `None` if nobody rated it.
    pub fn ratings(&self, aspect: &str) -> Option<&[Option<f64>]> {
        self.ratings.get(aspect).map(Vec::as_slice)
    }

    /// The mean ratings of an aspect in one context; `None` if nobody rated it there.
    pub fn ratings_in(&self, aspect: &str, context: &str) -> Option<&[Option<f64>]> {
        self.ratings_in_context.get(&(aspect.to_owned(), context.to_owned())).map(Vec::as_slice)
    }

    /// The contexts that an aspect was rated in.
    pub fn contexts(&self, aspect: &str) -> impl Iterator<Item = &str> {
        self.ratings_in_context.keys().filter(move |(of, _)| of == aspect).map(|(_, context)| context.as_str())
    }

    /// The aspects that people rated.
    pub fn aspects(&self) -> impl Iterator<Item = &str> {
        self.ratings.keys().map(String::as_str)
    }

    /// Rater seconds of one rating of an aspect, averaged over the ratings that have a time; `None` if none has.
    pub fn mean_seconds(&self, aspect: &str) -> Option<f64> {
        self.mean_seconds.get(aspect).copied()
    }

    /// Whether an image has all that a model reads. Scores may be missing; their model says what they count as.
    pub fn has(&self, row: usize, inputs: Inputs) -> bool {
        let (image, text) = (self.image_embeddings[row].is_some(), self.text_embeddings[row].is_some());
        match inputs {
            Inputs::Image => image,
            Inputs::Text => text,
            Inputs::ImageText => image && text,
            Inputs::Scores => true,
        }
    }

    /// The embeddings of some images that [have](Self::has) them, `[rows, dim]`, and `dim`: image, then text.
    pub fn embeddings(&self, rows: &[usize], inputs: Inputs) -> (Vec<f32>, usize) {
        let mut values = Vec::new();
        for &row in rows {
            if matches!(inputs, Inputs::Image | Inputs::ImageText) {
                values.extend(self.image_embeddings[row].iter().flatten());
            }
            if matches!(inputs, Inputs::Text | Inputs::ImageText) {
                values.extend(self.text_embeddings[row].iter().flatten());
            }
        }
        let dim = values.len().checked_div(rows.len()).unwrap_or(0);
        (values, dim)
    }
}

fn row_of(ids: &[String]) -> HashMap<&str, usize> {
    ids.iter().enumerate().map(|(row, id)| (id.as_str(), row)).collect()
}

/// The mean of the values that are there; `None` if none is.
pub(crate) fn mean(values: &[Option<f64>]) -> Option<f64> {
    let n_known = values.iter().flatten().count();
    (n_known > 0).then(|| values.iter().flatten().sum::<f64>() / n_known as f64)
}
