#include <deneb/nn/load_state.h>

#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include <deneb/nn/layers.h>
#include <deneb/nn/walk.h>
#include <deneb/quant/policy.h>

#include "nn/state_names.h"

namespace deneb {
namespace {

using NamedTensors = Network::NamedTensors;
using TensorMap = std::map<std::string, torch::Tensor>;

constexpr std::size_t kMostListed = 10;

bool begins_with(const std::string& text, const std::string& begin) {
  return text.compare(0, begin.size(), begin) == 0;
}

bool matches_any(const std::vector<std::string>& globs, const std::string& name) {
  return std::any_of(globs.begin(), globs.end(),
                     [&](const std::string& glob) { return glob_match(glob, name); });
}

bool is_counter(const std::string& name) {
  const std::string counter = "num_batches_tracked";
  return name.size() >= counter.size() &&
         name.compare(name.size() - counter.size(), counter.size(), counter) == 0;
}

// What the stars of the pattern stand for; false when it does not fit. The pieces between stars are
// found from left to right, each as early as it can be, the last one at the end of the name.
bool capture(const std::string& pattern, const std::string& name,
             std::vector<std::string>* captures) {
  std::vector<std::string> pieces(1);
  for (const char c : pattern) {
    if (c == '*') {
      pieces.emplace_back();
    } else {
      pieces.back() += c;
    }
  }
  if (!begins_with(name, pieces.front())) return false;
  std::size_t at = pieces.front().size();
  for (std::size_t i = 1; i < pieces.size(); ++i) {
    const bool is_last = i + 1 == pieces.size();
    std::size_t found = std::string::npos;
    if (!is_last) {
      found = name.find(pieces[i], at);
    } else if (name.size() >= at + pieces[i].size()) {
      found = name.size() - pieces[i].size();
      if (name.compare(found, std::string::npos, pieces[i]) != 0) return false;
    }
    if (found == std::string::npos) return false;
    captures->push_back(name.substr(at, found - at));
    at = found + pieces[i].size();
  }
  return at == name.size();
}

std::string with_captures(const std::string& pattern, const std::vector<std::string>& captures) {
  std::string name;
  std::size_t used = 0;
  for (const char c : pattern) {
    if (c == '*') {
      name += captures.at(used++);
    } else {
      name += c;
    }
  }
  return name;
}

std::string listed(const std::vector<std::string>& items) {
  std::string text;
  for (std::size_t i = 0; i < std::min(items.size(), kMostListed); ++i) {
    text += (i ? ", " : "") + items[i];
  }
  if (items.size() > kMostListed) {
    text += " and " + std::to_string(items.size() - kMostListed) + " more";
  }
  return text;
}

std::string quoted(const std::string& name) { return "'" + name + "'"; }

// Wrappers of other libraries put their prefix before every name.
void strip_shared_prefixes(NamedTensors& tensors, const TensorMap& own) {
  const auto is_shared = [&](const std::string& prefix) {
    return std::all_of(tensors.begin(), tensors.end(),
                       [&](const auto& entry) { return begins_with(entry.first, prefix); }) &&
           std::none_of(own.begin(), own.end(),
                        [&](const auto& entry) { return begins_with(entry.first, prefix); });
  };
  for (bool changed = !tensors.empty(); changed;) {
    changed = false;
    for (const std::string prefix : {"module.", "_orig_mod.", "model.", "backbone."}) {
      if (!is_shared(prefix)) continue;
      for (auto& entry : tensors) entry.first.erase(0, prefix.size());
      changed = true;
    }
  }
}

void refuse_doubles(const NamedTensors& tensors, const std::string& where) {
  std::set<std::string> seen;
  for (const auto& entry : tensors) {
    if (seen.insert(entry.first).second) continue;
    throw DataError(where + ": two tensors get the name '" + entry.first +
                    "'; correct the option rename");
  }
}

// The file's tensors under the names of the network.
NamedTensors translated(const Network& network, NamedTensors tensors, const TensorMap& own,
                        const std::string& where, const NameRules& rules) {
  tensors.erase(
      std::remove_if(tensors.begin(), tensors.end(),
                     [&](const auto& entry) { return matches_any(rules.ignore, entry.first); }),
      tensors.end());
  strip_shared_prefixes(tensors, own);
  for (auto& entry : tensors) entry.first = renamed(entry.first, rules.rename);
  refuse_doubles(tensors, where);
  try {
    tensors = network.import_state(std::move(tensors));
  } catch (const DataError& e) {
    throw DataError(where + ": " + e.what());
  }
  refuse_doubles(tensors, where);
  return tensors;
}

// A norm that is folded for good does not look at its tensors any more.
void check_folding(const Network& network, const TensorMap& found, const std::string& where) {
  for (const auto& item : network.named_modules("", /*include_self=*/false)) {
    const auto* norm = dynamic_cast<const nn::BatchNorm2dImpl*>(item.value().get());
    if (!norm || norm->folding() != nn::BatchNorm2dImpl::Folding::kForGood) continue;
    const auto tensor_or_own = [&](const std::string& name, const torch::Tensor& own) {
      const auto it = found.find(name);
      return it == found.end() ? own : it->second;
    };
    const auto same = [&](const char* name, const torch::Tensor& own) {
      return torch::equal(tensor_or_own(item.key() + "." + name, own).to(own.options()), own);
    };
    if (same("weight", norm->weight) && same("running_mean", norm->running_mean) &&
        same("running_var", norm->running_var)) {
      continue;
    }
    throw DataError(where + ": batch norm '" + item.key() +
                    "' of the network is folded into its convolution, that of the file is not; "
                    "load the weights first and fold then");
  }
}

// What does not fit, for one message.
struct Misfits {
  std::vector<std::string> missing, left_over, shapes;

