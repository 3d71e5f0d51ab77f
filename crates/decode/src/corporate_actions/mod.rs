//! Corporate-action filings: the API's JSON and the site's CSV download, to one row a leg.
//!
//! * Every filing is kept with its text as published. `rows_in`, `published`, `quarantined` and `filtered` count
//!   filings; the table has a row for each leg of a published filing.
//! * A file that was asked for a date keeps the filings whose ex-date it is, and those without ex-date yet; the others
//!   are filtered. The download covers many dates: asked for none, each filing is kept under its own.
//! * An empty list is a good file: that day has no filings.

mod books;
mod download;
mod fields;
mod filing;
mod json;
mod rows;
mod text;

#[cfg(test)]
mod real_archive;
#[cfg(test)]
mod tests;

use champion_market_data::{Dataset, Era, Exchange, Sha256, Table};

use self::books::{Books, Closed, common_date};
use self::download::Header;
use self::fields::{COUNT, FIELDS};
use self::filing::Filing;
use self::json::Element;
use crate::RefusalCode::{Empty, Html, MissingColumn, NotAZip, NotUtf8, TooLarge, Truncated, WrongFormat};
use crate::columns::Envelope;
use crate::container::{beginning, looks_like_html};
use crate::csv::{Fields, Lines};
use crate::findings::Findings;
use crate::{Decoded, Inspection, Limits, Refusal, Request};

/// Decodes a file of filings in either form.
pub(crate) fn decode(bytes: &[u8], request: &Request, sha256: Sha256) -> Result<Decoded, Refusal> {
    let (era, books, unknown_columns) = read(bytes, request)?;
    let Closed { counts, filings, rows, failures } = books.close(era, request)?;
    let envelope = Envelope { exchange: request.exchange, era, sha256 };
    let (batch, actions) = rows::build(&filings, &envelope);
    Ok(Decoded {
        era,
        trade_date: request.trade_date.or_else(|| common_date(&filings)),
        sha256,
        counts,
        tables: vec![(Table::CorporateActions, batch)],
        quarantined: rows,
        warnings: Findings::count(filings.iter().map(|(filing, _)| &filing.findings)),
        failures,
        actions,
        unknown_columns,
    })
}

/// Looks into a file of filings: its form, how many there are, and their ex-date if it is one.
pub(crate) fn inspect(bytes: &[u8]) -> Result<Inspection, Refusal> {
    let request = Request::new(Dataset::CorporateActions, Exchange::Nse, None);
    let (era, books, _) = read(bytes, &request)?;
    let content_date = books.common_date();
    let closed = books.close(era, &request)?;
    Ok(Inspection { era, content_date, rows: closed.counts.rows_in })
}

fn read(bytes: &[u8], request: &Request) -> Result<(Era, Books, Vec<String>), Refusal> {
    let (era, text) = recognise(bytes, &request.limits)?;
    let read = match era {
        Era::ApiJson => read_json(text, request),
        _ => read_download(text, request),
    };
    let (books, unknown) = read.map_err(|refusal| refusal.of_era(era))?;
    Ok((era, books, unknown))
}

/// Tells the two forms by their first character and refuses what is neither.
fn recognise<'b>(bytes: &'b [u8], limits: &Limits) -> Result<(Era, &'b [u8]), Refusal> {
    let refuse = |code, reason: String| Err(Refusal::new(code, reason));
    let length = bytes.len() as u64;
    if length > limits.max_member_bytes {
        return refuse(TooLarge, format!("the file has {length} bytes, at most {} are read", limits.max_member_bytes));
    }
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let start = text.trim_ascii_start();
    match start.first() {
        None => refuse(Empty, format!("the file is empty ({} bytes of blanks)", text.len())),
        Some(b'<') => refuse(Html, format!("an HTML page in place of a file: {:?}", beginning(start))),
        Some(b'[') => Ok((Era::ApiJson, text)),
        Some(b'{') => {
            let reason = format!("an object in place of the list of filings: {:?}", beginning(start));
            Err(Refusal::new(WrongFormat, reason).of_era(Era::ApiJson))
        }
        Some(0xff | 0xfe) => refuse(NotUtf8, "UTF-16 text, expected UTF-8".to_owned()),
        Some(_) if start.starts_with(b"PK\x03\x04") => refuse(WrongFormat, "an archive in place of filings".to_owned()),
        Some(_) if start[..start.len().min(4096)].contains(&0) => {
            refuse(NotAZip, "neither a list of filings nor a CSV file".to_owned())
        }
        Some(_) => Ok((Era::ApiCsv, text)),
    }
}

fn read_json(text: &[u8], request: &Request) -> Result<(Books, Vec<String>), Refusal> {
    let text = std::str::from_utf8(text)
        .map_err(|error| Refusal::new(NotUtf8, format!("not UTF-8 from byte {}", error.valid_up_to())))?;
    let elements = json::elements(text, request.limits.max_rows)?;
    let mut books = Books::new(request.trade_date);
    let mut unknown: Vec<String> = Vec::new();
    let mut seen = [false; COUNT];
    let mut objects = 0_u64;
    for (ordinal, element) in (1..).zip(&elements) {
        let filing = Element::parse(element).and_then(|mut element| {
            objects += 1;
            for (field, seen) in seen.iter_mut().enumerate() {
                *seen |= element.has(field);
            }
            for key in std::mem::take(&mut element.unknown) {
                if unknown.len() < 100 && !unknown.contains(&key) {
                    unknown.push(key);
                }
            }
            Filing::read(&element.into_values())
        });
        books.enter(ordinal, element.as_bytes(), filing);
    }
    let missing = FIELDS.iter().zip(seen).find(|(field, seen)| field.required && !seen && objects > 0);
    if let Some((field, _)) = missing {
        let reason = format!("required field {} is in none of {objects} filings", field.json);
        return Err(books.refuse(Era::ApiJson, MissingColumn, reason));
    }
    Ok((books, unknown))
}

fn read_download(text: &[u8], request: &Request) -> Result<(Books, Vec<String>), Refusal> {
    let mut lines = Lines::new(text);
    let header = Header::read(&mut lines).map_err(|refusal| match refusal.code {
        WrongFormat if looks_like_html(text) => Refusal::new(Html, "an HTML page in place of a file"),
        _ => refusal,
    })?;
    let mut books = Books::new(request.trade_date);
    let mut fields = Fields::default();
    let mut rows = 0;
    for line in lines {
        rows += 1;
        if rows > request.limits.max_rows {
            let reason = format!("the file has more than {} rows", request.limits.max_rows);
            return Err(Refusal::new(TooLarge, reason));
        }
        let values = header.values(line, &mut fields);
        if values.is_err() && !line.terminated {
            let reason = format!("line {} is cut off, and no line end follows", line.number);
            return Err(books.refuse(Era::ApiCsv, Truncated, reason));
        }
        let filing = values.and_then(|values| Filing::read(&values));
        books.enter(line.number, line.bytes, filing);
    }
    Ok((books, header.unknown))
}
