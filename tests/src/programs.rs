//! Where the programs and files of the tests are.

use std::path::{Path, PathBuf};

/// Returns the workspace's root.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace").to_owned()
}

/// Returns the path of a program of the workspace, from the folder this test was built into.
///
/// # Panics
/// When it was not built.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    let exe = std::env::current_exe().expect("a running program has a path");
    let folder = exe.ancestors().find(|folder| folder.join("champion").is_file());
    let path = folder.map(|folder| folder.join(name)).filter(|path| path.is_file());
    path.unwrap_or_else(|| panic!("the program {name} is not built: run `make build`"))
}

/// Returns the Python with duckdb, polars and oteltap.
///
/// # Panics
/// When it is not installed.
#[must_use]
pub fn python() -> PathBuf {
    tool("CHAMPION_PYTHON", "python/bin/python")
}

/// Returns a real Prometheus.
///
/// # Panics
/// When it is not installed.
#[must_use]
pub fn prometheus() -> PathBuf {
    tool("CHAMPION_PROMETHEUS", "bin/prometheus")
}

/// Returns a real Alertmanager.
///
/// # Panics
/// When it is not installed.
#[must_use]
pub fn alertmanager() -> PathBuf {
    tool("CHAMPION_ALERTMANAGER", "bin/alertmanager")
}

/// Returns libfaketime for programs with threads, to be preloaded into a process whose clock is to be wrong.
///
/// # Panics
/// When it is not installed.
#[must_use]
pub fn faketime() -> PathBuf {
    tool("CHAMPION_FAKETIME", "lib/libfaketimeMT.so.1")
}

fn tool(variable: &str, path: &str) -> PathBuf {
    let set = std::env::var_os(variable).map(PathBuf::from);
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let tools = std::env::var_os("CHAMPION_TOOLS").map_or(home.join(".cache/champion/tools"), PathBuf::from);
    let found = set.unwrap_or_else(|| tools.join(path));
    assert!(found.exists(), "the program {} is missing: run `make tools`", found.display());
    found
}

/// Returns a script of `tests/scripts`.
#[must_use]
pub fn script(name: &str) -> PathBuf {
    root().join("tests/scripts").join(name)
}

/// Returns the folder with real exchange files, laid out by host and path.
///
/// Under CI its absence is a failure; elsewhere the test that asks is told there is none and says so.
///
/// # Panics
/// Under CI, when the folder is absent.
#[must_use]
pub fn archive() -> Option<PathBuf> {
    let folder = std::env::var_os("CHAMPION_EXCHANGE_ARCHIVE")
        .map_or_else(|| root().join("../shared/exchange-mirror"), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var_os("CI").is_none(), "the real exchange files are missing: {}", folder.display());
    eprintln!("skipped: no real exchange files at {}; set CHAMPION_EXCHANGE_ARCHIVE", folder.display());
    None
}
