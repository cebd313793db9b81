//! The parts that the other stories stand on, each proven on the real thing.

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::Mac as _;
use tests::browser::Browser;
use tests::driftwatch::client;
use tests::eventually::{Seen, eventually};
use tests::http1::{Server, answer};
use tests::kafka::Kafka;
use tests::receiver::verify::{Refusal, Scheme};
use tests::receiver::{Answer, Receiver};

#[tokio::test]
async fn kafka_keeps_its_records_over_a_restart_and_a_kill() -> Result<()> {
    let mut kafka = Kafka::start().await?;
    kafka.create_topic("agent.actions", 3).await?;
    let records = |range: std::ops::Range<u32>| range.map(|i| (format!("identity-{}", i % 7), i.to_string()));
    kafka.produce("agent.actions", records(0..600)).await?;
    kafka.stop().await?;
    kafka.restart().await?;
    kafka.produce("agent.actions", records(600..1000)).await?;
    kafka.kill().await?;
    kafka.restart().await?;

    let read = kafka.read("agent.actions", 1000).await?;
    assert_eq!(kafka.ends("agent.actions")?.iter().sum::<i64>(), 1000);
    let mut values: Vec<u32> =
        read.iter().map(|r| Ok(std::str::from_utf8(&r.value)?.parse()?)).collect::<Result<_>>()?;
    for identity in 0..7 {
        let key = format!("identity-{identity}");
        let of_identity: Vec<_> = read.iter().filter(|r| r.key == key.as_bytes()).collect();
        assert!(of_identity.iter().all(|r| r.partition == of_identity[0].partition), "`{key}` stays in one partition");
        assert!(of_identity.is_sorted_by_key(|r| r.offset), "`{key}` stays in order");
    }
    values.sort_unstable();
    assert!(values.into_iter().eq(0..1000));
    Ok(())
}

#[test]
fn the_binaries_under_test_are_those_of_these_sources() -> Result<()> {
    for name in ["driftwatch", "driftwatch-replay", "driftwatch-datasets"] {
        assert!(tests::built::binary(name)?.is_file());
    }
    Ok(())
}

const SECRET: &str = "whsec_bXkgc2VjcmV0IGtleSBvZiAyNCBieXRlcw==";

async fn send(url: &str, secret: &str, body: &str) -> Result<reqwest::Response> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
    let secret = STANDARD.decode(secret.trim_start_matches("whsec_"))?;
    let mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(&secret)?.chain_update(format!("rev_1.{now}.{body}"));
    let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    let request = client()?.post(url).body(body.to_owned()).header("webhook-id", "rev_1");
    Ok(request.header("webhook-timestamp", now).header("webhook-signature", signature).send().await?)
}

#[tokio::test]
async fn a_receiver_refuses_a_wrong_signature_and_accepts_a_right_one() -> Result<()> {
    let receiver = Receiver::start(&[SECRET]).await?;
    let forged = "whsec_YW5vdGhlciBrZXkgb2YgMjQgYnl0ZXMuLg==";
    assert_eq!(send(&receiver.url(), forged, "{}").await?.status(), 401);
    assert_eq!(send(&receiver.url(), SECRET, "{}").await?.status(), 204);
    let arrived = receiver.until("both requests", |all| all.len() == 2).await?;
    assert_eq!(arrived[0].verified, Err(Refusal::Signature));
    assert_eq!(arrived[1].verified, Ok(vec![Scheme::V1]));
    assert_eq!(arrived[1].id(), "rev_1");
    Ok(())
}

#[tokio::test]
async fn a_receiver_misbehaves_on_request_and_comes_back_on_its_port() -> Result<()> {
    let mut receiver = Receiver::start(&[SECRET]).await?;
    receiver.next([Answer::RetryAfter(503, 7), Answer::Redirect("http://169.254.1.1/".to_owned()), Answer::Close]);
    let url = receiver.url();
    let busy = send(&url, SECRET, "1").await?;
    assert_eq!((busy.status().as_u16(), busy.headers()["retry-after"].to_str()?), (503, "7"));
    assert_eq!(send(&url, SECRET, "2").await?.status(), 302);
    assert!(send(&url, SECRET, "3").await.is_err(), "the connection is closed without an answer");
    receiver.always(Answer::Hang);
    tokio::select! {
        hung = send(&url, SECRET, "4") => panic!("an answer to a request that should hang: {hung:?}"),
        arrived = receiver.until("the fourth request", |all| all.len() == 4) => assert_eq!(arrived?[3].answer, Answer::Hang),
    }
    receiver.always(Answer::Status(200));
    receiver.stop().await;
    assert!(send(&url, SECRET, "5").await.is_err(), "nobody listens");
    receiver.resume().await?;
    assert_eq!(send(&url, SECRET, "6").await?.status(), 200);
    assert_eq!(receiver.deliveries().len(), 5);
    Ok(())
}

const PAGE: &str = r#"<!doctype html><title>t</title>
<style>body { background: white } @media (prefers-color-scheme: dark) { body { background: black } }</style>
<h1>A quiet page</h1><div style="height: 3000px"></div>
<input id="name"><button id="greet">Greet</button><p id="greeting"></p>
<script>
  document.getElementById("greet").addEventListener("click", event => {
    document.getElementById("greeting").textContent = "Hello " + document.getElementById("name").value + event.isTrusted;
    console.error("greeted", 1); fetch("/missing"); fetch("http://localhost:9/elsewhere").catch(() => {});
  });
</script>"#;

#[tokio::test]
async fn a_browser_shows_a_page_clicks_and_tells_what_went_wrong() -> Result<()> {
    let server = Server::start(([127, 0, 0, 1], 0).into(), async |request, stream| match request.path.as_str() {
        "/" => answer(stream, 200, &[("content-type", "text/html")], PAGE.as_bytes()).await,
        "/favicon.ico" => answer(stream, 204, &[], b"").await,
        _ => answer(stream, 404, &[], b"").await,
    });
    let server = server.await?;
    let origin = format!("http://{}", server.address());
    let browser = Browser::start().await?;
    browser.open(&origin).await?;
    assert_eq!(browser.text("h1").await?, "A quiet page");
    assert!(browser.log().errors().is_empty(), "{:?}", browser.log().errors());
    assert!(browser.log().failed().is_empty() && browser.log().foreign(&origin).is_empty());

    browser.fill("#name", "Ann").await?;
    browser.click("#greet").await?;
    browser.wait_for_text("#greeting", "Hello Anntrue").await?;
    eventually("the console error and both requests", async || {
        let log = browser.log();
        let complained = log.errors().iter().any(|error| error.starts_with("greeted"));
        let failed =
            log.failed().iter().any(|request| request.status == Some(404) && request.url.ends_with("/missing"));
        let foreign = log.foreign(&origin).iter().any(|request| request.url == "http://localhost:9/elsewhere");
        Ok(Seen::when(complained && failed && foreign, || format!("{log:?}")))
    })
    .await?;

    let directory = tests::scratch::directory("pictures")?;
    let [light, dark] = ["light", "dark"].map(|name| directory.path().join(name).with_extension("png"));
    browser.screenshot(&light, 320, 200, false).await?;
    browser.screenshot(&dark, 320, 200, true).await?;
    assert_eq!(browser.evaluate("[innerWidth, innerHeight]").await?, serde_json::json!([320, 200]));
    assert_ne!(std::fs::read(light)?, std::fs::read(dark)?, "the page follows the colour scheme");
    Ok(())
}
