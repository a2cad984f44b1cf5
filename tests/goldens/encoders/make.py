"""Goldens of affekt-encoders: two tiny networks of random weights, each in every format that checkpoints come in.

Made with Python 3.11, torch 2.11.0, torchaudio 2.11.0, transformers 5.17.0, omegaconf 2.3.0, blake3 1.0.11 and
fairseq-fixed 0.12.3.1, run from its source archive (`PYTHONPATH=fairseq_fixed-0.12.3.1`, with hydra-core 1.3.2,
sacrebleu 2.6.0, bitarray 3.12.3 and regex).   Run:  python make.py
Every file of a network is written by the library whose format it is, from a network of that library which computes what
transformers' network computes: the script stops where it does not. Weights are multiples of powers of two that f16
and bf16 hold as well as f32. `expected.json` names each canonical tensor's shape and the BLAKE3 digest of its f32 bytes.
"""
import argparse
import collections
import copy
import json
import logging
import os
import pathlib
import shutil

import torch
from blake3 import blake3

torch.cuda.is_available = lambda: False
torch.cuda.is_current_stream_capturing = lambda: False  # asking crashes where there is no GPU
logging.disable(logging.WARNING)

from fairseq.dataclass.configs import FairseqConfig  # noqa: E402
from fairseq.models.wav2vec import wav2vec2 as fairseq_wav2vec2  # noqa: E402
from fairseq.models.wav2vec import wav2vec2_asr  # noqa: E402
from fairseq.tasks.audio_finetuning import AudioFinetuningConfig  # noqa: E402
from fairseq.tasks.audio_pretraining import AudioPretrainingConfig  # noqa: E402
from omegaconf import OmegaConf, open_dict  # noqa: E402
from torchaudio.models.wav2vec2.utils import import_fairseq_model, import_huggingface_model  # noqa: E402
from transformers import (  # noqa: E402
    Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2ForCTC, Wav2Vec2ForPreTraining,
)

SMALL = {
    "vocab_size": 5, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24,
    "conv_dim": [8, 8, 12], "conv_stride": [5, 2, 2], "conv_kernel": [10, 3, 2], "num_conv_pos_embedding_groups": 4,
    "num_codevectors_per_group": 6, "num_codevector_groups": 2, "codevector_dim": 10, "proj_codevector_dim": 14,
    "hidden_dropout": 0.15, "layerdrop": 0.05, "feat_quantizer_dropout": 0.25, "mask_time_prob": 0.65,
}
NETWORKS = {
    "post-norm": SMALL | {
        "feat_extract_norm": "group", "conv_bias": False, "do_stable_layer_norm": False, "num_conv_pos_embeddings": 6,
    },
    "pre-norm": SMALL | {
        "feat_extract_norm": "layer", "conv_bias": True, "do_stable_layer_norm": True, "num_conv_pos_embeddings": 7,
    },
}
HERE = pathlib.Path(__file__).parent


def old(name):
    """The canonical name of a tensor of transformers."""
    return name.removeprefix("wav2vec2.").replace("parametrizations.weight.original0", "weight_g").replace(
        "parametrizations.weight.original1", "weight_v")


def coarse(tensor):
    """Eight significant bits, none of them too small for f16."""
    return torch.where(tensor.abs() < 2**-12, torch.zeros_like(tensor), tensor).bfloat16().float()


def networks(settings):
    """A pretraining and a CTC model around one encoder."""
    config = Wav2Vec2Config(**settings)
    torch.manual_seed(5)
    pretrained, tuned = Wav2Vec2ForPreTraining(config), Wav2Vec2ForCTC(config)
    tuned.wav2vec2 = pretrained.wav2vec2
    with torch.no_grad():
        for net in (pretrained, tuned):
            for parameter in net.parameters():
                # Norms begin with ones and zeros, which would hide one that stands in another's place.
                parameter.copy_(coarse(parameter + torch.randn_like(parameter) * 0.1))
            net.eval()
    return pretrained, tuned


