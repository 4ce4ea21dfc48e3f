#include "io/pickle.h"

#include <deneb/errors.h>

#include <algorithm>
#include <cstring>

namespace deneb::detail {
namespace {

bool begins_with(const std::string& text, const char* begin) { return text.rfind(begin, 0) == 0; }

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// Called by REDUCE: what builds tensors and containers.
constexpr const char* kFunctions[] = {
    "collections.OrderedDict",
    "collections.Counter",
    "builtins.set",
    "__builtin__.set",
    "torch.Size",
    "torch._utils._rebuild_tensor",
    "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_tensor_v3",
    "torch._utils._rebuild_parameter",
    "torch._utils._rebuild_parameter_with_state",
    "torch.jit._pickle.restore_type_tag",
    "torch.jit._pickle.build_boollist",
    "torch.jit._pickle.build_doublelist",
    "torch.jit._pickle.build_intlist",
    "torch.jit._pickle.build_tensorlist",
};
constexpr const char* kDtypes[] = {"torch.float64",   "torch.float32",       "torch.float16",
                                   "torch.bfloat16",  "torch.int64",         "torch.int32",
                                   "torch.int16",     "torch.int8",          "torch.uint8",
                                   "torch.bool",      "torch.uint16",        "torch.uint32",
                                   "torch.uint64",    "torch.float8_e4m3fn", "torch.float8_e5m2",
                                   "torch.complex64", "torch.complex128"};

// PyTorch's keys are numbers. Each use of one is a copy.
constexpr std::size_t kLongestKey = 256;

bool is_storage_type(const std::string& name) {
  if (name == "torch.storage.UntypedStorage") return true;
  for (const char* module : {"torch.", "torch.cuda."}) {
    if (begins_with(name, module) && ends_with(name, "Storage") &&
        name.find('.', std::strlen(module)) == std::string::npos) {
      return true;
    }
  }
  return false;
}

bool is_function(const std::string& name) {
  return std::any_of(std::begin(kFunctions), std::end(kFunctions),
                     [&](const char* known) { return name == known; });
}

bool is_known_global(const std::string& name) {
  return is_storage_type(name) || is_function(name) ||
         std::any_of(std::begin(kDtypes), std::end(kDtypes),
                     [&](const char* known) { return name == known; });
}

bool is_tensor_function(const std::string& name) {
  return begins_with(name, "torch._utils._rebuild_tensor");
}

}  // namespace

const PickleValue* PickleValue::find(const std::string& key) const {
  if (kind != Kind::kDict) return nullptr;
  const PickleValue* found = nullptr;  // the last one wins, as in Python
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    if (items[i]->kind == Kind::kText && items[i]->text == key) found = items[i + 1];
  }
  return found;
}

void PickleReader::fail(const std::string& what) const {
  throw DataError(where_ + ": its pickle " + what + " (byte " + std::to_string(position()) +
                  "); the file is damaged or no PyTorch file");
}

std::uint64_t PickleReader::number(int size) {
  if (end_ - next_ < size) fail("is cut");
  std::uint64_t value = 0;
  for (int i = size; i-- > 0;) value = value << 8 | static_cast<unsigned char>(next_[i]);
  next_ += size;
  return value;
}

std::string PickleReader::bytes(std::uint64_t size) {
  if (size > static_cast<std::uint64_t>(end_ - next_)) fail("is cut");
  std::string text(next_, size);
  next_ += size;
  return text;
}

std::string PickleReader::line() {
  const char* newline = std::find(next_, end_, '\n');
  if (newline == end_) fail("is cut");
  std::string text(next_, newline);
  next_ = newline + 1;
  return text;
}

PickleValue* PickleReader::make(Kind kind) {
  values_.emplace_back();
  values_.back().kind = kind;
  return &values_.back();
}

PickleValue* PickleReader::top() {
  if (stack_.empty() || (!marks_.empty() && marks_.back() >= stack_.size())) {
    fail("takes a value that is not there");
  }
  return stack_.back();
}

PickleValue* PickleReader::pop() {
  PickleValue* value = top();
  stack_.pop_back();
  return value;
}

std::vector<PickleValue*> PickleReader::pop_mark() {
  if (marks_.empty()) fail("takes a mark that is not there");
  const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
  std::vector<PickleValue*> items(first, stack_.end());
  stack_.erase(first, stack_.end());
  marks_.pop_back();
  return items;
}

void PickleReader::push_integer(std::int64_t value) {
  PickleValue* integer = make(Kind::kInteger);
  integer->integer = value;
  push(integer);
}

void PickleReader::push_text(std::uint64_t size) {
  std::string content = bytes(size);
  PickleValue* value = make(Kind::kText);
  value->text = std::move(content);
  push(value);
}

