//! The tasks that ship.

/// A task that ships.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Builtin {
    /// Its name.
    pub name: &'static str,
    /// Its file's text.
    pub toml: &'static str,
}

macro_rules! tasks {
    ($($name:literal),* $(,)?) => {
        [$(Builtin {
            name: $name,
            toml: include_str!(concat!("../../../../configs/tasks/", $name, ".toml")),
        }),*]
    };
}

static TASKS: [Builtin; 11] = tasks![
    "gsm8k",
    "gsm8k_cot",
    "gsm8k_cot_zeroshot",
    "gsm8k-paper",
    "hendrycks_math",
    "minerva_math",
    "mmlu",
    "mmlu_continuation",
    "omega-compositional",
    "omega-explorative",
    "omega-transformative",
];

/// All of them, by name.
pub fn builtins() -> &'static [Builtin] {
    &TASKS
}

/// The one of this name.
pub fn builtin(name: &str) -> Option<Builtin> {
    TASKS.iter().copied().find(|task| task.name == name)
}
