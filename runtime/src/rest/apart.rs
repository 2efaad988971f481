//! Work that takes long with a large or a bad configuration, on a thread of its own.
//!
//! One thread answers all requests: whoever computes there, or waits for a connector's own checks,
//! holds up everybody else, health checks among them.

use axum::http::StatusCode;

use super::Api;
use super::error::ApiError;

/// How much work goes on apart at one time; more waits, and holds up nothing else.
pub(super) const PLACES: usize = 8;

impl Api {
    /// Does this on another thread, and answers other requests meanwhile.
    ///
    /// # Errors
    /// What the work comes to, and 500 if it panics.
    pub(super) async fn apart<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let failed = |words: String| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, words);
        let place = self.places.acquire().await;
        let _place = place.map_err(|error| failed(error.to_string()))?;
        let api = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&api)).await;
        done.map_err(|error| failed(error.to_string()))?
    }
}
