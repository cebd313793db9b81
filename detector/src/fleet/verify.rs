//! A second run over the fleet's topics, in one process and without hurry: whether what the fleet has told is what follows from
//! what it has read.

use std::collections::{BTreeMap, BTreeSet};

use models::changelog::{Fold, Turn};
use models::config::CheckedConfig;
use models::decision::Revocation;
use models::engine::{Entry, Fleet, Input, Member, Order, Output, Phase, View};
use models::event::Timestamp;
use rdkafka::message::Message as _;
use serde::Serialize;

use super::clients::{Clients, appended};
use super::error::FleetError;
use super::log::entry_of;
use super::restore::fold_in;
use super::topics::Topic;
use super::wire;
use crate::config::KafkaSource;
use crate::source::kafka;

/// Most differences that are named.
const SHOWN: usize = 20;

/// What a second run found.
#[derive(Debug, Default, Serialize)]
pub struct Verified {
    /// Partitions that were run again.
    pub partitions: i32,
    /// Events that their states contain.
    pub events: u64,
    /// Events in the topic that no state contains yet.
    pub not_taken: u64,
    /// Entries of the fleet's log.
    pub entries: u64,
    /// Times at which a partition came to know more of the fleet's log.
    pub turns: u64,
    /// Alerts, in their last form.
    pub alerts: u64,
    /// Revocations granted.
    pub revocations: u64,
    /// What differs, at most twenty; nothing, if the fleet did what one process would have done.
    pub differences: Vec<String>,
}

/// The fleet's log, read to its end.
struct Heard {
    /// What was known at the offsets that partitions took turns at.
    views: BTreeMap<i64, View>,
    orders: Vec<(i64, Order)>,
    /// By partition, in order and once.
    reports: BTreeMap<u32, Vec<Vec<u8>>>,
    revocations: Vec<Revocation>,
}

/// Runs everything again. Blocks.
///
/// # Errors
/// When topics cannot be read, or no longer reach back to the beginning.
pub fn verify(clients: &Clients, config: &CheckedConfig, source: &KafkaSource) -> Result<Verified, FleetError> {
    let mut found = Verified { partitions: clients.partitions()?, ..Verified::default() };
    let mut stored = Vec::new();
    for number in 0..found.partitions {
        stored.push(turns(clients, number)?);
    }
    let wanted: BTreeSet<i64> = stored.iter().flat_map(|(turns, _)| turns.iter().map(|turn| turn.fleet)).collect();
    let heard = log(clients, config, &wanted, &mut found)?;
    let mut alerts = Forms::new();
    for (number, (turns, next)) in stored.iter().enumerate() {
        let number = i32::try_from(number).unwrap_or_default();
        found.turns += turns.len() as u64;
        partition(clients, config, source, number, turns, *next, &heard, &mut alerts, &mut found)?;
    }
    found.alerts = alerts.len() as u64;
    found.revocations = heard.revocations.len() as u64;
    compare(&alerts, &told(clients, found.partitions)?, &mut found.differences);
    found.differences.truncate(SHOWN);
    Ok(found)
}

/// The last form of alerts, as they are told: the bytes are what must be the same.
type Forms = BTreeMap<Vec<u8>, Vec<u8>>;

fn compare(expected: &Forms, told: &Forms, differences: &mut Vec<String>) {
    let shown = |id: &[u8]| id.escape_ascii().to_string();
    for (id, alert) in expected {
        match told.get(id) {
            None => differences.push(format!("alert {} was never told", shown(id))),
            Some(other) if other != alert => {
                let same = alert.iter().zip(other).take_while(|(a, b)| a == b).count();
                let from =
                    |form: &[u8]| form.iter().skip(same.saturating_sub(40)).take(80).copied().collect::<Vec<_>>();
                let [own, other] = [from(alert), from(other)].map(|part| part.escape_ascii().to_string());
                differences
                    .push(format!("alert {} was told in another form: `{other}` where `{own}` follows", shown(id)));
            }
            Some(_) => {}
        }
    }
    let unfounded = told.keys().filter(|id| !expected.contains_key(*id));
    differences.extend(unfounded.map(|id| format!("alert {} follows from nothing", shown(id))));
}

/// The turns that a partition took, and the offset that its state has come to.
fn turns(clients: &Clients, number: i32) -> Result<(Vec<Turn>, i64), FleetError> {
    let mut reading = clients.read(&clients.topic(Topic::Changelog), number, None)?;
    let mut fold = Fold::default();
    reading.until(reading.end()?, |record| fold_in(&mut fold, record))?;
    let stored = fold.look()?;
    let turns = stored.blobs.iter().filter_map(|(key, blob)| wire::turn_of(key, blob)).collect();
    Ok((turns, stored.turn.map_or(0, |turn| turn.next)))
}

