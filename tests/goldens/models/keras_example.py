"""Golden of system B5 as affekt-models has it: outputs, loss and every gradient of a small wav2vec 2.0 in transformers, read as
Keras' example of audio classification with wav2vec 2.0 reads it (keras-io, examples/audio/wav2vec2_audiocls.py).

Made with Python 3.11, numpy 2.4.6, torch 2.11.0 (CPU) and transformers 5.17.0.   Run:  python keras_example.py
The example's steps, in PyTorch: every clip is normalised over its own samples, then zeros stand behind it up to one length;
the encoder reads that without an attention mask and without masks of its own; the mean of the frames that the clip's own length
comes to goes through a linear map. Dropout and layer drop are 0, so that training is without chance. Weights, inputs and the
form of the result are those of `speech_networks.py`.
"""
import json
import pathlib

import torch
from speech_networks import OUTPUTS, POST_NORM, golden
from torch import nn
from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

PADDED = 260
OFF = {
    "hidden_dropout": 0.0, "activation_dropout": 0.0, "attention_dropout": 0.0, "feat_proj_dropout": 0.0, "layerdrop": 0.0,
    "apply_spec_augment": False,
}


class KerasExample(nn.Module):
    def __init__(self):
        super().__init__()
        self.wav2vec2 = Wav2Vec2Model(Wav2Vec2Config(**POST_NORM | OFF))
        self.classifier = nn.Linear(POST_NORM["hidden_size"], OUTPUTS)

    def forward(self, inputs):
        rows = torch.zeros(len(inputs["xs"]), PADDED, dtype=torch.float64)
        for row, clip, length in zip(rows, inputs["xs"], inputs["lengths"]):
            own = Wav2Vec2FeatureExtractor.zero_mean_unit_var_norm([clip[:length].numpy()], None)
            row[:length] = torch.from_numpy(own[0])
        hidden = self.wav2vec2(rows).last_hidden_state
        counts = self.wav2vec2._get_feat_extract_output_lengths(torch.tensor(inputs["lengths"]))
        own = torch.arange(hidden.shape[1]) < counts[:, None]
        mean = torch.where(own[..., None], hidden, 0.0).sum(1) / counts[:, None]
        return self.classifier(mean)


CLIPS = [240, 170, 203]
text = json.dumps([golden("B5, as Keras' example", KerasExample(), CLIPS[:1], CLIPS)], separators=(",", ":")) + "\n"
pathlib.Path(__file__).with_suffix(".json").write_text(text)
