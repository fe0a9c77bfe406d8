//! Tensor types and their values.
//!
//! Each type stores a row in blocks of so many elements in so many bytes. In the formulas below x
//! is an element, d and m are half-precision numbers of its block, and q is its stored integer.

use burn::tensor::{bf16, f16};

/// How a tensor is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TensorType {
    F32,
    F16,
    Bf16,
    /// x = d·q, q of 8 bits.
    Q8_0,
    /// x = d·(q − 8), q of 4 bits.
    Q4_0,
    /// x = d·q + m, q of 4 bits.
    Q4_1,
    /// x = d·(q − 16), q of 5 bits.
    Q5_0,
    /// x = d·q + m, q of 5 bits.
    Q5_1,
    /// x = d·s·q − m·t with s and t of 6 bits for each 32 elements, q of 4 bits.
    Q4K,
    /// The same with q of 5 bits.
    Q5K,
    /// x = d·s·(q − 32) with s of 8 bits for each 16 elements, q of 6 bits.
    Q6K,
}

/// Types that others write and that are not read here, by number.
const OTHERS: [(u32, &str); 24] = [
    (9, "Q8_1"),
    (10, "Q2_K"),
    (11, "Q3_K"),
    (15, "Q8_K"),
    (16, "IQ2_XXS"),
    (17, "IQ2_XS"),
    (18, "IQ3_XXS"),
    (19, "IQ1_S"),
    (20, "IQ4_NL"),
    (21, "IQ3_S"),
    (22, "IQ2_S"),
    (23, "IQ4_XS"),
    (24, "I8"),
    (25, "I16"),
    (26, "I32"),
    (27, "I64"),
    (28, "F64"),
    (29, "IQ1_M"),
    (34, "TQ1_0"),
    (35, "TQ2_0"),
    (36, "IQ4_NL_4_4"),
    (37, "IQ4_NL_4_8"),
    (38, "IQ4_NL_8_8"),
    (39, "MXFP4"),
];

impl TensorType {
    /// Its name in the format.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
            Self::Q8_0 => "Q8_0",
            Self::Q4_0 => "Q4_0",
            Self::Q4_1 => "Q4_1",
            Self::Q5_0 => "Q5_0",
            Self::Q5_1 => "Q5_1",
            Self::Q4K => "Q4_K",
            Self::Q5K => "Q5_K",
            Self::Q6K => "Q6_K",
        }
    }

    /// The type of this number.
    ///
    /// # Errors
    /// The name of a type that is not read here.
    pub(super) fn from_id(id: u32) -> Result<Self, String> {
        Ok(match id {
            0 => Self::F32,
            1 => Self::F16,
            2 => Self::Q4_0,
            3 => Self::Q4_1,
            6 => Self::Q5_0,
            7 => Self::Q5_1,
            8 => Self::Q8_0,
            12 => Self::Q4K,
            13 => Self::Q5K,
            14 => Self::Q6K,
            30 => Self::Bf16,
            _ => {
                let known = OTHERS.iter().find(|(other, _)| *other == id);
                return Err(known.map_or(id.to_string(), |(_, name)| (*name).to_owned()));
            }
        })
    }

    /// Elements and bytes of a block.
    pub(super) fn block(self) -> (usize, usize) {
        match self {
            Self::F32 => (1, 4),
            Self::F16 | Self::Bf16 => (1, 2),
            Self::Q8_0 => (32, 34),
            Self::Q4_0 => (32, 18),
            Self::Q4_1 => (32, 20),
            Self::Q5_0 => (32, 22),
            Self::Q5_1 => (32, 24),
            Self::Q4K => (256, 144),
            Self::Q5K => (256, 176),
            Self::Q6K => (256, 210),
        }
    }

    /// The values of whole blocks; bytes beyond the last whole block are not read.
    pub(super) fn values(self, raw: &[u8]) -> Vec<f32> {
        match self {
            Self::F32 => blocks(raw, |b: &[u8; 4], out| out.push(f32::from_le_bytes(*b))),
            Self::F16 => blocks(raw, |b: &[u8; 2], out| out.push(half(*b))),
            Self::Bf16 => blocks(raw, |b: &[u8; 2], out| {
                out.push(bf16::from_le_bytes(*b).to_f32());
            }),
            Self::Q8_0 => blocks(raw, q8_0),
            Self::Q4_0 => blocks(raw, q4_0),
            Self::Q4_1 => blocks(raw, q4_1),
            Self::Q5_0 => blocks(raw, q5_0),
            Self::Q5_1 => blocks(raw, q5_1),
            Self::Q4K => blocks(raw, q4_k),
            Self::Q5K => blocks(raw, q5_k),
            Self::Q6K => blocks(raw, q6_k),
        }
    }
}

