//! Everything that auth refuses, each with a stable reason and what to do.

use chrono::TimeDelta;
use muster_kernel::error::Error;

use crate::domain::password::Weakness;

/// Why auth does not do what it is asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Unknown tenant, unknown name, wrong password, disabled, no password yet: one answer for all.
    #[error("the business, the name or the password is not right")]
    SignInRefused,
    /// Too many tries for this account, this address or this business.
    #[error("there were too many tries; wait, then try again")]
    TooManyTries(TimeDelta),
    /// The hashing queue is full.
    #[error("too many people are signing in at this moment; try again shortly")]
    SignInBusy(TimeDelta),
    /// The refresh token is not the newest, or its session is over. Which of them is not told.
    #[error("this session has ended; sign in again")]
    SessionEnded,
    /// A device called what only a person may.
    #[error("this is for people; a device cannot do it")]
    PeopleOnly,
    /// The token carries a right that was taken meanwhile.
    #[error("your role does not allow this any more; refresh your session")]
    RightTaken,
    /// The current password is wrong.
    #[error("the current password is not right")]
    WrongPassword,
    /// The new password is not good enough.
    #[error("{0}")]
    WeakPassword(Weakness),
    /// The new password is the current one.
    #[error("this is the password that you have; choose another one")]
    SamePassword,
    /// No such session of the caller.
    #[error("there is no such session of yours")]
    SessionNotFound,
    /// No such location, or not one of the caller's.
    #[error("there is no such location")]
    LocationNotFound,
    /// The name is taken.
    #[error("another open location has this name; choose a different one")]
    LocationNameTaken,
    /// Not a known time zone.
    #[error("this is not a time zone of the IANA list, for example `Europe/Warsaw`")]
    UnknownTimeZone,
    /// Somebody else was quicker.
    #[error("the location was changed by somebody else meanwhile; read it again, then decide anew")]
    LocationChanged,
    /// No such person, or not one at the caller's locations.
    #[error("there is no such person")]
    PersonNotFound,
    /// Somebody else was quicker.
    #[error("the person was changed by somebody else meanwhile; read the record again, then decide anew")]
    PersonChanged,
    /// The login name is taken.
    #[error("somebody else has this login name; choose a different one")]
    LoginNameTaken,
    /// The e-mail address is taken.
    #[error("somebody else has this e-mail address")]
    EmailTaken,
    /// The person stands at least as high as the caller.
    #[error("this person's rank is not below yours; ask somebody who stands above both")]
    RankTooHigh,
    /// A role that the caller may not give or take.
    #[error("you may give and take only roles below your own")]
    RoleTooHigh,
    /// Owners and admins change their own record only through others, except for what is theirs alone.
    #[error("you cannot do this to yourself; ask somebody else")]
    NotOnSelf,
    /// The own password is changed with the current one.
    #[error("change your own password with ChangePassword")]
    UseChangePassword,
    /// The person also works where the caller does not.
    #[error("this person also works at locations that are not yours; ask somebody who runs those as well")]
    WorksElsewhere,
    /// A location is named that the caller does not work at.
    #[error("you can only add and remove your own locations")]
    NotYourLocation,
    /// Only owners and admins work everywhere.
    #[error("name at least one location; only owners and admins work at all of them")]
    LocationNeeded,
    /// The tenant would have no owner.
    #[error("this is the last owner; make somebody else an owner first")]
    LastOwner,
    /// The person must have at least one role.
    #[error("name at least one role")]
    RoleNeeded,
    /// A path of the update mask is not one that can be changed.
    #[error("this field cannot be changed here")]
    UnknownPath,
    /// The update mask is empty.
    #[error("name the fields to change")]
    EmptyMask,
    /// Only white space.
    #[error("cannot be empty")]
    NameNeeded,
    /// Not a state that can be set.
    #[error("must be OPEN or CLOSED")]
    StateNeeded,
    /// No such code, or it is decided or too old. Which of them is not told.
    #[error("no device waits with this code; compare it with the screen, or let the device start again")]
    PairingNotFound,
    /// The device asked too soon.
    #[error("ask again after the poll interval")]
    SlowDown(TimeDelta),
    /// The tokens were collected before.
    #[error("this pairing has been used; start again")]
    PairingAlreadyUsed,
    /// Too many devices ask at once.
    #[error("too many devices ask to be let in; try again in a minute")]
    TooManyPairings,
    /// The device name is taken.
    #[error("another device of this location has this name; choose a different one")]
    DeviceNameTaken,
    /// No such device, or not at one of the caller's locations.
    #[error("there is no such device")]
    DeviceNotFound,
    /// The slug is taken.
    #[error("another business has this short name")]
    SlugTaken,
    /// The page token is not one of ours.
    #[error("is not a page token of this list; begin with the first page")]
    BadPageToken,
}

