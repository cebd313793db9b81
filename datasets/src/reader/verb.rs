//! What kind of act a tool is, by the verb in its name; and whether an error says that it was refused.
//!
//! A verb that may be either way (`export`) is left out: what is no read is watched more closely.

use models::event::{Action, ActionOutcome};

const READ: [&str; 32] = [
    "get",
    "list",
    "read",
    "search",
    "find",
    "describe",
    "fetch",
    "lookup",
    "view",
    "show",
    "query",
    "count",
    "check",
    "head",
    "browse",
    "select",
    "retrieve",
    "scan",
    "download",
    "ls",
    "cat",
    "grep",
    "glob",
    "open",
    "load",
    "summarize",
    "calculate",
    "think",
    "inspect",
    "diff",
    "resolve",
    "explain",
];
const WRITE: [&str; 35] = [
    "create",
    "update",
    "delete",
    "remove",
    "add",
    "put",
    "set",
    "write",
    "edit",
    "insert",
    "append",
    "upload",
    "save",
    "modify",
    "move",
    "rename",
    "cancel",
    "book",
    "reserve",
    "patch",
    "replace",
    "copy",
    "merge",
    "commit",
    "push",
    "schedule",
    "reschedule",
    "archive",
    "mark",
    "tag",
    "untag",
    "attach",
    "register",
    "multiedit",
    "drop",
];
const EXECUTE: [&str; 26] = [
    "run",
    "execute",
    "exec",
    "send",
    "invoke",
    "call",
    "deploy",
    "start",
    "stop",
    "restart",
    "pay",
    "transfer",
    "submit",
    "publish",
    "post",
    "reply",
    "forward",
    "invite",
    "bash",
    "shell",
    "python",
    "terminate",
    "reboot",
    "order",
    "buy",
    "refund",
];
const DELEGATE: [&str; 4] = ["delegate", "handoff", "spawn", "task"];
const ADMIN: [&str; 8] = ["grant", "revoke", "authorize", "permit", "enable", "disable", "impersonate", "assume"];

/// The kind of act, by the first word of the last part of the name that is a known verb; `None` if there is none.
pub(super) fn action(tool: &str) -> Option<Action> {
    let name = tool.rsplit(['.', '/', ':']).next().unwrap_or_default();
    if name.to_ascii_lowercase().starts_with("transfer_to_") {
        // How agent frameworks name the hand-over to another agent.
        return Some(Action::Delegate);
    }
    words(name).find_map(|word| {
        let has = |verbs: &[&str]| verbs.contains(&word.as_str());
        if has(&READ) {
            Some(Action::Read)
        } else if has(&WRITE) {
            Some(Action::Write)
        } else if has(&EXECUTE) {
            Some(Action::Execute)
        } else if has(&DELEGATE) {
            Some(Action::Delegate)
        } else if has(&ADMIN) {
            Some(Action::Admin)
        } else {
            None
        }
    })
}

/// `send_mail`, `send-mail`, `sendMail`, `SendMail` and `GETItem` in lower-case words.
fn words(name: &str) -> impl Iterator<Item = String> {
    let chars: Vec<char> = name.chars().take(256).collect();
    let mut words = vec![String::new()];
    for (place, &c) in chars.iter().enumerate() {
        let before = place.checked_sub(1).and_then(|p| chars.get(p));
        let after = chars.get(place + 1);
        let begins = c.is_uppercase()
            && (before.is_some_and(|b| b.is_lowercase() || b.is_numeric())
                || (before.is_some_and(|b| b.is_uppercase()) && after.is_some_and(|a| a.is_lowercase())));
        if !c.is_alphanumeric() || begins {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c.is_alphanumeric()) {
            word.extend(c.to_lowercase());
        }
    }
    words.into_iter().filter(|word| !word.is_empty())
}

/// Whether what an error says of itself means that the call was refused, or that it failed.
pub(super) fn failure(error: &str) -> ActionOutcome {
    const REFUSED: [&str; 13] = [
        "denied",
        "unauthorized",
        "not authorized",
        "notauthorized",
        "forbidden",
        "not allowed",
        "permission",
        "insufficient_scope",
        "not permitted",
        "401",
        "403",
        "explicit deny",
        "disallowed",
    ];
    let error: String = error.chars().take(2000).collect::<String>().to_lowercase();
    if REFUSED.iter().any(|word| error.contains(word)) { ActionOutcome::Denied } else { ActionOutcome::Error }
}

/// The name on the wire.
pub(super) fn outcome_name(outcome: ActionOutcome) -> &'static str {
    match outcome {
        ActionOutcome::Success => "success",
        ActionOutcome::Denied => "denied",
        ActionOutcome::Error => "error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verb_tells_the_kind_of_act() {
        for (tool, expected) in [
            ("get_most_recent_transactions", Some(Action::Read)),
            ("crm.accounts.listAll", Some(Action::Read)),
            ("DescribeInstances", Some(Action::Read)),
            ("mail/send_email", Some(Action::Execute)),
            ("user-delete", Some(Action::Write)),
            ("HTTPPost", Some(Action::Execute)),
            ("transfer_to_billing_agent", Some(Action::Delegate)),
            ("transfer_money", Some(Action::Execute)),
            ("grantRole", Some(Action::Admin)),
            ("Bash", Some(Action::Execute)),
            ("db.export", None),
            ("settings", None),
            ("", None),
        ] {
            assert_eq!(action(tool), expected, "{tool}");
        }
    }

    #[test]
    fn a_refusal_is_told_from_a_failure() {
        for refused in ["AccessDenied", "Client.UnauthorizedOperation", "the tool is not allowed", "HTTP 403"] {
            assert_eq!(failure(refused), ActionOutcome::Denied, "{refused}");
        }
        for failed in ["ThrottlingException", "no such file", ""] {
            assert_eq!(failure(failed), ActionOutcome::Error, "{failed}");
        }
    }
}
