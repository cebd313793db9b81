//! How one field of an event is found in a row.

use std::collections::BTreeMap;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use models::event::{ActionOutcome, Rejection, RejectionCode, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use crate::columns::{Column, Kind};
use crate::reader::call::set_arguments;
use crate::reader::draft::Draft;
use crate::reader::time::guessed;
use crate::reader::value::{at, number, plain, size};
use crate::reader::verb;

/// A rule as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Spec {
    from: Option<Paths>,
    value: Option<toml::Value>,
    derive: Option<Derive>,
    format: Option<String>,
    words: Option<BTreeMap<String, String>>,
    default: Option<String>,
    prefix: Option<String>,
    split: Option<String>,
}

/// Where to look: the first that is there.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Paths {
    One(String),
    Several(Vec<String>),
}

/// What can be derived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Derive {
    /// The action, by the verb in a name; without `from`, that of the tool.
    Verb,
    /// The outcome, by what an error says; none means success.
    Error,
    /// The targets, by the names of the members of an object of arguments.
    Arguments,
    /// A number of bytes: the size of a value.
    Size,
}

/// How times are written.
#[derive(Debug, Clone)]
enum Times {
    /// In any usual way, see [`guessed`].
    Guessed,
    /// As a number since the Unix epoch, in units of so many nanoseconds.
    Epoch(f64),
    /// As `strptime` reads it; UTC where it has no offset.
    Pattern(String),
}

/// A checked rule.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    column: &'static Column,
    how: How,
    words: Option<BTreeMap<String, String>>,
    default: Option<String>,
    prefix: String,
    split: Option<String>,
}

#[derive(Debug, Clone)]
enum How {
    Constant(Value),
    Copy(Vec<String>),
    Time(Vec<String>, Times),
    Verb(Vec<String>),
    Error(Vec<String>),
    Arguments(Vec<String>),
    Size(Vec<String>),
}

const TIMES: [&str; 4] = ["time", "credential.issued_at", "credential.expires_at", "break_glass.expires_at"];

/// The words that a field may hold, where it may not hold any text.
fn vocabulary(field: &str) -> Option<&'static [&'static str]> {
    match field {
        "action" => Some(&["read", "write", "execute", "delegate", "admin"]),
        "outcome" => Some(&["success", "denied", "error"]),
        "sensitivity" => Some(&["public", "internal", "confidential", "restricted"]),
        "target_origin" => Some(&["user", "config", "memory", "tool_result"]),
        _ => None,
    }
}

impl Rule {
    /// Checks a rule; the error says what to do.
    pub(super) fn of(column: &'static Column, value: &toml::Value) -> Result<Self, String> {
        let spec = match value {
            toml::Value::String(path) => Spec { from: Some(Paths::One(path.clone())), ..Spec::default() },
            toml::Value::Table(_) => Spec::deserialize(value.clone()).map_err(|e| e.to_string().trim().to_owned())?,
            _ => return Err("write the path in quotes, or a table such as { from = \"path\" }".to_owned()),
        };
        let is_time = TIMES.contains(&column.name);
        if spec.format.is_some() && !is_time {
            return Err(format!("`format` is for times ({}) only", TIMES.join(", ")));
        }
        check_words(column, &spec)?;
        let how = how(column, &spec)?;
        let (words, default) = (spec.words, spec.default);
        Ok(Self { column, how, words, default, prefix: spec.prefix.unwrap_or_default(), split: spec.split })
    }

