//! Asks an endpoint everything that is not known yet, many questions at a time, and keeps every answer at once.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt, stream};
use sha2::{Digest, Sha256};
use tables::{AnswerStatus, ImageError, ImageFiles, Progress};

use crate::breaker::Breaker;
use crate::client::{CallError, Client, Reply};
use crate::completion::Completion;
use crate::error::SynthFeedbackError;
use crate::interrupt::Interrupt;
use crate::question::PictureQueries;
use crate::reading::Reading;
use crate::readout::{Readout, join};
use crate::request::ImageRequest;
use crate::store::{Keeper, KnownAnswers, StoredAnswer};

/// How the questions are asked.
pub struct Asking<'a> {
    /// The endpoint.
    pub client: &'a Client,
    /// Its model.
    pub model: &'a str,
    /// How its answers are read.
    pub readout: &'a Readout,
    /// How many questions are under way at once.
    pub concurrency: usize,
    /// The pictures' files.
    pub images: &'a ImageFiles,
    /// Told of every question that is done.
    pub progress: &'a Progress,
    /// Keeps every answer.
    pub keeper: &'a Keeper,
    /// Ctrl-C.
    pub interrupt: &'a Interrupt,
}

/// Pictures that are read ahead of their questions.
const READ_AHEAD: usize = 4;
/// How long questions under way may take after Ctrl-C.
const GRACE: Duration = Duration::from_secs(5);
/// Failures that are logged one by one.
const MOST_LOGGED: usize = 5;

