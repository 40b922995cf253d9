//! What browsers need to hear: which other sites may call, and what a page may do.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, CACHE_CONTROL, CONTENT_SECURITY_POLICY, ORIGIN,
    REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use tonic::body::Body;

use crate::plain;

const GRPC_WEB: &[&str] = &[
    "application/grpc-web",
    "application/grpc-web+proto",
    "application/grpc-web-text",
    "application/grpc-web-text+proto",
];

const ALLOWED_HEADERS: &str =
    "authorization, content-type, grpc-timeout, idempotency-key, traceparent, x-grpc-web, x-request-id, x-user-agent";
const EXPOSED_HEADERS: &str = "grpc-message, grpc-status, grpc-status-details-bin, x-request-id";

const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                   font-src 'self'; media-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; \
                   object-src 'none'; form-action 'self'; frame-ancestors 'none'";

const PERMISSIONS: &str = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), microphone=(), \
                           payment=(), usb=(), screen-wake-lock=(self), autoplay=(self)";

/// Whether this is a content type of grpc-web, exactly.
pub(crate) fn is_grpc_web(content_type: &str) -> bool {
    GRPC_WEB.contains(&content_type)
}

/// The sites that may call from a browser. None by default: the clients come from this origin.
pub(crate) struct Cors {
    origins: Vec<HeaderValue>,
}

impl Cors {
    pub(crate) fn new(origins: &[String]) -> Self {
        Self {
            origins: origins
                .iter()
                .filter_map(|origin| HeaderValue::from_str(origin).ok())
                .collect(),
        }
    }

    pub(crate) fn preflight(&self, request: &Request<Body>) -> Response<Body> {
        let allowed = request
            .headers()
            .get(ORIGIN)
            .is_some_and(|origin| self.origins.contains(origin));
        if !allowed {
            return plain(StatusCode::FORBIDDEN);
        }
        let mut response = plain(StatusCode::NO_CONTENT);
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(ALLOWED_HEADERS));
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("7200"));
        response
    }

    /// Lets the asking site read the answer, if it is one of ours.
    pub(crate) fn mark(&self, response: &mut Response<Body>, origin: Option<&HeaderValue>) {
        if self.origins.is_empty() {
            return;
        }
        response.headers_mut().append(VARY, HeaderValue::from_static("origin"));
        if let Some(origin) = origin.filter(|origin| self.origins.contains(origin)) {
            response
                .headers_mut()
                .insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            response
                .headers_mut()
                .insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED_HEADERS));
        }
    }
}

/// Headers that keep a page to itself (RELIABILITY G-16), on every answer.
pub(crate) fn secure(response: &mut Response<Body>, is_rpc: bool, over_tls: bool) {
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| headers.insert(name, HeaderValue::from_static(value));
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    if over_tls {
        set(STRICT_TRANSPORT_SECURITY, "max-age=63072000; includeSubDomains");
    }
    if is_rpc {
        set(CACHE_CONTROL, "no-store");
        return;
    }
    set(CONTENT_SECURITY_POLICY, CSP);
    set(REFERRER_POLICY, "no-referrer");
    set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    set(HeaderName::from_static("permissions-policy"), PERMISSIONS);
}
