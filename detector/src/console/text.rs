//! Texts that an attacker may have written, made safe to look at.
//!
//! Escaping stops markup. It does not stop a text from reordering what stands beside it (bidi controls), hiding a part
//! of itself (zero-width characters) or pushing the page apart (length, stacks of combining marks). So every such
//! character is shown as its code point, the text is isolated in `<bdi>`, and a long one is cut with the rest on demand.

use std::fmt::{self, Write as _};

use askama::filters::HtmlSafe;

/// Longest text that is shown in full at once, in characters: about one line of a table.
const LINE: usize = 96;
/// Longest text kept at all, in characters: the longest field an event may have, with room for the words around it.
const MOST: usize = 4_096;
/// Combining marks that may follow one another before they are shown as code points.
const MARKS: usize = 3;

/// A text from an event, as it is put into a page: displays as HTML that needs no further escaping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    short: String,
    full: Option<String>,
}

impl Shown {
    /// A name, URI or other value on one line; a longer one is cut in the middle and opens on demand.
    pub(crate) fn line(text: &str) -> Self {
        Self::cut(text, LINE, html)
    }

    /// A value that takes a few lines, cut at `limit` characters.
    pub(crate) fn block(text: &str, limit: usize) -> Self {
        Self::cut(text, limit, html)
    }

    /// Words of ours around values of the event, which stand in backticks.
    pub(crate) fn sentence(text: &str) -> Self {
        Self::cut(text, LINE * 4, prose)
    }

    /// A value in a narrow place that leads to its full form: cut, and nothing on demand.
    pub(crate) fn brief(text: &str) -> Self {
        Self { short: html(&shorten(text, LINE / 2)), full: None }
    }

    /// A sentence in a narrow place.
    pub(crate) fn brief_sentence(text: &str) -> Self {
        Self { short: prose(&shorten(text, LINE * 2)), full: None }
    }

    fn cut(text: &str, limit: usize, html: fn(&str) -> String) -> Self {
        let short = shorten(text, limit);
        let full = (short.len() != text.len()).then(|| html(&shorten(text, MOST)));
        Self { short: html(&short), full }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.full {
            None => write!(f, "<bdi>{}</bdi>", self.short),
            Some(full) => write!(
                f,
                "<details class=\"cut\"><summary><bdi>{}</bdi></summary><bdi class=\"full\">{full}</bdi></details>",
                self.short
            ),
        }
    }
}

impl HtmlSafe for Shown {}

/// The text with what cannot be seen spelled out: for titles and other attributes, where the template escapes it.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for piece in pieces(&shorten(text, MOST)) {
        // Writing to a String cannot fail.
        let _ = match piece {
            Piece::Char(c) => out.write_char(c),
            Piece::Hidden(c) => write!(out, "\u{27e8}U+{:04X}\u{27e9}", u32::from(c)),
        };
    }
    out
}

enum Piece {
    Char(char),
    Hidden(char),
}

fn pieces(text: &str) -> impl Iterator<Item = Piece> + '_ {
    let mut marks = 0;
    text.chars().map(move |c| {
        marks = if is_combining(c) { marks + 1 } else { 0 };
        if is_hidden(c) || marks > MARKS { Piece::Hidden(c) } else { Piece::Char(c) }
    })
}

fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for piece in pieces(text) {
        // Writing to a String cannot fail.
        let _ = match piece {
            Piece::Char('<') => out.write_str("&lt;"),
            Piece::Char('>') => out.write_str("&gt;"),
            Piece::Char('&') => out.write_str("&amp;"),
            Piece::Char('"') => out.write_str("&quot;"),
            Piece::Char('\'') => out.write_str("&#39;"),
            Piece::Char(c) => out.write_char(c),
            Piece::Hidden(c) => write!(out, "<span class=\"cp\">U+{:04X}</span>", u32::from(c)),
        };
    }
    out
}

/// Like [`html`], with what stands in backticks as code. A value that holds backticks itself only moves where code begins.
fn prose(text: &str) -> String {
    let parts: Vec<_> = text.split('`').collect();
    // An odd number of backticks leaves the last one as it is.
    let closed = parts.len() - usize::from(parts.len().is_multiple_of(2));
    let mut out = String::with_capacity(text.len() + 16);
    for (i, part) in parts.iter().enumerate() {
        if i >= closed {
            out.push('`');
        }
        if i % 2 == 1 && i < closed {
            out.push_str("<code>");
            out.push_str(&html(part));
            out.push_str("</code>");
        } else {
            out.push_str(&html(part));
        }
    }
    out
}

