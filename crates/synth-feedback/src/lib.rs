//! `synth-feedback`: answers to yes/no questions about images, and the attribute scores that they give.
//!
//! Reads `images`, `questions`, `preferences`; writes `answers` and `attribute_scores`. Three sources, in any mix: a VLM
//! behind an OpenAI-compatible endpoint, answers that someone else collected, people's ratings. Source: §5.1, App. B.5.
//!
//! - What is asked: [`question`], [`plan`]. How an answer is read: [`completion`], [`readout`]. What it comes to: [`score`].
//! - One request: `request`, `image_form`, [`client`], `call_error`, `api_key`. Many: `ask_model`, `ask`, `pictures`, `tally`.
//! - Flow control: `lane`, `adaptive`, `budget`, `retry`, [`breaker`], `interrupt`. A server of our own: [`serve`].
//! - Never asking twice: [`store`], [`raw`]. What it costs: [`estimate`], [`spending`]. The tables: `output`.

mod adaptive;
mod api_key;
mod ask;
mod ask_model;
pub mod breaker;
mod budget;
mod call_error;
pub mod client;
pub mod completion;
mod concurrency;
pub mod date;
mod dependencies;
mod error;
pub mod estimate;
mod image_form;
pub mod import;
mod interrupt;
mod lane;
mod output;
mod pictures;
pub mod plan;
mod probe;
pub mod question;
pub mod raw;
pub mod readout;
mod request;
mod retry;
pub mod score;
pub mod serve;
mod settings;
pub mod spending;
mod stage;
pub mod store;
mod tally;
#[cfg(test)]
mod test_server;

pub use api_key::ApiKey;
pub use call_error::CallError;
pub use concurrency::Concurrency;
pub use error::SynthFeedbackError;
pub use image_form::ImageLimits;
pub use probe::probe;
pub use settings::{Endpoint, Import, MissingAnswer, Model, Quality, Settings};
pub use stage::SynthFeedback;
