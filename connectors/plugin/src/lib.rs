//! Makes connectors a shared library that a worker loads from its `plugin.path`.
//!
//! A library is a crate of type `cdylib` whose connectors are written against `walbridge-connector-api`
//! like any others, and one line:
//!
//! ```
//! # use walbridge_connector_api::{ConfigDef, Connector, ConnectorKind};
//! # #[derive(Default)]
//! # struct Gauge(ConfigDef);
//! # impl Connector for Gauge {
//! #     fn class(&self) -> &'static str { "org.example.GaugeConnector" }
//! #     fn kind(&self) -> ConnectorKind { ConnectorKind::Source }
//! #     fn version(&self) -> &'static str { env!("CARGO_PKG_VERSION") }
//! #     fn config(&self) -> &ConfigDef { &self.0 }
//! # }
//! walbridge_plugin::export!(Gauge::default());
//! # fn main() {}
//! ```
//!
//! ```text
//!  worker                                       │ library
//!  loader ── reads the header, checks it ──────▶│ WALBRIDGE_PLUGIN (data)          abi
//!  Connector, tasks of this library's ──bytes──▶│ connectors, tasks as written     codec, guest
//!         ◀── log lines, "stop?", sink control ─│
//! ```
//!
//! * [`abi`]: the C side: one exported descriptor, and the rules of who frees what.
//! * [`operation`]: what can be asked for. [`codec`]: how it is written as bytes.
//! * `guest`: the library's side, whose module `raw` has all of this crate's `unsafe`. The worker's side is
//!   in the runtime (`walbridge::library`).
//!
//! What is guaranteed:
//! * nothing of a library is called before magic, ABI number and sizes have been compared;
//! * whole batches cross in one call each way, never single records;
//! * a panic ends in the task's error on the side where it happened: none crosses;
//! * who allocates frees: the two sides may have different allocators, compilers and standard libraries;
//! * `tracing` events of the library are lines of the worker's log.

pub mod abi;
pub mod codec;
mod guest;
pub mod operation;

#[doc(hidden)]
pub use guest::{Library, descriptor};
#[doc(hidden)]
pub use walbridge_connector_api as api;

/// Exports connectors, given as expressions, as the library's own. Once in a library.
///
/// Name and version of the library are those of the package that calls it.
#[macro_export]
macro_rules! export {
    ($($connector:expr),+ $(,)?) => {
        #[allow(unsafe_code, missing_docs, unreachable_pub)]
        const _: () = {
            struct Exported;

            impl $crate::Library for Exported {
                fn connectors() -> ::std::vec::Vec<::std::boxed::Box<dyn $crate::api::Connector>> {
                    ::std::vec![$(::std::boxed::Box::new($connector)),+]
                }
            }

            // SAFETY: the name is this macro's alone, and one library calls it once.
            #[unsafe(no_mangle)]
            pub static WALBRIDGE_PLUGIN: $crate::abi::Descriptor =
                $crate::descriptor::<Exported>($crate::abi::Header::new(
                    ::std::env!("CARGO_PKG_NAME"),
                    ::std::env!("CARGO_PKG_VERSION"),
                ));
        };
    };
}
