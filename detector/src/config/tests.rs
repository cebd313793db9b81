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
