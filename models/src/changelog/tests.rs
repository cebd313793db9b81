#![expect(clippy::cast_possible_wrap, reason = "small numbers")]

use super::*;
use crate::engine::Checkpoint;

const PART: usize = 4;

/// A partition that is never compacted, and what a reader of all of it knows.
#[derive(Default)]
struct Topic {
    records: Vec<Record>,
}

impl Topic {
    fn append(&mut self, records: impl IntoIterator<Item = Record>) -> Vec<i64> {
        let first = self.records.len() as i64;
        self.records.extend(records);
        (first..self.records.len() as i64).collect()
    }

    fn try_fold(&self) -> Result<Fold, ChangelogError> {
        let mut fold = Fold::default();
        for (offset, record) in self.records.iter().enumerate() {
            fold.take(offset as i64, &record.key, record.value.as_deref())?;
        }
        Ok(fold)
    }

    fn fold(&self) -> Fold {
        self.try_fold().unwrap()
    }

    fn claim(&mut self, nonce: u64) -> Result<(Restored, Committed), ChangelogError> {
        self.append([self.try_fold()?.claim(nonce)]);
        self.try_fold()?.into_owned(nonce, PART)
    }

    fn writer(&mut self, nonce: u64) -> Writer {
        self.claim(nonce).unwrap().1.told()
    }

    /// A verified flush.
    fn flush(&mut self, writer: Writer, changed: Checkpoint, outputs: &[u8]) -> Writer {
        let (records, writing) = writer.flush(changed, outputs.to_vec(), turn(self.records.len() as i64));
        let (marker, marking) = writing.written(&self.append(records)).unwrap();
        let offset = self.append([marker])[0];
        marking.written(offset).unwrap().told()
    }

    /// A read of what compaction left: all but the records at these offsets.
    fn without(&self, gone: &[usize]) -> Result<(Restored, Committed), ChangelogError> {
        let mut fold = Fold::default();
        for (offset, record) in self.records.iter().enumerate().filter(|(offset, _)| !gone.contains(offset)) {
            fold.take(offset as i64, &record.key, record.value.as_deref())?;
        }
        let claim = fold.claim(99);
        fold.take(1000, &claim.key, claim.value.as_deref())?;
        fold.into_owned(99, PART)
    }
}

fn turn(next: i64) -> Turn {
    Turn { next, fleet: 7 }
}

fn put(blobs: &[(&str, &str)]) -> Checkpoint {
    Checkpoint {
        put: blobs.iter().map(|(key, blob)| (key.as_bytes().to_vec(), blob.as_bytes().to_vec())).collect(),
        delete: vec![],
    }
}

fn delete(key: &str) -> Checkpoint {
    Checkpoint { put: vec![], delete: vec![key.as_bytes().to_vec()] }
}

fn blobs(restored: &Restored) -> Vec<(&str, &str)> {
    let text = |bytes| std::str::from_utf8(bytes).unwrap();
    restored.blobs.iter().map(|(key, blob)| (text(key), text(blob))).collect()
}

fn tombstones(records: &[Record]) -> Vec<&[u8]> {
    records.iter().filter(|record| record.value.is_none()).map(|record| record.key.as_slice()).collect()
}

const A1: &[u8] = b"\x01b\0\0\0\x01\0\0\0\0\0\0\0\x01\0\0\0\0A";
const A2: &[u8] = b"\x01b\0\0\0\x01\0\0\0\0\0\0\0\x02\0\0\0\0A";
const MARKER1: &[u8] = b"\x01m\0\0\0\x01\0\0\0\0\0\0\0\x01";

#[test]
fn layout_is_as_written_down() {
    let mut topic = Topic::default();
    let writer = topic.writer(0x0102_0304_0506_0708);
    topic.flush(writer, put(&[("A", "xyz")]), b"out");
    let expected: [&[u8]; 4] =
        [b"\x01c\0\0\0\x01\x01\x02\x03\x04\x05\x06\x07\x08", A1, b"\x01o\0\0\0\x01\0\0\0\0\0\0\0\x01\0\0\0\0", MARKER1];
    assert_eq!(topic.records.iter().map(|record| record.key.as_slice()).collect::<Vec<_>>(), expected);
    let value = |at: usize| &topic.records[at].value.as_ref().unwrap()[8..];
    assert_eq!(value(0), b"");
    assert_eq!(value(1), b"\0\0\0\0\0\0\0\0\x03xyz");
    assert_eq!(value(3)[..24], *b"\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0\x02");
    // SipHash-1-3 under the key 0, by a Python implementation from the paper.
    assert_eq!(topic.records[0].value.as_deref(), Some(&0x254f_fe79_2e08_4e3f_u64.to_be_bytes()[..]));
    assert_eq!(topic.records[3].key.len() + topic.records[3].value.as_ref().unwrap().len(), 54);
}

