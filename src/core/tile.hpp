// Sixteen cases: utilities, the tree, and one more pass over their columns for every sum.
#pragma once
#include "tree.hpp"

namespace core {
namespace CORE_ISA {

struct Tile {
    const double* generic;                  // (Kg, stored, LANES)
    const double *pool, *offset;            // at the first case
    const unsigned char* available;
    Int n;                                  // step between the slots of offset and available, the columns of the pool
    V w, w_squared;                         // zero beyond the last case
    Lanes lanes;
};

template <int U>
CORE_INLINE void utilities_of(const double* coefficients, Int n_generic, Int column, const double* at, V* v) {
    V sum[U];
#pragma GCC unroll 8
    for (int u = 0; u < U; ++u) sum[u] = v[u];
    for (Int k = 0; k < n_generic; ++k, at += column) {
        const double b = coefficients[k];
#pragma GCC unroll 8
        for (int u = 0; u < U; ++u) sum[u] += b * load(at + u * LANES);
    }
#pragma GCC unroll 8
    for (int u = 0; u < U; ++u) v[u] = sum[u];
}

// Numbers of the rows that are stored -> of the slots: zero for the chosen one, whose place the last one's holds.
CORE_INLINE void spread(const Chunk& c, const Tile& t, V* v) {
    V last = all(0.0);
    for (Int i = 0; i < LANES; ++i)
        if (t.lanes.chosen[i] < c.stored) last[i] = v[t.lanes.chosen[i]][i];
    for (Int j = 0; j < c.stored; ++j) v[j] = choose(t.lanes.chosen_slot == (double)j, all(0.0), v[j]);
    v[c.stored] = last;
}

// The same back: the last one's stands in the place of the chosen one's.
CORE_INLINE void gather_rows(const Chunk& c, const Tile& t, const V* p, V* rows) {
    for (Int j = 0; j < c.stored; ++j) rows[j] = choose(t.lanes.chosen_slot == (double)j, p[c.stored], p[j]);
}

// A generic column at a slot.
CORE_INLINE V generic_at(const Chunk& c, const Tile& t, Int e, Int j) {
    const double* column = t.generic + e * c.stored * LANES;
    if (c.stored == c.slots) return load(column + j * LANES);
    if (j < c.stored) return choose(t.lanes.chosen_slot == (double)j, all(0.0), load(column + j * LANES));
    V last = all(0.0);
    for (Int i = 0; i < LANES; ++i)
        if (t.lanes.chosen[i] < c.stored) last[i] = column[t.lanes.chosen[i] * LANES + i];
    return last;
}

CORE_INLINE void utilities(const Chunk& c, const Tile& t, Space& x) {
    const Int n_generic = x.size.generic, column = c.stored * LANES;
    const bool whole = c.stored == c.slots;
    for (Int j = 0; j < c.slots; ++j) x.v[j] = all(whole ? x.zone_utility[j] : 0.0);
    if (t.offset && whole)
        for (Int j = 0; j < c.slots; ++j) x.v[j] += load(t.offset + j * t.n);
    Int j = 0;
    for (; j + 8 <= c.stored; j += 8) utilities_of<8>(x.beta, n_generic, column, t.generic + j * LANES, x.v + j);
    for (; j + 4 <= c.stored; j += 4) utilities_of<4>(x.beta, n_generic, column, t.generic + j * LANES, x.v + j);
    for (; j + 2 <= c.stored; j += 2) utilities_of<2>(x.beta, n_generic, column, t.generic + j * LANES, x.v + j);
    for (; j < c.stored; ++j) utilities_of<1>(x.beta, n_generic, column, t.generic + j * LANES, x.v + j);
    if (!whole) spread(c, t, x.v);
    if (t.offset && !whole)
        for (j = 0; j < c.slots; ++j) x.v[j] += load(t.offset + j * t.n);
    for (Int i = 0; i < x.n_active; ++i) {
        V sum = x.v[x.active[i]];
        for (Int a = 0; a < x.size.pool; ++a) sum += x.pool_beta[i * x.size.pool + a] * load(t.pool + a * t.n);
        x.v[x.active[i]] = sum;
    }
}

CORE_INLINE V* wait(Waiting& w, Int row) { return reinterpret_cast<V*>(w.a + row * ROW) + w.count; }
CORE_INLINE V* wait_b(Waiting& w, Int row) { return reinterpret_cast<V*>(w.b + row * ROW) + w.count; }

static void flush_lower(Waiting& w, Int rows, Int more = 0) {
    if (!w.count) return;
    multiply_lower(w.sums, w.a, w.b, rows, w.count);
    if (more) {
        double* sums = w.sums + triangle(rows) * BLOCK_SIZE;
        multiply_full(sums, w.a + padded(rows) * ROW, more, w.b, rows, w.count);
    }
    w.count = 0;
}

// A row r and its weighted twin wr, to be summed as wr r'.
CORE_INLINE void add_row(Waiting& w, Int rows, const V* r, V weight) {
    for (Int k = 0; k < rows; ++k) *wait(w, k) = weight * r[k], *wait_b(w, k) = r[k];
    if (++w.count == STEPS) flush_lower(w, rows);
}

static void flush_pool(const Model& m, Space& x) {
    const Sizes& s = x.size;
    if (!x.pool_count) return;
    const int together = m.squares_differ ? 3 : 2;
    double *pairs[] = {x.pair_h.sums, x.pair_o.sums, x.pair_s.sums}, *mixed[] = {x.mix_h.sums, x.mix_o.sums, x.mix_s.sums};
    const double *pair_rows[] = {x.pair_h.a, x.pair_o.a, x.pair_s.a}, *mixed_rows[] = {x.mix_h.a, x.mix_o.a, x.mix_s.a};
    multiply_together(pairs, pair_rows, together, s.pairs, x.pool_products, s.products, x.pool_count);
    multiply_together(mixed, mixed_rows, together, s.mixed, x.pool_values, s.pool, x.pool_count);
    x.pool_count = 0;
}

// N rows x, node by node: s.weighted = scale p x, the sums of p x to s.own, of s.extra x to s.extra_own, and of
// weighted x' to `sums`.
template <int N, bool EXTRA>
static __attribute__((noinline)) void weigh(
    const double* const* x, const Int* slot_parent, Space& s, Int from, Int length, Int kb, double* sums, Ahead& ahead) {
    const Int row = s.size.row;
    Ahead mine = ahead;
    R* total = reinterpret_cast<R*>(sums);
    R c[N][N];
#pragma GCC unroll 4
    for (int i = 0; i < N; ++i)
#pragma GCC unroll 4
        for (int j = 0; j <= i; ++j) c[i][j] = total[i * BLOCK + j];
    for (Int j = 0; j < length;) {
        const Int m = slot_parent[from + j];
        Int end = j + 1;
        while (end < length && slot_parent[from + end] == m) ++end;
        V *own = s.own + m * row + kb * BLOCK, *extra = s.extra_own + m * row + kb * BLOCK;
        for (int h = 0; h < PARTS; ++h) {
            R sum[N], rest[N];
            const R scale = s.scale[m].r[h];
#pragma GCC unroll 4
            for (int r = 0; r < N; ++r) sum[r] = own[r].r[h], rest[r] = R{};
            for (Int i = j; i < end; ++i) {
                const R share = s.row_p[from + i].r[h], weight = scale * share;
                R value[N];
                for (int asked = 0; asked < N * CORE_WIDTH / 2; asked += LINE) mine.step();
#pragma GCC unroll 4
                for (int r = 0; r < N; ++r) {
                    value[r] = part(x[r] + i * LANES + h * CORE_WIDTH);
                    sum[r] += share * value[r];
                    if (EXTRA) rest[r] += s.extra[from + i].r[h] * value[r];
                    const R weighted = weight * value[r];
                    s.weighted[i * BLOCK + r].r[h] = weighted;
#pragma GCC unroll 4
                    for (int q = 0; q <= r; ++q) c[r][q] += weighted * value[q];
                }
            }
#pragma GCC unroll 4
            for (int r = 0; r < N; ++r) {
                own[r].r[h] = sum[r];
                if (EXTRA) extra[r].r[h] += rest[r];
            }
        }
        j = end;
    }
#pragma GCC unroll 4
    for (int i = 0; i < N; ++i)
#pragma GCC unroll 4
        for (int j = 0; j <= i; ++j) total[i * BLOCK + j] = c[i][j];
    ahead = mine;
}

template <int N>
CORE_INLINE void block_pass(
    const Chunk& c, const Tile& t, const Tree& tree, Space& x, Int from, Int length, Int kb, Ahead& ahead) {
    const Sizes& s = x.size;
    const Int column = c.stored * LANES;
    const Split split(s.generic), across(s.zone);
    const double *rows = t.generic + from * LANES, *a = reinterpret_cast<const double*>(x.weighted);
    double *before = x.generic_sum + kb * (kb + 1) / 2 * BLOCK_SIZE, *diagonal = before + kb * BLOCK_SIZE;
    double* shared = x.generic_zone_sum + kb * across.blocks * BLOCK_SIZE;
    const double* pointers[N];
    for (Int r = 0; r < N; ++r) pointers[r] = rows + (split.first(kb) + r) * column;
    if (s.shapes) weigh<N, true>(pointers, tree.slot_parent, x, from, length, kb, diagonal, ahead);
    else weigh<N, false>(pointers, tree.slot_parent, x, from, length, kb, diagonal, ahead);
    multiply_blocks<false, N>(before, a, rows, column, split, kb, length, ahead);
    multiply_blocks<true, N>(shared, a, c.zone + from, c.slots, across, across.blocks, length, ahead);
}

// The pass over the generic columns: x.own = sum_j p_j x_j by node, x.extra_own the same with x.extra, and the sum of
// diagonal x x'.
CORE_INLINE void rows_pass(const Chunk& c, const Tile& t, const Tree& tree, Space& x, Ahead& ahead) {
    const Sizes& s = x.size;
    const Split split(s.generic);
    x.row_p = c.stored == c.slots ? x.p : x.gathered;
    if (c.stored < c.slots) gather_rows(c, t, x.p, x.row_p);
    for (Int from = 0; from < c.stored; from += s.block) {
        const Int length = from + s.block < c.stored ? s.block : c.stored - from;
        for (Int kb = 0; kb < split.blocks; ++kb) {
            const Int n = split.rows(kb);
            if (n == 4) block_pass<4>(c, t, tree, x, from, length, kb, ahead);
            if (n == 3) block_pass<3>(c, t, tree, x, from, length, kb, ahead);
            if (n == 2) block_pass<2>(c, t, tree, x, from, length, kb, ahead);
            if (n == 1) block_pass<1>(c, t, tree, x, from, length, kb, ahead);
        }
    }
}

// Sums by node of p and of x.extra times some columns that all cases share.
template <int N>
static __attribute__((noinline)) void zone_sums(const Chunk& c, const Tree& tree, Space& x, Int k) {
    const Sizes& s = x.size;
    const double* z = c.zone + k * c.slots;
    for (Int j = 0; j < c.slots;) {
        const Int m = tree.slot_parent[j], at = m * s.row + s.zone_at + k;
        V own[N], extra[N];
        for (int i = 0; i < N; ++i) own[i] = all(0.0), extra[i] = all(0.0);
        for (; j < c.slots && tree.slot_parent[j] == m; ++j) {
            const V p = x.p[j];
            for (int i = 0; i < N; ++i) own[i] += p * z[i * c.slots + j];
            if (!s.shapes) continue;
            for (int i = 0; i < N; ++i) extra[i] += x.extra[j] * z[i * c.slots + j];
        }
        for (int i = 0; i < N; ++i) x.own[at + i] += own[i];
        if (!s.shapes) continue;
        for (int i = 0; i < N; ++i) x.extra_own[at + i] += extra[i];
    }
}

CORE_INLINE void zone_pass(const Chunk& c, const Tree& tree, Space& x) {
    const Sizes& s = x.size;
    for (Int j = 0; j < c.slots; ++j) x.zone_weight[j] += x.scale[tree.slot_parent[j]] * x.p[j];
    Int k = 0;
    for (; k + 3 <= s.zone; k += 3) zone_sums<3>(c, tree, x, k);
    for (; k < s.zone; ++k) zone_sums<1>(c, tree, x, k);
}

// Scores of the dense coefficients: sum_m D_m b_m + x_chosen / sigma of its nest; b_m = rho_m x.own[m] replaces it.
CORE_INLINE void dense_scores(const Job& job, const Chunk& c, const Tile& t, const Tree& tree, const Scales& k, Space& x) {
    const Sizes& s = x.size;
    if (k.slope == 0.0)
        for (Int m = 0; m < tree.n_nodes; ++m)
            for (Int e = 0; e < s.row; ++e) x.own[m * s.row + e] *= k.rho(m);
    for (Int e = 0; e < s.coefs; ++e) {
        const V* own = x.own + x.place[e];
        V score = x.d[0] * own[0];
        for (Int m = 1; m < tree.n_nodes; ++m) score += x.d[m] * own[m * s.row];
        x.score[e] = score;
    }
    if (job.model.differenced && !s.zone) return;
    for (Int i = 0; i < LANES; ++i) {
        const Int y = t.lanes.chosen[i];
        const double inverse = 1.0 / k.sigma(tree.slot_parent[y]);
        if (!job.model.differenced)
            for (Int e = 0; e < s.generic; ++e)
                x.score[e][i] += inverse * t.generic[(e * c.stored + y) * LANES + i];
        for (Int e = 0; e < s.zone; ++e) x.score[s.generic + e][i] += inverse * c.zone[e * c.slots + y];
    }
}

// q_m of the nodes replaces b_m in x.own, children before parents; and their products. With b_m = q_m less its
// children's rho p q, sum_m cross_m b_m of each lambda becomes a sum over q_m too.
CORE_INLINE void ranks(const Tree& tree, const Scales& k, const Tile& t, Space& x) {
    const Sizes& s = x.size;
    for (Int m = tree.n_nodes - 1; m >= 0; --m) {
        if (tree.empty(m)) continue;
        V* q = x.own + m * s.row;
        for (Int child = m + 1; child < tree.n_nodes; ++child)
            if (tree.parent[child] == m && !tree.empty(child)) {
                const V share = k.rho(m) * x.p_node[child];
                for (Int e = 0; e < s.row; ++e) q[e] += share * x.own[child * s.row + e];
            }
        const V weight = t.w * x.rank_weight[m];
        for (Int e = 0; e < s.coefs; ++e) {
            const V value = q[x.place[e]];
            *wait(x.rank, e) = weight * value, *wait_b(x.rank, e) = value;
        }
        const Int above = m ? tree.parent[m] : 0;
        const V share = m ? k.rho(above) * x.p_node[m] : all(0.0);
        for (Int l = 0; l < s.shapes; ++l) {
            const V* cross = x.cross + l * tree.n_nodes;
            *wait(x.rank, padded(s.coefs) + l) = t.w * (cross[m] - share * cross[above]);
        }
        if (++x.rank.count == STEPS) flush_lower(x.rank, s.coefs, s.shapes);
    }
}

// Case-specific columns with coefficients by slot: everything is a weight of a pair of slots times a product of columns.
CORE_INLINE void pool_pass(const Job& job, const Chunk& c, const Tile& t, const Tree& tree, const Scales& k, Space& x) {
    const Sizes& s = x.size;
    const Int active = x.n_active, at = x.pool_count;
    auto row = [&](double* rows, Int r) -> V& { return reinterpret_cast<V*>(rows + r * ROW)[at]; };
    for (Int a = 0, product = 0; a < s.pool; ++a) {
        const V z = load(t.pool + a * t.n);
        row(x.pool_values, a) = z;
        for (Int b = 0; b <= a; ++b, ++product) row(x.pool_products, product) = z * load(t.pool + b * t.n);
    }
    for (Int i = 0; i < active; ++i) {
        const Int j = x.active[i], m = tree.slot_parent[j];
        const V chosen = choose(t.lanes.chosen_slot == (double)j, all(1.0 / k.sigma(m)), all(0.0));
        x.slot_score[i] = x.d[m] * k.rho(m) * x.p[j] + chosen;
        x.slot_diagonal[i] = x.scale[m] * x.p[j];  // with w
    }
    for (Int m = tree.n_nodes - 1; m >= 0; --m)
        for (Int i = 0; i < active; ++i) {
            const Int j = x.active[i];
            V q = tree.slot_parent[j] == m ? k.rho(m) * x.p[j] : all(0.0);
            for (Int child = m + 1; child < tree.n_nodes; ++child)
                if (tree.parent[child] == m && tree.start[child] <= j && j < tree.stop[child])
                    q += k.rho(m) * x.p_node[child] * x.slot_whole[child * active + i];
            x.slot_whole[m * active + i] = q;
        }
    for (Int i = 0, first = 0; i < active; first += ++i) {
        const V score = t.w * x.slot_score[i], squared = t.w_squared * x.slot_score[i];
        const V root = t.w * x.rank_weight[0] * x.slot_whole[i];
        for (Int j = 0; j <= i; ++j) row(x.pair_h.a, first + j) = root * x.slot_whole[j];
        for (Int m = 1; m < tree.n_nodes; ++m) {
            const V whole = t.w * x.rank_weight[m] * x.slot_whole[m * active + i];
            for (Int j = 0; j <= i; ++j) row(x.pair_h.a, first + j) += whole * x.slot_whole[m * active + j];
        }
        row(x.pair_h.a, first + i) += x.slot_diagonal[i];
        for (Int j = 0; j <= i; ++j) row(x.pair_o.a, first + j) = score * x.slot_score[j];
        if (!job.model.squares_differ) continue;
        for (Int j = 0; j <= i; ++j) row(x.pair_s.a, first + j) = squared * x.slot_score[j];
    }
    for (Int i = 0; i < active; ++i) {
        const Int j = x.active[i], m = tree.slot_parent[j];
        for (Int e = 0; e < s.every; ++e) {
            const Int r = i * s.every + e;
            V h;
            if (e < s.coefs) {
                const V value = e < s.generic ? generic_at(c, t, e, j) : all(c.zone[(e - s.generic) * c.slots + j]);
                V sum = all(0.0);
                for (Int node = 0; node < tree.n_nodes; ++node)
                    sum += x.rank_weight[node] * x.slot_whole[node * active + i] * x.own[node * s.row + x.place[e]];
                h = x.slot_diagonal[i] * value + t.w * sum;
            } else {
                const Int l = e - s.coefs + 1;
                h = t.w * x.cross[(l - 1) * tree.n_nodes + m] * k.rho(m) * x.p[j];
                if (m == l) h += x.extra[j];
            }
            const V o = x.slot_score[i] * x.score[e];
            row(x.mix_h.a, r) = h;
            row(x.mix_o.a, r) = t.w * o;
            if (job.model.squares_differ) row(x.mix_s.a, r) = t.w_squared * o;
        }
        for (Int a = 0; a < s.pool; ++a)
            x.gradient_pool[a * s.active + i] += t.w * x.slot_score[i] * load(t.pool + a * t.n);
    }
    if (++x.pool_count == STEPS) flush_pool(job.model, x);
}

CORE_INLINE void tile(const Job& job, const Chunk& c, const Tile& t, Space& x, double* loglik, Int valid, Ahead& ahead) {
    const Tree tree(c.tree);
    const Scales k{job.shape, (double)job.model.sigma_slope};
    const Sizes& s = x.size;
    utilities(c, t, x);
    upward(tree, k, x, t.available, t.n, s.shapes > 0);
    const V value = chosen_path(tree, k, x, t.lanes);
    if (loglik) {
        for (Int i = 0; i < valid; ++i) loglik[i] = value[i];
        return;
    }
    *x.value_sum += choose(t.w > 0.0, t.w * value, value - value);  // not finite stays so
    downward(tree, k, x);
    if (s.shapes) {
        moments(tree, k, x);
        shape_scores(tree, k, x);
        extras(tree, k, x, t.lanes, t.w);
        for (Int l = 1; l < tree.n_nodes; ++l) tangent(tree, k, x, l, t.w);
    }
    for (Int m = 0; m < tree.n_nodes; ++m) x.scale[m] *= t.w;
    for (Int i = 0; i < s.nodes * s.row; ++i) x.own[i] = all(0.0);
    rows_pass(c, t, tree, x, ahead);
    if (s.zone) zone_pass(c, tree, x);
    dense_scores(job, c, t, tree, k, x);
    if (s.coefs) ranks(tree, k, t, x);
    for (Int e = 0; e < s.every; ++e) x.gradient[e] += t.w * x.score[e];
    if (s.every && !s.scores_are_ranks) add_row(x.outer, s.every, x.score, t.w);
    if (s.every && job.model.squares_differ) add_row(x.outer_squared, s.every, x.score, t.w_squared);
    if (s.pool) pool_pass(job, c, t, tree, k, x);
}

}  // namespace CORE_ISA
}  // namespace core
