//! What this stage needs of an image. All images of a run are in memory at once, so it is little.

use std::sync::Arc;

use tables::Image;

/// An image that questions are asked about.
#[derive(Debug, Clone)]
pub struct AskedImage {
    /// Its key.
    pub image_id: Box<str>,
    /// Its prompt, which the images beside it share.
    pub prompt_id: Arc<str>,
    /// Its pixels, if there are any.
    pub file: Option<PictureFile>,
}

/// The file of an image's pixels, as `ingest` saw it.
#[derive(Debug, Clone)]
pub struct PictureFile {
    /// Where it lies under the image root.
    pub path: Box<str>,
    /// Its size.
    pub n_bytes: u64,
    digest: [u8; 32],
}

impl PictureFile {
    /// SHA-256 of the file, as tables spell it.
    pub fn sha256(&self) -> String {
        hex::encode(self.digest)
    }

    /// The same in a form that is cheap to compare.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    fn of(image: &Image) -> Option<Self> {
        let mut digest = [0; 32];
        hex::decode_to_slice(image.sha256.as_deref()?, &mut digest).ok()?;
        let path = image.path.as_deref()?.into();
        Some(Self { path, n_bytes: image.bytes?.unsigned_abs(), digest })
    }
}

/// What is needed of the images of a table, in its order; call it for one piece of the table after another.
pub fn take(images: &mut Vec<AskedImage>, rows: &[Image]) {
    for image in rows {
        let prompt_id = match images.last() {
            Some(before) if *before.prompt_id == *image.prompt_id => Arc::clone(&before.prompt_id),
            _ => image.prompt_id.as_str().into(),
        };
        let image_id = image.image_id.as_str().into();
        images.push(AskedImage { image_id, prompt_id, file: PictureFile::of(image) });
    }
}
