//! One of two brokers takes requests and never answers. Nobody else notices, and it gets what it missed when it is back.

use std::collections::BTreeSet;

use anyhow::Result;
use tests::driftwatch::{Driftwatch, Settings, client, send};
use tests::receiver::{Answer, Delivery, Receiver};
use tests::trace::{ENGINE, Trace, lines};

const SECRET: &str = "whsec_bXkgc2VjcmV0IGtleSBvZiAyNCBieXRlcw==";

fn ids(deliveries: &[Delivery]) -> BTreeSet<String> {
    deliveries.iter().filter(|d| d.verified.is_ok()).map(|d| d.id().to_owned()).collect()
}

#[tokio::test]
async fn an_endpoint_that_hangs_holds_up_neither_scoring_nor_the_other_endpoint() -> Result<()> {
    let trace = Trace::generate()?;
    let [dead, alive] = [Receiver::start(&[SECRET]).await?, Receiver::start(&[SECRET]).await?];
    dead.always(Answer::Hang);
    let keys = format!("secret = '{SECRET}'");
    let settings = Settings::default()
        .with(ENGINE)
        .with("[source.http]\ntrust = 'revoke'")
        .webhook("dead", &dead, &format!("{keys}\ntimeout = '1s'"))
        .webhook("alive", &alive, &keys);
    let driftwatch = Driftwatch::start(&settings).await?;
    let (client, inlet) = (client()?, driftwatch.inlet());
    let (calm, attacks) = trace.days();
    for part in calm.chunks(4_000) {
        send(&client, &inlet, lines(part)).await?;
    }
    // The first revocation: from here on there is a request that is not answered.
    dead.until("a request to hang on", |all| !all.is_empty()).await?;
    send(&client, &inlet, lines(attacks)).await?;
    driftwatch.consumed(trace.actions().len()).await?;
    let revoked = driftwatch.rows("SELECT id FROM revocations", [], |row| row.get::<_, String>(0))?;
    let revoked: BTreeSet<String> = revoked.into_iter().collect();
    assert!(revoked.len() > 1, "{revoked:?}");
    alive.until("every revocation", |all| ids(all) == revoked).await?;
    let count = "SELECT count(*) FROM outbox WHERE endpoint = ?1 AND state = 'delivered'";
    driftwatch
        .until("SELECT count(*) FROM outbox WHERE endpoint = 'alive' AND state <> 'delivered'", |n| n == 0)
        .await?;
    assert_eq!(driftwatch.number(count, ["alive"])?, i64::try_from(revoked.len())?);
    assert_eq!(driftwatch.number(count, ["dead"])?, 0);

    dead.always(Answer::Status(204));
    driftwatch.until("SELECT count(*) FROM outbox WHERE state <> 'delivered'", |left| left == 0).await?;
    assert_eq!(ids(&dead.deliveries()), revoked);
    Ok(())
}
