//! What goes wrong outside gives one clear message, the right exit code, and loses nothing.

#![allow(clippy::unwrap_used, reason = "helpers of tests: a panic names the failing line")]

use std::path::Path;
use std::process::Command;

use finegrain_tests::{Project, SMALL};
use tables::Answer;

/// Runs the small pipeline with `words`; it must end with `code`, and its error must say all of `parts`.
fn fails(project: &Project, words: &[&str], code: i32, parts: &[&str]) -> String {
    let ended = project.finegrain(&[&["run"], SMALL, words].concat());
    let said = ended.text();
    assert_eq!(ended.code(), Some(code), "{said}");
    let error = &said[said.find("ERROR").unwrap_or(said.len())..];
    for part in parts {
        assert!(error.contains(part), "`{part}` is not in the error of\n{said}");
    }
    assert!(!said.contains("panicked"), "{said}");
    said
}

/// Changes one data row (counted from 1) of a CSV file of the demo world.
fn edit_row(project: &Project, file: &str, row: usize, edit: impl Fn(&mut Vec<String>)) {
    let text = project.text(file);
    let edited = text.lines().enumerate().map(|(at, line)| {
        let mut cells: Vec<String> = line.split(',').map(str::to_owned).collect();
        if at == row {
            edit(&mut cells);
        }
        cells.join(",") + "\n"
    });
    project.write(file, edited.collect::<String>());
}

#[test]
fn a_rating_for_an_unknown_image() {
    let project = Project::new(4);
    edit_row(&project, "data/demo/ratings.csv", 3, |cells| cells[0] = "nobody".into());
    let said = fails(&project, &[], 1, &["stage `ingest`", "nobody"]);
    assert!(said.contains("resume with: ") && said.contains("/finegrain run"), "{said}");
}

#[test]
fn a_stage_whose_tables_nobody_wrote() {
    let project = Project::new(4);
    let said = fails(&project, &["train", "--data-root", "data/none"], 2, &["`ingest` has not run in `data/none`"]);
    assert!(!said.contains("resume with"), "{said}");
    let plan = project.finegrain(&["plan", "--from", "embed", "--data-root", "data/none"]);
    assert!(plan.code() == Some(2) && plan.text().contains("`embed` reads the table `prompts`"), "{}", plan.text());
}

#[test]
fn a_prompt_id_twice() {
    let project = Project::new(4);
    let first = project.text("data/demo/prompts.csv").lines().nth(1).unwrap().split(',').next().unwrap().to_owned();
    let id = first.clone();
    edit_row(&project, "data/demo/prompts.csv", 3, |cells| cells[0] = id.clone());
    fails(&project, &[], 1, &["stage `ingest`", "prompt_id", &first]);
}

#[test]
fn a_text_rating_in_row_7() {
    let project = Project::new(4);
    edit_row(&project, "data/demo/ratings.csv", 7, |cells| cells[4] = "good".into());
    fails(&project, &[], 1, &["stage `ingest`", "rating", "7", "good", "ratings.csv"]);
}

#[test]
fn an_image_that_is_html_a_picture_too_large_and_a_path_that_escapes() {
    let project = Project::new(4);
    let image = |row: usize| {
        project.text("data/demo/images.csv").lines().nth(row).unwrap().rsplit(',').next().unwrap().to_owned()
    };
    project.write(&format!("data/demo/images/{}", image(1)), "<!DOCTYPE html><html><body>404</body></html>");
    project.write(&format!("data/demo/images/{}", image(2)), png_header(50_000, 50_000));
    edit_row(&project, "data/demo/images.csv", 3, |cells| cells[3] = "../../etc/passwd".into());
    let said = fails(&project, &[], 1, &["stage `ingest`"]);
    for part in [&image(1), &image(2), "50000", "../../etc/passwd"] {
        assert!(said.contains(part), "{part} is not in\n{said}");
    }
    let said = project.runs(&["--until", "ingest", "--set", "ingest.on_bad_image=skip"]);
    assert!(said.contains("WARN") && said.contains("3 skipped"), "{said}");
    assert_eq!(project.rows::<tables::Image>().len(), 13);
}

