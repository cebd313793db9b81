//! One child process: its log, its signals, and the certainty that it does not outlive the story.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context as _, Result, bail, ensure};

use crate::eventually::{Seen, eventually};

/// How many lines of its log a dead process leaves in the error.
const LAST_WORDS: usize = 25;

/// A command that dies with the thread that spawned it, even when that is killed and no destructor runs.
///
/// Spawn from the story's own thread, not from a pool whose threads end when idle.
pub fn leashed(program: impl AsRef<OsStr>) -> Result<Command> {
    installed("setpriv")?;
    installed(&program)?;
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    Ok(command)
}

/// An error that says what to run when there is no such program.
pub fn installed(program: impl AsRef<OsStr>) -> Result<()> {
    let program = Path::new(program.as_ref());
    let path = std::env::var_os("PATH").unwrap_or_default();
    // An absolute path replaces the directory that it is joined to.
    let found = std::env::split_paths(&path).any(|directory| directory.join(program).is_file());
    ensure!(found, "there is no `{}` here; run `scripts/setup.sh --tests`", program.display());
    Ok(())
}

/// A running child process.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command` with its output appended to the file `log`.
    pub fn spawn(name: &str, mut command: Command, log: &Path) -> Result<Self> {
        let open = || File::options().create(true).append(true).open(log);
        let output = open().with_context(|| format!("no log at `{}`", log.display()))?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let child = command.spawn().with_context(|| format!("{name} could not be started: {command:?}"))?;
        Ok(Self { name: name.to_owned(), child, log: log.to_owned() })
    }

    /// An error when the process has ended.
    pub fn still_runs(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("{} ended with {status}; the end of its log:\n{}", self.name, self.last_words());
        }
        Ok(())
    }

    /// Asks it to stop and waits until it has.
    pub async fn terminate(&mut self) -> Result<ExitStatus> {
        // `std` has no way to send SIGTERM, the shell has.
        let pid = self.child.id().to_string();
        let sent = Command::new("sh").args(["-c", "kill -s TERM \"$1\"", "sh", &pid]).status()?;
        ensure!(sent.success(), "{} could not be asked to stop: it is not running", self.name);
        self.ended().await
    }

    /// `kill -9`: it gets no chance to tidy up.
    pub async fn kill(&mut self) -> Result<ExitStatus> {
        self.child.kill()?;
        self.ended().await
    }

    /// Waits until it has ended by itself.
    pub async fn ended(&mut self) -> Result<ExitStatus> {
        let child = &mut self.child;
        eventually(&format!("the end of {}", self.name), async || {
            Ok(child.try_wait()?.map_or_else(|| Seen::NotYet("it runs".to_owned()), Seen::Yes))
        })
        .await
    }

    /// Everything that it has written.
    pub fn log(&self) -> Result<String> {
        let bytes = std::fs::read(&self.log).with_context(|| format!("no log at `{}`", self.log.display()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn last_words(&self) -> String {
        let log = self.log().unwrap_or_else(|e| e.to_string());
        let lines: Vec<&str> = log.lines().collect();
        lines.get(lines.len().saturating_sub(LAST_WORDS)..).unwrap_or_default().join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when it has ended already, and then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_says_what_to_run() {
        let error = leashed("driftwatch-that-never-was").unwrap_err().to_string();
        assert!(error.contains("`driftwatch-that-never-was`") && error.contains("scripts/setup.sh --tests"), "{error}");
    }

    fn shell(script: &str, directory: &Path) -> Process {
        let mut command = leashed("sh").unwrap();
        command.args(["-c", script]);
        Process::spawn("a shell", command, &directory.join("log")).unwrap()
    }

    #[tokio::test]
    async fn an_early_end_is_an_error_that_shows_the_log() {
        let directory = crate::scratch::directory("process").unwrap();
        let mut process = shell("echo the disk is full; exit 3", directory.path());
        assert_eq!(process.ended().await.unwrap().code(), Some(3));
        let error = process.still_runs().unwrap_err().to_string();
        assert!(error.contains("the disk is full"), "{error}");
    }

    #[tokio::test]
    async fn terminate_lets_it_tidy_up_and_kill_does_not() {
        let directory = crate::scratch::directory("process").unwrap();
        let script = "trap 'echo tidied; exit 0' TERM; echo up; while :; do read -r _ < /dev/null; done";
        for (kill, tidied) in [(false, true), (true, false)] {
            let _ = std::fs::remove_file(directory.path().join("log"));
            let mut process = shell(script, directory.path());
            eventually("its first line", async || {
                Ok(Seen::when(process.log()?.contains("up"), || process.log().unwrap()))
            })
            .await
            .unwrap();
            let status = if kill { process.kill().await } else { process.terminate().await }.unwrap();
            assert_eq!(status.success(), tidied);
            assert_eq!(process.log().unwrap().contains("tidied"), tidied);
        }
    }
}
