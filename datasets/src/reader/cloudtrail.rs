//! AWS CloudTrail: every recorded API call becomes an event.
//!
//! Format: the CloudTrail record contents, versions 1.x. Request parameters are searched for names of resources, response
//! elements are never read: they may hold keys.

mod resource;

use models::event::{Action, ActionOutcome, Rejection, RejectionCode};
use serde_json::Value;

use super::call::{set_action, set_outcome};
use super::convert::{Convert, Out, Place};
use super::draft::Draft;
use super::value::{at, number, text};
use super::verb;

/// Reads CloudTrail records. Remembers nothing between them.
pub(super) struct CloudTrail;

impl CloudTrail {
    /// Where a delivered file keeps its records.
    pub(super) const LISTS: &'static [&'static str] = &["Records"];
}

impl Convert for CloudTrail {
    fn record(&mut self, place: &Place<'_>, record: &Value, out: &mut Out) {
        // Insights tell of rates, digests of files: nobody acted.
        let is_call = text(record, "eventName").is_some() && text(record, "eventType") != Some("AwsCloudTrailInsight");
        if !is_call {
            out.ignored += 1;
            return;
        }
        // Only the first number of a version tells of changes that break a reader.
        let version = text(record, "eventVersion").unwrap_or("1");
        if version.split('.').next() != Some("1") {
            let detail = format!("`eventVersion` is `{version}`; versions 1.x are read");
            out.reject(place.line, place.raw, Rejection::new(RejectionCode::InvalidEnvelope, detail));
            return;
        }
        out.event(place.line, place.raw, draft(record));
    }

    fn finish(&mut self, _: &mut Out) {}
}

fn draft(record: &Value) -> Draft {
    let mut draft = Draft::default();
    draft.copy("id", record, &["eventID"]);
    draft.copy("time", record, &["eventTime"]);
    set_identity(&mut draft, record);
    draft.copy("server", record, &["eventSource"]);
    draft.copy("tool", record, &["eventName"]);
    let (action, from) = action(record);
    set_action(&mut draft, action, from);
    let (targets, from) = resource::targets(record);
    draft.set("target", targets, from);
    draft.set(
        "bytes_in",
        number(record, "additionalEventData.bytesTransferredIn"),
        "additionalEventData.bytesTransferredIn",
    );
    draft.set(
        "bytes_out",
        number(record, "additionalEventData.bytesTransferredOut"),
        "additionalEventData.bytesTransferredOut",
    );
    let (outcome, from) = outcome(record);
    set_outcome(&mut draft, outcome, from);
    draft.copy("source.ip", record, &["sourceIPAddress"]);
    draft.copy("source.region", record, &["awsRegion"]);
    draft.copy("source.user_agent", record, &["userAgent"]);
    draft
}

fn set_identity(draft: &mut Draft, record: &Value) {
    const ISSUER: &str = "userIdentity.sessionContext.sessionIssuer.arn";
    match (text(record, ISSUER), text(record, "userIdentity.arn").and_then(role_of)) {
        // The role is who acts; the name of its session changes from run to run.
        (Some(role), _) => draft.set("identity", role, ISSUER),
        (None, Some(role)) => draft.set("identity", role, "role in userIdentity.arn"),
        (None, None) => draft.copy(
            "identity",
            record,
            &[
                "userIdentity.onBehalfOf.userId",
                "userIdentity.arn",
                "userIdentity.invokedBy",
                "userIdentity.userName",
                "userIdentity.principalId",
            ],
        ),
    }
    let key = text(record, "userIdentity.accessKeyId");
    draft.set("credential.id", key, "userIdentity.accessKeyId");
    if key.is_some() {
        const CREATED: &str = "userIdentity.sessionContext.attributes.creationDate";
        draft.copy("credential.issued_at", record, &[CREATED]);
    }
    // A temporary key is made for one run; a lasting one is used by all.
    if let Some(key) = key.filter(|key| key.starts_with("ASIA")) {
        draft.set("session", key, "userIdentity.accessKeyId, if temporary");
    }
    draft.copy(
        "on_behalf_of",
        record,
        &["userIdentity.sessionContext.sourceIdentity", "userIdentity.onBehalfOf.userId"],
    );
    let session_name = text(record, "userIdentity.principalId").and_then(|id| id.split_once(':')).map(|(_, name)| name);
    if let Some(instance) = session_name.filter(|name| name.starts_with("i-")) {
        draft.set("source.workload", instance, "instance in userIdentity.principalId");
    }
}

/// `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION` as the ARN of its role.
fn role_of(arn: &str) -> Option<String> {
    let (before, after) = arn.split_once(":assumed-role/")?;
    let (partition, account) = before.strip_prefix("arn:")?.split_once(":sts::")?;
    let role = after.rsplit_once('/').map_or(after, |(role, _)| role);
    Some(format!("arn:{partition}:iam::{account}:role/{role}"))
}

fn action(record: &Value) -> (Option<Action>, &'static str) {
    const BY_NAME: &str = "eventName";
    let name = text(record, "eventName").unwrap_or_default();
    let service = text(record, "eventSource").unwrap_or_default().split('.').next().unwrap_or_default();
    if service == "sts" && (name.starts_with("AssumeRole") || name == "GetFederationToken" || name == "GetSessionToken")
    {
        return (Some(Action::Delegate), BY_NAME);
    }
    match at(record, "readOnly").and_then(Value::as_bool) {
        Some(true) => return (Some(Action::Read), "readOnly"),
        None if verb::action(name) == Some(Action::Read) => return (Some(Action::Read), BY_NAME),
        _ => {}
    }
    let grants = ["Policy", "Permission", "Acl", "SecurityGroupIngress", "SecurityGroupEgress", "Grant", "AccessKey"];
    let action = if matches!(service, "iam" | "organizations" | "sso" | "sso-directory" | "identitystore")
        || grants.iter().any(|word| name.contains(word))
    {
        Action::Admin
    } else if verb::action(name) == Some(Action::Execute) {
        Action::Execute
    } else {
        Action::Write
    };
    (Some(action), "eventSource and eventName")
}

fn outcome(record: &Value) -> (ActionOutcome, &'static str) {
    match text(record, "errorCode") {
        Some(code) => (verb::failure(code), "errorCode"),
        None if text(record, "responseElements.ConsoleLogin") == Some("Failure") => {
            (ActionOutcome::Denied, "responseElements.ConsoleLogin")
        }
        None if text(record, "errorMessage").is_some() => (ActionOutcome::Error, "errorMessage"),
        None => (ActionOutcome::Success, "no errorCode"),
    }
}

#[cfg(test)]
mod tests;
