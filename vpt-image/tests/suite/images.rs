//! Every operation on images against what Pillow, torchvision and Transformers make.

use super::{golden, golden_json};
use safetensors::SafeTensors;
use serde::Deserialize;
use serde_json::Value;
use vpt_image::augment::{
    Adjustment, MultiCrop, ViewDraw, brightness, contrast, gaussian_blur, grayscale, hue,
    saturation, solarise,
};
use vpt_image::images::{
    Filter, ImageProcessor, Normalise, PixelBox, Planes, RgbImage, Size, centre_crop, encode_png,
    flip, read_depth, read_labels, read_rgb, resize, resized_crop, shorter_side,
};
use vpt_image::loader::Visit;

#[derive(Deserialize)]
struct Golden {
    operations: Vec<Operation>,
    depth16: Vec<Vec<u16>>,
}

#[derive(Deserialize)]
struct Operation {
    file: String,
    op: String,
    #[serde(flatten)]
    parameters: Value,
}

impl Operation {
    fn size(&self, key: &str) -> usize {
        self.parameters[key].as_u64().unwrap() as usize
    }

    fn number(&self, key: &str) -> f64 {
        self.parameters[key].as_f64().unwrap()
    }

    fn region(&self) -> PixelBox {
        let [top, left, height, width] = Deserialize::deserialize(&self.parameters["box"]).unwrap();
        region(top, left, height, width)
    }

    fn apply(&self, image: &RgbImage) -> RgbImage {
        let factor = || self.number("factor") as f32;
        match self.op.as_str() {
            "resize" => {
                let filter = Filter::deserialize(&self.parameters["filter"]).unwrap();
                resize(image, self.size("height"), self.size("width"), filter)
            }
            "resized_crop" => {
                resized_crop(image, self.region(), self.size("size"), Filter::Bicubic)
            }
            "shorter_side" => shorter_side(image, self.size("size"), Filter::Bicubic),
            "centre_crop" => centre_crop(image, self.size("size")),
            "flip" => flip(image),
            "brightness" => brightness(image, factor()),
            "contrast" => contrast(image, factor()),
            "saturation" => saturation(image, factor()),
            "hue" => hue(image, self.number("shift")),
            "grayscale" => grayscale(image),
            "blur" => gaussian_blur(image, self.number("sigma")),
            "solarise" => solarise(image),
            "view" => view().apply(image),
            other => panic!("{other}"),
        }
    }
}

fn region(top: usize, left: usize, height: usize, width: usize) -> PixelBox {
    PixelBox {
        top,
        left,
        height,
        width,
    }
}

/// The view of `make_vision_images.py`.
fn view() -> ViewDraw {
    ViewDraw {
        region: region(2, 4, 22, 27),
        size: 24,
        flipped: true,
        colours: vec![
            Adjustment::Hue(-0.06),
            Adjustment::Contrast(1.3),
            Adjustment::Saturation(0.9),
            Adjustment::Brightness(0.7),
        ],
        grayscale: false,
        blur: Some(1.1),
        solarised: true,
    }
}

fn source() -> RgbImage {
    read_rgb(&golden("source.png")).unwrap()
}

#[test]
fn operations_are_pillows_to_the_bit() {
    let golden_file: Golden = golden_json("images.json");
    assert!(golden_file.operations.len() >= 45);
    for operation in &golden_file.operations {
        let found = operation.apply(&source());
        let expected = read_rgb(&golden(&operation.file)).unwrap();
        assert_eq!(
            found.dimensions(),
            expected.dimensions(),
            "{}",
            operation.file
        );
        let pairs = found.as_raw().iter().zip(expected.as_raw());
        let wrong = pairs.filter(|(a, b)| a != b).count();
        assert_eq!(wrong, 0, "{}: values that differ", operation.file);
    }
}

fn assert_close(found: &Planes, file: &str, name: &str, tolerance: f32) {
    let bytes = std::fs::read(golden(file)).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let tensor = tensors.tensor(name).unwrap();
    assert_eq!(tensor.shape(), found.shape());
    let values = tensor.data().chunks_exact(4);
    let values = values.map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()));
    let differences = values.zip(found.values()).map(|(a, b)| (a - b).abs());
    let worst = differences.fold(0.0, f32::max);
    assert!(worst <= tolerance, "{name}: {worst}");
}

#[test]
fn a_view_is_normalised_as_torchvision_does() {
    let pixels = Planes::from_rgb(&view().apply(&source()), 1.0 / 255.0);
    let pixels = Normalise::IMAGENET.apply(pixels);
    assert_close(&pixels, "view.safetensors", "view", 1e-6);
}

