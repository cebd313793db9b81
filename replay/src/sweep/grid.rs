//! The points of a grid, and which of them can share a pass.

use std::str::FromStr;

use models::config::{CheckedConfig, ConfigError, EngineConfig};
use serde::Serialize;
use serde_json::Value;

use super::Varied;

/// Points beyond which a grid is refused.
const MOST: usize = 400;

/// Why there is no grid.
#[derive(Debug, thiserror::Error)]
pub enum GridError {
    /// Not a path inside `[engine]`.
    #[error("there is no setting `{0}` in `[engine]`; write e.g. `budget.false_alerts_per_1000_identity_days=1,5,20`")]
    Unknown(String),
    /// Not a value of this setting.
    #[error("`{setting}` cannot be {value}: {problem}")]
    Value {
        /// The setting.
        setting: String,
        /// The value.
        value: String,
        /// What is wrong.
        problem: String,
    },
    /// A setting out of its range.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Too many points.
    #[error("the grid has {0} points, and {MOST} is the most; vary fewer settings or take fewer values")]
    Large(usize),
    /// Settings that have no JSON form.
    #[error("the settings have no JSON form ({0}); please report this")]
    Json(#[from] serde_json::Error),
}

/// A setting with the values it takes.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    path: String,
    values: Vec<Value>,
}

/// A setting with one value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// Its path inside `[engine]`.
    pub setting: String,
    /// Its value.
    pub value: Value,
}

impl FromStr for Axis {
    type Err = String;

    /// `PATH=VALUE,VALUE…`; one value in JSON brackets is taken whole.
    fn from_str(text: &str) -> Result<Self, String> {
        let (path, values) = text.split_once('=').ok_or_else(|| format!("`{text}` is not SETTING=VALUE,VALUE"))?;
        let value = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
        let values: Vec<Value> = if values.starts_with(['[', '{']) {
            vec![serde_json::from_str(values).map_err(|error| format!("`{values}` is no JSON value: {error}"))?]
        } else {
            values.split(',').map(str::trim).filter(|text| !text.is_empty()).map(value).collect()
        };
        if values.is_empty() {
            return Err(format!("`{text}` has no value"));
        }
        Ok(Self { path: path.strip_prefix("engine.").unwrap_or(path).to_owned(), values })
    }
}

impl Axis {
    /// Values of the same setting given apart are one axis.
    pub fn join(axes: Vec<Axis>) -> Vec<Axis> {
        let mut joined: Vec<Axis> = Vec::new();
        for axis in axes {
            match joined.iter_mut().find(|known| known.path == axis.path) {
                Some(known) => known.values.extend(axis.values),
                None => joined.push(axis),
            }
        }
        joined
    }

    /// Whether its values need passes of their own, starting from these settings.
    pub(super) fn varied(&self, base: &EngineConfig) -> Result<Varied, GridError> {
        let with = |value: &Value| Ok::<_, GridError>(set(base, &self.path, value)?.without_policy());
        let learning = self.values.iter().map(with).collect::<Result<Vec<_>, _>>()?;
        let feeds_back = learning.windows(2).any(|pair| pair.first() != pair.last());
        Ok(Varied { setting: self.path.clone(), values: self.values.clone(), feeds_back, why: why(&self.path) })
    }
}

/// What a setting feeds back into.
fn why(path: &str) -> &'static str {
    match path.split('.').next_back().unwrap_or(path) {
        "false_alerts_per_1000_identity_days" => {
            "decides which sessions alarm: those are not learned, and what a session leaves to the next depends on it"
        }
        "false_revocations_per_million_identity_days" => {
            "sets the cut and the ledger of revocations; what a session leaves to the next towards one depends on it"
        }
        "mature_sessions" => "is looked at where an identity is scored",
        "mode" | "policy" | "stale_after" => "decides about the response only: nothing is learned from it",
        _ if path.starts_with("brake") => "decides about the response only: nothing is learned from it",
        _ => "changes what is scored, learned or counted as one session",
    }
}

/// A point of the grid.
#[derive(Debug, Clone)]
pub(super) struct GridPoint {
    pub(super) settings: Vec<Setting>,
    pub(super) config: CheckedConfig,
}

