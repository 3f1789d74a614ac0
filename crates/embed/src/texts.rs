//! The text encoder at work: prompts in, vectors out.

use sha2::{Digest, Sha256};
use tables::Progress;
use tch::Device;

use crate::clip::ClipTokenizer;
use crate::cores::on_every_core;
use crate::encoder::TextEncoder;
use crate::error::{AnyError, EmbedError};
use crate::store::Store;

/// What a prompt's vector is kept under.
pub fn content_of(prompt: &str) -> String {
    hex::encode(Sha256::digest(prompt))
}

/// Makes the vectors of prompts (each with what it is kept under) and puts them into the store.
///
/// # Errors
/// [`EmbedError`]: what the encoder or the store fails with. Vectors that were made before are kept.
pub fn embed_texts(
    prompts: &[(&String, &str)],
    encoder: &TextEncoder,
    device: Device,
    batch_size: usize,
    store: &mut Store,
    progress: &Progress,
) -> Result<(), EmbedError> {
    let network = encoder.load(device)?;
    let failed = |source: AnyError| EmbedError::Encode { encoder: "text", device: torch_device::name(device), source };
    let done = match device {
        Device::Cpu => on_every_core(
            prompts,
            0,
            |(content, prompt)| Ok((content, network.embed(&[prompt], None).map_err(failed)?)),
            |(content, vectors)| {
                progress.add(1);
                vectors.into_iter().try_for_each(|vector| store.add(content, vector))
            },
        ),
        // Batches of one shape, so that a vector does not depend on what else is new in this run.
        _ => prompts.chunks(batch_size).try_for_each(|batch| {
            let texts: Vec<&str> = batch.iter().map(|(_, prompt)| *prompt).collect();
            let vectors = network.embed(&texts, Some(batch_size)).map_err(failed)?;
            progress.add(batch.len());
            batch.iter().zip(vectors).try_for_each(|((content, _), vector)| store.add(content, vector))
        }),
    };
    store.flush()?;
    done
}

/// How many prompts the encoder cuts, if it can say; each is named in the log.
///
/// # Errors
/// [`EmbedError::NoWeights`], [`EmbedError::Weights`].
pub fn count_cut<'a>(prompts: impl Iterator<Item = &'a str>, encoder: &TextEncoder) -> Result<Option<u64>, EmbedError> {
    let Some(max_tokens) = encoder.max_tokens()? else { return Ok(None) };
    let tokenizer = ClipTokenizer::new();
    let mut n_cut = 0;
    for prompt in prompts.filter(|prompt| tokenizer.tokens(prompt, max_tokens).is_cut) {
        n_cut += 1;
        tracing::debug!(prompt, max_tokens, "prompt is cut");
    }
    if n_cut > 0 {
        tracing::warn!(
            n_cut,
            max_tokens,
            "prompts are longer than the text encoder reads; their ends are not embedded"
        );
    }
    Ok(Some(n_cut))
}
