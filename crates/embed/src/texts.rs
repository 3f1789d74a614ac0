//! The text encoder at work: prompts in, vectors out.

use sha2::{Digest, Sha256};
use tables::Progress;
use tch::Device;

use crate::clip::ClipTokenizer;
use crate::cores::on_every_core;
use crate::encoder::TextEncoder;
use crate::error::{AnyError, EmbedError};
use crate::network::halved;
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
        _ => in_batches(
            prompts,
            batch_size,
            |texts, size| network.embed(texts, Some(size)),
            failed,
            |content, vector| {
                progress.add(1);
                store.add(content, vector)
            },
        ),
    };
    store.flush()?;
    done
}

/// Batches of one shape, so that a vector does not depend on what else is new in this run. A batch for which the device's
/// memory is too small is halved, and so are all later ones.
fn in_batches(
    mut prompts: &[(&String, &str)],
    mut size: usize,
    embed: impl Fn(&[&str], usize) -> Result<Vec<Vec<f32>>, AnyError>,
    failed: impl Fn(AnyError) -> EmbedError,
    mut take: impl FnMut(&str, Vec<f32>) -> Result<(), EmbedError>,
) -> Result<(), EmbedError> {
    while !prompts.is_empty() {
        let (batch, later) = prompts.split_at(size.min(prompts.len()));
        let texts: Vec<&str> = batch.iter().map(|(_, prompt)| *prompt).collect();
        match embed(&texts, size) {
            Ok(vectors) => {
                batch.iter().zip(vectors).try_for_each(|((content, _), vector)| take(content, vector))?;
                prompts = later;
            }
            Err(error) => size = halved(size, &error).ok_or_else(|| failed(error))?,
        }
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The sizes of the batches in which seven prompts go through a device with room for `most` of them.
    fn batches(most: usize) -> Result<Vec<usize>, String> {
        let prompts: Vec<String> = (0..7).map(|at| format!("prompt {at}")).collect();
        let named: Vec<(&String, &str)> = prompts.iter().map(|prompt| (prompt, prompt.as_str())).collect();
        let (sizes, mut taken) = (std::cell::RefCell::new(Vec::new()), Vec::new());
        let embed = |texts: &[&str], size: usize| {
            if size > most {
                return Err(AnyError::from("CUDA out of memory. Tried to allocate 2.00 GiB"));
            }
            sizes.borrow_mut().push(size);
            Ok(texts.iter().map(|text| vec![f32::from(text.as_bytes()[7])]).collect())
        };
        let failed = |source| EmbedError::Encode { encoder: "text", device: "cuda:0".to_owned(), source };
        in_batches(&named, 4, embed, failed, |content, vector| {
            taken.push((content.to_owned(), vector));
            Ok(())
        })
        .map_err(|error| error.to_string())?;
        let expected = prompts.iter().map(|prompt| (prompt.clone(), vec![f32::from(prompt.as_bytes()[7])]));
        assert_eq!(taken, expected.collect::<Vec<_>>());
        Ok(sizes.into_inner())
    }

    #[test]
    fn a_batch_that_does_not_fit_the_memory_is_halved_and_so_are_later_ones() {
        assert_eq!(batches(4), Ok(vec![4, 4]));
        assert_eq!(batches(2), Ok(vec![2, 2, 2, 2]));
        assert_eq!(batches(1), Ok(vec![1; 7]));
        assert!(batches(0).unwrap_err().contains("embed.batch_size"));
    }
}
