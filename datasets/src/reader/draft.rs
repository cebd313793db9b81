//! An event in the making: fields set one by one, each with where it came from.

use std::borrow::Cow;

use models::event::{Decoded, Event, EventRecord, Rejection, RejectionCode};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::value::first_text;

/// Where a field of an event came from, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The field, nested ones with dots (`credential.id`).
    pub field: &'static str,
    /// The field of the source, or the rule that derived it.
    pub from: Cow<'static, str>,
}

/// Fields of an event that is not checked yet.
#[derive(Debug, Clone, Default)]
pub(super) struct Draft {
    fields: Map<String, Value>,
    origins: Vec<Origin>,
}

impl Draft {
    /// Sets a field. Nothing and an empty text leave it absent.
    pub(super) fn set(&mut self, field: &'static str, value: impl Into<Value>, from: impl Into<Cow<'static, str>>) {
        let value = value.into();
        let is_empty = match &value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(list) => list.is_empty(),
            _ => false,
        };
        if is_empty {
            return;
        }
        match field.split_once('.') {
            None => {
                self.fields.insert(field.to_owned(), value);
            }
            Some((object, member)) => {
                let object = self.fields.entry(object).or_insert_with(|| Value::Object(Map::new()));
                if let Some(object) = object.as_object_mut() {
                    object.insert(member.to_owned(), value);
                }
            }
        }
        self.origins.retain(|origin| origin.field != field);
        self.origins.push(Origin { field, from: from.into() });
    }

    /// Sets a field to the first of these paths at which `source` has a text or a number.
    pub(super) fn copy(&mut self, field: &'static str, source: &Value, paths: &[&'static str]) {
        if let Some((text, path)) = first_text(source, paths) {
            self.set(field, text, path);
        }
    }

    /// A field of the event itself that is a text, if it is set.
    pub(super) fn text(&self, field: &str) -> Option<&str> {
        self.fields.get(field)?.as_str()
    }

    pub(super) fn has(&self, field: &str) -> bool {
        self.origins.iter().any(|origin| origin.field == field)
    }

    /// The event, checked as any other one.
    pub(super) fn finish(self) -> Result<(Decoded, Vec<Origin>), Rejection> {
        let value = Value::Object(self.fields);
        let record = EventRecord::deserialize(&value)
            .map_err(|e| Rejection::new(RejectionCode::WrongType, format!("the event cannot be made: {e}")))?;
        Ok((Decoded { event: Event::try_from(record)?, unknown_fields: 0 }, self.origins))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_checked_and_remember_their_origin() {
        let mut draft = Draft::default();
        draft.set("id", "1", "a");
        draft.set("time", "2026-05-04T10:00:00Z", "b");
        draft.copy("identity", &json!({"who": {"name": "bot"}}), &["missing", "who.name"]);
        draft.set("tool", "first", "c");
        draft.set("tool", "second", "d");
        draft.set("session", "", "e");
        draft.set("credential.id", "key", "f");
        let (decoded, origins) = draft.clone().finish().unwrap();
        assert_eq!((&*decoded.event.tool, decoded.event.session), ("second", None));
        assert_eq!(&*decoded.event.credential.unwrap().id, "key");
        let from: Vec<_> = origins.iter().map(|origin| (origin.field, &*origin.from)).collect();
        assert_eq!(from, [("id", "a"), ("time", "b"), ("identity", "who.name"), ("tool", "d"), ("credential.id", "f")]);

        draft.set("action", "explode", "g");
        assert_eq!(draft.finish().unwrap_err().code, RejectionCode::WrongType);
    }
}
