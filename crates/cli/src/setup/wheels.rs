//! The wheels that libtorch is taken from, pinned: versions, sizes, digests.
//!
//! The wheel of torch for x86-64 Linux is the one built for CUDA. Its `libtorch_cpu.so` is linked to two small CUDA
//! libraries, which come along even where there is no GPU. The list for CUDA is what the metadata of torch's wheel
//! requires on Linux (`cuda-toolkit` with its extras resolved, cuDNN, cuSPARSELt, NCCL, NVSHMEM), less what serves
//! Python alone (Triton, the CUDA bindings).

use serde::Serialize;

/// A wheel, and what is taken out of it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Wheel {
    pub(super) name: &'static str,
    pub(super) version: &'static str,
    /// In bytes.
    pub(super) size: u64,
    pub(super) sha256: &'static str,
    /// Shell patterns of files that go to `lib/`.
    pub(super) libraries: &'static [&'static str],
    /// The folder whose contents go to `include/`.
    pub(super) headers: Option<&'static str>,
}

/// With or without CUDA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flavour {
    Cpu,
    Cuda,
}

impl Flavour {
    pub(super) const fn wheels(self) -> &'static [Wheel] {
        match self {
            Self::Cpu => CPU,
            Self::Cuda => CUDA,
        }
    }

    /// How many bytes the unpacked folder takes.
    pub(super) const fn unpacked(self) -> u64 {
        match self {
            Self::Cpu => 530_000_000,
            Self::Cuda => 3_900_000_000,
        }
    }

    /// A file without which a folder is not of this flavour.
    pub(super) const fn proof(self) -> &'static str {
        match self {
            Self::Cpu => "lib/libtorch_cpu.so",
            Self::Cuda => "lib/libtorch_cuda.so",
        }
    }
}

const CPU: &[Wheel] = &[
    Wheel {
        name: "torch",
        version: "2.11.0",
        size: 530_604_548,
        sha256: "7aa2f9bbc6d4595ba72138026b2074be1233186150e9292865e04b7a63b8c67a",
        libraries: &[
            "torch/lib/libc10.so",
            "torch/lib/libtorch_cpu.so",
            "torch/lib/libtorch.so",
            "torch/lib/libgomp.so.1",
        ],
        headers: Some("torch/include/"),
    },
    Wheel {
        name: "nvidia-cuda-runtime",
        version: "13.0.96",
        size: 2_243_632,
        sha256: "7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548",
        libraries: &["nvidia/cu13/lib/libcudart.so.13"],
        headers: None,
    },
    Wheel {
        name: "nvidia-cuda-cupti",
        version: "13.0.85",
        size: 10_715_597,
        sha256: "4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8",
        libraries: &["nvidia/cu13/lib/libcupti.so.13"],
        headers: None,
    },
];

