//! The numbers of a leg: amounts, percentages, ratios, and a change from one face value to another.

use super::token::{Kind, Token};
use super::vocabulary;

/// A number as read: exactly, or not at all.
pub(super) type Read = Option<i64>;

/// The numbers of a leg, scaled by 10^6, in the order of the text. `None` marks a number that cannot be kept exactly.
#[derive(Debug, Default)]
pub(super) struct Quantities {
    /// Amounts in rupees: `rs 5`, `50 paise`, or a lone number beside `per share`.
    pub(super) amounts: Vec<Read>,
    /// Percentages: `50%`.
    pub(super) percents: Vec<Read>,
    /// Ratios `a:b`: received, held.
    pub(super) ratios: Vec<(Read, Read)>,
    /// The amounts around `to`: old, new.
    pub(super) change: Option<(Read, Read)>,
    /// The face value that is mentioned in passing: `of face value rs 10`, `of rs 10 each`.
    pub(super) face_value: Option<Read>,
    /// Whether the first amount stands behind the name of a component, so that it is no total.
    pub(super) first_is_component: bool,
}

/// What role a number of the leg plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Rupees,
    Paise,
    Percent,
    Ratio,
    Ordinal,
    FaceValue,
    Bare,
}

/// Reads the numbers of a leg.
pub(super) fn read(tokens: &[Token<'_>]) -> Quantities {
    let numbers: Vec<(usize, Role)> = tokens
        .iter()
        .enumerate()
        .filter(|(_, token)| token.is_numeric())
        .map(|(position, _)| (position, role(tokens, position)))
        .collect();
    let mut quantities =
        Quantities { ratios: ratios(tokens), change: change(tokens, &numbers), ..Quantities::default() };
    for (position, role) in &numbers {
        let value = tokens[*position].number();
        match role {
            Role::Rupees => quantities.amounts.push(value),
            Role::Paise => quantities.amounts.push(value.and_then(exact_hundredth)),
            Role::Percent => quantities.percents.push(value),
            Role::FaceValue => quantities.face_value = quantities.face_value.or(Some(value)),
            Role::Ratio | Role::Ordinal | Role::Bare => {}
        }
    }
    let mut bare =
        numbers.iter().filter(|(_, role)| *role == Role::Bare).map(|(position, _)| tokens[*position].number());
    if let (Some(only), None) = (bare.next(), bare.next())
        && quantities.amounts.is_empty()
        && is_per_share(tokens)
        && !is_year(only)
    {
        quantities.amounts.push(only);
    }
    let first =
        numbers.iter().find(|(_, role)| matches!(role, Role::Rupees | Role::Paise)).map(|(position, _)| *position);
    quantities.first_is_component = first.is_some_and(|first| tokens[..first].iter().any(vocabulary::is_component));
    quantities
}

fn exact_hundredth(value: i64) -> Option<i64> {
    (value % 100 == 0).then_some(value / 100)
}

fn role(tokens: &[Token<'_>], position: usize) -> Role {
    let after = &tokens[position + 1..];
    let next_is = |kind: Kind| after.first().is_some_and(|token| token.kind == kind);
    let before = tokens[..position].iter().rposition(|token| token.kind != Kind::Mark).map(|index| tokens[index]);
    if next_is(Kind::Colon) || before.is_some_and(|token| token.kind == Kind::Colon) {
        return Role::Ratio;
    }
    if next_is(Kind::Percent) || after.first().is_some_and(|token| token.is("percent") || token.begins("perc")) {
        return Role::Percent;
    }
    if vocabulary::is_ordinal(tokens, position) {
        return Role::Ordinal;
    }
    if after.first().is_some_and(|token| token.begins("pais")) {
        return Role::Paise;
    }
    if is_face_value_mention(tokens, position) {
        return Role::FaceValue;
    }
    if before.is_some_and(|token| token.kind == Kind::Rupees) { Role::Rupees } else { Role::Bare }
}

/// `of face value rs 10`, `fv rs 10`, `rs 10 each`: a mention of the face value, not an amount that is paid.
fn is_face_value_mention(tokens: &[Token<'_>], position: usize) -> bool {
    if tokens.get(position + 1).is_some_and(|token| token.is("each")) {
        return true;
    }
    let mut before = tokens[..position]
        .iter()
        .rev()
        .filter(|token| !matches!(token.kind, Kind::Mark | Kind::Rupees) && !token.is("of"));
    before.next().is_some_and(|token| token.is("fv") || token.begins("valu"))
}

/// Tells whether a lone number is an amount for each share or unit, its currency mark being elsewhere or missing:
/// `Rs Per 0.50 Share`, `1.25 Per Share`.
fn is_per_share(tokens: &[Token<'_>]) -> bool {
    let says_per = tokens.iter().any(|token| token.is("per") || token.is("pr"));
    let says_share = tokens.iter().any(|token| token.begins("sh") || token.begins("unit") || token.is("unt"));
    says_per && says_share
}

/// A whole number that reads as a year is no amount unless a currency mark says so.
fn is_year(value: Read) -> bool {
    value.is_some_and(|value| value % 1_000_000 == 0 && (1990..=2100).contains(&(value / 1_000_000)))
}

/// Ratios `a:b`, and in words `a shares for every b held`.
fn ratios(tokens: &[Token<'_>]) -> Vec<(Read, Read)> {
    let mut ratios = Vec::new();
    for (position, token) in tokens.iter().enumerate() {
        if token.kind == Kind::Colon
            && let [.., left] = &tokens[..position]
            && let Some(right) = tokens.get(position + 1)
        {
            let both = left.is_numeric() && right.is_numeric();
            ratios.push(if both { (left.number(), right.number()) } else { (None, None) });
        }
    }
    if ratios.is_empty() {
        ratios.extend(ratio_in_words(tokens))
    }
    ratios
}

/// Reads `1 equity share for every 2 shares held`: the last number before `for` and the first one after it.
fn ratio_in_words(tokens: &[Token<'_>]) -> Option<(Read, Read)> {
    let middle = tokens.iter().position(|token| token.is("for"))?;
    let is_plain =
        |token: &&Token<'_>| !matches!(token.kind, Kind::Rupees | Kind::Percent | Kind::Separator | Kind::Strange);
    let left = tokens[..middle].iter().rev().take(6).take_while(is_plain).find(|token| token.is_numeric())?;
    let right = tokens[middle + 1..].iter().take(6).take_while(is_plain).find(|token| token.is_numeric())?;
    Some((left.number(), right.number()))
}

/// The two amounts around `to`, the nearest on each side; amounts with a currency mark are preferred to bare numbers.
fn change(tokens: &[Token<'_>], numbers: &[(usize, Role)]) -> Option<(Read, Read)> {
    let middle = tokens.iter().position(|token| token.is("to") || token.is("into"))?;
    let nearest = |wanted: &[Role]| -> Option<(usize, usize)> {
        let is_wanted = |(_, role): &&(usize, Role)| wanted.contains(role);
        let old = numbers.iter().filter(is_wanted).rev().find(|(position, _)| *position < middle)?.0;
        let new = numbers.iter().filter(is_wanted).find(|(position, _)| *position > middle)?.0;
        Some((old, new))
    };
    let with_mark = nearest(&[Role::Rupees, Role::FaceValue]);
    let (old, new) = with_mark.or_else(|| nearest(&[Role::Rupees, Role::FaceValue, Role::Bare]))?;
    Some((tokens[old].number(), tokens[new].number()))
}
