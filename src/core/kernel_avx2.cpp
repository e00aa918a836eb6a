// x86-64-v3. Nothing from std:: may be instantiated here: the linker might keep this copy for every processor.
#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,bmi,bmi2"))), apply_to = function)
#else
#pragma GCC target("avx2,fma,bmi,bmi2")
#endif
#define CORE_ISA avx2
#define CORE_WIDTH 4
#include "run.hpp"
const core::Kernel core::kernel_avx2 = CORE_KERNEL(core::avx2);
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
