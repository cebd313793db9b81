//! What is known of a session: its label, or what sessions without one are taken for.

use std::borrow::Cow;
use std::sync::Arc;

use datasets::reader::labels::Label;
use models::event::Event;

use crate::label::{Class, Labels};

/// What a session without a label counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unlabelled {
    /// Nothing: it is in no figure.
    #[default]
    Unknown,
    /// Benign: what was recorded is taken for honest, and attacks were put in afterwards.
    Benign,
}

/// The ground truth of a replay.
#[derive(Debug, Clone, Default)]
pub(super) struct Truth {
    /// Shared by collectors that judge the same events side by side.
    pub(super) labels: Arc<Labels>,
    pub(super) unlabelled: Unlabelled,
}

/// What is known of the session that an event belongs to.
pub(super) struct Known<'a> {
    /// Tells its session from every other one.
    pub(super) key: Cow<'a, str>,
    pub(super) class: Class,
    pub(super) label: Option<&'a Label>,
}

impl Truth {
    pub(super) fn of(&self, event: &Event, session: &str) -> Option<Known<'_>> {
        if let Some(label) = self.labels.find(&event.identity, session) {
            return Some(Known { key: Cow::Borrowed(&label.session), class: Class::of(label), label: Some(label) });
        }
        let key = || Cow::Owned(unlabelled_key(&event.tenant, &event.identity, session));
        (self.unlabelled == Unlabelled::Benign).then(|| Known { key: key(), class: Class::Negative, label: None })
    }
}

/// The key of a session without a label.
pub(super) fn unlabelled_key(tenant: &str, identity: &str, session: &str) -> String {
    // No label names a session with zero bytes between three names.
    format!("{tenant}\0{identity}\0{session}")
}

impl Known<'_> {
    /// Whether an event carries out the attack that the label tells of.
    pub(super) fn carried_out_by(&self, event: &str) -> bool {
        let names = |l: &Label| {
            l.first_malicious_event.as_deref() == Some(event) || l.malicious_events.iter().any(|e| e == event)
        };
        self.label.is_some_and(names)
    }

    /// Whether the label says which events carry the attack out.
    pub(super) fn names_events(&self) -> bool {
        self.label.is_some_and(|label| label.first_malicious_event.is_some() || !label.malicious_events.is_empty())
    }

    /// Name of the attack.
    pub(super) fn attack(&self) -> Option<&str> {
        let label = self.label?;
        label.attack.as_deref().or(label.scenario.as_deref())
    }
}
