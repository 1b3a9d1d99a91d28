//! Owns memory that is wiped as it is given back: what is freed while somebody logs in held a key or a password, or a copy
//! that a library made of one; and the stack and registers of a thread. Leaves out what is never freed.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering, compiler_fence};

/// The system's allocator, which wipes what is freed while a [`Wiping`] lives. At other times it costs one look. A program
/// has it by naming it its global allocator.
pub struct Allocator;

/// Those that live.
static LIVE: AtomicUsize = AtomicUsize::new(0);

/// While one of these lives, memory is wiped as it is freed, whoever frees it.
pub struct Wiping(());

impl Wiping {
    pub fn begin() -> Wiping {
        LIVE.fetch_add(1, Ordering::SeqCst);
        Wiping(())
    }
}

impl Drop for Wiping {
    fn drop(&mut self) {
        LIVE.fetch_sub(1, Ordering::SeqCst);
    }
}

fn is_wiping() -> bool {
    LIVE.load(Ordering::Relaxed) > 0
}

// SAFETY: every call goes to the system's allocator with the very arguments that it demands; between them only memory that
// the caller gives back is written to, within its bounds.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's own promise
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's own promise
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: `at` is such memory, of that size, and nobody's from here on
        unsafe {
            if is_wiping() {
                wipe(at, layout.size());
            }
            System.dealloc(at, layout);
        }
    }
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !is_wiping() {
            // SAFETY: the caller's own promise
            return unsafe { System.realloc(at, layout, size) };
        }
        // where it moves, what it was would stay behind
        // SAFETY: a size that the caller promised to be right for this alignment; both are at least as long as what is
        // copied, and apart
        unsafe {
            let new = System.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !new.is_null() {
                std::ptr::copy_nonoverlapping(at, new, layout.size().min(size));
                self.dealloc(at, layout);
            }
            new
        }
    }
}

/// # Safety
/// `size` bytes from `at` on are the caller's to write to.
unsafe fn wipe(at: *mut u8, size: usize) {
    // SAFETY: as promised
    unsafe { std::ptr::write_bytes(at, 0, size) };
    // so that it is not left out as a write nobody reads
    std::hint::black_box(at);
    compiler_fence(Ordering::SeqCst);
}

/// Wipes the stack below its caller, half a MiB of it, and the vector registers, which copies and ciphers go through.
/// Values that are moved leave copies in frames that are over: a private key passes through many before it signs.
#[inline(never)]
pub fn wipe_stack() {
    let mut frames = [0u8; 512 << 10];
    zeroize::Zeroize::zeroize(&mut frames);
    std::hint::black_box(&frames);
    wipe_registers();
}

#[cfg(target_arch = "x86_64")]
fn wipe_registers() {
    if std::is_x86_feature_detected!("avx") {
        // SAFETY: every register that it changes is named
        unsafe {
            std::arch::asm!("vzeroall", out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _, out("xmm4") _,
                out("xmm5") _, out("xmm6") _, out("xmm7") _, out("xmm8") _, out("xmm9") _, out("xmm10") _,
                out("xmm11") _, out("xmm12") _, out("xmm13") _, out("xmm14") _, out("xmm15") _,
                options(nomem, nostack, preserves_flags));
        }
    }
    // libc's memcpy goes through these where they are; code for every x86-64 does not
    #[cfg(not(target_feature = "avx512f"))]
    if std::is_x86_feature_detected!("avx512f") {
        macro_rules! wipe {
            ($($register:literal)*) => {
                // SAFETY: none of them is ever in use by code that was built without them
                unsafe {
                    std::arch::asm!($(concat!("vpxord zmm", $register, ", zmm", $register, ", zmm", $register)),*,
                        options(nomem, nostack, preserves_flags));
                }
            };
        }
        wipe!(16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31);
    }
}
/// Elsewhere what runs next overwrites them.
#[cfg(not(target_arch = "x86_64"))]
fn wipe_registers() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freed_memory_is_wiped_and_what_grows_stays_what_it_was() {
        let _wiping = Wiping::begin();
        let layout = Layout::from_size_align(4096, 16).unwrap();
        let mut grown = vec![7u8; 100];
        grown.reserve_exact(100_000);
        assert!(grown.iter().all(|b| *b == 7) && grown.len() == 100);
        grown.shrink_to_fit();
        assert!(grown.iter().all(|b| *b == 7) && grown.len() == 100);
        // SAFETY: ours, until it is freed
        unsafe {
            let at = Allocator.alloc(layout);
            at.write_bytes(0xa5, 4096);
            wipe(at, 4096);
            assert!((0..4096).all(|i| at.add(i).read() == 0));
            Allocator.dealloc(at, layout);
        }
    }
}
