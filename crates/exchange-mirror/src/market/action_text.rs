//! The subjects of filings in the wordings the exchange has used: abbreviated capitals up to about 2012, sentences since.

use super::hash::Dice;
use super::instrument::fixed_day;
use super::scale_events::Kind;

/// Whether a day belongs to the years of abbreviated capitals.
fn is_old_style(day: i32) -> bool {
    day < fixed_day(2012, 1, 1)
}

/// Writes a whole amount of rupees: `Re 1`, `Rs 5`.
fn rupees(amount: u32) -> String {
    if amount == 1 { "Re 1".to_owned() } else { format!("Rs {amount}") }
}

/// Writes an amount in paise without trailing zeros: `0.5`, `12.25`, `7`.
fn plain(paise: i64) -> String {
    let text = format!("{}.{:02}", paise / 100, paise % 100);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Writes an amount in paise with its currency: `Re 0.50`, `Rs 12.50`, `Rs 7`.
fn amount(paise: i64) -> String {
    let word = if paise <= 100 { "Re" } else { "Rs" };
    if paise % 100 == 0 {
        format!("{word} {}", paise / 100)
    } else {
        format!("{word} {}.{:02}", paise / 100, paise % 100)
    }
}

/// Writes the subject of an action that changes the price scale.
pub(crate) fn scale_event(kind: Kind, day: i32, dice: &mut Dice) -> String {
    let old = is_old_style(day);
    let variant = dice.below(4);
    match kind {
        Kind::Split(from, to) => split(from, to, old, variant),
        Kind::Consolidation(from, to) if old => format!("FV CONSOLIDATION FRM RS {from} TO RS {to}"),
        Kind::Consolidation(from, to) => {
            format!("Consolidation Of Equity Shares From {} Per Share To {} Per Share", rupees(from), rupees(to))
        }
        Kind::Bonus(a, b) => match (old, variant) {
            (true, 0) => format!("BONUS- {a}:{b}"),
            (true, _) => format!("BONUS {a}:{b}"),
            (false, 0) => format!(" Bonus {a}:{b}"),
            (false, 1) => format!("Bonus {a} : {b}"),
            (false, 2) => format!("Bonus Shares In The Ratio Of {a}:{b}"),
            (false, _) => format!("Bonus {a}:{b}"),
        },
        Kind::BonusAndSplit((a, b), (from, to)) => match (old, variant) {
            (true, 0) => format!("Fv Spl-Rs{from}tors{to}/Bon-{a}:{b}"),
            (true, _) => format!("BONUS {a}:{b}/FV SPL {from} TO {to}"),
            (false, 0) => format!("Bonus {a}:{b} And Face Value Split From Rs.{from}/- To {}/-", dotted(to)),
            (false, _) => format!("Bonus - {a}:{b} And Face Value Split From Rs. {from} To {}", dotted(to)),
        },
        Kind::Rights(a, b, premium) => match (old, variant) {
            (true, _) => format!("RGHTS {a}:{b}@PRM RS {premium}/-"),
            (false, 0) => format!("Rights {a}:{b} @ Premium Rs.{premium}/- Per Share"),
            (false, _) => format!("Rights {a}:{b} @ Premium Rs {premium}/-"),
        },
    }
}

fn dotted(amount: u32) -> String {
    if amount == 1 { "Re.1".to_owned() } else { format!("Rs.{amount}") }
}

fn split(from: u32, to: u32, old: bool, variant: u64) -> String {
    match (old, variant) {
        (true, 0) => format!("FVSPLT FRM RS {from} TO {}", rupees(to).to_uppercase()),
        (true, 1) => format!("FV SPLIT FRM RS {from} TO {}", rupees(to).to_uppercase()),
        (true, 2) => format!("FVSPLT FRM RS{from} TO RS {to}"),
        (true, _) => format!("Fv Splt Frm Rs {from} To {}", rupees(to)),
        (false, 0) => format!("Face Value Split From Rs.{from}/- To {}/-", dotted(to)),
        (false, _) => {
            format!("Face Value Split (Sub-Division) - From Rs {from}/- Per Share To {}/- Per Share", rupees(to))
        }
    }
}

/// Writes the subject of the yearly dividend with its meeting; `paise` a share, `face` in rupees.
pub(crate) fn final_dividend(paise: i64, face: u32, day: i32, dice: &mut Dice) -> String {
    let variant = dice.below(6);
    if is_old_style(day) {
        return match variant {
            0 => format!("DIVIDEND {}%", plain(paise * 100 / i64::from(face))),
            1 => format!("DIV-{}%", plain(paise * 100 / i64::from(face))),
            _ => format!("AGM/DIV- RS {} PR SH", plain(paise)),
        };
    }
    match variant {
        0 => format!("Dividend - {} Per Share", amount(paise)),
        1 => format!("Annual General Meeting/Dividend {} Per Share", amount(paise)),
        2 => format!("Dividend - {} Per Share/Special Dividend - {} Per Share", amount(paise), amount(paise * 2)),
        3 => format!("Dividend - Rs{} Per Share", plain(paise)),
        _ => format!("Annual General Meeting/Dividend - {} Per Share", amount(paise)),
    }
}

/// Writes the subject of an interim dividend.
pub(crate) fn interim_dividend(paise: i64, day: i32, dice: &mut Dice) -> String {
    let variant = dice.below(5);
    if is_old_style(day) {
        return match variant {
            0 => format!("SPLDIV - RS {} PER SH", plain(paise)),
            _ => format!("INTDIV - RS {} PR SH", plain(paise)),
        };
    }
    match variant {
        0 => format!("Interim Dividend - {}  Per Sh", amount(paise)),
        1 => format!("Interim Dividend {} Per Share (Purpose Revised)", amount(paise)),
        _ => format!("Interim Dividend - {} Per Share", amount(paise)),
    }
}

/// Writes the subject of a trust's distribution; the first amount is the total of the parts.
pub(crate) fn distribution(dice: &mut Dice) -> String {
    let total = 100_000 + dice.below(400_000);
    let interest = total * (50 + dice.below(50)) / 100;
    let rest = total - interest;
    let places = |amount: u64| format!("{}.{:05}", amount / 100_000, amount % 100_000);
    format!(
        "Distribution - Rs {} Per Unit Consisting Of Interest - Rs {} Per Unit/Return Of Capital - Rs {} Per Unit",
        places(total),
        places(interest),
        places(rest)
    )
}

/// Writes the subject of a meeting, by the wording of the day.
pub(crate) fn meeting(day: i32) -> &'static str {
    if is_old_style(day) { "AGM" } else { "Annual General Meeting" }
}

