//! One smallest valid request for every method of the contract, from a set of things that are there.

mod device;
mod directory;
mod kitchen;
mod menu;
mod order;
mod platform;
mod session;
mod station;

use prost::Message;

/// Ids and secrets of things that belong together: one of each kind, at one location of one tenant.
#[derive(Debug, Clone, Default)]
pub struct Things {
    /// A word that no other set has, for names that must be new.
    pub tag: String,
    /// The location.
    pub location: String,
    /// The station of the lines `plain` and `allergic`; the default one.
    pub grill: String,
    /// The station of the line `done`.
    pub fry: String,
    /// A station that makes nothing, to close.
    pub spare: String,
    /// The routing rule that sends fries to `fry`.
    pub rule: String,
    /// The menu category.
    pub category: String,
    /// The dish of the default station.
    pub burger: String,
    /// The dish of `fry`.
    pub fries: String,
    /// A choice on the menu.
    pub group: String,
    /// Its one modifier.
    pub modifier: String,
    /// An order.
    pub order: String,
    /// A line that nobody has touched.
    pub plain: String,
    /// A line that is bumped.
    pub done: String,
    /// A line in course 1 whose guest has an allergy; course 2 is held.
    pub allergic: String,
    /// Another order of the location.
    pub to_order: String,
    /// A person.
    pub person: String,
    /// A session.
    pub session: String,
    /// A paired device.
    pub device: String,
    /// The code of a device that waits.
    pub code: String,
    /// The secret of a device that waits.
    pub secret: String,
    /// A refresh token.
    pub refresh: String,
    /// Short name of the business, login name and password of somebody who signs in, and a password to change to.
    pub sign_in: [String; 4],
}

impl Things {
    /// Every id with the name of its kind.
    pub fn ids(&self) -> [(&'static str, &str); 19] {
        [
            ("location", &self.location),
            ("grill", &self.grill),
            ("fry", &self.fry),
            ("spare", &self.spare),
            ("rule", &self.rule),
            ("category", &self.category),
            ("burger", &self.burger),
            ("fries", &self.fries),
            ("group", &self.group),
            ("modifier", &self.modifier),
            ("order", &self.order),
            ("plain", &self.plain),
            ("done", &self.done),
            ("allergic", &self.allergic),
            ("to_order", &self.to_order),
            ("person", &self.person),
            ("session", &self.session),
            ("device", &self.device),
            ("code", &self.code),
        ]
    }
}

/// A request to a method.
#[derive(Debug, Clone)]
pub struct Case {
    /// Path of the method.
    pub method: String,
    /// The kind of thing that decides whether the caller reaches it, as in [`Things::ids`]; empty where there is none.
    pub object: &'static str,
    /// The encoded message.
    pub body: Vec<u8>,
}

/// The requests of all methods about these things.
pub fn all(things: &Things) -> Vec<Case> {
    let parts = [
        session::cases(things),
        directory::cases(things),
        device::cases(things),
        menu::cases(things),
        station::cases(things),
        order::cases(things),
        kitchen::cases(things),
        platform::cases(),
    ];
    let mut all: Vec<Case> = parts.into_iter().flatten().collect();
    all.sort_by(|a, b| a.method.cmp(&b.method));
    all
}

/// The request of one method about these things.
pub fn of(method: &str, things: &Things) -> Case {
    all(things)
        .into_iter()
        .find(|case| case.method == method)
        .expect("every method has a request")
}

fn case(service: &str, method: &str, object: &'static str, message: impl Message) -> Case {
    Case {
        method: format!("/muster.{service}/{method}"),
        object,
        body: message.encode_to_vec(),
    }
}

fn mask(path: &str) -> Option<prost_types::FieldMask> {
    Some(prost_types::FieldMask {
        paths: vec![path.to_owned()],
    })
}
