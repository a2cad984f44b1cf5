"""Golden of affekt-models' pretraining head: loss, its parts and every gradient of `Wav2Vec2ForPreTraining` in transformers.

Made with Python 3.11, numpy 2.4.6, torch 2.11.0 (CPU) and transformers 5.17.0.   Run:  python pretraining.py
Masks and negatives are given. One case chooses the likeliest codewords, and some negatives have the codewords of their
frame. The others draw by Gumbel softmax, with noise by formula in place of chance (exponential numbers become exp(2 noise),
Gumbel's then -2 noise) and negatives that differ from their frame: after Gumbel softmax transformers takes some equal
codewords for different ones, by rounding.
"""
import json
import pathlib

import torch
from formula import PADDED, POST_NORM, PRE_NORM, SAMPLES, bits, noise, short, shortened, sketch, weight
from transformers import Wav2Vec2Config, Wav2Vec2ForPreTraining

FRAMES, NEGATIVES, TEMPERATURE = 11, 7, 1.5
OFF = {name: 0.0 for name in ["hidden_dropout", "activation_dropout", "attention_dropout", "layerdrop"]}
HEAD = OFF | {
    "num_codevectors_per_group": 4, "num_codevector_groups": 2, "num_negatives": NEGATIVES, "codevector_dim": 6,
    "proj_codevector_dim": 9, "contrastive_logits_temperature": 0.2, "diversity_loss_weight": 0.3,
}
MASKED = [[1, 2, 3, 5, 6, 8, 10], [0, 1, 3, 4, 5, 7]]


def codes(net, features):
    """Which codewords the quantiser chooses. [batch, frames, groups]"""
    quantizer = net.quantizer
    logits = quantizer.weight_proj(features).view(2, FRAMES, quantizer.num_groups, -1).float()
    if net.training:
        logits = logits - torch.log(exponential(logits))
    return logits.argmax(-1)


def exponential(tensor):
    return torch.exp(2.0 * noise("gumbel", tuple(tensor.shape))).to(tensor.dtype)


def golden(case, settings, lengths, gumbel):
    net = Wav2Vec2ForPreTraining(Wav2Vec2Config(**settings)).double().train(gumbel)
    net.set_gumbel_temperature(TEMPERATURE)
    with torch.no_grad():
        for name, tensor in net.named_parameters():
            tensor.copy_(weight(short(name), tuple(tensor.shape)).float())
    torch.Tensor.exponential_ = lambda self: self.copy_(exponential(self.view(2, FRAMES, 2, -1)).view(self.shape))
    xs = noise("input", (2, SAMPLES)).float().double()
    attention = None
    if lengths is not None:
        attention = (torch.arange(SAMPLES) < torch.tensor(lengths)[:, None]).long()
        xs = xs * attention
    masked = torch.zeros(2, FRAMES, dtype=torch.bool)
    negatives = torch.zeros(2, FRAMES, NEGATIVES, dtype=torch.long)
    with torch.no_grad():
        chosen = codes(net, net.wav2vec2(xs, attention_mask=attention).extract_features)
    equal = 0
    for clip, frames in enumerate(MASKED):
        masked[clip, frames] = True
        for frame in frames:
            others = [o for o in frames if o != frame]
            if gumbel:
                others = [o for o in others if (chosen[clip, o] != chosen[clip, frame]).any()]
            for n, number in enumerate(bits(f"negatives {clip} {frame}", NEGATIVES).tolist()):
                negatives[clip, frame, n] = others[(number >> 32) % len(others)]
            equal += sum((chosen[clip, o] == chosen[clip, frame]).all().item() for o in negatives[clip, frame])
    assert (equal > 0) != gumbel
    offsets = FRAMES * torch.arange(2)[:, None, None]
    out = net(xs, attention_mask=attention, mask_time_indices=masked, sampled_negative_indices=negatives + offsets)
    out.loss.backward()
    parameters = dict(net.named_parameters())
    return {
        "case": case, "config": settings, "lengths": lengths, "temperature": TEMPERATURE if gumbel else None,
        "masked": masked.tolist(), "negatives": negatives.tolist(), "loss": shortened(out.loss.item()),
        "contrastive_loss": shortened(out.contrastive_loss.item()),
        "diversity_loss": shortened(out.diversity_loss.item()),
        "perplexity": shortened(out.codevector_perplexity.item()),
        "parameters": {name: list(p.shape) for name, p in parameters.items()},
        "gradients": {name: sketch(short(name), p.grad) for name, p in parameters.items() if p.grad is not None},
    }


torch.set_num_threads(1)
torch.cuda.is_current_stream_capturing = lambda: False  # asking crashes where there is no GPU
cases = [
    golden("post-norm, the likeliest codewords", POST_NORM | HEAD, None, gumbel=False),
    golden("post-norm, Gumbel softmax", POST_NORM | HEAD, None, gumbel=True),
    golden("pre-norm, padded, Gumbel softmax", PRE_NORM | HEAD, PADDED, gumbel=True),
]
text = "[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]\n"
pathlib.Path(__file__).with_name("pretraining.json").write_text(text)
