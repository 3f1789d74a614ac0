//! The whole stage on real files in a folder of its own.

use std::io::Cursor;
use std::path::PathBuf;

use tables::{ProgressStyle, Storage};

use super::*;

/// A small data set: two prompts, four images, ratings of all of them.
struct World {
    folder: tempfile::TempDir,
}

const SETTINGS: &str = "
sources: {prompts: FOLDER/prompts.csv, images: FOLDER/images.csv, ratings: FOLDER/ratings.csv}
prompts: SELECT * FROM prompts
images: SELECT image_id, prompt_id, generator, path FROM images
ratings: SELECT image_id, rater_id, aspect, rating, seconds FROM ratings
split: {train: 0.5, validation: 0, test: 0.5, seed: 0}
on_bad_image: fail
max_image_bytes: 1000000
max_image_pixels: 1000000
";

impl World {
    fn new() -> Self {
        let world = Self { folder: tempfile::tempdir().unwrap() };
        world.put("prompts.csv", "prompt_id,prompt\n2,a cat\n1,\"a dog, running\"\n");
        world.put(
            "images.csv",
            "image_id,prompt_id,generator,path\ni1,1,A,a/i1.png\ni2,1,B,a/i2.jpg\ni3,2,A,i3.png\ni4,2,,i4.png\n",
        );
        world.put(
            "ratings.csv",
            "image_id,rater_id,aspect,rating,seconds\ni2,7,overall,1,\ni1,8,overall,4,2.5\ni1,7,overall,3,1.5\ni3,7,realism,2,\ni4,7,overall,5,9\n",
        );
        world.put_image("a/i1.png", 1);
        world.put_image("a/i2.jpg", 2);
        world.put_image("i3.png", 3);
        world.put_image("i4.png", 4);
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        std::fs::write(self.path(name), content).unwrap();
    }

    fn put_image(&self, name: &str, value: u8) {
        let mut bytes = Cursor::new(Vec::new());
        let format = image::ImageFormat::from_path(name).unwrap();
        image::RgbImage::from_pixel(8, 6, image::Rgb([value, 0, 0])).write_to(&mut bytes, format).unwrap();
        self.put(&format!("images/{name}"), bytes.into_inner());
    }

    fn append(&self, name: &str, line: &str) {
        let before = std::fs::read_to_string(self.path(name)).unwrap();
        self.put(name, before + line + "\n");
    }

    fn replace(&self, name: &str, from: &str, to: &str) {
        let before = std::fs::read_to_string(self.path(name)).unwrap();
        assert!(before.contains(from), "{name} has no {from}");
        self.put(name, before.replace(from, to));
    }

    fn settings(&self, from: &str, to: &str) -> Settings {
        assert!(SETTINGS.contains(from));
        let text = SETTINGS.replace(from, to).replace("FOLDER", &self.folder.path().display().to_string());
        serde_yaml::from_str(&text).unwrap()
    }

    fn images(&self) -> ImageFiles {
        ImageFiles::open(&self.path("images").as_path().into()).unwrap()
    }

    fn storage(&self) -> Storage {
        Storage::open(&self.path("run").as_path().into()).unwrap()
    }

    fn run_with(&self, settings: Settings) -> Result<(Counts, Tables), StageError> {
        let mut run = StageRun::new(self.storage(), StageName::Ingest, self.images(), ProgressStyle::Silent);
        let counts = Ingest::new(settings).unwrap().run(&mut run)?;
        run.into_staging().commit("runs/ingest.json", "{}").unwrap();
        Ok((counts, Tables::new(self.storage())))
    }

    fn run(&self) -> Result<(Counts, Tables), StageError> {
        self.run_with(self.settings("fail", "fail"))
    }

    /// What the failed run says; nothing of it is visible.
    fn failure(&self) -> String {
        let message = message(self.run());
        assert!(Tables::new(self.storage()).open::<Prompt>().unwrap().is_none());
        message
    }
}

fn message(result: Result<(Counts, Tables), StageError>) -> String {
    let error = result.err().expect("the run fails");
    assert!(!error.retry_later);
    error.source.to_string()
}

#[test]
fn raw_files_become_four_tables_that_keep_their_contracts() {
    let world = World::new();
    let (counts, tables) = world.run().unwrap();
    assert_eq!((counts["prompts"], counts["images"], counts["ratings"]), (2, 4, 5));
    assert_eq!((counts["skipped_images"], counts["duplicates_across_splits"]), (0, 0));
    let prompts: Vec<Prompt> = tables.read().unwrap();
    assert_eq!((prompts[0].prompt_id.as_str(), prompts[0].prompt.as_str()), ("1", "a dog, running"));
    assert_ne!(prompts[0].split, prompts[1].split);
    let images: Vec<Image> = tables.read().unwrap();
    assert_eq!(images.iter().map(|image| image.image_id.as_str()).collect::<Vec<_>>(), ["i1", "i2", "i3", "i4"]);
    assert_eq!((images[0].width, images[0].height, images[3].generator.as_deref()), (Some(8), Some(6), None));
    let on_disk = std::fs::metadata(world.path("images/a/i1.png")).unwrap().len();
    assert_eq!(images[0].bytes, Some(on_disk as i64));
    assert!(
        images.iter().all(|image| prompts.iter().any(|p| p.prompt_id == image.prompt_id && p.split == image.split))
    );
    let ratings: Vec<Rating> = tables.read().unwrap();
    assert_eq!((ratings[0].rater_id.as_str(), ratings[0].rating, ratings[0].seconds), ("7", 3.0, Some(1.5)));
    let preferences: Vec<Preference> = tables.read().unwrap();
    assert_eq!(
        (preferences[0].mean_rating, preferences[0].mean_seconds, preferences[0].n_ratings),
        (3.5, Some(2.0), 2)
    );
}

