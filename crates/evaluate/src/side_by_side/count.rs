//! Which votes count, and for whom: table `sxs_votes`.
//!
//! The page writes the sides of every vote, and whose image stood there is found out here. A vote of another tool that says
//! `coarse` or `fine` instead means the models of the pairs that it is counted with.

use std::collections::{BTreeMap, HashMap};

use tables::{SxsChoice, SxsPair, SxsVote};

use super::votes::{Chosen, Vote, VoteError, VoteFile};

/// The votes that count, and what became of the others.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Counted {
    /// Table `sxs_votes`: by pair, rater and aspect.
    pub votes: Vec<SxsVote>,
    /// Votes that were there already, letter for letter: a rater who exports twice.
    pub n_repeated: usize,
    /// Votes that the same rater gave anew on the same question later.
    pub n_revised: usize,
    /// Votes for pairs that are not shown (any more): they are kept in their files and not counted.
    pub n_of_other_pairs: usize,
}

/// Gives each vote to the model whose image it chose. Of several votes of one rater on one question the last one by time
/// counts; one without a time is older than any other; of equal times the one that stands later, in the order of `files`.
///
/// # Errors
/// [`VoteError::Value`] for a vote whose images are not those of its pair.
pub fn counted(files: &[VoteFile], pairs: &[SxsPair]) -> Result<Counted, VoteError> {
    let by_id: HashMap<&str, &SxsPair> = pairs.iter().map(|pair| (pair.pair_id.as_str(), pair)).collect();
    let mut counted = Counted::default();
    let mut latest: BTreeMap<(String, String, String), SxsVote> = BTreeMap::new();
    for file in files {
        for vote in &file.votes {
            let Some(pair) = by_id.get(vote.pair_id.as_str()) else {
                counted.n_of_other_pairs += 1;
                continue;
            };
            let next = of_pair(vote, pair, &file.file)?;
            let key = (next.pair_id.clone(), next.rater_id.clone(), next.aspect.clone());
            match latest.get(&key) {
                None => _ = latest.insert(key, next),
                Some(earlier) if *earlier == next => counted.n_repeated += 1,
                Some(earlier) => {
                    counted.n_revised += 1;
                    if next.answered_at >= earlier.answered_at {
                        latest.insert(key, next);
                    }
                }
            }
        }
    }
    counted.votes = latest.into_values().collect();
    Ok(counted)
}

/// The first vote of a file for a pair that is not among these.
pub fn first_of_other_pairs<'a>(file: &'a VoteFile, pairs: &[SxsPair]) -> Option<&'a Vote> {
    let known: std::collections::HashSet<&str> = pairs.iter().map(|pair| pair.pair_id.as_str()).collect();
    file.votes.iter().find(|vote| !known.contains(vote.pair_id.as_str()))
}

