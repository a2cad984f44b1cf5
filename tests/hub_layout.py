"""Proves that Python finds what `cargo xtask fetch` brings.

Serves a tiny wav2vec 2.0 as the Hub would, under the name and commit of facebook/wav2vec2-base, has it fetched, and
opens it with huggingface_hub and transformers, which may not ask anybody. Needs transformers 5.17.0 and torch 2.11.0:

    cargo build -p xtask && python tests/hub_layout.py target/debug/xtask
"""

import hashlib
import http.server
import os
import pathlib
import subprocess
import sys
import tempfile
import threading

COMMIT = "0b5b8e868dd84f03fd87d01f9c4ff0f080fecfe8"
NAME = "facebook/wav2vec2-base"


def checkpoint(folder):
    import torch
    from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

    sizes = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32)
    model = Wav2Vec2Model(Wav2Vec2Config(conv_dim=[8] * 7, num_conv_pos_embeddings=8, **sizes))
    model.save_pretrained(folder)
    os.remove(folder / "model.safetensors")
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    Wav2Vec2FeatureExtractor(do_normalize=True).save_pretrained(folder)
    return {name: (folder / name).read_bytes() for name in os.listdir(folder)}


def serve(files):
    class Hub(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            *_, revision, name = self.path.split("/")
            data = files.get(name)
            if revision == "store":
                return self.answer(200, {}, data)
            if data is None or revision not in ("main", COMMIT):
                return self.answer(404, {"X-Error-Code": "EntryNotFound"}, b"")
            headers = {"X-Repo-Commit": COMMIT}
            if name.endswith(".bin"):
                headers["X-Linked-ETag"] = '"%s"' % hashlib.sha256(data).hexdigest()
                headers["X-Linked-Size"] = str(len(data))
                # Large files are on another host.
                headers["Location"] = "http://localhost:%d/store/%s" % (self.server.server_port, name)
                return self.answer(302, headers, b"")
            headers["ETag"] = '"%s"' % hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
            self.answer(200, headers, data)

        do_HEAD = do_GET

        def answer(self, status, headers, body):
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return "http://127.0.0.1:%d" % server.server_port


def main(xtask):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "model").mkdir()
        files = checkpoint(folder / "model")
        environment = {**os.environ, "HF_HOME": str(folder / "home"), "HF_ENDPOINT": serve(files)}
        subprocess.run([xtask, "fetch", "wav2vec2-base"], env=environment, check=True)
        script = """
import sys
from huggingface_hub import snapshot_download
from transformers import AutoFeatureExtractor, Wav2Vec2Model
for revision in ("main", sys.argv[2]):
    print("huggingface_hub:", snapshot_download(sys.argv[1], revision=revision, local_files_only=True))
    AutoFeatureExtractor.from_pretrained(sys.argv[1], revision=revision, local_files_only=True)
    model = Wav2Vec2Model.from_pretrained(sys.argv[1], revision=revision, local_files_only=True)
    print("transformers:", sum(weights.numel() for weights in model.parameters()), "parameters")
"""
        offline = {**environment, "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "1"}
        subprocess.run([sys.executable, "-c", script, NAME, COMMIT], env=offline, check=True)
        # And the other way about: what Python fetched is there for us.
        other = {**environment, "HF_HOME": str(folder / "other")}
        script = "import sys; from huggingface_hub import hf_hub_download\n"
        script += "for name in sys.argv[2:]: hf_hub_download(sys.argv[1], name)"
        subprocess.run([sys.executable, "-c", script, NAME, *files], env=other, check=True)
        told = subprocess.run([xtask, "fetch", "wav2vec2-base"], env={**other, "HF_HUB_OFFLINE": "1"}, check=True)
        print("ours finds what huggingface_hub fetched:", told.returncode == 0)


main(os.path.abspath(sys.argv[1]))
