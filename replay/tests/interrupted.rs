//! What a replay leaves behind when it is killed or stopped, and that it opens no socket: stories of the real binary.
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use datasets::reader::labels::Label;
use replay::population::world::{Size, World};

/// Two weeks of a small fleet in four files: one to learn, and three to score, of which one is far out of order and one
/// holds lines that are no events. Beside them labels, verdicts and settings that give many alerts.
fn history(folder: &Path) -> Vec<String> {
    let world = World::new(Size { seed: 5, agents: 12, days: 14, sessions_per_day: 10.0 }).unwrap();
    let mut files = vec![Vec::new(); 4];
    let (mut stream, mut labels, mut verdicts) = (world.stream(), Vec::new(), Vec::new());
    for number in 0.. {
        let Some(event) = stream.next_before(world.end) else { break };
        let file = if event.time < world.warm { 0 } else { [1, 3, 2, 3][number % 4] };
        files[file].push(serde_json::to_string(&event.to_record()).unwrap());
        labels.extend(stream.take_labels());
        if let Some(session) = event.session.filter(|_| number % 3 == 0) {
            let (time, identity) = (event.time, event.identity);
            let verdict =
                serde_json::json!({"time": time, "verdict": "false", "identity": identity, "session": session});
            verdicts.push(verdict.to_string());
        }
    }
    // The population has no attacks.
    for label in labels.iter_mut().step_by(7) {
        *label = Label { label: "attacked_succeeded".to_owned(), observable: true, ..label.clone() };
    }
    let labels: Vec<String> = labels.iter().map(|label| serde_json::to_string(label).unwrap()).collect();
    std::fs::write(folder.join("labels.ndjson"), labels.join("\n")).unwrap();
    std::fs::write(folder.join("verdicts.ndjson"), verdicts.join("\n")).unwrap();
    let wide = "[engine]\nmode = \"enforce\"\n[engine.budget]\nfalse_alerts_per_1000_identity_days = 300.0\n";
    std::fs::write(folder.join("wide.toml"), wide).unwrap();
    for line in [3, 400, 401] {
        files[2].insert(line, format!("nonsense {line}"));
    }
    // Beyond what is put in order in memory.
    let earliest = files[3].remove(0);
    assert!(files[3].len() > 4200, "{}", files[3].len());
    files[3].push(earliest);
    let paths = ["learn", "a", "b", "c"].map(|name| folder.join(format!("{name}.ndjson")));
    for (path, lines) in paths.iter().zip(files) {
        std::fs::write(path, lines.join("\n") + "\n").unwrap();
    }
    paths.iter().map(|path| path.display().to_string()).collect()
}

fn command(files: &[String], out: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_driftwatch-replay"));
    command.args(["run", "--learn", &files[0], "--events"]).args(&files[1..]).arg("--out").arg(out).args(more);
    command.stdout(Stdio::null());
    command
}

/// Every file of a result; the summary without what differs between two runs of the same files.
fn result(out: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(out).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let mut bytes = std::fs::read(&path).unwrap();
        if name == "summary.json" {
            let mut summary: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
            summary.as_object_mut().unwrap().remove("timing");
            bytes = summary.to_string().into_bytes();
        }
        files.insert(name, bytes);
    }
    files
}

/// Lets a replay go on until it has written so many checkpoints, then ends it with the signal. `false` if it was done
/// before.
fn ended(command: &mut Command, checkpoints: usize, end: impl Fn(&mut std::process::Child)) -> bool {
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let told = lines.map(Result::unwrap).filter(|line| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
        line["checkpoint"].as_u64().is_some_and(|handled| handled > 0)
    });
    if told.take(checkpoints).count() < checkpoints {
        assert!(child.wait().unwrap().success());
        return false;
    }
    end(&mut child);
    assert!(!child.wait().unwrap().success());
    true
}

/// Each process dies at another checkpoint, some of them in the middle of writing one.
fn kill_until_done(files: &[String], out: &Path, flags: &[&str], kills: &mut usize) {
    let often = [flags, &["--progress", "json", "--checkpoint-every", "301", "--resume"]].concat();
    while ended(&mut command(files, out, &often), 1 + *kills % 4, |child| child.kill().unwrap()) {
        *kills += 1;
    }
}

fn assert_same(out: &Path, whole: &Path) {
    let (out, whole) = (result(out), result(whole));
    assert_eq!(out.keys().collect::<Vec<_>>(), whole.keys().collect::<Vec<_>>());
    for (name, bytes) in &whole {
        assert!(out[name] == *bytes, "{name}");
    }
}

const TABLES: [&str; 3] = ["parquet", "ndjson", "csv"];

#[test]
fn killed_twenty_times_and_resumed_it_gives_the_same_files() {
    let folder = tempfile::tempdir().unwrap();
    let files = history(folder.path());
    let mut kills = 0;
    for (round, scores) in TABLES.iter().cycle().enumerate() {
        let whole = folder.path().join(format!("whole-{scores}"));
        if !whole.exists() {
            assert!(command(&files, &whole, &["--scores", scores]).status().unwrap().success());
        }
        let out = folder.path().join(format!("out-{round}"));
        kill_until_done(&files, &out, &["--scores", scores], &mut kills);
        assert_same(&out, &whole);
        if kills >= 20 && round + 1 >= TABLES.len() {
            return;
        }
    }
}

