use super::*;
use crate::completion::TokenLogprob;

fn sample(n: u32, per_request: u32) -> Readout {
    let sampling = Sampling { n, temperature: 0.7, seed: 5, max_tokens: 8 };
    Readout {
        source: Source::Sample { sampling, per_request, refuses_temperature: false },
        token_limit: TokenLimit::MaxTokens,
    }
}

fn token_ids(ids: &[u32]) -> Readout {
    Readout { source: Source::TokenIds { ids: ids.to_vec() }, token_limit: TokenLimit::MaxTokens }
}

fn requests(readout: &Readout) -> Vec<Value> {
    readout.requests().into_iter().map(Value::Object).collect()
}

fn first_token(tokens: &[(&str, f64)]) -> Completion {
    let token = |(token, logprob): &(&str, f64)| TokenLogprob { token: (*token).into(), logprob: Some(*logprob) };
    Completion::FirstToken(tokens.iter().map(token).collect())
}

fn texts(texts: &[&str]) -> Completion {
    Completion::Texts(texts.iter().map(|text| Some((*text).to_owned())).collect())
}

#[test]
fn log_probabilities_take_one_request_of_one_token_without_a_grammar() {
    let expected = json!({ "max_tokens": 1, "temperature": 0, "logprobs": true, "top_logprobs": 20 });
    assert_eq!(requests(&Readout::top_logprobs()), [expected]);
    let expected = json!({ "max_tokens": 1, "temperature": 0, "logprobs": true, "logprob_token_ids": [4, 7] });
    assert_eq!(requests(&token_ids(&[4, 7])), [expected]);
    let newer = Readout { token_limit: TokenLimit::MaxCompletionTokens, ..Readout::top_logprobs() };
    assert_eq!(requests(&newer)[0]["max_completion_tokens"], 1);
    assert!(requests(&newer)[0].get("max_tokens").is_none());
}

#[test]
fn samples_are_asked_for_together_where_the_server_can_and_each_has_a_seed_of_its_own() {
    let request = |n, seed| json!({ "max_tokens": 8, "temperature": 0.7, "n": n, "seed": seed });
    assert_eq!(requests(&sample(10, 10)), [request(10, 5)]);
    assert_eq!(requests(&sample(10, 4)), [request(4, 5), request(4, 9), request(2, 13)]);
    let singly = requests(&sample(3, 1));
    assert_eq!(singly.iter().map(|request| request["seed"].as_u64().unwrap()).collect::<Vec<_>>(), [5, 6, 7]);
    assert!(singly.iter().all(|request| request.get("n").is_none()));
    let sampling = Sampling { n: 1, temperature: 1.0, seed: 0, max_tokens: 900 };
    let at_one = |refuses_temperature| {
        let source = Source::Sample { sampling, per_request: 1, refuses_temperature };
        requests(&Readout { source, ..sample(1, 1) }).swap_remove(0)
    };
    assert_eq!(at_one(false)["temperature"], 1.0, "a server's own default may be another");
    assert!(at_one(true).get("temperature").is_none());
}

#[test]
fn every_readout_has_a_name_of_its_own_that_tells_its_word() {
    let mut five = Readout::top_logprobs();
    five.source = Source::TopLogprobs { n: 5 };
    let keys = [
        ("top_logprobs/1", Readout::top_logprobs()),
        ("top_logprobs:5/1", five),
        ("token_ids/1", token_ids(&[1, 2])),
        ("sample:n10:t0.7:s5:m8/2", sample(10, 4)),
    ];
    for (key, readout) in keys {
        assert_eq!(readout.key(), key);
        assert_eq!(word_of_key(key), Some(readout.word()));
    }
    assert_eq!(sample(10, 1).key(), sample(10, 10).key(), "how they are fetched changes no answer");
    assert_eq!((word_of_key("import/1"), word_of_key("")), (None, None));
}

#[test]
fn an_answer_of_another_shape_is_an_error_and_no_probability() {
    let top = Readout::top_logprobs();
    let listed = first_token(&[("Yes", -0.2), ("Yes", -0.2), ("No", -2.0), ("A", -4.0)]);
    assert!(top.read(&listed).unwrap().p_yes.is_some());
    assert!(top.read(&first_token(&[("Yes", -0.2)])).unwrap_err().contains("lists no tokens"));
    assert!(top.read(&texts(&["Yes"])).unwrap_err().contains("no log-probabilities"));

    let ids = token_ids(&[1, 2, 3]);
    assert!(ids.read(&listed).unwrap().p_yes.is_some(), "the sampled token is one of the three");
    let with_sampled = first_token(&[("The", -0.1), ("The", -0.1), ("Yes", -3.0), ("No", -4.0), ("no", -5.0)]);
    assert!(ids.read(&with_sampled).unwrap().p_yes.is_some(), "the sampled token and the three");
    for n in [1, 2, 3, 6, 21] {
        let tokens: Vec<(&str, f64)> =
            (0..n).map(|at| if at % 2 == 0 { ("Yes", -3.0) } else { ("No", -4.0) }).collect();
        assert!(ids.read(&first_token(&tokens)).unwrap_err().contains("not what it was"), "{n}");
    }

    let votes = sample(2, 1);
    assert_eq!(votes.read(&texts(&["Yes", "no"])).unwrap().p_yes, Some(0.5));
    for other in [&["Yes"][..], &["Yes", "no", "no"]] {
        assert!(votes.read(&texts(other)).unwrap_err().contains("though 2 were asked for"));
    }
    assert!(votes.read(&listed).is_err());
    for readout in [top, ids, votes] {
        assert_eq!(readout.read(&Completion::Refused).unwrap().status, tables::AnswerStatus::Refused);
    }
}

#[test]
fn completions_of_several_requests_are_one() {
    assert_eq!(join(vec![texts(&["a", "b"]), texts(&["c"])]), texts(&["a", "b", "c"]));
    let with_refusal = join(vec![texts(&["a"]), Completion::Refused]);
    assert_eq!(with_refusal, Completion::Texts(vec![Some("a".into()), None]));
    assert_eq!(join(vec![Completion::Refused, Completion::Refused]), Completion::Refused);
    let one = first_token(&[("Yes", -0.1)]);
    assert_eq!(join(vec![one.clone()]), one);
}
