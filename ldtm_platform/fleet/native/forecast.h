// One window through a network of its own, many times over: forecasts of a fleet, a row of weights per ticker.
//
// Training multiplies a matrix by 32 windows; here each is multiplied by one, so the time goes into reading weights. A
// layer is carried through the whole window before the next, which keeps its half megabyte in the cache. Weights are
// read where they lie, and a ticker's outputs depend on nothing but its row and its window.
#pragma once

#include <algorithm>

#include "network.h"

namespace ldtm {

// Vectors of so many floats: the last may be shorter, and what lies beyond counts as zero.
inline __mmask16 lanes(int left) { return left >= LANES ? 0xffff : __mmask16((1 << left) - 1); }

// Sixteen rows of a matrix, (16, columns), times a vector.
inline Vec product16(const float* rows, int columns, const float* vector) {
  Vec sums[16];
#pragma GCC unroll 16
  for (int row = 0; row < 16; row++) sums[row] = all(0.0f);
  for (int column = 0; column < columns; column += LANES) {
    const __mmask16 there = lanes(columns - column);
    const Vec factor = _mm512_maskz_loadu_ps(there, vector + column);
#pragma GCC unroll 16
    for (int row = 0; row < 16; row++)
      sums[row] = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(there, rows + row * columns + column), factor, sums[row]);
  }
  Bits turned[16];
#pragma GCC unroll 16
  for (int row = 0; row < 16; row++) turned[row] = _mm512_castps_si512(sums[row]);
  transpose(turned);
#pragma GCC unroll 16
  for (int row = 0; row < 16; row++) sums[row] = _mm512_castsi512_ps(turned[row]);
#pragma GCC unroll 4
  for (int step = 8; step > 0; step /= 2)
    for (int row = 0; row < step; row++) sums[row] = _mm512_add_ps(sums[row], sums[row + step]);
  return sums[0];
}

inline float product(const float* row, int columns, const float* vector) {
  Vec sum = all(0.0f);
  for (int column = 0; column < columns; column += LANES) {
    const __mmask16 there = lanes(columns - column);
    sum = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(there, row + column), _mm512_maskz_loadu_ps(there, vector + column), sum);
  }
  return _mm512_reduce_add_ps(sum);
}

class Forecaster {
 public:
  explicit Forecaster(const Shape& shape)
      : shape_(shape), states_(zeros(int64_t(shape.window + 1) * shape.hidden)),
        gates_(zeros(int64_t(shape.window) * 4 * shape.hidden)), cell_(zeros(shape.hidden)),
        wide_(zeros(shape.head_hidden)) {}

  // The outputs (heads) for a window (window, inputs).
  void outputs(const Weights& weights, const float* window, float* outputs) {
    layer(weights.layers[0], window, shape_.inputs);
    for (int number = 1; number < shape_.layers; number++)
      layer(weights.layers[number], states_.get() + shape_.hidden, shape_.hidden);
    heads(weights.heads, states_.get() + int64_t(shape_.window) * shape_.hidden, outputs);
  }

 private:
  // From what it reads, (window, width), a layer's hidden states: states_[1..], after the zeros before the first time.
  void layer(const LayerWeights& weights, const float* read, int width) {
    const int hidden = shape_.hidden, gates = 4 * hidden;
    for (int row = 0; row < gates; row += 16) {
      const Vec bias = _mm512_add_ps(load(weights.input_bias + row), load(weights.hidden_bias + row));
      for (int time = 0; time < shape_.window; time++)
        store(gates_.get() + int64_t(time) * gates + row,
              _mm512_add_ps(bias, product16(weights.input + int64_t(row) * width, width, read + int64_t(time) * width)));
    }
    std::fill_n(cell_.get(), hidden, 0.0f);
    for (int time = 0; time < shape_.window; time++) step(weights.hidden, time);
  }

  void step(const float* weights, int time) {
    const int hidden = shape_.hidden, gates = 4 * hidden;
    float *sums = gates_.get() + int64_t(time) * gates, *before = states_.get() + int64_t(time) * hidden;
    if (time)
      for (int row = 0; row < gates; row += 16)
        store(sums + row, _mm512_add_ps(load(sums + row), product16(weights + int64_t(row) * hidden, hidden, before)));
    for (int unit = 0; unit < hidden; unit += LANES) {
      const Vec in = sigmoid(load(sums + unit)), forget = sigmoid(load(sums + hidden + unit));
      const Vec candidate = tanh(load(sums + 2 * hidden + unit)), out = sigmoid(load(sums + 3 * hidden + unit));
      const Vec cell = _mm512_fmadd_ps(forget, load(cell_.get() + unit), _mm512_mul_ps(in, candidate));
      store(cell_.get() + unit, cell);
      store(before + hidden + unit, _mm512_mul_ps(out, tanh(cell)));
    }
  }

  void heads(const HeadWeights& weights, const float* last, float* outputs) {
    for (int head = 0; head < shape_.heads; head++) {
      for (int unit = 0; unit < shape_.head_hidden; unit++) {
        const int64_t row = int64_t(head) * shape_.head_hidden + unit;
        const float sum = product(weights.wide + row * shape_.hidden, shape_.hidden, last) + weights.wide_bias[row];
        wide_[unit] = sum > 0.0f ? sum : 0.0f;
      }
      outputs[head] = product(weights.out + int64_t(head) * shape_.head_hidden, shape_.head_hidden, wide_.get());
      outputs[head] += weights.out_bias[head];
    }
  }

  const Shape shape_;
  // Hidden states (window + 1, H), sums of gates (window, 4H), the cell (H), and a head's hidden units.
  Buffer states_, gates_, cell_, wide_;
};

}  // namespace ldtm
