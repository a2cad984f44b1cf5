//! A corpus that the code has never heard of: a card beside the experiment and recordings, nothing else.

use affekt_table::TableFile;
use affekt_table::predictions;

use crate::corpora;
use crate::lab::Lab;

/// The experiment of a lab with the kitchen.
pub const KITCHEN: &str = "\
name: kitchen
corpora: { kitchen: }
protocol: { kind: group-kfold, group: speaker, folds: 3, dev: next-fold, seeds: [1] }
use: pipelines/cnn.yaml
with:
  max_epochs: 1
  audio.seconds: 0.1
  mfcc.n_fft: 256
  mfcc.hop_length: 128
  mfcc.n_mels: 16
  mfcc.n_mfcc: 16
  train.network.channels: [2, 2, 2]
  train.network.pools: [2, 2, 2]
";

/// A lab with the kitchen, where nothing has run.
pub fn lab(numbers: usize) -> Lab {
    let lab = Lab::empty();
    lab.write("kitchen.yaml", KITCHEN);
    lab.write("datasets/kitchen.yaml", corpora::KITCHEN_CARD);
    corpora::kitchen(&lab.path("data"), numbers);
    lab
}

#[test]
fn a_card_is_all_that_a_new_corpus_needs() {
    let lab = lab(5);
    let run = lab.run("kitchen", &[]).expect(0);
    let table = TableFile::open_path(&run.folder.join("predictions.arrow")).unwrap();
    let table = predictions::read(&table).unwrap();
    assert_eq!(table.task.names(), ["angry", "hungry"]);
    assert_eq!(table.rows.len(), 2 * 30);
    let row = table.rows.iter().find(|row| row.utterance == "Kitchen/ann/hungry-0002").unwrap();
    let hungry = row.truth.as_ref().and_then(|truth| truth.class());
    assert_eq!((row.speaker.as_str(), hungry), ("Kitchen/ann", Some("hungry")));
    assert!(run.text("report.md").contains("| Kitchen | 30 | 3 | CC BY 4.0 |"), "{}", run.text("report.md"));
}
