use polars::prelude::{AnyValue, DataFrame, TimeUnit};
use polars_io::SerReader;
use polars_io::parquet::read::ParquetReader;

use super::*;

fn rows() -> Vec<Row<'static>> {
    let row = Row {
        id: "e-1",
        time: Timestamp::from_nanos(1_767_225_600_123_456_789),
        identity: "spiffe://x/a",
        session: "s",
        score: 0.1 + 0.2,
        p: 0.740_818_220_681_717_9,
        tool: Some(f64::MIN_POSITIVE),
        target: None,
        chain: Some(1.0 / 3.0),
        volume: None,
        rate: Some(2.5),
        schedule: None,
        context: None,
        delegation: Some(0.0),
        scope: None,
        flow: None,
        evidence: 13.8,
        decision: "alert",
        alert: Some("alt_00"),
        outcome: "scored",
    };
    let quiet = Row { id: "e \"2\",", tool: None, target: Some(0.0), alert: None, decision: "none", ..row };
    vec![row, quiet]
}

fn written(format: Format, rows: &[Row<'_>]) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut table = Table::create(format, file.path()).unwrap();
    for row in rows {
        table.push(row).unwrap();
    }
    table.finish(&[]).unwrap();
    file
}

fn frame(file: &tempfile::NamedTempFile) -> DataFrame {
    ParquetReader::new(File::open(file.path()).unwrap()).finish().unwrap()
}

/// A cell as JSON would write it.
fn cell(value: &AnyValue<'_>) -> serde_json::Value {
    match value {
        AnyValue::Null => serde_json::Value::Null,
        AnyValue::String(text) => (*text).into(),
        AnyValue::Float64(x) => (*x).into(),
        AnyValue::Datetime(nanos, TimeUnit::Nanoseconds, _) => Timestamp::from_nanos(*nanos).to_string().into(),
        other => panic!("unexpected {other:?}"),
    }
}

#[test]
fn parquet_read_back_equals_the_ndjson_rows() {
    let rows = rows();
    let frame = frame(&written(Format::Parquet, &rows));
    assert_eq!(frame.get_column_names(), COLUMNS);
    let ndjson = std::fs::read_to_string(written(Format::Ndjson, &rows)).unwrap();
    for (i, line) in ndjson.lines().enumerate() {
        let expected: serde_json::Value = serde_json::from_str(line).unwrap();
        for name in COLUMNS {
            assert_eq!(cell(&frame.column(name).unwrap().get(i).unwrap()), expected[name], "{name} of row {i}");
        }
    }
    assert_eq!(frame.height(), ndjson.lines().count());
}

#[test]
fn more_rows_than_a_group_and_none_at_all_are_readable() {
    let one = rows()[0];
    assert_eq!(frame(&written(Format::Parquet, &vec![one; 65_537])).height(), 65_537);
    let empty = frame(&written(Format::Parquet, &[]));
    assert_eq!((empty.height(), empty.width()), (0, COLUMNS.len()));
}

#[test]
fn csv_has_a_header_and_empty_cells_where_a_dimension_says_nothing() {
    let text = std::fs::read_to_string(written(Format::Csv, &rows())).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], COLUMNS.join(","));
    assert!(lines[1].starts_with("e-1,2026-01-01T00:00:00.123456789Z,spiffe://x/a,s,0.30000000000000004,"));
    assert!(lines[2].starts_with("\"e \"\"2\"\",\","), "{}", lines[2]);
    assert!(lines[2].ends_with(",,0,0.3333333333333333,,2.5,,,0,,,13.8,none,,scored"), "{}", lines[2]);
}

#[test]
fn a_table_that_goes_on_from_a_state_is_the_table_that_was_never_interrupted() {
    let rows: Vec<Row<'_>> = rows().into_iter().cycle().take(70_000).collect();
    for format in [Format::Parquet, Format::Ndjson, Format::Csv] {
        let whole = std::fs::read(written(format, &rows)).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut table = Table::create(format, file.path()).unwrap();
        let mut done = 0;
        for stop in [1, 65_536, 65_537, 66_000] {
            rows[done..stop].iter().for_each(|row| table.push(row).unwrap());
            let state = table.state().unwrap();
            // What is written after the state was taken is lost with the process.
            rows[..10].iter().for_each(|row| table.push(row).unwrap());
            table.finish(&[]).unwrap();
            let stored: TableState = postcard::from_bytes(&postcard::to_stdvec(&state).unwrap()).unwrap();
            table = Table::resume(format, file.path(), &stored).unwrap();
            done = stop;
        }
        rows[done..].iter().for_each(|row| table.push(row).unwrap());
        table.finish(&[]).unwrap();
        assert!(std::fs::read(file.path()).unwrap() == whole, "{format:?}");
    }
}

#[test]
fn a_parquet_table_tells_what_it_was_made_from_and_its_rows_stay_the_same() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut table = Table::create(Format::Parquet, file.path()).unwrap();
    for row in &rows() {
        table.push(row).unwrap();
    }
    table.finish(&[("digest".to_owned(), "ab".to_owned()), ("seed".to_owned(), "7".to_owned())]).unwrap();
    let mut reader = ParquetReader::new(File::open(file.path()).unwrap());
    let told = reader.get_metadata().unwrap().key_value_metadata().clone().unwrap();
    for (name, value) in [("driftwatch.digest", "ab"), ("driftwatch.seed", "7")] {
        let found = told.iter().find(|entry| entry.key == name).and_then(|entry| entry.value.as_deref());
        assert_eq!(found, Some(value), "{name}");
    }
    assert!(frame(&file).equals_missing(&frame(&written(Format::Parquet, &rows()))));
}
