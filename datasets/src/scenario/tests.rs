//! Each scenario does what its name says, whatever agent it happens to.

use std::collections::BTreeSet;

use models::event::{Action, Event, TargetOrigin, decode};

use super::*;
use crate::generator::{Population, PopulationConfig, ROLES, Session};

fn population() -> Population {
    Population::new(PopulationConfig { agents: 16, ..PopulationConfig::default() }).unwrap()
}

/// Sessions of every agent with the scenario.
fn sessions(scenario: Option<Scenario>) -> Vec<(Agent, Session)> {
    let population = population();
    let start = population.config().start;
    let mut sessions = Vec::new();
    for (place, agent) in population.agents().iter().enumerate() {
        for n in 0..10 {
            let session = population.session(place, start, scenario, &mut Dice::new(n, 1)).unwrap();
            sessions.push((agent.clone(), session));
        }
    }
    sessions
}

fn malicious(session: &Session) -> Vec<&Event> {
    session.events.iter().filter(|e| session.label.malicious_events.contains(&e.id.to_string())).collect()
}

#[test]
fn attacks_mark_their_events_and_benign_scenarios_none() {
    for scenario in Scenario::ALL {
        for (agent, session) in sessions(Some(scenario)) {
            let label = &session.label;
            assert_eq!(label.malicious_events.is_empty(), !scenario.is_attack(), "{scenario:?} {}", agent.name());
            assert_eq!(label.label, if scenario.is_attack() { "attacked_succeeded" } else { "benign" });
            assert_eq!(label.scenario.as_deref(), Some(scenario.name()));
            assert_eq!(label.attack.is_some(), scenario.is_attack());
            assert!(malicious(&session).len() < session.events.len(), "the agent's own work stays");
            assert!(session.events.is_sorted_by_key(|event| event.time));
            let ids: BTreeSet<&str> = session.events.iter().map(|event| &*event.id).collect();
            assert_eq!(ids.len(), session.events.len());
            for event in &session.events {
                assert!(decode(&serde_json::to_vec(&event.to_record()).unwrap()).is_ok());
                assert_eq!((&*event.identity, event.session.as_deref()), (agent.identity(), Some(&*label.session)));
            }
        }
    }
}

#[test]
fn a_stolen_credential_is_the_same_one_used_from_elsewhere_in_a_burst() {
    for (_, session) in sessions(Some(Scenario::StolenCredential)) {
        let thief = malicious(&session);
        let own = session.events.iter().find(|event| !thief.contains(event)).unwrap();
        assert!(thief.len() >= 12);
        assert!(thief.iter().all(|e| e.credential == own.credential && e.source != own.source));
        assert!(thief.iter().all(|e| e.action == Some(Action::Read)));
        let span = thief[thief.len() - 1].time.seconds_since(thief[0].time);
        assert!(span < 0.6 * thief.len() as f64, "{span}");
    }
}

#[test]
fn an_injection_is_a_side_effect_with_an_own_tool_on_a_target_out_of_a_result() {
    let ordinary = sessions(None);
    let known: BTreeSet<&str> =
        ordinary.iter().flat_map(|(_, s)| &s.events).flat_map(|e| &e.targets).map(|t| &**t).collect();
    for (agent, session) in sessions(Some(Scenario::PromptInjection)) {
        for event in malicious(&session) {
            assert!(agent.known_tools().any(|(_, tool)| *tool.name == *event.tool), "{}", event.tool);
            assert!(event.action.unwrap().is_side_effect());
            assert_eq!((event.target_origin, &event.approval), (Some(TargetOrigin::ToolResult), &None));
            assert!(event.targets.len() == 1 && !known.contains(&*event.targets[0]), "{:?}", event.targets);
        }
    }
}

#[test]
fn an_exfiltration_sends_out_what_it_read() {
    for (agent, session) in sessions(Some(Scenario::Exfiltration)) {
        let (sent, read): (Vec<&Event>, Vec<&Event>) =
            malicious(&session).into_iter().partition(|e| e.action.unwrap().is_side_effect());
        let taken: u64 = read.iter().filter_map(|e| e.bytes_out).sum();
        let out: u64 = sent.iter().filter_map(|e| e.bytes_in).sum();
        assert!(out > 0 && taken - out < 3, "{}: read {taken}, sent {out}", agent.name());
        assert!(sent.iter().all(|e| e.external == Some(true)));
        assert!(read.last().unwrap().time < sent[0].time);
    }
}

