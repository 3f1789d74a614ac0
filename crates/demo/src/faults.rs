//! Misbehaviour on demand: which fault a request meets is a function of the request, the attempt and the seed.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::error::DemoError;
use crate::seeded;

/// A way to misbehave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// Status 429 with `Retry-After`.
    Http429,
    /// Status 429 without `Retry-After`.
    Http429Bare,
    /// Status 500.
    Http500,
    /// Status 503.
    Http503,
    /// Status 200 and the first half of the JSON.
    HalfJson,
    /// Status 200 and an HTML page.
    Html,
    /// The connection closes amid the answer.
    DropConnection,
    /// JSON whose fields have other types than promised.
    WrongType,
    /// No answer for a long time, then the connection closes.
    Stall,
    /// An answer that comes a byte at a time, and never ends.
    Drip,
    /// A good answer, late.
    Slow,
    /// Neither yes nor no is among the tokens; the same on every attempt.
    NoToken,
    /// Only one of yes and no is among the tokens; the same on every attempt.
    OneSided,
    /// The model declines; the same on every attempt.
    Refuse,
    /// The answer comes without log-probabilities; the same on every attempt.
    NoLogprobs,
}

/// Each attempt is drawn anew; at most one of these meets an attempt.
const OF_THE_ATTEMPT: [Fault; 10] = [
    Fault::Http429,
    Fault::Http429Bare,
    Fault::Http500,
    Fault::Http503,
    Fault::HalfJson,
    Fault::Html,
    Fault::DropConnection,
    Fault::WrongType,
    Fault::Stall,
    Fault::Drip,
];
/// Drawn once a question; at most one of these is a question's.
const OF_THE_QUESTION: [Fault; 4] = [Fault::NoToken, Fault::OneSided, Fault::Refuse, Fault::NoLogprobs];

const ALL: [Fault; 15] = [
    Fault::Http429,
    Fault::Http429Bare,
    Fault::Http500,
    Fault::Http503,
    Fault::HalfJson,
    Fault::Html,
    Fault::DropConnection,
    Fault::WrongType,
    Fault::Stall,
    Fault::Drip,
    Fault::Slow,
    Fault::NoToken,
    Fault::OneSided,
    Fault::Refuse,
    Fault::NoLogprobs,
];

impl Fault {
    /// Its name on the command line and in `/stats`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http429 => "http_429",
            Self::Http429Bare => "http_429_bare",
            Self::Http500 => "http_500",
            Self::Http503 => "http_503",
            Self::HalfJson => "half_json",
            Self::Html => "html",
            Self::DropConnection => "drop_connection",
            Self::WrongType => "wrong_type",
            Self::Stall => "stall",
            Self::Drip => "drip",
            Self::Slow => "slow",
            Self::NoToken => "no_token",
            Self::OneSided => "one_sided",
            Self::Refuse => "refuse",
            Self::NoLogprobs => "no_logprobs",
        }
    }

    fn takes_time(self) -> bool {
        matches!(self, Self::Slow | Self::Http429 | Self::Stall | Self::Drip)
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Rule {
    rate: f64,
    time: Duration,
}

/// How often the simulated VLM misbehaves, and how. The default is never.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Faults {
    rules: BTreeMap<Fault, Rule>,
}

/// What one attempt meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Misbehaviour {
    /// Wait so long first.
    pub wait: Option<Duration>,
    /// What goes wrong this time.
    pub attempt: Option<Fault>,
    /// What is wrong with this question every time.
    pub question: Option<Fault>,
}

