//! `CloudEvents` 1.0 to native events: structured (one JSON object) or binary (attributes in headers), from any transport.
//!
//! `data` is the native event; the envelope's `id`, `time` and `subject` fill `id`, `time` and `identity` where it lacks
//! them. Sources: the `CloudEvents` 1.0 specification, its JSON format, and its Kafka and HTTP bindings.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use models::event::{Decoded, Event, EventRecord, MAX_DEPTH, MAX_EVENT_BYTES, Rejection, RejectionCode, Text, decode};
use serde::Deserialize;
use serde::de::IgnoredAny;

const MEDIA_TYPE: &str = "application/cloudevents";
const SPEC_VERSION: &str = "1.0";

/// Decodes a message that may be a bare native event or a `CloudEvents` one, structured or binary.
///
/// A content type of `application/cloudevents…` or a top-level `specversion` says structured, a `ce_specversion` (Kafka)
/// or `ce-specversion` (HTTP) header says binary, anything else is bare. A bare event without unknown fields costs no
/// more than [`decode`] and a look at the headers.
///
/// # Errors
/// The [`Rejection`] of the event, or [`RejectionCode::InvalidEnvelope`].
pub fn decode_any<'h>(
    raw: &[u8],
    content_type: Option<&str>,
    headers: impl IntoIterator<Item = (&'h str, &'h [u8])>,
) -> Result<Decoded, Rejection> {
    if content_type.is_some_and(is_structured) {
        return decode_structured(raw, content_type);
    }
    let attributes = Envelope::from_headers(headers)?;
    if attributes.specversion.is_some() {
        return attributes.decode_data(raw, content_type);
    }
    let bare = decode(raw);
    match bare {
        Ok(decoded) if decoded.unknown_fields == 0 => Ok(decoded),
        bare if names_a_specversion(raw) => decode_structured(raw, content_type).or_else(|envelope| {
            // A complete native event that happens to have a field of that name stays one.
            bare.map_err(|_| envelope)
        }),
        bare => bare,
    }
}

/// Decodes a structured event: `{"specversion":"1.0","id":…,"source":…,"type":…,"data":{…}}`.
///
/// # Errors
/// [`RejectionCode::InvalidEnvelope`] for a batch, another version, a missing attribute, no data, or data twice; else the
/// [`Rejection`] of the event inside.
pub fn decode_structured(raw: &[u8], content_type: Option<&str>) -> Result<Decoded, Rejection> {
    if content_type.is_some_and(|t| starts_with_ignoring_case(t, "application/cloudevents-batch")) {
        return Err(invalid("a batch of CloudEvents is not read; send each event by itself"));
    }
    let (mut envelope, unknown_fields) = parse::<Envelope<'_>>(raw, Some("data"))?;
    envelope.check()?;
    check_content_type(envelope.datacontenttype.as_ref().map(|t| &*t.0))?;
    match (envelope.data.take(), envelope.data_base64.take()) {
        (Some(_), Some(_)) => Err(invalid("`data` and `data_base64` are both there; send one of them")),
        (None, None) => Err(invalid("the envelope has no `data`; put the event there")),
        (Some(record), None) => envelope.fill(record, unknown_fields),
        (None, Some(Text(text))) => {
            let data = STANDARD.decode(text.as_bytes());
            let data = data.map_err(|e| invalid(format!("`data_base64` is not Base64 ({e})")))?;
            let (record, unknown_fields) = parse(&data, None)?;
            envelope.fill(record, unknown_fields)
        }
    }
}

/// Decodes a binary event: `raw` is the native event, the attributes are `ce_…` (Kafka) or `ce-…` (HTTP) headers.
///
/// # Errors
/// [`RejectionCode::InvalidEnvelope`] for another version, a missing attribute, or data that is not JSON; else the
/// [`Rejection`] of the event inside.
pub fn decode_binary<'h>(
    raw: &[u8],
    content_type: Option<&str>,
    headers: impl IntoIterator<Item = (&'h str, &'h [u8])>,
) -> Result<Decoded, Rejection> {
    Envelope::from_headers(headers)?.decode_data(raw, content_type)
}

