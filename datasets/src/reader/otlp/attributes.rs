//! Attributes of OTLP, which are lists of typed pairs, as plain JSON.

use serde_json::{Map, Value};

use crate::reader::value::{at, text};

const MAX_DEPTH: usize = 8;

/// `[{"key":K,"value":{"stringValue":V}}]` as `{K:V}`.
pub(super) fn flattened(list: Option<&Value>) -> Value {
    Value::Object(pairs(list, MAX_DEPTH))
}

fn pairs(list: Option<&Value>, depth: usize) -> Map<String, Value> {
    let entries = list.and_then(Value::as_array).into_iter().flatten();
    entries.filter_map(|entry| Some((text(entry, "key")?.to_owned(), value(at(entry, "value")?, depth)))).collect()
}

fn value(any: &Value, depth: usize) -> Value {
    let Some((kind, value)) = any.as_object().and_then(|object| object.iter().next()) else { return Value::Null };
    match kind.as_str() {
        "stringValue" | "boolValue" | "doubleValue" | "bytesValue" => value.clone(),
        // 64-bit integers are texts in JSON.
        "intValue" => value.as_str().and_then(|n| n.parse::<i64>().ok()).map_or_else(|| value.clone(), Value::from),
        "arrayValue" if depth > 0 => {
            let values = at(value, "values").and_then(Value::as_array).into_iter().flatten();
            values.map(|entry| self::value(entry, depth - 1)).collect()
        }
        "kvlistValue" if depth > 0 => Value::Object(pairs(at(value, "values"), depth - 1)),
        _ => Value::Null,
    }
}
