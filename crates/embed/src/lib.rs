//! Stub while measuring.
mod efficientnet;
mod error;
mod minilm;
mod preprocess;
mod resize;
#[cfg(test)]
mod testing;