    pub(super) fn field(&self) -> &'static str {
        self.column.name
    }

    /// Sets the field of the draft by this row.
    pub(super) fn apply(&self, row: &Value, draft: &mut Draft) -> Result<(), Rejection> {
        let field = self.column.name;
        let found = match &self.how {
            How::Constant(value) => {
                draft.set(field, value.clone(), "constant");
                return Ok(());
            }
            How::Verb(paths) => {
                let named = first(row, paths).and_then(|(value, _)| plain(value));
                let tool = named.or_else(|| draft.text("tool").map(str::to_owned));
                if let Some(action) = tool.and_then(|tool| verb::action(&tool)) {
                    draft.set(field, action.as_str(), "verb of the tool's name");
                }
                None
            }
            How::Error(paths) => {
                let error = first(row, paths).and_then(|(value, _)| plain(value));
                let outcome = error.map_or(ActionOutcome::Success, |error| verb::failure(&error));
                draft.set(field, verb::outcome_name(outcome), "what the error says");
                None
            }
            How::Arguments(paths) => {
                if let Some((arguments, _)) = first(row, paths) {
                    set_arguments(draft, arguments, "arguments");
                }
                None
            }
            How::Size(paths) => {
                let value = first(row, paths);
                value.map(|(value, path)| (Value::from(size(value)), format!("size of {path}")))
            }
            How::Time(paths, times) => {
                first(row, paths).map(|(value, path)| times.read(field, value, path)).transpose()?
            }
            How::Copy(paths) => first(row, paths).map(|(value, path)| (self.converted(value), path.to_owned())),
        };
        match found {
            Some((value, from)) if !value.is_null() => draft.set(field, value, from),
            _ => {
                if let Some(default) = self.default.as_ref().filter(|_| !draft.has(field)) {
                    draft.set(field, default.clone(), "default");
                }
            }
        }
        Ok(())
    }

    /// A value of a row as a value of the field. What does not fit stays as it is, and the check of the event names it.
    fn converted(&self, value: &Value) -> Value {
        match self.column.kind {
            Kind::Number => number(&wrapped(value), "v").map_or_else(|| value.clone(), Value::from),
            Kind::Flag => match plain(value).unwrap_or_default().to_ascii_lowercase().as_str() {
                "true" | "yes" | "1" => Value::from(true),
                "false" | "no" | "0" => Value::from(false),
                _ => value.clone(),
            },
            Kind::Targets | Kind::Scopes => self.list(value),
            Kind::Text => self.word(value),
        }
    }

    fn word(&self, value: &Value) -> Value {
        let Some(text) = plain(value).or_else(|| value.as_bool().map(|flag| flag.to_string())) else {
            return value.clone();
        };
        match &self.words {
            Some(words) => {
                let known = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(&text)).map(|(_, word)| word);
                known.or(self.default.as_ref()).map_or(Value::from(text), |word| Value::from(word.as_str()))
            }
            None => Value::from(format!("{}{text}", self.prefix)),
        }
    }

    fn list(&self, value: &Value) -> Value {
        let prefixed = |text: &str| Value::from(format!("{}{}", self.prefix, text.trim()));
        match value {
            Value::Array(entries) => entries.iter().filter_map(plain).map(|text| prefixed(&text)).collect(),
            value => match (plain(value), &self.split) {
                (Some(text), Some(split)) => {
                    text.split(split.as_str()).filter(|part| !part.trim().is_empty()).map(prefixed).collect()
                }
                (Some(text), None) if self.column.kind == Kind::Scopes => {
                    text.split_ascii_whitespace().map(prefixed).collect()
                }
                (Some(text), None) => Value::Array(vec![prefixed(&text)]),
                (None, _) => value.clone(),
            },
        }
    }
}

/// `number` looks at a member.
fn wrapped(value: &Value) -> Value {
    serde_json::json!({ "v": value })
}

fn first<'a>(row: &'a Value, paths: &'a [String]) -> Option<(&'a Value, &'a str)> {
    let is_there = |value: &&Value| value.as_str() != Some("");
    paths.iter().find_map(|path| Some((at(row, path).filter(is_there)?, path.as_str())))
}

fn how(column: &'static Column, spec: &Spec) -> Result<How, String> {
    let paths = match spec.from.clone() {
        Some(Paths::One(path)) => vec![path],
        Some(Paths::Several(paths)) => paths,
        None => Vec::new(),
    };
    if paths.iter().any(String::is_empty) || (paths.is_empty() && spec.from.is_some()) {
        return Err("`from` is empty; name a column or a path such as \"user.name\"".to_owned());
    }
    let fits = |fields: &[&str], derive: &str| {
        let fits = fields.contains(&column.name);
        fits.then_some(()).ok_or_else(|| format!("`derive = \"{derive}\"` is for {} only", fields.join(" and ")))
    };
    match (&spec.value, spec.derive) {
        (Some(_), Some(_)) => Err("has `value` and `derive`; keep one of them".to_owned()),
        (Some(_), None) if !paths.is_empty() => Err("has `value` and `from`; keep one of them".to_owned()),
        (Some(value), None) => constant(column, value),
        (None, Some(Derive::Verb)) => fits(&["action"], "verb").map(|()| How::Verb(paths)),
        (None, None) if paths.is_empty() => Err("needs `from`, `value` or `derive`".to_owned()),
        (None, None) if TIMES.contains(&column.name) => Ok(How::Time(paths, times(spec.format.as_deref())?)),
        (None, None) => Ok(How::Copy(paths)),
        (None, Some(_)) if paths.is_empty() => Err("`derive` needs `from`: what to derive it from".to_owned()),
        (None, Some(Derive::Error)) => fits(&["outcome"], "error").map(|()| How::Error(paths)),
        (None, Some(Derive::Arguments)) => fits(&["target"], "arguments").map(|()| How::Arguments(paths)),
        (None, Some(Derive::Size)) => fits(&["bytes_in", "bytes_out"], "size").map(|()| How::Size(paths)),
    }
}

