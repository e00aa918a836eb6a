// Sums of products of rows, four rows by four rows at a time: the work of a Hessian.
#pragma once
#include "lanes.hpp"

namespace core {
namespace CORE_ISA {

constexpr Int BLOCK = 4, BLOCK_SIZE = BLOCK * BLOCK * CORE_WIDTH;
#if CORE_WIDTH == 8
constexpr int ACROSS = 4;  // columns of a block at a time: as many sums as the registers hold
#else
constexpr int ACROSS = 2;
#endif

constexpr int LINE = 8;  // doubles of a line of the cache

// The next tile's columns are asked for, one line a step, while this one is computed.
struct Ahead {
    const char *at, *end;
    inline __attribute__((always_inline)) void step() {
        __builtin_prefetch(at, 0, 3);
        at = at < end ? at + LINE * sizeof(double) : end;
    }
};

// sums (4, 4, width) += over t of a[i][t] b[j][t], lane by lane, for the first A rows and B columns; only j <= i where
// DIAGONAL. Rows of a are A_ROW doubles apart, their steps A_STEP; steps of b are LANES numbers, or one that all share.
template <int A, int B, Int A_ROW, Int A_STEP, bool SHARED, bool DIAGONAL, class Step>
CORE_INLINE void multiply(double* sums, const double* a, const double* const* b, Int length, Step step) {
    R* out = reinterpret_cast<R*>(sums);
#pragma GCC unroll 4
    for (int from = 0; from < B; from += ACROSS) {
        const int across = B - from < ACROSS ? B - from : ACROSS;
        R c[A][ACROSS];
#pragma GCC unroll 4
        for (int j = 0; j < across; ++j)
#pragma GCC unroll 4
            for (int i = DIAGONAL ? from + j : 0; i < A; ++i) c[i][j] = out[i * BLOCK + from + j];
        const double* row = a;
        for (Int t = 0; t < length; ++t, row += A_STEP) {
#pragma GCC unroll 4
            for (int h = 0; h < LANES; h += CORE_WIDTH) {
                if (h % LINE == 0) step();
                R y[ACROSS];
#pragma GCC unroll 4
                for (int j = 0; j < across; ++j)
                    y[j] = SHARED ? R{} + b[from + j][t] : part(b[from + j] + t * LANES + h);
#pragma GCC unroll 4
                for (int i = DIAGONAL ? from : 0; i < A; ++i) {
                    const R x = part(row + i * A_ROW + h);
#pragma GCC unroll 4
                    for (int j = 0; j < across; ++j)
                        if (!DIAGONAL || from + j <= i) c[i][j] += x * y[j];
                }
            }
        }
#pragma GCC unroll 4
        for (int j = 0; j < across; ++j)
#pragma GCC unroll 4
            for (int i = DIAGONAL ? from + j : 0; i < A; ++i) out[i * BLOCK + from + j] = c[i][j];
    }
}

// Rows in blocks of at most four, as even as can be: six are three and three.
struct Split {
    Int blocks, size, larger;  // the first `larger` blocks hold one row more than `size`
    explicit Split(Int rows) {
        blocks = (rows + BLOCK - 1) / BLOCK;
        size = blocks ? rows / blocks : 0, larger = rows - blocks * size;
    }
    Int rows(Int block) const { return size + (block < larger); }
    Int first(Int block) const { return block * size + (block < larger ? block : larger); }
    // Where a row stands if all blocks are given four.
    Int place(Int row) const {
        const Int ahead = larger * (size + 1);
        if (row < ahead) return row / (size + 1) * BLOCK + row % (size + 1);
        return (larger + (row - ahead) / size) * BLOCK + (row - ahead) % size;
    }
};

CORE_INLINE Int blocks(Int rows) { return (rows + BLOCK - 1) / BLOCK; }
CORE_INLINE Int triangle(Int rows) { return blocks(rows) * (blocks(rows) + 1) / 2; }

// Entry (i, j) of sums kept as blocks, `across` blocks in a row of blocks.
CORE_INLINE double full_entry(const double* sums, Int across, Int i, Int j) {
    const double* at = sums + ((i / BLOCK) * across + j / BLOCK) * BLOCK_SIZE;
    at += ((i % BLOCK) * BLOCK + j % BLOCK) * CORE_WIDTH;
    double out = 0.0;
    for (int h = 0; h < CORE_WIDTH; ++h) out += at[h];
    return out;
}

// Four row pointers from `from`; those beyond the last row repeat it, their products are never read.
CORE_INLINE void four(const double** out, const double* rows, Int row, Int from, Int n_rows) {
    for (Int r = 0; r < BLOCK; ++r) out[r] = rows + (from + r < n_rows ? from + r : n_rows - 1) * row;
}

constexpr Int STEPS = 15;           // tiles (or nodes of tiles) whose rows wait for their products
constexpr Int ROW = STEPS * LANES;  // doubles of a waiting row

// Lower triangle of a b', both of rows that waited.
CORE_INLINE void multiply_lower(double* sums, const double* a, const double* b, Int n_rows, Int length) {
    const double* pointers[BLOCK];
    for (Int i = 0; i < blocks(n_rows); ++i)
        for (Int j = 0; j <= i; ++j, sums += BLOCK_SIZE) {
            four(pointers, b, ROW, j * BLOCK, n_rows);
            if (i == j)
                multiply<4, 4, ROW, LANES, false, true>(sums, a + i * BLOCK * ROW, pointers, length, [] {});
            else
                multiply<4, 4, ROW, LANES, false, false>(sums, a + i * BLOCK * ROW, pointers, length, [] {});
        }
}

template <bool SHARED, int A, class Step>
CORE_INLINE void multiply_weighted(
    double* sums, const double* a, const double* const* b, Int n_b, Int length, Step step) {
    if (n_b == 4) multiply<A, 4, LANES, BLOCK * LANES, SHARED, false>(sums, a, b, length, step);
    if (n_b == 3) multiply<A, 3, LANES, BLOCK * LANES, SHARED, false>(sums, a, b, length, step);
    if (n_b == 2) multiply<A, 2, LANES, BLOCK * LANES, SHARED, false>(sums, a, b, length, step);
    if (n_b == 1) multiply<A, 1, LANES, BLOCK * LANES, SHARED, false>(sums, a, b, length, step);
}

// A weighted rows, laid side by side step after step, times the rows of the blocks before them, `row` doubles apart; or
// times columns that all cases share. A function of its own: what else the registers hold would be spilt inside.
template <bool SHARED, int A>
static __attribute__((noinline)) void multiply_blocks(
    double* sums, const double* a, const double* rows, Int row, Split split, Int n_blocks, Int length, Ahead& ahead) {
    Ahead mine = ahead;
    for (Int block = 0; block < n_blocks; ++block, sums += BLOCK_SIZE) {
        const double* pointers[BLOCK];
        const Int n = split.rows(block);
        for (Int r = 0; r < n; ++r) pointers[r] = rows + (split.first(block) + r) * row;
        if (SHARED) multiply_weighted<SHARED, A>(sums, a, pointers, n, length, [] {});
        else multiply_weighted<SHARED, A>(sums, a, pointers, n, length, [&] { mine.step(); });
    }
    ahead = mine;
}

// All of a b', both of rows that waited.
CORE_INLINE void multiply_full(double* sums, const double* a, Int n_a, const double* b, Int n_b, Int length) {
    const double* pointers[BLOCK];
    for (Int i = 0; i < blocks(n_a); ++i)
        for (Int j = 0; j < blocks(n_b); ++j, sums += BLOCK_SIZE) {
            four(pointers, b, ROW, j * BLOCK, n_b);
            multiply<4, 4, ROW, LANES, false, false>(sums, a + i * BLOCK * ROW, pointers, length, [] {});
        }
}

// The same for several a, whose blocks take turns so that those of b are fetched once for all of them.
static __attribute__((noinline)) void multiply_together(
    double* const* sums, const double* const* a, int together, Int n_a, const double* b, Int n_b, Int length) {
    const double* pointers[BLOCK];
    const Int across = blocks(n_b);
    for (Int i = 0; i < blocks(n_a); ++i)
        for (Int j = 0; j < across; ++j) {
            four(pointers, b, ROW, j * BLOCK, n_b);
            for (int one = 0; one < together; ++one) {
                double* out = sums[one] + (i * across + j) * BLOCK_SIZE;
                multiply<4, 4, ROW, LANES, false, false>(out, a[one] + i * BLOCK * ROW, pointers, length, [] {});
            }
        }
}

}  // namespace CORE_ISA
}  // namespace core
