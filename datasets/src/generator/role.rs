//! The kinds of agents: their tools, their tasks and when they work.

mod office;
mod technical;

use models::event::Action::Read;
use models::event::Sensitivity::Internal;

use super::rhythm::Rhythm;
use super::tool::TargetForm::Words;
use super::tool::Tool;

/// A kind of agent. Several agents share one; each has habits of its own within it.
#[derive(Debug)]
pub struct Role {
    /// The peer group: the path of the identity above the agent's name.
    pub group: &'static str,
    /// What its agents are called, before their number.
    pub agent: &'static str,
    /// When it works.
    pub rhythm: Rhythm,
    /// Its sessions a day, relative to the population's average.
    pub busy: f64,
    /// Whether it acts for a person who asks it to.
    pub for_people: bool,
    /// The identity's path of what starts its runs, or some of them, if not a person or a schedule.
    pub parent: Option<&'static str>,
    /// Share of its runs that the parent starts.
    pub delegated: f64,
    /// Its tools; the ones that no task names are rare.
    pub tools: &'static [Tool],
    /// Its tasks, the usual ones first.
    pub tasks: &'static [Task],
}

/// A kind of task: the path through the role's tools that it usually takes.
#[derive(Debug)]
pub struct Task {
    /// Its name.
    pub name: &'static str,
    /// Places in the role's list of tools.
    pub path: &'static [usize],
}

const fn task(name: &'static str, path: &'static [usize]) -> Task {
    Task { name, path }
}

const STAFF: &[&str] = &["acme.example"];
const PARTNERS: &[&str] = &["northwind.example", "globex.example", "initech.example", "umbrella.example"];
const CUSTOMERS: &[&str] = &["mailbox.example", "post.example", "inbox.example", "webmail.example"];

/// Every role.
pub static ROLES: &[Role] = &[
    office::INVOICE_BOT,
    technical::SUPPORT_AGENT,
    technical::CODE_ASSISTANT,
    office::TRAVEL_BOOKER,
    technical::PIPELINE_JOB,
    technical::ON_CALL,
    office::SALES_RESEARCHER,
    office::HR_ASSISTANT,
];

/// The tool that a roll-out brings to every agent of a role.
pub(crate) static ROLLED_OUT: Tool = Tool::new("knowledge.ask", "knowledge-v2", Read, Internal, "kb.read")
    .on(Words("kb://answers/", ""), 30, 0.4)
    .volume(240.0, 3400.0, 4.0, 0.5);

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_task_names_tools_of_its_role_and_every_role_has_rare_tools() {
        for role in ROLES {
            let named: BTreeSet<usize> = role.tasks.iter().flat_map(|t| t.path).copied().collect();
            assert!(named.iter().all(|&place| place < role.tools.len()), "{}", role.agent);
            assert!(named.len() < role.tools.len(), "{} has no rare tool", role.agent);
            assert!(role.tasks.iter().all(|t| t.path.len() >= 3), "{}", role.agent);
        }
    }

    #[test]
    fn every_role_can_both_read_and_change_something() {
        for role in ROLES {
            assert!(role.tools.iter().any(|t| t.action == Read && t.sensitivity >= Internal), "{}", role.agent);
            assert!(role.tools.iter().any(|t| t.action.is_side_effect()), "{}", role.agent);
        }
    }
}
