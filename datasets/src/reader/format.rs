//! The formats that are read, and how one is told from another.

use std::collections::BTreeSet;
use std::str::FromStr;

use super::mcp::line::enveloped;

/// What a file holds. The names are those of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// One native event a line.
    Native,
    /// One structured `CloudEvents` event a line, with the native event as its data.
    Cloudevents,
    /// A table with a header row; columns are named like the fields, nested ones with dots.
    Csv,
    /// Conversations of agents: messages with calls of tools and their results.
    Trajectory,
    /// OpenTelemetry spans in OTLP JSON, after the `GenAI` and MCP conventions.
    Otlp,
    /// AWS CloudTrail.
    Cloudtrail,
    /// JSON-RPC messages of the Model Context Protocol.
    Mcp,
    /// OCSF API Activity (class 6003).
    Ocsf,
}

impl Format {
    /// Every format, in the order of the documentation.
    pub const ALL: [Format; 8] = [
        Format::Native,
        Format::Cloudevents,
        Format::Csv,
        Format::Trajectory,
        Format::Otlp,
        Format::Cloudtrail,
        Format::Mcp,
        Format::Ocsf,
    ];

    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Format::Native => "native",
            Format::Cloudevents => "cloudevents",
            Format::Csv => "csv",
            Format::Trajectory => "trajectory",
            Format::Otlp => "otlp",
            Format::Cloudtrail => "cloudtrail",
            Format::Mcp => "mcp",
            Format::Ocsf => "ocsf",
        }
    }

    /// What it is, in a few words.
    pub fn about(self) -> &'static str {
        match self {
            Format::Native => "one native event a line",
            Format::Cloudevents => "one structured CloudEvents event a line",
            Format::Csv => "a table whose columns are named like the fields",
            Format::Trajectory => "conversations of agents: messages with tool calls and results",
            Format::Otlp => "OpenTelemetry GenAI and MCP spans in OTLP JSON",
            Format::Cloudtrail => "AWS CloudTrail",
            Format::Mcp => "JSON-RPC messages of the Model Context Protocol",
            Format::Ocsf => "OCSF API Activity (class 6003)",
        }
    }

    /// The format that the first bytes of a file look like: the names of members of its first object decide, never
    /// what they hold. [`Format::Native`] where nothing fits, so that each line gets its own reason.
    pub fn detect(head: &[u8]) -> Self {
        let head = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head).trim_ascii_start();
        if !matches!(head.first(), Some(b'{' | b'[')) {
            let mut lines = head.split(|byte| *byte == b'\n');
            let is_message = |line: &[u8]| std::str::from_utf8(line).is_ok_and(|line| enveloped(line).is_some());
            if lines.clone().any(is_message) {
                return Format::Mcp;
            }
            let line = lines.next().unwrap_or_default();
            let is_header = line.contains(&b',') && !line.iter().any(|byte| matches!(byte, b'{' | b'}'));
            return if is_header { Format::Csv } else { Format::Native };
        }
        let members = members(head);
        let has = |name: &str| members.contains(name);
        if has("specversion") && has("source") {
            Format::Cloudevents
        } else if has("identity") && has("tool") && has("time") {
            Format::Native
        } else if has("resourceSpans") || has("scopeSpans") {
            Format::Otlp
        } else if has("Records") || (has("eventSource") && has("eventName")) {
            Format::Cloudtrail
        } else if has("class_uid") || (has("api") && has("actor")) {
            Format::Ocsf
        } else if members.iter().any(|name| name == "jsonrpc" || name.ends_with(".jsonrpc")) {
            Format::Mcp
        } else if has("messages") || has("traj") || has("role") || has("message.role") || has("tool_calls") {
            Format::Trajectory
        } else {
            Format::Native
        }
    }
}

/// There is no such format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no format `{}`; choose from {}", .0.escape_debug(), Format::ALL.map(Format::name).join(", "))]
pub struct FormatError(String);

impl FromStr for Format {
    type Err = FormatError;

    fn from_str(name: &str) -> Result<Self, FormatError> {
        let found = Format::ALL.into_iter().find(|format| format.name() == name);
        found.ok_or_else(|| FormatError(name.to_owned()))
    }
}

/// Names of the members of the first object, and of the objects directly in it (`outer.inner`), as far as the bytes go.
fn members(head: &[u8]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    // Objects and lists around the place, each object with the member it is in.
    let mut open: Vec<Option<String>> = Vec::new();
    let mut text: Option<Vec<u8>> = None;
    let (mut key, mut escaped, mut in_object) = (String::new(), false, 0_usize);
    for &byte in head {
        if let Some(so_far) = &mut text {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => {
                    key = String::from_utf8_lossy(so_far).into_owned();
                    text = None;
                }
                // No name of interest is longer.
                _ if so_far.len() < 64 => so_far.push(byte),
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => text = Some(Vec::new()),
            b':' => {
                let around = in_object.checked_sub(1).and_then(|place| open.get(place)?.clone());
                match open.len().checked_sub(in_object) {
                    Some(0) => found.insert(key.clone()),
                    Some(1) => around.is_some_and(|outer| found.insert(format!("{outer}.{key}"))),
                    _ => false,
                };
                if let Some(Some(member)) = open.last_mut() {
                    member.clone_from(&key);
                }
            }
            b'[' => open.push(None),
            b'{' => {
                if in_object == 0 {
                    in_object = open.len() + 1;
                }
                open.push(Some(String::new()));
            }
            b'}' | b']' => {
                open.pop();
                if open.len() < in_object {
                    return found;
                }
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_members_tell_the_format() {
        for (head, format) in [
            (r#"{"id":"1","time":"t","identity":"bot","tool":"x"}"#, Format::Native),
            (r#"{"specversion":"1.0","source":"/a","id":"1","data":{}}"#, Format::Cloudevents),
            ("id,time,identity,tool\n", Format::Csv),
            (r#"[{"messages":[{"role":"user"}]}]"#, Format::Trajectory),
            (r#"{"type":"assistant","message":{"role":"assistant"}}"#, Format::Trajectory),
            (r#"{"resourceSpans":[{"#, Format::Otlp),
            ("\u{feff}{\n\"Records\":[", Format::Cloudtrail),
            (r#"[{"eventVersion":"1.08","eventName":"x","eventSource":"y"}]"#, Format::Cloudtrail),
            (r#"{"jsonrpc":"2.0","id":1}"#, Format::Mcp),
            (r#"{"time":"t","message":{"jsonrpc":"2.0"}}"#, Format::Mcp),
            ("starting\n10:00 [crm] [info] Message: {\"jsonrpc\":\"2.0\"} {}\n", Format::Mcp),
            (r#"{"class_uid":6003}"#, Format::Ocsf),
            ("not an event", Format::Native),
            ("", Format::Native),
        ] {
            assert_eq!(Format::detect(head.as_bytes()), format, "{head}");
        }
    }

    #[test]
    fn every_format_is_found_by_its_name() {
        for format in Format::ALL {
            assert_eq!(format.name().parse(), Ok(format));
        }
        assert!("xml".parse::<Format>().unwrap_err().to_string().contains("cloudtrail"));
    }

    #[test]
    fn what_values_hold_tells_nothing() {
        for head in [
            r#"{"a":"\"Records\":[","b":["resourceSpans"],"c":"jsonrpc"}"#,
            r#"{"a":{"b":{"jsonrpc":"2.0"}}}"#,
            r#"{"a":1}{"Records":[]}"#,
        ] {
            assert_eq!(Format::detect(head.as_bytes()), Format::Native, "{head}");
        }
    }
}
