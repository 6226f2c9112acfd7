// A layer's backward pass: gradients by gates, by what it read, and by its weights.
#pragma once

#include "layer.h"

namespace ldtm {

template <class P>
void Layer<P>::pack_backward(const float* weights, int columns, int first_row) {
  const int64_t panel_size = int64_t(gate_steps_) * ROWS;
  for (int row = 0; row < gates_; row += 2) {
    const float* first = weights + int64_t(gate_row(row)) * columns;
    for (int column = 0; column < columns; column += LANES)
      P::pair(load(first + column), load(first + columns + column), [&](int step, Bits elements) {
        float* panel = transposed_.get() + (first_row + column) / ROWS * panel_size;
        put_in_panels(panel + (row / P::DEPTH + step) * ROWS, panel_size, elements);
      });
  }
}

template <class P>
void Layer<P>::start_backward() {
  memset(by_hidden_.get(), 0, int64_t(hidden_units_) * COLUMNS * 4);
  memset(by_cell_.get(), 0, int64_t(hidden_units_) * COLUMNS * 4);
}

template <class P>
void Layer<P>::backward(int time, const float* above, float* below) {
  const int64_t activations = int64_t(hidden_units_) * COLUMNS;
  const float *before = cells_.get() + time * activations, *tangents = tangents_.get() + time * activations;
  const Vec one = all(1.0f);
  for (int block = 0; block < blocks_; block++) {
    Vec gradients[4][2][2];
#pragma GCC unroll 2
    for (int unit = 0; unit < 2; unit++)
#pragma GCC unroll 2
      for (int half = 0; half < 2; half++) {
        const int at = (2 * block + unit) * COLUMNS + half * LANES;
        const float* saved = saved_at(time, block) + unit * COLUMNS + half * LANES;
        const Vec in = load(saved), forget = load(saved + 2 * COLUMNS), candidate = load(saved + 4 * COLUMNS);
        const Vec out = load(saved + 6 * COLUMNS), tangent = load(tangents + at);
        Vec by_hidden = load(by_hidden_.get() + at);
        if (above) by_hidden = _mm512_add_ps(by_hidden, load(above + at));
        const Vec slope = _mm512_fnmadd_ps(tangent, tangent, one);
        const Vec by_cell = _mm512_fmadd_ps(_mm512_mul_ps(by_hidden, out), slope, load(by_cell_.get() + at));
        store(by_cell_.get() + at, _mm512_mul_ps(by_cell, forget));
        const Vec in_slope = _mm512_fnmadd_ps(in, in, in), forget_slope = _mm512_fnmadd_ps(forget, forget, forget);
        gradients[0][unit][half] = _mm512_mul_ps(_mm512_mul_ps(by_cell, candidate), in_slope);
        gradients[1][unit][half] = _mm512_mul_ps(_mm512_mul_ps(by_cell, load(before + at)), forget_slope);
        const Vec candidate_slope = _mm512_fnmadd_ps(candidate, candidate, one);
        gradients[2][unit][half] = _mm512_mul_ps(_mm512_mul_ps(by_cell, in), candidate_slope);
        gradients[3][unit][half] = _mm512_mul_ps(_mm512_mul_ps(by_hidden, tangent), _mm512_fnmadd_ps(out, out, out));
      }
#pragma GCC unroll 4
    for (int gate = 0; gate < 4; gate++) {
      const int row = block * ROWS + 2 * gate;
      put(gate_columns_.get(), row, gradients[gate]);
      for (int i = 0; i < 4; i++)
        store(by_gates_.get() + (row + i / 2) * COLUMNS + i % 2 * LANES, gradients[gate][i / 2][i % 2]);
    }
  }
  const int64_t panel_size = int64_t(window_) * batch_steps_ * ROWS;
  for (int row = 0; row < gates_; row += 16) {
    float* panel = gate_panels_.get() + row / ROWS * panel_size + int64_t(time) * batch_steps_ * ROWS;
    P::turn([&](int i) { return by_gates_.get() + (row + i) * COLUMNS; },
            [&](int step, Bits elements) { put_in_panels(panel + step * ROWS, panel_size, elements); });
  }
  product_by_weights(time, below);
}

template <class P>
void Layer<P>::product_by_weights(int time, float* below) {
  const int first = time ? 0 : hidden_units_, last = hidden_units_ + (below ? inputs_ : 0);
  for (int row = first; row < last; row += ROWS) {
    Sums sums;
#pragma GCC unroll 8
    for (int i = 0; i < ROWS; i++) sums[i][0] = sums[i][1] = all(0.0f);
    multiply<P>(sums, transposed_.get() + int64_t(row) * gate_steps_, gate_columns_.get(), COLUMNS, gate_steps_);
    float* to = row < hidden_units_ ? by_hidden_.get() + row * COLUMNS : below + (row - hidden_units_) * COLUMNS;
#pragma GCC unroll 8
    for (int i = 0; i < ROWS; i++) {
      store(to + i * COLUMNS, sums[i][0]);
      store(to + i * COLUMNS + LANES, sums[i][1]);
    }
  }
}

template <class P>
void Layer<P>::weight_gradients(const LayerWeights& gradients) {
  const int steps = window_ * batch_steps_;
  const int64_t panel_size = int64_t(steps) * ROWS;
  for (int row = 0; row < gates_; row += ROWS) {
    alignas(32) float sums[ROWS];
    _mm256_store_ps(sums, P::row_sums(gate_panels_.get() + row / ROWS * panel_size, steps));
    for (int i = 0; i < ROWS; i++)
      gradients.input_bias[gate_row(row + i)] = gradients.hidden_bias[gate_row(row + i)] = sums[i];
  }
  // Columns outside, so that what is read again and again is the smaller operand.
  for (int column = 0; column < width_; column += COLUMNS) {
    const bool is_input = column < turned_inputs_;
    const int columns = is_input ? inputs_ : hidden_units_, first = is_input ? column : column - turned_inputs_;
    const int count = columns - first < COLUMNS ? columns - first : COLUMNS;
    // Before the first time, the hidden state is zero.
    const int from = is_input ? 0 : batch_steps_;
    for (int row = 0; row < gates_; row += ROWS) {
      Sums sums;
#pragma GCC unroll 8
      for (int i = 0; i < ROWS; i++) sums[i][0] = sums[i][1] = all(0.0f);
      const float* panel = gate_panels_.get() + row / ROWS * panel_size + from * ROWS;
      multiply<P>(sums, panel, turned_at(0) + from * width_ + column, width_, steps - from);
      float* to = (is_input ? gradients.input : gradients.hidden) + first;
      alignas(64) float values[COLUMNS];
#pragma GCC unroll 8
      for (int i = 0; i < ROWS; i++) {
        store(values, sums[i][0]);
        store(values + LANES, sums[i][1]);
        memcpy(to + int64_t(gate_row(row + i)) * columns, values, count * 4);
      }
    }
  }
}

}  // namespace ldtm
