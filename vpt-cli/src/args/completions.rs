//! `vpt completions`

use clap::Args;
use clap_complete::Shell;

pub(crate) const EXAMPLES: &str = "\
Examples:
  vpt completions bash > ~/.local/share/bash-completion/completions/vpt
  vpt completions zsh > ~/.zfunc/_vpt
  vpt completions fish > ~/.config/fish/completions/vpt.fish";

/// `vpt completions`
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    pub(crate) shell: Shell,
}
