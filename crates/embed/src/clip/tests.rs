//! The towers against `transformers` 4.46.3 on torch 2.11.0 (scripts/clip_fixtures.py).

use std::path::{Path, PathBuf};

use serde::Deserialize;
use tch::{Device, Kind};

use super::*;
use crate::network::ImageNetwork;
use crate::testing::{cosine, patterned_square};

#[derive(Deserialize)]
struct Expected {
    image: Vec<Vec<f32>>,
    ids: Vec<Vec<i64>>,
    text: Vec<Vec<f32>>,
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/clip").join(name)
}

fn expected(folder: &Path) -> Expected {
    serde_json::from_slice(&std::fs::read(folder.join("expected.json")).unwrap()).unwrap()
}

/// The squares of `scripts/clip_fixtures.py`.
fn squares(n: usize, side: usize) -> Vec<Vec<u8>> {
    (0..n).map(|at| patterned_square(side, at)).collect()
}

fn worst(ours: &[Vec<f32>], theirs: &[Vec<f32>]) -> f32 {
    assert_eq!(ours.len(), theirs.len());
    let pairs = ours.iter().zip(theirs).flat_map(|(a, b)| {
        assert_eq!(a.len(), b.len());
        a.iter().zip(b)
    });
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

const TINY: [(&str, usize); 2] = [("tiny-quick-gelu", 28), ("tiny-gelu-16-bit", 33)];

#[test]
fn image_vectors_are_those_of_transformers_alone_and_in_a_batch() {
    for (name, side) in TINY {
        let folder = fixture(name);
        let tower = ImageTower::load(&folder, Device::Cpu, Kind::Float).unwrap();
        let (squares, theirs) = (squares(3, side), expected(&folder).image);
        let batch = tower.vectors(&squares.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
        let alone: Vec<_> = squares.iter().flat_map(|square| tower.vectors(&[square]).unwrap()).collect();
        assert!(worst(&batch, &theirs) < 1e-5, "{name}: {}", worst(&batch, &theirs));
        assert!(worst(&alone, &theirs) < 1e-5, "{name}: {}", worst(&alone, &theirs));
        assert!(worst(&theirs[..1], &theirs[2..]) > 1e-2, "{name}: the case tells images apart");
    }
}

#[test]
fn text_vectors_are_those_of_transformers_whatever_the_batch_and_its_padding() {
    for (name, _) in TINY {
        let folder = fixture(name);
        let tower = TextTower::load(&folder, Device::Cpu, Kind::Float).unwrap();
        let Expected { ids, text, .. } = expected(&folder);
        let alone: Vec<_> =
            ids.iter().flat_map(|row| tower.vectors(std::slice::from_ref(row), None).unwrap()).collect();
        for ours in [alone, tower.vectors(&ids, None).unwrap(), tower.vectors(&ids, Some(ids.len() + 2)).unwrap()] {
            assert!(worst(&ours, &text) < 1e-5, "{name}: {}", worst(&ours, &text));
        }
    }
}

#[test]
fn half_precision_stays_near() {
    let folder = fixture("tiny-quick-gelu");
    let (squares, theirs) = (squares(3, 28), expected(&folder).image);
    let squares: Vec<&[u8]> = squares.iter().map(Vec::as_slice).collect();
    let ours = ImageTower::load(&folder, Device::Cpu, Kind::BFloat16).unwrap().vectors(&squares).unwrap();
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert!(cosine(ours, theirs) > 0.999, "{}", cosine(ours, theirs));
    }
}

#[test]
fn a_checkpoint_that_does_not_fit_its_config_names_the_tensor() {
    let source = fixture("tiny-quick-gelu");
    let config = std::fs::read_to_string(source.join("config.json")).unwrap();
    let load = |from: &str, to: &str| {
        let folder = tempfile::tempdir().unwrap();
        assert!(config.contains(from));
        std::fs::write(folder.path().join("config.json"), config.replacen(from, to, 1)).unwrap();
        std::fs::copy(source.join("model.safetensors"), folder.path().join("model.safetensors")).unwrap();
        let image = ImageTower::load(folder.path(), Device::Cpu, Kind::Float).err();
        let text = TextTower::load(folder.path(), Device::Cpu, Kind::Float).err();
        [image, text].map(|error| error.map(|error| std::error::Error::source(&error).unwrap().to_string()))
    };
    let [image, text] = load(r#""projection_dim": 12"#, r#""projection_dim": 13"#);
    assert_eq!(image.unwrap(), "tensor `visual_projection.weight`: its shape is [12, 16], expected [13, 16]");
    assert_eq!(text.unwrap(), "tensor `text_projection.weight`: its shape is [12, 16], expected [13, 16]");
    let [image, _] = load(r#""num_hidden_layers": 3"#, r#""num_hidden_layers": 4"#);
    assert_eq!(image.unwrap(), "no tensor `vision_model.encoder.layers.3.self_attn.q_proj.weight`");
    let [image, text] = load(r#""image_size": 28"#, r#""image_size": 35"#);
    assert!(image.unwrap().contains("vision_model.embeddings.position_embedding.weight"));
    assert_eq!(text, None);
    let error = ClipTexts::load(&source, Device::Cpu, Kind::Float).err().unwrap();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(cause, "`vocab_size` is 120, CLIP's is 49408");
}

#[test]
fn a_folder_without_a_checkpoint_says_which_file_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let error = ImageTower::load(folder.path(), Device::Cpu, Kind::Float).err().unwrap();
    assert!(error.to_string().contains("config.json"), "{error}");
    std::fs::write(folder.path().join("config.json"), "{}").unwrap();
    let error = ImageTower::load(folder.path(), Device::Cpu, Kind::Float).err().unwrap();
    assert!(error.to_string().contains("model.safetensors"), "{error}");
}

/// A ViT-L/14 of `scripts/clip_fixtures.py full-size`: 1.7 GB, so it is made and checked on request.
///
///     CLIP_FULL_SIZE=/tmp/clip-vit-large-patch14 cargo test --workspace --lib -- --ignored --nocapture full_size
#[test]
#[ignore = "needs CLIP_FULL_SIZE, a folder that scripts/clip_fixtures.py makes"]
fn a_full_size_vit_l_14_gives_the_vectors_of_transformers() {
    let folder = PathBuf::from(std::env::var("CLIP_FULL_SIZE").unwrap());
    let Expected { image, ids, text } = expected(&folder);
    let squares = squares(image.len(), 224);
    let squares: Vec<&[u8]> = squares.iter().map(Vec::as_slice).collect();
    for (kind, least) in [(Kind::Float, 0.999_99), (Kind::BFloat16, 0.999)] {
        let tower = ImageTower::load(&folder, Device::Cpu, kind).unwrap();
        let batch = tower.vectors(&squares).unwrap();
        let alone: Vec<_> = squares.iter().flat_map(|square| tower.vectors(&[square]).unwrap()).collect();
        drop(tower);
        let tower = TextTower::load(&folder, Device::Cpu, kind).unwrap();
        let texts = tower.vectors(&ids, None).unwrap();
        let texts_alone: Vec<_> =
            ids.iter().flat_map(|row| tower.vectors(std::slice::from_ref(row), None).unwrap()).collect();
        for (what, ours, alone, theirs) in [("image", &batch, &alone, &image), ("text", &texts, &texts_alone, &text)] {
            let closest = ours.iter().zip(theirs).map(|(a, b)| cosine(a, b)).fold(1.0, f64::min);
            let apart = cosine(&theirs[0], &theirs[1]);
            eprintln!(
                "{kind:?} {what}: least cosine {closest:.9}, worst difference {:.2e}, batch to single {:.2e}; two of \
                 them are {apart:.6} apart, greatest value {:.2}",
                worst(ours, theirs),
                worst(ours, alone),
                theirs.iter().flatten().fold(0f32, |most, value| most.max(value.abs())),
            );
            assert!(closest > least, "{kind:?} {what}: {closest}");
            assert!(kind != Kind::Float || worst(ours, alone) < 1e-5, "{what}");
        }
    }
}
