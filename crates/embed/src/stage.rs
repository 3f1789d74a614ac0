//! The stage: opens the tables, finds what is new, lets the encoders work, writes `embeddings`.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use tables::{
    Counts, Image, ImageEmbedding, InputFile, Prompt, Stage, StageError, StageName, StageRun, Table, Tables,
    digest_bytes, digest_file,
};
use tch::Device;

use crate::error::EmbedError;
use crate::images::{ImageEncoder, ImageFile, Plan, embed_images};
use crate::settings::Settings;
use crate::store::Store;
use crate::texts::{TextEncoder, content_of, embed_texts};

/// The stage `embed`.
pub struct Embed {
    settings: Settings,
    image_encoder: Option<ImageEncoder>,
    text_encoder: Option<TextEncoder>,
}

impl Embed {
    /// The stage under these settings.
    ///
    /// # Errors
    /// [`EmbedError::Setting`].
    pub fn new(settings: Settings) -> Result<Self, EmbedError> {
        settings.validate()?;
        let image_encoder = settings.image_encoder.as_ref().map(ImageEncoder::new).transpose()?;
        let text_encoder = settings.text_encoder.as_ref().map(TextEncoder::new).transpose()?;
        Ok(Self { settings, image_encoder, text_encoder })
    }

    fn embed(&self, run: &mut StageRun) -> Result<Counts, EmbedError> {
        let images: Vec<Image> = run.read()?;
        let mut images: Vec<ImageFile> = images.iter().filter_map(ImageFile::of).collect();
        images.sort_by(|a, b| a.image.image_id.cmp(&b.image.image_id));
        if images.is_empty() {
            tracing::warn!("no image has a file, so nothing is embedded; reward models can read attribute scores only");
            run.write_with_metadata::<ImageEmbedding>(&[], &[])?;
            return Ok(Counts::from([("images", 0)]));
        }
        let prompts: Vec<Prompt> = run.read()?;
        let prompts = prompts_of(&images, &prompts)?;
        let device = torch_device::resolve(self.settings.device)?;

        let mut metadata = Vec::new();
        let mut counts = Counts::from([("images", images.len() as u64)]);
        let image_store = match &self.image_encoder {
            None => None,
            Some(encoder) => {
                let digest = weights_digest(std::slice::from_ref(&encoder.weights))?;
                metadata.push(("image_encoder", encoder.kind.to_owned()));
                metadata.push(("image_weights", digest.clone()));
                metadata.push(("preprocessing", encoder.preprocessing.clone()));
                let store = self.image_vectors(run, &images, encoder, &digest, device)?;
                counts.insert("images_embedded", store.n_new());
                let n_bad = images.iter().filter(|image| store.get(image.sha256).is_none()).count();
                counts.insert("images_bad", n_bad as u64);
                Some(store)
            }
        };
        let text_store = match &self.text_encoder {
            None => None,
            Some(encoder) => {
                let digest = weights_digest(&encoder.files())?;
                metadata.push(("text_encoder", encoder.kind.to_owned()));
                metadata.push(("text_weights", digest.clone()));
                let store = self.text_vectors(run, &prompts, encoder, &digest, device)?;
                counts.insert("prompts_embedded", store.n_new());
                Some(store)
            }
        };

        let rows: Vec<ImageEmbedding> = images
            .iter()
            .zip(&prompts)
            .map(|(image, prompt)| ImageEmbedding {
                image_id: image.image.image_id.clone(),
                image_embedding: image_store.as_ref().and_then(|store| store.get(image.sha256)).cloned(),
                text_embedding: text_store.as_ref().and_then(|store| store.get(&content_of(prompt))).cloned(),
            })
            .collect();
        let metadata: Vec<(String, String)> =
            metadata.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        run.write_with_metadata(&rows, &metadata)?;
        tracing::info!(n_images = rows.len(), device = torch_device::name(device), "embeddings written");
        Ok(counts)
    }

    fn image_vectors(
        &self,
        run: &StageRun,
        images: &[ImageFile],
        encoder: &ImageEncoder,
        weights_digest: &str,
        device: Device,
    ) -> Result<Store, EmbedError> {
        let wanted = images.iter().map(|image| image.sha256).collect();
        let key = [encoder.kind, weights_digest, &encoder.preprocessing, kind_of(device)].join("\n");
        let mut store = Store::open(run, &digest_bytes(key.as_bytes()), &wanted)?;
        // The same file under two names is embedded once.
        let mut seen = HashSet::new();
        let new: Vec<ImageFile> = images
            .iter()
            .filter(|image| store.get(image.sha256).is_none() && seen.insert(image.sha256))
            .map(|&ImageFile { image, path, sha256 }| ImageFile { image, path, sha256 })
            .collect();
        if !new.is_empty() {
            let plan = Plan {
                files: run.images(),
                weights: &encoder.weights,
                device,
                batch_size: self.settings.batch_size,
                on_bad_image: self.settings.on_bad_image,
            };
            embed_images(&new, &plan, &mut store, &run.progress(new.len(), "images"))?;
        }
        Ok(store)
    }

