//! The files of a demo world, written so that a kill at any moment leaves something that the next call repairs.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::DemoError;
use crate::factors::{Factor, Factors};
use crate::generator::GENERATORS;
use crate::prompt::{Prompt, prompts};
use crate::render;
use crate::scene::TrueScene;
use crate::seeded;
use crate::taste::{RatingRow, Taste};

/// Certifies a whole world; written last.
pub const CERTIFICATE: &str = "demo.json";
/// Says that the folder is ours while it is not whole yet; written first.
const MARKER: &str = "demo.incomplete";
/// The true scenes, one JSON object a line.
pub const SCENES: &str = "truth/scenes.jsonl";

// Part of the certificate: a world of an older program is written anew.
const FORMAT: u32 = 1;

/// What determines a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorldSettings {
    /// How many prompts, from 1 to 9999; four images each.
    pub prompts: usize,
    /// Seeds prompts, pictures, raters and the simulated VLM's answers.
    pub seed: u64,
}

/// What a world holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorldSummary {
    /// The folder.
    pub folder: PathBuf,
    /// Prompts.
    pub n_prompts: usize,
    /// Images.
    pub n_images: usize,
    /// Ratings.
    pub n_ratings: usize,
    /// blake3 over every file as it was written.
    pub digest: String,
    /// False if it was found whole and nothing was done.
    pub written: bool,
}

/// `demo.json`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Certificate {
    note: String,
    format: u32,
    /// What determined the world.
    pub settings: WorldSettings,
    n_prompts: usize,
    n_images: usize,
    n_ratings: usize,
    image_bytes: u64,
    digest: String,
}

/// Writes the demo world into a folder, or finds it there.
///
/// A folder that holds a whole world of the same settings is left as it is, edits to its CSV files included: only
/// the presence of the files and the sizes of the images are looked at. Anything else of ours there (another seed's
/// world, half a world) is replaced.
///
/// # Errors
/// [`DemoError::Setting`], [`DemoError::NotADemoWorld`] if the folder holds such files of someone else, and whatever
/// reading, drawing or writing runs into.
pub fn write_world(folder: &Path, settings: &WorldSettings) -> Result<WorldSummary, DemoError> {
    if !(1..=9999).contains(&settings.prompts) {
        let value = settings.prompts.to_string();
        return Err(DemoError::Setting { setting: "prompts", value, expected: "from 1 to 9999" });
    }
    if let Some(certificate) = read_certificate(folder)?
        && certificate.settings == *settings
        && is_whole(folder, &certificate)
    {
        return Ok(certificate.summary(folder, false));
    }
    clear(folder)?;
    let certificate = write_files(folder, settings)?;
    let path = folder.join(CERTIFICATE);
    let mut text =
        serde_json::to_vec_pretty(&certificate).map_err(|source| DemoError::Json { path: path.clone(), source })?;
    text.push(b'\n');
    write(&path, &text)?;
    remove_file(&folder.join(MARKER))?;
    Ok(certificate.summary(folder, true))
}

/// The certificate of a folder's world; `None` if there is none, or if it is not of this program's version.
pub fn read_certificate(folder: &Path) -> Result<Option<Certificate>, DemoError> {
    let path = folder.join(CERTIFICATE);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(e) if matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(source) => return Err(DemoError::Read { path, source }),
    };
    Ok(serde_json::from_slice::<Certificate>(&text).ok().filter(|certificate| certificate.format == FORMAT))
}

impl Certificate {
    fn summary(&self, folder: &Path, written: bool) -> WorldSummary {
        WorldSummary {
            folder: folder.to_owned(),
            n_prompts: self.n_prompts,
            n_images: self.n_images,
            n_ratings: self.n_ratings,
            digest: self.digest.clone(),
            written,
        }
    }
}

fn is_whole(folder: &Path, certificate: &Certificate) -> bool {
    let present = |name: &str| folder.join(name).is_file();
    if !["prompts.csv", "images.csv", "ratings.csv", SCENES, "truth/taste.json"].iter().all(|name| present(name)) {
        return false;
    }
    let Ok(entries) = fs::read_dir(folder.join("images")) else { return false };
    let (mut n_images, mut image_bytes) = (0, 0);
    for entry in entries.flatten().filter(|entry| entry.path().extension().is_some_and(|e| e == "png")) {
        n_images += 1;
        image_bytes += entry.metadata().map_or(0, |metadata| metadata.len());
    }
    n_images == certificate.n_images && image_bytes == certificate.image_bytes
}

