//! Drawn scenes.
