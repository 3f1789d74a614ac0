//! Token by token: greedy, beam search, sampling.
//!
//! The network stands behind [`NextLogits`]; what is here is arithmetic on logits. It follows `transformers` 4.46
//! (`GenerationMixin`, `BeamSearchScorer`) and not rust-bert's own loop, which ignores temperatures below 1, divides a
//! beam's score by a length that counts the start token and not the end token, draws from LibTorch's global generator
//! (so that a draw depends on what else is in the batch), and panics on settings and LibTorch errors.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::error::T5Error;
use super::sampling::{choices, draw, likeliest};
use crate::settings::Decoding;

/// Logits of the next token, one row a sequence.
pub struct Logits {
    /// Row after row.
    pub flat: Vec<f32>,
    /// Length of a row.
    pub n_tokens: usize,
}

impl Logits {
    fn row(&self, i: usize) -> &[f32] {
        &self.flat[i * self.n_tokens..(i + 1) * self.n_tokens]
    }
}

/// A network that continues several sequences at once.
pub trait NextLogits {
    /// Row `i` becomes what row `parents[i]` was, followed by `tokens[i]`; gives what may follow each row. At first row
    /// `i` is input `i`, with nothing generated. All logits must be finite.
    ///
    /// # Errors
    /// Whatever the network fails with.
    fn advance(&mut self, parents: &[usize], tokens: &[i64]) -> Result<Logits, T5Error>;
}

/// What decoding must know about the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// The token that every sequence starts with.
    pub start: i64,
    /// The token that ends a sequence.
    pub end: i64,
    /// The most tokens that are generated, the end included.
    pub max_new_tokens: usize,
}

/// One generated sequence.
#[derive(Debug, Clone, PartialEq)]
pub struct Sequence {
    /// Without the start token; with the end token, unless it was cut off.
    pub tokens: Vec<i64>,
    /// Beam search: log-probability over length to the power of the penalty. Else `None`.
    pub score: Option<f64>,
}

/// Generates from each input, in the order of the inputs: one sequence greedily, `keep` by beams, the best first, `n`
/// by sampling. `random_of` gives the random numbers of an input's sequence.
///
/// # Errors
/// Those of the network.
pub fn generate(
    network: &mut impl NextLogits,
    n_inputs: usize,
    decoding: &Decoding,
    ends: Ends,
    random_of: impl Fn(usize, usize) -> [u8; 32],
) -> Result<Vec<Vec<Sequence>>, T5Error> {
    match *decoding {
        Decoding::Greedy { no_repeat_ngram_size } => singly(network, n_inputs, 1, ends, |row, logits| {
            for token in repeats(&row.tokens, no_repeat_ngram_size) {
                logits[token] = f32::NEG_INFINITY;
            }
            likeliest(logits)
        }),
        Decoding::Sample { top_k, top_p, temperature, n, .. } => {
            let mut random: Vec<ChaCha8Rng> = (0..n_inputs)
                .flat_map(|input| (0..n).map(move |i| (input, i)))
                .map(|(input, i)| ChaCha8Rng::from_seed(random_of(input, i)))
                .collect();
            singly(network, n_inputs, n, ends, |row, logits| {
                draw(&choices(logits, temperature, top_k, top_p), random[row.index].random())
            })
        }
        Decoding::Beams { num_beams, keep, length_penalty, early_stopping, no_repeat_ngram_size } => {
            let how = BeamSettings { num_beams, keep, length_penalty, early_stopping, no_repeat_ngram_size };
            beams(network, n_inputs, how, ends)
        }
    }
}

/// A sequence that grows alone.
struct Row {
    index: usize,
    /// With the start token.
    tokens: Vec<i64>,
}

