//! Where training starts: initial weights, and the order of the examples in every epoch.

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::engine::{Objective, Problem};
use crate::network::{Linear, Network};
use crate::random::stream;
use crate::settings::Init;

/// The weights that training changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Start {
    /// Embeddings to logits.
    pub network: Network,
    /// [`Objective::Joint`] alone.
    pub aggregator: Option<Linear>,
}

impl Start {
    /// The initial weights of a problem.
    pub fn of(problem: &Problem, init: Init) -> Self {
        let Problem { inputs, hidden, n_heads, seed, .. } = problem;
        let aggregator = || Linear::new("aggregator".to_owned(), *n_heads, 1, init, *seed);
        Self {
            network: Network::new(inputs.n_columns(), hidden, *n_heads, init, *seed),
            aggregator: matches!(problem.objective, Objective::Joint { .. }).then(aggregator),
        }
    }
}

/// The order of a problem's examples, shuffled anew for every epoch: problems of one size and seed share it.
pub struct Shuffles {
    stream: ChaCha8Rng,
    order: Vec<u32>,
}

impl Shuffles {
    /// Of `n` examples.
    pub fn new(n: usize, seed: u32) -> Self {
        Self { stream: stream(seed, "shuffles"), order: (0..n as u32).collect() }
    }

    /// The order in the next epoch.
    pub fn next_epoch(&mut self) -> &[u32] {
        self.order.shuffle(&mut self.stream);
        &self.order
    }
}
