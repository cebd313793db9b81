//! KDD Cup 1999, 10 % file: mixed records of connections, in which the rare kind is to be found.

use std::path::Path;
use std::time::Instant;

use super::darpa::stream;
use super::{Benchmark, BenchmarkError, column, lines};
use crate::suite::{Mark, order_only};

const NOTE: &str = "`tool` is the service, its server the protocol, the outcome the flag (`SF` success, `REJ` denied, else \
error), with the bytes of both directions; one identity. The 36 other numbers have no place in an event and are left out. \
The times are synthetic, so what looks at time is switched off. One pass from an empty engine that learns as it goes. The \
rare class is the anomaly: positives are the records labelled `normal`, as in the published protocol.";

/// Bhatia et al. (`MemStream`) 2022, as the README quotes it.
const PUBLISHED: [(&str, [f64; 1]); 12] = [
    ("MemStream", [0.980]),
    ("xStream", [0.957]),
    ("STORM", [0.914]),
    ("HS-Trees", [0.912]),
    ("extended iForest", [0.874]),
    ("RS-Hash", [0.859]),
    ("MStream", [0.844]),
    ("RCF", [0.791]),
    ("iForestASD", [0.575]),
    ("DILOF", [0.535]),
    ("Kitsune", [0.525]),
    ("LODA", [0.500]),
];
const BASELINES: [(&str, [f64; 1]); 1] = [("HS-Trees", [0.955])];

pub(super) fn measure(folder: &Path) -> Result<Benchmark, BenchmarkError> {
    let started = Instant::now();
    let event = |row: &super::feed::Row<'_>| {
        let mut event = row.event("network", "").map_err(|r| r.detail)?;
        event.server = row.action.as_ref().map(|protocol| protocol.0.as_ref().into());
        event.outcome = row.outcome(|flag| flag == "REJ", |flag| flag == "SF");
        Ok(event)
    };
    let streamed = stream(folder, order_only(), event, |_, name| name == "normal")?;
    Ok(Benchmark {
        set: "kdd99-10pct",
        note: NOTE,
        counted: format!("{} events ({} of the rare class)", streamed.events, streamed.positives),
        columns: vec![column("AUC", 3)],
        ours: streamed.lines(),
        published: lines(&PUBLISHED),
        baselines: lines(&BASELINES),
        areas: streamed.areas,
        marks: Vec::<Mark>::new(),
        events: streamed.events,
        seconds: started.elapsed().as_secs_f64(),
    })
}
