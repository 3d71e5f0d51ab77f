//! The documents say what the code does.

use std::fmt::Write as _;

use champion_e2e::programs;
use champion_market_data::Table;
use champion_market_data::columnar::Column;

/// Renders the tables of the data contract from the code that defines them.
fn rendered_tables() -> String {
    let mut text = String::new();
    for table in Table::ALL {
        let spec = table.spec();
        writeln!(text, "### `{table}`\n").expect("a string takes every text");
        writeln!(text, "Natural key: {}. Business date: `{}`.\n", quoted(spec.key), spec.date_column)
            .expect("as above");
        writeln!(text, "| column | type | meaning |\n|---|---|---|").expect("as above");
        for column in spec.columns {
            writeln!(text, "| `{}` | {} | {} |", column.name, kind(column), column.doc).expect("as above");
        }
        text.push('\n');
    }
    text
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn kind(column: &Column) -> String {
    let name = column.kind.clickhouse();
    if column.nullable { format!("{name}, nullable") } else { name.to_owned() }
}

const BEGIN: &str = "<!-- tables: begin -->\n";
const END: &str = "<!-- tables: end -->";

/// `UPDATE_DOCS=1 cargo nextest run -p champion-e2e the_data_contract` writes the tables anew.
#[test]
fn the_data_contract_names_every_column_as_the_code_does() {
    let path = programs::root().join("docs/data-contract.md");
    let text = std::fs::read_to_string(&path).expect("docs/data-contract.md is there");
    let (before, rest) = text.split_once(BEGIN).expect("it has a begin mark");
    let (written, after) = rest.split_once(END).expect("it has an end mark");
    let rendered = rendered_tables();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{rendered}{END}{after}")).expect("a file of ours");
        return;
    }
    assert_eq!(written, rendered, "docs/data-contract.md is out of date: run this test with UPDATE_DOCS=1");
}

#[test]
fn every_command_of_the_readme_exists() {
    let text = std::fs::read_to_string(programs::root().join("README.md")).expect("README.md is there");
    let mut seen = 0;
    for line in text.lines().filter_map(|line| line.strip_prefix("    champion ")) {
        let command = line.split_whitespace().next().expect("a command");
        let output = std::process::Command::new(programs::binary("champion")).args([command, "--help"]).output();
        let output = output.expect("champion runs");
        assert!(output.status.success(), "champion {command}: {}", String::from_utf8_lossy(&output.stderr));
        let help = String::from_utf8_lossy(&output.stdout).into_owned();
        let shown = line.split('#').next().expect("the part before the comment");
        for flag in shown.split_whitespace().filter(|word| word.starts_with("--")) {
            assert!(help.contains(flag), "champion {command} has no {flag}");
        }
        seen += 1;
    }
    assert!(seen >= 6, "the README shows only {seen} commands");
    let makefile = std::fs::read_to_string(programs::root().join("Makefile")).expect("Makefile is there");
    for line in text.lines().filter_map(|line| line.trim().strip_prefix("make ")) {
        let target = line.split_whitespace().next().expect("a target");
        assert!(makefile.contains(&format!("\n{target}:")), "make {target} does not exist");
    }
}
