//! What goes over a relay: frames with a length, a kind and a call's number in front, all numbers big-endian.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// No frame is longer: a question or a piece of an answer, with headers as long as a listener takes them.
const LONGEST: usize = 128 << 10;
/// Length, kind and number.
const FRONT: usize = 4 + 1 + 8;

const ASK: u8 = 1;
const CANCEL: u8 = 2;
const GRANT: u8 = 3;
const ANSWER: u8 = 4;
const PIECE: u8 = 5;
const END: u8 = 6;
const LEAVE: u8 = 7;

/// What one side says to the other.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Frame {
    /// A question, whole.
    Ask {
        path: Bytes,
        headers: HeaderMap,
        body: Bytes,
    },
    /// Nobody waits for this answer any more.
    Cancel,
    /// So many bytes more of the answer may come.
    Grant(u32),
    /// An answer begins, or is there as a whole: then with what follows its body.
    Answer {
        status: StatusCode,
        headers: HeaderMap,
        data: Bytes,
        trailers: Option<HeaderMap>,
    },
    /// More of the answer's body.
    Piece(Bytes),
    /// The answer's end.
    End(HeaderMap),
    /// One call's question or answer that cannot be read. It says nothing of the frames after it.
    Unreadable,
    /// The role is about to stop: what was asked is answered, new questions go elsewhere. Its number means nothing.
    Leave,
}

/// The other side does not speak the relay's language, or a frame was damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Garbled;

impl Frame {
    /// Writes a frame of this call.
    pub(super) fn put(&self, call: u64, out: &mut BytesMut) {
        match self {
            Self::Ask { path, headers, body } => put_ask(call, path, headers, body, out),
            Self::Cancel => framed(CANCEL, call, out, |_| {}),
            Self::Grant(bytes) => framed(GRANT, call, out, |out| out.put_u32(*bytes)),
            Self::Answer {
                status,
                headers,
                data,
                trailers,
            } => framed(ANSWER, call, out, |out| {
                out.put_u16(status.as_u16());
                put_headers(headers, out);
                out.put_u8(u8::from(trailers.is_some()));
                if let Some(trailers) = trailers {
                    put_headers(trailers, out);
                }
                out.put_slice(data);
            }),
            Self::Piece(data) => framed(PIECE, call, out, |out| out.put_slice(data)),
            Self::End(trailers) => framed(END, call, out, |out| put_headers(trailers, out)),
            Self::Leave => framed(LEAVE, call, out, |_| {}),
            // It is only ever read.
            Self::Unreadable => {}
        }
    }

    fn read(kind: u8, rest: Bytes) -> Result<Self, Garbled> {
        match kind {
            ASK => Ok(question(rest).unwrap_or(Self::Unreadable)),
            ANSWER => Ok(answer(rest).unwrap_or(Self::Unreadable)),
            END => Ok(end(rest).unwrap_or(Self::Unreadable)),
            PIECE => Ok(Self::Piece(rest)),
            GRANT => grant(rest),
            CANCEL if rest.is_empty() => Ok(Self::Cancel),
            LEAVE if rest.is_empty() => Ok(Self::Leave),
            _ => Err(Garbled),
        }
    }
}

fn question(mut rest: Bytes) -> Result<Frame, Garbled> {
    let path = short(&mut rest)?;
    let headers = headers(&mut rest)?;
    let body = rest;
    Ok(Frame::Ask { path, headers, body })
}

fn answer(mut rest: Bytes) -> Result<Frame, Garbled> {
    let status = rest.try_get_u16().map_err(|_| Garbled)?;
    let status = StatusCode::from_u16(status).map_err(|_| Garbled)?;
    let first = headers(&mut rest)?;
    let trailers = match rest.try_get_u8() {
        Ok(0) => None,
        Ok(1) => Some(headers(&mut rest)?),
        _ => return Err(Garbled),
    };
    Ok(Frame::Answer {
        status,
        headers: first,
        data: rest,
        trailers,
    })
}

fn end(mut rest: Bytes) -> Result<Frame, Garbled> {
    let trailers = headers(&mut rest)?;
    if rest.is_empty() {
        Ok(Frame::End(trailers))
    } else {
        Err(Garbled)
    }
}