fn log(
    clients: &Clients,
    config: &CheckedConfig,
    wanted: &BTreeSet<i64>,
    found: &mut Verified,
) -> Result<Heard, FleetError> {
    let mut reading = whole(clients, &clients.topic(Topic::Log), 0)?;
    let mut fleet = Fleet::new(config.clone());
    let mut heard = Heard {
        views: BTreeMap::from([(0, fleet.view())]),
        orders: Vec::new(),
        reports: BTreeMap::new(),
        revocations: Vec::new(),
    };
    let (mut out, mut told) = (Vec::new(), BTreeSet::new());
    reading.until(reading.end()?, |record| {
        found.entries += 1;
        let next = record.offset() + 1;
        if let Some(entry) = entry_of(record)? {
            if let Entry::Order(order) = &entry {
                heard.orders.push((record.offset(), order.clone()));
            }
            if let Some(origin @ (partition, ..)) = entry.origin()
                && told.insert(origin)
            {
                heard.reports.entry(partition).or_default().push(entry.encode());
            }
            fleet.take(entry, appended(record), &mut out);
        }
        for output in out.drain(..) {
            match output {
                Output::Revocation(revocation) => heard.revocations.push(*revocation),
                // The brake's alert is told to nobody: whoever hears the log sees it open.
                Output::Alert(_) | Output::Assessed(_) => {}
            }
        }
        if wanted.contains(&next) {
            heard.views.insert(next, fleet.view());
        }
        Ok(())
    })?;
    Ok(heard)
}

/// A partition from its beginning.
fn whole(clients: &Clients, topic: &str, partition: i32) -> Result<super::clients::Reading, FleetError> {
    let reading = clients.read(topic, partition, None)?;
    match reading.reach()?.0 {
        0 => Ok(reading),
        first => Err(FleetError::Gone { topic: topic.to_owned(), partition, first }),
    }
}

#[expect(clippy::too_many_arguments, reason = "a step of one function, set apart")]
fn partition(
    clients: &Clients,
    config: &CheckedConfig,
    source: &KafkaSource,
    number: i32,
    turns: &[Turn],
    next: i64,
    heard: &Heard,
    alerts: &mut Forms,
    found: &mut Verified,
) -> Result<(), FleetError> {
    let mut reading = whole(clients, clients.events(), number)?;
    let end = reading.end()?;
    found.not_taken += (end - next).max(0).cast_unsigned();
    let (Some(first), partition) = (turns.first(), number.unsigned_abs()) else { return Ok(()) };
    let view = |turn: &Turn| heard.views.get(&turn.fleet).cloned().unwrap_or_default();
    let mut member = Member::new(config.clone(), partition, &view(first));
    let mut forms = wire::Outputs::default();
    let (mut known, mut later, mut out) = (first.fleet, turns.iter().skip(1).peekable(), Vec::new());
    let mut turn = |member: &mut Member, offset: i64| {
        while let Some(turn) = later.next_if(|turn| turn.next <= offset) {
            let between = heard.orders.iter().filter(|(at, _)| (known..turn.fleet).contains(at));
            member.turn(&view(turn), between.map(|(_, order)| order));
            known = turn.fleet;
        }
    };
    reading.until(next.min(end), |record| {
        turn(&mut member, record.offset());
        found.events += 1;
        let at = appended(record);
        let item = kafka::item(record, source, at.as_nanos() / 1_000_000);
        let Ok(decoded) = item.decode() else { return Ok(()) };
        let arrival = (at > Timestamp::EPOCH).then_some(at);
        let (event, trust) = (&decoded.event, item.trust);
        member.handle(Input::Event { event, trust, arrival, phase: Phase::Live, partition }, &mut out);
        for output in out.drain(..) {
            if let Output::Alert(alert) = output {
                forms.alert(&alert);
            }
        }
        Ok(())
    })?;
    alerts.extend(forms.alerts);
    let reports: Vec<Vec<u8>> = member.take_reports().iter().map(Entry::encode).collect();
    let told = heard.reports.get(&partition).map_or(&[][..], Vec::as_slice);
    if reports != told {
        let same = reports.iter().zip(told).take_while(|(own, told)| own == told).count();
        let (own, told) = (reports.len(), told.len());
        found.differences.push(format!(
            "partition {number} reported {told} times, and {own} follow from its events; the first {same} agree"
        ));
    }
    Ok(())
}

/// Alerts as they were told last.
fn told(clients: &Clients, partitions: i32) -> Result<Forms, FleetError> {
    let mut alerts = Forms::new();
    for number in 0..partitions {
        let mut reading = clients.read(&clients.topic(Topic::Alerts), number, None)?;
        reading.until(reading.end()?, |record| {
            let [key, value] = [record.key(), record.payload()].map(|bytes| bytes.unwrap_or_default().to_vec());
            alerts.insert(key, value);
            Ok(())
        })?;
    }
    Ok(alerts)
}
