//! Compiles the C++ files against the libtorch that torch-sys found, and passes its place on.
//!
//! torch-sys decides where libtorch is (`LIBTORCH`, `LIBTORCH_USE_PYTORCH`, the system) and says so as
//! `DEP_TCH_LIBTORCH_LIB`. Crates with binaries or tests read it as `DEP_AFFEKT_TORCH_LIBTORCH_LIB` and put
//! it into their run path.

use std::path::Path;

const SOURCES: [&str; 3] = ["src/shim.cpp", "src/out_of_memory.cpp", "src/operator_count.cpp"];

fn main() {
    let lib = std::env::var("DEP_TCH_LIBTORCH_LIB").expect("torch-sys says where libtorch is");
    let include = Path::new(&lib).parent().expect("libtorch's lib folder has a parent").join("include");
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .pic(true)
        .warnings(false)
        // As libtorch was compiled: classes of its headers have other members without.
        .define("NDEBUG", None)
        .include(&include)
        .include(include.join("torch/csrc/api/include"))
        .files(SOURCES)
        .compile("affekt_torch_shim");
    SOURCES.iter().for_each(|source| println!("cargo::rerun-if-changed={source}"));
    println!("cargo::metadata=LIBTORCH_LIB={lib}");
    println!("cargo::rustc-link-arg=-Wl,-rpath,{lib}");
}