/// Points that share a pass.
#[derive(Debug)]
pub(super) struct Pass {
    /// What is learned and scored, with a policy that writes nothing.
    pub(super) config: CheckedConfig,
    pub(super) policies: Vec<CheckedConfig>,
    /// Places of the points in the grid.
    pub(super) places: Vec<usize>,
}

/// Every combination of values, the first axis slowest.
pub(super) fn points(base: &EngineConfig, axes: &[Axis]) -> Result<Vec<GridPoint>, GridError> {
    let size = axes.iter().map(|axis| axis.values.len()).fold(1, usize::saturating_mul);
    if size > MOST {
        return Err(GridError::Large(size));
    }
    let mut points = vec![(Vec::new(), base.clone())];
    for axis in axes {
        let mut wider = Vec::new();
        for (settings, config) in points {
            for value in &axis.values {
                let mut settings: Vec<Setting> = settings.clone();
                settings.push(Setting { setting: axis.path.clone(), value: value.clone() });
                wider.push((settings, set(&config, &axis.path, value)?));
            }
        }
        points = wider;
    }
    points.into_iter().map(|(settings, config)| Ok(GridPoint { settings, config: config.check()? })).collect()
}

/// The passes that these points take.
pub(super) fn passes(points: &[GridPoint]) -> Result<Vec<Pass>, GridError> {
    let mut passes: Vec<(EngineConfig, Pass)> = Vec::new();
    for (place, point) in points.iter().enumerate() {
        let learning = point.config.settings().without_policy();
        if !passes.iter().any(|(known, _)| *known == learning) {
            let pass = Pass { config: learning.clone().check()?, policies: Vec::new(), places: Vec::new() };
            passes.push((learning.clone(), pass));
        }
        if let Some((_, pass)) = passes.iter_mut().find(|(known, _)| *known == learning) {
            pass.policies.push(point.config.clone());
            pass.places.push(place);
        }
    }
    Ok(passes.into_iter().map(|(_, pass)| pass).collect())
}

/// The settings with one changed.
fn set(config: &EngineConfig, path: &str, value: &Value) -> Result<EngineConfig, GridError> {
    let mut settings = serde_json::to_value(config)?;
    let pointer = format!("/{}", path.replace('.', "/"));
    *settings.pointer_mut(&pointer).ok_or_else(|| GridError::Unknown(path.escape_debug().to_string()))? = value.clone();
    serde_json::from_value(settings).map_err(|error| GridError::Value {
        setting: path.to_owned(),
        value: value.to_string(),
        problem: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axes(texts: &[&str]) -> Vec<Axis> {
        Axis::join(texts.iter().map(|text| text.parse().unwrap()).collect())
    }

    #[test]
    fn policies_share_a_pass_and_budgets_do_not() {
        let axes =
            axes(&["budget.false_alerts_per_1000_identity_days=1,5", "mode=warn,enforce", "brake.identities=1,5"]);
        let points = points(&EngineConfig::default(), &axes).unwrap();
        let passes = passes(&points).unwrap();
        assert_eq!((points.len(), passes.iter().map(|pass| pass.places.len()).collect::<Vec<_>>()), (8, vec![4, 4]));
        let base = EngineConfig::default();
        let feeds_back: Vec<bool> = axes.iter().map(|axis| axis.varied(&base).unwrap().feeds_back).collect();
        assert_eq!(feeds_back, [true, false, false]);
    }

    #[test]
    fn a_value_in_brackets_is_one_value_and_repeated_axes_are_joined() {
        let axes = axes(&["policy=[]", r#"policy=[{"task":"x","mode":"enforce"}]"#, "engine.mode=warn"]);
        assert_eq!(axes.iter().map(|axis| axis.values.len()).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(points(&EngineConfig::default(), &axes).unwrap().len(), 2);
    }

    #[test]
    fn what_is_no_setting_or_no_value_is_named() {
        let refused = |text: &str| points(&EngineConfig::default(), &axes(&[text])).unwrap_err().to_string();
        assert!(refused("budgets.x=1").contains("budgets.x"));
        assert!(refused("mode=maybe").contains("maybe"));
        assert!(refused("budget.false_alerts_per_1000_identity_days=0").contains("above 0"));
        let many = format!("mature_sessions={}", (0..500).map(|i| i.to_string()).collect::<Vec<_>>().join(","));
        assert!(refused(&many).contains("500 points"));
        assert!("mode".parse::<Axis>().is_err() && "mode=,".parse::<Axis>().is_err());
    }
}
