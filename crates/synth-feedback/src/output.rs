//! The stage's two tables, written image by image: all rows together may be more than fits in memory.

use std::collections::{BTreeMap, HashMap, HashSet};

use tables::{
    Answer, AnswerKind, AnswerReadout, AnswerStatus, AttributeScore, Counts, ScoreSource, StageRun, Table, TableError,
    TableWriter,
};

use crate::asked_image::{AskedImage, PictureFile};
use crate::question::Questions;
use crate::reading::p_yes_alone;
use crate::readout::word_of_key;
use crate::score::scores_of_answers;
use crate::settings::MissingAnswer;
use crate::store::KnownAnswers;

/// Where answers come from.
pub enum Answers<'a> {
    /// An endpoint's: one to each question.
    Endpoint {
        /// The answers.
        known: &'a KnownAnswers,
        /// Whether they make scores; those of other models are only listed.
        is_scored: bool,
    },
    /// A file's, by image.
    Imported(HashMap<String, Vec<Answer>>),
}

impl Answers<'_> {
    /// Imported answers, by image.
    pub fn imported(answers: Vec<Answer>) -> Self {
        let mut by_image: HashMap<String, Vec<Answer>> = HashMap::new();
        answers.into_iter().for_each(|answer| by_image.entry(answer.image_id.clone()).or_default().push(answer));
        Self::Imported(by_image)
    }

    fn about(&self, image: &AskedImage, questions: &Questions) -> Vec<Answer> {
        match self {
            Self::Endpoint { known, .. } => answers_of_endpoint(known, image, questions),
            Self::Imported(by_image) => by_image.get(&*image.image_id).cloned().unwrap_or_default(),
        }
    }

    /// The kinds of question that it answers anything of; `None` if its answers make no scores.
    fn scored(&self, images: &[AskedImage], questions: &Questions) -> Option<(ScoreSource, HashSet<AnswerKind>)> {
        match self {
            Self::Endpoint { is_scored: false, .. } => None,
            Self::Endpoint { .. } => {
                let kinds = images.iter().flat_map(|image| questions.about(image)).map(|question| question.kind);
                Some((ScoreSource::Vlm, kinds.collect()))
            }
            Self::Imported(by_image) => {
                Some((ScoreSource::Import, by_image.values().flatten().map(|answer| answer.kind).collect()))
            }
        }
    }
}

/// Writes `answers` and `attribute_scores`, sorted by their keys (enums by their words), and counts the statuses.
///
/// # Errors
/// [`TableError`]: a full disk.
pub fn write(
    run: &mut StageRun,
    images: &[AskedImage],
    questions: &Questions,
    sources: &[Answers<'_>],
    of_people: Vec<AttributeScore>,
    missing: MissingAnswer,
) -> Result<Counts, TableError> {
    let scored: Vec<_> = sources.iter().map(|source| source.scored(images, questions)).collect();
    let mut people: BTreeMap<String, Vec<AttributeScore>> = BTreeMap::new();
    of_people.into_iter().for_each(|score| people.entry(score.image_id.clone()).or_default().push(score));
    let mut in_order: Vec<&AskedImage> = images.iter().collect();
    in_order.sort_unstable_by(|a, b| a.image_id.cmp(&b.image_id));

    let mut statuses: BTreeMap<AnswerStatus, u64> = BTreeMap::new();
    let mut answers = Rows::start(run, &[])?;
    // A reward model's card says what its attributes' questions were.
    let mut scores = Rows::start(run, &questions.texts())?;
    for image in in_order {
        let mut of_image = Vec::new();
        let mut score_rows = people.remove(&*image.image_id).unwrap_or_default();
        for (source, scored) in sources.iter().zip(&scored) {
            let given = source.about(image, questions);
            if let Some((source, kinds)) = scored {
                score_rows.extend(scores_of_answers(image, questions, &given, kinds, *source, missing));
            }
            of_image.extend(given);
        }
        of_image.iter().for_each(|answer| *statuses.entry(answer.status).or_default() += 1);
        of_image.sort_unstable_by(|a, b| {
            (a.kind.as_str(), &a.question_id, &a.model).cmp(&(b.kind.as_str(), &b.question_id, &b.model))
        });
        score_rows.sort_unstable_by(|a, b| (&a.attribute, a.source.as_str()).cmp(&(&b.attribute, b.source.as_str())));
        answers.add(of_image)?;
        scores.add(score_rows)?;
    }
    answers.finish(run)?;
    // Of images that the table does not have; `finegrain check` finds them.
    scores.add(people.into_values().flatten().collect())?;
    scores.finish(run)?;
    Ok(statuses.into_iter().map(|(status, n)| (status.as_str(), n)).collect())
}

/// One row per question. A question that was somehow left out is an `error` of no attempts, not a gap.
fn answers_of_endpoint(known: &KnownAnswers, image: &AskedImage, questions: &Questions) -> Vec<Answer> {
    // An `error` of no attempts would have been read in this way.
    let readout = word_of_key(&known.manner().readout).unwrap_or(AnswerReadout::TopLogprobs);
    let sha256 = image.file.as_ref().map(PictureFile::sha256);
    let row = |question: &crate::question::ImageQuestion| {
        let answer = sha256.as_ref().and_then(|sha256| known.get(sha256, &question.query));
        Answer {
            image_id: image.image_id.to_string(),
            question_id: question.question_id.as_ref().to_owned(),
            kind: question.kind,
            status: answer.map_or(AnswerStatus::Error, |answer| answer.status),
            p_yes: answer.and_then(|answer| match question.is_vqascore {
                true => p_yes_alone(answer.logit_yes, answer.p_yes, answer.label_mass),
                false => answer.p_yes,
            }),
            logit_yes: answer.and_then(|answer| answer.logit_yes),
            logit_no: answer.and_then(|answer| answer.logit_no),
            label_mass: answer.and_then(|answer| answer.label_mass),
            readout: answer.map_or(readout, |answer| answer.readout),
            model: known.manner().model.clone(),
            attempts: answer.map_or(0, |answer| i64::from(answer.attempts)),
            seconds: answer.map(|answer| f64::from(answer.seconds)),
        }
    };
    questions.about(image).map(row).collect()
}

/// A table that is written some thousand rows at a time.
struct Rows<T: Table> {
    writer: TableWriter<T, tempfile::NamedTempFile>,
    waiting: Vec<T>,
}

const CHUNK: usize = 8_192;

impl<T: Table> Rows<T> {
    fn start(run: &StageRun, metadata: &[(String, String)]) -> Result<Self, TableError> {
        Ok(Self { writer: run.writer(metadata, &[])?, waiting: Vec::new() })
    }

    fn add(&mut self, rows: Vec<T>) -> Result<(), TableError> {
        self.waiting.extend(rows);
        if self.waiting.len() >= CHUNK {
            self.writer.append(&self.waiting)?;
            self.waiting.clear();
        }
        Ok(())
    }

    fn finish(mut self, run: &mut StageRun) -> Result<(), TableError> {
        self.writer.append(&self.waiting)?;
        run.finish(self.writer)
    }
}
