//! The stage on twelve small pictures.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::aesthetics::Aesthetics;
use crate::efficientnet::EfficientNetLite0;
use crate::images::{in_batches, one_on_each_core};
use crate::network::ImageNetwork;
use crate::precision::Precision;
use crate::preprocess::{ExifOrientation, Fit, Frame, square};
use crate::settings::{
    ClipImageSettings, ImageEncoderSettings, ImageVector, OnBadImage, TextEncoderSettings, TorchScriptSettings,
};
use crate::testing::{cosine, weights};
use image::RgbImage;
use sha2::{Digest, Sha256};
use tables::{ImageFiles, Location, ProgressStyle, Split, Staging, Storage};
use tch::Kind;
use tch::{CModule, Tensor};
use torch_device::DeviceSetting;

const N_IMAGES: usize = 12;

/// A data root with twelve pictures of three prompts; `i01` and `i02` are the same picture, `i11` has no pixels.
struct World {
    folder: tempfile::TempDir,
    images: Vec<Image>,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("images")).unwrap();
        let images = (0..N_IMAGES).map(|at| row(folder.path(), at)).collect();
        let world = Self { folder, images };
        world.write_inputs();
        world
    }

    fn storage(&self) -> Storage {
        Storage::open(&self.folder.path().join("root").as_path().into()).unwrap()
    }

    fn write_inputs(&self) {
        let prompt = |at: usize, text: &str| Prompt {
            prompt_id: format!("p{at}"),
            prompt: text.into(),
            category: None,
            challenge: None,
            split: Split::Train,
        };
        // Two prompts share their text.
        let prompts = [prompt(0, "a red square"), prompt(1, "two blue circles"), prompt(2, "a red square")];
        let mut staging = Staging::new(self.storage(), StageName::Ingest);
        staging.write(&prompts, &[]).unwrap();
        staging.write(&self.images, &[]).unwrap();
        staging.commit("runs/ingest.json", "{}").unwrap();
    }

    fn start(&self) -> StageRun {
        let images = ImageFiles::open(&self.folder.path().join("images").as_path().into()).unwrap();
        StageRun::new(self.storage(), StageName::Embed, images, ProgressStyle::Silent)
    }

    /// One run, committed unless `killed`.
    fn run(&self, stage: &Embed, killed: bool) -> Result<Counts, String> {
        let mut run = self.start();
        let counts = stage.run(&mut run).map_err(|error| error.source.to_string())?;
        if !killed {
            run.into_staging().commit("runs/embed.json", "{}").unwrap();
        }
        Ok(counts)
    }

    fn embeddings(&self) -> Vec<ImageEmbedding> {
        Tables::new(self.storage()).read().unwrap()
    }

    fn content(&self) -> String {
        Tables::new(self.storage()).reader::<ImageEmbedding>().unwrap().digest().unwrap().0
    }

    fn kept_parts(&self) -> Vec<String> {
        self.storage().list("store").unwrap()
    }
}

fn row(folder: &Path, at: usize) -> Image {
    let path = format!("i{at:02}.png");
    let (width, height) = (40 + 9 * at as u32, 64);
    // Image 2 is image 1 under another name.
    let seed = if at == 2 { 1 } else { at as u32 };
    let width = if at == 2 { 49 } else { width };
    let shade = |x: u32, y: u32, c: u32| (x * (3 + seed) + y * 5 * (c + 1) + seed * 20) as u8;
    let picture = RgbImage::from_fn(width, height, |x, y| image::Rgb([shade(x, y, 0), shade(x, y, 1), shade(x, y, 2)]));
    let file = folder.join("images").join(&path);
    picture.save(&file).unwrap();
    let bytes = std::fs::read(&file).unwrap();
    let has_pixels = at != 11;
    Image {
        image_id: format!("i{at:02}"),
        prompt_id: format!("p{}", at % 3),
        generator: None,
        path: has_pixels.then_some(path),
        sha256: has_pixels.then(|| hex::encode(Sha256::digest(&bytes))),
        width: has_pixels.then_some(i64::from(width)),
        height: has_pixels.then_some(i64::from(height)),
        bytes: has_pixels.then_some(bytes.len() as i64),
        split: Split::Train,
    }
}

