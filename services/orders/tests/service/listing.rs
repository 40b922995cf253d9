//! Lists of orders: every kind of question, whole and page by page.

use chrono::TimeDelta;
use muster_kernel::both_engines;
use muster_kernel::testing::{Lab, owner};
use muster_orders::STEPS;
use muster_proto::orders::v1::order_service_server::OrderService;
use muster_proto::orders::v1::*;

use crate::diner::*;

/// Location, day, open only, statuses, and the orders that are listed.
type Case<'c> = (&'c str, &'c str, bool, &'c [OrderStatus], &'c [u128]);

/// Five orders of one day, of which the third is void, and one of the next day.
async fn two_days(lab: Lab) -> Diner {
    let diner = Diner::open(lab).await;
    for number in 0..6 {
        let pause = if number == 5 {
            TimeDelta::days(1)
        } else {
            TimeDelta::seconds(1)
        };
        diner.lab.clock.advance(pause);
        let fries = vec![want(200 + number, fries(), 1)];
        diner.place(100 + number, fries).await.unwrap();
    }
    let request = VoidOrderRequest {
        order_id: id(102),
        reason: "test".into(),
        validate_only: false,
    };
    diner.api.void_order(ask(request)).await.unwrap();
    diner
}

fn of(location_id: &str, business_date: &str, open_only: bool, statuses: &[OrderStatus]) -> ListOrdersRequest {
    ListOrdersRequest {
        location_id: location_id.to_owned(),
        business_date: business_date.to_owned(),
        open_only,
        statuses: statuses.iter().map(|status| i32::from(*status)).collect(),
        page_size: 2,
        ..ListOrdersRequest::default()
    }
}

/// All pages of a list; an order is known by the last digit of its id.
async fn pages(diner: &Diner, caller: &muster_kernel::identity::Caller, mut request: ListOrdersRequest) -> Vec<u128> {
    let mut all = Vec::new();
    loop {
        let page = diner.api.list_orders(by(caller, request.clone())).await.unwrap();
        let page = page.into_inner();
        assert!(page.orders.len() <= 2);
        all.extend(
            page.orders
                .iter()
                .map(|order| (0..9).find(|n| order.id == id(100 + n)).unwrap()),
        );
        if page.next_page_token.is_empty() {
            return all;
        }
        request.page_token = page.next_page_token;
    }
}

both_engines!(
    every_kind_of_list_is_read_page_by_page,
    "orders",
    STEPS,
    async |lab: Lab| {
        let diner = two_days(lab).await;
        let (here, there) = (here(), THERE.to_string());
        let (first, second, third) = ("2026-03-02", "2026-03-03", "2026-03-04");
        let (placed, void) = (OrderStatus::Placed, OrderStatus::Voided);
        let cases: [Case<'_>; 19] = [
            ("", "", false, &[], &[5, 4, 3, 2, 1, 0]),
            ("", "", false, &[void], &[2]),
            ("", "", false, &[placed, void], &[5, 4, 3, 2, 1, 0]),
            ("", "", true, &[], &[5, 4, 3, 1, 0]),
            ("", "", true, &[placed], &[5, 4, 3, 1, 0]),
            ("", "", true, &[void], &[]),
            ("", first, false, &[], &[4, 3, 2, 1, 0]),
            ("", first, true, &[], &[4, 3, 1, 0]),
            ("", third, false, &[], &[]),
            (&here, "", false, &[], &[5, 4, 3, 2, 1, 0]),
            (&here, "", false, &[void], &[2]),
            (&here, "", true, &[], &[5, 4, 3, 1, 0]),
            (&here, first, false, &[], &[4, 3, 2, 1, 0]),
            (&here, first, false, &[void], &[2]),
            (&here, first, true, &[], &[4, 3, 1, 0]),
            (&here, second, false, &[], &[5]),
            (&here, third, true, &[], &[]),
            (&there, "", false, &[], &[]),
            (&there, first, false, &[], &[]),
        ];
        for caller in [owner(TENANT), worker(HERE)] {
            for (location, day, open_only, statuses, wanted) in cases {
                if location == there && !caller.locations.is_empty() {
                    continue;
                }
                let seen = pages(&diner, &caller, of(location, day, open_only, statuses)).await;
                assert_eq!(seen, wanted, "{location:?} {day:?} open {open_only} {statuses:?}");
            }
        }
    }
);

both_engines!(
    a_page_of_one_list_is_none_of_another,
    "orders",
    STEPS,
    async |lab: Lab| {
        let diner = two_days(lab).await;
        let first = diner.api.list_orders(ask(of("", "", true, &[]))).await.unwrap();
        let mut other = of("", "", false, &[]);
        other.page_token = first.into_inner().next_page_token;
        assert_eq!(reason(diner.api.list_orders(ask(other)).await), "BAD_PAGE_TOKEN");
    }
);
