//! The warehouse's HTTP interface: what a request says, how its body is packed, and its statement.

use champion_embedded_warehouse::fuzzing::{Coding, admits, admits_values, pack, request, statement, tokens, unpack};

use crate::memory::peak_of;

/// The URL's query on the first line, a header on each further one.
pub(crate) fn http_request(data: &[u8]) {
    let mut lines = data.split(|byte| *byte == b'\n');
    let query = lines.next().unwrap_or_default();
    let mut builder = http::Request::builder().method("POST").uri([b"/?", query].concat());
    for line in lines {
        if let Some(colon) = line.iter().position(|byte| *byte == b':') {
            builder = builder.header(&line[..colon], &line[colon + 1..]);
        }
    }
    let Ok(http) = builder.body(().into()) else { return };
    let (shown, peak) = peak_of(|| request(&http, 100));
    assert!(peak <= (64 << 10) + 64 * data.len(), "{peak} bytes of memory for {} bytes", data.len());
    let text = shown.as_ref().unwrap_or_else(|error| error);
    assert!(text.len() <= 4096 + 16 * data.len(), "{} bytes", text.len());
    assert_eq!(request(&http, 100), shown, "the same request is read the same");
    if shown.is_ok() {
        let query = http.uri().query().unwrap_or_default();
        assert!(query.split('&').filter(|part| !part.is_empty()).count() <= 100);
    }
}

/// The first byte says how the others are packed.
pub(crate) fn http_body(data: &[u8]) {
    const MOST: u64 = 1 << 20;
    let Some((choice, body)) = data.split_first() else { return };
    let coding = Coding::of(choice % Coding::COUNT);
    let (result, peak) = peak_of(|| unpack(body, coding, MOST));
    assert!(peak <= (40 << 20) + 600 * data.len(), "{peak} bytes of memory for {} bytes", data.len());
    assert!(result.as_ref().is_ok_and(|out| out.len() as u64 <= MOST) || result.is_err(), "the cap holds");
    assert_eq!(unpack(body, coding, MOST), result, "the same bytes, the same body");
    let packed = pack(body, coding);
    assert_eq!(unpack(&packed, coding, MOST).as_deref(), Ok(body), "what is packed comes back");
    if let Some(less) = (body.len() as u64).checked_sub(1) {
        assert!(unpack(&packed, coding, less).is_err(), "one byte beyond the cap is refused");
    }
}

/// The first byte says where a text is cut in two.
pub(crate) fn sql(data: &[u8]) {
    let Some((cut, text)) = data.split_first() else { return };
    let cut = usize::from(*cut).min(text.len());
    let mut end = 0;
    let tokens = tokens(text);
    for (at, (borders, closed)) in tokens.iter().enumerate() {
        assert!(borders.start >= end && borders.end > borders.start && borders.end <= text.len(), "{borders:?}");
        assert!(*closed || at + 1 == tokens.len(), "only the last token has no end");
        end = borders.end;
    }
    let (whole, peak) = peak_of(|| statement(text, true));
    assert!(peak <= (64 << 10) + 256 * data.len(), "{peak} bytes of memory for {} bytes", data.len());
    assert_eq!(statement(text, true), whole, "the same text is read the same");
    if let Ok(Some(statement)) = &whole {
        assert!(text.starts_with(statement.sql.as_bytes()));
        assert!(statement.data_at.is_none_or(|at| at <= text.len() && at >= statement.sql.len()));
    }
    if let Ok(early @ Some(_)) = statement(&text[..cut], false) {
        assert_eq!(whole, Ok(early), "what is told early is not told otherwise later");
    }
    let Ok(text) = str::from_utf8(text) else { return };
    let admitted = admits(text, "upper");
    assert_eq!(admits(&format!("/**/ {text}"), "upper"), admitted, "a comment in front talks nothing around");

    if !admits_values(&[text.as_bytes()]) {
        let (left, right) = text.as_bytes().split_at(cut);
        assert!(!admits_values(&[left, right]), "a cut at {cut} talks the guard around");
    }
}
