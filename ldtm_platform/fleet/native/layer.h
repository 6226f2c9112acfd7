// One LSTM layer over a batch of 32 windows: its forward pass, its backward pass, and what both keep in between.
//
// Rows of gates come in blocks of 8: input, forget, cell and output gate of unit 2b and 2b + 1, two rows each. So one
// block of a product has all that two units need, and the gates are applied before the sums leave their registers.
#pragma once

#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include "products.h"

namespace ldtm {

struct Free {
  void operator()(float* memory) const { free(memory); }
};
using Buffer = std::unique_ptr<float[], Free>;

// Zeros at the start of a cache line. Throws std::bad_alloc.
inline Buffer zeros(int64_t count) {
  const int64_t bytes = (count * 4 + 63) / 64 * 64;
  float* memory = static_cast<float*>(aligned_alloc(64, bytes));
  if (!memory) throw std::bad_alloc();
  return Buffer(static_cast<float*>(memset(memory, 0, bytes)));
}

// A layer's weights, or their gradients, in nn.LSTM's own layout: (4H, inputs), (4H, H), (4H), (4H).
struct LayerWeights {
  float *input, *hidden, *input_bias, *hidden_bias;
};

template <class P>
class Layer {
 public:
  Layer(int inputs, int hidden, int window, bool training);

  void pack(const LayerWeights& weights, bool training);

  // What the layer reads at a time: two of its input rows, first and first + 1, of 32 examples each.
  void put_input(int time, int first, const float* rows) {
    const float* next = rows + COLUMNS;
    put(input_at(time), first, {{load(rows), load(rows + LANES)}, {load(next), load(next + LANES)}});
  }
  // Needed to train: all input rows of a time, (inputs, 32), turned for the weights' gradient.
  void turn_input(int time, const float* rows);
  // Reckon hidden(), (H, 32), from the inputs put at that time and the time before.
  void forward(int time, bool training);
  const float* hidden() const { return hidden_.get(); }

  // From the last time to the first: `above` (H, 32) is the loss's gradient by hidden(); the gradient by the inputs is
  // written to `below` (inputs, 32) unless that is null.
  void start_backward();
  void backward(int time, const float* above, float* below);
  void weight_gradients(const LayerWeights& gradients);

 private:
  float* input_at(int time) { return inputs_at_.get() + int64_t(time) * steps_ * COLUMNS; }
  float* turned_at(int time) { return turned_.get() + int64_t(time) * batch_steps_ * width_; }
  float* saved_at(int time, int block) { return saved_.get() + (int64_t(time) * blocks_ + block) * ROWS * COLUMNS; }

  void put(float* columns, int first, const Vec (&rows)[2][2]) {
    for (int half = 0; half < 2; half++)
      P::pair(rows[0][half], rows[1][half], [&](int step, Bits elements) {
        _mm512_storeu_si512(columns + (first / P::DEPTH + step) * COLUMNS + half * LANES, elements);
      });
  }
  // The row of a weight matrix that comes so-and-so-many'th in the order of blocks.
  int gate_row(int row) const { return row % ROWS / 2 * hidden_units_ + row / ROWS * 2 + row % 2; }
  void pack_forward(const float* weights, int columns, int first_step);
  void pack_backward(const float* weights, int columns, int first_row);
  void turn_hidden(int time);
  void product_by_weights(int time, float* below);

  const int inputs_, hidden_units_, window_;
  const int blocks_ = hidden_units_ / 2, gates_ = 4 * hidden_units_;
  const int input_steps_ = (inputs_ + 1) / 2 * 2 / P::DEPTH, steps_ = input_steps_ + hidden_units_ / P::DEPTH;
  const int batch_steps_ = COLUMNS / P::DEPTH, gate_steps_ = gates_ / P::DEPTH;
  const int turned_inputs_ = (inputs_ + COLUMNS - 1) / COLUMNS * COLUMNS, width_ = turned_inputs_ + hidden_units_;

