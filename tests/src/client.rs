//! Callers of a town: signed in, or not.

use muster::demo::PASSWORD;
use muster_proto::auth::v1::session_service_client::SessionServiceClient;
use muster_proto::auth::v1::{SignInRequest, SignInResponse};
use prost::Message;
use tonic::client::Grpc;
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;
use tonic_types::StatusExt;

/// Somebody who calls methods by their path, with or without a token.
#[derive(Clone)]
pub struct Caller {
    /// The connection.
    pub channel: Channel,
    /// The access token; empty for nobody.
    pub token: String,
}

/// What a call answered: the decoded message with the metadata, or the status.
pub type Answer<R> = Result<(R, MetadataMap), Status>;

impl Caller {
    /// Nobody, on this connection.
    pub fn nobody(channel: Channel) -> Self {
        Self {
            channel,
            token: String::new(),
        }
    }

    /// Signs in with the password of the demo.
    pub async fn sign_in(channel: Channel, slug: &str, login: &str) -> Self {
        let answer = sign_in(&channel, slug, login, PASSWORD)
            .await
            .expect("the sign-in is good");
        Self {
            channel,
            token: answer.tokens.expect("tokens").access_token,
        }
    }

    /// Calls a unary method by its path.
    pub async fn call<M, R>(&self, path: &'static str, message: M) -> Result<R, Status>
    where
        M: Message + Send + Sync + 'static,
        R: Message + Default + Send + Sync + 'static,
    {
        self.call_with(path, message, &[]).await.map(|(answer, _)| answer)
    }

    /// Calls a unary method once per key.
    pub async fn call_once<M, R>(&self, path: &'static str, key: &str, message: M) -> Result<R, Status>
    where
        M: Message + Send + Sync + 'static,
        R: Message + Default + Send + Sync + 'static,
    {
        self.call_with(path, message, &[("idempotency-key", key)])
            .await
            .map(|(answer, _)| answer)
    }

    /// Calls a unary method with more metadata.
    pub async fn call_with<M, R>(&self, path: &'static str, message: M, metadata: &[(&'static str, &str)]) -> Answer<R>
    where
        M: Message + Send + Sync + 'static,
        R: Message + Default + Send + Sync + 'static,
    {
        let mut request = Request::new(message);
        if !self.token.is_empty() {
            let value = format!("Bearer {}", self.token).parse().expect("a token is ASCII");
            request.metadata_mut().insert("authorization", value);
        }
        for (name, value) in metadata {
            request
                .metadata_mut()
                .insert(*name, value.parse().expect("metadata is ASCII"));
        }
        let mut client = Grpc::new(self.channel.clone());
        client
            .ready()
            .await
            .map_err(|error| Status::unavailable(error.to_string()))?;
        let path = http::uri::PathAndQuery::from_static(path);
        let response = client.unary(request, path, ProstCodec::<M, R>::default()).await?;
        let (metadata, answer, _) = response.into_parts();
        Ok((answer, metadata))
    }
}

/// Signs in.
pub async fn sign_in(channel: &Channel, slug: &str, login: &str, password: &str) -> Result<SignInResponse, Status> {
    let request = SignInRequest {
        tenant_slug: slug.to_owned(),
        login: login.to_owned(),
        password: password.to_owned(),
        ..SignInRequest::default()
    };
    Ok(SessionServiceClient::new(channel.clone())
        .sign_in(request)
        .await?
        .into_inner())
}

/// Whether everything behind the gateway serves (`grpc.health.v1`).
pub async fn serves(channel: Channel) -> bool {
    #[derive(Clone, PartialEq, Message)]
    struct HealthCheckRequest {
        #[prost(string, tag = "1")]
        service: String,
    }
    #[derive(Clone, PartialEq, Message)]
    struct HealthCheckResponse {
        #[prost(int32, tag = "1")]
        status: i32,
    }
    let caller = Caller::nobody(channel);
    let answer: Result<HealthCheckResponse, _> = caller
        .call(
            "/grpc.health.v1.Health/Check",
            HealthCheckRequest { service: String::new() },
        )
        .await;
    answer.is_ok_and(|answer| answer.status == 1)
}

/// Code and reason of a refusal, as a client sees them.
pub fn reason(status: &Status) -> (Code, String) {
    let reason = status
        .get_details_error_info()
        .map(|info| info.reason)
        .unwrap_or_default();
    (status.code(), reason)
}
