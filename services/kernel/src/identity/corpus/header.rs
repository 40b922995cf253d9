//! Attacks by the header and by the signature: T-01 to T-06, T-08 to T-16, T-36.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{Attack, Forger, List, changed, encode};

pub(super) fn attacks(forger: &Forger, listener: &str) -> Vec<Attack> {
    let mut list = List::default();
    algorithms(forger, &mut list);
    signatures(forger, &mut list);
    parameters(forger, listener, &mut list);
    keys(forger, &mut list);
    other_forms(forger, &mut list);
    list.0
}

fn algorithms(forger: &Forger, list: &mut List) {
    let unsigned = |alg: &str| {
        let header = json!(changed(forger.header(), "alg", json!(alg))).to_string();
        format!("{}.{}.", encode(header), encode(json!(forger.claims).to_string()))
    };
    list.token("T-01", "alg none, no signature", unsigned("none"));
    for alg in ["nOnE", "NONE", "None ", "none\u{0}", ""] {
        list.token("T-02", format!("alg {alg:?}, no signature"), unsigned(alg));
        list.token(
            "T-02",
            format!("alg {alg:?}, signed"),
            forger.with_header("alg", json!(alg)),
        );
    }
    // The public key as the secret of a symmetric algorithm: anybody has it.
    let der = [
        &[0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0][..],
        &forger.public(),
    ]
    .concat();
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        STANDARD.encode(&der)
    );
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(forger.public()) }).to_string();
    let secrets: [(&str, Vec<u8>); 5] = [
        ("raw bytes", forger.public().to_vec()),
        ("DER", der),
        ("PEM", pem.into_bytes()),
        ("JWK", jwk.into_bytes()),
        ("base64", encode(forger.public()).into_bytes()),
    ];
    for (form, secret) in secrets {
        let header = json!(changed(forger.header(), "alg", json!("HS256"))).to_string();
        let signed = format!("{}.{}", encode(header), encode(json!(forger.claims).to_string()));
        let mut mac = Hmac::<Sha256>::new_from_slice(&secret).expect("any length will do");
        mac.update(signed.as_bytes());
        let token = format!("{signed}.{}", encode(mac.finalize().into_bytes()));
        list.token("T-03", format!("HS256 with the public key as {form}"), token);
    }
    for alg in [
        "HS256", "HS512", "RS256", "PS256", "ES256", "ES384", "ES512", "Ed25519", "Ed448", "eddsa", "EDDSA",
    ] {
        list.token("T-04", format!("alg {alg}"), forger.with_header("alg", json!(alg)));
    }
    for (what, alg) in [
        ("null", Value::Null),
        ("a list", json!(["EdDSA"])),
        ("a number", json!(1)),
    ] {
        list.token("T-04", format!("alg is {what}"), forger.with_header("alg", alg));
    }
}

fn signatures(forger: &Forger, list: &mut List) {
    let good = forger.good();
    let signed = good.rsplit_once('.').expect("three parts").0;
    for (what, signature) in [
        ("no signature", vec![]),
        ("a signature of one byte", vec![7]),
        ("64 zero bytes", vec![0; 64]),
        ("63 zero bytes", vec![0; 63]),
        ("65 zero bytes", vec![0; 65]),
        // R is the neutral point: with a key of small order this would be good for any message.
        ("a small-order R", [&[1_u8][..], &[0; 63]].concat()),
    ] {
        list.token("T-05", what, format!("{signed}.{}", encode(signature)));
    }
    // ES256 takes r = s = 0 in careless libraries.
    let header = json!(changed(forger.header(), "alg", json!("ES256"))).to_string();
    let zero = format!(
        "{}.{}.{}",
        encode(header),
        encode(json!(forger.claims).to_string()),
        encode([0; 64])
    );
    list.token("T-05", "ES256 with r = s = 0", zero);
    let other = forger.with_claim("jti", json!("01890a5d-ac96-774b-bcce-b302099a8057"));
    let signature = other.rsplit_once('.').expect("three parts").1;
    list.token(
        "T-06",
        "the signature of another good token",
        format!("{signed}.{signature}"),
    );
}

