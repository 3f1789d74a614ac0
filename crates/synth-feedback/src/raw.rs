//! What an answer was read from, as the store keeps it: JSON that is read back to the same completion.

use crate::completion::{Completion, TokenLogprob};

/// A completion as JSON: `[[token, logprob], …]`, null for a masked token. `None` if it says nothing to keep.
pub fn json(completion: &Completion) -> Option<String> {
    match completion {
        Completion::FirstToken(tokens) => {
            let pairs: Vec<(&str, Option<f64>)> =
                tokens.iter().map(|entry| (entry.token.as_str(), entry.logprob)).collect();
            serde_json::to_string(&pairs).ok()
        }
        Completion::Refused | Completion::NoLogprobs => None,
    }
}

/// The completion that JSON of [`json`] was; `None` for anything else.
pub fn completion(text: &str) -> Option<Completion> {
    let pairs: Vec<(String, Option<f64>)> = serde_json::from_str(text).ok()?;
    Some(Completion::FirstToken(pairs.into_iter().map(|(token, logprob)| TokenLogprob { token, logprob }).collect()))
}
