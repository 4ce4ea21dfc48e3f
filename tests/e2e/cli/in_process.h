#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include <deneb/io/files.h>
#include <deneb/pipeline/console.h>
#include <deneb/pipeline/pipeline.h>
#include <deneb/plugin/loader.h>

#include "scratch_folder.h"

namespace deneb {

/// What a run says.
class Listener final : public Console {
 public:
  void log(const std::string& level, const std::string& stage, const std::string& text) override {
    lines.push_back(level + " " + stage + ": " + text);
  }
  void print(const std::string& text) override { printed += text; }
  void progress(const std::string&, std::int64_t, std::int64_t, const std::string&) override {}

  /// Lines with this text.
  std::size_t count(const std::string& text) const {
    std::size_t found = 0;
    for (const std::string& line : lines) found += line.find(text) != std::string::npos;
    return found;
  }

  std::vector<std::string> lines;
  std::string printed;
};

/// Pipelines in this process, with all plugins of the build: far quicker than the program.
class InProcessTest : public ::testing::Test {
 protected:
  Pipeline load(std::vector<std::string> assignments) {
    assignments.push_back("general.task.local_base_path=" + folder_.path() + "/tasks");
    return load_pipeline(folder_.path() + "/p.json", assignments, {DENEB_PLUGIN_DIR}, registry_,
                         loader_);
  }
  void write_pipeline(const std::string& text) {
    write_file_atomically(folder_.path() + "/p.json", text);
  }
  std::string run(const std::string& task_id, std::vector<std::string> assignments,
                  Listener& console) {
    assignments.push_back("general.task.task_id=" + task_id);
    const Pipeline pipeline = load(assignments);
    run_pipeline(pipeline, pipeline.task_folder, registry_, loader_, console, {});
    return pipeline.task_folder;
  }

  InProcessTest() { register_core(registry_); }

  ScratchFolder folder_;
  Registry registry_;
  PluginLoader loader_{registry_};
};

}  // namespace deneb
