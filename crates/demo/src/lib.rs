//! The embedded default: a small generated world, its raters, and its simulated VLM behind a real HTTP endpoint.
//!
//! Everything here is simulated and says so. [`write_world`] draws prompts, images and ratings from one seed and
//! writes the truth beside them (`truth/`, for tests; no stage reads it); [`serve`] answers questions about those
//! images from that truth, with noise, and misbehaves on demand ([`Faults`]).
//!
//! Reading order: `words` (the closed vocabulary), `prompt`, `generator` (what each generator gets wrong), `layout`,
//! `scene` (what is truly in a picture), `render` with `shapes`, `backdrop` and `pixels`, `taste` (the raters), `world`
//! (the files); then `query`, `claim`, `answer` (what the VLM believes), `first_token`, `dialect`, `chat`, `faults`, `vlm`
//! (how it says it).

mod answer;
mod backdrop;
mod chat;
mod claim;
mod dialect;
mod error;
mod factors;
mod faults;
mod first_token;
mod generator;
mod layout;
mod pixels;
mod prompt;
mod query;
mod render;
mod scene;
mod seeded;
mod shapes;
mod taste;
mod vlm;
mod words;
mod world;

pub use answer::true_p_yes;
pub use dialect::Dialect;
pub use error::DemoError;
pub use factors::{Factor, Factors};
pub use faults::Faults;
pub use first_token::LABEL_MASS;
pub use scene::{AlignmentFacts, DrawnObject, Scene, TrueScene};
pub use vlm::{MODEL, ServeSettings, Server, serve};
pub use words::{Action, Colour, Kind, Relation, Setting};
pub use world::{WorldSettings, WorldSummary, write_world};
