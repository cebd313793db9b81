//! What every process of a story needs to itself: a directory and ports.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

/// A directory of its own, removed in the end, unless `DRIFTWATCH_KEEP` is set: then logs and databases stay to be read.
pub fn directory(name: &str) -> Result<TempDir> {
    let mut directory = tempfile::Builder::new()
        .prefix(&format!("driftwatch-{name}-"))
        .tempdir()
        .context("no temporary directory could be made")?;
    if std::env::var_os("DRIFTWATCH_KEEP").is_some() {
        directory.disable_cleanup(true);
        eprintln!("kept: {}", directory.path().display());
    }
    Ok(directory)
}

/// Loopback ports that were free a moment ago, all different.
pub fn free_ports<const N: usize>() -> Result<[u16; N]> {
    // Every listener is held until all ports are known, or the same one might be handed out twice.
    let mut held = Vec::with_capacity(N);
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}
