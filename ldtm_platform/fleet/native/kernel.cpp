// The kernel's C interface: an epoch of training of one network on one core, and its outputs; and the outputs of many
// networks for a window each. No PyTorch headers.
//
// A network's parameters are one row of floats in nn.LSTM's own layout (fleet/stacked/layout.py), and so are AdamW's
// two moments. Nothing here is shared between handles, so each may be used on a thread of its own.

#include <algorithm>
#include <cmath>

#include "forecast.h"

namespace ldtm {

struct Examples {
  const float* inputs;   // (n, window, inputs)
  const float* targets;  // (n, heads)
  const uint8_t* used;   // (n, heads): whether the target counts
};

struct Training {
  float *row, *first_moment, *second_moment, *gradient;  // (width)
  int64_t width, steps_before;
  int32_t batch_size;
  float dropout;
  double rate, weight_decay;
  uint64_t key;
};

class Handle {
 public:
  virtual ~Handle() = default;
  virtual double epoch(const Training& training, const Examples& examples, const int64_t* order, int64_t count) = 0;
  virtual void outputs(const float* row, const float* inputs, int64_t count, float* outputs) = 0;
};

// One step of AdamW as PyTorch takes it: decay, moments, and the step by their ratio.
static void adamw(const Training& training, int64_t step) {
  const double beta1 = 0.9, beta2 = 0.999;
  const Vec decay = all(float(1 - training.rate * training.weight_decay)), epsilon = all(1e-8f);
  // Reckoned in double: 1 - 0.999f is off in its fifth digit.
  const Vec new1 = all(float(1 - beta1)), old2 = all(float(beta2)), new2 = all(float(1 - beta2));
  const Vec size = all(float(training.rate / (1 - std::pow(beta1, double(step)))));
  const Vec unbiased = all(float(1 / std::sqrt(1 - std::pow(beta2, double(step)))));
  for (int64_t at = 0; at < training.width; at += LANES) {
    const Vec gradient = load(training.gradient + at);
    Vec first = load(training.first_moment + at), second = load(training.second_moment + at);
    first = _mm512_fmadd_ps(new1, _mm512_sub_ps(gradient, first), first);
    second = _mm512_fmadd_ps(_mm512_mul_ps(new2, gradient), gradient, _mm512_mul_ps(old2, second));
    const Vec ratio = _mm512_div_ps(first, _mm512_fmadd_ps(_mm512_sqrt_ps(second), unbiased, epsilon));
    store(training.first_moment + at, first);
    store(training.second_moment + at, second);
    store(training.row + at, _mm512_fnmadd_ps(size, ratio, _mm512_mul_ps(load(training.row + at), decay)));
  }
}

template <class P>
class Trainer final : public Handle {
 public:
  Trainer(const Shape& shape, bool training) : shape_(shape), network_(shape, training) {}

  double epoch(const Training& training, const Examples& examples, const int64_t* order, int64_t count) override {
    const Weights weights(shape_, training.row), gradients(shape_, training.gradient);
    const Dropout dropout{training.dropout, training.key};
    double sum = 0;
    for (int64_t first = 0, step = 0; first < count; first += training.batch_size, step++) {
      const int examples_here = int(std::min<int64_t>(training.batch_size, count - first));
      gather(examples.inputs, order + first, first, examples_here);
      network_.pack(weights, true);
      network_.forward(weights, true, dropout, uint32_t(step));
      sum += loss(examples, order + first, examples_here) * examples_here;
      network_.backward(weights, gradients, dropout);
      adamw(training, training.steps_before + step + 1);
    }
    return sum / double(count);
  }

