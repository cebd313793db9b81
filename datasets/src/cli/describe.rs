//! `describe`: what is in a file of events.

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::ops::ControlFlow;
use std::path::PathBuf;

use models::event::{Event, Timestamp};
use serde::Serialize;

use super::Outcome;
use super::input::{self, Reading};
use super::terminal::{escaped, print_json};

/// Distinct things that are counted exactly; beyond it the number is a lower bound. Eight bytes each.
const MAX_DISTINCT: usize = 1_000_000;
/// Tools that are counted by name; the rest share one count.
const MAX_TOOLS: usize = 10_000;

/// Describe files of events: who, what, when, and which fields are filled
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  driftwatch-datasets describe baseline.ndjson.gz test.ndjson.gz
  driftwatch-datasets describe --from cloudtrail trail/
  driftwatch-datasets describe --json --top 50 - < events.ndjson")]
pub(crate) struct Args {
    #[command(flatten)]
    reading: Reading,
    /// How many tools to list
    #[arg(long, default_value_t = 15)]
    top: usize,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    /// Files or folders to describe together, or `-`
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

#[derive(Debug, Default, Serialize)]
struct Description {
    events: u64,
    bad_lines: u64,
    /// Records of foreign formats that hold no action.
    without_action: u64,
    /// What the files were read as, and how many of each.
    formats: BTreeMap<&'static str, u64>,
    out_of_order: u64,
    first_event: Option<Timestamp>,
    last_event: Option<Timestamp>,
    events_per_second: Option<f64>,
    tenants: Count,
    identities: Count,
    sessions: Count,
    tasks: Count,
    targets: Count,
    tools: Count,
    top_tools: Vec<(String, u64)>,
    /// Share of events that have the field.
    coverage: BTreeMap<&'static str, f64>,
}

/// How many distinct; `at_least` if there may be more.
#[derive(Debug, Default, Serialize)]
struct Count {
    count: usize,
    at_least: bool,
}

/// Distinct texts by a keyed hash, so that nobody can choose texts that collide.
#[derive(Default)]
struct Distinct {
    key: RandomState,
    hashes: HashSet<u64>,
    full: bool,
}

impl Distinct {
    fn add(&mut self, parts: &[&str]) {
        if self.hashes.len() < MAX_DISTINCT {
            self.hashes.insert(self.key.hash_one(parts));
        } else {
            self.full = self.full || !self.hashes.contains(&self.key.hash_one(parts));
        }
    }

    fn count(&self) -> Count {
        Count { count: self.hashes.len(), at_least: self.full }
    }
}

#[derive(Default)]
struct Tally {
    description: Description,
    tenants: Distinct,
    identities: Distinct,
    sessions: Distinct,
    tasks: Distinct,
    targets: Distinct,
    tools: Distinct,
    by_tool: BTreeMap<String, u64>,
    other_tools: u64,
    filled: BTreeMap<&'static str, u64>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let mut tally = Tally::default();
    let mut input = args.reading.input()?;
    for file in &input::files(&args.files)? {
        let told = input.for_each(file, |entry| {
            match &entry {
                Ok(converted) => tally.note(&converted.decoded.event),
                Err(_) => tally.description.bad_lines += 1,
            }
            Ok(ControlFlow::Continue(()))
        })?;
        tally.description.without_action += told.ignored;
        *tally.description.formats.entry(told.format).or_default() += 1;
    }
    let description = tally.finish(args.top);
    if args.json {
        print_json(&description)?;
    } else {
        description.print();
    }
    Ok(Outcome::Done)
}

impl Tally {
    fn note(&mut self, event: &Event) {
        let about = &mut self.description;
        about.events += 1;
        about.out_of_order += u64::from(about.last_event.is_some_and(|newest| event.time < newest));
        about.first_event = Some(about.first_event.map_or(event.time, |first| first.min(event.time)));
        about.last_event = about.last_event.max(Some(event.time));
        self.tenants.add(&[&event.tenant]);
        self.identities.add(&[&event.tenant, &event.identity]);
        if let Some(session) = &event.session {
            self.sessions.add(&[&event.tenant, &event.identity, session]);
        }
        if let Some(task) = &event.task {
            self.tasks.add(&[&event.tenant, task]);
        }
        for target in &event.targets {
            self.targets.add(&[&event.tenant, target]);
        }
        let tool = match &event.server {
            Some(server) => format!("{server}/{}", event.tool),
            None => event.tool.to_string(),
        };
        self.tools.add(&[&tool]);
        if let Some(count) = self.by_tool.get_mut(&tool) {
            *count += 1;
        } else if self.by_tool.len() < MAX_TOOLS {
            self.by_tool.insert(tool, 1);
        } else {
            self.other_tools += 1;
        }
        for (field, filled) in fields(event) {
            *self.filled.entry(field).or_default() += u64::from(filled);
        }
    }