void PickleReader::push_long(std::uint64_t size) {
  std::string digits = bytes(size);
  PickleValue* value = make(Kind::kInteger);
  if (digits.size() > 8) {
    value->text = std::move(digits);
  } else if (!digits.empty()) {
    std::uint64_t bits = digits.back() & 0x80 ? ~std::uint64_t{0} : 0;
    for (std::size_t i = digits.size(); i-- > 0;) {
      bits = bits << 8 | static_cast<unsigned char>(digits[i]);
    }
    value->integer = static_cast<std::int64_t>(bits);
  }
  push(value);
}

void PickleReader::push_sequence(std::vector<PickleValue*> items) {
  PickleValue* sequence = make(Kind::kSequence);
  sequence->items = std::move(items);
  push(sequence);
}

void PickleReader::push_global(const std::string& module, const std::string& name) {
  const std::string global = module + "." + name;
  if (!is_known_global(global)) {
    throw DataError(where_ + ": holds an object of '" + global +
                    "', and only tensors and plain containers are read; save the weights alone, in "
                    "Python: torch.save(model.state_dict(), file)");
  }
  PickleValue* value = make(Kind::kGlobal);
  value->text = global;
  push(value);
}

void PickleReader::append(PickleValue* container, const std::vector<PickleValue*>& items,
                          bool is_dict) {
  if (container->kind != (is_dict ? Kind::kDict : Kind::kSequence)) {
    fail("puts values into what is no container");
  }
  if (is_dict && items.size() % 2 != 0) fail("has a key without a value");
  container->items.insert(container->items.end(), items.begin(), items.end());
}

PickleValue* PickleReader::recall(std::uint64_t key) {
  const auto found = memo_.find(key);
  if (found == memo_.end()) fail("recalls a value that it has not stored");
  return found->second;
}

// ("storage", type, key, location, elements); the form before the zip archive adds a view of the
// storage, which is None in all but the oldest files.
PickleValue* PickleReader::storage(const PickleValue& id) {
  const auto& items = id.items;
  const bool is_storage = id.kind == Kind::kSequence && items.size() >= 5 && items.size() <= 6 &&
                          items[0]->kind == Kind::kText && items[0]->text == "storage" &&
                          items[1]->kind == Kind::kGlobal && is_storage_type(items[1]->text) &&
                          items[2]->kind == Kind::kText && items[2]->text.size() <= kLongestKey &&
                          items[4]->kind == Kind::kInteger && items[4]->text.empty() &&
                          items[4]->integer >= 0 &&
                          (items.size() < 6 || items[5]->kind == Kind::kNone);
  if (!is_storage) fail("refers to something that is no storage of a tensor");
  PickleValue* value = make(Kind::kStorage);
  value->type = items[1]->text;
  value->text = items[2]->text;
  value->integer = items[4]->integer;
  return value;
}

// (storage, offset, sizes, strides, ...); the type is the seventh where it is not the storage's.
PickleValue* PickleReader::tensor(const std::vector<PickleValue*>& arguments, bool has_type) {
  const auto is_sequence = [&](std::size_t i) { return arguments[i]->kind == Kind::kSequence; };
  if (arguments.size() < (has_type ? 7 : 4) || arguments[0]->kind != Kind::kStorage ||
      arguments[1]->kind != Kind::kInteger || !arguments[1]->text.empty() || !is_sequence(2) ||
      !is_sequence(3) || (has_type && arguments[6]->kind != Kind::kGlobal)) {
    fail("has a tensor without storage, offset, sizes and strides");
  }
  PickleValue* value = make(Kind::kTensor);
  value->items = {arguments[0], arguments[2], arguments[3]};
  value->integer = arguments[1]->integer;
  if (has_type) value->type = arguments[6]->text;
  return value;
}

PickleValue* PickleReader::dict_of_pairs(const std::vector<PickleValue*>& arguments) {
  PickleValue* dict = make(Kind::kDict);
  if (arguments.empty()) return dict;
  if (arguments[0]->kind == Kind::kDict) return arguments[0];
  for (const PickleValue* pair : arguments[0]->items) {
    if (pair->kind != Kind::kSequence || pair->items.size() != 2) fail("has a damaged dictionary");
    append_copies(dict, pair->items);
  }
  return dict;
}

// Every pair of a list costs bytes, but a list may be recalled, for five bytes, again and again.
void PickleReader::append_copies(PickleValue* dict, const std::vector<PickleValue*>& pair) {
  copied_ += pair.size();
  if (copied_ > static_cast<std::uint64_t>(end_ - begin_)) fail("repeats its pairs too often");
  append(dict, pair, /*is_dict=*/true);
}

PickleValue* PickleReader::called(const PickleValue& function, const PickleValue& arguments) {
  if (function.kind != Kind::kGlobal || arguments.kind != Kind::kSequence) {
    fail("calls what is no function");
  }
  const std::string& name = function.text;
  if (name == "collections.OrderedDict" || name == "collections.Counter") {
    return dict_of_pairs(arguments.items);
  }
  if (is_tensor_function(name)) return tensor(arguments.items, name.back() == '3');
  if (!is_function(name) || arguments.items.empty()) {
    fail("calls " + name + " in an unknown way");
  }
  return arguments.items[0];  // the parameter's tensor, the list, the tagged value
}

