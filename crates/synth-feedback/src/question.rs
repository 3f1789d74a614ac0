//! What is asked about each image: the quality questions, the same for all, and the alignment questions of its prompt.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tables::{AnswerKind, Bucket, Image, Prompt, Question};

use crate::settings::{Quality, VqaScore};

/// One question about an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageQuestion {
    /// What it is about.
    pub kind: AnswerKind,
    /// The question's name among its prompt's; for a quality question the attribute.
    pub question_id: Arc<str>,
    /// The text that is asked.
    pub query: Arc<str>,
    /// The bucket of an alignment question.
    pub bucket: Option<Bucket>,
    /// Whether its score is P(yes) itself, not divided by P(yes) + P(no).
    pub is_vqascore: bool,
}

/// The questions about every image.
#[derive(Debug, Default)]
pub struct Questions {
    quality: Vec<ImageQuestion>,
    by_prompt: HashMap<String, Vec<ImageQuestion>>,
    vqascore: HashMap<String, ImageQuestion>,
}

impl Questions {
    /// The quality questions, in the order of the attributes, and the alignment questions in the order of the table.
    pub fn new(quality: Option<&Quality>, alignment: &[Question]) -> Self {
        let mut by_prompt: HashMap<String, Vec<ImageQuestion>> = HashMap::new();
        for question in alignment {
            by_prompt.entry(question.prompt_id.clone()).or_default().push(ImageQuestion {
                kind: AnswerKind::Alignment,
                question_id: question.question_id.as_str().into(),
                query: question.query.as_str().into(),
                bucket: Some(question.bucket),
                is_vqascore: false,
            });
        }
        let quality_question = |quality: &Quality, attribute: &String| ImageQuestion {
            kind: AnswerKind::Quality,
            question_id: attribute.as_str().into(),
            query: quality.query(attribute).into(),
            bucket: None,
            is_vqascore: false,
        };
        let quality =
            quality.map(|quality| quality.attributes.iter().map(|name| quality_question(quality, name)).collect());
        Self { quality: quality.unwrap_or_default(), by_prompt, vqascore: HashMap::new() }
    }

    /// With an instruction after every text, a space between them.
    pub fn with_instruction(mut self, instruction: Option<&str>) -> Self {
        if instruction.is_some() {
            for question in self.quality.iter_mut().chain(self.by_prompt.values_mut().flatten()) {
                question.query = with_instruction(&question.query, instruction).into();
            }
        }
        self
    }

    /// With the question of VQAScore about every prompt, which is a quality question by its kind.
    pub fn with_vqascore(mut self, vqascore: &VqaScore, prompts: &[Prompt]) -> Self {
        let question = |prompt: &Prompt| ImageQuestion {
            kind: AnswerKind::Quality,
            question_id: vqascore.attribute.as_str().into(),
            query: vqascore.query(&prompt.prompt).into(),
            bucket: None,
            is_vqascore: true,
        };
        self.vqascore = prompts.iter().map(|prompt| (prompt.prompt_id.clone(), question(prompt))).collect();
        self
    }

    /// The question of VQAScore about a prompt's images.
    pub fn vqascore(&self, prompt_id: &str) -> Option<&ImageQuestion> {
        self.vqascore.get(prompt_id)
    }

    /// The questions about quality.
    pub fn quality(&self) -> &[ImageQuestion] {
        &self.quality
    }

    /// The questions about a prompt's images.
    pub fn alignment(&self, prompt_id: &str) -> &[ImageQuestion] {
        self.by_prompt.get(prompt_id).map_or(&[], Vec::as_slice)
    }

    /// All questions about an image.
    pub fn about(&self, image: &Image) -> impl Iterator<Item = &ImageQuestion> {
        self.quality.iter().chain(self.vqascore(&image.prompt_id)).chain(self.alignment(&image.prompt_id))
    }
}

/// A question's text with the instruction after it.
pub(crate) fn with_instruction(query: &str, instruction: Option<&str>) -> String {
    instruction.map_or(query.to_owned(), |instruction| format!("{query} {}", instruction.trim()))
}

/// What a VLM is to be asked about one picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureQueries {
    /// The first image that shows it.
    pub image_id: String,
    /// Where its file lies under the image root.
    pub path: String,
    /// SHA-256 of the file.
    pub sha256: String,
    /// The file's size when it was ingested.
    pub n_bytes: u64,
    /// The texts, each once.
    pub queries: Vec<Arc<str>>,
}

