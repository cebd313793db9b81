//! Questions are answered from what this process holds; orders go into the fleet's log.

use models::engine::{Entry, Order};

use super::{FleetThread, Reply};
use crate::app::{Ask, VerdictError};
use crate::fleet::clients::Put;
use crate::fleet::topics::Topic;

impl FleetThread {
    pub(super) async fn answer(&mut self, ask: Ask) {
        let at_ms = self.app.now_ms();
        match ask {
            // Whoever does not wait any more needs no answer: a failed send is none of our concern.
            Ask::Identity { tenant, identity, reply } => {
                let known = self.members().find_map(|partition| partition.member().identity(&tenant, &identity));
                let _ = reply.send(known);
            }
            Ask::View { reply } => drop(reply.send(self.view())),
            Ask::Verdict { alert, tenant, identity, verdict, by, note, reply } => {
                let known = self.app.store().read(|db| {
                    db.prepare_cached("SELECT 1 FROM alerts WHERE id = ?1 AND tenant = ?2 AND identity = ?3")?
                        .exists((&*alert.0, &tenant, &identity))
                });
                match known {
                    Ok(true) => {}
                    Ok(false) => return drop(reply.send(Err(VerdictError::Unknown(alert)))),
                    Err(error) => return drop(reply.send(Err(error.into()))),
                }
                let (tenant, identity) = (tenant.into(), identity.into());
                self.order(Order::Verdict { alert, tenant, identity, verdict, note, by, at_ms }, Reply::Verdict(reply))
                    .await;
            }
            Ask::ReleaseBrake { by, reply } => self.order(Order::ReleaseBrake { by, at_ms }, Reply::Brake(reply)).await,
        }
    }

    /// Writes an order into the log. Whoever gave it is answered when it has been heard; not at all if it could not be written,
    /// which the caller is told as a service that takes no orders now.
    pub(super) async fn order(&mut self, order: Order, reply: Reply) {
        let entry = [Put { key: Vec::new(), value: Some(Entry::Order(order).encode()) }];
        match self.clients.write(&self.clients.topic(Topic::Log), Some(0), &entry).await {
            Ok(offsets) => {
                if let Some(offset) = offsets.first() {
                    self.ordered.insert(*offset, reply);
                }
            }
            Err(error) => tracing::warn!(%error, "an order could not be written into the fleet's log"),
        }
    }
}
