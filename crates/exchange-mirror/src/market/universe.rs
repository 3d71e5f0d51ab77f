//! Every line the generated market ever had, drawn once from the seed.

use chrono::Datelike;

use super::hash::{Dice, mix};
use super::instrument::{Class, Instrument, fixed_day};
use super::names::{Name, Names};
use super::scale_events;
use super::sessions::Sessions;

/// Lines of one kind: how many ever, in which series, how often they trade.
struct Group {
    class: Class,
    series: &'static [&'static str],
    lines: u32,
    /// Sessions of a thousand on which a line trades.
    activity: (u64, u64),
    /// First year a line of the group may be listed.
    since: i32,
}

/// Sizes are chosen so that a day of 2025 has about 2,300 EQ lines and 3,100 in all, as the real one.
const GROUPS: &[Group] = &[
    Group { class: Class::Share, series: &["EQ"], lines: 2110, activity: (985, 1000), since: 1994 },
    Group { class: Class::Fund, series: &["EQ"], lines: 330, activity: (930, 1000), since: 2004 },
    Group { class: Class::Share, series: &["BE"], lines: 250, activity: (900, 1000), since: 1996 },
    Group { class: Class::Share, series: &["BZ"], lines: 46, activity: (700, 980), since: 2008 },
    Group { class: Class::Sme, series: &["SM"], lines: 520, activity: (450, 980), since: 2012 },
    Group { class: Class::Sme, series: &["ST"], lines: 230, activity: (400, 950), since: 2015 },
    Group { class: Class::Sme, series: &["SZ"], lines: 3, activity: (300, 600), since: 2016 },
    Group { class: Class::PartlyPaid, series: &["E1"], lines: 7, activity: (800, 1000), since: 2019 },
    Group { class: Class::Trust, series: &["IV"], lines: 14, activity: (500, 1000), since: 2017 },
    Group { class: Class::Trust, series: &["RR"], lines: 5, activity: (990, 1000), since: 2019 },
    Group { class: Class::Gold, series: &["GB"], lines: 80, activity: (750, 1000), since: 2015 },
    Group { class: Class::Loan, series: &["GS"], lines: 130, activity: (200, 800), since: 2017 },
    Group { class: Class::Loan, series: &["SG"], lines: 12, activity: (60, 200), since: 2019 },
    Group {
        class: Class::Debenture,
        series: &["N1", "N2", "N3", "N4", "N5", "N6", "N7", "N8", "N9", "N0", "NA", "NC", "NE", "NH"],
        lines: 340,
        activity: (250, 850),
        since: 2009,
    },
    Group {
        class: Class::Debenture,
        series: &["Y1", "Y5", "YM", "Z5", "ZG", "AL", "AR"],
        lines: 34,
        activity: (150, 700),
        since: 2018,
    },
];

/// Share of a group's lines that are listed by the beginning of a year, in thousandths.
const LISTED_BY: &[(i32, i32)] =
    &[(1994, 70), (1995, 170), (2000, 330), (2005, 430), (2011, 640), (2020, 820), (2025, 965), (2028, 1000)];
/// Lines with a T+0 window, and the first day of that window.
const T_PLUS_ZERO_LINES: usize = 25;
/// The beta version of the optional T+0 settlement began on this day.
pub(crate) const T_PLUS_ZERO_SINCE: (i32, u32, u32) = (2024, 3, 28);
/// First and last week in which a treasury bill is issued.
const BILLS: ((i32, u32, u32), (i32, u32, u32)) = ((2019, 1, 3), (2027, 12, 30));
/// The most a line turns over on an ordinary day, as a power of two of rupees: about 1,000 crore.
const MOST_TRADED_LOG2: f64 = 33.2;
/// Days a bill lives.
const BILL_DAYS: i32 = 182;

/// Draws the universe, sorted by symbol and series.
pub(crate) fn draw(seed: u64, sessions: &Sessions) -> Vec<Instrument> {
    let mut names = Names::default();
    let mut lines = Vec::with_capacity(4_600);
    for group in GROUPS {
        for _ in 0..group.lines {
            let number = lines.len() as u32;
            lines.push(member(seed, number, group, &mut names, sessions));
        }
    }
    let (first, last) = BILLS;
    let mut issued = fixed_day(first.0, first.1, first.2);
    while issued <= fixed_day(last.0, last.1, last.2) {
        let number = lines.len() as u32;
        lines.push(bill(seed, number, issued, &mut names));
        issued += 7;
    }
    let most_traded = {
        let mut order: Vec<usize> = (0..GROUPS[0].lines as usize).collect();
        order.sort_by(|a, b| lines[*b].quantity_log2.total_cmp(&lines[*a].quantity_log2));
        order
    };
    for index in most_traded.into_iter().take(T_PLUS_ZERO_LINES) {
        lines[index].t_plus_zero = true;
    }
    for line in &mut lines {
        if line.class.has_face_value_changes() {
            scale_events::draw(line, sessions);
        }
    }
    lines.sort_by(|a, b| (&a.name.short, &a.name.symbol).cmp(&(&b.name.short, &b.name.symbol)));
    for (rank, line) in (0_u32..).zip(&mut lines) {
        line.name_rank = rank;
    }
    lines.sort_by(|a, b| (&a.name.symbol, a.series).cmp(&(&b.name.symbol, b.series)));
    lines
}

