//! A service for tests of routes and pages: a real store, and an engine that answers what it is told to.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode};
use models::alert::{Alert, AlertEvent, AlertId, AlertKind, Contribution, CredentialRef, NearestSession, Severity};
use models::assessment::Decision;
use models::decision::{Mode, Revocation, RevocationId, RevocationSubject};
use models::dimension::Dimension;
use models::engine::Output;
use models::event::{Action, ActionOutcome, Timestamp};
use models::view::{EngineView, IdentityView, Kept, PromiseView, StepView, ToolView};
use tempfile::TempDir;
use tower::ServiceExt as _;

use crate::app::{App, Ask, EngineHandle};
use crate::config::Config;
use crate::source::ingest::Ingest;
use crate::store::Store;
use crate::store::commit::{Act, Pending, Ruling};

/// Settings with a broker that nothing is ever sent to, since no worker runs.
pub(crate) const WEBHOOK: &str = "[[webhook]]\nname = 'broker'\nurl = 'https://broker.example/hook'\n\
    secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo='\n";

/// What the engine answers.
#[derive(Debug, Clone)]
pub(crate) struct Answers {
    pub(crate) view: EngineView,
    pub(crate) identities: Vec<IdentityView>,
}

pub(crate) struct Fixture {
    pub(crate) app: App,
    pub(crate) router: Router,
    pub(crate) answers: Arc<Mutex<Answers>>,
    _dir: TempDir,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::with("")
    }

    /// With further settings, as TOML tables.
    pub(crate) fn with(settings: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("driftwatch.db");
        let config = Config::parse(&format!("[store]\npath = '{}'\n{settings}", path.display())).unwrap();
        let store = Store::open(&path).unwrap();
        let (handle, mut asks) = EngineHandle::channel();
        let app = App::new(config, store.clone(), handle, Ingest::start(store).unwrap(), None).unwrap();
        let answers = Arc::new(Mutex::new(Answers { view: view(), identities: Vec::new() }));
        let (engine_app, told) = (app.clone(), Arc::clone(&answers));
        tokio::spawn(async move {
            while let Some(ask) = asks.recv().await {
                let now = told.lock().unwrap().clone();
                answer(&engine_app, &told, &now, ask);
            }
        });
        Self { router: super::router(app.clone()), app, answers, _dir: dir }
    }

    /// Commits alerts and revocations as the engine thread does.
    pub(crate) fn commit(&self, outputs: impl IntoIterator<Item = Output>) {
        let mut pending = Pending::default();
        outputs.into_iter().for_each(|output| pending.take(output));
        let now = self.app.now_ms();
        let endpoints = &self.app.config().webhooks;
        let committed = self.app.store().write(|tx| pending.write(tx, endpoints, now)).unwrap();
        self.app.publish_feed(committed.feed);
    }

    pub(crate) fn alert(&self, alert: Alert) {
        self.commit([Output::Alert(Box::new(alert))]);
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, String) {
        read(self.send(Request::get(path).body(Body::empty()).unwrap()).await).await
    }

    pub(crate) async fn json(&self, path: &str) -> serde_json::Value {
        let (status, body) = self.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> (StatusCode, String) {
        let media = if body.starts_with('{') { "application/json" } else { "application/x-www-form-urlencoded" };
        let request = Request::post(path).header("content-type", media).body(Body::from(body.to_owned())).unwrap();
        read(self.send(request).await).await
    }
}

