// Counts what a thread has libtorch compute: operators that would each launch kernels on a GPU, and what would have the
// host wait for it. libtorch calls an observer around every operator and around every node of a backward pass.

#include <ATen/SequenceNumber.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/function_schema.h>
#include <ATen/record_function.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace {

enum Kind { launch = 0, wait = 1, copy = 2 };

// An operator, or a node of a backward pass, under way.
struct Call final : at::ObserverContext {
  Call *caller = nullptr;
  std::string name;
  bool computes = false;     // it makes or changes values
  bool is_one = false;       // a GPU has it in one, whatever it calls here
  bool is_within_one = false;
  bool is_kernel = false;    // what it calls is part of it
  bool is_within_kernel = false;
  bool is_counted = false;   // something that it called is
  uint64_t first_node = 0;   // of the graph, that it can have made
};

// The nodes of a graph that an operator made which a GPU has in one: their backward pass is one, too.
struct Nodes {
  uint64_t first, behind;
  std::string name;
  bool is_counted;
};

struct Counter {
  at::CallbackHandle handle = 0;
  std::map<std::pair<Kind, std::string>, uint64_t> counts;
  std::vector<Nodes> nodes;
};

thread_local std::unique_ptr<Counter> counter;
thread_local Call *innermost = nullptr;

bool begins_with(const char *text, const char *start) { return strncmp(text, start, strlen(start)) == 0; }

// Operators that libtorch divides on the CPU and has a kernel, or a cuDNN call, for on GPUs.
bool is_one_on_gpus(const char *name) {
  static const std::unordered_set<std::string> names{
      "aten::convolution", "aten::dropout", "aten::lstm", "aten::scaled_dot_product_attention"};
  static const char *const families[]{"aten::_foreach_", "aten::_fused_adam", "aten::_amp_"};
  const auto is_of = [&](const char *family) { return begins_with(name, family); };
  return names.count(name) || std::any_of(std::begin(families), std::end(families), is_of);
}

// Operators whose schema says that they make or change values, and that only give memory or another look at it.
bool only_arranges(const char *name) {
  static const std::unordered_set<std::string> names{
      "aten::empty", "aten::empty_like", "aten::empty_strided", "aten::new_empty", "aten::new_empty_strided",
      "aten::resize_", "aten::resize_as_", "aten::set_", "aten::detach_", "aten::requires_grad_",
      "aten::_unsafe_view", "aten::unsafe_chunk", "aten::unsafe_split", "aten::t_", "aten::transpose_",
      "aten::squeeze_", "aten::unsqueeze_", "aten::as_strided_"};
  return names.count(name) != 0;
}

// Operators that cannot go on before the host knows values.
bool waits(const char *name) {
  static const std::unordered_set<std::string> names{
      "aten::_local_scalar_dense", "aten::nonzero", "aten::masked_select", "aten::equal", "aten::_unique2",
      "aten::unique_dim", "aten::unique_consecutive", "aten::bincount"};
  return names.count(name) != 0;
}

// Whether this asks for a tensor on a device, and waits until it is there. On the CPU it is there already, and nothing is
// called; on a GPU it would be brought from the host or to it. Only the forms that tch's `to_device` calls.
bool waits_for_transfer(const at::RecordFunction &function) {
  const char *overload = function.overload_name();
  const auto inputs = function.inputs();
  if (strcmp(function.name(), "aten::to") != 0 || inputs.size() < 5) return false;
  // (self, device, dtype, non_blocking, copy, …); (self, dtype, layout, device, pin_memory, non_blocking, copy, …)
  if (strcmp(overload, "device") == 0) return !inputs[3].toBool();
  return strcmp(overload, "dtype_layout") == 0 && inputs[1].isNone() && !inputs[3].isNone() && !inputs[5].toBool();
}

// What is known of an operator by its definition.
struct Definition {
  bool computes;   // it makes or changes values
  bool is_kernel;  // it has a kernel of its own, which is no composition of operators
};

