//! One real question to the endpoint, for `finegrain doctor`: does it answer, and with log-probabilities?

use std::time::Duration;

use crate::api_key::ApiKey;
use crate::client::{Client, Patience};
use crate::completion::Completion;
use crate::error::SynthFeedbackError;
use crate::readout::read;
use crate::request::ImageRequest;
use crate::serve::{Server, free_port};
use crate::settings::{Endpoint, PORT};

/// How long a server that is started for the question may take.
const SERVE_TIMEOUT: Duration = Duration::from_secs(60);
/// What is asked.
const QUESTION: &str = "is the image bright";

/// Asks the endpoint one question about a picture and says in one line what came back.
///
/// # Errors
/// [`SynthFeedbackError`] with the URL, if it cannot be asked or does not answer.
pub fn probe(endpoint: &Endpoint, picture: &[u8]) -> Result<String, SynthFeedbackError> {
    let key = endpoint.api_key_env.as_deref().map(ApiKey::from_environment).transpose()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(SynthFeedbackError::Runtime)?;
    let mut server = None;
    let mut base_url = endpoint.base_url.clone();
    if let Some(command) = &endpoint.serve {
        let port = free_port().map_err(SynthFeedbackError::Runtime)?;
        base_url = base_url.replace(PORT, &port.to_string());
        let server = server.insert(Server::start(command, port)?);
        runtime.block_on(server.wait_until_healthy(&base_url, key.as_ref(), SERVE_TIMEOUT))?;
    }
    let patience = Patience {
        timeout: Duration::from_secs_f64(endpoint.timeout_seconds),
        max_attempts: 1,
        first_backoff: Duration::ZERO,
    };
    let client = Client::new(&base_url, key, patience)?;
    let Some(request) = ImageRequest::new(&endpoint.model, picture) else {
        return Ok(format!("{} was not asked: the first picture is of an unknown kind", client.url()));
    };
    let reply = runtime.block_on(client.ask(request.body(QUESTION)));
    let listed = |completion: &Completion| match completion {
        Completion::FirstToken(tokens) => format!("{} log-probabilities of the first token", tokens.len()),
        Completion::Refused => "a refusal".to_owned(),
        Completion::NoLogprobs => "no log-probabilities: this model cannot be read".to_owned(),
    };
    Ok(match reply.outcome {
        Err(error) => format!("{} does not answer: {error}", client.url()),
        Ok(completion) => {
            let p_yes = read(&completion).ok().and_then(|readout| readout.p_yes);
            let p_yes = p_yes.map_or("no yes or no among them".to_owned(), |p| format!("p_yes {p:.3}"));
            format!("{}: `{QUESTION}` gives {}; {p_yes}", client.url(), listed(&completion))
        }
    })
}
