//! Which words announce which action. Stems, because filings abbreviate and misspell.

use super::token::{Kind, Token};

/// What a word or pair of words announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Head {
    /// Face value split.
    Split,
    /// Face value consolidation.
    Consolidation,
    /// Face value change of unnamed direction.
    FaceValue,
    /// Bonus issue.
    Bonus,
    /// Rights issue.
    Rights,
    /// Dividend of any kind.
    Dividend,
    /// Distribution of a trust.
    Distribution,
    /// Interest and redemption.
    Redemption,
    /// A scheme, demerger or reduction, without a computable ratio.
    Unquantified,
    /// Meetings, buy-backs and the like.
    Inert,
}

impl Head {
    /// Tells whether the head announces something that moves the price by a quantity of its own.
    pub(super) const fn has_quantity(self) -> bool {
        match self {
            Self::Split
            | Self::Consolidation
            | Self::FaceValue
            | Self::Bonus
            | Self::Rights
            | Self::Dividend
            | Self::Distribution => true,
            Self::Redemption | Self::Unquantified | Self::Inert => false,
        }
    }

    /// Tells whether the head can be a component of a trust's distribution.
    pub(super) const fn is_component(self) -> bool {
        match self {
            Self::Dividend | Self::Distribution | Self::Redemption => true,
            Self::Split
            | Self::Consolidation
            | Self::FaceValue
            | Self::Bonus
            | Self::Rights
            | Self::Unquantified
            | Self::Inert => false,
        }
    }
}

/// Returns what the word at a position announces, looking at its neighbours where the word alone is not enough.
pub(super) fn head(tokens: &[Token<'_>], position: usize) -> Option<Head> {
    let token = tokens.get(position)?;
    if token.kind != Kind::Word {
        return None;
    }
    let next = |offset: usize| next_word(tokens, position, offset);
    let follows = |stem: &str| next(1).is_some_and(|word| word.starts_with(stem));
    match token.text {
        "bon" => return Some(Head::Bonus),
        "split" | "splt" => return Some(Head::Split),
        "spl" if !is_special(tokens, position) => return Some(Head::Split),
        "sub" if follows("divis") => return Some(Head::Split),
        "fv" => return Some(Head::FaceValue),
        "face" if follows("val") => return Some(Head::FaceValue),
        "div" | "divs" | "divd" | "dvd" | "dvdnd" | "divnd" => return Some(Head::Dividend),
        "int" if follows("pay") || follows("pmt") || follows("pymt") => return Some(Head::Redemption),
        "de" if follows("merge") => return Some(Head::Unquantified),
        "spin" | "hive" if follows("off") => return Some(Head::Unquantified),
        "capital" if follows("red") => return Some(Head::Unquantified),
        "reduction" if (1..5).any(|offset| next(offset) == Some("capital")) => return Some(Head::Unquantified),
        "resolution" if follows("plan") => return Some(Head::Unquantified),
        "buy" if follows("back") => return Some(Head::Inert),
        "annual" if follows("gen") => return Some(Head::Inert),
        "book" if follows("clos") => return Some(Head::Inert),
        "open" if follows("offer") => return Some(Head::Inert),
        "postal" if follows("ballot") => return Some(Head::Inert),
        "court" if follows("conv") => return Some(Head::Inert),
        "agm" | "egm" | "eogm" | "ccm" | "stp" => return Some(Head::Inert),
        "right" | "rights" | "rghts" | "rght" | "rgts" => return Some(Head::Rights),
        _ => {}
    }
    STEMS.iter().find(|(stem, _)| token.text.starts_with(stem)).map(|(_, head)| *head)
}

/// Stems long enough to be taken alone.
const STEMS: &[(&str, Head)] = &[
    ("dividen", Head::Dividend),
    ("divident", Head::Dividend),
    ("dividned", Head::Dividend),
    ("devidend", Head::Dividend),
    ("distribut", Head::Distribution),
    ("distrib", Head::Distribution),
    ("distrtn", Head::Distribution),
    ("distrbtn", Head::Distribution),
    ("bonus", Head::Bonus),
    ("split", Head::Split),
    ("subdiv", Head::Split),
    ("consol", Head::Consolidation),
    ("redem", Head::Redemption),
    ("redmp", Head::Redemption),
    ("partred", Head::Redemption),
    ("interest", Head::Redemption),
    ("intrst", Head::Redemption),
    ("demerge", Head::Unquantified),
    ("merge", Head::Unquantified),
    ("amalgam", Head::Unquantified),
    ("scheme", Head::Unquantified),
    ("arrangement", Head::Unquantified),
    ("arrangment", Head::Unquantified),
    ("restructur", Head::Unquantified),
    ("spinoff", Head::Unquantified),
    ("hiveoff", Head::Unquantified),
    ("buyback", Head::Inert),
    ("meeting", Head::Inert),
];

/// `spl` is *special* before a dividend or an amount of its own, and *split* after a face value or before `10 to 2`.
fn is_special(tokens: &[Token<'_>], position: usize) -> bool {
    if position > 0 && (tokens[position - 1].is("fv") || tokens[position - 1].begins("val")) {
        return false;
    }
    let mut following = tokens[position + 1..].iter().take(12).take_while(|token| token.kind != Kind::Separator);
    !following.any(|token| token.is("to"))
}

/// Returns the n-th word after a position, looking past marks (`sub-division`, `buy-back`).
fn next_word<'a>(tokens: &[Token<'a>], position: usize, count: usize) -> Option<&'a str> {
    let mut following = tokens[position + 1..].iter().filter(|token| token.kind != Kind::Mark);
    let token = following.nth(count - 1)?;
    (token.kind == Kind::Word).then_some(token.text)
}

