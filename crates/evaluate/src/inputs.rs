//! All that the stage reads, and who belongs to which prompt.

use std::collections::{BTreeMap, HashMap};

use crate::report::{ContactSheet, StageRecord, records};
use tables::{
    AggregatorWeight, Answer, AttributeScore, Image, ImageEmbedding, Intervention, Label, Prediction, Preference,
    Prompt, Question, Rating, RewardModel, Table, TableError, TableReader, Tables,
};

use crate::predictions::Predictions;
use crate::side_by_side::scores::Scores;
use crate::side_by_side::votes::VoteFile;

/// The tables, whole.
#[derive(Debug, Default, Clone)]
pub struct Inputs {
    /// Table `prompts`.
    pub prompts: Vec<Prompt>,
    /// Table `images`.
    pub images: Vec<Image>,
    /// Table `ratings`.
    pub ratings: Vec<Rating>,
    /// Table `preferences`.
    pub preferences: Vec<Preference>,
    /// Table `questions`.
    pub questions: Vec<Question>,
    /// Table `answers`.
    pub answers: Vec<Answer>,
    /// Table `attribute_scores`.
    pub attribute_scores: Vec<AttributeScore>,
    /// Table `labels`.
    pub labels: Vec<Label>,
    /// Table `reward_models`.
    pub reward_models: Vec<RewardModel>,
    /// Table `predictions`.
    pub predictions: Predictions,
    /// Table `aggregator_weights`.
    pub aggregator_weights: Vec<AggregatorWeight>,
    /// Table `interventions`, if the last `train` wrote it.
    pub interventions: Vec<Intervention>,
    /// What the file of `embeddings` says of its encoders; empty if there is none.
    pub encoders: Vec<(String, String)>,
    /// The best and worst images of each attribute, if the report shows them.
    pub contact_sheets: Vec<ContactSheet>,
    /// What the run records of the earlier stages say.
    pub records: Vec<StageRecord>,
    /// The images of `evaluate.sxs.scores`, if it is set.
    pub scores: Option<Scores>,
    /// The vote files that the data root keeps.
    pub votes: Vec<VoteFile>,
}

/// The names of the tables of [`Inputs`]. `embeddings` is not among them: a data set without pixels has none.
pub fn names() -> Vec<&'static str> {
    vec![
        Prompt::NAME,
        Image::NAME,
        Rating::NAME,
        Preference::NAME,
        Question::NAME,
        Answer::NAME,
        AttributeScore::NAME,
        Label::NAME,
        RewardModel::NAME,
        Prediction::NAME,
        AggregatorWeight::NAME,
    ]
}

impl Inputs {
    /// Reads them all.
    ///
    /// # Errors
    /// [`TableError`] for one that is missing or broken.
    pub fn read(tables: &Tables) -> Result<Self, TableError> {
        let records = records(tables.storage())?;
        // One that an earlier `train` left behind is about other models.
        let is_left_behind =
            |record: &StageRecord| record.stage == "train" && !record.outputs.contains_key(Intervention::NAME);
        let interventions = tables.open::<Intervention>()?.filter(|_| !records.iter().any(is_left_behind));
        Ok(Self {
            prompts: tables.read()?,
            ratings: tables.read()?,
            preferences: tables.read()?,
            questions: tables.read()?,
            answers: tables.read()?,
            attribute_scores: tables.read()?,
            aggregator_weights: tables.read()?,
            encoders: encoders(tables)?,
            interventions: interventions.map_or_else(|| Ok(Vec::new()), TableReader::rows)?,
            records,
            ..Self::of_models(tables)?
        })
    }

    /// Reads only what tells how good the reward models are.
    ///
    /// # Errors
    /// [`TableError`] for one that is missing or broken.
    pub fn of_models(tables: &Tables) -> Result<Self, TableError> {
        Ok(Self {
            images: tables.read()?,
            labels: tables.read()?,
            reward_models: tables.read()?,
            predictions: Predictions::read(tables.reader()?)?,
            ..Self::default()
        })
    }

    /// How many rows each of them has.
    pub fn row_counts(&self) -> BTreeMap<&'static str, usize> {
        let counts = [
            self.prompts.len(),
            self.images.len(),
            self.ratings.len(),
            self.preferences.len(),
            self.questions.len(),
            self.answers.len(),
            self.attribute_scores.len(),
            self.labels.len(),
            self.reward_models.len(),
            self.predictions.len(),
            self.aggregator_weights.len(),
        ];
        names().into_iter().zip(counts).collect()
    }

    /// Every image by its id.
    pub fn images_by_id(&self) -> HashMap<&str, &Image> {
        self.images.iter().map(|image| (image.image_id.as_str(), image)).collect()
    }
}

fn encoders(tables: &Tables) -> Result<Vec<(String, String)>, TableError> {
    let Some(reader) = tables.open::<ImageEmbedding>()? else { return Ok(Vec::new()) };
    let own = |key: &str| key.starts_with("finegrain.") || key.starts_with("ARROW:");
    Ok(reader.metadata().iter().filter(|(key, _)| !own(key)).cloned().collect())
}
