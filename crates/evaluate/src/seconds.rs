//! Table `annotation_seconds`: how long one label takes (Table 2).
//!
//! Reads the ratings' answer times; aspects without any have what the pipeline file states. Raters differ in speed and
//! prompts in difficulty, and the two are crossed, so the interval of the mean redraws both at once: the pigeonhole bootstrap
//! (Owen 2007), a little too wide rather than too narrow.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tables::{AnnotationSeconds, OVERALL, SecondsSource};

use crate::bootstrap::{Draws, Interval, LANES, percentiles};
use crate::inputs::Inputs;
use crate::metrics::TARGET;
use crate::ranks::median;
use crate::settings::{Bootstrap, Settings};

/// Every row, by aspect. `target` in the pipeline file is `overall`.
pub fn annotation_seconds(inputs: &Inputs, settings: &Settings) -> Vec<AnnotationSeconds> {
    let prompts: HashMap<&str, &str> =
        inputs.images.iter().map(|image| (image.image_id.as_str(), image.prompt_id.as_str())).collect();
    let mut timed: BTreeMap<&str, Vec<(&str, &str, f64)>> = BTreeMap::new();
    for rating in &inputs.ratings {
        if let (Some(seconds), Some(prompt)) = (rating.seconds, prompts.get(rating.image_id.as_str())) {
            timed.entry(&rating.aspect).or_default().push((&rating.rater_id, prompt, seconds));
        }
    }
    let mut rows: BTreeMap<&str, AnnotationSeconds> =
        timed.iter().map(|(aspect, rows)| (*aspect, measured(aspect, rows, &settings.bootstrap))).collect();
    for (aspect, &seconds) in &settings.seconds_per_label {
        let aspect = if aspect == TARGET { OVERALL } else { aspect };
        rows.entry(aspect).or_insert_with(|| AnnotationSeconds {
            aspect: aspect.to_owned(),
            source: SecondsSource::Settings,
            n: 0,
            n_raters: 0,
            mean_seconds: seconds,
            median_seconds: None,
            ci_low: None,
            ci_high: None,
            reason: Some("stated in the pipeline file, not measured".to_owned()),
        });
    }
    rows.into_values().collect()
}

fn measured(aspect: &str, rows: &[(&str, &str, f64)], bootstrap: &Bootstrap) -> AnnotationSeconds {
    let seconds: Vec<f64> = rows.iter().map(|(.., seconds)| *seconds).collect();
    let interval = interval(rows, bootstrap);
    AnnotationSeconds {
        aspect: aspect.to_owned(),
        source: SecondsSource::Ratings,
        n: rows.len() as i64,
        n_raters: rows.iter().map(|(rater, ..)| rater).collect::<BTreeSet<_>>().len() as i64,
        mean_seconds: seconds.iter().sum::<f64>() / seconds.len() as f64,
        median_seconds: median(&seconds),
        ci_low: interval.as_ref().ok().map(|interval| interval.low),
        ci_high: interval.as_ref().ok().map(|interval| interval.high),
        reason: interval.err(),
    }
}

