//! `JUnit` XML, the form in which CI systems take the result of a gate.

use std::fmt::Write as _;

use crate::provenance::Property;
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

/// A document with one suite of these cases, which says what it is about.
///
/// ```
/// let case = replay::junit::Case { name: "no <alert>".to_owned(), failure: None };
/// assert!(replay::junit::document("replay", &[], &[case]).contains("name=\"no &lt;alert&gt;\""));
/// ```
pub fn document(suite: &str, about: &[Property], cases: &[Case]) -> String {
    let failures = cases.iter().filter(|case| case.failure.is_some()).count();
    let suite = escaped(suite, LONGEST);
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a string cannot fail.
    let _ = writeln!(xml, "<testsuites tests=\"{}\" failures=\"{failures}\">", cases.len());
    let _ = writeln!(xml, "  <testsuite name=\"{suite}\" tests=\"{}\" failures=\"{failures}\">", cases.len());
    if !about.is_empty() {
        xml.push_str("    <properties>\n");
        for (name, value) in about {
            // A list of digests is longer than what is kept of other texts, and is no text of an event.
            let (name, value) = (escaped(name, usize::MAX), escaped(value, usize::MAX));
            let _ = writeln!(xml, "      <property name=\"{name}\" value=\"{value}\"/>");
        }
        xml.push_str("    </properties>\n");
    }
    for Case { name, failure } in cases {
        let name = escaped(name, LONGEST);
        let Some((message, lines)) = failure else {
            let _ = writeln!(xml, "    <testcase classname=\"{suite}\" name=\"{name}\"/>");
            continue;
        };
        let _ = writeln!(xml, "    <testcase classname=\"{suite}\" name=\"{name}\">");
        let _ = writeln!(xml, "      <failure message=\"{}\">", escaped(message, LONGEST));
        for line in lines {
            let _ = writeln!(xml, "{}", escaped(line, LONGEST));
        }
        xml.push_str("      </failure>\n    </testcase>\n");
    }
    xml.push_str("  </testsuite>\n</testsuites>\n");
    xml
}

/// XML forbids most control characters even when they are escaped, so they are made visible first.
fn escaped(text: &str, longest: usize) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in shown(text, longest).chars() {
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
        let about = [("first.digest".to_owned(), "<ab>".to_owned())];
        let xml = document("diff", &about, &cases);
        let head = "<testsuite name=\"diff\" tests=\"2\" failures=\"1\">\n    <properties>\n";
        assert!(xml.contains(head) && xml.contains("<property name=\"first.digest\" value=\"&lt;ab&gt;\"/>"));
        assert!(xml.contains("message=\"2 &gt; 0\"") && xml.contains("]]&gt;&lt;x a=&quot;\\u{1b}[31m&amp;\\u{0}"));
        assert_eq!(xml.matches("<testcase").count(), 2);
    }
}
