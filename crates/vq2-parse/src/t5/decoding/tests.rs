//! Decoding on a network that is a table: what it should find is found by trying everything.

use std::collections::BTreeMap;

use super::*;

const ENDS: Ends = Ends { start: 0, end: 1, max_new_tokens: 4 };
const N_TOKENS: usize = 5;

/// Logits that depend on the whole sequence so far, and on the input.
struct Table {
    rows: Vec<(usize, Vec<i64>)>,
    widest: usize,
}

impl Table {
    fn new(n_inputs: usize) -> Self {
        Self { rows: (0..n_inputs).map(|input| (input, Vec::new())).collect(), widest: 0 }
    }

    fn logits(input: usize, tokens: &[i64]) -> Vec<f32> {
        let mut state = (input as u32).wrapping_mul(40_503).wrapping_add(7);
        for &token in tokens {
            state = (state ^ token as u32).wrapping_mul(2_654_435_761).rotate_left(13);
        }
        (0..N_TOKENS as u32)
            .map(|token| {
                let x = (state ^ token.wrapping_mul(0x9e37_79b9)).wrapping_mul(2_246_822_519);
                f32::from((x >> 20) as u16) / 800.0
            })
            .collect()
    }
}

impl NextLogits for Table {
    fn advance(&mut self, parents: &[usize], tokens: &[i64]) -> Result<Logits, T5Error> {
        assert_eq!(parents.len(), tokens.len());
        let continued = parents.iter().zip(tokens).map(|(&parent, &token)| {
            let (input, mut before) = self.rows[parent].clone();
            before.push(token);
            (input, before)
        });
        self.rows = continued.collect();
        self.widest = self.widest.max(self.rows.len());
        let flat = self.rows.iter().flat_map(|(input, tokens)| Self::logits(*input, tokens)).collect();
        Ok(Logits { flat, n_tokens: N_TOKENS })
    }
}

fn no_random(_: usize, _: usize) -> [u8; 32] {
    [0; 32]
}

fn beams_of(num_beams: usize, keep: usize, length_penalty: f64, early_stopping: bool) -> Decoding {
    Decoding::Beams { num_beams, keep, length_penalty, early_stopping, no_repeat_ngram_size: 0 }
}

/// Every sequence that ends or is cut off, with its score.
fn everything(input: usize, length_penalty: f64) -> Vec<(Vec<i64>, f64)> {
    let mut found = Vec::new();
    let mut open = vec![(vec![ENDS.start], 0.0)];
    while let Some((tokens, score)) = open.pop() {
        let logits = Table::logits(input, &tokens);
        for (token, &logit) in logits.iter().enumerate() {
            let mut longer: Vec<i64> = tokens.clone();
            longer.push(token as i64);
            let total = score + f64::from(logit) - log_sum_exp(&logits);
            if token as i64 == ENDS.end || longer.len() > ENDS.max_new_tokens {
                let tokens = longer.split_off(1);
                let n = tokens.len() as f64;
                found.push((tokens, total / n.powf(length_penalty)));
            } else {
                open.push((longer, total));
            }
        }
    }
    found.sort_by(|a, b| b.1.total_cmp(&a.1));
    found
}

#[test]
fn greedy_takes_the_likeliest_token_each_time() {
    let decoding = Decoding::Greedy { no_repeat_ngram_size: 0 };
    let made = generate(&mut Table::new(6), 6, &decoding, ENDS, no_random).unwrap();
    for (input, sequences) in made.iter().enumerate() {
        let mut tokens = vec![ENDS.start];
        while tokens.len() <= ENDS.max_new_tokens && (tokens.len() == 1 || tokens.last() != Some(&ENDS.end)) {
            tokens.push(likeliest(&Table::logits(input, &tokens)).unwrap() as i64);
        }
        assert_eq!(sequences, &[Sequence { tokens: tokens.split_off(1), score: None }]);
    }
}

#[test]
fn a_beam_of_one_is_greedy() {
    let greedy =
        generate(&mut Table::new(9), 9, &Decoding::Greedy { no_repeat_ngram_size: 0 }, ENDS, no_random).unwrap();
    let beam = generate(&mut Table::new(9), 9, &beams_of(1, 1, 1.0, true), ENDS, no_random).unwrap();
    for (greedy, beam) in greedy.iter().zip(&beam) {
        assert_eq!(greedy[0].tokens, beam[0].tokens);
    }
}

