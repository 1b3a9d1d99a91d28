//! Tells the crate the target it is built for: `thub --version` names it.
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-env=THUB_TARGET={}", std::env::var("TARGET").unwrap_or_default());
}
