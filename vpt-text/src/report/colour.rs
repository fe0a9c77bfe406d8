//! The colours of methods, and blue to orange for value.

use vpt_core::report::{Palette, Rgb};

/// The methods of language.
pub(super) const METHODS: Palette = Palette(&[
    ("ntp", Palette::GREY),
    ("value", Palette::BLUE),
    ("random", Palette::VERMILION),
    ("smoothing", Palette::PINK),
    ("self-distillation", Palette::OLIVE),
    ("oracle", Palette::GREEN),
    ("oracle-hard", Palette::SKY),
]);

/// |c/σ| at which the palette of values ends.
pub(super) const END: f64 = 3.0;

/// From orange (a downstream step makes it less likely) through white to blue (likelier).
pub(super) fn value(scaled: f64) -> Rgb {
    let share = (scaled / END).clamp(-1.0, 1.0);
    let end: Rgb = if share < 0.0 {
        (240, 138, 36)
    } else {
        (84, 156, 222)
    };
    let mix = |to: u8| (255.0 + (f64::from(to) - 255.0) * share.abs()).round() as u8;
    if share.is_nan() {
        (224, 224, 224)
    } else {
        (mix(end.0), mix(end.1), mix(end.2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_white_and_the_ends_are_held() {
        assert_eq!(value(0.0), (255, 255, 255));
        assert_eq!(value(9.0), value(END));
        assert_eq!(value(-9.0), value(-END));
        assert_ne!(value(9.0), value(-9.0));
    }
}
