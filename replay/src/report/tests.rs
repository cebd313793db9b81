use models::alert::Contribution;
use models::assessment::{Assessment, Decision, Outcome};
use models::config::CheckedConfig;
use models::dimension::Dimension;
use models::event::decode;

use super::*;
use crate::fixture;
use crate::provenance::Provenance;
use crate::summary::{Breakdown, BudgetFigures, FORMAT, Learned, Timing};
use crate::tally::{Tally, UseTally};

const HOSTILE: &str = "<script>alert(1)</script>\" onload=\u{202e}x";

fn summary() -> Summary {
    Summary {
        format: FORMAT,
        digest: "d".to_owned(),
        provenance: Provenance::new(&CheckedConfig::default(), 7, Vec::new()),
        settings: models::config::EngineConfig::default(),
        frozen: true,
        learned: Learned::default(),
        events: 1,
        quarantined: 0,
        rejected: [].into(),
        outcomes: [("scored", 1)].into(),
        decisions: [("alert", 1)].into(),
        identities: 1,
        sessions: 1,
        first: None,
        last: None,
        identity_days: 1,
        alerts: 1,
        revocations: 0,
        budget: BudgetFigures {
            promised_false_alerts_per_1000_identity_days: 5.0,
            alerts_per_1000_identity_days: Some(1000.0),
            promised_false_revocations_per_million_identity_days: 20.0,
            revocations: 0,
        },
        quality: None,
        judgement: None,
        verdicts: None,
        what_if: Vec::new(),
        breakdown: Breakdown::default(),
        notes: vec!["a note".to_owned()],
        timing: Timing { seconds: 1.0, events_per_second: 1.0, threads: 1 },
    }
}

fn alert() -> Alert {
    Alert {
        session: HOSTILE.into(),
        summary: HOSTILE.to_owned(),
        contributions: vec![Contribution {
            dimension: Dimension::Target,
            bits: 10.0,
            share: 1.0,
            actual: HOSTILE.to_owned(),
            typical: HOSTILE.to_owned(),
            event: "1".into(),
        }],
        ..fixture::alert(HOSTILE, "alt_1", "2026-05-04T10:00:00Z".parse().unwrap())
    }
}

fn tally() -> Tally {
    let json = serde_json::json!({
        "id": "1", "time": "2026-05-04T10:00:00Z", "identity": HOSTILE, "tool": HOSTILE, "task": HOSTILE
    });
    let event = decode(json.to_string().as_bytes()).unwrap().event;
    let assessment = Assessment {
        outcome: Outcome::Scored,
        session: "s".into(),
        score: 9.0,
        p: 0.001,
        dimensions: [None; models::dimension::Dimension::COUNT],
        evidence: 9.0,
        history_sessions: 30,
        maturity: 0.75,
        decision: Decision::Alert,
        alert: None,
        learned: false,
    };
    let mut tally = Tally::default();
    tally.event(&event, &assessment);
    tally.opened(&alert());
    tally.settled(&alert());
    tally
}

fn page_of(tally: &Tally, alerts: &[Alert]) -> String {
    let (first, last) = tally.span.unzip();
    let summary = Summary { breakdown: Breakdown::of(tally), first, last, ..summary() };
    Report::of(&summary, alerts).render().unwrap()
}

fn page() -> String {
    page_of(&tally(), &[alert()])
}

#[test]
fn hostile_names_are_escaped_wherever_they_appear() {
    let page = page();
    assert!(!page.contains("<script") && !page.contains('\u{202e}') && !page.contains("\" onload"), "{page}");
    // Lane and its table, identity, task and tool row, and of the alert: summary, identity, session, actual, typical.
    assert_eq!(page.matches("alert(1)").count(), 10);
    assert!(page.contains("\\u{202e}"));
}

#[test]
fn the_page_is_complete_in_itself_and_forbids_requests_and_scripts() {
    let page = page();
    for reference in ["http:", "https:", "src=", "href=", "url(", "@import", "<script", "<link"] {
        assert!(!page.contains(reference), "{reference} in the page");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn timeline_and_its_table_say_the_same() {
    let page = page();
    assert!(page.contains("<title>2026-05-04 10:00: 1 alerts</title>"));
    assert!(
        page.contains("<td>2026-05-04 10:00</td><td class=\"n\">1</td><td class=\"n\">1</td><td class=\"n\">0</td>")
    );
}

#[test]
fn a_page_about_more_than_anybody_reads_stays_small() {
    let mut tally = tally();
    let long = "\u{202e}".repeat(2000);
    for i in 0..5_000 {
        let name = format!("{i}{long}");
        tally.identities.insert(("t".into(), name.as_str().into()), crate::tally::IdentityTally::default());
        tally.tools.insert(name.clone(), UseTally::default());
        tally.tasks.insert(name, UseTally::default());
    }
    let wordy = || Alert {
        identity: long.as_str().into(),
        session: long.as_str().into(),
        summary: long.clone(),
        contributions: vec![
            Contribution {
                actual: long.clone(),
                typical: long.clone(),
                ..alert().contributions[0].clone()
            };
            10
        ],
        ..alert()
    };
    let page = page_of(&tally, &vec![wordy(); 2_000]);
    assert!(page.len() < 2 << 20, "{} bytes", page.len());
}