Definition definition_of(const at::RecordFunction &function) {
  static thread_local std::unordered_map<std::string, Definition> known;
  const auto operator_name = function.operator_name();
  if (!operator_name || only_arranges(function.name())) return {false, false};
  const std::string key = c10::toString(*operator_name);
  if (const auto found = known.find(key); found != known.end()) return found->second;
  const auto schema = function.operator_schema();
  const auto is_changed = [](const c10::Argument &argument) {
    return argument.alias_info() && argument.alias_info()->isWrite();
  };
  const auto is_made = [](const c10::Argument &result) {
    const bool holds_tensors =
        result.type()->isSubtypeOf(*c10::TensorType::get()) || result.type()->kind() == c10::TypeKind::ListType;
    return holds_tensors && !result.alias_info();
  };
  const auto &arguments = schema->arguments();
  const auto &results = schema->returns();
  const bool computes = std::any_of(arguments.begin(), arguments.end(), is_changed) ||
                        std::any_of(results.begin(), results.end(), is_made);
  const auto handle = c10::Dispatcher::singleton().findOp(*operator_name);
  const bool is_kernel = computes && handle && handle->hasKernelForDispatchKey(c10::DispatchKey::CPU);
  return known[key] = {computes, is_kernel};
}

void count(Kind kind, const std::string &name) { counter->counts[{kind, name}]++; }

// "aten::add" is known as `add`.
std::string plain(const char *name) { return begins_with(name, "aten::") ? name + strlen("aten::") : name; }

// Of the nodes that an operator made which a GPU has in one, those that a node of the backward pass is of.
Nodes *nodes_of(const at::RecordFunction &function) {
  const uint64_t node = static_cast<uint64_t>(function.seqNr());
  for (Nodes &nodes : counter->nodes)
    if (nodes.first <= node && node < nodes.behind) return &nodes;
  return nullptr;
}

std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction &function) {
  auto call = std::make_unique<Call>();
  call->caller = innermost;
  call->is_within_one = innermost && (innermost->is_one || innermost->is_within_one);
  call->is_within_kernel = innermost && (innermost->is_kernel || innermost->is_within_kernel);
  if (counter && function.scope() == at::RecordScope::BACKWARD_FUNCTION) {
    if (Nodes *nodes = nodes_of(function)) {
      call->name = nodes->name + " (backward)";
      call->is_one = true;
      call->computes = !std::exchange(nodes->is_counted, true);
    }
  } else if (counter) {
    call->name = plain(function.name());
    call->is_one = is_one_on_gpus(function.name());
    const Definition definition = definition_of(function);
    call->computes = definition.computes;
    call->is_kernel = definition.is_kernel;
    call->first_node = at::sequence_number::peek();
    // Within an operator that is one on GPUs, it is the CPU's kernel that looks.
    if (!call->is_within_one && waits(function.name())) count(wait, call->name);
    if (!call->is_within_one && waits_for_transfer(function)) count(wait, "to_device");
  }
  innermost = call.get();
  return call;
}

void end(const at::RecordFunction &function, at::ObserverContext *context) {
  if (!context) return; // its beginning failed
  Call &call = *static_cast<Call *>(context);
  innermost = call.caller;
  if (!counter) return;
  const bool is_part = call.is_within_one || call.is_within_kernel;
  if (call.computes && !is_part && (call.is_one || call.is_kernel || !call.is_counted)) {
    count(launch, call.name);
    call.is_counted = true;
  }
  if (call.caller) call.caller->is_counted |= call.is_counted;
  const uint64_t behind = at::sequence_number::peek();
  const bool is_forward = function.scope() == at::RecordScope::FUNCTION;
  if (is_forward && call.is_one && !call.is_within_one && behind > call.first_node)
    counter->nodes.push_back({call.first_node, behind, call.name, false});
}

}  // namespace

extern "C" {

// Counts what this thread computes from now on.
void affekt_begin_counting() {
  counter = std::make_unique<Counter>();
  counter->handle = at::addThreadLocalCallback(
      at::RecordFunctionCallback(begin, end)
          .needsInputs(true)
          .scopes({at::RecordScope::FUNCTION, at::RecordScope::BACKWARD_FUNCTION}));
}

// Calls `hear` with every name and how often it was counted, and begins at 0 again.
void affekt_take_counts(void (*hear)(void *, int, const char *, uint64_t), void *listener) {
  if (!counter) return;
  for (const auto &[key, times] : counter->counts) hear(listener, key.first, key.second.c_str(), times);
  counter->counts.clear();
}

// Counts a copy to the device that nothing waits for. On the CPU there is none to see.
void affekt_count_copy() {
  if (counter) count(copy, "to_device");
}

void affekt_end_counting() {
  if (counter) at::removeCallback(counter->handle);
  counter.reset();
}
}
