//! `finegrain score`: new pictures through the whole path of a trained model, from the file to the reward.
//!
//! The pictures go through the stage `embed` itself, in a scratch data root, so that they are encoded exactly as those
//! that the model was trained on; encoders or preprocessing that differ from its card's are refused before.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use clap::Args;
use embed::{Embed, OnBadImage};
use ingest::{BadImage, ImageBounds};
use rayon::prelude::*;
use tables::{
    Image, ImageConcept, ImageEmbedding, ImageError, ImageFiles, ImageScore, ProgressStyle, Prompt, Split, Stage,
    StageName, StageRun, Staging, Storage, Table, TableWriter, Tables,
};
use train::{Inputs, ScoringModel};

use crate::config::Config;
use crate::exit::{Failure, failed, usage};
use crate::out_file;
use crate::pictures::{self, Picture, Pictures};

/// What to score, with what.
#[derive(Debug, Clone, Args)]
pub struct ScoreArgs {
    /// A reward model's folder, such as data/run/models/preferences/all/n400/s0; may be given many times
    #[arg(long = "model", required = true, value_name = "FOLDER")]
    models: Vec<PathBuf>,
    /// A folder of pictures; or a CSV, TSV, JSON lines or Parquet file with the columns image_id, path and, for models
    /// that read the prompt, prompt; prompt_id if you like
    #[arg(long, value_name = "FILE_OR_FOLDER")]
    images: PathBuf,
    /// What the paths in such a file are relative to [default: its own folder]; `/` for whole paths
    #[arg(long, value_name = "FOLDER")]
    image_root: Option<PathBuf>,
    /// Where the rewards go: run_id, image_id, prompt_id, reward
    #[arg(long, value_name = "FILE.parquet")]
    out: PathBuf,
    /// Where the attributes' probabilities go, if you want them: run_id, image_id, attribute, p
    #[arg(long, value_name = "FILE.parquet")]
    concepts: Option<PathBuf>,
}

impl ScoreArgs {
    /// Refuses files that cannot be written, or whose writing would lose another.
    fn check_written(&self) -> anyhow::Result<()> {
        let written: Vec<&Path> = std::iter::once(self.out.as_path()).chain(self.concepts.as_deref()).collect();
        written.iter().try_for_each(|path| out_file::check(path, "parquet"))?;
        if let Some(path) = written.iter().find(|path| out_file::is_same(path, &self.images)) {
            bail!("`{}` is the list of images: it would be written over", path.display());
        }
        if written.len() == 2 && out_file::is_same(written[0], written[1]) {
            bail!("--out and --concepts are one file, `{}`", self.out.display());
        }
        Ok(())
    }
}

/// Scores the pictures with every model.
///
/// # Errors
/// [`Failure`].
pub fn score(config: &Config, arguments: &ScoreArgs, progress: ProgressStyle) -> Result<(), Failure> {
    let models = open_models(&arguments.models).map_err(usage)?;
    arguments.check_written().map_err(usage)?;
    let settings = config.section::<embed::Settings>(StageName::Embed).map_err(usage)?;
    let settings = settings.ok_or_else(|| usage(anyhow!("the pipeline file has no section `embed`")))?;
    let settings = only_what_is_read(settings, &models);
    let identity = embed::identity(&settings).map_err(usage)?;
    models.iter().try_for_each(|model| check_encoders(model, &identity)).map_err(usage)?;

    let needs_prompts = settings.text_encoder.is_some();
    let pictures = Pictures::find(&arguments.images, arguments.image_root.as_deref(), needs_prompts).map_err(usage)?;
    tracing::info!(n_images = pictures.list.len(), n_models = models.len(), "scoring");
    let bounds = config
        .section::<ingest::Settings>(StageName::Ingest)
        .map_err(usage)?
        .map(|ingest| ImageBounds { max_bytes: ingest.max_image_bytes, max_pixels: ingest.max_image_pixels });
    let bounds = bounds.unwrap_or(pictures::BOUNDS);
    let embedded = embedded(settings, &pictures, bounds, progress).map_err(failed)?;
    let n_without = pictures.list.len() - embedded.len();
    if n_without > 0 {
        tracing::warn!(n_without, "pictures that cannot be read have no reward (`on_bad_image: skip`)");
    }
    write(&models, &pictures, &embedded, arguments).map_err(failed)
}

fn open_models(folders: &[PathBuf]) -> anyhow::Result<Vec<ScoringModel>> {
    let mut models = BTreeMap::new();
    for folder in folders {
        let model = ScoringModel::open(folder)?;
        if let Some(other) = models.insert(model.run_id.clone(), model) {
            bail!("two of the models are called `{}`; score with one of them at a time", other.run_id);
        }
    }
    Ok(models.into_values().collect())
}

