//! `JUnit` XML, the form in which CI systems take the result of a gate.

use std::fmt::Write as _;

use crate::report::shown;

/// Characters of a text that are kept.
const LONGEST: usize = 2_000;

/// One condition that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// What was asked.
    pub name: String,
    /// What was found instead, in one line and in several; none if the condition holds.
    pub failure: Option<(String, Vec<String>)>,
}

/// A document with one suite of these cases.
///
/// ```
/// let case = replay::junit::Case { name: "no <alert>".to_owned(), failure: None };
/// assert!(replay::junit::document("replay", &[case]).contains("name=\"no &lt;alert&gt;\""));
/// ```
pub fn document(suite: &str, cases: &[Case]) -> String {
    let failures = cases.iter().filter(|case| case.failure.is_some()).count();
    let suite = escaped(suite);
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a string cannot fail.
    let _ = writeln!(xml, "<testsuites tests=\"{}\" failures=\"{failures}\">", cases.len());
    let _ = writeln!(xml, "  <testsuite name=\"{suite}\" tests=\"{}\" failures=\"{failures}\">", cases.len());
    for Case { name, failure } in cases {
        let name = escaped(name);
        let Some((message, lines)) = failure else {
            let _ = writeln!(xml, "    <testcase classname=\"{suite}\" name=\"{name}\"/>");
            continue;
        };
        let _ = writeln!(xml, "    <testcase classname=\"{suite}\" name=\"{name}\">");
        let _ = writeln!(xml, "      <failure message=\"{}\">", escaped(message));
        for line in lines {
            let _ = writeln!(xml, "{}", escaped(line));
        }
        xml.push_str("      </failure>\n    </testcase>\n");
    }
    xml.push_str("  </testsuite>\n</testsuites>\n");
    xml
}

/// XML forbids most control characters even when they are escaped, so they are made visible first.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in shown(text, LONGEST).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted_and_hostile_texts_stay_texts() {
        let failure = ("2 > 0".to_owned(), vec!["]]><x a=\"\u{1b}[31m&\u{0}".to_owned()]);
        let cases = [
            Case { name: "gained".to_owned(), failure: Some(failure) },
            Case { name: "lost".to_owned(), failure: None },
        ];
        let xml = document("diff", &cases);
        assert!(xml.contains("<testsuite name=\"diff\" tests=\"2\" failures=\"1\">"));
        assert!(xml.contains("message=\"2 &gt; 0\"") && xml.contains("]]&gt;&lt;x a=&quot;\\u{1b}[31m&amp;\\u{0}"));
        assert_eq!(xml.matches("<testcase").count(), 2);
    }
}