impl Faults {
    /// Reads `http_429=0.05:2s,half_json=0.05,slow=0.01:200ms,refuse`: names with a rate in `[0, 1]` (1 if left out)
    /// and, for `slow` and `stall`, how long; for `drip`, how long a byte takes; for `http_429`, the seconds of
    /// `Retry-After` (1 if left out).
    ///
    /// # Errors
    /// [`DemoError::Fault`] for anything else, with the faults there are. Rates of faults that cannot meet together
    /// must not sum to more than 1.
    pub fn parse(text: &str) -> Result<Self, DemoError> {
        let mut faults = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (fault, rule) = parse_rule(part).map_err(|reason| fail(part, reason))?;
            if faults.rules.insert(fault, rule).is_some() {
                return Err(fail(part, "given twice".to_owned()));
            }
        }
        for together in [&OF_THE_ATTEMPT[..], &OF_THE_QUESTION] {
            let sum: f64 = together.iter().map(|fault| faults.rate(*fault)).sum();
            if sum > 1.0 + 1e-9 {
                let names: Vec<&str> = together.iter().map(|fault| fault.name()).collect();
                return Err(fail(text, format!("the rates of {} sum to {sum}, more than 1", names.join(", "))));
            }
        }
        Ok(faults)
    }

    /// Whether nothing ever goes wrong.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Seconds that a 429 asks a client to wait.
    pub fn retry_after_seconds(&self) -> u64 {
        self.rules.get(&Fault::Http429).map_or(1, |rule| rule.time.as_secs())
    }

    /// How long a `stall` lasts, or one byte of a `drip` takes.
    pub fn time(&self, fault: Fault) -> Duration {
        self.rules.get(&fault).map_or(Duration::ZERO, |rule| rule.time)
    }

    /// What the `attempt`-th try (from 0) of a request meets.
    pub fn meets(&self, seed: u64, request: &[u8], attempt: u32) -> Misbehaviour {
        if self.rules.is_empty() {
            return Misbehaviour::default();
        }
        let attempt = attempt.to_le_bytes();
        let slow = self.rules.get(&Fault::Slow);
        let wait = slow.filter(|rule| seeded::unit(seed, &[b"slow", request, &attempt]) < rule.rate);
        Misbehaviour {
            wait: wait.map(|rule| rule.time),
            attempt: self.draw(&OF_THE_ATTEMPT, seeded::unit(seed, &[b"attempt", request, &attempt])),
            question: self.draw(&OF_THE_QUESTION, seeded::unit(seed, &[b"question", request])),
        }
    }

    fn rate(&self, fault: Fault) -> f64 {
        self.rules.get(&fault).map_or(0.0, |rule| rule.rate)
    }

    fn draw(&self, of: &[Fault], at: f64) -> Option<Fault> {
        let mut up_to = 0.0;
        of.iter().copied().find(|fault| {
            up_to += self.rate(*fault);
            at < up_to
        })
    }
}

impl std::str::FromStr for Faults {
    type Err = DemoError;

    fn from_str(text: &str) -> Result<Self, DemoError> {
        Self::parse(text)
    }
}

fn parse_rule(part: &str) -> Result<(Fault, Rule), String> {
    let (name, value) = part.split_once('=').map_or((part, None), |(name, value)| (name.trim(), Some(value.trim())));
    let fault = ALL.into_iter().find(|fault| fault.name() == name).ok_or("no such fault")?;
    let (rate, time) = match value.map(|value| value.split_once(':').map_or((value, None), |(r, t)| (r, Some(t)))) {
        None => ("1", None),
        Some(split) => split,
    };
    let rate: f64 = rate.trim().parse().map_err(|_| "the rate is not a number")?;
    if !(0.0..=1.0).contains(&rate) {
        return Err("the rate is not between 0 and 1".to_owned());
    }
    let time = match (time, fault) {
        (Some(_), fault) if !fault.takes_time() => return Err("it takes no time".to_owned()),
        (Some(text), _) => parse_time(text.trim()).ok_or("the time is not like 200ms or 2s")?,
        (None, Fault::Slow | Fault::Stall | Fault::Drip) => {
            return Err(format!("say how slow, as in {name}=0.01:200ms"));
        }
        (None, _) => Duration::from_secs(1),
    };
    Ok((fault, Rule { rate, time }))
}

fn parse_time(text: &str) -> Option<Duration> {
    let millis = text.strip_suffix("ms").and_then(|n| n.parse().ok()).map(Duration::from_millis);
    millis.or_else(|| text.strip_suffix('s').and_then(|n| n.parse().ok()).map(Duration::from_secs))
}

