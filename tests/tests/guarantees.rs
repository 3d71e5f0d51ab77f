//! The page of guarantees names the tests that hold each promise, and every promise has one or a reason.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use champion_e2e::programs;

/// Number and words of each promise of the platform.
const PROMISES: &[(u32, &str)] = &[
    (1, "Killed at any point and run again: tables equal to an undisturbed run; at most one extra download a kill"),
    (2, "Power cut: a published partition is absent or whole, and no manifest names a missing or short file"),
    (3, "The same day N times, also from two machines at once: rows, content and versions as once"),
    (4, "Every message three times and in any order: the warehouse as if each came once"),
    (5, "The warehouse commits and the reply is lost: the retry adds no row"),
    (6, "Warehouse away: nothing lost, memory bounded, back-pressure, drains without an operator"),
    (
        7,
        "Disk full, input/output error or read-only at any write: fails closed with a named error, earlier data readable, resumes",
    ),
    (8, "One flipped bit in a stored file: found by the sweep and at the read, never served, rebuilt"),
    (9, "200 with a page in place of the file: classified, no row parsed, no success recorded"),
    (10, "200 with another day's data: refused as stale, no row, the calendar explains the day"),
    (11, "The previous session under the right date: set aside"),
    (12, "Truncated body, wrong CRC, short Content-Length, bad chunk: tried again, then failed; never a partial day"),
    (13, "Hostile archives: refused within bounded memory, and nothing is written outside"),
    (14, "A block: no further request to the host for its time, by any process, also after a restart"),
    (15, "429 with Retry-After: no request before it; absurd values are capped"),
    (16, "A server that never answers or drips: ended by deadline or progress timeout; other hosts unaffected"),
    (
        17,
        "Failures open the breaker within its window; half-open lets k calls; a hung probe holds nothing; k successes close it",
    ),
    (18, "A storm of retries against a dead host stays within the budget"),
    (
        19,
        "Columns in another order, an extra one, CRLF, BOM: the same; a required column missing: the whole file is refused",
    ),
    (
        20,
        "k bad rows of n: n − k published, k in quarantine with reason, line and number; above the threshold the file is refused",
    ),
    (21, "A corrected file is a new version, the old one stays readable as of then; an identical one is none"),
    (22, "Delivery days late: prices are served before, and filling it in touches no price byte"),
    (
        23,
        "Muhurat, weekend session, late holiday: no false gap; beyond the calendar's coverage \"unknown\", never \"no gap\"",
    ),
    (24, "A clock in UTC or twelve hours wrong: the same business dates"),
    (28, "A redirect to a private address, another host or http: refused before connecting"),
    (29, "Certificates between services: a bad one is refused, a rotation drops no call"),
    (30, "Planted secrets and cookies appear in no log, metric, trace, error or file"),
    (31, "A backfill stopped anywhere goes on from its checkpoint and repeats at most the days in flight"),
    (32, "The gap report names each expected session with its state; there is no unknown success"),
    (33, "A web page reaches no HTTP port of the platform; GET only reads, whatever the request says"),
    (34, "A statement's memory is capped, no client lifts the cap, and the warehouse lives on"),
    (35, "What `champion up` started ends with it, also after kill -9; the next start works, and no log is truncated"),
    (
        36,
        "Text from outside has a shape: a value that breaks it is a refused row, and what was refused whole is listed",
    ),
    (37, "An export hands no spreadsheet a formula and no terminal a control sequence"),
    (38, "Connections are bounded; without descriptors or threads left the admin port still answers"),
    (39, "Each method is called by the identities that may; a plain port off loopback does not start"),
    (40, "A stage takes version, time, exchange, table and counts from the lake, never from its caller"),
    (41, "A time or version that cannot be is refused by name, and no correction is lost by it"),
    (42, "What a repair says was looked at again: where nothing remains, the next look finds nothing"),
    (43, "The audit names each difference between the newest observation, what is published and what is loaded"),
    (44, "One object that cannot be read is a finding and holds up no other"),
    (45, "Staged files, leftovers and lock files are collected by themselves, and no lock is lost by it"),
    (46, "The journal lost, emptied or elsewhere: status, gaps and metrics are those of the undisturbed run"),
    (47, "Of several orchestrators one is active; a take-over continues its runs, and a superseded one writes nothing"),
    (48, "A damaged journal is named with its remedy, moved away and made anew, and costs no truth"),
];