#[test]
fn what_was_committed_is_restored_with_its_turn_and_its_outputs() {
    let mut topic = Topic::default();
    let (restored, committed) = topic.claim(1).unwrap();
    assert_eq!((restored, committed.outputs()), (Restored { blobs: vec![], turn: None }, &b""[..]));
    let writer = topic.flush(committed.told(), put(&[("A", "1"), ("B", "long enough for parts"), ("C", "")]), b"1st");
    let writer = topic.flush(writer, put(&[("A", "2")]), b"2nd");
    let (restored, committed) = topic.claim(2).unwrap();
    assert_eq!(blobs(&restored), [("A", "2"), ("B", "long enough for parts"), ("C", "")]);
    assert_eq!((restored.turn, committed.outputs()), (Some(turn(11)), &b"2nd"[..]));
    drop(writer);
    // A flush without outputs has none to tell again.
    topic.flush(committed.told(), Checkpoint::default(), b"");
    assert_eq!(topic.claim(3).unwrap().1.outputs(), b"");
}

#[test]
fn without_its_marker_a_flush_is_void_and_tombstoned_by_the_next_owner() {
    let mut topic = Topic::default();
    let writer = topic.writer(1);
    let writer = topic.flush(writer, put(&[("A", "1")]), b"told");
    let (records, _) = writer.flush(put(&[("A", "2")]), b"void".to_vec(), turn(50));
    topic.append(records);
    let (restored, committed) = topic.claim(2).unwrap();
    assert_eq!((blobs(&restored), committed.outputs()), (vec![("A", "1")], &b"told"[..]));
    let (records, _) = committed.told().flush(Checkpoint::default(), vec![], turn(50));
    assert_eq!(tombstones(&records), [A2, b"\x01o\0\0\0\x01\0\0\0\0\0\0\0\x02\0\0\0\0"]);
}

#[test]
fn the_first_claim_of_the_highest_epoch_wins_and_a_loser_claims_again() {
    let mut topic = Topic::default();
    let fold = topic.fold();
    topic.append([fold.claim(10), fold.claim(11)]);
    assert_eq!(topic.fold().owner(), Some(Owner { epoch: 1, nonce: 10 }));
    assert_eq!(topic.fold().into_owned(11, PART).unwrap_err(), ChangelogError::NotOwned);
    let (_, committed) = topic.fold().into_owned(10, PART).unwrap();
    let (records, _) = committed.told().flush(Checkpoint::default(), vec![], turn(0));
    assert_eq!(tombstones(&records), [b"\x01c\0\0\0\x01\0\0\0\0\0\0\0\x0b"]);
    topic.writer(12);
    // A claim that took long on its way.
    topic.append([Fold::default().claim(13)]);
    assert_eq!(topic.fold().owner(), Some(Owner { epoch: 2, nonce: 12 }));
}

#[test]
fn what_an_old_owner_writes_after_a_claim_is_void() {
    let mut topic = Topic::default();
    let writer = topic.writer(1);
    let zombie = topic.flush(writer, put(&[("A", "1")]), b"");
    let (records, writing) = zombie.flush(put(&[("A", "late")]), b"void".to_vec(), turn(99));
    // Sent before the claim, and there after it.
    let (marker, _) = writing.written(&[3, 4]).unwrap();
    let mut owner = topic.writer(2);
    topic.append(records);
    topic.append([marker]);
    let fold = topic.fold();
    assert_eq!(fold.owner(), Some(Owner { epoch: 2, nonce: 2 }));
    assert_eq!(blobs(&fold.into_owned(2, PART).unwrap().0), [("A", "1")]);
    // The new owner has not read that: it gives up as well, and claims again.
    let (records, writing) = owner.flush(put(&[("A", "2")]), vec![], turn(5));
    let offsets = topic.append(records);
    assert_eq!(writing.written(&offsets).unwrap_err(), Fenced { expected: 4 });
    owner = topic.writer(3);
    topic.flush(owner, put(&[("A", "3")]), b"");
    assert_eq!(blobs(&topic.claim(4).unwrap().0), [("A", "3")]);
}

#[test]
fn a_gap_or_a_missing_acknowledgement_is_a_fence() {
    let flush = || Topic::default().writer(1).flush(put(&[("A", "1"), ("B", "2")]), vec![], turn(1)).1;
    assert!(flush().written(&[1, 2]).is_ok());
    assert_eq!(flush().written(&[1]).unwrap_err(), Fenced { expected: 2 });
    assert_eq!(flush().written(&[1, 3]).unwrap_err(), Fenced { expected: 2 });
    assert_eq!(flush().written(&[2, 3]).unwrap_err(), Fenced { expected: 1 });
    let (_, marking) = flush().written(&[1, 2]).unwrap();
    assert_eq!(marking.written(4).unwrap_err(), Fenced { expected: 3 });
    let (_, marking) = flush().written(&[1, 2]).unwrap();
    assert!(marking.written(3).is_ok());
}

