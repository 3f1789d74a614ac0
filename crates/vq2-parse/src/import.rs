//! Imported questions: selected rows to rows of `questions`.

use std::collections::{HashMap, HashSet};
use std::str::FromStr;

use rayon::prelude::*;
use sources::{Selected, WantedColumn};
use tables::{Bucket, Question, QuestionSource};

use crate::bucket::bucket;
use crate::error::Vq2ParseError;

/// The columns that the SELECT of an import gives.
pub const WANTED: &[WantedColumn] = &[
    WantedColumn::text("prompt_id").optional(),
    WantedColumn::text("question_id").optional(),
    WantedColumn::text("question").optional(),
    WantedColumn::text("answer").optional(),
    WantedColumn::text("query").optional(),
    WantedColumn::text("bucket").optional(),
    WantedColumn::text("depends_on").optional(),
];

/// One row as the SELECT gave it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportedQuestion {
    /// Must name a known prompt.
    pub prompt_id: Option<String>,
    /// Must be unique within the prompt.
    pub question_id: Option<String>,
    /// Must not be blank.
    pub question: Option<String>,
    /// "yes" if missing or blank.
    pub answer: Option<String>,
    /// Made from question and answer if missing or blank.
    pub query: Option<String>,
    /// Found by the rules if missing or blank.
    pub bucket: Option<String>,
    /// `question_id`s of the same prompt, with commas between them.
    pub depends_on: Option<String>,
}

/// The rows of a SELECT of [`WANTED`].
pub fn imported_rows(selected: &Selected) -> Vec<ImportedQuestion> {
    let mut columns = WANTED.iter().map(|column| selected.text(column.name).into_iter());
    let mut next = || columns.next().unwrap_or_else(|| unreachable!("WANTED has as many columns as a row has fields"));
    let [mut prompt_ids, mut question_ids, mut questions, mut answers, mut queries, mut buckets, mut depends_on] =
        std::array::from_fn(|_| next());
    let mut row = || {
        Some(ImportedQuestion {
            prompt_id: prompt_ids.next()?,
            question_id: question_ids.next()?,
            question: questions.next()?,
            answer: answers.next()?,
            query: queries.next()?,
            bucket: buckets.next()?,
            depends_on: depends_on.next()?,
        })
    };
    std::iter::from_fn(&mut row).collect()
}

