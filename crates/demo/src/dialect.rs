//! The servers that the simulated VLM can pass for: what each accepts, refuses and says in its own words.
//!
//! Shapes of vLLM and OpenAI as documented; llama-server's as a real one (build 86a2835) answered.

use serde_json::{Value, json};

use crate::error::DemoError;
use crate::first_token::{DECODED, PLAIN, SPACED, Vocabulary};

/// A kind of server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dialect {
    /// OpenAI's own.
    #[default]
    OpenAi,
    /// vLLM.
    Vllm,
    /// llama.cpp's llama-server.
    LlamaServer,
}

/// A request that is not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// HTTP status.
    pub status: u16,
    /// For people.
    pub message: String,
    /// The field at fault.
    pub param: Option<&'static str>,
    /// For programs.
    pub code: Option<&'static str>,
    /// How many tokens the request has, where that is too many.
    pub n_prompt_tokens: Option<usize>,
}

impl Rejection {
    /// Status 400.
    pub fn bad(message: impl Into<String>, param: Option<&'static str>, code: Option<&'static str>) -> Self {
        Self { status: 400, message: message.into(), param, code, n_prompt_tokens: None }
    }

    /// Another status.
    pub fn with_status(status: u16, message: impl Into<String>) -> Self {
        Self { status, ..Self::bad(message, None, None) }
    }
}

/// The most alternatives of a token that OpenAI and vLLM give.
const MOST_TOP_LOGPROBS: i64 = 20;
/// How many tokens of a request llama-server has room for.
pub const N_CTX: usize = 2_048;
/// How many answers to one request llama-server can work on at once.
const N_SLOTS: i64 = 4;

impl Dialect {
    /// Every dialect.
    pub const ALL: [Self; 3] = [Self::OpenAi, Self::Vllm, Self::LlamaServer];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Vllm => "vllm",
            Self::LlamaServer => "llama-server",
        }
    }

    /// The tokens of its model.
    pub fn vocabulary(self) -> &'static Vocabulary {
        match self {
            Self::OpenAi => &PLAIN,
            Self::Vllm => &DECODED,
            Self::LlamaServer => &SPACED,
        }
    }

    /// Who it says owns the model.
    pub fn owner(self) -> &'static str {
        match self {
            Self::OpenAi => "finegrain (simulated)",
            Self::Vllm => "vllm",
            Self::LlamaServer => "llamacpp",
        }
    }

    /// Its `Server` header.
    pub fn server_header(self) -> Option<&'static str> {
        match self {
            Self::OpenAi => None,
            Self::Vllm => Some("uvicorn"),
            Self::LlamaServer => Some("llama.cpp"),
        }
    }

    /// Whether it cares which model a request names.
    pub fn checks_model(self) -> bool {
        self != Self::LlamaServer
    }

    /// How many alternatives a request gets.
    ///
    /// # Errors
    /// A [`Rejection`] if it asks for more than there are, or for alternatives without log-probabilities.
    pub fn alternatives(self, logprobs: bool, top_logprobs: Option<i64>) -> Result<usize, Rejection> {
        const PARAM: Option<&str> = Some("top_logprobs");
        let wanted = top_logprobs.unwrap_or(if self == Self::LlamaServer { MOST_TOP_LOGPROBS } else { 0 });
        let most = if self == Self::LlamaServer { i64::MAX } else { MOST_TOP_LOGPROBS };
        if !(0..=most).contains(&wanted) {
            let message = match self {
                Self::Vllm if wanted > most => {
                    format!("Requested sample logprobs of {wanted}, which is greater than max allowed: {most}")
                }
                _ => format!("`top_logprobs` is {wanted}; it must be from 0 to {most}"),
            };
            return Err(Rejection::bad(message, PARAM, Some("invalid_value")));
        }
        if top_logprobs.is_some_and(|n| n > 0) && !logprobs {
            let message = match self {
                Self::OpenAi => "`top_logprobs` needs `logprobs: true`",
                Self::Vllm => "when using `top_logprobs`, `logprobs` must be set to true.",
                Self::LlamaServer => "top_logprobs requires logprobs to be set to true",
            };
            return Err(Rejection::bad(message, PARAM, None));
        }
        Ok(wanted as usize)
    }

    /// How many answers a request gets.
    ///
    /// # Errors
    /// A [`Rejection`] if it asks for more than the server works on at once.
    pub fn choices(self, n: Option<i64>) -> Result<usize, Rejection> {
        let n = n.unwrap_or(1);
        let most = if self == Self::LlamaServer { N_SLOTS } else { 128 };
        if !(1..=most).contains(&n) {
            let message = format!("Field 'n': Value must be between 1 <= value <= {most}, but got {n}");
            return Err(Rejection::bad(message, Some("n"), None));
        }
        Ok(n as usize)
    }

    /// The body of a request that is not answered.
    pub fn error_body(self, rejection: &Rejection) -> Value {
        let Rejection { status, message, param, code, n_prompt_tokens } = rejection;
        match self {
            // A string where others have an object.
            Self::Vllm if *status == 401 => json!({ "error": "Unauthorized" }),
            Self::OpenAi => {
                let kind = match status {
                    429 => "rate_limit_error",
                    500.. => "server_error",
                    _ => "invalid_request_error",
                };
                json!({ "error": { "message": message, "type": kind, "param": param, "code": code } })
            }
            Self::Vllm => {
                let kind = match status {
                    404 => "NotFoundError",
                    429 => "TooManyRequestsError",
                    500.. => "InternalServerError",
                    _ => "BadRequestError",
                };
                json!({ "error": { "message": message, "type": kind, "param": param, "code": status } })
            }
            Self::LlamaServer => {
                let kind = match status {
                    401 => "authentication_error",
                    404 => "not_found_error",
                    503 => "unavailable_error",
                    500.. => "server_error",
                    _ if n_prompt_tokens.is_some() => "exceed_context_size_error",
                    _ => "invalid_request_error",
                };
                let mut error = json!({ "code": status, "message": message, "type": kind });
                if let Some(n) = n_prompt_tokens {
                    (error["n_prompt_tokens"], error["n_ctx"]) = ((*n).into(), N_CTX.into());
                }
                json!({ "error": error })
            }
        }
    }
}

