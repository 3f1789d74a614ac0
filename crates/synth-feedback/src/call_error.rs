//! Why one request has no answer, and what that says of the endpoint.

use std::time::Duration;

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CallError {
    /// No connection.
    #[error("no connection: {0}")]
    Unreachable(String),
    /// No answer in time.
    #[error("no answer within {} s", .0.as_secs_f64())]
    Timeout(Duration),
    /// The answer began and did not end.
    #[error("the answer began, and was not whole {} s later", .0.as_secs_f64())]
    Stalled(Duration),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// The server is overloaded, starting, or failed.
    #[error("status {status}: {message}")]
    Busy {
        /// 408, 409, 425, 429, or 5xx.
        status: u16,
        /// What the server says.
        message: String,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    /// The answer is none.
    #[error("the answer is not a chat completion: {0}")]
    Malformed(String),
    /// The answer is one, but has not what its probability is read from. That may be so of this question alone.
    #[error("the answer is not a chat completion that can be read: {0}")]
    Unreadable(String),
    /// The server wants us elsewhere.
    #[error("it redirects to {0}, where no question is sent; set `base_url` to that if it is meant")]
    Redirected(String),
    /// The answer is larger than any answer.
    #[error("the answer has more than {most_bytes} bytes")]
    TooLarge {
        /// What an answer may have.
        most_bytes: usize,
    },
    /// The server does not let us in, or there is none at this URL.
    #[error("status {status}: {message}")]
    Denied {
        /// 401, 402, 403 or 404.
        status: u16,
        /// What the server says.
        message: String,
    },
    /// The server refuses this question.
    #[error("status {status}: {message}")]
    Rejected {
        /// Another status.
        status: u16,
        /// What the server says.
        message: String,
    },
}

impl CallError {
    /// Whether the same question may be answered in a moment.
    pub fn is_worth_retrying(&self) -> bool {
        self.is_outage() || matches!(self, Self::Malformed(_))
    }

    /// Whether it says something of the endpoint rather than of the question.
    pub fn is_outage(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Timeout(_) | Self::Stalled(_) | Self::Broken(_) | Self::Busy { .. })
    }

    /// Whether fewer requests at once may help.
    pub fn is_overload(&self) -> bool {
        matches!(self, Self::Timeout(_) | Self::Stalled(_) | Self::Busy { status: 429 | 503 | 529, .. })
    }

    /// How long the server asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}
