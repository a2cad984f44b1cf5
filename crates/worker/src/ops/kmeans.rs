//! `kmeans`: the frames of the training rows are put into clusters.

use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::time::Instant;

use affekt_atomic::write_atomically;
use affekt_domain::Role;
use affekt_graph::{Context, Failure, Job, Object};
use affekt_ops::kmeans::{Params, Seeding};
use affekt_ops::table;
use affekt_table::TableError;
use affekt_table::pseudo_labels::PseudoLabelWriter;
use affekt_table::rows::{self, SplitRows};
use affekt_table::states::States;
use affekt_torch::Checkpoint;
use affekt_train::kmeans::{Clustering, KmeansConfig, KmeansError, Points, assign, kmeans};
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use super::CHECKPOINT_EVERY;
use super::feature_dataset::check_only;
use crate::artefact::{self, CARD, to_bytes};

pub fn run(job: &Job, device: Device, context: &mut dyn Context) -> Result<(), Failure> {
    let params: Params = affekt_ops::params(job)?;
    let train_rows = table::read_port(job, "train", |file| rows::read(file, Role::Train))?;
    let object = job.open_one("states")?;
    let frames = Frames::open(&object, &train_rows)?;
    let mut clusterings = Vec::new();
    for (done, &clusters) in params.clusters.iter().enumerate() {
        clusterings.push(cluster(job, &params, done, clusters as usize, &frames, device, context)?);
    }
    write_clusters(job, &params, &frames, &train_rows, &clusterings)?;
    write_labels(job, &params, &frames, device, &clusterings)
}

