//! What orders refuses, each with a stable reason, the field concerned, and what to do about it.

use std::time::Duration;

use muster_kernel::Error;

/// Everything that orders may answer instead of doing it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it is")]
pub enum OrdersError {
    #[error("there is no such order")]
    OrderNotFound,
    #[error("there is no such location; one that was opened a moment ago is known here within seconds")]
    LocationNotFound,
    #[error("the location is closed; nothing new is placed there")]
    LocationClosed,
    #[error("there is no such station")]
    StationNotFound,
    #[error("there is no such routing rule")]
    RuleNotFound,
    #[error("there is no such item on the menu")]
    MenuItemNotFound { field: String },
    #[error("there is no such category; create it first")]
    CategoryNotFound { field: String },
    #[error("there is no such modifier group; create it first")]
    ModifierGroupNotFound { field: String },
    #[error("the order has no such line; read the order again")]
    ItemNotFound { field: String },
    #[error("the order has no such course")]
    CourseNotFound,
    #[error("nothing of this order was ever on that station's screen")]
    TicketNotFound,

    #[error("an order with this id was placed already; read it, or choose another id")]
    OrderExists,
    #[error("the order has a line with this id already; choose another id")]
    ItemExists { field: String },

    #[error("the order was voided; place a new one")]
    OrderVoided,
    #[error("the line was voided; add it anew")]
    ItemVoided { field: String },
    #[error("{name} is made already; void it and add it anew")]
    ItemAlreadyMade { name: String },
    #[error("the kitchen has started {name}; take back with VoidItems, which records who and why")]
    ItemStarted { name: String },
    #[error("the kitchen has started course {course}; it cannot wait any more")]
    CourseStarted { course: i32 },
    #[error("the location has no prep station, so nobody would see the order; add a station with PutStation first")]
    NoStation,
    #[error("{}", out_of_stock(name, *remaining))]
    ItemOutOfStock {
        field: String,
        name: String,
        remaining: i32,
    },
    #[error("{name} is no longer sold")]
    ItemNotSold { field: String, name: String },
    #[error("a guest must not eat something: acknowledge the allergies of {names} at this station first")]
    AllergyNotAcknowledged { names: String },
    #[error("not everything is done: {waiting}; wait, or force it")]
    OrderNotReady { waiting: String },
    #[error("{name} is not made at this station")]
    ItemNotAtStation { field: String, name: String },
    #[error("the item does not offer this modifier")]
    ModifierNotOffered { field: String },
    #[error("choose at least {least} of {group}")]
    TooFewModifiers { field: String, group: String, least: i32 },
    #[error("choose at most {most} of {group}")]
    TooManyModifiers { field: String, group: String, most: i32 },
    #[error("the price is in {found}, but the location sells in {wanted}")]
    CurrencyMismatch {
        field: String,
        found: String,
        wanted: String,
    },
    #[error("the amount is larger than Muster counts")]
    AmountTooLarge { field: String },
    #[error("a price cannot be negative")]
    NegativePrice { field: String },
    #[error("there are only {left} left of this line")]
    MoreThanThereIs { field: String, left: i32 },
    #[error("both orders must be at the same location")]
    OrdersApart { field: String },
    #[error("the lines are on this order already")]
    SameOrder { field: String },
    #[error("an order has at most 500 lines; place another order")]
    OrderFull,

    #[error("somebody changed it meanwhile: it is at version {current}; read it and try again")]
    VersionMismatch { current: i64 },
    #[error("{path} cannot be changed here")]
    UnknownMaskPath { path: String },
    #[error("this cannot change once it is made")]
    Fixed { field: String },
    #[error("at most {most} of these; archive or delete some first")]
    Full { most: i64 },
    #[error("two modifiers have the same id")]
    DuplicateModifier { field: String },
    #[error("at least as many must be choosable as must be chosen")]
    BadChoiceRange { field: String },
    #[error("only a countdown has a count; set the state to STOCK_STATE_COUNTDOWN")]
    CountWithoutCountdown { field: String },
    #[error("this is not a live prep station of the location")]
    NotAPrepStation { field: String },
    #[error("only a prep station can be the default")]
    DefaultMustPrep { field: String },
    #[error("the station still has undone tickets; bump them, then archive it")]
    StationBusy,
    #[error("the page token is not one of ours, or belongs to another request; start from the first page")]
    BadPageToken { field: String },
    #[error("too many screens watch; try again soon")]
    TooManyWatchers,
}

fn out_of_stock(name: &str, remaining: i32) -> String {
    match remaining {
        0 => format!("{name} is out of stock"),
        left => format!("only {left} of {name} left"),
    }
}

enum Class {
    NotFound,
    Exists,
    Precondition,
    Invalid,
    Aborted,
    Exhausted,
}

