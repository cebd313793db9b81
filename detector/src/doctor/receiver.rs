//! One webhook: name, guard, connection and TLS, without an event.

use super::Finding;
use crate::webhook::{Endpoint, Sender};

pub(super) async fn check(endpoint: &Endpoint) -> Finding {
    let name = endpoint.name();
    let reached = match Sender::new(endpoint.clone()) {
        Ok(sender) => sender.probe().await,
        Err(error) => return Finding::failed("webhook", &error),
    };
    match reached {
        Ok(()) => Finding::ok("webhook", format!("`{name}` is reachable")),
        Err(detail) => {
            let to_do = "check its url, name server, firewall and certificate; revocations wait until it is back";
            Finding::error("webhook", format!("`{name}` is not reachable: {detail}"), to_do)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::doctor::Level;

    async fn level(url: &str) -> (Level, String) {
        let text = format!(
            "[[webhook]]\nname = 'broker'\nurl = '{url}'\nallow_private = ['127.0.0.0/8', '::1']\n\
             secret = 'whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY='\ntimeout = '5s'\n"
        );
        let finding = check(&Config::parse(&text).expect("valid").webhooks[0]).await;
        (finding.level, finding.found)
    }

    #[tokio::test]
    async fn a_receiver_is_reached_without_an_event_and_an_absent_one_is_told() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let (asked, mut methods) = tokio::sync::mpsc::unbounded_channel();
        let answer = move |request: axum::extract::Request| async move {
            let _ = asked.send((request.method().to_string(), request.uri().path().to_owned()));
            axum::http::StatusCode::NOT_FOUND
        };
        let serving = tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(answer)).await });
        let url = format!("http://{address}/hook/of-a-secret-name");
        assert_eq!(level(&url).await.0, Level::Ok);
        assert_eq!(methods.recv().await, Some(("HEAD".to_owned(), "/".to_owned())));
        serving.abort();
        drop(serving.await);
        let (level, found) = level(&url).await;
        assert_eq!(level, Level::Error);
        assert!(!found.contains("of-a-secret-name"), "{found}");
    }
}
