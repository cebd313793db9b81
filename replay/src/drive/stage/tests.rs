use std::num::NonZeroUsize;
use std::time::Duration;

use models::config::CheckedConfig;

use super::*;
use crate::inject::WhatIf;
use crate::trace::survey;

const AT: i64 = 1_767_225_600;

fn file(folder: &Path, name: &str, minutes: std::ops::Range<i64>) -> Vec<Surveyed> {
    let line = |minute: i64| {
        let (identity, time) = (if minute % 3 == 0 { "a" } else { "b" }, Timestamp::from_seconds(AT + 60 * minute));
        match minute % 17 {
            5 => "nonsense".to_owned(),
            _ => format!(
                r#"{{"id":"{minute}","time":"{time}","identity":"{identity}","session":"s{}","tool":"t","bytes_out":9}}"#,
                minute / 20
            ),
        }
    };
    let path = folder.join(name);
    std::fs::write(&path, minutes.map(line).collect::<Vec<_>>().join("\n")).unwrap();
    survey(&[path], NonZeroUsize::MIN).unwrap()
}

fn shown(step: Step) -> String {
    match step {
        Step::Handled { role, event } => format!("{role:?} {} at {}", event.id, event.time),
        Step::Rejected { role, rejected } => format!("{role:?} line {}", rejected.line),
        Step::Labelled(made) => format!("label of {}", made.label.session),
        Step::Published => "published".to_owned(),
    }
}

#[test]
fn from_any_place_changed_events_go_on_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let (learn, events) = (file(folder.path(), "learn", 0..30), file(folder.path(), "events", 30..130));
    let config = CheckedConfig::default();
    let plan = Plan {
        config: &config,
        policies: &[],
        learn: &learn,
        events: &events,
        as_recorded: false,
        freeze: false,
        without_task: false,
        new_tasks: None,
        shift: Duration::ZERO,
        threads: NonZeroUsize::MIN,
    };
    let window = Window { warmup: Duration::from_mins(20), ..Window::default() };
    let injections =
        ["takeover@2026-01-01T01:10:00Z:a", "tool_misuse@2026-01-01T01:10:00Z", "leaked_keys@2026-01-01T00:40:00Z"];
    let what_if = WhatIf {
        injections: injections.map(|text| text.parse().unwrap()).into(),
        drop: 0.1,
        delay: Some("0.3:9m".parse().unwrap()),
        skew: vec!["b:-1m".parse().unwrap()],
        seed: 7,
    };
    let from = |place| {
        let engine = Engine::new(config.clone());
        let injector = Some(Injector::new(what_if.clone()));
        Drive::resume(plan.clone(), window, folder.path(), engine, place).with_injector(injector)
    };

    let (mut whole, mut steps, mut places) = (from(Place::START), Vec::new(), vec![Place::START]);
    while let Some(step) = whole.next(&mut Vec::new()).unwrap() {
        steps.push(shown(step));
        places.push(whole.place());
    }
    assert!(places.last().unwrap().labels > 3, "{places:?}");
    for (done, place) in places.into_iter().enumerate() {
        let mut drive = from(place);
        assert_eq!(drive.catch_up().unwrap().len() as u64, place.labels);
        let rest: Vec<String> = std::iter::from_fn(|| drive.next(&mut Vec::new()).unwrap()).map(shown).collect();
        assert_eq!(rest, steps[done..], "{place:?}");
    }
}
