//! One model's questions, from its settings to its answers: servers started, clients made, a runtime to wait in.

use std::time::Duration;

use tables::StageRun;

use crate::adaptive::Adaptive;
use crate::api_key::ApiKey;
use crate::ask::Asking;
use crate::breaker::Breaker;
use crate::budget::Budget;
use crate::client::Client;
use crate::error::SynthFeedbackError;
use crate::estimate::{self, Effort};
use crate::interrupt::Interrupt;
use crate::lane::Lane;
use crate::pictures::Pictures;
use crate::plan::Plan;
use crate::readout::Readout;
use crate::retry::Patience;
use crate::serve::Server;
use crate::settings::{Endpoint, Model};
use crate::spending::{Spending, Spent};
use crate::store::{AnswerStore, Keeper, KnownAnswers};

/// Failures in a row that end a run are counted in rounds of so many where the number at once is found by trying.
const ROUND: usize = 16;

/// How long one of several endpoints is left alone at first when it only fails: a second.
const PAUSE_IN_BACKOFFS: u32 = 4;

/// Asks a model's endpoints the open questions of a plan; the answers are added to `known`, and kept as they come. Gives
/// what was spent, and how many rows of the store were left out because they break its contract.
///
/// # Errors
/// What keeps it from asking them all. Answers that came before are kept.
pub fn ask_model(
    model: &Model<'_>,
    readout: &Readout,
    plan: &Plan<'_>,
    run: &StageRun,
    first_backoff: Duration,
    store: &AnswerStore,
    known: &mut KnownAnswers,
) -> Result<(Spent, usize), SynthFeedbackError> {
    let keys = model.endpoints.iter().map(|endpoint| endpoint.api_key()).collect::<Result<Vec<_>, _>>()?;
    // One thread waits for the network: what it does for a request costs less than handing it to another.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .thread_name("vlm")
        .enable_all()
        .build()
        .map_err(SynthFeedbackError::Runtime)?;
    let interrupt = Interrupt::listen().map_err(SynthFeedbackError::Runtime)?;
    let mut servers = runtime.block_on(async {
        tokio::select! {
            started = start_all(&model.endpoints, &keys) => started,
            () = interrupt.interrupted() => Err(SynthFeedbackError::Interrupted),
        }
    })?;
    let (mut clients, mut lanes) = (Vec::new(), Vec::new());
    for ((endpoint, key), (base_url, _)) in model.endpoints.iter().zip(&keys).zip(&servers) {
        clients.push(Client::new(base_url, key.clone(), patience(endpoint, first_backoff))?);
        lanes.push(Lane::new(
            endpoint.weight.unwrap_or(1.0),
            Adaptive::new(endpoint.concurrency.min, endpoint.concurrency.max),
            Budget::new(endpoint.requests_per_minute, endpoint.tokens_per_minute),
            PAUSE_IN_BACKOFFS * first_backoff,
        ));
    }
    for client in clients.iter().filter(|client| client.shows_its_key()) {
        tracing::warn!(url = client.url(), "the API key is sent without TLS: https keeps it from others on the way");
    }
    let urls: Vec<&str> = clients.iter().map(Client::url).collect();
    let round = model.endpoints.iter().map(|endpoint| match endpoint.concurrency {
        fixed if fixed.min == fixed.max => fixed.max,
        found => ROUND.clamp(found.min, found.max),
    });
    let breaker = Breaker::new(&urls.join(", "), round.sum(), known.has_answers());
    let keeper = Keeper::start(store)?;
    let manner = known.manner().clone();
    let sent = Pictures::new(run.images(), model.name, model.image());
    let effort = Effort::of(Some(readout));
    let expected = estimate::expected(model.endpoints[0], known.measured(), plan.size(), effort);
    let spending = Spending::new(model.prices(), model.limits(), expected.of_request(effort));
    let asking = Asking {
        clients: &clients,
        manner: &manner,
        readout,
        tails: &readout.tails(),
        pictures: &sent,
        progress: &run.progress(plan.size().n_open, "questions"),
        spending: &spending,
        keeper: &keeper,
        interrupt: &interrupt,
    };
    let asked = runtime.block_on(asking.ask_all(plan, lanes, breaker, known));
    // Whatever happened, what was answered is kept; if that failed, it is the cause of all else.
    let n_left_out = keeper.finish()?;
    let spent = spending.spent();
    if let (Err(_), Some(cost)) = (&asked, spending.shown_cost()) {
        tracing::info!(requests = spent.n_requests, cost, "spent");
    }
    if sent.n_smaller() > 0 {
        tracing::info!(n_pictures = sent.n_smaller(), form = model.image().form(), "pictures made smaller to be sent");
    }
    match asked {
        Err(error @ SynthFeedbackError::Down { .. }) => {
            let ended = servers.iter_mut().zip(&keys).find_map(|((_, server), key)| {
                server.as_mut()?.failed_if_ended("ended while it was asked", key.as_ref())
            });
            Err(ended.unwrap_or(error))
        }
        other => other.map(|()| (spent, n_left_out)),
    }
}

async fn start_all(
    endpoints: &[&Endpoint],
    keys: &[Option<ApiKey>],
) -> Result<Vec<(String, Option<Server>)>, SynthFeedbackError> {
    let mut started = Vec::new();
    for (endpoint, key) in endpoints.iter().zip(keys) {
        started.push(Server::start_for(endpoint, key.as_ref()).await?);
    }
    Ok(started)
}

/// How patient an endpoint's settings are.
pub(crate) fn patience(endpoint: &Endpoint, first_backoff: Duration) -> Patience {
    let total = endpoint.deadline_seconds.unwrap_or(TIMEOUTS_A_QUESTION * endpoint.timeout_seconds);
    Patience {
        timeout: Duration::from_secs_f64(endpoint.timeout_seconds),
        total: Duration::from_secs_f64(total),
        whole_answer: WHOLE_ANSWER,
        max_attempts: endpoint.max_attempts,
        first_backoff,
    }
}

/// How long an answer may take from its first byte to its last: it is computed by then, and small.
const WHOLE_ANSWER: Duration = Duration::from_secs(20);
/// How many timeouts a question may take with all its attempts and waits, unless the pipeline file says otherwise.
const TIMEOUTS_A_QUESTION: f64 = 10.0;