// Makes room. Ours are only folders with a certificate or a marker; of those, only what we write is removed.
fn clear(folder: &Path) -> Result<(), DemoError> {
    fs::create_dir_all(folder).map_err(|source| DemoError::Write { path: folder.to_owned(), source })?;
    let ours = folder.join(CERTIFICATE).exists() || folder.join(MARKER).exists();
    for name in ["prompts.csv", "images.csv", "ratings.csv", "images", "truth"] {
        if !ours && folder.join(name).exists() {
            return Err(DemoError::NotADemoWorld { folder: folder.to_owned(), name: name.to_owned() });
        }
    }
    write(&folder.join(MARKER), b"a demo world is being written here; `finegrain demo` finishes it\n")?;
    remove_file(&folder.join(CERTIFICATE))?;
    for name in ["images", "truth"] {
        let path = folder.join(name);
        match fs::remove_dir_all(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(DemoError::Write { path, source });
            }
            _ => fs::create_dir_all(&path).map_err(|source| DemoError::Write { path, source })?,
        }
    }
    Ok(())
}

struct DrawnImage {
    truth: TrueScene,
    ratings: Vec<RatingRow>,
    bytes: u64,
    digest: blake3::Hash,
}

fn write_files(folder: &Path, settings: &WorldSettings) -> Result<Certificate, DemoError> {
    let prompts = prompts(settings.prompts, settings.seed)?;
    let taste = Taste::new(settings.seed);
    let jobs: Vec<(&Prompt, usize)> = prompts.iter().flat_map(|p| (0..GENERATORS.len()).map(move |g| (p, g))).collect();
    let images: Vec<DrawnImage> = jobs
        .par_iter()
        .map(|&(prompt, g)| image(folder, settings.seed, &taste, prompt, g))
        .collect::<Result<_, _>>()?;

    let mut prompts_csv = "prompt_id,prompt,category,challenge\n".to_owned();
    for p in &prompts {
        prompts_csv += &csv_line(&[&p.prompt_id, &p.text, p.category, p.challenge]);
    }
    let mut images_csv = "image_id,prompt_id,generator,path\n".to_owned();
    let mut ratings_csv = "image_id,rater_id,aspect,context,rating,seconds\n".to_owned();
    let mut scenes = Vec::new();
    let mut n_ratings = 0;
    for DrawnImage { truth, ratings, .. } in &images {
        let path = format!("{}.png", truth.image_id);
        images_csv += &csv_line(&[&truth.image_id, &truth.prompt_id, &truth.generator, &path]);
        for r in ratings {
            let (rating, seconds) = (r.rating.to_string(), format!("{:.1}", r.seconds));
            ratings_csv +=
                &csv_line(&[&r.image_id, &r.rater_id, r.aspect, r.context.unwrap_or_default(), &rating, &seconds]);
        }
        n_ratings += ratings.len();
        let json = |source| DemoError::Json { path: folder.join(SCENES), source };
        serde_json::to_writer(&mut scenes, truth).map_err(json)?;
        scenes.push(b'\n');
    }
    let taste_path = folder.join("truth/taste.json");
    let taste = serde_json::to_vec_pretty(&taste).map_err(|source| DemoError::Json { path: taste_path, source })?;

    let mut digest = blake3::Hasher::new();
    for image in &images {
        digest.update(image.digest.as_bytes());
    }
    let files: [(&str, &[u8]); 5] = [
        ("prompts.csv", prompts_csv.as_bytes()),
        ("images.csv", images_csv.as_bytes()),
        ("ratings.csv", ratings_csv.as_bytes()),
        (SCENES, &scenes),
        ("truth/taste.json", &taste),
    ];
    for (name, bytes) in files {
        write(&folder.join(name), bytes)?;
        digest.update(blake3::hash(bytes).as_bytes());
    }
    Ok(Certificate {
        note: "simulated: generated images, raters and VLM; no real person or model is behind these numbers".to_owned(),
        format: FORMAT,
        settings: *settings,
        n_prompts: prompts.len(),
        n_images: images.len(),
        n_ratings,
        image_bytes: images.iter().map(|image| image.bytes).sum(),
        digest: digest.finalize().to_hex().to_string(),
    })
}

