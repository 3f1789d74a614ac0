//! Which questions are to be asked about which picture, one picture at a time: the plan itself holds no text.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::asked_image::{AskedImage, PictureFile};
use crate::question::Questions;

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

/// The questions of a run by picture, in the order of `images`: a picture that several images share is asked each text
/// once. Of each question it remembers only whether it is open.
#[derive(Debug)]
pub struct Plan<'a> {
    images: &'a [AskedImage],
    questions: &'a Questions,
    /// The images that have questions, those of one picture together.
    order: Vec<u32>,
    /// Where in `order` each picture starts.
    starts: Vec<u32>,
    /// Whether each text is to be asked, in the order of pictures and texts.
    is_open: Vec<bool>,
    size: PlanSize,
}

/// How much a plan asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PlanSize {
    /// Questions, those that are answered already among them.
    pub n_questions: usize,
    /// Questions that are to be asked.
    pub n_open: usize,
    /// Pictures that they are about.
    pub n_pictures: usize,
    /// Bytes of their texts.
    pub text_bytes: u64,
}

impl<'a> Plan<'a> {
    /// Plans all questions but those that are answered, by SHA-256 of the picture and text.
    ///
    /// # Errors
    /// The images that have questions but no pixels.
    pub fn new(
        images: &'a [AskedImage],
        questions: &'a Questions,
        is_answered: impl Fn(&str, &str) -> bool,
    ) -> Result<Self, Vec<String>> {
        let mut without_pixels = Vec::new();
        let mut of_picture: HashMap<&[u8; 32], Vec<u32>> = HashMap::new();
        let mut firsts: Vec<&[u8; 32]> = Vec::new();
        for (at, image) in (0_u32..).zip(images) {
            if questions.about(image).next().is_none() {
                continue;
            }
            let Some(file) = &image.file else {
                without_pixels.push(image.image_id.to_string());
                continue;
            };
            let shown_by = of_picture.entry(file.digest()).or_default();
            if shown_by.is_empty() {
                firsts.push(file.digest());
            }
            shown_by.push(at);
        }
        if !without_pixels.is_empty() {
            return Err(without_pixels);
        }
        let (mut order, mut starts) = (Vec::new(), Vec::with_capacity(firsts.len()));
        for digest in firsts {
            starts.push(order.len() as u32);
            order.extend(of_picture.remove(digest).unwrap_or_default());
        }
        let mut plan = Self { images, questions, order, starts, is_open: Vec::new(), size: PlanSize::default() };
        plan.leave_out(is_answered);
        Ok(plan)
    }

    fn leave_out(&mut self, is_answered: impl Fn(&str, &str) -> bool) {
        let (mut is_open, mut size) = (Vec::new(), PlanSize::default());
        for picture in 0..self.starts.len() {
            let sha256 = self.sha256(picture);
            let n_before = size.n_open;
            for query in self.texts(picture) {
                let open = !is_answered(&sha256, query);
                is_open.push(open);
                size.n_open += usize::from(open);
                size.text_bytes += if open { query.len() as u64 } else { 0 };
            }
            size.n_pictures += usize::from(size.n_open > n_before);
        }
        size.n_questions = is_open.len();
        (self.is_open, self.size) = (is_open, size);
    }

    /// How much it asks.
    pub fn size(&self) -> PlanSize {
        self.size
    }

    /// The open questions, one picture after another.
    pub fn pictures(&self) -> impl Iterator<Item = PictureQueries> {
        let mut at = 0;
        (0..self.starts.len()).filter_map(move |picture| {
            let texts = self.texts(picture);
            let open = &self.is_open[at..at + texts.len()];
            at += texts.len();
            let queries: Vec<_> =
                texts.into_iter().zip(open).filter(|(_, open)| **open).map(|(text, _)| text).collect();
            let image = self.first_image(picture);
            let file = image.file.as_ref().filter(|_| !queries.is_empty())?;
            Some(PictureQueries {
                image_id: image.image_id.to_string(),
                path: file.path.to_string(),
                sha256: file.sha256(),
                n_bytes: file.n_bytes,
                queries: queries.into_iter().cloned().collect(),
            })
        })
    }

    /// Every question with its picture, those that are answered too.
    pub fn for_each(&self, mut take: impl FnMut(&str, &str)) {
        for picture in 0..self.starts.len() {
            let sha256 = self.sha256(picture);
            self.texts(picture).into_iter().for_each(|query| take(&sha256, query));
        }
    }

