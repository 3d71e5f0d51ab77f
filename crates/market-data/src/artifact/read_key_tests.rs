use proptest::prelude::*;
use proptest::sample::select;

use super::*;

fn sources() -> impl Strategy<Value = RawSource> {
    let dates = (1990_i32..=2100, 1_u32..=12, 1_u32..=28);
    (select(Exchange::ALL), select(Dataset::ALL), dates, any::<[u8; 4]>()).prop_map(
        |(exchange, dataset, (year, month, day), bytes)| RawSource {
            exchange,
            dataset,
            trade_date: TradeDate::from_ymd(year, month, day).expect("a date"),
            sha256: Sha256::of(&bytes),
        },
    )
}

/// Reads a key as every kind that there is, and counts those it is of.
fn kinds(key: &str) -> usize {
    let raw = key.parse::<RawKey>().ok().map(|read| read.to_string());
    let facts = key.parse::<FactsKey>().ok().map(|read| read.to_string());
    let staged = key.parse::<StagedKey>().ok().map(|read| read.to_string());
    let quarantine = key.parse::<QuarantineKey>().ok().map(|read| read.to_string());
    let curated = key.parse::<CuratedKey>().ok().map(|read| read.to_string());
    let manifest = CuratedKey::of_manifest(key).ok().map(|read| read.manifest());
    let history = key.parse::<HistoryKey>().ok().map(|read| read.to_string());
    let read = [raw, facts, staged, quarantine, curated, manifest, history];
    read.into_iter().flatten().inspect(|again| assert_eq!(again, key, "a thing has one key")).count()
}

proptest! {
    #[test]
    fn promise_40_a_key_reads_back_as_what_it_was_made_of_and_as_nothing_else(
        source in sources(),
        table in select(Table::ALL),
        number in any::<u32>(),
        again in proptest::option::of(any::<i64>()),
        extension in "[a-z0-9]{1,4}(\\.[a-z0-9]{1,4})?",
    ) {
        let session = CuratedKey { table, exchange: source.exchange, trade_date: source.trade_date };
        let raw = RawKey { source, extension };
        let facts = FactsKey { source, observed: again };
        let staged = StagedKey { table, source: RawSource { dataset: table.dataset(), ..source }, decoder: number };
        let quarantine = QuarantineKey { source, decoder: number };
        let history = HistoryKey { session, version: number, sha256: source.sha256 };
        prop_assert_eq!(raw.to_string().parse(), Ok(raw.clone()));
        prop_assert_eq!(facts.to_string().parse(), Ok(facts));
        prop_assert_eq!(staged.to_string().parse(), Ok(staged));
        prop_assert_eq!(quarantine.to_string().parse(), Ok(quarantine));
        prop_assert_eq!(session.to_string().parse(), Ok(session));
        prop_assert_eq!(CuratedKey::of_manifest(&session.manifest()), Ok(session));
        prop_assert_eq!(history.to_string().parse(), Ok(history));
        let all = [
            raw.to_string(), facts.to_string(), staged.to_string(), quarantine.to_string(), session.to_string(),
            session.manifest(), history.to_string(),
        ];
        for key in &all {
            prop_assert_eq!(kinds(key), 1, "{}", key);
        }
        prop_assert_eq!(HistoryKey::of_manifest(&history.manifest()), Ok(history));
        prop_assert_eq!(kinds(&history.manifest()), 0);
        prop_assert_eq!(kinds(&source.report(number)), 0);
    }

    /// One letter changed, left out or put in: another key, or none.
    #[test]
    fn promise_40_a_spoilt_key_is_never_read_as_the_key_it_was(
        source in sources(), table in select(Table::ALL), place in any::<prop::sample::Index>(), letter in "[ -~]?",
    ) {
        let session = CuratedKey { table, exchange: source.exchange, trade_date: source.trade_date };
        let staged = StagedKey { table, source: RawSource { dataset: table.dataset(), ..source }, decoder: 1 };
        let raw = RawKey { source, extension: "csv.zip".to_owned() };
        for key in [session.to_string(), staged.to_string(), raw.to_string()] {
            let at = place.index(key.len());
            let spoilt = format!("{}{letter}{}", &key[..at], &key[at + 1..]);
            let _ = kinds(&spoilt);
            let _ = kinds(&format!("{}{letter}{}", &key[..at], &key[at..]));
        }
    }

    #[test]
    fn no_text_breaks_a_key(text in ".*", tail in "[a-z0-9=./-]{0,80}") {
        prop_assert_eq!(kinds(&text), 0);
        for zone in ["raw", "staged", "quarantine", "curated", "history"] {
            let _ = kinds(&format!("{zone}/{tail}"));
        }
    }
}

#[test]
fn promise_40_keys_with_another_spelling_of_the_same_thing_are_refused_with_the_form() {
    let sha = Sha256::of(b"x");
    for key in [
        format!("staged/equity_delivery/nse/2025-02-24/{sha}-d01.arrow"),
        format!("staged/equity_delivery/nse/2025-02-24/{sha}-d+1.arrow"),
        format!("staged/equity_delivery/nse/2025-02-24/{sha}-d99999999999.arrow"),
        format!("staged/equity_delivery//nse/2025-02-24/{sha}-d1.arrow"),
        format!("staged/equity_delivery/nse/2025-02-24/{sha}-d1.arrow#1"),
        format!("staged/full_bhavcopy.report/nse/2025-02-24/{sha}-d1.json"),
        format!("staged/equity_delivery/NSE/2025-02-24/{sha}-d1.arrow"),
        format!("raw/nse/bhavcopy/2025-02-24/{sha}.facts.json"),
        format!("raw/nse/bhavcopy/2025-02-24/../{sha}.csv"),
    ] {
        let error = key.parse::<StagedKey>().expect_err(&key).to_string();
        assert!(error.contains("staged/<table>/<exchange>/<date>/"), "{error}");
        assert!(key.parse::<RawKey>().is_err(), "{key}");
    }
    for key in [
        "curated/equity_delivery/exchange=nse/year=2025/month=03/2025-02-24.parquet",
        "curated/equity_delivery/exchange=nse/year=2025/month=2/2025-02-24.parquet",
        "curated/equity_delivery/exchange=nse/year=2025/month=02/2025-02-24.parquet/",
        "compacted/equity_delivery/exchange=nse/year=2025/month=02/2025-02-24.parquet",
    ] {
        assert!(key.parse::<CuratedKey>().is_err(), "{key}");
    }
}
