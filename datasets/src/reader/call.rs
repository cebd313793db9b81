//! A call of a tool, whatever log it was found in: its name, its arguments, its result.

use models::event::{Action, ActionOutcome, MAX_ID_BYTES};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::draft::Draft;
use super::target::{self, Target};
use super::value::size;
use super::verb;

/// Sets `tool`, and `server` where the name holds it as `mcp__SERVER__TOOL`; then `action` by the verb in the name.
pub(super) fn set_tool(draft: &mut Draft, name: &str, from: &'static str) {
    let parts = name.strip_prefix("mcp__").and_then(|rest| rest.split_once("__"));
    let tool = match parts.filter(|(server, tool)| !server.is_empty() && !tool.is_empty()) {
        Some((server, tool)) => {
            draft.set("server", server, from);
            tool
        }
        None => name,
    };
    draft.set("tool", tool, from);
    set_action(draft, verb::action(tool), "verb of the tool's name");
}

pub(super) fn set_action(draft: &mut Draft, action: Option<Action>, from: &'static str) {
    if let Some(action) = action {
        draft.set("action", action.as_str(), from);
    }
}

/// Sets `bytes_in` and `target` by what the arguments hold; returns the targets.
pub(super) fn set_arguments(draft: &mut Draft, arguments: &Value, from: &'static str) -> Vec<Target> {
    draft.set("bytes_in", size(arguments), format!("size of {from}"));
    let targets = target::targets(arguments);
    let uris: Vec<&str> = targets.iter().map(|target| target.uri.as_str()).collect();
    draft.set("target", uris, format!("names in {from}"));
    targets
}

pub(super) fn set_outcome(draft: &mut Draft, outcome: ActionOutcome, from: &'static str) {
    draft.set("outcome", verb::outcome_name(outcome), from);
}

/// Sets `trace` if it is a W3C `traceparent`; another way to write ids (Base64) is no reason to lose the event.
pub(super) fn set_trace(draft: &mut Draft, traceparent: &str, from: &'static str) {
    let is_hex = |part: &str| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let parts: Vec<&str> = traceparent.split('-').collect();
    let fits = matches!(parts.as_slice(), [version, trace, span, flags]
        if (version.len(), trace.len(), span.len(), flags.len()) == (2, 32, 16, 2) && *version != "ff");
    let is_id = |part: &&str| part.bytes().any(|byte| byte != b'0');
    if fits && parts.iter().all(|part| is_hex(part)) && parts.iter().skip(1).take(2).all(is_id) {
        draft.set("trace", traceparent, from);
    }
}

/// Parts of an id joined by slashes; where that is too long, a digest of them, the same every time.
pub(super) fn joined_id(parts: &[&str]) -> String {
    let joined = parts.join("/");
    if joined.len() <= MAX_ID_BYTES {
        return joined;
    }
    format!("{:x}", Sha256::digest(joined.as_bytes()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_server_inside_of_a_tools_name_is_taken_out() {
        let mut draft = Draft::default();
        draft.set("id", "1", "");
        draft.set("time", "2026-05-04T10:00:00Z", "");
        draft.set("identity", "bot", "");
        set_tool(&mut draft, "mcp__crm__list_accounts", "name");
        set_arguments(&mut draft, &json!({"account_id": "42"}), "arguments");
        let event = draft.finish().unwrap().0.event;
        assert_eq!(
            (&*event.tool, event.server.as_deref(), event.action),
            ("list_accounts", Some("crm"), Some(Action::Read))
        );
        assert_eq!((event.targets, event.bytes_in), (vec!["account_id:42".into()], Some(19)));
        for whole in ["mcp____x", "mcp__crm__", "mcp__crm"] {
            let mut draft = Draft::default();
            set_tool(&mut draft, whole, "name");
            assert_eq!((draft.text("tool"), draft.has("server")), (Some(whole), false));
        }
    }

    #[test]
    fn a_trace_that_is_none_is_left_out() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        for (trace, is_one) in [
            (format!("00-{id}-00f067aa0ba902b7-01"), true),
            (format!("00-{id}-0000000000000000-01"), false),
            (format!("00-{}-00f067aa0ba902b7-01", id.to_uppercase()), false),
            ("00-S/kvNXezTaajzpKdDg5HNg==-APBnqgupArc=-01".to_owned(), false),
            (String::new(), false),
        ] {
            let mut draft = Draft::default();
            set_trace(&mut draft, &trace, "trace");
            assert_eq!(draft.has("trace"), is_one, "{trace}");
        }
    }

    #[test]
    fn a_long_id_becomes_a_digest() {
        assert_eq!(joined_id(&["a", "b"]), "a/b");
        let long = "x".repeat(200);
        assert_eq!((joined_id(&[&long, "1"]).len(), joined_id(&[&long, "1"]) == joined_id(&[&long, "2"])), (64, false));
    }
}
