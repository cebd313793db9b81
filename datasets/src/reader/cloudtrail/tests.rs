//! Records as they are delivered: users, roles, services, data events, failures.

use models::event::{Action, ActionOutcome, Event};
use serde_json::{Value, json};

use crate::reader::any::testing::{events, read, rejections};
use crate::reader::{Assumed, Format};

/// A call of a role.
fn record(changes: &Value) -> Value {
    let mut record = json!({
        "eventVersion": "1.11", "eventID": "e-1", "eventTime": "2026-05-04T10:00:00Z", "eventType": "AwsApiCall",
        "eventCategory": "Data", "eventSource": "s3.amazonaws.com", "eventName": "GetObject", "awsRegion": "eu-west-1",
        "sourceIPAddress": "198.51.100.7", "userAgent": "aws-cli/2", "readOnly": true, "requestID": "r-1",
        "requestParameters": {"bucketName": "b", "key": "a/b.csv"}, "responseElements": null,
        "additionalEventData": {"bytesTransferredIn": 0, "bytesTransferredOut": 1234.0},
        "resources": [{"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::b/a/b.csv"}],
        "userIdentity": {
            "type": "AssumedRole", "principalId": "AROAX:i-0abc", "accessKeyId": "ASIAEXAMPLE",
            "arn": "arn:aws:sts::111122223333:assumed-role/reporter/i-0abc",
            "sessionContext": {
                "sessionIssuer": {"type": "Role", "arn": "arn:aws:iam::111122223333:role/reporter"},
                "attributes": {"creationDate": "2026-05-04T09:00:00Z", "mfaAuthenticated": "false"},
                "sourceIdentity": "ann",
            },
        },
    });
    for (name, value) in changes.as_object().unwrap() {
        record[name] = value.clone();
    }
    record
}

fn event(changes: &Value) -> Event {
    events(Format::Cloudtrail, &record(changes).to_string()).remove(0)
}

#[test]
fn a_call_of_a_role_is_its_and_its_temporary_key_is_the_session() {
    let event = event(&json!({}));
    assert_eq!((&*event.id, &*event.identity), ("e-1", "arn:aws:iam::111122223333:role/reporter"));
    assert_eq!(
        (event.server.as_deref(), &*event.tool, event.action),
        (Some("s3.amazonaws.com"), "GetObject", Some(Action::Read))
    );
    assert_eq!((event.session.as_deref(), event.on_behalf_of.as_deref()), (Some("ASIAEXAMPLE"), Some("ann")));
    let credential = event.credential.unwrap();
    assert_eq!(
        (&*credential.id, credential.issued_at.unwrap().to_string().as_str()),
        ("ASIAEXAMPLE", "2026-05-04T09:00:00Z")
    );
    let source = event.source.unwrap();
    assert_eq!((source.ip.as_deref(), source.region.as_deref()), (Some("198.51.100.7"), Some("eu-west-1")));
    assert_eq!((source.workload.as_deref(), source.user_agent.as_deref()), (Some("i-0abc"), Some("aws-cli/2")));
    assert_eq!(
        (event.targets, event.bytes_in, event.bytes_out),
        (vec!["arn:aws:s3:::b/a/b.csv".into()], Some(0), Some(1234))
    );
}

#[test]
fn users_services_and_roles_without_an_issuer_have_names_too() {
    for (identity, expected, has_session) in [
        (
            json!({"type": "IAMUser", "arn": "arn:aws:iam::1:user/ann", "accessKeyId": "AKIAX"}),
            "arn:aws:iam::1:user/ann",
            false,
        ),
        (json!({"type": "AWSService", "invokedBy": "ec2.amazonaws.com"}), "ec2.amazonaws.com", false),
        (
            json!({"arn": "arn:aws:sts::1:assumed-role/path/r/s", "accessKeyId": "ASIAX"}),
            "arn:aws:iam::1:role/path/r",
            true,
        ),
        (json!({"type": "IdentityCenterUser", "onBehalfOf": {"userId": "u-1"}, "principalId": "p"}), "u-1", false),
    ] {
        let event = event(&json!({"userIdentity": identity}));
        assert_eq!((&*event.identity, event.session.is_some()), (expected, has_session));
    }
}