#[test]
fn a_slow_exfiltration_stays_below_what_single_events_reach_and_takes_several_times_as_much() {
    let volume_of = |events: Vec<&Event>, tool: &str| -> u64 {
        events.into_iter().filter(|e| *e.tool == *tool).filter_map(|e| e.bytes_out).sum()
    };
    for (agent, session) in sessions(Some(Scenario::SlowExfiltration)) {
        let taken = malicious(&session);
        let (place, tool) = agent.known_tools().find(|(_, tool)| *tool.name == *taken[0].tool).unwrap();
        let bound = tool.bytes_out * agent.volume(place) * (2.0 * tool.spread).exp();
        assert!(taken.iter().all(|e| (e.bytes_out.unwrap() as f64) <= bound), "{}", agent.name());
        // A session reads a few times at most with one tool; three sessions' worth is above any of them.
        let usual = tool.bytes_out * agent.volume(place) * 5.0;
        assert!(volume_of(taken, tool.name) as f64 > 3.0 * usual, "{}", agent.name());
    }
}

#[test]
fn misuse_takes_tools_of_other_roles_and_a_scramble_only_own_ones_at_machine_speed() {
    let own = |agent: &Agent, event: &Event| {
        agent.role().tools.iter().any(|t| *t.name == *event.tool && Some(t.server) == event.server.as_deref())
    };
    for (agent, session) in sessions(Some(Scenario::ToolMisuse)) {
        assert!(malicious(&session).iter().all(|event| !own(&agent, event)));
    }
    for (agent, session) in sessions(Some(Scenario::ChainScramble)) {
        let events = malicious(&session);
        assert!(events.len() >= 15 && events.iter().all(|event| own(&agent, event)));
        assert!(events.windows(2).all(|pair| pair[1].time.seconds_since(pair[0].time) <= 0.08));
    }
}

#[test]
fn benign_scenarios_change_what_they_say() {
    let ordinary = sessions(None);
    let pairs = |scenario| sessions(Some(scenario)).into_iter().zip(&ordinary);
    for ((_, after), (_, before)) in pairs(Scenario::NewRelease) {
        assert!(after.events.iter().all(|e| e.revision != before.events[0].revision && e.revision.is_some()));
    }
    for ((_, after), _) in pairs(Scenario::ToolRollout) {
        let new: Vec<&Event> = after.events.iter().filter(|e| &*e.tool == "knowledge.ask").collect();
        assert!(!new.is_empty());
        assert!(new.iter().all(|e| e.credential.as_ref().unwrap().scopes.iter().any(|s| &**s == "kb.read")));
    }
    for ((_, after), (_, before)) in pairs(Scenario::MonthEnd) {
        assert!(after.events.len() >= 2 * before.events.len());
    }
}

#[test]
fn a_rollout_reaches_a_whole_role_at_once_and_stays() {
    let population = population();
    let from = population.config().start;
    let day = |n: u32| from.saturating_add(Duration::from_hours(24) * n);
    let shares = vec![Share { scenario: Scenario::ToolRollout, share: 0.6 }];
    let plan = Plan { shares, from, until: day(10), ..Plan::default() };
    let mut reached = 0;
    for role in ROLES {
        let fleet: Vec<&Agent> = population.agents().iter().filter(|a| a.role().agent == role.agent).collect();
        let when = |agent: &Agent| (0..10).find(|n| Share::choose(&plan, agent, day(*n), 0).is_some());
        assert!(fleet.len() == 2 && fleet.iter().all(|agent| when(agent) == when(fleet[0])));
        if let Some(onset) = when(fleet[0]) {
            reached += 1;
            assert!((onset..10).all(|n| Share::choose(&plan, fleet[1], day(n), 0).is_some()));
        }
    }
    assert!((1..ROLES.len()).contains(&reached), "{reached}");
}

#[test]
fn shares_are_read_and_bad_ones_refused() {
    let share: Share = "month_end=0.5".parse().unwrap();
    assert_eq!(share, Share { scenario: Scenario::MonthEnd, share: 0.5 });
    for bad in ["month_end", "month_end=2", "month_end=NaN", "month_end=-0.1", "moon=0.1"] {
        assert!(bad.parse::<Share>().is_err(), "{bad}");
    }
    for scenario in Scenario::ALL {
        assert_eq!(scenario.name().parse(), Ok(scenario));
    }
}
