//! Apache Kafka in a process of its own, broker and controller in one, on free loopback ports.

pub mod clients;
pub mod secured;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::metadata::MetadataPartition;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tempfile::TempDir;

use crate::eventually::{PATIENCE, Seen, eventually};
use crate::process::{Process, leashed};
use crate::scratch;
use clients::{Drain, Group, Producer};
use secured::Secured;

/// Any id will do, as the directory that it marks belongs to one story.
const CLUSTER: &str = "ZHJpZnR3YXRjaC10ZXN0cw";

/// How often another port is tried when somebody else took ours between choosing and listening.
const ATTEMPTS: usize = 3;

/// One record as it is read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Partition it was in.
    pub partition: i32,
    /// Its place there.
    pub offset: i64,
    /// Its key, empty if it had none.
    pub key: Vec<u8>,
    /// Its payload.
    pub value: Vec<u8>,
}

/// One record to be written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Message {
    /// Decides the partition.
    pub key: Vec<u8>,
    /// Its payload; empty, and it is sent without one, as a tombstone.
    pub value: Vec<u8>,
    /// Names and values beside it.
    pub headers: Vec<(String, String)>,
}

impl<K: Into<Vec<u8>>, V: Into<Vec<u8>>> From<(K, V)> for Message {
    fn from((key, value): (K, V)) -> Self {
        Self { key: key.into(), value: value.into(), headers: Vec::new() }
    }
}

/// A broker; dropping it kills it and removes its data.
#[derive(Debug)]
pub struct Kafka {
    directory: TempDir,
    port: u16,
    process: Option<Process>,
}

impl Kafka {
    /// Formats a directory, starts a broker on it and waits until it answers.
    pub async fn start() -> Result<Self> {
        Ok(Self::insist(false).await?.0)
    }

    /// The same with a second listener that wants certificate and password.
    pub async fn start_secured() -> Result<(Self, Secured)> {
        let (kafka, secured) = Self::insist(true).await?;
        Ok((kafka, secured.context("it was asked for")?))
    }

    async fn insist(secure: bool) -> Result<(Self, Option<Secured>)> {
        let mut attempt = 1;
        loop {
            match Self::start_once(secure).await {
                Err(e) if attempt < ATTEMPTS && format!("{e:#}").contains("Address already in use") => attempt += 1,
                started => return started,
            }
        }
    }

    async fn start_once(secure: bool) -> Result<(Self, Option<Secured>)> {
        let directory = scratch::directory("kafka")?;
        let [port, controller, second] = scratch::free_ports()?;
        let secured = secure.then(|| Secured::prepare(directory.path(), second)).transpose()?;
        let properties = properties(directory.path(), port, controller, secured.as_ref());
        std::fs::write(directory.path().join("server.properties"), properties)?;
        let mut kafka = Self { directory, port, process: None };
        let format = ["kafka.tools.StorageTool", "format", "--standalone", "-t", CLUSTER, "-c", "server.properties"];
        let user = secured.as_ref().map(Secured::user);
        let format = [&format[..], &user.iter().flat_map(|user| ["--add-scram", user]).collect::<Vec<_>>()].concat();
        let mut formatting = kafka.java("format", &format)?;
        let status = formatting.ended().await?;
        ensure!(status.success(), "the broker's directory could not be formatted: {}", formatting.log()?);
        kafka.restart().await?;
        Ok((kafka, secured))
    }

    /// Starts a broker that was stopped or killed, with the same data on the same port.
    pub async fn restart(&mut self) -> Result<()> {
        ensure!(self.process.is_none(), "the broker is running already");
        let mut process = self.java("broker", &["kafka.Kafka", "server.properties"])?;
        let client = self.client().create::<BaseConsumer>()?;
        eventually("an answer from the broker", async || {
            process.still_runs()?;
            Ok(match client.fetch_metadata(None, Duration::from_millis(500)) {
                Ok(metadata) => Seen::when(!metadata.brokers().is_empty(), || "no broker has registered".to_owned()),
                Err(e) => Seen::NotYet(e.to_string()),
            })
        })
        .await?;
        self.process = Some(process);
        Ok(())
    }

    /// Stops it in good order.
    pub async fn stop(&mut self) -> Result<()> {
        self.process.take().context("the broker is not running")?.terminate().await?;
        Ok(())
    }

    /// `kill -9`: what it had not written is lost.
    pub async fn kill(&mut self) -> Result<()> {
        self.process.take().context("the broker is not running")?.kill().await?;
        Ok(())
    }