/// Rows of `questions`, sorted by prompt; within a prompt they keep their order.
///
/// # Errors
/// Each kind of [`Vq2ParseError`] that names a row, for the first row of its kind.
pub fn imported_questions(
    rows: &[ImportedQuestion],
    prompt_ids: &HashSet<&str>,
) -> Result<Vec<Question>, Vq2ParseError> {
    let columns: [(&'static str, fn(&ImportedQuestion) -> Option<&str>); 3] = [
        ("prompt_id", |r| filled(&r.prompt_id)),
        ("question_id", |r| filled(&r.question_id)),
        ("question", |r| filled(&r.question)),
    ];
    for (column, value) in columns {
        let empty = |row: &ImportedQuestion| value(row).is_none();
        if let Some(first) = rows.iter().position(empty) {
            let n_rows = rows.iter().filter(|r| empty(r)).count();
            return Err(Vq2ParseError::Empty { column, n_rows, first_row: first + 1 });
        }
    }
    check_keys(rows, prompt_ids)?;
    let mut questions =
        rows.par_iter().enumerate().map(|(at, row)| imported_question(row, at + 1)).collect::<Result<Vec<_>, _>>()?;
    check_dependencies(&questions)?;
    questions.sort_by(|a, b| a.prompt_id.cmp(&b.prompt_id));
    Ok(questions)
}

/// Every question that another depends on is asked of the same prompt. Circles are no fault (DSG's released files have
/// questions that depend on themselves): a "no" rules out what names it, whatever that is.
fn check_dependencies(questions: &[Question]) -> Result<(), Vq2ParseError> {
    let known: HashSet<(&str, &str)> =
        questions.iter().map(|q| (q.prompt_id.as_str(), q.question_id.as_str())).collect();
    for (at, question) in questions.iter().enumerate() {
        let is_unknown = |id: &&String| !known.contains(&(question.prompt_id.as_str(), id.as_str()));
        if let Some(unknown) = question.depends_on.iter().find(is_unknown) {
            let (prompt_id, depends_on) = (question.prompt_id.clone(), unknown.clone());
            return Err(Vq2ParseError::UnknownDependency { row: at + 1, prompt_id, depends_on });
        }
    }
    Ok(())
}

fn check_keys(rows: &[ImportedQuestion], prompt_ids: &HashSet<&str>) -> Result<(), Vq2ParseError> {
    let unknown = |row: &ImportedQuestion| filled(&row.prompt_id).is_none_or(|id| !prompt_ids.contains(id));
    if let Some(first) = rows.iter().position(unknown) {
        let n_rows = rows.iter().filter(|r| unknown(r)).count();
        let prompt_id = rows[first].prompt_id.clone().unwrap_or_default();
        return Err(Vq2ParseError::UnknownPrompt { n_rows, first_row: first + 1, prompt_id });
    }
    let mut first_rows = HashMap::with_capacity(rows.len());
    for (at, row) in rows.iter().enumerate() {
        if let Some(first) = first_rows.insert((&row.prompt_id, &row.question_id), at) {
            return Err(Vq2ParseError::RepeatedQuestion {
                prompt_id: row.prompt_id.clone().unwrap_or_default(),
                question_id: row.question_id.clone().unwrap_or_default(),
                first_row: first + 1,
                row: at + 1,
            });
        }
    }
    Ok(())
}

fn imported_question(row: &ImportedQuestion, row_number: usize) -> Result<Question, Vq2ParseError> {
    let question = filled(&row.question).unwrap_or_default().trim().to_owned();
    let answer = filled(&row.answer).unwrap_or("yes").trim().to_owned();
    let bucket = match filled(&row.bucket) {
        Some(word) => Bucket::from_str(&word.trim().to_lowercase())
            .map_err(|_| Vq2ParseError::UnknownBucket { word: word.to_owned(), row: row_number })?,
        None => bucket(&question, Some(&answer)).bucket,
    };
    let query = filled(&row.query).map_or_else(|| query_of(&question, &answer), str::to_owned);
    Ok(Question {
        prompt_id: row.prompt_id.clone().unwrap_or_default(),
        question_id: row.question_id.clone().unwrap_or_default(),
        question,
        answer,
        query,
        bucket,
        span_start: None,
        span_end: None,
        source: QuestionSource::Import,
        depends_on: parents(filled(&row.depends_on).unwrap_or_default()),
    })
}

/// "1, 4" to ["1", "4"]; each once.
fn parents(depends_on: &str) -> Vec<String> {
    let mut parents: Vec<String> = Vec::new();
    for id in depends_on.split(',').map(str::trim).filter(|id| !id.is_empty()) {
        if !parents.iter().any(|parent| parent == id) {
            parents.push(id.to_owned());
        }
    }
    parents
}

/// What is asked of a VLM: a yes/no question as it is, any other in VQ²'s form (Yarom et al. 2023).
pub fn query_of(question: &str, answer: &str) -> String {
    if answer.eq_ignore_ascii_case("yes") {
        question.to_owned()
    } else {
        format!("is \"{answer}\" true for \"{question}\" in this image?")
    }
}

fn filled(cell: &Option<String>) -> Option<&str> {
    cell.as_deref().filter(|text| !text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(prompt_id: &str, question_id: &str, question: &str) -> ImportedQuestion {
        let some = |text: &str| Some(text.to_owned());
        ImportedQuestion {
            prompt_id: some(prompt_id),
            question_id: some(question_id),
            question: some(question),
            ..ImportedQuestion::default()
        }
    }

    fn import(rows: &[ImportedQuestion]) -> Result<Vec<Question>, String> {
        imported_questions(rows, &HashSet::from(["p1", "p2"])).map_err(|e| e.to_string())
    }

    #[test]
    fn an_open_question_is_asked_in_the_form_of_vq2_and_a_yes_question_as_it_is() {
        let open = ImportedQuestion { answer: Some("green".into()), ..row("p1", "2", "What color is the dog?") };
        let questions = import(&[row("p2", "1", "Is there a dog?"), open]).unwrap();
        assert_eq!(questions[0].query, "is \"green\" true for \"What color is the dog?\" in this image?");
        assert_eq!((questions[0].bucket, questions[0].answer.as_str()), (Bucket::Adjective, "green"));
        assert_eq!(questions[1].query, "Is there a dog?");
        assert_eq!((questions[1].bucket, questions[1].answer.as_str()), (Bucket::Noun, "yes"));
    }

    #[test]
    fn a_blank_answer_is_yes_and_a_given_query_and_bucket_stand() {
        let given = ImportedQuestion {
            answer: Some("  ".into()),
            query: Some("dog?".into()),
            bucket: Some("Relation".into()),
            ..row("p1", "a", "is there a dog?")
        };
        let questions = import(&[given]).unwrap();
        assert_eq!((questions[0].answer.as_str(), questions[0].query.as_str()), ("yes", "dog?"));
        assert_eq!(questions[0].bucket, Bucket::Relation);
    }

    #[test]
    fn rows_are_sorted_by_prompt_and_keep_their_order_within_it() {
        let rows = [row("p2", "10", "a?"), row("p1", "2", "b?"), row("p1", "10", "c?"), row("p2", "1", "d?")];
        let order: Vec<_> = import(&rows).unwrap().into_iter().map(|q| q.question).collect();
        assert_eq!(order, ["b?", "c?", "a?", "d?"]);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_row() {
        let good = row("p1", "1", "is there a dog?");
        let unknown = [good.clone(), row("p9", "1", "x?"), row("p8", "1", "x?")];
        assert_eq!(
            import(&unknown).unwrap_err(),
            "imported questions: 2 rows are about prompts that are not in `prompts`, first row 2 (prompt_id `p9`); select only known ones"
        );
        assert_eq!(
            import(&[good.clone(), row("p2", "1", "x?"), good.clone()]).unwrap_err(),
            "imported questions: `question_id` `1` of prompt `p1` is in row 1 and again in row 3"
        );
        assert_eq!(
            import(&[good.clone(), row("p1", "2", " ")]).unwrap_err(),
            "imported questions: `question` is empty in 1 rows, first in row 2"
        );
        assert_eq!(
            import(&[ImportedQuestion { prompt_id: None, ..good.clone() }]).unwrap_err(),
            "imported questions: `prompt_id` is empty in 1 rows, first in row 1"
        );
        assert_eq!(
            import(&[ImportedQuestion { bucket: Some("colour".into()), ..good }]).unwrap_err(),
            "imported questions: `bucket` is `colour` in row 1, expected one of noun, adjective, verb, relation"
        );
    }

    fn depending(question_id: &str, depends_on: &str) -> ImportedQuestion {
        ImportedQuestion { depends_on: Some(depends_on.into()), ..row("p1", question_id, "is it?") }
    }

    #[test]
    fn a_question_may_depend_on_others_of_its_prompt() {
        let rows = [depending("1", ""), depending("2", "3 ,1,1"), depending("3", "1")];
        let questions = import(&rows).unwrap();
        let parents: Vec<&[String]> = questions.iter().map(|q| q.depends_on.as_slice()).collect();
        assert_eq!(parents, [&[][..], &["3".to_owned(), "1".to_owned()], &["1".to_owned()]]);
    }

    #[test]
    fn a_dependency_on_an_unknown_question_is_named_by_its_row() {
        assert_eq!(
            import(&[depending("1", "0"), row("p2", "0", "is it?")]).unwrap_err(),
            "imported questions: row 1 depends on `0`, which is no `question_id` of prompt `p1`; select an empty \
             `depends_on` for a question that stands alone"
        );
        assert!(
            import(&[depending("1", "2"), depending("2", "1"), depending("3", "3")]).is_ok(),
            "circles are no fault"
        );
    }

    #[test]
    fn no_rows_give_no_questions() {
        assert_eq!(import(&[]), Ok(vec![]));
    }
}
