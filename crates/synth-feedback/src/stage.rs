//! The stage: opens tables, asks or reads what is wanted, writes `answers` and `attribute_scores`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use tables::{
    AnswerStatus, Counts, Image, InputFile, Preference, Prompt, Question, Stage, StageError, StageName, StageRun,
    Storage, StorageError, TableError, TableReader, Tables,
};

use crate::ask_model::ask_model;
use crate::asked_image::{AskedImage, take};
use crate::endpoint_record::known_readout;
use crate::error::SynthFeedbackError;
use crate::estimate::Effort;
use crate::output::{self, Answers};
use crate::plan::{Plan, PlanSize};
use crate::question::Questions;
use crate::readout::Readout;
use crate::readout_of::readout_of;
use crate::request::TEMPLATE;
use crate::score::scores_of_people;
use crate::settings::{Model, Settings};
use crate::store::{AnswerStore, AskedQuestions, KnownAnswers, Manner, compact_if_many_parts};
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
        4
    }

    fn settings(&self) -> serde_json::Value {
        let Settings { quality, alignment, vqascore, instruction, import, human, missing_answer, .. } = &self.settings;
        // Where and how fast a model is asked changes no answer; which model, what it sees, and how it is read, does.
        let asked = |model: &Model<'_>| {
            let (endpoint, form) = (model.endpoints[0], model.image().form());
            json!({
                "model": model.name, "model_revision": endpoint.model_revision, "readout": endpoint.readout,
                "sample": endpoint.sample, "allow_mixed_readouts": endpoint.allow_mixed_readouts, "template": TEMPLATE,
                "image_form": form,
            })
        };
        let models: Vec<_> = self.settings.models().iter().map(asked).collect();
        let score_model = self.settings.score_model();
        json!({
            "quality": quality, "alignment": alignment, "vqascore": vqascore, "instruction": instruction, "models": models, "score_model": score_model, "import": import,
            "human": human, "missing_answer": missing_answer,
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
        let models = self.settings.models();
        if models.is_empty() {
            return Ok(Vec::new());
        }
        let Some((images, questions)) = self.images_and_questions(tables)? else {
            let unknown = |model: &Model<'_>| {
                format!("VLM calls to `{}`: counted when `finegrain run --until vq2-parse` has run", model.name)
            };
            return Ok(models.iter().map(unknown).collect());
        };
        let store = self.store(tables.storage())?;
        let mut lines = Vec::new();
        for model in &models {
            let readout = known_readout(tables.storage(), model.endpoints[0])?;
            let n_most = Plan::new(&images, &questions, |_, _| false).map_err(|without| no_pixels(&without))?.size();
            let known = known_answers(&store, model, readout.as_ref(), n_most.n_questions)?;
            let plan = planned(&images, &questions, &known)?;
            let effort = Effort::of(readout.as_ref());
            lines.extend(estimate::lines(model.endpoints[0], known.measured(), plan.size(), effort));
            if readout.is_none() {
                lines.push(format!("`{}` has not been probed yet: see `finegrain doctor --endpoint`", model.name));
            }
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
        let Settings { import, human, missing_answer, .. } = &self.settings;
        let images = all_images(run.reader()?)?;
        let alignment = if self.settings.alignment { Some(run.reader()?) } else { None };
        let prompts = if self.settings.vqascore.is_some() { run.read()? } else { Vec::new() };
        let questions = self.questions(alignment, &prompts)?;

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
        let models = self.settings.models();
        let known = models.iter().map(|model| self.ask(model, &images, &questions, run, &mut counts));
        let known = known.collect::<Result<Vec<KnownAnswers>, StageError>>()?;
        let score_model = self.settings.score_model();
        sources.extend(known.iter().map(|known| {
            let is_scored = Some(known.manner().model.as_str()) == score_model;
            Answers::Endpoint { known, is_scored }
        }));
        counts.extend(output::write(run, &images, &questions, &sources, of_people, *missing_answer)?);
        // Last, and with their memory back.
        drop(sources);
        drop((known, questions, images));
        if !models.is_empty() {
            compact_if_many_parts(&self.store(run.storage())?).map_err(failed)?;
        }
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
        let with_pixels: Vec<AskedImage> = images.into_iter().filter(|image| image.file.is_some()).collect();
        let plan = Plan::new(&with_pixels, &questions, |_, _| false).map_err(|without| no_pixels(&without))?;
        plan.for_each(|sha256, query| asked.insert(sha256, query));
        Ok(Some(asked))
    }

    fn images_and_questions(&self, tables: &Tables) -> Result<Option<(Vec<AskedImage>, Questions)>, StageError> {
        let images = tables.open::<Image>()?;
        let questions = if self.settings.alignment { tables.open::<Question>()? } else { None };
        let (Some(images), true) = (images, questions.is_some() || !self.settings.alignment) else { return Ok(None) };
        let prompts = if self.settings.vqascore.is_some() { tables.open::<Prompt>()? } else { None };
        let prompts = prompts.map(|reader| reader.rows()).transpose()?.unwrap_or_default();
        Ok(Some((all_images(images)?, self.questions(questions, &prompts)?)))
    }

    fn questions(&self, alignment: Option<TableReader<Question>>, prompts: &[Prompt]) -> Result<Questions, TableError> {
        let Settings { quality, instruction, vqascore, .. } = &self.settings;
        let mut questions = Questions::of_quality(quality.as_ref()).with_instruction(instruction.as_deref());
        if let Some(vqascore) = vqascore {
            questions = questions.with_vqascore(vqascore, prompts);
        }
        if let Some(alignment) = alignment {
            alignment.for_each_chunk(|chunk| questions.add(&chunk))?;
        }
        Ok(questions)
    }

    /// The model's answers to all questions, those in the store among them.
    fn ask(
        &self,
        model: &Model<'_>,
        images: &[AskedImage],
        questions: &Questions,
        run: &StageRun,
        counts: &mut Counts,
    ) -> Result<KnownAnswers, StageError> {
        let store = self.store(run.storage())?;
        let n_most =
            Plan::new(images, questions, |_, _| false).map_err(|without| no_pixels(&without))?.size().n_questions;
        let instruction = self.settings.instruction.as_deref();
        let readout = if n_most == 0 {
            Readout::top_logprobs()
        } else {
            readout_of(run.storage(), model, instruction, self.first_backoff).map_err(failed)?
        };
        let mut known = known_answers(&store, model, Some(&readout), n_most)?;
        let plan = planned(images, questions, &known)?;
        let PlanSize { n_questions, n_open, .. } = plan.size();
        let mut count = |what, n: u64| *counts.entry(what).or_default() += n;
        count("asked", n_open as u64);
        count("reused", (n_questions - n_open) as u64);
        tracing::info!(
            n_calls = n_open,
            n_stored = n_questions - n_open,
            model = model.name,
            readout = readout.key(),
            "questions"
        );
        if n_open == 0 {
            return Ok(known);
        }
        let asked = ask_model(model, &readout, &plan, run, self.first_backoff, &store, &mut known);
        let (spent, n_left_out) = asked.map_err(failed)?;
        count("requests", spent.n_requests);
        count("prompt_tokens", spent.usage.prompt_tokens);
        count("cached_tokens", spent.usage.cached_tokens);
        count("completion_tokens", spent.usage.completion_tokens);
        if model.endpoints[0].prices.is_some() {
            count("cost_in_millionths", (spent.cost * 1e6).round() as u64);
        }
        if n_left_out > 0 {
            count("kept_rows_left_out", n_left_out as u64);
        }
        Ok(known)
    }
}

