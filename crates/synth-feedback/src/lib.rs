//! `synth-feedback`: answers to yes/no questions about images, and the attribute scores that they give.
//!
//! Reads `images`, `questions`, `preferences`; writes `answers` and `attribute_scores`. Three sources, in any mix: a VLM
//! behind an OpenAI-compatible endpoint, answers that someone else collected, people's ratings. Source: §5.1, App. B.5.
//!
//! - What is asked: `asked_image`, [`question`], [`plan`]. How an answer is read: [`readout`], [`completion`], [`reading`], [`vote`]; which
//!   ways an endpoint has: [`probe`], `endpoint_record`, `readout_of`. What it comes to: [`score`].
//! - One request: `request`, `image_form`, [`client`], `call_error`, `api_key`. Many: `ask_model`, `ask`, `pictures`, `tally`.
//! - Flow control: `lane`, `adaptive`, `budget`, `retry`, [`breaker`], `interrupt`. A server of our own: [`serve`].
//! - Never asking twice: [`store`], [`raw`]. What it costs: [`estimate`], [`spending`]. The tables: `output`.

mod adaptive;
mod api_key;
mod ask;
mod ask_model;
mod asked_image;
pub mod breaker;
mod budget;
mod call_error;
pub mod client;
pub mod completion;
mod concurrency;
pub mod date;
mod dependencies;
mod endpoint_record;
mod error;
pub mod estimate;
mod image_form;
pub mod import;
mod interrupt;
mod lane;
mod output;
mod pictures;
pub mod plan;
pub mod probe;
pub mod question;
pub mod raw;
pub mod reading;
pub mod readout;
mod readout_of;
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
pub mod vote;

pub use api_key::ApiKey;
pub use call_error::CallError;
pub use concurrency::Concurrency;
pub use endpoint_record::{keep as keep_endpoint_record, known_readout};
pub use error::SynthFeedbackError;
pub use image_form::ImageLimits;
pub use probe::{Found, models_of, probe_endpoint};
pub use settings::{Endpoint, Import, MissingAnswer, Model, Quality, Sampling, Settings, VqaScore, WantedReadout};
pub use stage::SynthFeedback;
