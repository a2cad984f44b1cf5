"""Tiny files of every format that `affekt_audio::decode` reads, all of the same made-up signal; noise resampled.

python 3.11, numpy 2.4.6, soundfile 0.14.0 (libsndfile 1.2.2), librosa 0.11.0, soxr 1.1.0, av 18.1.0
usage: make.py (writes beside itself)
"""

from pathlib import Path

import av
import librosa
import numpy as np
import soundfile

RATE_HZ = 16_000
FRAMES = 1600
LONG_FRAMES = 10_000


def signal():
    """Two channels of 16-bit values, so that every lossless format holds them exactly."""
    t = np.arange(FRAMES) / RATE_HZ
    left = 0.4 * np.sin(2 * np.pi * 220 * t) + 0.2 * np.sin(2 * np.pi * 1330 * t + 1)
    right = 0.5 * np.sin(2 * np.pi * 310 * t)
    return np.round(np.stack([left, right], axis=1) * 32767).astype(np.int16)


def noise(samples):
    """White noise from a linear congruential generator."""
    state, values = 1, np.empty(samples, np.float32)
    for i in range(samples):
        state = (state * 1_103_515_245 + 12_345) % 2**31
        values[i] = state / 2**31 - 0.5
    return values


FILES = {
    "pcm_u8.wav": ("WAV", "PCM_U8", "FILE"),
    "pcm_16.wav": ("WAV", "PCM_16", "FILE"),
    "pcm_24.wav": ("WAV", "PCM_24", "FILE"),
    "pcm_32.wav": ("WAV", "PCM_32", "FILE"),
    "float_32.wav": ("WAV", "FLOAT", "FILE"),
    "float_64.wav": ("WAV", "DOUBLE", "FILE"),
    "a_law.wav": ("WAV", "ALAW", "FILE"),
    "mu_law.wav": ("WAV", "ULAW", "FILE"),
    "ima_adpcm.wav": ("WAV", "IMA_ADPCM", "FILE"),
    "ms_adpcm.wav": ("WAV", "MS_ADPCM", "FILE"),
    "extensible.wav": ("WAVEX", "PCM_16", "FILE"),
    "pcm_16.aiff": ("AIFF", "PCM_16", "FILE"),
    "pcm_24.aiff": ("AIFF", "PCM_24", "FILE"),
    "float_32.aifc": ("AIFF", "FLOAT", "FILE"),
    "sowt.aifc": ("AIFF", "PCM_16", "LITTLE"),
    "aiff_inside.wav": ("AIFF", "PCM_16", "FILE"),
    "pcm_16.flac": ("FLAC", "PCM_16", "FILE"),
    "pcm_24.flac": ("FLAC", "PCM_24", "FILE"),
    "vorbis.ogg": ("OGG", "VORBIS", "FILE"),
    "layer_3.mp3": ("MP3", "MPEG_LAYER_III", "FILE"),
    "opus.ogg": ("OGG", "OPUS", "FILE"),
    "rifx.wav": ("WAV", "PCM_16", "BIG"),
    "rifx_float.wav": ("WAV", "FLOAT", "BIG"),
    "pcm_16.rf64": ("RF64", "PCM_16", "FILE"),
    "pcm_24.w64": ("W64", "PCM_24", "FILE"),
    "pcm_16.au": ("AU", "PCM_16", "FILE"),
    "float_32.au": ("AU", "FLOAT", "LITTLE"),
    "mu_law.au": ("AU", "ULAW", "FILE"),
    "pcm_16.sph": ("NIST", "PCM_16", "FILE"),
    "pcm_24.sph": ("NIST", "PCM_24", "BIG"),
    "a_law.sph": ("NIST", "ALAW", "FILE"),
    "pcm_16.caf": ("CAF", "PCM_16", "FILE"),
}
STEREO = {"pcm_16.wav", "pcm_16.flac"}


def mp4(path, codec, samples):
    """The same in MP4."""
    with av.open(path, "w", format="mp4") as container:
        stream = container.add_stream(codec, rate=RATE_HZ, layout="mono")
        stream.codec_context.format = "s16p" if codec == "alac" else "fltp"
        values = samples if codec == "alac" else (samples / 32768).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(values)[None], stream.codec_context.format.name, "mono")
        frame.rate = RATE_HZ
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)


def main():
    folder = Path(__file__).parent
    samples = signal()
    samples.astype("<i2").tofile(folder / "signal.i16")
    for name, (container, subtype, endian) in FILES.items():
        # Integers are written to float formats as they are, not as parts of full scale.
        content = samples / 32768 if subtype in ("FLOAT", "DOUBLE") else samples
        soundfile.write(folder / name, content[:, 0], RATE_HZ, subtype, endian, container)
        if name in STEREO:
            soundfile.write(folder / f"stereo_{name}", content, RATE_HZ, subtype, endian, container)
    mp4(folder / "alac.m4a", "alac", samples[:, 0])
    mp4(folder / "aac.m4a", "aac", samples[:, 0])
    # Several FLAC frames of 4096 samples each, in few bytes.
    ramp = (np.arange(LONG_FRAMES) % 1000).astype(np.int16)
    soundfile.write(folder / "ramp.flac", ramp, RATE_HZ, "PCM_16", "FILE", "FLAC")
    for rate_hz in (24_414, 44_100, 48_000):
        resampled = librosa.resample(noise(rate_hz // 40), orig_sr=rate_hz, target_sr=RATE_HZ)
        resampled.astype("<f4").tofile(folder / f"noise_{rate_hz}.f32")


if __name__ == "__main__":
    main()
