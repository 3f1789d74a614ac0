//! `finegrain score` and the example in numpy: a model's folder says of pictures what `predictions` says.

#![allow(clippy::unwrap_used, reason = "helpers of tests: a panic names the failing line")]

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use finegrain_tests::{Project, repository};
use tables::{
    ConceptPrediction, Image, ImageConcept, ImageEmbedding, ImageScore, Prediction, Prompt, Storage, Table, Tables,
};

const COARSE: &str = "controlled/coarse/n16/s0";
const FINE: &str = "preferences/all/n16/s0";

fn folder(run_id: &str) -> String {
    format!("data/run/models/{run_id}")
}

fn rewards(project: &Project, run_id: &str) -> BTreeMap<String, f64> {
    let of_run = |row: &Prediction| row.run_id == run_id;
    project.rows::<Prediction>().into_iter().filter(of_run).map(|row| (row.image_id, row.reward)).collect()
}

/// A file with a table's columns, read as one of its name.
fn read<T: Table>(project: &Project, path: &str) -> Vec<T> {
    let root = tempfile::tempdir().unwrap();
    let place = root.path().join(Tables::key(T::NAME));
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    std::fs::copy(project.folder().join(path), place).unwrap();
    Tables::new(Storage::open(&root.path().into()).unwrap()).read().unwrap()
}