fn settings(on_bad_image: OnBadImage) -> Option<Settings> {
    let image_weights = weights("efficientnet-lite0/model.safetensors")?;
    let folder = weights("all-minilm-l6-v2/model.safetensors")?.parent().unwrap().to_owned();
    Some(Settings {
        image_encoder: Some(ImageEncoderSettings::EfficientnetLite0 { weights: image_weights.as_path().into() }),
        text_encoder: Some(TextEncoderSettings::Minilm { folder: folder.as_path().into() }),
        exif_orientation: ExifOrientation::Ignore,
        device: DeviceSetting::Cpu,
        batch_size: 4,
        on_bad_image,
    })
}

fn stage(on_bad_image: OnBadImage) -> Option<Embed> {
    Some(Embed::new(settings(on_bad_image)?).unwrap())
}

#[test]
fn every_image_with_a_file_gets_both_vectors_in_the_order_of_image_ids() {
    let Some(stage) = stage(OnBadImage::Fail) else { return };
    let world = World::new();
    let counts = world.run(&stage, false).unwrap();
    let rows = world.embeddings();
    let ids: Vec<&str> = rows.iter().map(|row| row.image_id.as_str()).collect();
    assert_eq!(ids, ["i00", "i01", "i02", "i03", "i04", "i05", "i06", "i07", "i08", "i09", "i10"]);
    assert!(rows.iter().all(|row| row.image_embedding.as_ref().is_some_and(|vector| vector.len() == 1280)));
    assert!(rows.iter().all(|row| row.text_embedding.as_ref().is_some_and(|vector| vector.len() == 384)));
    assert_eq!(rows[1].image_embedding, rows[2].image_embedding, "one picture under two names");
    assert_ne!(rows[0].image_embedding, rows[1].image_embedding);
    assert_eq!(rows[0].text_embedding, rows[2].text_embedding, "one text under two prompt_ids");
    let other_text = cosine(rows[0].text_embedding.as_ref().unwrap(), rows[1].text_embedding.as_ref().unwrap());
    assert!(other_text < 0.9);
    // 11 with pixels, of which two are the same; three prompts, of which two are the same.
    let expected = [("images", 11), ("images_bad", 0), ("images_embedded", 10), ("prompts_embedded", 2)];
    assert_eq!(counts, Counts::from(expected));
}

#[test]
fn the_metadata_names_encoders_weights_and_preprocessing() {
    let Some(stage) = stage(OnBadImage::Fail) else { return };
    let world = World::new();
    world.run(&stage, false).unwrap();
    let reader = Tables::new(world.storage()).reader::<ImageEmbedding>().unwrap();
    let metadata: HashMap<&str, &str> = reader.metadata().iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(metadata["image_encoder"], "efficientnet_lite0");
    assert_eq!(metadata["text_encoder"], "minilm");
    assert!(metadata["preprocessing"].contains("224") && metadata["preprocessing"].ends_with("(x - 127) / 128"));
    assert!(metadata["image_weights"].len() == 64 && metadata["text_weights"].len() == 64);
    let names: Vec<String> =
        stage.files(&Tables::new(world.storage())).unwrap().into_iter().map(|file| file.name).collect();
    assert_eq!(names[..2], ["image_encoder.weights", "text_encoder.model.safetensors"]);
}

#[test]
fn a_rerun_computes_only_what_is_new_and_gives_the_same_table() {
    let Some(stage) = stage(OnBadImage::Fail) else { return };
    let world = World::new();
    world.run(&stage, true).unwrap(); // Killed after its work, before its commit.
    let counts = world.run(&stage, false).unwrap();
    assert_eq!((counts["images_embedded"], counts["prompts_embedded"]), (0, 0));

    let undisturbed = World::new();
    undisturbed.run(&stage, false).unwrap();
    assert_eq!(world.content(), undisturbed.content());

    // A run that was killed halfway: half of the images had not been there yet.
    let mut grown = World::new();
    let all = std::mem::take(&mut grown.images);
    grown.images = all.iter().step_by(2).cloned().collect();
    grown.write_inputs();
    grown.run(&stage, true).unwrap();
    grown.images = all;
    grown.write_inputs();
    // Of the six others one has no pixels, and one is the same picture as one that was there.
    assert_eq!(grown.run(&stage, false).unwrap()["images_embedded"], 4);
    assert_eq!(grown.content(), undisturbed.content());
    assert_eq!(grown.embeddings(), undisturbed.embeddings());
}

