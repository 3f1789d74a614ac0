//! The question files of DSG, TIFA and VQ² in their released shapes, through the SQL of `examples/questions`.
//!
//! The rows are our own; the shapes are those of the released files.

#![allow(clippy::unwrap_used, reason = "helpers of tests: a panic names the failing line")]

use finegrain_tests::{Project, repository};
use tables::{Bucket, Question};

const INGEST: &str = "\
data_root: data/run
image_root: .
ingest:
  sources: { prompts: prompts.csv, images: images.csv, ratings: ratings.csv }
  prompts: SELECT prompt_id, prompt FROM prompts
  images: SELECT image_id, prompt_id FROM images
  ratings: SELECT image_id, 'r' AS rater_id, 'overall' AS aspect, rating FROM ratings
  split: { train: 0.5, validation: 0.25, test: 0.25, seed: 0 }
  on_bad_image: fail
  max_image_bytes: 67108864
  max_image_pixels: 100000000
";

/// The table that an example makes of a question file.
fn questions(example: &str, file: &str, content: &str) -> Vec<Question> {
    let project = Project::empty();
    project.write("prompts.csv", "prompt_id,prompt\np1,a brown dog on a sofa\np2,two kites\n");
    project.write("images.csv", "image_id,prompt_id\ni1,p1\ni2,p2\n");
    project.write("ratings.csv", "image_id,rating\ni1,3\ni2,4\n");
    project.write(file, content);
    let import = std::fs::read_to_string(repository().join("examples/questions").join(example)).unwrap();
    project.write("pipeline.yaml", format!("{INGEST}\n{import}"));
    let mut command = project.command(&["run", "ingest", "vq2-parse"]);
    let ended = command.env("QUESTIONS", file).env("PROMPTS", "prompts.csv").output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    project.tables().read().unwrap()
}

fn query<'a>(questions: &'a [Question], query: &str) -> &'a Question {
    questions.iter().find(|q| q.query == query).unwrap_or_else(|| panic!("`{query}` is not in {questions:#?}"))
}

#[test]
fn dsg_questions_keep_their_names_and_what_they_depend_on() {
    let csv = "item_id,text,keywords,proposition_id,dependency,category_broad,category_detailed,tuple,question_natural_language\n\
               p1,a brown dog on a sofa,dog,1,0,entity,whole,entity - whole (dog),Is there a dog?\n\
               p1,a brown dog on a sofa,\"dog, brown\",2,1,attribute,color,\"attribute - color (dog, brown)\",Is the dog brown?\n\
               p1,a brown dog on a sofa,sofa,3,0,entity,whole,entity - whole (sofa),Is there a sofa?\n\
               p1,a brown dog on a sofa,\"dog, sofa, on\",4,\"1,3\",relation,spatial,\"relation - spatial (dog, sofa, on)\",Is the dog on the sofa?\n";
    let questions = questions("dsg.yaml", "dsg.csv", csv);
    assert_eq!(questions.len(), 4);
    let on_the_sofa = query(&questions, "Is the dog on the sofa?");
    assert_eq!((on_the_sofa.question_id.as_str(), on_the_sofa.bucket), ("4", Bucket::Relation));
    assert_eq!(on_the_sofa.depends_on, ["1", "3"]);
    assert!(query(&questions, "Is there a dog?").depends_on.is_empty());
}

#[test]
fn tifa_questions_with_other_answers_than_yes_take_the_form_of_vq2() {
    let json = r#"[
      {"id": "p1", "caption": "a brown dog on a sofa", "element": "brown", "question": "what color is the dog?",
       "choices": ["brown", "black", "white"], "answer": "brown", "element_type": "color"},
      {"id": "p1", "caption": "a brown dog on a sofa", "element": "dog", "question": "is there a dog?",
       "choices": ["yes", "no"], "answer": "yes", "element_type": "animal/human"},
      {"id": "p2", "caption": "two kites", "element": "2", "question": "how many kites are there?",
       "choices": ["1", "2"], "answer": "2", "element_type": "counting"}]"#;
    let questions = questions("tifa.yaml", "tifa_v1.0_question_answers.json", json);
    let brown = query(&questions, "is \"brown\" true for \"what color is the dog?\" in this image?");
    assert_eq!((brown.bucket, brown.question_id.as_str()), (Bucket::Adjective, "what color is the dog? | brown"));
    assert_eq!(query(&questions, "is there a dog?").bucket, Bucket::Noun);
    let two = query(&questions, "is \"2\" true for \"how many kites are there?\" in this image?");
    assert_eq!((two.bucket, two.prompt_id.as_str()), (Bucket::Adjective, "p2"));
}

#[test]
fn vq2_pairs_find_their_prompt_by_the_caption_and_images_that_share_one_count_once() {
    let json = r#"[
      {"image": "images/1.png", "caption": "a brown dog on a sofa", "qa_pairs": [
        {"question": "What is on the sofa?", "answer": "a brown dog", "vqa_answer": "no"},
        {"question": "Where is the brown dog?", "answer": "a sofa", "vqa_answer": "yes"}]},
      {"image": "images/2.png", "caption": "a brown dog on a sofa", "qa_pairs": [
        {"question": "What is on the sofa?", "answer": "a brown dog", "vqa_answer": "yes"}]},
      {"image": "images/3.png", "caption": "somebody else's caption", "qa_pairs": [
        {"question": "Who?", "answer": "nobody", "vqa_answer": "yes"}]}]"#;
    let questions = questions("vq2.yaml", "pairs.json", json);
    assert_eq!(questions.len(), 2);
    let dog = query(&questions, "is \"a brown dog\" true for \"What is on the sofa?\" in this image?");
    assert_eq!((dog.prompt_id.as_str(), dog.bucket), ("p1", Bucket::Noun));
}
