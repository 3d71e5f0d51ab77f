//! One line of the generated market and what stays true of it for ever.

use champion_market_data::TradeDate;

use super::isin::{Isin, IsinKind, isin};
use super::names::Name;

/// What a line is; it decides price level, liquidity, lot and tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// A share of the main board, in EQ, BE or BZ.
    Share,
    /// A share of the SME board, in SM, ST or SZ.
    Sme,
    /// An exchange-traded fund, in EQ.
    Fund,
    /// A partly paid share.
    PartlyPaid,
    /// A unit of a REIT or InvIT.
    Trust,
    /// A sovereign gold bond.
    Gold,
    /// A central or state government loan.
    Loan,
    /// A treasury bill.
    Bill,
    /// A debenture, in one of the N, Y, Z and A series.
    Debenture,
}

impl Class {
    pub(crate) const fn isin_kind(self) -> IsinKind {
        match self {
            Self::Share | Self::Sme => IsinKind::Share,
            Self::Fund => IsinKind::Fund,
            Self::PartlyPaid => IsinKind::PartlyPaid,
            Self::Trust => IsinKind::Trust,
            Self::Gold | Self::Loan | Self::Bill => IsinKind::Government,
            Self::Debenture => IsinKind::Debenture,
        }
    }

    /// Tells whether the price can be split: bonuses and face-value changes happen to shares only.
    pub(crate) const fn has_face_value_changes(self) -> bool {
        match self {
            Self::Share | Self::Sme => true,
            Self::Fund | Self::PartlyPaid | Self::Trust | Self::Gold | Self::Loan | Self::Bill | Self::Debenture => {
                false
            }
        }
    }
}

/// A corporate action that changes the price scale on its ex-date.
#[derive(Debug, Clone)]
pub(crate) struct ScaleEvent {
    /// Days since 1970-01-01; always a session.
    pub(crate) ex_day: i32,
    /// What a price before the ex-date is multiplied by to stand beside later ones.
    pub(crate) factor: f64,
    /// The filing's text.
    pub(crate) subject: String,
    /// Face value before and after, in rupees.
    pub(crate) face: (u32, u32),
}

/// One line: a security in a series.
#[derive(Debug, Clone)]
pub(crate) struct Instrument {
    pub(crate) name: Name,
    pub(crate) series: &'static str,
    pub(crate) class: Class,
    /// The exchange's number of the line.
    pub(crate) token: u32,
    pub(crate) issuer: u32,
    /// Serial of the ISIN before any face-value change; year of issue less 2000 for government paper.
    pub(crate) serial: u32,
    pub(crate) lot: u32,
    /// First day, in days since 1970-01-01.
    pub(crate) listed: i32,
    /// Last day, for paper that matures.
    pub(crate) matures: Option<i32>,
    /// Sessions of a thousand on which the line trades.
    pub(crate) activity: u64,
    /// Whether the line also has a T+0 window.
    pub(crate) t_plus_zero: bool,
    /// Place in the order of instrument names, which UDiFF files follow.
    pub(crate) name_rank: u32,
    /// Key of all its noise.
    pub(crate) key: u64,
    /// Logarithm to base 2 of its mean price in rupees, on today's scale.
    pub(crate) price_log2: f64,
    /// How wide its price moves, 1 for a share.
    pub(crate) amplitude: f64,
    /// Logarithm to base 2 of its mean quantity.
    pub(crate) quantity_log2: f64,
    /// Face value in rupees before the first event.
    pub(crate) face: u32,
    /// Ascending by ex-date.
    pub(crate) events: Vec<ScaleEvent>,
}

impl Instrument {
    /// Tells whether the line exists on a day.
    pub(crate) fn exists(&self, day: i32) -> bool {
        day >= self.listed && self.matures.is_none_or(|last| day <= last)
    }

    /// Returns what today's scale is multiplied by on a day: 10 before a 10:1 split.
    pub(crate) fn scale(&self, day: i32) -> f64 {
        let mut scale = 1.0;
        for event in self.events.iter().rev() {
            if event.ex_day <= day {
                break;
            }
            scale /= event.factor;
        }
        scale
    }

    /// Returns the action whose ex-date is the day.
    pub(crate) fn event_on(&self, day: i32) -> Option<&ScaleEvent> {
        self.events.iter().find(|event| event.ex_day == day)
    }

    /// Returns the face value in force on a day.
    pub(crate) fn face_on(&self, day: i32) -> u32 {
        self.events.iter().rev().find(|event| event.ex_day <= day).map_or(self.face, |event| event.face.1)
    }

    /// Returns the ISIN in force on a day: every change of the face value issues a new one.
    pub(crate) fn isin_on(&self, day: i32) -> Isin {
        let changes = self.events.iter().filter(|event| event.ex_day <= day && event.face.0 != event.face.1).count();
        isin(self.class.isin_kind(), self.issuer, self.serial + changes as u32)
    }

    /// Tells whether `sec_bhavdata_full` lists the line: debentures, bills and state loans are left out of it.
    pub(crate) fn in_full_bhavcopy(&self) -> bool {
        self.series != "SG" && !matches!(self.class, Class::Bill | Class::Debenture)
    }

    /// Tells whether deliveries are published: trade-to-trade lines print `-`.
    pub(crate) fn publishes_delivery(&self) -> bool {
        self.series != "BE" && self.series != "BZ"
    }
}

/// Returns the days since 1970-01-01 of a date that is known to exist.
pub(crate) fn fixed_day(year: i32, month: u32, day: u32) -> i32 {
    TradeDate::from_ymd(year, month, day).expect("a fixed date").days_since_epoch()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_changes_scale_face_value_and_isin_on_its_ex_date() {
        let instrument = Instrument {
            name: Name { symbol: "A".to_owned(), short: "A".to_owned(), company: "A".to_owned() },
            series: "EQ",
            class: Class::Share,
            token: 1,
            issuer: 1,
            serial: 1,
            lot: 1,
            listed: 0,
            matures: None,
            activity: 1000,
            t_plus_zero: false,
            name_rank: 0,
            key: 0,
            price_log2: 8.0,
            amplitude: 1.0,
            quantity_log2: 10.0,
            face: 10,
            events: vec![ScaleEvent { ex_day: 100, factor: 0.1, subject: String::new(), face: (10, 1) }],
        };
        assert!((instrument.scale(99) - 10.0).abs() < 1e-12 && (instrument.scale(100) - 1.0).abs() < 1e-12);
        assert_eq!((instrument.face_on(99), instrument.face_on(100)), (10, 1));
        assert_ne!(instrument.isin_on(99), instrument.isin_on(100));
    }
}
