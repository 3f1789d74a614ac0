//! What decides the vectors of some settings, besides the pictures and texts: the metadata of the table `embeddings`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tables::{digest_bytes, digest_file};
use tch::{Device, Kind};

use crate::encoder::{ImageEncoder, TextEncoder};
use crate::error::{EmbedError, absent_or_unfit};
use crate::precision::name_of;
use crate::settings::{ImageEncoderSettings, Settings};

/// The metadata that the table `embeddings` would have under these settings: encoders, digests of their weights,
/// preprocessing, precision. Vectors are comparable if it is equal, and no matter where the files lie.
///
/// # Errors
/// [`EmbedError`]: weights that are not there, a device that is not.
pub fn identity(settings: &Settings) -> Result<BTreeMap<String, String>, EmbedError> {
    settings.validate()?;
    let device = torch_device::resolve(settings.device)?;
    let mut metadata = Vec::new();
    let of_images_with = |image_encoder| ImageEncoder::new(image_encoder, settings.exif_orientation);
    if let Some(encoder) = settings.image_encoder.as_ref().map(of_images_with).transpose()? {
        metadata.extend(of_images(&encoder, settings, device)?);
    }
    if let Some(encoder) = settings.text_encoder.as_ref().map(TextEncoder::new).transpose()? {
        metadata.extend(of_texts(&encoder, device)?);
    }
    Ok(metadata.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// The image encoder's part.
pub(crate) fn of_images(
    encoder: &ImageEncoder,
    settings: &Settings,
    device: Device,
) -> Result<Vec<(&'static str, String)>, EmbedError> {
    let mut metadata = vec![
        ("image_encoder", encoder.kind().to_owned()),
        ("image_weights", weights_digest(&encoder.files())?),
        ("preprocessing", encoder.preprocessing(device)?),
    ];
    if let (Some(file), Some(ImageEncoderSettings::Clip(clip))) = (encoder.head_file(), &settings.image_encoder) {
        metadata.push(("image_embedding", clip.image_embedding.into()));
        metadata.push(("laion_head", file_digest(file)?));
    }
    Ok(metadata)
}

/// The text encoder's part.
pub(crate) fn of_texts(encoder: &TextEncoder, device: Device) -> Result<Vec<(&'static str, String)>, EmbedError> {
    let mut metadata =
        vec![("text_encoder", encoder.kind().to_owned()), ("text_weights", weights_digest(&encoder.files())?)];
    if encoder.precision(device) != Kind::Float {
        metadata.push(("text_precision", name_of(encoder.precision(device)).to_owned()));
    }
    Ok(metadata)
}

/// BLAKE3 of an encoder's one file, or of the digests of its files in order.
fn weights_digest(files: &[(String, PathBuf)]) -> Result<String, EmbedError> {
    let digests = files.iter().map(|(_, file)| file_digest(file)).collect::<Result<Vec<_>, _>>()?;
    Ok(match digests.as_slice() {
        [one] => one.clone(),
        several => digest_bytes(several.join("\n").as_bytes()),
    })
}

fn file_digest(path: &Path) -> Result<String, EmbedError> {
    digest_file(path).map_err(absent_or_unfit(path))
}
