use std::collections::BTreeSet;

use super::*;

fn refused(text: &str) -> String {
    Config::parse(text).expect_err("must be refused").to_string()
}

#[test]
fn an_empty_file_is_the_defaults() {
    let config = Config::parse("").expect("defaults are valid");
    let defaults = Settings::default().check().expect("defaults are valid");
    assert_eq!(config.to_redacted_toml(), defaults.to_redacted_toml());
    assert!(config.http.listen.ip().is_loopback());
    assert_eq!(config.source.http.trust, Trust::Observe);
}

#[test]
fn listening_beyond_loopback_needs_tls_and_tokens() {
    let open = "[http]\nlisten = '0.0.0.0:8321'\n";
    assert!(refused(open).contains("tls_cert"));
    let with_tls = format!("{open}tls_cert = 'c.pem'\ntls_key = 'k.pem'\n");
    assert!(refused(&with_tls).contains("token_hashes"));
    assert!(refused(&format!("{open}token_hashes = ['x']\n")).contains("tls_cert"));
    Config::parse(&format!("{with_tls}token_hashes = ['x']\n")).expect("both are there");
    assert!(refused("[http]\nlisten = '[::]:1'\n").contains("reachable from other machines"));
}

#[test]
fn a_certificate_without_its_key_is_refused() {
    assert!(refused("[http]\ntls_cert = 'c.pem'\n").contains("tls_key"));
}

#[test]
fn an_unknown_setting_is_named_with_its_line() {
    let message = refused("[store]\n\nkeeep = '7d'\n");
    assert!(message.starts_with("line 3: ") && message.contains("keeep"), "{message}");
    assert!(!message.contains('\n'));
}

#[test]
fn the_offset_settings_of_kafka_cannot_be_overridden() {
    let message = refused("[[source.kafka]]\nbrokers = 'b:1'\nproperties = { 'enable.auto.commit' = 'true' }\n");
    assert!(message.contains("enable.auto.commit"), "{message}");
}

#[test]
fn two_sources_of_one_name_are_refused() {
    let kafka = "[[source.kafka]]\nbrokers = 'b:1'\n";
    assert!(refused(&kafka.repeat(2)).contains("earlier source"));
    assert!(refused(&"[[source.file]]\npath = 'a'\n".repeat(2)).contains("earlier source"));
}

#[test]
fn a_fleet_shares_exactly_one_topic_and_keeps_out_of_it() {
    let fleet = "[fleet]\nname = 'agents'\n";
    let kafka = |topic: &str| format!("[[source.kafka]]\nbrokers = 'b:1'\ntopic = '{topic}'\n");
    assert!(refused(fleet).contains("exactly one [[source.kafka]], not 0"));
    assert!(refused(&format!("{fleet}{}{}", kafka("a"), kafka("b"))).contains("not 2"));
    assert!(refused(&format!("{fleet}{}", kafka("agents.alerts"))).contains("agents.alerts"));
    let config = Config::parse(&format!("{fleet}{}", kafka("a"))).expect("valid");
    assert_eq!(config.fleet, Some(Fleet { name: "agents".to_owned(), replication: 3, standby: false }));
    assert_eq!(Config::parse(&kafka("a")).expect("valid").fleet, None);
}

#[test]
fn a_fleet_whose_topics_no_broker_would_take_is_refused() {
    let with = |line: &str| refused(&format!("[fleet]\n{line}\n[[source.kafka]]\nbrokers = 'b:1'\n"));
    for name in ["", "a b", "a/b", "ä"] {
        assert!(with(&format!("name = '{name}'")).contains("names of topics"), "{name}");
    }
    assert!(with(&format!("name = '{}'", "n".repeat(238))).contains("at most 237"));
    Config::parse(&format!("[fleet]\nname = '{}'\n[[source.kafka]]\nbrokers = 'b:1'\n", "n".repeat(237)))
        .expect("fits");
    for replication in ["0", "-1", "32768"] {
        assert!(with(&format!("replication = {replication}")).contains("fleet.replication"), "{replication}");
    }
}