/// The attributes that are read, and the data of a structured event. Extensions are the transport's business.
#[derive(Debug, Default, Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    specversion: Option<Text<'a>>,
    id: Option<Text<'a>>,
    source: Option<Text<'a>>,
    #[serde(rename = "type")]
    kind: Option<Text<'a>>,
    subject: Option<Text<'a>>,
    time: Option<Text<'a>>,
    datacontenttype: Option<Text<'a>>,
    data: Option<EventRecord<'a>>,
    data_base64: Option<Text<'a>>,
}

impl<'a> Envelope<'a> {
    fn from_headers(headers: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<Self, Rejection> {
        let mut envelope = Envelope::default();
        for (name, value) in headers {
            let Some((prefix, attribute)) = name.split_at_checked(3) else { continue };
            let over_http = prefix.eq_ignore_ascii_case("ce-");
            if !over_http && !prefix.eq_ignore_ascii_case("ce_") {
                continue;
            }
            let slot = match attribute.to_ascii_lowercase().as_str() {
                "specversion" => &mut envelope.specversion,
                "id" => &mut envelope.id,
                "source" => &mut envelope.source,
                "type" => &mut envelope.kind,
                "subject" => &mut envelope.subject,
                "time" => &mut envelope.time,
                _ => continue,
            };
            let text = std::str::from_utf8(value)
                .map_err(|_| invalid(format!("the CloudEvents header `{}` is not UTF-8", name.escape_debug())))?;
            let text = if over_http { percent_decoded(text)? } else { Cow::Borrowed(text) };
            if slot.replace(Text(text)).is_some() {
                return Err(invalid(format!("the CloudEvents header `{}` is there twice", name.escape_debug())));
            }
        }
        Ok(envelope)
    }

    fn decode_data(&self, raw: &[u8], content_type: Option<&str>) -> Result<Decoded, Rejection> {
        self.check()?;
        check_content_type(content_type)?;
        if raw.is_empty() {
            return Err(invalid("the message has no data; put the event there"));
        }
        let (record, unknown_fields) = parse(raw, None)?;
        self.fill(record, unknown_fields)
    }

    fn check(&self) -> Result<(), Rejection> {
        let required =
            [("specversion", &self.specversion), ("id", &self.id), ("source", &self.source), ("type", &self.kind)];
        for (name, value) in required {
            if value.as_ref().is_none_or(|text| text.0.is_empty()) {
                return Err(invalid(format!("the CloudEvents attribute `{name}` is required and must not be empty")));
            }
        }
        match &self.specversion {
            Some(Text(version)) if version == SPEC_VERSION => Ok(()),
            _ => Err(invalid(format!("only CloudEvents version {SPEC_VERSION} is read; set `specversion` to it"))),
        }
    }

    /// Fills what the event lacks and checks the whole.
    fn fill(&self, mut record: EventRecord<'_>, unknown_fields: u32) -> Result<Decoded, Rejection> {
        let lacks = |field: &Option<Text<'_>>| field.as_ref().is_none_or(|text| text.0.is_empty());
        let copy = |attribute: &Option<Text<'_>>| attribute.as_ref().map(|text| Text::from(text.0.to_string()));
        if lacks(&record.id) {
            record.id = copy(&self.id);
        }
        if lacks(&record.time) {
            record.time = copy(&self.time);
        }
        if lacks(&record.identity) {
            record.identity = copy(&self.subject);
        }
        Ok(Decoded { event: Event::try_from(record)?, unknown_fields })
    }
}

fn invalid(detail: impl Into<String>) -> Rejection {
    Rejection::new(RejectionCode::InvalidEnvelope, detail)
}

fn starts_with_ignoring_case(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

fn is_structured(content_type: &str) -> bool {
    starts_with_ignoring_case(content_type.trim_start(), MEDIA_TYPE)
}

/// Data without a content type is taken for JSON, as the JSON format says.
fn check_content_type(content_type: Option<&str>) -> Result<(), Rejection> {
    let Some(content_type) = content_type else { return Ok(()) };
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence.ends_with("/json") || essence.ends_with("+json") {
        return Ok(());
    }
    let shown: String = essence.chars().take(64).collect();
    Err(invalid(format!("the data is `{}`; send it as `application/json`", shown.escape_debug())))
}

/// Whether the object has a top-level member `specversion`.
fn names_a_specversion(raw: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Probe {
        specversion: Option<IgnoredAny>,
    }
    const NAME: &[u8] = b"\"specversion\"";
    raw.windows(NAME.len()).any(|window| window == NAME)
        && serde_json::from_slice::<Probe>(raw).is_ok_and(|probe| probe.specversion.is_some())
}

/// The HTTP binding percent-encodes what a header value may not hold.
fn percent_decoded(text: &str) -> Result<Cow<'_, str>, Rejection> {
    if !text.contains('%') {
        return Ok(Cow::Borrowed(text));
    }
    let broken = || invalid("a CloudEvents header has a broken percent encoding");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, encoded)) = rest.split_once('%') {
        bytes.extend_from_slice(plain.as_bytes());
        let (digits, after) = encoded.split_at_checked(2).ok_or_else(broken)?;
        // `from_str_radix` would also take a sign.
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(broken());
        }
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| broken())?);
        rest = after;
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).map(Cow::Owned).map_err(|_| broken())
}

