//! The stage: opens tables, asks or reads what is wanted, writes `answers` and `attribute_scores`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use tables::{
    AnswerStatus, Counts, Image, InputFile, Preference, Question, Stage, StageError, StageName, StageRun, Storage,
    StorageError, TableError, TableReader, Tables,
};

use crate::api_key::ApiKey;
use crate::ask::Asking;
use crate::breaker::Breaker;
use crate::client::{Client, Patience};
use crate::error::SynthFeedbackError;
use crate::interrupt::Interrupt;
use crate::output::{self, Answers};
use crate::plan::{Plan, PlanSize};
use crate::question::Questions;
use crate::readout::READOUT;
use crate::request::TEMPLATE;
use crate::score::scores_of_people;
use crate::serve::Server;
use crate::settings::{Endpoint, Settings};
use crate::store::{AnswerStore, AskedQuestions, Keeper, KnownAnswers, Manner, ORIGINAL, compact_if_many_parts};
use crate::{estimate, import};

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
        let Settings { quality, alignment, endpoint, import, human, missing_answer, .. } = &self.settings;
        // Where and how fast the model is asked changes no answer; which model, and how it is read, does.
        let endpoint = endpoint.as_ref().map(|endpoint| json!({ "model": endpoint.model, "model_revision": endpoint.model_revision, "readout": READOUT }));
        json!({
            "quality": quality, "alignment": alignment, "endpoint": endpoint, "import": import, "human": human,
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
        let Some(endpoint) = &self.settings.endpoint else { return Ok(Vec::new()) };
        let Some((images, questions)) = self.images_and_questions(tables)? else {
            return Ok(vec![format!("VLM calls to `{}`: known when the stages before have run", endpoint.model)]);
        };
        let store = self.store(tables.storage())?;
        let known = KnownAnswers::load(&store, manner_of(endpoint), 0)?;
        let plan = planned(&images, &questions, &known)?;
        Ok(estimate::lines(endpoint, known.measured(), plan.size(), 1))
    }

    fn unfinished(&self, counts: &BTreeMap<String, u64>) -> Option<String> {
        let n = counts.get(AnswerStatus::Error.as_str()).copied().filter(|n| *n > 0)?;
        Some(match n {
            1 => "1 question ended in an error and is asked again".to_owned(),
            n => format!("{n} questions ended in an error and are asked again"),
        })
    }

    fn run(&self, run: &mut StageRun) -> Result<Counts, StageError> {
        let Settings { endpoint, import, human, missing_answer, .. } = &self.settings;
        let images: Vec<Image> = run.read()?;
        let questions = self.questions(if self.settings.alignment { Some(run.reader()?) } else { None })?;

        // What may be wrong is found out before a question costs money.
        let of_people = match human {
            Some(aspects) => scores_of_people(&run.read::<Preference>()?, aspects)?,
            None => Vec::new(),
        };
        let mut counts = Counts::from([("images", images.len() as u64)]);
        let mut sources = Vec::new();
        if let Some(import) = import {
            let selected = import.sources.select(&import.answers, "synth-feedback.import.answers", import::COLUMNS);
            let rows = import::rows_of(&selected.map_err(SynthFeedbackError::from)?);
            let answers = import::answers_of(&rows, &import.model, &images, &questions)?;
            counts.insert("imported", answers.len() as u64);
            sources.push(Answers::imported(answers));
        }
        let known = match endpoint {
            Some(endpoint) => Some(self.ask(endpoint, &images, &questions, run, &mut counts)?),
            None => None,
        };
        sources.extend(known.as_ref().map(|known| Answers::Endpoint { known, is_scored: true }));
        counts.extend(output::write(run, &images, &questions, &sources, of_people, *missing_answer)?);
        Ok(counts)
    }
}

impl SynthFeedback {
    /// Where answers are kept.
    ///
    /// # Errors
    /// If the place cannot be opened.
    pub fn store(&self, data_root: &Storage) -> Result<AnswerStore, StorageError> {
        AnswerStore::open(data_root, self.settings.store.as_ref())
    }

    /// The questions that this stage asks about the pictures of a data root; `None` while the tables are not there.
    ///
    /// # Errors
    /// If the tables cannot be read.
    pub fn asked_questions(&self, tables: &Tables) -> Result<Option<AskedQuestions>, StageError> {
        let Some((images, questions)) = self.images_and_questions(tables)? else { return Ok(None) };
        let mut asked = AskedQuestions::default();
        let with_pixels: Vec<Image> = images.into_iter().filter(|image| image.sha256.is_some()).collect();
        let plan = Plan::new(&with_pixels, &questions, |_, _| false).map_err(|without| no_pixels(&without))?;
        plan.for_each(|sha256, query| asked.insert(sha256, query));
        Ok(Some(asked))
    }