fn of_pair(vote: &Vote, pair: &SxsPair, file: &str) -> Result<SxsVote, VoteError> {
    let coarse_is_left = match &vote.sides {
        None => None,
        Some((left, right)) if (left, right) == (&pair.coarse_image_id, &pair.fine_image_id) => Some(true),
        Some((left, right)) if (left, right) == (&pair.fine_image_id, &pair.coarse_image_id) => Some(false),
        Some((left, right)) => {
            let (a, b) = (&pair.coarse_image_id, &pair.fine_image_id);
            let problem =
                format!("and `right` are `{left}` and `{right}`; the images of `{}` are `{a}` and `{b}`", pair.pair_id);
            return Err(VoteError::Value { file: file.to_owned(), line: vote.line, column: "left", problem });
        }
    };
    let of_side = |coarse: bool| if coarse { SxsChoice::Coarse } else { SxsChoice::Fine };
    let choice = match (vote.chosen, coarse_is_left) {
        (Chosen::Unsure, _) => SxsChoice::Unsure,
        (Chosen::Coarse, _) => SxsChoice::Coarse,
        (Chosen::Fine, _) => SxsChoice::Fine,
        (Chosen::Left, Some(coarse_is_left)) => of_side(coarse_is_left),
        (Chosen::Right, Some(coarse_is_left)) => of_side(!coarse_is_left),
        (Chosen::Left | Chosen::Right, None) => unreachable!("the reader refuses a side without its images"),
    };
    Ok(SxsVote {
        pair_id: vote.pair_id.clone(),
        rater_id: vote.rater_id.clone(),
        aspect: vote.aspect.clone(),
        choice,
        left: coarse_is_left.map(of_side),
        seconds: vote.seconds,
        answered_at: vote.answered_at.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::sxs_pair;

    fn file(name: &str, rows: &str) -> VoteFile {
        let header = "rater_id,pair_id,aspect,choice,left,right,seconds,answered_at\n";
        VoteFile::read(name, format!("{header}{rows}").as_bytes()).unwrap()
    }

    #[test]
    fn a_side_becomes_the_model_whose_image_stood_there() {
        let rows = "ann,c~f,overall,left,c,f,1,\nbob,c~f,overall,left,f,c,1,\ncem,c~f,overall,right,c,f,1,\n\
                    dan,c~f,overall,right,f,c,1,\neve,c~f,overall,unsure,f,c,1,\nfay,c~f,overall,fine,,,,\n";
        let counted = counted(&[file("v", rows)], &[sxs_pair("c", "f")]).unwrap();
        let choices: Vec<_> =
            counted.votes.iter().map(|vote| (vote.choice.as_str(), vote.left.map(SxsChoice::as_str))).collect();
        let (coarse, fine) = (Some("coarse"), Some("fine"));
        assert_eq!(
            choices,
            [("coarse", coarse), ("fine", fine), ("fine", coarse), ("coarse", fine), ("unsure", fine), ("fine", None)]
        );
    }

    #[test]
    fn of_several_votes_on_one_question_the_last_by_time_counts_wherever_it_stands() {
        let early = "ann,c~f,overall,coarse,,,1,2026-01-01T00:00:00Z\n";
        let late = "ann,c~f,overall,fine,,,1,2026-01-01T00:00:01Z\n";
        let untimed = "ann,c~f,overall,unsure,,,,\n";
        let pairs = [sxs_pair("c", "f")];
        for rows in [[early, late, untimed], [late, untimed, early], [untimed, early, late], [late, early, late]] {
            let one = counted(&[file("v", &rows.concat())], &pairs).unwrap();
            let three = counted(&rows.map(|row| file("v", row)), &pairs).unwrap();
            assert_eq!(one, three);
            assert_eq!((one.votes.len(), one.votes[0].choice), (1, SxsChoice::Fine), "{rows:?}");
            assert_eq!(one.n_revised + one.n_repeated, 2);
        }
        let same_time =
            counted(&[file("v", &(early.to_owned() + &early.replace("coarse", "unsure")))], &pairs).unwrap();
        assert_eq!(same_time.votes[0].choice, SxsChoice::Unsure);
        let twice = counted(&[file("v", early), file("w", early)], &pairs).unwrap();
        assert_eq!((twice.n_repeated, twice.n_revised, twice.votes.len()), (1, 0, 1));
    }

    #[test]
    fn votes_on_other_questions_and_of_other_raters_stay() {
        let rows = "ann,c~f,overall,coarse,,,,\nann,c~f,bright,fine,,,,\nbob,c~f,overall,fine,,,,\n";
        let counted = counted(&[file("v", rows)], &[sxs_pair("c", "f")]).unwrap();
        assert_eq!((counted.votes.len(), counted.n_revised), (3, 0));
    }

    #[test]
    fn votes_for_pairs_that_are_not_shown_are_counted_apart_and_wrong_images_are_an_error() {
        let rows = "ann,x~y,overall,coarse,,,,\nann,c~f,overall,fine,,,,\n";
        let pairs = [sxs_pair("c", "f")];
        let counted = counted(&[file("v", rows)], &pairs).unwrap();
        assert_eq!((counted.votes.len(), counted.n_of_other_pairs), (1, 1));
        assert_eq!(first_of_other_pairs(&file("v", rows), &pairs).unwrap().line, 2);
        let error = super::counted(&[file("v", "ann,c~f,overall,left,c,z,,\n")], &pairs).unwrap_err().to_string();
        assert_eq!(error, "`v`, line 2: `left` and `right` are `c` and `z`; the images of `c~f` are `c` and `f`");
    }
}
