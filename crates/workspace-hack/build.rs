//! Without a build script cargo leaves build dependencies out of what it unifies.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
}
