#include <deneb/data/data_path.h>
#include <deneb/io/files.h>
#include <deneb/options/options.h>
#include <deneb/plugin/plugin.h>
#include <deneb/report/report.h>

#include <filesystem>

#include "page.h"
#include "task_data.h"

namespace {

using deneb::reports::VegaFiles;

struct HtmlOptions {
  std::string charts = "auto";
  std::string data_path;
  int max_rows = 5000;
  template <class V>
  void visit(V& v) {
    v("charts", charts,
      "svg: drawn by Deneb; vega: by Vega-Lite, inlined; auto: Vega-Lite where it has been fetched",
      {"auto", "svg", "vega"});
    v("data_path", data_path,
      "folder with vega.min.js, vega-lite.min.js, vega-embed.min.js and LICENSES.txt; empty = "
      "where "
      "scripts/fetch_data.sh puts them");
    v("max_rows", max_rows, "rows of a trial table; 0 = all", {0, 1e9});
  }
};

/// The library's files; unset if one is missing and they are not `required`.
std::optional<VegaFiles> read_vega(const std::string& given, bool required) {
  const std::string folder = deneb::data_directory(given, "vega");
  VegaFiles files;
  const std::pair<const char*, std::string*> parts[] = {{"vega.min.js", &files.vega},
                                                        {"vega-lite.min.js", &files.vega_lite},
                                                        {"vega-embed.min.js", &files.vega_embed},
                                                        {"LICENSES.txt", &files.licenses}};
  for (const auto& [name, text] : parts) {
    const std::string path = folder + "/" + name;
    std::error_code error;
    if (!std::filesystem::is_regular_file(path, error)) {
      if (required) deneb::throw_missing_data(path, "vega");
      return std::nullopt;
    }
    *text = deneb::read_file(path);
  }
  return files;
}

/// output/report.html: everything about the task on one page.
class HtmlReport final : public deneb::Report {
 public:
  using Options = HtmlOptions;
  explicit HtmlReport(const Options& options) : options_(options) {}

  std::string write(const deneb::ReportInput& input, const std::string& /*step*/) const override {
    deneb::reports::TaskData task;
    deneb::reports::read_task(input, task);
    deneb::reports::PageOptions page;
    page.max_rows = static_cast<std::size_t>(options_.max_rows);
    if (options_.charts != "svg") {
      page.vega = read_vega(options_.data_path, options_.charts == "vega");
    }
    const std::string path = input.task_folder + "/output/report.html";
    deneb::write_file_atomically(path, deneb::reports::page(task, page));
    return path;
  }

 private:
  Options options_;
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::Report, HtmlReport>("html", "one page with charts and tables, for a browser");
}

}  // namespace

DENEB_PLUGIN("html", "0.1.0", "Report as one HTML page", register_all);
