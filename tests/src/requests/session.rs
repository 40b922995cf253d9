//! `muster.auth.v1.SessionService`.

use muster_proto::auth::v1::*;

use super::{Case, Things, case};

const SERVICE: &str = "auth.v1.SessionService";

pub(super) fn cases(things: &Things) -> Vec<Case> {
    let [slug, login, password, next] = things.sign_in.clone();
    let device_label = format!("phone {}", things.tag);
    vec![
        case(
            SERVICE,
            "SignIn",
            "",
            SignInRequest {
                tenant_slug: slug,
                login,
                password: password.clone(),
                device_label,
                device_token: String::new(),
            },
        ),
        case(
            SERVICE,
            "RefreshSession",
            "",
            RefreshSessionRequest {
                refresh_token: things.refresh.clone(),
            },
        ),
        case(
            SERVICE,
            "Reauthenticate",
            "",
            ReauthenticateRequest {
                password: password.clone(),
                validate_only: false,
            },
        ),
        case(SERVICE, "SignOut", "", SignOutRequest::default()),
        case(SERVICE, "WhoAmI", "", WhoAmIRequest {}),
        case(SERVICE, "ListSessions", "", ListSessionsRequest::default()),
        case(
            SERVICE,
            "RevokeSession",
            "session",
            RevokeSessionRequest {
                session_id: things.session.clone(),
                validate_only: false,
            },
        ),
        case(
            SERVICE,
            "ChangePassword",
            "",
            ChangePasswordRequest {
                current_password: password,
                new_password: next,
                validate_only: false,
            },
        ),
        case(SERVICE, "GetSigningKeys", "", GetSigningKeysRequest {}),
    ]
}
