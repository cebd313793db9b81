//! Where cargo put the binaries under test, and whether they are what the sources say now.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, Result, ensure};

/// The command that brings every binary up to date.
const BUILD: &str = "run `make test`, or `cargo build --workspace --bins` before `cargo test`";

/// The path of a binary of this workspace.
///
/// Cargo builds the binaries of other packages only when told to. A story about yesterday's binary would be worse than none,
/// so one that is missing, older than its sources or built from another checkout is an error.
pub fn binary(name: &str) -> Result<PathBuf> {
    let story = std::env::current_exe().context("the path of this test is unknown")?;
    let profile = story.parent().and_then(Path::parent).context("this test is not in a target directory")?;
    let binary = profile.join(name);
    let built = modified(&binary).with_context(|| format!("there is no `{}`; {BUILD}", binary.display()))?;
    let record = binary.with_extension("d");
    let record = std::fs::read_to_string(&record)
        .with_context(|| format!("cargo's record `{}` cannot be read; {BUILD}", record.display()))?;
    let sources = sources(&record);
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("this crate is not in a workspace")?;
    ensure!(
        sources.iter().any(|source| source.starts_with(checkout)),
        "`{}` was built from another checkout; {BUILD}",
        binary.display()
    );
    for source in sources {
        let edited = modified(&source).with_context(|| format!("`{}` is gone; {BUILD}", source.display()))?;
        ensure!(edited <= built, "`{}` is newer than `{}`; {BUILD}", source.display(), binary.display());
    }
    Ok(binary)
}

fn modified(path: &Path) -> std::io::Result<SystemTime> {
    path.metadata()?.modified()
}

/// The files that a binary was made from: `target: source source`, with blanks in a path escaped.
fn sources(record: &str) -> Vec<PathBuf> {
    let Some((_, sources)) = record.lines().next().and_then(|line| line.split_once(": ")) else {
        return Vec::new();
    };
    let blank = '\u{0}';
    sources
        .replace("\\ ", &blank.to_string())
        .split(' ')
        .filter(|path| !path.is_empty())
        .map(|path| PathBuf::from(path.replace(blank, " ")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_read_from_cargos_record() {
        let record = "/t/debug/driftwatch: /my\\ code/lib.rs /my\\ code/main.rs\n";
        assert_eq!(sources(record), [Path::new("/my code/lib.rs"), Path::new("/my code/main.rs")]);
        assert!(sources("").is_empty());
    }

    #[test]
    fn a_missing_binary_says_what_to_run() {
        let error = format!("{:#}", binary("driftwatch-that-never-was").unwrap_err());
        assert!(error.contains("make test"), "{error}");
    }
}
