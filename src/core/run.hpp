// Chunks one after the other, and their sums in the coefficients of the whole model.
#include "tile.hpp"

namespace core {
namespace CORE_ISA {

static void find_active(const Job& job, const Chunk& c, Space& x) {
    x.n_active = 0;
    for (Int j = 0; j < c.slots && x.size.pool; ++j)
        for (Int a = 0; a < x.size.pool; ++a)
            if (c.pool_coef[a * c.slots + j] >= 0) { x.active[x.n_active++] = j; break; }
    for (Int i = 0; i < x.n_active; ++i)
        for (Int a = 0; a < x.size.pool; ++a) {
            const Int coef = c.pool_coef[a * c.slots + x.active[i]];
            x.pool_beta[i * x.size.pool + a] = coef >= 0 ? job.beta[coef] : 0.0;
        }
}

static void find_zone_utility(const Job& job, const Chunk& c, Space& x) {
    for (Int j = 0; j < c.slots; ++j) x.zone_utility[j] = 0.0;
    for (Int k = 0; k < job.model.n_zone; ++k) {
        const double b = job.beta[job.model.zone_coef[k]];
        for (Int j = 0; j < c.slots; ++j) x.zone_utility[j] += b * c.zone[k * c.slots + j];
    }
}

// What is not stored in tiles, of fewer than eight cases, with zeros beyond.
static void copy_tail(const Job& job, const Chunk& c, Int lane, Int valid, Space& x, Tile& t) {
    double* at = x.tail;
    auto copied = [&](const double* from, Int rows) {
        const double* out = at;
        for (Int r = 0; r < rows; ++r, at += LANES)
            for (Int i = 0; i < LANES; ++i) at[i] = i < valid ? from[r * c.n + lane + i] : 0.0;
        return out;
    };
    t.pool = copied(c.pool, job.model.n_pool);
    t.offset = c.offset ? copied(c.offset, c.slots) : nullptr;
    t.available = nullptr;
    if (c.available) {
        unsigned char* flag = reinterpret_cast<unsigned char*>(at);
        t.available = flag;
        for (Int j = 0; j < c.slots; ++j)
            for (Int i = 0; i < LANES; ++i) *flag++ = i < valid ? c.available[j * c.n + lane + i] : 1;
    }
    t.n = LANES;
}

// Weights of a tile, ones if there are none, and zero beyond the last case.
static V some(const double* weights, Int at, Int valid) {
    if (valid == LANES) return weights ? load(weights + at) : all(1.0);
    V out = all(0.0);
    for (Int i = 0; i < valid; ++i) out[i] = weights ? weights[at + i] : 1.0;
    return out;
}

static void run_chunk(const Job& job, const Chunk& c, Space& x) {
    const Int size = job.model.n_generic * c.stored;
    for (Int lane = 0; lane < c.n; lane += LANES) {
        const Int valid = lane + LANES <= c.n ? LANES : c.n - lane, at = c.first + lane;
        Tile t;
        t.generic = c.generic + lane * size, t.pool = c.pool + lane, t.n = c.n;
        t.offset = c.offset ? c.offset + lane : nullptr, t.available = c.available ? c.available + lane : nullptr;
        if (valid < LANES) copy_tail(job, c, lane, valid, x, t);
        t.w = some(job.weights, at, valid), t.w_squared = some(job.squares, at, valid);
        for (Int i = 0; i < LANES; ++i) {
            t.lanes.chosen[i] = c.chosen[i < valid ? lane + i : lane];
            t.lanes.chosen_slot[i] = (double)t.lanes.chosen[i];
        }
        const char* next = reinterpret_cast<const char*>(t.generic + size * LANES);
        Ahead ahead{next, next + (size * LANES * 8 <= SECOND_LEVEL ? size * LANES * 8 : 0)};
        tile(job, c, t, x, job.loglik ? job.loglik + at : nullptr, valid, ahead);
    }
}

// Sums of one layout -> (p,) and (p, p) of the model. Local coefficients: generic, zone, shapes, then (pool, active).
struct Places {
    const Job& job;
    const Chunk& chunk;
    const Space& x;
    Int every(Int e) const {
        const Model& m = job.model;
        if (e < m.n_generic) return m.generic_coef[e];
        if (e < m.n_generic + m.n_zone) return m.zone_coef[e - m.n_generic];
        return m.n_coef + e - m.n_generic - m.n_zone;
    }
    Int pool(Int a, Int i) const { return chunk.pool_coef[a * chunk.slots + x.active[i]]; }
};

struct Square {
    double* at;
    Int p;
    void add(Int i, Int j, double value) {
        if (i < 0 || j < 0) return;
        at[i * p + j] += value;
    }
    void add_pair(Int i, Int j, double value) { add(i, j, value), add(j, i, value); }
};

// `place`: where a row stands if its block is given four.
template <class Place>
static void scatter_lower(const Places& to, Square out, const double* sums, Int rows, Place place) {
    for (Int i = 0; i < rows; ++i) {
        const Int r = place(i), block = r / BLOCK, at = to.every(i);
        for (Int j = 0; j <= i; ++j) {
            const double sum = full_entry(sums + block * (block + 1) / 2 * BLOCK_SIZE, 0, r % BLOCK, place(j));
            if (j < i) out.add_pair(at, to.every(j), sum);
            else out.add(at, at, sum);
        }
    }
}

static void scatter_rows(const Places& to, Square out, const double* sums, Int rows) {
    scatter_lower(to, out, sums, rows, [](Int row) { return row; });
}

static void scatter_pool(const Places& to, Square out, const Waiting& pair, const Waiting& mix) {
    const Sizes& s = to.x.size;
    const Int across = blocks(s.products), active = to.x.n_active;
    for (Int i = 0, row = 0; i < active; ++i)
        for (Int j = 0; j <= i; ++j, ++row)
            for (Int a = 0, column = 0; a < s.pool; ++a)
                for (Int b = 0; b <= a; ++b, ++column) {
                    const double sum = full_entry(pair.sums, across, row, column);
                    const Int ai = to.pool(a, i), bj = to.pool(b, j);
                    if (i == j && a == b) {
                        out.add(ai, ai, sum);
                        continue;
                    }
                    out.add_pair(ai, bj, sum);
                    if (i != j && a != b) out.add_pair(to.pool(b, i), to.pool(a, j), sum);
                }
    for (Int i = 0; i < active; ++i)
        for (Int e = 0; e < s.every; ++e)
            for (Int a = 0; a < s.pool; ++a)
                out.add_pair(to.every(e), to.pool(a, i), full_entry(mix.sums, blocks(s.pool), i * s.every + e, a));
}

static void scatter_zone(const Places& to, Square h) {
    const Sizes& s = to.x.size;
    const Chunk& c = to.chunk;
    double* weight = to.x.zone_utility;  // found again before the next chunk needs it
    for (Int j = 0; j < c.slots; ++j) weight[j] = total(to.x.zone_weight[j]);
    for (Int k = 0; k < s.zone; ++k)
        for (Int l = 0; l <= k; ++l) {
            const double *one = c.zone + k * c.slots, *other = c.zone + l * c.slots;
            double sum[4] = {};
            for (Int j = 0; j < c.slots; ++j) sum[j % 4] += weight[j] * one[j] * other[j];
            const double all_of_it = (sum[0] + sum[1]) + (sum[2] + sum[3]);
            const Int at = to.every(s.generic + k), beside = to.every(s.generic + l);
            if (l < k) h.add_pair(at, beside, all_of_it);
            else h.add(at, at, all_of_it);
        }
    const Split across(s.zone);
    for (Int k = 0; k < s.generic; ++k)
        for (Int l = 0; l < s.zone; ++l)
            h.add_pair(to.every(k), to.every(s.generic + l),
                       full_entry(to.x.generic_zone_sum, across.blocks, to.x.place[k], across.place(l)));
}

static void finish(const Job& job, const Chunk& c, Space& x, double* sums) {
    const Model& m = job.model;
    const Sizes& s = x.size;
    const Int p = m.n_coef + m.n_shape;
    flush_lower(x.rank, s.coefs, s.shapes), flush_lower(x.outer, s.every), flush_lower(x.outer_squared, s.every);
    flush_pool(m, x);
    const Places to{job, c, x};
    double* gradient = sums + 1;
    Square h{gradient + p, p}, opg{h.at + p * p, p}, squared{opg.at + p * p, p};
    sums[0] += total(*x.value_sum);
    for (Int e = 0; e < s.every; ++e) gradient[to.every(e)] += total(x.gradient[e]);
    for (Int a = 0; a < s.pool; ++a)
        for (Int i = 0; i < x.n_active; ++i)
            if (to.pool(a, i) >= 0) gradient[to.pool(a, i)] += total(x.gradient_pool[a * s.active + i]);
    scatter_lower(to, h, x.generic_sum, s.generic, [&](Int row) { return x.place[row]; });
    scatter_rows(to, h, x.rank.sums, s.coefs);
    scatter_rows(to, opg, s.scores_are_ranks ? x.rank.sums : x.outer.sums, s.every);
    if (m.squares_differ) scatter_rows(to, squared, x.outer_squared.sums, s.every);
    if (s.zone) scatter_zone(to, h);
    const double* cross = x.rank.sums + triangle(s.coefs) * BLOCK_SIZE;
    for (Int l = 0; l < s.shapes; ++l) {
        for (Int e = 0; e < s.coefs; ++e) {
            const double own = total(x.extra_own[(l + 1) * s.row + x.place[e]]);
            h.add_pair(to.every(e), m.n_coef + l, own + full_entry(cross, blocks(s.coefs), l, e));
        }
        for (Int r = 0; r < s.shapes; ++r) h.add(m.n_coef + l, m.n_coef + r, total(x.shape_sum[l * s.shapes + r]));
    }
    if (s.pool) {
        scatter_pool(to, h, x.pair_h, x.mix_h), scatter_pool(to, opg, x.pair_o, x.mix_o);
        if (m.squares_differ) scatter_pool(to, squared, x.pair_s, x.mix_s);
    }
    for (double* at = x.sums_begin; at != x.sums_end; ++at) *at = 0.0;
}

static Int scratch_size(const Job& job) {
    Space x;
    return lay_out(job, nullptr, x);
}

static void run(const Job& job, Int begin, Int end, double* scratch, double* sums) {
    Space x;
    const Int size = lay_out(job, scratch, x);
    for (Int i = 0; i < size; ++i) scratch[i] = 0.0;
    for (Int k = 0; k < job.model.n_generic; ++k) x.beta[k] = job.beta[job.model.generic_coef[k]];
    for (Int e = 0; e < x.size.coefs; ++e)
        x.place[e] = e < x.size.generic ? Split(x.size.generic).place(e) : x.size.zone_at + e - x.size.generic;
    for (Int i = begin; i < end; ++i) {
        if (i == begin || job.chunks[i - 1].layout != job.chunks[i].layout) {
            find_active(job, job.chunks[i], x);
            find_zone_utility(job, job.chunks[i], x);
        }
        run_chunk(job, job.chunks[i], x);
        const bool last = i + 1 == end || job.chunks[i + 1].layout != job.chunks[i].layout;
        if (last && sums) finish(job, job.chunks[i], x, sums);
    }
}

static void exponentials(const double* x, double* out, Int n) {
    for (Int i = 0; i < n; i += CORE_WIDTH) *reinterpret_cast<LooseR*>(out + i) = exponential(part(x + i));
}

static void logarithms(const double* x, double* out, Int n) {
    for (Int i = 0; i < n; i += CORE_WIDTH) *reinterpret_cast<LooseR*>(out + i) = logarithm(part(x + i));
}

static double read(const double* x, Int n) {
    R sum[8] = {};
    Int i = 0;
    for (; i + 8 * CORE_WIDTH <= n; i += 8 * CORE_WIDTH)
        for (int u = 0; u < 8; ++u) sum[u] += part(x + i + u * CORE_WIDTH);
    for (; i < n; i += CORE_WIDTH) sum[0] += part(x + i);
    double out = 0.0;
    for (int u = 0; u < 8; ++u)
        for (int h = 0; h < CORE_WIDTH; ++h) out += sum[u][h];
    return out;
}

static double multiply_adds(Int rounds) {
    constexpr int CHAINS = CORE_WIDTH < 8 ? 12 : 24;
    R sum[CHAINS];
    R x = {}, y = {};
    for (int h = 0; h < CORE_WIDTH; ++h) x[h] = 0.999, y[h] = 1e-3;
    for (int u = 0; u < CHAINS; ++u) sum[u] = x;
    for (Int i = 0; i < rounds * 24 * 8 / (CHAINS * CORE_WIDTH); ++i) {
#pragma GCC unroll 24
        for (int u = 0; u < CHAINS; ++u) sum[u] = sum[u] * x + y;
    }
    double out = 0.0;
    for (int u = 0; u < CHAINS; ++u) out += sum[u][0];
    return out;
}

}  // namespace CORE_ISA
}  // namespace core

#define CORE_KERNEL(isa) {isa::scratch_size, isa::run, isa::exponentials, isa::logarithms, isa::read, isa::multiply_adds}
