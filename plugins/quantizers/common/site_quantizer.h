#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <deneb/quant/quantizer.h>

/// What the quantizer plugins of this folder share. Linked into each of them.
namespace deneb::quantizers {

/// Do the fused kernels take `x`: float32 in host memory, unless the environment variable
/// DENEB_REFERENCE_KERNELS is 1, which selects the compositions of tensor operations everywhere?
bool takes_kernel(const torch::Tensor& x);
/// The same for kernels that take bfloat16 too.
bool takes_kernel_or_bfloat16(const torch::Tensor& x);

/// `x` itself where its memory holds its values and nothing else, in any order, else a copy: what a
/// kernel walks from end to end.
torch::Tensor dense(const torch::Tensor& x);
/// Are the rows of dimension 0 dense blocks, one behind the other, whatever the order within them?
bool has_dense_rows(const torch::Tensor& x);
/// `x` with the strides of the dense tensor `like`.
torch::Tensor laid_out_as(const torch::Tensor& x, const torch::Tensor& like);

/// To be called in a gradient that is no graph of its own: c10::Error where one is wanted.
void refuse_second_derivative();

/// The value of a buffer of one flag. Reading it waits for a GPU, so it is read only after a write,
/// be it the quantizer's own or a load.
class CachedFlag {
 public:
  bool read(const torch::Tensor& flag);
  /// The next read() is of another flag.
  void forget() { known_ = false; }

 private:
  bool known_ = false, value_ = false;
  std::uint32_t version_ = 0;
};

/// A quantizer that remembers its site and format.
class SiteQuantizer : public Quantizer {
 public:
  void attach(const QuantizerSite& site) override;
  bool accepts(const Format& format) const final;
  Format format() const override { return format_; }
  /// All quantizers here repeat what they did; those that change with the data say otherwise.
  QuantizerTraits traits() const override { return {/*repeatable=*/true, false, false}; }

 protected:
  using Role = QuantizerSite::Role;

  /// Can the method represent `format`, which is not float32, in that place? Needs no attach().
  virtual bool takes(const Format& format, Role role) const = 0;
  bool on_weight() const { return role_.value_or(Role::kWeight) == Role::kWeight; }
  /// ConfigError: which layer and tensor, the method, the format that it got and those it takes.
  [[noreturn]] void refuse(const char* method, const Format& format,
                           const std::string& accepted) const;
  /// Is it an integer format that LibTorch tensors of float32 can hold exactly?
  static bool is_integer_width(const Format& format) {
    return format.is_integer() && format.bits >= 1 && format.bits <= 16;
  }

  Format format_;  ///< float32 until set_format(): quantize() returns its input

 private:
  std::optional<Role> role_;  ///< unknown until attach()
  std::string layer_;
};

}  // namespace deneb::quantizers