#[test]
fn new_pictures_get_the_rewards_and_concepts_of_the_tables_and_other_encoders_are_refused() {
    let project = Project::new(8);
    project.runs(&["--set", "train.seeds=[0,1]"]);
    // A folder, for a model that reads pictures alone; a list with prompts, for one that reads both.
    let (out, coarse) = ("out/coarse.parquet", folder(COARSE));
    project.succeeds(&["score", "--model", &coarse, "--images", "data/demo/images", "--out", out]);
    let scores: Vec<ImageScore> = read(&project, out);
    let path_of: BTreeMap<String, String> =
        project.rows::<Image>().into_iter().map(|image| (image.path.unwrap(), image.image_id)).collect();
    let expect = rewards(&project, COARSE);
    assert_eq!(scores.len(), expect.len());
    for row in &scores {
        assert_eq!((row.run_id.as_str(), &row.prompt_id), (COARSE, &None));
        assert!((row.reward - expect[&path_of[&row.image_id]]).abs() < 1e-5, "{}", row.image_id);
    }

    let prompts: BTreeMap<String, String> =
        project.rows::<Prompt>().into_iter().map(|row| (row.prompt_id, row.prompt)).collect();
    let cell = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let rows = project.rows::<Image>().into_iter().take(5).map(|image| {
        let (path, prompt) = (image.path.unwrap(), &prompts[&image.prompt_id]);
        format!("{},{},{},{}\n", cell(&image.image_id), cell(&path), cell(&image.prompt_id), cell(prompt))
    });
    project.write("list.csv", format!("image_id,path,prompt_id,prompt\n{}", rows.collect::<String>()));
    let fine = folder(FINE);
    let words =
        ["score", "--model", &fine, "--model", &coarse, "--images", "list.csv", "--image-root", "data/demo/images"];
    project.succeeds(&[&words[..], &["--out", "both.parquet", "--concepts", "concepts.parquet"]].concat());
    let scores: Vec<ImageScore> = read(&project, "both.parquet");
    assert_eq!(scores.len(), 10);
    for run_id in [COARSE, FINE] {
        let expect = rewards(&project, run_id);
        let of_run: Vec<&ImageScore> = scores.iter().filter(|row| row.run_id == run_id).collect();
        assert!(of_run.len() == 5 && of_run.iter().all(|row| (row.reward - expect[&row.image_id]).abs() < 1e-5));
        assert!(of_run.iter().all(|row| row.prompt_id.is_some()));
    }
    let said: Vec<ImageConcept> = read(&project, "concepts.parquet");
    let known: BTreeMap<(String, String), f64> = project
        .rows::<ConceptPrediction>()
        .into_iter()
        .filter(|row| row.run_id == FINE)
        .map(|row| ((row.image_id, row.attribute), row.p))
        .collect();
    assert_eq!(said.len(), 5 * 12);
    for row in said {
        assert!((row.p - known[&(row.image_id, row.attribute)]).abs() < 1e-5);
    }

    // Whole paths, for any folder above them; and what a list that is looked up in the wrong folder is told.
    let rows = project.text("list.csv");
    let whole = project.folder().join("data/demo/images");
    let (header, row) = rows.split_once('\n').map(|(header, rows)| (header, rows.lines().next().unwrap())).unwrap();
    let path = row.split("\",\"").nth(1).unwrap();
    let whole_row = row.replace(path, &format!("{}/{path}", whole.display()));
    project.write("whole.csv", format!("{header}\n{whole_row}\n"));
    let of_list = |list: &str, words: &[&str]| {
        project.finegrain(&[&["score", "--model", &coarse, "--out", "w.parquet", "--images", list], words].concat())
    };
    for root in ["/", whole.to_str().unwrap()] {
        let ended = of_list("whole.csv", &["--image-root", root]);
        assert_eq!(ended.code(), Some(0), "{root}: {}", ended.text());
        assert_eq!(read::<ImageScore>(&project, "w.parquet").len(), 1);
    }
    for (list, said) in [("list.csv", "is not there"), ("whole.csv", "leaves the image root")] {
        let ended = of_list(list, &[]);
        assert!(ended.code() == Some(1) && ended.text().contains(said), "{}", ended.text());
        assert!(
            ended.text().contains("; paths are looked up in `.`; --image-root names another folder"),
            "{}",
            ended.text()
        );
    }
    // What cannot be written is told before any picture is read.
    let unwritten = |words: &[&str], expect: &str| {
        let ended = project.finegrain(&[&["score", "--model", &coarse, "--images", "list.csv"], words].concat());
        assert!(ended.code() == Some(2) && ended.text().contains(expect), "{expect:?} is not in\n{}", ended.text());
        assert!(!ended.text().contains("scoring"), "{}", ended.text());
    };
    unwritten(&["--out", "data"], "`data`: it is a folder");
    unwritten(&["--out", "list.csv"], "name a file that ends in .parquet");
    unwritten(
        &["--out", "a.parquet", "--concepts", "./a.parquet", "--image-root", "nowhere"],
        "--out and --concepts are one file",
    );
    unwritten(&["--out", "a.parquet", "--image-root", "nowhere"], "--image-root `nowhere` is no folder");
    unwritten(&["--out", &format!("{coarse}/rewards.parquet")], "its folder is a model's");
    project.write("list.parquet", std::fs::read(project.folder().join("both.parquet")).unwrap());
    let same = ["score", "--model", &coarse, "--images", "list.parquet", "--out", "./list.parquet"];
    assert!(project.finegrain(&same).text().contains("is the list of images: it would be written over"));
    project.write("none.csv", "image_id,path\n");
    let none = ["score", "--model", &coarse, "--images", "none.csv", "--out", "a.parquet"];
    assert!(project.finegrain(&none).text().contains("`none.csv` lists no picture"));

    // A bomb and a picture that is cut get no reward, and kill nothing.
    let good = project.rows::<Image>().into_iter().next().unwrap().path.unwrap();
    let whole = std::fs::read(project.folder().join("data/demo/images").join(&good)).unwrap();
    std::fs::create_dir(project.folder().join("pictures")).unwrap();
    project.write("pictures/good.png", &whole);
    project.write("pictures/cut.png", &whole[..whole.len() / 2]);
    let header = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\xea\x60\0\0\xea\x60\x08\0\0\0\0\xa5\xb9\x2a\x9e";
    project.write("pictures/bomb.png", [&header[..], b"\0\0\0\x08IDAT\x78\x9c\x03\0\0\0\0\x01\0\0\0\0"].concat());
    let words = ["score", "--model", &coarse, "--images", "pictures", "--out", "few.parquet"];
    let ended = project.finegrain(&words);
    assert!(ended.code() == Some(1) && ended.text().contains("60000 × 60000"), "{}", ended.text());
    let said = project.succeeds(&[&words[..], &["--set", "embed.on_bad_image=skip"]].concat());
    assert!(said.contains("bomb.png") && said.contains("cut.png"), "{said}");
    let scores: Vec<ImageScore> = read(&project, "few.parquet");
    assert_eq!(scores.len(), 1);
    assert_eq!(scores[0].image_id, "good.png");
    assert!((scores[0].reward - expect[&path_of[&good]]).abs() < 1e-5);

    let refused = |words: &[&str], expect: &str| {
        let ended = project.finegrain(&[&["score", "--out", "no.parquet"], words].concat());
        assert!(ended.code() == Some(2) && ended.text().contains(expect), "{expect:?} is not in\n{}", ended.text());
        assert!(!project.folder().join("no.parquet").exists());
    };
    // For PyTorch; what the module says is tested in `train`.
    project.succeeds(&["export", "--model", &fine, "--out", "out/model.pt"]);
    let bytes = |path: &str| std::fs::read(project.folder().join(path)).unwrap();
    assert!(bytes("out/model.pt").starts_with(b"PK"));
    let no_model = project.finegrain(&["export", "--model", "data/run/models/none", "--out", "no.pt"]);
    assert!(
        no_model.code() == Some(2) && no_model.text().contains("data/run/models/none/card.json"),
        "{}",
        no_model.text()
    );
    let checklist = "data/run/models/preferences/checklist/n16/s0";
    let no_network = project.finegrain(&["export", "--model", checklist, "--out", "no.pt"]);
    assert!(
        no_network.code() == Some(2) && no_network.text().contains("reads attribute scores"),
        "{}",
        no_network.text()
    );
    assert!(!project.folder().join("no.pt").exists());
    let weights = format!("{fine}/model.safetensors");
    let no_file = project.finegrain(&["export", "--model", &fine, "--out", &weights]);
    assert!(no_file.code() == Some(2) && no_file.text().contains("ends in .pt"), "{}", no_file.text());
    let no_file = project.finegrain(&["export", "--model", &fine, "--out", "out"]);
    assert!(no_file.code() == Some(2) && no_file.text().contains("cannot write `out`"), "{}", no_file.text());
    project.succeeds(&["export", "--model", &format!("{fine}/card.json"), "--out", "out/again.pt"]);
    assert!(bytes("out/model.pt") == bytes("out/again.pt"));

    refused(&["--model", &fine, "--images", "data/demo/images"], "has no prompt, which one of the models reads");
    refused(
        &["--model", "data/run/models/preferences/checklist/n16/s0", "--images", "list.csv"],
        "reads attribute scores",
    );
    refused(&["--model", &coarse, "--model", &coarse, "--images", "list.csv"], "two of the models are called");
    refused(&["--model", "nowhere", "--images", "list.csv"], "nowhere/card.json");
    let above = ["--model", "data/run/models/controlled/coarse", "--images", "list.csv"];
    refused(&above, "models lie below it, such as `data/run/models/controlled/coarse/n16/s0`");
    // The weights of another model of the same shape are not those that the card is about.
    let (own, other) = (format!("{coarse}/model.safetensors"), folder(&COARSE.replace("/s0", "/s1")));
    let kept = std::fs::read(project.folder().join(&own)).unwrap();
    project.write(&own, std::fs::read(project.folder().join(other).join("model.safetensors")).unwrap());
    refused(&["--model", &coarse, "--images", "data/demo/images"], "another model's weights");
    project.write(&own, kept);
    let card = project.text(&format!("{coarse}/card.json"));
    let value: serde_json::Value = serde_json::from_str(&card).unwrap();
    let weights = value["embeddings"]["image_weights"].as_str().unwrap();
    project.write(&format!("{coarse}/card.json"), card.replace(weights, "0123456789abcdef"));
    refused(
        &["--model", &coarse, "--images", "data/demo/images"],
        "`image_weights` was `0123456789abcdef`, here it is",
    );
}