fn member(seed: u64, number: u32, group: &Group, names: &mut Names, sessions: &Sessions) -> Instrument {
    let key = mix(seed, u64::from(number));
    let mut dice = Dice::new(key, 0x11);
    let listed = sessions.on_or_after(listing_day(group.since, &mut dice)).unwrap_or(i32::MAX);
    let year = champion_market_data::TradeDate::from_days_since_epoch(listed).map_or(2027, |date| date.date().year());
    let due = due_year(group.class, year, &mut dice);
    let (price_log2, amplitude) = price_level(group.class, &mut dice);
    let spread = f64::from(group.activity.1 as u32 - group.activity.0 as u32) / 1000.0;
    Instrument {
        name: name(group.class, due.unwrap_or(year), names, &mut dice),
        series: group.series[(number as usize) % group.series.len()],
        class: group.class,
        token: 100 + number * 7 + dice.below(7) as u32,
        issuer: number,
        serial: if matches!(group.class, Class::Gold | Class::Loan) { (year - 2000).unsigned_abs() } else { 1 },
        lot: if group.class == Class::Sme {
            [500, 600, 800, 1000, 1200, 1600, 2000][dice.below(7) as usize]
        } else {
            1
        },
        listed,
        matures: due.map(|year| fixed_day(year, 6, 30)),
        activity: group.activity.0 + (1000.0 * spread * dice.unit()) as u64,
        t_plus_zero: false,
        name_rank: 0,
        key,
        price_log2,
        amplitude,
        quantity_log2: quantity_level(group.class, &mut dice).min(MOST_TRADED_LOG2 - price_log2),
        face: if group.class.has_face_value_changes() {
            [10, 10, 10, 10, 5, 2, 1][dice.below(7) as usize]
        } else {
            100
        },
        events: Vec::new(),
    }
}

fn bill(seed: u64, number: u32, issued: i32, names: &mut Names) -> Instrument {
    let key = mix(seed, u64::from(number));
    let mut dice = Dice::new(key, 0x11);
    let matures = champion_market_data::TradeDate::from_days_since_epoch(issued + BILL_DAYS);
    let (short, long) = matures.map_or_else(
        || ("000000".to_owned(), "00/00/00".to_owned()),
        |date| (date.format("%d%m%y"), date.format("%d/%m/%y")),
    );
    let year = matures.map_or(2028, |date| date.date().year());
    Instrument {
        name: names.line(&format!("182D{short}"), &format!("GOI TBILL 182D-{long}")),
        series: "TB",
        class: Class::Bill,
        token: 100 + number * 7 + dice.below(7) as u32,
        issuer: number,
        serial: (year - 2000).unsigned_abs(),
        lot: 100,
        listed: issued,
        matures: Some(issued + BILL_DAYS),
        activity: 300,
        t_plus_zero: false,
        name_rank: 0,
        key,
        price_log2: 6.62,
        amplitude: 0.01,
        quantity_log2: 9.0,
        face: 100,
        events: Vec::new(),
    }
}

fn listing_day(since: i32, dice: &mut Dice) -> i32 {
    let first_share = LISTED_BY
        .windows(2)
        .find(|pair| (pair[0].0..pair[1].0).contains(&since))
        .map_or(0.0, |pair| if since == 1994 { 0.0 } else { f64::from(pair[0].1) / 1000.0 });
    let share = 1000.0 * dice.between(first_share, 1.0);
    let market_begins = fixed_day(1994, 11, 3);
    for pair in LISTED_BY.windows(2) {
        let ((from, low), (to, high)) = (pair[0], pair[1]);
        if share < f64::from(high) {
            // Below the first point of the table: listed when the market began.
            let within = ((share - f64::from(low)) / f64::from(high - low)).max(0.0);
            let (start, end) = (fixed_day(from, 1, 1).max(market_begins), fixed_day(to, 1, 1));
            let day = start + (within * f64::from(end - start)) as i32;
            return day.max(fixed_day(since, 1, 1));
        }
    }
    fixed_day(2027, 12, 1)
}

