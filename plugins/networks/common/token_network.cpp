#include "token_network.h"

#include <deneb/nn/initialization.h>
#include <torch/utils.h>

#include <sstream>

namespace deneb::networks {
namespace {

using torch::Tensor;

std::string described(const Tensor& tensor) {
  std::ostringstream text;
  text << c10::toString(tensor.scalar_type()) << " " << tensor.sizes();
  return text.str();
}

}  // namespace

TokenNetwork::TokenNetwork(const TokenPlan& plan) : TransformerNetwork(plan), plan_(plan) {
  if (plan.max_length > plan.longest) {
    throw ConfigError("network.max_length: " + std::to_string(plan.max_length) +
                      " tokens, but the network has positions for " + std::to_string(plan.longest) +
                      "; use at most that");
  }
}

Batch TokenNetwork::example_batch() const {
  // A prime far from small vocabularies' sizes, so that ids repeat late.
  const Tensor steps = torch::arange(1, plan_.max_length + 1, torch::kInt64) * 7919;
  Tensor ids = steps.remainder(plan_.vocabulary);
  if (plan_.padding >= 0) ids = ids.masked_fill(ids.eq(plan_.padding), plan_.vocabulary - 1);
  Batch batch;
  batch["input"] = ids.unsqueeze(0);
  return batch;
}

torch::nn::Embedding TokenNetwork::add_embedding(const std::string& name, std::int64_t rows,
                                                 std::int64_t padding) {
  torch::nn::EmbeddingOptions options(rows, plan_.width);
  if (padding >= 0) options.padding_idx(padding);
  // Where nobody reads the values, one row stands for all of them.
  const bool fill = !nn::SkipInitialization::is_active();
  Tensor weight = torch::empty({fill ? rows : 1, plan_.width}).normal_(0, plan_.deviation);
  if (!fill) weight = weight.expand({rows, plan_.width});
  if (fill && padding >= 0) weight[padding].zero_();
  options._weight() = weight;
  return place(*this, name, torch::nn::Embedding(options));
}

void TokenNetwork::check_tokens(const Tensor& input, const Batch& batch) {
  if (input.scalar_type() != torch::kInt64 || input.dim() != 2 || input.size(1) == 0) {
    throw DataError("network: takes token ids int64 [N, T], got " + described(input) +
                    "; use a text dataset");
  }
  if (input.size(1) > plan_.longest) {
    throw DataError("network: a sample of " + std::to_string(input.size(1)) +
                    " tokens, but the network has positions for " + std::to_string(plan_.longest) +
                    "; set the dataset's max_length to at most that");
  }
  for (const char* name : {"attention_mask", "token_type"}) {
    const auto found = batch.tensors.find(name);
    if (found == batch.tensors.end() || found->second.sizes() == input.sizes()) continue;
    throw DataError("network: '" + std::string(name) + "' is " + described(found->second) +
                    ", the token ids are " + described(input) + "; they need the same shape");
  }
  // A look at the values makes other devices wait, so there only the first batch is looked at.
  if (!input.device().is_cpu() && checked_) return;
  checked_ = true;
  check_ids(input, plan_.vocabulary,
            "token id; the dataset's vocabulary is not the one that the network was made for");
}

void TokenNetwork::check_ids(const Tensor& ids, std::int64_t rows, const std::string& what) const {
  if (ids.numel() == 0) return;
  const auto low = ids.min().item<std::int64_t>(), high = ids.max().item<std::int64_t>();
  if (low >= 0 && high < rows) return;
  const std::size_t end = what.find(';');
  throw DataError("network: " + std::to_string(low < 0 ? low : high) + " is no " +
                  what.substr(0, end) + " of the network, which has 0 .. " +
                  std::to_string(rows - 1) + (end == std::string::npos ? "" : what.substr(end)));
}

}  // namespace deneb::networks