fn grant(mut rest: Bytes) -> Result<Frame, Garbled> {
    let bytes = rest.try_get_u32().map_err(|_| Garbled)?;
    if rest.is_empty() {
        Ok(Frame::Grant(bytes))
    } else {
        Err(Garbled)
    }
}

/// Writes a question without making a frame of it first.
pub(super) fn put_ask(call: u64, path: &[u8], headers: &HeaderMap, body: &[u8], out: &mut BytesMut) {
    framed(ASK, call, out, |out| {
        put_short(path, out);
        put_headers(headers, out);
        out.put_slice(body);
    });
}

/// Whether a question is short enough for a relay.
pub(crate) fn fits(path: &str, headers: &HeaderMap, body: &[u8]) -> bool {
    path.len() + length_of(headers) + body.len() <= super::LONGEST_QUESTION
}

/// Bytes of these headers in a frame.
pub(super) fn length_of(headers: &HeaderMap) -> usize {
    let lengths = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4);
    lengths.sum()
}

fn framed(kind: u8, call: u64, out: &mut BytesMut, fill: impl FnOnce(&mut BytesMut)) {
    let start = out.len();
    out.put_u32(0);
    out.put_u8(kind);
    out.put_u64(call);
    fill(out);
    let length = u32::try_from(out.len() - start - 4).unwrap_or(u32::MAX);
    if let Some(place) = out.get_mut(start..start + 4) {
        place.copy_from_slice(&length.to_be_bytes());
    }
}

fn put_short(bytes: &[u8], out: &mut BytesMut) {
    // Nothing that a listener takes is longer.
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    out.put_u16(length);
    out.put_slice(bytes.get(..usize::from(length)).unwrap_or_default());
}

fn put_headers(headers: &HeaderMap, out: &mut BytesMut) {
    out.put_u16(u16::try_from(headers.len()).unwrap_or(u16::MAX));
    for (name, value) in headers.iter().take(usize::from(u16::MAX)) {
        put_short(name.as_str().as_bytes(), out);
        put_short(value.as_bytes(), out);
    }
}

fn short(from: &mut Bytes) -> Result<Bytes, Garbled> {
    let length = usize::from(from.try_get_u16().map_err(|_| Garbled)?);
    if length > from.len() {
        return Err(Garbled);
    }
    Ok(from.split_to(length))
}

fn headers(from: &mut Bytes) -> Result<HeaderMap, Garbled> {
    let count = usize::from(from.try_get_u16().map_err(|_| Garbled)?);
    // What each one takes at least bounds what is made room for.
    if count > from.len() / 4 {
        return Err(Garbled);
    }
    let mut headers = HeaderMap::try_with_capacity(count).map_err(|_| Garbled)?;
    for _ in 0..count {
        let name = HeaderName::from_bytes(&short(from)?).map_err(|_| Garbled)?;
        let value = HeaderValue::from_maybe_shared(short(from)?).map_err(|_| Garbled)?;
        headers.try_append(name, value).map_err(|_| Garbled)?;
    }
    Ok(headers)
}

/// Cuts what comes into frames.
#[derive(Debug, Default)]
pub(super) struct Frames {
    come: BytesMut,
}

impl Frames {
    /// These bytes came.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        self.come.extend_from_slice(bytes);
    }

    /// The next frame with its call's number; none until more comes.
    ///
    /// # Errors
    /// If what came is no frame. Nothing that comes after can be understood.
    pub(super) fn next(&mut self) -> Result<Option<(u64, Frame)>, Garbled> {
        let mut front = self.come.as_ref();
        let Ok(length) = front.try_get_u32() else {
            return Ok(None);
        };
        let length = length as usize;
        if !(FRONT - 4..=LONGEST).contains(&length) {
            return Err(Garbled);
        }
        let Some(mut frame) = front.get(..length) else {
            return Ok(None);
        };
        let (kind, call) = (frame.get_u8(), frame.get_u64());
        // A copy of its own: what is kept of one call must not hold on to what came for others.
        let rest = Bytes::copy_from_slice(frame);
        self.come.advance(4 + length);
        Frame::read(kind, rest).map(|frame| Some((call, frame)))
    }
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