fn constant(column: &Column, value: &toml::Value) -> Result<How, String> {
    let json = match value {
        toml::Value::Datetime(time) => Value::from(time.to_string()),
        value => serde_json::to_value(value).map_err(|e| e.to_string())?,
    };
    let fits = match column.kind {
        Kind::Text => json.is_string(),
        Kind::Number => json.is_u64(),
        Kind::Flag => json.is_boolean(),
        Kind::Targets | Kind::Scopes => json.as_array().is_some_and(|list| list.iter().all(Value::is_string)),
    };
    let wanted = match column.kind {
        Kind::Text => "a text",
        Kind::Number => "a number from 0",
        Kind::Flag => "true or false",
        Kind::Targets | Kind::Scopes => "a list of texts",
    };
    if fits { Ok(How::Constant(json)) } else { Err(format!("`value` must be {wanted}")) }
}

fn check_words(column: &Column, spec: &Spec) -> Result<(), String> {
    let Some(vocabulary) = vocabulary(column.name) else { return Ok(()) };
    let constant = spec.value.as_ref().and_then(toml::Value::as_str);
    let words = spec.words.iter().flat_map(BTreeMap::values).map(String::as_str);
    let unknown = words.chain(spec.default.as_deref()).chain(constant).find(|word| !vocabulary.contains(word));
    unknown.map_or(Ok(()), |word| Err(format!("`{word}` is not one of {}", vocabulary.join(", "))))
}

fn times(format: Option<&str>) -> Result<Times, String> {
    match format {
        None | Some("rfc3339" | "auto") => Ok(Times::Guessed),
        Some("unix") => Ok(Times::Epoch(1e9)),
        Some("unix_ms") => Ok(Times::Epoch(1e6)),
        Some("unix_us") => Ok(Times::Epoch(1e3)),
        Some("unix_ns") => Ok(Times::Epoch(1.0)),
        Some(pattern) if pattern.contains('%') => Ok(Times::Pattern(pattern.to_owned())),
        Some(other) => Err(format!(
            "`format` is `{other}`; choose rfc3339, unix, unix_ms, unix_us, unix_ns or a pattern such as \"%Y-%m-%d %H:%M:%S\""
        )),
    }
}

impl Times {
    fn read(&self, field: &'static str, value: &Value, path: &str) -> Result<(Value, String), Rejection> {
        let time = match self {
            Times::Guessed => guessed(value),
            Times::Epoch(nanos) => epoch(value, *nanos),
            Times::Pattern(pattern) => plain(value).and_then(|text| parsed(pattern, &text)),
        };
        let Some(time) = time else {
            let shown: String = plain(value).unwrap_or_else(|| value.to_string()).chars().take(64).collect();
            let detail = format!("`{path}` is `{shown}`, which is no time in the format of the mapping");
            return Err(Rejection { field: Some(field), ..Rejection::new(RejectionCode::InvalidTime, detail) });
        };
        Ok((Value::from(time.to_string()), path.to_owned()))
    }
}

fn epoch(value: &Value, nanos: f64) -> Option<Timestamp> {
    let text = plain(value)?;
    if let Ok(whole) = text.parse::<i64>() {
        return whole.checked_mul(nanos as i64).map(Timestamp::from_nanos);
    }
    let fraction = text.parse::<f64>().ok().filter(|n| n.is_finite())?;
    let scaled = fraction * nanos;
    (scaled.abs() < 9.2e18).then(|| Timestamp::from_nanos((scaled / 1e3).round() as i64 * 1000))
}

fn parsed(pattern: &str, text: &str) -> Option<Timestamp> {
    let with_offset = jiff::Timestamp::strptime(pattern, text).ok();
    let in_utc = || DateTime::strptime(pattern, text).ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    let nanos = with_offset.or_else(in_utc)?.as_nanosecond();
    i64::try_from(nanos).ok().map(Timestamp::from_nanos)
}
