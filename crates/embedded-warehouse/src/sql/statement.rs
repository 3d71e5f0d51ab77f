//! One statement: its kind, its format, its table, and where an insert's data begins.

use super::lexer::{Lexer, Token, TokenKind};
use crate::exception::{Code, Exception};

/// What a statement does, as metrics and spans call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Select,
    Insert,
    Show,
    Create,
    Alter,
    Drop,
    Set,
    Other,
}

impl Kind {
    /// Every kind.
    pub(crate) const ALL: [Self; 8] =
        [Self::Select, Self::Insert, Self::Show, Self::Create, Self::Alter, Self::Drop, Self::Set, Self::Other];

    /// Returns the label value and operation name.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Select => "SELECT",
            Self::Insert => "INSERT",
            Self::Show => "SHOW",
            Self::Create => "CREATE",
            Self::Alter => "ALTER",
            Self::Drop => "DROP",
            Self::Set => "SET",
            Self::Other => "OTHER",
        }
    }

    fn of(first: &Token<'_>) -> Self {
        const WORDS: [(&str, Kind); 19] = [
            ("SELECT", Kind::Select),
            ("WITH", Kind::Select),
            ("FROM", Kind::Select),
            ("INSERT", Kind::Insert),
            ("SHOW", Kind::Show),
            ("DESCRIBE", Kind::Show),
            ("DESC", Kind::Show),
            ("EXISTS", Kind::Show),
            ("EXPLAIN", Kind::Show),
            ("CREATE", Kind::Create),
            ("ATTACH", Kind::Create),
            ("REPLACE", Kind::Create),
            ("ALTER", Kind::Alter),
            ("DELETE", Kind::Alter),
            ("DROP", Kind::Drop),
            ("DETACH", Kind::Drop),
            ("TRUNCATE", Kind::Drop),
            ("SET", Kind::Set),
            ("USE", Kind::Set),
        ];
        if first.is_sign(b'(') {
            return Self::Select;
        }
        WORDS.iter().find(|(word, _)| first.is_word(word)).map_or(Self::Other, |(_, kind)| *kind)
    }
}

/// A statement as the engine is to get it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(crate) kind: Kind,
    /// The text; of an insert with data, without its FORMAT clause and data.
    pub(crate) sql: String,
    /// The format it names itself.
    pub(crate) format: Option<String>,
    /// The table an insert goes to, when its name is plain.
    pub(crate) table: Option<String>,
    /// It leaves something behind in the connection: a setting, a current database, a temporary table.
    pub(crate) changes_session: bool,
    /// It is a plain `SELECT` whose blocks make sense one after the other: no totals, no extremes, no array of rows.
    pub(crate) streams: bool,
    /// It is an insert whose data follows the text.
    pub(crate) takes_data: bool,
    /// It asks, or changes nothing but its own connection.
    pub(crate) only_reads: bool,
}

/// What a text turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    /// The whole text is the statement, once it is complete.
    Whole(Statement),
    /// An insert; its data begins at this offset.
    Insert(Statement, usize),
    /// The text is too short to tell.
    Incomplete,
}

/// Reads a text; `complete` says that nothing follows it.
///
/// # Errors
///
/// Refuses a text that is not UTF-8, is empty, or holds several statements.
pub(crate) fn parse(text: &[u8], complete: bool) -> Result<Parsed, Exception> {
    let mut lexer = Lexer::new(text);
    let Some(first) = lexer.next() else {
        return if complete { Err(Exception::new(Code::SYNTAX_ERROR, "Empty query")) } else { Ok(Parsed::Incomplete) };
    };
    if first.is_word("INSERT") {
        return parse_insert(text, lexer, complete);
    }
    if !complete {
        return Ok(Parsed::Incomplete);
    }
    let tokens: Vec<_> = std::iter::once(first).chain(lexer).collect();
    if one_statement(&tokens) { whole(text, &tokens).map(Parsed::Whole) } else { Err(several()) }
}

fn several() -> Exception {
    Exception::new(Code::SYNTAX_ERROR, "Syntax error: Multi-statements are not allowed")
}

fn utf8(text: &[u8]) -> Result<String, Exception> {
    String::from_utf8(text.to_vec()).map_err(|_| Exception::new(Code::SYNTAX_ERROR, "The query is not valid UTF-8"))
}

