//! One leg understood as exactly one action, or named as not understood.

use std::ops::Range;

use champion_market_data::corporate_action::ActionType;

use super::concern::Concern;
use super::legs::Words;
use super::quantity::{self, Quantities, Read};
use super::token::{Kind, Token};
use super::vocabulary::{self, Head};

/// 1 in the scale of the amounts, 10^6.
pub(super) const ONE: i64 = 1_000_000;

/// What a leg was understood as. Numbers are scaled by 10^6.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Understood {
    pub(super) action: ActionType,
    /// Received and held, or new and old face value.
    pub(super) ratio: Option<(i64, i64)>,
    pub(super) amount: Option<i64>,
    pub(super) percent: Option<i64>,
    pub(super) concern: Option<Concern>,
}

impl Understood {
    fn plain(action: ActionType) -> Self {
        Self { action, ratio: None, amount: None, percent: None, concern: None }
    }

    fn because(action: ActionType, concern: Concern) -> Self {
        Self { concern: Some(concern), ..Self::plain(action) }
    }
}

/// Classifies one leg.
///
/// The order of the questions is part of the rules: other instruments before bonus, redemption before split, a trust's
/// distribution (whose components include interest) before both.
pub(super) fn classify(words: &Words<'_>, leg: &Range<usize>) -> Understood {
    let tokens = &words.tokens[leg.clone()];
    let announces = |wanted: Head| words.heads(leg).any(|head| head == wanted);
    let names_other = tokens.iter().any(vocabulary::is_other_instrument);
    if tokens.iter().any(|token| token.kind == Kind::Strange) {
        return Understood::because(ActionType::Unknown, Concern::StrangeCharacter);
    }
    if announces(Head::Bonus) && names_other {
        return Understood::because(ActionType::NonEquityBonus, Concern::NonEquityBonus);
    }
    let quantities = quantity::read(tokens);
    if announces(Head::Distribution) {
        return distribution(&quantities);
    }
    let mut kinds: Vec<Head> = words.heads(leg).filter(|head| head.has_quantity()).collect();
    kinds.dedup();
    if announces(Head::Redemption) {
        let mixed = kinds.iter().any(|kind| matches!(kind, Head::Bonus | Head::Rights | Head::Dividend));
        return if mixed {
            Understood::because(ActionType::Unknown, Concern::MixedActions)
        } else {
            Understood::plain(ActionType::Inert)
        };
    }
    if announces(Head::Unquantified) {
        return Understood::because(ActionType::Unquantified, Concern::Unquantified);
    }
    // `face value` beside `split` names the same thing.
    if kinds.iter().any(|kind| matches!(kind, Head::Split | Head::Consolidation)) {
        kinds.retain(|kind| *kind != Head::FaceValue);
        kinds.dedup();
    }
    match kinds.as_slice() {
        [Head::Split] => face_value_change(ActionType::Split, &quantities),
        [Head::Consolidation] => face_value_change(ActionType::Consolidation, &quantities),
        [Head::FaceValue] => unnamed_face_value_change(&quantities),
        [Head::Bonus] => bonus(&quantities),
        [Head::Rights] => rights(tokens, &quantities, names_other),
        [Head::Dividend] => dividend(words, leg, &quantities, names_other),
        [] if announces(Head::Inert) => Understood::plain(ActionType::Inert),
        [] if is_bare_dividend(tokens, &quantities) => dividend(words, leg, &quantities, names_other),
        [] => Understood::because(ActionType::Unknown, Concern::NotUnderstood),
        _ => Understood::because(ActionType::Unknown, Concern::MixedActions),
    }
}

/// `Spl Rs 0.50`: a qualifier of dividends with an amount and nothing else.
fn is_bare_dividend(tokens: &[Token<'_>], quantities: &Quantities) -> bool {
    let known = |token: &Token<'_>| {
        vocabulary::is_modifier(token)
            || vocabulary::is_remark(token)
            || token.is_numeric()
            || matches!(token.kind, Kind::Rupees | Kind::Percent)
    };
    (!quantities.amounts.is_empty() || !quantities.percents.is_empty())
        && tokens.iter().any(vocabulary::is_modifier)
        && tokens.iter().all(known)
}

/// Old and new must both be above 0 and differ; *split* means downwards, *consolidation* upwards.
fn face_value_change(action: ActionType, quantities: &Quantities) -> Understood {
    let Some((old, new)) = quantities.change else {
        return Understood::because(action, Concern::RatioMissing);
    };
    let (Some(old), Some(new)) = (old, new) else {
        return Understood::because(action, Concern::NotExact);
    };
    let agrees = match action {
        ActionType::Split => new < old,
        ActionType::Consolidation => new > old,
        ActionType::Bonus
        | ActionType::NonEquityBonus
        | ActionType::Dividend
        | ActionType::Distribution
        | ActionType::Rights
        | ActionType::Inert
        | ActionType::Unquantified
        | ActionType::Unknown => false,
    };
    if old <= 0 || new <= 0 || !agrees {
        return Understood::because(action, Concern::FaceValuesContradict);
    }
    Understood { ratio: Some((new, old)), ..Understood::plain(action) }
}

