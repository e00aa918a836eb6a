// What the compiled core works on. Layout as in relocchoice/spec/chunk.py: cases are the last, contiguous axis.
//
// A multinomial logit is a tree with the root alone; the formulas are those of relocchoice/kernels/nested.py.
#pragma once
#include <cstdint>

namespace core {

using Int = std::int64_t;

constexpr Int LANES = 16;  // cases computed side by side: two of the widest registers, whose latencies overlap

// One row of the table of chunks; every field has the width of a pointer. The order is that of CHUNK_FIELDS in
// relocchoice/kernels/fused.py.
struct Chunk {
    Int n;                          // cases
    Int slots;                      // S
    Int stored;                     // how many of them: all, or all but the chosen one, whose place the last one takes
    Int first;                      // position of its first case among all cases of the table
    Int layout;                     // chunks of one layout agree in slots, zone and pool_coef
    const double* generic;          // (tiles, Kg, stored, LANES), zeros beyond the last case
    const double* zone;             // (Kz, S)
    const double* pool;             // (P, n)
    const double* offset;           // (S, n) or null
    const unsigned char* available; // (S, n) or null: every slot is
    const Int* chosen;              // (n,) slots
    const Int* pool_coef;           // (P, S), -1 for none
    const Int* tree;                // n_nodes, parent (n_nodes), start, stop (n_nodes), slot_parent (S)
};

struct Model {
    Int n_generic, n_zone, n_pool;  // Kg, Kz, P
    Int n_coef, n_shape;            // K, L
    Int n_nodes, max_slots;         // largest of all chunks; n_nodes = L + 1
    Int max_active;                 // slots with coefficients of the pool, at most
    Int differenced;                // whether the chosen alternative's generic columns are zero
    Int sigma_slope;                // 1: sigma = tau = lambda, 0: sigma = 1, tau = lambda
    Int squares_differ;             // whether the weights differ from their squares
    const Int* generic_coef;        // (Kg,)
    const Int* zone_coef;           // (Kz,)
};

// Where a model is evaluated, on which chunks.
struct Job {
    Model model;
    const Chunk* chunks;
    Int n_chunks;
    const double* beta;     // (K,)
    const double* shape;    // (L,)
    const double* weights;  // by position in the table, or null: ones
    const double* squares;  // of the weights, or null
    double* loglik;         // by position: only these are wanted; or null: sums are
};

// Sums over some chunks: value, then gradient (p), Hessian, outer products with weights and with squares (p, p each).
inline Int sums_size(const Model& m) {
    const Int p = m.n_coef + m.n_shape;
    return 1 + p + 3 * p * p;
}

struct Kernel {
    Int (*scratch_size)(const Job&);  // doubles a thread needs
    // Chunks begin..end; sums are zero before, or null where log-likelihoods are wanted.
    void (*run)(const Job&, Int begin, Int end, double* scratch, double* sums);
    // Of n numbers, a multiple of 8: exp (of x <= 0), log (of x >= 1), and what a roofline needs.
    void (*exponentials)(const double* x, double* out, Int n);
    void (*logarithms)(const double* x, double* out, Int n);
    double (*read)(const double* x, Int n);  // their sum
    double (*multiply_adds)(Int rounds);     // 8 * 24 a round
};

extern const Kernel kernel_baseline, kernel_avx2, kernel_avx512;

}  // namespace core
