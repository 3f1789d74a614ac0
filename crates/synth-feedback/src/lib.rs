//! `synth-feedback`: answers to yes/no questions about images, and the attribute scores that they give.
//!
//! Reads `images`, `questions`, `preferences`; writes `answers` and `attribute_scores`. Three sources, in any mix: a VLM
//! behind an OpenAI-compatible endpoint, answers that someone else collected, people's ratings. Source: §5.1, App. B.5.
//!
//! - What is asked: [`question`], [`plan`]. How an answer is read: [`completion`], [`readout`]. What it comes to: [`score`].
//! - Asking: `request`, [`client`], `ask`, [`breaker`], `interrupt`, [`serve`], `api_key`. Never asking twice: [`store`], [`raw`].
//! - What it costs: [`estimate`], [`spending`]. The tables: `output`.

mod api_key;
mod ask;
pub mod breaker;
pub mod client;
pub mod completion;
pub mod date;
mod dependencies;
mod error;
pub mod estimate;
pub mod import;
mod interrupt;
mod output;
pub mod plan;
mod probe;
pub mod question;
pub mod raw;
pub mod readout;
mod request;
pub mod score;
pub mod serve;
mod settings;
pub mod spending;
mod stage;
pub mod store;
#[cfg(test)]
mod test_server;

pub use api_key::ApiKey;
pub use error::SynthFeedbackError;
pub use probe::probe;
pub use settings::{Endpoint, Import, MissingAnswer, Quality, Settings};
pub use stage::SynthFeedback;
