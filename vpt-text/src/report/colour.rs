//! Colours that colour-blind readers can tell apart: Okabe and Ito's for methods, blue to orange for value.

/// Red, green, blue.
pub(super) type Rgb = (u8, u8, u8);

/// A method has one colour in every plot and table, whatever else is shown.
pub(super) fn method(name: &str) -> Rgb {
    match name {
        "ntp" => (112, 112, 112),
        "value" => (0, 114, 178),
        "random" => (213, 94, 0),
        "smoothing" => (204, 121, 167),
        "self-distillation" => (150, 130, 20),
        "oracle" => (0, 158, 115),
        "oracle-hard" => (86, 180, 233),
        _ => (120, 60, 160),
    }
}

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

/// As CSS writes it.
pub(super) fn css((r, g, b): Rgb) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_white_and_the_ends_are_held() {
        assert_eq!(css(value(0.0)), "#ffffff");
        assert_eq!(value(9.0), value(END));
        assert_eq!(value(-9.0), value(-END));
        assert_ne!(value(9.0), value(-9.0));
    }
}
