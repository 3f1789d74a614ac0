//! What a probe found of an endpoint, kept in the data root by URL and model: it is probed once, and read in one way after.

use serde::{Deserialize, Serialize};
use tables::{Storage, StorageError};

use crate::probe::Found;
use crate::readout::{Readout, Source};
use crate::settings::{Endpoint, WantedReadout};

/// The folder under the data root.
const FOLDER: &str = "store/endpoints";

/// What is kept of one endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndpointRecord {
    /// The URL as the pipeline file has it.
    pub base_url: String,
    /// The model.
    pub model: String,
    /// The readout that the pipeline file asks for.
    pub wanted: WantedReadout,
    /// What the server is.
    pub server: String,
    /// What was tried, and what came of it.
    pub steps: Vec<(String, String)>,
    /// How its answers are read.
    pub readout: Readout,
}

/// How the endpoint's answers are read, if that is known without asking it.
///
/// # Errors
/// If what is kept cannot be read.
pub fn known_readout(storage: &Storage, endpoint: &Endpoint) -> Result<Option<Readout>, StorageError> {
    if endpoint.readout == WantedReadout::TopLogprobs {
        return Ok(Some(Readout::top_logprobs()));
    }
    let Some(bytes) = storage.get_bytes(&key(endpoint))? else { return Ok(None) };
    // A record that another version wrote is no record: the probe is asked for again.
    let record: Option<EndpointRecord> = serde_json::from_slice(&bytes).ok();
    let is_of = |record: &EndpointRecord| record.base_url == endpoint.base_url && record.model == endpoint.model;
    Ok(record.filter(is_of).and_then(|record| under(record.readout, endpoint)))
}

/// Keeps what was found, in the place of what was known.
///
/// # Errors
/// A full disk.
pub fn keep(storage: &Storage, endpoint: &Endpoint, found: &Found) -> Result<(), StorageError> {
    let record = EndpointRecord {
        base_url: endpoint.base_url.clone(),
        model: endpoint.model.clone(),
        wanted: endpoint.readout,
        server: found.server.clone(),
        steps: found.steps.clone(),
        readout: found.readout.clone(),
    };
    let json = serde_json::to_vec_pretty(&record);
    storage.put(&key(endpoint), json.unwrap_or_else(|error| unreachable!("strings and numbers serialise: {error}")))
}

/// How answers are sampled is the pipeline file's to say, now as then; if it does not say it, there is nothing to go by.
fn under(readout: Readout, endpoint: &Endpoint) -> Option<Readout> {
    let source = match readout.source {
        Source::Sample { per_request, refuses_temperature, .. } => {
            // What can only be sampled at 1 is probed again for another temperature, and says that it refuses that.
            let sampling = endpoint.sample.filter(|sampling| !refuses_temperature || sampling.temperature == 1.0)?;
            Source::Sample { sampling, per_request: per_request.min(sampling.n), refuses_temperature }
        }
        source => source,
    };
    Some(Readout { source, ..readout })
}

fn key(endpoint: &Endpoint) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in [&endpoint.base_url, &endpoint.model, endpoint.readout.as_str()] {
        hasher.update(part.as_bytes()).update(b"\0");
    }
    format!("{FOLDER}/{}.json", &hasher.finalize().to_hex()[..32])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::Reading;
    use crate::readout::TokenLimit;

    fn storage() -> (tempfile::TempDir, Storage) {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(&folder.path().into()).unwrap();
        (folder, storage)
    }

    fn endpoint(more: &str) -> Endpoint {
        let yaml = format!(
            "{{ base_url: 'http://h/v1', model: m, concurrency: 1, timeout_seconds: 2, max_attempts: 3, {more} }}"
        );
        serde_yaml::from_str(&yaml).unwrap()
    }

    fn found(readout: Readout) -> Found {
        Found {
            url: "http://h/v1/chat/completions".into(),
            server: "vLLM".into(),
            models: vec!["m".into()],
            steps: vec![("top_logprobs 20".into(), "yes".into())],
            readout,
            question: "q".into(),
            reading: Reading::without_probability(tables::AnswerStatus::Refused, None),
        }
    }

    #[test]
    fn what_was_found_is_known_for_that_url_model_and_setting_only() {
        let (_folder, storage) = storage();
        let auto = endpoint("readout: auto");
        assert_eq!(known_readout(&storage, &auto).unwrap(), None);
        let ids = Readout { source: Source::TokenIds { ids: vec![3, 9] }, token_limit: TokenLimit::MaxTokens };
        keep(&storage, &auto, &found(ids.clone())).unwrap();
        assert_eq!(known_readout(&storage, &auto).unwrap(), Some(ids));
        for other in [
            Endpoint { base_url: "http://i/v1".into(), ..auto.clone() },
            Endpoint { model: "n".into(), ..auto.clone() },
            endpoint("readout: token_ids"),
        ] {
            assert_eq!(known_readout(&storage, &other).unwrap(), None, "{other:?}");
        }
        assert_eq!(known_readout(&storage, &endpoint("readout: top_logprobs")).unwrap(), Some(Readout::top_logprobs()));
    }

    #[test]
    fn sampling_is_as_the_pipeline_file_says_now() {
        let (_folder, storage) = storage();
        let ten = endpoint("sample: { n: 10, temperature: 1, seed: 0, max_tokens: 8 }");
        let sampled = |refuses_temperature| {
            let source = Source::Sample { sampling: ten.sample.unwrap(), per_request: 10, refuses_temperature };
            found(Readout { source, token_limit: TokenLimit::MaxTokens })
        };
        keep(&storage, &ten, &sampled(false)).unwrap();
        let four = endpoint("sample: { n: 4, temperature: 0.5, seed: 0, max_tokens: 8 }");
        let known = known_readout(&storage, &four).unwrap().unwrap();
        let source = Source::Sample { sampling: four.sample.unwrap(), per_request: 4, refuses_temperature: false };
        assert_eq!(known.source, source);
        assert_eq!(known_readout(&storage, &endpoint("")).unwrap(), None);
        keep(&storage, &ten, &sampled(true)).unwrap();
        assert!(known_readout(&storage, &ten).unwrap().is_some());
        assert_eq!(known_readout(&storage, &four).unwrap(), None, "it is sampled at 1 or not at all");
    }

    #[test]
    fn a_record_that_cannot_be_understood_is_none() {
        let (_folder, storage) = storage();
        let auto = endpoint("");
        storage.put(&key(&auto), &b"{\"readout\":7}"[..]).unwrap();
        assert_eq!(known_readout(&storage, &auto).unwrap(), None);
    }
}
