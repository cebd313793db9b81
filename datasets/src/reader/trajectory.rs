//! Conversations of agents: every call of a tool becomes an event, its result tells outcome and size.
//!
//! Messages as `OpenAI` (chat and responses), Anthropic (content blocks) and agent benchmarks write them. A conversation is
//! an object with a list of messages, a list of messages, or lines that are one message each with a session id. What
//! people, models and tools said is looked at to see where a target came from, and never kept.

mod message;
mod origin;

use std::time::Duration;

use models::event::{ActionOutcome, MAX_NAME_BYTES, Rejection, RejectionCode, Timestamp};
use serde_json::Value;

use super::call::{joined_id, set_arguments, set_outcome, set_tool};
use super::convert::{Convert, KeptRaw, Out, Place};
use super::draft::Draft;
use super::time::first_time;
use super::value::{at, first_text};
use super::verb;
use message::{Call, Message, Outcome};
use origin::Texts;

/// Conversations whose messages may come interleaved; the one silent for longest is closed for another.
const MAX_OPEN: usize = 64;
/// Calls of one conversation that may wait for their results.
const MAX_PENDING: usize = 128;
/// Bytes of a waiting call that are kept, should it be no event.
const MAX_KEPT_BYTES: usize = 4096;
/// What is assumed between calls without a time, and between conversations.
const CALL_GAP: Duration = Duration::from_secs(1);
const CONVERSATION_GAP: Duration = Duration::from_mins(1);

const MESSAGES: [&str; 6] = ["messages", "traj", "trajectory", "conversation", "history", "items"];
const SESSION: [&str; 12] = [
    "session",
    "session_id",
    "sessionId",
    "conversation_id",
    "conversationId",
    "thread_id",
    "threadId",
    "run_id",
    "runId",
    "trace_id",
    "metadata.session_id",
    "id",
];
const IDENTITY: [&str; 14] = [
    "identity",
    "agent_id",
    "agentId",
    "agent.id",
    "agent",
    "agent_name",
    "agentName",
    "agent.name",
    "assistant_id",
    "assistantId",
    "pipeline_name",
    "metadata.identity",
    "metadata.agent_id",
    "metadata.agent",
];
const TASK: [&str; 7] = ["task", "task_type", "task_id", "user_task_id", "workflow", "workflow_name", "metadata.task"];
const TIME: [&str; 8] =
    ["timestamp", "time", "created_at", "createdAt", "created", "start_time", "ts", "evaluation_timestamp"];
const USER: [&str; 5] = ["user_id", "userId", "user", "user.id", "metadata.user_id"];
const MODEL: [&str; 4] = ["model", "model_name", "metadata.model", "message.model"];
const VERSION: [&str; 3] = ["agent_version", "agent.version", "metadata.agent_version"];

/// Reads conversations. Remembers up to [`MAX_OPEN`] open ones, each with its waiting calls and what was said last.
#[derive(Default)]
pub(super) struct Trajectory {
    open: Vec<Conversation>,
}

struct Conversation {
    /// The list that its messages stand in; 0 outside of any.
    list: u64,
    /// What all its calls share.
    shared: Draft,
    session: String,
    /// When the last thing happened, as far as it is known.
    now: Option<Timestamp>,
    assumed: bool,
    calls: u64,
    pending: Vec<Pending>,
    texts: Texts,
}

/// A call that waits for its result.
struct Pending {
    id: Option<String>,
    name: String,
    line: u64,
    raw: KeptRaw,
    draft: Draft,
}

impl Convert for Trajectory {
    fn record(&mut self, place: &Place<'_>, record: &Value, out: &mut Out) {
        let list = MESSAGES.iter().find_map(|name| at(record, name)?.as_array());
        if let Some(messages) = list {
            let fallback = format!("{}#{}", place.stem, place.line);
            let mut conversation = Conversation::new(place.document, record, &fallback, out);
            for message in messages {
                conversation.take(place.line, message, message, out);
            }
            out.ignored += u64::from(conversation.calls == 0);
            conversation.close(out);
            return;
        }
        // A message of its own, bare or in an envelope.
        let message = at(record, "message").filter(|inner| inner.is_object()).unwrap_or(record);
        if !Message::is_one(message) {
            out.ignored += 1;
            return;
        }
        let list = if place.in_list { place.document } else { 0 };
        // A message's own id is no session; without one it belongs to what was said before it.
        let session = first_text(record, SESSION.get(..SESSION.len() - 1).unwrap_or_default());
        if session.as_ref().is_some_and(|(session, _)| session.len() > MAX_NAME_BYTES) {
            let detail = format!("the session has more than {MAX_NAME_BYTES} bytes; give it a shorter id");
            out.reject(place.line, place.raw, Rejection::new(RejectionCode::TextTooLong, detail));
            return;
        }
        let is_its = |conversation: &Conversation| match &session {
            Some((session, _)) => conversation.session == *session,
            None => conversation.list == list,
        };
        let mut conversation = if let Some(known) = self.open.iter().rposition(is_its) {
            self.open.remove(known)
        } else {
            let number = if list > 1 { format!("#{list}") } else { String::new() };
            Conversation::new(list, record, &format!("{}{number}", place.stem), out)
        };
        let acts = conversation.take(place.line, record, message, out);
        out.ignored += u64::from(!acts);
        self.open.push(conversation);
        if self.open.len() > MAX_OPEN {
            self.open.remove(0).close(out);
        }
    }

