//! The reading rules, each on the texts that made it necessary.

use champion_market_data::corporate_action::ActionType::{
    Bonus, Consolidation, Distribution, Dividend, Inert, NonEquityBonus, Rights, Split, Unknown, Unquantified,
};
use champion_market_data::number::{AMOUNT_SCALE, parse_decimal};

use super::*;

fn scaled(number: &str) -> i64 {
    parse_decimal(number.as_bytes(), AMOUNT_SCALE).expect("a number")
}

fn actions(text: &str) -> Vec<ActionType> {
    read(text, Some(scaled("10"))).legs.iter().map(|leg| leg.action).collect()
}

fn concerns(text: &str) -> Vec<&'static str> {
    read(text, Some(scaled("10"))).concerns.into_iter().map(Concern::as_str).collect()
}

/// The only leg of a text that needs no review.
fn clear(text: &str) -> Leg {
    let reading = read(text, Some(scaled("10")));
    assert!(reading.concerns.is_empty(), "{text}: {:?}", reading.concerns);
    let [leg] = reading.legs.as_slice() else { panic!("{text}: {:?}", reading.legs) };
    leg.clone()
}

#[track_caller]
fn assert_ratio(text: &str, action: ActionType, new: &str, old: &str) {
    let leg = clear(text);
    assert_eq!((leg.action, leg.ratio), (action, Some((scaled(new), scaled(old)))), "{text}");
}

#[track_caller]
fn assert_amount(text: &str, action: ActionType, amount: &str) {
    let leg = clear(text);
    assert_eq!((leg.action, leg.amount), (action, Some(scaled(amount))), "{text}");
}

#[test]
fn a_split_gives_new_and_old_face_value_in_every_spelling() {
    for (text, new, old) in [
        ("Face Value Split (Sub-Division) - From Rs 10/- Per Share To Re 1/- Per Share", "1", "10"),
        ("Face Value Split (Sub-Division) - From Rs 10/- Per Share To Rs 5/- Per Share", "5", "10"),
        ("Face Valus Split (Sub-Division) - From Rs 10/- Per Share To Rs 2/- Per Share", "2", "10"),
        ("Fv Splt Frm Rs 10 To Rs 2", "2", "10"),
        ("FVSPLT FRM RS 10 TO RE 1", "1", "10"),
        ("FVSPLT FRM RS100 TO RS 1", "1", "100"),
        ("FV SPLIT FRM RS 5 TO RE 1", "1", "5"),
        ("Face Value Split From Rs.10/- To Re.1/-", "1", "10"),
        ("Fv Split Rs.10/- To Re.1/", "1", "10"),
        ("Stock  Split From Rs.5/- to Rs.2/-", "2", "5"),
        ("FV SPL 10 TO 2", "2", "10"),
        ("Fv Spl-Rs10tors2", "2", "10"),
        ("FV SPLIT RS.10 TO 2", "2", "10"),
        ("Sub-Division Of Shares From Rs 10 To Rs 2.50", "2.50", "10"),
    ] {
        assert_ratio(text, Split, new, old);
    }
}

#[test]
fn a_consolidation_is_a_split_upwards() {
    assert_ratio("Consolidation Of Equity Shares From Re 1 Per Share To Rs 10 Per Share", Consolidation, "10", "1");
    assert_ratio("FV CONSOLIDATION FRM RS 1 TO RS 10", Consolidation, "10", "1");
}

#[test]
fn a_face_value_change_that_contradicts_its_word_goes_to_review() {
    for text in ["Face Value Split From Rs 2 To Rs 10", "Consolidation From Rs 10 To Re 1", "FV SPLIT RS 10 TO RS 10"] {
        let reading = read(text, None);
        assert_eq!(reading.legs[0].ratio, None, "{text}");
        assert!(reading.concerns.contains(&Concern::FaceValuesContradict), "{text}");
    }
    assert_eq!(concerns("Stock Split 1:5"), ["ratio_missing"]);
    assert_eq!(concerns("Change In Face Value From Rs 10 To Rs 5"), ["direction_not_named"]);
}

#[test]
fn a_bonus_gives_shares_received_and_held() {
    for (text, new, old) in [
        ("Bonus 1:1", "1", "1"),
        (" Bonus 1:2", "1", "2"),
        ("Bonus 1 : 1", "1", "1"),
        ("Bonus Shares In The Ratio Of 1:1", "1", "1"),
        ("BONUS- 1:2", "1", "2"),
        ("Bonus issue 1:1", "1", "1"),
        ("Bonus 1:1250", "1", "1250"),
        ("Bonus 22:1", "22", "1"),
        ("Bonus 1 Equity Share For Every 2 Shares Held", "1", "2"),
    ] {
        assert_ratio(text, Bonus, new, old);
    }
}

