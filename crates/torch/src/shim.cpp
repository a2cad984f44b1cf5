// The few functions of libtorch that tch does not reach. Nothing may throw across the border: a function
// returns null, or the message of what was thrown, to be released with free().

#include <ATen/core/Tensor.h>
#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>
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
    }
    if (p.empty()) return;
    at::_foreach_add_(t, 1);
    at::_fused_adam_(p, g, m, s, /* max_exp_avg_sqs */ {}, t, learning_rate, beta1, beta2, weight_decay,
                       epsilon, /* amsgrad */ false, /* maximize */ false);
  });
}

// Scales the gradients so that the norm of all together is `max_norm` at most; as torch.nn.utils.clip_grad_norm_.
// Multiplies in any case: to look first would mean to wait for the device.
char *affekt_clip_gradients(size_t count, const at::Tensor *const *parameters, double max_norm) {
  return guarded([&] {
    std::vector<at::Tensor> g;
    for (size_t i = 0; i < count; i++)
      if (parameters[i]->grad().defined()) g.push_back(parameters[i]->grad().detach());
    if (g.empty()) return;
    at::Tensor norm = at::linalg_vector_norm(at::stack(at::_foreach_norm(g)));
    at::_foreach_mul_(g, norm.add(1e-6).reciprocal().mul(max_norm).clamp_max(1.0));
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