/// Stems of instruments other than the share: a bonus of them is no bonus (`ncrps`, `ncd`, ...).
const OTHER_INSTRUMENTS: &[&str] = &[
    "ncrp", "ncd", "nccp", "ccp", "ccrp", "ccd", "fcd", "fccd", "pcd", "ocd", "ocp", "ocrp", "crp", "rps", "deben",
    "prefer", "pref", "dvr", "warrant", "bond",
];

/// Tells whether a token names an instrument other than the ordinary share.
pub(super) fn is_other_instrument(token: &Token<'_>) -> bool {
    OTHER_INSTRUMENTS.iter().any(|stem| token.begins(stem))
}

/// Tells whether a token only qualifies a dividend: interim, final, special, first, 2nd.
pub(super) fn is_modifier(token: &Token<'_>) -> bool {
    const WORDS: &[&str] = &[
        "interim", "int", "final", "fin", "finl", "special", "spl", "spcl", "first", "second", "third", "fourth",
        "fifth", "st", "nd", "rd", "th", "annual", "one", "time",
    ];
    token.kind == Kind::Word && WORDS.contains(&token.text)
}

/// Tells whether a token says nothing about what happens: units, remarks about the filing itself.
pub(super) fn is_remark(token: &Token<'_>) -> bool {
    const WORDS: &[&str] = &[
        "per",
        "pr",
        "p",
        "share",
        "shares",
        "shr",
        "sh",
        "unit",
        "units",
        "unt",
        "each",
        "only",
        "equity",
        "eq",
        "purpose",
        "revised",
        "rev",
        "changed",
        "change",
        "date",
        "ex",
        "record",
        "fully",
        "paid",
        "up",
        "subject",
        "to",
        "approval",
        "of",
        "shareholders",
        "members",
        "the",
        "in",
        "at",
    ];
    match token.kind {
        Kind::Mark => true,
        Kind::Word => WORDS.contains(&token.text),
        Kind::Rupees
        | Kind::Number(_)
        | Kind::BadNumber(_)
        | Kind::Colon
        | Kind::Percent
        | Kind::Separator
        | Kind::Strange => false,
    }
}

/// Tells whether what follows a token takes apart the amount that stands before it: the first amount is the total.
pub(super) fn begins_composition(token: &Token<'_>) -> bool {
    ["consist", "compris", "includ", "inclusive", "incl", "being", "viz"].iter().any(|stem| token.begins(stem))
}

/// Tells whether a token names a part of a distribution, so that the amount behind it is no total.
pub(super) fn is_component(token: &Token<'_>) -> bool {
    ["interest", "dividend", "principal", "capital", "repay", "return", "income", "treasury"]
        .iter()
        .any(|stem| token.begins(stem))
}

/// Tells whether a number is an ordinal: `2nd`, written `2 nd` once normalised.
pub(super) fn is_ordinal(tokens: &[Token<'_>], position: usize) -> bool {
    tokens.get(position + 1).is_some_and(|next| ["st", "nd", "rd", "th"].iter().any(|ending| next.is(ending)))
}
