//! Settings and the database of a request, put into its connection before the statement.
//!
//! They go through `SET` and `USE`, so that a wrong one is the engine's ordinary error; given when a connection is opened
//! they would be ignored without a word.

use crate::engine::{Marked, Parameters};
use crate::exception::{Code, Exception};
use crate::request::Request;
use crate::sql::Statement;

/// Refuses a statement that writes in a request that may only read.
///
/// The engine has a rule of its own (`readonly`, see [`apply`]), which a session cannot have: once set, it cannot be taken
/// back for the next request of the session. Both stand, so that neither is trusted alone.
pub(crate) fn check_method(request: &Request, statement: &Statement) -> Result<(), Exception> {
    if request.read_only && !statement.only_reads {
        let text = "Cannot execute query in readonly mode. For queries over HTTP, method GET implies readonly. You should \
             use method POST for modifying queries";
        return Err(Exception::new(Code::READONLY, text));
    }
    Ok(())
}

/// Bounds an answer that is kept whole until it is sent: the engine does not count its text as memory of the statement.
pub(crate) fn bound_answer(connection: &mut Marked, bytes: u64) -> Result<(), Exception> {
    run(connection, &format!("SET max_result_bytes = {bytes}"))
}

/// Puts a request's settings into a connection of its own; true when it now differs from a new one.
pub(crate) fn apply(connection: &mut Marked, request: &Request) -> Result<bool, Exception> {
    if request.read_only {
        // 2: nothing is written, and settings may still be given, as ClickHouse does for GET. In a statement of its own, and
        // before anything the client says: from here on the engine refuses every change of `readonly` in this connection.
        run(connection, "SET readonly = 2")?;
    }
    let database = request.database.as_deref().filter(|name| !name.is_empty() && *name != "default");
    if let Some(database) = database {
        use_database(connection, database)?;
    }
    set(connection, &request.settings)?;
    Ok(request.read_only || database.is_some() || !request.settings.is_empty())
}

/// What has to be put back into a session after a request.
pub(crate) struct Undo {
    database: Option<String>,
    /// Each with the value it had; `None` for the default.
    settings: Vec<(String, Option<String>)>,
}

/// Puts a request's settings into a session's connection, for this request only.
pub(crate) fn apply_for_now(connection: &mut Marked, request: &Request) -> Result<Undo, Exception> {
    let mut undo = Undo { database: None, settings: Vec::new() };
    if let Some(database) = request.database.as_deref().filter(|name| !name.is_empty()) {
        undo.database =
            rows(connection, "SELECT currentDatabase()")?.into_iter().next().and_then(|row| row.into_iter().next());
        use_database(connection, database)?;
    }
    if !request.settings.is_empty() {
        let names: Vec<_> = request.settings.iter().map(|(name, _)| literal(name)).collect();
        let sql = format!("SELECT name, changed, value FROM system.settings WHERE name IN ({})", names.join(", "));
        for row in rows(connection, &sql)? {
            if let [name, changed, value] = row.as_slice() {
                undo.settings.push((name.clone(), (changed == "1").then(|| value.clone())));
            }
        }
        set(connection, &request.settings)?;
    }
    Ok(undo)
}

impl Undo {
    /// Puts everything back.
    pub(crate) fn undo(self, connection: &mut Marked) -> Result<(), Exception> {
        if let Some(database) = &self.database {
            use_database(connection, database)?;
        }
        for (name, value) in &self.settings {
            let value = value.as_deref().map_or_else(|| "DEFAULT".to_owned(), literal);
            run(connection, &format!("SET {name} = {value}"))?;
        }
        Ok(())
    }
}

fn use_database(connection: &mut Marked, database: &str) -> Result<(), Exception> {
    let name = database.replace('\\', "\\\\").replace('`', "\\`");
    run(connection, &format!("USE `{name}`"))
}

fn set(connection: &mut Marked, settings: &[(String, String)]) -> Result<(), Exception> {
    if settings.is_empty() {
        return Ok(());
    }
    let mut list = Vec::with_capacity(settings.len());
    for (name, value) in settings {
        // A name stands in the text as it is, so it has to be one.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
        if name.is_empty() || name.as_bytes()[0].is_ascii_digit() || !name.bytes().all(plain) {
            return Err(Exception::from_engine(&format!(
                "Code: 115. DB::Exception: Unknown setting {name:?}. (UNKNOWN_SETTING)"
            )));
        }
        list.push(format!("{name} = {}", literal(value)));
    }
    run(connection, &format!("SET {}", list.join(", ")))
}

fn run(connection: &mut Marked, sql: &str) -> Result<(), Exception> {
    connection.connection.query(sql, "Null", &Parameters::default()).map(drop)
}

fn rows(connection: &mut Marked, sql: &str) -> Result<Vec<Vec<String>>, Exception> {
    let result = connection.connection.query(sql, "TabSeparatedRaw", &Parameters::default())?;
    let text = String::from_utf8_lossy(result.as_ref()).into_owned();
    Ok(text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect())
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
