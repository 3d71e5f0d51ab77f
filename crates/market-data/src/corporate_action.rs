//! The closed set of corporate-action types (domain §10).

use crate::closed_set::closed_set;

closed_set! {
    /// What one leg of a corporate-action filing announces.
    ActionType, "action type" {
        /// Face value split: the new face value is below the old one.
        Split => "split",
        /// Consolidation: the new face value is above the old one.
        Consolidation => "consolidation",
        /// Bonus shares of the same class, a new for b held.
        Bonus => "bonus",
        /// Bonus of another instrument (NCRPS, debentures, DVR, warrants): no ratio factor on the share price.
        NonEquityBonus => "non_equity_bonus",
        /// Cash dividend a share.
        Dividend => "dividend",
        /// Distribution of a trust a unit; the first amount is the total.
        Distribution => "distribution",
        /// Rights issue, a new for b held at a premium.
        Rights => "rights",
        /// Without effect on the price: meetings, interest, redemption, buy-back.
        Inert => "inert",
        /// Real but without a computable ratio: demergers, schemes, capital reductions.
        Unquantified => "unquantified",
        /// A text no rule understands; for review, never a factor of 1 in silence.
        Unknown => "unknown",
    }
}

impl ActionType {
    /// Tells whether an action of this type must be looked at by a person before prices are adjusted across it.
    #[must_use]
    pub const fn needs_review(self) -> bool {
        match self {
            Self::NonEquityBonus | Self::Unquantified | Self::Unknown => true,
            Self::Split
            | Self::Consolidation
            | Self::Bonus
            | Self::Dividend
            | Self::Distribution
            | Self::Rights
            | Self::Inert => false,
        }
    }
}
