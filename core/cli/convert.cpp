#include <deneb/io/weight_file.h>
#include <deneb/nn/load_state.h>
#include <deneb/quant/policy.h>

#include <algorithm>
#include <iostream>
#include <set>

#include "commands.h"
#include "text.h"

namespace deneb::cli {
namespace {

Arguments convert_arguments() {
  Arguments arguments(
      {"convert", "IN OUT.safetensors [options]",
       "Writes the tensors of IN as a safetensors file. IN is a PyTorch file (.pt, .pth, .bin) "
       "with\n"
       "a state_dict or a checkpoint that holds one, a safetensors file, an index of shards or a\n"
       "folder of Hugging Face. Nothing in it is executed. Names stay as they are but for "
       "--rename;\n"
       "types and values stay, but for 8-bit floats, which become float32, and unsigned numbers,\n"
       "which become wider ones.",
       "deneb convert resnet20.pth resnet20.safetensors\n"
       "deneb convert resnet20.pth resnet20.safetensors --rename module.=\n"
       "deneb convert checkpoint.pth net.safetensors --rename 'encoder.*.weight=layer*.weight'"});
  arguments.positionals(2, 2, {"IN", "OUT.safetensors"});
  arguments.values("rename", "FROM=TO",
                   "FROM is a prefix, or a pattern of the whole name with * on both sides; the "
                   "longest that fits a name counts");
  arguments.values("ignore", "GLOB", "leave out tensors with such names in IN");
  return arguments;
}

NameRules read_rules(const Arguments& arguments) {
  NameRules rules;
  for (const std::string& word : arguments.list("rename")) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) {
      throw ConfigError("--rename: got '" + word + "', expected FROM=TO");
    }
    if (!rules.rename.emplace(word.substr(0, equals), word.substr(equals + 1)).second) {
      throw ConfigError("--rename: '" + word.substr(0, equals) + "' is given twice");
    }
  }
  rules.ignore = arguments.list("ignore");
  check_name_rules(rules);
  return rules;
}

/// Every rule and glob must do something: they are written for this file.
void refuse_idle_rules(const TensorFile& file, const NameRules& rules, const std::string& path) {
  const auto any = [&](const auto& fits) {
    return std::any_of(file.tensors.begin(), file.tensors.end(),
                       [&](const auto& entry) { return fits(entry.first); });
  };
  for (const auto& rule : rules.rename) {
    if (any([&](const std::string& name) { return name_rule_fits(rule.first, name); })) continue;
    throw ConfigError("--rename: no tensor of " + path + " fits '" + rule.first +
                      "'; its first one is '" +
                      (file.tensors.empty() ? "" : file.tensors.front().first) + "'");
  }
  for (const std::string& glob : rules.ignore) {
    if (any([&](const std::string& name) { return glob_match(glob, name); })) continue;
    throw ConfigError("--ignore: no tensor of " + path + " fits '" + glob + "'");
  }
}

TensorFile converted(const TensorFile& in, const NameRules& rules, const std::string& path) {
  TensorFile out;
  out.metadata = in.metadata;
  out.metadata.emplace("format", "pt");  // readers in Python ask for it
  if (!rules.rename.empty()) {
    // What training steps note about the layers is about the old names.
    for (const char* key : {"deneb.network", "deneb.origin", "deneb.policy"}) {
      out.metadata.erase(key);
    }
  }
  std::set<std::string> names;
  for (const auto& [name, tensor] : in.tensors) {
    const std::string& raw = name;
    if (std::any_of(rules.ignore.begin(), rules.ignore.end(),
                    [&](const std::string& glob) { return glob_match(glob, raw); })) {
      continue;
    }
    if (const auto why = in.unreadable.find(name); why != in.unreadable.end()) {
      throw DataError(path + ": tensor '" + name + "' " + why->second +
                      "; `--ignore NAME` leaves it out");
    }
    out.tensors.emplace_back(renamed(name, rules.rename), tensor);
    if (!names.insert(out.tensors.back().first).second) {
      throw ConfigError("--rename: two tensors of " + path + " get the name '" +
                        out.tensors.back().first + "'");
    }
  }
  return out;
}

}  // namespace

int convert_command(const Words& words) {
  Arguments arguments = convert_arguments();
  if (!arguments.parse(words)) return kExitOk;
  const std::string &in = arguments.positionals()[0], &out = arguments.positionals()[1];
  const std::string ending = ".safetensors";
  if (out.size() <= ending.size() ||
      out.compare(out.size() - ending.size(), ending.size(), ending) != 0) {
    throw ConfigError("convert: got '" + out + "' for the output, expected a name that ends in " +
                      ending);
  }
  const NameRules rules = read_rules(arguments);
  const TensorFile file = read_weights(in);
  refuse_idle_rules(file, rules, in);
  const TensorFile result = converted(file, rules, in);
  write_safetensors(out, result);
  std::int64_t numbers = 0;
  for (const auto& entry : result.tensors) numbers += entry.second.numel();
  std::cout << out << ": " << grouped(static_cast<std::int64_t>(result.tensors.size()))
            << " tensors, " << grouped(numbers) << " numbers\n";
  return kExitOk;
}

}  // namespace deneb::cli