fn image(folder: &Path, seed: u64, taste: &Taste, prompt: &Prompt, g: usize) -> Result<DrawnImage, DemoError> {
    let generator = &GENERATORS[g];
    let image_id = format!("{}-{}", prompt.prompt_id, generator.name);
    let scene = generator.paint(prompt, &mut seeded::rng(seed, &format!("scene/{image_id}")));
    let png = render::png(&scene, seed, &image_id)?;
    write(&folder.join("images").join(format!("{image_id}.png")), &png)?;
    let (alignment, omissions) = scene.compare(prompt);
    let goodness = taste.goodness(seed, &image_id, &scene, &alignment);
    let mut p_quality = Factors::all(0.0);
    for &factor in Factor::ALL {
        p_quality.set(factor, scene.factors.true_probability(factor));
    }
    Ok(DrawnImage {
        ratings: taste.ratings(seed, &image_id, &scene.factors, goodness),
        bytes: png.len() as u64,
        digest: blake3::hash(&png),
        truth: TrueScene {
            image_id,
            prompt_id: prompt.prompt_id.clone(),
            generator: generator.name.to_owned(),
            sha256: hex::encode(Sha256::digest(&png)),
            relations: scene.relations_in_words(),
            scene,
            omissions,
            alignment,
            p_quality,
            goodness,
        },
    })
}

fn csv_line(cells: &[&str]) -> String {
    let cell = |text: &&str| {
        if text.contains([',', '"', '\n', '\r']) {
            format!("\"{}\"", text.replace('"', "\"\""))
        } else {
            (*text).to_owned()
        }
    };
    cells.iter().map(cell).collect::<Vec<_>>().join(",") + "\n"
}

// Beside the place, then renamed: whoever reads sees all of a file or none of it.
fn write(path: &Path, bytes: &[u8]) -> Result<(), DemoError> {
    let fail = |source| DemoError::Write { path: path.to_owned(), source };
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    let mut file = fs::File::create(&part).map_err(fail)?;
    file.write_all(bytes).map_err(fail)?;
    drop(file);
    fs::rename(&part, path).map_err(fail)
}

