// x86-64-v4. Nothing from std:: may be instantiated here: the linker might keep this copy for every processor.
#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,avx2,fma,bmi,bmi2"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512dq,avx512vl,avx512bw,avx2,fma,bmi,bmi2,prefer-vector-width=512")
#endif
#define CORE_ISA avx512
#define CORE_WIDTH 8
#include "run.hpp"
const core::Kernel core::kernel_avx512 = CORE_KERNEL(core::avx512);
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
