// Matrix products in float32 or bfloat16: the operands' layouts, how they are packed, and the one inner loop.
//
// A product's left operand is in panels of 8 rows, [panel][step][8]; its right one in rows of columns, [step][columns].
// An element is 32 bits: one float, or two bfloat16 that follow each other along the summed dimension. So both
// precisions share every loop, and differ in one instruction and in how many numbers (DEPTH) a step sums.
#pragma once

#include "vectors.h"

namespace ldtm {

constexpr int ROWS = 8;  // rows of a panel: 8 x 32 sums stay in 16 registers

using Sums = Vec[ROWS][2];

struct Float32 {
  static constexpr int DEPTH = 1;

  static Vec multiply_add(Vec left, Vec right, Vec sum) { return _mm512_fmadd_ps(left, right, sum); }

  // Two rows of 16 numbers that follow each other along the summed dimension, as steps for `take(step, elements)`.
  template <class Take>
  static void pair(Vec first, Vec second, Take take) {
    take(0, _mm512_castps_si512(first));
    take(1, _mm512_castps_si512(second));
  }

  // 16 rows of 32 numbers, turned so that the 32 are summed over: `row(i)` is a row, `take(step, elements)` gets 16.
  template <class Row, class Take>
  static void turn(Row row, Take take) {
    for (int half = 0; half < 2; half++) {
      Bits block[16];
      for (int i = 0; i < 16; i++) block[i] = _mm512_castps_si512(load(row(i) + half * LANES));
      transpose(block);
      for (int i = 0; i < 16; i++) take(half * LANES + i, block[i]);
    }
  }

  // The sums of a panel's 8 rows.
  static __m256 row_sums(const float* panel, int steps) {
    __m256 sums = _mm256_setzero_ps();
    for (int step = 0; step < steps; step++) sums = _mm256_add_ps(sums, _mm256_loadu_ps(panel + step * ROWS));
    return sums;
  }
};

#ifdef __AVX512BF16__
struct Bfloat16 {
  static constexpr int DEPTH = 2;

  static Vec multiply_add(Vec left, Vec right, Vec sum) {
    return _mm512_dpbf16_ps(sum, (__m512bh)left, (__m512bh)right);
  }

  template <class Take>
  static void pair(Vec first, Vec second, Take take) {
    const Bits interleaved = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8,  //
                                              23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    take(0, _mm512_permutexvar_epi16(interleaved, (Bits)_mm512_cvtne2ps_pbh(second, first)));
  }

  template <class Row, class Take>
  static void turn(Row row, Take take) {
    Bits block[16];
    for (int i = 0; i < 16; i++) block[i] = (Bits)_mm512_cvtne2ps_pbh(load(row(i) + LANES), load(row(i)));
    transpose(block);
    for (int i = 0; i < 16; i++) take(i, block[i]);
  }

  static __m256 row_sums(const float* panel, int steps) {
    const __m256bh ones = (__m256bh)_mm256_set1_epi16(0x3f80);
    __m256 sums = _mm256_setzero_ps();
    for (int step = 0; step < steps; step++)
      sums = _mm256_dpbf16_ps(sums, (__m256bh)_mm256_loadu_ps(panel + step * ROWS), ones);
    return sums;
  }
};
#endif

// Add a panel times 32 columns to the sums: the inner loop of everything here.
template <class Precision>
inline void multiply(Sums& sums, const float* panel, const float* columns, int stride, int steps) {
  for (int step = 0; step < steps; step++) {
    const Vec left = load(columns), right = load(columns + LANES);
#pragma GCC unroll 8
    for (int row = 0; row < ROWS; row++) {
      const Vec factor = all(panel[row]);
      sums[row][0] = Precision::multiply_add(factor, left, sums[row][0]);
      sums[row][1] = Precision::multiply_add(factor, right, sums[row][1]);
    }
    panel += ROWS;
    columns += stride;
  }
}

// Half of a vector into each of two panels that follow each other.
inline void put_in_panels(float* panel, int64_t panel_size, Bits elements) {
  _mm256_storeu_si256((__m256i*)panel, _mm512_castsi512_si256(elements));
  _mm256_storeu_si256((__m256i*)(panel + panel_size), _mm512_extracti64x4_epi64(elements, 1));
}

}  // namespace ldtm
