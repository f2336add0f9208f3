//! Placeholder replaced by the next commits.

use crate::backend::Handle;
use crate::model::problem::Problem;

/// Opens the window.
pub fn run(_handle: Handle) -> Result<(), Problem> {
    Ok(())
}
