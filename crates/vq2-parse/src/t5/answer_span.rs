//! From start and end logits to an answer's tokens.
//!
//! As the `question-answering` pipeline of `transformers` 4.46: softmax over the context's tokens and `[CLS]`, the best
//! product of a start and an end in each piece of the context, the best piece; `[CLS]` to `[CLS]` means no answer.

/// One piece of a context that went through the network with the question.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    /// Start logits of `[CLS]`, then of the piece's context tokens.
    pub starts: Vec<f32>,
    /// End logits of the same.
    pub ends: Vec<f32>,
    /// Index in the context of the piece's first token.
    pub first: usize,
}

/// What the model answers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Span {
    /// The context's tokens `first..=last`.
    Tokens {
        /// First token.
        first: usize,
        /// Last token.
        last: usize,
        /// The context's tokens that the model saw with these.
        piece: (usize, usize),
        /// Product of the two probabilities.
        score: f64,
    },
    /// There is no answer.
    Nothing {
        /// Product of the two probabilities of `[CLS]`, the least over the pieces.
        score: f64,
    },
}

/// The answer of at most `longest` tokens; `no_answer` is whether there may be none.
///
/// `None` for a context without tokens.
pub fn best_span(pieces: &[Piece], longest: usize, no_answer: bool) -> Option<Span> {
    let mut best: Option<(f64, Span)> = None;
    let mut nothing = f64::INFINITY;
    for piece in pieces {
        let (starts, ends) = (softmax(&piece.starts), softmax(&piece.ends));
        let (Some((cls_start, starts)), Some((cls_end, ends))) = (starts.split_first(), ends.split_first()) else {
            continue;
        };
        nothing = nothing.min(cls_start * cls_end);
        let whole = (piece.first, piece.first + starts.len());
        for (start, p_start) in starts.iter().enumerate() {
            for (end, p_end) in ends.iter().enumerate().skip(start).take(longest) {
                let score = p_start * p_end;
                if best.is_none_or(|(greatest, _)| score > greatest) {
                    let (first, last) = (piece.first + start, piece.first + end);
                    best = Some((score, Span::Tokens { first, last, piece: whole, score }));
                }
            }
        }
    }
    let (score, span) = best?;
    Some(if no_answer && nothing > score { Span::Nothing { score: nothing } } else { span })
}

fn softmax(logits: &[f32]) -> Vec<f64> {
    let greatest = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let powers: Vec<f64> = logits.iter().map(|&logit| (f64::from(logit) - greatest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

/// Where the pieces of a context of `n_tokens` tokens start and end, each of at most `room`, the next one overlapping
/// the one before by `stride`.
pub fn pieces(n_tokens: usize, room: usize, stride: usize) -> Vec<(usize, usize)> {
    let room = room.max(1);
    let step = room - stride.min(room - 1);
    let mut found = Vec::new();
    let mut start = 0;
    while start < n_tokens {
        let end = (start + room).min(n_tokens);
        found.push((start, end));
        if end == n_tokens {
            break;
        }
        start += step;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(starts: &[f32], ends: &[f32], first: usize) -> Piece {
        Piece { starts: starts.to_vec(), ends: ends.to_vec(), first }
    }

    #[test]
    fn the_best_product_of_a_start_and_a_later_end_wins() {
        // The likeliest end (token 0) stands before the likeliest start (token 2).
        let one = [piece(&[0.0, 1.0, 2.0, 5.0], &[0.0, 6.0, 1.0, 2.5], 10)];
        let Some(Span::Tokens { first, last, piece, score }) = best_span(&one, 15, false) else { panic!() };
        assert_eq!((first, last, piece), (12, 12, (10, 13)));
        let p = |logits: &[f32], at: usize| softmax(logits)[at];
        assert!((score - p(&[0.0, 1.0, 2.0, 5.0], 3) * p(&[0.0, 6.0, 1.0, 2.5], 3)).abs() < 1e-12);
    }

    #[test]
    fn an_answer_is_no_longer_than_allowed() {
        let one = [piece(&[0.0, 9.0, 0.0, 0.0], &[0.0, 0.0, 1.0, 9.0], 0)];
        let of = |longest| match best_span(&one, longest, false) {
            Some(Span::Tokens { first, last, .. }) => (first, last),
            other => panic!("{other:?}"),
        };
        assert_eq!((of(3), of(2), of(1)), ((0, 2), (0, 1), (0, 0)));
    }

    #[test]
    fn no_answer_wins_only_where_it_is_allowed_and_by_its_least_score() {
        let sure = piece(&[9.0, 0.0], &[9.0, 0.0], 0);
        assert!(matches!(best_span(std::slice::from_ref(&sure), 5, true), Some(Span::Nothing { .. })));
        assert!(matches!(best_span(std::slice::from_ref(&sure), 5, false), Some(Span::Tokens { .. })));
        let found = piece(&[0.0, 9.0], &[0.0, 9.0], 1);
        assert!(matches!(best_span(&[sure, found], 5, true), Some(Span::Tokens { first: 1, .. })));
        assert_eq!(best_span(&[], 5, true), None);
    }

    #[test]
    fn pieces_overlap_by_the_stride_and_cover_every_token() {
        assert_eq!(pieces(10, 4, 1), [(0, 4), (3, 7), (6, 10)]);
        assert_eq!(pieces(4, 4, 2), [(0, 4)]);
        assert_eq!(pieces(0, 4, 2), []);
        // A stride as long as a piece would never end.
        assert_eq!(pieces(3, 2, 9), [(0, 2), (1, 3)]);
    }
}