#[test]
fn a_judged_or_altered_replay_that_is_killed_and_resumed_gives_the_same_files() {
    let folder = tempfile::tempdir().unwrap();
    let files = history(folder.path());
    let [labels, verdicts, wide] =
        ["labels.ndjson", "verdicts.ndjson", "wide.toml"].map(|name| folder.path().join(name).display().to_string());
    let judged = ["--labels", &labels, "--label-delay", "6h"];
    let altered = ["--inject", "takeover@2026-03-13T09:00:00Z", "--inject", "ramp_5@2026-03-08T09:00:00Z"];
    let disturbed =
        ["--drop", "0.05", "--delay", "0.2:3h", "--skew", "spiffe://acme.example/finance:20m", "--warmup", "1d"];
    let told = ["--verdicts", &verdicts, "--label-delay", "1h"];
    let mut kills = 0;
    for (name, flags) in [
        ("judged", judged.to_vec()),
        ("altered", [&altered[..], &disturbed].concat()),
        ("both", [&judged[..2], &altered, &disturbed, &told].concat()),
    ] {
        let flags = [&["--config", &wide], &flags[..]].concat();
        let [whole, out] = ["whole", "out"].map(|kind| folder.path().join(format!("{kind}-{name}")));
        assert!(command(&files, &whole, &flags).status().unwrap().success());
        let summary: serde_json::Value = serde_json::from_slice(&result(&whole)["summary.json"]).unwrap();
        assert!(name == "altered" || summary["verdicts"]["told"].as_u64() > Some(0), "{}", summary["verdicts"]);
        assert!(name == "judged" || whole.join("labels.ndjson").exists());
        kill_until_done(&files, &out, &flags, &mut kills);
        assert_same(&out, &whole);
    }
    assert!(kills > 20, "{kills}");
}

#[cfg(target_os = "linux")]
#[test]
fn stopped_by_a_person_it_says_how_to_go_on_and_does() {
    let folder = tempfile::tempdir().unwrap();
    let files = history(folder.path());
    let (whole, out) = (folder.path().join("whole"), folder.path().join("out"));
    assert!(command(&files, &whole, &[]).status().unwrap().success());
    // A second of this pace is three hours of events: it is stopped long before the end.
    let slow = ["--progress", "json", "--checkpoint-every", "1000", "--speed", "10000x"];
    let interrupt = |child: &mut std::process::Child| {
        let id = child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    };
    assert!(ended(&mut command(&files, &out, &slow), 3, interrupt));
    assert!(out.join("checkpoint.partial").exists() && !out.join("summary.json").exists());
    // Settings that would give another result are refused, in one sentence.
    let other = command(&files, &out, &["--resume", "--freeze"]).output().unwrap();
    let said = String::from_utf8(other.stderr).unwrap();
    assert_eq!((other.status.code(), said.lines().count()), (Some(2), 1), "{said}");
    assert!(said.contains("another --freeze"), "{said}");
    // Files may be named in another order.
    let turned = [&files[..1], &files[2..], &files[1..2]].concat();
    assert!(command(&turned, &out, &["--resume"]).status().unwrap().success());
    let digest = |out: &Path| {
        let summary = std::fs::read(out.join("summary.json")).unwrap();
        serde_json::from_slice::<serde_json::Value>(&summary).unwrap()["digest"].clone()
    };
    assert_eq!(digest(&out), digest(&whole));
    assert_eq!(result(&out)["scores.parquet"], result(&whole)["scores.parquet"]);
}

/// A checkpoint that is there is no reason to go on from it unasked.
#[test]
fn without_resume_it_starts_anew() {
    let folder = tempfile::tempdir().unwrap();
    let files = history(folder.path());
    let out = folder.path().join("out");
    let often = ["--progress", "json", "--checkpoint-every", "301"];
    assert!(ended(&mut command(&files, &out, &often), 2, |child| child.kill().unwrap()));
    assert!(command(&files[..2], &out, &[]).status().unwrap().success());
    assert!(!out.join("checkpoint.partial").exists());
}

#[cfg(target_os = "linux")]
#[test]
fn it_opens_no_socket() {
    let folder = tempfile::tempdir().unwrap();
    let files = history(folder.path());
    let (log, out) = (folder.path().join("calls"), folder.path().join("out"));
    let traced = |program: &[&str]| -> Option<String> {
        let mut strace = Command::new("strace");
        strace.args(["--follow-forks", "--trace=network", "--signal=none", "--output"]).arg(&log).args(program);
        strace.stdout(Stdio::null()).status().ok().filter(std::process::ExitStatus::success)?;
        Some(std::fs::read_to_string(&log).unwrap())
    };
    let replay = command(&files, &out, &["--threads", "2"]);
    let program: Vec<PathBuf> =
        [replay.get_program()].into_iter().chain(replay.get_args()).map(PathBuf::from).collect();
    let program: Vec<&str> = program.iter().map(|word| word.to_str().unwrap()).collect();
    let said = traced(&program).expect("strace runs; `scripts/setup.sh --tests` installs it");
    let calls: Vec<&str> = said.lines().filter(|line| !line.contains("+++ exited")).collect();
    assert!(calls.is_empty(), "{calls:#?}");
    assert!(out.join("summary.json").exists());
    // It would have been seen.
    let opens = "import socket; socket.socket()";
    assert!(traced(&["python3", "-c", opens]).expect("python3 runs").contains("socket("));
}