  void outputs(const float* row, const float* inputs, int64_t count, float* outputs) override {
    const Weights weights(shape_, const_cast<float*>(row));
    network_.pack(weights, false);
    for (int64_t first = 0; first < count; first += COLUMNS) {
      const int examples_here = int(std::min<int64_t>(COLUMNS, count - first));
      gather(inputs, nullptr, first, examples_here);
      network_.forward(weights, false, Dropout{0.0f, 0}, 0);
      for (int example = 0; example < examples_here; example++)
        for (int head = 0; head < shape_.heads; head++)
          outputs[(first + example) * shape_.heads + head] = network_.outputs()[head * COLUMNS + example];
    }
  }

 private:
  // The windows at those positions, or those from the first on; columns without an example hold zeros.
  void gather(const float* inputs, const int64_t* positions, int64_t first, int count) {
    for (int example = 0; example < COLUMNS; example++) {
      const int64_t position = example >= count ? 0 : positions ? positions[example] : first + example;
      const float* window = inputs + position * shape_.window * shape_.inputs;
      for (int time = 0; time < shape_.window; time++)
        for (int input = 0; input < shape_.inputs; input++)
          network_.window(time, input, example) = example < count ? *window++ : 0.0f;
    }
  }

  // The sum of the heads' mean squared errors over the targets that count; and its gradient by the outputs.
  double loss(const Examples& examples, const int64_t* positions, int count) {
    double sum = 0;
    for (int head = 0; head < shape_.heads; head++) {
      const float* outputs = network_.outputs() + head * COLUMNS;
      float* gradient = network_.by_outputs() + head * COLUMNS;
      int counted = 0;
      for (int example = 0; example < count; example++)
        counted += examples.used[positions[example] * shape_.heads + head];
      double squared = 0;
      for (int example = 0; example < COLUMNS; example++) {
        const int64_t at = example < count ? positions[example] * shape_.heads + head : 0;
        const bool used = example < count && examples.used[at];
        const float error = used ? outputs[example] - examples.targets[at] : 0.0f;
        squared += double(error) * error;
        gradient[example] = 2.0f * error / float(counted > 0 ? counted : 1);
      }
      sum += squared / (counted > 0 ? counted : 1);
    }
    return sum;
  }

  const Shape shape_;
  Network<P> network_;
};

}  // namespace ldtm

// A handle for networks of a shape, in float32 or bfloat16; null when there is no memory or no bfloat16.
extern "C" ldtm::Handle* ldtm_new(const ldtm::Shape* shape, int bfloat16, int training) try {
#ifdef __AVX512BF16__
  if (bfloat16) return new ldtm::Trainer<ldtm::Bfloat16>(*shape, training);
#endif
  return bfloat16 ? nullptr : new ldtm::Trainer<ldtm::Float32>(*shape, training);
} catch (const std::bad_alloc&) {
  return nullptr;
}

extern "C" void ldtm_delete(ldtm::Handle* handle) { delete handle; }

// One epoch in that order, batch by batch; the mean loss of its examples.
extern "C" double ldtm_epoch(ldtm::Handle* handle, const ldtm::Training* training, const ldtm::Examples* examples,
                             const int64_t* order, int64_t count) {
  return handle->epoch(*training, *examples, order, count);
}

// The outputs (n, heads) for windows (n, window, inputs), without dropout.
extern "C" void ldtm_outputs(ldtm::Handle* handle, const float* row, const float* inputs, int64_t count,
                             float* outputs) {
  handle->outputs(row, inputs, count, outputs);
}

// The outputs (n, heads) of n networks, a row of weights each, for a window each: (n, window, inputs). Hidden units come
// in sixteens. Returns 0, or 1 when there is no memory.
extern "C" int ldtm_forecasts(const ldtm::Shape* shape, const float* const* rows, const float* windows, int64_t count,
                              float* outputs) try {
  ldtm::Forecaster forecaster(*shape);
  for (int64_t at = 0; at < count; at++)
    forecaster.outputs(ldtm::Weights(*shape, const_cast<float*>(rows[at])),
                       windows + at * shape->window * shape->inputs, outputs + at * shape->heads);
  return 0;
} catch (const std::bad_alloc&) {
  return 1;
}