/// The interval of the mean: a rating counts as often as its rater times its prompt was drawn.
fn interval(rows: &[(&str, &str, f64)], bootstrap: &Bootstrap) -> Result<Interval, String> {
    let numbers = |names: &mut dyn Iterator<Item = &str>| -> HashMap<String, u32> {
        let names: BTreeSet<String> = names.map(str::to_owned).collect();
        names.into_iter().zip(0..).collect()
    };
    let raters = numbers(&mut rows.iter().map(|(rater, ..)| *rater));
    let prompts = numbers(&mut rows.iter().map(|(_, prompt, _)| *prompt));
    for (found, what) in [(&raters, "rater"), (&prompts, "prompt")] {
        if found.len() < 2 {
            return Err(format!("no interval: all times are of one {what}"));
        }
    }
    let mut cells: BTreeMap<(u32, u32), (f64, f64)> = BTreeMap::new();
    for (rater, prompt, seconds) in rows {
        let (sum, n) = cells.entry((raters[*rater], prompts[*prompt])).or_default();
        *sum += seconds;
        *n += 1.0;
    }
    // Raters are drawn from a stream of their own.
    let of_raters = Draws::new(raters.len(), bootstrap.replicates, bootstrap.seed.wrapping_add(1));
    let of_prompts = Draws::new(prompts.len(), bootstrap.replicates, bootstrap.seed);
    let mut rater_blocks = Vec::new();
    of_raters.each(|block| {
        rater_blocks.push(block.to_vec());
        [0.0; LANES]
    });
    let mut rater_blocks = rater_blocks.into_iter();
    let means = of_prompts.each(|prompt_weights| {
        let (mut sum, mut n) = ([0.0; LANES], [0.0; LANES]);
        let rater_weights = rater_blocks.next().unwrap_or_default();
        for (&(rater, prompt), &(cell_sum, cell_n)) in &cells {
            let (rater, prompt) = (&rater_weights[rater as usize], &prompt_weights[prompt as usize]);
            for lane in 0..LANES {
                let weight = f64::from(rater[lane]) * f64::from(prompt[lane]);
                sum[lane] += weight * cell_sum;
                n[lane] += weight * cell_n;
            }
        }
        std::array::from_fn(|lane| sum[lane] / n[lane])
    });
    percentiles(&means).map_err(|_| "no interval: most resamples have no rating at all".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{image, rating, settings};
    use tables::Split;

    fn timed(rows: &[(&str, &str, f64)]) -> Inputs {
        let mut inputs = Inputs::default();
        for (rater, image_id, seconds) in rows {
            if inputs.images.iter().all(|image| image.image_id != *image_id) {
                inputs.images.push(image(image_id, Split::Train));
            }
            let mut rating = rating(image_id, rater, OVERALL, 1.0);
            rating.seconds = Some(*seconds);
            inputs.ratings.push(rating);
        }
        inputs
    }

    #[test]
    fn a_mean_a_median_and_an_interval_that_raters_widen() {
        // Rater b takes ten times as long as rater a, whatever the prompt.
        let rows: Vec<(String, String, f64)> = (0..40)
            .flat_map(|at| [("a", 1.0), ("b", 10.0)].map(|(rater, slow)| (rater.to_owned(), format!("p{at}-0"), slow)))
            .collect();
        let rows: Vec<(&str, &str, f64)> = rows.iter().map(|(r, i, s)| (r.as_str(), i.as_str(), *s)).collect();
        let found = annotation_seconds(&timed(&rows), &settings()).remove(0);
        assert_eq!((found.n, found.n_raters, found.mean_seconds, found.median_seconds), (80, 2, 5.5, Some(5.5)));
        assert_eq!((found.ci_low, found.ci_high), (Some(1.0), Some(10.0)), "either rater may be the only one drawn");
    }

    #[test]
    fn one_rater_or_one_prompt_has_no_interval() {
        let of_one = annotation_seconds(&timed(&[("a", "p1-0", 3.0), ("a", "p2-0", 5.0)]), &settings()).remove(0);
        assert_eq!((of_one.mean_seconds, of_one.ci_low), (4.0, None));
        assert_eq!(of_one.reason.as_deref(), Some("no interval: all times are of one rater"));
        let of_one = annotation_seconds(&timed(&[("a", "p1-0", 3.0), ("b", "p1-1", 5.0)]), &settings()).remove(0);
        assert_eq!(of_one.reason.as_deref(), Some("no interval: all times are of one prompt"));
    }

    #[test]
    fn what_is_not_measured_is_what_the_pipeline_file_states() {
        let mut settings = settings();
        settings.seconds_per_label = [("target", 52.7), ("bright", 18.4)].map(|(k, s)| (k.to_owned(), s)).into();
        let rows = annotation_seconds(&timed(&[("a", "p1-0", 3.0)]), &settings);
        let found: Vec<_> = rows.iter().map(|row| (row.aspect.as_str(), row.source, row.mean_seconds)).collect();
        assert_eq!(found, [("bright", SecondsSource::Settings, 18.4), (OVERALL, SecondsSource::Ratings, 3.0)]);
    }
}
