//! Who sends the spans: the resource attributes.

use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};

use crate::ServiceIdentity;
use crate::semconv;
use crate::traces::settings::Lookup;

/// Environment of a process whose `OTEL_RESOURCE_ATTRIBUTES` name none.
const DEFAULT_ENVIRONMENT: &str = "local";

/// Builds the resource: our own attributes, then `OTEL_RESOURCE_ATTRIBUTES`, then `OTEL_SERVICE_NAME`.
pub(crate) fn resource(identity: ServiceIdentity, lookup: Lookup<'_>, warnings: &mut Vec<String>) -> Resource {
    let mut attributes = vec![
        KeyValue::new(semconv::SERVICE_NAME, identity.name),
        KeyValue::new(semconv::SERVICE_VERSION, identity.version),
        KeyValue::new(semconv::SERVICE_NAMESPACE, "champion"),
        KeyValue::new(semconv::SERVICE_INSTANCE_ID, instance_id()),
        KeyValue::new(semconv::DEPLOYMENT_ENVIRONMENT_NAME, DEFAULT_ENVIRONMENT),
    ];
    if let Some(text) = lookup("OTEL_RESOURCE_ATTRIBUTES") {
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            match entry.split_once('=') {
                Some((key, value)) if !key.trim().is_empty() => {
                    attributes.push(KeyValue::new(key.trim().to_owned(), percent_decode(value.trim())));
                }
                _ => warnings.push(format!("OTEL_RESOURCE_ATTRIBUTES: {entry}: expected key=value; ignored")),
            }
        }
    }
    if let Some(name) = lookup("OTEL_SERVICE_NAME") {
        attributes.push(KeyValue::new(semconv::SERVICE_NAME, name));
    }
    // Later attributes win over earlier ones of the same key.
    attributes
        .into_iter()
        .fold(Resource::builder_empty(), |builder, attribute| builder.with_attribute(attribute))
        .build()
}

/// A random id in the form of a UUID, new at each start as the convention asks.
fn instance_id() -> String {
    let hex = RandomIdGenerator::default().new_trace_id().to_string();
    format!("{}-{}-4{}-8{}-{}", &hex[0..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32])
}

/// Decodes `%20` and the like; a broken escape stays as it is.
fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8(decoded).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use opentelemetry::Key;

    use super::*;

    const IDENTITY: ServiceIdentity = ServiceIdentity { name: "champion-test", version: "1.2.3" };

    fn get(resource: &Resource, key: &'static str) -> String {
        resource.get(&Key::from_static_str(key)).map(|value| value.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_process_names_itself_without_any_variable() {
        let mut warnings = Vec::new();
        let resource = resource(IDENTITY, &|_| None, &mut warnings);
        assert_eq!(get(&resource, "service.name"), "champion-test");
        assert_eq!(get(&resource, "service.version"), "1.2.3");
        assert_eq!(get(&resource, "service.namespace"), "champion");
        assert_eq!(get(&resource, "deployment.environment.name"), "local");
        assert_eq!(get(&resource, "service.instance.id").len(), 36);
        assert!(warnings.is_empty());
    }

    #[test]
    fn variables_win_and_a_broken_entry_is_a_warning() {
        let lookup = |name: &str| match name {
            "OTEL_RESOURCE_ATTRIBUTES" => {
                Some("deployment.environment.name=pre%20prod,nonsense,service.name=other,broken=%zz".to_owned())
            }
            "OTEL_SERVICE_NAME" => Some("renamed".to_owned()),
            _ => None,
        };
        let mut warnings = Vec::new();
        let resource = resource(IDENTITY, &lookup, &mut warnings);
        assert_eq!(get(&resource, "deployment.environment.name"), "pre prod");
        assert_eq!(get(&resource, "service.name"), "renamed");
        assert_eq!(get(&resource, "broken"), "%zz");
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].contains("nonsense"), "{warnings:?}");
    }
}
