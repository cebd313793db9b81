//! Headless Chromium, driven through the Chrome `DevTools` protocol over a pipe.
//!
//! The protocol needs no more than JSON over two file descriptors, so there is no driver to install beside the browser and
//! no WebSocket client to build, and Chromium ends by itself when the pipe closes.

mod page_log;
mod pipe;

use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::eventually::{Seen, eventually};
use crate::scratch;
pub use page_log::{PageLog, Request};
use pipe::Pipe;

/// A browser with one page.
#[derive(Debug)]
pub struct Browser {
    // Before the profile, so that Chromium is gone when its directory is removed.
    pipe: Pipe,
    session: String,
    _profile: TempDir,
}

impl Browser {
    /// Starts Chromium with an empty profile.
    pub async fn start() -> Result<Self> {
        let profile = scratch::directory("browser")?;
        let pipe = Pipe::open(profile.path())?;
        let target = pipe.call(None, "Target.createTarget", json!({ "url": "about:blank" })).await?;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = pipe.call(None, "Target.attachToTarget", attach).await?;
        let session = attached["sessionId"].as_str().context("Chromium gave no session")?.to_owned();
        let browser = Self { pipe, session, _profile: profile };
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({})).await?;
        }
        Ok(browser)
    }

    /// Loads a page and waits until it and all that it names are loaded. What the page before it logged is forgotten.
    pub async fn open(&self, url: &str) -> Result<()> {
        self.pipe.forget();
        let navigated = self.call("Page.navigate", json!({ "url": url })).await?;
        if let Some(error) = navigated["errorText"].as_str() {
            bail!("`{url}` could not be opened: {error}");
        }
        self.wait_until("document.readyState === 'complete'", &format!("a loaded `{url}`")).await
    }

    /// Waits until there is a visible element.
    pub async fn wait_for(&self, selector: &str) -> Result<()> {
        let script = format!("!!({})?.checkVisibility()", element(selector));
        self.wait_until(&script, &format!("a visible `{selector}`")).await
    }

    /// Waits until the visible text of an element contains `text`.
    pub async fn wait_for_text(&self, selector: &str, text: &str) -> Result<()> {
        eventually(&format!("`{text}` in `{selector}`"), async || {
            let script = format!("{}?.innerText ?? null", element(selector));
            let shown = self.evaluate(&script).await?;
            let there = shown.as_str().is_some_and(|shown| shown.contains(text));
            Ok(Seen::when(there, || shown.to_string()))
        })
        .await
    }

    /// The visible text of an element.
    pub async fn text(&self, selector: &str) -> Result<String> {
        let text = self.evaluate(&format!("{}?.innerText ?? null", element(selector))).await?;
        Ok(text.as_str().with_context(|| format!("there is no `{selector}`"))?.to_owned())
    }

    /// Scrolls to an element and clicks on its middle with the mouse, as a person would: what covers it gets the click.
    pub async fn click(&self, selector: &str) -> Result<()> {
        self.wait_for(selector).await?;
        let script = format!(
            "(() => {{ const it = {}; it.scrollIntoView({{ block: 'center', behavior: 'instant' }});
               const box = it.getBoundingClientRect();
               return [box.x + box.width / 2, box.y + box.height / 2]; }})()",
            element(selector)
        );
        let middle = self.evaluate(&script).await?;
        for (kind, buttons) in [("mouseMoved", 0), ("mousePressed", 1), ("mouseReleased", 0)] {
            let button = if kind == "mouseMoved" { "none" } else { "left" };
            let event = json!({
                "type": kind, "x": middle[0], "y": middle[1], "button": button, "buttons": buttons, "clickCount": 1
            });
            self.call("Input.dispatchMouseEvent", event).await?;
        }
        Ok(())
    }

    /// Replaces what stands in a text field.
    pub async fn fill(&self, selector: &str, text: &str) -> Result<()> {
        self.wait_for(selector).await?;
        self.evaluate(&format!("(() => {{ const it = {}; it.focus(); it.select(); }})()", element(selector))).await?;
        self.call("Input.insertText", json!({ "text": text })).await?;
        Ok(())
    }

    /// Presses and releases a key where the focus is: `Enter`, `Tab`, `Escape`, or a character.
    pub async fn press(&self, key: &str) -> Result<()> {
        let (code, text) = match key {
            "Enter" => (13, "\r"),
            "Tab" => (9, ""),
            "Escape" => (27, ""),
            "ArrowUp" => (38, ""),
            "ArrowDown" => (40, ""),
            character if character.chars().count() == 1 => (0, character),
            other => bail!("the key `{other}` is not known here; add it to `press`"),
        };
        let down = json!({ "type": "keyDown", "key": key, "windowsVirtualKeyCode": code, "text": text });
        self.call("Input.dispatchKeyEvent", down).await?;
        let up = json!({ "type": "keyUp", "key": key, "windowsVirtualKeyCode": code });
        self.call("Input.dispatchKeyEvent", up).await?;
        Ok(())
    }

    /// The value of a JavaScript expression; a promise is awaited.
    pub async fn evaluate(&self, expression: &str) -> Result<Value> {
        let call = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let mut answer = self.call("Runtime.evaluate", call).await?;
        if let Some(thrown) = answer.get("exceptionDetails") {
            bail!("`{expression}` threw {}", thrown["exception"]["description"]);
        }
        Ok(answer["result"]["value"].take())
    }

    /// Waits until a JavaScript expression is true.
    pub async fn wait_until(&self, expression: &str, what: &str) -> Result<()> {
        eventually(what, async || {
            // In the middle of a navigation there is no page to ask.
            Ok(match self.evaluate(expression).await {
                Ok(value) => Seen::when(value == json!(true), || value.to_string()),
                Err(e) => Seen::NotYet(e.to_string()),
            })
        })
        .await
    }

    /// What the page logged and requested since it was opened.
    pub fn log(&self) -> PageLog {
        self.pipe.log()
    }

    /// Writes a PNG of the window at this size, in the light or the dark scheme.
    pub async fn screenshot(&self, path: &Path, width: u32, height: u32, dark: bool) -> Result<()> {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", size).await?;
        let scheme = if dark { "dark" } else { "light" };
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.call("Emulation.setEmulatedMedia", media).await?;
        // Transitions of the scheme and charts that follow the size have run after the fonts and two frames.
        let painted = "document.fonts.ready.then(() => new Promise(done =>
            requestAnimationFrame(() => requestAnimationFrame(() => done(true)))))";
        self.evaluate(painted).await?;
        let shot = self.call("Page.captureScreenshot", json!({ "format": "png" })).await?;
        let png = STANDARD.decode(shot["data"].as_str().context("Chromium took no picture")?)?;
        ensure!(png.starts_with(b"\x89PNG"), "what Chromium took is no PNG");
        std::fs::write(path, png).with_context(|| format!("no picture at `{}`", path.display()))
    }

    async fn call(&self, method: &str, parameters: Value) -> Result<Value> {
        self.pipe.call(Some(&self.session), method, parameters).await
    }
}

/// JavaScript that finds an element; the selector is quoted as JSON, which is JavaScript too.
fn element(selector: &str) -> String {
    format!("document.querySelector({})", json!(selector))
}
