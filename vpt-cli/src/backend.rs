//! The backends that were compiled in, and the choice among them at run time.

use burn::tensor::backend::Backend;
use clap::ValueEnum;
use std::fmt;
use thiserror::Error;

/// A backend as `--backend` names it; the feature that compiles it in has the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BackendName {
    Flex,
    Ndarray,
    Wgpu,
    Cuda,
    Tch,
}

/// Something to do on a backend that is only known at run time.
pub(crate) trait BackendTask {
    /// What it gives.
    type Output;

    /// Does it on `B`.
    fn run<B: Backend>(self, device: B::Device) -> Self::Output;
}

/// A backend that cannot be had from this binary.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum BackendError {
    #[error(
        "--backend {0}: not compiled into this vpt; build it with `--features {0}` (this one has: {available})",
        available = available()
    )]
    NotCompiled(BackendName),
    #[error("this vpt was compiled without a backend; build it with `--features flex`")]
    NoneCompiled,
}

impl BackendName {
    /// In the order in which the default is looked for.
    const PREFERRED: [Self; 5] = [Self::Flex, Self::Cuda, Self::Wgpu, Self::Tch, Self::Ndarray];

    /// The one asked for, or the first that was compiled in.
    ///
    /// # Errors
    /// It was not compiled in.
    pub(crate) fn choose(asked: Option<Self>) -> Result<Self, BackendError> {
        match asked {
            Some(name) if name.compiled() => Ok(name),
            Some(name) => Err(BackendError::NotCompiled(name)),
            None => Self::PREFERRED
                .into_iter()
                .find(|name| name.compiled())
                .ok_or(BackendError::NoneCompiled),
        }
    }

    /// Runs `task` on this backend's default device.
    ///
    /// # Errors
    /// It was not compiled in.
    #[allow(
        unreachable_patterns,
        reason = "the last arm is for what is compiled out"
    )]
    pub(crate) fn run<T: BackendTask>(self, task: T) -> Result<T::Output, BackendError> {
        #[allow(unused_imports, reason = "unused where no backend is compiled in")]
        use burn::backend;
        match self {
            #[cfg(feature = "flex")]
            Self::Flex => Ok(task.run::<backend::Flex>(Default::default())),
            #[cfg(feature = "ndarray")]
            Self::Ndarray => Ok(task.run::<backend::NdArray>(Default::default())),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Ok(task.run::<backend::Wgpu>(Default::default())),
            #[cfg(feature = "cuda")]
            Self::Cuda => Ok(task.run::<backend::Cuda>(Default::default())),
            #[cfg(feature = "tch")]
            Self::Tch => Ok(task.run::<backend::LibTorch>(Default::default())),
            absent => {
                drop(task);
                Err(BackendError::NotCompiled(absent))
            }
        }
    }

    fn compiled(self) -> bool {
        match self {
            Self::Flex => cfg!(feature = "flex"),
            Self::Ndarray => cfg!(feature = "ndarray"),
            Self::Wgpu => cfg!(feature = "wgpu"),
            Self::Cuda => cfg!(feature = "cuda"),
            Self::Tch => cfg!(feature = "tch"),
        }
    }
}

impl fmt::Display for BackendName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flex => "flex",
            Self::Ndarray => "ndarray",
            Self::Wgpu => "wgpu",
            Self::Cuda => "cuda",
            Self::Tch => "tch",
        })
    }
}

fn available() -> String {
    let names: Vec<String> = BackendName::PREFERRED
        .into_iter()
        .filter(|name| name.compiled())
        .map(|name| name.to_string())
        .collect();
    if names.is_empty() {
        "none".into()
    } else {
        names.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Name;

    impl BackendTask for Name {
        type Output = String;

        fn run<B: Backend>(self, device: B::Device) -> String {
            B::name(&device)
        }
    }

    #[test]
    fn what_is_compiled_in_runs_and_the_rest_names_its_feature() {
        for name in BackendName::PREFERRED {
            if name.compiled() {
                assert_eq!(BackendName::choose(Some(name)), Ok(name));
            } else {
                let refusal = BackendName::choose(Some(name)).unwrap_err();
                assert_eq!(refusal, BackendError::NotCompiled(name));
                assert!(
                    refusal
                        .to_string()
                        .contains(&format!("`--features {name}`"))
                );
                assert_eq!(name.run(Name), Err(refusal));
            }
        }
    }

    #[cfg(feature = "flex")]
    #[test]
    fn flex_comes_first() {
        assert_eq!(BackendName::choose(None), Ok(BackendName::Flex));
        assert!(BackendName::Flex.run(Name).unwrap().contains("flex"));
    }
}
