//! Moments as the contract writes them.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use muster_kernel::time::from_proto;
pub use muster_kernel::time::to_proto as stamp;
use prost_types::Timestamp;

/// A moment of the contract; the epoch when it is not set, which is in the past for every purpose.
pub fn moment(stamp: Option<&Timestamp>) -> DateTime<Utc> {
    from_proto(stamp).unwrap_or_default()
}

/// The first whole second that is not before this moment. Tokens count in whole seconds.
pub fn next_second(moment: DateTime<Utc>) -> DateTime<Utc> {
    let floor = moment.trunc_subsecs(0);
    if floor == moment {
        moment
    } else {
        floor + TimeDelta::seconds(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_seconds_go_up() {
        let whole = DateTime::from_timestamp(100, 0).unwrap();
        assert_eq!(next_second(whole), whole);
        assert_eq!(
            next_second(whole + TimeDelta::microseconds(1)),
            whole + TimeDelta::seconds(1)
        );
        assert_eq!(moment(Some(&stamp(whole))), whole);
        assert_eq!(moment(None), DateTime::UNIX_EPOCH);
    }
}
