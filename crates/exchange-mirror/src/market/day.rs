//! One session of the generated market, line by line.

use champion_market_data::{DayKind, TradeDate};

use super::hash::{Dice, mix};
use super::instrument::{Class, Instrument, fixed_day};
use super::isin::Isin;
use super::noise;
use super::price;
use super::sessions::Sessions;
use super::universe::T_PLUS_ZERO_SINCE;

/// One traded line of one day. Prices and turnover are in paise.
#[derive(Debug, Clone)]
pub(crate) struct Row<'market> {
    pub(crate) line: &'market Instrument,
    pub(crate) series: &'static str,
    pub(crate) token: u32,
    /// Nothing on some listing days, as published.
    pub(crate) isin: Option<Isin>,
    pub(crate) open: i64,
    pub(crate) high: i64,
    pub(crate) low: i64,
    pub(crate) close: i64,
    pub(crate) last: i64,
    pub(crate) previous: i64,
    pub(crate) settlement: i64,
    pub(crate) quantity: i64,
    pub(crate) turnover: i64,
    pub(crate) trades: i64,
    pub(crate) average: i64,
    /// Nothing for trade-to-trade lines, which print `-`.
    pub(crate) delivered: Option<i64>,
}

/// A Muhurat session lasts an hour.
const MUHURAT_VOLUME: f64 = 0.15;
/// The most a line turns over on a day, in paise: 2,000 crore rupees, as the busiest real shares do.
const MOST_TURNOVER: i64 = 2_000_000_000_000;
/// One listing in this many is published without its ISIN on the first day.
const BLANK_ISINS: u64 = 3;

/// Generates the rows of a session, in the order of the universe (symbol, series).
pub(crate) fn rows<'market>(
    universe: &'market [Instrument],
    sessions: &Sessions,
    date: TradeDate,
) -> Vec<Row<'market>> {
    let day = date.days_since_epoch();
    let busy = if sessions.kind(date) == DayKind::Muhurat { MUHURAT_VOLUME } else { 1.0 };
    let has_t_plus_zero = day >= fixed_day(T_PLUS_ZERO_SINCE.0, T_PLUS_ZERO_SINCE.1, T_PLUS_ZERO_SINCE.2);
    let mut rows = Vec::with_capacity(universe.len());
    for line in universe {
        if !price::trades(line, day) {
            continue;
        }
        let row = row(line, day, busy, sessions);
        let window = has_t_plus_zero.then(|| t_plus_zero(&row, day)).flatten();
        rows.push(row);
        rows.extend(window);
    }
    rows
}

fn row<'market>(line: &'market Instrument, day: i32, busy: f64, sessions: &Sessions) -> Row<'market> {
    let mut dice = Dice::new(mix(line.key, i64::from(day) as u64), 0xDA7);
    let close = price::close(line, day);
    let previous = price::previous_close(line, day, sessions);
    // Trading begins near the previous close on the scale of this day.
    let start = previous as f64 * line.event_on(day).map_or(1.0, |event| event.factor);
    let tick = price::tick(line.class, close, day);
    let (quantity, trades) = volume(line, close, busy / line.scale(day), &mut dice);

    let mut row = Row {
        line,
        series: line.series,
        token: line.token,
        isin: isin(line, day, &mut dice),
        open: close,
        high: close,
        low: close,
        close,
        last: close,
        previous,
        settlement: close,
        quantity,
        turnover: 0,
        trades,
        average: 0,
        delivered: None,
    };
    if trades > 1 {
        let wide = line.amplitude * dice.unit() * 0.02;
        row.open = price::to_tick(start * (1.0 + 0.01 * line.amplitude * dice.bell() / 2.0), tick);
        row.last = price::to_tick(close as f64 * (1.0 + 0.002 * line.amplitude * dice.bell()), tick);
        row.high = outwards(row.open.max(close).max(row.last), wide * dice.unit(), tick);
        row.low = inwards(row.open.min(close).min(row.last), wide * dice.unit(), tick);
        // Settlement is an average of another half hour and differs by a few paise in a third of the lines.
        if dice.chance(330) {
            row.settlement = (close + dice.below(11) as i64 - 5).max(1);
        }
    }
    settle_turnover(&mut row, &mut dice);
    if line.publishes_delivery() {
        let share = if line.class == Class::Share { dice.between(0.15, 0.95) } else { dice.between(0.4, 1.0001) };
        row.delivered = Some(((row.quantity as f64 * share) as i64).min(row.quantity));
    }
    row
}

