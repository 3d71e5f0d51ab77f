//! One span as a row of `otel_traces`.

use clickhouse::Row;
use serde::{Deserialize, Serialize};

/// Attributes in the order they came.
pub(crate) type Attributes = Vec<(String, String)>;

/// A row of `otel_traces`, column by column; a nested column is one array a part.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SpanRow {
    /// Start, nanoseconds since 1970-01-01T00:00:00Z.
    pub(crate) timestamp: i64,
    /// 32 lower-case hex digits; empty where the exporter sent none.
    pub(crate) trace_id: String,
    /// 16 lower-case hex digits.
    pub(crate) span_id: String,
    /// 16 lower-case hex digits; empty for a root.
    pub(crate) parent_span_id: String,
    /// W3C trace state.
    pub(crate) trace_state: String,
    pub(crate) span_name: String,
    /// `Unspecified`, `Internal`, `Server`, `Client`, `Producer`, `Consumer`.
    pub(crate) span_kind: String,
    /// The resource's `service.name`.
    pub(crate) service_name: String,
    pub(crate) resource_attributes: Attributes,
    pub(crate) scope_name: String,
    pub(crate) scope_version: String,
    pub(crate) span_attributes: Attributes,
    /// Nanoseconds.
    pub(crate) duration: u64,
    /// `Unset`, `Ok`, `Error`.
    pub(crate) status_code: String,
    pub(crate) status_message: String,
    #[serde(rename = "Events.Timestamp")]
    pub(crate) events_timestamp: Vec<i64>,
    #[serde(rename = "Events.Name")]
    pub(crate) events_name: Vec<String>,
    #[serde(rename = "Events.Attributes")]
    pub(crate) events_attributes: Vec<Attributes>,
    #[serde(rename = "Links.TraceId")]
    pub(crate) links_trace_id: Vec<String>,
    #[serde(rename = "Links.SpanId")]
    pub(crate) links_span_id: Vec<String>,
    #[serde(rename = "Links.TraceState")]
    pub(crate) links_trace_state: Vec<String>,
    #[serde(rename = "Links.Attributes")]
    pub(crate) links_attributes: Vec<Attributes>,
}

/// Memory of one text beside its bytes: pointer, length, capacity and the allocator's share.
const TEXT_OVERHEAD: usize = 40;

impl SpanRow {
    /// Returns about how many bytes of memory the row takes.
    pub(crate) fn memory(&self) -> usize {
        let texts = [
            &self.trace_id,
            &self.span_id,
            &self.parent_span_id,
            &self.trace_state,
            &self.span_name,
            &self.span_kind,
            &self.service_name,
            &self.scope_name,
            &self.scope_version,
            &self.status_code,
            &self.status_message,
        ];
        let lists = [&self.events_name, &self.links_trace_id, &self.links_span_id, &self.links_trace_state];
        let maps = self.events_attributes.iter().chain(&self.links_attributes);
        let maps = maps.chain([&self.resource_attributes, &self.span_attributes]);
        let text = |text: &String| text.len() + TEXT_OVERHEAD;
        size_of::<Self>()
            + texts.into_iter().map(text).sum::<usize>()
            + lists.into_iter().flatten().map(text).sum::<usize>()
            + maps.flatten().map(|(key, value)| text(key) + text(value)).sum::<usize>()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A row that only has a name.
    pub(crate) fn named(name: &str) -> SpanRow {
        SpanRow {
            timestamp: 0,
            trace_id: String::new(),
            span_id: String::new(),
            parent_span_id: String::new(),
            trace_state: String::new(),
            span_name: name.to_owned(),
            span_kind: String::new(),
            service_name: String::new(),
            resource_attributes: Vec::new(),
            scope_name: String::new(),
            scope_version: String::new(),
            span_attributes: Vec::new(),
            duration: 0,
            status_code: String::new(),
            status_message: String::new(),
            events_timestamp: Vec::new(),
            events_name: Vec::new(),
            events_attributes: Vec::new(),
            links_trace_id: Vec::new(),
            links_span_id: Vec::new(),
            links_trace_state: Vec::new(),
            links_attributes: Vec::new(),
        }
    }

    #[test]
    fn every_attribute_counts_as_memory() {
        let plain = named("a");
        let with_attribute = SpanRow { span_attributes: vec![("key".into(), "value".into())], ..plain.clone() };
        let with_event = SpanRow { events_attributes: vec![vec![("key".into(), "value".into())]], ..plain.clone() };
        assert!(with_attribute.memory() >= plain.memory() + 8);
        assert_eq!(with_attribute.memory(), with_event.memory());
    }
}