const A_MINUTE: TimeDelta = TimeDelta::seconds(60);

fn exhausted(reason: &'static str, message: String, wait: TimeDelta) -> Error {
    Error::exhausted(reason, message, wait.to_std().unwrap_or_default())
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let message = refusal.to_string();
        match refusal {
            Refusal::SignInRefused => Self::unauthenticated("SIGN_IN_REFUSED", message),
            Refusal::TooManyTries(wait) => exhausted("TOO_MANY_TRIES", message, wait),
            Refusal::SignInBusy(wait) => exhausted("SIGN_IN_BUSY", message, wait),
            Refusal::SessionEnded => Self::unauthenticated("SESSION_ENDED", message),
            Refusal::PeopleOnly => Self::permission_denied("PEOPLE_ONLY", message),
            Refusal::RightTaken => Self::permission_denied("RIGHT_TAKEN", message),
            Refusal::WrongPassword => Self::permission_denied("WRONG_PASSWORD", message),
            Refusal::WeakPassword(weakness) => {
                let reason = match weakness {
                    Weakness::TooShort => "PASSWORD_TOO_SHORT",
                    Weakness::TooLong => "PASSWORD_TOO_LONG",
                    Weakness::TooCommon => "PASSWORD_TOO_COMMON",
                    Weakness::TooPersonal => "PASSWORD_TOO_PERSONAL",
                };
                Self::invalid("new_password", reason, message)
            }
            Refusal::SamePassword => Self::invalid("new_password", "SAME_PASSWORD", message),
            Refusal::SessionNotFound => Self::not_found("SESSION_NOT_FOUND", message),
            Refusal::LocationNotFound => Self::not_found("LOCATION_NOT_FOUND", message),
            Refusal::LocationNameTaken => Self::already_exists("LOCATION_NAME_TAKEN", message).at_field("display_name"),
            Refusal::UnknownTimeZone => Self::invalid("time_zone", "UNKNOWN_TIME_ZONE", message),
            Refusal::LocationChanged => Self::aborted("LOCATION_CHANGED", message),
            Refusal::PersonNotFound => Self::not_found("PERSON_NOT_FOUND", message),
            Refusal::PersonChanged => Self::aborted("PERSON_CHANGED", message),
            Refusal::LoginNameTaken => Self::already_exists("LOGIN_NAME_TAKEN", message).at_field("login_name"),
            Refusal::EmailTaken => Self::already_exists("EMAIL_TAKEN", message).at_field("email"),
            Refusal::RankTooHigh => Self::permission_denied("RANK_TOO_HIGH", message),
            Refusal::RoleTooHigh => Self::permission_denied("ROLE_TOO_HIGH", message).at_field("roles"),
            Refusal::NotOnSelf => Self::failed_precondition("NOT_ON_SELF", message),
            Refusal::UseChangePassword => Self::failed_precondition("USE_CHANGE_PASSWORD", message),
            Refusal::WorksElsewhere => Self::permission_denied("WORKS_ELSEWHERE", message),
            Refusal::NotYourLocation => Self::permission_denied("NOT_YOUR_LOCATION", message).at_field("location_ids"),
            Refusal::LocationNeeded => Self::invalid("location_ids", "LOCATION_NEEDED", message),
            Refusal::LastOwner => Self::failed_precondition("LAST_OWNER", message),
            Refusal::RoleNeeded => Self::invalid("roles", "ROLE_NEEDED", message),
            Refusal::UnknownPath => Self::invalid("update_mask", "UNKNOWN_PATH", message),
            Refusal::EmptyMask => Self::invalid("update_mask", "EMPTY_MASK", message),
            Refusal::NameNeeded => Self::invalid("display_name", "NAME_NEEDED", message),
            Refusal::StateNeeded => Self::invalid("state", "STATE_NEEDED", message),
            Refusal::PairingNotFound => Self::not_found("PAIRING_NOT_FOUND", message),
            Refusal::SlowDown(wait) => exhausted("SLOW_DOWN", message, wait),
            Refusal::PairingAlreadyUsed => Self::failed_precondition("PAIRING_ALREADY_USED", message),
            Refusal::TooManyPairings => exhausted("TOO_MANY_PAIRINGS", message, A_MINUTE),
            Refusal::DeviceNameTaken => Self::already_exists("DEVICE_NAME_TAKEN", message).at_field("display_name"),
            Refusal::DeviceNotFound => Self::not_found("DEVICE_NOT_FOUND", message),
            Refusal::SlugTaken => Self::already_exists("SLUG_TAKEN", message),
            Refusal::BadPageToken => Self::invalid("page_token", "BAD_PAGE_TOKEN", message),
        }
    }
}
