//! The story on a terminal, line by line, and the bar while the history is learned.

use std::fmt;
use std::io::{self, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::past::Learned;

/// Parts of the history after which a line is printed where there is no bar.
const PARTS: u32 = 4;
/// Steps of the bar.
const BAR: u64 = 1_000;

/// How a line is to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// Something to know.
    Plain,
    /// Something bad happens.
    Bad,
    /// Something bad is found out.
    Found,
    /// Something bad has an end.
    Good,
}

/// One line of the story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// When, since the agents started.
    pub at: Duration,
    /// How it is to be seen.
    pub tone: Tone,
    /// What happened; a line break goes on below.
    pub text: String,
}

/// Where the story is told.
pub struct Story {
    out: Box<dyn Write + Send>,
    colour: bool,
    bar: Option<ProgressBar>,
    parts: u32,
}

impl fmt::Debug for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Story").field("colour", &self.colour).finish_non_exhaustive()
    }
}

impl Story {
    /// A story in plain lines.
    pub fn plain(out: impl Write + Send + 'static) -> Self {
        Self { out: Box::new(out), colour: false, bar: None, parts: 0 }
    }

    /// A story on a terminal: in colours, with a bar on stderr while there is something to wait for.
    pub fn on_terminal(out: impl Write + Send + 'static, colour: bool) -> Self {
        let style = ProgressStyle::with_template("learning {bar:28} {msg}");
        let bar = style.ok().map(|style| ProgressBar::new(BAR).with_style(style));
        Self { colour, bar, ..Self::plain(out) }
    }

    pub(super) fn lines(&mut self, lines: &[Line]) -> io::Result<()> {
        for Line { at, tone, text } in lines {
            let (on, off) = match tone {
                _ if !self.colour => ("", ""),
                Tone::Plain => ("", ""),
                Tone::Bad => ("\u{1b}[31m", "\u{1b}[0m"),
                Tone::Found => ("\u{1b}[1;33m", "\u{1b}[0m"),
                Tone::Good => ("\u{1b}[1;32m", "\u{1b}[0m"),
            };
            let mut margin = format!("{:>5.1} s", at.as_secs_f64());
            for part in text.lines() {
                writeln!(self.out, "{margin}  {on}{part}{off}")?;
                margin = " ".repeat(margin.len());
            }
        }
        self.out.flush()
    }

    pub(super) fn progress(&mut self, learned: &Learned) -> io::Result<()> {
        if let Some(bar) = &self.bar {
            bar.set_position((learned.share * BAR as f64) as u64);
            bar.set_message(learned.to_string());
            return Ok(());
        }
        let part = (learned.share * f64::from(PARTS)) as u32;
        if part > self.parts {
            self.parts = part;
            writeln!(self.out, "learning {:>3.0} %  {learned}", learned.share * 100.0)?;
            self.out.flush()?;
        }
        Ok(())
    }

    pub(super) fn progress_done(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl fmt::Display for Learned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} events of {} identities, {} sessions ranked: strangeness is resolved to 1 in {}",
            Grouped(self.events),
            self.identities,
            Grouped(self.ranked),
            Grouped(self.ranked + 1)
        )
    }
}

/// A number with its thousands apart.
pub(super) struct Grouped(pub u64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        let shown: Vec<String> = [0, 999, 1_000, 26_154, 1_234_567].map(|n| Grouped(n).to_string()).into();
        assert_eq!(shown, ["0", "999", "1,000", "26,154", "1,234,567"]);
    }
}
