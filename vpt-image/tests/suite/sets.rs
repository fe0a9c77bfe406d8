//! Readers on small trees in the published layouts, and on files that Python and h5py wrote.

use super::{golden, golden_json};
use serde::Deserialize;
use std::fs;
use std::path::Path;
use vpt_image::images::{IGNORE, RgbImage, encode_png};
use vpt_image::loader::{Loader, LoaderState, Order, Unreadable};
use vpt_image::sets::{
    Ade20k, EmptyClass, ImageFolder, LabelScheme, NyuDepth, NyuList, NyuMat, NyuSplit, Revisited,
};

#[derive(Deserialize)]
struct Golden {
    nyu: Nyu,
    revisited: serde_json::Value,
}

#[derive(Deserialize)]
struct Nyu {
    images: Vec<Vec<[u8; 3]>>,
    depths: Vec<Vec<f32>>,
    raw: Vec<Vec<f32>>,
    train: Vec<usize>,
    test: Vec<usize>,
}

fn put(path: &Path, bytes: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// A grey PNG of 8 bits: the signature, header, data and end, written by the encoder.
fn grey(width: u32, height: u32, values: &[u8]) -> Vec<u8> {
    let image = image::GrayImage::from_raw(width, height, values.to_vec()).unwrap();
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

fn rgb(width: u32, height: u32) -> Vec<u8> {
    encode_png(&RgbImage::new(width, height)).unwrap()
}

#[test]
fn image_folders() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    put(&at("n02/b.JPEG"), fs::read(golden("jpeg-420.jpg")).unwrap());
    put(&at("n02/a.png"), rgb(2, 2));
    put(&at("n01/deep/c.png"), rgb(3, 2));
    put(&at("n01/notes.txt"), "");
    put(&at("list.txt"), "");
    let set = ImageFolder::open(root.path(), EmptyClass::Refuse).unwrap();
    assert_eq!(set.classes(), ["n01", "n02"]);
    assert_eq!((set.samples().len(), set.other_files()), (3, 1));
    let (image, class) = set.load(0).unwrap();
    assert_eq!((image.dimensions(), class), ((3, 2), 0));
    assert_eq!(set.load(2).unwrap().0.dimensions(), (48, 40));

    fs::create_dir(at("n00")).unwrap();
    let error = ImageFolder::open(root.path(), EmptyClass::Refuse).unwrap_err();
    assert!(error.to_string().contains("n00"), "{error}");
    let set = ImageFolder::open(root.path(), EmptyClass::Skip).unwrap();
    assert_eq!((set.empty_classes(), set.load(0).unwrap().1), (1, 1));

    let none = ImageFolder::open(&at("n00"), EmptyClass::Skip).unwrap_err();
    assert!(none.to_string().contains("n00: holds no"), "{none}");
    let missing = ImageFolder::open(&at("nowhere"), EmptyClass::Skip).unwrap_err();
    assert!(missing.to_string().contains("nowhere"), "{missing}");
}

#[test]
fn an_unreadable_image_is_skipped_and_counted() {
    let root = tempfile::tempdir().unwrap();
    for name in ["a/1.png", "a/2.png", "a/4.png"] {
        put(&root.path().join(name), rgb(2, 2));
    }
    put(&root.path().join("a/3.png"), "broken");
    let set = ImageFolder::open(root.path(), EmptyClass::Refuse).unwrap();
    let state = LoaderState::start(Order {
        seed: 1,
        len: set.samples().len(),
        shuffle: true,
    });
    let mut loader = Loader::new(state, 2, 4, Unreadable::Skip, move |visit| {
        set.load(visit.index)?;
        Ok(visit.index)
    });
    let seen: Vec<usize> = (0..6).map(|_| loader.next_sample().unwrap()).collect();
    assert!(!seen.contains(&2));
    assert!((1..=2).contains(&loader.state().skipped));
}

#[test]
fn ade20k() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    put(&at("images/training/ADE_train_00000002.jpg"), rgb(3, 2));
    put(&at("images/training/ADE_train_00000001.jpg"), rgb(2, 1));
    let first = at("annotations/training/ADE_train_00000001.png");
    put(&first, grey(2, 1, &[0, 150]));
    let scheme = LabelScheme::default();
    let error = Ade20k::open(root.path(), "training", scheme).unwrap_err();
    assert!(
        error.to_string().contains("ADE_train_00000002.png"),
        "{error}"
    );

    let second = at("annotations/training/ADE_train_00000002.png");
    put(&second, grey(3, 2, &[1, 2, 3, 0, 255, 7]));
    let set = Ade20k::open(root.path(), "training", scheme).unwrap();
    assert_eq!((set.len(), set.classes()), (2, 150));
    assert_eq!(set.load(0).unwrap().labels.values(), [IGNORE, 149]);
    let labels = set.load(1).unwrap().labels;
    assert_eq!(labels.values(), [0, 1, 2, IGNORE, IGNORE, 6]);

    put(&second, grey(3, 2, &[1, 2, 3, 0, 255, 151]));
    let error = set.load(1).unwrap_err();
    assert!(error.is_of_one_sample());
    let error = error.to_string();
    assert!(
        error.contains("00000002.png: label 151 at row 1, column 2"),
        "{error}"
    );
    assert!(error.contains("up to 150"), "{error}");
    put(&second, grey(2, 2, &[1; 4]));
    let error = set.load(1).unwrap_err().to_string();
    assert!(
        error.contains("2 x 2") && error.contains("2 x 3"),
        "{error}"
    );
    put(&second, rgb(3, 2));
    assert!(
        set.load(1)
            .unwrap_err()
            .to_string()
            .contains("8-bit labels")
    );

    fs::create_dir_all(at("images/validation")).unwrap();
    let error = Ade20k::open(root.path(), "validation", scheme).unwrap_err();
    assert!(error.to_string().contains("holds no image"), "{error}");
}

