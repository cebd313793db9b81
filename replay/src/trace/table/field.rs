//! The fields of the native format as columns.

/// A field of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::trace) enum Field {
    Id,
    Time,
    Identity,
    Tenant,
    Session,
    Task,
    Server,
    Tool,
    Action,
    Target,
    Sensitivity,
    External,
    BytesIn,
    BytesOut,
    Records,
    Outcome,
    CredentialId,
    CredentialIssuer,
    CredentialScopes,
    CredentialIssuedAt,
    CredentialExpiresAt,
    ParentIdentity,
    ParentSession,
    OnBehalfOf,
    SourceIp,
    SourceWorkload,
    SourceRegion,
    SourceUserAgent,
    RevisionAgent,
    RevisionModel,
    RevisionPrompt,
    RevisionTools,
    ApprovalId,
    ApprovalBy,
    BreakGlassId,
    BreakGlassExpiresAt,
    TargetOrigin,
    Trace,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Time,
    Number,
    Flag,
    Texts,
}

impl Field {
    pub(super) const COUNT: usize = 38;

    /// Every field with its column and kind, in the order of the enum.
    pub(in crate::trace) const ALL: [(Field, &'static str); Self::COUNT] = [
        (Field::Id, "id"),
        (Field::Time, "time"),
        (Field::Identity, "identity"),
        (Field::Tenant, "tenant"),
        (Field::Session, "session"),
        (Field::Task, "task"),
        (Field::Server, "server"),
        (Field::Tool, "tool"),
        (Field::Action, "action"),
        (Field::Target, "target"),
        (Field::Sensitivity, "sensitivity"),
        (Field::External, "external"),
        (Field::BytesIn, "bytes_in"),
        (Field::BytesOut, "bytes_out"),
        (Field::Records, "records"),
        (Field::Outcome, "outcome"),
        (Field::CredentialId, "credential.id"),
        (Field::CredentialIssuer, "credential.issuer"),
        (Field::CredentialScopes, "credential.scopes"),
        (Field::CredentialIssuedAt, "credential.issued_at"),
        (Field::CredentialExpiresAt, "credential.expires_at"),
        (Field::ParentIdentity, "parent.identity"),
        (Field::ParentSession, "parent.session"),
        (Field::OnBehalfOf, "on_behalf_of"),
        (Field::SourceIp, "source.ip"),
        (Field::SourceWorkload, "source.workload"),
        (Field::SourceRegion, "source.region"),
        (Field::SourceUserAgent, "source.user_agent"),
        (Field::RevisionAgent, "revision.agent"),
        (Field::RevisionModel, "revision.model"),
        (Field::RevisionPrompt, "revision.prompt"),
        (Field::RevisionTools, "revision.tools"),
        (Field::ApprovalId, "approval.id"),
        (Field::ApprovalBy, "approval.by"),
        (Field::BreakGlassId, "break_glass.id"),
        (Field::BreakGlassExpiresAt, "break_glass.expires_at"),
        (Field::TargetOrigin, "target_origin"),
        (Field::Trace, "trace"),
    ];

    /// Every field.
    pub(in crate::trace) fn all() -> [Field; Self::COUNT] {
        Self::ALL.map(|(field, _)| field)
    }

    /// The name of its column.
    pub(super) fn name(self) -> &'static str {
        Self::ALL.get(self as usize).map_or("", |(_, name)| name)
    }

    pub(super) fn named(name: &str) -> Option<Field> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(field, _)| *field)
    }

    /// Whether a column of this name holds the field, or is a struct that may.
    pub(super) fn is_in(self, column: &str) -> bool {
        let name = self.name();
        name == column || name.split_once('.').is_some_and(|(object, _)| object == column)
    }

    pub(super) fn kind(self) -> Kind {
        match self {
            Field::Time | Field::CredentialIssuedAt | Field::CredentialExpiresAt | Field::BreakGlassExpiresAt => {
                Kind::Time
            }
            Field::BytesIn | Field::BytesOut | Field::Records => Kind::Number,
            Field::External => Kind::Flag,
            Field::Target | Field::CredentialScopes => Kind::Texts,
            _ => Kind::Text,
        }
    }
}

#[cfg(test)]
mod tests {
    use models::event::json_schema;
    use serde_json::Value;

    use super::*;

    /// Paths of all fields in the schema of the native format.
    fn paths(schema: &Value, of: &Value, prefix: &str, into: &mut Vec<String>) {
        for (name, field) in of["properties"].as_object().unwrap() {
            let path = format!("{prefix}{name}");
            let variants = field["anyOf"].as_array().cloned().unwrap_or_default();
            let references = variants.iter().chain([field]).filter_map(|v| v["$ref"].as_str());
            let defined = references.map(|reference| schema.pointer(reference.trim_start_matches('#')).unwrap());
            match defined.into_iter().find(|d| d["properties"].is_object()) {
                Some(nested) => paths(schema, nested, &format!("{path}."), into),
                None => into.push(path),
            }
        }
    }

    #[test]
    fn the_columns_are_the_fields_of_the_native_format_in_the_order_of_the_enum() {
        let (schema, mut all) = (json_schema(), Vec::new());
        paths(&schema, &schema, "", &mut all);
        all.sort_unstable();
        let mut columns: Vec<&str> = Field::ALL.iter().map(|(_, name)| *name).collect();
        columns.sort_unstable();
        assert_eq!(columns, all);
        assert!(Field::ALL.iter().enumerate().all(|(i, (field, name))| *field as usize == i && field.name() == *name));
    }
}