#[test]
fn the_order_of_raw_rows_does_not_matter() {
    let world = World::new();
    let (_, tables) = world.run().unwrap();
    let before = (tables.read::<Image>().unwrap(), tables.read::<Rating>().unwrap());
    for name in ["prompts.csv", "images.csv", "ratings.csv"] {
        let text = std::fs::read_to_string(world.path(name)).unwrap();
        let (header, rows) = text.split_once('\n').unwrap();
        let backward: Vec<&str> = rows.lines().rev().collect();
        world.put(name, format!("{header}\n{}\n", backward.join("\n")));
    }
    let (_, tables) = world.run().unwrap();
    assert_eq!(before, (tables.read().unwrap(), tables.read().unwrap()));
}

#[test]
fn a_rating_for_an_unknown_image_is_named() {
    let world = World::new();
    world.append("ratings.csv", "i9,7,overall,3,");
    let message = world.failure();
    assert!(message.contains("no image has this `image_id`") && message.contains("row 6: image `i9`"), "{message}");
}

#[test]
fn a_prompt_id_twice_is_named() {
    let world = World::new();
    world.append("prompts.csv", "1,a horse");
    assert!(world.failure().contains("`1` in row 2 and again in row 3"));
}

#[test]
fn a_text_rating_in_row_7_is_named() {
    let world = World::new();
    world.append("ratings.csv", "i4,8,overall,5,\ni4,9,overall,good,");
    let message = world.failure();
    assert!(message.contains("`rating` is `good` in row 7") && message.contains("ratings.csv"), "{message}");
}

#[test]
fn a_rating_that_is_nan_is_named() {
    let world = World::new();
    world.append("ratings.csv", "i4,8,overall,NaN,");
    let message = world.failure();
    assert!(message.contains("a finite number") && message.contains("row 6: NaN for image `i4`"), "{message}");
}

#[test]
fn bad_images_are_listed_with_row_id_path_and_reason() {
    let world = World::new();
    world.put("images/a/i1.png", "<!DOCTYPE html><html><title>404 Not Found</title></html>");
    std::fs::remove_file(world.path("images/a/i2.jpg")).unwrap();
    world.replace("images.csv", "i3.png", "../../etc/passwd");
    let mut png = std::fs::read(world.path("images/i4.png")).unwrap();
    png.truncate(png.len() / 2);
    world.put("images/i4.png", png);
    let message = world.failure();
    for expect in [
        "4 bad images",
        "ingest.images row 1, image `i1`: `a/i1.png`: it is HTML and not an image",
        "ingest.images row 2, image `i2`: `a/i2.jpg` is not there",
        "ingest.images row 3, image `i3`: `../../etc/passwd` leaves the image root: paths are relative to that folder, without `..`",
        "ingest.images row 4, image `i4`: `i4.png`: it is broken: ",
        "on_bad_image",
    ] {
        assert!(message.contains(expect), "`{expect}` is not in: {message}");
    }
}

#[test]
fn bad_images_can_be_skipped_with_their_ratings() {
    let world = World::new();
    world.put("images/a/i1.png", "<html></html>");
    let (counts, tables) = world.run_with(world.settings("on_bad_image: fail", "on_bad_image: skip")).unwrap();
    assert_eq!((counts["images"], counts["skipped_images"]), (3, 1));
    assert_eq!((counts["ratings"], counts["skipped_ratings"]), (3, 2));
    assert!(tables.read::<Image>().unwrap().iter().all(|image| image.image_id != "i1"));
    assert!(tables.read::<Preference>().unwrap().iter().all(|row| row.image_id != "i1"));
}

#[test]
fn images_of_too_many_bytes_or_pixels_are_refused() {
    let world = World::new();
    let bytes = message(world.run_with(world.settings("bytes: 1000000", "bytes: 20")));
    assert!(bytes.contains("4 bad images") && bytes.contains("more than the 20 that are allowed"), "{bytes}");
    let pixels = message(world.run_with(world.settings("pixels: 1000000", "pixels: 47")));
    assert!(pixels.contains("8 × 6 pixels, more than the 47 that are allowed"), "{pixels}");
}

