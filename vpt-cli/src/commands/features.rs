//! `vpt features`

use crate::args::FeaturesArgs;
use crate::backend::{BackendName, BackendTask};
use crate::failure::{Failure, with_causes};
use crate::output;
use burn::tensor::backend::Backend;
use serde_json::json;
use vpt_image::features::{FeatureError, ImageFeatures, features};

/// Writes the features of images.
pub(crate) fn run(args: &FeaturesArgs) -> Result<(), Failure> {
    let named = args.out.extension().is_some_and(|end| end == "safetensors");
    if !named {
        let out = args.out.display();
        return Err(Failure::Usage(format!(
            "--out {out}: does not end in .safetensors"
        )));
    }
    let backend = BackendName::choose(args.backend.backend)?;
    let found = backend.run(Features(args))??;
    let bytes = found
        .to_bytes()
        .map_err(|error| Failure::Run(with_causes(&error)))?;
    vpt_core::write_atomically(&args.out, &bytes)
        .map_err(|error| Failure::Run(with_causes(&error)))?;
    let (cls, patches) = (found.cls_shape(), found.patches_shape());
    match args.json {
        true => output::json(&json!({
            "out": args.out,
            "cls": cls,
            "patches": patches,
            "images": found.images,
        })),
        false => output::line(&format_args!(
            "{}: cls {cls:?}, patches {patches:?}",
            args.out.display()
        )),
    }
}

struct Features<'a>(&'a FeaturesArgs);

impl BackendTask for Features<'_> {
    type Output = Result<ImageFeatures, FeatureError>;

    fn run<B: Backend>(self, device: B::Device) -> Self::Output {
        let Self(args) = self;
        features::<B>(&args.model, &args.images, args.size, args.batch, &device)
    }
}
