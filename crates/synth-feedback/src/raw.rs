//! What an answer was read from, as the store keeps it: JSON that is read back to the same completion.

use crate::completion::{Completion, TokenLogprob};

/// A completion as JSON: `[[token, logprob], …]`, the sampled token first, null for a masked one; of sampled answers
/// `[text, …]`, null where one declined. `None` if it says nothing to keep.
pub fn json(completion: &Completion) -> Option<String> {
    match completion {
        Completion::FirstToken(tokens) => {
            let pairs: Vec<(&str, Option<f64>)> =
                tokens.iter().map(|entry| (entry.token.as_str(), entry.logprob)).collect();
            serde_json::to_string(&pairs).ok()
        }
        Completion::Texts(texts) => serde_json::to_string(texts).ok(),
        Completion::Refused => None,
    }
}

/// The completion that JSON of [`json`] was; `None` for anything else.
pub fn completion(text: &str) -> Option<Completion> {
    if let Ok(texts) = serde_json::from_str(text) {
        return Some(Completion::Texts(texts));
    }
    let pairs: Vec<(String, Option<f64>)> = serde_json::from_str(text).ok()?;
    Some(Completion::FirstToken(pairs.into_iter().map(|(token, logprob)| TokenLogprob { token, logprob }).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_gives_the_completion_back() {
        let token = |token: &str, logprob| TokenLogprob { token: token.into(), logprob };
        let tokens = vec![token(" Yes", Some(-0.1 - 1e-17)), token("▁\"b\n", None), token("no", Some(-9999.0))];
        let texts = Completion::Texts(vec![None, Some("No".into()), Some(String::new())]);
        for completion_ in [Completion::FirstToken(tokens), texts] {
            assert_eq!(completion(&json(&completion_).unwrap()), Some(completion_));
        }
        assert_eq!(json(&Completion::Refused), None);
        assert!(completion("{}").is_none() && completion("[[1,2]]").is_none());
    }
}
