// Memory that is used up, told by the type of what libtorch throws; and the CPU's allocator, which counts and may be given
// a limit. tch's C functions catch every exception and keep its text alone, so the type is looked at where it is thrown.

#include <c10/core/CPUAllocator.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <limits>
#include <mutex>
#include <new>
#include <string>
#include <typeinfo>

#if defined(__APPLE__)
#include <malloc/malloc.h>
#else
#include <malloc.h>
#endif
#if defined(__GLIBCXX__)
#include <dlfcn.h>
#endif

namespace {

// What the last of these exceptions said: the first line of each, which tch passes on.
struct Thrown {
  std::mutex mutex;
  std::deque<std::string> lines;
};

Thrown &thrown() {
  static Thrown *const all = new Thrown; // exceptions are thrown until the process ends
  return *all;
}

std::string first_line(const char *said) {
  const char *start = said + strspn(said, " \t\r\n");
  return std::string(start, strcspn(start, "\r\n"));
}

void remember(const char *said) {
  constexpr size_t most = 8; // as many threads may be asking what became of theirs
  std::lock_guard<std::mutex> lock(thrown().mutex);
  thrown().lines.push_back(first_line(said));
  if (thrown().lines.size() > most) thrown().lines.pop_front();
}

size_t bytes_of(void *block) {
#if defined(__APPLE__)
  return malloc_size(block);
#else
  return malloc_usable_size(block);
#endif
}

// libtorch's own allocator of the CPU, with its failures as c10::OutOfMemoryError, which it throws as c10::Error.
class Counting final : public c10::Allocator {
 public:
  at::DataPtr allocate(size_t bytes) override {
    if (bytes > limit - std::min<size_t>(limit, now)) refuse(bytes, "more than the limit set for tests");
    void *block = nullptr;
    try {
      block = c10::GetDefaultCPUAllocator()->raw_allocate(bytes);
    } catch (const c10::Error &error) {
      refuse(bytes, error.what_without_backtrace());
    }
    if (block) {
      size_t used = now += bytes_of(block);
      for (size_t before = peak; before < used && !peak.compare_exchange_weak(before, used);) {
      }
    }
    return {block, block, &release, at::Device(at::kCPU)};
  }
  at::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void *to, const void *from, std::size_t count) const override { default_copy_data(to, from, count); }

  static void release(void *block) {
    if (block) now -= bytes_of(block);
    c10::GetDefaultCPUAllocator()->raw_deallocate(block);
  }

  [[noreturn]] static void refuse(size_t bytes, const std::string &why) {
    c10::OutOfMemoryError error(
        {__func__, __FILE__, static_cast<uint32_t>(__LINE__)},
        c10::str("CPU out of memory. Tried to allocate ", bytes, " bytes: ", first_line(why.c_str())));
    remember(error.what_without_backtrace());
    throw error;
  }

  static std::atomic<size_t> now, peak, limit;
};

std::atomic<size_t> Counting::now{0}, Counting::peak{0}, Counting::limit{std::numeric_limits<size_t>::max()};

// Before anything is allocated, in every program that is linked to this.
const bool installed = [] {
  static Counting counting;
  c10::SetCPUAllocator(&counting);
  return true;
}();

#if defined(__GLIBCXX__)
// Whether what is thrown says that memory is used up: c10::OutOfMemoryError of the allocators of GPUs, CUDA's own
// failure to allocate, std::bad_alloc; and the status of cuBLAS and cuDNN, which libtorch has no type for.
const char *used_up(void *object, const std::type_info *type) {
  const unsigned outer = 1;
  void *as = object;
  if (typeid(c10::OutOfMemoryError).__do_catch(type, &as, outer))
    return static_cast<c10::OutOfMemoryError *>(as)->what_without_backtrace();
  as = object;
  if (typeid(c10::AcceleratorError).__do_catch(type, &as, outer)) {
    constexpr int32_t cuda_error_memory_allocation = 2;
    auto *error = static_cast<c10::AcceleratorError *>(as);
    return error->get_error_code() == cuda_error_memory_allocation ? error->what_without_backtrace() : nullptr;
  }
  as = object;
  if (typeid(c10::Error).__do_catch(type, &as, outer)) {
    const char *said = static_cast<c10::Error *>(as)->what_without_backtrace();
    return strstr(said, "_STATUS_ALLOC_FAILED") ? said : nullptr;
  }
  as = object;
  if (typeid(std::bad_alloc).__do_catch(type, &as, outer)) return static_cast<std::bad_alloc *>(as)->what();
  return nullptr;
}
#endif

}  // namespace

extern "C" {

#if defined(__GLIBCXX__)
// Stands before the C++ library's for the libraries of libtorch too, as malloc may be replaced: looks, and passes on.
[[noreturn]] __attribute__((visibility("default"))) void __cxa_throw(void *object, void *type, void (*destroy)(void *)) {
  if (const char *said = used_up(object, static_cast<std::type_info *>(type))) remember(said);
  using Throw = void (*)(void *, void *, void (*)(void *));
  static const auto next = reinterpret_cast<Throw>(dlsym(RTLD_NEXT, "__cxa_throw"));
  next(object, type, destroy);
  std::abort();
}
#endif

// Whether an exception that begins with this line was one of them.
int affekt_was_out_of_memory(const char *line) {
  std::lock_guard<std::mutex> lock(thrown().mutex);
  for (const std::string &said : thrown().lines)
    if (said == first_line(line)) return 1;
  return 0;
}

// Bytes of tensors on the CPU, now and at most.
void affekt_cpu_memory(size_t *now, size_t *peak) {
  *now = Counting::now;
  *peak = Counting::peak;
}

void affekt_forget_cpu_peak() { Counting::peak = Counting::now.load(); }

// Gives back the limit that held before.
size_t affekt_limit_cpu_memory(size_t bytes) { return Counting::limit.exchange(bytes); }
}