/// Returns the price raised by a share of itself, on the tick above or at it.
fn outwards(paise: i64, share: f64, tick: i64) -> i64 {
    let raised = paise + (paise as f64 * share) as i64;
    (raised + tick - 1) / tick * tick
}

/// Returns the price lowered by a share of itself, on the tick below or at it; one tick at least.
fn inwards(paise: i64, share: f64, tick: i64) -> i64 {
    let lowered = paise - (paise as f64 * share) as i64;
    (lowered / tick * tick).max(tick.min(paise))
}

/// Sets turnover to an exact sum of paise between low and high times quantity, and the average to what follows from it.
fn settle_turnover(row: &mut Row<'_>, dice: &mut Dice) {
    let span = i128::from(row.high - row.low) * i128::from(row.quantity);
    let above_low = span * i128::from(350 + dice.below(300)) / 1000;
    let exact = i128::from(row.low) * i128::from(row.quantity) + above_low;
    row.turnover = i64::try_from(exact).unwrap_or(i64::MAX);
    row.average = (row.turnover + row.quantity / 2) / row.quantity;
}

/// Returns quantity and trades; `busy` is 1 on an ordinary day on today's scale.
fn volume(line: &Instrument, close: i64, busy: f64, dice: &mut Dice) -> (i64, i64) {
    let wanted = noise::exp2(line.quantity_log2 + 0.9 * dice.bell()) * busy;
    let most = (MOST_TURNOVER / close / i64::from(line.lot)).max(1);
    let lots = (wanted as i64).clamp(1, most);
    let quantity = lots * i64::from(line.lot);
    // The average trade is worth a few thousand rupees, and more than one lot even of a dear share.
    let rupees = noise::exp2(dice.between(10.5, 14.2));
    let shares = (rupees * 100.0 / close as f64) as i64 + i64::from(line.lot) * (1 + dice.below(3) as i64);
    (quantity, (quantity / shares).clamp(1, lots))
}

fn isin(line: &Instrument, day: i32, dice: &mut Dice) -> Option<Isin> {
    let listing_gap = day == line.listed && dice.below(BLANK_ISINS) == 0;
    (!listing_gap).then(|| line.isin_on(day))
}

/// Returns the T+0 line of a share when it traded: a handful of shares, away from the day's close, which it carries all
/// the same; so low ≤ close ≤ high often fails, as in the real files.
fn t_plus_zero<'market>(main: &Row<'market>, day: i32) -> Option<Row<'market>> {
    let mut dice = Dice::new(mix(main.line.key, i64::from(day) as u64), 0x70);
    if !main.line.t_plus_zero || !dice.chance(220) {
        return None;
    }
    let tick = price::tick(main.line.class, main.close, day);
    let open = price::to_tick(main.open as f64 * dice.between(0.985, 1.015), tick);
    let trades = 1 + dice.below(3) as i64;
    let last = if trades == 1 { open } else { price::to_tick(open as f64 * dice.between(0.995, 1.005), tick) };
    let mut row = Row {
        series: "T0",
        token: 750_000 + main.token,
        open,
        last,
        high: open.max(last),
        low: open.min(last),
        quantity: trades + dice.below(4) as i64,
        trades,
        ..main.clone()
    };
    settle_turnover(&mut row, &mut dice);
    row.delivered = Some(if dice.chance(800) { row.quantity } else { 0 });
    Some(row)
}
