//! Attacks by how a good token is written down or sent: T-37 to T-41.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE};
use serde_json::json;

use super::{Attack, Carry, Forger, List};

pub(super) fn attacks(forger: &Forger) -> Vec<Attack> {
    let mut list = List::default();
    encodings(forger, &mut list);
    framing(forger, &mut list);
    senders(forger, &mut list);
    list.0
}

fn encodings(forger: &Forger, list: &mut List) {
    let good = forger.good();
    let parts: Vec<&str> = good.split('.').collect();
    let [header, payload, signature] = parts[..] else {
        return;
    };
    // "?>" and the like make `-` and `_` appear, which the standard alphabet writes as `+` and `/`.
    let standard = format!(
        "{}.{}",
        STANDARD_NO_PAD.encode(json!(forger.header()).to_string()),
        STANDARD_NO_PAD.encode("{\"~\":\"\u{ff}?>\u{ff}\"}")
    );
    list.token("T-37", "the standard alphabet", forger.seal(&standard));
    let padded = format!(
        "{}.{}",
        URL_SAFE.encode(json!(forger.header()).to_string()),
        URL_SAFE.encode(json!(forger.claims).to_string())
    );
    list.token("T-37", "padded, and signed so", forger.seal(&format!("{padded}=")));
    list.token("T-37", "padding after the signature", format!("{good}="));
    list.token(
        "T-37",
        "padding after the payload",
        format!("{header}.{payload}=.{signature}"),
    );
    // The last letter of 64 bytes carries four bits that mean nothing.
    let (head, last) = signature.split_at(signature.len() - 1);
    for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".chars() {
        if !last.starts_with(letter) {
            list.token(
                "T-37",
                format!("last letter {letter}"),
                format!("{header}.{payload}.{head}{letter}"),
            );
        }
    }
}

fn framing(forger: &Forger, list: &mut List) {
    let good = forger.good();
    for (what, token) in [
        ("a blank before", format!(" {good}")),
        ("a line end before", format!("\n{good}")),
        ("a line end after", format!("{good}\r\n")),
        ("a NUL after", format!("{good}\u{0}")),
        ("a NUL inside", good.replacen('.', ".\u{0}", 1)),
        ("a no-break space after", format!("{good}\u{a0}")),
        (
            "two parts",
            good.rsplit_once('.')
                .map(|(head, _)| head.to_owned())
                .unwrap_or_default(),
        ),
        ("one part", good.split('.').next().unwrap_or_default().to_owned()),
        (
            "four parts",
            format!("{good}.{}", good.rsplit('.').next().unwrap_or_default()),
        ),
        ("an empty fourth part", format!("{good}.")),
        ("an empty first part", format!(".{good}")),
        ("two dots", good.replacen('.', "..", 1)),
        ("nothing but dots", "..".to_owned()),
    ] {
        list.token("T-38", what, token);
    }
    let parts: Vec<&str> = good.split('.').collect();
    let [header, payload, signature] = parts[..] else {
        return;
    };
    let flat = json!({ "protected": header, "payload": payload, "signature": signature }).to_string();
    let general =
        json!({ "payload": payload, "signatures": [{ "protected": header, "signature": signature }] }).to_string();
    list.token("T-39", "flattened JSON", flat);
    list.token("T-39", "general JSON", general);
}

fn senders(forger: &Forger, list: &mut List) {
    let good = forger.good();
    for (what, value) in [
        ("lower case", format!("bearer {good}")),
        ("upper case", format!("BEARER {good}")),
        ("doubled", format!("Bearer Bearer {good}")),
        ("two blanks", format!("Bearer  {good}")),
        ("a tab", format!("Bearer\t{good}")),
        ("a list", format!("Bearer {good},Bearer {good}")),
        ("a list with a blank", format!("Bearer {good}, {good}")),
        ("no blank", format!("Bearer{good}")),
        ("no scheme", good.clone()),
        ("another scheme", format!("DPoP {good}")),
        ("Basic", format!("Basic {good}")),
        ("quoted", format!("Bearer \"{good}\"")),
        ("named", format!("Bearer token={good}")),
        ("no token", "Bearer ".to_owned()),
    ] {
        list.headers("T-40", what, &[("authorization", &value)]);
    }
    let bearer = format!("Bearer {good}");
    list.headers(
        "T-40",
        "two headers, both good",
        &[("authorization", &bearer), ("authorization", &bearer)],
    );
    list.headers(
        "T-40",
        "two headers, the first good",
        &[("authorization", &bearer), ("authorization", "Bearer x")],
    );
    list.headers(
        "T-40",
        "two headers, the second good",
        &[("authorization", "Basic eDp5"), ("authorization", &bearer)],
    );
    list.headers("T-40", "no header", &[]);
    for name in [
        "grpc-metadata-authorization",
        "x-authorization",
        "proxy-authorization",
        "x-forwarded-authorization",
        "x-access-token",
        "muster-token",
        "x-muster-authorization",
        "authorization-bin",
    ] {
        let value = if name.ends_with("-bin") {
            STANDARD_NO_PAD.encode(&bearer)
        } else {
            bearer.clone()
        };
        list.headers("T-41", &format!("in {name}"), &[(name, &value)]);
    }
    list.headers(
        "T-41",
        "in a cookie",
        &[(
            "cookie",
            &format!("authorization={good}; access_token={good}; token={good}"),
        )],
    );
    for name in ["access_token", "token", "authorization"] {
        let query = format!("{name}={good}");
        list.0.push(Attack {
            id: "T-41",
            what: format!("in the query as {name}"),
            carry: Carry::Query(query),
        });
    }
}
