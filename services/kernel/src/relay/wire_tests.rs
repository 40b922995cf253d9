use proptest::prelude::*;

use super::*;

fn headers() -> impl Strategy<Value = HeaderMap> {
    let one = ("[a-z][a-z0-9-]{0,20}", proptest::collection::vec(32_u8..127, 0..50));
    proptest::collection::vec(one, 0..12).prop_map(|list| {
        let mut headers = HeaderMap::new();
        for (name, value) in list {
            let name: http::HeaderName = name.parse().unwrap();
            headers.append(name, HeaderValue::from_bytes(&value).unwrap());
        }
        headers
    })
}

fn data() -> impl Strategy<Value = Bytes> {
    proptest::collection::vec(any::<u8>(), 0..300).prop_map(Bytes::from)
}

fn frame() -> impl Strategy<Value = Frame> {
    let path = "/[a-z.]{1,30}/[A-Za-z]{1,20}".prop_map(Bytes::from);
    let answer = (200_u16..600, headers(), data(), proptest::option::of(headers()));
    prop_oneof![
        (path, headers(), data()).prop_map(|(path, headers, body)| Frame::Ask { path, headers, body }),
        Just(Frame::Cancel),
        any::<u32>().prop_map(Frame::Grant),
        answer.prop_map(|(status, headers, data, trailers)| Frame::Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers,
            data,
            trailers,
        }),
        data().prop_map(Frame::Piece),
        headers().prop_map(Frame::End),
        Just(Frame::Leave),
    ]
}

proptest! {
    #[test]
    fn frames_are_read_as_they_were_written_however_they_are_cut(
        written in proptest::collection::vec((any::<u64>(), frame()), 1..20),
        cut in 1_usize..200,
    ) {
        let mut out = BytesMut::new();
        written.iter().for_each(|(call, frame)| frame.put(*call, &mut out));
        let (mut frames, mut read) = (Frames::default(), Vec::new());
        for piece in out.chunks(cut) {
            frames.take(piece);
            while let Some(one) = frames.next().unwrap() {
                read.push(one);
            }
        }
        prop_assert_eq!(read, written);
    }

    /// Whatever comes is a frame, garbled, or not there yet: no panic, and no more memory than came.
    #[test]
    fn what_is_no_frame_is_refused(
        mut written in proptest::collection::vec((any::<u64>(), frame()), 1..5).prop_map(|list| {
            let mut out = BytesMut::new();
            list.iter().for_each(|(call, frame)| frame.put(*call, &mut out));
            out.to_vec()
        }),
        flips in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8),
    ) {
        for (place, byte) in flips {
            let place = place.index(written.len());
            written[place] ^= byte;
        }
        let mut frames = Frames::default();
        frames.take(&written);
        while let Ok(Some(_)) = frames.next() {}
    }
}

#[test]
fn a_frame_too_long_is_refused_before_it_has_come() {
    for length in [0, 8, (128 << 10) + 1, u32::MAX] {
        let mut frames = Frames::default();
        frames.take(&length.to_be_bytes());
        assert!(frames.next().is_err(), "{length}");
    }
    let mut many = BytesMut::new();
    many.put_slice(&[0, 0, 0, 13, 6, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff, 0, 0]);
    let mut frames = Frames::default();
    frames.take(&many);
    assert_eq!(
        frames.next(),
        Ok(Some((1, Frame::Unreadable))),
        "more headers than there is room for"
    );
}
