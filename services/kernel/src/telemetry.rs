//! Logs in JSON, traces over OTLP, metrics for Prometheus.

mod fields;

use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use self::fields::Fields;
use crate::config::Config;
use crate::error::Error;

/// Seconds, around what matters: a quick answer, the 200 ms of the promise, a deadline.
const BUCKETS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// See [`look_after`].
const SUM_UP_EVERY: Duration = Duration::from_secs(5);

/// What was started. Keep it until the process ends.
pub struct Telemetry {
    prometheus: PrometheusHandle,
    traces: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Starts logging, and tracing and metrics where they are asked for. Once per process.
    ///
    /// # Errors
    /// If the filter or the trace endpoint is not usable.
    pub fn start(config: &Config, process: &str) -> Result<Self, Error> {
        let refuse = |why: String| Error::failed_precondition("BAD_CONFIG", why);
        let logs = logs(config).map_err(|e| refuse(format!("log.filter: {e}")))?;
        let traces = trace_provider(config, process).map_err(|e| refuse(format!("trace.otlp_endpoint: {e}")))?;
        let spans = traces.as_ref().map(|provider| {
            crate::edge::begin_tracing();
            let only_requests = EnvFilter::new("off,muster_kernel::edge=info,muster_gateway=info");
            tracing_opentelemetry::layer()
                .with_tracer(provider.tracer("muster"))
                .with_filter(only_requests)
        });
        // A second start in one process (tests) keeps the first subscriber.
        let _ = Registry::default().with(logs).with(spans).try_init();
        let prometheus = recorder().map_err(|e| refuse(e.to_string()))?;
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(look_after(prometheus.clone()));
        }
        Ok(Self { prometheus, traces })
    }

    /// What Prometheus reads.
    pub fn metrics(&self) -> String {
        self.prometheus.run_upkeep();
        self.prometheus.render()
    }

    /// Sends what is not sent yet.
    pub fn stop(&self) {
        if let Some(traces) = &self.traces {
            let _ = traces.shutdown();
        }
    }
}

/// Where nobody reads the metrics, single figures would pile up: they are summed up now and then all the same.
async fn look_after(prometheus: PrometheusHandle) {
    loop {
        tokio::time::sleep(SUM_UP_EVERY).await;
        prometheus.run_upkeep();
    }
}

type Logs = Box<dyn Layer<Registry> + Send + Sync>;

fn logs(config: &Config) -> Result<Logs, tracing_subscriber::filter::ParseError> {
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    if config.log.format == "text" {
        return filtered(layer.with_ansi(false).with_target(false), &config.log.filter);
    }
    let json = layer.json().flatten_event(true).with_current_span(true);
    filtered(json.with_span_list(false).fmt_fields(Fields), &config.log.filter)
}

/// HTTP/2's library warns of each frame that it does not expect: who sends nothing else would fill the disk with lines, 20 MiB
/// a second (RELIABILITY G-07). Whoever wants to hear it names it in the filter.
const QUIET: &str = "h2=error";

/// Levels by module, as almost all filters are, cost nothing where a span begins; what looks into spans does.
fn filtered<L>(layer: L, filter: &str) -> Result<Logs, tracing_subscriber::filter::ParseError>
where
    L: Layer<Registry> + Send + Sync,
{
    let filter = format!("{QUIET},{filter}");
    match filter.parse::<Targets>() {
        Ok(targets) => Ok(layer.with_filter(targets).boxed()),
        Err(_) => Ok(layer.with_filter(EnvFilter::try_new(filter)?).boxed()),
    }
}

fn recorder() -> Result<PrometheusHandle, metrics_exporter_prometheus::BuildError> {
    let matcher = Matcher::Suffix("_seconds".to_owned());
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(matcher, BUCKETS)?
        .build_recorder();
    let handle = recorder.handle();
    let _ = metrics::set_global_recorder(recorder);
    Ok(handle)
}

fn trace_provider(
    config: &Config,
    process: &str,
) -> Result<Option<SdkTracerProvider>, opentelemetry_otlp::ExporterBuildError> {
    if config.trace.otlp_endpoint.is_empty() {
        return Ok(None);
    }
    let exporter = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(&config.trace.otlp_endpoint)
        .build()?;
    let share = f64::from(config.trace.per_mille.min(1000)) / 1000.0;
    let resource = Resource::builder()
        .with_service_name("muster")
        .with_attribute(KeyValue::new("process", process.to_owned()));
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(share))))
        .with_resource(resource.build())
        .build();
    Ok(Some(provider))
}

#[cfg(test)]
mod tests {
    use super::fields::tests::Paper;
    use super::*;

    /// What is logged under this filter of a frame that was not expected, and by us.
    fn logged(filter: &str) -> Vec<String> {
        let (paper, layer) = (Paper::default(), tracing_subscriber::fmt::layer().without_time());
        let pen = paper.clone();
        let layer = layer.with_ansi(false).with_writer(move || pen.clone());
        let subscriber = Registry::default().with(filtered(layer, filter).unwrap());
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(target: "h2::proto::ping_pong", "a frame");
            tracing::warn!(target: "muster_kernel::edge", "a connection");
        });
        let said = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
        said.lines().map(|line| line.trim().to_owned()).collect()
    }

    #[test]
    fn g_07_who_sends_frames_that_nobody_expects_writes_no_lines() {
        let (frame, connection) = (
            "WARN h2::proto::ping_pong: a frame",
            "WARN muster_kernel::edge: a connection",
        );
        let defaults: toml::Table = include_str!("config/default.toml").parse().unwrap();
        let default = defaults["log"]["filter"].as_str().unwrap();
        for filter in [default, "info", "warn", "debug", "info,muster_kernel[{role}]=debug"] {
            assert_eq!(logged(filter), [connection], "{filter}");
        }
        assert_eq!(logged("info,h2=warn"), [frame, connection], "who wants it hears it");
    }
}
