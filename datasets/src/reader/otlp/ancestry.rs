//! Which span is below which, and which agents run above a call.

use std::collections::{HashMap, VecDeque};

use serde_json::Value;

use crate::reader::value::text;

/// Spans whose place is remembered; the oldest is forgotten first.
const MAX_SPANS: usize = 50_000;
/// Ancestors that are looked at.
const MAX_ABOVE: usize = 64;
/// A longer text of an agent's span is not remembered.
const MAX_TEXT_BYTES: usize = 512;
/// A longer id is none.
const MAX_ID_BYTES: usize = 64;

/// A span's place in its trace.
#[derive(Debug, Clone)]
pub(super) struct Span {
    pub(super) trace: String,
    id: String,
    parent: String,
}

impl Span {
    pub(super) fn of(span: &Value) -> Self {
        let id = |member| text(span, member).filter(|id| id.len() <= MAX_ID_BYTES).unwrap_or_default().to_owned();
        Self { trace: id("traceId"), id: id("spanId"), parent: id("parentSpanId") }
    }
}

/// What the span of an agent says of it.
#[derive(Debug)]
pub(super) struct Agent {
    pub(super) name: Option<String>,
    pub(super) conversation: Option<String>,
    pub(super) version: Option<String>,
    pub(super) model: Option<String>,
    pub(super) workflow: Option<String>,
}

impl Agent {
    /// Of a span that runs an agent or a workflow.
    pub(super) fn of(attributes: &Value) -> Option<Self> {
        let runs = matches!(text(attributes, "gen_ai.operation.name"), Some("invoke_agent" | "invoke_workflow"));
        let owned = |path| text(attributes, path).filter(|text| text.len() <= MAX_TEXT_BYTES).map(str::to_owned);
        runs.then(|| Self {
            name: owned("gen_ai.agent.id").or_else(|| owned("gen_ai.agent.name")),
            conversation: owned("gen_ai.conversation.id"),
            version: owned("gen_ai.agent.version"),
            model: owned("gen_ai.request.model"),
            workflow: owned("gen_ai.workflow.name"),
        })
    }
}

#[derive(Debug)]
struct Node {
    parent: String,
    agent: Option<Agent>,
    tool: Option<String>,
}

/// The places of the last spans.
#[derive(Debug, Default)]
pub(super) struct Ancestry {
    nodes: HashMap<(String, String), Node>,
    order: VecDeque<(String, String)>,
}

impl Ancestry {
    pub(super) fn note(&mut self, span: &Span, agent: Option<Agent>, tool: Option<&str>) {
        if span.trace.is_empty() || span.id.is_empty() {
            return;
        }
        let key = (span.trace.clone(), span.id.clone());
        let node = Node { parent: span.parent.clone(), agent, tool: tool.map(str::to_owned) };
        if self.nodes.insert(key.clone(), node).is_none() {
            self.order.push_back(key);
        }
        if self.order.len() > MAX_SPANS
            && let Some(oldest) = self.order.pop_front()
        {
            self.nodes.remove(&oldest);
        }
    }

    /// The agent and the tool of each ancestor, the nearest first, as far as they are known.
    pub(super) fn above(&self, span: &Span) -> impl Iterator<Item = (Option<&Agent>, Option<&str>)> {
        let mut id = span.parent.clone();
        let trace = span.trace.clone();
        let ancestors = std::iter::from_fn(move || {
            let node = self.nodes.get(&(trace.clone(), id.clone()))?;
            id.clone_from(&node.parent);
            Some((node.agent.as_ref(), node.tool.as_deref()))
        });
        ancestors.take(MAX_ABOVE)
    }
}
