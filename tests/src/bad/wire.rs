//! Messages as bytes that no encoder makes.

use prost_reflect::{FieldDescriptor, Kind};

/// A number as protobuf writes it.
pub fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(u8::try_from(number & 0x7f).expect("seven bits") | 0x80);
        number >>= 7;
    }
    bytes.push(u8::try_from(number).expect("seven bits"));
    bytes
}

/// The key of a field with a wire type from 0 to 7.
pub fn key(number: u32, wire: u8) -> Vec<u8> {
    varint(u64::from(number) << 3 | u64::from(wire))
}

/// A field with a length.
pub fn delimited(number: u32, bytes: &[u8]) -> Vec<u8> {
    let length = u64::try_from(bytes.len()).expect("a length");
    [key(number, 2), varint(length), bytes.to_vec()].concat()
}

/// These bytes inside the messages on the way to a field. Appended to a request, they are one more part of it.
pub fn nested(way: &[FieldDescriptor], bytes: Vec<u8>) -> Vec<u8> {
    way.iter()
        .rev()
        .fold(bytes, |inner, field| delimited(field.number(), &inner))
}

/// What a field of this kind must not be on the wire, by what is wrong with it.
pub fn broken(field: &FieldDescriptor) -> Vec<(&'static str, Vec<u8>)> {
    let number = field.number();
    let right: u8 = match field.kind() {
        Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => 1,
        Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => 5,
        Kind::String | Kind::Bytes | Kind::Message(_) => 2,
        _ => 0,
    };
    let mut all = Vec::new();
    // A list of numbers may be written packed, as bytes with a length.
    let packed = field.is_list() && right != 2;
    let others: [(&str, u8, &[u8]); 4] = [
        ("a number in its place", 0, &[1]),
        ("eight bytes in its place", 1, &[1; 8]),
        ("a text in its place", 2, &[1, b'a']),
        ("four bytes in its place", 5, &[1; 4]),
    ];
    for (what, wire, bytes) in others {
        if wire != right && !(packed && wire == 2) {
            all.push((what, [key(number, wire), bytes.to_vec()].concat()));
        }
    }
    all.push(("an end without a beginning", key(number, 4)));
    all.push(("a wire type that there is not (6)", key(number, 6)));
    all.push(("a wire type that there is not (7)", key(number, 7)));
    all.push(("only its key", key(number, right)));
    if right == 0 {
        all.push(("a number of eleven bytes", [key(number, 0), vec![0xff; 11]].concat()));
    }
    if right == 2 {
        all.push((
            "more than there is",
            [key(number, 2), varint(1 << 20), b"ab".to_vec()].concat(),
        ));
        all.push(("a negative length", [key(number, 2), varint(u64::MAX)].concat()));
        all.push(("a length of 2^63", [key(number, 2), varint(1 << 63)].concat()));
    }
    if field.kind() == Kind::String {
        let no_text: [(&str, &[u8]); 6] = [
            ("a lone surrogate", b"\xed\xa0\x80"),
            ("an overlong slash", b"\xc0\xaf"),
            ("no UTF-8 at all", b"\xff\xfe\xfd"),
            ("half a letter", b"ab\xe2\x82"),
            ("beyond the last letter", b"\xf4\x90\x80\x80"),
            ("a continuation alone", b"\x80"),
        ];
        all.extend(no_text.map(|(what, bytes)| (what, delimited(number, bytes))));
    }
    all
}

/// Bytes that are no message of any type.
pub fn no_message() -> Vec<(&'static str, Vec<u8>)> {
    let groups = key(1998, 3).repeat(5_000);
    vec![
        ("field 0", vec![0, 0]),
        ("a field number beyond the last", [varint(1 << 35), vec![0]].concat()),
        ("a key that goes on for ever", vec![0xff; 11]),
        ("5,000 groups in each other", groups.clone()),
        (
            "5,000 groups in each other, closed",
            [groups, key(1998, 4).repeat(5_000)].concat(),
        ),
        ("a group that another one closes", [key(1998, 3), key(1997, 4)].concat()),
        ("a group that nobody closes", key(1998, 3)),
    ]
}

/// Fields that the contract does not know, which are no fault.
pub fn unknown_fields() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("an unknown number", [key(1999, 0), varint(u64::MAX)].concat()),
        ("an unknown text", delimited(1999, &[b'x'; 10_000])),
        ("unknown bytes that are no text", delimited(1999, &[0xff; 64])),
        (
            "an unknown group",
            [key(1999, 3), key(1, 0), vec![1], key(1999, 4)].concat(),
        ),
        ("1,000 unknown numbers", [key(1999, 0), vec![1]].concat().repeat(1_000)),
        ("the last field number", [key((1 << 29) - 1, 0), vec![1]].concat()),
    ]
}
