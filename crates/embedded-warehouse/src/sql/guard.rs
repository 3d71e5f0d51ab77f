//! What a statement may not reach: the host's files, the network, other programs.
//!
//! The engine runs inside this process with the rights of its user and was built for a single local user: it reads a file
//! when a table is called like one, and a dictionary may run a command. Two walls stand before that. The first is the
//! engine's own: the one user it knows gets no right to any source, to named collections, dictionaries, backups or the
//! engines that leave the process (`engine/store.rs`). The second is here, for what no right covers: words of the text
//! that name a function, engine or clause that leaves the process. It knows what is allowed, where a list is short
//! enough, and refuses the rest.
//!
//! Limits: a column or alias called `file` has to be written with its table (`t.file`), because the engine takes a bare
//! name for a function in some places (`arrayMap(file, …)`); `EXISTS` answers whether a file of that name exists.

use super::lexer::{Lexer, Token, TokenKind};
use crate::engine::Parameters;
use crate::exception::{Code, Exception};

/// Table functions that stay inside the process.
const TABLE_FUNCTIONS: [&str; 27] = [
    "dictionary",
    "format",
    "fuzzJSON",
    "generateRandom",
    "generateSeries",
    "generate_series",
    "input",
    "loop",
    "merge",
    "mergeTreeAnalyzeIndexes",
    "mergeTreeAnalyzeIndexesUUID",
    "mergeTreeIndex",
    "mergeTreeProjection",
    "mergeTreeTextIndex",
    "null",
    "numbers",
    "numbers_mt",
    "primes",
    "timeSeriesData",
    "timeSeriesMetrics",
    "timeSeriesSamples",
    "timeSeriesTags",
    "values",
    "view",
    "viewIfPermitted",
    "zeros",
    "zeros_mt",
];

/// Engines of tables and databases that stay inside the process.
const ENGINES: [&str; 29] = [
    "AggregatingMergeTree",
    "Alias",
    "Atomic",
    "Buffer",
    "CoalescingMergeTree",
    "CollapsingMergeTree",
    "Dictionary",
    "FuzzJSON",
    "FuzzQuery",
    "GenerateRandom",
    "GraphiteMergeTree",
    "Join",
    "Log",
    "Loop",
    "MaterializedView",
    "Memory",
    "Merge",
    "MergeTree",
    "Null",
    "Ordinary",
    "ReplacingMergeTree",
    "Set",
    "StripeLog",
    "SummingMergeTree",
    "TimeSeries",
    "TinyLog",
    "VersionedCollapsingMergeTree",
    "View",
    "WindowView",
];

/// Functions that read files or run code wherever they stand, in a list, in brackets or as an argument.
const FUNCTIONS: [&str; 2] = ["file", "catboostEvaluate"];

/// The second wall.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    /// Table functions the engine has and this process does not vouch for.
    refused_functions: Vec<String>,
    /// Engines likewise.
    refused_engines: Vec<String>,
    open: bool,
}

impl Guard {
    /// Creates a guard for an engine that has these table functions and these engines of tables and databases, one a
    /// line; an open guard lets everything through.
    pub(crate) fn new(table_functions: &str, engines: &str, open: bool) -> Self {
        let without = |all: &str, allowed: &[&str]| {
            all.lines().filter(|name| !allowed.contains(name)).map(str::to_owned).collect()
        };
        let refused_functions = without(table_functions, &TABLE_FUNCTIONS);
        Self { refused_functions, refused_engines: without(engines, &ENGINES), open }
    }