fn remove_file(path: &Path) -> Result<(), DemoError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(DemoError::Write { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn settings(prompts: usize, seed: u64) -> WorldSettings {
        WorldSettings { prompts, seed }
    }

    fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut all = BTreeMap::new();
        for part in ["", "images", "truth"] {
            for entry in fs::read_dir(folder.join(part)).unwrap().flatten() {
                if entry.path().is_file() {
                    let name = entry.path().strip_prefix(folder).unwrap().to_owned();
                    all.insert(name, fs::read(entry.path()).unwrap());
                }
            }
        }
        all
    }

    #[test]
    fn the_same_seed_writes_the_same_bytes_on_any_number_of_threads_and_another_seed_does_not() {
        let (a, b, c) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let summary = write_world(a.path(), &settings(5, 1)).unwrap();
        assert_eq!((summary.n_prompts, summary.n_images, summary.n_ratings, summary.written), (5, 20, 300, true));
        let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let again = one_thread.install(|| write_world(b.path(), &settings(5, 1))).unwrap();
        assert_eq!(files(a.path()), files(b.path()));
        assert_eq!(summary.digest, again.digest);
        assert_ne!(write_world(c.path(), &settings(5, 2)).unwrap().digest, summary.digest);
    }

    #[test]
    fn a_whole_world_is_left_alone_with_its_edits() {
        let folder = tempfile::tempdir().unwrap();
        let first = write_world(folder.path(), &settings(3, 1)).unwrap();
        let ratings = folder.path().join("ratings.csv");
        fs::write(&ratings, "edited").unwrap();
        let second = write_world(folder.path(), &settings(3, 1)).unwrap();
        assert_eq!(second, WorldSummary { written: false, ..first });
        assert_eq!(fs::read_to_string(ratings).unwrap(), "edited");
    }

    #[test]
    fn half_a_world_is_repaired() {
        let whole = tempfile::tempdir().unwrap();
        write_world(whole.path(), &settings(3, 1)).unwrap();
        let expect = files(whole.path());
        let damages: [&dyn Fn(&Path); 5] = [
            &|folder| fs::remove_file(folder.join("images/p0002-melt.png")).unwrap(),
            &|folder| fs::write(folder.join("images/p0002-melt.png"), "cut").unwrap(),
            &|folder| fs::remove_file(folder.join("images.csv")).unwrap(),
            &|folder| fs::write(folder.join(CERTIFICATE), "{\"for").unwrap(),
            // Killed while it was written.
            &|folder| {
                fs::rename(folder.join(CERTIFICATE), folder.join(MARKER)).unwrap();
                fs::write(folder.join("images/p0001-melt.png.part"), "half").unwrap();
                fs::remove_dir_all(folder.join("truth")).unwrap();
            },
        ];
        for (i, damage) in damages.iter().enumerate() {
            damage(whole.path());
            assert!(write_world(whole.path(), &settings(3, 1)).unwrap().written, "damage {i}");
            assert_eq!(files(whole.path()), expect, "damage {i}");
        }
    }

    #[test]
    fn other_settings_replace_the_world_and_leave_nothing_behind() {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        write_world(a.path(), &settings(4, 1)).unwrap();
        write_world(a.path(), &settings(2, 7)).unwrap();
        write_world(b.path(), &settings(2, 7)).unwrap();
        assert_eq!(files(a.path()), files(b.path()));
    }

    #[test]
    fn files_of_someone_else_are_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("prompts.csv"), "mine").unwrap();
        let error = write_world(folder.path(), &settings(2, 1)).unwrap_err();
        assert!(matches!(error, DemoError::NotADemoWorld { .. }), "{error}");
        assert_eq!(fs::read_to_string(folder.path().join("prompts.csv")).unwrap(), "mine");
        for n in [0, 10_000] {
            let error = write_world(folder.path(), &settings(n, 1)).unwrap_err();
            assert!(error.to_string().contains("from 1 to 9999"), "{error}");
        }
    }

    #[test]
    fn the_truth_tells_every_image_with_the_digest_of_its_file() {
        let folder = tempfile::tempdir().unwrap();
        write_world(folder.path(), &settings(3, 4)).unwrap();
        let text = fs::read_to_string(folder.path().join(SCENES)).unwrap();
        let scenes: Vec<TrueScene> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let images = fs::read_to_string(folder.path().join("images.csv")).unwrap();
        assert_eq!(images.lines().count(), scenes.len() + 1);
        for scene in &scenes {
            let file = fs::read(folder.path().join(format!("images/{}.png", scene.image_id))).unwrap();
            assert_eq!(hex::encode(Sha256::digest(&file)), scene.sha256);
            assert!(scene.p_quality.bright > 0.0 && scene.p_quality.bright < 1.0);
        }
        let digests: std::collections::HashSet<&str> = scenes.iter().map(|s| s.sha256.as_str()).collect();
        assert_eq!(digests.len(), scenes.len(), "no two pictures are alike");
    }

    #[test]
    fn a_cell_with_a_comma_or_a_quote_is_quoted() {
        assert_eq!(csv_line(&["a", "b,c", "d\"e"]), "a,\"b,c\",\"d\"\"e\"\n");
    }

    /// On request: `DEMO_SHEET=sheet.png cargo nextest run --run-ignored only contact_sheet`.
    #[test]
    #[ignore = "writes a picture to look at"]
    fn contact_sheet() {
        let folder = tempfile::tempdir().unwrap();
        write_world(folder.path(), &settings(14, 0)).unwrap();
        let mut sheet = image::RgbImage::new(8 * 196, 7 * 196);
        for (i, prompt) in prompts(14, 0).unwrap().iter().enumerate() {
            println!("row {} half {}: {}", i / 2, i % 2, prompt.text);
            for (g, generator) in GENERATORS.iter().enumerate() {
                let path = folder.path().join(format!("images/{}-{}.png", prompt.prompt_id, generator.name));
                let picture = image::open(path).unwrap().to_rgb8();
                let (x, y) = (196 * ((i % 2) * 4 + g), 196 * (i / 2));
                image::imageops::replace(&mut sheet, &picture, x as i64, y as i64);
            }
        }
        sheet.save(std::env::var("DEMO_SHEET").unwrap()).unwrap();
    }

    /// On request: prints how long the default world takes to write and to find.
    #[test]
    #[ignore = "a measurement"]
    fn default_world_speed() {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            let start = std::time::Instant::now();
            let summary = write_world(folder.path(), &settings(200, 0)).unwrap();
            println!("written: {}, {:.3} s", summary.written, start.elapsed().as_secs_f64());
        }
        let certificate = read_certificate(folder.path()).unwrap().unwrap();
        println!("{} bytes an image", certificate.image_bytes / certificate.n_images as u64);
    }
}
