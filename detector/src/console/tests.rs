//! The pages: what they say, and that nothing an attacker wrote does anything in them.

use axum::http::StatusCode;
use models::alert::Alert;
use models::decision::Withheld;
use models::view::{Kept, PromiseView};

use crate::http::fixture::{Fixture, WEBHOOK, alert, baseline, revoked};

/// Every page that shows texts of events.
async fn pages(fixture: &Fixture, identity: &str) -> Vec<(String, String)> {
    let paths = [
        "/?state=all".to_owned(),
        format!("/?state=all&q={}", crate::http::url::encode(identity)),
        format!("/alerts/alt_{:032x}", 1),
        "/identities".to_owned(),
        format!("/identity?identity={}", crate::http::url::encode(identity)),
        "/revocations".to_owned(),
        "/health".to_owned(),
    ];
    let mut pages = Vec::new();
    for path in paths {
        let (status, page) = fixture.get(&path).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        pages.push((path, page));
    }
    pages
}

/// An alert in which every text is written by an attacker.
fn poisoned(text: &str) -> Alert {
    let mut a = alert(1);
    a.identity = text.into();
    a.session = text.into();
    a.task = Some(text.into());
    a.summary = text.to_owned();
    for c in &mut a.contributions {
        (c.actual, c.typical) = (text.to_owned(), text.to_owned());
    }
    for e in &mut a.events {
        (e.server, e.tool, e.targets) = (Some(text.into()), text.into(), vec![text.into()]);
    }
    let credential = a.credential.as_mut().unwrap();
    (credential.id, credential.issuer, credential.scopes) = (text.into(), Some(text.into()), vec![text.into()]);
    (a.tags, a.approvals) = (vec![text.into()], vec![text.into()]);
    (a.model_version, a.config_version) = (text.into(), text.into());
    a
}

async fn poisoned_fixture(text: &str) -> Fixture {
    let fixture = Fixture::with(WEBHOOK);
    fixture.commit(revoked(poisoned(text)));
    let mut view = baseline(text);
    view.group = text.into();
    view.tools[0].name = text.into();
    view.steps[0].from = text.into();
    fixture.answers.lock().unwrap().identities.push(view);
    fixture.app.sources().register("kafka:x").failing(text);
    let note: String = text.chars().take(500).collect();
    let body = format!("verdict=true&note={}", crate::http::url::encode(&note));
    assert_eq!(fixture.post(&format!("/alerts/alt_{:032x}/verdict", 1), &body).await.0, StatusCode::SEE_OTHER);
    let raw = text.to_owned();
    let quarantined = fixture.app.write(move |tx| {
        tx.execute(
            "INSERT INTO quarantine (source, partition, position, received_at, code, detail, raw) \
             VALUES (?1, 0, 1, 0, ?1, ?1, ?2)",
            (&raw, raw.as_bytes()),
        )
    });
    quarantined.await.unwrap();
    fixture
}

#[tokio::test]
async fn markup_in_any_text_stays_text_on_every_page() {
    let evil = "</script><script>alert(1)</script>\"><img src=x onerror='alert(2)'>{{7*7}}&lt;\u{0}";
    let fixture = poisoned_fixture(evil).await;
    for (path, page) in pages(&fixture, evil).await {
        assert!(page.contains("alert(1)"), "{path} shows the text");
        for broken in ["<script>alert", "<img src=x", "onerror='", "\"><img src=x", "\u{0}"] {
            assert!(!page.contains(broken), "{path} holds {broken:?}");
        }
        assert!(!page.contains("&amp;amp;"), "{path} escapes twice");
    }
}

