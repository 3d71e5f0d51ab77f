//! Closing prices: a pure function of line and day, so that every file agrees with every other.

use super::hash::{mix, unit};
use super::instrument::{Class, Instrument, fixed_day};
use super::noise;
use super::sessions::Sessions;

/// Returns the tick in paise at a price, as the exchange had it on a day: 5 paise for all until 2024-06-07; then 1 paisa
/// below 250 rupees; since 2025-04-15 by price band. Funds and bonds kept 1 paisa since the first change.
pub(crate) fn tick(class: Class, paise: i64, day: i32) -> i64 {
    if day < fixed_day(2024, 6, 10) {
        return 5;
    }
    match class {
        Class::Fund | Class::Trust | Class::Gold | Class::Loan | Class::Bill | Class::Debenture => return 1,
        Class::Share | Class::Sme | Class::PartlyPaid => {}
    }
    match paise {
        ..=25_000 => 1,
        _ if day < fixed_day(2025, 4, 15) => 5,
        25_001..=100_000 => 5,
        100_001..=500_000 => 10,
        500_001..=1_000_000 => 50,
        1_000_001..=2_000_000 => 100,
        2_000_001.. => 500,
    }
}

/// Rounds to the nearest tick, and to one tick at least.
pub(crate) fn to_tick(paise: f64, tick: i64) -> i64 {
    let ticks = (paise / tick as f64 + 0.5).floor() as i64;
    ticks.max(1) * tick
}

/// Returns the official close in paise. It is the average of the last half hour, so one in sixteen is off the tick.
pub(crate) fn close(line: &Instrument, day: i32) -> i64 {
    let rupees = noise::exp2(line.price_log2 + line.amplitude * noise::octaves(line.key, day)) * line.scale(day);
    let paise = rupees * 100.0;
    let jitter = mix(line.key ^ 0xC105E, i64::from(day) as u64);
    if jitter.is_multiple_of(16) {
        return to_tick(paise, 1);
    }
    to_tick(paise, tick(line.class, paise as i64, day))
}

/// Tells whether a line trades on a session; on its first day it always does.
pub(crate) fn trades(line: &Instrument, day: i32) -> bool {
    line.exists(day)
        && (day == line.listed || unit(mix(line.key ^ 0x7EADE, i64::from(day) as u64)) * 1000.0 < line.activity as f64)
}

/// Returns the close of the last session on which the line traded, on the scale of that day: previous closes are
/// published raw, not adjusted. On the listing day it is the issue price.
pub(crate) fn previous_close(line: &Instrument, day: i32, sessions: &Sessions) -> i64 {
    let mut before = sessions.day_before(day);
    while let Some(session) = before.filter(|session| *session >= line.listed) {
        if trades(line, session) {
            return close(line, session);
        }
        before = sessions.day_before(session);
    }
    let premium = 0.75 + 0.4 * unit(mix(line.key, 0x155E));
    to_tick(close(line, day) as f64 * premium, 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_follow_the_rule_of_their_day() {
        let day = |text: &str| text.parse::<champion_market_data::TradeDate>().expect("a date").days_since_epoch();
        assert_eq!(tick(Class::Share, 10_000, day("2024-06-07")), 5);
        assert_eq!(tick(Class::Share, 10_000, day("2024-06-10")), 1);
        assert_eq!(tick(Class::Share, 90_000, day("2025-04-15")), 5);
        assert_eq!(tick(Class::Share, 300_000, day("2025-04-14")), 5);
        assert_eq!(tick(Class::Share, 300_000, day("2025-04-15")), 10);
        assert_eq!(tick(Class::Share, 9_000_000, day("2025-04-15")), 500);
        assert_eq!(tick(Class::Fund, 9_000_000, day("2025-04-15")), 1);
    }

    #[test]
    fn a_price_is_never_below_one_tick() {
        assert_eq!(to_tick(0.4, 5), 5);
        assert_eq!(to_tick(112.4, 5), 110);
    }
}
