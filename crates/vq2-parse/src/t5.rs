//! VQ²'s own questions: answer candidates from the prompt, a question for each from T5, and a question-answering model
//! that must give the candidate back.
//!
//! Yarom et al. 2023, whose code is Q²'s (Honovich et al. 2021). A row's query is `is "{answer}" true for "{question}" in
//! this image?`.

mod agreement;
mod answer_span;
mod batches;
mod candidates;
mod decoding;
mod error;
mod folder;
mod question_answering;
mod question_generation;
mod sampling;
#[cfg(test)]
mod testing;
mod text;
mod weights;

use std::collections::HashSet;

use tables::{InputFile, Prompt, Question, QuestionSource};

pub use self::error::T5Error;

use self::batches::of_each_batch;
use self::candidates::{Candidate, candidates};
use self::decoding::Sequence;
use self::folder::{QUESTION_ANSWERING, QUESTION_GENERATION};
use self::question_answering::QuestionAnswering;
use self::question_generation::QuestionGeneration;
use crate::bucket::bucket;
use crate::import::query_of;
use crate::settings::{Decoding, Filter, T5Settings};

/// The files that decide the questions, for the stage's freshness.
pub fn input_files(settings: &T5Settings) -> Vec<InputFile> {
    let answering = settings.filter.question_answering();
    QUESTION_GENERATION
        .input_files(&settings.question_generation)
        .chain(answering.into_iter().flat_map(|answering| QUESTION_ANSWERING.input_files(&answering.folder)))
        .collect()
}

/// Both models, loaded and ready.
pub struct T5Generator {
    settings: T5Settings,
    generation: QuestionGeneration,
    /// Given if and only if the filter asks it.
    answering: Option<QuestionAnswering>,
    counts: T5Counts,
}

/// What became of the candidates so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct T5Counts {
    /// Answer candidates.
    pub candidates: u64,
    /// Candidates whose prompt was too long for the model and lost its end.
    pub candidates_cut: u64,
    /// Questions that T5 wrote.
    pub generated: u64,
    /// Of these, without a word.
    pub blank: u64,
    /// Of these, the same question and answer again.
    pub repeated: u64,
    /// Of these, answered otherwise by the question-answering model, or not at all.
    pub disagreeing: u64,
}

impl T5Counts {
    /// Names and numbers for the run's record.
    pub fn named(&self) -> [(&'static str, u64); 6] {
        [
            ("candidates", self.candidates),
            ("candidates_cut", self.candidates_cut),
            ("questions_generated", self.generated),
            ("questions_blank", self.blank),
            ("questions_repeated", self.repeated),
            ("questions_disagreeing", self.disagreeing),
        ]
    }
}

/// A question that was generated for a candidate.
struct Asked<'p> {
    /// Index of its prompt.
    of: usize,
    candidate: Candidate<'p>,
    question: String,
}

impl T5Generator {
    /// Loads the models.
    ///
    /// # Errors
    /// [`T5Error`] names the device, file, setting or tensor that is missing or does not fit.
    pub fn open(settings: &T5Settings) -> Result<Self, T5Error> {
        let device = torch_device::resolve(settings.device)?;
        let generation = QuestionGeneration::load(&settings.question_generation, device)?;
        let answering = settings
            .filter
            .question_answering()
            .map(|answering| QuestionAnswering::load(answering, settings.batch_size, device))
            .transpose()?;
        Ok(Self { settings: settings.clone(), generation, answering, counts: T5Counts::default() })
    }

