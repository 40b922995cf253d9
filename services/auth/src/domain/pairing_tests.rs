use proptest::prelude::*;

use super::*;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000 + seconds, 0).unwrap()
}

fn fresh() -> Request {
    Request::new("WDJB-MJHT".into(), DeviceKind::KitchenScreen, "pi".into(), at(0))
}

fn approval() -> Decision {
    Decision::Approved {
        tenant_id: Uuid::from_u128(1),
        device_id: Uuid::from_u128(2),
        person_id: Uuid::from_u128(3),
    }
}

fn begin() -> Poll {
    Poll::Begin {
        tenant_id: Uuid::from_u128(1),
        device_id: Uuid::from_u128(2),
        person_id: Uuid::from_u128(3),
    }
}

#[test]
fn the_usual_way() {
    let mut request = fresh();
    assert_eq!(request.poll(at(5)), Poll::Pending);
    assert!(request.decide(approval(), at(7)));
    assert_eq!(request.poll(at(10)), begin());
    request.collect(Uuid::from_u128(9), at(10));
    let repeat = Poll::Repeat {
        tenant_id: Uuid::from_u128(1),
        device_id: Uuid::from_u128(2),
        session_id: Uuid::from_u128(9),
    };
    assert_eq!(request.poll(at(11)), repeat);
    assert_eq!(request.poll(at(20)), repeat);
    assert_eq!(request.poll(at(21)), Poll::Used);
    assert_eq!(request.poll(at(10_000)), Poll::Used);
}

#[test]
fn asking_too_often() {
    let mut request = fresh();
    assert_eq!(request.poll(at(0)), Poll::Pending);
    assert_eq!(request.poll(at(1)), Poll::SlowDown(TimeDelta::seconds(4)));
    assert_eq!(request.poll(at(3)), Poll::SlowDown(TimeDelta::seconds(2)));
    assert_eq!(request.poll(at(4)), Poll::Pending);
}

#[test]
fn table_of_endings() {
    let denied = {
        let mut request = fresh();
        assert!(request.decide(Decision::Denied, at(1)));
        request
    };
    let late = {
        let mut request = fresh();
        assert!(request.decide(approval(), at(599)));
        request
    };
    let table = [
        (fresh(), 599, Poll::Pending),
        (fresh(), 600, Poll::Expired),
        (denied.clone(), 5, Poll::Denied),
        (denied, 601, Poll::Expired),
        (late.clone(), 605, begin()),
        (late.clone(), 1198, begin()),
        (late, 1199, Poll::Expired),
    ];
    for (mut request, now, expected) in table {
        assert_eq!(request.poll(at(now)), expected, "{request:?} at {now}");
    }
}

#[test]
fn decided_once_and_in_time() {
    let mut request = fresh();
    assert!(!request.decide(approval(), at(600)));
    assert_eq!(request.describe(at(600)).state, i32::from(PairingState::Expired));
    assert!(request.decide(Decision::Denied, at(2)));
    assert!(!request.decide(approval(), at(3)));
    assert_eq!(request.describe(at(3)).state, i32::from(PairingState::Denied));
}

#[test]
fn codes_as_typed() {
    for (typed, read) in [
        ("WDJB-MJHT", Some("WDJB-MJHT")),
        ("wdjb mjht", Some("WDJB-MJHT")),
        ("  wdjbmjht ", Some("WDJB-MJHT")),
        ("wdjb-mjh", None),
        ("wdjb-mjhtt", None),
        ("wdab-mjht", None),
        ("", None),
        ("żżżż-żżżż", None),
    ] {
        assert_eq!(read_code(typed).as_deref(), read, "{typed:?}");
    }
}

proptest! {
    #[test]
    fn drawn_codes_read_back(random in any::<[u8; 32]>()) {
        if let Some(code) = draw_code(&random) {
            prop_assert_eq!(read_code(&code), Some(code));
        }
    }

    /// Tokens begin once at most, only after an approval, and never after a denial.
    #[test]
    fn begun_once(steps in prop::collection::vec((0_u8..4, 0_i64..400), 1..40)) {
        let mut request = fresh();
        let (mut now, mut begun, mut approved) = (0, 0, false);
        for (step, pause) in steps {
            now += pause;
            match step {
                0 => approved |= request.decide(approval(), at(now)),
                1 => { let _ = request.decide(Decision::Denied, at(now)); }
                _ => if matches!(request.poll(at(now)), Poll::Begin { .. }) {
                    begun += 1;
                    request.collect(Uuid::from_u128(9), at(now));
                },
            }
            prop_assert!(begun <= i32::from(approved));
        }
    }
}
