#include <deneb/io/files.h>
#include <deneb/options/options.h>
#include <deneb/plugin/plugin.h>
#include <deneb/report/comparison_report.h>
#include <deneb/report/report.h>

#include "comparison.h"
#include "page/comparison_page.h"
#include "page/page.h"
#include "task_data.h"

namespace {

struct HtmlOptions {
  int max_rows = 500;
  template <class V>
  void visit(V& v) {
    v("max_rows", max_rows, "rows of the table of a step; 0 = all", {0, 1e9});
  }
};

/// output/report.html: everything about the task on one page.
class HtmlReport final : public deneb::Report {
 public:
  using Options = HtmlOptions;
  explicit HtmlReport(const Options& options) : options_(options) {}

  std::string write(const deneb::ReportInput& input, const std::string& /*step*/) const override {
    deneb::reports::TaskData task;
    deneb::reports::read_task(input, static_cast<std::size_t>(options_.max_rows), task);
    const std::string path = input.task_folder + "/output/report.html";
    deneb::write_file_atomically(path, deneb::reports::page(task));
    return path;
  }

 private:
  Options options_;
};

/// stem.html: several tasks on one page.
class HtmlComparison final : public deneb::ComparisonReport {
 public:
  using Options = deneb::NoOptions;
  explicit HtmlComparison(const Options&) {}

  std::vector<std::string> write(const deneb::ComparisonInput& input,
                                 const std::string& stem) const override {
    const std::string path = stem + ".html";
    deneb::write_file_atomically(path,
                                 deneb::reports::comparison_page(deneb::reports::compare(input)));
    return {path};
  }
};

void register_all(deneb::Registrar& r) {
  r.add<deneb::Report, HtmlReport>("html", "one page with charts and tables, for a browser");
  r.add<deneb::ComparisonReport, HtmlComparison>("html", "tasks side by side on one page");
}

}  // namespace

DENEB_PLUGIN("html", "0.1.0", "Report as one HTML page", register_all);