def expected(*nets):
    tensors = {old(name): tensor for net in nets for name, tensor in net.state_dict().items()}
    return {
        name: {"shape": list(tensor.shape), "blake3": blake3(tensor.float().numpy().tobytes()).hexdigest()}
        for name, tensor in sorted(tensors.items())
    }


def fresh(folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


# transformers


def save_transformers(net, folder, normalise, **how):
    net.save_pretrained(fresh(folder), **how)
    if normalise is not None:
        Wav2Vec2FeatureExtractor(do_normalize=normalise).save_pretrained(folder)


def save_bin(net, folder, shards):
    """As transformers before 4.35: pickles, weight norm by its old names."""
    fresh(folder)
    net.config.save_pretrained(folder)
    state = collections.OrderedDict((name if name == old(name) else "wav2vec2." + old(name), tensor)
                                    if name.startswith("wav2vec2.") and "parametrizations" in name else (name, tensor)
                                    for name, tensor in net.state_dict().items())
    if shards == 1:
        torch.save(state, folder / "pytorch_model.bin")
        return
    names, index = list(state), {}
    for shard in range(shards):
        file = f"pytorch_model-{shard + 1:05}-of-{shards:05}.bin"
        part = names[shard::shards]
        # The older of PyTorch's formats.
        torch.save({name: state[name] for name in part}, folder / file, _use_new_zipfile_serialization=False)
        index |= {name: file for name in part}
    text = json.dumps({"metadata": {"total_size": sum(t.nbytes for t in state.values())}, "weight_map": index}, indent=1)
    (folder / "pytorch_model.bin.index.json").write_text(text + "\n")


# fairseq


def fairseq_settings(config):
    return fairseq_wav2vec2.Wav2Vec2Config(
        _name="wav2vec2", quantize_targets=True,
        extractor_mode="layer_norm" if config.feat_extract_norm == "layer" else "default",
        encoder_layers=config.num_hidden_layers, encoder_embed_dim=config.hidden_size,
        encoder_ffn_embed_dim=config.intermediate_size, encoder_attention_heads=config.num_attention_heads,
        dropout=config.hidden_dropout, attention_dropout=config.attention_dropout,
        activation_dropout=config.activation_dropout, encoder_layerdrop=config.layerdrop,
        dropout_features=config.feat_quantizer_dropout, layer_norm_first=config.do_stable_layer_norm,
        conv_bias=config.conv_bias, latent_vars=config.num_codevectors_per_group,
        latent_groups=config.num_codevector_groups, latent_dim=config.codevector_dim, final_dim=config.proj_codevector_dim,
        conv_feature_layers="[(8, 10, 5)] + [(8,3,2)] * 1 + [(12, 2, 2)]", conv_pos=config.num_conv_pos_embeddings,
        conv_pos_groups=config.num_conv_pos_embedding_groups, mask_prob=config.mask_time_prob,
    )


FAIRSEQ = [
    (".attention.", ".self_attn."), ("encoder.pos_conv_embed.conv.", "encoder.pos_conv.0."),
    ("feed_forward.intermediate_dense", "fc1"), ("feed_forward.output_dense", "fc2"), ("masked_spec_embed", "mask_emb"),
    ("feature_projection.projection", "post_extract_proj"), ("feature_projection.layer_norm", "layer_norm"),
    ("project_hid", "final_proj"), ("quantizer.codevectors", "quantizer.vars"), ("lm_head", "proj"),
]


def fairseq_name(name, config):
    name = old(name)
    if name.startswith("encoder.layers."):
        name = name.replace(".layer_norm", ".self_attn_layer_norm")
    if name.startswith("feature_extractor."):
        norm = ".2.1." if config.feat_extract_norm == "layer" else ".2."
        return name.replace(".conv.", ".0.").replace(".layer_norm.", norm)
    for theirs, ours in FAIRSEQ:
        name = name.replace(theirs, ours)
    return name


def whole(**parts):
    """A tree of settings as fairseq's command line builds it, with these sections."""
    tree = OmegaConf.structured(FairseqConfig())
    with open_dict(tree):
        for name, part in parts.items():
            tree[name] = OmegaConf.structured(part)
    return tree


def trainer_state(model, args, cfg):
    """What `Trainer.state_dict` gives, of `fairseq/trainer.py`."""
    return {
        "args": args, "cfg": cfg, "model": model.state_dict(), "criterion": None,
        "optimizer_history": [{"criterion_name": "Wav2vecCriterion", "optimizer_name": "FP16Optimizer",
                               "lr_scheduler_state": {"best": None}, "num_updates": 7}],
        "task_state": {}, "extra_state": {"train_iterator": {"epoch": 1, "iterations_in_epoch": 7}, "val_loss": 2.5},
        "last_optimizer_state": {"state": {0: {"step": 7, "exp_avg": torch.zeros(3)}}, "param_groups": []},
    }


class Task:
    """What a CTC model asks of its task."""

    def __init__(self, classes):
        self.target_dictionary = range(classes)


def fairseq_files(pretrained, tuned, folder):
    fresh(folder)
    config = pretrained.config
    settings = fairseq_settings(config)
    task = AudioPretrainingConfig(_name="audio_pretraining", data="/data", normalize=config.feat_extract_norm == "layer")
    net = fairseq_wav2vec2.Wav2Vec2Model(settings).eval()
    net.load_state_dict({fairseq_name(name, config): tensor for name, tensor in pretrained.state_dict().items()})
    cfg = whole(model=settings, task=task)
    container = OmegaConf.to_container(cfg, resolve=True, enum_to_str=True)

    # The old way: one flat namespace.
    args = argparse.Namespace(arch="wav2vec2", task="audio_pretraining", normalize=task.normalize, data="/data",
                              **{k: v for k, v in vars(settings).items() if k != "_name"})
    for key in ("mask_min_space", "required_seq_len_multiple"):
        delattr(args, key)  # not known in those days
    args.latent_temp = str(args.latent_temp)
    torch.save(trainer_state(net, args, None), folder / "args.pt", _use_new_zipfile_serialization=False)
    torch.save(trainer_state(net, None, container), folder / "cfg.pt")
    torch.save(trainer_state(net, None, OmegaConf.create(container)), folder / "omegaconf.pt")

    # Fine-tuned: the encoder's settings stand inside those of the model around it.
    asr_task = AudioFinetuningConfig(_name="audio_finetuning", data="/data", normalize=task.normalize)
    asr = wav2vec2_asr.Wav2Vec2CtcConfig(
        _name="wav2vec_ctc", w2v_path="/models/pretrained.pt", apply_mask=True, mask_prob=0.5, mask_channel_prob=0.1,
        mask_channel_length=4, layerdrop=0.1, feature_grad_mult=0.0, final_dropout=0.05, w2v_args=container,
        data="/data", normalize=task.normalize, no_pretrained_weights=True, ddp_backend="c10d",
    )
    built = OmegaConf.create(OmegaConf.to_container(OmegaConf.structured(asr), enum_to_str=True))
    with open_dict(built):
        built.w2v_args = OmegaConf.create(container)
    ctc = wav2vec2_asr.Wav2VecCtc.build_model(built, Task(config.vocab_size)).eval()
    state = {}
    for name, tensor in tuned.state_dict().items():
        inner = fairseq_name(name, config)
        state["w2v_encoder." + (inner if inner.startswith("proj.") else "w2v_model." + inner)] = tensor
    ctc.load_state_dict(state)
    asr_cfg = OmegaConf.to_container(whole(task=asr_task), resolve=False, enum_to_str=True)
    asr_cfg["model"] = OmegaConf.to_container(built, resolve=False, enum_to_str=True)
    torch.save(trainer_state(ctc, None, asr_cfg), folder / "ctc.pt")
    flat = {k: v for k, v in asr_cfg["model"].items() if k not in ("_name", "w2v_args")}
    args = argparse.Namespace(arch="wav2vec_ctc", **(flat | {"normalize": task.normalize}), w2v_args=args)
    torch.save(trainer_state(ctc, args, None), folder / "ctc-args.pt")
    return net, ctc


# Do they compute the same?


@torch.no_grad()
def compare(pretrained, tuned, audio, audio_net, net, ctc):
    xs = torch.randn(2, 240, generator=torch.Generator().manual_seed(3))
    theirs = tuned(xs).logits
    hidden = pretrained.wav2vec2(xs).last_hidden_state
    check = lambda ours, what: torch.testing.assert_close(ours, theirs if what == "logits" else hidden)  # noqa: E731
    check(audio_net(xs)[0], "logits")
    check(net(xs, mask=False, features_only=True)["x"], "hidden")
    check(ctc.w2v_encoder(source=xs, padding_mask=None)["encoder_out"].transpose(0, 1), "logits")
    check(import_fairseq_model(net).eval()(xs)[0], "hidden")
    # Pretraining's heads.
    features = pretrained.wav2vec2(xs).extract_features
    torch.testing.assert_close(net.layer_norm(net.feature_extractor(xs).transpose(1, 2)), features)
    torch.testing.assert_close(net.final_proj(hidden), pretrained.project_hid(hidden))
    ours, _ = pretrained.quantizer(features)
    torch.testing.assert_close(net.project_q(net.quantizer(features)["x"]), pretrained.project_q(ours))


record = {}
for name, settings in NETWORKS.items():
    pretrained, tuned = networks(settings)
    folder = HERE / name
    normalise = name == "pre-norm"
    save_transformers(pretrained, folder / "transformers", normalise)
    save_transformers(tuned, folder / "ctc", None)
    if name == "post-norm":
        save_transformers(pretrained.wav2vec2, folder / "bare", normalise)
        save_transformers(pretrained, folder / "sharded", normalise, max_shard_size="9KB")
        save_bin(pretrained, folder / "bin", 1)
        save_bin(pretrained, folder / "bin-sharded", 3)
        for dtype in (torch.float16, torch.bfloat16):
            half = copy.deepcopy(pretrained).to(dtype)
            save_transformers(half, folder / str(dtype).removeprefix("torch."), normalise)
    audio = fresh(folder / "torchaudio")
    audio_net = import_huggingface_model(tuned).eval()
    torch.save(audio_net.state_dict(), audio / "ctc.pt")
    torch.save(import_huggingface_model(pretrained.wav2vec2).state_dict(), audio / "bare.pth")
    compare(pretrained, tuned, audio, audio_net, *fairseq_files(pretrained, tuned, folder / "fairseq"))
    record[name] = {"settings": settings, "tensors": expected(pretrained, tuned)}

# Other models, and files that want more than to be read.
evil = fresh(HERE / "refused")


class Call:
    """Pickles as a call."""

    def __reduce__(self):
        return os.system, ("touch affekt-was-here",)


torch.save({"args": Call(), "model": {"mask_emb": torch.zeros(2)}}, evil / "args.pt")
torch.save({"cfg": {"model": {"_name": "wav2vec2", "w2v_args": Call()}}, "model": {}}, evil / "cfg.pt")
torch.save({"encoder.transformer.layer_norm.weight": Call()}, evil / "torchaudio.pt")
torch.save({"args": argparse.Namespace(arch="hubert"), "model": {"mask_emb": torch.zeros(2)}}, evil / "hubert.pt")
torch.save({"args": None, "cfg": {"model": {"_name": "data2vec_audio"}}, "model": {}}, evil / "data2vec.pt")
torch.save({"args": argparse.Namespace(arch="wav2vec"), "model": {}}, evil / "wav2vec.pt")
torch.save({"weight": torch.zeros(2)}, evil / "something.pt")
torch.save(torch.zeros(2), evil / "tensor.pt")
(HERE / "expected.json").write_text(json.dumps(record, indent=1) + "\n")
