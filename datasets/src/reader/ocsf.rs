//! OCSF API Activity (class 6003) to events. Format: the OCSF schema, versions 1.x.

use models::event::{Action, ActionOutcome};
use serde_json::Value;

use super::call::{set_action, set_outcome, set_trace};
use super::convert::{Convert, Out, Place};
use super::draft::Draft;
use super::target::url;
use super::time::first_time;
use super::value::{at, number, plain, text};
use super::verb;

const API_ACTIVITY: u64 = 6003;

/// Reads OCSF events. Remembers nothing between them.
pub(super) struct Ocsf;

impl Convert for Ocsf {
    fn record(&mut self, place: &Place<'_>, record: &Value, out: &mut Out) {
        if number(record, "class_uid").is_some_and(|class| class != API_ACTIVITY) {
            out.ignored += 1;
            return;
        }
        let mut draft = draft(record);
        if !draft.has("id") {
            draft.set("id", format!("{}:{}", place.stem, place.line), "name and line of the file");
        }
        out.event(place.line, place.raw, draft);
    }

    fn finish(&mut self, _: &mut Out) {}
}

fn draft(record: &Value) -> Draft {
    let mut draft = Draft::default();
    draft.copy("id", record, &["metadata.uid", "api.request.uid", "metadata.correlation_uid"]);
    if let Some((time, from)) = first_time(record, &["time", "time_dt", "start_time"]) {
        draft.set("time", time.to_string(), from);
    }
    set_actor(&mut draft, record);
    draft.copy("server", record, &["api.service.name", "api.service.uid"]);
    draft.copy("tool", record, &["api.operation"]);
    let (action, from) = match number(record, "activity_id") {
        Some(1 | 3 | 4) => (Some(Action::Write), "activity_id"),
        Some(2) => (Some(Action::Read), "activity_id"),
        _ => (text(record, "api.operation").and_then(verb::action), "verb of the operation"),
    };
    set_action(&mut draft, action, from);
    let (targets, from) = targets(record);
    draft.set("target", targets, from);
    for (field, paths) in [
        ("bytes_in", ["traffic.bytes_out", "http_request.length"]),
        ("bytes_out", ["traffic.bytes_in", "http_response.length"]),
    ] {
        if let Some((bytes, path)) = paths.into_iter().find_map(|path| Some((number(record, path)?, path))) {
            draft.set(field, bytes, path);
        }
    }
    let (outcome, from) = outcome(record);
    set_outcome(&mut draft, outcome, from);
    draft.copy("source.ip", record, &["src_endpoint.ip"]);
    draft.copy("source.region", record, &["cloud.region"]);
    draft.copy("source.user_agent", record, &["http_request.user_agent"]);
    let workload = ["src_endpoint.instance_uid", "src_endpoint.hostname", "src_endpoint.svc_name", "src_endpoint.uid"];
    draft.copy("source.workload", record, &workload);
    draft.copy("revision.model", record, &["ai_model.name"]);
    draft.copy("revision.agent", record, &["ai_agent.version"]);
    if let (Some(trace), Some(span)) = (text(record, "trace.uid"), text(record, "trace.span.uid")) {
        set_trace(&mut draft, &format!("00-{trace}-{span}-01"), "trace.uid and trace.span.uid");
    }
    draft
}

fn set_actor(draft: &mut Draft, record: &Value) {
    let agent = ["ai_agent.uid", "actor.app_uid"];
    // Cloud logs in OCSF have the role there, and the session of the role as the user.
    let role = text(record, "actor.session.issuer").filter(|issuer| issuer.starts_with("arn:"));
    let user = ["actor.user.uid", "actor.user.name", "actor.app_name", "actor.invoked_by", "actor.process.name"];
    draft.copy("identity", record, &agent);
    let is_agent = draft.has("identity");
    match role {
        Some(role) if !is_agent => draft.set("identity", role, "actor.session.issuer"),
        _ if !is_agent => draft.copy("identity", record, &user),
        _ => draft.copy("on_behalf_of", record, &["actor.user.uid", "actor.user.name"]),
    }
    draft.copy("session", record, &["ai_agent.instance_uid", "actor.session.uid"]);
    draft.copy("credential.id", record, &["actor.session.credential_uid", "actor.user.credential_uid"]);
}

fn targets(record: &Value) -> (Vec<String>, &'static str) {
    let listed = at(record, "resources").and_then(Value::as_array).into_iter().flatten();
    let named = listed.filter_map(|resource| {
        let kind = text(resource, "type").map(|kind| format!("{}:", kind.to_lowercase().replace(' ', "_")));
        match ["uid", "name"].into_iter().find_map(|member| plain(at(resource, member)?))? {
            name if name.contains(':') => Some(name),
            name => Some(format!("{}{name}", kind.as_deref().unwrap_or("resource:"))),
        }
    });
    let resources: Vec<String> = named.take(models::event::MAX_ITEMS).collect();
    if !resources.is_empty() {
        return (resources, "resources");
    }
    let asked = text(record, "http_request.url.url_string").and_then(url);
    if let Some(url) = asked {
        return (vec![url], "http_request.url, without its query");
    }
    let host = text(record, "dst_endpoint.hostname").map(|host| format!("host:{host}"));
    (host.into_iter().collect(), "dst_endpoint.hostname")
}

