//! The image encoder at work: files in, vectors out.

use std::collections::HashMap;

use sha2::{Digest, Sha256};
use tables::{Image, ImageError, ImageFiles, Progress};
use tch::{Device, Tensor};

use crate::cores::on_every_core;
use crate::error::EmbedError;
use crate::network::{ImageNetwork, halved, rows_of};
use crate::preprocess::{Frame, square};
use crate::settings::OnBadImage;
use crate::store::Store;

/// An image that has a file.
pub struct ImageFile<'a> {
    /// Its row.
    pub image: &'a Image,
    /// Its file, relative to the image root.
    pub path: &'a str,
    /// What the file's SHA-256 was when `ingest` read it.
    pub sha256: &'a str,
}

impl<'a> ImageFile<'a> {
    /// The file of an image; `None` for an image without pixels.
    pub fn of(image: &'a Image) -> Option<Self> {
        Some(Self { image, path: image.path.as_deref()?, sha256: image.sha256.as_deref()? })
    }

    /// The file's square, or why it has none. The file must be the one that `ingest` saw.
    fn square(&self, files: &ImageFiles, frame: &Frame) -> Result<Vec<u8>, EmbedError> {
        let image_id = || self.image.image_id.clone();
        let changed = || EmbedError::Changed { image_id: image_id(), path: self.path.to_owned() };
        let max_bytes = self.image.bytes.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(u64::MAX);
        let file = files.read(self.path, max_bytes).map_err(|source| match source {
            ImageError::TooLarge { .. } => changed(),
            source => EmbedError::Read { image_id: image_id(), source: Box::new(source) },
        })?;
        if hex::encode(Sha256::digest(&file)) != self.sha256 {
            return Err(changed());
        }
        square(&file, frame).map_err(|source| EmbedError::Decode {
            image_id: image_id(),
            path: self.path.to_owned(),
            source,
        })
    }
}

/// Where and how the encoder runs.
pub struct Plan<'a> {
    /// The images' files.
    pub files: &'a ImageFiles,
    /// The pixels that the encoder sees.
    pub frame: Frame,
    /// The device.
    pub device: Device,
    /// Images in one call, on CUDA.
    pub batch_size: usize,
    /// What to do about an image without a square.
    pub on_bad_image: OnBadImage,
}

/// Why files have no vector, by their SHA-256.
pub type Causes<'i> = HashMap<&'i str, String>;

/// Makes the vectors of images and puts them into the store; what cannot be decoded has none, if the plan allows that,
/// but a cause.
///
/// # Errors
/// [`EmbedError`]: what the encoder, the store or (unless bad images are skipped) a file fails with. Vectors that
/// were made before are kept.
pub fn embed_images<'i>(
    images: &[ImageFile<'i>],
    plan: &Plan,
    network: &dyn ImageNetwork,
    store: &mut Store,
    progress: &Progress,
) -> Result<Causes<'i>, EmbedError> {
    let done = match plan.device {
        Device::Cpu => one_on_each_core(images, plan, network, store, progress),
        _ => in_batches(images, plan, network, store, progress),
    };
    store.flush()?;
    done
}

/// Each core reads a file and runs the network on it.
///
/// # Errors
/// As [`embed_images`].
pub fn one_on_each_core<'i>(
    images: &[ImageFile<'i>],
    plan: &Plan,
    network: &dyn ImageNetwork,
    store: &mut Store,
    progress: &Progress,
) -> Result<Causes<'i>, EmbedError> {
    let mut causes = Causes::new();
    on_every_core(
        images,
        0,
        |image| {
            let vectors = match square_or_cause(image, plan)? {
                Ok(square) => Ok(network.vectors(&[&square]).map_err(|source| failed(plan.device, source))?),
                Err(cause) => Err(cause),
            };
            Ok((image.sha256, vectors))
        },
        |(sha256, vectors)| {
            progress.add(1);
            match vectors {
                Ok(vectors) => vectors.into_iter().try_for_each(|vector| store.add(sha256, vector)),
                Err(cause) => {
                    causes.insert(sha256, cause);
                    Ok(())
                }
            }
        },
    )?;
    Ok(causes)
}