#[test]
fn the_kind_of_act_follows_from_service_name_and_read_only() {
    for (source, name, read_only, expected) in [
        ("sts.amazonaws.com", "AssumeRole", Some(true), Action::Delegate),
        ("iam.amazonaws.com", "CreateUser", Some(false), Action::Admin),
        ("iam.amazonaws.com", "ListUsers", Some(true), Action::Read),
        ("s3.amazonaws.com", "PutBucketPolicy", Some(false), Action::Admin),
        ("ec2.amazonaws.com", "RunInstances", Some(false), Action::Execute),
        ("s3.amazonaws.com", "PutObject", Some(false), Action::Write),
        ("ec2.amazonaws.com", "DescribeInstances", None, Action::Read),
    ] {
        let event = event(&json!({"eventSource": source, "eventName": name, "readOnly": read_only}));
        assert_eq!(event.action, Some(expected), "{name}");
    }
}

#[test]
fn without_resources_the_request_parameters_name_the_targets() {
    for (source, parameters, expected) in [
        ("s3.amazonaws.com", json!({"bucketName": "b", "Host": "b.s3.amazonaws.com"}), vec!["arn:aws:s3:::b"]),
        (
            "ec2.amazonaws.com",
            json!({"instancesSet": {"items": [{"instanceId": "i-1"}, {"instanceId": "i-2"}]}}),
            vec!["aws:ec2:instanceId/i-1", "aws:ec2:instanceId/i-2"],
        ),
        (
            "secretsmanager.amazonaws.com",
            json!({"secretId": "prod/db", "clientRequestToken": "x", "nextToken": "y"}),
            vec!["aws:secretsmanager:secretId/prod/db"],
        ),
        (
            "sts.amazonaws.com",
            json!({"roleArn": "arn:aws:iam::1:role/r", "policy": "{}", "roleSessionName": "x"}),
            vec!["arn:aws:iam::1:role/r"],
        ),
        ("iam.amazonaws.com", Value::Null, vec![]),
    ] {
        let event = event(&json!({"eventSource": source, "requestParameters": parameters, "resources": null}));
        assert_eq!(event.targets.iter().map(|t| &**t).collect::<Vec<_>>(), expected, "{source}");
    }
}

#[test]
fn error_codes_tell_refusals_from_failures() {
    for (code, expected) in [
        ("AccessDenied", ActionOutcome::Denied),
        ("Client.UnauthorizedOperation", ActionOutcome::Denied),
        ("ThrottlingException", ActionOutcome::Error),
    ] {
        assert_eq!(event(&json!({"errorCode": code})).outcome, expected, "{code}");
    }
    assert_eq!(event(&json!({"responseElements": {"ConsoleLogin": "Failure"}})).outcome, ActionOutcome::Denied);
}

#[test]
fn delivered_files_lists_and_lines_hold_the_same_events() {
    let (one, two) = (record(&json!({})), record(&json!({"eventID": "e-2"})));
    let lines = events(Format::Cloudtrail, &format!("{one}\n{two}\n"));
    assert_eq!(lines.len(), 2);
    assert_eq!(events(Format::Cloudtrail, &json!({"Records": [one, two]}).to_string()), lines);
    assert_eq!(events(Format::Cloudtrail, &serde_json::to_string_pretty(&json!([one, two])).unwrap()), lines);
}

#[test]
fn keys_in_responses_stay_behind() {
    let secret = json!({"responseElements": {"credentials": {"sessionToken": "SECRET", "accessKeyId": "ASIANEW"}}});
    let written = serde_json::to_string(&event(&secret)).unwrap();
    assert!(!written.contains("SECRET") && !written.contains("ASIANEW"), "{written}");
}

#[test]
fn what_is_no_call_is_ignored_and_what_is_a_bad_one_is_kept() {
    let file = [
        record(&json!({"eventType": "AwsCloudTrailInsight"})),
        record(&json!({"eventVersion": "2.0"})),
        record(&json!({"eventTime": "yesterday"})),
        record(&json!({"userIdentity": "ann"})),
        record(&json!({"eventID": 7, "requestParameters": "odd", "resources": [1, {"ARN": []}]})),
    ];
    let read = read(Format::Cloudtrail, &json!(file).to_string(), Assumed::default());
    let codes: Vec<Option<&str>> = read.iter().map(|r| r.as_ref().err().map(|m| m.rejection.code.as_str())).collect();
    assert_eq!(codes, [Some("invalid_envelope"), Some("invalid_time"), Some("missing_field"), None]);
    let cut = json!({"Records": [file[4]]}).to_string();
    let kept = rejections(Format::Cloudtrail, &cut[..cut.len() - 20], Assumed::default());
    assert!(kept[0].rejection.detail.contains("cut short") && kept[0].raw.starts_with(b"{"));
}
