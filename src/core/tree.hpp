// A tile's utilities to its log-likelihoods and their derivatives, up and down the tree of nests.
// Names and formulas as in relocchoice/kernels/nested.py.
#pragma once
#include "space.hpp"

namespace core {
namespace CORE_ISA {

struct Tree {
    Int n_nodes;
    const Int *parent, *start, *stop, *slot_parent;
    explicit Tree(const Int* at) : n_nodes(at[0]) {
        parent = at + 1, start = parent + n_nodes, stop = start + n_nodes, slot_parent = stop + n_nodes;
    }
    bool empty(Int m) const { return stop[m] == start[m]; }
};

struct Scales {
    const double* shape;
    double slope;
    double tau(Int m) const { return m ? shape[m - 1] : 1.0; }
    double sigma(Int m) const { return m && slope != 0.0 ? shape[m - 1] : 1.0; }
    double rho(Int m) const { return tau(m) / sigma(m); }
};

struct Lanes {
    Int chosen[LANES];
    V chosen_slot;  // the same as numbers, for comparisons
};

CORE_INLINE V gather(const V* values, const Int* row) {
    V out;
    for (Int i = 0; i < LANES; ++i) out[i] = values[row[i]][i];
    return out;
}

// Utilities in x.v -> conditional probabilities; x.log_p only where something needs it.
CORE_INLINE void upward(const Tree& t, const Scales& k, Space& x, const unsigned char* available, Int n, bool logs) {
    for (Int m = t.n_nodes - 1; m >= 0; --m) {
        const V none = all(-__builtin_inf());
        x.value[m] = none, x.log_sum[m] = all(0.0), x.top[m] = all(0.0);
        if (t.empty(m)) { x.p_node[m] = all(0.0), x.log_p_node[m] = all(0.0); continue; }
        const double inverse = 1.0 / k.sigma(m);
        V top = none;
        for (Int j = t.start[m]; j < t.stop[m]; ++j) {
            if (t.slot_parent[j] != m) continue;
            if (available) x.v[j] = choose(flags(available + j * n), x.v[j], none);
            top = larger(top, x.v[j]);
        }
        top *= inverse;
        for (Int c = m + 1; c < t.n_nodes; ++c)
            if (t.parent[c] == m && !t.empty(c)) top = larger(top, x.value[c] * inverse);
        top = choose(top > none, top, all(0.0));
        V sum = all(0.0);
        for (Int j = t.start[m]; j < t.stop[m]; ++j) {
            if (t.slot_parent[j] != m) continue;
            const V z = x.v[j] * inverse - top;
            if (logs) x.log_p[j] = z;
            x.p[j] = exponential(z);
            sum += x.p[j];
        }
        for (Int c = m + 1; c < t.n_nodes; ++c)
            if (t.parent[c] == m && !t.empty(c)) {
                x.log_p_node[c] = x.value[c] * inverse - top;
                x.p_node[c] = exponential(x.log_p_node[c]);
                sum += x.p_node[c];
            }
        const Mask alive = sum > 0.0;
        const V log_total = choose(alive, logarithm(choose(alive, sum, all(1.0))), all(0.0));
        const V share = choose(alive, 1.0 / sum, all(0.0));
        x.top[m] = top + log_total;  // log of the sum of exponentials
        x.log_sum[m] = choose(alive, x.top[m], all(0.0));
        x.value[m] = choose(alive, x.top[m] * k.tau(m), none);
        for (Int j = t.start[m]; j < t.stop[m]; ++j) {
            if (t.slot_parent[j] != m) continue;
            x.p[j] *= share;
            if (logs) x.log_p[j] = choose(x.p[j] > 0.0, x.log_p[j] - log_total, all(0.0));
        }
        for (Int c = m + 1; c < t.n_nodes; ++c)
            if (t.parent[c] == m && !t.empty(c)) {
                x.p_node[c] *= share;
                x.log_p_node[c] = choose(x.p_node[c] > 0.0, x.log_p_node[c] - log_total, all(0.0));
            }
    }
}

// Which nodes lie above the chosen alternative; returns the log-likelihoods.
CORE_INLINE V chosen_path(const Tree& t, const Scales& k, Space& x, const Lanes& lanes) {
    V out = all(0.0), parent;
    for (Int i = 0; i < LANES; ++i) parent[i] = (double)t.slot_parent[lanes.chosen[i]];
    const V v = gather(x.v, lanes.chosen);
    for (Int m = 0; m < t.n_nodes; ++m) {
        const Mask on = (lanes.chosen_slot >= (double)t.start[m]) & (lanes.chosen_slot < (double)t.stop[m]);
        x.on[m] = choose(on, all(1.0), all(0.0));
        const V last = v / k.sigma(m) - x.top[m];
        x.log_child[m] = choose(parent == (double)m, last, all(0.0));
    }
    for (Int m = 1; m < t.n_nodes; ++m) {
        if (t.empty(m)) continue;
        // where the chosen nest has a probability below the smallest number its log is kept
        const V log_p = x.value[m] / k.sigma(t.parent[m]) - x.top[t.parent[m]];
        x.log_child[t.parent[m]] += choose(x.on[m] > 0.0, log_p, all(0.0));
    }
    for (Int m = 0; m < t.n_nodes; ++m) out += x.log_child[m];
    return out;
}

// D of the nodes, and the weights of the Hessian: x.scale times p_j is the diagonal, x.rank_weight goes with q_m q_m'.
CORE_INLINE void downward(const Tree& t, const Scales& k, Space& x) {
    x.kappa[0] = all(-1.0 / k.tau(0)), x.d[0] = x.kappa[0];
    x.rank_weight[0] = -x.d[0] / k.tau(0);
    x.scale[0] = x.d[0] * (k.rho(0) / k.sigma(0));
    for (Int m = 1; m < t.n_nodes; ++m) {
        const Int above = t.parent[m];
        x.kappa[m] = x.on[m] * (1.0 / k.sigma(above) - 1.0 / k.tau(m));
        x.d[m] = x.kappa[m] + x.d[above] * k.rho(above) * x.p_node[m];
        x.rank_weight[m] = (x.d[m] - x.kappa[m]) * (1.0 / k.sigma(above)) - x.d[m] * (1.0 / k.tau(m));
        x.scale[m] = x.d[m] * (k.rho(m) / k.sigma(m));
    }
}

// -sum p log p and sum p (log p)^2 over the children of each node.
CORE_INLINE void moments(const Tree& t, const Scales& k, Space& x) {
    for (Int m = 0; m < t.n_nodes; ++m) {
        V entropy = all(0.0), square = all(0.0);
        for (Int j = t.start[m]; j < t.stop[m]; ++j) {
            if (t.slot_parent[j] != m) continue;
            const V term = x.p[j] * x.log_p[j];
            entropy -= term, square += term * x.log_p[j];
        }
        for (Int c = m + 1; c < t.n_nodes; ++c)
            if (t.parent[c] == m && !t.empty(c)) {
                const V term = x.p_node[c] * x.log_p_node[c];
                entropy -= term, square += term * x.log_p_node[c];
            }
        x.entropy[m] = entropy, x.square[m] = square;
        x.direct[m] = x.log_sum[m] - k.slope * k.rho(m) * (x.log_sum[m] - entropy);
    }
}

CORE_INLINE V explicit_term(const Scales& k, const Space& x, Int m) {
    return x.log_sum[m] * (1.0 / k.tau(m)) - k.slope / k.sigma(m) * (x.log_child[m] + x.log_sum[m]);
}

CORE_INLINE void shape_scores(const Tree& t, const Scales& k, Space& x) {
    for (Int m = 1; m < t.n_nodes; ++m)
        x.score[x.size.coefs + m - 1] = x.d[m] * x.direct[m] + x.on[m] * explicit_term(k, x, m);
}

// Forward-mode derivatives in lambda_s of everything on the nodes: x.cross[s - 1] and w times the scores' derivatives.
CORE_INLINE void tangent(const Tree& t, const Scales& k, Space& x, Int s, V w) {
    const Int nodes = t.n_nodes;
    const double slope = k.slope;
    for (Int m = 0; m < nodes; ++m)
        x.dw[m] = x.dlog_sum[m] = x.dlog_p[m] = x.dentropy[m] = x.dlog_child[m] = x.dd[m] = all(0.0);
    x.dw[s] = x.direct[s];
    x.dlog_sum[s] = -slope / k.sigma(s) * (x.log_sum[s] - x.entropy[s]);
    x.dentropy[s] = slope / k.sigma(s) * (x.square[s] - x.entropy[s] * x.entropy[s]);
    x.dlog_child[s] = -slope / k.sigma(s) * (x.log_child[s] + x.entropy[s]);
    for (Int c = s + 1; c < nodes; ++c)
        if (t.parent[c] == s && !t.empty(c)) x.dlog_p[c] = -slope / k.sigma(s) * (x.log_p_node[c] + x.entropy[s]);
    for (Int child = s, m = t.parent[s]; m >= 0; child = m, m = t.parent[m]) {
        const V step = x.p_node[child] * x.dw[child] * (1.0 / k.sigma(m));
        x.dlog_sum[m] = step, x.dw[m] = k.tau(m) * step;
        x.dentropy[m] = -step * (x.log_p_node[child] + x.entropy[m]);
        for (Int c = m + 1; c < nodes; ++c)
            if (t.parent[c] == m && !t.empty(c))
                x.dlog_p[c] = (c == child ? x.dw[child] * (1.0 / k.sigma(m)) : all(0.0)) - step;
        x.dlog_child[m] = x.on[child] * x.dw[child] * (1.0 / k.sigma(m)) - step;
    }
    const double drho = (1.0 - slope * k.rho(s)) / k.sigma(s);
    for (Int m = 1; m < nodes; ++m) {
        const Int above = t.parent[m];
        x.dd[m] = x.p_node[m] * k.rho(above) * (x.dd[above] + x.d[above] * x.dlog_p[m]);
        if (above == s) x.dd[m] += x.p_node[m] * x.d[s] * drho - x.on[m] * (slope / (k.sigma(s) * k.sigma(s)));
        if (m == s) x.dd[m] += x.on[m] * (1.0 / (k.tau(s) * k.tau(s)));
    }
    V* cross = x.cross + (s - 1) * nodes;
    for (Int m = 0; m < nodes; ++m) cross[m] = x.dd[m] - x.d[m] * x.dlog_sum[m];
    cross[s] = x.dd[s] + x.d[s] * (drho / k.rho(s));  // log_sum moves with its own lambda through x.extra
    V* sums = x.shape_sum + (s - 1) * x.size.shapes;
    for (Int m = 1; m < nodes; ++m) {
        const V ddirect = x.dlog_sum[m] - slope * k.rho(m) * (x.dlog_sum[m] - x.dentropy[m]);
        V dexplicit = x.dlog_sum[m] * (1.0 / k.tau(m)) - slope / k.sigma(m) * (x.dlog_child[m] + x.dlog_sum[m]);
        if (m == s)
            dexplicit += slope / (k.sigma(s) * k.sigma(s)) * (x.log_child[s] + x.log_sum[s])
                         - x.log_sum[s] * (1.0 / (k.tau(s) * k.tau(s)));
        sums[m - 1] += w * (x.dd[m] * x.direct[m] + x.d[m] * ddirect + x.on[m] * dexplicit);
    }
}

// What w d dv / d lambda of its own node adds at each slot beyond a multiple of p.
CORE_INLINE void extras(const Tree& t, const Scales& k, Space& x, const Lanes& lanes, V w) {
    for (Int m = 0; m < t.n_nodes; ++m) {
        const V scale = w * x.d[m] * (m ? -k.slope / k.sigma(m) * k.rho(m) : 0.0);
        for (Int j = t.start[m]; j < t.stop[m]; ++j)
            if (t.slot_parent[j] == m) x.extra[j] = scale * x.p[j] * (x.log_p[j] + x.entropy[m]);
    }
    for (Int i = 0; i < LANES; ++i) {
        const Int j = lanes.chosen[i], m = t.slot_parent[j];
        if (m) x.extra[j][i] -= w[i] * (k.slope / (k.sigma(m) * k.sigma(m)));
    }
}

}  // namespace CORE_ISA
}  // namespace core
