//! What a page complained about and whom it asked: a console that is silent and loads nothing from elsewhere is a promise.

use std::collections::BTreeMap;

use serde_json::Value;

/// One request of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its address.
    pub url: String,
    /// Status of the answer, if one came.
    pub status: Option<u16>,
    /// Why it failed, if it did.
    pub failed: Option<String>,
}

/// All of it, since the page was opened.
#[derive(Debug, Clone, Default)]
pub struct PageLog {
    errors: Vec<String>,
    requests: BTreeMap<String, Request>,
}

impl PageLog {
    /// `console.error`, uncaught exceptions, violations of the content security policy, and what Chromium itself reports.
    pub fn errors(&self) -> &[String] {
        &self.errors
    }

    /// Every request but those to `data:` and `blob:` addresses.
    pub fn requests(&self) -> impl Iterator<Item = &Request> {
        self.requests.values()
    }

    /// Requests that got no answer or one of 400 and above. One that the page itself gave up is no failure.
    pub fn failed(&self) -> Vec<&Request> {
        self.requests().filter(|r| r.failed.is_some() || r.status.is_some_and(|status| status >= 400)).collect()
    }

    /// Requests to any other place than `origin`, such as `http://127.0.0.1:8321`.
    pub fn foreign(&self, origin: &str) -> Vec<&Request> {
        let ours = |url: &str| url.strip_prefix(origin).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        self.requests().filter(|request| !ours(&request.url)).collect()
    }

    /// Takes in one event of the protocol.
    pub(super) fn note(&mut self, method: &str, event: &Value) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        match method {
            "Runtime.consoleAPICalled" if matches!(event["type"].as_str(), Some("error" | "assert")) => {
                let words = event["args"].as_array().into_iter().flatten();
                let words: Vec<String> = words.map(|arg| text(&arg["value"]) + &text(&arg["description"])).collect();
                self.errors.push(words.join(" "));
            }
            "Runtime.exceptionThrown" => {
                let details = &event["exceptionDetails"];
                self.errors.push(text(&details["text"]) + " " + &text(&details["exception"]["description"]));
            }
            "Log.entryAdded" if event["entry"]["level"] == "error" => {
                let entry = &event["entry"];
                self.errors.push(text(&entry["text"]) + " " + &text(&entry["url"]));
            }
            "Network.requestWillBeSent" => {
                let url = text(&event["request"]["url"]);
                if !url.starts_with("data:") && !url.starts_with("blob:") {
                    self.requests.insert(text(&event["requestId"]), Request { url, status: None, failed: None });
                }
            }
            "Network.responseReceived" => {
                if let Some(request) = self.requests.get_mut(&text(&event["requestId"])) {
                    request.status = event["response"]["status"].as_u64().and_then(|status| status.try_into().ok());
                }
            }
            "Network.loadingFailed" if event["canceled"] != true => {
                if let Some(request) = self.requests.get_mut(&text(&event["requestId"])) {
                    request.failed = Some(text(&event["errorText"]));
                }
            }
            _ => {}
        }
    }
}
