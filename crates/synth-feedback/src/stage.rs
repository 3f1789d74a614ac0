//! The stage: opens tables, asks or reads what is wanted, writes `answers` and `attribute_scores`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use tables::{
    Answer, AnswerKind, AnswerStatus, AttributeScore, Counts, Image, InputFile, Preference, Question, ScoreSource,
    Stage, StageError, StageName, StageRun, Tables,
};

use crate::ask_model::ask_model;
use crate::error::SynthFeedbackError;
use crate::import;
use crate::question::{PictureQueries, Questions, by_picture};
use crate::readout::READOUT;
use crate::score::{scores_of_answers, scores_of_people};
use crate::settings::{Model, Settings};
use crate::store::{KnownAnswers, recover};

/// The stage `synth-feedback`.
#[derive(Debug)]
pub struct SynthFeedback {
    settings: Settings,
    first_backoff: Duration,
}

impl SynthFeedback {
    /// The stage under these settings.
    ///
    /// # Errors
    /// [`SynthFeedbackError::Setting`] for settings that cannot work.
    pub fn new(settings: Settings) -> Result<Self, SynthFeedbackError> {
        settings.validate()?;
        Ok(Self { settings, first_backoff: FIRST_BACKOFF })
    }
}

/// The wait before a question is asked a second time; it doubles from there.
const FIRST_BACKOFF: Duration = Duration::from_millis(250);

impl Stage for SynthFeedback {
    fn name(&self) -> StageName {
        StageName::SynthFeedback
    }

    fn version(&self) -> u32 {
        2
    }

    fn settings(&self) -> serde_json::Value {
        let Settings { quality, alignment, import, human, missing_answer, .. } = &self.settings;
        // Where and how fast a model is asked changes no answer; which model, what it sees, and how it is read, does.
        let asked =
            |model: &Model<'_>| json!({ "model": model.name, "readout": READOUT, "image_form": model.image().form() });
        let models: Vec<_> = self.settings.models().iter().map(asked).collect();
        json!({
            "quality": quality, "alignment": alignment, "models": models, "import": import, "human": human,
            "missing_answer": missing_answer,
        })
    }

    fn reads(&self) -> Vec<&'static str> {
        let questions = self.settings.alignment.then_some("questions");
        let preferences = self.settings.human.is_some().then_some("preferences");
        std::iter::once("images").chain(questions).chain(preferences).collect()
    }

    fn writes(&self) -> Vec<&'static str> {
        vec!["answers", "attribute_scores"]
    }

    fn files(&self, _tables: &Tables) -> Result<Vec<InputFile>, StageError> {
        let import = self.settings.import.as_ref();
        Ok(import.map(|import| import.sources.input_files("import.sources")).unwrap_or_default())
    }

    fn estimate(&self, tables: &Tables) -> Result<Vec<String>, StageError> {
        let models = self.settings.models();
        if models.is_empty() {
            return Ok(Vec::new());
        }
        let images = tables.open::<Image>()?;
        let questions = if self.settings.alignment { tables.open::<Question>()? } else { None };
        let (Some(images), true) = (images, questions.is_some() || !self.settings.alignment) else {
            let unknown =
                |model: &Model<'_>| format!("VLM calls to `{}`: known when the stages before have run", model.name);
            return Ok(models.iter().map(unknown).collect());
        };
        let questions = questions.map(|reader| reader.rows()).transpose()?.unwrap_or_default();
        let questions = Questions::new(self.settings.quality.as_ref(), &questions);
        let pictures = by_picture(&images.rows()?, &questions).map_err(|without| no_pixels(&without))?;
        let n_asked = n_queries(&pictures);
        let mut lines = Vec::new();
        for model in &models {
            let known = KnownAnswers::load(tables.storage(), model.name)?;
            let n_calls = n_queries(&unanswered(pictures.clone(), &known));
            let n_stored = n_asked - n_calls;
            lines.push(format!("{n_calls} VLM calls to `{}`; {n_stored} answers are in the store", model.name));
        }
        Ok(lines)
    }

    fn unfinished(&self, counts: &BTreeMap<String, u64>) -> Option<String> {
        let n = counts.get(AnswerStatus::Error.as_str()).copied().filter(|n| *n > 0)?;
        Some(match n {
            1 => "1 question ended in an error and is asked again".to_owned(),
            n => format!("{n} questions ended in an error and are asked again"),
        })
    }

    fn run(&self, run: &mut StageRun) -> Result<Counts, StageError> {
        let Settings { quality, alignment, import, human, missing_answer, .. } = &self.settings;
        let images: Vec<Image> = run.read()?;
        let questions: Vec<Question> = if *alignment { run.read()? } else { Vec::new() };
        let questions = Questions::new(quality.as_ref(), &questions);

        // What may be wrong is found out before a question costs money.
        let mut scores = match human {
            Some(aspects) => scores_of_people(&run.read::<Preference>()?, aspects)?,
            None => Vec::new(),
        };
        let mut counts = Counts::from([("images", images.len() as u64)]);
        let mut answers = Vec::new();
        if let Some(import) = import {
            let selected = import.sources.select(&import.answers, "synth-feedback.import.answers", import::COLUMNS);
            let rows = import::rows_of(&selected.map_err(SynthFeedbackError::from)?);
            answers = import::answers_of(&rows, &import.model, &images, &questions)?;
            counts.insert("imported", answers.len() as u64);
            scores.extend(scores_of_answers(&images, &questions, &answers, ScoreSource::Import, *missing_answer));
        }
        for (at, model) in self.settings.models().iter().enumerate() {
            let given = self.ask(model, &images, &questions, run, &mut counts)?;
            if at == 0 {
                scores.extend(scores_of_answers(&images, &questions, &given, ScoreSource::Vlm, *missing_answer));
            }
            answers.extend(given);
        }
        count_statuses(&answers, &mut counts);
        sort(&mut answers, &mut scores);
        run.write(&answers)?;
        run.write(&scores)?;
        Ok(counts)
    }
}