#[test]
fn a_part_that_was_cut_is_made_again() {
    let Some(stage) = stage(OnBadImage::Fail) else { return };
    let world = World::new();
    world.run(&stage, false).unwrap();
    let before = world.content();
    for part in world.kept_parts() {
        let bytes = world.storage().get_bytes(&part).unwrap().unwrap();
        world.storage().put(&part, bytes.slice(..bytes.len() / 2)).unwrap();
    }
    assert_eq!(world.run(&stage, false).unwrap()["images_embedded"], 10);
    assert_eq!(world.content(), before);
}

#[test]
fn neither_the_batch_size_nor_the_number_of_cores_changes_a_vector_or_freshness() {
    let Some(one) = settings(OnBadImage::Fail) else { return };
    let another = Embed::new(Settings { batch_size: 7, ..one.clone() }).unwrap();
    let one = Embed::new(one).unwrap();
    assert_eq!(one.settings(), another.settings());
    let (world, other_world) = (World::new(), World::new());
    world.run(&one, false).unwrap();
    tch::set_num_threads(3);
    other_world.run(&another, false).unwrap();
    assert_eq!(world.content(), other_world.content());
}

#[test]
fn the_way_that_cuda_takes_gives_the_same_vectors_to_1e_5() {
    let Some(file) = weights("efficientnet-lite0/model.safetensors") else { return };
    let mut world = World::new();
    std::fs::write(world.folder.path().join("images/i04.png"), b"no picture").unwrap();
    world.images[4].sha256 = Some(hex::encode(Sha256::digest(b"no picture")));
    let images: Vec<ImageFile> = world.images.iter().filter_map(ImageFile::of).collect();
    let network = EfficientNetLite0::load(&file, Device::Cpu).unwrap();
    let network = ShortOfMemory { network, most: AtomicUsize::new(4) };
    let files = ImageFiles::open(&world.folder.path().join("images").as_path().into()).unwrap();
    let progress = ProgressStyle::Silent.start(images.len(), "images");
    let run = StageRun::new(world.storage(), StageName::Embed, files.clone(), ProgressStyle::Silent);
    let mut alone = Store::open(&run, &"a".repeat(64), &HashSet::new()).unwrap();
    // 11 images, one of them bad, in batches of 4: the last one is filled up.
    let frame = Frame::centre(224);
    let plan = Plan { files: &files, frame, device: Device::Cpu, batch_size: 4, on_bad_image: OnBadImage::Skip };
    one_on_each_core(&images, &plan, &network, &mut alone, &progress).unwrap();
    for (most, digest) in [(4, "b"), (1, "c")] {
        network.most.store(most, Ordering::Relaxed);
        let mut batched = Store::open(&run, &digest.repeat(64), &HashSet::new()).unwrap();
        in_batches(&images, &plan, &network, &mut batched, &progress).unwrap();
        assert_eq!(batched.n_new(), 10);
        for image in &images {
            match (alone.get(image.sha256).unwrap(), batched.get(image.sha256).unwrap()) {
                (Some(a), Some(b)) => assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5), "{}", image.path),
                (None, None) => assert_eq!(image.path, "i04.png"),
                other => panic!("{}: {other:?}", image.path),
            }
        }
    }
    network.most.store(0, Ordering::Relaxed);
    let mut none = Store::open(&run, &"d".repeat(64), &HashSet::new()).unwrap();
    let error = in_batches(&images, &plan, &network, &mut none, &progress).unwrap_err();
    assert!(error.to_string().contains("batch_size"), "{error}");
}

/// A network on a device whose memory is full beyond some images, in LibTorch's words.
struct ShortOfMemory {
    network: EfficientNetLite0,
    most: AtomicUsize,
}

impl ImageNetwork for ShortOfMemory {
    fn start(&self, squares: &[&[u8]]) -> Result<Tensor, tch::TchError> {
        if squares.len() > self.most.load(Ordering::Relaxed) {
            return Err(tch::TchError::Torch("CUDA out of memory. Tried to allocate 2.00 GiB".to_owned()));
        }
        self.network.start(squares)
    }
}

fn clip_fixture(name: &str) -> Location {
    Location::new(format!("{}/fixtures/clip/{name}", env!("CARGO_MANIFEST_DIR")))
}

