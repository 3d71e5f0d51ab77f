//! The rules of ARCHITECTURE.md, held.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace").to_owned()
}

fn metadata() -> Metadata {
    MetadataCommand::new().manifest_path(root().join("Cargo.toml")).exec().expect("cargo describes the workspace")
}

/// One row of the dependency table: the crates of the workspace a crate may use, and the packages it must not know.
struct Rule {
    may_use: BTreeSet<String>,
    must_not_know: BTreeSet<String>,
}

/// Reads the table under "## Dependencies" of ARCHITECTURE.md: `| crate | may use | must not know |`.
fn dependency_table() -> BTreeMap<String, Rule> {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md is there");
    let section = text.split("## Dependencies").nth(1).expect("it has a section on dependencies");
    let section = section.split("\n## ").next().expect("split yields at least one part");
    let names = |cell: &str| -> BTreeSet<String> {
        cell.split(',')
            .map(|name| name.trim().trim_matches('`').to_owned())
            .filter(|name| !name.is_empty() && name != "–")
            .collect()
    };
    let mut table = BTreeMap::new();
    for line in section.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 3, "a row has three cells: {line}");
        let rule = Rule { may_use: names(cells[1]), must_not_know: names(cells[2]) };
        table.insert(cells[0].trim_matches('`').to_owned(), rule);
    }
    table
}

/// Folder name of a workspace package: `champion-market-data` is `market-data`, `champion` is `cli`.
fn short(package: &str) -> String {
    if package == "champion" { "cli".to_owned() } else { package.trim_start_matches("champion-").to_owned() }
}

#[test]
fn every_crate_obeys_the_dependency_table() {
    let table = dependency_table();
    let metadata = metadata();
    let mut faults = Vec::new();
    for package in metadata.workspace_packages() {
        let name = short(&package.name);
        if name == "e2e" {
            continue;
        }
        let Some(rule) = table.get(&name) else {
            faults.push(format!("{name} is not in the table"));
            continue;
        };
        for dependency in
            package.dependencies.iter().filter(|dependency| dependency.kind != DependencyKind::Development)
        {
            let inside = dependency.name.starts_with("champion");
            if inside && !rule.may_use.contains(&short(&dependency.name)) {
                faults.push(format!("{name} uses {}", dependency.name));
            }
            if rule.must_not_know.contains(&dependency.name) {
                faults.push(format!("{name} knows {}", dependency.name));
            }
        }
    }
    assert!(faults.is_empty(), "edges that the table forbids:\n{}", faults.join("\n"));
}

#[test]
fn the_dependency_table_names_every_crate_and_no_other() {
    let named: BTreeSet<String> = dependency_table().into_keys().collect();
    let there: BTreeSet<String> = metadata()
        .workspace_packages()
        .iter()
        .map(|package| short(&package.name))
        .filter(|name| name != "e2e")
        .collect();
    assert_eq!(named, there);
}

#[test]
fn every_version_stands_once_in_the_root_manifest() {
    for package in metadata().workspace_packages() {
        let text = std::fs::read_to_string(&package.manifest_path).expect("a manifest");
        let manifest: toml::Table = text.parse().expect("TOML");
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for (name, value) in manifest.get(kind).and_then(toml::Value::as_table).into_iter().flatten() {
                let inherited = value.get("workspace").and_then(toml::Value::as_bool) == Some(true);
                assert!(inherited, "{}: {name} does not come from the workspace", package.name);
            }
        }
    }
}

fn tracked_files() -> Vec<PathBuf> {
    let output =
        std::process::Command::new("git").arg("ls-files").current_dir(root()).output().expect("git lists the files");
    assert!(output.status.success(), "git ls-files: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8 names").lines().map(|line| root().join(line)).collect()
}

#[test]
fn rust_files_stay_short_enough_to_be_proof_read() {
    const LONGEST: usize = 500;
    let long: Vec<String> = tracked_files()
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .filter_map(|path| {
            let lines = std::fs::read_to_string(&path).ok()?.lines().count();
            (lines > LONGEST).then(|| format!("{} ({lines})", path.display()))
        })
        .collect();
    assert!(long.is_empty(), "files beyond {LONGEST} lines are two things: {long:?}");
}

#[test]
fn no_exchange_file_is_committed() {
    let data = ["zip", "ZIP", "DAT", "csv", "CSV", "parquet", "arrow"];
    let found: Vec<PathBuf> = tracked_files()
        .into_iter()
        .filter(|path| {
            path.extension().and_then(|extension| extension.to_str()).is_some_and(|extension| data.contains(&extension))
        })
        .collect();
    assert!(found.is_empty(), "the project ships a generated market, never the exchanges' data: {found:?}");
}