    /// The bootstrap server, `host:port`.
    pub fn brokers(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Creates a topic.
    pub async fn create_topic(&self, topic: &str, partitions: i32) -> Result<()> {
        let admin: AdminClient<DefaultClientContext> = self.client().create()?;
        let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
        let created = admin.create_topics([&new], &AdminOptions::new().operation_timeout(Some(PATIENCE))).await?;
        for result in created {
            result.map_err(|(topic, code)| anyhow!("topic `{topic}` could not be created: {code}"))?;
        }
        Ok(())
    }

    /// Writes records, of key and value or whole messages, and returns when the broker has acknowledged each.
    pub async fn produce(&self, topic: &str, records: impl IntoIterator<Item = impl Into<Message>>) -> Result<usize> {
        self.producer()?.produce(topic, records).await
    }

    /// A client that writes.
    pub fn producer(&self) -> Result<Producer> {
        Producer::new(self)
    }

    /// How many of so many records of a topic its client reads in a second.
    pub fn drain(&self, topic: &str, records: usize) -> Result<f64> {
        Drain::new(self, topic)?.rate(records)
    }

    /// Bytes of the keys and values of a topic that compaction would leave.
    pub fn live_bytes(&self, topic: &str) -> Result<usize> {
        let records: i64 = self.ends(topic)?.iter().sum();
        let mut live = BTreeMap::new();
        Drain::new(self, topic)?.take(usize::try_from(records)?, |record| {
            let key = (record.partition(), record.key().unwrap_or_default().to_vec());
            match record.payload() {
                Some(value) => live.insert(key, value.len()),
                None => live.remove(&key),
            };
        })?;
        Ok(live.iter().map(|((_, key), value)| key.len() + value).sum())
    }

    /// A client that watches a group read a topic.
    pub fn group(&self, group: &str, topic: &str) -> Result<Group> {
        Group::new(self, group, topic)
    }

    /// Reads a topic from its beginning until there are `count` records, in order within each partition.
    pub async fn read(&self, topic: &str, count: usize) -> Result<Vec<Record>> {
        let consumer: BaseConsumer = self.client().set("group.id", "reader").create()?;
        consumer.assign(&beginnings(&consumer, topic)?)?;
        let mut records = Vec::new();
        eventually(&format!("{count} records in `{topic}`"), async || {
            while let Some(message) = consumer.poll(Duration::ZERO) {
                // A broker that is away for a moment is one of the things that stories are about.
                let Ok(message) = message else { break };
                records.push(Record {
                    partition: message.partition(),
                    offset: message.offset(),
                    key: message.key().unwrap_or_default().to_vec(),
                    value: message.payload().unwrap_or_default().to_vec(),
                });
            }
            Ok(Seen::when(records.len() >= count, || format!("{} records", records.len())))
        })
        .await?;
        Ok(records)
    }

    /// How many records each partition holds or held: the offset that the next one will get.
    pub fn ends(&self, topic: &str) -> Result<Vec<i64>> {
        let client: BaseConsumer = self.client().create()?;
        let partitions = partitions(&client, topic)?;
        partitions.into_iter().map(|p| Ok(client.fetch_watermarks(topic, p, PATIENCE)?.1)).collect()
    }

    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.brokers());
        // After a restart the default pauses up to ten seconds before it tries again.
        config.set("reconnect.backoff.max.ms", "500");
        config
    }

    fn java(&self, name: &str, arguments: &[&str]) -> Result<Process> {
        let directory = self.directory.path();
        let mut command = leashed("java")?;
        command.current_dir(directory);
        // Short runs: quick to start counts, not the last percent of throughput.
        command.args(["-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]);
        command.args(["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dkafka.logs.dir=logs"]);
        command.arg("-cp").arg(jars()?.join("*")).args(arguments);
        Process::spawn(&format!("kafka ({name})"), command, &directory.join(format!("{name}.log")))
    }
}

fn beginnings(client: &BaseConsumer, topic: &str) -> Result<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    for partition in partitions(client, topic)? {
        list.add_partition_offset(topic, partition, Offset::Beginning)?;
    }
    Ok(list)
}

fn partitions(client: &BaseConsumer, topic: &str) -> Result<Vec<i32>> {
    let metadata = client.fetch_metadata(Some(topic), PATIENCE)?;
    let topic = metadata.topics().first().with_context(|| format!("there is no topic `{topic}`"))?;
    Ok(topic.partitions().iter().map(MetadataPartition::id).collect())
}

/// The directory that `scripts/kafka.sh` fills.
fn jars() -> Result<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = set("DRIFTWATCH_CACHE")
        .or_else(|| Some(set("XDG_CACHE_HOME")?.join("driftwatch")))
        .or_else(|| Some(set("HOME")?.join(".cache/driftwatch")))
        .context("neither DRIFTWATCH_CACHE nor HOME is set")?;
    let jars = cache.join("kafka/lib");
    ensure!(jars.is_dir(), "no Kafka jars in `{}`; run `scripts/setup.sh --tests`", jars.display());
    Ok(jars)
}

fn properties(directory: &Path, port: u16, controller: u16, secured: Option<&Secured>) -> String {
    let (second, lines) = secured.map(|s| (format!(",{}", s.listener()), s.lines())).unwrap_or_default();
    format!(
        "process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}{second}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}{second}
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL
inter.broker.listener.name=PLAINTEXT
log.dirs={}
num.network.threads=2
num.io.threads=2
auto.create.topics.enable=false
log.cleaner.backoff.ms=1000
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
group.min.session.timeout.ms=1000
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=1000
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
{lines}",
        directory.join("data").display()
    )
}
