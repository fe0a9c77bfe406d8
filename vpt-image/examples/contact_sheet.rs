//! Drawn scenes beside their labels and depths, and views of them, as one PNG.
//!
//!     cargo run -p vpt-image --example contact_sheet -- out.png [seed]

use image::{Rgb, imageops};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;
use vpt_image::augment::MultiCrop;
use vpt_image::images::{RgbImage, encode_png};
use vpt_image::loader::Visit;
use vpt_image::scenes::{CLASSES, Scene, SceneConfig, Scenes, Split};

const SIZE: usize = 96;
const COLUMNS: u64 = 3;
const ROWS: u64 = 8;
const COLOURS: [[u8; 3]; CLASSES.len()] = [
    [120, 120, 120],
    [210, 205, 190],
    [220, 60, 60],
    [60, 140, 220],
    [60, 180, 90],
    [240, 170, 40],
    [150, 70, 180],
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments
        .next()
        .ok_or("usage: contact_sheet OUT.png [SEED]")?;
    let seed = arguments.next().map_or(Ok(0), |seed| seed.parse())?;
    let config = SceneConfig {
        size: SIZE,
        ..SceneConfig::default()
    };
    let scenes = Scenes::new(config)?;
    let views = MultiCrop {
        locals: 4,
        ..small_views()
    };
    views.check()?;
    let cell = SIZE as u32;
    let mut sheet = RgbImage::new(3 * COLUMNS as u32 * cell, (ROWS as u32 + 2) * cell);
    for number in 0..COLUMNS * ROWS {
        let split = Split::ALL[number as usize % Split::ALL.len()];
        let scene = scenes.draw(seed, split, number);
        let (row, column) = (number / COLUMNS, number % COLUMNS);
        for (place, picture) in [scene.image.clone(), labels(&scene), depth(&scene)]
            .iter()
            .enumerate()
        {
            let left = (3 * column + place as u64) * u64::from(cell);
            imageops::replace(
                &mut sheet,
                picture,
                left as i64,
                (row * u64::from(cell)) as i64,
            );
        }
    }
    for row in 0..2 {
        let visit = Visit {
            seed,
            epoch: 0,
            index: row,
        };
        let image = scenes.draw(seed, Split::Unlabelled, row as u64).image;
        let made = views.views(&image, visit);
        let top = (ROWS as usize + row) * SIZE;
        imageops::replace(&mut sheet, &image, 0, top as i64);
        let all = made.globals.iter().chain(&made.locals);
        for (view, place) in all.zip(1..) {
            let view = view.draw.apply(&image);
            imageops::replace(&mut sheet, &view, (place * SIZE) as i64, top as i64);
        }
    }
    write(Path::new(&path), &encode_png(&sheet)?)?;
    speed(seed)
}

fn small_views() -> MultiCrop {
    let mut views = MultiCrop::default();
    for recipe in &mut views.globals {
        recipe.size = SIZE;
    }
    views.local.size = SIZE / 2;
    views
}

fn labels(scene: &Scene) -> RgbImage {
    RgbImage::from_fn(SIZE as u32, SIZE as u32, |x, y| {
        Rgb(COLOURS[usize::from(scene.labels.at(y as usize, x as usize))])
    })
}

/// Near is bright.
fn depth(scene: &Scene) -> RgbImage {
    RgbImage::from_fn(SIZE as u32, SIZE as u32, |x, y| {
        Rgb([(300.0 / (scene.depth.at(y as usize, x as usize) + 0.3)) as u8; 3])
    })
}

/// To a temporary name first.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().map_or_else(PathBuf::new, Path::to_owned);
    let folder = if folder.as_os_str().is_empty() {
        ".".into()
    } else {
        folder
    };
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path)?;
    Ok(())
}

fn speed(seed: u64) -> Result<(), Box<dyn std::error::Error>> {
    let scenes = Scenes::new(SceneConfig::default())?;
    let start = Instant::now();
    for index in 0..500 {
        scenes.draw(seed, Split::Unlabelled, index);
    }
    let rate = 500.0 / start.elapsed().as_secs_f64();
    println!("{rate:.0} scenes of 64 px a second on one thread");
    Ok(())
}