#[test]
fn enough_beams_find_the_best_sequences_of_all() {
    for length_penalty in [0.0, 0.6, 1.0, 2.0] {
        let made = generate(&mut Table::new(4), 4, &beams_of(300, 5, length_penalty, false), ENDS, no_random).unwrap();
        for (input, sequences) in made.iter().enumerate() {
            for (sequence, (tokens, score)) in sequences.iter().zip(everything(input, length_penalty)) {
                assert_eq!(sequence.tokens, tokens);
                assert!((sequence.score.unwrap() - score).abs() < 1e-9);
            }
        }
    }
}

#[test]
fn an_input_has_the_same_sequences_alone_and_among_others() {
    let sample = Decoding::Sample { top_k: 4, top_p: 0.9, temperature: 1.3, n: 3, seed: 0 };
    for decoding in [Decoding::Greedy { no_repeat_ngram_size: 2 }, beams_of(3, 3, 1.0, false), sample] {
        let random = |input: usize, i: usize| [input as u8 * 8 + i as u8; 32];
        let together = generate(&mut Table::new(7), 7, &decoding, ENDS, random).unwrap();
        for (input, expected) in together.iter().enumerate() {
            let mut network = Table { rows: vec![(input, Vec::new())], widest: 0 };
            let alone = generate(&mut network, 1, &decoding, ENDS, |_, i| random(input, i)).unwrap();
            assert_eq!(&alone[0], expected, "{decoding:?}");
        }
    }
}

#[test]
fn no_more_rows_are_computed_than_there_are_beams() {
    let mut network = Table::new(3);
    generate(&mut network, 3, &beams_of(4, 2, 1.0, false), ENDS, no_random).unwrap();
    assert!(network.widest <= 12, "{}", network.widest);
}

#[test]
fn sampling_depends_on_the_random_numbers_and_stays_within_the_likeliest() {
    let sample = |seed: u8, top_k: usize| {
        let decoding = Decoding::Sample { top_k, top_p: 1.0, temperature: 1.0, n: 20, seed: 0 };
        generate(&mut Table::new(1), 1, &decoding, ENDS, |_, i| [seed ^ i as u8; 32]).unwrap().remove(0)
    };
    assert_eq!(sample(1, 3), sample(1, 3));
    assert_ne!(sample(1, 3), sample(77, 3));
    let greedy =
        generate(&mut Table::new(1), 1, &Decoding::Greedy { no_repeat_ngram_size: 0 }, ENDS, no_random).unwrap();
    assert!(sample(5, 1).iter().all(|sequence| *sequence == greedy[0][0]));
    for sequence in sample(9, 2) {
        let mut tokens = vec![ENDS.start];
        for token in sequence.tokens {
            let allowed: Vec<usize> =
                choices(&Table::logits(0, &tokens), 1.0, 2, 1.0).iter().map(|c| c.token).collect();
            assert!(allowed.contains(&(token as usize)), "{token} is not among {allowed:?}");
            tokens.push(token);
        }
    }
}

#[test]
fn no_run_of_tokens_comes_twice() {
    let ends = Ends { max_new_tokens: 40, end: 99, ..ENDS };
    for n in [2, 3] {
        let beams = Decoding::Beams {
            num_beams: 3,
            keep: 3,
            length_penalty: 1.0,
            early_stopping: false,
            no_repeat_ngram_size: n,
        };
        for decoding in [Decoding::Greedy { no_repeat_ngram_size: n }, beams] {
            let mut ends = ends;
            // There are 25 runs of two tokens: a sequence must not be forced into a dead end.
            ends.max_new_tokens = 12;
            for sequence in generate(&mut Table::new(1), 1, &decoding, ends, no_random).unwrap().remove(0) {
                let mut seen: BTreeMap<&[i64], usize> = BTreeMap::new();
                for run in sequence.tokens.windows(n) {
                    *seen.entry(run).or_default() += 1;
                }
                assert!(seen.values().all(|&times| times == 1), "{sequence:?}");
            }
        }
    }
    assert_eq!(repeats(&[0, 5, 6, 5], 2), [6]);
    assert_eq!(repeats(&[0, 5, 6, 5], 1), [0, 5, 6, 5]);
    assert_eq!(repeats(&[0], 3), [] as [usize; 0]);
    assert_eq!(repeats(&[0, 5], 0), [] as [usize; 0]);
}
