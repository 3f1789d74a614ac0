//! `finegrain sxs`: pairs of images on which two reward models disagree, a page to judge them on, and the votes counted.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::{Args, Subcommand};
use evaluate::side_by_side::page::{PageSettings, page};
use evaluate::side_by_side::scores::Scores;
use evaluate::side_by_side::votes::{MAX_FILE_BYTES, VoteFile};
use evaluate::side_by_side::{Summary, count, pair_file, select, stored, summary};
use evaluate::{Settings, SideBySide};
use tables::{
    Bucket, Image, ImageError, ImageFiles, Location, OVERALL, ProgressStyle, Prompt, RewardModel, StageName, SxsPair,
    SxsSummary, SxsTest, Table, TableWriter,
};

use crate::config::Config;
use crate::exit::{Failure, failed, usage};
use crate::out_file;
use crate::root::DataRoot;
use crate::run::{Selection, run};

/// What to do.
#[derive(Debug, Clone, Subcommand)]
pub enum Action {
    /// Of each prompt's images take the one that each of two models likes best, and keep the pairs on which they disagree
    /// most: from the predictions into the table `sxs_pairs`, or from a score file into --out
    Select(SelectArgs),
    /// Write the page on which raters choose: it works from a disk and from any static host
    Page(PageArgs),
    /// Take in votes that the page exported, and say what all votes so far say
    Tally(TallyArgs),
}

/// Where pairs come from and go to.
#[derive(Debug, Clone, Args)]
pub struct SelectArgs {
    /// Scores of fresh generations, as `finegrain score` writes them, instead of the test split's predictions
    #[arg(long, value_name = "FILE", requires = "out")]
    scores: Option<String>,
    /// The coarse model in that file [default: that of `evaluate.sxs`]
    #[arg(long, value_name = "RUN_ID", requires = "scores")]
    coarse: Option<String>,
    /// The fine-grained model in that file [default: that of `evaluate.sxs`]
    #[arg(long, value_name = "RUN_ID", requires = "scores")]
    fine: Option<String>,
    /// How many pairs of that file [default: that of `evaluate.sxs`]
    #[arg(long, value_name = "N", requires = "scores", value_parser = clap::value_parser!(u32).range(1..))]
    pairs: Option<u32>,
    /// Write the pairs to this Parquet file too
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// What the page shows, and where it goes.
#[derive(Debug, Clone, Args)]
pub struct PageArgs {
    /// One .html file with the images inside, or a folder with the images beside the page
    #[arg(long, value_name = "FILE_OR_FOLDER")]
    out: PathBuf,
    /// Pairs of a file, as `select --out` writes them [default: the table `sxs_pairs`]
    #[arg(long, value_name = "FILE")]
    pairs: Option<String>,
    /// Where images lie, as `finegrain score` takes it: a folder, below which their ids are paths, or a file with image_id and
    /// path (and prompt_id and prompt, for prompts that are not in `prompts`). All images come from here then, and one that
    /// it does not have is an error [default: as the table `images` says]
    #[arg(long, value_name = "FILE_OR_FOLDER")]
    images: Option<PathBuf>,
    /// What the paths in such a file are relative to [default: its own folder]
    #[arg(long, value_name = "FOLDER", requires = "images")]
    image_root: Option<PathBuf>,
    /// Prompts that are not in the table `prompts`: a file with prompt_id and prompt
    #[arg(long, value_name = "FILE")]
    prompts: Option<String>,
    /// What is asked, one task each, with commas between: `overall` and attributes [default: `overall` and the quality
    /// attributes of the fine-grained model]
    #[arg(long, value_delimiter = ',', value_name = "ASPECTS")]
    aspects: Vec<String>,
    /// The page's title
    #[arg(long, default_value = "Side by side")]
    title: String,
    /// With the rater's name it decides orders and sides
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The longer side of an image, in pixels; larger ones are made smaller
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u32).range(32..=4096))]
    max_side: u32,
}

/// The votes.
#[derive(Debug, Clone, Args)]
pub struct TallyArgs {
    /// Vote files (JSON lines or CSV) of any number of raters; without any, those that were taken in before are counted
    votes: Vec<PathBuf>,
    /// Pairs of a file instead of the table `sxs_pairs`; nothing is kept in the data root then
    #[arg(long, value_name = "FILE", requires = "out")]
    pairs: Option<String>,
    /// The folder that sxs_votes.parquet, sxs_summary.parquet and sxs_tests.parquet go to, with --pairs
    #[arg(long, value_name = "FOLDER", requires = "pairs")]
    out: Option<PathBuf>,
}