#[tokio::test]
async fn characters_that_reorder_or_hide_are_spelled_out_on_every_page() {
    let evil = "pay\u{202e}fdp.exe\u{200b}\u{2066}x\u{feff} مرحبا";
    let fixture = poisoned_fixture(evil).await;
    for (path, page) in pages(&fixture, evil).await {
        assert!(page.contains("U+202E"), "{path} shows the control");
        let hidden: Vec<_> = page
            .chars()
            .filter(|c| matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'))
            .collect();
        assert!(hidden.is_empty(), "{path} holds {hidden:?}");
    }
}

#[tokio::test]
async fn a_text_of_full_length_is_cut_and_there_on_demand() {
    let long = format!("spiffe://acme.example/{}", "x".repeat(2_026));
    let fixture = poisoned_fixture(&long).await;
    let (_, list) = fixture.get("/?state=all").await;
    // In the list the name is cut; its full form is in the title and in the link, not in the line.
    let visible: String = list.split('<').filter_map(|tag| tag.split_once('>')).map(|(_, text)| text).collect();
    assert!(visible.contains("spiffe://acme.example/") && !visible.contains(&"x".repeat(150)));
    assert!(list.contains(&format!("title=\"{long}\"")));
    let (_, page) = fixture.get(&format!("/alerts/alt_{:032x}", 1)).await;
    assert!(page.contains("<details class=\"cut\">"));
    assert!(page.contains(&format!("<bdi class=\"full\">{long}</bdi>")));
}

#[tokio::test]
async fn pages_hold_no_script_style_or_handler_of_their_own_and_load_nothing_from_elsewhere() {
    let fixture = poisoned_fixture("plain").await;
    let mut all = pages(&fixture, "plain").await;
    all.push(("/nowhere".to_owned(), fixture.get("/alerts/alt_none").await.1));
    for (path, page) in all {
        for script in page.split("<script").skip(1) {
            assert!(script.starts_with(" src=\"/assets/"), "{path}: <script{}", &script[..40]);
        }
        for forbidden in [" style=", "<style", "javascript:", " onclick", " onload", " hx-on", "http://", "src=\"//"] {
            assert!(!page.contains(forbidden), "{path} holds {forbidden:?}");
        }
        let loaded = page
            .match_indices("https://")
            .all(|(i, _)| !page[..i].ends_with("src=\"") && !page[..i].ends_with("href=\""));
        assert!(loaded, "{path}");
    }
}

#[tokio::test]
async fn an_alert_says_why_in_one_page() {
    let fixture = Fixture::new();
    let mut a = alert(1);
    a.withheld = Some(Withheld::Policy);
    fixture.alert(a);
    let (_, page) = fixture.get(&format!("/alerts/alt_{:032x}", 1)).await;
    for said in [
        "exported 4,100 accounts and sent them to <code>mailto:dropbox@elsewhere.example</code>",
        "12 known recipients",
        "61\u{a0}%",
        "strangest</span><bdi>crm/mail.send</bdi>",
        "crm.export",
        "It can still reach",
        "alerts but does not revoke",
        "64 past sessions of this identity",
        "stranger than all 4,213 past sessions",
        "2 of its 3 tools are the same",
        "<li><bdi>mail.send</bdi></li>",
        "<li><bdi>report.write</bdi></li>",
        "Exfiltration via AI Agent Tool Invocation",
        "Privilege Escalation via Scope Creep",
        "5a1c09e2b7d4",
        "value=\"benign_expected\"",
    ] {
        assert!(page.contains(said), "{said}");
    }
    // The strangest event is marked, and no other; which evidence each event carries stands beside it.
    assert!(page.contains(">target, chain</span>"));
    assert_eq!(page.matches("class=\"culprit\"").count(), 1);
}

#[tokio::test]
async fn a_revocation_tells_its_story() {
    let fixture = Fixture::with(WEBHOOK);
    fixture.commit(revoked(alert(1)));
    let id = format!("{:032x}", 1);
    let (_, page) = fixture.get(&format!("/alerts/alt_{id}")).await;
    assert!(page.contains("credential tok-7f31 of https://idp.acme.example"));
    assert!(page.contains("Confirm it is revoked"));
    let (status, _) = fixture.post(&format!("/revocations/rev_{id}/confirm"), "").await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let (_, page) = fixture.get("/revocations?state=confirmed").await;
    assert!(page.contains("answered by local") && !page.contains("Confirm it is revoked"));
    fixture.post(&format!("/revocations/rev_{id}/undo"), "").await;
    let (_, page) = fixture.get("/revocations").await;
    assert!(page.contains("taken back by local") && !page.contains(">Undo<"));
}

#[tokio::test]
async fn an_empty_list_says_what_is_learned_by_now() {
    let fixture = Fixture::new();
    assert!(fixture.get("/").await.1.contains("waits for its first event"));
    {
        let mut answers = fixture.answers.lock().unwrap();
        (answers.view.identities, answers.view.mature, answers.view.ranked_sessions) = (12, 3, 199);
    }
    let (_, page) = fixture.get("/").await;
    assert!(page.contains("3 of 12") && page.contains("1 session in 200"));
    fixture.alert(alert(1));
    fixture.post(&format!("/v1/alerts/alt_{:032x}/verdict", 1), r#"{"verdict":"false"}"#).await;
    assert!(fixture.get("/").await.1.contains("Every alert has a verdict"));
    assert!(fixture.get("/?q=nobody").await.1.contains("No alert matches"));
}

#[tokio::test]
async fn an_open_brake_shows_on_every_page_until_it_is_released() {
    let fixture = Fixture::new();
    fixture.answers.lock().unwrap().view.brake_open = true;
    for path in ["/", "/identities", "/revocations", "/health"] {
        assert!(fixture.get(path).await.1.contains("The brake is open."), "{path}");
    }
    assert_eq!(fixture.post("/brake/release", "").await.0, StatusCode::SEE_OTHER);
    assert!(!fixture.get("/").await.1.contains("The brake is open."));
}

#[tokio::test]
async fn a_broken_promise_is_called_broken() {
    let fixture = Fixture::new();
    assert!(fixture.get("/health").await.1.contains("not to be told yet"));
    let broken =
        PromiseView { kept: Kept::No, identity_days: 1_200, accepted: 6.0, raised: 14, refuted: 12, unsettled: 1 };
    fixture.answers.lock().unwrap().view.alert_promise = broken;
    let (_, page) = fixture.get("/health").await;
    assert!(page.contains("<span class=\"act bad\">broken</span>"));
    assert!(
        page.contains("14 raised in 30 days: 12 called false, 1 not settled; 6.00 accepted on 1,200 identity-days")
    );
    assert!(fixture.get("/").await.1.contains("5 per 1,000 identity-days, broken"));
    assert_eq!(fixture.json("/v1/engine").await["alert_promise"]["kept"], "no");
}

#[tokio::test]
async fn the_counts_add_up_or_say_that_they_do_not() {
    let fixture = Fixture::new();
    let set = |name: &'static str, value: i64| {
        fixture.app.write(move |tx| tx.execute("INSERT OR REPLACE INTO counters VALUES (?1, ?2)", (name, value)))
    };
    set("consumed", 10).await.unwrap();
    set("scored", 9).await.unwrap();
    set("late", 1).await.unwrap();
    assert!(fixture.get("/health").await.1.contains("adds up"));
    set("consumed", 12).await.unwrap();
    let (_, page) = fixture.get("/health").await;
    assert!(page.contains("a fault of driftwatch"));
}

#[tokio::test]
async fn pages_without_a_thing_to_show_say_so() {
    let fixture = Fixture::new();
    let (status, page) = fixture.get("/alerts/alt_none").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(page.contains("Back to the alerts"));
    assert!(fixture.get("/identity?identity=nobody").await.1.contains("No baseline"));
    assert!(fixture.get("/revocations").await.1.contains("Nothing has been revoked"));
    assert!(fixture.get("/health").await.1.contains("Nothing in quarantine"));
}