fn clip_settings(image_embedding: ImageVector, aesthetic_score: bool) -> Settings {
    let needs_head = aesthetic_score || image_embedding != ImageVector::Clip;
    Settings {
        image_encoder: Some(ImageEncoderSettings::Clip(ClipImageSettings {
            folder: clip_fixture("tiny-quick-gelu"),
            image_embedding,
            laion_head: needs_head.then(|| clip_fixture("aesthetics.pth")),
            aesthetic_score,
            precision: Precision::Fp32,
        })),
        text_encoder: None,
        exif_orientation: ExifOrientation::Ignore,
        device: DeviceSetting::Cpu,
        batch_size: 4,
        on_bad_image: OnBadImage::Fail,
    }
}

#[test]
fn clip_and_what_stands_on_it_share_what_is_kept() {
    let world = World::new();
    let stage = |vector, score| Embed::new(clip_settings(vector, score)).unwrap();
    let counts = world.run(&stage(ImageVector::Clip, false), false).unwrap();
    assert_eq!(counts["images_embedded"], 10);
    let clip = world.embeddings();
    assert!(clip.iter().all(|row| row.image_embedding.as_ref().is_some_and(|vector| vector.len() == 12)));

    let scored = stage(ImageVector::LaionLayer(1), true);
    assert_eq!(scored.writes(), ["embeddings", "aesthetic_scores"]);
    let counts = world.run(&scored, false).unwrap();
    assert_eq!(counts["images_embedded"], 0, "the aesthetics model runs on the vectors that are kept");
    let model = Aesthetics::load(&clip_fixture("aesthetics.pth").local_path().unwrap(), 12).unwrap();
    let scores: Vec<AestheticScore> = Tables::new(world.storage()).read().unwrap();
    assert_eq!(scores.len(), 11);
    for ((clip, layer), score) in clip.iter().zip(world.embeddings()).zip(scores) {
        let clip = clip.image_embedding.as_ref().unwrap();
        assert_eq!(layer.image_embedding.unwrap(), model.after(clip, 1));
        assert_eq!((score.image_id, score.score), (layer.image_id, model.score(clip)));
    }
    let reader = Tables::new(world.storage()).reader::<ImageEmbedding>().unwrap();
    let metadata: HashMap<&str, &str> = reader.metadata().iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!((metadata["image_encoder"], metadata["image_embedding"]), ("clip", "laion_layer_1"));
    assert!(metadata["preprocessing"].contains("centre crop 28") && metadata["preprocessing"].contains("0.48145"));
    assert_eq!(metadata["laion_head"].len(), 64);

    let error = world.run(&stage(ImageVector::LaionLayer(4), false), false).unwrap_err();
    assert!(error.contains("layer 4 of a model of 3"), "{error}");
}

#[test]
fn more_images_than_are_written_at_once_come_in_order_and_bad_ones_at_both_ends_are_null() {
    let mut world = World::new();
    let good = world.images[0].clone();
    let bad = || Some(hex::encode(Sha256::digest(b"not there")));
    let n = 2 * ROWS_AT_ONCE + 700;
    // The first and the last thousand have no picture, so that whole batches of rows have no vector.
    let is_bad = |at: usize| at < ROWS_AT_ONCE + 100 || at >= n - ROWS_AT_ONCE - 100;
    world.images = (0..n)
        .map(|at| Image {
            image_id: format!("i{:05}", n - at),
            sha256: if is_bad(at) { bad() } else { good.sha256.clone() },
            path: if is_bad(at) { Some("gone.png".to_owned()) } else { good.path.clone() },
            ..good.clone()
        })
        .collect();
    world.write_inputs();
    let settings = Settings { on_bad_image: OnBadImage::Skip, ..clip_settings(ImageVector::Clip, true) };
    let counts = world.run(&Embed::new(settings).unwrap(), false).unwrap();
    assert_eq!(
        (counts["images_embedded"], counts["images_bad"] as usize),
        (1, (0..n).filter(|at| is_bad(*at)).count())
    );
    let rows = world.embeddings();
    assert!(rows.is_sorted_by(|a, b| a.image_id < b.image_id) && rows.len() == n);
    let n_null = rows.iter().filter(|row| row.image_embedding.is_none()).count();
    assert_eq!(n_null as u64, counts["images_bad"]);
    assert!(rows[0].image_embedding.is_none() && rows[n - 1].image_embedding.is_none());
    let scores: Vec<AestheticScore> = Tables::new(world.storage()).read().unwrap();
    assert_eq!(scores.len(), n - n_null);
}

