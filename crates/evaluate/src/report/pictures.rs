//! Which images a model finds most and least so, and small copies of them for the page (Fig. 9).
//!
//! An attribute is judged by the concept predictor of the largest feedback set that has it, at its largest size, averaged
//! over seeds, on the test split; where no network was trained for it, by its scores. Nothing here fails for a picture: one
//! that is not there, or cannot be read, is shown as missing.

use image::DynamicImage;
use rayon::prelude::*;
use shown_pictures::Opened;
use std::collections::{BTreeMap, HashMap, HashSet};
use tables::{ConceptPrediction, Image, ImageFiles, ScoreSource, Split, StageRun, TableError};

use crate::inputs::Inputs;
use crate::settings::ContactSheets;

/// The largest file that is read for a small copy.
const MAX_FILE_BYTES: u64 = 64 << 20;
/// Quality of the small copies, of 100.
const QUALITY: u8 = 82;

/// The images that show one attribute most and least.
#[derive(Debug, Clone, PartialEq)]
pub struct ContactSheet {
    /// The attribute.
    pub attribute: String,
    /// Who judged: a model or a source of scores.
    pub judge: String,
    /// Highest first.
    pub highest: Vec<Shown>,
    /// Lowest first.
    pub lowest: Vec<Shown>,
}

/// One image of a contact sheet.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// The image.
    pub image_id: String,
    /// How much of the attribute it shows, says the judge.
    pub value: f64,
    /// Its small copy, a JPEG; or why there is none.
    pub copy: Result<Vec<u8>, String>,
}

/// One attribute's images with their values, before any picture is read.
struct Judged<'a> {
    attribute: &'a str,
    judge: String,
    values: Vec<(&'a str, f64)>,
}

/// Every attribute's contact sheet, in the order of the largest feedback set; none if no image has pixels.
///
/// # Errors
/// [`TableError`] if `concept_predictions` cannot be read.
pub fn contact_sheets(
    run: &StageRun,
    inputs: &Inputs,
    settings: &ContactSheets,
) -> Result<Vec<ContactSheet>, TableError> {
    if inputs.images.iter().all(|image| image.path.is_none()) {
        return Ok(Vec::new());
    }
    let judges = judges(inputs);
    let mut sums = Sums::new(inputs, &judges);
    run.reader::<ConceptPrediction>()?.for_each_chunk(|rows| rows.iter().for_each(|row| sums.add(row)))?;
    Ok(sheets(&judged(inputs, &judges, &sums), inputs, run.images(), settings))
}

/// What the judges say of the test images, added up over seeds.
struct Sums<'a> {
    judges: &'a BTreeMap<&'a str, Judge<'a>>,
    places: HashMap<&'a str, usize>,
    of_attribute: BTreeMap<&'a str, Vec<(f64, u32)>>,
}

impl<'a> Sums<'a> {
    fn new(inputs: &'a Inputs, judges: &'a BTreeMap<&'a str, Judge<'a>>) -> Self {
        let test = inputs.images.iter().filter(|image| image.split == Split::Test);
        let places: HashMap<&str, usize> = test.map(|image| image.image_id.as_str()).zip(0..).collect();
        let none = vec![(0.0, 0); places.len()];
        let of_attribute = judges.keys().map(|attribute| (*attribute, none.clone())).collect();
        Self { judges, places, of_attribute }
    }

    fn add(&mut self, row: &ConceptPrediction) {
        let judge = self.judges.get(row.attribute.as_str());
        if judge.is_some_and(|judge| judge.runs.contains(&row.run_id.as_str()))
            && let Some(place) = self.places.get(row.image_id.as_str())
            && let Some(of_image) = self.of_attribute.get_mut(row.attribute.as_str())
        {
            let (sum, n) = &mut of_image[*place];
            (*sum, *n) = (*sum + row.p, *n + 1);
        }
    }

