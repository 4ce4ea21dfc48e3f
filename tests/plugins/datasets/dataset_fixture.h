#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <numeric>

#include <deneb/data/data_loader.h>
#include <deneb/data/data_path.h>
#include <deneb/io/files.h>

#include "plugins/plugin_registry.h"
#include "scratch_folder.h"

namespace dataset_test {

using deneb::Batch;
using deneb::DataError;
using deneb::DataPart;
using deneb::Dataset;
using torch::Tensor;

inline const deneb::Registry& registry() {
  static const auto loaded =
      plugin_test::load({"cifar10", "digits", "image_folder", "language_model_data", "mnist",
                         "synthetic", "text_table"});
  return *loaded;
}

inline std::shared_ptr<Dataset> make(const std::string& type,
                                     const nlohmann::json& options = nlohmann::json::object()) {
  return plugin_test::make<Dataset>(registry(), type, options);
}

inline std::shared_ptr<Dataset> open(const std::string& type,
                                     const nlohmann::json& options = nlohmann::json::object()) {
  auto dataset = make(type, options);
  dataset->open();
  return dataset;
}

/// The text of the DataError of open().
inline std::string open_error(const std::string& type, const nlohmann::json& options) {
  return text_of<DataError>([&] { open(type, options); });
}

inline Batch everything(const Dataset& dataset, DataPart part) {
  std::vector<std::int64_t> indices(static_cast<std::size_t>(dataset.size(part)));
  std::iota(indices.begin(), indices.end(), 0);
  return dataset.gather(part, indices);
}

inline std::vector<std::int64_t> numbers(const Tensor& tensor) {
  const Tensor flat = tensor.to(torch::kInt64).contiguous();
  return {flat.data_ptr<std::int64_t>(), flat.data_ptr<std::int64_t>() + flat.numel()};
}

inline std::vector<std::int64_t> class_counts(const Batch& batch) {
  return numbers(batch.target().bincount({}, 10));
}

}  // namespace dataset_test
