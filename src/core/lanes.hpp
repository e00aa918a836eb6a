// Sixteen cases side by side, and the two functions a logit needs of them. Included once for each instruction set.
#pragma once
#include "kernel.hpp"

namespace core {
namespace CORE_ISA {

#define CORE_INLINE static inline __attribute__((always_inline))

// What one register holds; a vector of the language wider than that would be computed number by number.
typedef double R __attribute__((vector_size(CORE_WIDTH * 8)));
typedef double LooseR __attribute__((vector_size(CORE_WIDTH * 8), aligned(8), may_alias));
typedef long long I __attribute__((vector_size(CORE_WIDTH * 8)));
constexpr int PARTS = LANES / CORE_WIDTH;

CORE_INLINE R part(const double* at) { return *reinterpret_cast<const LooseR*>(at); }

struct alignas(64) V {
    R r[PARTS];
    double& operator[](Int i) { return reinterpret_cast<double*>(r)[i]; }
    double operator[](Int i) const { return reinterpret_cast<const double*>(r)[i]; }
};
struct Mask {
    I r[PARTS];
};

#define CORE_EACH(expression)                    \
    V out;                                       \
    for (int h = 0; h < PARTS; ++h) out.r[h] = expression; \
    return out
#define CORE_MASK(expression)                    \
    Mask out;                                    \
    for (int h = 0; h < PARTS; ++h) out.r[h] = expression; \
    return out
CORE_INLINE V operator+(V a, V b) { CORE_EACH(a.r[h] + b.r[h]); }
CORE_INLINE V operator-(V a, V b) { CORE_EACH(a.r[h] - b.r[h]); }
CORE_INLINE V operator*(V a, V b) { CORE_EACH(a.r[h] * b.r[h]); }
CORE_INLINE V operator-(V a) { CORE_EACH(-a.r[h]); }
CORE_INLINE V operator*(V a, double b) { CORE_EACH(a.r[h] * b); }
CORE_INLINE V operator*(double a, V b) { return b * a; }
CORE_INLINE V operator/(V a, double b) { CORE_EACH(a.r[h] / b); }
CORE_INLINE V operator/(double a, V b) { CORE_EACH(a / b.r[h]); }
CORE_INLINE V& operator+=(V& a, V b) { return a = a + b; }
CORE_INLINE V& operator-=(V& a, V b) { return a = a - b; }
CORE_INLINE V& operator*=(V& a, V b) { return a = a * b; }
CORE_INLINE V& operator*=(V& a, double b) { return a = a * b; }
CORE_INLINE Mask operator>(V a, V b) { CORE_MASK(a.r[h] > b.r[h]); }
CORE_INLINE Mask operator>(V a, double b) { CORE_MASK(a.r[h] > b); }
CORE_INLINE Mask operator<(V a, double b) { CORE_MASK(a.r[h] < b); }
CORE_INLINE Mask operator>=(V a, double b) { CORE_MASK(a.r[h] >= b); }
CORE_INLINE Mask operator==(V a, double b) { CORE_MASK(a.r[h] == b); }
CORE_INLINE Mask operator&(Mask a, Mask b) { CORE_MASK(a.r[h] & b.r[h]); }

CORE_INLINE R pick(I mask, R yes, R no) { return (R)((mask & (I)yes) | (~mask & (I)no)); }
CORE_INLINE V choose(Mask mask, V yes, V no) { CORE_EACH(pick(mask.r[h], yes.r[h], no.r[h])); }
CORE_INLINE V load(const double* at) { CORE_EACH(part(at + h * CORE_WIDTH)); }
CORE_INLINE V all(double x) { CORE_EACH(R{} + x); }
CORE_INLINE V larger(V a, V b) { return choose(a > b, a, b); }
CORE_INLINE double total(V a) {
    for (Int step = LANES / 2; step; step /= 2)
        for (Int i = 0; i < step; ++i) a[i] += a[i + step];
    return a[0];
}
CORE_INLINE Mask flags(const unsigned char* at) {
    Mask out;
    for (int h = 0; h < PARTS; ++h)
        for (int i = 0; i < CORE_WIDTH; ++i) out.r[h][i] = at[h * CORE_WIDTH + i] ? -1 : 0;
    return out;
}

constexpr double ROUND = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds to an integer in the low bits
constexpr double LN2_HIGH = 0x1.62e42fefa3800p-1, LN2_LOW = 0x1.ef35793c76730p-45;

// exp for x <= 0, zero below -708: 2^n exp(r), |r| <= log(2) / 2, Taylor's sum to r^13 (remainder 4e-18). Below 1 ulp.
CORE_INLINE R exponential(R x) {
    const R shifted = x * 0x1.71547652b82fep+0 + ROUND;
    const R n = shifted - ROUND;
    const R r = (x - n * LN2_HIGH) - n * LN2_LOW;
    R sum = R{} + 1.0 / 6227020800.0;
    sum = sum * r + 1.0 / 479001600.0;
    sum = sum * r + 1.0 / 39916800.0;
    sum = sum * r + 1.0 / 3628800.0;
    sum = sum * r + 1.0 / 362880.0;
    sum = sum * r + 1.0 / 40320.0;
    sum = sum * r + 1.0 / 5040.0;
    sum = sum * r + 1.0 / 720.0;
    sum = sum * r + 1.0 / 120.0;
    sum = sum * r + 1.0 / 24.0;
    sum = sum * r + 1.0 / 6.0;
    sum = sum * r + 0.5;
    sum = (r + r * r * sum) + 1.0;
    const R scaled = (R)((I)sum + ((I)shifted << 52));
    return pick(x < -708.0, R{}, pick(x == x, scaled, x));
}

// log for normal positive x: x = 2^e m with m near 1, log m = 2 artanh((m - 1) / (m + 1)), 11 terms. About 1 ulp.
CORE_INLINE R logarithm(R x) {
    const I bits = (I)x;
    R m = (R)((bits & 0x000fffffffffffffLL) | 0x3ff0000000000000LL);
    const I high = m > 0x1.6a09e667f3bcdp+0;
    m = pick(high, m * 0.5, m);
    const I exponent = (bits >> 52) - 1023 - high;
    const R e = (R)(exponent + (I)(R{} + ROUND)) - ROUND;
    const R f = m - 1.0, s = f / (m + 1.0), z = s * s;
    R sum = R{} + 1.0 / 21.0;
    sum = sum * z + 1.0 / 19.0;
    sum = sum * z + 1.0 / 17.0;
    sum = sum * z + 1.0 / 15.0;
    sum = sum * z + 1.0 / 13.0;
    sum = sum * z + 1.0 / 11.0;
    sum = sum * z + 1.0 / 9.0;
    sum = sum * z + 1.0 / 7.0;
    sum = sum * z + 1.0 / 5.0;
    sum = sum * z + 1.0 / 3.0;
    return e * LN2_HIGH + (f - (s * (f - (z + z) * sum) - e * LN2_LOW));  // 2 s = f - s f, and f has no error
}

CORE_INLINE V exponential(V x) { CORE_EACH(exponential(x.r[h])); }
CORE_INLINE V logarithm(V x) { CORE_EACH(logarithm(x.r[h])); }

}  // namespace CORE_ISA
}  // namespace core
