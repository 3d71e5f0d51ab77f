//! What holds for every text, however it is written.

use champion_market_data::corporate_action::ActionType::{
    Bonus, Consolidation, Distribution, Dividend, Inert, NonEquityBonus, Rights, Split, Unknown, Unquantified,
};
use proptest::prelude::*;

use super::*;

/// A face value of 10 rupees.
const FACE_VALUE: Option<i64> = Some(10 * ONE);

/// Texts made of the words that filings are made of, which meet more rules than random characters do.
fn filing_like() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "Bonus",
        "1:1",
        "Dividend",
        "Rs 5",
        "Rs.10/-",
        "/",
        " And ",
        "&",
        "Split",
        "From",
        "To",
        "FV",
        "10tors2",
        "%",
        "50",
        "Interim",
        "Spl",
        "Rights",
        "@ Premium",
        "Ncrps",
        "Redemption",
        "Per Share",
        "Distribution",
        "Consisting Of",
        "(",
        ")",
        "Demerger",
        "AGM",
        "2nd",
        ":",
        "0.1234567",
        "₹",
        "-",
        "+",
        "Scheme",
        "99999999999999999999",
    ]);
    prop::collection::vec(words, 0..24).prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>(), face_value in any::<Option<i64>>()) {
        let reading = read(&text, face_value);
        prop_assert!(!reading.legs.is_empty());
    }

    #[test]
    fn nothing_without_its_number_passes_as_clear(text in filing_like()) {
        let reading = read(&text, FACE_VALUE);
        let clear = if reading.concerns.is_empty() { reading.legs } else { Vec::new() };
        for leg in clear {
            match leg.action {
                Split => prop_assert!(leg.ratio.is_some_and(|(new, old)| 0 < new && new < old)),
                Consolidation => prop_assert!(leg.ratio.is_some_and(|(new, old)| 0 < old && old < new)),
                Bonus => prop_assert!(leg.ratio.is_some_and(|(new, old)| 0 < new && 0 < old)),
                Rights => prop_assert!(leg.ratio.is_some() && leg.amount.is_some()),
                Dividend | Distribution => prop_assert!(leg.amount.is_some_and(|amount| amount > 0)),
                Inert => {}
                NonEquityBonus | Unquantified | Unknown => prop_assert!(false, "{:?} needs review", leg),
            }
        }
    }

    #[test]
    fn case_and_blanks_change_nothing(text in filing_like()) {
        let reading = read(&text, None);
        let other = read(&text.to_uppercase().replace(' ', "   "), None);
        prop_assert_eq!(reading, other);
    }
}
