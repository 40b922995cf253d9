//! The stream: snapshot, numbered changes, heartbeats, and coming back without a gap or a repeat.

use std::collections::HashMap;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use muster_kernel::both_engines;
use muster_kernel::testing::Lab;
use muster_orders::STEPS;
use muster_proto::orders::v1::kitchen_service_server::KitchenService;
use muster_proto::orders::v1::watch_kitchen_response::Message;
use muster_proto::orders::v1::*;
use tonic::Status;

use crate::diner::*;

struct Watcher(BoxStream<'static, Result<WatchKitchenResponse, Status>>);

impl Watcher {
    async fn open(diner: &Diner, station_ids: Vec<String>, resume_token: String) -> Self {
        let request = WatchKitchenRequest {
            location_id: here(),
            station_ids,
            resume_token,
        };
        Self(diner.api.watch_kitchen(ask(request)).await.unwrap().into_inner())
    }

    async fn next(&mut self) -> Message {
        let next = tokio::time::timeout(Duration::from_secs(6), self.0.next()).await;
        next.expect("something within six seconds")
            .unwrap()
            .unwrap()
            .message
            .unwrap()
    }

    async fn snapshot(&mut self) -> KitchenSnapshot {
        match self.next().await {
            Message::Snapshot(snapshot) => snapshot,
            other => panic!("a snapshot comes first, not {other:?}"),
        }
    }

    async fn change(&mut self) -> KitchenChange {
        loop {
            match self.next().await {
                Message::Change(change) => return change,
                Message::Heartbeat(_) => {}
                Message::Snapshot(_) => panic!("a snapshot comes only when something was missed"),
            }
        }
    }

    async fn heartbeat(&mut self) -> KitchenHeartbeat {
        loop {
            if let Message::Heartbeat(heartbeat) = self.next().await {
                return heartbeat;
            }
        }
    }
}

both_engines!(a_screen_sees_each_change_in_order, "orders", STEPS, async |lab: Lab| {
    let diner = Diner::open(lab).await;
    let mut screen = Watcher::open(&diner, vec![], String::new()).await;
    let snapshot = screen.snapshot().await;
    assert_eq!((snapshot.stations.len(), snapshot.tickets.len()), (3, 0));
    assert_eq!(snapshot.time_zone, "America/New_York");
    diner.lunch().await;
    diner.bump(100, grill(), &[201]).await.unwrap();
    diner.bump(100, fry(), &[202]).await.unwrap();
    diner.set_stock(burger(), StockState::Out, 0).await;
    diner.bump(100, expo(), &[201, 202]).await.unwrap();
    diner
        .put_station(station(13, "BAR", StationKind::Prep, false))
        .await
        .unwrap();
    use KitchenChangeCause::{Bumped, Fulfilled, New, Ready, Stations, Stock};
    for (index, cause) in [New, Bumped, Ready, Stock, Fulfilled, Stations].into_iter().enumerate() {
        let change = screen.change().await;
        assert_eq!((change.number, change.cause()), (index as i64 + 1, cause));
    }
});

both_engines!(a_heartbeat_says_how_fresh_it_is, "orders", STEPS, async |lab: Lab| {
    let diner = Diner::open(lab).await;
    let mut screen = Watcher::open(&diner, vec![], String::new()).await;
    let snapshot = screen.snapshot().await;
    diner.lab.clock.advance(chrono::TimeDelta::seconds(30));
    tokio::time::sleep(Duration::from_millis(1200)).await;
    let heartbeat = screen.heartbeat().await;
    let seconds = |at: Option<prost_types::Timestamp>| at.unwrap().seconds;
    assert_eq!(seconds(heartbeat.now) - seconds(snapshot.now), 30);
    assert_eq!(
        seconds(heartbeat.as_of) - seconds(snapshot.as_of),
        30,
        "the log was read since"
    );
    // The log is out of reach: the stream goes on, and says that it is old.
    diner.lab.deps.db.close().await;
    diner.lab.clock.advance(chrono::TimeDelta::seconds(60));
    let mut lag = 0;
    for _ in 0..3 {
        let heartbeat = screen.heartbeat().await;
        lag = seconds(heartbeat.now) - seconds(heartbeat.as_of);
    }
    assert_eq!(lag, 60);
});

both_engines!(
    a_screen_resumes_without_a_gap_or_a_repeat,
    "orders",
    STEPS,
    async |lab: Lab| {
        let diner = Diner::open(lab).await;
        let mut screen = Watcher::open(&diner, vec![], String::new()).await;
        screen.snapshot().await;
        diner.lunch().await;
        let seen = screen.change().await;
        drop(screen);
        diner.bump(100, grill(), &[201]).await.unwrap();
        diner.bump(100, fry(), &[202]).await.unwrap();
        let mut screen = Watcher::open(&diner, vec![], seen.resume_token.clone()).await;
        let causes = [screen.change().await, screen.change().await].map(|change| (change.number, change.cause()));
        assert_eq!(
            causes,
            [(1, KitchenChangeCause::Bumped), (2, KitchenChangeCause::Ready)]
        );
        // Another set of stations, or a token that is not ours: everything anew.
        Watcher::open(&diner, vec![fry()], seen.resume_token)
            .await
            .snapshot()
            .await;
        Watcher::open(&diner, vec![], "nonsense".into()).await.snapshot().await;
    }
);

both_engines!(
    a_token_of_one_server_is_good_at_another,
    "orders",
    STEPS,
    async |lab: Lab| {
        let diner = Diner::open(lab).await;
        let mut screen = Watcher::open(&diner, vec![], String::new()).await;
        screen.snapshot().await;
        let deps = &diner.lab.deps;
        let second = std::sync::Arc::new(muster_orders::hub::Hub::new(
            deps.db.clone(),
            deps.world.clone(),
            deps.bell.clone(),
            diner.api.shelf.rows().clone(),
        ));
        tokio::spawn(std::sync::Arc::clone(&second).follow(deps.stop.clone()));
        let elsewhere = muster_orders::rpc::Api {
            hub: second,
            ..diner.api.clone()
        };
        let watch = async |resume_token| {
            let request = WatchKitchenRequest {
                location_id: here(),
                station_ids: vec![],
                resume_token,
            };
            Watcher(elsewhere.watch_kitchen(ask(request)).await.unwrap().into_inner())
        };
        let mut other = watch(String::new()).await;
        other.snapshot().await;
        diner.lunch().await;
        let seen = screen.change().await;
        other.change().await;
        diner.bump(100, grill(), &[201]).await.unwrap();
        other.change().await;
        let mut moved = watch(seen.resume_token).await;
        assert_eq!(moved.change().await.cause(), KitchenChangeCause::Bumped);
    }
);

both_engines!(
    a_screen_of_one_station_gets_its_tickets_only,
    "orders",
    STEPS,
    async |lab: Lab| {
        let diner = Diner::open(lab).await;
        diner.lunch().await;
        let mut screen = Watcher::open(&diner, vec![fry()], String::new()).await;
        let snapshot = screen.snapshot().await;
        assert_eq!(
            snapshot
                .tickets
                .iter()
                .map(|ticket| ticket.station_id.clone())
                .collect::<Vec<_>>(),
            [fry()]
        );
        diner.bump(100, grill(), &[201]).await.unwrap();
        let change = screen.change().await;
        assert_eq!(change.tickets.len(), 1, "its ticket says that the grill is done");
        assert_eq!(change.removed_ticket_ids.len(), 0);
    }
);

// what waits for a screen is bounded, and the others do not notice.
both_engines!(
    a_screen_that_falls_behind_starts_anew_and_the_others_go_on,
    "orders",
    STEPS,
    async |lab: Lab| {
        let diner = Diner::open(lab).await;
        let mut slow = Watcher::open(&diner, vec![], String::new()).await;
        let mut steady = Watcher::open(&diner, vec![], String::new()).await;
        slow.snapshot().await;
        steady.snapshot().await;
        for number in 1..=300 {
            let state = if number % 2 == 0 {
                StockState::InStock
            } else {
                StockState::Out
            };
            diner.set_stock(burger(), state, 0).await;
            assert_eq!(steady.change().await.number, number);
        }
        let anew = loop {
            match slow.next().await {
                Message::Snapshot(snapshot) => break snapshot,
                Message::Heartbeat(_) => {}
                Message::Change(change) => panic!("change {} after so many were missed", change.number),
            }
        };
        assert_eq!(anew.stock.len(), 0, "it is how it now is");
        diner.set_stock(burger(), StockState::Out, 0).await;
        assert_eq!(slow.change().await.number, 1);
        assert_eq!(steady.change().await.number, 301);
    }
);

// Screens of the same stations send the same bytes, and those of others do not get them.
both_engines!(views_are_told_apart, "orders", STEPS, async |lab: Lab| {
    let diner = Diner::open(lab).await;
    let mut all = Watcher::open(&diner, vec![], String::new()).await;
    let mut two = Watcher::open(&diner, vec![fry(), grill()], String::new()).await;
    let mut same = Watcher::open(&diner, vec![grill(), fry()], String::new()).await;
    for screen in [&mut all, &mut two, &mut same] {
        screen.snapshot().await;
    }
    diner.lunch().await;
    let [all, two, same] = [all.change().await, two.change().await, same.change().await];
    assert_eq!((all.tickets.len(), two.tickets.len()), (3, 2));
    assert_eq!(two, same);
    assert_ne!(all.resume_token, two.resume_token);
    assert_eq!((all.order_version, all.orders_left_out), (1, 0));
});

// Whoever replaces, adds and removes as told shows what a fresh snapshot shows, whenever they came.
both_engines!(
    screens_that_came_at_any_time_agree,
    "orders",
    STEPS,
    async |lab: Lab| {
        let diner = std::sync::Arc::new(Diner::open(lab).await);
        let work = {
            let diner = std::sync::Arc::clone(&diner);
            tokio::spawn(async move {
                for number in 0..12_u128 {
                    let items = vec![want(1000 + number, burger(), 1), want(2000 + number, fries(), 1)];
                    diner.place(300 + number, items).await.unwrap();
                    diner.bump(300 + number, grill(), &[1000 + number]).await.unwrap();
                    if number % 3 == 0 {
                        diner.bump(300 + number, fry(), &[2000 + number]).await.unwrap();
                        diner
                            .bump(300 + number, expo(), &[1000 + number, 2000 + number])
                            .await
                            .unwrap();
                    }
                }
            })
        };
        let mut screens = Vec::new();
        for _ in 0..6 {
            screens.push(Watcher::open(&diner, vec![], String::new()).await);
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
        work.await.unwrap();
        let expected = by_id(
            Watcher::open(&diner, vec![], String::new())
                .await
                .snapshot()
                .await
                .tickets,
        );
        for mut screen in screens {
            let mut shown = by_id(screen.snapshot().await.tickets);
            while shown != expected {
                let change = screen.change().await;
                change.removed_ticket_ids.iter().for_each(|id| drop(shown.remove(id)));
                shown.extend(by_id(change.tickets));
            }
        }
    }
);

fn by_id(tickets: Vec<Ticket>) -> HashMap<String, Ticket> {
    tickets.into_iter().map(|ticket| (ticket.id.clone(), ticket)).collect()
}
