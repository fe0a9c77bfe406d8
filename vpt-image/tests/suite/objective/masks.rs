//! Without a mask an objective is the plain one to the bit, and teachers see no mask.

use super::{
    F32, IMAGES, batch, bits, dino_learner, host, latent_learner, patch_mask,
    reconstruction_learner, rng,
};
use vpt_core::{NoParameters, PredictiveTask, ViewGenerator};
use vpt_image::augment;
use vpt_image::images::Planes;
use vpt_image::objective::{
    CropBatch, Dino, DinoSettings, Drawn, LatentSettings, Network, TargetForm, Vision, Whole, dino,
    latent, reconstruction,
};
use vpt_image::vit::RopeDraw;

fn masked(batch: &CropBatch<F32>) -> CropBatch<F32> {
    CropBatch {
        global: batch.global.clone().masked(patch_mask()),
        ..batch.clone()
    }
}

fn views<A: ViewGenerator<Vision<Dino>, Designer<F32> = NoParameters>>(
    generator: A,
    batch: &CropBatch<F32>,
) -> CropBatch<F32> {
    generator.views(&NoParameters, batch)
}

#[test]
fn generators_take_the_masks_or_leave_them() {
    let batch = masked(&batch(&mut rng(7), IMAGES));
    assert!(views(Drawn, &batch).global.mask.is_some());
    assert!(views(Whole, &batch).global.mask.is_none());
    let shown = host(batch.global.shown());
    let hidden = host(batch.global.hidden());
    let pixels = host(batch.global.pixels.clone());
    for ((shown, hidden), pixel) in shown.iter().zip(hidden).zip(pixels) {
        assert!(*shown == 0.0 || hidden == 0.0);
        assert_eq!(shown + hidden, pixel);
    }
    assert!(
        host(batch.unmasked().global.hidden())
            .iter()
            .all(|h| *h == 0.0)
    );
}

/// No mask and a mask of ones are the same learner's step, to the bit.
#[test]
fn without_a_mask_it_is_the_baseline() {
    let plain = batch(&mut rng(7), IMAGES);
    let ones = CropBatch {
        global: plain.global.clone().masked(patch_mask::<F32>().ones_like()),
        ..plain.clone()
    };
    let learner = dino_learner::<F32>(3);
    let task = dino(Drawn, DinoSettings::default());
    let predict = |views| task.predict(&learner, views).into_data();
    assert_eq!(predict(&plain), predict(&ones));
    assert_ne!(predict(&plain), predict(&masked(&plain)));
}

/// The reference of a masked batch is that of the same batch without masks.
#[test]
fn teachers_see_no_mask() {
    let plain = batch(&mut rng(7), IMAGES);
    let hidden = masked(&plain);

    let learner = dino_learner::<F32>(3);
    let task = dino(Drawn, DinoSettings::default());
    let teacher = task.teacher(&learner);
    let reference = |views| task.reference(&teacher, task.predict(&learner, views), views);
    let of = |views| reference(views).distributions.into_data();
    assert_eq!(of(&plain), of(&hidden));

    let learner = latent_learner::<F32>(3);
    let task = latent(Drawn, LatentSettings::default());
    let teacher = task.teacher(&learner);
    let reference = |views| task.reference(&teacher, task.predict(&learner, views), views);
    let of = |views| reference(views).latents.into_data();
    assert_eq!(of(&plain), of(&hidden));
}

/// The decoder is told what is hidden, and the backbone does not see it.
#[test]
fn hidden_pixels_do_not_reach_the_prediction() {
    let learner = reconstruction_learner::<F32>(3);
    let form = TargetForm::Hidden { normalised: true };
    let task = reconstruction(Drawn, form, 4);
    let plain = batch(&mut rng(7), IMAGES);
    let hidden = masked(&plain);
    let mut other = hidden.clone();
    let noise = plain.global.pixels.clone().mul_scalar(-3.0);
    other.global.pixels = hidden.global.shown() + noise * patch_mask().neg().add_scalar(1.0);
    let predict = |views| host(task.predict(&learner, views));
    assert_eq!(predict(&hidden), predict(&other));
    assert_ne!(predict(&hidden), predict(&plain));
}

#[test]
fn every_network_knows_its_backbone() {
    let learner = dino_learner::<F32>(3);
    assert_eq!(bits(Dino::backbone(&learner)), bits(&learner.backbone));
}

/// The first crop of every image, then the second of every image.
#[test]
fn crops_are_stacked_crop_by_crop() {
    let mut recipe = augment::MultiCrop {
        locals: 3,
        ..Default::default()
    };
    recipe.globals[0].size = 8;
    recipe.globals[1].size = 8;
    recipe.local.size = 4;
    let image = vpt_image::images::RgbImage::from_fn(12, 10, |x, y| {
        [(x * 20) as u8, (y * 25) as u8, 90].into()
    });
    let views = [0, 1].map(|index| {
        let visit = vpt_image::loader::Visit {
            seed: 1,
            epoch: 0,
            index,
        };
        recipe.views(&image, visit)
    });
    let ropes = [RopeDraw::none(), RopeDraw::new([0.0; 2], [1.5; 2])];
    let stacked = CropBatch::<F32>::stack(&views, 4, ropes, &Default::default());
    let local = stacked.local.as_ref().unwrap();
    assert_eq!(stacked.global.pixels.dims(), [4, 3, 8, 8]);
    assert_eq!(local.pixels.dims(), [6, 3, 4, 4]);
    assert_eq!(
        (stacked.images(), stacked.globals(), stacked.crops()),
        (2, 2, 5)
    );
    assert_eq!(host(stacked.weights.clone()), [0.25, 0.25]);
    assert_eq!(local.rope, ropes[1]);
    let floats = |planes: &Planes| planes.values().iter().map(|v| f64::from(*v)).collect();
    let row = |pixels: burn::tensor::Tensor<F32, 4>, at| host(pixels.narrow(0, at, 1));
    let second: Vec<f64> = floats(&views[1].globals[0].pixels);
    assert_eq!(row(stacked.global.pixels.clone(), 1), second);
    let last: Vec<f64> = floats(&views[1].locals[2].pixels);
    assert_eq!(row(local.pixels.clone(), 5), last);
}