fn reads_images(inputs: Inputs) -> bool {
    matches!(inputs, Inputs::Image | Inputs::ImageText)
}

fn reads_text(inputs: Inputs) -> bool {
    matches!(inputs, Inputs::Text | Inputs::ImageText)
}

/// The settings without an encoder that no model reads.
fn only_what_is_read(mut settings: embed::Settings, models: &[ScoringModel]) -> embed::Settings {
    if !models.iter().any(|model| reads_images(model.inputs)) {
        settings.image_encoder = None;
    }
    if !models.iter().any(|model| reads_text(model.inputs)) {
        settings.text_encoder = None;
    }
    settings
}

/// Refuses encoders that are not those of the card.
fn check_encoders(model: &ScoringModel, identity: &BTreeMap<String, String>) -> anyhow::Result<()> {
    let is_read =
        |key: &str| if key.starts_with("text_") { reads_text(model.inputs) } else { reads_images(model.inputs) };
    let keys: BTreeSet<&String> = model.embeddings.keys().chain(identity.keys()).filter(|key| is_read(key)).collect();
    for key in keys {
        let (trained, here) = (model.embeddings.get(key), identity.get(key));
        if trained != here {
            let said = |value: Option<&String>| value.map_or("nothing".to_owned(), |value| format!("`{value}`"));
            bail!(
                "`{}` was trained on other embeddings than the pipeline file's section `embed` makes: `{key}` was {}, \
                 here it is {}; its rewards would mean nothing. Set `embed` as it was when the model was trained",
                model.run_id,
                said(trained),
                said(here)
            );
        }
    }
    Ok(())
}

/// The embeddings of the pictures by image, made by the stage `embed`.
fn embedded(
    settings: embed::Settings,
    pictures: &Pictures,
    bounds: ImageBounds,
    progress: ProgressStyle,
) -> anyhow::Result<BTreeMap<String, ImageEmbedding>> {
    if pictures.list.is_empty() {
        return Ok(BTreeMap::new());
    }
    let scratch = tempfile::tempdir().context("cannot make a scratch folder")?;
    let storage = Storage::open(&scratch.path().into())?;
    let prompt_of = |picture: &Picture| picture.prompt.clone().unwrap_or_else(|| "-".to_owned());
    // Prompts are named by their text here: a list may call two texts by one name, or none by any.
    let texts: BTreeSet<String> = pictures.list.iter().map(prompt_of).collect();
    let name_of: HashMap<&str, String> =
        texts.iter().enumerate().map(|(at, text)| (text.as_str(), format!("p{at:09}"))).collect();
    let prompts: Vec<Prompt> = texts.iter().map(|text| scratch_prompt(&name_of[text.as_str()], text)).collect();
    let files = ImageFiles::open(&pictures.root.as_path().into())?;
    let mut images = Vec::new();
    let checked: Vec<_> = pictures.list.par_iter().map(|picture| pictures::check(&files, picture, bounds)).collect();
    for (picture, checked) in pictures.list.iter().zip(checked) {
        let is_of_the_image = !matches!(checked, Err(BadImage::Unreadable(ImageError::Storage(_))));
        let pixels = match checked {
            Ok(pixels) => pixels,
            Err(cause) if settings.on_bad_image == OnBadImage::Skip && is_of_the_image => {
                tracing::warn!(image_id = picture.image_id, path = picture.path, %cause, "picture has no reward");
                continue;
            }
            Err(cause) => {
                let mend = match &cause {
                    BadImage::Unreadable(ImageError::NotFound { .. } | ImageError::Escapes { .. }) => {
                        let root = pictures.root.display();
                        format!(
                            "paths are looked up in `{root}`; --image-root names another folder (`/` for whole paths)"
                        )
                    }
                    _ => "mend the file, or set `embed.on_bad_image: skip`".to_owned(),
                };
                bail!("image `{}`, `{}`: {:#}; {mend}", picture.image_id, picture.path, anyhow!(cause));
            }
        };
        images.push(Image {
            image_id: picture.image_id.clone(),
            prompt_id: name_of[prompt_of(picture).as_str()].clone(),
            generator: None,
            path: Some(picture.path.clone()),
            sha256: Some(pixels.sha256),
            width: Some(i64::from(pixels.width)),
            height: Some(i64::from(pixels.height)),
            bytes: Some(pixels.bytes as i64),
            split: Split::Test,
        });
    }
    let mut staging = Staging::new(storage.clone(), StageName::Ingest);
    staging.write(&prompts, &[])?;
    staging.write(&images, &[])?;
    staging.commit("runs/ingest.json", "{}")?;
    let mut run = StageRun::new(storage.clone(), StageName::Embed, files, progress);
    Embed::new(settings)?.run(&mut run).map_err(|error| anyhow::Error::from_boxed(error.source))?;
    run.into_staging().commit("runs/embed.json", "{}")?;
    let rows: Vec<ImageEmbedding> = Tables::new(storage).read()?;
    Ok(rows.into_iter().map(|row| (row.image_id.clone(), row)).collect())
}