/// Does it.
///
/// # Errors
/// [`Failure`].
pub fn sxs(config: &Config, action: &Action, progress: ProgressStyle, out: &mut dyn Write) -> Result<(), Failure> {
    let settings: Option<Settings> = config.section(StageName::Evaluate).map_err(usage)?;
    let settings = settings.ok_or_else(|| usage(anyhow!("the pipeline file has no section `evaluate`")))?;
    settings.validate().map_err(usage)?;
    let Some(sxs) = &settings.sxs else {
        return Err(usage(anyhow!("the pipeline file has no `evaluate.sxs`: it says which two models are compared")));
    };
    match action {
        Action::Select(arguments) => {
            arguments.out.iter().try_for_each(|out| out_file::check(out, "parquet")).map_err(usage)?;
            match &arguments.scores {
                Some(file) => select_from_scores(config, sxs, file, arguments, out),
                None => select_from_predictions(config, arguments, progress, out),
            }
        }
        Action::Page(arguments) => write_page(config, sxs, arguments, out),
        Action::Tally(arguments) => match (&arguments.pairs, &arguments.out) {
            (Some(pairs), Some(folder)) => tally_apart(&settings, pairs, folder, &arguments.votes, out),
            _ => tally(config, &arguments.votes, progress, out),
        },
    }
}

fn evaluate(config: &Config, progress: ProgressStyle) -> Result<(), Failure> {
    run(config, &Selection { stages: vec![StageName::Evaluate], ..Selection::default() }, false, progress)
}

fn open(config: &Config) -> Result<DataRoot, Failure> {
    DataRoot::open(&config.data_root().map_err(usage)?)
}

/// A table that need not be there.
fn rows<T: Table>(root: &DataRoot) -> Result<Vec<T>, Failure> {
    root.tables.open::<T>().map_err(failed)?.map_or_else(|| Ok(Vec::new()), |reader| reader.rows().map_err(failed))
}

fn select_from_predictions(
    config: &Config,
    arguments: &SelectArgs,
    progress: ProgressStyle,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    evaluate(config, progress)?;
    let pairs: Vec<SxsPair> = open(config)?.tables.read().map_err(failed)?;
    say_pairs(&pairs, out)?;
    arguments.out.as_ref().map_or(Ok(()), |file| write_table(file, &pairs))
}

fn select_from_scores(
    config: &Config,
    sxs: &SideBySide,
    file: &str,
    arguments: &SelectArgs,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let scores = Scores::read(&Location::new(file)).map_err(failed)?;
    let (coarse, fine) = match (&arguments.coarse, &arguments.fine) {
        (Some(coarse), Some(fine)) => (coarse.clone(), fine.clone()),
        (coarse, fine) => {
            let models: Vec<RewardModel> = rows(&open(config)?)?;
            let of_settings = select::models(&models, sxs).map_err(usage)?;
            let (of_coarse, of_fine) =
                of_settings.ok_or_else(|| usage(anyhow!("name the models: --coarse, --fine")))?;
            (coarse.clone().unwrap_or(of_coarse.run_id.clone()), fine.clone().unwrap_or(of_fine.run_id.clone()))
        }
    };
    if coarse == fine {
        return Err(usage(anyhow!("--coarse and --fine are the same model, `{coarse}`")));
    }
    let scored = scores.of(&coarse, &fine).map_err(failed)?;
    if scored.n_of_one_model > 0 {
        tracing::warn!(n_images = scored.n_of_one_model, "images that only one of the two models scored take no part");
    }
    let n_pairs = arguments.pairs.map_or(sxs.pairs, |n| n as usize);
    let selection = select::most_disputed(&scored.candidates, (&coarse, &fine), n_pairs, sxs.disagreement);
    writeln!(
        out,
        "{} images of {} prompts; on {} of them the two models like different images best",
        selection.n_images, selection.n_prompts, selection.n_disputed
    )
    .map_err(failed)?;
    say_pairs(&selection.pairs, out)?;
    let file = arguments.out.as_ref().unwrap_or_else(|| unreachable!("--scores requires --out"));
    write_table(file, &selection.pairs)
}

