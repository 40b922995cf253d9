//! Errors as answers: a gRPC status with a stable reason, the fields concerned, and what to do.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use muster_proto::Violation;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

/// The domain of every reason (`google.rpc.ErrorInfo.domain`).
pub const DOMAIN: &str = "muster.app";

/// What a handler answers instead of a response.
///
/// `code`, `reason` and `message` go to the caller; `cause` goes to the log only.
#[derive(Debug)]
pub struct Error {
    /// The gRPC code.
    pub code: Code,
    /// A stable reason in capitals, for programs.
    pub reason: &'static str,
    /// What is wrong and what to do, for people. Never holds SQL, paths or addresses.
    pub message: Cow<'static, str>,
    /// The fields of the request that are concerned.
    pub fields: Vec<Violation>,
    /// When it makes sense to try again.
    pub retry_after: Option<Duration>,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident => $code:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(reason: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
            Self::new(Code::$code, reason, message)
        }
    )*};
}

impl Error {
    /// An error of this code.
    pub fn new(code: Code, reason: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            fields: Vec::new(),
            retry_after: None,
            cause: None,
        }
    }

    constructors! {
        /// It does not exist, or the caller may not know that it does.
        not_found => NotFound;
        /// It is there already.
        already_exists => AlreadyExists;
        /// The system's state forbids it; repeating it as it is will not help.
        failed_precondition => FailedPrecondition;
        /// The caller is known and may not.
        permission_denied => PermissionDenied;
        /// The caller is not known.
        unauthenticated => Unauthenticated;
        /// Somebody else was quicker; read again and repeat.
        aborted => Aborted;
        /// The place read from is gone; start over from a snapshot.
        out_of_range => OutOfRange;
    }

    /// The same answer for somebody else who waited for it. The cause stays with the first.
    #[must_use]
    pub fn alike(&self) -> Self {
        Self {
            code: self.code,
            reason: self.reason,
            message: self.message.clone(),
            fields: self.fields.clone(),
            retry_after: self.retry_after,
            cause: None,
        }
    }

    /// A field of the request is wrong.
    pub fn invalid(field: impl Into<String>, reason: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        let message = message.into();
        let violation = Violation {
            field: field.into(),
            reason,
            description: message.clone().into_owned(),
        };
        let mut error = Self::new(Code::InvalidArgument, reason, message);
        error.fields.push(violation);
        error
    }

    /// Several fields of the request are wrong.
    pub fn violations(fields: Vec<Violation>) -> Self {
        let what = fields
            .first()
            .map_or_else(String::new, |first| format!(": {} {}", first.field, first.description));
        let mut error = Self::new(
            Code::InvalidArgument,
            "INVALID_FIELDS",
            format!("some fields are not valid{what}"),
        );
        error.fields = fields;
        error
    }

    /// Too much is going on; try again after `wait`.
    pub fn exhausted(reason: &'static str, message: impl Into<Cow<'static, str>>, wait: Duration) -> Self {
        Self {
            retry_after: Some(wait),
            ..Self::new(Code::ResourceExhausted, reason, message)
        }
    }

    /// A limit that waiting does not lift.
    pub fn exhausted_for_good(reason: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::ResourceExhausted, reason, message)
    }

    /// A part of the system is out of reach; trying again is safe with the same idempotency key.
    pub fn unavailable(reason: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            retry_after: Some(Duration::from_millis(500)),
            ..Self::new(Code::Unavailable, reason, message)
        }
    }

    /// A fault of ours. The caller learns nothing but that; the cause goes to the log.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self {
            cause: Some(cause.into()),
            ..Self::new(
                Code::Internal,
                "INTERNAL",
                "something went wrong on our side; the request id tells us what",
            )
        }
    }

    /// The time allowed for the request is over.
    pub fn deadline() -> Self {
        Self::new(
            Code::DeadlineExceeded,
            "DEADLINE_EXCEEDED",
            "the request took longer than its deadline",
        )
    }

    /// Points at the field that led to this error.
    #[must_use]
    pub fn at_field(mut self, field: impl Into<String>) -> Self {
        let violation = Violation {
            field: field.into(),
            reason: self.reason,
            description: self.message.clone().into_owned(),
        };
        self.fields.push(violation);
        self
    }

    /// Adds the cause, for the log.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// The cause, for the log.
    pub fn cause(&self) -> Option<&(dyn std::error::Error + Send + Sync)> {
        self.cause.as_deref()
    }

    /// A lasting answer about the request itself, which a repetition with the same key must get again.
    pub fn is_verdict(&self) -> bool {
        matches!(
            self.code,
            Code::NotFound | Code::AlreadyExists | Code::FailedPrecondition | Code::InvalidArgument | Code::OutOfRange
        )
    }

    /// The gRPC status that says so.
    pub fn to_status(&self) -> Status {
        let mut details = ErrorDetails::new();
        details.set_error_info(self.reason, DOMAIN, HashMap::<String, String>::new());
        if !self.fields.is_empty() {
            let fields = self.fields.iter();
            let fields = fields.map(|field| FieldViolation::new(field.field.clone(), field.description.clone()));
            details.set_bad_request(fields.collect::<Vec<_>>());
        }
        if let Some(wait) = self.retry_after {
            details.set_retry_info(Some(wait));
        }
        Status::with_error_details(self.code, self.message.clone(), details)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}: {}", self.code, self.reason, self.message)?;
        self.cause.as_ref().map_or(Ok(()), |cause| write!(f, " ({cause})"))
    }
}

impl std::error::Error for Error {}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        if error.code == Code::Internal {
            tracing::error!(cause = error.cause.as_ref().map(ToString::to_string), "internal error");
        } else if let Some(cause) = &error.cause {
            tracing::warn!(reason = error.reason, cause = %cause, "request failed");
        }
        error.to_status()
    }
}

impl From<Vec<Violation>> for Error {
    fn from(fields: Vec<Violation>) -> Self {
        Self::violations(fields)
    }
}