#[test]
fn an_encoder_saved_as_torchscript_needs_no_code() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("encoder.pt");
    // Mean and extremes of each channel: [n, 3, 20, 20] to [n, 9].
    let mut encode = |inputs: &[Tensor]| {
        let xs = inputs[0].flatten(2, 3);
        vec![Tensor::cat(&[xs.mean_dim(2, false, Kind::Float), xs.amax(2, false), xs.amin(2, false)], 1)]
    };
    let example = Tensor::zeros([2, 3, 20, 20], (Kind::Float, Device::Cpu));
    CModule::create_by_tracing("encoder", "forward", &[example], &mut encode).unwrap().save(&path).unwrap();
    let script = |std: [f32; 3]| Settings {
        image_encoder: Some(ImageEncoderSettings::TorchScript(TorchScriptSettings {
            path: path.as_path().into(),
            input_size: 20,
            short_side: Some(24),
            squash: false,
            mean: [0.5, 0.25, 0.0],
            std,
            precision: Precision::Fp32,
        })),
        ..clip_settings(ImageVector::Clip, false)
    };
    let world = World::new();
    world.run(&Embed::new(script([1.0, 0.5, 2.0])).unwrap(), false).unwrap();
    let file = std::fs::read(world.folder.path().join("images/i04.png")).unwrap();
    let pixels = square(&file, &Frame { fit: Fit::Crop(24), ..Frame::centre(20) }).unwrap();
    let red: Vec<f32> = pixels.iter().step_by(3).map(|value| f32::from(*value) / 255.0 - 0.5).collect();
    let ours = world.embeddings()[4].image_embedding.clone().unwrap();
    assert_eq!(ours.len(), 9);
    assert!((ours[0] - red.iter().sum::<f32>() / 400.0).abs() < 1e-5);
    assert_eq!(ours[3], red.iter().copied().fold(f32::MIN, f32::max));

    let error = Embed::new(script([1.0, 0.0, 1.0])).err().unwrap();
    assert!(error.to_string().contains("image_encoder.std"), "{error}");
    std::fs::write(&path, b"no module").unwrap();
    let error = world.run(&Embed::new(script([1.0; 3])).unwrap(), false).unwrap_err();
    assert!(error.contains("encoder.pt") && error.contains("does not fit"), "{error}");
}

#[test]
fn clip_settings_are_checked() {
    let parsed = |text: &str| serde_yaml::from_str::<ImageEncoderSettings>(text).map_err(|error| error.to_string());
    let clip = "{ kind: clip, folder: /f, image_embedding: laion_layer_1, laion_head: /h.pth, precision: auto }";
    let ImageEncoderSettings::Clip(settings) = parsed(clip).unwrap() else { panic!() };
    assert_eq!((settings.image_embedding, settings.precision), (ImageVector::LaionLayer(1), Precision::Auto));
    assert!(parsed(&clip.replace("laion_layer_1", "laion_layer_0")).unwrap_err().contains("laion_layer_0"));
    assert!(parsed(&clip.replace("laion_head", "laion_haed")).unwrap_err().contains("laion_haed"));
    assert!(parsed(&clip.replace("auto", "bf8")).unwrap_err().contains("bf8"));
    assert!(parsed(&clip.replace("image_embedding: laion_layer_1, ", "")).unwrap_err().contains("image_embedding"));
    let without = Settings {
        image_encoder: Some(parsed(&clip.replace("laion_head: /h.pth, ", "")).unwrap()),
        ..clip_settings(ImageVector::Clip, false)
    };
    assert!(Embed::new(without).err().unwrap().to_string().contains("laion_head"));
    let texts = serde_yaml::from_str::<TextEncoderSettings>("{ kind: clip, folder: /f }").unwrap();
    assert!(matches!(texts, TextEncoderSettings::Clip { precision: Precision::Fp32, .. }));
}

#[test]
fn a_file_that_changed_since_ingest_ends_the_run_even_where_bad_images_are_skipped() {
    let Some(stage) = stage(OnBadImage::Skip) else { return };
    let world = World::new();
    let images = world.folder.path().join("images");
    std::fs::copy(images.join("i04.png"), images.join("i03.png")).unwrap();
    let error = world.run(&stage, false).unwrap_err();
    assert!(error.contains("`i03`") && error.contains("`i03.png`") && error.contains("rerun `ingest`"), "{error}");
    // What had been made is kept, and the mended file is all that is missing.
    row(world.folder.path(), 3);
    assert!(world.run(&stage, false).unwrap()["images_embedded"] >= 1);
}

