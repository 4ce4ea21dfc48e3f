#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <string>

#include <deneb/io/files.h>
#include <deneb/report/report.h>

#include "plugins/plugin_registry.h"
#include "plugins/reports/synthetic_task.h"

namespace deneb {

/// A task folder of its own for each test, and the two report plugins as shared objects. The
/// folder's name has characters that a careless page would trip over.
class ReportTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "/deneb_report_XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    task_ = root_ + "/<i>task<b> & \"1\"";
  }
  void TearDown() override {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }

  static const Registry& registry() {
    static const auto loaded = plugin_test::load({"tables", "html"});
    return *loaded;
  }

  /// Writes a report of what the store of the task holds; returns the path of its main file.
  std::string write(const std::string& report, const std::string& step = "",
                    const nlohmann::json& options = nlohmann::json::object(),
                    const nlohmann::ordered_json& config = synthetic::config()) {
    const TrialStore store(task_ + "/task.sqlite", TrialStore::Mode::kReadOnly);
    return plugin_test::make<Report>(registry(), report, options)
        ->write({store, task_, config}, step);
  }
  std::string output(const std::string& file) { return read_file(task_ + "/output/" + file); }

  std::string root_, task_;
};

}  // namespace deneb
