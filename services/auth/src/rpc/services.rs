//! The four services of the contract: each method goes through the door to its handler.

use std::sync::Arc;

use futures::stream::BoxStream;
use muster_proto::auth::v1::device_service_server::DeviceService;
use muster_proto::auth::v1::directory_service_server::DirectoryService;
use muster_proto::auth::v1::session_service_server::SessionService;
use muster_proto::auth::v1::trust_service_server::TrustService;
use muster_proto::auth::v1::*;
use tonic::{Request, Response, Status};

use super::refresh::Refresh;
use super::{
    change_password, collect_pairing, decide_pairing, devices, directory, disable_person, grant_roles, list_people,
    list_sessions, locations, pairing, person, reauthenticate, set_password, sign_in, sign_out, trust, who_am_i,
};
use crate::api::Auth;

/// All methods of auth.
#[derive(Clone)]
pub struct Api(pub Arc<Auth>);

macro_rules! serve {
    ($service:ident {
        $($kind:ident $method:ident($request:ident) -> $response:ident => $handler:path;)*
        $(+ { $($other:tt)* })?
    }) => {
        #[tonic::async_trait]
        impl $service for Api {
            $(async fn $method(&self, request: Request<$request>) -> Result<Response<$response>, Status> {
                let door = &self.0.deps.door;
                door.$kind(&*self.0, request, |auth, unit, message| Box::pin($handler(auth, unit, message))).await
            })*
            $($($other)*)?
        }
    };
}

serve!(SessionService {
    mutate sign_in(SignInRequest) -> SignInResponse => sign_in::handle;
    mutate reauthenticate(ReauthenticateRequest) -> ReauthenticateResponse => reauthenticate::handle;
    mutate sign_out(SignOutRequest) -> SignOutResponse => sign_out::sign_out;
    read who_am_i(WhoAmIRequest) -> WhoAmIResponse => who_am_i::handle;
    read list_sessions(ListSessionsRequest) -> ListSessionsResponse => list_sessions::handle;
    mutate revoke_session(RevokeSessionRequest) -> RevokeSessionResponse => sign_out::revoke;
    mutate change_password(ChangePasswordRequest) -> ChangePasswordResponse => change_password::handle;
    read get_signing_keys(GetSigningKeysRequest) -> GetSigningKeysResponse => who_am_i::signing_keys;
    + {
        async fn refresh_session(
            &self,
            request: Request<RefreshSessionRequest>,
        ) -> Result<Response<RefreshSessionResponse>, Status> {
            let refresh = Refresh::new(Arc::clone(&self.0));
            let door = &self.0.deps.door;
            let outcome = door
                .mutate(&refresh, request, |refresh, unit, message| {
                    Box::pin(super::refresh::handle(refresh, unit, message))
                })
                .await;
            refresh.punish().await?;
            outcome
        }
    }
});

serve!(DirectoryService {
    read get_tenant(GetTenantRequest) -> GetTenantResponse => directory::get_tenant;
    read list_locations(ListLocationsRequest) -> ListLocationsResponse => locations::list;
    read get_location(GetLocationRequest) -> GetLocationResponse => locations::get;
    mutate create_location(CreateLocationRequest) -> CreateLocationResponse => locations::create;
    mutate update_location(UpdateLocationRequest) -> UpdateLocationResponse => locations::update;
    read list_people(ListPeopleRequest) -> ListPeopleResponse => list_people::handle;
    read get_person(GetPersonRequest) -> GetPersonResponse => person::get;
    mutate create_person(CreatePersonRequest) -> CreatePersonResponse => person::create;
    mutate update_person(UpdatePersonRequest) -> UpdatePersonResponse => person::update;
    mutate set_password(SetPasswordRequest) -> SetPasswordResponse => set_password::handle;
    mutate grant_roles(GrantRolesRequest) -> GrantRolesResponse => grant_roles::handle;
    mutate disable_person(DisablePersonRequest) -> DisablePersonResponse => disable_person::disable;
    mutate enable_person(EnablePersonRequest) -> EnablePersonResponse => disable_person::enable;
    mutate revoke_person_sessions(RevokePersonSessionsRequest) -> RevokePersonSessionsResponse
        => disable_person::revoke_sessions;
});

serve!(DeviceService {
    mutate start_pairing(StartPairingRequest) -> StartPairingResponse => pairing::start;
    mutate poll_pairing(PollPairingRequest) -> PollPairingResponse => collect_pairing::handle;
    read get_pairing(GetPairingRequest) -> GetPairingResponse => pairing::get;
    mutate approve_pairing(ApprovePairingRequest) -> ApprovePairingResponse => decide_pairing::approve;
    mutate deny_pairing(DenyPairingRequest) -> DenyPairingResponse => decide_pairing::deny;
    read list_devices(ListDevicesRequest) -> ListDevicesResponse => devices::list;
    mutate revoke_device(RevokeDeviceRequest) -> RevokeDeviceResponse => devices::revoke;
});

#[tonic::async_trait]
impl TrustService for Api {
    type WatchTrustStream = BoxStream<'static, Result<WatchTrustResponse, Status>>;

    async fn watch_trust(
        &self,
        request: Request<WatchTrustRequest>,
    ) -> Result<Response<Self::WatchTrustStream>, Status> {
        let (caller, _) = self.0.deps.door.open(request)?;
        trust::handle(&self.0, &caller).await.map(Response::new)
    }
}
