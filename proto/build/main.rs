//! Compiles the contract: Rust types, the rule of each method, and the field checks.
//!
//! Everything is read from the same descriptors, so a method without a rule, or a field rule that the checks do not
//! know, stops the build and says which one.

#![allow(clippy::print_stdout, reason = "a build script speaks to cargo by printing")]

mod names;
mod rules;
mod validate;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

use prost_reflect::DescriptorPool;

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let files = proto_files(&root.join("muster"))?;
    println!("cargo:rerun-if-changed={}", root.join("muster").display());
    println!("cargo:rerun-if-changed={}", root.join("build").display());

    let mut compiler = protox::Compiler::new([&root])?;
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(&files)?;

    // Only the set that protox itself encodes keeps the custom options; prost's types drop them.
    let descriptors = compiler.encode_file_descriptor_set();
    fs::write(out.join("descriptors.bin"), &descriptors)?;
    let pool = DescriptorPool::decode(descriptors.as_slice())?;

    fs::write(out.join("rules.rs"), rules::generate(&pool)?)?;
    fs::write(out.join("validate.rs"), validate::generate(&pool)?)?;

    let mut own = compiler.file_descriptor_set();
    own.file.retain(|file| !file.name().starts_with("buf/"));
    tonic_prost_build::configure()
        .include_file("_includes.rs")
        .compile_fds(own)?;
    Ok(())
}

fn proto_files(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(proto_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
