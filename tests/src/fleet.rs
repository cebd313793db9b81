//! Several processes of the real binary that share one topic, and what a second run over the fleet's topics finds.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::driftwatch::{Driftwatch, Settings, run};
use crate::eventually::{Seen, within};
use crate::kafka::Kafka;
use crate::kafka::clients::Group;
use crate::receiver::{Delivery, Receiver};
use crate::trace::{Action, ENGINE};

/// The topic of the events.
pub const TOPIC: &str = "agent.actions";
/// How many partitions it has.
pub const PARTITIONS: usize = 6;

const GROUP: &str = "driftwatch";
const SECRET: &str = "whsec_bXkgc2VjcmV0IGtleSBvZiAyNCBieXRlcw==";

/// How long everything that was produced may take to be stored: after a day of kills on a loaded machine, long.
const CATCHING_UP: Duration = Duration::from_mins(4);

/// A small reproducible stream of numbers (Knuth's MMIX constants).
#[derive(Debug, Clone)]
pub struct Dice(pub u64);

impl Dice {
    /// The next number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }
}

/// A broker, a receiver, and the processes between them.
#[expect(missing_debug_implementations, reason = "a client in it has none")]
pub struct Fleet {
    /// The broker.
    pub kafka: Kafka,
    /// Where revocations go.
    pub receiver: Receiver,
    /// The processes.
    pub processes: Vec<Driftwatch>,
    group: Group,
}

impl Fleet {
    /// Starts so many processes at once on empty topics, with this assignor, with warm copies or without, and waits until all
    /// are ready.
    pub async fn start(processes: usize, assignor: &str, standby: bool) -> Result<Self> {
        let mut fleet = Self::prepare(processes, assignor, standby).await?;
        for process in &mut fleet.processes {
            process.launch()?;
        }
        fleet.ready().await?;
        Ok(fleet)
    }

    /// A broker with the topics, and processes that are not started yet.
    pub async fn prepare(processes: usize, assignor: &str, standby: bool) -> Result<Self> {
        Self::prepare_with(ENGINE, processes, assignor, standby).await
    }

    /// The same with another `[engine]` table.
    pub async fn prepare_with(engine: &str, processes: usize, assignor: &str, standby: bool) -> Result<Self> {
        let kafka = Kafka::start().await?;
        let receiver = Receiver::start(&[SECRET]).await?;
        let settings = settings(&kafka, &receiver, engine, assignor, standby);
        let group = kafka.group(GROUP, TOPIC)?;
        let processes = (0..processes).map(|_| Driftwatch::prepare(&settings)).collect::<Result<Vec<_>>>()?;
        create_topics(processes.first().context("a fleet without processes")?)?;
        Ok(Self { kafka, receiver, processes, group })
    }

    /// Waits until all are ready.
    pub async fn ready(&mut self) -> Result<()> {
        for process in &mut self.processes {
            process.ready().await?;
        }
        Ok(())
    }

    /// Ends one process, by SIGTERM or by `kill -9`.
    pub async fn strike(&mut self, dice: &mut Dice) -> Result<usize> {
        let number = dice.below(self.processes.len());
        let process = &mut self.processes[number];
        if dice.below(3) == 0 {
            process.stop().await?
        } else {
            process.kill().await?
        };
        Ok(number)
    }

    /// Writes events by identity; how many.
    pub async fn produce(&self, actions: &[Action]) -> Result<usize> {
        self.kafka.produce(TOPIC, actions.iter().map(Action::bare)).await
    }

    /// A client that watches how far the fleet has come.
    pub fn watch(&self) -> Result<Group> {
        self.kafka.group(GROUP, TOPIC)
    }

    /// Waits until so many events are in the topic, and all of them in a state that is stored and told.
    pub async fn settled(&self, events: usize) -> Result<()> {
        within(CATCHING_UP, "everything is taken", async || {
            // Answers come late while the group is sorted out, and not at all while the broker is away.
            let progress = match self.group.progress(Duration::from_secs(5)) {
                Ok(progress) => progress,
                Err(error) => return Ok(Seen::NotYet(error.to_string())),
            };
            let there: i64 = progress.iter().map(|(_, end)| end).sum();
            let taken = progress.iter().all(|(committed, end)| committed == end);
            Ok(Seen::when(taken && usize::try_from(there)? == events, || format!("{progress:?} of {events} events")))
        })
        .await
    }