fn fail(text: &str, reason: String) -> DemoError {
    let known: Vec<String> = ALL
        .iter()
        .map(|fault| match fault {
            Fault::Slow | Fault::Stall | Fault::Drip => format!("{}=RATE:200ms", fault.name()),
            Fault::Http429 => "http_429=RATE[:1s]".to_owned(),
            other => format!("{}=RATE", other.name()),
        })
        .collect();
    DemoError::Fault { text: text.to_owned(), reason, known: known.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_the_issue_is_read() {
        let faults = Faults::parse(
            "http_429=0.05,http_500=0.05, half_json=0.05,slow=0.01:200ms,html=0.02,no_token=0.03,drop_connection=0.05,\
             wrong_type=0.02,one_sided=0.05",
        )
        .unwrap();
        assert_eq!(faults.rate(Fault::NoToken), 0.03);
        assert_eq!(faults.rules[&Fault::Slow].time, Duration::from_millis(200));
        assert_eq!(faults.retry_after_seconds(), 1);
        assert_eq!(Faults::parse("refuse").unwrap().rate(Fault::Refuse), 1.0);
        assert_eq!(Faults::parse("http_429=0.5:0s").unwrap().retry_after_seconds(), 0);
        assert!(Faults::parse("").unwrap().is_empty() && Faults::parse(" , ").unwrap().is_empty());
    }

    #[test]
    fn a_bad_line_says_what_is_wrong_and_what_there_is() {
        for (text, expect) in [
            ("http_429=0.1,htpp_500=0.1", "fault `htpp_500=0.1`: no such fault; known faults: http_429"),
            ("html=often", "the rate is not a number"),
            ("html=1.5", "not between 0 and 1"),
            ("html=NaN", "not between 0 and 1"),
            ("html=-0.1", "not between 0 and 1"),
            ("html=0.1:200ms", "it takes no time"),
            ("slow=0.1", "say how slow"),
            ("stall=0.1", "say how slow, as in stall=0.01:200ms"),
            ("drip", "say how slow"),
            ("slow=0.1:200", "not like 200ms"),
            ("html=0.1,html=0.2", "given twice"),
            ("html=0.6,http_500=0.6", "more than 1"),
            ("refuse,no_token=0.1", "more than 1"),
        ] {
            let error = Faults::parse(text).unwrap_err().to_string();
            assert!(error.contains(expect), "{text}: {error}");
            assert!(error.contains("drop_connection=RATE") && error.contains("slow=RATE:200ms"), "{error}");
        }
    }

    #[test]
    fn faults_come_at_their_rates_and_a_question_keeps_its_own() {
        let faults = Faults::parse("http_429=0.2,half_json=0.1,one_sided=0.3,slow=0.25:5ms").unwrap();
        let n = 4000_u32;
        let all: Vec<Misbehaviour> = (0..n).map(|i| faults.meets(1, &i.to_le_bytes(), 0)).collect();
        let share =
            |holds: &dyn Fn(&Misbehaviour) -> bool| all.iter().filter(|met| holds(met)).count() as f64 / f64::from(n);
        assert!((share(&|met| met.attempt == Some(Fault::Http429)) - 0.2).abs() < 0.03);
        assert!((share(&|met| met.attempt == Some(Fault::HalfJson)) - 0.1).abs() < 0.03);
        assert!((share(&|met| met.question == Some(Fault::OneSided)) - 0.3).abs() < 0.03);
        assert!((share(&|met| met.wait.is_some()) - 0.25).abs() < 0.03);
        let again: Vec<Misbehaviour> = (0..n).map(|i| faults.meets(1, &i.to_le_bytes(), 1)).collect();
        assert!(all.iter().zip(&again).all(|(a, b)| a.question == b.question));
        assert!(all.iter().zip(&again).any(|(a, b)| a.attempt != b.attempt));
        assert_eq!(all[7], faults.meets(1, &7_u32.to_le_bytes(), 0));
    }
}
