//! The image encoder at work: files in, vectors out.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tables::{Image, ImageError, ImageFiles, Progress};
use tch::Device;

use crate::cores::on_every_core;
use crate::efficientnet::{EfficientNetLite0, SCALING};
use crate::error::EmbedError;
use crate::preprocess::{STEPS, centre_square};
use crate::settings::{ImageEncoderSettings, OnBadImage, local};
use crate::store::Store;

/// The image encoder that the settings name, before its weights are loaded.
pub struct ImageEncoder {
    /// Its kind, as in the settings.
    pub kind: &'static str,
    /// What is done to the pixels.
    pub preprocessing: String,
    /// Its weights.
    pub weights: PathBuf,
}

impl ImageEncoder {
    /// The encoder of the settings.
    ///
    /// # Errors
    /// [`EmbedError::Setting`] if its weights are not on this machine.
    pub fn new(settings: &ImageEncoderSettings) -> Result<Self, EmbedError> {
        let ImageEncoderSettings::EfficientnetLite0 { weights } = settings;
        Ok(Self {
            kind: "efficientnet_lite0",
            preprocessing: format!("{STEPS}, {SCALING}"),
            weights: local("image_encoder.weights", weights)?,
        })
    }
}

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

    /// The file's centre square, or why it has none. The file must be the one that `ingest` saw.
    fn square(&self, files: &ImageFiles) -> Result<Vec<u8>, EmbedError> {
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
        centre_square(&file).map_err(|source| EmbedError::Decode {
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
    /// The encoder's weights.
    pub weights: &'a Path,
    /// The device.
    pub device: Device,
    /// Images in one call, on CUDA.
    pub batch_size: usize,
    /// What to do about an image without a square.
    pub on_bad_image: OnBadImage,
}

/// Makes the vectors of images and puts them into the store; what cannot be decoded has none, if the plan allows that.
///
/// # Errors
/// [`EmbedError`]: what the encoder, the store or (unless bad images are skipped) a file fails with. Vectors that
/// were made before are kept.
pub fn embed_images(
    images: &[ImageFile],
    plan: &Plan,
    store: &mut Store,
    progress: &Progress,
) -> Result<(), EmbedError> {
    let network = EfficientNetLite0::load(plan.weights, plan.device)?;
    let done = match plan.device {
        Device::Cpu => one_on_each_core(images, plan, &network, store, progress),
        _ => in_batches(images, plan, &network, store, progress),
    };
    store.flush()?;
    done
}

/// Each core reads a file and runs the network on it.
///
/// # Errors
/// As [`embed_images`].
pub fn one_on_each_core(
    images: &[ImageFile],
    plan: &Plan,
    network: &EfficientNetLite0,
    store: &mut Store,
    progress: &Progress,
) -> Result<(), EmbedError> {
    on_every_core(
        images,
        |image| {
            let Some(square) = square_or_skip(image, plan)? else { return Ok(None) };
            let features = network.features(&[&square]).map_err(|source| failed(plan.device, source))?;
            Ok(features.into_iter().next().map(|vector| (image.sha256, vector)))
        },
        |made| {
            progress.add(1);
            made.map_or(Ok(()), |(sha256, vector)| Ok(store.add(sha256, vector)?))
        },
    )
}

/// The cores read files, the device takes batches of one size: cuDNN chooses its kernels by the shape.
///
/// # Errors
/// As [`embed_images`].
pub fn in_batches(
    images: &[ImageFile],
    plan: &Plan,
    network: &EfficientNetLite0,
    store: &mut Store,
    progress: &Progress,
) -> Result<(), EmbedError> {
    let mut batch: Vec<(&str, Vec<u8>)> = Vec::with_capacity(plan.batch_size);
    let mut run = |batch: &mut Vec<(&str, Vec<u8>)>| -> Result<(), EmbedError> {
        let Some((_, last)) = batch.last() else { return Ok(()) };
        let filled = batch.iter().map(|(_, square)| square.as_slice());
        let squares: Vec<&[u8]> = filled.chain(std::iter::repeat(last.as_slice())).take(plan.batch_size).collect();
        let features = network.features(&squares).map_err(|source| failed(plan.device, source))?;
        batch.iter().zip(features).try_for_each(|((sha256, _), vector)| store.add(sha256, vector))?;
        batch.clear();
        Ok(())
    };
    on_every_core(
        images,
        |image| Ok(square_or_skip(image, plan)?.map(|square| (image.sha256, square))),
        |read| {
            progress.add(1);
            batch.extend(read);
            if batch.len() == plan.batch_size { run(&mut batch) } else { Ok(()) }
        },
    )?;
    run(&mut batch)
}

fn square_or_skip(image: &ImageFile, plan: &Plan) -> Result<Option<Vec<u8>>, EmbedError> {
    match image.square(plan.files) {
        Ok(square) => Ok(Some(square)),
        Err(error) if plan.on_bad_image == OnBadImage::Skip && is_of_the_image(&error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            tracing::warn!(image_id = image.image.image_id, path = image.path, cause, "image has no embedding");
            Ok(None)
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
