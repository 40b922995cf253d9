//! What an operator sees of a request: one trace across gateway and service, metrics by method, logs without secrets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use muster::demo::PASSWORD;
use muster_proto::orders::v1::PlaceOrderResponse;
use muster_tests::client::Caller;
use muster_tests::stories::two_burgers;
use muster_tests::town::{Shape, Town};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

const PLACE: &str = "/muster.orders.v1.OrderService/PlaceOrder";

/// A span: the process that sent it, its name, its trace, its parent.
type Span = (String, String, Vec<u8>, Vec<u8>);

/// A collector that speaks OTLP.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Span>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for resource in request.into_inner().resource_spans {
            let attributes = resource
                .resource
                .map(|resource| resource.attributes)
                .unwrap_or_default();
            let process = attributes.into_iter().find(|attribute| attribute.key == "process");
            let process = match process.and_then(|attribute| attribute.value?.value) {
                Some(Value::StringValue(name)) => name,
                _ => String::new(),
            };
            let spans = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
            let spans = spans.map(|span| (process.clone(), span.name, span.trace_id, span.parent_span_id));
            self.0.lock().unwrap().extend(spans);
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

async fn collector() -> (Collector, String) {
    let collector = Collector::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let service = TraceServiceServer::new(collector.clone());
    let server = tonic::transport::Server::builder().add_service(service);
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    (collector, address)
}

async fn page(address: &str, path: &str) -> String {
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: ops\r\nconnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_request_is_one_trace_and_one_line_and_no_secret() {
    let (collector, endpoint) = collector().await;
    let settings = [
        ("MUSTER_TRACE__OTLP_ENDPOINT", endpoint.as_str()),
        ("MUSTER_TRACE__PER_MILLE", "1000"),
        ("MUSTER_LOG__FILTER", "debug,hyper=warn"),
    ];
    let town = Town::with_settings(Shape::Split, &settings).await;
    let waiter = Caller::sign_in(town.channel().await, "juniper", "sam").await;
    let (placed, metadata) = waiter
        .call_with::<_, PlaceOrderResponse>(PLACE, two_burgers(&town), &[("idempotency-key", "traced")])
        .await
        .unwrap();
    let order = placed.order.unwrap();
    let request_id = metadata.get("x-request-id").unwrap().to_str().unwrap().to_owned();

    let spans = tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            let spans: Vec<Span> = collector
                .0
                .lock()
                .unwrap()
                .iter()
                .filter(|span| span.1 == PLACE)
                .cloned()
                .collect();
            if spans.len() >= 2 {
                return spans;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let spans = spans.await.expect("both processes send their spans");
    let of = |process: &str| {
        spans
            .iter()
            .find(|span| span.0 == process)
            .unwrap_or_else(|| panic!("{process}: {spans:?}"))
    };
    let (gateway, orders) = (of("gateway"), of("orders"));
    assert_eq!(gateway.2, orders.2, "one trace");
    assert!(
        gateway.3.is_empty() && !orders.3.is_empty(),
        "the gateway's span is the parent"
    );

    let host = town.gateway.split(':').next().unwrap();
    let metrics = page(&format!("{host}:9091"), "/metrics").await;
    let counted = metrics
        .lines()
        .find(|line| line.starts_with("muster_rpc_total") && line.contains(PLACE));
    assert!(
        counted.is_some_and(|line| line.contains("code=\"Ok\"") && line.ends_with(" 1")),
        "{counted:?}"
    );
    assert!(metrics.contains("muster_rpc_seconds_bucket"));

    let logs = town.logs();
    let lines = logs
        .lines()
        .filter(|line| line.contains(&request_id) && line.contains("answered"));
    assert_eq!(lines.count(), 2, "one line at the gateway and one at orders");
    for line in logs.lines().filter(|line| line.starts_with('{')) {
        serde_json::from_str::<serde_json::Value>(line).expect("every line is JSON");
    }
    for secret in [PASSWORD, waiter.token.as_str(), "traced"] {
        assert!(!logs.contains(secret), "a log holds a secret: {secret}");
    }
    assert!(!logs.contains(&order.items[0].id), "a log holds what was ordered");
}
