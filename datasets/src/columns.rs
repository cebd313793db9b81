//! An event as a row of a table: one column per field of the native format, nested ones with dots (`credential.id`).

/// One column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Column {
    /// Path of the field.
    pub(crate) name: &'static str,
    /// How a cell is read.
    pub(crate) kind: Kind,
}

/// How a cell is read. An empty cell is an absent field, whatever its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// As it is.
    Text,
    /// As an unsigned number.
    Number,
    /// `true` or `false`, in any case.
    Flag,
    /// A JSON array of texts; else the texts with commas between, as in the native format.
    Targets,
    /// A JSON array of texts; else the texts with spaces between, as in OAuth.
    Scopes,
}

impl Column {
    /// The column of this name.
    pub(crate) fn named(name: &str) -> Option<&'static Column> {
        COLUMNS.iter().find(|column| column.name == name)
    }
}

const fn text(name: &'static str) -> Column {
    Column { name, kind: Kind::Text }
}

const fn number(name: &'static str) -> Column {
    Column { name, kind: Kind::Number }
}

/// Every column, in the order in which they are written.
pub(crate) const COLUMNS: [Column; 38] = [
    text("id"),
    text("time"),
    text("identity"),
    text("tenant"),
    text("session"),
    text("task"),
    text("server"),
    text("tool"),
    text("action"),
    Column { name: "target", kind: Kind::Targets },
    text("sensitivity"),
    Column { name: "external", kind: Kind::Flag },
    number("bytes_in"),
    number("bytes_out"),
    number("records"),
    text("outcome"),
    text("credential.id"),
    text("credential.issuer"),
    Column { name: "credential.scopes", kind: Kind::Scopes },
    text("credential.issued_at"),
    text("credential.expires_at"),
    text("parent.identity"),
    text("parent.session"),
    text("on_behalf_of"),
    text("source.ip"),
    text("source.workload"),
    text("source.region"),
    text("source.user_agent"),
    text("revision.agent"),
    text("revision.model"),
    text("revision.prompt"),
    text("revision.tools"),
    text("approval.id"),
    text("approval.by"),
    text("break_glass.id"),
    text("break_glass.expires_at"),
    text("target_origin"),
    text("trace"),
];

#[cfg(test)]
mod tests {
    use models::event::json_schema;
    use serde_json::Value;

    use super::*;

    /// Paths of all fields in the schema of the native format.
    fn fields(schema: &Value, of: &Value, prefix: &str, into: &mut Vec<String>) {
        let defined = |reference: &str| schema.pointer(reference.trim_start_matches('#')).expect("a definition");
        for (name, field) in of["properties"].as_object().expect("properties") {
            let path = format!("{prefix}{name}");
            let variants = field["anyOf"].as_array().cloned().unwrap_or_default();
            let references = variants.iter().chain([field]).filter_map(|v| v["$ref"].as_str());
            match references.map(defined).find(|d| d["properties"].is_object()) {
                Some(nested) => fields(schema, nested, &format!("{path}."), into),
                None => into.push(path),
            }
        }
    }

    #[test]
    fn the_columns_are_the_fields_of_the_native_format() {
        let schema = json_schema();
        let mut all = Vec::new();
        fields(&schema, &schema, "", &mut all);
        all.sort_unstable();
        let mut columns: Vec<&str> = COLUMNS.iter().map(|column| column.name).collect();
        columns.sort_unstable();
        assert_eq!(columns, all);
    }
}
