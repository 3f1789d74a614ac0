//! Numbers as people read them: sensible digits, real minus signs, thousands apart.

use crate::arms::Estimate;
use crate::bootstrap::Interval;

/// A number with that many decimals; `−` for minus, and never `−0`.
pub fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let is_zero = text.chars().all(|c| matches!(c, '-' | '0' | '.'));
    if is_zero { text.replace('-', "") } else { text.replace('-', "\u{2212}") }
}

/// `0.71 [0.66, 0.75]`, or the value alone where there is no interval.
pub fn with_interval(value: f64, interval: Option<Interval>, decimals: usize) -> String {
    let Some(Interval { low, high }) = interval else { return fixed(value, decimals) };
    // On which side of 0 an end lies has to be seen.
    let is_hidden = |end: f64| end != 0.0 && end.abs() < 0.5 * 0.1_f64.powi(decimals as i32);
    let decimals = if is_hidden(low) || is_hidden(high) { decimals + 1 } else { decimals };
    format!("{} [{}, {}]", fixed(value, decimals), fixed(low, decimals), fixed(high, decimals))
}

/// An estimate with two decimals, as AUCs are read; `–` where there is none.
pub fn estimate(estimate: Option<&Estimate>) -> String {
    estimate.map_or_else(nothing, |estimate| with_interval(estimate.value, estimate.interval, 2))
}

/// What stands in a table where there is no value.
pub fn nothing() -> String {
    "\u{2013}".to_owned()
}

/// A number with that many decimals, or `–`.
pub fn optional(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(nothing, |value| fixed(value, decimals))
}

/// A whole number with commas: `14,400`.
pub fn count(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = (0..digits.len().div_ceil(3))
        .rev()
        .map(|group| {
            let end = digits.len() - 3 * group;
            &digits[end.saturating_sub(3)..end]
        })
        .collect();
    groups.join(",")
}

/// A p-value with three decimals; never "0.000".
pub fn p_text(p: f64) -> String {
    if p < 0.001 { "< 0.001".to_owned() } else { fixed(p, 3) }
}

/// A number that is not negative, rounded to a whole one, with commas.
pub fn rounded(value: f64) -> String {
    count(value.round().max(0.0) as usize)
}

/// `1 image`, `2 images`.
pub fn counted(number: usize, thing: &str) -> String {
    format!("{} {thing}{}", count(number), if number == 1 { "" } else { "s" })
}

/// How many times as much: `12`, `3.5`, `0.82`.
pub fn times(ratio: f64) -> String {
    if ratio >= 9.95 {
        rounded(ratio)
    } else if ratio >= 0.995 {
        let text = fixed(ratio, 1);
        text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
    } else {
        fixed(ratio, 2)
    }
}

/// A share as a percentage: `97 %`; one decimal where rounding would claim all or nothing.
pub fn percent(part: usize, whole: usize) -> String {
    if whole == 0 {
        return nothing();
    }
    let percent = 100.0 * part as f64 / whole as f64;
    let claims_too_much = (percent.round() >= 100.0 && part < whole) || (percent.round() <= 0.0 && part > 0);
    if claims_too_much {
        format!("{} %", fixed(percent.clamp(0.1, 99.9), 1))
    } else {
        format!("{} %", fixed(percent, 0))
    }
}

/// `a`, `a and b`, `a, b and c`.
pub fn listed(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// A name cut to at most `longest` letters, for places that cannot grow.
pub fn shortened(name: &str, longest: usize) -> String {
    if name.chars().count() <= longest {
        return name.to_owned();
    }
    name.chars().take(longest.saturating_sub(1)).chain(['\u{2026}']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(fixed(0.705, 2), "0.70");
        assert_eq!(fixed(-0.034, 2), "\u{2212}0.03");
        assert_eq!(fixed(-0.004, 2), "0.00");
        assert_eq!(with_interval(0.71, Some(Interval { low: 0.66, high: 0.75 }), 2), "0.71 [0.66, 0.75]");
        assert_eq!(with_interval(0.71, None, 2), "0.71");
        assert_eq!(with_interval(0.0591, Some(Interval { low: 0.0036, high: 0.1153 }), 2), "0.059 [0.004, 0.115]");
        assert_eq!(with_interval(0.06, Some(Interval { low: 0.0, high: 0.12 }), 2), "0.06 [0.00, 0.12]");
        assert_eq!([0, 7, 999, 1_000, 14_400, 1_234_567].map(count).join(" "), "0 7 999 1,000 14,400 1,234,567");
        assert_eq!([12.0, 3.54, 1.0, 0.82].map(times).join(" "), "12 3.5 1 0.82");
        assert_eq!([counted(1, "image"), counted(2, "image")].join(" "), "1 image 2 images");
    }

    #[test]
    fn a_share_is_all_or_nothing_only_when_it_is() {
        assert_eq!(percent(999, 1_000), "99.9 %");
        assert_eq!(percent(99_999, 100_000), "99.9 %");
        assert_eq!(percent(1, 100_000), "0.1 %");
        assert_eq!(percent(1_000, 1_000), "100 %");
        assert_eq!(percent(0, 1_000), "0 %");
        assert_eq!(percent(0, 0), "\u{2013}");
    }

    #[test]
    fn lists_and_long_names_are_written_out() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(listed(&words("a b c")), "a, b and c");
        assert_eq!(listed(&words("a b")), "a and b");
        assert_eq!(shortened("visually compelling", 9), "visually…");
        assert_eq!(shortened("größe", 5), "größe");
    }
}
