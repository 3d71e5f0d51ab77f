//! Splits, bonuses, consolidations and rights issues of a share over its life.

use super::action_text;
use super::hash::Dice;
use super::instrument::{Instrument, ScaleEvent};
use super::noise;
use super::sessions::Sessions;

/// The market's events end with the calendar's last year.
const LAST_EVENT: (i32, u32, u32) = (2027, 12, 31);
/// Chance, in thousandths, of each of three events in a life of so many days: about a hundred a year in all.
const EVENTS_PER_MILLE: u64 = 450;
const LIFE_DAYS: u64 = 12_000;
/// Two events of one share are at least this many days apart.
const REST_DAYS: i32 = 300;
/// A price before its events may reach this many rupees, as a power of two, and no more.
const HIGHEST_PRICE_LOG2: f64 = 16.0;
/// Face values a split chooses from.
const FACES: [u32; 4] = [1, 2, 5, 10];

/// What an event does, before its factor is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Face value from, to.
    Split(u32, u32),
    /// New shares for shares held.
    Bonus(u32, u32),
    /// Both at once: bonus ratio, then face value from, to.
    BonusAndSplit((u32, u32), (u32, u32)),
    /// Face value from, to.
    Consolidation(u32, u32),
    /// New shares for shares held at a premium in rupees.
    Rights(u32, u32, u32),
}

/// Draws the events of a share, works out their factors and sets its first face value to the one they begin with.
pub(crate) fn draw(instrument: &mut Instrument, sessions: &Sessions) {
    let mut dice = Dice::new(instrument.key, 0xE7E4);
    let last = super::instrument::fixed_day(LAST_EVENT.0, LAST_EVENT.1, LAST_EVENT.2);
    let mut days: Vec<i32> = Vec::new();
    for _ in 0..3 {
        let span = u64::try_from(last - instrument.listed - REST_DAYS).unwrap_or(0);
        if !dice.chance(EVENTS_PER_MILLE * span / LIFE_DAYS) || span == 0 {
            continue;
        }
        let wanted = instrument.listed + REST_DAYS + dice.below(span) as i32;
        days.extend(sessions.on_or_after(wanted));
    }
    days.sort_unstable();
    days.dedup_by(|later, earlier| *later - *earlier < REST_DAYS);

    let mut face = instrument.face;
    let mut planned = Vec::new();
    for day in days {
        let kind = draw_kind(&mut dice, face);
        let after = match kind {
            Kind::Split(_, to) | Kind::BonusAndSplit(_, (_, to)) | Kind::Consolidation(_, to) => to,
            Kind::Bonus(..) | Kind::Rights(..) => face,
        };
        planned.push((day, kind, (face, after)));
        face = after;
    }
    (instrument.face, instrument.events) = price_backwards(instrument, face, planned, &mut dice);
}

fn draw_kind(dice: &mut Dice, face: u32) -> Kind {
    let bonus = {
        let (a, b) = [(1, 1), (1, 2), (2, 1), (1, 4), (3, 1), (1, 10), (4, 1), (1, 5)][dice.below(8) as usize];
        Kind::Bonus(a, b)
    };
    let smaller: Vec<u32> = FACES.iter().copied().filter(|other| *other < face).collect();
    match dice.below(100) {
        0..45 if !smaller.is_empty() => Kind::Split(face, smaller[dice.below(smaller.len() as u64) as usize]),
        45..50 if !smaller.is_empty() => {
            Kind::BonusAndSplit((1, 1), (face, smaller[dice.below(smaller.len() as u64) as usize]))
        }
        50..55 if face == 1 => Kind::Consolidation(1, 10),
        55..65 => Kind::Rights(1 + dice.below(2) as u32, 2 + dice.below(9) as u32, 0),
        _ => bonus,
    }
}

/// Fixes factors from the latest event to the earliest, because prices stand on the scale of the end: the premium of a
/// rights issue, and so its factor, follows from the price after it. Returns the first face value beside them.
fn price_backwards(
    instrument: &Instrument,
    last_face: u32,
    planned: Vec<(i32, Kind, (u32, u32))>,
    dice: &mut Dice,
) -> (u32, Vec<ScaleEvent>) {
    let mut scale = 1.0;
    let mut first_face = last_face;
    let mut events = Vec::new();
    for (ex_day, kind, face) in planned.into_iter().rev() {
        let after = noise::exp2(instrument.price_log2 + instrument.amplitude * noise::octaves(instrument.key, ex_day));
        let (kind, factor) = settle(kind, after * scale, face.1);
        let highest = noise::exp2(HIGHEST_PRICE_LOG2 - instrument.price_log2);
        // An event that would lift the past beyond what a price can be, or sink it below a tick, did not happen, nor did
        // any before it: face values follow each other without a gap.
        if scale / factor > highest || noise::exp2(instrument.price_log2) * scale / factor < 0.5 {
            break;
        }
        scale /= factor;
        first_face = face.0;
        events.push(ScaleEvent { ex_day, factor, subject: action_text::scale_event(kind, ex_day, dice), face });
    }
    events.reverse();
    (first_face, events)
}

/// Returns the kind with its premium and the factor, for the price right after the event.
fn settle(kind: Kind, price_after: f64, face: u32) -> (Kind, f64) {
    match kind {
        Kind::Split(from, to) | Kind::Consolidation(from, to) => (kind, f64::from(to) / f64::from(from)),
        Kind::Bonus(a, b) => (kind, f64::from(b) / f64::from(a + b)),
        Kind::BonusAndSplit((a, b), (from, to)) => {
            (kind, f64::from(b) / f64::from(a + b) * f64::from(to) / f64::from(from))
        }
        Kind::Rights(a, b, _) => {
            let premium = (price_after * 0.7).floor() as u32;
            let issue = f64::from(premium + face);
            if issue >= price_after {
                return (Kind::Bonus(a, b), f64::from(b) / f64::from(a + b));
            }
            // The price after is the theoretical ex-rights price (b·p + a·i)/(a + b); solved for the cum price p.
            let cum = (f64::from(a + b) * price_after - f64::from(a) * issue) / f64::from(b);
            (Kind::Rights(a, b, premium), price_after / cum)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_follow_the_arithmetic_of_adjustment() {
        assert!((settle(Kind::Split(10, 1), 50.0, 1).1 - 0.1).abs() < 1e-12);
        assert!((settle(Kind::Bonus(1, 2), 50.0, 10).1 - 2.0 / 3.0).abs() < 1e-12);
        assert!((settle(Kind::BonusAndSplit((1, 1), (10, 2)), 50.0, 2).1 - 0.1).abs() < 1e-12);
        let (kind, factor) = settle(Kind::Rights(1, 2, 0), 400.0, 10);
        assert_eq!(kind, Kind::Rights(1, 2, 280));
        let cum = 400.0 / factor;
        assert!((cum - (3.0 * 400.0 - 290.0) / 2.0).abs() < 1e-9);
    }
}
