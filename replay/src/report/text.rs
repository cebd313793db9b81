//! Texts out of events, made fit to be shown.

/// Shortens a text to `limit` characters and makes control and direction characters visible.
///
/// ```
/// assert_eq!(replay::report::shown("a\u{202e}b", 20), "a\\u{202e}b");
/// assert_eq!(replay::report::shown("abcdef", 3), "abc…");
/// ```
pub fn shown(text: &str, limit: usize) -> String {
    let mut shown = String::new();
    for (i, c) in text.chars().enumerate() {
        if i == limit {
            shown.push('…');
            break;
        }
        if c.is_control() || is_invisible(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Direction marks, overrides and isolates, zero-width characters, line and paragraph separators, and the tag block.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        | '\u{e0000}'..='\u{e007f}')
}

/// A count with thin spaces between thousands.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + 6);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A share as percent, with one digit below 10 %.
pub(crate) fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent < 9.95 { format!("{percent:.1} %") } else { format!("{percent:.0} %") }
}

/// An area under a curve, or a dash.
pub(crate) fn area(area: Option<f64>) -> String {
    area.map_or_else(|| "–".to_owned(), |area| format!("{area:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_shares_read_as_people_write_them() {
        assert_eq!([count(7), count(1234), count(1_234_567)], ["7", "1\u{202f}234", "1\u{202f}234\u{202f}567"]);
        assert_eq!([percent(0.001), percent(0.0996), percent(1.0)], ["0.1 %", "10 %", "100 %"]);
        assert_eq!([area(None), area(Some(0.97849))], ["–", "0.978"]);
    }
}