/// Tells whether nothing but semicolons follows the first semicolon.
fn one_statement(tokens: &[Token<'_>]) -> bool {
    tokens.iter().skip_while(|token| !token.is_sign(b';')).all(|token| token.is_sign(b';'))
}

fn whole(text: &[u8], tokens: &[Token<'_>]) -> Result<Statement, Exception> {
    let inserts =
        tokens[0].is_word("WITH") && tokens.windows(2).any(|two| two[0].is_word("INSERT") && two[1].is_word("INTO"));
    let kind = if inserts { Kind::Insert } else { Kind::of(&tokens[0]) };
    let creates_temporary = kind == Kind::Create && tokens.iter().take(4).any(|token| token.is_word("TEMPORARY"));
    let is_begin = tokens[0].is_word("BEGIN") || tokens[0].is_word("COMMIT") || tokens[0].is_word("ROLLBACK");
    Ok(Statement {
        kind,
        sql: utf8(text)?,
        format: format_clause(tokens),
        table: None,
        streams: kind == Kind::Select && !tokens.iter().any(is_one_document),
        changes_session: kind == Kind::Set || creates_temporary || is_begin,
        takes_data: false,
        only_reads: matches!(kind, Kind::Select | Kind::Show | Kind::Set) && !has_companions(tokens),
    })
}

/// Tells whether other statements hang on to this one (`SET … PARALLEL WITH DROP …`).
fn has_companions(tokens: &[Token<'_>]) -> bool {
    tokens.windows(2).any(|two| two[0].is_word("PARALLEL") && two[1].is_word("WITH"))
}

/// Words that make an answer one document, whatever its format.
fn is_one_document(token: &Token<'_>) -> bool {
    ["TOTALS", "extremes", "output_format_json_array_of_rows"].iter().any(|word| token.is_word(word))
}

/// Finds `FORMAT name` outside brackets; only the last clause of a statement can be it.
fn format_clause(tokens: &[Token<'_>]) -> Option<String> {
    let mut depth = 0_usize;
    let mut format = None;
    for (at, token) in tokens.iter().enumerate() {
        match token.kind {
            TokenKind::Sign(b'(' | b'[' | b'{') => depth += 1,
            TokenKind::Sign(b')' | b']' | b'}') => depth = depth.saturating_sub(1),
            TokenKind::Word if depth == 0 && at > 0 && token.is_word("FORMAT") => {
                let follows =
                    tokens.get(at + 1).filter(|next| matches!(next.kind, TokenKind::Word | TokenKind::Quoted));
                let ends = tokens.get(at + 2).is_none_or(|after| after.is_sign(b';') || after.is_word("SETTINGS"));
                if let (Some(name), true) = (follows.and_then(Token::name), ends) {
                    format = String::from_utf8(name.into_owned()).ok();
                }
            }
            _ => {}
        }
    }
    format
}

/// Reads `INSERT INTO [TABLE] name [(columns)] [SETTINGS …] (FORMAT name | VALUES | SELECT …)`.
fn parse_insert(text: &[u8], lexer: Lexer<'_>, complete: bool) -> Result<Parsed, Exception> {
    let mut depth = 0_usize;
    let mut seen: Vec<Token<'_>> = Vec::new();
    for token in lexer.clone() {
        // A word or name that touches the end may go on in the next chunk, and a here-document end there.
        if !complete && (token.end() == text.len() || token.may_open_here_document()) {
            return Ok(Parsed::Incomplete);
        }
        match token.kind {
            TokenKind::Sign(b'(' | b'[' | b'{') => depth += 1,
            TokenKind::Sign(b')' | b']' | b'}') => depth = depth.saturating_sub(1),
            TokenKind::Word if depth == 0 => {
                let clause = seen.split_last().filter(|(last, before)| last.is_word("FORMAT") && has_table(before));
                if let Some((clause, _)) = clause {
                    let statement = insert(text, clause.start, &seen, token.text)?;
                    return Ok(after_format(text, token.end(), complete)
                        .map_or(Parsed::Incomplete, |data| Parsed::Insert(statement, data)));
                }
                if token.is_word("VALUES") && has_table(&seen) {
                    let statement = insert(text, token.start, &seen, b"Values")?;
                    return Ok(Parsed::Insert(statement, token.end()));
                }
                if (token.is_word("SELECT") || token.is_word("WITH")) && has_table(&seen) {
                    break;
                }
            }
            _ => {}
        }
        seen.push(token);
    }
    if !complete {
        return Ok(Parsed::Incomplete);
    }
    let first = Lexer::new(text).next();
    let tokens: Vec<_> = first.into_iter().chain(lexer).collect();
    if !one_statement(&tokens) {
        return Err(several());
    }
    if tokens.windows(2).any(|two| two[0].is_word("input") && two[1].is_sign(b'(')) {
        let text = "INSERT … SELECT … FROM input() is not supported: insert into a table first";
        return Err(Exception::new(Code::NOT_IMPLEMENTED, text));
    }
    let mut statement = whole(text, &tokens)?;
    statement.table = table(&seen);
    Ok(Parsed::Whole(statement))
}

/// Tells whether a table's name is complete before the keyword that ends the head: a table may be called `format`.
fn has_table(seen: &[Token<'_>]) -> bool {
    let names = seen.iter().skip_while(|token| token.is_word("INTO") || token.is_word("TABLE"));
    names.last().is_some_and(|last| !last.is_sign(b'.') && !last.is_word("FUNCTION"))
}

fn insert(text: &[u8], end: usize, seen: &[Token<'_>], format: &[u8]) -> Result<Statement, Exception> {
    Ok(Statement {
        kind: Kind::Insert,
        sql: utf8(&text[..end])?,
        format: Some(utf8(format)?),
        table: table(seen),
        streams: false,
        changes_session: false,
        takes_data: true,
        only_reads: false,
    })
}

fn table(seen: &[Token<'_>]) -> Option<String> {
    let mut names = seen.iter().skip_while(|token| token.is_word("INTO") || token.is_word("TABLE"));
    let text = |token: &Token<'_>| token.name().and_then(|name| String::from_utf8(name.into_owned()).ok());
    let mut name = text(names.next()?)?;
    while let (Some(dot), Some(part)) = (names.next(), names.next()) {
        if !dot.is_sign(b'.') {
            break;
        }
        name = format!("{name}.{}", text(part)?);
    }
    Some(name)
}

/// Finds where data begins after the name of the format, as the engine's parser does: after blanks, and after the first
/// line break if one comes next. `None` while that cannot be told.
fn after_format(text: &[u8], from: usize, complete: bool) -> Option<usize> {
    let mut at = from;
    while let Some(b' ' | b'\t' | 0x0C) = text.get(at) {
        at += 1;
    }
    if text.get(at) == Some(&b';') {
        at += 1;
        while let Some(b' ' | b'\t' | 0x0C) = text.get(at) {
            at += 1;
        }
    }
    let carriage_return = text.get(at) == Some(&b'\r');
    let line_break = text.get(at + usize::from(carriage_return));
    match line_break {
        Some(b'\n') => Some(at + usize::from(carriage_return) + 1),
        Some(_) => Some(at + usize::from(carriage_return)),
        None => complete.then_some(at + usize::from(carriage_return)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insert_of(text: &[u8]) -> (Statement, Vec<u8>) {
        match parse(text, true).unwrap() {
            Parsed::Insert(statement, data) => (statement, text[data..].to_vec()),
            other => panic!("not an insert with data: {other:?}"),
        }
    }

    #[test]
    fn an_insert_is_split_at_its_data() {
        for (text, sql, format, data) in [
            ("INSERT INTO t FORMAT CSV\n1,2\n", "INSERT INTO t ", "CSV", "1,2\n"),
            ("INSERT INTO t FORMAT CSV \r\n1", "INSERT INTO t ", "CSV", "1"),
            ("INSERT INTO t FORMAT RowBinary \n\n\nSELECT", "INSERT INTO t ", "RowBinary", "\n\nSELECT"),
            (
                "insert into a.b (x, `format csv`) settings y = 'FORMAT CSV' format TSV 1",
                "insert into a.b (x, `format csv`) settings y = 'FORMAT CSV' ",
                "TSV",
                "1",
            ),
            ("INSERT INTO t VALUES (1), ('; DROP')", "INSERT INTO t ", "Values", " (1), ('; DROP')"),
            ("INSERT INTO values VALUES (1)", "INSERT INTO values ", "Values", " (1)"),
            ("INSERT INTO format FORMAT CSV 1", "INSERT INTO format ", "CSV", "1"),
            ("/* c */ INSERT INTO TABLE t FORMAT CSV;\n1", "/* c */ INSERT INTO TABLE t ", "CSV", "1"),
            ("INSERT INTO t FORMAT CSV", "INSERT INTO t ", "CSV", ""),
        ] {
            let (statement, rest) = insert_of(text.as_bytes());
            assert_eq!((statement.sql.as_str(), statement.format.as_deref()), (sql, Some(format)), "{text}");
            assert_eq!(String::from_utf8(rest).unwrap(), data, "{text}");
        }
    }

    #[test]
    fn a_split_is_found_or_awaited_at_every_border_of_chunks() {
        let text = b"INSERT INTO a.`b c` (x) SETTINGS s='q' FORMAT RowBinary \r\n\x00\x01\xff\n\n;".as_slice();
        let (whole, data) = insert_of(text);
        for cut in 0..text.len() {
            match parse(&text[..cut], false).unwrap() {
                Parsed::Incomplete => {}
                Parsed::Insert(statement, at) => {
                    assert_eq!(statement, whole);
                    assert_eq!(&text[at..], data);
                }
                Parsed::Whole(statement) => panic!("{statement:?} at {cut}"),
            }
        }
    }

    #[test]
    fn a_here_document_that_goes_on_in_the_next_chunk_is_awaited() {
        let text = b"INSERT INTO t SETTINGS s = $a$ FORMAT CSV 1 $a$ FORMAT TSV 2".as_slice();
        let (whole, data) = insert_of(text);
        assert_eq!((whole.format.as_deref(), data.as_slice()), (Some("TSV"), &b"2"[..]));
        for cut in 0..text.len() {
            if let Parsed::Insert(early, _) = parse(&text[..cut], false).unwrap() {
                assert_eq!(early, whole, "cut at {cut}");
            }
        }
    }

    #[test]
    fn an_insert_from_a_select_is_one_text() {
        let Parsed::Whole(statement) = parse(b"INSERT INTO t SELECT 1 FORMAT CSV", true).unwrap() else { panic!() };
        assert_eq!((statement.kind, statement.table.as_deref()), (Kind::Insert, Some("t")));
        assert!(!statement.takes_data);
    }

    #[test]
    fn an_insert_behind_a_with_clause_is_an_insert() {
        let Parsed::Whole(statement) = parse(b"WITH 1 AS x INSERT INTO t SELECT x", true).unwrap() else { panic!() };
        assert_eq!(statement.kind, Kind::Insert);
        let input = parse(b"INSERT INTO t SELECT a FROM input('a Int8') FORMAT CSV 1", true);
        assert_eq!(input.unwrap_err().code(), Code::NOT_IMPLEMENTED);
    }

    #[test]
    fn what_only_reads_is_told_from_what_writes() {
        let only_reads = |text: &str| match parse(text.as_bytes(), true).unwrap() {
            Parsed::Whole(statement) | Parsed::Insert(statement, _) => statement.only_reads,
            Parsed::Incomplete => panic!("{text}"),
        };
        for text in [
            "SELECT 1",
            "WITH 1 AS x SELECT x",
            "(SELECT 1)",
            "FROM t SELECT a",
            "SHOW TABLES",
            "DESC t",
            "SET a = 1",
            "USE d",
        ] {
            assert!(only_reads(text), "{text}");
        }
        for text in [
            "INSERT INTO t SELECT 1",
            "INSERT INTO t VALUES (1)",
            "WITH 1 AS x INSERT INTO t SELECT x",
            "/* SELECT */ DROP TABLE t",
            "SET a = 1 PARALLEL WITH DROP TABLE t",
            "USE d parallel /**/ with DROP TABLE t",
            "SYSTEM FLUSH LOGS",
            "KILL QUERY WHERE 1",
            "OPTIMIZE TABLE t",
        ] {
            assert!(!only_reads(text), "{text}");
        }
    }

    #[test]
    fn several_statements_are_refused() {
        for text in ["SELECT 1; SELECT 2", "SELECT 1; DROP TABLE t", "INSERT INTO t SELECT 1; DROP TABLE t"] {
            assert_eq!(parse(text.as_bytes(), true).unwrap_err().code(), Code::SYNTAX_ERROR, "{text}");
        }
        for text in ["SELECT 1;", "SELECT ';'", "SELECT 1 ; -- ; x\n ;"] {
            assert!(matches!(parse(text.as_bytes(), true).unwrap(), Parsed::Whole(_)), "{text}");
        }
    }

    #[test]
    fn the_format_clause_is_the_last_one_outside_brackets() {
        for (text, format) in [
            ("SELECT 1 FORMAT JSON", Some("JSON")),
            ("SELECT 1 FORMAT JSON SETTINGS a = 1", Some("JSON")),
            ("SELECT format FROM t", None),
            ("SELECT * FROM format(CSV, '1')", None),
            ("SELECT 'FORMAT CSV'", None),
            ("SELECT format AS a FROM t format Native;", Some("Native")),
        ] {
            let Parsed::Whole(statement) = parse(text.as_bytes(), true).unwrap() else { panic!() };
            assert_eq!(statement.format.as_deref(), format, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(text: Vec<u8>, complete: bool) {
            let _ = parse(&text, complete);
        }

        #[test]
        fn the_border_of_chunks_does_not_move_the_data(
            head in "INSERT INTO ([a-z]{1,4}|`a ``b`|/\\* c \\*/ t) (\\(a, b\\) )?(SETTINGS a = 'FORMAT CSV' )?FORMAT [A-Z]{1,4}[ \n]",
            data: Vec<u8>,
            cut: proptest::sample::Index,
        ) {
            let text = [head.as_bytes(), &data].concat();
            if let Ok(Parsed::Insert(whole, at)) = parse(&text, true) {
                let cut = cut.index(text.len() + 1);
                if let Ok(Parsed::Insert(early, early_at)) = parse(&text[..cut], false) {
                    proptest::prop_assert_eq!((early, early_at), (whole, at));
                }
            }
        }
    }
}
