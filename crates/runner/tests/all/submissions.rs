//! The op `submission`: what the organisers of a competition get.

use affekt_domain::{Prediction, Role, Target, Task};
use affekt_graph::Item;
use affekt_table::predictions::{self, Predictions};

use crate::bench::{Bench, params};

fn row(utterance: &str, seed: u64, role: Role, outputs: &[f32]) -> Prediction {
    Prediction {
        variant: String::new(),
        utterance: utterance.into(),
        corpus: "V".into(),
        speaker: format!("V/?{utterance}"),
        session: None,
        sex: None,
        style: None,
        fold: 1,
        seed,
        role,
        truth: None,
        outputs: outputs.into(),
    }
}

fn predicted(bench: &Bench, task: Task, rows: Vec<Prediction>) -> Item {
    let path = bench.path("rows");
    predictions::write(&path, &Predictions { task, rows }).unwrap();
    bench.adopt(&path)
}

fn submitted(bench: &Bench, yaml: &str, inputs: &[&Item]) -> Result<String, String> {
    let made = bench.run("submission", params("submission", yaml)?, &[("predictions", inputs)]);
    let outputs = made.map_err(|failure| failure.to_string())?;
    Ok(std::fs::read_to_string(&outputs["submission"].path).unwrap())
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn values_are_averaged_over_seeds_in_the_order_of_the_scheme() {
    let bench = Bench::new();
    let task = || Task::Outputs(names(&["Valence", "South Africa_Awe"]));
    let mut dev = row("V/audio/wav/3", 1, Role::Dev, &[0.0, 0.0]);
    dev.truth = Some(Target::Values(vec![0.5, 0.5]));
    let of_test = |seed, shift: f32| {
        ["V/audio/wav/20", "V/audio/wav/10"].map(|name| {
            row(name, seed, Role::Test, &[0.25 + shift, if name.ends_with('2') { 1.0 } else { -0.5 }])
        })
    };
    let first = predicted(&bench, task(), [vec![dev], of_test(1, 0.0).into()].concat());
    let second = predicted(&bench, task(), of_test(2, 0.5).into());
    let csv = submitted(&bench, "{}", &[&first, &second]).unwrap();
    assert_eq!(csv, "File_ID,Valence,South Africa_Awe\n[10],0.5,-0.5\n[20],0.5,-0.5\n");
    let own = submitted(&bench, "{ id_column: name, id: '{name}.wav' }", &[&first]).unwrap();
    assert_eq!(own, "name,Valence,South Africa_Awe\n10.wav,0.25,-0.5\n20.wav,0.25,-0.5\n");

    let formula = submitted(&bench, "{ id: '={name}' }", &[&first]).unwrap_err();
    assert_eq!(formula, "a spreadsheet takes `=10` for a formula: give it another beginning");

    let few = predicted(&bench, task(), vec![row("V/audio/wav/10", 2, Role::Test, &[0.0, 0.0])]);
    let refused = submitted(&bench, "{}", &[&first, &few]).unwrap_err();
    assert_eq!(refused, "`V/audio/wav/20` is predicted 1 times, others 2: predict all alike");
}

/// One network is sure of a, two lean to b: probabilities decide, not votes nor logits.
#[test]
fn classes_are_chosen_by_mean_probability() {
    let bench = Bench::new();
    let task = || Task::Classes(names(&["Gasp", "Cry"]));
    let seeds = [[4.0, 0.0], [0.0, 0.5], [0.0, 0.5]].into_iter().zip(1..);
    let tables: Vec<Item> = seeds
        .map(|(logits, seed)| predicted(&bench, task(), vec![row("V/1", seed, Role::Test, &logits)]))
        .collect();
    let tables: Vec<&Item> = tables.iter().collect();
    assert_eq!(submitted(&bench, "{}", &tables).unwrap(), "File_ID,Voc_Type\n[1],Gasp\n");
    assert_eq!(submitted(&bench, "{}", &tables[1..]).unwrap(), "File_ID,Voc_Type\n[1],Cry\n");

    let none = predicted(&bench, task(), vec![row("V/1", 1, Role::Dev, &[0.0, 1.0])]);
    assert!(submitted(&bench, "{}", &[&none]).unwrap_err().contains("no predictions of role test"));
    let other = predicted(&bench, Task::Classes(names(&["Cry", "Gasp"])), Vec::new());
    assert!(submitted(&bench, "{}", &[&none, &other]).unwrap_err().contains("no one submission"));
}
