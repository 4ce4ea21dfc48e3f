#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

namespace deneb::detail {

/// A value of a pickle. Values point to each other; the reader owns them all, so that cycles and
/// deep nesting cost nothing.
struct PickleValue {
  enum class Kind {
    kNone,
    kBool,      ///< integer
    kInteger,   ///< integer; text = little-endian bytes where 64 bits do not hold it
    kFloat,     ///< number
    kText,      ///< text; also byte strings
    kSequence,  ///< items; tuples, lists, sets
    kDict,      ///< items: key, value, key, value, ...
    kGlobal,    ///< text = "module.name", one of those that are known
    kStorage,   ///< type = "torch.FloatStorage", text = key, integer = elements
    kTensor     ///< items: storage, sizes, strides; integer = offset; type = "torch.uint16" or ""
  };
  Kind kind = Kind::kNone;
  std::int64_t integer = 0;
  double number = 0;
  std::string text, type;
  std::vector<PickleValue*> items;

  /// The value of a key of a dict; nullptr when absent.
  const PickleValue* find(const std::string& key) const;
};

/// Reads pickles of containers, numbers, texts and PyTorch's tensors (protocols 2 to 5), without
/// executing anything: the only callables are those that build these, every other one is a
/// DataError that names it. Every length is checked.
class PickleReader {
 public:
  /// `where` names the file in messages. The bytes outlive the reader.
  PickleReader(std::string where, const char* bytes, std::uint64_t size)
      : where_(std::move(where)), begin_(bytes), next_(bytes), end_(bytes + size) {}

  /// The next pickle; it lives as long as the reader.
  const PickleValue& read();
  /// Bytes read so far.
  std::uint64_t position() const { return static_cast<std::uint64_t>(next_ - begin_); }

 private:
  using Kind = PickleValue::Kind;

  [[noreturn]] void fail(const std::string& what) const;
  std::uint64_t number(int bytes);
  std::string bytes(std::uint64_t size);
  std::string line();
  PickleValue* make(Kind kind);
  PickleValue* pop();
  PickleValue* top();
  std::vector<PickleValue*> pop_mark();
  void push(PickleValue* value) { stack_.push_back(value); }
  void push_integer(std::int64_t value);
  void push_text(std::uint64_t size);
  void push_long(std::uint64_t size);
  void push_sequence(std::vector<PickleValue*> items);
  void push_global(const std::string& module, const std::string& name);
  void append(PickleValue* container, const std::vector<PickleValue*>& items, bool is_dict);
  PickleValue* recall(std::uint64_t key);
  PickleValue* storage(const PickleValue& id);
  PickleValue* called(const PickleValue& function, const PickleValue& arguments);
  PickleValue* tensor(const std::vector<PickleValue*>& arguments, bool has_type);
  PickleValue* dict_of_pairs(const std::vector<PickleValue*>& arguments);
  void append_copies(PickleValue* dict, const std::vector<PickleValue*>& pair);
  /// False at the end of the pickle.
  bool step();

  std::string where_;
  const char *begin_, *next_, *end_;
  std::deque<PickleValue> values_;
  std::vector<PickleValue*> stack_;
  std::vector<std::size_t> marks_;
  std::map<std::uint64_t, PickleValue*> memo_;
  std::uint64_t copied_ = 0;  // items that are in two containers
};

}  // namespace deneb::detail
