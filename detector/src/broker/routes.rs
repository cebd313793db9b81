//! The broker over HTTP.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Form, Json, Router};
use serde::Deserialize;

use super::credentials::{Grant, Introspection, Issued, Target};
use super::{Shared, Sight, now};
use crate::outbox::{REQUESTED, UNDONE};
use crate::webhook::MessageId;

/// Largest body: three times what a sender of Standard Webhooks should send.
const MAX_BODY_BYTES: usize = 64 * 1024;

type Answer = (StatusCode, String);

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/credentials", post(issue))
        .route("/introspect", post(introspect))
        .route("/webhook", post(webhook))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(shared)
}

async fn issue(State(shared): State<Arc<Shared>>, Json(grant): Json<Grant>) -> (StatusCode, Json<Issued>) {
    (StatusCode::CREATED, Json(shared.issue(grant)))
}

#[derive(Deserialize)]
struct Question {
    token: String,
}

async fn introspect(State(shared): State<Arc<Shared>>, Form(question): Form<Question>) -> Json<Introspection> {
    Json(shared.credentials().introspect(&question.token, now()))
}

/// What a receiver needs of the body. Further fields are ignored, so that senders may add some.
#[derive(Deserialize)]
struct Message {
    r#type: String,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    decision_id: String,
    identity: String,
    subject: String,
    sub_id: SubjectId,
}

#[derive(Deserialize)]
#[serde(tag = "format", rename_all = "snake_case")]
enum SubjectId {
    JwtId { iss: String, jti: String },
    Opaque { id: String },
}

async fn webhook(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Answer {
    // Before anything is parsed: only what is genuine deserves it.
    let message = match shared.options.verifier.verify(&headers, &body, now().as_seconds()) {
        Ok(message) => message,
        Err(error) => {
            let answer = (StatusCode::UNAUTHORIZED, error.to_string());
            shared.saw(Sight::Untrusted(error));
            return answer;
        }
    };
    match act(&shared, message, &body) {
        Ok(revocation) => {
            if let Some(revocation) = revocation {
                tell(&shared, revocation);
            }
            (StatusCode::NO_CONTENT, String::new())
        }
        Err((status, problem)) => {
            shared.saw(Sight::Unusable(problem.clone()));
            (status, problem)
        }
    }
}

/// Does what the message asks, once; the revocation to confirm, if it is one.
fn act(shared: &Shared, message: MessageId, body: &[u8]) -> Result<Option<String>, Answer> {
    let Message { r#type, data } = serde_json::from_slice(body)
        .map_err(|error| (StatusCode::BAD_REQUEST, format!("not a message of driftwatch: {error}")))?;
    let dead = match r#type.as_str() {
        REQUESTED => true,
        UNDONE => false,
        _ => return Ok(None),
    };
    let target = target(shared, &data)?;
    let sight = {
        let mut credentials = shared.credentials();
        if credentials.is_new(&message, now()) {
            let changed = credentials.set_dead(&target, dead);
            if dead {
                Sight::Revoked { message, credentials: changed }
            } else {
                Sight::Restored { message, credentials: changed }
            }
        } else {
            Sight::Repeated(message)
        }
    };
    shared.saw(sight);
    Ok(dead.then_some(data.decision_id))
}

fn target(shared: &Shared, data: &Data) -> Result<Target, Answer> {
    let unusable = |problem: &str| (StatusCode::UNPROCESSABLE_ENTITY, problem.to_owned());
    match (data.subject.as_str(), &data.sub_id) {
        ("credential", SubjectId::JwtId { iss, .. }) if *iss != shared.options.issuer => {
            Err(unusable("the credential is of another issuer"))
        }
        ("credential", SubjectId::JwtId { jti: id, .. } | SubjectId::Opaque { id }) => {
            Ok(Target::Credential { id: id.clone() })
        }
        ("session", SubjectId::Opaque { id }) => {
            Ok(Target::Session { identity: data.identity.clone(), session: id.clone() })
        }
        _ => Err(unusable("the subject is neither a credential nor a session")),
    }
}

/// Confirms in the background: the answer to the webhook does not wait for it. A repetition confirms again, for the
/// first confirmation may be what was lost.
fn tell(shared: &Arc<Shared>, revocation: String) {
    let Some(confirm) = shared.options.confirm.clone() else { return };
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        let sight = match confirm.send(&revocation).await {
            Ok(()) => Sight::Confirmed(revocation),
            Err(detail) => Sight::Unconfirmed { revocation, detail },
        };
        shared.saw(sight);
    });
}
