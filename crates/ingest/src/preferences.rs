//! Ratings to preferences: the mean over raters and contexts with equal weights (App. B.6).

use std::collections::BTreeMap;

use tables::{Preference, Rating};

/// One row per (image, aspect) that has ratings, sorted by both.
///
/// Every rating counts once, whoever gave it in whatever context. The standard deviation is the sample's (n − 1), null
/// for one rating; the seconds are averaged over the ratings that have some. The order of the ratings does not matter
/// beyond the last bit of a sum, so sort them first.
pub fn preferences(ratings: &[Rating]) -> Vec<Preference> {
    let mut groups: BTreeMap<(&str, &str), Vec<&Rating>> = BTreeMap::new();
    for rating in ratings {
        groups.entry((&rating.image_id, &rating.aspect)).or_default().push(rating);
    }
    let one = |((image_id, aspect), ratings): ((&str, &str), Vec<&Rating>)| {
        let values: Vec<f64> = ratings.iter().map(|rating| rating.rating).collect();
        let seconds: Vec<f64> = ratings.iter().filter_map(|rating| rating.seconds).collect();
        Preference {
            image_id: image_id.to_owned(),
            aspect: aspect.to_owned(),
            mean_rating: mean(&values).unwrap_or_else(|| unreachable!("a group has a rating")),
            n_ratings: i64::try_from(values.len()).unwrap_or(i64::MAX),
            std_rating: sample_std(&values),
            mean_seconds: mean(&seconds),
        }
    };
    groups.into_iter().map(one).collect()
}

#[allow(clippy::cast_precision_loss, reason = "nobody rates one image 2^53 times")]
fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[allow(clippy::cast_precision_loss, reason = "nobody rates one image 2^53 times")]
fn sample_std(values: &[f64]) -> Option<f64> {
    let mean = mean(values).filter(|_| values.len() > 1)?;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some((squares / (values.len() - 1) as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rating(image_id: &str, rater_id: usize, aspect: &str, rating: f64, seconds: Option<f64>) -> Rating {
        let (image_id, rater_id, aspect) = (image_id.into(), rater_id.to_string(), aspect.into());
        Rating { image_id, rater_id, aspect, context: None, rating, seconds }
    }

    #[test]
    fn preferences_of_known_ratings() {
        let ratings = [
            rating("i2", 0, "overall", 4.0, None),
            rating("i1", 0, "realism", 2.0, Some(3.0)),
            rating("i1", 0, "overall", 1.0, Some(10.0)),
            rating("i1", 1, "overall", 2.0, None),
            rating("i1", 2, "overall", 6.0, Some(20.0)),
        ];
        let found = preferences(&ratings);
        let keys: Vec<(&str, &str)> = found.iter().map(|row| (row.image_id.as_str(), row.aspect.as_str())).collect();
        assert_eq!(keys, [("i1", "overall"), ("i1", "realism"), ("i2", "overall")]);
        // numpy: np.mean([1, 2, 6]), np.std([1, 2, 6], ddof=1), np.mean([10, 20])
        assert_eq!((found[0].mean_rating, found[0].n_ratings), (3.0, 3));
        assert!((found[0].std_rating.unwrap() - 2.645_751_311_064_590_7).abs() < 1e-12);
        assert_eq!(found[0].mean_seconds, Some(15.0));
        assert_eq!((found[2].std_rating, found[2].mean_seconds, found[2].n_ratings), (None, None, 1));
        assert_eq!(preferences(&[]), []);
    }

    #[test]
    fn preferences_match_their_definition_row_by_row() {
        let value = |at: usize| ((at * 2_654_435_761) % 1_000) as f64 / 100.0;
        let ratings: Vec<Rating> = (0..600)
            .map(|at| {
                let (image, aspect) = (format!("i{}", at % 17), ["overall", "realism"][at % 2]);
                rating(&image, at, aspect, value(at), (at % 3 == 0).then(|| value(at + 7)))
            })
            .collect();
        let found = preferences(&ratings);
        assert_eq!(found.len(), 34);
        for row in &found {
            let own: Vec<&Rating> =
                ratings.iter().filter(|one| one.image_id == row.image_id && one.aspect == row.aspect).collect();
            let n = own.len() as f64;
            let sum: f64 = own.iter().map(|one| one.rating).sum();
            // The sum over pairs of squared differences is n² times the population variance.
            let pairs: f64 = own.iter().flat_map(|a| own.iter().map(|b| (a.rating - b.rating).powi(2) / 2.0)).sum();
            let seconds: Vec<f64> = own.iter().filter_map(|one| one.seconds).collect();
            assert_eq!(row.n_ratings as usize, own.len());
            assert!((row.mean_rating - sum / n).abs() < 1e-9);
            assert!((row.std_rating.unwrap() - (pairs / n / (n - 1.0)).sqrt()).abs() < 1e-9);
            assert!((row.mean_seconds.unwrap() - seconds.iter().sum::<f64>() / seconds.len() as f64).abs() < 1e-9);
        }
    }
}
