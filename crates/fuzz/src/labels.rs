//! Label files of IEMOCAP and HUME-VB, read by their cards beside their recordings, and tables of splits.

use std::fs;
use std::path::{Path, PathBuf};

use affekt_cli::out::say;
use affekt_config::Diagnostics;
use affekt_corpus::{
    Card, Encoding, SyntheticBursts, SyntheticDialogues, generate_bursts, generate_dialogues, read_split,
    scan, table_text,
};

use crate::target::{Subject, in_repository};

/// Label files. The first byte of an input says which.
pub fn label_files(folder: &Path) -> Subject {
    let bursts = SyntheticBursts { parts: [4, 4, 4], seed: 1, rate_hz: 8000, test_labels: true };
    let bursts = generate_bursts(folder, &bursts).expect("an empty folder takes a corpus");
    let dialogues = generate_dialogues(folder, &SyntheticDialogues::few(1, 1, 8000));
    let dialogues = dialogues.expect("an empty folder takes a corpus");
    for session in 2..=5 {
        fs::remove_dir_all(dialogues.join(format!("Session{session}"))).expect("it was just written");
    }
    let mut files: Vec<(PathBuf, usize)> = Vec::new();
    for (which, root) in [bursts.clone(), dialogues.join("Session1/dialog")].into_iter().enumerate() {
        let mut left = vec![root];
        while let Some(path) = left.pop() {
            match fs::read_dir(&path) {
                Ok(entries) => left.extend(entries.flatten().map(|entry| entry.path())),
                Err(_) if path.extension().is_some_and(|it| it == "csv" || it == "txt") => {
                    files.push((path, which))
                }
                Err(_) => {}
            }
        }
    }
    files.sort();
    let sound: Vec<Vec<u8>> =
        files.iter().map(|(path, _)| fs::read(path).expect("it was just written")).collect();
    let pool = (0_u8..).zip(&sound).map(|(which, bytes)| [&[which], &bytes[..]].concat()).collect();
    let corpora = [("hume-vb", bursts), ("iemocap", dialogues)].map(|(name, root)| (card(name), root));
    let words = [
        "Filename,",
        "Split",
        "Train",
        "Ses01F_impro01_F000",
        "\tneu\t",
        "[2.5, 2.5, 2.5]",
        "C-E2:",
        "A-E3: val 3; act 2;",
        "\"\"",
        "\u{ff}",
        ";",
        "nan",
        "inf",
        "xxx",
    ];
    Subject::new(pool, &words, move |input| {
        let Some((which, bytes)) = input.split_first() else { return };
        let which = usize::from(*which) % files.len();
        let (path, corpus) = &files[which];
        fs::write(path, bytes).expect("the folder can be written to");
        let (card, root) = &corpora[*corpus];
        match scan(card, root) {
            Ok(scan) => {
                scan.problems.iter().for_each(|problem| say!("{}: {}", problem.path, problem.message))
            }
            Err(error) => say!("{error}"),
        }
        fs::write(path, &sound[which]).expect("the folder can be written to");
    })
}

fn card(name: &str) -> Card {
    let path = in_repository(&format!("datasets/{name}.yaml"));
    let text = fs::read_to_string(&path).expect("it is part of the repository");
    Card::parse(&path.to_string_lossy(), &text, &Diagnostics::new()).expect("a shipped card is right")
}

/// Tables of splits.
pub fn split(_: &Path) -> Subject {
    let pool = [
        "utterance,role,fold\nC/a,train,1\nC/b,dev,1\nC/c,test,1\nC/a,test,2\nC/b,train,2\nC/c,dev,2\n",
        "file;split\na.wav;train\nb.wav;test\n",
        "\u{feff}path\tset\tfold\nx/a.wav\ttrain\t1\n\"x/b\"\"c.wav\"\ttest\t1\n",
    ];
    let mut pool: Vec<Vec<u8>> = pool.iter().map(|text| text.as_bytes().to_vec()).collect();
    let wide: Vec<u8> =
        "utterance,role\na,train\nb,test\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    pool.push([&[0xff, 0xfe], &wide[..]].concat());
    let rows = |count, row: &dyn Fn(usize) -> String| {
        let rows: String = (0..count).map(row).collect();
        format!("utterance,role,fold\n{rows}").into_bytes()
    };
    pool.push(rows(6000, &|n| format!("C/{n},role{n},x{n}\n")));
    pool.push(rows(500, &|n| format!("C/{n},test,{}\n", n + 1)));
    pool.push(rows(500, &|_| "C/a,train,1\n".to_owned()));
    let words = [
        "utterance",
        "role",
        "fold",
        "train",
        "dev",
        "test",
        "validation",
        "\"",
        "\"\"",
        "\t",
        ";",
        "\r",
        "0",
        "4294967296",
    ];
    Subject::new(pool, &words, |bytes| {
        let Ok(text) = table_text(bytes.to_vec(), Encoding::Unicode) else { return };
        if let Err(mistakes) = read_split("split.csv", &text) {
            assert!(!mistakes.is_empty(), "refused without a word");
            let diagnostics = Diagnostics::new();
            mistakes.into_iter().for_each(|mistake| diagnostics.push(mistake));
            say!("{diagnostics}");
        }
    })
}
