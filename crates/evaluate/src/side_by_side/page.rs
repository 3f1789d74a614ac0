//! The annotation page: one HTML file, or a folder with the images beside it, that works from a disk and from any static host.
//!
//! A general task and one task for each attribute; in each all pairs, in an order and on sides that are shuffled anew for
//! every rater; "unsure" is always an answer (App. B.10). The rater never learns which model liked which image.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minijinja::{UndefinedBehavior, context};
use serde::Serialize;
use tables::{OVERALL, SxsPair};

use super::page_image::jpeg;
use crate::error::EvaluateError;

/// What a page shows besides pairs.
#[derive(Debug, Clone)]
pub struct PageSettings {
    /// Its title.
    pub title: String,
    /// What is asked, one task each: `overall`, or an attribute.
    pub aspects: Vec<String>,
    /// With the rater's name it decides orders and sides.
    pub seed: u64,
    /// The longer side of an image, in pixels.
    pub max_side: u32,
    /// Whether images are inside the HTML file.
    pub embedded: bool,
}

/// A page, ready to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The HTML file.
    pub html: String,
    /// Files that belong beside it, by relative path; none if the images are inside.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Names what is shown: answers are kept in the browser under it.
    pub digest: String,
}

#[derive(Serialize)]
struct Data<'a> {
    page: &'a str,
    seed: u64,
    tasks: Vec<Task>,
    pairs: Vec<Pair<'a>>,
}

#[derive(Serialize)]
struct Task {
    aspect: String,
    question: String,
}

#[derive(Serialize)]
struct Pair<'a> {
    pair_id: &'a str,
    prompt: &'a str,
    /// In the order of their ids, which says nothing of the models.
    images: [Image<'a>; 2],
}

#[derive(Serialize)]
struct Image<'a> {
    image_id: &'a str,
    src: String,
}

/// The question of a task. The paper's raters selected the image "that they preferred" or the one that was "more X" (App. B.10).
pub fn question(aspect: &str) -> String {
    match aspect {
        OVERALL => "Which image do you prefer?".to_owned(),
        attribute => format!("Which image is more {attribute}?"),
    }
}

/// The page for these pairs. `prompt_of` gives a prompt's text, `file_of` the bytes of an image.
///
/// # Errors
/// [`EvaluateError::Page`] for a pair whose prompt is not known, or for nothing to show; [`EvaluateError::Picture`].
pub fn page(
    pairs: &[SxsPair],
    prompt_of: impl Fn(&str) -> Option<String>,
    file_of: impl Fn(&str) -> Result<Vec<u8>, String>,
    settings: &PageSettings,
) -> Result<Page, EvaluateError> {
    let nothing = |reason: &str| EvaluateError::Page { reason: reason.to_owned() };
    if pairs.is_empty() {
        return Err(nothing("there are no pairs to show"));
    }
    if settings.aspects.is_empty() {
        return Err(nothing("there is nothing to ask"));
    }
    let mut prompts = Vec::new();
    for pair in pairs {
        prompts.push(prompt_of(&pair.prompt_id).ok_or_else(|| EvaluateError::Page {
            reason: format!("the text of prompt `{}` of pair `{}` is not known", pair.prompt_id, pair.pair_id),
        })?);
    }
    let mut files = BTreeMap::new();
    let mut shown = Vec::new();
    let mut identity = format!("{}\n{:?}\n", settings.seed, settings.aspects);
    for (at, (pair, prompt)) in pairs.iter().zip(&prompts).enumerate() {
        let mut ids = [pair.coarse_image_id.as_str(), pair.fine_image_id.as_str()];
        ids.sort_unstable();
        let mut image = |image_id, side| -> Result<Image, EvaluateError> {
            let cannot = |reason| EvaluateError::Picture { image_id: String::from(image_id), reason };
            let bytes = jpeg(&file_of(image_id).map_err(cannot)?, settings.max_side).map_err(cannot)?;
            identity += &tables::digest_bytes(&bytes);
            let src = if settings.embedded {
                format!("data:image/jpeg;base64,{}", STANDARD.encode(&bytes))
            } else {
                // Numbered: an image's id may be anything.
                let path = format!("images/{:04}{side}.jpg", at + 1);
                files.insert(path.clone(), bytes);
                path
            };
            Ok(Image { image_id, src })
        };
        let images = [image(ids[0], 'a')?, image(ids[1], 'b')?];
        identity += &format!("{:?}{prompt:?}\n", pair.pair_id);
        shown.push(Pair { pair_id: &pair.pair_id, prompt, images });
    }
    let digest = tables::digest_bytes(identity.as_bytes())[..16].to_owned();
    let tasks = settings.aspects.iter().map(|aspect| Task { aspect: aspect.clone(), question: question(aspect) });
    let data = Data { page: &digest, seed: settings.seed, tasks: tasks.collect(), pairs: shown };
    let data = serde_json::to_string(&data).unwrap_or_else(|error| unreachable!("text and numbers: {error}"));
    let mut templates = minijinja::Environment::new();
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    templates.add_template("page.html", include_str!("page.html"))?;
    let html = templates.get_template("page.html")?.render(context! {
        title => settings.title.as_str(),
        n_pairs => pairs.len(),
        n_tasks => settings.aspects.len(),
        style => include_str!("page.css"),
        script => include_str!("page.js"),
        data => inert(&data),
    })?;
    Ok(Page { html, files, digest })
}

