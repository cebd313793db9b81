//! This machine: database, disk, listener, certificate, key.

use std::net::TcpListener;
use std::path::Path;

use super::Finding;
use crate::config::{Config, HttpConfig};
use crate::http::check_credentials;
use crate::store::{Lock, Store, StoreError};

/// Free space under which the disk is likely to be full before somebody looks, in bytes.
const LITTLE: u64 = 2 << 30;
/// Free space under which a burst fills it, in bytes.
const TOO_LITTLE: u64 = 256 << 20;

pub(super) fn check(config: &Config) -> Vec<Finding> {
    let path = &config.store.path;
    let running = matches!(lock(path), Err(StoreError::InUse(_)));
    let mut findings = vec![store(path, running), disk(path), listener(&config.http, running)];
    findings.extend(credentials(&config.http));
    findings.push(fingerprint_key(config));
    findings
}

/// The directory of the database.
fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The lock, let go of at once, where a service ever held it: to look must not leave a file behind.
fn lock(path: &Path) -> Result<(), StoreError> {
    if Lock::path(path).exists() { Lock::take(path).map(drop) } else { Ok(()) }
}

fn store(path: &Path, running: bool) -> Finding {
    let shown = path.display();
    if let Err(error) = tempfile::tempfile_in(directory(path)) {
        let found = format!("nothing can be written beside `{shown}`: {error}");
        return Finding::error("store", found, "create the directory, and let the service's user write in it");
    }
    let opened = if path.exists() { Store::open_existing(path).map(drop) } else { Ok(()) };
    match opened.and_then(|()| lock(path)) {
        Ok(()) if path.exists() => Finding::ok("store", format!("`{shown}` can be read and written")),
        Ok(()) => Finding::ok("store", format!("`{shown}` will be created")),
        Err(_) if running => {
            let found = format!("`{shown}` is in use by a driftwatch that runs now");
            Finding::warning("store", found, "nothing, if that is the service of this configuration")
        }
        Err(error) => Finding::failed("store", &error),
    }
}

fn disk(path: &Path) -> Finding {
    let directory = directory(path);
    let to_do = "make room, or shorten store.keep; when the disk is full nothing more is taken";
    match rustix::fs::statvfs(directory) {
        Err(error) => {
            Finding::failed("disk", &format_args!("the disk of `{}` cannot be asked: {error}", directory.display()))
        }
        Ok(disk) => {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            let found = format!("{} MiB free beside the database", free >> 20);
            match free {
                ..TOO_LITTLE => Finding::error("disk", found, to_do),
                TOO_LITTLE..LITTLE => Finding::warning("disk", found, to_do),
                _ => Finding::ok("disk", found),
            }
        }
    }
}

fn listener(http: &HttpConfig, running: bool) -> Finding {
    let address = http.listen;
    match TcpListener::bind(address) {
        Ok(_) => Finding::ok("listener", format!("{address} is free")),
        Err(error) if running => {
            let found = format!("{address} cannot be listened on: {error}");
            Finding::warning("listener", found, "nothing, if it is the driftwatch that runs now")
        }
        Err(error) => {
            let found = format!("{address} cannot be listened on: {error}");
            Finding::error("listener", found, "free it, or set another http.listen")
        }
    }
}

fn credentials(http: &HttpConfig) -> Option<Finding> {
    match check_credentials(http) {
        Err(error) => Some(Finding::failed("tls", &error)),
        Ok(()) if http.tls_cert.is_some() => Some(Finding::ok("tls", "certificate and key belong together")),
        // On loopback neither is needed.
        Ok(()) => None,
    }
}

fn fingerprint_key(config: &Config) -> Finding {
    if config.has_default_fingerprint_key() {
        let to_do = "set engine.fingerprint_key before the first real event (`driftwatch keys fingerprint`)";
        return Finding::warning("fingerprint key", "it is the default, which everybody knows", to_do);
    }
    Finding::ok("fingerprint key", "it is one of your own")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    fn levels(findings: &[Finding]) -> Vec<(&'static str, Level)> {
        findings.iter().map(|finding| (finding.check, finding.level)).collect()
    }

    fn config(directory: &Path, more: &str) -> Config {
        let store = directory.join("driftwatch.db");
        let text = format!("{more}\n[store]\npath = '{}'\n", store.display());
        Config::parse(&text).expect("valid")
    }

    #[test]
    fn a_fresh_machine_is_fit_and_looking_leaves_nothing_behind() {
        let directory = tempfile::tempdir().expect("a directory");
        let key = "[engine]\nfingerprint_key = '0123456789abcdef0123456789abcdef'\n[http]\nlisten = '127.0.0.1:0'\n";
        let findings = check(&config(directory.path(), key));
        let free = findings.iter().find(|finding| finding.check == "disk").expect("looked at");
        assert!(free.found.ends_with("MiB free beside the database"), "{}", free.found);
        let rest: Vec<_> = levels(&findings).into_iter().filter(|(check, _)| *check != "disk").collect();
        assert_eq!(rest, [("store", Level::Ok), ("listener", Level::Ok), ("fingerprint key", Level::Ok)]);
        assert_eq!(std::fs::read_dir(directory.path()).expect("readable").count(), 0);
    }

    #[test]
    fn a_running_service_explains_what_is_taken() {
        let directory = tempfile::tempdir().expect("a directory");
        let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
        let listen = format!("[http]\nlisten = '{}'\n", taken.local_addr().expect("bound"));
        let config = config(directory.path(), &listen);
        assert_eq!(listener(&config.http, false).level, Level::Error);
        let store = Store::open(&config.store.path).expect("created");
        let lock = Lock::take(&config.store.path).expect("free");
        let findings = check(&config);
        assert!(levels(&findings).contains(&("store", Level::Warning)), "{findings:?}");
        assert!(levels(&findings).contains(&("listener", Level::Warning)), "{findings:?}");
        drop((lock, store));
        assert!(levels(&check(&config)).contains(&("store", Level::Ok)));
    }

    #[test]
    fn what_the_service_could_not_use_is_an_error() {
        let directory = tempfile::tempdir().expect("a directory");
        let absent = config(&directory.path().join("absent"), "");
        assert_eq!(store(&absent.store.path, false).level, Level::Error);
        std::fs::write(directory.path().join("driftwatch.db"), "no database at all, but long enough to look")
            .expect("written");
        assert_eq!(store(&directory.path().join("driftwatch.db"), false).level, Level::Error);
        let tls = "[http]\ntls_cert = '/nowhere/c.pem'\ntls_key = '/nowhere/k.pem'\n";
        let finding = credentials(&config(directory.path(), tls).http).expect("looked at");
        assert_eq!(finding.level, Level::Error);
        assert!(finding.to_do.is_some_and(|to_do| to_do.contains("http.tls_key")));
        assert_eq!(fingerprint_key(&absent).level, Level::Warning);
    }
}
