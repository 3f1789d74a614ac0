//! Pictures on their way to a question: read, checked, made smaller if that is asked for, and encoded, each once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::{Stream, StreamExt, stream};
use sha2::{Digest, Sha256};
use tables::{ImageError, ImageFiles};

use crate::error::SynthFeedbackError;
use crate::image_form::ImageLimits;
use crate::plan::PictureQueries;
use crate::request::ImageRequest;

/// Pictures that are read ahead of their questions: enough to hide a disk or a bucket, few enough to hold.
const READ_AHEAD: usize = 8;

/// A picture that is ready to be asked about.
pub struct Picture {
    /// Its place among all.
    pub number: usize,
    /// The first image that shows it.
    pub image_id: String,
    /// SHA-256 of its file.
    pub sha256: String,
    /// The body of every question about it.
    pub request: ImageRequest,
}

/// What is to be asked about a picture.
pub type Load = (Arc<Picture>, Vec<Arc<str>>);

/// How pictures are read and sent.
#[derive(Clone)]
pub struct Pictures {
    /// Their files.
    pub files: ImageFiles,
    /// The model that sees them.
    pub model: Arc<str>,
    /// How large they may be.
    pub limits: ImageLimits,
    n_smaller: Arc<AtomicUsize>,
}

impl Pictures {
    /// Pictures for a model.
    pub fn new(files: &ImageFiles, model: &str, limits: ImageLimits) -> Self {
        Self { files: files.clone(), model: model.into(), limits, n_smaller: Arc::default() }
    }

    /// How many were made smaller so far.
    pub fn n_smaller(&self) -> usize {
        self.n_smaller.load(Ordering::Relaxed)
    }

    /// Loads them in order, not much before they are wanted.
    pub fn load_all(
        &self,
        pictures: impl Iterator<Item = PictureQueries>,
    ) -> impl Stream<Item = Result<Load, SynthFeedbackError>> {
        let this = self.clone();
        stream::iter(pictures.enumerate())
            .map(move |(number, picture)| {
                let this = this.clone();
                // Reading, hashing and scaling block.
                let loading = tokio::task::spawn_blocking(move || this.load(number, picture));
                async { loading.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())) }
            })
            .buffered(READ_AHEAD)
    }

    fn load(&self, number: usize, picture: PictureQueries) -> Result<Load, SynthFeedbackError> {
        let PictureQueries { image_id, path, sha256, n_bytes, queries } = picture;
        let mut file = match self.files.read(&path, n_bytes) {
            Ok(file) => file,
            Err(ImageError::TooLarge { .. }) => return Err(SynthFeedbackError::ImageChanged { image_id, path }),
            Err(source) => return Err(SynthFeedbackError::Image { image_id, source }),
        };
        if hex::encode(Sha256::digest(&file)) != sha256 {
            return Err(SynthFeedbackError::ImageChanged { image_id, path });
        }
        match self.limits.fit(&file) {
            Ok(None) => {}
            Ok(Some(smaller)) => {
                self.n_smaller.fetch_add(1, Ordering::Relaxed);
                tracing::debug!(image_id, from_bytes = file.len(), to_bytes = smaller.len(), "picture made smaller");
                file = smaller;
            }
            Err(problem) => return Err(SynthFeedbackError::ImageTooLarge { image_id, path, problem }),
        }
        match ImageRequest::new(&self.model, &file) {
            Some(request) => Ok((Arc::new(Picture { number, image_id, sha256, request }), queries)),
            None => Err(SynthFeedbackError::ImageFormat { image_id, path }),
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;
    use image::{DynamicImage, ImageFormat, RgbImage};

    use super::*;

    fn loaded(pictures: &Pictures, queries: Vec<PictureQueries>) -> Vec<Result<Load, SynthFeedbackError>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(pictures.load_all(queries.into_iter()).collect())
    }

    #[test]
    fn pictures_come_in_order_and_those_beyond_the_limits_are_made_smaller_and_counted() {
        let folder = tempfile::tempdir().unwrap();
        let queries = |at: u32| {
            let side = if at.is_multiple_of(3) { 200 } else { 40 };
            let path = format!("{at}.png");
            DynamicImage::from(RgbImage::from_pixel(side, side, image::Rgb([at as u8, 0, 0])))
                .save_with_format(folder.path().join(&path), ImageFormat::Png)
                .unwrap();
            let file = std::fs::read(folder.path().join(&path)).unwrap();
            PictureQueries {
                image_id: format!("i{at}"),
                path,
                sha256: hex::encode(Sha256::digest(&file)),
                n_bytes: file.len() as u64,
                queries: vec!["is it red?".into()],
            }
        };
        let all: Vec<PictureQueries> = (0..30).map(queries).collect();
        let files = ImageFiles::open(&folder.path().into()).unwrap();
        let limits = ImageLimits { max_bytes: None, max_side: Some(100) };
        let pictures = Pictures::new(&files, "m", limits);
        for (at, load) in loaded(&pictures, all.clone()).into_iter().enumerate() {
            let (picture, asked) = load.unwrap();
            assert_eq!((picture.number, picture.image_id.as_str(), asked.len()), (at, format!("i{at}").as_str(), 1));
            assert_eq!(picture.sha256, all[at].sha256, "an answer is about the file, whatever is sent of it");
            let body = format!("{:?}", picture.request);
            let sent_as = if at % 3 == 0 { "image/jpeg" } else { "image/png" };
            assert!(body.contains(&format!("data:{sent_as};base64,")), "{at}");
        }
        assert_eq!(pictures.n_smaller(), 10);
        let original = Pictures::new(&files, "m", ImageLimits::default());
        let (picture, _) = loaded(&original, all[..1].to_vec()).remove(0).unwrap();
        let file = std::fs::read(folder.path().join("0.png")).unwrap();
        assert!(format!("{:?}", picture.request).contains(&BASE64_STANDARD.encode(file)));
        assert_eq!(original.n_smaller(), 0);
    }
}
