//! What the form of a whole prompt means: capitals on every word, quotation marks around everything.

/// "A Red Car On A Hill", "RED CAR": capitals that mark no names. Lower-casing ASCII letters keeps every byte's place.
pub(super) fn is_title_case(prompt: &str) -> bool {
    // A capital on a small word inside is never a name's.
    let small = ["A", "An", "And", "At", "By", "From", "In", "Is", "On", "With"];
    let titled = prompt
        .split_whitespace()
        .skip(1)
        .zip(prompt.split_whitespace())
        .any(|(word, before)| small.contains(&word) && !before.ends_with(['.', '!', '?', ':', ';']));
    titled || (prompt.contains(' ') && prompt.contains(char::is_uppercase) && !prompt.contains(char::is_lowercase))
}

/// A prompt that stands in quotation marks as a whole is no text to be shown. Spaces keep every byte's place.
pub(super) fn without_outer_quotes(prompt: &str) -> Option<String> {
    let inside = prompt.trim();
    let [open, close] = [inside.chars().next()?, inside.chars().next_back()?];
    let quotes = matches!((open, close), ('"', '"') | ('“', '”'));
    let body = inside.get(open.len_utf8()..inside.len().checked_sub(close.len_utf8())?)?;
    let whole = quotes && body.split_whitespace().nth(3).is_some() && !body.contains([open, close]);
    let start = prompt.len() - prompt.trim_start().len();
    let after = prompt.len() - start - inside.len();
    whole.then(|| {
        let blanks = |n: usize| " ".repeat(n);
        format!("{}{body}{}", blanks(start + open.len_utf8()), blanks(close.len_utf8() + after))
    })
}
