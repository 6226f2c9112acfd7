// A whole network: layers with dropout between them, and heads; a batch of 32 windows forward and backward.
#pragma once

#include <vector>

#include "heads.h"

namespace ldtm {

struct Shape {
  int32_t inputs, hidden, layers, window, heads, head_hidden;
};

// Which hidden states dropout lets through, by a hash of the epoch's key and of where each is: step of the epoch,
// layer, time, unit and example. fleet/dropout.py reckons the same in Python.
struct Dropout {
  float share;
  uint64_t key;

  // For the 32 examples of one unit, whose number is counted over the epoch.
  uint32_t kept(uint32_t unit) const {
    const Bits lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const Bits threshold = _mm512_set1_epi32(uint32_t((1.0 - double(share)) * 4294967296.0 - 1.0));
    uint32_t bits = 0;
    for (int half = 0; half < 2; half++) {
      Bits x = _mm512_add_epi32(_mm512_set1_epi32(unit * COLUMNS + half * LANES), lanes);
      x = mixed(_mm512_xor_si512(x, _mm512_set1_epi32(uint32_t(key))));
      x = mixed(_mm512_xor_si512(x, _mm512_set1_epi32(uint32_t(key >> 32))));
      bits |= uint32_t(_mm512_cmple_epu32_mask(x, threshold)) << (half * LANES);
    }
    return bits;
  }

 private:
  static Bits mixed(Bits x) {
    x = _mm512_xor_si512(x, _mm512_srli_epi32(x, 16));
    x = _mm512_mullo_epi32(x, _mm512_set1_epi32(0x7feb352d));
    x = _mm512_xor_si512(x, _mm512_srli_epi32(x, 15));
    x = _mm512_mullo_epi32(x, _mm512_set1_epi32(0x846ca68bu));
    return _mm512_xor_si512(x, _mm512_srli_epi32(x, 16));
  }
};

struct Weights {
  std::vector<LayerWeights> layers;
  HeadWeights heads;

  // Where they lie in one row of floats (fleet/stacked/layout.py).
  Weights(const Shape& shape, float* row) {
    const auto next = [&row](int64_t count) { return (row += count) - count; };
    const int64_t gates = 4 * shape.hidden, wide = int64_t(shape.heads) * shape.head_hidden;
    for (int layer = 0; layer < shape.layers; layer++) {
      const int64_t inputs = layer ? shape.hidden : shape.inputs;
      LayerWeights weights;
      weights.input = next(gates * inputs);
      weights.hidden = next(gates * shape.hidden);
      weights.input_bias = next(gates);
      weights.hidden_bias = next(gates);
      layers.push_back(weights);
    }
    heads.wide = next(wide * shape.hidden);
    heads.wide_bias = next(wide);
    heads.out = next(wide);
    heads.out_bias = next(shape.heads);
  }
};

template <class P>
class Network {
 public:
  Network(const Shape& shape, bool training)
      : shape_(shape), heads_(shape.hidden, shape.heads, shape.head_hidden),
        windows_(zeros(int64_t(shape.window) * padded_inputs() * COLUMNS)), outputs_(zeros(shape.heads * COLUMNS)),
        by_outputs_(zeros(shape.heads * COLUMNS)) {
    const int64_t activations = int64_t(shape.hidden) * COLUMNS;
    for (int layer = 0; layer < shape.layers; layer++)
      layers_.emplace_back(layer ? shape.hidden : shape.inputs, shape.hidden, shape.window, training);
    dropped_ = zeros(activations);
    if (!training) return;
    gradients_ = zeros(shape.window * activations);
    by_last_ = zeros(activations);
    kept_.resize(int64_t(shape.layers) * shape.window * shape.hidden);
  }

  // Where the example's window goes: at(time, input) for each of its numbers.
  float& window(int time, int input, int example) {
    return windows_[(int64_t(time) * padded_inputs() + input) * COLUMNS + example];
  }
  float* outputs() { return outputs_.get(); }        // (heads, 32), after forward
  float* by_outputs() { return by_outputs_.get(); }  // (heads, 32), before backward

  void pack(const Weights& weights, bool training) {
    for (size_t layer = 0; layer < layers_.size(); layer++) layers_[layer].pack(weights.layers[layer], training);
  }

  void forward(const Weights& weights, bool training, const Dropout& dropout, uint32_t step) {
    for (int time = 0; time < shape_.window; time++) {
      const float* rows = windows_.get() + int64_t(time) * padded_inputs() * COLUMNS;
      for (size_t layer = 0; layer < layers_.size(); layer++) {
        const int inputs = layer ? shape_.hidden : shape_.inputs;
        for (int row = 0; row < inputs; row += 2) layers_[layer].put_input(time, row, rows + row * COLUMNS);
        if (training) layers_[layer].turn_input(time, rows);
        layers_[layer].forward(time, training);
        rows = layers_[layer].hidden();
        if (training && dropout.share > 0 && layer + 1 < layers_.size()) rows = drop(layer, time, rows, dropout, step);
      }
    }
    heads_.forward(weights.heads, layers_.back().hidden(), outputs_.get());
  }

  void backward(const Weights& weights, const Weights& gradients, const Dropout& dropout) {
    const int64_t activations = int64_t(shape_.hidden) * COLUMNS;
    heads_.backward(weights.heads, gradients.heads, layers_.back().hidden(), by_outputs_.get(), by_last_.get());
    for (int layer = int(layers_.size()) - 1; layer >= 0; layer--) {
      const bool is_last = layer + 1 == int(layers_.size());
      layers_[layer].start_backward();
      for (int time = shape_.window - 1; time >= 0; time--) {
        // A layer reads its gradient here, and leaves that of the layer below in its place.
        float* here = gradients_.get() + time * activations;
        const float* above = !is_last ? here : time == shape_.window - 1 ? by_last_.get() : nullptr;
        layers_[layer].backward(time, above, layer ? here : nullptr);
        if (layer && dropout.share > 0) apply(layer - 1, time, here, here, dropout);
      }
      layers_[layer].weight_gradients(gradients.layers[layer]);
    }
  }

 private:
  int padded_inputs() const { return (shape_.inputs + 15) / 16 * 16; }

  uint32_t* kept(int layer, int time) { return kept_.data() + (int64_t(layer) * shape_.window + time) * shape_.hidden; }

  const float* drop(int layer, int time, const float* rows, const Dropout& dropout, uint32_t step) {
    const uint32_t first = ((step * (shape_.layers - 1) + layer) * shape_.window + time) * shape_.hidden;
    for (int unit = 0; unit < shape_.hidden; unit++) kept(layer, time)[unit] = dropout.kept(first + unit);
    apply(layer, time, rows, dropped_.get(), dropout);
    return dropped_.get();
  }

  void apply(int layer, int time, const float* from, float* to, const Dropout& dropout) {
    const Vec scale = all(1.0f / (1.0f - dropout.share));
    for (int unit = 0; unit < shape_.hidden; unit++)
      for (int half = 0; half < 2; half++) {
        const int at = unit * COLUMNS + half * LANES;
        const __mmask16 passed = kept(layer, time)[unit] >> (half * LANES);
        store(to + at, _mm512_maskz_mul_ps(passed, load(from + at), scale));
      }
  }

  const Shape shape_;
  std::vector<Layer<P>> layers_;
  Heads heads_;
  Buffer windows_, outputs_, by_outputs_, dropped_, gradients_, by_last_;
  std::vector<uint32_t> kept_;
};

}  // namespace ldtm
