//! What a tool is and does: its kind of act, what it is used on, and how much passes through it.

use models::event::{Action, Sensitivity};

use super::dice::mix;

/// One tool or API operation on one server.
#[derive(Debug, Clone, Copy)]
pub struct Tool {
    /// Its name.
    pub name: &'static str,
    /// The server that offers it.
    pub server: &'static str,
    /// What kind of act it is.
    pub action: Action,
    /// How sensitive its data is.
    pub sensitivity: Sensitivity,
    /// Whether it crosses the trust boundary.
    pub external: bool,
    /// What it is used on.
    pub target: TargetForm,
    /// How many targets an agent knows at first.
    pub pool: u32,
    /// How often it is used on a target that the agent never used before: often when searching, hardly ever when paying.
    pub novelty: f64,
    /// Median bytes sent.
    pub bytes_in: f64,
    /// Median bytes received.
    pub bytes_out: f64,
    /// Median records touched; 0 if it touches none.
    pub records: f64,
    /// Standard deviation of the logarithm of the volumes: heavy tails.
    pub spread: f64,
    /// Median seconds before the call.
    pub pause_s: f64,
    /// The scope that allows it.
    pub scope: &'static str,
}

impl Tool {
    pub(super) const fn new(
        name: &'static str,
        server: &'static str,
        action: Action,
        sensitivity: Sensitivity,
        scope: &'static str,
    ) -> Self {
        Self {
            name,
            server,
            action,
            sensitivity,
            external: false,
            target: TargetForm::Nothing,
            pool: 0,
            novelty: 0.0,
            bytes_in: 180.0,
            bytes_out: 900.0,
            records: 0.0,
            spread: 0.6,
            pause_s: 3.0,
            scope,
        }
    }

    pub(super) const fn outside(mut self) -> Self {
        self.external = true;
        self
    }

    pub(super) const fn on(mut self, target: TargetForm, pool: u32, novelty: f64) -> Self {
        self.target = target;
        self.pool = pool;
        self.novelty = novelty;
        self
    }

    pub(super) const fn volume(mut self, bytes_in: f64, bytes_out: f64, records: f64, spread: f64) -> Self {
        self.bytes_in = bytes_in;
        self.bytes_out = bytes_out;
        self.records = records;
        self.spread = spread;
        self
    }

    pub(super) const fn pause(mut self, seconds: f64) -> Self {
        self.pause_s = seconds;
        self
    }
}

/// The form of a tool's targets, as URIs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetForm {
    /// It has none.
    Nothing,
    /// One of a few fixed ones.
    Fixed(&'static [&'static str]),
    /// A number of so many between two texts: `crm://accounts/42`.
    Numbered(&'static str, u64, &'static str),
    /// A person's address at one of these domains: `mailto:ada.novak@acme.example`.
    Mail(&'static [&'static str]),
    /// Two words between two texts: `https://docs.example/amber-ledger`.
    Words(&'static str, &'static str),
}

const FIRST: [&str; 24] = [
    "ada", "boris", "chen", "dana", "emre", "farah", "grace", "hana", "ivan", "jose", "kofi", "lena", "mira", "nils",
    "omar", "petra", "quinn", "rosa", "sven", "tara", "uma", "viktor", "wen", "zoe",
];
const LAST: [&str; 24] = [
    "abara", "berg", "castro", "dubois", "eriksen", "fischer", "garcia", "haas", "ito", "jansen", "kovacs", "larsen",
    "moreau", "novak", "okafor", "park", "quist", "rossi", "silva", "tanaka", "ueda", "vargas", "weber", "yilmaz",
];
const THING: [&str; 16] = [
    "ledger", "roadmap", "invoice", "handbook", "schema", "report", "budget", "contract", "pricing", "backlog",
    "survey", "release", "audit", "brief", "agenda", "forecast",
];
const TRAIT: [&str; 16] = [
    "amber", "brisk", "coral", "dawn", "early", "final", "green", "hollow", "iron", "joint", "keen", "lunar", "minor",
    "north", "open", "prime",
];

fn word(words: &[&'static str], key: u64) -> &'static str {
    words.get((key % words.len().max(1) as u64) as usize).copied().unwrap_or("x")
}

impl TargetForm {
    /// The target with this key; one key always gives the same one.
    pub(crate) fn render(self, key: u64) -> Option<String> {
        let key = mix(&[key]);
        Some(match self {
            TargetForm::Nothing => return None,
            TargetForm::Fixed(all) => word(all, key).to_owned(),
            TargetForm::Numbered(before, span, after) => format!("{before}{}{after}", 1000 + key % span.max(1)),
            TargetForm::Mail(domains) => {
                let (first, last) = (word(&FIRST, key), word(&LAST, key >> 8));
                format!("mailto:{first}.{last}{}@{}", (key >> 16) % 10, word(domains, key >> 24))
            }
            TargetForm::Words(before, after) => {
                let (one, two) = (word(&TRAIT, key), word(&THING, key >> 8));
                format!("{before}{one}-{two}-{}{after}", (key >> 16) % 1000)
            }
        })
    }

    /// A target of the same form and prefix that no agent of the population uses; `None` where there are only fixed ones.
    pub(crate) fn unseen(self, key: u64) -> Option<String> {
        let key = mix(&[key]);
        Some(match self {
            TargetForm::Nothing | TargetForm::Fixed(_) => return None,
            TargetForm::Numbered(before, span, after) => format!("{before}{}{after}", 1000 + span + key % 5_000_000),
            TargetForm::Mail(domains) => {
                let (first, last) = (word(&FIRST, key), word(&LAST, key >> 8));
                format!("mailto:{first}.{last}{}@{}", 10 + (key >> 16) % 9990, word(domains, key >> 40))
            }
            TargetForm::Words(before, after) => {
                let (one, two) = (word(&TRAIT, key), word(&THING, key >> 8));
                format!("{before}{one}-{two}-{}{after}", 1000 + (key >> 16) % 9_000_000)
            }
        })
    }

    /// A target of the same form that belongs to an attacker, and that no agent knows.
    pub(crate) fn of_attacker(self, key: u64) -> String {
        let key = mix(&[key]);
        match self {
            TargetForm::Mail(_) => {
                format!("mailto:{}{}@{}", word(&FIRST, key), key % 9973, word(&ATTACKER_DOMAINS, key >> 20))
            }
            TargetForm::Words(before, _) | TargetForm::Numbered(before, _, _) if !before.starts_with("http") => {
                format!("{before}x{}", key % 1_000_000)
            }
            _ => format!("https://{}/in/{:x}", word(&ATTACKER_DOMAINS, key >> 20), key & 0xffff_ffff),
        }
    }
}

const ATTACKER_DOMAINS: [&str; 6] = [
    "acme-billing.example.net",
    "secure-docs.example.org",
    "paste.example.net",
    "mail-relay.example.org",
    "updates-cdn.example.net",
    "acrne.example.com",
];
