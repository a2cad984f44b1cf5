"""Golden of TAPT as it was published: loss, its parts and every gradient of `Wav2Vec2ForPreTraining` in transformers 4.10.0, which
draws negatives from all frames of a row and adds the diversity term once. (`pretraining.py` is about later versions.)

Made with Python 3.11, numpy 2.4.6 and torch 2.11.0 (CPU), which 4.10.0 as a whole does not run with: of its wheel, this loads
`modeling_wav2vec2.py` alone, with stand-ins for what that imports.
Run:  pip download --no-deps transformers==4.10.0 && python tapt.py transformers-4.10.0-py3-none-any.whl
Masks are given, and the numbers that negatives are made of and Gumbel's noise are formulas in place of chance, as in
`pretraining.py`. The shorter clip is padded with zeros and the network is given no attention mask. Negatives differ from their
frame: after Gumbel softmax transformers takes some equal codewords for different ones, by rounding. All convolutions have as
many channels: 4.10.0 builds no others.
"""
import dataclasses
import json
import pathlib
import sys
import types
import zipfile

import torch
from formula import PADDED, POST_NORM, PRE_NORM, SAMPLES, bits, noise, short, shortened, sketch, weight

FRAMES, NEGATIVES, TEMPERATURE = 11, 7, 2.0
MASKED = [[1, 2, 3, 5, 6, 8, 10], [0, 1, 3, 4, 5]]
DEFAULTS = {name: 0.0 for name in [
    "hidden_dropout", "activation_dropout", "attention_dropout", "feat_proj_dropout", "feat_quantizer_dropout", "layerdrop",
    "final_dropout", "mask_feature_prob"]}
DEFAULTS |= {
    "hidden_act": "gelu", "feat_extract_activation": "gelu", "layer_norm_eps": 1e-5, "initializer_range": 0.02,
    "mask_time_prob": 0.05, "num_codevectors_per_group": 4, "num_codevector_groups": 2, "num_negatives": NEGATIVES,
    "codevector_dim": 6, "proj_codevector_dim": 9, "contrastive_logits_temperature": 0.2, "diversity_loss_weight": 0.3,
}
OF_THE_PROGRAM = {
    "output_attentions": False, "output_hidden_states": False, "use_return_dict": True, "gradient_checkpointing": False,
}


class ModelOutput:
    def __getitem__(self, place):
        values = [getattr(self, field.name) for field in dataclasses.fields(self)]
        return [value for value in values if value is not None][place]


@dataclasses.dataclass
class BaseModelOutput(ModelOutput):
    last_hidden_state: torch.Tensor = None
    hidden_states: tuple = None
    attentions: tuple = None