/// JSON that no HTML parser takes for anything else, whatever is in it.
fn inert(json: &str) -> String {
    json.replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::sxs_pair;

    fn settings() -> PageSettings {
        PageSettings {
            title: "Which is better?".to_owned(),
            aspects: vec![OVERALL.to_owned(), "bright".to_owned()],
            seed: 0,
            max_side: 64,
            embedded: true,
        }
    }

    fn png(value: u8) -> Vec<u8> {
        let mut bytes = std::io::Cursor::new(Vec::new());
        image::GrayImage::from_pixel(8, 8, image::Luma([value])).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    fn made(pairs: &[SxsPair], prompt: &str, settings: &PageSettings) -> Result<Page, EvaluateError> {
        page(pairs, |_| Some(prompt.to_owned()), |id| Ok(png(id.len() as u8)), settings)
    }

    fn data(page: &Page) -> serde_json::Value {
        let start = page.html.find("id=\"page-data\"").unwrap();
        let json = &page.html[start..][page.html[start..].find('>').unwrap() + 1..];
        serde_json::from_str(&json[..json.find("</script>").unwrap()]).unwrap()
    }

    #[test]
    fn the_page_holds_its_pairs_its_questions_and_its_images() {
        let page = made(&[sxs_pair("z", "a")], "a dog", &settings()).unwrap();
        let data = data(&page);
        assert_eq!(data["tasks"][0]["question"], "Which image do you prefer?");
        assert_eq!(data["tasks"][1]["question"], "Which image is more bright?");
        assert_eq!((&data["pairs"][0]["pair_id"], &data["pairs"][0]["prompt"]), (&"a~z".into(), &"a dog".into()));
        let images = &data["pairs"][0]["images"];
        assert_eq!((&images[0]["image_id"], &images[1]["image_id"]), (&"a".into(), &"z".into()), "blind to the models");
        assert!(images[0]["src"].as_str().unwrap().starts_with("data:image/jpeg;base64,/9j/"));
        assert!(page.files.is_empty());
        let without_images = page.html.replace("data:image", "");
        for network in ["http:", "https:", "//cdn", "@import", "<link", "fetch(", "XMLHttpRequest", "url("] {
            assert!(!without_images.contains(network), "{network}");
        }
    }

    #[test]
    fn in_a_folder_images_have_numbers_for_names_whatever_their_ids() {
        let pairs = [sxs_pair("../../etc/passwd", "c:\\x\"><script>")];
        let page = made(&pairs, "a dog", &PageSettings { embedded: false, ..settings() }).unwrap();
        assert_eq!(page.files.keys().collect::<Vec<_>>(), ["images/0001a.jpg", "images/0001b.jpg"]);
        assert!(!page.html.contains("data:image"));
    }

    #[test]
    fn hostile_names_and_texts_are_text() {
        let hostile = "</script><script>alert(1)</script><!--\u{2028}";
        let settings = PageSettings { title: hostile.to_owned(), aspects: vec![hostile.to_owned()], ..settings() };
        let page = made(&[sxs_pair(hostile, "b")], hostile, &settings).unwrap();
        assert_eq!(page.html.matches("<script").count(), 2, "the data and the program");
        assert_eq!(page.html.matches("</script>").count(), 2);
        assert!(!page.html.contains("alert(1)</") && !page.html.contains("<!--"));
        assert_eq!(data(&page)["pairs"][0]["prompt"], hostile);
    }

    #[test]
    fn equal_inputs_make_equal_pages_and_whatever_a_rater_sees_is_in_the_digest() {
        let page = |prompt: &str, settings: &PageSettings| made(&[sxs_pair("a", "b")], prompt, settings).unwrap();
        assert_eq!(page("a dog", &settings()), page("a dog", &settings()));
        let digest = page("a dog", &settings()).digest;
        assert_ne!(digest, page("a cat", &settings()).digest);
        assert_ne!(digest, page("a dog", &PageSettings { seed: 1, ..settings() }).digest);
        assert_ne!(digest, page("a dog", &PageSettings { aspects: vec!["bright".to_owned()], ..settings() }).digest);
        assert_ne!(digest, made(&[sxs_pair("a", "cc")], "a dog", &settings()).unwrap().digest);
    }

    #[test]
    fn what_cannot_be_shown_is_an_error_that_names_it() {
        let pairs = [sxs_pair("a", "b")];
        assert!(made(&[], "a dog", &settings()).unwrap_err().to_string().contains("no pairs"));
        let error = page(&pairs, |_| None, |_| Ok(png(0)), &settings()).unwrap_err().to_string();
        assert!(error.contains("`p1`") && error.contains("`a~b`"), "{error}");
        let error = page(&pairs, |_| Some(String::new()), |_| Ok(b"x".to_vec()), &settings()).unwrap_err().to_string();
        assert!(error.contains("`a`"), "{error}");
    }
}