fn say_pairs(pairs: &[SxsPair], out: &mut dyn Write) -> Result<(), Failure> {
    let text = match (pairs.first(), pairs.last()) {
        (Some(first), Some(last)) => format!(
            "{} pairs of {} and {}, disagreement {:.3} to {:.3}\n",
            pairs.len(),
            first.coarse_run_id,
            first.fine_run_id,
            first.disagreement,
            last.disagreement
        ),
        _ => "no pairs: the two models like the same images best, or one of them could not be trained\n".to_owned(),
    };
    write!(out, "{text}").map_err(failed)
}

fn write_page(config: &Config, sxs: &SideBySide, arguments: &PageArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let root = open(config)?;
    let pairs = match &arguments.pairs {
        Some(file) => pair_file::pairs(&Location::new(file)).map_err(failed)?,
        None => root.tables.read().map_err(failed)?,
    };
    let mut prompts: HashMap<String, String> =
        rows::<Prompt>(&root)?.into_iter().map(|prompt| (prompt.prompt_id, prompt.prompt)).collect();
    let fresh = Fresh::open(arguments)?;
    let is_unknown = |pair: &SxsPair| !prompts.contains_key(&pair.prompt_id);
    let list = fresh.as_ref().and_then(|fresh| fresh.list.clone()).filter(|_| pairs.iter().any(is_unknown));
    if let Some(file) = arguments.prompts.as_ref().map(Location::new).or(list) {
        prompts.extend(pair_file::prompts(&file).map_err(failed)?);
    }
    let images: Vec<Image> = rows(&root)?;
    let paths: HashMap<String, Option<String>> = images.into_iter().map(|image| (image.image_id, image.path)).collect();
    let image_root = ImageFiles::open(&config.image_root().map_err(usage)?).map_err(usage)?;
    let file_of = |image_id: &str| -> Result<Vec<u8>, String> {
        // Whatever the table says: fresh generations are often numbered like the last ones.
        if let Some(fresh) = &fresh {
            return fresh.read(image_id);
        }
        let path = match paths.get(image_id) {
            Some(Some(path)) => path,
            Some(None) => return Err("this data set has no pixels; --images says where they lie".to_owned()),
            None => {
                return Err("it is not in the table `images`; --images says where fresh generations lie".to_owned());
            }
        };
        image_root
            .read(path, MAX_IMAGE_BYTES)
            .map(Vec::from)
            .map_err(|error| format!("{:#}", anyhow::Error::new(error)))
    };
    let aspects = match arguments.aspects.is_empty() {
        false => arguments.aspects.iter().map(|aspect| aspect.trim().to_owned()).collect(),
        true => default_aspects(&rows::<RewardModel>(&root)?, &pairs, sxs),
    };
    let mut distinct = std::collections::HashSet::new();
    if let Some(wrong) = aspects.iter().find(|aspect| aspect.is_empty() || !distinct.insert(aspect.as_str())) {
        return Err(usage(anyhow!("--aspects: `{wrong}` is empty or comes twice")));
    }
    let is_file = arguments.out.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("html"));
    let settings = PageSettings {
        title: arguments.title.clone(),
        aspects,
        seed: arguments.seed,
        max_side: arguments.max_side,
        embedded: is_file,
    };
    let page = page(&pairs, |id| prompts.get(id).cloned(), file_of, &settings).map_err(failed)?;
    let html = if is_file { arguments.out.clone() } else { arguments.out.join("index.html") };
    for (path, bytes) in &page.files {
        out_file::write(&arguments.out.join(path), bytes).map_err(failed)?;
    }
    // Last, so that a page whose writing was cut short does not open.
    out_file::write(&html, page.html.as_bytes()).map_err(failed)?;
    writeln!(
        out,
        "{}: {} pairs in {} tasks, {:.1} MB; answers are kept under {}",
        html.display(),
        pairs.len(),
        settings.aspects.len(),
        (page.html.len() + page.files.values().map(Vec::len).sum::<usize>()) as f64 / 1e6,
        page.digest
    )
    .map_err(failed)
}

/// Images that no table has.
struct Fresh {
    files: ImageFiles,
    /// The file that lists them, and their paths in it.
    list: Option<Location>,
    paths: HashMap<String, String>,
}