/// Draws the subject of an event that is rare: without effect, of another instrument, or beyond computing.
pub(crate) fn rarity(dice: &mut Dice) -> &'static str {
    dice.pick(&[
        "Buy Back",
        "Buy Back",
        "EGM",
        "Demerger",
        "Scheme Of Arrangement",
        "Composite Scheme Of Arrangement",
        "Scheme Of Amalgamation",
        "Capital Reduction",
        "Scheme Of Arrangement - Bonus Ncrps 4:1",
        "Bonus Debentures 6:1",
        "Rights - 7 Ccps And 7 Warrants:40",
        "Capital Reduction Rs 10 To Rs 3.30 / Consolidation Rs 3.30 To Rs.10",
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_worded_as_the_exchange_does() {
        assert_eq!(amount(50), "Re 0.50");
        assert_eq!(amount(100), "Re 1");
        assert_eq!(amount(1_250), "Rs 12.50");
        assert_eq!(plain(1_250), "12.5");
    }

    #[test]
    fn a_subject_keeps_its_ratio_in_every_wording() {
        for variant in 0..4 {
            for old in [true, false] {
                let text = split(10, 1, old, variant);
                assert!(text.contains("10") && text.to_lowercase().ends_with(['1', '-', 'e']), "{text}");
            }
        }
    }
}
