#include "pool.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif
#if defined(__linux__)
#include <sched.h>
#endif

namespace core {
namespace {

constexpr auto SPIN = std::chrono::microseconds(50);

#if defined(__linux__)
int processor() { return sched_getcpu(); }

// Some kernels wake a thread on the processor of its waker and leave both there for the few milliseconds they run.
void leave(int taken) {
    cpu_set_t allowed, others;
    if (sched_getcpu() != taken || sched_getaffinity(0, sizeof allowed, &allowed)) return;
    others = allowed;
    CPU_CLR(taken, &others);
    if (CPU_COUNT(&others) == 0) return;
    if (sched_setaffinity(0, sizeof others, &others) == 0) sched_setaffinity(0, sizeof allowed, &allowed);
}
#else
int processor() { return -1; }
void leave(int) {}
#endif

struct Pool {
    std::mutex busy, door;
    std::condition_variable woken, done;
    std::vector<std::thread> threads;
    const std::function<void(int)>* task = nullptr;
    int n = 0, seats = 0, caller = -1;  // caller: the processor of the thread that waits for the task
    std::atomic<int> next{0}, working{0};
    std::atomic<long> round{0};

    void work() {
        for (int i = next.fetch_add(1); i < n; i = next.fetch_add(1)) (*task)(i);
    }

    void wait_for_work(int seat, long seen) {
        for (;;) {
            const auto end = std::chrono::steady_clock::now() + SPIN;
            while (round.load(std::memory_order_acquire) == seen && std::chrono::steady_clock::now() < end)
                std::this_thread::yield();
            {
                std::unique_lock<std::mutex> lock(door);
                woken.wait(lock, [&] { return round.load() != seen; });
                seen = round.load();
            }
            if (seat < seats) {
                leave(caller);
                work();
            }
            if (working.fetch_sub(1) == 1) {
                std::lock_guard<std::mutex> lock(door);
                done.notify_one();
            }
        }
    }

    void run(int wanted, int tasks, const std::function<void(int)>& what) {
        while (static_cast<int>(threads.size()) < wanted - 1) {
            const int seat = static_cast<int>(threads.size());
            try {
                threads.emplace_back([this, seat, seen = round.load()] { wait_for_work(seat, seen); });
            } catch (const std::exception&) {  // the system gives no more: those there are will do
                break;
            }
        }
        {
            std::lock_guard<std::mutex> lock(door);
            task = &what, n = tasks, seats = wanted - 1, caller = processor();
            next.store(0);
            working.store(static_cast<int>(threads.size()));
            round.fetch_add(1);
        }
        woken.notify_all();
        work();
        const auto end = std::chrono::steady_clock::now() + SPIN;
        while (working.load(std::memory_order_acquire) && std::chrono::steady_clock::now() < end)
            std::this_thread::yield();
        std::unique_lock<std::mutex> lock(door);
        done.wait(lock, [&] { return working.load() == 0; });
    }
};

// Never destroyed: its threads may wait until the process ends. A child process starts with a pool of its own.
std::atomic<Pool*> pool{nullptr};

void forget_pool() { pool.store(nullptr); }

Pool& the_pool() {
    Pool* now = pool.load();
    if (now) return *now;
#if defined(__unix__) || defined(__APPLE__)
    static const int registered = pthread_atfork(nullptr, nullptr, forget_pool);
    (void)registered;
#endif
    Pool* mine = new Pool;
    if (pool.compare_exchange_strong(now, mine)) return *mine;
    delete mine;
    return *now;
}

}  // namespace

void in_parallel(int threads, int n, const std::function<void(int)>& task) {
    if (threads > n) threads = n;
    if (threads > 1) {
        Pool& mine = the_pool();
        std::unique_lock<std::mutex> lock(mine.busy, std::try_to_lock);
        if (lock.owns_lock()) {
            mine.run(threads, n, task);
            return;
        }
    }
    for (int i = 0; i < n; ++i) task(i);
}

}  // namespace core