/// The questions by picture, in the order of `images`: a picture that several images share is asked each text once.
///
/// # Errors
/// The images that have questions but no pixels.
pub fn by_picture(images: &[Image], questions: &Questions) -> Result<Vec<PictureQueries>, Vec<String>> {
    let mut pictures: Vec<PictureQueries> = Vec::new();
    let mut at: HashMap<&str, usize> = HashMap::new();
    let mut seen: HashSet<(usize, Arc<str>)> = HashSet::new();
    let mut without_pixels = Vec::new();
    for image in images {
        if questions.about(image).next().is_none() {
            continue;
        }
        let (Some(path), Some(sha256), Some(bytes)) = (&image.path, &image.sha256, image.bytes) else {
            without_pixels.push(image.image_id.clone());
            continue;
        };
        let picture = *at.entry(sha256).or_insert_with(|| {
            pictures.push(PictureQueries {
                image_id: image.image_id.clone(),
                path: path.clone(),
                sha256: sha256.clone(),
                n_bytes: bytes.unsigned_abs(),
                queries: Vec::new(),
            });
            pictures.len() - 1
        });
        let new = questions
            .about(image)
            .map(|question| &question.query)
            .filter(|query| seen.insert((picture, Arc::clone(query))));
        pictures[picture].queries.extend(new.cloned());
    }
    if without_pixels.is_empty() { Ok(pictures) } else { Err(without_pixels) }
}

#[cfg(test)]
pub(crate) mod tests {
    use tables::{QuestionSource, Split};

    use super::*;

    pub(crate) fn image(image_id: &str, prompt_id: &str, sha256: Option<&str>) -> Image {
        Image {
            image_id: image_id.into(),
            prompt_id: prompt_id.into(),
            generator: None,
            path: sha256.map(|_| format!("{image_id}.png")),
            sha256: sha256.map(str::to_owned),
            width: sha256.map(|_| 1),
            height: sha256.map(|_| 1),
            bytes: sha256.map(|_| 9),
            split: Split::Train,
        }
    }

    pub(crate) fn question(prompt_id: &str, question_id: &str, query: &str, bucket: Bucket) -> Question {
        Question {
            prompt_id: prompt_id.into(),
            question_id: question_id.into(),
            question: query.into(),
            answer: "yes".into(),
            query: query.into(),
            bucket,
            span_start: None,
            span_end: None,
            source: QuestionSource::Template,
        }
    }

    pub(crate) fn quality(attributes: &[&str]) -> Quality {
        Quality {
            attributes: attributes.iter().map(|name| (*name).to_owned()).collect(),
            question: "is the image {attribute}".into(),
            questions: std::collections::BTreeMap::new(),
        }
    }

    fn queries(picture: &PictureQueries) -> Vec<&str> {
        picture.queries.iter().map(AsRef::as_ref).collect()
    }

    #[test]
    fn a_picture_is_asked_each_text_once_however_many_images_and_questions_share_it() {
        let asked = [
            question("p1", "q1", "is there a dog?", Bucket::Noun),
            question("p1", "q2", "is there a dog?", Bucket::Noun),
            question("p2", "q1", "is there a cat?", Bucket::Noun),
        ];
        let questions = Questions::new(Some(&quality(&["bright"])), &asked);
        let images = [image("i1", "p1", Some("a")), image("i2", "p2", Some("a")), image("i3", "p3", Some("b"))];
        let pictures = by_picture(&images, &questions).unwrap();
        assert_eq!(pictures.len(), 2);
        assert_eq!(queries(&pictures[0]), ["is the image bright", "is there a dog?", "is there a cat?"]);
        assert_eq!(queries(&pictures[1]), ["is the image bright"]);
        assert_eq!((pictures[0].path.as_str(), pictures[0].n_bytes), ("i1.png", 9));
    }

    #[test]
    fn an_instruction_follows_every_question_and_vqascore_has_its_own_in_it() {
        let asked = [question("p1", "q1", "is there a dog?", Bucket::Noun)];
        let prompt = Prompt {
            prompt_id: "p1".into(),
            prompt: "a red dog".into(),
            category: None,
            challenge: None,
            split: Split::Train,
        };
        let vqascore =
            VqaScore { attribute: "vqascore".into(), question: "Does this figure show \"{prompt}\"?".into() };
        let questions = Questions::new(Some(&quality(&["bright"])), &asked)
            .with_instruction(Some("Answer yes or no. "))
            .with_vqascore(&vqascore, &[prompt]);
        let pictures = by_picture(&[image("i1", "p1", Some("a")), image("i2", "p2", Some("b"))], &questions).unwrap();
        let expected = [
            "is the image bright Answer yes or no.",
            "Does this figure show \"a red dog\"?",
            "is there a dog? Answer yes or no.",
        ];
        assert_eq!(queries(&pictures[0]), expected);
        assert_eq!(queries(&pictures[1]), expected[..1], "a prompt that is not there has no question");
        assert!(questions.vqascore("p1").unwrap().is_vqascore && questions.vqascore("p2").is_none());
    }

    #[test]
    fn images_without_pixels_are_listed_only_if_something_is_asked_about_them() {
        let asked = [question("p1", "q1", "is there a dog?", Bucket::Noun)];
        let questions = Questions::new(None, &asked);
        let images = [image("i1", "p1", None), image("i2", "p2", None)];
        assert_eq!(by_picture(&images, &questions), Err(vec!["i1".to_owned()]));
        assert_eq!(by_picture(&images[1..], &questions), Ok(vec![]));
    }
}
