//! Looking into JSON whose shape nobody promised.

use std::io;

use serde_json::Value;

/// The value at a path of member names with dots between; a member whose own name has dots is found as well.
pub(super) fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let object = value.as_object()?;
    if let Some(found) = object.get(path) {
        return Some(found).filter(|found| !found.is_null());
    }
    path.match_indices('.').find_map(|(dot, _)| {
        let (member, rest) = path.split_at(dot);
        at(object.get(member)?, rest.get(1..)?)
    })
}

/// The text at a path, unless it is empty.
pub(super) fn text<'a>(value: &'a Value, path: &str) -> Option<&'a str> {
    at(value, path)?.as_str().filter(|text| !text.is_empty())
}

/// The first of the paths at which there is a text or a number, and which one it is.
pub(super) fn first_text(value: &Value, paths: &[&'static str]) -> Option<(String, &'static str)> {
    paths.iter().find_map(|&path| Some((plain(at(value, path)?)?, path)))
}

/// A text or number as a text.
pub(super) fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The number at a path: an unsigned one, one in a text, or a fraction rounded down.
pub(super) fn number(value: &Value, path: &str) -> Option<u64> {
    match at(value, path)? {
        Value::Number(number) => number.as_u64().or_else(|| {
            let fraction = number.as_f64().filter(|n| (0.0..1.8e19).contains(n))?;
            Some(fraction as u64)
        }),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// Bytes of a value: of a text its own, of anything else those of its shortest JSON.
pub(super) fn size(value: &Value) -> u64 {
    struct Count(u64);
    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len() as u64;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    match value {
        Value::Null => 0,
        Value::String(text) => text.len() as u64,
        other => {
            let mut count = Count(0);
            // Counting cannot fail.
            let _ = serde_json::to_writer(&mut count, other);
            count.0
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_go_through_members_with_and_without_dots() {
        let value = json!({"a": {"b.c": {"d": "x"}}, "e.f": 3, "g": null, "h": ""});
        assert_eq!(text(&value, "a.b.c.d"), Some("x"));
        assert_eq!(first_text(&value, &["g", "h", "a", "e.f"]), Some(("3".to_owned(), "e.f")));
        assert_eq!((at(&value, "a.x"), at(&value, "g"), at(&json!([1]), "a")), (None, None, None));
    }

    #[test]
    fn numbers_may_be_texts_or_fractions_and_never_negative() {
        let value = json!({"a": 7, "b": "8", "c": 9.7, "d": -1, "e": "x", "f": 1e30});
        assert_eq!(
            ["a", "b", "c", "d", "e", "f"].map(|p| number(&value, p)),
            [Some(7), Some(8), Some(9), None, None, None]
        );
    }

    #[test]
    fn sizes_are_those_of_the_text_or_of_the_shortest_json() {
        assert_eq!([json!("éa"), json!({"a": [1, 2]}), json!(null)].map(|v| size(&v)), [3, 11, 0]);
    }
}
