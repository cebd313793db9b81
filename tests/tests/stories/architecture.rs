//! The arrows between the crates, which never turn round, as cargo sees them.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// Everything that `package` is built from, itself included; what only its tests need does not count.
fn dependencies(package: &str) -> Result<BTreeSet<String>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let tree =
        ["tree", "--locked", "--edges", "normal,build", "--prefix", "none", "--format", "{p}", "--package", package];
    let output = Command::new(cargo).current_dir(env!("CARGO_MANIFEST_DIR")).args(tree).output()?;
    ensure!(output.status.success(), "cargo tree failed: {}", String::from_utf8_lossy(&output.stderr));
    let names = String::from_utf8(output.stdout)?;
    names.lines().map(|line| Ok(line.split(' ').next().context("a line without a name")?.to_owned())).collect()
}

fn assert_free_of(package: &str, unwanted: &[&str]) -> Result<()> {
    let dependencies = dependencies(package)?;
    assert!(dependencies.contains(package), "the tree of `{package}` starts with itself");
    let found: Vec<_> = unwanted.iter().filter(|name| dependencies.contains(**name)).collect();
    assert!(
        found.is_empty(),
        "`{package}` must not be built from {found:?}; `cargo tree -p {package} -i NAME` shows the way"
    );
    Ok(())
}

#[test]
fn the_core_knows_no_disk_no_network_and_no_chance() -> Result<()> {
    let outside =
        ["tokio", "mio", "rusqlite", "libsqlite3-sys", "rdkafka", "reqwest", "hyper", "axum", "polars", "clap"];
    assert_free_of("models", &outside)?;
    // Clustering brings `rand` and `rayon` along; it is seeded, and its result is the same on any number of threads
    // (docs/decisions/008).
    assert_free_of("models", &["tracing", "datasets", "detector", "replay", "tests"])
}

#[test]
fn the_data_sets_know_only_the_core() -> Result<()> {
    assert_free_of("datasets", &["tokio", "rusqlite", "rdkafka", "reqwest", "axum", "polars"])?;
    assert_free_of("datasets", &["detector", "replay", "tests"])
}

#[test]
fn the_service_is_built_without_tables_and_without_replay() -> Result<()> {
    assert_free_of("detector", &["polars", "polars-core", "polars-io", "replay", "tests"])
}

#[test]
fn replay_is_built_without_a_broker_a_server_or_a_network_client() -> Result<()> {
    assert_free_of(
        "replay",
        &["rdkafka", "rdkafka-sys", "axum", "axum-server", "hyper", "reqwest", "rustls", "openssl-sys"],
    )?;
    // What polars would bring along to read from a cloud.
    assert_free_of(
        "replay",
        &["object_store", "native-tls", "quinn", "h2", "ureq", "hickory-resolver", "tungstenite"],
    )?;
    assert_free_of("replay", &["rusqlite", "libsqlite3-sys", "detector", "tests"])
}
