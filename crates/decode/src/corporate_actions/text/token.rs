//! The normalised text as tokens, each with its place in the text and its depth in parentheses.

use champion_market_data::number::{AMOUNT_SCALE, NumberError, parse_decimal};

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A word of letters.
    Word,
    /// `rs`, the one spelling of the currency.
    Rupees,
    /// A number that can be kept exactly, scaled by 10^6.
    Number(i64),
    /// A number that cannot: too many decimal places, too large, or oddly written.
    BadNumber(NumberError),
    /// `:` between two numbers of a ratio.
    Colon,
    /// `%`.
    Percent,
    /// `/`, `&`, `+`, `;` or the word `and`.
    Separator,
    /// A mark that carries no meaning: dashes, brackets, commas, dots, `@`.
    Mark,
    /// A character no rule knows.
    Strange,
}

/// One token.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token<'a> {
    /// What it is.
    pub(super) kind: Kind,
    /// As written in the normalised text.
    pub(super) text: &'a str,
    /// Where it begins in the normalised text, in bytes.
    pub(super) start: usize,
    /// How many parentheses are open around it.
    pub(super) depth: usize,
}

impl Token<'_> {
    /// Returns the byte after the token.
    pub(super) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Tells whether the token is this word.
    pub(super) fn is(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text == word
    }

    /// Tells whether the token is a word that begins so.
    pub(super) fn begins(&self, stem: &str) -> bool {
        self.kind == Kind::Word && self.text.starts_with(stem)
    }

    /// Returns the number the token is, scaled by 10^6.
    pub(super) fn number(&self) -> Option<i64> {
        match self.kind {
            Kind::Number(value) => Some(value),
            Kind::Word
            | Kind::Rupees
            | Kind::BadNumber(_)
            | Kind::Colon
            | Kind::Percent
            | Kind::Separator
            | Kind::Mark
            | Kind::Strange => None,
        }
    }

    /// Tells whether the token is a number of either kind.
    pub(super) fn is_numeric(&self) -> bool {
        matches!(self.kind, Kind::Number(_) | Kind::BadNumber(_))
    }
}

/// Cuts the normalised text into tokens; blanks fall away.
pub(super) fn tokenise(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut depth = 0_usize;
    let mut start = 0;
    while let Some(first) = text[start..].chars().next() {
        let rest = &text[start..];
        if first == ' ' {
            start += 1;
            continue;
        }
        let (kind, length) = match first {
            'a'..='z' => word(rest),
            '0'..='9' => number(rest),
            '.' if rest[1..].starts_with(|next: char| next.is_ascii_digit()) => number(rest),
            ':' => (Kind::Colon, 1),
            '%' => (Kind::Percent, 1),
            '/' | '&' | '+' | ';' => (Kind::Separator, 1),
            '(' | ')' | '[' | ']' | '{' | '}' | '-' | ',' | '.' | '@' | '\'' | '"' | '*' | '_' | '=' | '#' | '!'
            | '?' | '|' | '\\' => (Kind::Mark, 1),
            quote @ ('\u{2018}' | '\u{2019}' | '\u{201c}' | '\u{201d}') => (Kind::Mark, quote.len_utf8()),
            strange => (Kind::Strange, strange.len_utf8()),
        };
        match first {
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        tokens.push(Token { kind, text: &rest[..length], start, depth });
        if matches!(first, '(' | '[' | '{') {
            depth += 1;
        }
        start += length;
    }
    tokens
}

fn word(rest: &str) -> (Kind, usize) {
    let length = rest.find(|character: char| !character.is_ascii_lowercase()).unwrap_or(rest.len());
    let kind = match &rest[..length] {
        "rs" => Kind::Rupees,
        "and" => Kind::Separator,
        _ => Kind::Word,
    };
    (kind, length)
}

/// Reads `12`, `12.5`, `.75`, `1,250`, `1,25,000`. A dot at the end belongs to the sentence.
fn number(rest: &str) -> (Kind, usize) {
    let length = rest.find(|character: char| !matches!(character, '0'..='9' | '.' | ',')).unwrap_or(rest.len());
    let written = rest[..length].trim_end_matches(['.', ',']);
    let (whole, places) = written.split_once('.').unwrap_or((written, ""));
    if !whole.contains(',') && !places.contains(',') {
        return (read(written), written.len());
    }
    if is_grouped(whole) && !places.contains(',') {
        return (read(&written.replace(',', "")), written.len());
    }
    // A list such as `5,10` is two numbers.
    let first = written.split(',').next().unwrap_or(written);
    (read(first), first.len())
}

fn read(written: &str) -> Kind {
    match parse_decimal(written.as_bytes(), AMOUNT_SCALE) {
        Ok(value) => Kind::Number(value),
        Err(reason) => Kind::BadNumber(reason),
    }
}

/// Tells whether the commas group digits as `1,250` or, the Indian way, `1,25,000`: three in the last group, two or
/// three in those between, one to three in the first.
fn is_grouped(whole: &str) -> bool {
    let groups: Vec<&str> = whole.split(',').collect();
    let [first, between @ .., last] = groups.as_slice() else { return false };
    !between.iter().any(|group| !matches!(group.len(), 2 | 3)) && matches!(first.len(), 1..=3) && last.len() == 3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(text: &str) -> Vec<Option<i64>> {
        tokenise(text).iter().filter(|token| token.is_numeric()).map(Token::number).collect()
    }

    #[test]
    fn numbers_are_read_exactly_and_grouped_ones_whole() {
        assert_eq!(numbers("rs 2.81909"), [Some(2_819_090)]);
        assert_eq!(numbers("rs 1,250.50 to rs 1,25,000"), [Some(1_250_500_000), Some(125_000_000_000)]);
        assert_eq!(numbers("5,10"), [Some(5_000_000), Some(10_000_000)]);
        assert_eq!(numbers("rs 5. rs .75"), [Some(5_000_000), Some(750_000)]);
    }

    #[test]
    fn a_number_that_cannot_be_kept_exactly_is_named_so() {
        assert_eq!(numbers("rs 0.1234567"), [None]);
        assert_eq!(numbers("rs 1.2.3"), [None]);
        assert_eq!(numbers("99999999999999999999"), [None]);
    }
}
