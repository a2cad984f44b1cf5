//! Tests of the worker's half find libtorch where affekt-torch was linked to it.

fn main() {
    if let Ok(lib) = std::env::var("DEP_AFFEKT_TORCH_LIBTORCH_LIB") {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{lib}");
    }
}