    fn first_image(&self, picture: usize) -> &'a AskedImage {
        &self.images[self.order[self.starts[picture] as usize] as usize]
    }

    fn sha256(&self, picture: usize) -> String {
        self.first_image(picture).file.as_ref().map(PictureFile::sha256).unwrap_or_default()
    }

    /// The texts about a picture, each once.
    fn texts(&self, picture: usize) -> Vec<&'a Arc<str>> {
        let end = self.starts.get(picture + 1).map_or(self.order.len(), |end| *end as usize);
        let shown_by = &self.order[self.starts[picture] as usize..end];
        let mut seen = HashSet::new();
        let about = shown_by.iter().flat_map(|at| self.questions.about(&self.images[*at as usize]));
        about.map(|question| &question.query).filter(|query| seen.insert(&***query)).collect()
    }
}

#[cfg(test)]
mod tests {
    use tables::Bucket;

    use super::*;
    use crate::question::tests::{image, quality, question, sha256};

    fn queries(picture: &PictureQueries) -> Vec<&str> {
        picture.queries.iter().map(AsRef::as_ref).collect()
    }

    fn nothing(_: &str, _: &str) -> bool {
        false
    }

    #[test]
    fn a_picture_is_asked_each_text_once_however_many_images_and_questions_share_it() {
        let asked = [
            question("p1", "q1", "is there a dog?", Bucket::Noun),
            question("p1", "q2", "is there a dog?", Bucket::Noun),
            question("p2", "q1", "is there a cat?", Bucket::Noun),
        ];
        let questions = Questions::new(Some(&quality(&["bright"])), &asked);
        let images = [image("i1", "p1", Some(1)), image("i2", "p3", Some(2)), image("i3", "p2", Some(1))];
        let plan = Plan::new(&images, &questions, nothing).unwrap();
        let pictures: Vec<PictureQueries> = plan.pictures().collect();
        assert_eq!(pictures.len(), 2);
        assert_eq!(queries(&pictures[0]), ["is the image bright", "is there a dog?", "is there a cat?"]);
        assert_eq!(queries(&pictures[1]), ["is the image bright"]);
        assert_eq!((pictures[0].path.as_str(), pictures[0].n_bytes), ("i1.png", 9));
        let text_bytes = 2 * "is the image bright".len() + 2 * "is there a dog?".len();
        let size = PlanSize { n_questions: 4, n_open: 4, n_pictures: 2, text_bytes: text_bytes as u64 };
        assert_eq!(plan.size(), size);
        let mut n_asked = 0;
        plan.for_each(|_, _| n_asked += 1);
        assert_eq!(n_asked, 4);
    }

    #[test]
    fn what_is_answered_is_left_out_and_a_picture_without_an_open_question_too() {
        let questions = Questions::new(Some(&quality(&["bright", "funny"])), &[]);
        let images = [1, 2, 3].map(|at| image(&format!("i{at}"), "p", Some(at)));
        let answered =
            |asked: &str, query: &str| asked == sha256(2) || (asked == sha256(3) && query.ends_with("bright"));
        let plan = Plan::new(&images, &questions, answered).unwrap();
        let pictures: Vec<PictureQueries> = plan.pictures().collect();
        let open: Vec<(String, Vec<&str>)> = pictures.iter().map(|p| (p.sha256.clone(), queries(p))).collect();
        let (bright, funny) = ("is the image bright", "is the image funny");
        assert_eq!(open, [(sha256(1), vec![bright, funny]), (sha256(3), vec![funny])]);
        let text_bytes = (bright.len() + 2 * funny.len()) as u64;
        assert_eq!(plan.size(), PlanSize { n_questions: 6, n_open: 3, n_pictures: 2, text_bytes });
    }

    #[test]
    fn images_without_pixels_are_listed_only_if_something_is_asked_about_them() {
        let asked = [question("p1", "q1", "is there a dog?", Bucket::Noun)];
        let questions = Questions::new(None, &asked);
        let images = [image("i1", "p1", None), image("i2", "p2", None)];
        assert_eq!(Plan::new(&images, &questions, nothing).unwrap_err(), ["i1"]);
        assert_eq!(Plan::new(&images[1..], &questions, nothing).unwrap().pictures().count(), 0);
    }
}
