//! The stage: opens the tables, finds what is new, lets the encoders work, writes `embeddings`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;

use tables::{
    AestheticScore, Counts, Image, ImageEmbedding, InputFile, Prompt, Stage, StageError, StageName, StageRun, Table,
    TableWriter, Tables, digest_bytes,
};
use tch::Device;
use tempfile::NamedTempFile;

use crate::encoder::{Head, ImageEncoder, TextEncoder};
use crate::error::EmbedError;
use crate::identity;
use crate::images::{Causes, ImageFile, Plan, embed_images};
use crate::settings::{ImageEncoderSettings, Settings};
use crate::store::Store;
use crate::texts::{content_of, count_cut, embed_texts};

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
        let of_images = |encoder| ImageEncoder::new(encoder, settings.exif_orientation);
        let image_encoder = settings.image_encoder.as_ref().map(of_images).transpose()?;
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
            if self.has_score() {
                run.write::<AestheticScore>(&[])?;
            }
            return Ok(Counts::from([("images", 0)]));
        }
        let prompts: Vec<Prompt> = run.read()?;
        let prompts = prompts_of(&images, &prompts)?;
        let device = torch_device::resolve(self.settings.device)?;

        let mut metadata = Vec::new();
        let mut counts = Counts::from([("images", images.len() as u64)]);
        let mut head = Head::default();
        let image_store = match &self.image_encoder {
            None => None,
            Some(encoder) => {
                let of_images = identity::of_images(encoder, &self.settings, device)?;
                let value =
                    |wanted: &str| of_images.iter().find(|(key, _)| *key == wanted).map_or("", |(_, v)| v.as_str());
                let (weights, preprocessing) = (value("image_weights"), value("preprocessing"));
                let key = kept_under(&[encoder.kind(), weights, preprocessing], device);
                head = encoder.load_head()?;
                metadata.extend(of_images.iter().cloned());
                let (store, causes) = self.image_vectors(run, &images, encoder, &key, device)?;
                counts.insert("images_embedded", store.n_new());
                let mut n_bad = 0;
                for bad in images.iter().filter(|image| !store.has(image.sha256)) {
                    n_bad += 1;
                    run.note_bad_image(&bad.image.image_id, causes.get(bad.sha256).map_or("", String::as_str));
                }
                counts.insert("images_bad", n_bad);
                Some(store)
            }
        };
        let texts = match &self.text_encoder {
            None => None,
            Some(encoder) => {
                let of_texts = identity::of_texts(encoder, device)?;
                let value = |wanted: &str| of_texts.iter().find(|(key, _)| *key == wanted).map(|(_, v)| v.as_str());
                let mut parts = vec![encoder.kind(), value("text_weights").unwrap_or("")];
                parts.extend(value("text_precision"));
                let key = kept_under(&parts, device);
                metadata.extend(of_texts.iter().cloned());
                let contents: BTreeMap<&str, String> =
                    prompts.iter().map(|prompt| (*prompt, content_of(prompt))).collect();
                let store = self.text_vectors(run, &contents, encoder, &key, device)?;
                counts.insert("prompts_embedded", store.n_new());
                if let Some(n_cut) = count_cut(contents.keys().copied(), encoder)? {
                    counts.insert("prompts_cut", n_cut);
                }
                Some((store, contents))
            }
        };

        let metadata: Vec<(String, String)> =
            metadata.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let mut tables = Output { metadata: &metadata, embeddings: None, scores: None, has_score: self.has_score() };
        let (mut rows, mut scores) = (Vec::new(), Vec::new());
        // The first rows fix the length of vectors, so there must be one of each kind among them.
        let (mut wants_image, mut wants_text) =
            (image_store.as_ref().is_some_and(|store| !store.is_empty()), texts.is_some());
        for (image, prompt) in images.iter().zip(&prompts) {
            let image_id = image.image.image_id.clone();
            let encoded = image_store.as_ref().map(|store| store.get(image.sha256)).transpose()?.flatten();
            scores.extend(encoded.as_deref().and_then(|encoded| {
                head.score(encoded).map(|score| AestheticScore { image_id: image_id.clone(), score })
            }));
            let image_embedding = encoded.map(|encoded| head.vector(encoded));
            let content = texts.as_ref().and_then(|(store, contents)| Some((store, contents.get(prompt)?)));
            let text_embedding = content.map(|(store, content)| store.get(content)).transpose()?.flatten();
            wants_image &= image_embedding.is_none();
            wants_text &= text_embedding.is_none();
            rows.push(ImageEmbedding { image_id, image_embedding, text_embedding });
            if rows.len() >= ROWS_AT_ONCE && !wants_image && !wants_text {
                tables.write(run, &mut rows, &mut scores)?;
            }
        }
        tables.write(run, &mut rows, &mut scores)?;
        tables.finish(run)?;
        tracing::info!(n_images = images.len(), device = torch_device::name(device), "embedded");
        Ok(counts)
    }

    fn has_score(&self) -> bool {
        matches!(&self.settings.image_encoder, Some(ImageEncoderSettings::Clip(clip)) if clip.aesthetic_score)
    }

    /// The vectors of images, and why some have none; `key` names everything that decides them.
    fn image_vectors<'i>(
        &self,
        run: &StageRun,
        images: &[ImageFile<'i>],
        encoder: &ImageEncoder,
        key: &str,
        device: Device,
    ) -> Result<(Store, Causes<'i>), EmbedError> {
        let wanted = images.iter().map(|image| image.sha256).collect();
        let mut store = Store::open(run, &digest_bytes(key.as_bytes()), &wanted)?;
        // The same file under two names is embedded once.
        let mut seen = HashSet::new();
        let mut causes = Causes::new();
        let new: Vec<ImageFile> = images
            .iter()
            .filter(|image| !store.has(image.sha256) && seen.insert(image.sha256))
            .map(|&ImageFile { image, path, sha256 }| ImageFile { image, path, sha256 })
            .collect();
        if !new.is_empty() {
            let plan = Plan {
                files: run.images(),
                frame: encoder.frame()?,
                device,
                batch_size: self.settings.batch_size,
                on_bad_image: self.settings.on_bad_image,
            };
            let network = encoder.load(device)?;
            causes = embed_images(&new, &plan, network.as_ref(), &mut store, &run.progress(new.len(), "images"))?;
        }
        Ok((store, causes))
    }

    /// The vectors of prompts, each with what it is kept under; `key` names everything that decides them.
    fn text_vectors(
        &self,
        run: &StageRun,
        contents: &BTreeMap<&str, String>,
        encoder: &TextEncoder,
        key: &str,
        device: Device,
    ) -> Result<Store, EmbedError> {
        let wanted = contents.values().map(String::as_str).collect();
        let mut store = Store::open(run, &digest_bytes(key.as_bytes()), &wanted)?;
        let new: Vec<(&String, &str)> = contents
            .iter()
            .filter(|(_, content)| !store.has(content))
            .map(|(prompt, content)| (content, *prompt))
            .collect();
        if !new.is_empty() {
            let progress = run.progress(new.len(), "prompts");
            embed_texts(&new, encoder, device, self.settings.batch_size, &mut store, &progress)?;
        }
        Ok(store)
    }
}

