//! The text cut into legs: one announcement each.
//!
//! Separators are `/`, ` and `, ` & `, `+` and `;`, but not every one of them parts two announcements: a trust prints
//! the components of its distribution with slashes, and `Rights - 7 Ccps And 7 Warrants:40` is one offer. A piece that
//! announces nothing of its own is joined to its neighbour only where the rules below say so; else it becomes a leg of
//! its own that nothing understands, and the filing goes to review.

use std::ops::Range;

use super::quantity::{self, Quantities};
use super::token::{Kind, Token};
use super::vocabulary::{self, Head};

/// More pieces than this are no filing: the longest real one, a trust's distribution, has seven.
const MOST_PIECES: usize = 24;
/// More announcements in one leg than this are not told apart.
const MOST_HEADS: usize = 16;

/// The tokens of a text and what each of them announces.
pub(super) struct Words<'a> {
    /// The tokens.
    pub(super) tokens: &'a [Token<'a>],
    heads: Vec<Option<Head>>,
}

impl<'a> Words<'a> {
    /// Looks every token up in the vocabulary.
    pub(super) fn new(tokens: &'a [Token<'a>]) -> Self {
        Self { tokens, heads: (0..tokens.len()).map(|position| vocabulary::head(tokens, position)).collect() }
    }

    /// Iterates over what a range announces.
    pub(super) fn heads(&self, range: &Range<usize>) -> impl Iterator<Item = Head> {
        self.heads[range.clone()].iter().copied().flatten()
    }

    /// Cuts the tokens into legs: ranges of tokens, in order. `None` if there are more pieces than any filing has.
    pub(super) fn legs(&self) -> Option<Vec<Range<usize>>> {
        let pieces = self.pieces();
        if pieces.len() > MOST_PIECES {
            return None;
        }
        Some(self.join(pieces).into_iter().flat_map(|leg| self.cut_before_heads(leg)).collect())
    }

    /// Returns the pieces between separators outside parentheses; those without any word or number fall away.
    fn pieces(&self) -> Vec<Range<usize>> {
        let mut pieces = Vec::new();
        let mut start = 0;
        for (position, token) in self.tokens.iter().enumerate() {
            if token.kind == Kind::Separator && token.depth == 0 {
                pieces.push(start..position);
                start = position + 1;
            }
        }
        pieces.push(start..self.tokens.len());
        pieces.retain(|piece| self.tokens[piece.clone()].iter().any(|token| token.kind != Kind::Mark));
        pieces
    }

    /// Joins pieces that belong together.
    fn join(&self, pieces: Vec<Range<usize>>) -> Vec<Range<usize>> {
        let mut legs: Vec<Range<usize>> = Vec::new();
        // Where a leg begins that so far holds qualifiers only: `Interim` of `Interim/Special Dividend`.
        let mut waiting: Option<usize> = None;
        let last = pieces.len().saturating_sub(1);
        for (ordinal, piece) in pieces.into_iter().enumerate() {
            if ordinal < last && self.is_qualifier(&piece) {
                waiting = waiting.or(Some(piece.start));
                continue;
            }
            match legs.last_mut() {
                Some(leg) if waiting.is_none() && self.continues(leg, &piece) => leg.end = piece.end,
                _ => legs.push(waiting.take().unwrap_or(piece.start)..piece.end),
            }
        }
        legs
    }

    /// Tells whether a piece only qualifies what follows: `interim`, `2 nd`.
    fn is_qualifier(&self, piece: &Range<usize>) -> bool {
        let is_part = |position: usize| {
            let token = &self.tokens[position];
            token.kind == Kind::Mark
                || vocabulary::is_modifier(token)
                || (token.is_numeric() && vocabulary::is_ordinal(self.tokens, position))
        };
        self.heads(piece).next().is_none() && piece.clone().all(is_part)
    }

    /// Tells whether a piece goes on with what the leg before it announces.
    fn continues(&self, leg: &Range<usize>, piece: &Range<usize>) -> bool {
        let words = &self.tokens[piece.clone()];
        if words.iter().all(vocabulary::is_remark) {
            return true;
        }
        if self.is_composed(leg) {
            return self.heads(piece).all(Head::is_component);
        }
        let of_other_instruments = self.heads(leg).any(|head| matches!(head, Head::Bonus | Head::Rights))
            && self.tokens[leg.clone()].iter().any(vocabulary::is_other_instrument);
        of_other_instruments && self.heads(piece).next().is_none() && words.iter().any(vocabulary::is_other_instrument)
    }

    /// Tells whether a leg's first amount is a total that the rest takes apart: any distribution, and a dividend that
    /// says so (`consisting of`).
    pub(super) fn is_composed(&self, leg: &Range<usize>) -> bool {
        self.heads(leg).any(|head| head == Head::Distribution)
            || (self.heads(leg).any(|head| head == Head::Dividend)
                && self.tokens[leg.clone()].iter().any(vocabulary::begins_composition))
    }

    /// Cuts a leg that announces several things without a separator, `Interim Dividend - Rs 12 Per Share Special
    /// Dividend - Rs 6 Per Share`: before each announcement if each has a quantity of its own. Else the leg stays whole
    /// and will not be understood.
    fn cut_before_heads(&self, leg: Range<usize>) -> Vec<Range<usize>> {
        if self.is_composed(&leg) {
            return vec![leg];
        }
        let announces = |position: &usize| {
            self.heads[*position].is_some_and(Head::has_quantity) && self.tokens[*position].depth == 0
        };
        let announcements: Vec<usize> = leg.clone().filter(announces).collect();
        if announcements.len() < 2 || announcements.len() > MOST_HEADS {
            return vec![leg];
        }
        let mut parts: Vec<Range<usize>> = vec![leg.clone()];
        for position in announcements {
            let Some(part) = parts.last_mut() else { continue };
            let start = self.first_qualifier(&leg, position);
            // The words of one announcement (`face value split`) stand together: no cut before a quantity is seen.
            if start > part.start && self.has_quantity(&(part.start..start)) {
                part.end = start;
                parts.push(start..leg.end);
            }
        }
        if parts.iter().all(|part| self.has_quantity(part)) { parts } else { vec![leg] }
    }

    fn has_quantity(&self, part: &Range<usize>) -> bool {
        let Quantities { amounts, percents, ratios, change, .. } = quantity::read(&self.tokens[part.clone()]);
        !amounts.is_empty() || !percents.is_empty() || !ratios.is_empty() || change.is_some()
    }

    /// Returns where the announcement at a position begins, qualifiers included: `2 nd interim` before `dividend`.
    fn first_qualifier(&self, leg: &Range<usize>, position: usize) -> usize {
        let mut start = position;
        while start > leg.start {
            let before = start - 1;
            if !vocabulary::is_modifier(&self.tokens[before]) && !vocabulary::is_ordinal(self.tokens, before) {
                break;
            }
            start = before;
        }
        start
    }
}