/// A PNG that promises this many pixels and holds none.
fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut chunk = b"IHDR".to_vec();
    chunk.extend(width.to_be_bytes());
    chunk.extend(height.to_be_bytes());
    chunk.extend([8, 2, 0, 0, 0]);
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    png.extend(13_u32.to_be_bytes());
    png.extend(&chunk);
    png.extend(crc32(&chunk).to_be_bytes());
    png.extend([0, 0, 0, 0]);
    png.extend(b"IDAT");
    png.extend(crc32(b"IDAT").to_be_bytes());
    png
}

/// The CRC of PNG's annex D, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 })
    })
}

#[test]
fn a_misspelt_key() {
    let project = Project::empty();
    fails(&project, &["--set", "train.epoch=3"], 2, &["train.epoch", "unknown field", "experiments"]);
    fails(&project, &["--set", "trian.epochs=3"], 2, &["trian", "synth-feedback", "train"]);
    let ended = project.finegrain(&["run", "trian"]);
    assert_eq!(ended.code(), Some(2), "{}", ended.text());
}

#[test]
fn an_endpoint_that_is_down_is_worth_retrying_and_what_was_answered_is_kept() {
    let project = Project::new(4);
    let quality_only = ["--set", "synth-feedback.alignment=false", "--until", "synth-feedback"];
    project.runs(&quality_only);
    let n_answers = project.rows::<Answer>().len();
    let down = [
        "--set",
        "synth-feedback.endpoint={base_url: 'http://127.0.0.1:9/v1', model: demo-vlm, concurrency: 4, timeout_seconds: 5, max_attempts: 2}",
    ];
    let said = fails(&project, &down, 75, &["stage `synth-feedback`", "127.0.0.1:9"]);
    assert!(said.contains("resume with"), "{said}");
    assert_eq!(project.rows::<Answer>().len(), n_answers, "the old tables stand");
}

#[test]
fn a_parquet_file_cut_in_half() {
    let project = Project::new(4);
    project.runs(&["--until", "vq2-parse"]);
    let file = "data/run/tables/questions/questions.parquet";
    let bytes = std::fs::read(project.folder().join(file)).unwrap();
    project.write(file, &bytes[..bytes.len() / 2]);
    let checked = project.finegrain(&["check"]);
    assert_eq!(checked.code(), Some(1), "{}", checked.text());
    assert!(
        checked.text().contains("questions.parquet` is not a readable Parquet file; delete it and rerun `vq2-parse`"),
        "{}",
        checked.text()
    );
    fails(&project, &["synth-feedback"], 1, &["stage `synth-feedback`", "questions.parquet", "rerun `vq2-parse`"]);
    // The whole pipeline knows what to do by itself.
    let said = project.runs(&["--until", "synth-feedback"]);
    assert!(said.contains("vq2-parse: running, because its table `questions` is damaged"), "{said}");
}

#[test]
fn a_full_disk() {
    let project = Project::new(4);
    let small = project.folder().join("small");
    std::fs::create_dir(&small).unwrap();
    let Some(disk) = SmallDisk::mount(&small) else {
        println!("SKIPPED: no small disk can be mounted here (needs root)");
        return;
    };
    let root = small.to_string_lossy().into_owned();
    project.runs(&["--data-root", &root, "--until", "vq2-parse"]);
    let filled = std::fs::write(small.join("filler"), vec![0; 2 << 20]);
    assert!(filled.is_err(), "the disk is full now");
    fails(
        &project,
        &["--data-root", &root, "--until", "synth-feedback"],
        1,
        &["stage `synth-feedback`", "No space left"],
    );
    project.succeeds(&["check", "--data-root", &root]);
    std::fs::remove_file(small.join("filler")).unwrap();
    project.runs(&["--data-root", &root, "--until", "synth-feedback"]);
    drop(disk);
}

/// A tmpfs of one megabyte.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(folder: &'a Path) -> Option<Self> {
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(folder).output().ok()?;
        mounted.status.success().then_some(Self(folder))
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).output();
    }
}
