//! The corporate-action filings of the generated market: those that change the price scale, and the far more that do not.

use champion_market_data::TradeDate;
use chrono::Datelike;

use super::action_text;
use super::hash::{Dice, mix};
use super::instrument::{Class, Instrument, fixed_day};
use super::price;
use super::sessions::Sessions;
use crate::filing::Filing;

/// Record date and ex-date fell together when settlement became T+1.
const T_PLUS_ONE: (i32, u32, u32) = (2023, 1, 27);
/// The last day of a year an ex-date is drawn on, so that moving it to a session stays within the year.
const LAST_DAY: u64 = 355;

/// Returns every filing whose ex-date lies in the window, by ex-date and symbol.
pub(crate) fn in_window(
    universe: &[Instrument],
    sessions: &Sessions,
    (from, to): (TradeDate, TradeDate),
) -> Vec<Filing> {
    let window = from.days_since_epoch()..=to.days_since_epoch();
    let mut found: Vec<(i32, Filing)> = Vec::new();
    for line in universe {
        for event in &line.events {
            if window.contains(&event.ex_day) {
                found.push((event.ex_day, filing(line, event.ex_day, event.subject.clone(), event.face.0)));
            }
        }
        for year in from.date().year()..=to.date().year() {
            for (ex_day, subject) in yearly(line, year, sessions, &window) {
                found.push((ex_day, filing(line, ex_day, subject, line.face_on(ex_day))));
            }
        }
    }
    // The universe is in the order of symbols, and a stable sort keeps it.
    found.sort_by_key(|(ex_day, _)| *ex_day);
    found.into_iter().map(|(_, filing)| filing).collect()
}

/// Draws what a line files in a year and keeps what lies in the window.
fn yearly(
    line: &Instrument,
    year: i32,
    sessions: &Sessions,
    window: &std::ops::RangeInclusive<i32>,
) -> Vec<(i32, String)> {
    let mut dice = Dice::new(mix(line.key, 0xF11E), i64::from(year) as u64);
    let new_year = fixed_day(year, 1, 1);
    let mut drawn = Vec::new();
    let on = |after: u64, span: u64, dice: &mut Dice| {
        let wanted = new_year + (after + dice.below(span)).min(LAST_DAY) as i32;
        sessions.on_or_after(wanted).filter(|day| window.contains(day) && line.exists(*day))
    };
    // What is said on a day has its own stream: it must not depend on which other days were asked for.
    let words = |day: i32| Dice::new(mix(line.key, 0x7E87), i64::from(day) as u64);
    match line.class {
        Class::Share | Class::Sme => {
            // Meetings and final dividends crowd between June and September.
            let (meets, pays, pays_interim, is_rare) =
                (dice.chance(700), dice.chance(550), dice.chance(250), dice.chance(15));
            if let Some(day) = on(152, 116, &mut dice).filter(|_| meets) {
                drawn.push((day, meeting(line, day, pays, &mut words(day))));
            }
            if let Some(day) = on(20, 310, &mut dice).filter(|_| pays_interim) {
                let paise = dividend(line, day, &mut words(day));
                drawn.push((day, action_text::interim_dividend(paise, day, &mut words(day))));
            }
            if let Some(day) = on(5, 350, &mut dice).filter(|_| is_rare) {
                drawn.push((day, action_text::rarity(&mut words(day)).to_owned()));
            }
        }
        Class::Trust => {
            for quarter in 0..4 {
                if let Some(day) = on(25 + quarter * 90, 20, &mut dice) {
                    drawn.push((day, action_text::distribution(&mut words(day))));
                }
            }
        }
        Class::Gold | Class::Loan | Class::Debenture => {
            for half in 0..2 {
                if let Some(day) = on(10 + half * 180, 150, &mut dice) {
                    let subject = if words(day).chance(20) { "Redemption" } else { "Interest Payment" };
                    drawn.push((day, subject.to_owned()));
                }
            }
        }
        Class::Fund | Class::PartlyPaid | Class::Bill => {}
    }
    drawn
}

fn meeting(line: &Instrument, day: i32, pays: bool, words: &mut Dice) -> String {
    if pays {
        let paise = dividend(line, day, words);
        action_text::final_dividend(paise, line.face_on(day), day, words)
    } else {
        action_text::meeting(day).to_owned()
    }
}

/// Draws a dividend in paise, a fifth of a percent to three percent of the price.
fn dividend(line: &Instrument, day: i32, dice: &mut Dice) -> i64 {
    let paise = price::close(line, day) as f64 * dice.between(0.002, 0.03);
    match paise as i64 {
        ..500 => price::to_tick(paise, 5),
        500..2_000 => price::to_tick(paise, 25),
        _ => price::to_tick(paise, 100),
    }
}

fn filing(line: &Instrument, ex_day: i32, subject: String, face: u32) -> Filing {
    let date =
        |day: i32| TradeDate::from_days_since_epoch(day).map_or_else(|| "-".to_owned(), |d| d.format("%d-%b-%Y"));
    let (year, month, day) = T_PLUS_ONE;
    let record = if ex_day >= fixed_day(year, month, day) { date(ex_day) } else { date(ex_day + 1) };
    let none = || "-".to_owned();
    Filing {
        symbol: line.name.symbol.clone(),
        series: line.series.to_owned(),
        ind: none(),
        face_val: face.to_string(),
        subject,
        ex_date: date(ex_day),
        rec_date: record,
        bc_start_date: none(),
        bc_end_date: none(),
        nd_start_date: none(),
        comp: line.name.company.clone(),
        isin: String::from_utf8_lossy(&line.isin_on(ex_day)).into_owned(),
        nd_end_date: none(),
        ca_broadcast_date: None,
    }
}
