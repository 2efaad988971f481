//! A connector's configuration: what it may hold, whether it is right, and how REST describes it.

mod aliases;
mod appearance;
mod check;
mod describe;
mod errors;
mod framework;
mod request;

pub use check::{Checked, ConfigError, Loaded, check, load, load_task};
pub use describe::{config_infos, key_infos};
pub(crate) use framework::overrides;
pub use framework::{definition, extensions};
pub use request::{parse_request, texts};
