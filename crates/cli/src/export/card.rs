//! The model card of an exported model: what it is for, what it was trained on, how well it does, and what it must not be
//! taken for.

use std::fmt::Write;

use affekt_domain::Task;
use affekt_eval::VariantMetrics;
use affekt_ops::exported::Step;
use affekt_pipeline::FinalEpochs;
use serde_json::Value;

use crate::context::{ExperimentContext, Viewed};
use crate::exit::{Stop, error};

/// What is said of the network that the node trained, in Markdown.
pub fn about(
    context: &ExperimentContext,
    viewed: &Viewed<'_>,
    node: &str,
    steps: &[Step],
    card: &Value,
    task: &Task,
) -> Result<String, Stop> {
    let mut text = String::new();
    let mut line = |line: String| {
        let _ = writeln!(text, "{line}");
    };
    line(match task {
        Task::Classes(classes) => {
            format!("Tells the emotion of a recording of speech: {}.", classes.join(", "))
        }
        Task::Outputs(outputs) => format!("Rates a recording: {}.", outputs.join(", ")),
    });
    line("\n## Use\n\n```sh\naffekt predict FOLDER recording.wav\n```\n".to_owned());
    let steps: Vec<&str> = steps.iter().map(|step| step.op.as_str()).collect();
    line(format!(
        "`affekt.json` says what a recording goes through ({}), what the network is made of (`{}`, {} parameters) and how it \
         was trained.\n",
        steps.join(", "),
        card["network"]["kind"].as_str().unwrap_or_default(),
        card["parameters"]["total"]
    ));
    line("## Training\n".to_owned());
    line(format!(
        "Fold {}, seed {}, on {} rows, {} epochs.\n",
        card["fold"], card["seed"], card["training_rows"], card["epochs"]
    ));
    if let Some(FinalEpochs { epochs, run: Some(run) }) = epochs(context, viewed, node) {
        line(format!(
            "It was trained for {epochs} epochs, the mean of what the trainings of run `{run}` kept.\n"
        ));
    }
    for (name, corpus) in &context.experiment.corpora {
        let licence = if corpus.synthetic.is_some() { "synthetic voices" } else { &corpus.card.licence };
        line(format!("* {name}: {licence}"));
    }
    line("\nWhat the licences of the recordings and of a pretrained encoder demand holds for this model too.\n".to_owned());
    line("## Figures\n".to_owned());
    let figures = figures(context, viewed, node)?;
    line(figures.unwrap_or_else(|| "The experiment has not been evaluated.".to_owned()));
    line(
        "\nFigures are of the whole experiment, not of this one training. Acted or elicited emotions are not felt ones: on \
         other voices, languages and microphones it will do worse."
            .to_owned(),
    );
    Ok(text)
}

/// Returns for how long a final model is trained.
pub fn epochs<'c>(
    context: &'c ExperimentContext,
    viewed: &Viewed<'_>,
    node: &str,
) -> Option<&'c FinalEpochs> {
    own_variant(context, viewed, node)?.epochs.as_ref()
}

/// Returns the variant that a training belongs to.
pub fn own_variant<'c>(
    context: &'c ExperimentContext,
    viewed: &Viewed<'_>,
    node: &str,
) -> Option<&'c affekt_pipeline::Variant> {
    let is_own = |variant: &&affekt_pipeline::Variant| {
        variant.trainings(&viewed.walk).iter().any(|training| training.node.as_str() == node)
    };
    context.experiment.variants.iter().find(is_own)
}

/// What the experiment says of the variant that the node belongs to.
fn figures(context: &ExperimentContext, viewed: &Viewed<'_>, node: &str) -> Result<Option<String>, Stop> {
    let Some(variant) = own_variant(context, viewed, node) else { return Ok(None) };
    let at = variant.evaluate.as_ref().and_then(|evaluate| viewed.walk.graph().find(evaluate));
    let Some(metrics) = at.and_then(|at| viewed.finished(at, "metrics")) else { return Ok(None) };
    let bytes = metrics.all().map_err(affekt_graph::Failure::from)?;
    let metrics: VariantMetrics =
        serde_json::from_slice(bytes).map_err(|cause| error("failed to read the figures", &cause))?;
    let value = serde_json::to_value(metrics.aggregate).unwrap_or_default();
    let mut text =
        format!("Protocol: {}.\n\n| measure | mean | pooled |\n|---|---|---|\n", metrics.about.protocol);
    for (name, figures) in value.as_object().into_iter().flatten() {
        let number =
            |key: &str| figures[key].as_f64().map_or_else(|| "–".to_owned(), |value| format!("{value:.3}"));
        let _ = writeln!(text, "| {name} | {} | {} |", number("mean"), number("pooled"));
    }
    for stamp in &metrics.about.stamps {
        let _ = writeln!(text, "\n**{stamp}**");
    }
    Ok(Some(text))
}
