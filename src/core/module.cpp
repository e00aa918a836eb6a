// The Python module relocchoice.kernels._core: numbers in buffers, nothing of Python below this file.
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030b0000
#include <Python.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <memory>
#include <new>
#include <vector>

#include "fill.hpp"
#include "kernel.hpp"
#include "pool.hpp"

namespace {

using core::Int;

constexpr Int MODEL_FIELDS = 10, CHUNK_FIELDS = sizeof(core::Chunk) / sizeof(Int);
constexpr Int MOST_GROUPS = 64, LEAST_GROUPS = 16, GROUP_BYTES = Int{1} << 26, SERIAL_VALUES = 20000;

struct Level {
    const char* name;
    const core::Kernel* kernel;
    bool here;
};

const std::vector<Level>& levels() {
    static const std::vector<Level> all = [] {
        std::vector<Level> out;
#if defined(__x86_64__)
        __builtin_cpu_init();
        out.push_back({"avx512", &core::kernel_avx512,
                       __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
                           __builtin_cpu_supports("fma")});
        out.push_back({"avx2", &core::kernel_avx2,
                       __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                           __builtin_cpu_supports("bmi2")});
#endif
        out.push_back({"baseline", &core::kernel_baseline, true});
        return out;
    }();
    return all;
}

const core::Kernel* kernel_named(const char* name) {
    for (const Level& level : levels())
        if (level.here && std::strcmp(level.name, name) == 0) return level.kernel;
    PyErr_Format(PyExc_ValueError, "no instruction set %s on this processor", name);
    return nullptr;
}

// A buffer for as long as the call lasts; empty for None.
struct Buffer {
    Py_buffer view{};
    bool held = false;
    bool take(PyObject* from, bool write) {
        if (from == Py_None) return true;
        held = PyObject_GetBuffer(from, &view, write ? PyBUF_CONTIG : PyBUF_CONTIG_RO) == 0;
        return held;
    }
    template <class T>
    T* at() const { return static_cast<T*>(held ? view.buf : nullptr); }
    Int count() const { return held ? static_cast<Int>(view.len) / 8 : 0; }
    ~Buffer() {
        if (held) PyBuffer_Release(&view);
    }
};

struct Free {
    void operator()(double* at) const { std::free(at); }
};
using Memory = std::unique_ptr<double, Free>;

Memory aligned(Int doubles) {
    void* at = nullptr;
    const std::size_t bytes = (static_cast<std::size_t>(doubles) * 8 + 63) / 64 * 64 + 64;
    at = std::aligned_alloc(64, bytes);
    if (!at) throw std::bad_alloc();
    return Memory(static_cast<double*>(at));
}

Int alternatives(const core::Job& job) {
    Int out = 0;
    for (Int i = 0; i < job.n_chunks; ++i) out += job.chunks[i].n * job.chunks[i].slots;
    return out;
}

// How the chunks are cut into groups depends on the problem alone, so the number of threads changes no bit. A group
// should have more to sum than to write down.
Int group_count(const core::Job& job) {
    const Int work = alternatives(job), most_slots = std::max(job.model.max_slots, Int{1});
    const Int worth = std::min(work / (512 * (job.model.n_coef + job.model.n_shape + 1)), work / (64 * most_slots));
    const Int bounds[] = {job.n_chunks, MOST_GROUPS, GROUP_BYTES / (8 * core::sums_size(job.model)) + 1,
                          std::max(LEAST_GROUPS, worth)};
    return *std::min_element(std::begin(bounds), std::end(bounds));
}

void evaluate(const core::Kernel& kernel, const core::Job& job, int threads, double* out) {
    const Int groups = group_count(job), size = core::sums_size(job.model);
    if (alternatives(job) * (job.model.n_generic + job.model.n_pool + 1) < SERIAL_VALUES) threads = 1;
    if (threads > groups) threads = static_cast<int>(groups);
    const Int scratch = (kernel.scratch_size(job) + 7) / 8 * 8;
    const Memory memory = aligned(scratch * threads);
    std::vector<double> sums(job.loglik ? 0 : groups * size, 0.0);
    // each thread takes the next group; the memory goes with the thread
    std::vector<char> taken(threads, 0);
    core::in_parallel(threads, static_cast<int>(groups), [&](int group) {
        int seat = 0;
        while (__atomic_exchange_n(&taken[seat], 1, __ATOMIC_ACQUIRE)) seat = (seat + 1) % threads;
        const Int begin = job.n_chunks * group / groups, end = job.n_chunks * (group + 1) / groups;
        kernel.run(job, begin, end, memory.get() + seat * scratch, job.loglik ? nullptr : &sums[group * size]);
        __atomic_store_n(&taken[seat], 0, __ATOMIC_RELEASE);
    });
    if (job.loglik) return;
    for (Int step = 1; step < groups; step *= 2)
        for (Int i = 0; i + step < groups; i += 2 * step)
            for (Int k = 0; k < size; ++k) sums[i * size + k] += sums[(i + step) * size + k];
    std::memcpy(out, sums.data(), size * 8);
}

bool read_model(core::Model& m, const Buffer& fields) {
    const Int* at = fields.at<Int>();
    if (fields.count() < MODEL_FIELDS) return false;
    m.n_generic = at[0], m.n_zone = at[1], m.n_pool = at[2], m.n_coef = at[3], m.n_shape = at[4];
    m.max_slots = at[5], m.max_active = at[6], m.differenced = at[7], m.sigma_slope = at[8], m.n_nodes = at[9];
    m.generic_coef = at + MODEL_FIELDS, m.zone_coef = m.generic_coef + m.n_generic;
    return fields.count() == MODEL_FIELDS + m.n_generic + m.n_zone;
}

// A table whose chunks follow one another, and no more cases in it than the arrays by case have.
bool read_chunks(core::Job& job, const Buffer& table, const Buffer* by_case[3]) {
    job.chunks = table.at<core::Chunk>(), job.n_chunks = table.count() / CHUNK_FIELDS;
    if (table.count() % CHUNK_FIELDS) return false;
    Int cases = 0;
    for (Int i = 0; i < job.n_chunks; cases += job.chunks[i++].n)
        if (job.chunks[i].first != cases || job.chunks[i].n < 0) return false;
    for (int i = 0; i < 3; ++i)
        if (by_case[i]->held && by_case[i]->count() < cases) return false;
    return true;
}

PyObject* py_evaluate(PyObject*, PyObject* args) {
    PyObject *chunks, *model, *beta, *shape, *weights, *squares, *out, *loglik;
    const char* level;
    int threads;
    if (!PyArg_ParseTuple(args, "OOOOOOOOis", &chunks, &model, &beta, &shape, &weights, &squares, &out, &loglik,
                          &threads, &level))
        return nullptr;
    const core::Kernel* kernel = kernel_named(level);
    if (!kernel) return nullptr;
    Buffer b[8];
    PyObject* objects[] = {chunks, model, beta, shape, weights, squares, out, loglik};
    for (int i = 0; i < 8; ++i)
        if (!b[i].take(objects[i], i >= 6)) return nullptr;
    core::Job job{};
    const Buffer* by_case[] = {&b[4], &b[5], &b[7]};
    const bool sized = read_model(job.model, b[1]) && b[2].count() == job.model.n_coef &&
                       b[3].count() == job.model.n_shape && read_chunks(job, b[0], by_case) && threads > 0 &&
                       (b[6].held ? b[6].count() == core::sums_size(job.model) : b[7].held);
    if (!sized) {
        PyErr_SetString(PyExc_ValueError, "the arrays given to the core do not fit together");
        return nullptr;
    }
    job.beta = b[2].at<double>(), job.shape = b[3].at<double>();
    job.weights = b[4].at<double>(), job.squares = b[5].at<double>();
    job.model.squares_differ = b[5].held;
    job.loglik = b[6].held ? nullptr : b[7].at<double>();
    bool fits = true;
    Py_BEGIN_ALLOW_THREADS
    try {
        evaluate(*kernel, job, threads, b[6].at<double>());
    } catch (...) {
        fits = false;
    }
    Py_END_ALLOW_THREADS
    if (!fits) return PyErr_NoMemory();
    Py_RETURN_NONE;
}

PyObject* py_fill(PyObject*, PyObject* args) {
    PyObject *table, *columns, *factors;
    int difference, threads;
    if (!PyArg_ParseTuple(args, "OOOpi", &table, &columns, &factors, &difference, &threads)) return nullptr;
    Buffer t, c, f;
    if (!t.take(table, false) || !c.take(columns, false) || !f.take(factors, false)) return nullptr;
    constexpr Int FIELDS = sizeof(core::Filling) / sizeof(Int);
    if (t.count() % FIELDS || c.count() != f.count() || threads < 1) {
        PyErr_SetString(PyExc_ValueError, "the arrays given to the core do not fit together");
        return nullptr;
    }
    const core::Filling* chunks = t.at<core::Filling>();
    const int n_chunks = static_cast<int>(t.count() / FIELDS);
    Py_BEGIN_ALLOW_THREADS
    core::in_parallel(threads, n_chunks, [&](int i) {
        core::fill(chunks[i], c.at<const double*>(), f.at<double>(), c.count(), difference != 0);
    });
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

PyObject* py_levels(PyObject*, PyObject*) {
    PyObject* out = PyList_New(0);
    for (const Level& level : levels()) {
        if (!level.here) continue;
        PyObject* name = PyUnicode_FromString(level.name);
        if (!name || PyList_Append(out, name) < 0) return nullptr;
        Py_DECREF(name);
    }
    return out;
}

PyObject* py_apply(PyObject*, PyObject* args) {
    const char *what, *level;
    PyObject *x, *out;
    if (!PyArg_ParseTuple(args, "sOOs", &what, &x, &out, &level)) return nullptr;
    const core::Kernel* kernel = kernel_named(level);
    Buffer in, to;
    if (!kernel || !in.take(x, false) || !to.take(out, true)) return nullptr;
    if (in.count() != to.count() || in.count() % 8) {
        PyErr_SetString(PyExc_ValueError, "x and out must have the same length, a multiple of 8");
        return nullptr;
    }
    (std::strcmp(what, "exp") == 0 ? kernel->exponentials : kernel->logarithms)(in.at<double>(), to.at<double>(),
                                                                                 in.count());
    Py_RETURN_NONE;
}

// Read n numbers, or do multiply-adds, on several threads: what a machine could do at best.
PyObject* py_probe(PyObject*, PyObject* args) {
    const char *what, *level;
    PyObject* x;
    int threads;
    long long rounds;
    if (!PyArg_ParseTuple(args, "sOLis", &what, &x, &rounds, &threads, &level)) return nullptr;
    const core::Kernel* kernel = kernel_named(level);
    Buffer in;
    if (!kernel || !in.take(x, false) || threads < 1) return nullptr;
    std::vector<double> out(threads, 0.0);
    const Int share = in.count() / threads / core::LANES * core::LANES;
    Py_BEGIN_ALLOW_THREADS
    core::in_parallel(threads, threads, [&](int i) {
        out[i] = std::strcmp(what, "read") == 0 ? kernel->read(in.at<double>() + i * share, share)
                                                : kernel->multiply_adds(rounds);
    });
    Py_END_ALLOW_THREADS
    double sum = 0.0;
    for (double one : out) sum += one;
    return PyFloat_FromDouble(sum);
}

PyMethodDef methods[] = {
    {"evaluate", py_evaluate, METH_VARARGS, "Sums over chunks, or log-likelihoods of their cases."},
    {"fill", py_fill, METH_VARARGS, "Columns laid out in tiles."},
    {"levels", py_levels, METH_NOARGS, "Instruction sets of this processor that the core knows, best first."},
    {"apply", py_apply, METH_VARARGS, "exp or log of numbers, as the core computes them."},
    {"probe", py_probe, METH_VARARGS, "Read memory, or multiply and add, as fast as the machine can."},
    {nullptr, nullptr, 0, nullptr}};

// Python and this file must mean the same by the tables; changed together with CORE_VERSION in fused.py.
constexpr long VERSION = 3;

PyModuleDef module = {PyModuleDef_HEAD_INIT, "_core", "The compiled core.", -1, methods,
                      nullptr,               nullptr, nullptr,              nullptr};

}  // namespace

PyMODINIT_FUNC PyInit__core() {
    PyObject* made = PyModule_Create(&module);
    if (made && PyModule_AddIntConstant(made, "VERSION", VERSION) < 0) return nullptr;
    return made;
}