/// Keeps the beginning and the end: of a path or URI both matter.
fn shorten(text: &str, limit: usize) -> String {
    if text.len() <= limit || text.chars().nth(limit).is_none() {
        return text.to_owned();
    }
    let head = limit * 2 / 3;
    let tail = limit - head - 1;
    let ends = text.char_indices().nth(head).map_or(text.len(), |(i, _)| i);
    let begins = text.char_indices().rev().nth(tail.saturating_sub(1)).map_or(ends, |(i, _)| i);
    let (start, end) = (text.get(..ends).unwrap_or_default(), text.get(begins..).unwrap_or_default());
    format!("{start}\u{2026}{end}")
}

/// Characters that show nothing, or change how others are shown.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

fn is_combining(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn markup_is_text() {
        let shown = Shown::line("</script><script>alert('1')</script>&\"").to_string();
        assert_eq!(shown, "<bdi>&lt;/script&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;&quot;</bdi>");
    }

    #[test]
    fn what_cannot_be_seen_is_spelled_out() {
        let shown = Shown::line("pay\u{202e}fdp.exe\u{200b}\0").to_string();
        assert_eq!(
            shown,
            "<bdi>pay<span class=\"cp\">U+202E</span>fdp.exe<span class=\"cp\">U+200B</span><span class=\"cp\">U+0000</span></bdi>"
        );
        assert_eq!(plain("a\u{202e}b\n"), "a\u{27e8}U+202E\u{27e9}b\u{27e8}U+000A\u{27e9}");
    }

    #[test]
    fn a_tower_of_combining_marks_is_cut_down_to_three() {
        let shown = Shown::line(&format!("e{}", "\u{301}".repeat(5))).to_string();
        assert_eq!(shown.matches('\u{301}').count(), 3);
        assert_eq!(shown.matches("U+0301").count(), 2);
    }

    #[test]
    fn a_long_uri_shows_both_ends_and_opens_to_the_whole() {
        let uri = format!("crm://accounts/{}/export.csv", "x".repeat(2_000));
        let shown = Shown::line(&uri).to_string();
        let (summary, full) = shown.split_once("</summary>").unwrap();
        assert!(summary.contains("crm://accounts/") && summary.contains("export.csv"));
        assert!(summary.len() < 220, "{}", summary.len());
        assert!(full.contains(&uri));
        assert!(!Shown::brief(&uri).to_string().contains("<details"));
    }

    #[test]
    fn values_in_backticks_are_code_and_a_lone_backtick_is_itself() {
        let shown = |text: &str| Shown::brief_sentence(text).to_string();
        assert_eq!(shown("called `a<b` on `c`"), "<bdi>called <code>a&lt;b</code> on <code>c</code></bdi>");
        assert_eq!(shown("a ` b"), "<bdi>a ` b</bdi>");
        assert_eq!(shown("`a` ` b"), "<bdi><code>a</code> ` b</bdi>");
        assert_eq!(Shown::line("`a`").to_string(), "<bdi>`a`</bdi>");
    }

    proptest! {
        // Law: whatever the text, the shown form holds no markup but ours and no character that reorders or hides.
        #[test]
        fn no_text_breaks_out(text in "\\PC{0,40}[\u{0}-\u{1f}\u{200b}-\u{202e}\u{2066}-\u{2069}<>&`\"']{0,200}") {
            for shown in [Shown::line(&text), Shown::sentence(&text), Shown::brief_sentence(&text)] {
                let page = shown.to_string();
                let bare = ["<bdi>",
                    "<code>",
                    "</code>", "<bdi class=\"full\">", "</bdi>", "<span class=\"cp\">", "</span>",
                    "<details class=\"cut\">", "</details>", "<summary>", "</summary>"]
                    .iter().fold(page, |page, ours| page.replace(ours, ""));
                let ours = |c: char| !matches!(c, '<' | '>' | '"' | '\'') && !is_hidden(c);
                prop_assert!(bare.chars().all(ours), "{bare:?}");
            }
        }

        // Law: a cut text keeps to its limit, and an uncut one is itself.
        #[test]
        fn cutting_keeps_the_limit(text in ".{0,300}", limit in 8usize..200) {
            let cut = shorten(&text, limit);
            prop_assert!(cut.chars().count() <= limit);
            if text.chars().count() <= limit { prop_assert_eq!(cut, text); }
        }
    }
}
