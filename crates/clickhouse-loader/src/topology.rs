//! Where the tables live: one server or a cluster, from one template.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A name that stands in SQL as it is: a letter or underscore, then letters, digits, underscores; at most 64.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identifier(String);

/// A text that cannot stand in SQL unquoted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("invalid name {0:?}: expected a letter or underscore, then letters, digits or underscores, at most 64")]
pub struct InvalidIdentifier(String);

impl FromStr for Identifier {
    type Err = InvalidIdentifier;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
        let rest = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if first && rest && text.len() <= 64 {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidIdentifier(text.chars().take(80).collect()))
        }
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The database, and the cluster it is spread over, if it is.
///
/// On a cluster each table is a replicated `<name>_local` on every shard and a distributed `<name>` over them, sharded by
/// symbol, so that all versions of a row meet on one shard. Readers and writers use `<name>` either way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    /// The database.
    pub database: Identifier,
    /// The cluster, as the server's configuration names it.
    pub cluster: Option<Identifier>,
}

/// First line of a statement that exists on a cluster only.
const CLUSTER_ONLY: &str = "-- on a cluster";

impl Topology {
    /// Returns the statements of a template, in order.
    ///
    /// A statement ends at a line that ends with `;`. Placeholders: `${database}`, `${cluster}`, `${on_cluster}`,
    /// `${local}` (suffix of the tables that hold rows), `${replicated}` (prefix of their engine) and `${global}` (prefix
    /// of joins between distributed tables).
    #[must_use]
    pub fn render(&self, template: &str) -> Vec<String> {
        let mut statements = Vec::new();
        let (mut text, mut cluster_only) = (String::new(), false);
        for line in template.lines() {
            if line.starts_with("--") {
                cluster_only |= line == CLUSTER_ONLY;
                continue;
            }
            if text.is_empty() && line.is_empty() {
                continue;
            }
            text.push_str(line);
            text.push('\n');
            if line.ends_with(';') {
                let statement = text.trim_end().trim_end_matches(';');
                if !cluster_only || self.cluster.is_some() {
                    statements.push(self.fill_in(statement));
                }
                (text, cluster_only) = (String::new(), false);
            }
        }
        statements
    }

    fn fill_in(&self, statement: &str) -> String {
        let cluster = self.cluster.as_ref().map(ToString::to_string).unwrap_or_default();
        let on_cluster = if cluster.is_empty() { String::new() } else { format!(" ON CLUSTER '{cluster}'") };
        let on = |text: &'static str| if cluster.is_empty() { "" } else { text };
        statement
            .replace("${database}", &self.database.to_string())
            .replace("${on_cluster}", &on_cluster)
            .replace("${local}", on("_local"))
            .replace("${replicated}", on("Replicated"))
            .replace("${global}", on("GLOBAL "))
            .replace("${cluster}", &cluster)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "-- A table.\n\nCREATE TABLE ${database}.t${local}${on_cluster}\n(\n    a String COMMENT 'x; y'\n)\nENGINE = ${replicated}MergeTree;\n\n-- on a cluster\nCREATE TABLE ${database}.t${on_cluster} ENGINE = Distributed('${cluster}', t${local});\n\nSELECT 1;\n";

    fn topology(cluster: Option<&str>) -> Topology {
        let name = |text: &str| text.parse::<Identifier>().expect("a name");
        Topology { database: name("db"), cluster: cluster.map(name) }
    }

    #[test]
    fn one_template_gives_a_single_server_and_a_cluster() {
        assert_eq!(
            topology(None).render(TEMPLATE),
            ["CREATE TABLE db.t\n(\n    a String COMMENT 'x; y'\n)\nENGINE = MergeTree", "SELECT 1"]
        );
        assert_eq!(
            topology(Some("c1")).render(TEMPLATE),
            [
                "CREATE TABLE db.t_local ON CLUSTER 'c1'\n(\n    a String COMMENT 'x; y'\n)\nENGINE = ReplicatedMergeTree",
                "CREATE TABLE db.t ON CLUSTER 'c1' ENGINE = Distributed('c1', t_local)",
                "SELECT 1",
            ]
        );
    }

    #[test]
    fn a_name_that_could_carry_sql_is_refused() {
        for text in ["", "1a", "a-b", "a b", "a;b", "a'b", "a.b", &"a".repeat(65)] {
            assert!(text.parse::<Identifier>().is_err(), "{text:?}");
        }
    }
}
