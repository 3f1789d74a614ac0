//! The stage: opens tables, asks or reads what is wanted, writes `answers` and `attribute_scores`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use tables::{
    Answer, AnswerKind, AnswerStatus, AttributeScore, Counts, Image, InputFile, Preference, Prompt, Question,
    ScoreSource, Stage, StageError, StageName, StageRun, Storage, Tables,
};

use crate::ask::Asking;
use crate::breaker::Breaker;
use crate::endpoint_record::known_readout;
use crate::error::SynthFeedbackError;
use crate::import;
use crate::question::{PictureQueries, Questions, by_picture};
use crate::reading::p_yes_alone;
use crate::readout::Readout;
use crate::score::{scores_of_answers, scores_of_people};
use crate::session::{Session, readout_of};
use crate::settings::{Endpoint, Settings};
use crate::store::{Keeper, KnownAnswers, recover};

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
        3
    }

    fn settings(&self) -> serde_json::Value {
        let Settings { quality, alignment, vqascore, instruction, endpoint, import, human, missing_answer } =
            &self.settings;
        // Where and how fast the model is asked changes no answer; which model, and how it is read, does.
        let endpoint = endpoint.as_ref().map(|endpoint| {
            let Endpoint { model, readout, sample, allow_mixed_readouts, .. } = endpoint;
            json!({ "model": model, "readout": readout, "sample": sample, "allow_mixed_readouts": allow_mixed_readouts })
        });
        json!({
            "quality": quality, "alignment": alignment, "vqascore": vqascore, "instruction": instruction,
            "endpoint": endpoint, "import": import, "human": human, "missing_answer": missing_answer,
        })
    }

    fn reads(&self) -> Vec<&'static str> {
        let questions = self.settings.alignment.then_some("questions");
        let preferences = self.settings.human.is_some().then_some("preferences");
        let prompts = self.settings.vqascore.is_some().then_some("prompts");
        std::iter::once("images").chain(prompts).chain(questions).chain(preferences).collect()
    }

    fn writes(&self) -> Vec<&'static str> {
        vec!["answers", "attribute_scores"]
    }

    fn files(&self, _tables: &Tables) -> Result<Vec<InputFile>, StageError> {
        let import = self.settings.import.as_ref();
        Ok(import.map(|import| import.sources.input_files("import.sources")).unwrap_or_default())
    }

    fn estimate(&self, tables: &Tables) -> Result<Vec<String>, StageError> {
        let Some(endpoint) = &self.settings.endpoint else { return Ok(Vec::new()) };
        let images = tables.open::<Image>()?;
        let questions = if self.settings.alignment { tables.open::<Question>()? } else { None };
        let (Some(images), true) = (images, questions.is_some() || !self.settings.alignment) else {
            return Ok(vec![format!("VLM calls to `{}`: known when the stages before have run", endpoint.model)]);
        };
        let questions = questions.map(|reader| reader.rows()).transpose()?.unwrap_or_default();
        let prompts = if self.settings.vqascore.is_some() { tables.open::<Prompt>()? } else { None };
        let prompts = prompts.map(|reader| reader.rows()).transpose()?.unwrap_or_default();
        let questions = self.questions(&questions, &prompts);
        let pictures = by_picture(&images.rows()?, &questions).map_err(|without| no_pixels(&without))?;
        let readout = known_readout(tables.storage(), endpoint)?;
        let known = known_answers(tables.storage(), endpoint, readout.as_ref())?;
        let n_asked = n_queries(&pictures);
        let n_calls = n_queries(&unanswered(pictures, &known));
        let n_stored = n_asked - n_calls;
        let mut lines =
            vec![format!("{n_calls} VLM calls to `{}`; {n_stored} answers are in the store", endpoint.model)];
        match readout.map(|readout| readout.tails().len()) {
            Some(1) => {}
            Some(n_requests) => {
                lines.push(format!("each question takes {n_requests} requests: its answers are sampled"))
            }
            None => lines.push("the endpoint has not been probed yet: see `finegrain doctor --endpoint`".to_owned()),
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
        let Settings { alignment, vqascore, endpoint, import, human, missing_answer, .. } = &self.settings;
        let images: Vec<Image> = run.read()?;
        let questions: Vec<Question> = if *alignment { run.read()? } else { Vec::new() };
        let prompts: Vec<Prompt> = if vqascore.is_some() { run.read()? } else { Vec::new() };
        let questions = self.questions(&questions, &prompts);

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
        if let Some(endpoint) = endpoint {
            let given = self.ask(endpoint, &images, &questions, run, &mut counts)?;
            scores.extend(scores_of_answers(&images, &questions, &given, ScoreSource::Vlm, *missing_answer));
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
    fn questions(&self, alignment: &[Question], prompts: &[Prompt]) -> Questions {
        let Settings { quality, instruction, vqascore, .. } = &self.settings;
        let questions = Questions::new(quality.as_ref(), alignment).with_instruction(instruction.as_deref());
        match vqascore {
            Some(vqascore) => questions.with_vqascore(vqascore, prompts),
            None => questions,
        }
    }

    /// The endpoint's answers to all questions, those in the store among them.
    fn ask(
        &self,
        endpoint: &Endpoint,
        images: &[Image],
        questions: &Questions,
        run: &StageRun,
        counts: &mut Counts,
    ) -> Result<Vec<Answer>, StageError> {
        let pictures = by_picture(images, questions).map_err(|without| no_pixels(&without))?;
        let n_asked = n_queries(&pictures);
        if n_asked == 0 {
            return Ok(Vec::new());
        }
        recover(run.storage())?;
        let instruction = self.settings.instruction.as_deref();
        let (readout, session) =
            readout_of(run.storage(), endpoint, instruction, self.first_backoff).map_err(worth_retrying)?;
        let mut known = known_answers(run.storage(), endpoint, Some(&readout))?;
        let pictures = unanswered(pictures, &known);
        let n_calls = n_queries(&pictures);
        counts.insert("asked", n_calls as u64);
        counts.insert("reused", (n_asked - n_calls) as u64);
        tracing::info!(
            n_calls,
            n_stored = n_asked - n_calls,
            model = endpoint.model,
            readout = readout.key(),
            "questions"
        );
        if n_calls > 0 {
            let session = session.map_or_else(|| Session::start(endpoint, self.first_backoff), Ok);
            let asked =
                session.and_then(|session| ask_unanswered(session, endpoint, &readout, pictures, run, &mut known));
            asked.map_err(worth_retrying)?;
        }
        Ok(answers_of_endpoint(&endpoint.model, images, questions, &known, &readout))
    }
}

fn ask_unanswered(
    mut session: Session,
    endpoint: &Endpoint,
    readout: &Readout,
    pictures: Vec<PictureQueries>,
    run: &StageRun,
    known: &mut KnownAnswers,
) -> Result<(), SynthFeedbackError> {
    let client = session.client()?;
    let breaker = Breaker::new(client.url(), endpoint.concurrency, known.has_answers());
    let keeper = Keeper::start(run.storage())?;
    let asking = Asking {
        client: &client,
        model: &endpoint.model,
        readout,
        concurrency: endpoint.concurrency,
        images: run.images(),
        progress: &run.progress(n_queries(&pictures), "questions"),
        keeper: &keeper,
        interrupt: &session.interrupt,
    };
    let asked = session.runtime.block_on(asking.ask_all(pictures, breaker, known));
    // Whatever happened, what was answered is kept; if that failed, it is the cause of all else.
    keeper.finish()?;
    asked.map_err(|error| session.cause_of(error))
}

fn worth_retrying(error: SynthFeedbackError) -> StageError {
    StageError { retry_later: error.retry_later(), source: error.into() }
}

/// The answers that need not be asked for. Without a readout only those count that may be of any.
fn known_answers(
    storage: &Storage,
    endpoint: &Endpoint,
    readout: Option<&Readout>,
) -> Result<KnownAnswers, tables::TableError> {
    let key = readout.map(Readout::key).unwrap_or_default();
    KnownAnswers::load(storage, &endpoint.model, &key, endpoint.allow_mixed_readouts)
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
fn answers_of_endpoint(
    model: &str,
    images: &[Image],
    questions: &Questions,
    known: &KnownAnswers,
    readout: &Readout,
) -> Vec<Answer> {
    let mut answers = Vec::new();
    for image in images {
        for question in questions.about(image) {
            let answer = image.sha256.as_deref().and_then(|sha256| known.get(sha256, &question.query));
            answers.push(Answer {
                image_id: image.image_id.clone(),
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
                readout: answer.and_then(|answer| answer.readout).unwrap_or_else(|| readout.word()),
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
