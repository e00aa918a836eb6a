// Threads that wait for work between calls.
#pragma once
#include <functional>

namespace core {

// Do task(0), ..., task(n - 1), each once, on up to `threads` threads, this one among them. Where the pool is busy with
// another call, this thread does them all.
void in_parallel(int threads, int n, const std::function<void(int)>& task);

}  // namespace core