impl OrdersError {
    /// The stable reason, for programs.
    pub fn reason(&self) -> &'static str {
        self.parts().1
    }

    /// The field of the request that led to it.
    pub fn field(&self) -> Option<&str> {
        self.parts().2
    }

    fn parts(&self) -> (Class, &'static str, Option<&str>) {
        use Class::{Aborted, Exhausted, Exists, Invalid, NotFound, Precondition};
        match self {
            Self::OrderNotFound => (NotFound, "ORDER_NOT_FOUND", None),
            Self::LocationNotFound => (NotFound, "LOCATION_NOT_FOUND", None),
            Self::LocationClosed => (Precondition, "LOCATION_CLOSED", None),
            Self::StationNotFound => (NotFound, "STATION_NOT_FOUND", None),
            Self::RuleNotFound => (NotFound, "ROUTING_RULE_NOT_FOUND", None),
            Self::MenuItemNotFound { field } => (NotFound, "MENU_ITEM_NOT_FOUND", Some(field)),
            Self::CategoryNotFound { field } => (NotFound, "CATEGORY_NOT_FOUND", Some(field)),
            Self::ModifierGroupNotFound { field } => (NotFound, "MODIFIER_GROUP_NOT_FOUND", Some(field)),
            Self::ItemNotFound { field } => (NotFound, "ITEM_NOT_FOUND", Some(field)),
            Self::CourseNotFound => (NotFound, "COURSE_NOT_FOUND", None),
            Self::TicketNotFound => (NotFound, "TICKET_NOT_FOUND", None),
            Self::OrderExists => (Exists, "ORDER_EXISTS", None),
            Self::ItemExists { field } => (Exists, "ITEM_EXISTS", Some(field)),
            Self::OrderVoided => (Precondition, "ORDER_VOIDED", None),
            Self::ItemVoided { field } => (Precondition, "ITEM_VOIDED", Some(field)),
            Self::ItemAlreadyMade { .. } => (Precondition, "ITEM_ALREADY_MADE", None),
            Self::ItemStarted { .. } => (Precondition, "ITEM_STARTED", None),
            Self::CourseStarted { .. } => (Precondition, "COURSE_STARTED", None),
            Self::NoStation => (Precondition, "NO_STATION", None),
            Self::ItemOutOfStock { field, .. } => (Precondition, "ITEM_OUT_OF_STOCK", Some(field)),
            Self::ItemNotSold { field, .. } => (Precondition, "ITEM_NOT_SOLD", Some(field)),
            Self::AllergyNotAcknowledged { .. } => (Precondition, "ALLERGY_NOT_ACKNOWLEDGED", None),
            Self::OrderNotReady { .. } => (Precondition, "ORDER_NOT_READY", None),
            Self::ItemNotAtStation { field, .. } => (Precondition, "ITEM_NOT_AT_STATION", Some(field)),
            Self::ModifierNotOffered { field } => (Invalid, "MODIFIER_NOT_OFFERED", Some(field)),
            Self::TooFewModifiers { field, .. } => (Invalid, "TOO_FEW_MODIFIERS", Some(field)),
            Self::TooManyModifiers { field, .. } => (Invalid, "TOO_MANY_MODIFIERS", Some(field)),
            Self::CurrencyMismatch { field, .. } => (Precondition, "CURRENCY_MISMATCH", Some(field)),
            Self::AmountTooLarge { field } => (Invalid, "AMOUNT_TOO_LARGE", Some(field)),
            Self::NegativePrice { field } => (Invalid, "NEGATIVE_PRICE", Some(field)),
            Self::MoreThanThereIs { field, .. } => (Precondition, "MORE_THAN_THERE_IS", Some(field)),
            Self::OrdersApart { field } => (Invalid, "ORDERS_APART", Some(field)),
            Self::SameOrder { field } => (Invalid, "SAME_ORDER", Some(field)),
            Self::OrderFull => (Precondition, "ORDER_FULL", None),
            Self::VersionMismatch { .. } => (Aborted, "VERSION_MISMATCH", None),
            Self::UnknownMaskPath { .. } => (Invalid, "UNKNOWN_FIELD", Some("update_mask")),
            Self::Fixed { field } => (Invalid, "FIELD_IS_FIXED", Some(field)),
            Self::Full { .. } => (Precondition, "LIMIT_REACHED", None),
            Self::DuplicateModifier { field } => (Invalid, "DUPLICATE_MODIFIER", Some(field)),
            Self::BadChoiceRange { field } => (Invalid, "BAD_CHOICE_RANGE", Some(field)),
            Self::CountWithoutCountdown { field } => (Invalid, "COUNT_WITHOUT_COUNTDOWN", Some(field)),
            Self::NotAPrepStation { field } => (Invalid, "NOT_A_PREP_STATION", Some(field)),
            Self::DefaultMustPrep { field } => (Invalid, "DEFAULT_MUST_PREP", Some(field)),
            Self::StationBusy => (Precondition, "STATION_BUSY", None),
            Self::BadPageToken { field } => (Invalid, "BAD_PAGE_TOKEN", Some(field)),
            Self::TooManyWatchers => (Exhausted, "TOO_MANY_WATCHERS", None),
        }
    }
}

impl From<OrdersError> for Error {
    fn from(error: OrdersError) -> Self {
        let message = error.to_string();
        let (class, reason, field) = error.parts();
        let answer = match class {
            Class::NotFound => Self::not_found(reason, message),
            Class::Exists => Self::already_exists(reason, message),
            Class::Precondition => Self::failed_precondition(reason, message),
            Class::Aborted => Self::aborted(reason, message),
            Class::Exhausted => Self::exhausted(reason, message, Duration::from_secs(2)),
            Class::Invalid => return Self::invalid(field.unwrap_or_default(), reason, message),
        };
        match field {
            Some(field) => answer.at_field(field),
            None => answer,
        }
    }
}
