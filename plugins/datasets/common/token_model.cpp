#include "token_model.h"

#include <algorithm>
#include <utility>

namespace deneb::text {

TokenModel::~TokenModel() = default;

bool Vocabulary::add(std::string token, std::int32_t id) {
  if (ids_.count(token)) return false;
  tokens_.push_back(std::move(token));
  ids_.emplace(tokens_.back(), id);
  id_limit_ = std::max<std::int64_t>(id_limit_, std::int64_t(id) + 1);
  longest_ = std::max(longest_, tokens_.back().size());
  return true;
}

}  // namespace deneb::text