impl SynthFeedback {
    /// The model's answers to all questions, those in the store among them.
    fn ask(
        &self,
        model: &Model<'_>,
        images: &[Image],
        questions: &Questions,
        run: &StageRun,
        counts: &mut Counts,
    ) -> Result<Vec<Answer>, StageError> {
        let pictures = by_picture(images, questions).map_err(|without| no_pixels(&without))?;
        recover(run.storage())?;
        let mut known = KnownAnswers::load(run.storage(), model.name)?;
        let n_asked = n_queries(&pictures);
        let pictures = unanswered(pictures, &known);
        let n_calls = n_queries(&pictures);
        *counts.entry("asked").or_default() += n_calls as u64;
        *counts.entry("reused").or_default() += (n_asked - n_calls) as u64;
        tracing::info!(n_calls, n_stored = n_asked - n_calls, model = model.name, "questions");
        if n_calls > 0 {
            let asked = ask_model(model, pictures, run, self.first_backoff, &mut known);
            asked.map_err(|error| StageError { retry_later: error.retry_later(), source: error.into() })?;
        }
        Ok(answers_of_model(model.name, images, questions, &known))
    }
}

fn no_pixels(image_ids: &[String]) -> SynthFeedbackError {
    let first = image_ids.first().cloned().unwrap_or_default();
    SynthFeedbackError::NoPixels { n_images: image_ids.len(), first }
}

fn n_queries(pictures: &[PictureQueries]) -> usize {
    pictures.iter().map(|picture| picture.queries.len()).sum()
}

fn unanswered(mut pictures: Vec<PictureQueries>, known: &KnownAnswers) -> Vec<PictureQueries> {
    for PictureQueries { sha256, queries, .. } in &mut pictures {
        queries.retain(|query| !known.is_answered(sha256, query));
    }
    pictures.retain(|picture| !picture.queries.is_empty());
    pictures
}

/// One row per image and question. A question that was somehow left out is an `error` of no attempts, not a gap.
fn answers_of_model(model: &str, images: &[Image], questions: &Questions, known: &KnownAnswers) -> Vec<Answer> {
    let mut answers = Vec::new();
    for image in images {
        for question in questions.about(image) {
            let answer = image.sha256.as_deref().and_then(|sha256| known.get(sha256, &question.query));
            answers.push(Answer {
                image_id: image.image_id.clone(),
                question_id: question.question_id.as_ref().to_owned(),
                kind: question.kind,
                status: answer.map_or(AnswerStatus::Error, |answer| answer.status),
                p_yes: answer.and_then(|answer| answer.p_yes),
                logit_yes: answer.and_then(|answer| answer.logit_yes),
                logit_no: answer.and_then(|answer| answer.logit_no),
                label_mass: answer.and_then(|answer| answer.label_mass),
                model: model.to_owned(),
                attempts: answer.map_or(0, |answer| answer.attempts),
                seconds: answer.map(|answer| answer.seconds),
            });
        }
    }
    answers
}

fn count_statuses(answers: &[Answer], counts: &mut Counts) {
    for status in AnswerStatus::ALL {
        let n = answers.iter().filter(|answer| answer.status == *status).count() as u64;
        if n > 0 {
            counts.insert(status.as_str(), n);
        }
    }
}

/// By their keys, enums by their words.
fn sort(answers: &mut [Answer], scores: &mut [AttributeScore]) {
    let kind = |kind: AnswerKind| kind.as_str();
    answers.sort_unstable_by(|a, b| {
        (&a.image_id, kind(a.kind), &a.question_id, &a.model).cmp(&(
            &b.image_id,
            kind(b.kind),
            &b.question_id,
            &b.model,
        ))
    });
    scores.sort_unstable_by(|a, b| {
        (&a.image_id, &a.attribute, a.source.as_str()).cmp(&(&b.image_id, &b.attribute, b.source.as_str()))
    });
}

#[cfg(test)]
mod tests;
