//! The agents at work: each asks the broker for a credential, acts, reports each action over HTTP, and stops when its
//! credential is dead. One of them is hijacked.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use datasets::generator::Dice;
use datasets::scenario::Scenario;
use models::event::{Credential, Event};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, StatusCode};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::DemoError;
use super::home::{Home, now};
use super::past::{Past, Play, Step};
use super::record::{Act, Fact};
use crate::broker::{Broker, Grant, Introspection, Issued};

/// Actions of all agents together, a second. Sessions are played faster or slower to come to it.
const ACTIONS_PER_SECOND: f64 = 32.0;
/// What befalls the hijacked agent. Of the attacks that the generator knows this is the one that a month of history tells
/// from everything else with most certainty; others are alerted, but seldom revoked with so little history.
const HIJACK: Scenario = Scenario::Takeover;
/// The same in words.
const HIJACK_IS_TO: &str =
    "act from elsewhere at machine speed, with new targets, tools of other roles and twenty times the bytes";
/// Whom it may befall: roles whose ordinary days are narrow enough that a month of history tells the difference to the last session.
/// Jobs that read in bulk every night, and agents that meet strangers all day, come near to it by themselves.
const HIJACKED: [&str; 3] = ["sales-researcher", "support-agent", "travel-booker"];
/// When the session with the hijack starts, and how far into it the hijack sets in.
const HIJACK_AFTER: Duration = Duration::from_secs(10);
const HIJACK_SETS_IN: Duration = Duration::from_secs(3);
/// How often an action is reported again when the service does not take it.
const REPORTS: u32 = 5;
/// Streams of chance: who is hijacked by what, and how long sessions last.
const WHO: u64 = 0xd0;
const HOW_LONG: u64 = 0xd1;

/// The working agents. They stop when it is dropped.
#[derive(Debug)]
pub(super) struct Fleet {
    agents: JoinSet<()>,
}

impl Fleet {
    /// Sends all agents to work.
    pub(super) fn start(
        past: Past,
        home: &Home,
        driftwatch: &str,
        broker: &Broker,
        facts: mpsc::Sender<Fact>,
    ) -> Result<Self, DemoError> {
        let seed = home.cast().seed;
        let count = past.agents().len();
        let candidates = past.agents().iter().enumerate().filter(|(_, agent)| HIJACKED.contains(&agent.role().agent));
        let candidates: Vec<usize> = candidates.map(|(place, _)| place).collect();
        // Another one in each run: what befell the last one is still under investigation.
        let first = Dice::new(seed, WHO).below(candidates.len() as u64) as usize;
        let victim = candidates.iter().cycle().nth(first + home.run() as usize).copied();
        let names: Vec<(String, String)> =
            past.agents().iter().map(|agent| (agent.name().to_owned(), agent.identity().to_owned())).collect();
        let world = Arc::new(World {
            past: Mutex::new(past),
            client: Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().map_err(DemoError::Client)?,
            events: format!("{driftwatch}/v1/events"),
            credentials: format!("http://{}/credentials", broker.address()),
            introspect: format!("http://{}/introspect", broker.address()),
            run: home.run(),
            gap: count as f64 / ACTIONS_PER_SECOND,
            began: Instant::now(),
            facts,
        });
        let mut agents = JoinSet::new();
        for (place, (name, identity)) in names.into_iter().enumerate() {
            let dice = Dice::new(seed, mixed(HOW_LONG, place, home.run()));
            let scenario = (Some(place) == victim).then_some(HIJACK);
            let agent = Agent { place, name, identity, scenario, dice, world: Arc::clone(&world) };
            agents.spawn(agent.work());
        }
        Ok(Self { agents })
    }

    /// Stops all agents where they are.
    pub(super) async fn stop(mut self) {
        self.agents.shutdown().await;
    }
}

fn mixed(stream: u64, place: usize, run: u32) -> u64 {
    (stream << 48) | (u64::from(run) << 24) | place as u64
}

/// What all agents share.
#[derive(Debug)]
struct World {
    // Held while one session is made up, never across an await.
    past: Mutex<Past>,
    client: Client,
    events: String,
    credentials: String,
    introspect: String,
    run: u32,
    /// Mean time between two actions of one agent, in seconds.
    gap: f64,
    began: Instant,
    facts: mpsc::Sender<Fact>,
}

#[derive(Debug)]
struct Agent {
    place: usize,
    name: String,
    identity: String,
    /// What befalls it, if anything.
    scenario: Option<Scenario>,
    dice: Dice,
    world: Arc<World>,
}

/// Why an agent stops.
enum Stop {
    /// Its credential is dead.
    Dead,
    /// Nobody listens any more, or driftwatch or broker do not answer.
    Alone,
}

impl Agent {
    async fn work(mut self) {
        // Not all at once.
        sleep(Duration::from_secs_f64(self.world.gap * self.dice.unit())).await;
        loop {
            let hijack = self.world.began + HIJACK_AFTER;
            let due = self.scenario.is_some() && Instant::now() + Duration::from_secs(1) >= hijack;
            let done = if due { self.hijacked(hijack).await } else { self.session().await };
            if done.is_err() {
                return;
            }
            sleep(Duration::from_secs_f64(self.world.gap * self.dice.unit())).await;
        }
    }

