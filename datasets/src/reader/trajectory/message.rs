//! One message, whoever's dialect it is in: what was said, calls of tools, and results.

use serde_json::Value;

use super::origin::{CONFIG, USER};
use crate::reader::value::{at, text};

/// Something in a message.
pub(super) enum Message<'a> {
    /// A text, and where targets in it come from.
    Said(&'static str, String),
    Call(Call<'a>),
    Result(Outcome<'a>),
}

/// A call of a tool.
pub(super) struct Call<'a> {
    pub(super) id: Option<&'a str>,
    pub(super) name: &'a str,
    pub(super) arguments: &'a Value,
    pub(super) raw: &'a Value,
}

/// The result of a call.
pub(super) struct Outcome<'a> {
    pub(super) id: Option<&'a str>,
    pub(super) name: Option<&'a str>,
    pub(super) text: String,
    /// What went wrong, if something did.
    pub(super) error: Option<String>,
}

impl<'a> Message<'a> {
    /// Whether this looks like a message at all.
    pub(super) fn is_one(value: &Value) -> bool {
        role(value).is_some()
            || matches!(text(value, "type"), Some("function_call" | "function_call_output"))
            || text(value, "message.role").is_some()
    }

    /// What is in a message, in its order.
    pub(super) fn parts(message: &'a Value) -> Vec<Self> {
        match text(message, "type") {
            Some("function_call") => return call(message).map(Message::Call).into_iter().collect(),
            Some("function_call_output") => {
                return vec![Message::Result(result(message, at(message, "output")))];
            }
            _ => {}
        }
        let content = at(message, "content");
        let mut parts = Vec::new();
        match role(message) {
            Some("tool" | "function") => parts.push(Message::Result(result(message, content))),
            Some("system" | "developer") => parts.push(Message::Said(CONFIG, words(content))),
            Some("user" | "human") => {
                let said = words(content);
                if !said.is_empty() {
                    parts.push(Message::Said(USER, said));
                }
            }
            _ => {
                let listed = at(message, "tool_calls").and_then(Value::as_array);
                parts.extend(listed.into_iter().flatten().filter_map(call).map(Message::Call));
                parts.extend(at(message, "function_call").and_then(call).map(Message::Call));
            }
        }
        for block in content.and_then(Value::as_array).into_iter().flatten() {
            match text(block, "type") {
                Some("tool_use" | "server_tool_use") => parts.extend(call(block).map(Message::Call)),
                Some("tool_result") => parts.push(Message::Result(result(block, at(block, "content")))),
                _ => {}
            }
        }
        parts
    }
}

/// Whose message it is; agent frameworks write `type` instead of `role`.
fn role(message: &Value) -> Option<&str> {
    let by_type = || text(message, "type").filter(|kind| matches!(*kind, "human" | "ai" | "tool" | "system"));
    text(message, "role").or_else(by_type)
}

/// `{"function":{"name":…,"arguments":…}}`, `{"function":NAME,"args":…}`, `{"name":…,"input":…}` and their like.
fn call(value: &Value) -> Option<Call<'_>> {
    let name = ["function.name", "function", "name", "tool_name"].into_iter().find_map(|path| text(value, path))?;
    let arguments = ["function.arguments", "arguments", "args", "input", "parameters"];
    let arguments = arguments.into_iter().find_map(|path| at(value, path)).unwrap_or(&Value::Null);
    let id = ["id", "call_id", "tool_call_id"].into_iter().find_map(|path| text(value, path));
    // The responses API has both, and its results name the second one.
    let id = text(value, "call_id").or(id);
    Some(Call { id, name, arguments, raw: value })
}

fn result<'a>(value: &'a Value, content: Option<&'a Value>) -> Outcome<'a> {
    let id = ["tool_call_id", "call_id", "tool_use_id", "tool_call.id"].into_iter().find_map(|path| text(value, path));
    let said = words(content);
    let flagged = at(value, "is_error") == Some(&Value::Bool(true)) || text(value, "status") == Some("error");
    let begins = said.trim_start().get(..6).is_some_and(|start| start.eq_ignore_ascii_case("error:"));
    let error = match text(value, "error") {
        Some(error) => Some(error.to_owned()),
        None if flagged || begins => Some(said.chars().take(2000).collect()),
        None => None,
    };
    Outcome { id, name: text(value, "name"), text: said, error }
}

/// The texts of a content: one, or those of its blocks.
fn words(content: Option<&Value>) -> String {
    match content {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(blocks)) => {
            let texts = blocks.iter().filter_map(|block| match block {
                Value::String(text) => Some(text.as_str()),
                block => text(block, "text")
                    .or_else(|| text(block, "content"))
                    .filter(|_| !matches!(text(block, "type"), Some("tool_use" | "tool_result"))),
            });
            texts.collect::<Vec<_>>().join("\n")
        }
        Some(other @ (Value::Object(_) | Value::Number(_) | Value::Bool(_))) => other.to_string(),
        _ => String::new(),
    }
}
