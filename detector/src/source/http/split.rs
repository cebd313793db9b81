//! Takes the body of a request apart into events, without parsing them: one that is broken must not hide the others.

use super::problem::Problem;

/// How the events of a request stand together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// One object.
    One,
    /// One object, or an array of them.
    OneOrArray,
    /// An array.
    Array,
    /// One object a line.
    Lines,
}

impl Form {
    /// The form that a content type stands for.
    pub(super) fn of(content_type: Option<&str>) -> Result<Self, Problem> {
        let essence =
            content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "application/json" => Ok(Form::OneOrArray),
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Ok(Form::Lines),
            "application/cloudevents+json" => Ok(Form::One),
            "application/cloudevents-batch+json" => Ok(Form::Array),
            _ => Err(Problem::unsupported(
                "set Content-Type to application/json, application/x-ndjson, application/cloudevents+json or \
                 application/cloudevents-batch+json, or send a CloudEvent in binary mode",
            )),
        }
    }
}

/// The bytes of each event, at least one and at most `limit`.
pub(super) fn split(form: Form, body: &[u8], limit: usize) -> Result<Vec<Vec<u8>>, Problem> {
    let body = body.trim_ascii();
    let is_array = form == Form::Array || (form == Form::OneOrArray && body.starts_with(b"["));
    let parts = match form {
        _ if body.is_empty() => Vec::new(),
        Form::Lines => lines(body, limit),
        _ if is_array => elements(body, limit)?,
        _ => vec![body],
    };
    if parts.len() > limit {
        return Err(Problem::too_much(format!("at most {limit} events are accepted a request; split it")));
    }
    if parts.is_empty() {
        return Err(Problem::invalid("there is no event in the request; send at least one"));
    }
    Ok(parts.into_iter().map(<[u8]>::to_vec).collect())
}

/// The lines that are not blank; one more than `limit` says that there are too many.
fn lines(body: &[u8], limit: usize) -> Vec<&[u8]> {
    body.split(|b| *b == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()).take(limit + 1).collect()
}

/// The elements of a JSON array, found by its brackets, commas and strings alone.
fn elements(body: &[u8], limit: usize) -> Result<Vec<&[u8]>, Problem> {
    let broken = || Problem::invalid("the body is not one JSON array; check its brackets, or send one event a line");
    let inner = body.strip_prefix(b"[").ok_or_else(broken)?;
    let (mut parts, mut start, mut depth, mut in_string, mut escaped) = (Vec::new(), 0, 1_usize, false, false);
    for (i, byte) in inner.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth -= 1,
            b',' if depth == 1 => {
                parts.push(inner.get(start..i).unwrap_or_default().trim_ascii());
                start = i + 1;
            }
            _ => {}
        }
        if depth == 0 {
            let last = inner.get(start..i).unwrap_or_default().trim_ascii();
            if inner.len() != i + 1 || *byte != b']' {
                return Err(broken());
            }
            if !(parts.is_empty() && last.is_empty()) {
                parts.push(last);
            }
            return Ok(parts);
        }
        if parts.len() > limit {
            return Ok(parts);
        }
    }
    Err(broken())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn texts(form: Form, body: &str) -> Result<Vec<String>, Problem> {
        let parts = split(form, body.as_bytes(), 3)?;
        Ok(parts.into_iter().map(|p| String::from_utf8(p).expect("utf-8")).collect())
    }

    #[test]
    fn one_broken_element_leaves_the_others_whole() {
        let parts = texts(Form::OneOrArray, r#"[ {"a":"],\"["}, nonsense , {"b":[1,{}]} ]"#).expect("an array");
        assert_eq!(parts, [r#"{"a":"],\"["}"#, "nonsense", r#"{"b":[1,{}]}"#]);
    }

    #[test]
    fn an_array_that_does_not_end_or_goes_on_is_refused_as_a_whole() {
        for body in [r#"[{"a":1}"#, r#"[{"a":1}] x"#, r#"[{"a":1}}"#, "[\"", "["] {
            assert!(texts(Form::Array, body).is_err(), "{body}");
        }
    }

    #[test]
    fn more_events_than_the_limit_are_refused() {
        assert_eq!(texts(Form::Lines, "1\n2\n3\n").expect("three").len(), 3);
        assert!(texts(Form::Lines, "1\n2\n\n3\n4").is_err());
        assert!(texts(Form::Array, "[1,2,3,4]").is_err());
    }

    #[test]
    fn a_request_without_events_is_refused() {
        for (form, body) in [(Form::Lines, "\n \n"), (Form::OneOrArray, "[ ]"), (Form::One, "")] {
            assert!(texts(form, body).is_err());
        }
    }

    #[test]
    fn content_types_are_told_apart() {
        assert_eq!(Form::of(Some("Application/JSON; charset=utf-8")), Ok(Form::OneOrArray));
        assert_eq!(Form::of(Some("application/cloudevents-batch+json")), Ok(Form::Array));
        assert!(Form::of(Some("text/html")).is_err());
        assert!(Form::of(None).is_err());
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![any::<i32>().prop_map(Value::from), ".{0,12}".prop_map(Value::from)];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(".{0,4}", inner, 0..4).prop_map(|m| Value::Object(m.into_iter().collect())),
            ]
        })
    }

    proptest! {
        // split(array) = its elements, however strings and nesting look.
        #[test]
        fn the_elements_of_any_array_are_found(values in prop::collection::vec(json(), 1..6)) {
            let body = Value::from(values.clone()).to_string();
            let parts = elements(body.as_bytes(), 100).expect("a valid array");
            let parsed: Vec<Value> = parts.iter().map(|p| serde_json::from_slice(p).expect("json")).collect();
            prop_assert_eq!(parsed, values);
        }
    }
}
