//! Attacks by the claims: T-17 to T-35, T-43 to T-45.

use serde_json::{Value, json};

use super::{Attack, Forger, List};

const ODD: &[&str] = &[
    "null",
    "true",
    "[]",
    "{}",
    "[1]",
    "\"\"",
    "\"1\"",
    "1e300",
    "-1e300",
    "1.5",
    "18446744073709551615",
];

pub(super) fn attacks(forger: &Forger) -> Vec<Attack> {
    let mut list = List::default();
    times(forger, &mut list);
    names(forger, &mut list);
    rights(forger, &mut list);
    shapes(forger, &mut list);
    list.0
}

/// The token with the claim's value written as this text of JSON.
fn raw(forger: &Forger, name: &str, text: &str) -> String {
    let mut claims = forger.claims.clone();
    claims.remove(name);
    let rest = json!(claims).to_string();
    forger.sign(
        &json!(forger.header()).to_string(),
        &format!("{},\"{name}\":{text}}}", rest.trim_end_matches('}')),
    )
}

fn times(forger: &Forger, list: &mut List) {
    let now = forger.number("iat");
    for (id, name) in [("T-25", "exp"), ("T-24", "nbf"), ("T-26", "iat"), ("T-45", "auth_time")] {
        for text in ODD {
            list.token(id, format!("{name}: {text}"), raw(forger, name, text));
        }
        list.token(
            id,
            format!("{name} as a string"),
            raw(forger, name, &format!("\"{}\"", forger.number(name))),
        );
    }
    list.token("T-17", "no exp", forger.with_claim("exp", Value::Null));
    let old = [
        ("iat", now - 306),
        ("nbf", now - 306),
        ("auth_time", now - 306),
        ("exp", now - 6),
    ];
    let mut claims = forger.claims.clone();
    old.into_iter()
        .for_each(|(name, value)| drop(claims.insert(name.to_owned(), json!(value))));
    list.token(
        "T-18",
        "expired six seconds ago",
        forger.token(&forger.header(), &claims),
    );
    let exp = forger.number("exp");
    list.token("T-19", "exp as a float", raw(forger, "exp", &format!("{exp}.0")));
    list.token("T-19", "exp with an exponent", raw(forger, "exp", &format!("{exp}e0")));
    for text in ["-1", "0", "1e300", "-9223372036854775808"] {
        list.token("T-20", format!("exp: {text}"), raw(forger, "exp", text));
    }
    for text in ["18446744073709551615", "9223372036854775807", "9223372036854775806"] {
        list.token("T-21", format!("exp: {text}"), raw(forger, "exp", text));
    }
    list.token(
        "T-21",
        "a life of 601 seconds",
        forger.with_claim("exp", json!(now + 601)),
    );
    list.token(
        "T-21",
        "made at the beginning of time",
        forger.with_claim("iat", json!(i64::MIN)),
    );
    list.token("T-22", "nbf in a minute", forger.with_claim("nbf", json!(now + 60)));
    list.token(
        "T-22",
        "nbf at the end of time",
        forger.with_claim("nbf", json!(i64::MAX)),
    );
    list.token("T-23", "no nbf", forger.with_claim("nbf", Value::Null));
    list.token("T-26", "iat in a minute", forger.with_claim("iat", json!(now + 60)));
    list.token("T-26", "no iat", forger.with_claim("iat", Value::Null));
    list.token("T-26", "iat after exp", forger.with_claim("iat", json!(exp + 1)));
    list.token("T-45", "no auth_time", forger.with_claim("auth_time", Value::Null));
    list.token(
        "T-45",
        "auth_time in a minute",
        forger.with_claim("auth_time", json!(now + 60)),
    );
    list.token(
        "T-45",
        "auth_time at the end of time",
        forger.with_claim("auth_time", json!(i64::MAX)),
    );
    list.token("T-45", "auth_time zero", forger.with_claim("auth_time", json!(0)));
}