    /// An ordinary session.
    async fn session(&mut self) -> Result<(), Stop> {
        let play = self.play(None)?;
        let mut lasts = self.world.gap * play.steps.len() as f64 * self.dice.log_normal(1.0, 0.2);
        if self.scenario.is_some() {
            // Done before the hijack, whatever the length.
            let left = (self.world.began + HIJACK_AFTER).saturating_duration_since(Instant::now());
            lasts = lasts.min(left.as_secs_f64() - 1.0).max(0.5);
        }
        let natural = play.steps.last().map_or(0.0, |step| step.at.as_secs_f64());
        self.perform(play, Instant::now(), lasts / natural.max(0.001)).await
    }

    /// A session in which it does what somebody else wants. Whoever has got hold of an agent tries again in every session,
    /// until the credential is dead.
    async fn hijacked(&mut self, start: Instant) -> Result<(), Stop> {
        let play = self.play(self.scenario)?;
        let first = play.steps.iter().find(|step| step.malicious);
        let natural = first.map_or(1.0, |step| step.at.as_secs_f64());
        let factor = HIJACK_SETS_IN.as_secs_f64() / natural.max(0.001);
        let start = start.max(Instant::now());
        sleep_until(start).await;
        if let Some(scenario) = self.scenario {
            let task = play.task.clone();
            let (name, identity) = (self.name.clone(), self.identity.clone());
            self.tell(Fact::Hijacked { name, identity, task, scenario, is_to: HIJACK_IS_TO }).await?;
        }
        self.perform(play, start, factor).await
    }

    fn play(&mut self, scenario: Option<Scenario>) -> Result<Play, Stop> {
        let mut past = self.world.past.lock().unwrap_or_else(PoisonError::into_inner);
        past.session(self.place, scenario).ok_or(Stop::Alone)
    }

    /// Acts step by step, `factor` times as slowly as the steps say, for as long as its credential lives.
    async fn perform(&self, play: Play, start: Instant, factor: f64) -> Result<(), Stop> {
        let Play { session, steps, .. } = play;
        // The agents of a second run begin where those of the first began: their sessions must not have the same names.
        let session: Box<str> = format!("{session}.{}", self.world.run).into();
        let scopes = steps.iter().find_map(|step| step.event.credential.as_ref()).map(|c| c.scopes.clone());
        let issued = self.credential(&session, scopes.unwrap_or_default()).await?;
        let credential = Credential {
            id: issued.id.as_str().into(),
            issuer: Some(issued.issuer.into()),
            scopes: issued.scopes.into_iter().map(Into::into).collect(),
            issued_at: Some(issued.issued_at),
            expires_at: Some(issued.expires_at),
        };
        let of = steps.len();
        for (done, Step { at, event, malicious }) in steps.into_iter().enumerate() {
            sleep_until(start + at.mul_f64(factor)).await;
            if !self.lives(&issued.id).await? {
                let (name, identity) = (self.name.clone(), self.identity.clone());
                self.tell(Fact::Dead { name, identity, credential: issued.id, done, of }).await?;
                return Err(Stop::Dead);
            }
            let event = Event {
                id: format!("{session}-{done:03}").into(),
                time: now(),
                session: Some(session.clone()),
                credential: Some(credential.clone()),
                ..event
            };
            if malicious {
                let act = Act {
                    name: self.name.clone(),
                    credential: issued.id.clone(),
                    tool: event.tool.clone(),
                    target: event.targets.first().cloned(),
                };
                // First, so that nothing that follows from it can be told before it.
                self.tell(Fact::Malicious(act)).await?;
            }
            self.report(&event).await?;
        }
        Ok(())
    }

    async fn credential(&self, session: &str, scopes: Vec<Box<str>>) -> Result<Issued, Stop> {
        let grant = Grant {
            identity: self.identity.clone(),
            scopes: scopes.into_iter().map(Into::into).collect(),
            session: Some(session.to_owned()),
            ttl_seconds: None,
        };
        let request = self.world.client.post(&self.world.credentials).json(&grant);
        let answer = async { request.send().await?.error_for_status()?.json().await };
        self.heard("the broker", answer.await).await
    }

    /// Asks before every action, as each tool that it calls would.
    async fn lives(&self, credential: &str) -> Result<bool, Stop> {
        let request = self.world.client.post(&self.world.introspect).body(format!("token={credential}"));
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let answer = async { request.send().await?.error_for_status()?.json::<Introspection>().await };
        Ok(self.heard("the broker", answer.await).await?.active)
    }

    async fn report(&self, event: &Event) -> Result<(), Stop> {
        let mut pause = Duration::from_millis(200);
        let mut last = Ok(());
        for _ in 0..REPORTS {
            let sent = self.world.client.post(&self.world.events).json(&event.to_record()).send().await;
            match sent.and_then(reqwest::Response::error_for_status) {
                Ok(_) => return Ok(()),
                // What is refused stays refused.
                Err(error)
                    if error.status().is_some_and(|s| s.is_client_error() && s != StatusCode::TOO_MANY_REQUESTS) =>
                {
                    return self.heard("driftwatch", Err(error)).await;
                }
                Err(error) => last = Err(error),
            }
            sleep(pause).await;
            pause *= 2;
        }
        self.heard("driftwatch", last).await
    }

    async fn heard<T>(&self, whom: &'static str, answer: reqwest::Result<T>) -> Result<T, Stop> {
        match answer {
            Ok(answer) => Ok(answer),
            Err(error) => {
                let (name, problem) = (self.name.clone(), error.to_string());
                self.tell(Fact::Unheard { name, whom, problem }).await?;
                Err(Stop::Alone)
            }
        }
    }

    async fn tell(&self, fact: Fact) -> Result<(), Stop> {
        self.world.facts.send(fact).await.map_err(|_| Stop::Alone)
    }
}
