//! The site's API: a JSON array of filings.
//!
//! The array is cut into its elements first and each element parsed alone, so that one that is broken costs itself and
//! no other. Cutting looks at quotes and brackets only: one pass, no recursion.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::fields::{COUNT, FIELDS, LEFT_OUT, Values};
use super::filing::Broken;
use crate::container::beginning;
use crate::csv::listed;
use crate::{Refusal, RefusalCode, RuleCode};

/// Cuts the text of an array into the texts of its elements.
pub(super) fn elements(text: &str, most: u64) -> Result<Vec<&str>, Refusal> {
    let body = text.trim();
    let Some(inner) = body.strip_prefix('[') else {
        let reason = format!("expected a list of filings, found {:?}", beginning(body.as_bytes()));
        return Err(Refusal::new(RefusalCode::WrongFormat, reason));
    };
    let mut elements = Vec::new();
    let mut start = 0;
    let mut depth = 0_usize;
    let mut bytes = inner.bytes().enumerate();
    while let Some((position, byte)) = bytes.next() {
        match byte {
            b'"' => {
                // Strings end at the first quote that no backslash stands before.
                while let Some((_, byte)) = bytes.next() {
                    match byte {
                        b'\\' => drop(bytes.next()),
                        b'"' => break,
                        _ => {}
                    }
                }
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth > 0 => depth -= 1,
            b',' | b']' if depth == 0 => {
                let element = inner[start..position].trim();
                let end = byte == b']';
                if !(end && element.is_empty() && elements.is_empty()) {
                    elements.push(element);
                }
                if elements.len() as u64 > most {
                    let reason = format!("the file has more than {most} filings");
                    return Err(Refusal::new(RefusalCode::TooLarge, reason));
                }
                if end {
                    return if position + 1 == inner.len() { Ok(elements) } else { Err(not_the_end(inner, position)) };
                }
                start = position + 1;
            }
            _ => {}
        }
    }
    let reason = format!("the list is cut off after {} bytes and {} whole filings", text.len(), elements.len());
    Err(Refusal::new(RefusalCode::Truncated, reason))
}

fn not_the_end(inner: &str, position: usize) -> Refusal {
    let rest = beginning(inner.as_bytes().get(position + 1..).unwrap_or_default());
    Refusal::new(RefusalCode::WrongFormat, format!("something follows the list of filings: {rest:?}"))
}

/// The values of one element and what else it holds.
#[derive(Debug, Default)]
pub(super) struct Element<'a> {
    values: [Option<Cow<'a, str>>; COUNT],
    /// Keys that no rule knows.
    pub(super) unknown: Vec<String>,
}

impl<'a> Element<'a> {
    /// Parses an element.
    pub(super) fn parse(text: &'a str) -> Result<Self, Broken> {
        serde_json::from_str(text)
            .map_err(|error| Broken::new(RuleCode::MalformedFiling, format!("not a filing: {error}")))
    }

    /// Tells whether the element has the field, be it null.
    pub(super) fn has(&self, field: usize) -> bool {
        self.values[field].is_some()
    }

    /// Returns the values; empty where the element has none.
    pub(super) fn into_values(self) -> Values<'a> {
        self.values.map(Option::unwrap_or_default)
    }
}

impl<'de> Deserialize<'de> for Element<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ElementVisitor)
    }
}

struct ElementVisitor;

impl<'de> Visitor<'de> for ElementVisitor {
    type Value = Element<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut element = Element::default();
        while let Some(Printed(key)) = map.next_key()? {
            let Some(field) = FIELDS.iter().position(|field| field.json == key) else {
                map.next_value::<IgnoredAny>()?;
                if !LEFT_OUT.contains(&key.as_ref()) {
                    element.unknown.push(listed(&key));
                }
                continue;
            };
            if element.values[field].is_some() {
                return Err(de::Error::duplicate_field(FIELDS[field].json));
            }
            element.values[field] = Some(map.next_value::<Printed<'de>>()?.0);
        }
        Ok(element)
    }
}

/// A text, a number as it would be printed, or null as an empty text.
struct Printed<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Printed<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PrintedVisitor)
    }
}

struct PrintedVisitor;

impl<'de> Visitor<'de> for PrintedVisitor {
    type Value = Printed<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text, a number or null")
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Printed(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Printed(Cow::Owned(value.to_owned())))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Printed(Cow::Owned(value.to_string())))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Printed(Cow::Owned(value.to_string())))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Printed(Cow::Owned(value.to_string())))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Printed(Cow::Borrowed("")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_comes_apart_at_its_own_commas_only() {
        let text = r#" [ {"a":"x,]\"{","b":[1,{"c":2}]} , 7,{} ] "#;
        assert_eq!(elements(text, 10), Ok(vec![r#"{"a":"x,]\"{","b":[1,{"c":2}]}"#, "7", "{}"]));
        assert_eq!(elements("[]", 10), Ok(vec![]));
        assert_eq!(elements("[ ]", 10), Ok(vec![]));
    }

    #[test]
    fn what_is_not_one_whole_list_is_refused() {
        let code = |text: &str| elements(text, 2).expect_err("refused").code;
        assert_eq!(code("{}"), RefusalCode::WrongFormat);
        assert_eq!(code("Error"), RefusalCode::WrongFormat);
        assert_eq!(code("[1] [2]"), RefusalCode::WrongFormat);
        assert_eq!(code("[1,2,3]"), RefusalCode::TooLarge);
        for text in ["[", "[{\"a\":1}", "[{\"a\":\"1]", "[\"\\"] {
            assert_eq!(code(text), RefusalCode::Truncated, "{text}");
        }
    }

    #[test]
    fn a_field_printed_twice_or_as_a_list_breaks_the_filing() {
        assert!(Element::parse(r#"{"symbol":"A","symbol":"B"}"#).is_err());
        assert!(Element::parse(r#"{"symbol":["A"]}"#).is_err());
    }

    #[test]
    fn a_tower_of_brackets_is_passed_over_without_recursion() {
        let tower = |key: &str| format!("{{\"{key}\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(Element::parse(&tower("other")).is_ok());
        assert!(Element::parse(&tower("symbol")).is_err());
    }

    #[test]
    fn numbers_are_taken_as_printed_and_unknown_keys_are_named() {
        let element = Element::parse(r#"{"faceVal":10.5,"exDate":null,"ind":"-","new":1}"#).expect("an object");
        assert_eq!(element.unknown, ["new"]);
        assert!(element.has(super::super::fields::EX_DATE));
        assert!(!element.has(super::super::fields::SYMBOL));
        assert_eq!(element.into_values()[super::super::fields::FACE_VALUE], "10.5");
    }
}
