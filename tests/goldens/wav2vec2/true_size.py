"""What transformers computes with wav2vec 2.0 at its true size, for crates/models/examples/beside_transformers.rs to compare
with: random weights, recordings given on the command line, hidden states of all layers and logits of both heads.

Written for Python 3.11, torch 2.11.0 (CPU), transformers 5.17.0, safetensors and librosa 0.11.0.
Run:  python true_size.py base|large-lv60k FOLDER RECORDING...
Writes gigabytes into FOLDER, for nobody to keep: config.json, model.safetensors, and a file for each case with `waveforms`
[batch, samples], `lengths`, `state.<layer>`, `last`, `ctc`, `classes`. Cases: every recording alone, all of them padded with
an attention mask, and all of them padded without one.
"""
import json
import pathlib
import sys

import librosa
import torch
from safetensors.torch import save_file
from transformers import Wav2Vec2Config, Wav2Vec2ForCTC, Wav2Vec2ForSequenceClassification

RATE_HZ, CLASSES = 16_000, 7
SETTINGS = {
    "base": {},
    "large-lv60k": {
        "hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096,
        "feat_extract_norm": "layer", "conv_bias": True, "do_stable_layer_norm": True,
    },
}


def run(ctc, classifier, waveforms, lengths, masked):
    attention = (torch.arange(waveforms.shape[1]) < lengths[:, None]).long() if masked else None
    base = ctc.wav2vec2(waveforms, attention_mask=attention, output_hidden_states=True)
    tensors = {f"state.{i}": state for i, state in enumerate(base.hidden_states)}
    tensors |= {
        "waveforms": waveforms, "last": base.last_hidden_state,
        "lengths": lengths if masked else torch.full_like(lengths, waveforms.shape[1]),
        "ctc": ctc(waveforms, attention_mask=attention).logits,
        "classes": classifier(waveforms, attention_mask=attention).logits,
    }
    return {name: tensor.clone().contiguous() for name, tensor in tensors.items()}


torch.cuda.is_current_stream_capturing = lambda: False  # asking crashes where there is no GPU
torch.manual_seed(0)
torch.set_grad_enabled(False)
kind, folder = sys.argv[1], pathlib.Path(sys.argv[2])
folder.mkdir(parents=True, exist_ok=True)
config = Wav2Vec2Config(**SETTINGS[kind], num_labels=CLASSES)
classifier, ctc = Wav2Vec2ForSequenceClassification(config).eval(), Wav2Vec2ForCTC(config).eval()
ctc.wav2vec2 = classifier.wav2vec2
(folder / "config.json").write_text(json.dumps(config.to_dict()))
weights = classifier.state_dict() | ctc.state_dict()
save_file({name: tensor.clone().contiguous() for name, tensor in weights.items()}, folder / "model.safetensors")

clips = [torch.from_numpy(librosa.load(path, sr=RATE_HZ, mono=True)[0]) for path in sys.argv[3:]]
clips = [(clip - clip.mean()) / (clip.var() + 1e-7).sqrt() for clip in clips]
lengths = torch.tensor([len(clip) for clip in clips])
padded = torch.nn.utils.rnn.pad_sequence(clips, batch_first=True)
cases = {f"alone-{i}": (clip[None], lengths[i : i + 1], False) for i, clip in enumerate(clips)}
cases |= {"padded": (padded, lengths, True), "padded-without-mask": (padded, lengths, False)}
for name, case in cases.items():
    save_file(run(ctc, classifier, *case), folder / f"case-{name}.safetensors")