#[test]
fn what_is_printed_holds_no_secret() {
    let text = "
        [engine]\nfingerprint_key = '0123456789abcdef0123456789abcdef'
        [http]\ntoken_hashes = ['hash-of-a-token']
        [[source.kafka]]\nbrokers = 'broker-1:9092'
        properties = { 'sasl.password' = 'hunter2', 'security.protocol' = 'SASL_SSL', 'ssl.key.pem' = 'PEM' }
    ";
    let printed = Config::parse(text).expect("valid").to_redacted_toml().expect("printable");
    for secret in ["0123456789abcdef", "hash-of-a-token", "hunter2", "'PEM'", "\"PEM\""] {
        assert!(!printed.contains(secret), "{printed}");
    }
    assert!(printed.contains("SASL_SSL") && printed.contains("broker-1:9092"));
}

const EXAMPLE: &str = include_str!("../../../examples/driftwatch.toml");

/// The settings of the example, without the `#` before them.
fn example() -> String {
    let is_setting = |line: &&str| line.starts_with(|c: char| c == '[' || c == '"' || c.is_ascii_lowercase());
    EXAMPLE.lines().filter_map(|line| line.strip_prefix('#')).filter(is_setting).collect::<Vec<_>>().join("\n")
}

/// The paths of all settings in a table, those of an array of tables once.
fn paths(table: &toml::Table, prefix: &str, into: &mut BTreeSet<String>) {
    for (key, value) in table {
        let path = format!("{prefix}{key}");
        match value {
            toml::Value::Table(inner) => paths(inner, &format!("{path}."), into),
            toml::Value::Array(items) if items.iter().any(toml::Value::is_table) => {
                items.iter().filter_map(toml::Value::as_table).for_each(|t| paths(t, &format!("{path}."), into));
            }
            _ => drop(into.insert(path)),
        }
    }
}

#[test]
fn the_shipped_example_is_valid_and_changes_nothing() {
    let example = Config::parse(EXAMPLE).expect("valid").to_redacted_toml().expect("printable");
    assert_eq!(example, Config::parse("").expect("valid").to_redacted_toml().expect("printable"));
}

#[test]
fn every_default_shown_in_the_example_is_the_true_default() {
    let shown: Settings = toml::from_str(&example()).expect("every setting in the example exists");
    let defaults = Settings::default();
    let mut engine = shown.engine.clone();
    // Both are empty by default; the example shows what may stand in them.
    (engine.tools, engine.policy) = Default::default();
    assert_eq!(engine, defaults.engine);
    assert_eq!((&shown.store, &shown.source.http), (&defaults.store, &defaults.source.http));
    assert_eq!(shown.source.stalled_after, defaults.source.stalled_after);
    assert_eq!((shown.http.listen, &shown.http.token_hashes), (defaults.http.listen, &defaults.http.token_hashes));
    let least: Settings = toml::from_str(
        "[[source.kafka]]\nbrokers = 'b'\n[[source.file]]\npath = 'p'\n[[webhook]]\nname = 'n'\nurl = 'u'\n",
    )
    .expect("what is required");
    let (kafka, least_kafka) = (&shown.source.kafka[0], &least.source.kafka[0]);
    assert_eq!((&kafka.group, &kafka.topic, kafka.trust), (&least_kafka.group, &least_kafka.topic, least_kafka.trust));
    assert_eq!(shown.source.file[0].trust, least.source.file[0].trust);
    assert_eq!(shown.fleet, Some(Fleet::default()));
    let (webhook, least_webhook) = (&shown.webhook[0], &least.webhook[0]);
    assert_eq!((webhook.timeout, webhook.max_age), (least_webhook.timeout, least_webhook.max_age));
}

#[test]
fn every_setting_stands_in_the_example() {
    let shown: toml::Table = toml::from_str(&example()).expect("toml");
    let mut settings = Settings::default();
    settings.source.kafka = toml::from_str::<Settings>("[[source.kafka]]\nbrokers = 'b'").expect("valid").source.kafka;
    settings.source.file = toml::from_str::<Settings>("[[source.file]]\npath = 'p'").expect("valid").source.file;
    settings.webhook = toml::from_str::<Settings>("[[webhook]]\nname = 'n'\nurl = 'u'").expect("valid").webhook;
    settings.fleet = Some(Fleet::default());
    let (mut in_code, mut in_example) = (BTreeSet::new(), BTreeSet::new());
    paths(&toml::Table::try_from(&settings).expect("toml"), "", &mut in_code);
    paths(&shown, "", &mut in_example);
    let missing: Vec<_> = in_code.iter().filter(|p| !in_example.contains(*p) && *p != "engine.policy").collect();
    assert!(missing.is_empty(), "{missing:?}");
}
