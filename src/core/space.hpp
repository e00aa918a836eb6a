// The memory of one thread: values of the tile at hand, rows that wait for their products, and sums.
#pragma once
#include "products.hpp"

namespace core {
namespace CORE_ISA {

constexpr Int SECOND_LEVEL = 262144;  // bytes of a tile up to which the next one is fetched beside it
constexpr Int FIRST_LEVEL = 28672;  // bytes of generic columns that are looked at together

struct Sizes {
    Int generic, zone, coefs, nodes, shapes, slots, every;  // coefs = generic + zone, every = coefs + shapes
    Int pool, active, pairs, products, mixed;  // mixed: rows (active slot, one of `every`)
    Int block;                                 // slots of a block of rows
    Int zone_at, row;                          // sums by node: generic padded to fours, then zone
    bool scores_are_ranks;                     // of the only node, whose sign squares do not show
};

// Rows that wait, and the sums their products go to.
struct Waiting {
    double *a, *b, *sums;
    Int count;
};

struct Space {
    Sizes size;
    // the tile
    V *v, *p, *log_p, *extra, *weighted;
    V *row_p, *gathered;                             // p of the rows that are stored
    double *zone_utility, *beta, *pool_beta;         // coefficients: generic; (active, pool)
    V *top, *log_sum, *log_p_node, *p_node, *value, *on, *log_child, *kappa, *d, *entropy, *square, *direct;
    V *dw, *dlog_sum, *dlog_p, *dentropy, *dlog_child, *dd, *scale, *rank_weight;
    V *own, *score, *cross;                          // (nodes, row), (every), (shapes, nodes)
    V *slot_score, *slot_diagonal, *slot_whole;      // active slots; (nodes, active)
    double* tail;                                    // pool, offset, availability of a chunk's last tile, padded
    Int* active;                                     // which slots have coefficients of the pool
    Int* place;                                      // (coefs) where each stands among sums by node
    Int n_active;
    // sums over tiles
    V *value_sum, *gradient, *gradient_pool, *zone_weight, *extra_own, *shape_sum;
    double *generic_sum, *generic_zone_sum;
    Waiting rank, outer, outer_squared;              // (coefs) and (every) rows
    Waiting pair_h, pair_o, pair_s;                  // pairs of slots x products of pool columns
    Waiting mix_h, mix_o, mix_s;                     // (slot, coefficient) x pool columns
    double *pool_products, *pool_values;             // what the last six are multiplied by
    Int pool_count;
    double *sums_begin, *sums_end;
};

static Sizes sizes_of(const Model& m) {
    Sizes s;
    s.generic = m.n_generic, s.zone = m.n_zone, s.coefs = m.n_generic + m.n_zone;
    s.shapes = m.n_shape, s.nodes = m.n_nodes, s.slots = m.max_slots, s.every = s.coefs + s.shapes;
    s.pool = m.n_pool, s.active = s.pool ? m.max_active : 0;
    s.pairs = s.active * (s.active + 1) / 2, s.products = s.pool * (s.pool + 1) / 2, s.mixed = s.active * s.every;
    s.block = s.generic ? FIRST_LEVEL / (LANES * 8 * s.generic) : s.slots;
    if (s.block < 8) s.block = 8;
    if (s.block > s.slots) s.block = s.slots;
    s.zone_at = blocks(s.generic) * BLOCK, s.row = s.zone_at + s.zone;
    s.scores_are_ranks = m.n_nodes == 1 && m.differenced && !s.zone;
    return s;
}

struct Carver {
    double* at;
    Int used = 0;
    double* take(Int doubles) {
        double* out = at + used;
        used += (doubles + 7) / 8 * 8;
        return out;
    }
    V* vectors(Int n) { return reinterpret_cast<V*>(take(n * LANES)); }
};

static Int padded(Int rows) { return blocks(rows) * BLOCK; }

// `more` rows stand after a's and are multiplied with all of b.
static Waiting waiting(Carver& c, Int rows, Int row, bool own_b, Int more = 0) {
    Waiting w;
    w.a = c.take((padded(rows) + padded(more)) * row);
    w.b = own_b ? c.take(padded(rows) * row) : nullptr;
    w.sums = nullptr, w.count = 0;
    return w;
}

// Lay the space out from `base`; returns how many doubles it takes.
static Int lay_out(const Job& job, double* base, Space& x) {
    const Sizes s = x.size = sizes_of(job.model);
    Carver c{base};
    x.v = c.vectors(s.slots), x.p = c.vectors(s.slots);
    x.log_p = c.vectors(s.slots), x.extra = c.vectors(s.slots), x.gathered = c.vectors(s.slots);
    x.weighted = c.vectors(BLOCK * s.block);
    x.zone_utility = c.take(s.slots), x.beta = c.take(s.generic);
    x.pool_beta = c.take(s.active * s.pool);
    V** of_nodes[] = {&x.top, &x.log_sum, &x.log_p_node, &x.p_node, &x.value, &x.on, &x.log_child, &x.kappa, &x.d,
                      &x.entropy, &x.square, &x.direct, &x.dw, &x.dlog_sum, &x.dlog_p, &x.dentropy, &x.dlog_child,
                      &x.dd, &x.scale, &x.rank_weight};
    for (V** one : of_nodes) *one = c.vectors(s.nodes);
    x.own = c.vectors(s.nodes * s.row);
    x.score = c.vectors(s.every), x.cross = c.vectors(s.shapes * s.nodes);
    x.slot_score = c.vectors(s.active), x.slot_diagonal = c.vectors(s.active);
    x.slot_whole = c.vectors(s.nodes * s.active);
    x.tail = c.take(2 * s.slots * LANES + s.pool * LANES);
    x.active = reinterpret_cast<Int*>(c.take(s.slots)), x.place = reinterpret_cast<Int*>(c.take(s.coefs));
    x.rank = waiting(c, s.coefs, ROW, true, s.shapes), x.outer = waiting(c, s.every, ROW, true);
    x.outer_squared = waiting(c, s.every, ROW, true);
    Waiting *pair[] = {&x.pair_h, &x.pair_o, &x.pair_s}, *mix[] = {&x.mix_h, &x.mix_o, &x.mix_s};
    for (Waiting* w : pair) *w = waiting(c, s.pairs, ROW, false);
    for (Waiting* w : mix) *w = waiting(c, s.mixed, ROW, false);
    x.pool_products = c.take(padded(s.products) * ROW), x.pool_values = c.take(padded(s.pool) * ROW);
    x.pool_count = 0;
    x.sums_begin = base + c.used;
    x.value_sum = c.vectors(1), x.gradient = c.vectors(s.every), x.gradient_pool = c.vectors(s.pool * s.active);
    x.zone_weight = c.vectors(s.zone ? s.slots : 0);
    x.extra_own = c.vectors(s.shapes ? s.nodes * s.row : 0), x.shape_sum = c.vectors(s.shapes * s.shapes);
    x.generic_sum = c.take(triangle(s.generic) * BLOCK_SIZE);
    x.generic_zone_sum = c.take(blocks(s.generic) * blocks(s.zone) * BLOCK_SIZE);
    x.rank.sums = c.take((triangle(s.coefs) + blocks(s.shapes) * blocks(s.coefs)) * BLOCK_SIZE);
    x.outer.sums = c.take(triangle(s.every) * BLOCK_SIZE);
    x.outer_squared.sums = c.take(triangle(s.every) * BLOCK_SIZE);
    for (Waiting* w : pair) w->sums = c.take(blocks(s.pairs) * blocks(s.products) * BLOCK_SIZE);
    for (Waiting* w : mix) w->sums = c.take(blocks(s.mixed) * blocks(s.pool) * BLOCK_SIZE);
    x.sums_end = base + c.used;
    return c.used;
}

}  // namespace CORE_ISA
}  // namespace core
