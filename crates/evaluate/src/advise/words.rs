//! The advice as people read it.

use std::fmt;

use super::{Advice, ArmAdvice, Expected, Unit, Verdict};
use crate::bootstrap::{FEW_PROMPTS, Interval};
use crate::report::words::{count, counted, fixed, rounded, with_interval};

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::Seconds => "s of raters' time",
            Self::Labels => "labels",
        })
    }
}

fn auc(expected: &Expected) -> String {
    let Expected { value, ci_low, ci_high } = *expected;
    with_interval(value, Some(Interval { low: ci_low, high: ci_high }), 3)
}

/// An amount: whole and with commas, but small ones with what they have after the point, and vast ones in short.
fn amount(amount: f64) -> String {
    match amount {
        1e15.. => format!("{amount:e}"),
        100.0.. => rounded(amount),
        _ => amount.to_string(),
    }
}

/// Which of two arms that cannot be told apart to take.
fn which(first: &ArmAdvice, second: &ArmAdvice, unit: Unit) -> String {
    let cost = |arm: &ArmAdvice| arm.cost.unwrap_or_default();
    let (cheap, dear) = if cost(first) <= cost(second) { (first, second) } else { (second, first) };
    if cost(cheap) < ALIKE * cost(dear) {
        let (arm, cost, other) = (&cheap.arm, rounded(cost(cheap)), rounded(cost(dear)));
        format!("take \u{201c}{arm}\u{201d}, which costs less ({cost} {unit} instead of {other})")
    } else {
        "both cost about the same: take the simpler of them".to_owned()
    }
}

/// A cost that is at least this share of another is about the same.
const ALIKE: f64 = 0.95;

fn whole(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

fn offer(arm: &ArmAdvice) -> String {
    let n = counted(whole(arm.n_images.unwrap_or_default()), "image");
    let expected = arm.expected_auc.as_ref().map(auc).unwrap_or_default();
    format!("\u{201c}{}\u{201d} for {n}: expected test AUC {expected}", arm.arm)
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        writeln!(f, "experiment {}, budget {} {}", self.experiment, amount(self.budget), self.unit)?;
        let lead = self.lead.as_ref().map(auc).unwrap_or_default();
        let sure = match 100.0 * self.p_ahead.unwrap_or_default() {
            share if share >= 99.5 => "more than 99".to_owned(),
            share => fixed(share, 0),
        };
        match (self.verdict, &self.arms[..]) {
            (Verdict::Clear, [first, second, ..]) => {
                writeln!(f, "  collect {}", offer(first))?;
                writeln!(f, "  ahead of {}, by {lead} ({sure} % sure of its sign)", offer(second))?;
            }
            (Verdict::CannotTell, [first, second, ..]) => {
                writeln!(
                    f,
                    "  these data cannot tell the best two apart (difference {lead}, {sure} % sure of its sign):"
                )?;
                writeln!(f, "    {}", offer(first))?;
                writeln!(f, "    {}", offer(second))?;
                let which = which(first, second, self.unit);
                writeln!(f, "  {which}; more test prompts or seeds would narrow the interval")?;
            }
            (Verdict::NoChoice, [first, ..]) => writeln!(f, "  only one arm can be judged: {}", offer(first))?,
            _ => writeln!(f, "  no advice: no arm can be judged at this budget")?,
        }
        if self.n_prompts < FEW_PROMPTS && self.verdict != Verdict::Refused {
            writeln!(
                f,
                "  only {} test prompts: the intervals are too narrow; read them as a lower bound on the doubt",
                self.n_prompts
            )?;
        }
        let width = self.arms.iter().map(|arm| arm.arm.chars().count()).max().unwrap_or(0);
        for arm in &self.arms {
            write!(f, "    {:<width$}", arm.arm)?;
            if let (Some(n), Some(expected), Some(cost)) = (arm.n_images, &arm.expected_auc, arm.cost) {
                write!(
                    f,
                    " {:>7} images, cost {} {}, AUC {}",
                    count(whole(n)),
                    rounded(cost),
                    self.unit,
                    auc(expected)
                )?;
                match &arm.doubling_adds {
                    Some(gain) => write!(f, "; twice as many would add {}", auc(gain))?,
                    None => write!(f, "; twice as many is beyond what the curve can tell")?,
                }
                match arm.bounded_by {
                    Some("extrapolation") => write!(f, "; the budget buys more, but nothing is known beyond this")?,
                    Some("images") => write!(f, "; there are no more images")?,
                    _ => {}
                }
            }
            writeln!(f, "{}", arm.reason.as_ref().map(|reason| format!(" not judged: {reason}")).unwrap_or_default())?;
        }
        Ok(())
    }
}