impl Fresh {
    fn open(arguments: &PageArgs) -> Result<Option<Self>, Failure> {
        let Some(images) = &arguments.images else { return Ok(None) };
        let open = |folder: &Path| ImageFiles::open(&Location::from(folder)).map_err(usage);
        if images.is_dir() {
            return Ok(Some(Self { files: open(images)?, list: None, paths: HashMap::new() }));
        }
        let list = Location::from(images.as_path());
        let paths = pair_file::paths(&list).map_err(failed)?;
        let files = open(arguments.image_root.as_deref().unwrap_or(out_file::folder_of(images)))?;
        Ok(Some(Self { files, list: Some(list), paths }))
    }

    fn read(&self, image_id: &str) -> Result<Vec<u8>, String> {
        let path = match (&self.list, self.paths.get(image_id)) {
            (None, _) => image_id,
            (Some(_), Some(path)) => path,
            (Some(list), None) => return Err(format!("it is not in `{list}`")),
        };
        self.files.read(path, MAX_IMAGE_BYTES).map(Vec::from).map_err(|error| {
            let folder = self.files.location("");
            let rule = match (&self.list, &error) {
                (None, ImageError::NotFound { .. }) => "; its files go by their names, ending and all: a list with image_id and path may name them otherwise",
                _ => "",
            };
            format!("in `{folder}`, {:#}{rule}", anyhow::Error::new(error))
        })
    }
}

/// The largest image file that is read; what `ingest` reads by default.
const MAX_IMAGE_BYTES: u64 = 64 << 20;

/// The general question, and one for each quality attribute of the fine-grained model (App. B.10). Buckets are left out:
/// "more noun" is no question.
fn default_aspects(models: &[RewardModel], pairs: &[SxsPair], sxs: &SideBySide) -> Vec<String> {
    let shown = pairs.first().and_then(|pair| models.iter().find(|model| model.run_id == pair.fine_run_id));
    let fine = shown.or_else(|| select::models(models, sxs).ok().flatten().map(|(_, fine)| fine));
    let is_quality = |name: &&String| name.parse::<Bucket>().is_err() && *name != tables::VQ2;
    let attributes = fine.into_iter().flat_map(|model| model.attributes.iter().filter(is_quality).cloned());
    [OVERALL.to_owned()].into_iter().chain(attributes).collect()
}

fn read_votes(paths: &[PathBuf]) -> Result<Vec<(VoteFile, Vec<u8>)>, Failure> {
    let read = |path: &PathBuf| {
        let named = || format!("cannot read the votes `{}`", path.display());
        let size = std::fs::metadata(path).with_context(named).map_err(usage)?.len();
        if size > MAX_FILE_BYTES {
            return Err(failed(anyhow!(
                "`{}` has {size} bytes, more than the {MAX_FILE_BYTES} that are read",
                path.display()
            )));
        }
        let bytes = std::fs::read(path).with_context(named).map_err(usage)?;
        let file = VoteFile::read(&path.display().to_string(), &bytes).map_err(failed)?;
        if file.votes.is_empty() {
            return Err(failed(anyhow!("`{}` holds no votes", path.display())));
        }
        Ok((file, bytes))
    };
    paths.iter().map(read).collect()
}

/// Nothing is taken in unless all of it can be counted.
fn refuse_other_pairs(files: &[VoteFile], pairs: &[SxsPair], place: &str) -> Result<(), Failure> {
    for file in files {
        if let Some(vote) = count::first_of_other_pairs(file, pairs) {
            return Err(failed(anyhow!(
                "`{}`, line {}: `pair_id` is `{}`, which is none of the {} pairs of {place}; was the page made from other pairs?",
                file.file,
                vote.line,
                vote.pair_id,
                pairs.len()
            )));
        }
    }
    count::counted(files, pairs).map_err(failed)?;
    Ok(())
}

