//! The advice as people read it.

use std::fmt;

use super::{Advice, ArmAdvice, Expected, Unit, Verdict};
use crate::bootstrap::FEW_PROMPTS;
use crate::report::words::rounded;

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::Seconds => "s of raters' time",
            Self::Labels => "labels",
        })
    }
}

fn auc(expected: &Expected) -> String {
    format!("{:.3} [{:.3}, {:.3}]", expected.value, expected.ci_low, expected.ci_high)
}

fn offer(arm: &ArmAdvice) -> String {
    let n = arm.n_images.unwrap_or_default();
    let expected = arm.expected_auc.as_ref().map(auc).unwrap_or_default();
    format!("\u{201c}{}\u{201d} for {n} images: expected test AUC {expected}", arm.arm)
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        writeln!(f, "experiment {}, budget {} {}", self.experiment, self.budget, self.unit)?;
        let lead = self.lead.as_ref().map(auc).unwrap_or_default();
        let sure = match 100.0 * self.p_ahead.unwrap_or_default() {
            share if share >= 99.5 => "more than 99".to_owned(),
            share => format!("{share:.0}"),
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
                writeln!(
                    f,
                    "  take the cheaper or the simpler of them; more test prompts or seeds would narrow the interval"
                )?;
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
        for arm in &self.arms {
            write!(f, "    {:<16}", arm.arm)?;
            if let (Some(n), Some(expected), Some(cost)) = (arm.n_images, &arm.expected_auc, arm.cost) {
                write!(f, " {n:>7} images, cost {} {}, AUC {}", rounded(cost), self.unit, auc(expected))?;
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