/// The cores read files, at most a batch ahead; the device takes batches of one size, because cuDNN chooses its kernels
/// by the shape, and computes one while the next is gathered.
///
/// # Errors
/// As [`embed_images`].
pub fn in_batches<'i>(
    images: &[ImageFile<'i>],
    plan: &Plan,
    network: &dyn ImageNetwork,
    store: &mut Store,
    progress: &Progress,
) -> Result<Causes<'i>, EmbedError> {
    let mut causes = Causes::new();
    let mut batches =
        Batches { network, device: plan.device, size: plan.batch_size, waiting: Vec::new(), under_way: None };
    on_every_core(
        images,
        plan.batch_size,
        |image| Ok((image.sha256, square_or_cause(image, plan)?)),
        |(sha256, square)| {
            progress.add(1);
            match square {
                Ok(square) => batches.waiting.push((sha256, square)),
                Err(cause) => drop(causes.insert(sha256, cause)),
            }
            if batches.waiting.len() < plan.batch_size { Ok(()) } else { batches.start(store) }
        },
    )?;
    batches.start(store)?;
    batches.finish(store)?;
    Ok(causes)
}

/// The device's work.
struct Batches<'a> {
    network: &'a dyn ImageNetwork,
    device: Device,
    /// Squares in a batch.
    size: usize,
    /// Squares that are in none yet, each with what its vector is kept under.
    waiting: Vec<(&'a str, Vec<u8>)>,
    under_way: Option<UnderWay<'a>>,
}

/// The batch that the device is at.
struct UnderWay<'a> {
    /// What its vectors are kept under.
    names: Vec<&'a str>,
    /// How many squares it has, the filling included.
    n_squares: usize,
    /// Where its vectors will be.
    vectors: Tensor,
}

impl Batches<'_> {
    /// Starts the device on all that waits, and takes the vectors of what was under way. A batch for which the device's
    /// memory is too small is halved, and so are all later ones.
    fn start(&mut self, store: &mut Store) -> Result<(), EmbedError> {
        while let Some((_, last)) = self.waiting.get(..self.size.min(self.waiting.len())).and_then(<[_]>::last) {
            let squares = self.waiting.iter().map(|(_, square)| square.as_slice());
            // The last batch is filled up.
            let squares = squares.take(self.size).chain(std::iter::repeat(last.as_slice()));
            match self.network.start(&squares.take(self.size).collect::<Vec<_>>()) {
                Ok(vectors) => {
                    let batch = self.waiting.drain(..self.size.min(self.waiting.len()));
                    let names = batch.map(|(sha256, _)| sha256).collect();
                    let started = UnderWay { names, n_squares: self.size, vectors };
                    self.finish(store)?;
                    self.under_way = Some(started);
                }
                Err(error) => match halved(self.size, &error) {
                    Some(half) => self.size = half,
                    None => return Err(failed(self.device, error)),
                },
            }
        }
        Ok(())
    }

    /// Waits for the batch that is under way.
    fn finish(&mut self, store: &mut Store) -> Result<(), EmbedError> {
        let Some(UnderWay { names, n_squares, vectors }) = self.under_way.take() else { return Ok(()) };
        let vectors = rows_of(&vectors, n_squares).map_err(|error| failed(self.device, error))?;
        names.into_iter().zip(vectors).try_for_each(|(sha256, vector)| store.add(sha256, vector))
    }
}

/// The square, or why there is none, if the plan allows that.
fn square_or_cause(image: &ImageFile, plan: &Plan) -> Result<Result<Vec<u8>, String>, EmbedError> {
    match image.square(plan.files, &plan.frame) {
        Ok(square) => Ok(Ok(square)),
        Err(error) if plan.on_bad_image == OnBadImage::Skip && is_of_the_image(&error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            tracing::warn!(image_id = image.image.image_id, path = image.path, cause, "image has no embedding");
            Ok(Err(cause))
        }
        Err(error) => Err(error),
    }
}

/// Whether the image itself is bad; a disk or bucket that fails says nothing about it.
fn is_of_the_image(error: &EmbedError) -> bool {
    match error {
        EmbedError::Decode { .. } => true,
        EmbedError::Read { source, .. } => {
            matches!(**source, ImageError::NotFound { .. } | ImageError::TooLarge { .. } | ImageError::Escapes { .. })
        }
        _ => false,
    }
}

fn failed(device: Device, source: tch::TchError) -> EmbedError {
    EmbedError::Encode { encoder: "image", device: torch_device::name(device), source: source.into() }
}