pub(crate) async fn read(response: Response<Body>) -> (StatusCode, String) {
    let status = response.status();
    let body = to_bytes(response.into_body(), 8 << 20).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

fn answer(app: &App, told: &Mutex<Answers>, now: &Answers, ask: Ask) {
    let rule = |by: String, act: Act| {
        let mut pending = Pending::default();
        pending.rulings.push(Ruling { by, at_ms: app.now_ms(), act });
        let committed = app.store().write(|tx| pending.write(tx, &[], app.now_ms())).unwrap();
        app.publish_feed(committed.feed);
    };
    // A caller that has gone is not waited for.
    match ask {
        Ask::Identity { tenant, identity, reply } => {
            let found = now.identities.iter().find(|v| *v.tenant == *tenant && *v.identity == *identity);
            let _ = reply.send(found.cloned());
        }
        Ask::View { reply } => {
            let _ = reply.send(now.view.clone());
        }
        Ask::Verdict { alert, verdict, by, note, reply, .. } => {
            rule(by, Act::Verdict { alert, verdict, note });
            let _ = reply.send(Ok(()));
        }
        Ask::ReleaseBrake { by, reply } => {
            rule(by, Act::ReleaseBrake);
            told.lock().unwrap().view.brake_open = false;
            let _ = reply.send(());
        }
    }
}

pub(crate) fn promise(accepted: f64) -> PromiseView {
    PromiseView { kept: Kept::Unclear, identity_days: 0, accepted, raised: 0, refuted: 0, unsettled: 0 }
}

pub(crate) fn view() -> EngineView {
    EngineView {
        identities: 0,
        mature: 0,
        event_time: Timestamp::EPOCH,
        snapshot: 0,
        ranked_sessions: 0,
        mode: Mode::Enforce,
        promised_alerts_per_1000_identity_days: 5.0,
        alerts_per_1000_identity_days: None,
        alert_promise: promise(0.0),
        revocation_promise: promise(0.0),
        ledger: 1.0,
        brake_open: false,
        bytes: 0,
    }
}

pub(crate) fn baseline(identity: &str) -> IdentityView {
    let now = Timestamp::from_seconds(1_777_888_800);
    let tool = |name: &str, action, share, new_target_rate| ToolView {
        name: name.into(),
        action,
        share,
        calls: share * 1_200.0,
        new_target_rate,
        bytes_in: Some((120, 2_400)),
        bytes_out: Some((900, 48_000)),
    };
    IdentityView {
        tenant: "default".into(),
        identity: identity.into(),
        group: "crm-readers".into(),
        first_seen: now,
        last_seen: now,
        events: 1_200,
        sessions: 64,
        maturity: 0.9,
        scopes: vec![models::view::ScopeView { name: "crm.read".into(), exercised: 41.0 }],
        mature: true,
        tools: vec![
            tool("crm/accounts.search", Action::Read, 0.62, 0.31),
            tool("crm/accounts.read", Action::Read, 0.29, 0.12),
            tool("mail/send", Action::Execute, 0.09, 0.004),
        ],
        steps: vec![
            StepView { from: "crm/accounts.search".into(), to: "crm/accounts.read".into(), share: 0.81 },
            StepView { from: "crm/accounts.read".into(), to: "mail/send".into(), share: 0.12 },
        ],
        known_targets: 341,
        waiting: 7,
        live_sessions: 1,
        bytes: 18_432,
    }
}

/// An alert as the engine would write it. `n` makes it unique and sets when it was opened.
pub(crate) fn alert(n: u32) -> Alert {
    let opened = Timestamp::from_seconds(1_777_888_800 + i64::from(n) * 60);
    let event = |id: &str, after: i64, tool: &str, action, target: &str, score, strongest| AlertEvent {
        id: id.into(),
        time: Timestamp::from_seconds(opened.as_seconds() + after),
        server: Some("crm".into()),
        tool: tool.into(),
        action,
        targets: vec![target.into()],
        bytes_in: Some(1_840),
        bytes_out: Some(412_000),
        outcome: ActionOutcome::Success,
        score,
        strongest: Some(strongest),
    };
    Alert {
        id: AlertId(format!("alt_{n:032x}").into()),
        kind: AlertKind::ScopeDrift,
        tenant: "default".into(),
        identity: "spiffe://acme.example/agent/account-assistant".into(),
        session: format!("run-{n}").into(),
        task: Some("renewal-reminder".into()),
        opened,
        updated: Timestamp::from_seconds(opened.as_seconds() + 40),
        closed: false,
        severity: Severity::High,
        score: 16.2,
        p: 0.0002,
        ranked_among: 4_213,
        evidence: 21.9,
        history_sessions: 64,
        summary: "exported 4,100 accounts and sent them to `mailto:dropbox@elsewhere.example`, a recipient never seen"
            .to_owned(),
        contributions: vec![
            Contribution {
                dimension: Dimension::Target,
                bits: 18.4,
                share: 0.61,
                actual: "`mailto:dropbox@elsewhere.example`, new for `mail/send`".to_owned(),
                typical: "12 known recipients; 1 call in 250 meets a new one".to_owned(),
                event: "e-3".into(),
            },
            Contribution {
                dimension: Dimension::Volume,
                bits: 9.2,
                share: 0.27,
                actual: "412 kB received in one call".to_owned(),
                typical: "0.9 kB to 48 kB".to_owned(),
                event: "e-2".into(),
            },
            Contribution {
                dimension: Dimension::Chain,
                bits: 4.1,
                share: 0.12,
                actual: "`mail/send` right after `accounts.export`".to_owned(),
                typical: "after `accounts.export` comes `report.write` in 97 of 100".to_owned(),
                event: "e-3".into(),
            },
        ],
        events: vec![
            event("e-1", 0, "accounts.search", Action::Read, "crm://accounts?q=*", 3.4, Dimension::Target),
            event("e-2", 12, "accounts.export", Action::Read, "crm://accounts/all", 8.8, Dimension::Volume),
            event("e-3", 40, "mail.send", Action::Execute, "mailto:dropbox@elsewhere.example", 14.1, Dimension::Target),
        ],
        nearest_session: Some(NearestSession {
            session: "run-2".into(),
            ended: Timestamp::from_seconds(opened.as_seconds() - 7_200),
            shared_tools: 2,
            tools: 3,
            added: vec!["mail.send".into()],
            absent: vec!["report.write".into()],
        }),
        event_count: 23,
        credential: Some(CredentialRef {
            id: "tok-7f31".into(),
            issuer: Some("https://idp.acme.example".into()),
            scopes: vec!["crm.read".into(), "crm.export".into(), "mail.send".into()],
            expires_at: Some(Timestamp::from_seconds(opened.as_seconds() + 86_400 * 3_650)),
        }),
        decision: Decision::Alert,
        withheld: None,
        revocation: None,
        tags: vec!["ASI02".into(), "MCP02:2025".into(), "AML.T0086".into(), "T1567".into()],
        approvals: Vec::new(),
        model_version: "3".into(),
        config_version: "5a1c09e2b7d4".into(),
    }
}

/// The revocation of an alert's credential, and the alert that asks for it.
pub(crate) fn revoked(mut alert: Alert) -> [Output; 2] {
    let id = RevocationId(alert.id.0.replace("alt_", "rev_").into());
    alert.decision = Decision::Revoke;
    alert.severity = Severity::Critical;
    alert.revocation = Some(id.clone());
    let revocation = Revocation {
        id,
        alert: alert.id.clone(),
        tenant: alert.tenant.clone(),
        identity: alert.identity.clone(),
        session: alert.session.clone(),
        subject: RevocationSubject::Credential {
            id: "tok-7f31".into(),
            issuer: Some("https://idp.acme.example".into()),
        },
        requested: alert.updated,
        expires_at: alert.credential.as_ref().and_then(|c| c.expires_at),
        score: alert.evidence,
        reason: alert.summary.clone(),
        tags: alert.tags.clone(),
    };
    [Output::Alert(Box::new(alert)), Output::Revocation(Box::new(revocation))]
}
