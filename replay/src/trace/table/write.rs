//! Events as Parquet, in the columns that [`super::TableReader`] reads.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;

use models::event::{Action, ActionOutcome, DEFAULT_TENANT, Event, Sensitivity, TargetOrigin, Timestamp};
use polars::prelude::{
    BooleanChunkedBuilder, ChunkedBuilder, Column, DataFrame, DataType, Field as Declared, Int64Type, IntoColumn,
    IntoSeries, ListBuilderTrait, ListStringChunkedBuilder, PolarsResult, PrimitiveChunkedBuilder, Schema,
    StringChunkedBuilder, TimeUnit, TimeZone, UInt64Type,
};
use polars_io::parquet::write::{BatchedWriter, KeyValueMetadata, ParquetWriter};

use super::field::{Field, Kind};
use crate::provenance::{Property, in_parquet};

/// Rows of a row group.
const ROW_GROUP: usize = 65_536;

/// The cells of one column under construction.
enum Builder {
    Text(StringChunkedBuilder),
    Number(PrimitiveChunkedBuilder<UInt64Type>),
    Flag(BooleanChunkedBuilder),
    Time(PrimitiveChunkedBuilder<Int64Type>),
    Texts(ListStringChunkedBuilder),
}

impl Builder {
    fn new(field: Field) -> Self {
        let name = field.name().into();
        match field.kind() {
            Kind::Text => Builder::Text(StringChunkedBuilder::new(name, ROW_GROUP)),
            Kind::Number => Builder::Number(PrimitiveChunkedBuilder::new(name, ROW_GROUP)),
            Kind::Flag => Builder::Flag(BooleanChunkedBuilder::new(name, ROW_GROUP)),
            Kind::Time => Builder::Time(PrimitiveChunkedBuilder::new(name, ROW_GROUP)),
            Kind::Texts => Builder::Texts(ListStringChunkedBuilder::new(name, ROW_GROUP, ROW_GROUP)),
        }
    }

    fn push(&mut self, field: Field, event: &Event) {
        match self {
            Builder::Text(texts) => texts.append_option(text(event, field)),
            Builder::Number(numbers) => numbers.append_option(match field {
                Field::BytesIn => event.bytes_in,
                Field::BytesOut => event.bytes_out,
                _ => event.records,
            }),
            Builder::Flag(flags) => flags.append_option(event.external),
            Builder::Time(times) => {
                let credential = event.credential.as_ref();
                let time = match field {
                    Field::CredentialIssuedAt => credential.and_then(|c| c.issued_at),
                    Field::CredentialExpiresAt => credential.and_then(|c| c.expires_at),
                    Field::BreakGlassExpiresAt => event.break_glass.as_ref().and_then(|b| b.expires_at),
                    _ => Some(event.time),
                };
                times.append_option(time.map(Timestamp::as_nanos));
            }
            Builder::Texts(lists) => {
                let scopes = event.credential.as_ref().map_or(&[][..], |credential| &credential.scopes);
                let texts = if field == Field::Target { event.targets.as_slice() } else { scopes };
                if texts.is_empty() {
                    lists.append_null();
                } else {
                    lists.append_values_iter(texts.iter().map(|text| &**text));
                }
            }
        }
    }

    fn finish(self) -> Column {
        match self {
            Builder::Text(texts) => texts.finish().into_column(),
            Builder::Number(numbers) => numbers.finish().into_column(),
            Builder::Flag(flags) => flags.finish().into_column(),
            Builder::Time(times) => {
                times.finish().into_datetime(TimeUnit::Nanoseconds, Some(TimeZone::UTC)).into_series().into_column()
            }
            Builder::Texts(mut lists) => lists.finish().into_column(),
        }
    }
}

/// A text of an event; one that is implied when it is absent is left out.
fn text(event: &Event, field: Field) -> Option<&str> {
    let credential = event.credential.as_ref();
    let (parent, source) = (event.parent.as_ref(), event.source.as_ref());
    let (revision, approval) = (event.revision.as_ref(), event.approval.as_ref());
    match field {
        Field::Id => Some(&event.id),
        Field::Identity => Some(&event.identity),
        Field::Tenant => Some(&*event.tenant).filter(|tenant| *tenant != DEFAULT_TENANT),
        Field::Session => event.session.as_deref(),
        Field::Task => event.task.as_deref(),
        Field::Server => event.server.as_deref(),
        Field::Tool => Some(&event.tool),
        Field::Action => event.action.map(Action::as_str),
        Field::Sensitivity => event.sensitivity.map(sensitivity),
        Field::Outcome => Some(outcome(event.outcome)),
        Field::CredentialId => credential.map(|c| &*c.id),
        Field::CredentialIssuer => credential.and_then(|c| c.issuer.as_deref()),
        Field::ParentIdentity => parent.map(|p| &*p.identity),
        Field::ParentSession => parent.and_then(|p| p.session.as_deref()),
        Field::OnBehalfOf => event.on_behalf_of.as_deref(),
        Field::SourceIp => source.and_then(|s| s.ip.as_deref()),
        Field::SourceWorkload => source.and_then(|s| s.workload.as_deref()),
        Field::SourceRegion => source.and_then(|s| s.region.as_deref()),
        Field::SourceUserAgent => source.and_then(|s| s.user_agent.as_deref()),
        Field::RevisionAgent => revision.and_then(|r| r.agent.as_deref()),
        Field::RevisionModel => revision.and_then(|r| r.model.as_deref()),
        Field::RevisionPrompt => revision.and_then(|r| r.prompt.as_deref()),
        Field::RevisionTools => revision.and_then(|r| r.tools.as_deref()),
        Field::ApprovalId => approval.map(|a| &*a.id),
        Field::ApprovalBy => approval.and_then(|a| a.by.as_deref()),
        Field::BreakGlassId => event.break_glass.as_ref().map(|b| &*b.id),
        Field::TargetOrigin => event.target_origin.map(origin),
        Field::Trace => event.trace.as_deref(),
        Field::Time
        | Field::Target
        | Field::External
        | Field::BytesIn
        | Field::BytesOut
        | Field::Records
        | Field::CredentialScopes
        | Field::CredentialIssuedAt
        | Field::CredentialExpiresAt
        | Field::BreakGlassExpiresAt => None,
    }
}

