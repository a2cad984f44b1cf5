// The few functions of libtorch that tch does not reach. Nothing may throw across the border: a function
// returns null, or the message of what was thrown, to be released with free().

#include <ATen/core/Tensor.h>
#include <ATen/ops/_fused_adam.h>
#include <torch/version.h>

#include <cstring>
#include <exception>
#include <vector>

namespace {

template <typename Body>
char *guarded(Body body) {
  try {
    body();
    return nullptr;
  } catch (const std::exception &error) {
    return strdup(error.what());
  } catch (...) {
    return strdup("unknown C++ exception");
  }
}

}  // namespace

extern "C" {

// One step of Adam for the parameters that have a gradient, all in one kernel launch.
char *affekt_adam_step(size_t count, const at::Tensor *const *parameters, const at::Tensor *const *means,
                       const at::Tensor *const *squares, const at::Tensor *const *steps, double learning_rate,
                       double beta1, double beta2, double weight_decay, double epsilon) {
  return guarded([&] {
    std::vector<at::Tensor> p, g, m, s, t;
    for (size_t i = 0; i < count; i++) {
      const at::Tensor &gradient = parameters[i]->grad();
      if (!gradient.defined()) continue;
      p.push_back(parameters[i]->detach());
      g.push_back(gradient.detach());
      m.push_back(*means[i]);
      s.push_back(*squares[i]);
      t.push_back(*steps[i]);
      t.back().add_(1);
    }
    if (!p.empty())
      at::_fused_adam_(p, g, m, s, /* max_exp_avg_sqs */ {}, t, learning_rate, beta1, beta2, weight_decay,
                       epsilon, /* amsgrad */ false, /* maximize */ false);
  });
}

// Forgets the gradients, so that the next backward pass moves new ones in instead of adding to zeros.
char *affekt_forget_gradients(size_t count, const at::Tensor *const *parameters) {
  return guarded([&] {
    for (size_t i = 0; i < count; i++) parameters[i]->mutable_grad().reset();
  });
}

const char *affekt_libtorch_version() { return TORCH_VERSION; }
}
