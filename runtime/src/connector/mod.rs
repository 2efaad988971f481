//! A connector's configuration: what it may hold, whether it is right, and how REST describes it.

mod aliases;
mod appearance;
mod check;
mod cover;
pub(crate) mod delivery;
mod describe;
mod errors;
mod framework;
mod overrides;
mod request;
pub(crate) mod topic_groups;

pub use check::{Checked, ConfigError, Loaded, check, check_for, load, load_task};
pub use describe::{config_infos, key_infos};
pub use framework::{definition, extensions};
pub(crate) use overrides::overrides;
pub(crate) use request::Scalar;
pub use request::{Members, members, parse_request, texts};
