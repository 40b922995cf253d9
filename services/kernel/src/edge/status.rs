//! Honest status codes: what the stack below us words wrongly is put right (RELIABILITY G-06, G-10, G-11).

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use tonic::body::Body;
use tonic::{Code, Status};

use crate::error::Error;

const GRPC_TYPES: &[&str] = &["application/grpc", "application/grpc+proto"];

/// Whether this is a gRPC request at all; tonic by itself would run the handler for any POST or GET.
pub fn is_grpc(method: &Method, headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let one = types.next().and_then(|value| value.to_str().ok());
    method == Method::POST && types.next().is_none() && one.is_some_and(|value| GRPC_TYPES.contains(&value))
}

/// The answer to what is not gRPC.
pub fn refuse(method: &Method) -> Response<Body> {
    let status = if method == Method::POST {
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    } else {
        StatusCode::METHOD_NOT_ALLOWED
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    if status == StatusCode::METHOD_NOT_ALLOWED {
        response
            .headers_mut()
            .insert(http::header::ALLOW, HeaderValue::from_static("POST"));
    }
    response
}

/// Rewords a status that the stack made by itself. Ours carry details, so those without any are not ours.
pub fn normalise(response: Response<Body>) -> Response<Body> {
    if response.headers().contains_key("grpc-status-details-bin") {
        return response;
    }
    let Some(status) = Status::from_header_map(response.headers()) else {
        return response;
    };
    let error = match status.code() {
        Code::Ok => return response,
        Code::OutOfRange => {
            Error::exhausted_for_good("MESSAGE_TOO_LARGE", "the message is larger than this method takes")
        }
        Code::Internal | Code::InvalidArgument => {
            let what =
                "the message is not what this method takes: not valid Protobuf, more than one message, or compressed";
            Error::new(Code::InvalidArgument, "MALFORMED_MESSAGE", what)
        }
        Code::Unimplemented if status.message().is_empty() => {
            Error::new(Code::Unimplemented, "UNKNOWN_METHOD", "there is no such method")
        }
        Code::Unimplemented => Error::new(
            Code::Unimplemented,
            "UNSUPPORTED_ENCODING",
            "this encoding is not supported",
        ),
        Code::Cancelled | Code::DeadlineExceeded => Error::deadline(),
        Code::Unknown | Code::Unavailable => Error::unavailable("UNAVAILABLE", "this part of Muster does not answer"),
        code => Error::new(code, "REFUSED", "the request was refused"),
    };
    let mut reworded = error.to_status().into_http();
    // The second tells a client which encodings it may use instead.
    for name in [crate::door::REQUEST_ID, "grpc-accept-encoding"] {
        if let Some(value) = response.headers().get(name) {
            reworded.headers_mut().insert(name, value.clone());
        }
    }
    reworded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_learns_which_encodings_there_are() {
        let mut theirs: Response<Body> = Status::unimplemented("Content is compressed with `gzip`").into_http();
        theirs
            .headers_mut()
            .insert("grpc-accept-encoding", HeaderValue::from_static("identity"));
        let ours = normalise(theirs);
        assert_eq!(ours.headers().get("grpc-accept-encoding").unwrap(), "identity");
        assert_eq!(
            Status::from_header_map(ours.headers()).unwrap().message(),
            "this encoding is not supported"
        );
    }
}
