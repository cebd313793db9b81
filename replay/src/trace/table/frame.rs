//! Some rows of a table, by field, and the event that a row is.

use std::borrow::Cow;
use std::fmt::Write;

use models::event::{
    ApprovalRecord, BreakGlassRecord, CredentialRecord, Event, EventRecord, ParentRecord, Rejection, RejectionCode,
    RevisionRecord, SourceRecord, TargetRecord, Text, Timestamp,
};
use polars::prelude::{DataType, Series};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as WordError, StrDeserializer};

use super::cells::{Cells, Unfit, texts};
use super::field::Field;
use super::{TraceError, damaged};

/// What stands for a time that is set afterwards, because the table has it as a number.
const SET_LATER: &str = "1970-01-01T00:00:00Z";

/// Rows by field.
#[derive(Debug)]
pub(in crate::trace) struct Frame {
    rows: usize,
    columns: [Cells; Field::COUNT],
}

impl Default for Frame {
    fn default() -> Self {
        Self { rows: 0, columns: std::array::from_fn(|_| Cells::Absent) }
    }
}

impl Frame {
    /// Sorts columns by field; struct columns are taken apart.
    pub(super) fn of(rows: usize, columns: Vec<Series>, path: &str) -> Result<Self, TraceError> {
        let mut frame = Self { rows, ..Self::default() };
        for column in columns {
            let name = column.name().to_string();
            if matches!(column.dtype(), DataType::Struct(_)) {
                let fields = column.struct_().map_err(|cause| damaged(path, 0, &cause))?.fields_as_series();
                for field in fields {
                    frame.place(&format!("{name}.{}", field.name()), &field, path)?;
                }
            } else {
                frame.place(&name, &column, path)?;
            }
        }
        Ok(frame)
    }

    fn place(&mut self, name: &str, column: &Series, path: &str) -> Result<(), TraceError> {
        let Some(field) = Field::named(name) else { return Ok(()) };
        let cells = Cells::of(column, field.kind()).map_err(|unfit| match unfit {
            Unfit::Polars(cause) => damaged(path, 0, &cause),
            Unfit::Type(wanted) => TraceError::Column {
                path: path.to_owned(),
                column: name.to_owned(),
                found: column.dtype().to_string(),
                wanted,
            },
        })?;
        if let Some(place) = self.columns.get_mut(field as usize) {
            *place = cells;
        }
        Ok(())
    }

    /// How many rows there are.
    pub(in crate::trace) fn rows(&self) -> usize {
        self.rows
    }

    /// The time of a row, where it can be read.
    pub(in crate::trace) fn time(&self, row: usize) -> Option<Timestamp> {
        match self.cells(Field::Time) {
            Cells::Time(..) => self.instant(Field::Time, row).ok()?,
            Cells::Text(texts) => texts.get(row)?.parse().ok(),
            _ => None,
        }
    }

    /// The event that a row is.
    pub(in crate::trace) fn event(&self, row: usize) -> Result<Event, Rejection> {
        let time = self.instant(Field::Time, row)?;
        let record = self.record(row, time.is_some())?;
        let mut event = Event::try_from(record)?;
        event.time = time.unwrap_or(event.time);
        Ok(event)
    }

