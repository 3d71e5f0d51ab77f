//! The `[server.tls.allow]` part of a configuration.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The rule of reflection: which callers may read the contract from the server.
pub const REFLECTION: &str = "reflection";

/// For each method the names of those who may call it: a URI (`spiffe://champion/operator`) or a DNS name in their
/// certificate. A method without a list, or with an empty one, is called by nobody.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, Vec<String>>", into = "BTreeMap<String, Vec<String>>")]
pub struct Allow {
    rules: BTreeMap<String, Vec<String>>,
}

/// Returns the key of a method's rule: `champion.loader.v1.LoaderService/Migrate` is `migrate`, `GetStatus` is `get_status`.
#[must_use]
pub fn rule_of(method: &str) -> String {
    let name = method.rsplit('/').next().unwrap_or_default();
    let mut key = String::with_capacity(name.len() + 4);
    for character in name.chars() {
        if character.is_ascii_uppercase() && !key.is_empty() {
            key.push('_');
        }
        key.push(character.to_ascii_lowercase());
    }
    key
}

impl Allow {
    /// Returns the rules, each a key with the names of those who may call.
    pub fn rules(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.rules.iter().map(|(key, names)| (key.as_str(), names.as_slice()))
    }

    /// Tells whether no rule is given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Returns who may call by a rule; none when there is no such rule.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&[String]> {
        self.rules.get(key).map(Vec::as_slice)
    }
}

impl TryFrom<BTreeMap<String, Vec<String>>> for Allow {
    type Error = String;

    fn try_from(rules: BTreeMap<String, Vec<String>>) -> Result<Self, String> {
        for (key, names) in &rules {
            // A name is compared as it is written: a pattern would match nothing, and look as if it did.
            if let Some(name) = names.iter().find(|name| name.is_empty() || name.contains([' ', '*'])) {
                return Err(format!(
                    "`{key}` of tls.allow: {name:?} is no URI or DNS name; names are compared exactly"
                ));
            }
        }
        Ok(Self { rules })
    }
}

impl From<Allow> for BTreeMap<String, Vec<String>> {
    fn from(allow: Allow) -> Self {
        allow.rules
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_the_methods_name_in_small_letters() {
        assert_eq!(rule_of("champion.loader.v1.LoaderService/Migrate"), "migrate");
        assert_eq!(rule_of("champion.scraper.v1.SourceService/ListSources"), "list_sources");
    }

    #[test]
    fn a_pattern_is_refused_because_names_are_compared_exactly() {
        for name in ["", "*", "spiffe://champion/*", "*.champion", "a b"] {
            let error = toml::from_str::<Allow>(&format!("migrate = ['{name}']")).unwrap_err().to_string();
            assert!(error.contains("`migrate` of tls.allow"), "{error}");
        }
        let allow: Allow = toml::from_str("migrate = ['spiffe://champion/operator']\nload = []").unwrap();
        assert_eq!(allow.get("load"), Some(&[] as &[String]));
        assert_eq!(toml::from_str::<Allow>(&toml::to_string(&allow).unwrap()).unwrap(), allow);
    }
}
