use super::*;

fn fleet() -> Fleet {
    Fleet { name: "dw".to_owned(), replication: 3, standby: false }
}

fn wanted(topic: Topic) -> Wanted {
    let name = fleet().topic(topic);
    fleet().topics(6).into_iter().find(|wanted| wanted.name == name).expect("one of all")
}

/// The topic as it is where it was created so.
fn created(wanted: &Wanted) -> Found {
    let settings = wanted.settings().map(|(name, value)| (name.to_owned(), value)).collect();
    Found { partitions: wanted.partitions, replication: wanted.replication, settings }
}

#[test]
fn what_goes_by_identity_or_id_has_the_partitions_of_the_events() {
    let partitions: Vec<_> = fleet().topics(6).into_iter().map(|topic| (topic.name, topic.partitions)).collect();
    let expected = [
        ("dw.changelog", 6),
        ("dw.fleet", 1),
        ("dw.snapshots", 1),
        ("dw.alerts", 6),
        ("dw.revocations", 6),
        ("dw.verdicts", 6),
    ];
    assert_eq!(partitions, expected.map(|(name, n)| (name.to_owned(), n)));
}

#[test]
fn a_topic_is_right_as_it_is_created() {
    for wanted in fleet().topics(6) {
        assert_eq!(wanted.differences(&created(&wanted), "b:1"), []);
    }
}

#[test]
fn more_than_is_asked_for_is_right() {
    let wanted = wanted(Topic::Snapshots);
    let mut found = created(&wanted);
    found.replication = 5;
    for (name, value) in
        [("retention.ms", "-1"), ("max.message.bytes", "99999999"), ("cleanup.policy", "delete,compact")]
    {
        found.settings.insert(name.to_owned(), value.to_owned());
    }
    assert_eq!(wanted.differences(&found, "b:1"), []);
}

#[test]
fn a_difference_names_value_and_command() {
    for (topic, setting, value, should_be, set) in [
        (Topic::Changelog, "cleanup.policy", "delete", "compact", "=[compact]"),
        (Topic::Changelog, "min.compaction.lag.ms", "0", "at least 600000", "=[600000]"),
        (Topic::Changelog, "max.message.bytes", "1048588", "at least 8388608", "=[8388608]"),
        (Topic::Changelog, "segment.bytes", "1073741824", "at most 134217728", "=[134217728]"),
        (Topic::Snapshots, "cleanup.policy", "compact", "compact,delete", "=[compact,delete]"),
        (Topic::Log, "retention.ms", "604800000", "at least 2592000000", "=[2592000000]"),
        (Topic::Alerts, "min.insync.replicas", "1", "at least 2", "=[2]"),
    ] {
        let wanted = wanted(topic);
        let mut found = created(&wanted);
        found.settings.insert(setting.to_owned(), value.to_owned());
        let [difference] = &wanted.differences(&found, "b:1")[..] else { panic!("{setting}: exactly one") };
        assert_eq!((difference.setting, &*difference.value, &*difference.should_be), (setting, value, should_be));
        let name = &wanted.name;
        let command = format!(
            "kafka-configs.sh --bootstrap-server b:1 --entity-type topics --entity-name {name} --alter --add-config \
             {setting}{set}"
        );
        assert_eq!(difference.mend, command);
    }
}

#[test]
fn partitions_can_be_added_but_not_taken_away() {
    let wanted = wanted(Topic::Alerts);
    let with = |partitions| Found { partitions, ..created(&wanted) };
    let few = &wanted.differences(&with(4), "b:1")[0];
    assert!(few.mend.starts_with("kafka-topics.sh --bootstrap-server b:1 --alter --topic dw.alerts --partitions 6"));
    let many = &wanted.differences(&with(8), "b:1")[0];
    assert_eq!((many.setting, &*many.value, &*many.should_be), ("partitions", "8", "6"));
    assert!(many.mend.contains("fleet.name"), "{}", many.mend);
}

#[test]
fn too_few_copies_are_seen_and_one_broker_needs_no_second_copy_in_sync() {
    let wanted = wanted(Topic::Log);
    let found = Found { replication: 1, ..created(&wanted) };
    assert_eq!(wanted.differences(&found, "b:1")[0].setting, "replication");
    let alone = Fleet { replication: 1, ..fleet() };
    assert!(alone.topics(1).iter().all(|topic| topic.settings().all(|(name, _)| name != "min.insync.replicas")));
}
