// The few functions of libtorch that tch does not reach. Nothing may throw across the border: a function
// returns null, or the message of what was thrown, to be released with free().

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/TensorIterator.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/DistributionsHelper.h>
#include <ATen/core/Tensor.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <ATen/ops/_amp_foreach_non_finite_check_and_unscale.h>
#include <ATen/ops/_amp_update_scale.h>
#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_foreach_sub.h>
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/engine.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>
#include <torch/version.h>

#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
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

// Adam's and AdamW's kernel, which take the same.
using Step = void (*)(at::TensorList, at::TensorList, at::TensorList, at::TensorList, at::TensorList, at::TensorList,
                      double, double, double, double, double, bool, bool, const std::optional<at::Tensor> &,
                      const std::optional<at::Tensor> &);

// A device as tch numbers them: -1 is the CPU, others are GPUs.
at::Device device(int number) {
  return number < 0 ? at::Device(at::kCPU) : at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(number));
}

// A function of Rust's. The tensors passed in become its own, as the one it gives back becomes ours. Null, or what
// went wrong, to be released with free().
using Segment = char *(*)(void *closure, size_t count, at::Tensor **inputs, at::Tensor **output);

// The place of a segment in the graph: in the backward pass it is computed again, this time with a graph of its own.
struct Recomputation final : torch::autograd::Node {
  Recomputation(Segment call, void (*release)(void *), void *closure)
      : call(call), release(release), closure(closure) {}
  ~Recomputation() override { release_variables(); }

  torch::autograd::variable_list apply(torch::autograd::variable_list &&gradients) override {
    TORCH_CHECK(closure, "a checkpointed segment was already released by another backward pass");
    TORCH_CHECK(torch::autograd::Engine::get_default_engine().is_checkpoint_valid(),
                "gradients of chosen tensors cannot be asked for where segments are checkpointed");
    std::vector<at::Tensor> again;
    std::vector<at::Tensor *> given;
    for (const auto &saved : inputs) {
      at::Tensor input = saved.unpack();
      again.push_back(input.detach().set_requires_grad(input.requires_grad()));
      given.push_back(new at::Tensor(again.back()));
    }
    at::AutoGradMode with_graph(true);
    at::Tensor *raw = nullptr;
    if (char *message = call(closure, given.size(), given.data(), &raw)) {
      std::string text(message);
      free(message);
      throw std::runtime_error(text);
    }
    std::unique_ptr<at::Tensor> output(raw);
    if (output->requires_grad() && gradients[0].defined()) torch::autograd::backward({*output}, {gradients[0]});
    torch::autograd::variable_list passed_on;
    for (const at::Tensor &input : again) passed_on.push_back(input.grad());
    return passed_on;
  }

  void release_variables() override {
    inputs.clear();
    if (closure) release(closure);
    closure = nullptr;
  }

  std::vector<torch::autograd::SavedVariable> inputs;
  Segment call;
  void (*release)(void *);
  void *closure;
};

}  // namespace