/// `Face Value From Rs 10 To Rs 5` does not say whether capital was reduced with it.
fn unnamed_face_value_change(quantities: &Quantities) -> Understood {
    let action = match quantities.change {
        Some((Some(old), Some(new))) if new < old => ActionType::Split,
        Some((Some(old), Some(new))) if new > old => ActionType::Consolidation,
        _ => return Understood::because(ActionType::Unknown, Concern::NotUnderstood),
    };
    let understood = face_value_change(action, quantities);
    Understood { concern: understood.concern.or(Some(Concern::DirectionNotNamed)), ..understood }
}

/// `a:b` means a new for b held. Outside 1:10,000 to 100:1 a person looks.
fn bonus(quantities: &Quantities) -> Understood {
    let (ratio, concern) = only_ratio(quantities);
    let implausible = ratio.is_some_and(|(new, old)| {
        let (new, old) = (i128::from(new), i128::from(old));
        new > 100 * old || old > 10_000 * new
    });
    let concern = concern.or(implausible.then_some(Concern::RatioOutOfRange));
    Understood { ratio, concern, ..Understood::plain(ActionType::Bonus) }
}

fn only_ratio(quantities: &Quantities) -> (Option<(i64, i64)>, Option<Concern>) {
    match quantities.ratios.as_slice() {
        [] => (None, Some(Concern::RatioMissing)),
        [(Some(new), Some(old))] if *new > 0 && *old > 0 => (Some((*new, *old)), None),
        [(Some(_), Some(_))] => (None, Some(Concern::RatioOutOfRange)),
        [_] => (None, Some(Concern::NotExact)),
        [..] => (None, Some(Concern::SeveralRatios)),
    }
}

/// `a:b @ premium p`: the issue price is the face value plus the premium.
fn rights(tokens: &[Token<'_>], quantities: &Quantities, names_other: bool) -> Understood {
    if names_other {
        return Understood::because(ActionType::Unquantified, Concern::OtherInstrument);
    }
    let (ratio, concern) = only_ratio(quantities);
    let says_premium = tokens.iter().any(|token| token.begins("prem") || token.begins("prm"));
    let at_par = tokens.iter().any(|token| token.is("par"));
    let (amount, missing) = match quantities.amounts.as_slice() {
        [] if at_par => (Some(0), None),
        [] => (None, Some(Concern::PremiumMissing)),
        [None] => (None, Some(Concern::NotExact)),
        [Some(premium)] if says_premium => (Some(*premium), None),
        [Some(_)] => (None, Some(Concern::PremiumMissing)),
        [..] => (None, Some(Concern::SeveralAmounts)),
    };
    Understood { ratio, amount, concern: concern.or(missing), ..Understood::plain(ActionType::Rights) }
}

/// The first amount is the total; the components that follow are not added.
fn distribution(quantities: &Quantities) -> Understood {
    let several = quantities.amounts.len() > 1;
    let total = if several && quantities.first_is_component { Err(Concern::TotalNotStated) } else { first(quantities) };
    match total {
        Ok(amount) => Understood { amount: Some(amount), ..Understood::plain(ActionType::Distribution) },
        Err(concern) => Understood::because(ActionType::Distribution, concern),
    }
}

fn dividend(words: &Words<'_>, leg: &Range<usize>, quantities: &Quantities, names_other: bool) -> Understood {
    let composed = words.is_composed(leg);
    let amount = match (quantities.amounts.as_slice(), quantities.percents.as_slice()) {
        ([], [Some(_)]) => Ok(None),
        ([], [None]) => Err(Concern::NotExact),
        ([], [_, _, ..]) => Err(Concern::SeveralAmounts),
        ([_], [] | [_]) => first(quantities).map(Some),
        ([_, _, ..], _) if composed => first(quantities).map(Some),
        ([], []) => Err(Concern::AmountMissing),
        _ => Err(Concern::SeveralAmounts),
    };
    let percent = match quantities.percents.as_slice() {
        [percent] => *percent,
        _ => None,
    };
    let zero = (amount == Ok(Some(0)) || percent == Some(0)).then_some(Concern::AmountMissing);
    let other = names_other.then_some(Concern::OtherInstrument);
    let concern = amount.err().or(zero).or(other);
    Understood { amount: amount.ok().flatten(), percent, concern, ..Understood::plain(ActionType::Dividend) }
}

fn first(quantities: &Quantities) -> Result<i64, Concern> {
    let first: Option<&Read> = quantities.amounts.first();
    match first {
        None => Err(Concern::AmountMissing),
        Some(None) => Err(Concern::NotExact),
        Some(Some(0)) => Err(Concern::AmountMissing),
        Some(Some(amount)) => Ok(*amount),
    }
}