/// Parses JSON under the limits of a native event, counting unknown fields; with `below`, only those inside that member.
fn parse<'a, T: Deserialize<'a>>(raw: &'a [u8], below: Option<&str>) -> Result<(T, u32), Rejection> {
    if raw.len() > MAX_EVENT_BYTES {
        let detail = format!("the event has {} bytes; at most {MAX_EVENT_BYTES} are accepted", raw.len());
        return Err(Rejection::new(RejectionCode::EventTooLarge, detail));
    }
    let text = std::str::from_utf8(raw)
        .map_err(|e| Rejection::new(RejectionCode::NotUtf8, format!("byte {} is not UTF-8", e.valid_up_to())))?;
    // The envelope is one level more.
    if depth(raw) > MAX_DEPTH + usize::from(below.is_some()) {
        let detail = format!("the event is nested deeper than {MAX_DEPTH} levels");
        return Err(Rejection::new(RejectionCode::EventTooDeep, detail));
    }
    let mut unknown_fields = 0;
    let mut json = serde_json::Deserializer::from_str(text);
    let value = serde_ignored::deserialize(&mut json, |path| {
        unknown_fields += u32::from(below.is_none_or(|member| is_below(&path, member)));
    });
    let value = value.and_then(|value| json.end().map(|()| value)).map_err(|error| {
        let code = if error.is_data() { RejectionCode::WrongType } else { RejectionCode::NotJson };
        Rejection::new(code, format!("the event cannot be read: {error}"))
    })?;
    Ok((value, unknown_fields))
}

/// Whether the path starts at `member` of the outermost object.
fn is_below(path: &serde_ignored::Path<'_>, member: &str) -> bool {
    use serde_ignored::Path;
    match path {
        Path::Root => false,
        Path::Map { parent: Path::Root, key } => key == member,
        Path::Seq { parent, .. } | Path::Map { parent, .. } => is_below(parent, member),
        Path::Some { parent } | Path::NewtypeStruct { parent } | Path::NewtypeVariant { parent } => {
            is_below(parent, member)
        }
    }
}

/// How deep objects and arrays are nested, outside of strings.
fn depth(raw: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for &byte in raw {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests;