extern "C" {

int affekt_gradients_enabled() { return at::GradMode::is_enabled(); }

// `output` with a history: its backward pass calls the closure, which belongs to the graph from now on.
char *affekt_recompute_in_backward(size_t count, const at::Tensor *const *inputs, const at::Tensor *output,
                                   Segment call, void (*release)(void *), void *closure, at::Tensor **attached) {
  return guarded([&] {
    std::shared_ptr<Recomputation> node(new Recomputation(call, release, closure), torch::autograd::deleteNode);
    torch::autograd::edge_list edges;
    for (size_t i = 0; i < count; i++) {
      node->inputs.emplace_back(*inputs[i], /* is_output */ false);
      edges.push_back(torch::autograd::impl::gradient_edge(*inputs[i]));
    }
    node->set_next_edges(std::move(edges));
    at::Tensor result = output->detach();
    torch::autograd::set_history(result, node);
    *attached = new at::Tensor(result);
  });
}

// Has libtorch's threads write a contiguous tensor of f32: each is given the place of the first of some numbers.
char *affekt_fill_in_parallel(const at::Tensor *tensor,
                              void (*fill)(const void *closure, size_t first, float *values, size_t count),
                              const void *closure) {
  return guarded([&] {
    at::Tensor numbers = tensor->view(-1);
    const float *begin = numbers.const_data_ptr<float>();
    at::TensorIterator iterator = at::TensorIterator::nullary_op(numbers);
    iterator.for_each([&](char **data, const int64_t *, int64_t count) {
      float *values = reinterpret_cast<float *>(data[0]);
      fill(closure, static_cast<size_t>(values - begin), values, static_cast<size_t>(count));
    });
  });
}

char *affekt_generator_state(int number, at::Tensor **state) {
  return guarded([&] {
    at::Generator generator = at::globalContext().defaultGenerator(device(number));
    std::lock_guard<std::mutex> lock(generator.mutex());
    *state = new at::Tensor(generator.get_state());
  });
}

char *affekt_set_generator_state(int number, const at::Tensor *state) {
  return guarded([&] {
    at::Generator generator = at::globalContext().defaultGenerator(device(number));
    std::lock_guard<std::mutex> lock(generator.mutex());
    generator.set_state(*state);
  });
}

// A number of the CPU's generator, as `random_` and `uniform_` draw it for a tensor of one i64 or f32.
int64_t affekt_draw_whole() {
  auto *generator = at::get_generator_or_default<at::CPUGeneratorImpl>(std::nullopt, at::detail::getDefaultCPUGenerator());
  std::lock_guard<std::mutex> lock(generator->mutex_);
  return at::uniform_int_distribution<int64_t>()(generator);
}

float affekt_draw_unit() {
  auto *generator = at::get_generator_or_default<at::CPUGeneratorImpl>(std::nullopt, at::detail::getDefaultCPUGenerator());
  std::lock_guard<std::mutex> lock(generator->mutex_);
  return at::uniform_real_distribution<float>(0.0, 1.0)(generator);
}

// The element type that autocast computes in on a kind of device, or -1 where it is off. It is a thread's own.
int affekt_autocast(int number) {
  at::DeviceType type = device(number).type();
  return at::autocast::is_autocast_enabled(type) ? static_cast<int>(at::autocast::get_autocast_dtype(type)) : -1;
}

void affekt_set_autocast(int number, int element_type) {
  at::DeviceType type = device(number).type();
  at::autocast::set_autocast_enabled(type, element_type >= 0);
  if (element_type >= 0) at::autocast::set_autocast_dtype(type, static_cast<at::ScalarType>(element_type));
}

// Casts of parameters are kept until the outermost region ends.
void affekt_autocast_begins() { at::autocast::increment_nesting(); }
void affekt_autocast_ends() {
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
}

// Whether casts of parameters are kept at all. Returns what held before.
int affekt_set_autocast_cache(int enabled) {
  bool before = at::autocast::is_autocast_cache_enabled();
  at::autocast::set_autocast_cache_enabled(enabled);
  return before;
}

// One step of Adam for the parameters that have a gradient, all in one kernel launch; of AdamW where weight decay is
// decoupled from the gradients.
char *affekt_adam_step(size_t count, const at::Tensor *const *parameters, const at::Tensor *const *means,
                       const at::Tensor *const *squares, const at::Tensor *const *steps, double learning_rate,
                       double beta1, double beta2, double weight_decay, double epsilon, int decoupled,
                       const at::Tensor *found_inf) {
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
    // The two differ in nothing but how they use `weight_decay`.
    auto step = decoupled ? static_cast<Step>(at::_fused_adamw_) : static_cast<Step>(at::_fused_adam_);
    step(p, g, m, s, /* max_exp_avg_sqs */ {}, t, learning_rate, beta1, beta2, weight_decay, epsilon,
         /* amsgrad */ false, /* maximize */ false, /* grad_scale */ {},
         found_inf ? std::optional<at::Tensor>(*found_inf) : std::nullopt);
    // A step that was left out does not count.
    if (found_inf) at::_foreach_sub_(t, std::vector<at::Tensor>(t.size(), *found_inf));
  });
}

