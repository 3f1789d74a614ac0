//! Questions that a "no" to another rules out: without a dog, "is the dog green?" is a no whatever was answered.
//!
//! Source: Davidsonian Scene Graph (Cho et al. 2024), whose scorer sets such answers to 0, down the whole graph.

use std::collections::{HashMap, HashSet};

use crate::question::ImageQuestion;

/// The questions, by name, that depend on one to which the answer is "no", directly or through others.
///
/// A parent without an answer rules nothing out. Ends on circles too.
pub fn ruled_out<'q>(questions: &'q [ImageQuestion], said_no: impl Fn(&ImageQuestion) -> bool) -> HashSet<&'q str> {
    let mut children: HashMap<&str, Vec<&'q str>> = HashMap::new();
    for question in questions {
        for parent in question.depends_on.iter() {
            children.entry(parent.as_str()).or_default().push(&question.question_id);
        }
    }
    let mut ruled_out = HashSet::new();
    if children.is_empty() {
        return ruled_out;
    }
    let mut noes: Vec<&str> = questions.iter().filter(|q| said_no(q)).map(|q| &*q.question_id).collect();
    while let Some(no) = noes.pop() {
        let below = children.get(no).into_iter().flatten().copied();
        noes.extend(below.filter(|child| ruled_out.insert(*child)));
    }
    ruled_out
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
    fn a_no_rules_out_what_depends_on_it_down_the_whole_graph() {
        let graph: &[(&str, &[&str])] = &[("1", &[]), ("2", &["1"]), ("3", &["2"]), ("4", &["1", "5"]), ("5", &[])];
        check(graph, &[], &[]);
        check(graph, &["1"], &["2", "3", "4"]);
        check(graph, &["2"], &["3"]);
        check(graph, &["5"], &["4"]);
        check(graph, &["3", "4"], &[]);
    }

    #[test]
    fn order_circles_and_unknown_parents_do_not_matter() {
        check(&[("3", &["2"]), ("2", &["1"]), ("1", &[])], &["1"], &["2", "3"]);
        check(&[("1", &["2"]), ("2", &["1"])], &["1"], &["1", "2"]);
        check(&[("1", &["0"])], &["1"], &[]);
        check(&[], &[], &[]);
    }
}