    fn finish(&mut self, out: &mut Out) {
        self.open.drain(..).for_each(|conversation| conversation.close(out));
    }
}

impl Conversation {
    /// `about` is the object around the messages, or the first message.
    fn new(list: u64, about: &Value, fallback: &str, out: &mut Out) -> Self {
        let mut shared = Draft::default();
        shared.copy("identity", about, &IDENTITY);
        shared.copy("task", about, &TASK);
        shared.copy("on_behalf_of", about, &USER);
        shared.copy("revision.model", about, &MODEL);
        shared.copy("revision.agent", about, &VERSION);
        let is_message = Message::is_one(about);
        let names = if is_message { SESSION.get(..SESSION.len() - 1).unwrap_or_default() } else { &SESSION };
        let (session, from) = first_text(about, names).unwrap_or_else(|| (fallback.to_owned(), "name of the file"));
        shared.set("session", session.clone(), from);
        let now = first_time(about, &TIME).map(|(time, _)| time);
        let assumed = now.is_none();
        let now = now.or_else(|| out.pass(Duration::ZERO));
        Self { list, shared, session, now, assumed, calls: 0, pending: Vec::new(), texts: Texts::default() }
    }

    /// Takes a message and says whether it belongs to an action; `around` is the envelope it came in, or itself.
    fn take(&mut self, line: u64, around: &Value, message: &Value, out: &mut Out) -> bool {
        let own = first_time(around, &TIME).or_else(|| first_time(message, &TIME));
        if let Some((time, _)) = own {
            self.now = Some(time);
            self.assumed = false;
        }
        let mut acts = false;
        for part in Message::parts(message) {
            acts |= !matches!(part, Message::Said(..));
            match part {
                Message::Said(origin, text) => self.texts.add(origin, text),
                Message::Call(call) => self.call(line, &call, own.map(|(_, path)| path), out),
                Message::Result(outcome) => self.result(&outcome, out),
            }
        }
        acts
    }

    fn call(&mut self, line: u64, call: &Call<'_>, time_from: Option<&'static str>, out: &mut Out) {
        self.calls += 1;
        let mut draft = self.shared.clone();
        let number = self.calls.to_string();
        let parts = [self.session.as_str(), &number, call.id.unwrap_or_default()];
        let parts = parts.get(..if call.id.is_some() { 3 } else { 2 }).unwrap_or_default();
        draft.set("id", joined_id(parts), "session, number and id of the call");
        let from = match (time_from, self.assumed) {
            (Some(path), _) => path,
            (None, false) => "time of the conversation, and a second for each call",
            (None, true) => "assumed",
        };
        draft.set("time", self.now.map(|now| now.to_string()), from);
        set_tool(&mut draft, call.name, "name of the call");
        let targets = set_arguments(&mut draft, call.arguments, "arguments");
        if let Some(origin) = self.texts.origin_of(&targets) {
            draft.set("target_origin", origin, "where the target was said first");
        }
        if self.assumed && self.now.is_some() {
            out.pass(CALL_GAP);
        }
        self.now = self.now.map(|now| now.saturating_add(CALL_GAP));
        if self.pending.len() == MAX_PENDING {
            let oldest = self.pending.remove(0);
            out.event(oldest.line, oldest.raw.lend(), oldest.draft);
        }
        self.pending.push(Pending {
            id: call.id.map(str::to_owned),
            name: call.name.to_owned(),
            line,
            raw: KeptRaw::of(call.raw, MAX_KEPT_BYTES),
            draft,
        });
    }

    fn result(&mut self, result: &Outcome<'_>, out: &mut Out) {
        let by_id = |pending: &Pending| result.id.is_some() && pending.id.as_deref() == result.id;
        let by_name = |pending: &Pending| result.id.is_none() && result.name.is_none_or(|name| pending.name == name);
        let place = self.pending.iter().position(by_id).or_else(|| self.pending.iter().position(by_name));
        self.texts.add(origin::TOOL_RESULT, result.text.clone());
        // A result whose call is not in the log is no action of its own.
        let Some(place) = place else { return };
        let Pending { line, raw, mut draft, .. } = self.pending.remove(place);
        draft.set("bytes_out", result.text.len() as u64, "size of the result");
        match &result.error {
            Some(error) => set_outcome(&mut draft, verb::failure(error), "error of the result"),
            None => set_outcome(&mut draft, ActionOutcome::Success, "a result without an error"),
        }
        out.event(line, raw.lend(), draft);
    }

    /// What still waits has no result in the log, so its outcome stays unknown.
    fn close(self, out: &mut Out) {
        for pending in self.pending {
            out.event(pending.line, pending.raw.lend(), pending.draft);
        }
        if self.assumed && self.calls > 0 {
            out.pass(CONVERSATION_GAP);
        }
    }
}

#[cfg(test)]
mod tests;
