//! The command line.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::role::{Role, parse_roles};

/// Runs a shift-based business: people, orders, kitchen.
#[derive(Debug, Parser)]
#[command(name = "muster", version, about, after_help = "Try it:  muster dev --rush")]
pub struct Cli {
    /// A file with settings; `--dump-config` prints all of them with their defaults.
    #[arg(long, env = "MUSTER_CONFIG", global = true)]
    pub config: Option<PathBuf>,
    /// Print every setting with its default and what it is for, and end.
    #[arg(long)]
    pub dump_config: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What the binary can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Everything in this process on SQLite, with a demo tenant. For trying out.
    Dev(DevArgs),
    /// Serve roles; those that are not named are reached over the network.
    Serve {
        /// Which: gateway, auth, orders, or all.
        #[arg(long, value_parser = |text: &str| parse_roles(text).map(Roles), default_value = "all")]
        roles: Roles,
    },
    /// Bring the schemas up to date, take steps back, or show which are applied.
    Migrate {
        /// up, down or status.
        #[command(subcommand)]
        way: MigrateCommand,
    },
    /// Check the promises that data must keep. Ends with 1 if one is broken.
    Check,
    /// Operator commands on tenants.
    Tenant {
        /// What to do.
        #[command(subcommand)]
        what: TenantCommand,
    },
    /// Ask a running process whether it is ready. Ends with 1 if not.
    Health,
}

/// A set of roles, as one argument.
#[derive(Debug, Clone)]
pub struct Roles(pub BTreeSet<Role>);

/// How `dev` runs.
#[derive(Debug, Args, Default)]
pub struct DevArgs {
    /// Place orders like a restaurant at noon, through the gateway.
    #[arg(long)]
    pub rush: bool,
    /// Orders a minute in the rush.
    #[arg(long, default_value_t = 12)]
    pub orders_per_minute: u32,
    /// Forget what earlier runs left.
    #[arg(long)]
    pub fresh: bool,
}

/// Ways to migrate.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum MigrateCommand {
    /// Apply every step that is not applied.
    Up,
    /// Take steps back until those up to `keep` are left.
    Down {
        /// The last step to keep; 0 takes back everything.
        #[arg(long)]
        keep: i64,
    },
    /// Show which steps are applied.
    Status,
}

/// Operator commands on tenants.
#[derive(Debug, Subcommand)]
pub enum TenantCommand {
    /// Make a tenant and its owner. The owner's password is read from the standard input.
    Create(CreateTenant),
}

/// A new tenant.
#[derive(Debug, Args)]
pub struct CreateTenant {
    /// Short name for signing in: small letters, digits, dashes.
    #[arg(long)]
    pub slug: String,
    /// Full name.
    #[arg(long)]
    pub name: String,
    /// Currency, for example USD.
    #[arg(long, default_value = "USD")]
    pub currency: String,
    /// The owner's full name.
    #[arg(long)]
    pub owner_name: String,
    /// The owner's e-mail address or login name.
    #[arg(long)]
    pub owner_login: String,
}