fn blocks<const N: usize>(raw: &[u8], read: impl Fn(&[u8; N], &mut Vec<f32>)) -> Vec<f32> {
    let mut out = Vec::new();
    for block in raw.as_chunks::<N>().0 {
        read(block, &mut out);
    }
    out
}

fn half(bytes: [u8; 2]) -> f32 {
    f16::from_le_bytes(bytes).to_f32()
}

/// Two bits beside each other in a byte: `q >> at` of 2 bits.
fn two_bits(byte: u8, at: usize) -> u8 {
    byte >> at & 3
}

fn q8_0(b: &[u8; 34], out: &mut Vec<f32>) {
    let d = half([b[0], b[1]]);
    out.extend(b[2..].iter().map(|&q| d * f32::from(q as i8)));
}

/// 16 bytes hold elements 0 to 15 in their low halves and 16 to 31 in their high ones.
fn nibbles(bytes: &[u8]) -> impl Iterator<Item = u8> {
    let low = bytes.iter().map(|byte| byte & 15);
    low.chain(bytes.iter().map(|byte| byte >> 4))
}

/// [`nibbles`] with a fifth bit for each, from four bytes in the order of the elements.
fn five_bits<'a>(fifth: &'a [u8], bytes: &'a [u8]) -> impl Iterator<Item = u8> + 'a {
    nibbles(bytes)
        .enumerate()
        .map(|(i, q)| q | (fifth[i / 8] >> (i % 8) & 1) << 4)
}

fn q4_0(b: &[u8; 18], out: &mut Vec<f32>) {
    let d = half([b[0], b[1]]);
    out.extend(nibbles(&b[2..]).map(|q| d * (f32::from(q) - 8.0)));
}

fn q4_1(b: &[u8; 20], out: &mut Vec<f32>) {
    let (d, m) = (half([b[0], b[1]]), half([b[2], b[3]]));
    out.extend(nibbles(&b[4..]).map(|q| d * f32::from(q) + m));
}

fn q5_0(b: &[u8; 22], out: &mut Vec<f32>) {
    let d = half([b[0], b[1]]);
    out.extend(five_bits(&b[2..6], &b[6..]).map(|q| d * (f32::from(q) - 16.0)));
}

fn q5_1(b: &[u8; 24], out: &mut Vec<f32>) {
    let (d, m) = (half([b[0], b[1]]), half([b[2], b[3]]));
    out.extend(five_bits(&b[4..8], &b[8..]).map(|q| d * f32::from(q) + m));
}

/// Scale and minimum, of 6 bits each, of the 32 elements number `j` of 8: the first four pairs lie
/// in the low six bits of the first eight bytes, the others in the last four bytes and the two
/// bits that were left.
fn scale_and_minimum(s: &[u8], j: usize) -> (f32, f32) {
    let (scale, minimum) = if j < 4 {
        (s[j] & 63, s[j + 4] & 63)
    } else {
        let low = s[j + 4];
        (
            low & 15 | two_bits(s[j - 4], 6) << 4,
            low >> 4 | two_bits(s[j], 6) << 4,
        )
    };
    (f32::from(scale), f32::from(minimum))
}

/// The part that Q4_K and Q5_K share: `high(j, i)` are the bits above the low four of element `i`
/// of sub-block `j`.
fn k_block(header: &[u8], low: &[u8], high: impl Fn(usize, usize) -> u8, out: &mut Vec<f32>) {
    let (d, m) = (half([header[0], header[1]]), half([header[2], header[3]]));
    for j in 0..8 {
        let (scale, minimum) = scale_and_minimum(&header[4..], j);
        let (scale, minimum) = (d * scale, m * minimum);
        let group = &low[32 * (j / 2)..][..32];
        out.extend(group.iter().enumerate().map(|(i, byte)| {
            let nibble = byte >> (4 * (j % 2)) & 15;
            scale * f32::from(nibble | high(j, i)) - minimum
        }));
    }
}

fn q4_k(b: &[u8; 144], out: &mut Vec<f32>) {
    k_block(&b[..16], &b[16..], |_, _| 0, out);
}

fn q5_k(b: &[u8; 176], out: &mut Vec<f32>) {
    let fifth = &b[16..48];
    k_block(&b[..16], &b[48..], |j, i| (fifth[i] >> j & 1) << 4, out);
}

fn q6_k(b: &[u8; 210], out: &mut Vec<f32>) {
    let (low, high, scales) = (&b[..128], &b[128..192], &b[192..208]);
    let d = half([b[208], b[209]]);
    for element in 0..256 {
        // Each half of the block has 64 low and 32 high bytes; a high byte serves four elements.
        let (part, at) = (element / 128, element % 128);
        let nibble = low[64 * part + at % 64] >> (4 * (at / 64)) & 15;
        let top = two_bits(high[32 * part + at % 32], 2 * (at / 32));
        let q = f32::from(nibble | top << 4) - 32.0;
        out.push(d * f32::from(scales[element / 16] as i8) * q);
    }
}
