//! Scenes as a whole.

use super::*;
use std::collections::BTreeSet;

fn scenes(size: usize) -> Scenes {
    Scenes::new(SceneConfig {
        size,
        ..SceneConfig::default()
    })
    .unwrap()
}

#[test]
fn a_scene_is_made_by_its_numbers_alone() {
    let scenes = scenes(48);
    let first = scenes.draw(1, Split::Train, 5);
    scenes.draw(1, Split::Train, 6);
    assert_eq!(first, scenes.draw(1, Split::Train, 5));
    for other in [
        scenes.draw(2, Split::Train, 5),
        scenes.draw(1, Split::Meta, 5),
        scenes.draw(1, Split::Train, 6),
    ] {
        assert_ne!(first.image, other.image);
        assert_ne!(first.depth, other.depth);
    }
}

#[test]
fn labels_and_depths_are_complete_and_in_range() {
    let scenes = scenes(32);
    let mut seen = BTreeSet::new();
    for index in 0..150 {
        let scene = scenes.draw(0, Split::Unlabelled, index);
        seen.extend(scene.labels.values());
        assert!(scene.labels.values().contains(&1) || scene.labels.values().contains(&0));
        for depth in scene.depth.values() {
            assert!(*depth > 0.3 && *depth < 10.0, "{depth}");
        }
        if let Some(main) = scene.main_object() {
            assert!((2..CLUTTER).contains(&main));
        }
    }
    assert_eq!(seen, BTreeSet::from_iter(0..CLASSES.len() as u8));
}

/// The inverse depth of a plane is linear over the image, whatever the camera: exact labels bound
/// exact depths.
#[test]
fn floor_and_wall_are_planes() {
    let scenes = scenes(64);
    let mut checked = 0;
    for index in 0..20 {
        let scene = scenes.draw(3, Split::Test, index);
        for row in 0..64 {
            for column in 1..63 {
                let class = scene.labels.at(row, column);
                let [left, right] = [column - 1, column + 1];
                if class > 1
                    || [left, right]
                        .iter()
                        .any(|c| scene.labels.at(row, *c) != class)
                {
                    continue;
                }
                let [a, b, c] = [left, column, right].map(|c| 1.0 / scene.depth.at(row, c));
                assert!((a + c - 2.0 * b).abs() < 1e-5, "{a} {b} {c}");
                checked += 1;
            }
        }
    }
    assert!(checked > 20_000, "{checked}");
}

/// Between sizes the same world is seen: a pixel of the coarse labels is the fine one at its
/// centre, away from outlines.
#[test]
fn sizes_agree() {
    let (coarse, fine) = (scenes(32), scenes(96));
    let (mut same, mut all) = (0, 0);
    for index in 0..10 {
        let small = coarse.draw(4, Split::Validation, index);
        let large = fine.draw(4, Split::Validation, index);
        for row in 0..32 {
            for column in 0..32 {
                // 96 is 3 · 32: centres coincide.
                let (r, c) = (3 * row + 1, 3 * column + 1);
                all += 1;
                same += usize::from(small.labels.at(row, column) == large.labels.at(r, c));
                if small.labels.at(row, column) == large.labels.at(r, c) {
                    let difference = small.depth.at(row, column) - large.depth.at(r, c);
                    assert!(difference.abs() < 0.05, "{difference}");
                }
            }
        }
    }
    assert!(same as f64 > 0.999 * all as f64, "{same} of {all}");
}

#[test]
fn settings_out_of_range_are_named() {
    let refused = |config: SceneConfig| Scenes::new(config).err().unwrap().to_string();
    let default = SceneConfig::default();
    assert!(
        refused(SceneConfig {
            size: 31,
            ..default
        })
        .contains("size")
    );
    assert!(
        refused(SceneConfig {
            objects: [3, 2],
            ..default
        })
        .contains("objects")
    );
    assert!(
        refused(SceneConfig {
            poster: f64::NAN,
            ..default
        })
        .contains("poster")
    );
    assert!(
        refused(SceneConfig {
            noise: 1.0,
            ..default
        })
        .contains("noise")
    );
}