fn sensitivity(sensitivity: Sensitivity) -> &'static str {
    match sensitivity {
        Sensitivity::Public => "public",
        Sensitivity::Internal => "internal",
        Sensitivity::Confidential => "confidential",
        Sensitivity::Restricted => "restricted",
    }
}

fn outcome(outcome: ActionOutcome) -> &'static str {
    match outcome {
        ActionOutcome::Success => "success",
        ActionOutcome::Denied => "denied",
        ActionOutcome::Error => "error",
    }
}

fn origin(origin: TargetOrigin) -> &'static str {
    match origin {
        TargetOrigin::User => "user",
        TargetOrigin::Config => "config",
        TargetOrigin::Memory => "memory",
        TargetOrigin::ToolResult => "tool_result",
    }
}

/// A Parquet file of events, zstd, in row groups of 65,536. Memory is one row group.
pub(crate) struct EventTable {
    file: BatchedWriter<BufWriter<File>>,
    rows: usize,
    columns: Vec<(Field, Builder)>,
}

impl EventTable {
    /// Creates or replaces a file that carries `about` in its metadata.
    pub(crate) fn create(path: &Path, about: &[Property]) -> io::Result<Self> {
        let about = about.iter().map(|(name, value)| (in_parquet(name), value.clone()));
        let file = ParquetWriter::new(BufWriter::new(File::create(path)?))
            .set_parallel(false)
            .with_key_value_metadata(Some(KeyValueMetadata::from_static(about.collect())));
        let file = file.batched(&schema()).map_err(io::Error::other)?;
        Ok(Self { file, rows: 0, columns: builders() })
    }

    pub(crate) fn push(&mut self, event: &Event) -> io::Result<()> {
        for (field, builder) in &mut self.columns {
            builder.push(*field, event);
        }
        self.rows += 1;
        if self.rows == ROW_GROUP { self.flush().map_err(io::Error::other) } else { Ok(()) }
    }

    /// Writes what is held back and the file's end.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.flush().map_err(io::Error::other)?;
        self.file.finish().map_err(io::Error::other)?;
        Ok(())
    }

    fn flush(&mut self) -> PolarsResult<()> {
        let rows = std::mem::take(&mut self.rows);
        if rows == 0 {
            return Ok(());
        }
        let columns = std::mem::replace(&mut self.columns, builders()).into_iter();
        let frame = DataFrame::new(rows, columns.map(|(_, builder)| builder.finish()).collect())?;
        self.file.write_batch(&frame)
    }
}

fn builders() -> Vec<(Field, Builder)> {
    Field::all().into_iter().map(|field| (field, Builder::new(field))).collect()
}

fn schema() -> Schema {
    let declared = |field: Field| {
        let column = match field.kind() {
            Kind::Text => DataType::String,
            Kind::Number => DataType::UInt64,
            Kind::Flag => DataType::Boolean,
            Kind::Time => DataType::Datetime(TimeUnit::Nanoseconds, Some(TimeZone::UTC)),
            Kind::Texts => DataType::List(Box::new(DataType::String)),
        };
        Declared::new(field.name().into(), column)
    };
    Field::all().into_iter().map(declared).collect()
}

#[cfg(test)]
mod tests {
    use models::event::decode;

    use super::super::TableReader;
    use super::*;
    use crate::trace::encoding::Encoding;

    #[test]
    fn what_is_written_is_what_is_read() {
        let full = r#"{"id":"1","time":"2026-05-04T10:00:00.123456789Z","identity":"bot","tenant":"t","session":"s","task":"k",
            "server":"m","tool":"send","action":"delegate","target":["a,b","c"],"sensitivity":"restricted","external":false,
            "bytes_in":0,"bytes_out":18446744073709551615,"records":2,"outcome":"denied","credential":{"id":"c","issuer":"i",
            "scopes":["x","y z"],"issued_at":"2026-05-04T09:00:00Z","expires_at":"2026-05-04T11:00:00Z"},
            "parent":{"identity":"p","session":"q"},"on_behalf_of":"o","source":{"ip":"1.2.3.4","workload":"w","region":"r",
            "user_agent":"u"},"revision":{"agent":"1","model":"2","prompt":"3","tools":"4"},"approval":{"id":"5","by":"6"},
            "break_glass":{"id":"7","expires_at":"2026-05-05T00:00:00Z"},"target_origin":"tool_result",
            "trace":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}"#;
        let bare = r#"{"id":"2","time":"2026-05-04T10:00:01Z","identity":"bot","tool":"send"}"#;
        let events = [full, bare, full].map(|json| decode(json.as_bytes()).unwrap().event);
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut table = EventTable::create(file.path(), &[]).unwrap();
        for event in &events {
            table.push(event).unwrap();
        }
        table.finish().unwrap();
        let mut reader = TableReader::open(file.path(), Encoding::Parquet, &Field::all()).unwrap();
        let rows = reader.next().unwrap().unwrap();
        let read: Vec<Event> = rows.range.clone().map(|row| rows.frame.event(row).unwrap()).collect();
        assert_eq!(read, events);
    }
}