    /// Checks a statement's text, and those of its parameters that stand for names.
    ///
    /// # Errors
    ///
    /// Refuses with `ACCESS_DENIED` and says what.
    pub(crate) fn check(&self, sql: &str, parameters: &Parameters) -> Result<(), Exception> {
        let tokens: Vec<_> = Lexer::new(sql.as_bytes()).collect();
        check_resets(&tokens)?;
        if self.open {
            return Ok(());
        }
        let attaches = tokens.first().is_some_and(|first| first.is_word("ATTACH"));
        let creates =
            tokens.first().is_some_and(|first| ["CREATE", "ATTACH", "REPLACE"].iter().any(|word| first.is_word(word)));
        let mut previous: Option<Token<'_>> = None;
        for (at, token) in tokens.iter().enumerate() {
            let next = tokens.get(at + 1);
            self.check_name(previous.as_ref(), token, next)?;
            check_clause(token, next, tokens.get(at + 2))?;
            if token.is_word("Identifier") && previous.is_some_and(|token| token.is_sign(b':')) {
                let name = at.checked_sub(2).and_then(|at| tokens[at].name());
                self.check_identifiers(parameters, &name.unwrap_or_default())?;
            }
            if attaches && token.is_word("FROM") && next.is_some_and(|next| next.kind == TokenKind::Literal) {
                return Err(refused("ATTACH TABLE ... FROM a folder"));
            }
            if creates && token.is_word("ENGINE") {
                self.check_engine(tokens[at + 1..].iter().find(|token| !token.is_sign(b'=')))?;
            }
            previous = Some(*token);
        }
        Ok(())
    }

    fn check_name(
        &self,
        previous: Option<&Token<'_>>,
        token: &Token<'_>,
        next: Option<&Token<'_>>,
    ) -> Result<(), Exception> {
        let Some(name) = token.name() else { return Ok(()) };
        let qualified = previous.is_some_and(|token| token.is_sign(b'.'));
        if !qualified && FUNCTIONS.iter().any(|function| *name == *function.as_bytes()) {
            return Err(refused(&format!("the function {}", String::from_utf8_lossy(&name))));
        }
        let called = next.is_some_and(|token| token.is_sign(b'('));
        let same = |refused: &&String| name.eq_ignore_ascii_case(refused.as_bytes());
        match self.refused_functions.iter().find(same) {
            Some(function) if called && !qualified && function_position(previous) => {
                Err(refused(&format!("the table function {function}")))
            }
            _ => Ok(()),
        }
    }

    /// Checks the values of a parameter that becomes a part of the text: a name is read as one, escapes are refused.
    fn check_identifiers(&self, parameters: &Parameters, name: &[u8]) -> Result<(), Exception> {
        for value in parameters.values(name) {
            if value.contains('\\') {
                return Err(refused("a name with escapes as a parameter"));
            }
            let mut previous = None;
            for token in Lexer::new(value.as_bytes()) {
                self.check_name(previous.as_ref(), &token, None)?;
                previous = Some(token);
            }
        }
        Ok(())
    }

    fn check_engine(&self, engine: Option<&Token<'_>>) -> Result<(), Exception> {
        let name = engine.and_then(Token::name).unwrap_or_default();
        match self.refused_engines.iter().find(|refused| *name == *refused.as_bytes()) {
            Some(engine) => Err(refused(&format!("the engine {engine}"))),
            None => Ok(()),
        }
    }
}

/// Tells whether a table function may follow: some of their names, as `url`, are also functions or columns elsewhere.
fn function_position(previous: Option<&Token<'_>>) -> bool {
    const BEFORE: [&str; 7] = ["FROM", "JOIN", "FUNCTION", "IN", "AS", "DESCRIBE", "DESC"];
    previous
        .is_none_or(|token| token.is_sign(b',') || token.is_sign(b'(') || BEFORE.iter().any(|word| token.is_word(word)))
}

fn check_clause(token: &Token<'_>, next: Option<&Token<'_>>, after: Option<&Token<'_>>) -> Result<(), Exception> {
    let next_is = |word: &str| next.is_some_and(|token| token.is_word(word));
    let after_is_text = after.is_some_and(|token| matches!(token.kind, TokenKind::Literal | TokenKind::Sign(b'{')));
    if token.is_word("INTO") && next_is("OUTFILE") && after_is_text {
        return Err(refused("INTO OUTFILE"));
    }
    if token.is_word("FROM") && next_is("INFILE") && after_is_text {
        return Err(refused("FROM INFILE"));
    }
    if token.is_word("disk") && next.is_some_and(|token| token.is_sign(b'(')) {
        return Err(refused("a disk of its own"));
    }
    if token.is_word("SOURCE")
        && next.is_some_and(|token| token.is_sign(b'('))
        && !after.is_some_and(|token| token.is_word("NULL"))
    {
        return Err(refused("a dictionary's source"));
    }
    Ok(())
}

