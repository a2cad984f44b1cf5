//! Results that were computed elsewhere: asked for before a node is run.
//!
//! Records come as soon as their keys are known, for they tell the keys below. Objects come when somebody reads them.

use std::fmt::Debug;
use std::sync::Arc;

use affekt_domain::Digest;

use super::seal::Sealed;
use super::{Record, Store, StoreError};
use crate::Key;

/// Where results may be had that a store lacks. It says itself what goes wrong, and no run fails for it: what cannot be had
/// is computed.
pub trait Upstream: Debug + Send + Sync {
    /// Files those results of these keys in `store` that it has. Their objects need not come with them.
    fn results(&self, store: &Store, keys: &[Key]);

    /// Returns whether it has each of these objects.
    fn has(&self, digests: &[Digest]) -> Vec<bool>;

    /// Takes those of these objects into `store` that it has.
    fn objects(&self, store: &Store, digests: &[Digest]);
}

impl Store {
    /// Asks elsewhere for what the store lacks.
    #[must_use]
    pub fn with_upstream(mut self, upstream: Arc<dyn Upstream>) -> Self {
        self.upstream = Some(upstream);
        self
    }

    /// Returns whether anybody is asked for what it lacks.
    pub(crate) fn has_upstream(&self) -> bool {
        self.upstream.is_some()
    }

    /// Asks for the results of these keys that are not here.
    pub(crate) fn ask_for_results(&self, keys: &[Key]) {
        let Some(upstream) = &self.upstream else { return };
        let lacking: Vec<Key> = keys.iter().copied().filter(|key| self.lookup(*key).is_none()).collect();
        if !lacking.is_empty() {
            upstream.results(self, &lacking);
        }
    }

    /// Returns whether each of these objects is here, or can be had.
    pub(crate) fn can_have(&self, digests: &[Digest]) -> Vec<bool> {
        let mut found: Vec<bool> = digests.iter().map(|digest| self.has(*digest)).collect();
        let Some(upstream) = &self.upstream else { return found };
        let lacking: Vec<Digest> =
            digests.iter().zip(&found).filter(|(_, here)| !**here).map(|(digest, _)| *digest).collect();
        if !lacking.is_empty() {
            let mut answers = upstream.has(&lacking).into_iter();
            for here in found.iter_mut().filter(|here| !**here) {
                *here = answers.next().unwrap_or(false);
            }
        }
        found
    }

    /// Asks for those of these objects that are not here.
    pub(crate) fn ask_for_objects(&self, digests: &[Digest]) {
        let Some(upstream) = &self.upstream else { return };
        let lacking: Vec<Digest> = digests.iter().copied().filter(|digest| !self.has(*digest)).collect();
        if !lacking.is_empty() {
            upstream.objects(self, &lacking);
        }
    }

    /// Files the result of `key` that came from elsewhere; `None` where the bytes are not such a record.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn receive_record(&self, key: Key, bytes: &[u8]) -> Result<Option<Record>, StoreError> {
        match Record::unsealed(bytes) {
            Sealed::Whole(record) if record.key == key => self.publish(record).map(Some),
            _ => Ok(None),
        }
    }
}