#[test]
fn a_bad_image_ends_the_run_or_is_left_null_and_counted_as_the_setting_says() {
    let (Some(strict), Some(lenient)) = (stage(OnBadImage::Fail), stage(OnBadImage::Skip)) else { return };
    let mut world = World::new();
    let images = world.folder.path().join("images");
    std::fs::remove_file(images.join("i05.png")).unwrap();
    let html = b"<html>404</html>";
    std::fs::write(images.join("i06.png"), html).unwrap();
    world.images[6].sha256 = Some(hex::encode(Sha256::digest(html)));
    world.write_inputs();
    let error = world.run(&strict, false).unwrap_err();
    assert!(error.contains("`i05`") || error.contains("`i06`"), "{error}");
    assert!(error.contains("on_bad_image"), "{error}");
    let counts = world.run(&lenient, false).unwrap();
    assert_eq!(counts["images_bad"], 2);
    let rows = world.embeddings();
    let missing: Vec<&str> =
        rows.iter().filter(|row| row.image_embedding.is_none()).map(|row| row.image_id.as_str()).collect();
    assert_eq!(missing, ["i05", "i06"]);
    assert!(rows.iter().all(|row| row.text_embedding.is_some()));
    let mut run = world.start();
    lenient.run(&mut run).unwrap();
    let noted: Vec<(&str, &str)> = run.bad_images().iter().map(|(id, cause)| (id.as_str(), cause.as_str())).collect();
    assert!(
        matches!(noted[..], [("i05", gone), ("i06", html)] if gone.contains("i05.png") && html.contains("format")),
        "{noted:?}"
    );
}

#[test]
fn a_hundred_bad_images_are_named_and_no_more() {
    let mut run = World::new().start();
    (0..300).rev().for_each(|at| run.note_bad_image(&format!("i{at:03}"), "it is HTML"));
    let noted: Vec<&str> = run.bad_images().keys().map(String::as_str).collect();
    assert_eq!((noted.len(), noted[0], noted[99]), (100, "i000", "i099"));
}

#[test]
fn vectors_of_images_and_texts_are_kept_under_the_number_of_this_code() {
    let Some(stage) = stage(OnBadImage::Fail) else { return };
    let world = World::new();
    world.run(&stage, false).unwrap();
    let reader = Tables::new(world.storage()).reader::<ImageEmbedding>().unwrap();
    let metadata: HashMap<&str, &str> = reader.metadata().iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let of_images = ["efficientnet_lite0", metadata["image_weights"], metadata["preprocessing"]];
    for parts in [&of_images[..], &["minilm", metadata["text_weights"]]] {
        let key = kept_under(parts, Device::Cpu);
        assert!(key.ends_with(&format!("cpu\n{ARITHMETIC}")));
        let store = format!("embeddings-{}", &digest_bytes(key.as_bytes())[..16]);
        assert!(world.kept_parts().iter().any(|part| part.contains(&store)), "{:?}", world.kept_parts());
    }
}

