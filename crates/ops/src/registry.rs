//! The registry: all operations.

use std::sync::Arc;

use affekt_graph::Node;
use affekt_spec::View;

use crate::operation::{Author, Definition, Operation, Params};
use crate::{
    audio::Audio, awgn::Awgn, bottleneck::Bottleneck, choose::Choose, compare::Compare, embed::Embed,
    encoder::EncoderOp, evaluate::Evaluate, examples::Examples, exported_encoder::ExportedEncoder,
    folds::Folds, functionals::Functionals, infer::Infer, ingest::Ingest, kmeans::Kmeans, logmel::LogMel,
    mfcc::Mfcc, model::Model, picture::SpectrogramImage, predict::Predict, predictions_file::PredictionsFile,
    pretrain::Pretrain, split::Split, standardise::Standardise, state_model::FrameTeacher, states::States,
    submission::Submission, train::Train, trial::Trial,
};

/// All operations, in the order in which data passes through them.
pub static ALL: &[&Definition] = &[
    &Ingest::DEFINITION,
    &Examples::DEFINITION,
    &Folds::DEFINITION,
    &Split::DEFINITION,
    &Audio::DEFINITION,
    &Awgn::DEFINITION,
    &LogMel::DEFINITION,
    &Mfcc::DEFINITION,
    &SpectrogramImage::DEFINITION,
    &Functionals::DEFINITION,
    &EncoderOp::DEFINITION,
    &Embed::DEFINITION,
    &Bottleneck::DEFINITION,
    &Standardise::DEFINITION,
    &FrameTeacher::DEFINITION,
    &States::DEFINITION,
    &Kmeans::DEFINITION,
    &Pretrain::DEFINITION,
    &Trial::DEFINITION,
    &Choose::DEFINITION,
    &Train::DEFINITION,
    &Model::DEFINITION,
    &ExportedEncoder::DEFINITION,
    &Predict::DEFINITION,
    &PredictionsFile::DEFINITION,
    &Evaluate::DEFINITION,
    &Compare::DEFINITION,
    &Submission::DEFINITION,
    &Infer::DEFINITION,
];

/// Returns the operations that pipelines write.
pub fn of_pipelines() -> impl Iterator<Item = &'static Definition> {
    ALL.iter().copied().filter(|definition| definition.author == Author::Pipeline)
}

/// Returns the operation called `name`, now or in older files.
#[must_use]
pub fn find(name: &str) -> Option<&'static Definition> {
    ALL.iter().copied().find(|definition| definition.name == name || definition.aliases.contains(&name))
}

/// Gives a node its parameters.
pub fn set_params(node: &mut Node, params: &dyn Params) {
    node.params = Arc::new(params.view(View::Key));
    node.steps = params.facts().steps;
}

/// Returns the operation of a node and its parameters; `None` where it is no operation's, or yet to get them.
#[must_use]
pub fn of_node(node: &Node) -> Option<(&'static Definition, Arc<dyn Params>)> {
    let definition = find(&node.op)?;
    Some((definition, (definition.parse)(&node.params).ok()?))
}
