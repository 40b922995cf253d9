//! Deadlines: every request has one, and it shrinks on its way.

use std::time::Duration;

use http::HeaderMap;
use muster_proto::Rule;

use crate::error::Error;

/// The header that carries the time left.
pub const TIMEOUT_HEADER: &str = "grpc-timeout";
/// A request without a deadline gets this one.
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(10);
/// No request gets more.
pub const LONGEST_DEADLINE: Duration = Duration::from_secs(60);
/// A stream is asked to start anew after this.
pub const STREAM_DEADLINE: Duration = Duration::from_secs(3600);

/// The time that a request has.
///
/// # Errors
/// `INVALID_ARGUMENT` if `grpc-timeout` is not of the form of the gRPC specification.
pub fn deadline_of(headers: &HeaderMap, rule: &Rule) -> Result<Duration, Error> {
    let (usual, longest) = if rule.streaming {
        (STREAM_DEADLINE, STREAM_DEADLINE)
    } else {
        (DEFAULT_DEADLINE, LONGEST_DEADLINE)
    };
    let Some(value) = headers.get(TIMEOUT_HEADER) else {
        return Ok(usual);
    };
    let asked = value.to_str().ok().and_then(parse).ok_or_else(|| {
        Error::invalid(
            TIMEOUT_HEADER,
            "BAD_TIMEOUT",
            "must be up to 8 digits and one of H, M, S, m, u, n",
        )
    })?;
    Ok(asked.min(longest))
}

/// The header's form of a duration, rounded to milliseconds, at least one.
pub fn format_timeout(left: Duration) -> String {
    format!("{}m", left.as_millis().clamp(1, 99_999_999))
}

fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(count * 3600),
        "M" => Duration::from_secs(count * 60),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_specification_allows_and_nothing_else() {
        assert_eq!(parse("250m"), Some(Duration::from_millis(250)));
        assert_eq!(parse("2S"), Some(Duration::from_secs(2)));
        assert_eq!(parse("99999999n"), Some(Duration::from_nanos(99_999_999)));
        for bad in [
            "",
            "m",
            "1",
            "1s",
            "-1S",
            "+1S",
            "123456789S",
            "1.5S",
            " 1S",
            "1 S",
            "１S",
        ] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }
}