#[test]
fn pixels_are_those_of_dinov3s_processor() {
    let processor = ImageProcessor::read(&golden("processor/preprocessor_config.json")).unwrap();
    assert_eq!(processor, ImageProcessor::default());
    for (name, height, width) in [
        ("down", 16, 16),
        ("up", 48, 64),
        ("mixed", 48, 16),
        ("native", 29, 37),
    ] {
        let processor = ImageProcessor {
            size: Some(Size { height, width }),
            ..processor.clone()
        };
        let pixels = processor.apply(&source());
        assert_close(&pixels, "processor/pixel_values.safetensors", name, 1e-5);
    }
}

/// Decoders of JPEG differ by a rounding, and by how colours at half resolution are enlarged.
#[test]
fn jpegs_are_read_as_by_pillow() {
    for (name, worst, mean) in [
        ("420", 6, 0.5),
        ("444", 3, 0.05),
        ("grey", 1, 0.05),
        ("cmyk", 2, 0.05),
    ] {
        let found = read_rgb(&golden(&format!("jpeg-{name}.jpg"))).unwrap();
        let expected = read_rgb(&golden(&format!("jpeg-{name}.png"))).unwrap();
        let pairs = found.as_raw().iter().zip(expected.as_raw());
        let differences: Vec<u8> = pairs.map(|(a, b)| a.abs_diff(*b)).collect();
        assert!(differences.iter().all(|d| *d <= worst), "{name}");
        let sum: f64 = differences.iter().map(|d| f64::from(*d)).sum();
        assert!(sum / differences.len() as f64 <= mean, "{name}");
    }
}

#[test]
fn depth_keeps_sixteen_bits() {
    let depth = read_depth(&golden("depth16.png"), 1000.0).unwrap();
    let golden_file: Golden = golden_json("images.json");
    let expected: Vec<f32> = golden_file
        .depth16
        .concat()
        .into_iter()
        .map(f32::from)
        .collect();
    assert_eq!((depth.height(), depth.width()), (5, 7));
    for (found, expected) in depth.values().iter().zip(expected) {
        assert!(
            (found * 1000.0 - expected).abs() < 0.01,
            "{found} {expected}"
        );
    }
}

#[test]
fn files_that_hold_something_else_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("text.jpg"), "no image").unwrap();
    std::fs::write(path("empty.png"), "").unwrap();
    let jpeg = std::fs::read(golden("jpeg-420.jpg")).unwrap();
    std::fs::write(path("cut.jpg"), &jpeg[..jpeg.len() / 2]).unwrap();
    let png = std::fs::read(golden("source.png")).unwrap();
    std::fs::write(path("cut.png"), &png[..png.len() / 2]).unwrap();
    for name in ["text.jpg", "empty.png", "cut.jpg", "cut.png", "none.png"] {
        let error = read_rgb(&path(name)).unwrap_err().to_string();
        assert!(error.contains(name) && !error.contains('\n'), "{error:?}");
    }
    let error = read_labels(&golden("source.png")).unwrap_err().to_string();
    assert!(
        error.contains("8-bit labels") && error.contains("Rgb8"),
        "{error}"
    );
    let error = read_depth(&golden("jpeg-grey.jpg"), 1.0)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("16-bit depth") && error.contains("L8"),
        "{error}"
    );
    // A kind that the name does not say.
    std::fs::write(path("png.JPEG"), encode_png(&source()).unwrap()).unwrap();
    assert_eq!(read_rgb(&path("png.JPEG")).unwrap(), source());
}

#[test]
fn views_depend_on_their_turn_alone() {
    let image = source();
    let mut crops = MultiCrop {
        locals: 3,
        ..MultiCrop::default()
    };
    (
        crops.globals[0].size,
        crops.globals[1].size,
        crops.local.size,
    ) = (32, 32, 16);
    crops.check().unwrap();
    let visit = |epoch, index| Visit {
        seed: 9,
        epoch,
        index,
    };
    let views = crops.views(&image, visit(1, 4));
    assert_eq!(views, crops.views(&image, visit(1, 4)));
    assert_ne!(views, crops.views(&image, visit(2, 4)));
    assert_ne!(views, crops.views(&image, visit(1, 5)));
    assert_eq!(views.locals.len(), 3);
    for (view, size) in [(&views.globals[1], 32), (&views.locals[2], 16)] {
        assert_eq!(view.pixels.shape(), [3, size, size]);
        let pixels = Planes::from_rgb(&view.draw.apply(&image), 1.0 / 255.0);
        assert_eq!(view.pixels, crops.normalise.apply(pixels));
    }
}

