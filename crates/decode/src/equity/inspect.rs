//! A cheap look into a file: format, date, number of rows.

use champion_market_data::Dataset;

use super::books::Dates;
use super::file::{CASH_MARKET, other_segment};
use super::header::plan;
use super::row::RowReader;
use crate::csv::Lines;
use crate::{Inspection, Refusal, RefusalCode, RuleCode};

/// Looks into the text of one file.
pub(crate) fn inspect(text: &[u8], dataset: Dataset) -> Result<Inspection, Refusal> {
    let mut lines = Lines::new(text);
    let plan = plan(&mut lines, dataset, text)?;
    let mut reader = RowReader::new();
    let mut dates = Dates::default();
    let mut rows = 0;
    let mut first_error = None;
    // Rows without a date and rows of another segment: either refuses the file when most are so, as decoding does.
    let mut strange = [0_u64; 2];
    for line in lines {
        rows += 1;
        let error = match reader.split(&plan, line).and_then(|text| reader.place(&plan, text)) {
            Ok(place) => {
                dates.count(place.date);
                let Some((segment, _)) = place.segment.filter(|(segment, _)| *segment != CASH_MARKET) else { continue };
                strange[1] += 1;
                other_segment(segment, CASH_MARKET)
            }
            Err(broken) => {
                strange[0] += u64::from(broken.code == RuleCode::BadDate);
                broken.reason
            }
        };
        first_error.get_or_insert_with(|| format!("line {}: {error}", line.number));
    }
    let content_date = dates.most(None);
    let refused = content_date.is_none() || strange.iter().any(|count| count * 2 > rows);
    match first_error {
        _ if rows == 0 => {
            Err(Refusal::new(RefusalCode::NoRows, "the file has a header and no rows").of_era(plan.layout.era))
        }
        Some(first) if refused => {
            let refusal = Refusal::new(RefusalCode::WrongFormat, format!("most rows are not of this report; {first}"));
            Err(refusal.of_era(plan.layout.era).of_date(content_date).after_rows(rows, Vec::new()))
        }
        _ => Ok(Inspection { era: plan.layout.era, content_date, rows }),
    }
}