fn all_images(table: TableReader<Image>) -> Result<Vec<AskedImage>, TableError> {
    let mut images = Vec::new();
    table.for_each_chunk(|rows| take(&mut images, &rows))?;
    Ok(images)
}

fn failed(error: SynthFeedbackError) -> StageError {
    StageError { retry_later: error.retry_later(), source: error.into() }
}

/// The answers that a model need not be asked for. While it is not known how it will be read, there are none, unless those
/// of any readout count.
fn known_answers(
    store: &AnswerStore,
    model: &Model<'_>,
    readout: Option<&Readout>,
    n_most: usize,
) -> Result<KnownAnswers, TableError> {
    let mut known = KnownAnswers::load(store, manner_of(model, readout), n_most)?;
    if model.endpoints[0].allow_mixed_readouts {
        known.add_other_readouts(store)?;
    }
    Ok(known)
}

/// How a model is asked.
fn manner_of(model: &Model<'_>, readout: Option<&Readout>) -> Manner {
    Manner {
        model: model.name.to_owned(),
        revision: model.endpoints[0].model_revision.clone(),
        readout: readout.map(Readout::key).unwrap_or_default(),
        template: TEMPLATE.to_owned(),
        image_form: model.image().form(),
    }
}

fn planned<'a>(
    images: &'a [AskedImage],
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
