//! A scene as a PNG file.

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use rand::Rng;
use tiny_skia::{Pixmap, Transform};

use crate::backdrop::{backdrop, clutter, disturbing_marks};
use crate::error::DemoError;
use crate::factors::Factor;
use crate::pixels::{Pixels, develop, texture};
use crate::scene::{DrawnObject, SIDE, Scene};
use crate::seeded;
use crate::shapes::{Pen, Rgb, draw, silliness};
use crate::words::{Action, Kind};

/// The PNG file of a scene, the same bytes for the same scene, seed and id.
///
/// # Errors
/// [`DemoError::Picture`] if it cannot be encoded.
pub fn png(scene: &Scene, seed: u64, image_id: &str) -> Result<Vec<u8>, DemoError> {
    let fail = |reason: String| DemoError::Picture { image_id: image_id.to_owned(), reason };
    let pixels = pixels(scene, seed, image_id).ok_or_else(|| fail("no canvas".to_owned()))?;
    let bytes: Vec<u8> = pixels.iter().flatten().map(|&channel| channel.round() as u8).collect();
    let mut png = Vec::new();
    PngEncoder::new_with_quality(&mut png, CompressionType::Fast, FilterType::Adaptive)
        .write_image(&bytes, SIDE, SIDE, ExtendedColorType::Rgb8)
        .map_err(|e| fail(e.to_string()))?;
    Ok(png)
}

/// The finished pixels of a scene.
pub fn pixels(scene: &Scene, seed: u64, image_id: &str) -> Option<Pixels> {
    let factors = &scene.factors;
    // One stream each, so that more clutter does not move the sun.
    let rng = |what: &str| seeded::rng(seed, &format!("render/{image_id}/{what}"));
    let mut canvas = Pixmap::new(SIDE, SIDE)?;
    backdrop(&mut canvas, scene.setting, factors, &mut rng("backdrop"));
    let mut pixels = read(&canvas);
    texture(&mut pixels, factors.photorealistic, &mut rng("texture"));
    write(&pixels, &mut canvas);
    clutter(&mut canvas, factors.chaotic, &mut rng("clutter"));
    // Whoever stands lower stands in front.
    let mut order: Vec<&DrawnObject> = scene.objects.iter().collect();
    order.sort_by(|a, b| (a.y + a.radius).total_cmp(&(b.y + b.radius)));
    let mut hats = rng("hats");
    for object in order {
        object_of(&mut canvas, object, factors.photorealistic as f32);
        let hat: Rgb = std::array::from_fn(|_| hats.random_range(0.2..0.95));
        if factors.get(Factor::Funny) > 0.4 {
            silliness(&mut Pen::new(&mut canvas, place(object), 0.2), factors.funny as f32, hat);
        }
    }
    disturbing_marks(&mut canvas, factors.disturbing, &mut rng("marks"));
    Some(develop(read(&canvas), factors, &mut rng("develop")))
}

fn place(object: &DrawnObject) -> Transform {
    let (x, y, r) = (object.x as f32, object.y as f32, object.radius as f32);
    let flip = if object.faces_right { -1.0 } else { 1.0 };
    let lean = match object.action {
        Some(Action::Running | Action::Chasing) => 8.0,
        Some(Action::Jumping) if object.kind == Kind::Fish => 45.0,
        Some(Action::Jumping) => 18.0,
        Some(Action::Flying) => 10.0,
        _ => 0.0,
    };
    Transform::from_rotate(lean).post_scale(flip * r, r).post_translate(x, y)
}

fn object_of(canvas: &mut Pixmap, object: &DrawnObject, realism: f32) {
    shadow(canvas, object, realism);
    draw(&mut Pen::new(canvas, place(object), realism), object);
}

fn shadow(canvas: &mut Pixmap, object: &DrawnObject, realism: f32) {
    let (x, y, r) = (object.x as f32, object.y as f32, object.radius as f32);
    let drop = if matches!(object.action, Some(Action::Jumping | Action::Flying)) { 1.15 } else { 0.92 };
    for (width, alpha) in [(1.0, 0.16), (0.8, 0.22)] {
        let Some(rect) = tiny_skia::Rect::from_xywh(x - r * width, y + r * (drop - 0.12), 2.0 * r * width, r * 0.26)
        else {
            continue;
        };
        let Some(path) = tiny_skia::PathBuilder::from_oval(rect) else { continue };
        let mut paint = tiny_skia::Paint { anti_alias: true, ..tiny_skia::Paint::default() };
        paint.set_color(crate::shapes::opaque([0.0; 3], alpha * realism));
        canvas.fill_path(&path, &paint, tiny_skia::FillRule::Winding, Transform::identity(), None);
    }
}

// The canvas is opaque everywhere: the backdrop covers it.
fn read(canvas: &Pixmap) -> Pixels {
    canvas.data().chunks_exact(4).map(|p| [f32::from(p[0]), f32::from(p[1]), f32::from(p[2])]).collect()
}

