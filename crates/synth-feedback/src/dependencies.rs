//! Questions that a "no" to another rules out: without a dog, "is the dog green?" is a no whatever was answered.
//!
//! Source: Davidsonian Scene Graph (Cho et al. 2024). Only answers rule out, not what other answers made of them: that gives
//! the published agreement with people, the closure down the graph gives less (`examples/tifa160/dsg.yaml`).

use std::collections::HashSet;

use crate::question::ImageQuestion;

/// The questions, by name, that depend on one to which the answer is "no".
pub fn ruled_out(questions: &[ImageQuestion], said_no: impl Fn(&ImageQuestion) -> bool) -> HashSet<&str> {
    if questions.iter().all(|question| question.depends_on.is_empty()) {
        return HashSet::new();
    }
    let noes: HashSet<&str> = questions.iter().filter(|q| said_no(q)).map(|q| &*q.question_id).collect();
    let hangs = |q: &&ImageQuestion| q.depends_on.iter().any(|parent| noes.contains(parent.as_str()));
    questions.iter().filter(hangs).map(|q| &*q.question_id).collect()
}

#[cfg(test)]
mod tests {
    use tables::Bucket;

    use super::*;
    use crate::question::Questions;
    use crate::question::tests::question;

    fn check(graph: &[(&str, &[&str])], noes: &[&str], expect: &[&str]) {
        let table: Vec<_> = graph
            .iter()
            .map(|(id, parents)| {
                let depends_on = parents.iter().map(|parent| (*parent).to_owned()).collect();
                tables::Question { depends_on, ..question("p", id, "is it?", Bucket::Noun) }
            })
            .collect();
        let questions = Questions::new(None, &table);
        let found = ruled_out(questions.alignment("p"), |q| noes.contains(&&*q.question_id));
        assert_eq!(found, expect.iter().copied().collect(), "{graph:?} {noes:?}");
    }

    #[test]
    fn a_no_rules_out_what_depends_on_it() {
        let graph: &[(&str, &[&str])] = &[("1", &[]), ("2", &["1"]), ("3", &["2"]), ("4", &["1", "5"]), ("5", &[])];
        check(graph, &[], &[]);
        check(graph, &["1"], &["2", "4"]);
        check(graph, &["1", "2"], &["2", "3", "4"]);
        check(graph, &["5"], &["4"]);
        check(graph, &["3", "4"], &[]);
    }

    #[test]
    fn order_circles_and_unknown_parents_do_not_matter() {
        check(&[("3", &["2"]), ("2", &["1"]), ("1", &[])], &["1"], &["2"]);
        check(&[("1", &["2"]), ("2", &["1"]), ("3", &["3"])], &["1", "3"], &["2", "3"]);
        check(&[("1", &["0"])], &["1"], &[]);
        check(&[], &[], &[]);
    }
}