  // Weights: [block][steps][8] with a bias per row; and their transpose, [(H + inputs) / 8][gate steps][8].
  Buffer panels_, bias_, transposed_;
  // What a step of time reads, [T + 1][steps][32]; the same turned, [T + 1][batch steps][width].
  Buffer inputs_at_, turned_;
  // Gates [T][block][8][32], cells [T + 1][H][32], and their hyperbolic tangents [T][H][32].
  Buffer saved_, cells_, tangents_, hidden_;
  // Gradients: by hidden state and cell (H, 32); by gates (4H, 32), as columns, and turned [block][T * batch steps][8].
  Buffer by_hidden_, by_cell_, by_gates_, gate_columns_, gate_panels_;
};

template <class P>
Layer<P>::Layer(int inputs, int hidden, int window, bool training)
    : inputs_(inputs), hidden_units_(hidden), window_(window) {
  const int64_t activations = int64_t(hidden) * COLUMNS;
  panels_ = zeros(int64_t(gates_) * steps_);
  bias_ = zeros(gates_);
  inputs_at_ = zeros(int64_t(window + 1) * steps_ * COLUMNS);
  cells_ = zeros((window + 1) * activations);
  hidden_ = zeros(activations);
  if (!training) return;
  transposed_ = zeros(int64_t(inputs + hidden) * gate_steps_);
  turned_ = zeros(int64_t(window + 1) * batch_steps_ * width_);
  saved_ = zeros(window * 4 * activations);
  tangents_ = zeros(window * activations);
  by_hidden_ = zeros(activations);
  by_cell_ = zeros(activations);
  by_gates_ = zeros(4 * activations);
  gate_columns_ = zeros(int64_t(gate_steps_) * COLUMNS);
  gate_panels_ = zeros(int64_t(gates_) * window * batch_steps_);
}

template <class P>
void Layer<P>::pack(const LayerWeights& weights, bool training) {
  for (int row = 0; row < gates_; row++)
    bias_[row] = weights.input_bias[gate_row(row)] + weights.hidden_bias[gate_row(row)];
  pack_forward(weights.input, inputs_, 0);
  pack_forward(weights.hidden, hidden_units_, input_steps_);
  if (!training) return;
  pack_backward(weights.hidden, hidden_units_, 0);
  // The first layer's inputs are data, of any number: nothing is asked of their gradient.
  if (inputs_ % LANES == 0) pack_backward(weights.input, inputs_, hidden_units_);
}

template <class P>
void Layer<P>::pack_forward(const float* weights, int columns, int first_step) {
  const int64_t panel_size = int64_t(steps_) * ROWS;
  alignas(64) float padded[16][COLUMNS] = {};
  for (int row = 0; row < gates_; row += 16)
    for (int column = 0; column < columns; column += COLUMNS) {
      const bool whole = column + COLUMNS <= columns;
      if (!whole)
        for (int i = 0; i < 16; i++)
          memcpy(padded[i], weights + int64_t(gate_row(row + i)) * columns + column, (columns - column) * 4);
      float* to = panels_.get() + row / ROWS * panel_size + (first_step + column / P::DEPTH) * ROWS;
      const int left = (columns - column + P::DEPTH - 1) / P::DEPTH;
      P::turn([&](int i) { return whole ? weights + int64_t(gate_row(row + i)) * columns + column : padded[i]; },
              [&](int step, Bits elements) {
                if (step < left) put_in_panels(to + step * ROWS, panel_size, elements);
              });
    }
}

template <class P>
void Layer<P>::turn_input(int time, const float* rows) {
  float* to = turned_at(time);
  for (int first = 0; first < inputs_; first += 16)
    P::turn([&](int i) { return rows + (first + i) * COLUMNS; },
            [&](int step, Bits elements) { _mm512_storeu_si512(to + step * width_ + first, elements); });
}

template <class P>
void Layer<P>::forward(int time, bool training) {
  const int64_t activations = int64_t(hidden_units_) * COLUMNS;
  const float* before = cells_.get() + time * activations;
  float *after = cells_.get() + (time + 1) * activations, *tangents = tangents_.get() + time * activations;
  float* next = input_at(time + 1) + input_steps_ * COLUMNS;
  // Before the first time, the hidden state is zero.
  const int steps = time ? steps_ : input_steps_;
  for (int block = 0; block < blocks_; block++) {
    Sums sums;
#pragma GCC unroll 8
    for (int row = 0; row < ROWS; row++) sums[row][0] = sums[row][1] = all(bias_[block * ROWS + row]);
    multiply<P>(sums, panels_.get() + int64_t(block) * steps_ * ROWS, input_at(time), COLUMNS, steps);
    Vec states[2][2];
#pragma GCC unroll 2
    for (int unit = 0; unit < 2; unit++)
#pragma GCC unroll 2
      for (int half = 0; half < 2; half++) {
        const int at = (2 * block + unit) * COLUMNS + half * LANES;
        const Vec in = sigmoid(sums[unit][half]), forget = sigmoid(sums[2 + unit][half]);
        const Vec candidate = tanh(sums[4 + unit][half]), out = sigmoid(sums[6 + unit][half]);
        const Vec cell = _mm512_fmadd_ps(forget, load(before + at), _mm512_mul_ps(in, candidate));
        const Vec tangent = tanh(cell);
        states[unit][half] = _mm512_mul_ps(out, tangent);
        store(after + at, cell);
        store(hidden_.get() + at, states[unit][half]);
        if (!training) continue;
        float* saved = saved_at(time, block) + unit * COLUMNS + half * LANES;
        store(saved, in);
        store(saved + 2 * COLUMNS, forget);
        store(saved + 4 * COLUMNS, candidate);
        store(saved + 6 * COLUMNS, out);
        store(tangents + at, tangent);
      }
    put(next, 2 * block, states);
  }
  if (training) turn_hidden(time + 1);
}

template <class P>
void Layer<P>::turn_hidden(int time) {
  float* to = turned_at(time) + turned_inputs_;
  for (int first = 0; first < hidden_units_; first += 16)
    P::turn([&](int i) { return hidden_.get() + (first + i) * COLUMNS; },
            [&](int step, Bits elements) { _mm512_storeu_si512(to + step * width_ + first, elements); });
}

}  // namespace ldtm