#[test]
fn an_implausible_bonus_goes_to_review() {
    for text in ["Bonus 101:1", "Bonus 1:10001", "Bonus 0:1", "Bonus 1:0"] {
        assert_eq!(concerns(text), ["ratio_out_of_range"], "{text}");
    }
    assert_eq!(concerns("Bonus"), ["ratio_missing"]);
    assert_eq!(concerns("Bonus 1:1 1:2"), ["several_ratios"]);
    assert_ratio("Bonus 100:1", Bonus, "100", "1");
    assert_ratio("Bonus 1:10000", Bonus, "1", "10000");
}

#[test]
fn a_bonus_of_something_else_than_the_share_has_no_ratio_and_is_reviewed() {
    for text in [
        "Scheme Of Arrangement - Bonus Ncrps 4:1",
        "Bonus Ncrps 46:1",
        "Bonus Preference Shares 21:1",
        "Bonus Debentures 6:1",
        "Bonus 1 Dvr : 10 Eq Share",
        "Bonus Warrants 1:5",
    ] {
        let reading = read(text, None);
        assert_eq!(reading.legs.len(), 1, "{text}");
        assert_eq!((reading.legs[0].action, reading.legs[0].ratio), (NonEquityBonus, None), "{text}");
        assert!(reading.concerns.contains(&Concern::NonEquityBonus), "{text}");
    }
}

#[test]
fn a_dividend_gives_rupees_a_share_in_every_spelling() {
    for (text, amount) in [
        ("Interim Dividend - Rs 5 Per Share", "5"),
        ("Dividend - Rs 0.005 Per Share", "0.005"),
        ("Interim Dividend - Re 0.40  Per Sh", "0.40"),
        ("Dividend - Rs1.25 Per Share", "1.25"),
        ("INTDIV - RS 8 PR SH", "8"),
        ("SPLDIV - RS 3 PER SH", "3"),
        ("Interim Dividend Rs 7 Per Share (Purpose Revised)", "7"),
        ("Interim Dividend - Rs. - 18.0000", "18"),
        ("Interimdividend - Re 0.50 Per Share", "0.50"),
        ("Interim Dividend - Rs Per 0.50 Share", "0.50"),
        ("Special Dividend - 1.25 Per Share", "1.25"),
        ("Dividend - Rs.1,250/- Per Share", "1250"),
        ("2nd Interim Dividend ₹ 2.50/Share", "2.50"),
        ("Dividend 50 Paise Per Share", "0.50"),
        ("Dividend Rs 5 Per Share Of Rs 10 Each", "5"),
        ("Special Dividend Rs 4", "4"),
        ("Dividend Rs 8 Per Share Consisting Of Interim Rs 3 And Final Dividend Rs 5", "8"),
    ] {
        assert_amount(text, Dividend, amount);
    }
}

#[test]
fn a_dividend_in_percent_is_taken_of_the_face_value() {
    let leg = clear("DIVIDEND 50%");
    assert_eq!((leg.action, leg.percent, leg.amount), (Dividend, Some(scaled("50")), Some(scaled("5"))));
}

#[test]
fn a_dividend_in_percent_without_face_value_has_no_amount_and_is_reviewed() {
    let reading = read("DIVIDEND 50%", None);
    assert_eq!((reading.legs[0].percent, reading.legs[0].amount), (Some(scaled("50")), None));
    assert_eq!(reading.concerns, BTreeSet::from([Concern::FaceValueUnknown]));
}

#[test]
fn a_percentage_beside_a_split_is_of_the_old_face_value() {
    let reading = read("Split-Rs.10tors.2/Div-60%Purpose Revised", Some(scaled("2")));
    assert!(reading.concerns.is_empty());
    assert_eq!(reading.legs[0].ratio, Some((scaled("2"), scaled("10"))));
    assert_eq!(reading.legs[1].amount, Some(scaled("6")));
}

