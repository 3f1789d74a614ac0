//! Days of the calendar, in UTC.

const MILLIS_OF_DAY: i64 = 86_400_000;

/// The day of a moment in milliseconds since 1970, such as `2026-11-23`.
pub fn date_of_millis(millis: i64) -> String {
    let (year, month, day) = civil_from_days(millis.div_euclid(MILLIS_OF_DAY));
    format!("{year:04}-{month:02}-{day:02}")
}

/// The first moment of a day such as `2026-11-23`, in milliseconds since 1970; `None` if there is no such day.
pub fn millis_of_date(date: &str) -> Option<i64> {
    let mut numbers = date.split('-').map(|part| part.parse::<i64>().ok().filter(|n| *n >= 0));
    let (year, month, day) = (numbers.next()??, numbers.next()??, numbers.next()??);
    if numbers.next().is_some() || year > 9_999 {
        return None;
    }
    let days = days_from_civil(year, month, day);
    (civil_from_days(days) == (year, month, day)).then_some(days * MILLIS_OF_DAY)
}

/// Source: Hinnant, "chrono-Compatible Low-Level Date Algorithms": years start in March, in eras of 400.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// The inverse, for a day that there is.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = (month + 9) % 12;
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_come_and_go_in_the_order_of_the_calendar() {
        // Python: datetime.date(2026, 11, 23).toordinal() - datetime.date(1970, 1, 1).toordinal()
        for (date, days) in [("1970-01-01", 0), ("2000-02-29", 11_016), ("2026-11-23", 20_780), ("2100-03-01", 47_541)]
        {
            assert_eq!(millis_of_date(date), Some(days * MILLIS_OF_DAY), "{date}");
            assert_eq!(date_of_millis(days * MILLIS_OF_DAY + MILLIS_OF_DAY - 1), date);
        }
        for days in (0..60_000).step_by(7) {
            let date = date_of_millis(days * MILLIS_OF_DAY);
            assert_eq!(millis_of_date(&date), Some(days * MILLIS_OF_DAY), "{date}");
        }
        for none in
            ["", "2026", "2026-13-01", "2026-02-29", "2026-11-31", "2026-11-00", "a-b-c", "2026-1-1-1", "-1-1-1"]
        {
            assert_eq!(millis_of_date(none), None, "{none}");
        }
    }
}