#[test]
fn nyu_lists() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    put(&at("kitchen/rgb_1.png"), rgb(7, 5));
    put(
        &at("kitchen/depth_1.png"),
        fs::read(golden("depth16.png")).unwrap(),
    );
    let list = at("nyu_test.txt");
    let line = "kitchen/rgb_1.png kitchen/depth_1.png 518.8579\n";
    put(&list, format!("{line}/{line}"));
    let set = NyuList::open(&list, root.path()).unwrap();
    assert_eq!(set.len(), 2);
    for index in 0..2 {
        let sample = set.load(index).unwrap();
        assert_eq!(sample.image.dimensions(), (7, 5));
        assert_eq!((sample.depth.at(0, 0), sample.depth.at(1, 2)), (0.257, 0.0));
    }
    put(&at("kitchen/rgb_1.png"), rgb(5, 7));
    let error = set.load(0).unwrap_err().to_string();
    assert!(
        error.contains("depth_1.png") && error.contains("7 x 5"),
        "{error}"
    );
    for (text, message) in [
        (
            format!("{line}a b"),
            "nyu_test.txt:2: expected RGB DEPTH FOCAL, found 2 fields",
        ),
        ("a b c".into(), "`c` is no focal length"),
        ("\n".into(), "holds no line"),
    ] {
        put(&list, text);
        let error = NyuList::open(&list, root.path()).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn nyu_in_matlabs_format() {
    let expected = golden_json::<Golden>("sets.json").nyu;
    let path = golden("nyu.mat");
    let filled = NyuMat::open(&path, NyuDepth::Filled).unwrap();
    assert_eq!(filled.len(), 3);
    let sample = filled.load(1).unwrap();
    assert_eq!(sample.image.into_raw(), expected.images.concat().concat());
    assert_eq!(sample.depth.values(), expected.depths.concat());
    let raw = NyuMat::open(&path, NyuDepth::Raw).unwrap();
    assert_eq!(raw.load(2).unwrap().depth.values(), expected.raw.concat());
    assert!(raw.load(3).unwrap_err().to_string().contains("no frame 3"));

    let split = NyuSplit::read(&golden("splits.mat")).unwrap();
    assert_eq!((split.train, split.test), (expected.train, expected.test));
    let error = NyuSplit::read(&path).unwrap_err().to_string();
    assert!(error.contains("nyu.mat"), "{error}");
    let other = NyuMat::open(&golden("splits.mat"), NyuDepth::Raw)
        .err()
        .unwrap();
    assert!(other.to_string().contains("not MATLAB 7.3"), "{other}");
    let missing = NyuMat::open(Path::new("none.mat"), NyuDepth::Raw)
        .err()
        .unwrap();
    assert!(missing.to_string().contains("none.mat"), "{missing}");
    // One reader serves all of a loader's threads.
    fn shared<T: Send + Sync>(_: T) {}
    shared(raw);
}

#[test]
fn revisited_ground_truth() {
    let root = tempfile::tempdir().unwrap();
    let oxford = root.path().join("roxford5k");
    put(
        &oxford.join("gnd_roxford5k.json"),
        fs::read(golden("gnd_roxford5k.json")).unwrap(),
    );
    let from_json = Revisited::open(root.path(), "roxford5k").unwrap();
    put(
        &oxford.join("gnd_roxford5k.pkl"),
        fs::read(golden("gnd_roxford5k.pkl")).unwrap(),
    );
    put(
        &root.path().join("rparis6k/gnd_rparis6k.pkl"),
        fs::read(golden("gnd_rparis6k.pkl")).unwrap(),
    );
    let expected = golden_json::<Golden>("sets.json").revisited;
    for name in ["roxford5k", "rparis6k"] {
        let set = Revisited::open(root.path(), name).unwrap();
        assert_eq!(set.queries(), from_json.queries());
        assert_eq!(serde_json::json!(set.database()), expected["imlist"]);
        let query = &set.queries()[1];
        assert_eq!(query.name, "ashmolean_000000");
        assert_eq!(
            serde_json::json!(query.relevance.hard),
            expected["gnd"][1]["hard"]
        );
    }
    put(&oxford.join("jpg/oxford_002904.jpg"), rgb(6, 5));
    put(&oxford.join("jpg/ashmolean_000000.jpg"), rgb(6, 5));
    let set = Revisited::open(root.path(), "roxford5k").unwrap();
    assert_eq!(set.load_database(1).unwrap().dimensions(), (6, 5));
    assert_eq!(set.load_query(1, false).unwrap().dimensions(), (6, 5));
    // 1.0 to 3.5 and 2.0 to 4.25: halves go to the even side.
    assert_eq!(set.load_query(1, true).unwrap().dimensions(), (3, 2));
    let missing = set.load_database(0).unwrap_err().to_string();
    assert!(missing.contains("all_souls_000013.jpg"), "{missing}");

    put(&oxford.join("gnd_roxford5k.pkl"), "nothing pickled");
    assert!(
        Revisited::open(root.path(), "roxford5k")
            .unwrap_err()
            .to_string()
            .contains(".pkl")
    );
    fs::remove_file(oxford.join("gnd_roxford5k.pkl")).unwrap();
    let text = fs::read_to_string(oxford.join("gnd_roxford5k.json")).unwrap();
    put(
        &oxford.join("gnd_roxford5k.json"),
        text.replace("[2]", "[3]"),
    );
    let error = Revisited::open(root.path(), "roxford5k")
        .unwrap_err()
        .to_string();
    assert!(error.contains("image 3; there are 3"), "{error}");
}
