// Columns of the data laid out in tiles.
#pragma once
#include <vector>

#include "kernel.hpp"

namespace core {

// One row of the table of chunks to fill; the order is that of FILL_FIELDS in relocchoice/kernels/fused.py.
struct Filling {
    double* tiles;      // (tiles, K, stored, LANES)
    const Int* rows;    // (S, n), slots `step` apart
    const Int* chosen;  // (n,) slots
    Int step, n, slots;
    Int stored;         // slots, or one less: without the chosen one, whose place the last one takes
};

// Tile by tile (value - value of the chosen slot) * factor, or value * factor; zeros beyond the last case.
inline void fill(const Filling& f, const double* const* columns, const double* factors, Int n_columns, bool difference) {
    double* out = f.tiles;
    std::vector<Int> at(f.stored * LANES, 0);
    for (Int lane = 0; lane < f.n; lane += LANES) {
        const Int valid = lane + LANES <= f.n ? LANES : f.n - lane;
        Int chosen[LANES];
        for (Int i = 0; i < valid; ++i) chosen[i] = f.rows[f.chosen[lane + i] * f.step + lane + i];
        for (Int j = 0; j < f.stored; ++j)
            for (Int i = 0; i < valid; ++i) {
                const Int slot = f.stored < f.slots && f.chosen[lane + i] == j ? f.slots - 1 : j;
                at[j * LANES + i] = f.rows[slot * f.step + lane + i];
            }
        for (Int k = 0; k < n_columns; ++k) {
            const double* column = columns[k];
            const double factor = factors[k];
            double base[LANES] = {};
            if (difference)
                for (Int i = 0; i < valid; ++i) base[i] = column[chosen[i]];
            for (Int j = 0; j < f.stored; ++j, out += LANES) {
                const Int* rows = &at[j * LANES];
                for (Int i = 0; i < valid; ++i) out[i] = (column[rows[i]] - base[i]) * factor;
                for (Int i = valid; i < LANES; ++i) out[i] = 0.0;
            }
        }
    }
}

}  // namespace core
