#include "pipeline/trial_identity.h"

#include <deneb/io/files.h>
#include <deneb/options/config.h>
#include <deneb/random.h>
#include <dlfcn.h>
#include <torch/types.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <sstream>

#include "io/sha256.h"

namespace deneb::detail {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

// Of a file its content, of a folder those of all files in it.
std::string content_hash(const std::string& path) {
  if (!fs::is_directory(path)) return sha256(read_file(path));
  std::vector<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(path)) {
    if (entry.is_regular_file()) files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  std::string text;
  for (const std::string& file : files) {
    text += fs::path(file).lexically_relative(path).string() + " " + sha256(read_file(file)) + "\n";
  }
  return sha256(text);
}

ordered_json section_json(SearchStepOptions options, const Registry& registry) {
  ordered_json section = write_options(walk(options));
  for (const char* key :
       {"pipe_step", "search_algorithm", "search_space", "limits", "cost_models"}) {
    section.erase(key);
  }
  section["data_loader"].erase("workers");
  SearchStepOptions fresh;
  visit_files(walk(fresh), section, "", registry,
              [](const std::string&, const FileRef&, std::string& text) {
                if (!text.empty() && fs::exists(text)) text = content_hash(text);
              });
  return section;
}

void collect_types(const ordered_json& json, std::set<std::string>& types) {
  if (json.is_object() && json.contains("type") && json["type"].is_string()) {
    types.insert(json["type"].get<std::string>());
  }
  if (json.is_structured()) {
    for (const auto& item : json) collect_types(item, types);
  }
}

std::string library_path() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&trial_identity), &info) == 0 || !info.dli_fname) {
    throw RunError("cache: the path of libdeneb is unknown; set general.cache to \"\"");
  }
  return info.dli_fname;
}

ordered_json code_json(const ordered_json& section, const Registry& registry,
                       const std::string& task_folder) {
  std::set<std::string> types, plugins;
  collect_types(section, types);
  for (const RegistryEntry* entry : registry.entries()) {
    if (types.count(entry->name)) plugins.insert(entry->plugin);
  }
  ordered_json code = {{"deneb", content_hash(library_path())}};
  for (const auto& plugin : ordered_json::parse(read_file(task_folder + "/plugins.json"))) {
    const auto name = plugin.at("name").get<std::string>();
    if (plugins.count(name)) code[name] = content_hash(plugin.at("path").get<std::string>());
  }
  return code;
}

std::string first_batch_hash(BatchStream& stream) {
  Batch batch;
  std::string text;
  if (!stream.next(batch)) return text;
  for (const auto& [name, tensor] : batch.tensors) {
    const torch::Tensor bytes = tensor.to(torch::kCPU).contiguous();
    text += name + ":";
    text.append(static_cast<const char*>(bytes.data_ptr()), bytes.nbytes());
  }
  return sha256(text);
}

ordered_json data_json(SectionParts& parts, Split split) {
  const DataLoader& data = parts.data();
  return {{"train", data.samples(Split::kTrain)},
          {"evaluated", data.samples(split)},
          {"train_batch", first_batch_hash(*data.train(derive_seed(0, "cache"), /*epoch=*/0))},
          {"evaluated_batch", first_batch_hash(*data.evaluate(split))}};
}

}  // namespace

std::string trial_identity(const SearchStepOptions& options, SectionParts& parts,
                           const Registry& registry, const std::string& task_folder, int threads) {
  const ordered_json section = section_json(options, registry);
  const ordered_json identity = {{"section", section},
                                 {"code", code_json(section, registry, task_folder)},
                                 {"data", data_json(parts, options.evaluation_split())},
                                 {"device", parts.device().str()},
                                 {"threads", threads}};
  return sha256(identity.dump());
}

}  // namespace deneb::detail