class PreTrainedModel(torch.nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config

    def init_weights(self):
        """Weights are set by formula."""


def modeling(wheel):
    """The module of the wheel."""
    unchanged = lambda *_, **__: lambda function: function
    stand_ins = {
        "activations": {"ACT2FN": {"gelu": torch.nn.functional.gelu, "relu": torch.nn.functional.relu}},
        "deepspeed": {"is_deepspeed_zero3_enabled": lambda: False},
        "file_utils": {"ModelOutput": ModelOutput, "add_start_docstrings": unchanged,
                       "add_start_docstrings_to_model_forward": unchanged, "replace_return_docstrings": unchanged},
        "modeling_outputs": {"BaseModelOutput": BaseModelOutput, "CausalLMOutput": None, "MaskedLMOutput": None,
                             "SequenceClassifierOutput": None},
        "modeling_utils": {"PreTrainedModel": PreTrainedModel},
        "utils": {"logging": types.SimpleNamespace(get_logger=lambda name: None)},
        "models": {}, "models.wav2vec2": {},
        "models.wav2vec2.configuration_wav2vec2": {"Wav2Vec2Config": None},
    }
    root = types.ModuleType("old")
    root.__path__ = []
    sys.modules["old"] = root
    for name, members in stand_ins.items():
        module = types.ModuleType(f"old.{name}")
        module.__path__ = []
        vars(module).update(members)
        sys.modules[module.__name__] = module
    module = types.ModuleType("old.models.wav2vec2.modeling_wav2vec2")
    module.__package__ = "old.models.wav2vec2"
    sys.modules[module.__name__] = module
    source = zipfile.ZipFile(wheel).read("transformers/models/wav2vec2/modeling_wav2vec2.py")
    exec(compile(source, "modeling_wav2vec2.py", "exec"), vars(module))
    return module


def exponential(tensor):
    return torch.exp(2.0 * noise("gumbel", tuple(tensor.shape))).to(tensor.dtype)


def chosen_codes(net, features):
    logits = net.quantizer.weight_proj(features).view(2, FRAMES, net.quantizer.num_groups, -1).float()
    return (logits - torch.log(exponential(logits))).argmax(-1)


def drawn(codes, clip):
    """What `torch.randint` would give: numbers of the other frames of a row, of those whose codewords differ."""
    numbers = []
    for frame in range(FRAMES):
        others = [o - (o > frame) for o in range(FRAMES) if o != frame and (codes[clip, o] != codes[clip, frame]).any()]
        numbers += [others[(n >> 32) % len(others)] for n in bits(f"negatives {clip} {frame}", NEGATIVES).tolist()]
    return torch.tensor(numbers)


def golden(module, case, settings):
    settings = settings | {"conv_dim": [8, 8, 8]}
    config = types.SimpleNamespace(**DEFAULTS | settings, **OF_THE_PROGRAM)
    config.num_feat_extract_layers = len(config.conv_dim)
    net = module.Wav2Vec2ForPreTraining(config).double().train()
    net.set_gumbel_temperature(TEMPERATURE)
    with torch.no_grad():
        for name, tensor in net.named_parameters():
            tensor.copy_(weight(short(name), tuple(tensor.shape)).float())
    torch.Tensor.exponential_ = lambda self: self.copy_(exponential(self.view(2, FRAMES, 2, -1)).view(self.shape))
    xs = noise("input", (2, SAMPLES)).float().double() * (torch.arange(SAMPLES) < torch.tensor(PADDED)[:, None])
    masked = torch.zeros(2, FRAMES, dtype=torch.bool)
    for clip, frames in enumerate(MASKED):
        masked[clip, frames] = True
    with torch.no_grad():
        codes = chosen_codes(net, net.wav2vec2(xs, mask_time_indices=masked).extract_features)
    numbers = [drawn(codes, clip) for clip in range(2)]
    draws = iter([number.clone() for number in numbers])
    torch.randint = lambda low, high, size, device: next(draws)
    out = net(xs, mask_time_indices=masked)
    out.loss.backward()
    own = torch.arange(FRAMES).repeat_interleave(NEGATIVES)
    negatives = torch.stack([number + (number >= own) for number in numbers]).view(2, FRAMES, NEGATIVES)
    codewords = config.num_codevectors_per_group * config.num_codevector_groups
    diversity = (codewords - out.codevector_perplexity.item()) / codewords
    parameters = dict(net.named_parameters())
    return {
        "case": case, "config": DEFAULTS | settings, "lengths": PADDED, "temperature": TEMPERATURE,
        "masked": masked.tolist(), "negatives": negatives.tolist(), "loss": shortened(out.loss.item()),
        "contrastive_loss": shortened(out.loss.item() - config.diversity_loss_weight * diversity),
        "diversity_loss": shortened(diversity), "perplexity": shortened(out.codevector_perplexity.item()),
        "parameters": {name: list(p.shape) for name, p in parameters.items()},
        "gradients": {name: sketch(short(name), p.grad) for name, p in parameters.items() if p.grad is not None},
    }


torch.set_num_threads(1)
loaded = modeling(sys.argv[1])
cases = [golden(loaded, "post-norm, as published", POST_NORM), golden(loaded, "pre-norm, as published", PRE_NORM)]
text = "[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]\n"
pathlib.Path(__file__).with_name("tapt.json").write_text(text)
