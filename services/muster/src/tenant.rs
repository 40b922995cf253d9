//! `muster tenant`: what operators do to tenants.

use std::io::Read;

use anyhow::Context;
use muster_auth::admin::{NewTenant, create_tenant};
use muster_kernel::config::Config;

use crate::cli::TenantCommand;
use crate::process::service_deps;
use crate::role::Role;

/// Runs the command and answers what to print.
///
/// # Errors
/// If the tenant exists, the password is refused, or the database is out of reach.
pub async fn run(config: &Config, what: TenantCommand) -> anyhow::Result<String> {
    let TenantCommand::Create(new) = what;
    let read = tokio::task::spawn_blocking(|| {
        let mut password = String::new();
        std::io::stdin()
            .take(4096)
            .read_to_string(&mut password)
            .map(|_| password)
    });
    let password = read
        .await?
        .context("the owner's password is read from the standard input")?;
    let deps = service_deps(config, Role::Auth).await?;
    let (login, email) = match new.owner_login.split_once('@') {
        Some((name, _)) => (name, new.owner_login.as_str()),
        None => (new.owner_login.as_str(), ""),
    };
    let tenant = NewTenant {
        slug: &new.slug,
        display_name: &new.name,
        currency_code: &new.currency,
        owner_name: &new.owner_name,
        owner_login: login,
        owner_email: email,
        owner_password: password.trim_end_matches(['\n', '\r']),
    };
    let created = create_tenant(&deps, tenant)
        .await
        .map_err(|error| anyhow::anyhow!("{}", error.message))?;
    deps.db.close().await;
    Ok(format!(
        "tenant {} ({}) made; {login} signs in as its owner",
        new.slug, created.tenant_id
    ))
}