    fn means(&self, attribute: &str) -> Vec<(&'a str, f64)> {
        let Some(of_image) = self.of_attribute.get(attribute) else { return Vec::new() };
        let mean = |(id, place): (&&'a str, &usize)| {
            let (sum, n) = of_image[*place];
            (n > 0).then(|| (*id, sum / f64::from(n)))
        };
        self.places.iter().filter_map(mean).collect()
    }
}

/// The models that judge one attribute: one arm at one size, all its seeds.
struct Judge<'a> {
    name: String,
    runs: Vec<&'a str>,
}

/// For each attribute the models of the arm with the most attributes, then the largest size.
fn judges(inputs: &Inputs) -> BTreeMap<&str, Judge<'_>> {
    let mut points: BTreeMap<(&str, &str, i64), Vec<&tables::RewardModel>> = BTreeMap::new();
    for model in inputs.reward_models.iter().filter(|model| model.reason.is_none() && model.inputs != "scores") {
        points.entry((&model.experiment, &model.arm, model.n_train)).or_default().push(model);
    }
    let mut best: BTreeMap<&str, ((usize, i64), Judge)> = BTreeMap::new();
    for ((experiment, arm, n_train), models) in points {
        let rank = (models[0].attributes.len(), n_train);
        for attribute in &models[0].attributes {
            if best.get(attribute.as_str()).is_none_or(|(found, _)| rank > *found) {
                let name = format!("\u{201c}{arm}\u{201d} of \u{201c}{experiment}\u{201d}, {n_train} training images");
                let runs = models.iter().map(|model| model.run_id.as_str()).collect();
                best.insert(attribute, (rank, Judge { name, runs }));
            }
        }
    }
    best.into_iter().map(|(attribute, (_, judge))| (attribute, judge)).collect()
}

fn judged<'a>(inputs: &'a Inputs, judges: &BTreeMap<&'a str, Judge<'a>>, sums: &Sums<'a>) -> Vec<Judged<'a>> {
    let mut scores: BTreeMap<&str, BTreeMap<ScoreSource, Vec<(&str, f64)>>> = BTreeMap::new();
    for score in &inputs.attribute_scores {
        if let Some(value) = score.score.filter(|value| value.is_finite()) {
            let of_source = scores.entry(&score.attribute).or_default().entry(score.source).or_default();
            of_source.push((&score.image_id, value));
        }
    }
    let by_models = judges.iter().filter_map(|(attribute, judge)| {
        let values = sums.means(attribute);
        let judge = format!("the concept predictor of {}, on the test split", judge.name);
        (!values.is_empty()).then_some(Judged { attribute, judge, values })
    });
    let mut judged: Vec<Judged> = by_models.collect();
    let known: HashSet<&str> = judged.iter().map(|one| one.attribute).collect();
    for (attribute, mut sources) in scores {
        if !known.contains(attribute)
            && let Some((source, values)) = sources.pop_first()
        {
            let judge = match source {
                ScoreSource::Vlm => "the VLM\u{2019}s scores",
                ScoreSource::Human => "people\u{2019}s scores",
                ScoreSource::Import => "the imported scores",
            };
            judged.push(Judged { attribute, judge: judge.to_owned(), values });
        }
    }
    judged.sort_by_key(|one| one.attribute);
    judged
}

fn sheets(judged: &[Judged], inputs: &Inputs, files: &ImageFiles, settings: &ContactSheets) -> Vec<ContactSheet> {
    let ends: Vec<(Vec<_>, Vec<_>)> = judged.iter().map(|one| ends(&one.values, settings.images)).collect();
    let images = inputs.images_by_id();
    let needed: BTreeMap<&str, &Image> = ends
        .iter()
        .flat_map(|(high, low)| high.iter().chain(low))
        .filter_map(|(id, _)| images.get(id).map(|image| (*id, *image)))
        .collect();
    let copies: HashMap<&str, Result<Vec<u8>, String>> =
        needed.into_par_iter().map(|(id, image)| (id, small_copy(image, files, settings.side))).collect();
    let mut bytes_left = settings.max_bytes;
    let mut shown = |(id, value): &(&str, f64)| {
        let copy = copies.get(id).cloned().unwrap_or_else(|| Err("not in `images`".to_owned()));
        let copy = copy.and_then(|jpeg| {
            bytes_left = bytes_left.checked_sub(jpeg.len() as u64).ok_or("left out: the page would grow too large")?;
            Ok(jpeg)
        });
        Shown { image_id: (*id).to_owned(), value: *value, copy }
    };
    let sheet = |(one, (highest, lowest)): (&Judged, &(Vec<_>, Vec<_>))| ContactSheet {
        attribute: one.attribute.to_owned(),
        judge: one.judge.clone(),
        highest: highest.iter().map(&mut shown).collect(),
        lowest: lowest.iter().map(&mut shown).collect(),
    };
    judged.iter().zip(&ends).map(sheet).collect()
}