fn scratch_prompt(prompt_id: &str, prompt: &str) -> Prompt {
    let (prompt_id, prompt) = (prompt_id.to_owned(), prompt.to_owned());
    Prompt { prompt_id, prompt, category: None, challenge: None, split: Split::Test }
}

/// What a model reads of one picture; none if it could not be read.
fn vector(row: &ImageEmbedding, inputs: Inputs) -> Option<Vec<f32>> {
    let mut vector = Vec::new();
    if reads_images(inputs) {
        vector.extend(row.image_embedding.as_ref()?);
    }
    if reads_text(inputs) {
        vector.extend(row.text_embedding.as_ref()?);
    }
    Some(vector)
}

/// Pictures that one model scores at a time.
const CHUNK: usize = 4096;

fn write(
    models: &[ScoringModel],
    pictures: &Pictures,
    embedded: &BTreeMap<String, ImageEmbedding>,
    arguments: &ScoreArgs,
) -> anyhow::Result<()> {
    let prompt_ids: HashMap<&str, Option<&String>> =
        pictures.list.iter().map(|picture| (picture.image_id.as_str(), picture.prompt_id.as_ref())).collect();
    let mut scores = OutFile::<ImageScore>::create(&arguments.out)?;
    let mut concepts = arguments.concepts.as_deref().map(OutFile::<ImageConcept>::create).transpose()?;
    for model in models {
        let read: Vec<(&String, Vec<f32>)> =
            embedded.iter().filter_map(|(image_id, row)| Some((image_id, vector(row, model.inputs)?))).collect();
        for chunk in read.chunks(CHUNK) {
            let inputs: Vec<f32> = chunk.iter().flat_map(|(_, vector)| vector).copied().collect();
            let said = model.score(&inputs, chunk.len())?;
            let score = |((image_id, _), &reward): (&(&String, Vec<f32>), &f64)| ImageScore {
                run_id: model.run_id.clone(),
                image_id: (*image_id).clone(),
                prompt_id: prompt_ids[image_id.as_str()].cloned(),
                reward,
            };
            scores.writer.append(&chunk.iter().zip(&said.rewards).map(score).collect::<Vec<_>>())?;
            if let Some(concepts) = &mut concepts {
                concepts.writer.append(&concept_rows(model, chunk, &said.concepts))?;
            }
        }
    }
    scores.finish()?;
    concepts.map_or(Ok(()), OutFile::finish)
}

fn concept_rows(model: &ScoringModel, chunk: &[(&String, Vec<f32>)], concepts: &[f64]) -> Vec<ImageConcept> {
    let n_attributes = model.attributes.len();
    if n_attributes == 0 {
        return Vec::new();
    }
    let mut by_name: Vec<usize> = (0..n_attributes).collect();
    by_name.sort_by_key(|&at| &model.attributes[at]);
    let of_image = |((image_id, _), p): (&(&String, Vec<f32>), &[f64])| -> Vec<ImageConcept> {
        let cell = |&at: &usize| ImageConcept {
            run_id: model.run_id.clone(),
            image_id: (*image_id).clone(),
            attribute: model.attributes[at].clone(),
            p: p[at],
        };
        by_name.iter().map(cell).collect()
    };
    chunk.iter().zip(concepts.chunks(n_attributes)).flat_map(of_image).collect()
}

/// A table in a file that the user names.
struct OutFile<T: Table> {
    writer: TableWriter<T, tempfile::NamedTempFile>,
    path: PathBuf,
}

impl<T: Table> OutFile<T> {
    fn create(path: &Path) -> anyhow::Result<Self> {
        Ok(Self { writer: TableWriter::create(out_file::scratch(path)?, &[], &[])?, path: path.to_owned() })
    }

    fn finish(self) -> anyhow::Result<()> {
        let (file, n_rows, _) = self.writer.finish()?;
        out_file::persist(file, &self.path)?;
        tracing::info!(n_rows, "`{}` written", self.path.display());
        Ok(())
    }
}
