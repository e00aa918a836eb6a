// Columns of the data laid out in tiles.
#pragma once
#include "kernel.hpp"

namespace core {

// One row of the table of chunks to fill; the order is that of FILL_FIELDS in relocchoice/kernels/fused.py.
struct Filling {
    double* tiles;      // (tiles, K, S, LANES)
    const Int* rows;    // (S, n), slots `step` apart
    const Int* chosen;  // (n,) slots
    Int step, n, slots;
};

// Tile by tile (value - value of the chosen slot) * factor, or value * factor; zeros beyond the last case.
inline void fill(const Filling& f, const double* const* columns, const double* factors, Int n_columns, bool difference) {
    double* out = f.tiles;
    for (Int lane = 0; lane < f.n; lane += LANES) {
        const Int valid = lane + LANES <= f.n ? LANES : f.n - lane;
        Int chosen[LANES];
        for (Int i = 0; i < valid; ++i) chosen[i] = f.rows[f.chosen[lane + i] * f.step + lane + i];
        for (Int k = 0; k < n_columns; ++k) {
            const double* column = columns[k];
            const double factor = factors[k];
            double base[LANES] = {};
            if (difference)
                for (Int i = 0; i < valid; ++i) base[i] = column[chosen[i]];
            for (Int j = 0; j < f.slots; ++j, out += LANES) {
                const Int* rows = f.rows + j * f.step + lane;
                for (Int i = 0; i < valid; ++i) out[i] = (column[rows[i]] - base[i]) * factor;
                for (Int i = valid; i < LANES; ++i) out[i] = 0.0;
            }
        }
    }
}

}  // namespace core