fn parameters(forger: &Forger, listener: &str, list: &mut List) {
    list.token("T-08", "a refresh token", forger.with_header("typ", json!("rt+jwt")));
    list.token("T-09", "no typ", forger.with_header("typ", Value::Null));
    for typ in ["JWT", "jwt", "AT+JWT", "application/at+jwt", "at+jwt ", ""] {
        list.token("T-09", format!("typ {typ:?}"), forger.with_header("typ", json!(typ)));
    }
    for crit in [
        json!(["exp"]),
        json!(["http://example.test/x"]),
        json!([]),
        json!("exp"),
        json!(["alg", "b64"]),
    ] {
        list.token("T-10", format!("crit {crit}"), forger.with_header("crit", crit));
    }
    let unencoded = changed(changed(forger.header(), "b64", json!(false)), "crit", json!(["b64"]));
    list.token("T-11", "b64 false with crit", forger.token(&unencoded, &forger.claims));
    list.token("T-11", "b64 false alone", forger.with_header("b64", json!(false)));
    let attacker = forger.with_key([66; 32], &forger.kid);
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(attacker.public()) });
    list.token(
        "T-12",
        "jwk with the attacker's key, signed by it",
        attacker.with_header("jwk", jwk.clone()),
    );
    list.token(
        "T-12",
        "jwk with the attacker's key, signed by us",
        forger.with_header("jwk", jwk),
    );
    for name in ["jku", "x5u"] {
        let url = json!(format!("http://{listener}/{name}"));
        list.token(
            "T-13",
            format!("{name} to an inner address"),
            forger.with_header(name, url.clone()),
        );
        list.token(
            "T-13",
            format!("{name}, signed by a stranger"),
            attacker.with_header(name, url),
        );
    }
    list.token("T-13", "x5c", forger.with_header("x5c", json!(["MIIB"])));
    list.token("T-13", "cty of a nested token", forger.with_header("cty", json!("JWT")));
}

fn keys(forger: &Forger, list: &mut List) {
    let long = "k".repeat(2_000);
    let kids = [
        "../../dev/null",
        "' OR 1=1 --",
        "\u{0}",
        "unknown",
        "",
        " ",
        long.as_str(),
    ];
    for kid in kids {
        let mut shown = kid.to_owned();
        shown.truncate(20);
        list.token("T-14", format!("kid {shown:?}"), forger.with_header("kid", json!(kid)));
    }
    for (what, kid) in [
        ("with a NUL at its end", format!("{}\u{0}", forger.kid)),
        ("with a blank at its end", format!("{} ", forger.kid)),
        ("in another case", swapped(&forger.kid)),
    ] {
        list.token("T-14", format!("our kid {what}"), forger.with_header("kid", json!(kid)));
    }
    list.token(
        "T-14",
        "kid of 10 kB",
        forger.with_header("kid", json!("k".repeat(10_000))),
    );
    for (what, kid) in [
        ("missing", Value::Null),
        ("a list", json!([forger.kid])),
        ("a number", json!(1)),
    ] {
        list.token("T-14", format!("kid is {what}"), forger.with_header("kid", kid));
    }
    list.token(
        "T-15",
        "a stranger's key under our kid",
        forger.with_key([66; 32], &forger.kid).good(),
    );
    list.token(
        "T-15",
        "a stranger's key under its own kid",
        forger.with_key([66; 32], "retired").good(),
    );
    list.token(
        "T-15",
        "our key under a kid of another purpose",
        forger.with_header("kid", json!("service-token")),
    );
}

fn other_forms(forger: &Forger, list: &mut List) {
    let part = |text: &str| encode(text);
    let jwe = |header: Value| {
        format!(
            "{}.{}.{}.{}.{}",
            encode(header.to_string()),
            part("key"),
            part("iv"),
            part("text"),
            part("tag")
        )
    };
    for (what, header) in [
        ("dir", json!({ "alg": "dir", "enc": "A128GCM", "kid": forger.kid })),
        ("a zip bomb", json!({ "alg": "dir", "enc": "A128GCM", "zip": "DEF" })),
        (
            "PBES2 with 10^9 rounds",
            json!({ "alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 1_000_000_000 }),
        ),
    ] {
        list.token("T-16", format!("a JWE: {what}"), jwe(header));
    }
    list.token("T-16", "zip in a signed token", forger.with_header("zip", json!("DEF")));
    let payload = json!(forger.claims).to_string();
    for header in [
        format!(
            r#"{{"alg":"none","alg":"EdDSA","typ":"at+jwt","kid":"{}"}}"#,
            forger.kid
        ),
        format!(
            r#"{{"alg":"EdDSA","alg":"none","typ":"at+jwt","kid":"{}"}}"#,
            forger.kid
        ),
        format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"x","kid":"{}"}}"#, forger.kid),
        format!(r#"{{"alg":"EdDSA","typ":"JWT","typ":"at+jwt","kid":"{}"}}"#, forger.kid),
    ] {
        list.token(
            "T-36",
            format!("twice in the header: {header}"),
            forger.sign(&header, &payload),
        );
    }
}

fn swapped(text: &str) -> String {
    text.chars()
        .map(|letter| {
            if letter.is_ascii_lowercase() {
                letter.to_ascii_uppercase()
            } else {
                letter.to_ascii_lowercase()
            }
        })
        .collect()
}
