#include "token_table.h"

#include <algorithm>

namespace deneb::text_table {

void TokenTable::append(const text::Tokens& tokens, std::int64_t label, std::int32_t padding_id) {
  ids_.insert(ids_.end(), tokens.ids.begin(), tokens.ids.end());
  types_.insert(types_.end(), tokens.types.begin(), tokens.types.end());
  if (tokens.ids.empty()) {
    ids_.push_back(padding_id);
    types_.push_back(0);
  }
  ends_.push_back(ids_.size());
  labels_.push_back(label);
}

Batch TokenTable::gather(const std::vector<std::int64_t>& indices, std::int32_t padding_id,
                         std::int64_t padded_length, bool with_types) const {
  const auto n = static_cast<std::int64_t>(indices.size());
  std::int64_t longest = padded_length, shortest = padded_length > 0 ? padded_length : 1 << 30;
  for (const std::int64_t index : indices) {
    longest = std::max(longest, length(index));
    shortest = std::min(shortest, length(index));
  }
  Batch batch;
  auto input = torch::full({n, longest}, padding_id, torch::kInt64);
  auto mask = torch::zeros({n, longest}, torch::kInt64);
  auto types = torch::zeros({n, longest}, torch::kInt64);
  auto target = torch::empty({n}, torch::kInt64);
  for (std::int64_t row = 0; row < n; ++row) {
    const auto index = static_cast<std::size_t>(indices[std::size_t(row)]);
    const std::size_t begin = ends_[index], end = ends_[index + 1];
    const std::int64_t offset = row * longest;
    std::copy(ids_.begin() + std::ptrdiff_t(begin), ids_.begin() + std::ptrdiff_t(end),
              input.data_ptr<std::int64_t>() + offset);
    std::copy(types_.begin() + std::ptrdiff_t(begin), types_.begin() + std::ptrdiff_t(end),
              types.data_ptr<std::int64_t>() + offset);
    std::fill_n(mask.data_ptr<std::int64_t>() + offset, end - begin, 1);
    target.data_ptr<std::int64_t>()[row] = labels_[index];
  }
  batch["input"] = input;
  batch["target"] = target;
  if (shortest < longest) batch["attention_mask"] = mask;
  if (with_types) batch["token_type"] = types;
  return batch;
}

}  // namespace deneb::text_table