#[test]
fn a_column_split_takes_precedence_over_the_shares() {
    let world = World::new();
    world.put("prompts.csv", "prompt_id,prompt,split\n1,a dog,validation\n2,a cat,validation\n");
    let (_, tables) = world.run().unwrap();
    assert!(tables.read::<Image>().unwrap().iter().all(|image| image.split == Split::Validation));
    world.replace("prompts.csv", "a cat,validation", "a cat,dev");
    let unknown = message(world.run());
    assert!(unknown.contains("`split` is `dev` in row 2; train, validation or test is wanted"), "{unknown}");
    world.replace("prompts.csv", "a cat,dev", "a cat,");
    assert!(message(world.run()).contains("`split` is missing in row 2"));
    let none = world.settings("split: {train: 0.5, validation: 0, test: 0.5, seed: 0}", "");
    world.put("prompts.csv", "prompt_id,prompt\n1,a dog\n2,a cat\n");
    assert!(message(world.run_with(none)).contains("ingest.split is not set"));
}

#[test]
fn the_same_picture_in_two_parts_is_counted() {
    let world = World::new();
    std::fs::copy(world.path("images/a/i1.png"), world.path("images/i3.png")).unwrap();
    assert_eq!(world.run().unwrap().0["duplicates_across_splits"], 1);
}

#[test]
fn images_without_paths_and_runs_without_images_or_ratings_are_fine() {
    let world = World::new();
    let (_, tables) = world.run_with(world.settings("generator, path", "generator")).unwrap();
    let images: Vec<Image> = tables.read().unwrap();
    assert!(images.iter().all(|image| image.path.is_none() && image.sha256.is_none() && image.bytes.is_none()));
    let sql = "ratings: SELECT image_id, rater_id, aspect, rating, seconds FROM ratings";
    assert_eq!(world.run_with(world.settings(sql, "")).unwrap().0["ratings"], 0);
    let mut neither = world.settings(sql, "");
    neither.images = None;
    assert_eq!(world.run_with(neither).unwrap().0["images"], 0);
}

#[test]
fn an_empty_file_one_without_rows_and_one_of_one_row_each_say_what_they_are() {
    let world = World::new();
    world.put("prompts.csv", "");
    assert!(world.failure().contains("prompts.csv"));
    world.put("prompts.csv", "prompt_id,prompt\n");
    assert!(world.failure().contains("the SELECT gives no rows"));
    world.put("prompts.csv", "prompt_id,prompt\n1,a dog\n");
    world.put("images.csv", "image_id,prompt_id,generator,path\ni1,1,A,a/i1.png\n");
    world.put("ratings.csv", "image_id,rater_id,aspect,rating,seconds\ni1,7,overall,1,\n");
    assert_eq!(world.run().unwrap().0["ratings"], 1);
}

#[test]
fn settings_say_what_is_wrong_with_them() {
    let world = World::new();
    for (from, to) in [
        ("train: 0.5", "train: 0.6"),
        ("train: 0.5, validation: 0, test: 0.5", "train: -0.5, validation: 1, test: 0.5"),
        ("train: 0.5", "train: .nan"),
        ("pixels: 1000000", "pixels: 0"),
    ] {
        assert!(Ingest::new(world.settings(from, to)).is_err(), "{to}");
    }
    assert!(
        Ingest::new(world.settings("train: 0.5, validation: 0, test: 0.5", "train: 0.8, validation: 0.1, test: 0.1"))
            .is_ok()
    );
    let typo = serde_yaml::from_str::<Settings>(&SETTINGS.replace("on_bad_image", "on_bad_images"));
    let message = typo.unwrap_err().to_string();
    assert!(message.contains("unknown field `on_bad_images`") && message.contains("`on_bad_image`"), "{message}");
}

#[test]
fn settings_do_not_depend_on_where_the_files_lie_and_files_name_them() {
    let (here, there) = (World::new(), World::new());
    let stage = |world: &World| Ingest::new(world.settings("fail", "fail")).unwrap().with_images(world.images());
    assert_eq!(stage(&here).settings(), stage(&there).settings());
    let names = |tables: &Tables| -> Vec<String> {
        stage(&here).files(tables).unwrap().into_iter().map(|file| file.name).collect()
    };
    let sources = ["sources.images", "sources.prompts", "sources.ratings"];
    let images = ["images/a/i1.png", "images/a/i2.jpg", "images/i3.png", "images/i4.png"];
    let before = names(&Tables::new(here.storage()));
    assert_eq!(before, [&sources[..], &images[..]].concat());
    assert_eq!(names(&here.run().unwrap().1), before, "a run does not make itself stale");
    here.replace("images.csv", "i3.png", "../../etc/passwd");
    assert!(!names(&Tables::new(here.storage())).iter().any(|name| name.contains("passwd")));
    here.put("images.csv", "broken");
    assert_eq!(names(&Tables::new(here.storage())), sources);
}

#[test]
fn the_section_of_the_default_pipeline_file_parses() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../pipeline.yaml")).unwrap();
    let pipeline: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
    let settings: Settings = serde_yaml::from_value(pipeline["ingest"].clone()).unwrap();
    assert!(Ingest::new(settings).is_ok());
}
