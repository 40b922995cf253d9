//! Who works in the world: hired, signed in, paired, by calls like any other client's.

use std::time::Duration;

use muster::demo::{PASSWORD, SLUG};
use muster_proto::auth::v1::*;
use tokio::time::Instant;
use tonic::Code;

use super::build::ask;
use super::{Principal, Who, World};
use crate::client::{Caller, sign_in};
use crate::requests::Things;

const SHORTLY: Duration = Duration::from_millis(250);
/// Within this time everybody knows who was put out.
const SOON: Duration = Duration::from_secs(2);

/// Somebody who has signed in.
#[derive(Debug, Clone)]
pub struct Signed {
    /// The access token.
    pub token: String,
    /// The refresh token.
    pub refresh: String,
    /// The session.
    pub session: String,
    /// The person or device.
    pub principal: String,
}

impl World {
    /// Somebody new. With a login name, also with a password.
    pub(super) async fn worker(&self, owner: &Caller, at: &Things, role: Role, login: &str) -> String {
        let everywhere = matches!(role, Role::Owner | Role::Admin);
        let request = CreatePersonRequest {
            display_name: "Robin Doe".to_owned(),
            login_name: if login.is_empty() {
                format!("w-{}", self.tag())
            } else {
                login.to_owned()
            },
            roles: vec![role.into()],
            location_ids: if everywhere {
                Vec::new()
            } else {
                vec![at.location.clone()]
            },
            password: if login.is_empty() {
                String::new()
            } else {
                PASSWORD.to_owned()
            },
            ..CreatePersonRequest::default()
        };
        let added: CreatePersonResponse = ask(owner, "auth.v1.DirectoryService/CreatePerson", request).await;
        added.person.expect("a person").person_id
    }

    /// Signs somebody in.
    pub async fn sign(&self, slug: &str, login: &str) -> Signed {
        let answer = loop {
            match sign_in(&self.gateway, slug, login, PASSWORD).await {
                // Many at once look like guessing for a moment.
                Err(status) if status.code() == Code::ResourceExhausted => tokio::time::sleep(SHORTLY).await,
                answer => break answer.expect("the sign-in is good"),
            }
        };
        let tokens = answer.tokens.expect("tokens");
        Signed {
            token: tokens.access_token,
            refresh: tokens.refresh_token,
            session: answer.session.expect("a session").session_id,
            principal: answer.person.expect("a person").person_id,
        }
    }

    /// Code and secret of a device that waits.
    pub async fn pairing(&self) -> (String, String) {
        let request = StartPairingRequest {
            device_label: "tablet".to_owned(),
            kind: DeviceKind::KitchenScreen.into(),
        };
        let nobody = Caller::nobody(self.inner().await);
        let started: StartPairingResponse = ask(&nobody, "auth.v1.DeviceService/StartPairing", request).await;
        (started.code, started.pairing_secret)
    }

    /// Lets a waiting device in.
    pub async fn approve(&self, owner: &Caller, at: &Things, code: &str) -> String {
        let request = ApprovePairingRequest {
            code: code.to_owned(),
            display_name: format!("Screen {}", self.tag()),
            location_id: at.location.clone(),
            ..ApprovePairingRequest::default()
        };
        let approved: ApprovePairingResponse = ask(owner, "auth.v1.DeviceService/ApprovePairing", request).await;
        approved.device.expect("a device").device_id
    }

    /// A paired device with its tokens.
    pub async fn device(&self, owner: &Caller, at: &Things) -> Signed {
        let (code, pairing_secret) = self.pairing().await;
        let principal = self.approve(owner, at, &code).await;
        let poll = PollPairingRequest { pairing_secret };
        let nobody = Caller::nobody(self.gateway.clone());
        let collected: PollPairingResponse = ask(&nobody, "auth.v1.DeviceService/PollPairing", poll).await;
        let tokens = collected.tokens.expect("tokens");
        let screen = Caller {
            channel: self.gateway.clone(),
            token: tokens.access_token.clone(),
        };
        let me: WhoAmIResponse = ask(&screen, "auth.v1.SessionService/WhoAmI", WhoAmIRequest {}).await;
        let session = me.session.expect("a session").session_id;
        Signed {
            token: tokens.access_token,
            refresh: tokens.refresh_token,
            session,
            principal,
        }
    }

    pub(super) async fn hire(&mut self) {
        let (owner, east) = (self.owner.clone(), self.ours.clone());
        let mut hired = std::collections::BTreeMap::new();
        let staff = [
            (Who::Staff, "sia", Role::Staff),
            (Who::Kitchen, "kit", Role::Kitchen),
            (Who::Manager, "mae", Role::Manager),
            (Who::Admin, "ada", Role::Admin),
            (Who::Suspended, "sue", Role::Manager),
        ];
        for (who, login, role) in staff {
            self.worker(&owner, &east, role, login).await;
            hired.insert(who, self.sign(SLUG, login).await);
        }
        hired.insert(Who::Owner, self.sign(SLUG, "olive").await);
        hired.insert(Who::Screen, self.device(&owner, &east).await);
        let owns = hired.get(&Who::Owner).cloned().expect("the owner");
        let (expired, stale) = (
            self.forge.token(&owns.token, |claims| {
                claims.iat -= 3600;
                claims.nbf -= 3600;
                claims.exp -= 3600;
                claims.auth_time -= 3600;
            }),
            self.forge.token(&owns.token, |claims| claims.auth_time -= 3600),
        );
        for who in Who::ALL {
            let signed = hired.get(&who).unwrap_or(&owns);
            let token = match who {
                Who::Anonymous | Who::Service => String::new(),
                Who::Garbage => "eyJub3QiOiJhIHRva2VuIn0.e30.AAAA".to_owned(),
                Who::Expired => expired.clone(),
                Who::Stale => stale.clone(),
                _ => signed.token.clone(),
            };
            let service = if who == Who::Service {
                self.forge.service("gateway")
            } else {
                String::new()
            };
            let person = if who == Who::Screen {
                &owns.principal
            } else {
                &signed.principal
            };
            let (person, session) = (person.clone(), signed.session.clone());
            self.principals.insert(
                who,
                Principal {
                    token,
                    service,
                    person,
                    session,
                },
            );
        }
        let suspended = hired.get(&Who::Suspended).expect("somebody");
        let disable = DisablePersonRequest {
            person_id: suspended.principal.clone(),
            validate_only: false,
        };
        let _: DisablePersonResponse = ask(&owner, "auth.v1.DirectoryService/DisablePerson", disable).await;
        let disabled = Instant::now();
        for door in self.doors().await {
            door.shuts_out("somebody disabled", &suspended.token, disabled, SOON)
                .await;
        }
    }
}
