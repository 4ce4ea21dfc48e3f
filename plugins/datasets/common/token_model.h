#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace deneb::text {

/// Tokens and their ids.
class Vocabulary {
 public:
  Vocabulary() = default;
  Vocabulary(Vocabulary&&) = default;
  Vocabulary& operator=(Vocabulary&&) = default;

  /// False when the token is there already, which then keeps its id.
  bool add(std::string token, std::int32_t id);
  /// -1 when the token is not there.
  std::int32_t find(std::string_view token) const {
    const auto found = ids_.find(token);
    return found == ids_.end() ? -1 : found->second;
  }
  std::size_t size() const { return ids_.size(); }
  /// All ids are below it.
  std::int64_t id_limit() const { return id_limit_; }
  std::size_t longest() const { return longest_; }  ///< in bytes
  const std::unordered_map<std::string_view, std::int32_t>& ids() const { return ids_; }

 private:
  std::deque<std::string> tokens_;  // what the views below point into; moving keeps it in place
  std::unordered_map<std::string_view, std::int32_t> ids_;
  std::int64_t id_limit_ = 0;
  std::size_t longest_ = 0;
};

/// How one kind of tokenizer turns text into ids, without special tokens. All texts are valid
/// UTF-8. Calls may come from several threads at once.
class TokenModel {
 public:
  virtual ~TokenModel();
  virtual std::string normalize(const std::string& text) const = 0;
  /// Appends the ids of a part of normalized text, `limit` of them at most.
  virtual void tokenize(std::string_view text, std::size_t limit,
                        std::vector<std::int32_t>& ids) const = 0;
  virtual const Vocabulary& vocabulary() const = 0;
};

}  // namespace deneb::text