impl Asking<'_> {
    /// Asks all questions, those of one picture together, and adds the answers to `known`. A question that stays
    /// without an answer becomes an `error` there.
    ///
    /// # Errors
    /// What keeps it from asking them all: a picture that is not what it was, an endpoint that is down or denies access,
    /// Ctrl-C. Answers that came before are kept.
    pub async fn ask_all(
        &self,
        pictures: Vec<PictureQueries>,
        mut breaker: Breaker,
        known: &mut KnownAnswers,
    ) -> Result<(), SynthFeedbackError> {
        let n_questions: usize = pictures.iter().map(|picture| picture.queries.len()).sum();
        let tails = self.readout.tails();
        let answers = self
            .questions(pictures)
            .take_until(self.interrupt.interrupted())
            .map(|question| async {
                let question = question?;
                let reply = self.reply(&question, &tails).await;
                Ok::<_, SynthFeedbackError>((question, reply))
            })
            .buffer_unordered(self.concurrency);
        let mut answers = pin!(answers);
        let mut grace_over = pin!(async {
            self.interrupt.interrupted().await;
            tokio::time::sleep(GRACE).await;
        });
        let (mut n_done, mut n_failed) = (0, 0);
        loop {
            let next = tokio::select! {
                next = answers.next() => next,
                () = &mut grace_over => None,
            };
            let Some(answer) = next else { break };
            let (question, reply) = answer?;
            let outcome = self.outcome(&reply);
            let row = self.stored(&question, &reply, &outcome);
            known.insert(&row);
            if !self.keeper.keep(row) {
                // The store failed; its thread has the reason.
                return Ok(());
            }
            n_done += 1;
            self.progress.add(1);
            match &outcome {
                Ok(_) => breaker.answered(),
                Err((reason, call_error)) => {
                    n_failed += 1;
                    self.progress.remark(format!("{n_failed} failed"));
                    if n_failed <= MOST_LOGGED {
                        let image_id = &question.picture.image_id;
                        tracing::warn!(
                            image_id,
                            query = &*question.query,
                            attempts = reply.attempts,
                            reason,
                            "no answer"
                        );
                    }
                    breaker.failed(question.picture.number, call_error)?;
                }
            }
        }
        if n_failed > MOST_LOGGED {
            tracing::warn!(n_failed, "questions without an answer; the next run of this stage asks them again");
        }
        if n_done < n_questions { Err(SynthFeedbackError::Interrupted) } else { breaker.finish() }
    }

    /// The questions one by one, with their pictures read and encoded not much before they are asked.
    fn questions(
        &self,
        pictures: Vec<PictureQueries>,
    ) -> impl Stream<Item = Result<PictureQuestion, SynthFeedbackError>> {
        stream::iter(pictures.into_iter().enumerate())
            .map(|(number, picture)| {
                let (images, model) = (self.images.clone(), self.model.to_owned());
                // Reading and hashing block.
                let loading = tokio::task::spawn_blocking(move || load(number, picture, &images, &model));
                async { loading.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())) }
            })
            .buffered(READ_AHEAD)
            .flat_map(|loaded| {
                let questions = match loaded {
                    Err(error) => vec![Err(error)],
                    Ok((picture, queries)) => {
                        let question = |query| Ok(PictureQuestion { picture: Arc::clone(&picture), query });
                        queries.into_iter().map(question).collect()
                    }
                };
                stream::iter(questions)
            })
    }

    /// The answer to one question: to one request, or to several that sample.
    async fn reply(&self, question: &PictureQuestion, tails: &[String]) -> Reply {
        let mut completions = Vec::with_capacity(tails.len());
        let (mut attempts, mut last_call) = (0, Duration::ZERO);
        for tail in tails {
            let reply = self.client.ask(question.picture.request.body(&question.query, tail)).await;
            attempts += reply.attempts;
            last_call = reply.last_call;
            match reply.outcome {
                Ok(completion) => completions.push(completion),
                Err(error) => return Reply { outcome: Err(error), attempts, last_call },
            }
        }
        Reply { outcome: Ok(join(completions)), attempts, last_call }
    }

    fn outcome(&self, reply: &Reply) -> Outcome {
        match &reply.outcome {
            Err(error) => Err((error.to_string(), error.clone())),
            Ok(completion) => {
                self.readout.read(completion).map_err(|reason| (reason.clone(), CallError::Malformed(reason)))
            }
        }
    }

    fn stored(&self, question: &PictureQuestion, reply: &Reply, outcome: &Outcome) -> StoredAnswer {
        let reading = outcome.as_ref().ok();
        StoredAnswer {
            sha256: question.picture.sha256.clone(),
            query: question.query.as_ref().to_owned(),
            model: self.model.to_owned(),
            readout: self.readout.key(),
            status: reading.map_or(AnswerStatus::Error, |reading| reading.status),
            p_yes: reading.and_then(|reading| reading.p_yes),
            logit_yes: reading.and_then(|reading| reading.logit_yes),
            logit_no: reading.and_then(|reading| reading.logit_no),
            label_mass: reading.and_then(|reading| reading.label_mass),
            reason: outcome.as_ref().err().map(|(reason, _)| reason.clone()),
            top_logprobs: reply.outcome.as_ref().ok().and_then(Completion::raw),
            attempts: i64::from(reply.attempts),
            seconds: reply.last_call.as_secs_f64(),
        }
    }
}

/// One question about one picture.
struct PictureQuestion {
    picture: Arc<LoadedPicture>,
    query: Arc<str>,
}

/// A picture that is ready to be asked about.
struct LoadedPicture {
    number: usize,
    image_id: String,
    sha256: String,
    request: ImageRequest,
}

fn load(
    number: usize,
    picture: PictureQueries,
    images: &ImageFiles,
    model: &str,
) -> Result<(Arc<LoadedPicture>, Vec<Arc<str>>), SynthFeedbackError> {
    let PictureQueries { image_id, path, sha256, n_bytes, queries } = picture;
    let bytes = match images.read(&path, n_bytes) {
        Ok(bytes) => bytes,
        Err(ImageError::TooLarge { .. }) => return Err(SynthFeedbackError::ImageChanged { image_id, path }),
        Err(source) => return Err(SynthFeedbackError::Image { image_id, source }),
    };
    if hex::encode(Sha256::digest(&bytes)) != sha256 {
        return Err(SynthFeedbackError::ImageChanged { image_id, path });
    }
    match ImageRequest::new(model, &bytes) {
        Some(request) => Ok((Arc::new(LoadedPicture { number, image_id, sha256, request }), queries)),
        None => Err(SynthFeedbackError::ImageFormat { image_id, path }),
    }
}

/// What was read, or why nothing was.
type Outcome = Result<Reading, (String, CallError)>;