fn names(forger: &Forger, list: &mut List) {
    let (iss, aud) = (forger.text("iss"), forger.text("aud"));
    for (id, name) in [
        ("T-27", "iss"),
        ("T-28", "aud"),
        ("T-30", "sub"),
        ("T-31", "tid"),
        ("T-30", "sid"),
        ("T-30", "jti"),
    ] {
        list.token(id, format!("no {name}"), forger.with_claim(name, Value::Null));
        for value in [
            json!(null),
            json!({}),
            json!([forger.text(name)]),
            json!(""),
            json!(1),
            json!(format!("{} ", forger.text(name))),
        ] {
            list.token(id, format!("{name}: {value}"), raw(forger, name, &value.to_string()));
        }
    }
    for wrong in [
        format!("{iss}/"),
        iss.to_uppercase(),
        "https://evil.test".to_owned(),
        format!("{iss}\u{0}"),
    ] {
        list.token("T-27", format!("iss {wrong:?}"), forger.with_claim("iss", json!(wrong)));
    }
    for wrong in ["muster", "Muster-API", "muster-api/"] {
        list.token("T-28", format!("aud {wrong:?}"), forger.with_claim("aud", json!(wrong)));
    }
    for list_of in [json!(["evil", aud]), json!([aud]), json!([])] {
        list.token("T-29", format!("aud {list_of}"), forger.with_claim("aud", list_of));
    }
    for (id, name) in [("T-30", "sub"), ("T-31", "tid"), ("T-30", "sid"), ("T-30", "jti")] {
        let text = forger.text(name);
        for wrong in [
            text.to_uppercase(),
            text.replace('-', ""),
            format!("{{{text}}}"),
            format!("urn:uuid:{text}"),
        ] {
            if wrong != text {
                list.token(
                    id,
                    format!("{name} spelled {wrong}"),
                    forger.with_claim(name, json!(wrong)),
                );
            }
        }
    }
    for name in ["sub", "tid", "sid"] {
        let nil = json!("00000000-0000-0000-0000-000000000000");
        list.token("T-31", format!("{name} is nil"), forger.with_claim(name, nil));
    }
    for kind in [
        json!("service"),
        json!("Person"),
        json!(""),
        json!(null),
        json!(["person"]),
    ] {
        list.token("T-31", format!("knd {kind}"), raw(forger, "knd", &kind.to_string()));
    }
    list.token(
        "T-43",
        "the staging issuer with the same key",
        forger.with_claim("iss", json!(format!("{iss}-staging"))),
    );
    list.token(
        "T-43",
        "our issuer, another environment",
        forger.with_claim("env", json!("staging")),
    );
    let thumbprint = json!({ "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" });
    list.token(
        "T-44",
        "bound to another device's key",
        forger.with_claim("cnf", thumbprint),
    );
}

fn rights(forger: &Forger, list: &mut List) {
    let own = forger
        .claims
        .get("per")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let with = |more: &[i64]| {
        let mut all = own.clone();
        all.extend(more.iter().map(|number| json!(number)));
        json!(all)
    };
    let last = own.last().and_then(Value::as_i64).unwrap_or(1);
    for (what, value) in [
        ("an unknown right", with(&[9_999])),
        ("a right twice", with(&[last])),
        ("rights out of order", with(&[1])),
        ("a right of zero", json!([0])),
        ("a negative right", json!([-1])),
        ("10,000 rights", json!((1..=10_000).collect::<Vec<_>>())),
        ("a right as text", json!(["orders.read"])),
        ("rights as text", json!("1 2 3")),
        ("rights as an object", json!({})),
        (
            "a right of the services",
            json!([muster_proto::authz::v1::Permission::PlatformFollow as i32]),
        ),
    ] {
        list.token("T-32", what, forger.with_claim("per", value));
    }
    let place = "01890a5d-ac96-774b-bcce-b302099a8057";
    for (what, value) in [
        ("no list of locations", Value::Null),
        ("a location that is no id", json!(["everywhere"])),
        ("10,000 locations", json!(vec![place; 10_000])),
        ("a location in upper case", json!([place.to_uppercase()])),
    ] {
        list.token("T-32", what, forger.with_claim("loc", value));
    }
    for (name, value) in [
        ("roles", json!(["owner"])),
        ("scope", json!("admin")),
        ("admin", json!(true)),
    ] {
        list.token(
            "T-32",
            format!("an unknown claim {name}"),
            forger.with_claim(name, value),
        );
    }
}

fn shapes(forger: &Forger, list: &mut List) {
    list.token(
        "T-33",
        "claims of 5 kB",
        forger.with_claim("pad", json!("x".repeat(5_000))),
    );
    list.token(
        "T-33",
        "claims of 1 MiB",
        forger.with_claim("pad", json!("x".repeat(1 << 20))),
    );
    list.token(
        "T-34",
        "nested 1,000 deep",
        raw(forger, "x", &format!("{}{}", "[".repeat(1_000), "]".repeat(1_000))),
    );
    list.token("T-34", "nested 100,000 deep", raw(forger, "x", &"[".repeat(100_000)));
    let header = json!(forger.header()).to_string();
    let claims = json!(forger.claims).to_string();
    for name in ["sub", "tid", "per", "exp"] {
        let value = forger.claims.get(name).cloned().unwrap_or_default();
        let twice = format!("{{\"{name}\":{value},{}", claims.trim_start_matches('{'));
        list.token("T-35", format!("{name} twice"), forger.sign(&header, &twice));
    }
}