fn write(pixels: &Pixels, canvas: &mut Pixmap) {
    for (pixel, out) in pixels.iter().zip(canvas.data_mut().chunks_exact_mut(4)) {
        for c in 0..3 {
            out[c] = pixel[c].clamp(0.0, 255.0) as u8;
        }
        out[3] = 255;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::factors::Factors;
    use crate::generator::GENERATORS;
    use crate::pixels::luminance;
    use crate::prompt::prompts;

    fn scenes() -> Vec<Scene> {
        let rng = |id: &str| seeded::rng(9, id);
        prompts(8, 9).unwrap().iter().map(|p| GENERATORS[1].paint(p, &mut rng(&p.prompt_id))).collect()
    }

    /// The mean over some scenes of a measure of their pixels, with one factor at three levels.
    fn at_levels(factor: Factor, measure: impl Fn(&Pixels) -> f64) -> [f64; 3] {
        [0.1, 0.5, 0.95].map(|level| {
            let of = |(i, scene): (usize, Scene)| {
                let mut scene = scene;
                scene.factors = Factors { disturbing: 0.0, funny: 0.0, blurry: 0.1, ..Factors::all(0.3) };
                scene.factors.set(factor, level);
                measure(&pixels(&scene, 9, &format!("image {i}")).unwrap())
            };
            let values: Vec<f64> = scenes().into_iter().enumerate().map(of).collect();
            values.iter().sum::<f64>() / values.len() as f64
        })
    }

    fn mean_luminance(pixels: &Pixels) -> f64 {
        pixels.iter().map(|pixel| f64::from(luminance(pixel))).sum::<f64>() / pixels.len() as f64
    }

    fn mean_saturation(pixels: &Pixels) -> f64 {
        let spread = |p: &[f32; 3]| f64::from(p[0].max(p[1]).max(p[2]) - p[0].min(p[1]).min(p[2]));
        pixels.iter().map(spread).sum::<f64>() / pixels.len() as f64
    }

    /// Mean difference between neighbours along a row.
    fn edges(pixels: &Pixels) -> f64 {
        let side = SIDE as usize;
        let rows = pixels.chunks(side).flat_map(|row| row.windows(2));
        rows.map(|pair| f64::from((luminance(&pair[0]) - luminance(&pair[1])).abs())).sum::<f64>() / pixels.len() as f64
    }

    fn dark_red(pixels: &Pixels) -> f64 {
        pixels.iter().filter(|p| p[0] > 40.0 && p[0] < 140.0 && p[1] < 35.0 && p[2] < 45.0).count() as f64
    }

    fn rises([low, middle, high]: [f64; 3]) {
        assert!(low < middle && middle < high, "{low} {middle} {high}");
    }

    #[test]
    fn bright_pictures_are_lighter() {
        rises(at_levels(Factor::Bright, mean_luminance));
    }

    #[test]
    fn blurry_pictures_have_fewer_edges() {
        rises(at_levels(Factor::Blurry, |pixels| -edges(pixels)));
    }

    #[test]
    fn chaotic_pictures_have_more_edges() {
        rises(at_levels(Factor::Chaotic, edges));
    }

    #[test]
    fn photorealistic_pictures_have_texture_and_grain() {
        let [low, _, high] = at_levels(Factor::Photorealistic, edges);
        assert!(high > low * 1.3, "{low} {high}");
    }

    #[test]
    fn captivating_and_compelling_pictures_are_more_colourful() {
        rises(at_levels(Factor::Captivating, mean_saturation));
        rises(at_levels(Factor::VisuallyCompelling, mean_saturation));
    }

    #[test]
    fn disturbing_pictures_have_dark_red_marks() {
        let [low, middle, high] = at_levels(Factor::Disturbing, dark_red);
        assert!(high > middle && middle > low + 20.0, "{low} {middle} {high}");
    }

    #[test]
    fn distorted_and_funny_pictures_differ_from_plain_ones() {
        for factor in [Factor::Distorted, Factor::Funny] {
            for (i, mut scene) in scenes().into_iter().enumerate() {
                scene.factors = Factors { disturbing: 0.0, funny: 0.0, distorted: 0.05, ..scene.factors };
                let id = format!("image {i}");
                let plain = pixels(&scene, 9, &id).unwrap();
                scene.factors.set(factor, 0.9);
                let other = pixels(&scene, 9, &id).unwrap();
                let differing = plain.iter().zip(&other).filter(|(a, b)| (luminance(a) - luminance(b)).abs() > 12.0);
                assert!(differing.count() > 250, "{factor:?} in {id}");
            }
        }
    }

    #[test]
    fn the_same_scene_gives_the_same_file_and_it_is_a_png_of_the_right_size() {
        let scene = &scenes()[0];
        let file = png(scene, 9, "a").unwrap();
        assert_eq!(file, png(scene, 9, "a").unwrap());
        let decoded = image::load_from_memory(&file).unwrap();
        assert_eq!((decoded.width(), decoded.height()), (SIDE, SIDE));
    }
}