fn outcome(record: &Value) -> (ActionOutcome, &'static str) {
    if number(record, "action_id") == Some(2) {
        return (ActionOutcome::Denied, "action_id");
    }
    let error =
        ["api.response.error", "api.response.error_message", "status_code", "status_detail", "api.response.code"];
    let error = error.into_iter().find_map(|path| plain(at(record, path)?));
    match number(record, "status_id") {
        Some(2) => (verb::failure(&error.unwrap_or_default()), "status_id, and what the response says"),
        _ => (ActionOutcome::Success, "status_id"),
    }
}

#[cfg(test)]
mod tests {
    use models::event::Event;
    use serde_json::json;

    use super::*;
    use crate::reader::any::testing::{events, read};
    use crate::reader::{Assumed, Format};

    fn record(changes: &Value) -> Value {
        let mut record = json!({
            "class_uid": 6003, "category_uid": 6, "activity_id": 2, "type_uid": 600_302, "time": 1_777_888_800_500_i64,
            "severity_id": 1, "status_id": 1, "metadata": {"version": "1.8.0", "uid": "m-1", "product": {"name": "gw"}},
            "actor": {"app_uid": "spiffe://corp.example/bot", "user": {"uid": "ann"}, "session": {"uid": "s-1", "credential_uid": "k-1"}},
            "api": {"operation": "accounts.list", "service": {"name": "crm"}}, "src_endpoint": {"ip": "198.51.100.7", "hostname": "pod-1"},
            "resources": [{"uid": "crm://accounts/42"}, {"type": "Data Base", "name": "orders"}],
            "http_request": {"length": 10, "user_agent": "sdk/1"}, "http_response": {"length": 20}, "cloud": {"region": "eu"},
        });
        for (name, value) in changes.as_object().unwrap() {
            record[name] = value.clone();
        }
        record
    }

    fn event(changes: &Value) -> Event {
        events(Format::Ocsf, &record(changes).to_string()).remove(0)
    }

    #[test]
    fn an_api_call_is_an_event() {
        let event = event(&json!({}));
        assert_eq!((&*event.id, event.time.to_string().as_str()), ("m-1", "2026-05-04T10:00:00.5Z"));
        assert_eq!((&*event.identity, event.on_behalf_of.as_deref()), ("spiffe://corp.example/bot", Some("ann")));
        assert_eq!(
            (event.server.as_deref(), &*event.tool, event.action),
            (Some("crm"), "accounts.list", Some(Action::Read))
        );
        assert_eq!(event.targets, ["crm://accounts/42".into(), "data_base:orders".into()]);
        assert_eq!((event.bytes_in, event.bytes_out, &*event.credential.unwrap().id), (Some(10), Some(20), "k-1"));
        let source = event.source.unwrap();
        assert_eq!((source.ip.as_deref(), source.workload.as_deref()), (Some("198.51.100.7"), Some("pod-1")));
    }

    #[test]
    fn the_actor_is_the_agent_then_the_role_then_the_user() {
        for (changes, expected) in [
            (json!({"ai_agent": {"uid": "agent-7", "instance_uid": "run-1"}}), "agent-7"),
            (
                json!({"actor": {"user": {"uid": "s"}, "session": {"issuer": "arn:aws:iam::1:role/r"}}}),
                "arn:aws:iam::1:role/r",
            ),
            (json!({"actor": {"user": {"name": "ann"}, "session": {"issuer": "idp"}}}), "ann"),
        ] {
            assert_eq!(&*event(&changes).identity, expected);
        }
        assert_eq!(
            event(&json!({"ai_agent": {"uid": "a", "instance_uid": "run-1"}})).session.as_deref(),
            Some("run-1")
        );
    }

    #[test]
    fn status_and_response_tell_the_outcome() {
        for (changes, expected) in [
            (json!({"status_id": 2, "status_code": "AccessDenied"}), ActionOutcome::Denied),
            (json!({"status_id": 2, "status_code": "500"}), ActionOutcome::Error),
            (json!({"action_id": 2}), ActionOutcome::Denied),
        ] {
            assert_eq!(event(&changes).outcome, expected, "{changes}");
        }
    }

    #[test]
    fn without_resources_the_request_names_the_target() {
        let request =
            json!({"resources": [], "http_request": {"url": {"url_string": "https://a.example/x?key=secret"}}});
        assert_eq!(event(&request).targets, ["https://a.example/x".into()]);
    }

    #[test]
    fn other_classes_are_ignored_and_broken_ones_are_kept() {
        let file = [record(&json!({"class_uid": 2004})), record(&json!({"time": "never"})), record(&json!({"api": 5}))];
        let read = read(Format::Ocsf, &json!(file).to_string(), Assumed::default());
        let fields: Vec<_> = read.iter().map(|r| r.as_ref().unwrap_err().rejection.field).collect();
        assert_eq!(fields, [Some("time"), Some("tool")]);
    }
}
