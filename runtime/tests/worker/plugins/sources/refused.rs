//! A descriptor that is not as it must be. Whoever calls a function of it ends the process.

#[repr(C)]
pub struct Descriptor {
    magic: [u8; 16],
    abi: u32,
    sizes: [u32; 3],
    toolkit: [u8; 32],
    name: [u8; 64],
    version: [u8; 32],
    functions: [extern "C" fn(); 5],
}

extern "C" fn never() {
    std::process::abort();
}

#[unsafe(no_mangle)]
pub static WALBRIDGE_PLUGIN: Descriptor = Descriptor {
    magic: *b"walbridge-plugin",
    abi: ABI,
    sizes: SIZES,
    toolkit: *b"9.9.9\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    name: [0; 64],
    version: [0; 32],
    functions: [never; 5],
};
