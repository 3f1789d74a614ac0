//! How an endpoint is read: as is known of it, or as a probe finds now, its server started for that if it wants to be.

use std::time::Duration;

use tables::{Storage, TableError};

use crate::endpoint_record::{keep, known_readout};
use crate::error::SynthFeedbackError;
use crate::interrupt::Interrupt;
use crate::probe::{Found, probe};
use crate::readout::Readout;
use crate::serve::Server;
use crate::settings::{Endpoint, Model};

/// How the answers of the endpoints of one model are read: as is known of the first, else as the first that is up is found
/// to be. A probe is kept in the data root, so that there is one.
///
/// # Errors
/// As [`probe`]; if a server cannot be started; Ctrl-C; a full disk.
pub fn readout_of(
    storage: &Storage,
    model: &Model<'_>,
    instruction: Option<&str>,
    first_backoff: Duration,
) -> Result<Readout, SynthFeedbackError> {
    let first = model.endpoints[0];
    if let Some(known) = known_readout(storage, first).map_err(TableError::from)? {
        return Ok(known);
    }
    let mut found = probed(first, instruction, first_backoff);
    for endpoint in &model.endpoints[1..] {
        // One that is down is left alone by the run too.
        if matches!(found, Err(SynthFeedbackError::NotThere { .. })) {
            found = probed(endpoint, instruction, first_backoff);
        }
    }
    let found = found?;
    tracing::info!(server = found.server, readout = found.readout.key(), answer = found.answer(), "endpoint probed");
    keep(storage, first, &found).map_err(TableError::from)?;
    Ok(found.readout)
}

fn probed(
    endpoint: &Endpoint,
    instruction: Option<&str>,
    first_backoff: Duration,
) -> Result<Found, SynthFeedbackError> {
    let key = endpoint.api_key()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(SynthFeedbackError::Runtime)?;
    let interrupt = Interrupt::listen().map_err(SynthFeedbackError::Runtime)?;
    runtime.block_on(async {
        let probed = async {
            // Kept until the questions are answered.
            let (base_url, mut server) = Server::start_for(endpoint, key.as_ref()).await?;
            let found = probe(endpoint, &base_url, key.clone(), instruction, first_backoff).await;
            found.map_err(|error| {
                let ended =
                    server.as_mut().and_then(|server| server.failed_if_ended("ended while it was asked", key.as_ref()));
                ended.unwrap_or(error)
            })
        };
        tokio::select! {
            found = probed => found,
            () = interrupt.interrupted() => Err(SynthFeedbackError::Interrupted),
        }
    })
}
