"""Goldens of the relatives of wav2vec 2.0: HuBERT, WavLM, UniSpeech-SAT and data2vec-audio in transformers.

Made with Python 3.11, numpy 2.4.6, torch 2.15.0 (CPU) and transformers 5.17.0.   Run:  python relatives.py
"""
import torch
from golden import fill, golden, waveforms, write
from transformers import AutoConfig, AutoModel

SAMPLES, PADDED = 170, [170, 113]
SMALL = {
    "vocab_size": 5, "hidden_size": 12, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 20,
    "conv_dim": [6, 7, 9], "conv_stride": [5, 2, 2], "conv_kernel": [10, 3, 2], "num_conv_pos_embedding_groups": 3,
}
POST_NORM = SMALL | {
    "feat_extract_norm": "group", "conv_bias": False, "do_stable_layer_norm": False, "num_conv_pos_embeddings": 6,
}
PRE_NORM = SMALL | {
    "feat_extract_norm": "layer", "conv_bias": True, "do_stable_layer_norm": True, "num_conv_pos_embeddings": 5,
    "hidden_act": "relu", "layer_norm_eps": 1e-4,
}
# Distances of frames beyond the exact ones, and beyond all.
BUCKETS = {"num_buckets": 14, "max_bucket_distance": 6}
STACK = SMALL | {"conv_bias": True, "num_conv_pos_embeddings": 3, "conv_pos_kernel_size": 4}


def case(name, model_type, settings, lengths):
    config = AutoConfig.for_model(model_type, **settings)
    net = fill(AutoModel.from_config(config))
    own = lengths or [SAMPLES, SAMPLES]
    mask = (torch.arange(SAMPLES) < torch.tensor(own)[:, None]).long()
    frames = net._get_feat_extract_output_lengths(torch.tensor(own)).tolist()
    out = net(waveforms(SAMPLES, own), attention_mask=mask if lengths else None, output_hidden_states=True)
    settings = {"model_type": model_type} | settings
    parameters = dict(net.named_parameters())
    return golden(name, settings, SAMPLES, own, frames, out.hidden_states, out.last_hidden_state, parameters)


torch.set_num_threads(1)
torch.cuda.is_current_stream_capturing = lambda: False  # asking crashes where there is no GPU
write("relatives.json", [
    case("HuBERT, post-norm", "hubert", POST_NORM, None),
    case("HuBERT, post-norm without a norm before the projection, padded", "hubert",
         POST_NORM | {"feat_proj_layer_norm": False}, PADDED),
    case("HuBERT, pre-norm, padded", "hubert", PRE_NORM, PADDED),
    case("WavLM, post-norm", "wavlm", POST_NORM | BUCKETS, None),
    case("WavLM, post-norm, padded", "wavlm", POST_NORM | BUCKETS, PADDED),
    case("WavLM, pre-norm, padded", "wavlm", PRE_NORM | BUCKETS, PADDED),
    case("UniSpeech-SAT, post-norm, padded", "unispeech-sat", POST_NORM, PADDED),
    case("UniSpeech-SAT, pre-norm, padded", "unispeech-sat", PRE_NORM, PADDED),
    case("data2vec-audio", "data2vec-audio", STACK, None),
    case("data2vec-audio, padded", "data2vec-audio", STACK | {"conv_pos_kernel_size": 3}, PADDED),
])