#[test]
fn a_dividend_without_one_clear_amount_goes_to_review() {
    for (text, concern) in [
        ("Interim Dividend", "amount_missing"),
        ("Dividend - Rs 0 Per Share", "amount_missing"),
        ("3rd Interim Dividend Per Share", "amount_missing"),
        ("Dividend For The Year 2010 Per Share", "amount_missing"),
        ("Dividend - Rs 5 Per Share (Interim Rs 2 + Final Rs 3)", "several_amounts"),
        ("Dividend - Rs 0.1234567 Per Share", "not_exact"),
        ("Dividend - Rs 99999999999999 Per Share", "not_exact"),
        ("Dividend On Preference Shares Rs 9", "other_instrument"),
    ] {
        assert_eq!(actions(text), [Dividend], "{text}");
        assert_eq!(concerns(text), [concern], "{text}");
    }
}

#[test]
fn a_distribution_is_its_first_amount_and_its_components_are_no_legs() {
    for (text, amount) in [
        (
            "Distribution - Rs 2.81909 Per Unit Consisting Of Interest - Rs 2.81805 Per Unit/ Other Income - Re 0.00104",
            "2.81909",
        ),
        ("Distribution - Rs 2 Per Unit Comprises Of Interest - Re 0.593 Per Unit / Dividend - Rs 1.221 Per Unit", "2"),
        (
            "Distribution - Rs 5.90 Per Unit Comprises Of Re 0.52 Per Unit As Interest And Rs 3.01 Per Unit As Repayment \
          Of Spv Level Debt And Rs 2.37 As Dividend",
            "5.90",
        ),
        ("Distribution - Rs 1.99 Per Unit In The Form Of Interest", "1.99"),
        ("Distribution Of Interest - Rs 1.99 Per Unit", "1.99"),
        ("DISTRTN-RS 2.15 PR UNT", "2.15"),
    ] {
        assert_amount(text, Distribution, amount);
    }
    assert_eq!(concerns("Distribution Interest Rs 2 Per Unit / Dividend Rs 3 Per Unit"), ["total_not_stated"]);
    assert_eq!(actions("Distribution - Rs 2 Per Unit / Annual General Meeting"), [Distribution, Inert]);
}

#[test]
fn rights_give_ratio_and_premium() {
    for (text, new, old, premium) in [
        ("Rights 1:2 @ Premium Rs 290/-", "1", "2", "290"),
        ("RGHTS 11:64@PRM RS 473/-", "11", "64", "473"),
        ("Rights 2:5 @ Premium Rs.140/- Per Share", "2", "5", "140"),
        ("Rights 161:250 @ Premium Re 0.45 /-", "161", "250", "0.45"),
        ("Rights 11: 50 @ Premium Rs 0/-", "11", "50", "0"),
        ("Rights 10:121@ Premium Rs 38/-", "10", "121", "38"),
        ("Rights 1:1 At Par", "1", "1", "0"),
    ] {
        let leg = clear(text);
        assert_eq!(leg.action, Rights, "{text}");
        assert_eq!((leg.ratio, leg.amount), (Some((scaled(new), scaled(old))), Some(scaled(premium))), "{text}");
    }
}

#[test]
fn rights_that_cannot_be_computed_go_to_review() {
    assert_eq!(actions("Rights - 7 Ccps And 7 Warrants:40"), [Unquantified]);
    assert_eq!(concerns("Rights - 7 Ccps And 7 Warrants:40"), ["other_instrument"]);
    assert_eq!(concerns("Rights 1:2"), ["premium_missing"]);
    assert_eq!(concerns("Rights 1:2 @ Rs 50"), ["premium_missing"]);
}

#[test]
fn real_events_without_a_ratio_are_unquantified() {
    for text in [
        "Demerger",
        "De-Merger",
        "Spin Off",
        "Scheme Of Arrangement",
        "Composite Scheme Of Arrangement",
        "Scheme Of Amalgamation",
        "Capital Reduction",
        "Reduction Of Share Capital",
        "Bonus 4:5 (Pursuant To Scheme Of Amalgamation)",
    ] {
        assert_eq!(actions(text), [Unquantified], "{text}");
        assert_eq!(concerns(text), ["unquantified"], "{text}");
    }
}

#[test]
fn what_does_not_touch_the_price_is_inert() {
    for text in [
        "Annual General Meeting",
        "A.G.M.",
        "Interest Payment",
        "Redemption",
        "PARTREDEMP-RS 12.5 TO 10",
        "Part Redemption - Face Value Rs 10 To Rs 5",
        "Buy Back",
        "BUYBACK",
        "EGM",
        "Extra Ordinary General Meeting",
    ] {
        assert_eq!(clear(text).action, Inert, "{text}");
    }
    assert_eq!(actions("INT PAYMENT/REDEMPTN"), [Inert, Inert]);
}

