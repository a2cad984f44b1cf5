//! What an exported model was trained on: its own rows exactly, and what its encoders say of theirs.

use std::collections::{BTreeMap, BTreeSet};

use affekt_domain::Role;
use affekt_graph::{NodeIndex, Source};
use affekt_spec::encoder::{SeenLabels, TrainedOn};

use super::card::own_variant;
use crate::context::{ExperimentContext, Viewed};
use crate::exit::Stop;

/// Lists the speakers of the rows that the training at `at` was fitted to and chose its epoch by, then what its encoders were
/// trained on. Of an encoder of which nobody says it, there is an entry for something unknown.
pub fn trained_on(
    context: &ExperimentContext,
    viewed: &Viewed<'_>,
    at: NodeIndex,
) -> Result<Vec<TrainedOn>, Stop> {
    let mut speakers = BTreeMap::<String, BTreeSet<String>>::new();
    for role in [Role::Train, Role::Dev] {
        for rows in rows(viewed, at, role)? {
            speakers.entry(rows.corpus).or_default().insert(rows.speaker);
        }
    }
    let own = speakers.into_iter().map(|(corpus, speakers)| TrainedOn {
        corpus,
        speakers: speakers.into_iter().collect(),
        labels: SeenLabels::Emotions,
    });
    let mut entries: Vec<TrainedOn> = own.collect();
    let node = viewed.walk.graph().nodes()[at].id.as_str();
    for checkpoint in own_variant(context, viewed, node).into_iter().flat_map(|variant| &variant.checkpoints)
    {
        let unknown = || {
            let corpus = TrainedOn::UNKNOWN.to_owned();
            vec![TrainedOn { corpus, speakers: Vec::new(), labels: SeenLabels::None }]
        };
        for entry in context.ops.trained_on(checkpoint).unwrap_or_else(unknown) {
            if !entries.contains(&entry) {
                entries.push(entry);
            }
        }
    }
    Ok(entries)
}

/// The rows on the port of a role, of which there may be none.
fn rows(viewed: &Viewed<'_>, at: NodeIndex, role: Role) -> Result<Vec<affekt_table::rows::SplitRow>, Stop> {
    let graph = viewed.walk.graph();
    let inputs = graph.nodes()[at].inputs.iter().filter(|input| input.port == role.name());
    let mut all = Vec::new();
    for source in inputs.flat_map(|input| &input.from) {
        let Source::Output(output) = source else { continue };
        let object = graph.find(&output.node).and_then(|split| viewed.finished(split, &output.output));
        let Some(object) = object else {
            return Err(Stop::failed(format!(
                "error: `{}` is gone from the store: run the experiment again",
                output.node
            )));
        };
        // Where it is permitted, test rows choose the epoch.
        let read = affekt_ops::table::read(&object, |file| {
            affekt_table::rows::read(file, role).or_else(|_| affekt_table::rows::read(file, Role::Test))
        });
        all.extend(read?.rows);
    }
    Ok(all)
}
