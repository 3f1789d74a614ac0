//! tch 0.24 under the version that rust-bert asks for.
pub use tch_real::*;
