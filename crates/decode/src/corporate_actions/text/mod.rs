//! The free text of a filing, read into legs.
//!
//! About 42,000 actions of 25 years come in some 2,300 shapes, most of them seen once, so the reader works by words and
//! numbers instead of a pattern for each shape, and what it does not understand it says so: a leg is exactly one action
//! of the closed set, and one leg in doubt sends the whole filing to review. No shape gives a ratio of 1 in silence.
//!
//! Time is linear in the length of the text; there is no backtracking and no recursion.

mod classify;
mod concern;
mod legs;
mod normalise;
mod quantity;
mod token;
mod vocabulary;

use std::collections::BTreeSet;

use champion_market_data::corporate_action::ActionType;

use self::classify::{ONE, Understood, classify};
pub(crate) use self::concern::Concern;
use self::legs::Words;
use self::normalise::normalise;
use self::token::tokenise;

/// Most bytes of a text that is taken apart; the longest real ones have 300.
pub(crate) const MOST_BYTES: usize = 1024;
/// Most legs of a filing; the most seen is 4.
const MOST_LEGS: usize = 16;

/// One announcement of a filing. Numbers are scaled by 10^6.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Leg {
    /// The part of the text it was read from, normalised.
    pub(crate) text: String,
    /// What it announces.
    pub(crate) action: ActionType,
    /// New and old face value, or shares received and held.
    pub(crate) ratio: Option<(i64, i64)>,
    /// Rupees a share or unit; for rights the premium.
    pub(crate) amount: Option<i64>,
    /// Dividend in percent of the face value before the ex-date.
    pub(crate) percent: Option<i64>,
}

/// A filing's text, understood as far as it can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reading {
    /// The legs in the order of the text; at least one.
    pub(crate) legs: Vec<Leg>,
    /// Why a person must read it; empty if nobody must. One leg in doubt puts the whole filing in doubt.
    pub(crate) concerns: BTreeSet<Concern>,
}

/// Reads a text. `face_value` is the filed one, scaled by 10^6; a dividend in percent is taken of the face value before
/// the ex-date, which is the old one of a split in the same filing and the filed one otherwise.
pub(crate) fn read(text: &str, face_value: Option<i64>) -> Reading {
    if text.len() > MOST_BYTES {
        let shown = text.chars().take(MOST_BYTES / 4).collect::<String>();
        return unread(normalise(&shown), Concern::TooLong);
    }
    let normalised = normalise(text);
    let tokens = tokenise(&normalised);
    let words = Words::new(&tokens);
    let legs = match words.legs() {
        Some(legs) if legs.is_empty() => return unread(normalised, Concern::NotUnderstood),
        Some(legs) if legs.len() <= MOST_LEGS => legs,
        _ => return unread(normalised, Concern::TooLong),
    };
    let mut understood: Vec<Understood> = legs.iter().map(|leg| classify(&words, leg)).collect();
    fill_percent_amounts(&mut understood, face_value);
    let concerns = understood.iter().filter_map(|leg| leg.concern).collect();
    let texts = legs.iter().map(|leg| {
        let slice = &tokens[leg.clone()];
        let (start, end) = (slice.first().map_or(0, |token| token.start), slice.last().map_or(0, |token| token.end()));
        normalised[start..end].to_owned()
    });
    let legs = texts
        .zip(understood)
        .map(|(text, Understood { action, ratio, amount, percent, concern: _ })| Leg {
            text,
            action,
            ratio,
            amount,
            percent,
        })
        .collect();
    Reading { legs, concerns }
}

fn unread(text: String, concern: Concern) -> Reading {
    let leg = Leg { text, action: ActionType::Unknown, ratio: None, amount: None, percent: None };
    Reading { legs: vec![leg], concerns: BTreeSet::from([concern]) }
}

/// Turns percentages into rupees where that is exact.
fn fill_percent_amounts(legs: &mut [Understood], filed: Option<i64>) {
    let before = legs
        .iter()
        .find(|leg| matches!(leg.action, ActionType::Split | ActionType::Consolidation))
        .and_then(|leg| leg.ratio)
        .map(|(_, old)| old);
    let face_value = before.or(filed).filter(|value| *value > 0);
    for leg in legs.iter_mut().filter(|leg| leg.action == ActionType::Dividend && leg.amount.is_none()) {
        let Some(percent) = leg.percent else { continue };
        let Some(face_value) = face_value else {
            leg.concern = leg.concern.or(Some(Concern::FaceValueUnknown));
            continue;
        };
        let hundredfold = i128::from(percent) * i128::from(face_value);
        let unit = i128::from(ONE) * 100;
        match i64::try_from(hundredfold / unit) {
            Ok(amount) if hundredfold % unit == 0 => leg.amount = Some(amount),
            _ => leg.concern = leg.concern.or(Some(Concern::NotExact)),
        }
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
