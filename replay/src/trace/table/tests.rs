use std::fs::File;
use std::io::Cursor;

use models::event::{Event, Rejection, decode};
use polars::prelude::{DataFrame, IntoColumn, IntoSeries, ListChunked, NamedFrom, Series, StructChunked, TimeUnit};
use polars_io::parquet::write::ParquetWriter;

use super::*;

fn parquet(columns: Vec<Series>, rows_in_group: usize) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut frame = DataFrame::new_infer_height(columns.into_iter().map(IntoColumn::into_column).collect()).unwrap();
    let writer = ParquetWriter::new(File::create(file.path()).unwrap()).with_row_group_size(Some(rows_in_group));
    writer.finish(&mut frame).unwrap();
    file
}

fn opened(file: &tempfile::NamedTempFile) -> Result<TableReader, TraceError> {
    let encoding = Encoding::of(file.path()).unwrap();
    TableReader::open(file.path(), encoding, &Field::all())
}

fn events(file: &tempfile::NamedTempFile) -> Vec<Result<Event, Rejection>> {
    let mut reader = opened(file).unwrap();
    let mut found = Vec::new();
    while let Some(rows) = reader.next().unwrap() {
        assert_eq!(rows.first + rows.range.start as u64, found.len() as u64 + 1);
        found.extend(rows.range.clone().map(|row| rows.frame.event(row)));
    }
    found
}

fn text(name: &str, cells: &[Option<&str>]) -> Series {
    Series::new(name.into(), cells)
}

fn required(rows: usize) -> Vec<Series> {
    let ids: Vec<String> = (0..rows).map(|row| format!("e{row}")).collect();
    let same = |name: &str, value: &str| Series::new(name.into(), vec![value.to_owned(); rows]);
    let times = vec!["2026-05-04T10:00:00.5Z".to_owned(); rows];
    vec![
        Series::new("id".into(), ids),
        Series::new("time".into(), times),
        same("identity", "bot"),
        same("tool", "send"),
    ]
}

fn from_json(json: &str) -> Event {
    decode(json.as_bytes()).unwrap().event
}

