//! Every method of the contract, who may call it, and the rules the services start with.

use std::collections::{BTreeMap, BTreeSet};

use champion_e2e::programs;
use champion_service::{Allow, methods, rule_of};

/// Who calls, as the shipped configuration knows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Caller {
    Orchestrator,
    Operator,
    Monitor,
}

use Caller::{Monitor, Operator, Orchestrator};

impl Caller {
    pub(crate) const ALL: [Self; 3] = [Orchestrator, Operator, Monitor];

    pub(crate) const fn identity(self) -> &'static str {
        match self {
            Orchestrator => "spiffe://champion/orchestrator",
            Operator => "spiffe://champion/operator",
            Monitor => "spiffe://champion/monitor",
        }
    }
}

/// Service, method and those who may call it. Monitoring reads and nothing else; a repair is a person's.
pub(crate) const METHODS: &[(&str, &str, &[Caller])] = &[
    ("scraper", "champion.scraper.v1.ScraperService/Fetch", &[Orchestrator]),
    ("scraper", "champion.scraper.v1.SourceService/ListSources", &[Operator, Monitor]),
    ("scraper", "champion.scraper.v1.SourceService/ResetSource", &[Operator]),
    ("scraper", "champion.scraper.v1.SetAsideService/ListSetAside", &[Operator, Monitor]),
    ("parser", "champion.parser.v1.ParserService/Parse", &[Orchestrator]),
    ("parquet-writer", "champion.writer.v1.WriterService/Write", &[Orchestrator]),
    ("parquet-writer", "champion.writer.v1.WriterService/Verify", &[Operator]),
    ("parquet-writer", "champion.writer.v1.WriterService/Collect", &[Operator]),
    ("parquet-writer", "champion.writer.v1.WriterService/Compact", &[Operator]),
    ("clickhouse-loader", "champion.loader.v1.LoaderService/Load", &[Orchestrator]),
    ("clickhouse-loader", "champion.loader.v1.LoaderService/Reconcile", &[Operator]),
    ("clickhouse-loader", "champion.loader.v1.LoaderService/Audit", &[Orchestrator, Operator]),
    ("clickhouse-loader", "champion.loader.v1.LoaderService/Migrate", &[Operator]),
    ("orchestrator", "champion.orchestrator.v1.OrchestratorService/Run", &[Operator]),
    ("orchestrator", "champion.orchestrator.v1.OrchestratorService/Backfill", &[Operator]),
    ("orchestrator", "champion.orchestrator.v1.OrchestratorService/Cancel", &[Operator]),
    ("orchestrator", "champion.orchestrator.v1.OrchestratorService/RebuildJournal", &[Operator]),
    ("orchestrator", "champion.orchestrator.v1.OrchestratorService/GetRun", &[Operator, Monitor]),
    ("orchestrator", "champion.orchestrator.v1.OrchestratorService/ListRuns", &[Operator, Monitor]),
    ("orchestrator", "champion.orchestrator.v1.OrchestratorService/GetStatus", &[Operator, Monitor]),
    ("orchestrator", "champion.orchestrator.v1.OrchestratorService/Gaps", &[Operator, Monitor]),
];

/// The rules of a service's shipped configuration.
fn shipped(service: &str) -> Allow {
    let file = programs::root().join(format!("deploy/config/{service}.toml"));
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let tree: toml::Table = text.parse().unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let allow = tree["server"]["tls"].get("allow").unwrap_or_else(|| panic!("{service} has no [server.tls.allow]"));
    allow.clone().try_into().unwrap_or_else(|error| panic!("{service}: {error}"))
}

#[test]
fn promise_39_every_method_of_the_contract_has_a_rule_and_no_rule_is_without_a_method() {
    let there: BTreeSet<String> =
        methods(champion_proto::DESCRIPTORS, &[]).expect("the contract's descriptors").into_iter().collect();
    let known: BTreeSet<String> = METHODS.iter().map(|(_, method, _)| (*method).to_owned()).collect();
    let undecided: Vec<_> = there.difference(&known).collect();
    assert!(undecided.is_empty(), "say here and in [server.tls.allow] of the service who may call {undecided:?}");
    let gone: Vec<_> = known.difference(&there).collect();
    assert!(gone.is_empty(), "no such methods: {gone:?}");

    let mut expected: BTreeMap<&str, BTreeMap<String, Vec<String>>> = BTreeMap::new();
    for (service, method, callers) in METHODS {
        let names = callers.iter().map(|caller| caller.identity().to_owned()).collect();
        let of_service = expected.entry(service).or_default();
        assert!(of_service.insert(rule_of(method), names).is_none(), "{method}: two methods share a rule");
    }
    for (service, mut rules) in expected {
        rules.insert(champion_service::REFLECTION.to_owned(), vec![Operator.identity().to_owned()]);
        let found: BTreeMap<String, Vec<String>> = shipped(service).into();
        assert_eq!(found, rules, "deploy/config/{service}.toml");
    }
}