type Ends<'a> = (Vec<(&'a str, f64)>, Vec<(&'a str, f64)>);

/// The `n` highest and the `n` lowest, each extreme first; no image is in both, and equal values stand by id.
fn ends<'a>(values: &[(&'a str, f64)], n: usize) -> Ends<'a> {
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    let n_high = n.min(sorted.len().div_ceil(2));
    let n_low = n.min(sorted.len() - n_high);
    let low = sorted[sorted.len() - n_low..].iter().rev().copied().collect();
    sorted.truncate(n_high);
    (sorted, low)
}

/// A JPEG of at most `side` pixels either way; or why there is none, in words.
fn small_copy(image: &Image, files: &ImageFiles, side: u32) -> Result<Vec<u8>, String> {
    let path = image.path.as_deref().ok_or("it has no pixels")?;
    let bytes = files.read(path, MAX_FILE_BYTES).map_err(|error| error.to_string())?;
    let unreadable = |error: image::ImageError| format!("`{path}` cannot be read: {error}");
    let shown = Opened::new(&bytes).and_then(Opened::shown).map_err(unreadable)?;
    // Quicker than `shown_pictures::scaled`, and no worse at this size.
    let small = DynamicImage::from(shown).thumbnail(side, side).into_rgb8();
    shown_pictures::jpeg(&small, QUALITY).map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage};

    use super::*;
    use crate::fixtures::{image, model, score};

    fn settings() -> ContactSheets {
        ContactSheets { images: 2, side: 32, max_bytes: 100_000 }
    }

    /// Images `p0-0`, `p1-0`, …, each a picture that is brighter than the one before.
    fn world(n: u8) -> (tempfile::TempDir, Inputs, ImageFiles) {
        let folder = tempfile::tempdir().unwrap();
        let mut inputs = Inputs::default();
        for at in 0..n {
            let mut row = image(&format!("p{at}-0"), Split::Test);
            let file = format!("{at}.png");
            RgbImage::from_pixel(200, 100, Rgb([at * 20; 3])).save(folder.path().join(&file)).unwrap();
            row.path = Some(file);
            inputs.attribute_scores.push(score(&row.image_id, "bright", ScoreSource::Vlm, Some(f64::from(at) / 10.0)));
            inputs.images.push(row);
        }
        let files = ImageFiles::open(&folder.path().into()).unwrap();
        (folder, inputs, files)
    }

    fn made(inputs: &Inputs, files: &ImageFiles, settings: &ContactSheets) -> Vec<ContactSheet> {
        let judges = judges(inputs);
        sheets(&judged(inputs, &judges, &Sums::new(inputs, &judges)), inputs, files, settings)
    }

    fn ids(shown: &[Shown]) -> Vec<&str> {
        shown.iter().map(|one| one.image_id.as_str()).collect()
    }

    #[test]
    fn the_extremes_are_shown_as_small_jpegs_of_the_right_pictures() {
        let (_folder, inputs, files) = world(6);
        let sheets = made(&inputs, &files, &settings());
        assert_eq!((sheets.len(), sheets[0].attribute.as_str()), (1, "bright"));
        assert_eq!((ids(&sheets[0].highest), ids(&sheets[0].lowest)), (vec!["p5-0", "p4-0"], vec!["p0-0", "p1-0"]));
        let picture = image::load_from_memory(sheets[0].highest[0].copy.as_ref().unwrap()).unwrap().to_rgb8();
        assert_eq!(picture.dimensions(), (32, 16));
        assert!(picture.get_pixel(8, 8).0.iter().all(|part| part.abs_diff(100) < 4));
    }

    #[test]
    fn few_images_are_never_both_best_and_worst() {
        for (n, high, low) in [(0, 0, 0), (1, 1, 0), (2, 1, 1), (3, 2, 1), (9, 2, 2)] {
            let names: Vec<String> = (0..n).map(|at| format!("i{at}")).collect();
            let values: Vec<(&str, f64)> = names.iter().map(|name| (name.as_str(), 0.5)).collect();
            let (highest, lowest) = ends(&values, 2);
            assert_eq!((highest.len(), lowest.len()), (high, low), "{n}");
        }
    }

    #[test]
    fn a_picture_that_is_missing_broken_or_outside_is_said_to_be() {
        let (folder, mut inputs, files) = world(4);
        std::fs::write(folder.path().join("3.png"), b"no picture").unwrap();
        std::fs::remove_file(folder.path().join("2.png")).unwrap();
        inputs.images[1].path = Some("../1.png".to_owned());
        inputs.images[0].path = None;
        let sheet = &made(&inputs, &files, &settings())[0];
        let why = |shown: &Shown| shown.copy.clone().unwrap_err();
        assert!(why(&sheet.highest[0]).contains("`3.png` cannot be read"), "{:?}", sheet.highest[0]);
        assert_eq!(why(&sheet.highest[1]), "`2.png` is not there");
        assert_eq!(why(&sheet.lowest[0]), "it has no pixels");
        assert_eq!(why(&sheet.lowest[1]), "`../1.png` leaves the image root");
    }

    #[test]
    fn the_page_stays_small() {
        let (_folder, inputs, files) = world(6);
        let sheet = &made(&inputs, &files, &ContactSheets { max_bytes: 1_500, ..settings() })[0];
        let all: Vec<_> = sheet.highest.iter().chain(&sheet.lowest).collect();
        let kept: usize = all.iter().filter_map(|one| one.copy.as_ref().ok()).map(Vec::len).sum();
        assert!((1..=1_500).contains(&kept) && all.iter().any(|one| one.copy.is_err()), "{kept}");
    }

    #[test]
    fn the_largest_set_at_its_largest_size_judges() {
        let mut inputs = Inputs {
            reward_models: vec![
                model("e", "small", &["bright"], 400, 0),
                model("e", "all", &["bright", "funny"], 100, 0),
                model("e", "all", &["bright", "funny"], 200, 0),
                model("e", "all", &["bright", "funny"], 200, 1),
            ],
            ..Inputs::default()
        };
        let mut untrained = model("e", "all", &["bright", "funny"], 400, 0);
        untrained.reason = Some("one class only".to_owned());
        inputs.reward_models.push(untrained);
        inputs.images = vec![image("p1-0", Split::Test), image("p2-0", Split::Train)];
        let judges = judges(&inputs);
        assert_eq!(judges["bright"].runs, ["e/all/n200/s0", "e/all/n200/s1"]);

        let mut sums = Sums::new(&inputs, &judges);
        for (run_id, image_id, p) in [
            ("e/all/n200/s0", "p1-0", 0.2),
            ("e/all/n200/s1", "p1-0", 0.6),
            ("e/all/n100/s0", "p1-0", 1.0),
            ("e/all/n200/s0", "p2-0", 1.0),
            ("e/all/n200/s0", "p9-0", 1.0),
        ] {
            let (run_id, image_id) = (run_id.to_owned(), image_id.to_owned());
            sums.add(&ConceptPrediction { run_id, image_id, attribute: "bright".to_owned(), p });
        }
        assert_eq!(sums.means("bright"), [("p1-0", 0.4)]);
    }
}
