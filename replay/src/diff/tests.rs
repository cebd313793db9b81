use models::decision::{RevocationId, Withheld};

use super::*;
use crate::fixture;

const AT: i64 = 1_767_225_600;

fn alert(identity: &str, id: &str, hour: i64) -> Alert {
    fixture::alert(identity, id, Timestamp::from_seconds(AT + 3600 * hour))
}

fn revoking(alert: Alert) -> Alert {
    Alert { decision: Decision::Revoke, revocation: Some(RevocationId("rev_1".into())), ..alert }
}

fn compared(a: &[Alert], b: &[Alert]) -> Diff {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, alerts: &[Alert]| {
        let lines: String = alerts.iter().map(|a| serde_json::to_string(a).unwrap() + "\n").collect();
        let path = folder.path().join(name);
        std::fs::write(&path, lines).unwrap();
        path
    };
    diff(&write("a", a), &write("b", b)).unwrap()
}

fn changes(diff: &Diff) -> Vec<(Change, &str)> {
    diff.changes.iter().map(|entry| (entry.change, &*entry.identity)).collect()
}

#[test]
fn alerts_are_paired_by_id_then_by_time_and_the_rest_is_gained_or_lost() {
    let a = [alert("same", "1", 0), alert("moved", "2", 5), alert("lost", "3", 0), alert("far", "4", 0)];
    let b = [alert("same", "1", 0), alert("moved", "20", 3), alert("gained", "5", 0), alert("far", "40", 100)];
    let diff = compared(&a, &b);
    let expected = [
        (Change::Gained, "far"),
        (Change::Gained, "gained"),
        (Change::Lost, "far"),
        (Change::Lost, "lost"),
        (Change::Earlier, "moved"),
    ];
    assert_eq!((changes(&diff), diff.same), (expected.to_vec(), 1));
    assert_eq!(diff.identities[0].changes.values().sum::<u64>(), 2);
}

#[test]
fn revocations_are_compared_apart_and_what_withheld_one_is_the_reason() {
    let held = Alert { withheld: Some(Withheld::Ledger), ..alert("a", "1", 0) };
    let diff = compared(&[held], &[revoking(alert("a", "1", 0)), revoking(alert("b", "2", 0))]);
    assert_eq!(
        changes(&diff),
        [(Change::Gained, "b"), (Change::RevocationGained, "a"), (Change::RevocationGained, "b")]
    );
    let reason = &diff.changes[1].reason;
    assert_eq!((reason.cause, reason.detail.as_str()), (Cause::Decision, Withheld::Ledger.reason()));
}

#[test]
fn conditions_fail_beyond_their_limit_only() {
    let a: Vec<Alert> = (0..10).map(|i| alert("a", &format!("{i}"), 100 * i)).collect();
    let diff = compared(&a, &a[..8]);
    for (text, fails) in [
        ("lost", true),
        ("lost=1", true),
        ("lost=2", false),
        ("lost=10%", true),
        ("lost=20%", false),
        ("gained", false),
    ] {
        let condition: Condition = text.parse().unwrap();
        assert_eq!(condition.failure(&diff).is_some(), fails, "{text}");
    }
    // Of exported alerts nobody knows what was read.
    assert!("inputs".parse::<Condition>().unwrap().failure(&diff).is_some());
}

#[test]
fn pages_of_the_api_are_read_like_lines_and_a_later_form_of_an_alert_counts() {
    let folder = tempfile::tempdir().unwrap();
    let page = serde_json::json!({ "alerts": [alert("a", "1", 0), alert("b", "2", 0)], "next": null });
    let text = format!("{page}\n{}\n", serde_json::to_string(&revoking(alert("a", "1", 0))).unwrap());
    let path = folder.path().join("live.ndjson");
    std::fs::write(&path, text).unwrap();
    let diff = diff(&path, &path).unwrap();
    assert_eq!((diff.a.alerts, diff.a.revocations, diff.same), (2, 1, 2));
}

#[test]
fn what_is_no_side_is_refused_with_what_to_name_instead() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |path: &Path| diff(path, path).unwrap_err().to_string();
    assert!(refused(folder.path()).contains("summary.json"));
    let path = folder.path().join("x");
    std::fs::write(&path, "{\"a\":1}").unwrap();
    assert!(refused(&path).contains("no alert"));
}

#[test]
fn the_page_escapes_names_and_asks_nobody_for_anything() {
    let hostile = "<script>x</script>\u{202e}";
    let page = html(&compared(&[], &[alert(hostile, "1", 0)])).unwrap();
    assert!(!page.contains("<script") && !page.contains('\u{202e}'));
    for reference in ["http:", "https:", "src=", "href=", "url(", "<link"] {
        assert!(!page.contains(reference), "{reference} in the page");
    }
}
