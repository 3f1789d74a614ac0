//! The API key: from the environment only, in one header only.

use std::fmt;

use reqwest::header::HeaderValue;

use crate::error::SynthFeedbackError;

/// A secret. It shows itself in no message and no `Debug` output.
#[derive(Clone)]
pub struct ApiKey {
    secret: String,
    header: HeaderValue,
}

impl ApiKey {
    /// The key in an environment variable.
    ///
    /// # Errors
    /// [`SynthFeedbackError::Setting`], which names the variable but not what is in it.
    pub fn from_environment(variable: &str) -> Result<Self, SynthFeedbackError> {
        let problem = |problem: &str| SynthFeedbackError::Setting {
            key: "endpoint.api_key_env",
            problem: format!("the environment variable `{variable}` {problem}"),
        };
        let secret = std::env::var(variable).map_err(|_| problem("is not set (or is not UTF-8)"))?;
        Self::new(secret.trim()).ok_or_else(|| problem("is empty, or has characters that no header may carry"))
    }

    pub(crate) fn new(secret: &str) -> Option<Self> {
        let mut header = HeaderValue::from_str(&format!("Bearer {secret}")).ok().filter(|_| !secret.is_empty())?;
        header.set_sensitive(true);
        Some(Self { secret: secret.to_owned(), header })
    }

    /// The `Authorization` header, marked as sensitive.
    pub(crate) fn header(&self) -> &HeaderValue {
        &self.header
    }

    /// Takes the key out of a server's text, should it repeat it.
    pub(crate) fn redact_in(&self, text: &mut String) {
        if text.contains(&self.secret) {
            *text = self.redact(text);
        }
    }

    /// A server's text without the key, should it repeat it.
    pub(crate) fn redact(&self, text: &str) -> String {
        text.replace(&self.secret, "[api key]")
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_never_shows() {
        let key = ApiKey::new("sk-123").unwrap();
        let shown = format!("{key:?} {:?} {}", key.header(), key.redact("wrong key sk-123!"));
        assert_eq!(shown, "ApiKey(…) Sensitive wrong key [api key]!");
        assert!(ApiKey::new("").is_none() && ApiKey::new("a\nb").is_none());
        let error = ApiKey::from_environment("FINEGRAIN_NO_SUCH_VARIABLE").unwrap_err().to_string();
        assert!(error.contains("`FINEGRAIN_NO_SUCH_VARIABLE` is not set"), "{error}");
    }
}
