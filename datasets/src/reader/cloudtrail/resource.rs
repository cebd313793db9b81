//! The resources that a CloudTrail record names.

use models::event::MAX_ITEMS;
use serde_json::Value;

use crate::reader::value::{at, plain, text};

const MAX_DEPTH: usize = 6;
/// A longer value is a policy or a script, no name.
const MAX_NAME_BYTES: usize = 256;

/// `resources[].ARN` where there are any; else the object of a bucket; else what the request parameters name.
pub(super) fn targets(record: &Value) -> (Vec<String>, &'static str) {
    let listed = at(record, "resources").and_then(Value::as_array).into_iter().flatten();
    let mut found = Vec::new();
    for resource in listed {
        let name = ["ARN", "arn", "ARNPrefix"].into_iter().find_map(|member| text(resource, member));
        push(&mut found, name.map(str::to_owned));
    }
    if !found.is_empty() {
        return (found, "resources");
    }
    let Some(parameters) = at(record, "requestParameters") else { return (found, "requestParameters") };
    if let Some(bucket) = text(parameters, "bucketName") {
        let key = text(parameters, "key").map(|key| format!("/{key}")).unwrap_or_default();
        push(&mut found, Some(format!("arn:aws:s3:::{bucket}{key}")));
        return (found, "requestParameters.bucketName and key");
    }
    let service = text(record, "eventSource").unwrap_or_default().split('.').next().unwrap_or_default();
    collect(parameters, service, MAX_DEPTH, &mut found);
    (found, "names, ids and ARNs in requestParameters")
}

/// A parameter names a resource if it ends in `Name`, `Id`, `Arn`, `Identifier` or `Url`, or if its value is an ARN.
fn collect(value: &Value, service: &str, depth: usize, found: &mut Vec<String>) {
    if depth == 0 {
        return;
    }
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::Object(_) => collect(value, service, depth - 1, found),
                    Value::Array(entries) => {
                        for entry in entries {
                            let nested = entry.is_object();
                            if nested {
                                collect(entry, service, depth - 1, found);
                            } else {
                                push(found, named(service, name, entry));
                            }
                        }
                    }
                    value => push(found, named(service, name, value)),
                }
            }
        }
        Value::Array(entries) => entries.iter().for_each(|entry| collect(entry, service, depth - 1, found)),
        _ => {}
    }
}

fn named(service: &str, parameter: &str, value: &Value) -> Option<String> {
    let value = plain(value).filter(|text| text.len() <= MAX_NAME_BYTES && !text.contains(char::is_control))?;
    if value.starts_with("arn:") {
        return Some(value);
    }
    let singular = parameter.strip_suffix('s').unwrap_or(parameter);
    let is_one = |ending: &str| singular.ends_with(ending) || singular.eq_ignore_ascii_case(ending);
    // A client's own token and a session's name are new in every call and name nothing that lasts.
    let names_nothing = singular.contains("oken")
        || singular.ends_with("SessionName")
        || singular.contains("lientRequest")
        || singular.contains("equestId");
    let names = ["Name", "Id", "ID", "Arn", "Identifier", "Url"].iter().any(|ending| is_one(ending));
    (names && !names_nothing).then(|| format!("aws:{service}:{parameter}/{value}"))
}

fn push(found: &mut Vec<String>, name: Option<String>) {
    if let Some(name) = name.filter(|name| found.len() < MAX_ITEMS && !found.contains(name)) {
        found.push(name);
    }
}
