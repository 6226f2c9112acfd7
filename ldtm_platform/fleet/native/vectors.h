// Vectors of 16 floats, and the few functions of them that an LSTM needs.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace ldtm {

using Vec = __m512;
using Bits = __m512i;

constexpr int LANES = 16;           // floats in a vector
constexpr int COLUMNS = 2 * LANES;  // examples of a batch, side by side: every activation is [unit][32 examples]

inline Vec load(const float* from) { return _mm512_loadu_ps(from); }
inline void store(float* to, Vec values) { _mm512_storeu_ps(to, values); }
inline Vec all(float value) { return _mm512_set1_ps(value); }

// e^x to one unit in the last place (Cephes): 2^n times a polynomial of the rest. What is no number stays none.
inline Vec exponential(Vec x) {
  x = _mm512_max_ps(all(-87.0f), _mm512_min_ps(all(88.0f), x));
  const Vec n = _mm512_roundscale_ps(_mm512_mul_ps(x, all(1.44269504f)), _MM_FROUND_TO_NEAREST_INT);
  const Vec rest = _mm512_fnmadd_ps(n, all(-2.12194440e-4f), _mm512_fnmadd_ps(n, all(0.693359375f), x));
  Vec sum = all(1.9875691500e-4f);
  for (const float term : {1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f})
    sum = _mm512_fmadd_ps(sum, rest, all(term));
  sum = _mm512_fmadd_ps(sum, _mm512_mul_ps(rest, rest), _mm512_add_ps(rest, all(1.0f)));
  return _mm512_scalef_ps(sum, n);
}

// 1 / x for x >= 1: an estimate of 14 bits, and one step of Newton.
inline Vec reciprocal(Vec x) {
  const Vec estimate = _mm512_rcp14_ps(x);
  return _mm512_mul_ps(estimate, _mm512_fnmadd_ps(x, estimate, all(2.0f)));
}

inline Vec sigmoid(Vec x) { return reciprocal(_mm512_add_ps(all(1.0f), exponential(_mm512_sub_ps(all(0.0f), x)))); }

inline Vec tanh(Vec x) { return _mm512_fmsub_ps(all(2.0f), sigmoid(_mm512_add_ps(x, x)), all(1.0f)); }

// The transpose of 16 x 16 numbers of 32 bits, in place.
inline void transpose(Bits (&rows)[16]) {
  Bits twos[16], fours[16];
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    twos[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
    twos[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    fours[i] = _mm512_unpacklo_epi64(twos[i], twos[i + 2]);
    fours[i + 1] = _mm512_unpackhi_epi64(twos[i], twos[i + 2]);
    fours[i + 2] = _mm512_unpacklo_epi64(twos[i + 1], twos[i + 3]);
    fours[i + 3] = _mm512_unpackhi_epi64(twos[i + 1], twos[i + 3]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    const Bits even0 = _mm512_shuffle_i32x4(fours[i], fours[i + 4], 0x88);
    const Bits odd0 = _mm512_shuffle_i32x4(fours[i], fours[i + 4], 0xdd);
    const Bits even1 = _mm512_shuffle_i32x4(fours[i + 8], fours[i + 12], 0x88);
    const Bits odd1 = _mm512_shuffle_i32x4(fours[i + 8], fours[i + 12], 0xdd);
    rows[i] = _mm512_shuffle_i32x4(even0, even1, 0x88);
    rows[i + 8] = _mm512_shuffle_i32x4(even0, even1, 0xdd);
    rows[i + 4] = _mm512_shuffle_i32x4(odd0, odd1, 0x88);
    rows[i + 12] = _mm512_shuffle_i32x4(odd0, odd1, 0xdd);
  }
}

}  // namespace ldtm
