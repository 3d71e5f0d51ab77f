//! Environment variables as a source of configuration: `CHAMPION_SCRAPER__PACE__BURST=4` sets `pace.burst`.

use config::{Config, ConfigError, Map, Source, Value, ValueKind};

/// The variables of one service.
///
/// A value stays the text it is and becomes what its key's type asks for; only where the default is a list it is split at
/// commas. Guessing types from the text would turn a password `007` into the number 7.
#[derive(Debug, Clone)]
pub(super) struct Variables {
    prefix: String,
    variables: Vec<(String, String)>,
    lists: Vec<String>,
}

impl Variables {
    /// Takes the variables of the prefix; `defaults` tells which keys are lists.
    pub(super) fn new(prefix: &str, variables: impl Iterator<Item = (String, String)>, defaults: &Config) -> Self {
        let prefix = format!("{prefix}__");
        let variables = variables.filter(|(name, _)| name.starts_with(&prefix)).collect();
        let mut lists = Vec::new();
        list_keys("", &defaults.cache.kind, &mut lists);
        Self { prefix, variables, lists }
    }
}

fn list_keys(path: &str, kind: &ValueKind, lists: &mut Vec<String>) {
    match kind {
        ValueKind::Table(table) => {
            for (key, value) in table {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                list_keys(&path, &value.kind, lists);
            }
        }
        ValueKind::Array(_) => lists.push(path.to_owned()),
        _ => {}
    }
}

impl Source for Variables {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        let mut values = Map::new();
        for (name, text) in &self.variables {
            let key = name[self.prefix.len()..].to_ascii_lowercase().replace("__", ".");
            // The origin is what an error message names.
            let origin = format!("the environment variable {name}");
            let kind = if self.lists.contains(&key) {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                ValueKind::Array(items.map(|item| Value::new(Some(&origin), item)).collect())
            } else {
                ValueKind::String(text.clone())
            };
            values.insert(key, Value::new(Some(&origin), kind));
        }
        Ok(values)
    }
}