impl std::str::FromStr for Dialect {
    type Err = DemoError;

    fn from_str(text: &str) -> Result<Self, DemoError> {
        let unknown = || DemoError::Dialect { text: text.to_owned(), known: Self::ALL.map(Self::name).join(", ") };
        Self::ALL.into_iter().find(|dialect| dialect.name() == text).ok_or_else(unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_dialect_has_its_own_bounds() {
        for dialect in [Dialect::OpenAi, Dialect::Vllm] {
            assert_eq!(dialect.alternatives(true, Some(20)), Ok(20));
            assert_eq!(dialect.alternatives(true, Some(21)).unwrap_err().status, 400);
            assert_eq!(dialect.alternatives(true, None), Ok(0));
            assert_eq!(dialect.choices(Some(128)), Ok(128));
        }
        let llama = Dialect::LlamaServer;
        assert_eq!((llama.alternatives(true, Some(500)), llama.alternatives(true, None)), (Ok(500), Ok(20)));
        assert!(llama.choices(Some(5)).unwrap_err().message.contains("1 <= value <= 4, but got 5"));
        for dialect in Dialect::ALL {
            assert!(dialect.alternatives(false, Some(20)).is_err() && dialect.alternatives(true, Some(-1)).is_err());
            assert!(dialect.choices(Some(0)).is_err());
            assert_eq!(dialect.name().parse::<Dialect>().unwrap(), dialect);
        }
        let error = "tgi".parse::<Dialect>().unwrap_err().to_string();
        assert!(error.contains("`tgi`") && error.contains("openai, vllm, llama-server"), "{error}");
    }

    #[test]
    fn each_dialect_says_no_in_its_own_words() {
        let unauthorized = Rejection::with_status(401, "wrong key");
        assert_eq!(Dialect::Vllm.error_body(&unauthorized), json!({ "error": "Unauthorized" }));
        assert_eq!(Dialect::OpenAi.error_body(&unauthorized)["error"]["message"], "wrong key");
        assert_eq!(Dialect::LlamaServer.error_body(&unauthorized)["error"]["code"], 401);
        let too_long = Rejection { n_prompt_tokens: Some(3_028), ..Rejection::bad("too long", None, None) };
        let expected = json!({ "error": { "code": 400, "message": "too long", "type": "exceed_context_size_error",
            "n_prompt_tokens": 3_028, "n_ctx": 2_048 } });
        assert_eq!(Dialect::LlamaServer.error_body(&too_long), expected);
    }
}
