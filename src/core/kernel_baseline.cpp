// For any processor the compiler targets: SSE2 on x86-64, NEON on AArch64.
#define CORE_ISA baseline
#define CORE_WIDTH 2
#include "run.hpp"
const core::Kernel core::kernel_baseline = CORE_KERNEL(core::baseline);