    fn text_vectors(
        &self,
        run: &StageRun,
        prompts: &[&str],
        encoder: &TextEncoder,
        weights_digest: &str,
        device: Device,
    ) -> Result<Store, EmbedError> {
        let distinct: BTreeSet<&str> = prompts.iter().copied().collect();
        let contents: BTreeMap<String, &str> =
            distinct.into_iter().map(|prompt| (content_of(prompt), prompt)).collect();
        let wanted = contents.keys().map(String::as_str).collect();
        let key = [encoder.kind, weights_digest, kind_of(device)].join("\n");
        let mut store = Store::open(run, &digest_bytes(key.as_bytes()), &wanted)?;
        let new: Vec<(String, &str)> =
            contents.iter().filter(|(content, _)| store.get(content).is_none()).map(|(c, p)| (c.clone(), *p)).collect();
        if !new.is_empty() {
            let progress = run.progress(new.len(), "prompts");
            embed_texts(&new, &encoder.folder, device, self.settings.batch_size, &mut store, &progress)?;
        }
        Ok(store)
    }
}

impl Stage for Embed {
    fn name(&self) -> StageName {
        StageName::Embed
    }

    fn version(&self) -> u32 {
        1
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::to_value(&self.settings).unwrap_or_else(|error| unreachable!("strings serialise: {error}"))
    }

    fn reads(&self) -> Vec<&'static str> {
        vec![Prompt::NAME, Image::NAME]
    }

    fn writes(&self) -> Vec<&'static str> {
        vec![ImageEmbedding::NAME]
    }

    fn files(&self, _tables: &Tables) -> Result<Vec<InputFile>, StageError> {
        let image =
            self.image_encoder.iter().map(|encoder| ("image_encoder.weights".to_owned(), encoder.weights.clone()));
        let text = self.text_encoder.iter().flat_map(|encoder| {
            let files = encoder.files().into_iter();
            files.map(|file| (format!("text_encoder.{}", below(&encoder.folder, &file)), file))
        });
        Ok(image.chain(text).map(|(name, file)| InputFile { name, location: file.as_path().into() }).collect())
    }

    fn run(&self, run: &mut StageRun) -> Result<Counts, StageError> {
        Ok(self.embed(run)?)
    }
}

/// The prompt of each image.
fn prompts_of<'a>(images: &[ImageFile], prompts: &'a [Prompt]) -> Result<Vec<&'a str>, EmbedError> {
    let by_id: HashMap<&str, &str> =
        prompts.iter().map(|prompt| (prompt.prompt_id.as_str(), prompt.prompt.as_str())).collect();
    let prompt_of = |image: &ImageFile| {
        by_id.get(image.image.prompt_id.as_str()).copied().ok_or_else(|| EmbedError::NoPrompt {
            image_id: image.image.image_id.clone(),
            prompt_id: image.image.prompt_id.clone(),
        })
    };
    images.iter().map(prompt_of).collect()
}

/// CPU and CUDA round differently, so their vectors are kept apart.
fn kind_of(device: Device) -> &'static str {
    if device == Device::Cpu { "cpu" } else { "cuda" }
}

/// BLAKE3 of an encoder's one file, or of the digests of its files in order.
fn weights_digest(files: &[PathBuf]) -> Result<String, EmbedError> {
    let digests = files.iter().map(|file| file_digest(file)).collect::<Result<Vec<_>, _>>()?;
    Ok(match digests.as_slice() {
        [one] => one.clone(),
        several => digest_bytes(several.join("\n").as_bytes()),
    })
}

fn file_digest(path: &Path) -> Result<String, EmbedError> {
    digest_file(path).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => EmbedError::NoWeights { file: path.to_owned() },
        _ => EmbedError::Weights { file: path.to_owned(), source: source.into() },
    })
}

fn below(folder: &Path, file: &Path) -> String {
    file.strip_prefix(folder).unwrap_or(file).display().to_string()
}

#[cfg(test)]
mod tests;