/// Refuses `setting = DEFAULT`: the engine checks no bound of a setting when it is put back to what the engine was built with,
/// so that it lifts `readonly` and the limits of memory and time, whatever the profile says.
fn check_resets(tokens: &[Token<'_>]) -> Result<(), Exception> {
    if tokens.windows(2).any(|two| two[0].is_sign(b'=') && two[1].is_word("DEFAULT")) {
        let text = "Setting a setting to DEFAULT is refused, because it would lift its limits: give its value, or begin a new session";
        return Err(Exception::new(Code::READONLY, text));
    }
    Ok(())
}

fn refused(what: &str) -> Exception {
    let text = format!(
        "{what} is refused: the embedded warehouse reaches no files, network or programs of its host \
         (access.external = false)"
    );
    Exception::new(Code::ACCESS_DENIED, text)
}

/// Longest text literal of `VALUES` that is kept while its end is awaited.
const LONGEST_TOKEN: usize = 1024 * 1024;

/// The guard over the data of `INSERT … VALUES`, which are expressions and may call functions.
#[derive(Debug, Default)]
pub(crate) struct ValuesGuard {
    carry: Vec<u8>,
}

impl ValuesGuard {
    /// Checks a piece of the data; pieces may cut tokens.
    ///
    /// # Errors
    ///
    /// Refuses a call that leaves the process, and a literal without an end in sight.
    pub(crate) fn check(&mut self, guard: &Guard, data: &[u8], last: bool) -> Result<(), Exception> {
        if guard.open {
            return Ok(());
        }
        self.carry.extend_from_slice(data);
        let mut keep = if last { self.carry.len() } else { 0 };
        let mut previous = None;
        for token in Lexer::new(&self.carry) {
            // The last token may go on in the next piece, and its predecessor decides what it means. What follows the
            // beginning of a here-document is its text, or is not: only the next pieces tell.
            if !last && (token.end() == self.carry.len() || token.may_open_here_document()) {
                keep = previous.map_or(token.start, |token: Token<'_>| token.start);
                break;
            }
            guard.check_name(previous.as_ref(), &token, None)?;
            previous = Some(token);
            if !last {
                // A comment behind the token may go on in the next piece.
                keep = token.end();
            }
        }
        self.carry.drain(..keep);
        if self.carry.len() > LONGEST_TOKEN {
            let text =
                format!("A literal of VALUES is longer than {LONGEST_TOKEN} bytes; send such data in another format");
            return Err(Exception::new(Code::QUERY_IS_TOO_LARGE, text));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> Guard {
        let engines = "MergeTree\nMySQL\nFilesystem\nAtomic\nExecutable\nFile";
        Guard::new("file\nurl\nnumbers\nremote\nexecutable\neval\ns3", engines, false)
    }

    #[test]
    fn what_leaves_the_process_is_refused_however_it_is_written() {
        for sql in [
            "SELECT file('/etc/passwd')",
            "SELECT `file`('/etc/passwd')",
            "SELECT \"fi\\x6ce\" /* x */ ('/etc/passwd')",
            "SELECT “file”('/etc/passwd')",
            "SELECT arrayMap(file, ['/etc/passwd'])",
            "SELECT * APPLY file FROM (SELECT '/etc/passwd')",
            "SELECT * FROM file('/etc/passwd', CSV)",
            "SELECT * FROM URL('http://x')",
            "SELECT 1 FROM numbers(1), remote('h', a.b)",
            "INSERT INTO FUNCTION s3('x') SELECT 1",
            "SELECT * FROM eval('SELECT 1')",
            "CREATE TABLE t AS url('x')",
            "SELECT 1 INTO OUTFILE 'x'",
            "INSERT INTO t FROM INFILE 'x' FORMAT CSV",
            "CREATE DATABASE d ENGINE = Filesystem('/')",
            "CREATE DATABASE d ENGINE MySQL('h','a','b','c')",
            "CREATE TABLE t (a Int8) ENGINE = `Executable`('id', TSV)",
            "CREATE TABLE t (a Int8) ENGINE File(CSV)",
            "ATTACH TABLE t FROM '/tmp/t' (a Int8) ENGINE = MergeTree ORDER BY a",
            "CREATE TABLE t (a Int8) ENGINE = MergeTree ORDER BY a SETTINGS disk = disk(type = web)",
            "CREATE DICTIONARY d (a UInt64) PRIMARY KEY a SOURCE(EXECUTABLE(command 'id')) LAYOUT(FLAT())",
        ] {
            assert_eq!(guard().check(sql, &Parameters::default()).unwrap_err().code(), Code::ACCESS_DENIED, "{sql}");
        }
    }

    #[test]
    fn no_setting_is_put_back_to_what_the_engine_was_built_with() {
        let open = Guard::new("", "", true);
        for sql in [
            "SET readonly = DEFAULT",
            "SET readonly/**/==default",
            "INSERT INTO t SETTINGS `readonly` = DEFAULT SELECT 1",
            "SELECT 1 SETTINGS max_threads = 1, max_memory_usage = DEFAULT",
        ] {
            for guard in [&guard(), &open] {
                assert_eq!(guard.check(sql, &Parameters::default()).unwrap_err().code(), Code::READONLY, "{sql}");
            }
        }
        for sql in
            ["CREATE TABLE t (a Int8 DEFAULT 1)", "SELECT 'a = DEFAULT', `default` = `DEFAULT`", "SET ROLE DEFAULT"]
        {
            assert!(guard().check(sql, &Parameters::default()).is_ok(), "{sql}");
        }
    }

    #[test]
    fn a_parameter_that_stands_for_a_name_is_checked_as_one() {
        let check = |value: &str| {
            let mut parameters = Parameters::default();
            parameters.push("f".to_owned(), value.to_owned());
            guard().check("SELECT arrayMap({f : Identifier}, {x:String}, ['/etc/passwd'])", &parameters)
        };
        for value in ["file", "`file`", "\"file\"", "fi\\x6ce", " file"] {
            assert!(check(value).is_err(), "{value}");
        }
        for value in ["upper", "t.file", "a-b", ""] {
            assert!(check(value).is_ok(), "{value}");
        }
    }

    #[test]
    fn ordinary_statements_pass() {
        for sql in [
            "SELECT 'file(1)', t.file, `a file` FROM t -- file('x')",
            "SELECT url, remote FROM numbers(3) WHERE url IN ('a')",
            "SELECT max(url), url AS s3 FROM t",
            "INSERT INTO outfile SELECT 1",
            "CREATE DATABASE d ENGINE = Atomic",
            "CREATE VIEW v AS SELECT engine FROM system.tables WHERE engine = 'File'",
            "CREATE TABLE url (executable String) ENGINE = MergeTree ORDER BY executable",
            "CREATE DICTIONARY d (a UInt64) PRIMARY KEY a SOURCE(NULL()) LAYOUT(FLAT())",
        ] {
            guard().check(sql, &Parameters::default()).unwrap_or_else(|error| panic!("{sql}: {error}"));
        }
    }

    #[test]
    fn a_call_in_values_is_found_at_every_cut() {
        let data = b" (1, 'file(', now()), (file ('/etc/passwd'), 2)";
        for cut in 0..data.len() {
            let mut values = ValuesGuard::default();
            let result =
                values.check(&guard(), &data[..cut], false).and_then(|()| values.check(&guard(), &data[cut..], true));
            assert!(result.is_err(), "cut at {cut}");
        }
        assert!(ValuesGuard::default().check(&guard(), b" (1, 'file(''x'')', now())", true).is_ok());
    }

    #[test]
    fn a_call_behind_a_comment_is_found_at_every_cut() {
        for data in ["-- ' \n (file('/etc/passwd'), ' ')", "(1, # ' \n file('/etc/passwd'), ' ')"] {
            for cut in 0..data.len() {
                let (left, right) = data.as_bytes().split_at(cut);
                let mut values = ValuesGuard::default();
                let result = values.check(&guard(), left, false).and_then(|()| values.check(&guard(), right, true));
                assert!(result.is_err(), "{data}: cut at {cut}");
            }
        }
    }

    #[test]
    fn a_call_behind_a_here_document_is_found_at_every_cut() {
        // The quote inside the here-document begins no literal, so that the call behind it is one.
        let data = b" (1, $a$ ' $a$, file('/etc/passwd'), ' ')";
        for cut in 0..data.len() {
            let mut values = ValuesGuard::default();
            let result =
                values.check(&guard(), &data[..cut], false).and_then(|()| values.check(&guard(), &data[cut..], true));
            assert!(result.is_err(), "cut at {cut}");
        }
    }
}
