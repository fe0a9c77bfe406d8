//! Adapters on a decoder: put on, loaded, saved, merged.

use super::config::LoraConfig;
use super::error::LoraError;
use super::peft;
use crate::decoder::model::Decoder;
use burn::module::{Param, ParamId};
use burn::tensor::{Tensor, TensorData, backend::Backend};
use rand::Rng;
use safetensors::tensor::{Dtype, TensorView};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use vpt_core::layers::{Linear, Lora, float_options, named};
use vpt_core::{parameters, read_tensors, write_atomically};

const CONFIG: &str = "adapter_config.json";
const WEIGHTS: &str = "adapter_model.safetensors";
const HEAD: &str = "base_model.model.lm_head.base_layer.weight";

/// Whether a dotted parameter path is that of an adapter.
pub fn is_adapter(path: &str) -> bool {
    path.ends_with(".lora.a") || path.ends_with(".lora.b")
}

/// PEFT's key of a part of the adapter on the module at `module`.
fn key(module: &str, part: &str) -> String {
    format!("base_model.model.{module}.lora_{part}.weight")
}

impl<B: Backend> Decoder<B> {
    /// Fresh adapters beside the linears that `config` selects, as PEFT begins: A uniform in
    /// ±1/√in (He's uniform with a = √5), B zero, so that the model computes what it did. A is
    /// drawn on the host from `rng`, in module order.
    ///
    /// # Errors
    /// [`LoraError::Targets`] if they select nothing, or what cannot be adapted here.
    pub fn with_lora<R: Rng + ?Sized>(
        self,
        config: &LoraConfig,
        rng: &mut R,
    ) -> Result<Self, LoraError> {
        self.adapted(config, |_, part, [rows, columns]| {
            let count = rows * columns;
            let bound = (columns as f64).recip().sqrt();
            let values = match part {
                "A" => (0..count)
                    .map(|_| rng.random_range(-bound..bound))
                    .collect(),
                _ => vec![0.0; count],
            };
            Ok(TensorData::new(values, [rows, columns]))
        })
    }

    /// The adapters of `folder` (`adapter_config.json` and `adapter_model.safetensors`, as PEFT
    /// writes them) put on this model.
    ///
    /// # Errors
    /// [`LoraError`] names the file and the field or tensor at fault: what is on and not
    /// supported, missing, has no place or another shape, or is not finite.
    pub fn load_lora(self, folder: &Path) -> Result<Self, LoraError> {
        let file = folder.join(CONFIG);
        let text = std::fs::read_to_string(&file).map_err(LoraError::io(&file))?;
        let config = peft::read(&text).map_err(|reason| LoraError::Config {
            file: file.clone(),
            reason,
        })?;
        let weights = folder.join(WEIGHTS);
        let wrong = |key: &str, reason: String| LoraError::Tensor {
            file: weights.clone(),
            key: key.to_owned(),
            reason,
        };
        let mut tensors = read_tensors(&weights)?;
        let adapted = self.adapted(&config, |module, part, shape| {
            let key = key(module, part);
            let data = tensors.remove(&key);
            let data = data.ok_or_else(|| wrong(&key, "missing".into()))?;
            if data.shape.as_slice() != shape {
                let reason = format!(
                    "has shape {:?}, {CONFIG} and the model ask for {shape:?}",
                    data.shape.as_slice()
                );
                return Err(wrong(&key, reason));
            }
            let infinite = data.iter::<f64>().position(|value| !value.is_finite());
            match infinite {
                Some(index) => Err(wrong(&key, format!("not finite at element {index}"))),
                None => Ok(data),
            }
        });
        let adapted = adapted.map_err(|error| error.within(&file))?;
        // PEFT stores an adapted head's own weight too.
        if let (Some(head), Some(stored)) = (&adapted.lm_head, tensors.remove(HEAD)) {
            let own = head.weight.val().into_data();
            if !own.iter::<f64>().eq(stored.iter::<f64>()) {
                return Err(wrong(HEAD, "is not the head of this model".into()));
            }
        }
        match tensors.pop_first() {
            Some((key, _)) => Err(wrong(&key, "has no place in this model".into())),
            None => Ok(adapted),
        }
    }

