//! A rollout as it is, and again whenever it changes.

use std::time::Duration;

use pgbelay_core::rollout::RolloutId;
use pgbelay_proto::wire;
use prost::Message as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::{Services, views};
use crate::rpc::stopping;

/// How often live progress is looked at; events are seen at once.
const GLANCE: Duration = Duration::from_millis(250);

/// Bytes a second to one reader: with thousands of databases at work there is always something new to tell, and a view
/// of them has megabytes.
const RATE: u32 = 4 << 20;

/// Views that wait for a reader. One: whoever reads slowly sees what is, not what was.
const VIEWS_AHEAD: usize = 1;

type Views = mpsc::Sender<Result<wire::RolloutView, Status>>;

pub(super) fn rollout(
    services: &Services,
    id: RolloutId,
) -> ReceiverStream<Result<wire::RolloutView, Status>> {
    let (views, stream) = mpsc::channel(VIEWS_AHEAD);
    let services = services.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = follow(&services, &id, &views) => {}
            // The reader is told why only if there is room for it; the connection ends in any case.
            () = services.stop.cancelled() => drop(views.try_send(Err(stopping()))),
        }
    });
    ReceiverStream::new(stream)
}

/// Until the rollout is over or the reader has left.
async fn follow(services: &Services, id: &RolloutId, views: &Views) {
    let mut states = services.controller.states();
    let mut last = None;
    loop {
        let Ok(place) = views.reserve().await else { return };
        let Some(state) = states.borrow_and_update().clone() else { return };
        let Some(rollout) = state.rollouts.get(id) else { return };
        let view = views::rollout::rollout(&state, &services.fleet, rollout);
        let mut pause = Duration::ZERO;
        if last.as_ref() != Some(&view) {
            pause = time_for(view.encoded_len());
            last = Some(view.clone());
            place.send(Ok(view));
        }
        if rollout.state.is_finished() {
            return;
        }
        // A reader that has left is noticed below.
        drop(tokio::time::timeout(pause, views.closed()).await);
        tokio::select! {
            () = views.closed() => return,
            changed = states.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(GLANCE) => {}
        }
    }
}

fn time_for(bytes: usize) -> Duration {
    Duration::from_secs(1) * u32::try_from(bytes).unwrap_or(u32::MAX) / RATE
}
