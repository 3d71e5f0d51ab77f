//! Whatever happens to a file: decoding never panics, and the books always balance.

use champion_decode::inspect;
use champion_market_data::Dataset;
use proptest::prelude::*;

use crate::sheet::{Sheet, decode_bytes, zip};

/// One thing that goes wrong with a file.
#[derive(Debug, Clone)]
enum Accident {
    Overwrite(usize, u8),
    Insert(usize, Vec<u8>),
    Remove(usize, usize),
    RepeatLine(usize),
    SwapLines(usize, usize),
    CutOff(usize),
}

fn accident() -> impl Strategy<Value = Accident> {
    let byte = prop_oneof![any::<u8>(), prop::sample::select(b",\"\n\r-.0e \xff".to_vec())];
    let place = any::<usize>();
    prop_oneof![
        4 => (place, byte.clone()).prop_map(|(place, byte)| Accident::Overwrite(place, byte)),
        2 => (place, prop::collection::vec(byte, 1..12)).prop_map(|(place, bytes)| Accident::Insert(place, bytes)),
        2 => (place, 1_usize..200).prop_map(|(place, length)| Accident::Remove(place, length)),
        2 => place.prop_map(Accident::RepeatLine),
        2 => (place, place).prop_map(|(left, right)| Accident::SwapLines(left, right)),
        1 => place.prop_map(Accident::CutOff),
    ]
}

fn suffer(bytes: &mut Vec<u8>, accident: &Accident) {
    if bytes.is_empty() {
        return;
    }
    let length = bytes.len();
    let mut lines: Vec<Vec<u8>> = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    match accident {
        Accident::Overwrite(place, byte) => bytes[place % length] = *byte,
        Accident::Insert(place, new) => {
            let place = place % length;
            bytes.splice(place..place, new.iter().copied());
        }
        Accident::Remove(place, count) => {
            let place = place % length;
            bytes.drain(place..(place + count).min(length));
        }
        Accident::CutOff(place) => bytes.truncate(place % length),
        Accident::RepeatLine(line) => {
            let line = line % lines.len();
            lines.insert(line, lines[line].clone());
            *bytes = lines.concat();
        }
        Accident::SwapLines(left, right) => {
            let count = lines.len();
            lines.swap(left % count, right % count);
            *bytes = lines.concat();
        }
    }
}

fn expect_balance(bytes: &[u8], dataset: Dataset) -> Result<(), TestCaseError> {
    let data_lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).count();
    match decode_bytes(bytes, dataset) {
        Ok(decoded) => {
            let counts = decoded.counts;
            prop_assert!(counts.conserved());
            prop_assert_eq!(decoded.quarantined.len() as u64, counts.quarantined);
            prop_assert_eq!(decoded.failures.values().sum::<u64>(), counts.quarantined);
            prop_assert!(decoded.tables.iter().all(|(_, batch)| batch.num_rows() as u64 == counts.published));
            if !bytes.starts_with(b"PK") {
                prop_assert_eq!(
                    counts.rows_in + 1,
                    data_lines as u64,
                    "the header and every data line are accounted for"
                );
            }
            let inspection = inspect(bytes, dataset).expect("what decodes can be looked into");
            prop_assert_eq!((Some(inspection.era), inspection.rows), (Some(decoded.era), counts.rows_in));
        }
        Err(refusal) => {
            prop_assert!(refusal.counts.conserved());
            prop_assert_eq!(refusal.counts.published, 0);
            prop_assert!(refusal.counts.rows_in < data_lines.max(1) as u64 || bytes.starts_with(b"PK"));
            prop_assert!(!refusal.reason.is_empty());
            let _ = inspect(bytes, dataset);
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn the_books_balance_whatever_happens_to_a_file(
        era in 0_usize..4,
        rows in 0_usize..30,
        accidents in prop::collection::vec(accident(), 0..8),
    ) {
        let sheet = Sheet::of_each_era(rows)[era].clone();
        let mut bytes = sheet.bytes();
        accidents.iter().for_each(|accident| suffer(&mut bytes, accident));
        expect_balance(&bytes, sheet.dataset)?;
    }

    #[test]
    fn the_books_balance_whatever_happens_to_an_archive(
        era in 0_usize..4,
        accidents in prop::collection::vec(accident(), 0..4),
    ) {
        let sheet = Sheet::of_each_era(20)[era].clone();
        let mut bytes = zip(&[("cm.csv", &sheet.bytes())]);
        accidents.iter().for_each(|accident| suffer(&mut bytes, accident));
        expect_balance(&bytes, sheet.dataset)?;
    }

    #[test]
    fn bytes_of_any_kind_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for dataset in Dataset::ALL {
            if let Err(refusal) = decode_bytes(&bytes, *dataset) {
                prop_assert!(refusal.counts.conserved());
            }
        }
    }

    #[test]
    fn promise_20_k_poisoned_rows_in_n_leave_n_minus_k(poisoned in prop::collection::btree_set(0_usize..600, 0..6), kind in 0_usize..4) {
        let mut sheet = Sheet::udiff(600);
        for row in &poisoned {
            match kind {
                0 => sheet.set(*row, "HghPric", "1.00"),
                1 => sheet.set(*row, "TtlTradgVol", "-1"),
                2 => sheet.set(*row, "TradDt", "2024-07-05"),
                _ => sheet.set(*row, "SctySrs", ""),
            };
        }
        let decoded = sheet.decode().expect("at most five in six hundred are borne");
        prop_assert_eq!(decoded.counts.published, 600 - poisoned.len() as u64);
        let lines: Vec<u64> = decoded.quarantined.iter().map(|row| row.line).collect();
        prop_assert_eq!(lines, poisoned.iter().map(|row| *row as u64 + 2).collect::<Vec<_>>());
    }
}
