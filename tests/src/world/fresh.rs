//! New things for a request that really changes something.

use muster::demo::SLUG;
use muster_proto::auth::v1::{DisablePersonRequest, DisablePersonResponse, Role};
use muster_proto::orders::v1::StationKind;

use super::World;
use super::build::{ask, new_id};
use crate::client::Caller;
use crate::requests::Things;

impl World {
    /// Whoever may call this method, and things that it will change: nobody else uses them.
    pub async fn fresh(&self, method: &str) -> (Caller, Things) {
        let owner = self.owner.clone();
        let mut things = Things {
            tag: self.tag(),
            ..self.ours.clone()
        };
        let (service, name) = method.rsplit_once('/').expect("a path");
        let service = service.rsplit('.').next().unwrap_or_default();
        match (service, name) {
            ("OrderService" | "KitchenService", _) => self.order(&owner, &mut things).await,
            ("DirectoryService", _) if name.contains("Person") || name == "SetPassword" || name == "GrantRoles" => {
                things.person = self.worker(&owner, &things, Role::Staff, "").await;
                if name == "EnablePerson" {
                    let disable = DisablePersonRequest {
                        person_id: things.person.clone(),
                        validate_only: false,
                    };
                    let _: DisablePersonResponse = ask(&owner, "auth.v1.DirectoryService/DisablePerson", disable).await;
                }
            }
            ("DeviceService", "RevokeDevice") => {
                let (code, _) = self.pairing().await;
                things.device = self.approve(&owner, &things, &code).await;
            }
            ("DeviceService", "PollPairing") => {
                (things.code, things.secret) = self.pairing().await;
                self.approve(&owner, &things, &things.code).await;
            }
            ("DeviceService", "ApprovePairing" | "DenyPairing") => (things.code, things.secret) = self.pairing().await,
            ("StationService", "ArchiveStation") => {
                things.spare = new_id();
                self.station(&owner, &things, &things.spare, &things.tag, false, StationKind::Prep)
                    .await;
            }
            ("StationService", "DeleteRoutingRule") => {
                things.rule = new_id();
                self.put(&owner, "PutRoutingRule", &things).await;
            }
            // A count that others use up would refuse their orders later.
            ("MenuService", "ArchiveMenuItem" | "SetStock") => {
                things.fries = new_id();
                self.put(
                    &owner,
                    "PutMenuItem",
                    &Things {
                        burger: things.fries.clone(),
                        ..things.clone()
                    },
                )
                .await;
            }
            ("SessionService", "RefreshSession") => {
                let [slug, login, ..] = &self.ours.sign_in;
                things.refresh = self.sign(slug, login).await.refresh;
            }
            ("SessionService", "SignOut" | "RevokeSession" | "Reauthenticate" | "ChangePassword") => {
                let login = format!("p-{}", things.tag);
                self.worker(&owner, &things, Role::Staff, &login).await;
                things.session = self.sign(SLUG, &login).await.session;
                let token = self.sign(SLUG, &login).await.token;
                return (Caller { token, ..owner }, things);
            }
            _ => {}
        }
        (owner, things)
    }
}