const CUDA: &[Wheel] = &[
    Wheel {
        name: "torch",
        version: "2.11.0",
        size: 530_604_548,
        sha256: "7aa2f9bbc6d4595ba72138026b2074be1233186150e9292865e04b7a63b8c67a",
        libraries: &["torch/lib/*.so*"],
        headers: Some("torch/include/"),
    },
    Wheel {
        name: "nvidia-cuda-runtime",
        version: "13.0.96",
        size: 2_243_632,
        sha256: "7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548",
        libraries: &["nvidia/*/lib/*.so*"],
        headers: None,
    },
    Wheel {
        name: "nvidia-cuda-cupti",
        version: "13.0.85",
        size: 10_715_597,
        sha256: "4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8",
        libraries: &["nvidia/*/lib/*.so*"],
        headers: None,
    },
    Wheel {
        name: "nvidia-cublas",
        version: "13.1.0.3",
        size: 423_133_236,
        sha256: "ee8722c1f0145ab246bccb9e452153b5e0515fd094c3678df50b2a0888b8b171",
        libraries: &["nvidia/*/lib/*.so*"],
        headers: None,
    },
    Wheel {
        name: "nvidia-cuda-nvrtc",
        version: "13.0.88",
        size: 90_215_200,
        sha256: "ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575",
        libraries: &["nvidia/*/lib/*.so*"],
        headers: None,
    },
    Wheel {
        name: "nvidia-cudnn-cu13",
        version: "9.19.0.56",
        size: 366_066_321,
        sha256: "d20e1734305e9d68889a96e3f35094d733ff1f83932ebe462753973e53a572bf",
        libraries: &["nvidia/*/lib/*.so*"],
        headers: None,
    },
    Wheel {
        name: "nvidia-cufft",
        version: "12.0.0.61",
        size: 214_085_489,
        sha256: "6c44f692dce8fd5ffd3e3df134b6cdb9c2f72d99cf40b62c32dde45eea9ddad3",
        libraries: &["nvidia/*/lib/*.so*"],
        headers: None,
    },
    Wheel {
        name: "nvidia-cufile",
        version: "1.15.1.6",
        size: 1_223_672,
        sha256: "08a3ecefae5a01c7f5117351c64f17c7c62efa5fffdbe24fc7d298da19cd0b44",
        libraries: &["nvidia/*/lib/*.so*"],
        headers: None,
    },
    Wheel {
        name: "nvidia-curand",
        version: "10.4.0.35",
        size: 59_544_258,
        sha256: "1aee33a5da6e1db083fe2b90082def8915f30f3248d5896bcec36a579d941bfc",
        libraries: &["nvidia/*/lib/*.so*"],
        headers: None,
    },
    Wheel {
        name: "nvidia-cusolver",
        version: "12.0.4.66",
        size: 200_941_980,
        sha256: "0a759da5dea5c0ea10fd307de75cdeb59e7ea4fcb8add0924859b944babf1112",
        libraries: &["nvidia/*/lib/*.so*"],
        headers: None,
    },
    Wheel {
        name: "nvidia-cusparse",
        version: "12.6.3.3",
        size: 145_942_937,
        sha256: "2b3c89c88d01ee0e477cb7f82ef60a11a4bcd57b6b87c33f789350b59759360b",
        libraries: &["nvidia/*/lib/*.so*"],
        headers: None,
    },
    Wheel {
        name: "nvidia-cusparselt-cu13",
        version: "0.8.0",
        size: 169_884_119,
        sha256: "25e30a8a7323935d4ad0340b95a0b69926eee755767e8e0b1cf8dd85b197d3fd",
        libraries: &["nvidia/*/lib/*.so*"],
        headers: None,
    },
    Wheel {
        name: "nvidia-nccl-cu13",
        version: "2.28.9",
        size: 196_493_177,
        sha256: "e4553a30f34195f3fa1da02a6da3d6337d28f2003943aa0a3d247bbc25fefc42",
        libraries: &["nvidia/*/lib/*.so*"],
        headers: None,
    },
    Wheel {
        name: "nvidia-nvjitlink",
        version: "13.0.88",
        size: 40_713_933,
        sha256: "13a74f429e23b921c1109976abefacc69835f2f433ebd323d3946e11d804e47b",
        libraries: &["nvidia/*/lib/*.so*"],
        headers: None,
    },
    Wheel {
        name: "nvidia-nvshmem-cu13",
        version: "3.4.5",
        size: 60_412_546,
        sha256: "290f0a2ee94c9f3687a02502f3b9299a9f9fe826e6d0287ee18482e78d495b80",
        libraries: &["nvidia/*/lib/*.so*"],
        headers: None,
    },
    Wheel {
        name: "nvidia-nvtx",
        version: "13.0.85",
        size: 148_047,
        sha256: "4936d1d6780fbe68db454f5e72a42ff64d1fd6397df9f363ae786930fd5c1cd4",
        libraries: &["nvidia/*/lib/*.so*"],
        headers: None,
    },
];
