//! The data folder: its one owner, and the engine's own configuration in it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::config::{EngineSection, LimitsSection};
use crate::error::StartError;

/// A data folder this process owns; the lock goes with the process, however it ends.
#[derive(Debug)]
pub(crate) struct Store {
    tables: PathBuf,
    configuration: PathBuf,
    _lock: File,
}

impl Store {
    /// Takes the folder and writes the engine's configuration into it.
    ///
    /// # Errors
    ///
    /// Fails when another process owns it or it cannot be written.
    pub(crate) fn open(engine: &EngineSection, limits: &LimitsSection, external: bool) -> Result<Self, StartError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| StartError::Data { path, source }
        };
        fs::create_dir_all(&engine.data).map_err(failed(&engine.data))?;
        let folder = fs::canonicalize(&engine.data).map_err(failed(&engine.data))?;
        let lock = lock(&folder)?;
        let tables = folder.join("tables");
        let configuration = folder.join("engine.xml");
        let users = folder.join("users.xml");
        fs::create_dir_all(&tables).map_err(failed(&tables))?;
        fs::write(&users, users_xml(engine, limits, external)).map_err(failed(&users))?;
        fs::write(&configuration, engine_xml(engine, &users)).map_err(failed(&configuration))?;
        Ok(Self { tables, configuration, _lock: lock })
    }

    /// Returns the arguments of every connection.
    ///
    /// Naming the configuration file matters beyond its content: without it the engine reads a `config.xml` of the
    /// working folder, or one of the user's.
    pub(crate) fn arguments(&self) -> Vec<String> {
        vec![
            format!("--config-file={}", self.configuration.display()),
            format!("--path={}", self.tables.display()),
            // The engine's embedded form takes a bare expression for a query; a server does not.
            "--implicit_select=0".to_owned(),
        ]
    }
}

fn lock(folder: &Path) -> Result<File, StartError> {
    let path = folder.join("owner.lock");
    let failed = |source| StartError::Data { path: path.clone(), source };
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut owner = String::new();
            // What the owner wrote is a help, not a need.
            let _ = file.read_to_string(&mut owner);
            return Err(StartError::Owned { path: folder.to_owned(), owner: owner.trim().to_owned() });
        }
        Err(TryLockError::Error(source)) => return Err(failed(source)),
    }
    describe(&mut file).map_err(failed)?;
    Ok(file)
}

fn describe(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    writeln!(file, "process {}", std::process::id())
}

/// The server part: small caches and pools, because the process shares a small machine with nine others.
fn engine_xml(engine: &EngineSection, users: &Path) -> String {
    let cache = engine.cache_mebibytes * 1024 * 1024;
    let memory = engine.memory_mebibytes << 20;
    format!(
        "<clickhouse>
  <users_config>{users}</users_config>
  <max_server_memory_usage>{memory}</max_server_memory_usage>
  <mark_cache_size>{cache}</mark_cache_size>
  <uncompressed_cache_size>{cache}</uncompressed_cache_size>
  <index_mark_cache_size>{cache}</index_mark_cache_size>
  <index_uncompressed_cache_size>{cache}</index_uncompressed_cache_size>
  <primary_index_cache_size>{cache}</primary_index_cache_size>
  <query_condition_cache_size>{cache}</query_condition_cache_size>
</clickhouse>
",
        users = escaped(&users.display().to_string()),
    )
}

/// The one user the engine knows: who may ask is decided before the engine, what may be reached here.
///
/// Memory is bound three times: a statement's by the profile, the user's, who is all statements, likewise, and the whole
/// engine's with its caches in the server part. 0 would mean no limit, also of time, so it is
/// below the least value a client may set.
fn users_xml(engine: &EngineSection, limits: &LimitsSection, external: bool) -> String {
    let seconds = limits.query_seconds;
    let answer = limits.answer_bytes(engine);
    let (one, all) = (limits.query_memory_mebibytes << 20, engine.memory_mebibytes << 20);
    let (grants, fixed) =
        if external { (String::new(), [].as_slice()) } else { (inward_grants(), FIXED_SETTINGS.as_slice()) };
    let constraints: String = fixed.iter().map(|name| format!("\n      <{name}><readonly/></{name}>")).collect();
    format!(
        "<clickhouse>
  <profiles><default>
    <max_execution_time>{seconds}</max_execution_time>
    <max_memory_usage>{one}</max_memory_usage>
    <max_memory_usage_for_user>{all}</max_memory_usage_for_user>
    <constraints>
      <max_execution_time><min>1</min><max>{seconds}</max></max_execution_time>
      <max_memory_usage><min>1</min><max>{one}</max></max_memory_usage>
      <max_result_bytes><min>1</min><max>{answer}</max></max_result_bytes>
      <max_memory_usage_for_user><readonly/></max_memory_usage_for_user>
      <max_untracked_memory><readonly/></max_untracked_memory>{constraints}
    </constraints>
  </default></profiles>
  <users><default>
    <password></password>
    <networks><ip>::/0</ip></networks>
    <profile>default</profile>
    <quota>default</quota>{grants}
  </default></users>
  <quotas><default></default></quotas>
</clickhouse>
"
    )
}

/// Settings that name files or addresses, hold SQL that is read later than the statement, or change its grammar.
const FIXED_SETTINGS: [&str; 19] = [
    "additional_result_filter",
    "additional_table_filters",
    "ai_function_embedding_default_credentials",
    "ai_function_text_default_credentials",
    "allow_experimental_eval_table_function",
    "allow_experimental_kusto_dialect",
    "allow_experimental_polyglot_dialect",
    "allow_experimental_prql_dialect",
    "dialect",
    "filesystem_cache_name",
    "format_avro_schema_registry_url",
    "format_schema",
    "format_template_resultset",
    "format_template_row",
    "input_format_record_errors_file_path",
    "output_format_schema",
    "parallel_replicas_custom_key",
    "rename_files_after_processing",
    "url_base",
];

/// Every right inside the process and none that leaves it: no source, no named collection, no dictionary, no backup, no
/// user, no shutdown. Engines are all granted, because the embedded engine does not ask for that right: `sql::Guard` does.
fn inward_grants() -> String {
    let rights = "CHECK, SHOW, SELECT, INSERT, ALTER TABLE, ALTER VIEW, ALTER DATABASE, CREATE DATABASE, CREATE TABLE, CREATE VIEW, \
         CREATE TEMPORARY TABLE, CREATE ARBITRARY TEMPORARY TABLE, CREATE TEMPORARY VIEW, CREATE FUNCTION, DROP, UNDROP TABLE, \
         TRUNCATE, OPTIMIZE, KILL QUERY, KILL TRANSACTION, dictGet, SYSTEM MERGES, SYSTEM TTL MERGES, SYSTEM CLEANUP, \
         SYSTEM MOVES, SYSTEM VIEWS, SYSTEM FLUSH, SYSTEM DROP CACHE, SYSTEM LOAD PRIMARY KEY, \
         SYSTEM UNLOAD PRIMARY KEY, SYSTEM WAIT LOADING PARTS";
    format!(
        "\n    <grants>\n      <query>GRANT {rights} ON *.*</query>\n      <query>GRANT TABLE ENGINE ON *</query>\n    </grants>"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
