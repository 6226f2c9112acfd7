// The heads on the last hidden state: a Linear to (heads * head_hidden), ReLU, and one Linear to a number per head.
// A hundredth of the work, so always in float32.
#pragma once

#include "layer_backward.h"

namespace ldtm {

// (heads * head_hidden, H), (heads * head_hidden), (heads, head_hidden), (heads): the weights, or their gradients.
struct HeadWeights {
  float *wide, *wide_bias, *out, *out_bias;
};

class Heads {
 public:
  Heads(int hidden, int heads, int each)
      : hidden_(hidden), heads_(heads), each_(each), wide_(zeros(int64_t(heads) * each * COLUMNS)) {}

  // hidden (H, 32) -> outputs (heads, 32).
  void forward(const HeadWeights& weights, const float* hidden, float* outputs) {
    for (int row = 0; row < heads_ * each_; row++) {
      const Vec bias = all(weights.wide_bias[row]);
      Vec sums[4] = {bias, bias, all(0.0f), all(0.0f)};
      const float* factors = weights.wide + int64_t(row) * hidden_;
      for (int unit = 0; unit < hidden_; unit += 2)
        for (int i = 0; i < 4; i++)
          sums[i] = _mm512_fmadd_ps(all(factors[unit + i / 2]), load(hidden + unit * COLUMNS + i * LANES), sums[i]);
      for (int half = 0; half < 2; half++)
        store(wide_.get() + row * COLUMNS + half * LANES,
              _mm512_max_ps(all(0.0f), _mm512_add_ps(sums[half], sums[half + 2])));
    }
    for (int head = 0; head < heads_; head++)
      for (int half = 0; half < 2; half++) {
        Vec sum = all(weights.out_bias[head]);
        for (int row = head * each_; row < (head + 1) * each_; row++)
          sum = _mm512_fmadd_ps(all(weights.out[row]), load(wide_.get() + row * COLUMNS + half * LANES), sum);
        store(outputs + head * COLUMNS + half * LANES, sum);
      }
  }

  // From the loss's gradient by the outputs (heads, 32): those by the weights, and by the hidden state (H, 32).
  void backward(const HeadWeights& weights, const HeadWeights& gradients, const float* hidden, const float* by_outputs,
                float* by_hidden) {
    memset(by_hidden, 0, int64_t(hidden_) * COLUMNS * 4);
    for (int row = 0; row < heads_ * each_; row++) {
      const float *outer = by_outputs + row / each_ * COLUMNS, *wide = wide_.get() + row * COLUMNS;
      Vec inner[2];
      for (int half = 0; half < 2; half++) {
        const auto passed = _mm512_cmp_ps_mask(load(wide + half * LANES), all(0.0f), _CMP_GT_OQ);
        inner[half] = _mm512_maskz_mul_ps(passed, all(weights.out[row]), load(outer + half * LANES));
      }
      gradients.out[row] = product(load(outer), load(outer + LANES), wide);
      gradients.wide_bias[row] = _mm512_reduce_add_ps(_mm512_add_ps(inner[0], inner[1]));
      for (int unit = 0; unit < hidden_; unit++) {
        const int64_t at = int64_t(row) * hidden_ + unit;
        gradients.wide[at] = product(inner[0], inner[1], hidden + unit * COLUMNS);
        float* to = by_hidden + unit * COLUMNS;
        for (int half = 0; half < 2; half++)
          store(to + half * LANES, _mm512_fmadd_ps(all(weights.wide[at]), inner[half], load(to + half * LANES)));
      }
    }
    for (int head = 0; head < heads_; head++)
      gradients.out_bias[head] = product(all(1.0f), all(1.0f), by_outputs + head * COLUMNS);
  }

 private:
  static float product(Vec left, Vec right, const float* row) {
    return _mm512_reduce_add_ps(_mm512_fmadd_ps(left, load(row), _mm512_mul_ps(right, load(row + LANES))));
  }

  const int hidden_, heads_, each_;
  Buffer wide_;
};

}  // namespace ldtm