/// Promises without a test, with the reason.
const NOT_HELD: &[(u32, &str)] = &[];

/// What a test of a promise begins with; in two parts, so that this line is none.
const MARK: &str = concat!("fn ", "promise_");

/// Finds the tests named after a promise: number, then package and name.
fn tests_of_promises() -> BTreeMap<u32, Vec<(String, String)>> {
    let mut found: BTreeMap<u32, Vec<(String, String)>> = BTreeMap::new();
    let root = programs::root();
    let crates = std::fs::read_dir(root.join("crates")).expect("crates/ is there");
    let mut packages: Vec<_> = crates.map(|entry| entry.expect("an entry").path()).collect();
    packages.extend([root.join("tests"), root.join("fuzz")]);
    for package in packages.iter().filter(|package| package.join("Cargo.toml").is_file()) {
        let manifest = std::fs::read_to_string(package.join("Cargo.toml")).expect("a manifest");
        let name = manifest.lines().find_map(|line| line.strip_prefix("name = ")).expect("a name").trim_matches('"');
        collect(package, name, &mut found);
    }
    found.values_mut().for_each(|tests| tests.sort());
    found
}

fn collect(folder: &Path, package: &str, found: &mut BTreeMap<u32, Vec<(String, String)>>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            collect(&path, package, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).expect("source");
            for line in text.lines() {
                let Some((_, rest)) = line.split_once(MARK) else { continue };
                let name: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                let number = name.get(..2).and_then(|digits| digits.parse().ok());
                let number = number.unwrap_or_else(|| panic!("{}: promise_{name} has no number", path.display()));
                found.entry(number).or_default().push((package.to_owned(), format!("promise_{name}")));
            }
        }
    }
}

fn rendered(tests: &BTreeMap<u32, Vec<(String, String)>>) -> String {
    let mut text = String::from("| | promise | held by |\n|---|---|---|\n");
    for (number, promise) in PROMISES {
        let mut by: Vec<String> = tests.get(number).map_or_else(Vec::new, |tests| {
            tests
                .iter()
                .map(|(package, name)| format!("{} `{name}`", package.trim_start_matches("champion-")))
                .collect()
        });
        by.extend(NOT_HELD.iter().filter(|(missing, _)| missing == number).map(|(_, why)| format!("**{why}**")));
        writeln!(text, "| {number} | {promise} | {} |", by.join("<br>")).expect("a string takes every text");
    }
    text
}

const BEGIN: &str = "<!-- promises: begin -->\n";
const END: &str = "<!-- promises: end -->";

#[test]
fn every_promise_has_a_test_named_after_it_or_a_reason() {
    let tests = tests_of_promises();
    for (number, promise) in PROMISES {
        let excused = NOT_HELD.iter().any(|(missing, _)| missing == number);
        assert!(tests.contains_key(number) != excused, "promise {number} ({promise}): a test or a reason, not both");
    }
    for number in tests.keys() {
        assert!(PROMISES.iter().any(|(known, _)| known == number), "promise_{number:02}_… names no promise");
    }
}

/// `UPDATE_DOCS=1 cargo nextest run -p champion-e2e the_page_of_guarantees` writes the table anew.
#[test]
fn the_page_of_guarantees_names_every_test_of_a_promise() {
    let path = programs::root().join("docs/guarantees.md");
    let text = std::fs::read_to_string(&path).expect("docs/guarantees.md is there");
    let (before, rest) = text.split_once(BEGIN).expect("it has a begin mark");
    let (written, after) = rest.split_once(END).expect("it has an end mark");
    let rendered = rendered(&tests_of_promises());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{rendered}{END}{after}")).expect("a file of ours");
        return;
    }
    assert_eq!(written, rendered, "docs/guarantees.md is out of date: run this test with UPDATE_DOCS=1");
}
