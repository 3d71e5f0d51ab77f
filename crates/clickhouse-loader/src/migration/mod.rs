//! The warehouse's schema as a list of numbered migrations.

mod migrator;

use champion_market_data::Sha256;

pub use migrator::{MigrationError, Migrator, SchemaState};

/// One step of the schema. An applied migration never changes: a change of a table is the next one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Migration {
    /// From 1, without a gap.
    pub(crate) version: u32,
    /// The file's name without its extension.
    pub(crate) name: &'static str,
    /// The template; see [`crate::Topology::render`].
    pub(crate) template: &'static str,
}

impl Migration {
    /// Returns the hash that stands beside an applied migration.
    pub(crate) fn sha256(&self) -> String {
        Sha256::of(self.template.as_bytes()).to_string()
    }
}

/// What has to be there before a migration can be written down.
pub(crate) const BOOTSTRAP: &str = include_str!("../../migrations/bootstrap.sql");

/// Every migration, in order.
pub(crate) const MIGRATIONS: [Migration; 6] = [
    Migration { version: 1, name: "0001_equity", template: include_str!("../../migrations/0001_equity.sql") },
    Migration {
        version: 2,
        name: "0002_corporate_actions",
        template: include_str!("../../migrations/0002_corporate_actions.sql"),
    },
    Migration { version: 3, name: "0003_load_ledger", template: include_str!("../../migrations/0003_load_ledger.sql") },
    Migration {
        version: 4,
        name: "0004_current_views",
        template: include_str!("../../migrations/0004_current_views.sql"),
    },
    Migration { version: 5, name: "0005_quarantine", template: include_str!("../../migrations/0005_quarantine.sql") },
    Migration { version: 6, name: "0006_as_of", template: include_str!("../../migrations/0006_as_of.sql") },
];

#[cfg(test)]
mod tests {
    use champion_market_data::Table;

    use super::*;
    use crate::Topology;

    fn statements(cluster: Option<&str>) -> Vec<String> {
        let topology = Topology {
            database: "champion".parse().expect("a name"),
            cluster: cluster.map(|name| name.parse().expect("a name")),
        };
        std::iter::once(BOOTSTRAP)
            .chain(MIGRATIONS.iter().map(|migration| migration.template))
            .flat_map(|template| topology.render(template))
            .collect()
    }

    /// Reads `name Type COMMENT '…' CODEC(…)` and takes the storage's `LowCardinality` away.
    fn column(line: &str) -> Option<(String, String, String)> {
        let (definition, rest) = line.trim().split_once(" COMMENT '")?;
        let (name, stored) = definition.split_once(' ')?;
        let plain = stored.strip_prefix("LowCardinality(").and_then(|inner| inner.strip_suffix(')')).unwrap_or(stored);
        let comment = rest.rsplit_once("' CODEC(")?.0;
        Some((name.to_owned(), plain.to_owned(), comment.replace("''", "'")))
    }

    #[test]
    fn migrations_are_numbered_from_one_and_named_by_their_number() {
        for (position, migration) in MIGRATIONS.iter().enumerate() {
            assert_eq!(migration.version as usize, position + 1);
            assert!(migration.name.starts_with(&format!("{:04}_", migration.version)), "{}", migration.name);
        }
    }

    #[test]
    fn the_tables_of_the_warehouse_have_exactly_the_columns_of_the_contract() {
        for &table in Table::ALL {
            let spec = table.spec();
            let create = format!("CREATE TABLE IF NOT EXISTS champion.{table}\n");
            let statements = statements(None);
            let ddl = statements.iter().find(|sql| sql.starts_with(&create)).expect("the table is created");
            let found: Vec<_> = ddl.lines().filter_map(column).collect();
            let (ours, housekeeping) = found.split_at(spec.columns.len());
            for (column, (name, stored, comment)) in spec.columns.iter().zip(ours) {
                let plain = column.kind.clickhouse();
                let expected = if column.nullable { format!("Nullable({plain})") } else { plain.to_owned() };
                assert_eq!((column.name, &expected), (name.as_str(), stored), "{table}");
                assert!(!comment.is_empty(), "{table}.{name} has a meaning");
            }
            let names: Vec<&str> = housekeeping.iter().map(|(name, _, _)| name.as_str()).collect();
            assert_eq!(names, ["version", "is_deleted"], "{table}");
            assert!(ddl.contains(&format!("ORDER BY ({})\n", spec.key.join(", "))), "{table}: {ddl}");
            assert!(ddl.contains(&format!("PARTITION BY toYYYYMM({})\n", spec.date_column)), "{table}");
            assert!(ddl.contains("non_replicated_deduplication_window = 1000"), "{table}");
            assert!(!ddl.contains("TTL"), "nothing expires");
        }
    }

    #[test]
    fn every_view_of_a_table_shows_its_columns_and_not_the_tombstones() {
        for &table in Table::ALL {
            let create = format!("CREATE VIEW IF NOT EXISTS champion.{table}_current AS");
            let statements = statements(None);
            let view = statements.iter().find(|sql| sql.starts_with(&create)).expect("the view is created");
            let list = view.split_once("SELECT").and_then(|(_, rest)| rest.split_once("FROM")).expect("a query").0;
            let columns: Vec<&str> = list.split(',').map(str::trim).collect();
            let expected: Vec<&str> =
                table.spec().columns.iter().map(|column| column.name).chain(["version"]).collect();
            assert_eq!(columns, expected, "{table}");
            assert!(view.ends_with(&format!("FROM champion.{table} FINAL")), "{table}");
        }
    }

    #[test]
    fn every_table_has_a_history_by_key_and_version_and_a_view_of_the_same_columns_as_of_an_instant() {
        let statements = statements(None);
        let find = |begin: &str| statements.iter().find(|sql| sql.starts_with(begin)).expect("it is created");
        for &table in Table::ALL {
            let history = find(&format!("CREATE TABLE IF NOT EXISTS champion.{table}_history\nAS champion.{table}\n"));
            assert!(history.contains(&format!("ORDER BY ({}, version)\n", table.spec().key.join(", "))), "{history}");
            let list = |name: &str| {
                let view = find(&format!("CREATE VIEW IF NOT EXISTS champion.{table}_{name} AS"));
                let lists = view.split("SELECT\n").skip(1).map(|rest| rest.split_once("FROM").expect("a query").0);
                lists.map(str::to_owned).collect::<Vec<_>>()
            };
            let current = list("current").pop().expect("one query");
            let current = current.trim();
            let as_of = list("as_of");
            assert_eq!(as_of.len(), 2, "the table and its history");
            assert!(as_of.iter().all(|columns| columns.trim() == current), "{table}");
        }
    }

    #[test]
    fn on_a_cluster_every_table_is_replicated_and_every_local_table_has_a_distributed_one() {
        let statements = statements(Some("c1"));
        assert!(statements.iter().all(|sql| sql.contains(" ON CLUSTER 'c1'")), "{statements:#?}");
        let count = |text: &str| statements.iter().filter(|sql| sql.contains(text)).count();
        // Each table has a history; two ledgers, the quarantine and the list of migrations.
        let tables = 2 * Table::ALL.len() + 4;
        assert_eq!(count("ENGINE = ReplicatedReplacingMergeTree("), tables);
        assert_eq!(count("ENGINE = Distributed('c1', 'champion', "), tables);
        assert!(statements.iter().all(|sql| !sql.contains("${")), "every placeholder is filled in");
    }
}
