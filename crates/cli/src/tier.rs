//! The place that is asked before a node is run: `remote` of the experiment, or `AFFEKT_REMOTE`.

use std::env;
use std::sync::Arc;

use affekt_remote::{Access, Location, Tier, open};

use crate::exit::Stop;
use crate::out::say;
use crate::size::size;

/// The variable that names it, before an experiment does. `none` names none.
const VARIABLE: &str = "AFFEKT_REMOTE";

/// Returns the place that the user or the experiment names. One that cannot be used is said, and done without.
///
/// # Errors
/// The input is wrong where it is no name of a place.
pub fn tier(of_experiment: Option<&str>) -> Result<Option<Arc<Tier>>, Stop> {
    let variable = env::var(VARIABLE).ok().filter(|value| !value.is_empty());
    let named = variable.as_deref().or(of_experiment).filter(|name| *name != "none");
    let Some(named) = named else { return Ok(None) };
    let location: Location = named.parse().map_err(|error| {
        let by = if variable.is_some() { VARIABLE } else { "`remote`" };
        Stop::wrong(format!("error: {by}: {error}"))
    })?;
    match open(&location, Access::Read) {
        Ok(remote) => Ok(Some(Arc::new(Tier::new(remote, Box::new(|what| say!("warning: {what}")))))),
        Err(error) => {
            say!("warning: {error}; going on without it");
            Ok(None)
        }
    }
}

/// Says what came from there.
pub fn summary(tier: &Tier) -> Option<String> {
    let (results, bytes) = tier.handed_out();
    (results > 0 || bytes > 0).then(|| format!("{results} results and {} came from elsewhere", size(bytes)))
}
