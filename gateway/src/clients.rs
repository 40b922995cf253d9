//! The static clients, out of the binary itself.

use std::collections::HashMap;
use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LOCATION, VARY,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};
use tonic::body::Body;

use crate::plain;

#[derive(RustEmbed)]
#[folder = "../clients/kitchen/dist"]
#[allow_missing = true]
struct Kitchen;

/// Every file of the clients, compressed once.
pub(crate) struct Clients {
    files: HashMap<String, Page>,
}

struct Page {
    plain: Bytes,
    gzip: Bytes,
    content_type: HeaderValue,
    etag: HeaderValue,
    /// The name changes with the content, so it may be kept for ever.
    fingerprinted: bool,
}

impl Clients {
    pub(crate) fn load() -> Self {
        let mut files = HashMap::new();
        for name in Kitchen::iter() {
            if let Some(file) = Kitchen::get(&name) {
                files.insert(format!("/kitchen/{name}"), Page::new(&name, &file.data));
            }
        }
        Self { files }
    }

    pub(crate) fn page(&self, request: &Request<Body>) -> Response<Body> {
        if request.method() != Method::GET && request.method() != Method::HEAD {
            return plain(StatusCode::METHOD_NOT_ALLOWED);
        }
        let path = request.uri().path();
        if path == "/" || path == "/kitchen" {
            let mut response = plain(StatusCode::TEMPORARY_REDIRECT);
            response
                .headers_mut()
                .insert(LOCATION, HeaderValue::from_static("/kitchen/"));
            return response;
        }
        let page = self.files.get(path).or_else(|| {
            // A path without a file ending is a place inside the client.
            let inside = path.starts_with("/kitchen/") && !path.rsplit('/').next().unwrap_or_default().contains('.');
            inside.then(|| self.files.get("/kitchen/index.html")).flatten()
        });
        page.map_or_else(|| plain(StatusCode::NOT_FOUND), |page| page.answer(request.headers()))
    }
}

impl Page {
    fn new(name: &str, data: &[u8]) -> Self {
        let digest = Sha256::digest(data);
        let etag: String = digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
        let content_type = mime_guess::from_path(name).first_or_octet_stream();
        let content_type = match content_type.type_().as_str() {
            "text" => format!("{content_type}; charset=utf-8"),
            _ => content_type.to_string(),
        };
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        let gzip = encoder
            .write_all(data)
            .and_then(|()| encoder.finish())
            .unwrap_or_default();
        let octets = HeaderValue::from_static("application/octet-stream");
        Self {
            plain: Bytes::copy_from_slice(data),
            gzip: if gzip.len() < data.len() {
                gzip.into()
            } else {
                Bytes::new()
            },
            content_type: HeaderValue::from_str(&content_type).unwrap_or(octets),
            etag: HeaderValue::from_str(&format!("\"{etag}\"")).unwrap_or(HeaderValue::from_static("\"0\"")),
            fingerprinted: name.starts_with("assets/"),
        }
    }

    fn answer(&self, headers: &HeaderMap) -> Response<Body> {
        let known = headers.get(IF_NONE_MATCH).is_some_and(|etag| etag == self.etag);
        let accepts = headers
            .get(ACCEPT_ENCODING)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let gzip = !self.gzip.is_empty() && accepts.split(',').any(|coding| coding.trim().starts_with("gzip"));
        let mut response = match (known, gzip) {
            (true, _) => plain(StatusCode::NOT_MODIFIED),
            (false, true) => Response::new(Body::new(http_body_util::Full::new(self.gzip.clone()))),
            (false, false) => Response::new(Body::new(http_body_util::Full::new(self.plain.clone()))),
        };
        let out = response.headers_mut();
        if gzip && !known {
            out.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        out.insert(CONTENT_TYPE, self.content_type.clone());
        out.insert(ETAG, self.etag.clone());
        out.insert(VARY, HeaderValue::from_static("accept-encoding"));
        let keep = if self.fingerprinted {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        };
        out.insert(CACHE_CONTROL, HeaderValue::from_static(keep));
        response
    }
}
