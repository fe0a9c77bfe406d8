//! Where the format keeps each parameter.

/// The tensor that holds the parameter at a decoder's dotted `path`; none for a path that no
/// decoder has.
pub(super) fn tensor_name(path: &str) -> Option<String> {
    match path {
        "embed_tokens.weight" => return Some(EMBEDDING.to_owned()),
        "norm.weight" => return Some("output_norm.weight".to_owned()),
        "lm_head.weight" => return Some(HEAD.to_owned()),
        _ => {}
    }
    let (index, rest) = path.strip_prefix("layers.")?.split_once('.')?;
    let (module, part) = rest.rsplit_once('.')?;
    let module = match module {
        "input_layernorm" => "attn_norm",
        "self_attn.q_proj" => "attn_q",
        "self_attn.k_proj" => "attn_k",
        "self_attn.v_proj" => "attn_v",
        "self_attn.o_proj" => "attn_output",
        "post_attention_layernorm" => "ffn_norm",
        "mlp.gate_proj" => "ffn_gate",
        "mlp.up_proj" => "ffn_up",
        "mlp.down_proj" => "ffn_down",
        _ => return None,
    };
    Some(format!("blk.{index}.{module}.{part}"))
}

/// The embedding, `[vocab, hidden]`.
pub(super) const EMBEDDING: &str = "token_embd.weight";
/// The head; absent when it is the embedding.
pub(super) const HEAD: &str = "output.weight";
/// Factors that the rotary frequencies are divided by; absent or one when there are none.
pub(super) const FREQUENCIES: &str = "rope_freqs.weight";

/// Puts the rows of a query or key matrix (or its bias) of `heads` heads back into the order in
/// which a head's first and second half turn together.
///
/// Files of the `llama` architecture hold pairs that turn together beside each other: row 2j of a
/// head is its row j, row 2j + 1 its row j + d/2.
///
/// # Shapes
/// values `[heads · d, ..]` of `rows` rows
pub(super) fn pairs_apart(values: &[f32], rows: usize, heads: usize) -> Vec<f32> {
    let (width, head) = (values.len() / rows, rows / heads);
    let stored = |row: usize| {
        let (first, at) = (row - row % head, row % head);
        first + 2 * (at % (head / 2)) + at / (head / 2)
    };
    (0..rows)
        .flat_map(|row| &values[stored(row) * width..][..width])
        .copied()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_of_two_heads_of_four_rows() {
        let stored: Vec<f32> = [0, 2, 1, 3, 4, 6, 5, 7]
            .iter()
            .flat_map(|&row| [row as f32, row as f32 + 0.5])
            .collect();
        let expected: Vec<f32> = (0..8)
            .flat_map(|row| [row as f32, row as f32 + 0.5])
            .collect();
        assert_eq!(pairs_apart(&stored, 8, 2), expected);
    }

    #[test]
    fn every_kind_of_path() {
        let name = |path| tensor_name(path).unwrap_or_default();
        assert_eq!(name("embed_tokens.weight"), "token_embd.weight");
        assert_eq!(name("layers.3.self_attn.q_proj.bias"), "blk.3.attn_q.bias");
        assert_eq!(
            name("layers.12.mlp.down_proj.weight"),
            "blk.12.ffn_down.weight"
        );
        assert_eq!(name("layers.0.other.weight"), "");
    }
}