/// A version 1.0 .npy file of float32.
fn npy(rows: &[Vec<f32>]) -> Vec<u8> {
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}", rows.len(), rows[0].len());
    let header = format!("{header:<117}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(rows.iter().flatten().flat_map(|value| value.to_le_bytes()));
    bytes
}

#[test]
fn the_example_in_numpy_scores_as_the_tables_say() {
    let python = repository().join("tests/.python");
    assert!(python.join("ready").exists(), "tests/.python is not there: run `make test`");
    let project = Project::new(8);
    project.runs(&[]);
    let embeddings: Vec<ImageEmbedding> = project.rows();
    for run_id in [COARSE, FINE] {
        let reads_text = run_id == FINE;
        let vectors: Vec<Vec<f32>> = embeddings
            .iter()
            .map(|row| {
                let text = row.text_embedding.clone().filter(|_| reads_text).unwrap_or_default();
                [row.image_embedding.clone().unwrap(), text].concat()
            })
            .collect();
        let mut example = Command::new(std::env::var_os("PYTHON").unwrap_or("python3".into()))
            .arg(repository().join("examples/score_with_numpy.py"))
            .arg(project.folder().join(folder(run_id)))
            .env("PYTHONPATH", &python)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let taken = example.stdin.take().unwrap().write_all(&npy(&vectors));
        let output = example.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        taken.unwrap();
        let numbers = &output.stdout[output.stdout.len() - 8 * vectors.len()..];
        let expect = rewards(&project, run_id);
        for (row, bytes) in embeddings.iter().zip(numbers.as_chunks().0) {
            assert!((f64::from_le_bytes(*bytes) - expect[&row.image_id]).abs() < 1e-5, "{run_id} {}", row.image_id);
        }
    }
}
