//! VGG16: refused files of torchvision. Those that are read are compared with torchvision in `crates/models/tests`.

use std::collections::BTreeMap;
use std::fs;

use affekt_encoders::{Overrides, fingerprint, read};
use affekt_spec::encoder::Normalisation;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView, serialize};

use crate::support::golden;

/// Returns the error for the small golden with modified tensors.
fn refused(edit: impl FnOnce(&mut BTreeMap<String, TensorView<'_>>)) -> String {
    let bytes = fs::read(golden("../vgg16/small.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let mut tensors = file.tensors().into_iter().collect();
    edit(&mut tensors);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("edited.safetensors");
    fs::write(&path, serialize(&tensors, None).unwrap()).unwrap();
    let error = read(&path, &Overrides::default()).expect_err("it must be refused");
    error.to_string().replace(path.to_str().unwrap(), "F")
}

fn zeros(bytes: &'static [u8], shape: &[usize]) -> TensorView<'static> {
    let count = shape.iter().product::<usize>() * 4;
    TensorView::new(Dtype::F32, shape.to_vec(), &bytes[..count]).unwrap()
}

#[test]
fn what_is_no_vgg16_is_refused_by_name() {
    static ZEROS: [u8; 65_536] = [0; 65_536];
    let told = refused(|tensors| _ = tensors.remove("features.3.bias"));
    assert_eq!(told, "F: the tensors do not match the settings: `features.3.bias` is missing");
    // A kernel of 5, as of AlexNet.
    let told = refused(|tensors| {
        tensors.insert("features.3.weight".into(), zeros(&ZEROS, &[6, 4, 5, 5]));
    });
    let expected = "F: the tensors do not match the settings: `features.3.weight` has shape [6, 4, 5, 5], \
                    expected [6, 4, 3, 3]";
    assert_eq!(told, expected);
    // Channels that do not follow from those before.
    let told = refused(|tensors| {
        tensors.insert("features.5.weight".into(), zeros(&ZEROS, &[6, 7, 3, 3]));
    });
    assert!(told.contains("`features.5.weight` has shape [6, 7, 3, 3], expected [6, 6, 3, 3]"), "{told}");
    // With batch norms, rows of other lengths: another network.
    let told = refused(|tensors| {
        tensors.insert("features.1.running_mean".into(), zeros(&ZEROS, &[4]));
    });
    let none = "F: tensors without settings: give the folder whose `config.json` describes them";
    assert_eq!(told, none);
    let told = refused(|tensors| tensors.retain(|name, _| name.starts_with("classifier")));
    assert_eq!(told, none);
}

#[test]
fn what_is_unknown_in_it_is_told() {
    let encoder = read(&golden("../vgg16/small.zip.pth"), &Overrides::default()).unwrap();
    let note = "torchvision's files say nothing of how pixels are normalised: as torchvision trains, where `config` does not \
                say otherwise";
    assert_eq!(encoder.key_mapping.notes, [note]);
    // The same weights in other files are other bytes.
    let of = |file: &str| fingerprint(&golden("../vgg16").join(file)).unwrap();
    assert_ne!(of("small.zip.pth"), of("small.legacy.pth"));
}

/// As `docs/keras_vgg16.py` leaves it.
#[test]
fn a_file_may_say_how_pixels_are_normalised() {
    let bytes = fs::read(golden("../vgg16/small.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let write = |normalisation: &str| {
        let path = folder.path().join(format!("{normalisation}.safetensors"));
        let metadata = [("normalisation".to_owned(), normalisation.to_owned())].into();
        fs::write(&path, serialize(tensors.tensors(), Some(metadata)).unwrap()).unwrap();
        path
    };
    let keras = write("keras");
    let encoder = read(&keras, &Overrides::default()).unwrap();
    assert_eq!(encoder.config.vgg16().unwrap().normalisation, Normalisation::Keras);
    assert_eq!(encoder.key_mapping.notes, [""; 0]);
    let torchvision = Overrides {
        config: [("normalisation".to_owned(), "torchvision".into())].into_iter().collect(),
        ..Overrides::default()
    };
    let refused = read(&keras, &torchvision).unwrap_err().to_string();
    assert!(refused.contains("normalisation") && refused.contains("keras"), "{refused}");
    let unknown = read(&write("caffe"), &Overrides::default()).unwrap_err().to_string();
    assert!(unknown.contains("unknown value `caffe`"), "{unknown}");
}
