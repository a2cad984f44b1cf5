"""Goldens of Whisper's encoder in transformers, behind its feature extractor: clips in a window of silence, and cut ones.

Made with Python 3.11, numpy 2.4.6, torch 2.15.0 (CPU) and transformers 5.17.0.   Run:  python whisper.py
The window has 14 positions in place of 1500. Of cut clips each, with an even number
of frames as the encoder wants, is given to one with as many positions.
"""
import copy

import torch
from golden import fill, golden, waveforms, write
from transformers import WhisperConfig, WhisperFeatureExtractor
from transformers.models.whisper.modeling_whisper import WhisperEncoder

POSITIONS, WINDOW = 14, 14 * 2 * 160
SMALL = {
    "num_mel_bins": 10, "d_model": 12, "encoder_layers": 2, "encoder_attention_heads": 3, "encoder_ffn_dim": 20,
    "max_source_positions": POSITIONS,
}


class Model(torch.nn.Module):
    def __init__(self, settings):
        super().__init__()
        self.encoder = WhisperEncoder(WhisperConfig(**settings))

    def states(self, mel):
        """What enters the first layer, and what each gives; and the last behind its norm."""
        states, hooks = [], []
        keep = lambda module, inputs, output: states.append(output[0] if isinstance(output, tuple) else output)
        first = lambda module, inputs: states.append(inputs[0])
        hooks.append(self.encoder.layers[0].register_forward_pre_hook(first))
        hooks += [layer.register_forward_hook(keep) for layer in self.encoder.layers]
        last = self.encoder(mel).last_hidden_state
        for hook in hooks:
            hook.remove()
        return states, last


def spectrograms(clips, bands):
    extractor = WhisperFeatureExtractor(feature_size=bands)
    mels = [extractor._np_extract_fbank_features(clip[None].numpy(), "cpu")[0] for clip in clips]
    return [torch.from_numpy(mel).double() for mel in mels]


def padded(tensors):
    """One tensor of `[frames, width]`s, zeros behind the shorter."""
    longest = max(len(tensor) for tensor in tensors)
    fit = lambda tensor: torch.nn.functional.pad(tensor, (0, 0, 0, longest - len(tensor)))
    return torch.stack([fit(tensor) for tensor in tensors])


def case(name, settings, samples, lengths, cut):
    net = fill(Model(settings))
    xs = waveforms(samples, lengths)
    if not cut:
        whole = torch.nn.functional.pad(xs, (0, WINDOW - samples))
        states, last = net.states(torch.stack(spectrograms(whole, settings["num_mel_bins"])))
        frames = [(-(-length // 160) + 1) // 2 for length in lengths]
    else:
        clips = spectrograms([row[:length] for row, length in zip(xs, lengths)], settings["num_mel_bins"])
        results = []
        for mel in clips:
            small = copy.copy(net)
            small._modules = dict(net._modules, encoder=cut_to(net.encoder, mel.shape[-1] // 2))
            results.append(small.states(mel[None]))
        states = [padded([result[0][i][0] for result in results]) for i in range(len(results[0][0]))]
        last = padded([result[1][0] for result in results])
        frames = [len(result[1][0]) for result in results]
        settings = settings | {"cut_positions": True}
    config = {"model_type": "whisper"} | settings
    return golden(name, config, samples, lengths, frames, states, last, dict(net.named_parameters()))


def cut_to(encoder, positions):
    """The same encoder, parameters and all, with the first positions alone."""
    small = WhisperEncoder(WhisperConfig(**(SMALL | {"max_source_positions": positions}))).double().eval()
    small.conv1, small.conv2, small.layers = encoder.conv1, encoder.conv2, encoder.layers
    small.layer_norm = encoder.layer_norm
    small.embed_positions = torch.nn.Embedding.from_pretrained(encoder.embed_positions.weight[:positions])
    return small


torch.set_num_threads(1)
torch.cuda.is_current_stream_capturing = lambda: False  # asking crashes where there is no GPU
write("whisper.json", [
    case("Whisper, in a window", SMALL, 3000, [3000, 1777], cut=False),
    case("Whisper, cut", SMALL, 3000, [3000, 1930], cut=True),
])