/// Named with each kept vector, so that those of one table are made in one way to the last bit: another number whenever a
/// network computes in another order, or a picture or text comes to it otherwise.
const ARITHMETIC: &str = "3";

/// What vectors are kept under, of what decides them besides the device and this code.
fn kept_under(parts: &[&str], device: Device) -> String {
    [parts, &[kind_of(device), ARITHMETIC]].concat().join("\n")
}

/// Rows that are in memory while the table is written.
const ROWS_AT_ONCE: usize = 1024;

/// The stage's tables, written as their rows come.
struct Output<'a> {
    metadata: &'a [(String, String)],
    embeddings: Option<TableWriter<ImageEmbedding, NamedTempFile>>,
    scores: Option<TableWriter<AestheticScore, NamedTempFile>>,
    has_score: bool,
}

impl Output<'_> {
    /// Writes rows, and leaves none.
    fn write(
        &mut self,
        run: &StageRun,
        rows: &mut Vec<ImageEmbedding>,
        scores: &mut Vec<AestheticScore>,
    ) -> Result<(), EmbedError> {
        match &mut self.embeddings {
            Some(table) => table.append(rows)?,
            none => *none = Some(run.writer(self.metadata, rows)?),
        }
        if self.has_score {
            match &mut self.scores {
                Some(table) => table.append(scores)?,
                none => *none = Some(run.writer(self.metadata, scores)?),
            }
        }
        rows.clear();
        scores.clear();
        Ok(())
    }

    fn finish(self, run: &mut StageRun) -> Result<(), EmbedError> {
        if let Some(table) = self.embeddings {
            run.finish(table)?;
        }
        if let Some(table) = self.scores {
            run.finish(table)?;
        }
        Ok(())
    }
}

impl Stage for Embed {
    fn name(&self) -> StageName {
        StageName::Embed
    }

    fn version(&self) -> u32 {
        4
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::to_value(&self.settings).unwrap_or_else(|error| unreachable!("strings serialise: {error}"))
    }

    fn reads(&self) -> Vec<&'static str> {
        vec![Prompt::NAME, Image::NAME]
    }

    fn writes(&self) -> Vec<&'static str> {
        let scores = self.has_score().then_some(AestheticScore::NAME);
        std::iter::once(ImageEmbedding::NAME).chain(scores).collect()
    }

    fn files(&self, _tables: &Tables) -> Result<Vec<InputFile>, StageError> {
        let of = |encoder: &str, files: Vec<(String, PathBuf)>| -> Vec<(String, PathBuf)> {
            files.into_iter().map(|(name, file)| (format!("{encoder}.{name}"), file)).collect()
        };
        let mut files = Vec::new();
        if let Some(encoder) = &self.image_encoder {
            files.extend(of("image_encoder", encoder.files()));
            files.extend(encoder.head_file().map(|file| ("image_encoder.laion_head".to_owned(), file.clone())));
        }
        if let Some(encoder) = &self.text_encoder {
            files.extend(of("text_encoder", encoder.files()));
        }
        Ok(files.into_iter().map(|(name, file)| InputFile { name, location: file.as_path().into() }).collect())
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

#[cfg(test)]
mod tests;