// Divides the gradients by the scale, and sets found_inf to 1 where one is not finite.
char *affekt_unscale_gradients(size_t count, const at::Tensor *const *parameters, const at::Tensor *scale,
                               const at::Tensor *found_inf) {
  return guarded([&] {
    std::vector<at::Tensor> g;
    for (size_t i = 0; i < count; i++)
      if (parameters[i]->grad().defined()) g.push_back(parameters[i]->grad().detach());
    if (g.empty()) return;
    at::Tensor found = *found_inf;
    at::_amp_foreach_non_finite_check_and_unscale_(g, found, scale->to(at::kDouble).reciprocal().to(at::kFloat));
  });
}

// The scale of the next step: smaller where gradients were not finite, larger where they were for long.
char *affekt_update_scale(const at::Tensor *scale, const at::Tensor *good_steps, const at::Tensor *found_inf,
                          double growth, double backoff, int64_t interval) {
  return guarded([&] {
    at::Tensor changed = *scale, steps = *good_steps;
    at::_amp_update_scale_(changed, steps, *found_inf, growth, backoff, interval);
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

// Whether GPUs may round f32 to TF32, whether operations that may give other bits each time are refused, whether cuDNN
// tries out its algorithms.
char *affekt_numerics(int *tf32, int *deterministic, int *benchmark) {
  return guarded([&] {
    at::Context &context = at::globalContext();
    *tf32 = context.allowTF32CuDNN() || context.allowTF32CuBLAS();
    *deterministic = context.deterministicAlgorithms();
    *benchmark = context.benchmarkCuDNN();
  });
}

char *affekt_set_numerics(int tf32, int deterministic, int benchmark) {
  return guarded([&] {
    at::Context &context = at::globalContext();
    // cuDNN convolves and has recurrent layers, cuBLAS multiplies.
    context.setAllowTF32CuDNN(tf32);
    context.setAllowTF32CuBLAS(tf32);
    // Products of half precision are added up in f32.
    context.setAllowFP16ReductionCuBLAS(false);
    context.setAllowBF16ReductionCuBLAS(false);
    context.setAllowFP16AccumulationCuBLAS(false);
    context.setDeterministicAlgorithms(deterministic, /* warn_only */ false);
    // Nothing here reads memory before it writes it; to fill it first would cost as much as writing it.
    context.setDeterministicFillUninitializedMemory(false);
    context.setDeterministicCuDNN(deterministic);
    context.setBenchmarkCuDNN(benchmark);
  });
}

// Bytes on a GPU: allocated and reserved, each now and at most.
char *affekt_memory(int number, int64_t *bytes) {
  return guarded([&] {
    at::Device on = device(number);
    auto statistics = c10::getDeviceAllocator(on.type())->getDeviceStats(on.index());
    for (const auto &kind : {statistics.allocated_bytes, statistics.reserved_bytes}) {
      const auto &all = kind[static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE)];
      *bytes++ = all.current;
      *bytes++ = all.peak;
    }
  });
}

char *affekt_forget_memory_peak(int number) {
  return guarded([&] {
    at::Device on = device(number);
    c10::getDeviceAllocator(on.type())->resetPeakStats(on.index());
  });
}

char *affekt_release_cached_memory(int number) {
  return guarded([&] {
    at::Device on = device(number);
    // To ask for what is there complains where the device is not; emptying alone would not.
    c10::getDeviceAllocator(on.type())->getDeviceStats(on.index());
    c10::getDeviceAllocator(on.type())->emptyCache();
  });
}

// The versions of CUDA's runtime and of cuDNN, as these number them.
char *affekt_cuda_versions(int64_t *versions) {
  return guarded([&] {
    versions[0] = at::detail::getCUDAHooks().versionCUDART();
    versions[1] = at::detail::getCUDAHooks().versionRuntimeCuDNN();
  });
}

const char *affekt_libtorch_version() { return TORCH_VERSION; }
}
