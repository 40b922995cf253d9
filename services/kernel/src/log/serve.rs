//! `muster.log.v1.LogService`: the owner of a log lets other services read it.

use futures::stream::BoxStream;
use muster_proto::log::v1::log_service_server::LogService;
use muster_proto::log::v1::{LogEvent, TailRequest, TailResponse};
use tonic::{Request, Response, Status};

use super::{Batch, Doorbell, Follower, StoredEvent};
use crate::clock::World;
use crate::db::Db;
use crate::door::Door;
use crate::error::Error;
use crate::time::to_proto;

/// Serves the log of one service.
pub struct LogApi {
    door: Door,
    db: Db,
    world: World,
    bell: Doorbell,
}

impl LogApi {
    /// The log behind this door.
    pub fn new(door: Door) -> Self {
        let (db, world, bell) = (door.db().clone(), door.world().clone(), door.bell().clone());
        Self { door, db, world, bell }
    }
}

#[tonic::async_trait]
impl LogService for LogApi {
    type TailStream = BoxStream<'static, Result<TailResponse, Status>>;

    async fn tail(&self, request: Request<TailRequest>) -> Result<Response<Self::TailStream>, Status> {
        let (caller, asked) = self.door.open(request)?;
        let position = asked.position.parse().map_err(|error: Error| error.to_status())?;
        let follower = Follower::from(self.db.clone(), self.world.clone(), &self.bell, position);
        let answers = futures::stream::unfold((follower, asked.kinds), |(mut follower, kinds)| async move {
            // An empty batch comes twice a second at the latest, and is the heartbeat.
            let answer = match follower.next().await {
                Ok(batch) => Ok(answer(batch, &kinds)),
                Err(error) => Err(Error::from(error).to_status()),
            };
            Some((answer, (follower, kinds)))
        });
        Ok(Response::new(self.door.stream(&caller, answers)))
    }
}

fn answer(batch: Batch, kinds: &[String]) -> TailResponse {
    let wanted = |event: &StoredEvent| kinds.is_empty() || kinds.contains(&event.kind);
    TailResponse {
        events: batch.events.into_iter().filter(wanted).map(to_wire).collect(),
        position: batch.position.to_string(),
        read_through: Some(to_proto(batch.read_through)),
    }
}

fn to_wire(event: StoredEvent) -> LogEvent {
    LogEvent {
        tenant_id: event.tenant_id.to_string(),
        kind: event.kind,
        aggregate_id: event.aggregate_id.to_string(),
        version: event.version,
        actor: event.actor,
        at: Some(to_proto(event.at)),
        location_id: event.location_id.map(|id| id.to_string()).unwrap_or_default(),
        payload: event.payload,
    }
}