/// Over many draws: how often what happens, and in which range.
#[test]
fn draws_follow_the_recipe() {
    let mut crops = MultiCrop::default();
    (
        crops.globals[0].size,
        crops.globals[1].size,
        crops.local.size,
    ) = (4, 4, 4);
    let image = RgbImage::new(60, 60);
    let turns = 400;
    let mut draws: [Vec<ViewDraw>; 3] = Default::default();
    for index in 0..turns {
        let visit = Visit {
            seed: 0,
            epoch: 0,
            index,
        };
        let views = crops.views(&image, visit);
        let [first, second] = views.globals;
        draws[0].push(first.draw);
        draws[1].push(second.draw);
        draws[2].extend(views.locals.into_iter().map(|view| view.draw));
    }
    let share = |draws: &[ViewDraw], holds: &dyn Fn(&ViewDraw) -> bool| {
        draws.iter().filter(|draw| holds(draw)).count() as f64 / draws.len() as f64
    };
    for (draws, blur, solarise, scale) in [
        (&draws[0], 1.0, 0.0, [0.4, 1.0]),
        (&draws[1], 0.1, 0.2, [0.4, 1.0]),
        (&draws[2], 0.5, 0.0, [0.05, 0.4]),
    ] {
        // Four standard deviations of a share.
        let near = |found: f64, p: f64| {
            let spread = 4.0 * (p * (1.0 - p) / draws.len() as f64).sqrt();
            assert!((found - p).abs() <= spread, "{found} for {p}");
        };
        near(share(draws, &|draw| draw.blur.is_some()), blur);
        near(share(draws, &|draw| draw.solarised), solarise);
        near(share(draws, &|draw| draw.flipped), 0.5);
        near(share(draws, &|draw| draw.grayscale), 0.2);
        near(share(draws, &|draw| draw.colours.len() == 4), 0.8);
        for draw in draws {
            assert!(draw.blur.is_none_or(|sigma| (0.1..=2.0).contains(&sigma)));
            let area = (draw.region.height * draw.region.width) as f64 / 3600.0;
            // Sides are whole pixels.
            assert!(area > scale[0] - 0.02 && area < scale[1] + 0.02, "{area}");
            for colour in &draw.colours {
                assert!(match colour {
                    Adjustment::Brightness(f) | Adjustment::Contrast(f) => (0.6..=1.4).contains(f),
                    Adjustment::Saturation(f) => (0.8..=1.2).contains(f),
                    Adjustment::Hue(shift) => (-0.1..=0.1).contains(shift),
                });
            }
        }
    }
    let first = draws
        .concat()
        .into_iter()
        .filter_map(|draw| draw.colours.first().copied());
    let hue_first = first.filter(|a| matches!(a, Adjustment::Hue(_))).count();
    assert!(
        (500..=800).contains(&hue_first),
        "{hue_first} of about 2560 / 4"
    );
}

#[test]
fn labels_follow_a_view() {
    let grid = vpt_image::images::Grid::from_fn(29, 37, |row, column| 100 * row + column);
    let draw = ViewDraw {
        region: region(3, 5, 8, 8),
        size: 4,
        ..view()
    };
    let followed = draw.follow(&grid);
    // Centres of 2 x 2 pixels belong to the lower right one; mirrored.
    assert_eq!(followed.values()[..4], [412, 410, 408, 406]);
    assert_eq!(followed.at(3, 3), 1006);
}

#[test]
fn settings_out_of_range_are_named() {
    let with = |change: &dyn Fn(&mut MultiCrop)| {
        let mut crops = MultiCrop::default();
        change(&mut crops);
        crops.check().unwrap_err().to_string()
    };
    for (error, key) in [
        (with(&|c| c.globals[1].blur = 1.5), "globals[1].blur = 1.5"),
        (
            with(&|c| c.local.scale = [0.5, 0.4]),
            "local.scale = [0.5, 0.4]",
        ),
        (with(&|c| c.local.size = 0), "local.size"),
        (with(&|c| c.jitter.hue = 0.6), "jitter.hue"),
        (with(&|c| c.flip = f64::NAN), "flip"),
        (with(&|c| c.blur_sigma = [-1.0, 2.0]), "blur_sigma"),
    ] {
        assert!(error.contains(key), "{error}");
    }
}