bool PickleReader::step() {
  const auto opcode = static_cast<unsigned char>(number(1));
  switch (opcode) {
    case 0x80:  // PROTO
      if (number(1) > 5) fail("has an unknown protocol");
      return true;
    case 0x95:  // FRAME
      number(8);
      return true;
    case '.':
      return false;
    case '(':
      marks_.push_back(stack_.size());
      return true;
    case '0':
      pop();
      return true;
    case '1':
      pop_mark();
      return true;
    case 'N':
      push(make(Kind::kNone));
      return true;
    case 0x88:  // NEWTRUE
    case 0x89:  // NEWFALSE
      push(make(Kind::kBool));
      stack_.back()->integer = opcode == 0x88;
      return true;
    case 'J':
      push_integer(static_cast<std::int32_t>(number(4)));
      return true;
    case 'K':
      push_integer(static_cast<std::int64_t>(number(1)));
      return true;
    case 'M':
      push_integer(static_cast<std::int64_t>(number(2)));
      return true;
    case 0x8a:  // LONG1
      push_long(number(1));
      return true;
    case 0x8b:  // LONG4
      push_long(number(4));
      return true;
    case 'G': {  // big-endian
      std::string digits = bytes(8);
      std::reverse(digits.begin(), digits.end());
      push(make(Kind::kFloat));
      std::memcpy(&stack_.back()->number, digits.data(), 8);
      return true;
    }
    case 'X':
    case 'T':
    case 'B':
      push_text(number(4));
      return true;
    case 'U':
    case 'C':
    case 0x8c:  // SHORT_BINUNICODE
      push_text(number(1));
      return true;
    case 0x8d:  // BINUNICODE8
    case 0x8e:  // BINBYTES8
      push_text(number(8));
      return true;
    case ')':
    case ']':
    case 0x8f:  // EMPTY_SET
      push_sequence({});
      return true;
    case '}':
      push(make(Kind::kDict));
      return true;
    case 't':
    case 'l':
    case 0x91:  // FROZENSET
      push_sequence(pop_mark());
      return true;
    case 0x85:    // TUPLE1
    case 0x86:    // TUPLE2
    case 0x87: {  // TUPLE3
      std::vector<PickleValue*> items;
      for (int i = 0x84; i < opcode; ++i) items.push_back(pop());
      std::reverse(items.begin(), items.end());
      push_sequence(std::move(items));
      return true;
    }
    case 'a': {
      PickleValue* value = pop();
      append(top(), {value}, /*is_dict=*/false);
      return true;
    }
    case 's': {
      PickleValue* value = pop();
      PickleValue* key = pop();
      append(top(), {key, value}, /*is_dict=*/true);
      return true;
    }
    case 'e':
    case 'u':
    case 0x90: {  // ADDITEMS
      const std::vector<PickleValue*> items = pop_mark();
      append(top(), items, opcode == 'u');
      return true;
    }
    case 'd': {
      const std::vector<PickleValue*> items = pop_mark();
      push(make(Kind::kDict));
      append(top(), items, /*is_dict=*/true);
      return true;
    }
    case 'q':
      memo_[number(1)] = top();
      return true;
    case 'r':
      memo_[number(4)] = top();
      return true;
    case 0x94:  // MEMOIZE
      memo_[memo_.size()] = top();
      return true;
    case 'h':
      push(recall(number(1)));
      return true;
    case 'j':
      push(recall(number(4)));
      return true;
    case 'c': {
      const std::string module = line();
      push_global(module, line());
      return true;
    }
    case 0x93: {  // STACK_GLOBAL
      const PickleValue* name = pop();
      const PickleValue* module = pop();
      if (name->kind != Kind::kText || module->kind != Kind::kText) fail("names no global");
      push_global(module->text, name->text);
      return true;
    }
    case 'Q':
      push(storage(*pop()));
      return true;
    case 'R':
    case 0x81: {  // NEWOBJ
      const PickleValue* arguments = pop();
      const PickleValue* function = pop();
      push(called(*function, *arguments));
      return true;
    }
    case 'b':  // attributes, such as a state_dict's _metadata
      pop();
      top();
      return true;
    default: {
      static constexpr char kDigits[] = "0123456789abcdef";
      fail(std::string("has the unknown opcode 0x") + kDigits[opcode >> 4] + kDigits[opcode & 15]);
    }
  }
}

const PickleValue& PickleReader::read() {
  stack_.clear();
  marks_.clear();
  memo_.clear();
  while (step()) {
  }
  return *pop();
}

}  // namespace deneb::detail
