//! Standardisation, computed by hand.

use affekt_features::{Scale, StandardiseError, Standardiser};

const SHAPE: [usize; 2] = [2, 2];
/// Two bands of two frames each.
const FIRST: [f32; 4] = [1.0, 3.0, 10.0, 10.0];
const SECOND: [f32; 4] = [5.0, 7.0, 10.0, 10.0];

fn applied(standardiser: &Standardiser, speaker: &str, row: [f32; 4]) -> [f32; 4] {
    let mut row = row;
    standardiser.apply(speaker, SHAPE, &mut row).unwrap();
    row
}

#[test]
fn globally() {
    // Mean (16 + 40) / 8 = 7; deviations −6 −4 −2 0 3 3 3 3: squares add up to 92.
    let fitted = Standardiser::global(&[&FIRST, &SECOND], SHAPE).unwrap();
    let std = (92.0_f64 / 8.0).sqrt() as f32;
    assert_eq!(fitted, Standardiser::Global(Scale { mean: 7.0, std }));
    assert_eq!(applied(&fitted, "anyone", FIRST), [-6.0 / std, -4.0 / std, 3.0 / std, 3.0 / std]);
}

#[test]
fn by_band() {
    // Band 1: 1 3 5 7, mean 4, variance (9 + 1 + 1 + 9) / 4 = 5. Band 2 never changes.
    let fitted = Standardiser::band(&[&FIRST, &SECOND], SHAPE).unwrap();
    let std = 5.0_f64.sqrt() as f32;
    let bands = vec![Scale { mean: 4.0, std }, Scale { mean: 10.0, std: 1.0 }];
    assert_eq!(fitted, Standardiser::Band { bands });
    assert_eq!(applied(&fitted, "anyone", SECOND), [1.0 / std, 3.0 / std, 0.0, 0.0]);
}

#[test]
fn by_speaker() {
    let third = [11.0, 13.0, 0.0, 4.0];
    let rows = [("A", &FIRST[..]), ("B", &third[..]), ("A", &SECOND[..])];
    let fitted = Standardiser::speaker(rows, SHAPE).unwrap();
    let Standardiser::Speaker { speakers } = &fitted else { panic!("{fitted:?}") };
    let Standardiser::Band { bands } = Standardiser::band(&[&FIRST, &SECOND], SHAPE).unwrap() else {
        panic!("bands were asked for")
    };
    assert_eq!(speakers["A"], bands, "a speaker's scales are those of the speaker's rows alone");
    assert_eq!(speakers["B"], [Scale { mean: 12.0, std: 1.0 }, Scale { mean: 2.0, std: 2.0 }]);
    assert_eq!(applied(&fitted, "B", third), [-1.0, 1.0, -1.0, 1.0]);
    // The same clip of another speaker is something else.
    assert_ne!(applied(&fitted, "A", third), applied(&fitted, "B", third));

    let error = fitted.apply("C", SHAPE, &mut FIRST.clone()).unwrap_err();
    assert_eq!(error, StandardiseError::UnknownSpeaker { speaker: "C".into() });
    assert!(error.to_string().contains("give `enrol` the rows that hold this speaker"), "{error}");
}

#[test]
fn by_utterance() {
    // FIRST: mean 6, deviations −5 −3 4 4: squares add up to 66.
    let std = (66.0_f64 / 4.0).sqrt() as f32;
    let found = applied(&Standardiser::Utterance, "anyone", FIRST);
    assert_eq!(found, [-5.0 / std, -3.0 / std, 4.0 / std, 4.0 / std]);
    assert_eq!(applied(&Standardiser::Utterance, "anyone", [3.0; 4]), [0.0; 4]);
    assert_eq!(applied(&Standardiser::None, "anyone", FIRST), FIRST);
}

#[test]
fn values_far_from_zero_keep_their_deviation() {
    let row: Vec<f32> = (0..1000).map(|i| 4096.0 + (i % 2) as f32 / 512.0).collect();
    let fitted = Standardiser::global(&[&row], [1, 1000]).unwrap();
    let Standardiser::Global(Scale { std, .. }) = fitted else { panic!("{fitted:?}") };
    assert!((std * 1024.0 - 1.0).abs() < 1e-6, "{std}");
}

#[test]
fn what_does_not_fit_is_refused() {
    assert_eq!(Standardiser::global(&[], SHAPE), Err(StandardiseError::Empty));
    assert_eq!(Standardiser::speaker([], SHAPE), Err(StandardiseError::Empty));
    let short = StandardiseError::Values { found: 3, expected: 4 };
    assert_eq!(Standardiser::band(&[&FIRST, &SECOND[..3]], SHAPE), Err(short.clone()));
    let fitted = Standardiser::band(&[&FIRST], SHAPE).unwrap();
    assert_eq!(fitted.apply("A", SHAPE, &mut [0.0; 3]), Err(short));
    let other = fitted.apply("A", [4, 1], &mut FIRST.clone());
    assert_eq!(other, Err(StandardiseError::Bands { found: 2, expected: 4 }));
}

#[test]
fn files_give_back_every_bit() {
    let odd = [0.1, 1.0 / 3.0, 1e-20, 3e7];
    for fitted in [
        Standardiser::global(&[&odd], SHAPE).unwrap(),
        Standardiser::band(&[&odd], SHAPE).unwrap(),
        Standardiser::speaker([("C/ü", &odd[..])], SHAPE).unwrap(),
        Standardiser::Utterance,
        Standardiser::None,
    ] {
        let text = serde_json::to_string(&fitted).unwrap();
        assert_eq!(serde_json::from_str::<Standardiser>(&text).unwrap(), fitted, "{text}");
    }
}