    fn record(&self, row: usize, timed: bool) -> Result<EventRecord<'_>, Rejection> {
        let text = |field| self.text(field, row);
        let credential = CredentialRecord {
            id: text(Field::CredentialId),
            issuer: text(Field::CredentialIssuer),
            scopes: self.scopes(row),
            issued_at: self.time_text(Field::CredentialIssuedAt, row)?,
            expires_at: self.time_text(Field::CredentialExpiresAt, row)?,
        };
        let parent = ParentRecord { identity: text(Field::ParentIdentity), session: text(Field::ParentSession) };
        let source = SourceRecord {
            ip: text(Field::SourceIp),
            workload: text(Field::SourceWorkload),
            region: text(Field::SourceRegion),
            user_agent: text(Field::SourceUserAgent),
        };
        let revision = RevisionRecord {
            agent: text(Field::RevisionAgent),
            model: text(Field::RevisionModel),
            prompt: text(Field::RevisionPrompt),
            tools: text(Field::RevisionTools),
        };
        let approval = ApprovalRecord { id: text(Field::ApprovalId), by: text(Field::ApprovalBy) };
        let break_glass = BreakGlassRecord {
            id: text(Field::BreakGlassId),
            expires_at: self.time_text(Field::BreakGlassExpiresAt, row)?,
        };
        Ok(EventRecord {
            id: text(Field::Id),
            time: if timed { Some(SET_LATER.into()) } else { text(Field::Time) },
            identity: text(Field::Identity),
            tenant: text(Field::Tenant),
            session: text(Field::Session),
            task: text(Field::Task),
            server: text(Field::Server),
            tool: text(Field::Tool),
            action: self.word(Field::Action, row)?,
            target: self.targets(row),
            sensitivity: self.word(Field::Sensitivity, row)?,
            external: self.flag(Field::External, row)?,
            bytes_in: self.number(Field::BytesIn, row)?,
            bytes_out: self.number(Field::BytesOut, row)?,
            records: self.number(Field::Records, row)?,
            outcome: self.word(Field::Outcome, row)?,
            credential: unless_empty(credential),
            parent: unless_empty(parent),
            on_behalf_of: text(Field::OnBehalfOf),
            source: unless_empty(source),
            revision: unless_empty(revision),
            approval: unless_empty(approval),
            break_glass: unless_empty(break_glass),
            target_origin: self.word(Field::TargetOrigin, row)?,
            trace: text(Field::Trace),
        })
    }

    fn cells(&self, field: Field) -> &Cells {
        self.columns.get(field as usize).unwrap_or(&Cells::Absent)
    }

    /// A text; an empty one counts as absent, and a whole number as its digits.
    fn text(&self, field: Field, row: usize) -> Option<Text<'_>> {
        match self.cells(field) {
            Cells::Text(texts) => texts.get(row).filter(|text| !text.is_empty()).map(Text::from),
            Cells::Whole(numbers) => numbers.get(row).map(|number| Text::from(number.to_string())),
            Cells::Unsigned(numbers) => numbers.get(row).map(|number| Text::from(number.to_string())),
            _ => None,
        }
    }

    /// The time of a cell that holds one as a number.
    fn instant(&self, field: Field, row: usize) -> Result<Option<Timestamp>, Rejection> {
        let Cells::Time(counts, nanos) = self.cells(field) else { return Ok(None) };
        let Some(count) = counts.get(row) else { return Ok(None) };
        let instant = count.checked_mul(*nanos).map(Timestamp::from_nanos);
        instant
            .map(Some)
            .ok_or_else(|| rejection(RejectionCode::InvalidTime, field, "the time is outside the years 1678 to 2261"))
    }

    fn time_text(&self, field: Field, row: usize) -> Result<Option<Text<'_>>, Rejection> {
        match self.instant(field, row)? {
            Some(time) => Ok(Some(Text::from(time.to_string()))),
            None => Ok(self.text(field, row)),
        }
    }

    /// A count. Whole ones among real numbers are taken: that is how some writers store counts that may be absent.
    fn number(&self, field: Field, row: usize) -> Result<Option<u64>, Rejection> {
        let wrong = |found: String| {
            let detail = format!("`{}` must be a whole number that is not negative, not `{found}`", field.name());
            rejection(RejectionCode::WrongType, field, &detail)
        };
        match self.cells(field) {
            Cells::Unsigned(numbers) => Ok(numbers.get(row)),
            Cells::Whole(numbers) => {
                numbers.get(row).map(|n| u64::try_from(n).map_err(|_| wrong(n.to_string()))).transpose()
            }
            Cells::Real(numbers) => {
                let whole = |x: f64| (0.0..9_007_199_254_740_992.0).contains(&x) && x.fract() == 0.0;
                let number = numbers.get(row).filter(|x| !x.is_nan());
                number.map(|x| if whole(x) { Ok(x as u64) } else { Err(wrong(x.to_string())) }).transpose()
            }
            Cells::Text(texts) => {
                let text = texts.get(row).filter(|text| !text.is_empty());
                text.map(|text| text.parse().map_err(|_| wrong(text.chars().take(64).collect()))).transpose()
            }
            _ => Ok(None),
        }
    }

    fn flag(&self, field: Field, row: usize) -> Result<Option<bool>, Rejection> {
        match self.cells(field) {
            Cells::Flag(flags) => Ok(flags.get(row)),
            Cells::Text(texts) => match texts.get(row) {
                None | Some("") => Ok(None),
                Some(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
                Some(text) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
                Some(_) => {
                    let detail = format!("`{}` must be `true` or `false`", field.name());
                    Err(rejection(RejectionCode::WrongType, field, &detail))
                }
            },
            _ => Ok(None),
        }
    }

    /// One of the words of an enumeration.
    fn word<'a, T: Deserialize<'a>>(&'a self, field: Field, row: usize) -> Result<Option<T>, Rejection> {
        let Cells::Text(texts) = self.cells(field) else { return Ok(None) };
        let Some(text) = texts.get(row).filter(|text| !text.is_empty()) else { return Ok(None) };
        let word: StrDeserializer<'a, WordError> = text.into_deserializer();
        T::deserialize(word).map(Some).map_err(|error| {
            rejection(RejectionCode::WrongType, field, &format!("`{}` holds an unknown word: {error}", field.name()))
        })
    }

    /// Targets: a list, a JSON array, or texts with commas between, as in the native format.
    fn targets(&self, row: usize) -> Option<TargetRecord<'_>> {
        let list = self.list(Field::Target, row).map(TargetRecord::Many);
        list.or_else(|| self.text(Field::Target, row).map(TargetRecord::One))
    }

    /// Scopes: a list, a JSON array, or texts with spaces between, as in OAuth.
    fn scopes(&self, row: usize) -> Option<Vec<Text<'_>>> {
        let split = |Text(joined)| match joined {
            Cow::Borrowed(joined) => joined.split_ascii_whitespace().map(Text::from).collect(),
            Cow::Owned(whole) => vec![Text::from(whole)],
        };
        self.list(Field::CredentialScopes, row).or_else(|| self.text(Field::CredentialScopes, row).map(split))
    }

    fn list(&self, field: Field, row: usize) -> Option<Vec<Text<'_>>> {
        match self.cells(field) {
            Cells::Texts(lists) => texts(lists, row).map(|texts| texts.map(Text::from).collect()),
            Cells::Text(texts) => {
                let array = texts.get(row).filter(|text| text.starts_with('['))?;
                serde_json::from_str::<Vec<Text<'_>>>(array).ok()
            }
            _ => None,
        }
    }

    /// The first texts of a row, for a person who looks for it.
    pub(in crate::trace) fn excerpt(&self, row: usize, limit: usize) -> String {
        let mut shown = String::new();
        for (field, name) in Field::ALL {
            if let Ok(Some(Text(text))) = self.time_text(field, row) {
                let _ = write!(shown, "{}{name}={text}", if shown.is_empty() { "" } else { " " });
            }
            if shown.len() >= limit {
                break;
            }
        }
        shown.truncate(shown.floor_char_boundary(limit));
        shown
    }
}

fn unless_empty<T: Default + PartialEq>(record: T) -> Option<T> {
    (record != T::default()).then_some(record)
}

fn rejection(code: RejectionCode, field: Field, detail: &str) -> Rejection {
    Rejection { field: Some(field.name()), ..Rejection::new(code, detail) }
}