/// `n` sequences an input, each growing by the token that `choose` picks.
fn singly(
    network: &mut impl NextLogits,
    n_inputs: usize,
    n: usize,
    ends: Ends,
    mut choose: impl FnMut(&Row, &mut [f32]) -> Option<usize>,
) -> Result<Vec<Vec<Sequence>>, T5Error> {
    let mut done: Vec<Vec<i64>> = vec![Vec::new(); n_inputs * n];
    let mut rows: Vec<Row> = (0..n_inputs * n).map(|index| Row { index, tokens: vec![ends.start] }).collect();
    let mut parents: Vec<usize> = rows.iter().map(|row| row.index / n).collect();
    for _ in 0..ends.max_new_tokens {
        if rows.is_empty() {
            break;
        }
        let latest: Vec<i64> = rows.iter().filter_map(|row| row.tokens.last().copied()).collect();
        let mut logits = network.advance(&parents, &latest)?;
        let n_tokens = logits.n_tokens;
        let mut growing = Vec::with_capacity(rows.len());
        parents.clear();
        for (at, (mut row, logits)) in rows.into_iter().zip(logits.flat.chunks_exact_mut(n_tokens)).enumerate() {
            let token = choose(&row, logits).map_or(ends.end, |token| token as i64);
            row.tokens.push(token);
            if token == ends.end {
                done[row.index] = row.tokens.split_off(1);
            } else {
                growing.push(row);
                parents.push(at);
            }
        }
        rows = growing;
    }
    for mut row in rows {
        done[row.index] = row.tokens.split_off(1);
    }
    let sequences: Vec<Sequence> = done.into_iter().map(|tokens| Sequence { tokens, score: None }).collect();
    Ok(sequences.chunks(n).map(<[Sequence]>::to_vec).collect())
}

/// The tokens that would complete a run of `n` tokens that is there already; none if `n` is 0.
fn repeats(tokens: &[i64], n: usize) -> Vec<usize> {
    if n == 0 || tokens.len() + 1 < n {
        return Vec::new();
    }
    let prefix = &tokens[tokens.len() + 1 - n..];
    let completes = |run: &&[i64]| &run[..n - 1] == prefix;
    tokens.windows(n).filter(completes).filter_map(|run| usize::try_from(run[n - 1]).ok()).collect()
}

#[derive(Debug, Clone, Copy)]
struct BeamSettings {
    num_beams: usize,
    keep: usize,
    length_penalty: f64,
    early_stopping: bool,
    no_repeat_ngram_size: usize,
}

/// The search for one input.
struct Search {
    how: BeamSettings,
    /// Unfinished sequences with the start token, and their log-probabilities, the best first.
    beams: Vec<(Vec<i64>, f64)>,
    /// At most `num_beams` finished ones, in the order in which they were found.
    finished: Vec<Sequence>,
    done: bool,
}

impl Search {
    /// Adds a sequence (without start token), and drops the worst if there are too many.
    fn finish(&mut self, tokens: Vec<i64>, log_probability: f64) {
        let score = log_probability / (tokens.len() as f64).powf(self.how.length_penalty);
        if self.finished.len() < self.how.num_beams || score > self.worst() {
            self.finished.push(Sequence { tokens, score: Some(score) });
        }
        if self.finished.len() > self.how.num_beams {
            let worst = self.worst();
            if let Some(at) = self.finished.iter().position(|sequence| sequence.score == Some(worst)) {
                self.finished.remove(at);
            }
        }
    }

    fn worst(&self) -> f64 {
        self.finished.iter().filter_map(|sequence| sequence.score).fold(f64::INFINITY, f64::min)
    }

    /// One step: `rows` are the logits of the beams. Gives, for the next beams, which beam each continues.
    fn step(&mut self, rows: &[&[f32]], ends: Ends) -> Vec<usize> {
        let n_best = 2 * self.how.num_beams;
        let mut best = Best::new(n_best);
        for (beam, ((tokens, score), logits)) in self.beams.iter().zip(rows).enumerate() {
            let banned = repeats(tokens, self.how.no_repeat_ngram_size);
            let normaliser = log_sum_exp(logits);
            for (token, &logit) in logits.iter().enumerate() {
                let total = score + f64::from(logit) - normaliser;
                if best.admits(total) && !banned.contains(&token) {
                    best.add(Continuation { beam, token: token as i64, score: total });
                }
            }
        }
        let best = best.sorted();
        let length = self.beams.first().map_or(0, |(tokens, _)| tokens.len());
        let mut next = Vec::with_capacity(self.how.num_beams);
        let mut parents = Vec::with_capacity(self.how.num_beams);
        for (rank, continuation) in best.iter().enumerate() {
            let mut tokens = self.beams[continuation.beam].0.clone();
            tokens.push(continuation.token);
            if continuation.token == ends.end {
                // An end that is not among the first `num_beams` is dropped.
                if rank < self.how.num_beams {
                    self.finish(tokens.split_off(1), continuation.score);
                }
            } else {
                next.push((tokens, continuation.score));
                parents.push(continuation.beam);
            }
            if next.len() == self.how.num_beams {
                break;
            }
        }
        self.beams = next;
        let best_score = best.first().map_or(f64::NEG_INFINITY, |continuation| continuation.score);
        self.done = self.beams.is_empty() || self.is_done(best_score, length);
        parents
    }

