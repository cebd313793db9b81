//! Rows of scored events, read back from a result: a row group at a time, and only what is asked for is kept.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use models::dimension::{Dimension, DimensionValues};
use models::event::Timestamp;
use polars::prelude::{DataFrame, PolarsError, StringChunked};
use polars_io::SerReader;
use polars_io::parquet::read::ParquetReader;
use serde::Deserialize;

use super::side::{SideError, refused};
use crate::floor::key;
use crate::table::Format;

/// Rows of a Parquet file in memory at a time.
const STEP: usize = 65_536;

/// A point in the life of an identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) identity: Box<str>,
    pub(super) time: Timestamp,
}

/// What a side said of one event.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Said {
    pub(super) dimensions: DimensionValues<Option<f64>>,
    pub(super) evidence: f64,
    pub(super) alert: Option<Box<str>>,
}

/// What a side said at the moments asked for.
#[derive(Debug, Default)]
pub(super) struct Rows {
    said: HashMap<u64, Said>,
    /// Whether there were rows at all.
    pub(super) any: bool,
}

impl Rows {
    pub(super) fn at(&self, moment: &Moment) -> Option<&Said> {
        self.said.get(&moment_key(&moment.identity, moment.time))
    }
}

/// Events and sessions of a side, as sorted hashes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) events: Vec<u64>,
    pub(super) sessions: Vec<u64>,
}

fn moment_key(identity: &str, time: Timestamp) -> u64 {
    key((identity, time))
}

/// The rows of these moments. Of several events of an identity at one time, the first that belongs to an alert counts.
pub(super) fn find(format: Format, path: &Path, moments: &[Moment]) -> Result<Rows, SideError> {
    let wanted: HashSet<u64> = moments.iter().map(|moment| moment_key(&moment.identity, moment.time)).collect();
    let mut rows = Rows { any: true, ..Rows::default() };
    if wanted.is_empty() {
        return Ok(rows);
    }
    each(format, path, |row| {
        let key = moment_key(&row.identity, row.time);
        if wanted.contains(&key) && rows.said.get(&key).is_none_or(|known| known.alert.is_none()) {
            let alert = row.alert.as_deref().map(Into::into);
            rows.said.insert(key, Said { dimensions: row.dimensions(), evidence: row.evidence, alert });
        }
    })?;
    Ok(rows)
}

/// Every event and session of a side.
pub(super) fn seen(format: Format, path: &Path) -> Result<Seen, SideError> {
    let mut seen = Seen::default();
    let mut sessions = HashSet::new();
    each(format, path, |row| {
        seen.events.push(key((&row.identity, &row.id)));
        sessions.insert(key((&row.identity, &row.session)));
    })?;
    seen.events.sort_unstable();
    seen.events.dedup();
    seen.sessions = sessions.into_iter().collect();
    seen.sessions.sort_unstable();
    Ok(seen)
}

/// A row as it is read back.
#[derive(Debug, Deserialize)]
struct Row {
    id: String,
    time: Timestamp,
    identity: String,
    session: String,
    tool: Option<f64>,
    target: Option<f64>,
    chain: Option<f64>,
    volume: Option<f64>,
    rate: Option<f64>,
    schedule: Option<f64>,
    context: Option<f64>,
    delegation: Option<f64>,
    scope: Option<f64>,
    flow: Option<f64>,
    evidence: f64,
    alert: Option<String>,
}

impl Row {
    fn dimensions(&self) -> DimensionValues<Option<f64>> {
        const { assert!(Dimension::COUNT == 10) };
        let Self { tool, target, chain, volume, rate, schedule, context, delegation, scope, flow, .. } = *self;
        [tool, target, chain, volume, rate, schedule, context, delegation, scope, flow]
    }
}

fn each(format: Format, path: &Path, see: impl FnMut(Row)) -> Result<(), SideError> {
    let file = File::open(path).map_err(|source| refused(path, source))?;
    match format {
        Format::Parquet => parquet(&file, see).map_err(|error| refused(path, std::io::Error::other(error))),
        _ => ndjson(file, see).map_err(|source| refused(path, source)),
    }
}

fn ndjson(file: File, mut see: impl FnMut(Row)) -> std::io::Result<()> {
    for line in BufReader::new(file).lines() {
        see(serde_json::from_str(&line?)?);
    }
    Ok(())
}

fn parquet(file: &File, mut see: impl FnMut(Row)) -> Result<(), PolarsError> {
    let rows = ParquetReader::new(file.try_clone()?).num_rows()?;
    for begin in (0..rows).step_by(STEP) {
        let step = Some((begin, STEP.min(rows - begin)));
        let frame = ParquetReader::new(file.try_clone()?).with_slice(step).finish()?;
        frame_rows(&frame, &mut see)?;
    }
    Ok(())
}

fn frame_rows(frame: &DataFrame, see: &mut impl FnMut(Row)) -> Result<(), PolarsError> {
    let text = |name: &str| frame.column(name)?.str();
    let (ids, identities, sessions, alerts) = (text("id")?, text("identity")?, text("session")?, text("alert")?);
    let times = frame.column("time")?.datetime()?.physical();
    let evidence = frame.column("evidence")?.f64()?;
    let dimensions = Dimension::ALL.map(|dimension| frame.column(dimension.as_str()).and_then(|column| column.f64()));
    for i in 0..frame.height() {
        let named = |column: &StringChunked| column.get(i).unwrap_or_default().to_owned();
        let nats = |dimension: Dimension| dimensions.get(dimension as usize)?.as_ref().ok()?.get(i);
        see(Row {
            id: named(ids),
            time: Timestamp::from_nanos(times.get(i).unwrap_or_default()),
            identity: named(identities),
            session: named(sessions),
            tool: nats(Dimension::Tool),
            target: nats(Dimension::Target),
            chain: nats(Dimension::Chain),
            volume: nats(Dimension::Volume),
            rate: nats(Dimension::Rate),
            schedule: nats(Dimension::Schedule),
            context: nats(Dimension::Context),
            delegation: nats(Dimension::Delegation),
            scope: nats(Dimension::Scope),
            flow: nats(Dimension::Flow),
            evidence: evidence.get(i).unwrap_or_default(),
            alert: alerts.get(i).map(ToOwned::to_owned),
        });
    }
    Ok(())
}