#[test]
fn a_row_is_the_event_that_the_same_json_would_be_with_dotted_or_struct_columns() {
    let json = from_json(
        r#"{"id":"e0","time":"2026-05-04T10:00:00.5Z","identity":"bot","tool":"send","action":"write",
            "target":["mailto:a@b","mailto:c,d@e"],"external":true,"bytes_in":12,"records":3,
            "credential":{"id":"t","scopes":["crm.read","mail.send"],"expires_at":"2026-05-04T11:00:00Z"},
            "source":{"ip":"10.0.0.1"}}"#,
    );
    let millis = |name: &str, of: &str| {
        let at = of.parse::<models::event::Timestamp>().unwrap().as_nanos() / 1_000_000;
        Series::new(name.into(), [at]).cast(&polars::prelude::DataType::Datetime(TimeUnit::Milliseconds, None)).unwrap()
    };
    let common = || {
        vec![
            text("id", &[Some("e0")]),
            millis("time", "2026-05-04T10:00:00.5Z"),
            text("identity", &[Some("bot")]),
            text("tool", &[Some("send")]),
            text("action", &[Some("write")]),
            Series::new("external".into(), [true]),
            Series::new("bytes_in".into(), [12.0]),
            Series::new("records".into(), [3_i32]),
            text("colour", &[Some("not a field")]),
        ]
    };
    let dotted = [
        text("target", &[Some(r#"["mailto:a@b","mailto:c,d@e"]"#)]),
        text("credential.id", &[Some("t")]),
        text("credential.scopes", &[Some("crm.read mail.send")]),
        text("credential.expires_at", &[Some("2026-05-04T11:00:00Z")]),
        text("source.ip", &[Some("10.0.0.1")]),
    ];
    let nested = {
        let list = |name: &str, texts: &[&str]| {
            let inner = Series::new("".into(), texts);
            [inner].into_iter().collect::<ListChunked>().into_series().with_name(name.into())
        };
        let expires = millis("expires_at", "2026-05-04T11:00:00Z");
        let fields = [text("id", &[Some("t")]), list("scopes", &["crm.read", "mail.send"]), expires];
        let credential = StructChunked::from_series("credential".into(), 1, fields.iter()).unwrap();
        let source = StructChunked::from_series("source".into(), 1, [text("ip", &[Some("10.0.0.1")])].iter()).unwrap();
        [list("target", &["mailto:a@b", "mailto:c,d@e"]), credential.into_series(), source.into_series()]
    };
    for more in [dotted.to_vec(), nested.to_vec()] {
        let file = parquet([common(), more].concat(), 10);
        assert_eq!(events(&file), [Ok(json.clone())]);
    }
}

#[test]
fn a_bad_row_is_rejected_with_its_field_and_the_others_are_read() {
    let mut columns = required(4);
    columns.push(Series::new("bytes_in".into(), [Some(1_i64), Some(-1), None, Some(3)]));
    columns.push(text("action", &[Some("read"), None, Some("dance"), Some("")]));
    let found = events(&parquet(columns, 2));
    let fields: Vec<_> = found.iter().map(|row| row.as_ref().err().and_then(|rejection| rejection.field)).collect();
    assert_eq!(fields, [None, Some("bytes_in"), Some("action"), None]);
    assert_eq!(found[3].as_ref().unwrap().action, None);
}

#[test]
fn rows_keep_their_numbers_over_row_groups_and_chunks() {
    let found = events(&parquet(required(CHUNK_ROWS + 7), 1500));
    assert_eq!(found.len(), CHUNK_ROWS + 7);
    assert!(found.iter().enumerate().all(|(row, event)| *event.as_ref().unwrap().id == *format!("e{row}")));
}

#[test]
fn a_column_that_no_field_can_be_read_from_is_named() {
    let mut columns = required(1);
    columns.push(Series::new("external".into(), [1.5]));
    let mut reader = opened(&parquet(columns, 10)).unwrap();
    let error = reader.next().err().unwrap().to_string();
    assert!(error.contains("column `external`") && error.contains("write it as a boolean"), "{error}");
}

#[test]
fn a_panic_of_the_reader_is_an_error() {
    let error = guarded(|| -> PolarsResult<()> { panic!("built without") }).unwrap_err();
    assert!(error.to_string().contains("it is damaged"), "{error}");
}

#[test]
fn a_damaged_file_is_an_error_in_one_sentence() {
    let whole = std::fs::read(parquet(required(100), 10).path()).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &whole[..whole.len() / 2]).unwrap();
    let error = opened(&file).err().unwrap().to_string();
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(error.contains("cannot be read as a table"), "{error}");
}

#[test]
fn arrow_files_and_streams_plain_or_compressed_give_the_rows_that_parquet_gives() {
    use polars::polars_utils::compression::ZstdLevel;
    use polars_arrow::datatypes::{ArrowSchema, Field as ArrowField};
    use polars_arrow::io::ipc::write::{Compression, FileWriter, StreamWriter, WriteOptions};
    use polars_arrow::record_batch::RecordBatchT;

    let columns = required(500);
    let expected = events(&parquet(columns.clone(), 1000));
    let arrays: Vec<_> =
        columns.iter().map(|column| column.to_arrow(0, polars::prelude::CompatLevel::newest())).collect();
    let schema: ArrowSchema = columns
        .iter()
        .zip(&arrays)
        .map(|(column, array)| {
            let field = ArrowField::new(column.name().clone(), array.dtype().clone(), true);
            (column.name().clone(), field)
        })
        .collect();
    let batch = RecordBatchT::new(500, Arc::new(schema.clone()), arrays);
    for compression in [None, Some(Compression::LZ4), Some(Compression::ZSTD(ZstdLevel::default()))] {
        let options = WriteOptions { compression };
        let mut file = FileWriter::new(Cursor::new(Vec::new()), Arc::new(schema.clone()), None, options);
        file.start().unwrap();
        file.write(&batch, None).unwrap();
        file.finish().unwrap();
        let mut stream = StreamWriter::new(Vec::new(), options);
        stream.start(&schema, None).unwrap();
        stream.write(&batch, None).unwrap();
        stream.finish().unwrap();
        for bytes in [file.into_inner().into_inner(), stream.into_inner()] {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), bytes).unwrap();
            assert_eq!(events(&file), expected, "{compression:?}");
        }
    }
}
