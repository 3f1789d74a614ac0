//! Two yes/no judgements of the same images: how often they agree, and how much of that is not chance.

use crate::undefined::Undefined;

/// Agreement and Cohen's kappa.
#[derive(Debug, Clone, PartialEq)]
pub struct Kappa {
    /// Share of the images on which both say the same; `None` without images.
    pub agreement: Option<f64>,
    /// Cohen's kappa (Cohen 1960), at most 1; 0 is what two judges of these shares agree by chance.
    pub kappa: Result<f64, Undefined>,
}

/// Compares two columns of equal length.
///
/// Kappa is [`Undefined`] without images, and where either judge says one thing only and both the same: chance explains all.
pub fn kappa(a: &[bool], b: &[bool]) -> Kappa {
    let n = a.len() as f64;
    if a.is_empty() {
        return Kappa { agreement: None, kappa: Err(Undefined::NoData) };
    }
    let yes = |judge: &[bool]| judge.iter().filter(|yes| **yes).count() as f64 / n;
    let agreement = a.iter().zip(b).filter(|(a, b)| a == b).count() as f64 / n;
    let by_chance = yes(a) * yes(b) + (1.0 - yes(a)) * (1.0 - yes(b));
    let kappa =
        if by_chance >= 1.0 { Err(Undefined::OneAnswer) } else { Ok((agreement - by_chance) / (1.0 - by_chance)) };
    Kappa { agreement: Some(agreement), kappa }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_agreement_is_zero_and_full_agreement_one() {
        let (yes, no) = (true, false);
        assert_eq!(kappa(&[yes, no, yes, no], &[yes, no, yes, no]).kappa, Ok(1.0));
        assert_eq!(kappa(&[yes, yes, no, no], &[yes, no, yes, no]), Kappa { agreement: Some(0.5), kappa: Ok(0.0) });
        assert_eq!(kappa(&[yes, no], &[no, yes]).kappa, Ok(-1.0));
        assert_eq!(kappa(&[yes, yes], &[yes, no]).kappa, Ok(0.0));
    }

    #[test]
    fn it_is_undefined_where_both_say_one_thing_only() {
        assert_eq!(kappa(&[true], &[true]), Kappa { agreement: Some(1.0), kappa: Err(Undefined::OneAnswer) });
        assert_eq!(kappa(&[], &[]), Kappa { agreement: None, kappa: Err(Undefined::NoData) });
    }
}
