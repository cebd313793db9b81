//! Each scenario does what its name says, whatever agent it happens to.

use std::collections::BTreeSet;
use std::time::Duration;

use models::event::{Action, Event, TargetOrigin, decode};

use super::*;
use crate::generator::{Plan, Population, PopulationConfig, ROLES, Session};

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
            let whole =
                scenario.daily_growth().is_some() || matches!(scenario, Scenario::OffHours | Scenario::SharedAccount);
            assert_eq!(malicious(&session).len() == session.events.len(), whole, "the agent's own work stays");
            assert!(session.events.is_sorted_by_key(|event| event.time));
            let ids: BTreeSet<&str> = session.events.iter().map(|event| &*event.id).collect();
            assert_eq!(ids.len(), session.events.len());
            for event in &session.events {
                assert!(decode(&serde_json::to_vec(&event.to_record()).unwrap()).is_ok());
                assert_eq!(&*event.tenant == "default", scenario != Scenario::NewTenant);
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
fn sixty_calls_change_what_their_name_says_and_nothing_else() {
    let usual: BTreeSet<String> =
        sessions(None).iter().flat_map(|(_, s)| &s.events).flat_map(|e| &e.targets).map(ToString::to_string).collect();
    let own_tool = |agent: &Agent, e: &Event| agent.role().tools.iter().any(|t| *t.name == *e.tool);
    for (agent, session) in sessions(Some(Scenario::TargetFanOut)) {
        let events = malicious(&session);
        let targets: BTreeSet<&str> = events.iter().flat_map(|e| &e.targets).map(|t| &**t).collect();
        assert!(events.len() == 60 && targets.len() == 60, "{}", agent.name());
        assert!(targets.iter().all(|t| !usual.contains(*t)) && events.iter().all(|e| own_tool(&agent, e)));
    }
    for (agent, session) in sessions(Some(Scenario::NewTools)) {
        let events = malicious(&session);
        let new = events.iter().filter(|e| !own_tool(&agent, e)).count();
        assert!(events.len() == 60 && (5..32).contains(&new), "{new}");
    }
    for (_, session) in sessions(Some(Scenario::KnownCredentialElsewhere)) {
        let events = malicious(&session);
        let home = session.events.iter().find(|e| !events.contains(e)).unwrap();
        assert!(
            events.len() == 60 && events.iter().all(|e| e.credential == home.credential && e.source != home.source)
        );
        let later_at_home = |e: &&Event| e.time > events[0].time && e.source == home.source;
        assert!(session.events.iter().filter(later_at_home).count() >= 20);
    }
    let bytes = |scenario| -> f64 {
        let each = sessions(scenario).into_iter().map(|(_, s)| {
            let of = |e: &Event| ((e.bytes_in.unwrap() + e.bytes_out.unwrap()) as f64).ln();
            s.events.iter().map(of).sum::<f64>() / s.events.len() as f64
        });
        each.sum::<f64>() / 160.0
    };
    let larger = bytes(Some(Scenario::ExfiltrationX20)) - bytes(None);
    assert!((1.8..3.2).contains(&larger), "most calls are ln 20 = 3 nats larger: {larger}");
    let ramped = bytes(Some(Scenario::Ramp2)) - bytes(None);
    assert!((ramped - 30.0 * 1.02_f64.ln()).abs() < 0.01, "{ramped}");
}

#[test]
fn a_slow_exfiltration_by_factor_moves_that_many_times_the_session() {
    let total = |s: &Session, malicious: bool| -> u64 {
        let wanted = |e: &&Event| s.label.malicious_events.contains(&e.id.to_string()) == malicious;
        s.events.iter().filter(wanted).map(|e| e.bytes_in.unwrap() + e.bytes_out.unwrap()).sum()
    };
    for (scenario, factor) in [(Scenario::SlowExfiltrationX1_2, 1.2), (Scenario::SlowExfiltrationX3, 3.0)] {
        let mut close = 0;
        for (_, session) in sessions(Some(scenario)) {
            let own = total(&session, false) as f64;
            close += u32::from(((own + total(&session, true) as f64) / own / factor - 1.0).abs() < 0.1);
        }
        assert!(close > 150, "{close} of 160");
    }
}

#[test]
fn misuses_are_what_they_say() {
    for (agent, session) in sessions(Some(Scenario::DelegationReach)) {
        let granted = &session.events[0].credential.as_ref().unwrap().scopes;
        for event in malicious(&session) {
            let tool = ROLES
                .iter()
                .flat_map(|r| r.tools)
                .find(|t| *t.name == *event.tool && Some(t.server) == event.server.as_deref());
            assert!(
                event.parent.is_some()
                    && !agent
                        .role()
                        .tools
                        .iter()
                        .any(|t| t.name == tool.unwrap().name && t.server == tool.unwrap().server)
            );
        }
        assert!(!granted.is_empty());
    }
    for (_, session) in sessions(Some(Scenario::UseAfterTask)) {
        let late = |e: &&Event| e.time > e.credential.as_ref().unwrap().expires_at.unwrap();
        assert_eq!(session.events.iter().filter(late).count(), session.label.malicious_events.len());
    }
    for (_, session) in sessions(Some(Scenario::SensitiveFlow)) {
        let events = malicious(&session);
        assert_eq!(events[0].sensitivity, Some(models::event::Sensitivity::Restricted));
        assert_eq!(events[events.len() - 1].external, Some(true));
    }
    for (agent, session) in sessions(Some(Scenario::OffHours)) {
        let hour = session.events[0].time.as_seconds().rem_euclid(86_400) / 3600;
        assert_eq!(hour, agent.role().rhythm.off_hour(), "{}", agent.name());
    }
}

#[test]
fn newcomers_are_absent_before_and_an_on_call_weekend_passes() {
    let population = population();
    let from = population.config().start.saturating_add(Duration::from_hours(24 * 7));
    let until = from.saturating_add(Duration::from_hours(24 * 14));
    let shares = vec![
        Share { scenario: Scenario::NewTenant, share: 0.3 },
        Share { scenario: Scenario::NewIdentity, share: 0.3 },
        Share { scenario: Scenario::OnCallWeekend, share: 1.0 },
    ];
    let mut stream = population.events_with(Plan { shares, from, until, cuts: vec![until], labels: true });
    let mut first = std::collections::BTreeMap::new();
    while let Some(event) = stream.next_before(until) {
        first.entry((event.tenant.clone(), event.identity.clone())).or_insert(event.time);
    }
    let late: Vec<_> = first.iter().filter(|(_, time)| **time >= from).collect();
    assert!(late.iter().any(|((tenant, _), _)| &**tenant == "newcomer") && late.len() > 3, "{late:?}");
    assert!(first.iter().all(|((tenant, _), time)| &**tenant == "default" || *time >= from));
    let labels = stream.take_labels();
    let weekend = labels.iter().filter(|l| l.scenario.as_deref() == Some("on_call_weekend")).count();
    assert!(weekend > 20, "{weekend}");
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
    let prefixed = |(_, s): &(Agent, Session)| s.events.iter().flat_map(|e| &e.targets).any(|t| t.contains("next-"));
    let migrated = sessions(Some(Scenario::Migration));
    assert!(migrated.iter().filter(|s| prefixed(s)).count() > 60 && !ordinary.iter().any(prefixed));
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
        let changed = |agent: &Agent, n| Share::fate(&plan, agent, day(n), 0) != Fate::Ordinary;
        let when = |agent: &Agent| (0..10).find(|n| changed(agent, *n));
        assert!(fleet.len() == 2 && fleet.iter().all(|agent| when(agent) == when(fleet[0])));
        if let Some(onset) = when(fleet[0]) {
            reached += 1;
            assert!((onset..10).all(|n| changed(fleet[1], n)));
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

#[test]
fn a_campaign_goes_through_its_stages_at_machine_speed() {
    for (agent, session) in sessions(Some(Scenario::AutonomousCampaign)) {
        let events = malicious(&session);
        let place = |wanted: &dyn Fn(&Event) -> bool| events.iter().position(|e| wanted(e)).unwrap();
        let secrets = place(&|e| &*e.tool == "credential.export");
        let elsewhere = place(&|e| e.credential.as_ref().unwrap().id.starts_with("key-"));
        let out = place(&|e| e.external == Some(true) && &*e.tool == "http.post");
        assert!(15 <= secrets && secrets < elsewhere && elsewhere < out, "{}", agent.name());
        assert!(events.windows(2).all(|pair| pair[1].time.seconds_since(pair[0].time) <= 0.25));
        let taken: u64 = events[elsewhere..out].iter().filter_map(|e| e.bytes_out).sum();
        let sent: u64 = events[out..].iter().filter_map(|e| e.bytes_in).sum();
        assert!(sent > 0 && taken - sent < 3);
    }
}

#[test]
fn errands_and_abused_elevations_reach_beyond_the_role() {
    let foreign = |agent: &Agent, e: &Event| {
        agent.role().tools.iter().all(|t| (t.name, Some(t.server)) != (&*e.tool, e.server.as_deref()))
    };
    for (agent, session) in sessions(Some(Scenario::BreakGlassAbuse)) {
        let events = malicious(&session);
        assert!(events.len() >= 8 && events.iter().all(|e| e.break_glass.is_some() && foreign(&agent, e)));
        assert!(events.iter().all(|e| e.time < e.break_glass.as_ref().unwrap().expires_at.unwrap()));
        assert!(session.events.iter().filter(|e| e.break_glass.is_some()).count() == events.len());
    }
    for (agent, session) in sessions(Some(Scenario::FreeFormWork)) {
        let events = malicious(&session);
        let beyond = events.iter().filter(|e| foreign(&agent, e)).count();
        assert!(events.len() >= 20 && beyond > 0 && beyond < events.len(), "{beyond} of {}", events.len());
        let last_own = session.events.iter().rfind(|e| !events.contains(e)).unwrap();
        assert!(events[0].time > last_own.time);
    }
}

#[test]
fn leaked_keys_are_tried_from_one_place_within_a_day_and_a_shared_account_stays() {
    let population = population();
    let from = population.config().start.saturating_add(Duration::from_hours(24 * 7));
    let until = from.saturating_add(Duration::from_hours(24 * 10));
    let run = |scenario| {
        let shares = vec![Share { scenario, share: 0.7 }];
        let mut stream = population.events_with(Plan { shares, from, until, cuts: vec![until], labels: true });
        let events: Vec<Event> = std::iter::from_fn(|| stream.next_before(until)).collect();
        let marked: BTreeSet<String> = stream.take_labels().into_iter().flat_map(|l| l.malicious_events).collect();
        events.into_iter().filter(|e| marked.contains(&*e.id)).collect::<Vec<_>>()
    };
    let identities = |events: &[Event]| events.iter().map(|e| e.identity.clone()).collect::<BTreeSet<_>>().len();
    let leaked = run(Scenario::LeakedKeys);
    let days = leaked[leaked.len() - 1].time.seconds_since(leaked[0].time) / 86_400.0;
    assert!(identities(&leaked) >= 5 && days < 1.2, "{} {days}", identities(&leaked));
    assert!(leaked.iter().all(|e| e.source == leaked[0].source));
    let keys = |events: &[Event]| {
        events.iter().map(|e| e.credential.as_ref().unwrap().id.clone()).collect::<BTreeSet<_>>().len()
    };
    assert!(keys(&leaked) >= identities(&leaked));
    let shared = run(Scenario::SharedAccount);
    assert!(identities(&shared) >= 5 && keys(&shared) == 1);
}
