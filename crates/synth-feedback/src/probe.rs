//! One real question to the endpoint, for `finegrain doctor`: does it answer, and with log-probabilities?

use std::time::Duration;

use crate::ask_model::patience;
use crate::client::Client;
use crate::completion::Completion;
use crate::error::SynthFeedbackError;
use crate::readout::read;
use crate::request::{ImageRequest, TOP_LOGPROBS};
use crate::retry::Patience;
use crate::serve::Server;
use crate::settings::Endpoint;

/// What is asked.
const QUESTION: &str = "is the image bright";

/// Asks the endpoint one question about a picture and says in one line what came back.
///
/// # Errors
/// [`SynthFeedbackError`] with the URL, if it cannot be asked, does not answer, or its answer has no log-probabilities.
pub fn probe(endpoint: &Endpoint, picture: &[u8]) -> Result<String, SynthFeedbackError> {
    let key = endpoint.api_key()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(SynthFeedbackError::Runtime)?;
    // Kept until the question is answered.
    let (base_url, _server) = runtime.block_on(Server::start_for(endpoint, key.as_ref()))?;
    let once = Patience { max_attempts: 1, ..patience(endpoint, Duration::ZERO) };
    let client = Client::new(&base_url, key, once)?;
    let Some(request) = ImageRequest::new(&endpoint.model, picture) else {
        return Ok(format!("{} was not asked: the first picture is of an unknown kind", client.url()));
    };
    let reply = runtime.block_on(client.ask(request.body(QUESTION, TOP_LOGPROBS)));
    let cannot = |reason: String| SynthFeedbackError::Probe { url: client.url().to_owned(), reason };
    let completion = reply.outcome.map_err(|error| cannot(error.to_string()))?;
    let readout = read(&completion).map_err(cannot)?;
    let listed = match &completion {
        Completion::FirstToken(tokens) => format!("{} log-probabilities of the first token", tokens.len()),
        Completion::Refused | Completion::NoLogprobs => "a refusal".to_owned(),
    };
    let p_yes = readout.p_yes.map_or("no yes or no among them".to_owned(), |p| format!("p_yes {p:.3}"));
    Ok(format!("{}: `{QUESTION}` gives {listed}; {p_yes}", client.url()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::free_port;
    use crate::test_server::{Deed, TestServer, vlm};

    const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\n picture";

    fn probed(base_url: &str, more: &str) -> Result<String, String> {
        let yaml = format!(
            "{{ base_url: '{base_url}', model: m, concurrency: 1, timeout_seconds: 2, max_attempts: 3{more} }}"
        );
        probe(&serde_yaml::from_str(&yaml).unwrap(), PICTURE).map_err(|error| error.to_string())
    }

    #[test]
    fn an_endpoint_that_answers_is_quoted() {
        let found = probed(&TestServer::start(|seen, _| vlm(seen)).base_url(), "").unwrap();
        assert!(found.contains("log-probabilities of the first token") && found.contains("p_yes 0."), "{found}");
    }

    #[test]
    fn an_endpoint_that_cannot_be_used_is_an_error_with_its_url() {
        let nobody = format!("http://127.0.0.1:{}/v1", free_port().unwrap());
        let error = probed(&nobody, "").unwrap_err();
        assert!(error.contains(&nobody) && error.contains("no connection"), "{error}");
        let denying = TestServer::start(|_, _| Deed::status(401, "", "{\"error\":\"who are you\"}"));
        let error = probed(&denying.base_url(), "").unwrap_err();
        assert!(error.contains(&denying.base_url()) && error.contains("401"), "{error}");
        let body = "{\"choices\":[{\"message\":{\"content\":\"Yes\"},\"logprobs\":null}]}";
        let mute = TestServer::start(move |_, _| Deed::ok(body));
        let error = probed(&mute.base_url(), "").unwrap_err();
        assert!(error.contains(&mute.base_url()) && error.contains("log-probabilities"), "{error}");
    }

    #[test]
    fn a_server_that_is_never_healthy_has_as_long_as_the_settings_say() {
        let start = std::time::Instant::now();
        let more = ", serve: [sleep, '60'], serve_timeout_seconds: 0.2";
        let error = probed("http://127.0.0.1:{port}/v1", more).unwrap_err();
        assert!(error.contains("was not healthy after 0.2 s"), "{error}");
        assert!(start.elapsed() < Duration::from_secs(10));
    }
}