    fn finish(self, top: usize) -> Description {
        let mut description = self.description;
        if let (Some(first), Some(last)) = (description.first_event, description.last_event) {
            let seconds = last.seconds_since(first);
            description.events_per_second = (seconds > 0.0).then(|| description.events as f64 / seconds);
        }
        description.tenants = self.tenants.count();
        description.identities = self.identities.count();
        description.sessions = self.sessions.count();
        description.tasks = self.tasks.count();
        description.targets = self.targets.count();
        description.tools = self.tools.count();
        let mut tools: Vec<(String, u64)> = self.by_tool.into_iter().collect();
        tools.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        tools.truncate(top);
        if self.other_tools > 0 {
            tools.push(("(not counted by name)".to_owned(), self.other_tools));
        }
        description.top_tools = tools;
        let events = description.events.max(1) as f64;
        description.coverage = self.filled.into_iter().map(|(field, count)| (field, count as f64 / events)).collect();
        description
    }
}

/// The optional fields, and whether an event has them.
fn fields(event: &Event) -> [(&'static str, bool); 20] {
    [
        ("session", event.session.is_some()),
        ("task", event.task.is_some()),
        ("server", event.server.is_some()),
        ("action", event.action.is_some()),
        ("target", !event.targets.is_empty()),
        ("sensitivity", event.sensitivity.is_some()),
        ("external", event.external.is_some()),
        ("bytes_in", event.bytes_in.is_some()),
        ("bytes_out", event.bytes_out.is_some()),
        ("records", event.records.is_some()),
        ("credential", event.credential.is_some()),
        ("parent", event.parent.is_some()),
        ("on_behalf_of", event.on_behalf_of.is_some()),
        ("source", event.source.is_some()),
        ("revision", event.revision.is_some()),
        ("approval", event.approval.is_some()),
        ("break_glass", event.break_glass.is_some()),
        ("target_origin", event.target_origin.is_some()),
        ("trace", event.trace.is_some()),
        ("not_successful", event.outcome != models::event::ActionOutcome::Success),
    ]
}

impl Description {
    fn print(&self) {
        let time = |time: Option<Timestamp>| time.map_or_else(|| "-".to_owned(), |time| time.to_string());
        println!("{:<14}{}", "events", self.events);
        println!("{:<14}{}", "bad records", self.bad_lines);
        println!("{:<14}{}", "no action", self.without_action);
        let formats: Vec<String> = self.formats.iter().map(|(format, files)| format!("{format} ({files})")).collect();
        println!("{:<14}{}", "files", formats.join(", "));
        println!("{:<14}{}", "out of order", self.out_of_order);
        println!("{:<14}{} to {}", "time", time(self.first_event), time(self.last_event));
        if let Some(rate) = self.events_per_second {
            println!("{:<14}{rate:.4} a second, {:.0} a day", "rate", rate * 86_400.0);
        }
        let counts = [
            ("tenants", &self.tenants),
            ("identities", &self.identities),
            ("sessions", &self.sessions),
            ("tasks", &self.tasks),
            ("targets", &self.targets),
            ("tools", &self.tools),
        ];
        for (name, Count { count, at_least }) in counts {
            println!("{name:<14}{}{count}", if *at_least { "at least " } else { "" });
        }
        println!("top tools");
        for (tool, count) in &self.top_tools {
            println!("  {count:>10}  {}", escaped(tool, 80));
        }
        println!("fields filled");
        for (field, share) in &self.coverage {
            println!("  {:>9.2}%  {field}", share * 100.0);
        }
    }
}