fn cluster(
    job: &Job,
    params: &Params,
    done: usize,
    clusters: usize,
    frames: &Frames,
    device: Device,
    context: &mut dyn Context,
) -> Result<Clustering, Failure> {
    let config = KmeansConfig {
        clusters,
        iterations: params.iterations as usize,
        seeding: match params.seeding {
            Seeding::Random => affekt_train::kmeans::Seeding::Random,
            Seeding::PlusPlus => affekt_train::kmeans::Seeding::PlusPlus,
        },
        seed: params.seed,
    };
    let kept = job.state.as_ref().map(|folder| folder.join(format!("clusters-{clusters}.safetensors")));
    let partial = kept.as_deref().and_then(|path| PartialClustering::read(path, &config));
    let all = params.clusters.len() as u64 * u64::from(params.iterations);
    let mut written = Instant::now();
    let mut unwritten = None;
    let clustered = kmeans(frames, &config, device, partial, &mut |clustering| {
        let iteration = clustering.objective.len();
        let note = format!("{clusters} clusters, iteration {iteration}/{}", params.iterations);
        context.progress((done * params.iterations as usize + iteration) as u64, all, &note);
        let stops = context.cancelled();
        if let Some(path) = kept.as_ref().filter(|_| stops || written.elapsed() >= CHECKPOINT_EVERY) {
            if let Err(failure) = PartialClustering::write(path, &config, clustering) {
                unwritten = Some(failure);
                return ControlFlow::Break(());
            }
            written = Instant::now();
        }
        if stops { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    match unwritten {
        Some(failure) => Err(failure),
        None => clustered.map_err(|error| frames.failure(error)),
    }
}

/// All frames of a table of states, one behind the other.
struct Frames<'o> {
    object: &'o Object,
    states: States,
    /// How many there are up to the end of each row.
    ends: Vec<usize>,
}

impl<'o> Frames<'o> {
    /// Those of training rows.
    fn open(object: &'o Object, train_rows: &SplitRows) -> Result<Self, Failure> {
        let damaged = |error| table::failure(object, error);
        let states = States::open(table::open(object)?).map_err(damaged)?;
        let (mut names, mut ends, mut end) = (Vec::new(), Vec::new(), 0);
        for row in 0..states.len() {
            names.push(states.utterance(row).map_err(damaged)?.to_owned());
            end += states.n_frames(row).map_err(damaged)?;
            ends.push(end);
        }
        let training = train_rows.rows.iter().map(|row| row.utterance.as_str());
        check_only(names.iter(), training, "states")?;
        Ok(Self { object, states, ends })
    }

    fn failure(&self, error: KmeansError<TableError>) -> Failure {
        match error {
            KmeansError::Points(error) => table::failure(self.object, error),
            KmeansError::Cancelled => Failure::Cancelled,
            other => Failure::because(&other),
        }
    }
}

impl Points for Frames<'_> {
    type Error = TableError;

    fn len(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    fn width(&self) -> usize {
        self.states.width()
    }

    fn read(&self, range: Range<usize>, into: &mut [f32]) -> Result<(), TableError> {
        let width = self.width();
        let (mut frame, mut into) = (range.start, into);
        let mut row = self.ends.partition_point(|&end| end <= frame);
        while frame < range.end {
            let first = row.checked_sub(1).map_or(0, |before| self.ends[before]);
            let end = self.ends[row].min(range.end);
            let (own, rest) = into.split_at_mut((end - frame) * width);
            self.states.read(row, frame - first..end - first, own)?;
            (frame, into, row) = (end, rest, row + 1);
        }
        Ok(())
    }
}

/// A clustering under way, as it is kept in case of a kill.
#[derive(Serialize, Deserialize)]
struct PartialClustering {
    config: KmeansConfig,
    width: usize,
    counts: Vec<u64>,
    objective: Vec<f64>,
    refilled: u64,
}

const CENTROIDS: &str = "centroids";

impl PartialClustering {
    /// What is kept, where it is of the same clustering. What cannot be read is begun anew.
    fn read(path: &Path, config: &KmeansConfig) -> Option<Clustering> {
        let file = Checkpoint::from_bytes(&std::fs::read(path).ok()?).ok()?;
        let kept: Self = serde_json::from_str(file.metadata.get(CARD)?).ok()?;
        let centroids = Vec::<f32>::try_from(file.tensors.get(CENTROIDS)?.flatten(0, -1)).ok()?;
        let Self { config: of, width, counts, objective, refilled } = kept;
        (of == *config).then_some(Clustering { width, centroids, counts, objective, refilled })
    }

    /// Whole or not at all.
    fn write(path: &Path, config: &KmeansConfig, clustering: &Clustering) -> Result<(), Failure> {
        let kept = Self {
            config: config.clone(),
            width: clustering.width,
            counts: clustering.counts.clone(),
            objective: clustering.objective.clone(),
            refilled: clustering.refilled,
        };
        let tensors = [(CENTROIDS.to_owned(), centroids(clustering))].into_iter().collect();
        let bytes = to_bytes(&kept, tensors)?;
        let written = write_atomically(path, |unfinished| std::fs::write(unfinished, &bytes));
        written.map_err(|error| Failure::unwritten(path, &error))
    }
}

/// `[k, width]`
fn centroids(clustering: &Clustering) -> Tensor {
    Tensor::from_slice(&clustering.centroids).view([-1, clustering.width as i64])
}

/// Writes the centroids, `centroids.<clusters>` `[clusters, width]`, and how they came about.
fn write_clusters(
    job: &Job,
    params: &Params,
    frames: &Frames,
    train_rows: &SplitRows,
    clusterings: &[Clustering],
) -> Result<(), Failure> {
    let of_clustering = |clustering: &Clustering| {
        serde_json::json!({
            "clusters": clustering.counts.len(),
            "objective": clustering.objective,
            "counts": clustering.counts,
            "refilled": clustering.refilled,
        })
    };
    let card = serde_json::json!({
        "version": 1,
        "fold": train_rows.fold,
        "utterances": frames.states.len(),
        "frames": frames.len(),
        "seeding": params.seeding,
        "seed": params.seed,
        "clusterings": clusterings.iter().map(of_clustering).collect::<Vec<_>>(),
    });
    let named = clusterings
        .iter()
        .map(|clustering| (format!("{CENTROIDS}.{}", clustering.counts.len()), centroids(clustering)));
    artefact::write(job, "clusters", &card, named.collect())
}

/// Writes the cluster of every frame in every clustering.
fn write_labels(
    job: &Job,
    params: &Params,
    frames: &Frames,
    device: Device,
    clusterings: &[Clustering],
) -> Result<(), Failure> {
    let mut labels = Vec::new();
    for clustering in clusterings {
        let mut of_frames: Vec<u16> = Vec::with_capacity(frames.len());
        let assigned = assign(frames, &clustering.centroids, device, &mut |ids| {
            of_frames.extend_from_slice(ids);
            ControlFlow::Continue(())
        });
        assigned.map_err(|error| frames.failure(error))?;
        labels.push(of_frames);
    }
    let clusters: Vec<usize> = params.clusters.iter().map(|&clusters| clusters as usize).collect();
    let mut writer = PseudoLabelWriter::create(job.output("labels")?, &clusters).map_err(table::unwritten)?;
    let mut first = 0;
    for (row, &end) in frames.ends.iter().enumerate() {
        let name = frames.states.utterance(row).map_err(|error| table::failure(frames.object, error))?;
        let of_row: Vec<&[u16]> = labels.iter().map(|of_frames| &of_frames[first..end]).collect();
        writer.push(name, &of_row).map_err(table::unwritten)?;
        first = end;
    }
    writer.finish().map_err(table::unwritten)
}