fn tally(config: &Config, paths: &[PathBuf], progress: ProgressStyle, out: &mut dyn Write) -> Result<(), Failure> {
    let (files, contents): (Vec<VoteFile>, Vec<Vec<u8>>) = read_votes(paths)?.into_iter().unzip();
    if !files.is_empty() {
        let root = DataRoot::open_to_write(&config.data_root().map_err(usage)?)?;
        let pairs: Vec<SxsPair> = root.tables.read().map_err(failed)?;
        refuse_other_pairs(&files, &pairs, "the table `sxs_pairs`")?;
        for (file, bytes) in files.iter().zip(&contents) {
            let (key, was_there) = stored::keep(root.tables.storage(), bytes).map_err(failed)?;
            let how = if was_there { "was taken in before" } else { "is kept" };
            tracing::info!(n_votes = file.votes.len(), "`{}` {how}: {key}", file.file);
        }
    }
    evaluate(config, progress)?;
    let root = open(config)?;
    let summary = Summary { shares: rows(&root)?, tests: rows(&root)? };
    let stored = stored::read(root.tables.storage()).map_err(failed)?;
    let counted = count::counted(&stored, &rows::<SxsPair>(&root)?).map_err(failed)?;
    say(&counted, &summary, out)
}

fn tally_apart(
    settings: &Settings,
    pairs: &str,
    folder: &Path,
    paths: &[PathBuf],
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let files: Vec<VoteFile> = read_votes(paths)?.into_iter().map(|(file, _)| file).collect();
    let shown = pair_file::pairs(&Location::new(pairs)).map_err(failed)?;
    refuse_other_pairs(&files, &shown, &format!("`{pairs}`"))?;
    let counted = count::counted(&files, &shown).map_err(failed)?;
    let summary = summary(&counted.votes, &settings.bootstrap);
    write_table(&folder.join("sxs_votes.parquet"), &counted.votes)?;
    write_table(&folder.join("sxs_summary.parquet"), &summary.shares)?;
    write_table(&folder.join("sxs_tests.parquet"), &summary.tests)?;
    say(&counted, &summary, out)
}

/// Table 1 as text, with what stands beside it.
fn say(counted: &count::Counted, summary: &Summary, out: &mut dyn Write) -> Result<(), Failure> {
    if counted.n_revised > 0 {
        tracing::warn!(
            n_revised = counted.n_revised,
            "votes that a rater gave anew on the same question; the last by time counts"
        );
    }
    if counted.n_of_other_pairs > 0 {
        tracing::warn!(
            n_votes = counted.n_of_other_pairs,
            "votes for pairs that are not shown any more are not counted"
        );
    }
    let mut text = format!("{} votes ({} repeated)\n", counted.votes.len(), counted.n_repeated);
    if !summary.tests.is_empty() {
        text += &format!(
            "{:<22} {:>7} {:>7} {:>7} {:>7}   {:<22} {:>7} {:>6}\n",
            "asked", "coarse", "fine", "unsure", "votes", "fine, of the decided", "p", "alpha"
        );
    }
    for test in &summary.tests {
        let share = |row: &&SxsSummary| format!("{:.1}", 100.0 * row.share);
        let shares: Vec<String> = summary
            .shares
            .iter()
            .filter(|row| row.aspect == test.aspect)
            .collect::<Vec<_>>()
            .iter()
            .map(share)
            .collect();
        text += &format!(
            "{:<22} {:>7} {:>7} {:>7} {:>7}   {:<22} {:>7} {:>6}\n",
            test.aspect,
            shares.first().map_or("", String::as_str),
            shares.get(1).map_or("", String::as_str),
            shares.get(2).map_or("", String::as_str),
            test.n_votes,
            of_decided(test),
            test.p_value.map_or("-".to_owned(), |p| format!("{p:.3}")),
            test.alpha.map_or("-".to_owned(), |alpha| format!("{alpha:.2}")),
        );
    }
    write!(out, "{text}").map_err(failed)
}

fn of_decided(test: &SxsTest) -> String {
    let percent = |share: f64| format!("{:.1}", 100.0 * share);
    match (test.fine_share, test.ci_low.zip(test.ci_high)) {
        (Some(share), Some((low, high))) => format!("{} [{}, {}]", percent(share), percent(low), percent(high)),
        (Some(share), None) => percent(share),
        (None, _) => "-".to_owned(),
    }
}

fn write_table<T: Table>(file: &Path, rows: &[T]) -> Result<(), Failure> {
    let writer = TableWriter::create(Vec::new(), &[], rows).map_err(failed)?;
    let (bytes, _, _) = writer.finish().map_err(failed)?;
    out_file::write(file, &bytes).map_err(failed)?;
    tracing::info!(n_rows = rows.len(), "`{}` written", file.display());
    Ok(())
}
