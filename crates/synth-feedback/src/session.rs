//! An endpoint that is up for as long as a run asks it: its key, its threads, its server if the run starts one.

use std::time::Duration;

use tables::Storage;
use tokio::runtime::Runtime;

use crate::api_key::ApiKey;
use crate::client::{Client, Patience};
use crate::endpoint_record::{keep, known_readout};
use crate::error::SynthFeedbackError;
use crate::interrupt::Interrupt;
use crate::probe::probe;
use crate::readout::Readout;
use crate::serve::Server;
use crate::settings::Endpoint;

/// An endpoint that is up.
pub struct Session<'a> {
    endpoint: &'a Endpoint,
    first_backoff: Duration,
    base_url: String,
    key: Option<ApiKey>,
    server: Option<Server>,
    /// Ctrl-C.
    pub interrupt: Interrupt,
    /// The threads that wait for the network.
    pub runtime: Runtime,
}

impl<'a> Session<'a> {
    /// Starts the endpoint's server, if it wants one.
    ///
    /// # Errors
    /// [`SynthFeedbackError::Interrupted`], or why it cannot be started.
    pub fn start(endpoint: &'a Endpoint, first_backoff: Duration) -> Result<Self, SynthFeedbackError> {
        let key = endpoint.api_key_env.as_deref().map(ApiKey::from_environment).transpose()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("vlm")
            .enable_all()
            .build()
            .map_err(SynthFeedbackError::Runtime)?;
        let interrupt = Interrupt::listen().map_err(SynthFeedbackError::Runtime)?;
        let (base_url, server) = runtime.block_on(async {
            tokio::select! {
                started = Server::start_for(endpoint, key.as_ref()) => started,
                () = interrupt.interrupted() => Err(SynthFeedbackError::Interrupted),
            }
        })?;
        Ok(Self { endpoint, first_backoff, base_url, key, server, interrupt, runtime })
    }

    /// How the endpoint's answers can be read: a probe of it, which is kept.
    ///
    /// # Errors
    /// As [`probe`], or a full disk.
    pub fn probed(&self, storage: &Storage, instruction: Option<&str>) -> Result<Readout, SynthFeedbackError> {
        let found = self.runtime.block_on(async {
            tokio::select! {
                found = probe(self.endpoint, &self.base_url, self.key.clone(), instruction, self.first_backoff) => found,
                () = self.interrupt.interrupted() => Err(SynthFeedbackError::Interrupted),
            }
        })?;
        tracing::info!(
            server = found.server,
            readout = found.readout.key(),
            answer = found.answer(),
            "endpoint probed"
        );
        keep(storage, self.endpoint, &found).map_err(tables::TableError::from)?;
        Ok(found.readout)
    }

    /// A client of the endpoint.
    ///
    /// # Errors
    /// [`SynthFeedbackError::HttpClient`].
    pub fn client(&self) -> Result<Client, SynthFeedbackError> {
        let patience = Patience {
            timeout: Duration::from_secs_f64(self.endpoint.timeout_seconds),
            max_attempts: self.endpoint.max_attempts,
            first_backoff: self.first_backoff,
        };
        Client::new(&self.base_url, self.key.clone(), patience)
    }

    /// A failure to reach the endpoint, or why its server has ended, if that is the cause.
    pub fn cause_of(&mut self, error: SynthFeedbackError) -> SynthFeedbackError {
        if !matches!(error, SynthFeedbackError::Down { .. }) {
            return error;
        }
        let key = self.key.as_ref();
        let ended = self.server.as_mut().and_then(|server| server.failed_if_ended("ended while it was asked", key));
        ended.unwrap_or(error)
    }
}

/// The readout of an endpoint: the known one, or else that of a session which is started to probe it.
///
/// # Errors
/// As [`Session::start`] and [`Session::probed`].
pub fn readout_of<'a>(
    storage: &Storage,
    endpoint: &'a Endpoint,
    instruction: Option<&str>,
    first_backoff: Duration,
) -> Result<(Readout, Option<Session<'a>>), SynthFeedbackError> {
    if let Some(known) = known_readout(storage, endpoint).map_err(tables::TableError::from)? {
        return Ok((known, None));
    }
    let mut session = Session::start(endpoint, first_backoff)?;
    let readout = session.probed(storage, instruction).map_err(|error| session.cause_of(error))?;
    Ok((readout, Some(session)))
}
