//! An attribute's value as text: as it is, or as JSON where it is a list or a map.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use opentelemetry_proto::tonic::common::v1::AnyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use serde_json::Value as Json;

/// Returns the value as text; empty for none.
pub(super) fn text(value: Option<AnyValue>) -> String {
    match value.and_then(|value| value.value) {
        None | Some(Value::StringValueStrindex(_)) => String::new(),
        Some(Value::StringValue(text)) => text,
        Some(Value::BoolValue(value)) => value.to_string(),
        Some(Value::IntValue(value)) => value.to_string(),
        Some(Value::DoubleValue(value)) => float(value),
        Some(Value::BytesValue(bytes)) => STANDARD.encode(bytes),
        Some(nested @ (Value::ArrayValue(_) | Value::KvlistValue(_))) => json(Some(nested)).to_string(),
    }
}

/// Decoding has bounded the depth: protobuf messages nest at most 100 times.
fn json(value: Option<Value>) -> Json {
    match value {
        None | Some(Value::StringValueStrindex(_)) => Json::Null,
        Some(Value::StringValue(text)) => Json::String(text),
        Some(Value::BoolValue(value)) => Json::Bool(value),
        Some(Value::IntValue(value)) => Json::from(value),
        Some(Value::DoubleValue(value)) => Json::from(value),
        Some(Value::BytesValue(bytes)) => Json::String(STANDARD.encode(bytes)),
        Some(Value::ArrayValue(list)) => list.values.into_iter().map(|value| json(value.value)).collect(),
        Some(Value::KvlistValue(map)) => {
            let mut entries: Vec<(String, Json)> = map
                .values
                .into_iter()
                .map(|entry| (entry.key, json(entry.value.and_then(|value| value.value))))
                .collect();
            entries.sort_by(|left, right| left.0.cmp(&right.0));
            Json::Object(entries.into_iter().collect())
        }
    }
}

/// The shortest digits that read back as the number; with an exponent outside 1e-6 to 1e21, as in JSON of browsers.
fn float(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude != 0.0 && magnitude.is_finite() && !(1e-6..1e21).contains(&magnitude) {
        let written = format!("{value:e}");
        return if magnitude > 1.0 { written.replacen('e', "e+", 1) } else { written };
    }
    value.to_string()
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::{ArrayValue, KeyValue, KeyValueList};

    use super::*;

    fn any(value: Value) -> AnyValue {
        AnyValue { value: Some(value) }
    }

    fn entry(key: &str, value: Value) -> KeyValue {
        KeyValue { key: key.to_owned(), value: Some(any(value)), ..KeyValue::default() }
    }

    #[test]
    fn plain_values_are_written_plainly() {
        assert_eq!(text(Some(any(Value::StringValue("a b".into())))), "a b");
        assert_eq!(text(Some(any(Value::BoolValue(true)))), "true");
        assert_eq!(text(Some(any(Value::IntValue(-7)))), "-7");
        assert_eq!(text(Some(any(Value::BytesValue(vec![1, 2, 255])))), "AQL/");
        assert_eq!(text(Some(AnyValue { value: None })), "");
        assert_eq!(text(None), "");
    }

    #[test]
    fn floats_are_written_with_the_fewest_digits() {
        for (value, expected) in
            [(0.0, "0"), (5.0, "5"), (0.1, "0.1"), (1e21, "1e+21"), (1.5e-9, "1.5e-9"), (123_456.75, "123456.75")]
        {
            assert_eq!(text(Some(any(Value::DoubleValue(value)))), expected);
        }
    }

    #[test]
    fn lists_and_maps_are_json_with_sorted_keys() {
        let list = ArrayValue { values: vec![any(Value::IntValue(1)), any(Value::StringValue("x\"".into()))] };
        assert_eq!(text(Some(any(Value::ArrayValue(list.clone())))), r#"[1,"x\""]"#);
        let map =
            KeyValueList { values: vec![entry("b", Value::ArrayValue(list)), entry("a", Value::BoolValue(false))] };
        assert_eq!(text(Some(any(Value::KvlistValue(map)))), r#"{"a":false,"b":[1,"x\""]}"#);
    }
}
