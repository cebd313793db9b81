//! What is told after a flush, as it stands in the changelog until then; and which turns a partition took.

use models::alert::Alert;
use models::changelog::Turn;
use models::engine::Entry;

use super::clients::Put;
use super::error::FleetError;

/// Format of outputs.
const FORMAT: u8 = 1;
/// First byte of the keys of turns among the blobs of a partition; no key of the engine begins with it.
const TURN: u8 = b'h';

/// What a flush has to tell: alerts for everybody, reports for the fleet's log.
#[derive(Debug, Default)]
pub struct Outputs {
    /// Id and JSON of alerts, in the order in which they changed.
    pub alerts: Vec<(Vec<u8>, Vec<u8>)>,
    /// Entries of the fleet's log.
    pub reports: Vec<Vec<u8>>,
}

impl Outputs {
    /// Adds the newest form of an alert.
    pub fn alert(&mut self, alert: &Alert) {
        let key = alert.id.0.as_bytes().to_vec();
        // A plain struct; should it not be writable, its key stays as a tombstone would: nobody is told.
        let body = serde_json::to_vec(alert).unwrap_or_default();
        self.alerts.retain(|(known, _)| *known != key);
        self.alerts.push((key, body));
    }

    /// Adds entries for the fleet's log.
    pub fn report(&mut self, entries: &[Entry]) {
        self.reports.extend(entries.iter().map(Entry::encode));
    }

    /// As bytes; nothing at all is no bytes.
    pub fn encode(&self) -> Vec<u8> {
        if self.alerts.is_empty() && self.reports.is_empty() {
            return Vec::new();
        }
        let mut bytes = vec![FORMAT];
        let mut put = |part: &[u8]| {
            bytes.extend((part.len() as u64).to_be_bytes());
            bytes.extend(part);
        };
        put(&(self.alerts.len() as u64).to_be_bytes());
        for (key, body) in &self.alerts {
            put(key);
            put(body);
        }
        self.reports.iter().for_each(|report| put(report));
        bytes
    }

    /// From bytes.
    ///
    /// # Errors
    /// When they are of another format, or damaged.
    pub fn decode(bytes: &[u8]) -> Result<Self, FleetError> {
        let mut outputs = Self::default();
        let Some((&format, mut rest)) = bytes.split_first() else { return Ok(outputs) };
        if format != FORMAT {
            return Err(FleetError::Outputs);
        }
        let alerts = number(take(&mut rest)?)?;
        for _ in 0..alerts {
            let key = take(&mut rest)?.to_vec();
            outputs.alerts.push((key, take(&mut rest)?.to_vec()));
        }
        while !rest.is_empty() {
            outputs.reports.push(take(&mut rest)?.to_vec());
        }
        Ok(outputs)
    }

    /// Alerts as records of their topic.
    pub fn alert_records(&self) -> Vec<Put> {
        self.alerts.iter().map(|(key, body)| Put { key: key.clone(), value: Some(body.clone()) }).collect()
    }

    /// Reports as records of the fleet's log.
    pub fn report_records(&self) -> Vec<Put> {
        self.reports.iter().map(|report| Put { key: Vec::new(), value: Some(report.clone()) }).collect()
    }
}

fn take<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], FleetError> {
    let (length, after) = rest.split_at_checked(8).ok_or(FleetError::Outputs)?;
    let length = usize::try_from(number(length)?).map_err(|_| FleetError::Outputs)?;
    let (part, after) = after.split_at_checked(length).ok_or(FleetError::Outputs)?;
    *rest = after;
    Ok(part)
}

fn number(bytes: &[u8]) -> Result<u64, FleetError> {
    bytes.try_into().map(u64::from_be_bytes).map_err(|_| FleetError::Outputs)
}

/// The blob that says that a partition took a turn.
pub fn turn_blob(turn: Turn) -> (Vec<u8>, Vec<u8>) {
    let mut key = vec![TURN];
    key.extend(turn.next.to_be_bytes());
    (key, turn.fleet.to_be_bytes().to_vec())
}

/// The turn that a blob tells; `None` if it is one of the engine's.
pub fn turn_of(key: &[u8], blob: &[u8]) -> Option<Turn> {
    let (&TURN, next) = key.split_first()? else { return None };
    let number = |bytes: &[u8]| bytes.try_into().map(i64::from_be_bytes).ok();
    Some(Turn { next: number(next)?, fleet: number(blob)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_come_back_as_they_were_and_damage_is_found() {
        let outputs = Outputs {
            alerts: vec![(b"alt_1".to_vec(), b"{}".to_vec()), (b"alt_2".to_vec(), Vec::new())],
            reports: vec![vec![1, 2, 3], Vec::new()],
        };
        let bytes = outputs.encode();
        let again = Outputs::decode(&bytes).expect("readable");
        assert_eq!((again.alerts, again.reports), (outputs.alerts, outputs.reports));
        assert!(Outputs::default().encode().is_empty());
        assert!(Outputs::decode(&[]).expect("nothing").alerts.is_empty());
        for cut in 1..bytes.len() {
            let cut = bytes.get(..cut).expect("within");
            // A cut between two reports is one report less; checksums of the changelog find that.
            assert!(Outputs::decode(cut).map_or(true, |o| o.reports.len() < 2));
        }
        assert!(Outputs::decode(&[9]).is_err());
    }

    #[test]
    fn turns_stand_beside_the_blobs_of_the_engine() {
        let turn = Turn { next: 7, fleet: 3 };
        let (key, blob) = turn_blob(turn);
        assert_eq!(turn_of(&key, &blob), Some(turn));
        assert_eq!(turn_of(b"i12345678", &blob), None);
    }
}