    /// Writes the adapters to `folder` as PEFT loads them, in float32; `base` is the name or path
    /// of the model that they belong to. Without adapters nothing is written.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn save_lora(&self, folder: &Path, base: Option<&str>) -> Result<(), LoraError> {
        let Some(config) = self.lora() else {
            return Ok(());
        };
        let parts = named(self).into_iter().filter(|n| is_adapter(&n.path));
        let stored: BTreeMap<String, (Vec<usize>, Vec<u8>)> = parts
            .map(|named| {
                let (linear, part) = named.path.split_at(named.path.len() - ".lora.a".len());
                let part = part.to_uppercase();
                let key = key(&module_of(linear), &part[part.len() - 1..]);
                let values = (named.values)();
                let bytes = values.iter::<f32>().flat_map(f32::to_le_bytes).collect();
                (key, (named.shape, bytes))
            })
            .collect();
        let file = folder.join(WEIGHTS);
        let malformed = |error: safetensors::SafeTensorError| LoraError::Io {
            file: file.clone(),
            source: std::io::Error::other(error),
        };
        let views: Result<Vec<_>, _> = stored
            .iter()
            .map(|(key, (shape, bytes))| {
                Ok((key, TensorView::new(Dtype::F32, shape.clone(), bytes)?))
            })
            .collect();
        let format = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        let views = views.map_err(malformed)?;
        let bytes = safetensors::serialize(views, Some(format)).map_err(malformed)?;
        write_atomically(&file, &bytes)?;
        let text = peft::write(config, base);
        Ok(write_atomically(&folder.join(CONFIG), text.as_bytes())?)
    }

    /// The same model with s·B·A added to each adapted W and no adapters left. Weights without an
    /// adapter are shared, not copied.
    #[must_use]
    pub fn merged(mut self) -> Self {
        for (_, linear) in self.linears() {
            if let Some(lora) = linear.lora.take() {
                let merge = |weight: Tensor<B, 2>| weight + lora.product();
                linear.weight = linear.weight.clone().map(merge);
            }
        }
        self.set_lora(None);
        self
    }

    /// How many linears have an adapter.
    pub fn adapters(&self) -> usize {
        let paths = parameters(self).into_iter();
        paths.filter(|info| info.path.ends_with(".lora.a")).count()
    }

    /// Puts adapters with the values of `source`, called with module, part and shape, on what
    /// `config` selects.
    fn adapted(
        mut self,
        config: &LoraConfig,
        mut source: impl FnMut(&str, &str, [usize; 2]) -> Result<TensorData, LoraError>,
    ) -> Result<Self, LoraError> {
        let refuse = |reason: &str| Err(LoraError::Targets(reason.into()));
        if self.lora().is_some() {
            return refuse("the model has adapters already; merge them first");
        }
        let all_linear = matches!(config.targets, super::TargetModules::AllLinear);
        if !all_linear && config.targets.select("model.embed_tokens") {
            return refuse("adapters on the embedding (embed_tokens) are not supported");
        }
        if config.targets.select("lm_head") {
            if self.lm_head.is_none() {
                return refuse(
                    "adapters on a head that is tied to the embedding are not supported",
                );
            }
            if config.dropout > 0.0 {
                // Its logits are never made as a whole, so there is no one input to drop from.
                return refuse("dropout with an adapter on the head (lm_head) is not supported");
            }
        }
        let device = self.device();
        let (mut stream, mut any) = (0, false);
        for (module, linear) in self.linears() {
            stream += 1;
            if !config.targets.select(&module) {
                continue;
            }
            any = true;
            let [output, input] = linear.weight.dims();
            let (rank, scale) = config.rank_and_scale(&module);
            let mut parameter = |part: &str, shape: [usize; 2]| {
                let data = source(&module, part, shape)?;
                let tensor = Tensor::<B, 2>::from_data(data, float_options(&device));
                let tensor = tensor.cast(linear.weight.val().dtype());
                Ok::<_, LoraError>(Param::initialized(ParamId::new(), tensor.require_grad()))
            };
            linear.lora = Some(Lora {
                a: parameter("A", [rank, input])?,
                b: parameter("B", [output, rank])?,
                scale,
                dropout: config.dropout,
                stream,
            });
        }
        if !any {
            return refuse("the targets select no linear of this model");
        }
        self.set_lora(Some(config.clone()));
        Ok(self)
    }

    /// Every linear with the path that Transformers has for it, in module order.
    fn linears(&mut self) -> impl Iterator<Item = (String, &mut Linear<B>)> {
        let blocks = self
            .layers
            .iter_mut()
            .enumerate()
            .flat_map(|(index, block)| {
                let (attention, mlp) = (&mut block.self_attn, &mut block.mlp);
                [
                    ("self_attn.q_proj", &mut attention.q_proj),
                    ("self_attn.k_proj", &mut attention.k_proj),
                    ("self_attn.v_proj", &mut attention.v_proj),
                    ("self_attn.o_proj", &mut attention.o_proj),
                    ("mlp.gate_proj", &mut mlp.gate_proj),
                    ("mlp.up_proj", &mut mlp.up_proj),
                    ("mlp.down_proj", &mut mlp.down_proj),
                ]
                .map(|(name, linear)| (module_of(&format!("layers.{index}.{name}")), linear))
            });
        let head = self.lm_head.as_mut();
        blocks.chain(head.map(|head| ("lm_head".to_owned(), head)))
    }
}

/// The path that Transformers has for the module at `path`.
fn module_of(path: &str) -> String {
    match path {
        "lm_head" => path.to_owned(),
        _ => format!("model.{path}"),
    }
}