#[test]
fn what_is_replaced_is_tombstoned_one_flush_later_and_a_deletion_one_later_still() {
    let mut topic = Topic::default();
    let writer = topic.writer(1);
    let writer = topic.flush(writer, put(&[("A", "in parts")]), b"");
    let (records, writing) = writer.flush(delete("A"), vec![], turn(2));
    assert_eq!((tombstones(&records), records.len()), (Vec::<&[u8]>::new(), 1), "only the deletion");
    let (marker, marking) = writing.written(&topic.append(records)).unwrap();
    let offset = topic.append([marker])[0];
    let writer = marking.written(offset).unwrap().told();
    let (records, writing) = writer.flush(delete("never there"), vec![], turn(3));
    let second_part = [&A1[..A1.len() - 2], b"\x01A"].concat();
    assert_eq!((tombstones(&records), records.len()), (vec![A1, &second_part, MARKER1], 3));
    let (marker, marking) = writing.written(&topic.append(records)).unwrap();
    let offset = topic.append([marker])[0];
    let writer = marking.written(offset).unwrap().told();
    let (records, _) = writer.flush(Checkpoint::default(), vec![], turn(4));
    assert_eq!(tombstones(&records), [b"\x01m\0\0\0\x01\0\0\0\0\0\0\0\x02", A2]);
}

#[test]
fn a_new_owner_keeps_a_deletion_until_what_it_deleted_is_tombstoned() {
    let mut topic = Topic::default();
    let writer = topic.writer(1);
    let writer = topic.flush(writer, put(&[("A", "1")]), b"");
    topic.flush(writer, delete("A"), b"");
    let (restored, committed) = topic.claim(2).unwrap();
    assert_eq!(blobs(&restored), []);
    let (records, writing) = committed.told().flush(Checkpoint::default(), vec![], turn(2));
    assert_eq!(tombstones(&records), [A1, MARKER1]);
    let (marker, marking) = writing.written(&topic.append(records)).unwrap();
    let offset = topic.append([marker])[0];
    let (records, _) = marking.written(offset).unwrap().told().flush(Checkpoint::default(), vec![], turn(3));
    assert_eq!(tombstones(&records), [A2]);
    // What is tombstoned once is not again.
    topic.append(records);
    let writer = topic.writer(3);
    let (records, writing) = writer.flush(Checkpoint::default(), vec![], turn(4));
    assert_eq!(tombstones(&records), Vec::<&[u8]>::new());
    let (marker, marking) = writing.written(&[]).unwrap();
    let offset = topic.append([marker])[0];
    let (records, _) = marking.written(offset).unwrap().told().flush(Checkpoint::default(), vec![], turn(5));
    assert_eq!(tombstones(&records), Vec::<&[u8]>::new());
}

#[test]
fn a_key_that_is_put_and_deleted_in_one_flush_is_deleted() {
    let mut topic = Topic::default();
    let writer = topic.writer(1);
    let twice = put(&[("A", "1"), ("A", "2"), ("B", "1")]);
    topic.flush(writer, Checkpoint { delete: vec![b"B".to_vec()], ..twice }, b"");
    assert_eq!(blobs(&topic.claim(2).unwrap().0), [("A", "2")]);
}

#[test]
fn what_compaction_removed_while_it_was_read_is_not_missed() {
    let mut topic = Topic::default();
    let writer = topic.writer(1);
    let writer = topic.flush(writer, put(&[("A", "in parts")]), b""); // 1 2 and marker 3
    let writer = topic.flush(writer, put(&[("A", "2")]), b""); // 4 and marker 5
    let writer = topic.flush(writer, put(&[("B", "3")]), b""); // tombstones 6 7 8, 9 and marker 10
    topic.flush(writer, Checkpoint::default(), b""); // tombstone 11, marker 12
    let expected = topic.claim(2).unwrap().0;
    for gone in [vec![1], vec![2], vec![1, 2, 3, 6, 7, 8], vec![5], vec![2, 3, 5], vec![6, 7, 8, 11]] {
        assert_eq!(topic.without(&gone).unwrap().0, expected, "{gone:?}");
    }

    // The same with a deletion, which was tombstoned later than what it deleted.
    let mut topic = Topic::default();
    let writer = topic.writer(1);
    let writer = topic.flush(writer, put(&[("A", "in parts"), ("B", "1")]), b""); // 1 2, 3 and marker 4
    let writer = topic.flush(writer, delete("A"), b""); // 5 and marker 6
    let writer = topic.flush(writer, Checkpoint::default(), b""); // tombstones 7 8 9, marker 10
    topic.flush(writer, Checkpoint::default(), b""); // tombstones 11 12, marker 13
    for gone in [vec![5], vec![1, 5], vec![1, 2, 7, 8], vec![4, 5, 6], vec![1, 2, 5, 7, 8, 12]] {
        assert_eq!(blobs(&topic.without(&gone).unwrap().0), [("B", "1")], "{gone:?}");
    }
}