#[test]
fn compound_texts_come_apart_into_their_legs() {
    type Numbers = (ActionType, Option<(i64, i64)>, Option<i64>);
    let all = |text: &str| -> Vec<Numbers> {
        let reading = read(text, Some(scaled("10")));
        assert!(reading.concerns.is_empty(), "{text}: {:?}", reading.concerns);
        reading.legs.iter().map(|leg| (leg.action, leg.ratio, leg.amount)).collect()
    };
    let ratio = |new: &str, old: &str| Some((scaled(new), scaled(old)));
    let rupees = |amount: &str| Some(scaled(amount));
    let bonus_and_split = vec![(Bonus, ratio("1", "1"), None), (Split, ratio("2", "10"), None)];
    assert_eq!(all("Bonus - 1:1 And Face Value Split From Rs. 10 To Rs. 2"), bonus_and_split);
    assert_eq!(all("BONUS 1:1/FV SPL 10 TO 2"), bonus_and_split);
    assert_eq!(all("Bonus 1:1 / FV SPL 10 TO 2"), bonus_and_split);
    assert_eq!(
        all("Bonus 22:1 And Face Value Split From Rs.10/- To Re.1/-"),
        [(Bonus, ratio("22", "1"), None), (Split, ratio("1", "10"), None)]
    );
    assert_eq!(all("Fv Spl-Rs10tors2/Bon-1:1"), [(Split, ratio("2", "10"), None), (Bonus, ratio("1", "1"), None)]);
    assert_eq!(all("Intdiv-Rs 3persh/Bonus1:1"), [(Dividend, None, rupees("3")), (Bonus, ratio("1", "1"), None)]);
    let two_dividends =
        |first: &str, second: &str| vec![(Dividend, None, rupees(first)), (Dividend, None, rupees(second))];
    assert_eq!(all("Dividend - Rs 10 Per Share/Special Dividend - Rs 30 Per Share"), two_dividends("10", "30"));
    assert_eq!(all("Dividend - Rs 2.50 Per Share/Special Dividend - 1.25 Per Share"), two_dividends("2.50", "1.25"));
    assert_eq!(all("Interim Dividend - Rs 12 Per Share Special Dividend - Rs 6 Per Share"), two_dividends("12", "6"));
    assert_eq!(all("DIV RS 1.50 PER SH/SPL RS 0.50"), two_dividends("1.50", "0.50"));
    for text in ["Annual General Meeting/Dividend - Rs 25 Per Share", "AGM/ DIV- RS.25/- PR SH", "AGM & DIVIDEND RS 25"]
    {
        assert_eq!(all(text), [(Inert, None, None), (Dividend, None, rupees("25"))], "{text}");
    }
    assert_eq!(all("Interim/Special Dividend Rs 5"), [(Dividend, None, rupees("5"))]);
}

#[test]
fn one_leg_in_doubt_puts_the_whole_filing_in_doubt() {
    let text = "Capital Reduction Rs 10 To Rs 3.30 / Consolidation Rs 3.30 To Rs.10";
    let reading = read(text, Some(scaled("10")));
    assert_eq!(actions(text), [Unquantified, Consolidation]);
    assert_eq!(reading.legs[1].ratio, Some((scaled("10"), scaled("3.30"))));
    assert_eq!(reading.concerns, BTreeSet::from([Concern::Unquantified]));
    assert_eq!(actions("Dividend Rs 5/Something New"), [Dividend, Unknown]);
    assert_eq!(concerns("Dividend Rs 5/Something New"), ["not_understood"]);
}

#[test]
fn a_text_that_mixes_actions_without_saying_which_number_is_whose_is_unknown() {
    for text in ["Bonus Dividend 1:1", "1:1 Bonus Dividend", "Redemption Dividend Rs 5"] {
        assert_eq!(actions(text), [Unknown], "{text}");
        assert_eq!(concerns(text), ["mixed_actions"], "{text}");
    }
}

#[test]
fn hostile_texts_end_quickly_as_unknown() {
    for text in ["/".repeat(1000), "div/".repeat(250), "(".repeat(1000), "rs ".repeat(5000), "½½½".to_owned()] {
        let reading = read(&text, None);
        assert!(!reading.concerns.is_empty());
        assert!(reading.legs.len() <= MOST_LEGS);
    }
    assert_eq!(actions("Dividend Rs ½ Per Share"), [Unknown]);
}
