//! Lines of text logs with a message at their end, as desktop and editor clients write them:
//! `2026-05-04T10:00:00.101Z [crm] [info] Message from client: {"jsonrpc":"2.0",…} { metadata: undefined }`.

use serde_json::{Value, json};

use crate::reader::time::guessed;

/// Words in brackets that name no server.
const LEVELS: [&str; 7] = ["trace", "debug", "info", "warn", "warning", "error", "critical"];
/// What comes before a message is not longer.
const MAX_PREFIX_BYTES: usize = 512;

/// The message of a line in an envelope with its time and server; `None` if there is no message.
pub(in crate::reader) fn enveloped(line: &str) -> Option<Value> {
    let start = line.find("{\"")?;
    let prefix = line.get(..start).filter(|prefix| prefix.len() <= MAX_PREFIX_BYTES)?;
    // Something may stand behind it.
    let message = serde_json::Deserializer::from_str(line.get(start..)?).into_iter::<Value>().next()?.ok()?;
    message.get("jsonrpc")?;
    Some(json!({ "timestamp": time(prefix), "server": server(prefix), "message": message }))
}

/// The first word, or the first two, if they are a time. Some write milliseconds after a comma.
fn time(prefix: &str) -> Option<String> {
    let mut words = prefix.split_whitespace().map(|word| word.replace(',', "."));
    let first = words.next()?;
    let both = words.next().map(|second| format!("{first} {second}"));
    [Some(first), both].into_iter().flatten().find_map(|text| Some(guessed(&Value::from(text))?.to_string()))
}

/// The first word in brackets that is no level and no direction.
fn server(prefix: &str) -> Option<&str> {
    let bracketed = prefix.split('[').skip(1).filter_map(|rest| Some(rest.split_once(']')?.0.trim()));
    let mut names = bracketed.filter(|name| {
        let lower = name.to_ascii_lowercase();
        !name.is_empty() && !LEVELS.contains(&lower.as_str()) && !lower.ends_with(" says")
    });
    names.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_clients_hold_time_server_and_message() {
        let message = r#"{"method":"tools/list","jsonrpc":"2.0","id":1}"#;
        for (line, time, server) in [
            (
                format!("2026-05-04T10:00:00.5Z [crm] [info] Message from client: {message} {{ metadata: undefined }}"),
                Some("2026-05-04T10:00:00.5Z"),
                Some("crm"),
            ),
            (
                format!("2026-05-04T10:00:00Z [info] [my crm] Message from client: {message}"),
                Some("2026-05-04T10:00:00Z"),
                Some("my crm"),
            ),
            (format!("2026-05-04 10:00:00.500 [info] [Client Says] {message}"), Some("2026-05-04T10:00:00.5Z"), None),
            (format!("2026-05-04 10:00:00,500 - DEBUG - Received: {message}"), Some("2026-05-04T10:00:00.5Z"), None),
            (format!("received {message}"), None, None),
        ] {
            let found = enveloped(&line).unwrap();
            assert_eq!((found["timestamp"].as_str(), found["server"].as_str()), (time, server), "{line}");
            assert_eq!(found["message"]["id"], 1);
        }
    }

    #[test]
    fn other_lines_hold_none() {
        for line in ["Server started { metadata: undefined }", "x {\"a\":1}", "x {\"jsonrpc\":", "", "{\""] {
            assert_eq!(enveloped(line), None, "{line}");
        }
        assert_eq!(enveloped(&format!("{} {{\"jsonrpc\":\"2.0\"}}", "x".repeat(600))), None);
    }
}