    /// The questions of prompts, in their order; a prompt without a candidate, or whose questions the filter drops, has
    /// none.
    ///
    /// The memory grows with the number of prompts by their texts alone; the networks see `batch_size` sequences at once (on a CPU, on
    /// each core).
    ///
    /// # Errors
    /// [`T5Error::Torch`] if LibTorch fails, [`T5Error::NotFinite`] for damaged weights.
    pub fn questions(&mut self, prompts: &[Prompt]) -> Result<Vec<Vec<Question>>, T5Error> {
        let candidates: Vec<(usize, Candidate<'_>)> = prompts
            .iter()
            .enumerate()
            .flat_map(|(of, prompt)| {
                candidates(&prompt.prompt, &self.settings.candidates).into_iter().map(move |candidate| (of, candidate))
            })
            .collect();
        let generated = self.generate(prompts, &candidates)?;
        let asked = self.distinct(candidates, &generated);
        let kept = self.agreeing(prompts, asked)?;
        let mut questions: Vec<Vec<Question>> = vec![Vec::new(); prompts.len()];
        for asked in kept {
            let of_prompt = &mut questions[asked.of];
            of_prompt.push(row(&prompts[asked.of].prompt_id, of_prompt.len() + 1, asked));
        }
        Ok(questions)
    }

    /// What became of the candidates of all calls.
    pub fn counts(&self) -> T5Counts {
        self.counts
    }

    /// Sequences of each candidate, in the candidates' order.
    fn generate(
        &mut self,
        prompts: &[Prompt],
        candidates: &[(usize, Candidate<'_>)],
    ) -> Result<Vec<Vec<Sequence>>, T5Error> {
        let settings = &self.settings;
        let input = |(of, candidate): &(usize, Candidate<'_>)| {
            self.generation.text().input(candidate.text, &prompts[*of].prompt, settings.max_input_tokens)
        };
        let inputs: Vec<(Vec<i64>, bool)> = candidates.iter().map(input).collect();
        self.counts.candidates += inputs.len() as u64;
        self.counts.candidates_cut += inputs.iter().filter(|(_, is_cut)| *is_cut).count() as u64;
        // Equal lengths together: little padding.
        let mut order: Vec<usize> = (0..inputs.len()).collect();
        order.sort_by_key(|&at| inputs[at].0.len());
        let batches: Vec<&[usize]> = order.chunks((settings.batch_size / rows_of(&settings.decoding)).max(1)).collect();
        let made = of_each_batch(self.generation.device(), &batches, |batch| {
            let tokens: Vec<Vec<i64>> = batch.iter().map(|&at| inputs[at].0.clone()).collect();
            let random = |in_batch: usize, i: usize| {
                let (of, candidate) = &candidates[batch[in_batch]];
                random_of(&settings.decoding, &prompts[*of].prompt, candidate, i)
            };
            self.generation.generate(&tokens, &settings.decoding, settings.max_new_tokens, random)
        })?;
        let mut sequences: Vec<Vec<Sequence>> = vec![Vec::new(); inputs.len()];
        for (&at, of_input) in order.iter().zip(made.into_iter().flatten()) {
            sequences[at] = of_input;
        }
        Ok(sequences)
    }

    /// The questions in the sequences, without blank and repeated ones.
    fn distinct<'p>(&mut self, candidates: Vec<(usize, Candidate<'p>)>, sequences: &[Vec<Sequence>]) -> Vec<Asked<'p>> {
        let mut seen = HashSet::new();
        let mut asked = Vec::new();
        for ((of, candidate), sequences) in candidates.into_iter().zip(sequences) {
            for sequence in sequences {
                self.counts.generated += 1;
                let question = self.generation.text().question(&sequence.tokens);
                if !question.chars().any(char::is_alphanumeric) {
                    self.counts.blank += 1;
                } else if !seen.insert((of, candidate.text.to_lowercase(), question.to_lowercase())) {
                    self.counts.repeated += 1;
                } else {
                    asked.push(Asked { of, candidate: candidate.clone(), question });
                }
            }
        }
        asked
    }

    /// The questions that the question-answering model answers from the prompt as it should.
    fn agreeing<'p>(&mut self, prompts: &[Prompt], asked: Vec<Asked<'p>>) -> Result<Vec<Asked<'p>>, T5Error> {
        let Some(answering) = &self.answering else { return Ok(asked) };
        let questions: Vec<(&str, &str)> =
            asked.iter().map(|asked| (asked.question.as_str(), prompts[asked.of].prompt.as_str())).collect();
        let answers = answering.answers(&questions)?;
        let n_asked = asked.len();
        let agrees = |asked: &Asked<'_>, answer: &str| match self.settings.filter {
            Filter::None {} => true,
            Filter::TokenF1 { threshold, .. } => agreement::token_f1(asked.candidate.text, answer) > threshold,
            Filter::Q2Equality { .. } => agreement::equal(asked.candidate.text, answer),
        };
        let kept: Vec<Asked<'p>> = asked
            .into_iter()
            .zip(answers)
            .filter(|(asked, answer)| {
                let text = answer.as_ref().and_then(|answer| prompts[asked.of].prompt.get(answer.start..answer.end));
                agrees(asked, text.unwrap_or_default())
            })
            .map(|(asked, _)| asked)
            .collect();
        self.counts.disagreeing += (n_asked - kept.len()) as u64;
        Ok(kept)
    }
}

/// Sequences that an input becomes inside the network.
fn rows_of(decoding: &Decoding) -> usize {
    match *decoding {
        Decoding::Greedy { .. } => 1,
        Decoding::Beams { num_beams, .. } => num_beams,
        Decoding::Sample { n, .. } => n,
    }
}

/// Where the random numbers of a candidate's `i`-th question start: they depend on nothing else in the batch.
fn random_of(decoding: &Decoding, prompt: &str, candidate: &Candidate<'_>, i: usize) -> [u8; 32] {
    let seed = if let Decoding::Sample { seed, .. } = decoding { *seed } else { 0 };
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes()).update(&(i as u64).to_le_bytes()).update(&(prompt.len() as u64).to_le_bytes());
    hasher.update(prompt.as_bytes()).update(candidate.text.as_bytes());
    *hasher.finalize().as_bytes()
}

fn row(prompt_id: &str, number: usize, asked: Asked<'_>) -> Question {
    let Asked { candidate, question, .. } = asked;
    Question {
        prompt_id: prompt_id.to_owned(),
        question_id: format!("t5-{number}"),
        answer: candidate.text.to_owned(),
        query: query_of(&question, candidate.text),
        bucket: bucket(&question, Some(candidate.text)).bucket,
        question,
        span_start: i64::try_from(candidate.start).ok(),
        span_end: i64::try_from(candidate.end).ok(),
        source: QuestionSource::T5,
        depends_on: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
