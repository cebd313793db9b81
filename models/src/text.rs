//! Texts from events, fit to be shown: events are written by whoever sends them.

/// The first `limit` characters, with what could move a cursor, hide, or turn the direction of text replaced.
pub(crate) fn disarmed(text: &str, limit: usize) -> String {
    let hostile = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let mut out: String = text.chars().take(limit).map(|c| if hostile(c) { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(limit).is_some() {
        out.push('…');
    }
    out
}
