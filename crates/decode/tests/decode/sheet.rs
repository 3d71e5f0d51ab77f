//! Hand-written files of each era, as a grid that a test can spoil cell by cell.

use std::io::{Cursor, Write};

use champion_decode::{Decoded, Refusal, Request, decode};
use champion_market_data::{Dataset, Exchange, TradeDate};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

const UDIFF: &str = "TradDt,BizDt,Sgmt,Src,FinInstrmTp,FinInstrmId,ISIN,TckrSymb,SctySrs,XpryDt,FininstrmActlXpryDt,\
    StrkPric,OptnTp,FinInstrmNm,OpnPric,HghPric,LwPric,ClsPric,LastPric,PrvsClsgPric,UndrlygPric,SttlmPric,OpnIntrst,\
    ChngInOpnIntrst,TtlTradgVol,TtlTrfVal,TtlNbOfTxsExctd,SsnId,NewBrdLotQty,Rmks,Rsvd1,Rsvd2,Rsvd3,Rsvd4";
const LEGACY_L1: &str = "SYMBOL,SERIES,OPEN,HIGH,LOW,CLOSE,LAST,PREVCLOSE,TOTTRDQTY,TOTTRDVAL,TIMESTAMP";
const LEGACY_L2: &str =
    "SYMBOL,SERIES,OPEN,HIGH,LOW,CLOSE,LAST,PREVCLOSE,TOTTRDQTY,TOTTRDVAL,TIMESTAMP,TOTALTRADES,ISIN";
const FULL: &str = "SYMBOL,SERIES,DATE1,PREV_CLOSE,OPEN_PRICE,HIGH_PRICE,LOW_PRICE,LAST_PRICE,CLOSE_PRICE,AVG_PRICE,\
    TTL_TRD_QNTY,TURNOVER_LACS,NO_OF_TRADES,DELIV_QTY,DELIV_PER";

/// A good ISIN of nobody.
const ISIN: &str = "INE900A01013";

/// A file as header and rows.
#[derive(Debug, Clone)]
pub(crate) struct Sheet {
    pub(crate) dataset: Dataset,
    pub(crate) header: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
    /// What stands between two values: the full bhavcopy has a blank after the comma.
    pub(crate) separator: &'static str,
    /// What stands before each line end: legacy files have a comma.
    pub(crate) line_end: String,
}

impl Sheet {
    /// A UDiFF file of so many good rows of 2024-07-08.
    pub(crate) fn udiff(rows: usize) -> Self {
        let row = |number| {
            format!(
                "2024-07-08,2024-07-08,CM,NSE,STK,{number},{ISIN},SHARE{number:05},EQ,,,,,SHARE NUMBER {number},\
                 100.00,102.50,99.50,101.00,101.25,98.75,,101.00,,,1000,100750.00,75,F1,1,,,,,"
            )
        };
        Self::new(Dataset::Bhavcopy, UDIFF, rows, ",", "\n", row)
    }

    /// A legacy file of 2016-06-01 with trades and ISIN.
    pub(crate) fn legacy_l2(rows: usize) -> Self {
        let row =
            |number| format!("SHARE{number:05},EQ,100,102.5,99.5,101,101.25,98.75,1000,100750,01-JUN-2016,75,{ISIN}");
        Self::new(Dataset::Bhavcopy, LEGACY_L2, rows, ",", ",\n", row)
    }

    /// A legacy file of 1999-05-03 without trades and ISIN; the day is not padded.
    pub(crate) fn legacy_l1(rows: usize) -> Self {
        let row = |number| format!("SHARE{number:05},EQ,100,102.5,99.5,101,101.25,98.75,1000,100750,3-MAY-1999");
        Self::new(Dataset::Bhavcopy, LEGACY_L1, rows, ",", ",\n", row)
    }

    /// A full bhavcopy of 2024-07-08.
    pub(crate) fn full(rows: usize) -> Self {
        let row = |number| {
            format!(
                "SHARE{number:05},EQ,08-Jul-2024,98.75,100.00,102.50,99.50,101.25,101.00,100.75,1000,1.01,75,400,40.00"
            )
        };
        Self::new(Dataset::FullBhavcopy, FULL, rows, ", ", "\n", row)
    }

    /// One file of each era.
    pub(crate) fn of_each_era(rows: usize) -> [Self; 4] {
        [Self::udiff(rows), Self::legacy_l2(rows), Self::legacy_l1(rows), Self::full(rows)]
    }

    fn new(
        dataset: Dataset,
        header: &str,
        rows: usize,
        separator: &'static str,
        line_end: &str,
        row: impl Fn(usize) -> String,
    ) -> Self {
        let split = |line: &str| line.split(',').map(str::to_owned).collect();
        let rows = (1..=rows).map(|number| split(&row(number))).collect();
        Self { dataset, header: split(header), rows, separator, line_end: line_end.to_owned() }
    }

    /// Returns the position of a column.
    pub(crate) fn column(&self, name: &str) -> usize {
        self.header.iter().position(|column| column == name).unwrap_or_else(|| panic!("no column {name}"))
    }

    /// Overwrites a value; rows count from 0.
    pub(crate) fn set(&mut self, row: usize, column: &str, value: &str) -> &mut Self {
        let column = self.column(column);
        self.rows[row][column] = value.to_owned();
        self
    }

    /// Overwrites a value in all rows.
    pub(crate) fn set_all(&mut self, column: &str, value: &str) -> &mut Self {
        (0..self.rows.len()).for_each(|row| {
            self.set(row, column, value);
        });
        self
    }

    /// Changes every line, the header included.
    pub(crate) fn change_lines(&mut self, change: impl Fn(&mut Vec<String>)) -> &mut Self {
        change(&mut self.header);
        self.rows.iter_mut().for_each(change);
        self
    }

    /// Returns the line of a row without its end.
    pub(crate) fn line(&self, row: usize) -> String {
        self.rows[row].join(self.separator)
    }

    /// Returns the file.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let lines = std::iter::once(&self.header).chain(&self.rows);
        lines.map(|line| line.join(self.separator) + &self.line_end).collect::<String>().into_bytes()
    }

    /// Decodes the file without naming a date.
    pub(crate) fn decode(&self) -> Result<Decoded, Refusal> {
        decode_bytes(&self.bytes(), self.dataset)
    }
}

/// Decodes bytes without naming a date.
pub(crate) fn decode_bytes(bytes: &[u8], dataset: Dataset) -> Result<Decoded, Refusal> {
    decode(bytes, &Request::new(dataset, Exchange::Nse, None))
}

/// Decodes bytes as the file of a date.
pub(crate) fn decode_on(bytes: &[u8], dataset: Dataset, date: &str) -> Result<Decoded, Refusal> {
    decode(bytes, &Request::new(dataset, Exchange::Nse, Some(day(date))))
}

/// Returns a date.
pub(crate) fn day(text: &str) -> TradeDate {
    text.parse().expect("a date")
}

/// Packs members into a zip archive.
pub(crate) fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        archive.start_file(*name, options).expect("a member");
        archive.write_all(bytes).expect("bytes in memory");
    }
    archive.finish().expect("an archive").into_inner()
}