#[test]
fn a_checkpoints_own_preprocessing_decides_its_vectors_and_freshness() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["config.json", "model.safetensors"] {
        let source = clip_fixture("tiny-quick-gelu").local_path().unwrap().join(name);
        std::fs::copy(source, folder.path().join(name)).unwrap();
    }
    let mut settings = clip_settings(ImageVector::Clip, false);
    let Some(ImageEncoderSettings::Clip(clip)) = &mut settings.image_encoder else { panic!() };
    clip.folder = folder.path().into();
    let stage = Embed::new(settings).unwrap();
    let world = World::new();
    let files = || -> Vec<String> {
        stage.files(&Tables::new(world.storage())).unwrap().into_iter().map(|file| file.name).collect()
    };
    world.run(&stage, false).unwrap();
    let (before, files_before) = (world.embeddings(), files());
    let own = folder.path().join("preprocessor_config.json");
    std::fs::write(&own, r#"{"size": {"shortest_edge": 30}, "image_mean": [0.5, 0.5, 0.5]}"#).unwrap();
    assert_eq!(world.run(&stage, false).unwrap()["images_embedded"], 10);
    assert_eq!(files(), [files_before, vec!["image_encoder.preprocessor_config.json".to_owned()]].concat());
    let after = world.embeddings();
    assert!(before.iter().zip(&after).all(|(before, after)| before.image_embedding != after.image_embedding));
    let reader = Tables::new(world.storage()).reader::<ImageEmbedding>().unwrap();
    let metadata: HashMap<&str, &str> = reader.metadata().iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert!(
        metadata["preprocessing"].contains("short side to 30") && metadata["preprocessing"].contains("[0.5, 0.5, 0.5]")
    );
    std::fs::write(&own, r#"{"do_resize": false}"#).unwrap();
    let error = world.run(&stage, false).unwrap_err();
    assert!(error.contains("preprocessor_config.json"), "{error}");
}

#[test]
fn a_data_set_without_pixels_writes_an_empty_table_and_needs_no_weights() {
    let mut world = World::new();
    for image in &mut world.images {
        (image.path, image.sha256, image.width, image.height, image.bytes) = (None, None, None, None, None);
    }
    world.write_inputs();
    let stage = Embed::new(Settings {
        image_encoder: Some(ImageEncoderSettings::EfficientnetLite0 { weights: Location::new("/nowhere/model") }),
        text_encoder: None,
        exif_orientation: ExifOrientation::Ignore,
        device: DeviceSetting::Cpu,
        batch_size: 1,
        on_bad_image: OnBadImage::Fail,
    })
    .unwrap();
    assert_eq!(world.run(&stage, false).unwrap(), Counts::from([("images", 0)]));
    assert_eq!(world.embeddings(), []);
}

#[test]
fn either_encoder_may_be_left_out() {
    let Some(both) = settings(OnBadImage::Fail) else { return };
    let world = World::new();
    world.run(&Embed::new(Settings { text_encoder: None, ..both.clone() }).unwrap(), false).unwrap();
    assert!(world.embeddings().iter().all(|row| row.image_embedding.is_some() && row.text_embedding.is_none()));
    world.run(&Embed::new(Settings { image_encoder: None, ..both }).unwrap(), false).unwrap();
    assert!(world.embeddings().iter().all(|row| row.image_embedding.is_none() && row.text_embedding.is_some()));
}

#[test]
fn weights_that_are_not_there_say_how_to_get_them() {
    let world = World::new();
    let stage = Embed::new(Settings {
        image_encoder: None,
        text_encoder: Some(TextEncoderSettings::Minilm { folder: Location::new("/nowhere/minilm") }),
        exif_orientation: ExifOrientation::Ignore,
        device: DeviceSetting::Cpu,
        batch_size: 1,
        on_bad_image: OnBadImage::Fail,
    })
    .unwrap();
    let error = world.run(&stage, false).unwrap_err();
    assert!(error.contains("/nowhere/minilm/model.safetensors") && error.contains("make setup"), "{error}");
}

#[test]
fn a_typo_or_a_setting_that_makes_no_sense_is_named() {
    let parsed = |text: &str| serde_yaml::from_str::<Settings>(text).map_err(|error| error.to_string());
    let whole = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../pipeline.yaml")).unwrap();
    let section = whole.split("\nembed:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let settings = parsed(section).unwrap();
    assert!(settings.image_encoder.is_some() && settings.text_encoder.is_some());
    assert_eq!(settings.device, DeviceSetting::Auto);

    let with = |from: &str, to: &str| parsed(&section.replace(from, to));
    assert!(with("batch_size", "batchsize").unwrap_err().contains("batchsize"));
    assert!(with("kind: minilm", "kind: mini").unwrap_err().contains("minilm"));
    assert!(with("folder:", "dir:").unwrap_err().contains("dir"));
    assert!(with("device: auto", "device: gpu").unwrap_err().contains("cuda:N"));
    let error = Embed::new(Settings { batch_size: 0, ..settings.clone() }).err().unwrap();
    assert_eq!(error.to_string(), "`embed.batch_size`: must be at least 1");
    let bucket = ImageEncoderSettings::EfficientnetLite0 { weights: Location::new("s3://bucket/model.safetensors") };
    let error = Embed::new(Settings { image_encoder: Some(bucket), ..settings }).err().unwrap();
    assert!(error.to_string().contains("no local path"), "{error}");
}