#[test]
fn what_is_lost_is_found() {
    let mut topic = Topic::default();
    let writer = topic.writer(1);
    let writer = topic.flush(writer, put(&[("A", "in parts"), ("B\x1b", "long as well")]), b"out"); // 1 to 6, marker 7
    topic.flush(writer, delete("A"), b"out"); // deletion 8, outputs 9, marker 10
    assert!(topic.without(&[1, 2]).is_ok());
    assert_eq!(topic.without(&[4]).unwrap_err(), ChangelogError::Part { key: "B\\x1b".to_owned() });
    assert_eq!(topic.without(&[3, 4, 5]).unwrap_err(), ChangelogError::Incomplete { expected: 2, found: 1 });
    assert_eq!(topic.without(&[9]).unwrap_err(), ChangelogError::Incomplete { expected: 2, found: 1 });
    // A slow reader has seen the blob and not its deletion.
    assert_eq!(topic.without(&[8]).unwrap_err(), ChangelogError::Incomplete { expected: 2, found: 3 });
    // As many, but others.
    let other = topic.without(&[3, 4, 5, 8]).unwrap_err();
    assert_eq!(other, ChangelogError::Incomplete { expected: 2, found: 2 });
    assert_eq!(topic.without(&[0]).unwrap_err(), ChangelogError::Unclaimed { offset: 1 });
}

#[test]
fn every_flipped_byte_is_found() {
    let mut topic = Topic::default();
    let writer = topic.writer(1);
    topic.flush(writer, put(&[("A", "1")]), b"out");
    for at in 0..topic.records.len() {
        let Record { key, value: Some(value) } = topic.records[at].clone() else { panic!("no tombstone yet") };
        for byte in 0..key.len() + value.len() {
            let mut bytes = [key.as_slice(), &value].concat();
            bytes[byte] ^= 1;
            let (key, value) = bytes.split_at(key.len());
            topic.records[at] = Record { key: key.to_vec(), value: Some(value.to_vec()) };
            let error = topic.try_fold().unwrap_err();
            assert!(matches!(error, ChangelogError::Damaged { .. } | ChangelogError::Format { .. }), "{error}");
        }
        topic.records[at] = Record { key, value: Some(value) };
    }
}

#[test]
fn another_format_is_refused_and_so_is_what_is_none() {
    let mut fold = Fold::default();
    let error = fold.take(5, &[2, b'c'], None).unwrap_err();
    assert_eq!(error, ChangelogError::Format { offset: 5, found: 2, expected: 1 });
    for key in
        [&b""[..], b"\x01", b"\x01x\0\0\0\x01\0\0\0\0\0\0\0\x01", &MARKER1[..9], &A1[..16], &[MARKER1, b"A"].concat()]
    {
        assert!(matches!(fold.take(5, key, None), Err(ChangelogError::Damaged { offset: 5, .. })), "{key:?}");
    }
    let long = [1; 1000];
    let Err(ChangelogError::Damaged { key, .. }) = fold.take(5, &long, None) else { panic!() };
    assert_eq!(key.len(), 4 * 80);
    assert_eq!(fold.position(), 0, "nothing was taken");
}

#[test]
fn records_out_of_order_or_twice_are_refused() {
    let mut topic = Topic::default();
    let writer = topic.writer(1);
    topic.flush(writer, put(&[("A", "1")]), b"");
    let take = |again: usize, offset| {
        let Record { key, value } = &topic.records[again];
        topic.fold().take(offset, key, value.as_deref())
    };
    assert_eq!(take(0, 2), Err(ChangelogError::Order { offset: 2, next: 3 }));
    for again in 0..3 {
        assert_eq!(take(again, 3), Err(ChangelogError::Repeated { offset: 3 }), "{again}");
    }
    // Even by a later owner: its tombstone would take what is live.
    let again = topic.records[1].clone();
    topic.writer(2);
    topic.append([again]);
    assert_eq!(topic.try_fold().unwrap_err(), ChangelogError::Repeated { offset: 4 });
}