    fn images_and_questions(&self, tables: &Tables) -> Result<Option<(Vec<Image>, Questions)>, StageError> {
        let images = tables.open::<Image>()?;
        let questions = if self.settings.alignment { tables.open::<Question>()? } else { None };
        let (Some(images), true) = (images, questions.is_some() || !self.settings.alignment) else { return Ok(None) };
        Ok(Some((images.rows()?, self.questions(questions)?)))
    }

    fn questions(&self, alignment: Option<TableReader<Question>>) -> Result<Questions, TableError> {
        let mut questions = Questions::of_quality(self.settings.quality.as_ref());
        if let Some(alignment) = alignment {
            alignment.for_each_chunk(|chunk| questions.add(&chunk))?;
        }
        Ok(questions)
    }

    /// The endpoint's answers to all questions, those in the store among them.
    fn ask(
        &self,
        endpoint: &Endpoint,
        images: &[Image],
        questions: &Questions,
        run: &StageRun,
        counts: &mut Counts,
    ) -> Result<KnownAnswers, StageError> {
        let store = self.store(run.storage())?;
        let n_most =
            Plan::new(images, questions, |_, _| false).map_err(|without| no_pixels(&without))?.size().n_questions;
        let mut known = KnownAnswers::load(&store, manner_of(endpoint), n_most)?;
        let plan = planned(images, questions, &known)?;
        let PlanSize { n_questions, n_open, .. } = plan.size();
        *counts.entry("asked").or_default() += n_open as u64;
        *counts.entry("reused").or_default() += (n_questions - n_open) as u64;
        tracing::info!(n_calls = n_open, n_stored = n_questions - n_open, model = endpoint.model, "questions");
        if n_open > 0 {
            let asked = self.ask_unanswered(endpoint, &plan, run, &store, &mut known, counts);
            asked.map_err(|error| StageError { retry_later: error.retry_later(), source: error.into() })?;
        }
        Ok(known)
    }

    fn ask_unanswered(
        &self,
        endpoint: &Endpoint,
        plan: &Plan<'_>,
        run: &StageRun,
        store: &AnswerStore,
        known: &mut KnownAnswers,
        counts: &mut Counts,
    ) -> Result<(), SynthFeedbackError> {
        let key = endpoint.api_key_env.as_deref().map(ApiKey::from_environment).transpose()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("vlm")
            .enable_all()
            .build()
            .map_err(SynthFeedbackError::Runtime)?;
        let interrupt = Interrupt::listen().map_err(SynthFeedbackError::Runtime)?;
        let (base_url, mut server) = runtime.block_on(async {
            tokio::select! {
                started = Server::start_for(endpoint, key.as_ref()) => started,
                () = interrupt.interrupted() => Err(SynthFeedbackError::Interrupted),
            }
        })?;
        let patience = Patience {
            timeout: Duration::from_secs_f64(endpoint.timeout_seconds),
            max_attempts: endpoint.max_attempts,
            first_backoff: self.first_backoff,
        };
        let client = Client::new(&base_url, key.clone(), patience)?;
        let breaker = Breaker::new(client.url(), endpoint.concurrency, known.has_answers());
        let keeper = Keeper::start(store)?;
        let manner = known.manner().clone();
        let asking = Asking {
            client: &client,
            manner: &manner,
            concurrency: endpoint.concurrency,
            images: run.images(),
            progress: &run.progress(plan.size().n_open, "questions"),
            keeper: &keeper,
            interrupt: &interrupt,
        };
        let asked = runtime.block_on(asking.ask_all(plan, breaker, known));
        // Whatever happened, what was answered is kept; if that failed, it is the cause of all else.
        let n_left_out = keeper.finish()?;
        if n_left_out > 0 {
            counts.insert("kept_rows_left_out", n_left_out as u64);
        }
        compact_if_many_parts(store)?;
        match asked {
            Err(error @ SynthFeedbackError::Down { .. }) => {
                let ended =
                    server.as_mut().and_then(|server| server.failed_if_ended("ended while it was asked", key.as_ref()));
                Err(ended.unwrap_or(error))
            }
            other => other,
        }
    }
}

/// How an endpoint is asked.
fn manner_of(endpoint: &Endpoint) -> Manner {
    Manner {
        model: endpoint.model.clone(),
        revision: endpoint.model_revision.clone(),
        readout: READOUT.to_owned(),
        template: TEMPLATE.to_owned(),
        image_form: ORIGINAL.to_owned(),
    }
}

fn planned<'a>(
    images: &'a [Image],
    questions: &'a Questions,
    known: &KnownAnswers,
) -> Result<Plan<'a>, SynthFeedbackError> {
    let is_answered = |sha256: &str, query: &str| known.is_answered(sha256, query);
    Plan::new(images, questions, is_answered).map_err(|without| no_pixels(&without))
}

fn no_pixels(image_ids: &[String]) -> SynthFeedbackError {
    let first = image_ids.first().cloned().unwrap_or_default();
    SynthFeedbackError::NoPixels { n_images: image_ids.len(), first }
}

#[cfg(test)]
mod tests;
