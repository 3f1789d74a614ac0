//! `synth-feedback`: answers to yes/no questions about images, and the attribute scores that they give.
//!
//! Reads `images`, `questions`, `preferences`; writes `answers` and `attribute_scores`. Three sources, in any mix: a VLM
//! behind an OpenAI-compatible endpoint, answers that someone else collected, people's ratings. Source: §5.1, App. B.5.
//!
//! - What is asked: [`question`], `readout`. How an answer is read: [`completion`], [`reading`], [`vote`]; which way an
//!   endpoint has: [`probe`], `endpoint_record`. What it comes to: [`score`].
//! - Asking: `request`, [`client`], `ask`, [`breaker`], `interrupt`, [`serve`], `api_key`. Never asking twice: [`store`], [`journal`].

mod api_key;
mod ask;
pub mod breaker;
pub mod client;
pub mod completion;
mod endpoint_record;
mod error;
pub mod import;
mod interrupt;
pub mod journal;
pub mod probe;
pub mod question;
pub mod reading;
pub mod readout;
mod request;
pub mod score;
pub mod serve;
mod session;
mod settings;
mod stage;
pub mod store;
#[cfg(test)]
mod test_server;
pub mod vote;

pub use api_key::ApiKey;
pub use endpoint_record::{keep as keep_endpoint_record, known_readout};
pub use error::SynthFeedbackError;
pub use probe::{Found, models_of, probe_endpoint};
pub use settings::{Endpoint, Import, MissingAnswer, Quality, Sampling, Settings, VqaScore, WantedReadout};
pub use stage::SynthFeedback;