    /// Whether no unfinished sequence is to be followed any more; `length` counts the tokens after the start token.
    fn is_done(&self, best_score: f64, length: usize) -> bool {
        self.finished.len() >= self.how.num_beams
            && (self.how.early_stopping || self.worst() >= best_score / (length as f64).powf(self.how.length_penalty))
    }

    /// The `keep` best, the unfinished ones among them if the search was cut off.
    fn result(mut self) -> Vec<Sequence> {
        if !self.done {
            for (mut tokens, score) in std::mem::take(&mut self.beams) {
                self.finish(tokens.split_off(1), score);
            }
        }
        // Of equal scores the later one first, as `transformers` pops from the end of a sorted list.
        self.finished.reverse();
        self.finished.sort_by(|a, b| b.score.partial_cmp(&a.score).unwrap_or(std::cmp::Ordering::Equal));
        self.finished.truncate(self.how.keep);
        self.finished
    }
}

fn beams(
    network: &mut impl NextLogits,
    n_inputs: usize,
    how: BeamSettings,
    ends: Ends,
) -> Result<Vec<Vec<Sequence>>, T5Error> {
    // One beam an input at first: several equal ones would only find the same continuations.
    let search = || Search { how, beams: vec![(vec![ends.start], 0.0)], finished: Vec::new(), done: false };
    let mut searches: Vec<Search> = (0..n_inputs).map(|_| search()).collect();
    let mut parents: Vec<usize> = (0..n_inputs).collect();
    for _ in 0..ends.max_new_tokens {
        if parents.is_empty() {
            break;
        }
        let open = searches.iter().filter(|search| !search.done);
        let latest: Vec<i64> =
            open.flat_map(|search| &search.beams).filter_map(|(tokens, _)| tokens.last().copied()).collect();
        let logits = network.advance(&parents, &latest)?;
        parents.clear();
        let mut at = 0;
        for search in searches.iter_mut().filter(|search| !search.done) {
            let n_beams = search.beams.len();
            let rows: Vec<&[f32]> = (at..at + n_beams).map(|row| logits.row(row)).collect();
            let continued = search.step(&rows, ends);
            if !search.done {
                parents.extend(continued.iter().map(|beam| at + beam));
            }
            at += n_beams;
        }
    }
    Ok(searches.into_iter().map(Search::result).collect())
}

#[derive(Debug, Clone, Copy)]
struct Continuation {
    beam: usize,
    token: i64,
    score: f64,
}

/// The best continuations seen so far.
struct Best {
    n: usize,
    found: Vec<Continuation>,
    /// The least score that is worth adding.
    threshold: f64,
}

impl Best {
    fn new(n: usize) -> Self {
        Self { n, found: Vec::with_capacity(4 * n), threshold: f64::NEG_INFINITY }
    }

    fn admits(&self, score: f64) -> bool {
        score > self.threshold
    }

    fn add(&mut self, continuation: Continuation) {
        self.found.push(continuation);
        if self.found.len() == self.found.capacity() {
            self.cut();
            self.threshold = self.found.last().map_or(f64::NEG_INFINITY, |worst| worst.score);
        }
    }

    fn cut(&mut self) {
        // Stable: of equal scores the first beam's lowest token stays in front.
        self.found.sort_by(|a, b| b.score.total_cmp(&a.score));
        self.found.truncate(self.n);
    }

    fn sorted(mut self) -> Vec<Continuation> {
        self.cut();
        self.found
    }
}

fn log_sum_exp(logits: &[f32]) -> f64 {
    let greatest = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    greatest + logits.iter().map(|&logit| (f64::from(logit) - greatest).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests;
