use std::path::Path;

use super::*;
use crate::image_form::ORIGINAL;

pub(crate) fn manner() -> Manner {
    Manner {
        model: "m".into(),
        revision: None,
        readout: "top_logprobs/1".into(),
        template: "t/1".into(),
        image_form: ORIGINAL.into(),
    }
}

pub(crate) fn stored(query: &str, status: AnswerStatus) -> StoredAnswer {
    let Manner { model, revision, readout, template, image_form } = manner();
    StoredAnswer {
        sha256: "0".repeat(64),
        query: query.into(),
        model,
        revision,
        readout,
        template,
        image_form,
        status,
        p_yes: (status == AnswerStatus::Ok).then_some(0.5),
        logit_yes: None,
        logit_no: None,
        label_mass: None,
        reason: None,
        raw: None,
        attempts: 1,
        seconds: 0.125,
        prompt_tokens: None,
        cached_tokens: None,
        completion_tokens: None,
        answered_at: 1_000,
    }
}

pub(crate) fn store_in(data_root: &Path) -> AnswerStore {
    AnswerStore::open(&Storage::open(&data_root.into()).unwrap(), None).unwrap()
}

pub(crate) fn store() -> (tempfile::TempDir, AnswerStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = store_in(folder.path());
    (folder, store)
}

fn known(rows: &[StoredAnswer]) -> KnownAnswers {
    let mut known = KnownAnswers::new(manner(), 0);
    rows.iter().for_each(|row| known.insert(row));
    known
}

const ZEROS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

#[test]
fn an_answer_is_found_by_picture_text_and_every_part_of_the_manner() {
    let (_folder, store) = store();
    let plain = |query: &str| stored(query, AnswerStatus::Ok);
    let rows = [
        plain("a"),
        StoredAnswer { model: "n".into(), ..plain("b") },
        StoredAnswer { revision: Some("r".into()), ..plain("c") },
        StoredAnswer { readout: "sample/1".into(), ..plain("d") },
        StoredAnswer { template: "t/2".into(), ..plain("e") },
        StoredAnswer { image_form: "max_side=512".into(), ..plain("f") },
    ];
    store.parts().append(&rows).unwrap();
    let known = KnownAnswers::load(&store, manner(), 0).unwrap();
    assert!(known.is_answered(ZEROS, "a") && !known.is_answered(&"1".repeat(64), "a"));
    assert!(["b", "c", "d", "e", "f"].iter().all(|query| !known.is_answered(ZEROS, query)));
    let other = Manner { revision: Some("r".into()), ..manner() };
    assert!(KnownAnswers::load(&store, other, 0).unwrap().is_answered(ZEROS, "c"));
}

#[test]
fn every_status_but_error_is_final_and_an_error_replaces_nothing() {
    for status in AnswerStatus::ALL {
        let error = stored("a", AnswerStatus::Error);
        let known = known(&[error.clone(), stored("a", *status), StoredAnswer { answered_at: 9_999, ..error }]);
        assert_eq!(known.get(ZEROS, "a").unwrap().status, *status);
        assert_eq!(known.is_answered(ZEROS, "a"), *status != AnswerStatus::Error);
        assert_eq!(known.has_answers(), *status != AnswerStatus::Error);
    }
}

#[test]
fn of_two_answers_the_first_stays_in_whatever_order_they_are_read() {
    let first = StoredAnswer { p_yes: Some(0.25), answered_at: 10, ..stored("a", AnswerStatus::Ok) };
    let second = StoredAnswer { p_yes: Some(0.75), answered_at: 11, ..stored("a", AnswerStatus::Ok) };
    let p = |rows: &[StoredAnswer]| known(rows).get(ZEROS, "a").unwrap().p_yes;
    assert_eq!((p(&[first.clone(), second.clone()]), p(&[second, first.clone()])), (Some(0.25), Some(0.25)));
    let read_anew = StoredAnswer { p_yes: Some(0.5), ..first.clone() };
    assert_eq!(p(&[first, read_anew]), Some(0.5), "the same answer, read anew");
}

#[test]
fn what_is_known_is_what_was_stored() {
    let row = StoredAnswer {
        p_yes: Some(0.3),
        logit_yes: Some(-1.0 / 3.0),
        label_mass: Some(1.0),
        attempts: 3,
        prompt_tokens: Some(11),
        completion_tokens: Some(1),
        ..stored("a", AnswerStatus::Censored)
    };
    let refused = stored("b", AnswerStatus::Refused);
    let known = known(&[row.clone(), refused.clone(), row.clone()]);
    assert_eq!(known.get(ZEROS, "a"), Some(KnownAnswer::from(&row)));
    assert_eq!(known.get(ZEROS, "b"), Some(KnownAnswer::from(&refused)));
    assert_eq!(known.get(ZEROS, "c"), None);
    assert_eq!(known.measured().n_answers, 1, "once, however often it is read");
}

#[test]
fn two_pipelines_that_name_one_store_share_it() {
    let (one, other, shared) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let location = Location::from(shared.path());
    let open = |root: &Path| AnswerStore::open(&Storage::open(&root.into()).unwrap(), Some(&location)).unwrap();
    open(one.path()).parts().append(&[stored("a", AnswerStatus::Ok)]).unwrap();
    assert!(KnownAnswers::load(&open(other.path()), manner(), 0).unwrap().is_answered(ZEROS, "a"));
    // The default store of a data root may be named by another pipeline.
    let default = store_in(one.path());
    default.parts().append(&[stored("b", AnswerStatus::Ok)]).unwrap();
    let named = Location::from(one.path().join("store").as_path());
    let by_name = AnswerStore::open(&Storage::open(&other.path().into()).unwrap(), Some(&named)).unwrap();
    assert!(KnownAnswers::load(&by_name, manner(), 0).unwrap().is_answered(ZEROS, "b"));
}

#[test]
fn answers_that_were_read_in_another_way_are_known_only_if_mixing_is_allowed() {
    let (_folder, store) = store();
    let voted = StoredAnswer { readout: "sample:n10:t1:s0:m8/1".into(), ..stored("a", AnswerStatus::Ok) };
    let voted_too = StoredAnswer { query: "b".into(), ..voted.clone() };
    let failed = StoredAnswer { query: "c".into(), status: AnswerStatus::Error, p_yes: None, ..voted.clone() };
    let other_model = StoredAnswer { query: "d".into(), model: "n".into(), ..voted.clone() };
    let own = StoredAnswer { p_yes: Some(0.25), ..stored("b", AnswerStatus::Ok) };
    let manner = Manner::of(&own);
    store.parts().append(&[voted, voted_too, failed, other_model, own]).unwrap();
    let zeros = "0".repeat(64);
    let mut known = KnownAnswers::load(&store, manner, 0).unwrap();
    assert!(!known.is_answered(&zeros, "a") && known.is_answered(&zeros, "b"));
    known.add_other_readouts(&store).unwrap();
    assert_eq!(known.get(&zeros, "a").unwrap().readout, tables::AnswerReadout::Sample);
    assert_eq!(known.get(&zeros, "b").unwrap().p_yes, Some(0.25), "its own comes first");
    assert!(known.get(&zeros, "c").is_none(), "a failure of another readout is nothing");
    assert!(known.get(&zeros, "d").is_none(), "nor is another model's answer");
}