  void throw_if_any(const std::string& where) const {
    if (missing.empty() && left_over.empty() && shapes.empty()) return;
    std::string text = where + ": does not fit the network: ";
    const char* separator = "";
    const auto add = [&](const std::vector<std::string>& items, const char* what) {
      if (items.empty()) return;
      text += separator + std::to_string(items.size()) + " " + what + " (" + listed(items) + ")";
      separator = "; ";
    };
    add(missing, "missing");
    add(shapes, "of another shape");
    add(left_over, "left over");
    throw DataError(text +
                    "; the weights belong to another network or other options, or the options "
                    "rename (names of the file), fresh (own tensors that may be missing or differ) "
                    "and ignore (tensors of the file to leave out) can make them fit");
  }
};

bool is_whole(const torch::Tensor& tensor) {
  return at::isIntegralType(tensor.scalar_type(), /*includeBool=*/true);
}

// Numbers of the other kind would be taken without a word.
void check_type(const std::string& name, const torch::Tensor& own, const torch::Tensor& found,
                const std::string& where) {
  if (is_whole(own) == is_whole(found) && own.is_complex() == found.is_complex()) return;
  std::ostringstream text;
  text << where << ": tensor '" << name << "' holds " << c10::toString(found.scalar_type())
       << " numbers, the network needs " << c10::toString(own.scalar_type());
  if (is_whole(found)) text << "; quantized weights must be turned into floats first";
  throw DataError(text.str());
}

std::string shapes_text(const std::string& name, const torch::Tensor& found,
                        const torch::Tensor& own) {
  std::ostringstream text;
  text << quoted(name) << " has " << found.sizes() << ", the network needs " << own.sizes();
  return text.str();
}

TensorMap own_state(const Network& network) {
  TensorMap own;
  for (auto& [name, tensor] : state_of(network)) own[name] = tensor;
  return own;
}

// The tensors to copy, by own names.
TensorMap matched(const Network& network, const TensorMap& own, const TensorFile& file,
                  const std::string& where, const NameRules& rules, LoadReport& report) {
  TensorMap found;
  Misfits misfits;
  for (const auto& [name, tensor] : translated(network, file.tensors, own, where, rules)) {
    const auto it = own.find(name);
    report.quantized |= detail::is_quantizer_state(name);
    if (it == own.end()) {
      if (detail::is_quantizer_state(name)) {
        report.unused.push_back(name);
      } else if (!is_counter(name) && !matches_any(rules.ignore, name)) {
        misfits.left_over.push_back(quoted(name));
      }
    } else if (it->second.sizes() != tensor.sizes()) {
      if (matches_any(rules.fresh, name)) continue;
      misfits.shapes.push_back(shapes_text(name, tensor, it->second));
      found[name] = it->second;  // not missing as well
    } else {
      found[name] = tensor;
    }
  }
  for (const auto& entry : own) {
    const std::string& name = entry.first;
    if (found.count(name) || is_counter(name)) continue;
    if (detail::is_quantizer_state(name)) {
      report.missing.push_back(name);
    } else if (matches_any(rules.fresh, name)) {
      report.fresh.push_back(name);
    } else {
      misfits.missing.push_back(quoted(name));
    }
  }
  misfits.throw_if_any(where);
  for (auto it = found.begin(); it != found.end();) {
    const auto& [name, tensor] = *it;
    if (tensor.is_meta()) {
      std::vector<std::string> reasons;
      for (const auto& [stored, why] : file.unreadable)
        reasons.push_back(quoted(stored) + " " + why);
      throw DataError(where + ": tensor '" + name +
                      "' is needed and cannot be read: " + listed(reasons));
    }
    // Averages of weights have fractions there, too.
    if (is_counter(name) && !is_whole(tensor)) {
      it = found.erase(it);
      continue;
    }
    check_type(name, own.at(name), tensor, where);
    ++it;
  }
  check_folding(network, found, where);
  return found;
}

}  // namespace

void check_name_rules(const NameRules& rules) {
  for (const auto& [from, to] : rules.rename) {
    const auto stars = std::count(from.begin(), from.end(), '*');
    if (stars == std::count(to.begin(), to.end(), '*')) continue;
    throw ConfigError("rename: '" + from + "' has " + std::to_string(stars) + " `*`, '" + to +
                      "' has " + std::to_string(std::count(to.begin(), to.end(), '*')) +
                      "; each `*` of the new name stands for one of the old");
  }
}

bool name_rule_fits(const std::string& from, const std::string& name) {
  std::vector<std::string> captures;
  return from.find('*') == std::string::npos ? begins_with(name, from)
                                             : capture(from, name, &captures);
}

std::string renamed(const std::string& name, const std::map<std::string, std::string>& rename) {
  std::string result = name;
  std::size_t longest = 0;
  bool is_renamed = false;
  for (const auto& [from, to] : rename) {
    if (is_renamed && from.size() <= longest) continue;
    std::vector<std::string> captures;
    if (from.find('*') == std::string::npos) {
      if (!begins_with(name, from)) continue;
      result = to + name.substr(from.size());
    } else {
      if (!capture(from, name, &captures)) continue;
      result = with_captures(to, captures);
    }
    is_renamed = true;
    longest = from.size();
  }
  return result;
}

LoadReport load_state(Network& network, const TensorFile& file, const std::string& where,
                      const NameRules& rules) {
  torch::NoGradGuard no_grad;
  check_name_rules(rules);
  LoadReport report;
  TensorMap own = own_state(network);
  const TensorMap found = matched(network, own, file, where, rules, report);
  // Only now, so that an error leaves the network as it was.
  for (const auto& [name, tensor] : found) own[name].copy_(tensor);
  return report;
}

LoadReport load_state(Network& network, const NamedTensors& tensors, const std::string& where,
                      const NameRules& rules) {
  TensorFile file;
  file.tensors = tensors;
  return load_state(network, file, where, rules);
}

LoadReport check_state(Network& network, const TensorFile& file, const std::string& where,
                       const NameRules& rules) {
  torch::NoGradGuard no_grad;
  check_name_rules(rules);
  LoadReport report;
  matched(network, own_state(network), file, where, rules, report);
  return report;
}

}  // namespace deneb
