//! V-FT, TAPT and P-TAPT from a YAML file to a report, on made-up dialogues of five sessions.

use std::fs;

use crate::binaries::workspace;
use crate::lab::Lab;

/// All three, with networks of a few units.
fn text() -> String {
    let tiny = "encoder: random
  encoder_config:
    hidden_size: 8
    num_hidden_layers: 1
    num_attention_heads: 2
    intermediate_size: 16
    conv_dim: [4, 4, 4, 4, 4, 4, 4]
    num_conv_pos_embeddings: 4
    num_conv_pos_embedding_groups: 2
    codevector_dim: 8
    proj_codevector_dim: 8
    num_codevectors_per_group: 4
  state_encoder: random
  state_encoder_config:
    model_type: wav2vec
    conv_feature_layers: [[4, 10, 5], [4, 8, 4], [4, 4, 2], [4, 4, 2], [4, 4, 2]]
    conv_aggregator_layers: [[4, 2, 1]]
  state_head: 4
  state_lstm: 4
  state_steps: 4
  state_batch_size: 8
  tapt_steps: 3
  tapt_batch_size: 4
  tapt_crop: { seconds: 1, at: random }
  tapt_warmup: 1
  clusters: [3, 5]
  iterations: 2
  ptapt_steps: 3
  ptapt_seconds: 4
  ptapt_crop: { seconds: 1, at: random }
  ptapt_warmup: 1
  batch_size: 8
  max_epochs: 1
  crop: { seconds: 1, at: start }";
    format!(
        "name: sessions\ncorpora: {{ iemocap: {{ synthetic: {{ turns: 4 }} }} }}\nlabels: four\n\
         protocol: {{ kind: leave-one-group-out, group: session, dev: none, seeds: [1, 2] }}\n\
         use: pipelines/ptapt.yaml\nwith:\n  {tiny}\nvariants:\n  v-ft: {{ with.start: encoder }}\n  \
         tapt: {{ with.start: tapt }}\n  p-tapt: {{ with.start: ptapt }}\n\
         report: {{ primary: uar, baseline: v-ft, published: [{{ when: {{ with.start: ptapt }}, uar: 0.743, \
         sessions: {{ Ses01: {{ uar: 0.728, std: 0.014 }} }}, source: a paper }}] }}\n"
    )
}

#[test]
fn pretraining_is_done_once_a_fold_and_hears_training_sessions_alone() {
    let lab = Lab::empty();
    lab.write("sessions.yaml", &text());
    let run = lab.run("sessions", &[]).expect(0);
    let ran: Vec<String> = run.ran().into_iter().collect();
    let of_step = |step: &str| ran.iter().filter(|id| id.split('[').next() == Some(step)).count();
    // Five folds; all seeds of a fold share what is pretrained.
    for once_a_fold in ["tapt", "state_model", "states", "clusters", "ptapt"] {
        assert_eq!(of_step(once_a_fold), 5, "{once_a_fold} of {ran:#?}");
    }
    assert_eq!(of_step("finetune"), 3 * 5 * 2, "{ran:#?}");
    let page = run.text("report.md");
    let steps = "Parameter ptapt.training.steps is 3; published is 20000";
    for part in
        ["Ses01", "72.8 ± 1.4", "74.3", "was not pretrained but began at random", "shared by several", steps]
    {
        assert!(page.contains(part), "`{part}` is not in\n{page}");
    }

    // Nothing is done again, and the audit has seen what each of them was fitted on.
    let again = lab.run("sessions", &[]).expect(0);
    assert_eq!(again.ran(), [""; 0]);
    let audit = lab.xtask(&["audit", "sessions.yaml"]).expect(0);
    for fitted in ["tapt", "state_model", "states", "clusters", "ptapt", "finetune"] {
        assert!(audit.stdout.contains(fitted), "{}", audit.stdout);
    }
}

/// Fine-tuned checkpoints and torchaudio's have no quantiser: TAPT must not begin with one at random unless told to.
#[test]
fn a_checkpoint_without_quantiser_is_refused_when_planning() {
    let lab = Lab::empty();
    let checkpoint = workspace().join("tests/goldens/encoders/post-norm/ctc");
    let begins = text().find("  encoder_config:").unwrap()..text().find("  state_encoder:").unwrap();
    let own = text().replace(&text()[begins], "").replacen(
        "  encoder: random\n",
        &format!("  encoder: {}\n", checkpoint.display()),
        1,
    );
    lab.write("sessions.yaml", &own);
    let refused = lab.xtask(&["plan", "sessions.yaml"]).expect(2).stderr;
    for part in ["`tapt` cannot begin", "`quantizer.codevectors`", "lacking_head: drawn", "ptapt.yaml:"] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
    lab.xtask(&["plan", "sessions.yaml", "--set", "with.tapt_lacking_head=drawn"]).expect(0);
}

#[test]
fn test_rows_reach_no_step_of_pretraining() {
    let pipeline = fs::read_to_string(workspace().join("pipelines/ptapt.yaml")).unwrap();
    for (step, right) in [
        ("clusters", "in: { states: states, train: split.train }"),
        ("states", "in: { waveforms: audio, train: split.train, model: state_model }"),
        ("state_model", "in: { waveforms: audio, train: split.train, encoder: state_encoder }"),
        ("tapt", "in: { waveforms: audio, train: split.train, encoder: encoder }"),
        ("ptapt", "in: { waveforms: audio, train: split.train, encoder: encoder, labels: clusters.labels }"),
    ] {
        assert_eq!(pipeline.matches(right).count(), 1, "{right}");
        let line = 1 + pipeline.split(right).next().unwrap().matches('\n').count();
        for wrong in ["test", "dev"] {
            let lab = Lab::empty();
            lab.write(
                "leaky.yaml",
                &pipeline.replace(right, &right.replace("split.train", &format!("split.{wrong}"))),
            );
            let experiment = text().replace("pipelines/ptapt.yaml", "leaky.yaml");
            lab.write("sessions.yaml", &experiment);
            let refused = lab.xtask(&["plan", "sessions.yaml"]).expect(2);
            let told = format!(
                "input `train` of `{step}` takes rows of role train, and `split.{wrong}` is rows of role {wrong}"
            );
            assert!(refused.stderr.contains(&told), "{}", refused.stderr);
            assert!(refused.stderr.contains(&format!("leaky.yaml:{line}:")), "{}", refused.stderr);
        }
    }
}
