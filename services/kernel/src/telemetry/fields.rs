//! A span's fields as JSON, written once. The usual way keeps them in a map, and reads and writes the whole text again for
//! each field that comes later; a span of every request has two of those.

use std::fmt::{self, Debug};

use tracing::field::{Field, Visit};
use tracing::span::Record;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FormatFields, FormattedFields};

/// Writes `{"role":"orders","request_id":"…"}`. A field that is written again stands twice; readers take the later one.
pub(super) struct Fields;

impl<'w> FormatFields<'w> for Fields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'w>, fields: R) -> fmt::Result {
        writer.write_char('{')?;
        let mut object = Object::new(writer, true);
        fields.record(&mut object);
        object.end()
    }

    fn add_fields(&self, current: &'w mut FormattedFields<Self>, fields: &Record<'_>) -> fmt::Result {
        if current.fields.pop().is_none() {
            current.fields.push('{');
        }
        let is_first = current.fields.len() == 1;
        let mut object = Object::new(current.as_writer(), is_first);
        fields.record(&mut object);
        object.end()
    }
}

struct Object<'w> {
    writer: Writer<'w>,
    is_first: bool,
    outcome: fmt::Result,
}

impl<'w> Object<'w> {
    fn new(writer: Writer<'w>, is_first: bool) -> Self {
        let outcome = Ok(());
        Self {
            writer,
            is_first,
            outcome,
        }
    }

    fn end(mut self) -> fmt::Result {
        self.outcome?;
        self.writer.write_char('}')
    }

    fn entry(&mut self, field: &Field, write: impl FnOnce(&mut Writer<'w>) -> fmt::Result) {
        // What is said to the exporter of traces about the span.
        if field.name().starts_with("otel.") {
            return;
        }
        let begins = if std::mem::take(&mut self.is_first) {
            "\""
        } else {
            ",\""
        };
        self.outcome = self.outcome.and_then(|()| {
            self.writer.write_str(begins)?;
            self.writer.write_str(field.name())?;
            self.writer.write_str("\":")?;
            write(&mut self.writer)
        });
    }
}

impl Visit for Object<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.entry(field, |writer| text(writer, value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.entry(field, |writer| write!(writer, "{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.entry(field, |writer| write!(writer, "{value}"));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no word for what is not a number.
        self.entry(field, |writer| match value.is_finite() {
            true => write!(writer, "{value}"),
            false => writer.write_str("null"),
        });
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.entry(field, |writer| write!(writer, "{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.entry(field, |writer| text(writer, &format!("{value:?}")));
    }
}

fn text(writer: &mut Writer<'_>, value: &str) -> fmt::Result {
    let is_plain = value
        .bytes()
        .all(|byte| (0x20..0x7f).contains(&byte) && byte != b'"' && byte != b'\\');
    if is_plain {
        writer.write_char('"')?;
        writer.write_str(value)?;
        return writer.write_char('"');
    }
    let escaped = serde_json::to_string(value).map_err(|_| fmt::Error)?;
    writer.write_str(&escaped)
}

#[cfg(test)]
pub(super) mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    pub(crate) struct Paper(pub(crate) Arc<Mutex<Vec<u8>>>);

    impl io::Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_carries_what_its_span_knows_early_and_late() {
        let paper = Paper::default();
        let pen = paper.clone();
        let layer = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_span_list(false);
        let subscriber = layer.fmt_fields(Fields).with_writer(move || pen.clone()).finish();
        tracing::subscriber::with_default(subscriber, || {
            let awkward = "a \"quoted\" line\nwith ünicode \\";
            let span = tracing::info_span!(
                "rpc",
                role = awkward,
                count = 3,
                otel.kind = "server",
                well = true,
                late = tracing::field::Empty
            );
            span.record("late", tracing::field::display("person:1"));
            span.in_scope(|| tracing::info!(micros = 7, "answered"));
            let bare = tracing::info_span!("bare", late = tracing::field::Empty);
            bare.record("late", tracing::field::debug("x"));
            bare.in_scope(|| tracing::info!("twice"));
        });
        let said = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<serde_json::Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let span = &lines[0]["span"];
        assert_eq!(span["otel.kind"], serde_json::Value::Null, "that is for traces");
        assert_eq!(span["role"], "a \"quoted\" line\nwith ünicode \\");
        assert_eq!(
            (span["late"].as_str(), &span["name"]),
            (Some("person:1"), &"rpc".into())
        );
        assert_eq!(
            (
                span["count"].as_i64(),
                span["well"].as_bool(),
                lines[0]["micros"].as_i64()
            ),
            (Some(3), Some(true), Some(7))
        );
        assert_eq!(lines[1]["span"]["late"], "\"x\"");
    }
}
