//! The worker finds libtorch beside itself, as `cargo xtask dist` lays it out, else where affekt-torch was linked to it.

fn main() {
    let lib = std::env::var("DEP_AFFEKT_TORCH_LIBTORCH_LIB").expect("affekt-torch says where libtorch is");
    println!("cargo::rustc-link-arg=-Wl,-rpath,$ORIGIN/libtorch/lib");
    println!("cargo::rustc-link-arg=-Wl,-rpath,{lib}");
}
