//! Why a person must read a filing before prices are adjusted across it.

/// One reason; the spelling stands in `review_reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Concern {
    /// A dividend, distribution or coupon without a readable amount above 0.
    AmountMissing,
    /// A face value changes, and the text does not call it split or consolidation.
    DirectionNotNamed,
    /// A split upwards, a consolidation downwards, or a face value of 0 or unchanged.
    FaceValuesContradict,
    /// A percentage, and no face value to take it of.
    FaceValueUnknown,
    /// One leg announces several actions and does not say which number is whose.
    MixedActions,
    /// A bonus of something else than the share.
    NonEquityBonus,
    /// A number with more than six decimal places, or beyond 64 bits.
    NotExact,
    /// No rule knows the words.
    NotUnderstood,
    /// A dividend or an offer names another instrument than the share.
    OtherInstrument,
    /// A rights issue without a readable premium.
    PremiumMissing,
    /// A split, consolidation, bonus or rights issue without a readable ratio.
    RatioMissing,
    /// A ratio that is 0 or beyond 1:10,000 to 100:1.
    RatioOutOfRange,
    /// Several amounts, and no word that makes the first the total.
    SeveralAmounts,
    /// Several ratios in one leg.
    SeveralRatios,
    /// A character that no rule reads.
    StrangeCharacter,
    /// More legs or more text than a filing has.
    TooLong,
    /// A distribution that prints its components and no total.
    TotalNotStated,
    /// A demerger, scheme or reduction: real, but without a computable ratio.
    Unquantified,
}

impl Concern {
    /// Returns the one spelling.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::AmountMissing => "amount_missing",
            Self::DirectionNotNamed => "direction_not_named",
            Self::FaceValuesContradict => "face_values_contradict",
            Self::FaceValueUnknown => "face_value_unknown",
            Self::MixedActions => "mixed_actions",
            Self::NonEquityBonus => "non_equity_bonus",
            Self::NotExact => "not_exact",
            Self::NotUnderstood => "not_understood",
            Self::OtherInstrument => "other_instrument",
            Self::PremiumMissing => "premium_missing",
            Self::RatioMissing => "ratio_missing",
            Self::RatioOutOfRange => "ratio_out_of_range",
            Self::SeveralAmounts => "several_amounts",
            Self::SeveralRatios => "several_ratios",
            Self::StrangeCharacter => "strange_character",
            Self::TooLong => "too_long",
            Self::TotalNotStated => "total_not_stated",
            Self::Unquantified => "unquantified",
        }
    }
}