/// Returns the mean price as a power of two of rupees, and how widely it moves.
fn price_level(class: Class, dice: &mut Dice) -> (f64, f64) {
    match class {
        // Half the real shares of 2025 close between 83 and 716 rupees, a few below 1 and above 100,000.
        Class::Share => ((7.9 + 2.1 * dice.bell()).clamp(0.3, 15.0), 1.0),
        Class::Sme => ((6.7 + 1.2 * dice.bell()).clamp(2.0, 11.0), 1.0),
        Class::Fund => ((6.4 + 1.6 * dice.bell()).clamp(3.0, 10.0), 0.45),
        Class::PartlyPaid => ((6.5 + 1.5 * dice.bell()).clamp(3.0, 11.0), 1.0),
        Class::Trust => ((7.3 + 0.7 * dice.bell()).clamp(6.0, 9.0), 0.25),
        Class::Gold => (13.0 + 0.05 * dice.bell(), 0.3),
        Class::Loan => (6.66 + 0.03 * dice.bell(), 0.03),
        Class::Bill => (6.6, 0.01),
        Class::Debenture => (9.98 + 0.06 * dice.bell(), 0.06),
    }
}

fn quantity_level(class: Class, dice: &mut Dice) -> f64 {
    match class {
        // Half the real shares of 2025 trade between 27,000 and 508,000 a day.
        Class::Share => (16.9 + 3.0 * dice.bell()).clamp(5.0, 27.0),
        Class::Sme => 4.0 + 1.6 * dice.bell().abs(),
        Class::Fund => (13.5 + 3.2 * dice.bell()).clamp(4.0, 25.0),
        Class::PartlyPaid => 12.0 + 2.0 * dice.bell(),
        Class::Trust => 16.0 + 2.0 * dice.bell(),
        Class::Gold => 7.5 + 1.5 * dice.bell(),
        Class::Loan | Class::Bill => 7.0 + 1.5 * dice.bell(),
        Class::Debenture => 6.5 + 2.0 * dice.bell(),
    }
}

/// Draws the year in which paper issued in a year is repaid; shares and units never are.
fn due_year(class: Class, issued: i32, dice: &mut Dice) -> Option<i32> {
    match class {
        Class::Gold => Some(issued + 8),
        Class::Loan => Some(issued + 5 + dice.below(25) as i32),
        Class::Debenture => Some(issued + 3 + dice.below(12) as i32),
        Class::Share | Class::Sme | Class::Fund | Class::PartlyPaid | Class::Trust | Class::Bill => None,
    }
}

/// Names a line; `due` is the year of repayment of what has one.
fn name(class: Class, due: i32, names: &mut Names, dice: &mut Dice) -> Name {
    if class.has_face_value_changes() {
        return names.company(dice);
    }
    let stem = Names::stem(dice);
    let rate = 500 + dice.below(450);
    let percent = format!("{}.{:02}%", rate / 100, rate % 100);
    match class {
        Class::Share | Class::Sme | Class::Bill => names.line(&stem, &stem),
        Class::Fund => names.line(&format!("{stem}ETF"), &format!("{stem}AMC - {stem}ETF")),
        Class::PartlyPaid => names.line(&format!("{stem}PP"), &format!("{stem} RS. 2.50 PPD UP")),
        Class::Trust => names.line(&format!("{stem}TR"), &format!("{stem} INFRA TRUST")),
        Class::Gold => {
            let month = dice.pick(&["JAN", "FEB", "MAR", "JUN", "AUG", "SEP", "OCT", "NOV", "DEC"]);
            names.line(&format!("SGB{month}{}", due % 100), &format!("2.50%GOLDBONDS{due}SR-{month}"))
        }
        Class::Loan => names.line(&format!("{rate}GS{due}"), &format!("GOI LOAN   {percent} {due}")),
        Class::Debenture => names.line(&format!("{rate}{stem}{}", due % 100), &format!("{percent} {stem} NCD {due}")),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn symbols_and_tokens_are_unique_and_the_universe_grows_over_the_years() {
        let universe = draw(1, &Sessions::new());
        let keys: HashSet<_> = universe.iter().map(|line| (&line.name.symbol, line.series)).collect();
        let tokens: HashSet<_> = universe.iter().map(|line| line.token).collect();
        assert_eq!((keys.len(), tokens.len()), (universe.len(), universe.len()));
        let alive = |year| universe.iter().filter(|line| line.exists(fixed_day(year, 6, 2))).count();
        assert!((200..700).contains(&alive(1995)), "{}", alive(1995));
        assert!(alive(1995) < alive(2011) && alive(2011) < alive(2025));
    }

    #[test]
    fn about_a_hundred_splits_and_bonuses_happen_in_a_recent_year() {
        let universe = draw(1, &Sessions::new());
        let (first, last) = (fixed_day(2025, 1, 1), fixed_day(2025, 12, 31));
        let events = universe.iter().flat_map(|line| &line.events);
        let count = events.filter(|event| (first..=last).contains(&event.ex_day)).count();
        assert!((50..250).contains(&count), "{count}");
    }

    #[test]
    fn face_values_follow_each_other_without_a_gap() {
        for line in draw(3, &Sessions::new()) {
            let mut face = line.face;
            for event in &line.events {
                assert_eq!(event.face.0, face, "{line:?}");
                face = event.face.1;
            }
        }
    }
}