    /// Waits until the metrics of all processes together say that each partition is scored, once.
    pub async fn shared_out(&self) -> Result<()> {
        within(CATCHING_UP, "every partition is scored", async || {
            let mut states: BTreeMap<&str, f64> = BTreeMap::new();
            for process in &self.processes {
                let metrics = process.metrics().await?;
                for state in ["scored", "restoring", "waiting"] {
                    let name = format!("driftwatch_partitions{{state=\"{state}\"}}");
                    *states.entry(state).or_default() += metrics.get(&name).copied().unwrap_or_default();
                }
            }
            let all = BTreeMap::from([("scored", PARTITIONS as f64), ("restoring", 0.0), ("waiting", 0.0)]);
            Ok(Seen::when(states == all, || format!("{states:?}")))
        })
        .await
    }

    /// Waits for so many events, then computes everything once more: what that finds, without a difference. What the fleet
    /// hears of itself may still be under way when the last event is stored.
    pub async fn verified(&self, events: usize) -> Result<Value> {
        self.settled(events).await?;
        let process = self.processes.first().context("a fleet without processes")?;
        let config = process.config();
        let config = config.to_str().context("a path in UTF-8")?;
        within(Duration::from_mins(1), "a second run finds the same", async || {
            let output = run("driftwatch", &["verify", "--json", "-c", config])?;
            let found: Value = serde_json::from_slice(&output.stdout)
                .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
            let same = found["differences"] == json!([]) && found["not_taken"] == 0 && found["events"] == events;
            Ok(if same { Seen::Yes(found) } else { Seen::NotYet(found.to_string()) })
        })
        .await
    }

    /// Waits until every process shows what the second run found, and every revocation has come to the receiver, never in two forms.
    pub async fn told(&self, found: &Value) -> Result<()> {
        let [alerts, revocations] = ["alerts", "revocations"].map(|count| found[count].as_i64());
        for process in &self.processes {
            let sql = "SELECT count(*) FROM alerts WHERE kind <> 'brake_opened'";
            process.until(sql, |count| Some(count) == alerts).await?;
            process.until("SELECT count(*) FROM revocations", |count| Some(count) == revocations).await?;
        }
        let process = self.processes.first().context("a fleet without processes")?;
        // Nobody confirms: whatever the one that delivered it knows, all come to know.
        let far = "SELECT count(*) FROM revocations WHERE state <> 'requested'";
        let far_enough = process.until(far, |count| Some(count) == revocations).await?;
        for other in &self.processes {
            other.until(far, |count| count == far_enough).await?;
        }
        let granted: BTreeSet<String> =
            process.rows("SELECT id FROM revocations", [], |row| row.get::<_, String>(0))?.into_iter().collect();
        let all_came = |all: &[Delivery]| {
            let came: BTreeSet<&str> = all.iter().map(Delivery::id).collect();
            granted.iter().all(|id| came.contains(id.as_str()))
        };
        let deliveries = self.receiver.until("every revocation", all_came).await?;
        let mut bodies: BTreeMap<&str, BTreeSet<&[u8]>> = BTreeMap::new();
        for delivery in &deliveries {
            bodies.entry(delivery.id()).or_default().insert(&delivery.body);
        }
        for (id, bodies) in bodies {
            ensure!(granted.contains(id), "{id} was asked for and never granted");
            let forms: Vec<_> = bodies.iter().map(|body| String::from_utf8_lossy(body)).collect();
            ensure!(forms.len() == 1, "{id} was asked for in several forms: {forms:#?}");
        }
        Ok(())
    }
}

fn settings(kafka: &Kafka, receiver: &Receiver, engine: &str, assignor: &str, standby: bool) -> Settings {
    // Whoever is killed keeps its partitions until its session ends: the shortest that a loaded machine keeps up.
    let properties = format!(
        "[source.kafka.properties]\n'session.timeout.ms' = '3000'\n'heartbeat.interval.ms' = '300'\n\
         'reconnect.backoff.max.ms' = '500'\n'partition.assignment.strategy' = '{assignor}'"
    );
    Settings::default()
        .with(engine)
        .with(&format!("[fleet]\nname = 'dw'\nreplication = 1\nstandby = {standby}"))
        .kafka(kafka, TOPIC, GROUP, "revoke")
        .with(&properties)
        .webhook("broker", receiver, &format!("secret = '{SECRET}'"))
}

fn create_topics(driftwatch: &Driftwatch) -> Result<()> {
    let config = driftwatch.config();
    let config = config.to_str().context("a path in UTF-8")?;
    let created = run("driftwatch", &["topics", "create", "-c", config, "--partitions", &PARTITIONS.to_string()])?;
    ensure!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));
    Ok(())
}
